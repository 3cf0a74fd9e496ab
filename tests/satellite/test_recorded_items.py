"""All thirty-six recorded items of public catalogues, by the project's own entries: bands, numbers, place, pass."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from pyproj import Transformer
from shapely import transform
from shapely.geometry import shape

from erosion.config.sources import load_source
from erosion.satellite import stac
from erosion.satellite.corridor import Corridor
from erosion.satellite.items import assets_of, boa_shift, lacking, stated_grid
from erosion.satellite.stac_entry import StacCollection
from tests.made_scenes import make_corridor
from tests.recorded_items import RECORDED, recorded

OPTICAL = ("blue", "green", "red", "nir", "swir16", "swir22", "quality")


class Kind(NamedTuple):
    """What is known beforehand of the items of one provider."""

    entry: str
    pixels: dict[str, float]  # of each band [m]
    scale: float
    offset: float


S2_PIXELS = dict.fromkeys(("blue", "green", "red", "nir"), 10.0) | dict.fromkeys(("swir16", "swir22", "quality"), 20.0)
SENTINEL2 = Kind("sentinel2_earth_search", S2_PIXELS, 1e-4, 0.0)
SENTINEL2_PC = SENTINEL2._replace(entry="sentinel2_planetary_computer")
LANDSAT = Kind("landsat_earth_search", dict.fromkeys(OPTICAL, 30.0), 2.75e-5, -0.2)
LANDSAT_PC = LANDSAT._replace(entry="landsat_planetary_computer")
RADAR = Kind("sentinel1_planetary_computer", dict.fromkeys(("vv", "vh"), 20.0), 1.0, 0.0)


def kind_of(name: str) -> Kind:
    if name.startswith("S1"):
        return RADAR
    if name.startswith("S2"):
        return SENTINEL2_PC if name.startswith("S2B_MSIL2A") else SENTINEL2
    return LANDSAT if name.endswith("_SR") else LANDSAT_PC


SCENES = [name for name in RECORDED if name[0] in "SL"]
ODD = [name for name in RECORDED if name[0] not in "SL"]


def source_of(name: str) -> StacCollection:
    source = load_source(kind_of(name).entry)
    assert isinstance(source, StacCollection)
    if name.startswith("S1"):  # another provider's names of the same product
        source = dataclasses.replace(source, bands={"vv": ("gamma0_vv",), "vh": ("gamma0_vh",)})
    return source


def corridor_in(name: str) -> Corridor:
    """Two kilometres around a place that the item's outline holds, in the item's own zone."""
    outline = shape(RECORDED[name]["geometry"])
    west, _, east, _ = outline.bounds
    if east - west > 180:  # over the antimeridian
        outline = transform(outline, lambda p: np.column_stack([p[:, 0] % 360, p[:, 1]]))
    place = outline.representative_point()
    crs = f"EPSG:{RECORDED[name]['properties']['proj:epsg']}"
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(place.x, place.y)
    return make_corridor(20, 20, round(x, -2) - 1000, round(y, -2) + 1000, 100.0, crs)


def pass_of(name: str) -> str:
    """Platform, day and orbit, told by names alone.

    Landsat identifiers hold the path. Granules of ESA hold the absolute orbit: its remainder by the 143 orbits of a
    cycle is the relative one, 3 less for Sentinel-2A and 26 more for 2B. Product names of ESA hold the relative orbit.
    """
    properties = RECORDED[name]["properties"]
    day = str(properties.get("datetime") or properties["start_datetime"])[:10].replace("-", "")
    if name.startswith("L"):
        return f"landsat-{int(name[2:4])}-{day}-{name.split('_')[2][:3]}"
    platform = f"sentinel-{name[1:3].lower()}"
    if "_OPER_" in name:
        absolute = int(re.findall(r"_A(\d{6})_", name)[0])
        return f"{platform}-{day}-{(absolute + {'A': 3, 'B': -26}[name[2]]) % 143:03d}"
    if name.startswith("S1"):
        return f"{platform}-{day}-{properties['sat:relative_orbit']:03d}"
    (orbit,) = set(re.findall(r"_R(\d{3})_", json.dumps([name, properties])))
    return f"{platform}-{day}-{orbit}"


def test_the_thirty_six_are_all_here() -> None:
    assert len(RECORDED) == 36
    assert (len(SCENES), len(ODD)) == (35, 1)


@pytest.mark.parametrize("name", SCENES)
def test_an_item_is_found_as_the_pass_it_is(name: str, tmp_path: Path) -> None:
    """From a catalogue on disk through search, outline, scale check and grouping."""
    (tmp_path / "item.json").write_text(json.dumps(RECORDED[name]))
    source = source_of(name)
    links = [{"rel": "item", "href": "item.json"}]
    (tmp_path / "catalog.json").write_text(json.dumps({"type": "Collection", "id": source.collection, "links": links}))
    source = dataclasses.replace(source, catalog="catalog.json", described_in=tmp_path / "entry.yaml")
    refs, skipped = stac.find_passes(source, None, corridor_in(name), "1980-01-01", "2025-12-31")
    assert skipped == []
    assert [[item.id for item in ref.items] for ref in refs] == [[name]]
    assert refs[0].pass_id == f"{source.name}-{pass_of(name)}"


@pytest.mark.parametrize("name", SCENES)
def test_every_band_of_an_item(name: str) -> None:
    kind, source, item = kind_of(name), source_of(name), recorded(name)
    found = assets_of(item, source)
    assert set(found) == set(kind.pixels) and lacking(item, source) is None
    assert (source.scale, source.offset) == (kind.scale, kind.offset)
    for band, asset in found.items():
        grid = stated_grid(item, asset)
        assert grid is not None
        assert grid.crs == f"EPSG:{item.properties['proj:epsg']}"
        assert grid.pixel_m == kind.pixels[band]
        side = grid.pixel_m * grid.width
        assert side == 109_800 if name.startswith("S") else 200_000 < side < 260_000
        for said in asset.extra_fields.get("raster:bands", []):
            if band == "quality" or name.startswith("S1"):  # linear power as it is: nothing to convert
                continue
            assert said["nodata"] == source.nodata == 0
            assert said["scale"] == pytest.approx(kind.scale)
            if name.startswith("L"):
                assert said["offset"] == kind.offset


@pytest.mark.parametrize("name", [name for name in SCENES if name.startswith("S2")])
def test_the_advertised_offset_is_due_where_it_was_not_applied(name: str) -> None:
    """Computed from what the item advertises, which the code never looks at: offset -0.1 is 1000, unless applied."""
    item = recorded(name)
    said = {
        band["offset"]
        for alias, asset in assets_of(item, source_of(name)).items()
        for band in asset.extra_fields.get("raster:bands", [])
        if alias != "quality"
    }
    applied = item.properties.get("earthsearch:boa_offset_applied") is True
    if not said:  # the two oldest forms of item advertise nothing; both are older than the shift
        assert item.properties["datetime"] < "2022-01-25"
        expected = 0.0
    else:
        (offset,) = said
        expected = 0.0 if applied else round(-offset / 1e-4, 6)
    assert boa_shift(item.properties, "sentinel2") == expected


def test_items_that_advertise_what_was_applied_already_are_among_them() -> None:
    traps = [
        name
        for name, item in RECORDED.items()
        if item["properties"].get("earthsearch:boa_offset_applied") is True
        and item["assets"]["green"]["raster:bands"][0]["offset"] == -0.1
    ]
    assert sorted(traps) == ["S2A_12RWT_20240106_0_L2A", "S2A_32TMS_20221207_0_L2A", "S2B_33TWN_20220130_0_L2A"]


@pytest.mark.parametrize("name", ODD)
def test_an_item_of_something_else_is_refused_by_every_entry(name: str) -> None:
    item = recorded(name)
    for kind in (SENTINEL2, SENTINEL2_PC, LANDSAT, LANDSAT_PC, RADAR):
        source = load_source(kind.entry)
        assert isinstance(source, StacCollection)
        assert "has no file for" in (lacking(item, source) or "")


@pytest.mark.parametrize("name", [name for name in SCENES if name.startswith("S1")])
def test_radar_of_another_provider_is_refused_by_its_names(name: str) -> None:
    source = load_source(RADAR.entry)
    assert isinstance(source, StacCollection)
    assert "no file for vv or vh" in (lacking(recorded(name), source) or "")
