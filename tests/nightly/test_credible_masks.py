"""A newest mask that cannot be true, and a record that says too little, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml

from erosion.nightly.check import check
from erosion.nightly.published import DEGRADED, PUBLISHED
from tests.banks.epochs.real_rivers import Change, shifted, turned

DATE = "2010-07-18"
NEWEST, BEFORE = "mamore_2010-07-02.tif", "2009-07-31"
SOURCE = "mamore_masks.yaml"


class Night(NamedTuple):
    """What a run published."""

    code: int
    manifest: dict[str, Any]
    layers: list[gpd.GeoDataFrame]

    @property
    def levels(self) -> set[int]:
        return {int(level) for layer in self.layers for level in layer["level"]}

    @property
    def unknown(self) -> set[str]:
        return {reason for layer in self.layers for reason in layer["unknown_reason"]}


@pytest.fixture
def night(crop: Path, tmp_path: Path, erosion: Callable) -> Callable[[], Night]:
    def run() -> Night:
        done = erosion("run", crop, "--date", DATE, "--out", tmp_path / "out")
        (home,) = (path.parent for path in (tmp_path / "out" / "mamore_crop").glob("*/manifest.json"))
        layers = [gpd.read_parquet(file) for file in sorted(home.glob("segments_?y.parquet"))]
        assert len(layers) == 2
        return Night(done.returncode, json.loads((home / "manifest.json").read_text("utf-8")), layers)

    return run


@pytest.fixture
def masks(crop: Path) -> Path:
    """The masks up to the date of the run."""
    folder = crop.parent / "masks"
    for path in folder.glob("*.tif"):
        if path.name > NEWEST:
            path.unlink()
    return folder


def rewrite(path: Path, change: Change) -> None:
    with rasterio.open(path) as mask:
        pixels, tags, profile = mask.read(1), mask.tags(), mask.profile
    path.unlink()
    with rasterio.open(path, "w", **profile) as mask:
        mask.write(change(pixels == 1).astype(np.uint8), 1)
        mask.update_tags(acquisition_date=tags["acquisition_date"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shifted(0, 33), "m east against mamore_2009-07-31.tif (2009-07-31)"),
        (lambda mask: mask[::-1], "upside down (north and south exchanged)"),
        (turned(3.0), "turned by 2.9° clockwise"),
    ],
)
def test_a_misplaced_newest_mask_is_left_out_and_the_run_degraded(
    change: Change, words: str, crop: Path, masks: Path, night: Callable[[], Night]
) -> None:
    rewrite(masks / NEWEST, change)
    ran = night()
    assert ran.code == DEGRADED and ran.manifest["newest_epoch"] == BEFORE
    (left_out,) = ran.manifest["skipped"]
    assert left_out["scene"] == NEWEST and words in left_out["reason"]
    assert f"{NEWEST}: {left_out['reason']}" in ran.manifest["messages"]
    assert {version for layer in ran.layers for version in layer["baseline"]} == {BEFORE}
    report = check(crop)
    assert f"mamore_masks: {NEWEST}: {left_out['reason']}" in report.problems and not report.ok


def accept(crop: Path, *names: str) -> None:
    file = crop.parent / "mamore_masks.yaml"
    entry = yaml.safe_load(file.read_text("utf-8")) | {"accepted_files": list(names)}
    file.write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")


@pytest.mark.parametrize("change", [shifted(0, 1), shifted(0, 33)])
def test_a_mask_that_a_person_accepts_is_used_and_listed(
    change: Change, crop: Path, masks: Path, night: Callable[[], Night], erosion: Callable
) -> None:
    rewrite(masks / NEWEST, change)
    refused = erosion("check", crop)
    assert refused.returncode == 1
    assert f"{NEWEST}: " in refused.stdout and f"name it under 'accepted_files' in {SOURCE}" in refused.stdout
    accept(crop, NEWEST)
    passed = erosion("check", crop)
    assert passed.returncode == 0 and f"used because 'accepted_files' names them: {NEWEST}" in passed.stdout
    ran = night()
    assert ran.code == PUBLISHED and ran.manifest["skipped"] == [] and ran.manifest["newest_epoch"] == "2010-07-02"
    (reach,) = ran.manifest["reaches"].values()
    assert reach["accepted"] == [NEWEST]


def test_a_mask_off_by_a_pixel_is_left_out_and_accepting_it_makes_another_run(
    crop: Path, masks: Path, tmp_path: Path, erosion: Callable
) -> None:
    rewrite(masks / NEWEST, shifted(0, 1))

    def run(date: str) -> tuple[int, dict[str, Any]]:
        done = erosion("run", crop, "--date", date, "--out", tmp_path / "out")
        listed = json.loads((tmp_path / "out" / "mamore_crop" / "published.json").read_text("utf-8"))["runs"]
        (name,) = (entry["directory"] for entry in listed if entry["as_of"] == date)
        return done.returncode, json.loads(
            (tmp_path / "out" / "mamore_crop" / name / "manifest.json").read_text("utf-8")
        )

    _, earlier = run("2009-08-16")
    code, refused = run(DATE)
    assert code == DEGRADED and refused["newest_epoch"] == BEFORE
    (left_out,) = refused["skipped"]
    assert left_out["scene"] == NEWEST and "most of both banks moved alike, by 38 m east and 0 m" in left_out["reason"]
    assert "accepted" not in refused["reaches"]["mamore_crop"]
    accept(crop, NEWEST)
    # On the date before, the mask was not there: that run is the same as ever, and is not made again.
    assert run("2009-08-16") == (PUBLISHED, earlier)
    code, used = run(DATE)
    assert code == PUBLISHED and used["newest_epoch"] == "2010-07-02" and used["inputs_hash"] != refused["inputs_hash"]
    assert used["inputs"]["catalogue"] == refused["inputs"]["catalogue"]


def test_a_displaced_mask_of_a_short_record_is_used_and_the_run_degraded_until_it_is_accepted(
    crop: Path, masks: Path, tmp_path: Path, erosion: Callable
) -> None:
    """A single change does not say what is usual of the banks."""
    keep(masks, "2008", "2009", "2010")
    rewrite(masks / NEWEST, shifted(0, 1))
    refused = erosion("run", crop, "--date", DATE, "--out", tmp_path / "one")
    assert refused.returncode == DEGRADED
    assert "the observation of 2010-07-02 is used, but most of both banks moved alike, by " in refused.stderr
    assert f"; if the mask is right, name it under 'accepted_files' in {SOURCE}" in refused.stderr
    accept(crop, NEWEST)
    used = erosion("run", crop, "--date", DATE, "--out", tmp_path / "two")
    assert used.returncode == PUBLISHED and "moved alike" not in used.stderr


def test_a_name_that_accepts_nothing_is_to_be_mended(crop: Path) -> None:
    accept(crop, "mamore_2010-07-2.tif", "other.tif")
    report = check(crop)
    first, second = report.problems
    assert (
        first.startswith(f"{crop.parent / SOURCE}: accepted_files: no file of ")
        and "is called mamore_2010-07-2.tif" in first
    )
    assert "did you mean mamore_2010-07-02.tif?" in first
    assert "is called other.tif, so it accepts nothing; write the name as the folder shows it, or take it out" in second


def test_an_old_mask_under_a_new_date_is_left_out_and_later_ones_are_used(
    crop: Path, masks: Path, night: Callable[[], Night]
) -> None:
    with rasterio.open(masks / "mamore_1999-07-20.tif") as old:
        pixels = old.read(1) == 1
    rewrite(masks / "mamore_2009-07-31.tif", lambda _: pixels)
    ran = night()
    assert ran.code == PUBLISHED and ran.manifest["newest_epoch"] == "2010-07-02"
    (left_out,) = ran.manifest["skipped"]
    assert left_out["scene"] == "mamore_2009-07-31.tif" and "under two dates" in left_out["reason"]
    report = check(crop)
    assert report.ok and [item.reason for item in report.skipped] == [left_out["reason"]]


def keep(masks: Path, *names: str) -> None:
    for path in masks.glob("*.tif"):
        if path.stem.removeprefix("mamore_")[: len(names[0])] not in names:
            path.unlink()


@pytest.mark.parametrize(
    ("kept", "reason", "words"),
    [
        (("1986", "2010"), "wide_gap", "24.0 years lie between the two newest observations"),
        (("2009", "2010"), "short_record", "only 2 observations of the banks are known, over 0.9 years"),
        (("1996", "1997", "1998", "1999", "2010"), "wide_gap", "years lie between the two newest observations"),
    ],
)
def test_a_record_that_says_too_little_gives_no_level_and_its_reason(
    kept: tuple[str, ...], reason: str, words: str, crop: Path, masks: Path, night: Callable[[], Night]
) -> None:
    keep(masks, *kept)
    ran = night()
    assert ran.code == DEGRADED and ran.levels == {0} and ran.unknown == {reason}
    assert all(layer["p_event"].isna().all() and layer["retreat_p90_m"].isna().all() for layer in ran.layers)
    (message,) = (text for text in ran.manifest["messages"] if "observations of the banks" in text)
    assert words in message
    assert f"mamore_masks: {message}" in check(crop).problems


def test_masks_of_one_season_give_no_level(crop: Path, masks: Path, night: Callable[[], Night]) -> None:
    keep(masks, "2007", "2008", "2009", "2010")
    for month, year in (("03", "2007"), ("04", "2008"), ("05", "2009")):
        (old,) = masks.glob(f"mamore_{year}*.tif")
        with rasterio.open(old) as mask:
            pixels, profile = mask.read(1), mask.profile
        old.unlink()
        with rasterio.open(masks / f"mamore_2010-{month}-02.tif", "w", **profile) as mask:
            mask.write(pixels, 1)
            mask.update_tags(acquisition_date=f"2010-{month}-02")
    ran = night()
    assert ran.code == DEGRADED and ran.levels == {0} and ran.unknown == {"short_record"}


def test_a_short_record_that_suffices_gives_levels(masks: Path, night: Callable[[], Night]) -> None:
    keep(masks, "2008", "2009", "2010")
    ran = night()
    assert ran.code == PUBLISHED and max(ran.levels) > 0
    assert all((layer["unknown_reason"] == "").eq(layer["level"] > 0).all() for layer in ran.layers)


def test_a_river_that_doubles_its_width_is_published(masks: Path, night: Callable[[], Night]) -> None:
    """Every bank of it moved, and that may be true: a flood year."""

    def wide(mask: np.ndarray) -> np.ndarray:
        grown = mask.copy()
        for down, right in ((2, 0), (-2, 0), (0, 2), (0, -2)):
            grown |= shifted(down, right)(mask)
        return grown

    rewrite(masks / NEWEST, wide)
    ran = night()
    assert ran.manifest["newest_epoch"] == "2010-07-02" and not ran.manifest["skipped"]
