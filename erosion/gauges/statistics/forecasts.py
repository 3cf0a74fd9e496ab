"""The newest forecast known on each of many dates for a gauge's next days."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.core.arrays import NEVER, FloatArray, IntArray
from erosion.gauges.statistics.seasons import row_quantiles
from erosion.gauges.statistics.windows import ALONE_H, Dates, days_of, instants, ns

AHEAD: Final = tuple(range(1, 11))
"""Days of a forecast that are given."""

FORECAST_DAYS: Final = 5
"""The lowest and the highest forecast are those of so many days ahead."""

MIN_FORECAST_DAYS: Final = 3
MIN_MEMBERS: Final = 5
MAX_FORECAST_AGE_DAYS: Final = 3

_DAY_NS: Final = 86_400_000_000_000


class _Rows(NamedTuple):
    """Rows of the forecasts of one gauge, sorted by issue, member, time and when they could be had; shape (n,) each."""

    issue: IntArray  # number of the issue, counted from the oldest
    member: IntArray
    day: IntArray  # days since 1970
    known_from: IntArray  # ns since 1970
    known_until: IntArray  # when a corrected value came; a large number where none did
    value: FloatArray


def forecasts_ahead(forecasts: pd.DataFrame, dates: Dates) -> dict[str, FloatArray]:
    """Statistics of the newest forecast of one gauge known on each date.

    Parameters
    ----------
    forecasts
        Rows of one gauge and quantity, columns of :data:`erosion.core.contracts.GAUGE_FORECAST_COLUMNS`, at least one; of two
        sources with forecasts of the same instant both count as members.
    dates
        Dates, shape (as_of,).

    Returns
    -------
    dict
        The ``forecast`` statistics of :data:`erosion.gauges.statistics.definitions.STATISTICS`, shape (as_of,), and ``forecast`` itself,
        shape (as_of, ahead). NaN where no forecast was known that was made in the last :data:`MAX_FORECAST_AGE_DAYS` days.
    """
    limits, today = instants(dates), days_of(dates)
    issued, rows = _in_order(forecasts)
    issue = _newest(rows, limits)
    age = np.where(issue >= 0, today - issued[issue] // _DAY_NS, MAX_FORECAST_AGE_DAYS + 1)
    fresh = age <= MAX_FORECAST_AGE_DAYS
    days = _by_member(rows, np.where(fresh, issue, -1), limits, today)
    n_dates, n_members, n_ahead = days.shape
    median = row_quantiles(days.transpose(0, 2, 1).reshape(-1, n_members), (0.5,)).reshape(n_dates, n_ahead)
    near = days[..., :FORECAST_DAYS]
    there = np.isfinite(near)
    enough = there.sum(axis=2) >= MIN_FORECAST_DAYS
    lows = np.where(enough, np.where(there, near, np.inf).min(axis=2), np.nan)
    highs = np.where(enough, np.where(there, near, -np.inf).max(axis=2), np.nan)
    low, below, above = row_quantiles(lows, (0.5, 0.1, 0.9)).T
    lowest = np.where(np.isfinite(median), median, np.inf)[:, :FORECAST_DAYS].argmin(axis=1) + 1
    return {
        "forecast_age_days": np.where(fresh, age, np.nan),
        "forecast": median,
        "forecast_low": low,
        "forecast_low_days": np.where(np.isfinite(low), lowest, np.nan),
        "forecast_high": row_quantiles(highs, (0.5,))[:, 0],
        "forecast_spread": np.where(np.isfinite(lows).sum(axis=1) >= MIN_MEMBERS, above - below, np.nan),
    }


def _in_order(forecasts: pd.DataFrame) -> tuple[IntArray, _Rows]:
    """Instants of the issues, and all rows sorted."""
    columns = [ns(forecasts[name]) for name in ("issued_at", "time", "available_at")]
    # Two sources of one gauge may number their members alike.
    member = np.asarray(forecasts.groupby(["source", "member"], sort=True).ngroup(), dtype=np.int64)
    order = np.lexsort((columns[2], columns[1], member, columns[0]))
    issued, time, known_from = (column[order] for column in columns)
    member, value = member[order], forecasts["value"].to_numpy(float)[order]
    issues, issue = np.unique(issued, return_inverse=True)
    begin = np.searchsorted(issued, issues)
    same = (issue[1:] == issue[:-1]) & (member[1:] == member[:-1])
    gap = np.diff(time)
    known_until = np.append(np.where(same & (gap == 0), known_from[1:], NEVER), NEVER)
    # The nearest midnight names the day of a daily forecast; one with several values a day is put into UTC days. What the
    # issue brought when it came decides, so that rows that come later do not move its days.
    first = np.minimum.reduceat(known_from, begin)[issue]
    early = known_from == first
    several = np.append(same & (gap > 0) & (gap <= ALONE_H * 3.6e12) & early[1:] & early[:-1], False)
    hourly = np.logical_or.reduceat(several, begin)[issue]
    day = np.asarray((time + np.where(hourly, 0, _DAY_NS // 2)) // _DAY_NS, dtype=np.int64)
    return issues, _Rows(np.asarray(issue, np.int64), member, day, known_from, known_until, value)


def _newest(rows: _Rows, limits: IntArray) -> IntArray:
    """Return the number of the newest issue of which anything could be had at each instant; -1 where there was none."""
    begin = np.searchsorted(rows.issue, np.arange(rows.issue[-1] + 1))
    could_be_had = np.minimum.reduceat(rows.known_from, begin)
    by_arrival = np.argsort(could_be_had, kind="stable")
    newest = np.append(np.maximum.accumulate(by_arrival), -1)
    return np.asarray(newest[np.searchsorted(could_be_had[by_arrival], limits, side="right") - 1])


def _by_member(rows: _Rows, issue: IntArray, limits: IntArray, today: IntArray) -> FloatArray:
    """Daily means of an issue for each date, as known on it, shape (as_of, member, ahead)."""
    used = np.flatnonzero(issue >= 0)
    first = np.searchsorted(rows.issue, issue[used], side="left")
    count = np.searchsorted(rows.issue, issue[used], side="right") - first
    date = np.repeat(used, count)
    row = np.repeat(first - np.cumsum(count) + count, count) + np.arange(date.size)
    ahead = rows.day[row] - today[date] - 1
    stands = (
        (rows.known_from[row] <= limits[date]) & (limits[date] < rows.known_until[row]) & np.isfinite(rows.value[row])
    )
    stands &= (ahead >= 0) & (ahead < len(AHEAD))
    shape = (today.size, int(rows.member.max()) + 1, len(AHEAD))
    size = shape[0] * shape[1] * shape[2]
    cell = (date[stands] * shape[1] + rows.member[row[stands]]) * shape[2] + ahead[stands]
    total, number = np.bincount(cell, rows.value[row[stands]], minlength=size), np.bincount(cell, minlength=size)
    return np.divide(total, number, out=np.full(size, np.nan), where=number > 0).reshape(shape)
