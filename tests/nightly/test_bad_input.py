"""Bad input through the command line: named in a message, with the right exit code, never a traceback."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml

from erosion.config.region import load_region
from erosion.forecast.release import MODELS
from erosion.gauges.formats import web
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED
from erosion.nightly.run import run as run_region
from tests.gauge_server import GaugeServer

DATE = "2010-07-18"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def nightly(crop: Path, tmp_path: Path, erosion: Callable) -> Callable[..., tuple[int, str, dict[str, Any]]]:
    """Run a date; return exit code, what was said on stderr, and the manifest (empty where nothing was published)."""

    def run(*more: str, date: str = DATE) -> tuple[int, str, dict[str, Any]]:
        out = tmp_path / "out"
        done = erosion("run", crop, "--date", date, "--out", out, *more)
        home = out / "mamore_crop"
        manifests = list(home.glob("*/manifest.json"))
        assert len(manifests) == (done.returncode != NOT_PUBLISHED)
        assert (home / "published.json").exists() == bool(manifests)
        if home.is_dir():
            attempt = json.loads((home / "last_attempt.json").read_text(encoding="utf-8"))
            assert attempt["exit_code"] == done.returncode
            for line in done.stderr.splitlines():
                assert line.removeprefix("erosion: ") in attempt["message"]
        return done.returncode, done.stderr, json.loads(manifests[0].read_text("utf-8")) if manifests else {}

    return run


def levels(tmp_path: Path) -> set[int]:
    files = list((tmp_path / "out" / "mamore_crop").glob("*/segments_?y.parquet"))
    assert len(files) == 2
    return {int(level) for file in files for level in gpd.read_parquet(file)["level"]}


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray] | None = None, **profile: Any) -> None:
    """Write a mask again with other pixels or another header."""
    with rasterio.open(path) as mask:
        pixels, tags = mask.read(1), mask.tags()
        profile = mask.profile | profile
    pixels = change(pixels) if change else pixels
    path.unlink()
    with rasterio.open(path, "w", **profile | {"height": pixels.shape[0], "width": pixels.shape[1]}) as mask:
        mask.write(pixels, 1)
        mask.update_tags(acquisition_date=tags["acquisition_date"])


def gone(pixels: np.ndarray) -> np.ndarray:
    return np.where(np.arange(pixels.size).reshape(pixels.shape) % 7 == 0, 1, pixels).astype(np.uint8)


# --- masks ----------------------------------------------------------------------------------------------------------


def test_masks_that_cannot_be_used_are_named_and_the_rest_goes_on(
    crop: Path, tmp_path: Path, nightly: Callable
) -> None:
    masks = crop.parent / "masks"
    truncated, empty, undeclared, no_crs, wrong_crs, twin = (
        masks / f"mamore_{day}.tif"
        for day in ("1990-07-27", "1992-07-24", "1994-08-07", "1996-06-09", "1998-07-17", "2000-07-06")
    )
    truncated.write_bytes(truncated.read_bytes()[:1500])
    empty.write_bytes(b"")
    rewrite(undeclared, lambda pixels: np.where(pixels == 1, 2, pixels).astype(np.uint8))
    rewrite(no_crs, crs=None)
    rewrite(wrong_crs, crs="EPSG:32648")
    shutil.copy(twin, masks / "mamore_2000-07-06_again.tif")
    rewrite(masks / "mamore_2000-07-06_again.tif", gone)

    code, told, manifest = nightly()
    assert code == DEGRADED
    reasons = {item["scene"]: item["reason"] for item in manifest["skipped"]}
    expected = {
        truncated.name: "cut short",
        empty.name: "is empty",
        undeclared.name: "not declared: 2 (",
        no_crs.name: "has no CRS",
        wrong_crs.name: "EPSG:32648",
        f"{twin.name}+mamore_2000-07-06_again.tif": "disagree",
    }
    for scene, words in expected.items():
        (found,) = (name for name in reasons if name.replace(" ", "") == scene)
        assert words in reasons[found], reasons[found]
        assert f"{found}: {reasons[found]}" in manifest["messages"]
        assert found in told
    assert len(reasons) == len(expected)
    assert not {"1990-07-27", "1992-07-24", "1994-08-07", "1996-06-09", "1998-07-17", "2000-07-06"} & set(
        manifest["inputs"]["epochs"]["mamore_crop"]
    )
    assert len(manifest["inputs"]["epochs"]["mamore_crop"]) == 18
    assert {1, 2, 3, 4} <= levels(tmp_path)


def test_no_usable_mask_at_all(crop: Path, nightly: Callable) -> None:
    for path in (crop.parent / "masks").glob("*.tif"):
        path.write_bytes(path.read_bytes()[:100])
    code, told, _ = nightly()
    assert code == NOT_PUBLISHED
    assert "no usable file" in told and "mamore_1986-07-16.tif" in told and "mamore_2010-07-02.tif" in told


def test_a_broken_mask_of_the_future_is_no_matter_yet(crop: Path, nightly: Callable) -> None:
    (crop.parent / "masks" / "mamore_2011-08-06.tif").write_bytes(b"not yet")
    code, told, manifest = nightly()
    assert (code, told, manifest["skipped"]) == (PUBLISHED, "", [])


def test_a_single_epoch_is_unknown_and_never_low(crop: Path, tmp_path: Path, nightly: Callable) -> None:
    for path in (crop.parent / "masks").glob("*.tif"):
        if "2010" not in path.name:
            path.unlink()
    code, told, manifest = nightly()
    assert code == DEGRADED and "only one observation" in told
    assert levels(tmp_path) == {0}
    assert all(lengths["0"] > 0 and sum(lengths.values()) == lengths["0"] for lengths in manifest["levels"].values())


def test_a_river_that_leaves_the_image(crop: Path, tmp_path: Path, nightly: Callable) -> None:
    """A window so narrow that bends go out at its side and come in again."""
    for path in (crop.parent / "masks").glob("*.tif"):
        rewrite(path, lambda pixels: pixels[:, :330])
    code, _, manifest = nightly()
    assert code == PUBLISHED
    with rasterio.open(crop.parent / "masks" / "mamore_2010-07-02.tif") as mask:
        assert mask.read(1)[:, -1].any(), "the window must cut the river"
        bounds = mask.bounds
    assert manifest["segments"] > 100
    (file,) = (tmp_path / "out" / "mamore_crop").glob("*/segments_1y.parquet")
    west, south, east, north = gpd.read_parquet(file).to_crs("EPSG:32620").total_bounds
    assert (
        bounds.left <= west + 30
        and east - 30 <= bounds.right
        and bounds.bottom <= south + 30
        and north - 30 <= bounds.top
    )


def test_a_mask_without_a_river(crop: Path, nightly: Callable) -> None:
    """A few wet pixels are a mask, but no river to cut banks from."""
    for path in (crop.parent / "masks").glob("*.tif"):
        rewrite(
            path,
            lambda pixels: np.eye(*pixels.shape, dtype=np.uint8) * (np.arange(pixels.shape[1]) < 3).astype(np.uint8),
        )
    code, told, _ = nightly()
    assert code == NOT_PUBLISHED
    assert "was not published" in told and len(told.splitlines()) == 1


def test_a_date_before_the_data(nightly: Callable) -> None:
    code, told, _ = nightly(date="1985-01-01")
    assert code == NOT_PUBLISHED
    assert "became available on 1986-08-01" in told and len(told.splitlines()) == 1


def test_a_date_before_any_model(nightly: Callable) -> None:
    code, told, _ = nightly(date="1999-01-01")
    assert code == NOT_PUBLISHED
    assert "no model of mamore existed" in told and "mamore-20060808" in told


def test_a_catalogue_that_cannot_be_read_is_the_reason_why_there_is_nothing(
    crop: Path, edit: Callable, nightly: Callable
) -> None:
    """An empty store alone would send people to fetch, which is what has just failed."""
    home = crop.parent
    scenes = yaml.safe_load((ROOT / "data_sources" / "sentinel2_earth_search.yaml").read_text(encoding="utf-8"))
    (home / "scenes.yaml").write_text(
        yaml.safe_dump(scenes | {"name": "scenes", "catalog": "catalog.json"}, allow_unicode=True), encoding="utf-8"
    )
    (home / "catalog.json").write_text("<html>503 Service Unavailable</html>", encoding="utf-8")
    upstream = yaml.safe_load(crop.read_text(encoding="utf-8"))["reaches"][0]["upstream"]
    line = {"type": "LineString", "coordinates": [upstream, [upstream[0], upstream[1] + 0.05]]}
    (home / "line.geojson").write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": line}))
    reach = {"name": "mamore_crop", "upstream": upstream, "area": {"path": "line.geojson"}}
    edit(crop, water=["scenes"], reaches=[reach], seasons=[{"name": "dry", "months": [6, 7, 8]}])
    (home / "store").mkdir(exist_ok=True)
    code, told, _ = nightly(date="2018-07-18")
    assert code == NOT_PUBLISHED and len(told.splitlines()) == 1
    assert "holds no pass" in told and "scenes: the catalogue cannot be read" in told and "catalog.json" in told


# --- gauges ---------------------------------------------------------------------------------------------------------


def gauge(crop: Path) -> tuple[Path, list[str]]:
    path = crop.parent / "gauges" / "15250000_guajara_mirim.csv"
    return path, path.read_text(encoding="utf-8").splitlines()


def line_of(lines: list[str], day: str) -> int:
    return next(i for i, line in enumerate(lines) if line.startswith(day))


def test_gauge_lines_that_cannot_stand_are_listed_by_number(crop: Path, nightly: Callable) -> None:
    path, lines = gauge(crop)
    text, twice, gap = (line_of(lines, day) for day in ("2001-03-05", "2003-04-01", "2005-01-01"))
    day, _, *rest = lines[text].split(",")
    lines[text] = ",".join([day, "n.a.", *rest])
    day, value, *rest = lines[twice].split(",")
    lines.insert(twice + 1, ",".join([day, str(float(value) + 500), *rest]))
    del lines[gap : gap + 200]  # a gap in the record is no mistake
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    code, told, manifest = nightly()
    assert code == DEGRADED
    reasons = [item["reason"] for item in manifest["skipped"] if item["scene"] == path.name]
    assert len(reasons) == len(manifest["skipped"]) == 2
    assert any(f"line {text + 1}: " in reason and "'n.a.'" in reason for reason in reasons)
    assert any(f"line {twice + 1}: " in reason and "suspect" in reason for reason in reasons)
    assert all(reason in told for reason in reasons)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02\xff\xfe" * 40, "is not utf-8-sig text; set 'encoding'"),
        (b"date,flow\n2001-01-01,5\n", "has no column 'discharge_m3s'"),
        ("date,discharge_m3s,status\n2001-01-01,nhiều,1\n2001-01-02,ít,1\n".encode(), "are no numbers"),
        ("date,discharge_m3s,status\n2001-01-01,5,đo\n".encode("utf-16-le"), "set 'encoding' in"),
    ],
)
def test_a_gauge_that_cannot_be_read_does_not_stop_the_run(
    crop: Path, tmp_path: Path, content: bytes, words: str, nightly: Callable
) -> None:
    path, _ = gauge(crop)
    path.write_bytes(content)
    code, told, manifest = nightly()
    assert code == DEGRADED
    (item,) = manifest["skipped"]
    assert path.name in item["scene"] + item["reason"] and words in item["reason"] and item["reason"] in told
    assert {1, 2, 3, 4} <= levels(tmp_path)


def test_a_run_is_the_same_however_its_gauges_were_read(
    crop: Path, tmp_path: Path, edit: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a fetch, without one, and where it fails: what was known on the date is the same."""
    monkeypatch.setattr(web, "RETRY", dataclasses.replace(web.RETRY, tries=1))
    path, lines = gauge(crop)
    day, _, *rest = lines[5].split(",")
    lines[5] = ",".join([day, "n.a.", *rest])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-65.0, -11.0, 150.0]},
        "properties": {"parameter": {"PRECTOTCORR": {"20090101": 2.5, "20090102": -3.0}}},
        "header": {"fill_value": -999.0, "start": "20090101", "end": "20090102", "time_standard": "UTC"},
        "parameters": {"PRECTOTCORR": {"units": "mm/day"}},
    }
    with GaugeServer() as server:
        rain = {
            "name": "rain", "driver": "nasa_power", "title": "made", "gauge_id": "g-rain", "river": "made",
            "location": [-65.0, -11.0], "licence": "CC0", "attribution": "nobody", "citation": "none",
            "cadence_days": 1e-9, "latency_days": 1, "service": server.url, "pause_s": 0, "first_day": "2009-01-01",
        }  # fmt: skip
        (crop.parent / "rain.yaml").write_text(yaml.safe_dump(rain), encoding="utf-8")
        edit(crop, gauges=["guajara_mirim", "principe_da_beira", "rain"])
        region = load_region(crop)

        def made(out: str, *, fetch: bool) -> tuple[Path, dict[str, Any]]:
            result = run_region(region, pd.Timestamp(DATE), tmp_path / out, fetch=fetch)
            assert result.exit_code == DEGRADED and result.directory is not None
            return result.directory, json.loads((result.directory / "manifest.json").read_text("utf-8"))

        server.answer("/api/temporal/daily/point", answer)
        fetched, first = made("fetched", fetch=True)
        kept, second = made("kept", fetch=False)
        server.answer("/api/temporal/daily/point", 500)
        path.write_text("<html>not found</html>", encoding="utf-8")
        failed, third = made("failed", fetch=True)

        said = [{(item["scene"], item["reason"]) for item in manifest["fetch"]} for manifest in (first, second, third)]
        assert said[0] == said[1] and {scene for scene, _ in said[0]} == {path.name, "rain"}
        assert len(said[2]) > 2 and said[2] != said[0]
        for manifest in (first, second, third):
            assert not any("n.a." in item["reason"] for item in manifest["read"]["skipped"])
            assert [item for item in manifest["read"]["skipped"] if item not in manifest["skipped"]] == []
        assert fetched.name == kept.name == failed.name
        assert first["outputs"] == second["outputs"] == third["outputs"]
        assert first["memory"] == second["memory"] == third["memory"]

        # Of a run that stands, an attempt adds what it could not read; only one that asked takes back what was missing.
        again, more = made("fetched", fetch=True)
        assert again == fetched and more["fetch"] == third["fetch"] and more["read"] == first["read"]
        _, unasked = made("fetched", fetch=False)
        assert [item for item in more["fetch"] if item not in unasked["fetch"]] == []
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        server.answer("/api/temporal/daily/point", answer)
        _, mended = made("fetched", fetch=True)
        assert mended["fetch"] == first["fetch"] and mended["messages"] == first["messages"]


