"""The scene store: only what is new is fetched, nothing old is changed, and no accident leaves it half."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.region import Season
from erosion.core.errors import Skipped, SourceError
from erosion.satellite.corridor import Corridor
from erosion.water.classification.water import Unusable
from erosion.water.scenes.pass_records import PassRecord, damage, read_percent, records
from erosion.water.scenes.scene_reference import Looks, Reference, make_reference
from erosion.water.scenes.search import LOOK_BACK
from tests.scene_world import DAY, SHAPE, World, tell_water

START = pd.Timestamp("2020-01-01", tz="UTC")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).source()


def stored(world: World, source: str = "s2") -> dict[str, PassRecord]:
    return {record.path.stem: record for record in records(world.store, world.region, source)}


def files(store: Path) -> dict[str, bytes]:
    """Everything in a store but when it was first seen and searched."""
    found = {}
    for path in sorted(store.rglob("*")):
        if path.is_file() and path.name not in (".lock", "search.json"):
            content = path.read_bytes()
            if path.suffix == ".json":
                record = json.loads(content)
                record.pop("seen_at", None)
                content = json.dumps(record).encode()
            found[path.relative_to(store).as_posix()] = content
    return found


# --- what is stored ---


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
    from erosion.water.scenes.pass_records import write_raster

    noise = np.random.default_rng(1).integers(0, 100, wide.inside.shape, np.uint8)
    write_raster(tmp_path / "a.tif", noise, wide)
    assert (tmp_path / "a.tif").stat().st_size < 3000


def test_facts_that_json_cannot_hold_become_null(world: World) -> None:
    world.scene("2021-02-03")

    def odd(*args: Any) -> Any:
        water = tell_water(*args)
        water.facts.update(nan=float("nan"), inf=np.float32("inf"), n=np.int64(3), some=np.array([1.5]))
        return water

    world.night("2021-02-10", to_water=odd)
    (record,) = stored(world).values()
    assert [record.facts[key] for key in ("nan", "inf", "n", "some")] == [None, None, 3, [1.5]]


def test_pixels_of_another_grid_are_refused(world: World) -> None:
    world.scene("2021-02-03")

    def wrong(*args: Any) -> Any:
        water = tell_water(*args)
        return type(water)(water.percent[:-1], water.facts)

    with pytest.raises(ValueError, match=r"percent is uint8 \(19, 30\), needs uint8 \(20, 30\)"):
        world.night("2021-02-10", to_water=wrong)


# --- only what is new ---


def test_only_new_passes_are_fetched(world: World) -> None:
    first = world.scene("2021-02-03")
    world.night("2021-02-10")
    world.night("2021-02-11")
    assert world.driver.loaded == [first]
    second = world.scene("2021-02-13")
    world.night("2021-02-14")
    assert world.driver.loaded == [first, second]


def test_only_the_last_weeks_are_searched_again_unless_asked(world: World) -> None:
    world.scene("2021-02-03")
    world.night("2021-06-10")
    world.night("2021-06-11")
    world.night("2021-06-12", full=True)
    searched_until = pd.Timestamp("2021-06-10", tz="UTC")
    starts = [start for start, _ in world.driver.searched]
    assert starts == [START, searched_until - LOOK_BACK, START]
    assert {end.date().isoformat() for _, end in world.driver.searched} == {"2021-06-10", "2021-06-11", "2021-06-12"}


def test_other_settings_of_the_source_or_the_area_are_a_new_search(world: World) -> None:
    world.scene("2021-02-03")
    world.night("2021-06-10")
    yaml = world.base / "s2.yaml"
    yaml.write_text(yaml.read_text().replace("geo_rmse_m: 5", "geo_rmse_m: 6"))
    world.night("2021-06-11")
    inside = world.corridor.inside.copy()
    inside[0] = True
    world.corridor = Corridor(world.corridor.grid, inside)
    world.night("2021-06-12")
    assert [start.year for start, _ in world.driver.searched] == [2020, 2020, 2020]


def test_months_that_come_into_a_season_are_fetched_from_the_first_year_on(world: World) -> None:
    world.seasons = (Season(name="dry", months=(2,)),)
    early, late = world.scene("2021-02-03"), world.scene("2021-03-03")
    assert [item.scene for item in world.night("2021-06-10")] == [late]
    assert world.driver.loaded == [early]
    world.seasons = (Season(name="dry", months=(2, 3)),)
    assert world.night("2021-06-11") == []
    assert world.driver.loaded == [early, late]
    (record,) = [r for r in records(world.store, world.region, "s2") if r.pass_id == late]
    assert record.available_at < pd.Timestamp("2021-03-05", tz="UTC"), "it could be had all along, nobody asked for it"


def test_a_pass_that_is_not_yet_available_waits(world: World) -> None:
    pass_id = world.scene("2021-02-03")
    assert world.night("2021-02-03") == [] and world.driver.loaded == []
    world.night("2021-02-04")
    assert world.driver.loaded == [pass_id]
    assert stored(world)[f"{pass_id}.r0"].available_at == pd.Timestamp("2021-02-04T03:00Z")


def test_unusable_is_kept_with_its_reason_and_not_tried_again(world: World) -> None:
    clear = np.zeros(SHAPE, bool)
    pass_id = world.scene("2021-02-03", clear=clear)
    assert world.night("2021-02-10") == [
        Skipped(pass_id, "only 0% of the corridor is clear, needed are 20%", usual=True)
    ]
    assert world.night("2021-02-11") == []
    assert world.driver.loaded == [pass_id]
    record = stored(world)[f"{pass_id}.r0"]
    assert record.state == "unusable" and record.sha256 == "" and not record.raster.exists()
    world.scene("2021-02-03")  # the provider publishes it again, without the cloud
    world.night("2021-02-12")
    assert stored(world)[f"{pass_id}.r1"].state == "water"


def test_failed_is_tried_again_also_long_after(world: World) -> None:
    bad, good = world.scene("2021-02-03"), world.scene("2021-02-08")
    world.driver.broken.add(bad)
    reason = "could not be read, tried again next night: the tile is cut short; asked for it 4 times"
    assert world.night("2021-02-10") == [Skipped(bad, reason)]
    assert stored(world)[f"{bad}.r0"].state == "failed" and stored(world)[f"{good}.r0"].state == "water"
    assert world.night("2021-12-10") == [Skipped(bad, reason)]
    world.driver.broken.clear()
    assert world.night("2021-12-11") == []
    record = stored(world)[f"{bad}.r0"]
    assert record.state == "water" and record.seen_at == pd.Timestamp("2021-12-11T20:00Z")
    assert record.available_at == pd.Timestamp("2021-02-04T03:00Z"), "it could be had then; the network is ours"
    assert world.driver.loaded == [bad, good, bad, bad]


def test_a_source_that_does_not_answer_is_listed_and_asked_again(world: World) -> None:
    world.source("landsat")
    world.scene("2021-02-03")
    world.scene("2021-02-04", source="landsat")
    world.driver.unreachable = True
    listed = world.night("2021-02-10")
    assert [item.scene for item in listed] == ["s2", "landsat"] and "does not answer" in listed[0].reason
    world.driver.unreachable = False
    assert world.night("2021-06-10") == []
    assert len(stored(world)) == len(stored(world, "landsat")) == 1
    assert all(start.year == 2020 for start, _ in world.driver.searched), "nothing was searched before"


def test_only_a_few_scenes_are_in_memory_at_once(world: World) -> None:
    done = 0
    ahead = []

    def stored_one(_: str) -> None:
        nonlocal done
        done += 1

    world.driver.at_load = lambda _: ahead.append(len(world.driver.loaded) - done)
    # Nothing is of the most trusted season: no reference is made, and each is loaded once.
    world.seasons = (Season(name="never", months=(7,)), Season(name="dry", months=(2,)))
    for day in range(1, 25):
        world.scene(f"2021-02-{day:02}")
    world.night("2021-03-01", say=stored_one)
    assert len(ahead) == 24 and max(ahead) <= 4, "three that are read, one that is worked on"


def test_a_mistake_of_the_program_is_not_taken_for_a_bad_scene(world: World) -> None:
    world.scene("2021-02-03")

    def wrong(*_: Any) -> Any:
        raise ZeroDivisionError("a mistake")

    with pytest.raises(ZeroDivisionError):
        world.night("2021-02-10", to_water=wrong)
    assert stored(world) == {}
    assert world.night("2021-02-10") == [] and len(stored(world)) == 1


# --- what changes ---


def test_a_pass_that_is_published_again_becomes_a_new_revision(world: World) -> None:
    pass_id = world.scene("2021-02-03", 0.2)
    world.night("2021-02-10")
    old = files(world.store)
    world.scene("2021-02-03", 0.6)
    (listed,) = world.night("2021-02-20")
    assert listed.scene == pass_id
    assert listed.reason == (
        "was published again; products from 2021-02-20 on use revision 1, earlier ones keep the old one"
    )
    first, second = stored(world).values()
    assert (first.revision, second.revision) == (0, 1)
    assert first.available_at == pd.Timestamp("2021-02-04T03:00Z")
    assert second.available_at == pd.Timestamp("2021-02-20T20:00Z"), "known since it was found, not since it was stated"
    assert read_percent(first)[5, 5] == 20 and read_percent(second)[5, 5] == 60
    assert old.items() <= files(world.store).items(), "what was stored is untouched"
    assert world.night("2021-02-21") == []


def test_a_pass_that_appears_late_is_known_since_it_appeared(world: World) -> None:
    world.scene("2021-02-03")
    world.night("2021-02-10")
    late = world.scene("2021-02-05")
    world.night("2021-02-12")
    assert stored(world)[f"{late}.r0"].available_at == pd.Timestamp("2021-02-12T20:00Z")


def test_another_method_makes_every_pass_anew(world: World) -> None:
    clouded = world.scene("2021-01-03", clear=np.zeros(SHAPE, bool))
    clear = world.scene("2021-02-03")
    world.night("2021-12-10")
    assert world.night("2021-12-11", processing=2)[0].scene == clouded
    assert sorted(world.driver.loaded) == sorted(2 * [clouded, clear])
    assert stored(world)[f"{clear}.r1"].available_at == stored(world)[f"{clear}.r0"].available_at
    assert world.night("2021-12-12", processing=2) == [] and len(world.driver.loaded) == 4


@pytest.mark.parametrize("where", ["source", "region"])
def test_other_settings_that_decide_the_water_make_every_pass_anew(world: World, where: str) -> None:
    name = world.scene("2021-02-03", 0.4)
    world.night("2021-02-10")
    if where == "source":
        entry = world.base / "s2.yaml"
        entry.write_text(entry.read_text() + "scale: 0.0001\n")
    else:
        world.rules["cloud_margin_m"] = 120.0
    world.night("2021-02-11")
    one, two = stored(world)[f"{name}.r0"], stored(world)[f"{name}.r1"]
    assert one.settings != two.settings and two.available_at == one.available_at
    world.night("2021-02-12")
    assert len(stored(world)) == 2 and len(world.driver.loaded) == 2
    entry = world.base / "s2.yaml"
    entry.write_text(entry.read_text().replace("Made scenes", "Another title"))
    world.night("2021-02-13")
    assert len(world.driver.loaded) == 2, "a title decides nothing"


def test_another_corridor_makes_every_pass_anew(world: World) -> None:
    pass_id = world.scene("2021-02-03")
    world.night("2021-02-10")
    inside = np.ones(SHAPE, bool)
    world.corridor = Corridor(world.corridor.grid, inside)
    assert world.night("2021-02-11") == []
    again = stored(world)[f"{pass_id}.r1"]
    assert again.corridor == world.corridor.digest and (read_percent(again) == 100).all()


def test_what_cannot_be_right_is_listed(world: World) -> None:
    world.scene("2021-02-03", orbit="a b")
    future = world.scene("2021-02-20")
    listed = world.night("2021-02-25", now=pd.Timestamp("2021-02-10T00:00Z"))
    assert sorted(listed) == [
        Skipped("s2-sat-20210203-a b", "its name cannot be that of a file; check platform and orbit"),
        Skipped(
            future,
            "is dated 2021-02-20T03:00:00+00:00, later than this machine's clock, 2021-02-10T00:00:00+00:00; "
            "one of the two is wrong",
        ),
    ]
    assert world.driver.loaded == []


# --- the reference ---


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
        assert after.available_at == known_from, "laid on what was known only then"
    last = stored(world)[f"{passes[3]}.r0"]
    assert last.reference == after.reference and f"{passes[3]}.r1" not in stored(world)


def test_the_reference_stays_whatever_follows(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.3)
    world.night("2021-02-10")
    before = files(world.store)
    for k in range(1, 9):
        world.scene(f"2021-03-{k:02}", 0.9)
    world.night("2021-04-10")
    assert before.items() <= files(world.store).items()


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
    before, loads = files(world.store), len(world.driver.loaded)
    (world.store / "made" / "made" / "reference.tif").write_bytes(b"II*\0")
    assert world.night("2021-02-11") == [Skipped("reference.tif", "the stored reference is damaged; it is made again")]
    assert files(world.store) == before and len(world.driver.loaded) == loads


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
        return tell_water(scene, corridor, rules, reference)

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

    def make(of: list[PassRecord], so_far: Looks) -> Reference | None:
        return make_reference(of, world.region, world.corridor, world.store, so_far)

    so_far = Looks()
    assert make(passes[:5], so_far) is None
    passes[0].raster.rename(world.base / "away")
    assert make(passes[:6], so_far) is None, "what was counted is not read again"
    (world.base / "away").rename(passes[0].raster)
    reference = make(passes, so_far)
    assert reference is not None and (reference.percent[world.corridor.inside] == 20).all()
    between = Looks()
    assert make(passes[1:6], between) is None
    again = make(passes, between)
    assert again is not None and again.id == reference.id, "one that came in between is counted in its place"


# --- accidents ---


@pytest.mark.parametrize("accident", ["tif gone", "tif cut", "byte", "json gone", "json cut", "json odd"])
def test_what_is_damaged_is_listed_and_made_anew(world: World, accident: str) -> None:
    pass_id = world.scene("2021-02-03", 0.4)
    other = world.scene("2021-02-04", 0.4)
    world.night("2021-02-10")
    before = files(world.store)
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
    assert files(world.store) == before
    assert world.driver.loaded == [pass_id, other, pass_id]
    assert world.night("2021-12-11") == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.scene_world import World

world = World(Path(sys.argv[1]), sources=["s2"], store_name=sys.argv[2])
when, count = sys.argv[3], int(sys.argv[4])

def die(*_):
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)

if when == "load":
    world.driver.at_load = die
world.night("2021-02-10", **({"say": die} if when == "stored" else {}))
"""


