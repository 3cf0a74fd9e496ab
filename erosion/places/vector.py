"""A vector file of points, lines or areas: opened, checked, cut to where the river lies, in the region's CRS."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from erosion.config.places import VectorEntry
from erosion.core.errors import SourceError
from erosion.core.river_area import strip_of
from erosion.places import extent

POINTS, LINES, AREAS = 0, 1, 2
"""Dimensions of geometries, as GEOS counts them."""

MAX_FEATURES: Final = 3_000_000
"""Most features along a river; all buildings of a province are fewer."""

_SHOWN: Final = 12
_HEAD: Final = 65_536

_DRIVERS: Final = ("GPKG", "GeoJSON", "ESRI Shapefile", "FlatGeobuf", "OSM")
_STARTS: Final[dict[str, Callable[[bytes], bool]]] = {
    ".gpkg": lambda head: head.startswith(b"SQLite format 3\0"),
    ".geojson": lambda head: _is_json(head),
    ".json": lambda head: _is_json(head),
    ".shp": lambda head: head.startswith(b"\0\0\x27\x0a"),
    ".fgb": lambda head: head.startswith(b"fgb"),
    ".pbf": lambda head: b"OSMHeader" in head[:64],
    ".osm": lambda head: b"<osm" in head[:1024],
}
"""Ending -> how such a file begins. GDAL goes by content: a text file could make it open other files or addresses."""


class Found(NamedTuple):
    """What a vector file has along the river."""

    features: gpd.GeoDataFrame
    """The columns that were asked for and the geometry, in the region's CRS."""
    covered: BaseGeometry
    """Where along the river the layer is complete."""
    left_out: list[str]
    """What is wrong with single features, and how many."""


def read_layer(
    entry: VectorEntry, strip: BaseGeometry, crs: str, dimensions: tuple[int, ...], columns: dict[str, str]
) -> Found:
    """Return the features of a layer that touch a strip.

    Parameters
    ----------
    entry
        File, layer, condition and where the layer is complete.
    strip
        Where the river lies, in ``crs``.
    crs
        CRS of the result.
    dimensions
        Which of :data:`POINTS`, :data:`LINES` and :data:`AREAS` are wanted; others are left out and counted.
    columns
        Our name of a column -> the file's name of the field.

    Raises
    ------
    SourceError
        Where the file cannot be read, names no CRS, lies elsewhere, is empty, or lacks a layer or field.
    """
    _check_start(entry.path)
    with _named_as_unreadable("save it again, or fetch it again"):
        layers = [str(name) for name, kind in pyogrio.list_layers(entry.path) if kind is not None]
    layer = _layer_of(entry, layers)
    with _named_as_unreadable("save it again, or fetch it again"):
        info = pyogrio.read_info(entry.path, layer=layer, encoding=entry.encoding, force_total_bounds=True)
        crs_of_file = None if info["crs"] is None else CRS.from_user_input(info["crs"])
    info["crs"] = crs_of_file
    _check_info(info, columns)
    bounds = tuple(float(edge) for edge in info["total_bounds"])
    pieces = [
        piece
        for window in extent.windows(strip, crs, info["crs"])
        if (piece := extent.overlap(window, _four(bounds))) is not None
    ]
    if not pieces:
        shown = ", ".join(f"{edge:.6g}" for edge in bounds)
        raise SourceError(
            f"lies elsewhere: from west, south to east, north {shown} in {_named(info['crs'])}; is it the right file and CRS?"
        )
    raw = _read(entry, layer, pieces, sorted(set(columns.values())))
    with _named_as_unreadable("mend its shapes"):
        features, left_out = _usable(raw, info["crs"], crs, strip, dimensions)
    table = pd.DataFrame({ours: features[theirs] for ours, theirs in columns.items()}, index=features.index)
    if entry.covers is not None:
        covered = shapely.intersection(strip_of(entry.covers, 0.0, crs)[1], strip)
        if covered.is_empty:
            raise SourceError(f"covers: {entry.covers.name} lies elsewhere; is it the right file and CRS?")
    else:
        covered = extent.within(pieces, info["crs"], crs, strip)
    return Found(gpd.GeoDataFrame(table, geometry=features.geometry, crs=crs).reset_index(drop=True), covered, left_out)


@contextmanager
def _named_as_unreadable(mend: str) -> Iterator[None]:
    """Turn what GDAL, PROJ and GEOS raise about a file into a SourceError with its mend."""
    try:
        yield
    except SourceError:
        raise
    except (RuntimeError, OSError, ValueError, shapely.errors.GEOSException) as err:  # pyogrio's own are RuntimeErrors
        raise SourceError(f"cannot be read ({str(err)[:200]}); {mend}") from err


