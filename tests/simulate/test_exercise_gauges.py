"""Stage and rain of the exercise, and the trigger that reads them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.alerts.trigger import water_on, weigh
from erosion.alerts.trigger_night import gauges_of
from erosion.config.region import load_region
from erosion.config.store import store_of
from erosion.gauges import series as gauge_series
from erosion.simulate.exercise import EARLIER_YEARS, LAST_YEAR, set_stage
from erosion.simulate.exercise_files import ALARM_LEVELS_M, GAUGE_ZERO_M
from erosion.simulate.rain import daily_rain
from tests.simulate.made_exercise import SETTINGS


def test_the_gauge_tells_the_river_s_own_stage(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    river = set_stage(LAST_YEAR + 1 - SETTINGS["years"], SETTINGS["years"], SETTINGS["seed"], 4.0).river
    table, _, *listed = gauge_series.read(region, store_of(region), "2026-01-05")
    table = table[(table["quantity"] == "stage") & (table["flags"] == 0)]
    assert listed == [[], []]
    days = pd.date_range(f"{river.first_year}-01-01", f"{LAST_YEAR}-12-31")
    assert len(table) == len(days) and river.first_year == LAST_YEAR + 1 - SETTINGS["years"] - EARLIER_YEARS
    for row in table.iloc[::200].itertuples():
        assert row.value - GAUGE_ZERO_M == pytest.approx(river.stage(row.time), abs=0.006)
        assert row.time.hour == 0  # seven in the morning in Việt Nam


def test_rain_of_the_exercise_is_read_as_a_gauge_of_its_own_and_known_the_morning_after(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    written = pd.read_csv(made / "an_giang_exercise_rain.csv")
    table = gauge_series.read(region, store_of(region), "2026-01-05").values
    rain = table[table["quantity"] == "rain"]
    assert rain["gauge_id"].unique().tolist() == ["an_giang_exercise-rain"] and (rain["qc"] == "good").all()
    assert rain["value"].tolist() == written["rain_mm"].tolist()
    assert (rain["time"].dt.tz_convert("Asia/Ho_Chi_Minh").dt.strftime("%Y-%m-%d %H:%M") == written["time"].array).all()
    assert (rain["available_at"] - rain["time"] > pd.Timedelta(days=1)).all()


def test_a_river_of_a_seed_stays_what_it_was_before_there_was_rain() -> None:
    river = set_stage(2020, 6, 20, 12.0).river
    assert river.hydrograph.stage_m[[0, 1000, 3000, 8000]] == pytest.approx(
        [0.38592052312351877, 3.1224777467929603, 0.10973649406784214, 0.4881937941069421], rel=1e-12
    )
    assert river.hydrograph.intensity[:3] == pytest.approx(
        [1.3835665796417151, 1.5665573262780488, 1.0914406553662181], rel=1e-12
    )
    assert len(river.failures) == 140
    first, last = river.failures.iloc[0], river.failures.iloc[-1]
    assert (f"{first['date']:%Y-%m-%d}", f"{last['date']:%Y-%m-%d}") == ("2004-05-02", "2025-12-14")
    assert (first["chainage_m"], last["depth_m"]) == pytest.approx((9149.381843158966, 35.78412709682458), rel=1e-9)


def test_made_rain_is_that_of_a_monsoon() -> None:
    days = pd.date_range("1900-01-01", "1999-12-31", tz="UTC")
    rain = daily_rain(days, np.random.default_rng(1))
    assert (rain >= 0).all() and rain == pytest.approx(np.round(rain, 1), abs=1e-9)
    yearly = pd.Series(rain, days).groupby(days.year).sum()
    assert 1100 < yearly.mean() < 1500 and yearly.std() > 80
    by_month = pd.Series(rain, days).groupby(days.month).sum() / 100
    assert by_month[[1, 2, 3]].max() < 25 and by_month[[5, 6, 7, 8, 9, 10]].min() > 130
    wet = rain > 0
    assert wet[1:][wet[:-1]].mean() > wet[1:][~wet[:-1]].mean() + 0.2, "wet days come together"
    assert 60 < np.max(rain) < 250
    assert (daily_rain(days[:50], np.random.default_rng(1)) != daily_rain(days[:50], np.random.default_rng(2))).any()


def test_the_trigger_of_the_exercise_is_that_of_an_giang_with_rain(made: Path) -> None:
    """Not one that was fitted to the exercise."""
    trigger, real = load_region(made / "an_giang_exercise.yaml").trigger, load_region("an-giang").trigger
    assert trigger is not None and trigger.rain_on_low_water is not None and real is not None
    assert dataclasses.replace(trigger, rain_on_low_water=real.rain_on_low_water) == real


def test_the_trigger_of_the_exercise_hears_its_gauge_and_its_rain(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    assert region.trigger is not None and region.trigger.raises and region.trigger.unit == "m"
    gauges = gauges_of(region.by_reach()[0])
    assert [gauge.gauge_id for gauge in gauges] == ["an_giang_exercise", "an_giang_exercise-rain"]
    assert gauges[0].alarm_levels_m == ALARM_LEVELS_M
    table = gauge_series.read(region, store_of(region), "2026-01-05").values
    nights = pd.date_range(f"{LAST_YEAR}-01-01", f"{LAST_YEAR}-12-31")
    water = water_on(region.trigger, gauges, table, None, nights)
    assert water.facts.age_days[0].tolist() == [1.0] * len(nights)  # last night's seven o'clock is to come
    assert {int(which) for which in water.whose["rain_on_low_water"].ravel()} == {1}
    assert np.isfinite(water.facts.rain_mm).all() and np.isfinite(water.facts.alarm_share).all()
    weighed = weigh(region.trigger, water.facts)
    assert (weighed.level >= 0).mean() > 0.98 and np.nanmax(weighed.points) > 0.5
    # The highest stage of the year, by hand: zero at alarm 1, one at alarm 3.
    stage = table[(table["quantity"] == "stage") & (table["time"].dt.year == LAST_YEAR)]["value"].max()
    share = (stage - ALARM_LEVELS_M[0]) / (ALARM_LEVELS_M[2] - ALARM_LEVELS_M[0])
    assert water.facts.alarm_share.max() == pytest.approx(share)
