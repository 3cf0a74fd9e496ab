"""A raster of people: the pixels along the river as cells in the region's CRS."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.io import DatasetReader
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from erosion.config.places import Population
from erosion.core.errors import SourceError
from erosion.core.raster.geotiff import GdalError, crs_problem, open_geotiff
from erosion.places import extent

MAX_CELLS: Final = 4_000_000
"""Most pixels that are read; 200 km of river and 100 m pixels are 300,000."""

_MAX_READ: Final = 40_000_000
"""Most pixels of the rectangle around the river."""


def read_population(entry: Population, strip: BaseGeometry, crs: str) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the pixels that touch a strip, and what is wrong with single ones.

    Parameters
    ----------
    entry
        GeoTIFF of people a pixel, and what a pixel without a value means.
    strip
        Where the river lies, in ``crs``.
    crs
        CRS of the result.

    Returns
    -------
    geopandas.GeoDataFrame
        ``people`` of each pixel whose number is known, and its outline.
    list of str
        What was left out.

    Raises
    ------
    SourceError
        Where the file cannot be read, has no CRS, lies elsewhere, or has too many pixels.
    """
    if not entry.path.is_file():
        raise SourceError("is no file")
    try:
        with open_geotiff(entry.path) as raster:
            return _cells(raster, entry, strip, crs)
    except (rasterio.errors.RasterioError, GdalError, OSError, ValueError) as err:
        raise SourceError(f"cannot be read as GeoTIFF ({str(err)[:200]}); save it again, or fetch it again") from err


def _cells(
    raster: DatasetReader, entry: Population, strip: BaseGeometry, crs: str
) -> tuple[gpd.GeoDataFrame, list[str]]:
    problem = crs_problem(raster.crs)
    if problem is not None:
        raise SourceError(problem)
    if raster.count != 1:
        raise SourceError(
            f"has {raster.count} bands; which holds the people is not stated; save it in a file of its own"
        )
    if raster.transform.is_degenerate or raster.transform == Affine.identity():
        raise SourceError("has no position; write it into the file")
    layer_crs = raster.crs.to_wkt()
    back = extent.transformer(layer_crs, crs)
    corners, people, negative, missing = [], [], 0, 0
    seen = np.zeros(0, dtype=np.int64)
    for window in extent.windows(strip, crs, layer_crs):
        rows, cols = _span(raster, window)
        if not (len(rows) and len(cols)):
            continue
        if len(rows) * len(cols) > _MAX_READ:
            raise SourceError(f"has {len(rows) * len(cols):,} pixels around the river; save it with larger pixels")
        block = Window(cols.start, rows.start, len(cols), len(rows))
        values = raster.read(1, window=block, masked=True).astype(float)
        shape = extent.project(shapely.segmentize(strip, 500.0), extent.transformer(crs, layer_crs))
        transform = raster.window_transform(block)
        if raster.crs.is_geographic:
            shape = _turned(shape, window)
        touched = geometry_mask([shape], values.shape, transform, all_touched=True, invert=True)
        number = np.ma.filled(values, np.nan)
        negative += int((touched & (number < 0)).sum())
        row, col = np.nonzero(touched & ~(number < 0))
        index = (row + rows.start) * raster.width + col + cols.start
        new = ~np.isin(index, seen)
        seen = np.concatenate([seen, index])
        row, col = row[new], col[new]
        found = number[row, col]
        missing += int(np.isnan(found).sum())
        if entry.nodata_is_nobody:
            found = np.nan_to_num(found, nan=0.0)
        known = np.isfinite(found)
        corners.append(_outlines(row[known], col[known], transform))
        people.append(found[known])
    if not len(seen):
        raise SourceError("lies elsewhere, or has no value along the river; is it the right file and CRS?")
    if len(seen) > MAX_CELLS:
        raise SourceError(f"has {len(seen):,} pixels along the river; save it with larger pixels")
    cells = extent.project(shapely.polygons(np.concatenate(corners)), back)
    left_out = [f"{negative} pixels: hold less than nobody"] if negative else []
    if missing and not entry.nodata_is_nobody:
        left_out.append(f"{missing} pixels: have no value; set nodata_is_nobody where that means nobody")
    return gpd.GeoDataFrame({"people": np.concatenate(people)}, geometry=cells, crs=crs), left_out


def _span(raster: DatasetReader, window: extent.Bounds) -> tuple[range, range]:
    """Return the rows and columns of a raster, also a turned one, that a rectangle touches."""
    west, south, east, north = window
    a, b, c, d, e, f = tuple(~raster.transform)[:6]
    x, y = np.array([west, west, east, east]), np.array([south, north, south, north])
    col, row = a * x + b * y + c, d * x + e * y + f
    return (
        range(max(0, int(np.floor(row.min()))), min(raster.height, int(np.ceil(row.max())) + 1)),
        range(max(0, int(np.floor(col.min()))), min(raster.width, int(np.ceil(col.max())) + 1)),
    )


def _turned(shape: BaseGeometry, window: extent.Bounds) -> BaseGeometry:
    """Return a shape in degrees with its longitudes in those of a window."""
    middle = (window[0] + window[2]) / 2.0

    def move(xy: np.ndarray) -> np.ndarray:
        return np.column_stack([middle + (xy[:, 0] - middle + 180.0) % 360.0 - 180.0, xy[:, 1]])

    return shapely.transform(shape, move)


def _outlines(row: np.ndarray, col: np.ndarray, transform: Affine) -> np.ndarray:
    """Return the rings of pixels, shape (n, 5, 2), in the raster's CRS."""
    steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], float)
    x, y = col[:, None] + steps[:, 0], row[:, None] + steps[:, 1]
    a, b, c, d, e, f = tuple(transform)[:6]
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=2)
