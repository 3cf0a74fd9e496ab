"""What is stored of a pass: its record, its pixels, and what is damaged is listed and made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

from erosion.core.errors import SourceError
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import damage, read_percent, write_raster
from tests.scene_world import DAY, SHAPE, World, classify, store_files, stored


def test_a_pass_is_stored_with_what_is_known_of_it(world: World) -> None:
    share = np.full(SHAPE, 0.25)
    share[:, :10] = 1.0
    clear = np.ones(SHAPE, bool)
    clear[5, 5] = False
    pass_id = world.scene("2021-02-03", share, clear)
    assert world.night("2021-02-10") == []
    (record,) = stored(world).values()
    assert (record.pass_id, record.revision, record.state) == (pass_id, 0, "water")
    assert record.time == pd.Timestamp("2021-02-03T03:00Z") and record.available_at == record.time + DAY
    assert record.seen_at == pd.Timestamp("2021-02-10T20:00Z")
    assert (record.source, record.sensor, record.platform) == ("s2", "optical", "sat")
    assert (record.geo_rmse_m, record.native_m, record.scene_ids) == (5.0, 10.0, ("2021-02-03_1.tif",))
    assert record.path == world.store / "made" / "made" / "s2" / f"{pass_id}.r0.json"

    percent = read_percent(record)
    assert percent.dtype == np.uint8 and percent.shape == SHAPE
    assert (percent[:2] == 255).all() and (percent[18:] == 255).all(), "outside the corridor nothing is kept"
    assert percent[5, 5] == 255 and percent[5, 4] == 100 and percent[5, 12] == 25
    assert (read_percent(record, (slice(4, 7), slice(3, 13))) == percent[4:7, 3:13]).all()
    with rasterio.open(record.raster) as file:
        assert file.crs == world.corridor.grid.crs and file.transform == world.corridor.grid.transform
        assert file.nodata == 255 and file.profile["compress"] == "deflate" and file.profile["tiled"]


def test_blocks_outside_the_corridor_take_no_room(tmp_path: Path) -> None:
    world = World(tmp_path)
    grid = world.corridor.grid
    wide = Corridor(type(grid)(grid.crs, grid.transform, 4096, 1024), np.zeros((1024, 4096), bool))
    wide.inside[10, 10] = True
    noise = np.random.default_rng(1).integers(0, 100, wide.inside.shape, np.uint8)
    write_raster(tmp_path / "a.tif", noise, wide)
    assert (tmp_path / "a.tif").stat().st_size < 3000


def test_facts_that_json_cannot_hold_become_null(world: World) -> None:
    world.scene("2021-02-03")

    def odd(*args: Any) -> Any:
        water = classify(*args)
        water.facts.update(nan=float("nan"), inf=np.float32("inf"), n=np.int64(3), some=np.array([1.5]))
        return water

    world.night("2021-02-10", to_water=odd)
    (record,) = stored(world).values()
    assert [record.facts[key] for key in ("nan", "inf", "n", "some")] == [None, None, 3, [1.5]]


def test_pixels_of_another_grid_are_refused(world: World) -> None:
    world.scene("2021-02-03")

    def wrong(*args: Any) -> Any:
        water = classify(*args)
        return type(water)(water.percent[:-1], water.facts)

    with pytest.raises(ValueError, match=r"percent is uint8 \(19, 30\), needs uint8 \(20, 30\)"):
        world.night("2021-02-10", to_water=wrong)


@pytest.mark.parametrize("accident", ["tif gone", "tif cut", "byte", "json gone", "json cut", "json odd"])
def test_what_is_damaged_is_listed_and_made_anew(world: World, accident: str) -> None:
    pass_id = world.scene("2021-02-03", 0.4)
    other = world.scene("2021-02-04", 0.4)
    world.night("2021-02-10")
    before = store_files(world.store)
    record = stored(world)[f"{pass_id}.r0"]
    content = record.raster.read_bytes()
    if accident == "tif gone":
        record.raster.unlink()
    elif accident == "tif cut":
        record.raster.write_bytes(content[:200])
    elif accident == "byte":
        record.raster.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    elif accident == "json gone":  # killed between the two
        record.path.unlink()
    elif accident == "json cut":
        record.path.write_text(record.path.read_text()[:80])
    else:
        record.path.write_text(record.path.read_text().replace(pass_id, "another"))
    if accident in ("tif cut", "byte"):
        assert damage(record) is not None
        with pytest.raises(SourceError, match=r"is damaged \(.* is not what was written\)"):
            read_percent(record)
    listed = world.night("2021-12-10")
    assert [item.scene for item in listed] == [f"{pass_id}.r0.json"]
    what = "was half written" if accident == "json gone" else "is damaged"
    assert what in listed[0].reason and "makes it anew" in listed[0].reason
    assert store_files(world.store) == before
    assert world.driver.loaded == [pass_id, other, pass_id]
    assert world.night("2021-12-11") == []
