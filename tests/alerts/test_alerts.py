"""Thresholds and levels: hand-computed runs, and laws that must hold for any river."""

import dataclasses
import hashlib
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from erosion.alerts.levels import decide
from erosion.alerts.life import plan_events
from erosion.alerts.states import STATE_COLUMNS, carry
from erosion.alerts.thresholds import choose_thresholds
from erosion.config.region import Drawdown, Policy, Trigger
from erosion.core.contracts import ALERT_COLUMNS

AS_OF = "2012-08-01"
NEVER = float("nan")
THRESHOLDS = {2: 0.2, 3: 0.5, 4: 0.7}
POLICY = Policy(
    stale_after_days=800,
    min_coverage=0.5,
    runs_to_raise=2,
    runs_to_clear=2,
    jump=0.3,
    clear_ratio=0.8,
    max_level4_share=1.0,
    warning_from_level=2,
)
"""Clears at 0.16, 0.40 and 0.56; jumps at 0.5, 0.8 and 1.0. No cap unless a test sets one."""


def policy(**changes):
    return dataclasses.replace(POLICY, **changes)


def scores(p, *, length_m=100.0, age=10.0, coverage=1.0, ids=None):
    p = np.atleast_1d(np.asarray(p, dtype=float))
    return pd.DataFrame(
        {
            "segment_id": [f"test-L-{i * 100:07d}" for i in range(p.size)] if ids is None else ids,
            "p_event": p,
            "length_m": np.broadcast_to(length_m, p.shape),
            "data_age_days": np.broadcast_to(age, p.shape),
            "coverage": np.broadcast_to(coverage, p.shape),
        }
    )


def state(level, candidate_level, candidate_runs, ids=None, *, model_level=None, trigger_runs=0):
    level = np.atleast_1d(level)
    return pd.DataFrame(
        {
            "segment_id": [f"test-L-{i * 100:07d}" for i in range(level.size)] if ids is None else ids,
            "level": level,
            "model_level": level if model_level is None else np.atleast_1d(model_level),
            "candidate_level": np.atleast_1d(candidate_level),
            "candidate_runs": np.atleast_1d(candidate_runs),
            "trigger_runs": trigger_runs,
        }
    )


def walk(series, rules=POLICY, thresholds=THRESHOLDS, start=None):
    """Levels and reasons of one place under a series of probabilities."""
    levels, reasons, memory = [], [], start
    for p in series:
        memory = decide(scores([p]), memory, thresholds, rules, AS_OF)
        levels.append(int(memory["level"].iloc[0]))
        reasons.append(memory["why"].iloc[0])
    return levels, reasons


# --- thresholds ------------------------------------------------------------------------------------------------------


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


# --- levels, by hand -------------------------------------------------------------------------------------------------


def test_a_new_place_takes_its_candidate_at_once():
    result = decide(scores([0.1, 0.2, 0.5, 0.7]), None, THRESHOLDS, POLICY, AS_OF)
    assert list(result.columns) == ["segment_id", *ALERT_COLUMNS]
    assert result["level"].tolist() == [1, 2, 3, 4]
    assert result["previous_level"].tolist() == [-1] * 4
    assert result["candidate_runs"].tolist() == [1] * 4
    assert result["why"].tolist() == ["same", "raised", "raised", "raised"]


