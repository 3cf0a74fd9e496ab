"""An emergency zone as a GIS file: GeoPackage in the export CRS, KML in longitude and latitude."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import geopandas as gpd
from shapely.geometry.base import BaseGeometry

DRIVERS: Final = {"gpkg": "GPKG", "kml": "KML"}


def zone_file(area: BaseGeometry, crs: str, export_crs: str, facts: Mapping[str, str], kind: str) -> bytes:
    """Return a zone as the bytes of a file.

    Parameters
    ----------
    area
        The zone, in ``crs``.
    crs, export_crs
        CRS of the zone, and of the GeoPackage.
    facts
        What is said of the zone, column to text; ``Name`` and ``Description`` are what KML shows.
    kind
        ``gpkg`` or ``kml``.
    """
    table = gpd.GeoDataFrame({name: [text] for name, text in facts.items()}, geometry=[area], crs=crs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"zone.{kind}"
        table.to_crs(export_crs if kind == "gpkg" else "EPSG:4326").to_file(
            path, driver=DRIVERS[kind], layer="zone", engine="pyogrio"
        )
        return path.read_bytes()
