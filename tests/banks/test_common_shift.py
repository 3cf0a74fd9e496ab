"""A displacement that both banks share is found on real rivers, and real erosion is not taken for one."""

from __future__ import annotations

from functools import lru_cache

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from erosion.banks.as_of import baseline_on, observe_region, valid_epochs
from erosion.banks.common_shift import CommonShift, common_shift, questioned
from erosion.banks.measuring import measure_banks
from erosion.banks.segments import Baseline
from erosion.config.region import Region, load_region
from erosion.water.masks.entry import RasterFolder
from erosion.water.masks.raster_folder import read_water
from tests.conftest import Reach


@lru_cache(maxsize=1)
def river() -> tuple[Region, xr.Dataset]:
    region = next(iter(load_region("mamore").by_reach()))
    source = region.sources[region.water[0]]
    assert isinstance(source, RasterFolder)
    return region, read_water(source, region, "2030-01-01")[0]


def last_pair(water: xr.Dataset, rows: int = 0, columns: int = 0, last: int = -1) -> xr.Dataset:
    """Two epochs that follow each other, the later one displaced by whole pixels."""
    two = water.isel(epoch=[last - 1, last])
    old, new = two["water_fraction"].data
    moved = np.roll(np.asarray(new.compute()), (rows, columns), axis=(0, 1))
    return two.assign(water_fraction=(two["water_fraction"].dims, da.stack([old, da.from_array(moved)])))


def measured(region: Region, two: xr.Dataset) -> tuple[xr.Dataset, Baseline]:
    baseline = baseline_on(region, two, pd.Timestamp("2030-01-01"))
    return measure_banks(observe_region(region, two, baseline), baseline), baseline


@pytest.mark.parametrize(("rows", "columns"), [(0, 1), (0, -1), (1, 0), (-1, 0)])
def test_a_newest_mask_displaced_by_one_pixel_is_questioned(rows: int, columns: int) -> None:
    region, water = river()
    banks, baseline = measured(region, last_pair(water, rows, columns))
    shift = common_shift(banks, baseline)
    assert isinstance(shift, CommonShift)
    expected = (columns * region.pixel_m, -rows * region.pixel_m)
    assert (shift.east_m, shift.north_m) == pytest.approx(expected, abs=0.4 * region.pixel_m)
    reason = questioned(banks, baseline, region.pixel_m)
    way = {(0, 1): "east", (0, -1): "west", (1, 0): "south", (-1, 0): "north"}[rows, columns]
    assert reason is not None and f"m {way}" in reason and baseline.version in reason


@pytest.mark.parametrize("last", [-1, -3, -6, -10])
def test_the_real_masks_of_two_years_are_not_questioned(last: int) -> None:
    region, water = river()
    assert questioned(*measured(region, last_pair(water, last=last)), region.pixel_m) is None


def test_a_short_reach_is_not_questioned(reach: Reach) -> None:
    region = next(iter(reach.region.by_reach()))
    water = valid_epochs(reach.water)[0]
    reasons = [questioned(*measured(region, last_pair(water, last=i)), region.pixel_m) for i in range(1, 27)]
    assert reasons == [None] * 26


def test_a_single_observation_has_no_displacement(reach: Reach) -> None:
    region = next(iter(reach.region.by_reach()))
    assert questioned(*measured(region, reach.water.isel(epoch=[-1])), region.pixel_m) is None
