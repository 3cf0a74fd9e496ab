"""What the tests of the exercise share: its settings, and how its items and files are read and validated."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pystac.validation
import rasterio

SETTINGS: dict[str, Any] = {"years": 5, "seed": 3, "length_km": 4.0, "density": 0.35}


def of(items: list[pystac.Item], collection: str) -> list[pystac.Item]:
    return [item for item in items if item.collection_id == collection]


def read(item: pystac.Item, asset: str) -> tuple[np.ndarray, Any]:
    href = item.assets[asset].get_absolute_href()
    assert href is not None
    with rasterio.open(href) as file:
        return file.read(1), file


def core_schemas() -> dict[str, str]:
    """Address of each core schema of STAC 1.1.0 -> its copy that comes with pystac."""
    folder = Path(pystac.validation.__file__).parent / "jsonschemas"
    found = {}
    for file in folder.rglob("*.json"):
        name = json.loads(file.read_text("utf-8"))["$id"].rstrip("#")
        found[name] = str(file)
        found[name.replace("commonjson", "common.json")] = str(file)  # a slip in the copy's own name
    return found


def stac_problems(file: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from stac_validator.stac_validator import StacValidate
    check = StacValidate(str(file), core=True, schema_map=core_schemas())
    return "" if check.run() else str(check.message)
