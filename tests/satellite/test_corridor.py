"""The corridor: a strip around river lines, on whole multiples of the pixel size."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from erosion.config.region import Area, Region
from erosion.core.errors import SourceError
from erosion.core.raster.grid import Grid
from erosion.satellite.corridor import Corridor, corridor_of
from tests.rivers import make_region

CRS = "EPSG:32648"
CORNER = Affine(10, 0, 0, 0, -10, 0)


def region_with(path: Path, width_m: float = 30.0, **changes: Any) -> Region:
    changes = {"crs": CRS, "pixel_m": 10.0, **changes}
    region = make_region()
    reach = dataclasses.replace(region.reach, area=Area(path=path, width_m=width_m))
    return dataclasses.replace(region, reaches=(reach,), **changes)


def saved(folder: Path, shapes: list[Any], crs: str | None = CRS, name: str = "river.gpkg") -> Path:
    gpd.GeoDataFrame(geometry=shapes, crs=crs).to_file(folder / name)
    return folder / name


def test_a_straight_line_by_hand(tmp_path: Path) -> None:
    # From x 500 to 600 at y 1000, 50 m either side: x 450..650, y 950..1050.
    path = saved(tmp_path, [LineString([(500, 1000), (600, 1000)])])
    corridor = corridor_of(region_with(path, 50.0))
    assert tuple(corridor.grid.transform)[:6] == (10, 0, 450, 0, -10, 1050)
    assert corridor.grid.shape == (10, 20) and corridor.grid.crs == CRS
    assert corridor.inside[:, 5:15].all(), "beside the line every row is in the strip"
    assert corridor.inside[5].all(), "before and behind its ends, too"
    # The ends are round: of the corner pixel even the nearest corner is hypot(40, 40) = 57 m from the line's end.
    assert not corridor.inside[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_the_grid_lies_on_whole_multiples_whatever_the_line(tmp_path: Path) -> None:
    path = saved(tmp_path, [LineString([(503.7, 1004.2), (611.3, 1187.9)])])
    narrow, wide = (corridor_of(region_with(path, width)) for width in (31.3, 208.1))
    for corridor in (narrow, wide):
        t = corridor.grid.transform
        assert t.c % 10 == 0 and t.f % 10 == 0
    row, col = narrow.grid.offset_in(wide.grid) or (-1, -1)
    assert row > 0 and col > 0
    part = wide.inside[row : row + narrow.grid.height, col : col + narrow.grid.width]
    assert (part | ~narrow.inside).all(), "a wider strip holds the narrower one"


def test_every_pixel_that_the_strip_touches_is_inside(tmp_path: Path) -> None:
    line = LineString([(503, 1004), (611, 1187), (700, 1100)])
    corridor = corridor_of(region_with(saved(tmp_path, [line]), 25.0))
    strip = line.buffer(25.0)
    for r, y in enumerate(corridor.grid.y):
        for c, x in enumerate(corridor.grid.x):
            area = box(x - 5, y - 5, x + 5, y + 5).intersection(strip).area
            if area > 1:
                assert corridor.inside[r, c]
            elif not box(x - 6, y - 6, x + 6, y + 6).intersects(strip):
                assert not corridor.inside[r, c]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:9208", "EPSG:32647"])
def test_shapes_in_any_crs_give_the_same_strip(tmp_path: Path, crs: str) -> None:
    # Not on a pixel edge: one datum shift there and back may round by a millimetre.
    ends = [(525_003, 1_190_004), (526_006, 1_191_007)]
    line = gpd.GeoSeries([shapely.segmentize(LineString(ends), 50)], crs=CRS)
    straight = corridor_of(region_with(saved(tmp_path, list(line), name="a.gpkg"), 200.0))
    projected = corridor_of(region_with(saved(tmp_path, list(line.to_crs(crs)), crs, name="b.gpkg"), 200.0))
    assert projected.grid == straight.grid
    assert (projected.inside != straight.inside).mean() < 0.001


def test_areas_and_lines_together_from_geojson(tmp_path: Path) -> None:
    shapes = [box(105.0, 10.0, 105.001, 10.001), LineString([(105.002, 10.0), (105.004, 10.0)])]
    corridor = corridor_of(region_with(saved(tmp_path, shapes, "EPSG:4326", "river.geojson"), 20.0))
    area_m2 = corridor.inside.sum() * 100
    # 111.3 m x 0.985 by 110.6 m, rim 20 m; and a strip of 219 m by 40 m with round ends; pixels that are only touched.
    assert 150 * 150 + 219 * 40 < area_m2 < 1.35 * (150 * 150 + 219 * 40)


def test_a_river_over_the_antimeridian_stays_short(tmp_path: Path) -> None:
    path = saved(tmp_path, [LineString([(179.99, -16.5), (-179.99, -16.5)])], "EPSG:4326")
    corridor = corridor_of(region_with(path, 500.0, crs="EPSG:32701"))
    assert corridor.grid.width * 10 == pytest.approx(2135 + 1000, abs=30)


def test_windows_are_the_blocks_that_touch_the_strip() -> None:
    inside = np.zeros((7, 9), bool)
    inside[0, 0] = inside[6, 8] = True
    corridor = Corridor(Grid(CRS, CORNER, 9, 7), inside)
    assert corridor.windows(4) == [(slice(0, 4), slice(0, 4)), (slice(4, 7), slice(8, 9))]
    assert corridor.windows() == [(slice(0, 7), slice(0, 9))]


@given(st.integers(0, 2**31), st.integers(1, 9))
def test_windows_cover_the_strip_once(seed: int, size: int) -> None:
    inside = np.random.default_rng(seed).random((13, 11)) < 0.1
    corridor = Corridor(Grid(CRS, CORNER, 11, 13), inside)
    times = np.zeros(inside.shape, int)
    for window in corridor.windows(size):
        times[window] += 1
    assert (times <= 1).all() and (times[inside] == 1).all()


def test_the_digest_tells_strips_apart() -> None:
    grid = Grid(CRS, CORNER, 9, 7)
    inside = np.zeros((7, 9), bool)
    other = inside.copy()
    other[3, 3] = True
    assert Corridor(grid, inside).digest == Corridor(grid, inside.copy()).digest
    assert Corridor(grid, inside).digest != Corridor(grid, other).digest
    moved = dataclasses.replace(grid, transform=Affine(10, 0, 10, 0, -10, 0))
    assert Corridor(grid, inside).digest != Corridor(moved, inside).digest


@pytest.mark.parametrize(
    ("shapes", "crs", "says"),
    [
        ([Point(1, 2)], CRS, "has only Point; draw lines along the river"),
        ([LineString()], CRS, "has no shape|has only LineString"),
        ([LineString([(0, 0), (1, 1)])], None, "does not say in which CRS it is"),
        ([LineString([(0, 0), (1e6, 1e6)])], CRS, r"spans 100006 x 100006 pixels of 10 m, more than 2,000,000,000"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, shapes: list[Any], crs: str | None, says: str) -> None:
    path = saved(tmp_path, shapes, crs)
    with pytest.raises(SourceError, match=says):
        corridor_of(region_with(path))


def test_a_file_that_is_none_or_broken_or_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is no file; name a GeoJSON or GeoPackage"):
        corridor_of(region_with(tmp_path / "river.gpkg"))
    (tmp_path / "broken.geojson").write_text('{"type": "FeatureCollection", "features": [')
    with pytest.raises(SourceError, match=r"broken.geojson: cannot be read"):
        corridor_of(region_with(tmp_path / "broken.geojson"))
    line = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (9, 9)])], crs=CRS)
    for layer in ("low", "high"):
        line.to_file(tmp_path / "two.gpkg", layer=layer)
    with pytest.raises(SourceError, match="has layers low, high"):
        corridor_of(region_with(tmp_path / "two.gpkg"))
    with pytest.raises(SourceError, match="area of reach made is missing"):
        corridor_of(make_region())
