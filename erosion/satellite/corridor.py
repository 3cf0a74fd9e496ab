"""The strip along a reach in which satellite scenes and masks are looked at, on the reach's pixel grid.

A reach covers a tenth or less of its satellite tiles; what lies outside the strip is never read. Where the strips of two
reaches meet, each pixel is the one's whose line is nearer, so a confluence is cut half-way.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from erosion.core.arrays import BoolArray, FloatArray
from erosion.core.errors import SourceError
from erosion.core.raster.grid import MAX_PIXELS, Grid
from erosion.core.river_area import strip_of

if TYPE_CHECKING:
    from erosion.config.region import Region

TILE: Final = 512
"""Rows and columns of a window, the same as the blocks of the stored files."""

_SNAP: Final = 1e-6
"""A bound this close to a pixel edge, in pixels, lies on it; projecting rounds that much."""


@dataclass(frozen=True, eq=False)
class Corridor:
    """Where scenes are looked at.

    Attributes
    ----------
    grid
        Working grid of the reach; its corners lie on whole multiples of the pixel size.
    inside
        True for pixels that the strip touches and no other reach of the region is nearer to, shape (rows, cols).
    """

    grid: Grid
    inside: BoolArray

    def windows(self, size: int = TILE) -> list[tuple[slice, slice]]:
        """Return the blocks of ``size`` x ``size`` pixels that touch the strip, as (rows, columns), row by row.

        Blocks are counted from the grid's north-west corner; those at the southern and eastern rim may be smaller.
        """
        rows, cols = self.grid.shape
        blocks = [
            (slice(r, min(r + size, rows)), slice(c, min(c + size, cols)))
            for r in range(0, rows, size)
            for c in range(0, cols, size)
        ]
        return [block for block in blocks if self.inside[block].any()]

    @cached_property
    def digest(self) -> str:
        """Hash of grid and strip: what was stored for another one does not fit."""
        header = f"{self.grid.crs} {tuple(self.grid.transform)[:6]} {self.grid.shape}"
        return hashlib.sha256(header.encode() + np.packbits(self.inside).tobytes()).hexdigest()


def corridor_of(region: Region, lattice: Grid | None = None) -> Corridor:
    """Corridor of a reach, made from its river lines or areas.

    Parameters
    ----------
    region
        A region of one reach, from :meth:`Region.by_reach`. The ``area.path`` of the reach names a GeoJSON or
        GeoPackage of lines or areas in any CRS, ``area.width_m`` the strip around them [m].
    lattice
        A grid in ``region.crs`` on whose pixels the corridor is to fall; whole multiples of the pixel size when None.

    Returns
    -------
    Corridor
        On a grid in ``region.crs`` of ``region.pixel_m`` whose corners are whole multiples of the pixel size, so that
        a wider strip, or that of a neighbouring reach, falls on the same pixels.

    Raises
    ------
    SourceError
        Where there is no area, the file cannot be read, has no CRS or no shapes, or asks for too large a grid.
    """
    area, pixel = region.reach.area, region.pixel_m
    if area is None:
        raise SourceError(
            f"{region.path}: area of reach {region.reach.name} is missing; name the river lines that it is looked at along"
        )
    path = area.path
    shapes, strip = strip_of(path, area.width_m, region.crs)
    bounds = np.asarray(strip.bounds, float)
    x0, y0 = (0.0, 0.0) if lattice is None else (lattice.transform.c, lattice.transform.f)
    left, right = math.floor((bounds[0] - x0) / pixel + _SNAP), math.ceil((bounds[2] - x0) / pixel - _SNAP)
    bottom, top = math.floor((bounds[1] - y0) / pixel + _SNAP), math.ceil((bounds[3] - y0) / pixel - _SNAP)
    width, height = right - left, top - bottom
    if width * height > MAX_PIXELS:
        raise SourceError(
            f"{path}: the area spans {width} x {height} pixels of {pixel:g} m, more than {MAX_PIXELS:,} in all; "
            "take out a shape that lies far from the others, cut the reach in two, or raise pixel_m"
        )
    grid = Grid(region.crs, Affine(pixel, 0.0, x0 + left * pixel, 0.0, -pixel, y0 + top * pixel), width, height)
    inside = _burnt(strip, grid)
    for other in region.neighbours:
        if other.area is not None:
            others, its_strip = strip_of(other.area.path, other.area.width_m, region.crs)
            first = (shapes.length, region.reach.name) > (others.length, other.name)
            _give_away(inside, grid, shapes, others, its_strip, first=first)
    return Corridor(grid, inside)


def _burnt(shape: BaseGeometry, grid: Grid) -> BoolArray:
    """Return the pixels that a shape touches, boolean, shape (rows, cols)."""
    burnt = rasterize([(shape, 1)], out_shape=grid.shape, transform=grid.transform, all_touched=True, dtype="uint8")
    return np.asarray(burnt.astype(bool))


def _give_away(
    inside: BoolArray, grid: Grid, own: BaseGeometry, other: BaseGeometry, strip: BaseGeometry, *, first: bool
) -> None:
    """Clear, in place, the pixels that lie in the strip of another reach and are nearer to its lines.

    What is as near to both to a pixel goes to the longer reach, which comes ``first``: beyond the point where one river
    ends in another, both are as near, and the one that ends must not cut the one that passes by.
    """
    if not shapely.box(*grid.bounds).intersects(strip):
        return
    row, column = np.nonzero(inside & _burnt(strip, grid))
    if not row.size:
        return
    points = shapely.points(grid.x[column], grid.y[row])
    to_own, to_other = _distance(points, own), _distance(points, other)
    lost = to_own > to_other + grid.pixel_m if first else to_other <= to_own + grid.pixel_m
    inside[row[lost], column[lost]] = False


def _distance(points: NDArray[np.object_], shapes: BaseGeometry) -> FloatArray:
    """Return the distance of each point to the nearest of some lines and areas [m], 0 inside an area."""
    parts = shapely.get_parts(shapes)
    areas = shapely.get_dimensions(parts) == 2
    pieces = list(parts[areas])
    for line in parts[~areas]:
        xy = shapely.get_coordinates(line)
        pieces.extend(shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1)))
    _, distance = shapely.STRtree(pieces).query_nearest(points, return_distance=True, all_matches=False)
    return np.asarray(distance)
