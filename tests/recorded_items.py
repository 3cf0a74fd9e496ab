"""Items as public catalogues gave them, recorded for the tests."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pystac

_FILE = Path(__file__).resolve().parent / "data" / "stac" / "recorded_items.json"
RECORDED: dict[str, dict[str, Any]] = {item["id"]: item for item in json.loads(_FILE.read_text())["features"]}

S2 = "S2A_33TWN_20210328_0_L2A"


def recorded(name: str, **properties: Any) -> pystac.Item:
    """A recorded item, with some properties changed (None takes one out)."""
    raw = copy.deepcopy(RECORDED[name])
    raw["properties"].update(properties)
    raw["properties"] = {key: value for key, value in raw["properties"].items() if value is not None}
    return pystac.Item.from_dict(raw, migrate=False)


def renamed(item: pystac.Item, name: str) -> pystac.Item:
    """The item under another name."""
    item.id = name
    return item
