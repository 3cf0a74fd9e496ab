"""How a published file is read: what comes out of one is untrusted, and its time of change is part of every cache key.

Big tables are read once for each version of a file (path and time of change) and shared between sessions; nobody changes
them. Streamlit leaves arguments whose name starts with an underscore out of the key of a cache, so the time of change
must not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class ProductError(RuntimeError):
    """A published file is missing or not what it should be; the message names it."""


def stamp(path: Path) -> int:
    """Return the time a file last changed [ns], 0 where there is none; part of every cache key."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises
    ------
    ProductError
        When the file cannot be read or holds something else; the message names it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ProductError(f"{path}: holds no JSON object")
    return content


def require_columns(found: Iterable[str], wanted: Iterable[str], path: object) -> None:
    """Raise where a table lacks a column.

    Parameters
    ----------
    found
        Columns of the table.
    wanted
        Columns that are needed.
    path
        Its file, for the message.

    Raises
    ------
    ProductError
        Names the file and the columns.
    """
    there = set(found)
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ProductError(f"{path}: column {', '.join(missing)} is missing; publish the run again")
