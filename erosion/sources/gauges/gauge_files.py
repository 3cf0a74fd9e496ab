"""Driver ``gauge_files``: river gauges in delimited text files.

Units, time zone, decimal mark and quality codes are settled here, once; behind this door a value is in m3/s, m or mm,
its time is UTC and its quality is one of four words. What cannot be read is never guessed: the value is missing or the
line is left out, and the list says which lines and why.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
from typing import Final

import numpy as np
import pandas as pd

from erosion.catalog import Skipped, SourceError
from erosion.gauge_catalog import DISCHARGE_UNITS, QUALITY_WORDS, RAIN_UNITS, STAGE_UNITS, GaugeFiles
from erosion.sources.gauges.reading import Asked, Reading, joined, readings

RANK: Final = {"good": 3, "estimated": 2, "suspect": 1, "missing": 0}
"""Of two values of one time the one with the higher rank stands."""

MAX_UNREADABLE: Final = 0.5
"""Where more than this share of a column cannot be read, the column map is wrong and not the values."""

_QUANTITIES: Final = {
    "discharge_m3s": ("discharge", DISCHARGE_UNITS),
    "stage_m": ("stage", STAGE_UNITS),
    "rain_mm": ("rain", RAIN_UNITS),
}
_SHOWN: Final = 8
_OFFSET: Final = r"(?:Z|[+-]\d{2}:?\d{2})$"


def read(source: GaugeFiles, asked: Asked) -> Reading:
    """Read the values of one gauge.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted; a file gives all it has.

    Returns
    -------
    Reading
        Discharge in m3/s, stage in m, rain in mm. Of two values of one time the one of better quality stands; of two
        that differ at equal quality the last stands and is ``suspect``. A text where a number should be is a
        ``missing`` value. ``skipped`` lists lines and values that were left out or doubted, with line numbers, and why.

    Raises
    ------
    SourceError
        Where the file cannot be read, a column is missing, or most of a column is no time or no number.
    """
    raw, skipped = _read_columns(source)
    time = _times(raw["time"], source)
    _refuse_if_most(time.isna(), raw["time"], "time", source, "times; set 'time_format', e.g. '%d/%m/%Y'")
    lost = time.isna()
    _note(skipped, source, lost, raw, "has no readable time", raw["time"])
    raw, time = raw[~lost], time[~lost]
    qc = _quality(raw, source, skipped)
    parts = []
    for key, (quantity, factors) in _QUANTITIES.items():
        if key in raw:
            value = _values(raw, key, getattr(source.units, key), factors, source, skipped)
            table = pd.DataFrame({"time": time, "value": value, "qc": qc.mask(value.isna(), "missing")})
            table = _one_a_time(table.assign(line=raw["line"]), source, skipped)
            parts.append(readings(quantity, pd.DatetimeIndex(table["time"]), table["value"], table["qc"]))
    return Reading(joined(parts), tuple(dict.fromkeys(skipped)))


def code_text(code: object) -> str:
    """A quality code as one text: 1, "1" and "1.0" are the same code."""
    text = str(code).strip()
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _decode(source: GaugeFiles) -> str:
    try:
        data = source.path.read_bytes()
    except FileNotFoundError:
        wanted = ", ".join(_wanted(source).values())
        raise SourceError(
            f"{source.path} is not there: bring the gauge's file (columns {wanted}) to that place, or take {source.name} "
            "out of the region's gauges"
        ) from None
    except OSError as err:
        raise SourceError(f"{source.path}: cannot be read ({err}); check 'path' in {source.described_in}") from err
    if not data.strip():
        raise SourceError(f"{source.path}: is empty; fetch it again or take {source.name} out of the region")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        tried = ["utf-16"]
    else:
        tried = ["utf-8-sig", *([source.encoding] if source.encoding else [])]
    for encoding in tried:
        try:
            return data.decode(encoding)
        except UnicodeError:
            continue
    raise SourceError(
        f"{source.path}: is not {' or '.join(tried)} text; set 'encoding' in {source.described_in} "
        "(a Vietnamese Windows file is often cp1258, a western one cp1252)"
    )


def _wanted(source: GaugeFiles) -> dict[str, str]:
    """Mapped columns: key -> name in the file."""
    times = {"time" if i == 0 else "clock": name for i, name in enumerate(source.columns.time)}
    others = {key: getattr(source.columns, key) for key in (*_QUANTITIES, "quality")}
    return times | {key: name for key, name in others.items() if name is not None}


def _read_columns(source: GaugeFiles) -> tuple[pd.DataFrame, list[Skipped]]:
    """Texts of the mapped columns, with the line number each row starts on; short lines are listed."""
    lines = _decode(source).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    reader = csv.reader(io.StringIO("\n".join(lines[start:])), delimiter=source.delimiter, skipinitialspace=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num + start, row) for row in reader if row]
    except csv.Error as err:
        raise SourceError(f"{source.path}: line {reader.line_num + start}: {err}; this is no delimited text") from err
    wanted = _wanted(source)
    places = {}
    for key, column in wanted.items():
        if column not in header:
            close = difflib.get_close_matches(column, header, n=1)
            mend = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, header))}"
            if len(header) == 1 and len(wanted) > 1:
                mend += f"; is 'delimiter' {source.delimiter!r} right?"
            raise SourceError(
                f"{source.path}: has no column {column!r} (columns.{key} in {source.described_in}); {mend}"
            )
        if header.count(column) > 1:
            raise SourceError(f"{source.path}: column {column!r} is there twice; rename one of them")
        places[key] = header.index(column)
    need = max(places.values()) + 1
    short = [number for number, row in rows if len(row) < need]
    skipped = [Skipped(source.path.name, f"{_lines(short)}: too few columns, left out")] if short else []
    full = [(number, row) for number, row in rows if len(row) >= need]
    table = {key: [row[place].strip() for _, row in full] for key, place in places.items()}
    if "clock" in table:
        table["time"] = [f"{day} {clock}" for day, clock in zip(table["time"], table.pop("clock"), strict=True)]
    frame = pd.DataFrame(table, dtype=object)
    frame["line"] = np.array([number for number, _ in full], dtype=np.int64)
    if frame.empty:
        raise SourceError(f"{source.path}: has a header and no values; fetch it again")
    return frame, skipped


def _times(texts: pd.Series, source: GaugeFiles) -> pd.Series:
    """UTC instants; a time without an offset is local time of the source's zone, NaT where it cannot be read."""
    if source.time_format is not None:
        stamps = pd.to_datetime(texts, format=source.time_format, errors="coerce", utc="%z" in source.time_format)
        return _utc(stamps, source)
    dated = texts.str.match(r"\d{4}-?\d{2}-?\d{2}")  # not a lone year, which ISO 8601 would take as 1 January
    offset = dated & texts.str.contains(_OFFSET, regex=True)
    out = pd.Series(pd.NaT, texts.index, dtype="datetime64[ns, UTC]")
    for chosen, aware in ((dated & ~offset, False), (offset, True)):
        if chosen.any():
            stamps = pd.to_datetime(texts[chosen], format="ISO8601", errors="coerce", utc=aware)
            out.loc[chosen] = _utc(stamps, source)
    return out


