"""Where items lie against the corridor of a reach, in longitude and latitude."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pystac
import shapely
from pyproj import CRS, Transformer

from erosion.satellite.corridor import Corridor


class Places(NamedTuple):
    """Windows of the corridor in longitude and latitude, and boxes around them to ask a server for."""

    windows: shapely.Geometry
    boxes: tuple[tuple[float, float, float, float], ...]


def corridor_boxes(corridor: Corridor) -> Places:
    """Outline of the corridor's windows in longitude and latitude.

    Longitudes run on beyond 180 degrees where the corridor crosses the antimeridian, so that it stays in one piece;
    the boxes to ask for are cut there.
    """
    grid = corridor.grid
    t = grid.transform
    to_lonlat = Transformer.from_crs(CRS.from_user_input(grid.crs), CRS.from_epsg(4326), always_xy=True)
    outlines = []
    for rows, cols in corridor.windows(512):
        x = np.array([cols.start, cols.stop, cols.stop, cols.start]) * t.a + t.c
        y = np.array([rows.start, rows.start, rows.stop, rows.stop]) * t.e + t.f
        lon, lat = to_lonlat.transform(x, y)
        outlines.append(_in_one_piece(shapely.Polygon(list(zip(lon, lat, strict=True)))))
    # One side of the antimeridian for all of them.
    eastern = [_turned(o, 360.0) if o.bounds[0] < 0 else o for o in outlines]
    spread = [np.ptp([edge for o in some for edge in (o.bounds[0], o.bounds[2])]) for some in (outlines, eastern)]
    whole = shapely.unary_union(eastern if spread[1] < spread[0] else outlines)
    west, south, east, north = whole.bounds
    if east <= 180.0:
        return Places(whole, ((west, south, east, north),))
    if west >= 180.0:
        return Places(whole, ((west - 360.0, south, east - 360.0, north),))
    return Places(whole, ((west, south, 180.0, north), (-180.0, south, east - 360.0, north)))


def touches(item: pystac.Item, places: Places) -> bool:
    """Return whether an item's outline meets the corridor, also where either of them crosses the antimeridian."""
    if item.geometry is not None:
        outline = shapely.make_valid(shapely.from_geojson(json.dumps(item.geometry)))
    elif item.bbox:
        west, south, east, north = item.bbox[:4]
        outline = shapely.box(west, south, east + 360 if east < west else east, north)
    else:
        return True  # it has no outline and no box; its files have a position
    parts = [_in_one_piece(part) for part in shapely.get_parts(outline)]
    return any(
        shapely.intersects(_turned(part, turn), places.windows) for part in parts for turn in (-360.0, 0.0, 360.0)
    )


def _turned(outline: shapely.Geometry, degrees: float) -> shapely.Geometry:
    return shapely.transform(outline, lambda points: points + np.array([degrees, 0.0]))


def _in_one_piece(outline: shapely.Geometry) -> shapely.Geometry:
    """Outline with longitudes that do not jump: nothing a satellite sees at once is half a world wide."""
    west, _, east, _ = outline.bounds
    if east - west <= 180.0 or east - west >= 360.0:  # the latter is the whole globe and no place
        return outline
    return shapely.make_valid(
        shapely.transform(outline, lambda p: np.column_stack([np.where(p[:, 0] < 0, p[:, 0] + 360, p[:, 0]), p[:, 1]]))
    )
