"""Masks on another grid: untouched where grids agree, moved where lattices do, else averaged by area."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from rasterio.enums import Resampling
from rasterio.warp import reproject

from erosion.core.arrays import UNOBSERVED, BoolArray
from erosion.core.raster.grid import Grid
from erosion.water.masks.packed import Pixels, pack, pack_percent, unpack, unpack_percent


def tightest(percent: np.ndarray) -> Pixels:
    """Packed pixels of uint8 percent, 255 for nodata: bits where every pixel is water or land."""
    valid = percent != UNOBSERVED
    if np.isin(percent[valid], (0, 100)).all():
        return pack(percent == 100, None if valid.all() else valid)
    return pack_percent(percent)


def cut(pixels: Pixels, inside: BoolArray) -> Pixels:
    """Pixels with those outside made missing."""
    return tightest(np.where(inside, unpack_percent(pixels), UNOBSERVED))


def place(pixels: Pixels, own: Grid, grid: Grid) -> Pixels:
    """Pixels of a mask on the grid: untouched where grids agree, moved where lattices do, else averaged."""
    offset = own.offset_in(grid)
    if offset == (0, 0) and own.shape == grid.shape:
        return pixels
    if offset is not None:
        whole = np.full(grid.shape, UNOBSERVED, np.uint8)
        inside, part = zip(
            *(_overlap(at, n, size) for at, n, size in zip(offset, own.shape, grid.shape, strict=True)),
            strict=True,
        )
        whole[inside] = unpack_percent(pixels)[part]
        return tightest(whole)
    return _warp(pixels, own, grid)


def _overlap(at: int, length: int, size: int) -> tuple[slice, slice]:
    """Return which of ``size`` pixels a piece of ``length`` that starts at ``at`` covers, and which of its own those are."""
    first, last = max(at, 0), max(min(at + length, size), max(at, 0))
    return slice(first, last), slice(first - at, last - at)


# A replay asks for the same masks date after date; averaging one takes twenty times as long as reading it.
@lru_cache(maxsize=512)
def _warp(pixels: Pixels, own: Grid, grid: Grid) -> Pixels:
    """Average a mask onto the grid [percent]; a pixel observed in less than half of its area is missing."""
    fraction = unpack(pixels)
    valid = np.isfinite(fraction)
    water = _average(np.where(valid, fraction, np.float32(0)), own, grid)
    share = _full_share(own, grid) if pixels.valid is None and pixels.binary else _average(valid, own, grid)
    percent = np.full(grid.shape, UNOBSERVED, np.uint8)
    seen = share >= 0.5
    percent[seen] = np.rint(100 * np.clip(water[seen] / share[seen], 0, 1)).astype(np.uint8)
    return pack_percent(percent)


@lru_cache(maxsize=2)
def _full_share(own: Grid, grid: Grid) -> np.ndarray:
    """Observed share of each pixel of the grid for a file without nodata."""
    return _average(np.ones(own.shape, np.float32), own, grid)


def _average(layer: np.ndarray, own: Grid, grid: Grid) -> np.ndarray:
    """Area average of a layer on another grid, float32; what lies outside the layer counts as 0."""
    # GDAL averages over what it has. A rim of zeros as wide as a target pixel makes it count the outside, too.
    rim = 2 + max(_rim(own, grid))
    average = np.zeros(grid.shape, np.float32)
    reproject(
        np.pad(layer.astype(np.float32, copy=False), rim),
        average,
        src_transform=own.padded(rim).transform,
        src_crs=own.crs,
        dst_transform=grid.transform,
        dst_crs=grid.crs,
        resampling=Resampling.average,
    )
    return average


def _rim(own: Grid, grid: Grid) -> tuple[int, int]:
    """Columns and rows of ``own`` that one pixel of ``grid`` spans, rounded up."""
    left, bottom, right, top = own.bounds_in(grid.crs)
    return int(np.ceil(grid.pixel_m * own.width / (right - left))), int(
        np.ceil(grid.pixel_m * own.height / (top - bottom))
    )
