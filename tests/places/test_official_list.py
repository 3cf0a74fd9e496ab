"""The official list, from every kind of file, on the banks of a run; what does not match is listed."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from erosion.config.official import OfficialScheme, read_scheme
from erosion.config.problems import CatalogError
from erosion.core.errors import SourceError
from erosion.places.official_list import match_official, read_official_list

CRS = "EPSG:32648"
SCHEME = """
scheme: QĐ 01/2011
legal_basis: QĐ 01/2011/QĐ-TTg
crs: EPSG:32648
classes:
  - {code: ĐBNH, vi: đặc biệt nguy hiểm, en: especially dangerous}
  - {code: NH, vi: nguy hiểm, en: dangerous}
fields: {official_id: Số, title: Tên, class_code: Mức, commune: Xã, %s}
"""


def scheme(tmp_path: Path, fields: str) -> OfficialScheme:
    file = tmp_path / "scheme.yaml"
    file.write_text(SCHEME % fields, encoding="utf-8")
    return read_scheme(file)


def banks() -> gpd.GeoDataFrame:
    """Two straight banks of a river 400 m wide running east, 2 km each, in segments of 100 m."""
    parts = []
    for bank, north in (("L", 1_150_400), ("R", 1_150_000)):
        lines = [shapely.LineString([(500_000 + 100 * i, north), (500_100 + 100 * i, north)]) for i in range(20)]
        frame = {"reach": "hau", "bank": bank, "chainage_m": 50.0 + 100.0 * np.arange(20), "length_m": 100.0}
        parts.append(gpd.GeoDataFrame(frame, geometry=lines, crs=CRS))
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=CRS)


def places_of(found):
    return [(one.piece.official_id, one.reach, one.bank, one.from_m, one.to_m) for one in found]


ROWS = "Số;Tên;Mức;Xã;Bờ;Từ;Đến\n1;Mỹ Hội Đông;ĐBNH;Hòa Lạc;trái;0,4;0,9\n2;Vàm Nao;NH;;Bờ phải;1.2;1.5\n"


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_a_table_with_chainage_keeps_what_it_says(tmp_path, ending):
    path = tmp_path / f"list{ending}"
    if ending == ".csv":
        path.write_text(ROWS, encoding="utf-8-sig")
    else:
        pd.DataFrame(
            [line.split(";") for line in ROWS.splitlines()[1:]], columns=ROWS.splitlines()[0].split(";")
        ).to_excel(path, index=False)
    pieces, skipped = read_official_list(path, scheme(tmp_path, "bank: Bờ, from_km: Từ, to_km: Đến"), CRS)
    found, left = match_official(pieces, banks())
    assert (skipped, left) == ([], [])
    assert places_of(found) == [("1", "hau", "L", 400.0, 900.0), ("2", "hau", "R", 1_200.0, 1_500.0)]
    assert [one.piece.class_code for one in found] == ["ĐBNH", "NH"] and found[0].piece.commune == "Hòa Lạc"


def test_two_ends_find_their_bank_in_another_crs(tmp_path):
    way = Transformer.from_crs(CRS, "EPSG:9208", always_xy=True)
    ends = [way.transform(500_420, 1_150_020), way.transform(500_980, 1_149_950)]
    text = "Số,Tên,Mức,Xã,x1,y1,x2,y2\n" + ",".join(
        ["7", "Châu Phong", "NH", "", *(f"{value:.2f}" for end in ends for value in end)]
    )
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    given = scheme(tmp_path, "start_x: x1, start_y: y1, end_x: x2, end_y: y2")
    given = type(given)(**{**vars(given), "crs": "EPSG:9208"})
    pieces, _ = read_official_list(tmp_path / "list.csv", given, CRS)
    found, left = match_official(pieces, banks())
    assert left == [] and places_of(found) == [("7", "hau", "R", 400.0, 1_000.0)]


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson"])
def test_a_line_belongs_to_the_bank_it_runs_along(tmp_path, ending):
    lines = [
        shapely.LineString([(500_300, 1_150_370), (500_900, 1_150_430)]),
        shapely.LineString([(500_300, 1_150_200), (500_900, 1_150_200)]),
        shapely.LineString([(500_000, 1_150_000), (500_000, 1_160_000)]),
    ]
    names = {"Số": ["1", "2", "3"], "Tên": ["a", "b", "c"], "Mức": "NH", "Xã": ""}
    path = tmp_path / f"list{ending}"
    gpd.GeoDataFrame(names, geometry=lines, crs=CRS).to_crs(
        "EPSG:4326" if ending == ".geojson" else "EPSG:9208"
    ).to_file(path, encoding="utf-8")
    pieces, skipped = read_official_list(path, scheme(tmp_path, "bank: null"), CRS)
    found, left = match_official(pieces, banks())
    assert skipped == [] and places_of(found) == [("1", "hau", "L", 300.0, 900.0)]
    assert "farther than 150 m from every bank" in left[0].reason
    assert "of its 10000 m lie along one bank" in left[1].reason


def test_rows_that_cannot_be_entered_are_listed(tmp_path):
    rows = "Số;Tên;Mức;Xã;Bờ;Từ;Đến\n;a;NH;;trái;0;1\n1;b;XX;;trái;0;1\n2;c;NH;;trái;0;1\n2;d;NH;;trái;0;1\n3;e;NH;;đông;0;1\n4;f;NH;;trái;50;60\n"
    (tmp_path / "list.csv").write_text(rows, encoding="utf-8")
    pieces, skipped = read_official_list(
        tmp_path / "list.csv", scheme(tmp_path, "bank: Bờ, from_km: Từ, to_km: Đến"), CRS
    )
    assert [item.reason.split(";")[0] for item in skipped] == [
        "has no number",
        "has class 'XX'",
        "has a number that occurs before",
    ]
    found, left = match_official(pieces, banks())
    assert [one.piece.official_id for one in found] == ["2"]
    assert "neither coordinates nor bank" in left[0].reason and "no bank L between km 50" in left[1].reason


def test_files_that_cannot_be_read_and_missing_columns_are_named(tmp_path):
    given = scheme(tmp_path, "bank: Bờ")
    (tmp_path / "list.csv").write_text("Số;Mức\n1;NH\n", encoding="utf-8")
    with pytest.raises(SourceError, match="no column Bờ, Tên, Xã"):
        read_official_list(tmp_path / "list.csv", given, CRS)
    (tmp_path / "list.xlsx").write_bytes(b"no workbook")
    for name in ("list.xlsx", "none.gpkg", "list.doc"):
        with pytest.raises(SourceError, match=name):
            read_official_list(tmp_path / name, given, CRS)


def test_mistakes_of_a_scheme_are_named_together(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "scheme: a\nlegal_basis: b\nclasses: [{code: x, vi: x, en: x}, {code: x, vi: y, en: y}]\n"
        "fields: {official_id: n, title: t, class_code: c, start_x: x}\n"
    )
    with pytest.raises(CatalogError, match=r"(?s)each code once.*name all four or none"):
        read_scheme(tmp_path / "s.yaml")
