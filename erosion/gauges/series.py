"""All gauges of a region: brought into the store, and read from it as checked series with their revisions."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from erosion.config.gauges import (
    GaugeChecks,
    GaugeSource,
    Glofas,
    MrcForecast,
    OpenMeteoFlood,
    WebGauge,
    on_zero,
    zero_of,
)
from erosion.config.region import Region
from erosion.config.sources import Skipped, SourceError, load_source
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FORECAST_COLUMNS, check_gauges, in_utc, known_at
from erosion.gauges import drivers as gauges
from erosion.gauges import store as gauge_store
from erosion.gauges.combine import combine, empty_gauges
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.quality.days import SOURCE_OF

OVERLAP = pd.Timedelta(days=14)
"""A service is asked again for the last days it gave: corrections mostly come soon."""

NOT_SOONER = 0.25
"""A service is not asked again before this share of its cadence has gone by."""

FORECASTERS = (Glofas, MrcForecast, OpenMeteoFlood)
"""Sources that give forecasts beside observations."""

AT_ONCE = 4
"""Services that are asked at the same time."""


def gauge_sources(region: Region) -> list[GaugeSource]:
    """Return the entries of a region's gauges in its order, the most trusted source of a gauge first."""
    found = [load_source(name, region.path) for name in region.gauges]
    return [source for source in found if isinstance(source, GaugeSource)]


def fetch(
    region: Region, store: Path, say: Callable[[str], None] = lambda _: None, *, full: bool = False
) -> list[Skipped]:
    """Ask every source of a region for what is new and keep it.

    Parameters
    ----------
    region
        The region.
    store
        Directory of the store.
    say
        Called with a line for each source that gave something new.
    full
        Ask for everything again, not only for the last days, and at once.

    Returns
    -------
    list of Skipped
        What could not be had, read or kept, and why. One source that fails does not stop the others.
    """
    from filelock import FileLock, Timeout

    sources = gauge_sources(region)
    if not sources:
        return []
    folder = store / region.name / "gauges"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=60), ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(lambda source: _fetch_one(source, region, store, full), sources)
            results = list(zip(sources, found, strict=True))
    except Timeout:
        return [Skipped("gauges", f"another process is at work in {folder}; what it keeps is used")]
    except OSError as error:
        return [
            Skipped(
                "gauges", f"cannot write to {folder} ({error}); set EROSION_STORE to a directory that can be written"
            )
        ]
    skipped: list[Skipped] = []
    for source, (added, more) in results:
        if added:
            say(f"{source.name}: {added} new values")
        skipped += more
    return skipped


def _fetch_one(source: GaugeSource, region: Region, store: Path, full: bool) -> tuple[int, list[Skipped]]:
    now = pd.Timestamp.now("UTC")
    path = gauge_store.path_of(store, region.name, source)
    try:
        kept, skipped = gauge_store.load(path, source)
        pause = pd.Timedelta(days=NOT_SOONER * source.cadence_days)
        # A clock that once ran ahead must not keep a source from being asked.
        asked_just_now = kept.asked_at is not None and pd.Timedelta(0) <= now - kept.asked_at < pause
        if isinstance(source, WebGauge) and not full and asked_just_now:
            return 0, [*skipped, *kept.told]
        after, more = _ask(source, kept, now, full)
        gauge_store.save(path, after, source)
    except SourceError as error:
        return 0, [_failed(source, error)]
    except OSError as error:
        return 0, [Skipped(source.name, f"{path} cannot be written ({error}); what was kept is whole")]
    return len(after.values) - len(kept.values), [*skipped, *more]


def _ask(
    source: GaugeSource, kept: gauge_store.Kept, now: pd.Timestamp, full: bool = False
) -> tuple[gauge_store.Kept, list[Skipped]]:
    there = kept.values[kept.values["issued_at"].isna() & kept.values["value"].notna()]
    since = None if full or there.empty else there.groupby("quantity")["time"].max().min() - OVERLAP
    try:
        reading = gauges.read(source, gauges.Asked(since, now, {} if full else kept.state))
    except (SourceError, OSError):
        raise
    except Exception as error:
        # One driver that trips over what nobody foresaw must not cost the night the others.
        if os.environ.get("EROSION_TRACEBACK"):
            raise
        raise SourceError(f"mistake in the program: driver {source.driver}: {type(error).__name__}: {error}") from error
    after, skipped = gauge_store.absorb(kept, reading, source, now)
    told = [*reading.skipped, *skipped]
    return dataclasses.replace(after, told=tuple(told)), told


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
    if isinstance(source, WebGauge):
        if kept.asked_at is None:
            skipped.append(Skipped(source.name, "was never fetched; `erosion fetch` or a run asks it", usual=True))
        return kept.values, [*skipped, *kept.told]
    try:
        after, more = _ask(source, kept, _changed_at(source, kept))
    except SourceError as error:
        if kept.asked_at is None:
            raise
        return kept.values, [*skipped, _failed(source, error, "; what was kept of it is used")]
    return after.values, [*skipped, *more]


