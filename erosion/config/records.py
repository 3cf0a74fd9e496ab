"""Typed records from mappings: every key is known, typed and carries its unit; anything else is an error.

A catalogue file is a fact sheet, so a mistake in it must be met when it is read and not in a result. The whole
mapping is gone through and everything found is reported at once, each problem with the file, the dotted key and the mend.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from erosion.config.problems import Problems, shortened

T = TypeVar("T")

LonLat = tuple[float, float]

UNIT_MAXIMUM: Final = {"day": 36_525.0, "s": 86_400.0, "m": 1e7, "m2": 1e13, "km": 41_000.0}
"""Largest value in a unit: 100 years of days, a day of seconds, the size of the Earth. More cannot be computed with."""


@dataclass(frozen=True)
class Key:
    """What a key of a catalogue file means, beside its type: unit and allowed range."""

    meaning: str
    unit: str = ""
    above: float | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    may_lack: bool = False
    """True for a path that need not exist yet when the file is read."""
    may_lack_if: str = ""
    """Key of the same entry that, where it is true, lets the path be absent."""


def parse(cls: type[T], raw: Mapping[Any, Any], problems: Problems, prefix: str = "") -> T | None:
    """Return a mapping as a dataclass by its type hints; None where it has mistakes, which go to ``problems``.

    Parameters
    ----------
    cls
        Dataclass whose fields are the allowed keys; :class:`Key` annotations carry unit and range. A class variable
        ``RENAMED`` maps keys that are no longer allowed to what took their place.
    raw
        Mapping as read from YAML.
    problems
        Receives every mistake.
    prefix
        Dotted key of ``raw`` inside the file.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if _key_of(hints[f.name]) is not None}
    renamed: Mapping[str, str] = getattr(cls, "RENAMED", {})
    before = problems.count
    for name in raw:
        if name not in fields:
            # Each search takes as long as reading many keys, and what is not listed needs none.
            near = [] if problems.full else difflib.get_close_matches(shortened(name), fields, n=1, cutoff=0.5)
            mend = f"did you mean {prefix}{near[0]}?" if near else f"known keys here: {', '.join(fields)}"
            if name in renamed:
                mend = f"its place was taken by {renamed[name]}"
            problems.add(f"{prefix}{shortened(name)}", f"unknown key; {mend}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        dotted = f"{prefix}{name}"
        if name in raw:
            key = _key_of(hints[name])
            if key is not None and key.may_lack_if and raw.get(key.may_lack_if) is True:
                key = dataclasses.replace(key, may_lack=True)
            values[name] = convert(hints[name], raw[name], dotted, problems, key)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            meant = _key_of(hints[name])
            problems.add(dotted, f"is missing; add it ({meant.meaning if meant else ''})")
    return cls(**values) if problems.count == before else None


def _key_of(hint: Any) -> Key | None:
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Key)), None)


def convert(hint: Any, value: Any, dotted: str, problems: Problems, key: Key | None = None) -> Any:
    """Return one YAML value as the type of ``hint``; None where it is a mistake, which goes to ``problems``."""
    key = key or _key_of(hint) or Key("")
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        if value is None:
            return None
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    if value is None:
        problems.add(dotted, "has no value; give one or take the key out")
        return None
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            names = ", ".join(f.name for f in dataclasses.fields(hint))
            problems.add(dotted, f"must hold keys ({names}), not {_show(value)}")
            return None
        return parse(typing.cast(type, hint), value, problems, f"{dotted}.")
    if origin is tuple:
        return _convert_tuple(args, value, key, dotted, problems)
    if origin is dict:
        if not isinstance(value, dict):
            problems.add(dotted, f"must hold keys, not {_show(value)}")
            return None
        keys = [convert(args[0], name, f"{dotted}, key {name}", problems) for name in value]
        items = [convert(args[1], item, f"{dotted}.{name}", problems, key) for name, item in value.items()]
        return dict(zip(keys, items, strict=True))
    return _convert_scalar(hint, value, key, dotted, problems)


