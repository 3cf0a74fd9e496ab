"""Stretches as they are published, read back by independent readers."""

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from erosion.core.contracts import STRETCH_COLUMNS
from erosion.publish import write_all
from tests.publish.conftest import RegionStub, bank_lines, make_history, make_layer


def made(simulated):
    lines = bank_lines()
    values = {
        "commune_code": ["1", None], "commune": ["Xã Mỹ Hòa Hưng", None], "commune_former": ["a, b", None], "communes": ["1 2", None],
        "place_vi": ["cách chợ 100 m", None], "place_en": ["100 m from the market", None], "buildings_p50": [1, None],
        "buildings_p90": [2, None], "buildings_20m": [0, None], "buildings_50m": [1, None], "buildings_100m": [5, None],
        "road_m_p90": [0.0, None], "road_m_100m": [12.5, None], "schools_100m": [0, None], "people_p90": [1.5, None],
        "people_100m": [20.0, None], "stretch_id": ["hau-0002", "hau-0001"], "reach": "hau", "bank": ["I", "R"], "from_m": [400.0, 150.0],
        "to_m": [500.0, 400.0], "length_m": [lines[4].length, lines[2].length + lines[3].length], "segments": [1, 2],
        "level": [4, 3], "previous_level": [-1, 2], "change": ["issued", "raised"], "split_from": [None, "=1+1"],
        "target_level": [4, 3], "asked_level": [4, 3], "p_event": [0.9, None], "worst_segment_id": ["a", "b"],
        "horizon_days": 365, "threshold_m": 30.0, "retreat_p50_m": [40.0, None], "retreat_p90_m": [80.0, 44.25],
        "loss_p50_ha": [0.25, None], "loss_p90_ha": [0.5, 0.4], "loss_mean_ha": [0.3, 0.2], "data_age_days": [200, None],
        "first_issued_at": pd.to_datetime(["2024-06-30", "2023-06-30"]), "model_id": "bank-20240101",
        "as_of": pd.to_datetime("2024-06-30"), "simulated": simulated,
    }  # fmt: skip
    frame = pd.DataFrame(values)[list(STRETCH_COLUMNS)]
    geometry = [lines[4], shapely.multilinestrings([lines[2], lines[3]])]
    return gpd.GeoDataFrame(frame, geometry=geometry, crs="EPSG:32648")


@pytest.mark.parametrize("simulated", [False, True])
def test_stretches_are_a_layer_a_file_and_two_sheets(tmp_path, simulated):
    stretches = made(simulated)
    files = write_all(
        tmp_path,
        {"1y": make_layer(simulated=simulated)},
        make_history(),
        RegionStub(simulated=simulated),
        stretches={"1y": stretches},
    )
    assert {f"stretches_1y{end}" for end in (".parquet", "_vi.csv", "_en.csv")} <= files.keys()
    read = gpd.read_parquet(tmp_path / "stretches_1y.parquet")
    assert read["stretch_id"].tolist() == ["hau-0002", "hau-0001"] and list(read.columns[:-1]) == list(STRETCH_COLUMNS)
    layer = pyogrio.read_dataframe(tmp_path / "segments.gpkg", layer="stretches_1y")
    assert layer["level"].tolist() == [4, 3] and set(layer.geometry.geom_type) == {"MultiLineString"}
    assert layer.to_crs(32648).geometry.length.tolist() == pytest.approx(stretches["length_m"].tolist(), rel=1e-3)
    english = pd.read_csv(tmp_path / "stretches_1y_en.csv", comment=None)
    assert english["level_word"].tolist() == ["4 ● very high", "3 ◕ high"]
    assert not str(english["split_from"].iloc[1]).startswith("="), "no formula in a spreadsheet"
    assert english["buildings_20m"].tolist()[0] == 0 and pd.isna(english["buildings_20m"].iloc[1]), (
        "unknown is not zero"
    )
    assert ("notice" in english.columns) == simulated
    styles = pyogrio.read_dataframe(tmp_path / "segments.gpkg", layer="layer_styles")
    assert "stretches_1y" in styles["f_table_name"].tolist()


def test_the_same_stretches_give_the_same_bytes(tmp_path):
    digests = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files = write_all(
            tmp_path / name, {"1y": make_layer()}, make_history(), RegionStub(), stretches={"1y": made(False)}
        )
        digests.append(files)
    assert digests[0] == digests[1]
