"""Stored passes to one observation of the water per season, as it was known on a date.

A season's composite is made once and kept; what it was made from is in its name, so a further scene makes another one
and never changes this one.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from erosion.core.contracts import CONTRACT_VERSION, as_of_instant, check_water
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import write_json
from erosion.core.scheduler import threads_unless_cluster
from erosion.core.windows import padded
from erosion.satellite.corridor import TILE, Corridor
from erosion.water.classification.coregister import resample
from erosion.water.scenes.pass_records import NODATA, PassRecord, home_of, known_sha256, read_raster
from erosion.water.seasons.clear_observations import Look, looks_by_season
from erosion.water.seasons.season_agreement import leave_out_strays
from erosion.water.seasons.season_stack import HALF_PERCENT, MEDIAN_LOSS, SIGMA_UNIT, Stack, composite, whole_weights

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region

METHOD: Final = 3
"""Version of the way from passes to a composite; those kept from another one are made anew."""

LIES_AT_LEAST_PIXELS: Final = 0.1
"""No scene is known to lie better on the reference than this share of its pixels, however many banks agree."""

GEO_FLOOR_PIXELS: Final = {"optical": 0.10, "radar": 0.25}
"""Error of a bank line that all scenes of a season share, of a pixel of the grid: more scenes do not average it out."""

KEPT_DAYS: Final = 30
"""Composites that no product asked for so long are taken away; they can be made again."""

TILES_AT_ONCE: Final = 8
"""Tiles under way together; what a season takes in memory does not grow with the region."""


@dataclass(frozen=True)
class Made:
    """A composite on the disk, and what it was made from."""

    name: str
    season: str
    path: Path
    looks: tuple[Look, ...]
    weights: NDArray[np.int64]
    used: NDArray[np.int64]
    coverage: float
    radar_share: float
    content: str


def read_composites(
    region: Region, corridor: Corridor, store: Path, as_of: pd.Timestamp | str, gauges: pd.DataFrame
) -> tuple[xr.Dataset, list[Skipped]]:
    """Make the water product of a region from its stored passes.

    Parameters
    ----------
    region
        Its seasons and scene rules.
    corridor
        Grid and strip the passes were stored on.
    store
        Directory of the scene store.
    as_of
        Only passes and gauge values available by then are used; of a pass, the newest revision known then.
    gauges
        Gauge series; may be empty, and may hold later values.

    Returns
    -------
    water : xarray.Dataset
        Dims (epoch, y, x), lazy with one chunk an epoch: ``water_fraction`` [1] with NaN where there are fewer than
        ``min_looks`` looks, ``n_clear`` (looks used), ``sigma`` [1] (standard error of the fraction). Per epoch:
        ``available_at``, ``geo_rmse_m``, ``source_id``, ``scene_id`` (season and year), ``passes``, ``season``,
        ``start``, ``end``, ``stage_m``, ``stage_range_m``, ``n_scenes``, ``sensors``, ``radar_share``.
    skipped : list of Skipped
        Every pass and season that was left out and why.

    Raises
    ------
    SourceError
        Where no season has enough looks; the message says how far each of them got.
    """
    limit = as_of_instant(as_of)
    seasons, skipped = looks_by_season(region, corridor, store, limit, gauges)
    made: list[Made] = []
    for (name, season), found in seasons.items():
        looks, strays = leave_out_strays(found, corridor, region.scenes, home_of(store, region) / "season-composites")
        skipped += strays
        if len(looks) < region.scenes.min_looks:
            few = f"{len(looks)} scene{'s' * (len(looks) != 1)}, needed are {region.scenes.min_looks}"
            skipped.append(Skipped(name, f"no observation: only {few}", usual=True))
            continue
        try:
            one = _make(name, season.name, looks, region, corridor, store)
        except OSError as err:
            raise SourceError(f"{name}: the composite cannot be kept in {store} ({err}); make room there") from err
        if one.coverage < region.scenes.min_coverage:
            few = f"only {one.coverage:.1%} of the corridor have {region.scenes.min_looks} clear looks"
            needed = f"needed are {region.scenes.min_coverage:.0%}"
            skipped.append(Skipped(name, f"no observation: with {len(looks)} scenes {few}, {needed}", usual=True))
            continue
        spare = [look.record for look, used in zip(one.looks, one.used, strict=True) if not used]
        skipped += [
            Skipped(r.pass_id, f"adds no look to {name}: the others are enough or sharper", True) for r in spare
        ]
        made.append(one)
    if not made:
        raise SourceError(_nothing(region, store, limit, skipped, seasons))
    made.sort(key=_date)
    return check_water(_product(made, region, corridor, limit)), skipped


def _nothing(
    region: Region, store: Path, limit: pd.Timestamp, skipped: Sequence[Skipped], seasons: Mapping[tuple[str, Any], Any]
) -> str:
    if not seasons and not skipped:
        return f"{region.name}: {store} holds no pass available by {limit.date()}; fetch scenes first: erosion fetch {region.path}"
    names = {name for name, _ in seasons}
    reasons = [f"{item.scene}: {item.reason}" for item in skipped if item.scene in names] or [
        f"{item.scene}: {item.reason}" for item in skipped
    ]
    return f"{region.name}: no season had enough clear looks by {limit.date()}: {'; '.join(reasons[-10:])}"


# --- one season -----------------------------------------------------------------------------------------------------


def lies_within_m(record: PassRecord) -> float:
    """Error with which a pass lies on the reference [m].

    Where its shift was measured and taken back, what is left is the standard error of that measurement, as
    coregister.py gives it. Elsewhere it is what the source states.
    """
    error = record.facts.get("shift_error_m")
    if not record.facts.get("shift_measured") or error is None:
        return record.geo_rmse_m
    return max(float(error), LIES_AT_LEAST_PIXELS * record.native_m)


def _weights(looks: Sequence[Look]) -> NDArray[np.int64]:
    """Weights against how badly a scene lies and how coarse it is: an edge in a pixel is known to pixel / sqrt(12)."""
    records = [look.record for look in looks]
    return whole_weights(np.array([lies_within_m(r) ** 2 + r.native_m**2 / 12 for r in records]))


def _make(name: str, season: str, looks: Sequence[Look], region: Region, corridor: Corridor, store: Path) -> Made:
    """Return the composite of some looks, from the disk where it was made before."""
    weights = _weights(looks)
    parts = [f"{look.record.path.stem} {look.record.sha256} {w}" for look, w in zip(looks, weights, strict=True)]
    position = f"position {season_position(looks)}"
    recipe = [f"method {METHOD}", f"looks {region.scenes.min_looks}", corridor.digest, position, *sorted(parts)]
    key = hashlib.sha256("\n".join(recipe).encode()).hexdigest()
    home = home_of(store, region) / "season-composites"
    path = home / f"{name.replace(' ', '-')}-{key[:16]}.tif"
    facts = _read_facts(path)
    if facts is None:
        home.mkdir(parents=True, exist_ok=True)
        facts = _compute(looks, weights, region.scenes.min_looks, corridor, path)
        _take_away_old(home, path)
    used = np.array([facts["used"][look.record.pass_id] for look in looks], np.int64)
    coverage, radar_share = float(facts["coverage"]), float(facts["radar_share"])
    return Made(name, season, path, tuple(looks), weights, used, coverage, radar_share, key)


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


def _take_away_old(home: Path, but: Path) -> None:
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
    weights: NDArray[np.int64],
    radar: NDArray[np.bool_],
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
    # How often and how well a pixel was seen changes slowly: the nearest pixel's figure will do.
    rows, cols = (round(m) for m in reversed(move))
    seen, looks, sigma = (
        _moved(part, rows, cols)[inner] for part in (stack.half_percent != NODATA, stack.looks, stack.sigma)
    )
    moved = resample(_filled(stack.half_percent), -move[0], -move[1])[inner]
    half_percent = np.where(seen, np.clip(np.rint(np.nan_to_num(moved)), 0, HALF_PERCENT), NODATA).astype(np.uint8)
    return stack._replace(half_percent=half_percent, looks=looks, sigma=sigma)


def _moved(values: NDArray[Any], rows: int, cols: int) -> NDArray[Any]:
    """Move a picture down and right by whole pixels; what comes in over the rim is 0."""
    moved = np.zeros_like(values)
    height, width = values.shape
    to = slice(max(rows, 0), height + min(rows, 0)), slice(max(cols, 0), width + min(cols, 0))
    of = slice(max(-rows, 0), height + min(-rows, 0)), slice(max(-cols, 0), width + min(-cols, 0))
    moved[to] = values[of]
    return moved


def _filled(half_percent: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Water share with every gap filled from its nearest pixel, so that a small move eats nothing off the rims."""
    from scipy.ndimage import distance_transform_edt

    gap = half_percent == NODATA
    if not gap.any() or gap.all():
        return half_percent.astype(np.float32)
    nearest = distance_transform_edt(gap, return_distances=False, return_indices=True)
    return np.asarray(half_percent[tuple(nearest)], np.float32)


