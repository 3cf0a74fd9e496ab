"""A displacement that both banks share is found on real and on made rivers, and real erosion is not taken for one."""

from __future__ import annotations

from functools import lru_cache

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from erosion.banks.as_of import baseline_on, observe_region
from erosion.banks.epochs.common_shift import CommonShift, common_shift, questioned
from erosion.banks.epochs.valid import valid_epochs
from erosion.banks.measuring import measure_banks
from erosion.banks.segments import Baseline
from erosion.config.region import Region, load_region
from erosion.core.contracts import FLAGS
from erosion.water.masks.entry import RasterFolder
from erosion.water.masks.raster_folder import read_water
from tests.banks.shapes import moving
from tests.conftest import Reach
from tests.rivers import PIXEL, Mask, measure, sine_river, straight_river

RECORD = 10
"""Earlier masks that a reach is measured on, beside the newest one."""

EIGHT = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)]
"""One pixel south and east, in every direction."""


@lru_cache(maxsize=1)
def river() -> tuple[Region, xr.Dataset]:
    region = next(iter(load_region("mamore").by_reach()))
    source = region.sources[region.water[0]]
    assert isinstance(source, RasterFolder)
    return region, read_water(source, region, "2030-01-01")[0]


def displaced(water: xr.Dataset, rows: int = 0, columns: int = 0, last: int = -1, earlier: int = 1) -> xr.Dataset:
    """Epochs that follow each other, the newest one displaced by whole pixels."""
    last = last % water.sizes["epoch"]
    some = water.isel(epoch=slice(max(last - earlier, 0), last + 1))
    *old, new = some["water_fraction"].data
    moved = np.roll(np.asarray(new.compute()), (rows, columns), axis=(0, 1))
    return some.assign(water_fraction=(some["water_fraction"].dims, da.stack([*old, da.from_array(moved)])))


def measured(region: Region, water: xr.Dataset) -> tuple[xr.Dataset, Baseline]:
    baseline = baseline_on(region, water, pd.Timestamp("2030-01-01"))
    return measure_banks(observe_region(region, water, baseline), baseline), baseline


@pytest.mark.parametrize(("rows", "columns"), [(0, 1), (0, -1), (1, 0), (-1, 0)])
def test_a_newest_mask_displaced_by_one_pixel_is_questioned(rows: int, columns: int) -> None:
    region, water = river()
    banks, baseline = measured(region, displaced(water, rows, columns))
    shift = common_shift(banks, baseline)
    assert isinstance(shift, CommonShift)
    expected = (columns * region.pixel_m, -rows * region.pixel_m)
    assert (shift.east_m, shift.north_m) == pytest.approx(expected, abs=0.4 * region.pixel_m)
    reason = questioned(banks, baseline)
    way = {(0, 1): "east", (0, -1): "west", (1, 0): "south", (-1, 0): "north"}[rows, columns]
    assert reason is not None and f"30 m {way}" in reason and "since 2017-07-21" in reason


@pytest.mark.parametrize("last", [-1, -3, -6, -10])
def test_the_real_masks_of_two_years_are_not_questioned(last: int) -> None:
    region, water = river()
    assert questioned(*measured(region, displaced(water, last=last))) is None


def test_a_short_reach_is_not_questioned(reach: Reach) -> None:
    region = next(iter(reach.region.by_reach()))
    water = valid_epochs(region, reach.water)[0]
    reasons = [questioned(*measured(region, displaced(water, last=i))) for i in range(1, 27)]
    assert reasons == [None] * 26


@pytest.mark.parametrize("last", [10, 15, 20, 25, 30])
def test_a_short_reach_with_its_record_is_not_questioned(reach: Reach, last: int) -> None:
    region = next(iter(reach.region.by_reach()))
    assert questioned(*measured(region, displaced(reach.water, last=last, earlier=RECORD))) is None


