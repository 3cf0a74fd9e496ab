"""Names in a field of a foreign file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from erosion.core.text import MAX_CHARACTERS, clean

MAX_FORMER: Final = 40
"""Most former units of a commune that are kept."""

_SEPARATOR: Final = re.compile(r"[,;](?![^()]*\))")
"""A comma or semicolon that no closing bracket follows before an opening one: those in brackets explain a name."""


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
