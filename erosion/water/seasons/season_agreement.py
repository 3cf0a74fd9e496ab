"""Scenes of a season held against each other: within a season no bank moves, so one that shows other banks is wrong.

Each scene was laid on the reference, which may be years old. Where banks have gone back far since, few stretches of them
agree, and a scene that lies tens of metres off can be taken for a river that moved. The scenes of one season show the
same banks: each is measured against the plain median of them all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from erosion.core.arrays import UNOBSERVED
from erosion.core.block_array import BlockArray
from erosion.core.errors import Skipped
from erosion.core.files import write_json
from erosion.water.classification.coregister import as_share, measure_shift
from erosion.water.scenes.pass_records import read_raster
from erosion.water.seasons.clear_observations import Look
from erosion.water.seasons.season_stack import HALF_PERCENT, composite

if TYPE_CHECKING:
    from erosion.config.region import SceneRules
    from erosion.satellite.corridor import Corridor

METHOD: Final = 1
"""Version of the way scenes are held against each other; what is kept of another one is measured anew."""

LEAST_SCENES: Final = 3
"""Fewer scenes have no median that one of them does not decide."""

LEAST_AGREEING: Final = 0.3
"""Share of the stretches of bank that have to lie where the scene's displacement puts them; in scenes of one season it
is 0.4 to 1 (docs/scenes.md)."""

FAR_PIXELS: Final = 1.0
"""A scene that lies farther off the others than this was not laid on the reference as it should."""

EXPECTED_PIXELS: Final = 0.3
"""Standard error, along each axis, of a scene that was laid on the reference."""


def leave_out_strays(
    looks: Sequence[Look], corridor: Corridor, rules: SceneRules, kept: Path
) -> tuple[list[Look], list[Skipped]]:
    """Leave out the scenes of a season that do not show the banks that the others show.

    Optical scenes are judged where there are at least three of them, and radar scenes likewise; a scene that shows too
    little of the banks to be judged stays.

    Parameters
    ----------
    looks
        Passes of one season.
    corridor
        Grid and strip of the passes.
    rules
        ``max_shift_m``.
    kept
        Directory in which what was found is kept for the next night.

    Returns
    -------
    looks : list of Look
        Those that stay.
    skipped : list of Skipped
        The others, and why.
    """
    reasons: dict[str, str] = {}
    for sensor in ("optical", "radar"):
        group = [look for look in looks if look.record.sensor == sensor]
        if len(group) >= LEAST_SCENES:
            reasons |= _strays(group, corridor, rules, kept)
    stay = [look for look in looks if look.record.pass_id not in reasons]
    return stay, [Skipped(name, reason, usual=True) for name, reason in reasons.items()]


def _strays(group: Sequence[Look], corridor: Corridor, rules: SceneRules, kept: Path) -> dict[str, str]:
    """Reason by pass, from the disk where it was found before."""
    parts = sorted(f"{look.record.path.stem} {look.record.sha256}" for look in group)
    recipe = "\n".join([f"method {METHOD}", corridor.digest, f"{rules.max_shift_m:g}", *parts])
    path = kept / f"strays-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.json"
    try:
        found = {str(name): str(reason) for name, reason in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        pass
    else:
        with suppress(OSError):  # what is asked for is kept on; a store that may only be read serves what it has
            os.utime(path)
        return found
    pixel_m, windows = corridor.grid.pixel_m, corridor.windows()
    median = _plain_median([look.record.raster for look in group], corridor)
    reasons = {}
    for look in group:
        share = BlockArray(median.shape, windows, np.float32, np.nan)
        for window in windows:
            share[window] = as_share(read_raster(look.record.raster, window))
        shift = measure_shift(share, median, windows, max_shift=rules.max_shift_m / pixel_m, expected=EXPECTED_PIXELS)
        if shift is None:
            continue
        far = float(np.hypot(shift.columns, shift.rows))
        if shift.agreeing < LEAST_AGREEING:
            reason = (
                f"shows other banks than the other scenes of its season: {shift.agreeing:.0%} of the stretches agree"
            )
        elif far - 2 * shift.error > FAR_PIXELS:
            reason = f"lies {far * pixel_m:.0f} m off the other scenes of its season"
        else:
            continue
        reasons[look.record.pass_id] = reason
    with suppress(OSError):  # it can be found again; a disk that takes nothing more is told by the composite
        kept.mkdir(parents=True, exist_ok=True)
        write_json(path, reasons)
    return reasons


def _plain_median(paths: Sequence[Path], corridor: Corridor) -> BlockArray[np.float32]:
    """Median share of scenes of equal weight, NaN where fewer than two agree, shape (rows, columns)."""
    median = BlockArray(corridor.grid.shape, corridor.windows(), np.float32, np.nan)
    weights, alike = np.full(len(paths), 1), np.zeros(len(paths), bool)
    for window in corridor.windows():
        half = composite(np.stack([read_raster(path, window) for path in paths]), weights, alike, 2).half_percent
        median[window] = np.where(half == UNOBSERVED, np.float32(np.nan), half / np.float32(HALF_PERCENT))
    return median
