"""The reference: the median of the first good passes, fixed once made, and made again only from the same or when asked."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import rasterio

from erosion.core.errors import Skipped
from erosion.satellite.corridor import Corridor
from erosion.water.classification.water import Unusable
from erosion.water.scenes.pass_records import PassRecord
from erosion.water.scenes.scene_reference import ClearCount, Reference, make_reference
from tests.scene_world import DAY, SHAPE, World, classify, store_files, stored


def test_the_reference_is_the_median_of_the_first_good_passes(world: World) -> None:
    flood = world.scene("2020-12-20", 1.0)
    days = ["2021-01-05", "2021-01-10", "2021-01-15", "2021-01-20"]
    passes = [world.scene(day, share) for day, share in zip(days, (0.9, 0.1, 0.3, 0.8), strict=True)]
    world.night("2021-02-10")
    with rasterio.open(world.store / "made" / "made" / "reference.tif") as file:
        reference = file.read(1)
    assert (reference[2:18] == 30).all() and (reference[:2] == 255).all(), "of 90, 10 and 30; the flood is no low water"
    content = json.loads((world.store / "made" / "made" / "reference.json").read_text())
    assert content["passes"] == [f"{pass_id}.r0" for pass_id in passes[:3]]

    known_from = pd.Timestamp("2021-01-16T03:00Z")
    for pass_id in [flood, *passes[:3]]:
        before, after = stored(world)[f"{pass_id}.r0"], stored(world)[f"{pass_id}.r1"]
        assert before.reference == "" and not before.facts["shift_measured"]
        assert before.available_at == before.time + DAY
        assert after.reference and after.facts["shift_measured"]
        assert after.available_at == known_from, "co-registered to what was known only then"
    last = stored(world)[f"{passes[3]}.r0"]
    assert last.reference == after.reference and f"{passes[3]}.r1" not in stored(world)


def test_the_reference_stays_whatever_follows(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.3)
    world.night("2021-02-10")
    before = store_files(world.store)
    for k in range(1, 9):
        world.scene(f"2021-03-{k:02}", 0.9)
    world.night("2021-04-10")
    assert before.items() <= store_files(world.store).items()


def test_a_pixel_of_the_reference_needs_its_looks(world: World) -> None:
    half = np.zeros(SHAPE, bool)
    half[:, :15] = True
    for day, clear in (("2021-01-05", half), ("2021-01-10", half), ("2021-01-15", half), ("2021-01-20", ~half)):
        world.scene(day, 0.4, clear)
    world.night("2021-02-10")
    assert not (world.store / "made" / "made" / "reference.tif").exists(), (
        "half of the corridor is less than min_coverage"
    )
    world.scene("2021-02-15", 0.6, ~half)
    world.scene("2021-02-20", 0.7, ~half)
    world.night("2021-03-10")
    with rasterio.open(world.store / "made" / "made" / "reference.tif") as file:
        reference = file.read(1)
    assert (reference[2:18, :15] == 40).all() and (reference[2:18, 15:] == 60).all()


def test_a_damaged_reference_is_made_again_from_the_same_passes(world: World) -> None:
    for day, share in (("2021-01-05", 0.3), ("2021-01-10", 0.5), ("2021-01-15", 0.7), ("2021-01-20", 0.9)):
        world.scene(day, share)
    world.night("2021-02-10")
    before, loads = store_files(world.store), len(world.driver.loaded)
    (world.store / "made" / "made" / "reference.tif").write_bytes(b"II*\0")
    assert world.night("2021-02-11") == [Skipped("reference.tif", "the stored reference is damaged; it is made again")]
    assert store_files(world.store) == before and len(world.driver.loaded) == loads


def test_a_new_reference_is_made_when_asked_for(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.3)
    world.night("2021-02-10")
    for day in ("2021-01-05", "2021-01-10"):  # published again, with more water
        world.scene(day, 0.5)
    world.night("2021-02-11", full=True)
    (old,) = {record.reference for record in stored(world).values()} - {""}
    world.night("2021-02-12", new_reference=True)
    newest = {record.pass_id: record for record in stored(world).values()}
    (new,) = {record.reference for record in newest.values()}
    assert new not in ("", old)


def test_a_new_reference_also_makes_anew_what_the_old_one_refused(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.3)
    world.night("2021-02-10")
    cloudy = world.scene("2021-02-12", clear=False)
    refused = world.scene("2021-02-15", 0.3)

    def refuse(scene: Any, corridor: Corridor, rules: Any, reference: Any) -> Any:
        if scene.attrs["pass_id"] == refused and np.median(reference.percent[corridor.inside]) == 30:
            return Unusable("lies 40 m off the reference")
        return classify(scene, corridor, rules, reference)

    world.night("2021-02-20", to_water=refuse)
    assert [stored(world)[f"{name}.r0"].state for name in (cloudy, refused)] == ["unusable", "unusable"]
    for day in ("2021-01-05", "2021-01-10"):  # published again, with more water
        world.scene(day, 0.5)
    world.night("2021-02-21", full=True, to_water=refuse)
    before = dict(stored(world))
    world.night("2021-02-22", new_reference=True, to_water=refuse)
    made = {name: record for name, record in stored(world).items() if name not in before}
    assert made[f"{refused}.r1"].state == "water" and made[f"{cloudy}.r1"].state == "unusable"
    assert min(record.available_at for record in made.values()) >= pd.Timestamp("2021-02-21", tz="UTC")
    loads = len(world.driver.loaded)
    world.night("2021-02-23", to_water=refuse)
    assert len(world.driver.loaded) == loads


def test_a_pass_that_was_counted_for_the_reference_is_not_read_again_for_it(world: World) -> None:
    half = np.zeros(SHAPE, bool)
    half[:, :15] = True
    names = [world.scene(f"2021-01-2{n}", 0.2, half if n < 4 else ~half) for n in range(7)]
    last = world.base / "s2" / "2021-01-26_1.tif"
    last.rename(world.base / "later.tif")
    world.night("2021-02-10")
    (world.base / "later.tif").rename(last)
    world.night("2021-02-11")
    passes = [stored(world)[f"{name}.r0"] for name in names]

    def make(of: list[PassRecord], so_far: ClearCount) -> Reference | None:
        return make_reference(of, world.region, world.corridor, world.store, so_far)

    so_far = ClearCount()
    assert make(passes[:5], so_far) is None
    passes[0].raster.rename(world.base / "away")
    assert make(passes[:6], so_far) is None, "what was counted is not read again"
    (world.base / "away").rename(passes[0].raster)
    reference = make(passes, so_far)
    assert reference is not None and (reference.percent[world.corridor.inside] == 20).all()
    between = ClearCount()
    assert make(passes[1:6], between) is None
    again = make(passes, between)
    assert again is not None and again.id == reference.id, "one that came in between is counted in its place"
