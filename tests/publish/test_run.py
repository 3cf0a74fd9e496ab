"""All files of a run together: which there are, their digests, what is refused and how failures speak."""

import hashlib
import json
import os
import pickle
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest

from erosion.publish import ExportError, write_all
from erosion.publish.columns import BAND, HISTORY, LAYER
from erosion.publish.formats.csv_table import write_csv
from erosion.publish.formats.geojson import write_geojson
from erosion.publish.formats.geoparquet import write_geoparquet, write_history
from erosion.publish.formats.tables import attribute_table, text_cells

FILES = {
    "segments.gpkg", "history.parquet",
    "segments_1y.parquet", "segments_1y.geojson", "segments_1y_vi.csv", "segments_1y_en.csv",
    "segments_3y.parquet", "segments_3y.geojson", "segments_3y_vi.csv", "segments_3y_en.csv",
}  # fmt: skip


def test_files_and_their_digests(tmp_path, layers, history, region):
    digests = write_all(str(tmp_path), layers, history, region)
    assert set(digests) == FILES == {path.name for path in tmp_path.iterdir()}
    for name, digest in digests.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_another_process_writes_the_same_bytes(tmp_path, layers, history, region):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    here = write_all(tmp_path / "here", layers, history, region)
    (tmp_path / "input.pickle").write_bytes(pickle.dumps((layers, history, vars(region))))
    program = (
        "import json, pickle, sys, types; from erosion.publish import write_all\n"
        "layers, history, region = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(json.dumps(write_all(sys.argv[2], layers, history, types.SimpleNamespace(**region))))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345", "TZ": "Asia/Ho_Chi_Minh", "LC_ALL": "C"}
    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "input.pickle", tmp_path / "there"],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ran.stdout) == here


def test_all_formats_agree(published):
    package = gpd.read_file(published / "segments.gpkg", layer="segments_3y")
    parquet = gpd.read_parquet(published / "segments_3y.parquet")
    features = json.loads((published / "segments_3y.geojson").read_text(encoding="utf-8"))["features"]
    assert package["segment_id"].tolist() == parquet["segment_id"].tolist() == [f["id"] for f in features]
    np.testing.assert_array_equal(package["p_event"], parquet["p_event"])
    assert package.geometry.geom_equals(parquet.geometry).all()


def test_layers_without_rows_are_still_published(tmp_path, layers, history, region):
    empty = {name: layer.iloc[:0] for name, layer in layers.items()}
    assert set(write_all(tmp_path, empty, history.iloc[:0], region)) == FILES
    assert pyogrio.read_info(tmp_path / "segments.gpkg", layer="segments_1y")["features"] == 0
    assert len(gpd.read_parquet(tmp_path / "segments_1y.parquet")) == 0
    assert json.loads((tmp_path / "segments_1y.geojson").read_text(encoding="utf-8"))["features"] == []
    assert (tmp_path / "segments_1y_vi.csv").read_text(encoding="utf-8-sig").count("\n") == 1


def test_input_is_left_alone(tmp_path, layers, history, region):
    before = {name: layer.copy() for name, layer in layers.items()}
    write_all(tmp_path, layers, history, region)
    for name, layer in layers.items():
        assert layer.equals(before[name])
        assert layer.crs == before[name].crs


def test_meta_goes_into_the_metadata_and_may_not_shadow_it(tmp_path, layers, history, region):
    write_all(tmp_path, layers, history, region, {"sources": [{"name": "a", "licence": "MIT"}]})
    about = json.loads((tmp_path / "segments_1y.geojson").read_text(encoding="utf-8"))["about"]
    assert json.loads(about["sources"]) == [{"name": "a", "licence": "MIT"}]
    with pytest.raises(ExportError, match="as_of"):
        write_all(tmp_path, layers, history, region, {"as_of": "yesterday"})


