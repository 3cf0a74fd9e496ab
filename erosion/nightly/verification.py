"""Every published run held against what the river did since: hits, misses and false alarms of its warnings."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from erosion.banks.as_of import NothingKnownError, baseline_on, observe_region
from erosion.banks.channel import ChannelError
from erosion.banks.epochs.valid import valid_epochs
from erosion.banks.established import ESTABLISHED_YEARS, YEAR_DAYS
from erosion.banks.segments import Baseline, middle_xy
from erosion.config.region import Region, Target
from erosion.config.store import store_of
from erosion.core.errors import Skipped
from erosion.core.files import write_json
from erosion.core.vocabulary import ForecastOutcome
from erosion.forecast.dataset import horizon_slack_days, judging_epoch, observed_as, outcomes
from erosion.gauges import series as gauge_series
from erosion.nightly.errors import RunError
from erosion.nightly.published import damage_message, damage_of, published
from erosion.water.read import read_reaches

_log = logging.getLogger(__name__)

WARNED_FROM = 3
"""Level from which a segment counts as warned when warnings are held against events."""

LEVELS_JUDGED = (2, 3, 4)
"""Levels of which it is counted what they were worth."""

MATCH_M = 100.0
"""An event and a warning this close along one bank belong together."""


class Window(NamedTuple):
    """Time in which a forecast could come true."""

    start: pd.Timestamp
    """Observation the forecast was made from."""
    end: pd.Timestamp
    """Observation it is judged by."""
    known_at: pd.Timestamp
    """When that one could be had."""


class Measured(NamedTuple):
    """What the river did to the segments of a run."""

    table: pd.DataFrame
    """From ``dataset.outcomes``, with the middle of each segment as x and y [m]."""
    windows: Mapping[str, Window]
    """Target to its window, where that is over."""


def verify(
    region: Region,
    out: Path,
    until: pd.Timestamp,
    waters: Mapping[str, xr.Dataset] | None = None,
    measured: Mapping[str, Mapping[str, Measured | None]] | None = None,
) -> dict[str, Any]:
    """Return the scores of every published run against what followed, as far as it is known by a date.

    Writes ``verification.json`` (counts and scores per run and target) and ``verification.parquet`` (one row per
    segment) beside the runs; nothing where they hold these runs and observations already.

    Parameters
    ----------
    region
        The region.
    out
        Directory of products.
    until
        Last date whose observations are used.
    waters
        Reach to the valid observations that could be had by ``until``, to save reading them again.
    measured
        Directory of a run to what followed it, reach by reach, where that is known already.

    Returns
    -------
    dict
        Content of ``verification.json``.
    """
    if waters is None:
        gauges = gauge_series.read(region, store_of(region), until).values
        waters, _ = valid_waters(region, read_reaches(region, until, gauges)[0])
    home = out / region.name
    runs = [entry for entry in published(home)["runs"] if pd.Timestamp(entry["as_of"]) <= until]
    hashes = {name: water.attrs["content_hash"] for name, water in waters.items()}
    inputs = [hashes, WARNED_FROM, LEVELS_JUDGED, MATCH_M, [entry["run_id"] for entry in runs]]
    inputs_hash = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    found = _verified(home, inputs_hash)
    if found is not None:
        return found
    rows, tables = [], []
    for entry in runs:
        name, as_of = entry["directory"], pd.Timestamp(entry["as_of"])
        followed = (measured or {}).get(name)
        if followed is None:
            followed = _follow(region, waters, as_of)
        for target in region.targets:
            judged = [one for one in followed.values() if one is not None and target.name in one.windows]
            if not judged:
                continue
            columns = ["segment_id", "reach", "bank", "chainage_m", "length_m", "level", "p_event"]
            file = f"segments_{target.name}.parquet"
            damaged = damage_of(home, home / name)
            if file in damaged:
                raise RunError(damage_message(home / name, {file: damaged[file]}, entry["as_of"]))
            layer = pd.read_parquet(home / name / file, columns=columns)
            outcome = pd.concat([one.table for one in judged], ignore_index=True)
            # A segment that is not cut any more, because an old mask was exchanged, has no outcome.
            table = layer.merge(outcome, on="segment_id", how="left", validate="one_to_one")
            rows.append(_judge(table, as_of, target, [one.windows[target.name] for one in judged]))
            tables.append(_outcome_table(table, as_of, target))
    summary = {
        "region": region.name,
        "simulated": region.simulated,
        "until": f"{until:%Y-%m-%d}",
        "inputs_hash": inputs_hash,
        "warned_from_level": WARNED_FROM,
        "match_m": MATCH_M,
        "rows": rows,
        "by_level": {target.name: by_level(rows, target.name) for target in region.targets},
    }
    parquet = home / "verification.parquet"
    if tables:
        temporary = home / ".verification.parquet.new"
        pd.concat(tables, ignore_index=True).to_parquet(temporary, index=False)
        temporary.replace(parquet)
    else:
        parquet.unlink(missing_ok=True)
    write_json(home / "verification.json", summary)
    return summary


def _verified(home: Path, inputs_hash: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((home / "verification.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = not found.get("rows") or (home / "verification.parquet").is_file()
    return found if whole and found.get("inputs_hash") == inputs_hash else None


def valid_waters(
    region: Region, waters: Mapping[str, xr.Dataset]
) -> tuple[dict[str, xr.Dataset], dict[str, list[Skipped]]]:
    """Leave the masks that cannot be true out of each reach; see :func:`erosion.banks.epochs.valid.valid_epochs`."""
    valid, broken = {}, {}
    for one in region.by_reach():
        name = one.reach.name
        if name in waters:
            valid[name], broken[name] = valid_epochs(one, waters[name])
    return valid, broken


def _follow(region: Region, waters: Mapping[str, xr.Dataset], as_of: pd.Timestamp) -> dict[str, Measured | None]:
    """Return what followed a date in each reach, measured on the baselines that could be cut then."""
    followed: dict[str, Measured | None] = {}
    for one in region.by_reach():
        name = one.reach.name
        if name not in waters:
            continue
        try:
            baseline = baseline_on(one, waters[name], as_of)
        except (NothingKnownError, ChannelError):  # reported by the run of that date
            continue
        followed[name] = measure_since(one, waters[name], baseline)
    return followed


def measure_since(region: Region, water: xr.Dataset, baseline: Baseline) -> Measured | None:
    """Return what the river did to the segments of a baseline; None where no window is over yet."""
    epochs = pd.DatetimeIndex(water["epoch"].to_numpy())
    start = observed_as(epochs, pd.Timestamp(baseline.version))
    longest = max(target.horizon_days for target in region.targets)
    if start is None or all(judging_epoch(epochs, start, target.horizon_days) is None for target in region.targets):
        return None
    # Only the five years that tell established land and the window itself are looked at; one epoch more in front
    # shows that the record goes back far enough.
    since = start - pd.Timedelta(days=ESTABLISHED_YEARS * YEAR_DAYS)
    first = max(0, int(epochs.searchsorted(since)) - 1)
    last = epochs <= start + pd.Timedelta(days=longest + horizon_slack_days(longest))
    window = water.isel(epoch=slice(first, int(last.sum())))
    table, known = outcomes(window, observe_region(region, window, baseline), baseline, region.targets)
    xy = middle_xy(baseline.segments.geometry)
    windows = {
        target.name: Window(start, end, known_at)
        for target in region.targets
        if (end := judging_epoch(epochs, start, target.horizon_days)) is not None
        and (known_at := known[target.name]) is not None
    }
    return Measured(table.assign(x=xy[:, 0], y=xy[:, 1]), windows)


def classify(table: pd.DataFrame, unseen: NDArray[np.bool_], warned_from: int = WARNED_FROM) -> NDArray[np.object_]:
    """Return the outcome of each segment: hit, miss, false_alarm, quiet or unknown.

    An event is a hit when a segment within 100 m along the same bank was warned, a warning is a false alarm when no
    event lies that near. A segment of level 0 without an event is unknown; with one it is a miss like any other, for
    nobody was warned.

    Parameters
    ----------
    table
        reach, bank, chainage_m, level and event of each segment of a run; x and y [m] where there are islands, whose shores
        share chainages and are matched by distance instead.
    unseen
        Segments whose outcome was not observed, shape (n,).
    warned_from
        Level from which a segment counts as warned.
    """
    event = table["event"].to_numpy(bool) & ~unseen
    warned = (table["level"] >= warned_from).to_numpy()
    near_warning, near_event = np.zeros(len(table), bool), np.zeros(len(table), bool)
    for reach, bank in table[["reach", "bank"]].drop_duplicates().itertuples(index=False):
        rows = np.flatnonzero((table["reach"] == reach) & (table["bank"] == bank))
        places = table[["x", "y"] if bank == "I" else ["chainage_m"]].to_numpy(float)[rows]
        near_warning[rows] = _any_near(places, warned[rows])
        near_event[rows] = _any_near(places, event[rows])
    outcome = np.full(len(table), ForecastOutcome.QUIET, dtype=object)
    outcome[warned & ~near_event] = ForecastOutcome.FALSE_ALARM
    outcome[event & near_warning] = ForecastOutcome.HIT
    outcome[event & ~near_warning] = ForecastOutcome.MISS
    outcome[warned & ~event & near_event] = ForecastOutcome.HIT
    outcome[unseen | ((table["level"] == 0).to_numpy() & ~event)] = ForecastOutcome.UNKNOWN
    return outcome


def _any_near(places: NDArray[np.float64], marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which places, shape (n, dimensions), have a marked one no farther than MATCH_M."""
    # Rows that cannot be placed (their segment is not cut any more) are near nothing.
    placed = np.isfinite(places).all(axis=1)
    near = np.zeros(len(places), bool)
    if (placed & marked).any():
        distance, _ = cKDTree(places[placed & marked]).query(places[placed])
        near[placed] = distance <= MATCH_M
    return near


