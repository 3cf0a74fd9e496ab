"""Distances between places in longitude and latitude."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from pyproj import Geod

from erosion.core.arrays import FloatArray

EARTH_KM: Final = 6371.0
"""Mean radius of the Earth [km]; grids of models in longitude and latitude are on such a sphere."""

_SPHERE: Final = Geod(a=1000 * EARTH_KM, b=1000 * EARTH_KM)


def great_circle_km(place: tuple[float, float], longitude: ArrayLike, latitude: ArrayLike) -> FloatArray:
    """Return the lengths of the great circles from a place to others on a sphere of :data:`EARTH_KM` [km].

    Parameters
    ----------
    place
        Longitude and latitude [degrees].
    longitude, latitude
        Other places [degrees], both shape (n,) or both numbers.
    """
    lon, lat = np.broadcast_arrays(np.asarray(longitude, float), np.asarray(latitude, float))
    metres = _SPHERE.inv(np.full(lon.shape, place[0]), np.full(lon.shape, place[1]), lon, lat)[2]
    return np.asarray(metres, float) / 1000.0
