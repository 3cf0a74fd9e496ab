"""The list as it is shown, as a workbook and as CSV for a spreadsheet."""

from __future__ import annotations

import re
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pandas as pd

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.publish.columns import LEVEL_WORDS, Column, Kind, level_label
from erosion.publish.formats.csv_table import guarded, sheet_cells, write_csv
from erosion.publish.formats.tables import Cells
from erosion.ui.choice import Choice
from erosion.words import write

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

WIDTH: Final = {"notice": 22, "name": 58, "commune": 34, "change_text": 24, "level_word": 20, "stretch_id": 36}
"""Columns wider than :data:`USUAL_WIDTH` [character]."""
USUAL_WIDTH: Final = 13

_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML cannot hold."""

_FORM: Final[tuple[tuple[str, Kind, str, int], ...]] = (
    ("rank", "int", "", 0),
    ("name", "text", "", 0),
    ("commune", "text", "", 0),
    ("commune_former", "text", "", 0),
    ("level", "int", "", 0),
    ("level_word", "text", "", 0),
    ("change_text", "text", "", 0),
    ("length_m", "float", "m", 0),
    ("p_event", "float", "1", 4),
    ("retreat_p50_m", "float", "m", 1),
    ("retreat_p90_m", "float", "m", 1),
    ("loss_p50_ha", "float", "ha", 2),
    ("loss_p90_ha", "float", "ha", 2),
    ("buildings_20m", "int", "", 0),
    ("buildings_50m", "int", "", 0),
    ("buildings_100m", "int", "", 0),
    ("road_m_100m", "float", "m", 0),
    ("schools_100m", "int", "", 0),
    ("people_100m", "int", "", 0),
    ("data_age_days", "int", "day", 0),
    ("first_issued_at", "date", "", 0),
    ("reach", "text", "", 0),
    ("bank", "text", "", 0),
    ("from_m", "float", "m", 0),
    ("to_m", "float", "m", 0),
    ("stretch_id", "text", "", 0),
)
"""Name, kind, unit and decimals of each column, in order; their heads are texts of the catalogues."""

EXPOSED: Final = ("buildings_20m", "buildings_50m", "buildings_100m", "road_m_100m", "schools_100m", "people_100m")


EXPLAINED: Final = (
    "p_event", "retreat_p50_m", "retreat_p90_m", "loss_p50_ha", "loss_p90_ha", "buildings_20m", "data_age_days", "stretch_id",
)  # fmt: skip
"""Columns whose meaning the second sheet gives."""


def columns(choice: Choice) -> list[Column]:
    """Return the columns of an export, heads in the language of the screen."""
    found = [
        Column(name, kind, unit, "", choice.translate(f"export.col.{name}"), decimals)
        for name, kind, unit, decimals in _FORM
    ]
    notice = Column("notice", "text", "", "", choice.translate("export.col.notice"))
    return [notice, *found] if choice.region.simulated else found


def _values(choice: Choice, table: pd.DataFrame) -> pd.DataFrame:
    """Return what stands in the cells: numbers as numbers, unknown as None, dates as YYYY-MM-DD."""
    words = choice.language
    values = table.assign(
        notice=SIMULATED_NOTICE,
        level_word=[level_label(level, words) for level in table["level"]],
        bank=[choice.translate(f"bank.{bank}") for bank in table["bank"]],
        reach=[choice.region.reaches.get(reach, {}).get(words, reach) for reach in table["reach"]],
        first_issued_at=pd.to_datetime(table["first_issued_at"], utc=True, errors="coerce").dt.strftime("%Y-%m-%d"),
    )
    values = values[[column.name for column in columns(choice)]].astype(object)
    return values.where(values.notna(), None)


def csv(choice: Choice, table: pd.DataFrame) -> bytes:
    """Return the stretches of :func:`erosion.ui.stretch_table.described` as CSV for spreadsheets of the language."""
    values, shown = _values(choice, table), columns(choice)
    unknown = choice.translate("unknown")
    cells: Cells = {
        column.name: [
            (unknown if column.name in EXPOSED else None) if value is None else _plain(value, column)
            for value in values[column.name]
        ]
        for column in shown
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        write_csv(path, sheet_cells(cells, shown), shown, "vi" if choice.language == "vi" else "en")
        return path.read_bytes()


def _plain(value: Any, column: Column) -> str:
    if column.kind in ("int", "float"):
        return f"{float(value):.{column.decimals}f}"
    return str(value)


def workbook(choice: Choice, table: pd.DataFrame) -> bytes:
    """Return the stretches as a workbook: one row a stretch under a frozen head, and a sheet of what the columns mean."""
    # Takes long to import, and most who open a page export nothing.
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    shown, values = columns(choice), _values(choice, table)
    bold, wrapped = Font(bold=True), Alignment(wrap_text=True, vertical="top")
    book = Workbook()
    sheet = book.active
    sheet.title = _sheet_title(choice, "export.sheet.list")
    for at, column in enumerate(shown, 1):
        unit = f" ({choice.translate(f'export.unit.{column.unit}')})" if column.unit not in ("", "1") else ""
        cell = sheet.cell(1, at, f"{column.head}{unit}")
        cell.font, cell.alignment = bold, wrapped
        sheet.column_dimensions[get_column_letter(at)].width = WIDTH.get(column.name, USUAL_WIDTH)
        for row, value in enumerate(values[column.name], 2):
            _put(sheet.cell(row, at), value, column, choice.translate("unknown"))
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    meaning = book.create_sheet(_sheet_title(choice, "export.sheet.words"))
    for row, (left, right) in enumerate(_words(choice, shown), 1):
        for at, text in enumerate((left, right), 1):
            cell = meaning.cell(row, at)
            cell.value = _text(text)
            cell.data_type = "s"
            cell.alignment = wrapped
        meaning.cell(row, 1).font = bold
    meaning.column_dimensions["A"].width, meaning.column_dimensions["B"].width = 34, 96
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _put(cell: Any, value: Any, column: Column, unknown: str) -> None:
    if value is None:
        cell.value = unknown if column.name in EXPOSED else None
    elif column.kind in ("int", "float"):
        cell.value = round(float(value), column.decimals) if column.decimals else round(float(value))
        cell.number_format = "0%" if column.name == "p_event" else f"0.{'0' * column.decimals}".rstrip(".")
    elif column.kind == "date":
        cell.value = pd.Timestamp(value).to_pydatetime()
        cell.number_format = "dd/mm/yyyy"
    else:
        cell.value = _text(value)
        cell.data_type = "s"  # a text that begins with = would be taken for a formula


def _text(value: Any) -> str:
    return guarded(_FORBIDDEN.sub("", str(value)))


def _sheet_title(choice: Choice, key: str) -> str:
    title = choice.translate(key)
    return f"SIMULATED {title}" if choice.region.simulated else title


def _words(choice: Choice, shown: list[Column]) -> list[tuple[str, str]]:
    """Return the rows of the second sheet: which list it is, what levels and columns mean, what is not known."""
    run, words = choice.run, choice.language
    rows = [(SIMULATED_NOTICE, choice.translate("simulated.more"))] if choice.region.simulated else []
    rows += [
        (choice.translate("region"), choice.region.title.get(words, choice.region.name)),
        (choice.translate("date"), write.day(run.as_of, words)),
        (choice.translate("fact.finished"), write.moment(run.finished_at, words, choice.region.timezone)),
        (choice.translate("fact.model"), run.model_id),
        (choice.translate("unknown"), choice.translate("export.words.unknown")),
        (choice.translate("export.col.level"), choice.translate("not.official")),
        ("", "; ".join(level_label(level, words) for level in reversed(LEVEL_WORDS[words]))),
    ]
    threshold = write.number(choice.target.threshold_m, words)
    days = write.number(choice.target.horizon_days, words)
    heads = {column.name: column.head for column in shown}
    rows += [
        (heads[name], choice.translate(f"export.words.{name}", threshold=threshold, days=days)) for name in EXPLAINED
    ]
    return rows
