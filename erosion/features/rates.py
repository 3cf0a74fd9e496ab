"""Changes of a bank from epoch to epoch to rates over a span."""

from __future__ import annotations

import numpy as np

from erosion.core.arrays import FloatArray


def last_seen(coverage: FloatArray, years: FloatArray) -> FloatArray:
    """Return when each change began: the last epoch before it at which the segment was seen, (n_epochs, n_segments).

    A change measured after a gap covers the gap too. Where nothing was seen before, it is the epoch before.
    """
    seen = np.where(coverage > 0, years[:, None], -np.inf)
    last = np.maximum.accumulate(seen, axis=0)[:-1]
    start = np.where(np.isfinite(last), last, years[:-1, None])
    return np.concatenate([np.full((1, coverage.shape[1]), np.nan), start])


def rate(series: FloatArray, since: FloatArray, years: FloatArray, span: float) -> FloatArray:
    """Return the sum of changes within the span over the time they cover; (n_epochs, n_segments) -> (n_segments,)."""
    # A change belongs to the span when most of its interval does.
    inside = (0.5 * (since + years[:, None]) >= -span) & ~np.isnan(series)
    duration = np.where(inside, years[:, None] - since, 0.0).sum(axis=0)
    total = np.where(inside, series, 0.0).sum(axis=0)
    need = 0.5 * span if np.isfinite(span) else 1.0
    return np.where(duration >= need, total / np.maximum(duration, 1e-9), np.nan)
