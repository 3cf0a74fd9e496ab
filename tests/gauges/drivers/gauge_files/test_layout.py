"""Traps of gauge files: delimiters, headers, encodings, clocks, broken lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from erosion.core.errors import SourceError
from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns, QualityCodes
from tests.gauges.drivers.gauge_files.made_gauge_files import ALL, gauge, reasons, values

# --- more traps of files -----------------------------------------------------------------------------------------------


def test_a_dot_in_a_file_of_decimal_commas_is_not_guessed(tmp_path: Path) -> None:
    text = "t;q\n2020-01-01;1.234\n2020-01-02;1.234,5\n2020-01-03;1234,5\n2020-01-04;2\n2020-01-05;3\n"
    source = gauge(tmp_path, text, delimiter=";", decimal=",")
    assert [v[1] for v in values(source)][2:] == [1234.5, 2.0, 3.0]
    assert reasons(source) == ["lines 2, 3: discharge_m3s is no number, taken as missing ('1.234', '1.234,5')"]


def test_a_vietnamese_name_is_the_same_composed_or_not(tmp_path: Path) -> None:
    # cp1258 writes a vowel and its tone as two characters: what comes out is not what a keyboard puts into the entry.
    column = "lưu lượng"
    text = "ngày,l\u01b0u l\u01b0\u01a1\u0323ng\n2020-01-01,7\n"
    assert column not in text
    columns = GaugeColumns(time=("ngày",), discharge_m3s=column)
    assert values(gauge(tmp_path, text.encode("cp1258"), columns=columns, encoding="cp1258"))[0][1] == 7.0


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark(tmp_path: Path, encoding: str) -> None:
    data = "t,q\n2020-01-01,7\n".encode(encoding)
    assert values(gauge(tmp_path, data, encoding=encoding))[0][1] == 7.0
    with pytest.raises(SourceError, match="every other byte is zero: set 'encoding'"):
        read(gauge(tmp_path, data), ALL)


@pytest.mark.parametrize(("mark", "shown"), [(";", '";"'), ("\t", r'"\\t"'), ("|", r'"\|"')])
def test_a_wrong_delimiter_is_reported_with_the_right_one(tmp_path: Path, mark: str, shown: str) -> None:
    with pytest.raises(SourceError, match=f"is 'delimiter' ',' right. {shown} would fit"):
        read(gauge(tmp_path, f"TRẠM\nt{mark}q\n2020-01-01{mark}1\n"), ALL)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        (
            "g.csv",
            b"\n<!DOCTYPE html><html><head><title>Please\n sign in</title>",
            r"web page .*\('Please sign in'\).*sign in",
        ),
        ("g.xls", "\ufeff<html><table><tr><td>t</td>".encode("utf-16"), "is a web page or XML, .*save it as .xlsx"),
        ("g.xls", b'<?xml version="1.0"?><Workbook>', "is a web page or XML"),
        (
            "g.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
            r"Excel file of the old kind \(.xls\); open it in Excel",
        ),
        ("g.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "Excel file with a password"),
        ("g.csv", b"PK\x03\x04" + bytes(100), "is an Excel or ZIP file, not text; name it .xlsx"),
        ("g.xlsx", b"t,q\n2020-01-01,1\n", "is no Excel file, whatever its name; if it is text, name it .csv"),
        ("g.xlsx", b"PK\x03\x04" + bytes(100), "cannot be read as Excel"),
    ],
)
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read(gauge(tmp_path, data, name), ALL)


def test_a_file_that_is_not_there_says_what_to_bring(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is not there: bring the gauge's file \(columns t, q\) to that place"):
        read(gauge(tmp_path, None), ALL)


def test_titles_above_the_header_are_passed_over(tmp_path: Path) -> None:
    text = '# raw\n"SỐ LIỆU MỰC NƯỚC TRẠM TÂN CHÂU"\n;;\nTừ;1/1/2020;\n"t";"ghi\nchú";q\n2020-01-01;x;1\n;;\n2020-01-02;;2\n'
    columns = GaugeColumns(time=("t",), discharge_m3s="q", quality="ghi chú")
    source = gauge(tmp_path, text, delimiter=";", columns=columns, quality=QualityCodes(good=("x",)))
    assert [v[1:] for v in values(source)] == [(1.0, "good"), (2.0, "suspect")]
    assert reasons(source) == ["line 9: quality code is not declared under 'quality', taken as suspect ('')"]


def test_a_header_that_comes_again_is_no_value_and_another_one_is_an_error(tmp_path: Path) -> None:
    text = "t,h,q\n2020-01-01,1,5\nt,h,q\n2020-01-02,1,6\n"
    assert [v[1] for v in values(gauge(tmp_path, text))] == [5.0, 6.0]
    with pytest.raises(
        SourceError, match="line 5: another header with the columns in another order; part the file there"
    ):
        read(gauge(tmp_path, text + "t,q,h\n2020-01-03,7,1\n"), ALL)


def test_two_columns_of_time(tmp_path: Path) -> None:
    columns = GaugeColumns(time=("day", "clock"), discharge_m3s="q")
    text = "day,clock,q\n01/02/2020,07:00,1\n01/02/2020,24:00,2\n"
    source = gauge(tmp_path, text, columns=columns, time_format="%d/%m/%Y %H:%M")
    assert values(source) == [("2020-02-01 00:00", 1.0, "good"), ("2020-02-01 17:00", 2.0, "good")]
    with pytest.raises(SourceError, match=r"no column 'clock' \(columns.time in"):
        read(gauge(tmp_path, "day,q\n2020-01-01,1\n", columns=columns), ALL)


def test_a_file_of_the_global_runoff_data_centre(tmp_path: Path) -> None:
    """Constructed after the header that the centre's files are known to have."""
    text = (
        "# Title:                 GRDC STATION DATA FILE\n# Field delimiter:       ;\n"
        "# Catchment area (km²):      846900.0\n#\n# DATA\nYYYY-MM-DD;hh:mm; Value\n"
        "1965-04-01;--:--;   1234.000\n1965-04-02;--:--;   -999.000\n1965-04-03;--:--;     12.500\n"
    ).encode("latin-1")
    how: dict[str, Any] = {"delimiter": ";", "encoding": "latin-1", "missing": ("-999.000",), "timezone": "Etc/UTC"}
    for times in (("YYYY-MM-DD",), ("YYYY-MM-DD", "hh:mm")):
        source = gauge(tmp_path, text, columns=GaugeColumns(time=times, discharge_m3s="Value"), **how)
        got = values(source)
        assert [v[0] for v in got] == ["1965-04-01 00:00", "1965-04-02 00:00", "1965-04-03 00:00"]
        assert [v[2] for v in got] == ["good", "missing", "good"] and (got[0][1], got[2][1]) == (1234.0, 12.5)
        assert reasons(source) == []


