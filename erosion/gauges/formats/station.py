"""What a service reports of its station, held against the catalogue entry, and what drivers of services share."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from erosion.config.gauges import GaugeSource
from erosion.core.errors import Skipped

_SHOWN: Final = 5
_SAME_M: Final = 0.005  # levels are given to the centimetre


def number(value: Any) -> float:
    """Return a number of a JSON answer; NaN where there is none.

    Raises
    ------
    ValueError
        Where something stands there that is no number.
    """
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no number")
    if isinstance(value, str) and "_" in value:  # a number to Python alone
        raise ValueError(f"{value!r} is no number")
    try:
        read = float(value)
    except OverflowError:  # an integer of hundreds of digits
        raise ValueError("is no number a float can hold") from None
    return read if math.isfinite(read) else math.nan


def one_a_time(values: pd.DataFrame, what: str, source: GaugeSource) -> tuple[pd.DataFrame, list[Skipped]]:
    """Return one value for every time.

    Parameters
    ----------
    values
        Columns ``time`` and ``value`` in the order of the answer.
    what
        Name of the quantity for the list.
    source
        Entry of the values.

    Returns
    -------
    values : pandas.DataFrame
        Columns ``time``, ``value`` and ``quality``, sorted by time. A number stands before a missing one; of numbers that
        differ the last stands and is ``suspect``.
    skipped : list of Skipped
        The times for which they differ.
    """
    there = values["value"].notna()
    ranked = values.assign(there=there).sort_values(["time", "there"], kind="stable")
    kept = ranked.drop_duplicates("time", keep="last", ignore_index=True)
    counts = values[there].groupby("time")["value"].nunique()
    twice = counts.index[counts > 1]
    kept["quality"] = ["suspect" if time in twice else "good" for time in kept["time"]]
    skipped = []
    if len(twice):
        skipped.append(
            Skipped(source.name, f"{what}: two values for {shown(twice)}; the last one stands and is held suspect")
        )
    return kept[["time", "value", "quality"]], skipped


def alarm_differences(source: GaugeSource, stated: Mapping[int, Iterable[Any]]) -> list[Skipped]:
    """Return notes on alarm levels of a service that are not those of the entry.

    Parameters
    ----------
    source
        Entry; one without alarm levels is not compared.
    stated
        Number of the alarm level, 1 to 3 -> what the service gives for it [m], on the station's own zero. What is not a
        positive number means that the service gives none.

    Returns
    -------
    list of Skipped
        One for each level that differs. The entry's levels are the ones that are used.
    """
    skipped: list[Skipped] = []
    if not source.alarm_levels_m:
        return skipped
    for level, given in sorted(stated.items()):
        ours = source.alarm_levels_m[level - 1]
        other = sorted({theirs for value in given if (theirs := _level(value, source)) is not None})
        differing = [f"{theirs:g} m" for theirs in other if abs(theirs - ours) > _SAME_M]
        if differing:
            reason = (
                f"the service gives {' and '.join(differing[:_SHOWN])} for alarm level {level}, the entry {ours:g} m; the "
                "entry's is used: is it still in force, and on the same zero?"
            )
            skipped.append(Skipped(source.name, reason))
    return skipped


def _level(value: Any, source: GaugeSource) -> float | None:
    try:
        level = number(value)
    except ValueError:
        return None
    return level + source.datum_offset_m if level > 0 else None


def same_name(one: str, other: str) -> bool:
    """Return whether two names are one name: diacritics, blanks and capitals aside, as services leave them out."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    return "".join(letter for letter in letters if letter.isalnum())


def shown(times: Iterable[pd.Timestamp]) -> str:
    """Return a few times as text for a message."""
    texts = [f"{time:%Y-%m-%d %H:%M} UTC" for time in times]
    return ", ".join(texts[:_SHOWN]) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")
