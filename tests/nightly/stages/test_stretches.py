"""The published stretches of a run, by hand and on a real night."""

from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely

from erosion.alerts.stretches import plan_stretches
from erosion.core.contracts import STRETCH_COLUMNS
from erosion.nightly.stages.stretches import stretch_layer, stretch_of_segment
from erosion.places.reading import Places, places_digest
from erosion.publish.columns import STRETCH
from erosion.publish.formats.tables import attribute_table

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
NOTHING = Places("EPSG:32648", None, None, None, None, None, None, {}, ())
"""A region without reference layers."""


def made(levels, retreat_p50):
    """Segments of 100 m along a straight bank that faces south, and the plan of their first run."""
    n = len(levels)
    table = gpd.GeoDataFrame(
        {
            "segment_id": [f"s{i}" for i in range(n)], "reach": "rio", "bank": "L", "bank_line": 0,
            "chainage_m": 50.0 + 100.0 * np.arange(n), "length_m": 100.0, "joint_level": levels, "level": levels,
            "asked_level": levels, "landward_deg": 0.0, "p_event": np.array(levels) / 5.0, "horizon_days": 365, "threshold_m": 30.0,
            "retreat_p50_m": retreat_p50, "retreat_p90_m": 2.0 * np.array(retreat_p50), "loss_mean_ha": 0.1,
            "data_age_days": np.arange(n), "model_id": "m", "as_of": "2020-01-01", "simulated": False,
        },
        geometry=[shapely.LineString([(100 * i, 0), (100 * i + 100, 0)]) for i in range(n)],
        crs=32648,
    )  # fmt: skip
    plan = plan_stretches([], pd.DataFrame(table), None, region="rio", as_of=FIRST, from_level=2, gap_m=100.0)
    return table.assign(stretch_id=table["segment_id"].map(stretch_of_segment(plan))), plan


def test_a_stretch_says_what_its_segments_say_together():
    layer, plan = made([2, 3, 1, 4, 1, 1, 2], [10.0, 20.0, 5.0, 40.0, 0.0, 0.0, np.nan])
    table = stretch_layer(layer, plan, NOTHING)
    assert list(table.columns) == [*STRETCH_COLUMNS, "geometry"]
    worst, other = table.to_dict("records")
    assert (worst["stretch_id"], worst["level"], worst["segments"], worst["length_m"]) == (
        "rio-20200101-s0",
        4,
        3,
        300.0,
    )
    assert (worst["from_m"], worst["to_m"], worst["worst_segment_id"], worst["p_event"]) == (0.0, 400.0, "s3", 0.8)
    # Strips of 100 m by 10, 20 and 40 m are 0.7 ha; the low segment between belongs to no stretch.
    assert worst["loss_p50_ha"] == pytest.approx(0.7) and worst["loss_p90_ha"] == pytest.approx(1.4)
    assert worst["loss_mean_ha"] == pytest.approx(0.3) and worst["data_age_days"] == 3
    assert shapely.length(worst["geometry"]) == pytest.approx(300.0)
    assert other["stretch_id"] == "rio-20200101-s6" and np.isnan(other["loss_p50_ha"]), "unknown is not zero"


def test_land_is_counted_once_where_strips_overlap():
    layer, plan = made([3, 3], [50.0, 50.0])
    layer["landward_deg"] = [45.0, 315.0]  # towards each other
    (row,) = stretch_layer(layer, plan, NOTHING).to_dict("records")
    # Two parallelograms of 100 m by 35.36 m, shifted 35.36 m towards each other: they share a triangle of that height.
    shift = 50.0 * np.sqrt(0.5)
    assert row["loss_p50_ha"] == pytest.approx((2 * 100.0 * shift - shift * shift) / 1e4)


def test_without_stretches_the_table_is_empty_and_typed():
    layer, plan = made([1, 1], [1.0, 1.0])
    table = stretch_layer(layer, plan, NOTHING)
    assert table.empty and list(table.columns) == [*STRETCH_COLUMNS, "geometry"]
    assert attribute_table(table, STRETCH, "stretches 1y").schema.field("stretch_id").type == pa.string()


def layers(**changes):
    """Communes west and east of 250 m, a market, three houses and a road inland of the bank."""
    west, east = shapely.box(-500, -500, 250, 500), shapely.box(250, -500, 2_000, 500)
    communes = gpd.GeoDataFrame(
        {"code": ["1", "2"], "name": ["Hòa Bình", "Long Điền"], "former": [("Hòa An", "Hòa Bình cũ"), ()]}, geometry=[west, east], crs=32648
    )  # fmt: skip
    names = gpd.GeoDataFrame(
        {"name": ["Chợ Vàm"], "kind": ["market"], "settlement": [False]}, geometry=[shapely.Point(200, 300)], crs=32648
    )
    houses = gpd.GeoDataFrame(
        geometry=[shapely.Point(50, 5), shapely.Point(150, 45), shapely.Point(350, 60)], crs=32648
    )
    roads = gpd.GeoDataFrame(
        {"name": [None], "kind": [None]}, geometry=[shapely.LineString([(-100, 70), (900, 70)])], crs=32648
    )
    whole = shapely.box(-1_000, -1_000, 3_000, 1_000)
    values = {
        "crs": "EPSG:32648", "communes": communes, "names": names, "roads": roads, "buildings": houses, "schools": None,
        "population": None, "covered": {"buildings": whole, "roads": whole, "names": whole, "communes": whole}, "skipped": (),
    }  # fmt: skip
    return Places(**values | changes)


def test_a_stretch_is_named_and_what_stands_beside_it_is_counted():
    layer, plan = made([2, 3, 1, 4, 1, 1, 2], [10.0, 50.0, 5.0, 40.0, 0.0, 0.0, 1.0])
    worst, other = stretch_layer(layer, plan, layers()).to_dict("records")
    # Segments at 0 to 200 m and 300 to 400 m: two thirds lie in the western commune.
    assert (worst["commune_code"], worst["commune"], worst["commune_former"]) == (
        "1",
        "Hòa Bình",
        "Hòa An, Hòa Bình cũ",
    )
    assert worst["communes"] == "1 2" and other["communes"] == "2"
    assert worst["place_vi"] == "cách Chợ Vàm 300 m về phía nam" and "300 m" in worst["place_en"]
    assert [worst[f"buildings_{zone}"] for zone in ("20m", "50m", "100m", "p50", "p90")] == [1, 2, 3, 2, 3]
    assert worst["road_m_100m"] == pytest.approx(300.0) and worst["road_m_p90"] == pytest.approx(200.0)
    assert pd.isna(worst["schools_100m"]) and pd.isna(worst["people_100m"]), "no layer is not zero"
    assert other["buildings_100m"] == 0 and pd.isna(other["commune_former"])


def test_beyond_the_layer_nothing_is_known():
    layer, plan = made([2, 3, 1, 4], [10.0, 50.0, 5.0, 40.0])
    half = {"buildings": shapely.box(-1_000, -1_000, 320, 1_000), "roads": shapely.box(-1_000, -1_000, 3_000, 1_000)}
    (row,) = stretch_layer(layer, plan, layers(covered=half)).to_dict("records")
    assert pd.isna(row["buildings_20m"]) and row["road_m_100m"] == pytest.approx(300.0)


def test_the_hash_of_layers_is_of_their_content():
    assert places_digest(layers()) == places_digest(layers())
    moved = layers().buildings.copy()
    moved.loc[0, "geometry"] = shapely.Point(51, 5)
    others = [layers(buildings=moved), layers(buildings=None), layers(covered={}), NOTHING]
    assert len({places_digest(one) for one in [layers(), *others]}) == 5
