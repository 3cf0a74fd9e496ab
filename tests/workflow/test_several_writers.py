"""Officers and the nightly job write at once, in processes of their own: every entry stands, in one order."""

import json
import subprocess
import sys
import time
from pathlib import Path

from erosion.alerts import ledger
from erosion.alerts.ledger import decisions
from tests.alerts.ledger.made_entries import verified
from tests.alerts.ledger.made_runs import ROOT

OFFICER = """
import sys
from erosion.alerts import ledger
from erosion.workflow import actions
from erosion.workflow.actions import Place
from tests.alerts.ledger.made_entries import a_report

url, login, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
engine = ledger.open_ledger(url)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    actions.acknowledge(engine, login, Place("rio", "s1", ("30280",)), 3, f"{login} {number}")
# Both phones of one officer send the same report.
actions.report(engine, "com", a_report())
engine.dispose()
"""

NIGHT = """
import sys
from erosion.alerts import ledger
from tests.alerts.ledger.made_runs import LEVELS_AFTER, LEVELS_BEFORE, record

engine = ledger.open_ledger(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for day in range(1, int(sys.argv[3]) + 1):
    record(engine, f"2010-01-{day:02d}", LEVELS_BEFORE if day % 2 else LEVELS_AFTER)
engine.dispose()
"""


def start(script, url, name, count):
    command = [sys.executable, "-c", script, url, name, str(count)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT)


def test_nothing_is_lost_and_the_chain_holds(staff, url):
    count = 12
    jobs = [start(OFFICER, url, login, count) for login in ("com", "duty", "boss")] + [start(NIGHT, url, "night", 4)]
    for job in jobs:
        assert job.stdout.readline() == b"ready\n", job.stderr.read().decode()
    for job in jobs:
        job.stdin.write(b"\n")
        job.stdin.flush()
    looks = 0
    while any(job.poll() is None for job in jobs):
        # Whoever looks meanwhile sees whole entries, also without the right to write.
        assert verified(staff).fault is None
        if staff.dialect.name == "sqlite":
            assert ledger.read_ledger(Path(url), verified).fault is None
        looks += 1
        time.sleep(0.2)
    assert looks > 0
    for job in jobs:
        _, err = job.communicate(timeout=120)
        assert job.returncode == 0, err.decode()
    with ledger.querying(staff) as connection:
        found = decisions.decisions(connection, "rio", "s1")
        rows = ledger.audit.audit_rows(connection)
        assert len(ledger.reports.reports(connection, "rio")) == 1
    for login in ("com", "duty", "boss"):
        assert [one.words for one in found if one.actor == login] == [f"{login} {k}" for k in range(count)]
    assert len(found) == 3 * count and all(one.stands for one in found)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1)) and len(rows) == 6 + 3 * count + 1
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert {json.loads(row.payload)["entry"]["id"] for row in rows} == {row.seq for row in rows}
    assert verified(staff).fault is None
    assert ledger.last_run(staff, "rio")["run_id"] == "rio-2010-01-04"
