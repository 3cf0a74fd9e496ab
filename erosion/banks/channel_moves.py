"""Where the channel left its bed between two epochs: a cutoff or an avulsion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from erosion.banks.cells import as_share
from erosion.banks.segments import Baseline

MOVED_SHARE = 0.7
"""Change of the river's share of its own former bed, between two epochs, that only a jump of the channel explains."""


class Beds:
    """Stretches of the baseline's own bed, one channel width long, whose river share shows where the channel moved."""

    def __init__(self, baseline: Baseline) -> None:
        chainage = baseline.segments["chainage_m"].to_numpy()
        self.stretch = (chainage / float(baseline.segments["width_m"].median())).astype(np.int64)
        self.count = int(self.stretch.max()) + 1
        self.bed = baseline.river
        self.of_pixel = self.stretch[baseline.owner[self.bed]]

    def share(self, river: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the share of each stretch of bed that is river [percent in, share out], shape (n_stretches,)."""
        values = as_share(river[self.bed])
        seen = ~np.isnan(values)
        total = np.bincount(self.of_pixel, weights=seen, minlength=self.count)
        wet = np.bincount(self.of_pixel, weights=np.nan_to_num(values), minlength=self.count)
        share = np.full(self.count, np.nan)
        np.divide(wet, total, out=share, where=total > 0)
        return share

    def moved(self, share: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return True where the channel jumped between rows of ``share``: two stretches in a row and their neighbours.

        Shape (n_rows - 1, n_segments).
        """
        jump = np.abs(np.diff(share, axis=0)) >= MOVED_SHARE
        pair = jump[:, 1:] & jump[:, :-1]
        jumped = np.zeros_like(jump)
        jumped[:, 1:] |= pair
        jumped[:, :-1] |= pair
        wide = jumped.copy()
        for step in (1, 2):
            wide[:, step:] |= jumped[:, :-step]
            wide[:, :-step] |= jumped[:, step:]
        return wide[:, self.stretch]
