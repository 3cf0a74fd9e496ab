"""What the sources of gauges gave, kept with every revision: one Parquet file a source, ``<store>/<region>/gauges/<source>.parquet``.

Nothing is ever overwritten. A value that comes again with another number or another quality is a further row, known from
the moment it came; what was known on an earlier night stays as it was. When a value could first be had is decided here,
once, by one rule (:func:`absorb`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from erosion.config.gauges import GaugeSource, reading_rules
from erosion.core.contracts import QUANTITIES, SERIES_COLUMNS
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import sync
from erosion.gauges.formats.reading import READING_COLUMNS, Reading

KEY: Final = ["quantity", "issued_at", "member", "time"]
"""What makes a value; rows that share it are its revisions."""

AHEAD: Final = pd.Timedelta(days=1)
"""An observation may lie this far in the future (a clock that is wrong by hours); one farther off is left out."""

_META: Final = b"erosion"

_FORMER_SKIPPED: Final = "told"
"""Key of what was left out in files of older programs, which are still read."""


@dataclass(frozen=True)
class Kept:
    """The series of one source.

    Attributes
    ----------
    values
        :data:`erosion.core.contracts.SERIES_COLUMNS`, sorted by value and ``available_at``.
    state
        What the driver wants to remember.
    asked_at
        UTC instant at which the source last answered; None where it never did.
    """

    values: pd.DataFrame
    state: Mapping[str, Any] = field(default_factory=dict)
    asked_at: pd.Timestamp | None = None
    skipped: tuple[Skipped, ...] = ()
    """What was left out when it last answered; a service that is not asked again does not report it a second time."""


def path_of(store: Path, region: str, source: GaugeSource) -> Path:
    """Return the file of a source."""
    return store / region / "gauges" / f"{source.name}.parquet"


def load(path: Path, source: GaugeSource) -> tuple[Kept, list[Skipped]]:
    """Return what is kept of a source.

    Returns
    -------
    kept : Kept
        Empty where nothing is kept, or where what is kept was read by other rules (another unit, column, zone, station)
        than the entry now has.
    skipped : list of Skipped
        The latter, where it is so.

    Raises
    ------
    SourceError
        If the file is there and cannot be read.
    """
    if not path.is_file():
        return Kept(empty_series()), []
    try:
        file = pq.read_table(path)
        meta = json.loads(file.schema.metadata[_META])
        values = file.to_pandas()[list(SERIES_COLUMNS)]
        asked_at = pd.Timestamp(meta["asked_at"])
        state = meta["state"]
        left_out = tuple(Skipped(*item) for item in meta["skipped" if "skipped" in meta else _FORMER_SKIPPED])
        rules = meta["rules"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{path}: what was kept of {source.name} cannot be read ({error}); put back a copy, or move the file away to begin "
            "anew without earlier revisions"
        ) from error
    if rules != _digest(source):
        reason = f"was kept by other rules than {source.described_in.name} has now; its series begins anew"
        return Kept(empty_series()), [Skipped(source.name, reason, usual=True)]
    return Kept(values, state, asked_at, left_out), []


def save(path: Path, kept: Kept, source: GaugeSource) -> None:
    """Write a series in place of what was there; a file of other rules is moved aside and stays.

    Raises
    ------
    OSError
        If it cannot be written; what was there is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    assert kept.asked_at is not None
    meta = {
        "asked_at": kept.asked_at.isoformat(),
        "state": dict(kept.state),
        "skipped": [list(item) for item in kept.skipped],
        "rules": _digest(source),
    }
    table = pa.Table.from_pandas(kept.values, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _META: json.dumps(meta).encode()})
    temporary = path.with_name(f".{path.name}.new")
    pq.write_table(table, temporary, compression="zstd")
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    if path.is_file():
        old = (pq.read_schema(path).metadata or {}).get(_META)
        rules = json.loads(old)["rules"] if old else "unknown"
        if rules != _digest(source):
            path.replace(_unused(path.with_name(f"{path.stem}.{rules[:8]}.parquet.old")))
    temporary.replace(path)
    sync(path.parent)


def _unused(path: Path) -> Path:
    """Return a path that nothing has: what was put aside before is not written over."""
    tries = (path if n == 1 else path.with_name(f"{path.stem}.{n}{path.suffix}") for n in itertools.count(1))
    return next(one for one in tries if not one.exists())


