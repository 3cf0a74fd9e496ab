"""Scenes brought by hand: one file with all bands, or one file a band."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from erosion.config.scenes import PixelQuality, SceneUnits
from erosion.config.sources import read_source
from erosion.core.contracts import check_scene
from erosion.core.errors import SourceError
from erosion.satellite import scene_folder
from erosion.satellite.scene_folder import SceneFolder
from tests.made_scenes import X0, make_corridor, numbers, optical, write_band

DAYS = ("2020-01-01", "2024-12-31")
CORRIDOR = make_corridor()
ONE_FILE = {"green": "1", "nir": "2", "swir16": "3", "quality": "4"}
BY_NAME = {"green": "B03", "nir": "B08", "swir16": "B11", "quality": "SCL"}


def source_of(path: Path, **changes: Any) -> SceneFolder:
    keys: dict[str, Any] = {
        "name": "by_hand",
        "driver": "scene_folder",
        "title": "Brought by hand",
        "sensor": "optical",
        "units": SceneUnits(reflectance="1"),
        "scale": 1e-4,
        "nodata": 0.0,
        "quality": PixelQuality(kind="classes", usable=(2, 4, 5, 6, 7)),
        "pixel_m": 10.0,
        "cadence_days": 5.0,
        "latency_days": 2.0,
        "geo_rmse_m": 5.0,
        "licence": "MIT",
        "attribution": "nobody",
        "citation": "none",
        "path": path,
        "files": "**/*.tif",
        "bands": ONE_FILE,
        "described_in": path / "by_hand.yaml",
    }
    return SceneFolder(**{**keys, **changes})


def stack(seed: int) -> np.ndarray:
    bands = optical(seed)
    return np.stack([bands["green"], bands["nir"], bands["swir16"], bands["scl"].astype(np.uint16)])


def write_split(folder: Path, name: str, seed: int, **where: Any) -> dict[str, np.ndarray]:
    bands = optical(seed)
    for alias, band in (("green", "B03"), ("nir", "B08"), ("swir16", "B11"), ("scl", "SCL")):
        write_band(folder / name.format(band), bands[alias], **where)
    return bands


def find(source: SceneFolder) -> Any:
    return scene_folder.find_passes(source, None, CORRIDOR, *DAYS)


def check(source: SceneFolder, ref: Any, bands: dict[str, np.ndarray]) -> Any:
    scene = check_scene(scene_folder.load_pass(ref, source, CORRIDOR))
    for name in ("green", "nir", "swir16"):
        np.testing.assert_allclose(scene[name].values, bands[name][:120, :150] * 1e-4, rtol=1e-6)
    return scene


def test_one_file_with_all_bands(tmp_path: Path) -> None:
    write_band(tmp_path / "river_2023-08-15.tif", stack(1))
    source = source_of(tmp_path)
    (ref,), skipped = find(source)
    assert skipped == []
    assert ref.pass_id == "by_hand-local-20230815-x"
    assert ref.available_at.isoformat() == "2023-08-17T00:00:00+00:00"
    scene = check(source, ref, optical(1))
    assert scene["clear"].values.all()
    assert scene.attrs["scene_ids"] == ["river_2023_08_15"]


def test_date_by_tag_before_name(tmp_path: Path) -> None:
    write_band(tmp_path / "river_2023-08-15.tif", stack(1), tags={"acquisition_date": "2022-01-31"})
    assert find(source_of(tmp_path))[0][0].pass_id == "by_hand-local-20220131-x"
    assert find(source_of(tmp_path, date_from=("name",)))[0][0].pass_id == "by_hand-local-20230815-x"


@pytest.mark.parametrize(
    "pattern", ["T48PWR_20230815_{}.tif", "{}_20230815.tif", "20230815/x-{}.tif", "s/20230815.{}.tif"]
)
def test_one_file_a_band(tmp_path: Path, pattern: str) -> None:
    bands = write_split(tmp_path, pattern, 1, tags={"acquisition_date": "2023-08-15"})
    source = source_of(tmp_path, bands=BY_NAME)
    (ref,), skipped = find(source)
    assert skipped == []
    assert len(ref.items) == 1
    check(source, ref, bands)


def test_several_dates_and_tiles(tmp_path: Path) -> None:
    write_split(tmp_path, "a_2023-08-15_{}.tif", 1)
    right = write_split(tmp_path, "b_2023-08-15_{}.tif", 2, x0=X0 + 1000)
    write_split(tmp_path, "a_2023-08-20_{}.tif", 3)
    source = source_of(tmp_path, bands=BY_NAME)
    refs, skipped = find(source)
    assert skipped == []
    assert [(ref.pass_id, len(ref.items)) for ref in refs] == [
        ("by_hand-local-20230815-x", 2),
        ("by_hand-local-20230820-x", 1),
    ]
    wide = scene_folder.load_pass(refs[0], source, make_corridor(width=300))
    np.testing.assert_allclose(wide["green"].values[:, 200:], right["green"][:120, 100:200] * 1e-4, rtol=1e-6)


def test_names_of_bands_are_whole_words(tmp_path: Path) -> None:
    bands = {"green": "B3", "nir": "B8", "swir16": "B11", "red": "B1", "quality": "SCL"}
    made = optical(1)
    for alias, band in (("green", "B3"), ("nir", "B8"), ("swir16", "B11"), ("scl", "SCL")):
        write_band(tmp_path / f"2023-08-15_{band}.tif", made[alias])
    write_band(tmp_path / "2023-08-15_B1.tif", numbers(9))
    source = source_of(tmp_path, bands=bands)
    (ref,), skipped = find(source)
    assert skipped == []
    scene = check(source, ref, made)
    np.testing.assert_allclose(scene["red"].values, numbers(9)[:120, :150] * 1e-4, rtol=1e-6)


def test_what_is_left_out_and_why(tmp_path: Path) -> None:
    write_band(tmp_path / "good_2023-08-15.tif", stack(1))
    write_band(tmp_path / "undated.tif", stack(2))
    write_band(tmp_path / "year_2021.tif", stack(2))
    write_band(tmp_path / "few_2023-08-16.tif", stack(2)[:2])
    write_band(tmp_path / "nowhere_2023-08-17.tif", stack(2), crs=None)
    write_band(tmp_path / "far_2023-08-18.tif", stack(2), x0=X0 + 200_000)
    (tmp_path / "broken_2023-08-19.tif").write_bytes(b"II*\0 not a picture")
    refs, skipped = find(source_of(tmp_path))
    assert [ref.items[0].id for ref in refs] == ["good_2023_08_15"]
    reasons = {left_out.scene: left_out.reason for left_out in skipped}
    assert set(reasons) == {
        "undated.tif", "year_2021.tif", "few_2023-08-16.tif", "nowhere_2023-08-17.tif", "far_2023_08_18",
        "broken_2023-08-19.tif",
    }  # fmt: skip
    assert "no date" in reasons["undated.tif"]
    assert "a year alone" in reasons["year_2021.tif"]
    assert "has 2 bands, too few for swir16, quality" in reasons["few_2023-08-16.tif"]
    assert "no position" in reasons["nowhere_2023-08-17.tif"]
    assert "outside the region's corridor" in reasons["far_2023_08_18"]
    assert "cannot be read" in reasons["broken_2023-08-19.tif"]


def test_files_that_no_scene_can_be_made_of_are_listed_one_by_one(tmp_path: Path) -> None:
    write_band(tmp_path / "good_2023-08-15.TIF", stack(1))
    write_band(tmp_path / "month_2023-08.tif", stack(2))
    local = 'LOCAL_CS["unnamed",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
    write_band(tmp_path / "local_2023-08-16.tif", stack(2), crs=local)
    (tmp_path / "other_2023-08-17.tif").write_text(
        f'<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path}/good_2023-08-15.TIF</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "bands_2023-08-18.jp2").touch()
    (tmp_path / "bands_1990-01-01.jp2").touch()  # outside the days that are asked for
    refs, skipped = find(source_of(tmp_path, files="*.tif"))
    assert [ref.items[0].id for ref in refs] == ["good_2023_08_15"]
    reasons = {left_out.scene: left_out.reason for left_out in skipped}
    assert set(reasons) == {
        "month_2023-08.tif", "local_2023-08-16.tif", "other_2023-08-17.tif", "bands_2023-08-18.jp2",
    }  # fmt: skip
    assert "the name holds a month alone; write the day into it" in reasons["month_2023-08.tif"]
    assert "its CRS is local, engineering, vertical" in reasons["local_2023-08-16.tif"]
    assert "cannot be read" in reasons["other_2023-08-17.tif"]
    assert "does not match the pattern under 'files' (*.tif)" in reasons["bands_2023-08-18.jp2"]
    assert not any(left_out.usual for left_out in skipped)


def test_split_scenes_that_lack_a_band_or_have_it_twice(tmp_path: Path) -> None:
    write_split(tmp_path, "a_2023-08-15_{}.tif", 1)
    write_split(tmp_path, "b_2023-08-20_{}.tif", 2)
    (tmp_path / "b_2023-08-20_B03.tif").unlink()
    write_band(tmp_path / "a-2023-08-15-B03.tif", numbers(5))
    write_band(tmp_path / "a_2023-08-15_XYZ.tif", numbers(6))
    refs, skipped = find(source_of(tmp_path, bands=BY_NAME))
    assert [ref.pass_id for ref in refs] == ["by_hand-local-20230815-x"]
    reasons = {left_out.scene: left_out.reason for left_out in skipped}
    assert set(reasons) == {"a_2023-08-15_B03.tif", "a_2023-08-15_XYZ.tif", "b_2023_08_20"}
    assert "second file for green" in reasons["a_2023-08-15_B03.tif"]
    assert "no file for green" in reasons["b_2023_08_20"]
    assert "no known band" in reasons["a_2023-08-15_XYZ.tif"]


def test_a_file_that_changes_changes_the_hash(tmp_path: Path) -> None:
    write_band(tmp_path / "river_2023-08-15.tif", stack(1))
    source = source_of(tmp_path)
    before = find(source)[0][0].items_hash
    assert find(source)[0][0].items_hash == before
    write_band(tmp_path / "river_2023-08-15.tif", stack(2))
    assert find(source)[0][0].items_hash != before


def test_sentinel2_by_hand_knows_its_baseline_from_the_name_or_says_so(tmp_path: Path) -> None:
    write_band(tmp_path / "S2A_MSIL2A_20230815T032521_N0509_R018_T48PWR_20230815T070000.tif", stack(1))
    write_band(tmp_path / "plain_2023-08-20.tif", stack(2))
    source = source_of(tmp_path, boa_offset="sentinel2", date_from=("name",))
    refs, skipped = find(source)
    assert [ref.pass_id for ref in refs] == ["by_hand-local-20230815-018"]
    assert [left_out.scene for left_out in skipped] == ["plain_2023_08_20"]
    scene = scene_folder.load_pass(refs[0], source, CORRIDOR)
    expected = (optical(1)["green"][:120, :150].astype(float) - 1000) * 1e-4
    np.testing.assert_allclose(scene["green"].values, expected, atol=2e-7)


def test_a_file_that_breaks_after_the_search(tmp_path: Path) -> None:
    path = tmp_path / "river_2023-08-15.tif"
    write_band(path, stack(1))
    source = source_of(tmp_path)
    (ref,), _ = find(source)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(SourceError, match=r"river_2023_08_15: \w+ \(river_2023-08-15.tif\): cannot be read"):
        scene_folder.load_pass(ref, source, CORRIDOR)


def test_a_folder_by_its_catalogue_entry(tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    write_band(tmp_path / "scenes" / "river_2023-08-15.tif", stack(1))
    entry = tmp_path / "by_hand.yaml"
    entry.write_text(
        """
