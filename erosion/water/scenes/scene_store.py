"""What was seen of a reach, kept on disk so that a night fetches and works out only what is new.

See docs/scenes.md for the layout. Nothing stored is ever changed by what comes later: a pass that the provider publishes
again, that a new method reads, or that is laid on the reference becomes a further revision, and a product of an old
date goes on reading the one that was known then.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.config.sources import SceneSource
from erosion.core.contracts import ContractError, as_of_instant, in_utc
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import write_json
from erosion.satellite.corridor import Corridor
from erosion.water.scenes.pass_records import (
    RECORD_NAME,
    PassRecord,
    damage,
    home_of,
    left_out,
    read_percent,
    read_records,
    records,
    write_record,
)
from erosion.water.scenes.scene_reference import Looks, make_reference, read_reference, reference_passes

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region
    from erosion.satellite.grouping import PassRef

__all__ = ["PassRecord", "read_percent", "records", "refresh"]

LOOK_BACK: Final = pd.Timedelta(days=30)
"""How far before the newest search a night searches again: scenes are published late, and published again."""

GAP: Final = pd.Timedelta(days=31)
"""Days to be searched again that lie nearer to each other than this are asked for together."""

IN_FLIGHT_BYTES: Final = 1_000_000_000
"""Scenes that are read ahead take at most so much memory, or are one."""

_READING: Final = (
    "bands", "scale", "offset", "nodata", "saturated_from", "quality", "saturation", "boa_offset", "pixel_m", "geo_rmse_m",
)  # fmt: skip
_TELLING: Final = ("cloud_margin_m", "min_clear_share", "max_shift_m")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


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
    ) -> tuple[list[PassRef], list[Skipped]]: ...

    def load_pass(self, ref: PassRef, source: Any, corridor: Corridor) -> xr.Dataset: ...


def refresh(
    region: Region,
    corridor: Corridor,
    store: Path,
    as_of: pd.Timestamp | str,
    now: pd.Timestamp | None = None,
    *,
    full: bool = False,
    new_reference: bool = False,
    drivers: Mapping[str, Driver] | None = None,
    to_water: Callable[..., Any] | None = None,
    processing: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Skipped]:
    """Fetch what is new or changed in the scene sources of a reach, tell its water, and store it.

    A pass is stored before the next one is begun, so an interrupted night loses one pass at most and the next night
    goes on where it ended.

    Parameters
    ----------
    region
        A region of one reach: its scene sources, rules and seasons.
    corridor
        Where scenes are looked at.
    store
        Directory of the scene store.
    as_of
        Passes that became available later are left for a later date.
    now
        Time of this night, UTC, when what is found now was first seen; this machine's clock when None.
    full
        Search all years again, not only the last weeks.
    new_reference
        Make the reference anew, and then every pass with it.
    drivers
        Reader of each kind of source; the project's own when None.
    to_water
        What tells water from land; :func:`erosion.water.classification.water.water_of` when None.
    processing
        Version of its method; passes made by another one are made anew.
    say
        Called with lines of progress.

    Returns
    -------
    list of Skipped
        Searches that failed, passes that failed or cannot be used, passes that were published again, and stored ones
        that were damaged. One entry that says so where another refresh is at work.
    """
    from filelock import FileLock, Timeout

    home = home_of(store, region)
    clock = pd.Timestamp.now("UTC") if now is None else in_utc(now)
    lock = FileLock(home / ".lock", blocking=False)
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        return [Skipped(region.reach.name, f"another refresh is at work in {home}; this one leaves it alone")]
    except OSError as err:
        reason = f"{home} cannot be written ({err}); nothing was fetched, see to the disk and the rights to it"
        return [Skipped(region.reach.name, reason)]
    # The operating system lets go of the lock when the process ends, however it ends.
    try:
        for folder in (home, *(home / name for name in region.water)):
            for left in folder.glob(".*.new"):
                left.unlink(missing_ok=True)
        if new_reference:
            (home / "reference.json").unlink(missing_ok=True)
        if to_water is None or processing is None:
            from erosion.water.classification import water

            to_water, processing = to_water or water.water_of, processing or water.METHOD
        night = _Night(region, corridor, store, as_of_instant(as_of), clock, full, drivers, to_water, processing, say)
        return night.run()
    finally:
        lock.release()


@dataclass(frozen=True)
class _Job:
    """A pass to be made, and as what."""

    ref: PassRef
    source: SceneSource
    revision: int
    available_at: pd.Timestamp


class _Night:
    """One refresh; a class only because its settings are bound once and asked everywhere."""

    def __init__(
        self,
        region: Region,
        corridor: Corridor,
        store: Path,
        limit: pd.Timestamp,
        now: pd.Timestamp,
        full: bool,
        drivers: Mapping[str, Driver] | None,
        to_water: Callable[..., Any],
        processing: int,
        say: Callable[[str], None],
    ) -> None:
        self.region, self.corridor, self.store, self.home = region, corridor, store, home_of(store, region)
        self.limit, self.now, self.full = limit, now, full
        self.to_water, self.processing, self.say = to_water, processing, say
        self.sources = region.scene_sources
        self.drivers = {s.name: (drivers or _drivers())[s.driver] for s in self.sources}
        # What is in no season would be read and worked out for nothing.
        self.months = {month for season in region.seasons for month in season.months}
        self.reference = read_reference(store, region, corridor)
        self.newest: dict[str, dict[str, PassRecord]] = {}
        self.damaged: dict[str, dict[str, int]] = {}
        self.tried: set[str] = set()
        self.unsearched: set[str] = set()
        self.looks = Looks()
        self.skipped: list[Skipped] = []

    def run(self) -> list[Skipped]:
        for source in self.sources:
            self._open(source)
        if self.reference is None:
            self._mend_reference()
        # A second turn only where the reference was made in the first one: what came before it is laid on it.
        for turn in range(2):
            before = self.reference
            jobs = [job for source in self.sources for job in self._jobs(source, recent=turn == 0)]
            # In the order in which they became known, so that the reference is the one that a nightly run had.
            jobs.sort(key=lambda job: (job.available_at, job.ref.time, job.ref.pass_id))
            if not self._work(jobs):
                return self.skipped  # not noted as searched: the next night starts where this one did
            if self.reference is before or self.reference is None:
                break
        for source in self.sources:
            if source.name not in self.unsearched:
                try:
                    self._note_search(source)
                except OSError as err:
                    reason = f"what was searched could not be noted in {self.home} ({err}); make room there"
                    self.skipped.append(Skipped(source.name, reason))
        return self.skipped

    # --- what there is to do ---

    def _open(self, source: SceneSource) -> None:
        """Read what is stored of a source and look whether it is whole."""
        found, damaged = read_records(self.store, self.region, source)
        self.skipped += damaged
        broken = {}
        for item in damaged:
            match = RECORD_NAME.fullmatch(item.scene)
            if match is not None:
                broken[match["pass_id"]] = int(match["revision"])
        newest = {}
        for record in found:  # by pass and revision: the newest one stays
            newest[record.pass_id] = record
        for record in list(newest.values()):
            problem = damage(record) if record.state == "water" else None
            if problem is not None:
                self.skipped.append(_damaged(record, problem))
                broken[record.pass_id] = record.revision
        self.newest[source.name], self.damaged[source.name] = newest, broken

    def _stale(self, source: SceneSource, record: PassRecord) -> bool:
        """Say whether a stored pass has to be made again although its items are the same."""
        return (
            record.state == "failed"
            or self.damaged[source.name].get(record.pass_id, -1) >= record.revision
            or record.processing != self.processing
            or record.corridor != self.corridor.digest
            or record.settings not in ("", self._settings(source))
            or (self._laid(record) and self.reference is not None and record.reference != self.reference.id)
        )

    def _settings(self, source: SceneSource) -> str:
        """Hash of what decides the water of a pass, beside its files, the method, the corridor and the reference."""
        of_source = [repr(getattr(source, name, None)) for name in _READING]
        of_region = [repr(getattr(self.region.scenes, name)) for name in _TELLING]
        return hashlib.sha256("\n".join([*of_source, *of_region]).encode()).hexdigest()

    @staticmethod
    def _laid(record: PassRecord) -> bool:
        """Say whether a pass depends on the reference; one that was unusable before there was any stays so."""
        return record.state == "water" or bool(record.reference)

    def _jobs(self, source: SceneSource, *, recent: bool) -> list[_Job]:
        """Search a source and say which passes have to be made."""
        newest, damaged = self.newest[source.name], self.damaged[source.name]
        known = {pass_id: record.items_hash for pass_id, record in newest.items()}
        refs: dict[str, PassRef] = {}
        since = pd.Timestamp(self.region.scenes.since, tz="UTC")
        until = self._searched_until(source)
        for start, end in self._days(source, since, until, recent):
            try:
                found, others = self.drivers[source.name].find_passes(
                    source, self.region, self.corridor, start, end, known
                )
            except SourceError as err:
                others = [Skipped(source.name, str(err))]
                found = []
            # What is said of the source itself: it was not read to its end.
            if any(item.scene == source.name for item in others):
                self.unsearched.add(source.name)
            refs.update((ref.pass_id, ref) for ref in found)
            listed = set(self.skipped)
            self.skipped += [item for item in others if item not in listed]
        jobs = []
        for ref in refs.values():
            if ref.pass_id in self.tried or not self._in_order(ref):
                continue
            record = newest.get(ref.pass_id)
            revision = 0
            if record is not None:
                changed = record.items_hash != ref.items_hash
                if not changed and not self._stale(source, record):
                    continue
                again = record.state == "failed" or damaged.get(ref.pass_id) == record.revision
                revision = record.revision + (not again)
                if changed and record.state != "failed":
                    self._tell_republished(ref, record, revision, until)
            revision = max(revision, damaged.get(ref.pass_id, 0))
            jobs.append(_Job(ref, source, revision, self._known_from(ref, record, until)))
        return jobs

    def _in_order(self, ref: PassRef) -> bool:
        """Say whether a pass can be made now; one that will be available later waits without a word."""
        if not _SAFE.fullmatch(ref.pass_id):
            self.skipped.append(Skipped(ref.pass_id, "its name cannot be that of a file; check platform and orbit"))
        elif ref.time > self.now:
            clock = f"is dated {ref.time.isoformat()}, later than this machine's clock, {self.now.isoformat()}"
            self.skipped.append(Skipped(ref.pass_id, f"{clock}; one of the two is wrong"))
        elif ref.available_at <= self.limit and ref.time.month not in self.months:
            item = Skipped(ref.pass_id, f"was taken in {ref.time:%B}, which is in no season of the region", usual=True)
            self.skipped += [item] if item not in self.skipped else []
        else:
            return ref.available_at <= self.limit
        return False

    def _known_from(self, ref: PassRef, record: PassRecord | None, until: pd.Timestamp | None) -> pd.Timestamp:
        """Say when what is now to be made could first be had.

        A source states when its scenes can usually be had. Where a search after that time did not find the pass, or
        found other items, it is known from now on and not before: a product of an old date did not have it.
        """
        stated = max(ref.available_at, ref.time)
        if record is None:
            late = until is not None and stated <= until and ref.pass_id not in self.damaged[ref.source]
            return max(stated, self.now) if late else stated
        if record.items_hash == ref.items_hash:
            return record.available_at
        return stated if stated > record.available_at else max(stated, self.now)

    def _tell_republished(self, ref: PassRef, record: PassRecord, revision: int, until: pd.Timestamp | None) -> None:
        day = f"{self._known_from(ref, record, until):%Y-%m-%d}"
        text = f"was published again; products from {day} on use revision {revision}, earlier ones keep the old one"
        self.skipped.append(Skipped(ref.pass_id, text, usual=True))

    def _days(
        self, source: SceneSource, since: pd.Timestamp, until: pd.Timestamp | None, recent: bool
    ) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        """Return the stretches of time to search: the last weeks, and the days of passes to be made again."""
        day = pd.Timedelta(days=1)
        spans: list[tuple[pd.Timestamp, pd.Timestamp]] = []
        if recent:
            # Whole days: a pass of which only the last items are found would look like another one.
            start = since if self.full or until is None else max(since, (until - LOOK_BACK).floor("D"))
            spans.append((start, self.limit))
        times = [r.time for r in self.newest[source.name].values() if self._stale(source, r)]
        for pass_id in set(self.damaged[source.name]) - set(self.newest[source.name]):
            date = re.search(r"-((?:19|20)\d{6})-", pass_id)
            if date is None:
                return [(since, self.limit)]
            times.append(pd.Timestamp(date[1], tz="UTC"))
        spans += [(max(since, time.floor("D")), min(self.limit, time.floor("D") + day)) for time in times]
        merged: list[tuple[pd.Timestamp, pd.Timestamp]] = []
        for start, end in sorted(span for span in spans if span[0] <= span[1]):
            if merged and start <= merged[-1][1] + GAP:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((start, end))
        return merged

    # --- what was searched ---

    def _search_key(self, source: SceneSource) -> str:
        """Hash of all that decides what a search finds: with other settings, what is new was not late."""
        settings = {
            f.name: getattr(source, f.name)
            for f in dataclasses.fields(source)
            if f.name not in ("path", "described_in")
        }
        text = repr((sorted(settings.items()), self.corridor.digest, self.region.scenes.since, sorted(self.months)))
        return hashlib.sha256(text.encode()).hexdigest()

    def _searched_until(self, source: SceneSource) -> pd.Timestamp | None:
        try:
            content = json.loads((self.home / source.name / "search.json").read_text(encoding="utf-8"))
            until = pd.Timestamp(content["until"]).tz_convert("UTC")
            # A clock that ran ahead has noted a search of days that were not yet.
            return min(until, self.now) if content["key"] == self._search_key(source) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _note_search(self, source: SceneSource) -> None:
        until = min(self.limit, self.now)
        before = self._searched_until(source)
        (self.home / source.name).mkdir(exist_ok=True)
        write_json(
            self.home / source.name / "search.json",
            {"key": self._search_key(source), "until": until if before is None else max(until, before)},
        )

    # --- doing it ---

    def _work(self, jobs: Sequence[_Job]) -> bool:
        """Make and store passes one after the other; False where the disk took no more."""
        loaded = _read_ahead(jobs, self._load, self._readers())
        try:
            for done, (job, scene) in enumerate(loaded, start=1):
                record, percent = self._make(job, scene)
                try:
                    record = write_record(record, percent, self.corridor, self.home / job.source.name)
                    self.newest[job.source.name][record.pass_id] = record
                    self.damaged[job.source.name].pop(record.pass_id, None)
                    if self.reference is None and record.state == "water":
                        self._try_reference()
                except OSError as err:
                    reason = f"could not be written to {self.home} ({err}); nothing more was fetched, make room there"
                    self.skipped.append(Skipped(job.ref.pass_id, reason))
                    return False
                if record.state == "failed":
                    self.tried.add(record.pass_id)
                if record.state != "water":
                    self.skipped.append(left_out(record)._replace(reason=record.reason))
                self.say(f"{done}/{len(jobs)} {record.pass_id}: {record.reason or record.state}")
        finally:
            loaded.close()
        return True

    def _readers(self) -> int:
        from erosion.satellite.passes import pass_bytes

        largest = max((pass_bytes(source, self.corridor) for source in self.sources), default=1)
        return int(np.clip(IN_FLIGHT_BYTES // largest, 1, 3))

    def _load(self, job: _Job) -> xr.Dataset | Exception:
        try:
            return self.drivers[job.source.name].load_pass(job.ref, job.source, self.corridor)
        except (SourceError, ContractError, OSError) as err:
            return err

    def _make(self, job: _Job, scene: xr.Dataset | Exception) -> tuple[PassRecord, NDArray[np.uint8] | None]:
        from erosion.water.classification.reference import WaterReference
        from erosion.water.classification.water import Unusable

        record = PassRecord(
            pass_id=job.ref.pass_id,
            source=job.source.name,
            sensor=job.source.sensor,
            platform="",
            time=in_utc(job.ref.time),
            available_at=job.available_at,
            seen_at=self.now,
            items_hash=job.ref.items_hash,
            revision=job.revision,
            state="failed",
            reason="",
            geo_rmse_m=job.source.geo_rmse_m,
            native_m=job.source.pixel_m,
            scene_ids=(),
            facts={},
            processing=self.processing,
            corridor=self.corridor.digest,
            settings=self._settings(job.source),
        )
        if isinstance(scene, Exception):
            return dataclasses.replace(record, reason=f"could not be read, tried again next night: {scene}"), None
        known = None if self.reference is None else WaterReference(self.reference.percent, established=True)
        try:
            result = self.to_water(scene, self.corridor, self.region.scenes, known)
        except (SourceError, ContractError, OSError) as err:
            return dataclasses.replace(record, reason=f"could not be read, tried again next night: {err}"), None
        record = dataclasses.replace(
            record,
            platform=str(scene.attrs["platform"]),
            geo_rmse_m=float(scene.attrs["geo_rmse_m"]),
            native_m=float(scene.attrs["native_m"]),
            scene_ids=tuple(str(item) for item in scene.attrs["scene_ids"]),
        )
        if self.reference is not None:
            available_at = max(job.available_at, self.reference.available_at)
            record = dataclasses.replace(record, reference=self.reference.id, available_at=available_at)
        if isinstance(result, Unusable):
            return dataclasses.replace(record, state="unusable", reason=result.reason), None
        return dataclasses.replace(record, state="water", facts=result.facts), result.percent

    def _mend_reference(self) -> None:
        """Make a lost reference again, from the passes it was made of where they are still whole."""
        listed = reference_passes(self.store, self.region, self.corridor)
        if listed:
            found = {
                record.path.stem: record
                for source in self.sources
                for record in records(self.store, self.region, source)
                if record.path.stem in listed and damage(record) is None
            }
            members = [found[name] for name in listed if name in found]
            if len(members) == len(listed):
                self.reference = make_reference(members, self.region, self.corridor, self.store, Looks())
            state = "made again from other passes, and every pass with it" if self.reference is None else "made again"
            self.skipped.append(Skipped("reference.tif", f"the stored reference is damaged; it is {state}"))
        if self.reference is None:
            self._try_reference()

    def _try_reference(self) -> None:
        """Make the reference as soon as enough passes of the most trusted season are there."""
        sensors = {source.sensor for source in self.sources}
        sensor = "optical" if "optical" in sensors else "radar"
        months = self.region.seasons[0].months if self.region.seasons else range(1, 13)
        candidates = [
            record
            for records_ in self.newest.values()
            for record in records_.values()
            if record.state == "water"
            and record.sensor == sensor
            and record.time.month in months
            and record.corridor == self.corridor.digest
            and record.pass_id not in self.damaged[record.source]
        ]
        candidates.sort(key=lambda r: (r.available_at, r.time, r.pass_id))
        self.reference = make_reference(candidates, self.region, self.corridor, self.store, self.looks)
        if self.reference is not None:
            self.say(f"reference {self.reference.id} is made; what was stored before is laid on it")


def _damaged(record: PassRecord, problem: str) -> Skipped:
    return Skipped(
        f"{record.pass_id}.r{record.revision}.json",
        f"the stored pass is damaged ({problem}); the next night makes it anew",
    )


def _read_ahead(
    jobs: Iterable[_Job], load: Callable[[_Job], xr.Dataset | Exception], readers: int
) -> Generator[tuple[_Job, xr.Dataset | Exception], None, None]:
    """Load scenes a few at a time while others are worked on; they come in order, and never more than a few are there."""
    waiting: deque[tuple[_Job, Future[xr.Dataset | Exception]]] = deque()
    todo = iter(jobs)
    pool = ThreadPoolExecutor(readers)
    try:
        for job in todo:
            waiting.append((job, pool.submit(load, job)))
            if len(waiting) >= readers:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _drivers() -> Mapping[str, Driver]:
    from erosion.satellite import scene_folder, stac

    return {"stac": stac, "scene_folder": scene_folder}
