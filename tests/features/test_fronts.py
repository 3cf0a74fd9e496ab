"""Where erosion stands along made banks: distances, a front of known speed, the centre, and what lies downstream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.features.fronts import AROUND_M, FAR_M, compute

N = 80
"""Segments of 100 m on each of two banks; the middle of the first lies at 50 m."""

LINE = np.column_stack([np.arange(0.0, 100.0 * N + 1, 20.0), np.zeros(5 * N + 1)])
AT = 50.0 + 100.0 * np.arange(N)


def losses(*eroding: slice, epochs: int = 9) -> np.ndarray:
    """Twenty metres a year at some segments of the left bank, one at the others, shape (segments, epochs)."""
    loss = np.ones((2 * N, epochs))
    for places in eroding:
        loss[places] = 20.0
    return loss


def test_the_distance_to_erosion_upstream(made, yearly) -> None:
    got = compute(made(yearly(9), line=LINE, loss=losses(slice(10, 15))).know())["front_distance"]
    assert (got[:10] == FAR_M).all()  # it lies downstream of them
    assert (got[10:15] == 0).all()
    assert got[15:40] == pytest.approx(100.0 * np.arange(1, 26))
    assert (got[45:] == FAR_M).all()  # far away, and the other bank


@pytest.mark.parametrize("step", [0, 1, 3])
def test_a_front_of_known_speed(made, yearly, step: int) -> None:
    """A stretch of ten segments that goes on by so many segments a year: its end in three years is that of the last one."""
    epochs = 9
    loss = np.zeros((2 * N, epochs))
    for k in range(epochs):
        first = 10 + step * k
        loss[first : first + 10, k] = 60.0  # over three years still 20 m/y where it stood for one
    got = compute(made(yearly(epochs), line=LINE, loss=loss).know())
    end = 10 + step * (epochs - 1) + 9
    assert got["front_speed"][end + 1 : end + 6] == pytest.approx(100.0 * step)
    assert got["front_distance"][end + 1 : end + 6] == pytest.approx(100.0 * np.arange(1, 6))


def test_without_a_record_the_speed_is_not_known(made, yearly) -> None:
    got = compute(made(yearly(4), line=LINE, loss=losses(slice(10, 15), epochs=4)).know())
    assert np.isnan(got["front_speed"]).all()
    assert np.isfinite(got["front_distance"]).all()


def test_the_centre_of_erosion(made, yearly) -> None:
    loss = np.zeros((2 * N, 9))
    loss[20], loss[24] = 30.0, 10.0
    got = compute(made(yearly(9), line=LINE, loss=loss).know())["erosion_centre"]
    centre = (3 * AT[20] + AT[24]) / 4
    both = (np.abs(AT - AT[20]) <= AROUND_M) & (np.abs(AT - AT[24]) <= AROUND_M)
    assert got[:N][both] == pytest.approx(centre - AT[both])
    assert got[9] != got[9] and got[10] == pytest.approx(AROUND_M)  # the first place that sees one of them
    assert np.isnan(got[N:]).all()  # nothing was lost on the other bank


def test_an_island_has_no_front(made, yearly) -> None:
    known = made(yearly(9), line=LINE, banks="LRI").know()
    island = (known.baseline.segments["bank"] == "I").to_numpy()
    assert all(np.isnan(values[island]).all() for values in compute(known).values())


@given(angle=st.floats(-3.0, 3.0), east=st.floats(-1e4, 1e4), mirror=st.booleans())
@settings(max_examples=8, deadline=None)
def test_where_a_river_lies_changes_nothing(made, yearly, angle: float, east: float, mirror: bool) -> None:
    rng = np.random.default_rng(0)
    loss = rng.gamma(0.5, 20.0, (2 * N, 9))
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = made(yearly(9), line=LINE * ([1, -1] if mirror else [1, 1]) @ rotation + [east, 0.0])
    moved.loss = np.roll(loss, N, axis=0) if mirror else loss  # a mirrored river has its left bank on the right
    here, there = compute(made(yearly(9), line=LINE, loss=loss).know()), compute(moved.know())
    for name, values in here.items():
        wanted = np.roll(values, N) if mirror else values
        np.testing.assert_allclose(there[name], wanted, atol=1e-6, err_msg=name)


@given(seed=st.integers(0, 100), at=st.integers(20, 60))
@settings(max_examples=20, deadline=None)
def test_the_front_is_not_changed_by_what_lies_downstream_of_its_end(made, yearly, seed: int, at: int) -> None:
    loss = np.random.default_rng(seed).gamma(0.5, 20.0, (2 * N, 9))
    loss[at - 1] = 0.0
    other = loss.copy()
    other[at:N] = 7.0
    one, two = (compute(made(yearly(9), line=LINE, loss=values).know()) for values in (loss, other))
    np.testing.assert_array_equal(one["front_distance"][:at], two["front_distance"][:at])
    np.testing.assert_array_equal(one["front_speed"][:at], two["front_speed"][:at])
