"""Stretches of bank: which segments belong together and what becomes of each, by hand and by law."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.alerts.states import NO_STATE
from erosion.alerts.stretches import OpenStretch, StretchStanding, change_of, group_segments, plan_stretches

DAY = pd.Timestamp("2015-08-17", tz="UTC")
LATER = pd.Timestamp("2016-08-03", tz="UTC")


def bank(levels, *, bank="L", reach="rio", line=0, prefix="s", length_m=100.0):
    """Segments of 100 m along one bank."""
    n = len(levels)
    return pd.DataFrame(
        {
            "segment_id": [f"{prefix}{i:03d}" for i in range(n)],
            "reach": reach,
            "bank": bank,
            "bank_line": line,
            "chainage_m": 50.0 + 100.0 * np.arange(n),
            "length_m": length_m,
            "joint_level": levels,
        }
    )


def plan(segments, standing=(), crosswalk=None, as_of=LATER, gap_m=200.0):
    rows = plan_stretches(standing, segments, crosswalk, region="rio", as_of=as_of, from_level=2, gap_m=gap_m)
    return {row.stretch_id: row for row in rows}


def opened(rows):
    """The open stretches of a plan, as the next run finds them."""
    return [
        OpenStretch(
            row.stretch_id, row.level, row.length_m, row.first_issued_at, row.reach, row.bank, row.from_m, row.to_m,
            row.segments,
        )
        for row in rows.values()
        if row.state == "open"
    ]  # fmt: skip


def test_neighbours_belong_together_and_a_short_gap_does_not_divide():
    rows = plan(bank([1, 2, 3, 1, 1, 2, 1, 1, 1, 4, 1]), as_of=DAY)
    assert {name: row.segments for name, row in rows.items()} == {
        "rio-20150817-s001": ("s001", "s002", "s005"),  # 200 m of low bank between
        "rio-20150817-s009": ("s009",),  # 300 m
    }
    first = rows["rio-20150817-s001"]
    assert (first.level, first.length_m, first.from_m, first.to_m) == (3, 300.0, 100.0, 600.0)
    assert (first.kind, first.from_level, first.first_issued_at) == ("issued", NO_STATE, DAY)


def test_two_banks_reaches_and_islands_are_never_one_stretch():
    parts = [bank([3, 3], prefix="l"), bank([3, 3], bank="R", prefix="r"), bank([3, 3], reach="two", prefix="t")]
    parts += [bank([3, 3], bank="I", line=line, prefix=f"i{line}-") for line in (1, 2)]
    assert len(plan(pd.concat(parts, ignore_index=True))) == 5


def test_the_id_lives_on_as_a_stretch_grows_and_shrinks():
    before = opened(plan(bank([1, 3, 3, 1, 1, 1]), as_of=DAY))
    (grown,) = plan(bank([3, 3, 3, 3, 1, 1]), before).values()
    assert (grown.stretch_id, grown.kind, grown.length_m) == ("rio-20150817-s001", "grown", 400.0)
    (shrunk,) = plan(bank([1, 1, 3, 1, 1, 1]), before).values()
    assert (shrunk.stretch_id, shrunk.kind, shrunk.first_issued_at) == ("rio-20150817-s001", "shrunk", DAY)
    (higher,) = plan(bank([3, 4, 3, 3, 1, 1]), before).values()
    assert (higher.kind, higher.from_level, higher.level) == ("raised", 3, 4)


def test_of_two_that_merge_the_longer_goes_on_and_the_other_names_it():
    before = opened(plan(bank([2, 1, 1, 1, 3, 3, 3]), as_of=DAY))
    rows = plan(bank([2, 2, 2, 2, 3, 3, 3]), before)
    assert rows["rio-20150817-s004"].state == "open" and rows["rio-20150817-s004"].length_m == 700.0
    gone = rows["rio-20150817-s000"]
    assert (gone.state, gone.closed_reason, gone.other_id, gone.kind) == (
        "closed",
        "merged",
        "rio-20150817-s004",
        "closed",
    )
    assert len(rows) == 2


def test_of_a_split_the_longer_part_goes_on_and_the_other_names_its_origin():
    before = opened(plan(bank([3] * 9), as_of=DAY))
    rows = plan(bank([3, 3, 1, 1, 1, 3, 3, 3, 3]), before)
    assert rows["rio-20150817-s000"].segments == ("s005", "s006", "s007", "s008")
    new = rows["rio-20160803-s000"]
    assert (new.kind, new.other_id, new.first_issued_at) == ("issued", "rio-20150817-s000", LATER)


def test_the_older_of_two_equal_ones_goes_on():
    old, young = bank([2, 1, 1, 1, 1]), bank([2, 1, 1, 1, 2])
    first = opened(plan(old, as_of=DAY))
    second = opened(plan(young, first, as_of=LATER))
    (row,) = [
        one
        for one in plan(bank([2] * 5), second, as_of=pd.Timestamp("2017-08-06", tz="UTC")).values()
        if one.state == "open"
    ]
    assert row.stretch_id == "rio-20150817-s000"


def test_unknown_closes_nothing_and_opens_nothing():
    before = opened(plan(bank([3, 3, 1, 1, 1, 1]), as_of=DAY))
    (row,) = plan(bank([0, 0, 0, 1, 1, 0]), before).values()
    assert (row.state, row.level, row.kind, row.segments) == ("open", 0, "unknown", ("s000", "s001"))
    (again,) = plan(bank([0, 2, 1, 1, 1, 1]), opened({"x": row})).values()
    assert (again.level, again.kind, again.segments) == (2, "raised", ("s000", "s001"))


def test_a_stretch_closes_when_all_of_it_is_low_or_gone():
    before = opened(plan(bank([3, 3, 1]), as_of=DAY))
    (low,) = plan(bank([1, 1, 1]), before).values()
    assert (low.state, low.closed_reason) == ("closed", "below_warning_level")
    walk = pd.DataFrame({"old_segment_id": ["s000", "s001", "s002"], "new_segment_id": [None, None, "n0"]})
    (gone,) = plan(bank([1], prefix="n"), before, walk).values()
    assert (gone.state, gone.closed_reason) == ("closed", "bank_gone")


def test_a_reach_that_is_not_in_the_table_is_unknown():
    before = opened(plan(bank([3, 3]), as_of=DAY))
    (row,) = plan(bank([3], reach="two", prefix="t").iloc[:0], before).values()
    assert (row.state, row.level, row.kind, row.segments) == ("open", 0, "unknown", ("s000", "s001"))


def test_a_new_baseline_carries_the_id_over():
    before = opened(plan(bank([1, 3, 3, 1]), as_of=DAY))
    walk = pd.DataFrame(
        {"old_segment_id": [f"s{i:03d}" for i in range(4)], "new_segment_id": ["n000", "n000", "n001", "n002"]}
    )
    (row,) = plan(bank([3, 1, 1], prefix="n"), before, walk).values()
    assert (row.stretch_id, row.segments) == ("rio-20150817-s001", ("n000",))
    with pytest.raises(ValueError, match="crosswalk"):
        plan(bank([3], prefix="n"), before, walk.iloc[2:])


def test_segments_are_refused_twice():
    with pytest.raises(ValueError, match="s000 occurs twice"):
        plan(pd.concat([bank([3]), bank([3])]))


def test_changes_of_length_are_told_from_one_segment_and_a_tenth_on():
    stood = StretchStanding("open", 3, 2_000.0)
    for length, kind in ((2_190.0, ""), (2_200.0, "grown"), (1_810.0, ""), (1_800.0, "shrunk")):
        assert change_of(stood, StretchStanding("open", 3, length)) == kind
    assert change_of(StretchStanding("open", 3, 200.0), StretchStanding("open", 3, 290.0)) == ""


LEVELS = st.lists(st.integers(0, 4), min_size=1, max_size=30)


@given(LEVELS, st.sampled_from([0.0, 100.0, 250.0]))
def test_every_segment_that_asks_for_attention_is_in_one_stretch(levels, gap_m):
    segments = bank(levels)
    rows = plan(segments, gap_m=gap_m)
    members = [name for row in rows.values() for name in row.segments]
    assert sorted(members) == [name for name, level in zip(segments["segment_id"], levels, strict=True) if level >= 2]
    assert all(row.level == max(levels[int(name[1:])] for name in row.segments) for row in rows.values())


@given(LEVELS)
def test_a_wider_gap_never_makes_more_stretches(levels):
    counts = [len(group_segments(bank(levels), np.array(levels) >= 2, gap)) for gap in (0.0, 100.0, 300.0, 1e6)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] <= 1


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(0, 4), min_size=12, max_size=12), min_size=2, max_size=5))
def test_no_stretch_is_lost_and_no_id_is_used_twice(history):
    standing, seen = [], set()
    for year, levels in enumerate(history):
        as_of = pd.Timestamp(f"{2010 + year}-01-01", tz="UTC")
        rows = plan(bank(levels), standing, as_of=as_of)
        assert {one.stretch_id for one in standing} <= rows.keys(), (
            "every open stretch goes on or is closed with a reason"
        )
        for row in rows.values():
            assert (row.state == "closed") == (row.closed_reason is not None)
            if row.state == "closed" and row.closed_reason == "merged":
                assert rows[row.other_id].state == "open"
            if row.kind == "issued":
                assert row.stretch_id not in seen
        seen |= rows.keys()
        # What is known to be high is in an open stretch; what is known to be low is in none.
        members = {name for row in rows.values() if row.state == "open" for name in row.segments}
        assert all((f"s{i:03d}" in members) == (level >= 2) for i, level in enumerate(levels) if level > 0)
        assert plan(bank(levels), standing, as_of=as_of) == rows
        standing = opened(rows)


def test_planning_does_not_depend_on_the_order_of_rows():
    levels = [2, 3, 1, 1, 1, 3, 0, 2]
    before = opened(plan(bank([2, 2, 2, 2, 2, 2, 2, 2]), as_of=DAY))
    shuffled = bank(levels).sample(frac=1.0, random_state=3)
    assert plan(shuffled, before) == plan(bank(levels), before)
    assert plan(bank(levels), before[::-1]) == plan(bank(levels), before)
