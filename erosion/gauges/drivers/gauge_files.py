"""Driver ``gauge_files``: river gauges in delimited text or Excel, one file or a folder into which a logger drops files.

Units, time zone, decimal mark and quality codes are settled here, once; behind this door a value is in m3/s, m or mm,
its time is UTC and its quality is one of four words. What cannot be read is never guessed: the value is missing or the
line is left out, and the list says which lines and why. A file is read piece by piece, so that its size does not matter;
what is closer together than ten minutes is thinned (:mod:`erosion.gauges.formats.compact`).

The header is the first row that holds every column that the entry names; what stands above it is not read. Text files of
the Global Runoff Data Centre need no driver of their own: delimiter ``;``, encoding ``latin-1``, missing ``-999.000``, time
column ``YYYY-MM-DD``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import hashlib
import os
import time as clocks
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.config.gauges import DISCHARGE_UNITS, QUALITY_WORDS, RAIN_UNITS, STAGE_UNITS, GaugeFiles
from erosion.core.contracts import in_utc
from erosion.core.errors import Skipped, SourceError
from erosion.core.folder import files_in, unused_in
from erosion.gauges.formats.cells import NO_TIME, instants, numbers, with_clock
from erosion.gauges.formats.compact import WORDS, Compact, Values, all_of, as_reading
from erosion.gauges.formats.reading import Asked, Reading, joined
from erosion.gauges.formats.rows import EXCEL, Notes, cell_text, rows

MAX_UNREADABLE: Final = 0.5
"""Where more than this share of a column cannot be read, the column map is wrong and not the values."""

UNFINISHED_S: Final = 3600.0
"""A file of a folder whose last line has no end waits until nothing has been added for so many seconds."""

_QUANTITIES: Final = {
    "discharge_m3s": ("discharge", DISCHARGE_UNITS),
    "stage_m": ("stage", STAGE_UNITS),
    "rain_mm": ("rain", RAIN_UNITS),
}
_AT_ONCE: Final = 1000  # rows
_BLOCK: Final = 50_000  # rows that are turned into numbers together
_MOST_ABOVE_HEADER: Final = 300  # rows
_DELIMITERS: Final = {",": '","', ";": '";"', "\t": '"\\t"', "|": '"|"'}


def read(source: GaugeFiles, asked: Asked) -> Reading:
    """Read the values of one gauge.

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
    values = _read_file(source, source.path, notes)
    if values is None:
        why = "".join(f"; {item.reason}" for item in notes.skipped)
        raise SourceError(f"{source.path}: has a header and no values; fetch it again{why}")
    return Reading(_table(values), tuple(notes.skipped))


def code_text(code: object) -> str:
    """A quality code as one text: 1, "1" and "1.0" are the same code."""
    text = str(code).strip()
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


# --- one file ----------------------------------------------------------------------------------------------------------


def _wanted(source: GaugeFiles) -> dict[str, str]:
    """Mapped columns: key -> name in the file."""
    times = {"time" if i == 0 else "clock": name for i, name in enumerate(source.columns.time)}
    others = {key: getattr(source.columns, key) for key in (*_QUANTITIES, "quality")}
    return times | {key: name for key, name in others.items() if name is not None}


class _Unreadable:
    """How much of each column could not be read, for a judgement when the whole file has been seen."""

    def __init__(self) -> None:
        self._bad: dict[str, tuple[list[int], list[str]]] = {}

    def add(self, key: str, bad: NDArray[np.bool_], told: int, cells: Sequence[Any]) -> list[str]:
        """Count, and return samples of the bad cells."""
        (count, samples) = self._bad.setdefault(key, ([0, 0], []))
        count[0] += int(bad.sum())
        count[1] += told
        some = [cell_text(cells[i]) for i in np.flatnonzero(bad)[:50]]
        samples += some[: 3 - len(samples)]
        return some

    def refuse_if_most(self, key: str, source: GaugeFiles, path: Path, what: str) -> None:
        (bad, told), samples = self._bad.get(key, ([0, 0], []))
        if told and bad / told > MAX_UNREADABLE:
            shown = ", ".join(repr(text[:40]) for text in samples)
            if any(text.startswith("=") for text in samples):
                what += "; formulas have no results until Excel has computed and saved them"
            raise SourceError(
                f"{path}: column {_wanted(source)[key]!r} (columns.{'time' if key == 'clock' else key} in "
                f"{source.described_in}): {bad / told:.0%} of its cells, e.g. {shown}, are no {what}"
            )


