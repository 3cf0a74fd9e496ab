"""Checks of days: repeated days, shifts of level and clock, neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.quality.days import day_table
from erosion.gauges.quality.flags import QualityFlags
from erosion.gauges.quality.revisions import History
from erosion.gauges.statistics import known_values
from tests.gauges.quality.made_series import dates, days, flagged, hourly, table, tide, wave


def test_a_day_has_the_mean_of_what_stood_when_the_next_one_began() -> None:
    time = pd.DatetimeIndex(["2020-01-01 06:00", "2020-01-01 18:00", "2020-01-02 06:00", "2020-01-03 06:00"])
    rows = table(time, np.array([1.0, 3.0, 8.0, 9.0]))
    early = rows.loc[[0]].assign(value=2.0, available_at=rows["available_at"][1])
    late = rows.loc[[1]].assign(value=30.0, available_at=rows["available_at"][3])
    rows = pd.concat([rows, early, late]).sort_values(["time", "available_at"], ignore_index=True)
    stamps = [pd.DatetimeIndex(rows[name]).asi8 for name in ("time", "available_at")]
    history = History.of(*stamps, rows["value"].to_numpy(), np.ones(len(rows), dtype=bool))
    found = day_table(history, QualityFlags(len(rows)))
    assert found is not None
    assert found.mean[:2].tolist() == [2.5, 8.0]  # the early correction counts, the late one does not
    assert np.isnan(found.mean[2])  # the last day is not over


def test_a_day_that_repeats_the_day_before_is_flagged_once_it_is_whole() -> None:
    stage = tide(24 * 10)
    stage[125:149] = stage[101:125]
    checked = check_quality(table(hourly(240), stage), {})
    assert flagged(checked, "duplicated_day") == [
        str(hourly(240)[i])[:16].replace(" 00:00", "") for i in range(125, 149)
    ]
    # 24 values over 23 hours: the 24th decides, and not before it is known.
    assert flagged(checked, "duplicated_day", "2020-01-07 05:16") == []
    assert len(flagged(checked, "duplicated_day", "2020-01-07 05:18")) == 24


def test_days_that_repeat_a_week_are_flagged_but_not_a_river_that_falls_through_the_same_readings() -> None:
    river = 3 + np.random.default_rng(3).integers(-40, 40, 60).cumsum() / 100
    river[40:46] = river[33:39]
    assert flagged(check_quality(table(days(60), river), {}), "duplicated_day") == dates("2001-02-10", 6)
    falling = np.concatenate([np.arange(300, 280, -1), np.arange(288, 276, -1)]) / 100  # through 2.88 to 2.81 m again
    assert flagged(check_quality(table(days(32), falling), {}), "duplicated_day") == []
    assert flagged(check_quality(table(days(40), np.tile(falling[:20], 2)), {}), "duplicated_day") == dates(
        "2001-01-21", 20
    )


def pair(count: int = 1300) -> tuple[np.ndarray, np.ndarray]:
    """Daily stages of two gauges, the lower one two days later; both with rises of their own each few weeks."""
    rises = np.convolve(np.random.default_rng(5).gamma(0.05, 2.0, count + 2), np.exp(-np.arange(40) / 8), "full")
    upper = wave(count + 2) + rises[: count + 2]
    return upper[2:], 1.0 + 0.6 * upper[:-2] + np.random.default_rng(6).normal(0, 0.02, count)


def both(upper: np.ndarray, lower: np.ndarray) -> pd.DataFrame:
    return pd.concat(
        [table(days(upper.size), upper, gauge_id="upper"), table(days(lower.size), lower, gauge_id="lower")],
        ignore_index=True,
    )


def test_a_gauge_that_leaves_its_neighbour_is_marked_and_stays_good() -> None:
    upper, lower = pair()
    assert flagged(check_quality(both(upper, lower), {}), "neighbour") == []
    upper[1200:1240] += np.linspace(0, 3, 40)  # slowly: no spike, no step
    known = known_values(check_quality(both(upper, lower), {}), "2100-01-01")
    marked = known[known["flags"] & GAUGE_FLAGS["neighbour"] > 0]
    assert set(marked["gauge_id"]) == {"upper", "lower"}  # which of the two is wrong cannot be told
    assert marked["time"].min() > pd.Timestamp("2004-04-15", tz="UTC")
    assert (marked.groupby("gauge_id").size() > 10).all()
    assert (marked["qc"] == "good").all()


def test_a_gauge_is_not_held_against_a_neighbour_that_is_itself_flagged() -> None:
    upper, lower = pair()
    lower[1201] += 5  # a spike is suspect, and no witness against the upper gauge
    checked = check_quality(both(upper, lower), {})
    known = known_values(checked, "2100-01-01").set_index(["gauge_id", "time"])
    assert known.loc[("lower", pd.Timestamp("2004-04-16", tz="UTC")), "flags"] & GAUGE_FLAGS["spike"]
    assert not (known.loc["upper", "flags"] & GAUGE_FLAGS["neighbour"]).any()


def test_a_level_that_shifts_for_good_is_marked_after_five_days() -> None:
    stage = wave(900)
    stage[850:] += 0.2
    checked = check_quality(table(days(900), stage), {})
    assert flagged(checked, "datum_jump") == ["2003-05-01"]
    # It is told when the fifth day after it is over: when the first value of the day after that is there.
    assert flagged(checked, "datum_jump", "2003-05-07 01:16") == []
    assert flagged(checked, "datum_jump", "2003-05-07 01:18") == ["2003-05-01"]
    assert (known_values(checked, "2100-01-01")["qc"] == "good").all()


def test_a_level_that_shifts_in_the_middle_of_a_day_is_marked_on_that_day() -> None:
    time = pd.date_range("2001-01-01", periods=3 * 900, freq="8h")
    stage = np.repeat(wave(900), 3)
    stage[3 * 850 + 1 :] += 0.3
    assert flagged(check_quality(table(time, stage), {}), "datum_jump") == [
        f"2003-05-01{hour}" for hour in ("", " 08:00", " 16:00")
    ]


def test_a_clock_that_was_off_and_is_set_right_is_not_off_again() -> None:
    hours = 24 * 70
    off = np.where((np.arange(hours) >= 24 * 40) & (np.arange(hours) < 24 * 50), 3, 0)
    marked = {time[:10] for time in flagged(check_quality(table(hourly(hours), tide(hours, off)), {}), "clock_shift")}
    assert marked == set(dates("2020-02-10", 10))


def test_a_rise_that_the_neighbour_shares_is_no_shift() -> None:
    upper, lower = wave(1000), 1 + 0.6 * np.roll(wave(1000), 2) + np.random.default_rng(6).normal(0, 0.01, 1000)
    upper[950:] += 0.4
    checked = check_quality(both(upper, lower), {})
    assert flagged(checked, "datum_jump") == ["2003-08-09"]
    # The lower gauge feels the river two days later and is waited for.
    assert flagged(checked, "datum_jump", "2003-08-17 01:16") == []
    assert flagged(checked, "datum_jump", "2003-08-17 01:18") == ["2003-08-09"]
    lower[952:] += 0.24
    assert flagged(check_quality(both(upper, lower), {}), "datum_jump") == []


@pytest.mark.parametrize("shift", [2, -3])
def test_a_clock_that_is_off_is_found_on_the_third_day(shift: int) -> None:
    hours = 24 * 50
    off = np.where((np.arange(hours) >= 24 * 40) & (np.arange(hours) < 24 * 46), shift, 0)
    checked = check_quality(table(hourly(hours), tide(hours, off)), {})
    marked = sorted({time[:10] for time in flagged(checked, "clock_shift")})
    assert marked == dates("2020-02-10", 6)
    # A day is judged when the day after it is over, the third one therefore on 14 February.
    assert flagged(checked, "clock_shift", "2020-02-14 01:16") == []
    assert {time[:10] for time in flagged(checked, "clock_shift", "2020-02-14 01:18")} == set(dates("2020-02-10", 3))


def test_a_tide_that_fades_in_the_flood_is_no_wrong_clock() -> None:
    hours = 24 * 80
    fading = 2 + np.arange(hours) / 600 + (tide(hours) - 2 - np.arange(hours) / 2400) * np.linspace(1, 0, hours)
    assert flagged(check_quality(table(hourly(hours), fading.round(2)), {}), "clock_shift") == []
