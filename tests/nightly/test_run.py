"""What a nightly run publishes: the manifest, the layers, the history, and warnings that live on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from erosion.alerts import ledger
from erosion.config.region import load_region
from erosion.core.contracts import CONTRACT_VERSION, HISTORY_COLUMNS, LAYER_COLUMNS
from erosion.nightly.published import NOT_PUBLISHED, PUBLISHED, published
from erosion.nightly.run import run
from tests.nightly.made_runs import (
    FIRST,
    SECOND,
    TARGETS,
    THIRD,
    assert_agreed,
    assert_whole,
    attempt_of,
    home_of,
    ledger_of,
    read_json,
)

# --- what is published ----------------------------------------------------------------------------------------------


def test_manifest_records_what_was_done(three_runs: Path, region_file: Path) -> None:
    home = home_of(three_runs)
    entry = published(home)["runs"][1]
    manifest = read_json(home / entry["directory"] / "manifest.json")

    assert [stage["stage"] for stage in manifest["stages"]] == [
        "fetch", "read", "baseline", "banks", "features", "forecast", "alerts", "export",
    ]  # fmt: skip
    assert all(stage["seconds"] >= 0 for stage in manifest["stages"])
    assert (manifest["region"], manifest["as_of"]) == ("mamore_crop", "2010-07-18")
    assert (manifest["outcome"], manifest["messages"], manifest["skipped"]) == ("published", [], [])
    assert (manifest["model_id"], manifest["contract_version"]) == ("mamore-20090816", CONTRACT_VERSION)
    assert (manifest["simulated"], manifest["model_simulated"], entry["model_simulated"]) == (False, "none", "none")
    assert (manifest["newest_epoch"], manifest["data_age_days"]) == ("2010-07-02", 16)
    (reach,) = manifest["reaches"].items()
    assert (reach[0], reach[1]["newest_epoch"], reach[1]["missing"]) == ("mamore_crop", "2010-07-02", None)
    # The region's trigger raises nothing, but what it found is recorded.
    trigger = manifest["trigger"]["mamore_crop"]
    assert trigger["level"] >= 0 and {gauge["term"] for gauge in trigger["gauges"]} == {"drawdown", "low_water"}
    inputs = manifest["inputs"]
    epochs = inputs["epochs"]["mamore_crop"]
    assert epochs[0] == "1986-07-16" and epochs[-1] == "2010-07-02" and len(epochs) == 24
    assert inputs["scenes"]["mamore_crop"][-1] == "mamore_2010-07-02.tif"
    assert inputs["previous_run"] == published(home)["runs"][0]["run_id"]
    assert inputs["gauge_days"] > 10_000
    assert {"catalogue", "water", "gauges", "model", "model_id", "program", "skipped"} <= set(inputs)
    assert hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest() == manifest["inputs_hash"]
    assert {"python", "erosion", "numpy", "lightgbm", "rasterio"} <= set(manifest["versions"])
    assert manifest["started_at"] < manifest["finished_at"]
    for target in TARGETS:
        layer = gpd.read_parquet(home / entry["directory"] / f"segments_{target}.parquet")
        assert manifest["segments"] == len(layer)
        lengths = (layer.groupby("level")["length_m"].sum() / 1000).reindex(range(5), fill_value=0.0)
        assert manifest["levels"][target] == {str(level): pytest.approx(km, abs=6e-4) for level, km in lengths.items()}


def test_layers_keep_their_contract(three_runs: Path) -> None:
    for entry in published(home_of(three_runs))["runs"]:
        for target, (horizon, threshold) in zip(TARGETS, ((365, 30.0), (1095, 60.0)), strict=True):
            layer = gpd.read_parquet(home_of(three_runs) / entry["directory"] / f"segments_{target}.parquet")
            assert list(layer.columns) == [*LAYER_COLUMNS, "geometry"]
            assert layer["segment_id"].is_unique and len(layer) > 500
            assert (layer["horizon_days"] == horizon).all() and (layer["threshold_m"] == threshold).all()
            assert (layer.loc[layer["p_event"].isna(), "level"] == 0).all()
            assert layer["p_event"].dropna().between(0, 1).all()
            quantiles = layer[[f"retreat_p{level}_m" for level in (10, 30, 50, 70, 90)]].dropna().to_numpy()
            assert (quantiles[:, 0] >= 0).all() and (np.diff(quantiles, axis=1) >= 0).all()
            for level in (10, 30, 50, 70, 90):  # the same distribution, so never a contradiction
                passed = layer[f"retreat_p{level}_m"] >= threshold
                assert (passed == (layer["p_event"] >= 1 - level / 100)).all()
            assert layer["level"].isin(range(5)).all() and (layer["level"] >= 2).sum() > 20
            assert (layer["event_id"].notna() == (layer["level"] >= 2)).all()
            reasons = layer["reasons"].map(lambda text: [] if text is None else json.loads(text))
            assert (reasons.map(len) == np.where(layer["level"] >= 2, 4, 0)).all()
            assert set(layer["model_id"]) == {entry["model_id"]} and not layer["simulated"].any()


def test_three_years_are_never_less_likely_than_one(three_runs: Path) -> None:
    for entry in published(home_of(three_runs))["runs"]:
        one, three = (
            gpd.read_parquet(home_of(three_runs) / entry["directory"] / f"segments_{target}.parquet").dropna(
                subset="p_event"
            )
            for target in TARGETS
        )
        assert (one["segment_id"] == three["segment_id"]).all() and len(one) > 500
        for name in (
            "chance_10m",
            "chance_20m",
            "chance_30m",
            "chance_60m",
            "retreat_mean_m",
            "retreat_p50_m",
            "retreat_p90_m",
        ):
            assert (three[name] >= one[name] - 1e-9).all(), name


def test_the_chance_of_a_cutoff_is_published_on_necks_alone(three_runs: Path) -> None:
    for entry in published(home_of(three_runs))["runs"]:
        directory = home_of(three_runs) / entry["directory"]
        year, three = (gpd.read_parquet(directory / f"segments_{target}.parquet") for target in TARGETS)
        for layer in (year, three):
            chances = layer[["p_cutoff_low", "p_cutoff", "p_cutoff_high"]]
            assert chances[layer["neck_width_m"].isna()].isna().all(axis=None)
            values = chances.dropna().to_numpy()
            assert ((values >= 0) & (values <= 1)).all() and (np.diff(values, axis=1) >= 0).all()
        pd.testing.assert_series_equal(year["neck_width_m"], three["neck_width_m"])
        assert (three["p_cutoff"].dropna() >= year["p_cutoff"].dropna()).all()  # a longer window is never less likely


def test_history_is_what_the_banks_say_by_then(three_runs: Path) -> None:
    entry = published(home_of(three_runs))["runs"][-1]
    directory = home_of(three_runs) / entry["directory"]
    history = pd.read_parquet(directory / "history.parquet")
    layer = gpd.read_parquet(directory / "segments_1y.parquet")
    assert list(history.columns) == list(HISTORY_COLUMNS)
    assert set(history["segment_id"]) == set(layer["segment_id"])
    epochs = pd.to_datetime(history["epoch"])
    assert epochs.max() == pd.Timestamp(entry["newest_epoch"]) <= THIRD
    history["segment_id"] = history["segment_id"].astype(str)
    newest = history[epochs == epochs.max()].set_index("segment_id")["retreat_m"]
    last = layer.set_index("segment_id")["retreat_last_m"]
    pd.testing.assert_series_equal(newest.sort_index(), last.sort_index(), check_names=False, check_dtype=False)


def test_warnings_live_on_from_baseline_to_baseline(three_runs: Path) -> None:
    assert_agreed(three_runs)
    runs = published(home_of(three_runs))["runs"]
    layers = [
        gpd.read_parquet(home_of(three_runs) / entry["directory"] / "segments_1y.parquet").dropna(subset="event_id")
        for entry in runs
    ]
    assert len({layer["baseline"].iloc[0] for layer in layers}) == 3
    third = layers[2].set_index("event_id")
    lived = third.index.intersection(layers[0]["event_id"]).intersection(layers[1]["event_id"])
    assert len(lived) > 10
    assert (third.loc[lived, "first_issued_at"].astype(str) == "2009-08-16").all()
    assert (third.loc[~third.index.isin(layers[1]["event_id"]), "first_issued_at"].astype(str) == "2011-08-22").all()
    # Banks move and ids move with them: a warning is a place, not an id.
    assert (third.loc[lived, "segment_id"] != layers[0].set_index("event_id").loc[lived, "segment_id"]).any()
    engine = ledger.open_ledger(three_runs / "ledger.sqlite")
    try:
        for event_id in lived[:5]:
            steps = ledger.history(engine, event_id)
            assert steps["kind"].iloc[0] == "issued" and "closed" not in set(steps["kind"])
            assert steps["to_level"].iloc[-1] == third.loc[event_id, "level"]
        gone = set(layers[0]["event_id"]) - set(third.index)
        assert gone
        assert all(ledger.history(engine, event_id)["kind"].iloc[-1] == "closed" for event_id in sorted(gone)[:5])
    finally:
        engine.dispose()


def test_a_ledger_elsewhere(region_file: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    out = tmp_path / "out"
    assert run(load_region(region_file), FIRST, out, ledger_url=url).exit_code == PUBLISHED
    assert not (out / "ledger.sqlite").exists()
    assert run(load_region(region_file), FIRST, out, ledger_url=url).new is False
    # Products of another directory cannot be made from a ledger that has gone on without it.
    other = run(load_region(region_file), SECOND, tmp_path / "other", ledger_url=url)
    assert other.exit_code == NOT_PUBLISHED and "is gone" in other.messages[0]
    nowhere = run(load_region(region_file), SECOND, out, ledger_url="nonsense://x")
    assert nowhere.exit_code == NOT_PUBLISHED and "ledger" in nowhere.messages[0]
    assert attempt_of(out)["outcome"] == "failed"


# --- one at a time --------------------------------------------------------------------------------------------------


def test_the_second_of_two_runs_leaves(out: Path, region_file: Path, erosion: Callable) -> None:
    attempt, recorded = (home_of(out) / "last_attempt.json").read_bytes(), ledger_of(out)
    with FileLock(home_of(out) / ".lock"):
        done = erosion("run", region_file, "--date", "2010-07-18", "--out", out)
    assert done.returncode == NOT_PUBLISHED
    assert "another run of mamore_crop is at work" in done.stderr and len(done.stderr.splitlines()) == 1
    assert (home_of(out) / "last_attempt.json").read_bytes() == attempt
    assert ledger_of(out) == recorded and len(assert_whole(out)) == 1
    # The lock went with the process that held it.
    assert run(load_region(region_file), SECOND, out).exit_code == PUBLISHED
