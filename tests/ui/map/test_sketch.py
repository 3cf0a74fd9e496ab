"""The plane of the map: whole lines in metres, wherever on Earth."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from erosion.publish.projection import cut_at_antimeridian
from erosion.ui.map import sketch

EQUATOR_M = 111_319.491
"""Metres of a degree of longitude on the equator."""


@pytest.mark.parametrize("direction", [1, -1], ids=["eastward", "westward"])
def test_a_river_across_180_degrees_is_whole_on_the_plane(direction: int) -> None:
    """Two lines of 0.02 degrees from 179.98 to -179.98; the second vertex of the first would lie at 180.01."""
    lines = np.array(
        [
            shapely.LineString([(179.98, 0.0), (-179.99, 0.0)][::direction]),
            shapely.LineString([(-179.99, 0.0), (-179.98, 0.0)][::direction]),
        ],
        dtype=object,
    )
    cut = cut_at_antimeridian(lines)
    assert [line.geom_type for line in cut] == ["MultiLineString", "LineString"]
    plane = sketch.frame(cut)
    assert abs(plane.lon) == 180.0
    np.testing.assert_allclose(plane.bounds, [-0.02 * EQUATOR_M, 0.0, 0.02 * EQUATOR_M, 0.0], atol=0.01)
    whole, other = sketch.to_metres(cut, plane)
    assert (whole.geom_type, other.geom_type) == ("LineString", "LineString")
    ends = [-0.02 * EQUATOR_M, 0.01 * EQUATOR_M][::direction]
    np.testing.assert_allclose([whole.coords[0][0], whole.coords[-1][0]], ends, atol=0.01)


def test_neighbouring_lines_of_one_kind_become_one():
    lines = np.array([shapely.LineString([(10 * i, 0), (10 * i + 10, 0)]) for i in range(5)])
    order = np.array([3, 0, 2, 1, 4])
    joined = sketch.chains(lines[order], np.array(list("aabab"))[order], np.arange(5.0)[order])
    found = {(key, tuple(xy[:, 0])) for key, xy in joined}
    assert found == {("a", (0.0, 10.0, 20.0)), ("b", (20.0, 30.0)), ("a", (30.0, 40.0)), ("b", (40.0, 50.0))}


def test_lines_that_do_not_touch_stay_apart():
    lines = np.array([shapely.LineString([(0, 0), (10, 0)]), shapely.LineString([(50, 0), (60, 0)])])
    assert len(sketch.chains(lines, np.array(["a", "a"]), np.array([0.0, 5.0]))) == 2


def test_a_straight_river_is_drawn_between_its_banks():
    at = np.arange(0.0, 6000.0, 100.0)
    left = [shapely.LineString([(x, 100), (x + 100, 100)]) for x in at]
    right = [shapely.LineString([(x, -100), (x + 100, -100)]) for x in at]
    ring = [(3000, -20), (3100, 0), (3000, 20), (2900, 0), (3000, -20)]
    island = [shapely.LineString(ring[i : i + 2]) for i in range(4)]
    lines = np.array([*left, *right, *island])
    bank = np.array(["L"] * 60 + ["R"] * 60 + ["I"] * 4)
    chainage = np.concatenate([at, at, [2990, 3010, 3000, 3005]])
    water, islands = sketch.river(lines, bank, chainage)
    area = shapely.union_all([shapely.Polygon(np.reshape(piece, (-1, 2))) for piece in water])
    assert area.symmetric_difference(shapely.box(0, -100, 6000, 100)).area < 0.001 * area.area
    assert len(islands) == 1
    assert shapely.Polygon(np.reshape(islands[0], (-1, 2))).area == pytest.approx(4000.0)

    middle_at, middle = sketch.centre_line(lines, bank, chainage)
    np.testing.assert_allclose(middle[:, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(middle[:, 0], middle_at + 50.0, atol=1e-6)
    (one, *_) = sketch.marks(middle_at, middle, 1000.0)
    assert one == (0, [50, 0], 0.0)
    assert [mark[0] for mark in sketch.marks(middle_at, middle, 1000.0)] == [0, 1, 2, 3, 4, 5]


def test_marks_too_close_at_first_sight_wait_for_zooming_in():
    """A label is wide and low: another may stand close above it, and none close beside it."""
    places = {0: (0, 0), 10: (400, 0), 20: (1100, 0), 30: (1200, 0), 40: (400, 350), 50: (900, 650)}
    kept, rest = sketch.spaced([(km, list(place), 0.0) for km, place in places.items()], 1000.0, 300.0)
    assert [mark[0] for mark in kept] == [0, 20, 40, 50]
    assert [mark[0] for mark in rest] == [10, 30]


@pytest.mark.parametrize(("length", "bar"), [(999.0, 500.0), (1000.0, 1000.0), (2400.0, 2000.0), (0.6, 0.5)])
def test_scale_bars_have_round_lengths(length, bar):
    assert sketch.nice(length) == bar


def test_every_place_near_the_banks_belongs_to_the_nearest_segment():
    """Cells do not overlap, cover what is in reach of a middle, and hold no place that is nearer to another middle."""
    rng = np.random.default_rng(4)
    start = rng.uniform(0, 4000, (60, 2))
    lines = shapely.linestrings(np.stack([start, start + rng.normal(0, 50, (60, 2))], axis=1))
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    cells = np.array([shapely.Polygon(np.reshape(ring, (-1, 2))) for ring in sketch.cells(lines, 500.0)])
    places = shapely.points(rng.uniform(-600, 4600, (4000, 2)))
    away = shapely.distance(places[:, None], middles[None, :])
    inside = shapely.contains(cells[None, :], places[:, None])
    nearest = away.argmin(axis=1)
    ordered = np.sort(away, axis=1)
    clear = (ordered[:, 1] - ordered[:, 0] > 5.0) & (np.abs(ordered[:, 0] - 480.0) > 25.0)
    near = clear & (ordered[:, 0] < 455.0)
    assert near.sum() > 1000
    assert inside[near, nearest[near]].all()
    assert (inside[clear].sum(axis=1) == (ordered[clear, 0] < 480.0)).all()


def test_two_segments_with_one_middle_share_a_cell():
    lines = shapely.linestrings([[(0, 0), (10, 0)], [(10, 0), (0, 0)], [(100, 0), (110, 0)]])
    one, two, other = sketch.cells(lines, 30.0)
    assert one == two != other
    (alone,) = sketch.cells(lines[:1], 30.0)
    assert shapely.Polygon(np.reshape(alone, (-1, 2))).contains(shapely.Point(5, 20))


def test_a_large_region_is_drawn_with_coarser_bends_and_never_with_visible_ones():
    frame = sketch.Frame(0.0, 0.0, (0.0, 0.0, 20_000.0, 5_000.0))
    assert sketch.tolerance_m(frame) == 2.0
    assert sketch.tolerance_m(frame._replace(bounds=(0.0, 0.0, 20_000.0, 80_000.0))) == 4.0
    assert sketch.tolerance_m(frame._replace(bounds=(0.0, 0.0, 900_000.0, 5_000.0))) == 6.0
