"""Gauge series to what a forecast and a night may know of the river: quality, as-of values, statistics, the trigger."""

from __future__ import annotations

from erosion.hydrology.seasons import MIN_WINDOW_DAYS, STATISTICS, scene_flow, season_statistics
from erosion.hydrology.series import Days, daily, known_values

__all__ = ["MIN_WINDOW_DAYS", "STATISTICS", "Days", "daily", "known_values", "scene_flow", "season_statistics"]
