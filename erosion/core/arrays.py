"""Types and values of arrays that several packages name."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MAD_TO_SIGMA: Final = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation (Rousseeuw and Croux 1993)."""

UNOBSERVED: Final = np.uint8(255)
"""Value of a pixel that was not observed, in arrays of uint8 percent or half percent (at most 200)."""

NEVER: Final = np.iinfo(np.int64).max
"""Instant [ns since 1970] later than every date, in arrays of int64 instants."""
