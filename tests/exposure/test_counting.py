"""What stands on pieces of land, by hand; what is not known is never nothing."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from erosion.exposure.counting import UNITS, exposure_of
from erosion.places.reading import Places
from tests.places.made_places import CRS, frame, no_places

EVERYWHERE = box(-1000, -1000, 1000, 1000)


def cells(people: np.ndarray, size: float = 100.0) -> gpd.GeoDataFrame:
    """Pixels from the origin to east and north."""
    rows, cols = np.indices(people.shape)
    x, y = cols.ravel() * size, rows.ravel() * size
    known = np.isfinite(people.ravel())
    return frame(list(shapely.box(x, y, x + size, y + size)[known]), people=people.ravel()[known])


@pytest.fixture
def places() -> Places:
    return no_places(
        buildings=frame([box(10, 10, 20, 20), box(95, 40, 105, 50), Point(50, 90), box(300, 300, 310, 310)]),
        roads=frame(
            [LineString([(0, 50), (200, 50)]), LineString([(30, 0), (30, 400)])], name=[None] * 2, kind=[None] * 2
        ),
        schools=frame([box(60, 60, 80, 80), Point(150, 150)], name=[None] * 2),
        population=cells(np.array([[10.0, 20.0, 0.0], [40.0, np.nan, 0.0]])),
        covered=dict.fromkeys(("buildings", "roads", "schools"), EVERYWHERE),
    )


def test_by_hand(places: Places) -> None:
    zones = frame([box(0, 0, 100, 100), box(50, 25, 150, 75), box(250, 0, 300, 50)]).set_axis(["a", "b", "c"])
    found = exposure_of(zones, places)
    assert list(found.columns) == list(UNITS) and list(found.index) == ["a", "b", "c"]
    assert found["buildings"].tolist() == [3, 1, 0]
    assert found["road_m"].tolist() == [200.0, 100.0, 0.0]
    assert found["schools"].tolist() == [1, 1, 0]
    # b: half of its 5000 m2 on the pixel of 10 people, half on that of 20: a quarter of each.
    assert found["people"].tolist() == pytest.approx([10.0, 2.5 + 5.0, 0.0])
    assert found.dtypes.astype(str).tolist() == ["Int64", "Float64", "Int64", "Float64"]


def test_what_is_not_given_is_not_known(places: Places) -> None:
    zone = frame([box(0, 0, 100, 100)])
    assert exposure_of(zone, no_places()).isna().all(axis=None)
    for name, column in (("buildings", "buildings"), ("roads", "road_m"), ("schools", "schools")):
        others = {kind: area for kind, area in places.covered.items() if kind != name}
        found = exposure_of(zone, places._replace(**{name: None}, covered=others))
        assert found[column].isna().all() and found.drop(columns=column).notna().all(axis=None)
    assert exposure_of(zone, places._replace(population=None))["people"].isna().all()


def test_what_a_layer_does_not_cover_is_not_known(places: Places) -> None:
    half = places._replace(covered=dict.fromkeys(("buildings", "roads", "schools"), box(0, 0, 120, 120)))
    found = exposure_of(frame([box(0, 0, 100, 100), box(50, 25, 150, 75), box(200, 0, 250, 50)]), half)
    for column in ("buildings", "road_m", "schools"):
        assert found[column].isna().tolist() == [False, True, True]


def test_a_pixel_without_a_number_makes_people_unknown(places: Places) -> None:
    zones = frame([box(0, 50, 100, 150), box(50, 50, 110, 110), box(0, 150, 99, 199), box(-50, 0, 50, 50)])
    assert exposure_of(zones, places)["people"].isna().tolist() == [False, True, False, True]


def test_an_empty_layer_that_covers_the_place_is_none_and_not_unknown(places: Places) -> None:
    assert places.buildings is not None and places.roads is not None and places.schools is not None
    empty = places._replace(
        buildings=places.buildings.iloc[:0], roads=places.roads.iloc[:0], schools=places.schools.iloc[:0]
    )
    found = exposure_of(frame([box(0, 0, 100, 100)]), empty)
    assert found[["buildings", "road_m", "schools"]].to_numpy().tolist() == [[0, 0, 0]]


def test_land_without_area_wrong_shapes_and_no_shape(places: Places) -> None:
    flat = Polygon([(0, 0), (100, 0), (0, 0)])
    bow = Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    found = exposure_of(frame([Polygon(), flat, bow, None, MultiPolygon()]), places)
    assert found.iloc[0].tolist() == [0, 0, 0, 0] and found.iloc[4].tolist() == [0, 0, 0, 0]
    assert found.iloc[1]["people"] == 0 and found.iloc[1]["buildings"] == 0
    assert found.iloc[2]["people"] == pytest.approx(5.0)  # two triangles, half of the square
    assert found.iloc[2]["buildings"] == 2 and found.iloc[3].isna().all()
    far = exposure_of(frame([Polygon([(5000, 0), (5100, 0), (5000, 0)])]), places)
    assert far.isna().all(axis=None)  # no area, and nothing is known there
    assert exposure_of(frame([]), places).shape == (0, 4)


def test_zones_may_be_in_another_crs() -> None:
    zone = box(525_000, 1_190_000, 525_100, 1_190_100)
    places = no_places(buildings=frame([zone.centroid]), covered={"buildings": zone.buffer(50)})
    degrees = gpd.GeoDataFrame(geometry=[zone], crs=CRS).to_crs("EPSG:9208")
    assert exposure_of(degrees, places)["buildings"].tolist() == [1]


sizes = st.tuples(st.floats(0, 150), st.floats(0, 80), st.floats(1, 150), st.floats(1, 100))


@given(sizes, st.floats(0.05, 0.95))
@settings(max_examples=80, deadline=None)
def test_two_halves_have_the_people_and_roads_of_the_whole(size: tuple[float, float, float, float], cut: float) -> None:
    x, y, width, height = size
    people = np.random.default_rng(1).uniform(0, 50, (2, 3))
    roads = frame(
        [LineString([(0, 3), (300, 170)]), LineString([(200, 0), (10, 190)])], name=[None] * 2, kind=[None] * 2
    )
    places = no_places(population=cells(people), roads=roads, covered={"roads": EVERYWHERE})
    whole, left, right = (box(x + a * width, y, x + b * width, y + height) for a, b in ((0, 1), (0, cut), (cut, 1)))
    found = exposure_of(frame([whole, left, right]), places)[["road_m", "people"]].to_numpy(float)
    assert found[0] == pytest.approx(found[1] + found[2], rel=1e-9, abs=1e-6)
    assert (found >= 0).all()


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=20))
@settings(max_examples=50, deadline=None)
def test_the_count_is_that_of_one_by_one(spots: list[tuple[float, float]]) -> None:
    places = no_places(buildings=frame([Point(spot) for spot in spots]), covered={"buildings": EVERYWHERE})
    zones = [box(0, 0, 50, 50), box(25, 25, 75, 75), Point(50, 50).buffer(30)]
    expected = [sum(zone.intersects(Point(spot)) for spot in spots) for zone in zones]
    assert exposure_of(frame(zones), places)["buildings"].tolist() == expected
    assert not pd.isna(exposure_of(frame(zones), places)["buildings"]).any()
