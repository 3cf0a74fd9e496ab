"""A series of old dates, each run as if it were tonight, and then verified."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from tqdm import tqdm

from erosion.banks.as_of import issue_dates
from erosion.config.region import Region
from erosion.config.store import store_of
from erosion.core.errors import Skipped
from erosion.gauges import series as gauge_series
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED
from erosion.nightly.run import Result, run
from erosion.nightly.verification import Measured, measure_since, valid_waters, verify
from erosion.water import read as sources
from erosion.water.read import read_reaches

_log = logging.getLogger(__name__)


class Replayed(NamedTuple):
    """How a replay went."""

    results: list[tuple[pd.Timestamp, Result]]
    """Each date with how its run ended."""
    skipped: list[Skipped]
    """Observations that could not be read; a date of theirs was never run. One that was read and is fragmented has
    its date, and the run of that date lists it."""

    @property
    def exit_code(self) -> int:
        """1 where a date was not published, 2 where one was degraded or an observation is missing, else 0."""
        codes = {result.exit_code for _, result in self.results}
        if not codes or NOT_PUBLISHED in codes:
            return NOT_PUBLISHED
        missed = any(not item.usual for item in self.skipped)
        return DEGRADED if missed or DEGRADED in codes else PUBLISHED


def replay(
    region: Region,
    first: pd.Timestamp,
    last: pd.Timestamp,
    out: Path,
    **settings: Any,
) -> Replayed:
    """Return the runs of every date on which an observation became available, made in order and then verified.

    Parameters
    ----------
    region
        The region.
    first, last
        First and last date, inclusive.
    out
        Directory of products.
    **settings
        Passed on to ``nightly.run``.

    Returns
    -------
    Replayed
        A date that fails does not stop the others.
    """
    left_out: dict[str, list[Skipped]] = {one.reach.name: [] for one in region.by_reach()}
    if region.scene_sources:
        for one in region.by_reach():
            left_out[one.reach.name] += sources.fetch_scenes(one, last)
    gauges = gauge_series.read(region, store_of(region), last).values
    everything, unread = read_reaches(region, last, gauges)
    for name, items in unread.items():
        left_out[name] += items
    days = sorted({date for water in everything.values() for date in issue_dates(water)})
    dates = [date for date in days if first <= date <= last]
    waters, broken = valid_waters(region, everything)
    results: list[tuple[pd.Timestamp, Result]] = []
    measured: dict[str, dict[str, Future[Measured | None]]] = {}
    skipped = sources.together(left_out)
    for item in (*skipped, *sources.together(broken)):
        _log.info(f"left out: {item.scene}: {item.reason}")
    # What followed a run is measured while the next one is at work: it asks for a baseline that is at hand by then.
    with ThreadPoolExecutor(1) as pool:
        for number, as_of in enumerate(tqdm(dates, desc="replay", unit="date", disable=None), 1):
            result = run(region, as_of, out, fetch=False, **settings)
            state = {PUBLISHED: "published", NOT_PUBLISHED: "NOT PUBLISHED", DEGRADED: "published, degraded"}
            again = "" if result.new else " (as before)"
            level = logging.INFO if result.exit_code == PUBLISHED else logging.WARNING
            _log.log(level, f"[{number}/{len(dates)}] {as_of:%Y-%m-%d} {state[result.exit_code]}{again}")
            for message in result.messages:
                _log.warning(f"    {message}")
            if result.baselines and result.directory is not None:
                measured[result.directory.name] = {
                    one.reach.name: pool.submit(
                        measure_since, one, waters[one.reach.name], result.baselines[one.reach.name]
                    )
                    for one in region.by_reach()
                    if one.reach.name in result.baselines
                }
            results.append((as_of, Result(result.exit_code, result.directory, result.messages, result.new)))
    if any(result.exit_code != NOT_PUBLISHED for _, result in results):
        followed = {
            directory: {name: future.result() for name, future in reaches.items()}
            for directory, reaches in measured.items()
        }
        summary = verify(region, out, last, waters, followed)
        _log.info(f"held {len(summary['rows'])} sets of warnings against what followed")
    return Replayed(results, skipped)
