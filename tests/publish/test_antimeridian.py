"""A river across 180°: every file in degrees is cut there, none spans the globe."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import CRS

from erosion.publish import write_all
from erosion.publish.projection import bounding_box, cut_at_antimeridian

DEGREES_PER_M = 1 / (111_319.491 * 0.9996 * (1 + np.radians(3) ** 2 / 2))
"""On the equator at the edge of a UTM zone, 3 degrees off its central meridian: scale 0.9996 (1 + lambda^2 / 2)."""
EAST_OF_180 = 833_978.557
"""Easting of 180° on the equator in UTM 60N (central meridian 177° E)."""
BOUNDS = [180 - 150 * DEGREES_PER_M, 0.0, -180 + 250 * DEGREES_PER_M, 200 / (110_574.39 * 1.00097)]
"""West, south, east, north: the lines run from 150 m west of 180° to 250 m east of it, and 200 m north."""


def shapes(*items):
    return np.array(items, dtype=object)


def test_a_line_over_the_antimeridian_is_cut():
    (cut,) = cut_at_antimeridian(shapes(shapely.LineString([(179.9, 10.0), (-179.9, 10.2), (-179.8, 10.2)])))
    assert cut.geom_type == "MultiLineString"
    west, east = cut.geoms
    np.testing.assert_allclose(west.coords, [(179.9, 10.0), (180.0, 10.1)])
    np.testing.assert_allclose(east.coords, [(-180.0, 10.1), (-179.9, 10.2), (-179.8, 10.2)])


def test_a_polygon_over_the_antimeridian_is_cut():
    (cut,) = cut_at_antimeridian(shapes(shapely.Polygon([(179.0, 0.0), (-179.0, 0.0), (-179.0, 1.0), (179.0, 1.0)])))
    assert cut.geom_type == "MultiPolygon"
    assert sorted(part.bounds for part in cut.geoms) == [(-180.0, 0.0, -179.0, 1.0), (179.0, 0.0, 180.0, 1.0)]


def test_neighbours_on_either_side_are_not_taken_for_a_crossing():
    lines = shapes(shapely.LineString([(179.8, 0), (179.9, 0)]), shapely.LineString([(-179.9, 0), (-179.8, 0)]))
    assert [line.geom_type for line in cut_at_antimeridian(lines)] == ["LineString", "LineString"]


@pytest.fixture
def across(tmp_path, layer, history, region):
    """Files of five segments on the equator, the second of them half on either side of 180°."""
    moved = shapely.transform(
        layer.geometry.to_numpy(), lambda xy: xy - [560_000.0, 1_148_000.0] + [EAST_OF_180 - 150, 0]
    )
    at_180 = gpd.GeoDataFrame(layer.drop(columns="geometry"), geometry=moved, crs="EPSG:32660")
    write_all(tmp_path, {"1y": at_180}, history, replace(region, export_crs="EPSG:4326"))
    return tmp_path


def check_parts(geometry, tolerance=2e-6):
    """Each part lies on one side, within the bounds; together they reach them."""
    parts = shapely.get_parts(geometry)
    west, _, east, _ = shapely.bounds(parts).T
    assert ((west >= BOUNDS[0] - tolerance) | (east <= BOUNDS[2] + tolerance)).all()
    assert (east - west < 0.003).all()
    assert west[west > 0].min() == pytest.approx(BOUNDS[0], abs=tolerance)
    assert east[east < 0].max() == pytest.approx(BOUNDS[2], abs=tolerance)


def test_geoparquet_is_cut_and_its_bbox_runs_from_west_to_east(across):
    path = across / "segments_1y.parquet"
    lines = gpd.read_parquet(path).geometry.to_numpy()
    assert [line.geom_type for line in lines] == ["LineString", "MultiLineString", *["LineString"] * 3]
    check_parts(lines)
    column = json.loads(pq.read_schema(path).metadata[b"geo"])["columns"]["geometry"]
    assert column["geometry_types"] == ["LineString", "MultiLineString"]
    np.testing.assert_allclose(column["bbox"], BOUNDS, atol=2e-6)


def test_geopackage_is_cut_and_declares_what_it_holds(across):
    path = across / "segments.gpkg"
    lines = pyogrio.read_dataframe(path, layer="segments_1y").geometry.to_numpy()
    assert {line.geom_type for line in lines} == {"MultiLineString"}
    assert [len(line.geoms) for line in lines] == [1, 2, 1, 1, 1]
    check_parts(lines)
    strips = pyogrio.read_dataframe(path, layer="band_1y").geometry.to_numpy()
    assert shapely.is_valid(strips).all()
    west, _, east, _ = shapely.bounds(shapely.get_parts(strips)).T
    assert (east - west < 0.004).all() and (west > 0).any() and (east < 0).any()
    with closing(sqlite3.connect(path)) as connection:
        declared = connection.execute("SELECT table_name, geometry_type_name FROM gpkg_geometry_columns").fetchall()
    assert dict(declared) == {"segments_1y": "MULTILINESTRING", "band_1y": "MULTIPOLYGON"}


def extents(path):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT table_name, min_x, min_y, max_x, max_y FROM gpkg_contents WHERE data_type = 'features'"
        ).fetchall()
    return {name: edges for name, *edges in rows}


def test_no_extent_of_the_geopackage_spans_the_globe(across):
    """The format has no form for an area across 180 degrees; an unknown extent shows no globe, and every feature is found."""
    path = across / "segments.gpkg"
    assert extents(path) == {"segments_1y": [None] * 4, "band_1y": [None] * 4}
    assert len(pyogrio.read_dataframe(path, layer="segments_1y")) == 5
    *_, east, _ = shapely.bounds(shapely.get_parts(gpd.read_file(path, layer="segments_1y").geometry)).T
    beyond = int((east < 0).sum())
    assert 0 < beyond < len(east)
    near = pyogrio.read_dataframe(path, layer="segments_1y", bbox=(-180.0, -1.0, -179.0, 1.0))
    assert len(near) == beyond, "a search east of 180 finds the segments with a part there"


def test_bounds_away_from_180_are_those_of_the_lines(tmp_path, layer, history, region):
    """In degrees too; -180..180 stays what it is in metres, where it means nothing special."""
    write_all(tmp_path, {"1y": layer}, history, replace(region, export_crs="EPSG:4326"))
    lines = gpd.read_parquet(tmp_path / "segments_1y.parquet")
    west, south, east, north = lines.total_bounds
    np.testing.assert_allclose(extents(tmp_path / "segments.gpkg")["segments_1y"], [west, south, east, north])
    np.testing.assert_allclose(bounding_box(lines.geometry.to_numpy(), lines.crs), [west, south, east, north])
    wide = shapes(shapely.LineString([(-500, 0), (500, 10)]))
    assert bounding_box(wide, CRS("EPSG:32660")) == (-500, 0, 500, 10)
    parts = shapely.MultiLineString([[(179.5, 1), (180, 2)], [(-180, 2), (-179.75, 3)]])
    assert bounding_box(shapes(parts), CRS("EPSG:4326")) == (179.5, 1, -179.75, 3)


def test_geojson_is_cut(across):
    collection = json.loads((across / "segments_1y.geojson").read_text(encoding="utf-8"))
    shown = [shapely.geometry.shape(feature["geometry"]) for feature in collection["features"]]
    assert [shape.geom_type for shape in shown] == ["LineString", "MultiLineString", *["LineString"] * 3]
    check_parts(shown)


def test_a_projected_export_is_not_cut(tmp_path, layer, history, region):
    """In metres of UTM 60N nothing happens at 180°."""
    moved = shapely.transform(
        layer.geometry.to_numpy(), lambda xy: xy - [560_000.0, 1_148_000.0] + [EAST_OF_180 - 150, 0]
    )
    at_180 = gpd.GeoDataFrame(layer.drop(columns="geometry"), geometry=moved, crs="EPSG:32660")
    write_all(tmp_path, {"1y": at_180}, history, replace(region, export_crs="EPSG:32660"))
    lines = gpd.read_parquet(tmp_path / "segments_1y.parquet").geometry.to_numpy()
    np.testing.assert_array_equal(shapely.get_coordinates(lines), shapely.get_coordinates(moved))
