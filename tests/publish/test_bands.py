"""The strip of land at risk: hand-computed areas, the landward side, and validity whatever the bank looks like."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from erosion.publish import ExportError, retreat_band

CRS = "EPSG:32648"


def bank(*lines, landward=0.0, retreat=10.0, crs=CRS) -> gpd.GeoDataFrame:
    """A layer of bank lines; ``landward`` and ``retreat`` one value for all or one a line."""
    count = len(lines)
    return gpd.GeoDataFrame(
        {
            "segment_id": [f"s{i}" for i in range(count)],
            "level": [2] * count,
            "landward_deg": np.broadcast_to(np.asarray(landward, float), count).copy(),
            "retreat_p50_m": np.broadcast_to(np.asarray(retreat, float), count).copy(),
        },
        geometry=[line if hasattr(line, "geom_type") else shapely.LineString(line) for line in lines],
        crs=crs,
    )


STRAIGHT = [(0, 0), (40, 0), (100, 0)]


@pytest.mark.parametrize(
    ("landward", "line", "box"),
    [
        (0, [(0, 0), (100, 0)], (0, 0, 100, 30)),
        (180, [(0, 0), (100, 0)], (0, -30, 100, 0)),
        (90, [(0, 0), (0, 100)], (0, 0, 30, 100)),
        (270, [(0, 0), (0, 100)], (-30, 0, 0, 100)),
    ],
)
def test_straight_bank_loses_a_rectangle_on_its_landward_side(landward, line, box):
    (strip,) = retreat_band(bank(line, landward=landward, retreat=30.0)).geometry
    assert strip.equals_exact(shapely.box(*box), 1e-9) or strip.symmetric_difference(shapely.box(*box)).area < 1e-6
    assert strip.area == pytest.approx(3000.0)


def test_diagonal_bank_area_is_retreat_times_length():
    band = retreat_band(bank([(0, 0), (60, 60)], landward=135.0, retreat=20.0))
    assert band["area_m2"].iloc[0] == pytest.approx(20.0 * np.hypot(60, 60))
    centre = band.geometry.iloc[0].centroid
    assert centre.x > centre.y  # south-east of the line x = y


def test_rows_keep_segment_level_and_retreat():
    band = retreat_band(bank(STRAIGHT, STRAIGHT, landward=[0, 180], retreat=[5.0, 7.0]))
    assert band["segment_id"].tolist() == ["s0", "s1"]
    assert band["retreat_m"].tolist() == [5.0, 7.0]
    assert band["area_m2"].tolist() == pytest.approx([500.0, 700.0])
    assert band["level"].tolist() == [2, 2]
    assert band.crs == CRS


@pytest.mark.parametrize("retreat", [0.0, -4.0, np.nan, 0.001])
def test_no_retreat_gives_no_polygon(retreat):
    band = retreat_band(bank(STRAIGHT, STRAIGHT, retreat=[retreat, 10.0]))
    assert band["segment_id"].tolist() == ["s1"]


def test_nothing_to_draw_is_an_empty_band_with_its_columns():
    band = retreat_band(bank(STRAIGHT, retreat=0.0))
    assert len(band) == 0
    assert list(band.columns) == ["segment_id", "level", "retreat_m", "area_m2", "geometry"]
    assert band.crs == CRS
    assert len(retreat_band(bank(STRAIGHT).iloc[:0])) == 0


def test_unknown_direction_gives_no_polygon():
    assert len(retreat_band(bank(STRAIGHT, landward=np.nan))) == 0


def test_edges_along_the_shift_sweep_nothing():
    # North, over a corner whose second leg runs south: only the first leg sweeps land.
    (strip,) = retreat_band(bank([(0, 0), (100, 0), (100, -100)], retreat=10.0)).geometry
    assert strip.is_valid
    assert strip.area == pytest.approx(1000.0)


def test_a_bank_that_doubles_back_is_swept_once():
    # Out at y = 0 and back at y = 20, both 30 m north: the two strips overlap between y = 20 and y = 30.
    (strip,) = retreat_band(bank([(0, 0), (100, 0), (100, 20), (0, 20)], retreat=30.0)).geometry
    assert strip.is_valid
    assert strip.area == pytest.approx(100 * 50)


def test_a_whole_island_shore_is_swept_with_its_middle_left_out():
    ring = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
    (strip,) = retreat_band(bank(ring, retreat=30.0)).geometry
    assert strip.is_valid
    # Two strips 100 x 30 along the horizontal shores; the vertical ones run along the shift.
    assert strip.area == pytest.approx(2 * 100 * 30)


def test_other_quantile():
    layer = bank(STRAIGHT).assign(retreat_p90_m=25.0)
    assert retreat_band(layer, "retreat_p90_m")["area_m2"].iloc[0] == pytest.approx(2500.0)


def test_degrees_are_refused():
    with pytest.raises(ExportError, match="metres"):
        retreat_band(bank(STRAIGHT, crs="EPSG:4326"))


def test_multi_lines_are_refused():
    with pytest.raises(ExportError, match="LineString"):
        retreat_band(bank(shapely.MultiLineString([STRAIGHT, [(0, 9), (9, 9)]])))


coordinate = st.integers(-200, 200).map(lambda n: n / 4)
wild_line = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=9, unique=True)


@given(
    line=wild_line,
    landward=st.one_of(st.sampled_from([0.0, 45.0, 90.0, 180.0]), st.floats(0, 360)),
    retreat=st.floats(0.01, 300),
    corner=st.sampled_from([(0.0, 0.0), (560_000.0, 1_148_000.0), (300_000.0, -1_600_000.0)]),
)
# A spur so thin that the strip's outline stays simple while what its two sides sweep cancels.
@example([(-3.75, -0.25), (-24.0, 45.0), (-3.75, 0.0), (0.0, 0.0)], 152.0, 52.0, (0.0, 0.0))
def test_any_bank_gives_valid_polygons_that_hold_the_swept_land(line, landward, retreat, corner):
    points = np.array(line) + corner
    band = retreat_band(bank(points, landward=landward, retreat=retreat))
    shift = retreat * np.array([np.sin(np.radians(landward)), np.cos(np.radians(landward))])
    crosswise = np.abs(np.diff(points, axis=0) @ np.array([shift[1], -shift[0]]))  # area each edge sweeps
    if not len(band):
        assert crosswise.max() < 1e-3
        return
    (strip,) = band.geometry
    assert strip.is_valid
    assert strip.geom_type in ("Polygon", "MultiPolygon")
    assert not strip.is_empty
    assert strip.area <= crosswise.sum() + 1e-3
    # Any point of the bank moved half the way lies in the strip, unless its edge sweeps no land.
    halfway = shapely.points((points[:-1] + points[1:]) / 2 + shift / 2)
    assert (shapely.distance(strip, halfway)[crosswise > 1e-2] < 1e-6).all()


@given(angle=st.floats(0, 360), length=st.floats(1, 500), retreat=st.floats(0.01, 500))
def test_a_straight_bank_in_any_direction(angle, length, retreat):
    along = np.radians(angle)
    end = length * np.array([np.sin(along), np.cos(along)])
    (strip,) = retreat_band(bank([(0, 0), tuple(end)], landward=angle + 90, retreat=retreat)).geometry
    assert strip.area == pytest.approx(length * retreat, rel=1e-6)
    inland = np.array([np.sin(along + np.pi / 2), np.cos(along + np.pi / 2)])
    middle = np.array(strip.centroid.coords[0]) - end / 2
    assert middle @ inland == pytest.approx(retreat / 2, rel=1e-6)
