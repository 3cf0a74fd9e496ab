"""Gauges in files: one unit, one clock, four words of quality; what cannot be read is listed by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.sources import CATALOGUE, load_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns, GaugeFiles, GaugeUnits
from tests.gauges.drivers.gauge_files.made_gauge_files import ALL, CODED, check, gauge, reasons, rows, values

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
