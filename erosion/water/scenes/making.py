"""From a pass that a search found to its record: loaded ahead of the work, classified, and what became of it."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.config.scenes import SceneSource
from erosion.core.contracts import ContractError, in_utc
from erosion.core.errors import SourceError
from erosion.satellite.corridor import Corridor
from erosion.satellite.grouping import PassRef
from erosion.satellite.passes import pass_bytes
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.water import Unusable, WaterPass
from erosion.water.scenes.pass_records import PassRecord
from erosion.water.scenes.scene_reference import Reference
from erosion.water.scenes.stored import Recipe

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import SceneRules

IN_FLIGHT_BYTES: Final = 1_000_000_000
"""Scenes that are read ahead take at most so much memory, or are one."""

MOST_READERS: Final = 3

ToWater = Callable[["xr.Dataset", Corridor, "SceneRules", WaterReference | None], WaterPass | Unusable]
"""Classification of a pass, as :func:`erosion.water.classification.water.water_of`."""


@dataclass(frozen=True)
class Job:
    """A pass to be made, and as what."""

    ref: PassRef
    source: SceneSource
    revision: int
    available_at: pd.Timestamp


def readers_for(sources: Sequence[SceneSource], corridor: Corridor) -> int:
    """Return how many passes are loaded at the same time, 1 to :data:`MOST_READERS`, by the memory they take."""
    largest = max((pass_bytes(source, corridor) for source in sources), default=1)
    return int(np.clip(IN_FLIGHT_BYTES // largest, 1, MOST_READERS))


def read_ahead(
    jobs: Iterable[Job], load: Callable[[Job], xr.Dataset | Exception], readers: int
) -> Generator[tuple[Job, xr.Dataset | Exception], None, None]:
    """Yield jobs in order, each with its pass, loaded while others are worked on.

    Parameters
    ----------
    jobs
        Passes to be loaded.
    load
        Returns the pass of a job, or the error with which it failed.
    readers
        Passes that are loaded at the same time; no more are in memory beside the one that is worked on.
    """
    waiting: deque[tuple[Job, Future[xr.Dataset | Exception]]] = deque()
    pool = ThreadPoolExecutor(readers)
    try:
        for job in jobs:
            waiting.append((job, pool.submit(load, job)))
            if len(waiting) >= readers:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def make_pass(
    job: Job,
    scene: xr.Dataset | Exception,
    corridor: Corridor,
    rules: SceneRules,
    reference: Reference | None,
    recipe: Recipe,
    to_water: ToWater,
    now: pd.Timestamp,
) -> tuple[PassRecord, NDArray[np.uint8] | None]:
    """Return the record of a pass, not yet written, and its water percent where it is usable.

    Parameters
    ----------
    job
        Which pass and revision.
    scene
        The pass, or the error with which loading it failed.
    corridor, rules
        Where, and the region's scene rules.
    reference
        Reference to which the pass is co-registered; None while there is none.
    recipe
        Noted in the record.
    to_water
        Classification.
    now
        When this machine first had it, UTC.
    """
    record = PassRecord(
        pass_id=job.ref.pass_id,
        source=job.source.name,
        sensor=job.source.sensor,
        platform="",
        time=in_utc(job.ref.time),
        available_at=job.available_at,
        seen_at=now,
        items_hash=job.ref.items_hash,
        revision=job.revision,
        state="failed",
        reason="",
        geo_rmse_m=job.source.geo_rmse_m,
        native_m=job.source.pixel_m,
        scene_ids=(),
        facts={},
        processing=recipe.processing,
        corridor=recipe.corridor,
        settings=recipe.settings,
    )
    if isinstance(scene, Exception):
        return dataclasses.replace(record, reason=f"could not be read, tried again next night: {scene}"), None
    known = None if reference is None else WaterReference(reference.percent, established=True)
    try:
        result = to_water(scene, corridor, rules, known)
    except (SourceError, ContractError, OSError) as err:
        return dataclasses.replace(record, reason=f"could not be read, tried again next night: {err}"), None
    record = dataclasses.replace(
        record,
        platform=str(scene.attrs["platform"]),
        geo_rmse_m=float(scene.attrs["geo_rmse_m"]),
        native_m=float(scene.attrs["native_m"]),
        scene_ids=tuple(str(item) for item in scene.attrs["scene_ids"]),
    )
    if reference is not None:
        available_at = max(job.available_at, reference.available_at)
        record = dataclasses.replace(record, reference=reference.id, available_at=available_at)
    if isinstance(result, Unusable):
        return dataclasses.replace(record, state="unusable", reason=result.reason), None
    return dataclasses.replace(record, state="water", facts=result.facts), result.percent
