"""Laws of warning levels that must hold for any river."""

import dataclasses

import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from erosion.alerts.levels import decide
from tests.alerts.made_levels import AS_OF, THRESHOLDS, scores, state, walk
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
