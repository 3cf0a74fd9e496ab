"""Series as tests of quality control make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FLAGS
from erosion.gauges.statistics import known_values

GAUGES = Path(__file__).resolve().parents[3] / "data_sources" / "datasets" / "mamore" / "gauges"


DAY = pd.Timedelta(days=1)


LATENCY = pd.Timedelta(minutes=77)  # never midnight, which stands for the end of the day


def table(
    time: pd.DatetimeIndex,
    value: np.ndarray,
    *,
    gauge_id: str = "g",
    quantity: str = "stage",
    latency: pd.Timedelta = LATENCY,
) -> pd.DataFrame:
    """Rows of good values, each available ``latency`` after its time."""
    time = (time.tz_localize("UTC") if time.tz is None else time).as_unit("ns")
    return pd.DataFrame(
        {
            "gauge_id": gauge_id,
            "quantity": quantity,
            "time": time,
            "available_at": time + latency,
            "value": np.asarray(value, float),
            "qc": "good",
            "flags": 0,
            "source": gauge_id,
        }
    )[list(GAUGE_COLUMNS)]


def wave(days: int, seed: int = 0, *, noise: float = 0.01) -> np.ndarray:
    """Daily stage of a river with one flood a year: 2 to 6 m, no step above a few centimetres."""
    day = np.arange(days)
    return 4 - 2 * np.cos(2 * np.pi * day / 365.25) + np.random.default_rng(seed).normal(0, noise, days).round(3)


def days(count: int, first: str = "2001-01-01") -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, freq="D")


def flagged(checked: pd.DataFrame, flag: str, as_of: str = "2100-01-01") -> list[str]:
    """Times, as text, of the values that carry a flag on a date."""
    known = known_values(checked, as_of)
    has = known["flags"].to_numpy() & GAUGE_FLAGS[flag] > 0
    return [str(time)[:16].replace(" 00:00", "") for time in known.loc[has, "time"]]


def dates(first: str, count: int) -> list[str]:
    return [str(day.date()) for day in pd.date_range(first, periods=count)]


# --- days ----------------------------------------------------------------------------------------------------------------


def tide(hours: int, shift: np.ndarray | float = 0.0) -> np.ndarray:
    """Hourly stage with the tides M2, S2 and K1 on a slow flood."""
    hour = np.arange(hours) + shift
    waves = (
        0.5 * np.cos(2 * np.pi * hour / 12.4206)
        + 0.2 * np.cos(hour * np.pi / 6)
        + 0.2 * np.cos(2 * np.pi * hour / 23.934)
    )
    return np.round(2 + np.arange(hours) / 2400 + waves + np.random.default_rng(1).normal(0, 0.02, hours), 2)


def hourly(count: int) -> pd.DatetimeIndex:
    return pd.date_range("2020-01-01", periods=count, freq="h")