@pytest.mark.parametrize(
    ("series", "levels", "reasons"),
    [
        # Two runs must ask before the place rises; the same level asked twice.
        ([0.1, 0.3, 0.3, 0.3], [1, 1, 2, 2], ["same", "held", "raised", "same"]),
        # Both runs asked to rise: the newest candidate is taken, a worsening place is not made to wait again.
        ([0.1, 0.3, 0.55], [1, 1, 3], ["same", "held", "raised"]),
        # A run that does not ask starts the count again.
        ([0.1, 0.3, 0.1, 0.3, 0.3], [1, 1, 1, 1, 2], ["same", "held", "same", "held", "raised"]),
        # 0.80 is 0.5 + jump: level 3 at once, although 4 is asked for; the next run completes the count to 4.
        ([0.1, 0.8, 0.8], [1, 3, 4], ["same", "jumped", "raised"]),
        # 0.79 jumps over the threshold of 2 only.
        ([0.1, 0.79], [1, 2], ["same", "jumped"]),
        # Between clear (0.56) and raise (0.70) nothing moves.
        ([0.75, 0.6, 0.69, 0.56], [4, 4, 4, 4], ["raised", "held", "held", "held"]),
        # Two runs must agree before it falls, and it falls straight.
        ([0.75, 0.1, 0.1], [4, 4, 1], ["raised", "held", "cleared"]),
        # They agree only as far as the higher of the two; one more run for the rest.
        ([0.75, 0.45, 0.1, 0.1], [4, 4, 3, 1], ["raised", "held", "cleared", "cleared"]),
        ([0.75, 0.1, 0.45, 0.1, 0.1], [4, 4, 3, 3, 1], ["raised", "held", "cleared", "held", "cleared"]),
        # A run inside the band breaks the fall.
        ([0.75, 0.1, 0.6, 0.1, 0.1], [4, 4, 4, 4, 1], ["raised", "held", "held", "held", "cleared"]),
        # From 3 to 0.17: above the clear threshold of 2, so it falls to 2 and no further.
        ([0.5, 0.17, 0.17, 0.17], [3, 3, 2, 2], ["raised", "held", "cleared", "held"]),
        # Unknown at once, and back at once with the raise thresholds: 0.6 alone gives 3.
        ([0.75, NEVER, 0.6], [4, 0, 3], ["raised", "unknown", "raised"]),
        ([0.75, NEVER, 0.1], [4, 0, 1], ["raised", "unknown", "same"]),
    ],
)
def test_sequences_by_hand(series, levels, reasons):
    assert walk(series) == (levels, reasons)


def test_three_runs_agree_before_a_fall():
    rules = policy(runs_to_clear=3)
    # 3, 1, 1: the third run completes the three that asked for 3 or less? The count for 1 began at the second run.
    assert walk([0.75, 0.45, 0.1, 0.1, 0.1], rules)[0] == [4, 4, 4, 4, 1]
    assert walk([0.75, 0.45, 0.45, 0.1, 0.1, 0.1], rules)[0] == [4, 4, 4, 3, 3, 1]


def test_one_run_is_enough_where_the_policy_says_so():
    rules = policy(runs_to_raise=1, runs_to_clear=1)
    assert walk([0.1, 0.3, 0.75, 0.45, 0.1, 0.9], rules)[0] == [1, 2, 4, 3, 1, 4]


def test_runs_are_counted_while_the_same_is_asked():
    memory = state(2, 2, 7)
    assert decide(scores([0.3]), memory, THRESHOLDS, POLICY, AS_OF)["candidate_runs"].tolist() == [8]
    assert decide(scores([0.1]), memory, THRESHOLDS, POLICY, AS_OF)["candidate_runs"].tolist() == [1]
    assert decide(scores([0.3]), state(2, 3, 7), THRESHOLDS, POLICY, AS_OF)["candidate_runs"].tolist() == [1]
    assert decide(scores([NEVER]), state(0, 0, 7), THRESHOLDS, POLICY, AS_OF)["candidate_runs"].tolist() == [8]
    assert decide(scores([0.6]), state(2, 3, 1), THRESHOLDS, POLICY, AS_OF)["candidate_runs"].tolist() == [2]


def test_a_level_no_threshold_reaches_is_never_given_and_is_given_up():
    none_at_4 = {2: 0.2, 3: 0.5, 4: NEVER}
    assert walk([1.0, 1.0, 1.0], thresholds=none_at_4)[0] == [3, 3, 3]
    # A new release that cannot promise level 4 lets the old ones go, in the usual two runs.
    assert walk([0.9, 0.9], thresholds=none_at_4, start=state(4, 4, 5))[0] == [4, 3]
    assert walk([1.0], thresholds={2: NEVER, 3: NEVER, 4: NEVER})[0] == [1]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, 3),
        ({"age": 800.0}, 3),
        ({"age": 800.5}, 0),
        ({"age": NEVER}, 0),
        ({"coverage": 0.5}, 3),
        ({"coverage": 0.49}, 0),
        ({"coverage": NEVER}, 0),
    ],
)
def test_stale_or_thin_data_are_unknown_never_low(changes, level):
    result = decide(scores([0.5], **changes), None, THRESHOLDS, POLICY, AS_OF)
    assert result["level"].tolist() == [level]
    assert (result["why"].iloc[0] == "unknown") == (level == 0)


