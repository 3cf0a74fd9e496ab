"""Windows and statistics of gauges: counted by hand, against a slow and plain version, and blind to all that comes later."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.region import load_region
from erosion.config.store import store_of
from erosion.gauges import series as gauge_series
from erosion.gauges.statistics import STATISTICS, gauge_statistics
from erosion.gauges.statistics.windows import known_ranges, known_windows
from tests.gauge_tables import gauge_rows

DAY = pd.Timedelta(days=1)


def daily_stage(first: str, values: Sequence[float] | np.ndarray, **how: object) -> pd.DataFrame:
    """One value a day at 07:00 of Ho Chi Minh City, known the day after."""
    return gauge_rows(pd.date_range(first, periods=len(values), tz="UTC"), values, **how)  # type: ignore[arg-type]


def again(rows: pd.DataFrame, time: str, available_at: str, value: float, qc: str = "good") -> pd.DataFrame:
    """The table with one further revision."""
    stamp, known = pd.Timestamp(time, tz="UTC"), pd.Timestamp(available_at, tz="UTC")
    row = rows[rows["time"] == stamp].iloc[:1].assign(available_at=known, value=value, qc=qc)
    return pd.concat([rows, row], ignore_index=True)


def one(gauges: pd.DataFrame, date: str, **how: object) -> xr.Dataset:
    """Statistics of the only gauge on one date."""
    return gauge_statistics(gauges, [date], **how).isel(gauge_id=0, as_of=0)  # type: ignore[arg-type]


# --- windows -------------------------------------------------------------------------------------------------------------


def test_a_window_holds_what_was_known_and_its_newest_revision() -> None:
    rows = daily_stage("2020-01-01", [1.0, 2.0, 3.0, 4.0])
    rows = again(rows, "2020-01-02", "2020-01-04", 2.5)  # corrected
    rows = again(rows, "2020-01-01", "2020-01-04 10:00", 1.0, "suspect")  # doubted
    got = known_windows(rows, ["2020-01-03", "2020-01-04", "2020-01-05"], 5, "stage").isel(gauge_id=0)
    nan = np.nan
    np.testing.assert_array_equal(
        got,
        [
            [nan, 2.0, 1.0, nan, nan],  # the third value is known on the fourth
            [nan, 3.0, 2.5, nan, nan],
            [nan, 4.0, 3.0, 2.5, nan],
        ],
    )
    at_nine = known_windows(rows, [pd.Timestamp("2020-01-04 09:00")], 4, "stage").isel(gauge_id=0, as_of=0)
    np.testing.assert_array_equal(at_nine, [nan, 3.0, 2.5, 1.0])  # an hour before the doubt


def test_an_instant_knows_what_came_at_it() -> None:
    rows = gauge_rows(pd.DatetimeIndex(["2020-01-01"]), [1.0], latency="9h")
    dates = [pd.Timestamp("2020-01-01 08:59:59.999999"), pd.Timestamp("2020-01-01 09:00")]
    got = known_windows(rows, dates, 1, "stage")
    np.testing.assert_array_equal(got[0, :, 0], [np.nan, 1.0])


def test_a_value_that_another_source_takes_over_leaves_its_day() -> None:
    """At 17:00 UTC of the 9th, midnight of the 10th in Viet Nam, a book's daily value gives way to a logger's hour."""
    hours = pd.date_range("2020-01-09", periods=24, freq="h", tz="UTC")
    logger = gauge_rows(hours, np.full(24, 2.0), source="logger", latency="5D")
    book = gauge_rows(hours[[17]], [7.0], source="book", latency="1D")
    got = known_windows(pd.concat([book, logger]), ["2020-01-12", "2020-01-15"], 9, "stage").isel(gauge_id=0)
    assert got.sel(as_of="2020-01-12", age=2) == 7.0  # the 10th
    assert np.isnan(got.sel(as_of="2020-01-15", age=5)) and got.sel(as_of="2020-01-15", age=6) == 2.0


def test_a_doubted_value_is_missing_and_no_older_revision_steps_in() -> None:
    rows = again(daily_stage("2020-01-01", [1.0]), "2020-01-01", "2020-01-05", 7.0, "missing")
    got = known_windows(rows, ["2020-01-04", "2020-01-05"], 10, "stage").isel(gauge_id=0)
    assert got.sel(as_of="2020-01-04", age=3) == 1.0 and got.sel(as_of="2020-01-05").isnull().all()


def test_hours_become_a_day_once_they_stand_for_half_of_it() -> None:
    hours = pd.date_range("2020-01-01", periods=48, freq="h", tz="UTC")
    rows = gauge_rows(hours, np.arange(48.0), latency="0h")
    dates = [pd.Timestamp(f"2020-01-02 {hour}") for hour in ("10:30", "11:30", "23:30")]
    got = known_windows(rows, dates, 2, "stage").isel(gauge_id=0)
    np.testing.assert_array_equal(got[:, 0], [np.nan, np.arange(24, 36).mean(), np.arange(24, 48).mean()])
    # Rain is summed.
    rain = known_windows(rows.assign(quantity="rain"), dates[-1:], 1, "rain").item()
    assert rain == np.arange(24, 48).sum()


def test_the_day_of_a_daily_value_does_not_move_when_hours_begin() -> None:
    """Thirty years of daily values at local midnight, then hours: what was a day's value stays on its day."""
    midnights = pd.date_range("2019-12-20", "2020-01-04", tz="Asia/Ho_Chi_Minh").tz_convert("UTC")
    before = gauge_rows(midnights, np.arange(16.0), source="book")
    hours = pd.date_range("2020-01-05", periods=24 * 30, freq="h", tz="UTC")
    rows = pd.concat([before, gauge_rows(hours, np.full(hours.size, 99.0), source="logger", latency="0h")])
    got = known_windows(rows, ["2020-01-06", "2020-02-10"], 60, "stage").isel(gauge_id=0)
    for as_of in got["as_of"].to_numpy():
        days = got.sel(as_of=as_of).assign_coords(age=as_of.astype("datetime64[D]") - got["age"].to_numpy())
        assert days.sel(age=np.datetime64("2019-12-20")) == 0.0  # stamped 17:00 UTC of the 19th
        assert days.sel(age=np.datetime64("2020-01-04")) == 15.0


