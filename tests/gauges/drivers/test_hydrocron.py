"""Levels of SWOT over Hydrocron, from recorded answers in each of the service's shapes; those made up here say so."""

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
from erosion.gauges.drivers.hydrocron import Hydrocron, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading
from tests.gauge_server import GaugeServer
from tests.gauges.drivers.made_services import reason_text, service_entry

RECORDED = Path(__file__).parents[2] / "data/gauges/hydrocron"
PATH = "/hydrocron/v1/timeseries"
REACH, NODE = "18180900091", "45311101670065"
NONE_FOUND = {"error": f"400: Results with the specified Feature ID {REACH} were not found"}


def entry(server: GaugeServer, **changes: Any) -> Hydrocron:
    keys: dict[str, Any] = {
        "name": "swot",
        "driver": "hydrocron",
        "gauge_id": "swot",
        "location": (105.24, 10.80),
        "datum": "EGM2008 geoid",
        "feature": "Reach",
        "feature_id": REACH,
        "cadence_days": 10.0,
        "latency_days": 5.0,
        "first_day": "2024-01-01",
    }
    return service_entry(Hydrocron, server, **{**keys, **changes})


def asked(first: str, until: str) -> Asked:
    return Asked(pd.Timestamp(first, tz="UTC"), pd.Timestamp(until, tz="UTC"))


def values(reading: Reading) -> list[tuple[str, float, str]]:
    table = reading.values
    return [
        (f"{time:%Y-%m-%dT%H:%M:%SZ}", float(value), quality)
        for time, value, quality in zip(table["time"], table["value"], table["quality"], strict=True)
    ]


def envelope(*rows: tuple[Any, ...], head: str = "reach_id,time_str,wse,reach_q,wse_units", **changes: Any) -> Any:
    """Constructed: an envelope with CSV."""
    table = "\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n"
    return {"status": "200 OK", "time": 4.2, "hits": len(rows), "results": {"csv": table, "geojson": {}}, **changes}


# --- recorded answers --------------------------------------------------------------------------------------------------

NODE_LEVELS = [
    ("2023-09-17T15:10:14Z", 0.54063, "suspect"),
    ("2023-09-20T02:07:12Z", 0.78849, "suspect"),
    ("2023-10-08T11:55:16Z", 1.04778, "suspect"),
    ("2023-10-10T22:52:14Z", 0.42652, "suspect"),
    ("2023-10-29T08:40:21Z", 0.71687, "suspect"),
]


@pytest.mark.parametrize("file", ["node_envelope_csv.json", "node_features.json"])
def test_recorded_passes_over_a_node_as_csv_and_as_geojson(server: GaugeServer, file: str) -> None:
    server.answer(PATH, RECORDED / file)
    source = entry(server, feature="Node", feature_id=NODE, first_day="2023-07-01")
    reading = read(source, asked("2023-09-01", "2023-12-01"))
    assert list(reading.values.columns) == list(READING_COLUMNS)
    assert (reading.values["quantity"] == "stage").all() and reading.values["issued_at"].isna().all()
    # These were recorded without the flag that we ask for, so nothing says that they are good.
    assert values(reading) == NODE_LEVELS
    assert "5 levels carry no node_q" in reason_text(reading)


@pytest.mark.parametrize("file", ["reach_envelope_csv.json", "reach_discharge_envelope_csv.json"])
def test_recorded_passes_over_a_reach(server: GaugeServer, file: str) -> None:
    server.answer(PATH, RECORDED / file)
    found = values(read(entry(server), asked("2024-01-01", "2024-06-01")))
    assert [value for _, value, _ in found] == [1065.3532, 1015.1029, 1240.6563, 1016.1183, 1074.6028]
    assert found[0][0] == "2024-02-02T08:37:34Z"


