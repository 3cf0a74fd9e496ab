"""Region files: the projected metric CRS, the sources, the forecast and the policy are checked before anything runs."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from erosion.config.drivers import DRIVERS, driver
from erosion.config.gauges import GaugeChecks
from erosion.config.places import (
    Buildings,
    CommuneFields,
    Communes,
    NameFields,
    Names,
    PlacesConfig,
    Population,
    RoadFields,
    Roads,
    SchoolFields,
    Schools,
)
from erosion.config.problems import CatalogError
from erosion.config.records import Key
from erosion.config.region import (
    Area,
    Policy,
    Reach,
    Region,
    SceneRules,
    Season,
    SegmentRules,
    Target,
    load_region,
    utm_zone,
)
from erosion.config.scenes import PixelQuality, SceneUnits
from erosion.config.sources import CATALOGUE, load_source
from erosion.config.store import store_of
from erosion.config.trigger import AboveAlarm, Drawdown, ForecastFall, LowWater, RainOnLowWater, Trigger
from erosion.gauges import series as gauge_series
from erosion.gauges.combine import empty_gauges
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns, GaugeFiles, GaugeUnits, QualityCodes
from erosion.satellite.corridor import corridor_of
from erosion.water import read as sources
from erosion.water.masks.entry import MaskValues

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = DOCS / "region-files.md"
GUIDES = (GUIDE, DOCS / "gauges.md", DOCS / "places.md")


def region_yaml() -> dict[str, Any]:
    return typing.cast(dict[str, Any], yaml.safe_load((CATALOGUE / "regions" / "mamore.yaml").read_text("utf-8")))


def write(folder: Path, **changes: Any) -> Path:
    entry = {**region_yaml(), "name": "r", **changes}
    file = folder / "r.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in entry.items() if v is not None}, allow_unicode=True), "utf-8")
    return file


def reach(**changes: Any) -> dict[str, Any]:
    (entry,) = region_yaml()["reaches"]
    return {"reaches": [{k: v for k, v in {**entry, **changes}.items() if v is not None}]}


def test_the_regions_of_the_project() -> None:
    mamore, athabasca = load_region("mamore"), load_region("athabasca")
    assert mamore.crs == "EPSG:32620" and athabasca.crs == "EPSG:32612"
    assert mamore.water == ("mamore_masks",) and mamore.gauges == ("guajara_mirim", "principe_da_beira")
    assert athabasca.gauges == () and not athabasca.simulated
    # The quiet river is judged by the same rules as the restless one.
    assert athabasca.policy == mamore.policy and athabasca.targets == mamore.targets
    assert athabasca.model == mamore.model == "mamore"
    assert {t.name: (t.horizon_days, t.threshold_m) for t in mamore.targets} == {"1y": (365, 30.0), "3y": (1095, 60.0)}
    assert mamore.path == CATALOGUE / "regions" / "mamore.yaml"


def test_an_giang_is_one_region_of_three_reaches() -> None:
    region = load_region("an-giang")
    assert (region.name, region.crs, region.export_crs, region.pixel_m) == ("an-giang", "EPSG:32648", "EPSG:9208", 10)
    assert not region.simulated and [season.name for season in region.seasons] == ["dry", "post_flood"]
    assert {t.name: (t.horizon_days, t.threshold_m) for t in region.targets} == {"1y": (365, 10.0), "2y": (730, 20.0)}
    assert [one.titles["vi"] for one in region.reaches] == ["Sông Tiền", "Sông Hậu", "Sông Vàm Nao"]
    with pytest.raises(AssertionError, match="3 reaches"):
        _ = region.reach
    length_m = {}
    for one in region.by_reach():
        assert [other.name for other in one.neighbours] == [r.name for r in region.reaches if r.name != one.reach.name]
        corridor = corridor_of(one)
        # Upstream lies in the corridor, and the strip is about as wide as it says along the whole line.
        point = Transformer.from_crs("EPSG:4326", region.crs, always_xy=True).transform(*one.reach.upstream)
        row, column = corridor.grid.row_column(np.array([point]))
        lines = gpd.read_file(one.reach.area.path).to_crs(region.crs)
        length_m[one.reach.name] = lines.length.sum()
        if one.reach.name != "vam_nao":  # which begins in the Tiền and is cut at both ends
            assert corridor.inside[row, column].all()
            area_km2 = corridor.inside.sum() * 1e-4
            assert area_km2 == pytest.approx(lines.length.sum() * 5e-3 + np.pi * 2.5**2, rel=0.2)
    assert length_m["vam_nao"] < 10e3 < length_m["tien"] < length_m["hau"]


def test_the_alarm_levels_of_an_giang_are_those_of_the_decision() -> None:
    for name, levels in (("tan_chau", (3.5, 4.0, 4.5)), ("chau_doc", (3.0, 3.5, 4.0))):
        gauge = load_source(name)
        assert isinstance(gauge, GaugeFiles) and gauge.alarm_levels_m == levels
        assert "05/2020/QĐ-TTg" in str(gauge.alarm_source)


def test_areas_that_scenes_need_are_asked_for_once_a_reach(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        load_region(write(tmp_path, water=["sentinel2_earth_search", "landsat_planetary_computer"]))
    reason = "is missing; sentinel2_earth_search, landsat_planetary_computer give scenes, see docs/region-files.md"
    assert caught.value.problems == tuple(
        f"{tmp_path / 'r.yaml'}: {key}: {reason}" for key in ("seasons", "reaches[0].area")
    )


@pytest.mark.parametrize("name", ["mamore", "athabasca"])
def test_upstream_is_the_southern_end_of_the_newest_mask(name: str) -> None:
    region = load_region(name)
    water, _ = sources.read_water(region, "2022-12-31", empty_gauges())
    newest = water["water_fraction"][-1].values
    rows, cols = np.nonzero(newest >= 0.5)
    last = rows >= rows.max() - 2
    end = float(water["x"].values[cols[last]].mean()), float(water["y"].values[rows.max()])
    point = Transformer.from_crs(4326, region.crs, always_xy=True).transform(*region.reach.upstream)
    assert np.hypot(point[0] - end[0], point[1] - end[1]) < 1000


def test_a_region_may_live_anywhere_and_be_given_by_path(tmp_path: Path) -> None:
    region = load_region(write(tmp_path))
    assert region.name == "r" and region.path == tmp_path / "r.yaml"
    assert load_region(str(tmp_path / "r.yaml")) == region


def test_defaults_are_those_of_the_policy(tmp_path: Path) -> None:
    region = load_region(write(tmp_path, targets=None, export_crs=None, segments={"length_m": 50}))
    assert region.segments == SegmentRules(length_m=50.0)
    assert region.policy == Policy() and region.policy.precision == {2: 0.33, 3: 0.5, 4: 0.75}
    assert region.export_crs == "EPSG:4326"
    assert [t.name for t in region.targets] == ["1y", "3y"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"crs": "EPSG:4326"}, "r.yaml: crs: EPSG:4326 measures in degrees where metres are needed; use EPSG:32720"),
        ({"crs": "EPSG:2263"}, "crs: EPSG:2263 measures in US survey foot where metres are needed; use EPSG:32720"),
        ({"crs": "EPSG:4978"}, "crs: EPSG:4978 is geocentric and gives no place on a map; use EPSG:32720"),
        ({"crs": "EPSG:5773"}, "crs: EPSG:5773 is vertical and gives no place on a map; use EPSG:32720"),
        ({"crs": "EPSG:3857"}, "crs: EPSG:3857 stretches lengths"),
        ({"crs": "EPSG:32648"}, "far from 'upstream' [-65.0377, -14.7203]; use EPSG:32720"),
        (
            reach(upstream=[-14.7203, -65.0377]),
            "crs: did you mean 'upstream' [-65.0377, -14.7203], longitude first? EPSG:32620 is made for",
        ),
        ({"crs": "EPSG:99999"}, "crs: 'EPSG:99999' is no coordinate system"),
        ({"crs": 32620}, "crs: must be text, not 32620"),
        ({"export_crs": "WGS99"}, "export_crs: 'WGS99' is no coordinate system"),
        (
            reach(upstream=[-14.7, -165.0]),
            "reaches[0].upstream: [-14.7, -165] is no [longitude, latitude] in degrees; did you mean",
        ),
        ({"timezone": "La Paz"}, "timezone: 'La Paz' is no IANA time zone; write one like Asia/Ho_Chi_Minh"),
        ({"title": {"en": "x"}}, "title.vi: is missing"),
        ({"title": {"en": "x", "vi": "y", "fr": "z"}}, "title.fr: unknown key"),
        ({"title": "x"}, "title: must hold keys"),
        ({"water": []}, "water: is empty"),
        ({"water": ["mamore_mask"]}, "water: "),
        ({"water": ["guajara_mirim"]}, "water: 'guajara_mirim' has driver gauge_files, which gives no water"),
        ({"gauges": ["mamore_masks"]}, "gauges: 'mamore_masks' has driver raster_folder, which gives no gauges"),
        ({"gauges": ["guajara_mirim", "guajara_mirim"]}, "gauges: 'guajara_mirim' is there twice"),
        ({"pixel_m": 0}, "pixel_m: must be above 0 [m]"),
        ({"segments": {"length": 50}}, "segments.length: unknown key; did you mean segments.length_m?"),
        ({"segments": {"length_m": 10}}, "segments.length_m: is shorter than a pixel"),
        ({"targets": []}, "targets: is empty"),
        ({"targets": [{"name": "1y", "horizon_days": 1}]}, "targets[0].threshold_m: is missing"),
        ({"targets": [{"name": "1y", "horizon_days": 1.5, "threshold_m": 3}]}, "horizon_days: must be a whole number"),
        ({"targets": 2 * [{"name": "a", "horizon_days": 1, "threshold_m": 3}]}, "targets: 'a' is there twice"),
        ({"policy": {"jump": 30}}, "policy.jump: must be 0 to 1 [1], is 30"),
        (
            {"policy": {"observations_to_raise": 0}},
            "policy.observations_to_raise: must be 1 or more [observation], is 0",
        ),
        (
            {"policy": {"runs_to_raise": 2}},
            "policy.runs_to_raise: unknown key; its place was taken by observations_to_",
        ),
        ({"policy": {"runs_to_clear": 2}}, "unknown key; its place was taken by observations_to_clear, days_to_clear"),
        ({"policy": {"precision": {2: 0.5, 3: 0.4, 4: 0.7}}}, "policy.precision: must rise"),
        ({"policy": {"precision": {2: 0.5, 3: 0.6}}}, "policy.precision.4: is missing"),
        ({"policy": {"precision": {2: 0.5, 3: 0.6, 4: 0.7, 5: 0.8}}}, "policy.precision.5: is no level"),
        ({"policy": {"precision": {2: 0.5, 3: 0.6, 4: 75}}}, "policy.precision.4: must be above 0 and 0.99 at most"),
        ({"policy": {"precision": {"two": 0.5}}}, "policy.precision, key two: must be a whole number"),
        (reach(name="my river"), "reaches[0].name: 'my river' may hold only letters"),
        (reach(name="my-river"), "reaches[0].name: 'my-river' may hold only letters a-z, digits, _ and ."),
        (reach(name=None), "reaches[0].name: is missing"),
        (reach(title={"vi": "x"}), "reaches[0].title.en: is missing"),
        (reach(gauges=["tan_chau"]), "reaches[0].gauges: 'tan_chau' is not one of gauges, ['guajara_mirim', "),
        ({"reaches": []}, "reaches: is empty"),
        ({"reaches": 2 * reach()["reaches"]}, "reaches: 'mamore' is there twice"),
        ({"reaches": 2 * reach()["reaches"]}, "reaches[1].area: is missing; several reaches are distinguished by"),
        ({"name": "a river"}, "name: 'a river' may hold only letters a-z, digits, _, - and ."),
        ({"model": "../evil"}, "model: '../evil' may hold only letters"),
        ({"name": "s"}, "name: is 's' in a file named r.yaml"),
        ({"simulated": "no"}, "simulated: must be true or false"),
        ({"reaches": None}, "reaches: is missing"),
        ({"upstream": [-65.0, -14.7]}, "upstream: unknown key"),
    ],
)
def test_a_mistake_is_named_with_its_mend(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    file = write(tmp_path, **changes)
    with pytest.raises(CatalogError) as caught:
        load_region(file)
    assert says in str(caught.value), str(caught.value)
    assert all(problem.startswith(str(file)) for problem in caught.value.problems)


def test_a_mistake_in_a_source_is_reported_with_the_region_that_uses_it(tmp_path: Path) -> None:
    entry = yaml.safe_load((CATALOGUE / "mamore_masks.yaml").read_text("utf-8"))
    entry |= {"name": "masks", "path": "nowhere"}
    (tmp_path / "masks.yaml").write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")
    with pytest.raises(CatalogError) as caught:
        load_region(write(tmp_path, water=["masks"]))
    assert "r.yaml: water: " in str(caught.value) and "masks.yaml: path: nowhere does not exist" in str(caught.value)


def test_a_region_holds_its_sources_by_kind_and_order() -> None:
    region = load_region("an-giang")
    assert [source.name for source in region.scene_sources] == list(region.water) and region.mask_sources == ()
    assert [source.name for source in region.gauge_sources] == list(region.gauges)
    assert set(region.sources) == {*region.water, *region.gauges}
    hau = region.by_reach()[1]
    assert hau.sources == region.sources
    assert [source.name for source in hau.gauge_sources_of(hau.reach)] == ["chau_doc", "chau_doc_rain_power"]
    mamore = load_region("mamore")
    assert [source.name for source in mamore.mask_sources] == ["mamore_masks"] and mamore.scene_sources == ()
    assert mamore.gauge_sources_of(mamore.reach) == mamore.gauge_sources  # a reach that names none has all


def test_the_catalogue_is_read_in_config_alone() -> None:
    package = CATALOGUE.parent / "erosion"
    for file in package.rglob("*.py"):
        if file.parent.name != "config":
            assert not {"load_source", "read_source"} & set(re.findall(r"\w+", file.read_text("utf-8"))), file


def test_unknown_names_and_files() -> None:
    with pytest.raises(CatalogError, match="did you mean mamore"):
        load_region("mamoré")
    with pytest.raises(CatalogError, match="no such file"):
        load_region("nowhere/x.yaml")


@given(st.floats(-179.9, 179.9), st.floats(-79, 83))
def test_the_suggested_zone_contains_the_point(lon: float, lat: float) -> None:
    area = CRS.from_user_input(utm_zone((lon, lat))).area_of_use
    assert area is not None
    assert area.west - 1e-9 <= lon <= area.east + 1e-9 and area.south - 1e-9 <= lat <= area.north + 1e-9


# --- the guide is a test, too -----------------------------------------------------------------------------------------


def _documented(cls: type) -> typing.Iterator[tuple[str, str, object]]:
    hints = typing.get_type_hints(cls, include_extras=True)
    for item in dataclasses.fields(cls):
        key = next((m for m in getattr(hints[item.name], "__metadata__", ()) if isinstance(m, Key)), None)
        if key is not None:
            yield item.name, key.unit, item.default


@pytest.mark.parametrize(
    "cls",
    [
        Region,
        Reach,
        SegmentRules,
        Target,
        Policy,
        Trigger,
        Drawdown,
        LowWater,
        RainOnLowWater,
        AboveAlarm,
        ForecastFall,
        Area,
        Season,
        SceneRules,
        PixelQuality,
        SceneUnits,
        MaskValues,
        PlacesConfig,
        Communes,
        CommuneFields,
        Names,
        NameFields,
        Roads,
        RoadFields,
        Buildings,
        Schools,
        SchoolFields,
        Population,
        *(driver(name).ENTRY for name in DRIVERS),
        GaugeChecks,
        GaugeColumns,
        GaugeUnits,
        QualityCodes,
    ],
)
def test_the_guide_names_every_key_with_unit_and_default(cls: type) -> None:
    lines = [line for guide in GUIDES for line in guide.read_text("utf-8").splitlines()]
    rows = [[c.strip() for c in line.strip("| \n").split("|")] for line in lines]
    table = [row for row in rows if len(row) == 4]
    for name, unit, default in _documented(cls):
        found = [row for row in table if row[0].strip("`").split(".")[-1] == name]
        assert found, f"{name} is not in the guide"
        assert any(row[2] == unit for row in found), f"unit of {name} is not {unit!r} in the guide"
        if isinstance(default, (int, float, str)) and not isinstance(default, bool):
            shown = f"`{default:g}`" if isinstance(default, (int, float)) else f"`{default}`"
            assert any(row[3] == shown for row in found), f"default of {name} is not {shown} in the guide"


def test_the_example_of_the_guide_loads_and_reads(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n# (\S+)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert {name for name, _ in blocks} == {"my_river.yaml", "my_masks.yaml", "my_gauge.yaml"}
    for name, text in blocks:
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "masks").mkdir()
    for day in ("2023-02-11", "2024-02-06"):
        mask = np.zeros((40, 30), np.uint8)
        mask[:, 10:20] = 1
        profile = {"driver": "GTiff", "height": 40, "width": 30, "count": 1, "dtype": "uint8", "crs": "EPSG:32648"}
        transform = rasterio.Affine(10, 0, 525000, 0, -10, 1190000)
        with rasterio.open(tmp_path / "masks" / f"river_{day}.tif", "w", transform=transform, **profile) as file:
            file.write(mask, 1)
    (tmp_path / "tan_chau.csv").write_text("Ngày;Mực nước (cm)\n01/02/2024;112\n02/02/2024;108,5\n", "utf-8")

    region = load_region(tmp_path / "my_river.yaml")
    gauges, _, *listed = gauge_series.read(region, store_of(region), "2024-12-31")
    water, skipped = sources.read_water(region, "2024-12-31", gauges)
    assert water.sizes == {"epoch": 2, "y": 40, "x": 30} and skipped == []
    assert gauges["quantity"].tolist() == ["stage", "stage"] and listed == [[], []]
    assert gauges["value"].tolist() == pytest.approx([1.12, 1.085])
    assert gauges["time"].iloc[0] == pd.Timestamp("2024-01-31T17:00Z")
