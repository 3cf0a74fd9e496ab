"""Encrypted connections through the gate: made to the judged address, under the name, with the name's certificate."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from erosion.core.http.errors import WebError
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Web
from tests.public_network import PUBLIC_IP, public_network

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate of the test")

QUICK = RetryPolicy(tries=1, connect_s=2.0, read_s=2.0)
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n{"a": 1}'


class Encrypted(NamedTuple):
    port: int
    names: list[str | None]  # that clients asked for (SNI)
    requests: list[bytes]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate, which is its own authority, and key of stac.example.org."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stac.example.org"
    command += " -addext subjectAltName=DNS:stac.example.org -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[Encrypted]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listening = socket.create_server(("127.0.0.1", 0))
    seen = Encrypted(listening.getsockname()[1], [], [])
    context.sni_callback = lambda _, name, __: seen.names.append(name)

    def serve() -> None:
        with contextlib.suppress(OSError):  # until the socket is closed
            while True:
                raw, _ = listening.accept()
                with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
                    seen.requests.append(connection.recv(65_536))
                    connection.sendall(ANSWER)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield seen
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)


def test_the_name_is_shown_and_its_certificate_checked(
    server: Encrypted, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    names = public_network(monkeypatch)
    home = f"https://stac.example.org:{server.port}"
    with Web(QUICK, catalog=home) as web:
        assert web.get_json(f"{home}/a") == {"a": 1}
    assert names.asked == ["stac.example.org"]
    assert server.names == ["stac.example.org"]
    assert f"Host: stac.example.org:{server.port}".encode() in server.requests[0]


def test_a_certificate_of_another_name_is_not_accepted(
    server: Encrypted, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    public_network(monkeypatch)
    for host in ("other.example.org", PUBLIC_IP):
        home = f"https://{host}:{server.port}"
        with Web(QUICK, catalog=home) as web, pytest.raises(WebError, match="certificate is not accepted"):
            web.get_json(f"{home}/a")
    assert server.requests == []


def test_a_certificate_of_no_authority_is_not_accepted(server: Encrypted, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    public_network(monkeypatch)
    home = f"https://stac.example.org:{server.port}"
    with Web(QUICK, catalog=home) as web, pytest.raises(WebError, match="certificate is not accepted"):
        web.get_json(f"{home}/a")
    assert server.requests == []
