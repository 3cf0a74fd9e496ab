"""Pixel values of masks: missing data, types, packing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from erosion.config.region import Region
from erosion.water.masks.entry import MaskValues
from erosion.water.masks.packed import pack, pack_percent, unpack, unpack_percent, water_share
from erosion.water.masks.raster_folder import read_water
from tests.water.masks.made_masks import mask, source, write

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
