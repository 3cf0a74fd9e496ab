"""Quality control of gauges: each fault by hand, real rivers, and nothing known before it could be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.gauges import GaugeChecks
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FLAGS, check_gauges
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.quality.days import day_table
from erosion.gauges.quality.flags import QualityFlags
from erosion.gauges.quality.revisions import History
from erosion.gauges.statistics import known_values

GAUGES = Path(__file__).resolve().parents[2] / "data_sources" / "datasets" / "mamore" / "gauges"
DAY = pd.Timedelta(days=1)
LATENCY = pd.Timedelta(minutes=77)  # never midnight, which stands for the end of the day


def table(
    time: pd.DatetimeIndex,
    value: np.ndarray,
    *,
    gauge_id: str = "g",
    quantity: str = "stage",
    latency: pd.Timedelta = LATENCY,
) -> pd.DataFrame:
    """Rows of good values, each available ``latency`` after its time."""
    time = (time.tz_localize("UTC") if time.tz is None else time).as_unit("ns")
    return pd.DataFrame(
        {
            "gauge_id": gauge_id,
            "quantity": quantity,
            "time": time,
            "available_at": time + latency,
            "value": np.asarray(value, float),
            "qc": "good",
            "flags": 0,
            "source": gauge_id,
        }
    )[list(GAUGE_COLUMNS)]


def wave(days: int, seed: int = 0, *, noise: float = 0.01) -> np.ndarray:
    """Daily stage of a river with one flood a year: 2 to 6 m, no step above a few centimetres."""
    day = np.arange(days)
    return 4 - 2 * np.cos(2 * np.pi * day / 365.25) + np.random.default_rng(seed).normal(0, noise, days).round(3)


def days(count: int, first: str = "2001-01-01") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, freq="D")


def flagged(checked: pd.DataFrame, flag: str, as_of: str = "2100-01-01") -> list[str]:
    """Times, as text, of the values that carry a flag on a date."""
    known = known_values(checked, as_of)
    has = known["flags"].to_numpy() & GAUGE_FLAGS[flag] > 0
    return [str(time)[:16].replace(" 00:00", "") for time in known.loc[has, "time"]]


def dates(first: str, count: int) -> list[str]:
    return [str(day.date()) for day in pd.date_range(first, periods=count)]


# --- nothing from the future ---------------------------------------------------------------------------------------------

START = pd.Timestamp("2001-01-01", tz="UTC")
SPAN = 1200


@st.composite
def histories(draw: st.DrawFn) -> tuple[pd.DataFrame, list[int]]:
    """Two gauges over three years with faults, gaps, late values and revisions, and which instants to look at."""
    base = wave(SPAN, draw(st.integers(0, 3)))
    upper, lower = base.copy(), np.round(800 * base**1.5 * (1 + 0.01 * np.sin(np.arange(SPAN))), 1)
    at = st.integers(0, SPAN - 40) | st.integers(760, SPAN - 40)
    for series in (upper, lower):
        for _ in range(draw(st.integers(0, 4))):
            day, kind = draw(at), draw(st.sampled_from(["spike", "flat", "step", "copy", "wild", "missing"]))
            length = draw(st.integers(1, 35))
            part = slice(day, day + length)
            if kind == "spike":
                series[day : day + min(length, 3)] *= 2
            elif kind == "flat":
                series[part] = series[day]
            elif kind == "step":
                series[day:] *= 1.4
            elif kind == "copy" and day >= length:
                series[part] = series[day - length : day]
            elif kind == "wild":
                series[day] = -1e4
            elif kind == "missing":
                series[part] = np.nan
    parts = [
        table(days(SPAN), upper, gauge_id="a"),
        table(
            days(SPAN),
            lower,
            gauge_id="b",
            quantity="discharge",
            latency=draw(st.sampled_from([1, 70])) * DAY + LATENCY,
        ),
    ]
    hours = pd.date_range("2004-01-01", periods=24 * 45, freq="h")
    hour = np.arange(hours.size) + np.where(np.arange(hours.size) > 24 * 36, draw(st.integers(-2, 2)), 0)
    parts.append(table(hours, np.round(2 + np.cos(2 * np.pi * hour / 12.42), 3), gauge_id="c"))
    gauges = pd.concat(parts, ignore_index=True)
    more = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, len(gauges) - 40) | st.integers(SPAN - 60, SPAN - 40))
        rows = np.arange(first, first + draw(st.integers(1, 12)))
        late = pd.Timedelta(hours=draw(st.integers(1, 24 * 60)))
        kind = draw(st.sampled_from(["late", "revised", "withdrawn", "gap"]))
        if kind == "late":
            gauges.loc[rows, "available_at"] = gauges.loc[rows[-1], "available_at"] + late
        elif kind == "gap":
            gauges = gauges.drop(index=rows).reset_index(drop=True)
        else:
            again = gauges.loc[rows].copy()
            again["available_at"] += late
            again["value"] = again["value"] * draw(st.sampled_from([1.0, 1.01, 2.0]))
            again["qc"] = "suspect" if kind == "withdrawn" else "estimated"
            more.append(again)
    gauges = pd.concat([gauges, *more], ignore_index=True)
    gauges["qc"] = gauges["qc"].mask(gauges["value"].isna(), "missing")
    gauges = gauges.drop_duplicates(["gauge_id", "quantity", "time", "available_at"], keep="last", ignore_index=True)
    return gauges, draw(st.lists(st.integers(0, 2**32), min_size=4, max_size=4))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories())
def test_what_was_known_on_a_date_does_not_change_with_what_comes_later(
    made: tuple[pd.DataFrame, list[int]],
) -> None:
    gauges, picks = made
    limits = {"a": GaugeChecks(flat_days=6)}
    whole = check_gauges(check_quality(gauges, limits))
    # The instants at which something came to be doubted or corrected are those at which knowing too early would show.
    told = whole.loc[(whole["flags"] > 0) | whole.duplicated(["gauge_id", "time"]), "available_at"].unique()
    instants = pd.DatetimeIndex(told if len(told) else whole["available_at"].unique()).sort_values()
    for pick in picks:
        look = instants[pick % len(instants)] - pd.Timedelta(nanoseconds=pick % 2)
        then = check_quality(gauges[gauges["available_at"] <= look], limits)
        pd.testing.assert_frame_equal(known_values(whole, look), known_values(then, look))


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
def test_a_spike_is_told_by_the_next_value(size: float) -> None:
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
    assert len(checked) == len(gauges)  # it comes doubted
    assert flagged(checked, "spike") == ["2003-02-20"]


def test_a_correction_starts_afresh_and_what_it_replaced_is_doubted_no_more() -> None:
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


def test_a_dead_gauge_is_told_once_it_has_repeated_for_too_long() -> None:
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


# --- days ----------------------------------------------------------------------------------------------------------------


def tide(hours: int, shift: np.ndarray | float = 0.0) -> np.ndarray:
    """Hourly stage with the tides M2, S2 and K1 on a slow flood."""
    hour = np.arange(hours) + shift
    waves = (
        0.5 * np.cos(2 * np.pi * hour / 12.4206)
        + 0.2 * np.cos(hour * np.pi / 6)
        + 0.2 * np.cos(2 * np.pi * hour / 23.934)
    )
    return np.round(2 + np.arange(hours) / 2400 + waves + np.random.default_rng(1).normal(0, 0.02, hours), 2)


def hourly(count: int) -> pd.DatetimeIndex:
    return pd.date_range("2020-01-01", periods=count, freq="h")


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


def test_a_day_that_repeats_the_day_before_is_doubted_once_it_is_whole() -> None:
    stage = tide(24 * 10)
    stage[125:149] = stage[101:125]
    checked = check_quality(table(hourly(240), stage), {})
    assert flagged(checked, "duplicated_day") == [
        str(hourly(240)[i])[:16].replace(" 00:00", "") for i in range(125, 149)
    ]
    # 24 values over 23 hours: the 24th decides, and not before it is known.
    assert flagged(checked, "duplicated_day", "2020-01-07 05:16") == []
    assert len(flagged(checked, "duplicated_day", "2020-01-07 05:18")) == 24


def test_days_that_repeat_a_week_are_doubted_but_not_a_river_that_falls_through_the_same_readings() -> None:
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


def test_a_gauge_is_not_held_against_a_neighbour_that_is_itself_doubted() -> None:
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
def test_a_clock_that_is_off_is_told_on_the_third_day(shift: int) -> None:
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


# --- a real river --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mamore() -> pd.DataFrame:
    parts = []
    for path in sorted(GAUGES.glob("*.csv")):
        days_of = pd.read_csv(path, parse_dates=["date"])
        time = pd.DatetimeIndex(days_of["date"]) + pd.Timedelta(hours=4)
        parts.append(
            table(time, days_of["discharge_m3s"], gauge_id=path.name[:8], quantity="discharge", latency=2 * DAY)
        )
    return pd.concat(parts, ignore_index=True)


def test_forty_years_of_two_real_gauges_raise_four_marks_and_one_doubt(mamore: pd.DataFrame) -> None:
    known = known_values(check_quality(mamore, {}), "2100-01-01")
    assert len(known) == 32_398
    marked = known[(known["flags"] & GAUGE_FLAGS["neighbour"]) > 0]
    # In October 2011 the Mamoré rose from 800 to 2,400 m3/s within six days and the Guaporé did not.
    assert sorted(marked["time"].dt.strftime("%Y-%m-%d")) == ["2011-10-24", "2011-10-25", "2011-10-30", "2011-10-31"]
    assert (marked["qc"] == "good").all()
    suspect = known[known["qc"] == "suspect"]
    assert (suspect["flags"] == GAUGE_FLAGS["flat_line"]).all()
    assert suspect["gauge_id"].unique().tolist() == ["15250000"]
    repeated = suspect["time"].dt.strftime("%Y-%m-%d").tolist()
    assert repeated == dates("2008-10-26", 23)
    # The agency itself calls these days estimated; the check was not told.
    days_of = pd.read_csv(GAUGES / "15250000_guajara_mirim.csv", index_col="date")
    assert (days_of.loc[repeated, "status"] == 2).all()
    assert len(known[known["flags"] > 0]) == 27


@pytest.mark.parametrize(
    ("kind", "flag", "share"),
    [("spike", "spike", 0.95), ("drop", "spike", 0.95), ("dead", "flat_line", 0.8), ("copy", "duplicated_day", 0.85)],
)
def test_faults_put_into_a_real_series_are_found(mamore: pd.DataFrame, kind: str, flag: str, share: float) -> None:
    one = mamore[mamore["gauge_id"] == "15250000"].reset_index(drop=True)
    value = one["value"].to_numpy().copy()
    places = np.arange(4000, 16_000, 307)
    for place in places:
        if kind == "spike":
            value[place] *= 1.3
        elif kind == "drop":
            value[place : place + 2] *= 0.6
        elif kind == "dead":
            value[place : place + 40] = value[place]
        elif kind == "copy":
            value[place : place + 12] = value[place - 12 : place]
    known = known_values(check_quality(one.assign(value=value), {}), "2100-01-01")
    has = known["flags"].to_numpy() & GAUGE_FLAGS[flag] > 0
    length = {"spike": 1, "drop": 2, "dead": 40, "copy": 12}[kind]
    found = np.array([has[place : place + length].any() for place in places])
    assert found.mean() >= share
    inside = np.zeros(has.size, dtype=bool)
    for place in places:
        inside[place - 1 : place + length + 1] = True
    assert (has & ~inside).sum() <= 26  # the 23 doubted days of the sound series among them
