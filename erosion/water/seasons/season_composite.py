"""Composite of one season: made tile by tile, kept on the disk under the hash of what it was made from."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import distance_transform_edt

from erosion.core.arrays import UNOBSERVED, BoolArray, IntArray
from erosion.core.files import write_json
from erosion.core.raster.windows import padded
from erosion.core.scheduler import threads_unless_cluster
from erosion.satellite.corridor import TILE, Corridor
from erosion.water.classification.coregister import resample
from erosion.water.scenes.pass_records import home_of, known_sha256, read_raster
from erosion.water.seasons.registration import season_position, weights_of
from erosion.water.seasons.season_passes import SeasonPass
from erosion.water.seasons.season_stack import HALF_PERCENT, Stack, composite

if TYPE_CHECKING:
    from erosion.config.region import Region

METHOD: Final = 3
"""Version of the way from passes to a composite; those kept from another one are made anew."""

KEPT_DAYS: Final = 30
"""Composites that no product used for so long are removed; they can be made again."""

TILES_AT_ONCE: Final = 8
"""Tiles under way together; what a season takes in memory does not grow with the region."""


@dataclass(frozen=True)
class Composite:
    """A composite on the disk, and what it was made from."""

    name: str
    season: str
    path: Path
    passes: tuple[SeasonPass, ...]
    weights: IntArray
    used: IntArray
    coverage: float
    radar_share: float
    content: str


def make_composite(
    name: str, season: str, passes: Sequence[SeasonPass], region: Region, corridor: Corridor, store: Path
) -> Composite:
    """Return the composite of some passes, from the disk where it was made before."""
    weights = weights_of(passes)
    parts = [f"{pass_.record.path.stem} {pass_.record.sha256} {w}" for pass_, w in zip(passes, weights, strict=True)]
    position = f"position {season_position(passes)}"
    recipe = [f"method {METHOD}", f"looks {region.scenes.min_looks}", corridor.digest, position, *sorted(parts)]
    key = hashlib.sha256("\n".join(recipe).encode()).hexdigest()
    home = home_of(store, region) / "season-composites"
    path = home / f"{name.replace(' ', '-')}-{key[:16]}.tif"
    facts = _read_facts(path)
    if facts is None:
        home.mkdir(parents=True, exist_ok=True)
        facts = _compute(passes, weights, region.scenes.min_looks, corridor, path)
        _remove_old(home, path)
    used = np.array([facts["used"][pass_.record.pass_id] for pass_ in passes], np.int64)
    coverage, radar_share = float(facts["coverage"]), float(facts["radar_share"])
    return Composite(name, season, path, tuple(passes), weights, used, coverage, radar_share, key)


def _read_facts(path: Path) -> dict[str, Any] | None:
    """Return the facts of a composite that is on the disk and whole."""
    facts_path = path.with_suffix(".json")
    try:
        facts: dict[str, Any] = json.loads(facts_path.read_text(encoding="utf-8"))
        if facts["sha256"] != known_sha256(path):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with suppress(OSError):  # a store that may only be read serves what it has
        os.utime(facts_path)
    return facts


def _remove_old(home: Path, but: Path) -> None:
    old = time.time() - KEPT_DAYS * 86400
    for facts in home.glob("*.json"):
        if facts.stem != but.stem and facts.stat().st_mtime < old:
            facts.unlink(missing_ok=True)
            facts.with_suffix(".tif").unlink(missing_ok=True)
    for left in home.glob(".*.new"):  # of a process that died; a living one writes for seconds
        if left.stat().st_mtime < time.time() - 86400:
            left.unlink(missing_ok=True)


def _tile(
    paths: Sequence[Path],
    weights: IntArray,
    radar: BoolArray,
    min_looks: int,
    window: tuple[slice, slice],
    shape: tuple[int, int],
    move: tuple[float, float],
) -> Stack:
    """One tile with all its dates, moved right and down by so many columns and rows."""
    # What cubic convolution reaches, and as far again what its gaps are filled from: tiles then show no seam.
    rim = math.ceil(max(map(abs, move))) + 6
    outer, inner = padded(window, rim, shape)
    stack = composite(np.stack([read_raster(path, outer) for path in paths]), weights, radar, min_looks, inner)
    # Number and error of the observations change slowly from pixel to pixel: those of the nearest one will do.
    rows, cols = (round(m) for m in reversed(move))
    observed, n_clear, sigma = (
        _moved(part, rows, cols)[inner] for part in (stack.half_percent != UNOBSERVED, stack.n_clear, stack.sigma)
    )
    moved = resample(_filled(stack.half_percent), -move[0], -move[1])[inner]
    half_percent = np.where(observed, np.clip(np.rint(np.nan_to_num(moved)), 0, HALF_PERCENT), UNOBSERVED).astype(
        np.uint8
    )
    return stack._replace(half_percent=half_percent, n_clear=n_clear, sigma=sigma)


def _moved(values: NDArray[Any], rows: int, cols: int) -> NDArray[Any]:
    """Values moved down and right by whole pixels; what comes in over the rim is 0."""
    moved = np.zeros_like(values)
    height, width = values.shape
    to = slice(max(rows, 0), height + min(rows, 0)), slice(max(cols, 0), width + min(cols, 0))
    of = slice(max(-rows, 0), height + min(-rows, 0)), slice(max(-cols, 0), width + min(-cols, 0))
    moved[to] = values[of]
    return moved


def _filled(half_percent: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Water share with every gap filled from its nearest pixel, so that a small move takes nothing off the rims."""
    gap = half_percent == UNOBSERVED
    if not gap.any() or gap.all():
        return half_percent.astype(np.float32)
    nearest = distance_transform_edt(gap, return_distances=False, return_indices=True)
    return np.asarray(half_percent[tuple(nearest)], np.float32)


