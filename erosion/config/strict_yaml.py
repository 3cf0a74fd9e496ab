"""Safe loading of a catalogue file: plain YAML without tags, no key twice; size, nesting, numbers and repetition are bounded.

No file can hold up a run: what is too large or too deep is refused before anything is built of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from erosion.config.problems import SHOWN, CatalogError, Problems, shortened

MAX_BYTES: Final = 65_536
"""Largest catalogue file; the longest shipped one has 3 kB."""

MAX_DEPTH: Final = 20
"""Deepest nesting of lists and keys; a region file needs four levels."""

MAX_VALUES: Final = 10_000
"""Most values of a file, those that aliases (`*name`) repeat counted each time."""

MAX_NUMBER_LENGTH: Final = 40
"""Most characters of a number; a double has 17 significant digits."""

_OCTAL: Final = re.compile(r"[-+]?0[0-9_]+")

_SHOWN_LEVELS: Final = 5
"""Levels of a dotted key that a message about nesting repeats."""

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
    return ".".join(parent.name_of_child()[:SHOWN] for parent in opened[:_SHOWN_LEVELS]).replace(".[", "[")


def _problem_of_tag(tag: str | None) -> str | None:
    if tag in (None, "!"):
        return None
    return f"tag {tag!r} is not allowed here and this is not valid YAML for a catalogue; write the plain value"


def _problem_of_scalar(loader: _StrictLoader, event: yaml.ScalarEvent) -> str | None:
    """Return why a plain scalar cannot be built, None where it can."""
    tag = loader.resolve(yaml.ScalarNode, event.value, event.implicit)
    numbers = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    shown = shortened(event.value)
    if tag in numbers and len(event.value) > MAX_NUMBER_LENGTH:
        return (
            f"a number of {len(event.value):,} characters, {shown}, is more than can be computed with; write it shorter"
        )
    if tag not in (*numbers, "tag:yaml.org,2002:timestamp"):
        return None
    if tag in numbers and ":" in event.value:
        return f"YAML reads {shown} as a number of base 60; write the number itself, or put text in quotes"
    if tag == numbers[0] and _OCTAL.fullmatch(event.value):
        return f"YAML reads {shown} as an octal number; write it without the leading 0, or put text in quotes"
    try:
        loader.construct_object(yaml.ScalarNode(tag, event.value))
    except (ValueError, OverflowError) as err:
        return f"{shown} cannot be read ({err}); mend it, or put text in quotes"
    return None
