"""Asking a service, end to end on loopback: every way in which an answer can be bad, and where a key may go."""

from __future__ import annotations

import gzip
import logging
import socket
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from erosion.config.gauges import WebGauge
from erosion.config.problems import CatalogError
from erosion.config.sources import read_source
from erosion.core.errors import SourceError
from erosion.core.http.limits import Limits
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.search_limits import SearchLimits
from erosion.gauges.formats import web
from erosion.gauges.formats.web import Service
from tests.gauge_server import GaugeServer
from tests.public_network import public_network

KEY = "s3cret/key+that&must=stay"


def entry(**changes: Any) -> WebGauge:
    told: dict[str, Any] = {
        "name": "gauge",
        "driver": "",
        "title": "",
        "gauge_id": "0042",
        "river": "",
        "location": (105.2, 10.8),
        "cadence_days": 1.0,
        "latency_days": 1.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "pause_s": 0.0,
    }
    return WebGauge(**{**told, **changes})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quickly = RetryPolicy(tries=3, first_wait_s=0.01, longest_wait_s=1.0, connect_s=2.0, read_s=1.0)
    monkeypatch.setattr(web, "RETRY", quickly)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[GaugeServer]:
    with GaugeServer() as running:
        yield running


def service(server: GaugeServer, limits: Limits | None = None, **changes: Any) -> Service:
    return Service(entry(**changes), server.url, None if limits is None else SearchLimits(answer=limits))


def refused(server: GaugeServer, path: str = "/a", limits: Limits | None = None, **changes: Any) -> str:
    with pytest.raises(SourceError) as error:
        service(server, limits, **changes).json(path)
    return str(error.value)


# --- what passes by ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_failure_is_asked_again(server: GaugeServer, status: int) -> None:
    server.answer("/a", {"a": 1})
    server.answer("/a", b"", status=status, times=2, headers={"Retry-After": "0"})
    assert service(server).json("/a") == {"a": 1}
    assert len(server.asked) == 3


def test_an_answer_that_breaks_off_is_asked_again(server: GaugeServer) -> None:
    server.answer("/a", {"a": [1] * 5000})
    server.answer("/a", b"[" + b"1," * 5000, cut_at=3000, times=2)
    assert service(server).json("/a") == {"a": [1] * 5000}


def test_an_answer_that_always_breaks_off_is_an_error(server: GaugeServer) -> None:
    server.answer("/a", b"[1, 2, 3, 4]", cut_at=4)
    assert "broke off (tried 3 times)" in refused(server)
    assert len(server.asked) == 3


def test_a_service_that_asks_for_a_long_wait_is_left_alone(server: GaugeServer) -> None:
    server.answer("/a", b"", status=429, headers={"Retry-After": "3600"})
    assert "asks to wait 3600 s" in refused(server)
    assert len(server.asked) == 1


def test_what_is_refused_for_good_is_not_asked_again(server: GaugeServer) -> None:
    server.answer("/a", {"reason": "no such station"}, status=400)
    assert "HTTP 400: no such station" in refused(server)
    assert len(server.asked) == 1


def test_nobody_there(server: GaugeServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match=r"gauge: .*connection refused"):
        Service(entry(), f"http://127.0.0.1:{port}").json("/a")


def test_a_service_that_falls_silent_is_given_up(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "RETRY", RetryPolicy(tries=1, read_s=0.1))
    server.answer("/a", b"1", drip_s=0.5)  # its head comes at once
    assert "broke off" in refused(server)


