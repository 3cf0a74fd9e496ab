"""Pictures that Sentinel-2, Landsat and Sentinel-1 would take of a simulated river, in the numbers of their products.

Every picture is drawn on pixels of about 10 m with exact shares of water at the banks, moved by the picture's own
geolocation error, blurred by the band's point spread and put into the numbers of the product. The spread is a Gaussian
of 0.45 of the band's own pixel beside the pixel's own area (Sentinel-2 MSI modulation transfer 0.15 to 0.3 at Nyquist:
ESA Data Quality Report).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from erosion.core.contracts import in_utc
from erosion.core.raster.grid import Grid
from erosion.simulate.river.river import River
from erosion.simulate.scenes.ground import BACKSCATTER_DB, BANDS, REFLECTANCE, Covers, drifting, ground_of
from erosion.simulate.scenes.sky import Sky
from erosion.simulate.texture import over_picture

PSF: Final = 0.45
"""Standard deviation of the point spread, in pixels of the band."""

SENTINEL2_SCALE: Final = 0.0001
LANDSAT_SCALE, LANDSAT_OFFSET = 0.0000275, -0.2
SENTINEL1_NODATA: Final = -32768.0
SPECKLE_LOOKS: Final = 4.4
"""Equivalent number of looks of Sentinel-1 IW GRD (product definition, ESA)."""

#: Where Landsat's bands lie beside Sentinel-2's they see the same ground some per cent brighter or darker.
LANDSAT_GAIN: Final[dict[str, float]] = {
    "blue": 0.99, "green": 1.01, "red": 0.985, "nir": 1.015, "swir16": 1.01, "swir22": 0.99,
}  # fmt: skip
LANDSAT_NAMES: Final[dict[str, str]] = {"nir": "nir08"}

_SUN_AZIMUTH: Final = 140.0
_CLOUD_BRIGHTNESS: Final = (0.46, 0.46, 0.47, 0.50, 0.36, 0.28)
_HAZE_COLOUR: Final = (1.0, 0.75, 0.55, 0.3, 0.1, 0.05)
_RADAR_SPREAD: Final = 0.72  # [pixel2] 20 m of resolution on pixels of 10 m: a Gaussian of 8.5 m

Picture = dict[str, NDArray[Any]]
Shift = tuple[float, float]


def simulate_sentinel2(
    river: River,
    time: pd.Timestamp | str,
    grid: Grid,
    rng: np.random.Generator,
    *,
    cloud_cover: float = 0.0,
    shift_m: Shift = (0.0, 0.0),
    offset_dn: int = 0,
    stage_m: float | None = None,
) -> Picture:
    """Sentinel-2 L2A: blue green red nir at 10 m, swir16 swir22 scl at 20 m, 0 for missing.

    Parameters
    ----------
    river
        The truth.
    time
        When the picture is taken.
    grid
        Grid of the 10 m bands; rows and columns even.
    rng
        Source of chance: noise, haze, glint, clouds, ships, mistakes of the scene classification.
    cloud_cover
        Share of the picture under cloud [1].
    shift_m
        Geolocation error, east and north [m].
    offset_dn
        Added to the numbers: 1000 from processing baseline 04.00 on, where the provider has not taken it off again.
    stage_m
        Stage over low water [m]; by default the river's own at that time.

    Raises
    ------
    ValueError
        Where the grid has an odd number of rows or columns.
    """
    if grid.width % 2 or grid.height % 2:
        raise ValueError(f"the grid has {grid.height} x {grid.width} pixels; 20 m bands need even numbers")
    moment = in_utc(time)
    seen, parts, sky = _optical(river, moment, grid, rng, cloud_cover, shift_m, stage_m)
    picture: Picture = {}
    for i, band in enumerate(BANDS):
        values = seen[i] if band in ("blue", "green", "red", "nir") else block_mean(seen[i], 2)
        values = _noisy(blurred(values, PSF**2), rng)
        picture[band] = np.clip(np.rint(values / SENTINEL2_SCALE) + offset_dn, 1, 32767).astype(np.uint16)
    small = {name: block_mean(part, 2) for name, part in parts.items()}
    picture["scl"] = _scene_classes(small, block_mean(sky.cloud, 2), block_mean(sky.shadow, 2), rng)
    return picture


def simulate_landsat(
    river: River,
    time: pd.Timestamp | str,
    grid: Grid,
    rng: np.random.Generator,
    *,
    cloud_cover: float = 0.0,
    shift_m: Shift = (0.0, 0.0),
    stage_m: float | None = None,
) -> Picture:
    """Landsat 8/9 Collection 2 Level-2: blue green red nir08 swir16 swir22 qa_pixel at 30 m, 0 (QA: 1) for missing.

    Parameters as in :func:`simulate_sentinel2`; ``grid`` is that of the 30 m pixels.
    """
    moment = in_utc(time)
    fine = refined(grid, 3)
    seen, parts, sky = _optical(river, moment, fine, rng, cloud_cover, shift_m, stage_m)
    picture: Picture = {}
    for i, band in enumerate(BANDS):
        values = _noisy(blurred(block_mean(seen[i], 3), PSF**2) * LANDSAT_GAIN[band], rng)
        numbers = np.rint((values - LANDSAT_OFFSET) / LANDSAT_SCALE)
        picture[LANDSAT_NAMES.get(band, band)] = np.clip(numbers, 1, 65455).astype(np.uint16)
    small = {name: block_mean(part, 3) for name, part in parts.items()}
    picture["qa_pixel"] = _qa_pixel(small, block_mean(sky.cloud, 3), block_mean(sky.shadow, 3), rng)
    return picture


def simulate_sentinel1(
    river: River,
    time: pd.Timestamp | str,
    grid: Grid,
    rng: np.random.Generator,
    *,
    shift_m: Shift = (0.0, 0.0),
    stage_m: float | None = None,
) -> Picture:
    """Sentinel-1 RTC: vv and vh, gamma0 as linear power, float32, pixels of 10 m, about 20 m of resolution.

    Parameters as in :func:`simulate_sentinel2`. Smooth water is dark, water in wind less so; flooded rice and dry sand look
    like water. Speckle is gamma distributed with :data:`SPECKLE_LOOKS` looks and as smooth as the resolution.
    """
    moment = in_utc(time)
    stage = river.stage(moment) if stage_m is None else stage_m
    wind = float(rng.beta(1.5, 3.0))
    covers, share, extra, _ = _mixture(river, moment, grid, stage, shift_m, rng)
    waves = 1.0 + 0.15 * over_picture(grid.shape, 400.0 / grid.pixel_m, rng)
    slant = 10.0 ** (0.06 * np.linspace(-1.0, 1.0, grid.width, dtype=np.float32))  # near range is the brighter side
    picture: Picture = {}
    for i, (band, calm, rough) in enumerate((("vv", -23.0, 8.0), ("vh", -29.0, 3.5))):
        land = sum(part * np.float32(10.0 ** (BACKSCATTER_DB[name][i] / 10.0)) for name, part in covers.items())
        water = 10.0 ** ((calm + rough * wind) / 10.0) * waves
        power = share * water + (1.0 - share) * land
        for name, part in extra.items():
            power += share * part * np.float32(10.0 ** (BACKSCATTER_DB[name][i] / 10.0))
        power = blurred((power * slant).astype(np.float32), _RADAR_SPREAD)
        picture[band] = (power * _speckle(grid.shape, rng)).astype(np.float32)
    return picture


def _optical(
    river: River,
    time: pd.Timestamp,
    grid: Grid,
    rng: np.random.Generator,
    cloud_cover: float,
    shift_m: Shift,
    stage_m: float | None,
) -> tuple[NDArray[np.float32], Covers, Sky]:
    """Reflectance (band, rows, cols) before the sensor, what lies where, and the sky."""
    stage = river.stage(time) if stage_m is None else stage_m
    covers, share, extra, texture = _mixture(river, time, grid, stage, shift_m, rng)
    turbid = float(np.clip(stage / 2.5, 0.0, 1.0))
    shade = 1.0 + 0.08 * over_picture(grid.shape, 600.0 / grid.pixel_m, rng) + 0.08 * float(rng.standard_normal())
    glint = float(rng.uniform(0.01, 0.04)) if rng.uniform() < 0.1 else 0.0
    haze = float(rng.gamma(1.5, 0.006))
    veil = haze * (1.0 + 0.3 * over_picture(grid.shape, 1500.0 / grid.pixel_m, rng))
    sky = Sky.made(grid.shape, rng, cloud_cover, grid.pixel_m, _SUN_AZIMUTH)
    afloat = sum(extra.values(), np.zeros((), np.float32))
    seen = np.empty((len(BANDS), *grid.shape), dtype=np.float32)
    for i, _ in enumerate(BANDS):
        land = sum(part * np.float32(REFLECTANCE[name][i]) for name, part in covers.items())
        colour = REFLECTANCE["water_dry"][i] + turbid * (REFLECTANCE["water_flood"][i] - REFLECTANCE["water_dry"][i])
        water = (colour * shade + glint) * (1.0 - afloat)
        for name, part in extra.items():
            water = water + part * np.float32(REFLECTANCE[name][i])
        ground = share * water + (1.0 - share) * land * (1.0 + 0.25 * texture)
        ground = (ground + veil * _HAZE_COLOUR[i]) * (1.0 - 0.55 * sky.shadow)
        seen[i] = ground + sky.cloud * (_CLOUD_BRIGHTNESS[i] - ground)
    dry = 1.0 - share
    parts = {
        "water": share * (1.0 - afloat),
        "green": dry * (covers["trees"] + covers["rice"]),
        "sand": dry * (covers["sand"] + 0.5 * covers["wet_sand"]),
        "houses": dry * covers["houses"],
    }
    return seen, parts, sky


def _mixture(
    river: River, time: pd.Timestamp, grid: Grid, stage_m: float, shift_m: Shift, rng: np.random.Generator
) -> tuple[Covers, NDArray[np.float32], Covers, NDArray[np.float32]]:
    """Covers of the dry part, share of water, what drifts on it, texture."""
    covers, texture = ground_of(river, grid).covers(time, stage_m, shift_m)
    share = river.water_share(time, grid, stage_m, shift_m)
    return covers, share, drifting(river, grid, time, rng, shift_m), texture


def _noisy(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return values with the sensor's noise added: a floor of 0.001 and a hundredth of the signal."""
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    return np.asarray(values + noise * (0.001 + 0.01 * values), dtype=np.float32)


