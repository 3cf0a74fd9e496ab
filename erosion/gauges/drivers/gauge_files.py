"""Driver ``gauge_files``: river gauges in delimited text or Excel, one file or a folder into which a logger drops files.

Units, time zone, decimal mark and quality codes are settled here, once: a value that is returned is in m3/s, m or mm,
its time is UTC and its quality is one of four words. What cannot be read is never guessed: the value is missing or the
line is left out, and listed with its number and why. What is closer together than ten minutes is thinned
(:mod:`erosion.gauges.formats.compact`).

Text files of
the Global Runoff Data Centre need no driver of their own: delimiter ``;``, encoding ``latin-1``, missing ``-999.000``, time
column ``YYYY-MM-DD``.
"""

from __future__ import annotations

import hashlib
import os
import time as clocks
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.core.contracts import in_utc
from erosion.core.errors import Skipped, SourceError
from erosion.core.folder import files_in, unused_in
from erosion.gauges.drivers.gauge_files_entry import GaugeFiles
from erosion.gauges.drivers.gauge_files_table import read_table
from erosion.gauges.formats.compact import Values, all_of, as_reading
from erosion.gauges.formats.reading import Asked, Reading, joined
from erosion.gauges.formats.rows import EXCEL, Notes

UNFINISHED_S: Final = 3600.0
"""A file of a folder whose last line has no end waits until nothing has been added for so many seconds."""

ENTRY: Final = GaugeFiles


def read(source: GaugeFiles, asked: Asked) -> Reading:
    """Return the values of one gauge.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted. A file gives all it has; a folder the files that are new or have changed since ``asked.state``.

    Returns
    -------
    Reading
        Discharge in m3/s, stage in m, rain in mm. Of two values of one time the one of better quality stands; of two
        that differ at equal quality the last stands and is ``suspect``; of two files the newer one stands. A text where
        a number should be is a ``missing`` value. ``skipped`` lists lines and values that were left out or flagged, with
        line numbers, and why.

    Raises
    ------
    SourceError
        Where a file cannot be read, a column is missing, or most of a column is no time or no number; of a folder where
        there is no file in it, or none can be read.
    """
    if source.path.is_dir():
        return _read_folder(source, asked)
    if not source.path.exists():
        raise SourceError(
            f"{source.path} is not there: bring {source.brought} to that place, or take {source.name} out of the "
            "region's gauges"
        )
    notes = Notes(source.path.name)
    values = read_table(source, source.path, notes)
    if values is None:
        why = "".join(f"; {item.reason}" for item in notes.skipped)
        raise SourceError(f"{source.path}: has a header and no values; fetch it again{why}")
    return Reading(_table(values), tuple(notes.skipped))


def _table(values: Mapping[str, Values]) -> pd.DataFrame:
    return joined([as_reading(quantity, one) for quantity, one in values.items()])


# --- a folder ----------------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A file of the folder."""

    name: str
    path: Path
    size: int
    mtime_ns: int


def _read_folder(source: GaugeFiles, asked: Asked) -> Reading:
    before: Mapping[str, Any] = asked.state.get("files", {})
    found, skipped = _find_files(source)
    if not found and not before:
        raise SourceError(
            f"{source.path}: holds no file like {source.files!r}; check 'path' and 'files' in {source.described_in}"
            + "".join(f"; {item.scene}: {item.reason}" for item in skipped[:3])
        )
    gone = sorted(set(before) - {file.name for file in found})
    if gone:
        what = f"{', '.join(gone[:3])}{' and others' if len(gone) > 3 else ''}: no longer there, the values are kept"
        skipped.append(Skipped(source.name, what, usual=True))

    state: dict[str, Any] = {}
    read: dict[str, tuple[_Found, dict[str, Values]]] = {}
    broken: list[Skipped] = []
    for file in found:
        known = before.get(file.name)
        if known and (known["size"], known["mtime_ns"]) == (file.size, file.mtime_ns):
            state[file.name] = known
            continue
        waits = _still_written(file, source.settle_s)
        if waits is not None:
            skipped.append(Skipped(file.name, f"{waits}; it is taken the next time", usual=True))
            if known:
                state[file.name] = known
            continue
        try:
            content = _sha256(file.path)
            if known and known["sha256"] == content:
                state[file.name] = {**known, "mtime_ns": file.mtime_ns}
                continue
            values = _read_of_folder(source, file, skipped)
        except (SourceError, OSError) as err:
            broken.append(Skipped(file.name, str(err)))
            continue
        read[file.name] = (file, values)
        state[file.name] = {"size": file.size, "mtime_ns": file.mtime_ns, "sha256": content, **_span(values)}
    if broken and not read and not state:
        raise SourceError("; ".join(item.reason for item in broken[:3]))
    for file in found:
        # An older file that came late must not overrule a newer one that was read before.
        late = [state[name] for name, (other, _) in read.items() if other.mtime_ns < file.mtime_ns]
        if file.name in state and file.name not in read and any(_overlaps(state[file.name], one) for one in late):
            try:
                read[file.name] = (file, _read_of_folder(source, file, []))
            except (SourceError, OSError) as err:
                broken.append(Skipped(file.name, str(err)))
    newest_last = sorted(read.values(), key=lambda one: (one[0].mtime_ns, one[0].name))
    merged = _merge(newest_last, skipped)
    return Reading(_table(merged), (*skipped, *broken), {"files": state})


