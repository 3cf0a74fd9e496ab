"""GeoJSON against RFC 7946, read with the standard library."""

import json
import re

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.publish import ExportError, write_all
from erosion.publish.columns import SHOWN
from erosion.publish.formats.geojson import tidy

SHOWN_COLUMNS = tuple(column.name for column in SHOWN)


@pytest.fixture
def text(published):
    return (published / "segments_1y.geojson").read_bytes().decode("utf-8")


@pytest.fixture
def collection(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_collection(collection):
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection  # withdrawn by RFC 7946
    assert len(collection["features"]) == 5
    for feature in collection["features"]:
        assert set(feature) == {"type", "id", "properties", "geometry"}
        assert feature["type"] == "Feature"
        assert feature["id"] == feature["properties"]["segment_id"]
        assert list(feature["properties"]) == list(SHOWN_COLUMNS)


def test_coordinates_are_longitude_and_latitude(collection, layer):
    to_degrees = Transformer.from_crs(layer.crs, "EPSG:4326", always_xy=True)
    for feature, line in zip(collection["features"], layer.geometry, strict=True):
        assert feature["geometry"]["type"] == "LineString"
        expected = np.column_stack(to_degrees.transform(*np.array(line.coords).T))
        np.testing.assert_allclose(feature["geometry"]["coordinates"], expected, atol=6e-8)
        lon, lat = feature["geometry"]["coordinates"][0]
        assert 105.4 < lon < 105.7
        assert 10.2 < lat < 10.5


def test_coordinates_have_seven_decimals_at_most(text):
    pairs = re.findall(r"\[(-?\d+\.\d+),(-?\d+\.\d+)\]", text)
    assert len(pairs) == 3 * 3 + 3 + 2
    assert max(len(number.split(".")[1]) for pair in pairs for number in pair) <= 7


def test_values_have_their_types(collection, reasons):
    first, fourth = (collection["features"][i]["properties"] for i in (0, 3))
    assert first["p_event"] is None
    assert first["event_id"] is None
    assert first["data_age_days"] is None
    assert first["level"] == 0
    assert isinstance(first["level"], int)
    assert first["reasons"] == []
    assert fourth["held_by"] == "cap"
    assert fourth["simulated"] is False
    assert fourth["p_event"] == 0.5
    assert fourth["retreat_p90_m"] == 44.25
    assert fourth["as_of"] == "2024-06-30"
    assert fourth["first_issued_at"] == "2023-06-30"
    assert fourth["reasons"] == reasons  # an array, not a text that holds one
    assert collection["features"][1]["properties"]["retreat_last_m"] == 0.0


def test_vietnamese_stays_readable(text, collection):
    assert "Sông Hậu ở Long Xuyên" in text  # and not \\u escapes
    assert collection["about"]["title_vi"] == "Sông Hậu ở Long Xuyên"


def test_a_real_run_carries_no_notice(text):
    assert SIMULATED_NOTICE not in text


def test_simulated_is_said_at_the_top_and_in_every_feature(exercise):
    collection = json.loads((exercise / "segments_1y.geojson").read_text(encoding="utf-8"))
    assert collection["notice"] == collection["about"]["notice"] == SIMULATED_NOTICE
    assert collection["about"]["simulated"] == "true"
    assert all(feature["properties"]["simulated"] is True for feature in collection["features"])


def test_awkward_texts_survive(tmp_path, layer, history, region):
    awkward = 'nhà "ông Sáu"\\ \n\t\x01 </script> 🌊 ở cồn'
    layer["quality"] = awkward
    write_all(tmp_path, {"1y": layer}, history, region)
    collection = json.loads((tmp_path / "segments_1y.geojson").read_text(encoding="utf-8"))
    assert {feature["properties"]["quality"] for feature in collection["features"]} == {awkward}


@pytest.mark.parametrize("reasons", ['[{"value": NaN}]', '[{"value": -Infinity}]', "[unfinished", ""])
def test_reasons_that_are_no_json_are_refused(tmp_path, layer, history, region, reasons):
    layer["reasons"] = reasons
    with pytest.raises(ExportError, match="layer 1y: column reasons"):
        write_all(tmp_path, {"1y": layer}, history, region)
    assert list(tmp_path.iterdir()) == []


def shapes(*items):
    return np.array(items, dtype=object)


def test_rings_follow_the_right_hand_rule():
    clockwise = shapely.Polygon([(0, 0), (0, 9), (9, 9), (9, 0)], [[(1, 1), (2, 1), (2, 2), (1, 2)]])
    (turned,) = tidy(shapes(clockwise))
    assert turned.exterior.is_ccw
    assert not turned.interiors[0].is_ccw


def test_no_negative_zero():
    (line,) = tidy(shapes(shapely.LineString([(-1e-9, 0), (1, 1)])))
    assert shapely.to_geojson(line) == '{"type":"LineString","coordinates":[[0.0,0.0],[1.0,1.0]]}'