def test_a_kept_place_keeps_what_it_remembers():
    memory = pd.concat([state(3, 2, 1, ids=["a"]), state(0, 0, 4, ids=["b"]), state(2, 2, 9, ids=["c"])])
    table = scores([0.1, NEVER, 0.1], ids=["a", "b", "c"]).assign(kept=[True, True, False])
    result = decide(table, memory, THRESHOLDS, POLICY, AS_OF)
    assert result["level"].tolist()[:2] == [3, 0] and result["why"].tolist()[:2] == ["kept", "kept"]
    assert result["candidate_level"].tolist()[:2] == [2, 0] and result["candidate_runs"].tolist()[:2] == [1, 4]
    assert result["why"].iloc[2] == "held" and result["candidate_level"].iloc[2] == 1, "the others are decided anew"


def test_a_kept_place_is_unknown_once_its_data_are_too_old():
    table = scores([0.9], age=POLICY.stale_after_days + 1).assign(kept=True)
    result = decide(table, state(3, 3, 1), THRESHOLDS, POLICY, AS_OF)
    assert (result["level"].iloc[0], result["why"].iloc[0]) == (0, "unknown")


def test_the_cap_counts_kept_places_first():
    rules = policy(max_level4_share=0.5)
    table = scores([0.81, 0.95], ids=["a", "b"]).assign(kept=[True, False])
    result = decide(table, state(4, 4, 1, ids=["a"]), THRESHOLDS, rules, AS_OF)
    assert result["level"].tolist() == [4, 3] and result["capped"].tolist() == [False, True]


def test_cap_takes_the_most_probable_until_the_length_is_used_up():
    table = scores([0.75, 0.95, 0.85, 0.1], length_m=[50.0, 60.0, 40.0, 850.0])
    result = decide(table, None, THRESHOLDS, policy(max_level4_share=0.1), AS_OF)
    assert result["level"].tolist() == [3, 4, 4, 1]  # 60 + 40 of 1000 m; the 50 m of 0.75 would be too much
    assert result["capped"].tolist() == [True, False, False, False]
    assert result["why"].tolist() == ["capped", "raised", "raised", "same"]
    assert result["candidate_level"].tolist() == [4, 4, 4, 1]


def test_cap_breaks_ties_by_segment_id():
    table = scores([0.9, 0.9, 0.9, 0.9], ids=["d", "b", "a", "c"])
    result = decide(table, None, THRESHOLDS, policy(max_level4_share=0.5), AS_OF)
    assert result.set_index("segment_id")["level"].to_dict() == {"a": 4, "b": 4, "c": 3, "d": 3}


def test_capped_place_rises_as_soon_as_there_is_room():
    rules = policy(max_level4_share=0.5)
    first = decide(scores([0.9, 0.8]), None, THRESHOLDS, rules, AS_OF)
    assert first["level"].tolist() == [4, 3]
    second = decide(scores([0.1, 0.8]), first, THRESHOLDS, rules, AS_OF)
    # The first still stands at 4 for one run, but ranks below the second by its probability.
    assert second["level"].tolist() == [3, 4]
    assert second["why"].tolist() == ["capped", "raised"]


def test_order_and_index_of_the_scores_are_kept():
    table = scores([0.5, 0.1], ids=["z", "a"]).set_axis([7, 3])
    result = decide(table, state([1], [1], [1], ids=["a"]), THRESHOLDS, POLICY, AS_OF)
    assert result.index.tolist() == [7, 3]
    assert result["segment_id"].tolist() == ["z", "a"]
    assert result["previous_level"].tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("table", "memory", "thresholds", "message"),
    [
        (scores([0.5]).drop(columns="coverage"), None, THRESHOLDS, "missing coverage"),
        (scores([0.5, 0.5], ids=["a", "a"]), None, THRESHOLDS, "segment a occurs twice"),
        (scores([1.5]), None, THRESHOLDS, "outside 0..1"),
        (scores([0.5], length_m=0.0), None, THRESHOLDS, "length_m"),
        (scores([0.5]).assign(as_of="2011-08-01"), None, THRESHOLDS, "another date"),
        (scores([0.5]), state([1, 2], [1, 1], [1, 1], ids=["a", "a"]), THRESHOLDS, "segment a occurs twice"),
        (scores([0.5]), state([5], [1], [1]), THRESHOLDS, "none of"),
        (scores([0.5]), state([1], [1], [1]).drop(columns="level"), THRESHOLDS, "missing level"),
        (scores([0.5]), None, {2: 0.5, 3: 0.4, 4: 0.7}, "must not fall"),
        (scores([0.5]), None, {2: NEVER, 3: 0.4, 4: 0.7}, "must not fall"),
        (scores([0.5]), None, {2: 0.2, 3: 0.4}, r"level \[4\]"),
    ],
)
def test_bad_tables_are_refused_with_a_reason(table, memory, thresholds, message):
    with pytest.raises(ValueError, match=message):
        decide(table, memory, thresholds, POLICY, AS_OF)


