"""Lazy arrays are computed on two threads, unless somebody has set a scheduler."""

from __future__ import annotations

import threading
import time

import dask
import dask.array as da
import numpy as np

from erosion.core.scheduler import threads_unless_cluster


def threads_of(array: da.Array) -> set[int]:
    """Threads that compute the blocks of an array."""
    used = set()

    def note(block: np.ndarray) -> np.ndarray:
        used.add(threading.get_ident())
        time.sleep(0.02)  # so that one thread cannot take all of them
        return block

    array.map_blocks(note, dtype=array.dtype, meta=np.empty((0,), array.dtype)).compute()
    return used


def test_two_threads_of_this_process() -> None:
    before = dask.config.get("scheduler", None)
    with threads_unless_cluster():
        used = threads_of(da.ones(24, chunks=1))
    assert len(used) == 2 and threading.get_ident() not in used
    assert dask.config.get("scheduler", None) is before, "set for the block alone"


def test_a_number_of_workers_that_is_set_stands() -> None:
    with dask.config.set(num_workers=1), threads_unless_cluster():
        assert len(threads_of(da.ones(8, chunks=1))) == 1


def test_a_scheduler_that_is_set_stands() -> None:
    with dask.config.set(scheduler="synchronous"), threads_unless_cluster():
        assert threads_of(da.ones(4, chunks=1)) == {threading.get_ident()}
