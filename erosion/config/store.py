"""Directory in which what was fetched of a region is kept."""

from __future__ import annotations

import os
from pathlib import Path

from erosion.config.region import Region


def store_of(region: Region) -> Path:
    """Directory in which observations made from a region's scenes, and the series of its gauges, are kept.

    ``$EROSION_STORE``, else ``store`` beside the region's file where there is one, else ``store`` in the working directory.
    """
    beside = region.path.parent / "store"
    return Path(os.environ.get("EROSION_STORE") or (beside if beside.is_dir() else "store"))
