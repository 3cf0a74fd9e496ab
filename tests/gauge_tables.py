"""Gauge tables made by hand, in the columns of ``erosion.core.contracts.GAUGE_COLUMNS``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from erosion.core.contracts import GAUGE_COLUMNS


def gauge_rows(
    times: Any,
    values: Any,
    *,
    quantity: str = "stage",
    gauge_id: str = "g",
    latency: str | pd.Timedelta = "1D",
    qc: Any = "good",
    source: str = "made",
) -> pd.DataFrame:
    """One revision of each value; ``times`` without a zone are UTC."""
    time = pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("ns")
    table = pd.DataFrame(
        {"time": time, "available_at": time + pd.Timedelta(latency), "value": np.asarray(values, float)}
    )
    return table.assign(gauge_id=gauge_id, quantity=quantity, qc=qc, flags=0, source=source)[list(GAUGE_COLUMNS)]
