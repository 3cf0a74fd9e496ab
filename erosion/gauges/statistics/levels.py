"""Statistics that a level alone gives, of gauges or of places between them: changes, seasons, floods, alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import numpy as np

from erosion.core.arrays import FloatArray, IntArray
from erosion.gauges.statistics.climate_rank import usual
from erosion.gauges.statistics.definitions import SPANS
from erosion.gauges.statistics.flood import alarms, flood
from erosion.gauges.statistics.low_water import low_water
from erosion.gauges.statistics.parts import MAX_AGE_DAYS, Windows, values_at
from erosion.gauges.statistics.seasons import MIN_COMPLETE, Climate, Levels, Months, climate_before, months_of
from erosion.gauges.statistics.windows import Dates, Revisions, as_of_index, days_of, windows_of

_WINDOW: Final = 2 * 366 + max(SPANS)
_CHUNK: Final = 400


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
    """Those of the :data:`STATISTICS` that a level alone gives, of gauges or of places between them.

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
    value = np.where(fresh, values_at(window, newest), np.nan)
    out = {"value": value, "age_days": np.where(known, newest, np.nan)}
    before = values_at(window, newest[..., np.newaxis] + np.arange(max(SPANS) + 1))
    out["change"] = value[..., np.newaxis] - before[..., 1:]
    steps = before[..., :-1] - before[..., 1:]
    enough = fresh & (np.isfinite(steps).sum(axis=2) >= MIN_COMPLETE * steps.shape[2])
    out["fastest_rise"] = np.where(enough, np.nan_to_num(steps).max(axis=2).clip(min=0), np.nan)
    out["fastest_fall"] = np.where(enough, (-np.nan_to_num(steps)).max(axis=2).clip(min=0), np.nan)
    for name, month in (("water_year_month", months.low), ("low_water_year_month", months.high)):
        out[name] = np.where(month > 0, month, np.nan).astype(float)

    windows = Windows(window, today, np.where(known, today - newest, -1), value)
    out |= low_water(windows, months, climate)
    out |= flood(windows, months, climate, discharge)
    out |= usual(windows, months, climate)
    out |= alarms(windows, months, np.full((window.shape[0], 3), np.nan) if alarm_levels_m is None else alarm_levels_m)
    return out
