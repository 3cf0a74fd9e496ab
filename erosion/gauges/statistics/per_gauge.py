"""Statistics of each gauge as known on each of many dates: newest level, changes, season, low water, rain, forecast.

Every number of a date is made from what was known at its end (:mod:`erosion.gauges.statistics.windows`) and from the climate of the
years before the running one as known when it began (:mod:`erosion.gauges.statistics.seasons`); later rows and revisions change no bit
of it. A statistic whose data are too few is NaN, never a guess: :data:`erosion.gauges.statistics.definitions.STATISTICS` states when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from erosion.core.arrays import NEVER, BoolArray, FloatArray
from erosion.gauges.statistics.definitions import STATISTICS, dataset, nothing
from erosion.gauges.statistics.forecasts import AHEAD, forecasts_ahead
from erosion.gauges.statistics.levels import level_statistics, levels_of
from erosion.gauges.statistics.parts import MAX_AGE_DAYS, values_at
from erosion.gauges.statistics.seasons import MIN_COMPLETE
from erosion.gauges.statistics.windows import Dates, Revisions, as_of_index, instants, revisions, windows_of

_RAINS: Final = (1, 3, 7, 30)


def gauge_statistics(
    gauges: pd.DataFrame,
    dates: Dates,
    alarm_levels: Mapping[str, Sequence[float]] | None = None,
    forecasts: pd.DataFrame | None = None,
    *,
    quantities: tuple[str, ...] = ("stage", "discharge"),
    rain_of: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Statistics of every gauge as known on every date.

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
        Gauge id -> id of the gauge whose rain is given for it; its own where it is not named.

    Returns
    -------
    xarray.Dataset
        Variables of :data:`STATISTICS`, float64, dims (gauge_id, as_of) and ``span``, ``alarm`` or ``ahead``.
    """
    dates = as_of_index(dates)
    ids = sorted(gauges["gauge_id"].astype(str).unique())
    alarms = np.array([tuple((alarm_levels or {}).get(name, (np.nan,) * 3)) for name in ids], float).reshape(-1, 3)
    out = nothing(ids, dates)
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


def _tidal_range(ranges: FloatArray) -> FloatArray:
    """Mean range of the three days up to the newest that has one, shape (place, as_of)."""
    there = np.isfinite(ranges)
    newest = there.argmax(axis=2)
    three = values_at(ranges, newest[..., np.newaxis] + np.arange(3))
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
        last = values_at(window, newest[..., np.newaxis] + np.arange(days))
        enough = fresh & (np.isfinite(last).sum(axis=2) >= MIN_COMPLETE * days)
        out[f"rain_{days}d"] = np.where(enough, np.nan_to_num(last).sum(axis=2), np.nan)
    whose = [ids.index(name) if name in ids else -1 for name in (rain_of.get(name, name) for name in ids)]
    nothing = np.full((1, len(dates)), np.nan)
    return {name: np.concatenate([values, nothing])[whose] for name, values in out.items()}


def _ahead(
    forecasts: pd.DataFrame | None, ids: list[str], dates: Dates, quantity: str, value: FloatArray
) -> dict[str, FloatArray]:
    """Return the newest forecast known of each gauge for the days to come."""
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


def _usable_on(gauges: Mapping[str, Revisions], dates: Dates) -> BoolArray:
    """Return whether any usable value of each gauge could be had on each date, shape (gauge_id, as_of)."""
    since = [rows.known_from[np.isfinite(rows.value)].min(initial=NEVER) for rows in gauges.values()]
    return np.asarray(np.array(since, np.int64)[:, np.newaxis] <= instants(dates))
