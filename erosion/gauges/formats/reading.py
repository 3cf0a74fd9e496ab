"""What every driver of a gauge takes and hands over.

A driver is a function ``read(source, asked) -> Reading``. It settles units, time zone, missing values and quality words:
in what it returns, a stage is in m, a discharge in m3/s, rain in mm, and every time is UTC. It guesses nothing: what cannot
be read is left out or missing, and ``skipped`` lists what and why. It raises :class:`erosion.core.errors.SourceError` where it has
nothing to give. It knows nothing of the store: what is new, what is a correction and when it could be had is decided there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from erosion.core.contracts import QUANTITIES
from erosion.core.errors import Skipped

READING_COLUMNS = ("quantity", "time", "value", "quality", "issued_at", "member")
"""Columns of :data:`erosion.core.contracts.SERIES_COLUMNS` that a driver gives; the store adds the others."""


@dataclass(frozen=True)
class Asked:
    """Request to a source.

    Attributes
    ----------
    since
        Values from this UTC instant on are wanted; None for all there are. A file gives all it has.
    until
        The present: nothing later than this was measured. Forecasts reach beyond it.
    state
        What the driver handed over as ``Reading.state`` the last time, to take up where it was; empty the first time.
    """

    since: pd.Timestamp | None
    until: pd.Timestamp
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """Answer of a source.

    Attributes
    ----------
    values
        :data:`READING_COLUMNS`, sorted by quantity, issued_at, member and time, one row for each of them.
    skipped
        Lines, values and files that were left out or flagged, and why.
    state
        Small JSON object to be remembered for the next time.
    """

    values: pd.DataFrame
    skipped: Sequence[Skipped] = ()
    state: Mapping[str, Any] = field(default_factory=dict)


def readings(
    quantity: str,
    time: Any,
    value: Any,
    quality: Any = "good",
    *,
    issued_at: Any = None,
    member: Any = -1,
) -> pd.DataFrame:
    """Return values of one quantity in the columns of a reading.

    Parameters
    ----------
    quantity
        Key of :data:`erosion.core.contracts.QUANTITIES`; values are in its unit.
    time
        Instants with a time zone, shape (n,).
    value
        Numbers, shape (n,); not finite means missing.
    quality
        One word or one for each value; a missing value is ``missing`` whatever the word.
    issued_at
        Instant with a time zone at which a forecast was made, one or one for each value; None for observations.
    member
        Number of the ensemble member, one or one for each value; -1 for none.

    Returns
    -------
    pandas.DataFrame
        :data:`READING_COLUMNS`, in the order given.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"{quantity!r} is no quantity; those are {', '.join(QUANTITIES)}")
    times = pd.DatetimeIndex(
        pd.to_datetime(np.asarray(time) if not isinstance(time, pd.DatetimeIndex) else time, utc=True)
    )
    values = np.array(value, dtype=float)
    values[~np.isfinite(values)] = np.nan
    words = np.where(np.isnan(values), "missing", np.broadcast_to(np.asarray(quality, dtype=object), values.shape))
    issued = pd.NaT if issued_at is None else issued_at
    table = pd.DataFrame({"quantity": quantity, "time": times.as_unit("ns"), "value": values, "quality": words})
    table["issued_at"] = pd.to_datetime(pd.Series(issued, index=table.index), utc=True).dt.as_unit("ns")
    table["member"] = np.broadcast_to(np.asarray(member, dtype="int16"), values.shape)
    return table[list(READING_COLUMNS)]


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return several tables of :func:`readings` as one, in the order that a reading has."""
    parts = [part for part in parts if len(part)]
    if not parts:
        nothing = pd.DatetimeIndex([], tz="UTC")
        return readings("stage", nothing, np.array([]))
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["quantity", "issued_at", "member", "time"], kind="stable", ignore_index=True)
