"""Windows of a raster with a rim, and masks grown by a distance."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter1d

from erosion.core.arrays import BoolArray

Window = tuple[slice, slice]


def padded(window: Window, rim: int, shape: tuple[int, int]) -> tuple[Window, Window]:
    """Return a window widened by a rim within the raster, and the place of the window in the wider one."""
    outer, inner = [], []
    for part, length in zip(window, shape, strict=True):
        start, stop = max(part.start - rim, 0), min(part.stop + rim, length)
        outer.append(slice(start, stop))
        inner.append(slice(part.start - start, part.stop - start))
    return (outer[0], outer[1]), (inner[0], inner[1])


def spread(mask: BoolArray, radius: int) -> BoolArray:
    """Return a mask widened by a square of ``radius`` pixels to each side."""
    if radius <= 0 or not mask.any():
        return mask
    wide = mask.view(np.uint8)
    for axis in (0, 1):
        wide = maximum_filter1d(wide, 2 * radius + 1, axis=axis, mode="constant")
    return wide.view(np.bool_)


def spread_round(mask: BoolArray, radius: float) -> BoolArray:
    """Return a mask widened by a disc of ``radius`` pixels."""
    if radius <= 0 or not mask.any() or mask.all():
        return mask
    wide: BoolArray = distance_transform_edt(~mask) <= radius
    return wide


def pixels(metres: float, pixel_m: float) -> int:
    """Return the whole pixels that cover a length."""
    return max(1, math.ceil(metres / pixel_m - 1e-6))
