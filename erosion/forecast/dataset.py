"""Rows to learn from and to be judged by: features as of old dates, beside what the river then did."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.spatial import cKDTree
from tqdm import tqdm

from erosion.banks.as_of import NothingKnownError, baseline_on, issue_dates, knowledge_on, observe_region
from erosion.banks.cells import CellStates
from erosion.banks.outcomes import measure_loss
from erosion.banks.segments import Baseline, middle_xy
from erosion.config.region import Region, Target
from erosion.core.arrays import FloatArray
from erosion.core.contracts import as_of_instant
from erosion.features import make_features
from erosion.features.neck import Necks, find_necks
from erosion.forecast.cutoff import necks_cut

_log = logging.getLogger(__name__)

LABELS = {"all": "retreat_m", "established": "retreat_established_m"}
"""Label family -> column of ``banks.measure_loss``."""


def horizon_slack_days(horizon_days: float) -> float:
    """Return how far from the end of a window the epoch that judges it may lie [day]."""
    return 90.0 + horizon_days / 12.0


def judging_epoch(epochs: pd.DatetimeIndex, start: pd.Timestamp, horizon_days: float) -> pd.Timestamp | None:
    """Return the epoch nearest to the end of a window that starts at ``start``, None where none is near enough."""
    later = epochs[epochs > start]
    if not len(later):
        return None
    off = np.abs((later - start).days.to_numpy() - horizon_days)
    nearest = int(off.argmin())
    return later[nearest] if off[nearest] <= horizon_slack_days(horizon_days) else None


SAME_OBSERVATION_DAYS = 60
"""A season's observation keeps its place in the series when later scenes move its date by so much."""


def observed_as(epochs: pd.DatetimeIndex, version: pd.Timestamp) -> pd.Timestamp | None:
    """Return the epoch of a series that a baseline was cut from, None where it holds none like it.

    An observation made from scenes has the median date of its clear observations; those that came after the baseline was
    cut have moved it by some days.
    """
    if version in epochs:
        return version
    off = np.abs((epochs - version).days.to_numpy())
    nearest = int(off.argmin()) if len(off) else 0
    return epochs[nearest] if len(off) and off[nearest] <= SAME_OBSERVATION_DAYS else None


def outcomes(
    water: xr.Dataset, states: CellStates, baseline: Baseline, targets: Iterable[Target]
) -> tuple[pd.DataFrame, dict[str, pd.Timestamp | None]]:
    """Return what the river did to the segments of a baseline within each target's window.

    The window starts at the observation the forecast was made from and ends at the epoch nearest to the horizon.

    Returns
    -------
    tuple
        One row per segment with ``retreat_all_<target>`` and ``retreat_established_<target>`` [m] and
        ``moved_<target>`` (the channel jumped here), NaN where no epoch ends the window; and for each target the
        instant at which its outcome became known, None where it never did.
    """
    start = observed_as(states.epochs, pd.Timestamp(baseline.version))
    available = dict(zip(pd.DatetimeIndex(water["epoch"].to_numpy()), water["available_at"].to_numpy(), strict=True))
    columns: dict[str, object] = {"segment_id": baseline.segments["segment_id"].to_numpy()}
    known: dict[str, pd.Timestamp | None] = {}
    for target in targets:
        end = None if start is None else judging_epoch(states.epochs, start, target.horizon_days)
        known[target.name] = None if end is None else pd.Timestamp(available[end])
        loss = None if start is None or end is None else measure_loss(states, baseline, start, end)
        for label, column in LABELS.items():
            columns[f"retreat_{label}_{target.name}"] = np.nan if loss is None else loss[column].to_numpy()
        columns[f"moved_{target.name}"] = False if loss is None else loss["channel_moved"].to_numpy()
    return pd.DataFrame(columns), known