def season_position(looks: Sequence[Look]) -> tuple[float, float, float]:
    """Where the scenes of a season lie by their own geolocation, against the reference they were laid on.

    Between two seasons a river that eats one bank and builds the other looks like a picture that was shifted. So scenes
    are laid on the reference only to lie on each other; their common displacement, the mean over the season, is put
    back: it is the river's own movement and what is left of many geolocation errors.

    Returns
    -------
    tuple
        Mean displacement east and north, and its standard error in each direction [m].
    """
    weight = np.array([look.clear / look.record.geo_rmse_m**2 for look in looks])
    if not weight.sum() > 0:
        return 0.0, 0.0, 0.0
    facts = [look.record.facts for look in looks]
    east, north = (np.array([float(fact.get(name) or 0.0) for fact in facts]) for name in ("shift_x_m", "shift_y_m"))
    # A scene that was not laid on the reference lies where it says; lies_within_m counts its error already.
    laid = np.array([bool(fact.get("shift_measured")) for fact in facts])
    error = np.array([look.record.geo_rmse_m for look in looks]) / math.sqrt(2.0) * laid
    total = float(weight.sum())
    return (
        float(weight @ east) / total,
        float(weight @ north) / total,
        math.sqrt(float((weight**2) @ (error**2))) / total,
    )


