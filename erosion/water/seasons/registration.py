"""How well the scenes of a season are co-registered: the error of each, the position they share, and their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from erosion.core.arrays import IntArray
from erosion.water.scenes.pass_records import PassRecord
from erosion.water.seasons.clear_observations import Look
from erosion.water.seasons.season_stack import MEDIAN_LOSS, whole_weights

LIES_AT_LEAST_PIXELS: Final = 0.1
"""No scene is known to lie better on the reference than this share of its pixels, however many banks agree."""

GEO_FLOOR_PIXELS: Final = {"optical": 0.10, "radar": 0.25}
"""Error of a bank line that all scenes of a season share, of a pixel of the grid: more scenes do not average it out."""


def lies_within_m(record: PassRecord) -> float:
    """Error with which a pass lies on the reference [m].

    Where its shift was measured and taken back, what is left is the standard error of that measurement, as
    coregister.py gives it. Elsewhere it is what the source states.
    """
    error = record.facts.get("shift_error_m")
    if not record.facts.get("shift_measured") or error is None:
        return record.geo_rmse_m
    return max(float(error), LIES_AT_LEAST_PIXELS * record.native_m)


def weights_of(looks: Sequence[Look]) -> IntArray:
    """Weights against how badly a scene lies and how coarse it is: an edge in a pixel is known to pixel / sqrt(12)."""
    records = [look.record for look in looks]
    return whole_weights(np.array([lies_within_m(r) ** 2 + r.native_m**2 / 12 for r in records]))


def season_position(looks: Sequence[Look]) -> tuple[float, float, float]:
    """Where the scenes of a season lie by their own geolocation, against the reference they were laid on.

    Between two seasons a river that eats one bank and builds the other looks like a picture that was shifted. So scenes
    are laid on the reference only to lie on each other; their common displacement, the mean over the season, is put
    back: it is the river's own movement and what is left of many geolocation errors.

    Returns
    -------
    tuple
        Mean displacement east and north, and its standard error in each direction [m].
    """
    weight = np.array([look.clear / look.record.geo_rmse_m**2 for look in looks])
    if not weight.sum() > 0:
        return 0.0, 0.0, 0.0
    facts = [look.record.facts for look in looks]
    east, north = (np.array([float(fact.get(name) or 0.0) for fact in facts]) for name in ("shift_x_m", "shift_y_m"))
    # A scene that was not laid on the reference lies where it says; lies_within_m counts its error already.
    laid = np.array([bool(fact.get("shift_measured")) for fact in facts])
    error = np.array([look.record.geo_rmse_m for look in looks]) / math.sqrt(2.0) * laid
    total = float(weight.sum())
    return (
        float(weight @ east) / total,
        float(weight @ north) / total,
        math.sqrt(float((weight**2) @ (error**2))) / total,
    )


def geo_rmse_m(looks: Sequence[Look], weights: IntArray, used: IntArray, radar_share: float, pixel_m: float) -> float:
    """Error of the bank line that a composite has because its scenes are not registered exactly [m].

    Each scene's error enters by its weight and its looks, as in a weighted mean, times what a median loses against it.
    The error of the season's own position and the one that all scenes share are added.

    Parameters
    ----------
    looks
        Passes of the composite.
    weights
        Weight of each, shape (n_passes,).
    used
        Pixels to which each gave a value, shape (n_passes,).
    radar_share
        Share of the pixels that come from radar [1].
    pixel_m
        Pixel of the grid [m].
    """
    weight = weights * used.astype(float)
    error = np.array([lies_within_m(look.record) for look in looks])
    scattered = MEDIAN_LOSS * math.sqrt(float((weight**2 * error**2).sum())) / float(weight.sum())
    shares = {"optical": 1.0 - radar_share, "radar": radar_share}
    floor = math.sqrt(sum(share * GEO_FLOOR_PIXELS[kind] ** 2 for kind, share in shares.items()))
    return math.hypot(scattered, season_position(looks)[2], floor * pixel_m)
