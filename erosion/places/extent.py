"""Where a region's river may lie, and how that place is said in the CRS of a file."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

from erosion.config.region import Region
from erosion.core.errors import SourceError
from erosion.core.river_area import strip_of

Bounds = tuple[float, float, float, float]

WITHOUT_AREA_M: Final = 100_000.0
"""Radius around ``upstream`` that is read for a reach without an area [m]."""

_STEP_M: Final = 500.0
"""An edge is projected in steps of this length [m]."""


def corridor(region: Region) -> BaseGeometry:
    """Return the land along all reaches of a region, in ``region.crs``: their areas, a circle where there is none.

    Raises
    ------
    SourceError
        Where the area of a reach cannot be read.
    """
    parts = []
    for reach in region.reaches:
        if reach.area is not None:
            parts.append(strip_of(reach.area.path, reach.area.width_m, region.crs)[1])
        else:
            x, y = Transformer.from_crs("EPSG:4326", region.crs, always_xy=True).transform(*reach.upstream)
            parts.append(shapely.Point(x, y).buffer(WITHOUT_AREA_M))
    return shapely.union_all(parts)


def transformer(source: Any, target: Any) -> Transformer:
    """Return the way from one CRS to another, by a datum operation that is known.

    Raises
    ------
    SourceError
        Where a CRS is no place on the Earth, or none but a guessed operation leads there: VN-2000 without its EPSG code
        would lie 200 m beside.
    """
    try:
        start, end = CRS.from_user_input(source), CRS.from_user_input(target)
    except CRSError as err:
        raise SourceError(f"its CRS cannot be read ({str(err)[:80]}); write the right one into the file") from err
    for crs in (start, end):
        if not (crs.is_geographic or crs.is_projected):
            raise SourceError(f"its CRS {crs.name[:60]!r} gives no place on a map; write the right one into the file")
    try:
        return Transformer.from_crs(start, end, always_xy=True, allow_ballpark=False)
    except ProjError as err:
        raise SourceError(
            f"no datum operation is known between its CRS and the region's ({start.name[:60]}, {end.name[:60]}); save the "
            "file with the EPSG code of its CRS"
        ) from err


def project(geometry: Any, way: Transformer) -> Any:
    """Return geometries moved by a transformer, corner by corner; what has no place there gets infinite coordinates."""

    def move(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(way.transform(xy[:, 0], xy[:, 1])) if len(xy) else xy

    return shapely.transform(geometry, move)


def windows(strip: BaseGeometry, crs: str, layer_crs: Any) -> list[Bounds]:
    """Return the rectangles of a file's CRS that hold a strip: west, south, east, north.

    In degrees there are three, a turn apart: longitudes may run from -180 or from 0, and a strip may cross 180°.

    Raises
    ------
    SourceError
        Where the strip does not lie where that CRS is defined.
    """
    xy = shapely.get_coordinates(shapely.segmentize(strip, _STEP_M))
    x, y = transformer(crs, layer_crs).transform(xy[:, 0], xy[:, 1])
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SourceError("its CRS is not defined where the region lies; write the right one into the file")
    if not CRS.from_user_input(layer_crs).is_geographic:
        return [(float(x.min()), float(y.min()), float(x.max()), float(y.max()))]
    x = x[0] + (x - x[0] + 180.0) % 360.0 - 180.0
    south, north = float(y.min()), float(y.max())
    return [(float(x.min()) + turn, south, float(x.max()) + turn, north) for turn in (-360.0, 0.0, 360.0)]


def overlap(a: Bounds, b: Bounds) -> Bounds | None:
    """Return the rectangle that two have in common, None where there is none; touching counts."""
    west, south, east, north = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (west, south, east, north) if west <= east and south <= north else None


def within(pieces: list[Bounds], layer_crs: Any, crs: str, strip: BaseGeometry) -> BaseGeometry:
    """Return the part of a strip that rectangles of a file's CRS cover, in the strip's CRS."""
    boxes = shapely.box(*np.asarray(pieces, float).T)
    west, south, east, north = shapely.total_bounds(boxes)
    step = max(east - west, north - south) / 100.0
    edges = shapely.segmentize(boxes, step) if step > 0 else boxes
    moved = project(edges, transformer(layer_crs, crs))
    return shapely.intersection(shapely.union_all(shapely.make_valid(moved)), strip)
