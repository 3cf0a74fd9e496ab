"""Necks of made loops: width, way round, narrowing and years, which do not depend on where the river lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.features.neck import compute, find_necks

WIDTH = 200.0
APART = 500.0
"""Distance of the centre lines of two limbs; the land between them is 300 m wide."""

LIMB = 3000.0


def hairpin(apart: float = APART, limb: float = LIMB, step: float = 20.0) -> np.ndarray:
    """River north along one limb, round half a circle to the right, south along the other."""
    up = np.column_stack([np.zeros(round(limb / step)), np.arange(0.0, limb, step)])
    angle = np.arange(0.0, np.pi, step / (apart / 2))
    turn = np.column_stack([apart / 2 * (1 - np.cos(angle)), limb + apart / 2 * np.sin(angle)])
    down = np.column_stack([np.full(len(up), apart), up[::-1, 1]])
    return np.concatenate([up, turn, down])


def two_hairpins() -> np.ndarray:
    """Two loops in a row, the second turning left, with a kilometre between their limbs."""
    first = hairpin()
    second = first * [1, -1] + [APART + 1500.0, 0]
    across = np.column_stack([np.arange(APART + 20, APART + 1500, 20.0), np.zeros(74)])
    return np.concatenate([first, across, second])


def test_the_neck_of_a_hairpin_is_the_land_between_its_limbs(made, yearly) -> None:
    known = made(yearly(4), line=hairpin(), width=WIDTH).know()
    segments = known.baseline.segments
    got, necks = compute(known), find_necks(known.baseline)
    has = necks.across >= 0
    assert set(segments.loc[has, "bank"]) == {"R"}  # the land inside a right turn
    y = segments.geometry.centroid.y.to_numpy()
    straight = has & (y > 200) & (y < LIMB - 500)
    assert straight.sum() >= 2 * 20
    assert got["neck_width_m"][straight] == pytest.approx(APART - WIDTH, rel=0.02)
    assert got["neck_width_w"][straight] == pytest.approx((APART - WIDTH) / WIDTH, rel=0.02)
    way_round = 2 * (LIMB - y[straight]) + np.pi * APART / 2
    assert got["neck_loop_w"][straight] * WIDTH == pytest.approx(way_round, abs=120)
    assert set(necks.loop[has]) == {0}
    assert (necks.across[necks.across[straight]] >= 0).all()  # the other limb has its way across, too


def test_a_neck_narrows_by_what_both_banks_lose_less_what_they_gain(made, yearly) -> None:
    river = made(yearly(6), line=hairpin(), width=WIDTH)
    segments = river.baseline().segments
    on_first_limb = segments.geometry.centroid.x.to_numpy() < APART / 2
    river.loss = np.where(on_first_limb, 10.0, 5.0)[:, None]
    river.gain = np.where(on_first_limb, 2.0, 0.0)[:, None]
    got, necks = compute(river.know()), find_necks(river.baseline())
    y = segments.geometry.centroid.y.to_numpy()
    straight = (necks.across >= 0) & (y > 300) & (y < LIMB - 800)
    assert straight.any()
    assert got["neck_closing_rate"][straight] == pytest.approx(13.0, rel=0.01)
    assert got["neck_years"][straight] == pytest.approx(got["neck_width_m"][straight] / 13.0, rel=0.01)


def test_a_neck_that_widens_has_no_years(made, yearly) -> None:
    got = compute(made(yearly(6), line=hairpin(), width=WIDTH, gain=np.full(6, 3.0)).know())
    has = np.isfinite(got["neck_width_m"])
    assert got["neck_closing_rate"][has] == pytest.approx(-6.0 * 365.25 / 365)  # the epochs are 365 days apart
    assert np.isnan(got["neck_years"]).all()


@pytest.mark.parametrize(
    ("apart", "limb", "why"),
    [(8.0 * WIDTH, 6000.0, "six widths and more of land"), (APART, 100.0, "a loop shorter than five widths")],
)
def test_no_neck(made, yearly, apart: float, limb: float, why: str) -> None:
    known = made(yearly(4), line=hairpin(apart, limb), width=WIDTH).know()
    assert (find_necks(known.baseline).across == -1).all(), why
    assert all(np.isnan(values).all() for values in compute(known).values())


def test_a_straight_river_has_no_neck(made, yearly) -> None:
    assert (find_necks(made(yearly(4)).baseline()).loop == -1).all()


def test_each_loop_has_its_number(made, yearly) -> None:
    baseline = made(yearly(4), line=two_hairpins(), width=WIDTH).baseline()
    loop, x = find_necks(baseline).loop, baseline.segments.geometry.centroid.x.to_numpy()
    first, second = (set(loop[(loop >= 0) & side]) for side in (x < APART + 200, x > APART + 1300))
    assert len(first) == len(second) == 1
    assert first != second


@given(angle=st.floats(-3.0, 3.0), east=st.floats(-1e4, 1e4), mirror=st.booleans())
@settings(max_examples=10, deadline=None)
def test_where_a_river_lies_changes_no_neck(made, yearly, angle: float, east: float, mirror: bool) -> None:
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    line = two_hairpins() * ([1, -1] if mirror else [1, 1]) @ rotation + [east, 0.0]
    loss = np.arange(6.0)
    here = compute(made(yearly(6), line=two_hairpins(), width=WIDTH, loss=loss).know())
    there = compute(made(yearly(6), line=line, width=WIDTH, loss=loss).know())
    for name, values in here.items():
        # A mirrored river has its left bank on the right: the halves of the table change places.
        wanted = np.roll(values, len(values) // 2) if mirror else values
        np.testing.assert_allclose(there[name], wanted, rtol=1e-6, atol=1e-6, err_msg=name)
