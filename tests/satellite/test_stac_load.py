"""Loading a pass: the right numbers, at the right place, calibrated once. Files are real, cases are computed by hand."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from erosion.config.scenes import PixelQuality, SceneUnits
from erosion.core.contracts import check_scene
from erosion.core.errors import SourceError
from erosion.satellite import stac
from erosion.satellite.calibration import usable
from erosion.satellite.corridor import Corridor
from erosion.satellite.items import BOA_SHIFT
from erosion.satellite.passes import THREADS, pass_bytes
from tests.made_scenes import CRS, PIXEL, SIZE, X0, Y0, make_corridor, make_source, optical, write_band, write_item

SEAM = Path(__file__).resolve().parents[1] / "data" / "stac" / "seam" / "catalog.json"
DAYS = ("2015-01-01", "2026-12-31")
NEW = {"s2:processing_baseline": "05.09"}


def load(root: Path, corridor: Corridor | None = None, **changes: object) -> xr.Dataset:
    """Load the one pass of a folder."""
    source = make_source(root / "catalog.json", **changes)
    corridor = corridor or make_corridor()
    refs, skipped = stac.find_passes(source, None, corridor, *DAYS)
    assert skipped == []
    assert len(refs) == 1
    return check_scene(stac.load_pass(refs[0], source, corridor))


def grid_xy(corridor: Corridor) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(corridor.grid.x, corridor.grid.y)


# --- numbers and what goes with them ----------------------------------------------------------------------------------


def test_values_place_and_attributes(tmp_path: Path) -> None:
    bands = optical(1)
    write_item(tmp_path, "a", bands, "2024-02-03T03:20:11Z")
    scene = load(tmp_path)
    for name in ("green", "nir", "swir16"):
        assert scene[name].dtype == np.float32
        np.testing.assert_allclose(scene[name].values, bands[name][:120, :150] * 1e-4, rtol=1e-6)
        assert scene[name].attrs["units"] == "1"
    assert scene["clear"].dtype == bool and scene["clear"].values.all()
    assert (scene["x"].values[0], scene["y"].values[0]) == (X0 + 5, Y0 - 5)
    kept = {key: scene.attrs[key] for key in ("pass_id", "sensor", "platform", "time", "available_at", "native_m")}
    assert kept == {
        "pass_id": "made_s2-sentinel-2a-20240203-061",
        "sensor": "optical",
        "platform": "sentinel-2a",
        "time": "2024-02-03T03:20:11+00:00",
        "available_at": "2024-02-04T03:20:11+00:00",
        "native_m": 10.0,
    }
    assert scene.attrs["scene_ids"] == ["a"]


def test_scale_and_offset_of_landsat(tmp_path: Path) -> None:
    bands = {name: np.full((SIZE, SIZE), 10_000, np.uint16) for name in ("green", "nir", "swir16")}
    write_item(tmp_path, "a", {**bands, "scl": np.full((SIZE, SIZE), 4, np.uint8)})
    scene = load(tmp_path, scale=0.0000275, offset=-0.2)
    np.testing.assert_allclose(scene["green"].values, 0.075, atol=1e-6)  # 10000 x 0.0000275 - 0.2


def test_a_band_the_items_lack_is_absent(tmp_path: Path) -> None:
    bands = optical(1)
    del bands["swir16"]
    write_item(tmp_path, "a", bands)
    assert set(load(tmp_path).data_vars) == {"green", "nir", "clear"}


def test_a_band_that_one_tile_lacks_leaves_its_pixels_clear_and_missing(tmp_path: Path) -> None:
    whole, part = optical(1), optical(11)
    del part["swir16"]
    part["nir"][:, 150:] = 0  # a band that is there but empty makes unclear
    write_item(tmp_path, "a", whole, "2024-02-03T03:20:00Z", properties={"grid:code": "MGRS-48PWR"})
    write_item(tmp_path, "b", part, "2024-02-03T03:20:09Z", x0=X0 + 2000, properties={"grid:code": "MGRS-48PXR"})
    scene = load(tmp_path, make_corridor(width=400))
    assert np.isfinite(scene["swir16"].values[:, :200]).all() and np.isnan(scene["swir16"].values[:, 200:]).all()
    assert scene["clear"].values[:, :350].all() and not scene["clear"].values[:, 350:].any()


def test_numbers_for_missing_and_saturated(tmp_path: Path) -> None:
    bands = optical(1)
    bands["green"][3, 4] = 0
    bands["nir"][5, 6] = 0
    bands["swir16"][7, 8] = 40_000
    write_item(tmp_path, "a", bands)
    scene = load(tmp_path)
    assert np.isnan(scene["green"].values[3, 4]) and np.isnan(scene["nir"].values[5, 6])
    assert scene["swir16"].values[7, 8] == pytest.approx(4.0)
    unclear = np.argwhere(~scene["clear"].values).tolist()
    assert unclear == [[3, 4], [5, 6], [7, 8]]


@pytest.mark.parametrize("tagged", [True, False])
def test_nodata_by_tag_or_by_catalogue_alone(tmp_path: Path, tagged: bool) -> None:
    # On a shifted grid values are interpolated; the number for missing must not leak into its neighbours.
    bands = {name: np.full((SIZE, SIZE), 2000, np.uint16) for name in ("green", "nir", "swir16")}
    for values in bands.values():
        values[:, 60:] = 0
    item = {**bands, "scl": np.full((SIZE, SIZE), 4, np.uint8)}
    write_item(tmp_path, "a", item, nodata=0 if tagged else None)
    scene = load(tmp_path, make_corridor(x0=X0 + 3.0, y0=Y0 - 3.0))
    seen = scene["green"].values[np.isfinite(scene["green"].values)]
    np.testing.assert_allclose(seen, 0.2, atol=1e-6)
    assert np.isnan(scene["green"].values[:, 62:]).all()
    assert np.isfinite(scene["green"].values[2:-2, :58]).all()


def test_a_scene_without_any_pixel_is_all_missing_and_nowhere_clear(tmp_path: Path) -> None:
    bands = {name: np.zeros((SIZE, SIZE), np.uint16) for name in ("green", "nir", "swir16")}
    write_item(tmp_path, "a", {**bands, "scl": np.zeros((SIZE, SIZE), np.uint8)})
    scene = load(tmp_path)
    assert np.isnan(scene["green"].values).all() and not scene["clear"].values.any()


# --- quality ----------------------------------------------------------------------------------------------------------


def test_classes_of_the_scene_classification(tmp_path: Path) -> None:
    classes = np.full((SIZE, SIZE), 4, np.uint8)
    classes[0, :12] = range(12)
    write_item(tmp_path, "a", optical(1, classes))
    clear = load(tmp_path)["clear"].values
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
    clear = load(tmp_path, bands=bands, saturation=rule)["clear"].values
    assert np.argwhere(~clear).tolist() == [[0, 0], [0, 1], [0, 3], [1, 0]]


def test_an_item_without_a_band_of_saturation_is_used_as_it_is(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    bands = {"green": ("green",), "nir": ("nir",), "quality": ("scl",), "saturation": ("qa_radsat",)}
    assert load(tmp_path, bands=bands, saturation=PixelQuality(kind="bits", refuse=(0,)))["clear"].values.all()


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
    scene = load(tmp_path, boa_offset="sentinel2")
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
    scene = load(tmp_path, boa_offset="sentinel2")
    green = scene["green"].values
    np.testing.assert_allclose(green, (left["green"][:120, :150].astype(float) - 1000) * 1e-4, atol=2e-7)
    wide = load(tmp_path, make_corridor(width=300), boa_offset="sentinel2")["green"].values
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
    scene = load(tmp_path, boa_offset="sentinel2")
    np.testing.assert_allclose(scene["nir"].values, bands["nir"][:120, :150] * 1e-4, rtol=1e-6)
    assert scene.attrs["boa_shift"] == {"a": 0.0}
    assert len(scene.attrs["notes"]) == 1 and "subtracted already" in scene.attrs["notes"][0]


def test_a_few_dark_pixels_do_not_stop_the_shift(tmp_path: Path) -> None:
    bands = optical(1)
    bands["green"][:15] = 990  # an eighth of the corridor's rows: deep shade
    write_item(tmp_path, "a", bands, properties=NEW)
    scene = load(tmp_path, boa_offset="sentinel2")
    assert scene.attrs["boa_shift"] == {"a": BOA_SHIFT}
    np.testing.assert_allclose(scene["green"].values[0], -0.001, atol=1e-6)


# --- several tiles ----------------------------------------------------------------------------------------------------


def test_overlapping_tiles_become_one_observation(tmp_path: Path) -> None:
    first, second = optical(1), optical(11)
    hole = (slice(20, 30), slice(120, 140))
    first["green"][hole] = 0  # nothing seen by the first tile there, though its other bands hold numbers
    write_item(tmp_path, "a", first, "2024-02-03T03:20:00Z", properties={"grid:code": "MGRS-48PWR"})
    write_item(tmp_path, "b", second, "2024-02-03T03:20:09Z", x0=X0 + 1000, properties={"grid:code": "MGRS-48PXR"})
    scene = load(tmp_path, make_corridor(width=320))
    assert scene.attrs["scene_ids"] == ["a", "b"]
    for name in ("green", "nir", "swir16"):
        expected = np.full((120, 320), np.nan)
        expected[:, 100:300] = second[name][:120] * 1e-4
        expected[:, :200] = first[name][:120] * 1e-4
        expected[hole] = second[name][20:30, 20:40] * 1e-4
        np.testing.assert_allclose(scene[name].values, expected, rtol=1e-6)
    assert scene["clear"].values[:, :300].all() and not scene["clear"].values[:, 300:].any()


def test_windows_outside_the_corridor_are_not_read(tmp_path: Path) -> None:
    shape = (30, 1200)
    write_item(tmp_path, "a", optical(1, shape=shape))
    corridor = make_corridor(width=1200, height=30)
    corridor.inside[:, 1000:] = False
    scene = load(tmp_path, corridor)
    assert np.isfinite(scene["green"].values[:, :1024]).all()
    assert np.isnan(scene["green"].values[:, 1024:]).all() and not scene["clear"].values[:, 1024:].any()


def test_a_pass_takes_the_memory_that_is_foreseen_for_it(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    corridor = make_corridor(width=3000, height=1500)
    corridor.inside[:, 300:] = False  # one window of 1024 x 1024 in rows 0 to 1023, one of 476 rows below it
    source = make_source(tmp_path / "catalog.json")
    (ref,), _ = stac.find_passes(source, None, corridor, *DAYS)
    stac.load_pass(ref, source, corridor)  # what is imported and remembered is not the pass's
    tracemalloc.start()
    scene = stac.load_pass(ref, source, corridor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert scene["green"].shape == (1500, 3000)
    foreseen = pass_bytes(source, corridor)
    assert foreseen == 1500 * 1024 * (3 * 4 + 1 + 2 + 1)
    reads = THREADS * 3 * 4 * 1024 * 1024  # what is read, what is resampled, which of it is the item's
    assert foreseen <= peak <= foreseen + reads


def test_real_tiles_agree_where_they_overlap() -> None:
    # Two tiles of one pass over the same ground, cut on pixel grids half a pixel apart, in files without a position.
    source = dataclasses.replace(
        make_source("x"),
        catalog=str(SEAM),
        collection="sentinel-2-l2a",
        boa_offset="sentinel2",
        bands={"green": ("green",), "nir": ("nir",), "quality": ("scl",)},
    )
    corridor = make_corridor(44, 36, 549_300.0, 5_098_620.0, 120.0, "EPSG:32633")
    refs, skipped = stac.find_passes(source, None, corridor, "2023-08-13", "2023-08-15")
    assert skipped == []
    assert [ref.pass_id for ref in refs] == [
        "made_s2-sentinel-2b-20230813-122",
        "made_s2-sentinel-2a-20230815-079",
    ]
    for ref in refs:
        assert len(ref.items) == 2
        one, other = (
            stac.load_pass(type(ref)(**{**ref.__dict__, "items": (item,)}), source, corridor) for item in ref.items
        )
        assert one.attrs["native_m"] == 120.0 and set(one.attrs["boa_shift"].values()) == {0.0}
        a, b = one["green"].values, other["green"].values
        both = np.isfinite(a) & np.isfinite(b)
        assert both.mean() > 0.8
        right = np.corrcoef(a[both], b[both])[0, 1]
        assert right > 0.45  # every twelfth pixel was kept when the files were made, so small fields differ
        for rows, cols in ((0, 1), (1, 0), (0, -1), (-1, 0), (2, 2), (-2, 2)):  # any displacement fits worse
            moved = np.roll(b, (rows, cols), (0, 1))
            fits = both & np.isfinite(moved)
            assert np.corrcoef(a[fits], moved[fits])[0, 1] < right
        assert 0.03 < np.nanmedian(a) < 0.09  # summer fields and woods


# --- grids ------------------------------------------------------------------------------------------------------------


def test_coarser_bands_are_interpolated_and_finer_ones_averaged(tmp_path: Path) -> None:
    columns = np.arange(SIZE // 2)
    ramp = np.tile(1000 + 20 * columns, (SIZE // 2, 1)).astype(np.uint16)  # at 20 m: 20 more a pixel, 1 a metre
    fine = np.random.default_rng(3).integers(1000, 3000, (2 * SIZE, 2 * SIZE)).astype(np.uint16)
    classes = np.random.default_rng(4).choice([4, 9], (SIZE // 2, SIZE // 2)).astype(np.uint8)
    bands = {"green": optical(1)["green"], "nir": fine, "swir16": ramp, "scl": classes}
    write_item(tmp_path, "a", bands, pixels={"nir": 5.0, "swir16": 20.0, "scl": 20.0})
    corridor = make_corridor()
    scene = load(tmp_path, corridor)
    x, _ = grid_xy(corridor)
    # The centre of the first 20 m pixel lies 10 m in; between centres the ramp goes on by 1 a metre.
    expected = (1000 + (x - (X0 + 10))) * 1e-4
    np.testing.assert_allclose(scene["swir16"].values[5:-5, 5:-5], expected[5:-5, 5:-5], atol=1.1e-4)
    means = fine[:240, :300].reshape(120, 2, 150, 2).mean((1, 3)) * 1e-4
    np.testing.assert_allclose(scene["nir"].values, means, atol=1e-6)
    np.testing.assert_array_equal(scene["clear"].values, (np.kron(classes, np.ones((2, 2))) == 4)[:120, :150])
    assert scene.attrs["native_m"] == 5.0


def field(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth field over the made-up region, in numbers of a file."""
    return 2000 + 0.1 * (x - X0) - 0.2 * (y - Y0)


