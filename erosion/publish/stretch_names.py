"""How stretches of bank are called on paper and on the screen: commune with its former names, and the place nearby."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from erosion.core.text import clean
from erosion.words import translate

NAME_CHARACTERS: Final = 160
"""Most characters of a name out of a file; what is longer ends in ``…``."""


def name_text(value: Any) -> str | None:
    """Return a name out of a file, made fit to be shown; None where there is none."""
    return clean(value, NAME_CHARACTERS)


def commune_text(row: Mapping[Any, Any], language: str) -> str | None:
    """Return the commune of a stretch with its former names; None where it is unknown."""
    name = name_text(row["commune"])
    return None if name is None else with_former(name, name_text(row["commune_former"]), language)


def with_former(name: str, former: str | None, language: str) -> str:
    """Return the name of a commune with its former names, as people say both."""
    return translate(language, "stretch.commune", name=name, former=former) if former else name


def place_text(row: Mapping[Any, Any], language: str) -> str | None:
    """Return where a stretch lies by a place near it; None where none is known."""
    return name_text(row[f"place_{language}"])
