"""The exercise on disk: region, maps, truth and release, the label everywhere, and what it refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import pytest
from shapely.geometry import Polygon
from shapely.ops import substring

from erosion.config.region import load_region
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.exposure.counting import exposure_of
from erosion.exposure.zones import inland_zones
from erosion.forecast.release import MODELS, load_release, models_of
from erosion.places.communes import commune_of
from erosion.places.naming import nearest_names
from erosion.places.reading import read_places
from erosion.satellite.stac_entry import StacCollection
from erosion.simulate.exercise import EARLIER_YEARS, LAST_YEAR, make_exercise, set_stage, train_exercise
from erosion.simulate.exercise_places import PEOPLE_PER_BUILDING
from erosion.water.masks import raster_folder
from erosion.water.masks.entry import RasterFolder
from tests.log_records import logged
from tests.simulate.made_exercise import SETTINGS, stac_problems


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
    assert len(scenes) == 3 and all(SIMULATED_NOTICE in source.title for source in (maps, *scenes))


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
    told: list[str] = []
    with logged(told.append):
        release = train_exercise(folder / "an_giang_exercise.yaml")
    assert not [line for line in told if "left out" in line]
    region = load_region(folder / "an_giang_exercise.yaml")
    assert release.parent == folder / "models" == models_of(region)
    loaded = load_release(release)
    assert set(loaded.models) == {"1y", "2y"} and loaded.data_until < pd.Timestamp(
        f"{LAST_YEAR + 2 - SETTINGS['years']}"
    )
    assert "MÔ PHỎNG / SIMULATED" in (release / "card.md").read_text("utf-8")
    # Releases that belong to no region's folder are the project's own.
    assert models_of(load_region("mamore")) == MODELS


def test_everything_says_that_it_is_simulated(made: Path, items: list[pystac.Item]) -> None:
    texts = [
        f
        for f in made.rglob("*")
        if f.suffix in (".yaml", ".md", ".json", ".geojson", ".csv") and f.parent.name != "truth"
    ]
    assert len(texts) > 40
    for file in texts:
        assert SIMULATED_NOTICE in file.read_text("utf-8").replace("\\u00d4", "Ô").replace("\\u1eceNG", "ỎNG"), (
            file.name
        )
    assert all(item.properties["simulated"] is True for item in items)


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


def test_what_stands_along_the_river_is_read_without_a_fault_and_stands_on_land(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    assert region.places is not None
    for kind, entry in region.places.given.items():
        assert entry.simulated == (kind != "communes") and ("MÔ PHỎNG" in entry.title["vi"]) == entry.simulated
    places = read_places(region)
    assert places.skipped == ()
    assert places.names is not None and places.roads is not None and places.buildings is not None
    assert places.schools is not None and places.population is not None
    assert places.names["name"].str.contains("Mô Phỏng").all() and places.schools["name"].str.contains("Mô Phỏng").all()
    assert places.names["settlement"].sum() == len(places.names) / 3 == len(places.schools)
    years = SETTINGS["years"]
    river = set_stage(LAST_YEAR + 1 - years, years, SETTINGS["seed"], 4.0).river
    left, right = (river.bank_line(f"{LAST_YEAR}-12-31", bank) for bank in ("L", "R"))
    water = Polygon([*left.coords, *reversed(right.coords)])
    assert not places.buildings.intersects(water).any() and not places.roads.intersects(water).any()
    assert places.population["people"].sum() == pytest.approx(PEOPLE_PER_BUILDING * len(places.buildings), rel=1e-5)


def test_banks_of_the_exercise_have_a_commune_a_name_and_something_beside_them(made: Path) -> None:
    region = load_region(made / "an_giang_exercise.yaml")
    places = read_places(region)
    years = SETTINGS["years"]
    river = set_stage(LAST_YEAR + 1 - years, years, SETTINGS["seed"], 4.0).river
    lines = [substring(river.bank_line(f"{LAST_YEAR}-12-31", "R"), s, s + 100) for s in range(100, 4000, 100)]
    start, end = (np.array([line.coords[i] for line in lines]) for i in (0, -1))
    east, north = (end - start).T
    banks = gpd.GeoDataFrame({"landward_deg": np.degrees(np.arctan2(north, -east))}, geometry=lines, crs=region.crs)
    assert commune_of(places, banks)["commune_former"].notna().all()
    near = nearest_names(places, banks)
    assert (near["settlement_m"] < 1500).all() and (near["road_m"] < 200).all() and near["landmark"].notna().all()
    found = exposure_of(inland_zones(banks, [100.0]), places)
    assert found.notna().all(axis=None) and found["buildings"].sum() > 10 and found["road_m"].sum() > 1000


def test_the_same_seed_gives_the_same_bytes_also_into_a_used_folder(tmp_path: Path) -> None:
    def digest(folder: Path) -> dict[str, str]:
        files = sorted(f for f in folder.rglob("*") if f.is_file())
        return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    small: dict[str, Any] = {"years": 1, "length_km": 4.0, "density": 0.25}
    make_exercise(tmp_path / "a", seed=1, **small)
    make_exercise(tmp_path / "b", seed=2, **small)
    other = digest(tmp_path / "b")
    layers = {name for name in other if name.startswith("an_giang_exercise_") and name.endswith((".geojson", ".tif"))}
    assert {name.split("_")[-1].split(".")[0] for name in layers} == {
        *("area", "names", "roads", "buildings", "schools", "population", "covered")
    }
    (tmp_path / "b" / "products").mkdir()
    with pytest.raises(ValueError, match=r"exercise already; .*--again"):
        make_exercise(tmp_path / "b", seed=1, **small)
    with pytest.raises(ValueError, match="products was made from the exercise that is there; remove it"):
        make_exercise(tmp_path / "b", seed=1, again=True, **small)
    assert digest(tmp_path / "b") == other
    (tmp_path / "b" / "products").rmdir()
    make_exercise(tmp_path / "b", seed=1, again=True, **small)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != other


@pytest.mark.parametrize("there", [False, True])
def test_an_exercise_that_was_stopped_half_way_leaves_what_was_there(tmp_path: Path, there: bool) -> None:
    def stop(text: str) -> None:
        if "pictures" in text and "->" not in text:
            raise KeyboardInterrupt

    small: dict[str, Any] = {"years": 1, "length_km": 4.0, "density": 0.3}
    out = tmp_path / "out"
    if there:
        make_exercise(out, **(small | {"density": 0.05}))
    before = sorted(tmp_path.rglob("*"))
    with logged(stop), pytest.raises(KeyboardInterrupt):
        make_exercise(out, again=there, **small)
    assert sorted(tmp_path.rglob("*")) == before
    region = make_exercise(out, again=there, **small)
    assert load_region(region).simulated and stac_problems(out / "catalog" / "catalog.json") == ""


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    mine = tmp_path / "catalog" / "mine.txt"
    mine.write_text("keep me")
    with pytest.raises(ValueError, match="another folder"):
        make_exercise(tmp_path, **SETTINGS)
    assert mine.read_text() == "keep me"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"years": 0}, "at least one"),
        ({"years": 40}, "make it for fewer years$"),
        ({"length_km": 1.0}, "4 to"),
        ({"length_km": 500.0}, "4 to"),
        ({"density": 0.0}, "raise density"),
    ],
)
def test_an_exercise_that_cannot_be_is_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_exercise(tmp_path / "out", **{**SETTINGS, **settings})


def test_an_exercise_of_other_years_keeps_no_map_and_no_model_of_the_one_before(tmp_path: Path) -> None:
    """Maps of another river would be read beside its own, and a younger model taken for its own."""
    made = {"length_km": 4.0, "density": 0.05}
    make_exercise(tmp_path, years=2, seed=1, **made)
    (tmp_path / "models" / f"an_giang_exercise-{LAST_YEAR}0101").mkdir(parents=True)
    kept = [tmp_path / "models" / "mine-20200101", tmp_path / "store" / "mine", tmp_path / "maps" / "mine"]
    for path in kept:
        path.mkdir()
    make_exercise(tmp_path, years=1, seed=1, again=True, **made)
    years = [path.stem.split("_")[1][:4] for path in sorted((tmp_path / "maps").glob("*.tif"))]
    assert years == [str(year) for year in range(LAST_YEAR - EARLIER_YEARS, LAST_YEAR)]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine-20200101"]
    assert all(path.is_dir() for path in kept)
    about = (tmp_path / "README.md").read_text("utf-8")
    assert "2022" not in about and "33 m off" not in about  # what there is in longer exercises only
    assert all(f"`{name}/`" in about for name in ("maps", "models", "store", "catalog", "truth"))
    assert f"erosion replay an_giang_exercise.yaml --from {LAST_YEAR} --to {LAST_YEAR} --out products" in about


@pytest.mark.parametrize("length_km", [3.0, 1000.0, float("nan")])
def test_a_length_that_the_line_does_not_have_is_refused(tmp_path: Path, length_km: float) -> None:
    with pytest.raises(ValueError, match="the exercise can be 4 to 104 km long"):
        make_exercise(tmp_path, years=1, seed=1, length_km=length_km, density=0.05)