def spoil(column, value, row=slice(None)):
    def change(layer):
        layer[column] = layer[column].astype(object)
        layer.loc[row, column] = value
        return layer

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda layer: layer.drop(columns="why"), "column why is missing"),
        (lambda layer: layer.assign(extra=1), "column extra is not part"),
        (spoil("p_event", np.inf, 2), "p_event holds an infinite value"),
        (spoil("p_event", "nhiều", 2), "column p_event does not hold float"),
        (spoil("level", 2.5, 2), "column level does not hold int"),
        (spoil("level", 7, 2), "level 7"),
        (spoil("level", None, 2), "level has empty cells"),
        (spoil("quality", 3), "column quality holds int64 values, not text"),
        (spoil("as_of", "30/06/2024"), "column as_of does not hold date"),
        (spoil("as_of", "2023-01-01", 1), "several as-of dates"),
        (spoil("simulated", True), "contradicts region long-xuyen"),
        (spoil("segment_id", "twice", slice(1, 2)), "segment twice occurs twice"),
        (lambda layer: layer.set_geometry(layer.geometry.where(layer.index != 1)), "hau-R-0000100 has no bank line"),
        (lambda layer: layer.to_crs("EPSG:4326"), "must be metres"),
        (lambda layer: layer.set_crs(None, allow_override=True), "must be metres"),
        (lambda layer: layer.set_geometry(layer.boundary), "no LineString"),
        (lambda layer: layer.to_crs("EPSG:3405"), "a run has one"),
    ],
)
def test_a_layer_that_would_mislead_is_refused_before_anything_is_written(
    tmp_path, layers, history, region, change, said
):
    layers["3y"] = change(layers["3y"])
    with pytest.raises(ExportError, match=said):
        write_all(tmp_path, layers, history, region)
    assert list(tmp_path.iterdir()) == []


def test_a_real_layer_in_a_simulated_region_is_refused(tmp_path, layers, history, simulated_region):
    with pytest.raises(ExportError, match="simulated"):
        write_all(tmp_path, layers, history, simulated_region)


def test_history_is_checked(tmp_path, layers, history, region):
    with pytest.raises(ExportError, match="history: column sigma_m is missing"):
        write_all(tmp_path, layers, history.drop(columns="sigma_m"), region)


@pytest.mark.parametrize("name", ["../1y", "1 y", "", "một"])
def test_target_names_are_file_names(tmp_path, layer, history, region, name):
    with pytest.raises(ExportError, match="target"):
        write_all(tmp_path, {name: layer}, history, region)


def test_no_target(tmp_path, history, region):
    with pytest.raises(ExportError, match="no layer"):
        write_all(tmp_path, {}, history, region)


def test_unknown_export_crs(tmp_path, layers, history, region):
    with pytest.raises(ExportError, match="EPSG:1234567"):
        write_all(tmp_path, layers, history, replace(region, export_crs="EPSG:1234567"))


def test_missing_directory(tmp_path, layers, history, region):
    with pytest.raises(ExportError, match=r"nowhere/segments\.gpkg.*No such file.*create the directory"):
        write_all(tmp_path / "nowhere", layers, history, region)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_directory_in_the_way_of_any_file(tmp_path, layers, history, region, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ExportError, match=f"{name}.*directory"):
        write_all(tmp_path, layers, history, region)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_no_permission(tmp_path, layers, history, region):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ExportError, match=r"segments\.gpkg.*[Pp]ermission"):
            write_all(tmp_path, layers, history, region)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("kind", ["csv", "geojson", "parquet", "history"])
def test_disk_full(tmp_path, layer, history, kind):
    path = tmp_path / f"full.{kind}"
    path.symlink_to("/dev/full")
    attributes = attribute_table(layer, LAYER, "layer 1y")
    lines = layer.geometry.to_numpy()
    write = {
        "csv": lambda: write_csv(path, text_cells(attributes, LAYER), LAYER, "vi"),
        "geojson": lambda: write_geojson(path, text_cells(attributes, LAYER), LAYER, lines, {}),
        "parquet": lambda: write_geoparquet(path, attributes, lines, layer.crs, {}),
        "history": lambda: write_history(path, attribute_table(history, HISTORY, "history"), {}),
    }[kind]
    with pytest.raises(ExportError, match=f"full.{kind}.*No space left.*free space"):
        write()
    assert not path.is_symlink()  # no half file is left


@contextmanager
def largest_file(size):
    """Let no file grow beyond a size, as on a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 4096, 40_000, 100_000, 200_000])
def test_a_package_that_cannot_grow(tmp_path, layers, history, region, size):
    whole = tmp_path / "whole"
    whole.mkdir()
    write_all(whole, layers, history, region)
    assert (whole / "segments.gpkg").stat().st_size > 200_000
    with largest_file(size), pytest.raises(ExportError, match=r"segments\.gpkg: could not be written"):
        write_all(tmp_path, layers, history, region)
    assert not (tmp_path / "segments.gpkg").exists()
    assert not (tmp_path / "segments.gpkg-journal").exists()


def test_bands_have_the_published_columns_only(layer):
    assert [column.name for column in BAND if column.name not in layer.columns] == ["quantile", "retreat_m", "area_m2"]
