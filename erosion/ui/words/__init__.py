"""Words of the screen in each language, and how numbers, dates and places are written in it (:mod:`erosion.ui.words.write`)."""

from __future__ import annotations

from typing import Any, Final

from erosion.ui.words import applicability, en, necks, stages, vi

LANGUAGES: Final = {"vi": "Tiếng Việt", "en": "English"}
"""Code to the language's own name; the first is the default."""

CATALOGUES: Final = {
    "vi": vi.WORDS | applicability.VI | necks.VI | stages.VI,
    "en": en.WORDS | applicability.EN | necks.EN | stages.EN,
}


def translate(language: str, key: str, **values: Any) -> str:
    """Return a text of the screen in a language.

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
    return CATALOGUES[language][key].format(**values)


def has_text(key: str) -> bool:
    """Return whether the catalogues have a key, for keys made from words in a file."""
    return key in CATALOGUES["vi"]