def test_tidal_range_needs_hours_all_through_the_day() -> None:
    hours = pd.date_range("2020-01-01", periods=72, freq="h", tz="UTC")
    tide = 1.0 + 0.5 * np.cos(2 * np.pi * np.arange(72) / 12)  # two tides a day, high at 0 and 12, low at 6 and 18
    rows = gauge_rows(hours, tide, latency="0h")
    got = known_ranges(rows, ["2020-01-03", "2020-01-04"], 4).isel(gauge_id=0)
    np.testing.assert_allclose(got, [[1, 1, 1, np.nan], [np.nan, 1, 1, 1]])
    half = rows[(rows["time"] < "2020-01-03") | (rows["time"] >= "2020-01-03T14:00Z")]
    assert known_ranges(half, ["2020-01-03"], 1).isnull().all()
    assert known_ranges(daily_stage("2020-01-01", [1.0, 2.0]), ["2020-01-04"], 4).isnull().all()
    assert one(rows, "2020-01-04")["tidal_range"] == pytest.approx(1.0)


def plain_window(rows: pd.DataFrame, date: pd.Timestamp, days: int, *, rain: bool) -> list[float]:
    """The same by loops: newest revision of each time, its day by the company it had when it came."""
    limit = date.tz_localize("UTC") + DAY - pd.Timedelta(microseconds=1)
    firsts = rows.groupby(["source", "time"])["available_at"].min()
    known = (
        rows[rows["available_at"] <= limit].sort_values(["time", "available_at"]).drop_duplicates("time", keep="last")
    )
    by_day: dict[pd.Timestamp, list[tuple[float, float]]] = {}
    for row in known.itertuples():
        first = firsts[row.source, row.time]
        near = [
            abs((other - row.time) / pd.Timedelta(hours=1))
            for (source, other), came in firsts.items()
            if source == row.source and other != row.time and came <= first
        ]
        near = [hours for hours in near if hours <= 20]
        hours = min(min(near), 12.0) if near else 24.0
        day = row.time.normalize() if near else (row.time + pd.Timedelta(hours=12)).normalize()
        if row.qc in ("good", "estimated") and np.isfinite(row.value):
            by_day.setdefault(day, []).append((row.value, hours))
    out = []
    for age in range(days):
        values = by_day.get((date - age * DAY).tz_localize("UTC"), [])
        enough = sum(hours for _, hours in values) >= 12
        total = sum(value for value, _ in values)
        out.append((total if rain else total / len(values)) if enough else np.nan)
    return out


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),  # time, in steps of three hours
            st.integers(0, 40),  # latency, in hours
            st.integers(-50, 50),
            st.sampled_from(["good", "estimated", "suspect", "missing"]),
            st.sampled_from(["a", "b"]),
        ),
        min_size=1,
        max_size=30,
        unique_by=(lambda row: (row[0], row[0] * 3 + row[1]),),
    ),
    st.lists(st.integers(-1, 12), min_size=1, max_size=5),
    st.booleans(),
)
def test_windows_are_what_a_plain_loop_finds(
    values: list[tuple[int, int, int, str, str]], asked: list[int], rain: bool
) -> None:
    start = pd.Timestamp("2019-12-28", tz="UTC")  # across the new year
    rows = pd.concat(
        [
            gauge_rows(
                [start + pd.Timedelta(hours=3 * step)],
                [float(value)],
                latency=f"{latency}h",
                qc=qc,
                source=source,
                quantity="rain" if rain else "stage",
            )
            for step, latency, value, qc, source in values
        ],
        ignore_index=True,
    )
    dates = [start.tz_localize(None) + day * DAY for day in asked]
    got = known_windows(rows, dates, 9, "rain" if rain else "stage").isel(gauge_id=0)
    for place, date in enumerate(dates):
        np.testing.assert_allclose(got[place], plain_window(rows, date, 9, rain=rain), rtol=1e-12)


