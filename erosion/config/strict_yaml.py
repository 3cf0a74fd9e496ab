"""Strict YAML: a file's keys against a dataclass. Every key is known, typed and carries its unit; anything else is an error.

A catalogue file is a fact sheet, so a mistake in it must be met when it is read and not when a number looks odd. The
reader therefore goes through the whole file and reports everything it found at once, each problem with the file, the
dotted key and the mend. Size, nesting and repetition by aliases are bounded, so that no file can hold up a run.
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
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import yaml

T = TypeVar("T")

LonLat = tuple[float, float]

MAX_BYTES: Final = 65_536
"""Largest catalogue file; the longest shipped one has 3 kB."""

MAX_DEPTH: Final = 20
"""Deepest nesting of lists and keys; a region file needs four levels."""

MAX_VALUES: Final = 10_000
"""Most values of a file, those that aliases (`*name`) repeat counted each time."""

MAX_NUMBER_LENGTH: Final = 40
"""Most characters of a number; a double has 17 significant digits."""

UNIT_MAXIMUM: Final = {"day": 36_525.0, "s": 86_400.0, "m": 1e7, "m2": 1e13, "km": 41_000.0}
"""Largest value in a unit: 100 years of days, a day of seconds, the size of the Earth. More cannot be computed with."""


_SHOWN: Final = 80
"""Characters of a value that a message repeats."""

_SHOWN_LEVELS: Final = 5
"""Levels of a dotted key that a message about nesting repeats."""


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
    may_lack_if: str = ""
    """Key of the same entry that, where it is true, lets the path be absent."""


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


_MERGE: Final = "tag:yaml.org,2002:merge"


class _StrictLoader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice, where YAML itself would quietly keep the last."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:  # `<<: *defaults` brings keys in, it is none itself
            continue
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be one word or number", problem_mark=key_node.start_mark)
        name = loader.construct_object(key_node)
        if name in seen:
            raise yaml.MarkedYAMLError(problem=f"key {name!r} is written twice", problem_mark=key_node.start_mark)
        seen.add(name)
    return dict(loader.construct_mapping(node, deep=True))


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(file: Path) -> dict[Any, Any]:
    """Return the keys of one catalogue file.

    Raises
    ------
    CatalogError
        Where the file is missing, too large, no YAML, writes a key twice, holds no keys, or holds a value that cannot
        be built: nested too deeply, repeated too often by aliases, or a number or date that does not exist.
    """
    text = _text_of(file)
    try:
        problems = Problems(file)
        _check_structure(text, problems)
        problems.stop_if_any()
        raw = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise CatalogError([f"{file}: {where}: {getattr(err, 'problem', err)}; this is not valid YAML"]) from err
    if not isinstance(raw, dict):
        raise CatalogError([f"{file}: holds no keys; write one 'key: value' a line, see docs/region-files.md"])
    return raw


def _text_of(file: Path) -> str:
    try:
        if file.exists() and not file.is_file():
            raise CatalogError([f"{file}: is no regular file; give the path of a YAML file"])
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise CatalogError([f"{file}: no such file"]) from None
    except OSError as err:
        raise CatalogError([f"{file}: cannot be read ({err})"]) from err
    if len(data) > MAX_BYTES:
        raise CatalogError(
            [f"{file}: is larger than {MAX_BYTES:,} bytes; a region or source file is a few kilobytes of text"]
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise CatalogError([f"{file}: cannot be read ({err}); save it as UTF-8 text"]) from err


@dataclass
class _Open:
    """A list or mapping whose end has not been met yet, while the structure of a file is checked."""

    is_mapping: bool
    anchor: str | None
    values: int = 1
    children: int = 0
    key: str = "?"

    def name_of_child(self) -> str:
        return self.key if self.is_mapping else f"[{self.children}]"


def _check_structure(text: str, problems: Problems) -> None:
    """Note the first value of a file that must not or cannot be built; the file is read event by event, without recursion.

    Raises
    ------
    yaml.YAMLError
        Where the text is no YAML.
    """
    loader = _StrictLoader(text)
    opened: list[_Open] = []
    sizes: dict[str | None, int] = {}
    total = 0
    while loader.check_event():
        event = loader.get_event()
        problem: str | None = None
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            opened.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor))
            problem = _problem_of_tag(event.tag)
            new, size = 1, 0  # its size is known at its end
            if len(opened) > MAX_DEPTH:
                problem = f"is nested more than {MAX_DEPTH} levels deep; write it flatter, see docs/region-files.md"
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            ended = opened.pop()
            new, size = 0, ended.values
            sizes[ended.anchor] = size
        elif isinstance(event, yaml.ScalarEvent):
            problem = _problem_of_tag(event.tag) or _problem_of_scalar(loader, event)
            new = size = 1
            sizes[event.anchor] = size
        elif isinstance(event, yaml.AliasEvent):
            new = size = sizes.get(event.anchor, 1)
            if any(parent.anchor == event.anchor for parent in opened):
                problem = f"*{event.anchor} repeats what it is a part of; write the values out"
        else:
            continue
        total += new
        if total > MAX_VALUES:
            problem = f"here the file has more than {MAX_VALUES:,} values, those that aliases (*name) repeat counted each time"
        if problem is not None:
            problems.add(_dotted(opened), f"line {event.start_mark.line + 1}: {problem}")
            return
        if opened and size:
            parent = opened[-1]
            if parent.is_mapping and parent.children % 2 == 0:
                parent.key = event.value if isinstance(event, yaml.ScalarEvent) else "?"
            parent.values += size
            parent.children += 1


def _dotted(opened: list[_Open]) -> str:
    return ".".join(parent.name_of_child()[:_SHOWN] for parent in opened[:_SHOWN_LEVELS]).replace(".[", "[")


def _problem_of_tag(tag: str | None) -> str | None:
    if tag in (None, "!"):
        return None
    return f"tag {tag!r} is not allowed here and this is not valid YAML for a catalogue; write the plain value"


def _problem_of_scalar(loader: _StrictLoader, event: yaml.ScalarEvent) -> str | None:
    """Say why a plain scalar cannot be built, None where it can."""
    tag = loader.resolve(yaml.ScalarNode, event.value, event.implicit)
    numbers = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    shown = _short(event.value)
    if tag in numbers and len(event.value) > MAX_NUMBER_LENGTH:
        return (
            f"a number of {len(event.value):,} characters, {shown}, is more than can be computed with; write it shorter"
        )
    if tag not in (*numbers, "tag:yaml.org,2002:timestamp"):
        return None
    try:
        loader.construct_object(yaml.ScalarNode(tag, event.value))
    except (ValueError, OverflowError) as err:
        return f"{shown} cannot be read ({err}); mend it, or put text in quotes"
    return None


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
            problems.add(f"{prefix}{_short(name)}", f"unknown key; {mend}")
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
    return cls(**values) if len(problems.found) == before else None


def _key_of(hint: Any) -> Key | None:
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Key)), None)


def convert(hint: Any, value: Any, dotted: str, problems: Problems, key: Key | None = None) -> Any:
    """Convert one YAML value to the type ``hint`` asks for; a mistake goes to ``problems`` and gives None."""
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
        problems.add(dotted, f'must be text, not {_show(value)}; put it in quotes: "{_short(value)}"')
    elif (unwritable := _unwritable(value)) is not None:
        problems.add(
            dotted, f"{_short(repr(value))} holds {unwritable}, which no file name or text may hold; take it out"
        )
    elif key.choices and value not in key.choices:
        near = difflib.get_close_matches(value, key.choices, n=1)
        hint_text = f"; did you mean {near[0]}?" if near else ""
        problems.add(dotted, f"{_short(repr(value))} is not one of {', '.join(key.choices)}{hint_text}")
    elif hint is Path:
        return _convert_path(value, key, dotted, problems)
    else:
        return value
    return None


def _convert_number(hint: Any, value: Any, key: Key, dotted: str, problems: Problems) -> Any:
    unit = f" [{key.unit}]" if key.unit else ""
    kind = "a whole number" if hint is int else "a number"
    most = UNIT_MAXIMUM.get(key.unit, math.inf)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
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
    """Allowed range of a number in words."""
    if key.above is not None:
        return f"above {key.above:g}" + ("" if key.high is None else f" and {key.high:g} at most")
    if key.low is None:
        return f"{key.high:g} at most"
    return f"{key.low:g} or more" if key.high is None else f"{key.low:g} to {key.high:g}"


def _convert_path(value: str, key: Key, dotted: str, problems: Problems) -> Path | None:
    try:
        path = (problems.file.parent / value).resolve()
        if key.may_lack or path.exists():
            return path
    except (OSError, RuntimeError) as err:  # too long, a loop of links, no permission
        problems.add(dotted, f"{_short(value)} cannot be looked up ({_short(err)}); paths are relative to this file")
        return None
    problems.add(dotted, f"{value} does not exist (looked for {path}); paths are relative to this file")
    return None


def _unwritable(text: str) -> str | None:
    """Name the character of a text that cannot stand in a file name or a UTF-8 file, None where there is none."""
    if "\0" in text:
        return "a NUL character"
    return "half of a surrogate pair" if any("\ud800" <= c <= "\udfff" for c in text) else None


def _show(value: Any) -> str:
    return f"{_short(repr(value))} ({type(value).__name__})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


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
