"""What a region has published: ``published.json``, for the map."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd

from erosion.alerts import ledger
from erosion.config.region import Region
from erosion.core.files import sha256_of
from erosion.core.vocabulary import EXIT_CODES, RunOutcome
from erosion.nightly.errors import RunError
from erosion.publish.integrity import damage
from erosion.publish.listing import (
    FILE,
    VERSION,
    ListedRun,
    Listing,
    ListingError,
    read_listing,
    write_listing,
)
from erosion.publish.manifest import FILE as MANIFEST_FILE
from erosion.publish.manifest import read_manifest

_log = logging.getLogger(__name__)

PUBLISHED, NOT_PUBLISHED, DEGRADED = (
    EXIT_CODES[outcome] for outcome in (RunOutcome.PUBLISHED, RunOutcome.FAILED, RunOutcome.DEGRADED)
)
"""Exit codes: fine; nothing published; published, but something was missing or stale."""

KEPT_MESSAGES = 20
"""Messages of a run that ``published.json`` and ``last_attempt.json`` repeat; its manifest has all."""


def published(home: Path) -> Listing:
    """Return what a region has published.

    Raises
    ------
    RunError
        There is a list and it is damaged or of another version.
    """
    path = home / FILE
    if not path.exists():
        return _EMPTY
    try:
        return read_listing(path)
    except ListingError as error:
        raise RunError(str(error)) from error


def newest_segments(home: Path) -> gpd.GeoDataFrame:
    """Return the published segments of the newest run of a region, in the export CRS.

    Raises
    ------
    RunError
        Nothing is published, or the file cannot be read.
    """
    runs = published(home)["runs"]
    if not runs:
        raise RunError(f"{home}: no run is published; run the region first")
    path = min((home / runs[-1]["directory"]).glob("segments_*.parquet"), default=None)
    if path is None:
        raise RunError(f"{home / runs[-1]['directory']}: has no segments; run the date again")
    try:
        return gpd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: {error}; run the date again") from error


_EMPTY: Listing = {
    "region": "",
    "title": {},
    "simulated": False,
    "timezone": "",
    "stale_after_days": None,
    "targets": [],
    "runs": [],
}


def refuse_folder(home: Path) -> None:
    """Refuse a folder where the list of published runs should be, which no run can write over.

    Raises
    ------
    RunError
        The message names the folder and the cure.
    """
    if (home / FILE).is_dir():
        published(home)


def list_published(engine: ledger.Ledger, home: Path, region: Region, out: Path, newest: str) -> None:
    """Bring ``published.json`` to what the ledger holds, also of a run that was killed before it could list itself.

    A damaged list is made again from the ledger and the manifests, and that is reported. Runs whose directory was taken
    away are left out.

    Parameters
    ----------
    newest
        The run that was made or confirmed just now; its manifest is read again.
    """
    products = ledger.standing_products(engine, region.name)
    try:
        listed = published(home)
    except RunError as error:
        listed = _EMPTY
        _log.warning(f"{error}; this run has done so")
    known = {entry["run_id"]: entry for entry in listed["runs"] if entry["run_id"] != newest}
    entries = []
    for run_id, product in products:
        if not (out / product).is_dir():
            continue
        try:
            entries.append(known.get(run_id) or _entry(run_id, out / product))
        except (OSError, ValueError, KeyError, TypeError) as error:
            date = run_id.removeprefix(f"{region.name}-")[:10]
            _log.warning(f"{out / product / MANIFEST_FILE} cannot be read ({error}); {_cure(date)} to have it listed")
    content: Listing = {
        "version": VERSION,
        "region": region.name,
        "title": dict(region.title),
        "reaches": [{"name": reach.name, "title": dict(reach.titles)} for reach in region.reaches],
        "simulated": region.simulated,
        "timezone": region.timezone,
        "stale_after_days": region.policy.stale_after_days,
        "targets": [
            {"name": target.name, "horizon_days": target.horizon_days, "threshold_m": target.threshold_m}
            for target in region.targets
        ],
        "runs": entries,
    }
    if content != listed:
        write_listing(home / FILE, content)


def _entry(run_id: str, directory: Path) -> ListedRun:
    manifest = read_manifest(directory)
    return {
        "as_of": manifest["as_of"],
        "run_id": run_id,
        "directory": directory.name,
        "outcome": manifest["outcome"],
        "exit_code": PUBLISHED if manifest["outcome"] == RunOutcome.PUBLISHED else DEGRADED,
        "model_id": manifest["model_id"],
        "model_simulated": manifest.get("model_simulated", "none"),
        "newest_epoch": manifest["newest_epoch"],
        "data_age_days": manifest["data_age_days"],
        "finished_at": manifest["finished_at"],
        "messages": manifest["messages"][:KEPT_MESSAGES],
        "manifest_sha256": sha256_of(directory / MANIFEST_FILE),
    }


def damage_of(home: Path, directory: Path) -> dict[str, str]:
    """Return the damaged files of a published run, name to what is wrong; see :func:`erosion.publish.integrity.damage`."""
    try:
        listed = published(home)["runs"]
    except RunError:
        listed = []  # reported, and made again, when this run lists itself
    hashes = {entry["directory"]: entry.get("manifest_sha256") for entry in listed}
    return damage(directory, hashes.get(directory.name))


def damage_message(directory: Path, damaged: Mapping[str, str], as_of: str) -> str:
    """Return what is wrong with a published run and how to mend it."""
    files = "; ".join(f"{name} {fault}" for name, fault in damaged.items())
    return f"published files in {directory} are damaged: {files}. {_cure(as_of).capitalize()}, or restore the directory"


def _cure(as_of: str) -> str:
    return f"run {as_of} again, which makes them anew"
