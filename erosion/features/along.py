"""Values of neighbours along a bank and of the opposite bank."""

from __future__ import annotations

import numpy as np

from erosion.banks.knowledge import Knowledge
from erosion.core.arrays import FloatArray


class BanksAlong:
    """Left and right bank as functions of chainage, for values of neighbours and of the opposite bank."""

    def __init__(self, known: Knowledge) -> None:
        segments = known.baseline.segments
        self.chainage = segments["chainage_m"].to_numpy(float)
        bank = segments["bank"].to_numpy()
        self.rows = {name: np.flatnonzero(bank == name) for name in ("L", "R")}

    def mean(self, values: FloatArray, start_m: float, stop_m: float, *, opposite: bool = False) -> FloatArray:
        """Return the mean of the segments between two distances downstream, on the same or the opposite bank.

        A place without a segment in that stretch takes the one nearest to its middle, up to 500 m away.
        """
        result = np.full(len(values), np.nan)
        for name, rows in self.rows.items():
            source = self.rows["R" if name == "L" else "L"] if opposite else rows
            if not rows.size or not source.size:
                continue
            at, known = self.chainage[source], np.nan_to_num(values[source])  # ascending by chainage
            count = np.concatenate([[0], np.cumsum(~np.isnan(values[source]))])
            total = np.concatenate([[0.0], np.cumsum(known)])
            first = np.searchsorted(at, self.chainage[rows] + start_m, side="left")
            last = np.searchsorted(at, self.chainage[rows] + stop_m, side="right")
            n = count[last] - count[first]
            mean = np.divide(total[last] - total[first], n, out=np.full(rows.size, np.nan), where=n > 0)
            middle = self.chainage[rows] + 0.5 * (start_m + stop_m)
            nearest = _nearest(at, middle)
            close = (n <= 0) & (np.abs(at[nearest] - middle) <= 500.0) & (middle >= at[0]) & (middle <= at[-1])
            mean[close] = values[source][nearest[close]]
            result[rows] = mean
        return result


def _nearest(ascending: FloatArray, wanted: FloatArray) -> np.ndarray:
    """Return the index of the nearest entry for each wanted value."""
    right = np.searchsorted(ascending, wanted).clip(0, len(ascending) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(ascending[left] - wanted) <= np.abs(ascending[right] - wanted), left, right)