def _judge(table: pd.DataFrame, as_of: pd.Timestamp, target: Target, windows: Sequence[Window]) -> dict[str, Any]:
    """Return the counts of outcomes of a run, and add event and outcome to its segments; reaches may differ in their
    windows by days."""
    retreat = table[f"retreat_established_{target.name}"].to_numpy(float)
    unseen = np.isnan(retreat)
    table["event"] = retreat >= target.threshold_m
    table["outcome"] = classify(table, unseen)
    event, outcome = table["event"].to_numpy(bool), table["outcome"].to_numpy()
    warned = (table["level"] >= WARNED_FROM).to_numpy() & ~unseen
    hits, misses = int((event & (outcome == ForecastOutcome.HIT)).sum()), int((outcome == ForecastOutcome.MISS).sum())
    false_alarms = int((outcome == ForecastOutcome.FALSE_ALARM).sum())
    length = table["length_m"].to_numpy()
    order = np.argsort(-table["p_event"].fillna(-1).to_numpy(), kind="stable")
    lost = np.nan_to_num(retreat) * length
    top = np.cumsum(length[order]) <= 0.1 * length.sum()
    return {
        "as_of": f"{as_of:%Y-%m-%d}",
        "target": target.name,
        "window_start": f"{min(window.start for window in windows):%Y-%m-%d}",
        "window_end": f"{max(window.end for window in windows):%Y-%m-%d}",
        "known_at": f"{max(window.known_at for window in windows):%Y-%m-%d}",
        "n": len(table),
        "unknown": int((outcome == ForecastOutcome.UNKNOWN).sum()),
        "events": int(event.sum()),
        "warned": int(warned.sum()),
        "hits": hits,
        "misses": misses,
        "false_alarms": false_alarms,
        "pod": _ratio(hits, hits + misses),
        "far": _ratio(false_alarms, int(warned.sum())),
        "csi": _ratio(hits, hits + misses + false_alarms),
        "top10_share": _ratio(float(lost[order][top].sum()), float(lost.sum())),
        "by_level": {str(level): count_level(table, unseen, level) for level in LEVELS_JUDGED},
    }


