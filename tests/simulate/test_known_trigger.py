"""The arithmetic of benchmarks/known_trigger.py: what follows a night, quotients with intervals, the faults it makes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.gauges.statistics import known_values

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "known_trigger.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("known_trigger", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["known_trigger"] = module
    sys.path.insert(0, str(FILE.parent))  # as where it is run as a script: its tables are in a file beside it
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FILE.parent))
    del sys.modules["known_trigger"]


@pytest.fixture(scope="module")
def river(bench):
    return bench.river_of(9701)


def test_what_follows_a_night_is_what_the_river_did(bench, river):
    nights = pd.DatetimeIndex(["2019-10-10", "2019-12-10", "2019-03-01", "2025-12-30"])
    found = bench.following(river, nights)
    for k, night in enumerate(nights[:3]):
        start = night.tz_localize("UTC") + pd.Timedelta(days=1)  # the night's own day is over
        for days in (14, 30):
            end = start + pd.Timedelta(days=days)
            (year, before), (last, after) = river.hydrograph.share_done(start), river.hydrograph.share_done(end)
            share = after - before if last == year else after + 1.0 - before
            assert found[f"share{days}"][k] == pytest.approx(share, abs=1e-12)
            assert found[f"amount{days}"][k] == pytest.approx(share * river.hydrograph.intensity[year], abs=1e-12)
            fell = river.failures["date"]
            assert found[f"failures{days}"][k] == ((fell >= start) & (fell < end)).sum()
    assert 0.1 < found["share30"][0] < 0.6 and found["share30"][2] == 0
    assert found.loc[3].tolist() == [0] * 6, "the record ends with the year, and so does the season"


def test_a_quotient_and_its_interval(bench):
    table = pd.DataFrame({"seed": 1, "year": np.repeat(np.arange(10), 4)})
    blocks = bench.Blocks(table)
    one = np.ones(40)
    constant = blocks.ratio((3 * one, one))
    assert (constant["value"], constant["low"], constant["high"]) == (3.0, 3.0, 3.0)
    values = np.repeat(np.arange(10.0), 4)
    found = blocks.ratio((values, one))
    assert found["value"] == 4.5
    # Of ten blocks drawn with replacement the mean has the standard error 2.872 / sqrt(10) = 0.908.
    assert (found["high"] - found["low"]) / (2 * 1.96) == pytest.approx(0.908, rel=0.1)
    assert blocks.ratio((values, one), (2 * values, one))["value"] == 0.5
    assert blocks.ratio((values, 0 * one)) is None
    rare = blocks.ratio((one * (table["year"] < 2), one * (table["year"] < 2)))
    assert rare["value"] == 1 and np.isnan(rare["low"]), "two years have no interval"


def test_windows_of_much_erosion_by_hand(bench):
    nights = pd.date_range("2001-01-01", "2010-12-31")
    table = pd.DataFrame({"seed": 1, "year": nights.year, "night": nights, "level": 0, "points": 0.0})
    # Every year erodes after the nights of its first 37 days, a tenth of all; the trigger has half of them and 12 false alarms.
    table["amount30"] = np.where(nights.day_of_year <= 37, 1.0 + nights.day_of_year / 100.0, 0.0)
    table["share30"] = table["amount30"]
    table.loc[nights.day_of_year <= 18, "points"] = 1.0
    table.loc[(nights.day_of_year > 100) & (nights.day_of_year <= 112), "points"] = 1.0
    least = {record["points"]: record for record in bench.thresholds(table)}
    assert least[1.0]["nights_per_year"] == 30
    assert least[1.0]["pod"]["value"] == pytest.approx(0.5, abs=0.02)
    assert least[1.0]["far"]["value"] == pytest.approx(12 / 30, abs=0.02)
    assert least[1.0]["calendar_far"]["value"] == pytest.approx(0.0, abs=0.02), (
        "every year is the same: a calendar knows"
    )
    assert least[1.0]["calendar_pod"]["value"] == pytest.approx(30 / 36.5, abs=0.03)
    assert least[2.0]["pod"]["value"] == 0 and least[2.0]["far"] is None


def test_faults_are_what_they_are_called(bench, river):
    first = bench.fault_days(river)[0]
    days = pd.date_range(first, periods=30)
    intact, dead, stuck, late = (bench.gauge_table(river, fault) for fault in ("", "dead", "stuck", "clock"))

    def stage(table):
        table = table[table["quantity"] == "stage"]
        return table.drop_duplicates("time").set_index("time")["value"]

    assert not stage(dead).index.isin(days).any() and stage(dead).index.isin(days - pd.Timedelta(days=30)).sum() == 30
    assert stage(stuck)[days].nunique() == 1 and stage(intact)[days].nunique() > 5
    assert stage(stuck)[days[0]] == stage(intact)[days[0]]
    ahead = river.stage(days[3] + pd.Timedelta(hours=1)) + bench.GAUGE_ZERO_M
    assert stage(late)[days[3]] == pytest.approx(ahead, abs=0.0051)
    other = stage(intact).index.difference(days)[:2000]
    assert (stage(late)[other] == stage(intact)[other]).all()
    night = known_values(intact, first)
    assert night.loc[night["quantity"] == "stage", "time"].max() == first - pd.Timedelta(days=1)
    assert night.loc[night["quantity"] == "rain", "time"].max() < first - pd.Timedelta(days=1)
    found = bench.differ(
        pd.DataFrame({"level": [0, 1, 1, 0, 2], "points": [0.0, 1.0, 1.0, 0.5, 2.0]}),
        pd.DataFrame({"level": [0, 1, 0, 1, -1], "points": [0.1, 1.0, 0.5, 1.0, np.nan]}),
    )
    assert (found["raised_kept"], found["raised_lost"], found["raised_unknown"], found["raised_falsely"]) == (
        1,
        1,
        1,
        1,
    )
    assert found["unknown"] == pytest.approx(0.2) and found["points_off"] == pytest.approx(0.5)
