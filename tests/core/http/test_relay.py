"""The relay between GDAL and the servers of raster files: a process of its own, real GDAL reads, real servers.

Public names lead to this machine through a proxy of the test (``HTTP_PROXY``), which stands for the Internet.
"""

from __future__ import annotations

import dataclasses
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioError

from erosion.core.http.relay import Failure, Relay, shared_relay
from erosion.core.http.relay_server import FIRST_BYTES
from erosion.core.http.retry import RetryPolicy
from tests.file_server import FileServer
from tests.made_scenes import numbers, write_band
from tests.raw_server import drips, raw_server

QUICK = RetryPolicy(tries=2, first_wait_s=0.01, longest_wait_s=0.1, connect_s=5.0, read_s=5.0)
PUBLIC = "http://stac.example.org/v1"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        yield running


@pytest.fixture
def internet(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """The server is the proxy through which every name is reached; addresses of this machine are reached as they are."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    return server


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, np.ndarray]:
    """A GeoTIFF of 80 kB, and its numbers."""
    path, values = tmp_path_factory.mktemp("raster") / "green.tif", numbers(1)
    write_band(path, values)
    assert path.stat().st_size > 2 * FIRST_BYTES
    return path.read_bytes(), values


def read(address: str) -> np.ndarray:
    """Numbers of a raster as GDAL reads them; nothing of what it read before is remembered."""
    options = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_PROXY": "",
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/",
    }
    with rasterio.Env(**options), rasterio.open(f"/vsicurl/{address}", driver="GTiff") as file:
        return file.read(1)


def refused(relay: Relay, url: str) -> Failure:
    address = relay.address(url)
    with pytest.raises(RasterioError):
        read(address)
    failure = relay.failure(address)
    assert failure is not None
    return failure


def test_a_file_is_read_through_the_relay(server: FileServer, raster: tuple[bytes, np.ndarray]) -> None:
    server.files["/green.tif"], values = raster
    with Relay(QUICK, None, server.url) as relay:
        address = relay.address(f"{server.url}/green.tif?sig=secret")
        assert address.startswith("http://127.0.0.1:") and "secret" not in address
        np.testing.assert_array_equal(read(address), values)
        assert relay.failure(address) is None
        assert relay.address(f"{server.url}/green.tif?sig=another") == address
        assert relay.address(f"{server.url}/other.tif") != address
    assert {command for command, _, _ in server.asked} == {"GET"}
    assert all(path == "/green.tif?sig=secret" for _, path, _ in server.asked)


def test_a_public_name_is_read(internet: FileServer, raster: tuple[bytes, np.ndarray]) -> None:
    internet.files["/other.tif"], values = raster
    internet.redirects["/green.tif"] = "http://data.example.net/other.tif"
    with Relay(QUICK, None, PUBLIC) as relay:
        np.testing.assert_array_equal(read(relay.address("http://data.example.org/green.tif")), values)
    assert {path for _, path, _ in internet.asked} == {
        "http://data.example.org/green.tif",
        "http://data.example.net/other.tif",
    }


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:{port}/inner.tif",
        "http://localhost:{port}/inner.tif",
        "http://127.1:{port}/inner.tif",
        "http://169.254.169.254/inner.tif",
        "http://data.example.org\\@127.0.0.1:{port}/inner.tif",
        "file:///etc/hostname",
    ],
)
def test_a_redirect_of_a_raster_into_a_private_network_is_not_followed(
    internet: FileServer, raster: tuple[bytes, np.ndarray], place: str
) -> None:
    with FileServer() as inner:
        inner.files["/inner.tif"] = raster[0]
        internet.redirects["/green.tif"] = place.format(port=inner.url.rsplit(":", 1)[1])
        with Relay(QUICK, None, PUBLIC) as relay:
            failure = refused(relay, "http://data.example.org/green.tif")
        assert failure.lasting
        assert inner.asked == []


def test_an_operators_own_server_may_redirect_within_its_network(
    server: FileServer, raster: tuple[bytes, np.ndarray]
) -> None:
    server.files["/green.tif"], values = raster
    server.redirects["/a.tif"] = f"{server.url.replace('127.0.0.1', 'localhost')}/green.tif"
    server.redirects["/b.tif"] = "http://169.254.169.254/green.tif"
    with Relay(QUICK, None, server.url) as relay:
        np.testing.assert_array_equal(read(relay.address(f"{server.url}/a.tif")), values)
        assert "169.254.169.254" in refused(relay, f"{server.url}/b.tif").reason


@pytest.mark.parametrize(
    ("odd", "words", "lasting"),
    [
        ("whole", "whole files only", True),
        ("changes", "changed while it was read", False),
        ("elsewhere", "another part of the file", False),
        ("more", "another part of the file", False),
        ("refuses", "HTTP 403", False),
    ],
)
def test_a_server_that_answers_oddly_is_named(
    server: FileServer, raster: tuple[bytes, np.ndarray], odd: str, words: str, lasting: bool
) -> None:
    server.files["/green.tif"], server.odd["/green.tif"] = raster[0], odd
    with Relay(QUICK, None, server.url) as relay:
        failure = refused(relay, f"{server.url}/green.tif")
    assert words in failure.reason and failure.lasting is lasting


def test_a_raster_that_drips_is_ended() -> None:
    head = b"HTTP/1.1 206 Partial\r\nContent-Length: 32768\r\nContent-Range: bytes 0-32767/99999\r\n\r\nII*\0"
    hasty = dataclasses.replace(QUICK, read_s=0.3)
    with raw_server(drips(head, b"x", 0.05)) as (url, asked), Relay(hasty, None, url) as relay:
        assert "not whole after 0.6 s" in refused(relay, f"{url}/green.tif").reason
    assert len(asked) <= 3


@pytest.mark.parametrize(
    "content",
    [
        b'<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>',
        b" \n<VRTDataset/>",
        b'{"type": "FeatureCollection", "stac_version": "1.0.0"}',
        b"\x89HDF\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n",
        b"II*",
        b"",
    ],
)
def test_what_is_no_raster_by_its_first_bytes_is_not_handed_on(server: FileServer, content: bytes) -> None:
    server.files["/green.tif"], server.odd["/green.tif"] = content, "whole"
    with Relay(QUICK, None, server.url) as relay:
        assert refused(relay, f"{server.url}/green.tif") == Failure("is not recognized as GeoTIFF or JPEG 2000", True)


def test_a_small_file_may_come_whole(server: FileServer, tmp_path: Path) -> None:
    write_band(tmp_path / "small.tif", numbers(1, (24, 24)))
    server.files["/small.tif"], server.odd["/small.tif"] = (tmp_path / "small.tif").read_bytes(), "whole"
    with Relay(QUICK, None, server.url) as relay:
        np.testing.assert_array_equal(read(relay.address(f"{server.url}/small.tif")), numbers(1, (24, 24)))


def test_a_token_goes_to_its_host_alone(server: FileServer, raster: tuple[bytes, np.ndarray]) -> None:
    server.files["/green.tif"] = raster[0]
    server.redirects["/a.tif"] = f"{server.url.replace('127.0.0.1', 'localhost')}/green.tif"
    with Relay(QUICK, "very-secret", server.url) as relay:
        read(relay.address(f"{server.url}/a.tif"))
    sent = {path: headers.get("Authorization") for _, path, headers in server.asked}
    assert sent == {"/a.tif": "Bearer very-secret", "/green.tif": None}


def test_nobody_without_the_secret_is_answered(server: FileServer, raster: tuple[bytes, np.ndarray]) -> None:
    server.files["/green.tif"] = raster[0]
    with Relay(QUICK, None, server.url) as relay:
        address = relay.address(f"{server.url}/green.tif")
        root, secret, name, file = address.rsplit("/", 3)
        for path in (
            f"x/{name}/{file}",
            f"{secret}/{'0' * 32}/{file}",
            f"{secret}/{name}",
            "",
            f"/{secret}/{name}/a/b",
        ):
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(f"{root}/{path}", timeout=5)
            assert error.value.code == 404
    assert server.asked == []


def test_the_process_ends_with_its_relay(server: FileServer) -> None:
    with Relay(QUICK, None, server.url) as relay:
        address = relay.address(f"{server.url}/green.tif")
        process: Any = relay._process
    assert process.poll() is not None
    with pytest.raises(OSError, match=r"refused|reset"):
        urllib.request.urlopen(address, timeout=5)


def test_the_passes_of_a_source_share_a_process_which_is_started_again_where_it_was_killed(
    server: FileServer, raster: tuple[bytes, np.ndarray]
) -> None:
    server.files["/green.tif"], values = raster
    relay = shared_relay(QUICK, None, server.url)
    assert shared_relay(QUICK, None, server.url) is relay
    assert shared_relay(QUICK, "token", server.url) is not relay
    first = relay.address(f"{server.url}/green.tif")
    np.testing.assert_array_equal(read(first), values)
    process: Any = relay._process
    process.kill()
    process.wait()
    np.testing.assert_array_equal(read(relay.address(f"{server.url}/green.tif")), values)
    relay.close()
