"""The page of emergency zones: to scale, with what stands inside, in the national grid."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from erosion.exposure.zone_files import zone_file
from erosion.nightly.stages.places import FOLDER
from erosion.places.reading import Places
from erosion.places.stored import write_places
from erosion.publish.manifest import PlacesLayer, read_manifest, write_manifest
from tests.ui.conftest import EVIL
from tests.ui.pages.test_pages import open_page, tables, text_of

TERMS: PlacesLayer = {
    "title": {"vi": f"Nhà {EVIL}", "en": "Buildings"}, "licence": "ODbL 1.0", "attribution": "OpenStreetMap", "url": None, "simulated": True,
}  # fmt: skip


def with_houses(home):
    """Give the newest run a layer of buildings: one on each segment, a step inland."""
    run = max(home.glob("20*-abc*"))
    segments = gpd.read_parquet(run / "segments_1y.parquet").to_crs("EPSG:32648")
    middle = shapely.line_interpolate_point(segments.geometry.to_numpy(), 0.5, normalized=True)
    houses = gpd.GeoDataFrame(geometry=shapely.buffer(middle, 2.0), crs="EPSG:32648")
    area = shapely.box(*shapely.buffer(shapely.multipoints(middle), 1_000).bounds)
    write_places(
        home / FOLDER / "abc.gpkg", Places("EPSG:32648", None, None, None, houses, None, None, {"buildings": area}, ())
    )
    entry = {"file": f"{FOLDER}/abc.gpkg", "sha256": "0" * 64, "layers": {"buildings": TERMS}}
    write_manifest(run, {**read_manifest(run), "places": entry})  # type: ignore[typeddict-item]
    return segments


def test_without_layers_nothing_is_known_and_nothing_is_zero(published, monkeypatch):
    text = text_of(open_page("zone", published, monkeypatch))
    assert text.count("chưa có số liệu") >= 4 and "không có nghĩa là không có nhà" in text


def test_what_stands_inside_is_counted_and_its_source_named(own, monkeypatch):
    segments = with_houses(own / "song-thu")
    page = open_page("zone", own, monkeypatch, language="en")
    text = text_of(page)
    # 60 m up and 240 m down of the middle of a segment: its own house and those of the next two.
    assert "<span>3</span>" in text and "OpenStreetMap, ODbL 1.0" in text and "SIMULATED" in text
    assert text.count("no data") == 3, "people, schools and roads"
    assert "<img" not in text
    assert "m downstream; the zone is shorter" not in text
    assert len(segments) > 100


def test_corners_are_in_the_national_grid(published, monkeypatch):
    page = open_page("zone", published, monkeypatch, language="en")
    (table,) = [frame for frame in tables(page) if "X (m)" in frame.columns]
    assert len(table) >= 4 and "VN-2000" in text_of(page) and "EPSG:9208" in text_of(page)
    northing = table["X (m)"].str.replace(",", "").astype(float)
    assert northing.between(1_140_000, 1_160_000).all() and northing.iloc[0] == northing.max()


def test_a_zone_without_area_is_said(published, monkeypatch):
    page = open_page("zone", published, monkeypatch, language="en")
    page.number_input[2].set_value(0.0).run()
    assert "The zone cannot be drawn" in text_of(page) and not page.exception


def test_a_file_outside_the_products_is_not_read(own, monkeypatch):
    with_houses(own / "song-thu")
    run = max((own / "song-thu").glob("20*-abc*"))
    manifest = read_manifest(run)
    manifest["places"]["file"] = "../../etc/passwd"  # type: ignore[index]
    write_manifest(run, manifest)
    text = text_of(open_page("zone", own, monkeypatch, language="en"))
    assert "lies outside the products" in text


@pytest.mark.parametrize(("kind", "crs"), [("gpkg", "EPSG:9208"), ("kml", "EPSG:4326")])
def test_files_are_read_by_gis_programs(tmp_path, kind, crs):
    area = shapely.box(500_290, 1_150_000, 500_590, 1_150_030)
    facts = {"Name": "Bờ trái <script>", "Description": "a & b"}
    (tmp_path / f"z.{kind}").write_bytes(zone_file(area, "EPSG:32648", "EPSG:9208", facts, kind))
    read = gpd.read_file(tmp_path / f"z.{kind}")
    assert read["Name"].tolist() == ["Bờ trái <script>"] and read.crs == crs
    assert read.to_crs(32648).geometry.iloc[0].symmetric_difference(area).area < 1.0
    assert isinstance(read, pd.DataFrame)
