"""What gauges say as of a date: hand-made hydrographs, the real gauges, and nothing from the future."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from erosion.config.region import load_region
from erosion.config.store import store_of
from erosion.gauges import series as gauge_series
from erosion.gauges.statistics import MIN_WINDOW_DAYS, STATISTICS, daily, gauge_statistics, scene_flow
from erosion.gauges.statistics.flood import recession
from erosion.water import read as sources
from tests.gauge_tables import gauge_rows

LOW = 20.0
"""Flow on 20 October of every made year; the peak is on 1 April."""


def table(
    days: pd.DatetimeIndex, flow: np.ndarray, *, gauge_id: str = "g", stage: bool = False, latency: int = 2
) -> pd.DataFrame:
    time = days.tz_localize("UTC") + pd.Timedelta(hours=4)
    return gauge_rows(time, flow, gauge_id=gauge_id, quantity="stage" if stage else "discharge", latency=f"{latency}D")


def hydrograph(peaks: dict[int, float], until: str, *, stage: bool = False) -> pd.DataFrame:
    """Linear rise to each peak on 1 April, exponential fall to :data:`LOW` on 20 October."""
    years = sorted(peaks)
    knots = {pd.Timestamp(f"{years[0] - 1}-10-20"): LOW}
    for year in years:
        knots |= {pd.Timestamp(f"{year}-04-01"): peaks[year], pd.Timestamp(f"{year}-10-20"): LOW}
    days = pd.date_range(min(knots), until, freq="D")
    at = np.array([day.value for day in knots], float)
    level = np.array(list(knots.values()))
    when = days.as_unit("ns").asi8.astype(float)
    rising = np.interp(when, at, level)
    falling = np.exp(np.interp(when, at, np.log(level)))
    month_day = days.month * 100 + days.day
    flow = np.where((month_day >= 401) & (month_day < 1020), falling, rising).round(9)
    return table(days, flow, stage=stage)


PEAKS = dict(zip(range(2000, 2010), [900, 1100, 1000, 700, 1300, 950, 1050, 1200, 800, 1250], strict=True))


SEASON = (
    "flood_peak",
    "flood_peak_ratio",
    "flood_peak_percentile",
    "flood_days",
    "days_since_peak",
    "recession_per_day",
    "low_water_day",
    "flow_percentile",
    "water_year_month",
)


def seasons(gauges: pd.DataFrame, as_of: object) -> pd.DataFrame:
    """Season statistics of one date, a row a gauge."""
    told = gauge_statistics(gauges, [pd.Timestamp(str(as_of))], quantities=("discharge", "stage"))
    return told[list(SEASON)].isel(as_of=0, drop=True).to_dataframe()


def row(gauges: pd.DataFrame, as_of: str) -> pd.Series:
    return seasons(gauges, as_of).iloc[0]


# --- made rivers ---------------------------------------------------------------------------------------------------------


def test_a_hand_made_flood_is_described() -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    known = row(gauges, "2009-10-01")
    assert known["flood_peak"] == 1250
    assert known["days_since_peak"] == 183  # 1 April to 1 October
    assert known["flood_peak_ratio"] == pytest.approx(1250 / 1000)  # median of the nine peaks before
    assert known["flood_peak_percentile"] == pytest.approx(8 / 9)
    # 202 days from 1 April to 20 October, on which ln Q falls evenly.
    assert known["recession_per_day"] == pytest.approx(np.log(1250 / LOW) / 202, rel=1e-6)
    assert known["water_year_month"] == 9  # August to October is the lowest quarter, before the steep rise
    days = gauges.set_index(gauges["time"].dt.strftime("%Y-%m-%d"))["value"]
    # The years before the running one, as known when it began, two days late; the first lacks 49 days and is complete enough.
    climate = days[:"2009-08-29"]
    assert known["flood_days"] == (days["2008-09-01":"2009-08-31"] > climate.quantile(0.75)).sum()
    newest = days["2009-09-29"]
    assert known["flow_percentile"] == pytest.approx((climate < newest).mean() + 0.5 * (climate == newest).mean())


def test_low_water_is_dated_in_a_year_that_starts_with_high_water() -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    # High water is in March on average, so day 1 is 1 March: 20 October is day 234, but only once the river has risen.
    assert row(gauges, "2009-10-25")["low_water_day"] == 234
    late = gauges.copy()
    dip = late["time"].dt.strftime("%Y-%m-%d") == "2008-11-05"
    late.loc[dip, "value"] = 1.0
    assert row(late, "2009-10-25")["low_water_day"] == 234 + 16
    assert row(late, "2008-10-25")["low_water_day"] == 234


def test_a_flood_counts_once_it_is_over_and_not_before() -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    middle = gauges["value"].median()
    assert row(gauges, "2009-03-20")["flood_peak"] == 800  # still rising
    assert row(gauges, "2009-04-20")["flood_peak"] == 800  # past the peak, still high
    crossed = gauges[(gauges["time"] > "2009-04-01") & (gauges["value"] < 0.9 * middle)]["available_at"].iloc[0]
    assert row(gauges, str(crossed.date()))["flood_peak"] == 1250


@pytest.mark.parametrize("shift", [0, 90, 200])
def test_no_month_is_hard_coded(shift: int) -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    moved = gauges.assign(
        time=gauges["time"] + pd.Timedelta(days=shift), available_at=gauges["available_at"] + pd.Timedelta(days=shift)
    )
    later = str((pd.Timestamp("2009-10-01") + pd.Timedelta(days=shift)).date())
    a, b = row(gauges, "2009-10-01"), row(moved, later)
    for name in ("flood_peak", "flood_peak_ratio", "flood_peak_percentile", "days_since_peak", "recession_per_day"):
        assert b[name] == pytest.approx(a[name]), name


def test_a_gauge_of_stage_gives_what_stage_can_give() -> None:
    known = row(hydrograph(PEAKS, "2009-12-31", stage=True), "2009-10-01")
    assert known[["flood_peak_ratio", "recession_per_day"]].isna().all()
    assert (
        known["flood_peak"] == 1250
        and known["flood_peak_percentile"] == pytest.approx(8 / 9)
        and known["days_since_peak"] == 183
    )


def test_scale_of_the_flow_changes_no_ratio() -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    bigger = gauges.assign(value=gauges["value"] * 37.0)
    a, b = row(gauges, "2009-10-01"), row(bigger, "2009-10-01")
    assert b["flood_peak"] == pytest.approx(37 * a["flood_peak"])
    pd.testing.assert_series_equal(a.drop("flood_peak"), b.drop("flood_peak"), rtol=1e-9)


def test_too_little_history_is_missing_not_guessed() -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    assert row(gauges, "2001-12-31").isna().all()
    young = row(gauges, "2003-10-01")
    assert np.isnan(young["flood_peak_percentile"]) and np.isnan(young["flood_peak_ratio"])
    assert young["flood_peak"] == 700
    assert row(gauges, "1990-01-01").isna().all()
    assert list(gauge_statistics(gauges, ["1990-01-01"])) == list(STATISTICS)


def test_a_year_with_holes_is_missing_and_so_is_an_old_flow() -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    month = gauges["time"].dt.strftime("%Y-%m")
    holes = gauges[~((month >= "2008-11") & (month <= "2009-01"))]
    known = row(holes, "2009-08-01")
    assert np.isnan(known["flood_peak"]) and np.isnan(known["flood_days"])
    assert np.isfinite(known["flow_percentile"])
    stopped = row(gauges[gauges["time"] < "2009-09-15"], "2009-10-01")
    assert np.isnan(stopped["flow_percentile"]) and stopped["flood_peak"] == 1250
    # Years after the gauge ended nothing is said of a flood nobody measured.
    ended = row(gauges, "2012-10-01")
    assert ended[["flood_peak", "flood_days", "flow_percentile", "low_water_day"]].isna().all()


def test_suspect_values_are_not_used() -> None:
    gauges = hydrograph(PEAKS, "2009-12-31")
    spoilt = gauges.copy()
    day = spoilt["time"].dt.strftime("%Y-%m-%d") == "2009-05-01"
    spoilt.loc[day, ["value", "qc"]] = [99999.0, "suspect"]
    assert row(spoilt, "2009-10-01")["flood_peak"] == 1250
    spoilt.loc[day, "qc"] = "estimated"
    assert row(spoilt, "2009-10-01")["flood_peak"] == 99999


def test_gauges_do_not_mix() -> None:
    a = hydrograph(PEAKS, "2009-12-31")
    b = a.assign(gauge_id="h", value=a["value"] * 2)
    both = seasons(pd.concat([b, a]), "2009-10-01")
    assert both.index.tolist() == ["g", "h"]
    pd.testing.assert_series_equal(both.loc["g"], row(a, "2009-10-01"), check_names=False)
    assert both.loc["h", "flood_peak"] == 2500


def test_hours_become_days_and_local_midnights_their_day() -> None:
    hours = pd.date_range("2020-01-01", periods=48, freq="h", tz="UTC")
    frame = gauge_rows(hours, np.arange(48.0), quantity="discharge", latency="0h")
    (days,) = daily(frame, "2020-02-01").values()
    assert days.first == np.datetime64("2020-01-01") and days.values[1] == 35.5
    # Midnight of 5 January in Ho Chi Minh City is 17:00 UTC of the 4th; the day is the 5th.
    vietnam = pd.date_range("2020-01-05", periods=3, tz="Asia/Ho_Chi_Minh").tz_convert("UTC")
    frame = gauge_rows(vietnam, [1.0, np.nan, 3.0], quantity="discharge", latency="0h")
    (days,) = daily(frame, "2020-02-01").values()
    assert days.first == np.datetime64("2020-01-05")
    np.testing.assert_array_equal(days.values, [1, np.nan, 3])


# --- flow at scenes ----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.none() | st.floats(0, 1e4), min_size=1, max_size=40),
    scenes=st.lists(st.integers(-10, 50), min_size=1, max_size=6),
    today=st.integers(-5, 50),
    window=st.integers(1, 5),
    lag=st.integers(0, 8),
)
def test_flow_at_a_scene_is_the_median_of_the_days_known(
    values: list[float | None], scenes: list[int], today: int, window: int, lag: int
) -> None:
    start = pd.Timestamp("2000-01-01")
    flow = np.array([np.nan if v is None else v for v in values])
    gauges = table(pd.date_range(start, periods=len(flow)), flow)
    epochs = pd.DatetimeIndex([start + pd.Timedelta(days=day) for day in scenes])
    got = scene_flow(gauges, epochs, start + pd.Timedelta(days=today), window_days=window, lag_days=lag)
    assert got.index.equals(epochs)
    for i, scene in enumerate(scenes):
        near = [
            flow[day]
            for day in range(scene + lag - window, scene + lag + window + 1)
            if 0 <= day < len(flow) and np.isfinite(flow[day]) and day + 2 <= today
        ]
        expected = np.median(near) if len(near) >= MIN_WINDOW_DAYS else np.nan
        value = got["g"].iloc[i] if "g" in got else np.nan
        np.testing.assert_allclose(value, expected, rtol=1e-12)


# --- real gauges ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def mamore_gauges() -> pd.DataFrame:
    region = load_region("mamore")
    return gauge_series.read(region, store_of(region), "2026-06-01").values


def test_the_great_flood_of_2014() -> None:
    known = seasons(mamore_gauges(), "2014-10-05").loc["15250000"]
    rows = mamore_gauges()
    year = rows[(rows["gauge_id"] == "15250000") & (rows["time"] >= "2013-09-01") & (rows["time"] < "2014-10-01")]
    assert known["flood_peak"] == year["value"].max() == pytest.approx(30719.3, abs=0.1)
    assert known["flood_peak_percentile"] == 1.0 and known["flood_peak_ratio"] > 1.5
    assert 150 < known["flood_days"] < 250
    # The two rivers flood at the end of the southern summer and fall by one or two per cent a day.
    both = seasons(mamore_gauges(), "2018-10-05")
    assert both["recession_per_day"].between(0.003, 0.03).all()
    assert both["water_year_month"].isin([9, 10]).all()
    assert both["days_since_peak"].between(120, 260).all()
    assert both["low_water_day"].between(130, 260).all()


def test_most_statistics_are_there_on_every_issue_date() -> None:
    dates = [f"{year}-08-15" for year in range(1990, 2019)]
    told = gauge_statistics(mamore_gauges(), dates, quantities=("discharge", "stage"))
    for name in SEASON:
        assert told[name].notnull().all(), name


def test_the_mapped_river_is_wide_when_the_gauge_runs_high() -> None:
    # Guajará-Mirim lies about a week of travel below the reach.
    region = load_region("mamore")
    water, _ = sources.read_water(region, "2018-12-31", mamore_gauges())
    area = water["water_fraction"].sum(("y", "x")).values
    flow = scene_flow(mamore_gauges(), water["epoch"].values, "2018-12-31", lag_days=7)["15250000"]
    assert flow.notna().all()
    assert spearmanr(area, flow).statistic > 0.7


@settings(max_examples=6, deadline=None)
@given(
    as_of=st.dates(pd.Timestamp("1984-01-01").date(), pd.Timestamp("2024-12-31").date()),
    factor=st.floats(0.01, 100),
    drop=st.booleans(),
)
def test_later_data_change_no_earlier_statistic(as_of: object, factor: float, drop: bool) -> None:
    gauges = mamore_gauges()
    stamp = pd.Timestamp(str(as_of))
    later = (gauges["available_at"] > (stamp + pd.Timedelta(days=1)).tz_localize("UTC")).to_numpy()
    changed = gauges.copy()
    changed.loc[later, "value"] *= factor
    if drop:
        changed = changed[~later]
    epochs = pd.date_range("1986-07-01", periods=35, freq="365D")
    ids = seasons(changed, stamp).index
    pd.testing.assert_frame_equal(seasons(gauges, stamp).loc[ids], seasons(changed, stamp), check_exact=True)
    flows = scene_flow(gauges, epochs, stamp)
    pd.testing.assert_frame_equal(flows, scene_flow(changed, epochs, stamp), check_exact=True)


@given(st.integers(0, 10_000), st.integers(15, 60))
@settings(max_examples=30, deadline=None)
def test_the_recession_is_the_median_of_all_pairwise_slopes(seed: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    limb = np.exp(-0.05 * np.arange(days) + rng.normal(0, 0.2, days))
    limb[rng.random(days) < 0.1] = np.nan
    day = np.flatnonzero(np.isfinite(limb))
    if day.size < 15:
        assert np.isnan(recession(limb))
        return
    slopes = [(np.log(limb[j]) - np.log(limb[i])) / (j - i) for i in day for j in day if i < j]
    assert recession(limb) == pytest.approx(-np.median(slopes), abs=1e-15)
    # ln Q falls by 0.05 a day, with one outlier.
    clean = np.exp(-0.05 * np.arange(20.0))
    clean[7] = 9.0
    assert recession(clean) == pytest.approx(0.05, abs=1e-12)