# --- newest level, changes, rain, alarms -----------------------------------------------------------------------------------


def test_newest_level_changes_and_steps() -> None:
    values = [5.0, 5.5, 5.2, 5.2, 4.0, 4.1, 4.4, 4.3, 4.3, 4.3, 4.2, 4.1, 4.0, 3.9, 3.8, 3.7, 3.0]
    told = one(daily_stage("2020-01-01", values), "2020-01-18")  # the 17th is known on the 18th
    assert told["value"] == 3.0 and told["age_days"] == 1.0 and told["of_stage"] == 1
    expected = [3.0 - value for value in values[-2:-16:-1]]
    np.testing.assert_allclose(told["change"], expected)
    assert told["change"].sel(span=1) == pytest.approx(-0.7)  # fallen is negative
    assert told["fastest_fall"] == pytest.approx(1.2)  # 5.2 to 4.0, in the last 14 steps
    assert told["fastest_rise"] == pytest.approx(0.3)


def test_a_missing_day_is_no_change_of_zero_and_an_old_level_no_present_one() -> None:
    rows = daily_stage("2020-01-01", np.arange(1.0, 21.0))
    holes = rows.drop(index=[15])  # the 16th
    told = one(holes, "2020-01-21")
    assert np.isnan(told["change"].sel(span=4)) and told["change"].sel(span=5) == 5
    assert told["fastest_rise"] == 1.0 and told["fastest_fall"] == 0.0  # 12 of 14 steps are there
    assert np.isnan(one(rows.drop(index=[15, 13]), "2020-01-21")["fastest_rise"])  # 10 are too few
    old = one(rows, "2020-01-31")
    assert np.isnan(old["value"]) and old["age_days"] == 11 and old["change"].isnull().all()
    assert one(rows, "2020-01-30")["value"] == 20.0
    never = one(rows, "2019-06-01")
    assert all(never[name].isnull().all() for name in STATISTICS)


def test_rain_is_summed_up_to_its_newest_day() -> None:
    fell = np.zeros(40)
    fell[[10, 33, 36, 38, 39]] = [50.0, 16.0, 8.0, 4.0, 2.0]
    rows = daily_stage("2020-01-01", fell, quantity="rain", latency="2D")  # newest: 9 February, known on the 11th
    told = one(rows, "2020-02-11")
    assert told["rain_age_days"] == 2
    assert [float(told[f"rain_{days}d"]) for days in (1, 3, 7, 30)] == [2.0, 6.0, 30.0, 80.0]
    holes = rows.drop(index=[34, 35])
    assert np.isnan(one(holes, "2020-02-11")["rain_7d"]) and one(holes, "2020-02-11")["rain_30d"] == 80.0
    assert np.isnan(one(rows, "2020-02-20")["rain_1d"])
    # Another gauge's rain.
    both = pd.concat([rows, daily_stage("2020-01-01", np.ones(41), gauge_id="level")])
    of = gauge_statistics(both, ["2020-02-11"], rain_of={"level": "g"}).sel(gauge_id="level")
    assert of["rain_3d"].item() == 6.0 and np.isnan(
        gauge_statistics(both, ["2020-02-11"])["rain_3d"].sel(gauge_id="level")
    )


def test_alarms_count_from_alarm_1_to_alarm_3() -> None:
    levels = np.concatenate([np.full(20, 3.0), np.full(10, 3.6), np.full(5, 4.1), [4.5, 4.25]])
    rows = daily_stage("2020-09-01", levels)  # newest: 7 October
    told = one(rows, "2020-10-08", alarm_levels={"g": (3.5, 4.0, 4.5)})
    assert told["alarm_share"] == 0.75 and told["above_alarm"] == pytest.approx(0.75)
    np.testing.assert_array_equal(told["alarm_days_30"], [17, 7, 1])  # reached counts
    assert told["alarm_days_season"].isnull().all()  # no season is known yet
    assert np.isnan(one(rows, "2020-10-08")["alarm_share"])
    flow = rows.assign(quantity="discharge")
    assert np.isnan(one(flow, "2020-10-08", alarm_levels={"g": (3.5, 4.0, 4.5)})["alarm_share"])


