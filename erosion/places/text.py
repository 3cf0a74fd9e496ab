"""Free text of a foreign file, made fit to be shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

MAX_CHARACTERS: Final = 120
"""Longest text that is kept; the longest name of a commune with its former district has some 60."""

MAX_FORMER: Final = 40
"""Most former units of a commune that are kept."""

_SEPARATOR: Final = re.compile(r"[,;](?![^()]*\))")
"""A comma or semicolon that no closing bracket follows before an opening one: those in brackets explain a name."""


def clean(value: Any) -> str | None:
    """Return a text in NFC without control, format and private characters, white space made single, or None where nothing is left.

    What is longer than :data:`MAX_CHARACTERS` is cut and ends in ``…``.
    """
    if value is None or (not isinstance(value, (str, list, tuple, np.ndarray)) and pd.isna(value)):
        return None
    # A hostile field may have megabytes; marks that compose make a text shorter, never by more than a few times.
    text = unicodedata.normalize("NFC", str(value)[: 20 * MAX_CHARACTERS])
    kept = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or not unicodedata.category(c).startswith("C")
    )
    words = " ".join(kept.split())
    if len(words) > MAX_CHARACTERS:
        words = words[: MAX_CHARACTERS - 1].rstrip() + "…"
    return words or None


def names_in(value: Any) -> tuple[str, ...]:
    """Return the names that a field holds: of a list its members, of a text what commas and semicolons outside brackets part."""
    members: Iterable[Any]
    if isinstance(value, (list, tuple, np.ndarray)):
        members = list(value)[:MAX_FORMER]
    elif isinstance(value, str):
        members = _SEPARATOR.split(value[: 2 * MAX_FORMER * MAX_CHARACTERS])
    else:
        members = [value]
    found = (clean(member) for member in members)
    return tuple(dict.fromkeys(name for name in found if name is not None))[:MAX_FORMER]
