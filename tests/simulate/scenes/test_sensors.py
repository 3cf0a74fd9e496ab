"""What a simulated picture promises: numbers of the product, the truth under them, and mistakes of a known kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from erosion.core.raster.grid import Grid
from erosion.simulate.river.river import River
from erosion.simulate.scenes.ground import BANDS, REFLECTANCE, Ground, moved_picture
from erosion.simulate.scenes.sensors import (
    LANDSAT_OFFSET,
    LANDSAT_SCALE,
    SPECKLE_LOOKS,
    block_mean,
    blurred,
    cloud_percent,
    refined,
    simulate_landsat,
    simulate_sentinel1,
    simulate_sentinel2,
)
from erosion.simulate.scenes.sky import Sky
from tests.simulate.made import CRS, grid_over, small_river

DAY = "2022-02-10T03:18:00"
GRID = grid_over(10.0)
COARSE = grid_over(30.0)


@pytest.fixture(scope="module")
def river() -> River:
    return small_river(width_m=300.0)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def inner_water(river: River, grid: Grid) -> NDArray[np.bool_]:
    """Pixels at least two pixels inside the river."""
    place = river.position(grid)
    return river.distance(np.datetime64(DAY), place.s, place.n) > 2 * grid.pixel_m  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_picture(river: River) -> None:
    for see, grid in ((simulate_sentinel2, GRID), (simulate_landsat, COARSE), (simulate_sentinel1, GRID)):
        first, again, other = (see(river, DAY, grid, rng(k)) for k in (1, 1, 2))
        assert all((first[band] == again[band]).all() for band in first)
        assert all((first[band] != other[band]).any() for band in first)


def test_sentinel2_gives_the_bands_of_its_product(river: River) -> None:
    picture = simulate_sentinel2(river, DAY, GRID, rng())
    assert {band: (values.shape, values.dtype.name) for band, values in picture.items()} == {
        **dict.fromkeys(("blue", "green", "red", "nir"), (GRID.shape, "uint16")),
        **dict.fromkeys(("swir16", "swir22"), ((GRID.height // 2, GRID.width // 2), "uint16")),
        "scl": ((GRID.height // 2, GRID.width // 2), "uint8"),
    }
    assert all((values > 0).all() for values in picture.values())  # 0 is missing
    odd = Grid(CRS, GRID.transform, GRID.width - 1, GRID.height)
    with pytest.raises(ValueError, match="even"):
        simulate_sentinel2(river, DAY, odd, rng())


def test_numbers_come_back_to_the_reflectance_of_water_and_to_one_another(river: River) -> None:
    raised = simulate_sentinel2(river, DAY, GRID, rng(3), stage_m=0.0, offset_dn=1000)
    plain = [simulate_sentinel2(river, DAY, GRID, rng(k), stage_m=0.0) for k in range(3, 10)]
    landsat = [simulate_landsat(river, DAY, COARSE, rng(k), stage_m=0.0) for k in range(3, 10)]
    for i, band in enumerate(BANDS):
        assert (raised[band].astype(int) - 1000 == plain[0][band]).all()
        factor = GRID.height // raised[band].shape[0]
        deep = inner_water(river, GRID)[factor // 2 :: factor, factor // 2 :: factor]
        name = {"nir": "nir08"}.get(band, band)
        far = inner_water(river, COARSE)
        # Haze and the scene's own turbidity lie on top: a hundredth in the middle of seven scenes.
        here = np.median([np.median(p[band][deep]) for p in plain]) * 0.0001
        there = np.median([np.median(p[name][far]) for p in landsat]) * LANDSAT_SCALE + LANDSAT_OFFSET
        assert here == pytest.approx(REFLECTANCE["water_dry"][i], abs=0.012)
        assert there == pytest.approx(REFLECTANCE["water_dry"][i], abs=0.012)


def test_flood_water_is_brighter_in_red_and_near_infrared(river: River) -> None:
    low, high = (simulate_sentinel2(river, DAY, GRID, rng(4), stage_m=level) for level in (0.0, 2.5))
    deep = inner_water(river, GRID)
    for band in ("red", "nir"):
        assert np.median(high[band][deep]) > 1.3 * np.median(low[band][deep])


def test_share_of_water_mixes_the_reflectance_of_the_pixels(river: River) -> None:
    # Near infrared, cut bank against water: what the pixels lack of land's brightness is water, whatever the seed.
    stage = 0.0
    pictures = [simulate_sentinel2(river, DAY, GRID, rng(k), stage_m=stage)["nir"] * 0.0001 for k in range(6)]
    nir = np.mean(pictures, axis=0)
    place = river.position(GRID)
    distance = river.distance(np.datetime64(DAY), place.s, place.n)  # type: ignore[arg-type]
    water = np.median(nir[distance > 30])
    share = blurred(river.water_share(DAY, GRID, stage), 0.45**2)
    trees = (river.line.at(river.slope[0], place.s) < 0.5) & (place.n > 0) & (share > 0.3) & (share < 0.8)
    land = (nir[trees] - share[trees] * water) / (1 - share[trees])
    covers, _ = Ground.of(river, GRID).covers(_stamp(), stage, (0.0, 0.0))
    expected = sum(covers[name][trees] * REFLECTANCE[name][3] for name in covers)
    assert np.corrcoef(land, expected)[0, 1] > 0.3
    assert np.median(land - expected) == pytest.approx(0.0, abs=0.03)


def _stamp() -> Any:
    import pandas as pd

    return pd.Timestamp(DAY, tz="UTC")


def test_covers_of_the_dry_ground_sum_to_one(river: River) -> None:
    covers, texture = Ground.of(river, GRID).covers(_stamp(), 1.0, (3.0, -2.0))
    assert sum(covers.values()) == pytest.approx(np.ones(GRID.shape), abs=1e-5)
    assert all(part.min() >= -1e-6 for part in covers.values())
    assert np.abs(texture).max() <= 0.5
    assert covers["sand"].max() > 0.9  # there is a bar
    assert covers["wet_field"].sum() > 100  # and flooded rice


@pytest.mark.parametrize("shift", [(6.0, -4.0), (-7.5, 2.5), (0.0, 9.0)])
@pytest.mark.parametrize(
    ("see", "grid", "band", "times", "pixels"),
    [
        (simulate_sentinel2, GRID, "nir", 1, 0.12),
        (simulate_landsat, COARSE, "nir08", 1, 0.12),
        (simulate_sentinel1, GRID, "vv", 8, 0.2),
    ],
)
def test_the_error_of_position_comes_back_from_two_pictures(
    river: River,
    see: Callable[..., dict[str, NDArray[Any]]],
    grid: Grid,
    band: str,
    times: int,
    pixels: float,
    shift: tuple[float, float],
) -> None:
    def picture(seed: int, at: tuple[float, float]) -> NDArray[np.float32]:
        shots = [see(river, DAY, grid, rng(seed + k), shift_m=at, stage_m=0.0)[band] for k in range(times)]
        return blurred(np.mean([np.log(shot.astype(np.float32)) for shot in shots], axis=0), 3.0)[6:-6, 6:-6]

    still, moved = picture(10, (0.0, 0.0)), picture(50, shift)
    # What is moved by d differs by -gradient times d; gradients from the mean of both are exact to the second order.
    south, east = (part.ravel() for part in np.gradient(0.5 * (still + moved)))
    step = np.linalg.lstsq(np.column_stack([-east, south]), (moved - still).ravel(), rcond=None)[0]
    assert step * grid.pixel_m == pytest.approx(shift, abs=pixels * grid.pixel_m)


def test_fields_move_with_the_picture(river: River) -> None:
    picture = np.zeros((9, 9), dtype=np.float32)
    picture[4, 4] = 1.0
    east = moved_picture(picture, (10.0, 0.0), 10.0)
    assert east[4, 5] == 1.0
    north = moved_picture(picture, (0.0, 2.5), 10.0)
    assert north[3, 4] == pytest.approx(0.25)
    assert north[4, 4] == pytest.approx(0.75)
    west_south = moved_picture(picture, (-14.0, -6.0), 10.0)
    assert west_south.sum() == pytest.approx(1.0)
    rows, cols = np.mgrid[0:9, 0:9]
    assert (west_south * cols).sum() == pytest.approx(4 - 1.4)
    assert (west_south * rows).sum() == pytest.approx(4 + 0.6)


def test_a_blur_has_its_variance_and_loses_nothing() -> None:
    for variance in (0.2025, 0.72, 1.3):
        point = np.zeros((31, 31), dtype=np.float32)
        point[15, 15] = 1.0
        spread = blurred(point, variance)
        away = np.arange(31) - 15.0
        assert spread.sum() == pytest.approx(1.0, abs=1e-5)
        for axis in (0, 1):
            assert (spread.sum(axis=axis) * away**2).sum() == pytest.approx(variance, rel=1e-4)
    assert blurred(np.full((5, 5), 3.0, np.float32), 0.5) == pytest.approx(np.full((5, 5), 3.0))


def test_blocks_and_finer_grids_cover_the_same_ground() -> None:
    picture = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert block_mean(picture, 2)[0, 0] == pytest.approx((0 + 1 + 6 + 7) / 4)
    grid = Grid(CRS, Affine(30, 0, 15, 0, -30, 45), 2, 3)
    fine = refined(grid, 3)
    assert fine.shape == (9, 6)
    assert fine.bounds == grid.bounds


def test_clouds_cover_what_they_are_asked_to_and_shade_the_side_away_from_the_sun() -> None:
    sky = Sky.made((300, 400), rng(2), 0.3, 20.0, sun_azimuth=90.0)
    assert (sky.cloud > 0.1).mean() == pytest.approx(0.3, abs=0.1)
    assert not (sky.cloud * (sky.shadow > 0.5) > 0.5).any()
    cols = np.arange(400)
    best = max(range(-80, 81), key=lambda d: float((np.roll(sky.cloud, d, axis=1) * sky.shadow)[:, 100:300].sum()))
    assert best < -20  # the sun is in the east, shadows lie west of their clouds
    assert cols.size == 400
    clear = Sky.made((50, 50), rng(2), 0.0, 20.0, 90.0)
    assert clear.cloud.max() == clear.shadow.max() == 0.0


def test_scene_classes_follow_the_ground_under_a_clear_sky(river: River) -> None:
    scl = simulate_sentinel2(river, DAY, GRID, rng(5), stage_m=0.0)["scl"]
    share = block_mean(river.water_share(DAY, GRID, 0.0), 2)
    assert (scl[share > 0.95] == 6).mean() > 0.97
    assert (scl[share < 0.05] == 6).mean() < 0.001
    assert set(np.unique(scl)) <= {3, 4, 5, 6, 7, 8, 9, 10}


def test_scene_classes_see_most_of_the_clouds_and_miss_their_thin_edges(river: River) -> None:
    clear = simulate_sentinel2(river, DAY, GRID, rng(6))
    cloudy = simulate_sentinel2(river, DAY, GRID, rng(6), cloud_cover=0.4)
    blue = block_mean((cloudy["blue"].astype(np.float32) - clear["blue"]) * 0.0001, 2)
    flagged = np.isin(cloudy["scl"], (8, 9, 10))
    assert flagged[blue > 0.3].mean() > 0.98
    missed = (blue > 0.02) & (blue < 0.1) & ~flagged
    assert missed.mean() > 0.005
    assert (cloudy["scl"] == 3).mean() > 0.02
    assert 25 < cloud_percent(cloudy) < 50
    assert cloud_percent(clear) < 5


def test_bright_sand_is_sometimes_taken_for_cloud(river: River) -> None:
    covers, _ = Ground.of(river, GRID).covers(_stamp(), 0.0, (0.0, 0.0))
    dry = 1 - river.water_share(DAY, GRID, 0.0)
    sand = block_mean(covers["sand"] * dry, 2) > 0.8
    share = [
        np.isin(simulate_sentinel2(river, DAY, GRID, rng(k), stage_m=0.0)["scl"][sand], (8, 9)).mean()
        for k in range(12)
    ]
    assert max(share) > 0.15
    assert min(share) < 0.01


def test_qa_bits_say_what_lies_there(river: River) -> None:
    clear = simulate_landsat(river, DAY, COARSE, rng(6), stage_m=0.0)["qa_pixel"]
    share = river.water_share(DAY, COARSE, 0.0)
    assert np.median(clear[share < 0.05]) == 21824  # land, all confidences low, in the product guide's table
    assert np.median(clear[share > 0.95]) == 21952  # water, the same
    cloudy = simulate_landsat(river, DAY, COARSE, rng(6), cloud_cover=0.4, stage_m=0.0)["qa_pixel"]
    bit = {
        name: (cloudy >> k) & 1
        for k, name in enumerate(("fill", "dilated", "cirrus", "cloud", "shadow", "snow", "clear"))
    }
    sure = bit["cloud"] == 1
    assert 0.15 < sure.mean() < 0.5
    assert ((cloudy[sure] >> 8) & 3 == 3).all()
    assert ((cloudy[bit["shadow"] == 1] >> 10) & 3 == 3).all()
    assert ((cloudy[bit["cirrus"] == 1] >> 14) & 3 == 3).all()
    assert (bit["clear"] == ((bit["dilated"] == 0) & (bit["cloud"] == 0))).all()
    assert bit["shadow"].mean() > 0.02
    assert bit["dilated"].any() and not (bit["dilated"] & bit["cloud"]).any()
    assert not bit["fill"].any() and not bit["snow"].any()
    # A dilated pixel has a cloud within three pixels.
    rows, cols = np.nonzero(bit["dilated"])
    for r, c in list(zip(rows, cols, strict=True))[::50]:
        assert sure[max(r - 3, 0) : r + 4, max(c - 3, 0) : c + 4].any()


def test_radar_sees_dark_water_and_speckle_of_four_looks(river: River) -> None:
    picture = simulate_sentinel1(river, DAY, GRID, rng(7))
    deep = inner_water(river, GRID)
    far = np.abs(river.position(GRID).n) > 400
    for band in ("vv", "vh"):
        assert (picture[band] > 0).all()
        assert np.mean(picture[band][far]) > 6 * np.mean(picture[band][deep])
    # Equivalent number of looks: mean2 / variance over windows so small that waves and slant do not count.
    vv = picture["vv"][:, : GRID.width // 8 * 8]
    inside = deep[:, : GRID.width // 8 * 8]
    looks = []
    for r in range(0, GRID.height - 8, 8):
        for c in range(0, vv.shape[1], 8):
            if inside[r : r + 8, c : c + 8].all():
                window = vv[r : r + 8, c : c + 8]
                looks.append(window.mean() ** 2 / window.var(ddof=1))
    # A pixel is like some nine around it (4 pi 0.72), so 64 of them show a seventh less than the whole variance. The
    # median, because a ship outshines a window.
    assert len(looks) > 50
    assert np.median(looks) == pytest.approx(SPECKLE_LOOKS / (1 - 9 / 64), rel=0.15)
    neighbours = np.corrcoef(vv[far[:, : vv.shape[1]]][:-1], vv[far[:, : vv.shape[1]]][1:])[0, 1]
    assert neighbours > 0.4  # 20 m of resolution on pixels of 10 m


def test_wind_makes_the_same_water_brighter_or_darker(river: River) -> None:
    deep = inner_water(river, GRID)
    level = [10 * np.log10(simulate_sentinel1(river, DAY, GRID, rng(k))["vv"][deep].mean()) for k in range(8)]
    assert np.ptp(level) > 1.5
    assert -24 < min(level) < max(level) < -14


def test_ships_and_hyacinth_float_on_the_water_and_are_rare(river: River) -> None:
    bright = []
    for k in range(12):
        nir = simulate_sentinel2(river, DAY, GRID, rng(k), stage_m=0.0)["nir"]
        deep = inner_water(river, GRID)
        bright.append((nir[deep] > np.median(nir[deep]) + 400).mean())
    assert 0 < max(bright) < 0.05
    assert min(bright) < 0.002
