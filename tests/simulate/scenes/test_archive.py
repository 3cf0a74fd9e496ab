"""Which scenes an exercise has, and how a scene and its item are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from erosion.core.raster.grid import Grid
from erosion.simulate.scenes.archive import write_catalog, write_scene
from erosion.simulate.scenes.items import landsat_item, sentinel1_item, sentinel2_item
from erosion.simulate.scenes.plan import acquisitions, baseline_of
from tests.simulate.made_exercise import stac_problems


def test_the_plan_has_the_pictures_that_are_promised() -> None:
    planned = [acquisition for seed in range(5) for acquisition in acquisitions(2020, 6, seed)]
    table = pd.DataFrame([vars(acquisition) for acquisition in planned])
    table["month"] = table["time"].dt.month
    dry = table[table["month"] <= 4]
    each = dry.groupby("sensor").size() / (5 * 6)
    assert 8 <= each["sentinel2"] <= 12
    assert 3 <= each["landsat"] <= 7
    assert 3 <= each["sentinel1"] <= 7
    assert dry.loc[dry["sensor"] == "sentinel2", "cloud_cover"].mean() < 0.35
    wet = table[table["month"].between(6, 10) & (table["sensor"] == "sentinel2")]
    assert wet["cloud_cover"].mean() > 0.45
    shift = np.array(table["shift_m"].tolist())
    for sensor, sigma in (("sentinel2", 3.0), ("landsat", 5.0), ("sentinel1", 4.0)):
        mine = shift[(table["sensor"] == sensor).to_numpy() & (np.hypot(*shift.T) < 25)]
        assert mine.std(axis=0) == pytest.approx([sigma, sigma], rel=0.25)
    assert (table["published"] > table["time"]).all()
    assert acquisitions(2020, 6, 1) == acquisitions(2020, 6, 1)


def test_baselines_follow_the_calendar() -> None:
    assert baseline_of(pd.Timestamp("2022-01-24", tz="UTC")) == ("03.01", False)
    assert baseline_of(pd.Timestamp("2022-01-25", tz="UTC")) == ("04.00", False)
    assert baseline_of(pd.Timestamp("2024-06-01", tz="UTC")) == ("05.10", True)


def test_a_large_scene_has_overviews_and_missing_pixels_stay_missing(tmp_path: Path) -> None:
    grid = Grid("EPSG:32648", Affine(10, 0, 500_000, 0, -10, 1_170_000), 1200, 600)
    rng = np.random.default_rng(0)
    time = pd.Timestamp("2021-02-03T11:09:30", tz="UTC")
    item = sentinel1_item(grid, time, platform="a", orbit=26, ascending=True, absolute_orbit=1)
    picture = {band: rng.gamma(4.4, 0.02, grid.shape).astype(np.float32) for band in ("vv", "vh")}
    within = np.zeros(grid.shape, bool)
    within[100:500, 200:900] = True
    file = write_scene(tmp_path, item, picture, grid, within)
    with rasterio.open(file.parent / "vv.tif") as vv:
        assert vv.overviews(1)
        values = vv.read(1)
    assert (values[~within] == -32768).all()
    assert values[within] == pytest.approx(picture["vv"][within], rel=0.002)
    write_catalog(tmp_path, "t", "d")
    assert stac_problems(tmp_path / "catalog.json") == ""
    with pytest.raises(ValueError, match="names vh"):
        write_scene(tmp_path, item, {"vv": picture["vv"]}, grid)


def test_items_tell_scenes_apart() -> None:
    grid = Grid("EPSG:32648", Affine(10, 0, 500_000, 0, -10, 1_170_000), 20, 20)
    time, later = (pd.Timestamp(t, tz="UTC") for t in ("2021-02-03T03:18:41", "2021-02-04T07:00:00"))
    common: dict[str, Any] = {"platform": "b", "orbit": 18, "cloud_percent": 1.0, "published": later}
    one = sentinel2_item(grid, time, tile="48PWS", baseline="02.14", offset_applied=False, **common)
    two = sentinel2_item(grid, time, tile="48PWT", baseline="05.00", offset_applied=False, sequence=1, **common)
    assert one["id"] == "S2B_48PWS_20210203_0_L2A"
    assert two["id"] == "S2B_48PWT_20210203_1_L2A"
    assert "_N0214_R018_T48PWS_" in one["properties"]["s2:product_uri"]
    assert one["assets"]["swir16"]["proj:shape"] == [10, 10]
    assert one["assets"]["swir16"]["proj:transform"][0] == 20
    landsat = landsat_item(grid, time, number=9, path_row="126053", cloud_percent=3.3, published=later)
    assert landsat["id"] == "LC09_L2SP_126053_20210203_02_T1"
    assert landsat["properties"]["datetime"] == "2021-02-03T03:18:41.000Z"
    assert landsat["properties"]["created"] == "2021-02-04T07:00:00.000Z"
