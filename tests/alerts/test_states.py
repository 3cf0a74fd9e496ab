"""What places remember, carried to a new baseline."""

import pandas as pd
import pytest

from erosion.alerts.levels import decide
from erosion.alerts.life import plan_events
from erosion.alerts.states import STATE_COLUMNS, carry
from tests.alerts.made_levels import AS_OF, EARLIER, POLICY, THRESHOLDS, crosswalk, scores, state


def test_carry_splits_merges_and_loses():
    memory = state([3, 1, 4, 2], [3, 2, 4, 2], [5, 1, 2, 9], ids=["a", "b", "c", "d"])
    moved = carry(memory, crosswalk(("a", "m"), ("b", "m"), ("c", "n"), ("c", "o"), ("d", None), ("e", "p")))
    assert list(moved.columns) == list(STATE_COLUMNS)
    numbers = moved[["segment_id", "level", "model_level", "candidate_level", "candidate_observations"]]
    assert numbers.to_numpy().tolist() == [["m", 3, 3, 3, 5], ["n", 4, 4, 4, 2], ["o", 4, 4, 4, 2]]


def test_carry_keeps_the_whole_memory_of_the_worse_place():
    memory = state([2, 2, 0], [2, 3, 0], [8, 1, 3], ids=["a", "b", "c"], observed=["2010-01-01", "2011-01-01", ""])
    moved = carry(memory, crosswalk(("a", "m"), ("b", "m"), ("c", "m")))
    assert moved.to_numpy().tolist() == [["m", 2, 2, 3, 1, EARLIER, "2011-01-01", ""]]


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


def test_carry_refuses_to_lose_a_place_silently():
    with pytest.raises(ValueError, match=r"1 segments .* b the first"):
        carry(state([3, 4], [3, 4], [5, 5], ids=["a", "b"]), crosswalk(("a", "m")))
