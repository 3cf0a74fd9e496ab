"""A degraded or failed run says why, is on record, and leaves what was published."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from erosion.alerts import ledger
from erosion.config.region import load_region
from erosion.nightly.errors import RunError
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED, published
from erosion.nightly.run import run
from erosion.nightly.stages import product, reaches
from erosion.publish.errors import ExportError
from tests.nightly.made_runs import FIRST, SECOND, TARGETS, assert_agreed, attempt_of, home_of, ledger_of, posix_only


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

    monkeypatch.setattr(reaches, "make_features", broken)
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
        "from erosion.cli.command_line import main; sys.exit(main(sys.argv[1:]))"
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


def test_an_export_that_fails_leaves_nothing(out: Path, region_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(directory: Path, *_: object) -> None:
        (directory / "segments.gpkg").write_bytes(b"half")
        raise ExportError("no space left on device")

    monkeypatch.setattr(product, "write_all", full)
    result = run(load_region(region_file), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED and "no space left" in result.messages[0]
    assert not list(home_of(out).glob(".tmp-*"))
    assert_agreed(out)
