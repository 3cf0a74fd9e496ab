"""A published run with as many stretches as asked for, whose names may be anything."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.config.bulletin import BulletinSettings, read_settings
from erosion.core.contracts import CONTRACT_VERSION, STRETCH_COLUMNS
from erosion.core.shipped import shipped
from erosion.publish import write_all
from tests.publish.conftest import EAST, NORTH, make_history, make_layer

AS_OF = "2024-06-30"
SOURCES = [
    {"title": "Sentinel-2", "licence": "CC BY-SA 3.0 IGO",
     "attribution": "Copernicus Sentinel", "url": None},
    {"title": "Tân Châu", "licence": "theo cơ quan", "attribution": "Đài KTTV An Giang", "url": None},
]  # fmt: skip
COMMUNES = {
    "30001": ("Xã Mỹ Hòa Hưng", "Xã Mỹ Hòa Hưng; Phường Bình Đức (phần)"),
    "30002": ("Phường Long Xuyên", None),
    "30003": ("Xã Nhơn Mỹ", "Xã Mỹ Hội Đông"),
}


def settings() -> BulletinSettings:
    """The settings that are shipped."""
    return read_settings(shipped("data_sources") / "bulletins" / "default.yaml")


def stretches(count: int, *, simulated: bool = False, **columns: Any) -> gpd.GeoDataFrame:
    """Stretches along a straight bank, the worst first; ``columns`` take the place of what is made up."""
    number = np.arange(count)
    codes = [list(COMMUNES)[i % 3] for i in number]
    values = {
        "stretch_id": [f"hau-{i:04d}" for i in number],
        "reach": "hau",
        "bank": [("L", "R", "I")[i % 3] for i in number],
        "from_m": 1000.0 + 150.0 * number,
        "to_m": 1100.0 + 150.0 * number,
        "length_m": 100.0 + number,
        "segments": 1,
        "level": np.sort(4 - number % 3)[::-1],
        "previous_level": -1,
        "change": [("issued", "raised", "", "lowered")[i % 4] for i in number],
        "split_from": None,
        "target_level": 2,
        "asked_level": 2,
        "p_event": 0.5,
        "worst_segment_id": "a",
        "horizon_days": 365,
        "threshold_m": 30.0,
        "retreat_p50_m": 12.0 + number,
        "retreat_p90_m": 24.0 + number,
        "loss_p50_ha": 0.12,
        "loss_p90_ha": 0.34,
        "loss_mean_ha": 0.2,
        "data_age_days": 41,
        "first_issued_at": pd.Timestamp(AS_OF),
        "model_id": "hau-20240101",
        "as_of": pd.Timestamp(AS_OF),
        "simulated": simulated,
        "commune_code": codes,
        "commune": [COMMUNES[code][0] for code in codes],
        "commune_former": [COMMUNES[code][1] for code in codes],
        "communes": codes,
        "place_vi": "cách chợ Vàm Cống 400 m về phía bắc",
        "place_en": "400 m north of the market Vàm Cống",
        "buildings_20m": 0,
        "buildings_50m": np.where(number % 2, np.nan, 3.0),
        "buildings_100m": 1234.0,
    } | columns
    at = EAST + 150.0 * (number % 60)
    lines = [shapely.LineString([(x, NORTH), (x + 50.0, NORTH + 20.0), (x + 100.0, NORTH)]) for x in at]
    frame = pd.DataFrame(values, index=number)
    return gpd.GeoDataFrame(frame, geometry=lines, crs="EPSG:32648")


def publish_run(
    out: Path, table: gpd.GeoDataFrame, *, simulated: bool = False, title: str = "Sông Hậu ở Long Xuyên"
) -> Path:
    """Publish a run with these stretches and return the folder of the region."""
    home = out / "long-xuyen"
    directory = home / f"{AS_OF}-abcd"
    directory.mkdir(parents=True)
    region = SimpleNamespace(
        name="long-xuyen", title={"vi": title, "en": "Hậu at Long Xuyên"}, export_crs="EPSG:9208", simulated=simulated
    )
    known = table[[*(name for name in STRETCH_COLUMNS if name in table), "geometry"]]
    lacking = {name: None for name in STRETCH_COLUMNS if name not in known}
    files = write_all(
        directory,
        {"1y": make_layer(simulated=simulated)},
        make_history(),
        region,
        {"sources": SOURCES},
        {"1y": known.assign(**lacking)[[*STRETCH_COLUMNS, "geometry"]]},
    )
    worth = {
        str(level): {
            "threshold": 0.5,
            "aim": 0.75,
            "precision": 0.8,
            "observed": None,
            "rows": 0,
            "events": 0,
            "cases": 0.0,
        }
        for level in (2, 3, 4)
    }
    manifest = {
        "contract_version": CONTRACT_VERSION, "region": "long-xuyen", "simulated": simulated, "as_of": AS_OF,
        "outcome": "published", "messages": [], "skipped": [], "model_id": "hau-20240101", "reaches": {}, "trigger": None,
        "newest_epoch": "2024-05-20", "data_age_days": 41, "inputs": {}, "inputs_hash": "0" * 64, "segments": 5,
        "levels": {}, "level_worth": {"1y": worth}, "stages": [], "outputs": files, "memory": {}, "versions": {},
        "started_at": "2024-07-01T01:00:00+00:00", "finished_at": "2024-07-01T01:05:00+00:00",
    }  # fmt: skip
    (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    listing = {
        "region": "long-xuyen", "title": region.title, "simulated": simulated, "timezone": "Asia/Ho_Chi_Minh",
        "stale_after_days": 400.0, "reaches": [{"name": "hau", "title": {"vi": "Sông Hậu", "en": "Hậu River"}}],
        "targets": [{"name": "1y", "horizon_days": 365, "threshold_m": 30.0}],
        "runs": [
            {"as_of": AS_OF, "run_id": f"long-xuyen-{AS_OF}-abcd", "directory": directory.name, "outcome": "published",
             "exit_code": 0, "model_id": "hau-20240101", "newest_epoch": "2024-05-20",
             "finished_at": "2024-07-01T01:05:00+00:00", "messages": []}
        ],
    }  # fmt: skip
    (home / "published.json").write_text(json.dumps(listing, ensure_ascii=False), encoding="utf-8")
    return home