def test_scores_of_the_run_itself_are_accepted():
    assert len(decide(scores([0.5]).assign(as_of=pd.Timestamp(AS_OF, tz="UTC")), None, THRESHOLDS, POLICY, AS_OF)) == 1


# --- levels, laws ----------------------------------------------------------------------------------------------------

probability = st.one_of(
    st.sampled_from([0.0, 0.16, 0.2, 0.4, 0.5, 0.56, 0.7, 0.8, 1.0]),  # the edges themselves
    st.floats(0, 1, allow_nan=False),
)
memory_row = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4))
rules_of = st.builds(
    policy,
    runs_to_raise=st.integers(1, 3),
    runs_to_clear=st.integers(1, 3),
    jump=st.sampled_from([0.0, 0.1, 0.3, 1.0]),
    clear_ratio=st.sampled_from([0.5, 0.8, 1.0]),
    max_level4_share=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
)
LAWS = settings(max_examples=60, deadline=None)


@st.composite
def rivers(draw, most=12):
    """A table of scores, some rows unknown, and a memory that misses some of them."""
    n = draw(st.integers(1, most))
    table = scores(
        draw(st.lists(st.one_of(probability, st.just(NEVER)), min_size=n, max_size=n)),
        length_m=np.array(draw(st.lists(st.floats(20, 200), min_size=n, max_size=n))),
        age=np.array(draw(st.lists(st.sampled_from([0.0, 400.0, 800.0, 801.0, NEVER]), min_size=n, max_size=n))),
        coverage=np.array(draw(st.lists(st.sampled_from([1.0, 0.5, 0.49, NEVER]), min_size=n, max_size=n))),
    )
    rows = np.array(draw(st.lists(memory_row, min_size=n, max_size=n)))
    memory = state(rows[:, 0], rows[:, 1], rows[:, 2])
    return table, memory[np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))]


@LAWS
@given(river=rivers(), rules=rules_of, more=probability, data=st.data())
def test_a_higher_probability_never_lowers_the_level(river, rules, more, data):
    table, memory = river
    row = data.draw(st.integers(0, len(table) - 1))
    assume(table["p_event"].iloc[row] <= more)
    higher = table.copy()
    higher.loc[row, "p_event"] = more
    before = decide(table, memory, THRESHOLDS, rules, AS_OF)["level"].iloc[row]
    assert decide(higher, memory, THRESHOLDS, rules, AS_OF)["level"].iloc[row] >= before


@LAWS
@given(river=rivers(), rules=rules_of)
def test_the_cap_always_holds_and_only_bites_where_it_must(river, rules):
    table, memory = river
    result = decide(table, memory, THRESHOLDS, rules, AS_OF)
    free = decide(table, memory, THRESHOLDS, dataclasses.replace(rules, max_level4_share=1.0), AS_OF)
    room_m = rules.max_level4_share * table["length_m"].sum() * (1 + 1e-9)
    at_4 = result["level"] == 4
    assert table["length_m"][at_4].sum() <= room_m
    assert (free["level"] == result["level"].where(~result["capped"], 4)).all()
    if result["capped"].any():
        strongest = table.loc[result["capped"]].sort_values(["p_event", "segment_id"], ascending=[False, True]).iloc[0]
        assert table["length_m"][at_4].sum() + strongest["length_m"] > room_m * (1 - 1e-6)
        assert (table["p_event"][at_4] >= strongest["p_event"]).all()


@LAWS
@given(river=rivers(), rules=rules_of)
def test_unknown_exactly_where_inputs_are_missing_or_stale(river, rules):
    table, memory = river
    result = decide(table, memory, THRESHOLDS, rules, AS_OF)
    missing = table[["p_event", "data_age_days", "coverage"]].isna().any(axis=1)
    expected = missing | (table["data_age_days"] > 800) | (table["coverage"] < 0.5)
    assert ((result["level"] == 0) == expected).all()
    assert ((result["why"] == "unknown") == expected).all()


