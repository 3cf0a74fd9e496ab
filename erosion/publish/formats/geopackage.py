"""The GeoPackage of a run: segment and band layers with their QGIS styles, and tables that say what is in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from pyproj import CRS

from erosion.core.contracts import LEVELS
from erosion.publish.columns import Column, level_label
from erosion.publish.errors import writing
from erosion.publish.projection import bounding_box

GEOMETRY: Final = "geom"
VERSION: Final = "1.3"
"""Of the GeoPackage standard; GIS programs some years old warn at a newer one."""


class VectorLayer(NamedTuple):
    """One layer of the file."""

    name: str
    title: str
    """Unique one-line title, shown by GIS programs beside the name."""
    description: str
    attributes: pa.Table
    geometry: np.ndarray
    """Shapely geometries in the CRS of the file, shape (n,)."""
    geometry_type: str
    """``LineString``, ``MultiLineString`` or ``MultiPolygon``."""
    columns: Sequence[Column]
    style_name: str
    qml: str
    sld: str


def write_geopackage(path: Path, layers: Sequence[VectorLayer], crs: str, about: Mapping[str, str], stamp: str) -> None:
    """Write layers, their styles and their meaning to one GeoPackage.

    The same input gives the same bytes: every time stamp in the file is ``stamp``.

    Parameters
    ----------
    path
        File to write; one that is there is replaced.
    layers
        The layers, in the order GIS programs list them.
    crs
        Authority code or WKT of the coordinates.
    about
        What to say of the run, key -> text.
    stamp
        Time of the content, ``yyyy-mm-ddThh:mm:ss.000Z``.

    Raises
    ------
    ExportError
        When the file cannot be written.
    """
    with writing(path):
        # Opened by Python first, because its errors say why a path cannot be written where SQLite's do not. And always
        # from an absent file: a rewritten SQLite file keeps traces of what was there.
        with path.open("wb"):
            pass
        path.unlink()
        with _gdal_options({"OGR_CURRENT_DATE": stamp, "OGR_SQLITE_SYNCHRONOUS": "OFF"}):
            for layer in layers:
                geometry = layer.geometry
                if layer.geometry_type.startswith("Multi"):
                    geometry = _to_multi(geometry)
                table = layer.attributes.append_column(GEOMETRY, pa.array(shapely.to_wkb(geometry), pa.binary()))
                pyogrio.write_arrow(
                    table,
                    path,
                    layer=layer.name,
                    driver="GPKG",
                    geometry_name=GEOMETRY,
                    geometry_type=layer.geometry_type,
                    crs=crs,
                    dataset_options={"VERSION": VERSION},
                    layer_options={"IDENTIFIER": layer.title, "DESCRIPTION": layer.description},
                )
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")  # the caller syncs the finished file once
            _clear_extents(connection, layers, CRS.from_user_input(crs))
            _add_styles(connection, layers, stamp)
            _add_data_columns(connection, layers)
            _add_about(connection, layers, about, stamp)


@contextmanager
def _gdal_options(options: dict[str, str]) -> Iterator[None]:
    """Set GDAL's options for a while; they belong to the whole process, so the old ones come back."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _to_multi(geometry: np.ndarray) -> np.ndarray:
    """Return all geometries of a layer as one type, because a GeoPackage layer declares one."""
    parts, owner = shapely.get_parts(geometry, return_index=True)
    if not len(parts):
        return geometry
    gather = shapely.multilinestrings if shapely.get_dimensions(parts[0]) == 1 else shapely.multipolygons
    return gather(parts, indices=owner)


def _clear_extents(connection: sqlite3.Connection, layers: Sequence[VectorLayer], crs: CRS) -> None:
    """Leave the extent of a layer unknown where the layer crosses 180°.

    The extent of ``gpkg_contents`` is a default view that may be null, and has no form for an area across 180° (GeoPackage
    1.3, 1.1.3.1): the least and the greatest longitude, which GDAL writes, would show the whole globe.
    """
    for layer in layers:
        if not len(layer.geometry):
            continue
        west, _, east, _ = bounding_box(layer.geometry, crs)
        if west > east:
            connection.execute(
                "UPDATE gpkg_contents SET min_x = NULL, min_y = NULL, max_x = NULL, max_y = NULL WHERE table_name = ?",
                (layer.name,),
            )


