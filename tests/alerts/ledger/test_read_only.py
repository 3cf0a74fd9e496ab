"""Reading a ledger without the right to write: another user, a read-only disk, beside a run, after a killed run."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, open_ledger, read_ledger
from tests.alerts.ledger.made_runs import ROOT, record

NOBODY = 65534


@pytest.fixture
def folder():
    """A folder that another user may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="ledger-"))
    path.chmod(0o755)
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


def levels_of(path):
    """Open warnings, segment to level."""
    table = read_ledger(path, lambda engine: ledger.open_warnings(engine, "rio"))
    return dict(zip(table["segment_id"], table["level"], strict=True))


def attempt(path):
    try:
        return levels_of(path)
    except LedgerError as error:
        return str(error)


def as_reader(path):
    """What a user who owns nothing there reads, or the error; file modes mean nothing to root, so a child gives it up."""
    if os.geteuid() != 0:
        path.parent.chmod(0o555)
        return attempt(path)
    with multiprocessing.get_context("fork").Pool(1, os.setuid, (NOBODY,)) as pool:
        return pool.apply(attempt, (path,))


def made(path, levels):
    engine = open_ledger(path)
    record(engine, "2010-01-01", levels)
    engine.dispose()
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]


def test_another_user_reads_the_open_warnings_and_leaves_no_file(folder):
    path = folder / "ledger.sqlite"
    made(path, {"a": 3, "b": 1, "c": 2})
    assert as_reader(path) == {"a": 3, "c": 2}
    assert [file.name for file in folder.iterdir()] == ["ledger.sqlite"]


def test_reading_makes_no_file_beside_the_ledger_even_where_it_could(folder):
    path = folder / "ledger.sqlite"
    made(path, {"a": 3})
    before = path.read_bytes()
    assert levels_of(path) == {"a": 3}
    assert [file.name for file in folder.iterdir()] == ["ledger.sqlite"]
    assert path.read_bytes() == before


def test_another_user_reads_what_a_run_at_work_has_recorded(folder):
    path = folder / "ledger.sqlite"
    made(path, {"a": 3})
    engine = open_ledger(path)
    with engine.connect():  # stays open, so that what is recorded stays in the -wal file
        record(engine, "2011-01-01", {"a": 4})
        assert path.with_name("ledger.sqlite-wal").stat().st_size > 0
        assert as_reader(path) == {"a": 4}
    engine.dispose()


KILLED = """
import os, signal, sys
from erosion.alerts.ledger import open_ledger
from tests.alerts.ledger.made_runs import record
engine = open_ledger(sys.argv[1])
with engine.connect():
    record(engine, "2011-01-01", {"a": 4, "b": 2})
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed(folder):
    """A ledger whose newest run is in the -wal file alone, for the process was killed after recording it."""
    path = folder / "ledger.sqlite"
    made(path, {"a": 3})
    job = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False, timeout=120)
    assert job.returncode == -signal.SIGKILL
    assert path.with_name("ledger.sqlite-wal").stat().st_size > 0
    return path


def test_another_user_reads_what_a_killed_run_recorded(killed):
    assert as_reader(killed) == {"a": 4, "b": 2}


def test_a_wal_file_that_cannot_be_read_is_reported_and_never_left_out(killed):
    killed.with_name("ledger.sqlite-shm").unlink()  # as in a copy of the two files; SQLite would have to make it
    answer = as_reader(killed)
    assert isinstance(answer, str), answer
    assert "cannot be read" in answer
    assert "-wal" in answer
    assert "run the region again as the user who owns the ledger" in answer


def test_a_file_without_the_right_to_read_it_is_reported(folder):
    path = folder / "ledger.sqlite"
    made(path, {"a": 3})
    path.chmod(0o000)
    answer = as_reader(path)
    assert isinstance(answer, str), answer
    assert f"ledger {path} cannot be read" in answer
    assert "give this user the right to read" in answer


def test_a_ledger_on_a_read_only_disk_is_read(folder):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a disk")
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", disk], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a disk: {mounted.stderr}")
    try:
        made(disk / "ledger.sqlite", {"a": 3, "b": 1, "c": 2})
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (disk / "x").touch()
        assert levels_of(disk / "ledger.sqlite") == {"a": 3, "c": 2}
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_run_that_writes_while_the_file_is_read_is_waited_for(folder):
    path = folder / "ledger.sqlite"
    made(path, {"a": 3})
    asked = []

    def question(engine):
        table = ledger.open_warnings(engine, "rio")
        asked.append(table["level"].tolist())
        if len(asked) == 1:
            writer = open_ledger(path)
            record(writer, "2011-01-01", {"a": 4})
            writer.dispose()
        return table["level"].tolist()

    assert read_ledger(path, question) == [4]
    assert asked == [[3], [4]]


def test_a_ledger_that_never_rests_is_reported(folder):
    path = folder / "ledger.sqlite"
    made(path, {"a": 3})
    with pytest.raises(LedgerError, match="changed 5 times while it was read"):
        read_ledger(path, lambda _: os.utime(path))


@pytest.mark.parametrize(
    ("version", "advice"), [("0001", "the next run brings them up to date"), ("9999", "install the newer program")]
)
def test_tables_of_another_version_are_reported_and_left_as_they_are(folder, version, advice):
    path = folder / "ledger.sqlite"
    made(path, {"a": 3})
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = ?", (version,))
    raw.close()
    with pytest.raises(LedgerError, match=f"version {version}.*{advice}"):
        levels_of(path)
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(version,)]
    raw.close()


@pytest.mark.parametrize("content", [b"", b"not a database" * 99])
def test_a_file_that_is_no_ledger_is_reported(folder, content):
    path = folder / "ledger.sqlite"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite cannot be read: (no such table|file is not a database)"):
        levels_of(path)
