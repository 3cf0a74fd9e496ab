"""A made river with two banks and an island, published three times as nightly runs publish, with a ledger."""

import json
import shutil
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from streamlit.components.v2 import manifest_scanner

from erosion.alerts import ledger
from erosion.alerts.stretches import plan_stretches
from erosion.core.contracts import CONTRACT_VERSION, LAYER_COLUMNS
from erosion.nightly.stages.stretches import stretch_layer, stretch_of_segment
from erosion.places.reading import Places
from erosion.publish import write_all
from erosion.publish.manifest import Manifest, SkippedItem, write_manifest
from tests.shared import made_once

CRS, EAST, NORTH = "EPSG:32648", 560_000.0, 1_148_000.0
NO_PLACES = Places(CRS, None, None, None, None, None, None, {}, ())
DATES = ("2022-06-30", "2023-06-30", "2024-06-30")
TARGETS = {"1y": (365, 30.0), "3y": (1095, 60.0)}
WIDTH_M = 200.0
WORTH = {
    level: {
        "threshold": threshold, "aim": aim, "precision": precision, "observed": None, "rows": 0, "events": 0, "cases": 0.0,
        "year_low": 0.5 * precision, "year_high": 0.5 + 0.5 * precision,
    }
    for level, threshold, aim, precision in (("2", 0.13, 0.25, 0.26), ("3", 0.38, 0.5, 0.49), ("4", 0.62, 0.75, 0.81))
}  # fmt: skip
"""What the levels of one year are worth by the release of the runs."""
EVIL = "<img src=http://evil.example/a.png onerror=alert(1)> ![x](http://evil.example/b.png) scene_7.tif: truncated"
"""What a file name or an error could smuggle in."""


def centre(s):
    """Centre line of the river: bends of 3 km, 500 m to either side."""
    return np.column_stack([EAST + s, NORTH + 500.0 * np.sin(2 * np.pi * s / 3_000.0)])


def bank_lines(side):
    """Segments of one bank, side +1 left and -1 right of the flow, each seven vertices."""
    s = np.linspace(0.0, 7_800.0, 78 * 6 + 1)
    step = np.gradient(centre(s), axis=0)
    normal = np.column_stack([-step[:, 1], step[:, 0]]) / np.hypot(*step.T)[:, None]
    xy = centre(s) + side * 0.5 * WIDTH_M * normal
    return [shapely.LineString(xy[i : i + 7]) for i in range(0, len(s) - 1, 6)], side * normal[3::6]


def segments(shift):
    """Segments of the baseline of one date; the banks move a little each year, the names stay."""
    rows, lines = [], []
    for bank, side in (("L", 1), ("R", -1)):
        found, normal = bank_lines(side)
        for i, (line, n) in enumerate(zip(found, normal, strict=True)):
            rows.append(("thu", bank, 100.0 * i, np.degrees(np.arctan2(n[0], n[1])) % 360))
            lines.append(shapely.transform(line, lambda xy, n=n: xy + shift * n))
    ring = centre(np.array([4_000.0]))[0] + 60.0 * np.array(
        [(np.cos(a), 0.5 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 9)]
    )
    for i in range(8):
        rows.append(("thu", "I", 4_000.0 + 10 * i, 45.0 * i))
        lines.append(shapely.LineString(ring[i : i + 2]))
    table = pd.DataFrame(rows, columns=["reach", "bank", "chainage_m", "landward_deg"])
    table.insert(
        0, "segment_id", [f"thu-{bank}-{at:07.0f}" for bank, at in zip(table.bank, table.chainage_m, strict=True)]
    )
    return gpd.GeoDataFrame(table, geometry=lines, crs=CRS)


