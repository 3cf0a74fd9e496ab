"""Nothing later changes anything earlier: revisions, damage, and laws of made seasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.core.errors import Skipped, SourceError
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import records
from tests.scene_world import SHAPE, World, at_here, gauge, read


def test_an_old_date_keeps_the_old_revision(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2)
    world.night("2021-02-01")
    before, _ = read(world, "2021-02-01")
    for day in ("2021-01-10", "2021-01-15"):
        world.scene(day, 0.8)
    world.night("2021-02-08")
    same, _ = read(world, "2021-02-01")
    xr.testing.assert_identical(before.load(), same.load())
    after, _ = read(world, "2021-02-08")
    assert at_here(before, "water_fraction") == np.float32(0.2) and at_here(after, "water_fraction") == np.float32(0.8)
    assert "20210110-1.r2" in after["passes"].item() and "20210110-1.r1" in before["passes"].item()


def test_a_revision_that_failed_leaves_the_one_before_and_is_listed(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2)
    world.night("2021-02-01")
    again = world.scene("2021-01-10", 0.8)
    world.driver.broken.add(again)
    searched = world.night("2021-02-08")
    assert any(item.scene == again and "cut short" in item.reason and not item.usual for item in searched)
    water, skipped = read(world, "2021-02-08")
    assert at_here(water, "water_fraction") == np.float32(0.2) and water["n_scenes"].item() == 3
    # The cause may differ from attempt to attempt: what is known is that the pass could not be read.
    assert (
        [item.scene for item in skipped] == [again]
        and "could not be read" in skipped[0].reason
        and not skipped[0].usual
    )


def test_a_revision_that_is_unusable_takes_the_pass_out(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15", "2021-01-20"):
        world.scene(day, 0.2)
    world.night("2021-02-01")
    again = world.scene("2021-01-10", clear=np.zeros(SHAPE, bool))
    world.night("2021-02-08")
    water, skipped = read(world, "2021-02-08")
    assert water["n_scenes"].item() == 3 and [item.scene for item in skipped] == [again] and skipped[0].usual


def test_damaged_pixels_are_left_out_and_listed(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15", "2021-01-20"):
        world.scene(day, 0.2)
    world.night("2021-02-01")
    newest = {record.pass_id: record for record in records(world.store, world.region, "s2")}
    record = newest["s2-sat-20210110-1"]
    record.raster.write_bytes(record.raster.read_bytes()[:-3] + b"xyz")
    water, skipped = read(world, "2021-02-01")
    assert water["n_scenes"].item() == 3
    assert [item.scene for item in skipped] == [record.path.name] and "is not what was written" in skipped[0].reason


def test_passes_of_another_corridor_are_listed(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2)
    world.night("2021-02-01")
    world.corridor = Corridor(world.corridor.grid, np.ones(SHAPE, bool))
    with pytest.raises(SourceError, match=r"is stored for another corridor or grid; the next night makes it anew"):
        read(world, "2021-02-01")


DAYS = pd.date_range("2021-01-01", "2021-03-31")

scenes_of = st.lists(
    st.tuples(st.integers(0, 89), st.integers(0, 10), st.sampled_from(["clear", "half", "cloud"]), st.booleans()),
    min_size=3,
    max_size=9,
    unique_by=lambda s: s[0],
)

HALF = np.zeros(SHAPE, bool)
HALF[:, 10:] = True

CLEAR = {"clear": np.ones(SHAPE, bool), "half": HALF, "cloud": np.zeros(SHAPE, bool)}

LEVELS = gauge({f"{day:%Y-%m-%d}": float(k % 7) / 4 for k, day in enumerate(DAYS)})


def build(base: Path, scenes: Any, name: str = "store") -> World:
    world = World(base, rules={"min_looks": 2, "min_coverage": 0.5}, store_name=name)
    world.source("s2").source("s1", sensor="radar")
    for day, share, sky, radar in scenes:
        clear = CLEAR["clear" if radar else sky]
        world.scene(f"{DAYS[day]:%Y-%m-%d}", share / 10, clear, source="s1" if radar else "s2")
    return world


def product(world: World, as_of: str) -> tuple[xr.Dataset | str, list[Skipped]]:
    try:
        water, skipped = read(world, as_of, LEVELS)
    except SourceError as err:
        return str(err).replace(world.store_name, "store"), []
    return water.load(), skipped


@settings(max_examples=20, deadline=None)
@given(scenes_of, st.integers(0, 95))
def test_later_scenes_change_no_earlier_composite(
    tmp_path_factory: pytest.TempPathFactory, scenes: Any, day: int
) -> None:
    world = build(tmp_path_factory.mktemp("law"), scenes)
    as_of = f"{DAYS[0] + pd.Timedelta(days=day):%Y-%m-%d}"
    world.night(as_of)
    early = product(world, as_of)
    world.night("2021-04-10")
    late = product(world, as_of)
    if isinstance(early[0], str):
        assert early == late
    else:
        assert isinstance(late[0], xr.Dataset)
        xr.testing.assert_identical(early[0], late[0])
        assert early[1] == late[1]
        assert (early[0]["available_at"].values <= np.datetime64(as_of) + np.timedelta64(1, "D")).all()
        assert (early[0]["epoch"].values <= np.datetime64(as_of)).all()


@settings(max_examples=15, deadline=None)
@given(scenes_of)
def test_every_pass_is_used_or_listed(tmp_path_factory: pytest.TempPathFactory, scenes: Any) -> None:
    world = build(tmp_path_factory.mktemp("law"), scenes)
    world.night("2021-04-10")
    water, skipped = product(world, "2021-04-10")
    passes = {record.pass_id for name in ("s2", "s1") for record in records(world.store, world.region, name)}
    assert len(passes) == len(scenes)
    if isinstance(water, str):
        return
    used = [name.rpartition(".r")[0] for name in "+".join(water["passes"].values).split("+")]
    listed = [item.scene for item in skipped if item.scene in passes]
    assert sorted([*used, *listed]) == sorted(passes), "each is reported once"
