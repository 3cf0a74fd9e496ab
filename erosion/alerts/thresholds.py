"""Thresholds of the levels, chosen so that what they raise keeps a stated precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

RAISED_LEVELS: Final = (2, 3, 4)
"""Levels that a threshold raises to; level 1 is what remains of the known, 0 is the unknown."""

MIN_ROWS: Final = 30
MIN_EVENTS: Final = 10
"""Fewest calibration rows, and events among them, at or above a threshold. A short run of luck at the top of the list
would otherwise set a threshold that the next year does not keep."""


def choose_thresholds(
    p: np.ndarray,
    event: np.ndarray,
    length_m: np.ndarray,
    precision: Mapping[int, float],
    *,
    min_rows: int = MIN_ROWS,
    min_events: int = MIN_EVENTS,
) -> dict[int, float]:
    """Return the raise threshold of each level for which what it raises keeps a stated precision.

    The threshold of a level is the lowest probability for which, among all calibration rows at or above it, the share
    of bank length that had an event reaches the level's precision. Rows of equal probability stand or fall together.

    Parameters
    ----------
    p
        Calibrated probability [1], shape (n,). Rows with NaN are left out: an unknown place raises nothing.
    event
        Whether the event came, 0 or 1 or boolean, shape (n,); NaN (window not over yet) leaves the row out.
    length_m
        Bank length of the row [m], shape (n,), positive.
    precision
        Level (2, 3, 4) to the precision [1] it must reach, rising with the level.
    min_rows, min_events
        Fewest rows, and events among them, that must stand at or above a threshold.

    Returns
    -------
    dict[int, float]
        Level to threshold [1], not falling with the level. NaN marks a level whose precision these rows cannot
        reach: :func:`decide` never raises to it.

    Raises
    ------
    ValueError
        Shapes differ, a level has no precision, or a higher level has a lower precision than a lower one.
    """
    p, event, length_m = (np.asarray(column, dtype=float) for column in (p, event, length_m))
    if not (p.ndim == 1 and p.shape == event.shape == length_m.shape):
        raise ValueError(
            f"thresholds: p {p.shape}, event {event.shape} and length_m {length_m.shape} must be one row each; "
            "take them from the same calibration table"
        )
    missing = [level for level in RAISED_LEVELS if level not in precision]
    if missing:
        raise ValueError(f"thresholds: no precision for level {missing}; add it to the policy's precision")
    wanted = [float(precision[level]) for level in RAISED_LEVELS]
    if wanted != sorted(wanted):
        raise ValueError(f"thresholds: precision {wanted} of levels 2, 3, 4 must rise with the level; mend the policy")
    use = np.isfinite(p) & np.isfinite(event)
    if not (length_m[use] > 0).all():
        raise ValueError("thresholds: a row has no positive length_m; precision is weighted by bank length")
    order = np.argsort(-p[use], kind="stable")
    p, event, length_m = p[use][order], event[use][order], length_m[use][order]
    # The last row of each run of equal probabilities: a threshold there takes all of them.
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True)) if p.size else np.array([], dtype=int)
    hit_share = (np.cumsum(event * length_m) / np.cumsum(length_m))[last]
    enough = (last + 1 >= min_rows) & (np.cumsum(event)[last] >= min_events)
    thresholds = {}
    for level, share in zip(RAISED_LEVELS, wanted, strict=True):
        # Rounding errors must not cost a level whose precision is met exactly.
        reached = last[enough & (hit_share >= share - 1e-12)]
        thresholds[level] = float(p[reached[-1]]) if reached.size else float("nan")
    return thresholds


def ladder(thresholds: Mapping[int, float]) -> np.ndarray:
    """Return the thresholds of levels 2, 3, 4 as an array [1], shape (3,), infinite where a level is never raised."""
    missing = [level for level in RAISED_LEVELS if level not in thresholds]
    if missing:
        raise ValueError(f"thresholds: none for level {missing}; give NaN for a level that is never raised")
    values = np.array([thresholds[level] for level in RAISED_LEVELS], dtype=float)
    values[np.isnan(values)] = np.inf
    if (values < 0).any() or (values[1:] < values[:-1]).any():
        raise ValueError(
            f"thresholds: {dict(thresholds)} must not fall with the level, and above NaN comes only NaN; "
            "take them from choose_thresholds"
        )
    return values
