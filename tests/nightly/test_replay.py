"""A replay runs old dates as if each were tonight and holds what it messages against what followed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.config.region import load_region
from erosion.gauges.combine import empty_gauges
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED, published
from erosion.nightly.replay import replay
from erosion.nightly.run import run
from erosion.nightly.verification import verify
from erosion.water import read as sources
from tests.log_records import logged

FIRST, LAST = pd.Timestamp("2009-01-01"), pd.Timestamp("2011-12-31")
DATES = ["2009-08-16", "2010-07-18", "2011-08-22"]


@pytest.fixture(scope="module")
def replayed(crop_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of three dates and what followed by 2013; read only."""
    out = tmp_path_factory.mktemp("replayed")
    region = load_region(crop_data / "mamore_crop.yaml")
    with logged() as messages:
        result = replay(region, FIRST, LAST, out)
    assert result.exit_code == PUBLISHED and result.skipped == []
    assert messages == [
        *(f"[{number}/3] {date} published" for number, date in enumerate(DATES, 1)),
        "held 2 sets of warnings against what followed",
    ]
    return out / "mamore_crop"


def test_dates_are_when_masks_could_be_had(replayed: Path) -> None:
    # A scene of 31 July that took 16 days is for 16 August.
    assert [entry["as_of"] for entry in published(replayed)["runs"]] == DATES


def test_scores_follow_from_the_rows(replayed: Path) -> None:
    summary = json.loads((replayed / "verification.json").read_text(encoding="utf-8"))
    table = pd.read_parquet(replayed / "verification.parquet")
    # By the end of 2011 one year is over for 2009 and 2010, three years for none.
    assert [(row["as_of"], row["target"]) for row in summary["rows"]] == [("2009-08-16", "1y"), ("2010-07-18", "1y")]
    first = summary["rows"][0]
    assert (first["window_start"], first["window_end"], first["known_at"]) == ("2009-07-31", "2010-07-02", "2010-07-18")
    for row in summary["rows"]:
        mine = table[(table["as_of"] == row["as_of"]) & (table["target"] == row["target"])]
        entry = next(run for run in published(replayed)["runs"] if run["as_of"] == row["as_of"])
        layer = pd.read_parquet(replayed / entry["directory"] / "segments_1y.parquet")
        assert row["n"] == len(mine) == len(layer)
        assert list(mine["segment_id"]) == list(layer["segment_id"].astype(str))
        assert (mine["level"].to_numpy() == layer["level"].to_numpy()).all()
        assert (mine["event"] == (mine["retreat_observed_m"] >= 30)).all()
        counted = mine["outcome"].value_counts()
        assert row["events"] == mine["event"].sum() == row["hits"] + row["misses"] > 10
        assert row["misses"] == counted.get("miss", 0) and row["false_alarms"] == counted.get("false_alarm", 0)
        assert row["unknown"] == counted.get("unknown", 0)
        assert row["pod"] == pytest.approx(row["hits"] / row["events"], abs=1e-4)
        assert row["far"] == pytest.approx(row["false_alarms"] / row["warned"], abs=1e-4)
        assert row["csi"] == pytest.approx(row["hits"] / (row["events"] + row["false_alarms"]), abs=1e-4)
        # The tenth of the bank that the forecast puts first loses far more than a tenth of the land.
        assert 0.2 < row["top10_share"] <= 1


def test_outcomes_are_measured_on_the_segments_that_were_published(replayed: Path, crop_data: Path) -> None:
    """What followed the newest judged run is what the next run's history measured on its own banks, nearly."""
    table = pd.read_parquet(replayed / "verification.parquet")
    runs = published(replayed)["runs"]
    later = pd.read_parquet(replayed / runs[1]["directory"] / "segments_1y.parquet")
    mine = table[table["as_of"] == DATES[0]]
    lost, next_year = (
        (frame[column].fillna(0) * 100).sum()
        for frame, column in ((mine, "retreat_observed_m"), (later, "retreat_established_last_m"))
    )
    assert lost == pytest.approx(next_year, rel=0.15)


