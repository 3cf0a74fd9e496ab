"""Gauges of the U.S. Geological Survey, from recorded answers of both services; those made up here say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from erosion.config.problems import CatalogError
from erosion.config.sources import load_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers import usgs
from erosion.gauges.drivers.usgs import Usgs, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading
from tests.gauge_server import GaugeServer
from tests.gauges.drivers.made_services import reason_text, service_entry

RECORDED = Path(__file__).parents[2] / "data/gauges/usgs"
DAILY, CONTINUOUS = "/ogcapi/v0/collections/daily/items", "/ogcapi/v0/collections/continuous/items"
DV, IV = "/nwis/dv/", "/nwis/iv/"
ALL = Asked(None, pd.Timestamp("2026-08-20T00:00:00Z"))


def entry(server: GaugeServer, **changes: Any) -> Usgs:
    keys: dict[str, Any] = {
        "name": "gauge",
        "driver": "usgs",
        "gauge_id": "01491000",
        "location": (-75.786, 38.997),
        "station": "01491000",
        "timezone": "America/New_York",
        "cadence_days": 1.0,
        "latency_days": 1.0,
        "first_day": "2025-12-01",
    }
    return service_entry(Usgs, server, **{**keys, **changes})


def feature(time: str, value: Any, **changes: Any) -> dict[str, Any]:
    told = {
        "approval_status": "Approved",
        "last_modified": "2026-07-30T15:43:16+00:00",
        "monitoring_location_id": "USGS-01491000",
        "parameter_code": "00060",
        "qualifier": None,
        "statistic_id": "00003",
        "time": time,
        "time_series_id": "a1",
        "unit_of_measure": "ft^3/s",
        "value": value,
    }
    return {"type": "Feature", "id": "x", "geometry": None, "properties": {**told, **changes}}


def page(*features: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    links = [{"rel": "self", "href": "x"}] + ([{"rel": "next", "href": following}] if following else [])
    return {
        "type": "FeatureCollection",
        "features": list(features),
        "numberReturned": len(features),
        "links": links,
    }


def values(reading: Reading) -> dict[str, tuple[float, str]]:
    table = reading.values
    return {
        f"{time:%Y-%m-%d %H:%M}": (round(float(value), 4), quality)
        for time, value, quality in zip(table["time"], table["value"], table["quality"], strict=True)
    }


# --- recorded answers --------------------------------------------------------------------------------------------------


def test_recorded_daily_discharge_of_the_api_of_today(server: GaugeServer) -> None:
    server.answer(DAILY, RECORDED / "ogc_daily.json")
    reading = read(entry(server, station="05427718", timezone="America/Chicago"), ALL)
    assert list(reading.values.columns) == list(READING_COLUMNS)
    # 20.2 and 27.1 ft3/s; a day in Wisconsin begins at 6 h UTC in winter and at 5 h in summer time.
    assert values(reading) == {
        "2025-12-26 06:00": (0.5720, "estimated"),
        "2026-03-19 05:00": (0.7674, "estimated"),
    }
    assert list(reading.skipped) == []
    assert reading.state == {"time_series": "90a0ea0b6d99431e9f3d91da1aa49564"}


def test_recorded_continuous_stage_of_the_api_of_today(server: GaugeServer) -> None:
    server.answer(CONTINUOUS, RECORDED / "ogc_continuous.json")
    source = entry(server, station="06904500", series="continuous", quantity="stage", first_day="2025-01-01")
    reading = read(source, Asked(None, pd.Timestamp("2025-06-01T00:00Z")))
    # 1.76 ft
    assert values(reading) == {"2025-01-01 00:00": (0.5364, "good"), "2025-01-01 00:15": (0.5364, "good")}
    assert (reading.values["quantity"] == "stage").all()


def test_of_a_recorded_answer_with_two_parameters_the_other_is_left_out(server: GaugeServer) -> None:
    server.answer(CONTINUOUS, RECORDED / "ogc_latest_continuous.json")
    source = entry(server, station="06904500", series="continuous", first_day="2026-08-01")
    reading = read(source, ALL)
    assert values(reading) == {"2026-08-07 18:45": (15.1495, "estimated")}  # 535 ft3/s
    assert "1 values are no discharge" in reason_text(reading)


def test_recorded_daily_values_of_the_older_service(server: GaugeServer) -> None:
    server.answer(DV, RECORDED / "waterservices_dv.txt")
    source = entry(server, api="waterservices", first_day="2020-02-01")
    reading = read(source, Asked(None, pd.Timestamp("2020-02-20T00:00Z")))
    # 466 and 362 ft3/s, provisional; temperatures and conductances stand in the same answer.
    assert values(reading) == {
        "2020-02-14 05:00": (13.1957, "estimated"),
        "2020-02-15 05:00": (10.2507, "estimated"),
    }
    assert "other sites, which are left out: 01645000" in reason_text(reading)


def test_recorded_values_of_a_moment_of_the_older_service(server: GaugeServer) -> None:
    server.answer(IV, RECORDED / "waterservices_iv.txt")
    asked = Asked(None, pd.Timestamp("2019-03-01T00:00Z"))
    made = {"api": "waterservices", "series": "continuous", "first_day": "2019-02-01"}
    reading = read(entry(server, **made), asked)
    discharge = values(reading)
    # 00:00 at -05:00; 974, 974, 966, 963 and 955 ft3/s.
    assert discharge == {
        "2019-02-14 05:00": (27.5806, "good"),
        "2019-02-14 05:15": (27.5806, "good"),
        "2019-02-14 05:30": (27.3541, "good"),
        "2019-02-14 05:45": (27.2691, "good"),
        "2019-02-14 06:00": (27.0426, "good"),
    }
    others = [
        "the answer also holds other sites, which are left out: 01645000",
        "10 values are no discharge, or no values of one moment; they are left out",
    ]
    assert [skipped.reason for skipped in reading.skipped] == others
    stage = values(read(entry(server, **made, quantity="stage"), asked))
    assert stage["2019-02-14 05:00"] == (1.9751, "good")  # 6.48 ft


def test_a_recorded_answer_of_other_sites_is_refused(server: GaugeServer) -> None:
    server.answer(IV, RECORDED / "waterservices_iv.txt")
    server.answer(DAILY, RECORDED / "ogc_daily.json")
    asked = Asked(None, pd.Timestamp("2019-03-01T00:00Z"))
    made = {"api": "waterservices", "series": "continuous", "first_day": "2019-02-01"}
    with pytest.raises(SourceError, match="asked for site 1491000 and was given 01491000, 01645000"):
        read(entry(server, **made, station="1491000"), asked)
    with pytest.raises(SourceError, match="asked for site USGS-01491000 and was given USGS-05427718"):
        read(entry(server), ALL)


def test_of_several_sites_ours_is_taken(server: GaugeServer) -> None:
    """Constructed."""
    other = [feature(f"2025-12-{day}", "77", monitoring_location_id="USGS-014910001") for day in (26, 27)]
    server.answer(DAILY, page(*other, feature("2025-12-26", "100")))
    reading = read(entry(server), ALL)
    assert values(reading) == {"2025-12-26 05:00": (2.8317, "good")}
    assert "other sites, which are left out: USGS-014910001" in reason_text(reading)


def test_an_answer_without_series_is_no_error(server: GaugeServer) -> None:
    server.answer(IV, RECORDED / "waterservices_empty.json")
    made = {"api": "waterservices", "series": "continuous", "first_day": "2019-02-01"}
    reading = read(entry(server, **made), Asked(None, pd.Timestamp("2019-03-01T00:00Z")))
    assert not len(reading.values)
    assert "no continuous discharge between 2019-02-01 and 2019-03-01" in reason_text(reading)


# --- constructed: paging -----------------------------------------------------------------------------------------------


def test_next_links_are_followed_with_the_key(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USGS_KEY", "k3y-of-ours")
    following = f"{server.url}/ogcapi/v0/collections/daily/items2?cursor=abc"
    server.answer(DAILY, page(feature("2025-12-26", "100"), following=following))
    server.answer(DAILY + "2", page(feature("2025-12-27", "200"), following=following.replace("items2", "items3")))
    server.answer(DAILY + "3", page(feature("2025-12-28", "300")))
    reading = read(entry(server, key_env="USGS_KEY"), ALL)
    assert [round(value, 3) for value in reading.values["value"]] == [2.832, 5.663, 8.495]
    assert server.asked[1].query == {"cursor": ["abc"]}
    assert [question.headers["X-Api-Key"] for question in server.asked] == ["k3y-of-ours"] * 3


@pytest.mark.parametrize("elsewhere", ["https://example.org/items", "http://127.0.0.2:1/items", "file:///etc/passwd"])
def test_a_next_link_to_another_host_is_not_followed(server: GaugeServer, elsewhere: str) -> None:
    server.answer(DAILY, page(feature("2025-12-26", "100"), following=elsewhere))
    with pytest.raises(SourceError, match="not at the service; it is not fetched"):
        read(entry(server), ALL)
    assert len(server.asked) == 1


def test_links_that_go_in_a_circle_end(server: GaugeServer) -> None:
    server.answer(DAILY, page(feature("2025-12-26", "100"), following=f"{server.url}{DAILY}?cursor=1"))
    with pytest.raises(SourceError, match="in a circle"):
        read(entry(server), ALL)


def test_pages_without_end_end(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usgs, "MOST_PAGES", 3)
    for n in range(5):
        server.answer(DAILY if n == 0 else f"/{n}", page(following=f"{server.url}/{n + 1}"))
    with pytest.raises(SourceError, match="more than 3 pages"):
        read(entry(server), ALL)
    assert len(server.asked) == 3


# --- constructed: what is asked for ------------------------------------------------------------------------------------


def test_what_is_asked_of_the_api_of_today(server: GaugeServer) -> None:
    server.answer(DAILY, page())
    server.answer(CONTINUOUS, page())
    until = pd.Timestamp("2026-02-01T12:00Z")
    read(entry(server, first_day="2019-01-01"), Asked(None, until))
    read(entry(server, series="continuous", first_day="2024-06-01"), Asked(None, until))
    queries = [question.query for question in server.asked]
    assert [query["time"][0] for query in queries] == [
        "2019-01-01/2023-12-31",
        "2024-01-01/2026-02-01",
        "2024-06-01T00:00:00Z/2025-06-01T00:00:00Z",
        "2025-06-01T00:00:00Z/2026-02-02T00:00:00Z",
    ]
    assert queries[0]["statistic_id"] == ["00003"] and "statistic_id" not in queries[2]
    for query in queries:
        assert query["monitoring_location_id"] == ["USGS-01491000"] and query["parameter_code"] == ["00060"]


def test_what_is_asked_of_the_older_service(server: GaugeServer) -> None:
    server.answer(DV, RECORDED / "waterservices_empty.json")
    since = Asked(pd.Timestamp("2026-01-20T07:00Z"), pd.Timestamp("2026-02-01T12:00Z"))
    read(entry(server, api="waterservices", quantity="stage"), since)
    expected = {"format": "json", "sites": "01491000", "parameterCd": "00065", "statCd": "00003"}
    expected |= {"startDT": "2026-01-20", "endDT": "2026-02-01"}
    assert {key: found[0] for key, found in server.asked[0].query.items()} == expected


# --- constructed: what the values mean ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approval", "qualifier", "quality"),
    [
        ("Approved", None, "good"),
        ("Approved", "REVISED", "good"),
        ("Provisional", None, "estimated"),
        ("Working", None, "estimated"),
        (None, None, "estimated"),
        ("Approved", "ESTIMATED", "estimated"),
        ("Approved", "e", "estimated"),
        ("Approved", "<", "estimated"),
        ("Approved", "ICE", "suspect"),
        ("Approved", ["ICE", "ESTIMATED"], "suspect"),
        ("Provisional", "Eqp", "suspect"),
        ("Approved", "TELEPATHY", "estimated"),
    ],
)
def test_approval_and_remarks_become_a_quality(
    server: GaugeServer, approval: Any, qualifier: Any, quality: str
) -> None:
    server.answer(DAILY, page(feature("2025-12-26", "100", approval_status=approval, qualifier=qualifier)))
    reading = read(entry(server), ALL)
    assert list(reading.values["quality"]) == [quality]
    assert ("telepathy" in reason_text(reading)) is (qualifier == "TELEPATHY")


@pytest.mark.parametrize("text", [None, "", "Ice", "Eqp", "***", "1_000", "nan", "1e999"])
def test_what_is_no_number_is_missing(server: GaugeServer, text: Any) -> None:
    server.answer(DAILY, page(feature("2025-12-26", text), feature("2025-12-27", "1e2")))
    table = read(entry(server), ALL).values
    np.testing.assert_allclose(table["value"], [np.nan, 2.8316846592])
    assert list(table["quality"]) == ["missing", "good"]


def waterml(values: list[dict[str, Any]], unit: str = "ft3/s", method: int = 1) -> dict[str, Any]:
    variable = {
        "variableCode": [{"value": "00060"}],
        "variableName": "Streamflow, ft&#179;/s",
        "unit": {"unitCode": unit},
        "options": {"option": [{"name": "Statistic", "optionCode": "00003"}]},
        "noDataValue": -999999.0,
    }
    site = {"siteCode": [{"value": "01491000"}]}
    return {"sourceInfo": site, "variable": variable, "values": [{"value": values, "method": [{"methodID": method}]}]}


def older(*series: dict[str, Any]) -> dict[str, Any]:
    return {"value": {"timeSeries": list(series)}}


def test_the_number_for_no_data_of_the_older_service(server: GaugeServer) -> None:
    told = [
        {"value": "-999999", "qualifiers": ["A"], "dateTime": "2025-12-26T00:00:00.000"},
        {"value": "-999999.00", "qualifiers": ["P", "Ice"], "dateTime": "2025-12-27T00:00:00.000"},
        {"value": "-12", "qualifiers": "A", "dateTime": "2025-12-28T00:00:00.000"},
    ]
    server.answer(DV, older(waterml(told)))
    # A flow against the river is a number like others.
    assert list(read(entry(server, api="waterservices"), ALL).values["quality"]) == ["missing", "missing", "good"]


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("ft3/s", 0.028316846592), ("ft&#179;/s", 0.028316846592), ("ft³/s", 0.028316846592), ("m^3/s", 1.0)],
)
def test_texts_of_the_unit(server: GaugeServer, unit: str, factor: float) -> None:
    server.answer(
        DV, older(waterml([{"value": "10", "qualifiers": ["A"], "dateTime": "2025-12-26T00:00:00.000"}], unit))
    )
    np.testing.assert_allclose(read(entry(server, api="waterservices"), ALL).values["value"], [10 * factor], rtol=1e-12)


@pytest.mark.parametrize("unit", ["acre-ft", "ft", "", None])
def test_another_unit_is_refused(server: GaugeServer, unit: Any) -> None:
    server.answer(DAILY, page(feature("2025-12-26", "10", unit_of_measure=unit)))
    with pytest.raises(SourceError, match=r"discharge is in .*known are m3/s"):
        read(entry(server), ALL)


def test_times_with_and_without_an_offset(server: GaugeServer) -> None:
    times = [
        "2025-11-02T00:30:00.000",
        "2025-11-02T01:30:00.000",
        "2025-11-02T12:00:00.000-05:00",
        "2025-11-02T18:00Z",
        "noon",
    ]
    server.answer(CONTINUOUS, page(*(feature(time, "10", statistic_id="00011") for time in times)))
    reading = read(entry(server, series="continuous", first_day="2025-11-01"), ALL)
    # 00:30 is still summer time; 01:30 comes twice that night and is no instant.
    assert list(values(reading)) == ["2025-11-02 04:30", "2025-11-02 17:00", "2025-11-02 18:00"]
    assert "2 values have a time that cannot be read, like '2025-11-02T01:30:00.000'" in reason_text(reading)


def test_a_day_that_is_not_over_and_what_lies_before_are_not_taken(server: GaugeServer) -> None:
    server.answer(DAILY, page(*(feature(f"2026-01-{day}", "10") for day in range(10, 16))))
    asked = Asked(pd.Timestamp("2026-01-12T05:00Z"), pd.Timestamp("2026-01-15T04:59Z"))
    # 14 January ends in New York at 5 h UTC of the 15th.
    assert list(values(read(entry(server), asked))) == ["2026-01-12 05:00", "2026-01-13 05:00"]


def test_maximum_and_minimum_of_a_day_are_left_out(server: GaugeServer) -> None:
    told = [
        feature("2025-12-26", text, statistic_id=kind)
        for text, kind in (("9", "00001"), ("1", "00002"), ("5", "00003"))
    ]
    server.answer(DAILY, page(*told))
    reading = read(entry(server), ALL)
    np.testing.assert_allclose(reading.values["value"], [5 * 0.028316846592])
    assert "2 values are no discharge, or no means of a day" in reason_text(reading)


# --- constructed: several series and several values --------------------------------------------------------------------


def two_series() -> dict[str, Any]:
    long = [feature(f"2025-12-{day}", "10", time_series_id="long") for day in (26, 27, 28)]
    short = [feature(f"2025-12-{day}", "20", time_series_id="brief") for day in (27, 28)]
    return page(*short, *long)


def test_of_two_series_the_longer_is_taken_and_the_other_listed(server: GaugeServer) -> None:
    server.answer(DAILY, two_series())
    reading = read(entry(server), ALL)
    np.testing.assert_allclose(reading.values["value"], [0.28316846592] * 3)
    assert "2 values of time series brief are left out, long is taken" in reason_text(reading)
    assert reading.state == {"time_series": "long"}


def test_the_series_taken_before_goes_on_and_the_entry_decides(server: GaugeServer) -> None:
    server.answer(DAILY, two_series())
    before = Asked(None, ALL.until, {"time_series": "brief"})
    np.testing.assert_allclose(read(entry(server), before).values["value"], [0.56633693184] * 2)
    named = read(entry(server, time_series="long"), before)
    assert len(named.values) == 3 and "used to come from time series brief and now from long" in reason_text(named)
    with pytest.raises(SourceError, match="no time series lost; it gives brief, long"):
        read(entry(server, time_series="lost"), ALL)


def test_a_series_that_ended_is_followed_by_another_and_that_is_said(server: GaugeServer) -> None:
    server.answer(DAILY, two_series())
    reading = read(entry(server), Asked(None, ALL.until, {"time_series": "gone"}))
    assert reading.state == {"time_series": "long"}
    assert "from time series gone and now from long; its zero may be another" in reason_text(reading)


def test_methods_of_the_older_service_are_series(server: GaugeServer) -> None:
    told = [{"value": "10", "qualifiers": ["A"], "dateTime": f"2025-12-{day}T00:00:00.000"} for day in (26, 27)]
    server.answer(DV, older(waterml(told[:1], method=7), waterml(told, method=8)))
    assert read(entry(server, api="waterservices"), ALL).state == {"time_series": "8"}
    assert read(entry(server, api="waterservices", time_series="7"), ALL).state == {"time_series": "7"}


def test_of_two_values_of_a_day_the_one_changed_last_stands(server: GaugeServer) -> None:
    server.answer(
        DAILY,
        page(
            feature("2025-12-26", "200", last_modified="2026-02-01T00:00:00+00:00"),
            feature("2025-12-26", "100", last_modified="2026-01-01T00:00:00+00:00"),
            feature("2025-12-27", "300"),
            feature("2025-12-27", "300"),
        ),
    )
    reading = read(entry(server), ALL)
    np.testing.assert_allclose(reading.values["value"], [5.6633693184, 8.4950539776])
    assert list(reading.values["quality"]) == ["good", "good"]
    assert "1 times have several values" in reason_text(reading)


def test_where_it_is_unknown_which_value_stands_the_last_is_suspect(server: GaugeServer) -> None:
    told = [
        {"value": text, "qualifiers": ["A"], "dateTime": "2025-12-26T00:00:00.000"}
        for text in ("100", "200", "-999999")
    ]
    server.answer(DV, older(waterml(told)))
    table = read(entry(server, api="waterservices"), ALL).values
    np.testing.assert_allclose(table["value"], [5.6633693184])
    assert list(table["quality"]) == ["suspect"]


# --- constructed: answers that are none --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [[], {}, {"features": None}, {"features": ["x"]}, {"features": [{"properties": None}]}]
)
def test_an_answer_of_another_shape_is_refused(server: GaugeServer, body: Any) -> None:
    server.answer(DAILY, body)
    with pytest.raises(SourceError, match="gauge: the answer"):
        read(entry(server), ALL)


@pytest.mark.parametrize(
    "body",
    [[], {}, {"value": {"timeSeries": [{}]}}, {"value": None}, older({**waterml([]), "values": [{"value": [{}]}]})],
)
def test_an_answer_of_another_shape_of_the_older_service_is_refused(server: GaugeServer, body: Any) -> None:
    server.answer(DV, body)
    with pytest.raises(SourceError, match="lacks what is needed"):
        read(entry(server, api="waterservices"), ALL)


def test_an_entry_of_the_wrong_service_or_without_a_zone_is_refused(tmp_path: Path) -> None:
    lines = {
        "name": "gauge",
        "driver": "usgs",
        "title": "Choptank",
        "gauge_id": "01491000",
        "river": "Choptank",
        "location": [-75.786, 38.997],
        "station": "01491000",
        "timezone": "America/New_York",
        "cadence_days": 1,
        "latency_days": 1,
        "licence": "public domain",
        "attribution": "USGS",
        "citation": "USGS",
    }

    def load(**changes: Any) -> Any:
        (tmp_path / "regions").mkdir(exist_ok=True)
        kept = {key: value for key, value in {**lines, **changes}.items() if value is not None}
        (tmp_path / "gauge.yaml").write_text(json.dumps(kept), "utf-8")
        return load_source("gauge", tmp_path / "regions/r.yaml")

    assert load().timezone == "America/New_York"
    for changes, said in (
        ({"api": "waterservices"}, "https://waterservices.usgs.gov does"),
        ({"service": "https://waterservices.usgs.gov"}, "https://api.waterdata.usgs.gov does"),
        ({"timezone": None}, "timezone"),
        ({"timezone": "Maryland"}, "timezone"),
        ({"quantity": "stage"}, "datum"),
    ):
        with pytest.raises(CatalogError, match=said):
            load(**changes)
