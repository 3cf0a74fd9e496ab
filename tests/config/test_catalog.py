"""Source files: every mistake is an error that names the file, the key and the mend."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from erosion.config.problems import CatalogError
from erosion.config.region import find_region
from erosion.config.sources import CATALOGUE, load_source, read_source
from erosion.gauges.drivers.gauge_files_entry import GaugeFiles
from erosion.water.masks.entry import RasterFolder

MASKS: dict[str, Any] = {
    "name": "masks",
    "driver": "raster_folder",
    "title": "Masks",
    "path": "data",
    "values": {"water": 1, "land": [0, 2]},
    "cadence_days": 365,
    "latency_days": 16,
    "geo_rmse_m": 6,
    "licence": "CC0",
    "attribution": "nobody",
    "citation": "none",
}
GAUGE: dict[str, Any] = {
    "name": "gauge",
    "driver": "gauge_files",
    "title": "Gauge",
    "path": "data/gauge.csv",
    "gauge_id": "0042",
    "river": "Sông Tiền",
    "location": [105.2, 10.8],
    "columns": {"time": "date", "stage_m": "h", "quality": "q"},
    "units": {"stage_m": "cm"},
    "timezone": "Asia/Ho_Chi_Minh",
    "datum": "gauge zero",
    "quality": {"good": ["1"], "suspect": ["9"]},
    "cadence_days": 1,
    "latency_days": 1,
    "licence": "CC0",
    "attribution": "nobody",
    "citation": "none",
}


def write(folder: Path, entry: dict[str, Any]) -> Path:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "a.tif").touch()
    (folder / "data" / "gauge.csv").touch()
    file = folder / f"{entry.get('name', 'x')}.yaml"
    file.write_text(yaml.safe_dump(entry, allow_unicode=True), encoding="utf-8")
    return file


def changed(entry: dict[str, Any], dotted: str, value: Any) -> dict[str, Any]:
    out = yaml.safe_load(yaml.safe_dump(entry))
    *parents, last = dotted.split(".")
    place = out
    for parent in parents:
        place = place[parent]
    if value is None:
        place.pop(last)
    else:
        place[last] = value
    return out


def test_a_right_entry_is_read_with_its_types_and_defaults(tmp_path: Path) -> None:
    masks = read_source(write(tmp_path, MASKS))
    assert isinstance(masks, RasterFolder)
    assert masks.path == (tmp_path / "data").resolve()
    assert masks.values.water == (1,) and masks.values.land == (0, 2)
    assert (masks.files, masks.date_from, masks.year_day, masks.nodata) == ("*.tif", ("tag", "name"), "07-01", None)
    assert masks.geo_rmse_m == 6.0 and isinstance(masks.geo_rmse_m, float)
    gauge = read_source(write(tmp_path, GAUGE))
    assert isinstance(gauge, GaugeFiles)
    assert gauge.gauge_id == "0042" and gauge.river == "Sông Tiền" and gauge.location == (105.2, 10.8)
    assert gauge.units.stage_m == "cm" and gauge.columns.discharge_m3s is None
    assert gauge.described_in == tmp_path / "gauge.yaml"
    with pytest.raises(dataclasses.FrozenInstanceError):
        gauge.river = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("entry", "dotted", "value", "says"),
    [
        (MASKS, "latency_day", 3, "masks.yaml: latency_day: unknown key; did you mean latency_days?"),
        (MASKS, "values.watre", 3, "values.watre: unknown key; did you mean values.water?"),
        (MASKS, "zzz", 3, "zzz: unknown key; known keys here: name, driver"),
        (MASKS, "geo_rmse_m", None, "geo_rmse_m: is missing; add it"),
        (MASKS, "values.land", None, "values.land: is missing"),
        (MASKS, "optional", "yes", "optional: must be true or false, not 'yes' (str)"),
        (MASKS, "values", 1, "values: must hold keys (water, land)"),
        (MASKS, "geo_rmse_m", "6 m", "geo_rmse_m: must be a number [m], not '6 m' (str); write it without unit"),
        (MASKS, "geo_rmse_m", 0, "geo_rmse_m: must be above 0 [m], is 0"),
        (MASKS, "latency_days", -1, "latency_days: must be 0 or more [day], is -1"),
        (MASKS, "latency_days", float("inf"), "latency_days: must be a finite number [day]"),
        (MASKS, "latency_days", True, "latency_days: must be a number [day], not True (bool)"),
        (MASKS, "nodata", 2.5, "nodata: must be a whole number"),
        (MASKS, "nodata", 2, "nodata: 2 also stands for water or land"),
        (MASKS, "values.water", [0, 1], "values: [0] stand for water and for land"),
        (MASKS, "title", 7, 'title: must be text, not 7 (int); put it in quotes: "7"'),
        (MASKS, "path", "dta", "path: dta does not exist (looked for "),
        (MASKS, "files", "*.jp2", "matches '*.jp2'"),
        (MASKS, "files", "../*.tif", "files: '../*.tif' must be a pattern inside 'path'"),
        (MASKS, "date_from", ["tag", "nmae"], "date_from[1]: 'nmae' is not one of tag, name; did you mean name?"),
        (MASKS, "date_from", [], "date_from: is empty"),
        (MASKS, "year_day", "02-29", "year_day: '02-29' is no day of every year"),
        (MASKS, "units", {"water_fraction": "%"}, "units.water_fraction: '%' is not one of 1"),
        (MASKS, "driver", "raster_foldr", "driver: 'raster_foldr' is no driver; did you mean raster_folder?"),
        (MASKS, "name", "../x", "name: '../x' may hold only letters"),
        (GAUGE, "units.stage_m", "inch", "units.stage_m: 'inch' is not one of m, cm, mm, ft"),
        (GAUGE, "units.stage_m", None, "units.stage_m: is missing; say which of m, cm, mm, ft column 'h' is in"),
        (GAUGE, "units.discharge_m3s", "m3/s", "units.discharge_m3s: is given but columns.discharge_m3s is not"),
        (GAUGE, "columns.stage_m", None, "columns: name none of discharge_m3s, stage_m and rain_mm"),
        (GAUGE, "datum", None, "datum: is missing; a stage means nothing without its zero"),
        (GAUGE, "gauge_id", 42, 'gauge_id: must be text, not 42 (int); put it in quotes: "42"'),
        (
            GAUGE,
            "timezone",
            "Asia/Ho_Chi_Min",
            "timezone: 'Asia/Ho_Chi_Min' is no IANA time zone; did you mean Asia/Ho_C",
        ),
        (
            GAUGE,
            "location",
            [10.8, 105.2],
            "location: [10.8, 105.2] is no [longitude, latitude] in degrees; did you mean",
        ),
        (GAUGE, "location", [1], "location: needs 2 values, has 1"),
        (GAUGE, "quality.suspect", ["1"], "quality: codes ['1'] stand for two qualities"),
        (GAUGE, "quality", None, "quality: is missing; say what the codes of column 'q' mean"),
        (GAUGE, "columns.quality", None, "columns.quality: is missing"),
        (GAUGE, "encoding", "latin-99", "encoding: 'latin-99' is no known encoding"),
        (GAUGE, "delimiter", ";;", "delimiter: ';;' must be one character"),
        (GAUGE, "decimal", ",", "decimal: ',' is also the delimiter"),
        (GAUGE, "time_format", "dd/mm/yyyy", "time_format: 'dd/mm/yyyy' is no strptime pattern"),
    ],
)
def test_a_mistake_is_named_with_its_mend(
    tmp_path: Path, entry: dict[str, Any], dotted: str, value: Any, says: str
) -> None:
    file = write(tmp_path, changed(entry, dotted, value))
    if dotted == "name":
        file = write(tmp_path, entry)
        file.write_text(yaml.safe_dump(changed(entry, dotted, value)))
    with pytest.raises(CatalogError) as caught:
        read_source(file)
    assert says in str(caught.value)
    assert all(problem.startswith(str(file)) for problem in caught.value.problems)


def test_an_optional_file_or_folder_may_be_absent(tmp_path: Path) -> None:
    file = write(tmp_path, {**MASKS, "path": "later", "optional": True})
    masks = read_source(file)
    assert masks.optional and not masks.is_there and masks.left_out is not None
    assert masks.left_out.scene == "masks" and masks.left_out.usual
    assert masks.left_out.reason == f"not there, optional: bring a folder of dated water masks to {tmp_path / 'later'}"
    gauge = read_source(write(tmp_path, {**GAUGE, "path": "later.csv", "optional": True}))
    assert gauge.left_out is not None
    assert gauge.left_out.reason == (
        f"not there, optional: bring the gauge's file (columns date, h, q) to {tmp_path / 'later.csv'}"
    )
    # What is there is read and judged as any other source.
    (tmp_path / "later").mkdir()
    assert masks.is_there and masks.left_out is None
    with pytest.raises(CatalogError, match=r"no file in .*later matches '\*\.tif'"):
        read_source(file)
    (tmp_path / "later.csv").touch()
    assert gauge.left_out is None
    required = read_source(write(tmp_path, {**GAUGE, "path": "never.csv"}))
    assert not required.is_there and required.left_out is None


def test_an_optional_catalogue_of_scenes_may_be_absent_on_disk_and_not_at_an_address(tmp_path: Path) -> None:
    entry = yaml.safe_load((CATALOGUE / "sentinel2_earth_search.yaml").read_text("utf-8")) | {"optional": True}
    with pytest.raises(CatalogError, match="optional: is for files and folders; driver stac asks a service"):
        read_source(write(tmp_path, entry))
    there = read_source(write(tmp_path, entry | {"catalog": "later/catalog.json"}))
    assert there.left_out is not None and str(tmp_path / "later" / "catalog.json") in there.left_out.reason
    with pytest.raises(CatalogError, match=r"catalog: later/catalog\.json is neither an address nor a file"):
        read_source(write(tmp_path, entry | {"catalog": "later/catalog.json", "optional": False}))


def test_a_service_is_not_optional(tmp_path: Path) -> None:
    entry = yaml.safe_load((CATALOGUE / "tan_chau_rain_power.yaml").read_text("utf-8")) | {"optional": True}
    with pytest.raises(CatalogError, match="optional: is for files and folders; driver nasa_power asks a service"):
        read_source(write(tmp_path, entry))


def test_all_mistakes_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    entry = changed(changed(changed(MASKS, "geo_rmse_m", "six"), "colour", "red"), "licence", None)
    with pytest.raises(CatalogError) as caught:
        read_source(write(tmp_path, entry))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\nname: b\n", "line 2, column 1: key 'name' is written twice"),
        ("name: [a\n", "this is not valid YAML"),
        ("", "holds no keys"),
        ("- a\n- b\n", "holds no keys"),
        ("!!python/object/apply:os.system ['true']", "this is not valid YAML"),
        ("title: a\n", "driver: is missing"),
    ],
)
def test_what_is_no_catalogue_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(CatalogError) as caught:
        read_source(file)
    assert says in str(caught.value) and str(file) in str(caught.value)


def test_keys_may_come_from_an_anchor(tmp_path: Path) -> None:
    file = write(tmp_path, changed(MASKS, "values", None))
    file.write_text(file.read_text() + "values: {<<: &v {land: 0}, water: 3}\n")
    masks = read_source(file)
    assert isinstance(masks, RasterFolder) and masks.values.water == (3,) and masks.values.land == (0,)


def test_a_file_in_another_encoding_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes("title: Sông".encode("cp1258", "replace") + b"\xff")
    with pytest.raises(CatalogError, match="save it as UTF-8"):
        read_source(file)


def test_names_are_looked_up_near_the_region_first(tmp_path: Path) -> None:
    region = tmp_path / "regions" / "r.yaml"
    region.parent.mkdir()
    write(tmp_path, {**MASKS, "title": "above"})
    assert load_source("masks", region).title == "above"
    write(region.parent, {**MASKS, "title": "beside"})
    assert load_source("masks", region).title == "beside"
    assert load_source("mamore_masks", region).described_in == CATALOGUE / "mamore_masks.yaml"
    with pytest.raises(CatalogError, match="did you mean mamore_masks"):
        load_source("mamore_mask", region)
    (region.parent / "masks.yaml").rename(region.parent / "my-masks.yml")
    (tmp_path / "masks.yaml").unlink()
    with pytest.raises(CatalogError, match=r"my-masks.yml has `name: masks`; name that file masks.yaml") as told:
        load_source("masks", region)
    assert str(told.value).count(f"{region}: ") == 1


def test_names_are_looked_up_in_the_folders_of_the_environment_before_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "regions").mkdir(parents=True)
    write(second, {**MASKS, "title": "second"})
    write(second, {**MASKS, "name": "mamore_masks", "title": "mine"})
    (second / "regions" / "mine.yaml").touch()
    (second / "regions" / "mamore.yaml").touch()
    with pytest.raises(CatalogError):
        load_source("masks")
    monkeypatch.setenv("EROSION_DATA_SOURCES", f"{first}{os.pathsep}{second}")
    assert load_source("masks").title == "second"
    assert load_source("mamore_masks").title == "mine"
    assert find_region("mine") == second / "regions" / "mine.yaml"
    assert find_region("mamore") == second / "regions" / "mamore.yaml"
    assert find_region("athabasca") == CATALOGUE / "regions" / "athabasca.yaml"
    write(first, {**MASKS, "title": "first"})
    assert load_source("masks").title == "first"
    with pytest.raises(CatalogError, match=r"did you mean mine\?"):
        find_region("mime")


@pytest.mark.parametrize("file", sorted(CATALOGUE.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_catalogue_is_right(file: Path) -> None:
    source = read_source(file)
    assert source.licence and source.attribution and source.citation
