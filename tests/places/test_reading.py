"""Layers in every format and CRS that is read; what cannot be read is listed with its reason, never raised, never empty unsaid."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from erosion.core.errors import Skipped
from erosion.places.reading import BESIDE_M, NAMES_WITHIN_M, Places, counts, read_places
from tests.places.made_places import CRS, EAST, NORTH, WIDTH_M, entry_of, layer, raster, region_of

ON = Point(EAST + 5000, NORTH + 100)
HOUSE = box(EAST + 5000, NORTH + 100, EAST + 5010, NORTH + 110)
HOUSES = [HOUSE, shapely.transform(HOUSE, lambda xy: xy + np.array([300.0, 40.0]))]


def reading(folder: Path, kind: str, path: Path | str, **keys: Any) -> Places:
    return read_places(region_of(folder, {kind: entry_of(kind, path, **keys)}))


def reason(places: Places, kind: str) -> str:
    """The only thing that is listed, which is a problem, of a layer that was not read."""
    (skipped,) = places.skipped
    assert skipped.scene == f"places.{kind}" and not skipped.usual
    assert getattr(places, kind) is None and kind not in places.covered and counts(places) == {}
    return skipped.reason


def test_a_region_without_places_knows_nothing(tmp_path: Path) -> None:
    places = read_places(region_of(tmp_path, None))
    assert places == Places(CRS, None, None, None, None, None, None, {}, ())


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:9208", "EPSG:3405", "EPSG:32647"])
@pytest.mark.parametrize("ending", ["gpkg", "geojson", "fgb", "shp"])
def test_any_format_in_any_crs_gives_the_same_buildings(tmp_path: Path, ending: str, crs: str) -> None:
    if ending == "geojson" and crs != "EPSG:4326":
        pytest.skip("GeoJSON is in degrees")
    path = layer(tmp_path / f"houses.{ending}", [{"geometry": house} for house in HOUSES], to=crs)
    places = reading(tmp_path, "buildings", path)
    assert places.skipped == () and places.buildings is not None and places.buildings.crs == CRS
    found = sorted(places.buildings.geometry, key=lambda house: house.bounds)  # FlatGeobuf has an order of its own
    assert shapely.equals_exact(shapely.normalize(np.array(found)), shapely.normalize(np.array(HOUSES)), 0.02).all()


def test_texts_are_cleaned_and_former_names_parted(tmp_path: Path) -> None:
    zone = box(EAST, NORTH, EAST + 900, NORTH + 900)
    rows = [
        {"name": "Xa\u0303\x07 Mo\u0302\u0323t\u202e", "code": " 30001 ", "former": "Xã A; Xã B", "geometry": zone},
        {"name": "\u200b", "code": "30002", "former": None, "geometry": zone},
        {"name": "=cmd|' /C calc'!A0", "code": "30003", "former": None, "geometry": zone},
    ]
    places = reading(tmp_path, "communes", layer(tmp_path / "c.gpkg", rows))
    assert places.communes is not None
    assert places.communes["name"].tolist() == ["Xã Một", "=cmd|' /C calc'!A0"]
    assert places.communes["code"].tolist() == ["30001", "30003"]
    assert places.communes["former"].tolist() == [("Xã A", "Xã B"), ()]
    assert [item.reason for item in places.skipped] == ["c.gpkg: 1 of 3 features: have no name or no code"]


def test_former_names_may_be_a_list(tmp_path: Path) -> None:
    (west, south), (east, north) = (
        (p.x, p.y) for p in gpd.GeoSeries([Point(EAST, NORTH), Point(EAST + 99, NORTH + 99)], crs=CRS).to_crs(4326)
    )
    shape = json.loads(shapely.to_geojson(box(west, south, east, north)))
    properties = {"name": "Xã Một", "code": 30001, "former": ["Xã A, cũ", "Xã B"]}
    feature = {"type": "Feature", "properties": properties, "geometry": shape}
    (tmp_path / "c.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    places = reading(tmp_path, "communes", "c.geojson")
    assert places.communes is not None
    assert places.communes[["code", "former"]].to_numpy().tolist() == [["30001", ("Xã A, cũ", "Xã B")]]


def test_settlements_are_told_from_landmarks_by_kind(tmp_path: Path) -> None:
    rows = [{"name": kind or "?", "kind": kind, "geometry": ON} for kind in ("hamlet", "market", None)]
    path = layer(tmp_path / "n.gpkg", rows)
    names = reading(tmp_path, "names", path).names
    assert names is not None and names["settlement"].tolist() == [True, False, False]
    assert names["kind"].tolist() == ["hamlet", "market", None]
    names = reading(tmp_path, "names", path, settlements=["market"]).names
    assert names is not None and names["settlement"].tolist() == [False, True, False]
    names = reading(tmp_path, "names", path, fields={"name": "name"}).names
    assert names is not None and names["settlement"].tolist() == [True] * 3


def test_what_lies_farther_than_the_margin_is_not_read(tmp_path: Path) -> None:
    def row(north: float) -> dict[str, Any]:
        return {"name": f"{north:.0f}", "kind": "hamlet", "geometry": Point(EAST + 5000, NORTH + WIDTH_M + north)}

    rows = [row(BESIDE_M - 5), row(BESIDE_M + 5), row(NAMES_WITHIN_M - 5), row(NAMES_WITHIN_M + 5)]
    path = layer(tmp_path / "n.gpkg", rows)
    names, schools = reading(tmp_path, "names", path).names, reading(tmp_path, "schools", path).schools
    assert names is not None and names["name"].tolist() == ["995", "1005", "4995"]
    assert schools is not None and schools["name"].tolist() == ["995"]


def test_a_condition_and_a_layer_are_followed(tmp_path: Path) -> None:
    road = LineString([(EAST, NORTH), (EAST + 1000, NORTH)])
    layer(tmp_path / "osm.gpkg", [{"name": "a", "kind": None, "geometry": road}], layer="canals")
    layer(
        tmp_path / "osm.gpkg",
        [{"name": n, "kind": k, "geometry": road} for n, k in (("QL 91", "primary"), ("b", None))],
        layer="lines",
        mode="a",
    )
    places = reading(tmp_path, "roads", "osm.gpkg", layer="lines", where="kind IS NOT NULL")
    assert places.roads is not None and places.roads["name"].tolist() == ["QL 91"] and places.skipped == ()
    said = reason(reading(tmp_path, "roads", "osm.gpkg"), "roads")
    assert said == "osm.gpkg: has layers canals, lines; name one under 'layer'"
    said = reason(reading(tmp_path, "roads", "osm.gpkg", layer="line"), "roads")
    assert said == "osm.gpkg: has no layer 'line' (did you mean lines?); it has canals, lines"
    assert "check 'where'" in reason(reading(tmp_path, "roads", "osm.gpkg", layer="lines", where="kind IS"), "roads")


OSM = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6"><bounds minlat="10.70" minlon="105.20" maxlat="10.80" maxlon="105.35"/>
<node id="2" version="1" timestamp="2024-01-01T00:00:00Z" lat="10.765" lon="105.24"/>
<node id="3" version="1" timestamp="2024-01-01T00:00:00Z" lat="10.766" lon="105.25"/>
<node id="4" version="1" timestamp="2024-01-01T00:00:00Z" lat="10.767" lon="105.25"><tag k="place" v="hamlet"/><tag k="name" v="Ấp Một"/></node>
<way id="10" version="1" timestamp="2024-01-01T00:00:00Z"><nd ref="2"/><nd ref="3"/><tag k="highway" v="primary"/><tag k="name" v="Quốc lộ 91"/></way>
<way id="11" version="1" timestamp="2024-01-01T00:00:00Z"><nd ref="2"/><nd ref="4"/><tag k="waterway" v="canal"/></way>
</osm>
"""