def absorb(kept: Kept, reading: Reading, source: GaugeSource, now: pd.Timestamp) -> tuple[Kept, list[Skipped]]:
    """Return what is kept of a source with what it gave added.

    Parameters
    ----------
    kept
        What is kept; not changed.
    reading
        What the driver gave.
    source
        The entry, for datum and latency.
    now
        UTC instant of the reading.

    Returns
    -------
    kept : Kept
        The same rows and, after them, those that are new or another than the newest revision.
    skipped : list of Skipped
        Observations that lie in the future.

    Notes
    -----
    A value could first be had ``latency_days`` after its time (a forecast: after it was issued), by its entry, and at the
    latest when it came. Two cases are known better. A value that should have been there when the source was last asked, and was
    not, came late: it is known from ``now`` on. A value other than the one kept is a correction, known from ``now`` on. What lies before
    the first value kept is no late arrival but an older part of the record, and counts as the first reading does.
    """
    new = reading.values[list(READING_COLUMNS)]
    now = now.as_unit("ns")
    observed = new["issued_at"].isna()
    ahead = (observed & (new["time"] > now + AHEAD)).to_numpy()
    skipped = []
    if ahead.any():
        first = new.loc[ahead, "time"].min()
        reason = f"{int(ahead.sum())} values lie in the future, the first on {first:%Y-%m-%d %H:%M} UTC; is the clock or the time zone right?"
        skipped.append(Skipped(source.name, reason))
        new = new[~ahead]
    newest = kept.values.drop_duplicates(KEY, keep="last")
    merged = new.merge(
        newest[[*KEY, "value", "quality", "available_at"]],
        on=KEY,
        how="left",
        suffixes=("", "_kept"),
        indicator="known",
    )
    is_new = (merged["known"] == "left_only").to_numpy()
    same = np.isclose(merged["value"], merged["value_kept"], rtol=1e-9, atol=1e-9, equal_nan=True)
    corrected = ~is_new & ~(same & (merged["quality"] == merged["quality_kept"]).to_numpy())

    base = merged["issued_at"].where(merged["issued_at"].notna(), merged["time"])
    expected = base + pd.Timedelta(days=source.latency_days)
    late = pd.Series(False, merged.index)
    if kept.asked_at is not None:
        begun = kept.values.groupby("quantity")["time"].min()
        start = pd.Series(begun.reindex(merged["quantity"]).array, merged.index)
        late = (expected <= kept.asked_at) & (merged["time"] >= start)
    available = expected.where(expected < now, now).mask(late, now)
    available = available.where(available >= base, base)
    # A correction is known after what it corrects, also where that one lies ahead of a slow clock.
    after = merged["available_at"] + pd.Timedelta(microseconds=1)
    available = available.mask(corrected, after.where(after > now, now))
    merged["available_at"] = available
    added = merged[is_new | corrected]
    rows = added[list(READING_COLUMNS)].assign(
        unit=added["quantity"].map({name: unit for name, (unit, _) in QUANTITIES.items()}),
        datum=np.where(added["quantity"] == "stage", source.datum or "", ""),
        available_at=added["available_at"],
        source=source.name,
    )
    parts = [part for part in (kept.values, rows[list(SERIES_COLUMNS)]) if len(part)]
    values = pd.concat(parts, ignore_index=True) if parts else empty_series()
    values = values.sort_values([*KEY, "available_at"], kind="stable", ignore_index=True)
    return dataclasses.replace(kept, values=values, state=dict(reading.state), asked_at=now), skipped


def empty_series() -> pd.DataFrame:
    """Return a series without rows, with the types of a full one."""
    instants = pd.DatetimeIndex([], tz="UTC").as_unit("ns")
    types: dict[str, Any] = {"value": np.array([], float), "member": np.array([], "int16")}
    types |= dict.fromkeys(("time", "available_at", "issued_at"), instants)
    return pd.DataFrame({name: types.get(name, np.array([], dtype=object)) for name in SERIES_COLUMNS})


def _digest(source: GaugeSource) -> str:
    return hashlib.sha256(repr(sorted(reading_rules(source).items())).encode()).hexdigest()
