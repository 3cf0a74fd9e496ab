"""How the gauges of a region are doing on a date: how old, how complete their values are and how many of them are suspect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeSource
from erosion.core.contracts import GAUGE_FLAGS, as_of_instant
from erosion.gauges.hydrograph import STALE_CADENCES, STALE_DAYS
from erosion.gauges.known import USED, known_values

WINDOWS: Final[dict[str, int]] = {"30d": 30, "365d": 365}
"""Name of a window of the last days -> its length."""

SUSPECT_SHARE: Final = 0.5
"""A gauge is suspect when more than this share of its values of the last 30 days is suspect."""

NOT_MEASURED: Final = GAUGE_FLAGS["filled"] | GAUGE_FLAGS["superseded"]
"""Values with one of these flags are no readings of the gauge."""

COUNTED: Final = tuple(name for name, bit in GAUGE_FLAGS.items() if not bit & NOT_MEASURED)
"""Flags that are counted."""

_DAY: Final = 86_400_000_000_000

#: name -> (unit, meaning), in the order of the table.
COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "gauge_id": ("", "identifier of the gauge"),
    "title": ("", "what people call it"),
    "quantity": ("", "stage, discharge or rain; empty where nothing was known"),
    "sources": ("", "names of the catalogue entries whose values stand, those the region trusts most first"),
    "first_day": ("", "day of the oldest value, UTC"),
    "values": ("", "times with a value that stands, flagged or not"),
    "last_time": ("", "UTC instant of the newest value, flagged or not"),
    "last_value": ("unit of the quantity", "that value"),
    "last_qc": ("", "good, estimated or suspect"),
    "age_days": ("day", "from the newest value to the date"),
    "limit_days": ("day", "age from which the gauge is stale"),
    "stale": ("", "true where it is"),
    "cadence_days": ("day", "median time between the values of the last 365 days, of all where these are too few"),
    "complete_30d": ("1", "share of the values to be had in the last 30 days that are there and not suspect"),
    "complete_365d": ("1", "the same of the last 365 days"),
    "complete_all": ("1", "share of the days (of the cadence, where it is longer) since the first with such a value"),
    "suspect_30d": ("1", "share of the values of the last 30 days that are suspect"),
    "suspect": ("", "true where that is more than half"),
    "disputed_days_365d": ("day", "days of the last 365 on which two sources disagree"),
    "disputed_days_all": ("day", "all such days"),
    **{
        f"{name}_{window}": ("", f"values flagged {name}, {'of the last 365 days' if window == '365d' else 'of all'}")
        for window in ("365d", "all")
        for name in COUNTED
    },
}


def health(gauges: pd.DataFrame, as_of: pd.Timestamp | str, sources: Sequence[GaugeSource]) -> pd.DataFrame:
    """Return the state of each gauge and quantity as known on a date.

    Parameters
    ----------
    gauges
        Table of :data:`erosion.core.contracts.GAUGE_COLUMNS` with every revision, checked.
    as_of
        Date of the product.
    sources
        Entries of the region's gauges, the most trusted one of a gauge first.

    Returns
    -------
    pandas.DataFrame
        One row for each gauge and quantity, in the order of the entries, columns of :data:`COLUMNS`; a gauge of which
        nothing was known has one row with an empty quantity, and is stale unless all its entries are optional and absent.

    Notes
    -----
    What could not be there yet is not missing: a window ends its latency before the date, and begins with the first
    value where that is younger. A value fills a step of the cadence; of two in one step one counts.
    """
    now = as_of_instant(as_of)
    known = known_values(gauges, as_of)
    stands = np.isfinite(known["value"].to_numpy(float)) & (known["flags"].to_numpy("int64") & NOT_MEASURED == 0)
    known = known[stands & (known["qc"] != "missing").to_numpy()]
    rows = []
    for gauge_id in dict.fromkeys(source.gauge_id for source in sources):
        mine = [source for source in sources if source.gauge_id == gauge_id]
        values = known[(known["gauge_id"] == gauge_id).to_numpy()]
        for quantity, of_it in values.groupby("quantity", sort=True):
            rows.append(_row(mine, str(quantity), of_it, now))
        if values.empty:
            rows.append(_row(mine, "", values, now))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(sources: Sequence[GaugeSource], quantity: str, values: pd.DataFrame, now: pd.Timestamp) -> dict[str, Any]:
    there = set(values["source"])
    used = [source for source in sources if source.name in there] or list(sources)
    limit = max(STALE_DAYS, min(STALE_CADENCES * source.cadence_days + source.latency_days for source in used))
    row: dict[str, Any] = {
        "gauge_id": sources[0].gauge_id,
        "title": sources[0].called,
        "quantity": quantity,
        "sources": ", ".join(source.name for source in used if source.name in there),
        "values": len(values),
        "limit_days": limit,
        "stale": any(source.left_out is None for source in sources),
        "suspect": False,
    }
    if values.empty:
        return row
    time = pd.DatetimeIndex(values["time"]).as_unit("ns").asi8
    usable = values["qc"].isin(USED).to_numpy()
    flags = values["flags"].to_numpy("int64")
    age = (now - values["time"].iloc[-1]) / pd.Timedelta(days=1)
    row |= {
        "first_day": values["time"].iloc[0].strftime("%Y-%m-%d"),
        "last_time": values["time"].iloc[-1],
        "last_value": float(values["value"].iloc[-1]),
        "last_qc": values["qc"].iloc[-1],
        "age_days": age,
        "stale": age > limit,
    }
    end = now.as_unit("ns").value - round(min(source.latency_days for source in used) * _DAY)
    since = {name: time >= now.as_unit("ns").value - length * _DAY for name, length in WINDOWS.items()}
    steps = np.diff(time[since["365d"]])
    if steps.size < 2:
        steps = np.diff(time)
    if steps.size:
        cadence = float(np.median(steps))
        row["cadence_days"] = cadence / _DAY
        for name, length in WINDOWS.items():
            begin = max(now.as_unit("ns").value - length * _DAY, int(time[0]))
            row[f"complete_{name}"] = _complete(time[usable], begin, end, cadence)
        row["complete_all"] = _complete(time[usable], int(time[0]), end, max(cadence, _DAY))
    lately = since["30d"]
    if lately.any():
        row["suspect_30d"] = float((values["qc"] == "suspect").to_numpy()[lately].mean())
        row["suspect"] = row["suspect_30d"] > SUSPECT_SHARE
    for window, inside in {"365d": since["365d"], "all": np.ones(time.size, dtype=bool)}.items():
        for name in COUNTED:
            row[f"{name}_{window}"] = int((flags[inside] & GAUGE_FLAGS[name] > 0).sum())
        disputed = flags[inside] & GAUGE_FLAGS["disputed"] > 0
        row[f"disputed_days_{window}"] = int(np.unique(time[inside][disputed] // _DAY).size)
    return row


def _complete(time: np.ndarray, begin: int, end: int, step: float) -> float:
    """Return the share of the steps between two instants that hold a value."""
    steps = max(round((end - begin) / step), 1)
    inside = time[(time >= begin) & (time <= end)]
    # Values sit in the middle of their step, so that a clock that wavers does not put two into one.
    filled = np.unique(np.floor((inside - time[0]) / step + 0.5)).size if inside.size else 0
    return min(filled / steps, 1.0)