def _compute(
    looks: Sequence[Look], weights: NDArray[np.int64], min_looks: int, corridor: Corridor, path: Path
) -> dict[str, Any]:
    """Make a composite tile by tile and keep it; return its facts."""
    from dask.base import compute
    from dask.delayed import delayed

    paths = [look.record.raster for look in looks]
    radar = np.array([look.record.sensor == "radar" for look in looks])
    used = np.zeros(len(looks), np.int64)
    filled = by_radar = 0
    east, north, _ = season_position(looks)
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
                    seen = tile.half_percent != NODATA
                    if seen.any():
                        # 0 is what a block that is not there reads as: so a share of 0 is kept as 1, and so on.
                        share = np.where(seen, tile.half_percent.astype(np.uint16) + 1, 0)
                        file.write(np.stack([share, tile.looks, tile.sigma]), window=Window.from_slices(*window))
                    used += tile.used
                    filled += tile.filled
                    by_radar += tile.radar
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    facts = {
        "passes": [look.record.path.stem for look in looks],
        "used": {look.record.pass_id: int(n) for look, n in zip(looks, used, strict=True)},
        "coverage": filled / int(np.count_nonzero(corridor.inside)),
        "radar_share": by_radar / max(filled, 1),
        "sha256": known_sha256(path),
    }
    write_json(path.with_suffix(".json"), facts)
    return facts


# --- the product ----------------------------------------------------------------------------------------------------


