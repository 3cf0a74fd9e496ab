"""Date of a file: from a tag that it carries, or from its name.

A name is read strictly. ``11-02-2018`` is a day in February or in November, and ``Q1_2022`` is no day at all; a date that
is guessed wrongly puts an observation in the wrong season. Such names are refused with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import pandas as pd

from erosion.core.contracts import in_utc
from erosion.core.periods import period_in

MONTH_DAY: Final = 15
"""Day given to a name that holds a year and a month: the middle of what a monthly composite describes."""

_EXAMPLES: Final = "2018-06-22, 2018-06 or 2018-173"

# Year, month and day, as 2018-06-22, 2018_06_22 or 20180622, not inside a longer number.
_DAY: Final = re.compile(r"(?<!\d)((?:19|20)\d{2})([-_.]?)(\d{2})\2(\d{2})(?!\d)")
_MONTH: Final = re.compile(r"((?:19|20)\d{2})[-_.](\d{2})")
_DAY_OF_YEAR: Final = re.compile(r"((?:19|20)\d{2})[-_.]?(\d{3})")
_YEAR: Final = re.compile(r"(?:19|20)\d{2}")

# Year, month and day, or day, month and year, of two digits each and without separators.
_SHORT: Final = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}"

# Numbers joined by single separators: everything in a name that may be a date stands in one of these.
_NUMBERS: Final = re.compile(r"\d+(?:[-_. ]\d+)*")
# A number that belongs to the letters before it (S2, v3, tile12) or that is a pixel size (30m).
_LABEL: Final = re.compile(r"(?<=[A-Za-z])(?!(?:19|20)\d{2})\d+[_ ]+(?=\d)")
_PIXEL_SIZE: Final = re.compile(r"[-_. ]\d+k?m(?![A-Za-z0-9])", re.IGNORECASE)

Precision = Literal["day", "month", "year"]


class NameDate(NamedTuple):
    """A date of a file: the start of a UTC day, and whether the file states the day, the month or the year only."""

    day: pd.Timestamp
    precision: Precision


def date_of_file(
    name: str,
    tags: Mapping[str, str],
    date_from: Sequence[str],
    date_tag: str,
    year_day: str | None = None,
) -> NameDate | str:
    """Date of a file from its tag or its name, or the reason why there is none.

    Parameters
    ----------
    name
        File name.
    tags
        Tags of the file.
    date_from
        Where the date is looked for, in order: ``tag``, ``name``.
    date_tag
        Tag that holds the date.
    year_day
        Day (MM-DD) given to a name that holds a year only. None where the file needs the day itself: then a name with a
        year or a month only is refused.

    Returns
    -------
    NameDate or str
        The date, or the reason why there is none. A tag holds the day.
    """
    reasons: list[str] = []
    for place in date_from:
        if place == "tag":
            tagged = date_in_tag(tags, date_tag)
            found = tagged if isinstance(tagged, str) else NameDate(tagged, "day")
        else:
            found = date_in_name(Path(name).stem, year_day or "07-01")
            if isinstance(found, NameDate) and year_day is None and found.precision != "day":
                found = f"the name holds a {found.precision} alone; write the day into it"
        if isinstance(found, NameDate):
            return found
        reasons.append(found)
    return f"no date: {'; '.join(reasons)}"


def date_in_tag(tags: Mapping[str, str], tag: str) -> pd.Timestamp | str:
    """Date in a tag (``2018-06-22`` or ``2018:06:22``, with or without a time), or the reason why there is none."""
    text = tags.get(tag)
    if text is None:
        return f"no tag {tag}"
    match = re.match(r"^\s*(\d{4})[-:](\d{2})[-:](\d{2})([T ].*)?$", text)
    try:
        if match:
            return in_utc(f"{match[1]}-{match[2]}-{match[3]}{match[4] or ''}").normalize()
    except ValueError:
        pass
    return f"tag {tag} holds {text!r}, which is no date like 2018-06-22"


def date_in_name(stem: str, year_day: str) -> NameDate | str:
    """Date in a file name without its extension, or the reason why there is none.

    Read are, in this order: the first year, month and day (2018-06-22); one year and month (2018-06), which is given day
    :data:`MONTH_DAY`, or one day of the year (2018-173); one year, which is given ``year_day``. The separators ``-``,
    ``_`` and ``.`` are equal; a day and a day of the year may be written without one. A year counts only where nothing
    else in the name looks like a date.
    """
    for match in _DAY.finditer(stem):
        found = _day(f"{match[1]}-{match[3]}-{match[4]}")
        if found is not None:
            return NameDate(found, "day")
    dates: dict[NameDate, str] = {}
    years: set[str] = set()
    plain = _LABEL.sub(" ", _PIXEL_SIZE.sub("", stem))
    for match in _NUMBERS.finditer(plain):
        text = match[0]
        if set(re.split(r"[-_. ]", text)) <= set(_YEAR.findall(text)):
            years |= set(_YEAR.findall(text))
            continue
        date = _month_or_day_of_year(text)
        followed = plain[match.end() : match.end() + 1].isalpha()
        if date is not None and not followed:
            dates[date] = text
        elif _looks_like_a_date(text):
            return f"the name holds {text}, which is no ISO date; write it like {_EXAMPLES}"
    if len(dates) > 1 or (dates and years - {str(date.day.year) for date in dates}):
        return (
            f"the name holds several dates ({', '.join(sorted([*dates.values(), *years]))}); write one ISO date into it"
        )
    if dates:
        return next(iter(dates))
    period = period_in(stem)
    if years and period:
        return f"the name holds {period} beside the year, which is no ISO date; write it like {_EXAMPLES}"
    if len(years) > 1:
        return f"the name holds several years ({', '.join(sorted(years))}); write one ISO date into it"
    if years:
        return NameDate(pd.Timestamp(f"{years.pop()}-{year_day}", tz="UTC"), "year")
    return "no date like 2018-06-22 and no year in the name"


def _month_or_day_of_year(text: str) -> NameDate | None:
    month, day = _MONTH.fullmatch(text), _DAY_OF_YEAR.fullmatch(text)
    if month and (found := _day(f"{month[1]}-{month[2]}-{MONTH_DAY:02d}")) is not None:
        return NameDate(found, "month")
    if day:
        found = pd.Timestamp(f"{day[1]}-01-01", tz="UTC") + pd.Timedelta(days=int(day[2]) - 1)
        if found.year == int(day[1]):
            return NameDate(found, "day")
    return None


def _looks_like_a_date(text: str) -> bool:
    """Return True where numbers hold a year and something beside it, or a day with a year of two digits, in whatever order."""
    groups = re.split(r"[-_. ]", text)
    if len(groups) == 3 and all(len(group) <= 2 for group in groups):
        return True
    joined = re.compile(r"(?:19|20)\d{4,6}|\d{4}(?:19|20)\d{2}|" + _SHORT)
    return any(_YEAR.fullmatch(group) or joined.fullmatch(group) for group in groups)


def _day(text: str) -> pd.Timestamp | None:
    try:
        return pd.Timestamp(text, tz="UTC")
    except ValueError:
        return None