@pytest.mark.parametrize("file", ["reach_bare.csv", "reach_compact.json"])
def test_recorded_bare_csv_and_compact_geojson(server: GaugeServer, file: str) -> None:
    server.answer(PATH, RECORDED / file)
    source = entry(server, feature_id="71224100223", first_day="2023-04-01")
    found = values(read(source, asked("2023-05-01", "2023-08-01")))
    assert found == [("2023-06-10T19:39:43Z", 286.2983, "suspect")]


def test_recorded_flags_of_lakes(server: GaugeServer) -> None:
    server.answer(PATH, RECORDED / "lake_features.json")
    lake = entry(server, feature="PriorLake", feature_id="8510353162")
    reading = read(lake, asked("2024-09-01", "2024-10-01"))
    assert values(reading) == [
        ("2024-09-12T03:15:36Z", 364.464, "estimated"),
        ("2024-09-18T18:34:30Z", 361.658, "good"),
    ]
    assert list(reading.skipped) == []
    server.answer(PATH, RECORDED / "lake_envelope_csv.json")
    lake = entry(server, feature="PriorLake", feature_id="7230381002")
    found = values(read(lake, asked("2024-06-01", "2024-08-01")))
    assert [value for _, value, _ in found] == [575.275, 575.29, 575.324, 575.494]
    assert {quality for *_, quality in found} == {"estimated"}


def test_a_recorded_pass_that_saw_nothing_has_no_time(server: GaugeServer) -> None:
    server.answer(PATH, RECORDED / "lake_no_data.json")
    lake = entry(server, feature="PriorLake", feature_id="9120274662")
    reading = read(lake, asked("2024-07-01", "2024-08-01"))
    assert not len(reading.values)
    (said,) = reading.skipped
    assert "1 rows without a time, since the satellite saw nothing" in said.reason and said.usual


def test_a_recorded_answer_of_another_place_is_refused(server: GaugeServer) -> None:
    server.answer(PATH, RECORDED / "reach_envelope_csv.json")
    with pytest.raises(SourceError, match=f"asked for Reach 18180900101 and was given {REACH}"):
        read(entry(server, feature_id="18180900101"), asked("2024-01-01", "2024-06-01"))


# --- constructed: what is asked for ------------------------------------------------------------------------------------


def test_it_asks_year_by_year_and_not_before_the_satellite(server: GaugeServer) -> None:
    server.answer(PATH, envelope())
    read(entry(server, first_day="2016-01-01"), Asked(None, pd.Timestamp("2025-06-10T09:00Z")))
    periods = [(question.query["start_time"][0], question.query["end_time"][0]) for question in server.asked]
    assert periods == [
        ("2023-03-29T00:00:00Z", "2024-03-28T23:59:59Z"),
        ("2024-03-29T00:00:00Z", "2025-03-28T23:59:59Z"),
        ("2025-03-29T00:00:00Z", "2025-06-10T23:59:59Z"),
    ]
    query = server.asked[0].query
    assert query["fields"] == ["reach_id,time_str,wse,reach_q"] and query["output"] == ["csv"]
    assert (query["feature"], query["feature_id"]) == (["Reach"], [REACH])
    # With another kind of answer the service refuses to be asked for an output.
    assert server.asked[0].headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    ("feature", "identifier", "fields"),
    [("Node", NODE, "node_id,time_str,wse,node_q"), ("PriorLake", "8510353162", "lake_id,time_str,wse,quality_f")],
)
def test_every_kind_of_place_has_its_fields(server: GaugeServer, feature: str, identifier: str, fields: str) -> None:
    server.answer(PATH, envelope())
    read(entry(server, feature=feature, feature_id=identifier), asked("2024-01-01", "2024-02-01"))
    assert server.asked[0].query["fields"] == [fields]


