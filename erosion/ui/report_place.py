"""Where on the river a field report is: the nearest bank of the run on the page."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import shapely
from pyproj import Transformer

from erosion.ui.choice import Choice
from erosion.ui.map import deck, sketch
from erosion.ui.products.places import commune_at
from erosion.words import write

FARTHEST_M: Final = 2_000.0
"""A place farther than this from every bank of the region is a mistake [m]."""

ALONG_M: Final = 200.0
"""A chainage farther than this from every segment of its bank is a mistake [m]."""


class PlaceError(ValueError):
    """A place is not one of the region; ``key`` is the reason, ``report.place.{key}`` of the catalogues."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


class Spot(NamedTuple):
    """A place and the segment of bank that is nearest to it."""

    lon: float
    lat: float
    reach: str
    bank: str
    chainage_m: float
    segment_id: str
    stretch_id: str | None
    """The stretch that the segment belongs to, None where it belongs to none."""
    away_m: float
    commune: str
    """Code of the commune, empty where not known."""


def spot_at(choice: Choice, lon: float, lat: float) -> Spot:
    """Return the spot at a longitude and latitude [degree].

    Raises
    ------
    PlaceError
        It is farther than :data:`FARTHEST_M` from every bank.
    """
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise PlaceError("far")
    plane, lines = deck.plane_of(choice.run, choice.target.name, choice.version)
    away = shapely.distance(lines, sketch.to_metres(np.array([shapely.Point(lon, lat)]), plane)[0])
    row = int(np.argmin(np.where(np.isfinite(away), away, np.inf)))
    if not away[row] <= FARTHEST_M:
        raise PlaceError("far")
    return _spot(choice, row, lon, lat, float(away[row]))


def spot_along(choice: Choice, reach: str, bank: str, chainage_m: float) -> Spot:
    """Return the spot in the middle of the segment that is nearest to a chainage [m] on a bank of a reach.

    Raises
    ------
    PlaceError
        No segment of that bank is within :data:`ALONG_M`.
    """
    table = choice.segments
    mine = np.flatnonzero((table["reach"] == reach) & (table["bank"] == bank))
    off = np.abs(table["chainage_m"].to_numpy(float)[mine] - chainage_m)
    if not mine.size or not off.min() <= ALONG_M:
        raise PlaceError("chainage")
    row = int(mine[off.argmin()])
    plane, lines = deck.plane_of(choice.run, choice.target.name, choice.version)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines[row], 0.5, normalized=True))[0]
    lon, lat = Transformer.from_crs(plane.crs, "EPSG:4326", always_xy=True).transform(*middle)
    return _spot(choice, row, float(lon), float(lat), 0.0)


def _spot(choice: Choice, row: int, lon: float, lat: float, away_m: float) -> Spot:
    segment = choice.segments.iloc[row]
    stretch = segment["stretch_id"]
    return Spot(
        round(lon, 6),
        round(lat, 6),
        str(segment["reach"]),
        str(segment["bank"]),
        float(segment["chainage_m"]),
        str(segment["segment_id"]),
        None if write.missing(stretch) or not stretch else str(stretch),
        away_m,
        commune_at(choice.region, choice.run, lon, lat) or "",
    )
