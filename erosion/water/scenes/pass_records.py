"""Records of satellite passes on disk: one GeoTIFF of water percent and one JSON a pass and revision."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from erosion.config.scenes import SceneSource
from erosion.core.arrays import UNOBSERVED
from erosion.core.contracts import ContractError
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import sha256_of, write_json
from erosion.satellite.corridor import TILE, Corridor

if TYPE_CHECKING:
    from erosion.config.region import Region

RECORD_NAME: Final = re.compile(r"(?P<pass_id>.+)\.r(?P<revision>\d+)\.json")


@dataclass(frozen=True, kw_only=True)
class PassRecord:
    """Record of one pass.

    Attributes
    ----------
    pass_id, source, sensor, platform
        Which pass, of which catalogue entry, by which instrument.
    time
        When it was taken, UTC.
    available_at
        When this revision could first be had, UTC.
    seen_at
        When this machine first had it, UTC.
    items_hash
        Hash of the items it was made from.
    revision
        0, 1, ...; a later one never takes the place of an earlier one.
    state
        ``water``, ``unusable`` (clouds, shift; not tried again) or ``failed`` (network; tried again).
    reason
        Why it is unusable or failed.
    geo_rmse_m
        Geolocation error that the source states [m].
    native_m
        Pixel size of the source [m].
    scene_ids
        Items of the pass.
    facts
        What was found while it was classified; see water.py.
    processing
        Version of the method in water.py.
    corridor
        Digest of the corridor it was made on.
    settings
        Hash of the settings of the source and the region that decide its water; empty in records older than this field.
    reference
        Id of the reference to which it was co-registered, empty where there was none yet.
    sha256
        Of the GeoTIFF, empty where there is none.
    path
        Where the record was read from.
    """

    pass_id: str
    source: str
    sensor: str
    platform: str
    time: pd.Timestamp
    available_at: pd.Timestamp
    seen_at: pd.Timestamp
    items_hash: str
    revision: int
    state: str
    reason: str
    geo_rmse_m: float
    native_m: float
    scene_ids: tuple[str, ...]
    facts: Mapping[str, Any]
    processing: int
    corridor: str
    settings: str = ""
    reference: str = ""
    sha256: str = ""
    path: Path = Path()

    @property
    def raster(self) -> Path:
        """The GeoTIFF of water percent beside the record."""
        return self.path.with_suffix(".tif")


def home_of(store: Path, region: Region) -> Path:
    """Directory of a reach in the scene store; the region is one of :meth:`Region.by_reach`."""
    return store / region.name / region.reach.name


# --- reading --------------------------------------------------------------------------------------------------------


def records(store: Path, region: Region, source: SceneSource | str) -> list[PassRecord]:
    """Return every record of a source, all revisions, by pass and revision; :func:`damage` checks their pixels.

    Parameters
    ----------
    store
        Directory of the scene store.
    region
        The region, of one reach.
    source
        The source, or its name.
    """
    return read_records(store, region, source)[0]


def read_records(store: Path, region: Region, source: SceneSource | str) -> tuple[list[PassRecord], list[Skipped]]:
    """Return the records of a source, and a list of those that are damaged or half written; see :func:`records`."""
    found: list[PassRecord] = []
    damaged: list[Skipped] = []
    for path in sorted((home_of(store, region) / _name(source)).glob("*.json")):
        match = RECORD_NAME.fullmatch(path.name)
        if match is None:
            continue
        try:
            record = _read_record(path)
            if (record.pass_id, record.revision) != (match["pass_id"], int(match["revision"])):
                raise ValueError(f"holds {record.pass_id} revision {record.revision}")
        except (OSError, ValueError, KeyError, TypeError) as err:
            damaged.append(Skipped(path.name, f"the stored pass is damaged ({err}); the next night makes it anew"))
            continue
        found.append(record)
    whole = {record.raster.name for record in found} | {Path(item.scene).with_suffix(".tif").name for item in damaged}
    for path in sorted((home_of(store, region) / _name(source)).glob("*.tif")):
        if path.name not in whole and not path.name.startswith("."):
            name = path.with_suffix(".json").name
            damaged.append(Skipped(name, "the stored pass was half written; the next night makes it anew"))
    return sorted(found, key=lambda r: (r.pass_id, r.revision)), damaged


def left_out(record: PassRecord) -> Skipped:
    """Why a pass in another state than ``water`` is left out; that it is unusable is usual and needs no mending.

    The text of a failure may differ from attempt to attempt and is reported by the attempt alone: what is known is that
    the pass could not be read.
    """
    if record.state == "failed":
        return Skipped(record.pass_id, "could not be read, tried again next night")
    return Skipped(record.pass_id, record.reason, usual=True)


def damage(record: PassRecord) -> str | None:
    """Return what is wrong with the pixels of a record; None where they are what was written."""
    try:
        found = known_sha256(record.raster)
    except OSError as err:
        return f"{record.raster.name} cannot be read ({err})"
    return None if found == record.sha256 else f"{record.raster.name} is not what was written"


def read_percent(record: PassRecord, window: tuple[slice, slice] | None = None) -> NDArray[np.uint8]:
    """Return the water percent of a pass.

    Parameters
    ----------
    record
        A record in state ``water``.
    window
        Rows and columns; all of them when None.

    Returns
    -------
    numpy.ndarray
        0..100, 255 where not usable or outside the corridor, shape (rows, cols).

    Raises
    ------
    SourceError
        Where the file is not what was written.
    """
    problem = damage(record)
    if problem is not None:
        raise SourceError(f"{record.pass_id}: the stored pass is damaged ({problem}); the next night makes it anew")
    return read_raster(record.raster, window)


def read_raster(path: Path, window: tuple[slice, slice] | None) -> NDArray[np.uint8]:
    """Return a raster of the store, not compared with its hash."""
    try:
        with rasterio.open(path, driver="GTiff") as file:
            return cast(
                "NDArray[np.uint8]", file.read(1, window=None if window is None else Window.from_slices(*window))
            )
    except RasterioError as err:
        raise SourceError(f"{path}: cannot be read ({err})") from err


def _read_record(path: Path) -> PassRecord:
    content = json.loads(path.read_text(encoding="utf-8"))
    times = {name: pd.Timestamp(content[name]).tz_convert("UTC") for name in ("time", "available_at", "seen_at")}
    scenes = tuple(str(scene) for scene in content["scene_ids"])
    return PassRecord(**{**content, **times, "scene_ids": scenes, "path": path})


def known_sha256(path: Path) -> str:
    """Return the hash of a file, computed once for each size and time of change."""
    state = path.stat()
    return _digest_of(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=65536)
def _digest_of(path: Path, _mtime_ns: int, _size: int) -> str:
    return sha256_of(path)


def _name(source: SceneSource | str) -> str:
    return source if isinstance(source, str) else source.name


# --- writing --------------------------------------------------------------------------------------------------------


def write_record(record: PassRecord, percent: NDArray[np.uint8] | None, corridor: Corridor, home: Path) -> PassRecord:
    """Return the record of a pass as written, the pixels first and the record last, each whole or not at all.

    Parameters
    ----------
    record
        What became of the pass; its ``sha256`` and ``path`` are filled in here.
    percent
        Water percent of a pass in state ``water``, shape of the corridor's grid.
    corridor
        Pixels outside it are not kept.
    home
        Directory of the source in the store.

    Returns
    -------
    PassRecord
        As it now stands on the disk.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{record.pass_id}.r{record.revision}.json"
    digest = "" if percent is None else write_raster(path.with_suffix(".tif"), percent, corridor)
    record = dataclasses.replace(record, sha256=digest, path=path)
    content = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name != "path"}
    write_json(path, content)
    return record


