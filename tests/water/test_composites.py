"""Composites: hand-computed medians, seasons, water levels, and that nothing later changes anything earlier."""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from erosion.banks.as_of import sound_epochs
from erosion.config.region import Season
from erosion.core.errors import Skipped, SourceError
from erosion.core.grid import Grid
from erosion.gauges.combine import empty_gauges
from erosion.satellite.corridor import Corridor
from erosion.water.classification.coregister import resample
from erosion.water.classification.water import WaterPass
from erosion.water.scenes.pass_records import NODATA, records
from erosion.water.scenes.refresh import refresh
from erosion.water.seasons.composites import read_composites
from erosion.water.seasons.registration import GEO_FLOOR_PIXELS, lies_within_m
from erosion.water.seasons.season_stack import AGREE_PERCENT, SIGMA_UNIT, composite, whole_weights
from tests.gauge_tables import gauge_rows
from tests.scene_world import CRS, DRY, GRID, SHAPE, SOURCE, World

NO_GAUGE = empty_gauges()
HERE = (8, 12)
OUTSIDE = (0, 0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).source()


def read(world: World, as_of: str, gauges: pd.DataFrame = NO_GAUGE) -> tuple[xr.Dataset, list[Skipped]]:
    return read_composites(world.region, world.corridor, world.store, as_of, gauges)


def at_here(water: xr.Dataset, name: str, epoch: int = -1) -> float:
    return float(water[name][epoch, HERE[0], HERE[1]])


# --- many looks, one value ---


def stack(*columns: list[int]) -> np.ndarray:
    """Scenes of one row; each argument is the looks at one pixel."""
    return np.array(columns, np.uint8).T[:, np.newaxis, :]


ONE = np.array([100])


def test_medians_and_looks_by_hand() -> None:
    made = composite(
        stack([10, 90, 20, 30], [10, 90, 20, 255], [30, 80, 255, 255], [7, 255, 255, 255]),
        np.full(4, 100),
        np.zeros(4, bool),
        2,
    )
    # 10 20 30 90: 25; 10 20 90: 20; 30 80: 55; one look is too few.
    assert made.half_percent.tolist() == [[50, 40, 110, NODATA]]
    assert made.looks.tolist() == [[4, 3, 2, 0]] and made.used.tolist() == [3, 3, 2, 1]


def test_two_looks_that_contradict_each_other_tell_nothing() -> None:
    looks = stack([0, 51, 255], [0, 50, 255], [0, 51, 51], [255, 100, 0])
    made = composite(looks, np.full(3, 100), np.zeros(3, bool), 2)
    assert made.half_percent.tolist() == [[NODATA, 50, 102, NODATA]], "a third look says which of two is right"
    assert made.filled == 2 and made.used.tolist() == [2, 2, 1]
    # Radar stands in where two optical looks contradict each other.
    looks = stack([0, 100, 90, 80])
    made = composite(looks, np.full(4, 100), np.array([False, False, True, True]), 2)
    assert made.half_percent.tolist() == [[170]] and made.radar == 1


def test_the_standard_error_by_hand() -> None:
    made = composite(stack([10, 90, 20, 30, 40], [50] * 5), np.full(5, 100), np.zeros(5, bool), 3)
    # Median 30, deviations 20 60 10 0 10: median 10; 1.4826 x 0.10 x 1.2533 / sqrt(5).
    expected = 1.4826 * 0.10 * math.sqrt(math.pi / 2) / math.sqrt(5)
    assert made.sigma[0, 0] * SIGMA_UNIT == pytest.approx(expected, abs=SIGMA_UNIT / 2)
    # Looks that all agree are still rounded to whole percents.
    rounding = 0.01 / math.sqrt(12) * math.sqrt(math.pi / 2) / math.sqrt(5)
    assert made.sigma[0, 1] * SIGMA_UNIT == pytest.approx(rounding, abs=SIGMA_UNIT / 2)


