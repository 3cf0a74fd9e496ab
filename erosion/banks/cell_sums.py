"""Sums of pixel values by the bank segment whose land or cell a pixel is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from erosion.banks.segments import Baseline


class CellSums:
    """Sums of pixel values by segment; a class because the owner arrays are bound once and used in every epoch."""

    def __init__(self, baseline: Baseline) -> None:
        self.owner = baseline.owner
        self.count = len(baseline.segments)
        self.baseline = baseline
        self.on = {bank: (baseline.segments["bank"] == bank).to_numpy() for bank in ("L", "R")}
        # Row of the nearest segment of each bank, looked up when a pixel first needs it: few ever do, most of them often.
        self.across = {bank: np.full(baseline.pixel.size, -2, np.int32) for bank in self.on}

    def bank_of(self, side: NDArray[np.uint8], some: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the segment that the land of some pixels belonged to, given the side of the river it was on.

        -1 where that bank lies beyond the end of the reach: the loss is not the opposite bank's.
        """
        side, nearest = side[some], self.owner[some]
        owner = nearest.copy()
        for value, bank in ((1, "L"), (2, "R")):
            other = np.flatnonzero((side == value) & ~self.on[bank][nearest])
            row = self.across[bank]
            new = some[other][row[some[other]] == -2]
            row[new] = self.baseline.owner_on(bank, new)
            owner[other] = row[some[other]]
        return owner

    def count_pixels(self, which: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Return the number of the chosen pixels (None: all) in every segment's cell."""
        return np.bincount(self.owner if which is None else self.owner[which], minlength=self.count)

    def __call__(self, values: NDArray[np.float32], owner: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the sum of values by segment; those of owner -1 belong to none."""
        return np.bincount(owner + 1, weights=values, minlength=self.count + 1)[1:].astype(float)
