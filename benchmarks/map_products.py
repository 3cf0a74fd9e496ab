"""Products of a made-up delta with as many bank segments as asked for, published as a nightly run publishes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.core.contracts import CONTRACT_VERSION, LAYER_COLUMNS
from erosion.publish import write_all
from erosion.publish.manifest import Manifest, write_manifest

REGION, CRS = "many-segments", "EPSG:32648"
EAST, NORTH = 400_000.0, 1_100_000.0
SEGMENTS_A_BANK = 1_500
"""Of one river: 150 km."""
APART_M = 20_000.0
WIDTH_M = 600.0
VERTICES = 11
"""Of one segment: one each 10 m, as from Sentinel-2."""
AS_OF, EPOCH, FINISHED = "2024-06-30", "2024-05-20", "2024-07-01T01:00:00+00:00"
TARGETS = {"1y": (365, 30.0), "3y": (1095, 60.0)}


@dataclass(frozen=True)
class Made:
    """The region as :func:`erosion.publish.write_all` wants it."""

    name: str = REGION
    title: dict[str, str] = field(default_factory=lambda: {"vi": "Nhiều đoạn bờ", "en": "Many segments"})
    export_crs: str = "EPSG:9208"
    simulated: bool = True


def publish(folder: Path, segments: int) -> None:
    """Publish a run with some number of simulated segments under a folder."""
    home, directory = folder / REGION, folder / REGION / f"{AS_OF}-made"
    directory.mkdir(parents=True)
    banks = _banks(segments)
    layers = {target: _layer(banks, target) for target in TARGETS}
    files = write_all(directory, layers, _history(layers["1y"]), Made())
    manifest: Manifest = {
        "contract_version": CONTRACT_VERSION, "region": REGION, "simulated": True, "as_of": AS_OF,
        "outcome": "published", "messages": [], "skipped": [], "read": {"messages": [], "skipped": []}, "fetch": [],
        "model_id": "made", "reaches": {}, "trigger": None, "newest_epoch": EPOCH, "data_age_days": 41,
        "inputs": {}, "inputs_hash": "0" * 64, "segments": segments, "levels": {}, "level_worth": {}, "stages": [],
        "outputs": files, "memory": {}, "versions": {}, "started_at": FINISHED, "finished_at": FINISHED,
    }  # fmt: skip
    write_manifest(directory, manifest)
    run = {
        "as_of": AS_OF, "run_id": f"{REGION}-made", "directory": directory.name, "outcome": "published", "exit_code": 0,
        "model_id": "made", "newest_epoch": EPOCH, "finished_at": FINISHED, "messages": [],
    }  # fmt: skip
    listing = {
        "region": REGION, "title": Made().title, "simulated": True, "timezone": "Asia/Ho_Chi_Minh",
        "stale_after_days": None, "runs": [run],
        "reaches": [{"name": name, "title": {"vi": name, "en": name}} for name in dict.fromkeys(banks["reach"])],
        "targets": [{"name": name, "horizon_days": days, "threshold_m": m} for name, (days, m) in TARGETS.items()],
    }  # fmt: skip
    (home / "published.json").write_text(json.dumps(listing, ensure_ascii=False), encoding="utf-8")


def _banks(segments: int) -> gpd.GeoDataFrame:
    """Return the bank lines of meandering rivers side by side, with ragged banks."""
    noise = np.random.default_rng(1)
    tables, lines = [], []
    left = segments
    while left > 0:
        number, count = len(tables), min(left, 2 * SEGMENTS_A_BANK)
        for side, bank, n in ((1, "L", count - count // 2), (-1, "R", count // 2)):
            steps = n * (VERTICES - 1)
            s = np.arange(steps + 1) * 100.0 / (VERTICES - 1)
            bend = 2_000.0 * np.sin(2 * np.pi * s / 9_000.0 + number) + 700.0 * np.sin(2 * np.pi * s / 3_700.0)
            ragged = np.convolve(noise.normal(0, 4.0, steps + 5), np.ones(5) / 5, "valid")
            xy = np.column_stack([EAST + 0.8 * s, NORTH + number * APART_M + bend + side * 0.5 * WIDTH_M + ragged])
            lines += [shapely.LineString(xy[i : i + VERTICES]) for i in range(0, steps, VERTICES - 1)]
            tables.append(
                pd.DataFrame(
                    {
                        "reach": f"song-{number // 2 + 1}", "bank": bank, "chainage_m": 100.0 * np.arange(n),
                        "landward_deg": 0.0 if side > 0 else 180.0,
                    }
                )
            )  # fmt: skip
        left -= count
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "segment_id", [f"{r}-{b}-{at:07.0f}" for r, b, at in table[["reach", "bank", "chainage_m"]].values])
    return gpd.GeoDataFrame(table, geometry=lines, crs=CRS)


def _layer(banks: gpd.GeoDataFrame, target: str) -> gpd.GeoDataFrame:
    """Return the layer of one target: about a quarter of the bank at level 2 and above, in stretches."""
    horizon, threshold = TARGETS[target]
    n = len(banks)
    noise = np.random.default_rng(2)
    wave = np.sin(banks["chainage_m"] / 1_400.0 + 2.0 * (banks["bank"] == "R")).to_numpy()
    p = np.round(np.clip(0.5 + 0.4 * wave + noise.normal(0, 0.08, n), 0.02, 0.99) ** 3, 4)
    level = np.select([p >= 0.7, p >= 0.5, p >= 0.25], [4, 3, 2], 1)
    level[::97] = 0
    unknown = level == 0
    p50 = np.where(unknown, np.nan, threshold * p)
    reasons = [{"feature": "rate_est_3y_up500", "value": 12.5, "effect": 0.8}]
    missing = {name: None for name in LAYER_COLUMNS if name not in banks}
    values = missing | {
        "length_m": banks.length, "curvature_per_m": 0.0004, "width_m": WIDTH_M, "neck_width_m": np.nan,
        "p_cutoff": np.nan, "p_cutoff_low": np.nan, "p_cutoff_high": np.nan, "baseline": EPOCH,
        "level": level, "model_level": level, "joint_level": level, "asked_level": level, "held_by": "",
        "previous_level": -1, "p_event": np.where(unknown, np.nan, p), "horizon_days": horizon,
        "threshold_m": threshold, "retreat_mean_m": 1.1 * p50, "loss_mean_ha": 1.1 * p50 * banks.length / 1e4,
        **{f"chance_{m}m": np.where(unknown, np.nan, p ** (m / 30.0)) for m in (10, 20, 30, 60)},
        **{f"retreat_p{q}_m": f * p50 for q, f in ((10, 0.3), (30, 0.6), (50, 1.0), (70, 1.3), (90, 1.8))},
        "retreat_last_m": np.round(40.0 * p, 2), "retreat_established_last_m": np.round(30.0 * p, 2),
        "rate_3y_m_per_y": 12.25, "data_age_days": 41, "why": np.where(unknown, "unknown", "same"),
        "unknown_reason": np.where(unknown, "not_seen", ""), "trigger": np.nan, "trigger_points": np.nan,
        "first_issued_at": pd.NaT, "reasons": np.where(level >= 2, json.dumps(reasons), "[]"), "model_id": "made",
        "as_of": pd.Timestamp(AS_OF), "simulated": True,
    }  # fmt: skip
    table = banks.assign(**values)
    return table[[*LAYER_COLUMNS, "geometry"]]


def _history(layer: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the newest measurement of every segment."""
    last = layer["retreat_last_m"].to_numpy()
    return pd.DataFrame(
        {
            "segment_id": layer["segment_id"].to_numpy(), "epoch": pd.Timestamp(EPOCH), "retreat_m": last,
            "retreat_established_m": 0.75 * last, "position_m": 0.0, "sigma_m": 4.0, "coverage": 1.0, "flags": 0,
        }
    )  # fmt: skip
