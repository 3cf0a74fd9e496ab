"""Telemetry of the Mekong River Commission. All answers are constructed after shapes seen in client code: none was recorded."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.sources import load_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers import mrc_telemetry
from erosion.gauges.drivers.mrc_telemetry import MEASUREMENTS, STATIONS, MrcTelemetry
from erosion.gauges.formats.reading import Asked, Reading
from tests.gauge_server import GaugeServer
from tests.gauges.drivers.made_services import TAN_CHAU, reasons, service_entry

NOW = pd.Timestamp("2026-09-17T13:00:00Z")
ASKED = Asked(None, NOW)
PLACE = {"stationId": "019803", "name": "Tan Chau", "latitude": 10.80062, "longitude": 105.24802}
ALARMS = {"alarmStage": 3.5, "floodStage": 4.5}
ROW = {"d": "2026-09-17T12:30:00Z", "w": 3.19, "r": 0.2, "t": 29.1, "b": 12.7}


pytestmark = pytest.mark.usefixtures("asked_once")


def entry(server: GaugeServer, **changes: Any) -> MrcTelemetry:
    keys: dict[str, Any] = {
        **TAN_CHAU,
        "name": "tan_chau_mrc",
        "driver": "mrc_telemetry",
        "station": "019803",
        "cadence_days": 0.01,
        "latency_days": 0.05,
    }
    return service_entry(MrcTelemetry, server, **{**keys, **changes})


def read(
    server: GaugeServer, rows: Any, stations: Any = ({**PLACE, **ALARMS},), asked: Asked = ASKED, **changes: Any
) -> Reading:
    """Reading of a constructed answer."""
    answer = rows if isinstance(rows, dict) else {"stationId": "019803", "measurements": rows}
    server.answer(f"{MEASUREMENTS}/019803", answer)
    server.answer(STATIONS, list(stations) if isinstance(stations, tuple) else stations)
    return mrc_telemetry.read(entry(server, **changes), asked)


def values(reading: Reading, quantity: str = "stage") -> list[tuple[str, float, str]]:
    rows = reading.values[reading.values["quantity"] == quantity]
    return [(f"{t:%d %H:%M}", v, q) for t, v, q in zip(rows["time"], rows["value"], rows["quality"], strict=True)]


def test_stage_and_rain_of_constructed_rows_out_of_order_in_utc(server: GaugeServer) -> None:
    later = {**ROW, "d": "2026-09-17T12:45:00Z", "w": 3.2, "r": 1.4}
    zoned = {**ROW, "d": "2026-09-17T19:15:00+07:00", "w": "3.18"}  # 12:15 in UTC
    reading = read(server, [later, zoned, ROW])
    assert values(reading) == [("17 12:15", 3.18, "good"), ("17 12:30", 3.19, "good"), ("17 12:45", 3.2, "good")]
    assert values(reading, "rain") == [("17 12:15", 0.2, "good"), ("17 12:30", 0.2, "good"), ("17 12:45", 1.4, "good")]
    assert reading.skipped == ()
    assert reading.values["issued_at"].isna().all() and (reading.values["member"] == -1).all()
    assert str(reading.values["time"].dtype) == "datetime64[ns, UTC]"


def test_a_missing_value_is_missing_and_a_sensor_that_is_not_there_gives_nothing(server: GaugeServer) -> None:
    dead = {"d": "2026-09-17T12:45:00Z", "w": None, "r": None, "b": 12.7}
    reading = read(server, [{**ROW, "r": None}, dead])
    (first, second) = values(reading)
    assert first == ("17 12:30", 3.19, "good")
    assert second[0] == "17 12:45" and math.isnan(second[1]) and second[2] == "missing"
    assert values(reading, "rain") == []


def test_of_two_rows_of_one_time_a_number_stands_and_a_contradiction_is_suspect(server: GaugeServer) -> None:
    again = {"d": "2026-09-17T12:30:00Z", "w": None, "r": 0.2}
    assert values(read(server, [ROW, ROW, again])) == [("17 12:30", 3.19, "good")]
    reading = read(server, [ROW, {**ROW, "w": 3.9}, again])
    assert values(reading) == [("17 12:30", 3.9, "suspect")]
    assert values(reading, "rain") == [("17 12:30", 0.2, "good")]
    assert reasons(reading) == ["stage: two values for 2026-09-17 12:30 UTC; the last one stands and is held suspect"]


@pytest.mark.parametrize(
    "answer", [{"stationId": "019803", "measurements": []}, {"measurements": None}, {"stationId": 19803}]
)
def test_no_measurements_is_an_empty_reading_that_says_so(server: GaugeServer, answer: dict[str, Any]) -> None:
    reading = read(server, answer)
    assert reading.values.empty
    (skipped,) = reading.skipped
    assert "no measurements of the station" in skipped.reason and not skipped.usual


def test_what_lies_in_the_future_is_left_out_and_listed(server: GaugeServer) -> None:
    reading = read(server, [ROW, {**ROW, "d": "2026-09-17T13:15:00Z"}])
    assert [time for time, *_ in values(reading)] == ["17 12:30"]
    assert "lie in the future (2026-09-17 13:15 UTC)" in reasons(reading)[0]


def test_a_time_without_a_zone_is_not_guessed(server: GaugeServer) -> None:
    odd = [
        {**ROW, "d": d} for d in ("2026-09-17T12:45:00", "2026-09-17", "yesterdayZ", None, "2026-13-45T12:45:00Z", 5)
    ]
    reading = read(server, [*odd, ROW, None, "row"])
    assert [time for time, *_ in values(reading)] == ["17 12:30"]
    assert reasons(reading) == ["8 of 9 measurements have no readable time with its zone; left out"]


def test_what_is_no_number_is_missing_and_listed(server: GaugeServer) -> None:
    rows = [
        {**ROW, "d": f"2026-09-17T12:{15 * i:02d}:00Z", "w": w} for i, w in enumerate(["3.1 m", True, {"x": 1}, 3.2])
    ]
    reading = read(server, rows)
    assert [quality for *_, quality in values(reading)] == ["missing", "missing", "missing", "good"]
    assert reasons(reading) == ["stage: no numbers, taken as missing: '3.1 m', True, {'x': 1}"]


@pytest.mark.parametrize("answer", [[ROW], "text", {"measurements": {"d": 1}}, b"5", b"null"])
def test_another_shape_is_an_error_and_not_an_empty_series(server: GaugeServer, answer: Any) -> None:
    server.answer(f"{MEASUREMENTS}/019803", answer)
    with pytest.raises(SourceError, match=r"another shape|no JSON"):
        mrc_telemetry.read(entry(server), ASKED)


def test_an_answer_for_another_station_is_refused(server: GaugeServer) -> None:
    with pytest.raises(SourceError, match="asked for station 019803, the service answers for 039801"):
        read(server, {"stationId": "039801", "measurements": [ROW]})


def test_all_that_comes_is_given_though_less_was_asked_for(server: GaugeServer) -> None:
    """A gap that the service fills late lies before ``since``; the answer is here, so nothing of it is thrown away."""
    old = {**ROW, "d": "2026-08-01T00:00:00Z"}
    reading = read(server, [old, ROW], asked=Asked(NOW - pd.Timedelta(hours=6), NOW))
    assert [time for time, *_ in values(reading)] == ["01 00:00", "17 12:30"]


# --- the station ------------------------------------------------------------------------------------------------------


def test_a_station_that_lies_elsewhere_gives_suspect_values(server: GaugeServer) -> None:
    near = {**PLACE, "latitude": 10.801 + 0.0176}  # 1.95 km: a degree of latitude is 110.6 km here
    assert [quality for *_, quality in values(read(server, [ROW], (near,)))] == ["good"]
    far = {**PLACE, "latitude": 10.801 + 0.0186}  # 2.06 km
    reading = read(server, [ROW, {**ROW, "d": "2026-09-17T12:45:00Z", "w": None}], (far,))
    assert [quality for *_, quality in values(reading)] == ["suspect", "missing"]
    assert [quality for *_, quality in values(reading, "rain")] == ["suspect", "suspect"]
    assert "has the station 2.1 km from the entry's location" in reasons(reading)[0]


@pytest.mark.parametrize(
    ("stations", "said"),
    [
        ([], "not in the service's list of 0"),
        ([{**PLACE, "stationId": "039801"}, None, 5], "not in the service's list of 1"),
        ({"stations": []}, "not in the service's list of 0"),
        ([{**PLACE, "latitude": None}], "gives no place of the station"),
        ([{**PLACE, "latitude": 105.2, "longitude": 10.8}], "gives no place of the station"),
        ([{**PLACE, "latitude": "north"}], "gives no place of the station"),
    ],
)
def test_a_station_that_cannot_be_placed_is_listed_and_read(server: GaugeServer, stations: Any, said: str) -> None:
    reading = read(server, [ROW], stations)
    assert values(reading) == [("17 12:30", 3.19, "good")]
    (reason,) = reasons(reading)
    assert said in reason


def test_a_list_of_stations_that_fails_does_not_stop_the_values(server: GaugeServer) -> None:
    server.answer(STATIONS, 500)
    server.answer(f"{MEASUREMENTS}/019803", {"measurements": [ROW]})
    reading = mrc_telemetry.read(entry(server), ASKED)
    assert values(reading) == [("17 12:30", 3.19, "good")]
    assert "could not be looked up" in reasons(reading)[0] and "HTTP 500" in reasons(reading)[0]


def test_a_renamed_station_is_listed_and_a_name_without_its_marks_is_no_other(server: GaugeServer) -> None:
    assert reasons(read(server, [ROW], station_name="Tân Châu")) == []
    assert reasons(read(server, [ROW], ({**PLACE, "name": None},), station_name="Tân Châu")) == []
    reading = read(server, [ROW], ({**PLACE, "name": "Tan Chau New"},), station_name="Tân Châu")
    assert reasons(reading) == ["the service calls the station Tan Chau New, the entry Tân Châu; is it still the same?"]
    assert values(reading) == [("17 12:30", 3.19, "good")]


def test_alarm_levels_that_differ_are_listed(server: GaugeServer) -> None:
    reading = read(server, [ROW], ({**PLACE, "alarmStage": 3.6, "floodStage": 4.5},))
    assert [reason[:57] for reason in reasons(reading)] == [
        "the service gives 3.6 m for alarm level 1, the entry 3.5 m"[:57]
    ]
    assert reasons(read(server, [ROW], ({**PLACE, "alarmStage": None, "floodStage": 0.0},))) == []
    on_its_own_zero = ({**PLACE, "alarmStage": 4.0, "floodStage": 5.0},)
    assert reasons(read(server, [ROW], on_its_own_zero, datum_offset_m=-0.5)) == []


# --- the key ----------------------------------------------------------------------------------------------------------


def test_a_key_is_sent_where_the_entry_names_one(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MRC_KEY", "word")
    read(server, [ROW], key_env="MRC_KEY")
    assert [question.headers.get("X-API-Key") for question in server.asked[-2:]] == ["word", "word"]
    read(server, [ROW])
    assert "X-API-Key" not in server.asked[-1].headers
    monkeypatch.delenv("MRC_KEY")
    with pytest.raises(SourceError, match="environment variable MRC_KEY"):
        read(server, [ROW], key_env="MRC_KEY")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_that_a_key_may_be_wanted(server: GaugeServer, status: int) -> None:
    server.answer(f"{MEASUREMENTS}/019803", "no", status=status, times=1)
    with pytest.raises(
        SourceError, match=f"HTTP {status}, not allowed; it may want a key: name its variable as key_env"
    ):
        mrc_telemetry.read(entry(server), ASKED)


# --- laws -------------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.none() | st.floats(-2, 8).map(lambda x: round(x, 2))), min_size=1, max_size=12
    ),
    st.randoms(use_true_random=False),
)
def test_every_time_once_sorted_and_only_contradictions_depend_on_the_order(
    server: GaugeServer, given_rows: list[tuple[int, float | None]], random: Any
) -> None:
    rows = [{"d": f"2026-09-17T{10 + i // 4:02d}:{15 * (i % 4):02d}:00Z", "w": w, "r": 0} for i, w in given_rows]
    shuffled = random.sample(rows, len(rows))
    one, other = read(server, rows), read(server, shuffled)
    for reading in (one, other):
        for _, part in reading.values.groupby("quantity"):
            assert part["time"].is_monotonic_increasing and part["time"].is_unique
    a, b = (
        r.values[(r.values["quantity"] == "stage") & (r.values["quality"] != "suspect")].reset_index(drop=True)
        for r in (one, other)
    )
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize(("name", "station"), [("tan_chau", "019803"), ("chau_doc", "039801")])
def test_the_catalogue_entry_tells_the_same_gauge_as_the_one_of_files(name: str, station: str) -> None:
    files, telemetry = load_source(name), load_source(f"{name}_mrc")
    assert isinstance(telemetry, MrcTelemetry)
    assert (telemetry.station, telemetry.gauge_id) == (station, station)
    for key in ("gauge_id", "river", "location", "datum", "alarm_levels_m", "alarm_source"):
        assert getattr(telemetry, key) == getattr(files, key)
    assert telemetry.key_env is None and "permission" in telemetry.licence
