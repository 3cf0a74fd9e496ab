"""Words and marks for a part of a year in file names: months, seasons, quarters, weeks, in the languages files are named in."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Words between bars, without their marks. The short English months are shared with other languages.
_MONTHS: Final = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
    "|january|february|march|april|june|july|august|september|october|november|december"
    "|janv|fevr|avr|juil|janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"  # French
    "|mrz|okt|dez|januar|februar|marz|maerz|juni|juli|oktober|dezember"  # German
    "|ene|abr|ago|dic|enero|febrero|marzo|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"  # Spanish
    "|fev|out|janeiro|fevereiro|marco|maio|junho|julho|setembro|outubro|novembro|dezembro"  # Portuguese
)

_SEASONS: Final = (
    "spring|summer|autumn|fall|winter|dry|wet|rainy|monsoon|premonsoon|postmonsoon"
    "|printemps|ete|automne|hiver|etiage|pluies|seche"
    "|fruhling|fruehling|fruhjahr|fruehjahr|sommer|herbst|trockenzeit|regenzeit"
    "|primavera|verano|otono|invierno|estiaje|lluvias|seca|sequia"
    "|verao|outono|inverno|estiagem|cheia"
)

_COUNTED: Final = (
    "quarter|trimester|semester|month|week|wk|day|doy|trimestre|semestre|mois|semaine"
    "|quartal|halbjahr|monat|woche|mes|semana|quy|thang|tuan|ngay"
)
"""Words that a number follows: month 2, tuần 5."""

_VIETNAMESE: Final = (
    r"thang[-_. ]?(?:gieng|mot|hai|ba|tu|nam|sau|bay|tam|chin|muoi|chap)",
    r"quy[-_. ]?(?:i{1,3}|iv)",
    r"mua[-_. ]?(?:kho|mua|lu|can|kiet|xuan|he|ha|thu|dong|nuoc[-_. ]?(?:noi|lon|can))",
)
"""Months by name (tháng hai), quarters in Roman numerals (quý II), seasons (mùa khô)."""

# Digits may stand beside a word (feb2022), letters may not: a marsh is no month.
_PERIOD: Final = re.compile(
    r"(?<![a-z])(?:"
    r"(?:q|h|t|w|m)\d{1,3}(?![a-z0-9])"
    r"|d\d{3}(?!\d)"
    rf"|(?:{_COUNTED})[-_. ]?\d{{1,3}}(?!\d)"
    rf"|{'|'.join(_VIETNAMESE)}"
    rf"|(?:{_MONTHS}|{_SEASONS})"
    r"|(?:early|mid|late)(?=[-_. ]?(?:19|20)\d\d)"
    r")(?![a-z])"
    r"|(?<![a-z0-9])[1-4][qhts](?![a-z])"
    # S1 before a year is the satellite, after it the half.
    r"|(?<=(?:19|20)\d\d)-?s[12](?![a-z0-9])",
    re.IGNORECASE,
)

_YEAR_BETWEEN: Final = re.compile(r"([^\W\d_]?)[-_. ]*(?:19|20)\d\d[-_. ]*([^\W\d_]?)")
"""A year and the letters nearest to it on either side, across separators."""


def period_in(stem: str) -> str | None:
    """Return what in a file name may be a part of a year, as it is written there; None where nothing is.

    Letters are compared without their marks: ``tháng``, in either of its encodings, is ``thang``. Of a word in another
    script beside the year nobody here knows what it means, so it counts as one.
    """
    written = unicodedata.normalize("NFC", stem)
    found = _PERIOD.search("".join(_plain(letter) for letter in written))
    if found:
        return written[found.start() : found.end()]
    letters = "".join(c for c in unicodedata.normalize("NFD", stem) if not unicodedata.category(c).startswith("M"))
    for match in _YEAR_BETWEEN.finditer(letters):
        if any(letter and not _is_latin(letter) for letter in match.groups()):
            return match[0]
    return None


def _plain(letter: str) -> str:
    """Return one letter without its marks; the result is one letter long, so that places in a text stay."""
    return {"đ": "d", "Đ": "D"}.get(letter) or unicodedata.normalize("NFD", letter)[0]


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")
