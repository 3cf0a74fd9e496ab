"""What a run is asked to do, and its progress: the time of each stage and what was reported."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pandas as pd

from erosion.alerts import ledger
from erosion.config.region import Region
from erosion.publish.manifest import Stage


@dataclass(frozen=True)
class Task:
    """One region on one date.

    Attributes
    ----------
    region, as_of
        What is run, and the date: only what was available by then is used.
    out
        Directory of products.
    models
        Directory of model releases.
    release
        Name of the release to use; None for the newest one that existed on the date.
    engine
        The ledger.
    fetch
        Whether scenes and gauges are asked for what is new.
    started
        When the attempt began.
    """

    region: Region
    as_of: pd.Timestamp
    out: Path
    models: Path
    release: str | None
    engine: ledger.Ledger
    fetch: bool
    started: datetime

    @property
    def home(self) -> Path:
        """Directory of the region's products."""
        return self.out / self.region.name


@dataclass
class Progress:
    """Timings and messages of a run as it goes."""

    stages: list[Stage] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; the times of one that is entered for each reach are added."""
        started = time.perf_counter()
        yield
        took = time.perf_counter() - started
        entry = next((stage for stage in self.stages if stage["stage"] == name), None)
        if entry is None:
            entry = Stage(stage=name, seconds=0.0)
            self.stages.append(entry)
        entry["seconds"] = round(entry["seconds"] + took, 3)
