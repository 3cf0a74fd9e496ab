"""The newest forecast that was known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.gauges.statistics import gauge_statistics
from tests.gauges.statistics.made_stages import daily_stage, forecast, one


def test_the_newest_forecast_known_is_given() -> None:
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
