"""``published.json``, the list of what a region has published: one typed record that the writer and the map share."""

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, NotRequired, TypedDict, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

import pandas as pd

from erosion.core.files import write_json

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
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.get("version", VERSION) if isinstance(content, dict) else VERSION
        if version != VERSION:
            raise ListingError(f"{path} is of version {version!r}, this program reads {VERSION}; {cure}")
        _check(content, Listing, "the file")
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


def _check(value: Any, kind: Any, where: str) -> None:
    """Refuse a value of JSON that is not of a kind, naming where it stands."""
    if is_typeddict(kind):
        _need(value, dict, where)
        hints = get_type_hints(kind)
        for key in sorted(kind.__required_keys__ - value.keys()):
            raise ValueError(f"{where}: {key} is missing")
        for key, of in hints.items():
            if key in value:
                _check(value[key], of, key if where == "the file" else f"{where}.{key}")
    elif get_origin(kind) is list:
        _need(value, list, where)
        for number, item in enumerate(value):
            _check(item, get_args(kind)[0], f"{where}[{number}]")
    elif get_origin(kind) is dict:
        _need(value, dict, where)
        for key, item in value.items():
            _check(item, get_args(kind)[1], f"{where}.{key}")
    elif get_origin(kind) in (Union, UnionType):
        if not (value is None and NoneType in get_args(kind)):
            _check(value, next(of for of in get_args(kind) if of is not NoneType), where)
    else:
        _need(value, kind, where)


def _need(value: Any, kind: type, where: str) -> None:
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
        raise ValueError(f"{where} is {json.dumps(value)[:40]}, not {names.get(kind, 'a number')}")
