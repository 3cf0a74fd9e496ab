"""A mask that lies off by a few pixels is left out by its banks, once and for all, and real masks of any record are not."""

from __future__ import annotations

from functools import lru_cache

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from erosion.banks.epochs.displaced import Record, displaced, fits_displaced
from erosion.banks.epochs.registration import Placement, Registration
from erosion.banks.epochs.river_image import river_image
from erosion.banks.epochs.valid import valid_epochs
from erosion.core.errors import Skipped
from tests.banks.epochs.real_rivers import Change, judged, masks_of, shifted
from tests.conftest import Reach
from tests.rivers import make_grid, make_region, make_water, sine_river

DISPLACED = [(0, 1), (-1, 0), (1, 1), (2, 0), (0, -3)]
"""Pixels down and right."""

ROWS = 800
"""Window of the Mamoré: 24 km of valley."""


@lru_cache(maxsize=1)
def loaded() -> xr.Dataset:
    return masks_of("mamore").compute()


def window(top: int) -> xr.Dataset:
    water = loaded().isel(y=slice(top, top + ROWS))
    place = list(water.attrs["transform"])
    place[5] += place[4] * top
    return water.assign_attrs(transform=tuple(place))


def changed(water: xr.Dataset, at: int, change: Change) -> xr.Dataset:
    """The masks, one of them changed."""
    fraction = water["water_fraction"].data
    images = [da.asarray(fraction[k]) for k in range(len(fraction))]
    images[at] = da.from_array(change(np.asarray(images[at].compute()) >= 0.5).astype(np.float32))
    return water.assign(water_fraction=(water["water_fraction"].dims, da.stack(images)))


@pytest.mark.parametrize(("down", "right"), DISPLACED)
def test_a_mask_off_by_a_pixel_is_left_out_whenever_it_is_judged(reach: Reach, down: int, right: int) -> None:
    """The overlap of the two rivers says nothing of most of these; on the date of the mask, and among all later ones, it is out."""
    (region,) = reach.region.by_reach()
    at = 20
    water = changed(reach.water, at, shifted(down, right))
    _, everything = valid_epochs(region, water)
    _, then = valid_epochs(region, water.isel(epoch=slice(0, at + 1)))
    assert everything == then and [item.scene for item in then] == [str(water["scene_id"].to_numpy()[at])]
    (item,) = then
    assert (
        not item.usual and "; if the mask is right, name it under 'accepted_files' in mamore_masks.yaml" in item.reason
    )
    if abs(down) + abs(right) == 1:
        way = {(0, 1): "east", (-1, 0): "north"}[down, right]
        assert "most of both banks moved alike" in item.reason and f"m {way}" in item.reason


@pytest.mark.parametrize("name", ["mamore", "athabasca"])
@pytest.mark.parametrize(("down", "right"), [(0, 1), (1, 0)])
def test_a_pixel_is_found_on_the_whole_river(name: str, down: int, right: int) -> None:
    water = masks_of(name).isel(epoch=slice(-10, None))
    assert [item.scene for item in judged(changed(water, -1, shifted(down, right)))[1]] == [
        str(water["scene_id"].to_numpy()[-1])
    ]


@pytest.mark.parametrize("top", [0, 800, 1600, 2400])
def test_real_masks_of_stretches_of_the_mamore_are_used(top: int) -> None:
    """Cutoffs, floods and all, and whichever years between are taken out."""
    water = window(top)
    assert judged(water)[1] == []
    for step in (2, 3, 5):
        assert judged(water.isel(epoch=slice(1, None, step)))[1] == []


