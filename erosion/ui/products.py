"""Read what nightly runs published: which runs there are, their layers, histories, bands, outcomes and the ledger.

Everything that comes out of a file is untrusted text. Big tables are read once for each version of a file (path and
time of change) and shared between sessions; nobody changes them. Streamlit leaves arguments whose name starts with an
underscore out of the key of a cache, so the time of change must not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import streamlit as st

from erosion.alerts import ledger
from erosion.core.contracts import QUANTITIES, TRIGGER_COLUMNS, in_utc
from erosion.publish.columns import BAND, HISTORY, LAYER
from erosion.publish.integrity import damage
from erosion.publish.listing import FILE, ListedRun, ListingError, read_listing

T = TypeVar("T")

YOUNGER_COLUMNS = ("model_level", *TRIGGER_COLUMNS)
"""Columns of a layer that runs of an older program did not publish."""

HYDROGRAPH_COLUMNS = ("gauge_id", "quantity", "kind", "day", "value", "low", "high", "doubtful", "filled")

OUTCOME_COLUMNS = ("as_of", "target", "segment_id", "level", "p_event", "retreat_observed_m", "event", "outcome")


class ProductError(RuntimeError):
    """A published file is missing or not what it should be; the message names it."""


@dataclass(frozen=True)
class Target:
    """A forecast target of a region."""

    name: str
    horizon_days: int
    threshold_m: float


@dataclass(frozen=True)
class Run:
    """One published run, as ``published.json`` lists it."""

    as_of: str
    run_id: str
    directory: Path
    degraded: bool
    model_id: str
    newest_epoch: str
    finished_at: str
    messages: tuple[str, ...]
    manifest_sha256: str | None


@dataclass(frozen=True)
class Region:
    """What one region has published."""

    name: str
    folder: Path
    title: dict[str, str]
    simulated: bool
    timezone: str
    stale_after_days: float | None
    targets: tuple[Target, ...]
    reaches: dict[str, dict[str, str]]
    """Name of each reach to its title by language."""
    runs: tuple[Run, ...]
    """Ascending by date."""


@dataclass(frozen=True)
class Reading:
    """One value of a gauge."""

    time: pd.Timestamp
    """UTC."""
    value: float
    doubtful: bool


@dataclass(frozen=True)
class Gauge:
    """One quantity of one gauge, as ``gauges.json`` tells it."""

    gauge_id: str
    title: str
    reaches: tuple[str, ...]
    """Names of the reaches it speaks for."""
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
    """Newest value that nobody doubts."""
    silent: bool
    max_age_hours: float
    cadence_days: float
    credits: tuple[tuple[str, str], ...]
    """Who is named and the licence, for each source that is shown."""
    doubts: dict[str, int]
    """What was doubted lately -> how many values."""
    forecast_at: pd.Timestamp | None
    """When the forecast that is shown was made, UTC."""

    @property
    def key(self) -> str:
        """Name of the gauge and quantity among those of a run."""
        return f"{self.gauge_id} {self.quantity}"


def root() -> Path:
    """Return the folder of products: ``EROSION_PRODUCTS``, or ``products`` here."""
    return Path(os.environ.get("EROSION_PRODUCTS") or "products")


def regions(folder: Path) -> list[str]:
    """List the regions that have published something, by name."""
    return sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))


def read_region(folder: Path) -> Region:
    """Read what a region has published.

    Raises
    ------
    ProductError
        When ``published.json`` cannot be read or lacks something; the message names the file, the key and the cure.
    """
    try:
        listing = read_listing(folder / FILE)
    except ListingError as error:
        raise ProductError(str(error)) from error
    return Region(
        name=listing["region"],
        folder=folder,
        title=listing["title"],
        simulated=listing["simulated"],
        timezone=listing["timezone"],
        stale_after_days=listing["stale_after_days"],
        targets=tuple(Target(**target) for target in listing["targets"]),
        # Runs of an older program did not list them.
        reaches={reach["name"]: reach["title"] for reach in listing.get("reaches", [])},
        runs=tuple(_run(folder, entry) for entry in listing["runs"]),
    )


def _run(folder: Path, entry: ListedRun) -> Run:
    return Run(
        as_of=entry["as_of"],
        run_id=entry["run_id"],
        directory=folder / entry["directory"],
        degraded=entry["outcome"] != "published",
        model_id=entry["model_id"],
        newest_epoch=entry["newest_epoch"],
        finished_at=entry["finished_at"],
        messages=tuple(entry["messages"]),
        manifest_sha256=entry.get("manifest_sha256"),
    )


def damaged_files(run: Run) -> list[str]:
    """Return the files of a run that are not what was published, each with what is wrong, and their folder."""
    return [f"{run.directory / name} {fault}" for name, fault in damage(run.directory, run.manifest_sha256).items()]


def last_attempt(folder: Path) -> dict[str, Any]:
    """Return what the newest run, published or not, says of itself; empty where there was none or it is unreadable."""
    try:
        return _json(folder / "last_attempt.json")
    except ProductError:
        return {}


def manifest(directory: Path) -> dict[str, Any]:
    """Return the manifest of a run; empty where it cannot be read."""
    try:
        return _json(directory / "manifest.json")
    except ProductError:
        return {}


def segments(run: Run, target: str) -> gpd.GeoDataFrame:
    """Read the segments of one target, worst first.

    Returns
    -------
    geopandas.GeoDataFrame
        Published columns, ``rank`` (1 is the worst: by level, then probability; unknown segments last) and the bank
        lines in the export CRS. Shared: never change it.

    Raises
    ------
    ProductError
        When the file is missing or broken.
    """
    path = run.directory / f"segments_{target}.parquet"
    return _segments(str(path), stamp(path))


@st.cache_resource(max_entries=12, show_spinner=False)
def _segments(path: str, changed_ns: int) -> gpd.GeoDataFrame:
    try:
        table = gpd.read_parquet(path)
        _need(table.columns, [column.name for column in LAYER if column.name not in YOUNGER_COLUMNS], path)
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    missing = {name: table["level"] if name == "model_level" else None for name in YOUNGER_COLUMNS}
    table = table.assign(**{name: value for name, value in missing.items() if name not in table})
    table = table.sort_values(["level", "p_event", "segment_id"], ascending=[False, False, True], ignore_index=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return table


def bands(run: Run, target: str) -> gpd.GeoDataFrame:
    """Read the strips of land that may be lost: ``quantile``, ``retreat_m`` and polygons in the export CRS.

    Raises
    ------
    ProductError
        When the file is missing or broken.
    """
    path = run.directory / "segments.gpkg"
    columns = ["segment_id", "quantile", "retreat_m"]
    assert set(columns) <= {column.name for column in BAND}
    try:
        table = pyogrio.read_dataframe(path, layer=f"band_{target}", columns=columns, use_arrow=True)
        _need(table.columns, columns, str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise ProductError(f"{path}: layer band_{target}: {error}") from error
    return table


def history(run: Run, segment_id: str) -> pd.DataFrame:
    """Read every measurement of one segment, oldest first; empty where there is none.

    Raises
    ------
    ProductError
        When the file is missing or broken.
    """
    path = run.directory / "history.parquet"
    return _history(str(path), stamp(path), segment_id)


@st.cache_data(max_entries=200, show_spinner=False)
def _history(path: str, changed_ns: int, segment_id: str) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.read_table(path, filters=[("segment_id", "=", segment_id)]).to_pandas()
        _need(table.columns, [column.name for column in HISTORY], path)
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    table["epoch"] = pd.to_datetime(table["epoch"])
    return table.sort_values("epoch", ignore_index=True)


def gauges(run: Run) -> tuple[Gauge, ...] | None:
    """Read what a run says of its gauges, in the order of trust; None for a run of an older program.

    Raises
    ------
    ProductError
        When the file is broken.
    """
    path = run.directory / "gauges.json"
    if not path.exists():
        return None
    content = _json(path)
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
        silent=bool(entry["silent"]),
        max_age_hours=_finite(entry["max_age_hours"]),
        cadence_days=_finite(entry["cadence_days"]),
        credits=tuple((str(source["attribution"]), str(source["licence"])) for source in entry["sources"]),
        doubts={str(name): int(count) for name, count in entry["doubts"].items()},
        forecast_at=None if forecast is None else _instant(forecast["issued_at"]),
    )


def _reading(entry: dict[str, Any] | None) -> Reading | None:
    if entry is None:
        return None
    return Reading(_instant(entry["time"]), _finite(entry["value"]), bool(entry["doubtful"]))


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


def hydrograph(run: Run, gauge: Gauge) -> pd.DataFrame:
    """Read the days of one gauge and quantity: ``HYDROGRAPH_COLUMNS``.

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
        _need(table.columns, HYDROGRAPH_COLUMNS, path)
        table["day"] = pd.to_datetime(table["day"])
        numbers = ["value", "low", "high"]
        table[numbers] = table[numbers].astype(float).replace([np.inf, -np.inf], np.nan)
        return table.astype({"gauge_id": str, "quantity": str, "kind": str, "doubtful": bool, "filled": bool})
    except (OSError, ValueError, TypeError) as error:
        raise ProductError(f"{path}: {error}") from error


