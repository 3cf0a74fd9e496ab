"""Driver ``raster_folder``: dated GeoTIFF masks of the river channel.

Each file is read once, checked while it is read, and kept as compressed bits (a mask of 6 million pixels takes some
20 kB), so a long series costs one pass over the disk and next to no memory. The pixels become floats only where a
stage asks for them, one epoch at a time and only the rows it asks for.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import reproject

from erosion.config.sources import RasterFolder, Skipped, SourceError
from erosion.core.contracts import CONTRACT_VERSION, as_of_instant
from erosion.core.dates import date_of_file
from erosion.core.files import sha256_of
from erosion.core.grid import Grid, region_grid
from erosion.satellite.corridor import Corridor, corridor_of
from erosion.water.masks.packed import (
    EMPTY_BLOCK,
    NODATA_PERCENT,
    Pixels,
    Series,
    pack,
    pack_percent,
    unpack,
    unpack_percent,
)

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region

A = TypeVar("A")
B = TypeVar("B")

MAX_FILE_PIXELS: Final = 1_000_000_000
"""A file that declares more is not opened further: a few hundred bytes can declare a terabyte of pixels."""

MAX_DISTANCE_M: Final = 500_000.0
"""A file farther than this from the region's upstream point is not of this river, or its CRS is wrong."""

MAX_DISAGREEMENT: Final = 0.01
"""Two files of a date may differ in this share of their common pixels ..."""

MAX_WATER_DISAGREEMENT: Final = 0.10
"""... and of the pixels that either of them calls water; most of a river mask is land, which always agrees."""

_WORKERS: Final = min(4, os.cpu_count() or 1)


class Scene(NamedTuple):
    """One file that passed every check."""

    path: Path
    date: pd.Timestamp
    available_at: pd.Timestamp
    grid: Grid
    pixels: Pixels
    digest: str


@dataclass(frozen=True)
class Batch:
    """What one source had at a date: usable files, files left out, and files not yet available."""

    source: RasterFolder
    as_of: pd.Timestamp
    scenes: tuple[Scene, ...]
    skipped: tuple[Skipped, ...]
    later: tuple[pd.Timestamp, ...]


def read_water(source: RasterFolder, region: Region, as_of: pd.Timestamp | str) -> tuple[xr.Dataset, list[Skipped]]:
    """Read the water masks of one source that could be had at ``as_of``.

    Parameters
    ----------
    source
        Catalogue entry.
    region
        Gives the metric CRS and the pixel size of the working grid; a region of one reach. Where the reach has an
        area, the masks are cut to its corridor: outside nothing is known.
    as_of
        Date of the product; files that became available later are not used and not judged.

    Returns
    -------
    water : xarray.Dataset
        ``water_fraction`` [1], dims (epoch, y, x), float32 0..1 with NaN for missing, lazy with one chunk an epoch;
        coordinates x, y [m] at pixel centres, epoch, and per epoch ``available_at``, ``geo_rmse_m`` [m],
        ``source_id``, ``scene_id``; attributes crs, transform, pixel_m, region, source_ids, content_hash.
    skipped : list of Skipped
        Files that were left out and why.

    Raises
    ------
    SourceError
        Where nothing usable is left; the message lists why.
    """
    batch = collect(source, region, as_of)
    water, more = assemble(batch, region, *frame_of([batch], region))
    return water, [*batch.skipped, *more]


def frame_of(batches: Sequence[Batch], region: Region) -> tuple[Grid, Corridor | None]:
    """Return the working grid of a reach on the pixels of its masks, and its corridor where it has an area.

    Raises
    ------
    SourceError
        Where there is no usable mask, or the corridor cannot be made.
    """
    grid = common_grid([scene for batch in batches for scene in batch.scenes], region, batches)
    if region.reach.area is None:
        return grid, None
    corridor = corridor_of(region, grid)
    return corridor.grid, corridor