def test_the_pause_is_kept_between_requests_to_one_host(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of the test's own: two services of one host share the pause, another host has its own."""
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        now[0] += seconds

    monkeypatch.setattr(web, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(web, "_last_asked", {})
    server.answer("/a", [1])
    with GaugeServer() as other:
        other.answer("/a", [1])
        for address, passed in ((server.url, 0.0), (server.url, 0.5), (other.url, 0.0), (server.url, 9.0)):
            now[0] += passed
            Service(entry(pause_s=2.0), address).json("/a")
    assert slept == [0.0, 1.5, 0.0, 0.0]


# --- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html><title>Down for  repair</title>",
        "\ufeff\n <html><head><title>Down for repair</title>",
        '<?xml version="1.0"?><!doctype HTML PUBLIC "x"><html><title>Down for repair</title>',
        "<!-- proxy --><HTML><TITLE>Down for repair</TITLE>",
    ],
)
def test_a_web_page_with_status_200_is_no_data(server: GaugeServer, page: str) -> None:
    server.answer("/a", page)
    message = refused(server)
    assert "web page ('Down for repair') instead of data" in message
    assert service(server).text("/a", may_be_web_page=True).endswith(page[-20:])


def test_data_that_speaks_of_html_are_data(server: GaugeServer) -> None:
    server.answer("/a", {"popup": "<html><b>3.2</b>"}, kind="text/html")
    assert service(server).json("/a") == {"popup": "<html><b>3.2</b>"}


@pytest.mark.parametrize("body", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_body_is_named(server: GaugeServer, body: bytes) -> None:
    server.answer("/a", body)
    assert "answered with nothing at all" in refused(server)


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [
        ("utf-8", "application/json"),
        ("utf-8-sig", "application/json; charset=utf-8"),
        ("utf-8", "text/html"),  # for which HTTP once meant Latin-1
        ("utf-8", "application/json; charset=iso-8859-1"),
        ("utf-8", "application/json; charset=windows-1258"),
        ("utf-8", "application/json; charset=utf8mb4"),
        ("utf-16", "application/json; charset=utf-16"),
    ],
)
def test_a_wrong_charset_does_no_harm(server: GaugeServer, encoding: str, kind: str) -> None:
    server.answer("/a", '{"name": "Tân Châu"}'.encode(encoding), kind=kind)
    assert service(server).json("/a") == {"name": "Tân Châu"}


def test_another_charset_is_read_where_it_is_true(server: GaugeServer) -> None:
    server.answer("/a", '["Châu"]'.encode("cp1258"), kind="application/json; charset=windows-1258")
    assert service(server).json("/a") == ["Châu"]


@pytest.mark.parametrize("body", [b"{a: 1}", b"[1, 2", b"\xff\xfe\xfd", b"[" * 200_000, b"<br /><b>Warning</b>: mysql"])
def test_what_is_no_json_is_shown(server: GaugeServer, body: bytes) -> None:
    server.answer("/a", body, kind="application/json; charset=utf8mb4")
    message = refused(server)
    assert "the answer is no JSON" in message and len(message) < 400


def test_a_huge_answer_is_refused(server: GaugeServer) -> None:
    server.answer("/a", b"[" + b"1," * 100_000 + b"1]")
    assert "more than 0.1 MB" in refused(server, limits=Limits(most_bytes=100_000))
    assert len(server.asked) == 1


@pytest.mark.parametrize("times_packed", [1, 2])
def test_an_answer_that_swells_is_bounded_after_unpacking(server: GaugeServer, times_packed: int) -> None:
    body = b" " * 60_000_000
    for _ in range(times_packed):
        body = gzip.compress(body)
    assert len(body) < 100_000
    server.answer("/a", body, headers={"Content-Encoding": ", ".join(["gzip"] * times_packed)})
    tracemalloc.start()
    try:
        assert "more than 1 MB" in refused(server, limits=Limits(most_bytes=1_000_000))
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_a_packed_answer_is_read(server: GaugeServer) -> None:
    server.answer("/a", gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})
    assert service(server).json("/a") == {"a": 1}


def test_what_claims_to_be_packed_and_is_not_is_an_error(server: GaugeServer) -> None:
    server.answer("/a", b'{"a": 1}', headers={"Content-Encoding": "gzip"})
    assert "broke off" in refused(server)


