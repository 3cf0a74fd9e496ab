"""Reference layers near the banks, published once for all runs that have the same."""

from __future__ import annotations

from typing import Final

import geopandas as gpd

from erosion.core.files import sha256_of
from erosion.nightly.task import Task
from erosion.places.reading import Places, places_digest
from erosion.places.stored import near_banks, write_places
from erosion.publish.manifest import PlacesEntry

FOLDER: Final = "places"
"""Beside the directories of the runs."""

WITHIN_M: Final = 500.0
"""Distance from the banks within which buildings, schools and people are published [m]."""


def publish_places(task: Task, places: Places, banks: gpd.GeoSeries) -> PlacesEntry | None:
    """Return where the reference layers near the banks were published, now or by an earlier run; None where there are none.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    if task.region.places is None:
        return None
    near = near_banks(places, banks, WITHIN_M)
    path = task.home / FOLDER / f"{places_digest(near)[:16]}.gpkg"
    if not path.exists():
        write_places(path, near)
    return {
        "file": path.relative_to(task.home).as_posix(),
        "sha256": sha256_of(path),
        "layers": {
            kind: {
                "title": dict(entry.title),
                "licence": entry.licence,
                "attribution": entry.attribution,
                "url": entry.url,
                "simulated": entry.simulated,
            }
            for kind, entry in task.region.places.given.items()
        },
    }
