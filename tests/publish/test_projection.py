"""Coordinates are transformed by a named operation, never relabelled."""

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from erosion.publish import ExportError
from erosion.publish.projection import choose

LONG_XUYEN = np.array([shapely.Point(548_000.0, 1_147_000.0)], dtype=object)
UTM = CRS("EPSG:32648")
BOX = (540_000.0, 1_140_000.0, 560_000.0, 1_150_000.0)


def test_the_two_utm_48_lie_225_m_apart_at_long_xuyen():
    (moved,) = choose(UTM, "EPSG:3405", BOX).apply(LONG_XUYEN)
    assert moved.distance(LONG_XUYEN[0]) == pytest.approx(225, abs=3)


@pytest.mark.parametrize(
    "box", [BOX, (480_000, 1_090_000, 700_000, 1_230_000), (550_000, 1_145_000, 550_100, 1_145_100)]
)
@pytest.mark.parametrize("target", ["EPSG:9208", "EPSG:9207", "EPSG:3405"])
def test_vn2000_uses_the_seven_parameters_of_the_official_decision(box, target):
    chosen = choose(UTM, target, box)
    assert "VN-2000 to WGS 84 (2)" in chosen.operation
    assert chosen.accuracy_m == 1.0


def test_official_parameters_by_hand():
    """Decision 05/2007/QĐ-BTNMT, written out as its formula, against the chosen operation; then TM-3 104°45'."""
    to_degrees = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(548_000.0, 1_147_000.0)
    a, e2 = 6378137.0, 0.0066943799901413165  # both systems use the WGS 84 ellipsoid
    phi, lam = np.radians(lat), np.radians(lon)
    n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    wgs = np.array([n * np.cos(phi) * np.cos(lam), n * np.cos(phi) * np.sin(lam), n * (1 - e2) * np.sin(phi)])
    # The decision leads from WGS 84 to VN-2000 as a shift, a small rotation and a scale; EPSG holds its reverse.
    rx, ry, rz = np.radians(np.array([-0.00928836, 0.01975479, -0.00427372]) / 3600)
    frame = np.array([[1, rz, -ry], [-rz, 1, rx], [ry, -rx, 1]])
    shift = np.array([-191.90441429, -39.30318279, -111.45032835])
    vn = np.linalg.solve((1 + 0.252906278e-6) * frame, wgs - shift)
    p = np.hypot(vn[0], vn[1])
    latitude = np.arctan2(vn[2], p * (1 - e2))
    for _ in range(5):
        radius = a / np.sqrt(1 - e2 * np.sin(latitude) ** 2)
        latitude = np.arctan2(vn[2] + e2 * radius * np.sin(latitude), p)
    tm3 = Transformer.from_crs("EPSG:4756", "EPSG:9208", always_xy=True)  # a projection only, no datum in it
    expected = tm3.transform(np.degrees(np.arctan2(vn[1], vn[0])), np.degrees(latitude))
    (moved,) = choose(UTM, "EPSG:9208", BOX).apply(LONG_XUYEN)
    assert (moved.x, moved.y) == pytest.approx(expected, abs=0.005)


def test_x_is_east_whatever_the_registry_says():
    # VN-2000 / TM-3 is registered with northing first; GIS files hold easting first.
    (moved,) = choose(UTM, "EPSG:9208", BOX).apply(LONG_XUYEN)
    assert 400_000 < moved.x < 700_000
    assert 1_100_000 < moved.y < 1_200_000
    (degrees,) = choose(UTM, "EPSG:4326", BOX).apply(LONG_XUYEN)
    assert degrees.x == pytest.approx(105.44, abs=0.01)
    assert degrees.y == pytest.approx(10.38, abs=0.01)


def test_own_crs_changes_nothing():
    chosen = choose(UTM, "EPSG:32648", BOX)
    assert chosen.apply(LONG_XUYEN) is LONG_XUYEN
    assert chosen.operation.startswith("none")


@pytest.mark.filterwarnings("ignore:Best transformation is not available")
def test_datum_of_an_older_map_takes_an_operation_made_for_the_area():
    athabasca = (400_000.0, 6_300_000.0, 420_000.0, 6_320_000.0)
    chosen = choose(CRS("EPSG:32612"), "EPSG:26712", athabasca)  # NAD27 / UTM 12N
    assert "NAD27" in chosen.operation
    assert chosen.accuracy_m is not None
    (moved,) = chosen.apply(np.array([shapely.Point(410_000.0, 6_310_000.0)], dtype=object))
    # North America moved about 220 m north between the two datums at this latitude.
    assert moved.distance(shapely.Point(410_000.0, 6_310_000.0)) == pytest.approx(220, abs=40)


def test_without_data_an_operation_is_still_chosen():
    assert "(2)" in choose(UTM, "EPSG:9208", (np.nan,) * 4).operation


def test_unknown_crs_is_refused():
    with pytest.raises(ExportError, match="EPSG:999999"):
        choose(UTM, "EPSG:999999", BOX)


def test_coordinates_out_of_reach_are_refused():
    mercator = choose(CRS("EPSG:32648"), "EPSG:3395", BOX)
    with pytest.raises(ExportError, match="outside"):
        mercator.apply(np.array([shapely.Point(1e12, 1e12)], dtype=object))