def test_an_extract_of_openstreetmap_is_read_as_it_comes(tmp_path: Path) -> None:
    (tmp_path / "a.osm").write_text(OSM, "utf-8")
    entries = {
        "roads": entry_of(
            "roads", "a.osm", layer="lines", where="highway IS NOT NULL", fields={"name": "name", "kind": "highway"}
        ),
        "names": entry_of("names", "a.osm", layer="points", fields={"name": "name", "kind": "place"}),
    }
    places = read_places(region_of(tmp_path, entries))
    assert places.skipped == () and places.roads is not None and places.names is not None
    assert places.roads[["name", "kind"]].to_numpy().tolist() == [["Quốc lộ 91", "primary"]]
    assert places.names[["name", "settlement"]].to_numpy().tolist() == [["Ấp Một", True]]


# --- what cannot be read is listed ------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_listed_and_usual_only_where_optional(tmp_path: Path) -> None:
    assert "not there: bring it to" in reason(reading(tmp_path, "roads", "no.gpkg", url="https://example.org"), "roads")
    (skipped,) = reading(tmp_path, "roads", "no.gpkg", optional=True, url="https://example.org/x").skipped
    assert skipped.usual and skipped.scene == "places.roads"
    assert skipped.reason == f"not there, optional: bring it to {tmp_path / 'no.gpkg'}, from https://example.org/x"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.gpkg", b"", "is empty (0 bytes)"),
        ("a.gpkg", b"SQLite format 3\0 and nothing more", "cannot be read"),
        ("a.gpkg", b"<OGRVRTDataSource/>", "does not begin like a .gpkg file"),
        ("a.geojson", b"{", "cannot be read"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": []}', "is empty: no feature has a shape"),
        ("a.geojson", b"<OGRVRTDataSource><OGRVRTLayer name='a'/></OGRVRTDataSource>", "does not begin like"),
        ("a.json", b'{"type": "gdal_streamed_alg", "command_line": "gdal vector"}', "does not begin like"),
        ("a.fgb", b"fgb\3fgb\0" + bytes(40), "has no layer with shapes"),
        ("a.osm", b"<osm version='0.6'><node", "is empty: no feature has a shape"),
        ("a.pbf", b"\0\0\0\x0d\x0a\x09OSMHeader" + bytes(9), ""),
        ("a.vrt", b"<OGRVRTDataSource/>", "is no .gpkg, .geojson"),
        ("a.csv", b"WKT\nPOINT (1 2)", "is no .gpkg, .geojson"),
    ],
)
def test_a_broken_file_is_listed(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    keys = {"layer": "lines"} if name.endswith((".osm", ".pbf")) else {}
    said = reason(reading(tmp_path, "buildings", name, **keys), "buildings")
    assert said.startswith(f"{name}: ") and says in said and "\n" not in said


def test_a_cut_file_is_listed(tmp_path: Path) -> None:
    for ending in ("gpkg", "fgb", "shp"):
        path = layer(tmp_path / f"h.{ending}", [{"geometry": house} for house in HOUSES * 200])
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        places = reading(tmp_path, "buildings", path)
        if places.buildings is None:
            assert "cannot be read" in reason(places, "buildings")
        else:
            assert any(not item.usual for item in places.skipped), ending


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").mkdir()
    assert "is no file" in reason(reading(tmp_path, "roads", "a.gpkg"), "roads")


def test_a_missing_field_is_named_with_what_there_is(tmp_path: Path) -> None:
    path = layer(tmp_path / "n.gpkg", [{"fullName": "a", "code": "b", "geometry": ON}])
    said = reason(reading(tmp_path, "names", path, fields={"name": "fullNam"}), "names")
    assert said == "n.gpkg: has no field 'fullNam' (did you mean fullName?); it has fullName, code"


def _crs(path: Path, crs: Any) -> Path:
    table = gpd.GeoDataFrame(geometry=HOUSES, crs=crs)
    table.to_file(path)
    return path


LOCAL = 'LOCAL_CS["own",UNIT["metre",1]]'
NO_DATUM = (  # a VN-2000 .prj as many programs write it: the datum by name, without the way from it to WGS 84
    'PROJCS["VN_2000_here",GEOGCS["GCS_here",DATUM["D_Somewhere",SPHEROID["WGS_1984",6378137.0,298.257223563]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",105.0],'
    'PARAMETER["Scale_Factor",0.9999],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize(
    ("crs", "says"),
    [
        (None, "does not say in which CRS it is"),
        (LOCAL, "gives no place on a map"),
        ("EPSG:4326", "are no degrees; write the right CRS into the file"),
        ("EPSG:32633", "lies elsewhere"),
        (NO_DATUM, "no datum operation is known"),
    ],
)
def test_a_crs_that_gives_no_place_is_listed(tmp_path: Path, crs: Any, says: str) -> None:
    assert says in reason(reading(tmp_path, "buildings", _crs(tmp_path / "h.shp", crs)), "buildings")


def test_a_file_of_another_place_is_listed(tmp_path: Path) -> None:
    path = layer(tmp_path / "a.geojson", [{"geometry": Point(10.7, 105.2)}], crs="EPSG:4326")  # latitude first
    said = reason(reading(tmp_path, "buildings", path), "buildings")
    assert "lies elsewhere: from west, south to east, north 10.7, 105.2, 10.7, 105.2 in WGS 84" in said


def test_features_around_the_river_but_none_at_it_are_said(tmp_path: Path) -> None:
    far = [{"geometry": Point(EAST + 5000, NORTH + north)} for north in (-9000, 9000)]
    far[0]["geometry"] = Point(EAST + 2000, NORTH - 9000)
    places = reading(tmp_path, "schools", layer(tmp_path / "s.gpkg", far), fields={})
    assert places.schools is not None and places.schools.empty
    assert places.skipped == (Skipped("places.schools", "s.gpkg: has nothing along the river", usual=True),)


def test_shapes_that_are_wrong_are_mended_or_counted(tmp_path: Path) -> None:
    bow = Polygon([(EAST, NORTH), (EAST + 10, NORTH + 10), (EAST + 10, NORTH), (EAST, NORTH + 10)])
    flat = Polygon([(EAST, NORTH), (EAST + 10, NORTH), (EAST, NORTH)])
    rows = [
        {"geometry": g} for g in (HOUSE, bow, flat, None, Polygon(), LineString([(EAST, NORTH), (EAST + 9, NORTH)]))
    ]
    places = reading(tmp_path, "buildings", layer(tmp_path / "h.gpkg", rows))
    assert places.buildings is not None and len(places.buildings) == 2
    assert places.buildings.is_valid.all() and places.buildings.area.round(2).tolist() == [100, 50]
    assert [item.reason for item in places.skipped] == [
        "h.gpkg: 2 of 4 features: is of another kind than is needed here"
    ]


def test_a_collection_keeps_its_areas(tmp_path: Path) -> None:
    mixed = GeometryCollection([HOUSE, ON])
    places = reading(
        tmp_path,
        "communes",
        layer(
            tmp_path / "c.gpkg",
            [
                {"name": "a", "code": "1", "former": "", "geometry": MultiPolygon([HOUSE])},
                {"name": "b", "code": "2", "former": "", "geometry": mixed},
            ],
        ),
    )
    assert places.communes is not None and len(places.communes) == 2
    assert places.communes.area.round(2).tolist() == [100, 100]


def test_one_broken_layer_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "r.gpkg").write_bytes(b"no")
    layer(tmp_path / "b.gpkg", [{"geometry": HOUSE}])
    entries = {"roads": entry_of("roads", "r.gpkg"), "buildings": entry_of("buildings", "b.gpkg")}
    places = read_places(region_of(tmp_path, entries))
    assert places.roads is None and counts(places) == {"buildings": 1}
    assert [item.scene for item in places.skipped] == ["places.roads"]