def _read_file(source: GaugeFiles, path: Path, notes: Notes) -> dict[str, Values] | None:
    """Read one file: quantity -> values; None where there is a header and nothing below it."""
    wanted = _wanted(source)
    kept = {quantity: Compact(quantity, notes) for key, (quantity, _) in _QUANTITIES.items() if key in wanted}
    unreadable = _Unreadable()
    seen = full = dates = texts = False
    with contextlib.closing(
        rows(
            path,
            notes,
            encoding=source.encoding,
            delimiter=source.delimiter,
            sheet=source.sheet,
            entry=source.described_in,
        )
    ) as every:
        places = _find_header(every, source, path)
        for lines, cells in _blocks(every, places, wanted, path, notes):
            seen = True
            full |= lines.size > 0
            at = cells["time"]
            if "clock" in cells:
                at = [with_clock(day, clock) for day, clock in zip(at, cells["clock"], strict=True)]
            if path.suffix.lower() in EXCEL:
                dates |= any(isinstance(cell, dt.datetime) for cell in at)
                texts |= any(isinstance(cell, str) for cell in at)
            time, off = instants(at, source.timezone, source.time_format)
            lost = time == NO_TIME
            if lost.any():
                samples = unreadable.add("time", lost, lost.size, at)
                if (lost & ~off).any():
                    notes.add("has no readable time", lines[lost & ~off], samples)
                if off.any():
                    what = f"the clocks of {source.timezone} left this time out or showed it twice, left out"
                    notes.add(what, lines[off], [cell_text(at[i]) for i in np.flatnonzero(off)[:3]])
            else:
                unreadable.add("time", lost, lost.size, at)
            _add_values(source, cells, time, lines, kept, unreadable, notes)
    if seen and not full:
        raise SourceError(f"{path}: every line has fewer columns than the header; is 'delimiter' right?")
    if not seen:
        return None
    unreadable.refuse_if_most("time", source, path, "times; set 'time_format', e.g. '%d/%m/%Y'")
    for key in _QUANTITIES:
        unreadable.refuse_if_most(key, source, path, "numbers; check 'decimal', 'missing' and the column")
    if dates and texts:
        notes.add(
            "some times are dates and some are text: Excel makes dates of those it takes for dates and may have swapped "
            "day and month; make them all text, or all dates"
        )
    return {quantity: one.values() for quantity, one in kept.items()}


def _add_values(
    source: GaugeFiles,
    cells: Mapping[str, list[Any]],
    time: NDArray[np.int64],
    lines: NDArray[np.int64],
    kept: Mapping[str, Compact],
    unreadable: _Unreadable,
    notes: Notes,
) -> None:
    there = time != NO_TIME
    rank = _ranks(cells.get("quality"), there, source, lines, notes)
    for key, (quantity, factors) in _QUANTITIES.items():
        if key not in cells:
            continue
        value, blank, bad = numbers(cells[key], source.missing, source.decimal)
        bad &= there
        samples = unreadable.add(key, bad, int((there & ~blank).sum()), cells[key])
        if bad.any():
            notes.add(f"{key} is no number, taken as missing", lines[bad], samples)
        value = value * factors[getattr(source.units, key)]
        kept[quantity].add(time[there], value[there], rank[there], lines[there])


def _ranks(
    codes: list[Any] | None, there: NDArray[np.bool_], source: GaugeFiles, lines: NDArray[np.int64], notes: Notes
) -> NDArray[np.int8]:
    if codes is None:
        return np.full(there.size, WORDS.index("good"), dtype=np.int8)
    words = {code_text(code): WORDS.index(word) for word in QUALITY_WORDS for code in getattr(source.quality, word)}
    texts = [cell_text(code) for code in codes]
    ranks = {text: words.get(code_text(text), -1) for text in set(texts)}
    rank = np.array([ranks[text] for text in texts], dtype=np.int8)
    unknown = (rank < 0) & there
    if unknown.any():
        what = "quality code is not declared under 'quality', taken as suspect"
        notes.add(what, lines[unknown], (texts[i] for i in np.flatnonzero(unknown)))
    return np.where(rank < 0, WORDS.index("suspect"), rank).astype(np.int8)


