"""The exercise on disk: files, catalogue and metadata as the public catalogues have them, and the label everywhere."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pystac.validation
import pytest
import rasterio
import rasterio.features
import rasterio.warp
from affine import Affine

from erosion.alerts.trigger import water_on, weigh
from erosion.alerts.trigger_night import gauges_of
from erosion.config.region import load_region
from erosion.config.sources import RasterFolder, StacCollection
from erosion.config.store import store_of
from erosion.core.grid import Grid
from erosion.forecast.release import MODELS, load_release, models_of
from erosion.gauges import series as gauge_series
from erosion.simulate.exercise import EARLIER_YEARS, LAST_YEAR, make_exercise, set_stage, train_exercise
from erosion.simulate.exercise_files import ALARM_LEVELS_M, GAUGE_ZERO_M
from erosion.simulate.rain import daily_rain
from erosion.simulate.scenes.archive import write_catalog, write_scene
from erosion.simulate.scenes.items import LABEL, landsat_item, sentinel1_item, sentinel2_item
from erosion.simulate.scenes.plan import baseline_of, looks
from erosion.water.masks import raster_folder

SETTINGS: dict[str, Any] = {"years": 5, "seed": 3, "length_km": 4.0, "density": 0.35}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_exercise(tmp_path_factory.mktemp("exercise"), say=lambda _: None, **SETTINGS).parent


@pytest.fixture(scope="module")
def items(made: Path) -> list[pystac.Item]:
    return list(pystac.Catalog.from_file(made / "catalog" / "catalog.json").get_items(recursive=True))


def of(items: list[pystac.Item], collection: str) -> list[pystac.Item]:
    return [item for item in items if item.collection_id == collection]


def read(item: pystac.Item, asset: str) -> tuple[np.ndarray, Any]:
    href = item.assets[asset].get_absolute_href()
    assert href is not None
    with rasterio.open(href) as file:
        return file.read(1), file


def core_schemas() -> dict[str, str]:
    """Address of each core schema of STAC 1.1.0 -> its copy that comes with pystac."""
    folder = Path(pystac.validation.__file__).parent / "jsonschemas"
    found = {}
    for file in folder.rglob("*.json"):
        name = json.loads(file.read_text("utf-8"))["$id"].rstrip("#")
        found[name] = str(file)
        found[name.replace("commonjson", "common.json")] = str(file)  # a slip in the copy's own name
    return found


def stac_problems(file: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from stac_validator.stac_validator import StacValidate
    check = StacValidate(str(file), core=True, schema_map=core_schemas())
    return "" if check.run() else str(check.message)


def test_every_file_of_the_catalogue_passes_stac_validator(made: Path) -> None:
    # Core specification 1.1.0. Schemas of the extensions are not shipped with any package and not asked for here.
    files = sorted((made / "catalog").rglob("*.json"))
    assert len(files) > 30
    for file in files:
        assert stac_problems(file) == "", file.name


def test_a_broken_item_does_not_pass(made: Path, tmp_path: Path) -> None:
    good = json.loads(next((made / "catalog").glob("sentinel-2-l2a/*/*.json")).read_text("utf-8"))
    for key, value in (("bbox", [1, 2]), ("geometry", {"type": "Polygon", "coordinates": [[[0, 0]]]}), ("assets", 3)):
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps(good | {key: value}), "utf-8")
        assert stac_problems(bad), key


def test_items_say_of_their_files_what_the_files_say_of_themselves(items: list[pystac.Item]) -> None:
    assert len(items) == len({item.id for item in items})
    for item in items:
        for name, asset in item.assets.items():
            values, file = read(item, name)
            told = asset.extra_fields
            place = told if "proj:transform" in told else item.properties
            assert tuple(file.transform)[:6] == pytest.approx(place["proj:transform"])
            assert list(values.shape) == place["proj:shape"]
            epsg = item.properties.get("proj:epsg") or int(item.properties["proj:code"].removeprefix("EPSG:"))
            assert file.crs.to_epsg() == epsg == 32648
            band = told["raster:bands"][0]
            assert file.nodata == band["nodata"]
            assert values.dtype == band["data_type"]
            assert file.transform.a == band["spatial_resolution"]
            with rasterio.open(file.name) as again:
                assert again.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert again.tags()["TITLE"] == LABEL
            west, south, east, north = item.bbox or ()
            box = rasterio.warp.transform_bounds(file.crs, "EPSG:4326", *file.bounds)
            assert box == pytest.approx((west, south, east, north), abs=2e-4)


def test_older_items_name_their_crs_by_epsg_and_newer_ones_by_code(made: Path) -> None:
    # Read as text: pystac turns the old form into the new one.
    raw = [json.loads(file.read_text("utf-8"))["properties"] for file in (made / "catalog").glob("*/*/*.json")]
    named = {("proj:epsg" in p, "proj:code" in p, p["datetime"] >= "2024") for p in raw}
    assert named == {(True, False, False), (False, True, True)}


def test_sentinel2_looks_like_earth_search(items: list[pystac.Item]) -> None:
    scenes = of(items, "sentinel-2-l2a")
    for item in scenes:
        p = item.properties
        assert set(item.assets) == {"blue", "green", "red", "nir", "swir16", "swir22", "scl"}
        assert p["platform"] in ("sentinel-2a", "sentinel-2b")
        assert item.id.split("_")[1] == p["grid:code"].removeprefix("MGRS-")
        late = float(p["s2:processing_baseline"]) >= 4
        offset = item.assets["green"].extra_fields["raster:bands"][0]["offset"]
        assert offset == (-0.1 if late else 0)
        assert not (p["earthsearch:boa_offset_applied"] and not late)
        assert pd.Timestamp(p["created"]) > pd.Timestamp(p["datetime"]) + pd.Timedelta(hours=3)
        scl, _ = read(item, "scl")
        cloudy = np.isin(scl, (8, 9, 10)).sum() / max((scl > 0).sum(), 1)
        assert p["eo:cloud_cover"] == pytest.approx(100 * cloudy, abs=1e-3)
        # Dark water under a clear sky tells whether the 1000 is in the numbers.
        green, _ = read(item, "green")
        clear = np.kron(scl == 6, np.ones((2, 2), bool))
        if clear.sum() > 2000:
            holds = late and not p["earthsearch:boa_offset_applied"]
            assert (np.median(green[clear]) > 1500) == holds
    kinds = {
        (float(i.properties["s2:processing_baseline"]) >= 4, i.properties["earthsearch:boa_offset_applied"])
        for i in scenes
    }
    assert kinds == {(False, False), (True, False), (True, True)}


def test_a_scene_processed_twice_holds_the_same_ground(items: list[pystac.Item]) -> None:
    scenes = of(items, "sentinel-2-l2a")
    again = [item for item in scenes if item.properties["s2:sequence"] == "1"]
    assert again
    for item in again:
        first = next(i for i in scenes if i.id == item.id.replace("_1_L2A", "_0_L2A"))
        assert item.datetime == first.datetime
        assert pd.Timestamp(item.properties["created"]) - pd.Timestamp(first.properties["created"]) == pd.Timedelta(
            days=700
        )
        old, new = read(first, "nir")[0].astype(int), read(item, "nir")[0].astype(int)
        assert (new[old > 0] - old[old > 0] == 1000).all()
        assert (new[old == 0] == 0).all()


def test_two_tiles_of_one_pass_overlap_and_agree(items: list[pystac.Item]) -> None:
    scenes = of(items, "sentinel-2-l2a")
    upper = [i for i in scenes if "48PWT" in i.id]
    assert upper
    for item in upper:
        lower = next(i for i in scenes if i.id == item.id.replace("48PWT", "48PWS"))
        for band in ("green", "swir16", "scl"):
            a, fa = read(item, band)
            b, fb = read(lower, band)
            start = round((fa.transform.f - fb.transform.f) / fa.transform.a)
            assert 0 < start < a.shape[0]
            assert (a[start:] == b[: a.shape[0] - start]).all()
    assert len([i for i in scenes if "48PWS" in i.id]) > len(upper)  # the other orbit comes in one tile


def test_landsat_and_sentinel1_look_like_the_planetary_computer(items: list[pystac.Item]) -> None:
    landsat, radar = of(items, "landsat-c2-l2"), of(items, "sentinel-1-rtc")
    assert landsat and radar
    for item in landsat:
        assert set(item.assets) == {"blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel"}
        assert item.assets["green"].extra_fields["raster:bands"][0]["scale"] == 2.75e-05
        assert item.assets["green"].extra_fields["raster:bands"][0]["offset"] == -0.2
        t = item.properties["proj:transform"]
        assert t[2] % 30 == t[5] % 30 == 15  # corners on odd multiples of 15 m
        qa, _ = read(item, "qa_pixel")
        green, _ = read(item, "green")
        assert ((qa & 1 == 1) == (green == 0)).all()
        assert "created" in item.properties
    for item in radar:
        p = item.properties
        assert p["sat:orbit_state"] == ("ascending" if p["sat:relative_orbit"] == 26 else "descending")
        assert (p["sat:absolute_orbit"] - 73) % 175 + 1 == p["sat:relative_orbit"]  # ESA's rule for Sentinel-1A
        assert "created" not in p
        vv, _ = read(item, "vv")
        assert ((vv == -32768) | (vv > 0)).all()
        assert 0.001 < np.median(vv[vv > 0]) < 1


def test_scenes_cover_the_whole_corridor(made: Path, items: list[pystac.Item]) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    area = region.reach.area
    assert area is not None
    area = gpd.read_file(made / area.path).to_crs(region.crs).buffer(area.width_m)
    whole = {
        name: next(i for i in of(items, name) if "48PWT" not in i.id) for name in ("landsat-c2-l2", "sentinel-1-rtc")
    }
    for name, asset in (("landsat-c2-l2", "green"), ("sentinel-1-rtc", "vv")):
        values, file = read(whole[name], asset)
        inside = rasterio.features.geometry_mask(area, values.shape, file.transform, invert=True)
        assert (values[inside] != file.nodata).all()
        assert inside.sum() * file.transform.a**2 == pytest.approx(area.area.sum(), rel=0.01)
        assert (values == file.nodata).any()


def test_the_region_is_one_that_erosion_can_run(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    assert region.simulated
    assert region.title == {"vi": "An Giang (MÔ PHỎNG)", "en": "An Giang (SIMULATED)"}
    assert (region.crs, region.export_crs, region.pixel_m) == ("EPSG:32648", "EPSG:9208", 10)
    assert [t.threshold_m for t in region.targets] == [10, 20]
    maps, *scenes = (region.sources[name] for name in region.water)
    assert isinstance(maps, RasterFolder) and len(list(maps.path.glob("*.tif"))) == EARLIER_YEARS
    for source in scenes:
        assert isinstance(source, StacCollection)
        assert (made / source.catalog).is_file()
    assert len(scenes) == 3 and all(LABEL in source.title for source in (maps, *scenes))


def test_the_older_maps_show_the_river_of_their_year(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    years = SETTINGS["years"]
    setting = set_stage(LAST_YEAR + 1 - years, years, SETTINGS["seed"], 4.0)
    # Without its area the reach is read as the maps are, on their own grid.
    whole = dataclasses.replace(region, reaches=(dataclasses.replace(region.reach, area=None),))
    water, skipped = raster_folder.read_water(region.mask_sources[0], whole, "2030-01-01")
    assert skipped == []
    assert [f"{day:%Y}" for day in pd.DatetimeIndex(water["epoch"].values)] == [
        str(year) for year in range(LAST_YEAR + 1 - years - EARLIER_YEARS, LAST_YEAR + 1 - years)
    ]
    for k in (0, EARLIER_YEARS - 1):
        image = water["water_fraction"][k].values
        true = setting.river.water_share(pd.Timestamp(water["epoch"].values[k]), setting.grid)
        seen = np.isfinite(image)
        assert (seen == setting.within).all()
        assert ((image >= 0.5) != (true >= 0.5))[seen].sum() < 0.05 * (true[seen] >= 0.5).sum()  # metres of position


def test_the_exercise_trains_a_model_on_what_came_before_its_scenes(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "exercise", ignore=shutil.ignore_patterns("catalog")))
    shutil.copytree(made / "catalog", folder / "catalog", ignore=shutil.ignore_patterns("*.tif"))
    release = train_exercise(folder / "an_giang_exercise.yaml", say=lambda _: None)
    region = load_region(folder / "an_giang_exercise.yaml")
    assert release.parent == folder / "models" == models_of(region.path)
    loaded = load_release(release)
    assert set(loaded.models) == {"1y", "2y"} and loaded.data_until < pd.Timestamp(
        f"{LAST_YEAR + 2 - SETTINGS['years']}"
    )
    assert "MÔ PHỎNG / SIMULATED" in (release / "card.md").read_text("utf-8")
    # Releases that belong to no region's folder are the project's own.
    assert models_of(load_region("mamore").path) == MODELS


def test_everything_says_that_it_is_simulated(made: Path, items: list[pystac.Item]) -> None:
    texts = [
        f
        for f in made.rglob("*")
        if f.suffix in (".yaml", ".md", ".json", ".geojson", ".csv") and f.parent.name != "truth"
    ]
    assert len(texts) > 40
    for file in texts:
        assert LABEL in file.read_text("utf-8").replace("\\u00d4", "Ô").replace("\\u1eceNG", "ỎNG"), file.name
    assert all(item.properties["simulated"] is True for item in items)


def test_the_gauge_tells_the_river_s_own_stage(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    river = set_stage(LAST_YEAR + 1 - SETTINGS["years"], SETTINGS["years"], SETTINGS["seed"], 4.0).river
    table, _, *listed = gauge_series.read(region, store_of(region), "2026-01-05")
    table = table[(table["quantity"] == "stage") & (table["flags"] == 0)]
    assert listed == [[], []]
    days = pd.date_range(f"{river.first_year}-01-01", f"{LAST_YEAR}-12-31")
    assert len(table) == len(days) and river.first_year == LAST_YEAR + 1 - SETTINGS["years"] - EARLIER_YEARS
    for row in table.iloc[::200].itertuples():
        assert row.value - GAUGE_ZERO_M == pytest.approx(river.stage(row.time), abs=0.006)
        assert row.time.hour == 0  # seven in the morning in Việt Nam


def test_rain_of_the_exercise_is_read_as_a_gauge_of_its_own_and_known_the_morning_after(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    written = pd.read_csv(made / "an_giang_exercise_rain.csv")
    table = gauge_series.read(region, store_of(region), "2026-01-05").values
    rain = table[table["quantity"] == "rain"]
    assert rain["gauge_id"].unique().tolist() == ["an_giang_exercise-rain"] and (rain["qc"] == "good").all()
    assert rain["value"].tolist() == written["rain_mm"].tolist()
    assert (rain["time"].dt.tz_convert("Asia/Ho_Chi_Minh").dt.strftime("%Y-%m-%d %H:%M") == written["time"].array).all()
    assert (rain["available_at"] - rain["time"] > pd.Timedelta(days=1)).all()


def test_a_river_of_a_seed_stays_what_it_was_before_there_was_rain() -> None:
    river = set_stage(2020, 6, 20, 12.0).river
    assert river.hydrograph.stage_m[[0, 1000, 3000, 8000]] == pytest.approx(
        [0.38592052312351877, 3.1224777467929603, 0.10973649406784214, 0.4881937941069421], rel=1e-12
    )
    assert river.hydrograph.intensity[:3] == pytest.approx(
        [1.3835665796417151, 1.5665573262780488, 1.0914406553662181], rel=1e-12
    )
    assert len(river.failures) == 140
    first, last = river.failures.iloc[0], river.failures.iloc[-1]
    assert (f"{first['date']:%Y-%m-%d}", f"{last['date']:%Y-%m-%d}") == ("2004-05-02", "2025-12-14")
    assert (first["chainage_m"], last["depth_m"]) == pytest.approx((9149.381843158966, 35.78412709682458), rel=1e-9)


def test_made_rain_is_that_of_a_monsoon() -> None:
    days = pd.date_range("1900-01-01", "1999-12-31", tz="UTC")
    rain = daily_rain(days, np.random.default_rng(1))
    assert (rain >= 0).all() and rain == pytest.approx(np.round(rain, 1), abs=1e-9)
    yearly = pd.Series(rain, days).groupby(days.year).sum()
    assert 1100 < yearly.mean() < 1500 and yearly.std() > 80
    by_month = pd.Series(rain, days).groupby(days.month).sum() / 100
    assert by_month[[1, 2, 3]].max() < 25 and by_month[[5, 6, 7, 8, 9, 10]].min() > 130
    wet = rain > 0
    assert wet[1:][wet[:-1]].mean() > wet[1:][~wet[:-1]].mean() + 0.2, "wet days come together"
    assert 60 < np.max(rain) < 250
    assert (daily_rain(days[:50], np.random.default_rng(1)) != daily_rain(days[:50], np.random.default_rng(2))).any()


def test_the_trigger_of_the_exercise_is_that_of_an_giang_with_rain(made: Path) -> None:
    """Not one that was fitted to the exercise."""
    trigger, real = load_region(made / "an_giang_exercise.yaml").trigger, load_region("an-giang").trigger
    assert trigger is not None and trigger.rain_on_low_water is not None and real is not None
    assert dataclasses.replace(trigger, rain_on_low_water=real.rain_on_low_water) == real


def test_the_trigger_of_the_exercise_hears_its_gauge_and_its_rain(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    assert region.trigger is not None and region.trigger.raises and region.trigger.unit == "m"
    gauges = gauges_of(region.by_reach()[0])
    assert [gauge.gauge_id for gauge in gauges] == ["an_giang_exercise", "an_giang_exercise-rain"]
    assert gauges[0].alarm_levels_m == ALARM_LEVELS_M
    table = gauge_series.read(region, store_of(region), "2026-01-05").values
    nights = pd.date_range(f"{LAST_YEAR}-01-01", f"{LAST_YEAR}-12-31")
    water = water_on(region.trigger, gauges, table, None, nights)
    assert water.facts.age_days[0].tolist() == [1.0] * len(nights)  # last night's seven o'clock is to come
    assert {int(which) for which in water.whose["rain_on_low_water"].ravel()} == {1}
    assert np.isfinite(water.facts.rain_mm).all() and np.isfinite(water.facts.alarm_share).all()
    weighed = weigh(region.trigger, water.facts)
    assert (weighed.level >= 0).mean() > 0.98 and np.nanmax(weighed.points) > 0.5
    # The highest stage of the year, by hand: zero at alarm 1, one at alarm 3.
    stage = table[(table["quantity"] == "stage") & (table["time"].dt.year == LAST_YEAR)]["value"].max()
    share = (stage - ALARM_LEVELS_M[0]) / (ALARM_LEVELS_M[2] - ALARM_LEVELS_M[0])
    assert water.facts.alarm_share.max() == pytest.approx(share)


def test_the_truth_beside_it_belongs_to_the_scenes(made: Path, items: list[pystac.Item]) -> None:
    scenes = pd.read_csv(made / "truth" / "scenes.csv", parse_dates=["time", "published"])
    assert sorted(scenes["item"]) == sorted(item.id for item in items)
    assert (scenes["published"] > scenes["time"]).all()
    far = np.hypot(scenes["shift_east_m"], scenes["shift_north_m"])
    assert scenes.loc[far > 25, "time"].nunique() == 1  # the one that lies far off
    banks = gpd.read_file(made / "truth" / "banks.geojson")
    assert set(banks["bank"]) == {"L", "R", "I"}
    assert banks["date"].nunique() == SETTINGS["years"] + EARLIER_YEARS
    communes = gpd.read_file(made / "communes.geojson")
    assert len(communes) >= 2
    assert communes.intersects(banks.union_all()).any()


def test_the_same_seed_gives_the_same_bytes_also_into_a_used_folder(tmp_path: Path) -> None:
    def digest(folder: Path) -> dict[str, str]:
        files = sorted(f for f in folder.rglob("*") if f.is_file())
        return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    small: dict[str, Any] = {"years": 1, "length_km": 4.0, "density": 0.25, "say": lambda _: None}
    make_exercise(tmp_path / "a", seed=1, **small)
    make_exercise(tmp_path / "b", seed=2, **small)
    other = digest(tmp_path / "b")
    make_exercise(tmp_path / "b", seed=1, **small)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != other


def test_an_exercise_that_was_stopped_half_way_can_be_made_anew(tmp_path: Path) -> None:
    def stop(text: str) -> None:
        if "pictures" in text and "->" not in text:
            raise KeyboardInterrupt

    small: dict[str, Any] = {"years": 1, "length_km": 4.0, "density": 0.3}
    with pytest.raises(KeyboardInterrupt):
        make_exercise(tmp_path, say=stop, **small)
    assert list(tmp_path.glob("catalog/*/*/*.tif"))
    assert stac_problems(tmp_path / "catalog" / "catalog.json") == ""
    region = make_exercise(tmp_path, say=lambda _: None, **small)
    assert load_region(region).simulated


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    mine = tmp_path / "catalog" / "mine.txt"
    mine.write_text("keep me")
    with pytest.raises(ValueError, match="another folder"):
        make_exercise(tmp_path, say=lambda _: None, **SETTINGS)
    assert mine.read_text() == "keep me"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"years": 0}, "at least one"),
        ({"length_km": 1.0}, "4 to"),
        ({"length_km": 500.0}, "4 to"),
        ({"density": 0.0}, "raise density"),
    ],
)
def test_an_exercise_that_cannot_be_is_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_exercise(tmp_path / "out", say=lambda _: None, **{**SETTINGS, **settings})


def test_the_plan_has_the_pictures_that_are_promised() -> None:
    planned = [look for seed in range(5) for look in looks(2020, 6, seed)]
    table = pd.DataFrame([vars(look) for look in planned])
    table["month"] = table["time"].dt.month
    dry = table[table["month"] <= 4]
    each = dry.groupby("sensor").size() / (5 * 6)
    assert 8 <= each["sentinel2"] <= 12
    assert 3 <= each["landsat"] <= 7
    assert 3 <= each["sentinel1"] <= 7
    assert dry.loc[dry["sensor"] == "sentinel2", "cloud_cover"].mean() < 0.35
    wet = table[table["month"].between(6, 10) & (table["sensor"] == "sentinel2")]
    assert wet["cloud_cover"].mean() > 0.45
    shift = np.array(table["shift_m"].tolist())
    for sensor, sigma in (("sentinel2", 3.0), ("landsat", 5.0), ("sentinel1", 4.0)):
        mine = shift[(table["sensor"] == sensor).to_numpy() & (np.hypot(*shift.T) < 25)]
        assert mine.std(axis=0) == pytest.approx([sigma, sigma], rel=0.25)
    assert (table["published"] > table["time"]).all()
    assert looks(2020, 6, 1) == looks(2020, 6, 1)


def test_baselines_follow_the_calendar() -> None:
    assert baseline_of(pd.Timestamp("2022-01-24", tz="UTC")) == ("03.01", False)
    assert baseline_of(pd.Timestamp("2022-01-25", tz="UTC")) == ("04.00", False)
    assert baseline_of(pd.Timestamp("2024-06-01", tz="UTC")) == ("05.10", True)


def test_a_large_scene_has_overviews_and_missing_pixels_stay_missing(tmp_path: Path) -> None:
    grid = Grid("EPSG:32648", Affine(10, 0, 500_000, 0, -10, 1_170_000), 1200, 600)
    rng = np.random.default_rng(0)
    time = pd.Timestamp("2021-02-03T11:09:30", tz="UTC")
    item = sentinel1_item(grid, time, platform="a", orbit=26, ascending=True, absolute_orbit=1)
    picture = {band: rng.gamma(4.4, 0.02, grid.shape).astype(np.float32) for band in ("vv", "vh")}
    within = np.zeros(grid.shape, bool)
    within[100:500, 200:900] = True
    file = write_scene(tmp_path, item, picture, grid, within)
    with rasterio.open(file.parent / "vv.tif") as vv:
        assert vv.overviews(1)
        values = vv.read(1)
    assert (values[~within] == -32768).all()
    assert values[within] == pytest.approx(picture["vv"][within], rel=0.002)
    write_catalog(tmp_path, "t", "d")
    assert stac_problems(tmp_path / "catalog.json") == ""
    with pytest.raises(ValueError, match="names vh"):
        write_scene(tmp_path, item, {"vv": picture["vv"]}, grid)


def test_items_tell_scenes_apart() -> None:
    grid = Grid("EPSG:32648", Affine(10, 0, 500_000, 0, -10, 1_170_000), 20, 20)
    time, later = (pd.Timestamp(t, tz="UTC") for t in ("2021-02-03T03:18:41", "2021-02-04T07:00:00"))
    common: dict[str, Any] = {"platform": "b", "orbit": 18, "cloud_percent": 1.0, "published": later}
    one = sentinel2_item(grid, time, tile="48PWS", baseline="02.14", offset_applied=False, **common)
    two = sentinel2_item(grid, time, tile="48PWT", baseline="05.00", offset_applied=False, sequence=1, **common)
    assert one["id"] == "S2B_48PWS_20210203_0_L2A"
    assert two["id"] == "S2B_48PWT_20210203_1_L2A"
    assert "_N0214_R018_T48PWS_" in one["properties"]["s2:product_uri"]
    assert one["assets"]["swir16"]["proj:shape"] == [10, 10]
    assert one["assets"]["swir16"]["proj:transform"][0] == 20
    landsat = landsat_item(grid, time, number=9, path_row="126053", cloud_percent=3.3, published=later)
    assert landsat["id"] == "LC09_L2SP_126053_20210203_02_T1"
    assert landsat["properties"]["datetime"] == "2021-02-03T03:18:41.000Z"
    assert landsat["properties"]["created"] == "2021-02-04T07:00:00.000Z"


def test_an_exercise_of_other_years_keeps_no_map_and_no_model_of_the_one_before(tmp_path: Path) -> None:
    """Maps of another river would be read beside its own, and a younger model taken for its own."""
    made = {"length_km": 4.0, "density": 0.05, "say": lambda _: None}
    make_exercise(tmp_path, years=2, seed=1, **made)
    (tmp_path / "models" / f"an_giang_exercise-{LAST_YEAR}0101").mkdir(parents=True)
    kept = [tmp_path / "models" / "mine-20200101", tmp_path / "store" / "mine", tmp_path / "maps" / "mine"]
    for path in kept:
        path.mkdir()
    make_exercise(tmp_path, years=1, seed=1, **made)
    years = [path.stem.split("_")[1][:4] for path in sorted((tmp_path / "maps").glob("*.tif"))]
    assert years == [str(year) for year in range(LAST_YEAR - EARLIER_YEARS, LAST_YEAR)]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine-20200101"]
    assert all(path.is_dir() for path in kept)


@pytest.mark.parametrize("length_km", [3.0, 1000.0, float("nan")])
def test_a_length_that_the_line_does_not_have_is_refused(tmp_path: Path, length_km: float) -> None:
    with pytest.raises(ValueError, match="the exercise can be 4 to 104 km long"):
        make_exercise(tmp_path, years=1, seed=1, length_km=length_km, density=0.05, say=lambda _: None)