def test_the_same_files_give_the_same_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [{"geometry": Point(EAST + x, NORTH + y)} for x, y in rng.uniform(-3000, 12000, (300, 2))]
    path = layer(tmp_path / "b.fgb", rows)
    one, two = (reading(tmp_path, "buildings", path).buildings for _ in range(2))
    assert one is not None and two is not None and len(one) > 20
    assert one.geometry.equals(two.geometry)


# --- where a layer is complete ----------------------------------------------------------------------------------------


def test_a_layer_is_complete_within_the_extent_of_its_features(tmp_path: Path) -> None:
    rows = [{"geometry": Point(EAST + x, NORTH + y)} for x, y in ((2000, -400), (6000, 500))]
    covered = reading(tmp_path, "buildings", layer(tmp_path / "b.gpkg", rows)).covered["buildings"]
    assert np.allclose(covered.bounds, (EAST + 2000, NORTH - 400, EAST + 6000, NORTH + 500), atol=0.01)


def test_a_layer_is_complete_where_its_entry_says(tmp_path: Path) -> None:
    rows = [{"geometry": Point(EAST + x, NORTH)} for x in (2000, 6000)]
    north = box(EAST - 9000, NORTH, EAST + 90_000, NORTH + 90_000)
    layer(tmp_path / "border.geojson", [{"geometry": north}], to="EPSG:4326")
    covered = reading(tmp_path, "buildings", layer(tmp_path / "b.gpkg", rows), covers="border.geojson").covered[
        "buildings"
    ]
    assert covered.contains(Point(EAST + 9000, NORTH + 500)) and not covered.contains(Point(EAST + 4000, NORTH - 500))