def test_24_00_is_the_next_midnight(tmp_path: Path) -> None:
    text = "t,q\n2020-02-28 24:00,1\n2020-12-31T24:00:00,2\n2020-03-01 24:00:00+07:00,3\n2020-03-05 24:01,4\n2020-03-06 12:24:00,5\n"
    source = gauge(tmp_path, text)
    assert values(source) == [
        ("2020-02-28 17:00", 1.0, "good"),
        ("2020-03-01 17:00", 3.0, "good"),
        ("2020-03-06 05:24", 5.0, "good"),
        ("2020-12-31 17:00", 2.0, "good"),
    ]
    assert reasons(source) == ["line 5: has no readable time ('2020-03-05 24:01')"]


def test_times_that_summer_time_left_out_are_not_moved_onto_others(tmp_path: Path) -> None:
    text = "t,q\n2020-03-29 01:45,1\n2020-03-29 02:15,2\n2020-03-29 02:45,3\n2020-03-29 03:00,4\n2020-03-30,5\n2020-03-31,6\n"
    source = gauge(tmp_path, text, timezone="Europe/Berlin")
    assert [v[0] for v in values(source)][:2] == ["2020-03-29 00:45", "2020-03-29 01:00"]
    assert [v[1] for v in values(source)] == [1.0, 4.0, 5.0, 6.0]
    assert reasons(source)[0].startswith("lines 3, 4: the clocks of Europe/Berlin left this time out")


def test_years_beyond_reason_are_no_times(tmp_path: Path) -> None:
    text = "t,q\n0001-01-01,1\n9999-12-31 24:00,2\n2020-01-01,3\n2020-01-02,4\n2020-01-03,5\n"
    assert [v[1] for v in values(gauge(tmp_path, text))] == [3.0, 4.0, 5.0]


def test_broken_lines_cost_themselves_only(tmp_path: Path) -> None:
    text = (
        "t,q\n2020-01-01,1\n" + "9" * 100_001 + "\n\0\0\0\0" + "2020-01-02,2\n2020-01-03,3\r\n2020-01-04,4\r2020-01-05"
    )
    source = gauge(tmp_path, text)
    assert [v[1] for v in values(source)] == [1.0, 3.0, 4.0]
    assert reasons(source) == [
        "line 3: longer than 100000 characters, left out",
        "line 4: holds NUL bytes, as after a power cut, left out",
        "line 7: too few columns, left out",
    ]


def test_of_many_bad_lines_the_first_are_named_and_all_are_counted(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d")
    text = "t,q\n" + "".join(f"{day},{'ice' if i % 3 == 0 else i}\n" for i, day in enumerate(days))
    assert reasons(gauge(tmp_path, text)) == [
        "lines 2, 5, 8, 11, 14, 17, 20, 23 and 12 more: discharge_m3s is no number, taken as missing ('ice')"
    ]
