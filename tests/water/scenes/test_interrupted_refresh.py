"""Killed, a full disk, a store that cannot be written, two at once: nothing is left half."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scene_world import SHAPE, World, store_files, stored

KILLED = """
import logging, os, signal, sys
from pathlib import Path
from tests.scene_world import World

world = World(Path(sys.argv[1]), sources=["s2"], store_name=sys.argv[2])
when, count = sys.argv[3], int(sys.argv[4])

def die(*_):
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)

if when == "load":
    world.driver.at_load = die
if when == "stored":  # a line of the log for every pass that is stored
    handler = logging.Handler(logging.INFO)
    handler.emit = die
    log = logging.getLogger("erosion.water.scenes.refresh")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
world.night("2021-02-10")
"""


def run_world(world: World, store: str, *arguments: object, code: str = KILLED) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", textwrap.dedent(code), world.base, store, *arguments]
    return subprocess.run([str(c) for c in command], cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("when", "count"), [("load", 2), ("stored", 3), ("load", 6), ("stored", 6)])
def test_killed_at_any_moment_the_next_night_completes_it(world: World, when: str, count: int) -> None:
    for day, share in (("2021-01-05", 0.3), ("2021-01-10", 0.5), ("2021-01-15", 0.7), ("2021-01-20", 0.9)):
        world.scene(day, share)
    world.night("2021-02-10")
    whole = store_files(world.store)
    assert len(whole) == 2 + 2 * 7, "reference, four passes, and three of them co-registered"

    done = run_world(world, "killed", when, count)
    assert done.returncode == -signal.SIGKILL, done.stderr
    world.store_name = "killed"
    left = store_files(world.store)
    assert left.keys() < whole.keys() and left.items() <= whole.items(), "nothing is half"
    # What a process that dies while it writes leaves behind.
    (world.store / "made" / "made" / "s2").mkdir(exist_ok=True)
    (world.store / "made" / "made" / "s2" / ".x.r0.tif.new").write_bytes(b"II")
    assert world.night("2021-02-10") == []
    assert store_files(world.store) == whole


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_disk_that_is_full_stops_the_fetching_and_harms_nothing(world: World) -> None:
    noise = np.random.default_rng(5).random(SHAPE)
    passes = [world.scene(day, noise) for day in ("2021-01-05", "2021-01-10")]
    code = """
        import resource, sys
        from pathlib import Path
        from tests.scene_world import World

        world = World(Path(sys.argv[1]), sources=["s2"], store_name=sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
        for item in world.night("2021-02-10"):
            print(*item)
    """
    done = run_world(world, "store", code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{passes[0]} could not be written to {world.store / 'made' / 'made'} (")
    assert "make room there" in done.stdout and len(done.stdout.splitlines()) == 1
    assert store_files(world.store) == {}
    assert world.night("2021-02-10") == [] and len(stored(world)) == 2


def test_a_disk_without_room_for_a_note_ends_no_night(world: World) -> None:
    code = """
        import resource, sys
        from pathlib import Path
        from tests.scene_world import World

        world = World(Path(sys.argv[1]), sources=["s2"], store_name=sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        for item in world.night("2021-02-10"):
            print(*item, file=sys.stderr)
    """
    done = run_world(world, "store", code=code)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("s2 what was searched could not be noted in ")


def test_a_store_that_cannot_be_written_is_listed(world: World) -> None:
    world.scene("2021-02-03")
    world.store.write_text("a file, where the store should be")
    ((name, reason, usual),) = world.night("2021-02-10")
    assert name == "made" and "cannot be written" in reason and not usual
    assert world.driver.loaded == []


def test_two_at_once(world: World) -> None:
    world.scene("2021-02-03")
    said: list[Any] = []
    world.driver.at_load = lambda _: said.extend(world.night("2021-02-10"))
    assert world.night("2021-02-10") == []
    ((name, reason, usual),) = said
    assert name == "made" and reason.startswith("another refresh is at work in ") and not usual