def count_level(table: pd.DataFrame, unseen: NDArray[np.bool_], level: int) -> dict[str, float]:
    """Return what a level was worth in one run: the length at it and how much of that eroded, and warnings from it up.

    Parameters
    ----------
    table
        As for :func:`classify`, with length_m [m].
    unseen
        Segments whose outcome was not observed, shape (n,).
    level
        The level.
    """
    outcome = classify(table, unseen, level)
    event, length = table["event"].to_numpy(bool), table["length_m"].to_numpy(float)
    mine = (table["level"] == level).to_numpy() & ~unseen
    return {
        "length_km": round(float(length[mine].sum()) / 1000.0, 3),
        "eroded_km": round(float(length[mine & event].sum()) / 1000.0, 3),
        "warned": int(((table["level"] >= level).to_numpy() & ~unseen).sum()),
        "hits": int((event & (outcome == ForecastOutcome.HIT)).sum()),
        "misses": int((outcome == ForecastOutcome.MISS).sum()),
        "false_alarms": int((outcome == ForecastOutcome.FALSE_ALARM).sum()),
    }


def by_level(rows: Sequence[Mapping[str, Any]], target: str) -> dict[str, dict[str, Any]]:
    """Return what the levels of a target were worth over all runs: counts, precision, POD and FAR."""
    levels = {}
    for level in map(str, LEVELS_JUDGED):
        mine = [row["by_level"][level] for row in rows if row["target"] == target]
        n = {name: sum(one[name] for one in mine) for name in mine[0]} if mine else {}
        if not n:
            continue
        levels[level] = {
            **{name: round(value, 3) for name, value in n.items()},
            "runs": len(mine),
            "precision": _ratio(n["eroded_km"], n["length_km"]),
            "pod": _ratio(n["hits"], n["hits"] + n["misses"]),
            "far": _ratio(n["false_alarms"], n["warned"]),
        }
    return levels


def _outcome_table(table: pd.DataFrame, as_of: pd.Timestamp, target: Target) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "as_of": f"{as_of:%Y-%m-%d}",
            "target": target.name,
            "segment_id": table["segment_id"],
            "level": table["level"].astype("int8"),
            "p_event": table["p_event"].astype("float32"),
            "retreat_observed_m": table[f"retreat_established_{target.name}"].astype("float32"),
            "event": table["event"],
            "outcome": table["outcome"],
        }
    )


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