def test_a_weighted_median_by_hand() -> None:
    looks = stack([10, 20, 90], [10, 20, 255])
    made = composite(looks, np.array([10, 10, 100]), np.zeros(3, bool), 2)
    assert made.half_percent.tolist() == [[180, 30]], (
        "the sharp look outweighs two coarse ones; without it they average"
    )
    made = composite(looks, np.array([10, 20, 10]), np.zeros(3, bool), 2)
    assert made.half_percent.tolist() == [[40, 40]]
    # Weights 1 and 3: effective number of looks 16 / 10.
    made = composite(stack([30, 70]), np.array([1, 3]), np.zeros(2, bool), 2)
    assert made.half_percent.tolist() == [[140]]
    # Deviations 40 and 0, their median 20.
    expected = 1.4826 * 0.2 * math.sqrt(math.pi / 2) / math.sqrt(1.6)
    assert made.sigma[0, 0] * SIGMA_UNIT == pytest.approx(expected, abs=SIGMA_UNIT / 2)


def test_weights_are_inverse_to_the_variance() -> None:
    assert whole_weights(np.array([4.0, 8.0, 400.0, 1e9])).tolist() == [100, 50, 1, 1]


def test_radar_stands_in_only_where_optical_looks_are_too_few() -> None:
    looks = stack([10, 20, 80, 90], [10, 255, 80, 90], [255, 255, 80, 255], [255, 30, 255, 255])
    made = composite(looks, np.full(4, 100), np.array([False, False, True, True]), 2)
    assert made.half_percent.tolist() == [[30, 170, NODATA, NODATA]], "one look of each is not two"
    assert made.looks.tolist() == [[2, 2, 0, 0]]
    assert made.used.tolist() == [1, 1, 1, 1] and made.radar == 1


looks_of = st.lists(st.lists(st.sampled_from([0, 3, 50, 97, 100, 255]), min_size=5, max_size=5), min_size=1, max_size=8)


@given(looks_of, st.lists(st.integers(1, 100), min_size=8, max_size=8), st.integers(1, 4), st.randoms())
def test_the_order_of_looks_changes_nothing(rows: list[list[int]], weights: list[int], few: int, random: Any) -> None:
    looks = np.array(rows, np.uint8)[:, np.newaxis, :]
    w = np.array(weights[: len(rows)])
    radar = np.arange(len(rows)) % 3 == 2
    order = list(range(len(rows)))
    random.shuffle(order)
    a, b = composite(looks, w, radar, few), composite(looks[order], w[order], radar[order], few)
    assert (a.half_percent == b.half_percent).all() and (a.looks == b.looks).all() and (a.sigma == b.sigma).all()
    assert (a.used[order] == b.used).all() and a.radar == b.radar


@given(looks_of, st.integers(1, 4))
def test_with_equal_weights_it_is_the_ordinary_median(rows: list[list[int]], few: int) -> None:
    looks = np.array(rows, np.uint8)[:, np.newaxis, :]
    optical = np.zeros(len(rows), bool)
    made = composite(looks, np.full(len(rows), 7), optical, few)
    share = np.where(looks == 255, np.nan, looks.astype(float))
    n = np.isfinite(share).sum(axis=0)[0]
    spread = np.nan_to_num(np.nanmax(share, axis=0) - np.nanmin(share, axis=0))[0] if share.size else np.zeros(5)
    told = (n >= few) & ~((n == 2) & (spread > AGREE_PERCENT))
    for pixel in range(5):
        if told[pixel]:
            assert made.half_percent[0, pixel] == 2 * np.nanmedian(share[:, 0, pixel])
        else:
            assert made.half_percent[0, pixel] == NODATA
    # Weights that differ by a hair take the other way to it.
    if len(rows) > 1:
        odd = composite(looks, np.array([100] + [99] * (len(rows) - 1)), optical, few)
        assert (odd.looks == made.looks).all()
        assert (odd.half_percent[0, n % 2 == 1] == made.half_percent[0, n % 2 == 1]).all()


# --- seasons and epochs ---


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
    sound_epochs(water)  # what eats water products eats this one


def _bend(east_px: float) -> np.ndarray:
    """Water share of a bending river that lies so many pixels further east."""
    y, x = np.mgrid[0:220, 0:260]
    return np.clip(20.5 - np.abs(y - 110 - 40 * np.sin((x - east_px) / 40)), 0, 1)


