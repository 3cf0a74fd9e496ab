"""A night fetches only what is new, and what changed becomes a further revision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.region import Season
from erosion.core.errors import Skipped
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import read_percent
from tests.log_records import logged
from tests.scene_world import DAY, SHAPE, World, store_files, stored


def test_only_new_passes_are_fetched(world: World) -> None:
    first = world.scene("2021-02-03")
    world.night("2021-02-10")
    world.night("2021-02-11")
    assert world.driver.loaded == [first]
    second = world.scene("2021-02-13")
    world.night("2021-02-14")
    assert world.driver.loaded == [first, second]


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
    with logged(stored_one):
        world.night("2021-03-01")
    assert len(ahead) == 24 and max(ahead) <= 4, "three that are read, one that is worked on"


def test_a_mistake_of_the_program_is_not_taken_for_a_bad_scene(world: World) -> None:
    world.scene("2021-02-03")

    def wrong(*_: Any) -> Any:
        raise ZeroDivisionError("a mistake")

    with pytest.raises(ZeroDivisionError):
        world.night("2021-02-10", to_water=wrong)
    assert stored(world) == {}
    assert world.night("2021-02-10") == [] and len(stored(world)) == 1


def test_a_pass_that_is_published_again_becomes_a_new_revision(world: World) -> None:
    pass_id = world.scene("2021-02-03", 0.2)
    world.night("2021-02-10")
    old = store_files(world.store)
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
    assert old.items() <= store_files(world.store).items(), "what was stored is untouched"
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
    at_once = store_files(world.store)
    world.store_name = "nightly"
    for night in sorted(set(nights)):
        world.night(f"{first + night * DAY:%Y-%m-%d}")
    world.night("2021-04-01")
    assert store_files(world.store) == at_once
