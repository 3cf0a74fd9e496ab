"""Coordinates from one reference system to another, by a named datum operation.

Reference systems that look alike (WGS 84 / UTM 48N and VN-2000 / UTM 48N) lie 200 m apart, so coordinates are always
transformed, the operation is chosen once for the whole area, and its name is published with the data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from pyproj.transformer import TransformerGroup

from erosion.publish.errors import ExportError


class Projection(NamedTuple):
    """A chosen way from one reference system to another."""

    crs: CRS
    """Where the coordinates arrive."""
    operation: str
    """Name of the operation, for the metadata."""
    accuracy_m: float | None
    """Its stated accuracy [m]; ``None`` where the registry gives none."""
    apply: Callable[[np.ndarray], np.ndarray]
    """Geometries in, geometries out; order kept. In degrees, what crosses 180° comes out in two parts."""


def choose(source: CRS, target: str, bounds: tuple[float, float, float, float]) -> Projection:
    """Return the best datum operation for an area.

    Parameters
    ----------
    source
        Reference system of the data.
    target
        Reference system wanted, e.g. ``EPSG:9208``.
    bounds
        West, south, east, north of the data in ``source`` units; NaN for no data.

    Returns
    -------
    Projection

    Raises
    ------
    ExportError
        When the target is unknown or no operation ties the two datums.
    """
    try:
        wanted = CRS.from_user_input(target)
    except CRSError as error:
        raise ExportError(f"export CRS {target!r} is unknown: {error}; give an EPSG code in the region file") from error
    if source == wanted:
        return Projection(wanted, "none: coordinates are published in the CRS they were computed in", 0.0, _finite)
    group = TransformerGroup(source, wanted, always_xy=True, allow_ballpark=False)
    if not group.transformers:
        raise ExportError(
            f"no datum operation leads from {source.to_string()} to {target} here; "
            "choose an export CRS on a datum that is tied to the region's"
        )
    west, south, east, north = bounds
    if np.isfinite(bounds).all():
        to_degrees = Transformer.from_crs(source, "EPSG:4326", always_xy=True)
        west, south, east, north = to_degrees.transform_bounds(west, south, east, north)
    best = min(group.transformers, key=lambda operation: _rank(operation, west, south, east, north))

    def apply(geometry: np.ndarray) -> np.ndarray:
        def move(coordinates: np.ndarray) -> np.ndarray:
            return np.column_stack(best.transform(coordinates[:, 0], coordinates[:, 1]))

        moved = _finite(shapely.transform(geometry, move), target)
        return cut_at_antimeridian(moved) if wanted.is_geographic else moved

    accuracy = best.accuracy if best.accuracy is not None and best.accuracy >= 0 else None
    return Projection(wanted, best.description, accuracy, apply)


def _rank(operation: Transformer, west: float, south: float, east: float, north: float) -> tuple[bool, float, float]:
    """Return the sort key of an operation: valid for the whole area, then accurate, then made for a wide area.

    The last decides where an official operation of a country and that of a local study claim the same accuracy: VN-2000
    has the seven parameters of Decision 05/2007/QĐ-BTNMT and a set from a study of two blocks in the delta, 0.8 m apart.
    """
    use, accuracy = operation.area_of_use, operation.accuracy
    stated = accuracy if accuracy is not None and accuracy >= 0 else np.inf
    if use is None:
        return (True, stated, 0.0)
    right = use.east if use.east >= use.west else use.east + 360  # an area over the antimeridian
    covered = use.west <= west and east <= right and use.south <= south and north <= use.north
    return (not covered, stated, -(right - use.west) * (use.north - use.south))


def _finite(geometry: np.ndarray, target: str = "") -> np.ndarray:
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise ExportError(f"coordinates fall outside the area where {target or 'the CRS'} is defined; check export_crs")
    return geometry


def cut_at_antimeridian(geometry: np.ndarray) -> np.ndarray:
    """Return geometries in degrees with whatever crosses 180° cut there, as RFC 7946 (3.1.9) does.

    Parameters
    ----------
    geometry
        Shapely geometries, longitude -180..180, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shapely geometries, shape (n,); what crosses 180° becomes a Multi-geometry with a part on either side.
    """
    geometry = np.array(geometry, dtype=object)
    for i in np.flatnonzero(_crosses(geometry)):
        geometry[i] = _cut(geometry[i])
    return geometry


def bounding_box(geometry: np.ndarray, crs: CRS) -> tuple[float, float, float, float]:
    """Return west, south, east and north of geometries that were cut at 180°.

    Parameters
    ----------
    geometry
        Shapely geometries in ``crs``, shape (n,), at least one.
    crs
        Their reference system.

    Returns
    -------
    tuple of float
        In units of ``crs``. In degrees west is greater than east where the area crosses 180° (RFC 7946, 5.2).
    """
    west, south, east, north = (float(edge) for edge in shapely.total_bounds(geometry))
    if crs.is_geographic and east - west > 180:
        longitude = shapely.get_coordinates(geometry)[:, 0]
        # 180 itself may be written with either sign.
        west = float(longitude[longitude > 0].min())
        east = float(longitude[longitude < 0].max())
    return west, south, east, north


def _crosses(geometry: np.ndarray) -> np.ndarray:
    """Return which geometries have neighbouring vertices on the two sides of 180°; boolean, shape (n,)."""
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    jump = (np.abs(np.diff(coordinates[:, 0])) > 180) & (np.diff(owner) == 0)
    crossing = np.zeros(len(geometry), dtype=bool)
    crossing[owner[1:][jump]] = True
    return crossing


def _cut(shape: shapely.Geometry) -> shapely.Geometry:
    """Return one geometry cut at 180°."""

    def unroll(coordinates: np.ndarray) -> np.ndarray:
        return np.column_stack(
            [np.where(coordinates[:, 0] < 0, coordinates[:, 0] + 360, coordinates[:, 0]), coordinates[:, 1]]
        )

    whole = shapely.make_valid(shapely.transform(shape, unroll))  # a thin strip may have folded
    west = shapely.intersection(whole, shapely.box(0, -90, 180, 90))
    east = shapely.transform(shapely.intersection(whole, shapely.box(180, -90, 360, 90)), lambda c: c - [360.0, 0.0])
    parts = [
        part
        for part in shapely.get_parts([west, east])
        if shapely.get_dimensions(part) == shapely.get_dimensions(shape)
    ]
    if shapely.get_dimensions(shape) == 1:
        return shapely.multilinestrings(parts)
    return shapely.multipolygons(parts)
