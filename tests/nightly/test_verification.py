"""Warnings held against events: the outcome of each segment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.nightly.verification import LEVELS_JUDGED, MATCH_M, by_level, classify, count_level


def segments(*rows: tuple[str, float, int, bool]) -> pd.DataFrame:
    """Make rows of (bank, chainage, level, event) of one reach; the shores of islands lie along y = 0."""
    table = pd.DataFrame(rows, columns=["bank", "chainage_m", "level", "event"])
    return table.assign(reach="made", x=table["chainage_m"], y=0.0)


def names(table: pd.DataFrame, unseen: list[bool] | None = None) -> list[str]:
    return list(classify(table, np.array(unseen or [False] * len(table))))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("L", 0, 3, True)], ["hit"]),
        ([("L", 0, 4, True)], ["hit"]),
        ([("L", 0, 2, True)], ["miss"]),  # medium is no warning
        ([("L", 0, 3, False)], ["false_alarm"]),
        ([("L", 0, 1, False)], ["quiet"]),
        ([("L", 0, 0, False)], ["unknown"]),
        ([("L", 0, 0, True)], ["miss"]),  # nobody was warned
        # a warning next door, 100 m away and no farther
        ([("L", 0, 1, True), ("L", 100, 3, False)], ["hit", "hit"]),
        ([("L", 0, 1, True), ("L", 101, 3, False)], ["miss", "false_alarm"]),
        ([("L", 100, 3, False), ("L", 0, 1, True)], ["hit", "hit"]),
        # never across the river
        ([("L", 0, 1, True), ("R", 0, 4, False)], ["miss", "false_alarm"]),
        # a quiet segment between the two is neither
        ([("R", 0, 3, False), ("R", 50, 1, False), ("R", 90, 2, True)], ["hit", "quiet", "hit"]),
    ],
)
def test_outcomes_by_hand(rows: list, expected: list[str]) -> None:
    assert names(segments(*rows)) == expected


def test_a_warning_on_one_reach_is_none_on_another() -> None:
    table = segments(("L", 0, 1, True), ("L", 0, 3, False))
    table["reach"] = ["tien", "hau"]
    assert names(table) == ["miss", "false_alarm"]


def test_what_was_not_seen_is_unknown_and_no_partner() -> None:
    table = segments(("L", 0, 4, True), ("L", 50, 3, False), ("L", 400, 1, False))
    assert names(table, [True, False, True]) == ["unknown", "false_alarm", "unknown"]


def test_islands_of_one_chainage_are_distinguished_by_distance() -> None:
    table = segments(("I", 0, 1, True), ("I", 0, 3, False), ("I", 0, 3, False))
    table["y"] = [0.0, 150.0, 60.0]
    assert names(table) == ["miss" if MATCH_M < 60 else "hit", "false_alarm", "hit"]


def test_what_levels_were_worth_by_hand() -> None:
    """400 m apart, so that no warning meets its neighbour's event; the last was not seen."""
    rows = [("L", 0, 4, True), ("L", 400, 3, True), ("L", 800, 3, False), ("L", 1200, 2, True), ("L", 1600, 2, False)]
    table = segments(*rows, ("L", 2000, 2, False), ("L", 2400, 1, True), ("L", 2800, 4, False))
    table["length_m"] = [50.0, 100.0, 300.0, 100.0, 200.0, 100.0, 100.0, 100.0]
    unseen = np.array([False] * 7 + [True])
    found = {str(level): count_level(table, unseen, level) for level in LEVELS_JUDGED}
    assert found["4"] == {"length_km": 0.05, "eroded_km": 0.05, "warned": 1, "hits": 1, "misses": 3, "false_alarms": 0}
    assert found["3"] == {"length_km": 0.4, "eroded_km": 0.1, "warned": 3, "hits": 2, "misses": 2, "false_alarms": 1}
    assert found["2"] == {"length_km": 0.4, "eroded_km": 0.1, "warned": 6, "hits": 3, "misses": 1, "false_alarms": 3}
    rows_of_runs = [{"target": "1y", "by_level": found}, {"target": "1y", "by_level": found}, {"target": "3y"}]
    together = by_level(rows_of_runs, "1y")
    assert (together["3"]["precision"], together["3"]["pod"], together["3"]["far"]) == (0.25, 0.5, round(1 / 3, 4))
    assert (together["4"]["precision"], together["4"]["pod"], together["4"]["far"]) == (1.0, 0.25, 0.0)
    assert together["2"]["runs"] == 2 and together["2"]["warned"] == 12
    assert by_level(rows_of_runs, "none") == {}


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["L", "R", "I"]),
        st.integers(0, 20).map(lambda n: 40.0 * n),
        st.integers(0, 4),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(ROWS)
def test_every_segment_has_one_outcome_and_the_counts_add_up(rows: list) -> None:
    table = segments(*(row[:4] for row in rows))
    unseen = np.array([row[4] for row in rows])
    outcome = classify(table, unseen)
    event = table["event"].to_numpy() & ~unseen
    warned = (table["level"] >= 3).to_numpy() & ~unseen
    assert set(outcome) <= {"hit", "miss", "false_alarm", "quiet", "unknown"}
    assert event.sum() == (event & (outcome == "hit")).sum() + (outcome == "miss").sum()
    assert warned.sum() == (warned & (outcome == "hit")).sum() + (outcome == "false_alarm").sum()
    assert ((outcome == "unknown") == (unseen | ((table["level"] == 0) & ~table["event"]))).all()
    assert (outcome[warned] != "quiet").all() and (outcome[event] != "quiet").all()
    # The order of rows says nothing.
    turned = classify(table.iloc[::-1].reset_index(drop=True), unseen[::-1])
    assert list(turned[::-1]) == list(outcome)
