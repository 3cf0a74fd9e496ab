"""Exports of data portals. Every file here is constructed after headers that are known; none holds a measured value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.core.errors import SourceError
from erosion.gauges.drivers.mrc_export import MrcExport, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading

ALL = Asked(since=None, until=pd.Timestamp("2100-01-01", tz="UTC"))
HEAD = "Country Code,Station Code,Parameter,Label,Timestamp (UTC+07:00),Value,Unit,Observed or Estimated,Approval Level,Grade"
RAW = "Raw - Not Yet Reviewed,Unverified data"


def export(folder: Path, text: str, **changes: Any) -> MrcExport:
    path = folder / "export.csv"
    path.write_text(text, "utf-8")
    entry: dict[str, Any] = {
        "name": "tan_chau_export",
        "driver": "mrc_export",
        "title": "",
        "path": path,
        "gauge_id": "019803",
        "river": "",
        "location": (105.2, 10.8),
        "datum": "gauge zero",
        "cadence_days": 1.0,
        "latency_days": 1.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "described_in": folder / "tan_chau_export.yaml",
    }
    return MrcExport(**{**entry, **changes})


def portal(
    stamps: list[str],
    *,
    station: str = "019803",
    what: str = "Water Level,Manual",
    unit: str = "m",
    tail: str = "O," + RAW,
) -> str:
    lines = [f"VN,{station},{what},{stamp},{i + 1}.5,{unit},{tail}" for i, stamp in enumerate(stamps)]
    return "\n".join([HEAD, *lines, ""])


def rows(reading: Reading) -> list[tuple[str, float, str]]:
    table = reading.values
    assert list(table.columns) == list(READING_COLUMNS)
    assert table["time"].is_monotonic_increasing and table["time"].is_unique
    return [(str(t)[:16], v, q) for t, v, q in zip(table["time"], table["value"], table["quality"], strict=True)]


def times(source: MrcExport) -> list[str]:
    return [row[0] for row in rows(read(source, ALL))]


def reasons(source: MrcExport) -> list[str]:
    return [item.reason for item in read(source, ALL).skipped]


# --- the clock -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stamps", "utc", "taken"),
    [
        # True UTC: 17:00 is local midnight.
        (["1990-01-01T17:00Z", "1990-01-02T17:00Z"], ["1990-01-01 17:00", "1990-01-02 17:00"], "UTC, in which this is"),
        # Local days that were given a Z.
        (["1990-01-01T00:00Z", "1990-01-02T00:00Z"], ["1989-12-31 17:00", "1990-01-01 17:00"], "days of local time"),
        # Readings at seven in the morning and evening: the head of the column is right.
        (
            ["1990-01-01T07:00Z", "1990-01-01T19:00Z"],
            ["1990-01-01 00:00", "1990-01-01 12:00"],
            "local time, as in the col",
        ),
        # One reading at another hour, and the series is no longer one of midnights.
        (
            ["1990-01-01T17:00Z", "1990-01-02T07:00Z"],
            ["1990-01-01 10:00", "1990-01-02 00:00"],
            "local time, as in the col",
        ),
        (
            ["1990-01-01T00:00Z", "1990-01-02T12:00Z"],
            ["1989-12-31 17:00", "1990-01-02 05:00"],
            "local time, as in the col",
        ),
    ],
)
def test_which_clock_a_z_means_is_taken_from_the_file(
    tmp_path: Path, stamps: list[str], utc: list[str], taken: str
) -> None:
    source = export(tmp_path, portal(stamps))
    assert times(source) == utc
    (item,) = read(source, ALL).skipped
    assert f"were taken as {taken}" in item.reason and item.usual
    assert "set 'clock' to utc or local" in item.reason


@pytest.mark.parametrize(("clock", "utc"), [("local", "1990-01-01 10:00"), ("utc", "1990-01-01 17:00")])
def test_the_entry_may_say_which_clock_it_is(tmp_path: Path, clock: str, utc: str) -> None:
    source = export(tmp_path, portal(["1990-01-01T17:00Z"]), clock=clock)
    assert times(source) == [utc] and reasons(source) == []


def test_stamps_without_a_z_are_local_and_stamps_with_an_offset_are_what_they_say(tmp_path: Path) -> None:
    source = export(tmp_path, portal(["1990-01-01T17:00", "1990-01-02 17:00:00", "1990-01-03T17:00+03:00"]))
    assert times(source) == ["1990-01-01 10:00", "1990-01-02 10:00", "1990-01-03 14:00"] and reasons(source) == []


def test_the_zone_is_that_of_the_head(tmp_path: Path) -> None:
    text = portal(["1990-01-01T05:00Z", "1990-01-02T05:00Z"]).replace("UTC+07:00", "UTC-05:00")
    assert times(export(tmp_path, text)) == ["1990-01-01 05:00", "1990-01-02 05:00"]
    text = portal(["1990-01-01T06:00Z", "1990-01-02T09:00Z"]).replace("UTC+07:00", "UTC-05:00")
    assert times(export(tmp_path, text)) == ["1990-01-01 11:00", "1990-01-02 14:00"]
    text = portal(["1990-01-01T06:00Z"]).replace("UTC+07:00", "UTC+00:00")
    assert times(export(tmp_path, text)) == ["1990-01-01 06:00"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 24 * 60), min_size=2, max_size=20))
def test_whatever_the_clock_the_steps_between_values_stay(tmp_path: Path, minutes: set[int]) -> None:
    told = [pd.Timestamp("2000-02-28") + pd.Timedelta(minutes=10 * minute) for minute in sorted(minutes)]
    text = portal([f"{one:%Y-%m-%dT%H:%M}Z" for one in told])
    local, utc = (read(export(tmp_path, text, clock=clock), ALL).values["time"] for clock in ("local", "utc"))
    assert list(utc.dt.tz_localize(None)) == told
    assert ((utc - local) == pd.Timedelta(hours=7)).all()


# --- quantities, units, stations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "unit", "quantity", "value"),
    [
        ("Discharge,Daily Discharge", "m^3/s", "discharge", 1.5),
        ("Discharge,Daily Discharge", "m³/s", "discharge", 1.5),
        ("Discharge,Daily Discharge", "ft^3/s", "discharge", 1.5 * 0.3048**3),
        ("Water Level,Telemetry", "cm", "stage", 0.015),
        ("Rainfall,Manual", "mm", "rain", 1.5),
    ],
)
def test_quantity_and_unit_come_from_the_file(
    tmp_path: Path, what: str, unit: str, quantity: str, value: float
) -> None:
    table = read(export(tmp_path, portal(["1990-01-01T00:00Z"], what=what, unit=unit)), ALL).values
    assert table["quantity"].tolist() == [quantity] and table["value"].iloc[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (portal(["1990-01-01T00:00Z"], unit="kg/s"), "Water Level is in 'kg/s'; units known are m, cm, mm, ft"),
        (portal(["1990-01-01T00:00Z"], what="Sediment,Daily"), "holds 'Sediment'; what can be read is discharge, "),
        (
            portal(["1990-01-01T00:00Z"], station="039801"),
            "is of station '039801', the entry tan_chau_export of '019803'",
        ),
        (
            portal(["1990-01-01T00:00Z"]) + "VN,019803,Water Level,Telemetry,1990-01-02T00:00Z,1,m,O," + RAW,
            r"holds several series \(Water Level Manual m; Water Level Telemetry m\)",
        ),
        (
            portal(["1990-01-01T00:00Z"]) + "VN,039801,Water Level,Manual,1990-01-02T00:00Z,1,m,O," + RAW,
            "is of station '039801'",
        ),
        (HEAD + "\n", "has a header and no values"),
        ("", "is no export of a data portal"),
        ("time,stage\n1990-01-01,2\n", "is no export of a data portal: .*driver gauge_files"),
        ("# Location: 019803\n# Value units: m\n", "is no export of a data portal"),
        ("<html>Sign in", "is a web page"),
        (portal(["01/02/1990", "02/02/1990", "1990-01-01T00:00Z"]), "most of its times, e.g. '01/02/1990'.* are none"),
        (portal(["1990-01-01T00:00Z"]).replace("1.5,m", "low,m"), "most of its numbers, e.g. 'low', are none"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read(export(tmp_path, text), ALL)


def test_a_stage_needs_its_zero_and_a_discharge_does_not(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="stages, which mean nothing without their zero; name it as 'datum'"):
        read(export(tmp_path, portal(["1990-01-01T00:00Z"]), datum=None), ALL)
    text = portal(["1990-01-01T00:00Z"], what="Discharge,Daily", unit="m^3/s")
    assert len(read(export(tmp_path, text, datum=None), ALL).values) == 1


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is a folder; 'path' in .* must name the file itself"):
        read(export(tmp_path, "", path=tmp_path), ALL)
    with pytest.raises(SourceError, match="is not there: export the series from the portal"):
        read(export(tmp_path, "", path=tmp_path / "no.csv"), ALL)


@pytest.mark.parametrize(
    ("gauge_id", "station"),
    [("019803", "19803"), ("019803-mrc", "019803"), ("TCH_19803", "019803"), ("02BF013", "02bf013")],
)
def test_the_same_station_written_otherwise(tmp_path: Path, gauge_id: str, station: str) -> None:
    source = export(tmp_path, portal(["1990-01-01T07:00Z"], station=station), gauge_id=gauge_id, clock="local")
    assert len(times(source)) == 1 and reasons(source) == []


def test_a_station_that_cannot_be_checked_is_said_to_be_so(tmp_path: Path) -> None:
    source = export(tmp_path, portal(["1990-01-01T07:00Z"]), gauge_id="tan_chau", clock="local")
    (item,) = read(source, ALL).skipped
    assert item.reason.startswith("names station 019803, which cannot be held against gauge_id 'tan_chau'")
    assert not item.usual


# --- values and quality -------------------------------------------------------------------------------------------------------


def test_several_readings_of_a_day_stay_several(tmp_path: Path) -> None:
    source = export(tmp_path, portal(["1990-01-01T07:00Z", "1990-01-01T13:00Z", "1990-01-01T19:00Z"]))
    assert [row[:2] for row in rows(read(source, ALL))] == [
        ("1990-01-01 00:00", 1.5),
        ("1990-01-01 06:00", 2.5),
        ("1990-01-01 12:00", 3.5),
    ]


@pytest.mark.parametrize(
    ("tail", "quality"),
    [
        ("O," + RAW, "estimated"),
        ("O,Approved,Good", "good"),
        ("E,Approved,Good", "estimated"),
        ("O,Approved,Poor", "suspect"),
        ("E,Raw - Not Yet Reviewed,Poor", "suspect"),
        ("O,Approved,Undefined", "good"),
        (",,", "good"),
    ],
)
def test_the_worst_word_of_the_file_stands(tmp_path: Path, tail: str, quality: str) -> None:
    source = export(tmp_path, portal(["1990-01-01T07:00Z"], tail=tail), clock="local")
    assert [row[2] for row in rows(read(source, ALL))] == [quality] and reasons(source) == []


def test_a_word_nobody_knows_is_suspect_and_listed(tmp_path: Path) -> None:
    source = export(tmp_path, portal(["1990-01-01T07:00Z"], tail="O,Approved,Sehr gut"), clock="local")
    assert rows(read(source, ALL))[0][2] == "suspect"
    assert reasons(source) == ["line 2: Grade 'Sehr gut' is not known, taken as suspect"]


def test_blanks_texts_and_short_lines(tmp_path: Path) -> None:
    text = portal([f"1990-01-0{day}T07:00Z" for day in range(1, 8)])
    text = text.replace(",2.5,m", ",,m").replace(",3.5,m", ",dry,m").replace("1990-01-04T", "1990-01-32T")
    text += "VN,019803,Water Level\n"
    source = export(tmp_path, text, clock="local")
    assert [row[1:] for row in rows(read(source, ALL))][::5] == [(1.5, "estimated"), (7.5, "estimated")]
    assert [row[2] for row in rows(read(source, ALL))][1:3] == ["missing", "missing"]
    assert reasons(source) == [
        "line 9: too few columns, left out",
        "line 5: has no readable time, left out ('1990-01-32T07:00Z')",
        "line 4: value is no number, taken as missing ('dry')",
    ]


# --- the newer shape ----------------------------------------------------------------------------------------------------------


def newer(rows: list[str], identifier: str = "Stage.Telemetry@019803", what: str = "Stage", unit: str = "m") -> str:
    return "\n".join(
        [
            f"# {identifier}.20110101.csv generated at 2026-08-31",
            "#",
            f"# Time-series identifier: {identifier}",
            "# Location: TAN CHAU, on the Tien",
            "# UTC offset: (UTC+07:00)",
            f"# Value units: {unit}",
            f"# Value parameter: {what}",
            "#",
            "# Export options: Corrected signal from 2011-01-01T00:00:00Z to End of Record",
            "# CSV data starts at line 15.",
            "#",
            "ISO 8601 UTC,Timestamp (UTC+07:00),Value,Approval Level,Grade,Qualifiers",
            *rows,
            "",
        ]
    )


def test_the_newer_export_tells_utc_in_a_column_of_its_own(tmp_path: Path) -> None:
    text = newer(
        [
            "2010-12-31T17:00:00Z,2011-01-01 00:00:00,0.01,Approved,Good,",
            "2010-12-31T17:15:00Z,2011-01-01 00:15:00,0.02,Provisional,Good,A,B",
            "2010-12-31T17:30:00Z,2011-01-01 00:30:00,,Provisional,Good,",
        ]
    )
    source = export(tmp_path, text)
    assert rows(read(source, ALL))[:2] == [("2010-12-31 17:00", 0.01, "good"), ("2010-12-31 17:15", 0.02, "estimated")]
    assert rows(read(source, ALL))[2][2] == "missing" and reasons(source) == []


def test_the_newer_export_names_unit_quantity_and_station_above_its_header(tmp_path: Path) -> None:
    row = ["2010-12-31T17:00:00Z,2011-01-01 00:00:00,2,Approved,20,"]
    source = export(tmp_path, newer(row, "Discharge.Working@019803", "Discharge", "ft^3/s"))
    reading = read(source, ALL)
    assert reading.values["quantity"].tolist() == ["discharge"]
    assert reading.values["value"].iloc[0] == pytest.approx(2 * 0.3048**3)
    assert [(item.reason[:34], item.usual) for item in reading.skipped] == [
        ("Grade is given in numbers (20), wh", True)
    ]
    with pytest.raises(SourceError, match="is of station '02BF013'"):
        read(export(tmp_path, newer(row, "Stage.Working@02BF013")), ALL)