def _register(connection: sqlite3.Connection, table: str, description: str, stamp: str) -> None:
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
        "VALUES (?, 'attributes', ?, ?, ?, 0)",
        (table, table, description, stamp),
    )


def _add_styles(connection: sqlite3.Connection, layers: Sequence[VectorLayer], stamp: str) -> None:
    """Store each layer's style where QGIS looks for it: schema '', table and geometry column as in the file."""
    connection.execute(
        "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), "
        "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
        "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
        "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
    )
    connection.executemany(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
        "styleQML, styleSLD, useAsDefault, description, owner, ui, update_time) "
        "VALUES ('', '', ?, ?, ?, ?, ?, 1, ?, '', NULL, ?)",
        [(layer.name, GEOMETRY, layer.style_name, layer.qml, layer.sld, layer.description, stamp) for layer in layers],
    )
    _register(connection, "layer_styles", "QGIS styles of the layers", stamp)


def _add_data_columns(connection: sqlite3.Connection, layers: Sequence[VectorLayer]) -> None:
    """Describe columns by the schema extension, which GIS programs show as aliases, tips and words for the levels."""
    connection.executescript(
        """
        CREATE TABLE gpkg_data_columns (
          table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT, mime_type TEXT,
          constraint_name TEXT, CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
          CONSTRAINT gdc_tn UNIQUE (table_name, name));
        CREATE TABLE gpkg_data_column_constraints (
          constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC,
          min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
          CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value));
        """
    )
    connection.executemany(
        "INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope) "
        "VALUES (?, NULL, 'gpkg_schema', 'http://www.geopackage.org/spec121/#extension_schema', 'read-write')",
        [("gpkg_data_columns",), ("gpkg_data_column_constraints",)],
    )
    connection.executemany(
        "INSERT INTO gpkg_data_column_constraints (constraint_name, constraint_type, value, description) "
        "VALUES ('level', 'enum', ?, ?)",
        [(str(level), level_label(level)) for level in LEVELS],
    )
    connection.executemany(
        "INSERT INTO gpkg_data_columns (table_name, column_name, name, title, description, constraint_name) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                layer.name,
                column.name,
                column.head,
                column.head,
                f"{column.meaning} [{column.unit}]" if column.unit else column.meaning,
                "level" if column.name == "level" else None,
            )
            for layer in layers
            for column in layer.columns
        ],
    )


def _add_about(
    connection: sqlite3.Connection, layers: Sequence[VectorLayer], about: Mapping[str, str], stamp: str
) -> None:
    """Add two plain tables that any program opens: what the run is, and what each column means."""
    connection.execute("CREATE TABLE about (id INTEGER PRIMARY KEY NOT NULL, key TEXT NOT NULL, value TEXT)")
    connection.executemany("INSERT INTO about (key, value) VALUES (?, ?)", about.items())
    _register(connection, "about", "What this run is, where it comes from and what to beware of", stamp)
    connection.execute(
        "CREATE TABLE about_columns (id INTEGER PRIMARY KEY NOT NULL, layer TEXT NOT NULL, column TEXT NOT NULL, "
        "unit TEXT, meaning TEXT, head_vi TEXT)"
    )
    connection.executemany(
        "INSERT INTO about_columns (layer, column, unit, meaning, head_vi) VALUES (?, ?, ?, ?, ?)",
        [
            (layer.name, column.name, column.unit, column.meaning, column.head)
            for layer in layers
            for column in layer.columns
        ],
    )
    _register(connection, "about_columns", "Unit and meaning of every column of every layer", stamp)