def _convert_tuple(args: tuple[Any, ...], value: Any, key: Key, dotted: str, problems: Problems) -> Any:
    open_ended = args[-1] is Ellipsis
    if not isinstance(value, list):
        if open_ended and isinstance(value, (int, str)) and not dataclasses.is_dataclass(args[0]):
            value = [value]  # `water: 1` reads better than `water: [1]`
        else:
            problems.add(dotted, f"must be a list like [a, b], not {_show(value)}")
            return None
    if not open_ended and len(value) != len(args):
        problems.add(dotted, f"needs {len(args)} values, has {len(value)}")
        return None
    kinds = [args[0]] * len(value) if open_ended else args
    return tuple(
        convert(kind, item, f"{dotted}[{i}]", problems, key)
        for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _convert_scalar(hint: Any, value: Any, key: Key, dotted: str, problems: Problems) -> Any:
    if hint is bool:
        if isinstance(value, bool):
            return value
        problems.add(dotted, f"must be true or false, not {_show(value)}")
    elif hint in (int, float):
        return _convert_number(hint, value, key, dotted, problems)
    elif not isinstance(value, str):
        problems.add(dotted, f'must be text, not {_show(value)}; put it in quotes: "{shortened(value)}"')
    elif (unwritable := _unwritable(value)) is not None:
        problems.add(
            dotted, f"{shortened(repr(value))} holds {unwritable}, which no file name or text may hold; take it out"
        )
    elif key.choices and value not in key.choices:
        near = difflib.get_close_matches(value, key.choices, n=1)
        hint_text = f"; did you mean {near[0]}?" if near else ""
        problems.add(dotted, f"{shortened(repr(value))} is not one of {', '.join(key.choices)}{hint_text}")
    elif hint is Path:
        return _convert_path(value, key, dotted, problems)
    else:
        return value
    return None


_POWER_OF_TEN: Final = re.compile(r"([-+]?\d{1,20})(\.\d{0,20})?[eE]([-+]?)(\d{1,5})")
"""A number that YAML takes for text: without a point or without the sign of its exponent."""


def _convert_number(hint: Any, value: Any, key: Key, dotted: str, problems: Problems) -> Any:
    unit = f" [{key.unit}]" if key.unit else ""
    kind = "a whole number" if hint is int else "a number"
    most = UNIT_MAXIMUM.get(key.unit, math.inf)
    if isinstance(value, str) and (power := _POWER_OF_TEN.fullmatch(value)):
        whole, part, sign, exponent = power.groups()
        mend = f"{whole}{part if part and part != '.' else '.0'}e{sign or '+'}{exponent}"
        problems.add(dotted, f"is the text {value!r}, for YAML wants a point and a sign; write it like {mend}{unit}")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        problems.add(dotted, f"must be {kind}{unit}, not {_show(value)}; write it without unit and quotes")
    elif not math.isfinite(value):
        problems.add(dotted, f"must be a finite number{unit}, not {_show(value)}")
    elif hint is int and value != int(value):
        problems.add(dotted, f"must be {kind}{unit}, not {_show(value)}; write it without unit and quotes")
    elif hint is int and not -(2**63) <= value < 2**63:
        problems.add(dotted, f"must be {kind}{unit} of at most 18 digits, is {value:g}")
    elif (
        (key.above is not None and not value > key.above)
        or (key.low is not None and value < key.low)
        or (key.high is not None and value > key.high)
    ):
        problems.add(dotted, f"must be {_range(key)}{unit}, is {value:g}")
    elif abs(value) > most:
        problems.add(dotted, f"must be {most:g} at most{unit}, is {value:g}; is it in another unit?")
    else:
        return hint(value)
    return None


def _range(key: Key) -> str:
    """Return the allowed range of a number in words."""
    if key.above is not None:
        return f"above {key.above:g}" + ("" if key.high is None else f" and {key.high:g} at most")
    if key.low is None:
        return f"{key.high:g} at most"
    return f"{key.low:g} or more" if key.high is None else f"{key.low:g} to {key.high:g}"


def _convert_path(value: str, key: Key, dotted: str, problems: Problems) -> Path | None:
    if not value.strip():
        problems.add(dotted, "is empty; give a path, relative to this file")
        return None
    try:
        path = (problems.file.parent / value).resolve()
        if key.may_lack or path.exists():
            return path
    except (OSError, RuntimeError) as err:  # too long, a loop of links, no permission
        problems.add(
            dotted, f"{shortened(value)} cannot be looked up ({shortened(err)}); paths are relative to this file"
        )
        return None
    problems.add(dotted, f"{value} does not exist (looked for {path}); paths are relative to this file")
    return None


def _unwritable(text: str) -> str | None:
    """Return the name of the character of a text that cannot stand in a file name or a UTF-8 file, None where there is none."""
    if "\0" in text:
        return "a NUL character"
    return "half of a surrogate pair" if any("\ud800" <= c <= "\udfff" for c in text) else None


def _show(value: Any) -> str:
    return f"{shortened(repr(value))} ({type(value).__name__})"


def check_name(name: str, key: str, problems: Problems, *, hyphen: bool = False) -> None:
    """Note a name that may not become part of file names and identifiers: letters, digits, ``_``, ``.`` and, where allowed, ``-`` only."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*" if hyphen else r"[A-Za-z0-9][A-Za-z0-9_.]*", name):
        known = "_, - and ." if hyphen else "_ and ."
        problems.add(
            key, f"{name!r} may hold only letters a-z, digits, {known} (it becomes part of file names and ids)"
        )


def check_lonlat(point: LonLat, key: str, problems: Problems) -> None:
    """Note a point that is not longitude, then latitude, in degrees."""
    lon, lat = point
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        swap = f"; did you mean [{lat:g}, {lon:g}]?" if abs(lon) <= 90 and abs(lat) <= 180 else ""
        problems.add(key, f"[{lon:g}, {lat:g}] is no [longitude, latitude] in degrees{swap}")


def check_timezone(name: str, problems: Problems) -> None:
    """Note a name that is no IANA zone such as Asia/Ho_Chi_Minh."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(shortened(name), available_timezones(), n=1)
        mend = f"did you mean {close[0]}?" if close else "write one like Asia/Ho_Chi_Minh"
        problems.add("timezone", f"{shortened(repr(name))} is no IANA time zone; {mend}")
