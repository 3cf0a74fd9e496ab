"""Quantiles of the years before the running one, and the rank of a level among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from erosion.core.arrays import FloatArray, IntArray
from erosion.gauges.statistics.parts import Windows, rank, rank_in
from erosion.gauges.statistics.seasons import (
    MIN_COMPLETE,
    MIN_YEARS,
    QUANTILES,
    Climate,
    Months,
    row_quantiles,
    year_start,
    years_before,
)

SEASON_DAYS: Final = 15
"""A date's usual level is that of the earlier years within so many days of the same day."""


def past(start: IntArray, month: IntArray, climate: Callable[[int], Climate]) -> tuple[FloatArray, FloatArray]:
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


def turn(start: IntArray, start_month: IntArray, turn_month: IntArray) -> IntArray:
    """First day after the month in which the water of a year turns."""
    months = start.astype("datetime64[D]").astype("datetime64[M]") + (turn_month - start_month) % 12 + 1
    return np.asarray(months.astype("datetime64[D]").astype(np.int64))


def usual(windows: Windows, months: Months, climate: Callable[[int], Climate]) -> dict[str, FloatArray]:
    """Rank of the newest level among all days of the climate, and among those of the same time of the year."""
    start = year_start(np.broadcast_to(windows.today, months.low.shape), months.low)
    out = {name: np.full(start.shape, np.nan) for name in ("flow_percentile", "season_percentile", "season_anomaly")}
    asked = np.isfinite(windows.value) & (months.low > 0)
    for first in np.unique(start[asked]):
        before = climate(int(first))
        for place in range(start.shape[0]):
            mine = np.flatnonzero(asked[place] & (start[place] == first))
            if not mine.size:
                continue
            value, history = windows.value[place, mine], before.history[place]
            if np.isfinite(before.quantiles[place, 0]):
                out["flow_percentile"][place, mine] = rank_in(value, before.ordered[place])
            centre = years_before(windows.newest[place, mine], before.highest.shape[1])
            days = (centre[..., np.newaxis] + np.arange(-SEASON_DAYS, SEASON_DAYS + 1)).reshape(mine.size, -1)
            age = first - 1 - days
            held = (age >= 0) & (age < history.size)
            sample = np.where(held, history[np.where(held, age, 0)], np.nan)
            enough = np.isfinite(sample).sum(axis=1) >= MIN_COMPLETE * MIN_YEARS * (2 * SEASON_DAYS + 1)
            middle = row_quantiles(sample, (0.5,))[:, 0]
            out["season_percentile"][place, mine] = np.where(enough, rank(value, sample), np.nan)
            out["season_anomaly"][place, mine] = np.where(enough, value - middle, np.nan)
    return out