@pytest.mark.parametrize("crs", ["EPSG:32647", "EPSG:32649"])
def test_a_tile_of_the_neighbouring_zone_falls_into_place(tmp_path: Path, crs: str) -> None:
    corridor = make_corridor(80, 60)
    to_zone = Transformer.from_crs(CRS, crs, always_xy=True)
    cx, cy = to_zone.transform(X0 + 400, Y0 - 300)
    x0, y0 = round(cx / 10) * 10 - 1000, round(cy / 10) * 10 + 1000
    xs, ys = np.meshgrid(x0 + 5 + 10 * np.arange(SIZE), y0 - 5 - 10 * np.arange(SIZE))
    values = field(*to_zone.transform(xs, ys, direction="INVERSE")).round().astype(np.uint16)
    bands = dict.fromkeys(("green", "nir", "swir16"), values)
    write_item(tmp_path, "a", {**bands, "scl": np.full((SIZE, SIZE), 6, np.uint8)}, x0=x0, y0=y0, crs=crs)
    scene = load(tmp_path, corridor)
    expected = field(*grid_xy(corridor)) * 1e-4
    assert np.isfinite(scene["green"].values).all()
    # A whole pixel off would be 1 to 2 numbers; rounding is half a number.
    np.testing.assert_allclose(scene["green"].values, expected, atol=0.8e-4)


