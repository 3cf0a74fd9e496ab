"""Cells of a grid in latitude and longitude near a point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from erosion.config.records import LonLat
from erosion.core.geodesy import EARTH_KM, great_circle_km
from erosion.gauges.formats.grid_files import GridError

MOST_SIDE: Final = 100_000
"""An axis of a grid that is longer is refused."""

_COARSEST: Final = 0.25  # degrees, ERA5
LATITUDES: Final = ("latitude", "lat")
LONGITUDES: Final = ("longitude", "lon")


@dataclass(frozen=True)
class Near:
    """Cells near a point.

    Attributes
    ----------
    rows, columns
        Places of the cells on the latitude and longitude axes, both shape (cell,).
    latitudes, longitudes
        Centres as the file gives them, shape (cell,).
    km
        Distances of the centres from the point, shape (cell,), ascending.
    spacing
        Distance between neighbouring centres on the latitude axis, degrees.
    """

    rows: np.ndarray
    columns: np.ndarray
    latitudes: np.ndarray
    longitudes: np.ndarray
    km: np.ndarray
    spacing: float


def near(dataset: xr.Dataset, variable: xr.DataArray, point: LonLat, *, cells: int = 0, km: float = 0.0) -> Near:
    """Return the cells near a point.

    Parameters
    ----------
    dataset, variable
        As opened; latitude and longitude are axes of their own, ascending or descending, longitude from -180 or from 0.
    point
        Longitude and latitude, degrees.
    cells
        Cells so many rows and columns from the nearest one are taken too.
    km
        Cells whose centre is no farther from the point are taken too.

    Returns
    -------
    Near
        The nearest cell first.

    Raises
    ------
    GridError
        If the grid is not of that kind, or the point lies outside it.
    """
    lat, lon = _axis(dataset, variable, LATITUDES), _axis(dataset, variable, LONGITUDES)
    if np.abs(lat).max() > 90.001 or np.abs(lon).max() > 360.001:
        raise GridError("its latitudes or longitudes are no degrees; a grid in latitude and longitude is needed")
    away_lat = lat - point[1]
    away_lon = (lon - point[0] + 180.0) % 360.0 - 180.0
    spacing_lat, spacing_lon = _spacing(lat), _spacing(lon)
    row, column = int(np.abs(away_lat).argmin()), int(np.abs(away_lon).argmin())
    # Half a cell and a hair: coordinates are often single precision.
    if abs(away_lat[row]) > 0.51 * spacing_lat or abs(away_lon[column]) > 0.51 * spacing_lon:
        east = (lon + 180.0) % 360.0 - 180.0
        raise GridError(
            f"the location [{point[0]:g}, {point[1]:g}] lies outside its grid (longitude {east.min():g} to {east.max():g}, "
            f"latitude {lat.min():g} to {lat.max():g}); ask for a larger area, or set 'location' right"
        )
    half_lat = max((cells + 0.5) * spacing_lat, math.degrees(km / EARTH_KM))
    shrink = max(math.cos(math.radians(min(abs(point[1]), 89.0))), 0.01)
    half_lon = max((cells + 0.5) * spacing_lon, math.degrees(km / EARTH_KM) / shrink)
    around_column = (lon - lon[column] + 180.0) % 360.0 - 180.0
    rows = np.flatnonzero(np.abs(lat - lat[row]) < half_lat + (spacing_lat if km else 0.0))
    columns = np.flatnonzero(np.abs(around_column) < half_lon + (spacing_lon if km else 0.0))
    r, c = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    distance = great_circle_km(point, lon[c], lat[r])
    if not cells:
        inside = (distance <= km) | ((r == row) & (c == column))
        r, c, distance = r[inside], c[inside], distance[inside]
    nearest = (r == row) & (c == column)
    order = np.lexsort((c, r, distance, ~nearest))
    r, c = r[order], c[order]
    return Near(r, c, lat[r], lon[c], distance[order], spacing_lat)


def km_between(point: LonLat, latitude: float, longitude: float) -> float:
    """Return the distance of a cell's centre from a point, km."""
    return float(great_circle_km(point, longitude, latitude))


def where(latitude: float, longitude: float) -> str:
    """Return the name of a cell, by its centre."""
    east = (longitude + 180.0) % 360.0 - 180.0
    return f"{abs(latitude):.3f}° {'N' if latitude >= 0 else 'S'}, {abs(east):.3f}° {'E' if east >= 0 else 'W'}"


def axis_name(variable: xr.DataArray, names: tuple[str, ...]) -> str:
    """Axis of a variable that has one of the names, or the first of them as its standard name."""
    for dim in map(str, variable.dims):
        standard = variable[dim].attrs.get("standard_name") if dim in variable.coords else None
        if dim.lower() in names or standard == names[0]:
            return dim
    raise GridError(
        f"{variable.name!r} has the axes {', '.join(map(str, variable.dims))} and none is {' or '.join(names)}; a grid in "
        "latitude and longitude is needed"
    )


def _axis(dataset: xr.Dataset, variable: xr.DataArray, names: tuple[str, ...]) -> np.ndarray:
    name = axis_name(variable, names)
    if name not in dataset.variables or dataset[name].ndim != 1:
        raise GridError(f"has no {names[0]} of its cells")
    if not 0 < dataset.sizes[name] <= MOST_SIDE:
        raise GridError(f"its {names[0]} has {dataset.sizes[name]} places, which cannot be a grid")
    axis = np.asarray(dataset[name].values, float)
    if not np.isfinite(axis).all():
        raise GridError(f"its {names[0]} has missing places; fetch it again")
    return axis


def _spacing(axis: np.ndarray) -> float:
    """Distance between neighbouring centres; of a single one nobody knows, so the coarsest grid in use is supposed."""
    if axis.size < 2:
        return _COARSEST
    spacing = float(np.median(np.abs(np.diff(axis))))
    if spacing <= 0:
        raise GridError("its latitudes or longitudes repeat; fetch it again")
    return spacing
