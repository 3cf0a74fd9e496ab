"""Classification of one satellite pass: percent of water in each pixel, or the reason why the pass is unusable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from erosion.config.region import SceneRules
from erosion.core.arrays import UNOBSERVED
from erosion.core.contracts import check_scene
from erosion.core.raster.block_array import BlockArray
from erosion.satellite.corridor import Corridor
from erosion.water.classification.coregister import as_share, measure_shift, move_back
from erosion.water.classification.optical import optical_share
from erosion.water.classification.radar import radar_share
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.threshold import SceneUnusable

METHOD: Final = 2
"""Version of the way from bands to water; passes stored under another one are made anew."""


@dataclass(frozen=True)
class WaterPass:
    """Water of one pass.

    Attributes
    ----------
    percent
        Water share of each pixel, 0 to 100, 255 where not usable, shape (rows, columns).
    facts
        How it was found, as JSON values.
    """

    percent: NDArray[np.uint8]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Unusable:
    """A pass whose water cannot be relied on.

    Attributes
    ----------
    reason
        What was met and against which limit.
    """

    reason: str


def water_of(
    scene: xr.Dataset, corridor: Corridor, rules: SceneRules, reference: WaterReference | None
) -> WaterPass | Unusable:
    """Return the water of one pass, co-registered to the reference, or the reason why the pass is unusable.

    Parameters
    ----------
    scene
        Calibrated bands on the corridor's grid (:func:`erosion.core.contracts.check_scene`).
    corridor
        Pixels that are classified.
    rules
        Cloud margin, least clear share, largest shift.
    reference
        Best water share so far; None on the first passes, which then keep their own geolocation.

    Returns
    -------
    WaterPass or Unusable

    Raises
    ------
    ContractError
        Where the scene does not keep its contract.
    ValueError
        Where scene, corridor and reference have different shapes.
    """
    check_scene(scene)
    shape = corridor.inside.shape
    if (scene.sizes["y"], scene.sizes["x"]) != shape:
        raise ValueError(
            f"scene {scene.attrs['pass_id']} has {scene.sizes['y']} x {scene.sizes['x']} pixels, the corridor "
            f"{shape[0]} x {shape[1]}; load it onto the corridor's grid"
        )
    if reference is not None and reference.percent.shape != shape:
        raise ValueError(f"the reference has shape {reference.percent.shape}, the corridor {shape}; make it anew")
    share_of = {"optical": optical_share, "radar": radar_share}[scene.attrs["sensor"]]
    try:
        share, facts, bare = share_of(scene, corridor, rules, reference)
        share, registration = _co_register(share, bare, float(scene.attrs["geo_rmse_m"]), corridor, rules, reference)
    except SceneUnusable as found:
        return Unusable(str(found))
    percent = np.full(shape, UNOBSERVED)
    observed, water = 0, 0.0
    for window in corridor.windows():
        known = np.isfinite(share[window])
        values = share[window][known]
        percent[window][known] = np.rint(100 * values).astype(np.uint8)
        observed, water = observed + values.size, water + float(values.sum(dtype=np.float64))
    facts |= registration | {
        "water_share": water / observed if observed else None,
        "usable_share": observed / max(int(corridor.inside.sum()), 1),
        "method": METHOD,
    }
    return WaterPass(percent, facts)


def _co_register(
    share: BlockArray[np.float32],
    bare: BlockArray[np.bool_] | None,
    geo_rmse_m: float,
    corridor: Corridor,
    rules: SceneRules,
    reference: WaterReference | None,
) -> tuple[BlockArray[np.float32], dict[str, Any]]:
    """Return the share with its shift against the reference taken back, and the facts of the shift."""
    facts: dict[str, Any] = {
        "reference": reference is not None,
        "reference_established": reference is not None and reference.established,
        "shift_x_m": 0.0,
        "shift_y_m": 0.0,
        "shift_measured": False,
    }
    if reference is None:
        return share, facts
    pixel_m = corridor.grid.pixel_m
    windows = corridor.windows()
    known = BlockArray(share.shape, windows, np.float32, np.nan)
    for window in windows:
        known[window] = as_share(reference.percent[window])
    shift = measure_shift(share, known, windows, max_shift=rules.max_shift_m / pixel_m, bare=bare)
    if shift is None:
        return share, facts
    east, north = shift.columns * pixel_m, -shift.rows * pixel_m
    distance = float(np.hypot(east, north))
    error = shift.error * pixel_m
    if distance - 2 * error > rules.max_shift_m:
        raise SceneUnusable(
            f"lies {distance:.1f} m off the reference, give or take {error:.1f} m ({east:+.1f} m east, {north:+.1f} m "
            f"north, from {shift.stretches} stretches of bank); max_shift_m is {rules.max_shift_m:g}"
        )
    facts |= {
        "shift_x_m": east,
        "shift_y_m": north,
        "shift_measured": True,
        "shift_stretches": shift.stretches,
        "shift_agreeing": shift.agreeing,
        "shift_error_m": error,
        "shift_spread_m": shift.spread * pixel_m,
        "widening_m": shift.widening * pixel_m,
    }
    return move_back(share, shift, windows), facts