def layer(date, before, target, simulated):
    """The published layer of a date and target; ``before`` is the one of the date before."""
    horizon, threshold = TARGETS[target]
    year = DATES.index(date)
    table = segments(5.0 * year)
    n = len(table)
    wave = 0.5 + 0.5 * np.sin(table["chainage_m"] / 900.0 + 0.7 * year + (table["bank"] == "R") * np.pi)
    p = np.round(0.002 + 0.95 * wave.to_numpy() ** 3, 4)
    level = np.select([p >= 0.75, p >= 0.5, p >= 0.25], [4, 3, 2], 1)
    level[::31] = 0
    unknown = level == 0
    neck = table["chainage_m"].between(1_000.0, 1_350.0)
    p50 = np.where(unknown, np.nan, threshold * p)
    reasons = [
        {"feature": "rate_est_3y_up500", "value": 12.5, "effect": 0.8},
        {"feature": "curvature_1w", "value": 0.62, "effect": 0.5},
        {"feature": "gain_1y", "value": 0.0, "effect": -0.2},
        {"feature": "rate_est_1y", "value": None, "effect": 0.1},
    ]
    values = {
        "length_m": table.length,
        "curvature_per_m": 0.0004,
        "width_m": WIDTH_M,
        "neck_width_m": np.where(neck, 85.0, np.nan),
        "p_cutoff": np.where(neck, np.where(table["bank"] == "L", 0.04, 0.31), np.nan),
        "p_cutoff_low": np.where(neck, 0.02, np.nan),
        "p_cutoff_high": np.where(neck, 0.62, np.nan),
        "baseline": f"{2022 + year}-05-20",
        "level": level,
        "model_level": level,
        "joint_level": np.where((level == 1) & (np.arange(n) % 5 == 0), 2, level),  # the other target is at 2
        "asked_level": np.where(level == 4, 2, level),
        "held_by": np.where(level == 4, "memory", ""),
        "previous_level": -1 if before is None else before["level"].to_numpy(),
        "p_event": np.where(unknown, np.nan, p),
        "horizon_days": horizon,
        "threshold_m": threshold,
        "chance_10m": np.where(unknown, np.nan, p**0.5),
        "chance_20m": np.where(unknown, np.nan, p**0.75),
        "chance_30m": np.where(unknown, np.nan, p),
        "chance_60m": np.where(unknown, np.nan, p**2),
        "retreat_mean_m": 1.1 * p50,
        "loss_mean_ha": 1.1 * p50 * table.length / 1e4,
        "retreat_p10_m": 0.3 * p50,
        "retreat_p30_m": 0.6 * p50,
        "retreat_p50_m": p50,
        "retreat_p70_m": 1.3 * p50,
        "retreat_p90_m": 1.8 * p50,
        "retreat_last_m": np.round(40.0 * wave, 2),
        "retreat_established_last_m": np.round(30.0 * wave, 2),
        "rate_3y_m_per_y": 12.25,
        "data_age_days": 41,
        "quality": np.where(unknown, "low_coverage, <b>odd</b>", None),
        "why": np.where(unknown, "unknown", "same"),
        "unknown_reason": np.where(unknown, "not_seen", ""),
        "trigger": np.nan,
        "trigger_points": np.nan,
        "trigger_terms": None,
        "stretch_id": None,
        "event_id": None,
        "first_issued_at": pd.NaT,
        "reasons": np.where(level >= 2, json.dumps(reasons), "[]"),
        "model_id": "thu-20220630",
        "as_of": pd.Timestamp(date),
        "simulated": simulated,
    }
    table = table.assign(**values)
    assert set(table.columns) == {*LAYER_COLUMNS, "geometry"}, n
    return table[[*LAYER_COLUMNS, "geometry"]]


