"""A nightly run on a short real reach: whole or not at all, the same twice, alone, and open about what failed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from erosion.alerts import ledger
from erosion.alerts.ledger.schema import METADATA
from erosion.config.region import load_region
from erosion.core.contracts import CONTRACT_VERSION, HISTORY_COLUMNS, LAYER_COLUMNS
from erosion.nightly import run as nightly
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED, RunError, published
from erosion.nightly.run import run
from erosion.publish.errors import ExportError

FIRST, SECOND, THIRD = (pd.Timestamp(day) for day in ("2009-08-16", "2010-07-18", "2011-08-22"))
TARGETS = ("1y", "3y")
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs signals and resource limits of POSIX")


def home_of(out: Path) -> Path:
    return out / "mamore_crop"


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def attempt_of(out: Path) -> dict:
    return read_json(home_of(out) / "last_attempt.json")


def ledger_of(out: Path) -> dict[str, list[tuple]]:
    """Return every row of the ledger but wall-clock times."""
    engine = ledger.open_ledger(out / "ledger.sqlite")
    clock = {"started_at", "finished_at", "at"}
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted(
                    map(
                        repr,
                        connection.execute(
                            table.select().with_only_columns(*[c for c in table.c if c.name not in clock])
                        ),
                    )
                )
                for table in METADATA.sorted_tables
            }
    finally:
        engine.dispose()


def assert_whole(out: Path) -> list[str]:
    """Check that what is listed is there with the bytes its manifest says; return the ids of the runs."""
    listed = published(home_of(out))["runs"]
    for entry in listed:
        directory = home_of(out) / entry["directory"]
        manifest = read_json(directory / "manifest.json")
        files = manifest["outputs"] | manifest["memory"]
        assert {path.name for path in directory.iterdir()} == {*files, "manifest.json"}
        for name, digest in files.items():
            assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest, name
    return [entry["run_id"] for entry in listed]


def assert_agreed(out: Path) -> None:
    """Check that ledger and ``published.json`` tell the same, and that nothing half-made lies about."""
    run_ids = assert_whole(out)
    engine = ledger.open_ledger(out / "ledger.sqlite")
    try:
        runs = ledger.recent_runs(engine, "mamore_crop", limit=1000)
        standing = runs[(runs["outcome"] != "failed") & runs["superseded_by"].isna()]
        assert sorted(standing["run_id"]) == sorted(run_ids)
        newest = standing.sort_values("as_of").iloc[-1]
        open_now = ledger.open_warnings(engine, "mamore_crop")
    finally:
        engine.dispose()
    assert not list(home_of(out).glob(".tmp-*"))
    for target in TARGETS:
        layer = gpd.read_parquet(out / newest["product"] / f"segments_{target}.parquet")
        on_map = layer.dropna(subset="event_id").set_index("event_id").sort_index()
        on_record = open_now[open_now["target"] == target].set_index("event_id").sort_index()
        assert list(on_map.index) == list(on_record.index)
        assert (on_map["segment_id"] == on_record["segment_id"]).all()
        assert (on_map["level"] == on_record["level"]).all()
        assert (pd.to_datetime(on_map["first_issued_at"], utc=True) == on_record["first_issued_at"]).all()


@pytest.fixture(scope="module")
def region_file(crop_data: Path) -> Path:
    return crop_data / "mamore_crop.yaml"


@pytest.fixture(scope="module")
def three_runs(region_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of three dates; read only."""
    out = tmp_path_factory.mktemp("three")
    region = load_region(region_file)
    for as_of in (FIRST, SECOND, THIRD):
        result = run(region, as_of, out)
        assert (result.exit_code, result.new, result.messages) == (PUBLISHED, True, ())
    return out


