"""Driver ``mrc_export``: one series as the data portal of the Mekong River Commission, or another AQUARIUS portal, exports it.

Two shapes are known, distinguished by their header. The Commission's older one has columns ``Station Code``, ``Parameter``,
``Timestamp (UTC+07:00)``, ``Value``, ``Unit`` and more; its stamps end in ``Z`` although the head names another zone, and files
differ in which of the two is true. The newer one begins with lines of ``#`` that name series and unit, and its column
``ISO 8601 UTC`` is to be trusted. Both were learnt from headers that others have recorded; this driver was never tried on a
file fresh from a portal.

Data of the Commission may not be passed on without its written permission. None comes with this project: whoever is
entitled to a file brings it, and its ``__README.txt`` is not needed.

Quality: what nobody has reviewed (approval ``Raw - Not Yet Reviewed``, grade ``Unverified data``, as everything in the
Commission's portal) is ``estimated``, as provisional values of other services are; so is what is marked as estimated.
Reviewed values are ``good``, poor grades ``suspect``. The worst of the three columns stands.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray

from erosion.config.gauges import DISCHARGE_UNITS, RAIN_UNITS, STAGE_UNITS, FileGauge
from erosion.config.records import Key
from erosion.core.errors import SourceError
from erosion.gauges.formats.cells import NO_TIME, instants, numbers
from erosion.gauges.formats.compact import WORDS, Compact, as_reading
from erosion.gauges.formats.reading import Asked, Reading
from erosion.gauges.formats.rows import Notes, rows

MAX_UNREADABLE: Final = 0.5
"""Where more than this share of the times or values cannot be read, the file is not what it is taken for."""

_UTC: Final = "ISO 8601 UTC"
_LOCAL: Final = re.compile(r"Timestamp \(UTC([+-])(\d{2}):(\d{2})\)")
_OFFSET: Final = re.compile(r"[+-]\d{2}:?\d{2}$")
_QUANTITIES: Final = {
    "discharge": "discharge",
    "water level": "stage",
    "stage": "stage",
    "rainfall": "rain",
    "precipitation": "rain",
}
_UNITS: Final = {"discharge": DISCHARGE_UNITS, "stage": STAGE_UNITS, "rain": RAIN_UNITS}
_QUALITY_COLUMNS: Final = ("Observed or Estimated", "Approval Level", "Grade")
_MEANINGS: Final = {
    "Observed or Estimated": {"o": "good", "observed": "good", "e": "estimated", "estimated": "estimated"},
    "Approval Level": {
        "approved": "good",
        "reviewed": "good",
        "in review": "estimated",
        "working": "estimated",
        "provisional": "estimated",
        "raw": "estimated",
        "raw - not yet reviewed": "estimated",
    },
    "Grade": {
        "excellent": "good",
        "very good": "good",
        "good": "good",
        "fair": "good",
        "verified": "good",
        "verified data": "good",
        "estimated": "estimated",
        "unverified": "estimated",
        "unverified data": "estimated",
        "poor": "suspect",
        "suspect": "suspect",
        "unusable": "suspect",
    },
}
_NO_QUALITY: Final = ("", "undef", "undefined", "unspecified")
_DAY_NS: Final = 86_400 * 10**9
_MOST_ABOVE_HEADER: Final = 300  # lines
_AT_ONCE: Final = 1000  # rows


@dataclass(frozen=True, kw_only=True)
class MrcExport(FileGauge):
    """A CSV export of the Mekong River Commission's data portal, or of another AQUARIUS portal."""

    clock: Annotated[
        str,
        Key(
            "what its times are: local (as in the column's head, whatever the Z), utc, or auto: found from the file",
            choices=("auto", "local", "utc"),
        ),
    ] = "auto"

    @property
    def brought(self) -> str:
        """The series of the portal."""
        return "the series, exported from the portal as CSV,"


ENTRY: Final = MrcExport