@pytest.mark.parametrize("where", [None, (EAST + 90_000, NORTH)])
def test_a_border_that_is_missing_or_elsewhere_is_listed(tmp_path: Path, where: tuple[float, float] | None) -> None:
    if where is not None:
        layer(tmp_path / "border.geojson", [{"geometry": Point(where).buffer(10)}], to="EPSG:4326")
    path = layer(tmp_path / "b.gpkg", [{"geometry": HOUSE}])
    said = reason(reading(tmp_path, "buildings", path, covers="border.geojson"), "buildings")
    assert "border.geojson" in said and ("is no file" if where is None else "lies elsewhere") in said


# --- across 180° ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_a_river_across_the_antimeridian_finds_both_sides(tmp_path: Path, turned: bool) -> None:
    """Fiji: longitudes of the file end at 180° or run on to 360°."""
    line = LineString([(179.95, -16.5), (180.05, -16.5)])
    course = gpd.GeoSeries([line], crs="EPSG:4326").to_crs("EPSG:32760").iloc[0]
    east = 180.02 if turned else -179.98
    rows = [{"name": name, "kind": None, "geometry": Point(x, -16.501)} for name, x in (("W", 179.98), ("E", east))]
    path = layer(tmp_path / "n.geojson", rows, crs="EPSG:4326")
    region = region_of(tmp_path, {"names": entry_of("names", path)}, crs="EPSG:32760", line=course)
    places = read_places(region)
    assert places.skipped == () and places.names is not None and sorted(places.names["name"]) == ["E", "W"]
    assert places.names.distance(course).max() < 150
    assert places.names.geometry.iloc[0].distance(places.names.geometry.iloc[1]) == pytest.approx(4270, rel=0.01)