def collect(source: RasterFolder, region: Region, as_of: pd.Timestamp | str) -> Batch:
    """Read and check every file of a source once; nothing is raised for a bad file, it is listed."""
    limit = as_of_instant(as_of)
    files = sorted(p for p in source.path.glob(source.files) if p.is_file())

    def one(path: Path) -> Scene | Skipped | pd.Timestamp:
        return _read_scene(path, source, region, limit)

    results = _in_threads(one, files)
    return Batch(
        source,
        limit,
        tuple(r for r in results if isinstance(r, Scene)),
        tuple(r for r in results if isinstance(r, Skipped)),
        tuple(sorted(r for r in results if isinstance(r, pd.Timestamp))),
    )


def common_grid(scenes: Sequence[Scene], region: Region, batches: Iterable[Batch]) -> Grid:
    """Working grid of the scenes; SourceError that tells why where there are none."""
    if not scenes:
        raise SourceError("\n".join(_nothing(batch) for batch in batches))
    try:
        return region_grid([scene.grid for scene in scenes], region.crs, region.pixel_m)
    except ValueError as err:
        raise SourceError(f"{region.path}: {err}") from err


def _nothing(batch: Batch) -> str:
    source, day = batch.source, batch.as_of.date()
    if batch.skipped:
        reasons = "; ".join(f"{s.scene}: {s.reason}" for s in batch.skipped)
        return f"{source.name}: no usable file in {source.path} as of {day}: {reasons}"
    if batch.later:
        return (
            f"{source.name}: nothing was available on {day}; the first file became available on "
            f"{batch.later[0].date()}; ask for that date or a later one"
        )
    return f"{source.name}: no file matches {source.files} in {source.path}; check 'path' and 'files' in {source.described_in}"


def assemble(
    batch: Batch, region: Region, grid: Grid, corridor: Corridor | None = None
) -> tuple[xr.Dataset, list[Skipped]]:
    """Put the scenes of one source on a grid, merge files of one date, cut them to a corridor, make the lazy dataset."""
    import dask.array as da
    import xarray as xr

    source = batch.source
    skipped: list[Skipped] = []
    days: list[tuple[pd.Timestamp, list[Scene], Pixels]] = []
    dates = sorted({scene.date for scene in batch.scenes})
    groups = [sorted((s for s in batch.scenes if s.date == date), key=lambda s: s.path.name) for date in dates]
    inside = None if corridor is None else corridor.inside
    cut = [] if corridor is None else [corridor.digest]
    results = _in_threads(lambda group: _merge(group, grid, inside), groups)
    for date, group, merged in zip(dates, groups, results, strict=True):
        if isinstance(merged, Skipped):
            skipped.append(merged)
        else:
            days.append((date, group, merged))
    if not days:
        reasons = "; ".join(f"{s.scene}: {s.reason}" for s in [*batch.skipped, *skipped])
        raise SourceError(f"{source.name}: no usable date as of {batch.as_of.date()}: {reasons}")

    name = (
        "water-" + joint_hash([repr(grid), *cut, *(f"{date}{s.digest}" for date, group, _ in days for s in group)])[:32]
    )
    series = Series([pixels for _, _, pixels in days])
    fraction = da.from_array(series, chunks=(1, *grid.shape), name=name, asarray=False, meta=EMPTY_BLOCK)
    used = [scene for _, group, _ in days for scene in group]
    dims = ("epoch", "y", "x")
    water = xr.Dataset(
        {"water_fraction": (dims, fraction, {"units": "1", "long_name": "share of the pixel that is river"})},
        coords={
            "epoch": ("epoch", _naive([date for date, _, _ in days]), {"long_name": "date of the observation"}),
            "y": ("y", grid.y, {"units": "m", "long_name": "northing of the pixel centre"}),
            "x": ("x", grid.x, {"units": "m", "long_name": "easting of the pixel centre"}),
            "available_at": (
                "epoch",
                _naive([max(s.available_at for s in group) for _, group, _ in days]),
                {"long_name": "UTC instant the observation could first be had"},
            ),
            "geo_rmse_m": (
                "epoch",
                np.full(len(days), source.geo_rmse_m),
                {"units": "m", "long_name": "geolocation and bank-line error"},
            ),
            "source_id": ("epoch", np.array([source.name] * len(days), dtype=object)),
            "scene_id": ("epoch", np.array(["+".join(s.path.name for s in g) for _, g, _ in days], dtype=object)),
        },
        attrs={
            "crs": grid.crs,
            "transform": tuple(grid.transform)[:6],
            "pixel_m": grid.pixel_m,
            "region": region.name,
            "source_ids": [source.name],
            "content_hash": joint_hash([*cut, *(f"{s.path.name}:{s.digest}" for s in used)]),
            "contract_version": CONTRACT_VERSION,
            "history": f"{len(used)} files of {source.name} available by {batch.as_of.isoformat()}",
        },
    )
    return water, skipped


