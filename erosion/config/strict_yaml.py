"""Strict YAML: a file's keys against a dataclass. Every key is known, typed and carries its unit; anything else is an error.

A catalogue file is a fact sheet, so a mistake in it must be met when it is read and not when a number looks odd. The
reader therefore goes through the whole file and reports everything it found at once, each problem with the file, the
dotted key and the mend.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import yaml

T = TypeVar("T")

LonLat = tuple[float, float]


class CatalogError(ValueError):
    """A catalogue file is wrong. ``problems`` lists every mistake found, each with file, key and mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


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


class Problems:
    """Mistakes found in one catalogue file, gathered so that a reader mends them in one go."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[str] = []

    def add(self, key: str, what: str) -> None:
        """Note a mistake at a dotted key; ``what`` says what is wrong and how to mend it."""
        self.found.append(f"{self.file}: {key}: {what}" if key else f"{self.file}: {what}")

    def stop_if_any(self) -> None:
        """Raise :class:`CatalogError` with everything found so far."""
        if self.found:
            raise CatalogError(self.found)


class _StrictLoader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice, where YAML itself would quietly keep the last."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":  # `<<: *defaults` brings keys in, it is none itself
            continue
        name = loader.construct_object(key_node)
        if isinstance(name, (list, dict)) or name in seen:
            raise yaml.MarkedYAMLError(problem=f"key {name!r} is written twice", problem_mark=key_node.start_mark)
        seen.add(name)
    return dict(loader.construct_mapping(node, deep=True))


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(file: Path) -> dict[Any, Any]:
    """Read one catalogue file.

    Raises
    ------
    CatalogError
        Where the file is missing, is no YAML, writes a key twice or holds no keys.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CatalogError([f"{file}: no such file"]) from None
    except (OSError, UnicodeDecodeError) as err:
        raise CatalogError([f"{file}: cannot be read ({err}); save it as UTF-8 text"]) from err
    try:
        raw = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise CatalogError([f"{file}: {where}: {getattr(err, 'problem', err)}; this is not valid YAML"]) from err
    if not isinstance(raw, dict):
        raise CatalogError([f"{file}: holds no keys; write one 'key: value' a line, see docs/region-files.md"])
    return raw


def parse(cls: type[T], raw: Mapping[Any, Any], problems: Problems, prefix: str = "") -> T | None:
    """Turn a mapping into a dataclass by its type hints; mistakes go to ``problems`` and give None.

    Parameters
    ----------
    cls
        Dataclass whose fields are the allowed keys; :class:`Key` annotations carry unit and range.
    raw
        Mapping as read from YAML.
    problems
        Receives every mistake.
    prefix
        Dotted key of ``raw`` inside the file.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if _key_of(hints[f.name]) is not None}
    before = len(problems.found)
    for name in raw:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1, cutoff=0.5)
            mend = f"did you mean {prefix}{near[0]}?" if near else f"known keys here: {', '.join(fields)}"
            problems.add(f"{prefix}{name}", f"unknown key; {mend}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        dotted = f"{prefix}{name}"
        if name in raw:
            values[name] = convert(hints[name], raw[name], dotted, problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            meant = _key_of(hints[name])
            problems.add(dotted, f"is missing; add it ({meant.meaning if meant else ''})")
    return cls(**values) if len(problems.found) == before else None


def _key_of(hint: Any) -> Key | None:
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Key)), None)


def convert(hint: Any, value: Any, dotted: str, problems: Problems, key: Key | None = None) -> Any:
    """Convert one YAML value to the type ``hint`` asks for; a mistake goes to ``problems`` and gives None."""
    key = _key_of(hint) or key or Key("")
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
    unit = f" [{key.unit}]" if key.unit else ""
    if hint is bool:
        if isinstance(value, bool):
            return value
        problems.add(dotted, f"must be true or false, not {_show(value)}")
    elif hint in (int, float):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or (hint is int and value != int(value)):
            kind = "a whole number" if hint is int else "a number"
            problems.add(dotted, f"must be {kind}{unit}, not {_show(value)}; write it without unit and quotes")
        elif not math.isfinite(value):
            problems.add(dotted, f"must be a finite number{unit}")
        elif key.above is not None and not value > key.above:
            problems.add(dotted, f"must be above {key.above:g}{unit}, is {value:g}")
        elif (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
            top = "" if key.high is None else f" to {key.high:g}"
            problems.add(dotted, f"must be {key.low:g}{top or ' or more'}{unit}, is {value:g}")
        else:
            return hint(value)
    elif not isinstance(value, str):
        problems.add(dotted, f'must be text, not {_show(value)}; put it in quotes: "{value}"')
    elif key.choices and value not in key.choices:
        near = difflib.get_close_matches(value, key.choices, n=1)
        hint_text = f"; did you mean {near[0]}?" if near else ""
        problems.add(dotted, f"{value!r} is not one of {', '.join(key.choices)}{hint_text}")
    elif hint is Path:
        path = (problems.file.parent / value).resolve()
        if key.may_lack or path.exists():
            return path
        problems.add(dotted, f"{value} does not exist (looked for {path}); paths are relative to this file")
    else:
        return value
    return None


def _show(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})"


def check_name(name: str, key: str, problems: Problems, *, hyphen: bool = False) -> None:
    """Names become parts of file names and identifiers: letters, digits, ``_``, ``.`` and, where said, ``-`` only."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*" if hyphen else r"[A-Za-z0-9][A-Za-z0-9_.]*", name):
        known = "_, - and ." if hyphen else "_ and ."
        problems.add(
            key, f"{name!r} may hold only letters a-z, digits, {known} (it becomes part of file names and ids)"
        )


def check_lonlat(point: LonLat, key: str, problems: Problems) -> None:
    """Longitude first, then latitude, in degrees."""
    lon, lat = point
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        swap = f"; did you mean [{lat:g}, {lon:g}]?" if abs(lon) <= 90 and abs(lat) <= 180 else ""
        problems.add(key, f"[{lon:g}, {lat:g}] is no [longitude, latitude] in degrees{swap}")


def check_timezone(name: str, problems: Problems) -> None:
    """An IANA zone such as Asia/Ho_Chi_Minh."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(name, available_timezones(), n=1)
        problems.add("timezone", f"{name!r} is no IANA time zone; " + (f"did you mean {close[0]}?" if close else ""))
