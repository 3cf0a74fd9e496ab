"""One mask file: read once, checked while it is read, and kept as packed bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from affine import Affine
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.warp import transform

from erosion.core.dates import NameDate, Precision, date_of_file
from erosion.core.errors import Skipped
from erosion.core.files import sha256_of
from erosion.core.raster.geotiff import GdalError, crs_problem, open_geotiff
from erosion.core.raster.grid import Grid, same_crs
from erosion.water.masks.entry import RasterFolder
from erosion.water.masks.packed import Pixels, pack

if TYPE_CHECKING:
    from erosion.config.region import Region

MAX_FILE_PIXELS: Final = 1_000_000_000
"""A file that declares more is not opened further: a few hundred bytes can declare a terabyte of pixels."""

MAX_DISTANCE_M: Final = 500_000.0
"""A file farther than this from the region's upstream point is not of this river, or its CRS is wrong."""


MAX_PIXEL_FACTOR: Final = 100.0
"""A file whose pixels are so many times larger or smaller than the region's has its size in another unit."""


class Scene(NamedTuple):
    """One file that passed every check."""

    path: Path
    date: pd.Timestamp
    available_at: pd.Timestamp
    grid: Grid
    pixels: Pixels
    digest: str
    precision: Precision = "day"
    """What the file states of its date; the rest of a year or a month alone is guessed."""


def read_scene(path: Path, source: RasterFolder, region: Region, limit: pd.Timestamp) -> Scene | Skipped | pd.Timestamp:
    """Return one file as a scene, the reason it is left out, or the instant it becomes available if that is later."""
    latency = pd.Timedelta(days=source.latency_days)
    try:
        with open_geotiff(path) as dataset:
            dated = _scene_date(path.name, dataset.tags(), source)
            if isinstance(dated, str):
                return Skipped(path.name, dated)
            date = dated.day
            available_at = date + latency
            if available_at > limit:
                return available_at
            problem = _header_problem(dataset, region)
            if problem:
                return Skipped(path.name, problem)
            grid = Grid(dataset.crs.to_string(), dataset.transform, dataset.width, dataset.height)
            pixels = _read_pixels(dataset, source)
        digest = sha256_of(path)
    except (RasterioError, GdalError, OSError, ValueError, MemoryError) as err:
        # What a broken file is, is known only once it could have been there: its name may still hold the date.
        named = _scene_date(path.name, {}, source)
        if not isinstance(named, str) and named.day + latency > limit:
            return named.day + latency
        size = path.stat().st_size if path.exists() else 0
        state = "is empty" if size == 0 else f"cannot be read ({err}); it may be cut short, fetch it again"
        return Skipped(path.name, state)
    if isinstance(pixels, str):
        return Skipped(path.name, pixels)
    return Scene(path, date, available_at, grid, pixels, digest, dated.precision)


def _scene_date(name: str, tags: dict[str, str], source: RasterFolder) -> NameDate | str:
    return date_of_file(name, tags, source.date_from, source.date_tag, source.year_day)


def _header_problem(dataset: Any, region: Region) -> str | None:
    problem = crs_problem(dataset.crs)
    if problem:
        return problem
    if dataset.transform == Affine.identity():
        return "has no position (no geotransform); georeference it"
    if dataset.count != 1:
        return f"has {dataset.count} bands; a mask has one"
    if dataset.width * dataset.height > MAX_FILE_PIXELS:
        return f"declares {dataset.width} x {dataset.height} pixels; cut it to the corridor of the river"
    grid = Grid(dataset.crs.to_string(), dataset.transform, dataset.width, dataset.height)
    distance = _distance_m(grid, region)
    if not distance <= MAX_DISTANCE_M:
        how = f"lies {distance / 1000:.0f} km from" if np.isfinite(distance) else "cannot be placed near"
        return f"{how} the region's upstream point; its CRS {grid.crs} or the region's 'upstream' is wrong"
    sides = ground_pixel_m(grid, region.crs)
    if not all(region.pixel_m / MAX_PIXEL_FACTOR <= side <= region.pixel_m * MAX_PIXEL_FACTOR for side in sides):
        return (
            f"its pixels measure {sides[0]:.3g} x {sides[1]:.3g} m, against {region.pixel_m:g} m of the region's pixel_m; "
            "its geotransform is in another unit, or it is to be resampled"
        )
    return None


