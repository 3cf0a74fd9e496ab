"""From a data frame to a typed Arrow table, and from there to cells of text.

Every writer starts from the same table, so a column has one type in all files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from erosion.publish.columns import Column
from erosion.publish.errors import ExportError

Cells = dict[str, list[str | None]]
"""Column name -> one text a row, ``None`` where the value is missing."""

_TYPES = {
    "text": pa.string(),
    "json": pa.string(),
    "int": pa.int32(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
}


def attribute_table(frame: pd.DataFrame, columns: Sequence[Column], product: str) -> pa.Table:
    """Return the columns of a product in their published order and types; missing values become nulls.

    Parameters
    ----------
    frame
        One row a segment (or segment and epoch) with exactly ``columns``; a geometry column is passed over.
    columns
        The published columns.
    product
        Name for messages, e.g. ``layer 1y``.

    Returns
    -------
    pyarrow.Table
        Columns in the order given; each field carries ``unit`` and ``description`` as metadata.

    Raises
    ------
    ExportError
        When a column is missing or unknown, or a value does not fit its column's type.
    """
    names = [column.name for column in columns]
    given = [str(name) for name in frame.columns if name != "geometry"]
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names]
    if missing:
        raise ExportError(f"{product}: column {', '.join(missing)} is missing; see erosion/core/contracts.py")
    if unknown:
        raise ExportError(
            f"{product}: column {', '.join(unknown)} is not part of the published product; "
            "leave it out, or add it to erosion/core/contracts.py and erosion/publish/columns.py"
        )
    arrays = [_array(frame[column.name], column, product) for column in columns]
    fields = [
        pa.field(column.name, _TYPES[column.kind], metadata={"unit": column.unit, "description": column.meaning})
        for column in columns
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(values: pd.Series, column: Column, product: str) -> pa.Array:
    if values.empty:  # without a value there is no type to check
        return pa.array([], _TYPES[column.kind])
    try:
        if column.kind == "date":
            instants = pd.to_datetime(values, utc=True, format="ISO8601").dt.tz_localize(None)
            return pa.array(instants.astype("datetime64[s]"), from_pandas=True).cast(pa.date32(), safe=False)
        if column.kind == "float":
            numbers = values.to_numpy(dtype="float64", na_value=np.nan)
            if np.isinf(numbers).any():
                _refuse(column, product, "holds an infinite value; store a missing value where there is no number")
            return pa.array(numbers, from_pandas=True)
        array = pa.array(values, from_pandas=True)
        if column.kind in ("text", "json") and not _holds_text(array.type):
            _refuse(column, product, f"holds {array.type} values, not text; turn them into words where they are made")
        if column.kind == "json":
            _check_json(array, column, product)
        return array.cast(_TYPES[column.kind])
    except (pa.ArrowException, ValueError, TypeError) as error:
        _refuse(column, product, f"does not hold {column.kind} values: {error}", error)


def _holds_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)


def _check_json(texts: pa.Array, column: Column, product: str) -> None:
    """Refuse what would spoil a GeoJSON file, NaN and Infinity among it: Python writes them, JSON knows them not."""

    def refuse(constant: str) -> NoReturn:
        _refuse(column, product, f"holds {constant}, which JSON does not know; write null instead")

    decoder = json.JSONDecoder(parse_constant=refuse)
    for text in texts.unique().to_pylist():
        if text is not None:
            decoder.decode(text)


def _refuse(column: Column, product: str, what: str, cause: Exception | None = None) -> NoReturn:
    raise ExportError(f"{product}: column {column.name} {what}") from cause


def text_cells(table: pa.Table, columns: Sequence[Column]) -> Cells:
    """Return every value as plain text: numbers with a point and the column's decimals, dates as yyyy-mm-dd.

    Parameters
    ----------
    table
        As made by :func:`attribute_table`.
    columns
        The same columns.

    Returns
    -------
    dict
        Column name -> list of n texts.
    """
    return {column.name: _cells(table[column.name], column) for column in columns}


def _cells(values: pa.ChunkedArray, column: Column) -> list[str | None]:
    if column.kind == "float":
        return number_cells(values.to_numpy(zero_copy_only=False), column.decimals)
    if column.kind == "bool":
        return [None if value is None else ("true" if value else "false") for value in values.to_pylist()]
    return values.cast(pa.string()).to_pylist()


def number_cells(numbers: np.ndarray, decimals: int) -> list[str | None]:
    """Return numbers, shape (n,), as text with fixed decimals; NaN becomes ``None`` and -0.00 becomes 0.00."""
    numbers = np.asarray(numbers, dtype="float64")
    form = f"%.{decimals}f"
    there = ~np.isnan(numbers)
    rounded = np.round(numbers, decimals) + 0.0
    return [form % value if known else None for value, known in zip(rounded.tolist(), there.tolist(), strict=True)]