@LAWS
@given(river=rivers(), rules=rules_of)
def test_constant_inputs_reach_a_steady_state(river, rules):
    table, memory = river
    for _ in range(8):
        memory = decide(table, memory, THRESHOLDS, rules, AS_OF)
    after = decide(table, memory, THRESHOLDS, rules, AS_OF)
    assert (after["level"] == memory["level"]).all()
    assert (after["candidate_level"] == memory["candidate_level"]).all()
    assert not after["why"].isin(["raised", "jumped", "cleared"]).any()


@LAWS
@given(
    level=st.integers(2, 4), shares=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=12), rules=rules_of
)
def test_between_clear_and_raise_nothing_ever_moves(level, shares, rules):
    rules = dataclasses.replace(rules, max_level4_share=1.0)
    floor, roof = max(rules.clear_ratio, 0.75) * THRESHOLDS[level], THRESHOLDS[level]
    assert floor >= THRESHOLDS.get(level - 1, 0)  # inside the band of this level only
    band = [floor + share * (roof - floor) for share in shares]
    assert set(walk(band, rules, start=state(level, level, 1))[0]) == {level}
    assert set(walk([p for p in band if p < roof], rules, start=state(level - 1, level - 1, 1))[0]) <= {level - 1}


@LAWS
@given(river=rivers(), rules=rules_of, order=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(river, rules, order):
    table, memory = river
    rows = list(range(len(table)))
    order.shuffle(rows)
    straight = decide(table, memory, THRESHOLDS, rules, AS_OF).set_index("segment_id")
    shuffled = decide(table.iloc[rows], memory.iloc[::-1], THRESHOLDS, rules, AS_OF).set_index("segment_id")
    pd.testing.assert_frame_equal(shuffled.loc[straight.index], straight)


@LAWS
@given(series=st.lists(st.sampled_from([0.1, 0.3, 0.6, 0.9]), min_size=2, max_size=12), rules=rules_of)
def test_a_level_moves_only_as_far_as_the_last_runs_agree(series, rules):
    rules = dataclasses.replace(rules, max_level4_share=1.0, clear_ratio=1.0)
    memory, last, asked, asked_to_rise = None, None, [], []
    for p in series:
        memory = decide(scores([p]), memory, THRESHOLDS, rules, AS_OF)
        level = int(memory["level"].iloc[0])
        asked.append(1 + sum(p >= threshold for threshold in THRESHOLDS.values()))
        asked_to_rise.append(last is not None and asked[-1] > last)
        if last is not None and level < last:
            assert len(asked) > rules.runs_to_clear
            assert level == max(asked[-rules.runs_to_clear :])
        if last is not None and level > last:
            waited = len(asked) > rules.runs_to_raise and all(asked_to_rise[-rules.runs_to_raise :])
            assert (waited and level == asked[-1]) or p >= THRESHOLDS[level] + rules.jump
        last = level


# --- the trigger -----------------------------------------------------------------------------------------------------

DRAWDOWN = Drawdown(days=3, points=3, start=0.0, full=1.0)


def trigger_of(raises, raise_from_level=2):
    return Trigger(unit="m", drawdown=DRAWDOWN, raises=raises, raise_from_level=raise_from_level)


def triggered(table, level, most=None):
    level = np.broadcast_to(level, len(table))
    return table.assign(trigger=level, trigger_most=np.where(level < 0, 3, level) if most is None else most)


def nights(series, trigger, rules=POLICY, start=None):
    """Published levels, the model's own and the rules of one place under pairs of a probability and a trigger."""
    published, own, rule, memory = [], [], [], start
    for p, level, *most in series:
        table = triggered(scores([p]), level, most[0] if most else None)
        memory = decide(table, memory, THRESHOLDS, rules, AS_OF, trigger)
        published.append(int(memory["level"].iloc[0]))
        own.append(int(memory["model_level"].iloc[0]))
        rule.append(memory["why"].iloc[0])
    return published, own, rule


@pytest.mark.parametrize(
    ("series", "published", "own", "rules"),
    [
        # Raised at once, given back after two nights that asked for less, each thing said.
        (
            [(0.3, 0), (0.3, 3), (0.3, 0), (0.3, 0), (0.3, 0)],
            [2, 3, 3, 2, 2],
            [2, 2, 2, 2, 2],
            ["raised", "trigger", "trigger", "trigger_over", "same"],
        ),
        # A night that asks again starts the count anew.
        ([(0.3, 3), (0.3, 0), (0.3, 3), (0.3, 0), (0.3, 0)], [3, 3, 3, 3, 2], [2] * 5, None),
        # Two steps are given back one after the other.
        ([(0.3, 3), (0.3, 0), (0.3, 0), (0.3, 0), (0.3, 0)], [4, 4, 3, 3, 2], [2] * 5, None),
        # Unknown, or perhaps as much: it stands and does not count.
        ([(0.3, 3), (0.3, -1), (0.3, -1), (0.3, 0, 3), (0.3, 0), (0.3, 0)], [3, 3, 3, 3, 3, 2], [2] * 6, None),
        # Unknown raises nothing.
        ([(0.3, -1), (0.3, -1)], [2, 2], [2, 2], ["raised", "same"]),
        # Below the level from which it raises, at level 0 and at level 4 it does nothing.
        ([(0.1, 3), (NEVER, 3), (0.9, 3)], [1, 0, 4], [1, 0, 4], ["same", "unknown", "raised"]),
        # The model's own level falls below it, slowly: what was raised goes with it.
        ([(0.3, 3), (0.1, 3), (0.1, 3)], [3, 3, 1], [2, 2, 1], ["trigger", "trigger", "cleared"]),
        # The model rises under a raised level as it would without it: two runs must ask.
        ([(0.3, 3), (0.6, 3), (0.6, 3)], [3, 3, 4], [2, 2, 3], ["trigger", "trigger", "trigger"]),
    ],
)
def test_nights_of_a_trigger_by_hand(series, published, own, rules):
    steps = {3: 2} if 4 in published and own == [2] * 5 else {3: 1}
    found = nights(series, trigger_of(steps))
    assert found[:2] == (published, own)
    if rules is not None:
        assert found[2] == rules


def test_each_level_of_the_trigger_raises_at_least_as_the_one_below():
    table = scores([0.3, 0.3, 0.3, 0.3])
    result = decide(triggered(table, [0, 1, 2, 3]), None, THRESHOLDS, POLICY, AS_OF, trigger_of({2: 1}))
    assert result["level"].tolist() == [2, 2, 3, 3]
    assert result["why"].tolist() == ["raised", "raised", "trigger", "trigger"]


def test_the_trigger_gets_the_room_that_the_model_leaves_under_the_cap():
    rules = policy(max_level4_share=0.5)
    table = triggered(scores([0.6, 0.9, 0.55, 0.65]), [3, 0, 3, 3])
    result = decide(table, None, THRESHOLDS, rules, AS_OF, trigger_of({3: 1}))
    assert result["model_level"].tolist() == [3, 4, 3, 3]
    assert result["level"].tolist() == [3, 4, 3, 4], "half of the bank: the model's own, then the most probable"
    assert result["capped"].tolist() == [True, False, True, False]
    assert result["why"].tolist() == ["capped", "raised", "capped", "trigger"]


def test_a_trigger_taken_out_of_the_region_raises_nothing_more():
    raised = decide(triggered(scores([0.3]), 3), None, THRESHOLDS, POLICY, AS_OF, trigger_of({3: 1}))
    result = decide(scores([0.3]), raised, THRESHOLDS, POLICY, AS_OF)
    assert (result["level"].iloc[0], result["why"].iloc[0]) == (2, "trigger_over")


def test_a_kept_place_is_raised_from_the_level_it_keeps():
    memory = state(3, 2, 1, model_level=2)
    table = triggered(scores([0.1]), 0).assign(kept=True)
    assert nights([(0.1, 0)], trigger_of({3: 1}), start=memory)[0] == [3]
    for expected in (3, 2, 2):
        memory = decide(table, memory, THRESHOLDS, POLICY, AS_OF, trigger_of({3: 1}))
        assert (memory["level"].iloc[0], memory["model_level"].iloc[0]) == (expected, 2)


def test_a_warning_that_a_trigger_raised_says_so():
    before = decide(triggered(scores([0.3]), 0), None, THRESHOLDS, POLICY, AS_OF, trigger_of({3: 1}))
    standing = pd.DataFrame(
        {
            "event_id": ["e"], "target": ["1y"], "segment_id": before["segment_id"], "level": [2],
            "first_issued_at": [pd.Timestamp("2012-07-01", tz="UTC")],
        }
    )  # fmt: skip
    now = decide(triggered(scores([0.3]), 3), before, THRESHOLDS, POLICY, AS_OF, trigger_of({3: 1}))
    plan = plan_events(standing, now, None, region="r", target="1y", as_of=AS_OF, warning_from_level=2)
    row = plan.iloc[0]
    assert (row["kind"], row["from_level"], row["level"], row["why"]) == ("raised", 2, 3, "trigger")


def test_decisions_without_a_trigger_are_those_of_before_there_was_one():
    """The digest was taken from the program as it was before it knew of triggers."""
    rng = np.random.default_rng(7)
    n, memory, told = 60, None, []
    rules = Policy(runs_to_raise=2, runs_to_clear=2, max_level4_share=0.05, stale_after_days=800)
    p = rng.random(n)
    length_m = rng.integers(40, 180, n).astype(float)
    for _ in range(25):
        p = np.clip(p + rng.normal(0, 0.15, n), 0, 1).round(3)
        table = pd.DataFrame(
            {
                "segment_id": [f"r-L-{i:07d}" for i in range(n)],
                "p_event": np.where(rng.random(n) < 0.05, np.nan, p),
                "length_m": length_m,
                "data_age_days": np.where(rng.random(n) < 0.03, 900.0, 30.0),
                "coverage": 1.0,
                "kept": rng.random(n) < 0.1,
            }
        )
        memory = decide(table, memory, THRESHOLDS, rules, AS_OF)
        assert (memory["level"] == memory["model_level"]).all() and not memory["trigger_runs"].any()
        names = ["level", "previous_level", "candidate_level", "candidate_runs", "capped", "why"]
        told.append(memory[["segment_id", *names]].to_csv(index=False, lineterminator="\n"))
    digest = hashlib.sha256("".join(told).encode()).hexdigest()
    assert digest == "6ca871ea83563c7122b85582fe3419586a2ba02e6b3e2d361dac6c2b5f440592"


def test_a_trigger_without_its_columns_is_refused():
    with pytest.raises(ValueError, match="missing trigger, trigger_most"):
        decide(scores([0.5]), None, THRESHOLDS, POLICY, AS_OF, trigger_of({3: 1}))


raising = st.builds(
    trigger_of,
    st.lists(st.integers(1, 3), min_size=0, max_size=3).map(lambda up: dict(zip((1, 2, 3), sorted(up), strict=False))),
    st.integers(1, 4),
)


@st.composite
def trigger_rivers(draw):
    """A river with a memory in which the trigger may have raised levels, and tonight's trigger."""
    table, memory = draw(rivers())
    n = len(table)
    level = np.array(draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n)))
    more = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    table = triggered(table, level, np.where(level < 0, 3, np.maximum(level, more)))
    up = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))[memory.index]
    own = memory["level"].to_numpy()
    published = np.where(own == 0, 0, np.minimum(own + up, 4))
    return table, memory.assign(level=published, model_level=own, trigger_runs=1)


