"""Catalogue entries of public collections, and a new collection by one file alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from erosion.config.problems import CatalogError
from erosion.config.sources import CATALOGUE, load_source, read_source
from erosion.core.contracts import check_scene
from erosion.satellite import stac
from erosion.satellite.stac_entry import StacCollection
from tests.made_scenes import SIZE, make_corridor, numbers, write_item
from tests.stac_server import StacServer

PUBLIC = [
    "sentinel2_earth_search",
    "sentinel2_planetary_computer",
    "landsat_earth_search",
    "landsat_planetary_computer",
    "sentinel1_planetary_computer",
]


def entry(name: str) -> StacCollection:
    source = load_source(name)
    assert isinstance(source, StacCollection)
    return source


@pytest.mark.parametrize("name", PUBLIC)
def test_entries_are_whole(name: str) -> None:
    source = entry(name)
    assert source.catalog.startswith("https://")
    assert source.signing == ("planetary_computer" if "planetary" in name else "none")
    assert source.token_env is None
    for text in (source.licence, source.attribution, source.citation, source.url):
        assert text


def test_sentinel2_facts() -> None:
    for name in ("sentinel2_earth_search", "sentinel2_planetary_computer"):
        source = entry(name)
        assert (source.scale, source.offset, source.boa_offset, source.nodata) == (1e-4, 0.0, "sentinel2", 0.0)
        assert source.quality is not None and set(source.quality.usable) == {2, 4, 5, 6, 7}
        assert source.pixel_m == 10.0 and source.latency_days < 5


def test_landsat_facts() -> None:
    for name in ("landsat_earth_search", "landsat_planetary_computer"):
        source = entry(name)
        assert (source.scale, source.offset, source.boa_offset) == (0.0000275, -0.2, "none")
        assert source.quality is not None and set(source.quality.refuse) == {0, 1, 2, 3, 4, 5}
        assert source.saturation is not None and {0, 1, 2, 3, 4, 5, 6} < set(source.saturation.refuse)
        assert source.bands["saturation"] == ("qa_radsat",)
        assert source.pixel_m == 30.0


def test_sentinel1_facts() -> None:
    source = entry("sentinel1_planetary_computer")
    assert (source.sensor, source.scale, source.offset, source.nodata) == ("radar", 1.0, 0.0, -32768.0)
    assert source.units.backscatter == "1" and source.quality is None


NEW_COLLECTION = """
name: harmonised_made_up
driver: stac
title: A collection nobody has heard of
sensor: optical
catalog: {catalog}
collection: hls-like
bands:
  green: [B03]
  nir: [B8A]
  swir16: [B11]
  quality: [Fmask]
units: {{reflectance: "1"}}
scale: 0.0002
offset: -0.1
nodata: -9999
quality: {{kind: bits, refuse: [1, 2, 3, 4]}}
pixel_m: 30
cadence_days: 3
latency_days: 3
geo_rmse_m: 9
licence: MIT
attribution: nobody
citation: none
available_from: published
"""


def test_a_new_collection_is_one_file_and_no_code(tmp_path: Path) -> None:
    values = {name: numbers(i, low=1000, high=9000).astype(np.int16) for i, name in enumerate(("B03", "B8A", "B11"))}
    values["B03"][0, 0] = -9999
    flags = np.zeros((SIZE, SIZE), np.uint8)
    flags[1, :8] = 1 << np.arange(8)
    root = tmp_path / "server"
    write_item(
        root, "scene", {**values, "Fmask": flags}, "2024-03-01T03:00:00Z", pixel=30.0, collection="hls-like", nodata=None,
        properties={"platform": "landsat-9", "sat:relative_orbit": None, "published": "2024-03-05T12:00:00Z"},
    )  # fmt: skip
    with StacServer(root) as server:
        file = tmp_path / "harmonised_made_up.yaml"
        file.write_text(NEW_COLLECTION.format(catalog=server.api_url))
        source = read_source(file)
        assert isinstance(source, StacCollection)
        corridor = make_corridor(60, 50, pixel=30.0)
        (ref,), skipped = stac.find_passes(source, None, corridor, "2024-01-01", "2024-12-31")
        scene = check_scene(stac.load_pass(ref, source, corridor))
    assert skipped == []
    assert ref.pass_id == "harmonised_made_up-landsat-9-20240301-x"
    assert ref.available_at.isoformat() == "2024-03-05T12:00:00+00:00"
    expected = values["B03"][:50, :60] * 0.0002 - 0.1
    expected[0, 0] = np.nan
    np.testing.assert_allclose(scene["green"].values, expected, atol=1e-6)
    assert scene["clear"].values[1, :8].tolist() == [True, False, False, False, False, True, True, True]
    assert not scene["clear"].values[0, 0]
    assert scene.attrs["source"] == "harmonised_made_up" and scene.attrs["geo_rmse_m"] == 9.0


def test_static_catalogue_beside_the_entry(tmp_path: Path) -> None:
    values = {name: numbers(i, low=1000, high=9000) for i, name in enumerate(("B03", "B8A", "B11"))}
    bands = {**values, "Fmask": np.zeros((SIZE, SIZE), np.uint8)}
    write_item(tmp_path / "disk", "scene", bands, collection="hls-like")
    file = tmp_path / "harmonised_made_up.yaml"
    file.write_text(NEW_COLLECTION.format(catalog="disk/catalog.json"))
    source = read_source(file)
    assert isinstance(source, StacCollection)
    corridor = make_corridor()
    (ref,), _ = stac.find_passes(source, None, corridor, "2024-01-01", "2024-12-31")
    scene = stac.load_pass(ref, source, corridor)
    np.testing.assert_allclose(scene["nir"].values, values["B8A"][:120, :150] * 0.0002 - 0.1, atol=1e-6)


def test_no_entry_holds_a_secret() -> None:
    for file in CATALOGUE.glob("*.yaml"):
        text = file.read_text(encoding="utf-8").lower()
        assert "sig=" not in text and "bearer " not in text and "password" not in text


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        ("https://me:word@stac.agency.org/v1", "holds a user or password"),
        ("http://127.1:8000/v1", "writes an IP address in an unusual way"),
        ("https://stac.agency.org:٤٤٣/v1", "other characters than plain letters"),
        ("https://stac.agency.org\\\\@127.0.0.1/v1", "backslash"),
        ("ftp://stac.agency.org/v1", "must start with https:// or http://"),
    ],
)
def test_an_address_that_the_gate_refuses_is_found_when_the_entry_is_read(
    tmp_path: Path, catalog: str, words: str
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(NEW_COLLECTION.format(catalog=f'"{catalog}"'), "utf-8")
    with pytest.raises(CatalogError, match=rf"catalog: .*{words}") as error:
        read_source(file)
    assert "word" not in str(error.value).replace("user or password", "")
