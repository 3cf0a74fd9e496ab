"""Real masks are used, misplaced, repeated and foreign ones are not, and what comes later changes no decision."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.banks.epochs.valid import newer_and_older
from erosion.config.region import load_region
from erosion.gauges.combine import empty_gauges
from erosion.water.read import read_water
from tests.banks.epochs.real_rivers import MISPLACED, Change, judged, masks_of, shifted, with_newest
from tests.rivers import SHAPE, Mask, make_water, sine_river, straight_river

LAST = (-1, -9, 14, 3)
"""Masks that are spoilt: the newest of all, and of records of other lengths."""


YEARS = [sine_river(width=4, amplitude=30 + year, wavelength=70) for year in range(7)]
"""A made river of some 90 widths whose bends grow by a pixel a year."""


def reason_of(water: xr.Dataset) -> str:
    """Why the newest mask, and no other, is left out."""
    valid, left_out = judged(water)
    assert len(left_out) == 1 and valid.sizes["epoch"] == water.sizes["epoch"] - 1
    assert newer_and_older(water, valid, left_out) == (left_out, [])
    assert left_out[0].scene == str(water["scene_id"].to_numpy()[-1]) and not left_out[0].usual
    return left_out[0].reason


@pytest.mark.parametrize(("name", "left_out"), [("mamore", []), ("athabasca", ["2005", "2009"])])
def test_every_real_mask_is_used_on_every_date(name: str, left_out: list[str]) -> None:
    """Stripes and a lost mask of the Athabasca apart, which are in pieces."""
    region = next(iter(load_region(name).by_reach()))
    water, _ = read_water(region, pd.Timestamp("2100-01-01"), empty_gauges())
    broken = [epoch for epoch in water["epoch"].to_numpy() if str(epoch)[:4] in left_out]
    for last in (1, 2, 3, 8, 17, 23, water.sizes["epoch"]):
        known = water.isel(epoch=slice(0, last))
        valid, skipped = judged(known)
        there = [epoch for epoch in broken if epoch in known["epoch"].to_numpy()]
        assert len(skipped) == len(there) and not set(there) & set(valid["epoch"].to_numpy())
        assert all("in pieces" in item.reason for item in skipped)


@pytest.mark.parametrize("step", [2, 3, 5, 10])
@pytest.mark.parametrize("name", ["mamore", "athabasca"])
def test_real_masks_years_apart_are_used(name: str, step: int) -> None:
    water = masks_of(name)
    for first in range(0, step, 3):
        assert judged(water.isel(epoch=slice(first, None, step)))[1] == []


def test_two_masks_of_the_mamore_a_generation_apart_are_both_masks_of_it() -> None:
    water = masks_of("mamore").isel(epoch=[0, -1])
    assert judged(water)[1] == []


@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("fault", MISPLACED)
@pytest.mark.parametrize("name", ["mamore", "athabasca"])
def test_a_misplaced_mask_is_left_out_and_the_reason_says_how_it_lies(name: str, fault: str, last: int) -> None:
    change, words = MISPLACED[fault]
    assert words in reason_of(with_newest(masks_of(name), last, change, earlier=5))


def test_the_measured_shift_is_that_of_the_mask() -> None:
    reason = reason_of(with_newest(masks_of("athabasca"), -1, shifted(20, -10), earlier=4))
    east, north = -300, -600
    found = [float(word) for word in reason.replace(",", "").split() if word.isdigit()][:2]
    assert found == pytest.approx([abs(east), abs(north)], abs=15)
    assert "m west and" in reason and "m south against" in reason


@pytest.mark.parametrize("last", [*LAST, -2, -3, -4, -5])
@pytest.mark.parametrize(("down", "right"), [(0, 3), (-3, 0), (2, 2)])
@pytest.mark.parametrize("name", ["mamore", "athabasca"])
def test_a_few_pixels_are_enough_on_a_long_reach(name: str, down: int, right: int, last: int) -> None:
    assert "put back" in reason_of(with_newest(masks_of(name), last, shifted(down, right), earlier=5))


@pytest.mark.parametrize(("down", "right"), [(0, 1), (1, 0), (0, -1), (-1, 0)])
def test_one_pixel_is_enough_on_a_quiet_river(down: int, right: int) -> None:
    for last in range(1, 34, 4):
        assert "put back" in reason_of(with_newest(masks_of("athabasca"), last, shifted(down, right), earlier=5))


@pytest.mark.parametrize(("name", "old", "new"), [("mamore", 16, -2), ("mamore", 0, -1), ("athabasca", 10, -1)])
def test_an_image_under_two_dates_is_left_out_the_second_time(name: str, old: int, new: int) -> None:
    water = masks_of(name)
    image = water["water_fraction"][old].to_numpy() >= 0.5
    reason = reason_of(with_newest(water, new, lambda _: image))
    assert f"{water['epoch'].to_numpy()[old]:.10}" in reason and "under two dates" in reason


def test_an_image_older_than_the_record_is_left_out() -> None:
    """The mask of 1996 comes as that of 2010, to a record that begins in 1997."""
    water = masks_of("mamore")
    image = water["water_fraction"][9].to_numpy() >= 0.5
    reason = reason_of(with_newest(water.isel(epoch=slice(10, None)), 13, lambda _: image))
    assert "an older image under a new date" in reason and f"{water['epoch'].to_numpy()[10]:.10}" in reason


@pytest.mark.parametrize("name", ["mamore", "athabasca"])
def test_another_river_is_left_out(name: str) -> None:
    water = masks_of(name)
    other = masks_of("athabasca" if name == "mamore" else "mamore")["water_fraction"][-1].to_numpy() >= 0.5

    def change(mask: Mask) -> Mask:
        foreign = np.zeros_like(mask)
        part = other[-mask.shape[0] :, -mask.shape[1] :]
        foreign[: part.shape[0], : part.shape[1]] = part
        return foreign

    assert "another river" in reason_of(with_newest(water, -1, change, earlier=5))


@pytest.mark.parametrize("value", [False, True])
def test_an_empty_and_a_full_mask_are_left_out(value: bool) -> None:
    assert reason_of(with_newest(masks_of("athabasca"), -1, lambda mask: np.full_like(mask, value), earlier=5))


def test_a_river_that_grows_to_nearly_twice_its_width_is_the_same_river() -> None:
    wide = sine_river(width=7.5, amplitude=31, wavelength=70)
    assert judged(make_water([YEARS[0], YEARS[1], wide]))[1] == []
    assert judged(make_water([YEARS[0], YEARS[1], shifted(1, 0)(wide)]))[1] == []


def test_masks_that_show_other_parts_of_a_river_are_compared_where_both_saw_it() -> None:
    west, east = np.indices(SHAPE)[1] < 220, np.indices(SHAPE)[1] >= 80
    first, second = YEARS[0], YEARS[1]
    images = [np.where(west, first, np.nan), np.where(east, second, np.nan)]
    assert judged(make_water(images))[1] == []
    images[1] = np.where(east, shifted(0, 10)(second), np.nan)
    assert "m east" in judged(make_water(images))[1][0].reason


def test_a_good_mask_after_a_poor_one_is_used() -> None:
    """One that is off by less than is found does not make those after it look displaced."""
    water = masks_of("athabasca").isel(epoch=slice(0, 8))
    images = water["water_fraction"].to_numpy() >= 0.5
    half = (images[6] | shifted(0, 1)(images[6])).astype(np.float32)  # a bank moved by a pixel
    images = [*images[:6].astype(np.float32), half, images[7].astype(np.float32)]
    made = water.assign(water_fraction=(water["water_fraction"].dims, np.stack(images)))
    assert judged(made)[1] == []


CHANGES: list[Change] = [
    lambda mask: mask,
    shifted(0, 6),
    lambda mask: mask[::-1],
    lambda mask: mask[:, ::-1],
    np.zeros_like,
    np.ones_like,
]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(range(len(CHANGES))), min_size=2, max_size=7), st.data())
def test_later_masks_change_no_earlier_decision(faults: list[int], data: st.DataObject) -> None:
    images = [CHANGES[k](YEARS[year]) for year, k in enumerate(faults)]
    water = make_water(images).assign_coords(scene_id=("epoch", [f"{k}.tif" for k in range(len(images))]))
    # Some come long after their date.
    late = data.draw(st.lists(st.integers(0, 4), min_size=len(images), max_size=len(images)))
    water["available_at"] = water["available_at"] + np.array(late) * np.timedelta64(400, "D")
    _, left_out = judged(water)
    for as_of in np.unique(water["available_at"].to_numpy()):
        known = water.isel(epoch=np.flatnonzero(water["available_at"].to_numpy() <= as_of))
        then = judged(known)[1]
        assert then == [item for item in left_out if item.scene in known["scene_id"].to_numpy()]


def test_a_mask_that_comes_late_is_compared_with_those_of_its_time() -> None:
    images = YEARS[:6]
    water = make_water(images).assign_coords(scene_id=("epoch", [f"{k}.tif" for k in range(6)]))
    water["available_at"][1] = water["available_at"][-1] + np.timedelta64(100, "D")
    assert judged(water)[1] == []


def test_a_straight_canal_tells_nothing_of_shifts_along_it() -> None:
    """Only across: no displacement along the banks is made up."""
    images = [straight_river(96, 104), straight_river(96, 105), straight_river(97, 105)]
    assert judged(make_water(images))[1] == []