def test_a_key_is_sent_in_the_services_header(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWOT_KEY", "k3y-of-ours")
    server.answer(PATH, envelope())
    read(entry(server, key_env="SWOT_KEY"), asked("2024-01-01", "2024-02-01"))
    assert server.asked[0].headers["x-hydrocron-key"] == "k3y-of-ours"


# --- constructed: what the values mean ---------------------------------------------------------------------------------


def test_flags_fills_and_order(server: GaugeServer) -> None:
    rows = [
        (REACH, "2024-02-05T00:00:05Z", "1.5", 3, "m"),
        (REACH, "2024-02-01T00:00:01Z", "1.1", 0, "m"),
        (REACH, "2024-02-02T00:00:02Z", "1.2", 1, "m"),
        (REACH, "2024-02-03T00:00:03Z", "1.3", 2, "m"),
        (REACH, "2024-02-04T00:00:04Z", "-999999999999.0", 0, "m"),
        (REACH, "2024-02-06T00:00:06Z", "1.6", -999, "m"),
        (REACH, "2024-02-07T00:00:07Z", "-999.0", 0, "m"),
        (REACH, "no_data", "-999999999999.0", -999, "m"),
        (REACH, "soon", "1.0", 0, "m"),
    ]
    server.answer(PATH, envelope(*rows))
    reading = read(entry(server), asked("2024-01-01", "2024-03-01"))
    table = reading.values
    np.testing.assert_array_equal(table["value"], [1.1, 1.2, 1.3, np.nan, 1.5, 1.6, np.nan])
    words = ["good", "estimated", "suspect", "missing", "suspect", "suspect", "missing"]
    assert list(table["quality"]) == words
    assert table["time"].is_monotonic_increasing
    (undated,) = [skipped for skipped in reading.skipped if "2 rows without a time, like 'soon'" in skipped.reason]
    assert not undated.usual
    assert "1 levels carry no reach_q" in reason_text(reading)


def test_levels_below_the_geoid_are_levels(server: GaugeServer) -> None:
    server.answer(PATH, envelope((REACH, "2024-02-01T00:00:01Z", "-15.54433", 0, "m")))
    assert values(read(entry(server), asked("2024-01-01", "2024-03-01")))[0][1:] == (-15.54433, "good")


def test_of_a_pass_that_comes_twice_the_better_level_stands(server: GaugeServer) -> None:
    rows = [(REACH, "2024-02-01T00:00:01Z", "1.0", 0, "m"), (REACH, "2024-02-01T00:00:01Z", "7.0", 3, "m")]
    for given in (rows, rows[::-1]):
        server.answer(PATH, envelope(*given))
        assert values(read(entry(server), asked("2024-01-01", "2024-03-01"))) == [("2024-02-01T00:00:01Z", 1.0, "good")]


def test_a_pass_after_now_is_not_taken(server: GaugeServer) -> None:
    rows = [(REACH, "2024-02-01T08:00:00Z", "1.0", 0, "m"), (REACH, "2024-02-01T10:00:00Z", "2.0", 0, "m")]
    server.answer(PATH, envelope(*rows))
    until = Asked(pd.Timestamp("2024-01-20T00:00Z"), pd.Timestamp("2024-02-01T09:00Z"))
    assert [value for _, value, _ in values(read(entry(server), until))] == [1.0]


def test_numbers_of_another_unit_are_refused(server: GaugeServer) -> None:
    server.answer(PATH, envelope((REACH, "2024-02-01T00:00:01Z", "1.0", 0, "ft")))
    with pytest.raises(SourceError, match="'ft'; m is needed"):
        read(entry(server), asked("2024-01-01", "2024-03-01"))


def test_csv_in_quotation_marks_as_the_description_shows_it(server: GaugeServer) -> None:
    table = f"reach_id,time_str,wse,reach_q,wse_units\n{REACH},2024-02-01T00:00:01Z,1.25,0,m\n"
    server.answer(PATH, json.dumps(table), kind="text/csv")
    assert values(read(entry(server), asked("2024-01-01", "2024-03-01"))) == [("2024-02-01T00:00:01Z", 1.25, "good")]


def test_fewer_values_than_the_service_counts_are_listed(server: GaugeServer) -> None:
    server.answer(PATH, envelope((REACH, "2024-02-01T00:00:01Z", "1.0", 0, "m"), hits=3))
    assert "counts 3 values and gave 1" in reason_text(read(entry(server), asked("2024-01-01", "2024-03-01")))


# --- constructed: years without values, and answers that are none ------------------------------------------------------


def test_a_year_without_values_does_not_cost_the_others(server: GaugeServer) -> None:
    server.answer(PATH, envelope((REACH, "2025-02-01T00:00:01Z", "1.0", 0, "m")))
    server.answer(PATH, NONE_FOUND, status=400, times=1)
    reading = read(entry(server), Asked(None, pd.Timestamp("2025-06-10T00:00Z")))
    assert len(reading.values) == 1
    (said,) = reading.skipped
    assert said.reason == "no values between 2024-01-01 and 2024-12-31" and said.usual


def test_no_value_at_all_for_long_asks_whether_the_place_is_right(server: GaugeServer) -> None:
    server.answer(PATH, NONE_FOUND, status=400)
    reading = read(entry(server), Asked(None, pd.Timestamp("2025-06-10T00:00Z")))
    assert not len(reading.values) and f"is {REACH} a Reach" in reason_text(reading)
    assert [skipped.usual for skipped in reading.skipped] == [True, True, False]
    # Two weeks without a pass are nothing to ask about.
    reading = read(entry(server), asked("2025-06-01", "2025-06-10"))
    assert [skipped.usual for skipped in reading.skipped] == [True]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"error": "400: fields parameter should contain valid SWOT fields"}, "valid SWOT fields"),
        (404, {"message": "Not Found"}, "HTTP 404"),
        (413, {"error": "413: Query exceeds 6MB with 7000000 hits"}, "413.*exceeds 6MB"),
        (200, {"status": "200 OK"}, "has no results"),
        (200, {"results": {"csv": "", "geojson": {}}}, "features of the answer cannot be read"),
        (200, {"type": "FeatureCollection", "features": [{"properties": None}]}, "cannot be read"),
        (200, "reach_id,time_str\n18180900091,2024-02-01T00:00:01Z\n", "has no wse"),
        (200, '{"broken', "no JSON"),
    ],
)
def test_other_answers_are_errors(server: GaugeServer, status: int, body: Any, said: str) -> None:
    server.answer(PATH, body, status=status)
    with pytest.raises(SourceError, match=said):
        read(entry(server), asked("2024-01-01", "2024-03-01"))


