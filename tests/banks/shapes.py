"""Shapes drawn on the images of :mod:`tests.rivers`, and what the tests of measuring read from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from erosion.banks.segments import near_reach_end
from tests.rivers import PIXEL, SHAPE, Mask, Measured, sine_river

AREA = PIXEL**2
ROWS, COLUMNS = np.indices(SHAPE)
SUMS = ("land_loss_m2", "land_gain_m2")


def disc(row: float, column: float, radius: float) -> Mask:
    return np.hypot(ROWS - row, COLUMNS - column) <= radius


def box(top: int, bottom: int, left: int, right: int) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[max(top, 0) : bottom, max(left, 0) : right] = True
    return mask


def away_from_ends(measured: Measured) -> NDArray[np.bool_]:
    return ~near_reach_end(measured.baseline)


def moving() -> list[Mask]:
    return [sine_river(amplitude=35 + k) for k in range(3)]
