"""Where erosion stands along the bank: how far upstream it ends, how fast that end travels, on which side most of it lies."""

from __future__ import annotations

import numpy as np

from erosion.banks.established import YEAR_DAYS
from erosion.banks.knowledge import Knowledge
from erosion.core.arrays import BoolArray, FloatArray
from erosion.features.along import BanksAlong
from erosion.features.history import LOSS_EVENT_M
from erosion.features.rates import last_seen, rate
from erosion.features.registry import Feature

NOW_Y = 2
"""Span of the rate that says which banks erode now [y]."""

TRAVEL_Y = 3
"""The end of an eroding stretch in the last so many years is compared with that in as many years before [y]."""

FAR_M = 3000.0
"""Erosion farther upstream than this counts as so far away."""

AROUND_M = 1000.0
"""Erosion within this distance has a centre."""

LEAST_SUM = 5.0
"""Sum of the rates of the segments around below which it has none [m/y]."""

_ISLAND = "NaN on islands"

FEATURES = (
    Feature(
        "front_distance",
        "m",
        f"distance upstream along this bank to the nearest place that lost {LOSS_EVENT_M:.0f} m/y or more in the last {NOW_Y} y, "
        f"at most {FAR_M:.0f} m; 0 where it did itself",
        "banks",
        _ISLAND,
    ),
    Feature(
        "front_speed",
        "m/y",
        f"travel downstream of the end of that erosion, from the years {2 * TRAVEL_Y} to {TRAVEL_Y} before to the last {TRAVEL_Y} y",
        "banks",
        f"{_ISLAND} and where the record does not reach back",
    ),
    Feature(
        "erosion_centre",
        "m",
        f"centre of the losses of the last {NOW_Y} y within {AROUND_M:.0f} m of this bank, downstream positive",
        "banks",
        f"{_ISLAND} and where hardly anything was lost",
    ),
)


def compute(known: Knowledge) -> dict[str, FloatArray]:
    """Return where erosion stands from each segment, shape (n_segments,) each; see :data:`FEATURES`."""
    years = (known.epochs - known.epochs[-1]).days.to_numpy() / YEAR_DAYS
    since = last_seen(known.banks["coverage"].to_numpy().T, years)
    loss = known.banks["retreat_m"].to_numpy().T
    now, recent = rate(loss, since, years, NOW_Y), rate(loss, since, years, TRAVEL_Y)
    # The span before the last years: changes most of whose interval lies before them.
    earlier = np.where(0.5 * (since + years[:, None]) < -TRAVEL_Y, loss, np.nan)
    before = rate(earlier, since + TRAVEL_Y, years + TRAVEL_Y, TRAVEL_Y)

    out = {feature.name: np.full(loss.shape[1], np.nan) for feature in FEATURES}
    along = BanksAlong(known)
    for rows in along.rows.values():
        at = along.chainage[rows]
        out["front_distance"][rows] = np.maximum(_end_of_erosion(at, _erodes(now[rows])), 0.0)
        if np.isfinite(before[rows]).any():
            ends = (_end_of_erosion(at, _erodes(values[rows])) for values in (before, recent))
            out["front_speed"][rows] = np.subtract(*ends) / TRAVEL_Y
        out["erosion_centre"][rows] = _centre(at, np.maximum(np.nan_to_num(now[rows]), 0.0))
    return out


def _erodes(rates: FloatArray) -> BoolArray:
    erodes: BoolArray = np.nan_to_num(rates) >= LOSS_EVENT_M
    return erodes


def _end_of_erosion(at: FloatArray, erodes: BoolArray) -> FloatArray:
    """Return how far upstream of each place the nearest eroding stretch ends, at most :data:`FAR_M` [m].

    Within a stretch the end lies downstream, and the distance is negative.
    """
    place = np.arange(len(at))
    last = np.maximum.accumulate(np.where(erodes, place, -1))
    upstream = np.where(last >= 0, np.minimum(at - at[last], FAR_M), FAR_M)
    quiet_next = np.minimum.accumulate(np.where(erodes, len(at), place)[::-1])[::-1]
    return np.where(erodes, at - at[quiet_next - 1], upstream)


def _centre(at: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted mean place within :data:`AROUND_M` of each place, less the place [m]."""
    first, stop = np.searchsorted(at, at - AROUND_M), np.searchsorted(at, at + AROUND_M, side="right")
    sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in (weight, weight * at)]
    total, moment = (values[stop] - values[first] for values in sums)
    return np.divide(moment, total, out=np.full(len(at), np.nan), where=total > LEAST_SUM) - at
