"""Gauges: one unit, one clock, four words of quality; what cannot be read is listed by line."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.problems import CatalogError, Problems
from erosion.config.sources import CATALOGUE, load_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers import gauge_files, gauge_files_table
from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns, GaugeFiles, GaugeUnits, QualityCodes
from erosion.gauges.formats import compact
from erosion.gauges.formats import rows as tables
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading
from erosion.gauges.formats.rows import Notes

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


# --- the real gauges ---------------------------------------------------------------------------------------------------


def test_the_gauges_of_the_mamore() -> None:
    source = load_source("guajara_mirim")
    assert isinstance(source, GaugeFiles) and source.gauge_id == "15250000"
    reading = read(source, ALL)
    check(reading)
    own = reading.values
    assert len(own) == 16802 and list(reading.skipped) == [] and set(own["quantity"]) == {"discharge"}
    raw = pd.read_csv(CATALOGUE / "datasets/mamore/gauges/15250000_guajara_mirim.csv")
    np.testing.assert_array_equal(own["value"], raw["discharge_m3s"])
    assert (own["quality"] == "good").sum() == (raw["status"] == 1).sum()
    assert (own["quality"] == "estimated").sum() == ((raw["status"] == 2) | raw["status"].isna()).sum()
    # Midnight at UTC-4 all year.
    assert str(own["time"].iloc[0]) == "1980-01-01 04:00:00+00:00"


# --- units, clocks, formats ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "factor"), [("m3/s", 1.0), ("l/s", 0.001), ("ft3/s", 0.028316846592)], ids=["m3", "l", "ft3"]
)
def test_discharge_is_converted_once(tmp_path: Path, unit: str, factor: float) -> None:
    source = gauge(tmp_path, "t,q\n2020-01-01,1500\n", units=GaugeUnits(discharge_m3s=unit))
    assert values(source)[0][1] == pytest.approx(1500 * factor, rel=1e-12)


@pytest.mark.parametrize(("unit", "factor"), [("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("ft", 0.3048)])
def test_stage_is_converted_once(tmp_path: Path, unit: str, factor: float) -> None:
    columns = GaugeColumns(time=("t",), stage_m="h")
    source = gauge(tmp_path, "t,h\n2020-01-01,-35\n", columns=columns, units=GaugeUnits(stage_m=unit), datum="zero")
    assert values(source) == [] and values(source, "stage")[0][1] == pytest.approx(-35 * factor, rel=1e-12)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("cm", 10.0), ("m", 1000.0), ("in", 25.4)])
def test_rain_is_converted_once(tmp_path: Path, unit: str, factor: float) -> None:
    columns = GaugeColumns(time=("t",), rain_mm="r")
    source = gauge(tmp_path, "t,r\n2020-01-01,0.5\n", columns=columns, units=GaugeUnits(rain_mm=unit))
    assert values(source, "rain")[0][1] == pytest.approx(0.5 * factor, rel=1e-12)


def test_several_quantities_of_one_file_become_long_rows(tmp_path: Path) -> None:
    text = "t,h,q,r\n2020-01-02,1.5,900,\n2020-01-01,1.4,,3\n"
    columns = GaugeColumns(time=("t",), stage_m="h", discharge_m3s="q", rain_mm="r")
    reading = read(gauge(tmp_path, text, columns=columns), ALL)
    check(reading)
    assert [v[1:] for v in rows(reading, "stage")] == [(1.4, "good"), (1.5, "good")]
    assert [v[2] for v in rows(reading)] == ["missing", "good"]
    assert [v[2] for v in rows(reading, "rain")] == ["good", "missing"]


@pytest.mark.parametrize(
    ("text", "zone", "time_format", "utc"),
    [
        ("2020-01-01", "Asia/Ho_Chi_Minh", None, "2019-12-31 17:00"),
        ("2020-01-01 06:30", "Asia/Ho_Chi_Minh", None, "2019-12-31 23:30"),
        ("2020-01-01T06:30:00Z", "Asia/Ho_Chi_Minh", None, "2020-01-01 06:30"),
        ("2020-01-01T06:30:00-04:00", "Asia/Ho_Chi_Minh", None, "2020-01-01 10:30"),
        ("20200131", "Etc/GMT+4", None, "2020-01-31 04:00"),
        ("31/01/2020", "Etc/GMT+4", "%d/%m/%Y", "2020-01-31 04:00"),
        ("02.01.2020 05:00 +0700", "Etc/GMT+4", "%d.%m.%Y %H:%M %z", "2020-01-01 22:00"),
        # A summer time that began at midnight left this midnight out; the day begins an hour later.
        ("1985-11-02", "America/Porto_Velho", None, "1985-11-02 04:00"),
    ],
)
def test_times_become_utc(tmp_path: Path, text: str, zone: str, time_format: str | None, utc: str) -> None:
    source = gauge(tmp_path, f"t,q\n{text},5\n", timezone=zone, time_format=time_format)
    assert values(source) == [(utc, 5.0, "good")]


def test_times_with_and_without_offset_may_stand_in_one_file(tmp_path: Path) -> None:
    source = gauge(tmp_path, "t,q\n2020-01-02,2\n2020-01-01T00:00Z,1\n")
    assert values(source) == [("2020-01-01 00:00", 1.0, "good"), ("2020-01-01 17:00", 2.0, "good")]


def test_an_hour_that_occurs_twice_is_not_guessed(tmp_path: Path) -> None:
    text = "t,q\n2020-10-25 01:30,1\n2020-10-25 02:30,2\n2020-10-25 03:30,3\n"
    source = gauge(tmp_path, text, timezone="Europe/Berlin")
    assert [v[1] for v in values(source)] == [1.0, 3.0]
    assert reasons(source) == [
        "line 3: the clocks of Europe/Berlin left this time out or showed it twice, left out ('2020-10-25 02:30')"
    ]


def test_comma_decimals_semicolons_comments_and_quotes(tmp_path: Path) -> None:
    text = '# station 42\n# values are raw\n"t"; "q"\r\n2020-01-01; "1.234"\r\n2020-01-02; 2,5\r\n\r\n'
    source = gauge(tmp_path, text, delimiter=";", decimal=",", missing=("1.234",))
    assert values(source)[1][1] == 2.5 and values(source)[0][2] == "missing"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1258"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "ngày,lưu lượng\n2020-01-01,7\n".replace("ượ", "ươ")
    columns = GaugeColumns(time=("ngày",), discharge_m3s="lưu lương")
    declared = None if encoding.startswith("utf") else encoding
    source = gauge(tmp_path, text.encode(encoding), columns=columns, encoding=declared)
    assert values(source)[0][1] == 7.0


def test_an_undeclared_encoding_is_an_error_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"set 'encoding' in .*gauge\.yaml .*cp1258"):
        read(gauge(tmp_path, "ngày,q\n2020-01-01,7\n".encode("cp1258")), ALL)


# --- quality ------------------------------------------------------------------------------------------------------------


def test_quality_codes_are_compared_as_codes_not_as_text(tmp_path: Path) -> None:
    text = "t,q,s\n2020-01-01,1,1.0\n2020-01-02,2,2\n2020-01-03,3,3.00\n2020-01-04,4,\n2020-01-05,5,8\n2020-01-06,,1\n"
    source = gauge(tmp_path, text, **CODED)
    assert [v[2] for v in values(source)] == ["good", "estimated", "suspect", "estimated", "suspect", "missing"]
    assert reasons(source) == ["line 6: quality code is not declared under 'quality', taken as suspect ('8')"]


# --- duplicates ----------------------------------------------------------------------------------------------------------


def test_the_same_value_twice_counts_once(tmp_path: Path) -> None:
    source = gauge(tmp_path, "t,q\n2020-01-01,5\n2020-01-02,6\n2020-01-01,5.0\n")
    assert [v[1:] for v in values(source)] == [(5.0, "good"), (6.0, "good")]
    assert reasons(source) == [
        "line 2: discharge: time occurs before or again with the same or a better value, left out"
    ]


def test_of_two_values_the_better_quality_stands_wherever_it_is(tmp_path: Path) -> None:
    text = "t,q,s\n2020-01-01,5,1\n2020-01-01,9,2\n2020-01-02,,1\n2020-01-02,4,3\n2020-01-03,1,2\n2020-01-03,2,1\n"
    assert [v[1:] for v in values(gauge(tmp_path, text, **CODED))] == [(5, "good"), (4, "suspect"), (2, "good")]


def test_of_two_values_of_equal_quality_the_last_stands_and_is_suspect(tmp_path: Path) -> None:
    source = gauge(tmp_path, "t,q\n2020-01-01,5\n2020-01-01,9\n2020-01-01,7\n2020-01-02,3\n")
    assert [v[1:] for v in values(source)] == [(7.0, "suspect"), (3.0, "good")]
    assert (
        len(reasons(source)) == 1
        and "lines 2, 3: discharge: time occurs again with another value" in reasons(source)[0]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.sampled_from("123")), min_size=1, max_size=12))
def test_whatever_the_duplicates_each_time_occurs_once(tmp_path: Path, rows: list[tuple[int, int, str]]) -> None:
    text = "t,q,s\n" + "".join(f"2020-01-0{day},{q},{code}\n" for day, q, code in rows)
    reading = read(gauge(tmp_path, text, **CODED), ALL)
    check(reading)
    table = reading.values
    assert len(table) == len({day for day, _, _ in rows})
    for day, got, qc in zip(sorted({r[0] for r in rows}), table["value"], table["quality"], strict=True):
        best = min(code for d, _, code in rows if d == day)
        candidates = [q for d, q, code in rows if d == day and code == best]
        assert got == candidates[-1]
        word = {"1": "good", "2": "estimated", "3": "suspect"}[best]
        assert qc == (word if len(set(candidates)) == 1 else "suspect")


# --- bad input ------------------------------------------------------------------------------------------------------------


def test_text_in_numbers_is_a_missing_value_listed_by_line(tmp_path: Path) -> None:
    text = "t,q\n2020-01-01,1\n2020-01-02,ice\n2020-01-03,\n2020-01-04,1 200\n2020-01-05,inf\n2020-01-06,2e3\n2020-01-07,3\n"
    source = gauge(tmp_path, text)
    assert [v[1] for v in values(source)][::5] == [1.0, 2000.0]
    assert [v[2] for v in values(source)] == ["good", "missing", "missing", "missing", "missing", "good", "good"]
    assert reasons(source) == ["lines 3, 5, 6: discharge_m3s is no number, taken as missing ('ice', '1 200', 'inf')"]


def test_lines_without_a_time_or_cut_short_are_left_out_and_listed(tmp_path: Path) -> None:
    text = (
        "t,q\n2020-01-01,1\nyesterday,two\n2020-02-30,3\n2020,4\n2020-01-03\n2020-01-04,5\n2020-01-05,5\n2020-01-06,5\n"
    )
    source = gauge(tmp_path, text)
    assert [v[1] for v in values(source)] == [1, 5, 5, 5]
    assert reasons(source) == [
        "line 6: too few columns, left out",
        "lines 3, 4, 5: has no readable time ('yesterday', '2020-02-30', '2020')",
    ]


def test_a_decimal_comma_that_was_not_declared_is_an_error(tmp_path: Path) -> None:
    text = "t;q\n2020-01-01;1,5\n2020-01-02;2,5\n2020-01-03;3\n"
    with pytest.raises(
        SourceError, match=r"column 'q' .*67% of its cells, e.g. '1,5', '2,5', are no numbers; check 'd"
    ):
        read(gauge(tmp_path, text, delimiter=";"), ALL)


def test_dates_of_another_pattern_are_an_error_and_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"'02/01/2020'.* are no times; set 'time_format'"):
        read(gauge(tmp_path, "t,q\n02/01/2020,1\n03/01/2020,2\n"), ALL)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is empty; fetch it again"),
        (b"  \n\n", "is empty"),
        (b"t,q\n", "has a header and no values"),
        (b"t;q\n2020-01-01;1\n", "has no column 't' .*is 'delimiter' ',' right"),
        (b"t,qq\n2020-01-01,1\n", r"has no column 'q' \(columns.discharge_m3s in .*did you mean 'qq'"),
        (b"t,q,q\n2020-01-01,1,2\n", "column 'q' is there twice"),
        (b"t,q\n2020-01-01,1" + b"x" * 200_000, "no values; .*; line 2: longer than 100000 characters, left out"),
        (
            b't,q\n"2020-01-01,1\n' + b"2020-01-02,1\n" * 30,
            "line 2: a quotation mark is not closed; this is no delimited",
        ),
        (b't,q\n"2020-01-01,1' + b"\n" * 9 + b"x" * 99_999 + b"\n" + b"x" * 99_999, "line 2: field larger than"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read(gauge(tmp_path, text), ALL)


def test_negative_discharge_is_kept_for_tides_turn_rivers_round(tmp_path: Path) -> None:
    assert values(gauge(tmp_path, "t,q\n2020-01-01,-1200\n"))[0][1:] == (-1200.0, "good")


def test_missing_texts_are_declared(tmp_path: Path) -> None:
    source = gauge(tmp_path, "t,q\n2020-01-01,-9999\n2020-01-02,3\n", missing=("-9999",))
    assert [v[2] for v in values(source)] == ["missing", "good"] and reasons(source) == []


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
def test_a_wrong_delimiter_is_told_with_the_right_one(tmp_path: Path, mark: str, shown: str) -> None:
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
        ("g.xlsx", b"t,q\n2020-01-01,1\n", "is no Excel file, whatever its name says; if it is text, name it .csv"),
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


# --- Excel ---------------------------------------------------------------------------------------------------------------


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


# --- much data -------------------------------------------------------------------------------------------------------------


def test_values_closer_than_ten_minutes_become_the_median_of_their_ten_minutes(tmp_path: Path) -> None:
    text = (
        "t,h,r,s\n2020-01-01T00:01Z,1,0.5,1\n2020-01-01T00:05Z,9,0.25,1\n2020-01-01T00:09:59Z,2,1,1\n"
        "2020-01-01T00:10Z,4,0,1\n2020-01-01T00:12Z,6,0,1\n2020-01-01T00:15Z,99,0,3\n"
        "2020-01-01T00:33Z,7,2,1\n2020-01-01T00:41Z,,,1\n2020-01-01T00:42Z,8,1,1\n2020-01-01T00:43Z,,,1\n2020-01-01T00:51Z,,,1\n"
    )
    columns = GaugeColumns(time=("t",), stage_m="h", rain_mm="r", quality="s")
    source = gauge(tmp_path, text, columns=columns, quality=CODED["quality"])
    reading = read(source, ALL)
    check(reading)
    # 00:10 is the median of the two good values; a value alone in its ten minutes keeps its own time.
    assert rows(reading, "stage")[:4] == [
        ("2020-01-01 00:00", 2.0, "good"),
        ("2020-01-01 00:10", 5.0, "good"),
        ("2020-01-01 00:33", 7.0, "good"),
        ("2020-01-01 00:40", 8.0, "good"),
    ]
    assert rows(reading, "rain")[:4] == [
        ("2020-01-01 00:00", 1.75, "good"),
        ("2020-01-01 00:10", 0.0, "suspect"),
        ("2020-01-01 00:33", 2.0, "good"),
        ("2020-01-01 00:40", 1.0, "suspect"),  # two minutes of it are missing
    ]
    assert rows(reading, "stage")[4][::2] == rows(reading, "rain")[4][::2] == ("2020-01-01 00:51", "missing")
    assert [(item.reason[:38], item.usual) for item in reading.skipped] == [
        ("stage: 9 values closer together than t", True),
        ("rain: 9 values closer together than te", True),
    ]


def test_values_ten_minutes_apart_are_left_alone(tmp_path: Path) -> None:
    times = pd.date_range("2020-01-01T00:03", periods=200, freq="10min").strftime("%Y-%m-%d %H:%M")
    source = gauge(tmp_path, "t,q\n" + "".join(f"{t},{i}\n" for i, t in enumerate(times)))
    assert [v[1] for v in values(source)] == list(range(200)) and reasons(source) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    seconds=st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 9)), min_size=1, max_size=40),
    order=st.sampled_from(["rising", "falling"]),
    most=st.integers(1, 30),
    quantity=st.sampled_from(["stage", "rain"]),
)
def test_how_much_is_held_at_once_changes_no_value(
    monkeypatch: pytest.MonkeyPatch, seconds: list[tuple[int, int]], order: str, most: int, quantity: str
) -> None:
    """Of a file sorted either way; duplicates of a time lie together in it."""
    told = sorted(dict(seconds).items(), reverse=order == "falling")

    def kept(at_most: int) -> pd.DataFrame:
        monkeypatch.setattr(compact, "_MOST_RAW", at_most)
        one = compact.Compact(quantity, Notes("x"))
        for i, (second, value) in enumerate(told):
            time = np.array([second * 10**9])
            one.add(time, np.array([float(value)]), np.array([3], dtype=np.int8), np.array([i]))
        return compact.as_reading(quantity, one.values())

    pd.testing.assert_frame_equal(kept(most), kept(10**9))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_the_lines_changes_no_value(tmp_path: Path, order: list[int]) -> None:
    lines = [f"2020-01-01T{i // 4:02d}:{i % 4 * 3:02d}Z,{i * i % 7}\n" for i in range(12)]
    shuffled = gauge(tmp_path, "t,q\n" + "".join(lines[i] for i in order), "a.csv")
    plain = gauge(tmp_path, "t,q\n" + "".join(lines), "b.csv")
    pd.testing.assert_frame_equal(read(shuffled, ALL).values, read(plain, ALL).values)


def test_a_file_takes_memory_for_its_years_and_not_for_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauge_files_table, "_BLOCK", 2000)
    monkeypatch.setattr(compact, "_MOST_RAW", 5000)
    times = pd.date_range("2020-01-01", "2020-01-02", freq="30s", inclusive="left").strftime("%Y-%m-%dT%H:%M:%SZ")
    day = "".join(f"{time},{time[11:13]}.5,{'x' * 500}\n" for time in times)
    peaks = []
    for copies in (1, 2, 6):
        source = gauge(tmp_path, "t,q,note\n" + day * copies)
        tracemalloc.start()
        got = values(source)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert [v[1] for v in got] == [hour + 0.5 for hour in range(24) for _ in range(6)]
    assert peaks[2] < 1.3 * peaks[1], f"{peaks} bytes of memory for 1, 2 and 6 copies of {len(day)} characters"


def test_a_line_without_an_end_takes_little_memory(tmp_path: Path) -> None:
    source = gauge(tmp_path, "t,q\n2020-01-01,1\n" + "9" * 20_000_000 + "\n2020-01-02,2\n")
    tracemalloc.start()
    got = values(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [v[1] for v in got] == [1.0, 2.0] and peak < 8_000_000


# --- a folder of a logger's files ------------------------------------------------------------------------------------------


class Folder:
    """A folder into which files are dropped, with times that were chosen."""

    def __init__(self, path: Path, **changes: Any) -> None:
        self.path = path / "drop"
        self.path.mkdir()
        self.source = gauge(path, None, "drop", **changes)
        self.state: Any = {}

    def put(self, name: str, text: str | bytes, age_s: float = 7200) -> None:
        path = self.path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.age(name, age_s)

    def age(self, name: str, age_s: float) -> None:
        at = time.time() - age_s
        os.utime(self.path / name, (at, at))

    def read(self) -> Reading:
        reading = read(self.source, Asked(None, ALL.until, self.state))
        check(reading)
        self.state = json.loads(json.dumps(reading.state))
        return reading


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def told(reading: Reading) -> list[tuple[str, str, bool]]:
    return [(item.scene, item.reason, item.usual) for item in reading.skipped]


def test_files_of_a_folder_are_read_once(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    folder.put("notes.txt", "not a value")
    folder.put("~$a.csv", "held open")
    folder.put(".b.csv", "hidden")
    first = folder.read()
    assert [v[1] for v in rows(first)] == [1.0, 2.0]
    assert told(first) == [("notes.txt", "does not match the pattern under 'files' (*.csv)", True)]
    # What was read before is not looked into again: not even what would stop the reading.
    status = (folder.path / "a.csv").stat()
    (folder.path / "a.csv").write_bytes(b"x" * status.st_size)
    os.utime(folder.path / "a.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    folder.put("c.csv", "t,q\n2020-01-03,3\n")
    assert [v[1] for v in rows(folder.read())] == [3.0]
    assert len(folder.read().values) == 0


def test_a_file_whose_ending_is_in_capitals_is_read(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("B.CSV", "t,q\n2020-01-02,2\n")
    first = folder.read()
    assert [v[1] for v in rows(first)] == [1.0, 2.0] and told(first) == []


def test_a_file_that_grew_is_read_again_and_one_that_was_only_touched_is_not(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.read()
    folder.age("a.csv", 4000)
    assert len(folder.read().values) == 0
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-02,2\n", 3700)
    assert [v[1] for v in rows(folder.read())] == [1.0, 2.0]
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-02,3\n", 3600)
    assert [v[1] for v in rows(folder.read())] == [1.0, 3.0]


def test_a_file_that_is_still_written_waits(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n2020-01-03,3\n", age_s=5)
    first = folder.read()
    assert [v[1] for v in rows(first)] == [1.0]
    assert len(first.skipped) == 1 and first.skipped[0].scene == "b.csv" and first.skipped[0].usual
    assert re.fullmatch(
        r"changed \d+ s ago and may still be written; it is taken the next time", first.skipped[0].reason
    )
    folder.age("b.csv", 120)
    assert [v[1] for v in rows(folder.read())] == [2.0, 3.0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_last_line_without_an_end_waits_for_an_hour(tmp_path: Path, encoding: str) -> None:
    folder = Folder(tmp_path)
    whole = "t,q\n2020-01-01,1\n2020-01-02,34"
    folder.put("a.csv", whole[:-1].encode(encoding), age_s=3000)
    first = folder.read()
    assert len(first.values) == 0
    assert told(first) == [
        ("a.csv", "its last line has no end and may still be written; it is taken the next time", True)
    ]
    folder.put("a.csv", (whole + "\n").encode(encoding), age_s=300)
    assert [v[1] for v in rows(folder.read())] == [1.0, 34.0]
    folder.put("b.csv", "t,q\n2020-01-03,5".encode(encoding), age_s=3700)
    assert [v[1] for v in rows(folder.read())] == [5.0]


def test_a_file_that_changes_while_it_is_read_is_taken_the_next_time(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    whole = gauge_files.read_table

    def meanwhile(source: GaugeFiles, path: Path, notes: Notes) -> Any:
        values = whole(source, path, notes)
        if path.name == "b.csv":
            folder.put("b.csv", "t,q\n2020-01-02,2\n2020-01-03,3\n")
        return values

    with monkeypatch.context() as patch:
        patch.setattr(gauge_files, "read_table", meanwhile)
        reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0] and "changed while it was read" in reading.skipped[0].reason
    assert [v[1] for v in rows(folder.read())] == [2.0, 3.0]


def test_a_wrong_clock_of_a_logger_does_not_keep_its_file_waiting(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n", age_s=-86400)
    assert [v[1] for v in rows(folder.read())] == [1.0]


def test_a_file_that_vanished_is_told_once(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    folder.read()
    (folder.path / "a.csv").unlink()
    reading = folder.read()
    assert len(reading.values) == 0
    assert told(reading) == [("gauge", "a.csv: no longer there, the values are kept", True)]
    assert told(folder.read()) == []


def test_a_broken_file_is_listed_every_night_until_it_is_mended(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "<html>no")
    for count in (1, 0):
        reading = folder.read()
        assert len(reading.values) == count
        ((name, reason, usual),) = told(reading)
        assert name == "b.csv" and "web page" in reason and not usual
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    assert [v[1] for v in rows(folder.read())] == [2.0]


def test_where_no_file_can_be_read_there_is_nothing_to_give(folder: Folder) -> None:
    with pytest.raises(SourceError, match=r"drop: holds no file like '\*.csv'; check 'path' and 'files' in"):
        folder.read()
    folder.put("b.csv", "<html>no")
    with pytest.raises(SourceError, match=r"b.csv: is a web page"):
        folder.read()


def test_a_logger_that_has_written_only_its_header_is_no_mistake(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n")
    assert told(folder.read()) == [("b.csv", "has a header and no values yet", True)]
    folder.put("b.csv", "t,q\n2020-01-02,2\n", 4000)
    assert [v[1] for v in rows(folder.read())] == [2.0]


def test_files_that_overlap(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n2020-01-04,4\n", age_s=9000)
    folder.put("b.csv", "t,q\n2020-01-02,2\n2020-01-03,30\n2020-01-04,\n2020-01-05,5\n", age_s=8000)
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0, 2.0, 30.0, 4.0, 5.0]
    assert told(reading) == [
        (
            "b.csv",
            "1 values of discharge differ from those of a.csv, first at 2020-01-02T17:00:00+00:00; the newer file stands",
            False,
        )
    ]


def test_an_older_file_that_comes_late_does_not_overrule_a_newer_one(folder: Folder) -> None:
    folder.put("b.csv", "t,q\n2020-01-03,30\n2020-01-05,5\n", age_s=8000)
    folder.put("far.csv", "t,q\n2021-01-03,7\n", age_s=8000)
    folder.read()
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-03,3\n", age_s=9000)
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0, 30.0, 5.0]
    assert [item.scene for item in reading.skipped] == ["b.csv"]


def test_ten_minutes_that_two_files_share_are_no_disagreement(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01T00:01Z,1\n2020-01-01T00:02Z,1\n", age_s=9000)
    folder.put("b.csv", "t,q\n2020-01-01T00:04Z,4\n2020-01-01T00:06Z,4\n", age_s=8000)
    reading = folder.read()
    assert len(reading.values) == 1 and all(item.usual for item in reading.skipped)


def test_a_link_out_of_the_folder_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("t,q\n2020-01-09,9\n")
    (folder.path / "link.csv").symlink_to(tmp_path / "secret.csv")
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0]
    assert told(reading) == [
        ("link.csv", "is a link out of the folder, left out; copy the file itself into the folder", False)
    ]


def test_excel_files_in_a_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path, files="*.xlsx")
    made = excel(tmp_path, [["t", "q"], [dt.datetime(2020, 1, 1), 4]])
    folder.put("a.xlsx", made.path.read_bytes(), age_s=100)
    folder.put("b.xlsx", made.path.read_bytes()[:-200], age_s=100)
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [4.0] and "cannot be read as Excel" in reading.skipped[0].reason


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*", "a/../../*.csv"])
def test_a_pattern_that_leads_out_of_the_folder_is_refused(tmp_path: Path, pattern: str) -> None:
    problems = Problems(tmp_path / "gauge.yaml")
    gauge(tmp_path, None, files=pattern).check(problems)
    with pytest.raises(CatalogError, match=r"files: .*leads out of the folder"):
        problems.stop_if_any()
