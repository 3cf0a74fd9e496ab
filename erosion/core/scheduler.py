"""Scheduler of lazy arrays: two threads of this process where nothing else was set."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def threads_unless_cluster() -> Iterator[None]:
    """Compute lazy arrays on two threads of this process, unless a scheduler is set or a cluster is connected."""
    import dask  # 0.1 s, and many commands compute nothing lazily
    import dask.threaded

    if "distributed" in sys.modules or dask.config.get("scheduler", None) is not None:
        yield
    else:
        # Given no scheduler, or one by name, dask imports its whole distributed side to ask whether a cluster is there.
        with dask.config.set(scheduler=dask.threaded.get, num_workers=dask.config.get("num_workers", 2)):
            yield
