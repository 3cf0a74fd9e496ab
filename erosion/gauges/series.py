"""All gauges of a region: fetched into the store, and read once from it as checked series with their revisions."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from filelock import FileLock, Timeout

from erosion.config.drivers import driver
from erosion.config.gauges import GaugeChecks, GaugeSource, WebGauge, on_zero, zero_of
from erosion.config.region import Region
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FORECAST_COLUMNS, check_gauges, in_utc, known_at
from erosion.core.errors import Skipped, SourceError
from erosion.gauges import store as gauge_store
from erosion.gauges.combine import combine, empty_gauges
from erosion.gauges.formats.reading import Asked, Reading
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.quality.days import SOURCE_OF

_log = logging.getLogger(__name__)

OVERLAP = pd.Timedelta(days=14)
"""A service is asked again for the last days it gave: corrections mostly come soon."""

NOT_SOONER = 0.25
"""A service is not asked again before this share of its cadence has gone by."""

AT_ONCE = 4
"""Services that are asked at the same time."""


class Fetched(NamedTuple):
    """Result of a fetch.

    Attributes
    ----------
    series
        Name of each source that was fetched to all that is kept of it now, :data:`erosion.core.contracts.SERIES_COLUMNS`.
    skipped
        What could not be had, read or kept, and why.
    """

    series: dict[str, pd.DataFrame]
    skipped: list[Skipped]


class GaugeSeries(NamedTuple):
    """The gauges of a region as known at a date, read and checked once.

    Attributes
    ----------
    values
        :data:`erosion.core.contracts.GAUGE_COLUMNS`, sorted by gauge, quantity, time and ``available_at``.
    forecasts
        :data:`erosion.core.contracts.GAUGE_FORECAST_COLUMNS`, sorted.
    skipped
        Values and days that were left out or flagged, and why. It follows from what was known at the date alone, so that
        it is the same whenever and however the gauges are read.
    unread
        What this reading found wrong: files and lines that cannot be read, what a source left out when it last answered,
        sources that hold nothing for the date. Another reading of the same values may find something else.
    """

    values: pd.DataFrame
    forecasts: pd.DataFrame
    skipped: list[Skipped]
    unread: list[Skipped]


def fetch(region: Region, store: Path, *, full: bool = False) -> Fetched:
    """Return what is kept of every source of a region, after each was asked for what is new.

    Parameters
    ----------
    region
        The region.
    store
        Directory of the store.
    full
        Ask for everything again, not only for the last days, and at once.

    Returns
    -------
    Fetched
        The series as kept now, for :func:`read`. One source that fails is listed and does not stop the others.
    """
    sources = region.gauge_sources
    if not sources:
        return Fetched({}, [])
    folder = store / region.name / "gauges"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=60), ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda source: _fetch_one(source, region, store, full), sources)
            results = list(zip(sources, found, strict=True))
    except Timeout:
        return Fetched({}, [Skipped("gauges", f"another process is at work in {folder}; what it keeps is used")])
    except OSError as error:
        reason = f"cannot write to {folder} ({error}); set EROSION_STORE to a directory that can be written"
        return Fetched({}, [Skipped("gauges", reason)])
    series: dict[str, pd.DataFrame] = {}
    skipped: list[Skipped] = []
    for source, (values, added, more) in results:
        if values is not None:
            series[source.name] = values
        if added:
            _log.info(f"{source.name}: {added} new values")
        skipped += more
    return Fetched(series, skipped)


def _fetch_one(
    source: GaugeSource, region: Region, store: Path, full: bool
) -> tuple[pd.DataFrame | None, int, list[Skipped]]:
    """Return what is kept of a source now, None where it could not be fetched; how many values are new; what is missing."""
    now = pd.Timestamp.now("UTC")
    path = gauge_store.path_of(store, region.name, source)
    try:
        kept, skipped = gauge_store.load(path, source)
        if source.left_out is not None:
            return kept.values, 0, [*skipped, source.left_out]
        pause = pd.Timedelta(days=NOT_SOONER * source.cadence_days)
        # A clock that once ran ahead must not keep a source from being asked.
        asked_just_now = kept.asked_at is not None and pd.Timedelta(0) <= now - kept.asked_at < pause
        if isinstance(source, WebGauge) and not full and asked_just_now:
            return kept.values, 0, [*skipped, *kept.skipped]
        if isinstance(source, WebGauge):
            _log.info(f"asking {source.name} ...")
        after, more = _ask(source, kept, now, full)
        gauge_store.save(path, after, source)
    except SourceError as error:
        return None, 0, [_failed(source, error)]
    except OSError as error:
        return None, 0, [Skipped(source.name, f"{path} cannot be written ({error}); what was kept is whole")]
    return after.values, len(after.values) - len(kept.values), [*skipped, *more]


def _ask(
    source: GaugeSource, kept: gauge_store.Kept, now: pd.Timestamp, full: bool = False
) -> tuple[gauge_store.Kept, list[Skipped]]:
    there = kept.values[kept.values["issued_at"].isna() & kept.values["value"].notna()]
    since = None if full or there.empty else there.groupby("quantity")["time"].max().min() - OVERLAP
    try:
        reading: Reading = driver(source.driver).read(source, Asked(since, now, {} if full else kept.state))
    except (SourceError, OSError):
        raise
    except Exception as error:
        # One driver that trips over what nobody foresaw must not cost the night the others.
        if os.environ.get("EROSION_TRACEBACK"):
            raise
        raise SourceError(f"mistake in the program: driver {source.driver}: {type(error).__name__}: {error}") from error
    after, skipped = gauge_store.absorb(kept, reading, source, now)
    left_out = [*reading.skipped, *skipped]
    return dataclasses.replace(after, skipped=tuple(left_out)), left_out


def series_of(source: GaugeSource, region: Region, store: Path) -> tuple[pd.DataFrame, list[Skipped]]:
    """Return what is kept of a source, with what its files hold beyond that; a service is not asked.

    Returns
    -------
    values : pandas.DataFrame
        :data:`erosion.core.contracts.SERIES_COLUMNS`, every revision.
    skipped : list of Skipped
        What was left out and why.

    Raises
    ------
    SourceError
        If what is kept cannot be read, or its file cannot and nothing is kept.
    """
    kept, skipped = gauge_store.load(gauge_store.path_of(store, region.name, source), source)
    if source.left_out is not None:
        return kept.values, [*skipped, source.left_out]
    if isinstance(source, WebGauge):
        if kept.asked_at is None:
            skipped.append(Skipped(source.name, "was never fetched; `erosion fetch` or a run asks it", usual=True))
        return kept.values, [*skipped, *kept.skipped]
    try:
        after, more = _ask(source, kept, _changed_at(source, kept))
    except SourceError as error:
        if kept.asked_at is None:
            raise
        return kept.values, [*skipped, _failed(source, error, "; what was kept of it is used")]
    return after.values, [*skipped, *more]


def _changed_at(source: GaugeSource, kept: gauge_store.Kept) -> pd.Timestamp:
    """Return when what a file holds beyond the store came: when it was changed, but not before the store had asked.

    The present would make two readings of one file differ.
    """
    path = getattr(source, "path", Path())
    try:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        changed = max(file.stat().st_mtime_ns for file in files)
    except (OSError, ValueError):  # the driver reports what is wrong with it
        return pd.Timestamp.now("UTC")
    at = pd.Timestamp(changed, unit="ns", tz="UTC")
    return at if kept.asked_at is None else max(at, kept.asked_at + pd.Timedelta(microseconds=1))


def _failed(source: GaugeSource, error: SourceError, more: str = "") -> Skipped:
    """The failure as a listed item; the name of the source stands before the reason anyway."""
    return Skipped(source.name, str(error).removeprefix(f"{source.name}: ") + more)


def read(
    region: Region, store: Path, as_of: pd.Timestamp | str, fetched: Mapping[str, pd.DataFrame] | None = None
) -> GaugeSeries:
    """Return every gauge value and forecast of a region that could be had at ``as_of``, with its revisions, checked.

    A gauge that cannot be read is listed and the others go on: the forecast can do without one.

    Parameters
    ----------
    region
        Region whose ``gauges`` sources are read; there may be none.
    store
        Directory of the store.
    as_of
        Date of the product.
    fetched
        ``series`` of what :func:`fetch` has just brought: these sources are not opened again.

    Returns
    -------
    GaugeSeries
    """
    sources = region.gauge_sources
    zeros = zeros_of(sources)
    unread: list[Skipped] = []
    observed: list[tuple[GaugeSource, pd.DataFrame]] = []
    forecasts: list[pd.DataFrame] = []
    for source in sources:
        if fetched is not None and source.name in fetched:
            values = fetched[source.name]
        else:
            try:
                values, more = series_of(source, region, store)
            except SourceError as error:
                unread.append(_failed(source, error))
                continue
            unread += more
        known = values[known_at(values["available_at"], pd.Timestamp(as_of))]
        if source.gives_forecasts:
            forecasts.append(_forecasts(source, known[known["issued_at"].notna()], zeros))
        mine = known[known["issued_at"].isna()]
        if len(mine):
            observed.append((source, mine))
        elif len(values):
            first = values["available_at"].min()
            # Values that came later are not known at the date: they must not make two runs of it differ.
            unread.append(
                Skipped(
                    source.name,
                    f"no value was available on {pd.Timestamp(as_of).date()}; the first value became available on {first.date()}",
                )
            )
    table, skipped = _checked(sources, observed, as_of, zeros)
    return GaugeSeries(table, _sorted(forecasts), skipped, unread)


def _checked(
    sources: Sequence[GaugeSource],
    observed: Sequence[tuple[GaugeSource, pd.DataFrame]],
    as_of: pd.Timestamp | str,
    zeros: Mapping[str, str | None],
) -> tuple[pd.DataFrame, list[Skipped]]:
    """Return the observations of all sources, checked and combined to one series a gauge and quantity."""
    if not observed:
        return empty_gauges(), []
    shared = [source.gauge_id for source in sources]
    tables: list[pd.DataFrame] = []
    limits: dict[str, GaugeChecks] = {}
    for source, mine in observed:
        # Sources of one gauge are checked each on its own; a value flagged in one may be good in the other.
        own = source.gauge_id if shared.count(source.gauge_id) == 1 else f"{source.gauge_id}{SOURCE_OF}{source.name}"
        limits[own] = source.checks
        tables.append(
            pd.DataFrame(
                {
                    "gauge_id": own,
                    "quantity": mine["quantity"],
                    "time": mine["time"],
                    "available_at": mine["available_at"],
                    "value": mine["value"],
                    "qc": mine["quality"],
                    "flags": 0,
                    "source": source.name,
                }
            )
        )
    checked = check_quality(pd.concat(tables, ignore_index=True)[list(GAUGE_COLUMNS)], limits)
    checked = checked[known_at(checked["available_at"], pd.Timestamp(as_of))]
    parts = [(source, checked[checked["source"] == source.name]) for source, _ in observed]
    table, skipped = combine(parts, in_utc(as_of), zeros)
    table = table[known_at(table["available_at"], pd.Timestamp(as_of))].reset_index(drop=True)
    return check_gauges(table), skipped


def zeros_of(sources: Sequence[GaugeSource]) -> dict[str, str | None]:
    """Return the zero of the stage of every gauge, from all its entries."""
    ids = dict.fromkeys(source.gauge_id for source in sources)
    return {name: zero_of([source for source in sources if source.gauge_id == name]) for name in ids}


def _forecasts(source: GaugeSource, mine: pd.DataFrame, zeros: Mapping[str, str | None]) -> pd.DataFrame:
    """Return the forecasts of one source on the zero of its gauge; stages on another zero are left out."""
    if not on_zero(source, zeros[source.gauge_id]):
        mine = mine[mine["quantity"] != "stage"]
    value = mine["value"] + source.datum_offset_m * (mine["quantity"] == "stage")
    return mine.assign(gauge_id=source.gauge_id, value=value)[list(GAUGE_FORECAST_COLUMNS)]


def _sorted(forecasts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    parts = [part for part in forecasts if len(part)]
    if not parts:
        empty = gauge_store.empty_series().assign(gauge_id=pd.Series(dtype=object))
        return empty[list(GAUGE_FORECAST_COLUMNS)]
    key = ["gauge_id", "quantity", "issued_at", "member", "time", "available_at"]
    return pd.concat(parts, ignore_index=True).sort_values(key, kind="stable", ignore_index=True)
