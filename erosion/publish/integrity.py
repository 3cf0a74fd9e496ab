"""Whether the files of a published run are still what was written: its manifest holds the hash of each."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from erosion.core.files import sha256_of
from erosion.publish.json_shape import check_shape
from erosion.publish.manifest import FILE as MANIFEST_FILE
from erosion.publish.manifest import FileHashes

CHANGED: Final = "is not what was published"
"""Fault of a file whose hash differs."""


def damage(directory: Path, manifest_sha256: str | None = None) -> dict[str, str]:
    """Return the damaged files of a published run: name to what is wrong with it; empty where all are whole.

    A file is hashed once a process, and again when its size or time of change differs.

    Parameters
    ----------
    directory
        Directory of the run.
    manifest_sha256
        Hash of its manifest, as the list of published runs has it; None for a run listed by a program that did not
        keep it.
    """
    try:
        manifest = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
        hashes = _hashes(manifest)
    except FileNotFoundError:
        return {MANIFEST_FILE: "is missing"}
    except (OSError, ValueError, RecursionError) as error:
        return {MANIFEST_FILE: f"cannot be read ({error})"}
    if manifest_sha256 is not None:
        hashes = {MANIFEST_FILE: manifest_sha256, **hashes}
    found = {name: _fault(directory / name, digest) for name, digest in hashes.items()}
    return {name: fault for name, fault in found.items() if fault}


def _hashes(manifest: Any) -> dict[str, str]:
    check_shape(manifest, FileHashes)
    hashes: dict[str, str] = {**manifest["outputs"], **manifest["memory"]}
    for name in hashes:
        if Path(name).name != name or name in ("", ".."):
            raise ValueError(f"file {name!r} leaves the directory of the run")
    return hashes


def _fault(path: Path, digest: str) -> str:
    try:
        state = path.stat()
        if state.st_size == 0:
            return "is empty"
        found = _hash(str(path), state.st_size, state.st_mtime_ns)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error})"
    return "" if found == digest else CHANGED


@lru_cache(maxsize=4096)
def _hash(path: str, _size: int, _changed_ns: int) -> str:
    return sha256_of(Path(path))
