"""Floods: peak, duration, recession and days above alarm levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.gauges.statistics.climate_rank import past, turn
from erosion.gauges.statistics.definitions import MIN_PEAKS
from erosion.gauges.statistics.parts import Windows, extreme, part_of, rank
from erosion.gauges.statistics.seasons import MIN_COMPLETE, Climate, Months, row_quantiles, year_start, years_before

MIN_LIMB_DAYS: Final = 15


def flood(
    windows: Windows, months: Months, climate: Callable[[int], Climate], discharge: bool
) -> dict[str, FloatArray]:
    """Statistics of the running water year and of the last complete flood, shape (place, as_of)."""
    start = year_start(np.broadcast_to(windows.today, months.low.shape), months.low)
    quantiles, highest = past(start, months.low, climate)
    middle, upper = quantiles[..., 2], quantiles[..., 3]
    running = part_of(windows, start)
    season_peak, season_age = extreme(windows, running, highest=True)
    age = np.arange(windows.level.shape[2])
    with np.errstate(invalid="ignore"):
        low = np.isfinite(windows.level) & (windows.level < middle[..., np.newaxis])
        fallen = (running.inside & low & (age < season_age[..., np.newaxis])).any(axis=2)
        over = (season_peak > upper) & fallen & (windows.newest + 1 >= turn(start, months.low, months.high))
    # The last complete flood: of the running water year where that is over, else of the year before.
    before = years_before(start, 1)[..., 0]
    complete = part_of(windows, before, start)
    before_peak, before_age = extreme(windows, complete, highest=True)
    seen = (months.low > 0) & np.isfinite(middle) & np.where(over, running.enough, complete.enough)
    peak = np.where(seen, np.where(over, season_peak, before_peak), np.nan)
    peak_age = np.where(over, season_age, before_age)
    inside = np.where(over[..., np.newaxis], running.inside, complete.inside)
    with np.errstate(invalid="ignore"):
        high_days = (inside & (windows.level > upper[..., np.newaxis])).sum(axis=2)
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
        "drawdown": season_peak - windows.value,
        "flood_peak": peak,
        "days_since_peak": np.where(np.isfinite(peak), peak_age, np.nan),
        "flood_peak_percentile": np.where(ranked, rank(peak, highest), np.nan),
        "flood_days": np.where(np.isfinite(peak), high_days, np.nan),
    }
    if discharge:
        usual = row_quantiles(highest.reshape(peak.size, highest.shape[2]), (0.5,)).reshape(peak.shape)
        out["flood_peak_ratio"] = np.divide(peak, usual, out=np.full(peak.shape, np.nan), where=ranked & (usual > 0))
        out["recession_per_day"] = recessions(windows.level, np.isfinite(peak), peak_age, inside & low, inside)
    return out


def recessions(
    window: FloatArray, seen: BoolArray, peak_age: IntArray, low: BoolArray, inside: BoolArray
) -> FloatArray:
    """Recession rate from each peak down to the median flow: minus the Theil-Sen slope of ln Q."""
    out = np.full(seen.shape, np.nan)
    slopes: dict[bytes, float] = {}  # the limb of a flood that is over is the same for months
    for place, date in zip(*np.nonzero(seen), strict=True):
        peak = peak_age[place, date]
        limb = np.where(inside[place, date, : peak + 1], window[place, date, : peak + 1], np.nan)[::-1]
        below = np.flatnonzero(low[place, date, : peak + 1][::-1])
        limb = limb[: below[0] + 1] if below.size else limb[: np.flatnonzero(np.isfinite(limb))[-1] + 1]
        key = limb.tobytes()
        if key not in slopes:
            slopes[key] = recession(limb)
        out[place, date] = slopes[key]
    return out


def recession(limb: FloatArray) -> float:
    """Minus the Theil-Sen slope of ln Q over days [1/day]; NaN with fewer than :data:`MIN_LIMB_DAYS` days of flow."""
    day = np.flatnonzero(np.isfinite(limb) & (limb > 0))
    if day.size < MIN_LIMB_DAYS:
        return float("nan")
    from scipy.stats import theilslopes  # takes a second to load

    return -float(theilslopes(np.log(limb[day]), day).slope)


def alarms(windows: Windows, months: Months, levels: FloatArray) -> dict[str, FloatArray]:
    """Newest level against alarms 1 to 3, and days at or above each; ``levels`` [m] has shape (place, 3)."""
    start = year_start(np.broadcast_to(windows.today, months.low.shape), months.low)
    running = part_of(windows, start)
    lately = np.isfinite(windows.level[..., :30])
    known = np.isfinite(levels)[:, np.newaxis]
    with np.errstate(invalid="ignore"):
        reached = [windows.level >= level[:, np.newaxis, np.newaxis] for level in levels.T]
    season = np.stack([(running.inside & high).sum(axis=2) for high in reached], axis=2)
    month = np.stack([(lately & high[..., :30]).sum(axis=2) for high in reached], axis=2)
    enough = lately.sum(axis=2) >= MIN_COMPLETE * 30
    above = windows.value - levels[:, :1]
    return {
        "above_alarm": above,
        "alarm_share": above / (levels[:, 2:] - levels[:, :1]),
        "alarm_days_season": np.where(known & running.enough[..., np.newaxis], season, np.nan),
        "alarm_days_30": np.where(known & enough[..., np.newaxis], month, np.nan),
    }
