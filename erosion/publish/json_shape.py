"""Whether a value read from JSON has the shape of a typed record."""

import json
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict


def check_shape(value: Any, kind: Any, where: str = "the file") -> None:
    """Refuse a value that is not of a kind.

    Parameters
    ----------
    value
        What :func:`json.loads` returned.
    kind
        A ``TypedDict``, ``list[...]``, ``dict[str, ...]``, ``... | None``, ``Any`` or a type of JSON. Keys that a
        ``TypedDict`` does not have are allowed: a later program may write more.
    where
        Where the value stands, for the message.

    Raises
    ------
    ValueError
        The message names the place and what was expected there.
    """
    if kind is Any:
        return
    if is_typeddict(kind):
        _need(value, dict, where)
        hints = get_type_hints(kind)
        for key in sorted(kind.__required_keys__ - value.keys()):
            raise ValueError(f"{where}: {key} is missing")
        for key, of in hints.items():
            if key in value:
                check_shape(value[key], of, key if where == "the file" else f"{where}.{key}")
    elif get_origin(kind) is list:
        _need(value, list, where)
        for number, item in enumerate(value):
            check_shape(item, get_args(kind)[0], f"{where}[{number}]")
    elif get_origin(kind) is dict:
        _need(value, dict, where)
        for key, item in value.items():
            check_shape(item, get_args(kind)[1], f"{where}.{key}")
    elif get_origin(kind) in (Union, UnionType):
        if not (value is None and NoneType in get_args(kind)):
            check_shape(value, next(of for of in get_args(kind) if of is not NoneType), where)
    else:
        _need(value, kind, where)


def _need(value: Any, kind: type, where: str) -> None:
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
        raise ValueError(f"{where} is {json.dumps(value)[:40]}, not {names.get(kind, 'a number')}")
