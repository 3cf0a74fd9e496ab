"""The days that are asked of a service, in pieces that it can bear."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from erosion.config.gauges import WebGauge
from erosion.gauges.formats.reading import Asked

DAY = pd.Timedelta(days=1)


def whole_days(source: WebGauge, asked: Asked) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last UTC day that are wanted of daily values.

    Returns
    -------
    first, last : pandas.Timestamp
        Midnights UTC. The first is that of ``asked.since``, and never before the entry's ``first_day``. The last day is over
        at ``asked.until``: the sum or mean of a day that still runs is none. ``last`` lies before ``first`` where nothing
        is wanted.
    """
    first = pd.Timestamp(source.first_day, tz="UTC")
    if asked.since is not None:
        first = max(first, asked.since.tz_convert("UTC").floor("D"))
    return first, asked.until.tz_convert("UTC").floor("D") - DAY


def pieces(first: pd.Timestamp, last: pd.Timestamp, years: int) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    """Yield the days from the first to the last, both included, in pieces of at most so many years, oldest first."""
    while first <= last:
        end = min(first + pd.DateOffset(years=years) - DAY, last)
        yield first, end
        first = end + DAY