def test_people_across_the_antimeridian(tmp_path: Path) -> None:
    line = LineString([(179.985, -16.505), (180.015, -16.505)])
    course = gpd.GeoSeries([line], crs="EPSG:4326").to_crs("EPSG:32760").iloc[0]
    pixel = 0.01
    world = np.full((100, 36_000), np.nan)
    world[:, [0, 1, 2, -3, -2, -1]] = 5.0
    path = raster(tmp_path / "p.tif", world, -180.0, -16.0, pixel, crs="EPSG:4326", nodata=np.nan, compress="deflate")
    region = region_of(tmp_path, {"population": entry_of("population", path)}, crs="EPSG:32760", line=course)
    places = read_places(region)
    assert places.population is not None
    along = places.population[places.population.intersects(course)]
    assert len(along) == 4 and along["people"].tolist() == [5.0] * 4 and along.area.max() < 1.3e6


# --- people -----------------------------------------------------------------------------------------------------------


def people_of(tmp_path: Path, values: np.ndarray, **keys: Any) -> Places:
    path = raster(tmp_path / "p.tif", values, EAST, NORTH + 500, 100.0, nodata=-99999.0)
    return reading(tmp_path, "population", path, **keys)


def test_pixels_become_cells_and_those_without_a_value_are_unknown_or_empty(tmp_path: Path) -> None:
    values = np.arange(100, dtype=float).reshape(10, 10)
    values[0, 0] = -99999.0
    places = people_of(tmp_path, values)
    assert places.population is not None and len(places.population) == 99
    assert places.population["people"].sum() == values[values > 0].sum()
    assert (places.population.area.round(6) == 1e4).all()
    (skipped,) = places.skipped
    assert skipped.reason == "p.tif: 1 pixels: have no value; set nodata_is_nobody where that means nobody"
    places = people_of(tmp_path, values, nodata_is_nobody=True)
    assert places.population is not None and len(places.population) == 100 and places.skipped == ()