def test_southern_hemisphere_with_negative_northings(tmp_path: Path) -> None:
    # Landsat gives southern scenes in the northern zone: EPSG:32620 with negative northings.
    south = make_corridor(80, 60, 700_000.0, 8_700_000.0, 30.0, "EPSG:32720")
    values = np.random.default_rng(1).integers(8000, 20_000, (100, 120)).astype(np.uint16)
    bands = dict.fromkeys(("green", "nir", "swir16"), values)
    bands["scl"] = np.full(values.shape, 6, np.uint8)
    write_item(tmp_path, "a", bands, x0=700_000.0, y0=-1_300_000.0, pixel=30.0, crs="EPSG:32620")
    scene = load(tmp_path, south)
    np.testing.assert_allclose(scene["green"].values[1:-1, 1:-1], values[1:59, 1:79] * 1e-4, atol=2e-4)


def test_proj_code_and_proj_epsg_mean_the_same(tmp_path: Path) -> None:
    item = write_item(tmp_path, "a", optical(1))
    before = load(tmp_path)
    del item["properties"]["proj:epsg"]
    item["properties"]["proj:code"] = "EPSG:32648"
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    xr.testing.assert_equal(before, load(tmp_path))


# --- what is wrong with it --------------------------------------------------------------------------------------------


