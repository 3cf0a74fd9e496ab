"""Daily rain of NASA POWER. Every answer here is constructed in the shape that clients of the service read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.sources import load_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers.nasa_power import NasaPower, read
from erosion.gauges.formats.reading import Asked
from tests.gauge_server import GaugeServer
from tests.gauges.drivers.made_services import service_entry

PATH = "/api/temporal/daily/point"
NOW = pd.Timestamp("2024-07-11T02:00:00Z")


def entry(server: GaugeServer, **changes: Any) -> NasaPower:
    keys: dict[str, Any] = {
        "name": "rain",
        "driver": "nasa_power",
        "gauge_id": "019803-rain",
        "location": (105.24, 10.80),
        "cadence_days": 1.0,
        "latency_days": 3.0,
        "first_day": "2024-07-05",
    }
    return service_entry(NasaPower, server, **{**keys, **changes})


def answer(
    first: str, values: list[Any], fill: Any = -999.0, units: str = "mm/day", standard: str | None = "UTC"
) -> dict[str, Any]:
    dates = [f"{day:%Y%m%d}" for day in pd.date_range(first, periods=len(values))]
    header = {"title": "NASA/POWER Source Native Resolution Daily Data", "fill_value": fill, "time_standard": standard}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [105.24, 10.8, 2.0]},
        "properties": {"parameter": {"PRECTOTCORR": dict(zip(dates, values, strict=True))}},
        "header": {key: value for key, value in header.items() if value is not None},
        "messages": [],
        "parameters": {"PRECTOTCORR": {"units": units, "longname": "Precipitation Corrected"}},
    }


def test_rain_of_whole_utc_days(server: GaugeServer) -> None:
    server.answer(PATH, answer("2024-07-05", [0.0, 12.5, -999.0, 3.25, -999.0, -999.0]))
    reading = read(entry(server), Asked(None, NOW))
    table = reading.values
    assert list(table["time"]) == list(pd.date_range("2024-07-05", periods=4, tz="UTC"))
    # A fill value between rain is missing; the newest two are not there yet, which is no fault.
    np.testing.assert_array_equal(table["value"], [0.0, 12.5, np.nan, 3.25])
    assert list(table["quality"]) == ["estimated", "estimated", "missing", "estimated"]
    assert (table["quantity"] == "rain").all() and table["issued_at"].isna().all()
    assert list(reading.skipped) == []


def test_what_is_asked_for(server: GaugeServer) -> None:
    server.answer(PATH, answer("2024-07-05", [1.0] * 6))
    read(entry(server), Asked(pd.Timestamp("2024-07-08T10:00Z"), NOW))
    (question,) = server.asked
    # The day that still runs is not asked for; days of the sun at the place are the service's default.
    expected = {"start": "20240708", "end": "20240710", "time-standard": "UTC", "parameters": "PRECTOTCORR"}
    expected |= {"longitude": "105.24", "latitude": "10.8", "format": "JSON", "community": "AG"}
    assert {key: values[0] for key, values in question.query.items()} == expected


def test_only_days_that_were_asked_for_are_taken_and_in_order(server: GaugeServer) -> None:
    document = answer("2024-07-01", [float(day) for day in range(1, 16)])
    days = document["properties"]["parameter"]["PRECTOTCORR"]
    document["properties"]["parameter"]["PRECTOTCORR"] = dict(reversed(days.items()))
    server.answer(PATH, document)
    table = read(entry(server), Asked(None, NOW)).values
    np.testing.assert_array_equal(table["value"], [5, 6, 7, 8, 9, 10])
    assert table["time"].is_monotonic_increasing


@pytest.mark.parametrize("fill", [-888, -999.0, -888.0])
def test_the_fill_value_is_the_one_of_the_header(server: GaugeServer, fill: float) -> None:
    server.answer(PATH, answer("2024-07-05", [1.0, fill, 2.0], fill=fill))
    reading = read(entry(server), Asked(None, NOW))
    np.testing.assert_array_equal(reading.values["value"], [1.0, np.nan, 2.0])
    assert list(reading.skipped) == []


def test_rain_below_zero_that_is_not_the_fill_value_is_missing_and_listed(server: GaugeServer) -> None:
    server.answer(PATH, answer("2024-07-05", [1.0, -999.0, -0.5, 2.0], fill=-888.0))
    reading = read(entry(server), Asked(None, NOW))
    np.testing.assert_array_equal(reading.values["value"], [1.0, np.nan, np.nan, 2.0])
    assert "2 days have rain below zero, the first -999 mm" in reading.skipped[0].reason


def test_nothing_yet_is_no_error(server: GaugeServer) -> None:
    server.answer(PATH, answer("2024-07-08", [-999.0] * 3))
    reading = read(entry(server), Asked(pd.Timestamp("2024-07-08", tz="UTC"), NOW))
    assert not len(reading.values)
    assert "no rain yet for 2024-07-08 to 2024-07-10" in reading.skipped[0].reason


def test_a_long_record_is_asked_for_in_pieces_that_meet(server: GaugeServer) -> None:
    server.answer(PATH, answer("2013-01-01", [1.0] * 4210))
    table = read(entry(server, first_day="2013-01-01"), Asked(None, NOW)).values
    asked = [(q.query["start"][0], q.query["end"][0]) for q in server.asked]
    assert asked == [("20130101", "20171231"), ("20180101", "20221231"), ("20230101", "20240710")]
    assert list(table["time"]) == list(pd.date_range("2013-01-01", "2024-07-10", tz="UTC"))


@pytest.mark.parametrize("units", ["mm/day", "mm day-1", "mm/d"])
def test_texts_of_the_unit(server: GaugeServer, units: str) -> None:
    server.answer(PATH, answer("2024-07-05", [4.0], units=units))
    assert list(read(entry(server), Asked(None, NOW)).values["value"]) == [4.0]


@pytest.mark.parametrize("units", ["kg m-2 s-1", "mm/hour", "in/day", ""])
def test_another_unit_is_refused(server: GaugeServer, units: str) -> None:
    server.answer(PATH, answer("2024-07-05", [4.0], units=units))
    with pytest.raises(SourceError, match="mm/day is needed"):
        read(entry(server), Asked(None, NOW))


def test_days_of_the_sun_are_refused(server: GaugeServer) -> None:
    server.answer(PATH, answer("2024-07-05", [4.0], standard="LST"))
    with pytest.raises(SourceError, match="'LST' though UTC days"):
        read(entry(server), Asked(None, NOW))


def test_another_place_is_refused(server: GaugeServer) -> None:
    # Longitude and latitude in the wrong order are another place too.
    server.answer(PATH, {**answer("2024-07-05", [4.0]), "geometry": {"coordinates": [10.8, 105.24]}})
    with pytest.raises(SourceError, match=r"is of \[10.8, 105.24\] and not of \[105.24, 10.8\]"):
        read(entry(server), Asked(None, NOW))


@pytest.mark.parametrize(
    "broken",
    [
        {"header": {}},
        {"header": None},
        {"properties": {"parameter": {}}},
        {"properties": {"parameter": {"PRECTOTCORR": [1.0]}}},
        {"parameters": {}},
        {"geometry": None},
        {"properties": {"parameter": {"PRECTOTCORR": {"20240732": 1.0}}}},
        {"properties": {"parameter": {"PRECTOTCORR": {"20240705": "dry"}}}},
    ],
)
def test_an_answer_of_another_shape_is_refused(server: GaugeServer, broken: dict[str, Any]) -> None:
    server.answer(PATH, {**answer("2024-07-05", [4.0]), **broken})
    with pytest.raises(SourceError, match="rain: "):
        read(entry(server), Asked(None, NOW))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.one_of(st.floats(0, 900), st.just(-999.0)), min_size=1, max_size=6))
def test_what_is_handed_over_ends_with_rain_and_loses_none(server: GaugeServer, values: list[float]) -> None:
    server.answer(PATH, answer("2024-07-05", values))
    table = read(entry(server), Asked(None, NOW)).values
    there = [value for value in values if value != -999.0]
    np.testing.assert_array_equal(table["value"].dropna(), there)
    assert not len(table) or np.isfinite(table["value"].iloc[-1])


@pytest.mark.parametrize("name", ["tan_chau", "chau_doc"])
def test_entries_of_the_catalogue(name: str) -> None:
    source = load_source(f"{name}_rain_power")
    assert isinstance(source, NasaPower) and source.gauge_id.endswith("-rain")
