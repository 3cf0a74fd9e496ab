"""Gauge values as they were known on a date."""

from __future__ import annotations

from typing import Final

import pandas as pd

from erosion.core.contracts import known_at

USED: Final = ("good", "estimated")
"""Qualities that enter a statistic."""


def known_values(gauges: pd.DataFrame, as_of: pd.Timestamp | str) -> pd.DataFrame:
    """Return the newest revision of every value that could be had on a date.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.core.contracts.GAUGE_COLUMNS`).
    as_of
        Date of the product.

    Returns
    -------
    pandas.DataFrame
        One row for each gauge, quantity and time, sorted by them.
    """
    known = gauges[known_at(gauges["available_at"], pd.Timestamp(as_of))]
    key = ["gauge_id", "quantity", "time"]
    return known.sort_values([*key, "available_at"], kind="stable").drop_duplicates(key, keep="last", ignore_index=True)
