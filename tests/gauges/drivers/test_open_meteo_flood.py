"""Discharge of GloFAS over Open-Meteo. Every answer here is constructed in the shape of the service's own description."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from erosion.config.sources import load_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers.open_meteo_flood import OpenMeteoFlood, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked
from tests.gauge_server import GaugeServer
from tests.gauges.drivers.made_services import service_entry

PATH = "/v1/flood"
NOW = pd.Timestamp("2026-09-17T03:20:00Z")
TODAY = pd.Timestamp("2026-09-17", tz="UTC")


def entry(server: GaugeServer, **changes: Any) -> OpenMeteoFlood:
    keys: dict[str, Any] = {
        "name": "glofas",
        "driver": "open_meteo_flood",
        "gauge_id": "019803-glofas",
        "location": (105.24, 10.80),
        "cadence_days": 1.0,
        "latency_days": 1.0,
        "first_day": "2026-09-14",
        "forecast_days": 3,
    }
    return service_entry(OpenMeteoFlood, server, **{**keys, **changes})


def days(first: str, n: int) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in pd.date_range(first, periods=n)]


def answer(first: str, unit: str = "m³/s", **columns: list[Any]) -> dict[str, Any]:
    n = len(next(iter(columns.values())))
    return {
        "latitude": 10.825,
        "longitude": 105.225,
        "generationtime_ms": 0.3,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "elevation": 3.0,
        "daily_units": {"time": "iso8601", **dict.fromkeys(columns, unit)},
        "daily": {"time": days(first, n), **columns},
    }


def past_and_forecast(server: GaugeServer, past: Any, forecast: Any) -> None:
    """The past is asked for first."""
    server.answer(PATH, forecast)
    server.answer(PATH, past, times=1)


PAST = answer("2026-09-14", river_discharge=[18000.5, None, 18100])
FORECAST = answer(
    "2026-09-17", river_discharge=[18200, 18300, 18400], river_discharge_median=[18210.5, 18320.5, 18430.5]
)


def test_the_past_is_observed_and_from_today_on_it_is_a_forecast(server: GaugeServer) -> None:
    past_and_forecast(server, PAST, FORECAST)
    reading = read(entry(server), Asked(None, NOW))
    table = reading.values
    assert list(table.columns) == list(READING_COLUMNS)
    seen, coming = table[table["issued_at"].isna()], table[table["issued_at"].notna()]
    assert list(seen["time"]) == list(pd.date_range("2026-09-14", periods=3, tz="UTC"))
    np.testing.assert_array_equal(seen["value"], [18000.5, np.nan, 18100.0])
    assert list(seen["quality"]) == ["estimated", "missing", "estimated"] and (seen["member"] == -1).all()
    assert list(coming["time"]) == list(pd.date_range("2026-09-17", periods=3, tz="UTC"))
    np.testing.assert_array_equal(coming["value"], [18210.5, 18320.5, 18430.5])
    assert (coming["issued_at"] == TODAY).all() and (coming["member"] == -1).all()
    assert (table["quantity"] == "discharge").all()


def test_what_is_asked_for(server: GaugeServer) -> None:
    past_and_forecast(server, PAST, FORECAST)
    read(entry(server), Asked(None, NOW))
    past, forecast = (question.query for question in server.asked)
    assert (past["start_date"], past["end_date"]) == (["2026-09-14"], ["2026-09-16"])
    # The service refuses the one together with the other.
    assert "forecast_days" not in past and "start_date" not in forecast
    assert forecast["forecast_days"] == ["3"] and forecast["daily"] == ["river_discharge,river_discharge_median"]
    for query in (past, forecast):
        assert query["timezone"] == ["GMT"] and query["models"] == ["seamless_v4"]
        assert (query["latitude"], query["longitude"]) == (["10.8"], ["105.24"])


def test_a_long_past_is_asked_for_in_pieces_that_meet(server: GaugeServer) -> None:
    expected = pd.date_range("2015-01-01", "2026-09-16", tz="UTC")
    server.answer(PATH, answer("2015-01-01", river_discharge=list(range(len(expected)))))
    reading = read(entry(server, first_day="2015-01-01", forecast_days=0), Asked(None, NOW))
    asked = [(q.query["start_date"][0], q.query["end_date"][0]) for q in server.asked]
    assert asked == [("2015-01-01", "2019-12-31"), ("2020-01-01", "2024-12-31"), ("2025-01-01", "2026-09-16")]
    # The server gives all days each time: of each answer only the days that were asked for are taken.
    assert list(reading.values["time"]) == list(expected)
    np.testing.assert_array_equal(reading.values["value"], np.arange(len(expected)))


def test_since_bounds_what_is_asked_for(server: GaugeServer) -> None:
    past_and_forecast(server, answer("2026-09-15", river_discharge=[1.0, 2.0]), FORECAST)
    read(entry(server), Asked(pd.Timestamp("2026-09-15T11:00Z"), NOW))
    assert server.asked[0].query["start_date"] == ["2026-09-15"]


def test_members_of_the_ensemble(server: GaugeServer) -> None:
    forecast = answer(
        "2026-09-17",
        river_discharge=[100.0, 110.0],
        river_discharge_member01=[101.0, None],
        river_discharge_member50=[150.0, 160.0],
    )
    past_and_forecast(server, PAST, forecast)
    table = read(entry(server, ensemble=True), Asked(None, NOW)).values
    assert server.asked[1].query["ensemble"] == ["true"]
    coming = table[table["issued_at"].notna()]
    found = {(int(m), f"{t:%d}"): v for m, t, v in zip(coming["member"], coming["time"], coming["value"], strict=True)}
    # A null of a forecast is no row; the control run is member 0.
    assert found == {(0, "17"): 100.0, (0, "18"): 110.0, (1, "17"): 101.0, (50, "17"): 150.0, (50, "18"): 160.0}


def test_without_a_median_the_single_run_is_taken_and_that_is_said(server: GaugeServer) -> None:
    forecast = answer("2026-09-17", river_discharge=[100.0], river_discharge_median=[None])
    past_and_forecast(server, PAST, forecast)
    reading = read(entry(server), Asked(None, NOW))
    coming = reading.values[reading.values["issued_at"].notna()]
    assert list(coming["value"]) == [100.0] and list(coming["member"]) == [-1]
    assert any("no median" in skipped.reason for skipped in reading.skipped)


def test_a_forecast_that_was_not_made_today_is_none(server: GaugeServer) -> None:
    past_and_forecast(server, PAST, answer("2026-09-18", river_discharge=[1.0], river_discharge_median=[1.0]))
    reading = read(entry(server), Asked(None, NOW))
    assert reading.values["issued_at"].isna().all() and len(reading.values) == 3
    assert any("begins 2026-09-18 and not on 2026-09-17" in skipped.reason for skipped in reading.skipped)


def test_the_newest_days_without_a_number_are_not_there_yet(server: GaugeServer) -> None:
    server.answer(PATH, answer("2026-09-14", river_discharge=[5.0, None, None]))
    reading = read(entry(server, forecast_days=0), Asked(None, NOW))
    assert list(reading.values["value"]) == [5.0]


def test_not_one_number_is_an_error_that_says_what_to_do(server: GaugeServer) -> None:
    past_and_forecast(
        server,
        answer("2026-09-14", river_discharge=[None] * 3),
        answer("2026-09-17", river_discharge=[None], river_discharge_median=[None]),
    )
    with pytest.raises(SourceError, match=r"10\.825, 105\.225.*move location"):
        read(entry(server), Asked(None, NOW))


@pytest.mark.parametrize(("lat", "usual"), [(10.825, True), (10.899, True), (10.925, False)])
def test_it_says_where_the_values_come_from(server: GaugeServer, lat: float, usual: bool) -> None:
    past_and_forecast(server, {**PAST, "latitude": lat}, {**FORECAST, "latitude": lat})
    reading = read(entry(server), Asked(None, NOW))
    (said,) = reading.skipped
    assert f"{lat:.3f}, 105.225" in said.reason and said.usual is usual
    assert ("another place" in said.reason) is not usual
    assert reading.state == {"cell": [105.225, lat]}


def test_the_distance_to_the_cell_is_in_kilometres(server: GaugeServer) -> None:
    # 0.1 degree of latitude is 11.12 km; nothing to the east.
    place = {"latitude": 10.9, "longitude": 105.24}
    past_and_forecast(server, {**PAST, **place}, {**FORECAST, **place})
    assert "11.1 km" in read(entry(server), Asked(None, NOW)).skipped[0].reason


def test_another_cell_than_before_is_listed(server: GaugeServer) -> None:
    past_and_forecast(server, PAST, FORECAST)
    reading = read(entry(server), Asked(None, NOW, {"cell": [105.275, 10.825]}))
    (broken,) = [skipped for skipped in reading.skipped if not skipped.usual]
    assert "10.825, 105.275" in broken.reason and "may break" in broken.reason


def test_several_places_where_one_was_asked_for(server: GaugeServer) -> None:
    past_and_forecast(server, [PAST, {**PAST, "daily": {}}], FORECAST)
    reading = read(entry(server), Asked(None, NOW))
    assert len(reading.values) == 6
    assert any("2 places" in skipped.reason and not skipped.usual for skipped in reading.skipped)


def test_the_service_says_why_it_refuses(server: GaugeServer) -> None:
    server.answer(PATH, {"error": True, "reason": "Parameter 'past_days' is out of range"}, status=400)
    with pytest.raises(SourceError, match="HTTP 400: Parameter 'past_days' is out of range"):
        read(entry(server), Asked(None, NOW))
    server.answer(PATH, {"error": True, "reason": "Too many requests"})
    with pytest.raises(SourceError, match="Too many requests"):
        read(entry(server), Asked(None, NOW))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"daily": None}, "no block of daily values"),
        ({"daily_units": {"river_discharge": "ft³/s"}}, "ft³/s.*m³/s is needed"),
        ({"daily_units": {}}, "m³/s is needed"),
        ({"utc_offset_seconds": 25200}, "not UTC days"),
        ({"latitude": None}, "cannot be read"),
        ({"daily": {"time": days("2026-09-14", 3), "river_discharge": [1.0, 2.0]}}, "not one value for each"),
        ({"daily": {"time": days("2026-09-14", 1), "river_discharge": ["high"]}}, "'high' where a number"),
        ({"daily": {"time": days("2026-09-14", 1), "river_discharge": [True]}}, "'True' where a number"),
        ({"daily": {"time": ["2026-09-14"] * 2, "river_discharge": [1.0, 2.0]}}, "a day twice"),
        ({"daily": {"time": ["yesterday"], "river_discharge": [1.0]}}, "cannot be read"),
        ({"daily": {"time": days("2026-09-14", 1)}}, "has no river_discharge"),
    ],
)
def test_an_answer_of_another_shape_is_refused(server: GaugeServer, broken: dict[str, Any], said: str) -> None:
    server.answer(PATH, {**PAST, **broken})
    with pytest.raises(SourceError, match=said):
        read(entry(server, forecast_days=0), Asked(None, NOW))


def test_an_answer_that_is_no_object_is_refused(server: GaugeServer) -> None:
    server.answer(PATH, [])
    with pytest.raises(SourceError, match="no object"):
        read(entry(server), Asked(None, NOW))


def test_a_key_goes_where_the_service_wants_it(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METEO_KEY", "s3cret-key")
    past_and_forecast(server, PAST, FORECAST)
    read(entry(server, key_env="METEO_KEY"), Asked(None, NOW))
    assert [question.query["apikey"] for question in server.asked] == [["s3cret-key"]] * 2
    server.answer(PATH, {"error": True, "reason": "key s3cret-key is unknown"}, status=400)
    with pytest.raises(SourceError) as refused:
        read(entry(server, key_env="METEO_KEY"), Asked(None, NOW))
    assert "s3cret-key" not in str(refused.value)


@pytest.mark.parametrize("name", ["tan_chau", "chau_doc"])
def test_entries_of_the_catalogue(name: str) -> None:
    source = load_source(f"{name}_glofas_open_meteo")
    assert isinstance(source, OpenMeteoFlood)
    # A model's discharge must not be taken for a source of the gauge's water level.
    assert source.gauge_id.endswith("-glofas") and source.alarm_levels_m == ()
    assert "non-commercial" in source.licence and "check its terms" in source.licence
