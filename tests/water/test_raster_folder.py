"""Dated masks: what is read is what is in the files, what is not usable is listed, and later files change nothing."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
import yaml
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pyproj import Geod, Proj
from rasterio.errors import NotGeoreferencedWarning

from erosion.config.region import Region, load_region
from erosion.config.sources import CATALOGUE, load_source
from erosion.core.contracts import check_water
from erosion.core.errors import Skipped, SourceError
from erosion.core.grid import Grid, region_grid
from erosion.gauges.combine import empty_gauges
from erosion.water import read as sources
from erosion.water.masks import raster_folder
from erosion.water.masks.entry import MaskValues, RasterFolder
from erosion.water.masks.packed import pack, pack_percent, unpack, unpack_percent, water_share
from erosion.water.masks.raster_folder import read_water

UTM = "EPSG:32620"
CORNER = (270000.0, -1620000.0)  # inside the Mamoré region


def mask(
    water: slice | tuple[slice, slice] = (slice(None), slice(4, 8)), shape: tuple[int, int] = (20, 12)
) -> np.ndarray:
    out = np.zeros(shape, np.uint8)
    out[water] = 1
    return out


def write(
    path: Path,
    array: np.ndarray,
    *,
    crs: str | None = UTM,
    corner: tuple[float, float] = CORNER,
    pixel: float = 30.0,
    transform: Affine | None = None,
    date: str | None = None,
    nodata: float | None = None,
) -> Path:
    bands = array if array.ndim == 3 else array[np.newaxis]
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": crs,
        "nodata": nodata,
        "compress": "deflate",
        "transform": transform or Affine(pixel, 0, corner[0], 0, -pixel, corner[1]),
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(bands)
        if date is not None:
            file.update_tags(acquisition_date=date)
    return path


def source(folder: Path, **changes: Any) -> RasterFolder:
    entry: dict[str, Any] = {
        "name": "masks",
        "driver": "raster_folder",
        "title": "masks",
        "path": folder,
        "values": MaskValues(water=(1,), land=(0,)),
        "cadence_days": 365.0,
        "latency_days": 16.0,
        "geo_rmse_m": 6.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "described_in": folder / "masks.yaml",
    }
    return RasterFolder(**{**entry, **changes})


@pytest.fixture(scope="module")
def mamore() -> Region:
    return load_region("mamore")


@pytest.fixture(scope="module")
def water(mamore: Region) -> xr.Dataset:
    dataset, skipped = sources.read_water(mamore, "2018-12-31", empty_gauges())
    assert skipped == []
    return dataset


# --- real masks -----------------------------------------------------------------------------------------------------


def test_the_mamore_masks_are_read_as_they_are(water: xr.Dataset) -> None:
    files = sorted((CATALOGUE / "datasets/mamore/masks").glob("*.tif"))
    check_water(water)
    assert water.sizes == {"epoch": 31, "y": 3470, "x": 1640}
    assert [str(day)[:10] for day in water["epoch"].values] == [f.stem[-10:] for f in files]
    assert (water["available_at"].values - water["epoch"].values == np.timedelta64(16, "D")).all()
    assert water["epoch"].dtype == water["available_at"].dtype == np.dtype("datetime64[ns]")
    for i in (0, 12, 30):
        with rasterio.open(files[i]) as file:
            plain = file.read(1)
            assert tuple(file.transform)[:6] == water.attrs["transform"]
        block = water["water_fraction"][i].values
        assert block.dtype == np.float32
        np.testing.assert_array_equal(block, plain)
        assert water["scene_id"].values[i] == files[i].name
    assert water["x"].values[0] == 245415.0 and water["y"].values[0] == -1524315.0
    assert (np.diff(water["y"].values) == -30).all()
    assert set(water["geo_rmse_m"].values) == {6.0} and set(water["source_id"].values) == {"mamore_masks"}


def test_masks_are_lazy_one_chunk_an_epoch_and_small(water: xr.Dataset) -> None:
    assert water["water_fraction"].chunks == ((1,) * 31, (3470,), (1640,))
    # As floats the series is 706 MB; what is kept between the read and the use is what has to be shipped to a worker.
    assert len(pickle.dumps(water)) < 3_000_000


def test_a_pickled_dataset_gives_the_same_pixels(water: xr.Dataset) -> None:
    again = pickle.loads(pickle.dumps(water))
    np.testing.assert_array_equal(
        again["water_fraction"][7, 900:950].values, water["water_fraction"][7, 900:950].values
    )


@pytest.fixture(scope="module")
def five(mamore: Region) -> tuple[xr.Dataset, np.ndarray]:
    dataset, _ = sources.read_water(mamore, "1990-12-31", empty_gauges())
    return dataset, dataset["water_fraction"].values


@pytest.mark.parametrize(
    "index",
    [
        np.s_[3],
        np.s_[3, 100:140, 300:500],
        np.s_[2:5, 100:140, 300:500],
        np.s_[::2, 1000:900:-7, ::50],
        np.s_[4, 1234],
        np.s_[4, :, 700],
        np.s_[[1, 4], 100:120],
        np.s_[4, [3, 9, 1200], 600:],
        np.s_[:, 1500, 800],
        np.s_[..., -1],
    ],
)
def test_any_window_is_the_window_of_the_whole(five: tuple[xr.Dataset, np.ndarray], index: Any) -> None:
    lazy, whole = five
    window = lazy["water_fraction"].data[index].compute()
    assert window.shape == whole[index].shape
    np.testing.assert_array_equal(window, whole[index])


def test_chunking_changes_nothing(five: tuple[xr.Dataset, np.ndarray]) -> None:
    lazy, whole = five
    other = lazy["water_fraction"].data.rechunk((5, 500, 333))
    np.testing.assert_array_equal(other.sum(axis=(1, 2)).compute(), whole.sum(axis=(1, 2)))


def test_a_scene_counts_from_the_day_it_could_be_had(mamore: Region) -> None:
    before, _ = sources.read_water(mamore, "2000-07-21", empty_gauges())  # the scene of 6 July 2000 came on the 22nd
    after, _ = sources.read_water(mamore, "2000-07-22", empty_gauges())
    assert str(before["epoch"].values[-1])[:10] == "1999-07-20"
    assert str(after["epoch"].values[-1])[:10] == "2000-07-06"


def test_the_athabasca_keeps_its_area_when_it_is_averaged_to_metres() -> None:
    region = load_region("athabasca")
    water, skipped = sources.read_water(region, "1988-12-31", empty_gauges())
    assert skipped == [] and water.sizes["epoch"] == 3
    assert [str(day)[:10] for day in water["available_at"].values] == ["1986-11-16", "1987-11-16", "1988-11-16"]
    assert float(water["x"].values[0] - 15) % 30 == 0 and float(water["y"].values[0] + 15) % 30 == 0
    block = water["water_fraction"][0].values
    assert np.nanmin(block) == 0 and np.nanmax(block) == 1
    percent = block[np.isfinite(block)] * 100
    np.testing.assert_allclose(percent, np.rint(percent), atol=2e-5)
    assert np.isnan(block[0, 0]) and np.isfinite(block[block.shape[0] // 2, block.shape[1] // 2])
    # Area on the ellipsoid, pixel row by pixel row, against the area of fractions in the projection.
    with rasterio.open(CATALOGUE / "datasets/athabasca/masks" / str(water["scene_id"].values[0])) as file:
        pixels, t = file.read(1), file.transform
    edge, geod = t.a, Geod(ellps="WGS84")
    tops = t.f + np.arange(pixels.shape[0]) * t.e
    cells = [abs(geod.polygon_area_perimeter([0, edge, edge, 0], [b, b, b - edge, b - edge])[0]) for b in tops]
    true = float((pixels.sum(axis=1) * np.array(cells)).sum())
    scale = Proj("EPSG:32612").get_factors(-111.46, 58.32).areal_scale
    assert np.nansum(block, dtype=float) * 900 == pytest.approx(true * scale, rel=5e-4)


# --- later files change nothing ---------------------------------------------------------------------------------------


def test_later_files_change_nothing_even_broken_ones(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "a_2000-07-01.tif", mask())
    (tmp_path / "broken_2001-07-01.tif").write_bytes(b"II*\0nonsense")
    first, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    pixels = first["water_fraction"].values
    write(tmp_path / "b_2002-07-01.tif", mask(np.s_[:, 6:11], (50, 40)))
    write(tmp_path / "c.tif", mask(np.s_[:, 6:11]), date="2003-07-01")
    write(tmp_path / "two_2003-07-02.tif", np.stack([mask(), mask()]))
    (tmp_path / "broken_2004-07-01.tif").write_bytes(b"")
    again, skipped_again = read_water(source(tmp_path), mamore, "2002-01-01")
    assert [s.scene for s in skipped] == ["broken_2001-07-01.tif"]
    assert skipped_again == skipped
    xr.testing.assert_identical(again.drop_vars("water_fraction"), first.drop_vars("water_fraction"))
    np.testing.assert_array_equal(again["water_fraction"].values, pixels)
    later, skipped_later = read_water(source(tmp_path), mamore, "2005-01-01")
    assert later.sizes["epoch"] == 3 and len(skipped_later) == 3
    assert later.attrs["content_hash"] != first.attrs["content_hash"]


def test_the_hash_follows_the_files(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "a_2000-07-01.tif", mask())
    one = read_water(source(tmp_path), mamore, "2002-01-01")[0].attrs["content_hash"]
    assert read_water(source(tmp_path), mamore, "2003-01-01")[0].attrs["content_hash"] == one
    write(tmp_path / "a_2000-07-01.tif", mask(np.s_[:, 5:8]))
    assert read_water(source(tmp_path), mamore, "2002-01-01")[0].attrs["content_hash"] != one


# --- dates ------------------------------------------------------------------------------------------------------------


def test_two_months_of_a_year_are_two_epochs_and_an_ambiguous_date_is_listed(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "river_2022-02.tif", mask(np.s_[:, 4:8]))
    write(tmp_path / "river_2022-11.tif", mask(np.s_[:, 6:10]))
    write(tmp_path / "river_11-02-2018.tif", mask())
    write(tmp_path / "Q1_2022.tif", mask())
    water, skipped = read_water(source(tmp_path), mamore, "2022-12-31")
    assert [str(day)[:10] for day in water["epoch"].values] == ["2022-02-15", "2022-11-15"]
    np.testing.assert_array_equal(water["water_fraction"].values, [mask(np.s_[:, 4:8]), mask(np.s_[:, 6:10])])
    assert [item.scene for item in skipped] == ["Q1_2022.tif", "river_11-02-2018.tif"]
    assert "the name holds Q1 beside the year" in skipped[0].reason
    assert "the name holds 11-02-2018, which is no ISO date" in skipped[1].reason
    assert not any(item.usual for item in skipped)


# --- grids ------------------------------------------------------------------------------------------------------------


def test_finer_pixels_are_averaged_by_area(tmp_path: Path, mamore: Region) -> None:
    fine = np.zeros((9, 9), np.uint8)
    fine[:, 4:] = 1  # 10 m pixels: one third of the second 30 m column is land
    fine[0, 0] = 1
    write(tmp_path / "a_2000-07-01.tif", fine, pixel=10.0)
    block = read_water(source(tmp_path), mamore, "2001-01-01")[0]["water_fraction"][0].values
    np.testing.assert_allclose(block, [[0.11, 0.67, 1], [0, 0.67, 1], [0, 0.67, 1]], atol=1e-6)


def test_a_shifted_lattice_is_averaged_and_half_seen_pixels_stay(tmp_path: Path, mamore: Region) -> None:
    whole = mask(np.s_[:, 2:4], (6, 6))
    write(tmp_path / "a_2000-07-01.tif", whole)
    write(tmp_path / "b_2001-07-01.tif", whole, corner=(CORNER[0] + 12, CORNER[1]))
    water = read_water(source(tmp_path), mamore, "2002-01-01")[0]
    assert water.sizes["x"] == 7 and water.sizes["y"] == 6
    a, b = water["water_fraction"].values[:, 3]
    np.testing.assert_allclose(a, [0, 0, 1, 1, 0, 0, np.nan], atol=1e-6)
    # Shifted 12 m east: 18 m of the first column are seen, 12 m of the last (less than half).
    np.testing.assert_allclose(b, [0, 0, 0.6, 1, 0.4, 0, np.nan], atol=1e-6)


def test_a_file_with_south_at_the_top_is_turned(tmp_path: Path, mamore: Region) -> None:
    right = mask(np.s_[2:5, 4:8])
    write(tmp_path / "a_2000-07-01.tif", right)
    flipped = Affine(30, 0, CORNER[0], 0, 30, CORNER[1] - 30 * 20)
    write(tmp_path / "b_2001-07-01.tif", right[::-1].copy(), transform=flipped)
    water = read_water(source(tmp_path), mamore, "2002-01-01")[0]["water_fraction"].values
    np.testing.assert_array_equal(water[0], right)
    np.testing.assert_array_equal(water[1], right)


def test_files_of_other_extent_on_the_same_lattice_are_moved_not_resampled(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "a_2000-07-01.tif", mask())
    write(tmp_path / "b_2001-07-01.tif", mask(), corner=(CORNER[0] - 60, CORNER[1] + 90))
    water = read_water(source(tmp_path), mamore, "2002-01-01")[0]
    assert water.sizes == {"epoch": 2, "y": 23, "x": 14}
    a, b = water["water_fraction"].values
    np.testing.assert_array_equal(a[3:, 2:], mask())
    np.testing.assert_array_equal(b[:20, :12], mask())
    assert np.isnan(a[:3]).all() and np.isnan(b[20:]).all()


@given(left=st.integers(-15, 15), up=st.integers(-25, 25), width=st.integers(1, 30), height=st.integers(1, 30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_grid_that_cuts_a_file_takes_its_part(
    tmp_path: Path, mamore: Region, left: int, up: int, width: int, height: int
) -> None:
    """The corridor of scenes is often smaller than a mask brought by hand."""
    array = mask()
    write(tmp_path / "2018.tif", array)
    grid = Grid(UTM, Affine(30, 0, CORNER[0] + 30 * left, 0, -30, CORNER[1] - 30 * up), width, height)
    whole = np.full((200, 200), np.nan)
    whole[80:100, 80:92] = array
    part = whole[80 + up : 80 + up + height, 80 + left : 80 + left + width]
    batch = raster_folder.collect(source(tmp_path), mamore, "2019-01-01")
    if np.isnan(part).all():
        with pytest.raises(SourceError, match="shows nothing of the region's corridor"):
            raster_folder.assemble(batch, mamore, grid)
        return
    beside = np.pad(part, 1, constant_values=np.nan)
    inner = np.isfinite(beside[:-2, 1:-1] + beside[2:, 1:-1] + beside[1:-1, :-2] + beside[1:-1, 2:])
    edge = part[np.isfinite(part) & ~inner]
    if np.nanmean(part) > 0.5 and edge.mean() >= 0.9:
        with pytest.raises(SourceError, match="no land on either side of a river"):
            raster_folder.assemble(batch, mamore, grid)
        return
    found, skipped = raster_folder.assemble(batch, mamore, grid)
    assert skipped == []
    np.testing.assert_array_equal(found["water_fraction"][0].values, part)


def test_a_grid_of_its_own_lattice_is_kept() -> None:
    own = Grid(UTM, Affine(30, 0, 270007.0, 0, -30, -1620011.0), 12, 20)
    assert region_grid([own, own], UTM, 30.0) == own
    snapped = region_grid([own], UTM, 10.0)
    assert snapped.transform.c == 270000.0 and snapped.transform.f == -1620010.0
    assert snapped.bounds[2] >= own.bounds[2] and snapped.bounds[1] <= own.bounds[1]


def test_a_grid_larger_than_a_continent_is_refused() -> None:
    far = Grid(UTM, Affine(30, 0, 9e6, 0, -30, 8e6), 10, 10)
    near = Grid(UTM, Affine(30, 0, *CORNER[:1], 0, -30, CORNER[1]), 10, 10)
    with pytest.raises(ValueError, match="take out a file that lies far"):
        region_grid([near, far], UTM, 30.0)


# --- nodata and values ------------------------------------------------------------------------------------------------


def test_nodata_of_the_file_and_of_the_catalogue_are_missing(tmp_path: Path, mamore: Region) -> None:
    array = mask()
    array[0, 0], array[1, 1] = 255, 9
    write(tmp_path / "a_2000-07-01.tif", array, nodata=255)
    block = read_water(source(tmp_path, nodata=9), mamore, "2001-01-01")[0]["water_fraction"][0].values
    assert np.isnan(block[0, 0]) and np.isnan(block[1, 1]) and np.isnan(block).sum() == 2
    assert np.nansum(block) == 80


def test_zero_may_be_nodata(tmp_path: Path, mamore: Region) -> None:
    array = mask() + np.uint8(1)
    array[:3] = 0
    write(tmp_path / "a_2000-07-01.tif", array, nodata=0)
    chosen = source(tmp_path, values=MaskValues(water=(2, 3), land=(1,)))
    block = read_water(chosen, mamore, "2001-01-01")[0]["water_fraction"][0].values
    assert np.isnan(block[:3]).all()
    np.testing.assert_array_equal(block[3:], mask()[3:])


@pytest.mark.parametrize("kind", ["float32", "int16", "float64"])
def test_masks_of_other_types(tmp_path: Path, mamore: Region, kind: str) -> None:
    array = mask().astype(kind)
    array[0, 0] = np.nan if kind.startswith("float") else -32768
    write(tmp_path / "a_2000-07-01.tif", array, nodata=None if kind == "float32" else array[0, 0])
    block = read_water(source(tmp_path), mamore, "2001-01-01")[0]["water_fraction"][0].values
    assert np.isnan(block[0, 0])
    np.testing.assert_array_equal(block.ravel()[1:], mask().ravel()[1:])


bits = npst.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 19)))


@given(bits, st.data())
def test_packing_loses_nothing(water: np.ndarray, data: st.DataObject) -> None:
    valid = data.draw(npst.arrays(np.bool_, water.shape))
    expected = np.where(valid, water, np.nan).astype(np.float32)
    np.testing.assert_array_equal(unpack(pack(water & valid, valid)), expected)
    np.testing.assert_array_equal(unpack(pack(water, None)), water)
    rows = slice(data.draw(st.integers(0, 8)), data.draw(st.integers(0, 9)), 2)
    cols = slice(data.draw(st.integers(0, 9)), None)
    np.testing.assert_array_equal(unpack(pack(water & valid, valid), rows, cols), expected[rows, cols])


@given(bits, st.data())
def test_the_share_of_water_is_that_of_the_valid_pixels(water: np.ndarray, data: st.DataObject) -> None:
    valid = data.draw(npst.arrays(np.bool_, water.shape))
    assert water_share(pack(water, None)) == water.mean()
    expected = water[valid].mean() if valid.any() else np.nan
    percent = np.where(valid, 100 * water, 255).astype(np.uint8)
    np.testing.assert_equal(water_share(pack(water & valid, valid)), expected)
    np.testing.assert_equal(water_share(pack_percent(percent)), expected)


@given(
    npst.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 19)), elements=st.integers(0, 100) | st.just(255))
)
def test_percent_packing_loses_nothing(percent: np.ndarray) -> None:
    np.testing.assert_array_equal(unpack_percent(pack_percent(percent)), percent)
    expected = np.where(percent == 255, np.nan, percent / 100)
    np.testing.assert_allclose(unpack(pack_percent(percent)), expected, atol=1e-6)


# --- several files a date -----------------------------------------------------------------------------------------------


def test_tiles_of_one_date_are_joined(tmp_path: Path, mamore: Region) -> None:
    whole = mask(np.s_[5:9, :], (20, 24))
    left, right = whole[:, :14].copy(), whole[:, 10:].copy()  # they overlap by four columns
    left[:, 12:] = 255
    write(tmp_path / "left_2000-07-01.tif", left, nodata=255)
    write(tmp_path / "right_2000-07-01.tif", right, corner=(CORNER[0] + 300, CORNER[1]))
    write(tmp_path / "other_2001-07-01.tif", whole)
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert skipped == [] and water.sizes["epoch"] == 2
    np.testing.assert_array_equal(water["water_fraction"].values[0], whole)
    assert water["scene_id"].values[0] == "left_2000-07-01.tif+right_2000-07-01.tif"


def test_files_of_one_date_that_disagree_are_dropped_and_listed(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "a_2000-07-01.tif", mask(np.s_[:, 4:8]))
    write(tmp_path / "b_2000-07-01.tif", mask(np.s_[:, 6:10]))
    write(tmp_path / "c_2001-07-01.tif", mask())
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert [str(day)[:10] for day in water["epoch"].values] == ["2001-07-01"]
    assert [s.scene for s in skipped] == ["a_2000-07-01.tif + b_2000-07-01.tif"]
    assert "80 of 240 common pixels (33.3%" in skipped[0].reason and "2000-07-01" in skipped[0].reason


def test_a_narrow_river_in_a_wide_image_does_not_hide_a_disagreement(tmp_path: Path, mamore: Region) -> None:
    # Both shores moved by a pixel: 0.4 % of the pixels, but a fifth of the river.
    write(tmp_path / "a_2000-07-01.tif", mask(np.s_[:, 200:209], (20, 500)))
    write(tmp_path / "b_2000-07-01.tif", mask(np.s_[:, 201:210], (20, 500)))
    with pytest.raises(SourceError, match="files of one date disagree"):
        read_water(source(tmp_path), mamore, "2002-01-01")


def test_a_pixel_or_two_may_differ(tmp_path: Path, mamore: Region) -> None:
    other = mask()
    other[3, 8] = 1
    write(tmp_path / "a_2000-07-01.tif", mask())
    write(tmp_path / "b_2000-07-01.tif", other)
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert skipped == []
    np.testing.assert_array_equal(water["water_fraction"].values[0], mask())


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


def test_where_land_is_nodata_in_every_mask_the_error_names_the_tag_once(tmp_path: Path, mamore: Region) -> None:
    for year in range(2000, 2007):
        write(tmp_path / f"a_{year}-07-01.tif", mask(), nodata=0)
    with pytest.raises(SourceError) as caught:
        read_water(source(tmp_path), mamore, "2008-01-01")
    assert str(caught.value).count("its nodata tag 0 is also the value of land") == 1
    assert "a_2003-07-01.tif, a_2004-07-01.tif and 2 more: its nodata tag 0" in str(caught.value)
    assert "gdal_edit.py -unsetnodata" in str(caught.value)


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


# --- several sources --------------------------------------------------------------------------------------------------


def test_two_sources_share_a_grid_and_the_sharper_one_stands(tmp_path: Path) -> None:
    base = yaml.safe_load((CATALOGUE / "mamore_masks.yaml").read_text("utf-8"))
    for name, error in (("landsat", 6.0), ("sentinel", 5.0)):
        (tmp_path / name).mkdir()
        entry = {**base, "name": name, "path": name, "geo_rmse_m": error}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")
    write(tmp_path / "landsat" / "a_2000-07-01.tif", mask())
    write(tmp_path / "landsat" / "b_2001-07-01.tif", mask())
    fine = np.repeat(np.repeat(mask(np.s_[:, 5:8]), 3, axis=0), 3, axis=1)
    write(tmp_path / "sentinel" / "c_2001-07-01.tif", fine, pixel=10.0)
    write(tmp_path / "sentinel" / "d_2002-07-01.tif", fine, pixel=10.0)
    region = yaml.safe_load((CATALOGUE / "regions" / "mamore.yaml").read_text("utf-8"))
    region |= {"name": "two", "water": ["landsat", "sentinel"], "gauges": []}
    del region["trigger"]  # there is no gauge
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(region, allow_unicode=True), "utf-8")
    water, skipped = sources.read_water(load_region(tmp_path / "two.yaml"), "2003-01-01", empty_gauges())
    assert list(water["scene_id"].values) == ["a_2000-07-01.tif", "c_2001-07-01.tif", "d_2002-07-01.tif"]
    assert list(water["source_id"].values) == ["landsat", "sentinel", "sentinel"]
    assert skipped == [Skipped("b_2001-07-01.tif", "another source has a sharper observation of 2001-07-01")]
    assert water["water_fraction"].chunks is not None and water["water_fraction"].chunks[0] == (1, 1, 1)
    np.testing.assert_array_equal(water["water_fraction"].values, [mask(), mask(np.s_[:, 5:8]), mask(np.s_[:, 5:8])])
    # A source whose files of its only date disagree does not stop the other, nor does one that had nothing yet.
    write(tmp_path / "landsat" / "a_again_2000-07-01.tif", mask(np.s_[:, 8:11]))
    write(tmp_path / "landsat" / "b_2001-07-01.tif", np.zeros((20, 12), np.uint8))
    one, skipped = sources.read_water(load_region(tmp_path / "two.yaml"), "2003-01-01", empty_gauges())
    assert list(one["source_id"].values) == ["sentinel", "sentinel"]
    assert [s.scene for s in skipped] == ["b_2001-07-01.tif", "landsat"]
    (tmp_path / "landsat" / "a_again_2000-07-01.tif").unlink()
    early, _ = sources.read_water(load_region(tmp_path / "two.yaml"), "2001-01-01", empty_gauges())
    assert list(early["source_id"].values) == ["landsat"]


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_in_which_files_arrive_changes_nothing(order: list[int]) -> None:
    import tempfile

    region = load_region("mamore")
    masks = CATALOGUE / "datasets/mamore/masks"
    files = sorted(masks.glob("*.tif"))[:4]
    chosen = load_source("mamore_masks")
    assert isinstance(chosen, RasterFolder)
    with tempfile.TemporaryDirectory() as folder:
        for i in order:
            shutil.copy(files[i], folder)
        water, _ = read_water(dataclasses.replace(chosen, path=Path(folder)), region, "2018-12-31")
        expected, _ = read_water(chosen, region, "1989-12-31")
        assert water.attrs["content_hash"] == expected.attrs["content_hash"]
