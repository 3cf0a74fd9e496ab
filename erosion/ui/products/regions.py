"""Which regions and runs are published, and what a run records of itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erosion.core.vocabulary import RunOutcome
from erosion.publish.integrity import damage
from erosion.publish.listing import FILE, ListedRun, ListingError, read_listing
from erosion.publish.manifest import Manifest, read_manifest
from erosion.ui.products.reading import ProductError, read_json, stamp


@dataclass(frozen=True)
class Target:
    """A forecast target of a region."""

    name: str
    horizon_days: int
    threshold_m: float


@dataclass(frozen=True)
class Run:
    """One published run, as ``published.json`` lists it."""

    as_of: str
    run_id: str
    directory: Path
    degraded: bool
    model_id: str
    model_simulated: str
    """Whether none, part or all of the rivers that the model was trained on are simulated."""
    newest_epoch: str
    finished_at: str
    messages: tuple[str, ...]
    manifest_sha256: str | None


@dataclass(frozen=True)
class Region:
    """What one region has published."""

    name: str
    folder: Path
    title: dict[str, str]
    simulated: bool
    timezone: str
    stale_after_days: float | None
    targets: tuple[Target, ...]
    reaches: dict[str, dict[str, str]]
    """Name of each reach to its title by language."""
    runs: tuple[Run, ...]
    """Ascending by date."""


def products_folder() -> Path:
    """Return the folder of products: ``EROSION_PRODUCTS``, or ``products`` here."""
    return Path(os.environ.get("EROSION_PRODUCTS") or "products")


def region_names(folder: Path) -> list[str]:
    """Return the regions that have published something, by name."""
    return sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))


def read_region(folder: Path) -> Region:
    """Return what a region has published.

    Raises
    ------
    ProductError
        When ``published.json`` cannot be read or lacks something; the message names the file, the key and the cure.
    """
    try:
        listing = read_listing(folder / FILE)
    except ListingError as error:
        raise ProductError(str(error)) from error
    return Region(
        name=listing["region"],
        folder=folder,
        title=listing["title"],
        simulated=listing["simulated"],
        timezone=listing["timezone"],
        stale_after_days=listing["stale_after_days"],
        targets=tuple(Target(**target) for target in listing["targets"]),
        # Runs of an older program did not list them.
        reaches={reach["name"]: reach["title"] for reach in listing.get("reaches", [])},
        runs=tuple(_run(folder, entry) for entry in listing["runs"]),
    )


def _run(folder: Path, entry: ListedRun) -> Run:
    return Run(
        as_of=entry["as_of"],
        run_id=entry["run_id"],
        directory=folder / entry["directory"],
        degraded=entry["outcome"] != RunOutcome.PUBLISHED,
        model_id=entry["model_id"],
        model_simulated=entry.get("model_simulated", "none"),
        newest_epoch=entry["newest_epoch"],
        finished_at=entry["finished_at"],
        messages=tuple(entry["messages"]),
        manifest_sha256=entry.get("manifest_sha256"),
    )


def damaged_files(run: Run) -> list[str]:
    """Return the files of a run that are not what was published, each with what is wrong, and their folder."""
    return [f"{run.directory / name} {fault}" for name, fault in damage(run.directory, run.manifest_sha256).items()]


def read_last_attempt(folder: Path) -> dict[str, Any]:
    """Return the record of the newest attempt, published or not; empty where there was none or it is unreadable."""
    try:
        return read_json(folder / "last_attempt.json")
    except ProductError:
        return {}


def manifest_of(run: Run) -> Manifest | None:
    """Return the manifest of a run; None where it cannot be read."""
    try:
        return read_manifest(run.directory)
    except (OSError, ValueError):
        return None


def run_version(run: Run, target: str) -> str:
    """Return a text that changes whenever a file of a run does: a cache key."""
    files = (run.directory / f"segments_{target}.parquet", run.directory / "segments.gpkg")
    return " ".join(f"{path}:{stamp(path)}" for path in files)