def _scenes_by_hand(tmp_path: Path, scenes: list[tuple[str, float]]) -> World:
    """Files of a bending river on some days, for the project's own reader and water."""
    world = World(tmp_path, seasons=(DRY,), sources=["hand"])
    grid = Grid(CRS, GRID.transform, 260, 220)
    y, x = np.mgrid[0:220, 0:260]
    world.corridor = Corridor(grid, np.abs(y - 110 - 40 * np.sin(x / 40)) < 60)
    (tmp_path / "hand").mkdir()
    rng = np.random.default_rng(1)
    for day, east in scenes:
        water = _bend(east)
        bands = [a * water + b * (1 - water) for a, b in ((0.08, 0.07), (0.03, 0.30), (0.01, 0.25))]
        profile = {"driver": "GTiff", "count": 3, "height": 220, "width": 260, "dtype": "uint16", "crs": CRS}
        with rasterio.open(tmp_path / "hand" / f"{day}.tif", "w", transform=grid.transform, **profile) as file:
            noisy = np.array(bands) + rng.normal(0, 0.005, (3, 220, 260))
            file.write(np.clip(10_000 * noisy, 1, None).astype(np.uint16))
    files = {"green": "1", "nir": "2", "swir16": "3"}
    entry = {**SOURCE, "name": "hand", "path": "hand", "files": "*.tif", "bands": files, "scale": 1e-4, "nodata": 0}
    entry |= {"sensor": "optical", "pixel_m": 10, "geo_rmse_m": 5}
    (tmp_path / "hand.yaml").write_text(yaml.safe_dump(entry))
    return world


def test_from_files_brought_by_hand_to_an_epoch(tmp_path: Path) -> None:
    """Four scenes of a bending river, and a fifth that lies 10 m too far east."""
    days = [("2021-01-05", 0), ("2021-01-10", 0), ("2021-01-15", 0), ("2021-01-20", 0), ("2021-02-10", 1)]
    world = _scenes_by_hand(tmp_path, days)
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
    error = (fraction - resample(_bend(0).astype(np.float32), -0.2, 0.0))[seen]
    assert abs(error.mean()) < 0.001 and np.quantile(np.abs(error), 0.99) < 0.05


def test_a_river_that_moves_is_not_taken_for_a_picture_that_does(tmp_path: Path) -> None:
    """Both banks lie 8 m further east in every scene of the second year: that is the river."""
    days = [(f"{year}-01-{day}", east) for year, east in ((2020, 0.0), (2021, 0.8)) for day in ("05", "10", "15", "20")]
    world = _scenes_by_hand(tmp_path, days)
    assert refresh(world.region, world.corridor, world.store, "2021-03-01", pd.Timestamp("2021-03-01T20:00Z")) == []
    product, _ = read(world, "2021-03-01")
    first, second = (product["water_fraction"][k].values for k in (0, 1))
    seen = np.isfinite(first) & np.isfinite(second)
    assert np.abs(second - first)[seen].max() > 0.5
    for fraction, east in ((first, 0.0), (second, 0.8)):
        error = (fraction - _bend(east))[seen]
        assert abs(error.mean()) < 0.001 and np.quantile(np.abs(error), 0.99) < 0.1