def test_of_masks_that_lie_alike_only_the_first_is_left_out_and_not_where_it_is_accepted(reach: Reach) -> None:
    """From one mask on, all lie a pixel farther east; the second confirms the first."""
    (region,) = reach.region.by_reach()
    first, number = 26, reach.water.sizes["epoch"]
    water = reach.water
    for at in range(first, number):
        water = changed(water, at, shifted(0, 1))
    scenes = [str(scene) for scene in water["scene_id"].to_numpy()]
    assert [item.scene for item in valid_epochs(region, water)[1]] == [scenes[first]]
    valid, left_out = valid_epochs(region, accepted(water, first))
    assert left_out == [] and valid.sizes["epoch"] == number


def accepted(water: xr.Dataset, *epochs: int) -> xr.Dataset:
    marks = np.isin(np.arange(water.sizes["epoch"]), epochs)
    return water.assign_coords(accepted=("epoch", marks))


def test_a_mask_is_left_out_only_where_five_before_it_say_what_is_usual(reach: Reach) -> None:
    (region,) = reach.region.by_reach()
    for number, expected in ((4, 0), (5, 1)):
        water = changed(reach.water.isel(epoch=slice(8, 9 + number)), number, shifted(-1, 0))
        assert len(valid_epochs(region, water)[1]) == expected


def test_a_good_mask_after_a_displaced_one_that_was_not_found_is_used(reach: Reach) -> None:
    """Its banks moved back since the mask before it, but not since the one before that."""
    (region,) = reach.region.by_reach()
    water = changed(reach.water, 25, shifted(0, 1))
    assert valid_epochs(region, accepted(water, 25))[1] == []


YEARS = [sine_river(width=4, amplitude=30 + year, wavelength=70) for year in range(5)]
FULL = np.ones_like(YEARS[0])
HOLES = np.where(np.arange(YEARS[0].shape[1]) % 10 < 3, False, YEARS[0])


@pytest.mark.parametrize("image", [FULL, HOLES, YEARS[4][::-1], YEARS[4][:, ::-1], shifted(0, 30)(YEARS[4])])
def test_of_an_accepted_mask_only_the_test_for_a_repeated_image_is_made(image: np.ndarray) -> None:
    water = make_water([*YEARS[:4], image])
    assert len(judged(water)[1]) == 1
    valid, left_out = judged(accepted(water, 4))
    assert left_out == [] and valid["accepted"].to_numpy().tolist() == [False] * 4 + [True]


def test_an_accepted_mask_that_repeats_an_image_is_left_out_and_no_way_to_accept_it_is_named() -> None:
    (item,) = judged(accepted(make_water([*YEARS, YEARS[1]]), 5))[1]
    assert isinstance(item, Skipped) and "one image under two dates" in item.reason
    assert "accepted_files" not in item.reason


def test_only_a_river_that_overlaps_best_displaced_is_measured() -> None:
    def found(down: float, right: float) -> Registration:
        return Registration(Placement(down=down, right=right), 0.9, 1.0, 60.0)

    assert not fits_displaced(found(0.0, 0.0))
    assert fits_displaced(found(0.5, 0.0)) and fits_displaced(found(-0.5, 0.5)) and fits_displaced(found(0.0, -2.0))


def test_a_record_is_judged_by_its_dates_its_grid_and_the_rules_of_its_segments() -> None:
    still, grid = sine_river(), make_grid()
    images = tuple(river_image(image.astype(np.float32)) for image in (still, np.roll(still, 1, axis=1)))
    dates = tuple(make_water([still, still]).indexes["epoch"])
    record = Record(make_region(), grid, dates, images)
    assert record == Record(make_region(), grid, dates, images)
    assert record != Record(make_region(length_m=250.0), grid, dates, images)
    assert record != Record(make_region(upstream=(100, 199)), grid, dates, images)
    reason = displaced(record)
    assert reason is not None and "m east" in reason
    assert displaced(Record(make_region(), grid, dates, (images[0], images[0]))) is None


def test_the_river_of_an_image_comes_back_as_pixels() -> None:
    mask = sine_river().astype(np.float32)
    mask[:, 90:100] = np.nan
    np.testing.assert_array_equal(river_image(mask).fraction(), mask)
