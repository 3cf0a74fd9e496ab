"""What was known on each of many dates of each gauge's water: newest level, falls and rises, season, low water, rain, forecast.

Every number of a date is made from what was known at its end (:mod:`erosion.gauges.statistics.windows`) and from the climate of the
years before the running one as known when it began (:mod:`erosion.gauges.statistics.seasons`); later rows and revisions change no bit
of it. A statistic whose data are too few is NaN, never a guess: :data:`STATISTICS` says when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.gauges.statistics.forecasts import AHEAD, forecasts_ahead
from erosion.gauges.statistics.seasons import (
    MIN_COMPLETE,
    MIN_YEARS,
    QUANTILES,
    Climate,
    Levels,
    Months,
    climate_before,
    months_of,
    row_quantiles,
    year_start,
    years_before,
)
from erosion.gauges.statistics.windows import (
    Dates,
    Revisions,
    as_of_index,
    days_of,
    instants,
    revisions,
    windows_of,
)

SPANS: Final = tuple(range(1, 15))
"""Days over which a change is told."""

MAX_AGE_DAYS: Final = 10
"""An older value is no present one."""

MIN_PEAKS: Final = 5
"""Earlier years that a rank among years rests on at least."""

MIN_LIMB_DAYS: Final = 15

SEASON_DAYS: Final = 15
"""A date's usual level is that of the earlier years within so many days of the same day."""

_AGE = "newest usable day within 10 days"
_CLIMATE = "3 complete years before the running one"
_SEASON = "80 % of the season's days so far"
_FLOOD = f"80 % of its water year, {_CLIMATE}"
_PEAKS = f"80 % of its water year, {MIN_PEAKS} complete years before it"
_RAIN = "newest day of rain within 10 days, 80 % of the days"
_AHEAD = "forecast made within 3 days"