def test_less_than_nobody_is_left_out_and_counted(tmp_path: Path) -> None:
    values = np.ones((10, 10))
    values[3, 4] = -3.0
    places = people_of(tmp_path, values, nodata_is_nobody=True)
    assert places.population is not None and len(places.population) == 99
    assert [item.reason for item in places.skipped] == ["p.tif: 1 pixels: hold less than nobody"]


def _two_bands(path: Path) -> None:
    import rasterio

    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=2,
        dtype="uint8",
        height=2,
        width=2,
        crs=CRS,
        transform=rasterio.Affine(100, 0, EAST, 0, -100, NORTH),
    ) as file:
        file.write(np.ones((2, 2, 2), "uint8"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b""), "cannot be read as GeoTIFF"),
        (lambda path: path.write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>"), "cannot be read as GeoTIFF"),
        (lambda path: raster(path, np.ones((3, 3)), 0.0, 0.0, 100.0), "lies elsewhere"),
        (lambda path: raster(path, np.ones((3, 3)), EAST, NORTH, 100.0, crs=None), "has no CRS"),
        (lambda path: raster(path, np.ones((3, 3)), EAST, NORTH, 100.0, crs=LOCAL), "gives no place on a map"),
        (_two_bands, "has 2 bands"),
        (lambda path: path.mkdir(), "is no file"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_that_cannot_be_read_is_listed(tmp_path: Path, make: Callable[[Path], Any], says: str) -> None:
    make(tmp_path / "p.tif")
    assert says in reason(reading(tmp_path, "population", "p.tif"), "population")


def test_a_raster_that_is_too_fine_is_refused_before_it_is_read(tmp_path: Path) -> None:
    fine = np.zeros((40_000, 120_000), "uint8")[:1, :1]
    import rasterio

    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": CRS, "tiled": True, "SPARSE_OK": "TRUE"}
    with rasterio.open(
        tmp_path / "p.tif",
        "w",
        height=40_000,
        width=120_000,
        transform=rasterio.Affine(0.1, 0, EAST, 0, -0.1, NORTH + 2000),
        **profile,
    ) as file:
        file.write(fine, 1, window=((0, 1), (0, 1)))
    assert "save it with larger pixels" in reason(reading(tmp_path, "population", "p.tif"), "population")