def test_a_gauge_in_another_encoding_is_the_same_gauge(
    crop: Path, crop_data: Path, edit: Callable, nightly: Callable
) -> None:
    path, lines = gauge(crop)
    content = "\n".join([*lines, "# trạm đo: Guajará-Mirim"][:-1]) + "\n"
    path.write_bytes(("\ufeff" + content).encode("utf-16-le"))
    other = crop.parent / "gauges" / "15200000_principe_da_beira.csv"
    lines = other.read_text(encoding="utf-8").splitlines()
    lines[0] += ",ghi chú"
    other.write_bytes(("\r\n".join([lines[0], *(f"{line},đo" for line in lines[1:])])).encode("cp1258", "replace"))
    edit(crop.parent / "principe_da_beira.yaml", encoding="cp1258")
    code, told, manifest = nightly()
    assert (code, told) == (PUBLISHED, "")
    whole = json.loads(json.dumps(manifest["inputs"]["gauge_days"]))
    edit(crop.parent / "principe_da_beira.yaml", encoding=None)
    for name in (path.name, other.name):
        shutil.copy(crop_data / "gauges" / name, crop.parent / "gauges" / name)
    shutil.rmtree(crop.parent.parent / "out")
    _, _, plain = nightly()
    assert plain["inputs"]["gauge_days"] == whole
    assert plain["inputs"]["gauges"] == manifest["inputs"]["gauges"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"units": {"discharge_m3s": "m3/h"}}, "units.discharge_m3s"),
        ({"units": {"stage_m": "cm"}}, "units.stage_m"),
        ({"alarm_levels_m": [4.0, 3.5, 4.5]}, "must be three rising stages"),
    ],
)
def test_a_gauge_described_wrongly_stops_before_the_run(
    crop: Path, changes: dict, words: str, edit: Callable, nightly: Callable
) -> None:
    edit(crop.parent / "guajara_mirim.yaml", **changes)
    code, told, _ = nightly()
    assert code == NOT_PUBLISHED
    assert words in told and "guajara_mirim.yaml" in told


