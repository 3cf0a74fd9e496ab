"""A run killed at any point leaves the last product whole, and the next one makes up for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from erosion.config.region import load_region
from erosion.nightly import run as nightly
from erosion.nightly.published import PUBLISHED, published
from erosion.nightly.run import run
from tests.nightly.made_runs import (
    SECOND,
    THIRD,
    assert_agreed,
    assert_whole,
    attempt_of,
    home_of,
    ledger_of,
    posix_only,
)

KILLER = '''
"""Run the second date again and again, each time in a child that kills itself at another point."""
import json, os, shutil, signal, sys, time
from pathlib import Path
import pandas as pd
import lightgbm, geopandas, pyogrio, sqlalchemy, alembic.command
from erosion.alerts import ledger
from erosion.alerts.ledger import recording
from erosion.nightly.stages import decide, reaches
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
for module, function in ((reaches, "baseline_on"), (decide, "segment_layer")):
    points[f"after {function}"] = lambda m=module, f=function: around(m, f, "after")
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
