"""Test data that is costly to make: made once a test run, whichever worker process asks first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder filled by ``make``, which runs once for all worker processes of a test run.

    Each process gets a copy of its own, so that none waits for or disturbs another one's files and databases.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = factory.mktemp(name)
        make(folder)
        return folder
    common = factory.getbasetemp().parent / "made_once"
    common.mkdir(exist_ok=True)
    original, done = common / name, common / f"{name}.done"
    with FileLock(common / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(original, ignore_errors=True)  # half made by a process whose test run then failed
            original.mkdir()
            make(original)
            done.touch()
    return Path(shutil.copytree(original, factory.mktemp(name) / name))
