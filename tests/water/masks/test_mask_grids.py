"""Grids of masks: averaged by area, moved, cut and turned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.region import Region
from erosion.core.errors import SourceError
from erosion.core.raster.grid import Grid, region_grid
from erosion.water.masks import raster_folder
from erosion.water.masks.raster_folder import read_water
from tests.water.masks.made_masks import CORNER, UTM, mask, source, write

# --- grids ------------------------------------------------------------------------------------------------------------


def test_finer_pixels_are_averaged_by_area(tmp_path: Path, mamore: Region) -> None:
    fine = np.zeros((9, 9), np.uint8)
    fine[:, 4:] = 1  # 10 m pixels: one third of the second 30 m column is land
    fine[0, 0] = 1
    write(tmp_path / "a_2000-07-01.tif", fine, pixel=10.0)
    block = read_water(source(tmp_path), mamore, "2001-01-01")[0]["water_fraction"][0].values
    np.testing.assert_allclose(block, [[0.11, 0.67, 1], [0, 0.67, 1], [0, 0.67, 1]], atol=1e-6)


def test_a_shifted_lattice_is_averaged_and_half_seen_pixels_stay(tmp_path: Path, mamore: Region) -> None:
    whole = mask(np.s_[:, 2:4], (6, 6))
    write(tmp_path / "a_2000-07-01.tif", whole)
    write(tmp_path / "b_2001-07-01.tif", whole, corner=(CORNER[0] + 12, CORNER[1]))
    water = read_water(source(tmp_path), mamore, "2002-01-01")[0]
    assert water.sizes["x"] == 7 and water.sizes["y"] == 6
    a, b = water["water_fraction"].values[:, 3]
    np.testing.assert_allclose(a, [0, 0, 1, 1, 0, 0, np.nan], atol=1e-6)
    # Shifted 12 m east: 18 m of the first column are seen, 12 m of the last (less than half).
    np.testing.assert_allclose(b, [0, 0, 0.6, 1, 0.4, 0, np.nan], atol=1e-6)


def test_a_file_with_south_at_the_top_is_turned(tmp_path: Path, mamore: Region) -> None:
    right = mask(np.s_[2:5, 4:8])
    write(tmp_path / "a_2000-07-01.tif", right)
    flipped = Affine(30, 0, CORNER[0], 0, 30, CORNER[1] - 30 * 20)
    write(tmp_path / "b_2001-07-01.tif", right[::-1].copy(), transform=flipped)
    water = read_water(source(tmp_path), mamore, "2002-01-01")[0]["water_fraction"].values
    np.testing.assert_array_equal(water[0], right)
    np.testing.assert_array_equal(water[1], right)


def test_files_of_other_extent_on_the_same_lattice_are_moved_not_resampled(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "a_2000-07-01.tif", mask())
    write(tmp_path / "b_2001-07-01.tif", mask(), corner=(CORNER[0] - 60, CORNER[1] + 90))
    water = read_water(source(tmp_path), mamore, "2002-01-01")[0]
    assert water.sizes == {"epoch": 2, "y": 23, "x": 14}
    a, b = water["water_fraction"].values
    np.testing.assert_array_equal(a[3:, 2:], mask())
    np.testing.assert_array_equal(b[:20, :12], mask())
    assert np.isnan(a[:3]).all() and np.isnan(b[20:]).all()


@given(left=st.integers(-15, 15), up=st.integers(-25, 25), width=st.integers(1, 30), height=st.integers(1, 30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_grid_that_cuts_a_file_takes_its_part(
    tmp_path: Path, mamore: Region, left: int, up: int, width: int, height: int
) -> None:
    """The corridor of scenes is often smaller than a mask brought by hand."""
    array = mask()
    write(tmp_path / "2018.tif", array)
    grid = Grid(UTM, Affine(30, 0, CORNER[0] + 30 * left, 0, -30, CORNER[1] - 30 * up), width, height)
    whole = np.full((200, 200), np.nan)
    whole[80:100, 80:92] = array
    part = whole[80 + up : 80 + up + height, 80 + left : 80 + left + width]
    batch = raster_folder.collect(source(tmp_path), mamore, "2019-01-01")
    if np.isnan(part).all():
        with pytest.raises(SourceError, match="shows nothing of the region's corridor"):
            raster_folder.assemble(batch, mamore, grid)
        return
    beside = np.pad(part, 1, constant_values=np.nan)
    inner = np.isfinite(beside[:-2, 1:-1] + beside[2:, 1:-1] + beside[1:-1, :-2] + beside[1:-1, 2:])
    edge = part[np.isfinite(part) & ~inner]
    if np.nanmean(part) > 0.5 and edge.mean() >= 0.9:
        with pytest.raises(SourceError, match="no land on either side of a river"):
            raster_folder.assemble(batch, mamore, grid)
        return
    found, skipped = raster_folder.assemble(batch, mamore, grid)
    assert skipped == []
    np.testing.assert_array_equal(found["water_fraction"][0].values, part)


def test_a_grid_of_its_own_lattice_is_kept() -> None:
    own = Grid(UTM, Affine(30, 0, 270007.0, 0, -30, -1620011.0), 12, 20)
    assert region_grid([own, own], UTM, 30.0) == own
    snapped = region_grid([own], UTM, 10.0)
    assert snapped.transform.c == 270000.0 and snapped.transform.f == -1620010.0
    assert snapped.bounds[2] >= own.bounds[2] and snapped.bounds[1] <= own.bounds[1]


def test_a_grid_larger_than_a_continent_is_refused() -> None:
    far = Grid(UTM, Affine(30, 0, 9e6, 0, -30, 8e6), 10, 10)
    near = Grid(UTM, Affine(30, 0, *CORNER[:1], 0, -30, CORNER[1]), 10, 10)
    with pytest.raises(ValueError, match="take out a file that lies far"):
        region_grid([near, far], UTM, 30.0)
