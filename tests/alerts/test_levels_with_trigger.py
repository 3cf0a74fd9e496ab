"""Warning levels that a trigger raises: nights by hand, and laws that must hold for any river."""

import dataclasses
import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.alerts.levels import decide
from erosion.alerts.life import plan_events
from erosion.config.region import Policy
from tests.alerts.made_levels import AS_OF, NEVER, POLICY, THRESHOLDS, policy, scores, state, trigger_of, triggered
from tests.alerts.made_rivers import LAWS, raising, rules_of, trigger_rivers


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
        # Raised at once, back after two nights with a lower trigger, each step with its reason.
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


def test_decisions_without_a_trigger_are_those_of_before_there_was_one():
    """The digest was taken from the program as it was before it knew of triggers."""
    rng = np.random.default_rng(7)
    n, memory, tables = 60, None, []
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
        tables.append(memory[["segment_id", *names]].to_csv(index=False, lineterminator="\n"))
    digest = hashlib.sha256("".join(tables).encode()).hexdigest()
    assert digest == "6ca871ea83563c7122b85582fe3419586a2ba02e6b3e2d361dac6c2b5f440592"


def test_a_segment_that_the_trigger_lifts_over_the_cap_is_not_marked_as_held_by_it():
    """The first, longer one leaves the second no room under the cap of the model; the trigger raises the second alone."""
    table = triggered(scores([0.7, 0.7]).assign(length_m=[21.0, 20.0]), 0)
    table[["trigger", "trigger_most"]] = [[0, 0], [3, 3]]
    rules = policy(max_level4_share=20 / 41)
    found = decide(table, None, THRESHOLDS, rules, AS_OF, trigger_of({3: 1}))
    assert found["model_level"].tolist() == [3, 3] and found["candidate_level"].tolist() == [4, 4]
    assert found["level"].tolist() == [3, 4]
    assert found["capped"].tolist() == [True, False] and found["why"].tolist() == ["capped", "trigger"]


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
