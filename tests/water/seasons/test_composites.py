"""Stored passes to one epoch a season: which season, which date, which sources, and why there is none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from erosion.banks.epochs.valid import valid_epochs
from erosion.config.region import Season
from erosion.core.errors import Skipped, SourceError
from tests.scene_world import CRS, GRID, OUTSIDE, SHAPE, World, at_here, read


def test_an_epoch_a_season(world: World) -> None:
    for day, share in (("2021-01-05", 0.9), ("2021-02-10", 0.1), ("2021-03-20", 0.3)):
        world.scene(day, share)
    for day in ("2021-11-03", "2021-11-23", "2021-12-30"):
        world.scene(day, 1.0)
    summer = world.scene("2021-07-01", 0.5)
    listed = world.night("2022-01-10")
    assert listed == [Skipped(summer, "was taken in July, which is in no season of the region", usual=True)]
    assert summer not in world.driver.loaded, "what no season uses is not fetched"
    water, skipped = read(world, "2022-01-10")
    assert skipped == []
    assert water["scene_id"].values.tolist() == ["dry 2021", "flood 2021"]
    assert water["season"].values.tolist() == ["dry", "flood"]
    assert water["accepted"].values.tolist() == [False, False]
    assert [str(e)[:10] for e in water["epoch"].values] == ["2021-02-10", "2021-11-23"]
    assert [str(e)[:10] for e in water["start"].values] == ["2021-01-05", "2021-11-03"]
    assert [str(e)[:10] for e in water["end"].values] == ["2021-03-20", "2021-12-30"]
    assert [str(e)[:13] for e in water["available_at"].values] == ["2021-03-21T03", "2021-12-31T03"]
    assert water["n_scenes"].values.tolist() == [3, 3] and water["sensors"].values.tolist() == ["optical"] * 2
    assert at_here(water, "water_fraction", 0) == np.float32(0.3) and at_here(water, "n_clear", 0) == 3
    assert np.isnan(water["water_fraction"][:, *OUTSIDE]).all() and (water["n_clear"][:, *OUTSIDE] == 0).all()
    assert water["water_fraction"].dtype == np.float32 and water["n_clear"].dtype == np.uint16
    assert water["sigma"].dtype == np.float32 and np.isnan(water["sigma"][:, *OUTSIDE]).all()
    assert np.isnan(water["stage_m"]).all() and np.isnan(water["stage_range_m"]).all()
    assert water.attrs["crs"] == CRS and water.attrs["pixel_m"] == 10 and water.attrs["source_ids"] == ["s2"]
    assert water.attrs["transform"] == tuple(GRID.transform)[:6]
    assert (water["x"].values == GRID.x).all() and (water["y"].values == GRID.y).all()
    valid_epochs(world.region, water)  # what eats water products eats this one


def test_a_season_over_the_new_year_belongs_to_the_year_it_ends_in(world: World) -> None:
    world.seasons = (Season(name="low", months=(12, 1, 2)), Season(name="rest", months=(3, 4, 5, 6, 7, 8, 9, 10, 11)))
    for day in ("2020-12-31", "2021-01-01", "2021-02-28", "2021-03-01", "2021-11-30", "2021-12-01"):
        world.scene(day)
    world.rules["min_looks"] = 1
    world.night("2021-12-31")
    water, _ = read(world, "2021-12-31")
    assert water["scene_id"].values.tolist() == ["low 2021", "rest 2021", "low 2022"]
    assert water["n_scenes"].values.tolist() == [3, 2, 1]


def test_the_date_is_that_by_which_half_of_the_observations_were_taken(world: World) -> None:
    part = np.zeros(SHAPE, bool)
    part[2:6] = True  # a quarter of the corridor
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, clear=part)
    for day in ("2021-03-05", "2021-03-10", "2021-03-15"):
        world.scene(day)
    world.night("2021-04-01")
    water, _ = read(world, "2021-04-01")
    assert str(water["epoch"].values[0])[:10] == "2021-03-10", "the first three are three quarters of one observation"
    assert water["n_clear"][0, 3, 3] == 6 and water["n_clear"][0, 9, 3] == 3


def test_too_few_clear_observations_give_no_epoch_but_a_reason(world: World) -> None:
    half = np.zeros(SHAPE, bool)
    half[2:10] = True
    for day in ("2021-01-05", "2021-01-10"):
        world.scene(day)
    world.scene("2021-01-15", clear=half)
    world.scene("2021-11-15")
    world.night("2021-12-31")
    with pytest.raises(
        SourceError, match=r"made: no season had enough clear observations by 2021-12-31: dry 2021: no obs"
    ):
        read(world, "2021-12-31")
    for day in ("2022-01-05", "2022-01-10", "2022-01-15"):
        world.scene(day)
    world.night("2022-01-31")
    water, skipped = read(world, "2022-01-31")
    assert water["scene_id"].values.tolist() == ["dry 2022"]
    assert skipped == [
        Skipped(
            "dry 2021",
            "no observation: with 3 scenes only 50.0% of the corridor have 3 clear observations, needed are 80%",
            usual=True,
        ),
        Skipped("flood 2021", "no observation: only 1 scene, needed are 3", usual=True),
    ]


def test_an_empty_store_says_what_to_do(world: World) -> None:
    world.scene("2021-01-05")
    with pytest.raises(SourceError, match=r"holds no pass available by 2021-02-01; fetch scenes first: erosion fetch"):
        read(world, "2021-02-01")


def test_a_running_season_counts_as_soon_as_it_has_enough(world: World) -> None:
    for day, share in zip(("2021-01-05", "2021-01-10", "2021-01-15", "2021-03-01"), (0.2, 0.4, 0.6, 0.8), strict=True):
        world.scene(day, share)
    world.night("2021-04-01")
    with pytest.raises(SourceError, match=r"only 2 scenes"):
        read(world, "2021-01-14")
    early, _ = read(world, "2021-01-16")
    late, _ = read(world, "2021-04-01")
    assert at_here(early, "water_fraction") == np.float32(0.4) and at_here(late, "water_fraction") == np.float32(0.5)
    for water, as_of in ((early, "2021-01-16"), (late, "2021-04-01")):
        assert water["epoch"].values[-1] <= np.datetime64(as_of) and water["available_at"].values[-1] <= np.datetime64(
            as_of
        ) + np.timedelta64(1, "D")
    assert str(early["epoch"].values[0])[:10] == "2021-01-10"


def test_a_coarse_sensor_does_not_outvote_a_sharp_one(world: World) -> None:
    world.source("landsat", pixel_m=30, geo_rmse_m=12)
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2)
    for day in range(1, 9):
        world.scene(f"2021-02-{day:02}", 0.8, source="landsat")
    world.night("2021-04-01")
    water, _ = read(world, "2021-04-01")
    assert at_here(water, "water_fraction") == np.float32(0.2)
    assert at_here(water, "n_clear") == 11 and water["source_id"].item() == "landsat+s2"


def test_radar_fills_what_clouds_hid_and_the_share_is_given(world: World) -> None:
    world.source("s1", sensor="radar")
    clear = np.zeros(SHAPE, bool)
    clear[:, :15] = True
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2, clear)
        world.scene(day, 0.7, source="s1")
    world.night("2021-04-01")
    water, skipped = read(world, "2021-04-01")
    assert skipped == []
    fraction = water["water_fraction"][0].values
    assert (fraction[2:18, :15] == np.float32(0.2)).all() and (fraction[2:18, 15:] == np.float32(0.7)).all()
    assert water["sensors"].item() == "optical+radar" and water["radar_share"].item() == 0.5
    for day in ("2021-02-05", "2021-02-10", "2021-02-15"):
        world.scene(day, 0.2)
    world.night("2021-04-02", full=True)
    water, skipped = read(world, "2021-04-02")
    assert water["sensors"].item() == "optical" and water["radar_share"].item() == 0 and water["n_scenes"].item() == 6
    assert [item.scene for item in skipped] == [f"s1-sat-202101{day}-1" for day in ("05", "10", "15")]
    assert all(item.usual and item.reason.startswith("adds no clear observation to dry 2021") for item in skipped)


def test_more_cloud_gives_no_fewer_reasons(world: World) -> None:
    days = [f"2021-0{month}-{day:02}" for month, day in itertools.product((1, 2), (5, 10, 15))]
    for day in days:
        world.scene(day)
    world.night("2021-04-01")
    listed = len(read(world, "2021-04-01")[1])
    for k, day in enumerate(days[:3]):
        world.scene(day, clear=np.zeros(SHAPE, bool))
        as_of = f"2021-04-{k + 2:02}"
        world.night(as_of, full=True)
        skipped = read(world, as_of)[1]
        assert len(skipped) == listed + 1 and f"s2-sat-{day.replace('-', '')}-1" in {item.scene for item in skipped}
        listed = len(skipped)
