"""How many buildings, metres of road, schools and people there are on pieces of land."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from erosion.places.reading import Places

UNITS: Final = {"buildings": "", "road_m": "m", "schools": "", "people": ""}
"""Column -> unit."""

_WHOLE: Final = 0.999
"""Share of a piece of land on which the number of people must be known; outlines of pixels are exact to metres."""


def exposure_of(zones: gpd.GeoDataFrame, places: Places) -> pd.DataFrame:
    """Return what stands on each piece of land.

    Parameters
    ----------
    zones
        Areas in any CRS. An empty one is no land and holds nothing; a missing one is not known.
    places
        Reference layers of the region.

    Returns
    -------
    pandas.DataFrame
        Indexed like ``zones``, nullable: ``buildings`` and ``schools`` that touch the land, ``road_m`` metres of road on
        it, ``people``: those of each pixel by the share of it that lies on the land. Each is missing where its layer was
        not given, could not be read, or does not cover the whole piece of land: what is not known is never 0.
    """
    shapes = _areas(zones.geometry.to_crs(places.crs).to_numpy())
    counted = {
        "buildings": _count(shapes, places, "buildings"),
        "road_m": _road_m(shapes, places),
        "schools": _count(shapes, places, "schools"),
        "people": _people(shapes, places.population),
    }
    table = pd.DataFrame(
        {name: pd.array(values, dtype="Float64") for name, values in counted.items()}, index=zones.index
    )
    return table.astype({"buildings": "Int64", "schools": "Int64"})


def _areas(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return valid shapes; None where there is none."""
    out = np.array(shapes, dtype=object)
    wrong = ~shapely.is_missing(out) & ~shapely.is_valid(out)
    out[wrong] = shapely.make_valid(out[wrong])
    return out


def _known(shapes: NDArray[np.object_], places: Places, kind: str) -> NDArray[np.bool_]:
    """Return on which shapes a layer is complete."""
    if kind not in places.covered:
        return np.zeros(len(shapes), dtype=bool)
    covered = places.covered[kind]
    shapely.prepare(covered)
    return np.asarray(shapely.covers(covered, shapes) | (~shapely.is_missing(shapes) & shapely.is_empty(shapes)))


def _count(shapes: NDArray[np.object_], places: Places, kind: str) -> NDArray[np.float64]:
    known = _known(shapes, places, kind)
    layer: gpd.GeoDataFrame | None = getattr(places, kind)
    number = np.zeros(len(shapes))
    if layer is not None and len(layer):
        row, _ = shapely.STRtree(layer.geometry.to_numpy()).query(shapes, predicate="intersects")
        number = np.bincount(row, minlength=len(shapes)).astype(float)
    return np.where(known, number, np.nan)


def _road_m(shapes: NDArray[np.object_], places: Places) -> NDArray[np.float64]:
    known = _known(shapes, places, "roads")
    metres = np.zeros(len(shapes))
    if places.roads is not None and len(places.roads):
        roads = places.roads.geometry.to_numpy()
        row, road = shapely.STRtree(roads).query(shapes, predicate="intersects")
        inside = shapely.length(shapely.intersection(shapes[row], roads[road]))
        metres += np.bincount(row, weights=inside, minlength=len(shapes))
    return np.where(known, metres, np.nan)


def _people(shapes: NDArray[np.object_], cells: gpd.GeoDataFrame | None) -> NDArray[np.float64]:
    if cells is None:
        return np.full(len(shapes), np.nan)
    pixels, people = cells.geometry.to_numpy(), cells["people"].to_numpy(float)
    row, cell = shapely.STRtree(pixels).query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[row], pixels[cell]))
    number = np.bincount(row, weights=people[cell] * common / shapely.area(pixels[cell]), minlength=len(shapes))
    met = np.bincount(row, weights=common, minlength=len(shapes))
    size = shapely.area(shapes)
    touches = np.bincount(row, minlength=len(shapes)) > 0
    flat = touches | shapely.is_empty(shapes)  # a shape without area holds nobody where the number of people is known
    known = np.where(size > 0, met >= _WHOLE * size, flat) & ~shapely.is_missing(shapes)
    return np.where(known, number, np.nan)
