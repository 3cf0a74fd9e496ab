"""Lines and polygons that orient the eye where there is no base map: water, chainage marks, flow arrows, grid, scale.

Everything is drawn in metres from the middle of the region (transverse Mercator, true to scale, north up), as whole
numbers: half the bytes of degrees, and the map needs no tiles to be right.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from erosion.core.arrays import FloatArray
from erosion.publish.projection import choose

MARK_M = 10_000.0
"""Chainage marks with a number at every zoom, one a ... [m]."""

SMALL_MARK_M = 1_000.0
"""Chainage marks that appear when zoomed in [m]."""

MAX_ACROSS_M = 6_000.0
"""Left and right bank further apart than this do not face each other [m]."""

SIMPLIFY_M = 2.0
"""Bends of a line smaller than this are left out [m]; a map of a hundred kilometres shows none of them."""

COARSEST_M = 6.0
"""No larger bends are left out of any map [m]: two pixels where a chosen segment is looked at."""

FINEST_PART = 5e-5
"""Bends smaller than this part of the longer side of the map are left out of bank lines and strips."""


class Frame(NamedTuple):
    """The plane of the map."""

    lon: float
    lat: float
    """Its middle [degree]."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north of the bank lines [m]."""

    @property
    def crs(self) -> CRS:
        """Transverse Mercator about the middle."""
        return CRS.from_proj4(f"+proj=tmerc +lat_0={self.lat} +lon_0={self.lon} +k=1 +ellps=WGS84 +units=m +type=crs")


def lon_lat(geometry: gpd.GeoSeries) -> NDArray[Any]:
    """Return published geometries in longitude and latitude, by the datum operation the export chooses."""
    projection = choose(CRS(geometry.crs), "EPSG:4326", tuple(geometry.total_bounds))
    moved: NDArray[Any] = projection.apply(geometry.to_numpy())
    return moved


def frame(lines: NDArray[Any]) -> Frame:
    """Return the plane through bank lines given in longitude and latitude."""
    west, south, east, north = shapely.total_bounds(lines)
    middle = 0.5 * (west + east)
    if east - west > 180:  # on both sides of 180°
        longitude = shapely.get_coordinates(lines)[:, 0] % 360
        middle = (0.5 * (longitude.min() + longitude.max()) + 180) % 360 - 180
    plain = Frame(round(middle, 4), round(0.5 * (south + north), 4), (0.0, 0.0, 0.0, 0.0))
    return plain._replace(bounds=tuple(shapely.total_bounds(to_metres(lines, plain)).tolist()))


def to_metres(geometry: NDArray[Any], plane: Frame) -> NDArray[Any]:
    """Return geometries in longitude and latitude moved onto the plane; lines cut at 180° are whole again."""
    move = Transformer.from_crs("EPSG:4326", plane.crs, always_xy=True)
    moved: NDArray[Any] = shapely.transform(geometry, lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1])))
    cut = shapely.get_type_id(moved) == shapely.GeometryType.MULTILINESTRING
    moved[cut] = shapely.line_merge(shapely.set_precision(moved[cut], 0.001), directed=True)
    return moved


def tolerance_m(plane: Frame) -> float:
    """Return the size of bends that are left out of bank lines and strips [m]: more of them on the map of a large region."""
    west, south, east, north = plane.bounds
    return float(np.clip(FINEST_PART * max(east - west, north - south), SIMPLIFY_M, COARSEST_M))


def chains(lines: NDArray[Any], key: NDArray[Any], chainage_m: FloatArray) -> list[tuple[Any, FloatArray]]:
    """Return long lines of neighbouring bank lines of one key (bank, or bank and level).

    Parameters
    ----------
    lines
        Bank lines on the plane, shape (n,).
    key
        What lines must share to be joined, shape (n,).
    chainage_m
        Order along the river, shape (n,).

    Returns
    -------
    list
        (key, vertices of shape (k, 2)) of every joined line.
    """
    if not len(lines):
        return []
    order = np.lexsort((chainage_m, key.astype(str)))
    lines, key = lines[order], key[order]
    start, end = (shapely.get_coordinates(shapely.get_point(lines, place)) for place in (0, -1))
    apart = np.hypot(*(start[1:] - end[:-1]).T) > 1.0
    cut = np.flatnonzero(apart | (key[1:] != key[:-1])) + 1
    joined = []
    for part in np.split(np.arange(len(lines)), cut):
        xy, owner = shapely.get_coordinates(lines[part], return_index=True)
        repeated = np.append(False, np.diff(owner) > 0)
        joined.append((key[part[0]], xy[~repeated]))
    return joined


