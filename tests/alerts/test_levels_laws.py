"""Laws of warning levels that must hold for any river."""

import dataclasses

import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from erosion.alerts.levels import decide, joint_levels
from erosion.alerts.states import STATE_COLUMNS
from tests.alerts.made_levels import AS_OF, THRESHOLDS, later, scores, state, walk
from tests.alerts.made_rivers import LAWS, probability, rivers, rules_of


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
    capped, asks = result["held_by"] == "cap", result["asked_level"] == 4
    assert not (capped & ~asks).any()
    # Of what would stand at 4 without a cap, what asks for it is held by the cap and the rest has given way.
    gave_way = (free["level"] == 4) & (result["level"] == 3) & ~asks
    assert (free["level"] == result["level"].where(~capped & ~gave_way, 4)).all()
    assert not (result["held_by"][gave_way] == "cap").any()
    if capped.any():
        strongest = table.loc[capped].sort_values(["p_event", "segment_id"], ascending=[False, True]).iloc[0]
        assert table["length_m"][at_4].sum() + strongest["length_m"] > room_m * (1 - 1e-6)
        assert (table["p_event"][at_4] >= strongest["p_event"]).all() and asks[at_4].all()


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
    for run in range(8):
        memory = decide(table, memory, THRESHOLDS, rules, later(run))
    after = decide(table, memory, THRESHOLDS, rules, later(8))
    assert (after["level"] == memory["level"]).all()
    assert (after["candidate_level"] == memory["candidate_level"]).all()
    assert not after["why"].isin(["raised", "jumped", "cleared"]).any()


@LAWS
@given(river=rivers(), rules=rules_of)
def test_running_again_changes_nothing(river, rules):
    """Neither the same night nor the nights after it, until days have passed or an observation has come."""
    table, memory = river
    first = decide(table, memory, THRESHOLDS, rules, AS_OF)
    again = decide(table, first, THRESHOLDS, rules, AS_OF)
    kept = ["level", "model_level", "asked_level", "held_by", *STATE_COLUMNS[3:]]
    pd.testing.assert_frame_equal(again[kept], first[kept])
    quick = {"days_to_raise": 20_000, "days_to_clear": 20_000, "stale_after_days": 20_000}
    waiting = dataclasses.replace(rules, **quick)
    first = decide(table, memory, THRESHOLDS, waiting, AS_OF)
    memory = first
    for night in (1, 2, 30):
        older = table.assign(data_age_days=table["data_age_days"] + night)
        memory = decide(older, memory, THRESHOLDS, waiting, later(night, days=1))
    pd.testing.assert_frame_equal(memory[kept], first[kept])


@LAWS
@given(river=rivers(), rules=rules_of)
def test_what_holds_a_level_is_named_exactly_where_it_is_not_the_one_asked_for(river, rules):
    table, memory = river
    result = decide(table, memory, THRESHOLDS, rules, AS_OF)
    level, asked, held = result["level"], result["asked_level"], result["held_by"]
    assert ((held == "") == (level == asked)).all()
    assert ((asked == 0) == (level == 0)).all()
    assert (level[held == "cap"] == 3).all() and (asked[held == "cap"] == 4).all()
    assert set(held) <= {"", "memory", "cap"}


@LAWS
@given(river=rivers(), rules=rules_of, other=rivers())
def test_the_joint_level_is_never_below_a_warning_nor_low_over_an_unknown(river, rules, other):
    tables = {
        name: decide(table, memory, THRESHOLDS, rules, AS_OF)
        for name, (table, memory) in {"1": river, "2": other}.items()
    }
    joint = joint_levels(tables)
    both = pd.concat([t.set_index("segment_id")["level"] for t in tables.values()], axis=1).reindex(joint.index)
    highest = both.max(axis=1)
    assert (joint[highest >= 2] == highest[highest >= 2]).all()
    assert ((joint == 1) == ((both == 1).all(axis=1))).all()


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
def test_a_level_moves_only_as_far_as_the_last_observations_agree(series, rules):
    rules = dataclasses.replace(
        rules, max_level4_share=1.0, clear_ratio=1.0, days_to_raise=20_000, days_to_clear=20_000
    )
    memory, last, asked, asked_to_rise = None, None, [], []
    for run, p in enumerate(series):
        memory = decide(scores([p]), memory, THRESHOLDS, rules, later(run))
        level = int(memory["level"].iloc[0])
        asked.append(1 + sum(p >= threshold for threshold in THRESHOLDS.values()))
        asked_to_rise.append(last is not None and asked[-1] > last)
        if last is not None and level < last:
            assert len(asked) > rules.observations_to_clear
            assert level == max(asked[-rules.observations_to_clear :])
        if last is not None and level > last:
            asking = asked_to_rise[-rules.observations_to_raise :]
            waited = len(asked) > rules.observations_to_raise and all(asking)
            assert (waited and level == asked[-1]) or p >= THRESHOLDS[level] + rules.jump
        last = level
