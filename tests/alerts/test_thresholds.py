"""Thresholds of warning levels, computed by hand, and the precision that they keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.alerts.thresholds import choose_thresholds


def test_threshold_is_the_lowest_probability_that_keeps_its_precision():
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    event = np.array([1, 1, 0, 1, 0, 0, 0, 0])
    # Precision downward: 1, 1, 2/3, 3/4, 3/5, 3/6, 3/7, 3/8.
    found = choose_thresholds(p, event, np.ones(8), {2: 0.5, 3: 0.6, 4: 0.75}, min_rows=1, min_events=1)
    assert found == {2: 0.4, 3: 0.5, 4: 0.6}


def test_precision_is_of_bank_length_not_of_rows():
    p, event = np.array([0.9, 0.8, 0.1]), np.array([1, 0, 0])
    # One kilometre that eroded outweighs 200 m that did not: 1000 / 1200.
    found = choose_thresholds(
        p, event, np.array([1000, 200, 9000.0]), {2: 0.8, 3: 0.8, 4: 0.9}, min_rows=1, min_events=1
    )
    assert found == {2: 0.8, 3: 0.8, 4: 0.9}


def test_equal_probabilities_stand_or_fall_together():
    p, event = np.array([0.8, 0.8, 0.8, 0.1]), np.array([1, 1, 0, 0])
    found = choose_thresholds(p, event, np.ones(4), {2: 0.6, 3: 0.7, 4: 0.9}, min_rows=1, min_events=1)
    assert found[2] == 0.8
    assert np.isnan(found[3])
    assert np.isnan(found[4])


def test_a_lucky_few_at_the_top_set_no_threshold():
    p = np.linspace(1, 0, 1001)
    event = np.zeros(1001)
    event[:9] = 1
    found = choose_thresholds(p, event, np.ones(1001), {2: 0.25, 3: 0.5, 4: 0.75})
    assert all(np.isnan(value) for value in found.values())  # nine events, fewer than asked for
    event[9] = 1
    found = choose_thresholds(p, event, np.ones(1001), {2: 0.25, 3: 0.5, 4: 0.75})
    assert found[2] == p[39]  # 10 events of 40 rows
    assert np.isnan(found[3])  # 10 of 20 would do, but 20 rows are too few


def test_rows_without_a_probability_or_an_outcome_are_left_out():
    p, event = np.array([0.9, np.nan, 0.8, 0.7]), np.array([1, 0, np.nan, 1])
    found = choose_thresholds(p, event, np.ones(4), {2: 1, 3: 1, 4: 1}, min_rows=2, min_events=2)
    assert found == {2: 0.7, 3: 0.7, 4: 0.7}
    assert all(np.isnan(value) for value in choose_thresholds([], [], [], {2: 0.1, 3: 0.2, 4: 0.3}).values())


@pytest.mark.parametrize(
    ("precision", "length_m", "message"),
    [
        ({2: 0.5, 3: 0.4, 4: 0.9}, [1.0, 1.0], "rise with the level"),
        ({2: 0.5, 4: 0.9}, [1.0, 1.0], r"level \[3\]"),
        ({2: 0.5, 3: 0.6, 4: 0.9}, [1.0, 0.0], "length_m"),
        ({2: 0.5, 3: 0.6, 4: 0.9}, [1.0], "one row each"),
    ],
)
def test_thresholds_refuse_what_they_cannot_use(precision, length_m, message):
    with pytest.raises(ValueError, match=message):
        choose_thresholds([0.5, 0.6], [0, 1], length_m, precision)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 300))
def test_thresholds_keep_their_promise_and_the_next_lower_does_not(seed, rows):
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 40, rows) / 40
    event = rng.random(rows) < p
    length_m = rng.uniform(20, 180, rows)
    wanted = {2: 0.25, 3: 0.5, 4: 0.75}
    found = choose_thresholds(p, event, length_m, wanted)

    def keeps(threshold, share):
        at = p >= threshold
        hits = (event * length_m)[at].sum() / length_m[at].sum()
        return at.sum() >= 30 and event[at].sum() >= 10 and hits >= share - 1e-12

    for level, share in wanted.items():
        good = [value for value in np.unique(p) if keeps(value, share)]
        assert found[level] == min(good) if good else np.isnan(found[level])
    finite = [value for value in found.values() if np.isfinite(value)]
    assert finite == sorted(finite)
