"""Which connected bank line a segment lies on."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

TOUCH_M = 1.0
"""Ends of bank lines nearer to each other than this touch [m]."""


def number_bank_lines(segments: gpd.GeoDataFrame) -> NDArray[np.int_]:
    """Return a number for each connected bank line of an island, 0 for the left and right banks of the river, shape (n,).

    Parameters
    ----------
    segments
        Segments in a metric CRS with ``bank`` and bank lines. Two islands beside each other have the same bank, I, and
        chainages that say nothing of which is which.
    """
    number = np.zeros(len(segments), dtype=int)
    islands = np.flatnonzero(segments["bank"].to_numpy() == "I")
    if not islands.size:
        return number
    lines = segments.geometry.to_numpy()[islands]
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(lines, place)) for place in (0, -1)])
    pairs = cKDTree(ends).query_pairs(TOUCH_M, output_type="ndarray") % len(islands)
    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(len(islands), len(islands)))
    number[islands] = 1 + connected_components(graph, directed=False)[1]
    return number