def test_a_gauge_with_stage_and_discharge_speaks_in_the_first_that_is_asked_for() -> None:
    stage = daily_stage("2020-01-05", [1.0, 2.0])
    flow = daily_stage("2020-01-01", [100.0, 200.0, 300.0, 400.0, 500.0, 600.0], quantity="discharge")
    both = pd.concat([stage, flow], ignore_index=True)
    told = gauge_statistics(both, ["2020-01-05", "2020-01-07"]).isel(gauge_id=0)
    np.testing.assert_array_equal(told["value"], [400.0, 2.0])  # no stage was known on the fifth
    np.testing.assert_array_equal(told["of_stage"], [0.0, 1.0])
    assert one(both, "2020-01-07", quantities=("discharge", "stage"))["value"] == 600.0


# --- seasons ---------------------------------------------------------------------------------------------------------------


def delta_stage(years: range, until: str, *, extra: dict[str, float] | None = None) -> pd.DataFrame:
    """Lowest, 1 m, on 15 April, up in a line to the year's peak on 1 October, down in a line."""
    knots: dict[pd.Timestamp, float] = {}
    for year in years:
        knots |= {pd.Timestamp(f"{year}-04-15"): 1.0, pd.Timestamp(f"{year}-10-01"): peak_of(year)}
    knots[pd.Timestamp(f"{years.stop}-04-15")] = 1.0
    days = pd.date_range(min(knots), until)
    at = [(day - days[0]) / DAY for day in knots]
    level = pd.Series(np.interp(np.arange(days.size), at, list(knots.values())).round(9), days)
    for day, value in (extra or {}).items():
        level[day] = value
    return gauge_rows(level.index, level.to_numpy(), latency="1D")


def peak_of(year: int) -> float:
    return 4.0 + 0.1 * (year % 5)


def test_flood_and_low_water_of_the_delta_are_told_by_its_own_climate() -> None:
    rows = delta_stage(range(2001, 2013), "2013-02-28")
    level = rows.set_index(rows["time"].dt.tz_localize(None))["value"]
    told = one(rows, "2013-02-10")
    assert told["water_year_month"] == 4 and told["low_water_year_month"] == 10
    # Running water year: from 1 April 2012; its flood is over, since the water has fallen below the median.
    assert told["season_peak"] == told["flood_peak"] == peak_of(2012) == 4.2
    assert told["days_since_season_peak"] == told["days_since_peak"] == 132
    assert told["value"] == level["2013-02-09"]
    assert told["drawdown"] == pytest.approx(4.2 - level["2013-02-09"])
    # The climate: complete water years before 1 April 2012, known on the eve, a day late; 2001 has 351 of its days.
    climate = level[:"2012-03-30"]
    assert told["high_mark"] == pytest.approx(climate.quantile(0.9))
    assert told["range_usual"] == pytest.approx(climate.quantile(0.95) - climate.quantile(0.05))
    assert told["flood_days"] == (level["2012-04-01":"2013-02-09"] > climate.quantile(0.75)).sum()
    assert told["flow_percentile"] == pytest.approx((climate < told["value"].item()).mean(), abs=2e-3)
    # Peaks of 2001 to 2011 before it: 4.1 .. 4.0, 4.1; lower than 4.2: 2001 4.1, 2005 4.0, 2006 4.1, 2010 4.0, 2011 4.1.
    assert told["flood_peak_percentile"] == pytest.approx((5 + 0.5 * 2) / 11)  # 2002 and 2007 had 4.2 as well
    # The low-water year began on 1 October 2012; nothing in it is below the mark yet, so the last low water is April's.
    assert told["low_water_day"] == (pd.Timestamp("2012-04-15") - pd.Timestamp("2011-10-01")).days + 1
    assert told["low_mark_passed"] == 0 and np.isnan(told["days_since_low_mark"])


