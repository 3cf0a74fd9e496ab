"""Gauge series to what a forecast and a night may know of the river: quality, as-of values, statistics, the trigger."""

from __future__ import annotations

from erosion.hydrology.seasons import MIN_WINDOW_DAYS, scene_flow
from erosion.hydrology.series import known_values
from erosion.hydrology.statistics import STATISTICS, statistics
from erosion.hydrology.windows import Days, daily, known_ranges, known_windows

__all__ = [
    "MIN_WINDOW_DAYS",
    "STATISTICS",
    "Days",
    "daily",
    "known_ranges",
    "known_values",
    "known_windows",
    "scene_flow",
    "statistics",
]
