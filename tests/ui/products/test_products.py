"""Published files as the pages read them: order, broken files, new versions, the ledger."""

import dataclasses
import json
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from erosion.ui.products.ledger import count_open_warnings, ledger_problem, read_changes, read_recent_runs
from erosion.ui.products.reading import ProductError
from erosion.ui.products.regions import manifest_of, read_last_attempt, read_region, run_version
from erosion.ui.products.segments import YOUNGER_COLUMNS, read_bands, read_history, read_segments
from erosion.ui.products.verification import read_outcomes


@pytest.fixture(scope="module")
def region(published):
    return read_region(published / "song-thu")


@pytest.fixture(scope="module")
def newest(region):
    run = region.runs[-1]
    return run, run_version(run, "1y")


def test_the_ranking_is_worst_first_and_unknown_last(newest):
    table = read_segments(newest[0], "1y")
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["level"].is_monotonic_decreasing
    known = table[table["level"] == 4]["p_event"]
    assert known.is_monotonic_decreasing
    assert table["level"].iloc[-1] == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [("runs", [{"as_of": "2024-06-30"}]), ("title", "x"), ("targets", [{"name": "1y"}]), ("stale_after_days", "x")],
)
def test_a_broken_list_of_runs_is_named(own, key, value):
    path = own / "song-thu" / "published.json"
    content = json.loads(path.read_text("utf-8")) | {key: value}
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ProductError, match=r"published\.json"):
        read_region(path.parent)


@pytest.mark.parametrize("directory", ["../../elsewhere", "/etc", "a/b", ".."])
def test_a_run_cannot_lead_out_of_its_region(own, directory):
    path = own / "song-thu" / "published.json"
    content = json.loads(path.read_text("utf-8"))
    content["runs"][0]["directory"] = directory
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ProductError, match="leaves"):
        read_region(path.parent)


def test_broken_tables_are_named(own):
    run = read_region(own / "song-thu").runs[-1]
    for name, read in (
        ("segments_1y.parquet", lambda: read_segments(run, "1y")),
        ("history.parquet", lambda: read_history(run, "thu-L-0000000")),
        ("segments.gpkg", lambda: read_bands(run, "1y")),
    ):
        (run.directory / name).write_bytes(b"not what it was")
        with pytest.raises(ProductError, match=name):
            read()
    assert manifest_of(run)["model_id"] == "thu-20220630"
    (run.directory / "manifest.json").write_text("{}", "utf-8")
    assert manifest_of(run) is None
    assert read_last_attempt(own) == {}


def test_a_new_version_of_a_file_is_read_again(own):
    path = own / "song-thu" / "verification.parquet"
    before = read_outcomes(path.parent, "2022-06-30", "1y")
    pd.read_parquet(path).assign(outcome="quiet").to_parquet(path)
    after = read_outcomes(path.parent, "2022-06-30", "1y")
    assert set(before["outcome"]) != {"quiet"} == set(after["outcome"])


def test_the_ledger_is_asked_and_never_made(own, tmp_path_factory):
    run = read_region(own / "song-thu").runs[-1]
    changed = read_changes(own, run.run_id, "1y")
    assert set(changed["kind"]) <= {"issued", "raised", "lowered", "closed", "unknown", "moved"}
    assert len(changed)
    table = read_segments(run, "1y")
    assert count_open_warnings(own, "song-thu") >= int((table["level"] >= 2).sum())
    empty = tmp_path_factory.mktemp("empty")
    assert read_changes(empty, run.run_id, "1y") is None
    assert count_open_warnings(empty, "song-thu") is None
    assert ledger_problem(empty, "song-thu") is None
    assert not list(empty.iterdir())
    assert ledger_problem(own, "song-thu") is None
    (own / "ledger.sqlite").write_bytes(b"not a database" * 99)
    assert read_recent_runs(own, "song-thu") is None
    assert "file is not a database" in ledger_problem(own, "song-thu")


def test_a_layer_of_an_older_program_is_read(newest, tmp_path):
    run, _ = newest
    old = dataclasses.replace(run, directory=Path(shutil.copytree(run.directory, tmp_path / "old")))
    path = old.directory / "segments_1y.parquet"
    gpd.read_parquet(path).drop(columns=list(YOUNGER_COLUMNS)).to_parquet(path)
    table, whole = read_segments(old, "1y"), read_segments(run, "1y")
    assert (table["model_level"] == table["level"]).all()
    unknown = [name for name in YOUNGER_COLUMNS if name != "model_level"]
    assert table[unknown].isna().all(axis=None), "a level of all targets, or a chance, is not made up"
    assert table["p_event"].equals(whole["p_event"])
