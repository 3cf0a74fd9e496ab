"""What the levels of a run are worth: by its model release, and by what became of past forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from erosion.publish.manifest import FILE, LevelWorth
from erosion.ui.products.reading import ProductError, read_json, stamp
from erosion.ui.products.regions import Run, manifest_of


def read_level_worth(run: Run, target: str) -> Mapping[int, LevelWorth]:
    """Return what each raised level of a target is worth; empty for a run of an older program."""
    return _worth(run, target, stamp(run.directory / FILE))


@st.cache_data(max_entries=24, show_spinner=False)
def _worth(_run: Run, target: str, changed_ns: int) -> dict[int, LevelWorth]:
    manifest = manifest_of(_run)
    found = {} if manifest is None else manifest.get("level_worth", {}).get(target, {})
    return {int(level): worth for level, worth in found.items()}


def read_checked_levels(folder: Path, target: str) -> Mapping[int, Mapping[str, Any]]:
    """Return what each level of a target was worth in the forecasts that could be checked; empty where none could."""
    try:
        found = read_json(folder / "verification.json").get("by_level", {}).get(target, {})
    except ProductError:
        return {}
    return {int(level): counts for level, counts in found.items()}