def history(table, year):
    """Four measurements and more of every segment; the newest is the layer's."""
    epochs = pd.to_datetime([f"{y}-05-20" for y in range(2018, 2023 + year)])
    k = len(epochs)
    newest = np.tile(np.arange(k) == k - 1, len(table))
    last = np.repeat(table["retreat_last_m"].to_numpy(), k)
    return pd.DataFrame(
        {
            "segment_id": np.repeat(table["segment_id"].to_numpy(), k),
            "epoch": np.tile(epochs, len(table)),
            "retreat_m": np.where(newest, last, 2.0),
            "retreat_established_m": np.where(newest, 0.75 * last, 1.0),
            "position_m": np.tile(np.arange(k) * 5.0, len(table)),
            "sigma_m": 4.0,
            "coverage": 1.0,
            "flags": 0,
        }
    )


def publish(out, name, *, simulated=False, dates=DATES):
    """Publish a region under ``out`` and return its folder."""
    home = out / name
    region = SimpleNamespace(
        name=name, title={"vi": f"Sông Thử ({name})", "en": f"Test River ({name})"}, export_crs="EPSG:9208",
        simulated=simulated,
    )  # fmt: skip
    engine = ledger.open_ledger(out / "ledger.sqlite")
    before, runs = dict.fromkeys(TARGETS), []
    for year, date in enumerate(dates):
        layers = {target: layer(date, before[target], target, simulated) for target in TARGETS}
        directory = home / f"{date}-abc{year}"
        directory.mkdir(parents=True)
        messages = [EVIL] if date == DATES[1] else []
        outcome = "degraded" if messages else "published"
        run_id, now = f"{name}-{directory.name}", datetime(2024, 7, 1, 1, year, tzinfo=UTC)
        entry = {
            "as_of": date, "run_id": run_id, "directory": directory.name, "outcome": outcome,
            "exit_code": 2 if messages else 0, "model_id": "thu-20220630", "newest_epoch": f"{2022 + year}-05-20",
            "finished_at": now.isoformat(), "messages": messages,
        }  # fmt: skip
        alerts = {
            t: pd.DataFrame(table.drop(columns="geometry")).assign(
                candidate_level=table["level"], candidate_observations=1, candidate_since=date, observed=date,
                trigger_since="", bank_line=0,
            )
            for t, table in layers.items()
        }  # fmt: skip
        plan = plan_stretches(
            ledger.standing_stretches(engine, name, date), alerts["1y"], None,
            region=name, as_of=date, from_level=2, gap_m=200.0,
        )  # fmt: skip
        recorded = ledger.record_run(
            engine,
            ledger.Run(
                run_id=run_id, region=name, as_of=date, started_at=now, finished_at=now, outcome=outcome,
                model_id="thu-20220630", product=f"{name}/{directory.name}", simulated=simulated,
            ),
            alerts,
            None,
            warning_from_level=2,
        )  # fmt: skip
        assert recorded.new
        for target, table in layers.items():
            opened = ledger.open_warnings(engine, name, target).set_index("segment_id")
            table["stretch_id"] = table["segment_id"].map(stretch_of_segment(plan)).astype(object)
            known = table["segment_id"].map(opened["event_id"])
            table["event_id"] = known.astype(object).where(known.notna(), None)
            table["first_issued_at"] = pd.to_datetime(
                table["segment_id"].map(opened["first_issued_at"])
            ).dt.tz_localize(None)
        stretches = {t: stretch_layer(table, plan, NO_PLACES) for t, table in layers.items()}
        files = write_all(directory, layers, history(layers["1y"], year), region, stretches=stretches)
        skipped: list[SkippedItem] = [{"scene": EVIL, "reason": EVIL, "usual": False}] if messages else []
        manifest: Manifest = {
            "contract_version": CONTRACT_VERSION, "region": name, "simulated": simulated, "as_of": date,
            "outcome": outcome, "messages": messages, "skipped": skipped,
            "read": {"messages": messages, "skipped": skipped}, "fetch": [],
            "model_id": "thu-20220630", "reaches": {}, "trigger": None,
            "newest_epoch": f"{2022 + year}-05-20", "data_age_days": 41,
            "inputs": {}, "inputs_hash": "0" * 64, "segments": len(layers["1y"]), "levels": {},
            "level_worth": {"1y": WORTH},
            "stages": [{"stage": "read", "seconds": 1.25}, {"stage": "<i>odd</i>", "seconds": 0.5}],
            "outputs": files, "memory": {}, "versions": {"python": "3.11"},
            "started_at": now.isoformat(), "finished_at": now.isoformat(),
        }  # fmt: skip
        write_manifest(directory, manifest)
        before, runs = layers, [*runs, entry]
    engine.dispose()
    write_json(
        home / "published.json",
        {
            "region": name, "title": region.title, "simulated": simulated, "timezone": "Asia/Ho_Chi_Minh",
            "stale_after_days": 400.0, "runs": runs,
            "targets": [{"name": t, "horizon_days": h, "threshold_m": m} for t, (h, m) in TARGETS.items()],
        },
    )  # fmt: skip
    attempt(home, "published")
    verify(home, layer(DATES[0], None, "1y", simulated))
    return home