@pytest.mark.parametrize(("rows", "columns"), EIGHT)
def test_one_pixel_is_found_on_a_short_reach_by_its_record(reach: Reach, rows: int, columns: int) -> None:
    region = next(iter(reach.region.by_reach()))
    banks, baseline = measured(region, displaced(reach.water, rows, columns, earlier=RECORD))
    shift = common_shift(banks, baseline)
    assert shift is not None
    expected = (columns * region.pixel_m, -rows * region.pixel_m)
    assert (shift.east_m, shift.north_m) == pytest.approx(expected, abs=0.4 * region.pixel_m)
    assert questioned(banks, baseline) is not None


def test_a_single_observation_has_no_displacement(reach: Reach) -> None:
    region = next(iter(reach.region.by_reach()))
    banks, baseline = measured(region, reach.water.isel(epoch=[-1]))
    assert common_shift(banks, baseline) is None and questioned(banks, baseline) is None


@pytest.mark.parametrize(("rows", "columns"), EIGHT)
def test_a_made_river_displaced_by_one_pixel_is_questioned(rows: int, columns: int) -> None:
    still = sine_river()
    _, baseline, banks = parts([still, np.roll(still, (rows, columns), axis=(0, 1))])
    shift = common_shift(banks, baseline)
    assert shift is not None
    assert (shift.east_m, shift.north_m) == pytest.approx((columns * PIXEL, -rows * PIXEL), abs=0.3 * PIXEL)
    assert questioned(banks, baseline) is not None


def test_bends_that_grow_every_year_are_not_questioned() -> None:
    years = [sine_river(amplitude=30 + k) for k in range(8)]
    _, baseline, banks = parts(years)
    assert float(np.nanmax(banks["retreat_m"].isel(epoch=-1))) > 0.8 * PIXEL  # a pixel a year at the apex
    assert questioned(banks, baseline) is None
    _, baseline, banks = parts([*years[:-1], np.roll(years[-1], 1, axis=1)])
    assert questioned(banks, baseline) is not None


def test_a_river_that_only_rises_has_no_displacement() -> None:
    _, baseline, banks = parts([sine_river(width=8.0), sine_river(width=10.0)])
    shift = common_shift(banks, baseline)
    assert shift is not None and np.hypot(shift.east_m, shift.north_m) <= 0.25 * PIXEL
    assert questioned(banks, baseline) is None


def test_along_a_straight_river_no_displacement_is_made_up() -> None:
    _, baseline, banks = parts([straight_river(96, 104), straight_river(97, 105)])
    shift = common_shift(banks, baseline)
    assert shift is not None and (shift.east_m, shift.north_m) == pytest.approx((0, -PIXEL), abs=0.25 * PIXEL)


def parts(images: list[Mask]) -> tuple[object, Baseline, xr.Dataset]:
    found = measure(images)
    return found.states, found.baseline, found.banks


def test_the_misfit_of_every_segment_is_removed_by_the_displacement_that_moved_it() -> None:
    _, baseline, banks = parts(moving()[:2])
    angle = np.deg2rad(baseline.segments["landward_deg"].to_numpy())
    # Two pixels east, and a stage that took 5 m more on either bank.
    change = 2 * PIXEL * np.sin(angle) + 5.0
    offset = np.column_stack([-change, np.zeros(len(change))])
    made = banks.assign(
        offset_m=(("segment_id", "epoch"), offset), flags=banks["flags"].copy(data=np.zeros(offset.shape, np.int16))
    )
    shift = common_shift(made, baseline)
    assert shift is not None and (shift.east_m, shift.north_m) == pytest.approx((2 * PIXEL, 0))
    assert shift.segments == pytest.approx(len(change))
    assert shift.bank_m == pytest.approx(baseline.segments["length_m"].sum())

    hidden = np.zeros(offset.shape, np.int16)
    hidden[::2, -1] = FLAGS["low_coverage"]
    half = common_shift(made.assign(flags=(("segment_id", "epoch"), hidden)), baseline)
    assert half is not None and half.segments == pytest.approx(len(change) // 2, abs=1)
    none = made.assign(flags=made["flags"].copy(data=np.full(offset.shape, FLAGS["low_coverage"], np.int16)))
    assert common_shift(none, baseline) is None
