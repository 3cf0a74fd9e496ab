"""Numbers, dates and places written the way readers of each language write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from erosion.words import translate

NOTHING = "–"
"""Stands where there is no value; never 0."""


def number(value: Any, language: str, decimals: int = 0) -> str:
    """Return a number: ``1.234,5`` in Vietnamese, ``1,234.5`` in English; a missing one is a dash."""
    if missing(value):
        return NOTHING
    text = f"{round(float(value), decimals) + 0.0:,.{decimals}f}"  # what rounds to zero has no sign
    if language == "vi":
        text = text.translate(str.maketrans(",.", ".,"))
    return text.replace("-", "−")


def share(value: Any, language: str) -> str:
    """Return a probability in whole per cent; what rounds to certainty is not called certain."""
    if missing(value):
        return NOTHING
    percent = 100.0 * float(value)
    if 0.0 < percent < 1.0:
        return "<1%"
    if 99.0 < percent < 100.0:
        return ">99%"
    return f"{number(percent, language)}%"


def day(value: Any, language: str) -> str:
    """Return a date: ``30/06/2018`` in Vietnamese, ``2018-06-30`` in English."""
    stamp = _stamp(value)
    if stamp is None:
        return NOTHING
    return f"{stamp:%d/%m/%Y}" if language == "vi" else f"{stamp:%Y-%m-%d}"


def moment(value: Any, language: str, timezone: str) -> str:
    """Return an instant in the area's local time, to the minute."""
    stamp = _stamp(value)
    if stamp is None:
        return NOTHING
    local = (stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp).tz_convert(ZoneInfo(timezone))
    return f"{local:%H:%M} {day(local, language)}"


def chainage(value_m: Any) -> str:
    """Return a place along the river as surveyors do: 23 456 m is ``km 23+456``."""
    if missing(value_m):
        return NOTHING
    whole = round(float(value_m))
    return f"km {whole // 1000}+{whole % 1000:03d}"


def place(bank: str, chainage_m: Any, language: str) -> str:
    """Return the name of a place on the bank: ``Bờ phải · km 23+400``."""
    return translate(language, "place", bank=translate(language, f"bank.{bank}"), chainage=chainage(chainage_m))


def span(low: Any, high: Any, language: str) -> str:
    """Return a range: ``12–88``."""
    return NOTHING if missing(low) or missing(high) else f"{number(low, language)}–{number(high, language)}"


def change(level: int, previous: int, language: str) -> str:
    """Return how a level moved since the run before."""
    if previous < 0:
        return translate(language, "change.new")
    if level == previous:
        return translate(language, "change.same")
    return translate(language, "change.up" if level > previous else "change.down", level=previous)


def missing(value: Any) -> bool:
    """Return whether there is no value."""
    return bool(pd.isna(value))


def _stamp(value: Any) -> pd.Timestamp | None:
    if missing(value) or value == "":
        return None
    try:
        stamp = pd.Timestamp(value) if isinstance(value, (str, datetime, pd.Timestamp)) else pd.Timestamp(str(value))
    except ValueError:
        return None
    return None if pd.isna(stamp) else stamp
