"""The nearest settlement, landmark and road: distances and directions by hand, and against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from erosion.places.naming import DIRECTIONS, near_text, nearest_names
from erosion.places.reading import NAMES_WITHIN_M, Places
from tests.places.made_places import frame, no_places


@pytest.fixture
def places() -> Places:
    names = frame(
        [Point(0, 0), Point(0, 400), box(900, 0, 1000, 100)],
        name=["Ấp Một", "Chợ Hai", "Bến phà Ba"],
        kind=["hamlet", "marketplace", "ferry_terminal"],
        settlement=[True, False, False],
    )
    roads = frame(
        [LineString([(-500, -300), (500, -300)]), LineString([(0, 900), (9, 900)])],
        name=["QL 91", None],
        kind=["primary", "track"],
    )
    return no_places(names=names, roads=roads)


def test_distance_and_direction_by_hand(places: Places) -> None:
    found = nearest_names(places, frame([LineString([(-50, 100), (50, 100)]), Point(800, 200)]).set_axis([7, 3]))
    assert list(found.index) == [7, 3]
    one, two = found.iloc[0], found.iloc[1]
    assert (one["settlement"], one["settlement_m"], one["settlement_direction"]) == ("Ấp Một", 100.0, "N")
    assert (one["landmark"], one["landmark_m"], one["landmark_direction"]) == ("Chợ Hai", 300.0, "S")
    assert (one["road"], one["road_kind"], one["road_m"], one["road_direction"]) == ("QL 91", "primary", 400.0, "N")
    assert (two["landmark"], two["landmark_kind"]) == ("Bến phà Ba", "ferry_terminal")
    assert two["landmark_m"] == pytest.approx(100 * 2**0.5) and two["landmark_direction"] == "NW"


def test_a_road_without_a_name_is_a_road(places: Places) -> None:
    found = nearest_names(places, frame([Point(4, 950)])).iloc[0]
    assert found["road"] is None and found["road_kind"] == "track" and found["road_m"] == 50.0


def test_what_is_too_far_or_not_given_is_not_known(places: Places) -> None:
    far = nearest_names(places, frame([Point(0, 2 * NAMES_WITHIN_M)])).iloc[0]
    assert far["settlement"] is None and np.isnan(far["settlement_m"]) and far["settlement_direction"] is None
    nothing = nearest_names(no_places(), frame([Point(0, 0), None]))
    assert len(nothing) == 2 and nothing.isna().all(axis=None) and nothing.shape[1] == 12
    assert nearest_names(places, frame([])).empty
    assert nearest_names(places, frame([None])).isna().all(axis=None)


def test_words_in_both_languages(places: Places) -> None:
    found = nearest_names(places, frame([Point(0, 700), Point(0, 0), Point(0, -1204), Point(-6, 0)]))
    rows = [found.iloc[i] for i in range(4)]
    assert near_text(rows[0], "vi") == "cách Chợ Hai 300 m về phía bắc"
    assert near_text(rows[0], "en") == "300 m north of Chợ Hai"
    assert (near_text(rows[1], "vi"), near_text(rows[1], "en")) == ("tại Ấp Một", "at Ấp Một")
    assert near_text(rows[2], "vi") == "cách Ấp Một 1.200 m về phía nam"
    assert near_text(rows[3], "en") == "10 m west of Ấp Một"  # to the nearest ten metres
    assert near_text(nearest_names(no_places(), frame([Point(0, 0)])).iloc[0], "vi") is None


@pytest.mark.parametrize("octant", range(8))
def test_every_direction(octant: int) -> None:
    angle = np.radians(45 * octant)
    places = no_places(names=frame([Point(10, 10)], name=["A"], kind=[None], settlement=[True]))
    found = nearest_names(places, frame([Point(10 + 500 * np.sin(angle), 10 + 500 * np.cos(angle))])).iloc[0]
    assert found["settlement_direction"] == DIRECTIONS[octant] and found["settlement_m"] == pytest.approx(500)
    for language in ("vi", "en"):
        assert "near." not in str(near_text(found, language))


coordinates = st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000))


@given(st.lists(coordinates, min_size=1, max_size=15), st.lists(coordinates, min_size=2, max_size=6, unique=True))
@settings(max_examples=60, deadline=None)
def test_no_other_place_is_nearer(spots: list[tuple[int, int]], course: list[tuple[int, int]]) -> None:
    shapes = [Point(spot) for spot in spots]
    names = frame(
        shapes, name=[str(i) for i in range(len(spots))], kind=[None] * len(spots), settlement=[True] * len(spots)
    )
    line = LineString(course)
    distances = shapely.distance(np.array(shapes, dtype=object), line)
    found = nearest_names(no_places(names=names), frame([line])).iloc[0]
    if distances.min() > NAMES_WITHIN_M:
        assert found["settlement"] is None
        return
    assert found["settlement_m"] == pytest.approx(distances.min(), abs=1e-6)
    assert distances[int(found["settlement"])] == pytest.approx(distances.min(), abs=1e-6)