def _compute(
    passes: Sequence[SeasonPass], weights: IntArray, min_looks: int, corridor: Corridor, path: Path
) -> dict[str, Any]:
    """Return the facts of a composite, made tile by tile and kept."""
    from dask.base import compute  # 0.1 s, and a night that finds its composites on the disk makes none
    from dask.delayed import delayed

    paths = [pass_.record.raster for pass_ in passes]
    radar = np.array([pass_.record.sensor == "radar" for pass_ in passes])
    used = np.zeros(len(passes), np.int64)
    filled = by_radar = 0
    east, north, _ = season_position(passes)
    move = east / corridor.grid.pixel_m, -north / corridor.grid.pixel_m
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": 3,
        "height": corridor.grid.height,
        "width": corridor.grid.width,
        "crs": corridor.grid.crs,
        "transform": corridor.grid.transform,
        "compress": "deflate",
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "interleave": "band",
        "sparse_ok": True,
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    task = delayed(_tile, pure=True)
    try:
        with rasterio.open(temporary, "w", **profile) as file, threads_unless_cluster():
            windows = iter(corridor.windows())
            while some := list(itertools.islice(windows, TILES_AT_ONCE)):
                tiles = compute(
                    *(task(paths, weights, radar, min_looks, window, corridor.grid.shape, move) for window in some)
                )
                for window, tile in zip(some, tiles, strict=True):
                    observed = tile.half_percent != UNOBSERVED
                    if observed.any():
                        # 0 is what a block that is not there reads as: so a share of 0 is kept as 1, and so on.
                        share = np.where(observed, tile.half_percent.astype(np.uint16) + 1, 0)
                        file.write(np.stack([share, tile.n_clear, tile.sigma]), window=Window.from_slices(*window))
                    used += tile.used
                    filled += tile.filled
                    by_radar += tile.radar
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    facts = {
        "passes": [pass_.record.path.stem for pass_ in passes],
        "used": {pass_.record.pass_id: int(n) for pass_, n in zip(passes, used, strict=True)},
        "coverage": filled / int(np.count_nonzero(corridor.inside)),
        "radar_share": by_radar / max(filled, 1),
        "sha256": known_sha256(path),
    }
    write_json(path.with_suffix(".json"), facts)
    return facts
