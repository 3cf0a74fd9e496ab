"""One pass of a satellite: from the files of its items to calibrated bands on the region's grid.

A pass is everything one platform saw of the region on one orbit of one day; its items are the tiles it comes in.
Numbers are read with odc-stac, window by window of the corridor, become physical values once, and are put together so
that every pixel has all its bands from one item.
"""

from __future__ import annotations

import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pystac
from rasterio.errors import NotGeoreferencedWarning

from erosion.config.scenes import INCIDENCE, OPTICAL_BANDS, QUALITY_BANDS, RADAR_BANDS, SceneSource
from erosion.core.contracts import SCENE_VARIABLES, check_scene
from erosion.core.errors import SourceError
from erosion.core.http.redaction import keep_secrets_from_logs
from erosion.core.raster.block_array import BlockArray
from erosion.core.raster.windows import Window
from erosion.satellite.calibration import Numbers, calibrate, quality_rules, refuses
from erosion.satellite.grouping import PassRef
from erosion.satellite.items import assets_of, bands_of, boa_shift, platform_of
from erosion.satellite.window_reader import LONGEST_S, Access, File, Header, WindowReader, meets, pixel_m_of

if TYPE_CHECKING:
    import xarray as xr

    from erosion.satellite.corridor import Corridor

WINDOW: Final = 1024
"""Pixels along a side of one read: as large as the tiles of the usual files, far below the 2048 that bounds memory."""

THREADS: Final = 4
"""Reads under way at once; they wait for the network, not for a processor."""


def load(
    ref: PassRef, source: SceneSource, corridor: Corridor, access: Access, longest_s: float = LONGEST_S
) -> xr.Dataset:
    """Bands of one pass on the grid of the region, calibrated.

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
    longest_s
        Time after which no further file is read [s].

    Returns
    -------
    xarray.Dataset
        A scene (:func:`erosion.core.contracts.check_scene`): float32 bands on (y, x), NaN outside the image and outside the
        corridor's windows, ``clear`` for optical ones. Only the windows take memory, and a variable is put together
        where and when it is asked for: ask for windows of it (``isel``), not for all. Beyond the contract the attributes
        hold ``boa_shift`` (what was subtracted, by item) and ``notes`` (what was found odd about the pass).

    Raises
    ------
    SourceError
        Where a file cannot be read after the tries that ``access`` allows, or does not match the catalogue entry. The
        message names the scene, the file and the reason.
    """
    # Heavy: seconds, and most commands read no scene. Its loggers must be there before secrets are kept from them.
    import odc.stac  # noqa: F401
    import xarray as xr

    keep_secrets_from_logs()
    # Where a file has no position its metadata may give it, or an error is raised. A filter for good: threads share them.
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    shifts = [_shift_of(item, source) for item in ref.items]
    numbers, native_m = _gather(ref, source, corridor, access, longest_s)
    bands, clear, subtracted, notes = calibrate(numbers, shifts, source, ref)
    rasters: dict[str, BlockArray[Any]] = dict(bands) if clear is None else {**bands, "clear": clear}
    grid = corridor.grid
    return check_scene(
        xr.Dataset(
            {
                name: (("y", "x"), raster.lazily(), {"units": unit} if (unit := SCENE_VARIABLES[name][0]) else {})
                for name, raster in rasters.items()
            },
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


def pass_bytes(source: SceneSource, corridor: Corridor) -> int:
    """Memory that a pass of a source takes while it is loaded: its bands, and a few bytes more, in the windows read."""
    pixels = sum(math.prod(part.stop - part.start for part in window) for window in corridor.windows(WINDOW))
    flags = len(set(QUALITY_BANDS) & set(bands_of(source)))
    return pixels * (4 * (len(bands_of(source)) - flags) + flags + 3)  # owner takes two, clear one


def _gather(
    ref: PassRef, source: SceneSource, corridor: Corridor, access: Access, longest_s: float
) -> tuple[Numbers, float]:
    """Numbers in the windows of the corridor, all bands of a pixel from one item; and the pixel size [m]."""
    files = [_files_of(item, source) for item in ref.items]
    windows, rules, shape = corridor.windows(WINDOW), quality_rules(source), corridor.grid.shape
    aliases = dict.fromkeys(file.alias for found in files for file in found)
    numbers = Numbers(
        bands={alias: BlockArray(shape, windows, np.float32, np.nan) for alias in aliases if alias not in rules},
        # Without a number for its quality a pixel is refused; without one for its saturation it is not.
        refused={a: BlockArray(shape, windows, np.bool_, a == "quality") for a in aliases if a in rules},
        owner=BlockArray(shape, windows, np.int16, -1),
        windows=windows,
    )
    reader = WindowReader(corridor.grid, source, access, ref.items_hash, longest_s)

    def put(task: tuple[int, bool, File, Header, Window]) -> None:
        """Read one window and keep what is the item's: what no other item has, or what its first band has shown."""
        index, first, file, header, window = task
        values, owner = reader.window(file, header, window), numbers.owner[window]
        if first:
            owner[(owner < 0) & np.isfinite(values)] = index
        mine = owner == index
        if file.alias in rules:
            numbers.refused[file.alias][window][mine] = refuses(values[mine], file.alias, rules[file.alias])
        else:
            numbers.bands[file.alias][window][mine] = values[mine]

    native = set()
    with ThreadPoolExecutor(THREADS) as pool:
        for index, found in enumerate(files):
            headers = list(pool.map(reader.header, found))
            native |= {
                pixel_m_of(header.grid, source)
                for file, header in zip(found, headers, strict=True)
                if file.alias not in rules
            }
            free = [w for w in windows if (numbers.owner[w] < 0).any() and meets(headers[0].grid, corridor.grid, w)]
            # Each window is kept where it is read: were they handed on, those read early would wait for the late ones.
            list(pool.map(put, [(index, True, found[0], headers[0], w) for w in free]))
            taken = [w for w in free if (numbers.owner[w] == index).any()]
            others = list(zip(found, headers, strict=True))[1:]
            list(pool.map(put, [(index, False, file, header, w) for w in taken for file, header in others]))
    return numbers, min(native, default=source.pixel_m)


def _files_of(item: pystac.Item, source: SceneSource) -> list[File]:
    """Files of an item, that of the band that decides where it has an image first, those of its quality last."""
    known = ("green", *OPTICAL_BANDS) if source.sensor == "optical" else (*RADAR_BANDS, INCIDENCE)
    assets = assets_of(item, source)
    return [File(item, alias, assets[alias]) for alias in dict.fromkeys((*known, *QUALITY_BANDS)) if alias in assets]


def _shift_of(item: pystac.Item, source: SceneSource) -> float:
    try:
        return boa_shift(item.properties, source.boa_offset)
    except ValueError as err:
        raise SourceError(f"{item.id}: {err}") from None
