"""Bring the scene store of a reach up to a date: a night fetches and classifies only what is new.

See docs/scenes.md for the layout. Nothing stored is ever changed by what comes later: a pass that the provider publishes
again, that a new method classifies, or that is co-registered to the reference becomes a further revision, and a product
of an old date goes on reading the one that was known then.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
from filelock import FileLock, Timeout

from erosion.config.drivers import driver
from erosion.config.scenes import SceneSource
from erosion.core.contracts import ContractError, as_of_instant, in_utc
from erosion.core.errors import Skipped, SourceError
from erosion.satellite.corridor import Corridor
from erosion.satellite.grouping import PassRef
from erosion.water.classification import water
from erosion.water.scenes.making import Job, ToWater, make_pass, read_ahead, readers_for
from erosion.water.scenes.pass_records import PassRecord, damage, home_of, left_out, records, write_record
from erosion.water.scenes.scene_reference import ClearCount, make_reference, read_reference, reference_passes
from erosion.water.scenes.search import (
    Driver,
    SearchNote,
    Span,
    day_in_name,
    merged,
    recent_span,
    search_key,
    spans_of_days,
)
from erosion.water.scenes.stored import Recipe, Stored, read_stored, settings_of

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


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
    to_water: ToWater = water.water_of,
    processing: int = water.METHOD,
) -> list[Skipped]:
    """Return what could not be used of the scene sources of a reach; what is new or changed is fetched, classified, stored.

    A pass is stored before the next one is begun, so an interrupted night loses one pass at most and the next night
    goes on where it ended.

    Parameters
    ----------
    region
        A region of one reach: its scene sources, rules and seasons.
    corridor
        Pixels that are read.
    store
        Directory of the scene store.
    as_of
        Passes that became available later are left for a later date.
    now
        Time of this night, UTC: what is found now was first available to this machine then; its clock when None.
    full
        Search all years again, not only the last weeks.
    new_reference
        Make the reference anew, and then every pass with it.
    drivers
        Driver of each kind of source.
    to_water
        Classification of a pass.
    processing
        Version of its method; passes made by another one are made anew.

    Returns
    -------
    list of Skipped
        Searches that failed, passes that failed or cannot be used, passes that were published again, and stored ones
        that were damaged. One entry that reports it where another refresh is at work.
    """
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
        night = _Night(region, corridor, store, as_of_instant(as_of), clock, full, drivers, to_water, processing)
        return night.run()
    finally:
        lock.release()


class _Night:
    """One refresh; a class because its settings are bound once and its list of what was skipped grows everywhere."""

    def __init__(
        self,
        region: Region,
        corridor: Corridor,
        store: Path,
        limit: pd.Timestamp,
        now: pd.Timestamp,
        full: bool,
        drivers: Mapping[str, Driver] | None,
        to_water: ToWater,
        processing: int,
    ) -> None:
        self.region, self.corridor, self.store, self.home = region, corridor, store, home_of(store, region)
        self.limit, self.now, self.full = limit, now, full
        self.to_water, self.processing = to_water, processing
        self.sources = region.scene_sources
        self.drivers = {
            source.name: driver(source.driver) if drivers is None else drivers[source.driver] for source in self.sources
        }
        # What is in no season would be read and classified for nothing.
        self.months = {month for season in region.seasons for month in season.months}
        self.notes = {
            source.name: SearchNote(
                self.home / source.name / "search.json", search_key(source, region, corridor, self.months)
            )
            for source in self.sources
        }
        self.reference = read_reference(store, region, corridor)
        self.stored: dict[str, Stored] = {}
        self.tried: set[str] = set()
        self.unsearched: set[str] = set()
        self.clear_count = ClearCount()
        self.skipped: list[Skipped] = []

    def run(self) -> list[Skipped]:
        for source in self.sources:
            self.stored[source.name], damaged = read_stored(self.store, self.region, source)
            self.skipped += damaged
        if self.reference is None:
            self._mend_reference()
        # A second turn only where the reference was made in the first one: earlier passes are co-registered to it.
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
                    self.notes[source.name].write(self.limit, self.now)
                except OSError as err:
                    reason = f"what was searched could not be noted in {self.home} ({err}); make room there"
                    self.skipped.append(Skipped(source.name, reason))
        return self.skipped

    def _recipe(self, source: SceneSource) -> Recipe:
        reference = None if self.reference is None else self.reference.id
        settings = settings_of(source, self.region.scenes)
        return Recipe(self.processing, self.corridor.digest, settings, reference)

    # --- what there is to do ---

    def _jobs(self, source: SceneSource, *, recent: bool) -> list[Job]:
        """Return the passes of a source, searched here, that have to be made."""
        stored, recipe = self.stored[source.name], self._recipe(source)
        until = self.notes[source.name].until(self.now)
        jobs = []
        for ref in self._search(source, self._spans(source, recipe, until, recent)):
            if ref.pass_id in self.tried or not self._in_order(ref):
                continue
            record = stored.newest.get(ref.pass_id)
            available_at = self._known_from(ref, record, until)
            revision = 0
            if record is not None:
                changed = record.items_hash != ref.items_hash
                if not changed and not stored.is_stale(record, recipe):
                    continue
                again = record.state == "failed" or stored.damaged.get(ref.pass_id) == record.revision
                revision = record.revision + (not again)
                if changed and record.state != "failed":
                    used = f"products from {available_at:%Y-%m-%d} on use revision {revision}, earlier ones keep the old one"
                    self.skipped.append(Skipped(ref.pass_id, f"was published again; {used}", usual=True))
            revision = max(revision, stored.damaged.get(ref.pass_id, 0))
            jobs.append(Job(ref, source, revision, available_at))
        return jobs

    def _search(self, source: SceneSource, spans: Sequence[Span]) -> list[PassRef]:
        """Return the passes that a source has in some stretches of time, each once."""
        known = {pass_id: record.items_hash for pass_id, record in self.stored[source.name].newest.items()}
        refs: dict[str, PassRef] = {}
        for start, end in spans:
            try:
                found, others = self.drivers[source.name].find_passes(
                    source, self.region, self.corridor, start, end, known
                )
            except SourceError as err:
                found, others = [], [Skipped(source.name, str(err))]
            # What is reported of the source itself: it was not read to its end.
            if any(item.scene == source.name for item in others):
                self.unsearched.add(source.name)
            refs.update((ref.pass_id, ref) for ref in found)
            listed = set(self.skipped)
            self.skipped += [item for item in others if item not in listed]
        return list(refs.values())

    def _spans(self, source: SceneSource, recipe: Recipe, until: pd.Timestamp | None, recent: bool) -> list[Span]:
        """Return the stretches of time to search: the last weeks, and the days of passes to be made again."""
        stored = self.stored[source.name]
        since = pd.Timestamp(self.region.scenes.since, tz="UTC")
        times = [record.time for record in stored.stale(recipe)]
        for pass_id in set(stored.damaged) - set(stored.newest):
            day = day_in_name(pass_id)
            if day is None:
                return [(since, self.limit)]
            times.append(day)
        spans = spans_of_days(times, since, self.limit)
        if recent:
            spans.append(recent_span(since, until, self.limit, full=self.full))
        return merged(spans)

    def _in_order(self, ref: PassRef) -> bool:
        """Return True for a pass that can be made now; one that will be available later is not listed."""
        if not _FILE_NAME.fullmatch(ref.pass_id):
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
        """Return the instant at which what is now to be made could first be had, UTC.

        A source states when its scenes can usually be had. Where a search after that time did not find the pass, or
        found other items, it is known from now on and not before: a product of an old date did not have it.
        """
        stated = max(ref.available_at, ref.time)
        if record is None:
            late = until is not None and stated <= until and ref.pass_id not in self.stored[ref.source].damaged
            return max(stated, self.now) if late else stated
        if record.items_hash == ref.items_hash:
            return record.available_at
        return stated if stated > record.available_at else max(stated, self.now)

    # --- doing it ---

    def _work(self, jobs: Sequence[Job]) -> bool:
        """Return False where the disk took no more; passes are made and stored one after the other."""
        loaded = read_ahead(jobs, self._load, readers_for(self.sources, self.corridor))
        try:
            for done, (job, scene) in enumerate(loaded, start=1):
                record, percent = make_pass(
                    job,
                    scene,
                    self.corridor,
                    self.region.scenes,
                    self.reference,
                    self._recipe(job.source),
                    self.to_water,
                    self.now,
                )
                try:
                    record = write_record(record, percent, self.corridor, self.home / job.source.name)
                    self.stored[job.source.name].put(record)
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
                _log.info(f"{done}/{len(jobs)} {record.pass_id}: {record.reason or record.state}")
        finally:
            loaded.close()
        return True

    def _load(self, job: Job) -> xr.Dataset | Exception:
        try:
            return self.drivers[job.source.name].load_pass(job.ref, job.source, self.corridor)
        except (SourceError, ContractError, OSError) as err:
            return err

    # --- the reference ---

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
                self.reference = make_reference(members, self.region, self.corridor, self.store, ClearCount())
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
            for stored in self.stored.values()
            for record in stored.newest.values()
            if record.state == "water"
            and record.sensor == sensor
            and record.time.month in months
            and record.corridor == self.corridor.digest
            and record.pass_id not in stored.damaged
        ]
        candidates.sort(key=lambda r: (r.available_at, r.time, r.pass_id))
        self.reference = make_reference(candidates, self.region, self.corridor, self.store, self.clear_count)
        if self.reference is not None:
            _log.info(f"reference {self.reference.id} is made; earlier passes are co-registered to it")
