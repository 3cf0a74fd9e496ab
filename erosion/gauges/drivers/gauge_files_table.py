"""One file of driver ``gauge_files``: delimited text or Excel to the values of its columns.

The header is the first row that holds every column that the entry names; what stands above it is not read. A file is read piece
by piece, so that its size does not matter.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import difflib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from erosion.config.gauges import DISCHARGE_UNITS, RAIN_UNITS, STAGE_UNITS
from erosion.core.errors import SourceError
from erosion.gauges.drivers.gauge_files_entry import QUALITY_WORDS, GaugeFiles
from erosion.gauges.formats.cells import NO_TIME, instants, numbers, with_clock
from erosion.gauges.formats.compact import WORDS, Compact, Values
from erosion.gauges.formats.rows import EXCEL, Notes, cell_text, rows

MAX_UNREADABLE: Final = 0.5
"""Where more than this share of a column cannot be read, the column map is wrong and not the values."""

_QUANTITIES: Final = {
    "discharge_m3s": ("discharge", DISCHARGE_UNITS),
    "stage_m": ("stage", STAGE_UNITS),
    "rain_mm": ("rain", RAIN_UNITS),
}
_AT_ONCE: Final = 1000  # rows
_BLOCK: Final = 50_000  # rows that are turned into numbers together
_MOST_ABOVE_HEADER: Final = 300  # rows
_DELIMITERS: Final = {",": '","', ";": '";"', "\t": '"\\t"', "|": '"|"'}


def read_table(source: GaugeFiles, path: Path, notes: Notes) -> dict[str, Values] | None:
    """Return the values of one file.

    Parameters
    ----------
    source
        Catalogue entry: columns, units, zone, quality codes.
    path
        The file.
    notes
        Receives what was left out or flagged, with line numbers.

    Returns
    -------
    dict or None
        Quantity -> values in m, m3/s or mm; None where there is a header and nothing below it.

    Raises
    ------
    SourceError
        Where the file cannot be read, a column is missing, or most of a column is no time or no number.
    """
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


def code_text(code: object) -> str:
    """A quality code as one text: 1, "1" and "1.0" are the same code."""
    text = str(code).strip()
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _wanted(source: GaugeFiles) -> dict[str, str]:
    """Mapped columns: key -> name in the file."""
    times = {"time" if i == 0 else "clock": name for i, name in enumerate(source.columns.time)}
    others = {key: getattr(source.columns, key) for key in (*_QUANTITIES, "quality")}
    return times | {key: name for key, name in others.items() if name is not None}


class _Unreadable:
    """Share of each column that could not be read, judged when the whole file has been read."""

    def __init__(self) -> None:
        self._bad: dict[str, tuple[list[int], list[str]]] = {}

    def add(self, key: str, bad: NDArray[np.bool_], filled: int, cells: Sequence[Any]) -> list[str]:
        """Return samples of the bad cells, after they were counted."""
        (count, samples) = self._bad.setdefault(key, ([0, 0], []))
        count[0] += int(bad.sum())
        count[1] += filled
        some = [cell_text(cells[i]) for i in np.flatnonzero(bad)[:50]]
        samples += some[: 3 - len(samples)]
        return some

    def refuse_if_most(self, key: str, source: GaugeFiles, path: Path, what: str) -> None:
        (bad, filled), samples = self._bad.get(key, ([0, 0], []))
        if filled and bad / filled > MAX_UNREADABLE:
            shown = ", ".join(repr(text[:40]) for text in samples)
            if any(text.startswith("=") for text in samples):
                what += "; formulas have no results until Excel has computed and saved them"
            raise SourceError(
                f"{path}: column {_wanted(source)[key]!r} (columns.{'time' if key == 'clock' else key} in "
                f"{source.described_in}): {bad / filled:.0%} of its cells, e.g. {shown}, are no {what}"
            )


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
    """Return the rows without headers that a logger wrote anew when it was started; one of other columns is an error."""
    place, name = places["time"], _plain(wanted["time"])
    again = [line for line, row in block if row[place] == name or row[place] == wanted["time"]]
    for line, row in block if again else ():
        if line in again and any(_plain(cell_text(row[places[key]])) != _plain(wanted[key]) for key in wanted):
            raise SourceError(
                f"{path}: line {line}: another header with the columns in another order; part the file there"
            )
    return [(line, row) for line, row in block if line not in again] if again else block