def _find_files(source: GaugeFiles) -> tuple[list[_Found], list[Skipped]]:
    folder = source.path.resolve()
    found, skipped = [], []
    matching = files_in(source.path, source.files)
    for path in matching:
        name = path.relative_to(source.path).as_posix()
        if path.name.startswith((".", "~$")):  # what an editor or Excel holds open
            continue
        if not path.resolve().is_relative_to(folder):
            skipped.append(Skipped(name, "is a link out of the folder, left out; copy the file itself into the folder"))
            continue
        status = path.stat()
        found.append(_Found(name, path, status.st_size, status.st_mtime_ns))
    for other in unused_in(source.path, source.files, matching):
        if not other.name.startswith((".", "~$")):
            skipped.append(Skipped(other.name, other.reason, usual=True))
    return found, skipped


def _still_written(file: _Found, settle_s: float) -> str | None:
    """Return why a file is not used yet; None where it is whole. A time in the future means a wrong clock."""
    age_s = clocks.time() - file.mtime_ns / 1e9
    if abs(age_s) < settle_s:
        return f"changed {abs(age_s):.0f} s ago and may still be written"
    if abs(age_s) < UNFINISHED_S and file.path.suffix.lower() not in EXCEL and file.size:
        with file.path.open("rb") as content:
            content.seek(-min(file.size, 2), os.SEEK_END)
            if content.read().rstrip(b"\0")[-1:] not in (b"\n", b"\r"):
                return "its last line has no end and may still be written"
    return None


def _read_of_folder(source: GaugeFiles, file: _Found, skipped: list[Skipped]) -> dict[str, Values]:
    notes = Notes(file.name)
    values = read_table(source, file.path, notes)
    if values is None:
        notes.add("has a header and no values yet", usual=True)
    status = file.path.stat()
    if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
        raise SourceError(f"{file.path}: changed while it was read; it is taken the next time")
    skipped += notes.skipped
    return values or {}


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _span(values: Mapping[str, Values]) -> dict[str, str | None]:
    times = [one.time[[0, -1]] for one in values.values() if one.time.size]
    if not times:
        return {"first": None, "last": None}
    first, last = min(pair[0] for pair in times), max(pair[1] for pair in times)
    return {
        key: pd.Timestamp(int(one), unit="ns", tz="UTC").isoformat() for key, one in (("first", first), ("last", last))
    }


def _overlaps(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["first"] is None or other["first"] is None:
        return False
    return in_utc(one["first"]) <= in_utc(other["last"]) and in_utc(other["first"]) <= in_utc(one["last"])


def _merge(newest_last: Sequence[tuple[_Found, Mapping[str, Values]]], skipped: list[Skipped]) -> dict[str, Values]:
    """Values of several files: of two with the same time the newer file stands, but nothing does not replace a value."""
    merged = {}
    for quantity in dict.fromkeys(name for _, values in newest_last for name in values):
        parts = [(file.name, values[quantity]) for file, values in newest_last if quantity in values]
        every = all_of([values for _, values in parts])
        place = np.repeat(np.arange(len(parts)), [values.time.size for _, values in parts])
        order = np.lexsort((place, np.isfinite(every.value), every.time))
        every, place = every.take(order), place[order]
        stands = np.append(every.time[1:] != every.time[:-1], True) if every.time.size else np.array([], dtype=bool)
        chosen = np.repeat(np.flatnonzero(stands), np.diff(np.flatnonzero(stands), prepend=-1))
        # Ten minutes that were cut in two by the end of a file are no disagreement.
        differ = np.isfinite(every.value) & (every.value != every.value[chosen])
        differ &= (every.many == 1) & (every.many[chosen] == 1)
        for i in np.unique(place[chosen[differ]]):
            of_file = np.flatnonzero(differ & (place[chosen] == i))
            older = sorted({parts[j][0] for j in place[of_file]})
            skipped.append(
                Skipped(
                    parts[i][0],
                    f"{of_file.size} values of {quantity} differ from those of {', '.join(older[:3])}"
                    f"{' and others' if len(older) > 3 else ''}, first at "
                    f"{pd.Timestamp(int(every.time[of_file[0]]), unit='ns', tz='UTC').isoformat()}; the newer file stands",
                )
            )
        merged[quantity] = every.take(stands)
    return merged
