"""Reference layers come back from the file as they went in."""

import geopandas as gpd
import pytest
import shapely

from erosion.core.errors import SourceError
from erosion.places.reading import Places, places_digest
from erosion.places.stored import near_banks, read_stored, write_places

CRS = "EPSG:32648"


def made():
    area = shapely.box(0, 0, 4_000, 4_000)
    communes = gpd.GeoDataFrame(
        {"code": ["30430", "2"], "name": ["Xã Hoà Lạc", "B"], "former": [("Xã Phú Hiệp", "Xã Hòa Lạc, cũ"), ()]},
        geometry=[area, shapely.box(5_000, 0, 6_000, 1_000)],
        crs=CRS,
    )
    houses = gpd.GeoDataFrame(geometry=[shapely.Point(10, 10), shapely.Point(3_000, 3_000)], crs=CRS)
    cells = gpd.GeoDataFrame(
        {"people": [1.5, 2.0]}, geometry=[shapely.box(0, 0, 90, 90), shapely.box(3_000, 3_000, 3_090, 3_090)], crs=CRS
    )
    return Places(CRS, communes, None, None, houses, None, cells, {"buildings": area, "communes": area}, ())


def test_what_was_written_is_read(tmp_path):
    places = made()
    write_places(tmp_path / "new" / "places.gpkg", places)
    read = read_stored(tmp_path / "new" / "places.gpkg")
    assert places_digest(read) == places_digest(places)
    assert read.communes["former"].tolist() == [("Xã Phú Hiệp", "Xã Hòa Lạc, cũ"), ()]
    assert read.names is None and [path.name for path in (tmp_path / "new").iterdir()] == ["places.gpkg"]


def test_nothing_read_is_nothing_known(tmp_path):
    write_places(tmp_path / "p.gpkg", Places(CRS, None, None, None, None, None, None, {}, ()))
    read = read_stored(tmp_path / "p.gpkg")
    assert (read.crs, read.buildings, read.covered) == (CRS, None, {})


def test_far_from_the_banks_nothing_is_kept_and_nothing_claimed():
    near = near_banks(made(), gpd.GeoSeries([shapely.LineString([(0, 0), (500, 0)])], crs=CRS), 100.0)
    assert len(near.buildings) == 1 and near.population["people"].tolist() == [1.5] and len(near.communes) == 2
    assert not near.covered["buildings"].contains(shapely.Point(3_000, 3_000))
    assert near.covered["communes"].contains(shapely.Point(3_000, 3_000))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "p.gpkg").write_bytes(b"not a database")
    with pytest.raises(SourceError, match=r"p\.gpkg.*run the region again"):
        read_stored(tmp_path / "p.gpkg")
    with pytest.raises(SourceError, match=r"none\.gpkg"):
        read_stored(tmp_path / "none.gpkg")
