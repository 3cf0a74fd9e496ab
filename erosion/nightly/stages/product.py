"""The directory of a run: its files, written aside and renamed into place, and its manifest."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from erosion.alerts import thresholds
from erosion.banks.epochs.valid import accepted_scenes
from erosion.core.contracts import CONTRACT_VERSION
from erosion.core.errors import Skipped
from erosion.core.files import sha256_of, sync
from erosion.core.vocabulary import RunOutcome
from erosion.forecast.release import Release
from erosion.gauges.hydrograph import hydrograph, stations
from erosion.nightly.published import damage_of
from erosion.nightly.stages.applicability import entry_of
from erosion.nightly.stages.credits import credits_of
from erosion.nightly.stages.decide import Decisions
from erosion.nightly.stages.identity import Identity
from erosion.nightly.stages.inputs import RunInputs, not_repeated
from erosion.nightly.stages.layers import level_lengths
from erosion.nightly.stages.places import publish_places
from erosion.nightly.stages.reaches import Forecasts
from erosion.nightly.task import Progress, Task
from erosion.publish import write_all
from erosion.publish.applicability import applicability_text
from erosion.publish.columns import worth_words
from erosion.publish.gauges import write_gauges
from erosion.publish.manifest import (
    Account,
    Applicability,
    LevelWorth,
    Manifest,
    PlacesEntry,
    ReachEntry,
    Report,
    SkippedItem,
    read_manifest,
    write_manifest,
)

STATES: Final = "decisions.parquet"
CROSSWALK: Final = "crosswalk.parquet"
"""Files of a run that are for the ledger and the next run, not for readers."""

PACKAGES: Final = ("erosion", "numpy", "pandas", "xarray", "rasterio", "geopandas", "lightgbm")
"""Packages whose versions the manifest lists."""


def make_product(
    task: Task, identity: Identity, inputs: RunInputs, forecasts: Forecasts, decisions: Decisions, progress: Progress
) -> Manifest:
    """Return the manifest of a run whose files have been written to a hidden directory and renamed into place.

    Raises
    ------
    ExportError, OSError
        A file cannot be written; nothing is left behind.
    """
    directory = identity.directory
    temporary = directory.parent / f".tmp-{directory.name}"
    temporary.mkdir()
    try:
        with progress.stage("export"):
            applicability = entry_of(
                {name: one.shift for name, one in forecasts.made.items()}, inputs.evaluation, inputs.trained_here
            )
            outputs, memory = _write_files(temporary, task, identity, inputs, decisions, applicability)
            banks = next(iter(decisions.layers.values())).geometry
            places = publish_places(task, inputs.places, banks)
        manifest = _manifest(
            task, identity, inputs, forecasts, decisions, progress, outputs, memory, applicability, places
        )
        write_manifest(temporary, manifest)
        sync(temporary)
        # A directory of this name has lost a file, or its manifest cannot be read: it is made again.
        shutil.rmtree(directory, ignore_errors=True)
        temporary.rename(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)  # a full disk is not made fuller
        raise
    sync(directory.parent)
    return manifest


def made_before(task: Task, identity: Identity) -> Manifest | None:
    """Return the manifest of the same run where it was made before and all its files are unchanged, None otherwise."""
    if damage_of(task.home, identity.directory):
        return None
    try:
        manifest = read_manifest(identity.directory)
    except ValueError:  # of an older program
        return None
    whole = "read" in manifest and "fetch" in manifest and manifest["inputs_hash"] == identity.digest
    return manifest if whole else None


def with_new_attempt(task: Task, directory: Path, manifest: Manifest, inputs: RunInputs) -> Manifest:
    """Return the manifest of a run that was made before, with what this attempt could not fetch or read.

    An attempt that asked no source cannot know whether what an earlier one could not fetch is there now: it only adds. The
    files of the run before are checked by each.
    """
    unfetched = inputs.unfetched
    if not task.fetch:
        run_before = None if inputs.previous is None else inputs.previous["run_id"]
        before = [_skipped(item) for item in manifest["fetch"] if item["scene"] != run_before]
        unfetched = [*before, *not_repeated(unfetched, before)]
    newest: Manifest = {**manifest, **_report(manifest["read"], unfetched)}
    if newest != manifest:
        write_manifest(directory, newest)
    return newest


def read_memory(directory: Path, manifest: Manifest) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the levels of a run and its crosswalk, as its files hold them; see :class:`Decisions`."""
    walk = pd.read_parquet(directory / CROSSWALK) if CROSSWALK in manifest["memory"] else None
    return pd.read_parquet(directory / STATES), walk


