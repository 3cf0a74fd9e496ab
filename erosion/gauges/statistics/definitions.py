"""Names, units and meanings of the statistics of a gauge, and the dataset that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from erosion.core.arrays import FloatArray
from erosion.gauges.statistics.forecasts import AHEAD
from erosion.gauges.statistics.windows import Dates, as_of_index

SPANS: Final = tuple(range(1, 15))
"""Days over which a change is given."""

MIN_PEAKS: Final = 5
"""Earlier years that a rank among years rests on at least."""

_AGE = "newest usable day within 10 days"
_CLIMATE = "3 complete years before the running one"
_SEASON = "80 % of the season's days so far"
_FLOOD = f"80 % of its water year, {_CLIMATE}"
_PEAKS = f"80 % of its water year, {MIN_PEAKS} complete years before it"
_RAIN = "newest day of rain within 10 days, 80 % of the days"
_AHEAD = "forecast made within 3 days"

#: name -> (unit, meaning, what it needs; NaN without). ``level`` is the unit of the gauge's level: m of a stage, m3/s of a
#: discharge. Dims are (gauge_id, as_of), and one more where there is a name in brackets.
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

EXTRA_DIM: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "change": ("span", SPANS),
    "alarm_days_season": ("alarm", (1, 2, 3)),
    "alarm_days_30": ("alarm", (1, 2, 3)),
    "forecast": ("ahead", AHEAD),
}


def dataset(values: Mapping[str, FloatArray], dim: str, names: Sequence[str], dates: Dates) -> xr.Dataset:
    """Return statistics as a dataset, dims (``dim``, as_of) and a third one where a statistic has it; units and meanings on it."""
    coords: dict[str, object] = {dim: list(names), "as_of": as_of_index(dates)}
    coords |= {extra: list(numbers) for extra, numbers in EXTRA_DIM.values()}
    variables = {
        name: (
            (dim, "as_of", EXTRA_DIM[name][0]) if name in EXTRA_DIM else (dim, "as_of"),
            numbers,
            {"units": STATISTICS[name][0], "long_name": STATISTICS[name][1]},
        )
        for name, numbers in values.items()
    }
    return xr.Dataset(variables, coords=coords)


def nothing(ids: Sequence[str], dates: pd.DatetimeIndex) -> dict[str, FloatArray]:
    """Every statistic of gauges on dates, all of it NaN."""
    shape = (len(ids), len(dates))
    return {
        name: np.full((*shape, len(EXTRA_DIM[name][1])) if name in EXTRA_DIM else shape, np.nan) for name in STATISTICS
    }
