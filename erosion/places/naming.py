"""The nearest settlement, landmark and road of a bank, with distance and direction."""

from __future__ import annotations

from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.places.reading import NAMES_WITHIN_M, Places
from erosion.words import translate, write

DIRECTIONS: Final = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")

THINGS: Final = ("settlement", "landmark", "road")

AT_M: Final = 1.0
"""Nearer than this a bank is at the place, and no direction leads from one to the other [m]."""


def nearest_names(places: Places, lines: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return what lies nearest to each bank line.

    Parameters
    ----------
    places
        Reference layers of the region.
    lines
        Bank lines, points or areas in any CRS.

    Returns
    -------
    pandas.DataFrame
        Indexed like ``lines``. For each of :data:`THINGS`: its name (``settlement``, ``landmark``, ``road``; None also
        for a road without a name), ``<thing>_kind``, ``<thing>_m`` (distance between the nearest points [m], NaN where there
        is none within :data:`erosion.places.reading.NAMES_WITHIN_M`) and ``<thing>_direction``: where the bank lies, seen
        from there, one of :data:`DIRECTIONS` from grid north; None where the two are less than :data:`AT_M` apart.
    """
    shapes = lines.geometry.to_crs(places.crs).to_numpy()
    names = places.names
    tables = {
        "settlement": None if names is None else names[names["settlement"].to_numpy(bool)],
        "landmark": None if names is None else names[~names["settlement"].to_numpy(bool)],
        "road": places.roads,
    }
    found = [_nearest(shapes, table, thing) for thing, table in tables.items()]
    return pd.concat(found, axis=1).set_axis(lines.index)


def near_text(row: Any, language: str) -> str | None:
    """Return where a bank lies in words, by its nearest landmark or settlement; None where neither is known.

    Parameters
    ----------
    row
        A row of :func:`nearest_names`.
    language
        ``vi`` or ``en``.
    """
    near = [(row[f"{thing}_m"], thing) for thing in ("landmark", "settlement") if row[thing] is not None]
    if not near:
        return None
    metres, thing = min(near)
    direction = row[f"{thing}_direction"]
    if direction is None:
        return translate(language, "near.at", name=row[thing])
    rounded = write.number(round(metres, -1) or metres, language)
    return translate(
        language, "near.from", name=row[thing], metres=rounded, direction=translate(language, f"near.{direction}")
    )


def _nearest(shapes: np.ndarray, table: gpd.GeoDataFrame | None, thing: str) -> pd.DataFrame:
    count = len(shapes)
    name, kind, direction = (np.full(count, None, dtype=object) for _ in range(3))
    metres = np.full(count, np.nan)
    if table is not None and len(table):
        others = table.geometry.to_numpy()
        row, other = shapely.STRtree(others).query_nearest(shapes, max_distance=NAMES_WITHIN_M)
        # Several may be as near: the first of the file is taken.
        order = np.lexsort((other, row))
        row, first = np.unique(row[order], return_index=True)
        other = other[order][first]
        known = table[["name", "kind"]].astype(object).where(table[["name", "kind"]].notna(), None)
        name[row], kind[row] = known["name"].to_numpy()[other], known["kind"].to_numpy()[other]
        ends = shapely.get_coordinates(shapely.shortest_line(others[other], shapes[row])).reshape(-1, 2, 2)
        east, north = (ends[:, 1] - ends[:, 0]).T
        metres[row] = np.hypot(east, north)
        octant = np.rint(np.degrees(np.arctan2(east, north)) / 45.0).astype(int) % len(DIRECTIONS)
        direction[row] = np.where(metres[row] < AT_M, None, np.array(DIRECTIONS, dtype=object)[octant])
    return pd.DataFrame(
        {thing: name, f"{thing}_kind": kind, f"{thing}_m": metres, f"{thing}_direction": direction}, dtype=object
    ).astype({f"{thing}_m": float})
