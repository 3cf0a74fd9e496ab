"""The catalogue of the exercise: items and metadata as the public catalogues have them."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
import rasterio.features
import rasterio.warp

from erosion.config.region import load_region
from erosion.core.contracts import SIMULATED_NOTICE
from tests.simulate.made_exercise import of, read, stac_problems


def test_every_file_of_the_catalogue_passes_stac_validator(made: Path) -> None:
    # Core specification 1.1.0. Schemas of the extensions are not shipped with any package and not asked for here.
    files = sorted((made / "catalog").rglob("*.json"))
    assert len(files) > 30
    for file in files:
        assert stac_problems(file) == "", file.name


def test_a_broken_item_does_not_pass(made: Path, tmp_path: Path) -> None:
    good = json.loads(next((made / "catalog").glob("sentinel-2-l2a/*/*.json")).read_text("utf-8"))
    for key, value in (("bbox", [1, 2]), ("geometry", {"type": "Polygon", "coordinates": [[[0, 0]]]}), ("assets", 3)):
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps(good | {key: value}), "utf-8")
        assert stac_problems(bad), key


def test_items_say_of_their_files_what_the_files_say_of_themselves(items: list[pystac.Item]) -> None:
    assert len(items) == len({item.id for item in items})
    for item in items:
        for name, asset in item.assets.items():
            values, file = read(item, name)
            told = asset.extra_fields
            place = told if "proj:transform" in told else item.properties
            assert tuple(file.transform)[:6] == pytest.approx(place["proj:transform"])
            assert list(values.shape) == place["proj:shape"]
            epsg = item.properties.get("proj:epsg") or int(item.properties["proj:code"].removeprefix("EPSG:"))
            assert file.crs.to_epsg() == epsg == 32648
            band = told["raster:bands"][0]
            assert file.nodata == band["nodata"]
            assert values.dtype == band["data_type"]
            assert file.transform.a == band["spatial_resolution"]
            with rasterio.open(file.name) as again:
                assert again.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert again.tags()["TITLE"] == SIMULATED_NOTICE
            west, south, east, north = item.bbox or ()
            box = rasterio.warp.transform_bounds(file.crs, "EPSG:4326", *file.bounds)
            assert box == pytest.approx((west, south, east, north), abs=2e-4)


def test_older_items_name_their_crs_by_epsg_and_newer_ones_by_code(made: Path) -> None:
    # Read as text: pystac turns the old form into the new one.
    raw = [json.loads(file.read_text("utf-8"))["properties"] for file in (made / "catalog").glob("*/*/*.json")]
    named = {("proj:epsg" in p, "proj:code" in p, p["datetime"] >= "2024") for p in raw}
    assert named == {(True, False, False), (False, True, True)}


def test_sentinel2_looks_like_earth_search(items: list[pystac.Item]) -> None:
    scenes = of(items, "sentinel-2-l2a")
    for item in scenes:
        p = item.properties
        assert set(item.assets) == {"blue", "green", "red", "nir", "swir16", "swir22", "scl"}
        assert p["platform"] in ("sentinel-2a", "sentinel-2b")
        assert item.id.split("_")[1] == p["grid:code"].removeprefix("MGRS-")
        late = float(p["s2:processing_baseline"]) >= 4
        offset = item.assets["green"].extra_fields["raster:bands"][0]["offset"]
        assert offset == (-0.1 if late else 0)
        assert not (p["earthsearch:boa_offset_applied"] and not late)
        assert pd.Timestamp(p["created"]) > pd.Timestamp(p["datetime"]) + pd.Timedelta(hours=3)
        scl, _ = read(item, "scl")
        cloudy = np.isin(scl, (8, 9, 10)).sum() / max((scl > 0).sum(), 1)
        assert p["eo:cloud_cover"] == pytest.approx(100 * cloudy, abs=1e-3)
        # Dark water under a clear sky tells whether the 1000 is in the numbers.
        green, _ = read(item, "green")
        clear = np.kron(scl == 6, np.ones((2, 2), bool))
        if clear.sum() > 2000:
            holds = late and not p["earthsearch:boa_offset_applied"]
            assert (np.median(green[clear]) > 1500) == holds
    kinds = {
        (float(i.properties["s2:processing_baseline"]) >= 4, i.properties["earthsearch:boa_offset_applied"])
        for i in scenes
    }
    assert kinds == {(False, False), (True, False), (True, True)}


def test_a_scene_processed_twice_holds_the_same_ground(items: list[pystac.Item]) -> None:
    scenes = of(items, "sentinel-2-l2a")
    again = [item for item in scenes if item.properties["s2:sequence"] == "1"]
    assert again
    for item in again:
        first = next(i for i in scenes if i.id == item.id.replace("_1_L2A", "_0_L2A"))
        assert item.datetime == first.datetime
        assert pd.Timestamp(item.properties["created"]) - pd.Timestamp(first.properties["created"]) == pd.Timedelta(
            days=700
        )
        old, new = read(first, "nir")[0].astype(int), read(item, "nir")[0].astype(int)
        assert (new[old > 0] - old[old > 0] == 1000).all()
        assert (new[old == 0] == 0).all()


def test_two_tiles_of_one_pass_overlap_and_agree(items: list[pystac.Item]) -> None:
    scenes = of(items, "sentinel-2-l2a")
    upper = [i for i in scenes if "48PWT" in i.id]
    assert upper
    for item in upper:
        lower = next(i for i in scenes if i.id == item.id.replace("48PWT", "48PWS"))
        for band in ("green", "swir16", "scl"):
            a, fa = read(item, band)
            b, fb = read(lower, band)
            start = round((fa.transform.f - fb.transform.f) / fa.transform.a)
            assert 0 < start < a.shape[0]
            assert (a[start:] == b[: a.shape[0] - start]).all()
    assert len([i for i in scenes if "48PWS" in i.id]) > len(upper)  # the other orbit comes in one tile


def test_landsat_and_sentinel1_look_like_the_planetary_computer(items: list[pystac.Item]) -> None:
    landsat, radar = of(items, "landsat-c2-l2"), of(items, "sentinel-1-rtc")
    assert landsat and radar
    for item in landsat:
        assert set(item.assets) == {"blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel"}
        assert item.assets["green"].extra_fields["raster:bands"][0]["scale"] == 2.75e-05
        assert item.assets["green"].extra_fields["raster:bands"][0]["offset"] == -0.2
        t = item.properties["proj:transform"]
        assert t[2] % 30 == t[5] % 30 == 15  # corners on odd multiples of 15 m
        qa, _ = read(item, "qa_pixel")
        green, _ = read(item, "green")
        assert ((qa & 1 == 1) == (green == 0)).all()
        assert "created" in item.properties
    for item in radar:
        p = item.properties
        assert p["sat:orbit_state"] == ("ascending" if p["sat:relative_orbit"] == 26 else "descending")
        assert (p["sat:absolute_orbit"] - 73) % 175 + 1 == p["sat:relative_orbit"]  # ESA's rule for Sentinel-1A
        assert "created" not in p
        vv, _ = read(item, "vv")
        assert ((vv == -32768) | (vv > 0)).all()
        assert 0.001 < np.median(vv[vv > 0]) < 1


def test_scenes_cover_the_whole_corridor(made: Path, items: list[pystac.Item]) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    area = region.reach.area
    assert area is not None
    area = gpd.read_file(made / area.path).to_crs(region.crs).buffer(area.width_m)
    whole = {
        name: next(i for i in of(items, name) if "48PWT" not in i.id) for name in ("landsat-c2-l2", "sentinel-1-rtc")
    }
    for name, asset in (("landsat-c2-l2", "green"), ("sentinel-1-rtc", "vv")):
        values, file = read(whole[name], asset)
        inside = rasterio.features.geometry_mask(area, values.shape, file.transform, invert=True)
        assert (values[inside] != file.nodata).all()
        assert inside.sum() * file.transform.a**2 == pytest.approx(area.area.sum(), rel=0.01)
        assert (values == file.nodata).any()
