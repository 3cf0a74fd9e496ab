"""Searching a scene source: which stretches of time, which driver, and the note of what was searched.

The note is ``search.json`` beside the stored passes of the source. Where a search that had ended after the time at which
a scene can usually be had did not find it, the scene was late.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pandas as pd

from erosion.config.scenes import SceneSource
from erosion.core.errors import Skipped
from erosion.core.files import write_json
from erosion.satellite.corridor import Corridor
from erosion.satellite.grouping import PassRef

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region

LOOK_BACK: Final = pd.Timedelta(days=30)
"""How far before the newest search a night searches again: scenes are published late, and published again."""

GAP: Final = pd.Timedelta(days=31)
"""Days to be searched again that lie nearer to each other than this are searched together."""

DAY: Final = pd.Timedelta(days=1)

Span = tuple[pd.Timestamp, pd.Timestamp]
"""First and last instant of a search, UTC."""


class Driver(Protocol):
    """A module that finds and loads the passes of one kind of source."""

    def find_passes(
        self,
        source: Any,
        region: Region,
        corridor: Corridor,
        start: pd.Timestamp,
        end: pd.Timestamp,
        known: Mapping[str, str] = ...,
    ) -> tuple[list[PassRef], list[Skipped]]:
        """Return the passes of a stretch of time, UTC, and what was left out; ``known`` is pass id to hash of its items.

        Raises
        ------
        SourceError
            Where the source does not answer.
        """
        ...

    def load_pass(self, ref: PassRef, source: Any, corridor: Corridor) -> xr.Dataset:
        """Return the bands of a pass on the corridor's grid, dims (y, x).

        Raises
        ------
        SourceError
            Where a file cannot be read.
        """
        ...


@dataclasses.dataclass(frozen=True)
class SearchNote:
    """Note of the searches of one source with one set of settings.

    Attributes
    ----------
    path
        ``search.json`` of the source.
    key
        Hash of what decides the result of a search, see :func:`search_key`.
    """

    path: Path
    key: str

    def until(self, now: pd.Timestamp) -> pd.Timestamp | None:
        """Return the end of the searches so far, UTC; None where none is noted, or only ones with other settings."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            until = pd.Timestamp(content["until"]).tz_convert("UTC")
            # A clock that ran ahead has noted a search of days that were not yet.
            return min(until, now) if content["key"] == self.key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, until: pd.Timestamp, now: pd.Timestamp) -> None:
        """Note a search up to an instant; an earlier one that reached farther stays.

        Raises
        ------
        OSError
            Where the disk takes no more.
        """
        before = self.until(now)
        until = min(until, now)
        self.path.parent.mkdir(exist_ok=True)
        write_json(self.path, {"key": self.key, "until": until if before is None else max(until, before)})


def search_key(source: SceneSource, region: Region, corridor: Corridor, months: Iterable[int]) -> str:
    """Return the hash of all that decides what a search finds: with other settings, what is new was not late."""
    settings = {
        f.name: getattr(source, f.name)
        for f in dataclasses.fields(source)
        if f.name not in ("path", "described_in", "optional")
    }
    text = repr((sorted(settings.items()), corridor.digest, region.scenes.since, sorted(months)))
    return hashlib.sha256(text.encode()).hexdigest()


def recent_span(since: pd.Timestamp, until: pd.Timestamp | None, limit: pd.Timestamp, *, full: bool) -> Span:
    """Return the last weeks before the end of the newest search, or everything where there was none.

    Parameters
    ----------
    since
        First day of the region's archive.
    until
        End of the searches so far; None where there was none.
    limit
        End of this search.
    full
        Return everything in any case.
    """
    # Whole days: a pass of which only the last items are found would be taken for another one.
    start = since if full or until is None else max(since, (until - LOOK_BACK).floor("D"))
    return start, limit


def spans_of_days(times: Iterable[pd.Timestamp], since: pd.Timestamp, limit: pd.Timestamp) -> list[Span]:
    """Return the whole day of each instant, within the archive and up to a limit."""
    return [(max(since, time.floor("D")), min(limit, time.floor("D") + DAY)) for time in times]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those nearer to each other than :data:`GAP` as one; empty ones are left out."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] <= span[1]):
        if joined and start <= joined[-1][1] + GAP:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def day_in_name(pass_id: str) -> pd.Timestamp | None:
    """Return the day that the name of a pass holds, UTC; None where it holds none."""
    date = re.search(r"-((?:19|20)\d{6})-", pass_id)
    return None if date is None else pd.Timestamp(date[1], tz="UTC")
