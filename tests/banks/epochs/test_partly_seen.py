"""Masks that saw other parts of a river are compared by what both saw of it, and not at all where that is little."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.banks.epochs.real_rivers import judged, masks_of
from tests.rivers import Mask, make_water, sine_river

WIDE = (200, 300)


@lru_cache
def north(year: int, quiet: float = 0.0) -> Mask:
    """A river from north to south whose bends grow by a pixel a year, those of its northern half by less."""
    moving = sine_river(width=4, amplitude=30 + year, wavelength=70, shape=WIDE)
    still = sine_river(width=4, amplitude=30 + quiet * year, wavelength=70, shape=WIDE)
    half = np.indices(WIDE)[1] < 150
    return np.where(half, still, moving).T


def seen(image: Mask, top: int, bottom: int) -> np.ndarray:
    """The image with all but the rows from ``top`` up to ``bottom`` (exclusive) hidden."""
    rows = np.indices(image.shape)[0]
    return np.where((rows >= top) & (rows < bottom), image, np.nan)


def reasons(images: list[np.ndarray]) -> list[str]:
    return [item.reason for item in judged(make_water(images))[1]]


def test_masks_with_a_few_rows_in_common_are_not_one_image() -> None:
    """The lower half and the upper half of a river, and ten rows that both show."""
    assert reasons([seen(north(0), 140, 300), seen(north(1), 0, 150)]) == []


def test_masks_with_a_strip_of_sixteen_rows_in_common_are_not_one_image() -> None:
    """The river of the strip stood still; what it did elsewhere nobody saw twice."""
    assert reasons([seen(north(0), 120, 300), seen(north(3), 0, 136)]) == []


@pytest.mark.parametrize(("top", "bottom"), [(0, 240), (60, 300)])
@pytest.mark.parametrize("hidden", ["old", "new", "both"])
def test_the_same_image_is_found_where_a_fifth_of_it_is_hidden(hidden: str, top: int, bottom: int) -> None:
    images = [north(0), north(1), north(2), north(1)]
    for at in {"old": [1], "new": [3], "both": [1, 3]}[hidden]:
        images[at] = seen(north(1), top, bottom)
    (reason,) = reasons(images)
    assert "one image under two dates" in reason and "2001-07-01" in reason


@pytest.mark.parametrize("name", ["mamore", "athabasca"])
def test_a_real_image_under_two_dates_is_found_where_a_fifth_of_the_old_one_is_hidden(name: str) -> None:
    water = masks_of(name).isel(epoch=[5, 6, 7, 8])
    images = water["water_fraction"].to_numpy()
    images[3] = images[1]
    images[1, : images.shape[1] // 5] = np.nan
    (left_out,) = judged(water.assign(water_fraction=(water["water_fraction"].dims, images)))[1]
    assert "one image under two dates" in left_out.reason and left_out.scene == str(water["scene_id"].to_numpy()[3])


def test_a_mask_of_a_short_strip_is_no_image_of_the_whole() -> None:
    """All that one shows is the same in the other, and may well be."""
    assert reasons([seen(north(0), 120, 136), north(3)]) == []


def test_masks_without_any_common_pixel_of_river_say_nothing_of_each_other() -> None:
    assert reasons([seen(north(0), 0, 150), seen(north(1), 150, 300)]) == []


def test_a_quiet_part_seen_long_ago_is_no_older_image() -> None:
    """A mask of the quiet half agrees with the newest better than last year's mask of the whole river does."""
    images = [seen(north(0), 0, 150), *(north(year, 0.03) for year in range(4, 24, 4))]
    assert reasons(images) == []


def test_an_older_image_is_found_where_a_fifth_of_the_old_one_is_hidden() -> None:
    """The image of a date between two masks, under a new date."""
    years = [north(3 * year) for year in range(8)]
    like = np.where(np.indices(years[0].shape)[1] < 100, north(4), north(3))  # not quite the second one
    images = [years[0], seen(years[1], 0, 240), *years[2:], like]
    assert "an older image under a new date" in reasons(images)[-1]


def hide(water: xr.Dataset, seed: int) -> xr.Dataset:
    """The masks with one block of rows or columns of each hidden."""
    images = water["water_fraction"].to_numpy()
    random = np.random.default_rng(seed)
    for image in images:
        side = image if random.random() < 0.5 else image.T
        start = random.integers(0, len(side))
        side[start : start + random.integers(1, len(side))] = np.nan
    shown = np.flatnonzero((images >= 0.5).any(axis=(1, 2)))
    return water.assign(water_fraction=(water["water_fraction"].dims, images)).isel(epoch=shown)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**31))
@example(1781251)  # of one mask 2 % of the river is seen, and it looks like another year there
def test_no_two_real_masks_are_one_image_whatever_is_hidden(seed: int) -> None:
    for name in ("mamore", "athabasca"):
        water = masks_of(name).isel(epoch=slice(seed % 20, seed % 20 + 9))
        for item in judged(hide(water, seed))[1]:
            assert "under two dates" not in item.reason and "older image" not in item.reason
