"""Products whose ledger is lost: nothing is issued anew, and the message says how to restore it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from erosion.alerts import ledger
from erosion.config.region import load_region
from erosion.nightly.published import NOT_PUBLISHED, PUBLISHED
from erosion.nightly.replay import replay
from erosion.nightly.run import run
from tests.nightly.made_runs import FIRST, SECOND, assert_agreed, attempt_of, home_of, ledger_of


def lose(out: Path, how: str) -> None:
    """Do to the ledger what a disk, or a person, does."""
    path = out / "ledger.sqlite"
    for file in out.glob("ledger.sqlite*"):
        file.unlink()
    if how == "zero-length":
        path.touch()
    elif how == "without tables":
        with closing(sqlite3.connect(path)) as made:
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("CREATE TABLE t (a)")
            made.execute("DROP TABLE t")
            made.commit()
    elif how == "without runs":
        ledger.open_ledger(path).dispose()
    elif how == "of another region":
        ledger.open_ledger(path).dispose()
        with closing(sqlite3.connect(path)) as made, made:
            made.execute(
                "INSERT INTO runs (run_id, region, as_of, started_at, finished_at, outcome, exit_code, model_id, "
                "inputs_hash, product, manifest) VALUES ('x', 'song', '2010-01-01', '2010-01-01', '2010-01-01', "
                "'published', 0, '', '', '', '{}')"
            )


@pytest.mark.parametrize("how", ["missing", "zero-length", "without tables", "without runs", "of another region"])
def test_a_run_without_its_ledger_issues_nothing(out: Path, region_file: Path, how: str) -> None:
    kept = {path.name: path.read_bytes() for path in out.glob("ledger.sqlite*")}
    before = {path: path.read_bytes() for path in sorted(home_of(out).rglob("*")) if path.is_file()}
    lose(out, how)
    for as_of in (FIRST, SECOND):  # also the date that is published: it would be issued again
        result = run(load_region(region_file), as_of, out)
        assert (result.exit_code, result.directory) == (NOT_PUBLISHED, None)
        (message,) = result.messages
        assert "ledger.sqlite" in message and "Restore the ledger from the backup" in message and "--out" in message
        assert attempt_of(out)["message"] == message
    changed = {path for path, content in before.items() if path.read_bytes() != content}
    assert {path.name for path in changed} <= {"last_attempt.json", ".lock"}
    if how in ("missing", "zero-length"):
        assert not (out / "ledger.sqlite").exists() or (out / "ledger.sqlite").stat().st_size == 0
    # The cure that the message names.
    for file in out.glob("ledger.sqlite*"):
        file.unlink()
    for name, content in kept.items():
        (out / name).write_bytes(content)
    assert run(load_region(region_file), SECOND, out).exit_code == PUBLISHED
    assert_agreed(out)


def test_run_directories_alone_tell_that_there_was_a_ledger(out: Path, region_file: Path) -> None:
    lose(out, "missing")
    (home_of(out) / "published.json").unlink()
    result = run(load_region(region_file), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED and "is missing or empty" in result.messages[0]


def test_a_list_that_cannot_be_read_is_no_reason_to_begin_anew(out: Path, region_file: Path) -> None:
    (home_of(out) / "published.json").write_text("{", encoding="utf-8")
    lose(out, "without runs")
    result = run(load_region(region_file), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED and "knows no run of it" in result.messages[0]


def test_a_replay_refuses_too(out: Path, region_file: Path) -> None:
    lose(out, "missing")
    day = pd.Timedelta(days=1)
    done = replay(load_region(region_file), SECOND - day, SECOND + day, out)
    assert done.exit_code == NOT_PUBLISHED and done.results
    assert all("Restore the ledger" in result.messages[0] for _, result in done.results)


def test_another_region_beside_it_begins_a_ledger_of_its_own_rows(
    out: Path, crop: Path, edit: Callable, tmp_path: Path
) -> None:
    """A region that has published nothing may start in the ledger of another."""
    shutil.copy(crop, crop.with_name("other_crop.yaml"))
    edit(crop.with_name("other_crop.yaml"), name="other_crop", model="mamore")
    before = set(ledger_of(out)["runs"])
    assert run(load_region(crop.with_name("other_crop.yaml")), FIRST, out).directory is not None
    assert before < set(ledger_of(out)["runs"])
