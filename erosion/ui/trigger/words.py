"""One term of the trigger as a sentence for staff."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from erosion.core.vocabulary import TermState
from erosion.words import translate, write

TERMS: Final = ("drawdown", "low_water", "rain_on_low_water", "above_alarm", "forecast_fall")


def words(term: Mapping[str, Any], language: str) -> str:
    """Return the sentence of a term of the trigger.

    Parameters
    ----------
    term
        One entry of the column ``trigger_terms``.
    language
        ``vi`` or ``en``.

    Returns
    -------
    str
        A sentence without its full stop, such as "nước rút 0,6 m trong 3 ngày tại Tân Châu". Plain text: whoever puts it
        into HTML escapes it, for names come from files.

    Raises
    ------
    ValueError
        The entry is not of the kind that this program publishes.
    """
    name = term.get("term")
    if name not in TERMS:
        raise ValueError(f"trigger: term {name!r} is none of {', '.join(TERMS)}; it was made by another version")
    values: dict[str, Any] = {
        "place": str(term.get("title") or term.get("gauge") or write.NOTHING),
        "days": write.number(term.get("days"), language),
        "time": write.day(term.get("time"), language),
    }
    state = term.get("state")
    if state in (TermState.UNKNOWN, TermState.OLD):
        return translate(
            language, f"trigger.{state}", what=translate(language, f"trigger.{name}.what", **values), **values
        )
    return translate(language, f"trigger.{name}{_way(name, term)}", value=_value(term, language), **values)


def _way(name: str, term: Mapping[str, Any]) -> str:
    """Return which of a term's sentences fits its value."""
    value = math.nan if term.get("value") is None else float(term["value"])
    if name == "low_water":
        return ".none" if math.isnan(value) else ""
    if name == "rain_on_low_water":
        # Rain that is not known does not matter where the stage is high.
        return "" if term.get("points") else ".none"
    if name == "above_alarm":
        return ".below" if value < 0 else ".above" if value >= 1 else ""
    return ".none" if round(value, 2 if term.get("unit") == "range" else 1) <= 0 else ""


def _value(term: Mapping[str, Any], language: str) -> str:
    value, unit = term.get("value"), term.get("unit")
    if unit in ("1", "range"):
        text = write.number(None if value is None else 100.0 * float(value), language)
        return translate(language, "trigger.share" if unit == "1" else "trigger.range", value=text)
    decimals = 1 if unit == "m" else 0
    return translate(language, f"trigger.unit.{unit}", value=write.number(value, language, decimals))
