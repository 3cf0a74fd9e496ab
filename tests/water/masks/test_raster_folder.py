"""Dated masks of a folder: read as they are, lazily, and only what was available."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import Geod, Proj

from erosion.config.region import Region, load_region
from erosion.config.sources import CATALOGUE
from erosion.core.contracts import check_water
from erosion.gauges.combine import empty_gauges
from erosion.water import read as sources
from erosion.water.masks.raster_folder import read_water
from tests.water.masks.made_masks import mask, source, write


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


# --- accepted masks ---------------------------------------------------------------------------------------------------


def test_a_date_is_accepted_where_all_of_its_files_are_and_only_then_is_the_content_another(
    tmp_path: Path, mamore: Region
) -> None:
    upper, lower = np.s_[:10], np.s_[10:]
    whole = mask()
    write(tmp_path / "a_2000-07-01.tif", whole)
    for name, part in (("b", upper), ("c", lower)):
        pixels = np.full_like(whole, 255)
        pixels[part] = whole[part]
        write(tmp_path / f"{name}_2001-07-01.tif", pixels)

    def read(*names: str, as_of: str = "2002-01-01") -> xr.Dataset:
        return read_water(source(tmp_path, nodata=255, accepted_files=names), mamore, as_of)[0]

    plain = read()
    assert plain["accepted"].to_numpy().tolist() == [False, False] and plain["accepted"].dtype == bool
    for names, accepted in (
        (("b_2001-07-01.tif",), [False, False]),
        (("b_2001-07-01.tif", "c_2001-07-01.tif"), [False, True]),
        (("a_2000-07-01.tif", "d.tif"), [True, False]),
    ):
        water = read(*names)
        assert water["accepted"].to_numpy().tolist() == accepted
        assert (water.attrs["content_hash"] == plain.attrs["content_hash"]) == (not any(accepted))
        assert water["water_fraction"].variable.equals(plain["water_fraction"].variable)
    # What is accepted of a later date is nothing to an earlier one.
    early = read(as_of="2000-12-31").attrs["content_hash"]
    assert read("b_2001-07-01.tif", "c_2001-07-01.tif", as_of="2000-12-31").attrs["content_hash"] == early
