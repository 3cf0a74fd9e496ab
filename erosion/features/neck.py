"""The neck of a bend: the land between the two limbs of one loop, how wide it is and how fast it narrows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from erosion.banks.established import YEAR_DAYS
from erosion.banks.knowledge import Knowledge
from erosion.banks.segments import Baseline, middle_xy
from erosion.core.arrays import FloatArray
from erosion.features.along import BanksAlong
from erosion.features.rates import last_seen, rate
from erosion.features.registry import Feature

WIDEST_W = 6.0
"""Widest land that counts as a neck, in channel widths."""

SHORTEST_LOOP_W = 5.0
"""Shortest loop, along the channel and in widths, whose land has a neck; bars and small bights are shorter."""

SINUOSITY = 3.0
"""The way round the loop is at least this many times the way across its neck."""

FACING = 0.5
"""Cosine of the angle within which the way across leaves both banks landward."""

SAME_LOOP_W = (2.0, 4.0)
"""Steps along the upstream and the downstream limb, in widths, beyond which a next pair of banks is another loop."""

NEAR_M = 250.0
"""The banks within this distance of a place give its rate of narrowing."""

SPAN_Y = 3

_NONE = f"NaN where no other limb of the loop lies within {WIDEST_W:g} widths across land"

FEATURES = (
    Feature(
        "neck_width_m",
        "m",
        "land between this bank and the other limb of its loop, straight across",
        "banks; centre line",
        _NONE,
    ),
    Feature("neck_width_w", "1", "the same in channel widths", "banks; centre line", _NONE),
    Feature(
        "neck_loop_w", "1", "length of the loop along the channel, from limb to limb, in widths", "centre line", _NONE
    ),
    Feature(
        "neck_closing_rate",
        "m/y",
        f"narrowing of the neck by both banks: land lost less land gained, last {SPAN_Y} y",
        "banks",
        f"{_NONE} or the record is shorter than half the span",
    ),
    Feature(
        "neck_years",
        "y",
        "width of the neck over its narrowing: years to cut-through at that rate",
        "banks; centre line",
        "as neck_closing_rate, and where the neck does not narrow",
    ),
)


@dataclass(frozen=True)
class Necks:
    """The way across land from each segment to the other limb of its loop.

    Attributes
    ----------
    across
        Row in ``segments`` of the nearest segment of the other limb, -1 where there is none, shape (n_segments,).
    width_m
        Distance to it, NaN where there is none, shape (n_segments,).
    loop_m
        Length of the channel from limb to limb, NaN where there is none, shape (n_segments,).
    loop
        Number of the loop, counted from 0, -1 where there is none, shape (n_segments,).
    """

    across: NDArray[np.int64]
    width_m: FloatArray
    loop_m: FloatArray
    loop: NDArray[np.int64]


def find_necks(baseline: Baseline) -> Necks:
    """Return the necks of all loops of a baseline.

    Two segments of the same bank face each other across a neck where each lies landward of the other within
    :data:`WIDEST_W` widths, while the channel takes at least :data:`SINUOSITY` times that distance and
    :data:`SHORTEST_LOOP_W` widths from one to the other. Pairs that follow each other along both limbs are of one loop.
    """
    segments = baseline.segments
    n = len(segments)
    none = Necks(np.full(n, -1), np.full(n, np.nan), np.full(n, np.nan), np.full(n, -1))
    if not n:
        return none
    width = float(baseline.centre["width_m"].median())
    chainage = segments["chainage_m"].to_numpy(float)
    bank = segments["bank"].to_numpy()
    up, down, across_m = _facing_pairs(baseline, width)
    if not up.size:
        return none
    along_m = chainage[down] - chainage[up]

    order = np.lexsort((across_m, chainage[up], bank[up]))
    first = order[np.unique(up[order], return_index=True)[1]]  # the nearest pair of each segment of an upstream limb
    first = first[np.lexsort((chainage[up[first]], bank[up[first]]))]
    step_up = np.abs(np.diff(chainage[up[first]])) > SAME_LOOP_W[0] * width
    step_down = np.abs(np.diff(chainage[down[first]])) > SAME_LOOP_W[1] * width
    other_bank = bank[up[first][1:]] != bank[up[first][:-1]]
    number = np.zeros(n, np.int64)
    number[up[first]] = np.concatenate([[0], np.cumsum(step_up | step_down | other_bank)])

    side = np.concatenate([up, down])
    pair = np.tile(np.arange(up.size), 2)
    nearest = np.lexsort((along_m[pair], across_m[pair], side))
    mine, start = np.unique(side[nearest], return_index=True)
    chosen = pair[nearest[start]]
    across, width_m, loop_m, loop = none.across, none.width_m, none.loop_m, none.loop
    across[mine] = np.where(up[chosen] == mine, down[chosen], up[chosen])
    width_m[mine], loop_m[mine] = across_m[chosen], along_m[chosen]
    loop[mine] = number[up[chosen]]
    return Necks(across, width_m, loop_m, loop)


def compute(known: Knowledge) -> dict[str, FloatArray]:
    """Return the features of the neck at each segment, shape (n_segments,) each; see :data:`FEATURES`."""
    necks = find_necks(known.baseline)
    width = float(known.baseline.centre["width_m"].median())
    has = necks.across >= 0
    narrowing = _narrowing(known)
    closing = np.where(has, narrowing + narrowing[necks.across], np.nan)
    years = np.full(len(closing), np.nan)
    np.divide(necks.width_m, closing, out=years, where=closing > 0)
    return {
        "neck_width_m": necks.width_m,
        "neck_width_w": necks.width_m / width,
        "neck_loop_w": necks.loop_m / width,
        "neck_closing_rate": closing,
        "neck_years": years,
    }


def _facing_pairs(baseline: Baseline, width: float) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Return the rows of the upstream and the downstream segment of every pair across a neck, and their distance [m]."""
    segments = baseline.segments
    xy = middle_xy(segments.geometry)
    chainage = segments["chainage_m"].to_numpy(float)
    landward = np.radians(segments["landward_deg"].to_numpy(float))
    direction = np.column_stack([np.sin(landward), np.cos(landward)])
    found = []
    for name in ("L", "R"):
        rows = np.flatnonzero(segments["bank"] == name)
        if rows.size > 1:
            found.append(rows[cKDTree(xy[rows]).query_pairs(WIDEST_W * width, output_type="ndarray")])
    pairs = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
    pairs = np.take_along_axis(pairs, np.argsort(chainage[pairs], axis=1, kind="stable"), axis=1)
    up, down = pairs.T
    way = xy[down] - xy[up]
    across = np.hypot(*way.T)
    along = chainage[down] - chainage[up]
    long_enough = along >= np.maximum(SHORTEST_LOOP_W * width, SINUOSITY * across)
    up, down, way, across = up[long_enough], down[long_enough], way[long_enough], across[long_enough]
    faces = ((way * direction[up]).sum(axis=1) >= FACING * across) & (
        (-way * direction[down]).sum(axis=1) >= FACING * across
    )
    return up[faces], down[faces], across[faces]


def _narrowing(known: Knowledge) -> FloatArray:
    """Return the net land lost a year at each place of a bank [m/y], shape (n_segments,)."""
    years = (known.epochs - known.epochs[-1]).days.to_numpy() / YEAR_DAYS
    since = last_seen(known.banks["coverage"].to_numpy().T, years)
    loss = known.banks["retreat_m"].to_numpy().T
    gain = known.banks["land_gain_m2"].to_numpy().T / known.baseline.segments["length_m"].to_numpy()
    net = rate(loss, since, years, SPAN_Y) - rate(gain, since, years, SPAN_Y)
    return BanksAlong(known).mean(net, -NEAR_M, NEAR_M)