def test_the_first_low_water_passage_of_the_season() -> None:
    rows = delta_stage(range(2001, 2013), "2012-12-31")
    level = rows.set_index(rows["time"].dt.tz_localize(None))["value"]
    mark = level["2001-10-01":"2011-09-29"].quantile(0.1)  # half of the low-water year before is missing
    first = level["2011-10-01":"2012-04-14"][lambda days: days < mark].index[0]
    told = one(rows, "2012-04-05")
    assert told["low_mark"] == pytest.approx(mark)
    assert told["low_mark_passed"] == 1
    assert told["days_since_low_mark"] == (pd.Timestamp("2012-04-05") - first).days
    assert told["season_low"] == level["2012-04-04"] and told["days_since_low"] == 1 and told["above_low"] == 0
    before = one(rows, str(first.date()))  # the value of that day is known a day later
    assert before["low_mark_passed"] == 0 and np.isnan(before["days_since_low_mark"])
    # A dip in December is the first passage, also after the water has risen again, and the low water stays dated by April.
    dipped = delta_stage(range(2001, 2013), "2012-12-31", extra={"2011-12-05": 0.9})
    told = one(dipped, "2012-05-20")
    assert told["days_since_low_mark"] == (pd.Timestamp("2012-05-20") - pd.Timestamp("2011-12-05")).days
    assert told["season_low"] == 0.9
    # Over the year's turn nothing is lost: the low-water year runs from October to September.
    assert one(dipped, "2012-01-02")["days_since_low_mark"] == 28


def test_rain_counts_on_low_water_alone() -> None:
    rows = delta_stage(range(2001, 2013), "2012-12-31")
    rain = gauge_rows(pd.date_range("2011-01-01", "2012-12-31"), np.full(731, 5.0), quantity="rain")
    told = gauge_statistics(pd.concat([rows, rain]), ["2012-04-10", "2012-09-10"]).isel(gauge_id=0)
    np.testing.assert_array_equal(told["rain_on_low_water"], [15.0, 0.0])
    early = gauge_statistics(pd.concat([rows, rain]), ["2002-04-10"])
    assert early["rain_3d"].isnull().all()
    assert np.isnan(one(rows, "2012-04-10")["rain_on_low_water"])


def test_the_usual_level_is_that_of_the_same_days_of_earlier_years() -> None:
    """Leap days and the turn of the year: the window is 15 days either side of the same calendar day."""
    days = pd.date_range("2001-01-01", "2012-12-31")
    level = np.where(days.year == 2012, 1.5, (days.year - 2000) / 10) + days.day_of_year / 1e4
    rows = gauge_rows(days, level, latency="0h")
    for as_of in ("2012-02-29", "2012-01-03", "2012-12-31"):
        told = one(rows, as_of)
        month = int(told["water_year_month"])
        start = (
            pd.Timestamp(f"2012-{month:02d}-01")
            if as_of[5:7] >= f"{month:02d}"
            else pd.Timestamp(f"2011-{month:02d}-01")
        )
        sample: list[float] = []
        for back in range(1, 14):
            centre = pd.Timestamp(as_of) - pd.DateOffset(years=back)
            if as_of.endswith("02-29") and back % 4:
                centre += DAY  # 1 March where there is no 29 February
            near = (days >= centre - 15 * DAY) & (days <= centre + 15 * DAY) & (days < start)
            sample += list(level[near])
        value = float(told["value"])
        assert value == level[days == as_of]
        assert told["season_percentile"] == pytest.approx(np.mean(np.array(sample) < value))
        assert told["season_anomaly"] == pytest.approx(value - np.median(sample))


def test_a_climate_is_made_of_complete_years_only() -> None:
    rows = delta_stage(range(2001, 2013), "2013-02-28")
    times = rows["time"]
    young = rows[times >= "2009-05-01"]
    assert np.isnan(one(young, "2012-03-01")["range_usual"])  # 2009 lacks April, 2011 is running: two years
    assert np.isfinite(one(young, "2012-12-01")["range_usual"])  # three
    holes = young[
        (young["time"] < "2010-06-01") | (young["time"] > "2010-08-20")
    ]  # a fifth and more of one of them is missing
    assert np.isnan(one(holes, "2012-12-01")["range_usual"])
    assert np.isnan(one(holes, "2012-12-01")["low_mark_passed"])
    # A season with holes is not told.
    silent = rows[(times < "2012-05-01") | (times > "2012-08-31")]
    told = one(silent, "2013-02-10")
    assert told[["season_peak", "drawdown", "flood_peak", "flood_days"]].to_array().isnull().all()
    assert np.isfinite(told["value"]) and np.isfinite(told["season_percentile"])


def test_alarm_days_of_the_season_run_from_low_water() -> None:
    rows = delta_stage(range(2001, 2013), "2012-12-31", extra={"2012-02-10": 4.6})
    told = one(rows, "2012-12-01", alarm_levels={"g": (3.5, 4.0, 4.5)})
    level = rows.set_index(rows["time"].dt.tz_localize(None))["value"]["2012-04-01":"2012-11-30"]
    np.testing.assert_array_equal(told["alarm_days_season"], [(level >= alarm).sum() for alarm in (3.5, 4.0, 4.5)])
    assert told["alarm_days_season"].to_numpy().tolist()[2] == 0  # February belongs to the year before


# --- forecasts -------------------------------------------------------------------------------------------------------------