def attempt(home, outcome, started="2024-07-01T01:00:00+00:00", message=""):
    """Write what the newest attempt says of itself."""
    content = {"as_of": "2024-07-01", "started_at": started, "outcome": outcome}
    if outcome != "running":
        content |= {"finished_at": "2024-07-01T01:05:00+00:00", "exit_code": 0, "message": message}
    write_json(home / "last_attempt.json", content)


def verify(home, table):
    """Write outcomes of the first date: retreat was seen where the chance was above 40 %."""
    observed = np.where(table["p_event"] > 0.4, 44.0, 3.0)
    observed[5] = np.nan
    event, warned = observed >= 30, (table["level"] >= 3).to_numpy()
    outcome = np.select(
        [np.isnan(observed), event & warned, event, warned], ["unknown", "hit", "miss", "false_alarm"], "quiet"
    )
    pd.DataFrame(
        {
            "as_of": DATES[0], "target": "1y", "segment_id": table["segment_id"], "level": table["level"],
            "p_event": table["p_event"], "retreat_observed_m": observed, "event": event, "outcome": outcome,
        }
    ).to_parquet(home / "verification.parquet")  # fmt: skip
    count = {name: int((outcome == name).sum()) for name in ("hit", "miss", "false_alarm")}
    row = {
        "as_of": DATES[0], "target": "1y", "window_end": "2023-05-20", "n": len(table), "events": int(event.sum()),
        "warned": int(warned.sum()), "hits": count["hit"], "misses": count["miss"], "pod": 0.75, "far": 0.125,
        "false_alarms": count["false_alarm"], "csi": 0.667, "top10_share": 0.5,
    }  # fmt: skip
    levels = {"3": {"runs": 7, "precision": 0.48, "pod": 0.61, "far": 0.37}}
    write_json(
        home / "verification.json",
        {"warned_from_level": 3, "match_m": 100.0, "rows": [row], "by_level": {"1y": levels}},
    )


def write_json(path, content):
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def components_found_once():
    """Keep the components that Streamlit finds: each run of a page would read the metadata of all installed packages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Products of a real-looking region and of an exercise, to be read only."""

    def make(out):
        publish(out, "song-thu")
        publish(out, "tap-duot", simulated=True, dates=DATES[:1])

    return made_once(tmp_path_factory, "published", make)


@pytest.fixture(scope="session")
def two_dates(tmp_path_factory):
    """Products of two dates of one region; only to be copied."""
    return made_once(tmp_path_factory, "two_dates", lambda out: publish(out, "song-thu", dates=DATES[:2]))


@pytest.fixture
def own(two_dates, tmp_path):
    """Products of one region that a test may spoil."""
    shutil.copytree(two_dates, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="session")
def say_attempt():
    """The function that writes ``last_attempt.json``."""
    return attempt


@pytest.fixture(scope="session")
def evil():
    """Text that must never be more than text."""
    return EVIL
