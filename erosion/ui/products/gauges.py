"""Gauges of one run and the days of their hydrographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from erosion.core.contracts import QUANTITIES, in_utc
from erosion.ui.products.reading import ProductError, read_json, require_columns, stamp
from erosion.ui.products.regions import Run

HYDROGRAPH_COLUMNS = ("gauge_id", "quantity", "kind", "day", "value", "low", "high", "suspect", "filled")

_FORMER_NAMES: Final = {"stale": "silent", "suspect": "doubtful", "flag_counts": "doubts"}
"""Keys and columns that runs of older programs publish under another name: they stay as they are and are still shown."""


@dataclass(frozen=True)
class Reading:
    """One value of a gauge."""

    time: pd.Timestamp
    """UTC."""
    value: float
    suspect: bool


@dataclass(frozen=True)
class Gauge:
    """One quantity of one gauge, as ``gauges.json`` holds it."""

    gauge_id: str
    title: str
    reaches: tuple[str, ...]
    """Names of the reaches it belongs to."""
    main_of: tuple[str, ...]
    """Those of them whose main gauge it is."""
    quantity: str | None
    """None where nothing is known of the gauge."""
    unit: str
    datum: str | None
    alarm_levels: tuple[float, ...]
    alarm_source: str | None
    last: Reading | None
    usable: Reading | None
    """Newest value that is not suspect."""
    stale: bool
    """Its newest value is older than its own rhythm allows."""
    max_age_hours: float
    cadence_days: float
    credits: tuple[tuple[str, str], ...]
    """Who is named and the licence, for each source that is shown."""
    flag_counts: dict[str, int]
    """Quality flag of the last days -> how many values."""
    forecast_at: pd.Timestamp | None
    """When the forecast that is shown was made, UTC."""

    @property
    def key(self) -> str:
        """Name of the gauge and quantity among those of a run."""
        return f"{self.gauge_id} {self.quantity}"


def read_gauges(run: Run) -> tuple[Gauge, ...] | None:
    """Return the gauges of a run, in the order of trust; None for a run of an older program.

    Raises
    ------
    ProductError
        When the file is broken.
    """
    path = run.directory / "gauges.json"
    if not path.exists():
        return None
    content = read_json(path)
    try:
        return tuple(_gauge(entry) for entry in content["gauges"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProductError(f"{path}: {type(error).__name__} {error}; run this date again") from error


def _gauge(entry: dict[str, Any]) -> Gauge:
    quantity = _text(entry["quantity"])
    if quantity is not None and quantity not in QUANTITIES:
        raise ValueError(f"quantity {quantity!r} is none of {', '.join(QUANTITIES)}")
    forecast = entry["forecast"]
    return Gauge(
        gauge_id=str(entry["gauge_id"]),
        title=str(entry["title"]),
        reaches=tuple(str(name) for name in entry["reaches"]),
        main_of=tuple(str(name) for name in entry["main_of"]),
        quantity=quantity,
        unit="" if quantity is None else QUANTITIES[quantity][0],
        datum=_text(entry["datum"]),
        alarm_levels=tuple(_finite(level) for level in entry["alarm_levels"]),
        alarm_source=_text(entry["alarm_source"]),
        last=_reading(entry["last_reading"]),
        usable=_reading(entry["last_usable"]),
        stale=bool(_of(entry, "stale")),
        max_age_hours=_finite(entry["max_age_hours"]),
        cadence_days=_finite(entry["cadence_days"]),
        credits=tuple((str(source["attribution"]), str(source["licence"])) for source in entry["sources"]),
        flag_counts={str(name): int(count) for name, count in _of(entry, "flag_counts").items()},
        forecast_at=None if forecast is None else _instant(forecast["issued_at"]),
    )


def _reading(entry: dict[str, Any] | None) -> Reading | None:
    if entry is None:
        return None
    return Reading(_instant(entry["time"]), _finite(entry["value"]), bool(_of(entry, "suspect")))


def _of(entry: dict[str, Any], key: str) -> Any:
    former = _FORMER_NAMES[key]
    return entry[former] if former in entry else entry[key]


def _instant(text: Any) -> pd.Timestamp:
    instant = in_utc(str(text))
    if pd.isna(instant):
        raise ValueError(f"{text!r} is no time")
    return instant


def _finite(value: Any) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    return number


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def read_hydrograph(run: Run, gauge: Gauge) -> pd.DataFrame:
    """Return the days of one gauge and quantity: ``HYDROGRAPH_COLUMNS``.

    Raises
    ------
    ProductError
        When the file is missing or broken.
    """
    path = run.directory / "hydrograph.parquet"
    table = _hydrograph(str(path), stamp(path))
    return table[(table["gauge_id"] == gauge.gauge_id) & (table["quantity"] == gauge.quantity)]


@st.cache_data(max_entries=24, show_spinner=False)
def _hydrograph(path: str, changed_ns: int) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.read_table(path).to_pandas()
        table = table.rename(columns={former: name for name, former in _FORMER_NAMES.items()})
        require_columns(table.columns, HYDROGRAPH_COLUMNS, path)
        table["day"] = pd.to_datetime(table["day"])
        numbers = ["value", "low", "high"]
        table[numbers] = table[numbers].astype(float).replace([np.inf, -np.inf], np.nan)
        return table.astype({"gauge_id": str, "quantity": str, "kind": str, "suspect": bool, "filled": bool})
    except (OSError, ValueError, TypeError) as error:
        raise ProductError(f"{path}: {error}") from error