def forecast(
    issued: str, values: Sequence[float], *, member: int = -1, latency: str = "6h", first: int = 1
) -> pd.DataFrame:
    stamp = pd.Timestamp(issued, tz="UTC")
    days = stamp.normalize() + pd.to_timedelta(np.arange(first, first + len(values)), unit="D")
    rows = gauge_rows(days, values, source="ahead").drop(columns=["qc", "flags"])
    return rows.assign(available_at=stamp + pd.Timedelta(latency), issued_at=stamp, member=member)


def test_the_newest_forecast_known_is_told() -> None:
    rows = daily_stage("2020-01-01", np.full(20, 3.0), latency="0h")
    ahead = pd.concat(
        [
            forecast("2020-01-09", [2.9, 2.8, 2.7, 2.6, 2.5, 2.4, 2.3]),
            forecast("2020-01-10", [2.9, 2.5, 2.2, 2.4, 2.8, 2.0], latency="30h"),  # known on the 11th at 06:00
        ]
    )
    told = gauge_statistics(
        rows, ["2020-01-08", "2020-01-10", "2020-01-11", "2020-01-13", "2020-01-14"], forecasts=ahead
    )
    told = told.isel(gauge_id=0)
    nan = np.nan
    np.testing.assert_array_equal(told["forecast_age_days"], [nan, 1, 1, 3, nan])
    # On the 10th that of the 9th still holds, and its first day is past.
    np.testing.assert_array_equal(told["forecast"][1, :7], [2.8, 2.7, 2.6, 2.5, 2.4, 2.3, nan])
    np.testing.assert_array_equal(told["forecast_low"], [nan, 2.4, 2.0, 2.0, nan])
    np.testing.assert_array_equal(told["forecast_low_days"], [nan, 5, 5, 3, nan])
    np.testing.assert_array_equal(told["forecast_high"], [nan, 2.8, 2.8, 2.8, nan])
    np.testing.assert_allclose(told["forecast_change"], [nan, -0.6, -1.0, -1.0, nan])
    assert told["forecast_spread"].isnull().all()


def test_an_older_forecast_that_comes_late_is_not_the_newest() -> None:
    rows = daily_stage("2020-01-01", np.full(20, 3.0), latency="0h")
    ahead = pd.concat(
        [forecast("2020-01-09", [2.0] * 6, latency="60h"), forecast("2020-01-10", [1.0] * 6, latency="6h")]
    )
    told = gauge_statistics(rows, ["2020-01-09", "2020-01-10", "2020-01-12"], forecasts=ahead).isel(gauge_id=0)
    np.testing.assert_array_equal(told["forecast_low"], [np.nan, 1.0, 1.0])


def test_a_corrected_forecast_holds_from_when_it_came() -> None:
    rows = daily_stage("2020-01-01", np.full(20, 3.0), latency="0h")
    first = forecast("2020-01-09", [2.0, 2.0, 1.0, 2.0])
    better = first.iloc[[2]].assign(value=1.5, available_at=pd.Timestamp("2020-01-10 08:00", tz="UTC"))
    gone = first.iloc[[1]].assign(value=np.nan, available_at=pd.Timestamp("2020-01-10 08:00", tz="UTC"))
    told = gauge_statistics(rows, ["2020-01-09", "2020-01-10"], forecasts=pd.concat([first, better, gone])).isel(
        gauge_id=0
    )
    np.testing.assert_array_equal(told["forecast"][0, :4], [2.0, 2.0, 1.0, 2.0])
    np.testing.assert_array_equal(told["forecast"][1, :3], [np.nan, 1.5, 2.0])
    np.testing.assert_array_equal(told["forecast_low"], [1.0, np.nan])  # two of the five days are too few


def test_members_are_a_median_and_a_spread() -> None:
    rows = daily_stage("2020-01-01", np.full(9, 3.0), latency="0h")
    lows = [2.0, 2.1, 2.2, 2.3, 2.6]
    ahead = pd.concat([forecast("2020-01-09", [2.9, 2.8, low, 2.8], member=i) for i, low in enumerate(lows)])
    told = one(rows, "2020-01-09", forecasts=ahead)
    assert told["forecast_low"] == pytest.approx(2.2) and told["forecast_low_days"] == 3
    assert told["forecast_spread"] == pytest.approx(np.quantile(lows, 0.9) - np.quantile(lows, 0.1))
    few = one(rows, "2020-01-09", forecasts=ahead[ahead["member"] < 4])
    assert np.isnan(few["forecast_spread"]) and few["forecast_low"] == pytest.approx(2.15)
    short = one(rows, "2020-01-09", forecasts=forecast("2020-01-09", [2.0, 2.1]))
    assert np.isnan(short["forecast_low"]) and short["forecast"].sel(ahead=2) == 2.1


