"""Gauge values as they were known on a date."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.contracts import known_at

USED: Final = ("good", "estimated")
"""Qualities that enter a statistic."""


def known_values(gauges: pd.DataFrame, as_of: pd.Timestamp | str) -> pd.DataFrame:
    """Return the newest revision of every value that could be had on a date.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.contracts.GAUGE_COLUMNS`).
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


class Days(NamedTuple):
    """Daily values of one gauge without holes: NaN where a day is missing."""

    first: np.datetime64  # day of values[0]
    values: np.ndarray  # shape (day,), in the unit of the quantity
    quantity: str

    @property
    def discharge(self) -> bool:
        """Whether the values are discharges."""
        return self.quantity == "discharge"


def daily(
    gauges: pd.DataFrame, as_of: pd.Timestamp | str, quantities: tuple[str, ...] = ("discharge", "stage")
) -> dict[str, Days]:
    """Daily values of every gauge as known on a date.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.contracts.GAUGE_COLUMNS`).
    as_of
        Date of the product.
    quantities
        The first of them that a gauge has is taken.

    Returns
    -------
    dict
        Gauge id -> days; a gauge without a usable value has none and is left out.

    Notes
    -----
    Daily values are stamped with the start of the local day in UTC, so the nearest UTC midnight names the day; values
    more frequent than daily are averaged over the UTC day, rain is summed.
    """
    known = known_values(gauges, as_of)
    usable = known["qc"].isin(USED).to_numpy() & np.isfinite(known["value"].to_numpy(float))
    known = known[usable & known["quantity"].isin(quantities).to_numpy()]
    out: dict[str, Days] = {}
    for gauge_id, rows in known.groupby("gauge_id", sort=True):
        there = set(rows["quantity"])
        quantity = next(name for name in quantities if name in there)
        rows = rows[rows["quantity"] == quantity]
        values = rows["value"].to_numpy(float)
        time = pd.DatetimeIndex(rows["time"]).tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[h]")
        steps = np.diff(np.unique(time)).astype(int)
        half_day = np.timedelta64(12 if not steps.size or np.median(steps) >= 24 else 0, "h")
        day = (time + half_day).astype("datetime64[D]")
        first = day.min()
        place = (day - first).astype(int)
        sums = np.bincount(place, values)
        counts = np.bincount(place)
        with np.errstate(invalid="ignore"):
            means = np.where(counts > 0, sums, np.nan) if quantity == "rain" else sums / counts
        out[str(gauge_id)] = Days(first, means, quantity)
    return out
