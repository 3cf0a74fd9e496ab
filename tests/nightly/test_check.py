"""A check reads everything, runs nothing, and tells all it found at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine
from shapely.geometry import LineString

from erosion.config.region import load_region
from erosion.config.sources import CATALOGUE
from erosion.nightly.check import Report, check


def mask(
    path: Path, *, water: slice = slice(10, 18), crs: str | None = "EPSG:32620", value: int = 1, tag: str = ""
) -> None:
    array = np.zeros((60, 40), np.uint8)
    array[:, water] = value
    place = 4 * (int("".join(filter(str.isdigit, path.stem))) % 13)  # no two dates show the very same river
    array[place : place + 4, [water.start, water.stop]] = 0, value
    transform = Affine(30, 0, 280000, 0, -30, -1626000)
    shape = {"height": 60, "width": 40, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **shape) as file:
        file.write(array, 1)
        if tag:
            file.update_tags(acquisition_date=tag)


@pytest.fixture
def river(tmp_path: Path) -> Path:
    """A region of its own with four masks and a gauge, all right; tests break it."""
    entries: dict[str, dict[str, Any]] = {
        name: yaml.safe_load((CATALOGUE / place).read_text("utf-8"))
        for name, place in (
            ("river", "regions/mamore.yaml"),
            ("masks", "mamore_masks.yaml"),
            ("gauge", "guajara_mirim.yaml"),
        )
    }
    entries["river"] |= {"water": ["masks"], "gauges": ["gauge"]}
    entries["masks"]["path"] = "tif"
    entries["gauge"]["path"] = "gauge.csv"
    for name, entry in entries.items():
        entry["name"] = name
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")
    (tmp_path / "tif").mkdir()
    for year in range(2000, 2004):
        mask(tmp_path / "tif" / f"m_{year}-07-01.tif")
    days = [f"2000-01-{day:02d},{100 + day},1,1" for day in range(1, 31)]
    (tmp_path / "gauge.csv").write_text("\n".join(["date,discharge_m3s,level,status", *days]))
    return tmp_path / "river.yaml"


def edit(file: Path, **changes: Any) -> None:
    entry = yaml.safe_load(file.read_text("utf-8"))
    file.write_text(yaml.safe_dump(entry | changes, allow_unicode=True), "utf-8")


def both(report: Report) -> str:
    """What both forms of the report hold is the same report."""
    text = "\n".join(report.lines())
    json.dumps(report.as_dict())
    assert report.as_dict()["ok"] is report.ok
    assert all(problem in text for problem in report.problems)
    return text


def warnings_of(report: Report) -> list[str]:
    """All warnings but the one that this river is short, which it is: 5 widths."""
    short = [warning for warning in report.warnings if "channel widths long" in warning]
    assert len(short) == 1
    return [warning for warning in report.warnings if warning not in short]


def test_the_mamore_is_ready_and_its_gaps_are_reported() -> None:
    report = check("mamore")
    text = both(report)
    assert report.ok and report.skipped == []
    (masks,) = report.water
    assert (masks.files, masks.usable, len(masks.dates)) == (31, 31, 31)
    assert (masks.first, masks.last) == ("1986-07-16", "2018-06-22")
    assert [(gap["from"], gap["to"]) for gap in masks.gaps] == [
        ("2001-07-25", "2003-07-15"),
        ("2011-08-06", "2013-07-10"),
    ]
    assert masks.crs == ["EPSG:32620"] and masks.pixel_m == [[30.0, 30.0]] and masks.resampled is False
    assert masks.extent_m == [245400.0, -1628400.0, 294600.0, -1524300.0]
    assert masks.water_km2 is not None and masks.water_km2[0] < masks.water_km2[1] < masks.water_km2[2]
    guajara = report.gauges[0]
    assert (guajara.values, guajara.first, guajara.last) == (16802, "1980-01-01", "2025-12-31")
    assert guajara.discharge_m3s == pytest.approx([458.991, 6981.285, 30719.3], abs=0.1)
    assert sum(guajara.quality.values()) == pytest.approx(1, abs=1e-3) and guajara.gaps == []
    assert "720 days without an observation between 2001-07-25 and 2003-07-15" in text and text.endswith("  ok")


def test_the_athabasca_is_ready_and_its_oblong_pixels_are_reported() -> None:
    report = check("athabasca")
    assert report.ok and [item.scene[-8:-4] for item in report.past] == ["2005", "2009"]
    assert [warning.partition("between ")[2] for warning in report.warnings] == [
        "2004-08-15 and 2006-08-15",
        "2008-08-15 and 2010-08-15",
    ]
    (masks,) = report.water
    assert masks.crs == ["EPSG:4326"] and masks.resampled is True
    width, height = masks.pixel_m[0]
    assert width == pytest.approx(15.8, abs=0.1) and height == pytest.approx(30.0, abs=0.1)
    assert "averaged onto the region's grid" in both(report)


def test_a_region_of_ones_own_is_ready(river: Path) -> None:
    report = check(river)
    assert report.ok and warnings_of(report) == [], both(report)
    assert report.water[0].water_km2 == [0.432] * 3  # 60 x 8 pixels of 900 m2
    assert report.gauges[0].discharge_m3s == [101, 115.5, 130]


def test_problems_of_all_kinds_are_reported_together(river: Path) -> None:
    folder = river.parent
    (folder / "tif" / "m_2004-07-01.tif").write_bytes(b"")
    mask(folder / "tif" / "m_2005-07-01.tif", value=3)
    mask(folder / "tif" / "m_2006-07-01.tif", crs=None)
    mask(folder / "tif" / "m_2003-07-01_again.tif", water=slice(14, 22))
    with (folder / "gauge.csv").open("a") as file:
        file.write("\n2000-02-20,ice,1,1\n2000-02-20,8,1,1\n2000-02-21,9,1,1\n2000-02-21,10,1,1")
    report = check(river)
    text = both(report)
    assert not report.ok and text.endswith(f"{len(report.problems)} to mend")
    for says in (
        "m_2004-07-01.tif: is empty",
        "m_2005-07-01.tif: has values that are not declared: 3 (480 pixels)",
        "m_2006-07-01.tif: has no CRS",
        "m_2003-07-01.tif + m_2003-07-01_again.tif: files of one date disagree",
        "line 32: discharge_m3s is no number",
        "time occurs again with another value",
    ):
        assert sum(says in problem for problem in report.problems) == 1, says
    assert len(report.skipped) == len(report.problems)
    assert report.water[0].dates == ["2000-07-01", "2001-07-01", "2002-07-01"]
    assert report.gauges[0].gaps == [{"from": "2000-01-30", "to": "2000-02-20", "days": 21.0}]
    assert any("1 gaps; the longest, 21 days" in warning for warning in report.warnings)


def test_mistakes_in_the_files_are_problems_not_exceptions(river: Path) -> None:
    edit(river, pixel_size=30)
    edit(river.parent / "gauge.yaml", units={"discharge_m3s": "m3"})
    report = check(river)
    assert not report.ok and report.water == []
    assert any("pixel_size: unknown key; did you mean pixel_m?" in problem for problem in report.problems)
    assert any("units.discharge_m3s: 'm3' is not one of m3/s" in problem for problem in report.problems)
    assert "did you mean mamore" in both(check("mamor"))


def test_a_single_date_is_a_problem(river: Path) -> None:
    for path in sorted((river.parent / "tif").glob("*.tif"))[1:]:
        path.unlink()
    report = check(river)
    assert [
        p for p in report.problems if "only one observation of the banks is known (2000-07-01)" in p
    ] and not report.ok


def test_no_usable_file_is_a_problem(river: Path) -> None:
    for path in (river.parent / "tif").glob("*.tif"):
        path.write_bytes(b"")
    report = check(river)
    assert any("no usable file" in problem for problem in report.problems)
    both(report)


def test_an_upstream_point_far_from_the_water_is_a_warning(river: Path) -> None:
    edit(river, reaches=[{"name": "mamore", "upstream": [-65.0377, -14.6]}])
    (warning,) = warnings_of(check(river))
    assert "upstream: [-65.0377, -14.6] lies 1" in warning and "km from the newest water" in warning


def test_another_water_level_is_a_warning(river: Path) -> None:
    mask(river.parent / "tif" / "m_2004-07-01.tif", water=slice(10, 26))
    (warning,) = warnings_of(check(river))
    assert "2004-07-01 shows 2.00 times the median water area" in warning


def test_a_reach_too_short_for_the_comparison_of_masks_is_a_warning(river: Path) -> None:
    (warning,) = check(river).warnings
    # 60 x 8 pixels with 124 pixel sides of shore: 97 pixels by the mean over directions, a mean width of 2 x 480 / 97.
    assert "masks: the river in the newest mask is 5 channel widths long; on fewer than 50" in warning
    assert "give a longer reach, or compare the newest mask with an image of its date" in warning
    assert not any("channel widths" in warning for name in ("mamore", "athabasca") for warning in check(name).warnings)


def test_a_mask_left_out_of_the_past_is_listed_and_not_counted(river: Path) -> None:
    """It comes as two files of one date."""
    folder = river.parent / "tif"
    (folder / "m_2002-07-01.tif").unlink()
    for name, rows in (("a", slice(0, 30)), ("b", slice(30, 60))):
        part = np.zeros((60, 40), np.uint8)
        part[rows, 10:18] = 1
        part[::6] = part[1::6] = 0
        transform = Affine(30, 0, 280000, 0, -30, -1626000 - 30 * rows.start)
        shape = {"height": 30, "width": 40, "count": 1, "dtype": "uint8", "crs": "EPSG:32620", "transform": transform}
        with rasterio.open(folder / f"{name}_2002-07-01.tif", "w", driver="GTiff", **shape) as file:
            file.write(part[rows], 1)
    report = check(river)
    text = both(report)
    assert report.ok and [item.scene for item in report.past] == ["a_2002-07-01.tif+b_2002-07-01.tif"]
    assert "  left out:\n    - a_2002-07-01.tif+b_2002-07-01.tif: the river is in pieces" in text
    assert "masks: 3 of 5 files usable" in text and report.water[0].dates == ["2000-07-01", "2001-07-01", "2003-07-01"]


def test_a_questioned_newest_mask_is_in_no_figure(river: Path) -> None:
    """One all of water far from where the river begins; its file reaches there, those of earlier dates do not."""
    before = check(river)
    transform = Affine(30, 0, 280000, 0, -30, -1626000)
    array = np.zeros((60, 400), np.uint8)
    array[:, 100:] = 1
    shape = {"height": 60, "width": 400, "count": 1, "dtype": "uint8", "crs": "EPSG:32620", "transform": transform}
    with rasterio.open(river.parent / "tif" / "m_2004-07-01.tif", "w", driver="GTiff", **shape) as file:
        file.write(array, 1)
    report = check(river)
    (problem,) = report.problems
    assert "m_2004-07-01.tif: 75% of what was seen is river" in problem and report.past == []
    assert report.water[0].usable == 4 and report.water[0].files == 5
    assert report.water[0].dates == before.water[0].dates and report.water[0].water_km2 == before.water[0].water_km2
    assert report.warnings == before.warnings


def test_a_tag_and_a_name_that_differ_are_a_warning(river: Path) -> None:
    mask(river.parent / "tif" / "m_2004-07-01.tif", tag="2005-07-01")
    mask(river.parent / "tif" / "m_2004.tif", tag="2004-03-01")
    mask(river.parent / "tif" / "m_2005-03.tif", tag="2005-03-02")
    mask(river.parent / "tif" / "m_2006-03.tif", tag="2006-04-02")
    warnings = check(river).warnings
    assert len([w for w in warnings if "has 2005-07-01, the name 2004-07-01; 2005-07-01 is used" in w]) == 1
    assert len([w for w in warnings if "has 2006-04-02, the name 2006-03-15; 2006-04-02 is used" in w]) == 1
    assert not any("m_2004.tif" in warning or "m_2005-03.tif" in warning for warning in warnings)


def test_a_gauge_in_another_unit_than_declared_is_reported_where_it_cannot_be_true(river: Path) -> None:
    table = river.parent / "gauge.csv"
    table.write_text(table.read_text().replace("2000-01-07,107", "2000-01-07,900000"))
    report = check(river)
    assert any("units.discharge_m3s: values up to 9e+05 m3/s" in problem for problem in report.problems)


def test_a_gauge_that_cannot_be_read_is_a_problem(river: Path) -> None:
    (river.parent / "gauge.csv").write_bytes(b"\n")
    report = check(river)
    assert any("gauge.csv: is empty" in problem for problem in report.problems)
    assert report.gauges[0].first is None and "0 values" in both(report)


def test_what_is_optional_and_absent_is_listed_and_no_problem(river: Path) -> None:
    folder = river.parent
    (folder / "gauge.csv").rename(folder / "away.csv")
    assert not check(river).ok
    edit(folder / "gauge.yaml", optional=True)
    masks = yaml.safe_load((folder / "masks.yaml").read_text("utf-8"))
    masks |= {"name": "more", "path": "later", "optional": True}
    (folder / "more.yaml").write_text(yaml.safe_dump(masks, allow_unicode=True), "utf-8")
    edit(river, water=["masks", "more"])
    report = check(river)
    text = both(report)
    assert report.ok and warnings_of(report) == [], text
    listed = {item.scene: item.reason for item in report.skipped}
    assert listed == {
        "gauge": f"not there, optional: bring the gauge's file (columns date, discharge_m3s, status) to {folder / 'gauge.csv'}",
        "more": f"not there, optional: bring a folder of dated water masks to {folder / 'later'}",
    }
    assert all(f"{scene}: {reason}" in text for scene, reason in listed.items())
    # There and broken is a problem.
    (folder / "gauge.csv").write_bytes(b"\n")
    assert any("gauge.csv: is empty" in problem for problem in check(river).problems)
    (folder / "gauge.csv").unlink()
    (folder / "later").mkdir()
    assert any("no file in" in problem for problem in check(river).problems)
    # Without any water there is nothing to run.
    (folder / "later").rmdir()
    edit(river, water=["more"])
    assert [problem for problem in check(river).problems if "every source is optional and none is there" in problem]


def test_an_giang_is_right_as_it_comes(
    tmp_path: Path, erosion: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = erosion("check", "an-giang", "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert {(found["source"], found["reach"]) for found in report["scenes"]} == {
        (source, one) for source in load_region("an-giang").water for one in ("tien", "hau", "vam_nao")
    }
    listed = {item["scene"]: item["reason"] for item in report["skipped"]}
    for name in ("tan_chau", "chau_doc"):
        assert listed[name].startswith("not there, optional: bring the gauge's file (columns time, stage_m) to ")
        assert f"{name}: {listed[name]}" in done.stdout
    assert report["ok"] and report["problems"] == []
    # What a service has is not asked by a check.
    brought = {
        "tan_chau",
        "chau_doc",
        *(f"places.{kind}" for kind in ("names", "roads", "buildings", "schools", "population")),
    }
    others = {reason for scene, reason in listed.items() if scene not in brought}
    assert others <= {"was never fetched; `erosion fetch` or a run asks it"}
    assert {found["layer"]: found["features"] for found in report["places"]} == {
        "communes": 32,
        "names": None,
        "roads": None,
        "buildings": None,
        "schools": None,
        "population": None,
    }
    assert "places.communes: communes.geojson: 32 features along the river" in done.stdout
    assert "from https://download.geofabrik.de/asia/vietnam.html" in listed["places.roads"]
    (warning,) = report["warnings"]
    assert "no release an-giang-<date>" in warning and "`erosion train an-giang --until DATE`" in warning


def test_masks_with_water_and_land_swapped_are_a_problem_that_names_the_cause(river: Path) -> None:
    edit(river.parent / "masks.yaml", values={"water": 0, "land": 1})
    report = check(river)
    (problem,) = report.problems
    assert "m_2000-07-01.tif, m_2001-07-01.tif" in problem and both(report)
    assert "water and land may be swapped under 'values', or land be missing (see masks.yaml)" in problem
    assert report.water[0].usable == 0 and "masks: 0 of 4 files usable" in both(report)


def test_a_reason_is_told_once(river: Path) -> None:
    folder = river.parent / "tif"
    mask(folder / "m_2000-07-01.tif", value=7)
    text = both(check(river))
    assert text.count("has values that are not declared: 7") == 1 and "masks: 3 of 4 files usable" in text
    for path in folder.iterdir():
        mask(path, value=7)
    report = check(river)
    text = both(report)
    assert text.count("has values that are not declared: 7") == 1 and "masks: 0 of 4 files usable" in text
    assert len(report.skipped) == 4 and len(report.problems) == 1


def test_a_date_whose_files_disagree_counts_as_not_usable(river: Path) -> None:
    mask(river.parent / "tif" / "n_2001-07-01.tif", water=slice(20, 28))
    assert "masks: 3 of 5 files usable" in both(check(river))


def test_reference_layers_are_listed_with_what_is_left_out(river: Path) -> None:
    terms = {"title": {"vi": "Lớp", "en": "Layer"}, "licence": "CC0", "attribution": "nobody", "simulated": True}
    (x, y), crs = (280400, -1626900), "EPSG:32620"
    line = gpd.GeoDataFrame({"name": ["a\u0301\0"]}, geometry=[LineString([(x, y), (x + 99, y)])], crs=crs)
    line.to_file(river.parent / "roads.gpkg")
    (river.parent / "broken.gpkg").write_text("no")
    reach = yaml.safe_load(river.read_text("utf-8"))["reaches"][0]
    lon, lat = line.to_crs("EPSG:4326").geometry.iloc[0].coords[0]
    layers = {
        "roads": {"path": "roads.gpkg", "fields": {"name": "name"}, **terms},
        "schools": {"path": "broken.gpkg", **terms},
        "buildings": {"path": "none.gpkg", "optional": True, **terms},
    }
    edit(river, places=layers, reaches=[reach | {"upstream": [lon, lat]}])
    report = check(river)
    text = both(report)
    assert "places.roads: MÔ PHỎNG / SIMULATED roads.gpkg: 1 features along the river" in text
    assert "places.schools: MÔ PHỎNG / SIMULATED broken.gpkg: not read" in text
    assert text.count("places.schools: broken.gpkg: does not begin like a .gpkg file") == 1
    assert [problem for problem in report.problems if problem.startswith("places.")] == [
        "places.schools: broken.gpkg: does not begin like a .gpkg file; save it again, or fetch it again"
    ]
    assert f"places.buildings: not there, optional: bring it to {river.parent / 'none.gpkg'}" in text
