"""The zone beside a bank that is closed in an emergency: so many metres up and down the bank, so many inland."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from erosion.exposure.zones import inland_zones

CORNER_M = 0.5
"""A corner nearer than this to the line between its neighbours is left out of the outline [m]."""


JOIN_M = 20.0
"""Ends of neighbouring segments nearer to each other than this belong to one bank line [m]."""


class ZoneError(ValueError):
    """A zone cannot be drawn; the message says why and what to give instead."""


class EmergencyZone(NamedTuple):
    """A zone and the bank that it lies beside."""

    area: BaseGeometry
    """In the CRS of the segments [m]."""
    bank: shapely.LineString
    """Its side at the river, downstream."""
    upstream_m: float
    downstream_m: float
    """Lengths along the bank from the centre [m]: less than asked for where the mapped bank ends."""


def emergency_zone(
    segments: gpd.GeoDataFrame, segment_id: str, upstream_m: float, downstream_m: float, inland_m: float
) -> EmergencyZone:
    """Return the zone around the middle of a segment.

    Parameters
    ----------
    segments
        Published segments of a run in metres: ``segment_id``, ``reach``, ``bank``, ``chainage_m``, ``landward_deg`` and bank lines.
    segment_id
        Segment whose middle is the centre.
    upstream_m, downstream_m
        Lengths along the bank from the centre [m].
    inland_m
        Depth from the bank line [m].

    Raises
    ------
    ZoneError
        No such segment, a length that is no length, or a land side that is not known.
    """
    for name, value in {"upstream": upstream_m, "downstream": downstream_m, "inland": inland_m}.items():
        if not np.isfinite(value) or value < 0:
            raise ZoneError(f"{name}: {value} m is no length; give 0 or more")
    if upstream_m + downstream_m <= 0 or inland_m <= 0:
        raise ZoneError("the zone has no area; give a length along the bank and a depth inland")
    found = segments.loc[segments["segment_id"] == segment_id]
    if found.empty:
        raise ZoneError(f"no segment {segment_id} in this run; choose one of its list")
    centre = found.iloc[0]
    own = (segments["reach"] == centre["reach"]) & (segments["bank"] == centre["bank"])
    line = _bank_line(segments[own], centre.geometry)
    at = line.project(centre.geometry.interpolate(0.5, normalized=True))
    start, stop = max(at - upstream_m, 0.0), min(at + downstream_m, line.length)
    side = shapely.ops.substring(line, start, stop)
    beside = gpd.GeoDataFrame({"landward_deg": [centre["landward_deg"]]}, geometry=[side], crs=segments.crs)
    area = inland_zones(beside, [inland_m]).geometry.iloc[0]
    if area is None or area.is_empty:
        raise ZoneError(f"the land side of {segment_id} is not known here; choose a neighbouring segment")
    return EmergencyZone(area, side, float(at - start), float(stop - at))


def corner_table(area: BaseGeometry, crs: str, export_crs: str) -> pd.DataFrame:
    """Return the corners of a zone in a national grid, the way it is staked out.

    Parameters
    ----------
    area
        The zone, in ``crs``.
    crs, export_crs
        CRS of the zone, and of the table, such as EPSG:9208 (VN-2000, zone 104°45').

    Returns
    -------
    pandas.DataFrame
        ``corner`` (from 1, clockwise from the northernmost), ``x_m`` (northing) and ``y_m`` (easting) in the order of Vietnamese
        surveying, to 0.1 m. Of several parts of a zone all corners, one part after the other.
    """
    rows = []
    simple = shapely.simplify(area, CORNER_M)
    for part in gpd.GeoSeries([simple], crs=crs).to_crs(export_crs).explode():
        ring = shapely.get_coordinates(shapely.normalize(shapely.Polygon(part.exterior)).exterior)[:-1]
        if shapely.is_ccw(shapely.linearrings(ring)):
            ring = ring[::-1]
        rows.append(np.roll(ring, -int(np.argmax(ring[:, 1])), axis=0))
    corners = np.concatenate(rows)
    return pd.DataFrame(
        {"corner": np.arange(1, len(corners) + 1), "x_m": corners[:, 1].round(1), "y_m": corners[:, 0].round(1)}
    )


def _bank_line(segments: gpd.GeoDataFrame, own: shapely.LineString) -> shapely.LineString:
    """Return the connected bank line that a segment lies on, downstream; segments whose ends lie near are connected."""
    lines = segments.sort_values("chainage_m").geometry.to_numpy()
    if segments["bank"].iloc[0] == "I":  # around an island the chainage goes forth and back
        parts = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines), directed=True))
    else:
        start, stop = (shapely.get_coordinates(shapely.get_point(lines, place)) for place in (0, -1))
        apart = np.flatnonzero(np.hypot(*(start[1:] - stop[:-1]).T) > JOIN_M) + 1
        parts = np.array(
            [shapely.linestrings(shapely.get_coordinates(part)) for part in np.split(lines, apart)], dtype=object
        )
    middle = own.interpolate(0.5, normalized=True)
    line: shapely.LineString = parts[int(np.argmin(shapely.distance(parts, middle)))]
    return line
