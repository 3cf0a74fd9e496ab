"""Driver ``gauge_csv``: river gauges in delimited text files.

Units, time zone, decimal mark and quality codes are settled here, once; behind this door a value is in m3/s or m, its
time is UTC and its quality is one of four words. What cannot be read is never guessed: the value is missing or the
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

from erosion.catalog import DISCHARGE_UNITS, QUALITY_WORDS, STAGE_UNITS, GaugeCsv, Skipped, SourceError
from erosion.contracts import GAUGE_COLUMNS, known_at

RANK: Final = {"good": 3, "estimated": 2, "suspect": 1, "missing": 0}
"""Of two values of one time the one with the higher rank stands."""

MAX_UNREADABLE: Final = 0.5
"""Where more than this share of a column cannot be read, the column map is wrong and not the values."""

_SHOWN: Final = 8
_OFFSET: Final = r"(?:Z|[+-]\d{2}:?\d{2})$"


def read_gauge(source: GaugeCsv, as_of: pd.Timestamp | str) -> tuple[pd.DataFrame, list[Skipped]]:
    """Read the values of one gauge that could be had at ``as_of``.

    Parameters
    ----------
    source
        Catalogue entry.
    as_of
        Date of the product; later lines are not used and not judged.

    Returns
    -------
    gauge : pandas.DataFrame
        Columns of :data:`erosion.contracts.GAUGE_COLUMNS`, sorted by time, one row a time, discharge in m3/s and stage
        in m. Of two values of one time the one of better quality stands; of two that differ at equal quality the last
        stands and is ``suspect``. A text where a number should be is a ``missing`` value.
    skipped : list of Skipped
        Lines and values that were left out or doubted, with line numbers, and why.

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

    available_at = time + pd.Timedelta(days=source.latency_days)
    known = ~lost & pd.Series(known_at(available_at, pd.Timestamp(as_of)), raw.index)
    if not known.any():
        first = available_at.min()
        when = f"; the first value became available on {first.date()}" if pd.notna(first) else ""
        skipped.append(Skipped(source.name, f"no value was available on {pd.Timestamp(as_of).date()}{when}"))
        return empty_table(), skipped
    raw, time, available_at = raw[known], time[known], available_at[known]

    values = {
        "discharge_m3s": _values(raw, "discharge_m3s", source.units.discharge_m3s, DISCHARGE_UNITS, source, skipped),
        "stage_m": _values(raw, "stage_m", source.units.stage_m, STAGE_UNITS, source, skipped),
    }
    qc = _quality(raw, source, skipped)
    empty = values["discharge_m3s"].isna() & values["stage_m"].isna()
    table = pd.DataFrame(
        {
            "gauge_id": source.gauge_id,
            "time": time,
            "available_at": available_at,
            **values,
            "qc": qc.mask(empty, "missing"),
            "line": raw["line"],
        }
    )
    table = _one_a_time(table, source, skipped)
    return table.sort_values("time", ignore_index=True).loc[:, list(GAUGE_COLUMNS)], skipped


def code_text(code: object) -> str:
    """A quality code as one text: 1, "1" and "1.0" are the same code."""
    text = str(code).strip()
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def empty_table() -> pd.DataFrame:
    """A gauge table without rows, with the types of a full one."""
    times = pd.DatetimeIndex([], tz="UTC").as_unit("ns")
    columns: dict[str, object] = {name: pd.Series(dtype=str) for name in GAUGE_COLUMNS}
    columns |= {"time": times, "available_at": times}
    columns |= {"discharge_m3s": pd.Series(dtype=float), "stage_m": pd.Series(dtype=float)}
    return pd.DataFrame(columns)


def _decode(source: GaugeCsv) -> str:
    try:
        data = source.path.read_bytes()
    except FileNotFoundError:
        wanted = ", ".join(name for name in vars(source.columns).values() if name is not None)
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


