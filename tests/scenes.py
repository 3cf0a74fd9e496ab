"""Made scenes whose water share is known exactly: shapes drawn four times finer, blurred as each band is, then averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from erosion.config.region import SceneRules
from erosion.core.raster.grid import Grid
from erosion.satellite.corridor import Corridor
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.water import WaterPass, water_of

Array = NDArray[np.floating]
Shape = Callable[[Array, Array], NDArray[np.bool_]]

FINE = 4
RULES = SceneRules()
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")

# Surface reflectances of the usual order in the tropics: blue, green, red, nir, swir16, swir22.
CLEAR_WATER = (0.05, 0.06, 0.04, 0.02, 0.01, 0.01)
TURBID_WATER = (0.09, 0.14, 0.16, 0.11, 0.025, 0.015)
SAND = (0.16, 0.21, 0.26, 0.31, 0.39, 0.34)
GRASS = (0.03, 0.07, 0.05, 0.36, 0.20, 0.10)
MUD = (0.07, 0.09, 0.11, 0.15, 0.16, 0.12)

BLUR_PX = dict.fromkeys(("blue", "green", "red", "nir"), 0.6) | dict.fromkeys(("swir16", "swir22"), 1.1)


def corridor_for(shape: tuple[int, int], pixel_m: float = 10.0) -> Corridor:
    grid = Grid("EPSG:32648", Affine(pixel_m, 0, 500_000, 0, -pixel_m, 1_200_000), shape[1], shape[0])
    return Corridor(grid, np.ones(shape, bool))


def fine_share(water: Shape, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Water on a grid four times finer; ``water(row, column)`` in pixels, whose centres are whole numbers."""
    rows, columns = ((np.arange(n * FINE) + 0.5) / FINE - 0.5 for n in shape)
    return water(rows[:, None] + 0 * columns, columns + 0 * rows[:, None]).astype(np.float32)


def averaged(fine: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean of the fine cells of each pixel."""
    rows, columns = (n // FINE for n in fine.shape)
    return fine.reshape(rows, FINE, columns, FINE).mean(axis=(1, 3), dtype=np.float64)


def attributes(corridor: Corridor, sensor: str, native_m: float) -> dict[str, Any]:
    return {
        "crs": corridor.grid.crs,
        "transform": tuple(corridor.grid.transform)[:6],
        "pass_id": "made-20250101-x",
        "scene_ids": ["made"],
        "source": "made",
        "sensor": sensor,
        "platform": "made",
        "time": "2025-01-01T03:00:00Z",
        "available_at": "2025-01-01T12:00:00Z",
        "geo_rmse_m": 3.0,
        "native_m": native_m,
        "items_hash": "0",
    }


def optical_scene(
    water: Shape,
    shape: tuple[int, int],
    *,
    water_colour: tuple[float, ...] = TURBID_WATER,
    land: tuple[float, ...] | Callable[[Array, Array], NDArray[np.float32]] = GRASS,
    noise: float = 0.004,
    texture: float = 0.1,
    seed: int = 0,
    bands: tuple[str, ...] = BANDS,
    clear: NDArray[np.bool_] | None = None,
    blur: Mapping[str, float] = BLUR_PX,
    native_m: float = 10.0,
) -> xr.Dataset:
    """A scene of one colour of water; land is one colour or a mixing share of sand (0..1) by row and column.

    ``texture`` is the standard deviation of the land's brightness, in patches of some 30 m.
    """
    rng = np.random.default_rng(seed)
    corridor = corridor_for(shape)
    fine = fine_share(water, shape)
    mottled = 1 + texture * 6 * gaussian_filter(rng.standard_normal(fine.shape).astype(np.float32), FINE * 1.5) * (
        FINE * 0.9
    )
    sandy = None
    if callable(land):
        rows, columns = ((np.arange(n * FINE) + 0.5) / FINE - 0.5 for n in shape)
        sandy = land(rows[:, None] + 0 * columns, columns + 0 * rows[:, None]).astype(np.float32)
    data = {}
    for i, band in enumerate(BANDS):
        ground = SAND[i] * sandy + GRASS[i] * (1 - sandy) if sandy is not None else land[i]
        light = fine * water_colour[i] + (1 - fine) * ground * mottled
        seen = averaged(gaussian_filter(light, blur[band] * FINE, mode="nearest"))
        if band in bands:
            data[band] = (("y", "x"), (seen + noise * rng.standard_normal(shape)).astype(np.float32))
    data["clear"] = (("y", "x"), np.ones(shape, bool) if clear is None else clear)
    coords = {"y": corridor.grid.y, "x": corridor.grid.x}
    return xr.Dataset(data, coords=coords, attrs=attributes(corridor, "optical", native_m))


def radar_scene(
    water: Shape,
    shape: tuple[int, int],
    *,
    looks: float = 4.4,
    water_db: tuple[float, float] = (-20.0, -27.0),
    land_db: tuple[float, float] = (-9.0, -15.0),
    seed: int = 0,
    incidence: NDArray[np.float32] | None = None,
    water_slope: float = 0.0,
) -> xr.Dataset:
    """A scene of speckled gamma0; ``water_slope`` [dB/degree] dims the water with incidence."""
    rng = np.random.default_rng(seed)
    corridor = corridor_for(shape)
    part = averaged(gaussian_filter(fine_share(water, shape), 0.9 * FINE, mode="nearest"))
    data = {}
    for band, wet, dry in zip(("vv", "vh"), water_db, land_db, strict=True):
        wet_db = wet + (water_slope * (incidence - incidence.mean()) if incidence is not None else 0.0)
        power = part * 10 ** (wet_db / 10) + (1 - part) * 10 ** (dry / 10)
        data[band] = (("y", "x"), (power * rng.gamma(looks, 1 / looks, shape)).astype(np.float32))
    if incidence is not None:
        data["incidence"] = (("y", "x"), incidence.astype(np.float32))
    coords = {"y": corridor.grid.y, "x": corridor.grid.x}
    return xr.Dataset(data, coords=coords, attrs=attributes(corridor, "radar", 10.0))


def bend(shape: tuple[int, int], *, width: float = 60.0, bite: float = 0.0) -> Shape:
    """A meandering river flowing east, all directions of bank; ``bite`` pixels are gone from one bank of one bend."""
    middle, length = shape[0] / 2, shape[1] / 2

    def water(row: Array, column: Array) -> NDArray[np.bool_]:
        phase = 2 * np.pi * column / length
        line = middle + 0.27 * shape[0] * np.sin(phase)
        slope = 0.27 * shape[0] * 2 * np.pi / length * np.cos(phase)
        off = (row - line) / np.hypot(1, slope)
        eaten = bite * np.exp(-(((column - 0.25 * length) / (0.12 * length)) ** 2))
        return (off > -width / 2) & (off < width / 2 + eaten)

    return water


def percent_of(water: Shape, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The exact share in percent, as a reference."""
    return np.rint(100 * averaged(fine_share(water, shape))).astype(np.uint8)


def known(water: Shape, shape: tuple[int, int]) -> WaterReference:
    return WaterReference(percent_of(water, shape), established=True)


def water_pass(scene: xr.Dataset, reference: WaterReference | None = None, rules: SceneRules = RULES) -> WaterPass:
    found = water_of(scene, corridor_for((scene.sizes["y"], scene.sizes["x"])), rules, reference)
    assert isinstance(found, WaterPass), found
    return found