@LAWS
@given(river=trigger_rivers(), rules=rules_of, trigger=raising)
def test_laws_of_the_trigger(river, rules, trigger):
    table, memory = river
    result = decide(table, memory, THRESHOLDS, rules, AS_OF, trigger)
    alone = decide(table, memory, THRESHOLDS, rules, AS_OF)
    # What the model says does not depend on the trigger, not in what it remembers either.
    for name in ("model_level", "candidate_level", "candidate_runs", "previous_level"):
        assert (result[name] == alone[name]).all(), name
    level, own = result["level"].to_numpy(), result["model_level"].to_numpy()
    assert (level >= own).all() and (level <= 4).all()
    assert ((level == 0) == (own == 0)).all()
    assert (own[level > own] >= trigger.raise_from_level).all()
    assert (result["why"][level > own].isin(["trigger", "capped"])).all()
    assert not (result["why"] == "trigger")[level == own].any()
    room_m = rules.max_level4_share * table["length_m"].sum() * (1 + 1e-9)
    assert table["length_m"][level == 4].sum() <= room_m
    assert (level[result["capped"]] == 3).all()


@LAWS
@given(river=trigger_rivers(), rules=rules_of, trigger=raising, more=st.integers(0, 3))
def test_a_higher_trigger_never_lowers_a_level(river, rules, trigger, more):
    table, memory = river
    rules = dataclasses.replace(rules, max_level4_share=1.0)
    level = np.minimum(table["trigger"] + more, 3)
    higher = table.assign(trigger=level, trigger_most=np.maximum(level, table["trigger_most"]))
    before = decide(table, memory, THRESHOLDS, rules, AS_OF, trigger)["level"]
    assert (decide(higher, memory, THRESHOLDS, rules, AS_OF, trigger)["level"] >= before).all()


