"""Four hundred and forty-seven real Landsat 5 and 7 dates with Fmask: which pixels pass, held against plain counts."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from numpy.typing import NDArray

from erosion.config.region import SceneRules
from erosion.config.scenes import PixelQuality, SceneUnits
from erosion.core.errors import Skipped
from erosion.satellite import scene_folder
from erosion.satellite.scene_folder import SceneFolder
from erosion.water.classification.water import Unusable, water_of
from tests.made_scenes import make_corridor

ARCHIVE = Path(__file__).resolve().parents[1] / "data" / "landsat_qa" / "p035r032.tar.xz"
CORRIDOR = make_corridor(5, 5, 336375.0, 4462425.0, 30.0, "EPSG:32613")
ALL_BANDS = {"blue": "1", "green": "2", "red": "3", "nir": "4", "swir16": "5", "swir22": "6", "quality": "8"}
BANDS = {"green": "2", "swir16": "5", "quality": "8"}  # the fewest that tell water: a band read is 20 ms, 447 times
LAND, WATER, SHADOW, SNOW, CLOUD, FILL = 0, 1, 2, 3, 4, 255
CUT_OFF = 16_000
NO_SUCH_DAY = "LE70350321999366EDC00_stack.tif"  # 1999 had 365 days; the satellite passed on the 365th
DAYS = ("1980-01-01", "2020-12-31")
GREEN_AND_SWIR = slice(1, 5, 3)


class Archive(NamedTuple):
    """All scenes: what the road makes of them, and the numbers of the files read plainly."""

    scenes: list[xr.Dataset]
    skipped: list[Skipped]
    numbers: NDArray[np.int16]  # (scene, band, row, column)
    days: pd.DatetimeIndex


def source_of(path: Path, **changes: Any) -> SceneFolder:
    keys: dict[str, Any] = {
        "name": "fmask",
        "driver": "scene_folder",
        "title": "Landsat with Fmask",
        "sensor": "optical",
        "units": SceneUnits(reflectance="1"),
        "scale": 1e-4,
        "nodata": -9999.0,
        "saturated_from": float(CUT_OFF),
        "quality": PixelQuality(kind="classes", usable=(LAND, WATER)),
        "pixel_m": 30.0,
        "cadence_days": 8.0,
        "latency_days": 10.0,
        "geo_rmse_m": 12.0,
        "licence": "MIT",
        "attribution": "USGS",
        "citation": "yatsm",
        "path": path,
        "bands": BANDS,
        "described_in": path / "fmask.yaml",
    }
    return SceneFolder(**{**keys, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fmask")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(root, filter="data")
    return root


def day_of(path: Path) -> pd.Timestamp:
    """Day told by the characters 10 to 16 of a name: year and day of the year."""
    return pd.Timestamp(int(path.name[9:13]), 1, 1, tz="UTC") + pd.Timedelta(days=int(path.name[13:16]) - 1)


@pytest.fixture(scope="module")
def archive(folder: Path) -> Archive:
    source = source_of(folder)
    refs, skipped = scene_folder.find_passes(source, None, CORRIDOR, *DAYS)
    files = sorted((path for path in folder.glob("*.tif") if path.name != NO_SUCH_DAY), key=day_of)
    numbers = []
    for path in files:
        with rasterio.open(path) as file:
            numbers.append(file.read())
    scenes = [scene_folder.load_pass(ref, source, CORRIDOR) for ref in refs]
    return Archive(scenes, skipped, np.stack(numbers), pd.DatetimeIndex([day_of(path) for path in files]))


def plain_clear(numbers: NDArray[np.int16], bands: slice) -> NDArray[np.bool_]:
    """Clear pixels by the letter of the format: land or water, and every reflectance there and not cut off."""
    fmask, reflectance = numbers[:, 7], numbers[:, bands]
    return ((fmask == LAND) | (fmask == WATER)) & (reflectance != -9999).all(1) & (reflectance < CUT_OFF).all(1)


def test_every_scene_is_found_with_its_day(archive: Archive) -> None:
    assert [left_out.scene for left_out in archive.skipped] == [NO_SUCH_DAY]
    assert "day 366 of 1999" in archive.skipped[0].reason
    assert len(archive.scenes) == len(archive.days) == 446
    assert [pd.Timestamp(scene.attrs["time"]) for scene in archive.scenes] == list(archive.days)
    assert (archive.days[0].year, archive.days[-1].year) == (1984, 2013)


def test_clear_pixels_are_those_of_a_plain_count(archive: Archive) -> None:
    clear = np.stack([scene["clear"].values for scene in archive.scenes])
    np.testing.assert_array_equal(clear, plain_clear(archive.numbers, GREEN_AND_SWIR))
    assert clear.sum() == 6048  # all that Fmask calls land: no clear pixel is cut off in these two bands
    assert 0 < clear.any(axis=(1, 2)).sum() < 446


@pytest.mark.parametrize("kind", [SHADOW, SNOW, CLOUD, FILL, -9999])
def test_no_pixel_of_these_classes_is_clear(archive: Archive, kind: int) -> None:
    of_kind = archive.numbers[:, 7] == kind
    assert of_kind.sum() > 400
    clear = np.stack([scene["clear"].values for scene in archive.scenes])
    assert not clear[of_kind].any()


def test_all_bands_of_some_dates(folder: Path, archive: Archive) -> None:
    bright_land = (archive.numbers[:, :6] >= CUT_OFF).any(1) & np.isin(archive.numbers[:, 7], (LAND, WATER))
    assert bright_land.sum() == 9  # snow and haze that Fmask takes for land; all in blue
    dates = np.flatnonzero(bright_land.any(axis=(1, 2)) | (np.arange(446) % 20 == 0))
    source = source_of(folder, bands=ALL_BANDS)
    refs, _ = scene_folder.find_passes(source, None, CORRIDOR, *DAYS)
    numbers = archive.numbers[dates]
    scenes = [scene_folder.load_pass(refs[date], source, CORRIDOR) for date in dates]
    clear = np.stack([scene["clear"].values for scene in scenes])
    np.testing.assert_array_equal(clear, plain_clear(numbers, slice(0, 6)))
    assert not clear[bright_land[dates]].any()
    for index, name in enumerate(("blue", "green", "red", "nir", "swir16", "swir22")):
        plain = numbers[:, index].astype(float)
        found = np.stack([scene[name].values for scene in scenes])
        np.testing.assert_allclose(found, np.where(plain == -9999, np.nan, plain * 1e-4), rtol=1e-6)


def test_cut_off_pixels_are_out_though_every_class_passes(folder: Path, archive: Archive) -> None:
    bright = (archive.numbers[:, GREEN_AND_SWIR] >= CUT_OFF).any(axis=(1, 2, 3))
    assert bright.sum() > 50
    every = source_of(folder, quality=PixelQuality(kind="classes", usable=(LAND, WATER, SHADOW, SNOW, CLOUD)))
    refs, _ = scene_folder.find_passes(every, None, CORRIDOR, *DAYS)
    chosen = [(ref, numbers) for ref, numbers, take in zip(refs, archive.numbers, bright, strict=True) if take][::4]
    seen = cut_off = 0
    for ref, numbers in chosen:
        clear = scene_folder.load_pass(ref, every, CORRIDOR)["clear"].values
        told = np.isin(numbers[7], (LAND, WATER, SHADOW, SNOW, CLOUD))
        over = (numbers[GREEN_AND_SWIR] >= CUT_OFF).any(axis=0)
        np.testing.assert_array_equal(clear, told & ~over)
        seen, cut_off = seen + int(clear.sum()), cut_off + int((told & over).sum())
    assert seen > 0 and cut_off > 100


def test_a_folder_of_forest_gives_no_water_and_says_why(archive: Archive) -> None:
    rules = SceneRules(min_clear_share=0.2, cloud_margin_m=0.0)
    reasons = [water_of(scene, CORRIDOR, rules, None) for scene in archive.scenes[::40]]
    assert all(isinstance(reason, Unusable) for reason in reasons)
    assert any("clear pixels in the corridor" in reason.reason for reason in reasons if isinstance(reason, Unusable))
    assert any("of the corridor is clear" in reason.reason for reason in reasons if isinstance(reason, Unusable))


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("LE70350321999205EDC00_stack.tif", "1999-07-24"),
        ("LT50350321984366XXX02.tif", "1984-12-31"),  # a leap year's last day
        ("LC81250522015033LGN00_2015-02-03_sr.tif", "2015-02-03"),  # an ISO date stands before it
        ("LE70350321999000EDC00.tif", None),
        ("XLE70350321999205EDC00.tif", None),
    ],
)
def test_day_in_a_landsat_name(folder: Path, tmp_path: Path, name: str, day: str | None) -> None:
    one = sorted(folder.glob("*.tif"))[0]
    (tmp_path / name).write_bytes(one.read_bytes())
    refs, skipped = scene_folder.find_passes(source_of(tmp_path), None, CORRIDOR, *DAYS)
    assert [f"{ref.time:%Y-%m-%d}" for ref in refs] == ([day] if day else [])
    assert [left_out.scene for left_out in skipped] == ([] if day else [name])
    by_tag = scene_folder.find_passes(source_of(tmp_path, date_from=("tag",)), None, CORRIDOR, *DAYS)
    assert by_tag[0] == []
