"""Catalogues and rasters that lead elsewhere: to files of this machine, to its network, to other files and addresses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import requests
from rasterio.vrt import WarpedVRT

from erosion.core.errors import SourceError
from erosion.core.http.errors import WebError
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Web
from erosion.core.raster.geotiff import open_geotiff
from erosion.satellite import stac
from erosion.satellite.remote_files import RemoteFiles
from tests.file_server import FileServer
from tests.made_scenes import make_corridor, make_source, optical, write_band, write_item
from tests.raw_server import raw_server, sends
from tests.stac_server import StacServer

QUICK = RetryPolicy(tries=3, first_wait_s=0.02, longest_wait_s=2.0, connect_s=2.0, read_s=2.0)
CORRIDOR = make_corridor()
DAYS = ("2024-01-01", "2024-12-31")
NOBODY = sends(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def load(catalog: str | Path) -> np.ndarray:
    source = make_source(catalog)
    (ref,), skipped = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
    assert skipped == []
    return stac.load_pass(ref, source, CORRIDOR, QUICK)["green"].values


@pytest.mark.parametrize(
    "href", ["{ours}", "file://{ours}", "http://me:word@data.example.org/x.tif", "http://127.1/x.tif"]
)
def test_an_item_that_leads_to_a_file_of_ours_is_listed_and_not_opened(tmp_path: Path, href: str) -> None:
    write_item(tmp_path, "one", optical(1, shape=(24, 24)))
    write_band(tmp_path / "ours.tif", optical(1)["green"])
    item = json.loads((tmp_path / "made" / "one" / "one.json").read_text())
    item["assets"] = {band: {"href": f"https://data.example.org/{band}.tif"} for band in item["assets"]}
    item["assets"]["green"]["href"] = href.format(ours=tmp_path / "ours.tif")
    with StacServer(tmp_path, answer={"features": [item]}) as server:
        refs, skipped = stac.find_passes(make_source(server.api_url), None, CORRIDOR, *DAYS, retry=QUICK)
    assert refs == [] and [s.scene for s in skipped] == ["one"]
    assert skipped[0].reason.startswith("its file for green, ")


def test_a_redirect_into_our_network_is_not_followed() -> None:
    request = requests.Request("GET", "http://127.0.0.1:9/secret").prepare()
    with pytest.raises(WebError, match="lies in a private network"):
        Web(QUICK, catalog="https://stac.agency.org/v1").send(request)


@pytest.mark.parametrize("road", ["web", "file"])
def test_a_vrt_under_the_name_of_a_tif_does_not_open_other_files(tmp_path: Path, road: str) -> None:
    write_item(tmp_path, "one", optical(1))
    write_band(tmp_path / "ours.tif", optical(2)["green"])
    path = tmp_path / "made" / "one" / "green.tif"
    with rasterio.open(tmp_path / "ours.tif") as ours, WarpedVRT(ours) as vrt:
        rasterio.shutil.copy(vrt, path, driver="VRT")
    with rasterio.open(path) as file:
        assert file.driver == "VRT"
    with StacServer(tmp_path) as server, pytest.raises(SourceError, match=r"green.*not recognized"):
        load(server.api_url if road == "web" else tmp_path / "catalog.json")


@pytest.mark.parametrize("prefix", ["/vsicurl/", ""])
def test_a_vrt_under_the_name_of_a_tif_does_not_open_other_addresses(tmp_path: Path, prefix: str) -> None:
    write_item(tmp_path, "one", optical(1))
    with raw_server(NOBODY) as (inner, asked), StacServer(tmp_path) as server:
        (tmp_path / "made" / "one" / "green.tif").write_text(
            f'<VRTDataset rasterXSize="200" rasterYSize="200"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
            f"<SourceFilename>{prefix}{inner}/x.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
        )
        with pytest.raises(SourceError, match=r"green.*not recognized"):
            load(server.api_url)
    assert asked == []


@pytest.mark.parametrize("road", ["web", "file"])
def test_a_tif_that_names_an_address_for_its_overviews_is_not_read(tmp_path: Path, road: str) -> None:
    write_item(tmp_path, "one", optical(1))
    with raw_server(NOBODY) as (inner, asked), StacServer(tmp_path) as server:
        with rasterio.open(tmp_path / "made" / "one" / "green.tif", "r+") as file:
            file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=f"{inner}/x.tif")
        with pytest.raises(SourceError, match=r"green.*names another file for its overviews"):
            load(server.api_url if road == "web" else tmp_path / "catalog.json")
        with pytest.raises(ValueError, match="names another file for its overviews"):
            open_geotiff(tmp_path / "made" / "one" / "green.tif")
    assert asked == []


def test_gdal_asks_no_proxy_for_what_is_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_band(tmp_path / "green.tif", optical(1)["green"])
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FileServer() as internet:
        internet.files["/green.tif"] = (tmp_path / "green.tif").read_bytes()
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, internet.url)
        catalog = "http://stac.example.org/v1"
        with Web(QUICK, catalog=catalog) as web:
            files = RemoteFiles(make_source(catalog), web)
            address = files.address("http://data.example.org/green.tif")
            with rasterio.Env(**files.options(address)), rasterio.open(f"/vsicurl/{address}") as file:
                np.testing.assert_array_equal(file.read(1), optical(1)["green"])
        assert {path for _, path, _ in internet.asked} == {"http://data.example.org/green.tif"}
