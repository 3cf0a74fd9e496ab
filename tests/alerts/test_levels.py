"""Warning levels of hand-computed runs."""

import time

import numpy as np
import pandas as pd
import pytest

from erosion.alerts.levels import decide, joint_levels
from erosion.core.contracts import ALERT_COLUMNS
from tests.alerts.made_levels import AS_OF, NEVER, POLICY, THRESHOLDS, later, policy, scores, state, walk


def test_a_new_place_takes_its_candidate_at_once():
    result = decide(scores([0.1, 0.2, 0.5, 0.7]), None, THRESHOLDS, POLICY, AS_OF)
    assert list(result.columns) == ["segment_id", *ALERT_COLUMNS]
    assert result["level"].tolist() == [1, 2, 3, 4]
    assert result["previous_level"].tolist() == [-1] * 4
    assert result["candidate_observations"].tolist() == [1] * 4
    assert result["why"].tolist() == ["same", "raised", "raised", "raised"]
    assert result["asked_level"].tolist() == [1, 2, 3, 4] and result["held_by"].tolist() == [""] * 4
    assert result["observed"].tolist() == ["2012-07-22"] * 4 and result["candidate_since"].tolist() == [AS_OF] * 4


@pytest.mark.parametrize(
    ("series", "levels", "reasons"),
    [
        # Two observations must ask before the place rises; the same level asked twice.
        ([0.1, 0.3, 0.3, 0.3], [1, 1, 2, 2], ["same", "held", "raised", "same"]),
        # Both asked to rise: the newest candidate is taken, a worsening place is not made to wait again.
        ([0.1, 0.3, 0.55], [1, 1, 3], ["same", "held", "raised"]),
        # An observation that does not ask starts the count again.
        ([0.1, 0.3, 0.1, 0.3, 0.3], [1, 1, 1, 1, 2], ["same", "held", "same", "held", "raised"]),
        # 0.80 is 0.5 + jump: level 3 at once, although 4 is asked for; the next one completes the count to 4.
        ([0.1, 0.8, 0.8], [1, 3, 4], ["same", "jumped", "raised"]),
        # 0.79 jumps over the threshold of 2 only.
        ([0.1, 0.79], [1, 2], ["same", "jumped"]),
        # Between clear (0.56) and raise (0.70) nothing moves.
        ([0.75, 0.6, 0.69, 0.56], [4, 4, 4, 4], ["raised", "held", "held", "held"]),
        # Two must agree before it falls, and it falls straight.
        ([0.75, 0.1, 0.1], [4, 4, 1], ["raised", "held", "cleared"]),
        # They agree only as far as the higher of the two; one more for the rest.
        ([0.75, 0.45, 0.1, 0.1], [4, 4, 3, 1], ["raised", "held", "cleared", "cleared"]),
        ([0.75, 0.1, 0.45, 0.1, 0.1], [4, 4, 3, 3, 1], ["raised", "held", "cleared", "held", "cleared"]),
        # One inside the band breaks the fall.
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


def test_three_observations_agree_before_a_fall():
    rules = policy(observations_to_clear=3)
    # 3, 1, 1: the third completes the three that asked for 3 or less, and is the first that counts for 1.
    assert walk([0.75, 0.45, 0.1, 0.1, 0.1, 0.1], rules)[0] == [4, 4, 4, 3, 3, 1]
    assert walk([0.75, 0.45, 0.45, 0.1, 0.1, 0.1], rules)[0] == [4, 4, 4, 3, 3, 1]


def test_one_observation_is_enough_where_the_policy_allows_it():
    rules = policy(observations_to_raise=1, observations_to_clear=1)
    assert walk([0.1, 0.3, 0.75, 0.45, 0.1, 0.9], rules)[0] == [1, 2, 4, 3, 1, 4]


def test_observations_are_counted_while_the_same_is_asked():
    def observations(p, memory, age=10.0):
        return decide(scores([p], age=age), memory, THRESHOLDS, POLICY, AS_OF)["candidate_observations"].tolist()

    assert observations(0.3, state(2, 2, 7)) == [8]
    assert observations(0.1, state(2, 2, 7)) == [1]
    assert observations(0.3, state(2, 3, 7)) == [1]
    assert observations(NEVER, state(0, 0, 7)) == [8]
    assert observations(0.6, state(2, 3, 1)) == [2]
    # The same observation once more, or an older one because the newest was left out, counts for nothing.
    assert observations(0.6, state(2, 3, 1, observed="2012-07-22")) == [1]
    assert observations(0.6, state(2, 3, 1, observed="2012-07-22"), age=375.0) == [1]
    # A ledger of an older program names none.
    assert observations(0.6, state(2, 3, 1, observed="")) == [1]


def nights(series, rules, age=10, start=None):
    """Levels of one place on nights with one and the same observation, from pairs of a day and a probability."""
    levels, memory = [], start
    for day, p in series:
        table = scores([p], age=float(age + day))
        memory = decide(table, memory, THRESHOLDS, rules, later(day, days=1))
        levels.append(int(memory["level"].iloc[0]))
    return levels, memory


@pytest.mark.parametrize(
    ("series", "levels"),
    [
        # The chance changes without a new observation: a rise waits seven days, a fall thirty.
        ([(0, 0.1), (1, 0.3), (2, 0.3), (7, 0.3), (8, 0.3)], [1, 1, 1, 1, 2]),
        ([(0, 0.6), (1, 0.1), (2, 0.1), (30, 0.1), (31, 0.1)], [3, 3, 3, 3, 1]),
        # Run on one night or on all nights, the day is the same.
        ([(0, 0.6), *((day, 0.1) for day in range(1, 32))], [3] * 31 + [1]),
        ([(0, 0.6), (1, 0.1), (31, 0.1)], [3, 3, 1]),
        # A night that does not ask begins the wait anew.
        ([(0, 0.6), (1, 0.1), (20, 0.6), (21, 0.1), (31, 0.1), (51, 0.1)], [3, 3, 3, 3, 3, 1]),
        # A still lower chance waits for itself; the days before agree on the higher one.
        ([(0, 0.75), (1, 0.45), (20, 0.1), (31, 0.1), (50, 0.1), (61, 0.1)], [4, 4, 4, 3, 3, 1]),
        # A jump does not wait.
        ([(0, 0.1), (1, 0.8)], [1, 3]),
    ],
)
def test_nights_with_one_observation_by_hand(series, levels):
    rules = policy(observations_to_raise=1, days_to_raise=7, observations_to_clear=1, days_to_clear=30)
    assert nights(series, rules)[0] == levels


def test_a_new_observation_confirms_on_its_first_night():
    rules = policy(observations_to_raise=1, days_to_raise=7, observations_to_clear=1, days_to_clear=30)
    _, memory = nights([(0, 0.6), (1, 0.1)], rules)
    assert memory["level"].tolist() == [3] and memory["held_by"].tolist() == ["memory"]
    after = decide(scores([0.1], age=1.0), memory, THRESHOLDS, rules, later(2, days=1))
    assert after["level"].tolist() == [1] and after["why"].tolist() == ["cleared"]
    assert after["held_by"].tolist() == [""]


def test_a_level_no_threshold_reaches_is_never_given_and_is_given_up():
    none_at_4 = {2: 0.2, 3: 0.5, 4: NEVER}
    assert walk([1.0, 1.0, 1.0], thresholds=none_at_4)[0] == [3, 3, 3]
    # A new release that cannot promise level 4 lets the old ones go, in the usual two observations.
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
    assert result["candidate_level"].tolist()[:2] == [2, 0] and result["candidate_observations"].tolist()[:2] == [1, 4]
    assert result["asked_level"].tolist() == [1, 0, 1] and result["held_by"].tolist() == ["memory", "", "memory"]
    assert result["why"].iloc[2] == "held" and result["candidate_level"].iloc[2] == 1, "the others are decided anew"


def test_a_kept_place_is_unknown_once_its_data_are_too_old():
    table = scores([0.9], age=POLICY.stale_after_days + 1).assign(kept=True)
    result = decide(table, state(3, 3, 1), THRESHOLDS, POLICY, AS_OF)
    assert (result["level"].iloc[0], result["why"].iloc[0]) == (0, "unknown")


def test_the_cap_counts_kept_places_first():
    rules = policy(max_level4_share=0.5)
    table = scores([0.81, 0.95], ids=["a", "b"]).assign(kept=[True, False])
    result = decide(table, state(4, 4, 1, ids=["a"]), THRESHOLDS, rules, AS_OF)
    assert result["level"].tolist() == [4, 3] and result["held_by"].tolist() == ["", "cap"]


def test_cap_takes_the_most_probable_until_the_length_is_used_up():
    table = scores([0.75, 0.95, 0.85, 0.1], length_m=[50.0, 60.0, 40.0, 850.0])
    result = decide(table, None, THRESHOLDS, policy(max_level4_share=0.1), AS_OF)
    assert result["level"].tolist() == [3, 4, 4, 1]  # 60 + 40 of 1000 m; the 50 m of 0.75 would be too much
    assert result["held_by"].tolist() == ["cap", "", "", ""]
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
    second = decide(scores([0.1, 0.8]), first, THRESHOLDS, rules, later(1))
    # The first still stood at 4 by memory; it gives way to what asks for 4, and is not held at 3 by the cap.
    assert second["level"].tolist() == [3, 4]
    assert second["why"].tolist() == ["capped", "raised"]
    assert second["asked_level"].tolist() == [1, 4] and second["held_by"].tolist() == ["memory", ""]


def test_the_cap_never_holds_what_asks_for_less():
    """Both stood at 4 when there was room for both; now only one has it, and neither asks for it any more."""
    rules = policy(max_level4_share=0.5)
    result = decide(scores([0.0009, 0.6]), state([4, 4], [4, 4], [1, 1]), THRESHOLDS, rules, AS_OF)
    assert result["level"].tolist() == [3, 4] and result["asked_level"].tolist() == [1, 3]
    assert result["held_by"].tolist() == ["memory", "memory"] and result["why"].tolist() == ["capped", "held"]


@pytest.mark.parametrize(
    ("p", "memory", "level", "asked", "held_by"),
    [
        (0.6, state(4, 4, 1), 4, 3, "memory"),  # between clear and raise
        (0.3, state(1, 1, 1), 1, 2, "memory"),  # the rise is not confirmed yet
        (0.1, state(3, 3, 1), 3, 1, "memory"),
        (0.5, state(3, 3, 1), 3, 3, ""),
        (NEVER, state(3, 3, 1), 0, 0, ""),
    ],
)
def test_what_holds_a_level(p, memory, level, asked, held_by):
    result = decide(scores([p]), memory, THRESHOLDS, POLICY, AS_OF).iloc[0]
    assert (result["level"], result["asked_level"], result["held_by"]) == (level, asked, held_by)


def test_one_level_of_all_targets():
    first = pd.DataFrame({"segment_id": list("abcdef"), "level": [1, 3, 0, 0, 2, 1]})
    second = pd.DataFrame({"segment_id": list("fedcba"), "level": [4, 1, 1, 0, 2, 1]})
    joint = joint_levels({"1y": first, "3y": second})
    assert joint.to_dict() == {"a": 1, "b": 3, "c": 0, "d": 0, "e": 2, "f": 4}
    assert joint_levels({"1y": first})["b"] == 3
    # A segment that one target lacks is unknown to it: low cannot be said, high can.
    alone = joint_levels({"1y": first, "3y": second.iloc[:0]})
    assert alone.to_dict() == {"a": 0, "b": 3, "c": 0, "d": 0, "e": 2, "f": 0}


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
