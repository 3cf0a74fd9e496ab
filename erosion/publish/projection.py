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
    """Geometries in, geometries out; shapes and order kept."""


def choose(source: CRS, target: str, bounds: tuple[float, float, float, float]) -> Projection:
    """Choose the best datum operation for an area.

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

        return _finite(shapely.transform(geometry, move), target)

    accuracy = best.accuracy if best.accuracy is not None and best.accuracy >= 0 else None
    return Projection(wanted, best.description, accuracy, apply)


def _rank(operation: Transformer, west: float, south: float, east: float, north: float) -> tuple[bool, float, float]:
    """Order operations: valid for the whole area, then accurate, then made for a wide area.

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
