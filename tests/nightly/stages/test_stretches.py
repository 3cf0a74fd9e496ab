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
from erosion.publish.columns import STRETCH
from erosion.publish.formats.tables import attribute_table

FIRST = datetime(2020, 1, 1, tzinfo=UTC)


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
    table = stretch_layer(layer, plan)
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
    (row,) = stretch_layer(layer, plan).to_dict("records")
    # Two parallelograms of 100 m by 35.36 m, shifted 35.36 m towards each other: they share a triangle of that height.
    shift = 50.0 * np.sqrt(0.5)
    assert row["loss_p50_ha"] == pytest.approx((2 * 100.0 * shift - shift * shift) / 1e4)


def test_without_stretches_the_table_is_empty_and_typed():
    layer, plan = made([1, 1], [1.0, 1.0])
    table = stretch_layer(layer, plan)
    assert table.empty and list(table.columns) == [*STRETCH_COLUMNS, "geometry"]
    assert attribute_table(table, STRETCH, "stretches 1y").schema.field("stretch_id").type == pa.string()