def run_world(world: World, store: str, *arguments: object, code: str = KILLED) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", textwrap.dedent(code), world.base, store, *arguments]
    return subprocess.run([str(c) for c in command], cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("when", "count"), [("load", 2), ("stored", 3), ("load", 6), ("stored", 6)])
def test_killed_at_any_moment_the_next_night_completes_it(world: World, when: str, count: int) -> None:
    for day, share in (("2021-01-05", 0.3), ("2021-01-10", 0.5), ("2021-01-15", 0.7), ("2021-01-20", 0.9)):
        world.scene(day, share)
    world.night("2021-02-10")
    whole = files(world.store)
    assert len(whole) == 2 + 2 * 7, "reference, four passes, and three of them laid on the reference"

    done = run_world(world, "killed", when, count)
    assert done.returncode == -signal.SIGKILL, done.stderr
    world.store_name = "killed"
    left = files(world.store)
    assert left.keys() < whole.keys() and left.items() <= whole.items(), "nothing is half"
    # What a process that dies while it writes leaves behind.
    (world.store / "made" / "made" / "s2").mkdir(exist_ok=True)
    (world.store / "made" / "made" / "s2" / ".x.r0.tif.new").write_bytes(b"II")
    assert world.night("2021-02-10") == []
    assert files(world.store) == whole


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_disk_that_is_full_stops_the_fetching_and_harms_nothing(world: World) -> None:
    noise = np.random.default_rng(5).random(SHAPE)
    passes = [world.scene(day, noise) for day in ("2021-01-05", "2021-01-10")]
    code = """
        import resource, sys
        from pathlib import Path
        from tests.scene_world import World

        world = World(Path(sys.argv[1]), sources=["s2"], store_name=sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
        for item in world.night("2021-02-10"):
            print(*item)
    """
    done = run_world(world, "store", code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{passes[0]} could not be written to {world.store / 'made' / 'made'} (")
    assert "make room there" in done.stdout and len(done.stdout.splitlines()) == 1
    assert files(world.store) == {}
    assert world.night("2021-02-10") == [] and len(stored(world)) == 2


def test_a_disk_without_room_for_a_note_ends_no_night(world: World) -> None:
    code = """
        import resource, sys
        from pathlib import Path
        from tests.scene_world import World

        world = World(Path(sys.argv[1]), sources=["s2"], store_name=sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        for item in world.night("2021-02-10"):
            print(*item, file=sys.stderr)
    """
    done = run_world(world, "store", code=code)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("s2 what was searched could not be noted in ")


def test_a_store_that_cannot_be_written_is_listed(world: World) -> None:
    world.scene("2021-02-03")
    world.store.write_text("a file, where the store should be")
    ((name, reason, usual),) = world.night("2021-02-10")
    assert name == "made" and "cannot be written" in reason and not usual
    assert world.driver.loaded == []


def test_a_clock_that_once_ran_ahead_stops_no_later_search(world: World) -> None:
    world.scene("2021-02-03")
    world.night("2031-01-01")  # the machine's clock was ten years ahead
    late = world.scene("2021-02-05")
    world.night("2021-02-10")
    assert f"{late}.r0" in stored(world)
    assert stored(world)[f"{late}.r0"].available_at == pd.Timestamp("2021-02-10T20:00Z")


def test_a_search_that_was_not_read_to_its_end_is_made_again(world: World) -> None:
    world.driver.incomplete = True
    assert [item.scene for item in world.night("2021-02-10")] == ["s2"]
    world.driver.incomplete = False
    old = world.scene("2020-02-03")
    assert world.night("2021-02-11") == []
    assert f"{old}.r0" in stored(world)


def test_two_at_once(world: World) -> None:
    world.scene("2021-02-03")
    said: list[Any] = []
    world.driver.at_load = lambda _: said.extend(world.night("2021-02-10"))
    assert world.night("2021-02-10") == []
    ((name, reason, usual),) = said
    assert name == "made" and reason.startswith("another refresh is at work in ") and not usual


# --- laws ---


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 80), st.floats(0, 1), st.booleans()), min_size=1, max_size=7, unique_by=lambda p: p[0]
    ),
    st.lists(st.integers(0, 85), max_size=3),
)
def test_night_by_night_or_all_at_once_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, passes: list[tuple[int, float, bool]], nights: list[int]
) -> None:
    world = World(tmp_path_factory.mktemp("law")).source()
    first = pd.Timestamp("2021-01-01")
    for day, share, clear in passes:
        world.scene(f"{first + day * DAY:%Y-%m-%d}", round(share, 2), clear)
    world.night("2021-04-01")
    at_once = files(world.store)
    world.store_name = "nightly"
    for night in sorted(set(nights)):
        world.night(f"{first + night * DAY:%Y-%m-%d}")
    world.night("2021-04-01")
    assert files(world.store) == at_once
