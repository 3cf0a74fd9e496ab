"""The angle at which the flow meets the bank: where the river heads for, one and two widths upstream."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from erosion.banks.knowledge import Knowledge
from erosion.banks.segments import middle_xy, outer_side
from erosion.core.arrays import FloatArray
from erosion.features.along import BanksAlong
from erosion.features.registry import Feature

SMOOTHED_W = 1.0
"""Smoothing of the centre line before its direction is taken, in channel widths."""

LAGS_W = (1, 2)
"""Distances upstream at which the direction of the flow is taken, in channel widths."""

_END = "NaN within the lag of the upstream end of the mapped reach"

FEATURES = (
    Feature(
        "impingement_1w",
        "degree",
        "angle between the flow one width upstream and the bank line, positive towards the land",
        "centre line, banks",
        _END,
    ),
    *(
        Feature(
            f"off_course_{lag}w",
            "degree",
            f"angle from the flow {lag} widths upstream to this place of the bank, positive towards its own side: 0 where the "
            "flow heads for it, negative where it would pass over it",
            "centre line, banks",
            _END,
        )
        for lag in LAGS_W
    ),
)


def compute(known: Knowledge) -> dict[str, FloatArray]:
    """Return the angles at each segment [degree], shape (n_segments,) each; see :data:`FEATURES`.

    The centre line stands for the thalweg: no depth is known.
    """
    centre, segments = known.baseline.centre, known.baseline.segments
    chainage = centre["chainage_m"].to_numpy()
    width = float(centre["width_m"].median())
    xy = centre[["x", "y"]].to_numpy()
    spacing = float(np.median(np.diff(chainage)))
    part = centre["part"].to_numpy()
    flow = np.empty_like(xy)
    for number in np.unique(part):
        mine = part == number
        flow[mine] = np.gradient(
            gaussian_filter1d(xy[mine], SMOOTHED_W * width / spacing, axis=0, mode="nearest"), axis=0
        )
    flow /= np.maximum(np.hypot(*flow.T), 1e-9)[:, None]
    place = segments["chainage_m"].to_numpy(float)

    def upstream(values: FloatArray, lag_w: float) -> FloatArray:
        at = place - lag_w * width
        found = np.column_stack([np.interp(at, chainage, values[:, i]) for i in (0, 1)])
        found[at < chainage[0]] = np.nan
        return found

    landward = _landward(known, 0.5 * width)
    here = upstream(flow, 1.0)
    out = {"impingement_1w": _degrees((here * landward).sum(axis=1), _cross(landward, here))}
    own_side = -outer_side(segments, centre)
    for lag in LAGS_W:
        heading, way = upstream(flow, lag), middle_xy(segments.geometry) - upstream(xy, lag)
        out[f"off_course_{lag}w"] = own_side * np.degrees(np.arctan2(_cross(heading, way), (heading * way).sum(axis=1)))
    return out


def _landward(known: Knowledge, within_m: float) -> FloatArray:
    """Return the landward direction of the bank line around each segment as unit vectors, shape (n_segments, 2)."""
    angle = np.radians(known.baseline.segments["landward_deg"].to_numpy(float))
    along = BanksAlong(known)
    mean = []
    for component in (np.sin(angle), np.cos(angle)):
        around = along.mean(component, -within_m, within_m)
        mean.append(np.where(np.isnan(around), component, around))  # the shores of islands have no neighbours
    direction = np.column_stack(mean)
    unit: FloatArray = direction / np.maximum(np.hypot(*direction.T), 1e-9)[:, None]
    return unit


def _degrees(across: FloatArray, along: FloatArray) -> FloatArray:
    """Return the angle whose tangent is a component across over one along, of whatever sign [degree], -90 to 90."""
    angle: FloatArray = np.degrees(np.arctan2(across, np.abs(along)))
    return angle


def _cross(one: FloatArray, other: FloatArray) -> FloatArray:
    result: FloatArray = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    return result