def test_a_gauge_that_was_not_brought_is_named_and_the_run_goes_on(
    crop: Path, edit: Callable, nightly: Callable
) -> None:
    edit(crop.parent / "guajara_mirim.yaml", path="gauges/lost.csv")
    code, told, manifest = nightly()
    assert code == DEGRADED
    assert "gauges/lost.csv is not there: bring the gauge's file (columns date, discharge_m3s, status)" in told
    assert [item["scene"] for item in manifest["skipped"]] == ["guajara_mirim"]


def test_optional_files_that_were_not_brought_are_listed_and_the_run_is_whole(
    crop: Path, edit: Callable, nightly: Callable
) -> None:
    edit(crop.parent / "guajara_mirim.yaml", path="gauges/lost.csv")
    _, _, required = nightly()
    edit(crop.parent / "guajara_mirim.yaml", path="gauges/lost.csv", optional=True)
    shutil.rmtree(crop.parent.parent / "out")
    code, told, manifest = nightly()
    assert (code, manifest["messages"], "lost.csv" in told) == (PUBLISHED, [], False)
    (item,) = manifest["fetch"]
    assert (item["scene"], item["usual"]) == ("guajara_mirim", True)
    assert "not there, optional: bring the gauge's file (columns date, discharge_m3s, status)" in item["reason"]
    assert manifest["inputs"] == required["inputs"]
    # Masks, too: those that are there make the run, and what is absent is no part of what it is made of.
    more = yaml.safe_load((crop.parent / "mamore_masks.yaml").read_text("utf-8"))
    more |= {"name": "more", "path": "lost", "optional": True}
    (crop.parent / "more.yaml").write_text(yaml.safe_dump(more, allow_unicode=True), "utf-8")
    edit(crop, water=[*yaml.safe_load(crop.read_text("utf-8"))["water"], "more"])
    shutil.rmtree(crop.parent.parent / "out")
    code, told, manifest = nightly()
    assert (code, manifest["messages"]) == (PUBLISHED, []), told
    assert [(item["scene"], item["usual"]) for item in manifest["fetch"]] == [("guajara_mirim", True), ("more", True)]
    assert manifest["read"]["skipped"] == [] and manifest["inputs"]["water"] == required["inputs"]["water"]


