"""CSV that opens right in a spreadsheet, once for Vietnamese settings and once by RFC 4180.

A Vietnamese spreadsheet reads 12,5 as a number and 12.5 as text or a date, and wants semicolons between cells; every
other program wants the opposite. So there are two files, and no reader has to be told anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from erosion.publish.columns import UNITS_VI, Column
from erosion.publish.errors import writing
from erosion.publish.formats.tables import Cells

Language = Literal["vi", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("vi", "en")


class _Dialect(NamedTuple):
    separator: str
    decimal: str
    truth: dict[str, str]


_DIALECTS: Final[dict[Language, _Dialect]] = {
    "vi": _Dialect(";", ",", {"true": "có", "false": "không"}),
    "en": _Dialect(",", ".", {"true": "true", "false": "false"}),
}

_BOM: Final = "\ufeff"
_NEEDS_QUOTES: Final = re.compile(r'[;,"\r\n\t]')
_SIGNS: Final = frozenset("=+-@＝＋－＠")
_CONTROLS: Final = frozenset("\t\r\n")
_INVISIBLE: Final = "\ufeff\u200b\u00a0 \t\r\n\v\f\0"


def write_csv(path: Path, sheet: Cells, columns: Sequence[Column], language: Language) -> None:
    """Write a table as CSV, UTF-8 with byte-order mark, lines ended by CR LF.

    ===========  =============================================  =====================
    language     ``vi``                                         ``en``
    ===========  =============================================  =====================
    separator    semicolon                                      comma
    decimal      comma                                          point
    date         dd/mm/yyyy                                     yyyy-mm-dd
    truth        có, không                                      true, false
    column head  Vietnamese head (unit) [machine name]          machine name
    ===========  =============================================  =====================

    Text that a spreadsheet could take for a formula gets an apostrophe in front (:func:`guarded`).

    Parameters
    ----------
    path
        File to write.
    sheet
        Cells made safe by :func:`sheet_cells`.
    columns
        The columns, in order.
    language
        For whose spreadsheet.

    Raises
    ------
    ExportError
        When the file cannot be written.
    """
    dialect = _DIALECTS[language]
    heads = [_quoted(head(column, language)) for column in columns]
    body = zip(*(_spelled(sheet[column.name], column, dialect, language) for column in columns), strict=True)
    lines = [dialect.separator.join(heads), *map(dialect.separator.join, body)]
    with writing(path):
        path.write_bytes((_BOM + "\r\n".join(lines) + "\r\n").encode("utf-8"))


def head(column: Column, language: Language) -> str:
    """Return the head of a column, e.g. ``Lý trình (m) [chainage_m]``; English files have the bare machine name."""
    if language == "en":
        return column.name
    unit = f" ({UNITS_VI[column.unit]})" if column.unit else ""
    return f"{column.head}{unit} [{column.name}]"


def guarded(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula: an apostrophe before = + - @, tab and line ends.

    Blanks in front are looked through, because spreadsheets trim them.
    """
    dangerous = text[:1] in _CONTROLS or text.lstrip(_INVISIBLE)[:1] in _SIGNS
    return f"'{text}" if dangerous else text


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def sheet_cells(cells: Cells, columns: Sequence[Column]) -> Cells:
    """Return the text cells of a table, guarded and quoted, for both languages at once.

    Parameters
    ----------
    cells
        Values as text by column (:func:`erosion.publish.formats.tables.text_cells`).
    columns
        The columns to take over.

    Returns
    -------
    dict
        Column name -> cells ready for :func:`write_csv`.
    """
    return {
        column.name: _safe(cells[column.name]) if column.kind in ("text", "json") else cells[column.name]
        for column in columns
    }


def _safe(cells: list[str | None]) -> list[str | None]:
    known = {text: None if text is None else _quoted(guarded(text)) for text in set(cells)}  # most texts repeat
    return [known[text] for text in cells]


def _spelled(cells: list[str | None], column: Column, dialect: _Dialect, language: Language) -> list[str]:
    filled = [text or "" for text in cells]
    if column.kind == "float" and dialect.decimal != ".":
        return "\n".join(filled).replace(".", dialect.decimal).split("\n") if filled else filled
    if column.kind == "bool":
        return [dialect.truth.get(text, "") for text in filled]
    if column.kind == "date" and language == "vi":
        known = {text: "/".join(reversed(text.split("-"))) for text in set(filled)}
        return [known[text] for text in filled]
    return filled
