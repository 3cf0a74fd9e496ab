"""Masks that cannot be used are listed and the others go on."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from erosion.config.region import Region
from erosion.config.sources import CATALOGUE
from erosion.core.contracts import check_water
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.combine import empty_gauges
from erosion.water import read as sources
from erosion.water.masks.entry import MaskValues
from erosion.water.masks.raster_folder import read_water
from tests.water.masks.made_masks import CORNER, UTM, mask, source, write

# --- bad files ------------------------------------------------------------------------------------------------------------


def _truncated(path: Path) -> None:
    real = CATALOGUE / "datasets/mamore/masks/mamore_1990-07-27.tif"
    path.write_bytes(real.read_bytes()[:9000])


def _damaged(path: Path) -> None:
    real = (CATALOGUE / "datasets/mamore/masks/mamore_1990-07-27.tif").read_bytes()
    path.write_bytes(real[:6000] + b"\x5a" * 6000 + real[12000:])


def _huge(path: Path) -> None:
    options = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": UTM, "tiled": True, "compress": "deflate"}
    shape = {"height": 100_000, "width": 100_000, "blockxsize": 16384, "blockysize": 16384}
    transform = Affine(30, 0, *CORNER[:1], 0, -30, CORNER[1])
    with rasterio.open(path, "w", transform=transform, SPARSE_OK=True, **options, **shape):
        pass


def _no_position(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        write(path, mask(), transform=Affine.identity())


def _odd_values(path: Path) -> None:
    array = mask()
    array[0, :3] = 7
    write(path, array)


def _without_land() -> np.ndarray:
    array = mask()
    array[array == 0] = 255
    return array


LOCAL_CRS = 'LOCAL_CS["unnamed",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'


def _other_format(path: Path) -> None:
    elsewhere = path.parent.with_name(f"{path.parent.name}_elsewhere")
    elsewhere.mkdir()
    secret = write(elsewhere / "mask.tif", mask())
    band = f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
    place = f"<SRS>{UTM}</SRS><GeoTransform>{CORNER[0]}, 30, 0, {CORNER[1]}, 0, -30</GeoTransform>"
    head = f'<VRTDataset rasterXSize="12" rasterYSize="20">{place}'
    path.write_text(f'{head}<VRTRasterBand dataType="Byte" band="1">{band}</VRTRasterBand></VRTDataset>')


def _other_mask_band(path: Path) -> None:
    _other_format(path)
    path.rename(f"{path}.msk")
    write(path, mask())


def _other_overview(path: Path) -> None:
    write(path, mask())
    item = '<MDI key="OVERVIEW_FILE">elsewhere.tif</MDI>'
    Path(f"{path}.aux.xml").write_text(f'<PAMDataset><Metadata domain="OVERVIEWS">{item}</Metadata></PAMDataset>')


BAD: dict[str, tuple[Any, str]] = {
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "truncated": (_truncated, "cannot be read"),
    "damaged": (_damaged, "cannot be read"),
    "text": (lambda p: p.write_text("<html>404</html>"), "cannot be read"),
    "odd_values": (_odd_values, "has values that are not declared: 7 (3 pixels); if they are right, declare them"),
    "no_crs": (lambda p: write(p, mask(), crs=None), "has no CRS; write one into the file"),
    "no_position": (_no_position, "has no position"),
    "wrong_zone": (lambda p: write(p, mask(), crs="EPSG:32648"), "upstream point; its CRS EPSG:32648 or"),
    "degrees_said": (lambda p: write(p, mask(), crs="EPSG:4326"), "the region's upstream point; its CRS EPSG:4326"),
    "local_crs": (lambda p: write(p, mask(), crs=LOCAL_CRS), "its CRS is local, engineering, vertical or geocentric"),
    "vertical_crs": (lambda p: write(p, mask(), crs="EPSG:5773"), "its CRS is local, engineering, vertical"),
    "kilometres": (lambda p: write(p, mask(), pixel=30_000.0), "its pixels measure 3e+04 x 3e+04 m, against 30 m"),
    "millimetres": (lambda p: write(p, mask(), pixel=0.03), "its pixels measure 0.03 x 0.03 m, against 30 m"),
    "vrt": (_other_format, "cannot be read"),
    "vrt_mask": (_other_mask_band, "vrt_mask_2001-07-01.tif.msk beside it is no TIFF"),
    "overview": (_other_overview, "overview_2001-07-01.tif.aux.xml beside it names another file"),
    "bands": (lambda p: write(p, np.stack([mask()] * 3)), "has 3 bands; a mask has one"),
    "dry": (lambda p: write(p, np.zeros((20, 12), np.uint8)), "has no water pixel"),
    "void": (lambda p: write(p, np.full((20, 12), 255, np.uint8), nodata=255), "has no valid pixel"),
    "nodata_land": (
        lambda p: write(p, mask(), nodata=0),
        "its nodata tag 0 is also the value of land under 'values' in ",
    ),
    "nodata_water": (lambda p: write(p, mask(), nodata=1), "its nodata tag 1 is also the value of water"),
    "water_only": (
        lambda p: write(p, _without_land(), nodata=255),
        "water covers 100% of the pixels it shows and 100%",
    ),
    # Land in 2 of 12 columns: 200 of 240 pixels are water, and 56 of the 60 along the edge.
    "swapped": (
        lambda p: write(p, 1 - mask(np.s_[:, 5:7])),
        "water covers 83% of the pixels it shows and 93% of their",
    ),
    "huge": (_huge, "declares 100000 x 100000 pixels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_listed_and_the_others_go_on(tmp_path: Path, mamore: Region, kind: str) -> None:
    make, says = BAD[kind]
    good = [write(tmp_path / f"good_{year}-07-01.tif", mask()) for year in (2000, 2002)]
    make(tmp_path / f"{kind}_2001-07-01.tif")
    water, skipped = read_water(source(tmp_path), mamore, "2003-01-01")
    assert list(water["scene_id"].values) == [path.name for path in good]
    assert [s.scene for s in skipped] == [f"{kind}_2001-07-01.tif"]
    assert says in skipped[0].reason, skipped[0].reason
    np.testing.assert_array_equal(water["water_fraction"].values, [mask(), mask()])


def test_a_file_without_a_date_is_listed(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "good_2000-07-01.tif", mask())
    write(tmp_path / "river.tif", mask())
    _, skipped = read_water(source(tmp_path), mamore, "2003-01-01")
    reason = "no date: no tag acquisition_date; no date like 2018-06-22 and no year in the name"
    assert skipped == [Skipped("river.tif", reason)]


def test_every_ending_of_a_geotiff_is_read_and_every_other_file_is_listed(tmp_path: Path, mamore: Region) -> None:
    for name in ("a_2000-07-01.tif", "b_2001-07-01.TIF", "c_2002-07-01.tiff", "d_2003-07-01.Tiff"):
        write(tmp_path / name, mask())
    for name in ("e_2004-07-01.jp2", "later_2030-07-01.zip", "README.md", "a_2000-07-01.tif.aux.xml"):
        (tmp_path / name).write_text("<x/>")
    (tmp_path / "old").mkdir()
    water, skipped = read_water(source(tmp_path), mamore, "2005-01-01")
    assert [str(day)[:4] for day in water["epoch"].values] == ["2000", "2001", "2002", "2003"]
    assert [(item.scene, item.usual) for item in skipped] == [
        ("README.md", True), ("e_2004-07-01.jp2", False), ("old", True),
    ]  # fmt: skip
    assert skipped[1].reason.startswith("does not match the pattern under 'files' (*.tif); make it a GeoTIFF")


def test_a_folder_or_a_broken_link_in_place_of_a_mask_is_listed_from_its_date_on(
    tmp_path: Path, mamore: Region
) -> None:
    write(tmp_path / "a_2000-07-01.tif", mask())
    (tmp_path / "b_2001-07-01.tif").mkdir()
    (tmp_path / "c_2002-07-01.tif").symlink_to("nowhere.tif")
    listed = {}
    for day in ("2000-12-31", "2001-12-31", "2002-12-31"):
        water, skipped = read_water(source(tmp_path), mamore, day)
        assert water.sizes["epoch"] == 1 and not any(item.usual for item in skipped)
        listed[day] = [(item.scene, item.reason.split(";")[0]) for item in skipped]
    folder = ("b_2001-07-01.tif", "is a folder with the name of a file")
    link = ("c_2002-07-01.tif", "is a link that leads to no file (No such file or directory)")
    assert listed == {"2000-12-31": [], "2001-12-31": [folder], "2002-12-31": [folder, link]}


def test_where_nothing_is_left_the_error_lists_why(tmp_path: Path, mamore: Region) -> None:
    (tmp_path / "a_2000-07-01.tif").write_bytes(b"")
    write(tmp_path / "b_2001-07-01.tif", mask(), crs=None)
    with pytest.raises(SourceError) as caught:
        read_water(source(tmp_path), mamore, "2003-01-01")
    assert "a_2000-07-01.tif: is empty" in str(caught.value) and "b_2001-07-01.tif: has no CRS" in str(caught.value)
    with pytest.raises(SourceError, match=r"no file matches \*\.jp2"):
        read_water(source(tmp_path, files="*.jp2"), mamore, "2003-01-01")


def test_a_date_before_the_data(mamore: Region) -> None:
    with pytest.raises(SourceError, match=r"nothing was available on 1980-01-01; the first .* 1986-08-01"):
        sources.read_water(mamore, "1980-01-01", empty_gauges())


def test_a_single_epoch_is_a_dataset_of_one(mamore: Region) -> None:
    water, skipped = sources.read_water(mamore, "1986-12-31", empty_gauges())
    assert water.sizes["epoch"] == 1 and skipped == []
    check_water(water)


def test_where_water_and_land_are_swapped_in_every_mask_the_error_names_it(tmp_path: Path, mamore: Region) -> None:
    for year in (2000, 2001):
        write(tmp_path / f"a_{year}-07-01.tif", 1 - mask(np.s_[:, 5:7]))
    with pytest.raises(SourceError, match=r"water and land may be swapped under 'values'.*masks.yaml"):
        read_water(source(tmp_path), mamore, "2003-01-01")


# A strip of land of so many columns either side of a river of 14 columns and 400 rows, the rest missing. Swapped, the strips
# are the water: 2, 8 and 16 of 16, 22 and 30 columns, and all of the edge but the 28 pixels where the river crosses it.
@pytest.mark.parametrize(("strip", "share", "edge"), [(1, "12%", "97%"), (4, "36%", "97%"), (8, "53%", "97%")])
def test_swapped_masks_of_a_narrow_strip_along_the_river_are_named(
    tmp_path: Path, mamore: Region, strip: int, share: str, edge: str
) -> None:
    array = np.full((400, 60), 255, np.uint8)
    array[:, 20 - strip : 34 + strip] = 0
    array[:, 20:34] = 1
    write(tmp_path / "a_2000-07-01.tif", array, nodata=255)
    water, skipped = read_water(source(tmp_path), mamore, "2003-01-01")
    assert water.sizes["epoch"] == 1 and skipped == []
    swapped = source(tmp_path, values=MaskValues(water=(0,), land=(1,)))
    with pytest.raises(SourceError, match=f"water covers {share} of the pixels it shows and {edge} of their edge"):
        read_water(swapped, mamore, "2003-01-01")


def test_where_land_is_nodata_in_every_mask_the_error_names_the_tag_once(tmp_path: Path, mamore: Region) -> None:
    for year in range(2000, 2007):
        write(tmp_path / f"a_{year}-07-01.tif", mask(), nodata=0)
    with pytest.raises(SourceError) as caught:
        read_water(source(tmp_path), mamore, "2008-01-01")
    assert str(caught.value).count("its nodata tag 0 is also the value of land") == 1
    assert "a_2003-07-01.tif, a_2004-07-01.tif and 2 more: its nodata tag 0" in str(caught.value)
    assert "gdal_edit.py -unsetnodata" in str(caught.value)


def test_where_values_names_the_nodata_tag_by_mistake_the_values_are_to_be_mended(
    tmp_path: Path, mamore: Region
) -> None:
    pixels = mask()
    pixels[:2] = 255
    write(tmp_path / "a_2000-07-01.tif", pixels, nodata=255)
    with pytest.raises(SourceError) as caught:
        read_water(source(tmp_path, values=MaskValues(water=(1,), land=(255,))), mamore, "2008-01-01")
    assert "the file also holds 0, which 'values' does not name: is that its land? Mend 'values'" in str(caught.value)
    assert "gdal_edit" not in str(caught.value)


def test_a_wide_river_with_land_along_the_edge_is_used(tmp_path: Path, mamore: Region) -> None:
    # 10 of 12 columns are water; land is left on either side, in 40 of the 60 pixels along the edge.
    write(tmp_path / "a_2000-07-01.tif", mask(np.s_[:, 1:11]))
    water, skipped = read_water(source(tmp_path), mamore, "2003-01-01")
    assert skipped == []
    np.testing.assert_array_equal(water["water_fraction"][0].values, mask(np.s_[:, 1:11]))


def test_a_tile_that_is_all_water_is_joined_with_its_banks(tmp_path: Path, mamore: Region) -> None:
    whole = mask(np.s_[6:14, :], (20, 24))
    write(tmp_path / "top_2000-07-01.tif", whole[:8])
    write(tmp_path / "middle_2000-07-01.tif", whole[8:12], corner=(CORNER[0], CORNER[1] - 240))
    write(tmp_path / "bottom_2000-07-01.tif", whole[12:], corner=(CORNER[0], CORNER[1] - 360))
    water, skipped = read_water(source(tmp_path), mamore, "2003-01-01")
    assert skipped == []
    np.testing.assert_array_equal(water["water_fraction"][0].values, whole)