#: name -> (unit, meaning, what it needs; NaN without). ``level`` is the unit of the gauge's level: m of a stage, m3/s of a
#: discharge. Dims are (gauge_id, as_of), and one more where the name in brackets says so.
STATISTICS: Final[dict[str, tuple[str, str, str]]] = {
    "of_stage": ("", "1 where the level is a stage, 0 where it is a discharge", "any usable day"),
    "value": ("level", "level of the newest day known", _AGE),
    "age_days": ("day", "age of that day at the date", "any usable day in two years"),
    "change": ("level", "[span] level of the newest day less that of 1 to 14 days before it; falls are negative", _AGE),
    "fastest_rise": (
        "level/day",
        "largest rise from day to day in the 14 days before the newest; 0 where none",
        "12 of them",
    ),
    "fastest_fall": ("level/day", "largest fall from day to day in these days, positive; 0 where none", "12 of them"),
    "low_mark": (
        "level",
        "low-water mark: 10 % quantile of the climate",
        "3 complete low-water years before the running one",
    ),
    "high_mark": ("level", "90 % quantile of the climate", _CLIMATE),
    "range_usual": ("level", "usual yearly range: 95 % less 5 % quantile of the climate", _CLIMATE),
    "low_mark_passed": ("", "1 where the level has been below low_mark in the running low-water year, else 0", _SEASON),
    "days_since_low_mark": ("day", "from the first day of that to the date", f"that it has been; {_SEASON}"),
    "season_low": ("level", "lowest day of the running low-water year", _SEASON),
    "days_since_low": ("day", "from that day to the date", _SEASON),
    "above_low": ("level", "newest level less the season's low", _SEASON),
    "low_water_day": (
        "day",
        "day of the low-water year (its first is 1) of the last complete low water's minimum",
        "80 % of the days of its low-water year",
    ),
    "season_peak": ("level", "highest day of the running water year", _SEASON),
    "days_since_season_peak": ("day", "from that day to the date", _SEASON),
    "drawdown": ("level", "season_peak less the newest level", _SEASON),
    "flood_peak": ("level", "highest day of the last complete flood", _FLOOD),
    "days_since_peak": ("day", "from that day to the date", _FLOOD),
    "flood_peak_ratio": ("1", "flood_peak over the median peak of the years before it; of a discharge", _PEAKS),
    "flood_peak_percentile": (
        "1",
        "share of the peaks of the years before it that were lower, ties count half",
        _PEAKS,
    ),
    "flood_days": ("day", "days of that flood's water year above the 75 % quantile of the climate", _FLOOD),
    "recession_per_day": (
        "1/day",
        "rate at which discharge fell after that peak to the median of the climate: minus the median slope of ln Q",
        f"{_FLOOD}; 15 days of the fall",
    ),
    "flow_percentile": (
        "1",
        "share of the climate's days that were lower than the newest level, ties count half",
        _CLIMATE,
    ),
    "season_percentile": (
        "1",
        "share of the days within 15 days of the same day of the year in the years before that were lower",
        "80 % of these days in three years",
    ),
    "season_anomaly": ("level", "newest level less the median of these days", "the same"),
    "water_year_month": ("month", "month of low water, with which the water year starts", "40 days of each month"),
    "low_water_year_month": ("month", "month of high water, with which the low-water year starts", "the same"),
    "alarm_share": ("1", "0 where the newest level is at alarm 1, 1 at alarm 3, linear", "alarm levels, a stage"),
    "above_alarm": ("m", "newest level less alarm 1", "alarm levels, a stage"),
    "alarm_days_season": (
        "day",
        "[alarm] days of the running water year at or above alarm 1 to 3",
        f"alarm levels; {_SEASON}",
    ),
    "alarm_days_30": ("day", "[alarm] the same of the last 30 days", "alarm levels, 24 of these days"),
    "tidal_range": (
        "level",
        "mean of highest less lowest hour of a day, of the last three days",
        "two of them, hourly values",
    ),
    "rain_age_days": ("day", "age of the newest day of rain at the date", "any day of rain in 40 days"),
    "rain_1d": ("mm", "rain of the newest day of rain", _RAIN),
    "rain_3d": ("mm", "rain of the three days up to it", _RAIN),
    "rain_7d": ("mm", "rain of the seven days up to it", _RAIN),
    "rain_30d": ("mm", "rain of the thirty days up to it", _RAIN),
    "rain_on_low_water": ("mm", "rain_3d while the newest level is below low_mark, else 0", "rain_3d, value, low_mark"),
    "forecast_age_days": ("day", "age of the newest forecast known", _AHEAD),
    "forecast": ("level", "[ahead] forecast 1 to 10 days after the date, median of its members", _AHEAD),
    "forecast_low": (
        "level",
        "lowest day forecast within 5 days, median of the members' lowest",
        f"{_AHEAD}; 3 of the days",
    ),
    "forecast_low_days": ("day", "days from the date to the lowest day of the median", "the same"),
    "forecast_high": ("level", "highest day forecast within 5 days, median of the members' highest", "the same"),
    "forecast_change": ("level", "forecast_low less the newest level", "the same, value"),
    "forecast_spread": ("level", "90 % less 10 % quantile of the members' lowest", "the same, five members"),
}

_EXTRA: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "change": ("span", SPANS),
    "alarm_days_season": ("alarm", (1, 2, 3)),
    "alarm_days_30": ("alarm", (1, 2, 3)),
    "forecast": ("ahead", AHEAD),
}

_WINDOW: Final = 2 * 366 + max(SPANS)
_CHUNK: Final = 400
_RAINS: Final = (1, 3, 7, 30)