@pytest.fixture(scope="module")
def one_run(region_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of the first date; only to be copied."""
    out = tmp_path_factory.mktemp("one")
    assert run(load_region(region_file), FIRST, out).exit_code == PUBLISHED
    return out


@pytest.fixture
def out(one_run: Path, tmp_path: Path) -> Path:
    """Products of the first date, to go on from."""
    return Path(shutil.copytree(one_run, tmp_path / "out"))


# --- what is published ----------------------------------------------------------------------------------------------


def test_manifest_says_what_was_done(three_runs: Path, region_file: Path) -> None:
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
    assert (manifest["newest_epoch"], manifest["data_age_days"]) == ("2010-07-02", 16)
    (reach,) = manifest["reaches"].items()
    assert (reach[0], reach[1]["newest_epoch"], reach[1]["missing"]) == ("mamore_crop", "2010-07-02", None)
    # The region's trigger raises nothing, but what it says is told.
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
            quantiles = layer[["retreat_p10_m", "retreat_p50_m", "retreat_p90_m"]].dropna().to_numpy()
            assert (quantiles[:, 0] >= 0).all() and (np.diff(quantiles, axis=1) >= 0).all()
            assert layer["level"].isin(range(5)).all() and (layer["level"] >= 2).sum() > 20
            assert (layer["event_id"].notna() == (layer["level"] >= 2)).all()
            reasons = layer["reasons"].map(lambda text: [] if text is None else json.loads(text))
            assert (reasons.map(len) == np.where(layer["level"] >= 2, 4, 0)).all()
            assert set(layer["model_id"]) == {entry["model_id"]} and not layer["simulated"].any()


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


# --- the same twice -------------------------------------------------------------------------------------------------


def test_a_second_run_changes_nothing(out: Path, region_file: Path) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        files = (path for path in home_of(out).rglob("*") if path.is_file() and path.name != "last_attempt.json")
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before, recorded = state(), ledger_of(out)
    result = run(load_region(region_file), FIRST, out)
    assert (result.exit_code, result.new) == (PUBLISHED, False)
    assert state() == before
    assert ledger_of(out) == recorded


def test_another_place_gets_the_same_bytes(one_run: Path, crop: Path, tmp_path: Path) -> None:
    # The region, its data and the products all lie elsewhere.
    result = run(load_region(crop), FIRST, tmp_path / "elsewhere")
    assert result.directory is not None
    (entry,) = published(home_of(one_run))["runs"]
    assert result.directory.name == entry["directory"]
    ours, theirs = (
        read_json(path / "manifest.json") for path in (result.directory, home_of(one_run) / entry["directory"])
    )
    assert len(ours["outputs"]) == 12
    assert (ours["outputs"], ours["memory"]) == (theirs["outputs"], theirs["memory"])


def test_an_older_date_with_later_ones_on_record(three_runs: Path, crop: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(three_runs, tmp_path / "out"))
    recorded = ledger_of(out)
    same = run(load_region(crop), SECOND, out)
    assert (same.exit_code, same.new) == (PUBLISHED, False)

    (crop.parent / "masks" / "mamore_2010-07-02.tif").unlink()
    changed = run(load_region(crop), SECOND, out)
    assert (changed.exit_code, changed.directory) == (NOT_PUBLISHED, None)
    assert "on record up to 2011-08-22" in changed.messages[0] and "--out" in changed.messages[0]
    assert_agreed(out)
    after = ledger_of(out)
    assert {name: after[name] for name in ("warnings", "transitions", "states")} == {
        name: recorded[name] for name in ("warnings", "transitions", "states")
    }


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("the model", lambda crop, edit: {"release": "mamore-20060808"}),
        ("a setting of the region", lambda crop, edit: edit(crop, policy={"max_level4_share": 0.01})),
        ("a setting of a source", lambda crop, edit: edit(crop.parent / "mamore_masks.yaml", geo_rmse_m=15.0)),
        ("a new file that cannot be read", lambda crop, edit: (crop.parent / "masks" / "m_2009-01-01.tif").touch()),
        ("a gauge", lambda crop, edit: edit(crop, gauges=["guajara_mirim"])),
    ],
)
def test_a_changed_input_is_a_new_run(out: Path, crop: Path, edit: Callable, what: str, change: Callable) -> None:
    settings = change(crop, edit)
    result = run(load_region(crop), FIRST, out, **(settings if isinstance(settings, dict) else {}))
    assert result.exit_code in (PUBLISHED, DEGRADED), result.messages
    assert result.new, what
    assert_agreed(out)
    assert len(published(home_of(out))["runs"]) == 1


def test_inputs_that_come_back_stand_again(out: Path, region_file: Path) -> None:
    """Hindsight by mistake, then the right model again: the map and the ledger show the right one."""
    region = load_region(region_file)
    (first,) = published(home_of(out))["runs"]
    hindsight = run(region, FIRST, out, release="mamore-20180708")
    assert hindsight.exit_code == DEGRADED
    assert published(home_of(out))["runs"][0]["model_id"] == "mamore-20180708"

    back = run(region, FIRST, out)
    assert (back.exit_code, back.new) == (PUBLISHED, True)
    (entry,) = published(home_of(out))["runs"]
    assert entry["model_id"] == "mamore-20090816" and entry["run_id"] != first["run_id"]
    assert_agreed(out)
    again = run(region, FIRST, out)
    assert (again.new, again.directory) == (False, back.directory)


@pytest.mark.parametrize("spoilt", ["segments_1y.csv", "decisions.parquet", "manifest.json"])
def test_a_spoilt_product_is_made_again(out: Path, region_file: Path, spoilt: str) -> None:
    recorded = ledger_of(out)
    (entry,) = published(home_of(out))["runs"]
    directory = home_of(out) / entry["directory"]
    spoilt = "segments_1y_vi.csv" if spoilt.endswith(".csv") else spoilt
    (directory / spoilt).write_bytes(b"half")
    result = run(load_region(region_file), FIRST, out)
    assert (result.exit_code, result.directory) == (PUBLISHED, directory)
    assert_agreed(out)
    assert ledger_of(out) == recorded


@pytest.mark.parametrize(
    "damage", [None, '{"runs": [', "{}", "[]", '{"version": 99}', '{"runs": 3}', '{"runs": [{"run_id": 1}]}', ""]
)
def test_a_lost_or_damaged_list_is_written_anew(out: Path, region_file: Path, damage: str | None) -> None:
    path = home_of(out) / "published.json"
    listed = path.read_bytes()
    said: list[str] = []
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
        with pytest.raises(RunError, match=r"published\.json.*the next run of the region writes it anew"):
            published(home_of(out))
    result = run(load_region(region_file), FIRST, out, say=said.append)
    assert (result.exit_code, result.new) == (PUBLISHED, False)
    assert path.read_bytes() == listed
    assert any(str(path) in line and "this run has done so" in line for line in said) == (damage is not None)


def damaged(path: Path, kind: str) -> None:
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "truncated": content[:half],
            "empty": b"",
            "one bit": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
        }[kind]
    )


@pytest.mark.parametrize("kind", ["truncated", "empty", "one bit"])
def test_damaged_segments_of_the_run_before_stop_the_next_one_and_running_it_again_mends_it(
    out: Path, region_file: Path, kind: str
) -> None:
    region = load_region(region_file)
    directory = home_of(out) / published(home_of(out))["runs"][0]["directory"]
    damaged(directory / "segments_1y.parquet", kind)
    result = run(region, SECOND, out)
    assert result.exit_code == NOT_PUBLISHED
    fault = "is empty" if kind == "empty" else "is not what was published"
    assert f"segments_1y.parquet {fault}" in result.messages[0]
    assert "run 2009-08-16 again, which makes them anew" in result.messages[0].lower()
    assert run(region, FIRST, out).exit_code == PUBLISHED
    assert run(region, SECOND, out).exit_code == PUBLISHED
    assert_agreed(out)


def test_other_damage_to_the_run_before_is_reported_and_the_next_one_goes_on(out: Path, region_file: Path) -> None:
    directory = home_of(out) / published(home_of(out))["runs"][0]["directory"]
    damaged(directory / "segments.gpkg", "one bit")
    (directory / "segments_1y.geojson").unlink()
    said: list[str] = []
    assert run(load_region(region_file), SECOND, out, say=said.append).exit_code == PUBLISHED
    (line,) = [line for line in said if "damaged" in line]
    assert "segments.gpkg is not what was published" in line and "segments_1y.geojson is missing" in line
    assert "Run 2009-08-16 again, which makes them anew" in line


def test_a_manifest_with_another_number_in_it_is_made_again(out: Path, region_file: Path) -> None:
    directory = home_of(out) / published(home_of(out))["runs"][0]["directory"]
    path = directory / "manifest.json"
    segments = read_json(path)["segments"]
    path.write_text(
        path.read_text("utf-8").replace(f'"segments": {segments},', f'"segments": {segments + 1},'), "utf-8"
    )
    assert read_json(path)["segments"] == segments + 1
    assert run(load_region(region_file), FIRST, out).exit_code == PUBLISHED
    assert read_json(path)["segments"] == segments
    assert_agreed(out)


# --- degraded and failed --------------------------------------------------------------------------------------------


def test_a_release_from_the_future_is_hindsight(out: Path, region_file: Path) -> None:
    result = run(load_region(region_file), SECOND, out, release="mamore-20180708")
    assert result.exit_code == DEGRADED
    assert "hindsight" in result.messages[0] and "mamore-20180708" in result.messages[0]
    assert attempt_of(out)["outcome"] == "degraded"
    assert published(home_of(out))["runs"][-1]["messages"] == list(result.messages)


def test_stale_data_give_unknown_everywhere(out: Path, region_file: Path) -> None:
    as_of = pd.Timestamp("2009-08-16") + pd.Timedelta(days=5000)
    region = load_region(region_file)
    for path in sorted((region_file.parent / "masks").glob("*")):
        assert path.name < "mamore_2019"
    result = run(region, as_of, out)
    assert result.exit_code == DEGRADED and "unknown" in result.messages[0] and "days old" in result.messages[0]
    assert result.directory is not None
    for target in TARGETS:
        layer = gpd.read_parquet(result.directory / f"segments_{target}.parquet")
        assert (layer["level"] == 0).all()
    # Warnings that stood go on, as unknown: silence is not good news.
    engine = ledger.open_ledger(out / "ledger.sqlite")
    try:
        open_now = ledger.open_warnings(engine, "mamore_crop")
    finally:
        engine.dispose()
    assert len(open_now) and (open_now["level"] == 0).all()


def test_a_failed_run_is_on_record_and_leaves_the_rest(out: Path, region_file: Path) -> None:
    before = (home_of(out) / "published.json").read_bytes()
    result = run(load_region(region_file), SECOND, out, release="mamore-19000101")
    assert (result.exit_code, result.directory) == (NOT_PUBLISHED, None)
    assert "mamore-19000101" in result.messages[0]
    attempt = attempt_of(out)
    assert (attempt["outcome"], attempt["exit_code"], attempt["as_of"]) == ("failed", 1, "2010-07-18")
    assert attempt["message"] == result.messages[0] and attempt["finished_at"] >= attempt["started_at"]
    assert (home_of(out) / "published.json").read_bytes() == before
    engine = ledger.open_ledger(out / "ledger.sqlite")
    try:
        newest = ledger.recent_runs(engine, "mamore_crop").iloc[0]
    finally:
        engine.dispose()
    assert (newest["outcome"], newest["exit_code"]) == ("failed", 1)
    assert newest["manifest"]["messages"] == list(result.messages)
    assert_agreed(out)


def test_a_mistake_in_the_program_is_on_record_too(
    out: Path, region_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("column")

    monkeypatch.setattr(nightly, "make_features", broken)
    with pytest.raises(KeyError):
        run(load_region(region_file), SECOND, out)
    assert "KeyError: 'column'" in attempt_of(out)["message"]
    assert_agreed(out)
    assert any("KeyError" in row for row in ledger_of(out)["runs"])


def test_targets_that_mean_something_else_are_refused(out: Path, crop: Path, edit: Callable) -> None:
    edit(crop, targets=[{"name": "1y", "horizon_days": 365, "threshold_m": 50}])
    result = run(load_region(crop), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED
    assert "30 m in 365 days" in result.messages[0] and "50 m in 365 days" in result.messages[0]
    edit(crop, targets=[{"name": "5y", "horizon_days": 1825, "threshold_m": 50}])
    result = run(load_region(crop), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED and "no target 5y" in result.messages[0]


def test_the_product_of_the_run_before_is_needed(out: Path, region_file: Path) -> None:
    (entry,) = published(home_of(out))["runs"]
    shutil.rmtree(home_of(out) / entry["directory"])
    result = run(load_region(region_file), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED and "run 2009-08-16 again" in result.messages[0]
    assert run(load_region(region_file), FIRST, out).exit_code == PUBLISHED
    assert run(load_region(region_file), SECOND, out).exit_code == PUBLISHED
    assert_agreed(out)


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


def test_an_unwritable_place(region_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RunError, match=r"cannot write to .*file.*--out"):
        run(load_region(region_file), FIRST, tmp_path / "file")


@posix_only
def test_a_full_disk_leaves_what_was_published(out: Path, crop: Path) -> None:
    """No file may grow beyond 200 kB in this process, as on a disk that is full."""
    before = (home_of(out) / "published.json").read_bytes()
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "from erosion.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "run", str(crop), "--date", "2010-07-18", "--out", str(out)]
    done = subprocess.run(
        [*command, "--ledger", f"sqlite:///{out / 'ledger.sqlite'}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == NOT_PUBLISHED, done.stderr
    assert "Traceback" not in done.stderr and "was not published" in done.stderr
    assert attempt_of(out)["outcome"] == "failed"
    assert (home_of(out) / "published.json").read_bytes() == before
    assert not list(home_of(out).glob(".tmp-*"))
    assert run(load_region(crop), SECOND, out).exit_code == PUBLISHED
    assert_agreed(out)


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


# --- killed ---------------------------------------------------------------------------------------------------------

KILLER = '''
"""Run the second date again and again, each time in a child that kills itself at another point."""
import json, os, shutil, signal, sys, time
from pathlib import Path
import pandas as pd
import lightgbm, geopandas, pyogrio, sqlalchemy, alembic.command
from erosion.alerts import ledger
from erosion.alerts.ledger import recording
from erosion.nightly import run as nightly
from erosion.config.region import load_region

region, start, scratch = load_region(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
as_of = pd.Timestamp("2010-07-18")

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def around(owner, name, when, at=lambda *a: True):
    real = getattr(owner, name)
    def wrapped(*a, **k):
        if when == "before" and at(*a):
            die()
        value = real(*a, **k)
        if when == "after" and at(*a):
            die()
        return value
    setattr(owner, name, wrapped)

def to(name):
    return lambda path, *rest: Path(rest[0]).name == name

points = {}
for function in ("baseline_on", "segment_layer"):
    points[f"after {function}"] = lambda f=function: around(nightly, f, "after")
for when in ("before", "after"):
    points[f"{when} the rename"] = lambda w=when: around(Path, "rename", w)
    points[f"{when} record_run"] = lambda w=when: around(ledger, "record_run", w)
    for name in ("manifest.json", "published.json"):
        points[f"{when} {name}"] = lambda w=when, n=name: around(Path, "replace", w, to(n))
points["half of record_run"] = lambda: around(recording, "_remember", "before")
points["before the last word"] = lambda: around(nightly, "finish_attempt", "before")
for tenth in (2, 5, 7, 9):
    points[f"at {tenth} tenths"] = None

took = 1.0
results = {}
for number, (point, arm) in enumerate([("none", lambda: None), *points.items()]):
    out = scratch / str(number)
    shutil.copytree(start, out)
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        if arm:
            arm()
        nightly.run(region, as_of, out)
        os._exit(0)
    if arm is None:
        time.sleep(took * int(point.split()[1]) / 10)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if point == "none":
        took = time.perf_counter() - begun
    results[point] = [str(out), os.WTERMSIG(status)]
print(json.dumps(results))
'''


@posix_only
def test_a_run_killed_anywhere_leaves_the_last_product_and_is_made_up_for(
    one_run: Path, region_file: Path, tmp_path: Path
) -> None:
    script = tmp_path / "killer.py"
    script.write_text(textwrap.dedent(KILLER), encoding="utf-8")
    scratch = tmp_path / "scratch"
    command = [sys.executable, str(script), str(region_file), str(one_run), str(scratch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    killed = json.loads(done.stdout)
    calm, _ = killed.pop("none")
    wanted = ledger_of(Path(calm))
    (before,) = (entry["run_id"] for entry in published(home_of(one_run))["runs"])
    region = load_region(region_file)
    for point, (path, signal_number) in killed.items():
        out = Path(path)
        if not point.startswith("at "):
            assert signal_number == 9, f"never came to: {point}"
        run_ids = assert_whole(out)
        assert run_ids[0] == before and len(run_ids) <= 2, point
        result = run(region, SECOND, out)
        assert result.exit_code == PUBLISHED, (point, result.messages)
        assert_agreed(out)
        assert ledger_of(out) == wanted, point
        assert attempt_of(out)["outcome"] == "published"
        shutil.rmtree(out)


@posix_only
def test_the_next_date_lists_a_run_that_was_killed_before_it_could(
    out: Path, region_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    region = load_region(region_file)
    with monkeypatch.context() as patch:
        patch.setattr(nightly, "list_published", killed)
        with pytest.raises(KeyboardInterrupt):
            run(region, SECOND, out)
    assert len(published(home_of(out))["runs"]) == 1
    assert run(region, THIRD, out).exit_code == PUBLISHED
    assert [entry["as_of"] for entry in published(home_of(out))["runs"]] == [
        "2009-08-16", "2010-07-18", "2011-08-22",
    ]  # fmt: skip
    assert_agreed(out)


def test_an_export_that_fails_leaves_nothing(out: Path, region_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(directory: Path, *_: object) -> None:
        (directory / "segments.gpkg").write_bytes(b"half")
        raise ExportError("no space left on device")

    monkeypatch.setattr(nightly, "write_all", full)
    result = run(load_region(region_file), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED and "no space left" in result.messages[0]
    assert not list(home_of(out).glob(".tmp-*"))
    assert_agreed(out)
