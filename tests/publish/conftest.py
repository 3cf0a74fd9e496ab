"""Small rivers made by hand: a straight bank, a bend, and a history of three observations."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj.transformer import TransformerGroup

from erosion.core.contracts import LAYER_COLUMNS

MEKONG = "EPSG:32648"
"""WGS 84 / UTM 48N: the lines below lie near Long Xuyên."""
EAST, NORTH = 560_000.0, 1_148_000.0

REASONS = [
    {"feature": "rate_3y_m_per_y", "value": 18.5, "effect": 0.91},
    {"feature": "lở bờ", "value": None, "effect": -0.1},
]

TERMS = [{"term": "drawdown", "points": 3.0, "of": 3, "value": 0.75, "unit": "m", "days": 3, "title": "Tân Châu"}]


@dataclass(frozen=True)
class RegionStub:
    """What the writers ask of a region."""

    name: str = "long-xuyen"
    title: dict[str, str] = field(default_factory=lambda: {"vi": "Sông Hậu ở Long Xuyên", "en": "Hậu at Long Xuyên"})
    export_crs: str = "EPSG:9208"
    simulated: bool = False


@pytest.fixture
def region() -> RegionStub:
    return RegionStub()


@pytest.fixture
def simulated_region(region) -> RegionStub:
    return replace(region, simulated=True)


def bank_lines() -> list[shapely.LineString]:
    """Three segments of a straight bank running east, then two round a bend to the north."""
    straight = [[(i * 100.0, 0.0), (i * 100.0 + 50, 0.0), (i * 100.0 + 100, 0.0)] for i in range(3)]
    bend = [[(300.0, 0.0), (370.0, 30.0), (400.0, 100.0)], [(400.0, 100.0), (400.0, 200.0)]]
    return [shapely.LineString(np.array(line) + np.array([EAST, NORTH])) for line in straight + bend]


def make_layer(simulated: bool = False, horizon_days: int = 365, threshold_m: float = 30.0) -> gpd.GeoDataFrame:
    """A layer of five segments, one a level; the first is unknown and has no forecast."""
    nan = np.nan
    values = {
        "segment_id": [f"hau-R-{i * 100:07d}" for i in range(5)],
        "reach": "hau",
        "bank": ["R", "R", "R", "R", "I"],
        "chainage_m": np.arange(5) * 100.0,
        "length_m": [line.length for line in bank_lines()],
        "landward_deg": [180.0, 180.0, 180.0, 135.0, 90.0],
        "level": [0, 1, 2, 3, 4],
        "joint_level": [0, 1, 3, 3, 4],
        "model_level": [0, 1, 2, 3, 3],
        "asked_level": [0, 1, 2, 4, 3],
        "held_by": ["", "", "", "cap", "trigger"],
        "previous_level": [-1, 1, 1, 4, 4],
        "p_event": [nan, 0.0123456, 0.25, 0.5, 0.98766],
        "horizon_days": horizon_days,
        "threshold_m": threshold_m,
        "chance_10m": [nan, 0.05, 0.6, 0.8, 0.999],
        "chance_20m": [nan, 0.02, 0.4, 0.6, 0.99],
        "chance_30m": [nan, 0.0123456, 0.25, 0.5, 0.98766],
        "chance_60m": [nan, 0.0, 0.01, 0.1, 0.5],
        "retreat_mean_m": [nan, 1.0, 14.0, 22.5, 42.0],
        "loss_mean_ha": [nan, 0.01, 0.14, 0.225, 0.42],
        "retreat_p10_m": [nan, -2.0, 0.0, 5.0, 10.0],
        "retreat_p30_m": [nan, 0.0, 0.0, 12.0, 25.0],
        "retreat_p50_m": [nan, 0.0, 12.5, 20.0, 40.0],
        "retreat_p70_m": [nan, 0.0, 18.0, 30.5, 60.0],
        "retreat_p90_m": [nan, 3.0, 25.0, 44.25, 80.0],
        "retreat_last_m": [1.0, -0.001, 3.25, 18.0, 60.0],
        "retreat_established_last_m": [nan, 0.0, 3.0, 15.0, 55.5],
        "rate_3y_m_per_y": [0.5, 0.0, 2.0, 10.0, 30.125],
        "curvature_per_m": [0.0, 0.0, -0.0005, 0.00125, 0.002],
        "width_m": [900.0, 905.5, 910.0, 880.0, 870.0],
        "neck_width_m": [nan, nan, 412.5, 412.5, nan],
        "p_cutoff": [nan, nan, 0.1234, 0.1234, nan],
        "p_cutoff_low": [nan, nan, 0.05, 0.05, nan],
        "p_cutoff_high": [nan, nan, 0.275, 0.275, nan],
        "data_age_days": [nan, 200.0, 200.0, 200.0, 200.0],
        "quality": ["low_coverage", "", "", "methods_disagree", ""],
        "why": ["unknown", "same", "raised", "capped", "trigger"],
        "unknown_reason": ["short_record", "", "", "", ""],
        "trigger": [nan, -1, 0, 1, 3],
        "trigger_points": [nan, nan, 0.0, 1.25, 3.0],
        "trigger_terms": [None, "[]", "[]", "[]", json.dumps(TERMS)],
        "stretch_id": [None, None, "hau-0001", "hau-0001", "hau-0001"],
        "event_id": [None, None, "hau-0001", "hau-0002", "hau-0002"],
        "first_issued_at": [None, None, "2024-06-30", "2023-06-30", "2023-06-30"],
        "reasons": [json.dumps([])] * 3 + [json.dumps(REASONS)] * 2,
        "model_id": "bank-20240101",
        "baseline": "2024-01-15",
        "as_of": "2024-06-30",
        "simulated": simulated,
    }
    assert list(values) == list(LAYER_COLUMNS)
    frame = pd.DataFrame(values)
    frame["first_issued_at"] = pd.to_datetime(frame["first_issued_at"])
    frame["as_of"] = pd.to_datetime(frame["as_of"])
    return gpd.GeoDataFrame(frame, geometry=bank_lines(), crs=MEKONG)


def make_history() -> pd.DataFrame:
    """Three observations of each segment; the first of a series has no pair."""
    ids = [f"hau-R-{i * 100:07d}" for i in range(5)]
    epochs = [date(2022, 1, 10), date(2023, 1, 20), date(2024, 1, 15)]
    return pd.DataFrame(
        {
            "segment_id": np.repeat(ids, 3),
            "epoch": epochs * 5,
            "retreat_m": [np.nan, 1.25, 3.5] * 5,
            "retreat_established_m": [np.nan, 1.0, 3.0] * 5,
            "position_m": [0.0, 1.5, 5.25] * 5,
            "sigma_m": [np.nan, 4.0, 4.0] * 5,
            "coverage": [np.nan, 1.0, 0.875] * 5,
            "flags": [0, 0, 3] * 5,
        }
    )


@pytest.fixture
def official_lines(layer) -> gpd.GeoSeries:
    """Bank lines in VN-2000 / TM-3 104°45' by the parameters of the national decision; GeoPandas takes others."""
    group = TransformerGroup(MEKONG, "EPSG:9208", always_xy=True)
    (official,) = [operation for operation in group.transformers if "VN-2000 to WGS 84 (2)" in operation.description]
    moved = shapely.transform(
        layer.geometry.to_numpy(), lambda xy: np.column_stack(official.transform(xy[:, 0], xy[:, 1]))
    )
    return gpd.GeoSeries(moved, crs="EPSG:9208")


@pytest.fixture
def reasons() -> list[dict]:
    """What the layer's two upper segments give as reasons."""
    return REASONS


@pytest.fixture
def layer() -> gpd.GeoDataFrame:
    return make_layer()


@pytest.fixture
def layers() -> dict[str, gpd.GeoDataFrame]:
    return {"1y": make_layer(), "3y": make_layer(horizon_days=1095, threshold_m=60.0)}


@pytest.fixture
def history() -> pd.DataFrame:
    return make_history()


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A published run, to be read only: its directory."""
    from erosion.publish import write_all

    directory = tmp_path_factory.mktemp("published")
    layers = {"1y": make_layer(), "3y": make_layer(horizon_days=1095, threshold_m=60.0)}
    write_all(directory, layers, make_history(), RegionStub(), {"licence": "MIT", "attribution": "© ví dụ"})
    return directory


@pytest.fixture(scope="session")
def exercise(tmp_path_factory):
    """A published run of simulated data, to be read only: its directory."""
    from erosion.publish import write_all

    directory = tmp_path_factory.mktemp("exercise")
    write_all(directory, {"1y": make_layer(simulated=True)}, make_history(), RegionStub(simulated=True))
    return directory
