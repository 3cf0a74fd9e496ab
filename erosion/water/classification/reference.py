"""Water known before a pass is classified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class WaterReference:
    """The best water share so far, to which scenes are co-registered.

    Attributes
    ----------
    percent
        0 to 100, 255 where unknown, shape (rows, columns) of the corridor's grid.
    established
        True for a dry-season composite, false for what a few first passes gave.
    """

    percent: NDArray[np.uint8]
    established: bool
