"""Gauge files of Excel: dates, texts, formulas, and files that are not what they claim."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from erosion.core.errors import SourceError
from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns
from erosion.gauges.formats import rows as tables
from tests.gauges.drivers.gauge_files.made_gauge_files import ALL, excel, gauge, reasons, values


def test_excel_cells_that_are_dates_numbers_or_text(tmp_path: Path) -> None:
    table = [
        ["TRẠM TÂN CHÂU", None, None],
        [],
        ["Ghi chú", "t", "q"],
        [None, dt.datetime(2020, 1, 1, 7), 1.25],
        [None, dt.datetime(2020, 1, 1, 7, 59, 59, 999_000), "2,5"],
        ["cuối", dt.date(2020, 1, 2), 3],
        [None, dt.datetime(2020, 1, 3), None],
        [None, dt.datetime(2020, 1, 4), True],
        [None, dt.datetime(2020, 1, 5), "#N/A"],
        [None, None, None],
        [None, "Tổng", 99],
    ]
    source = excel(tmp_path, table, decimal=",")
    assert values(source)[:3] == [
        ("2020-01-01 00:00", 1.25, "good"),
        ("2020-01-01 01:00", 2.5, "good"),
        ("2020-01-01 17:00", 3.0, "good"),
    ]
    assert [v[2] for v in values(source)[3:]] == ["missing"] * 3
    assert reasons(source)[:2] == [
        "line 11: has no readable time ('Tổng')",
        "lines 8, 9: discharge_m3s is no number, taken as missing ('True', '#N/A')",
    ]


def test_excel_that_made_dates_of_some_texts_only_is_warned_of(tmp_path: Path) -> None:
    # In an American Excel 2 January written 02/01/2020 becomes 1 February, and 13 January stays a text.
    table = [["t", "q"], [dt.datetime(2020, 2, 1), 1], ["13/01/2020", 2]]
    source = excel(tmp_path, table, time_format="%d/%m/%Y")
    assert [v[0] for v in values(source)] == ["2020-01-12 17:00", "2020-01-31 17:00"]
    assert "may have swapped day and month" in reasons(source)[0]


def test_a_number_in_place_of_an_excel_date_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"100% of its cells, e.g. '43831', '43832.5', are no times"):
        read(excel(tmp_path, [["t", "q"], [43831, 1], [43832.5, 2]]), ALL)
    assert values(excel(tmp_path, [["t", "q"], [20200131, 1]]))[0][0] == "2020-01-30 17:00"


@pytest.mark.parametrize("clock", [dt.time(6, 30), "06:30", dt.timedelta(hours=6.5)])
@pytest.mark.parametrize("day", [dt.datetime(2020, 1, 1), "2020-01-01"])
def test_excel_day_and_time_of_day_in_two_columns(tmp_path: Path, day: Any, clock: Any) -> None:
    columns = GaugeColumns(time=("d", "c"), discharge_m3s="q")
    table = [["d", "c", "q"], [day, clock, 1], [day, dt.timedelta(hours=24), 2], [day, None, 3]]
    source = excel(tmp_path, table, columns=columns)
    assert [v[:2] for v in values(source)] == [
        ("2019-12-31 17:00", 3.0),
        ("2019-12-31 23:30", 1.0),
        ("2020-01-01 17:00", 2.0),
    ]


def test_the_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    table = [["t", "q"], [dt.datetime(2020, 1, 1), 4]]
    source = excel(tmp_path, table, before="Bìa")
    with pytest.raises(SourceError, match="has no column 't'"):
        read(source, ALL)
    assert values(gauge(tmp_path, None, "gauge.xlsx", sheet="Mực nước"))[0][1] == 4.0
    with pytest.raises(SourceError, match="has no sheet 'H'; it has 'Bìa', 'Mực nước': mend 'sheet'"):
        read(gauge(tmp_path, None, "gauge.xlsx", sheet="H"), ALL)


def test_formulas_without_a_result_are_listed_and_never_empty(tmp_path: Path) -> None:
    days = [dt.datetime(2020, 1, 1) + dt.timedelta(days=i) for i in range(4)]
    table = [["t", "q"], [days[0], "=2*3"], [days[1], None], [days[2], 5], [days[3], 6]]
    source = excel(tmp_path, table)
    assert [v[2] for v in values(source)] == ["missing", "missing", "good", "good"]
    assert reasons(source) == ["line 2: discharge_m3s is no number, taken as missing ('=2*3')"]
    with pytest.raises(SourceError, match=r"'=2'.* formulas have no results until Excel has computed"):
        read(excel(tmp_path, [["t", "q"], [days[0], "=2"]]), ALL)


def rewrite(path: Path, pattern: bytes, by: bytes) -> None:
    """Change the first sheet of an Excel file as another program might have written it."""
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    page = "xl/worksheets/sheet1.xml"
    members[page], count = re.subn(pattern, by, members[page])
    assert count == 1
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)


def test_formulas_that_excel_has_computed_are_numbers(tmp_path: Path) -> None:
    source = excel(tmp_path, [["t", "q"], [dt.datetime(2020, 1, 1), "=2*3"]])
    rewrite(source.path, rb"<f>2\*3</f><v ?/?>(</v>)?", b"<f>2*3</f><v>6</v>")
    assert values(source) == [("2019-12-31 17:00", 6.0, "good")] and reasons(source) == []


def test_the_size_that_a_sheet_tells_of_itself_is_not_believed(tmp_path: Path) -> None:
    source = excel(tmp_path, [["t", "q"], *[[dt.datetime(2020, 1, day), day] for day in range(1, 6)]])
    rewrite(source.path, rb'<dimension ref="A1:B6" ?/>', b'<dimension ref="A1:A2"/>')
    assert [v[1] for v in values(source)] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_an_excel_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = excel(tmp_path, [["t", "q"], *[[dt.datetime(2020, 1, 1), 1]] * 5000])
    assert source.path.stat().st_size < 100_000
    monkeypatch.setattr(tables, "_MOST_UNPACKED", 100_000)
    with pytest.raises(SourceError, match="unpacks to more than"):
        read(source, ALL)