def _read_columns(source: GaugeCsv) -> tuple[pd.DataFrame, list[Skipped]]:
    """Texts of the mapped columns, with the line number each row starts on; short lines are listed."""
    lines = _decode(source).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    reader = csv.reader(io.StringIO("\n".join(lines[start:])), delimiter=source.delimiter, skipinitialspace=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num + start, row) for row in reader if row]
    except csv.Error as err:
        raise SourceError(f"{source.path}: line {reader.line_num + start}: {err}; this is no delimited text") from err
    wanted = {
        key: column
        for key in ("time", "discharge_m3s", "stage_m", "quality")
        if (column := getattr(source.columns, key)) is not None
    }
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
    frame = pd.DataFrame(table, dtype=object)
    frame["line"] = np.array([number for number, _ in full], dtype=np.int64)
    if frame.empty:
        raise SourceError(f"{source.path}: has a header and no values; fetch it again")
    return frame, skipped


def _times(texts: pd.Series, source: GaugeCsv) -> pd.Series:
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


def _utc(stamps: pd.Series, source: GaugeCsv) -> pd.Series:
    if stamps.dt.tz is None:
        # A midnight that a zone's summer time left out begins with the next hour; an hour that occurs twice is not
        # guessed.
        stamps = stamps.dt.tz_localize(source.timezone, ambiguous="NaT", nonexistent="shift_forward")
    return stamps.dt.tz_convert("UTC").dt.as_unit("ns")


def _values(
    raw: pd.DataFrame, name: str, unit: str | None, factors: dict[str, float], source: GaugeCsv, skipped: list[Skipped]
) -> pd.Series:
    """Numbers of a column in the project's unit, NaN where a cell is empty or no number."""
    if name not in raw or unit is None:
        return pd.Series(np.nan, raw.index)
    texts = raw[name]
    blank = texts.isin(["", *source.missing])
    plain = texts.str.replace(",", ".", regex=False) if source.decimal == "," else texts
    numbers = pd.to_numeric(plain.mask(blank), errors="coerce").astype(float)
    numbers = numbers.where(np.isfinite(numbers))
    text = numbers.isna() & ~blank
    _refuse_if_most(text[~blank], texts[~blank], name, source, "numbers; check 'decimal', 'missing' and the column")
    _note(skipped, source, text, raw, f"{name} is no number, taken as missing", texts)
    return numbers * factors[unit]


def _quality(raw: pd.DataFrame, source: GaugeCsv, skipped: list[Skipped]) -> pd.Series:
    if "quality" not in raw:
        return pd.Series("good", raw.index)
    words = {code_text(code): word for word in QUALITY_WORDS for code in getattr(source.quality, word)}
    unique = {text: words.get(code_text(text)) for text in raw["quality"].unique()}
    qc = raw["quality"].map(unique)
    unknown = qc.isna()
    what = "quality code is not declared under 'quality', taken as suspect"
    _note(skipped, source, unknown, raw, what, raw["quality"])
    return qc.mask(unknown, "suspect")


def _one_a_time(table: pd.DataFrame, source: GaugeCsv, skipped: list[Skipped]) -> pd.DataFrame:
    twice = table["time"].duplicated(keep=False)
    if not twice.any():
        return table
    double = table[twice].assign(rank=table["qc"].map(RANK)).sort_values(["time", "rank", "line"])
    stands = double.groupby("time").tail(1).set_index("time")
    rivals = double[double["rank"] == double["time"].map(stands["rank"])]
    spread = rivals.groupby("time")[["discharge_m3s", "stage_m"]].nunique(dropna=False).max(axis=1)
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


def _refuse_if_most(bad: pd.Series, texts: pd.Series, key: str, source: GaugeCsv, what: str) -> None:
    if len(bad) and bad.mean() > MAX_UNREADABLE:
        sample = ", ".join(repr(str(text)[:40]) for text in texts[bad].iloc[:3])
        raise SourceError(
            f"{source.path}: column {getattr(source.columns, key)!r} (columns.{key} in {source.described_in}): "
            f"{bad.mean():.0%} of its cells, e.g. {sample}, are no {what}"
        )


def _note(
    skipped: list[Skipped], source: GaugeCsv, bad: pd.Series, raw: pd.DataFrame, what: str, texts: pd.Series
) -> None:
    if bad.any():
        sample = ", ".join(repr(str(text)[:40]) for text in texts[bad].unique()[:3])
        skipped.append(Skipped(source.path.name, f"{_lines(raw.loc[bad, 'line'])}: {what} ({sample})"))


def _lines(numbers: pd.Series | list[int]) -> str:
    numbers = list(numbers)
    shown = ", ".join(str(number) for number in numbers[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"
