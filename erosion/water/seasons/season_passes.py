"""Passes of a season's observation: those known on a date, of one season, at about one water level."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from pyproj import Transformer

from erosion.core.arrays import FloatArray
from erosion.core.errors import Skipped
from erosion.gauges.known import USED, known_values
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import PassRecord, damage, left_out, read_records

if TYPE_CHECKING:
    from erosion.config.region import Region, Season

STAGE_GAP: Final = pd.Timedelta(days=3)
"""Between two gauge values farther apart than this the level is unknown."""

STAGE_NEAR: Final = pd.Timedelta(days=1.5)
"""A single gauge value stands for scenes this near to it."""

SAME_PASS: Final = pd.Timedelta(minutes=45)
"""A satellite with an orbit of an hour and a half observes a reach once in so short a time."""

NAMELESS: Final = ("local", "unknown")
"""Platforms of scenes whose satellite is not known."""


@dataclass(frozen=True)
class SeasonPass:
    """A pass that may enter a composite."""

    record: PassRecord
    stage_m: float

    @property
    def clear(self) -> float:
        """Share of the corridor that is clear in it [1]."""
        facts = self.record.facts
        return float(facts.get("usable_share", facts.get("clear_share")) or 0.0)


def passes_by_season(
    region: Region, corridor: Corridor, store: Path, limit: pd.Timestamp, gauges: pd.DataFrame
) -> tuple[dict[tuple[str, Season], list[SeasonPass]], list[Skipped]]:
    """Return the passes of every season that may enter its composite.

    Parameters
    ----------
    region
        Its seasons and scene rules; of one reach.
    corridor
        Grid and strip the passes were stored on.
    store
        Directory of the scene store.
    limit
        UTC instant up to which passes and gauge values are known.
    gauges
        Gauge series; may be empty, and may hold later values.

    Returns
    -------
    passes : dict
        Of each season, by its name with the year (``dry 2021``): the passes that may enter its composite; there may be
        none left of them.
    skipped : list of Skipped
        Every pass that was left out and why.
    """
    chosen, skipped = _known_passes(region, corridor, store, limit)
    seasons, outside = _by_season(chosen, region)
    skipped += outside
    gauge_id, stage = _nearest_gauge(region, corridor, gauges, limit)
    passes: dict[tuple[str, Season], list[SeasonPass]] = {}
    for (name, season), group in seasons.items():
        levels = _stage_at([record.time for record in group], stage)
        every = [SeasonPass(record, float(level)) for record, level in zip(group, levels, strict=True)]
        passes[name, season], off_stage = _same_stage(every, name, region, gauge_id)
        skipped += off_stage
    return passes, skipped


# --- which passes ---------------------------------------------------------------------------------------------------


def _known_passes(
    region: Region, corridor: Corridor, store: Path, limit: pd.Timestamp
) -> tuple[list[PassRecord], list[Skipped]]:
    """Return the revision of each pass that was known at an instant, where its state is ``water``."""
    chosen: list[PassRecord] = []
    skipped: list[Skipped] = []
    for source in region.scene_sources:
        found, damaged = read_records(store, region, source)
        skipped += damaged
        for pass_id, revisions in itertools.groupby(found, key=lambda r: r.pass_id):
            known = [record for record in revisions if record.available_at <= limit]
            for record in known[-1:]:
                if record.state == "failed":
                    skipped.append(left_out(record))
            made = [record for record in known if record.state != "failed"]
            fitting = [record for record in made if record.corridor == corridor.digest]
            if made and not fitting:
                reason = "is stored for another corridor or grid; the next night makes it anew"
                skipped.append(Skipped(pass_id, reason))
            for record in fitting[-1:]:
                problem = damage(record) if record.state == "water" else None
                if record.state == "unusable":
                    skipped.append(left_out(record))
                elif problem is not None:
                    reason = f"the stored pass is damaged ({problem}); the next night makes it anew"
                    skipped.append(Skipped(record.path.name, reason))
                else:
                    chosen.append(record)
    chosen, doubled = _seen_once(chosen, region)
    return sorted(chosen, key=lambda r: (r.time, r.pass_id)), [*skipped, *doubled]


def _seen_once(chosen: Iterable[PassRecord], region: Region) -> tuple[list[PassRecord], list[Skipped]]:
    """Return one of what several sources brought of the same pass: the sharpest, of equals that of the source listed first.

    The same image twice is one observation: its clouds and its errors are the same.
    """
    kept: list[PassRecord] = []
    skipped: list[Skipped] = []
    of_a_day: dict[tuple[Any, ...], list[PassRecord]] = {}
    for record in sorted(chosen, key=lambda r: (r.native_m, region.water.index(r.source), r.time, r.pass_id)):
        others = of_a_day.setdefault((record.sensor, record.platform, record.time.date()), [])
        twin = next((o for o in others if o.source != record.source and abs(o.time - record.time) < SAME_PASS), None)
        if twin is None or record.platform in NAMELESS:
            others.append(record)
            kept.append(record)
        else:
            skipped.append(
                Skipped(record.pass_id, f"is the same pass of {record.platform} as {twin.pass_id}", usual=True)
            )
    return kept, skipped


def _by_season(
    chosen: Iterable[PassRecord], region: Region
) -> tuple[dict[tuple[str, Season], list[PassRecord]], list[Skipped]]:
    """Return passes by season; one that runs over the new year belongs to the year it ends in. Months are UTC's."""
    groups: dict[tuple[str, Season], list[PassRecord]] = {}
    skipped: list[Skipped] = []
    for record in chosen:
        month = record.time.month
        season = next((season for season in region.seasons if month in season.months), None)
        if season is None:
            reason = f"was taken in {record.time:%B}, which is in no season of the region"
            skipped.append(Skipped(record.pass_id, reason, usual=True))
            continue
        at = season.months.index(month)
        over = any(later < month for later in season.months[at + 1 :])
        groups.setdefault((f"{season.name} {record.time.year + over}", season), []).append(record)
    return groups, skipped