def test_a_second_replay_changes_nothing(replayed: Path, crop_data: Path) -> None:
    files = [path for path in replayed.rglob("*") if path.is_file() and path.name != "last_attempt.json"]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    with logged() as messages:
        result = replay(load_region(crop_data / "mamore_crop.yaml"), FIRST, LAST, replayed.parent)
    assert [again.new for _, again in result.results] == [False] * 3 and result.exit_code == PUBLISHED
    assert messages[0] == "[1/3] 2009-08-16 published (as before)"
    after = [path for path in replayed.rglob("*") if path.is_file() and path.name != "last_attempt.json"]
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in after} == before


def test_verification_uses_nothing_later(replayed: Path, crop: Path, tmp_path: Path) -> None:
    """The same figures with and without masks from after the date, and more of them by a later date."""
    region = load_region(crop)
    kept = [(replayed / name).read_bytes() for name in ("verification.json", "verification.parquet")]
    try:
        water, _ = sources.read_water(region, LAST, empty_gauges())
        assert water["epoch"].to_numpy().max() == np.datetime64("2011-08-06")
        (replayed / "verification.json").unlink()
        full = verify(region, replayed.parent, LAST)
        for path in (crop.parent / "masks").glob("mamore_201[2-9]*.tif"):
            path.unlink()
        (replayed / "verification.json").unlink()
        assert verify(region, replayed.parent, LAST) == full
        assert [(replayed / "verification.json").read_bytes(), (replayed / "verification.parquet").read_bytes()] == kept
        assert verify(region, replayed.parent, pd.Timestamp("2010-06-01"))["rows"] == []
        assert not (replayed / "verification.parquet").exists()
    finally:
        for name, content in zip(("verification.json", "verification.parquet"), kept, strict=True):
            (replayed / name).write_bytes(content)


def test_a_failing_date_does_not_stop_the_others(crop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    region, out = load_region(crop), tmp_path / "out"
    # Before 2006 there was no release, so the first of the dates cannot be run.
    with logged() as messages:
        result = replay(region, pd.Timestamp("2005-07-01"), pd.Timestamp("2006-12-31"), out)
    assert [run.exit_code for _, run in result.results] == [NOT_PUBLISHED, PUBLISHED]
    assert result.exit_code == NOT_PUBLISHED
    assert messages[0] == "[1/2] 2005-07-20 NOT PUBLISHED" and "no model of mamore existed" in messages[1]
    assert [entry["as_of"] for entry in published(out / "mamore_crop")["runs"]] == ["2006-08-08"]


def test_a_mask_that_cannot_be_read_is_named_though_no_run_meets_it(crop: Path, tmp_path: Path) -> None:
    newest = crop.parent / "masks" / "mamore_2006-07-23.tif"
    newest.write_bytes(newest.read_bytes()[:900])
    with logged() as messages:
        replay_of = replay(load_region(crop), pd.Timestamp("2006-01-01"), pd.Timestamp("2006-12-31"), tmp_path)
    assert any("mamore_2006-07-23.tif" in line for line in messages)
    assert replay_of.results == [] and replay_of.exit_code == NOT_PUBLISHED


def test_a_degraded_date_shows(crop: Path, tmp_path: Path) -> None:
    (crop.parent / "gauges" / "15250000_guajara_mirim.csv").write_text("", encoding="utf-8")
    with logged() as messages:
        result = replay(load_region(crop), pd.Timestamp("2006-08-01"), pd.Timestamp("2006-12-31"), tmp_path)
    assert result.exit_code == DEGRADED
    assert messages[0] == "[1/1] 2006-08-08 published, degraded" and "is empty" in messages[1]


def test_an_interrupted_replay_goes_on_where_it_was(crop: Path, tmp_path: Path, erosion: Callable) -> None:
    out = tmp_path / "out"
    region = load_region(crop)
    assert run(region, pd.Timestamp(DATES[0]), out).new
    done = erosion("replay", crop, "--from", "2009", "--to", "2010", "--out", out)
    assert done.returncode == PUBLISHED, done.stderr
    assert done.stdout.splitlines() == [
        "[1/2] 2009-08-16 published (as before)",
        "[2/2] 2010-07-18 published",
        "held 1 sets of warnings against what followed",
    ]
