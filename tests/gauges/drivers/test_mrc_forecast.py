"""Flood-forecast pages of the Mekong River Commission. All answers are constructed after shapes seen in client code: none
was recorded, and the name of the dry-season page was never seen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.sources import load_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers import mrc_forecast
from erosion.gauges.drivers.mrc_forecast import DRY, FORECAST, WET, MrcForecast, repaired
from erosion.gauges.formats.reading import Asked, Reading
from tests.gauge_server import GaugeServer
from tests.gauges.drivers.made_services import TAN_CHAU, reasons, service_entry

NOW = pd.Timestamp("2024-09-10T14:00:00Z")  # 21:00 on that day in Viet Nam
ALL = Asked(None, NOW)

WET_PAGE = """[
{date_gmt:"2024-06-01",Max:3.9,Min:0.4,AVG:1.2,floodLevel:4.5,alarmLevel:3.5,1998:0.61,2000:1.9,2023:0.55,2024:0.48,},
{date_gmt:"2024-09-10",Max:4.9,Min:2.4,AVG:3.6,floodLevel:4.5,alarmLevel:3.5,1998:2.61,2000:0.0,2023:2.95,2024:3.1,},
{date_gmt:"2024-10-31",Max:4.1,Min:1.4,AVG:2.6,floodLevel:4.5,alarmLevel:3.5,1998:1.61,2000:3.3,2023:1.95,2024:0.0,},
]"""
DRY_PAGE = """[
{date_gmt:"2023-11-01",Max:3.9,floodLevel:4.5,alarmLevel:3.5,1999.00:2.1,2009.10:2.2,2019.20:2.3,},
{date_gmt:"2023-12-31",Max:3.9,floodLevel:4.5,alarmLevel:3.5,1999.00:1.1,2009.10:1.2,2019.20:1.3,},
{date_gmt:"2024-01-01",Max:3.9,floodLevel:4.5,alarmLevel:3.5,1999.00:1.0,2009.10:1.1,2019.20:1.2,},
{date_gmt:"2024-02-29",Max:3.9,floodLevel:4.5,alarmLevel:3.5,1999.00:0.5,2009.10:0.0,2019.20:0.7,},
{date_gmt:"2024-05-31",Max:3.9,floodLevel:4.5,alarmLevel:3.5,1999.00:0.1,2009.10:0.2,2019.20:-0.3,},
]"""
AHEAD_PAGE = [
    {"lineColor": "#0066FF", "date_gmt": "2024-09-09", "val": 3.0, "ft": 4.5, "as": 3.5, "av": 2.79},
    {"lineColor": "#0066FF", "date_gmt": "2024-09-10", "val": 3.1, "ft": 4.5, "as": 3.5, "av": 2.8},
    {"lineColor": "#FF4500", "date_gmt": "2024-09-11", "val": 3.2, "P": 3.2, "ft": 4.5, "as": 3.5, "av": 2.9},
    {"lineColor": "#FF4500", "date_gmt": "2024-09-12", "val": 3.4, "P": 3.4, "ft": 4.5, "as": 3.5, "av": 2.9},
]


pytestmark = pytest.mark.usefixtures("asked_once")


@pytest.fixture
def server() -> Iterator[GaugeServer]:
    with GaugeServer() as running:
        running.answer(WET, WET_PAGE, kind="text/html")
        running.answer(DRY, DRY_PAGE, kind="text/html")
        running.answer(FORECAST, AHEAD_PAGE, kind="text/html")
        yield running


def read(server: GaugeServer, asked: Asked = ALL, **changes: Any) -> Reading:
    keys: dict[str, Any] = {
        **TAN_CHAU,
        "name": "tan_chau_mrc_forecast",
        "driver": "mrc_forecast",
        "station": "TCH",
        "first_day": "1992-01-01",
        "cadence_days": 1.0,
        "latency_days": 0.5,
    }
    return mrc_forecast.read(service_entry(MrcForecast, server, **{**keys, **changes}), asked)


def days(reading: Reading, ahead: bool = False) -> dict[str, tuple[float, str]]:
    """Local day -> value and quality; every time is the beginning of its local day."""
    rows = reading.values[reading.values["issued_at"].notna() == ahead]
    assert set(rows["quantity"]) <= {"stage"}
    local = rows["time"].dt.tz_convert("Asia/Ho_Chi_Minh")
    assert (local == local.dt.normalize()).all() and local.is_unique
    return {f"{t:%Y-%m-%d}": (v, q) for t, v, q in zip(local, rows["value"], rows["quality"], strict=True)}


def only(server: GaugeServer, path: str, page: Any) -> None:
    """One page alone has something."""
    for other in (WET, DRY):
        server.answer(other, "[]")
    server.answer(FORECAST, [])
    server.answer(path, page)


# --- season tables ----------------------------------------------------------------------------------------------------


def test_a_column_of_the_wet_season_is_its_year(server: GaugeServer) -> None:
    only(server, WET, WET_PAGE)
    found = days(read(server))
    assert {day: value for day, (value, _) in found.items()} == {
        "1998-06-01": 0.61,
        "1998-09-10": 2.61,
        "1998-10-31": 1.61,
        "2000-06-01": 1.9,
        "2000-10-31": 3.3,
        "2023-06-01": 0.55,
        "2023-09-10": 2.95,
        "2023-10-31": 1.95,
        "2024-06-01": 0.48,
        "2024-09-10": 3.1,
    }
    assert found["2024-09-10"] == (3.1, "good")
    assert server.asked[0].query == {"StCode": ["TCH"]}


def test_a_day_begins_at_local_midnight(server: GaugeServer) -> None:
    only(server, WET, '[{date_gmt:"2024-06-01",2024:0.48,},]')
    (time,) = read(server).values["time"]
    assert time == pd.Timestamp("2024-05-31T17:00:00Z")


def test_a_zero_is_no_value(server: GaugeServer) -> None:
    only(server, WET, WET_PAGE)
    found = days(read(server))
    assert "2000-09-10" not in found and "2024-10-31" not in found
    assert not any(value == 0.0 or math.isnan(value) for value, _ in found.values())


def test_a_dry_season_belongs_to_two_years(server: GaugeServer) -> None:
    only(server, DRY, DRY_PAGE)
    found = {day: value for day, (value, _) in days(read(server)).items()}
    assert found == {
        "1999-11-01": 2.1,
        "1999-12-31": 1.1,
        "2000-01-01": 1.0,
        "2000-02-29": 0.5,
        "2000-05-31": 0.1,
        "2009-11-01": 2.2,
        "2009-12-31": 1.2,
        "2010-01-01": 1.1,
        "2010-05-31": 0.2,
        "2019-11-01": 2.3,
        "2019-12-31": 1.3,
        "2020-01-01": 1.2,
        "2020-02-29": 0.7,
        "2020-05-31": -0.3,
    }


def test_the_29th_of_february_is_only_in_leap_years(server: GaugeServer) -> None:
    only(server, DRY, DRY_PAGE)
    reading = read(server)
    assert "2010-03-01" not in days(reading) and not any("29 February" in reason for reason in reasons(reading))
    only(server, DRY, DRY_PAGE.replace("2009.10:0.0", "2009.10:0.6"))
    reading = read(server)
    assert "2010-03-01" not in days(reading)
    assert any("29 February in column 2009.10" in reason for reason in reasons(reading))


@pytest.mark.parametrize("label", ["2009.10", "2009.1", '"2009.10"', " 2009.10 "])
def test_a_water_year_is_known_however_it_is_written(server: GaugeServer, label: str) -> None:
    only(server, DRY, f'[{{date_gmt:"2024-11-01",{label}:2.2}},{{date_gmt:"2024-01-01",{label}:1.1}}]')
    assert days(read(server)) == {"2009-11-01": (2.2, "good"), "2010-01-01": (1.1, "good")}


@pytest.mark.parametrize("label", ["2009", "2009.11", "2009.20", '"2009/10"', "mean"])
def test_a_column_that_is_no_water_year_is_left_out_and_listed(server: GaugeServer, label: str) -> None:
    only(server, DRY, f'[{{date_gmt:"2024-11-01",{label}:2.2,2010.11:3.3}}]')
    reading = read(server)
    assert days(reading) == {"2010-11-01": (3.3, "good")}
    assert any(f"columns {label.strip(chr(34))} are no years; left out" in reason for reason in reasons(reading))


def test_days_to_come_in_the_running_column_are_no_measurements(server: GaugeServer) -> None:
    only(server, WET, WET_PAGE.replace("2024:0.0", "2024:3.3"))
    reading = read(server)
    assert "2024-10-31" not in days(reading)
    assert any(
        "days to come are no measurements, left out: 2024-10-30 17:00 UTC" in reason for reason in reasons(reading)
    )
    just_begun = Asked(None, pd.Timestamp("2024-09-09T17:00:00Z"))  # 10 September, 00:00
    assert "2024-09-10" in days(read(server, just_begun))
    assert "2024-09-10" not in days(read(server, Asked(None, pd.Timestamp("2024-09-09T16:59:00Z"))))


@pytest.mark.parametrize("date", ["2024-11-01", "2024-13-01", "2024-06-31", "06-01", "", None])
def test_a_row_that_is_no_day_of_the_season_is_left_out_and_listed(server: GaugeServer, date: Any) -> None:
    only(server, WET, json.dumps([{"date_gmt": date, "2023": 9.9}, {"date_gmt": "2024-06-01", "2023": 0.55}]))
    reading = read(server)
    assert days(reading) == {"2023-06-01": (0.55, "good")}
    assert any("no days of this season, left out" in reason for reason in reasons(reading))


def test_what_is_no_number_is_left_out_and_listed(server: GaugeServer) -> None:
    only(server, WET, '[{date_gmt:"2024-06-01",2022:"n/a",2023:0.55,2021:null,2020:NaN,2019:true}]')
    reading = read(server)
    assert days(reading) == {"2023-06-01": (0.55, "good")}
    assert any("no numbers, left out: 'n/a', True" in reason for reason in reasons(reading))


def test_days_before_the_entrys_first_day_are_left_out(server: GaugeServer) -> None:
    assert min(days(read(server, first_day="2019-12-31"))) == "2019-12-31"


def test_only_tables_of_the_seasons_that_are_asked_for_are_fetched_and_they_come_whole(server: GaugeServer) -> None:
    reading = read(server, Asked(pd.Timestamp("2024-08-27T00:00:00Z"), NOW))
    assert [question.path for question in server.asked] == [WET, FORECAST]
    assert "1998-06-01" in days(reading)
    server.asked.clear()
    read(server, Asked(pd.Timestamp("2024-05-20T00:00:00Z"), NOW))
    assert [question.path for question in server.asked] == [WET, DRY, FORECAST]
    server.asked.clear()
    read(server, Asked(pd.Timestamp("2025-01-01T00:00:00Z"), pd.Timestamp("2025-01-15T00:00:00Z")))
    assert [question.path for question in server.asked] == [DRY, FORECAST]


def test_a_season_changes_at_local_midnight(server: GaugeServer) -> None:
    may_ends = pd.Timestamp("2024-05-31T17:00:00Z")
    for since, until, pages in ((-3, -1, [DRY]), (-1, 0, [WET, DRY]), (0, 3, [WET])):
        server.asked.clear()
        read(server, Asked(may_ends + pd.Timedelta(hours=since), may_ends + pd.Timedelta(hours=until)))
        assert [question.path for question in server.asked] == [*pages, FORECAST]


# --- what is almost JSON ----------------------------------------------------------------------------------------------


def test_keys_and_commas_are_mended_and_texts_are_left_alone() -> None:
    text = '[{date_gmt:"a, b:1 ,] 2000:", Max : 1,\n2009.10 :2.5, "x":[1,2,],},]'
    assert json.loads(repaired(text)) == [{"date_gmt": "a, b:1 ,] 2000:", "Max": 1, "2009.10": 2.5, "x": [1, 2]}]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.floats(allow_nan=False) | st.none())))
def test_what_is_json_already_stays_as_it_is(rows: list[dict[str, Any]]) -> None:
    for text in (json.dumps(rows), json.dumps(rows, ensure_ascii=False, indent=1)):
        assert repaired(text) == text


@pytest.mark.parametrize(
    "page",
    [
        '[{date_gmt:"2024-06-01",2023:__import__("os").getcwd()}]',
        '[{date_gmt:"2024-06-01",2023:1+1}]',
        '[{date_gmt:"2024-06-01",2023:,}]',
        "[{date_gmt:'2024-06-01',2023:0.5}]",
        '[{date_gmt:"2024-06-01",2023:0.5',
        '[{date_gmt:"2024-06-01",2023:0.5,2023:0.6}]',
        '[{date_gmt:"2024-06-01"},,]',
        '{date_gmt:"2024-06-01",2023:0.5}',
        "[[1, 2]]",
        "[" * 100_000,
    ],
)
def test_nothing_else_is_mended_and_nothing_is_run(server: GaugeServer, page: str) -> None:
    only(server, WET, page)
    reading = read(server)
    assert reading.values.empty
    assert any(
        WET in reason and ("cannot be read" in reason or "another shape" in reason) for reason in reasons(reading)
    )


# --- the forecast -----------------------------------------------------------------------------------------------------


def test_observations_and_forecast_of_one_list_are_distinguished(server: GaugeServer) -> None:
    only(server, FORECAST, AHEAD_PAGE)
    reading = read(server)
    assert days(reading) == {"2024-09-09": (3.0, "estimated"), "2024-09-10": (3.1, "estimated")}
    assert days(reading, ahead=True) == {"2024-09-11": (3.2, "good"), "2024-09-12": (3.4, "good")}
    assert (reading.values["member"] == -1).all()


def test_a_forecast_is_issued_when_the_last_observed_day_could_be_had(server: GaugeServer) -> None:
    begins = pd.Timestamp("2024-09-09T17:00:00Z")  # 10 September in Viet Nam
    for latency, issued in ((0.5, begins + pd.Timedelta(hours=12)), (0.25, begins + pd.Timedelta(hours=6)), (5.0, NOW)):
        reading = read(server, latency_days=latency)
        assert set(reading.values["issued_at"].dropna()) == {issued}


def test_the_issue_does_not_move_between_two_readings_of_one_page(server: GaugeServer) -> None:
    one = read(server, Asked(None, NOW)).values
    other = read(server, Asked(None, NOW + pd.Timedelta(hours=2))).values
    pd.testing.assert_frame_equal(one, other)


def test_where_table_and_page_have_a_day_the_table_stands(server: GaugeServer) -> None:
    page = [{**row, "val": 2.9} if row["date_gmt"] == "2024-09-10" else row for row in AHEAD_PAGE]
    server.answer(FORECAST, page)
    reading = read(server)
    found = days(reading)
    assert found["2024-09-10"] == (3.1, "good") and found["2024-09-09"] == (3.0, "estimated")
    assert any("differ by more than 0.1 m on 2024-09-09 17:00 UTC" in reason for reason in reasons(reading))


def test_a_day_missing_in_the_table_is_taken_from_the_page_once(server: GaugeServer) -> None:
    server.answer(
        WET,
        '[{date_gmt:"2024-09-09",2024:0.0},{date_gmt:"2024-09-10",2024:3.1}]',
    )
    assert days(read(server))["2024-09-09"] == (3.0, "estimated")
    server.answer(FORECAST, AHEAD_PAGE[1:])  # the page has moved on: nothing is said of that day, so nothing taken back
    assert "2024-09-09" not in days(read(server))


def test_the_day_where_observation_and_forecast_meet_is_no_forecast(server: GaugeServer) -> None:
    meet = {"date_gmt": "2024-09-10", "val": 3.1, "P": 3.1}
    only(server, FORECAST, [AHEAD_PAGE[1], meet, AHEAD_PAGE[2]])
    assert list(days(read(server), ahead=True)) == ["2024-09-11"]
    without_mark = [{**AHEAD_PAGE[1], "P": None}, AHEAD_PAGE[2]]
    only(server, FORECAST, without_mark)
    assert list(days(read(server))) == ["2024-09-10"]


def test_a_forecast_without_an_observed_day_has_no_issue_and_is_left_out(server: GaugeServer) -> None:
    only(server, FORECAST, [{**AHEAD_PAGE[1], "val": 0.0}, *AHEAD_PAGE[2:]])
    reading = read(server)
    assert reading.values.empty
    assert any("not known when its forecast was made" in reason for reason in reasons(reading))


def test_days_to_come_without_the_mark_of_a_forecast_are_no_observations(server: GaugeServer) -> None:
    only(server, FORECAST, [*AHEAD_PAGE[:2], {"date_gmt": "2024-09-11", "val": 3.2}])
    reading = read(server)
    assert list(days(reading)) == ["2024-09-09", "2024-09-10"]
    assert any("days to come without the mark of a forecast" in reason for reason in reasons(reading))


def test_odd_rows_of_the_page_are_listed(server: GaugeServer) -> None:
    only(
        server,
        FORECAST,
        [*AHEAD_PAGE, {"date_gmt": "10/09/2024", "val": 1}, {"val": 2}, {"date_gmt": "2024-09-08", "val": "x"}],
    )
    reading = read(server)
    assert len(reading.values) == 4
    assert [reason for reason in reasons(reading) if "forecast page" in reason] == [
        "forecast page: no readable day, left out: '10/09/2024', None",
        "forecast page: no numbers, left out: 'x'",
    ]


def test_alarm_levels_that_differ_are_listed_once(server: GaugeServer) -> None:
    assert not any("alarm level" in reason for reason in reasons(read(server)))
    found = [reason for reason in reasons(read(server, alarm_levels_m=(3.0, 3.5, 4.0))) if "alarm level" in reason]
    assert [reason.split(";")[0] for reason in found] == [
        "the service gives 3.5 m for alarm level 1, the entry 3 m",
        "the service gives 4.5 m for alarm level 3, the entry 4 m",
    ]
    server.answer(FORECAST, [{**row, "ft": 0, "as": None} for row in AHEAD_PAGE])
    assert not any("alarm level" in reason for reason in reasons(read(server)))


# --- pages that fail --------------------------------------------------------------------------------------------------


def test_nothing_on_any_page_is_an_empty_reading_that_says_so(server: GaugeServer) -> None:
    only(server, WET, "[]")
    reading = read(server)
    assert reading.values.empty
    assert len(reading.skipped) == 3 and all(
        "is empty" in skipped.reason and not skipped.usual for skipped in reading.skipped
    )


def test_one_page_that_fails_is_listed_and_the_others_are_read(server: GaugeServer) -> None:
    server.answer(DRY, 404)
    reading = read(server)
    assert "2023-06-01" in days(reading) and len(days(reading, ahead=True)) == 2
    (reason,) = [reason for reason in reasons(reading) if DRY in reason]
    assert "HTTP 404" in reason
    server.answer(FORECAST, "<html><title>Login</title></html>")
    reading = read(server)
    assert "2023-06-01" in days(reading) and days(reading, ahead=True) == {}
    assert any("web page ('Login')" in reason for reason in reasons(reading))


def test_where_every_page_fails_it_is_an_error(server: GaugeServer) -> None:
    for path in (WET, DRY, FORECAST):
        server.answer(path, 403)
    with pytest.raises(SourceError, match="HTTP 403"):
        read(server)


@pytest.mark.parametrize(("name", "station"), [("tan_chau", "TCH"), ("chau_doc", "CDO")])
def test_the_catalogue_entry_tells_the_same_gauge_as_the_one_of_files(name: str, station: str) -> None:
    files, forecast = load_source(name), load_source(f"{name}_mrc_forecast")
    assert isinstance(forecast, MrcForecast)
    assert forecast.station == station
    for key in ("gauge_id", "river", "location", "datum", "alarm_levels_m", "alarm_source"):
        assert getattr(forecast, key) == getattr(files, key)
    assert "permission" in forecast.licence
