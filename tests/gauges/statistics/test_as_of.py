"""Statistics of a date are the same whatever comes later."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.region import load_region
from erosion.config.store import store_of
from erosion.gauges import series as gauge_series
from erosion.gauges.statistics import STATISTICS, gauge_statistics
from tests.gauge_tables import gauge_rows
from tests.gauges.statistics.made_stages import DAY, delta_stage, forecast, one, peak_of

# --- nothing of later days -------------------------------------------------------------------------------------------------


def differing(one: xr.Dataset, other: xr.Dataset) -> list[str]:
    """Statistics that differ in a value, to the last bit, or in where there is none."""
    found = []
    for name in STATISTICS:
        a, b = one[name].to_numpy(), other[name].to_numpy()
        there = np.isfinite(a)
        if not np.array_equal(a, b, equal_nan=True) or a[there].tobytes() != b[there].tobytes():
            found.append(name)
    return found


@functools.lru_cache(maxsize=1)
def everything() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six years of daily stage, then hours with a tide; rain; corrections and flags; forecasts of three members."""
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
    """Later rows are dropped, changed, flagged or moved; what was told up to the date stays to the last bit."""
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
    assert (
        differing(
            gauge_statistics(rows, dates, alarms, ahead), gauge_statistics(changed, dates, alarms, another(ahead))
        )
        == []
    )


def test_many_dates_at_once_are_each_date_alone() -> None:
    rows, ahead = everything()
    dates = [pd.Timestamp("2017-12-30") + days * DAY for days in (0, 1, 2, 55, 300, 301, 700, 745, 760)]
    at_once = gauge_statistics(rows, [*dates, dates[2]], forecasts=ahead)
    for place, date in enumerate(dates):
        assert differing(at_once.isel(as_of=[place]), gauge_statistics(rows, [date], forecasts=ahead)) == []
    assert differing(at_once.isel(as_of=[2]), at_once.isel(as_of=[-1])) == []


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
    # Corrections and flags of known days come later, and so do values of long ago that nobody had.
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
    assert differing(expected, gauge_statistics(pd.concat([rows, corrected, old]), dates)) == []
    if set(cut["gauge_id"]) == set(rows["gauge_id"]):
        assert differing(expected, gauge_statistics(cut, dates)) == []


def test_every_statistic_is_described_and_there() -> None:
    rows, ahead = everything()
    told = gauge_statistics(rows, ["2019-12-20"], {"g": (3.5, 4.0, 4.5)}, ahead)
    assert list(told) == list(STATISTICS)
    page = (Path(__file__).parents[3] / "docs/gauge-statistics.md").read_text(encoding="utf-8")
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
