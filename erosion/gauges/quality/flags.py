"""What the checks of single values and of days share: the quality flags they gather, and values made comparable."""

from __future__ import annotations

from typing import Final

import numpy as np

from erosion.core.arrays import NEVER
from erosion.core.contracts import GAUGE_FLAGS

SUSPECT_FLAGS: Final = ("range", "spike", "flat_line", "rate", "duplicated_day")
"""Flags that make a value suspect, so that no statistic uses it. The others only mark it."""


class QualityFlags:
    """Quality flags of one series, gathered from all checks."""

    def __init__(self, size: int) -> None:
        self.rows: list[np.ndarray] = []
        self.bits: list[np.ndarray] = []
        self.instants: list[np.ndarray] = []
        self.since = np.full(size, NEVER)
        """When each row came to be flagged by a check other than that of fast changes, shape (row,)."""

    def add(self, flag: str, rows: np.ndarray, instants: np.ndarray) -> None:
        """Flag rows from instants on, shape (n,) each."""
        self.rows.append(rows)
        self.bits.append(np.full(rows.size, GAUGE_FLAGS[flag]))
        self.instants.append(instants)
        # A rise that was faster than any before may be real: it must go into what is learned, and into a lasting step.
        if flag in SUSPECT_FLAGS and flag != "rate":
            np.minimum.at(self.since, rows, instants)


def scale_of(value: np.ndarray, quantity: str) -> float:
    """Return the discharge below which differences count as such and above which as shares: a tenth of the median."""
    if quantity != "discharge":
        return 1.0
    return 0.1 * float(np.median(np.abs(value))) or 1.0


def evened(value: np.ndarray, quantity: str, scale: float) -> np.ndarray:
    """Return values whose differences mean the same at low and at high water.

    A stage stays as it is [m]. Of a discharge it is asinh(Q / scale): its differences are those of ln Q for what is large
    against ``scale``, and it takes zero and the reversed flow of a tidal river.
    """
    return np.arcsinh(value / scale) if quantity == "discharge" else value
