"""``erosion fetch``: bring the store of satellite observations and gauges up to date, without publishing."""

from __future__ import annotations

import argparse
import logging

import pandas as pd

from erosion.config.region import load_region
from erosion.config.store import store_of
from erosion.core.errors import Skipped
from erosion.gauges.series import fetch
from erosion.nightly.published import DEGRADED
from erosion.water.read import fetch_scenes, together

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0, or 2 where something was left out that is not usually left out."""
    region = load_region(arguments.region)
    gauges = fetch(region, store_of(region), full=arguments.full).skipped
    found: dict[str, list[Skipped]] = {}
    if not region.scene_sources:
        _log.info(f"{region.name} has no scenes to fetch; its masks are read from their files")
    for one in region.by_reach() if region.scene_sources else ():
        if one.neighbours:
            _log.info(one.reach.name)
        options = {"full": arguments.full, "new_reference": arguments.new_reference}
        found[one.reach.name] = fetch_scenes(one, pd.Timestamp(arguments.date), **options)
    skipped = [*together(found), *gauges]
    for item in skipped:
        _log.info(f"left out: {item.scene}: {item.reason}")
    return DEGRADED if any(not item.usual for item in skipped) else 0