def read(source: MrcExport, asked: Asked) -> Reading:
    """Return one exported series.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted; a file gives all it has.

    Returns
    -------
    Reading
        Discharge in m3/s, stage in m or rain in mm, as in the file; several readings of a day stay several. Of two
        values of one time the one of better quality stands. ``skipped`` lists which clock was taken for the times.

    Raises
    ------
    SourceError
        Where the file is no export of a portal, is of another station, or holds several series.
    """
    notes = Notes(source.path.name)
    if source.path.is_dir():
        raise SourceError(f"{source.path}: is a folder; 'path' in {source.described_in} must name the file itself")
    if not source.path.exists():
        raise SourceError(
            f"{source.path} is not there: export the series from the portal as CSV and bring it to that place, or take "
            f"{source.name} out of the region's gauges"
        )
    with contextlib.closing(
        rows(source.path, notes, encoding=None, delimiter=",", sheet=None, entry=source.described_in)
    ) as every:
        names, above = _head(every, source)
        line, table = _columns(every, names, notes)
    if not line.size:
        raise SourceError(f"{source.path}: has a header and no values; export it again with all its dates")
    quantity, factor = _what(table, above, source)
    _check_station(table, above, source, notes)

    time = _times(table, names, source, notes)
    lost = time == NO_TIME
    stamps = table[_time_column(names)]
    _judge(lost, stamps, line, "has no readable time, left out", "times", source, notes)
    value, blank, bad = numbers(table["Value"], missing=("NaN",))
    _judge(bad, table["Value"], line, "value is no number, taken as missing", "numbers", source, notes, ~blank)
    rank = _ranks(table, line, notes)
    compact = Compact(quantity, notes)
    compact.add(time[~lost], value[~lost] * factor, rank[~lost], line[~lost])
    return Reading(as_reading(quantity, compact.values()), tuple(notes.skipped))


def _head(every: Iterator[tuple[int, list[Any]]], source: MrcExport) -> tuple[list[str], dict[str, str]]:
    """Return the column names, and the lines above them on the series."""
    above: dict[str, str] = {}
    for _, row in islice(every, _MOST_ABOVE_HEADER):
        names = [cell.strip() for cell in row]
        if "Value" in names and any(name == _UTC or _LOCAL.fullmatch(name) for name in names):
            return names, above
        key, colon, text = ",".join(row).lstrip("# ").partition(":")
        if colon:
            above[key.strip().lower()] = text.strip()
    raise SourceError(
        f"{source.path}: is no export of a data portal: it has no header with a column 'Value' and a column "
        f"'Timestamp (UTC+07:00)' or {_UTC!r}; export the series as CSV, or describe the file with the driver gauge_files"
    )


def _columns(
    every: Iterator[tuple[int, list[Any]]], names: Sequence[str], notes: Notes
) -> tuple[NDArray[np.int64], dict[str, list[str]]]:
    """Line numbers and the cells of each column."""
    places = {name: names.index(name) for name in names}
    lines: list[int] = []
    table: dict[str, list[str]] = {name: [] for name in places}
    need = max(places["Value"], places[_time_column(names)]) + 1
    for part in iter(lambda: list(islice(every, _AT_ONCE)), []):
        short = [line for line, row in part if len(row) < need]
        if short:
            notes.add("too few columns, left out", short)
        full = [(line, row) for line, row in part if len(row) >= need]
        lines += [line for line, _ in full]
        for name, i in places.items():
            table[name] += [row[i].strip() if i < len(row) else "" for _, row in full]
    return np.array(lines, dtype=np.int64), table


def _time_column(names: Sequence[str]) -> str:
    return _UTC if _UTC in names else next(name for name in names if _LOCAL.fullmatch(name))


def _what(table: dict[str, list[str]], above: dict[str, str], source: MrcExport) -> tuple[str, float]:
    """Quantity of the series and the factor to its unit."""
    parts = {name: table[name] for name in ("Parameter", "Label", "Unit") if name in table}
    series = sorted(set(zip(*parts.values(), strict=True))) if parts else []
    if len(series) > 1:
        shown = "; ".join(" ".join(one) for one in series[:4])
        raise SourceError(
            f"{source.path}: holds several series ({shown}); export each to a file with an entry of its own"
        )
    columns = dict(zip(parts, series[0], strict=True)) if series else {}
    parameter = columns.get("Parameter", above.get("value parameter", ""))
    quantity = _QUANTITIES.get(parameter.lower())
    if quantity is None:
        raise SourceError(f"{source.path}: holds {parameter!r}; what can be read is {', '.join(_QUANTITIES)}")
    if quantity == "stage" and source.datum is None:
        raise SourceError(
            f"{source.path}: holds stages, which mean nothing without their zero; name it as 'datum' in {source.described_in}"
        )
    unit = columns.get("Unit", above.get("value units", ""))
    factor = _UNITS[quantity].get(unit.replace("^", "").replace("³", "3"))
    if factor is None:
        raise SourceError(f"{source.path}: {parameter} is in {unit!r}; units known are {', '.join(_UNITS[quantity])}")
    return quantity, factor