@LAWS
@given(river=trigger_rivers(), rules=rules_of, trigger=raising)
def test_a_trigger_that_is_gone_leaves_nothing_behind(river, rules, trigger):
    table, memory = river
    calm = triggered(table, 0)
    for _ in range(3 * rules.runs_to_clear + 8):
        memory = decide(calm, memory, THRESHOLDS, rules, AS_OF, trigger)
    assert (memory["level"] == memory["model_level"]).all()


# --- a new baseline --------------------------------------------------------------------------------------------------


def crosswalk(*pairs):
    return pd.DataFrame(pairs, columns=["old_segment_id", "new_segment_id"])


def test_carry_splits_merges_and_loses():
    memory = state([3, 1, 4, 2], [3, 2, 4, 2], [5, 1, 2, 9], ids=["a", "b", "c", "d"])
    moved = carry(memory, crosswalk(("a", "m"), ("b", "m"), ("c", "n"), ("c", "o"), ("d", None), ("e", "p")))
    assert list(moved.columns) == list(STATE_COLUMNS)
    assert moved.to_numpy().tolist() == [["m", 3, 3, 3, 5, 0], ["n", 4, 4, 4, 2, 0], ["o", 4, 4, 4, 2, 0]]


def test_carry_keeps_the_whole_memory_of_the_worse_place():
    memory = state([2, 2, 0], [2, 3, 0], [8, 1, 3], ids=["a", "b", "c"])
    moved = carry(memory, crosswalk(("a", "m"), ("b", "m"), ("c", "m")))
    assert moved.to_numpy().tolist() == [["m", 2, 2, 3, 1, 0]]


