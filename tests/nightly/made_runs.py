"""What the tests of nightly runs share: the dates they run and how they read and judge what is published."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger.schema import METADATA
from erosion.nightly.published import published

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
