"""How well the scenes of a season are co-registered: the error of each, the position they share, and their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from erosion.core.arrays import IntArray
from erosion.water.scenes.pass_records import PassRecord
from erosion.water.seasons.season_passes import SeasonPass
from erosion.water.seasons.season_stack import MEDIAN_LOSS, whole_weights

LEAST_ERROR_PIXELS: Final = 0.1
"""No scene is known to be registered better than to this share of its pixel, however many banks agree."""

GEO_FLOOR_PIXELS: Final = {"optical": 0.10, "radar": 0.25}
"""Error of a bank line that all scenes of a season share, of a pixel of the grid: more scenes do not average it out."""


def registration_error_m(record: PassRecord) -> float:
    """Registration error of a pass against the reference [m].

    Where its shift was measured and taken back, it is the standard error of that measurement (coregister.py); elsewhere
    it is the geolocation error that the source states.
    """
    error = record.facts.get("shift_error_m")
    if not record.facts.get("shift_measured") or error is None:
        return record.geo_rmse_m
    return max(float(error), LEAST_ERROR_PIXELS * record.native_m)


def weights_of(passes: Sequence[SeasonPass]) -> IntArray:
    """Weights, one over the variance of registration and pixel size: an edge in a pixel is known to pixel / sqrt(12)."""
    records = [pass_.record for pass_ in passes]
    return whole_weights(np.array([registration_error_m(r) ** 2 + r.native_m**2 / 12 for r in records]))


def season_position(passes: Sequence[SeasonPass]) -> tuple[float, float, float]:
    """Position of a season's scenes by their own geolocation, against the reference to which they were co-registered.

    Between two seasons a river that erodes one bank and builds the other looks like a shifted image. So scenes are
    co-registered to the reference only to agree with each other; their common displacement, the mean over the season, is
    put back: it is the river's own movement and what is left of many geolocation errors.

    Returns
    -------
    tuple
        Mean displacement east and north, and its standard error in each direction [m].
    """
    weight = np.array([pass_.clear / pass_.record.geo_rmse_m**2 for pass_ in passes])
    if not weight.sum() > 0:
        return 0.0, 0.0, 0.0
    facts = [pass_.record.facts for pass_ in passes]
    east, north = (np.array([float(fact.get(name) or 0.0) for fact in facts]) for name in ("shift_x_m", "shift_y_m"))
    # A scene that was not co-registered keeps its geolocation; registration_error_m counts its error already.
    registered = np.array([bool(fact.get("shift_measured")) for fact in facts])
    error = np.array([pass_.record.geo_rmse_m for pass_ in passes]) / math.sqrt(2.0) * registered
    total = float(weight.sum())
    return (
        float(weight @ east) / total,
        float(weight @ north) / total,
        math.sqrt(float((weight**2) @ (error**2))) / total,
    )


def geo_rmse_m(
    passes: Sequence[SeasonPass], weights: IntArray, used: IntArray, radar_share: float, pixel_m: float
) -> float:
    """Error of the bank line that a composite has because its scenes are not registered exactly [m].

    Each scene's error enters by its weight and its pixels, as in a weighted mean, times what a median loses against it.
    The error of the season's own position and the one that all scenes share are added.

    Parameters
    ----------
    passes
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
    error = np.array([registration_error_m(pass_.record) for pass_ in passes])
    scattered = MEDIAN_LOSS * math.sqrt(float((weight**2 * error**2).sum())) / float(weight.sum())
    shares = {"optical": 1.0 - radar_share, "radar": radar_share}
    floor = math.sqrt(sum(share * GEO_FLOOR_PIXELS[kind] ** 2 for kind, share in shares.items()))
    return math.hypot(scattered, season_position(passes)[2], floor * pixel_m)