def test_carry_without_a_crosswalk_or_a_memory():
    memory = state([3], [3], [5])
    pd.testing.assert_frame_equal(carry(memory, None), memory)
    for nothing in (None, memory.iloc[:0]):
        empty = carry(nothing, crosswalk(("a", "m")))
        assert empty.empty
        assert list(empty.columns) == list(STATE_COLUMNS)
        assert decide(scores([0.5]), empty, THRESHOLDS, POLICY, AS_OF)["level"].tolist() == [3]


def test_all_banks_gone_leaves_nothing_to_remember_or_to_warn_of():
    gone = crosswalk(("a", None), ("b", None))
    empty = carry(state([3, 4], [3, 4], [5, 5], ids=["a", "b"]), gone)
    assert empty.empty
    assert decide(scores([0.5]), empty, THRESHOLDS, POLICY, AS_OF)["previous_level"].tolist() == [-1]


def test_a_first_run_plans_with_any_crosswalk():
    nothing = pd.DataFrame(columns=["event_id", "target", "segment_id", "level", "first_issued_at"])
    levels = decide(scores([0.5], ids=["a"]), None, THRESHOLDS, POLICY, AS_OF)
    names = {"region": "rio", "target": "1y", "as_of": AS_OF, "warning_from_level": 2}
    for walk in (None, crosswalk(("a", None)), crosswalk(("x", "a"), ("y", None))):
        (row,) = plan_events(nothing, levels, walk, **names).to_dict("records")
        assert (row["event_id"], row["kind"], row["from_level"]) == ("rio-1y-20120801-a", "issued", -1)
        assert row["first_issued_at"] == pd.Timestamp(AS_OF, tz="UTC")


def test_carry_refuses_to_lose_a_place_unsaid():
    with pytest.raises(ValueError, match=r"1 segments .* b the first"):
        carry(state([3, 4], [3, 4], [5, 5], ids=["a", "b"]), crosswalk(("a", "m")))


def test_ten_thousand_segments_in_milliseconds():
    rng = np.random.default_rng(1)
    table = scores(rng.random(10_000))
    memory = decide(table, None, THRESHOLDS, policy(max_level4_share=0.05), AS_OF)
    table["p_event"] = rng.random(10_000)
    elapsed = []
    for _ in range(5):
        start = time.perf_counter()
        decide(table, memory, THRESHOLDS, policy(max_level4_share=0.05), AS_OF)
        elapsed.append(time.perf_counter() - start)
    assert min(elapsed) < 0.1  # 10 ms on a quiet machine
