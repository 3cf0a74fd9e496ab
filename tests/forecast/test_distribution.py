"""Chance, lines, mean and scores of one distribution: they agree with each other and with numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.integrate import quad

from erosion.forecast.distribution import KNOTS_M, SMALLEST_CHANCE, Distribution, distribution_of

TAIL_M = 80.0
SOME = npst.arrays(float, st.tuples(st.integers(1, 6), st.just(len(KNOTS_M))), elements=st.floats(0, 1))


def made(exceedance: np.ndarray) -> Distribution:
    return distribution_of(KNOTS_M, exceedance, TAIL_M)


def one(distribution: Distribution, row: int) -> Distribution:
    return distribution._replace(exceedance=distribution.exceedance[[row]])


@given(raw=SOME, distance=st.floats(0.1, 900), chance=st.floats(0.001, 0.999))
def test_chance_and_line_say_the_same(raw: np.ndarray, distance: float, chance: float) -> None:
    """A distance is reached with at least a chance exactly where it lies before the line of that chance."""
    distribution = made(raw)
    reached, line = distribution.chance(distance), distribution.line(chance)
    for p, end in zip(reached, line, strict=True):
        if p > chance * (1 + 1e-9):
            assert distance <= end * (1 + 1e-9)
        if p < chance * (1 - 1e-9):
            assert distance >= end * (1 - 1e-9)


@given(raw=SOME)
def test_chances_fall_with_distance_and_lines_with_chance(raw: np.ndarray) -> None:
    distribution = made(raw)
    chances = np.column_stack([distribution.chance(x) for x in (0.5, 5, 7, 10, 29.9, 30, 31, 200, 360, 500)])
    lines = np.column_stack([distribution.line(c) for c in (0.95, 0.9, 0.7, 0.5, 0.3, 0.1, 0.05)])
    assert (np.diff(chances, axis=1) <= 1e-12).all() and (chances >= 0).all() and (chances <= 1).all()
    assert (np.diff(lines, axis=1) >= -1e-9).all() and (lines >= 0).all()


@given(raw=SOME, other=SOME, spread=st.floats(0.0, 5.0))
def test_widening_keeps_order_and_nesting(raw: np.ndarray, other: np.ndarray, spread: float) -> None:
    one_year, n = made(raw), min(len(raw), len(other))
    three_years = one_year._replace(exceedance=one_year.exceedance[:n]).at_least(made(other[:n]))
    short, long = one_year.widened(spread), three_years.widened(spread)
    assert (np.diff(short.exceedance, axis=1) <= 0).all()
    assert (long.exceedance >= short.exceedance[:n]).all(), "horizons nest"
    before, after = one_year.exceedance.ravel(), short.exceedance.ravel()
    assert (np.diff(after[np.argsort(before, kind="stable")]) >= 0).all(), "the order of chances stays"
    towards_half = np.abs(after - 0.5) <= np.abs(before - 0.5) + 2 * SMALLEST_CHANCE
    assert towards_half.all()


def test_widening_by_hand() -> None:
    distribution = made(np.tile([0.9, 0.5, 0.1], (1, 4))[:, : len(KNOTS_M)])
    same = distribution.widened(0.0)
    np.testing.assert_allclose(same.exceedance, distribution.exceedance, rtol=1e-9)
    wide = distribution.widened(1.0)
    # Log odds of 0.9 are ln 9; sqrt(1 + pi / 8) is 1.18011.
    assert wide.exceedance[0, 0] == pytest.approx(1 / (1 + 9 ** (-1 / 1.18011)), rel=1e-5)
    assert wide.exceedance[0, 1] == pytest.approx(0.5)
    assert wide.tail_m == TAIL_M


@given(centre=st.floats(-6, 6), spread=st.floats(0.1, 1.5))
@settings(max_examples=30, deadline=None)
def test_widening_is_near_the_average_over_the_spread(centre: float, spread: float) -> None:
    """MacKay's approximation against numerical integration of the logistic function over the normal distribution."""
    chance = 1 / (1 + np.exp(-centre))
    exact, _ = quad(
        lambda z: np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) / (1 + np.exp(-centre - spread * z)), -9, 9, limit=200
    )
    wide = made(np.full((1, len(KNOTS_M)), chance)).widened(spread).exceedance[0, 0]
    assert wide == pytest.approx(exact, abs=0.02)