def thin(xy: FloatArray, tolerance_m: float = SIMPLIFY_M) -> list[int]:
    """Return a line as flat whole metres ``[x, y, x, y, ...]``, small bends left out."""
    if len(xy) > 2:
        xy = shapely.get_coordinates(shapely.simplify(shapely.linestrings(xy), tolerance_m, preserve_topology=False))
    return np.rint(xy).astype(int).ravel().tolist()


def rings(polygons: NDArray[Any], tolerance_m: float = SIMPLIFY_M) -> list[list[int]]:
    """Return outer rings of polygons as flat whole metres; what vanishes at that tolerance is left out."""
    parts = shapely.get_parts(shapely.get_parts(polygons))
    parts = shapely.simplify(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON], tolerance_m)
    outer = shapely.get_exterior_ring(parts[~shapely.is_empty(parts)])
    xy, owner = shapely.get_coordinates(outer, return_index=True)
    whole = np.rint(xy).astype(int)
    pieces = np.split(whole, np.flatnonzero(np.diff(owner)) + 1) if len(whole) else []
    return [piece.ravel().tolist() for piece in pieces if len(piece) > 3]


def cells(lines: NDArray[Any], reach_m: float) -> list[list[int]]:
    """Return for each bank line the ring of what is nearer to its middle than to any other's, flat whole metres.

    Parameters
    ----------
    lines
        Bank lines on the plane, shape (n,); two with one middle get the same ring.
    reach_m
        No ring reaches further from the middle [m].
    """
    middles = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    unique, mine = np.unique(middles, axis=0, return_inverse=True)
    near = shapely.buffer(shapely.points(unique), reach_m, quad_segs=2)
    if len(unique) > 1:
        nearest = shapely.voronoi_polygons(
            shapely.multipoints(unique), extend_to=shapely.box(*shapely.total_bounds(near))
        )
        parts = shapely.get_parts(nearest)
        owner, part = shapely.STRtree(parts).query(shapely.points(unique), predicate="within")
        near[owner] = shapely.intersection(near[owner], parts[part])
    xy, of = shapely.get_coordinates(shapely.get_exterior_ring(near), return_index=True)
    pieces = np.split(np.rint(xy).astype(int), np.flatnonzero(np.diff(of)) + 1)
    return [pieces[i].ravel().tolist() for i in mine.ravel()]


def centre_line(lines: NDArray[Any], bank: NDArray[Any], chainage_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the estimated middle of the river from banks that face each other, for labels and arrows only.

    Returns
    -------
    tuple
        Chainage [m], shape (k,), ascending, and positions on the plane, shape (k, 2).
    """
    middles = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    sides = []
    for name in ("L", "R"):
        mine = np.flatnonzero(bank == name)
        mine = mine[np.argsort(chainage_m[mine], kind="stable")]
        sides.append((chainage_m[mine], middles[mine]))
    (left_at, left), (right_at, right) = sides
    if not len(left_at) or not len(right_at):
        at, only = (left_at, left) if len(left_at) else (right_at, right)
        return at, only
    at = np.unique(np.round(left_at, -2))
    at = at[(at >= right_at[0]) & (at <= right_at[-1])]
    a, b = ((np.column_stack([np.interp(at, s, xy[:, i]) for i in (0, 1)])) for s, xy in sides)
    facing = np.hypot(*(a - b).T) <= MAX_ACROSS_M
    return at[facing], 0.5 * (a + b)[facing]


def river(lines: NDArray[Any], bank: NDArray[Any], chainage_m: FloatArray) -> tuple[list[list[int]], list[list[int]]]:
    """Return the water between the two banks, and the islands in it.

    Returns
    -------
    tuple
        Rings of water and rings of islands, flat whole metres.
    """
    sides = []
    for name in ("L", "R"):
        mine = np.flatnonzero(bank == name)
        mine = mine[np.argsort(chainage_m[mine], kind="stable")]
        sides.append((lines[mine], chainage_m[mine]))
    (left, left_at), (right, right_at) = sides
    pieces = []
    if len(left) and len(right):
        # Piece by piece along the river: one polygon of a hundred kilometres that crosses itself once would be lost.
        first, last = max(left_at[0], right_at[0]), min(left_at[-1], right_at[-1])
        edges = np.arange(first, last + 2_000.0, 2_000.0)
        for start, stop in zip(edges[:-1], edges[1:], strict=True):
            a = left[(left_at >= start - 300.0) & (left_at <= stop + 300.0)]
            b = right[(right_at >= start - 300.0) & (right_at <= stop + 300.0)]
            if len(a) and len(b):
                ring = np.concatenate([shapely.get_coordinates(a), shapely.get_coordinates(b)[::-1]])
                if len(ring) > 3:
                    pieces.append(shapely.make_valid(shapely.polygons(ring)))
    # Not melted together either: the ring of a whole meander would enclose the land inside it.
    water = rings(np.array(pieces, dtype=object))
    # An island's segments lie round it, so chainage does not order them; their ends meet, which is enough.
    shores = lines[bank == "I"]
    islands = rings(np.array([shapely.polygonize(shores)])) if len(shores) else []
    return water, islands


def marks(at: FloatArray, xy: FloatArray, step_m: float) -> list[tuple[int, list[int], float]]:
    """Return chainage marks: whole kilometre, position on the plane, direction of flow [degree, anticlockwise from x].

    Arrows look along the line over half a kilometre, so that a ragged middle does not turn them.
    """
    if len(at) < 2:
        return []
    wanted = np.arange(np.ceil(at[0] / step_m), np.floor(at[-1] / step_m) + 1) * step_m
    result = []
    for place in wanted:
        if np.abs(at - place).min() > 500.0:
            continue
        x, y = (float(np.interp(place, at, xy[:, i])) for i in (0, 1))
        before, after = (np.array([np.interp(place + step, at, xy[:, i]) for i in (0, 1)]) for step in (-500.0, 500.0))
        along = after - before
        result.append((round(place / 1000), [round(x), round(y)], float(np.degrees(np.arctan2(along[1], along[0])))))
    return result


def spaced(
    found: list[tuple[int, list[int], float]], wide_m: float, high_m: float
) -> tuple[list[tuple[int, list[int], float]], list[tuple[int, list[int], float]]]:
    """Return marks that have room, and the rest.

    Parameters
    ----------
    found
        Marks from :func:`marks`.
    wide_m, high_m
        Room of a mark on the plane [m]; marks are taken in order, and none stands in the room of another.
    """
    kept: list[tuple[int, list[int], float]] = []
    rest: list[tuple[int, list[int], float]] = []
    for mark in found:
        x, y = mark[1]
        near = any(abs(x - other[1][0]) < wide_m and abs(y - other[1][1]) < high_m for other in kept)
        (rest if near else kept).append(mark)
    return kept, rest


def nice(length_m: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is no longer than a length."""
    power = 10.0 ** np.floor(np.log10(length_m))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length_m))