def rows_with_outcomes(
    region: Region,
    water: xr.Dataset,
    gauges: pd.DataFrame,
    *,
    until: pd.Timestamp,
) -> pd.DataFrame:
    """Return one row per segment and issue date: features known then, and the outcome as far as known by ``until``.

    Parameters
    ----------
    region
        A region of one reach.
    water, gauges
        Observations; those that became available after ``until`` are not used.
    until
        Date of the training or evaluation.

    Returns
    -------
    pandas.DataFrame
        Every registered feature; segment_id, reach, as_of, epoch, bank, length_m, x, y [m], river_km (place along the
        centre line of the first issue date, so that a place keeps its number when the river moves); for each target
        and label ``retreat_<label>_<target>`` [m], ``moved_<target>`` and ``known_<target>`` (instant at which the
        outcome was known, NaT where it is not). ``neck`` is the number of the loop across whose neck the segment lies on its
        date, -1 where there is none; ``cut_<target>`` is True where that neck was cut within the window.

    Raises
    ------
    NothingKnownError
        If no observation was available by ``until``.
    """
    limit = as_of_instant(until)
    rows, reference = [], None
    traced: list[_Traced] = []
    dates = [as_of for as_of in issue_dates(water) if as_of_instant(as_of) <= limit]
    for as_of in tqdm(dates, desc=region.reach.name, unit="date", disable=None):
        baseline = baseline_on(region, water, as_of)
        states = observe_region(region, water, baseline)
        table = make_features(knowledge_on(region, baseline, states, gauges, as_of)).reset_index()
        if reference is None:
            reference = baseline.centre
        xy = middle_xy(baseline.segments.geometry)
        _, nearest = cKDTree(reference[["x", "y"]].to_numpy()).query(xy)
        result, known = outcomes(water, states, baseline, region.targets)
        necks = find_necks(baseline)
        start = pd.Timestamp(baseline.version)
        traced.append(_Traced(start, baseline.centre, baseline.segments["chainage_m"].to_numpy(float), necks))
        extra = {
            "reach": region.reach.name,
            "as_of": as_of,
            "epoch": pd.Timestamp(baseline.version),
            "bank": baseline.segments["bank"].to_numpy(),
            "length_m": baseline.segments["length_m"].to_numpy(),
            "x": xy[:, 0],
            "y": xy[:, 1],
            "river_km": reference["chainage_m"].to_numpy()[nearest] / 1000.0,
            "neck": necks.loop,
        }
        for target in region.targets:
            instant = known[target.name]
            in_time = instant is not None and instant.tz_localize("UTC") <= limit
            extra[f"known_{target.name}"] = instant if in_time else pd.NaT
            for label in LABELS:
                name = f"retreat_{label}_{target.name}"
                extra[name] = result[name].to_numpy() if in_time else np.nan
            extra[f"moved_{target.name}"] = result[f"moved_{target.name}"].to_numpy() if in_time else False
        rows.append(pd.concat([table, pd.DataFrame(extra, index=table.index)], axis=1))
        _log.info(f"{as_of:%Y-%m-%d}  {len(table)} segments")
    if not rows:
        first = issue_dates(water)[0]
        raise NothingKnownError(
            f"nothing to learn from by {until:%Y-%m-%d}: the first observation became available on {first:%Y-%m-%d}"
        )
    _mark_cut(rows, traced, pd.DatetimeIndex(water["epoch"].to_numpy()), region.targets)
    return pd.concat(rows, ignore_index=True)


class _Traced(NamedTuple):
    """The centre line of one issue date and the necks of its loops."""

    epoch: pd.Timestamp
    centre: pd.DataFrame
    chainage_m: FloatArray
    necks: Necks


def _mark_cut(
    tables: Sequence[pd.DataFrame], traced: Sequence[_Traced], epochs: pd.DatetimeIndex, targets: Iterable[Target]
) -> None:
    """Add ``cut_<target>`` to the rows of every date: whether a centre line traced within the window shows the neck cut."""
    for table, one in zip(tables, traced, strict=True):
        for target in targets:
            end = judging_epoch(epochs, one.epoch, target.horizon_days)
            over = bool(table[f"known_{target.name}"].notna().any())
            later = [] if end is None or not over else [line.centre for line in traced if one.epoch < line.epoch <= end]
            table[f"cut_{target.name}"] = necks_cut(one.necks, one.chainage_m, one.centre, later)