# --- the water level ------------------------------------------------------------------------------------------------


def _nearest_gauge(
    region: Region, corridor: Corridor, gauges: pd.DataFrame, limit: pd.Timestamp
) -> tuple[str, pd.Series]:
    """Return the water levels known at an instant of the gauge nearest to the corridor; none where there is no gauge."""
    nothing = "", pd.Series(dtype=float)
    if not len(gauges):
        return nothing
    known = known_values(gauges, limit)
    good = known[
        (known["quantity"] == "stage").to_numpy()
        & np.isfinite(known["value"].to_numpy(float))
        & known["qc"].isin(USED).to_numpy()
    ]
    with_stage = list(dict.fromkeys(good["gauge_id"]))
    if not with_stage:
        return nothing
    gauge_id = with_stage[0] if len(with_stage) == 1 else _nearest(with_stage, region, corridor)
    own = good[good["gauge_id"] == gauge_id]
    return gauge_id, pd.Series(own["value"].to_numpy(float), pd.DatetimeIndex(own["time"])).sort_index()


def _nearest(gauge_ids: Sequence[str], region: Region, corridor: Corridor) -> str:
    """Return the gauge nearest to the corridor; of equals the one the region lists first."""
    to_grid = Transformer.from_crs("EPSG:4326", corridor.grid.crs, always_xy=True)
    rows, cols = np.nonzero(corridor.inside)
    x, y = corridor.grid.x[cols], corridor.grid.y[rows]
    distance: dict[str, float] = {}
    for source in region.gauge_sources:
        if source.gauge_id in gauge_ids:
            at_x, at_y = to_grid.transform(*source.location)
            pixels = float(np.hypot(x - at_x, y - at_y).min()) // corridor.grid.pixel_m
            distance.setdefault(source.gauge_id, pixels)
    return min(distance, key=distance.__getitem__, default=gauge_ids[0])


def _stage_at(times: Sequence[pd.Timestamp], stage: pd.Series) -> FloatArray:
    """Water level at some instants [m]: between two values of a gauge, or near one; NaN where it is unknown."""
    if not len(times) or not len(stage):
        return np.full(len(times), np.nan)
    known = pd.DatetimeIndex(stage.index).as_unit("ns").asi8
    wanted = pd.DatetimeIndex(list(times)).as_unit("ns").asi8
    values = stage.to_numpy(float)
    after = np.searchsorted(known, wanted)
    left, right = np.clip(after - 1, 0, len(known) - 1), np.clip(after, 0, len(known) - 1)
    nearest = np.where(np.abs(wanted - known[left]) <= np.abs(known[right] - wanted), left, right)
    near = np.abs(wanted - known[nearest]) <= STAGE_NEAR.value
    between = (known[left] <= wanted) & (wanted <= known[right]) & (known[right] - known[left] <= STAGE_GAP.value)
    return np.where(between, np.interp(wanted, known, values), np.where(near, values[nearest], np.nan))


def _same_stage(
    passes: list[SeasonPass], name: str, region: Region, gauge_id: str
) -> tuple[list[SeasonPass], list[Skipped]]:
    """Return the passes of a season within the window of water level that keeps most clear observations, the lowest of equals.

    Optical observations count before radar's, unless they alone could never be enough.
    """
    if not gauge_id:
        return passes, []
    with_level = [pass_ for pass_ in passes if math.isfinite(pass_.stage_m)]
    needed = region.scenes.min_looks
    if len(with_level) < needed:
        reason = f"only {len(with_level)} of {len(passes)} scenes have a water level at gauge {gauge_id}; all are taken"
        return [SeasonPass(pass_.record, math.nan) for pass_ in passes], [Skipped(name, reason, usual=True)]
    width = region.scenes.stage_window_m

    def within(low: float) -> list[SeasonPass]:
        return [pass_ for pass_ in with_level if low <= pass_.stage_m <= low + width + 1e-9]

    def worth(low: float) -> tuple[bool, float, float, float]:
        kept = within(low)
        # Rounded: sums in another order must not differ.
        optical, radar = (
            round(math.fsum(pass_.clear for pass_ in kept if (pass_.record.sensor == "radar") == is_radar), 6)
            for is_radar in (False, True)
        )
        return max(optical, radar) >= needed, optical, radar, -low

    low = max((pass_.stage_m for pass_ in with_level), key=worth)
    kept = within(low)
    window = f"{low:.2f} to {low + width:.2f} m at gauge {gauge_id}"
    skipped = []
    for pass_ in passes:
        if pass_ in kept:
            continue
        stood = f"water stood at {pass_.stage_m:.2f} m" if math.isfinite(pass_.stage_m) else "water level is not known"
        reason = f"{stood}; most clear observations of {name} have {window}"
        skipped.append(Skipped(pass_.record.pass_id, reason, usual=True))
    return kept, skipped