def statistics(
    gauges: pd.DataFrame,
    dates: Dates,
    alarm_levels: Mapping[str, Sequence[float]] | None = None,
    forecasts: pd.DataFrame | None = None,
    *,
    quantities: tuple[str, ...] = ("stage", "discharge"),
    rain_of: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Say what was known of every gauge on every date.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.core.contracts.GAUGE_COLUMNS`).
    dates
        Dates of the products, shape (as_of,); a bare date means the end of that UTC day.
    alarm_levels
        Gauge id -> stages of alarm 1, 2 and 3 [m]; a gauge that is not named has none.
    forecasts
        Forecast table (see :data:`erosion.core.contracts.GAUGE_FORECAST_COLUMNS`).
    quantities
        What a gauge's level is: the first of them of which a usable value was known on the date.
    rain_of
        Gauge id -> id of the gauge whose rain is told for it; its own where it is not named.

    Returns
    -------
    xarray.Dataset
        Variables of :data:`STATISTICS`, float64, dims (gauge_id, as_of) and ``span``, ``alarm`` or ``ahead``.
    """
    dates = as_of_index(dates)
    ids = sorted(gauges["gauge_id"].astype(str).unique())
    alarms = np.array([tuple((alarm_levels or {}).get(name, (np.nan,) * 3)) for name in ids], float).reshape(-1, 3)
    out = _nothing(ids, dates)
    chosen = np.zeros((len(ids), len(dates)), bool)
    for quantity in quantities:
        rows = revisions(gauges, quantity)
        mine = _usable_on(rows, dates) & ~chosen
        if not mine.any():
            continue
        stage = quantity == "stage"
        part = level_statistics(
            levels_of(rows, quantity), dates, alarms if stage else None, discharge=quantity == "discharge"
        )
        part["tidal_range"] = _tidal_range(windows_of(rows, dates, MAX_AGE_DAYS + 3, quantity, ranges=True).to_numpy())
        part |= _ahead(forecasts, ids, dates, quantity, part["value"])
        part["of_stage"] = np.full(mine.shape, float(stage))
        for name, values in part.items():
            out[name][mine] = values[mine]
        chosen |= mine
    out |= _rain(gauges, ids, dates, rain_of or {})
    below = out["value"] < out["low_mark"]
    known = np.isfinite(out["value"]) & np.isfinite(out["low_mark"])
    out["rain_on_low_water"] = np.where(known, np.where(below, out["rain_3d"], 0.0 * out["rain_3d"]), np.nan)
    return dataset(out, "gauge_id", ids, dates)


def levels_of(gauges: Mapping[str, Revisions], quantity: str) -> Levels:
    """Levels of gauges in one quantity, of which at least one has some."""
    first = min(int(rows.day[0]) for rows in gauges.values() if rows.day.size)
    return Levels(lambda dates, days: windows_of(gauges, dates, days, quantity), first)


def level_statistics(
    levels: Levels,
    dates: Dates,
    alarm_levels_m: FloatArray | None = None,
    *,
    discharge: bool = False,
) -> dict[str, FloatArray]:
    """Those of the :data:`STATISTICS` that a level alone tells, of gauges or of places between them.

    Parameters
    ----------
    levels
        Windows of the level.
    dates
        Dates, shape (as_of,).
    alarm_levels_m
        Stages of alarm 1 to 3, NaN where there are none, shape (place, 3).
    discharge
        True where levels are discharges; their logarithms and ratios have a meaning.

    Returns
    -------
    dict
        Name -> values, shape (place, as_of) or (place, as_of, span or alarm).
    """
    dates = as_of_index(dates)
    months = months_of(levels, days_of(dates))
    climate = cache(lambda first: climate_before(levels, first))
    parts = []
    for start in range(0, len(dates), _CHUNK):  # windows of all dates at once would need gigabytes
        these = slice(start, start + _CHUNK)
        window = levels.windows(dates[these], _WINDOW).to_numpy()
        some = Months(months.low[:, these], months.high[:, these])
        parts.append(_of_windows(window, days_of(dates[these]), some, climate, alarm_levels_m, discharge))
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in (parts[0] if parts else {})}


def _of_windows(
    window: FloatArray,
    today: IntArray,
    months: Months,
    climate: Callable[[int], Climate],
    alarm_levels_m: FloatArray | None,
    discharge: bool,
) -> dict[str, FloatArray]:
    there = np.isfinite(window)
    known = there.any(axis=2)
    newest = there.argmax(axis=2)
    fresh = known & (newest <= MAX_AGE_DAYS)
    value = np.where(fresh, _at(window, newest), np.nan)
    out = {"value": value, "age_days": np.where(known, newest, np.nan)}
    before = _at(window, newest[..., np.newaxis] + np.arange(max(SPANS) + 1))
    out["change"] = value[..., np.newaxis] - before[..., 1:]
    steps = before[..., :-1] - before[..., 1:]
    enough = fresh & (np.isfinite(steps).sum(axis=2) >= MIN_COMPLETE * steps.shape[2])
    out["fastest_rise"] = np.where(enough, np.nan_to_num(steps).max(axis=2).clip(min=0), np.nan)
    out["fastest_fall"] = np.where(enough, (-np.nan_to_num(steps)).max(axis=2).clip(min=0), np.nan)
    for name, month in (("water_year_month", months.low), ("low_water_year_month", months.high)):
        out[name] = np.where(month > 0, month, np.nan).astype(float)

    scene = _Scene(window, today, np.where(known, today - newest, -1), value)
    out |= _low_water(scene, months, climate)
    out |= _flood(scene, months, climate, discharge)
    out |= _usual(scene, months, climate)
    out |= _alarms(scene, months, np.full((window.shape[0], 3), np.nan) if alarm_levels_m is None else alarm_levels_m)
    return out


class _Scene(NamedTuple):
    """Windows of places on dates and what is at hand of them."""

    window: FloatArray  # (place, as_of, age)
    today: IntArray  # days since 1970, (as_of,)
    newest: IntArray  # newest usable day, -1 where there is none, (place, as_of)
    value: FloatArray  # its level where it is a present one, (place, as_of)


class _Span(NamedTuple):
    """Part of each window between two days, the end left out."""

    start: IntArray  # (place, as_of)
    inside: BoolArray  # (place, as_of, age); only days that are there
    enough: BoolArray  # (place, as_of); MIN_COMPLETE of the days


def _span(scene: _Scene, start: IntArray, end: IntArray | None = None) -> _Span:
    """Part of the windows from ``start`` to ``end``, or so far; a delay of some days at the end is no gap then."""
    age = np.arange(scene.window.shape[2])
    last_age = 0 if end is None else scene.today - end + 1
    until = np.maximum(scene.newest, scene.today - MAX_AGE_DAYS) + 1 if end is None else end
    inside = (age <= (scene.today - start)[..., np.newaxis]) & (age >= np.asarray(last_age)[..., np.newaxis])
    inside &= np.isfinite(scene.window)
    count = inside.sum(axis=2)
    return _Span(start, inside, (count > 0) & (count >= MIN_COMPLETE * (until - start)))


def _extreme(scene: _Scene, span: _Span, *, highest: bool) -> tuple[FloatArray, IntArray]:
    """Highest or lowest day of a span, the first of several, and its age; NaN and 0 where it has no day."""
    sign = 1.0 if highest else -1.0
    ordered = np.where(span.inside, sign * scene.window, -np.inf)[..., ::-1]
    some = span.inside.any(axis=2)
    age = np.where(some, scene.window.shape[2] - 1 - ordered.argmax(axis=2), 0)
    return np.where(some, _at(scene.window, age), np.nan), age


def _first(mask: BoolArray) -> tuple[BoolArray, IntArray]:
    """Whether any day of each window is marked, and the age of the first one."""
    return np.asarray(mask.any(axis=2)), mask.shape[2] - 1 - mask[..., ::-1].argmax(axis=2)


def _past(start: IntArray, month: IntArray, climate: Callable[[int], Climate]) -> tuple[FloatArray, FloatArray]:
    """Quantiles (place, as_of, 6) and highest days (place, as_of, year) of the climate before each year's start."""
    places = np.arange(start.shape[0])[:, np.newaxis]
    firsts = np.unique(start[month > 0])
    n_years = max((climate(int(first)).highest.shape[1] for first in firsts), default=0)
    quantiles = np.full((*start.shape, len(QUANTILES)), np.nan)
    highest = np.full((*start.shape, n_years), np.nan)
    for first in firsts:
        mine = (start == first) & (month > 0)
        whose = np.broadcast_to(places, start.shape)[mine]
        before = climate(int(first))
        quantiles[mine] = before.quantiles[whose]
        row = np.full((whose.size, n_years), np.nan)
        row[:, : before.highest.shape[1]] = before.highest[whose]
        highest[mine] = row
    return quantiles, highest


def _turn(start: IntArray, start_month: IntArray, turn_month: IntArray) -> IntArray:
    """First day after the month in which the water of a year turns."""
    months = start.astype("datetime64[D]").astype("datetime64[M]") + (turn_month - start_month) % 12 + 1
    return np.asarray(months.astype("datetime64[D]").astype(np.int64))


def _low_water(scene: _Scene, months: Months, climate: Callable[[int], Climate]) -> dict[str, FloatArray]:
    start = year_start(np.broadcast_to(scene.today, months.high.shape), months.high)
    quantiles, _ = _past(start, months.high, climate)
    mark, middle = quantiles[..., 1], quantiles[..., 2]
    running = _span(scene, start)
    low, low_age = _extreme(scene, running, highest=False)
    with np.errstate(invalid="ignore"):
        passed, passed_age = _first(running.inside & (scene.window < mark[..., np.newaxis]))
        age = np.arange(scene.window.shape[2])
        risen = (running.inside & (scene.window > middle[..., np.newaxis]) & (age < low_age[..., np.newaxis])).any(
            axis=2
        )
        over = (low < middle) & risen & (scene.newest + 1 >= _turn(start, months.high, months.low))
    told = running.enough & np.isfinite(mark)
    # The last complete low water: of the running year where that is over, else of the year before.
    before = years_before(start, 1)[..., 0]
    complete = _span(scene, before, start)
    _, before_age = _extreme(scene, complete, highest=False)
    day = np.where(over, scene.today - low_age - start, scene.today - before_age - before) + 1
    seen = (months.high > 0) & np.isfinite(mark) & np.where(over, running.enough, complete.enough)
    low = np.where(running.enough, low, np.nan)
    return {
        "low_mark": mark,
        "low_mark_passed": np.where(told, passed, np.nan),
        "days_since_low_mark": np.where(told & passed, passed_age, np.nan),
        "season_low": low,
        "days_since_low": np.where(running.enough, low_age, np.nan),
        "above_low": scene.value - low,
        "low_water_day": np.where(seen, day, np.nan),
    }


def _flood(scene: _Scene, months: Months, climate: Callable[[int], Climate], discharge: bool) -> dict[str, FloatArray]:
    start = year_start(np.broadcast_to(scene.today, months.low.shape), months.low)
    quantiles, highest = _past(start, months.low, climate)
    middle, upper = quantiles[..., 2], quantiles[..., 3]
    running = _span(scene, start)
    season_peak, season_age = _extreme(scene, running, highest=True)
    age = np.arange(scene.window.shape[2])
    with np.errstate(invalid="ignore"):
        low = np.isfinite(scene.window) & (scene.window < middle[..., np.newaxis])
        fallen = (running.inside & low & (age < season_age[..., np.newaxis])).any(axis=2)
        over = (season_peak > upper) & fallen & (scene.newest + 1 >= _turn(start, months.low, months.high))
    # The last complete flood: of the running water year where that is over, else of the year before.
    before = years_before(start, 1)[..., 0]
    complete = _span(scene, before, start)
    before_peak, before_age = _extreme(scene, complete, highest=True)
    seen = (months.low > 0) & np.isfinite(middle) & np.where(over, running.enough, complete.enough)
    peak = np.where(seen, np.where(over, season_peak, before_peak), np.nan)
    peak_age = np.where(over, season_age, before_age)
    inside = np.where(over[..., np.newaxis], running.inside, complete.inside)
    with np.errstate(invalid="ignore"):
        high_days = (inside & (scene.window > upper[..., np.newaxis])).sum(axis=2)
    if highest.shape[2]:
        # Where the running year's flood is not over, the last one is that of the year before: no earlier one.
        highest[..., 0] = np.where(over, highest[..., 0], np.nan)
    earlier = np.isfinite(highest).sum(axis=2)
    ranked = np.isfinite(peak) & (earlier >= MIN_PEAKS)
    season_peak = np.where(running.enough, season_peak, np.nan)
    out = {
        "high_mark": quantiles[..., 4],
        "range_usual": quantiles[..., 5] - quantiles[..., 0],
        "season_peak": season_peak,
        "days_since_season_peak": np.where(running.enough, season_age, np.nan),
        "drawdown": season_peak - scene.value,
        "flood_peak": peak,
        "days_since_peak": np.where(np.isfinite(peak), peak_age, np.nan),
        "flood_peak_percentile": np.where(ranked, _rank(peak, highest), np.nan),
        "flood_days": np.where(np.isfinite(peak), high_days, np.nan),
    }
    if discharge:
        usual = row_quantiles(highest.reshape(peak.size, highest.shape[2]), (0.5,)).reshape(peak.shape)
        out["flood_peak_ratio"] = np.divide(peak, usual, out=np.full(peak.shape, np.nan), where=ranked & (usual > 0))
        out["recession_per_day"] = _recessions(scene.window, np.isfinite(peak), peak_age, inside & low, inside)
    return out


def _recessions(
    window: FloatArray, seen: BoolArray, peak_age: IntArray, low: BoolArray, inside: BoolArray
) -> FloatArray:
    """Minus the median of all pairwise slopes of ln Q (Theil 1950, Sen 1968) from each peak down to the median flow."""
    out = np.full(seen.shape, np.nan)
    slopes: dict[bytes, float] = {}  # the limb of a flood that is over is the same for months
    for place, date in zip(*np.nonzero(seen), strict=True):
        peak = peak_age[place, date]
        limb = np.where(inside[place, date, : peak + 1], window[place, date, : peak + 1], np.nan)[::-1]
        below = np.flatnonzero(low[place, date, : peak + 1][::-1])
        limb = limb[: below[0] + 1] if below.size else limb[: np.flatnonzero(np.isfinite(limb))[-1] + 1]
        key = limb.tobytes()
        if key not in slopes:
            slopes[key] = _recession(limb)
        out[place, date] = slopes[key]
    return out


def _recession(limb: FloatArray) -> float:
    day = np.flatnonzero(np.isfinite(limb) & (limb > 0))
    if day.size < MIN_LIMB_DAYS:
        return float("nan")
    log_flow = np.log(limb[day])
    i, j = np.triu_indices(day.size, 1)
    return float(-np.median((log_flow[j] - log_flow[i]) / (day[j] - day[i])))


def _usual(scene: _Scene, months: Months, climate: Callable[[int], Climate]) -> dict[str, FloatArray]:
    """Rank of the newest level among all days of the climate, and among those of the same time of the year."""
    start = year_start(np.broadcast_to(scene.today, months.low.shape), months.low)
    out = {name: np.full(start.shape, np.nan) for name in ("flow_percentile", "season_percentile", "season_anomaly")}
    asked = np.isfinite(scene.value) & (months.low > 0)
    for first in np.unique(start[asked]):
        before = climate(int(first))
        for place in range(start.shape[0]):
            mine = np.flatnonzero(asked[place] & (start[place] == first))
            if not mine.size:
                continue
            value, history = scene.value[place, mine], before.history[place]
            if np.isfinite(before.quantiles[place, 0]):
                out["flow_percentile"][place, mine] = _rank_in(value, before.ordered[place])
            centre = years_before(scene.newest[place, mine], before.highest.shape[1])
            days = (centre[..., np.newaxis] + np.arange(-SEASON_DAYS, SEASON_DAYS + 1)).reshape(mine.size, -1)
            age = first - 1 - days
            held = (age >= 0) & (age < history.size)
            sample = np.where(held, history[np.where(held, age, 0)], np.nan)
            enough = np.isfinite(sample).sum(axis=1) >= MIN_COMPLETE * MIN_YEARS * (2 * SEASON_DAYS + 1)
            middle = row_quantiles(sample, (0.5,))[:, 0]
            out["season_percentile"][place, mine] = np.where(enough, _rank(value, sample), np.nan)
            out["season_anomaly"][place, mine] = np.where(enough, value - middle, np.nan)
    return out


def _alarms(scene: _Scene, months: Months, levels: FloatArray) -> dict[str, FloatArray]:
    start = year_start(np.broadcast_to(scene.today, months.low.shape), months.low)
    running = _span(scene, start)
    lately = np.isfinite(scene.window[..., :30])
    known = np.isfinite(levels)[:, np.newaxis]
    with np.errstate(invalid="ignore"):
        reached = [scene.window >= level[:, np.newaxis, np.newaxis] for level in levels.T]
    season = np.stack([(running.inside & high).sum(axis=2) for high in reached], axis=2)
    month = np.stack([(lately & high[..., :30]).sum(axis=2) for high in reached], axis=2)
    enough = lately.sum(axis=2) >= MIN_COMPLETE * 30
    above = scene.value - levels[:, :1]
    return {
        "above_alarm": above,
        "alarm_share": above / (levels[:, 2:] - levels[:, :1]),
        "alarm_days_season": np.where(known & running.enough[..., np.newaxis], season, np.nan),
        "alarm_days_30": np.where(known & enough[..., np.newaxis], month, np.nan),
    }


def _tidal_range(ranges: FloatArray) -> FloatArray:
    """Mean range of the three days up to the newest that has one, shape (place, as_of)."""
    there = np.isfinite(ranges)
    newest = there.argmax(axis=2)
    three = _at(ranges, newest[..., np.newaxis] + np.arange(3))
    count = np.isfinite(three).sum(axis=2)
    total = np.nan_to_num(three).sum(axis=2)
    return np.divide(total, count, out=np.full(newest.shape, np.nan), where=(count >= 2) & (newest <= MAX_AGE_DAYS))


def _rain(gauges: pd.DataFrame, ids: list[str], dates: Dates, rain_of: Mapping[str, str]) -> dict[str, FloatArray]:
    window = windows_of(revisions(gauges, "rain"), dates, max(_RAINS) + MAX_AGE_DAYS, "rain").to_numpy()
    there = np.isfinite(window)
    newest = there.argmax(axis=2)
    known = there.any(axis=2)
    fresh = known & (newest <= MAX_AGE_DAYS)
    out = {"rain_age_days": np.where(known, newest, np.nan)}
    for days in _RAINS:
        last = _at(window, newest[..., np.newaxis] + np.arange(days))
        enough = fresh & (np.isfinite(last).sum(axis=2) >= MIN_COMPLETE * days)
        out[f"rain_{days}d"] = np.where(enough, np.nan_to_num(last).sum(axis=2), np.nan)
    whose = [ids.index(name) if name in ids else -1 for name in (rain_of.get(name, name) for name in ids)]
    nothing = np.full((1, len(dates)), np.nan)
    return {name: np.concatenate([values, nothing])[whose] for name, values in out.items()}


def _ahead(
    forecasts: pd.DataFrame | None, ids: list[str], dates: Dates, quantity: str, value: FloatArray
) -> dict[str, FloatArray]:
    """What the newest forecast known of each gauge says of the days to come."""
    shape = (len(ids), len(dates))
    out: dict[str, FloatArray] = {
        name: np.full((*shape, len(AHEAD)) if name == "forecast" else shape, np.nan)
        for name in STATISTICS
        if name.startswith("forecast")
    }
    if forecasts is not None:
        rows = forecasts[(forecasts["quantity"] == quantity).to_numpy(bool)]
        for gauge_id, mine in rows.groupby(rows["gauge_id"].astype(str), sort=False):
            if gauge_id in ids:
                for name, values in forecasts_ahead(mine, dates).items():
                    out[name][ids.index(str(gauge_id))] = values
    out["forecast_change"] = out["forecast_low"] - value
    return out


def dataset(values: Mapping[str, FloatArray], dim: str, names: Sequence[str], dates: Dates) -> xr.Dataset:
    """Put statistics into a dataset, dims (``dim``, as_of) and a third one where a statistic has it; units and meanings on it."""
    coords: dict[str, object] = {dim: list(names), "as_of": as_of_index(dates)}
    coords |= {extra: list(numbers) for extra, numbers in _EXTRA.values()}
    variables = {
        name: (
            (dim, "as_of", _EXTRA[name][0]) if name in _EXTRA else (dim, "as_of"),
            numbers,
            {"units": STATISTICS[name][0], "long_name": STATISTICS[name][1]},
        )
        for name, numbers in values.items()
    }
    return xr.Dataset(variables, coords=coords)


def _nothing(ids: Sequence[str], dates: pd.DatetimeIndex) -> dict[str, FloatArray]:
    shape = (len(ids), len(dates))
    return {name: np.full((*shape, len(_EXTRA[name][1])) if name in _EXTRA else shape, np.nan) for name in STATISTICS}


def _usable_on(gauges: Mapping[str, Revisions], dates: Dates) -> BoolArray:
    """Whether any usable value of each gauge could be had on each date, shape (gauge_id, as_of)."""
    since = [rows.known_from[np.isfinite(rows.value)].min(initial=np.iinfo(np.int64).max) for rows in gauges.values()]
    return np.asarray(np.array(since, np.int64)[:, np.newaxis] <= instants(dates))


def _at(window: FloatArray, age: IntArray) -> FloatArray:
    """Values at ages, shape (place, as_of) or (place, as_of, n); beyond the window the oldest one."""
    age = np.minimum(age, window.shape[2] - 1)
    if age.ndim == 2:
        return np.take_along_axis(window, age[..., np.newaxis], axis=2)[..., 0]
    return np.take_along_axis(window, age, axis=2)


def _rank(value: FloatArray, others: FloatArray) -> FloatArray:
    """Share of the others (last axis, NaN for none) that are lower, ties count half."""
    with np.errstate(invalid="ignore"):
        lower = (others < value[..., np.newaxis]).sum(axis=-1) + 0.5 * (others == value[..., np.newaxis]).sum(axis=-1)
        return np.asarray(lower / np.isfinite(others).sum(axis=-1))


def _rank_in(value: FloatArray, ordered: FloatArray) -> FloatArray:
    """The same of values in one sorted list."""
    lower = np.searchsorted(ordered, value, side="left")
    return np.asarray((lower + np.searchsorted(ordered, value, side="right")) / (2 * ordered.size))