def _in_threads(work: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Apply ``work`` to each item on a few threads; reading and unpacking leave the interpreter free."""
    with warnings.catch_warnings(), ThreadPoolExecutor(_WORKERS) as pool:
        # A file without a position is reported in words, and the arrays handed to GDAL never have one.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        results = pool.map(work, items)
        # The threads wait for the disk and the decoder; what comes after them takes a tenth of a second to load.
        import xarray  # noqa: F401

        return list(results)


def joint_hash(parts: Iterable[str]) -> str:
    """SHA-256 over texts, in their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _naive(times: list[pd.Timestamp]) -> np.ndarray:
    return pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")


# --- one file -------------------------------------------------------------------------------------------------------


def _read_scene(
    path: Path, source: RasterFolder, region: Region, limit: pd.Timestamp
) -> Scene | Skipped | pd.Timestamp:
    """Read one file: a scene, the reason it is left out, or the instant it becomes available if that is later."""
    latency = pd.Timedelta(days=source.latency_days)
    try:
        with rasterio.open(path) as dataset:
            date = _scene_date(path.name, dataset.tags(), source)
            if isinstance(date, str):
                return Skipped(path.name, date)
            available_at = date + latency
            if available_at > limit:
                return available_at
            problem = _header_problem(dataset, region)
            if problem:
                return Skipped(path.name, problem)
            grid = Grid(dataset.crs.to_string(), dataset.transform, dataset.width, dataset.height)
            pixels = _read_pixels(dataset, source)
        digest = sha256_of(path)
    except (RasterioError, OSError, ValueError, MemoryError) as err:
        # What a broken file is, is known only once it could have been there: its name may still tell the date.
        named = _scene_date(path.name, {}, source)
        if not isinstance(named, str) and named + latency > limit:
            return named + latency
        size = path.stat().st_size if path.exists() else 0
        state = "is empty" if size == 0 else f"cannot be read ({err}); it may be cut short, fetch it again"
        return Skipped(path.name, state)
    if isinstance(pixels, str):
        return Skipped(path.name, pixels)
    return Scene(path, date, available_at, grid, pixels, digest)


def _scene_date(name: str, tags: dict[str, str], source: RasterFolder) -> pd.Timestamp | str:
    return date_of_file(name, tags, source.date_from, source.date_tag, source.year_day)


def _header_problem(dataset: Any, region: Region) -> str | None:
    if dataset.crs is None:
        return "has no CRS; write one into the file (gdal_edit.py -a_srs EPSG:... file)"
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
    return None


def _distance_m(grid: Grid, region: Region) -> float:
    """Distance from a file's extent to the region's upstream point [m], infinite where it cannot be projected."""
    from rasterio.warp import transform

    try:
        left, bottom, right, top = grid.bounds_in(region.crs)
        xs, ys = transform("EPSG:4326", region.crs, *([[degrees] for degrees in region.reach.upstream]))[:2]
    except (RasterioError, ValueError):
        return float("inf")
    dx = max(left - xs[0], xs[0] - right, 0.0)
    dy = max(bottom - ys[0], ys[0] - top, 0.0)
    distance = float(np.hypot(dx, dy))
    return distance if np.isfinite(distance) else float("inf")


def _read_pixels(dataset: Any, source: RasterFolder) -> Pixels | str:
    """Read band 1 and class it; the reason in words where a value is not declared or there is no water."""
    band = dataset.read(1)
    nodata = {v for v in (source.nodata, dataset.nodata) if v is not None}
    masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
    if band.dtype == np.uint8 and source.values.water == (1,) and source.values.land == (0,) and not masked:
        top = int(band.max(initial=0))
        if top <= 1 and not nodata & {0, 1}:  # already bits: the common case costs one look at the pixels
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


# --- several files, one grid ----------------------------------------------------------------------------------------


def _merge(group: Sequence[Scene], grid: Grid, inside: NDArray[np.bool_] | None) -> Pixels | Skipped:
    """Merge the files of one date on the grid; the first file by name stands where two differ within tolerance.

    Pixels that are not ``inside`` are missing.
    """
    placed = [_place(scene, grid) for scene in group]
    if inside is not None:
        placed = [_cut(pixels, inside) for pixels in placed]
    if len(placed) == 1:
        if placed[0] is not group[0].pixels and not (unpack_percent(placed[0]) != NODATA_PERCENT).any():
            return Skipped(group[0].path.name, "shows nothing of the region's corridor; check 'area' and the file")
        return placed[0]
    merged = unpack_percent(placed[0])
    for scene, pixels in zip(group[1:], placed[1:], strict=True):
        percent = unpack_percent(pixels)
        common = (merged != NODATA_PERCENT) & (percent != NODATA_PERCENT)
        a, b = merged[common] >= 50, percent[common] >= 50
        differ, wet = int((a != b).sum()), int((a | b).sum())
        if differ > MAX_DISAGREEMENT * a.size or differ > MAX_WATER_DISAGREEMENT * wet:
            names = " + ".join(s.path.name for s in group)
            reason = (
                f"files of one date disagree: {scene.path.name} differs from the file before it in {differ} of "
                f"{a.size} common pixels ({differ / a.size:.1%}; {differ / max(wet, 1):.0%} of those either calls "
                f"water); the date {scene.date.date()} is left out, take out the wrong file"
            )
            return Skipped(names, reason)
        fill = merged == NODATA_PERCENT
        merged[fill] = percent[fill]
    return _tightest(merged)


def _tightest(percent: np.ndarray) -> Pixels:
    valid = percent != NODATA_PERCENT
    if np.isin(percent[valid], (0, 100)).all():
        return pack(percent == 100, None if valid.all() else valid)
    return pack_percent(percent)


def _cut(pixels: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """Make the pixels outside missing."""
    return _tightest(np.where(inside, unpack_percent(pixels), np.uint8(NODATA_PERCENT)))


def _place(scene: Scene, grid: Grid) -> Pixels:
    """Pixels of a scene on the grid: untouched where grids agree, moved where lattices do, else averaged."""
    offset = scene.grid.offset_in(grid)
    if offset == (0, 0) and scene.grid.shape == grid.shape:
        return scene.pixels
    if offset is not None:
        whole = np.full(grid.shape, NODATA_PERCENT, np.uint8)
        inside, own = zip(
            *(_overlap(at, n, size) for at, n, size in zip(offset, scene.grid.shape, grid.shape, strict=True)),
            strict=True,
        )
        whole[inside] = unpack_percent(scene.pixels)[own]
        return _tightest(whole)
    return _warp(scene.pixels, scene.grid, grid)


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
    percent = np.full(grid.shape, NODATA_PERCENT, np.uint8)
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