def scores(folder: Path, target: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read how past runs of one target did, newest first.

    Returns
    -------
    tuple
        One row per issue date, empty where nothing could be checked yet; and what was counted how
        (``warned_from_level``, ``match_m``).

    Raises
    ------
    ProductError
        When the file is broken.
    """
    path = folder / "verification.json"
    if not path.is_file():
        return pd.DataFrame(), {}
    content = _json(path)
    try:
        table = pd.DataFrame(content["rows"])
    except (KeyError, ValueError) as error:
        raise ProductError(f"{path}: {type(error).__name__} {error}") from error
    if table.empty:
        return table, content
    _need(table.columns, ["as_of", "target", "window_end", "events", "warned", "hits", "misses", "false_alarms"], path)
    mine = table[table["target"] == target].sort_values("as_of", ascending=False, ignore_index=True)
    return mine, {name: content.get(name) for name in ("warned_from_level", "match_m")}


def outcomes(folder: Path, as_of: str, target: str) -> pd.DataFrame:
    """Read what became of every segment of a past run; empty where it could not be checked.

    Raises
    ------
    ProductError
        When the file is broken.
    """
    path = folder / "verification.parquet"
    return _outcomes(str(path), stamp(path), as_of, target) if path.is_file() else pd.DataFrame(columns=OUTCOME_COLUMNS)


@st.cache_data(max_entries=24, show_spinner=False)
def _outcomes(path: str, changed_ns: int, as_of: str, target: str) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.read_table(path).to_pandas()
        _need(table.columns, OUTCOME_COLUMNS, path)
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    table["as_of"] = pd.to_datetime(table["as_of"]).dt.strftime("%Y-%m-%d")
    return table[(table["as_of"] == as_of) & (table["target"] == target)].reset_index(drop=True)


# --- the ledger ------------------------------------------------------------------------------------------------------


def ledger_problem(folder: Path, region: str) -> str | None:
    """Return why the ledger cannot be read, None where it can or there is none."""
    try:
        _of_ledger(folder, _open_warnings, region)
    except ledger.LedgerError as error:
        return str(error)
    return None


def ledger_changes(folder: Path, run_id: str, target: str) -> pd.DataFrame | None:
    """Return how warnings of a target changed in a run, None where the ledger is missing or cannot say."""
    table = _or_none(folder, _ledger_changes, run_id)
    return None if table is None else table[table["target"] == target]


def warning_history(folder: Path, event_id: str) -> pd.DataFrame | None:
    """Return every change of a warning in order, None where the ledger is missing or does not know the warning."""
    return _or_none(folder, _warning_history, event_id)


def open_warnings(folder: Path, region: str) -> int | None:
    """Return how many warnings of a region are open now, None where the ledger is missing or cannot be read."""
    return _or_none(folder, _open_warnings, region)


def recent_runs(folder: Path, region: str) -> pd.DataFrame | None:
    """Return the newest runs of a region, failed ones too, None where the ledger is missing or cannot be read."""
    return _or_none(folder, _recent_runs, region)


@st.cache_data(max_entries=60, show_spinner=False)
def _ledger_changes(path: str, changed_ns: int, run_id: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.changes_since_previous(engine, run_id))


@st.cache_data(max_entries=200, show_spinner=False)
def _warning_history(path: str, changed_ns: int, event_id: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.history(engine, event_id))


@st.cache_data(max_entries=12, show_spinner=False)
def _open_warnings(path: str, changed_ns: int, region: str) -> int:
    return ledger.read_ledger(Path(path), lambda engine: len(ledger.open_warnings(engine, region)))


@st.cache_data(max_entries=12, show_spinner=False)
def _recent_runs(path: str, changed_ns: int, region: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.recent_runs(engine, region).drop(columns="manifest"))


def _of_ledger(folder: Path, question: Callable[[str, int, str], T], about: str) -> T | None:
    path = folder / "ledger.sqlite"
    return question(str(path), ledger_stamp(path), about) if path.is_file() else None


def _or_none(folder: Path, question: Callable[[str, int, str], T], about: str) -> T | None:
    try:
        return _of_ledger(folder, question, about)
    except ledger.LedgerError:
        return None  # every page shows ledger_problem in a banner, and the products without the ledger


def ledger_stamp(path: Path) -> int:
    """Return when the ledger last changed; SQLite writes to a file beside it first."""
    return max(stamp(path), stamp(path.with_name(f"{path.name}-wal")))


# --- small things ----------------------------------------------------------------------------------------------------


def version(run: Run, target: str) -> str:
    """Return a text that changes whenever a file of a run does: a cache key."""
    files = (run.directory / f"segments_{target}.parquet", run.directory / "segments.gpkg")
    return " ".join(f"{path}:{stamp(path)}" for path in files)


def stamp(path: Path) -> int:
    """Return the time a file last changed [ns], 0 where there is none; part of every cache key."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ProductError(f"{path}: holds no JSON object")
    return content


def _need(found: Any, wanted: Any, path: Any) -> None:
    missing = [name for name in wanted if name not in set(found)]
    if missing:
        raise ProductError(f"{path}: column {', '.join(missing)} is missing; publish the run again")
