"""The commune of a bank: every point of a commune gets it; a border goes to the longer part; outside is not known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from erosion.config.region import load_region
from erosion.places.communes import COLUMNS, commune_of, communes_along
from erosion.places.reading import Places, read_places
from tests.places.made_places import CRS, frame, no_places

LEFT, RIGHT = box(0, 0, 100, 100), box(100, 0, 200, 100)


@pytest.fixture
def two() -> Places:
    former = [("Xã A", "Xã B (phần, còn lại)"), ()]
    return no_places(communes=frame([RIGHT, LEFT], code=["30002", "30001"], name=["Phải", "Trái"], former=former))


def codes(places: Places, shapes: list[shapely.Geometry]) -> list[str | None]:
    return list(commune_of(places, frame(shapes))["commune_code"])


def test_a_line_gets_the_commune_that_has_most_of_it_and_its_former_names(two: Places) -> None:
    lines = frame([LineString([(20, 50), (110, 50)]), LineString([(80, 50), (180, 50)])]).set_axis(["b", "a"])
    found = commune_of(two, lines)
    assert list(found.columns) == list(COLUMNS) and list(found.index) == ["b", "a"]
    assert list(found["commune"]) == ["Trái", "Phải"]
    assert list(found["commune_former"]) == [None, "Xã A, Xã B (phần, còn lại)"]


def test_equal_parts_and_lines_on_the_border_go_to_the_lower_code(two: Places) -> None:
    assert (
        codes(two, [LineString([(50, 5), (150, 5)]), LineString([(100, 0), (100, 90)]), Point(100, 50)])
        == ["30001"] * 3
    )


def test_more_outside_than_inside_is_not_known(two: Places) -> None:
    inside = LineString([(0, 50), (-99, 50)])
    assert codes(two, [inside, LineString([(-99, 50), (100, 50)]), Point(-1, 50)]) == [None, "30001", None]
    # Two communes of 30 m each do not make one of 60 m out of a line that is 45 m outside.
    crossing = LineString([(70, 50), (130, 50), (130, 145)])
    assert codes(two, [crossing]) == ["30002"]


def test_shares_of_all_communes_along_a_line_add_up(two: Places) -> None:
    table = communes_along(two, frame([LineString([(70, 50), (110, 50)]), Point(500, 500), box(50, 50, 250, 100)]))
    assert list(table["row"]) == [0, 0, 2, 2]
    assert list(table["commune_code"]) == ["30001", "30002", "30002", "30001"]
    assert list(table["share"]) == pytest.approx([0.75, 0.25, 0.5, 0.25])


def test_without_communes_nothing_is_known(two: Places) -> None:
    for places in (no_places(), two._replace(communes=two.communes.iloc[:0])):
        found = commune_of(places, frame([Point(1, 1), LineString([(0, 0), (1, 1)])]))
        assert found.shape == (2, 3) and found.isna().all(axis=None)
    assert commune_of(two, frame([])).empty
    assert commune_of(two, frame([None, Polygon(), Point(1, 1)]))["commune_code"].tolist() == [None, None, "30001"]


def test_lines_may_be_in_another_crs() -> None:
    place = Point(525_000, 1_190_000)
    places = no_places(communes=frame([place.buffer(50)], code=["1"], name=["Xã"], former=[()]))
    degrees = gpd.GeoDataFrame(geometry=[place], crs=CRS).to_crs("EPSG:4326")
    assert commune_of(places, degrees)["commune"].tolist() == ["Xã"]


@given(st.integers(0, 31), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_every_point_of_a_real_commune_gets_it(number: int, across: float, along: float) -> None:
    places = an_giang()
    assert places.communes is not None
    commune = places.communes.iloc[number]
    shape = commune.geometry
    west, south, east, north = shape.bounds
    point = Point(west + across * (east - west), south + along * (north - south))
    if not shape.buffer(-0.01).contains(point):
        point = shape.representative_point()
    found = commune_of(places, frame([point])).iloc[0]
    owners = places.communes[places.communes.contains(point)]
    assert found["commune_code"] == min(owners["code"]) and commune["code"] in set(owners["code"])
    assert found["commune_former"].split(", ")[0] == commune["former"][0].split(", ")[0] or len(owners) > 1


_READ: list[Places] = []


def an_giang() -> Places:
    if not _READ:
        _READ.append(read_places(load_region("an-giang")))
    return _READ[0]


def test_the_communes_of_an_giang_have_their_former_names() -> None:
    places = an_giang()
    assert places.communes is not None and len(places.communes) == 32
    assert all(places.communes["former"]) and places.communes["code"].is_unique
    hop = places.communes.set_index("code").loc["30292"]
    assert hop["name"] == "Phường Bình Đức"
    assert hop["former"] == ("Phường Bình Khánh", "Phường Bình Đức", "Xã Mỹ Khánh")
    assert np.isclose(hop.geometry.area / 1e6, 28.23, rtol=0.1)  # the official area, km2
