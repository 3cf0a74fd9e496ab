"""What the network of benchmarks/convnet.py sees: strips along the banks, as known on a date."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.rivers import make_region, make_water, sine_river, straight_river

FILE = Path(__file__).resolve().parents[3] / "benchmarks" / "convnet_strips.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("convnet_strips", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["convnet_strips"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["convnet_strips"]


def moving(years: int, east: bool = True):
    """A straight river of 8 pixels from the west to the east edge; its southern bank, the right one, moves 3 pixels a year."""
    masks = [straight_river(96, 104 + 3 * year) for year in range(years)]
    return make_water(masks if east else [mask[::-1] for mask in masks])


def of(bench, strips, segments, bank):
    """Return the middle of a strip of one bank: share of river, newest mask first, shape (masks, across)."""
    mine = np.flatnonzero([f"-{bank}-" in name for name in segments])
    return strips.share[mine[len(mine) // 2]].astype(float) / 255


def river_up_to(bench, metres: float):
    """Return where there is river if it ends at a distance from the newest bank; samples that the edge crosses are in between."""
    return np.clip((metres - bench.ACROSS_M) / bench.STEP_M + 0.5, 0, 1)


def test_strips_of_a_straight_river_by_hand(bench):
    """Banks lie at 0, earlier ones of the moving side 90 m a year riverward, and land lies to the right of every strip."""
    strips, segments = bench.strips_on(make_region(), moving(4), pd.Timestamp("2003-12-31"))
    right, left = (of(bench, strips, segments, bank) for bank in "RL")
    for year in range(4):
        near = bench.ACROSS_M > -17 * bench.STEP_M  # the newest mask has 17 pixels of river, then comes the other bank
        np.testing.assert_allclose(right[year][near], river_up_to(bench, -90.0 * year)[near], atol=0.01)
    # The left bank stands; beyond the river, 17 - 3 pixels a year wide, is the land of the other side.
    for year in range(4):
        width = (17 - 3 * year) * bench.STEP_M
        np.testing.assert_allclose(left[year], river_up_to(bench, 0.0) - river_up_to(bench, -width), atol=0.01)
    np.testing.assert_allclose(strips.age_y[:4], [0, 1, 2, 3], atol=0.01)


def test_too_few_masks_repeat_the_oldest(bench):
    strips, _ = bench.strips_on(make_region(), moving(2), pd.Timestamp("2001-12-31"))
    assert strips.share.shape[1] == bench.EPOCHS
    for back in range(2, bench.EPOCHS):
        assert np.array_equal(strips.share[:, back], strips.share[:, 1])
    assert np.array_equal(strips.age_y[1:], np.full(bench.EPOCHS - 1, strips.age_y[1]))


def test_later_masks_change_nothing(bench):
    """A strip of 2002 is the same whether or not the masks of later years exist; one made with their date differs."""
    date = pd.Timestamp("2002-12-31")
    then, names = bench.strips_on(make_region(), moving(3), date)
    now, same = bench.strips_on(make_region(), moving(6), date)
    assert np.array_equal(names, same) and np.array_equal(then.share, now.share)
    assert np.array_equal(then.age_y, now.age_y) and np.array_equal(then.turn, now.turn)
    later, _ = bench.strips_on(make_region(), moving(6), pd.Timestamp("2005-12-31"))
    assert not np.array_equal(later.share[:100], then.share[:100])


def test_a_mask_is_not_seen_before_it_is_available(bench):
    """The mask of July 2002 is available 30 days later: the day before, the strips are those of 2001."""
    water, region = moving(3), make_region()
    before, _ = bench.strips_on(region, water, pd.Timestamp("2002-07-30"))
    old, _ = bench.strips_on(region, water, pd.Timestamp("2001-12-31"))
    assert np.array_equal(before.share, old.share)


def test_both_banks_look_alike(bench):
    """The river turned upside down has its moving bank on the left; the strips of that bank are those of the right one before."""
    date = pd.Timestamp("2003-12-31")
    one, names = bench.strips_on(make_region(), moving(4), date)
    other, turned = bench.strips_on(make_region(), moving(4, east=False), date)
    np.testing.assert_allclose(of(bench, one, names, "R"), of(bench, other, turned, "L"), atol=0.01)


def test_turn_is_positive_on_the_outer_side(bench):
    """In a bend the two banks turn with opposite signs, and the outer bank, whose land the flow meets, positively."""
    strips, segments = bench.strips_on(make_region(), make_water([sine_river()] * 2), pd.Timestamp("2001-12-31"))
    from erosion.banks.as_of import baseline_on

    baseline = baseline_on(make_region(), make_water([sine_river()] * 2), pd.Timestamp("2001-12-31"))
    assert np.array_equal(baseline.segments["segment_id"].to_numpy(str), segments)
    bent = baseline.segments["curvature_per_m"].abs() > baseline.segments["curvature_per_m"].abs().median()
    agree = np.sign(strips.turn) == np.sign(baseline.segments["curvature_per_m"])
    assert agree[bent].mean() > 0.95


def test_runs_hold_every_segment_once_and_go_downstream(bench):
    strips, segments = bench.strips_on(make_region(), make_water([sine_river()] * 2), pd.Timestamp("2001-12-31"))
    assert sorted(np.concatenate(strips.runs)) == list(range(len(segments)))
    for run in strips.runs:
        assert len({segments[one].split("-")[1] for one in run}) == 1
        chainage = np.array([int(segments[one].split("-")[2]) for one in run])
        assert chainage[-1] > chainage[0]


def test_sequence_keeps_banks_apart(bench):
    """Every row stands in one column with its own strip, and between two banks lies the whole gap."""
    water, region = moving(4), make_region()
    dates = [bench.strips_on(region, water, pd.Timestamp(f"{year}-12-31"))[0] for year in (2001, 2003)]
    gap = 7
    sequence = bench.in_sequence(dates, gap)
    at = np.flatnonzero(sequence.row >= 0)
    n = [len(strips.turn) for strips in dates]
    assert sorted(sequence.row[at]) == list(range(sum(n)))
    shares = np.concatenate([strips.share for strips in dates])
    assert np.array_equal(sequence.share[at], shares[sequence.row[at]])
    assert np.array_equal(sequence.about[:, 0] > 0, sequence.row >= 0)
    assert set(np.diff(at)) == {1, gap + 1} and (np.diff(at) > 1).sum() == 3
    newest = sequence.about[at[sequence.row[at] >= n[0]], 2:]
    np.testing.assert_allclose(newest, np.tile(dates[1].age_y * bench.AGE_SCALE, (n[1], 1)))