class _Band:
    """One band of a series of composites as dask sees it: shape (epoch, y, x), read where and when it is asked for."""

    ndim = 3

    def __init__(self, paths: Sequence[Path], band: int, corridor: Corridor) -> None:
        self.paths, self.band, self.windows = tuple(paths), band, corridor.windows()
        self.shape = (len(self.paths), *corridor.grid.shape)
        self.dtype = np.dtype(np.uint16 if band == 2 else np.float32)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        given: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
        epochs, window = given[0], given[1:] + (slice(None),) * (3 - len(given))
        # Slices are taken while reading; anything fancier (a list of rows, backwards) is rare and taken afterwards.
        plain = [isinstance(w, slice) and (w.step or 1) > 0 for w in window]
        rows, cols = (w if easy else slice(None) for w, easy in zip(window, plain, strict=True))
        after = tuple(slice(None) if easy else w for w, easy in zip(window, plain, strict=True))
        if not isinstance(epochs, slice):
            return self._read(self.paths[epochs], rows, cols)[after]
        images = [self._read(path, rows, cols)[after] for path in self.paths[epochs]]
        return images[0][np.newaxis] if len(images) == 1 else np.stack(images)  # an image is copied only if it must be

    def _read(self, path: Path, rows: slice, cols: slice) -> NDArray[Any]:
        (top, bottom, down), (left, right, across) = rows.indices(self.shape[1]), cols.indices(self.shape[2])
        out = np.full((max(bottom - top, 0), max(right - left, 0)), 0 if self.band == 2 else np.nan, self.dtype)
        try:
            with rasterio.open(path) as file:
                for own_rows, own_cols in self.windows:  # a tenth of the grid; the rest stays empty
                    first, last = max(top, own_rows.start), min(bottom, own_rows.stop)
                    west, east = max(left, own_cols.start), min(right, own_cols.stop)
                    if first < last and west < east:
                        numbers = file.read(self.band, window=Window.from_slices((first, last), (west, east)))
                        out[first - top : last - top, west - left : east - left] = self._values(numbers)
        except RasterioError as err:
            raise SourceError(f"{path}: the composite cannot be read any more ({err}); run again") from err
        return out[::down, ::across]

    def _values(self, numbers: NDArray[np.uint16]) -> NDArray[Any]:
        if self.band == 2:
            return numbers
        # 0 is nothing; a share is kept with 1 added, see _compute.
        values = numbers.astype(np.float32)
        values = (values - 1) / np.float32(HALF_PERCENT) if self.band == 1 else values * np.float32(SIGMA_UNIT)
        values[numbers == 0] = np.nan
        return values


_BANDS: Final = {
    "water_fraction": (1, "1", "share of the pixel that is water: weighted median of the season's looks"),
    "n_clear": (2, "1", "looks used"),
    "sigma": (3, "1", "standard error of water_fraction, from the spread of the looks"),
}


