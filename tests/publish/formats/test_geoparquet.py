"""GeoParquet and the history, read back with geopandas and pyarrow."""

import json
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erosion.core.contracts import HISTORY_COLUMNS, LAYER_COLUMNS, SIMULATED_NOTICE
from erosion.publish.columns import LAYER
from erosion.publish.formats.tables import attribute_table


def test_geopandas_reads_what_was_published(published, layer, official_lines):
    read = gpd.read_parquet(published / "segments_1y.parquet")
    assert list(read.columns) == [*LAYER_COLUMNS, "geometry"]
    assert read.crs == "EPSG:9208"
    assert read.geometry.geom_equals_exact(official_lines, 0.001).all()
    for name in ("p_event", "retreat_p90_m", "curvature_per_m", "chainage_m"):
        np.testing.assert_array_equal(read[name], layer[name])
    assert json.loads(read["reasons"].iloc[4])[0]["feature"] == "rate_3y_m_per_y"
    assert read["as_of"].tolist() == [date(2024, 6, 30)] * 5


def test_both_targets_have_a_file(published):
    assert gpd.read_parquet(published / "segments_3y.parquet")["horizon_days"].unique().tolist() == [1095]


def test_geo_metadata_is_version_1_1(published):
    file = pq.ParquetFile(published / "segments_1y.parquet")
    geo = json.loads(file.schema_arrow.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    column = geo["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["LineString"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 9208}
    read = gpd.read_parquet(published / "segments_1y.parquet")
    assert column["bbox"] == pytest.approx(read.total_bounds.tolist())


def test_every_field_says_its_unit(published):
    schema = pq.read_schema(published / "segments_1y.parquet")
    for column in LAYER:
        assert schema.field(column.name).metadata[b"unit"].decode() == column.unit
        assert schema.field(column.name).metadata[b"description"].decode() == column.meaning
    assert schema.field("retreat_p50_m").metadata[b"unit"] == b"m"


def test_types_do_not_depend_on_what_tonight_holds(published, layer):
    layer[["event_id", "first_issued_at", "data_age_days", "p_event"]] = None
    empty = attribute_table(layer, LAYER, "layer").schema
    full = pq.read_schema(published / "segments_1y.parquet")
    assert empty == full.remove(full.get_field_index("geometry"))
    assert empty.field("level").type == pa.int32()
    assert empty.field("simulated").type == pa.bool_()
    assert empty.field("event_id").type == pa.string()
    assert empty.field("first_issued_at").type == pa.date32()


def test_missing_values_are_null_and_not_nan(published):
    table = pq.read_table(published / "segments_1y.parquet")
    assert table["p_event"].null_count == 1
    assert table["retreat_p10_m"].null_count == 1


def test_history(published, history):
    table = pq.read_table(published / "history.parquet")
    assert table.column_names == list(HISTORY_COLUMNS)
    assert table.schema.field("segment_id").type == pa.dictionary(pa.int32(), pa.string())
    assert table.schema.field("epoch").type == pa.date32()
    assert table.schema.field("sigma_m").metadata[b"unit"] == b"m"
    read = table.to_pandas()
    pd.testing.assert_frame_equal(
        read.astype({"segment_id": object}), history.astype({"segment_id": object}), check_dtype=False, rtol=1e-6
    )


def test_history_takes_categories_and_timestamps(tmp_path, layers, history, region, published):
    from erosion.publish import write_all

    before = (published / "history.parquet").read_bytes()
    history["segment_id"] = history["segment_id"].astype("category")
    history["epoch"] = pd.to_datetime(history["epoch"])
    history["retreat_m"] = history["retreat_m"].astype("float32")
    write_all(tmp_path, layers, history, region, {"licence": "MIT", "attribution": "© ví dụ"})
    assert (tmp_path / "history.parquet").read_bytes() == before


def test_history_of_a_long_record_is_small(tmp_path, history):
    from erosion.publish.columns import HISTORY
    from erosion.publish.formats.geoparquet import write_history

    long = pd.concat([history] * 2000, ignore_index=True)
    long["segment_id"] = np.repeat([f"s{i:05d}" for i in range(1000)], 30)
    write_history(tmp_path / "history.parquet", attribute_table(long, HISTORY, "history"), {})
    assert (tmp_path / "history.parquet").stat().st_size < 100_000


@pytest.mark.parametrize("name", ["segments_1y.parquet", "history.parquet"])
def test_simulated_is_in_the_metadata(exercise, name):
    about = json.loads(pq.read_schema(exercise / name).metadata[b"about"])
    assert about["notice"] == SIMULATED_NOTICE
    assert about["simulated"] == "true"


def test_a_real_run_is_not_called_simulated(published):
    about = json.loads(pq.read_schema(published / "segments_1y.parquet").metadata[b"about"])
    assert about["simulated"] == "false"
    assert "notice" not in about