def test_an_answer_that_drips_is_given_up(server: GaugeServer) -> None:
    server.answer("/a", b"[" + b"1," * 40_000 + b"1]", drip_s=0.1)  # 2 s in all, never silent for long
    assert "not whole after 0.2 s" in refused(server, limits=Limits(longest_s=0.2))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (SearchLimits(most_pages=3), "ended after 3 pages"),
        (SearchLimits(most_bytes=3 * 40_000), "ended after 0.12 MB"),
        (SearchLimits(longest_s=0.2), "ended after 0.2 s"),
    ],
)
def test_a_service_of_pages_without_end_is_ended(server: GaugeServer, limits: SearchLimits, words: str) -> None:
    server.answer("/a", ["x" * 40_000], drip_s=0.01)
    asked = Service(entry(), server.url, limits)
    with pytest.raises(SourceError, match=f"gauge: the search was {words}, .*first_day"):
        [asked.json("/a") for _ in range(100)]
    assert 1 <= len(server.asked) <= 3


# --- where it leads, and where a key goes -----------------------------------------------------------------------------


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names below example.org are public and lead to the servers of the test."""
    public_network(monkeypatch)


def port(server: GaugeServer) -> str:
    return server.url.rsplit(":", 1)[1]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1", "lies in a private network"),
        ("localhost", "lies in a private network"),
        ("0x7f.1", "writes an IP address in an unusual way"),
        ("2130706433", "writes an IP address in an unusual way"),
    ],
)
def test_a_service_cannot_lead_into_the_private_network(
    server: GaugeServer, elsewhere: None, host: str, words: str
) -> None:
    server.answer("/a", b"", status=302, headers={"Location": f"http://{host}:{port(server)}/inner?token=x"})
    server.answer("/inner", {"inner": True})
    public = Service(entry(), f"http://gauges.example.org:{port(server)}")
    with pytest.raises(SourceError, match=words) as error:
        public.json("/a")
    assert "token" not in str(error.value)
    with pytest.raises(SourceError, match=words):
        public.json(f"http://{host}:{port(server)}/inner")
    assert [question.path for question in server.asked] == ["/a"]


def test_a_redirect_within_the_world_is_followed_without_the_key(
    server: GaugeServer, elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAUGE_KEY", KEY)
    server.answer("/a", b"", status=302, headers={"Location": f"http://other.example.org:{port(server)}/b"})
    server.answer("/b", {"a": 1})
    public = Service(entry(key_env="GAUGE_KEY"), f"http://gauges.example.org:{port(server)}")
    headers = {"X-API-Key": str(public.key), "Authorization": f"Token {public.key}", "X-Other": "stays"}
    assert public.json("/a", headers=headers) == {"a": 1}
    first, second = (question.headers for question in server.asked)
    assert first["X-API-Key"] == KEY and KEY in first["Authorization"]
    assert "X-API-Key" not in second and "Authorization" not in second
    assert second["X-Other"] == "stays" and second["Host"].startswith("other.example.org")


def test_a_redirect_on_the_same_host_keeps_the_key(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUGE_KEY", KEY)
    server.answer("/a", b"", status=302, headers={"Location": "/b"})
    server.answer("/b", {"a": 1})
    service(server, key_env="GAUGE_KEY").json("/a", headers={"X-API-Key": KEY})
    assert [question.headers.get("X-API-Key") for question in server.asked] == [KEY, KEY]


def test_a_next_page_elsewhere_is_asked_without_the_key(
    server: GaugeServer, elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAUGE_KEY", KEY)
    server.answer("/b", {"a": 1})
    public = Service(entry(key_env="GAUGE_KEY"), f"http://gauges.example.org:{port(server)}")
    public.json(
        f"http://other.example.org:{port(server)}/b",
        {"api_key": KEY, "page": 2},
        headers={"X-API-Key": KEY, "Accept": "x/y"},
    )
    (asked,) = server.asked
    assert asked.query == {"page": ["2"]}
    assert "X-API-Key" not in asked.headers and asked.headers["Accept"] == "x/y"


@pytest.mark.parametrize("link", ["http://[broken/", "http://host:port/x", "file:///etc/passwd", "http:///nothing"])
def test_a_next_page_that_is_no_address_is_an_error(server: GaugeServer, link: str) -> None:
    with pytest.raises(SourceError, match="gauge: "):
        service(server).json(link)


def test_redirects_end(server: GaugeServer) -> None:
    server.answer("/a", b"", status=302, headers={"Location": "/a"})
    refused(server)
    assert len(server.asked) <= 3 * 6


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"reason": f"key {KEY} is not known"}, 400),
        (f"<html><title>{KEY}</title>", 500),
        (f"<html><title>{KEY}</title>", 200),
        (f"{KEY} is not known", 200),
        ({"error": KEY}, 404),
    ],
)
def test_a_key_is_in_no_message_and_no_log(
    server: GaugeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: Any, status: int
) -> None:
    monkeypatch.setenv("GAUGE_KEY", KEY)
    server.answer("/a", answer, status=status)
    asking = service(server, key_env="GAUGE_KEY")
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as error:
        asking.json("/a", {"api_key": asking.key}, headers={"X-API-Key": str(asking.key)})
    assert server.asked[0].query == {"api_key": [KEY]}
    for text in (str(error.value), caplog.text):
        assert KEY not in text and "s3cret" not in text
    assert "gauge" in str(error.value)


def test_a_key_that_is_wanted_and_not_there_is_reported(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAUGE_KEY", raising=False)
    asking = service(server, key_env="GAUGE_KEY")
    with pytest.raises(SourceError, match="put it into the environment variable GAUGE_KEY"):
        _ = asking.key
    server.answer("/a", 500)
    with pytest.raises(SourceError, match="HTTP 500"):  # the reason, not the lack of a key
        asking.json("/a")
    assert service(server).key is None


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "khoá"])
def test_a_variable_that_holds_more_than_a_key_is_reported_without_showing_it(
    server: GaugeServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("GAUGE_KEY", key)
    with pytest.raises(SourceError, match="put the key alone into it") as error:
        _ = service(server, key_env="GAUGE_KEY").key
    assert key not in str(error.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_what_to_do_about_the_key(
    server: GaugeServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    server.answer("/a", "no", status=status)
    assert f"HTTP {status}, not allowed; it may want a key" in refused(server)
    monkeypatch.setenv("GAUGE_KEY", KEY)
    assert "is the key in GAUGE_KEY right?" in refused(server, key_env="GAUGE_KEY")
    assert len(server.asked) == 2


# --- the entry --------------------------------------------------------------------------------------------------------

YAML = """
name: x
driver: mrc_telemetry
title: x
station: "019803"
gauge_id: "019803"
river: x
location: [105.2, 10.8]
datum: x
cadence_days: 1
latency_days: 1
licence: x
attribution: x
citation: x
"""


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("service: api.mrcmekong.org", "service"),
        ("service: ftp://api.mrcmekong.org", "service"),
        ("service: https://user:word@host.org", "service"),
        ("service: https://host.org/?key=abc", "service"),
        ("service: 'https://host.org:port'", "service"),
        ("service: 'https://[host'", "service"),
        ("first_day: '2016-02-30'", "first_day"),
        ("first_day: '20160101'", "first_day"),
        ("key_env: 0a1b-2c3d", "key_env"),
        ("pause_s: -1", "pause_s"),
    ],
)
def test_a_wrong_entry_of_a_service_is_named(tmp_path: Any, line: str, key: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(YAML)
    read_source(file)
    file.write_text(YAML + line + "\n")
    with pytest.raises(CatalogError) as error:
        read_source(file)
    (problem,) = error.value.problems
    assert f": {key}: " in problem
    assert "0a1b-2c3d" not in problem and "abc" not in problem and "word@" not in problem


def test_a_station_is_text_without_slashes(tmp_path: Any) -> None:
    file = tmp_path / "x.yaml"
    for station in ('"../admin"', '"a b"', '""', "19803"):
        file.write_text(YAML.replace('station: "019803"', f"station: {station}"))
        with pytest.raises(CatalogError, match="station"):
            read_source(file)