def _check_start(path: Path) -> None:
    """Refuse what is no file of a format that is read, before GDAL chooses one by its content."""
    starts = _STARTS.get(path.suffix.lower())
    if starts is None:
        raise SourceError(f"is no {', '.join(_STARTS)} file; convert it, for example with ogr2ogr to GeoPackage")
    if not path.is_file():
        raise SourceError("is no file")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as err:
        raise SourceError(f"cannot be read ({err})") from err
    if not head:
        raise SourceError("is empty (0 bytes); fetch it again")
    if not starts(head):
        raise SourceError(f"does not begin like a {path.suffix} file; save it again, or fetch it again")


def _is_json(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and b"gdal_streamed_alg" not in head


def _layer_of(entry: VectorEntry, layers: list[str]) -> str:
    if not layers:
        raise SourceError("has no layer with shapes")
    if entry.layer is None and len(layers) > 1:
        raise SourceError(f"has layers {_some(layers)}; name one under 'layer'")
    if entry.layer is not None and entry.layer not in layers:
        raise SourceError(f"has no layer {entry.layer!r}{_close(entry.layer, layers)}; it has {_some(layers)}")
    return entry.layer or layers[0]


def _check_info(info: dict[str, Any], columns: dict[str, str]) -> None:
    if info["driver"] not in _DRIVERS:
        raise SourceError(f"is {info['driver']}, which is not read; convert it with ogr2ogr to GeoPackage")
    if info["crs"] is None:
        raise SourceError("does not say in which CRS it is; write it into the file, e.g. EPSG:4326")
    fields = [str(name) for name in info["fields"]]
    for theirs in columns.values():
        if theirs not in fields:
            raise SourceError(f"has no field {theirs!r}{_close(theirs, fields)}; it has {_some(fields)}")
    bounds = np.asarray(info["total_bounds"], float)
    if info["features"] == 0 or not np.isfinite(bounds).all():
        raise SourceError("is empty: no feature has a shape")
    if info["crs"].is_geographic and (abs(bounds[[0, 2]]) > 540.0).any():
        raise SourceError(
            f"says {_named(info['crs'])}, but {bounds[0]:.0f}, {bounds[1]:.0f} are no degrees; write the right CRS into the file"
        )


def _read(entry: VectorEntry, layer: str, pieces: list[extent.Bounds], fields: list[str]) -> gpd.GeoDataFrame:
    with _named_as_unreadable("check 'where' and the file"):
        frames = [
            pyogrio.read_dataframe(
                entry.path,
                layer=layer,
                columns=fields,
                where=entry.where,
                bbox=piece,
                encoding=entry.encoding,
                fid_as_index=True,
                force_2d=True,
                max_features=MAX_FEATURES + 1,
            )
            for piece in pieces
        ]
    whole = pd.concat(frames)
    whole = whole[~whole.index.duplicated()]  # what crosses 180° lies in two windows
    if len(whole) > MAX_FEATURES:
        raise SourceError(
            f"has more than {MAX_FEATURES:,} features along the river; take a 'where', or a smaller extract"
        )
    return whole.sort_index()


def _usable(
    raw: gpd.GeoDataFrame, layer_crs: Any, crs: str, strip: BaseGeometry, dimensions: tuple[int, ...]
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the features that have a valid shape of a wanted kind and touch the strip, and what others lack."""
    shapes = np.array(raw.geometry.to_numpy(), dtype=object)
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    shapes[there] = extent.project(shapes[there], extent.transformer(layer_crs, crs))
    placed = there & np.isfinite(shapely.bounds(shapes)).all(axis=1)
    wrong = placed & ~shapely.is_valid(shapes)
    shapes[wrong] = shapely.make_valid(shapes[wrong])
    for i in np.flatnonzero(wrong):
        shapes[i] = _parts_of(shapes[i], dimensions)
    kinds = np.isin(shapely.get_dimensions(shapes), dimensions) & ~shapely.is_empty(shapes)
    shapely.prepare(strip)
    near = placed & kinds
    near[near] = shapely.intersects(strip, shapes[near])
    counts = {
        "has no place in the CRS of the region": int((there & ~placed).sum()),
        "is of another kind than is needed here": int((placed & ~kinds).sum()),
    }
    left_out = [f"{count} of {there.size} features: {reason}" for reason, count in counts.items() if count]
    return raw.set_geometry(gpd.GeoSeries(shapes, index=raw.index, crs=crs))[near], left_out


def _parts_of(shape: BaseGeometry, dimensions: tuple[int, ...]) -> BaseGeometry:
    """Return the parts of a mended shape that are of the highest wanted dimension; empty where there are none."""
    parts = [part for part in shapely.get_parts(shape) if not part.is_empty]
    flat = [
        p for part in parts for p in (shapely.get_parts(part) if part.geom_type == "GeometryCollection" else [part])
    ]
    found = [shapely.get_dimensions(part) for part in flat]
    best = max((d for d in found if d in dimensions), default=None)
    return shapely.union_all([part for part, d in zip(flat, found, strict=True) if d == best])


def _four(bounds: tuple[float, ...]) -> extent.Bounds:
    west, south, east, north = bounds
    return west, south, east, north


def _some(names: list[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _close(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _named(crs: CRS) -> str:
    return str(crs.name)[:60]