def test_metadata_with_another_crs_than_the_file(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1), properties={"proj:epsg": 32647})
    with pytest.raises(
        SourceError, match=r"^a: \w+ \(\w+\.tif\): its metadata say EPSG:32647, the file says EPSG:32648"
    ):
        load(tmp_path)


@pytest.mark.parametrize("code", ["EPSG:99999999", "nonsense"])
def test_metadata_with_a_crs_that_is_none(tmp_path: Path, code: str) -> None:
    write_item(tmp_path, "a", optical(1), properties={"proj:code": code})
    with pytest.raises(SourceError, match=rf"^a: \w+ \(\w+\.tif\): its metadata give the CRS '{code}', which is none"):
        load(tmp_path)


def test_metadata_with_another_place_than_the_file(tmp_path: Path) -> None:
    item = write_item(tmp_path, "a", optical(1))
    item["assets"]["green"]["proj:transform"][2] += 500
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    with pytest.raises(SourceError, match=r"green \(green.tif\): the file lies 500 m off"):
        load(tmp_path)


def test_a_file_without_a_position_is_placed_by_its_metadata_or_refused(tmp_path: Path) -> None:
    bands = optical(1)
    item = write_item(tmp_path, "a", bands)
    write_band(tmp_path / "made" / "a" / "green.tif", bands["green"], crs=None)
    np.testing.assert_allclose(load(tmp_path)["green"].values, bands["green"][:120, :150] * 1e-4, rtol=1e-6)
    del item["assets"]["green"]["proj:transform"]
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    with pytest.raises(SourceError, match=r"green \(green.tif\): has no position"):
        load(tmp_path)


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
        load(tmp_path)


