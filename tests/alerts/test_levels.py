"""Warning levels of hand-computed runs."""

import time

import numpy as np
import pandas as pd
import pytest

from erosion.alerts.levels import decide
from erosion.core.contracts import ALERT_COLUMNS
from tests.alerts.made_levels import AS_OF, NEVER, POLICY, THRESHOLDS, policy, scores, state, walk


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


def test_one_run_is_enough_where_the_policy_allows_it():
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
