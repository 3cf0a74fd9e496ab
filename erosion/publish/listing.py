"""``published.json``, the list of what a region has published: one typed record that the writer and the map share."""

import json
from pathlib import Path
from typing import Final, NotRequired, TypedDict, cast

import pandas as pd

from erosion.core.files import write_json
from erosion.publish.json_shape import check_shape

FILE: Final = "published.json"

VERSION: Final = 1
"""Version of the record; a file of another one is refused by name. Files from before there was one are of version 1."""


class ListingError(RuntimeError):
    """The list of published runs is damaged or of another version; the message names the file and the cure."""


class ListedTarget(TypedDict):
    """A forecast target of the region."""

    name: str
    horizon_days: int
    threshold_m: float


class ListedReach(TypedDict):
    """A reach of the region and its title by language."""

    name: str
    title: dict[str, str]


class ListedRun(TypedDict):
    """A published run."""

    as_of: str
    """YYYY-MM-DD."""
    run_id: str
    directory: str
    """Name of its directory, beside the list."""
    outcome: str
    exit_code: int
    model_id: str
    model_simulated: NotRequired[str]
    """As in the manifest."""
    newest_epoch: str
    data_age_days: NotRequired[int]
    finished_at: str
    messages: list[str]
    manifest_sha256: NotRequired[str]
    """Hash of the run's manifest, which itself holds the hashes of its other files."""


class Listing(TypedDict):
    """What a region has published."""

    version: NotRequired[int]
    region: str
    title: dict[str, str]
    reaches: NotRequired[list[ListedReach]]
    simulated: bool
    timezone: str
    stale_after_days: float | None
    targets: list[ListedTarget]
    runs: list[ListedRun]
    """Ascending by date."""


def read_listing(path: Path) -> Listing:
    """Return the list of what a region has published.

    Raises
    ------
    ListingError
        The file cannot be read, is of another version, or a key is missing or not what it should be.
    """
    cure = "the next run of the region writes it anew from the ledger and the runs' manifests"
    if path.is_dir():
        raise ListingError(f"{path} is a folder where the list should be; take it away, and {cure}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.get("version", VERSION) if isinstance(content, dict) else VERSION
        if version != VERSION:
            raise ListingError(f"{path} is of version {version!r}, this program reads {VERSION}; {cure}")
        check_shape(content, Listing)
        for number, entry in enumerate(content["runs"]):
            _check_run(entry, f"runs[{number}]")
    except (OSError, ValueError, RecursionError) as error:
        raise ListingError(f"{path} is damaged ({error}); {cure}") from error
    return cast("Listing", content)


def write_listing(path: Path, listing: Listing) -> None:
    """Replace the list at once."""
    write_json(path, listing)


def _check_run(entry: ListedRun, where: str) -> None:
    if Path(entry["directory"]).name != entry["directory"] or entry["directory"] in ("", ".."):
        raise ValueError(f"{where}: directory {entry['directory']!r} leaves the region's folder")
    for key in ("as_of", "newest_epoch", "finished_at"):
        text = entry[key]
        try:
            missing = pd.isna(pd.Timestamp(text))
        except ValueError:
            missing = True
        if missing:
            raise ValueError(f"{where}: {key} {text!r} is no time")
