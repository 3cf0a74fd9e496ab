"""Gauge files as tests write them, and what is read of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns, GaugeFiles, GaugeUnits, QualityCodes
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading

ALL = Asked(since=None, until=pd.Timestamp("2100-01-01", tz="UTC"))


CODED = {
    "columns": GaugeColumns(time=("t",), discharge_m3s="q", quality="s"),
    "quality": QualityCodes(good=("1",), estimated=("2", ""), suspect=("3",)),
}


def gauge(folder: Path, text: str | bytes | None, name: str = "gauge.csv", **changes: Any) -> GaugeFiles:
    path = folder / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    entry: dict[str, Any] = {
        "name": "gauge",
        "driver": "gauge_files",
        "title": "",
        "path": path,
        "gauge_id": "0042",
        "river": "",
        "location": (105.2, 10.8),
        "columns": GaugeColumns(time=("t",), discharge_m3s="q"),
        "units": GaugeUnits(discharge_m3s="m3/s", stage_m="m", rain_mm="mm"),
        "timezone": "Asia/Ho_Chi_Minh",
        "cadence_days": 1.0,
        "latency_days": 1.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "described_in": folder / "gauge.yaml",
    }
    return GaugeFiles(**{**entry, **changes})


def rows(reading: Reading, quantity: str = "discharge") -> list[tuple[str, float, str]]:
    """Time to the minute, value and quality of one quantity."""
    table = reading.values[reading.values["quantity"] == quantity]
    return [(str(t)[:16], v, q) for t, v, q in zip(table["time"], table["value"], table["quality"], strict=True)]


def values(source: GaugeFiles, quantity: str = "discharge") -> list[tuple[str, float, str]]:
    return rows(read(source, ALL), quantity)


def reasons(source: GaugeFiles) -> list[str]:
    return [skipped.reason for skipped in read(source, ALL).skipped]


def check(reading: Reading) -> None:
    """A reading keeps the promise of its columns, order and uniqueness."""
    table = reading.values
    assert list(table.columns) == list(READING_COLUMNS)
    key = ["quantity", "issued_at", "member", "time"]
    pd.testing.assert_frame_equal(table, table.sort_values(key, kind="stable", ignore_index=True))
    assert not table.duplicated(key).any() and table["time"].notna().all()
    assert set(table["quality"]) <= {"good", "estimated", "suspect", "missing"}
    assert (table["value"].isna() == (table["quality"] == "missing")).all()


def excel(
    folder: Path, table: list[list[Any]], sheet: str = "Mực nước", before: str | None = None, **changes: Any
) -> GaugeFiles:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    if before is not None:
        page.title = before
        page.append(["nothing", "here"])
        page = book.create_sheet()
    page.title = sheet
    for row in table:
        page.append(row)
    book.save(folder / "gauge.xlsx")
    return gauge(folder, None, "gauge.xlsx", **changes)
