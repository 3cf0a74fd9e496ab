"""What a run is made of: water and gauges as known on the date, the model release, and the run before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import xarray as xr

from erosion.alerts import ledger
from erosion.alerts.reported import OpenReport
from erosion.banks.epochs.valid import newer_and_older, valid_epochs
from erosion.banks.record import thin_record
from erosion.config.region import Region
from erosion.config.store import store_of
from erosion.core.contracts import as_of_instant
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import files_digest
from erosion.forecast.evaluation.attached import EvaluationError, evaluation_file, read_evaluation
from erosion.forecast.release import Release, ReleaseError, find_release, load_release, regions_of
from erosion.gauges import series as gauge_series
from erosion.gauges.series import Fetched, GaugeSeries
from erosion.nightly.errors import REACH_ERRORS, raise_joint
from erosion.nightly.task import Progress, Task
from erosion.places.reading import Places, read_places
from erosion.publish.manifest import Evaluation
from erosion.water import read as water_read


class ReachInput(NamedTuple):
    """The water observations of one reach."""

    region: Region
    """The region, of this reach alone."""
    water: xr.Dataset
    skipped: list[Skipped]
    past: list[Skipped]
    """Those of the skipped that are masks older than the newest valid one: listed, but no fault of the run."""


@dataclass(frozen=True)
class RunInputs:
    """Everything that a run is made of.

    Attributes
    ----------
    reaches
        Name to observations of each reach that could be read.
    missing
        Name to reason of each reach that could not.
    gauges
        Checked gauge series of the region.
    release, release_path
        The models and their directory.
    skipped
        What was left out of the observations and gauges, and why. It follows from what was known on the date alone.
    unfetched
        What this attempt could not fetch or read, and what it found damaged of the run before. Another attempt may find
        something else, so it is no part of the run's identity.
    previous
        The run before, as recorded in the ledger; None for the first one.
    evaluation
        The evaluation of this release that is attached to the region; None where there is none, or one of another release.
    unread_evaluation
        Why an attached evaluation is not used; among ``skipped``, too.
    trained_here
        Whether the release was trained on the region.
    places
        Reference layers of the region, as they are today: they have no date.
    reports
        Field reports that came in by the date and are open now.
    """

    reaches: Mapping[str, ReachInput]
    missing: Mapping[str, str]
    gauges: GaugeSeries
    release: Release
    release_path: Path
    skipped: list[Skipped]
    unfetched: list[Skipped]
    previous: Mapping[str, Any] | None
    evaluation: Evaluation | None
    unread_evaluation: list[Skipped]
    trained_here: bool
    places: Places
    reports: tuple[OpenReport, ...]

    @property
    def degraded_by(self) -> list[Skipped]:
        """Skipped items that make the run degraded: those of no rule and of no time long past."""
        harmful = {name: [item for item in one.skipped if item not in one.past] for name, one in self.reaches.items()}
        found = [*water_read.together(harmful), *self.gauges.skipped, *self.unread_evaluation, *self.places.skipped]
        return [item for item in found if not item.usual]


def read_inputs(task: Task, progress: Progress) -> RunInputs:
    """Return the inputs of a run, after the stores were brought up to date where the task asks for it.

    Raises
    ------
    SourceError, NothingKnownError, ChannelError, RunError
        No reach has a usable observation.
    ReleaseError
        There is no release for the date, or it cannot be read.
    """
    region, as_of = task.region, task.as_of
    unfetched: list[Skipped] = []
    fetched = Fetched({}, [])
    if task.fetch:
        with progress.stage("fetch"):
            fetched = gauge_series.fetch(region, store_of(region))
            unfetched += fetched.skipped
            if region.scene_sources:
                unfetched += _fetch_scenes(task, progress)
    with progress.stage("read"):
        gauges = gauge_series.read(region, store_of(region), as_of, fetched.series)
        reaches, missing = _read_reaches(region, as_of, gauges.values, unfetched)
        unfetched += [*not_repeated(gauges.unread, unfetched), *water_read.absent_masks(region)]
        skipped = [*water_read.together({name: one.skipped for name, one in reaches.items()}), *gauges.skipped]
        path = (
            task.models / task.release
            if task.release
            else find_release(region.model, as_of, task.models, region.called)
        )
        digest = files_digest(path)
        release = _load_release(path, digest)
        evaluation, unread = _attached(region, digest)
        places = read_places(region)
        skipped += [*unread, *places.skipped]
    previous = ledger.last_run(task.engine, region.name, before=as_of)
    return RunInputs(
        reaches,
        missing,
        gauges,
        release,
        path,
        skipped,
        unfetched,
        previous,
        evaluation,
        unread,
        trained_here=region.name in regions_of(release.meta),
        places=places,
        reports=_open_reports(task),
    )


def degradations(task: Task, inputs: RunInputs) -> list[str]:
    """Return what makes a run degraded before anything is measured, as messages.

    Raises
    ------
    ReleaseError
        The release forecasts other targets than the region has.
    """
    _check_targets(task.region, inputs.release)
    messages = [f"{item.scene}: {item.reason}" for item in inputs.degraded_by]
    for name, one in inputs.reaches.items():
        of_reach = f"{name}: " if one.region.neighbours else ""
        thin = thin_record(pd.DatetimeIndex(one.water["epoch"].to_numpy()))
        if thin is not None:
            messages.append(f"{of_reach}{thin}")
        age = (task.as_of - pd.Timestamp(one.water["epoch"].to_numpy()[-1])).days
        if age > task.region.policy.stale_after_days:
            messages.append(
                f"{of_reach}the newest observation of the banks is {age} days old, more than the policy's "
                f"{task.region.policy.stale_after_days:g}: every level is unknown"
            )
    if inputs.release.data_until > task.as_of:
        messages.append(f"hindsight: model {inputs.release.name} saw data later than {task.as_of:%Y-%m-%d}")
    return messages


def not_repeated(items: Sequence[Skipped], reported: Sequence[Skipped]) -> list[Skipped]:
    """Return the items that do not repeat what was reported before of the same source."""
    known = [(item.scene, item.reason) for item in reported]
    return [
        item for item in items if not any(item.scene == scene and item.reason.startswith(why) for scene, why in known)
    ]


def _fetch_scenes(task: Task, progress: Progress) -> list[Skipped]:
    """Bring the store up to date, reach by reach; what is wrong with a corridor is reported when the reach is read."""
    unfetched = {}
    for one in task.region.by_reach():
        with suppress(SourceError):
            unfetched[one.reach.name] = water_read.fetch_scenes(one, task.as_of)
    return water_read.together(unfetched)


def _read_reaches(
    region: Region, as_of: pd.Timestamp, gauges: pd.DataFrame, unfetched: Sequence[Skipped]
) -> tuple[dict[str, ReachInput], dict[str, str]]:
    """Return every reach that could be read, and the reasons of those that could not."""
    reaches: dict[str, ReachInput] = {}
    failed: dict[str, Exception] = {}
    for one in region.by_reach():
        name = one.reach.name
        try:
            water, unreadable = water_read.read_water(one, as_of, gauges)
        except REACH_ERRORS as error:
            failed[name] = error
            continue
        valid, rejected = valid_epochs(one, water)
        _, past = newer_and_older(water, valid, rejected)
        reaches[name] = ReachInput(one, valid, [*unreadable, *rejected], past)
    if not reaches:
        # The cause may be that nothing could be fetched.
        raise_joint(failed, [item for item in unfetched if not item.usual])
    return reaches, {name: str(error) for name, error in failed.items()}


def _open_reports(task: Task) -> tuple[OpenReport, ...]:
    """Return the field reports that were seen by the date of the run and are open."""
    with ledger.querying(task.engine) as connection:
        table = ledger.reports.reports(connection, task.region.name)
    known = table[table["open"].astype(bool) & (table["observed_at"] <= as_of_instant(task.as_of))]
    return tuple(
        OpenReport(int(row["id"]), row["lon"], row["lat"], row["verdict"], row["stretch_id"] or None)
        for row in known.to_dict("records")
    )


def _attached(region: Region, release_digest: str) -> tuple[Evaluation | None, list[Skipped]]:
    """Return the evaluation of this release attached to a region, and what is wrong with the file."""
    file = evaluation_file(region)
    try:
        evaluation = read_evaluation(file, region.name)
    except EvaluationError as error:
        return None, [Skipped(file.name, str(error))]
    if evaluation is None or evaluation["release_sha256"] == release_digest:
        return evaluation, []
    reason = f"is of {evaluation['release']}, not of the release of this run; it counts for none"
    return None, [Skipped(file.name, reason, usual=True)]


def _check_targets(region: Region, release: Release) -> None:
    """Refuse a release whose targets mean something else than the region's of the same name."""
    for target in region.targets:
        model = release.models.get(target.name)
        if model is None:
            raise ReleaseError(
                f"{release.name} has no target {target.name}, only {', '.join(release.models)}; "
                f"mend targets in {region.path}, or train a release for this region"
            )
        if model.target != target:
            raise ReleaseError(
                f"{release.name} forecasts {model.target.threshold_m:g} m in {model.target.horizon_days} days as "
                f"{target.name}, {region.path} asks for {target.threshold_m:g} m in {target.horizon_days} days; "
                "make them the same, or train a release for this region"
            )


@lru_cache(maxsize=8)
def _load_release(path: Path, _content: str) -> Release:
    """Read a release once for all dates of a replay that use it."""
    return load_release(path)
