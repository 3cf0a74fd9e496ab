"""Outcome of a forecast: the land that every segment lost within a window."""

from __future__ import annotations

import numpy as np
import pandas as pd

from erosion.banks.cell_sums import CellSums
from erosion.banks.cells import CellStates, as_share, is_river
from erosion.banks.channel_moves import Beds
from erosion.banks.established import ESTABLISHED_YEARS, START_SLACK_DAYS, YEAR_DAYS
from erosion.banks.segments import Baseline
from erosion.core.arrays import UNOBSERVED


def measure_loss(states: CellStates, baseline: Baseline, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Return what every segment lost within a window: land at its start that was river at any epoch up to its end.

    Land that was taken and came back as a bar before the window ended is lost all the same.

    Parameters
    ----------
    states
        River share of the cells; may reach beyond ``end``.
    baseline
        The segments.
    start, end
        Epochs in ``states``.

    Returns
    -------
    pandas.DataFrame
        One row per segment: segment_id, retreat_m (all land), retreat_established_m, coverage (share of its cell
        seen at start and end), channel_moved.
    """
    first, last = (int(k) for k in states.epochs.get_indexer(pd.DatetimeIndex([start, end])))
    if min(first, last) < 0:
        raise KeyError(f"no epoch at {start:%Y-%m-%d} or {end:%Y-%m-%d}; epochs are {list(states.epochs.date)}")
    cell = CellSums(baseline)
    beds = Beds(baseline)
    bed_shares = np.stack([beds.share(cells) for cells in states.cells[first : last + 1]])
    before, window = states.cells[first], states.cells[first + 1 : last + 1]
    seen = before != UNOBSERVED
    most = np.zeros_like(before)
    for after in window:
        np.maximum(most, np.where(after == UNOBSERVED, np.uint8(0), after), out=most)
    changed = np.flatnonzero((most > before) & seen)
    loss = as_share(most[changed]) - as_share(before[changed])
    since = states.epochs[first] - pd.Timedelta(days=ESTABLISHED_YEARS * YEAR_DAYS)
    known = states.epochs[0] <= since + pd.Timedelta(days=START_SLACK_DAYS)
    wet = np.zeros(changed.size, dtype=bool)
    last_seen = np.full(changed.size, UNOBSERVED)
    for epoch, cells in zip(states.epochs[: first + 1], states.cells, strict=False):
        last_seen = np.where(cells[changed] == UNOBSERVED, last_seen, cells[changed])
        wet |= is_river(last_seen) & (epoch >= since)
    scale = baseline.grid.pixel_m**2 / baseline.segments["length_m"].to_numpy()
    covered = cell.count_pixels(seen & (states.cells[last] != UNOBSERVED)) / np.maximum(cell.count_pixels(), 1)
    lost_by = baseline.owner[changed]
    lost = cell(loss, lost_by) * scale
    lost_established = cell(np.where(wet, np.float32(0), loss), lost_by) * scale
    unknown = (covered == 0) & (lost == 0)
    lost[unknown] = lost_established[unknown] = np.nan
    return pd.DataFrame(
        {
            "segment_id": baseline.segments["segment_id"].to_numpy(),
            "retreat_m": lost,
            "retreat_established_m": lost_established if known else np.nan,
            "coverage": covered,
            "channel_moved": beds.moved(bed_shares).any(axis=0),
        }
    )
