"""Water levels of satellites. Every file here is constructed after shapes that are known; none holds a measured value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from erosion.core.errors import SourceError
from erosion.gauges.drivers import altimetry
from erosion.gauges.drivers.altimetry import Altimetry, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading

ALL = Asked(since=None, until=pd.Timestamp("2100-01-01", tz="UTC"))
HYDROWEB = """#BASIN:: MEKONG
#RIVER:: MEKONG
#ID:: 0001
#REFERENCE LONGITUDE:: 105.2010
#REFERENCE LATITUDE:: 10.8010
#GEOID MODEL:: EGM2008
#MISSION(S)-TRACK(S):: S3A-0001
#MEAN ALTITUDE(M.mm):: NA
#COL 3 : ORTHOMETRIC HEIGHT (M) OF WATER SURFACE AT REFERENCE POSITION
################################################################
"""


def entry(folder: Path, text: str | bytes, **changes: Any) -> Altimetry:
    path = folder / "crossing.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    values: dict[str, Any] = {
        "name": "crossing",
        "driver": "altimetry",
        "title": "",
        "path": path,
        "gauge_id": "s3a-0001",
        "river": "",
        "location": (105.2, 10.8),
        "datum": "EGM2008",
        "cadence_days": 27.0,
        "latency_days": 3.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "described_in": folder / "crossing.yaml",
    }
    return Altimetry(**{**values, **changes})


def land_service(data: list[Any], **properties: Any) -> str:
    about = {"resource": "X", "missing_value": 9999.999, "water_surface_reference_name": "EGM2008", **properties}
    place = {"type": "Point", "coordinates": [105.2, 10.8]}
    return json.dumps({"type": "Feature", "geometry": place, "properties": about, "data": data})


def height(when: str, value: Any) -> dict[str, Any]:
    return {
        "datetime": when,
        "water_surface_height_above_reference_datum": value,
        "water_surface_height_uncertainty": 9999.999,
        "identifier": "x",
    }


def rows(reading: Reading) -> list[tuple[str, float, str]]:
    table = reading.values
    assert list(table.columns) == list(READING_COLUMNS) and set(table["quantity"]) == {"stage"}
    return [(str(t)[:16], v, q) for t, v, q in zip(table["time"], table["value"], table["quality"], strict=True)]


def test_hydroweb(tmp_path: Path) -> None:
    text = HYDROWEB + (
        "2008-02-15 14:22 3.89 0.12 : 105.2 10.8 -3.1 -7.0 0.2 S3A 1\n"
        "2008-01-15 12:30:45 4.23 8.75\n2008-03-15 10:05 9999.9990 9999.999\n2008-04-15 10:05 NA NA\n"
    )
    reading = read(entry(tmp_path, text), ALL)
    assert rows(reading)[:2] == [("2008-01-15 12:30", 4.23, "good"), ("2008-02-15 14:22", 3.89, "good")]
    assert [(row[0], np.isnan(row[1]), row[2]) for row in rows(reading)[2:]] == [
        ("2008-03-15 10:05", True, "missing"),
        ("2008-04-15 10:05", True, "missing"),
    ]
    assert [tuple(item) for item in reading.skipped] == [
        ("crossing.txt", "heights are above EGM2008; the entry says 'EGM2008'", True)
    ]


def test_the_land_service(tmp_path: Path) -> None:
    text = land_service(
        [height("2019/02/15 12:00", 4.5), height("2019/01/15 12:00", 9999.999), height("2019/03/01 00:10", None)]
    )
    reading = read(entry(tmp_path, text), ALL)
    assert [row[::2] for row in rows(reading)] == [
        ("2019-01-15 12:00", "missing"),
        ("2019-02-15 12:00", "good"),
        ("2019-03-01 00:10", "missing"),
    ]
    assert rows(reading)[1][1] == 4.5 and len(reading.skipped) == 1


def test_the_missing_value_is_the_one_that_the_file_names(tmp_path: Path) -> None:
    text = land_service([height("2019/01/15 12:00", -777.0), height("2019/02/15 12:00", 2.0)], missing_value=-777.0)
    assert [row[2] for row in rows(read(entry(tmp_path, text), ALL))] == ["missing", "good"]


def test_what_cannot_be_read_is_listed(tmp_path: Path) -> None:
    text = HYDROWEB + "2008-01-15 12:30 4.2 0.1\n2008-02-31 12:30 4.3 0.1\n2008-03-15 10:05 high 0.1\n2008-04-15\n"
    reading = read(entry(tmp_path, text), ALL)
    assert [row[2] for row in rows(reading)] == ["good", "missing"]
    assert [item.reason for item in reading.skipped][:3] == [
        "line 14: too few columns, left out",
        "line 12: has no readable time, left out ('2008-02-31 12:30')",
        "line 13: height is no number, taken as missing ('high')",
    ]


def test_two_heights_of_one_minute(tmp_path: Path) -> None:
    text = (
        HYDROWEB
        + "2008-01-15 12:30 4.2 0.1\n2008-01-15 12:30 4.9 0.1\n2008-02-15 12:30 4 0.1\n2008-02-15 12:30 4.0 0.1\n"
    )
    reading = read(entry(tmp_path, text), ALL)
    assert [row[1:] for row in rows(reading)] == [(4.9, "suspect"), (4.0, "good")]


@pytest.mark.parametrize(
    ("location", "says"), [((105.2, 10.83), None), ((105.3, 10.8), "is of 105.201 E, 10.801 N, 11 km from the entry's")]
)
def test_a_place_far_from_the_entry_is_reported(
    tmp_path: Path, location: tuple[float, float], says: str | None
) -> None:
    source = entry(tmp_path, HYDROWEB + "2008-01-15 12:30 4.2 0.1\n", location=location)
    listed = [item.reason for item in read(source, ALL).skipped if not item.usual]
    assert len(listed) == (says is not None) and (says is None or listed[0].startswith(says))


def test_a_file_without_a_place_or_geoid_says_so(tmp_path: Path) -> None:
    source = entry(tmp_path, "#ID:: 0001\n2008-01-15 12:30 4.2 0.1\n", datum="EGM96")
    assert [item.reason for item in read(source, ALL).skipped] == [
        "heights are above a geoid that it does not name; the entry says 'EGM96'",
        "names no place, which cannot be held against the entry's location; check that it is the file",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is empty"),
        ("time,stage\n2020-01-01,2\n", "is neither a text of Hydroweb nor a GeoJSON of the land service"),
        ("<html><body>Sign in", "is neither"),
        (HYDROWEB, "has a head and no heights"),
        (HYDROWEB + "15.01.2008 12:30 4.2 0.1\n", "none of its 1 lines has a time and a height that can be read"),
        (land_service([height("2019/01/15 12:00", 4.5)])[:-20], "is no JSON .*cut short"),
        ('{"type": "FeatureCollection"}', "is no water level of the Copernicus land service"),
        ('{"data": 5, "properties": {}}', "has no list 'data'"),
        (land_service([]), "holds no height"),
        (land_service([5, "x"]), "holds no height"),
        (land_service([{"datetime": ["x"]}]), "none of its 1 lines"),
        ('{"data": ' + "[" * 100_000, "is no JSON"),
        (b"\xff\xfe\x00\x00", "is neither"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read(entry(tmp_path, text), ALL)


def test_a_file_that_is_missing_or_far_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="is not there: bring the file of the crossing"):
        read(entry(tmp_path, "x", path=tmp_path / "no.txt"), ALL)
    with pytest.raises(SourceError, match="cannot be read"):
        read(entry(tmp_path, "x", path=tmp_path), ALL)
    monkeypatch.setattr(altimetry, "_MOST_BYTES", 500)
    with pytest.raises(SourceError, match="is no series of one crossing"):
        read(entry(tmp_path, HYDROWEB + "2008-01-15 12:30 4.2 0.1\n" * 20), ALL)