def test_a_scene_that_shows_other_banks_than_the_others_is_left_out(tmp_path: Path) -> None:
    """Six scenes that the reference could not tell apart: one lies 16 m off the others, one shows another river."""
    grid = Grid(CRS, GRID.transform, 260, 220)
    world = World(tmp_path, corridor=Corridor(grid, np.ones((220, 260), bool)), rules={"min_looks": 2}).source()
    pictures = {f"2021-01-{day}": _bend(0.0) for day in ("05", "10", "15", "20")}
    pictures |= {"2021-02-05": _bend(1.6), "2021-02-10": _bend(0.0)[:, ::-1]}
    names = {day: world.scene(day) for day in pictures}

    def told(scene: xr.Dataset, corridor: Corridor, rules: Any, reference: Any) -> WaterPass:
        picture = pictures[str(scene.attrs["time"])[:10]]
        return WaterPass(np.rint(100 * picture).astype(np.uint8), {"clear_share": 1.0, "usable_share": 1.0})

    world.night("2021-03-01", to_water=told)
    water, skipped = read(world, "2021-03-01")
    assert {item.scene: item.reason.split(":")[0] for item in skipped} == {
        names["2021-02-05"]: "lies 16 m off the other scenes of its season",
        names["2021-02-10"]: "shows other banks than the other scenes of its season",
    }
    assert all(item.usual for item in skipped) and water["n_scenes"].item() == 4
    np.testing.assert_allclose(water["water_fraction"][0].values, _bend(0.0), atol=0.006)
    # What was found is kept: another night reads it and says the same.
    kept = next((world.store / "made").rglob("strays-*.json"))
    before = kept.read_bytes()
    _, repeated = read(world, "2021-03-01")
    assert repeated == skipped and kept.read_bytes() == before
    # Two scenes have no third one to judge between them.
    early, alone = read(world, "2021-01-12")
    assert alone == [] and early["n_scenes"].item() == 2


def test_a_season_over_the_new_year_belongs_to_the_year_it_ends_in(world: World) -> None:
    world.seasons = (Season(name="low", months=(12, 1, 2)), Season(name="rest", months=(3, 4, 5, 6, 7, 8, 9, 10, 11)))
    for day in ("2020-12-31", "2021-01-01", "2021-02-28", "2021-03-01", "2021-11-30", "2021-12-01"):
        world.scene(day)
    world.rules["min_looks"] = 1
    world.night("2021-12-31")
    water, _ = read(world, "2021-12-31")
    assert water["scene_id"].values.tolist() == ["low 2021", "rest 2021", "low 2022"]
    assert water["n_scenes"].values.tolist() == [3, 2, 1]


def test_the_date_is_that_by_which_half_of_the_looks_were_taken(world: World) -> None:
    part = np.zeros(SHAPE, bool)
    part[2:6] = True  # a quarter of the corridor
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, clear=part)
    for day in ("2021-03-05", "2021-03-10", "2021-03-15"):
        world.scene(day)
    world.night("2021-04-01")
    water, _ = read(world, "2021-04-01")
    assert str(water["epoch"].values[0])[:10] == "2021-03-10", "the first three are three quarters of one look"
    assert water["n_clear"][0, 3, 3] == 6 and water["n_clear"][0, 9, 3] == 3


