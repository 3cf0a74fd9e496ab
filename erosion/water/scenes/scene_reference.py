"""Reference to which every pass of a reach is co-registered: made once from the first good passes, then fixed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.core.arrays import UNOBSERVED
from erosion.core.errors import SourceError
from erosion.core.files import write_json
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import (
    PassRecord,
    home_of,
    known_sha256,
    read_percent,
    read_raster,
    write_raster,
)

if TYPE_CHECKING:
    from erosion.config.region import Region

LEAST_OBSERVATIONS: Final = 3
"""Clear observations that a pixel of the reference needs; the median of fewer is one scene's."""

MOST_PASSES: Final = 200
"""Clear observations are counted in a byte; a river that is hidden in so many passes has no reference."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Water mask to which passes are co-registered; fixed once it is made.

    Attributes
    ----------
    id
        Start of the hash of its pixels.
    available_at
        When the last of its passes could be had, UTC.
    percent
        Median water share [percent], 255 where there were too few observations, shape (rows, cols).
    """

    id: str
    available_at: pd.Timestamp
    percent: NDArray[np.uint8]


@dataclass(eq=False)
class ClearCount:
    """Clear observations of each pixel in the first of some passes: a pass is counted once and not with every later one.

    Attributes
    ----------
    passes
        Names of the passes and revisions that are counted, in order.
    count
        Clear observations, shape (rows, cols); None before the first pass.
    """

    passes: list[str] = field(default_factory=list)
    count: NDArray[np.uint8] | None = None


def read_reference(store: Path, region: Region, corridor: Corridor) -> Reference | None:
    """Return the reference of a reach, None where there is none for this corridor or it is damaged."""
    path = home_of(store, region) / "reference.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["corridor"] != corridor.digest or known_sha256(path.with_suffix(".tif")) != content["sha256"]:
            return None
        available_at = pd.Timestamp(content["available_at"]).tz_convert("UTC")
        return Reference(content["sha256"][:16], available_at, read_raster(path.with_suffix(".tif"), None))
    except (OSError, ValueError, KeyError, TypeError, SourceError):
        return None


def reference_passes(store: Path, region: Region, corridor: Corridor) -> list[str]:
    """Return the passes and revisions that the reference was made of, in order; none where that is not known."""
    try:
        content = json.loads((home_of(store, region) / "reference.json").read_text(encoding="utf-8"))
        return [str(name) for name in content["passes"]] if content["corridor"] == corridor.digest else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def make_reference(
    candidates: Sequence[PassRecord], region: Region, corridor: Corridor, store: Path, so_far: ClearCount
) -> Reference | None:
    """Return the reference, made from the earliest passes that are clear in enough of the corridor and written to the store.

    Passes are taken in the order in which they became available, until :data:`LEAST_OBSERVATIONS` of them (or the
    region's ``min_looks``, if more) cover ``min_coverage`` of the corridor. Each pixel is their median; it is fixed from
    then on. A reference that followed the newest scenes would follow their common error too, and a bank line
    co-registered to a mask that creeps along with it would never be found to move.

    Parameters
    ----------
    candidates
        Records in state ``water``, one a pass, in order of ``available_at``.
    region, corridor, store
        Where.
    so_far
        What was counted when it was tried before; brought up to date here.

    Returns
    -------
    Reference or None
        None while there are too few passes.
    """
    needed = max(LEAST_OBSERVATIONS, region.scenes.min_looks)
    enough = region.scenes.min_coverage * np.count_nonzero(corridor.inside)
    if len(candidates) < needed:
        return None
    names = [record.path.stem for record in candidates[:MOST_PASSES]]
    if so_far.count is None or so_far.passes != names[: len(so_far.passes)]:  # one came in between, or is made anew
        so_far.passes, so_far.count = [], np.zeros(corridor.grid.shape, np.uint8)
    for record in candidates[len(so_far.passes) : MOST_PASSES]:
        for window in corridor.windows():
            so_far.count[window] += read_percent(record, window) != UNOBSERVED
        so_far.passes.append(record.path.stem)
        if np.count_nonzero((so_far.count >= needed) & corridor.inside) >= enough:
            break
    else:
        return None
    members = candidates[: len(so_far.passes)]
    percent = np.full(corridor.grid.shape, UNOBSERVED)
    for window in corridor.windows():
        stack = np.stack([read_percent(record, window) for record in members])
        stack.sort(axis=0)  # 255 is the largest: what was observed comes first
        n = (stack != UNOBSERVED).sum(axis=0)
        low, high = (
            np.take_along_axis(stack, np.maximum(k, 0)[np.newaxis], axis=0)[0].astype(int)
            for k in ((n - 1) // 2, n // 2)
        )
        percent[window] = np.where(n >= needed, (low + high) // 2, UNOBSERVED)
    path = home_of(store, region) / "reference.json"
    digest = write_raster(path.with_suffix(".tif"), percent, corridor)
    available_at = max(record.available_at for record in members)
    content = {
        "corridor": corridor.digest,
        "available_at": available_at,
        "sha256": digest,
        "passes": [f"{record.pass_id}.r{record.revision}" for record in members],
    }
    write_json(path, content)
    return Reference(digest[:16], available_at, percent)
