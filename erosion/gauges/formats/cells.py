"""Texts of a table to instants and numbers. What cannot be read is reported and never guessed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.gauges.formats.rows import cell_text

NO_TIME: Final = np.iinfo(np.int64).min
"""Stands for a time that cannot be read."""

_DATED: Final = re.compile(r"\d{4}-?\d{2}-?\d{2}")  # not a lone year, which ISO 8601 would take as 1 January
_OFFSET: Final = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
_DAY_END: Final = re.compile(r"(?<![\d:.])24:00(?::00(?:\.0+)?)?(?![\d:.])")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_NO_CLOCK: Final = ("", "--:--", "--:--:--")
_YEARS: Final = (1700, 2200)  # a time is kept in nanoseconds of 64 bits, which reach from 1677 to 2262


def instants(
    cells: Sequence[Any], timezone: str, time_format: str | None = None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return texts and cells as instants.

    Parameters
    ----------
    cells
        Texts, or real dates of a sheet, shape (n,). A text without a pattern is ISO 8601, with or without an offset;
        24:00 is the beginning of the next day.
    timezone
        Zone of the times without an offset.
    time_format
        Pattern of the texts.

    Returns
    -------
    times : numpy.ndarray
        Nanoseconds since 1970 UTC, shape (n,); :data:`NO_TIME` where a cell cannot be read.
    off_the_clock : numpy.ndarray
        True where a cell holds a time that the zone's clocks left out or showed twice when summer time began or ended.
        Midnight is another matter: a day that began without one began an hour later.
    """
    plain = [cell_text(cell) for cell in cells]
    next_day = np.zeros(len(plain), dtype=bool)
    for i, text in enumerate(plain):
        if "24:00" in text:
            begun, number = _DAY_END.subn("00:00", text)
            if number == 1:
                plain[i], next_day[i] = begun, True
    texts = pd.Series(plain, dtype=object)
    times = np.full(len(plain), NO_TIME)
    off = np.zeros(len(plain), dtype=bool)
    real = np.array([isinstance(cell, dt.datetime) for cell in cells], dtype=bool)
    for chosen, aware in _kinds(texts, real, time_format):
        if not chosen.any():
            continue
        stamps = pd.to_datetime(
            texts[chosen],
            format="ISO8601" if time_format is None or chosen is real else time_format,
            errors="coerce",
            utc=aware,
        )
        stamps = stamps.where(stamps.dt.year.between(*_YEARS)).dt.as_unit("us")
        stamps += pd.to_timedelta(next_day[chosen].astype(int), unit="D").as_unit("us")
        if chosen is real:
            stamps = stamps.dt.round("s")  # a sheet keeps a time as a fraction of a day
        if not aware:
            local = stamps
            stamps = local.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
            begins = stamps.isna() & (local == local.dt.normalize())
            if begins.any():
                stamps[begins] = local[begins].dt.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward")
            off[chosen] = (stamps.isna() & local.notna()).to_numpy()
        times[chosen] = stamps.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").to_numpy()
    return times, off


def _kinds(
    texts: pd.Series[Any], real: NDArray[np.bool_], time_format: str | None
) -> list[tuple[NDArray[np.bool_], bool]]:
    """Form of cells that are read together, and whether they have their own offset."""
    if time_format is not None:
        return [(~real, "%z" in time_format), (real, False)]
    dated = np.array([_DATED.match(text) is not None for text in texts], dtype=bool) & ~real
    offset = dated & np.array([_OFFSET.search(text) is not None for text in texts], dtype=bool)
    return [(dated & ~offset, False), (offset, True), (real, False)]


def with_clock(day: Any, clock: Any) -> Any:
    """Return a day and a time of day of two columns as one cell; without a time of day it is the day.

    Parameters
    ----------
    day, clock
        Texts, or the date and time of a sheet.
    """
    text = cell_text(clock)
    if text in _NO_CLOCK:
        return day
    if isinstance(clock, dt.time):
        text = clock.strftime("%H:%M:%S" if clock.second else "%H:%M")
    elif isinstance(clock, dt.datetime):  # a sheet's times of day are days of its epoch
        text = clock.strftime("%H:%M:%S" if clock.second else "%H:%M")
        text = "24:00" if text == "00:00" and clock.day == 1 else text
    elif isinstance(clock, dt.timedelta):
        minutes, seconds = divmod(round(clock.total_seconds()), 60)
        text = f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    if not isinstance(day, dt.datetime):
        return f"{cell_text(day)} {text}"
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return f"{day:%Y-%m-%d} {text}"
    hours, minutes, seconds = (int(part or 0) for part in clock.groups())
    if minutes > 59 or seconds > 59 or hours * 3600 + minutes * 60 + seconds > 86400:
        return f"{day:%Y-%m-%d} {text}"
    return dt.datetime.combine(day.date(), dt.time()) + dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)


def numbers(
    cells: Sequence[Any], missing: Collection[str] = (), decimal: str = "."
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return texts and cells as numbers.

    Parameters
    ----------
    cells
        Texts, or the numbers of a sheet, shape (n,).
    missing
        Texts that stand for a missing value, beside an empty one.
    decimal
        Decimal mark of the texts; the other mark makes a text unreadable, for nobody knows what it stands for.

    Returns
    -------
    values : numpy.ndarray
        Shape (n,); NaN where there is none.
    blank, unreadable : numpy.ndarray
        True where a cell is missing, and where it is neither missing nor a finite number.
    """
    texts = [cell.strip() if isinstance(cell, str) else cell_text(cell) for cell in cells]
    none = {"", *missing}
    blank = np.array([text in none for text in texts], dtype=bool)
    if decimal == ",":
        texts = [
            (text.replace(",", ".") if "." not in text else "") if isinstance(cell, str) else text
            for text, cell in zip(texts, cells, strict=True)
        ]
    plain = np.array(texts, dtype=object)
    plain[blank] = ""
    values = pd.to_numeric(plain, errors="coerce").astype(float)
    values[~np.isfinite(values)] = np.nan
    return values, blank, np.isnan(values) & ~blank