@given(raw=SOME)
@settings(max_examples=20, deadline=None)
def test_mean_is_the_integral_of_the_chance(raw: np.ndarray) -> None:
    distribution = made(raw)
    for row, mean in enumerate(distribution.mean()):
        alone = one(distribution, row)
        assert mean == pytest.approx(_integral(lambda x, d=alone: d.chance(x)[0]), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("outcome", [0.0, 3.0, 5.0, 17.0, 90.0, 700.0])
@pytest.mark.parametrize("above", [0.0, 25.0, 60.0])
def test_crps_is_the_integral_of_its_definition(outcome: float, above: float) -> None:
    rng = np.random.default_rng(0)
    distribution = made(-np.sort(-rng.random((4, len(KNOTS_M))), axis=1))
    counted = outcome if outcome >= KNOTS_M[0] else 0.0
    scores = distribution.crps(np.full(4, outcome), above)
    for row, score in enumerate(scores):
        alone = one(distribution, row)
        squares = _integral(lambda x, d=alone: (1 - d.chance(x)[0] - (x >= counted)) ** 2, above, outcome)
        assert score == pytest.approx(squares, rel=1e-4)


def _integral(function, low: float = 0.0, *breaks: float) -> float:
    edges = sorted({low, 4000.0, *(x for x in (*KNOTS_M, *breaks) if x > low)})
    return sum(quad(function, max(a, 1e-9), b, limit=200)[0] for a, b in zip(edges[:-1], edges[1:], strict=True))


def test_crps_of_a_sure_forecast_is_its_error() -> None:
    """Hand-computed: all chance at 30 m, outcome 50 m: CRPS 20 m; above 40 m 10 m of it."""
    sure = made(np.array([[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]], dtype=float))._replace(
        knots_m=np.array([5, 10, 20, 30, 30.0001, 60, 90, 150, 240, 360.0])
    )
    assert sure.crps(np.array([50.0]))[0] == pytest.approx(20.0, abs=1e-3)
    assert sure.crps(np.array([50.0]), 40.0)[0] == pytest.approx(10.0, abs=1e-3)
    assert sure.mean()[0] == pytest.approx(30.0, abs=1e-3)
    assert sure.line(0.5)[0] == pytest.approx(30.0, abs=1e-3)


def test_scores_are_proper() -> None:
    """The distribution that outcomes are drawn from scores better than one with other chances."""
    rng = np.random.default_rng(1)
    true = made(np.exp(-np.asarray(KNOTS_M) / 40)[None, :] * 0.6)
    drawn = np.where(rng.random(20_000) < 0.6, 40 * rng.exponential(size=20_000), 0.0)
    others = [made(true.exceedance**power) for power in (0.5, 0.8, 1.25, 2.0)]
    for above in (0.0, 30.0):
        best = _mean_crps(true, drawn, above)
        assert all(_mean_crps(other, drawn, above) > best for other in others)


def _mean_crps(distribution: Distribution, outcome: np.ndarray, above: float) -> float:
    many = distribution._replace(exceedance=np.repeat(distribution.exceedance, len(outcome), axis=0))
    return float(many.crps(outcome, above).mean())


def test_coverage_counts_banks_that_stand_still_by_their_share() -> None:
    """Of outcomes drawn from the forecast 80 % lie between the levels 0.1 and 0.9, however many stand still."""
    rng = np.random.default_rng(2)
    for moving in (0.05, 0.3, 0.95):
        law = made(np.exp(-np.asarray(KNOTS_M) / 40)[None, :] * moving)
        level = rng.random(20_000)
        # The line of a chance drawn evenly is an outcome of the distribution itself.
        drawn = np.concatenate([law.line(chance) for chance in 1 - level])
        many = law._replace(exceedance=np.repeat(law.exceedance, len(drawn), axis=0))
        assert many.share_between(drawn, 0.1, 0.9).mean() == pytest.approx(0.8, abs=0.015)
        assert many.share_between(drawn, 0.9, 1.0).mean() == pytest.approx(0.1, abs=0.01)
        assert ((drawn >= many.line(0.9)) & (drawn <= many.line(0.1))).mean() >= 0.8 - 0.015


@given(short=SOME, data=st.data())
def test_a_longer_horizon_is_never_less_likely(short: np.ndarray, data: st.DataObject) -> None:
    longer = data.draw(npst.arrays(float, short.shape, elements=st.floats(0, 1)))
    nested = made(longer).at_least(made(short))
    for distance in (3, 10, 27, 60, 400):
        assert (nested.chance(distance) >= made(short).chance(distance) - 1e-12).all()
    assert (nested.exceedance >= made(longer).exceedance).all()


def test_other_knots_do_not_nest() -> None:
    with pytest.raises(ValueError, match="other knots"):
        made(np.full((1, len(KNOTS_M)), 0.5)).at_least(distribution_of((5.0, 30.0), np.full((1, 2), 0.5), TAIL_M))


def test_a_chance_that_rises_with_distance_is_mended_and_none_is_zero() -> None:
    rising = distribution_of((5.0, 10.0, 20.0), np.array([[0.2, 0.6, 0.0]]), TAIL_M)
    assert rising.exceedance.tolist() == [[0.2, 0.2, SMALLEST_CHANCE]]


@pytest.mark.parametrize("question", [lambda d: d.chance(0.0), lambda d: d.line(0.0), lambda d: d.line(1.0)])
def test_a_question_without_answer_is_refused(question) -> None:
    with pytest.raises(ValueError, match=r"positive distance|between 0 and 1"):
        question(made(np.full((1, len(KNOTS_M)), 0.5)))
