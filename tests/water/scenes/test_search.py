"""Which stretches of time are searched again, and what a search that failed leaves to the next night."""

from __future__ import annotations

import pandas as pd

from erosion.config.region import Season
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import records
from erosion.water.scenes.search import LOOK_BACK
from tests.scene_world import World, stored

START = pd.Timestamp("2020-01-01", tz="UTC")


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
