"""Text of unknown origin, made fit to be shown."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

import numpy as np
import pandas as pd

MAX_CHARACTERS: Final = 120
"""Longest text that is kept; the longest name of a commune with its former district has some 60."""


def clean(value: Any, most: int = MAX_CHARACTERS) -> str | None:
    """Return a text in NFC without control, format and private characters, white space made single, or None where nothing is left.

    What is longer than ``most`` is cut and ends in ``…``.
    """
    if value is None or (not isinstance(value, (str, list, tuple, np.ndarray)) and pd.isna(value)):
        return None
    # A hostile field may have megabytes; marks that compose make a text shorter, never by more than a few times.
    text = unicodedata.normalize("NFC", str(value)[: 20 * most])
    kept = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or not unicodedata.category(c).startswith("C")
    )
    words = " ".join(kept.split())
    if len(words) > most:
        words = words[: most - 1].rstrip() + "…"
    return words or None
