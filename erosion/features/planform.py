"""The shape of the river at and upstream of each bank: curvature, its upstream memory, width, place in the bend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from erosion.banks.knowledge import Knowledge
from erosion.banks.segments import curvature, outer_side
from erosion.core.arrays import FloatArray
from erosion.features.registry import Feature

SCALES_W = (0.5, 1.0, 2.0, 4.0)
"""Smoothing of the centre line, in channel widths."""

LAGS_M = (250, 500, 1000, 1500, 2000)
LAGS_W = (1, 2, 3, 4, 6)
DECAY_W = (2.0, 4.0, 8.0)
"""Length over which the memory of upstream curvature decays, in channel widths."""

OMEGA, GAMMA = -1.0, 2.5
"""Weights of local and upstream curvature (Howard & Knutson 1984, doi:10.1029/WR020i011p01659)."""

_END = "NaN within the lag of the upstream end of the mapped reach"
_SYLVESTER = "centre line; lag after Sylvester et al. 2019, doi:10.1130/G45608.1"

FEATURES = (
    *(
        Feature(
            f"curvature_{scale:g}w".replace(".", "p"),
            "1",
            f"curvature x width, smoothed over {scale:g} widths, outer side positive",
            "centre line",
            "never missing",
        )
        for scale in SCALES_W
    ),
    *(Feature(f"curvature_up{lag}m", "1", f"curvature x width {lag} m upstream", _SYLVESTER, _END) for lag in LAGS_M),
    *(
        Feature(f"curvature_up{lag}w", "1", f"curvature x width {lag} widths upstream", _SYLVESTER, _END)
        for lag in LAGS_W
    ),
    *(
        Feature(
            f"upstream_curvature_{decay:g}w",
            "1",
            f"curvature summed over upstream with weights that fall by e in {decay:g} widths, less local curvature",
            "centre line; Howard & Knutson 1984",
            "never missing",
        )
        for decay in DECAY_W
    ),
    Feature(
        "bend_place",
        "1",
        "place in the bend: 0 at the inflection upstream, 1 at the next one",
        "centre line",
        "NaN before the first and after the last inflection",
    ),
    Feature("bend_length_w", "1", "length of the bend in widths", "centre line", "as bend_place"),
    Feature(
        "bend_peak", "1", "largest curvature x width of the bend, outer side positive", "centre line", "as bend_place"
    ),
    Feature("width_m", "m", "channel width", "centre line", "never missing"),
    Feature("width_ratio", "1", "width over its mean within 10 widths", "centre line", "never missing"),
    Feature(
        "width_gradient", "1", "widening downstream per metre, smoothed over 2 widths", "centre line", "never missing"
    ),
)


def compute(known: Knowledge) -> dict[str, FloatArray]:
    """Return the planform features, shape (n_segments,) each; see :data:`FEATURES`.

    Curvature is multiplied by channel width, so it is a pure number that means the same on a large and a small river.
    """
    centre = known.baseline.centre
    segments = known.baseline.segments
    xy = centre[["x", "y"]].to_numpy()
    chainage = centre["chainage_m"].to_numpy()
    width = float(centre["width_m"].median())
    spacing = float(np.median(np.diff(chainage)))
    side = outer_side(segments, centre)
    place = segments["chainage_m"].to_numpy(float)
    out: dict[str, FloatArray] = {}

    def here(values: FloatArray, upstream_m: float = 0.0) -> FloatArray:
        at = place - upstream_m
        return np.where(at >= chainage[0], np.interp(at, chainage, values), np.nan)

    turn = {
        scale: _by_part(centre, partial(curvature, spacing_m=spacing, scale_m=scale * width), xy) * width
        for scale in SCALES_W
    }
    for scale in SCALES_W:
        out[f"curvature_{scale:g}w".replace(".", "p")] = here(turn[scale]) * side
    for lag in LAGS_M:
        out[f"curvature_up{lag}m"] = here(turn[1.0], lag) * side
    for lag in LAGS_W:
        out[f"curvature_up{lag}w"] = here(turn[1.0], lag * width) * side
    for decay in DECAY_W:
        out[f"upstream_curvature_{decay:g}w"] = here(_with_memory(turn[0.5], spacing, decay * width)) * side

    start, length, peak = _bends(turn[1.0], chainage)
    out["bend_place"] = here_nearest(place, chainage, (chainage - start) / length)
    out["bend_length_w"] = here_nearest(place, chainage, length / width)
    out["bend_peak"] = here_nearest(place, chainage, peak) * side

    wide = centre["width_m"].to_numpy()
    out["width_m"] = segments["width_m"].to_numpy(float)
    out["width_ratio"] = here(wide / gaussian_filter1d(wide, 5 * width / spacing, mode="nearest"))
    out["width_gradient"] = here(np.gradient(gaussian_filter1d(wide, 2 * width / spacing, mode="nearest"), spacing))
    return out


def here_nearest(place: FloatArray, chainage: FloatArray, values: FloatArray) -> FloatArray:
    """Return the value at the centre-line point at or next downstream (for values that must not be interpolated)."""
    at: FloatArray = values[np.searchsorted(chainage, place).clip(0, len(chainage) - 1)]
    return at


def _by_part(centre: pd.DataFrame, function: Callable[[FloatArray], FloatArray], xy: FloatArray) -> FloatArray:
    part = centre["part"].to_numpy()
    return np.concatenate([function(xy[part == number]) for number in np.unique(part)])


def _with_memory(turn: FloatArray, spacing: float, decay_m: float) -> FloatArray:
    """Weigh local and upstream curvature as Howard & Knutson (1984), equation 8 with normalised weights."""
    from scipy.signal import lfilter  # heavy: half a second, and only planform needs it

    keep = float(np.exp(-spacing / decay_m))
    weighted = lfilter([1.0], [1.0, -keep], turn)
    weight = lfilter([1.0], [1.0, -keep], np.ones_like(turn))
    result: FloatArray = OMEGA * turn + GAMMA * weighted / weight
    return result


def _bends(turn: FloatArray, chainage: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return start [m], length [m] and signed peak curvature of the bend each centre-line point lies in."""
    change = np.flatnonzero(np.signbit(turn[1:]) != np.signbit(turn[:-1])) + 1
    start, length, peak = (np.full(len(turn), np.nan) for _ in range(3))
    for first, last in zip(change[:-1], change[1:], strict=True):
        inside = slice(first, last)
        start[inside] = chainage[first]
        length[inside] = chainage[last] - chainage[first]
        peak[inside] = turn[inside][np.abs(turn[inside]).argmax()]
    return start, length, peak
