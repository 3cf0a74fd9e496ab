"""What was known on each of many dates of each of many days: the as-of core under every statistic of a gauge.

All dates of a series of nights are answered at once. Each revision of a value is known from the first of the asked dates that
is not before its ``available_at``; a day has one value from each date on which something of it changes; the value of
a day on a date is the last of these (one search in a sorted list for all of them). Nothing of a date is made from what
came after it, so rows that come later change no bit of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from erosion.core.arrays import NEVER, FloatArray, IntArray
from erosion.core.contracts import as_of_instant, in_utc
from erosion.gauges.known import USED

Dates = pd.DatetimeIndex | Sequence[pd.Timestamp | str]

ALONE_H: Final = 20.0
"""A value without another one of its source this near in time stands for a whole day."""

DAY_H: Final = 12.0
"""A day counts once its values stand for so many hours of it; of a tidal river that is a tide."""

TIDAL_STEP_H: Final = 3.0
TIDAL_DAY_H: Final = 20.0
"""High and low water of a day are found from values not farther apart than this, over at least so much of the day."""

_DAY_NS: Final = 86_400_000_000_000
_HOUR_NS: Final = 3_600_000_000_000


def known_windows(gauges: pd.DataFrame, dates: Dates, days: int, quantity: str) -> xr.DataArray:
    """Daily values before each date, as they were known on it.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.core.contracts.GAUGE_COLUMNS`).
    dates
        Dates of the products, shape (as_of,); a bare date means the end of that UTC day.
    days
        Length of the windows.
    quantity
        Key of :data:`erosion.core.contracts.QUANTITIES`.

    Returns
    -------
    xarray.DataArray
        Value of the day ``as_of - age`` in the unit of the quantity, float64, dims (gauge_id, as_of, age): every gauge of
        the table, sorted; ages 0 to ``days - 1``. NaN where none was known.

    Notes
    -----
    The newest revision known decides; where it is flagged or missing the value is missing, whatever an older one was. A
    day has the mean of its values, of rain their sum. A value that had none of its own source within
    :data:`ALONE_H` hours when it came stands for a day, and the nearest UTC midnight names that day (daily values are stamped
    with the start of a local day); one that had stands for the time to the nearest of them, in its UTC day. A day counts once
    its values stand for :data:`DAY_H` hours.
    """
    return windows_of(revisions(gauges, quantity), dates, days, quantity)


def known_ranges(gauges: pd.DataFrame, dates: Dates, days: int, quantity: str = "stage") -> xr.DataArray:
    """Highest less lowest value of the days before each date, as known on it: the tidal range where there is a tide.

    Parameters
    ----------
    gauges, dates, days, quantity
        As of :func:`known_windows`.

    Returns
    -------
    xarray.DataArray
        In the unit of the quantity, dims (gauge_id, as_of, age). NaN for a day without values at most
        :data:`TIDAL_STEP_H` hours apart over at least :data:`TIDAL_DAY_H` hours.
    """
    return windows_of(revisions(gauges, quantity), dates, days, quantity, ranges=True)


class Days(NamedTuple):
    """Daily values of one gauge without holes: NaN where a day is missing."""

    first: np.datetime64  # day of values[0]
    values: FloatArray  # shape (day,), in the unit of the quantity
    quantity: str


def daily(
    gauges: pd.DataFrame, as_of: pd.Timestamp | str, quantities: tuple[str, ...] = ("discharge", "stage")
) -> dict[str, Days]:
    """Daily values of every gauge as known on a date, made as :func:`known_windows` makes them.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.core.contracts.GAUGE_COLUMNS`).
    as_of
        Date of the product.
    quantities
        The first of them of which a gauge has a usable day is taken.

    Returns
    -------
    dict
        Gauge id -> days from its first to its last usable one; a gauge without any is left out.
    """
    out: dict[str, Days] = {}
    for quantity in quantities:
        reduce = _totals if quantity == "rain" else _means
        for gauge_id, rows in revisions(gauges, quantity).items():
            known = day_values(rows, instants([as_of]), reduce)
            there = np.isfinite(known.value)
            if there.any() and gauge_id not in out:
                day, value = known.day[there], known.value[there]
                values = np.full(day[-1] - day[0] + 1, np.nan)
                values[day - day[0]] = value
                out[gauge_id] = Days(day[0].astype("datetime64[D]"), values, quantity)
    return dict(sorted(out.items()))


def instants(dates: Dates) -> IntArray:
    """Last instants whose data products of these dates may use, ns since 1970 UTC, shape (as_of,)."""
    return np.array([as_of_instant(date).as_unit("ns").value for date in dates], dtype=np.int64)


def days_of(dates: Dates) -> IntArray:
    """UTC days of the dates, days since 1970, shape (as_of,)."""
    return instants(dates) // _DAY_NS


class Revisions(NamedTuple):
    """Revisions of one gauge and quantity in the order of day, time and when they could be had; shape (n,) each."""

    day: IntArray  # days since 1970
    known_from: IntArray  # ns since 1970
    known_until: IntArray  # when the next revision came; a large number where none did
    value: FloatArray  # NaN where it cannot be used
    hours: FloatArray  # what the value stands for


class DayValues(NamedTuple):
    """Values of days on dates, sorted by day and date: from ``date`` on the day has ``value``; shape (m,) each."""

    day: IntArray
    date: IntArray  # position in the sorted dates
    value: FloatArray


_Reduce = Callable[[Revisions, IntArray, IntArray, int], FloatArray]


def revisions(gauges: pd.DataFrame, quantity: str) -> dict[str, Revisions]:
    """Return all revisions of one quantity in order, gauge by gauge; every gauge of the table, sorted.

    What asks for many windows of the same gauges does this once.
    """
    ids = gauges["gauge_id"].astype(str)
    rows = gauges[(gauges["quantity"] == quantity).to_numpy(bool)]
    mine = dict(iter(rows.groupby(rows["gauge_id"].astype(str), sort=False)))
    return {str(name): _in_order(mine.get(name, rows.iloc[:0])) for name in sorted(ids.unique())}


def windows_of(
    gauges: Mapping[str, Revisions], dates: Dates, days: int, quantity: str, *, ranges: bool = False
) -> xr.DataArray:
    """Return the windows of :func:`known_windows`, or of :func:`known_ranges`, from revisions in order."""
    limits = instants(dates)
    known, order = np.unique(limits, return_inverse=True)
    asked = (limits // _DAY_NS)[:, np.newaxis] - np.arange(days)
    reduce = _ranges if ranges else _totals if quantity == "rain" else _means
    out = np.full((len(gauges), limits.size, days), np.nan)
    for place, rows in enumerate(gauges.values()):
        out[place] = _look_up(day_values(rows, known, reduce), asked, order[:, np.newaxis], known.size)
    coords = {"gauge_id": list(gauges), "as_of": as_of_index(dates), "age": np.arange(days)}
    return xr.DataArray(out, coords=coords, dims=("gauge_id", "as_of", "age"), name=quantity)


def as_of_index(dates: Dates) -> pd.DatetimeIndex:
    """Dates as a product's ``as_of`` shows them: UTC without a zone."""
    return pd.DatetimeIndex([in_utc(date).tz_localize(None) for date in dates]).as_unit("ns")


