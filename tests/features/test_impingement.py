"""Angles at which made rivers meet their banks: a straight, a circle, and what moving the river does not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.features.impingement import LAGS_W, compute

WIDTH = 100.0


def circle(radius: float, turn: float, step: float = 10.0) -> np.ndarray:
    """River round a circle: turn +1 to the left, -1 to the right."""
    angle = np.arange(0.0, 5.0, step / radius)
    return radius * np.column_stack([np.sin(angle), turn * (1 - np.cos(angle))])


def wave(scale: float = 1.0) -> np.ndarray:
    x = np.linspace(0.0, 6000.0, 601)
    return scale * np.column_stack([x, 200.0 * np.sin(2 * np.pi * (x + 3) / 1500.0)])


def test_a_straight_river_passes_its_banks(made, yearly) -> None:
    got = compute(made(yearly(2), width=WIDTH).know())
    inside = np.isfinite(got["off_course_2w"])
    assert got["impingement_1w"][inside] == pytest.approx(0.0, abs=1e-9)
    for lag in LAGS_W:  # half a width aside after so many widths, on its own side at either bank
        assert got[f"off_course_{lag}w"][inside] == pytest.approx(np.degrees(np.arctan2(0.5, lag)))


@pytest.mark.parametrize("turn", [1.0, -1.0])
@pytest.mark.parametrize("radius", [400.0, 1000.0])
def test_round_a_circle(made, yearly, turn: float, radius: float) -> None:
    known = made(yearly(2), line=circle(radius, turn), width=WIDTH).know()
    got, segments = compute(known), known.baseline.segments
    chainage = segments["chainage_m"].to_numpy()
    away = (chainage > 700) & (chainage < chainage.max() - 700)
    outer = away & (segments["bank"] == ("R" if turn > 0 else "L")).to_numpy()
    inner = away & ~outer
    # The river turns by one width over the radius within a width; the outer bank lies across the old course.
    assert got["impingement_1w"][outer] == pytest.approx(np.degrees(WIDTH / radius), rel=0.01)
    assert got["impingement_1w"][inner] == pytest.approx(-np.degrees(WIDTH / radius), rel=0.01)
    for lag in LAGS_W:
        turned = lag * WIDTH / radius
        for rows, at, sign in ((outer, radius + WIDTH / 2, -1), (inner, radius - WIDTH / 2, 1)):
            wanted = sign * np.degrees(np.arctan2(radius - at * np.cos(turned), at * np.sin(turned)))
            assert got[f"off_course_{lag}w"][rows] == pytest.approx(wanted, abs=0.3)


def test_nothing_is_known_above_the_upstream_end(made, yearly) -> None:
    known = made(yearly(2), width=WIDTH).know()
    chainage = known.baseline.segments["chainage_m"].to_numpy()
    got = compute(known)
    assert (np.isnan(got["impingement_1w"]) == (chainage < WIDTH)).all()
    for lag in LAGS_W:
        assert (np.isnan(got[f"off_course_{lag}w"]) == (chainage < lag * WIDTH)).all()


def test_an_island_s_shores_are_met_as_the_land_they_face(made, yearly) -> None:
    known = made(yearly(2), line=circle(1000.0, 1.0), width=WIDTH, banks="LRI").know()
    bank = known.baseline.segments["bank"].to_numpy()
    for values in compute(known).values():
        np.testing.assert_allclose(
            values[bank == "I"], values[bank == "L"], atol=0.2
        )  # its made shore faces as the left


@given(angle=st.floats(-3.0, 3.0), east=st.floats(-1e4, 1e4), mirror=st.booleans(), scale=st.floats(0.5, 4.0))
@settings(max_examples=10, deadline=None)
def test_place_hand_and_size_of_a_river_change_no_angle(
    made, yearly, angle: float, east: float, mirror: bool, scale: float
) -> None:
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    line = wave(scale) * ([1, -1] if mirror else [1, 1]) @ rotation + [east, 0.0]
    here = compute(made(yearly(2), line=wave(), width=WIDTH).know())
    there = compute(made(yearly(2), line=line, width=WIDTH * scale, length_m=100.0 * scale).know())
    for name, values in here.items():
        # A mirrored river has its left bank on the right: the halves of the table change places.
        wanted = np.roll(values, len(values) // 2) if mirror else values
        np.testing.assert_allclose(there[name], wanted, rtol=1e-6, atol=1e-6, err_msg=name)
