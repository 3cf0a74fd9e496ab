"""Registration of scenes: the error of each, the position a season shares, and a river that moves is no shifted picture."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from erosion.water.classification.coregister import resample
from erosion.water.scenes.pass_records import records
from erosion.water.scenes.refresh import refresh
from erosion.water.seasons.registration import GEO_FLOOR_PIXELS, registration_error_m
from tests.scene_world import World, bend_at, read, scenes_by_hand


def test_from_files_brought_by_hand_to_an_epoch(tmp_path: Path) -> None:
    """Four scenes of a bending river, and a fifth that lies 10 m too far east."""
    days = [("2021-01-05", 0), ("2021-01-10", 0), ("2021-01-15", 0), ("2021-01-20", 0), ("2021-02-10", 1)]
    world = scenes_by_hand(tmp_path, days)
    now = pd.Timestamp("2021-03-01T20:00Z")
    assert refresh(world.region, world.corridor, world.store, "2021-03-01", now) == []
    newest = {record.pass_id: record for record in records(world.store, world.region, "hand")}
    assert len(newest) == 5 and all(record.reference for record in newest.values())
    shifts = [record.facts["shift_x_m"] for record in newest.values()]
    assert shifts == pytest.approx([0, 0, 0, 0, 10], abs=0.5)
    product, skipped = read(world, "2021-03-01")
    assert skipped == [] and product["n_scenes"].item() == 5
    fraction = product["water_fraction"][0].values
    seen = np.isfinite(fraction)
    assert seen[world.corridor.inside].mean() > 0.95 and not seen[~world.corridor.inside].any()
    # The scenes lie on each other; where they lie together is the mean of where each said it was.
    error = (fraction - resample(bend_at(0).astype(np.float32), -0.2, 0.0))[seen]
    assert abs(error.mean()) < 0.001 and np.quantile(np.abs(error), 0.99) < 0.05


def test_a_river_that_moves_is_not_taken_for_a_shifted_image(tmp_path: Path) -> None:
    """Both banks lie 8 m further east in every scene of the second year: that is the river."""
    days = [(f"{year}-01-{day}", east) for year, east in ((2020, 0.0), (2021, 0.8)) for day in ("05", "10", "15", "20")]
    world = scenes_by_hand(tmp_path, days)
    assert refresh(world.region, world.corridor, world.store, "2021-03-01", pd.Timestamp("2021-03-01T20:00Z")) == []
    product, _ = read(world, "2021-03-01")
    first, second = (product["water_fraction"][k].values for k in (0, 1))
    seen = np.isfinite(first) & np.isfinite(second)
    assert np.abs(second - first)[seen].max() > 0.5
    for fraction, east in ((first, 0.0), (second, 0.8)):
        error = (fraction - bend_at(east))[seen]
        assert abs(error.mean()) < 0.001 and np.quantile(np.abs(error), 0.99) < 0.1


def test_registration_error_of_an_epoch(world: World) -> None:
    world.rules["min_looks"] = 2
    for day in ("2021-01-05", "2021-01-10", "2021-01-15", "2021-01-20"):
        world.scene(day)
    world.night("2021-01-16")
    before, _ = read(world, "2021-01-12")  # two scenes, not co-registered yet
    world.night("2021-04-01")
    after, _ = read(world, "2021-04-01")
    # Stated error 5 m each; a median loses sqrt(pi / 2) against their mean.
    floor = GEO_FLOOR_PIXELS["optical"] * 10
    assert before["geo_rmse_m"].item() == pytest.approx(math.hypot(math.sqrt(math.pi / 2) * 5 / math.sqrt(2), floor))
    # Measured: 2 m each against the others; where they lie together is the mean of 5 m in two directions each.
    together = 5 / math.sqrt(2) / math.sqrt(4)
    apart = math.sqrt(math.pi / 2) * 2 / math.sqrt(4)
    assert after["geo_rmse_m"].item() == pytest.approx(math.hypot(apart, together, floor))


@pytest.mark.parametrize(
    ("facts", "error_m"),
    [
        ({"shift_measured": True, "shift_error_m": 2.0}, 2.0),
        ({"shift_measured": True, "shift_error_m": 0.3}, 1.0),  # no better than a tenth of its pixel
        ({"shift_measured": False, "shift_error_m": 0.3}, 5.0),  # as the source states
        ({"shift_measured": True, "shift_error_m": None}, 5.0),
        ({}, 5.0),
    ],
)
def test_registration_error_of_a_pass(world: World, facts: dict[str, Any], error_m: float) -> None:
    world.scene("2021-01-05")
    world.night("2021-02-01")
    (record,) = records(world.store, world.region, "s2")
    assert registration_error_m(dataclasses.replace(record, facts=facts)) == error_m
