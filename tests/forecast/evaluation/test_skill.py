"""Scores against scikit-learn and by hand; intervals that hold their value and narrow; chance scores as chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from erosion.forecast.evaluation.skill import (
    Draws,
    brier,
    brier_skill,
    crossed,
    draw_blocks,
    mean_of_draws,
    pr_auc,
    reliability,
    roc_auc,
    top_shares,
    with_interval,
)


def ones(n: int) -> Draws:
    """Return one draw of n rows, each once."""
    return Draws(np.zeros(n, int), np.ones((1, 1)))


def each(weights: np.ndarray) -> Draws:
    """Return draws in which every row is a block of its own, shape (draws, n)."""
    return Draws(np.arange(weights.shape[1]), weights)


def top_share(retreat: np.ndarray, score: np.ndarray, length: np.ndarray, drawn: Draws, part: float) -> np.ndarray:
    return top_shares(retreat, score, length, drawn, [part])[0]


@st.composite
def forecasts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events, scores with many ties, whole weights as the bootstrap draws them."""
    n = draw(st.integers(4, 40))
    event = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    event[:2] = True, False
    score = np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))) / 6
    weights = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), np.float32)
    weights[:2] = 1
    return event, score, weights


@given(case=forecasts())
@settings(max_examples=60, deadline=None)
def test_areas_and_brier_are_those_of_scikit_learn(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    event, score, weights = case
    both = each(np.stack([np.ones_like(weights), weights]))
    for row, w in enumerate(both.times):
        assert roc_auc(event, score, both)[row] == pytest.approx(roc_auc_score(event, score, sample_weight=w))
        assert pr_auc(event, score, both)[row] == pytest.approx(average_precision_score(event, score, sample_weight=w))
        wanted = brier_score_loss(event, score, sample_weight=w)
        assert brier(event, score, both)[row] == pytest.approx(wanted, abs=1e-6)


@given(case=forecasts())
@settings(max_examples=30, deadline=None)
def test_a_weight_of_two_is_the_row_twice(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    event, score, weights = case
    times = weights.astype(int)
    length = 50.0 + 10 * np.arange(len(event))
    repeated = [np.repeat(values, times) for values in (event, score, length)]
    for function in (roc_auc, pr_auc, brier_skill):
        once = function(event, score, each(weights[None]))[0]
        assert once == pytest.approx(function(*repeated[:2], ones(times.sum()))[0], abs=1e-5)
    if event[times > 0].any():
        once = top_share(event * 1.0, score, length, each(weights[None]), 0.3)[0]
        again = top_share(repeated[0] * 1.0, repeated[1], repeated[2], ones(times.sum()), 0.3)[0]
        assert once == pytest.approx(again, abs=1e-5)


def test_areas_by_hand() -> None:
    event = np.array([True, False, True, False])
    score = np.array([0.9, 0.8, 0.7, 0.1])
    assert roc_auc(event, score, ones(4))[0] == pytest.approx(3 / 4)  # pairs in the right order: 3 of 4
    assert pr_auc(event, score, ones(4))[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert roc_auc(event, np.zeros(4), ones(4))[0] == 0.5
    assert pr_auc(event, np.zeros(4), ones(4))[0] == 0.5


def test_without_events_there_is_no_score() -> None:
    nothing, p = np.zeros(5, bool), np.linspace(0, 1, 5)
    for function in (roc_auc, pr_auc, brier_skill):
        assert np.isnan(function(nothing, p, ones(5))).all() or np.isinf(function(nothing, p, ones(5))).all()
    assert np.isnan(with_interval(roc_auc(nothing, p, ones(5)))).all()


def test_the_base_rate_has_no_skill_and_certainty_has_all() -> None:
    event = np.arange(100) < 13
    assert brier_skill(event, np.full(100, 0.13), ones(100))[0] == pytest.approx(0, abs=1e-6)
    assert brier_skill(event, event * 1.0, ones(100))[0] == 1
    assert brier_skill(event, np.full(100, 0.5), ones(100))[0] == pytest.approx(1 - 0.25 / (0.13 * 0.87), abs=1e-5)


def test_a_random_forecast_scores_as_chance() -> None:
    rng = np.random.default_rng(3)
    event, score = rng.random(40_000) < 0.1, rng.random(40_000)
    assert roc_auc(event, score, ones(40_000))[0] == pytest.approx(0.5, abs=0.02)
    assert pr_auc(event, score, ones(40_000))[0] == pytest.approx(event.mean(), abs=0.01)
    share = top_share(rng.gamma(0.3, 20, 40_000), score, np.full(40_000, 100.0), ones(40_000), 0.1)[0]
    assert share == pytest.approx(0.1, abs=0.02)


def test_top_share_by_hand() -> None:
    retreat = np.array([40.0, 10.0, 0.0, 50.0])
    length = np.array([100.0, 100.0, 200.0, 100.0])
    score = np.array([0.9, 0.8, 0.1, 0.7])
    # Eroded areas 4000, 1000, 0, 5000 of 10,000; 500 m of bank, best first 100, 100, 100, 200.
    for part, wanted in ((0.2, 0.4), (0.4, 0.5), (0.6, 1.0), (0.3, 0.45), (0.1, 0.2), (1.0, 1.0)):
        assert top_share(retreat, score, length, ones(4), part)[0] == pytest.approx(wanted), part


@pytest.mark.parametrize("seed", [0, 1])
def test_a_constant_forecast_finds_its_share_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    retreat = rng.permutation(np.r_[np.full(10, 100.0), np.zeros(90)])
    assert top_share(retreat, np.full(100, 0.1), np.full(100, 100.0), ones(100), 0.1)[0] == pytest.approx(0.1)


@given(case=forecasts())
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_changes_nothing(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    event, score, weights = case
    length, back = np.linspace(50, 150, len(event)), np.arange(len(event))[::-1]
    once, turned = each(weights[None]), each(weights[None, back])
    for function in (roc_auc, pr_auc, brier):
        assert function(event, score, once) == pytest.approx(function(event[back], score[back], turned), rel=1e-9)
    if event[weights > 0].any():
        share = top_share(event * 1.0, score, length, once, 0.2)
        assert share == pytest.approx(top_share(event[back] * 1.0, score[back], length[back], turned, 0.2))


@given(case=forecasts(), blocks=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_rows_counted_by_blocks_score_as_rows_weighed_one_by_one(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], blocks: int
) -> None:
    event, score, _ = case
    drawn = draw_blocks(np.arange(len(event)) % blocks, 10, seed=0)
    one_by_one = each(drawn.times[:, drawn.block])
    length = np.linspace(50, 150, len(event))
    for function in (roc_auc, pr_auc, brier, brier_skill):
        np.testing.assert_allclose(function(event, score, drawn), function(event, score, one_by_one), rtol=1e-9)
    for part in (0.1, 0.5, 1.0):
        wanted = top_share(event * 1.0, score, length, one_by_one, part)
        np.testing.assert_allclose(top_share(event * 1.0, score, length, drawn, part), wanted, rtol=1e-9)


# --- intervals -----------------------------------------------------------------------------------------------------------


def test_blocks_are_drawn_whole() -> None:
    block = np.array([4, 4, 7, 7, 7, 9])
    drawn = draw_blocks(block, 50, seed=0)
    weights = drawn.times[:, drawn.block]
    assert weights.shape == (51, 6)
    assert (weights[0] == 1).all()
    for number in np.unique(block):
        mine = weights[:, block == number]
        assert (mine == mine[:, :1]).all()
    assert (weights[1:, [0, 2, 5]].sum(axis=1) == 3).all()  # one row a block
    np.testing.assert_array_equal(drawn.times, draw_blocks(block, 50, seed=0).times)
    assert (drawn.times[1:] != draw_blocks(block, 50, seed=1).times[1:]).any()


def test_crossed_draws_take_a_row_as_often_as_its_two_blocks_together() -> None:
    place, date = np.array([0, 0, 1, 1, 2]), np.array([5, 6, 5, 6, 5])
    one, other = draw_blocks(place, 40, seed=0), draw_blocks(date, 40, seed=1)
    both = crossed(one, other)
    wanted = one.times[:, one.block] * other.times[:, other.block]
    np.testing.assert_array_equal(both.times[:, both.block], wanted[wanted.sum(axis=1) > 0])
    value = np.arange(5.0)
    np.testing.assert_allclose(mean_of_draws(value, both)[0], 2.0)


def test_intervals_hold_the_value_and_narrow_with_more_river() -> None:
    rng = np.random.default_rng(5)
    width = {}
    for blocks in (10, 160):
        event = rng.random(blocks * 20) < 0.3
        p = np.clip(0.3 + 0.3 * (event - 0.3) + rng.normal(0, 0.2, event.size), 0, 1)
        drawn = draw_blocks(np.repeat(np.arange(blocks), 20), 200, seed=0)
        score = with_interval(roc_auc(event, p, drawn))
        assert score.low < score.value < score.high
        width[blocks] = score.high - score.low
    assert width[160] < 0.5 * width[10]


def test_errors_that_persist_in_a_block_widen_the_interval() -> None:
    rng = np.random.default_rng(6)
    by_block = np.repeat(rng.normal(size=40), 25)
    width = [
        np.subtract(*with_interval(mean_of_draws(by_block, draw_blocks(block, 300, seed=0)))[:0:-1])
        for block in (np.repeat(np.arange(40), 25), np.arange(1000))
    ]
    assert width[0] > 3 * width[1]


def test_too_few_draws_give_no_interval() -> None:
    score = with_interval(np.array([0.7] + [np.nan] * 100 + [0.6] * 19))
    assert score.value == 0.7
    assert np.isnan(score.low) and np.isnan(score.high)


# --- reliability -----------------------------------------------------------------------------------------------------------


def test_reliability_by_hand() -> None:
    p = np.array([0.05, 0.05, 0.15, 0.95, 1.0, 0.1])
    event = np.array([False, True, False, True, True, True])
    rows = reliability(event, p)
    assert [row[0] for row in rows] == pytest.approx([0.0, 0.1, 0.9])
    assert [row[1] for row in rows] == pytest.approx([0.05, 0.125, 0.975])
    assert [row[2] for row in rows] == pytest.approx([0.5, 0.5, 1.0])
    assert [row[3] for row in rows] == [2, 2, 2]


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=50))
@settings(max_examples=30, deadline=None)
def test_every_row_is_in_one_bin(p: list[float]) -> None:
    rows = reliability(np.zeros(len(p), bool), np.array(p))
    assert sum(row[3] for row in rows) == len(p)
    assert all(edge <= mean <= edge + 0.1 + 1e-9 for edge, mean, _, _ in rows)