def test_a_file_of_far_too_fine_pixels_is_refused(tmp_path: Path) -> None:
    declared(tmp_path, 40_000, 512)
    with pytest.raises(
        SourceError, match=r"green \(green.tif\): has 200 pixels along one of the region's; at most 100"
    ):
        load(tmp_path)


def test_a_wrong_scale_is_noticed(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    with pytest.raises(SourceError, match=r"green has the median 2.* not a surface reflectance.*made_s2.yaml"):
        load(tmp_path, scale=0.01)


def test_a_file_cut_short_on_this_disk(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    file = tmp_path / "made" / "a" / "nir.tif"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SourceError, match=r"^a: nir \(nir.tif\): cannot be read"):
        load(tmp_path)


# --- radar ------------------------------------------------------------------------------------------------------------

RADAR = {
    "sensor": "radar",
    "units": SceneUnits(backscatter="1"),
    "scale": 1.0,
    "nodata": -32768.0,
    "saturated_from": None,
    "quality": None,
    "bands": {"vv": ("vv", "gamma0_vv"), "vh": ("vh", "gamma0_vh")},
}


def backscatter(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.0, 0.02, (SIZE, SIZE)).astype(np.float32)


def test_radar_is_linear_power_without_clear(tmp_path: Path) -> None:
    bands = {"vv": backscatter(1), "vh": backscatter(2) / 5}
    bands["vv"][2, 3] = -32768
    write_item(tmp_path, "a", bands, properties={"platform": "SENTINEL-1A"}, nodata=-32768)
    scene = load(tmp_path, **RADAR)
    assert set(scene.data_vars) == {"vv", "vh"}
    assert scene.attrs["platform"] == "sentinel-1a"
    expected = bands["vv"][:120, :150].copy()
    expected[2, 3] = np.nan
    np.testing.assert_allclose(scene["vv"].values, expected, rtol=1e-6)


def test_incidence_is_degrees_and_not_scaled(tmp_path: Path) -> None:
    angle = np.tile(np.linspace(30, 46, SIZE, dtype=np.float32), (SIZE, 1))
    write_item(tmp_path, "a", {"vv": backscatter(1) * 2, "angle": angle}, nodata=-32768)
    bands = {"vv": ("vv",), "incidence": ("angle",)}
    scene = load(tmp_path, **{**RADAR, "bands": bands, "scale": 0.5})
    np.testing.assert_allclose(scene["vv"].values, backscatter(1)[:120, :150], rtol=1e-6)
    np.testing.assert_allclose(scene["incidence"].values, angle[:120, :150], rtol=1e-6)
    assert scene["incidence"].attrs["units"] == "degree"
    write_item(tmp_path, "a", {"vv": backscatter(1), "angle": np.deg2rad(angle)}, nodata=-32768)
    with pytest.raises(SourceError, match=r"incidence has the median 0\.6.*not an angle in degrees"):
        load(tmp_path, **{**RADAR, "bands": bands})


def test_decibels_are_no_linear_power(tmp_path: Path) -> None:
    bands = {"vv": 10 * np.log10(backscatter(1)), "vh": 10 * np.log10(backscatter(2))}
    write_item(tmp_path, "a", bands, nodata=-32768)
    with pytest.raises(SourceError, match="not a linear gamma0"):
        load(tmp_path, **RADAR)


def test_made_files_are_what_the_tests_think(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    with rasterio.open(tmp_path / "made" / "a" / "green.tif") as file:
        assert file.crs.to_string() == CRS and file.res == (PIXEL, PIXEL) and file.nodata == 0
        assert (tmp_path / "made" / "a" / "green.tif").stat().st_size > 40_000