def _check_station(table: dict[str, list[str]], above: dict[str, str], source: MrcExport, notes: Notes) -> None:
    codes = sorted(set(table["Station Code"])) if "Station Code" in table else []
    if not codes:
        identifier = above.get("time-series identifier", above.get("time series identifier", ""))
        codes = [identifier.rpartition("@")[2]] if "@" in identifier else []
    own = _numbered(source.gauge_id)
    for code in codes:
        there = _numbered(code)
        if there and own and not there & own:
            raise SourceError(
                f"{source.path}: is of station {code!r}, the entry {source.name} of {source.gauge_id!r}; bring the file of "
                f"that station, or mend 'gauge_id' in {source.described_in}"
            )
    if not codes or not own or not all(_numbered(code) for code in codes):
        shown = f"station {', '.join(codes)}" if codes else "no station"
        notes.add(
            f"names {shown}, which cannot be held against gauge_id {source.gauge_id!r}; check that it is the file"
        )


def _numbered(code: str) -> set[str]:
    """Parts of a code that hold a number; a spreadsheet takes the leading zeros away."""
    return {part.lstrip("0").lower() for part in re.split(r"[\W_]+", code) if any(sign.isdigit() for sign in part)}


def _times(table: dict[str, list[str]], names: Sequence[str], source: MrcExport, notes: Notes) -> NDArray[np.int64]:
    column = _time_column(names)
    stamps = table[column]
    if column == _UTC:
        return instants(stamps, "Etc/UTC")[0]
    zone = _LOCAL.fullmatch(column)
    assert zone is not None
    offset_ns = (int(zone[2]) * 60 + int(zone[3])) * 60 * 10**9 * (-1 if zone[1] == "-" else 1)
    zulu = np.array([stamp.endswith("Z") for stamp in stamps], dtype=bool)
    offset = np.array([_OFFSET.search(stamp) is not None for stamp in stamps], dtype=bool)
    time, _ = instants([stamp.removesuffix("Z") for stamp in stamps], "Etc/UTC")
    there = time != NO_TIME
    local = ~offset & (source.clock != "utc")
    if source.clock == "auto" and offset_ns and (zulu & there).any():
        hours = np.unique(time[zulu & there] % _DAY_NS)
        shown = ", ".join(
            f"{hour // (3600 * 10**9):02d}:{hour // (60 * 10**9) % 60:02d}" for hour in hours[:4].tolist()
        )
        shown += " and others" if hours.size > 4 else ""
        if hours.size == 1 and hours[0] == -offset_ns % _DAY_NS:
            local &= ~zulu
            taken = "UTC, in which this is local midnight"
        elif hours.size == 1 and hours[0] == 0:
            taken = "days of local time"
        else:
            taken = "local time, as in the column's head"
        notes.add(
            f"times end in Z, which is UTC, in a column {column!r}; they are at {shown} and were taken as {taken}: "
            "if that is wrong, set 'clock' to utc or local",
            usual=True,
        )
    return np.where(there & local, time - offset_ns, time)


def _ranks(table: dict[str, list[str]], line: NDArray[np.int64], notes: Notes) -> NDArray[np.int8]:
    rank = np.full(line.size, WORDS.index("good"), dtype=np.int8)
    for column in _QUALITY_COLUMNS:
        if column not in table:
            continue
        texts = table[column]
        ranks = {}
        for text in set(texts):
            word = _MEANINGS[column].get(text.lower())
            if word is not None:
                ranks[text] = WORDS.index(word)
            elif text.lower() in _NO_QUALITY or re.fullmatch(r"-?\d+", text):
                ranks[text] = WORDS.index("good")
            else:
                ranks[text] = WORDS.index("suspect")
                unknown = np.array([other == text for other in texts], dtype=bool)
                notes.add(f"{column} {text[:40]!r} is not known, taken as suspect", line[unknown])
        numbered = sorted(text for text in ranks if re.fullmatch(r"-?\d+", text))
        if numbered:
            what = (
                f"{column} is given in numbers ({', '.join(numbered[:5])}), which every agency has its own of: not used"
            )
            notes.add(what, usual=True)
        rank = np.minimum(rank, np.array([ranks[text] for text in texts], dtype=np.int8))
    return rank


def _judge(
    bad: NDArray[np.bool_],
    cells: Sequence[str],
    line: NDArray[np.int64],
    what: str,
    kind: str,
    source: MrcExport,
    notes: Notes,
    of: NDArray[np.bool_] | None = None,
) -> None:
    """Note cells that cannot be read, and refuse the file where most cannot."""
    if not bad.any():
        return
    samples = [cells[i] for i in np.flatnonzero(bad)[:3]]
    if bad.sum() > MAX_UNREADABLE * (bad.size if of is None else of.sum()):
        shown = ", ".join(repr(text[:40]) for text in samples)
        raise SourceError(f"{source.path}: most of its {kind}, e.g. {shown}, are none; export the file again")
    notes.add(what, line[bad], samples)
