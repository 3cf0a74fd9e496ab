"""Grids of rain as tests make them, and the days read of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from erosion.gauges.drivers.rain_grid import RainGrid, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading

NOW = pd.Timestamp("2026-09-20", tz="UTC")


LATITUDES = np.array([10.9, 10.8, 10.7, 10.6])


LONGITUDES = np.array([105.1, 105.2, 105.3])


HERE = (105.21, 10.79)  # nearest cell: row 1, column 1


def source(path: Path, **changes: Any) -> RainGrid:
    entry: dict[str, Any] = {
        "name": "rain",
        "driver": "rain_grid",
        "title": "",
        "gauge_id": "rain_tan_chau",
        "river": "",
        "location": HERE,
        "path": path,
        "cadence_days": 1.0,
        "latency_days": 6.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "settle_s": 0.0,
        "described_in": path.with_suffix(".yaml"),
    }
    return RainGrid(**{**entry, **changes})


def grid(
    times: Any, series: Any, *, name: str = "tp", units: str = "m", dim: str = "valid_time", **attrs: Any
) -> xr.Dataset:
    """A series in the cell of the location; every other cell holds what would be noticed at once."""
    series = np.asarray(series, float)
    cells = np.full((len(series), LATITUDES.size, LONGITUDES.size), 99.0)
    cells[:, 1, 1] = series
    times = pd.DatetimeIndex(times).as_unit("ns")
    return xr.Dataset(
        {name: ((dim, "latitude", "longitude"), cells, {"units": units, **attrs})},
        {dim: times, "latitude": LATITUDES, "longitude": LONGITUDES},
    )


def put(dataset: xr.Dataset, path: Path, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.to_netcdf(path, engine=how.pop("engine", "h5netcdf"), **how)
    return path


def ask(entry: RainGrid, state: Any = None) -> Reading:
    return read(entry, Asked(None, NOW, state or {}))


def days(reading: Reading) -> dict[str, float | None]:
    assert list(reading.values.columns) == list(READING_COLUMNS)
    table = reading.values
    assert set(table["quantity"]) <= {"rain"} and set(table["member"]) <= {-1} and table["issued_at"].isna().all()
    missing = (table["quality"] == "missing").tolist()
    assert missing == table["value"].isna().tolist()
    rows = zip(table["time"], table["value"], missing, strict=True)
    return {
        f"{t:%m-%d}" + ("" if t == t.normalize() else f" {t:%H:%M}"): None if m else round(v, 6) for t, v, m in rows
    }


def hours(first: str, days: int) -> pd.DatetimeIndex:
    """Ends of every hour of so many days."""
    return pd.date_range(first, periods=24 * days, freq="h") + pd.Timedelta(hours=1)


def running(steps: Any) -> np.ndarray:
    """Sums since 00 UTC of the rain of hours, whole days."""
    return np.cumsum(np.asarray(steps, float).reshape(-1, 24), axis=1).ravel()


def wet_hours(days: int) -> np.ndarray:
    """Rain of hours in mm: on day d, (d + 1) mm in the hour that begins at 03, 2 mm at 10, and 0.5 mm in the last hour."""
    rain = np.zeros((days, 24))
    rain[:, 3], rain[:, 10], rain[:, 23] = np.arange(1, days + 1), 2.0, 0.5
    return rain.ravel()


FOUR_DAYS = {"06-01": 3.5, "06-02": 4.5, "06-03": 5.5, "06-04": 6.5}
