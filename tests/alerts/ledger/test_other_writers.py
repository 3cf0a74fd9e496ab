"""Recording while processes are killed and others write."""

import contextlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from erosion.alerts.ledger import LedgerError, history, last_run, open_ledger, open_warnings
from tests.alerts.ledger.made_runs import LEVELS_AFTER, LEVELS_BEFORE, ROOT, dump, record

KILLED = """
import os, signal, sys
import sqlalchemy as sa
from erosion.alerts.ledger import open_ledger
from tests.alerts.ledger.made_runs import LEVELS_AFTER, record

engine = open_ledger(sys.argv[1])

def after(connection, cursor, statement, *rest):
    if statement.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

def commit(connection):
    if sys.argv[2] == "COMMIT":
        os.kill(os.getpid(), signal.SIGKILL)

sa.event.listen(engine, "after_cursor_execute", after)
sa.event.listen(engine, "commit", commit)
record(engine, "2011-01-01", LEVELS_AFTER)
"""


@pytest.mark.parametrize("statement", ["INSERT INTO runs", "UPDATE warnings", "INSERT INTO states", "COMMIT"])
def test_a_process_killed_while_recording_leaves_the_ledger_as_it_was(engine, url, statement):
    record(engine, "2010-01-01", LEVELS_BEFORE)
    before = dump(engine)
    engine.dispose()
    job = subprocess.run(
        [sys.executable, "-c", KILLED, url, statement],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert job.returncode == -signal.SIGKILL, job.stderr.decode()
    assert dump(engine) == before
    assert record(engine, "2011-01-01", LEVELS_AFTER).new
    wanted = {place for place, level in LEVELS_AFTER.items() if level >= 2}
    wanted |= {place for place, level in LEVELS_AFTER.items() if level == 0 and LEVELS_BEFORE[place] >= 2}
    assert set(open_warnings(engine, "rio")["segment_id"]) == wanted


HOLDING = """
import sys, time
from erosion.alerts import ledger
from erosion.alerts.ledger.opening import writing
engine = ledger.open_ledger(sys.argv[1])
with writing(engine):
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextlib.contextmanager
def another_writer(url, seconds):
    job = subprocess.Popen([sys.executable, "-c", HOLDING, url, str(seconds)], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert job.stdout.readline() == b"writing\n"
        yield
    finally:
        job.kill()
        job.communicate()


def test_a_second_writer_waits_and_readers_do_not(engine, url):
    record(engine, "2010-01-01", {"a": 3})
    with another_writer(url, 1.0):
        start = time.perf_counter()
        assert len(open_warnings(engine, "rio")) == 1
        assert time.perf_counter() - start < 0.5
        assert record(engine, "2011-01-01", {"a": 4}).new
        assert time.perf_counter() - start > 0.5
    assert open_warnings(engine, "rio")["level"].tolist() == [4]


def test_a_second_writer_that_waited_too_long_says_so(url):
    engine = open_ledger(url, wait_s=0.2)
    with another_writer(url, 30), pytest.raises(LedgerError, match=r"another process has been writing for over 0\.2 s"):
        record(engine, "2011-01-01", {"a": 4})
    assert last_run(engine, "rio") is None
    engine.dispose()


def test_two_writers_of_one_run_record_it_once(engine, url):
    results = []

    def write():
        own = open_ledger(url)
        results.append(record(own, "2010-01-01", LEVELS_BEFORE))
        own.dispose()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(result.new for result in results) == [False, True]
    assert len(history(engine, "rio-1y-20100101-s0002")) == 1