class Grid(NamedTuple):
    """Lines of equal longitude and latitude over the plane."""

    lines: list[list[int]]
    labels: list[tuple[str, float, list[int]]]
    """``lon`` or ``lat``, degrees, position."""


def graticule(plane: Frame) -> Grid:
    """Return lines of equal longitude and latitude, some five across the shorter side."""
    west, south, east, north = view_bounds(plane)
    back = Transformer.from_crs(plane.crs, "EPSG:4326", always_xy=True)
    there = Transformer.from_crs("EPSG:4326", plane.crs, always_xy=True)
    lon_w, lat_s, lon_e, lat_n = back.transform_bounds(west, south, east, north)
    step = nice(max(lat_n - lat_s, lon_e - lon_w) / 4.0)
    found: list[list[int]] = []
    labels: list[tuple[str, float, list[int]]] = []
    for lon in np.arange(np.ceil(lon_w / step), np.floor(lon_e / step) + 1) * step:
        x, y = there.transform(np.full(9, lon), np.linspace(lat_s, lat_n, 9))
        found.append(np.rint(np.column_stack([x, y])).astype(int).ravel().tolist())
        labels.append(("lon", float(lon), [round(float(np.interp(south, y, x))), round(south)]))
    for lat in np.arange(np.ceil(lat_s / step), np.floor(lat_n / step) + 1) * step:
        x, y = there.transform(np.linspace(lon_w, lon_e, 9), np.full(9, lat))
        found.append(np.rint(np.column_stack([x, y])).astype(int).ravel().tolist())
        labels.append(("lat", float(lat), [round(west), round(float(np.interp(west, x, y)))]))
    return Grid(found, labels)


def view_bounds(plane: Frame) -> tuple[float, float, float, float]:
    """Return the part of the plane that the whole map shows, a margin round the banks included [m]."""
    west, south, east, north = plane.bounds
    margin = 0.06 * max(east - west, north - south, 2_000.0)
    # A long thin reach is shown with land on both sides of it.
    wide, high = max(east - west, 0.55 * (north - south)), max(north - south, 0.45 * (east - west))
    middle_x, middle_y = 0.5 * (west + east), 0.5 * (south + north)
    return (
        middle_x - 0.5 * wide - margin,
        middle_y - 0.5 * high - margin,
        middle_x + 0.5 * wide + margin,
        middle_y + 0.5 * high + margin,
    )
