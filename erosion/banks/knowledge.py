"""What was known of a reach on a date: the input of every feature."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import xarray as xr

from erosion.banks.segments import Baseline
from erosion.core.arrays import FloatArray


@dataclass(frozen=True)
class Knowledge:
    """Everything that features may use: what was known of a reach on a date.

    Attributes
    ----------
    baseline
        Segments cut from the newest mask known.
    banks
        Measurements on that baseline, newest epoch last.
    gauges
        Quality-checked series, only values available by then.
    gauge_id
        Gauge assigned to the reach, None where the region has none.
    as_of
        The date.
    """

    baseline: Baseline
    banks: xr.Dataset
    gauges: pd.DataFrame
    gauge_id: str | None
    as_of: pd.Timestamp

    @property
    def epochs(self) -> pd.DatetimeIndex:
        """Dates of the bank observations."""
        return pd.DatetimeIndex(self.banks["epoch"].to_numpy())

    @property
    def width(self) -> FloatArray:
        """Channel width at each segment [m]."""
        width: FloatArray = self.baseline.segments["width_m"].to_numpy(float)
        return width
