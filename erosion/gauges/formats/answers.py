"""Numbers as services write them: JSON numbers with null, or texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from erosion.core.errors import SourceError

_NUMBER: Final = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")


def from_json(values: Any, n: int, what: str) -> np.ndarray:
    """Return a list of JSON numbers as an array; null is NaN.

    Parameters
    ----------
    values
        What stands where a list of ``n`` numbers is expected.
    n
        How many there must be.
    what
        Begins the error message.

    Raises
    ------
    SourceError
        Where it is no such list; a text or a truth value is no number.
    """
    if not isinstance(values, list) or len(values) != n:
        raise SourceError(f"{what} has not one value for each of the {n} times")
    out = np.full(n, np.nan)
    for i, value in enumerate(values):
        if value is None:
            continue
        try:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError
            out[i] = float(value)
        except (ValueError, OverflowError):
            raise SourceError(f"{what} holds {str(value)[:40]!r} where a number should be") from None
    return out


def from_texts(texts: Iterable[Any]) -> np.ndarray:
    """Return texts like ``"466"`` as numbers, shape (n,); what is no decimal number is NaN."""
    return np.array([float(t) if _NUMBER.fullmatch(t) else np.nan for t in map(str, texts)], dtype=float)