def _product(made: Sequence[Made], region: Region, corridor: Corridor, limit: pd.Timestamp) -> xr.Dataset:
    import dask.array as da
    import xarray as xr

    grid = corridor.grid
    content = hashlib.sha256("\n".join(f"{one.name} {one.content}" for one in made).encode()).hexdigest()
    variables = {}
    for name, (band, unit, meaning) in _BANDS.items():
        series = _Band([one.path for one in made], band, corridor)
        lazy = da.from_array(
            series,
            (1, *grid.shape),
            name=f"{name}-{content[:32]}",
            asarray=False,
            meta=np.empty((0, 0, 0), series.dtype),
        )
        variables[name] = (("epoch", "y", "x"), lazy, {"units": unit, "long_name": meaning})
    used = [_used(one) for one in made]
    sources = sorted({look.record.source for looks in used for look in looks})

    def per_epoch(values: Iterable[Any], meaning: str, unit: str = "", dtype: Any = object) -> Any:
        attrs = {"long_name": meaning} | ({"units": unit} if unit else {})
        return "epoch", np.array(list(values), dtype), attrs

    stages = [np.array([look.stage_m for look in looks]) for looks in used]
    coords = {
        "epoch": ("epoch", _naive([_date(one) for one in made]), {"long_name": "median date of the looks used"}),
        "y": ("y", grid.y, {"units": "m", "long_name": "northing of the pixel centre"}),
        "x": ("x", grid.x, {"units": "m", "long_name": "easting of the pixel centre"}),
        "available_at": (
            "epoch",
            _naive([max(look.record.available_at for look in looks) for looks in used]),
            {"long_name": "UTC instant the last look used could first be had"},
        ),
        "geo_rmse_m": per_epoch(
            (_geo_rmse_m(one, grid.pixel_m) for one in made), "geolocation and bank-line error", "m", float
        ),
        "source_id": per_epoch(
            ("+".join(sorted({look.record.source for look in looks})) for looks in used), "sources of the looks"
        ),
        "scene_id": per_epoch((one.name for one in made), "season and year"),
        "season": per_epoch((one.season for one in made), "season"),
        "passes": per_epoch(("+".join(look.record.path.stem for look in looks) for looks in used), "passes used"),
        "start": (
            "epoch",
            _naive([min(look.record.time for look in looks) for looks in used]),
            {"long_name": "first look"},
        ),
        "end": (
            "epoch",
            _naive([max(look.record.time for look in looks) for looks in used]),
            {"long_name": "last look"},
        ),
        "stage_m": per_epoch((_median(s) for s in stages), "median water level of the scenes", "m", float),
        "stage_range_m": per_epoch((np.ptp(s) for s in stages), "spread of their water levels", "m", float),
        "n_scenes": per_epoch((len(looks) for looks in used), "scenes used", "1", int),
        "sensors": per_epoch(
            ("+".join(sorted({look.record.sensor for look in looks})) for looks in used), "kinds of instrument used"
        ),
        "radar_share": per_epoch(
            (one.radar_share for one in made), "share of the pixels seen by radar alone", "1", float
        ),
    }
    attrs = {
        "crs": grid.crs,
        "transform": tuple(grid.transform)[:6],
        "pixel_m": grid.pixel_m,
        "region": region.name,
        "source_ids": sources,
        "content_hash": content,
        "contract_version": CONTRACT_VERSION,
        "history": f"{sum(map(len, used))} passes of {', '.join(sources)} available by {limit.isoformat()}",
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _used(one: Made) -> list[Look]:
    return [look for look, n in zip(one.looks, one.used, strict=True) if n]


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _date(one: Made) -> pd.Timestamp:
    """Day by which half of a composite's looks had been taken, each clear pixel of each scene a look."""
    half = one.used.sum() / 2
    taken = 0
    for look, n in sorted(zip(one.looks, one.used, strict=True), key=lambda pair: pair[0].record.time):
        taken += int(n)
        if n and taken >= half:
            return look.record.time.normalize()
    raise AssertionError("a composite without a look has no date")


def _geo_rmse_m(one: Made, pixel_m: float) -> float:
    """Error of the bank line that a composite has because its scenes do not lie exactly [m].

    Each scene's error enters by its weight and its looks, as in a weighted mean, times what a median loses against it.
    The error of the season's own position and the one that all scenes share are added.
    """
    weight = one.weights * one.used.astype(float)
    lies = np.array([lies_within_m(look.record) for look in one.looks])
    scattered = MEDIAN_LOSS * math.sqrt(float((weight**2 * lies**2).sum())) / float(weight.sum())
    shares = {"optical": 1.0 - one.radar_share, "radar": one.radar_share}
    floor = math.sqrt(sum(share * GEO_FLOOR_PIXELS[kind] ** 2 for kind, share in shares.items()))
    return math.hypot(scattered, season_position(one.looks)[2], floor * pixel_m)


def _naive(times: Sequence[pd.Timestamp]) -> NDArray[Any]:
    return np.asarray(
        pd.DatetimeIndex(list(times)).tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    )
