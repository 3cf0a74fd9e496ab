"""Stored passes to one observation of the water per season, as it was known on a date.

A season's composite is made once and kept; what it was made from is in its name, so a further scene makes another one
and never changes this one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.core.arrays import FloatArray
from erosion.core.contracts import CONTRACT_VERSION, as_of_instant, check_water
from erosion.core.errors import Skipped, SourceError
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import home_of
from erosion.water.seasons.composite_bands import lazy_bands
from erosion.water.seasons.registration import geo_rmse_m
from erosion.water.seasons.season_agreement import reject_misregistered_scenes
from erosion.water.seasons.season_composite import Composite, make_composite
from erosion.water.seasons.season_passes import SeasonPass, passes_by_season

if TYPE_CHECKING:
    from erosion.config.region import Region


def read_composites(
    region: Region, corridor: Corridor, store: Path, as_of: pd.Timestamp | str, gauges: pd.DataFrame
) -> tuple[xr.Dataset, list[Skipped]]:
    """Return the water product of a region made from its stored passes.

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
        ``min_looks`` clear observations, ``n_clear`` (their number), ``sigma`` [1] (standard error of the fraction). Per epoch:
        ``available_at``, ``geo_rmse_m``, ``source_id``, ``scene_id`` (season and year), ``accepted`` (always false), ``passes``,
        ``season``, ``start``, ``end``, ``stage_m``, ``stage_range_m``, ``n_scenes``, ``sensors``, ``radar_share``.
    skipped : list of Skipped
        Every pass and season that was left out and why.

    Raises
    ------
    SourceError
        Where no season has enough clear observations; the message lists what each of them has.
    """
    limit = as_of_instant(as_of)
    seasons, skipped = passes_by_season(region, corridor, store, limit, gauges)
    made: list[Composite] = []
    for (name, season), found in seasons.items():
        passes, misregistered = reject_misregistered_scenes(
            found, corridor, region.scenes, home_of(store, region) / "season-composites"
        )
        skipped += misregistered
        if len(passes) < region.scenes.min_looks:
            few = f"{len(passes)} scene{'s' * (len(passes) != 1)}, needed are {region.scenes.min_looks}"
            skipped.append(Skipped(name, f"no observation: only {few}", usual=True))
            continue
        try:
            one = make_composite(name, season.name, passes, region, corridor, store)
        except OSError as err:
            raise SourceError(f"{name}: the composite cannot be kept in {store} ({err}); make room there") from err
        if one.coverage < region.scenes.min_coverage:
            few = f"only {one.coverage:.1%} of the corridor have {region.scenes.min_looks} clear observations"
            needed = f"needed are {region.scenes.min_coverage:.0%}"
            skipped.append(Skipped(name, f"no observation: with {len(passes)} scenes {few}, {needed}", usual=True))
            continue
        spare = [pass_.record for pass_, used in zip(one.passes, one.used, strict=True) if not used]
        skipped += [
            Skipped(r.pass_id, f"adds no clear observation to {name}: the others are enough or sharper", True)
            for r in spare
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
    return f"{region.name}: no season had enough clear observations by {limit.date()}: {'; '.join(reasons[-10:])}"


# --- the product ----------------------------------------------------------------------------------------------------


def _product(made: Sequence[Composite], region: Region, corridor: Corridor, limit: pd.Timestamp) -> xr.Dataset:
    grid = corridor.grid
    content = hashlib.sha256("\n".join(f"{one.name} {one.content}" for one in made).encode()).hexdigest()
    variables = lazy_bands([one.path for one in made], content[:32], corridor)
    used = [_used(one) for one in made]
    sources = sorted({pass_.record.source for passes in used for pass_ in passes})

    def per_epoch(values: Iterable[Any], meaning: str, unit: str = "", dtype: Any = object) -> Any:
        attrs = {"long_name": meaning} | ({"units": unit} if unit else {})
        return "epoch", np.array(list(values), dtype), attrs

    stages = [np.array([pass_.stage_m for pass_ in passes]) for passes in used]
    coords = {
        "epoch": (
            "epoch",
            _naive([_date(one) for one in made]),
            {"long_name": "median date of the clear observations used"},
        ),
        "y": ("y", grid.y, {"units": "m", "long_name": "northing of the pixel centre"}),
        "x": ("x", grid.x, {"units": "m", "long_name": "easting of the pixel centre"}),
        "available_at": (
            "epoch",
            _naive([max(pass_.record.available_at for pass_ in passes) for passes in used]),
            {"long_name": "UTC instant the last pass used could first be had"},
        ),
        "geo_rmse_m": per_epoch(
            (geo_rmse_m(one.passes, one.weights, one.used, one.radar_share, grid.pixel_m) for one in made),
            "geolocation and bank-line error",
            "m",
            float,
        ),
        "source_id": per_epoch(
            ("+".join(sorted({pass_.record.source for pass_ in passes})) for passes in used), "sources of the passes"
        ),
        "scene_id": per_epoch((one.name for one in made), "season and year"),
        "accepted": per_epoch((False for _ in made), "found right by a person; composites never are", dtype=bool),
        "season": per_epoch((one.season for one in made), "season"),
        "passes": per_epoch(("+".join(pass_.record.path.stem for pass_ in passes) for passes in used), "passes used"),
        "start": (
            "epoch",
            _naive([min(pass_.record.time for pass_ in passes) for passes in used]),
            {"long_name": "first pass used"},
        ),
        "end": (
            "epoch",
            _naive([max(pass_.record.time for pass_ in passes) for passes in used]),
            {"long_name": "last pass used"},
        ),
        "stage_m": per_epoch((_median(s) for s in stages), "median water level of the scenes", "m", float),
        "stage_range_m": per_epoch((np.ptp(s) for s in stages), "spread of their water levels", "m", float),
        "n_scenes": per_epoch((len(passes) for passes in used), "scenes used", "1", int),
        "sensors": per_epoch(
            ("+".join(sorted({pass_.record.sensor for pass_ in passes})) for passes in used), "kinds of instrument used"
        ),
        "radar_share": per_epoch((one.radar_share for one in made), "share of the pixels from radar alone", "1", float),
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


def _used(one: Composite) -> list[SeasonPass]:
    return [pass_ for pass_, n in zip(one.passes, one.used, strict=True) if n]


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _date(one: Composite) -> pd.Timestamp:
    """Day by which half of a composite's clear observations had been taken, each clear pixel of each scene one."""
    half = one.used.sum() / 2
    taken = 0
    for pass_, n in sorted(zip(one.passes, one.used, strict=True), key=lambda pair: pair[0].record.time):
        taken += int(n)
        if n and taken >= half:
            return pass_.record.time.normalize()
    raise AssertionError("a composite without an observation has no date")


def _naive(times: Sequence[pd.Timestamp]) -> NDArray[Any]:
    return np.asarray(
        pd.DatetimeIndex(list(times)).tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    )
