"""The climate of a gauge as known on a date, and its flow when the banks were seen.

Nothing here knows in which month a river floods. The gauge's own climate gives when its water is low and high on average
(the middle months of the lowest and of the highest quarter): the *water year* starts with the month of low water, so that a
flood lies whole inside it, and the *low-water year* starts with the month of high water, so that a low water does. The
months are those that were known when the calendar year began; the climate of a year is made of the complete years before
it, as they were known when it began. Both are made once a year, and a season keeps its marks from its first day to its last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from erosion.core.arrays import FloatArray, IntArray
from erosion.gauges.statistics.windows import Dates, daily

MIN_YEARS: Final = 3
"""Complete years a climate rests on at least."""

MIN_MONTH_DAYS: Final = 40
"""Days that each calendar month needs before the months of low and high water are given."""

MIN_COMPLETE: Final = 0.8
"""Share of its days that a year or a span needs."""

MIN_WINDOW_DAYS: Final = 3

QUANTILES: Final = (0.05, 0.10, 0.50, 0.75, 0.90, 0.95)


class Levels(NamedTuple):
    """A level at several places: what statistics are made from.

    Attributes
    ----------
    windows
        Dates and a number of days -> daily values before each date as known on it, dims (place, as_of, age).
    first_day
        No value is older, days since 1970.
    """

    windows: Callable[[Dates, int], xr.DataArray]
    first_day: int


class Months(NamedTuple):
    """Months of low and high water, 1 to 12, and 0 where they are not known; shape (place, as_of)."""

    low: IntArray
    high: IntArray


class Climate(NamedTuple):
    """Statistics of the complete years before a day, as known when that day began.

    Attributes
    ----------
    quantiles
        Of all days of complete years, at :data:`QUANTILES`, shape (place, 6); NaN with fewer than :data:`MIN_YEARS` years.
    highest
        Highest day of each year before, the last one first, shape (place, year); NaN for a year that is not complete.
    ordered
        Those days of each place in rising order.
    history
        Daily values before that day, the last one first, shape (place, age).
    """

    quantiles: FloatArray
    highest: FloatArray
    ordered: list[FloatArray]
    history: FloatArray


def months_of(levels: Levels, day: IntArray) -> Months:
    """Months of low and of high water as known when each date's calendar year began.

    Parameters
    ----------
    levels
        The places.
    day
        Dates, days since 1970, shape (as_of,).

    Returns
    -------
    Months
        Month with the lowest and with the highest mean of three monthly medians; 0 with a calendar month of fewer than
        :data:`MIN_MONTH_DAYS` days.
    """
    years, whose = np.unique(day.astype("datetime64[D]").astype("datetime64[Y]"), return_inverse=True)
    low, high = [], []
    for year in years:
        history = history_before(levels, int(year.astype("datetime64[D]").astype(np.int64)))
        last = year.astype("datetime64[D]") - np.timedelta64(1, "D")
        months = (last - np.arange(history.shape[1])).astype("datetime64[M]").astype(np.int64) % 12
        medians = np.column_stack([row_median(history[:, months == month], MIN_MONTH_DAYS) for month in range(12)])
        smooth = (np.roll(medians, 1, axis=1) + medians + np.roll(medians, -1, axis=1)) / 3
        known = np.asarray(np.isfinite(smooth).all(axis=1))
        smooth = np.where(known[:, np.newaxis], smooth, 0.0)
        low.append(np.where(known, smooth.argmin(axis=1) + 1, 0))
        high.append(np.where(known, smooth.argmax(axis=1) + 1, 0))
    return Months(np.column_stack(low)[:, whose], np.column_stack(high)[:, whose])


def climate_before(levels: Levels, first: int) -> Climate:
    """Climate of the years that end where a year begins.

    Parameters
    ----------
    levels
        The places.
    first
        First day of a year, days since 1970; it is the first of a month, and the years before it begin with the same month.
    """
    history = history_before(levels, first)
    n_years = history.shape[1] // 365 + 1
    starts = years_before(first, n_years)
    ends = np.append(first, starts[:-1])
    sample = np.full(history.shape, np.nan)
    highest = np.full((history.shape[0], n_years), np.nan)
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        ages = slice(int(first - end), int(first - start))
        year = history[:, ages]
        there = np.isfinite(year)
        complete = np.flatnonzero(there.sum(axis=1) >= MIN_COMPLETE * (end - start))
        sample[complete, ages] = year[complete]
        highest[complete, k] = np.where(there, year, -np.inf)[complete].max(axis=1, initial=-np.inf)
    quantiles = row_quantiles(sample, QUANTILES)
    quantiles[np.isfinite(highest).sum(axis=1) < MIN_YEARS] = np.nan
    ordered = [np.sort(row[np.isfinite(row)]) for row in sample]
    return Climate(quantiles, highest, ordered, history)


def history_before(levels: Levels, day: int) -> FloatArray:
    """Daily values before a day as known at its beginning, the last one first, shape (place, age)."""
    eve = pd.Timestamp(np.datetime64(day - 1, "D"))
    window = levels.windows(pd.DatetimeIndex([eve]), max(day - levels.first_day, 1))
    return np.asarray(window.to_numpy()[:, 0])


def year_start(day: IntArray, month: IntArray) -> IntArray:
    """First day of the year that begins with ``month`` and holds ``day``; the day after ``day`` where month is 0."""
    months = day.astype("datetime64[D]").astype("datetime64[M]")
    start = months - (months.astype(np.int64) % 12 - (month - 1)) % 12
    return np.where(month > 0, start.astype("datetime64[D]").astype(np.int64), day + 1)


def years_before(first: int | IntArray, count: int) -> IntArray:
    """Same day of the 1 to ``count`` years before, days since 1970; the first of March for a 29 February."""
    back = 12 * np.arange(1, count + 1)
    date = np.asarray(first).astype("datetime64[D]")[..., np.newaxis]
    months = date.astype("datetime64[M]")
    return np.asarray((months - back).astype("datetime64[D]").astype(np.int64) + (date - months).astype(np.int64))


def scene_flow(
    gauges: pd.DataFrame,
    epochs: pd.DatetimeIndex | np.ndarray,
    as_of: pd.Timestamp | str,
    *,
    window_days: int = 3,
    lag_days: int = 0,
) -> pd.DataFrame:
    """Flow at the dates of scenes, the water-level covariate of a bank position.

    Parameters
    ----------
    gauges
        Gauge table.
    epochs
        Dates of the scenes, shape (epoch,).
    as_of
        Date of the product; days that became available later are not in the median.
    window_days
        The median is taken over the scene's day and this many days either side.
    lag_days
        Shifts the window later, where the gauge stands this far downstream.

    Returns
    -------
    pandas.DataFrame
        Index epoch, one column a gauge [m3/s, or m for a gauge without discharge]; NaN with fewer than
        :data:`MIN_WINDOW_DAYS` days in the window.
    """
    index = pd.DatetimeIndex(np.asarray(epochs), name="epoch")
    scene_day = (index + pd.Timedelta(days=lag_days)).to_numpy().astype("datetime64[D]")
    reach = np.arange(-window_days, window_days + 1)
    out = {}
    for gauge_id, days in daily(gauges, as_of).items():
        place = (scene_day - days.first).astype(int)[:, np.newaxis] + reach
        inside = (place >= 0) & (place < days.values.size)
        window = np.where(inside, days.values[np.clip(place, 0, days.values.size - 1)], np.nan)
        out[gauge_id] = row_median(window, MIN_WINDOW_DAYS)
    return pd.DataFrame(out, index=index, dtype=float)


def row_median(rows: FloatArray, least: int) -> FloatArray:
    """Median of each row over what is there, NaN with fewer than ``least`` values."""
    return np.where(np.isfinite(rows).sum(axis=1) >= least, row_quantiles(rows, (0.5,))[:, 0], np.nan)


def row_quantiles(rows: FloatArray, wanted: tuple[float, ...]) -> FloatArray:
    """Quantiles of each row over what is there, linear between values, shape (row, quantile); NaN of nothing."""
    if not rows.shape[1]:
        return np.full((rows.shape[0], len(wanted)), np.nan)
    ordered = np.sort(rows, axis=1)  # NaN sorts last
    count: IntArray = np.isfinite(rows).sum(axis=1)
    place = np.maximum(count - 1, 0)[:, np.newaxis] * np.asarray(wanted)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)[:, np.newaxis])
    low, high = np.take_along_axis(ordered, below, axis=1), np.take_along_axis(ordered, above, axis=1)
    return low + (high - low) * (place - below)
