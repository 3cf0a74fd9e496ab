"""Low water of a season: its mark, its lowest day, what is left above it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from erosion.core.arrays import FloatArray
from erosion.gauges.statistics.climate_rank import past, turn
from erosion.gauges.statistics.parts import Windows, extreme, first_day, part_of
from erosion.gauges.statistics.seasons import Climate, Months, year_start, years_before


def low_water(windows: Windows, months: Months, climate: Callable[[int], Climate]) -> dict[str, FloatArray]:
    """Statistics of the running low-water year and of the last complete low water, shape (place, as_of)."""
    start = year_start(np.broadcast_to(windows.today, months.high.shape), months.high)
    quantiles, _ = past(start, months.high, climate)
    mark, middle = quantiles[..., 1], quantiles[..., 2]
    running = part_of(windows, start)
    low, low_age = extreme(windows, running, highest=False)
    with np.errstate(invalid="ignore"):
        passed, passed_age = first_day(running.inside & (windows.level < mark[..., np.newaxis]))
        age = np.arange(windows.level.shape[2])
        risen = (running.inside & (windows.level > middle[..., np.newaxis]) & (age < low_age[..., np.newaxis])).any(
            axis=2
        )
        over = (low < middle) & risen & (windows.newest + 1 >= turn(start, months.high, months.low))
    known = running.enough & np.isfinite(mark)
    # The last complete low water: of the running year where that is over, else of the year before.
    before = years_before(start, 1)[..., 0]
    complete = part_of(windows, before, start)
    _, before_age = extreme(windows, complete, highest=False)
    day = np.where(over, windows.today - low_age - start, windows.today - before_age - before) + 1
    seen = (months.high > 0) & np.isfinite(mark) & np.where(over, running.enough, complete.enough)
    low = np.where(running.enough, low, np.nan)
    return {
        "low_mark": mark,
        "low_mark_passed": np.where(known, passed, np.nan),
        "days_since_low_mark": np.where(known & passed, passed_age, np.nan),
        "season_low": low,
        "days_since_low": np.where(running.enough, low_age, np.nan),
        "above_low": windows.value - low,
        "low_water_day": np.where(seen, day, np.nan),
    }