# --- models ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS / "mamore-20180708", tmp_path / "models" / "mamore-20180708"))


def spoil_feature(release: Path, key: str, value: str) -> str:
    meta = json.loads((release / "meta.json").read_text(encoding="utf-8"))
    feature = meta["targets"]["1y"]["features"][3]
    name, feature[key] = feature["name"], value
    (release / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return str(name)


def test_a_model_that_needs_an_unknown_feature(release: Path, nightly: Callable) -> None:
    spoil_feature(release, "name", "vegetation_density")
    code, told, _ = nightly("--release", str(release))
    assert code == NOT_PUBLISHED
    assert "vegetation_density" in told and "train a new release" in told and len(told.splitlines()) == 1


def test_a_model_whose_feature_has_another_unit(release: Path, nightly: Callable) -> None:
    name = spoil_feature(release, "unit", "furlong")
    code, told, _ = nightly("--release", str(release))
    assert code == NOT_PUBLISHED
    assert name in told and "furlong" in told


@pytest.mark.parametrize("spoilt", ["meta.json", "calibration.json", "exceedance_1y.txt"])
def test_a_model_that_cannot_be_read(release: Path, spoilt: str, nightly: Callable) -> None:
    content = (release / spoilt).read_bytes()
    (release / spoilt).write_bytes(content[: len(content) // 3])
    code, told, _ = nightly("--release", str(release))
    assert code == NOT_PUBLISHED
    assert ("not a readable model release" in told or "is not the file that was released" in told) and str(
        release
    ) in told


# --- the region -----------------------------------------------------------------------------------------------------


def test_a_region_in_degrees_or_with_slips_of_the_pen(crop: Path, nightly: Callable) -> None:
    content = yaml.safe_load(crop.read_text(encoding="utf-8"))
    content["crs"], content["pixel"] = "EPSG:4326", content.pop("pixel_m")
    crop.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    code, told, _ = nightly()
    assert code == NOT_PUBLISHED
    assert "pixel: unknown key; did you mean pixel_m?" in told and str(crop) in told
    content["pixel_m"] = content.pop("pixel")
    crop.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    code, told, _ = nightly()
    assert code == NOT_PUBLISHED and "degrees where metres are needed" in told
