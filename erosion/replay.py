"""Run a series of old dates as if each were tonight, then hold every warning against what the river did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion import sources
from erosion.asof import baseline_on, issue_dates, observe_region
from erosion.banks import ESTABLISHED_YEARS, YEAR_DAYS
from erosion.dataset import horizon_slack_days, judging_epoch, outcomes
from erosion.nightly import NOT_PUBLISHED, Result, published, run
from erosion.region import Region

WARNED_FROM = 3
"""Level from which a segment counts as warned when warnings are held against events."""

MATCH_M = 100.0
"""An event and a warning this close along one bank belong together."""


def replay_dates(region: Region, first: pd.Timestamp, last: pd.Timestamp) -> list[pd.Timestamp]:
    """Return the dates between two dates on which a new observation of the banks became available."""
    water, _ = sources.read_water(region, last)
    return [date for date in issue_dates(water) if first <= date <= last]


def replay(
    region: Region,
    first: pd.Timestamp,
    last: pd.Timestamp,
    out: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> list[tuple[pd.Timestamp, Result]]:
    """Run every issue date between two dates in order, then verify them.

    Parameters
    ----------
    region
        The region.
    first, last
        First and last date, inclusive.
    out
        Directory of products.
    say
        Called with lines of progress.
    **settings
        Passed on to ``nightly.run``.

    Returns
    -------
    list of tuple
        Each date with how its run ended. A date that fails does not stop the others.
    """
    dates = replay_dates(region, first, last)
    results = []
    for number, as_of in enumerate(dates, 1):
        result = run(region, as_of, out, **settings)
        state = {0: "published", 1: "NOT PUBLISHED", 2: "published, degraded"}[result.exit_code]
        again = "" if result.new else " (as before)"
        say(f"[{number}/{len(dates)}] {as_of:%Y-%m-%d} {state}{again}")
        for message in result.messages:
            say(f"    {message}")
        results.append((as_of, result))
    if any(result.exit_code != NOT_PUBLISHED for _, result in results):
        summary = verify(region, out, last)
        say(f"held {len(summary['rows'])} sets of warnings against what followed")
    return results


def verify(region: Region, out: Path, until: pd.Timestamp) -> dict[str, Any]:
    """Hold every published run against what followed, as far as it is known by a date.

    Writes ``verification.json`` (counts and scores per run and target) and ``verification.parquet`` (one row per
    segment) beside the runs.

    Returns
    -------
    dict
        Content of ``verification.json``.
    """
    water, _ = sources.read_water(region, until)
    home = out / region.name
    rows, tables = [], []
    for entry in published(home)["runs"]:
        as_of = pd.Timestamp(entry["as_of"])
        if as_of > until:
            continue
        measured = _outcomes_of(region, water, as_of)
        if measured is None:
            continue
        result, known = measured
        for target in region.targets:
            if known[target.name] is None:
                continue
            columns = ["segment_id", "bank", "chainage_m", "length_m", "level", "p_event"]
            path = home / entry["directory"] / f"segments_{target.name}.parquet"
            layer = gpd.read_parquet(path, columns=[*columns, "geometry"])
            table = layer[columns].merge(result, on="segment_id", validate="one_to_one")
            retreat = table[f"retreat_established_{target.name}"].to_numpy(float)
            table["event"] = retreat >= target.threshold_m
            table["outcome"] = classify(table, np.isnan(retreat))
            rows.append(_summary(table, retreat, as_of, known[target.name], target.name))
            tables.append(
                pd.DataFrame(
                    {
                        "as_of": f"{as_of:%Y-%m-%d}",
                        "target": target.name,
                        "segment_id": table["segment_id"],
                        "level": table["level"].astype("int8"),
                        "p_event": table["p_event"].astype("float32"),
                        "retreat_observed_m": retreat.astype("float32"),
                        "event": table["event"],
                        "outcome": table["outcome"],
                    }
                )
            )
    summary = {
        "region": region.name,
        "simulated": region.simulated,
        "until": f"{until:%Y-%m-%d}",
        "warned_from_level": WARNED_FROM,
        "match_m": MATCH_M,
        "rows": rows,
    }
    if tables:
        pd.concat(tables, ignore_index=True).to_parquet(home / "verification.parquet", index=False)
    temporary = home / ".verification.json.new"
    temporary.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    temporary.replace(home / "verification.json")
    return summary


def classify(table: pd.DataFrame, unseen: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Name the outcome of each segment: hit, miss, false_alarm, quiet or unknown.

    An event is a hit when a segment within 100 m along the same bank was warned, a warning is a false alarm when no
    event lies that near.

    Parameters
    ----------
    table
        bank, chainage_m, level and event of each segment of a run.
    unseen
        Segments whose outcome was not observed, shape (n,).
    """
    event = table["event"].to_numpy(bool) & ~unseen
    warned = (table["level"] >= WARNED_FROM).to_numpy()
    near_warning, near_event = np.zeros(len(table), bool), np.zeros(len(table), bool)
    for _, rows in table.groupby("bank").indices.items():
        chainage = table["chainage_m"].to_numpy(float)[rows]
        near_warning[rows] = _any_within(chainage, warned[rows])
        near_event[rows] = _any_within(chainage, event[rows])
    outcome = np.full(len(table), "quiet", dtype=object)
    outcome[warned & ~near_event] = "false_alarm"
    outcome[event & near_warning] = "hit"
    outcome[event & ~near_warning] = "miss"
    outcome[warned & ~event & near_event] = "hit"
    outcome[unseen | ((table["level"] == 0).to_numpy() & ~event)] = "unknown"
    return outcome