def _speckle(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Speckle of mean 1 with :data:`SPECKLE_LOOKS` looks after the blur that gives it the sensor's resolution."""
    point = np.zeros((1, 41), dtype=np.float32)
    point[0, 20] = 1.0
    kept = float((blurred(point, _RADAR_SPREAD, axes=(1,)) ** 2).sum()) ** 2
    looks = SPECKLE_LOOKS * kept
    grains = rng.standard_gamma(looks, shape, dtype=np.float32) / np.float32(looks)
    return blurred(grains, _RADAR_SPREAD)


def _scene_classes(
    parts: Mapping[str, NDArray[np.float32]],
    cloud: NDArray[np.float32],
    shadow: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Sen2Cor's scene classification, with what it misses: thin edges of clouds, and sand or roofs taken for cloud."""
    scl = np.full(cloud.shape, 5, dtype=np.uint8)
    scl[parts["green"] > 0.5] = 4
    scl[parts["water"] > 0.5] = 6
    luck = rng.random(cloud.shape, dtype=np.float32)
    scl[luck < 0.002] = 7
    scl[shadow > 0.4] = 3
    scl[(cloud > 0.12) & (luck > 0.8)] = 10
    scl[cloud > 0.3] = 8
    scl[cloud > 0.6] = 9
    if rng.uniform() < 0.3:
        scl[(parts["sand"] > 0.6) & (over_picture(cloud.shape, 6.0, rng) > 0.3)] = 8
    scl[(parts["houses"] > 0.85) & (luck > 0.97)] = 9
    return scl


def _qa_pixel(
    parts: Mapping[str, NDArray[np.float32]],
    cloud: NDArray[np.float32],
    shadow: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.uint16]:
    """Landsat's QA_PIXEL (Landsat 8-9 Collection 2 Level 2 Science Product Guide, table 6-3), with CFMask's mistakes."""
    # Bits: 1 dilated cloud, 2 cirrus, 3 cloud, 4 shadow, 5 snow, 6 clear, 7 water, then confidences of two bits each:
    # 8 cloud, 10 shadow, 12 snow, 14 cirrus (1 low, 2 medium, 3 high).
    sure = cloud > 0.35
    if rng.uniform() < 0.3:
        sure |= (parts["sand"] > 0.6) & (over_picture(cloud.shape, 5.0, rng) > 0.5)
    wide = _dilated(sure, 3) & ~sure
    dark = (shadow > 0.4) & ~sure
    cirrus = (cloud > 0.12) & ~sure & (rng.random(cloud.shape, dtype=np.float32) > 0.8)
    qa = np.full(cloud.shape, (1 << 8) | (1 << 10) | (1 << 12) | (1 << 14), dtype=np.uint16)
    qa[wide] |= 1 << 1
    qa[cirrus] |= (1 << 2) | (3 << 14)
    qa[sure] |= (1 << 3) | (3 << 8)
    qa[dark] |= (1 << 4) | (3 << 10)
    qa[~sure & ~wide] |= 1 << 6
    qa[(parts["water"] > 0.5) & ~sure] |= 1 << 7
    return qa


def _dilated(mask: NDArray[np.bool_], rim: int) -> NDArray[np.bool_]:
    return np.asarray(binary_dilation(mask, iterations=rim))


def blurred(picture: NDArray[np.float32], variance: float, axes: tuple[int, ...] = (0, 1)) -> NDArray[np.float32]:
    """Return a picture blurred by a kernel of the given variance [pixel2] in each axis; the rim is repeated.

    Taps (a, 1 - 2 a, a) have the variance 2 a exactly, however few pixels they span, where a sampled Gaussian of half a
    pixel has a fifth less.
    """
    passes = max(int(np.ceil(variance / 0.25)), 1)
    a = np.float32(variance / passes / 2.0)
    for axis in axes:
        for _ in range(passes):
            rim = [(1, 1) if k == axis else (0, 0) for k in range(picture.ndim)]
            wide = np.pad(picture, rim, mode="edge")
            before, after = (slice(None, -2), slice(2, None))
            index: tuple[list[slice], list[slice]] = ([slice(None)] * picture.ndim, [slice(None)] * picture.ndim)
            index[0][axis], index[1][axis] = before, after
            picture = (1 - 2 * a) * picture + a * (wide[tuple(index[0])] + wide[tuple(index[1])])
    return np.asarray(picture, dtype=np.float32)


def block_mean(picture: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Mean of blocks of ``factor`` x ``factor`` pixels."""
    rows, cols = picture.shape[0] // factor, picture.shape[1] // factor
    return np.asarray(picture.reshape(rows, factor, cols, factor).mean(axis=(1, 3), dtype=np.float32))


def refined(grid: Grid, factor: int) -> Grid:
    """The same ground in pixels ``factor`` times as small."""
    t = grid.transform
    small = Affine(t.a / factor, 0.0, t.c, 0.0, t.e / factor, t.f)
    return Grid(grid.crs, small, grid.width * factor, grid.height * factor)


def cloud_percent(picture: Picture) -> float:
    """Share of the picture that its own quality band calls cloud [%]: what the metadata say."""
    if "scl" in picture:
        seen = picture["scl"] > 0
        cloudy = np.isin(picture["scl"], (8, 9, 10))
    else:
        seen = (picture["qa_pixel"] & 1) == 0
        cloudy = (picture["qa_pixel"] & 0b1100) > 0
    return float(100.0 * (cloudy & seen).sum() / max(seen.sum(), 1))
