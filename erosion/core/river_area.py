"""The strip around the river lines or areas of a file: where a reach may lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from erosion.core.errors import SourceError

if TYPE_CHECKING:
    import geopandas as gpd


def strip_of(path: Path, width_m: float, crs: str) -> tuple[BaseGeometry, BaseGeometry]:
    """Return the shapes of a file and the strip around them, in a metric CRS.

    Parameters
    ----------
    path
        GeoJSON or GeoPackage with one layer of lines or areas, in any CRS that it names.
    width_m
        Strip either side of the lines, or rim around the areas [m].
    crs
        CRS of what is returned.

    Raises
    ------
    SourceError
        Where the file cannot be read, has no CRS or no shapes, or does not lie where ``crs`` is defined.
    """
    shapes = _read_shapes(path)
    try:
        # Corner by corner, so that a line over the antimeridian stays short where the region's zone spans it.
        projected = shapes.to_crs(crs).geometry
        strip = shapely.union_all(projected.buffer(width_m).to_numpy())
        lines = shapely.union_all(projected.to_numpy())
    except Exception as err:  # pyproj, GEOS and GDAL have no common parent
        raise SourceError(f"{path}: cannot be projected to {crs} ({err}); check the CRS of both") from err
    if strip.is_empty or not np.isfinite(strip.bounds).all():
        raise SourceError(f"{path}: does not lie where {crs} is defined; check the CRS of the file and 'crs'")
    return lines, strip


def _read_shapes(path: Path) -> gpd.GeoDataFrame:
    """Lines and areas of a file with one layer; points and empty shapes are no river."""
    # Heavy, and needed once a run, where the corridor is made.
    import geopandas as gpd
    import pyogrio

    if not path.is_file():
        raise SourceError(f"{path}: is no file; name a GeoJSON or GeoPackage, relative to the region file")
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        if len(layers) > 1:
            raise SourceError(
                f"{path}: has layers {', '.join(layers)}; which is meant is not stated; save it in a file of its own"
            )
        shapes = gpd.read_file(path, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError, ValueError) as err:
        raise SourceError(f"{path}: cannot be read ({err}); it must be a GeoJSON or GeoPackage") from err
    if not isinstance(shapes, gpd.GeoDataFrame):
        raise SourceError(f"{path}: has no shapes; it must hold river lines or areas")
    kinds = set(shapes.geom_type.dropna())
    usable = shapes[shapes.geom_type.isin(["LineString", "MultiLineString", "Polygon", "MultiPolygon"])]
    usable = usable[~usable.geometry.is_empty]
    if usable.empty:
        found = f"only {', '.join(sorted(kinds))}" if kinds else "no shape"
        raise SourceError(f"{path}: has {found}; draw lines along the river, or areas around it")
    if usable.crs is None:
        raise SourceError(f"{path}: does not say in which CRS it is; write it into the file, e.g. EPSG:4326")
    return usable
