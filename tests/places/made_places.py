"""A region on a straight river and layers beside it, for the tests of places and exposure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import yaml
from affine import Affine
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from erosion.config.region import Region, load_region
from erosion.config.sources import CATALOGUE
from erosion.places.reading import Places

CRS = "EPSG:32648"
EAST, NORTH = 525_000.0, 1_190_000.0
"""Where the river begins; it flows 10 km east."""
WIDTH_M = 1000.0

TERMS: Mapping[str, Any] = {"title": {"vi": "Lớp", "en": "Layer"}, "licence": "CC0", "attribution": "nobody"}

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "communes": {"fields": {"name": "name", "code": "code", "former": "former"}},
    "names": {"fields": {"name": "name", "kind": "kind"}},
    "roads": {"fields": {"name": "name", "kind": "kind"}},
    "buildings": {},
    "schools": {"fields": {"name": "name"}},
}


def region_of(
    folder: Path, places: Mapping[str, Any] | None, *, crs: str = CRS, line: LineString | None = None, **changes: Any
) -> Region:
    """Region along a line, in ``crs``; its places as in the file."""
    course = line if line is not None else LineString([(EAST, NORTH), (EAST + 10_000.0, NORTH)])
    area = gpd.GeoSeries([course], crs=crs)
    area.to_file(folder / "area.gpkg", driver="GPKG")
    start = area.to_crs("EPSG:4326").iloc[0].coords[0]
    entry = yaml.safe_load((CATALOGUE / "regions" / "mamore.yaml").read_text("utf-8"))
    entry |= {"name": "r", "crs": crs, "pixel_m": 10, "water": ["mamore_masks"], "gauges": []}
    entry.pop("trigger")
    entry["reaches"] = [
        {"name": "r", "upstream": [float(v) for v in start], "area": {"path": "area.gpkg", "width_m": WIDTH_M}}
    ]
    entry |= changes
    if places is not None:
        entry["places"] = places
    file = folder / "r.yaml"
    file.write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")
    return load_region(file)


def layer(path: Path, rows: list[dict[str, Any]], crs: str = CRS, to: str | None = None, **how: Any) -> Path:
    """Write rows with a ``geometry`` each in ``crs``, turned into the CRS ``to``."""
    table = gpd.GeoDataFrame(rows, geometry="geometry", crs=crs)
    (table if to is None else table.to_crs(to)).to_file(path, **how)
    return path


def entry_of(kind: str, path: Path | str, **keys: Any) -> dict[str, Any]:
    """Entry of a layer under ``places``."""
    return {"path": str(path), **TERMS, **FIELDS.get(kind, {}), **keys}


def raster(path: Path, people: np.ndarray, west: float, north: float, pixel: float, crs: str = CRS, **how: Any) -> Path:
    """Write a raster of people whose north-west corner is given."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": crs, **how}
    transform = Affine(pixel, 0.0, west, 0.0, -pixel, north)
    height, width = people.shape
    with rasterio.open(path, "w", height=height, width=width, transform=transform, **profile) as file:
        file.write(people.astype("float32"), 1)
    return path


def frame(geometries: list[BaseGeometry | None], **columns: Any) -> gpd.GeoDataFrame:
    """Table of geometries in the CRS of the region."""
    return gpd.GeoDataFrame(columns, geometry=geometries, crs=CRS, index=range(len(geometries)))


def no_places(**layers: Any) -> Places:
    """Places of which only some layers are known."""
    nothing: dict[str, Any] = dict.fromkeys(("communes", "names", "roads", "buildings", "schools", "population"))
    return Places(**{"crs": CRS, **nothing, "covered": {}, "skipped": (), **layers})
