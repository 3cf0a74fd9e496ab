"""Seasons of a river by the gauge's own climate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.gauges.statistics import gauge_statistics
from tests.gauge_tables import gauge_rows
from tests.gauges.statistics.made_stages import DAY, delta_stage, one, peak_of


def test_flood_and_low_water_of_the_delta_follow_its_own_climate() -> None:
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
