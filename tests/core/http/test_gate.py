"""The gate, end to end: real servers on loopback, which a test's DNS makes public or private."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from erosion.core.http.errors import WebError
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Web
from tests.gauge_server import GaugeServer
from tests.public_network import PUBLIC_IP, public_network

QUICK = RetryPolicy(tries=2, first_wait_s=0.01, longest_wait_s=0.1, connect_s=2.0, read_s=2.0)


@pytest.fixture
def server() -> Iterator[GaugeServer]:
    with GaugeServer() as running:
        running.answer("/a", {"a": 1})
        yield running


def port(server: GaugeServer) -> str:
    return server.url.rsplit(":", 1)[1]


def refused(web: Web, url: str) -> str:
    with pytest.raises(WebError) as failure:
        web.get_json(url)
    return str(failure.value)


def test_a_public_name_is_reached_under_its_name(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names = public_network(monkeypatch)
    home = f"http://stac.example.org:{port(server)}"
    with Web(QUICK, catalog=home) as web:
        assert web.get_json(f"{home}/a") == {"a": 1}
    assert server.asked[0].headers["Host"] == f"stac.example.org:{port(server)}"
    assert names.asked == ["stac.example.org"]


@pytest.mark.parametrize(
    "ips",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["100.64.0.9"],
        ["::1"],
        ["fe80::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        [PUBLIC_IP, "127.0.0.1"],  # one of several is enough
        ["127.0.0.1", PUBLIC_IP],
    ],
)
def test_a_public_name_that_resolves_to_a_private_address_is_not_reached(
    server: GaugeServer, monkeypatch: pytest.MonkeyPatch, ips: list[str]
) -> None:
    public_network(monkeypatch, {"data.example.org": [ips]})
    with Web(QUICK, catalog="https://stac.example.org/v1") as web:
        message = refused(web, f"http://data.example.org:{port(server)}/a")
    assert "data.example.org resolves to" in message and "EROSION_PRIVATE_HOSTS" in message
    assert server.asked == []


def test_the_home_of_a_source_is_judged_too(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    public_network(monkeypatch, {"stac.example.org": [["127.0.0.1"]]})
    home = f"http://stac.example.org:{port(server)}"
    with Web(QUICK, catalog=home) as web:
        assert "resolves to 127.0.0.1" in refused(web, f"{home}/a")
    assert server.asked == []
    monkeypatch.setenv("EROSION_PRIVATE_HOSTS", "stac.example.org")
    with Web(QUICK, catalog=home) as web:
        assert web.get_json(f"{home}/a") == {"a": 1}


def test_a_name_whose_answer_changes_after_it_was_judged_is_not_followed(
    server: GaugeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public when it is judged, loopback a moment later."""
    names = public_network(monkeypatch, {"stac.example.org": [[PUBLIC_IP], ["127.0.0.1"]]})
    home = f"http://stac.example.org:{port(server)}"
    reached: list[str] = []
    connect = socket.socket.connect

    def connected(self: socket.socket, address: tuple) -> None:
        reached.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connected)
    with Web(QUICK, catalog=home) as web:
        assert web.get_json(f"{home}/a") == {"a": 1}
    assert names.asked == ["stac.example.org"], "it was looked up once: what was judged is what was reached"
    assert reached[0] == PUBLIC_IP
    with Web(QUICK, catalog=home) as web:
        assert "resolves to 127.0.0.1" in refused(web, f"{home}/a")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:{port}/inner",
        "http://localhost:{port}/inner",
        "http://[::1]:{port}/inner",
        "http://0.0.0.0:{port}/inner",
        "http://127.1:{port}/inner",
        "http://inner.example.org:{port}/inner",
        "http://stac.example.org:{port}\\@127.0.0.1:{port}/inner",
        "http://x@127.0.0.1:{port}/inner",
        "//127.0.0.1:{port}/inner",
        "ftp://127.0.0.1:{port}/inner",
        "file:///etc/hostname",
    ],
)
def test_a_redirect_into_a_private_network_is_not_followed(
    server: GaugeServer, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    public_network(monkeypatch, {"inner.example.org": [["127.0.0.1"]]})
    home = f"http://stac.example.org:{port(server)}"
    server.answer("/start", b"", status=302, headers={"Location": place.format(port=port(server))})
    server.answer("/inner", {"inner": True})
    with Web(QUICK, catalog=home) as web:
        with pytest.raises(WebError):
            web.get_json(f"{home}/start")
        assert web.probe(f"{home}/start").status is None
    assert "/inner" not in [question.path for question in server.asked]


def test_redirects_between_public_names_are_followed_and_bounded(
    server: GaugeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_network(monkeypatch)
    home = f"http://stac.example.org:{port(server)}"
    for step in range(5):
        place = f"http://host{step}.example.org:{port(server)}/{step + 1}"
        server.answer(f"/{step}", b"", status=302, headers={"Location": place})
    server.answer("/5", {"a": 1})
    server.answer("/round", b"", status=302, headers={"Location": "/round"})
    with Web(QUICK, catalog=home) as web:
        assert web.get_json(f"{home}/0") == {"a": 1}
        assert "redirects" in refused(web, f"{home}/round")
    assert sum(question.path == "/round" for question in server.asked) == 6


def test_an_operators_own_server_may_lead_within_its_network(server: GaugeServer) -> None:
    server.answer("/start", b"", status=302, headers={"Location": f"http://localhost:{port(server)}/a"})
    with Web(QUICK, catalog=server.url) as web:
        assert web.get_json(f"{server.url}/start") == {"a": 1}


def test_no_server_leads_to_the_metadata_of_a_cloud(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer("/start", b"", status=302, headers={"Location": "http://169.254.169.254/latest"})
    server.answer("/name", b"", status=302, headers={"Location": "http://meta.example.org/latest"})
    public_network(monkeypatch, {"meta.example.org": [["169.254.169.254"]]})
    with Web(QUICK, catalog=server.url) as web:
        assert "169.254.169.254" in refused(web, f"{server.url}/start")
        assert "169.254.169.254" in refused(web, f"{server.url}/name")


@pytest.mark.parametrize(
    "url",
    ["http://stac.example.org\\@127.0.0.1:{port}/a", "http://127.0.0.1:{arabic}/a", "http://١٢٧.٠.٠.١:{port}/a"],
)
def test_an_odd_address_is_refused_before_a_library_rewrites_it(server: GaugeServer, url: str) -> None:
    number = port(server)
    arabic = number.translate({ord("0") + n: chr(0x660 + n) for n in range(10)})
    own = Web(QUICK, catalog="catalog.json")  # a file of one's own may lead to this machine, but not like this
    with own as web, pytest.raises(WebError):
        web.get_json(url.format(port=number, arabic=arabic))
    assert server.asked == []


def test_a_name_that_does_not_resolve_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    with Web(QUICK, catalog="https://stac.example.org") as web:
        assert "host not found" in refused(web, "https://stac.example.org/a?sig=secret")


def test_the_second_address_of_a_name_is_tried(server: GaugeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    public_network(monkeypatch, {"own.example.org": [["127.9.9.9", "127.0.0.1"]]})
    monkeypatch.setenv("EROSION_PRIVATE_HOSTS", "own.example.org")
    home = f"http://own.example.org:{port(server)}"
    with Web(QUICK, catalog=home) as web:  # the server listens on 127.0.0.1 alone
        assert web.get_json(f"{home}/a") == {"a": 1}
