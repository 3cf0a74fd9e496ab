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
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pandas as pd
from rasterio.errors import NotGeoreferencedWarning

from erosion.core.contracts import CONTRACT_VERSION, as_of_instant
from erosion.core.dates import date_of_file
from erosion.core.errors import Skipped, SourceError
from erosion.core.folder import files_in, unused_in
from erosion.core.raster.grid import Grid, region_grid
from erosion.satellite.corridor import Corridor, corridor_of
from erosion.water.masks.banks_shown import no_banks
from erosion.water.masks.entry import RasterFolder
from erosion.water.masks.mask_file import Scene, read_scene
from erosion.water.masks.packed import EMPTY_BLOCK, Pixels, Series
from erosion.water.masks.same_date import merge

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region

A = TypeVar("A")
B = TypeVar("B")

ENTRY: Final = RasterFolder

_SHOWN: Final = 5
_WORKERS: Final = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Batch:
    """Files of one source at a date: usable files, files left out, and files not yet available."""

    source: RasterFolder
    as_of: pd.Timestamp
    scenes: tuple[Scene, ...]
    skipped: tuple[Skipped, ...]
    later: tuple[pd.Timestamp, ...]


def read_water(source: RasterFolder, region: Region, as_of: pd.Timestamp | str) -> tuple[xr.Dataset, list[Skipped]]:
    """Return the water masks of one source that could be had at ``as_of``.

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
        ``source_id``, ``scene_id``, ``accepted`` (where ``accepted_files`` names every file of the date); attributes crs, transform, pixel_m, region, source_ids, content_hash.
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
    """Return every file of a source, read and checked once; nothing is raised for a bad file, it is listed."""
    limit = as_of_instant(as_of)
    if source.left_out is not None:
        return Batch(source, limit, (), (), ())
    files = files_in(source.path, source.files)

    def one(path: Path) -> Scene | Skipped | pd.Timestamp:
        return read_scene(path, source, region, limit)

    results = _in_threads(one, files)
    return Batch(
        source,
        limit,
        tuple(r for r in results if isinstance(r, Scene)),
        (*(r for r in results if isinstance(r, Skipped)), *_unused(source, files, limit)),
        tuple(sorted(r for r in results if isinstance(r, pd.Timestamp))),
    )


def _unused(source: RasterFolder, files: Sequence[Path], limit: pd.Timestamp) -> list[Skipped]:
    """Files of the folder that are not read; one whose name holds a date counts from when it would be available."""
    found = []
    for item in unused_in(source.path, source.files, files):
        date = date_of_file(item.name, {}, source.date_from, source.date_tag, source.year_day)
        if isinstance(date, str) or date.day + pd.Timedelta(days=source.latency_days) <= limit:
            found.append(Skipped(*item))
    return found


def common_grid(scenes: Sequence[Scene], region: Region, batches: Iterable[Batch]) -> Grid:
    """Return the working grid of the scenes; raise SourceError with the reasons where there are none."""
    if not scenes:
        raise SourceError("\n".join(_nothing(batch) for batch in batches))
    try:
        return region_grid([scene.grid for scene in scenes], region.crs, region.pixel_m)
    except ValueError as err:
        raise SourceError(f"{region.path}: {err}") from err


def _nothing(batch: Batch) -> str:
    source, day = batch.source, batch.as_of.date()
    if source.left_out is not None:
        return f"{source.name}: {source.left_out.reason}"
    skipped = [item for item in batch.skipped if not item.usual]
    if skipped:
        return f"{source.name}: no usable file in {source.path}: {_reasons(skipped)}"
    if batch.later:
        return (
            f"{source.name}: nothing was available on {day}; the first file became available on "
            f"{batch.later[0].date()}; ask for that date or a later one"
        )
    return f"{source.name}: no file matches {source.files} in {source.path}; check 'path' and 'files' in {source.described_in}"


def _reasons(skipped: Iterable[Skipped]) -> str:
    """Return what was left out and why in one line, each reason once with the first files it concerns."""
    files: dict[str, list[str]] = {}
    for item in skipped:
        files.setdefault(item.reason, []).append(item.scene)
    return "; ".join(
        f"{', '.join(names[:_SHOWN])}{f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''}: {reason}"
        for reason, names in files.items()
    )


def assemble(
    batch: Batch, region: Region, grid: Grid, corridor: Corridor | None = None
) -> tuple[xr.Dataset, list[Skipped]]:
    """Return the scenes of one source as a lazy dataset on a grid: files of one date merged, cut to a corridor."""
    import dask.array as da  # heavy; it loads while the masks are read
    import xarray as xr

    source = batch.source
    skipped: list[Skipped] = []
    days: list[tuple[pd.Timestamp, list[Scene], Pixels]] = []
    dates = sorted({scene.date for scene in batch.scenes})
    groups = [sorted((s for s in batch.scenes if s.date == date), key=lambda s: s.path.name) for date in dates]
    inside = None if corridor is None else corridor.inside
    cut = [] if corridor is None else [corridor.digest]

    def one_date(group: Sequence[Scene]) -> Pixels | Skipped:
        merged = merge(group, grid, inside)
        problem = None if isinstance(merged, Skipped) else no_banks(merged)
        if problem is None:
            return merged
        return Skipped(" + ".join(s.path.name for s in group), f"{problem} (see {source.described_in.name})")

    results = _in_threads(one_date, groups)
    for date, group, merged in zip(dates, groups, results, strict=True):
        if isinstance(merged, Skipped):
            skipped.append(merged)
        else:
            days.append((date, group, merged))
    if not days:
        reasons = _reasons(item for item in [*batch.skipped, *skipped] if not item.usual)
        raise SourceError(f"{source.name}: no usable date: {reasons}")

    name = (
        "water-" + joint_hash([repr(grid), *cut, *(f"{date}{s.digest}" for date, group, _ in days for s in group)])[:32]
    )
    series = Series([pixels for _, _, pixels in days])
    fraction = da.from_array(series, chunks=(1, *grid.shape), name=name, asarray=False, meta=EMPTY_BLOCK)
    used = [scene for _, group, _ in days for scene in group]
    accepted = [all(scene.path.name in source.accepted_files for scene in group) for _, group, _ in days]
    marks = [f"accepted {date}" for (date, _, _), yes in zip(days, accepted, strict=True) if yes]
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
            "accepted": (
                "epoch",
                np.array(accepted),
                {"long_name": "found right by a person"},
            ),
        },
        attrs={
            "crs": grid.crs,
            "transform": tuple(grid.transform)[:6],
            "pixel_m": grid.pixel_m,
            "region": region.name,
            "source_ids": [source.name],
            "content_hash": joint_hash([*cut, *(f"{s.path.name}:{s.digest}" for s in used), *marks]),
            "contract_version": CONTRACT_VERSION,
            "history": f"{len(used)} files of {source.name} available by {batch.as_of.isoformat()}",
        },
    )
    return water, skipped


def _in_threads(work: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Return the results of ``work`` on each item, made on a few threads; reading and unpacking leave the interpreter free."""
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
