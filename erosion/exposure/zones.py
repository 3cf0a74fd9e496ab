"""The land within so many metres of a bank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

DISTANCES_M: Final = (20.0, 50.0, 100.0)
"""Distances inland in which officers count houses [m]."""


def inland_zones(banks: gpd.GeoDataFrame, distances_m: Sequence[float] = DISTANCES_M) -> gpd.GeoDataFrame:
    """Return the land within some distances of each bank line, on its land side.

    Parameters
    ----------
    banks
        Bank lines in metres; ``landward_deg`` is the direction from water to land, clockwise from grid north.
    distances_m
        Distances from the line [m].

    Returns
    -------
    geopandas.GeoDataFrame
        Indexed like ``banks``, all lines of the first distance, then of the next: ``distance_m`` and a valid area with flat
        ends. The geometry is None where the land side is not known: no direction, or a line whose ends lie in it.
    """
    lines = banks.geometry.to_numpy()
    direction = np.radians(banks["landward_deg"].to_numpy(dtype="float64", na_value=np.nan))
    ends = np.full((len(lines), 2), np.nan)
    usable = ~(shapely.is_missing(lines) | shapely.is_empty(lines))
    start, stop = (shapely.get_point(lines[usable], i) for i in (0, -1))
    ends[usable] = np.column_stack(
        [shapely.get_x(stop) - shapely.get_x(start), shapely.get_y(stop) - shapely.get_y(start)]
    )
    # Positive where land lies to the left of the line.
    turn = ends[:, 0] * np.cos(direction) - ends[:, 1] * np.sin(direction)
    known = np.isfinite(turn) & (np.abs(turn) > 0.0)
    frames = []
    for distance in distances_m:
        zones = np.full(len(lines), None, dtype=object)
        sided = shapely.buffer(
            lines[known], np.sign(turn[known]) * distance, single_sided=True, cap_style="flat", join_style="round"
        )
        # On a winding line GEOS may leave a spike beyond the distance.
        zones[known] = shapely.intersection(shapely.make_valid(sided), shapely.buffer(lines[known], distance))
        frames.append(gpd.GeoDataFrame({"distance_m": distance}, geometry=zones, index=banks.index, crs=banks.crs))
    return gpd.GeoDataFrame(pd.concat(frames), crs=banks.crs)
