"""Scenes that do not show the banks of the others of their season are left out and listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from erosion.core.raster.grid import Grid
from erosion.satellite.corridor import Corridor
from erosion.water.classification.water import WaterPass
from tests.scene_world import CRS, GRID, World, bend_at, read


def test_a_scene_that_shows_other_banks_than_the_others_is_left_out(tmp_path: Path) -> None:
    """Six scenes that the reference could not tell apart: one lies 16 m off the others, one shows another river."""
    grid = Grid(CRS, GRID.transform, 260, 220)
    world = World(tmp_path, corridor=Corridor(grid, np.ones((220, 260), bool)), rules={"min_looks": 2}).source()
    pictures = {f"2021-01-{day}": bend_at(0.0) for day in ("05", "10", "15", "20")}
    pictures |= {"2021-02-05": bend_at(1.6), "2021-02-10": bend_at(0.0)[:, ::-1]}
    names = {day: world.scene(day) for day in pictures}

    def drawn(scene: xr.Dataset, corridor: Corridor, rules: Any, reference: Any) -> WaterPass:
        picture = pictures[str(scene.attrs["time"])[:10]]
        return WaterPass(np.rint(100 * picture).astype(np.uint8), {"clear_share": 1.0, "usable_share": 1.0})

    world.night("2021-03-01", to_water=drawn)
    water, skipped = read(world, "2021-03-01")
    assert {item.scene: item.reason.split(":")[0] for item in skipped} == {
        names["2021-02-05"]: "lies 16 m off the other scenes of its season",
        names["2021-02-10"]: "shows other banks than the other scenes of its season",
    }
    assert all(item.usual for item in skipped) and water["n_scenes"].item() == 4
    np.testing.assert_allclose(water["water_fraction"][0].values, bend_at(0.0), atol=0.006)
    # What was found is kept: another night reads it and reports the same.
    kept = next((world.store / "made").rglob("agreement-*.json"))
    before = kept.read_bytes()
    _, repeated = read(world, "2021-03-01")
    assert repeated == skipped and kept.read_bytes() == before
    # Two scenes have no third one to judge between them.
    early, alone = read(world, "2021-01-12")
    assert alone == [] and early["n_scenes"].item() == 2
