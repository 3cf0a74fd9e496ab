"""Whether a bank was seen often enough, and lately enough, to say how it moves."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.banks.established import YEAR_DAYS
from erosion.core.vocabulary import UnknownReason

MIN_OBSERVATIONS: Final = 3
"""Observations of a bank that a forecast needs."""

MIN_SPAN_Y: Final = 1.5
"""Time they must cover [years]: half of the three years over which the rates are taken that weigh most."""

MAX_GAP_Y: Final = 2.25
"""Longest time between the two newest of them [years]. A change over more than two years says nothing of the last one, and no
model has learnt from such records. docs/forecast.md has what forecasts beyond these limits were worth."""


def record_gaps(banks: xr.Dataset) -> NDArray[np.object_]:
    """Return why the record of each segment is too thin for a forecast, a word of :class:`UnknownReason` or nothing.

    Parameters
    ----------
    banks
        Bank measurements, dims (segment_id, epoch), with ``coverage``.
    """
    seen = banks["coverage"].transpose("segment_id", "epoch").to_numpy() > 0
    # Coverage says that a bank was seen then and before. One that begins after the first epoch was not seen then, and its first
    # time is taken for the epoch just before.
    begins = seen & (np.cumsum(seen, axis=1) == 1)
    seen[:, :-1] |= begins[:, 1:]
    days = banks["epoch"].to_numpy()
    years = (days - days[0]) / np.timedelta64(1, "D") / YEAR_DAYS
    when = np.where(seen, years, -np.inf)
    newest, first = when.max(axis=1), np.where(seen, years, np.inf).min(axis=1)
    before = np.where(when < newest[:, None], when, -np.inf).max(axis=1)
    times = seen.sum(axis=1)
    with np.errstate(invalid="ignore"):  # of a bank that was never seen
        gap, span = newest - before, newest - first
    return np.select(
        [times < 2, gap > MAX_GAP_Y, (times < MIN_OBSERVATIONS) | (span < MIN_SPAN_Y)],
        [UnknownReason.NOT_MEASURED, UnknownReason.WIDE_GAP, UnknownReason.SHORT_RECORD],
        "",
    ).astype(object)


def thin_record(epochs: pd.DatetimeIndex) -> str | None:
    """Return why the observations of a reach allow no forecast of any bank; None where they do.

    Parameters
    ----------
    epochs
        Dates of the valid observations, ascending.
    """
    if len(epochs) == 1:
        return (
            f"only one observation of the banks is known ({epochs[0]:%Y-%m-%d}), nothing can be said of how they move: every "
            "level is unknown"
        )
    gap = (epochs[-1] - epochs[-2]).days / YEAR_DAYS
    if gap > MAX_GAP_Y:
        return (
            f"{gap:.1f} years lie between the two newest observations of the banks, {epochs[-2]:%Y-%m-%d} and "
            f"{epochs[-1]:%Y-%m-%d}; at more than {MAX_GAP_Y:g} nothing can be said of how they move now: every level is "
            "unknown; bring one between them"
        )
    span = (epochs[-1] - epochs[0]).days / YEAR_DAYS
    if len(epochs) < MIN_OBSERVATIONS or span < MIN_SPAN_Y:
        return (
            f"only {len(epochs)} observations of the banks are known, over {span:.1f} years; a forecast needs {MIN_OBSERVATIONS}, "
            f"over {MIN_SPAN_Y:g} years: every level is unknown; bring older ones"
        )
    return None
