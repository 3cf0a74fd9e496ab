"""Gauge series -> what a forecast may know of the river's flow on a date.

Nothing here knows in which month a river floods. The gauge's own climate, taken from the days available at the as-of
date, says when its water is low and high on average (the middle months of the lowest and of the highest quarter): the
*water year* starts with the month of low water, so that a flood lies whole inside it, and the *low-water year* starts
with the month of high water, so that a low water does.

Missing-data policy
-------------------
Suspect and missing values are not used. A statistic is NaN unless

* the climate (quantiles, months of low and high water) rests on at least :data:`MIN_YEARS` years' worth of days, with
  at least :data:`MIN_MONTH_DAYS` days in every calendar month;
* the year it describes has at least :data:`MIN_COMPLETE` of its days (for a year still running: of the days so far);
* a percentile among years rests on at least :data:`MIN_PEAKS` earlier years;
* a recession rate rests on at least :data:`MIN_LIMB_DAYS` days;
* a flow at a scene rests on at least :data:`MIN_WINDOW_DAYS` days of the window;
* the current flow is at most :data:`MAX_AGE_DAYS` days old.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.contracts import as_of_instant
from erosion.hydrology.series import Days, daily

MIN_YEARS: Final = 3
MIN_MONTH_DAYS: Final = 40
MIN_COMPLETE: Final = 0.8
MIN_PEAKS: Final = 5
MIN_LIMB_DAYS: Final = 15
MIN_WINDOW_DAYS: Final = 3
MAX_AGE_DAYS: Final = 10

#: name -> (unit, meaning). A gauge without discharge is described by its stage; what only makes sense for a discharge
#: is then NaN.
STATISTICS: Final[dict[str, tuple[str, str]]] = {
    "flood_peak_m3s": ("m3/s", "highest daily discharge of the last complete flood"),
    "flood_peak_ratio": ("1", "that peak over the median peak of the years before it"),
    "flood_peak_percentile": ("1", "share of the peaks of the years before it that were lower, ties count half"),
    "flood_days": ("day", "days of that flood's water year so far above the long-term 75 % quantile"),
    "days_since_peak": ("day", "from the day of that peak to the as-of date"),
    "recession_per_day": ("1/day", "rate at which discharge fell after that peak: minus the median slope of ln Q"),
    "low_water_day": ("day", "day of the low-water year (its first is 1) of the last complete low water's minimum"),
    "flow_percentile": ("1", "share of all days that were lower than the newest one, ties count half"),
    "water_year_month": ("month", "middle month of the lowest quarter, with which the water year starts"),
}


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
        out[gauge_id] = _median_rows(window, MIN_WINDOW_DAYS)
    return pd.DataFrame(out, index=index, dtype=float)


def season_statistics(gauges: pd.DataFrame, as_of: pd.Timestamp | str) -> pd.DataFrame:
    """What was known at a date of each gauge's last flood, last low water and present flow.

    Parameters
    ----------
    gauges
        Gauge table.
    as_of
        Date of the product; only values available then are used.

    Returns
    -------
    pandas.DataFrame
        Index gauge_id (every gauge of the table), columns of :data:`STATISTICS`.

    Notes
    -----
    A flood is complete when its water year has ended, or when the month of high water is over, the peak was above the
    long-term 75 % quantile and the flow has since been below the long-term median. A low water is complete when its
    low-water year has ended, or when the month of low water is over and the flow has since been above the median.
    """
    known = daily(gauges, as_of)
    today = np.datetime64(as_of_instant(as_of).tz_localize(None), "D")
    ids = pd.Index(sorted(gauges["gauge_id"].astype(str).unique()), name="gauge_id")
    rows = [_statistics(known[gauge_id], today) if gauge_id in known else {} for gauge_id in ids]
    return pd.DataFrame(rows, index=ids, columns=list(STATISTICS), dtype=float)


def _statistics(days: Days, today: np.datetime64) -> dict[str, float]:
    values, first = days.values, days.first
    seen = values[np.isfinite(values)]
    dates = first + np.arange(values.size)
    age = (today - dates[-1]).astype(int)
    out: dict[str, float] = {}
    if seen.size < MIN_YEARS * 365 * MIN_COMPLETE:
        return out
    if age <= MAX_AGE_DAYS:
        out["flow_percentile"] = _rank(values[-1], seen)
    months = dates.astype("datetime64[M]").astype(int) % 12
    climate = _month_climate(values, months)
    if climate is None:
        return out
    low_month, high_month = int(np.argmin(climate)), int(np.argmax(climate))
    middle, upper = np.quantile(seen, (0.5, 0.75))
    out["water_year_month"] = low_month + 1

    flood = _last_complete(days, low_month, high_month, today, middle, upper, flood=True)
    if flood is not None:
        out |= _flood(days, flood, low_month, today, middle, upper)
    low = _last_complete(days, high_month, low_month, today, middle, upper, flood=False)
    if low is not None and low.complete:
        out["low_water_day"] = float(low.extreme - low.start + 1)
    return out


class _Year(NamedTuple):
    """A year in day numbers relative to the first day of the series; ``end`` is exclusive."""

    start: int
    end: int
    extreme: int  # day of the highest (flood) or lowest (low water) value; -1 where the year has no value
    complete: bool  # enough of its days are there


def _flood(
    days: Days, flood: _Year, low_month: int, today: np.datetime64, middle: float, upper: float
) -> dict[str, float]:
    values = days.values
    out: dict[str, float] = {}
    if flood.extreme >= 0 and flood.complete:
        peak = values[flood.extreme]
        earlier = np.array(
            [
                values[year.extreme]
                for year in _years(days, low_month, today, flood=True)
                if year.end <= flood.start and year.complete
            ]
        )
        enough = earlier.size >= MIN_PEAKS
        year_values = values[max(flood.start, 0) : min(flood.end, values.size)]
        out = {
            "flood_peak_percentile": _rank(peak, earlier) if enough else np.nan,
            "flood_days": float((year_values > upper).sum()),
            "days_since_peak": float((today - days.first).astype(int) - flood.extreme),
        }
        if days.discharge:
            out["flood_peak_m3s"] = float(peak)
            if enough and np.median(earlier) > 0:
                out["flood_peak_ratio"] = float(peak / np.median(earlier))
            out["recession_per_day"] = _recession(values, flood, middle)
    return out


def _last_complete(
    days: Days, start_month: int, turn_month: int, today: np.datetime64, middle: float, upper: float, *, flood: bool
) -> _Year | None:
    """Last year whose flood (or low water) is over; None before the first one."""
    years = _years(days, start_month, today, flood=flood)
    if not years:
        return None
    running, values = years[-1], days.values
    if running.end <= (today - days.first).astype(int) + 1:
        return running
    months_to_turn = (turn_month - start_month) % 12
    start_of_month = (days.first + running.start).astype("datetime64[M]")
    turn_over = ((start_of_month + months_to_turn + 1).astype("datetime64[D]") - days.first).astype(int)
    over = False
    if running.extreme >= 0 and values.size >= turn_over:
        after = values[running.extreme + 1 :]
        after = after[np.isfinite(after)]
        if flood:
            over = bool(values[running.extreme] > upper and (after < middle).any())
        else:
            over = bool(values[running.extreme] < middle and (after > middle).any())
    if over:
        return running
    return years[-2] if len(years) > 1 else None


def _years(days: Days, start_month: int, today: np.datetime64, *, flood: bool) -> list[_Year]:
    """Years that start with a calendar month, from the first one the series touches to the one of ``today``."""
    values = days.values
    out: list[_Year] = []
    month = days.first.astype("datetime64[M]")
    month -= (month.astype(int) % 12 - start_month) % 12
    elapsed = int((today - days.first).astype(int)) + 1
    while True:
        start = int((month.astype("datetime64[D]") - days.first).astype(int))
        if start >= elapsed:
            return out
        month += 12
        end = int((month.astype("datetime64[D]") - days.first).astype(int))
        year = values[max(start, 0) : max(min(end, values.size), 0)]
        finite = np.isfinite(year)
        extreme = -1
        if finite.any():
            at = np.argmax(np.where(finite, year, -np.inf)) if flood else np.argmin(np.where(finite, year, np.inf))
            extreme = max(start, 0) + int(at)
        so_far = min(end, elapsed) - start
        out.append(_Year(start, end, extreme, bool(finite.sum() >= MIN_COMPLETE * so_far)))


def _month_climate(values: np.ndarray, months: np.ndarray) -> np.ndarray | None:
    """Median of each calendar month, smoothed over three months round the year; None with a month too poor in days."""
    by_month = [values[(months == m) & np.isfinite(values)] for m in range(12)]
    if min(part.size for part in by_month) < MIN_MONTH_DAYS:
        return None
    medians = np.array([np.median(part) for part in by_month])
    return np.asarray((np.roll(medians, 1) + medians + np.roll(medians, -1)) / 3)


def _recession(values: np.ndarray, flood: _Year, middle: float) -> float:
    """Minus the median of all pairwise slopes of ln Q (Theil 1950, Sen 1968) from the peak down to the median flow."""
    limb = values[flood.extreme : min(flood.end, values.size)]
    below = np.flatnonzero(limb < middle)
    limb = limb[: below[0] + 1] if below.size else limb
    day = np.flatnonzero(np.isfinite(limb) & (limb > 0))
    if day.size < MIN_LIMB_DAYS:
        return float("nan")
    log_flow = np.log(limb[day])
    i, j = np.triu_indices(day.size, 1)
    return float(-np.median((log_flow[j] - log_flow[i]) / (day[j] - day[i])))


def _rank(value: float, others: np.ndarray) -> float:
    return float(((others < value).sum() + 0.5 * (others == value).sum()) / others.size)


def _median_rows(window: np.ndarray, least: int) -> np.ndarray:
    """Median of each row over what is there, NaN with fewer than ``least`` values."""
    count = np.isfinite(window).sum(axis=1)
    ordered = np.sort(window, axis=1)  # NaN sorts last
    row = np.arange(window.shape[0])
    low, high = np.maximum(count - 1, 0) // 2, np.maximum(count, 1) // 2
    median = (ordered[row, low] + ordered[row, np.minimum(high, np.maximum(count - 1, 0))]) / 2
    return np.where(count >= least, median, np.nan)
