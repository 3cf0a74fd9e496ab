"""The warning in at most 300 characters, for Zalo and loudspeakers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from erosion.core.contracts import LEVELS, SIMULATED_NOTICE
from erosion.publish.bulletins.facts import Area, RunFacts, bank_text
from erosion.publish.columns import LEVEL_WORDS
from erosion.publish.stretch_names import commune_text, name_text
from erosion.words import translate, write

LIMIT: Final = 300
"""Most characters, counted after NFC."""

WANTED: Final = 3
"""Names are made shorter until so many stretches are named, where there are as many."""


def short_text(facts: RunFacts, area: Area, language: str) -> str:
    """Return the warning in at most :data:`LIMIT` characters.

    The worst stretches come first, each named whole or not at all, and those that are not named are counted. Names
    are given as fully as lets :data:`WANTED` stretches be named; a name that a file holds only in part is left out.
    """
    rows = [
        {str(key): value for key, value in row.items()}
        for row in area.stretches.drop(columns="geometry").to_dict("records")
    ]
    draft = translate(language, "bulletin.draft")
    exercise = f"{SIMULATED_NOTICE}, {translate(language, 'bulletin.exercise')}. " if facts.listing["simulated"] else ""
    date = write.day(facts.run["as_of"], language)
    openings = [
        f"{exercise}{draft}. " + translate(language, "short.head", place=place, date=date)
        for place in (area.title, name_text(facts.listing["title"].get(language)) or "")
        if place and "…" not in place
    ] + [f"{exercise}{draft}. " + translate(language, "short.head.bare", date=date)]
    if not rows:
        ends = [translate(language, "short.none")]
        return _first_that_fits([f"{opening} {end}" for opening in openings for end in ends])
    best, most = "", -1
    for form in _FORMS:
        entries = [form(facts, row, language) for row in rows]
        for opening in openings:
            text, named = _filled(opening, entries, rows, language)
            if named >= min(WANTED, len(rows)):
                return text
            if named > most:
                best, most = text, named
    return best


def _filled(opening: str, entries: Sequence[str], rows: Sequence[Mapping[str, Any]], language: str) -> tuple[str, int]:
    """Return the longest text that fits and how many stretches it names; -1 where not even the opening fits."""
    for count in range(min(len(entries), LIMIT // 8), -1, -1):
        if any("…" in entry for entry in entries[:count]):
            continue
        left = rows[count:]
        parts = ["; ".join(entries[:count]) + "." if count else "", _more(left, language, after=count > 0)]
        text = _normal(" ".join(part for part in (opening, *parts, translate(language, "short.see")) if part))
        if len(text) <= LIMIT:
            return text, count
    return "", -1


def _more(left: Sequence[Mapping[str, Any]], language: str, *, after: bool) -> str:
    """Return how many stretches are not named."""
    if not left:
        return ""
    worst = max(int(row["level"]) for row in left)
    key = "short.more" if after else "short.all"
    return translate(language, key, n=write.number(len(left), language), level=worst)


def _full(facts: RunFacts, row: Mapping[str, Any], language: str) -> str:
    parts = (_bank(facts, row, language), commune_text(row, language))
    return _entry(parts, row, language)


def _present_name(facts: RunFacts, row: Mapping[str, Any], language: str) -> str:
    return _entry((_bank(facts, row, language), name_text(row["commune"])), row, language)


def _without_commune(facts: RunFacts, row: Mapping[str, Any], language: str) -> str:
    return _entry((_bank(facts, row, language),), row, language)


def _bare(facts: RunFacts, row: Mapping[str, Any], language: str) -> str:
    return _entry((bank_text(row, "", language),), row, language)


_FORMS: Final[tuple[Callable[[RunFacts, Mapping[str, Any], str], str], ...]] = (
    _full, _present_name, _without_commune, _bare,
)  # fmt: skip
"""Names of a stretch, the fullest first."""


def _bank(facts: RunFacts, row: Mapping[str, Any], language: str) -> str:
    return bank_text(row, facts.reach_title(row["reach"], language), language)


def _entry(parts: Sequence[str | None], row: Mapping[str, Any], language: str) -> str:
    level = int(row["level"])
    assert level in LEVELS
    named = ", ".join(part for part in parts if part)
    return translate(language, "short.entry", name=named, level=level, word=LEVEL_WORDS[language][level])


def _first_that_fits(texts: Sequence[str]) -> str:
    return next(text for text in map(_normal, texts) if len(text) <= LIMIT)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)
