"""Vietnam Disaster Monitoring System. All answers are constructed after shapes seen in client code: none was recorded."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.core.errors import SourceError
from erosion.gauges.drivers import vndms
from erosion.gauges.drivers.vndms import PATH, Vndms
from erosion.gauges.formats.reading import Asked, Reading
from tests.gauge_server import GaugeServer
from tests.gauges.drivers.made_services import TAN_CHAU, reasons, service_entry

NOW = "2026-09-12 20:00"  # local
ANSWER = {
    "name_vn": "Tân Châu",
    "river_name": "Tiền",
    "province_name": "An Giang",
    "labels": "7h00/12,13h00/12,19h00/12",
    "value": "3.12,3.15,-",
    "bao_dong1": "3.5,3.5,3.5",
    "bao_dong2": "4.0,4.0,4.0",
    "bao_dong3": "4.5,4.5,4.5",
    "gia_tri_lu_lich_su": "5.28,5.28",
    "nam_lu_lich_su": "1961",
}


pytestmark = pytest.mark.usefixtures("asked_once")


def read(server: GaugeServer, answer: Any, until: str = NOW, **changes: Any) -> Reading:
    """Reading of a constructed answer at a local time."""
    keys: dict[str, Any] = {
        **TAN_CHAU,
        "name": "tan_chau_vndms",
        "driver": "vndms",
        "station": "71581",
        "cadence_days": 0.25,
        "latency_days": 0.05,
    }
    server.answer(PATH, answer)
    now = pd.Timestamp(until, tz="Asia/Ho_Chi_Minh").tz_convert("UTC")
    return vndms.read(service_entry(Vndms, server, **{**keys, **changes}), Asked(None, now))


def of(labels: list[str], values: list[object] | None = None) -> dict[str, Any]:
    given_values = [round(3 + i / 100, 2) for i in range(len(labels))] if values is None else values
    return {**ANSWER, "labels": ",".join(labels), "value": ",".join(map(str, given_values))}


def local_times(reading: Reading) -> list[str]:
    return list(reading.values["time"].dt.tz_convert("Asia/Ho_Chi_Minh").dt.strftime("%Y-%m-%d %H:%M"))


def test_a_constructed_answer_is_read_in_local_time(server: GaugeServer) -> None:
    reading = read(server, ANSWER)
    rows = reading.values
    assert list(rows["time"]) == [pd.Timestamp(f"2026-09-12T{hour:02d}:00Z") for hour in (0, 6, 12)]
    assert list(rows["value"][:2]) == [3.12, 3.15] and math.isnan(rows["value"][2])
    assert list(rows["quality"]) == ["good", "good", "missing"]
    assert set(rows["quantity"]) == {"stage"} and rows["issued_at"].isna().all()
    assert reading.skipped == ()


def test_the_service_is_asked_as_its_own_map_does(server: GaugeServer) -> None:
    read(server, ANSWER)
    asked = server.asked[-1]
    assert (asked.method, asked.path) == ("POST", PATH)
    assert asked.form == {"id": ["71581"], "timeSelect": ["7"], "source": ["Water"], "fromDate": [""], "toDate": [""]}
    assert asked.headers["Referer"] == "https://vndms.dmptc.gov.vn/"
    assert asked.headers["Origin"] == "https://vndms.dmptc.gov.vn"


# --- times without month and year -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "labels", "times"),
    [
        (
            "2026-09-02 08:00",
            ["19h00/31", "7h00/1", "7h00/2"],
            ["2026-08-31 19:00", "2026-09-01 07:00", "2026-09-02 07:00"],
        ),
        (
            "2027-01-01 08:00",
            ["7h00/30", "7h00/31", "7h00/1"],
            ["2026-12-30 07:00", "2026-12-31 07:00", "2027-01-01 07:00"],
        ),
        ("2027-03-02 08:00", ["7h00/28", "7h00/1"], ["2027-02-28 07:00", "2027-03-01 07:00"]),
        ("2028-03-02 08:00", ["7h00/29", "7h00/1"], ["2028-02-29 07:00", "2028-03-01 07:00"]),
        ("2027-03-02 08:00", ["7h00/29"], ["2027-01-29 07:00"]),  # that February had none
        ("2027-03-30 08:00", ["7h00/31"], ["2027-03-31 07:00"]),  # of tomorrow: left out below
        ("2026-09-12 20:00", ["0h30/12", "1h/12"], ["2026-09-12 00:30", "2026-09-12 01:00"]),
        ("2026-09-12 20:00", ["23h00/11", "24h00/11"], ["2026-09-11 23:00", "2026-09-12 00:00"]),
        # the older way, with a month
        ("2026-11-15 20:00", ["22h \n14/11", "0h \n15/11"], ["2026-11-14 22:00", "2026-11-15 00:00"]),
        ("2027-01-01 08:00", ["7h 31/12", "7h 1/1"], ["2026-12-31 07:00", "2027-01-01 07:00"]),
        ("2026-11-15 20:00", ["7h00 14/11", "7h30\n15/11"], ["2026-11-14 07:00", "2026-11-15 07:30"]),
        ("2027-03-02 08:00", ["7h 29/2"], ["2024-02-29 07:00"]),
        # a day alone
        ("2027-01-01 08:00", ["31/12", "1/1"], ["2026-12-31 00:00", "2027-01-01 00:00"]),
    ],
)
def test_month_and_year_are_counted_back_from_the_present(
    server: GaugeServer, until: str, labels: list[str], times: list[str]
) -> None:
    reading = read(server, of(labels), until)
    now = pd.Timestamp(until)
    assert local_times(reading) == [time for time in times if pd.Timestamp(time) <= now]


def test_a_clock_that_is_ahead_does_not_send_a_value_a_month_back(server: GaugeServer) -> None:
    for until in ("2026-09-12 18:50", "2026-09-11 23:50"):
        reading = read(server, of(["19h00/12"]), until)
        assert reading.values.empty
        assert "values lie in the future (2026-09-12 12:00 UTC)" in reasons(reading)[0]


def test_the_newest_first_is_an_order_too(server: GaugeServer) -> None:
    reading = read(server, of(["7h00/1", "7h00/31", "7h00/30"], [3.1, 3.2, 3.3]), "2027-01-01 08:00")
    assert local_times(reading) == ["2026-12-30 07:00", "2026-12-31 07:00", "2027-01-01 07:00"]
    assert list(reading.values["value"]) == [3.3, 3.2, 3.1]


def test_labels_over_more_than_a_month_have_no_sure_month(server: GaugeServer) -> None:
    labels = [f"7h00/{day}" for day in [*range(12, 32), *range(1, 15)]]
    with pytest.raises(SourceError, match="reach over more than a month"):
        read(server, of(labels), "2026-09-14 08:00")


def test_a_minute_that_may_be_a_day_is_not_guessed(server: GaugeServer) -> None:
    with pytest.raises(SourceError, match="a minute and a day or a day and a month"):
        read(server, of(["0h15/11", "6h15/11"]), "2026-11-15 20:00")
    reading = read(
        server, of(["0h00/11", "0h15/11"]), "2026-11-15 20:00"
    )  # 00 is no day, so the others are minutes too
    assert local_times(reading) == ["2026-11-11 00:00", "2026-11-11 00:15"]


@pytest.mark.parametrize(
    "label", ["7h00", "12", "", "7:00 12", "25h00/12", "7h60/12", "7h00/0", "7h00/32", "7h 31/2", "7h 1/13"]
)
def test_a_label_that_is_no_time_is_left_out_and_listed(server: GaugeServer, label: str) -> None:
    reading = read(server, of([label, "13h00/12"], [9.0, 3.1]))
    assert local_times(reading) == ["2026-09-12 13:00"]
    assert list(reading.values["value"]) == [3.1]
    assert reasons(reading) == [f"no readable time, left out: {label!r}"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2035-12-31")),
    st.integers(1, 8),
    st.sampled_from(["{t.hour}h{t.minute:02d}/{t.day}", "{t.hour}h \n{t.day}/{t.month}"]),
)
def test_seven_days_of_hours_come_back_as_they_were(server: GaugeServer, until: Any, step: int, pattern: str) -> None:
    last = pd.Timestamp(until).floor("h")
    times = pd.date_range(end=last, periods=168 // step, freq=f"{step}h")
    labels = [pattern.format(t=time) for time in times]
    assert local_times(read(server, of(labels), str(until))) == list(times.strftime("%Y-%m-%d %H:%M"))


# --- values -----------------------------------------------------------------------------------------------------------


def test_missing_values_have_many_names(server: GaugeServer) -> None:
    labels = [f"{hour}h00/12" for hour in range(7)]
    reading = read(server, of(labels, ["-", "null", "", " ", "NULL", "nan", "3.1"]))
    assert list(reading.values["quality"]) == ["missing"] * 6 + ["good"]
    assert reading.skipped == ()


def test_what_is_no_number_is_missing_and_listed(server: GaugeServer) -> None:
    reading = read(server, of(["1h00/12", "2h00/12", "3h00/12"], ["3.1m", "3_1", "3.1"]))
    assert list(reading.values["quality"]) == ["missing", "missing", "good"]
    assert reasons(reading) == ["no numbers, taken as missing: '3.1m', '3_1'"]


def test_a_level_that_cannot_be_is_left_to_quality_control(server: GaugeServer) -> None:
    reading = read(server, of(["1h00/12", "2h00/12"], [312, -1.5]))
    assert list(reading.values["value"]) == [312.0, -1.5] and set(reading.values["quality"]) == {"good"}


def test_a_decimal_comma_does_not_shift_the_values(server: GaugeServer) -> None:
    with pytest.raises(SourceError, match="3 times and 6 values"):
        read(server, {**ANSWER, "value": "3,12,3,15,3,20"})


def test_of_two_values_of_one_time_the_last_stands_and_is_suspect(server: GaugeServer) -> None:
    reading = read(server, of(["1h00/12", "1h00/12", "2h00/12", "2h00/12"], [3.1, 3.2, 3.3, "-"]))
    assert list(reading.values["value"]) == [3.2, 3.3]
    assert list(reading.values["quality"]) == ["suspect", "good"]
    assert reasons(reading)[0].startswith("stage: two values for 2026-09-11 18:00 UTC")


# --- thresholds, names, answers without values ------------------------------------------------------------------------


def test_thresholds_that_differ_are_listed_and_those_not_above_zero_are_none(server: GaugeServer) -> None:
    answer = {**ANSWER, "bao_dong1": "3.5,3.6,3.5", "bao_dong2": "0,-1,-", "bao_dong3": "450,450"}
    assert [reason.split(";")[0] for reason in reasons(read(server, answer))] == [
        "the service gives 3.6 m for alarm level 1, the entry 3.5 m",
        "the service gives 450 m for alarm level 3, the entry 4.5 m",
    ]
    assert read(server, {**ANSWER, "bao_dong1": None, "bao_dong2": "", "bao_dong3": "null"}).skipped == ()
    assert read(server, {**ANSWER, "bao_dong1": "9"}, alarm_levels_m=(), alarm_source=None).skipped == ()


def test_another_stations_name_makes_the_values_suspect(server: GaugeServer) -> None:
    assert read(server, ANSWER, station_name="Tan Chau").skipped == ()
    reading = read(server, {**ANSWER, "name_vn": "Châu Đốc"}, station_name="Tân Châu")
    assert list(reading.values["quality"]) == ["suspect", "suspect", "missing"]
    assert "calls the station Châu Đốc, the entry Tân Châu" in reasons(reading)[0]


@pytest.mark.parametrize(
    "answer", [{}, [], {"labels": "", "value": ""}, {"labels": None}, {"labels": "null", "value": "null"}]
)
def test_a_station_without_values_is_an_empty_reading_that_says_so(server: GaugeServer, answer: Any) -> None:
    reading = read(server, answer)
    assert reading.values.empty
    (skipped,) = reading.skipped
    assert "no values of the station; is its number right?" in skipped.reason and not skipped.usual


@pytest.mark.parametrize("answer", [b"null", b'"no"', [1], b"5"])
def test_another_shape_is_an_error(server: GaugeServer, answer: Any) -> None:
    with pytest.raises(SourceError, match="another shape"):
        read(server, answer)


def test_what_the_service_complains_of_is_passed_on(server: GaugeServer) -> None:
    with pytest.raises(SourceError, match="the service reports Phiên làm việc đã hết hạn"):
        read(server, {"error": "Phiên làm việc đã hết hạn"})
    with pytest.raises(SourceError, match="web page"):
        read(server, "<!DOCTYPE html><title>Đăng nhập</title>")
