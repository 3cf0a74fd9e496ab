"""Which passes make a season's observation: by water level, and each pass once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from pyproj import Transformer

from erosion.core.errors import Skipped
from tests.scene_world import CRS, SHAPE, World, at_here, gauge, read


def test_scenes_are_taken_within_a_window_of_water_level(world: World) -> None:
    days = ["2021-01-05", "2021-01-10", "2021-01-15", "2021-01-20", "2021-01-25"]
    stage = dict(zip(days, (1.0, 1.2, 1.7, 2.6, 2.8), strict=True))
    passes = {day: world.scene(day, share) for day, share in zip(days, (0.1, 0.2, 0.3, 0.9, 1.0), strict=True)}
    world.night("2021-04-01")
    water, skipped = read(world, "2021-04-01", gauge(stage))
    assert water["n_scenes"].item() == 3 and at_here(water, "water_fraction") == np.float32(0.2)
    assert water["stage_m"].item() == pytest.approx(1.2) and water["stage_range_m"].item() == pytest.approx(0.7)
    reason = "most clear observations of dry 2021 have 1.00 to 1.75 m at gauge g"
    assert skipped == [
        Skipped(passes["2021-01-20"], f"water stood at 2.60 m; {reason}", usual=True),
        Skipped(passes["2021-01-25"], f"water stood at 2.80 m; {reason}", usual=True),
    ]


def test_of_windows_with_as_many_observations_the_lowest_is_taken(world: World) -> None:
    days = ["2021-01-05", "2021-01-10", "2021-01-15", "2021-02-05", "2021-02-10", "2021-02-15"]
    for day in days:
        world.scene(day)
    world.night("2021-04-01")
    low = read(world, "2021-04-01", gauge(dict(zip(days, (3, 3, 3, 1, 1, 1), strict=True))))[0]
    assert low["stage_m"].item() == 1
    clouded = np.ones(SHAPE, bool)
    clouded[:5] = False
    world.scene("2021-02-05", clear=clouded)
    world.night("2021-04-02", full=True)
    high = read(world, "2021-04-02", gauge(dict(zip(days, (3, 3, 3, 1, 1, 1), strict=True))))[0]
    assert high["stage_m"].item() == 3, "clear observations count, not scenes"


def test_radar_does_not_choose_the_water_level_where_optical_observations_are_enough(world: World) -> None:
    world.source("s1", sensor="radar")
    levels = {}
    for k in range(3):
        world.scene(f"2021-01-0{k + 1}")
        levels[f"2021-01-0{k + 1}"] = 3.0
    for k in range(6):
        world.scene(f"2021-02-0{k + 1}", source="s1")
        levels[f"2021-02-0{k + 1}"] = 1.0
    world.night("2021-04-01")
    water, _ = read(world, "2021-04-01", gauge(levels))
    assert water["stage_m"].item() == 3 and water["sensors"].item() == "optical"
    world.rules["min_looks"] = 4  # three optical scenes are never enough
    assert read(world, "2021-04-01", gauge(levels))[0]["sensors"].item() == "radar"


def test_the_level_lies_between_two_values_or_near_one(world: World) -> None:
    passes = [world.scene(f"2021-01-{day}") for day in ("05", "06", "07", "15")]
    world.night("2021-04-01")
    # The scenes are taken at 03:00. One value 6 hours before the first, one 33 hours before the last but one.
    levels = {"2021-01-05T00:00": 1.0, "2021-01-06T06:00": 1.3, "2021-01-06T12:00": 1.3}
    water, skipped = read(world, "2021-04-01", gauge(levels))
    assert water["stage_m"].item() == pytest.approx(1.27)  # 1.03, 1.27, 1.30
    assert water["stage_range_m"].item() == pytest.approx(0.27)
    assert [item.scene for item in skipped] == passes[3:] and "water level is not known" in skipped[0].reason


def test_without_a_level_all_scenes_are_taken_and_it_is_listed(world: World) -> None:
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day)
    world.night("2021-04-01")
    water, skipped = read(world, "2021-04-01", gauge({"2021-01-05": 1.0, "2021-01-10": 9.0}))
    assert water["n_scenes"].item() == 3 and np.isnan(water["stage_m"].item())
    reason = "only 2 of 3 scenes have a water level at gauge g; all are taken"
    assert skipped == [Skipped("dry 2021", reason, usual=True)]
    for useless in (
        gauge({"2021-01-05": 1.0}, qc="suspect"),
        gauge({"2021-01-05": float("nan")}),
        gauge({"2021-01-05": 1.0}, late_days=365),
    ):
        assert read(world, "2021-04-01", useless)[1] == []


def test_the_gauge_nearest_to_the_corridor_gives_the_level(world: World) -> None:
    (world.base / "g.csv").write_text("d;h\n2021-01-05;1\n")
    to_lonlat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    for name, x in (("far", 560_000), ("near", 500_350)):
        entry = {
            "name": name, "driver": "gauge_files", "title": name, "path": "g.csv", "gauge_id": name, "river": "made",
            "location": [float(v) for v in to_lonlat.transform(x, 1_199_900)], "columns": {"time": "d", "stage_m": "h"},
            "units": {"stage_m": "m"}, "timezone": "UTC", "datum": "zero", "delimiter": ";", "cadence_days": 1,
            "latency_days": 1, "licence": "none", "attribution": "made", "citation": "made",
        }  # fmt: skip
        (world.base / f"{name}.yaml").write_text(yaml.safe_dump(entry))
    world.gauges = ("far", "near")
    days = ("2021-01-05", "2021-01-10", "2021-01-15")
    for day in days:
        world.scene(day)
    world.night("2021-04-01")
    both = pd.concat([gauge(dict.fromkeys(days, 7.0), "far"), gauge(dict.fromkeys(days, 2.0), "near")])
    assert read(world, "2021-04-01", both)[0]["stage_m"].item() == 2.0


def test_the_same_pass_by_two_sources_is_one_observation(world: World) -> None:
    world.source("mirror")
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2)
    twins = [world.scene(day, 0.2, source="mirror") for day in ("2021-01-05", "2021-01-10", "2021-01-25")]
    world.night("2021-02-01")
    water, skipped = read(world, "2021-02-01")
    assert at_here(water, "n_clear") == 4
    assert [(item.scene, item.usual) for item in skipped] == [(twins[0], True), (twins[1], True)]
    assert skipped[0].reason == "is the same pass of sat as s2-sat-20210105-1"
