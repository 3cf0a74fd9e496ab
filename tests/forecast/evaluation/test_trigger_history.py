"""Past nights of the trigger beside what the banks lost: counted by hand, as known on each night, and on a real short reach."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from erosion.alerts.trigger import Gauge
from erosion.config.trigger import Drawdown, LowWater, Trigger
from erosion.core.contracts import GAUGE_FORECAST_COLUMNS
from erosion.forecast.evaluation.trigger_verification import (
    lines,
    nights,
    relation,
    trigger_history,
    yearly_losses,
    years_of,
)
from tests.gauge_tables import gauge_rows
from tests.rivers import make_region, make_water, straight_river

NO_FORECAST = pd.DataFrame(columns=list(GAUGE_FORECAST_COLUMNS))
TRIGGER = Trigger(
    unit="m", drawdown=Drawdown(days=3, points=2, start=0.0, full=0.2), low_water=LowWater(within_days=20, points=1)
)


# --- nights ----------------------------------------------------------------------------------------------------------


def test_a_history_is_made_of_nights_as_they_were_known() -> None:
    days = pd.date_range("2010-01-01", "2015-12-31", freq="D")
    stage = 3 - 2 * np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 105) / 365.25)
    series = gauge_rows(days, stage + np.random.default_rng(1).normal(0, 0.05, len(days)), latency="30h")
    series = series[~series["time"].between("2015-05-10", "2015-05-20")]  # the gauge became stale
    gauges = [Gauge("g", "Tân Châu")]
    first, last = pd.Timestamp("2015-03-01"), pd.Timestamp("2015-06-30")
    table = nights(TRIGGER, gauges, series, NO_FORECAST, first, last)
    assert table.index[0] == first and table.index[-1] == last and len(table) == 122
    unknown = table.index[table["level"] == -1]
    # Newest day 9 May, and a reading of three days ago still counts; the first fall over three days again is that from the
    # 21st to the 24th, which came on the 25th.
    assert unknown.tolist() == list(pd.date_range("2015-05-13", "2015-05-24"))
    assert table["season"].tolist() == [2014 + (month >= 4) for month in table["month"]], "low water is in April"
    for night in ("2015-03-20", "2015-04-05", "2015-05-13", "2015-06-30"):
        then = series[series["available_at"] <= pd.Timestamp(night, tz="UTC") + pd.Timedelta("24h")]
        alone = nights(TRIGGER, gauges, then, NO_FORECAST, pd.Timestamp(night), pd.Timestamp(night))
        pd.testing.assert_frame_equal(
            alone[["level", "points"]], table.loc[[night], ["level", "points"]], check_freq=False
        )


# --- years -----------------------------------------------------------------------------------------------------------


def table_of(days: pd.DatetimeIndex, level: object, points: object) -> pd.DataFrame:
    return pd.DataFrame({"level": level, "points": points}, index=days)


def test_a_year_has_the_nights_after_an_observation_up_to_the_next() -> None:
    days = pd.date_range("2010-01-01", "2013-12-31", freq="D")
    level = np.zeros(len(days), int)
    level[days == "2011-07-01"] = 3  # the night of the observation belongs to the year before it
    level[days == "2011-07-02"] = 1
    level[days.isin(pd.date_range("2012-01-01", "2012-01-10"))] = 2
    water = pd.Series(np.arange(len(days), dtype=float), index=days)
    losses = pd.DataFrame(
        {
            "start": pd.to_datetime(["2010-07-01", "2011-07-01", "2012-07-01"]),
            "end": pd.to_datetime(["2011-07-01", "2012-07-01", "2013-07-01"]),
            "retreat_m": [10.0, 20.0, 30.0],
        }
    )
    level[(days > "2012-08-01") & (days < "2012-11-15")] = -1
    years, skipped = years_of(table_of(days, level, np.where(level < 0, np.nan, level)), losses, water)
    first, second = years.to_dict("records")
    assert (first["nights"], first["nights_1"], first["nights_3"], first["most_points"]) == (365, 1.0, 1.0, 3.0)
    assert (second["nights"], second["nights_1"], second["nights_2"]) == (366, 10.98, 9.98)
    assert second["mean_points"] == pytest.approx(21 / 366, abs=1e-4)
    assert first["retreat_m_per_year"] == pytest.approx(10 * 365.25 / 365, abs=1e-3)
    assert second["peak"] == float(np.flatnonzero(days == "2012-07-01")[0])
    (left_out,) = skipped
    assert left_out.scene == "2012-07-01 to 2013-07-01" and "known on 260 of 365 nights" in left_out.reason


def test_what_the_banks_lost_is_counted_from_one_observation_to_the_next() -> None:
    images = [straight_river(96, 104) for _ in range(7)] + [straight_river(96, 106), straight_river(96, 107)]
    for year, image in enumerate(images):  # a bar that stands for one year only; no two masks are the same
        image[96, 30 * year + 10 : 30 * year + 30] = False
    region = make_region()
    losses, skipped = yearly_losses(region, make_water(images))
    assert losses["start"].dt.year.tolist() == [2005, 2006, 2007]
    # One bank of two loses two pixels of thirty metres, then one: on average over both banks half of that.
    assert losses["retreat_m"].tolist() == pytest.approx([0.0, 30.0, 15.0], abs=1.5)
    assert all("no land is known to have stood" in item.reason for item in skipped) and len(skipped) == 5


# --- relations -------------------------------------------------------------------------------------------------------


def test_a_relation_by_hand() -> None:
    rng = np.random.default_rng(0)
    x = np.array([0.0, 0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 9.0])
    y = np.array([4.0, 2.0, 3.0, 5.0, 9.0, 7.0, 8.0, 12.0])
    found = relation(x, y, rng, 500)
    assert found is not None
    assert found["spearman"] == round(spearmanr(x, y).statistic, 3)
    assert found["difference"] == 9.0 - 3.5, "years with more than the median, 2.5, less the others"
    assert found["spearman_low"] < found["spearman"] <= found["spearman_high"] <= 1
    assert found["difference_low"] < found["difference"] < found["difference_high"]
    assert relation(x, -y, rng, 50)["difference"] == -5.5
    assert relation(x[:7], y[:7], rng, 50) is None, "too few years"
    assert relation(np.ones(9), np.arange(9.0), rng, 50) is None
    assert relation(np.append(x, np.nan), np.append(y, 99.0), rng, 50)["years"] == 8


def test_intervals_of_unrelated_years_mostly_hold_nought() -> None:
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = relation(rng.normal(size=25), rng.normal(size=25), rng, 200)
        assert found is not None
        held += found["spearman_low"] <= 0 <= found["spearman_high"]
    assert 30 <= held <= 40, held


# --- a real short reach ----------------------------------------------------------------------------------------------


def test_the_command_writes_what_it_prints(
    crop: Path, erosion: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    for mask in (crop.parent / "masks").glob("*.tif"):
        if mask.stem[-10:] > "1995":
            mask.unlink()
    file = tmp_path / "history.json"
    done = erosion("trigger", crop, "--from", "1991", "--to", "1994-12-31", "--json", file)
    assert done.returncode == 0, done.stderr
    history = json.loads(file.read_text("utf-8"))
    assert "years with bank loss and nights known; at least 8 are needed to show a relation" in done.stdout
    assert "\n".join(lines(history)) in done.stdout and "nothing follows for single segments" in done.stdout
    about = history["reaches"]["mamore_crop"]
    levels = ("unknown", "level_0", "level_1", "level_2", "level_3")
    assert sum(row[level] for row in about["seasons"] for level in levels) == 4 * 365 + 1
    assert sum(row[level] for row in about["months"] for level in levels) == 4 * 365 + 1
    assert [row["start"][:4] for row in about["years"]] == ["1991", "1992", "1993"]
    assert all(row["retreat_m_per_year"] > 0 for row in about["years"])
    assert all(value is None for value in about["relations"].values()), "three years say nothing"


def test_what_cannot_be_asked_is_refused(crop: Path, edit: Callable[..., None]) -> None:
    from erosion.config.region import load_region

    region = load_region(crop)
    with pytest.raises(ValueError, match="lies before the first"):
        trigger_history(region, pd.Timestamp("1995-01-02"), pd.Timestamp("1995-01-01"))
    edit(crop, trigger=None)
    with pytest.raises(ValueError, match="mamore_crop has no trigger; write a trigger block"):
        trigger_history(load_region(crop), pd.Timestamp("1995-01-01"), pd.Timestamp("1995-01-02"))
