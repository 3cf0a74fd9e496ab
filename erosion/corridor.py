"""The strip along a river in which satellite scenes are looked at, on the region's pixel grid.

A reach covers a tenth or less of its satellite tiles; what lies outside the strip is never read.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from erosion.catalog import SourceError
from erosion.grid import MAX_PIXELS, Grid

if TYPE_CHECKING:
    import geopandas as gpd

    from erosion.region import Region

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
        Working grid of the region; its corners lie on whole multiples of the pixel size.
    inside
        True for pixels that the strip touches, shape (rows, cols).
    """

    grid: Grid
    inside: NDArray[np.bool_]

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


def corridor_of(region: Region) -> Corridor:
    """Make the corridor of a region from its river lines or areas.

    Parameters
    ----------
    region
        Its ``area.path`` names a GeoJSON or GeoPackage of lines or areas in any CRS, ``area.width_m`` the strip around
        them [m].

    Returns
    -------
    Corridor
        On a grid in ``region.crs`` of ``region.pixel_m`` whose corners are whole multiples of the pixel size, so that
        a wider strip, or that of a neighbouring region, falls on the same pixels.

    Raises
    ------
    SourceError
        Where there is no area, the file cannot be read, has no CRS or no shapes, or asks for too large a grid.
    """
    from rasterio.features import rasterize
    from shapely import union_all

    if region.area is None:
        raise SourceError(f"{region.path}: area is missing; name the river lines that scenes are looked at along")
    path, width_m, pixel = region.area.path, region.area.width_m, region.pixel_m
    shapes = _read_shapes(path)
    try:
        # Corner by corner, so that a line over the antimeridian stays short where the region's zone spans it.
        strip = union_all(shapes.to_crs(region.crs).geometry.buffer(width_m).to_numpy())
    except Exception as err:  # pyproj, GEOS and GDAL have no common parent
        raise SourceError(f"{path}: cannot be projected to {region.crs} ({err}); check the CRS of both") from err
    bounds = np.asarray(strip.bounds, float)
    if strip.is_empty or not np.isfinite(bounds).all():
        raise SourceError(f"{path}: does not lie where {region.crs} is defined; check the CRS of the file and 'crs'")
    left, bottom = (math.floor(bound / pixel + _SNAP) for bound in bounds[:2])
    right, top = (math.ceil(bound / pixel - _SNAP) for bound in bounds[2:])
    width, height = right - left, top - bottom
    if width * height > MAX_PIXELS:
        raise SourceError(
            f"{path}: the area spans {width} x {height} pixels of {pixel:g} m, more than {MAX_PIXELS:,} in all; "
            "take out a shape that lies far from the others, cut the reach into two regions, or raise pixel_m"
        )
    grid = Grid(region.crs, Affine(pixel, 0.0, left * pixel, 0.0, -pixel, top * pixel), width, height)
    burnt = rasterize([(strip, 1)], out_shape=grid.shape, transform=grid.transform, all_touched=True, dtype="uint8")
    return Corridor(grid, burnt.astype(bool))


def _read_shapes(path: Path) -> gpd.GeoDataFrame:
    """Read the lines and areas of a file with one layer; points and empty shapes are no river."""
    import geopandas as gpd
    import pyogrio

    if not path.is_file():
        raise SourceError(f"{path}: is no file; area.path names a GeoJSON or GeoPackage, relative to the region file")
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        if len(layers) > 1:
            raise SourceError(
                f"{path}: has layers {', '.join(layers)}; it is not told which is meant, save it in a file of its own"
            )
        shapes = gpd.read_file(path, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, ValueError) as err:
        raise SourceError(f"{path}: cannot be read ({err}); it must be a GeoJSON or GeoPackage") from err
    if not isinstance(shapes, gpd.GeoDataFrame):
        raise SourceError(f"{path}: has no shapes; it must hold river lines or areas")
    kinds = set(shapes.geom_type.dropna())
    usable = shapes[shapes.geom_type.isin(["LineString", "MultiLineString", "Polygon", "MultiPolygon"])]
    usable = usable[~usable.geometry.is_empty]
    if usable.empty:
        found = f"only {', '.join(sorted(kinds))}" if kinds else "no shape"
        raise SourceError(f"{path}: has {found}; draw lines along the river, or areas around it")
    if usable.crs is None:
        raise SourceError(f"{path}: does not say in which CRS it is; write it into the file, e.g. EPSG:4326")
    return usable
