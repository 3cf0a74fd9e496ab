"""The strip of land between the bank and the line to which the forecast lets it retreat."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.publish.errors import ExportError

#: Below this a strip is thinner than the coordinates are exact [m]; it is no land and gives no polygon.
MIN_RETREAT_M = 0.01


def retreat_band(layer: gpd.GeoDataFrame, column: str = "retreat_p50_m") -> gpd.GeoDataFrame:
    """Return the land that each segment may lose.

    Each bank line is swept inland, along the landward direction of its segment, by the retreat in ``column``.

    Parameters
    ----------
    layer
        Segment layer in metres with ``segment_id``, ``landward_deg`` (clockwise from grid north), ``level`` and
        ``column`` [m]; geometry LineString.
    column
        Which forecast retreat to draw.

    Returns
    -------
    geopandas.GeoDataFrame
        One row for each segment with retreat above zero, in the order of ``layer``: ``segment_id``, ``level``,
        ``retreat_m`` [m], ``area_m2`` [m2] and a valid Polygon (MultiPolygon where a winding line sweeps two pieces).

    Raises
    ------
    ExportError
        When the CRS has no metres, or a geometry is no LineString.
    """
    if layer.crs is None or not layer.crs.is_projected:
        raise ExportError("retreat band: coordinates must be metres; draw it in the region's CRS, then transform")
    retreat = layer[column].to_numpy(dtype="float64", na_value=np.nan)
    direction = np.radians(layer["landward_deg"].to_numpy(dtype="float64", na_value=np.nan))
    drawn = np.isfinite(direction) & (retreat >= MIN_RETREAT_M)  # NaN compares false: no forecast, no strip
    lines = layer.geometry.to_numpy()[drawn]
    if (shapely.get_type_id(lines) != shapely.GeometryType.LINESTRING).any():
        raise ExportError("retreat band: a segment's geometry is no LineString; cut banks into single lines first")
    shift = retreat[drawn, None] * np.column_stack([np.sin(direction[drawn]), np.cos(direction[drawn])])
    strips = _sweep(lines, shift)
    frame = pd.DataFrame(
        {
            "segment_id": layer["segment_id"].to_numpy()[drawn],
            "level": layer["level"].to_numpy()[drawn],
            "retreat_m": retreat[drawn],
            "area_m2": shapely.area(strips),
        }
    )
    there = ~shapely.is_empty(strips)
    return gpd.GeoDataFrame(frame[there].reset_index(drop=True), geometry=strips[there], crs=layer.crs)


def _sweep(lines: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return polygons, shape (n,), of lines, shape (n,), swept along shifts, shape (n, 2) [m]; empty where nothing is
    swept."""
    near, owner = shapely.get_coordinates(lines, return_index=True)
    far = near + shift[owner]
    # Out along the bank and back along the shifted line is the strip itself, unless the line winds: where an edge runs
    # against the others, or the way back crosses the way out, what two edges sweep would cancel.
    count = len(near)
    step = np.arange(count)
    order = np.lexsort((np.concatenate([step, 2 * count - step]), np.concatenate([owner, owner])))
    corners, owners = np.concatenate([near, far])[order], np.concatenate([owner, owner])[order]
    strips = shapely.polygons(shapely.linearrings(corners, indices=owners))
    for i in np.flatnonzero(_winds(near, owner, shift) | ~shapely.is_valid(strips)):
        mine = owner == i
        strips[i] = _sweep_edges(near[mine], far[mine])
    return strips


def _winds(near: np.ndarray, owner: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return which lines, vertices (k, 2) of owners (k,), have edges that cross their shift both ways; boolean (n,)."""
    edge, same = np.diff(near, axis=0), np.diff(owner) == 0
    of = owner[:-1]
    swept = np.where(same, edge[:, 0] * shift[of, 1] - edge[:, 1] * shift[of, 0], 0.0)
    ways = np.zeros((2, len(shift)), dtype=bool)
    ways[0, of[swept > 0]] = True
    ways[1, of[swept < 0]] = True
    return ways[0] & ways[1]


def _sweep_edges(near: np.ndarray, far: np.ndarray) -> shapely.Geometry:
    """Return one winding line, vertices shape (k, 2) [m], swept edge by edge: the union of its parallelograms."""
    quads = shapely.polygons(np.stack([near[:-1], near[1:], far[1:], far[:-1]], axis=1))
    # An edge along the shift sweeps no land.
    return shapely.union_all(quads[shapely.is_valid(quads) & (shapely.area(quads) > 0)])
