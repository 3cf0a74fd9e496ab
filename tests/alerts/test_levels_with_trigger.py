"""Warning levels that a trigger raises: nights by hand, and laws that must hold for any river."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.alerts.levels import decide
from erosion.alerts.life import plan_events
from erosion.alerts.states import STATE_COLUMNS
from tests.alerts.made_levels import (
    AS_OF,
    NEVER,
    POLICY,
    THRESHOLDS,
    later,
    policy,
    scores,
    state,
    trigger_of,
    triggered,
)
from tests.alerts.made_rivers import LAWS, raising, rules_of, trigger_rivers


def nights(series, trigger, rules=POLICY, start=None):
    """Published levels, the model's own and the rules of one place under pairs of a probability and a trigger.

    One pair a night, each with a new observation.
    """
    published, own, rule, memory = [], [], [], start
    for night, (p, level, *most) in enumerate(series):
        table = triggered(scores([p]), level, most[0] if most else None)
        memory = decide(table, memory, THRESHOLDS, rules, later(night, days=1), trigger)
        published.append(int(memory["level"].iloc[0]))
        own.append(int(memory["model_level"].iloc[0]))
        rule.append(memory["why"].iloc[0])
    return published, own, rule


@pytest.mark.parametrize(
    ("series", "published", "own", "rules"),
    [
        # Raised at once, back a day after the first night with a lower trigger, each step with its reason.
        (
            [(0.3, 0), (0.3, 3), (0.3, 0), (0.3, 0), (0.3, 0)],
            [2, 3, 3, 2, 2],
            [2, 2, 2, 2, 2],
            ["raised", "trigger", "trigger", "trigger_over", "same"],
        ),
        # A night that asks again starts the count anew.
        ([(0.3, 3), (0.3, 0), (0.3, 3), (0.3, 0), (0.3, 0)], [3, 3, 3, 3, 2], [2] * 5, None),
        # Two steps are given back one after the other.
        ([(0.3, 3), (0.3, 0), (0.3, 0), (0.3, 0), (0.3, 0)], [4, 4, 3, 2, 2], [2] * 5, None),
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
    # What the trigger had no room to lift does not ask for 4 by its chance: the cap holds none of it.
    assert result["held_by"].tolist() == ["", "", "", "trigger"]
    assert result["why"].tolist() == ["raised", "raised", "raised", "trigger"]


def test_a_trigger_taken_out_of_the_region_raises_nothing_more():
    raised = decide(triggered(scores([0.3]), 3), None, THRESHOLDS, POLICY, AS_OF, trigger_of({3: 1}))
    result = decide(scores([0.3]), raised, THRESHOLDS, POLICY, AS_OF)
    assert (result["level"].iloc[0], result["why"].iloc[0]) == (2, "trigger_over")


def test_a_kept_place_is_raised_from_the_level_it_keeps():
    memory = state(3, 2, 1, model_level=2)
    table = triggered(scores([0.1]), 0).assign(kept=True)
    assert nights([(0.1, 0)], trigger_of({3: 1}), start=memory)[0] == [3]
    for night, expected in enumerate((3, 2, 2)):
        memory = decide(table, memory, THRESHOLDS, POLICY, later(night, days=1), trigger_of({3: 1}))
        assert (memory["level"].iloc[0], memory["model_level"].iloc[0]) == (expected, 2)


def test_a_warning_that_a_trigger_raised_names_it():
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


def test_a_segment_that_the_trigger_lifts_over_the_cap_is_not_marked_as_held_by_it():
    """The first, longer one leaves the second no room under the cap of the model; the trigger raises the second alone."""
    table = triggered(scores([0.7, 0.7]).assign(length_m=[21.0, 20.0]), 0)
    table[["trigger", "trigger_most"]] = [[0, 0], [3, 3]]
    rules = policy(max_level4_share=20 / 41)
    found = decide(table, None, THRESHOLDS, rules, AS_OF, trigger_of({3: 1}))
    assert found["model_level"].tolist() == [3, 3] and found["candidate_level"].tolist() == [4, 4]
    assert found["level"].tolist() == [3, 4]
    assert found["held_by"].tolist() == ["cap", ""] and found["why"].tolist() == ["capped", "trigger"]


def test_a_trigger_without_its_columns_is_refused():
    with pytest.raises(ValueError, match="missing trigger, trigger_most"):
        decide(scores([0.5]), None, THRESHOLDS, POLICY, AS_OF, trigger_of({3: 1}))


@LAWS
@given(river=trigger_rivers(), rules=rules_of, trigger=raising)
def test_laws_of_the_trigger(river, rules, trigger):
    table, memory = river
    result = decide(table, memory, THRESHOLDS, rules, AS_OF, trigger)
    alone = decide(table, memory, THRESHOLDS, rules, AS_OF)
    # The level of the model does not depend on the trigger, nor does its state.
    for name in ("model_level", "asked_level", *STATE_COLUMNS[3:-1], "previous_level"):
        assert (result[name] == alone[name]).all(), name
    level, own = result["level"].to_numpy(), result["model_level"].to_numpy()
    assert (level >= own).all() and (level <= 4).all()
    assert ((level == 0) == (own == 0)).all()
    assert (own[level > own] >= trigger.raise_from_level).all()
    assert (result["why"][level > own] == "trigger").all()
    assert not (result["why"] == "trigger")[level == own].any()
    room_m = rules.max_level4_share * table["length_m"].sum() * (1 + 1e-9)
    assert table["length_m"][level == 4].sum() <= room_m
    asked, held = result["asked_level"].to_numpy(), result["held_by"].to_numpy()
    assert ((held == "") == (level == asked)).all()
    assert ((held == "trigger") == ((level > own) & (level > asked))).all()
    assert (level[held == "cap"] == 3).all() and (asked[held == "cap"] == 4).all()


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
    for night in range(3 * int(rules.trigger_days_to_clear) + 8):
        memory = decide(calm, memory, THRESHOLDS, rules, later(night, days=1), trigger)
    assert (memory["level"] == memory["model_level"]).all()
