"""The GeoPackage as GIS programs see it: layers, types, styles, meanings, and the same bytes every time."""

import hashlib
import sqlite3
import time
import warnings
import xml.etree.ElementTree as ET
from contextlib import closing
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest

from erosion.core.contracts import LEVEL_COLOURS, LEVEL_SYMBOLS, SIMULATED_NOTICE
from erosion.publish import write_all
from erosion.publish.columns import BAND, LEVEL_WORDS, SHOWN

SHOWN_COLUMNS = tuple(column.name for column in SHOWN)

LAYERS = ["segments_1y", "segments_3y", "band_1y", "band_3y"]


def query(path, sql, *values):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


@pytest.fixture
def package(published):
    return published / "segments.gpkg"


def test_layers_and_tables(package):
    listed = dict(pyogrio.list_layers(package))
    assert list(listed)[:4] == LAYERS
    assert listed["segments_1y"] == "LineString"
    assert listed["band_1y"] == "MultiPolygon"
    assert {"about", "about_columns", "layer_styles"} <= set(listed)


def test_values_come_back(package, layer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # GDAL's doubts about the file arrive as warnings
        read = gpd.read_file(package, layer="segments_1y")
    assert list(read.columns) == [*SHOWN_COLUMNS, "geometry"]
    assert read.crs == "EPSG:9208"
    for name in ("p_event", "retreat_p50_m", "curvature_per_m", "rate_3y_m_per_y"):
        np.testing.assert_array_equal(read[name], layer[name])
    assert read["level"].tolist() == [0, 1, 2, 3, 4]
    assert read["held_by"].tolist() == ["", "", "", "cap", "trigger"]
    assert read["joint_level"].tolist() == [0, 1, 3, 3, 4]
    assert read["event_id"].isna().tolist() == [True, True, False, False, False]
    assert pd.Timestamp(read["as_of"].iloc[0]) == pd.Timestamp("2024-06-30")
    assert read["data_age_days"].isna().tolist() == [True, False, False, False, False]


def test_field_types(package):
    types = dict(
        zip(*[pyogrio.read_info(package, layer="segments_1y")[key] for key in ("fields", "ogr_types")], strict=True)
    )
    subtypes = dict(
        zip(*[pyogrio.read_info(package, layer="segments_1y")[key] for key in ("fields", "ogr_subtypes")], strict=True)
    )
    assert types["p_event"] == "OFTReal"
    assert types["level"] == "OFTInteger"
    assert types["as_of"] == types["first_issued_at"] == "OFTDate"
    assert types["event_id"] == "OFTString"
    assert subtypes["simulated"] == "OFSTBoolean"


def test_coordinates_are_transformed_not_relabelled(package, layer, official_lines):
    read = gpd.read_file(package, layer="segments_1y")
    assert read.geometry.geom_equals_exact(official_lines, 0.001).all()
    # The same place in the two systems: other numbers altogether, the same ground.
    assert abs(read.geometry.iloc[0].coords[0][0] - layer.geometry.iloc[0].coords[0][0]) > 1000
    back = read.to_crs(layer.crs)
    assert back.geometry.hausdorff_distance(layer.geometry, align=False).max() < 1.0


def test_bands(package, layer):
    band = gpd.read_file(package, layer="band_1y")
    assert list(band.columns) == [*(column.name for column in BAND), "geometry"]
    assert band.is_valid.all()
    assert (
        band["quantile"].tolist() == ["p90"] * 4 + ["p70"] * 3 + ["p50"] * 3 + ["p30"] * 2
    )  # the wider strips first, so below
    strips = band.set_index(["segment_id", "quantile"])
    assert strips.loc[("hau-R-0000200", "p50"), "area_m2"] == pytest.approx(12.5 * 100)
    assert strips.loc[("hau-R-0000400", "p90"), "area_m2"] == pytest.approx(80.0 * 100)
    assert strips.loc[("hau-R-0000400", "p90"), "level"] == 4
    assert strips.loc[("hau-R-0000400", "p90"), "p_event"] == pytest.approx(0.98766)
    # Published area is that of the ground; in TM-3 the shape has nearly the same.
    np.testing.assert_allclose(band.area, band["area_m2"], rtol=0.002)
    ground = band.to_crs(layer.crs).set_index(["segment_id", "quantile"]).geometry
    assert ground[("hau-R-0000200", "p50")].centroid.y < layer.geometry.iloc[2].centroid.y  # landward is south there


def test_exactly_one_default_style_a_layer(package):
    styles = query(package, "SELECT f_table_name, f_table_schema, f_geometry_column, useAsDefault FROM layer_styles")
    assert sorted(styles) == sorted((name, "", "geom", 1) for name in LAYERS)
    geometry = dict(query(package, "SELECT table_name, column_name FROM gpkg_geometry_columns"))
    assert geometry == dict.fromkeys(LAYERS, "geom")


@pytest.mark.parametrize("name", LAYERS)
def test_qml_shows_levels_by_colour_number_symbol_and_word(package, name):
    ((qml,),) = query(package, "SELECT styleQML FROM layer_styles WHERE f_table_name = ?", name)
    root = ET.fromstring(qml)
    renderer = root.find("renderer-v2")
    assert renderer.get("type") == "categorizedSymbol"
    assert renderer.get("attr") == "level"
    assert renderer.find("orderby/orderByClause").text == '"level"'
    symbols = {symbol.get("name"): symbol for symbol in renderer.findall("symbols/symbol")}
    categories = {int(c.get("value")): c for c in renderer.findall("categories/category")}
    assert set(categories) == set(LEVEL_COLOURS)
    for level, category in categories.items():
        label = category.get("label")
        assert label == f"Mức nguy cơ (mô hình): {level} {LEVEL_SYMBOLS[level]} {LEVEL_WORDS['vi'][level]}"
        symbol = symbols[category.get("symbol")]
        assert symbol.get("type") == ("line" if name.startswith("segments") else "fill")
        key = "line_color" if name.startswith("segments") else "color"
        top = symbol.findall("layer")[-1]
        assert top.get("class") == ("SimpleLine" if name.startswith("segments") else "SimpleFill")
        for colour in (top.find(f"Option/Option[@name='{key}']").get("value"), top.find(f"prop[@k='{key}']").get("v")):
            red, green, blue, _ = colour.split(",")
            assert f"#{int(red):02x}{int(green):02x}{int(blue):02x}" == LEVEL_COLOURS[level]


def test_levels_differ_without_colour(package):
    ((qml,),) = query(package, "SELECT styleQML FROM layer_styles WHERE f_table_name = 'segments_1y'")
    looks = set()
    for symbol in ET.fromstring(qml).findall("renderer-v2/symbols/symbol"):
        top = symbol.findall("layer")[-1]
        looks.add(tuple(top.find(f"prop[@k='{key}']").get("v") for key in ("line_width", "line_style")))
    assert len(looks) == 5


def test_aliases_are_vietnamese(package):
    ((qml,),) = query(package, "SELECT styleQML FROM layer_styles WHERE f_table_name = 'segments_1y'")
    aliases = {a.get("field"): a.get("name") for a in ET.fromstring(qml).findall("aliases/alias")}
    assert aliases["landward_deg"] == "Hướng vào đất liền"
    assert set(aliases) == set(SHOWN_COLUMNS)


@pytest.mark.parametrize("name", LAYERS)
def test_sld_has_one_rule_a_level(package, name):
    ((sld,),) = query(package, "SELECT styleSLD FROM layer_styles WHERE f_table_name = ?", name)
    space = {
        "sld": "http://www.opengis.net/sld",
        "se": "http://www.opengis.net/se",
        "ogc": "http://www.opengis.net/ogc",
    }
    root = ET.fromstring(sld)
    assert root.tag == "{http://www.opengis.net/sld}StyledLayerDescriptor"
    assert root.findtext("sld:NamedLayer/se:Name", namespaces=space) == name
    rules = root.findall(".//se:Rule", space)
    assert [rule.findtext(".//ogc:Literal", namespaces=space) for rule in rules] == ["0", "1", "2", "3", "4"]
    for level, rule in enumerate(rules):
        colours = [p.text for p in rule.findall(".//se:SvgParameter", space) if p.get("name") in ("stroke", "fill")]
        assert LEVEL_COLOURS[level] in colours
        assert LEVEL_WORDS["vi"][level] in rule.findtext(".//se:Title", namespaces=space)


def test_columns_are_described_where_gis_programs_look(package):
    rows = query(
        package, "SELECT column_name, title, description FROM gpkg_data_columns WHERE table_name = 'segments_1y'"
    )
    said = {name: (title, description) for name, title, description in rows}
    assert set(said) == set(SHOWN_COLUMNS)
    assert said["chainage_m"] == ("Lý trình", "distance downstream along the centre line of the baseline [m]")
    enum = query(package, "SELECT value, description FROM gpkg_data_column_constraints WHERE constraint_name = 'level'")
    assert dict(enum)["4"] == "4 ● rất cao"


def test_about_tables(package):
    about = dict(query(package, "SELECT key, value FROM about"))
    assert about["title_vi"] == "Sông Hậu ở Long Xuyên"
    assert about["as_of"] == "2024-06-30"
    assert about["licence"] == "MIT"
    assert about["attribution"] == "© ví dụ"
    assert "VN-2000 to WGS 84" in about["datum_operation"]
    assert about["export_crs"].startswith("EPSG:9208 ")
    assert about["simulated"] == "false"
    assert "notice" not in about
    rows = query(package, "SELECT layer, column, unit FROM about_columns")
    units = {(layer, column): unit for layer, column, unit in rows}
    assert {column for layer, column in units if layer == "segments_3y"} == {column.name for column in SHOWN}
    assert units["segments_1y", "retreat_p90_m"] == "m"
    assert units["band_1y", "area_m2"] == "m2"


def test_a_simulated_package_says_so_everywhere(exercise):
    package = exercise / "segments.gpkg"
    assert dict(query(package, "SELECT key, value FROM about"))["notice"] == SIMULATED_NOTICE
    titles = query(package, "SELECT identifier, description FROM gpkg_contents WHERE data_type = 'features'")
    assert len(titles) == 2
    assert all(SIMULATED_NOTICE in title and SIMULATED_NOTICE in description for title, description in titles)
    for qml, sld in query(package, "SELECT styleQML, styleSLD FROM layer_styles"):
        assert qml.count(SIMULATED_NOTICE) == 5
        assert sld.count(SIMULATED_NOTICE) == 5
    for name in ("segments_1y", "band_1y"):
        assert gpd.read_file(package, layer=name)["simulated"].all()


def test_file_is_sound(package):
    assert query(package, "PRAGMA integrity_check") == [("ok",)]
    assert query(package, "PRAGMA foreign_key_check") == []
    assert query(package, "PRAGMA application_id") == [(0x47504B47,)]
    assert len(query(package, "SELECT * FROM gpkg_extensions WHERE extension_name = 'gpkg_rtree_index'")) == 4
    assert not package.with_name("segments.gpkg-journal").exists()
    identifiers = query(package, "SELECT identifier FROM gpkg_contents")
    assert len(set(identifiers)) == len(identifiers)


def test_spatial_index_answers(package):
    whole = gpd.read_file(package, layer="segments_1y")
    west, south, _, north = whole.total_bounds
    found = gpd.read_file(package, layer="segments_1y", bbox=(west - 1, south - 1, west + 50, north + 1))
    assert found["segment_id"].tolist() == ["hau-R-0000000"]


def test_same_input_same_bytes_later_and_over_an_old_file(tmp_path, layers, history, region):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = write_all(tmp_path / "first", layers, history, region)
    time.sleep(1.2)  # longer than a time stamp's second
    second = write_all(tmp_path / "second", layers, history, region)
    assert first == second
    layers["1y"].loc[4, "p_event"] = 0.5
    changed = write_all(tmp_path / "second", layers, history, region)
    assert {name for name in first if first[name] != changed[name]} == {
        "segments.gpkg", "segments_1y.parquet", "segments_1y.geojson", "segments_1y_vi.csv", "segments_1y_en.csv",
    }  # fmt: skip
    layers["1y"].loc[4, "p_event"] = 0.98766
    assert write_all(tmp_path / "second", layers, history, region) == first
    on_disk = hashlib.sha256((tmp_path / "second" / "segments.gpkg").read_bytes()).hexdigest()
    assert on_disk == first["segments.gpkg"]


def test_stamps_are_the_as_of_date(package):
    stamps = query(package, "SELECT last_change FROM gpkg_contents UNION SELECT update_time FROM layer_styles")
    assert stamps == [("2024-06-30T00:00:00.000Z",)]


def test_gdal_keeps_its_own_settings(tmp_path, layers, history, region):
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None, "OGR_SQLITE_SYNCHRONOUS": "NORMAL"})
    try:
        write_all(tmp_path, layers, history, region)
        assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
        assert pyogrio.get_gdal_config_option("OGR_SQLITE_SYNCHRONOUS") == "NORMAL"
    finally:
        pyogrio.set_gdal_config_options({"OGR_SQLITE_SYNCHRONOUS": None})


def test_a_run_without_forecast_has_an_empty_band_layer(tmp_path, layer, history, region):
    layer[[f"retreat_p{level}_m" for level in (10, 30, 50, 70, 90)]] = np.nan
    write_all(tmp_path, {"1y": layer}, history, region)
    assert pyogrio.read_info(tmp_path / "segments.gpkg", layer="band_1y")["features"] == 0
    assert pyogrio.read_info(tmp_path / "segments.gpkg", layer="segments_1y")["features"] == 5


def test_dates_of_every_kind_become_the_same_day(tmp_path, layer, history, region):
    layer["as_of"] = [date(2024, 6, 30)] * 5
    layer["first_issued_at"] = pd.to_datetime([None, None, "2024-06-30", "2023-06-30", "2023-06-30"], utc=True)
    write_all(tmp_path, {"1y": layer}, history, region)
    rows = query(tmp_path / "segments.gpkg", "SELECT DISTINCT as_of, first_issued_at FROM segments_1y")
    assert set(rows) == {("2024-06-30", None), ("2024-06-30", "2024-06-30"), ("2024-06-30", "2023-06-30")}
