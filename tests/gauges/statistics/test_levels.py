"""Newest level, changes, rain and alarms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.gauges.statistics import STATISTICS, gauge_statistics
from tests.gauges.statistics.made_stages import daily_stage, one

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