def test_a_forecast_at_local_midnights_or_in_hours_falls_on_its_days() -> None:
    rows = daily_stage("2020-01-01", np.full(9, 3.0), latency="0h")
    local = forecast("2020-01-09", [1.0, 2.0, 3.0, 4.0])
    local["time"] -= pd.Timedelta(hours=7)  # midnight of Ho Chi Minh City
    np.testing.assert_array_equal(one(rows, "2020-01-09", forecasts=local)["forecast"][:4], [1, 2, 3, 4])
    # A value between two midnights, added the day after, moves no day of the forecast.
    between = local.iloc[[1]].assign(
        time=local["time"].iloc[1] + pd.Timedelta(hours=6), available_at=pd.Timestamp("2020-01-10 08:00", tz="UTC")
    )
    more = pd.concat([local, between])
    np.testing.assert_array_equal(one(rows, "2020-01-09", forecasts=more)["forecast"][:4], [1, 2, 3, 4])
    hours = pd.concat([forecast("2020-01-09", [float(hour)]) for hour in range(24)], ignore_index=True)
    hours["time"] += pd.to_timedelta(np.arange(24), unit="h")
    assert one(rows, "2020-01-09", forecasts=hours)["forecast"].sel(ahead=1) == 11.5


# --- nothing of later days -------------------------------------------------------------------------------------------------


def same_bits(one: xr.Dataset, other: xr.Dataset) -> None:
    for name in STATISTICS:
        a, b = one[name].to_numpy(), other[name].to_numpy()
        assert np.array_equal(a, b, equal_nan=True), name
        there = np.isfinite(a)
        assert a[there].tobytes() == b[there].tobytes(), name


