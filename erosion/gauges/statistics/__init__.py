"""Gauge series to what a forecast and a night may know of the river: quality, as-of values, statistics, the trigger."""

from __future__ import annotations

from erosion.gauges.known import known_values
from erosion.gauges.statistics.definitions import STATISTICS
from erosion.gauges.statistics.per_gauge import gauge_statistics
from erosion.gauges.statistics.seasons import MIN_WINDOW_DAYS, scene_flow
from erosion.gauges.statistics.windows import Days, daily, known_ranges, known_windows

__all__ = [
    "MIN_WINDOW_DAYS",
    "STATISTICS",
    "Days",
    "daily",
    "gauge_statistics",
    "known_ranges",
    "known_values",
    "known_windows",
    "scene_flow",
]
