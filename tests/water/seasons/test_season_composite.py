"""Composite of one season on the disk: kept, made again where damaged, and the same however it is tiled or read."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from erosion.core.raster.grid import Grid
from erosion.satellite.corridor import Corridor
from erosion.water.classification.water import WaterPass
from tests.scene_world import CRS, GRID, World, read


def test_a_composite_is_kept_and_a_damaged_one_is_made_again(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2)
    world.night("2021-02-01")
    first, _ = read(world, "2021-02-01")
    first = first.load()
    (kept,) = (world.store / "made" / "made" / "season-composites").glob("*.tif")
    before = kept.stat().st_mtime_ns
    xr.testing.assert_identical(read(world, "2021-02-01")[0].load(), first)
    assert kept.stat().st_mtime_ns == before
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-20])
    xr.testing.assert_identical(read(world, "2021-02-01")[0].load(), first)
    assert kept.read_bytes() == whole


def several_tiles(base: Path, sensor: str = "optical", shift: tuple[float, float] = (0, 0)) -> tuple[World, np.ndarray]:
    """A corridor of several tiles, and five scenes of noise that all lie a little off."""
    rng = np.random.default_rng(3)
    grid = Grid(CRS, GRID.transform, 1100, 700)
    inside = rng.random((700, 1100)) < 0.9
    inside[:, 512:1024] = False  # a tile that does not touch the corridor
    noise = np.where(rng.random((5, 700, 1100)) < 0.2, 255, rng.integers(0, 101, (5, 700, 1100))).astype(np.uint8)
    world = World(base, corridor=Corridor(grid, inside)).source(sensor=sensor)
    for k in range(5):
        world.scene(f"2021-01-{k + 10}")

    def wide(scene: xr.Dataset, corridor: Corridor, rules: Any, reference: Any) -> WaterPass:
        facts = {"clear_share": 1.0, "shift_x_m": shift[0], "shift_y_m": shift[1]}
        return WaterPass(noise[pd.Timestamp(scene.attrs["time"]).day - 10], facts)

    assert world.night("2021-02-01", to_water=wide) == []
    return world, noise


def test_chunks_change_nothing(tmp_path: Path) -> None:
    world, noise = several_tiles(tmp_path)
    water, _ = read(world, "2021-02-01")
    whole = water["water_fraction"].values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels without an observation
        expected = np.nanmedian(np.where(noise == 255, np.nan, noise), axis=0) / 100
    seen = (noise != 255).sum(axis=0)
    enough = (seen >= 3) & world.corridor.inside
    assert np.array_equal(np.isfinite(whole[0]), enough)
    assert np.allclose(whole[0][enough], expected[enough], atol=1e-6)
    assert (water["n_clear"].values[0] == np.where(enough, seen, 0)).all()
    for chunks in ({"y": 100, "x": 333}, {"y": 700, "x": 1}, {"epoch": -1, "y": 7, "x": -1}):
        assert np.array_equal(water["water_fraction"].chunk(chunks).values, whole, equal_nan=True)
    window = water["water_fraction"].isel(y=slice(500, 530), x=slice(490, 1050), epoch=0)
    assert np.array_equal(window.values, whole[0, 500:530, 490:1050], equal_nan=True)
    assert np.array_equal(water["water_fraction"][:, ::-3, ::5].values, whole[:, ::-3, ::5], equal_nan=True)
    row = water["sigma"].isel(y=600, epoch=0).values
    assert np.array_equal(row, water["sigma"].values[0, 600], equal_nan=True)


class InOnePiece(Corridor):
    """A corridor that is worked on as a whole."""

    def windows(self, size: int = 0) -> list[tuple[slice, slice]]:
        return [(slice(0, self.grid.height), slice(0, self.grid.width))]


def test_tiles_that_are_moved_show_no_seam(tmp_path: Path) -> None:
    world, _ = several_tiles(tmp_path, sensor="radar", shift=(13.0, -27.0))
    tiled = read(world, "2021-02-01")[0].load()
    assert tiled["radar_share"].item() == 1.0
    assert 0.7 < (tiled["n_clear"].values[0, :512, :512] > 0).mean() < 0.9, "gaps everywhere"
    shutil.rmtree(world.store / "made" / "made" / "season-composites")
    world.corridor = InOnePiece(world.corridor.grid, world.corridor.inside)
    once = read(world, "2021-02-01")[0].load()
    # Where the tile without a corridor was not made, there is nothing; elsewhere nothing tells the tiles.
    made = np.ones((700, 1100), bool)
    made[:, 512:1024] = False
    for name in ("water_fraction", "n_clear", "sigma"):
        assert np.array_equal(tiled[name].values[0][made], once[name].values[0][made], equal_nan=True), name


def test_where_the_files_lie_changes_nothing(world: World) -> None:
    for day, share in (("2021-01-05", 0.1), ("2021-01-10", 0.5), ("2021-01-15", 0.3)):
        world.scene(day, share)
    world.night("2021-02-01")
    first = read(world, "2021-02-01")[0].load()
    shutil.move(world.store, world.base / "elsewhere")
    world.store_name = "elsewhere"
    xr.testing.assert_identical(read(world, "2021-02-01")[0].load(), first)
    shutil.rmtree(world.store / "made" / "made" / "season-composites")
    # Written in another order: last scene first.
    world.store_name = "other"
    for file in sorted((world.base / "elsewhere").rglob("*"), reverse=True):
        if file.is_file():
            target = world.store / file.relative_to(world.base / "elsewhere")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    xr.testing.assert_identical(read(world, "2021-02-01")[0].load(), first)
