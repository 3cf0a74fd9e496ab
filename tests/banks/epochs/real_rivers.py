"""The masks of real rivers, and what can happen to one."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage

from erosion.banks.as_of import grid_of
from erosion.banks.epochs.valid import valid_epochs
from erosion.config.region import load_region
from erosion.core.errors import Skipped
from erosion.gauges.combine import empty_gauges
from erosion.water.read import read_water
from tests.rivers import Mask, make_region

Change = Callable[[Mask], Mask]


@lru_cache(maxsize=2)
def masks_of(name: str) -> xr.Dataset:
    """All masks of a region of one reach that are valid."""
    region = next(iter(load_region(name).by_reach()))
    return valid_epochs(region, read_water(region, pd.Timestamp("2100-01-01"), empty_gauges())[0])[0]


def judged(water: xr.Dataset) -> tuple[xr.Dataset, list[Skipped]]:
    """Valid epochs of the region that the water names, of a made one where it names none."""
    name = water.attrs.get("region")
    region = make_region(grid=grid_of(water)) if name is None else next(iter(load_region(name).by_reach()))
    return valid_epochs(region, water)


def with_newest(water: xr.Dataset, last: int, change: Change, earlier: int | None = None) -> xr.Dataset:
    """Masks up to one, that one changed; ``earlier`` of them before it, None for all."""
    last = last % water.sizes["epoch"]
    first = 0 if earlier is None else max(last - earlier, 0)
    some = water.isel(epoch=slice(first, last + 1))
    *old, new = some["water_fraction"].data
    newest = da.from_array(change(np.asarray(new.compute()) >= 0.5).astype(np.float32))
    return some.assign(water_fraction=(some["water_fraction"].dims, da.stack([*old, newest])))


def shifted(down: int, right: int) -> Change:
    """What leaves the image is gone, and land comes in."""

    def change(mask: Mask) -> Mask:
        moved = np.zeros_like(mask)
        height, width = mask.shape
        moved[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = mask[
            max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
        ]
        return moved

    return change


def turned(degrees: float) -> Change:
    """Turned clockwise about the middle of the image."""
    return lambda mask: ndimage.rotate(mask.astype(np.float32), -degrees, reshape=False, order=1) >= 0.5


MISPLACED: Final[dict[str, tuple[Change, str]]] = {
    "300 m east": (shifted(0, 10), "m east"),
    "300 m south-west": (shifted(7, -7), "m west and "),
    "1 km south": (shifted(33, 0), "m south"),
    "mirrored": (lambda mask: mask[:, ::-1], "mirrored (east and west exchanged)"),
    "upside down": (lambda mask: mask[::-1], "upside down (north and south exchanged)"),
    "half a turn": (lambda mask: mask[::-1, ::-1], "turned by 180.0°"),
    "1 degree": (turned(1.0), "turned by 1.0° clockwise"),
    "2 degrees back": (turned(-2.0), "turned by 2.0° anticlockwise"),
    "3 degrees": (turned(3.0), "turned by 3.0° clockwise"),
    "a quarter turn": (turned(90.0), "coincide"),
}
"""Name of a fault -> what it does to a mask, and what the reason says of it."""
