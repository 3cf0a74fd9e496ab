"""One pass of a satellite: from the files of its items to calibrated bands on the region's grid.

A pass is everything one platform saw of the region on one orbit of one day; its items are the tiles it comes in.
Numbers are read with odc-stac, window by window of the corridor, become physical values once, and are put together so
that every pixel has all its bands from one item.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from rasterio.errors import NotGeoreferencedWarning

from erosion.catalog import OPTICAL_BANDS, RADAR_BANDS, SceneSource, SourceError
from erosion.contracts import check_scene
from erosion.sources.calibration import calibrate
from erosion.sources.items import assets_of, bands_of, boa_shift, platform_of
from erosion.sources.web import keep_secrets_from_logs
from erosion.sources.window_reader import Access, File, WindowReader, meets, pixel_m_of

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from erosion.corridor import Corridor

WINDOW: Final = 1024
"""Pixels along a side of one read: as large as the tiles of the usual files, far below the 2048 that bounds memory."""

THREADS: Final = 4
"""Reads under way at once; they wait for the network, not for a processor."""


@dataclass(frozen=True)
class PassRef:
    """What one platform saw of a region on one orbit of one day.

    Attributes
    ----------
    pass_id
        ``<source>-<platform>-<YYYYMMDD>-<orbit, or x>``.
    source
        Name of the catalogue entry.
    time
        UTC instant of the first item.
    available_at
        UTC instant from which all items could be had.
    items
        Tiles of the pass, in the order in which they fill the grid.
    items_hash
        Changes when the provider publishes something else under the same pass.
    cloud_percent
        Mean of what the items say [%], None where they say nothing.
    """

    pass_id: str
    source: str
    time: pd.Timestamp
    available_at: pd.Timestamp
    items: tuple[pystac.Item, ...]
    items_hash: str
    cloud_percent: float | None = None


def load(ref: PassRef, source: SceneSource, corridor: Corridor, access: Access) -> xr.Dataset:
    """Load one pass.

    Parameters
    ----------
    ref
        The pass.
    source
        Catalogue entry: bands, scale and offset, quality rule.
    corridor
        Grid of the region and the part of it that is read.
    access
        How the files are reached.

    Returns
    -------
    xarray.Dataset
        A scene (:func:`erosion.contracts.check_scene`): float32 bands on (y, x), NaN outside the image and outside the
        corridor's windows, ``clear`` for optical ones. Beyond the contract the attributes hold ``boa_shift`` (what was
        subtracted, by item) and ``notes`` (what was found odd about the pass).

    Raises
    ------
    SourceError
        Where a file cannot be read after the tries that ``access`` allows, or is not what the catalogue says. The
        message names the scene, the file and the reason.
    """
    import odc.stac  # noqa: F401 (its loggers must be there before secrets are kept from them)
    import xarray as xr

    keep_secrets_from_logs()
    # Where a file has no position its metadata may tell it, or an error does. A filter for good: threads share them.
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    shifts = [_shift_of(item, source) for item in ref.items]
    numbers, owner, native_m = _gather(ref, source, corridor, access)
    scene, notes, subtracted = calibrate(numbers, owner, corridor.windows(WINDOW), shifts, source, ref)
    grid = corridor.grid
    dims = ("y", "x")
    return check_scene(
        xr.Dataset(
            {name: (dims, values, {} if name == "clear" else {"units": "1"}) for name, values in scene.items()},
            coords={"y": ("y", grid.y, {"units": "m"}), "x": ("x", grid.x, {"units": "m"})},
            attrs={
                "crs": grid.crs,
                "transform": tuple(grid.transform)[:6],
                "pass_id": ref.pass_id,
                "scene_ids": [item.id for item in ref.items],
                "source": source.name,
                "sensor": source.sensor,
                "platform": platform_of(ref.items[0]),
                "time": ref.time.isoformat(),
                "available_at": ref.available_at.isoformat(),
                "geo_rmse_m": source.geo_rmse_m,
                "native_m": native_m,
                "items_hash": ref.items_hash,
                "boa_shift": subtracted,
                "notes": notes,
            },
        )
    )


def _gather(
    ref: PassRef,
    source: SceneSource,
    corridor: Corridor,
    access: Access,
) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Read the windows of the corridor: numbers of each band, the item each pixel is from (-1: none), and pixel size."""
    files = [_wanted_files(item, source) for item in ref.items]
    aliases = [alias for alias in _order(source) if any(alias in wanted for wanted in files)]
    numbers = {alias: np.full(corridor.grid.shape, np.nan, np.float32) for alias in aliases}
    owner = np.full(corridor.grid.shape, -1, np.int16)
    windows, native = corridor.windows(WINDOW), set()
    reader = WindowReader(corridor.grid, source, access, ref.items_hash)
    with ThreadPoolExecutor(THREADS) as pool:
        for index, (item, wanted) in enumerate(zip(ref.items, files, strict=True)):
            found = [File(item, alias, asset) for alias, asset in wanted.items()]
            headers = dict(zip(found, pool.map(reader.header, found), strict=True))
            native |= {pixel_m_of(header.grid, source) for file, header in headers.items() if file.alias != "quality"}
            key, *others = found
            tasks = [
                (key, headers[key], window)
                for window in windows
                if (owner[window] < 0).any() and meets(headers[key].grid, corridor.grid, window)
            ]
            touched = []
            for (_, _, window), values in zip(tasks, pool.map(reader.window, tasks), strict=True):
                mine = (owner[window] < 0) & np.isfinite(values)
                owner[window][mine] = index
                numbers[key.alias][window][mine] = values[mine]
                if mine.any():
                    touched.append(window)
            tasks = [(file, headers[file], window) for window in touched for file in others]
            for (file, _, window), values in zip(tasks, pool.map(reader.window, tasks), strict=True):
                mine = owner[window] == index
                numbers[file.alias][window][mine] = values[mine]
    return numbers, owner, min(native, default=source.pixel_m)


def _order(source: SceneSource) -> list[str]:
    """Bands of a source, the one that decides where an item has an image first."""
    first = OPTICAL_BANDS if source.sensor == "optical" else RADAR_BANDS
    known = ["green", *first] if source.sensor == "optical" else list(first)
    return [alias for alias in dict.fromkeys([*known, "quality"]) if alias in bands_of(source)]


def _wanted_files(item: pystac.Item, source: SceneSource) -> dict[str, pystac.Asset]:
    found = assets_of(item, source)
    return {alias: found[alias] for alias in _order(source) if alias in found}


def _shift_of(item: pystac.Item, source: SceneSource) -> float:
    try:
        return boa_shift(item.properties, source.boa_offset)
    except ValueError as err:
        raise SourceError(f"{item.id}: {err}") from None
