from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from erosion.core.raster.grid import Grid
from erosion.simulate.river.centre_line import CentreLine, Position, smooth_line

CRS = "EPSG:32648"
RADIUS = 1000.0


def quarter_circle(left: bool = True) -> CentreLine:
    """From (1000, 0) north and then west around the origin, or its mirror image."""
    angle = np.linspace(0, np.pi / 2, 60)
    xy = RADIUS * np.column_stack([np.cos(angle), np.sin(angle)])
    if not left:
        xy[:, 0] *= -1
    return CentreLine.through(xy, CRS, prolong_m=500.0)


def test_a_quarter_circle_has_its_length_and_its_curvature() -> None:
    line = quarter_circle()
    assert line.length_m == pytest.approx(RADIUS * np.pi / 2, rel=1e-4)
    middle = (line.s > 300) & (line.s < line.length_m - 300)
    assert line.curvature[middle] == pytest.approx(1 / RADIUS, rel=1e-3)
    assert quarter_circle(left=False).curvature[middle] == pytest.approx(-1 / RADIUS, rel=1e-3)


def test_points_beside_a_circle_are_where_polar_coordinates_put_them() -> None:
    line = quarter_circle()
    angle, away = np.meshgrid(np.linspace(0.3, 1.2, 37), [-400.0, -55.5, 0.0, 120.0, 700.0])
    r = RADIUS - away  # the centre lies on the left
    s, n, heading, _ = line.locate(r * np.cos(angle), r * np.sin(angle))
    assert s == pytest.approx(RADIUS * angle, abs=0.05)
    assert n == pytest.approx(away, abs=0.02)
    assert heading == pytest.approx(angle + np.pi / 2, abs=1e-4)


def test_places_come_back_from_their_coordinates_also_beyond_the_ends() -> None:
    line = quarter_circle()
    s = np.array([-300.0, 0.0, 12.3, 800.0, line.length_m, line.length_m + 444.0])
    n = np.array([50.0, -80.0, 200.0, -310.0, 10.0, -99.0])
    back_s, back_n, _, _ = line.locate(*line.xy(s, n))
    assert back_s == pytest.approx(s, abs=0.1)  # where a bend begins, 200 m outside it
    assert back_n == pytest.approx(n, abs=0.02)


def test_pixels_found_from_their_neighbours_lie_where_the_whole_line_puts_them() -> None:
    line = quarter_circle()
    grid = Grid(CRS, Affine(10, 0, 1003, 0, -10, 1201), 61, 117)  # sizes that are no multiples of eight
    near = Position.of(grid, line)
    s, n, _, _ = line.locate(grid.x[None, :], grid.y[:, None])
    assert near.s == pytest.approx(s, abs=0.01)
    assert near.n == pytest.approx(n, abs=0.01)


def test_a_shift_of_some_metres_moves_chainage_and_offset_as_it_should() -> None:
    line = quarter_circle()
    grid = Grid(CRS, Affine(10, 0, 600, 0, -10, 900), 30, 30)
    s, n = Position.of(grid, line).moved(4.0, -3.0)
    exact_s, exact_n, _, _ = line.locate(grid.x[None, :] + 4.0, grid.y[:, None] - 3.0)
    assert s == pytest.approx(exact_s, abs=0.05)
    assert n == pytest.approx(exact_n, abs=0.05)


def test_values_between_nodes_are_linear() -> None:
    line = quarter_circle()
    assert line.at(2 * line.s + 1, np.array([7.7, 1234.5])) == pytest.approx([16.4, 2470.0])


def test_smoothing_keeps_the_ends_and_takes_a_kink_out() -> None:
    drawn = np.array([[0.0, 0.0], [3000.0, 0.0], [3000.0, 3000.0]])
    smooth = smooth_line(drawn, 300.0)
    assert smooth[0] == pytest.approx(drawn[0], abs=1e-6)
    assert smooth[-1] == pytest.approx(drawn[-1], abs=1e-6)
    line = CentreLine.through(smooth, CRS, 100.0)
    # Velocity along the smoothed right angle is (1 - P, P), P the normal distribution: where P = 1/2 the heading turns
    # by 2 P' and the speed is 1 / sqrt(2), so the curvature there is 2 sqrt(2) / (sigma sqrt(2 pi)).
    assert np.abs(line.curvature).max() == pytest.approx(2 * np.sqrt(2) / (300 * np.sqrt(2 * np.pi)), rel=0.03)
    assert line.heading[-1] - line.heading[0] == pytest.approx(np.pi / 2, abs=0.01)


@pytest.mark.parametrize(
    ("points", "message"),
    [([[0, 0]], "two or more points"), ([[0, 0], [1, 1], [1, 1]], "same"), ([1, 2, 3], "two or more points")],
)
def test_a_line_that_is_none_is_refused(points: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CentreLine.through(points, CRS, 100.0)


def test_a_grid_in_another_zone_or_rotated_is_refused() -> None:
    line = quarter_circle()
    with pytest.raises(ValueError, match="EPSG:32647"):
        Position.of(Grid("EPSG:32647", Affine(10, 0, 600, 0, -10, 900), 3, 3), line)
    with pytest.raises(ValueError, match="rotated"):
        Position.of(Grid(CRS, Affine(9.8, 1.7, 600, 1.7, -9.8, 900), 3, 3), line)