def test_compact_lists_of_different_length_are_refused(server: GaugeServer) -> None:
    told = {"reach_id": [REACH] * 2, "time_str": ["2024-02-01T00:00:01Z"], "wse": ["1.0", "2.0"]}
    server.answer(PATH, {"type": "FeatureCollection", "features": [{"properties": told}]})
    with pytest.raises(SourceError, match="cannot be read"):
        read(entry(server), asked("2024-01-01", "2024-03-01"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"feature_id": "45311101670065"}, "11 digits of a Reach"),
        ({"feature": "Node"}, "14 digits of a Node"),
        ({"feature": "PriorLake", "feature_id": "851035316x"}, "10 digits"),
        ({"datum": None}, "datum"),
    ],
)
def test_an_entry_names_a_place_and_a_datum(tmp_path: Path, changes: dict[str, Any], said: str | None) -> None:
    lines = {
        "name": "swot",
        "driver": "hydrocron",
        "title": "SWOT",
        "gauge_id": "swot",
        "river": "Mangoky",
        "location": [46.9, -18.3],
        "datum": "EGM2008 geoid",
        "feature_id": REACH,
        "cadence_days": 10,
        "latency_days": 5,
        "licence": "free and open",
        "attribution": "NASA, CNES",
        "citation": "SWOT",
    }
    kept = {key: value for key, value in {**lines, **changes}.items() if value is not None}
    (tmp_path / "swot.yaml").write_text(json.dumps(kept), "utf-8")
    if said is None:
        assert load_source("swot", tmp_path / "r.yaml").name == "swot"
        return
    with pytest.raises(CatalogError, match=said):
        load_source("swot", tmp_path / "r.yaml")