def ground_pixel_m(grid: Grid, crs: str) -> tuple[float, float]:
    """Width and height on the ground of the middle pixel of a file, in a metric CRS [m]."""
    t, row, col = grid.transform, grid.height / 2, grid.width / 2
    points = [(col, row), (col + 1, row), (col, row + 1)]
    x = [t.c + t.a * c + t.b * r for c, r in points]
    y = [t.f + t.d * c + t.e * r for c, r in points]
    if not same_crs(grid.crs, crs):
        x, y = transform(grid.crs, crs, x, y)[:2]
    width, height = (float(np.hypot(x[i] - x[0], y[i] - y[0])) for i in (1, 2))
    return width, height


def _distance_m(grid: Grid, region: Region) -> float:
    """Distance from a file's extent to the region's upstream point [m], infinite where it cannot be projected."""
    try:
        left, bottom, right, top = grid.bounds_in(region.crs)
        xs, ys = transform("EPSG:4326", region.crs, *([[degrees] for degrees in region.reach.upstream]))[:2]
    except (RasterioError, GdalError, ValueError):
        return float("inf")
    dx = max(left - xs[0], xs[0] - right, 0.0)
    dy = max(bottom - ys[0], ys[0] - top, 0.0)
    distance = float(np.hypot(dx, dy))
    return distance if np.isfinite(distance) else float("inf")


def _read_pixels(dataset: Any, source: RasterFolder) -> Pixels | str:
    """Return the classes of band 1, or the reason in words where a value is not declared or there is no water."""
    band = dataset.read(1)
    for meaning in ("water", "land"):
        if dataset.nodata in getattr(source.values, meaning):
            declared = {*source.values.water, *source.values.land, source.nodata}
            others = [float(value) for value in np.unique(band) if value not in declared and np.isfinite(value)]
            mend = (
                f"the file also holds {', '.join(f'{value:g}' for value in others[:5])}, which 'values' does not name: is "
                f"that its {meaning}? Mend 'values'"
                if others
                else "take the tag out (gdal_edit.py -unsetnodata file)"
            )
            return (
                f"its nodata tag {dataset.nodata:g} is also the value of {meaning} under 'values' in "
                f"{source.described_in.name}, so all {meaning} would be missing; {mend}"
            )
    nodata = {v for v in (source.nodata, dataset.nodata) if v is not None}
    masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
    if band.dtype == np.uint8 and source.values.water == (1,) and source.values.land == (0,) and not masked:
        top = int(band.max(initial=0))
        if top <= 1:  # already bits: the common case costs one pass over the pixels
            return pack(band, None) if top else "has no water pixel"
    water = np.isin(band, source.values.water)
    land = np.isin(band, source.values.land)
    missing = np.isin(band, [v for v in nodata if np.isfinite(v)])
    if np.issubdtype(band.dtype, np.floating):
        missing |= np.isnan(band)
    if masked:
        missing |= dataset.read_masks(1) == 0
    water &= ~missing
    land &= ~missing
    valid = water | land
    other = ~(valid | missing)
    if other.any():
        values, counts = np.unique(band[other], return_counts=True)
        shown = ", ".join(f"{v} ({n} pixels)" for v, n in list(zip(values, counts, strict=True))[:5])
        where = f"'values' or 'nodata' in {source.described_in}"
        return f"has values that are not declared: {shown}; if they are right, declare them under {where}"
    if not water.any():
        return "has no water pixel" if valid.any() else "has no valid pixel"
    return pack(water, None if valid.all() else valid)
