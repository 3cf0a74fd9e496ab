"""Files that are read by others while they are written: replaced at once, and known by their hash."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(directory: Path) -> str:
    """Return one SHA-256 of all files of a directory, by name and content."""
    files = sorted(path for path in directory.glob("*") if path.is_file())
    return hashlib.sha256("".join(f"{path.name}:{sha256_of(path)}" for path in files).encode()).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a JSON file at once: a reader gets the old or the new one, never half.

    A number that is not finite becomes null, for JSON has none.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            json.dump(_plain(content), file, ensure_ascii=False, indent=1, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(temporary: Path, path: Path) -> None:
    for wait_s in (0.05, 0.2, 1.0):
        try:
            temporary.replace(path)
            return
        except PermissionError:  # on Windows, while a reader has the file open
            time.sleep(wait_s)
    temporary.replace(path)


def _plain(value: Any) -> Any:
    """Return what JSON can hold; it has neither numpy's numbers nor NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def sync(directory: Path) -> None:
    """Bring a directory's entries to the disk."""
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