def write_raster(path: Path, percent: NDArray[np.uint8], corridor: Corridor) -> str:
    """Return the SHA-256 of percent written as a tiled GeoTIFF without blocks outside the corridor."""
    if percent.shape != corridor.grid.shape or percent.dtype != np.uint8:
        raise ContractError(
            f"{path.name}: percent is {percent.dtype} {percent.shape}, needs uint8 {corridor.grid.shape} of the corridor"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": corridor.grid.height,
        "width": corridor.grid.width,
        "crs": corridor.grid.crs,
        "transform": corridor.grid.transform,
        "nodata": int(UNOBSERVED),
        "compress": "deflate",
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "sparse_ok": True,
    }
    try:
        with rasterio.open(temporary, "w", **profile) as file:
            for window in corridor.windows():
                values = np.where(corridor.inside[window], percent[window], UNOBSERVED)
                if (values != UNOBSERVED).any():
                    file.write(values, 1, window=Window.from_slices(*window))
        # The driver meets a full disk while it closes the file, and raises no error: read back what was written.
        with rasterio.open(temporary, driver="GTiff") as file:
            for window in corridor.windows():
                file.read(1, window=Window.from_slices(*window))
        with temporary.open("rb+") as raw:
            os.fsync(raw.fileno())
        digest = sha256_of(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return digest
