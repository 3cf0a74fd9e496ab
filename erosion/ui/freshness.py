"""How old what the screen shows is by today's clock, and whether runs have stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from erosion.ui.products.gauges import Gauge
from erosion.ui.products.regions import Region, Run

LIVE_DAYS: Final = 7.0
"""A run whose date lies at most so long before it was made is of its own day; any other is of the past, such as a replay [day]."""

RUNS_LOOKED_AT: Final = 10
LEAST_RUNS: Final = 3
NIGHTLY_DAYS: Final = 1.0
"""Usual time between runs where fewer than :data:`LEAST_RUNS` of their own day are known [day]."""

LATE: Final = 1.5
"""Times the usual interval after which a run is overdue: 36 hours where they are nightly."""


class Schedule(NamedTuple):
    """When a region is run, as its past runs show."""

    last: pd.Timestamp
    """When the newest attempt at a run of its own day began, or the newest such run finished, UTC."""
    every_days: float
    """Usual time between the dates of runs [day]."""

    @property
    def limit_hours(self) -> float:
        """How long after :attr:`last` the next attempt is overdue [h]."""
        return LATE * 24.0 * max(self.every_days, NIGHTLY_DAYS)

    def overdue(self, now: pd.Timestamp) -> bool:
        """Return whether the next attempt is overdue."""
        return hours_between(self.last, now) > self.limit_hours


def schedule(region: Region, attempt: Mapping[str, Any]) -> Schedule | None:
    """Return when a region is run; None where every run is of the past, so that none is expected.

    Parameters
    ----------
    region
        Its published runs; the dates of the last :data:`RUNS_LOOKED_AT` that were made within :data:`LIVE_DAYS` of
        them give the usual interval, their median.
    attempt
        Content of ``last_attempt.json``: failed attempts and those under way count as attempts.
    """
    made = [(instant(run.as_of), instant(run.finished_at)) for run in region.runs]
    live = [(as_of, at) for as_of, at in made if as_of is not None and at is not None and _own_day(as_of, at)]
    tries = [at for _, at in live]
    as_of, started = instant(attempt.get("as_of")), instant(attempt.get("started_at"))
    if as_of is not None and started is not None and _own_day(as_of, started):
        tries.append(started)
    if not tries:
        return None
    dates = pd.Series(sorted({as_of for as_of, _ in live})[-RUNS_LOOKED_AT:])
    usual = dates.diff().dt.total_seconds().median() / 86_400.0 if len(dates) >= LEAST_RUNS else NIGHTLY_DAYS
    return Schedule(max(tries), float(usual))


def _own_day(as_of: pd.Timestamp, at: pd.Timestamp) -> bool:
    return bool((at - as_of).total_seconds() <= LIVE_DAYS * 86_400.0)


class BankAge(NamedTuple):
    """The newest observation of the banks of a reach."""

    reach: str
    newest: str
    days: float | None
    """Its age now [day]; None where the date cannot be read."""
    old: bool
    """Whether it is older than the region allows."""


def bank_ages(
    region: Region, run: Run, reaches: Mapping[str, Mapping[str, Any]], now: pd.Timestamp
) -> Sequence[BankAge]:
    """Return the age of the newest bank observation of each reach, the oldest first.

    Parameters
    ----------
    region, run
        Whose banks.
    reaches
        ``reaches`` of the manifest; a run of an older program has none, and one date stands for the whole region.
    now
        Today's clock.
    """
    newest = {name: str(entry.get("newest_epoch") or "") for name, entry in reaches.items()} or {"": run.newest_epoch}
    limit = region.stale_after_days
    ages = []
    for name, date in newest.items():
        at = instant(date)
        days = None if at is None else hours_between(at, now) / 24.0
        ages.append(BankAge(name, date, days, days is None or (limit is not None and days > limit)))
    return sorted(ages, key=lambda age: -float("inf") if age.days is None else -age.days)


class GaugeAge(NamedTuple):
    """The newest reading of a gauge that a run has read."""

    gauge: Gauge
    hours: float | None
    """Its age now [h]; None where the gauge has sent nothing."""
    old: bool
    """Whether it is older than the gauge's own rhythm and the time between runs explain."""


def gauge_ages(gauges: Sequence[Gauge], every_days: float, now: pd.Timestamp) -> Sequence[GaugeAge]:
    """Return the age of the newest reading of each gauge, those without a reading first, then the oldest."""
    ages = []
    for gauge in gauges:
        hours = None if gauge.last is None else hours_between(gauge.last.time, now)
        limit = gauge.max_age_hours + 24.0 * every_days
        ages.append(GaugeAge(gauge, hours, gauge.stale or hours is None or hours > limit))
    return sorted(ages, key=lambda age: -float("inf") if age.hours is None else -age.hours)


def instant(text: Any) -> pd.Timestamp | None:
    """Return an instant in UTC; None for what is none."""
    if text is None or text == "":
        return None
    try:
        at = pd.Timestamp(text)
    except (ValueError, TypeError):
        return None
    if pd.isna(at):
        return None
    return at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")


def hours_between(start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Return the hours between two instants [h]."""
    return float((end - start).total_seconds() / 3600.0)
