"""From numbers to values: which pixels are clear, and the shift of Sentinel-2, subtracted exactly once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.config.scenes import PixelQuality
from erosion.satellite.calibration import usable
from erosion.satellite.items import BOA_SHIFT
from tests.made_scenes import (
    SIZE,
    X0,
    load_made,
    make_corridor,
    optical,
    write_band,
    write_item,
)

NEW = {"s2:processing_baseline": "05.09"}


# --- quality ----------------------------------------------------------------------------------------------------------


def test_classes_of_the_scene_classification(tmp_path: Path) -> None:
    classes = np.full((SIZE, SIZE), 4, np.uint8)
    classes[0, :12] = range(12)
    write_item(tmp_path, "a", optical(1, classes))
    clear = load_made(tmp_path)["clear"].values
    assert clear[0, :12].tolist() == [c in (2, 4, 5, 6, 7) for c in range(12)]
    assert clear[1:].all()


def test_bits_of_landsat_qa_pixel() -> None:
    # Values from the USGS table of QA_PIXEL: 21824 clear land, 21952 clear water, 22280 cloud, 23888 cloud shadow,
    # 30048 snow, 54596 cirrus, 21826 dilated cloud, 1 fill.
    rule = PixelQuality(kind="bits", refuse=(0, 1, 2, 3, 4, 5))
    values = np.array([21824, 21952, 22280, 23888, 30048, 54596, 21826, 1, np.nan])
    assert usable(values, rule).tolist() == [True, True] + [False] * 7


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50), st.sets(st.integers(0, 15), min_size=1))
def test_bits_law(values: list[int], refuse: set[int]) -> None:
    found = usable(np.array(values, float), PixelQuality(kind="bits", refuse=tuple(refuse)))
    assert found.tolist() == [not any(value >> bit & 1 for bit in refuse) for value in values]


@pytest.mark.parametrize("tag", [None, 0])
def test_pixels_marked_as_saturated_are_not_clear(tmp_path: Path, tag: int | None) -> None:
    # QA_RADSAT: bit 4 band 5, bit 11 hidden by terrain, bit 8 band 9 (of no use here). 0 is nothing saturated, also
    # where the file has it tagged as missing.
    flags = np.zeros((SIZE, SIZE), np.uint16)
    flags[0, :4] = (1 << 4, 1 << 11, 1 << 8, (1 << 4) + (1 << 8))
    classes = np.full((SIZE, SIZE), 4, np.uint8)
    classes[1, 0] = 9
    write_item(tmp_path, "a", {**optical(1, classes), "qa_radsat": flags})
    write_band(tmp_path / "made" / "a" / "qa_radsat.tif", flags, nodata=tag)
    rule = PixelQuality(kind="bits", refuse=(0, 1, 2, 3, 4, 5, 6, 9, 11))
    bands = {"green": ("green",), "nir": ("nir",), "quality": ("scl",), "saturation": ("qa_radsat",)}
    clear = load_made(tmp_path, bands=bands, saturation=rule)["clear"].values
    assert np.argwhere(~clear).tolist() == [[0, 0], [0, 1], [0, 3], [1, 0]]


def test_an_item_without_a_band_of_saturation_is_used_as_it_is(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    bands = {"green": ("green",), "nir": ("nir",), "quality": ("scl",), "saturation": ("qa_radsat",)}
    assert load_made(tmp_path, bands=bands, saturation=PixelQuality(kind="bits", refuse=(0,)))["clear"].values.all()


# --- the shift of Sentinel-2 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "shift"),
    [
        ({"s2:processing_baseline": "03.01"}, 0),
        ({"s2:processing_baseline": "04.00"}, 1000),
        ({"s2:processing_baseline": "05.10"}, 1000),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": False}, 1000),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": True}, 0),
        ({"s2:product_uri": "S2A_MSIL2A_20230815T095031_N0509_R079_T33TWL_20230815T155057.SAFE"}, 1000),
    ],
)
def test_1000_is_subtracted_exactly_once_where_it_is_due(tmp_path: Path, properties: dict, shift: int) -> None:
    bands = optical(1)
    item = write_item(tmp_path, "a", bands, properties=properties)
    for asset in item["assets"].values():  # advertised in any case, and not to be believed
        asset["raster:bands"] = [{"scale": 0.0001, "offset": -0.1, "nodata": 0}]
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    scene = load_made(tmp_path, boa_offset="sentinel2")
    for name in ("green", "nir", "swir16"):
        expected = (bands[name][:120, :150].astype(float) - shift) * 1e-4
        np.testing.assert_allclose(scene[name].values, expected, atol=2e-7)
    assert scene.attrs["boa_shift"] == {"a": float(shift)}
    assert scene.attrs["notes"] == []


def test_tiles_of_one_pass_are_shifted_each_by_its_own_rule(tmp_path: Path) -> None:
    left, right = optical(1), optical(11)
    write_item(tmp_path, "a", left, "2024-02-03T03:20:00Z", properties={**NEW, "grid:code": "MGRS-48PWR"})
    done = {**NEW, "earthsearch:boa_offset_applied": True, "grid:code": "MGRS-48PXR"}
    write_item(tmp_path, "b", right, "2024-02-03T03:20:09Z", x0=X0 + 1000, properties=done)
    scene = load_made(tmp_path, boa_offset="sentinel2")
    green = scene["green"].values
    np.testing.assert_allclose(green, (left["green"][:120, :150].astype(float) - 1000) * 1e-4, atol=2e-7)
    wide = load_made(tmp_path, make_corridor(width=300), boa_offset="sentinel2")["green"].values
    np.testing.assert_allclose(wide[:, 200:], right["green"][:120, 100:200] * 1e-4, atol=2e-7)
    np.testing.assert_allclose(wide[:, :150], green)


def test_an_item_that_wrongly_says_not_yet_subtracted_is_noticed(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    classes = np.full((SIZE, SIZE), 4, np.uint8)
    classes[:, 100:] = 9
    bands = {name: rng.integers(300, 1400, (SIZE, SIZE)).astype(np.uint16) for name in ("green", "nir", "swir16")}
    bands["green"][:, 100:] = 9000  # cloud over half of it tells nothing
    properties = {**NEW, "earthsearch:boa_offset_applied": False}
    write_item(tmp_path, "a", {**bands, "scl": classes}, properties=properties)
    scene = load_made(tmp_path, boa_offset="sentinel2")
    np.testing.assert_allclose(scene["nir"].values, bands["nir"][:120, :150] * 1e-4, rtol=1e-6)
    assert scene.attrs["boa_shift"] == {"a": 0.0}
    assert len(scene.attrs["notes"]) == 1 and "subtracted already" in scene.attrs["notes"][0]


def test_a_few_dark_pixels_do_not_stop_the_shift(tmp_path: Path) -> None:
    bands = optical(1)
    bands["green"][:15] = 990  # an eighth of the corridor's rows: deep shade
    write_item(tmp_path, "a", bands, properties=NEW)
    scene = load_made(tmp_path, boa_offset="sentinel2")
    assert scene.attrs["boa_shift"] == {"a": BOA_SHIFT}
    np.testing.assert_allclose(scene["green"].values[0], -0.001, atol=1e-6)
