"""Driver ``gauge_csv``: river gauges in delimited text files."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import pandas as pd

from erosion.catalog import DISCHARGE_UNITS, STAGE_UNITS, GaugeCsv, Skipped, SourceError
from erosion.contracts import GAUGE_COLUMNS, known_at

RANK: Final = {"good": 3, "estimated": 2, "suspect": 1, "missing": 0}
"""Which of two values of one time stands: the one with the higher rank."""


def read_gauge(source: GaugeCsv, as_of: pd.Timestamp | str) -> tuple[pd.DataFrame, list[Skipped]]:
    """Read the values of one gauge that could be had at ``as_of``.

    Returns
    -------
    gauge : pandas.DataFrame
        Columns of :data:`erosion.contracts.GAUGE_COLUMNS`, sorted by time, in m3/s and m.
    skipped : list of Skipped
        Lines and values that were left out and why.

    Raises
    ------
    SourceError
        Where the file cannot be read or a column is missing.
    """
    raw = _read_text(source)
    time = _times(raw[source.columns.time], source)
    values = {}
    for column, unit, factors in (
        (source.columns.discharge_m3s, source.units.discharge_m3s, DISCHARGE_UNITS),
        (source.columns.stage_m, source.units.stage_m, STAGE_UNITS),
    ):
        name = "discharge_m3s" if factors is DISCHARGE_UNITS else "stage_m"
        numbers = pd.to_numeric(raw[column], errors="coerce") if column else pd.Series(np.nan, raw.index)
        values[name] = numbers * (factors[unit] if unit else 1.0)
    codes = {code_text(c): word for word in RANK if word != "missing" for c in getattr(source.quality, word)}
    if source.columns.quality:
        qc = raw[source.columns.quality].fillna("").map(code_text).map(codes).fillna("suspect")
    else:
        qc = pd.Series("good", raw.index)
    empty = values["discharge_m3s"].isna() & values["stage_m"].isna()
    table = pd.DataFrame(
        {
            "gauge_id": source.gauge_id,
            "time": time,
            "available_at": time + pd.Timedelta(days=source.latency_days),
            **values,
            "qc": qc.mask(empty, "missing"),
        }
    )
    table = table[table["time"].notna()]
    table = table[known_at(table["available_at"], pd.Timestamp(as_of))]
    return table.sort_values("time", ignore_index=True), []


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


def _read_text(source: GaugeCsv) -> pd.DataFrame:
    text = source.path.read_bytes().decode("utf-8-sig")
    return pd.read_csv(io.StringIO(text), sep=source.delimiter, dtype=str)


def _times(texts: pd.Series, source: GaugeCsv) -> pd.Series:
    stamps = pd.to_datetime(texts, format=source.time_format or "ISO8601", errors="coerce")
    return stamps.dt.tz_localize(source.timezone, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC").dt.as_unit("ns")


__all__ = ["SourceError", "Skipped", "code_text", "empty_table", "read_gauge"]