def test_too_few_clear_looks_give_no_epoch_but_a_reason(world: World) -> None:
    half = np.zeros(SHAPE, bool)
    half[2:10] = True
    for day in ("2021-01-05", "2021-01-10"):
        world.scene(day)
    world.scene("2021-01-15", clear=half)
    world.scene("2021-11-15")
    world.night("2021-12-31")
    with pytest.raises(SourceError, match=r"made: no season had enough clear looks by 2021-12-31: dry 2021: no obs"):
        read(world, "2021-12-31")
    for day in ("2022-01-05", "2022-01-10", "2022-01-15"):
        world.scene(day)
    world.night("2022-01-31")
    water, skipped = read(world, "2022-01-31")
    assert water["scene_id"].values.tolist() == ["dry 2022"]
    assert skipped == [
        Skipped(
            "dry 2021",
            "no observation: with 3 scenes only 50.0% of the corridor have 3 clear looks, needed are 80%",
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


# --- sources together ---


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


def test_radar_fills_what_clouds_hid_and_it_is_told(world: World) -> None:
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
    assert all(item.usual and item.reason.startswith("adds no look to dry 2021") for item in skipped)


def test_how_well_an_epoch_lies(world: World) -> None:
    world.rules["min_looks"] = 2
    for day in ("2021-01-05", "2021-01-10", "2021-01-15", "2021-01-20"):
        world.scene(day)
    world.night("2021-01-16")
    before, _ = read(world, "2021-01-12")  # two scenes, not laid on a reference yet
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
    ("facts", "lies"),
    [
        ({"shift_measured": True, "shift_error_m": 2.0}, 2.0),
        ({"shift_measured": True, "shift_error_m": 0.3}, 1.0),  # no better than a tenth of its pixel
        ({"shift_measured": False, "shift_error_m": 0.3}, 5.0),  # as the source states
        ({"shift_measured": True, "shift_error_m": None}, 5.0),
        ({}, 5.0),
    ],
)
def test_how_well_a_pass_lies(world: World, facts: dict[str, Any], lies: float) -> None:
    world.scene("2021-01-05")
    world.night("2021-02-01")
    (record,) = records(world.store, world.region, "s2")
    assert lies_within_m(dataclasses.replace(record, facts=facts)) == lies


# --- the water level ---


def gauge(levels: dict[str, float], gauge_id: str = "g", late_days: float = 1, qc: str = "good") -> pd.DataFrame:
    return gauge_rows(list(levels), list(levels.values()), gauge_id=gauge_id, latency=f"{late_days}D", qc=qc)


def test_scenes_are_taken_within_a_window_of_water_level(world: World) -> None:
    days = ["2021-01-05", "2021-01-10", "2021-01-15", "2021-01-20", "2021-01-25"]
    stage = dict(zip(days, (1.0, 1.2, 1.7, 2.6, 2.8), strict=True))
    passes = {day: world.scene(day, share) for day, share in zip(days, (0.1, 0.2, 0.3, 0.9, 1.0), strict=True)}
    world.night("2021-04-01")
    water, skipped = read(world, "2021-04-01", gauge(stage))
    assert water["n_scenes"].item() == 3 and at_here(water, "water_fraction") == np.float32(0.2)
    assert water["stage_m"].item() == pytest.approx(1.2) and water["stage_range_m"].item() == pytest.approx(0.7)
    reason = "most clear looks of dry 2021 have 1.00 to 1.75 m at gauge g"
    assert skipped == [
        Skipped(passes["2021-01-20"], f"water stood at 2.60 m; {reason}", usual=True),
        Skipped(passes["2021-01-25"], f"water stood at 2.80 m; {reason}", usual=True),
    ]


def test_of_windows_with_the_same_looks_the_lowest_is_taken(world: World) -> None:
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
    assert high["stage_m"].item() == 3, "clear looks count, not scenes"


def test_radar_does_not_choose_the_water_level_where_optical_looks_are_enough(world: World) -> None:
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


def test_without_a_level_all_scenes_are_taken_and_it_is_told(world: World) -> None:
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


def test_the_gauge_nearest_to_the_corridor_tells_the_level(world: World) -> None:
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


# --- revisions, accidents ---


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


def test_the_same_pass_by_two_sources_is_one_look(world: World) -> None:
    world.source("mirror")
    for day in ("2021-01-05", "2021-01-10", "2021-01-15"):
        world.scene(day, 0.2)
    twins = [world.scene(day, 0.2, source="mirror") for day in ("2021-01-05", "2021-01-10", "2021-01-25")]
    world.night("2021-02-01")
    water, skipped = read(world, "2021-02-01")
    assert at_here(water, "n_clear") == 4
    assert [(item.scene, item.usual) for item in skipped] == [(twins[0], True), (twins[1], True)]
    assert skipped[0].reason == "is the same pass of sat as s2-sat-20210105-1"


# --- laws ---

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
    assert sorted([*used, *listed]) == sorted(passes), "each is told of once"


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
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels without a look
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


def test_more_cloud_gives_no_fewer_reasons(world: World) -> None:
    days = [f"2021-0{month}-{day:02}" for month, day in itertools.product((1, 2), (5, 10, 15))]
    for day in days:
        world.scene(day)
    world.night("2021-04-01")
    told = len(read(world, "2021-04-01")[1])
    for k, day in enumerate(days[:3]):
        world.scene(day, clear=np.zeros(SHAPE, bool))
        as_of = f"2021-04-{k + 2:02}"
        world.night(as_of, full=True)
        skipped = read(world, as_of)[1]
        assert len(skipped) == told + 1 and f"s2-sat-{day.replace('-', '')}-1" in {item.scene for item in skipped}
        told = len(skipped)