def _any_within(chainage: NDArray[np.float64], marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    at = np.sort(chainage[marked])
    first = np.searchsorted(at, chainage - MATCH_M, side="left")
    last = np.searchsorted(at, chainage + MATCH_M, side="right")
    return last > first


def _outcomes_of(
    region: Region, water: xr.Dataset, as_of: pd.Timestamp
) -> tuple[pd.DataFrame, dict[str, pd.Timestamp | None]] | None:
    baseline = baseline_on(region, water, as_of)
    start = pd.Timestamp(baseline.version)
    epochs = pd.DatetimeIndex(water["epoch"].to_numpy())
    longest = max(target.horizon_days for target in region.targets)
    if all(judging_epoch(epochs, start, target.horizon_days) is None for target in region.targets):
        return None
    # Only the five years that tell established land and the window itself are looked at; one epoch more in front
    # tells that the record goes back far enough.
    since = start - pd.Timedelta(days=ESTABLISHED_YEARS * YEAR_DAYS)
    first = max(0, int(epochs.searchsorted(since)) - 1)
    last = epochs <= start + pd.Timedelta(days=longest + horizon_slack_days(longest))
    window = water.isel(epoch=slice(first, int(last.sum())))
    return outcomes(window, observe_region(region, window, baseline), baseline, region.targets)


def _summary(
    table: pd.DataFrame, retreat: NDArray[np.float64], as_of: pd.Timestamp, known: pd.Timestamp | None, target: str
) -> dict[str, Any]:
    event = table["event"].to_numpy(bool)
    outcome = table["outcome"]
    hits = int((event & (outcome == "hit")).sum())
    misses = int((outcome == "miss").sum())
    warned = (table["level"] >= WARNED_FROM).to_numpy()
    false_alarms = int((outcome == "false_alarm").sum())
    length = table["length_m"].to_numpy()
    order = np.argsort(-table["p_event"].fillna(-1).to_numpy(), kind="stable")
    lost = np.nan_to_num(retreat) * length
    top = np.cumsum(length[order]) <= 0.1 * length.sum()
    return {
        "as_of": f"{as_of:%Y-%m-%d}",
        "target": target,
        "known_at": None if known is None else f"{known:%Y-%m-%d}",
        "n": len(table),
        "events": int(event.sum()),
        "warned": int(warned.sum()),
        "hits": hits,
        "misses": misses,
        "false_alarms": false_alarms,
        "pod": _ratio(hits, hits + misses),
        "far": _ratio(false_alarms, int(warned.sum())),
        "csi": _ratio(hits, hits + misses + false_alarms),
        "top10_share": _ratio(float(lost[order][top].sum()), float(lost.sum())),
    }


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
