"""GeoTIFF only: another format, or a companion that leads elsewhere, is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.crs
from affine import Affine
from rasterio.errors import RasterioIOError

from erosion.core.raster.geotiff import crs_problem, open_geotiff


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=4, height=3, count=1, dtype="uint8", crs="EPSG:32648", transform=Affine(10, 0, 0, 0, -10, 0)
    ) as file:  # fmt: skip
        file.write(np.arange(12, dtype=np.uint8).reshape(1, 3, 4))
    return path


def test_a_geotiff_is_opened(tiff: Path) -> None:
    with open_geotiff(tiff) as file:
        assert file.read(1)[2, 3] == 11 and file.crs.to_epsg() == 32648


def test_a_virtual_raster_with_the_ending_of_a_tiff_is_refused(tiff: Path) -> None:
    vrt = tiff.with_name("b.tif")
    vrt.write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="3"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{tiff}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with rasterio.open(vrt) as file:  # as GDAL would have it
        assert file.read(1)[2, 3] == 11
    with pytest.raises(RasterioIOError):
        open_geotiff(vrt)


@pytest.mark.parametrize(
    ("ending", "content", "words"),
    [
        (".msk", b"<VRTDataset/>", "a.tif.msk beside it is no TIFF"),
        (".OVR", b"<VRT", "a.tif.OVR beside it is no TIFF"),
        (".aux.xml", b'<PAMDataset><Metadata><MDI key="Overview_File">/etc/x</MDI></Metadata></PAMDataset>', "names another file"),
    ],
)  # fmt: skip
def test_a_companion_that_leads_elsewhere_is_refused(tiff: Path, ending: str, content: bytes, words: str) -> None:
    tiff.with_name(tiff.name + ending).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        open_geotiff(tiff)


def test_companions_that_hold_data_are_no_matter(tiff: Path) -> None:
    tiff.with_name("a.tif.aux.xml").write_text("<PAMDataset/>")
    tiff.with_name("a.tif.txt").write_text("notes")
    tiff.with_name("another.tif.ovr").write_bytes(b"<VRT")
    with rasterio.open(
        tiff.with_name("a.tif.msk"), "w", driver="GTiff", width=4, height=3, count=1, dtype="uint8"
    ) as mask:
        mask.write(np.full((1, 3, 4), 255, np.uint8))
    with open_geotiff(tiff) as file:
        assert file.count == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EPSG:32648", None),
        ("EPSG:4326", None),
        ('LOCAL_CS["site",UNIT["metre",1]]', "local, engineering, vertical or geocentric"),
        ("EPSG:4978", "local, engineering, vertical or geocentric"),
    ],
)
def test_a_system_that_gives_no_place(text: str, words: str | None) -> None:
    problem = crs_problem(rasterio.crs.CRS.from_user_input(text))
    assert problem is None if words is None else words in str(problem)


def test_no_system_at_all() -> None:
    assert str(crs_problem(None)).startswith("has no CRS; write one into the file")
