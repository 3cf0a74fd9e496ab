"""Made rivers with known answers: masks of some 200 x 300 pixels, flowing east unless told otherwise."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree

from erosion.banks.as_of import baseline_on, observe_region
from erosion.banks.cells import CellStates
from erosion.banks.measuring import measure_banks
from erosion.banks.segments import Baseline
from erosion.config.region import Reach, Region, SegmentRules
from erosion.core.contracts import FLAGS
from erosion.core.raster.grid import Grid

PIXEL = 30.0
CRS = "EPSG:32620"
CORNER = (300_000.0, 8_400_000.0)
SHAPE = (200, 300)

Mask = NDArray[np.bool_]


def make_grid(shape: tuple[int, int] = SHAPE, corner: tuple[float, float] = CORNER) -> Grid:
    """Grid of 30 m pixels with its north-west corner at ``corner``."""
    return Grid(CRS, Affine(PIXEL, 0, corner[0], 0, -PIXEL, corner[1]), shape[1], shape[0])


def make_region(upstream: tuple[float, float] = (100, 0), grid: Grid | None = None, **rules: Any) -> Region:
    """Region whose upstream point lies at (row, column) of the grid."""
    grid = grid or make_grid()
    x = grid.transform.c + (upstream[1] + 0.5) * PIXEL
    y = grid.transform.f - (upstream[0] + 0.5) * PIXEL
    lon_lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    return Region(
        name="made",
        title={"vi": "Sông mẫu", "en": "Made river"},
        description="A made river.",
        simulated=True,
        timezone="UTC",
        crs=CRS,
        pixel_m=PIXEL,
        reaches=(Reach(name="made", upstream=lon_lat),),
        water=("made",),
        segments=SegmentRules(**rules),
        model="made",
    )


def river_along(points: NDArray[np.float64], width: float, shape: tuple[int, int] = SHAPE) -> Mask:
    """Pixels whose centre lies within half a width of a line through (row, column) points, all in pixels."""
    step = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0], np.cumsum(step)])
    even = np.arange(0, along[-1], 0.05)
    line = np.column_stack([np.interp(even, along, points[:, i]) for i in (0, 1)])
    pixels = np.argwhere(np.ones(shape, bool))
    distance, _ = cKDTree(line).query(pixels)
    return (distance <= width / 2).reshape(shape)


def sine_river(
    width: float = 8.0,
    amplitude: float = 35.0,
    wavelength: float = 150.0,
    shift: float = 0.0,
    shape: tuple[int, int] = SHAPE,
) -> Mask:
    """River of sine bends from the west edge to the east edge, in pixels; ``shift`` moves it south."""
    column = np.arange(-20.0, shape[1] + 20.0, 0.25)
    row = 0.5 * shape[0] + 0.25 + shift + amplitude * np.sin(2 * np.pi * column / wavelength)
    return river_along(np.column_stack([row, column]), width, shape)


def straight_river(top: int = 96, bottom: int = 104, shape: tuple[int, int] = SHAPE) -> Mask:
    """River that fills the rows from ``top`` up to ``bottom`` (exclusive)."""
    mask = np.zeros(shape, dtype=bool)
    mask[top:bottom] = True
    return mask


def make_water(
    images: list[NDArray[Any]], grid: Grid | None = None, first_year: int = 2000, chunk: int | None = 1
) -> xr.Dataset:
    """Water product with one image a year; ``chunk`` None holds it in memory, else epochs a chunk."""
    values = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    grid = grid or make_grid(values.shape[1:])
    epoch = pd.to_datetime([f"{first_year + k}-07-01" for k in range(len(images))])
    water = xr.Dataset(
        {"water_fraction": (("epoch", "y", "x"), values)},
        coords={
            "epoch": epoch,
            "y": grid.y,
            "x": grid.x,
            "available_at": ("epoch", epoch + pd.Timedelta(days=30)),
            "geo_rmse_m": ("epoch", np.full(len(images), 15.0)),
            "scene_id": ("epoch", epoch.strftime("%Y-%m-%d").to_numpy()),
            "accepted": ("epoch", np.zeros(len(images), dtype=bool)),
        },
        attrs={"crs": grid.crs, "transform": tuple(grid.transform)[:6], "pixel_m": PIXEL},
    )
    return water if chunk is None else water.chunk({"epoch": chunk})


class Measured(NamedTuple):
    """A series of masks, measured on the newest one."""

    baseline: Baseline
    states: CellStates
    banks: xr.Dataset

    def total(self, variable: str, epoch: int = -1) -> float:
        """Sum over all segments at one epoch."""
        return float(np.nansum(self.banks[variable].isel(epoch=epoch)))

    def by_bank(self, variable: str, bank: str, epoch: int = -1) -> float:
        """Sum over the segments of one bank at one epoch."""
        mine = (self.baseline.segments["bank"] == bank).to_numpy()
        return float(np.nansum(self.banks[variable].isel(epoch=epoch).to_numpy()[mine]))

    def flagged(self, name: str, epoch: int = -1) -> NDArray[np.bool_]:
        """Say which segments carry a flag at one epoch."""
        return (self.banks["flags"].isel(epoch=epoch).to_numpy() & FLAGS[name]) > 0

    def position(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return row and column of the middle of every segment [pixels]."""
        xy = self.baseline.segments.geometry.interpolate(0.5, normalized=True)
        grid = self.baseline.grid
        return (grid.y[0] - xy.y.to_numpy()) / PIXEL, (xy.x.to_numpy() - grid.x[0]) / PIXEL


def measure(images: list[NDArray[Any]], region: Region | None = None, **water: Any) -> Measured:
    """Measure a series of images on the newest of them."""
    region = region or make_region()
    product = make_water(images, **water)
    baseline = baseline_on(region, product, pd.Timestamp("2100-01-01"))
    states = observe_region(region, product, baseline)
    return Measured(baseline, states, measure_banks(states, baseline))
