"""Words for people in each language, and how numbers, dates and places are written in it (:mod:`erosion.words.write`).

The texts stand in gettext catalogues beside this file, one a language (``vi.po``, ``en.po``). They are read as they are, without
a compiled copy that could be older.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

LANGUAGES: Final = {"vi": "Tiếng Việt", "en": "English"}
"""Code to the language's own name; the first is the default."""


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return the texts of a language by key.

    Raises
    ------
    KeyError
        When there is no such language.
    """
    # Reading PO files takes a tenth of a second to import, and jobs without a screen do without it.
    from babel.messages.pofile import read_po

    if language not in LANGUAGES:
        raise KeyError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    with (Path(__file__).parent / f"{language}.po").open("rb") as file:
        entries = read_po(file, abort_invalid=True)
    return {str(entry.id): str(entry.string) for entry in entries if entry.id}


def translate(language: str, key: str, **values: Any) -> str:
    """Return a text in a language.

    Parameters
    ----------
    language
        ``vi`` or ``en``.
    key
        Key of the catalogues.
    values
        What the placeholders of the text stand for, already written in the language.

    Raises
    ------
    KeyError
        When there is no such key or placeholder: a mistake in the program, found by its tests.
    """
    return catalogue(language)[key].format(**values)


def has_text(key: str) -> bool:
    """Return whether the catalogues have a key, for keys made from words in a file."""
    return key in catalogue(next(iter(LANGUAGES)))
