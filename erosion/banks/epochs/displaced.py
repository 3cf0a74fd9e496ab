"""Whether a mask lies off by a few pixels: its banks are measured with the masks before it and tested for a common shift.

The banks of a reach take a second where two masks are compared in milliseconds, so a mask is measured only where the
overlap with the masks near in time fits better displaced, too. On windows of the Mamoré that is one real mask in eight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from dask.delayed import delayed

from erosion.banks.as_of import baseline_on, observe_region
from erosion.banks.channel import ChannelError
from erosion.banks.epochs.common_shift import MIN_CHANGES, MIN_SHIFT_PIXELS, questioned
from erosion.banks.epochs.registration import Registration
from erosion.banks.epochs.river_image import RiverImage
from erosion.banks.measuring import measure_banks
from erosion.config.region import Region
from erosion.core.raster.grid import Grid

LEAST_RECORD: Final = MIN_CHANGES + 1
"""Fewest masks before a mask that it can be left out against: with fewer it is not known what is usual, and bends that all move
downstream look like a displaced image in every year."""

RECORD: Final = 9
"""Masks before a mask that its banks are measured with, the nearest in time: eight earlier changes say what is usual."""


@dataclass(frozen=True)
class Record:
    """Masks of a reach in order of time; two that give the same banks are equal.

    Attributes
    ----------
    region
        A region of one reach.
    grid
        Pixel grid of the masks.
    dates, images
        Date and river of each mask.
    """

    region: Region = field(compare=False)
    grid: Grid
    dates: tuple[pd.Timestamp, ...]
    images: tuple[RiverImage, ...]
    rules: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", repr((self.region.reach.upstream, self.region.segments)))


def fits_displaced(found: Registration) -> bool:
    """Return whether a river overlaps best with an earlier one where it is moved by half a pixel or more."""
    return float(np.hypot(found.placement.down, found.placement.right)) >= MIN_SHIFT_PIXELS


def displaced(record: Record) -> str | None:
    """Return how both banks of the last mask moved together; None where nothing shows that it is displaced.

    They have to have done so since the mask before it and, where there is one, since the mask before that, too: it may be the
    former of the two that is displaced, and was not found.

    Parameters
    ----------
    record
        The mask, and up to :data:`RECORD` before it.
    """
    reason = _moved(record)
    if reason is None or len(record.dates) < 3:
        return reason
    without = [*range(len(record.dates) - 2), -1]
    dates, images = (tuple(one[k] for k in without) for one in (record.dates, record.images))
    return reason if _moved(Record(record.region, record.grid, dates, images)) is not None else None


# A replay, a training and its evaluation judge the masks of a reach again for each of their dates.
@lru_cache(maxsize=512)
def _moved(record: Record) -> str | None:
    """Return how both banks moved together since the last mask but one."""
    water = _water(record)
    try:
        baseline = baseline_on(record.region, water, record.dates[-1])
    except ChannelError:  # without a centre line there are no banks to measure; a run of this mask says so
        return None
    return questioned(measure_banks(observe_region(record.region, water, baseline), baseline), baseline)


def _water(record: Record) -> xr.Dataset:
    """Return the rivers of a record as a water product, one chunk an epoch."""
    grid, dates = record.grid, pd.DatetimeIndex(record.dates)
    fractions = [
        da.from_delayed(delayed(image.fraction)(), shape=grid.shape, dtype=np.float32) for image in record.images
    ]
    return xr.Dataset(
        {"water_fraction": (("epoch", "y", "x"), da.stack(fractions))},
        coords={
            "epoch": dates,
            "y": grid.y,
            "x": grid.x,
            "available_at": ("epoch", dates.to_numpy()),
            "geo_rmse_m": ("epoch", np.zeros(dates.size)),  # the test has a scale of its own
            "scene_id": ("epoch", dates.strftime("%Y-%m-%d").to_numpy()),
            "accepted": ("epoch", np.zeros(dates.size, dtype=bool)),
        },
        attrs={"crs": grid.crs, "transform": tuple(grid.transform)[:6], "pixel_m": grid.pixel_m},
    )