def _changed_at(source: GaugeSource, kept: gauge_store.Kept) -> pd.Timestamp:
    """When what a file holds beyond the store came: when it was changed, but not before the store had asked.

    The present would make two readings of one file differ.
    """
    path = getattr(source, "path", Path())
    try:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        changed = max(file.stat().st_mtime_ns for file in files)
    except (OSError, ValueError):  # the driver says what is wrong with it
        return pd.Timestamp.now("UTC")
    at = pd.Timestamp(changed, unit="ns", tz="UTC")
    return at if kept.asked_at is None else max(at, kept.asked_at + pd.Timedelta(microseconds=1))


def _failed(source: GaugeSource, error: SourceError, more: str = "") -> Skipped:
    """Say what failed; the name of the source stands before the reason anyway."""
    return Skipped(source.name, str(error).removeprefix(f"{source.name}: ") + more)


def read(region: Region, store: Path, as_of: pd.Timestamp | str) -> tuple[pd.DataFrame, list[Skipped]]:
    """Read every gauge value of a region that could be had at ``as_of``, with its revisions, checked.

    A gauge that cannot be read is listed and the others go on: the forecast can do without one.

    Parameters
    ----------
    region
        Region whose ``gauges`` sources are read; there may be none.
    store
        Directory of the store.
    as_of
        Date of the product.

    Returns
    -------
    gauges : pandas.DataFrame
        :data:`erosion.core.contracts.GAUGE_COLUMNS`, sorted by gauge, quantity, time and ``available_at``.
    skipped : list of Skipped
        Lines, values, days and sources that were left out or doubted, and why.
    """
    sources = gauge_sources(region)
    shared = [source.gauge_id for source in sources]
    skipped: list[Skipped] = []
    tables: list[pd.DataFrame] = []
    limits: dict[str, GaugeChecks] = {}
    read_sources: list[GaugeSource] = []
    for source in sources:
        try:
            values, more = series_of(source, region, store)
        except SourceError as error:
            skipped.append(_failed(source, error))
            continue
        skipped += more
        mine = values[values["issued_at"].isna() & known_at(values["available_at"], pd.Timestamp(as_of))]
        if mine.empty:
            if len(values):
                first = values["available_at"].min()
                skipped.append(
                    Skipped(
                        source.name,
                        f"no value was available on {pd.Timestamp(as_of).date()}; the first value became available on {first.date()}",
                    )
                )
            continue
        # Sources of one gauge are checked each on its own; what one doubts the other may know.
        own = source.gauge_id if shared.count(source.gauge_id) == 1 else f"{source.gauge_id}{SOURCE_OF}{source.name}"
        limits[own] = source.checks
        read_sources.append(source)
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
    if not tables:
        return empty_gauges(), skipped
    checked = check_quality(pd.concat(tables, ignore_index=True)[list(GAUGE_COLUMNS)], limits)
    checked = checked[known_at(checked["available_at"], pd.Timestamp(as_of))]
    parts = [(source, checked[checked["source"] == source.name]) for source in read_sources]
    table, more = combine(parts, in_utc(as_of), zeros_of(sources))
    table = table[known_at(table["available_at"], pd.Timestamp(as_of))].reset_index(drop=True)
    return check_gauges(table), [*skipped, *more]


def zeros_of(sources: Sequence[GaugeSource]) -> dict[str, str | None]:
    """Return the zero of the stage of every gauge, from all its entries."""
    ids = dict.fromkeys(source.gauge_id for source in sources)
    return {name: zero_of([source for source in sources if source.gauge_id == name]) for name in ids}


def read_forecasts(region: Region, store: Path, as_of: pd.Timestamp | str) -> pd.DataFrame:
    """Read every forecast of a region's gauges that could be had at ``as_of``.

    Returns
    -------
    pandas.DataFrame
        :data:`erosion.core.contracts.GAUGE_FORECAST_COLUMNS`, sorted. What cannot be read is told by :func:`read`.
    """
    parts = []
    zeros = zeros_of(gauge_sources(region))
    for source in gauge_sources(region):
        if not isinstance(source, FORECASTERS):
            continue
        try:
            values, _ = series_of(source, region, store)
        except SourceError:
            continue  # listed by read()
        mine = values[values["issued_at"].notna() & known_at(values["available_at"], pd.Timestamp(as_of))]
        if not on_zero(source, zeros[source.gauge_id]):
            mine = mine[mine["quantity"] != "stage"]
        value = mine["value"] + source.datum_offset_m * (mine["quantity"] == "stage")
        parts.append(mine.assign(gauge_id=source.gauge_id, value=value)[list(GAUGE_FORECAST_COLUMNS)])
    parts = [part for part in parts if len(part)]
    if not parts:
        empty = gauge_store.empty_series().assign(gauge_id=pd.Series(dtype=object))
        return empty[list(GAUGE_FORECAST_COLUMNS)]
    key = ["gauge_id", "quantity", "issued_at", "member", "time", "available_at"]
    return pd.concat(parts, ignore_index=True).sort_values(key, kind="stable", ignore_index=True)