def _utc(stamps: pd.Series, source: GaugeFiles) -> pd.Series:
    if stamps.dt.tz is None:
        # A midnight that a zone's summer time left out begins with the next hour; an hour that occurs twice is not
        # guessed.
        stamps = stamps.dt.tz_localize(source.timezone, ambiguous="NaT", nonexistent="shift_forward")
    return stamps.dt.tz_convert("UTC").dt.as_unit("ns")


def _values(
    raw: pd.DataFrame, name: str, unit: str, factors: dict[str, float], source: GaugeFiles, skipped: list[Skipped]
) -> pd.Series:
    """Numbers of a column in the project's unit, NaN where a cell is empty or no number."""
    texts = raw[name]
    blank = texts.isin(["", *source.missing])
    plain = texts.str.replace(",", ".", regex=False) if source.decimal == "," else texts
    numbers = pd.to_numeric(plain.mask(blank), errors="coerce").astype(float)
    numbers = numbers.where(np.isfinite(numbers))
    text = numbers.isna() & ~blank
    _refuse_if_most(text[~blank], texts[~blank], name, source, "numbers; check 'decimal', 'missing' and the column")
    _note(skipped, source, text, raw, f"{name} is no number, taken as missing", texts)
    return numbers * factors[unit]


def _quality(raw: pd.DataFrame, source: GaugeFiles, skipped: list[Skipped]) -> pd.Series:
    if "quality" not in raw:
        return pd.Series("good", raw.index)
    words = {code_text(code): word for word in QUALITY_WORDS for code in getattr(source.quality, word)}
    unique = {text: words.get(code_text(text)) for text in raw["quality"].unique()}
    qc = raw["quality"].map(unique)
    unknown = qc.isna()
    what = "quality code is not declared under 'quality', taken as suspect"
    _note(skipped, source, unknown, raw, what, raw["quality"])
    return qc.mask(unknown, "suspect")


def _one_a_time(table: pd.DataFrame, source: GaugeFiles, skipped: list[Skipped]) -> pd.DataFrame:
    twice = table["time"].duplicated(keep=False)
    if not twice.any():
        return table
    double = table[twice].assign(rank=table["qc"].map(RANK)).sort_values(["time", "rank", "line"])
    stands = double.groupby("time").tail(1).set_index("time")
    rivals = double[double["rank"] == double["time"].map(stands["rank"])]
    spread = rivals.groupby("time")["value"].nunique(dropna=False)
    torn = spread[spread > 1].index
    stands.loc[torn, "qc"] = "suspect"
    dropped = double[~double["line"].isin(stands["line"])]
    for disputed, what in (
        (False, "time occurs before or again with the same or a better value, left out"),
        (
            True,
            "time occurs again with another value of equal quality; the last stands and is suspect, this is left out",
        ),
    ):
        lines = dropped.loc[dropped["time"].isin(torn) == disputed, "line"]
        if len(lines):
            skipped.append(Skipped(source.path.name, f"{_lines(sorted(lines))}: {what}"))
    return pd.concat([table[~twice], stands.reset_index()[table.columns]], ignore_index=True)


def _refuse_if_most(bad: pd.Series, texts: pd.Series, key: str, source: GaugeFiles, what: str) -> None:
    if len(bad) and bad.mean() > MAX_UNREADABLE:
        sample = ", ".join(repr(str(text)[:40]) for text in texts[bad].iloc[:3])
        raise SourceError(
            f"{source.path}: column {_wanted(source)[key]!r} (columns.{key} in {source.described_in}): "
            f"{bad.mean():.0%} of its cells, e.g. {sample}, are no {what}"
        )


def _note(
    skipped: list[Skipped], source: GaugeFiles, bad: pd.Series, raw: pd.DataFrame, what: str, texts: pd.Series
) -> None:
    if bad.any():
        sample = ", ".join(repr(str(text)[:40]) for text in texts[bad].unique()[:3])
        skipped.append(Skipped(source.path.name, f"{_lines(raw.loc[bad, 'line'])}: {what} ({sample})"))


def _lines(numbers: pd.Series | list[int]) -> str:
    numbers = list(numbers)
    shown = ", ".join(str(number) for number in numbers[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"
