"""Files that are not what their items tell, or that are too much to read, are named and not read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from erosion.core.errors import SourceError
from tests.made_scenes import (
    CRS,
    X0,
    Y0,
    load_made,
    optical,
    write_band,
    write_item,
)


def test_metadata_with_another_crs_than_the_file(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1), properties={"proj:epsg": 32647})
    with pytest.raises(
        SourceError, match=r"^a: \w+ \(\w+\.tif\): its metadata say EPSG:32647, the file says EPSG:32648"
    ):
        load_made(tmp_path)


@pytest.mark.parametrize("code", ["EPSG:99999999", "nonsense"])
def test_metadata_with_a_crs_that_is_none(tmp_path: Path, code: str) -> None:
    write_item(tmp_path, "a", optical(1), properties={"proj:code": code})
    with pytest.raises(SourceError, match=rf"^a: \w+ \(\w+\.tif\): its metadata give the CRS '{code}', which is none"):
        load_made(tmp_path)


def test_metadata_with_another_place_than_the_file(tmp_path: Path) -> None:
    item = write_item(tmp_path, "a", optical(1))
    item["assets"]["green"]["proj:transform"][2] += 500
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    with pytest.raises(SourceError, match=r"green \(green.tif\): the file lies 500 m off"):
        load_made(tmp_path)


def test_a_file_without_a_position_is_placed_by_its_metadata_or_refused(tmp_path: Path) -> None:
    bands = optical(1)
    item = write_item(tmp_path, "a", bands)
    with pytest.warns(NotGeoreferencedWarning):
        write_band(tmp_path / "made" / "a" / "green.tif", bands["green"], crs=None)
    np.testing.assert_allclose(load_made(tmp_path)["green"].values, bands["green"][:120, :150] * 1e-4, rtol=1e-6)
    del item["assets"]["green"]["proj:transform"]
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    with pytest.raises(SourceError, match=r"green \(green.tif\): has no position"):
        load_made(tmp_path)


def declared(tmp_path: Path, pixels: int, block: int) -> None:
    """An item with a file that declares more than it holds; nothing of it is on the disk."""
    item = write_item(tmp_path, "a", optical(1))
    del item["assets"]["green"]["proj:transform"]
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    size = 2000.0 / pixels
    layout = {"tiled": True, "blockxsize": block, "blockysize": block, "compress": "deflate", "sparse_ok": True}
    place = {"crs": CRS, "transform": Affine(size, 0, X0, 0, -size, Y0)}
    rasterio.open(
        tmp_path / "made" / "a" / "green.tif", "w", driver="GTiff", width=pixels, height=pixels, count=1,
        dtype="uint16", nodata=0, **layout, **place,
    ).close()  # fmt: skip


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    declared(tmp_path, 20_000, 16_000)
    with pytest.raises(SourceError, match=r"green \(green.tif\): comes in blocks of 16000 x 16000 pixels, 512 MB each"):
        load_made(tmp_path)


def test_a_file_of_far_too_fine_pixels_is_refused(tmp_path: Path) -> None:
    declared(tmp_path, 40_000, 512)
    with pytest.raises(
        SourceError, match=r"green \(green.tif\): has 200 pixels along one of the region's; at most 100"
    ):
        load_made(tmp_path)


def test_a_wrong_scale_is_noticed(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    with pytest.raises(SourceError, match=r"green has the median 2.* not a surface reflectance.*made_s2.yaml"):
        load_made(tmp_path, scale=0.01)


def test_a_file_cut_short_on_this_disk(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    file = tmp_path / "made" / "a" / "nir.tif"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SourceError, match=r"^a: nir \(nir.tif\): cannot be read"):
        load_made(tmp_path)
