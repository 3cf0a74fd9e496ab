"""Where the map lies, how it is turned and how it is cut up do not change what is measured."""

from __future__ import annotations

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from erosion.banks.as_of import baseline_on
from erosion.banks.cells import CellStates, observe_cells
from tests.banks.shapes import AREA, SUMS, away_from_ends, disc, moving
from tests.rivers import CORNER, PIXEL, Measured, make_grid, make_region, make_water, measure


def test_shifting_the_map_changes_nothing() -> None:
    # Clipped by an outline inside the image, so that the image's edge plays no part.
    rims = ((5, 9), (8, 6)), ((12, 2), (19, 1))
    measured = []
    for (top, bottom), (left, right) in rims:
        images = [np.pad(image, ((top, bottom), (left, right))) for image in moving()]
        grid = make_grid(images[0].shape, (CORNER[0] - left * PIXEL + 900, CORNER[1] + top * PIXEL - 600))
        measured.append(measure(images, make_region((100 + top, left), grid), grid=grid))
    here, there = measured
    assert there.baseline.segments["segment_id"].tolist() == here.baseline.segments["segment_id"].tolist()
    for name in ("land_loss_m2", "land_gain_m2", "flags", "coverage"):
        assert (there.banks[name].to_numpy()[:, 1:] == here.banks[name].to_numpy()[:, 1:]).all()


def test_padding_the_map_changes_nothing_but_the_ends() -> None:
    grid = make_grid((220, 320), (CORNER[0] - 10 * PIXEL, CORNER[1] + 10 * PIXEL))
    here = measure(moving())
    there = measure([np.pad(image, 10) for image in moving()], make_region((110, 10), grid), grid=grid)
    assert abs(len(there.baseline.segments) - len(here.baseline.segments)) <= 4
    pd.testing.assert_frame_equal(_sums(here), _sums(there), rtol=0.05, atol=10 * AREA)


def _sums(measured: Measured) -> pd.DataFrame:
    banks = measured.baseline.segments["bank"].to_numpy()
    frame = pd.DataFrame({name: measured.banks[name].isel(epoch=-1).to_numpy() for name in SUMS})
    return frame[away_from_ends(measured)].groupby(banks[away_from_ends(measured)]).sum()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_map_changes_nothing_but_rounding(turns: int) -> None:
    here = measure(moving())
    turned = [np.rot90(image, turns) for image in moving()]
    upstream = {1: (299, 100), 2: (100, 299), 3: (0, 100)}[turns]
    there = measure(turned, make_region(upstream, make_grid(turned[0].shape)))
    counts = [m.baseline.segments["bank"].value_counts() for m in (here, there)]
    assert (counts[0] - counts[1]).abs().max() <= 2
    assert here.total("land_loss_m2") == pytest.approx(there.total("land_loss_m2"), rel=0.03)
    pd.testing.assert_frame_equal(_sums(here), _sums(there), rtol=0.05, atol=10 * AREA)


def test_the_mirrored_map_swaps_left_and_right() -> None:
    here, there = measure(moving()), measure([image[::-1] for image in moving()])
    swapped = _sums(there).rename(index={"L": "R", "R": "L"}).sort_index()
    pd.testing.assert_frame_equal(_sums(here), swapped, rtol=0.05, atol=10 * AREA)


def test_chunks_change_nothing() -> None:
    region, images = make_region(), [np.where(disc(50, 50, 9), np.nan, image) for image in moving()]
    baseline = baseline_on(region, make_water(images), pd.Timestamp("2100-01-01"))

    def states(water: xr.Dataset) -> CellStates:
        return observe_cells(water, baseline, min_island_m2=20_000.0)

    whole = states(make_water(images, chunk=None))
    for water in (make_water(images), make_water(images, chunk=3), make_water(images, chunk=2).chunk(y=70, x=90)):
        with dask.config.set(scheduler="sync"):
            cut_up = states(water)
        for field in ("cells", "side", "transects", "sigma_m"):
            assert (getattr(cut_up, field) == getattr(whole, field)).all()