def _in_order(rows: pd.DataFrame) -> Revisions:
    time, known_from = ns(rows["time"]), ns(rows["available_at"])
    value = np.where(rows["qc"].isin(USED).to_numpy(bool), rows["value"].to_numpy(float), np.nan)
    value[np.isinf(value)] = np.nan
    order = np.lexsort((known_from, time))
    time, known_from, value = time[order], known_from[order], value[order]
    source = rows["source"].to_numpy(dtype=str)[order]
    newest = np.append(time[1:] != time[:-1], True)[: time.size]
    known_until = np.where(newest, NEVER, np.append(known_from[1:], NEVER)[: time.size])
    hours = np.empty(time.size)
    for name in np.unique(source):
        mine = np.flatnonzero(source == name)
        at, first, whose = np.unique(time[mine], return_index=True, return_inverse=True)
        hours[mine] = _stands_for(at, known_from[mine][first])[whose]
    day = (time + np.where(hours >= 24, _DAY_NS // 2, 0)) // _DAY_NS
    order = np.lexsort((known_from, time, day))
    return Revisions(day[order], known_from[order], known_until[order], value[order], hours[order])


def _stands_for(time: IntArray, known_from: IntArray) -> FloatArray:
    """Hours to the nearest other value that was known when each came; 24 where none was within :data:`ALONE_H`."""
    nearest = np.full(time.size, np.inf)
    for side in (-1, 1):
        open_ = np.arange(time.size)
        step = 0
        while open_.size:
            step += side
            other = open_ + step
            inside = (other >= 0) & (other < time.size)
            open_, other = open_[inside], other[inside]
            apart = np.abs(time[other] - time[open_]) / _HOUR_NS
            near = apart <= ALONE_H
            open_, other, apart = open_[near], other[near], apart[near]
            known = known_from[other] <= known_from[open_]
            nearest[open_[known]] = np.minimum(nearest[open_[known]], apart[known])
            open_ = open_[~known]
    return np.where(np.isfinite(nearest), np.minimum(nearest, DAY_H), 24.0)


def day_values(rows: Revisions, known: IntArray, reduce: _Reduce) -> DayValues:
    """Values that each day had on each of the dates on which something of it changed.

    Parameters
    ----------
    rows
        Revisions of one gauge and quantity.
    known
        Sorted instants of the dates, ns since 1970.
    reduce
        Makes the value of a day from the revisions that stood: rows, position of each taken row, number of the day value it
        belongs to, how many day values there are -> values.
    """
    since = np.searchsorted(known, rows.known_from, side="left")
    until = np.searchsorted(known, rows.known_until, side="left")
    seen = since < until  # others were never the newest on any of the dates
    rows = Revisions(rows.day[seen], rows.known_from[seen], rows.known_until[seen], rows.value[seen], rows.hours[seen])
    since, until = since[seen], until[seen]
    n = known.size
    ended = until < n
    changes = np.unique(np.concatenate([rows.day * (n + 1) + since, (rows.day * (n + 1) + until)[ended]]))
    day, date = changes // (n + 1), changes % (n + 1)
    # Every change of a day uses all revisions of the day.
    start = np.searchsorted(rows.day, day, side="left")
    count = np.searchsorted(rows.day, day, side="right") - start
    group = np.repeat(np.arange(day.size), count)
    row = np.repeat(start - np.cumsum(count) + count, count) + np.arange(group.size)
    stands = (since[row] <= date[group]) & (date[group] < until[row]) & np.isfinite(rows.value[row])
    return DayValues(day, date, reduce(rows, row[stands], group[stands], day.size))


def _means(rows: Revisions, row: IntArray, group: IntArray, size: int) -> FloatArray:
    count = np.bincount(group, minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(_totals(rows, row, group, size) / count)


def _totals(rows: Revisions, row: IntArray, group: IntArray, size: int) -> FloatArray:
    hours = np.bincount(group, rows.hours[row], minlength=size)
    total = np.bincount(group, rows.value[row], minlength=size)
    return np.where(hours >= DAY_H - 1e-6, total, np.nan)


def _ranges(rows: Revisions, row: IntArray, group: IntArray, size: int) -> FloatArray:
    fine = rows.hours[row] <= TIDAL_STEP_H
    row, group = row[fine], group[fine]
    hours = np.bincount(group, rows.hours[row], minlength=size)
    high, low = np.full(size, -np.inf), np.full(size, np.inf)
    np.maximum.at(high, group, rows.value[row])
    np.minimum.at(low, group, rows.value[row])
    enough = hours >= TIDAL_DAY_H - 1e-6
    return np.subtract(high, low, out=np.full(size, np.nan), where=enough)


def _look_up(values: DayValues, day: IntArray, date: IntArray, n: int) -> FloatArray:
    """Value of each day on each date, shapes (as_of, age) and (as_of, 1); NaN where nothing was known of it."""
    if not values.day.size:
        return np.full(day.shape, np.nan)
    first = values.day[0]
    start = np.searchsorted(values.day, np.arange(first, values.day[-1] + 2))  # where each day's values begin
    place = day - first
    inside = (place >= 0) & (place < start.size - 1)
    place = np.where(inside, place, 0)
    found = np.where(inside & (start[place] < start[place + 1]), start[place], values.day.size)
    dates, numbers = np.append(values.date, n), np.append(values.value, np.nan)
    found = np.where(dates[found] <= date, found, values.day.size)
    further = np.append((values.day[1:] == values.day[:-1]).astype(np.int64), [0, 0])
    moving = np.flatnonzero(further[found])
    flat, limit = found.ravel(), np.broadcast_to(date, day.shape).ravel()
    while moving.size:  # most days have one value for good
        moving = moving[dates[flat[moving] + 1] <= limit[moving]]
        flat[moving] += 1
        moving = moving[further[flat[moving]] == 1]
    return numbers[flat].reshape(day.shape)


def ns(times: pd.Series) -> IntArray:
    """Instants as ns since 1970 UTC."""
    return np.asarray(pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("ns").asi8)