@functools.lru_cache(maxsize=1)
def everything() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six years of daily stage, then hours with a tide; rain; corrections and doubts; forecasts of three members."""
    dice = np.random.default_rng(7)
    days = pd.date_range("2014-01-01", "2019-10-31", tz="Asia/Ho_Chi_Minh").tz_convert("UTC")
    wave = 3 + 2 * np.cos(2 * np.pi * (days.day_of_year - 280) / 365.25) + 0.2 * dice.standard_normal(days.size)
    book = gauge_rows(days, wave, source="book")
    hours = pd.date_range("2019-11-01", "2020-02-29 23:00", freq="h", tz="UTC")
    tide = 3 + 0.5 * np.sin(np.arange(hours.size) * 2 * np.pi / 12.42) + 0.1 * dice.standard_normal(hours.size)
    logger = gauge_rows(hours, tide, source="logger", latency="2h")
    rain = gauge_rows(days, dice.exponential(4, days.size), quantity="rain", latency="3D")
    flow = gauge_rows(days, np.exp(wave), quantity="discharge", gauge_id="q")
    rows = pd.concat([book, logger, rain, flow], ignore_index=True)
    late = rows.sample(400, random_state=3)
    late = late.assign(
        value=late["value"] + 1.0,
        qc=dice.choice(["good", "suspect", "estimated"], 400),
        available_at=late["available_at"] + pd.to_timedelta(dice.integers(1, 400, 400), unit="D"),
    )
    issues = pd.date_range("2019-09-01", "2020-02-28", freq="2D")
    ahead = pd.concat(
        [forecast(str(day.date()), 3 + dice.standard_normal(8), member=m) for day in issues for m in range(3)]
    )
    keys = ["gauge_id", "quantity", "time", "available_at"]
    return pd.concat([rows, late], ignore_index=True).drop_duplicates(keys), ahead


@settings(max_examples=8, deadline=None)
@given(
    today=st.dates(pd.Timestamp("2018-01-01").date(), pd.Timestamp("2020-02-28").date()),
    factor=st.floats(0.1, 10),
    keep=st.sampled_from([0.0, 0.5, 1.0]),
    flip=st.booleans(),
    seed=st.integers(0, 99),
)
def test_rows_of_a_date_are_the_same_whatever_comes_later(
    today: object, factor: float, keep: float, flip: bool, seed: int
) -> None:
    """Later rows are dropped, changed, doubted or moved; what was told up to the date stays to the last bit."""
    rows, ahead = everything()
    stamp = pd.Timestamp(str(today))
    limit = (stamp + DAY).tz_localize("UTC")
    dice = np.random.default_rng(seed)

    def another(table: pd.DataFrame) -> pd.DataFrame:
        later = (table["available_at"] >= limit).to_numpy()
        kept = ~later | (dice.random(later.size) < keep)
        out = table.assign(value=np.where(later, table["value"] * factor, table["value"]))
        if flip and "qc" in out:
            out["qc"] = np.where(later & (dice.random(later.size) < 0.3), "suspect", out["qc"])
        return out[kept].sample(frac=1, random_state=seed)

    dates = [stamp - days * DAY for days in (400, 30, 3, 1, 0)]
    alarms = {"g": (3.5, 4.0, 4.5)}
    changed = pd.concat([another(rows), rows[rows["gauge_id"] == "q"].iloc[:1]]).drop_duplicates()
    same_bits(gauge_statistics(rows, dates, alarms, ahead), gauge_statistics(changed, dates, alarms, another(ahead)))


def test_many_dates_at_once_are_each_date_alone() -> None:
    rows, ahead = everything()
    dates = [pd.Timestamp("2017-12-30") + days * DAY for days in (0, 1, 2, 55, 300, 301, 700, 745, 760)]
    at_once = gauge_statistics(rows, [*dates, dates[2]], forecasts=ahead)
    for place, date in enumerate(dates):
        same_bits(at_once.isel(as_of=[place]), gauge_statistics(rows, [date], forecasts=ahead))
    same_bits(at_once.isel(as_of=[2]), at_once.isel(as_of=[-1]))


@functools.lru_cache(maxsize=1)
def mamore() -> pd.DataFrame:
    region = load_region("mamore")
    return gauge_series.read(region, store_of(region), "2026-06-01").values


@settings(max_examples=4, deadline=None)
@given(today=st.dates(pd.Timestamp("1985-01-01").date(), pd.Timestamp("2024-12-31").date()), seed=st.integers(0, 99))
def test_the_real_gauges_cut_off_delayed_and_corrected_later_tell_the_same(today: object, seed: int) -> None:
    rows, stamp = mamore(), pd.Timestamp(str(today))
    limit = (stamp + DAY).tz_localize("UTC")
    dice = np.random.default_rng(seed)
    cut = rows[(rows["available_at"] < limit).to_numpy()]
    # Corrections and doubts of known days come later, and so do values of long ago that nobody had.
    corrected = cut.iloc[dice.integers(0, max(len(cut), 1), 300 if len(cut) else 0)].drop_duplicates(
        ["gauge_id", "time"]
    )
    corrected = corrected.assign(
        available_at=limit + pd.to_timedelta(dice.integers(0, 900, len(corrected)), unit="D"),
        value=corrected["value"] * dice.uniform(0.1, 9, len(corrected)),
        qc=dice.choice(["good", "suspect"], len(corrected)),
    )
    old = gauge_rows(
        pd.date_range("1970-01-01", periods=500),
        dice.random(500),
        quantity="discharge",
        gauge_id="15200000",
        source="old",
    ).assign(available_at=limit + DAY)
    dates = [stamp - days * DAY for days in (0, 1, 200, 366)]
    expected = gauge_statistics(rows, dates)
    same_bits(expected, gauge_statistics(pd.concat([rows, corrected, old]), dates))
    if set(cut["gauge_id"]) == set(rows["gauge_id"]):
        same_bits(expected, gauge_statistics(cut, dates))


def test_every_statistic_is_described_and_there() -> None:
    rows, ahead = everything()
    told = gauge_statistics(rows, ["2019-12-20"], {"g": (3.5, 4.0, 4.5)}, ahead)
    assert list(told) == list(STATISTICS)
    page = (Path(__file__).parents[2] / "docs/gauge-statistics.md").read_text(encoding="utf-8")
    for name, (unit, meaning, missing) in STATISTICS.items():
        assert meaning and missing, name
        assert f"| `{name}` | {unit or '1'} | {meaning} | {missing} |\n" in page, name
        assert told[name].attrs["units"] == unit and told[name].dims[:2] == ("gauge_id", "as_of")


def test_bounds_of_a_season_are_its_own() -> None:
    """A peak on the first day of the running water year is none of the flood before, and a young season is known."""
    rows = delta_stage(range(2001, 2013), "2012-12-31", extra={"2012-04-01": 9.0, "2011-03-31": 9.5})
    told = one(rows, "2012-04-10")
    assert told["flood_peak"] == peak_of(2011) and told["season_peak"] == 9.0 and told["days_since_season_peak"] == 9
    assert one(rows, "2012-03-31")["flood_peak"] == peak_of(2011)
    # A week into the season five of its days are known, two days late: no gap. Twelve silent days are one.
    late = rows.assign(available_at=rows["time"] + 2 * DAY)
    assert one(late, "2012-04-07")["season_peak"] == 9.0
    silent = rows[rows["time"] < "2012-04-06"]
    assert one(silent, "2012-04-15")["season_peak"] == 9.0
    assert np.isnan(one(silent, "2012-04-20")["season_peak"])  # 5 of 10 days, the last ten aside
