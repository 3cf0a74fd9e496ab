"""Checks of single values: impossible values, spikes, fast changes, repetitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.config.gauges import GaugeChecks
from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.statistics import known_values
from tests.gauges.quality.made_series import dates, days, flagged, table, tide, wave

# --- single values -------------------------------------------------------------------------------------------------------


def test_an_empty_table_stays_empty() -> None:
    assert check_quality(table(days(0), np.array([])), {}).empty


def test_impossible_values_are_suspect_from_the_start_in_their_own_row() -> None:
    river = np.full(5, 100.0) + np.arange(5)
    river[2] = -3
    gauges = table(days(5), river, quantity="discharge")
    checked = check_quality(gauges, {})
    assert len(checked) == 5
    assert flagged(checked, "range") == ["2001-01-03"]
    assert checked["qc"].tolist() == ["good", "good", "suspect", "good", "good"]
    # A tidal river runs backwards; its entry says how far.
    assert flagged(check_quality(gauges, {"g": GaugeChecks(discharge_m3s=(-50, 1000))}), "range") == []
    assert flagged(check_quality(gauges, {"g": GaugeChecks(discharge_m3s=(-50, 103.5))}), "range") == ["2001-01-05"]


@pytest.mark.parametrize(
    ("quantity", "value", "found"),
    [
        ("stage", 60.5, 1),
        ("stage", 59.0, 0),
        ("stage", -20.5, 1),
        ("rain", -0.1, 1),
        ("rain", 1000.5, 1),
        ("rain", 999, 0),
    ],
)
def test_possible_values_where_the_entry_gives_none(quantity: str, value: float, found: int) -> None:
    assert len(flagged(check_quality(table(days(1), np.array([value]), quantity=quantity), {}), "range")) == found


def test_a_stage_in_centimetres_is_far_from_two_years_in_metres() -> None:
    stage = wave(800)
    stage[790:] *= 7.5  # within -20 to 60 m
    assert flagged(check_quality(table(days(800), stage), {}), "range") == dates("2003-03-02", 10)
    # Without two years by the start of a year nothing is usual yet.
    assert flagged(check_quality(table(days(800, "2001-03-01"), stage), {}), "range") == []


@pytest.mark.parametrize("size", [0.6, -0.6])
def test_a_spike_is_found_by_the_next_value(size: float) -> None:
    stage = wave(800)
    stage[780] += size
    gauges = table(days(800), stage)
    checked = check_quality(gauges, {})
    assert flagged(checked, "spike") == ["2003-02-20"]
    told = checked[checked["flags"] & GAUGE_FLAGS["spike"] > 0].iloc[-1]
    assert told["available_at"] == gauges["available_at"][781]
    assert told["value"] == stage[780]
    assert flagged(checked, "spike", "2003-02-20 12:00") == []
    assert (known_values(checked, "2003-02-21")["qc"] == "suspect").sum() == 1


@pytest.mark.parametrize(("width", "found"), [(2, 2), (3, 3), (4, 0)])
def test_a_spike_has_at_most_three_values(width: int, found: int) -> None:
    stage = wave(800)
    stage[780 : 780 + width] += 0.6
    assert flagged(check_quality(table(days(800), stage), {}), "spike") == dates("2003-02-20", found)


def test_a_spike_of_discharge_counts_as_a_share() -> None:
    flow = 100 * wave(800, noise=0) ** 2
    flow[[740, 790]] *= 1.4  # near low water, and higher up
    assert flagged(check_quality(table(days(800), flow, quantity="discharge"), {}), "spike") == [
        "2003-01-11",
        "2003-03-02",
    ]


def test_before_anything_is_learned_only_what_no_river_does_is_a_spike() -> None:
    stage = wave(60)
    stage[20] += 1.9
    stage[40] += 2.2
    assert flagged(check_quality(table(days(60), stage), {}), "spike") == ["2001-02-10"]


def test_spikes_of_the_first_years_do_not_become_usual() -> None:
    time = pd.date_range("2019-01-01", periods=24 * 800, freq="h")
    stage = tide(24 * 800)
    stage[500:17000:700] += 1.0  # before anything is learned only 2 m is a spike
    stage[[18003, 18500]] += 1.0
    found = flagged(check_quality(table(time, stage), {}), "spike")
    assert found == [str(time[at])[:16] for at in (18003, 18500)]


def test_a_gap_beside_a_value_makes_it_no_spike() -> None:
    stage = wave(800)
    stage[780] += 0.6
    gauges = table(days(800), stage).drop(index=[779, 778, 781, 782])
    assert flagged(check_quality(gauges, {}), "spike") == []


def test_a_value_that_comes_late_is_judged_when_it_comes() -> None:
    stage = wave(800)
    stage[780] += 0.6
    gauges = table(days(800), stage)
    gauges.loc[780, "available_at"] = pd.Timestamp("2003-03-05 05:00", tz="UTC")
    checked = check_quality(gauges, {})
    assert len(checked) == len(gauges)  # it comes flagged
    assert flagged(checked, "spike") == ["2003-02-20"]


def test_a_correction_starts_afresh_and_what_it_replaced_is_flagged_no_more() -> None:
    stage = wave(800)
    stage[780] += 0.6
    gauges = table(days(800), stage)
    again = gauges.loc[[780]].assign(value=stage[780] - 0.6, available_at=pd.Timestamp("2003-02-20 20:00", tz="UTC"))
    checked = check_quality(pd.concat([gauges, again], ignore_index=True), {})
    assert not (checked["flags"] & GAUGE_FLAGS["spike"]).any()  # the next value came when it no longer stood
    assert (known_values(checked, "2100-01-01")["flags"] == 0).all()
    late = again.assign(available_at=pd.Timestamp("2003-04-01 20:00", tz="UTC"))
    checked = check_quality(pd.concat([gauges, late], ignore_index=True), {})
    assert flagged(checked, "spike", "2003-03-31") == ["2003-02-20"]
    assert flagged(checked, "spike", "2003-04-01") == []


def test_missing_and_withdrawn_values_are_neither_judged_nor_held_against_others() -> None:
    stage = wave(800)
    stage[[780, 785]] = [9.0, np.nan]
    gauges = table(days(800), stage)
    gauges.loc[[780, 785], "qc"] = ["suspect", "missing"]
    checked = check_quality(gauges, {})
    assert len(checked) == 800
    assert (checked["flags"] == 0).all()


def test_a_fast_rise_is_suspect_at_once_and_the_way_back_is_not() -> None:
    stage = wave(100)
    stage[50] += 1.5
    limits = {"g": GaugeChecks(stage_m_per_hour=0.05)}  # 1.2 m a day
    checked = check_quality(table(days(100), stage), limits)
    assert flagged(checked, "rate") == ["2001-02-20"]
    assert flagged(checked, "rate", "2001-02-20 12:00") == ["2001-02-20"]


def test_the_first_value_after_a_dead_gauge_is_not_held_against_it() -> None:
    stage = wave(100, noise=0)
    stage[20:60] = stage[20]
    limits = {"g": GaugeChecks(stage_m_per_hour=0.01, flat_days=5)}  # the return is 0.6 m, 0.24 m a day is the limit
    checked = check_quality(table(days(100), stage), limits)
    assert abs(stage[60] - stage[59]) > 0.5
    assert len(flagged(checked, "flat_line")) == 39
    assert flagged(checked, "rate") == []


def test_a_rise_over_a_gap_may_be_larger() -> None:
    stage = wave(100)
    stage[52:] += 2.0
    limits = {"g": GaugeChecks(stage_m_per_hour=0.05)}
    gauges = table(days(100), stage)
    assert flagged(check_quality(gauges, limits), "rate") == ["2001-02-22"]
    assert flagged(check_quality(gauges.drop(index=[50, 51]), limits), "rate") == []


def test_steps_are_held_against_those_of_the_years_before() -> None:
    stage = wave(900)
    flashy = stage + np.where(np.arange(900) % 50 < 2, 0.8, 0.0)  # rises of 0.8 m in a day are usual there
    for series in (stage, flashy):
        series[855:] += 1.0
    assert flagged(check_quality(table(days(900), stage), {}), "rate") == ["2003-05-06"]
    assert flagged(check_quality(table(days(900), flashy), {}), "rate") == []


def test_a_dead_gauge_is_found_once_it_has_repeated_for_too_long() -> None:
    stage = wave(60)
    stage[30:45] = stage[30]
    gauges = table(days(60), stage)
    checked = check_quality(gauges, {"g": GaugeChecks(flat_days=6)})
    # 31 January is its first value and stays; 7 February is the first that is more than six days later.
    assert flagged(checked, "flat_line") == dates("2001-02-01", 14)
    assert flagged(checked, "flat_line", "2001-02-06") == []
    assert flagged(checked, "flat_line", "2001-02-07") == dates("2001-02-01", 7)
    assert (known_values(checked, "2001-02-06")["qc"] == "good").all()


def test_a_value_that_was_corrected_before_its_gauge_was_known_to_be_dead_stays_corrected() -> None:
    stage = wave(60)
    stage[30:45] = stage[30]
    gauges = table(days(60), stage)
    again = gauges.loc[[33]].assign(value=3.0, available_at=gauges["available_at"][34] + pd.Timedelta(hours=3))
    checked = check_quality(pd.concat([gauges, again], ignore_index=True), {"g": GaugeChecks(flat_days=6)})
    known = known_values(checked, "2100-01-01")
    assert known["value"][33] == 3.0
    assert known["qc"].tolist() == ["good"] * 31 + ["suspect"] * 2 + ["good"] + ["suspect"] * 11 + ["good"] * 15


def test_a_gauge_that_repeats_values_at_low_water_may_do_so_again_but_not_at_high_water() -> None:
    stage = wave(1500).round(2)
    for low in (20, 385, 750, 1115):  # nine days alike each January
        stage[low - 5 : low + 4] = stage[low]
    stage[1105:1125] = stage[1105]  # twenty, where nine were usual
    stage[1270:1290] = 5.905  # twenty at high water, where two were
    checked = check_quality(table(days(1500), stage), {})
    assert flagged(checked, "flat_line") == dates("2004-06-25", 19)


def test_dry_days_are_no_dead_gauge_but_the_same_rain_every_day_is() -> None:
    rain = np.zeros(120)
    rain[60:80] = 3.4
    checked = check_quality(table(days(120), rain, quantity="rain"), {})
    assert flagged(checked, "flat_line") == dates("2001-03-03", 19)