name: by_hand
driver: scene_folder
title: Scenes brought by hand
sensor: optical
path: scenes
bands: {green: "1", nir: "2", swir16: "3", quality: "4"}
units: {reflectance: "1"}
scale: 0.0001
nodata: 0
quality: {kind: classes, usable: [2, 4, 5, 6, 7]}
pixel_m: 10
cadence_days: 5
latency_days: 2
geo_rmse_m: 5
licence: MIT
attribution: nobody
citation: none
"""
    )
    source = read_source(entry)
    assert isinstance(source, SceneFolder)
    (ref,), _ = find(source)
    check(source, ref, optical(1))


def test_made_files_have_their_tags(tmp_path: Path) -> None:
    write_band(tmp_path / "a.tif", numbers(1), tags={"acquisition_date": "2022-01-31"})
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.tags()["acquisition_date"] == "2022-01-31"


def test_an_optional_folder_that_was_not_brought_is_listed(tmp_path: Path) -> None:
    source = source_of(tmp_path / "later", optional=True)
    refs, (left_out,) = find(source)
    assert refs == [] and left_out.usual and left_out.scene == source.name, "so that the search is not noted as done"
    assert left_out.reason == f"not there, optional: bring a folder of scenes to {tmp_path / 'later'}"
    with pytest.raises(SourceError, match="cannot be read"):
        find(source_of(tmp_path / "later"))
