"""When a run is overdue, and how old the inputs are, by today's clock."""

import dataclasses

import pandas as pd
import pytest

from erosion.ui.freshness import bank_ages, gauge_ages, schedule
from erosion.ui.products.gauges import Gauge, Reading
from erosion.ui.products.regions import Region, Run

NOW = pd.Timestamp("2026-06-30T12:00:00", tz="UTC")


def run(as_of, finished_at):
    return Run(as_of, f"r-{as_of}", None, False, "m", "none", as_of, finished_at, (), None)


def region(runs, stale_after_days=None):
    return Region("r", None, {}, False, "Asia/Ho_Chi_Minh", stale_after_days, (), {}, tuple(runs))


def every(days, until, n=12):
    """Runs at three in the morning after each date, the last of them on a date."""
    dates = pd.date_range(end=until, periods=n, freq=f"{days}D")
    return [run(f"{d:%Y-%m-%d}", f"{d + pd.Timedelta(days=1, hours=3):%Y-%m-%dT%H:%M:%S+00:00}") for d in dates]


def tried(as_of, started_at, outcome="failed"):
    return {"as_of": as_of, "started_at": started_at, "outcome": outcome}


def test_nightly_runs_are_overdue_after_36_hours():
    plan = schedule(region(every(1, "2026-06-27")), {})
    assert (plan.every_days, plan.limit_hours) == (1.0, 36.0)
    assert plan.last == pd.Timestamp("2026-06-28T03:00", tz="UTC")
    assert not plan.overdue(plan.last + pd.Timedelta(hours=35.9))
    assert plan.overdue(plan.last + pd.Timedelta(hours=36.1))


def test_an_attempt_that_failed_or_is_under_way_is_an_attempt():
    runs = region(every(1, "2026-06-20"))
    assert schedule(runs, {}).overdue(NOW)
    for outcome in ("failed", "running"):
        assert not schedule(runs, tried("2026-06-30", "2026-06-30T03:00:00+07:00", outcome)).overdue(NOW)
    assert schedule(runs, tried("2026-06-28", "2026-06-28T03:00:00+07:00")).overdue(NOW)


def test_weekly_runs_wait_longer_and_one_more_run_changes_nothing():
    runs = every(7, "2026-06-23")
    assert schedule(region(runs), {}).limit_hours == 1.5 * 7 * 24
    assert not schedule(region(runs), {}).overdue(NOW)
    extra = run("2026-06-18", "2026-06-19T03:00:00+00:00")
    assert schedule(region(sorted([*runs, extra], key=lambda one: one.as_of)), {}).every_days == 7.0


def test_a_replay_is_never_overdue():
    """Its dates lie years before it was made; made again by hand it is still of the past."""
    replay = [run(f"{year}-07-01", "2026-06-01T10:00:00+00:00") for year in range(2010, 2019)]
    assert schedule(region(replay), {}) is None
    assert schedule(region(replay), tried("2018-07-01", "2026-06-01T10:00:00+00:00", "published")) is None


def test_an_old_date_made_again_does_not_hide_that_nights_have_stopped():
    runs = every(1, "2026-06-20")
    assert schedule(region(runs), tried("2018-07-01", "2026-06-30T11:00:00+00:00")).overdue(NOW)


def test_the_first_night_is_expected_to_be_followed_by_another():
    past = [run(f"{year}-07-01", "2026-06-26T10:00:00+00:00") for year in range(2015, 2019)]
    plan = schedule(region([*past, run("2026-06-26", "2026-06-26T20:00:00+00:00")]), {})
    assert plan.limit_hours == 36.0 and plan.overdue(NOW)


@pytest.mark.parametrize("attempt", [{}, {"as_of": None}, tried("nonsense", "x"), tried("2026-06-30", None)])
def test_what_cannot_be_read_of_an_attempt_counts_for_nothing(attempt):
    assert schedule(region([]), attempt) is None
    assert schedule(region(every(1, "2026-06-20")), attempt).overdue(NOW)


def test_bank_data_age_against_today_and_the_oldest_comes_first():
    newest = run("2026-06-20", "2026-06-21T03:00:00+00:00")
    reaches = {
        "tien": {"newest_epoch": "2026-06-10"},
        "hau": {"newest_epoch": "2026-01-01"},
        "x": {"newest_epoch": None},
    }
    ages = bank_ages(region([newest], 90.0), newest, reaches, NOW)
    assert [(age.reach, age.days, age.old) for age in ages] == [
        ("x", None, True),
        ("hau", 180.5, True),
        ("tien", 20.5, False),
    ]
    assert not bank_ages(region([newest]), newest, {"hau": reaches["hau"]}, NOW)[0].old
    (whole,) = bank_ages(region([newest], 10.0), newest, {}, NOW)
    assert (whole.reach, whole.days, whole.old) == ("", 10.5, True)


def test_a_gauge_is_old_by_its_own_rhythm_and_the_time_between_runs():
    def gauge(name, hours, **more):
        last = None if hours is None else Reading(NOW - pd.Timedelta(hours=hours), 1.0, False)
        plain = Gauge(
            name, name, (), (), "stage", "m", None, (), None, last, last, False, 48.0, 1.0, (), {}, None
        )  # fmt: skip
        return dataclasses.replace(plain, **more)

    found = gauge_ages(
        [gauge("young", 71.0), gauge("old", 73.0), gauge("never", None), gauge("silent", 50.0, stale=True)], 1.0, NOW
    )
    assert [(one.gauge.gauge_id, one.old) for one in found] == [
        ("never", True), ("old", True), ("young", False), ("silent", True),
    ]  # fmt: skip
    assert not gauge_ages([gauge("old", 73.0)], 7.0, NOW)[0].old
