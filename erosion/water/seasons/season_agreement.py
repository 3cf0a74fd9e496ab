"""Scenes of a season compared with each other: within a season no bank moves, so one with other banks is misregistered.

Each scene was co-registered to the reference, which may be years old. Where banks have retreated far since, few stretches
of them agree, and a scene displaced by tens of metres can be taken for a river that moved. The scenes of one season have
the same banks: each is measured against the plain median of them all.
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
from erosion.core.errors import Skipped
from erosion.core.files import write_json
from erosion.core.raster.block_array import BlockArray
from erosion.water.classification.coregister import as_share, measure_shift
from erosion.water.scenes.pass_records import read_raster
from erosion.water.seasons.season_passes import SeasonPass
from erosion.water.seasons.season_stack import HALF_PERCENT, composite

if TYPE_CHECKING:
    from erosion.config.region import SceneRules
    from erosion.satellite.corridor import Corridor

METHOD: Final = 1
"""Version of the comparison; what is kept of another one is measured anew."""

LEAST_SCENES: Final = 3
"""Fewer scenes have no median that one of them does not decide."""

LEAST_AGREEING: Final = 0.3
"""Share of the stretches of bank that have to be where the scene's displacement puts them; in scenes of one season it
is 0.4 to 1 (docs/scenes.md)."""

FAR_PIXELS: Final = 1.0
"""A scene displaced farther than this against the others is misregistered."""

EXPECTED_PIXELS: Final = 0.3
"""Standard error, along each axis, of a scene that was co-registered."""


def reject_misregistered_scenes(
    passes: Sequence[SeasonPass], corridor: Corridor, rules: SceneRules, kept: Path
) -> tuple[list[SeasonPass], list[Skipped]]:
    """Return the scenes of a season without those whose banks are not where the others have them.

    Optical scenes are compared where there are at least three of them, and radar scenes likewise; a scene with too little
    of the banks to be compared stays.

    Parameters
    ----------
    passes
        Passes of one season.
    corridor
        Grid and strip of the passes.
    rules
        ``max_shift_m``.
    kept
        Directory in which what was found is kept for the next night.

    Returns
    -------
    passes : list of SeasonPass
        Those that stay.
    skipped : list of Skipped
        The others, and why.
    """
    reasons: dict[str, str] = {}
    for sensor in ("optical", "radar"):
        group = [pass_ for pass_ in passes if pass_.record.sensor == sensor]
        if len(group) >= LEAST_SCENES:
            reasons |= _misregistered(group, corridor, rules, kept)
    stay = [pass_ for pass_ in passes if pass_.record.pass_id not in reasons]
    return stay, [Skipped(name, reason, usual=True) for name, reason in reasons.items()]


def _misregistered(group: Sequence[SeasonPass], corridor: Corridor, rules: SceneRules, kept: Path) -> dict[str, str]:
    """Reason for each misregistered pass, by pass id, read from the disk where it was found before."""
    parts = sorted(f"{pass_.record.path.stem} {pass_.record.sha256}" for pass_ in group)
    recipe = "\n".join([f"method {METHOD}", corridor.digest, f"{rules.max_shift_m:g}", *parts])
    path = kept / f"agreement-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.json"
    try:
        found = {str(name): str(reason) for name, reason in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        pass
    else:
        with suppress(OSError):  # what is used is kept on; a store that may only be read is enough
            os.utime(path)
        return found
    pixel_m, windows = corridor.grid.pixel_m, corridor.windows()
    median = _plain_median([pass_.record.raster for pass_ in group], corridor)
    reasons = {}
    for pass_ in group:
        share = BlockArray(median.shape, windows, np.float32, np.nan)
        for window in windows:
            share[window] = as_share(read_raster(pass_.record.raster, window))
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
        reasons[pass_.record.pass_id] = reason
    with suppress(OSError):  # it can be found again; a full disk is reported by the composite
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