def _write_files(
    directory: Path,
    task: Task,
    identity: Identity,
    inputs: RunInputs,
    decisions: Decisions,
    applicability: Applicability,
) -> tuple[dict[str, str], dict[str, str]]:
    """Write the files of a run; return the hashes of those for readers, and of those for the ledger."""
    region = task.region
    worth = level_worth(inputs.release)
    meta = {
        "model_id": inputs.release.name,
        "model_simulated": inputs.release.simulated,
        "inputs_hash": identity.digest,
        "level_worth": worth,
        "level_worth_vi": worth_words(worth, "vi"),
        "level_worth_en": worth_words(worth, "en"),
        "applicability": cast("dict[str, Any]", applicability),
        "applicability_vi": applicability_text(applicability, "vi"),
        "applicability_en": applicability_text(applicability, "en"),
        "policy": dataclasses.asdict(region.policy),
        "skipped": [item._asdict() for item in inputs.skipped],
        "sources": credits_of(region),
    }
    outputs = write_all(directory, decisions.layers, decisions.history, region, meta, decisions.stretches)
    shown = stations(region.gauge_sources, region.reaches)
    series, facts = hydrograph(inputs.gauges.values, inputs.gauges.forecasts, task.as_of, shown)
    outputs |= write_gauges(directory, series, facts, simulated=region.simulated)
    memory = {STATES: _write_table(directory / STATES, decisions.states)}
    if decisions.crosswalk is not None:
        memory[CROSSWALK] = _write_table(directory / CROSSWALK, decisions.crosswalk)
    return outputs, memory


def _manifest(
    task: Task,
    identity: Identity,
    inputs: RunInputs,
    forecasts: Forecasts,
    decisions: Decisions,
    progress: Progress,
    outputs: dict[str, str],
    memory: dict[str, str],
    applicability: Applicability,
    places: PlacesEntry | None,
) -> Manifest:
    region, newest = task.region, decisions.newest_epochs
    reaches: dict[str, ReachEntry] = {}
    for one in region.reaches:
        reaches[one.name] = {"newest_epoch": newest.get(one.name), "missing": forecasts.missing.get(one.name)}
        if one.name in forecasts.made:
            reaches[one.name]["left_out"] = list(forecasts.made[one.name].known.baseline.skipped)
            if accepted := accepted_scenes(inputs.reaches[one.name].water):
                reaches[one.name]["accepted"] = accepted
    known: Account = {"messages": progress.messages, "skipped": [_item(item) for item in inputs.skipped]}
    oldest = min(newest.values())
    return {
        "contract_version": CONTRACT_VERSION,
        "region": region.name,
        "simulated": region.simulated,
        "as_of": f"{task.as_of:%Y-%m-%d}",
        **_report(known, inputs.unfetched),
        "model_id": inputs.release.name,
        "model_simulated": inputs.release.simulated,
        "reaches": reaches,
        "trigger": None if decisions.night is None else decisions.night.reaches,
        "newest_epoch": oldest,
        "data_age_days": (task.as_of - pd.Timestamp(oldest)).days,
        "inputs": identity.inputs,
        "inputs_hash": identity.digest,
        "segments": decisions.segments,
        "levels": {name: level_lengths(table) for name, table in decisions.layers.items()},
        "level_worth": level_worth(inputs.release),
        "applicability": applicability,
        "places": places,
        "policy": dataclasses.asdict(region.policy),
        "stages": progress.stages,
        "outputs": outputs,
        "memory": memory,
        "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "started_at": task.started.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
    }


def level_worth(release: Release) -> dict[str, dict[str, LevelWorth]]:
    """Return what each level of each target is worth by a release."""
    return {
        name: {level: _worth(band) for level, band in thresholds.to_json(model.levels).items()}
        for name, model in release.models.items()
    }


def _worth(band: Mapping[str, Any]) -> LevelWorth:
    low, high = thresholds.year_range(band["precision"])
    found = {**band, "year_low": round(low, 3), "year_high": round(high, 3)}
    return cast(LevelWorth, {key: found[key] for key in LevelWorth.__annotations__})


def _report(read: Account, unfetched: Sequence[Skipped]) -> Report:
    """Return the entries of the manifest on what was left out: of what is known, by the newest attempt, and by both.

    A pass that could not be fetched is listed in both; the search knows the cause in detail.
    """
    known = {(item["scene"], item["reason"]) for item in read["skipped"]}
    items = [item for item in unfetched if (item.scene, item.reason) not in known]
    explained = {item.scene for item in items if not item.usual}
    skipped = [item for item in read["skipped"] if item["scene"] not in explained or item["usual"]]
    shorter = {f"{item['scene']}: {item['reason']}" for item in read["skipped"] if item not in skipped}
    messages = [
        *(message for message in read["messages"] if message not in shorter),
        *(f"{item.scene}: {item.reason}" for item in items if not item.usual),
    ]
    return {
        "outcome": RunOutcome.DEGRADED if messages else RunOutcome.PUBLISHED,
        "messages": messages,
        "skipped": [*skipped, *(_item(item) for item in items)],
        "read": read,
        "fetch": [_item(item) for item in unfetched],
    }


def _item(item: Skipped) -> SkippedItem:
    return {"scene": item.scene, "reason": item.reason, "usual": item.usual}


def _skipped(item: SkippedItem) -> Skipped:
    return Skipped(item["scene"], item["reason"], item["usual"])


def _write_table(path: Path, table: pd.DataFrame) -> str:
    """Write a table, bring it to the disk and return its hash."""
    table.to_parquet(path, index=False)
    with path.open("rb+") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())
    return sha256_of(path)
