"""Loading a pass: the right numbers at the right place, of one tile and of several. Files are real, cases computed by hand."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import Transformer

from erosion.config.scenes import SceneUnits
from erosion.core.errors import SourceError
from erosion.satellite import stac
from erosion.satellite.corridor import Corridor
from erosion.satellite.passes import THREADS, pass_bytes
from tests.made_scenes import (
    CRS,
    PIXEL,
    SIZE,
    X0,
    Y0,
    load_made,
    make_corridor,
    make_source,
    optical,
    write_item,
)

SEAM = Path(__file__).resolve().parents[1] / "data" / "stac" / "seam" / "catalog.json"
DAYS = ("2015-01-01", "2026-12-31")


def grid_xy(corridor: Corridor) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(corridor.grid.x, corridor.grid.y)


# --- numbers and what goes with them ----------------------------------------------------------------------------------


def test_values_place_and_attributes(tmp_path: Path) -> None:
    bands = optical(1)
    write_item(tmp_path, "a", bands, "2024-02-03T03:20:11Z")
    scene = load_made(tmp_path)
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
    scene = load_made(tmp_path, scale=0.0000275, offset=-0.2)
    np.testing.assert_allclose(scene["green"].values, 0.075, atol=1e-6)  # 10000 x 0.0000275 - 0.2


def test_a_band_the_items_lack_is_absent(tmp_path: Path) -> None:
    bands = optical(1)
    del bands["swir16"]
    write_item(tmp_path, "a", bands)
    assert set(load_made(tmp_path).data_vars) == {"green", "nir", "clear"}


def test_a_band_that_one_tile_lacks_leaves_its_pixels_clear_and_missing(tmp_path: Path) -> None:
    whole, part = optical(1), optical(11)
    del part["swir16"]
    part["nir"][:, 150:] = 0  # a band that is there but empty makes unclear
    write_item(tmp_path, "a", whole, "2024-02-03T03:20:00Z", properties={"grid:code": "MGRS-48PWR"})
    write_item(tmp_path, "b", part, "2024-02-03T03:20:09Z", x0=X0 + 2000, properties={"grid:code": "MGRS-48PXR"})
    scene = load_made(tmp_path, make_corridor(width=400))
    assert np.isfinite(scene["swir16"].values[:, :200]).all() and np.isnan(scene["swir16"].values[:, 200:]).all()
    assert scene["clear"].values[:, :350].all() and not scene["clear"].values[:, 350:].any()


def test_numbers_for_missing_and_saturated(tmp_path: Path) -> None:
    bands = optical(1)
    bands["green"][3, 4] = 0
    bands["nir"][5, 6] = 0
    bands["swir16"][7, 8] = 40_000
    write_item(tmp_path, "a", bands)
    scene = load_made(tmp_path)
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
    scene = load_made(tmp_path, make_corridor(x0=X0 + 3.0, y0=Y0 - 3.0))
    seen = scene["green"].values[np.isfinite(scene["green"].values)]
    np.testing.assert_allclose(seen, 0.2, atol=1e-6)
    assert np.isnan(scene["green"].values[:, 62:]).all()
    assert np.isfinite(scene["green"].values[2:-2, :58]).all()


def test_a_scene_without_any_pixel_is_all_missing_and_nowhere_clear(tmp_path: Path) -> None:
    bands = {name: np.zeros((SIZE, SIZE), np.uint16) for name in ("green", "nir", "swir16")}
    write_item(tmp_path, "a", {**bands, "scl": np.zeros((SIZE, SIZE), np.uint8)})
    scene = load_made(tmp_path)
    assert np.isnan(scene["green"].values).all() and not scene["clear"].values.any()


# --- several tiles ----------------------------------------------------------------------------------------------------


def test_overlapping_tiles_become_one_observation(tmp_path: Path) -> None:
    first, second = optical(1), optical(11)
    hole = (slice(20, 30), slice(120, 140))
    first["green"][hole] = 0  # nothing seen by the first tile there, though its other bands hold numbers
    write_item(tmp_path, "a", first, "2024-02-03T03:20:00Z", properties={"grid:code": "MGRS-48PWR"})
    write_item(tmp_path, "b", second, "2024-02-03T03:20:09Z", x0=X0 + 1000, properties={"grid:code": "MGRS-48PXR"})
    scene = load_made(tmp_path, make_corridor(width=320))
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
    scene = load_made(tmp_path, corridor)
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
    scene = load_made(tmp_path, corridor)
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
    scene = load_made(tmp_path, corridor)
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
    scene = load_made(tmp_path, south)
    np.testing.assert_allclose(scene["green"].values[1:-1, 1:-1], values[1:59, 1:79] * 1e-4, atol=2e-4)


def test_proj_code_and_proj_epsg_mean_the_same(tmp_path: Path) -> None:
    item = write_item(tmp_path, "a", optical(1))
    before = load_made(tmp_path)
    del item["properties"]["proj:epsg"]
    item["properties"]["proj:code"] = "EPSG:32648"
    (tmp_path / "made" / "a" / "a.json").write_text(json.dumps(item))
    xr.testing.assert_equal(before, load_made(tmp_path))


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
    scene = load_made(tmp_path, **RADAR)
    assert set(scene.data_vars) == {"vv", "vh"}
    assert scene.attrs["platform"] == "sentinel-1a"
    expected = bands["vv"][:120, :150].copy()
    expected[2, 3] = np.nan
    np.testing.assert_allclose(scene["vv"].values, expected, rtol=1e-6)


def test_incidence_is_degrees_and_not_scaled(tmp_path: Path) -> None:
    angle = np.tile(np.linspace(30, 46, SIZE, dtype=np.float32), (SIZE, 1))
    write_item(tmp_path, "a", {"vv": backscatter(1) * 2, "angle": angle}, nodata=-32768)
    bands = {"vv": ("vv",), "incidence": ("angle",)}
    scene = load_made(tmp_path, **{**RADAR, "bands": bands, "scale": 0.5})
    np.testing.assert_allclose(scene["vv"].values, backscatter(1)[:120, :150], rtol=1e-6)
    np.testing.assert_allclose(scene["incidence"].values, angle[:120, :150], rtol=1e-6)
    assert scene["incidence"].attrs["units"] == "degree"
    write_item(tmp_path, "a", {"vv": backscatter(1), "angle": np.deg2rad(angle)}, nodata=-32768)
    with pytest.raises(SourceError, match=r"incidence has the median 0\.6.*not an angle in degrees"):
        load_made(tmp_path, **{**RADAR, "bands": bands})


def test_decibels_are_no_linear_power(tmp_path: Path) -> None:
    bands = {"vv": 10 * np.log10(backscatter(1)), "vh": 10 * np.log10(backscatter(2))}
    write_item(tmp_path, "a", bands, nodata=-32768)
    with pytest.raises(SourceError, match="not a linear gamma0"):
        load_made(tmp_path, **RADAR)


def test_made_files_are_what_the_tests_think(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1))
    with rasterio.open(tmp_path / "made" / "a" / "green.tif") as file:
        assert file.crs.to_string() == CRS and file.res == (PIXEL, PIXEL) and file.nodata == 0
        assert (tmp_path / "made" / "a" / "green.tif").stat().st_size > 40_000
