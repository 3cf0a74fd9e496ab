"""Pixel grids: by hand, and against odc-geo's GeoBox, which knows nothing of this class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import rasterio.crs
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox, pixel_translation

from erosion.core.raster.grid import Grid, same_crs

CRS = "EPSG:32648"
CRS_OF_TEXT = rasterio.crs.CRS.from_epsg(32648)
GRID = Grid(CRS, Affine(10, 0, 500_000, 0, -10, 1_200_000), 30, 20)

transforms = st.builds(
    lambda pixel, x, y, degrees, flip: (
        Affine.translation(x, y) @ Affine.rotation(degrees) @ Affine.scale(pixel, -pixel if flip else pixel)
    ),
    st.sampled_from([0.5, 10.0, 30.0, 29.97]),
    st.floats(100_000, 900_000),
    st.floats(1_000_000, 2_000_000),
    st.sampled_from([0.0, 0.0, 30.0, 90.0, -7.5]),
    st.booleans(),
)
grids = st.builds(Grid, st.just(CRS), transforms, st.integers(1, 4000), st.integers(1, 4000))


def geobox(grid: Grid) -> GeoBox:
    return GeoBox(grid.shape, grid.transform, grid.crs)


def moved(east_m: float, north_m: float, **changes: Any) -> Grid:
    """A grid whose corner lies so many metres off that of GRID."""
    t = GRID.transform
    fields = {"crs": CRS, "transform": Affine(10, 0, t.c + east_m, 0, -10, t.f + north_m), "width": 5, "height": 4}
    return Grid(**{**fields, **changes})


def test_a_north_up_grid_by_hand() -> None:
    assert GRID.shape == (20, 30) and GRID.pixel_m == 10 and GRID.north_up
    assert GRID.bounds == (500_000, 1_199_800, 500_300, 1_200_000)
    assert GRID.x[[0, -1]].tolist() == [500_005, 500_295] and GRID.y[[0, -1]].tolist() == [1_199_995, 1_199_805]
    assert GRID.x.shape == (30,) and GRID.y.shape == (20,)
    wide = GRID.padded(2)
    assert wide.bounds == (499_980, 1_199_780, 500_320, 1_200_020) and wide.shape == (24, 34)


def test_points_fall_into_pixels() -> None:
    # The corner, an inner edge, just before it, the last pixel, and outside on each side.
    xy = np.array(
        [[500_000, 1_200_000], [500_010, 1_199_990], [500_009.999, 1_199_990.001], [500_299, 1_199_801], [499_999, 1_200_001]]
    )  # fmt: skip
    row, column = GRID.row_column(xy)
    assert row.tolist() == [0, 1, 0, 19, -1] and column.tolist() == [0, 1, 0, 29, -1]


@given(grids)
def test_the_pixel_is_as_wide_however_the_grid_is_rotated(grid: Grid) -> None:
    t = grid.transform
    corner, next_one = t @ (0, 0), t @ (1, 0)
    assert grid.pixel_m == pytest.approx(math.dist(corner, next_one), rel=1e-6)
    if t.d == 0:
        assert grid.pixel_m == abs(t.a)


def test_a_rotated_grid_has_no_axes() -> None:
    rotated = Grid(CRS, GRID.transform @ Affine.rotation(5), 30, 20)
    for name in ("x", "y"):
        with pytest.raises(ValueError, match=r"a rotated grid .* has no axes; resample it"):
            getattr(rotated, name)
    south_up = Grid(CRS, Affine(10, 0, 0, 0, 10, 0), 2, 2)
    assert south_up.y.tolist() == [5, 15]
    for grid in (rotated, south_up):
        with pytest.raises(ValueError, match="not north up"):
            grid.row_column(np.array([[500_005.0, 1_199_995.0]]))


@given(st.floats(0.1, 100), st.integers(0, 29), st.integers(0, 19), st.floats(0, 1, exclude_max=True))
def test_every_pixel_centre_falls_into_its_pixel(pixel: float, column: int, row: int, part: float) -> None:
    grid = Grid(CRS, Affine(pixel, 0, 500_000 + part, 0, -pixel, 1_200_000 - part), 30, 20)
    found = grid.row_column(np.array([[grid.x[column], grid.y[row]]]))
    assert (found[0].item(), found[1].item()) == (row, column)


@pytest.mark.parametrize(
    ("transform", "north_up"),
    [
        (Affine(10, 0, 0, 0, -10, 0), True),
        (Affine(10, 0, 0, 0, 10, 0), False),  # south up
        (Affine(-10, 0, 0, 0, -10, 0), False),  # east on the left
        (Affine(10, 0, 0, 0, -20, 0), False),  # oblong
        (Affine(10, 0.1, 0, 0.1, -10, 0), False),  # rotated
    ],
)
def test_north_up(transform: Affine, north_up: bool) -> None:
    assert Grid(CRS, transform, 3, 3).north_up == north_up


def test_a_grid_on_the_pixels_of_another() -> None:
    assert moved(30, -20).offset_in(GRID) == (2, 3) and moved(-30, 20).offset_in(GRID) == (-2, -3)
    assert moved(30.009, -20).offset_in(GRID) == (2, 3), "within a thousandth of a pixel"
    assert moved(30.02, -20).offset_in(GRID) is None and moved(30, -20.02).offset_in(GRID) is None
    assert moved(30, -20, crs="EPSG:32647").offset_in(GRID) is None
    assert moved(0, 0, transform=Affine(10.001, 0, 500_000, 0, -10.001, 1_200_000)).offset_in(GRID) is None
    rotated = moved(0, 0, transform=GRID.transform @ Affine.rotation(1))
    assert rotated.offset_in(GRID) is None and GRID.offset_in(rotated) is None


def test_two_texts_of_one_system() -> None:
    assert same_crs("EPSG:32648", "epsg:32648") and not same_crs("EPSG:32648", "EPSG:32647")
    assert same_crs("EPSG:32648", CRS_OF_TEXT.to_wkt()) and same_crs(CRS_OF_TEXT.to_wkt(), "EPSG:32648")


# --- against GeoBox ---


@given(grids)
def test_bounds_are_those_of_geobox(grid: Grid) -> None:
    assert grid.bounds == pytest.approx(tuple(geobox(grid).boundingbox), rel=1e-12)


@given(grids, st.integers(0, 50))
def test_a_padded_grid_is_that_of_geobox(grid: Grid, rim: int) -> None:
    own, other = grid.padded(rim), geobox(grid).pad(rim)
    assert own.shape == tuple(other.shape)
    assert tuple(own.transform) == pytest.approx(tuple(other.transform), rel=1e-12, abs=1e-9)


@given(st.sampled_from([0.5, 10.0, 30.0, 29.97]), st.integers(-500, 500), st.integers(-500, 500))
def test_offsets_are_those_of_geobox(pixel: float, columns: int, rows: int) -> None:
    one = Grid(CRS, Affine(pixel, 0, 500_000, 0, -pixel, 1_200_000), 30, 20)
    other = Grid(CRS, Affine(pixel, 0, 500_000 + columns * pixel, 0, -pixel, 1_200_000 - rows * pixel), 7, 9)
    translation = pixel_translation(geobox(other), geobox(one))
    assert other.offset_in(one) == (rows, columns) == (round(translation.y), round(translation.x))


@settings(max_examples=30, deadline=None)
@given(grids)
def test_bounds_in_degrees_are_those_of_geobox(grid: Grid) -> None:
    left, bottom, right, top = grid.bounds_in("EPSG:4326")
    other = geobox(grid).footprint("EPSG:4326").boundingbox
    assert left <= other.left + 1e-6 and bottom <= other.bottom + 1e-6
    assert right >= other.right - 1e-6 and top >= other.top - 1e-6
    if grid.transform.b == 0:  # of a rotated grid they are those of the box around it, so wider
        assert (left, bottom, right, top) == pytest.approx(tuple(other), abs=1e-4)