def _plain(name: str) -> str:
    """A column name without what an eye does not see: composed or not (cp1258), broken into lines (Excel)."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _find_header(every: Iterator[tuple[int, list[Any]]], source: GaugeFiles, path: Path) -> dict[str, int]:
    """Places of the mapped columns; portals put titles above the header."""
    wanted = {key: _plain(name) for key, name in _wanted(source).items()}
    nearest: list[str] = []
    nearest_found = (0, 0)
    undivided: list[str] = []
    for _, row in islice(every, _MOST_ABOVE_HEADER):
        names = [_plain(cell_text(cell)) for cell in row]
        if set(wanted.values()) <= set(names):
            for name in wanted.values():
                if names.count(name) > 1:
                    raise SourceError(f"{path}: column {name!r} is there twice; rename one of them")
            return {key: names.index(name) for key, name in wanted.items()}
        undivided += [cell_text(cell) for cell in row if len(row) == 1]
        # A row of the most wanted columns is the header that was meant, else the first of the longest ones.
        found = (len(set(names) & set(wanted.values())), len(names))
        if found > nearest_found and not names[0].startswith("#"):
            nearest, nearest_found = names, found
    if not nearest:
        raise SourceError(f"{path}: is empty; fetch it again or take {source.name} out of the region")
    key, column = next((key, name) for key, name in wanted.items() if name not in nearest)
    close = difflib.get_close_matches(column, nearest, n=1)
    mend = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, nearest))[:500]}"
    if len(nearest) == 1:
        other = [
            text
            for mark, text in _DELIMITERS.items()
            if any(set(wanted.values()) <= set(map(_plain, line.split(mark))) for line in undivided)
        ]
        mend += f"; is 'delimiter' {source.delimiter!r} right?" + (f" {other[0]} would fit" if other else "")
    raise SourceError(
        f"{path}: has no column {column!r} (columns.{'time' if key == 'clock' else key} in {source.described_in}); {mend}"
    )


def _blocks(
    every: Iterator[tuple[int, list[Any]]],
    places: Mapping[str, int],
    wanted: Mapping[str, str],
    path: Path,
    notes: Notes,
) -> Iterator[tuple[NDArray[np.int64], dict[str, list[Any]]]]:
    """Line numbers and cells of the mapped columns, some ten thousand lines at a time."""
    need = max(places.values()) + 1
    lines: list[int] = []
    cells: dict[str, list[Any]] = {key: [] for key in places}
    begun = False
    # Few rows are alive at a time: many of them keep the garbage collector busy for longer than the reading takes.
    for part in iter(lambda: list(islice(every, _AT_ONCE)), []):
        begun = True
        short = [line for line, row in part if len(row) < need]
        if short:
            notes.add("too few columns, left out", short)
            part = [(line, row) for line, row in part if len(row) >= need]
        part = _without_headers_again(part, places, wanted, path)
        lines += [line for line, _ in part]
        for key, place in places.items():
            cells[key] += [row[place] for _, row in part]
        if len(lines) >= _BLOCK:
            yield np.array(lines, dtype=np.int64), cells
            lines, cells = [], {key: [] for key in places}
    if begun:
        yield np.array(lines, dtype=np.int64), cells


def _without_headers_again(
    block: list[tuple[int, list[Any]]], places: Mapping[str, int], wanted: Mapping[str, str], path: Path
) -> list[tuple[int, list[Any]]]:
    """Leave out headers that a logger wrote anew when it was started; one of other columns is an error."""
    place, name = places["time"], _plain(wanted["time"])
    again = [line for line, row in block if row[place] == name or row[place] == wanted["time"]]
    for line, row in block if again else ():
        if line in again and any(_plain(cell_text(row[places[key]])) != _plain(wanted[key]) for key in wanted):
            raise SourceError(
                f"{path}: line {line}: another header with the columns in another order; part the file there"
            )
    return [(line, row) for line, row in block if line not in again] if again else block


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
    """Why a file is not used yet; None where it is whole. A time that lies in the future tells of a wrong clock."""
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
    values = _read_file(source, file.path, notes)
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
    """Values of several files: of two that tell the same time the newer file stands, but nothing does not replace a value."""
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
