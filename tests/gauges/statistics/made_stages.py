"""Daily stages and forecasts as tests make them, and the statistics of one date."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from erosion.gauges.statistics import gauge_statistics
from tests.gauge_tables import gauge_rows

DAY = pd.Timedelta(days=1)


def daily_stage(first: str, values: Sequence[float] | np.ndarray, **how: object) -> pd.DataFrame:
    """One value a day at 07:00 of Ho Chi Minh City, known the day after."""
    return gauge_rows(pd.date_range(first, periods=len(values), tz="UTC"), values, **how)  # type: ignore[arg-type]


def again(rows: pd.DataFrame, time: str, available_at: str, value: float, qc: str = "good") -> pd.DataFrame:
    """The table with one further revision."""
    stamp, known = pd.Timestamp(time, tz="UTC"), pd.Timestamp(available_at, tz="UTC")
    row = rows[rows["time"] == stamp].iloc[:1].assign(available_at=known, value=value, qc=qc)
    return pd.concat([rows, row], ignore_index=True)


def one(gauges: pd.DataFrame, date: str, **how: object) -> xr.Dataset:
    """Statistics of the only gauge on one date."""
    return gauge_statistics(gauges, [date], **how).isel(gauge_id=0, as_of=0)  # type: ignore[arg-type]


# --- seasons ---------------------------------------------------------------------------------------------------------------


def delta_stage(years: range, until: str, *, extra: dict[str, float] | None = None) -> pd.DataFrame:
    """Lowest, 1 m, on 15 April, up in a line to the year's peak on 1 October, down in a line."""
    knots: dict[pd.Timestamp, float] = {}
    for year in years:
        knots |= {pd.Timestamp(f"{year}-04-15"): 1.0, pd.Timestamp(f"{year}-10-01"): peak_of(year)}
    knots[pd.Timestamp(f"{years.stop}-04-15")] = 1.0
    days = pd.date_range(min(knots), until)
    at = [(day - days[0]) / DAY for day in knots]
    level = pd.Series(np.interp(np.arange(days.size), at, list(knots.values())).round(9), days)
    for day, value in (extra or {}).items():
        level[day] = value
    return gauge_rows(level.index, level.to_numpy(), latency="1D")


def peak_of(year: int) -> float:
    return 4.0 + 0.1 * (year % 5)


# --- forecasts -------------------------------------------------------------------------------------------------------------


def forecast(
    issued: str, values: Sequence[float], *, member: int = -1, latency: str = "6h", first: int = 1
) -> pd.DataFrame:
    stamp = pd.Timestamp(issued, tz="UTC")
    days = stamp.normalize() + pd.to_timedelta(np.arange(first, first + len(values)), unit="D")
    rows = gauge_rows(days, values, source="ahead").drop(columns=["qc", "flags"])
    return rows.assign(available_at=stamp + pd.Timedelta(latency), issued_at=stamp, member=member)
