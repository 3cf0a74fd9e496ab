"""The stages in order, for one region and one date: atomic, idempotent, one at a time, and open about what failed.

A run works in a directory of its own and renames it into place, then records itself in the ledger, then lists itself in
``published.json``. A crash at any point leaves what was published before whole; the next run picks up where the last
one got to.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import geopandas as gpd
import pandas as pd
import xarray as xr

from erosion.alerts import ledger
from erosion.alerts.crosswalk import crosswalk
from erosion.alerts.levels import decide
from erosion.alerts.states import carry, issue_time
from erosion.alerts.trigger_night import Night, night_of
from erosion.banks.as_of import NothingKnownError, baseline_on, knowledge_on, observe_region, sound_epochs
from erosion.banks.channel import ChannelError
from erosion.banks.common_shift import questioned
from erosion.banks.segments import Baseline
from erosion.config.region import Region
from erosion.config.store import store_of
from erosion.core.contracts import CONTRACT_VERSION, TRIGGER_COLUMNS
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import sha256_of, sync, write_json
from erosion.features import make_features
from erosion.forecast.model import FeatureMismatchError
from erosion.forecast.release import Release, ReleaseError, find_release, load_release, models_of
from erosion.gauges import series as gauge_series
from erosion.gauges.hydrograph import hydrograph, stations
from erosion.gauges.series import Fetched
from erosion.nightly.identity import files_digest, identify, inputs_of
from erosion.nightly.layers import Made, history_table, kept_rows, level_lengths, score, segment_layer
from erosion.nightly.published import (
    DEGRADED,
    NOT_PUBLISHED,
    PUBLISHED,
    RunError,
    damage_message,
    damage_of,
    finish_attempt,
    list_published,
    start_attempt,
)
from erosion.publish import ExportError, write_all
from erosion.publish.gauges import write_gauges
from erosion.publish.integrity import CHANGED, MANIFEST
from erosion.water import read as sources

EXPECTED = (
    RunError,
    SourceError,
    NothingKnownError,
    ChannelError,
    ReleaseError,
    FeatureMismatchError,
    ExportError,
    ledger.LedgerError,
    OSError,
)
"""What can go wrong with inputs and disks; anything else is a mistake in the program and is shown as one."""

MEMORY = ("decisions.parquet", "crosswalk.parquet")
"""Files of a run that are for the ledger and the next run, not for readers."""
PACKAGES = ("erosion", "numpy", "pandas", "xarray", "rasterio", "geopandas", "lightgbm")


class Seen(NamedTuple):
    """What was read of one reach."""

    region: Region
    """The region, of this reach alone."""
    water: xr.Dataset
    skipped: list[Skipped]
    past: list[Skipped]
    """Those of them that are masks in pieces older than the newest sound one: they are listed, but harm nothing."""


class WaterLevels(NamedTuple):
    """What the gauges of a region told."""

    series: pd.DataFrame
    """``contracts.GAUGE_COLUMNS``."""
    forecasts: pd.DataFrame
    """``contracts.GAUGE_FORECAST_COLUMNS``."""


NOT_TONIGHT = (SourceError, NothingKnownError, ChannelError)
"""What keeps a reach from being made; the other reaches go on."""


@dataclass
class Progress:
    """Timings and messages of a run as it goes."""

    say: Callable[[str], None]
    stages: list[dict[str, Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; one that is entered for each reach is timed in all."""
        started = time.perf_counter()
        yield
        took = time.perf_counter() - started
        entry = next((stage for stage in self.stages if stage["stage"] == name), None)
        if entry is None:
            self.stages.append(entry := {"stage": name, "seconds": 0.0})
        entry["seconds"] = round(entry["seconds"] + took, 3)


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes
    ----------
    exit_code
        0 fine, 1 not published, 2 published but degraded.
    directory
        The published directory, None where nothing was published.
    messages
        What was missing, stale or went wrong, in words.
    new
        False where the same inputs had been published before and nothing was done.
    baselines
        Reach to baseline of a run that was made now, to save cutting it again when the run is held against what
        followed.
    """

    exit_code: int
    directory: Path | None
    messages: tuple[str, ...]
    new: bool = True
    baselines: Mapping[str, Baseline] = field(default_factory=dict, repr=False, compare=False)


def run(
    region: Region,
    as_of: pd.Timestamp,
    out: Path,
    *,
    models: Path | None = None,
    release: str | None = None,
    ledger_url: str | None = None,
    fetch: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Run every stage for one date and publish the result.

    Parameters
    ----------
    region
        What to run.
    as_of
        The date; only what was available by then is used.
    out
        Directory of products; the run goes to ``out/<region>/<as_of>-<hash>/``.
    models
        Directory of model releases; see :func:`erosion.forecast.release.models_of` when None.
    release
        Name of a release to use instead of the newest one that existed on the date. A release that saw later data
        makes the run degraded, and says so.
    ledger_url
        SQLAlchemy URL of the ledger; ``out/ledger.sqlite`` when None.
    fetch
        Ask the catalogues of scenes for what is new; without, a run reads what the store holds.
    say
        Called with lines of progress.

    Returns
    -------
    Result

    Raises
    ------
    RunError
        If nothing can be written to ``out``, not even that the run failed.
    """
    from filelock import FileLock, Timeout

    home = out / region.name
    lock = FileLock(home / ".lock", blocking=False)
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        message = f"another run of {region.name} is at work in {home}; this one leaves it alone"
        return Result(NOT_PUBLISHED, None, (message,))
    except OSError as error:
        raise RunError(_unwritable(home, error)) from error
    # The operating system lets go of the lock when the process ends, however it ends.
    try:
        return _run_locked(region, as_of, out, models or models_of(region.path), release, ledger_url, fetch, say)
    finally:
        lock.release()


def _run_locked(
    region: Region,
    as_of: pd.Timestamp,
    out: Path,
    models: Path,
    release: str | None,
    ledger_url: str | None,
    fetch: bool,
    say: Callable[[str], None],
) -> Result:
    home = out / region.name
    started = datetime.now(UTC)
    try:
        attempt = start_attempt(home, as_of, started)
    except OSError as error:
        raise RunError(_unwritable(home, error)) from error
    for left in home.glob(".tmp-*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in home.glob(".*.new"):  # of a run that was killed while it replaced a file
        left.unlink(missing_ok=True)
    engine = None
    try:
        engine = ledger.open_ledger(ledger_url or out / "ledger.sqlite")
        result = _publish(region, as_of, out, models, release, engine, fetch, Progress(say), started)
    except Exception as error:
        expected = isinstance(error, EXPECTED)
        reason = str(error) if expected else f"the program failed: {type(error).__name__}: {error}"
        message = f"{region.name} {as_of:%Y-%m-%d} was not published: {reason}"
        if engine is not None:
            _record_failure(engine, region, as_of, started, message, say)
        result = Result(NOT_PUBLISHED, None, (message,))
        finish_attempt(home, attempt, result.exit_code, result.messages, say)
        if not expected:
            raise
        return result
    finally:
        if engine is not None:
            engine.dispose()
    finish_attempt(home, attempt, result.exit_code, result.messages, say)
    return result


def _unwritable(home: Path, error: OSError) -> str:
    return f"cannot write to {home} ({error}); mend that, or give another directory with --out"


def _publish(
    region: Region,
    as_of: pd.Timestamp,
    out: Path,
    models: Path,
    release_name: str | None,
    engine: ledger.Ledger,
    fetch: bool,
    progress: Progress,
    started: datetime,
) -> Result:
    home = out / region.name
    unfetched: list[Skipped] = []
    fetched = Fetched({}, [])
    if fetch:
        with progress.stage("fetch"):
            fetched = gauge_series.fetch(region, store_of(region), progress.say)
            unfetched += fetched.skipped
            if region.scene_sources:
                unfetched += _fetch(region, as_of, progress)
    with progress.stage("read"):
        gauges, forecasts, flagged, unread = gauge_series.read(region, store_of(region), as_of, fetched.series)
        seen, missing = _read(region, as_of, gauges, unfetched)
        unfetched += [*_not_repeated(unread, unfetched), *sources.absent_masks(region)]
        skipped = [*sources.together({name: one.skipped for name, one in seen.items()}), *flagged]
        path = models / release_name if release_name else find_release(region.model, as_of, models, region.name)
        release = _load_release(path, files_digest(path))
    previous = ledger.last_run(engine, region.name, before=as_of)
    if previous is not None:
        _report_damage(previous, home, out, progress.say)
    waters = {name: one.water for name, one in seen.items()}
    levels = WaterLevels(gauges, forecasts)
    inputs = inputs_of(region, as_of, waters, missing, gauges, forecasts, skipped, path, previous)
    digest, run_id, recorded = identify(engine, region, as_of, inputs)
    directory = home / run_id.removeprefix(f"{region.name}-")

    made: dict[str, Made] = {}
    manifest = _read_manifest(home, directory, digest)
    done = recorded and manifest is not None
    if manifest is not None:
        manifest = _refetched(directory, manifest, unfetched, asked=fetch)
    if manifest is None:
        if not recorded:
            _refuse_rewriting(engine, region, as_of)
        _check_targets(region, release)
        progress.messages += _warnings(region, as_of, seen, flagged, release)
        made = _make_reaches(region, as_of, seen, gauges, release, missing, progress)
        for name, one in made.items():
            pixel_m = seen[name].region.pixel_m
            reason = questioned(one.known.banks, one.known.baseline, pixel_m)
            progress.messages += (
                [] if reason is None else [f"{name}: {reason}" if seen[name].region.neighbours else reason]
            )
        progress.messages += [
            f"{name} is missing: {reason}; its levels and warnings stay as they were"
            for name, reason in missing.items()
        ]
        manifest = _make(
            region, as_of, made, missing, levels, release, engine, previous, out, directory, inputs, digest, skipped,
            unfetched, progress, started,
        )  # fmt: skip
    _record(engine, region, as_of, directory, run_id, digest, manifest, out)
    list_published(engine, home, region, out, run_id, progress.say)
    if not done:
        progress.say(f"published {directory}")
    code = PUBLISHED if manifest["outcome"] == "published" else DEGRADED
    baselines = {name: one.known.baseline for name, one in made.items()}
    return Result(code, directory, tuple(manifest["messages"]), new=not done, baselines=baselines)


def _fetch(region: Region, as_of: pd.Timestamp, progress: Progress) -> list[Skipped]:
    """Bring the store up to date, reach by reach; what is wrong with a corridor is reported when the reach is read."""
    unfetched = {}
    for one in region.by_reach():
        with suppress(SourceError):
            unfetched[one.reach.name] = sources.fetch_scenes(one, as_of, progress.say)
    return sources.together(unfetched)


def _read(
    region: Region, as_of: pd.Timestamp, gauges: pd.DataFrame, unfetched: Sequence[Skipped]
) -> tuple[dict[str, Seen], dict[str, str]]:
    """Every reach as read, and the reaches of which nothing can be had, with the reason.

    What the search of this attempt left out enters neither: a run is made of what is known, whenever it is asked for.

    Raises
    ------
    RunError or one of NOT_TONIGHT
        If there is none that can be had.
    """
    seen: dict[str, Seen] = {}
    failed: dict[str, Exception] = {}
    for one in region.by_reach():
        name = one.reach.name
        try:
            water, unreadable = sources.read_water(one, as_of, gauges)
        except NOT_TONIGHT as error:
            failed[name] = error
            continue
        sound, broken = sound_epochs(water)
        past = broken if water["epoch"][-1] == sound["epoch"][-1] else broken[:-1]
        seen[name] = Seen(one, sound, [*unreadable, *broken], past)
    if not seen:
        # Why nothing is known may be that nothing could be fetched.
        _stop(failed, [item for item in unfetched if not item.usual])
    return seen, {name: str(error) for name, error in failed.items()}


def _told(items: Sequence[Skipped]) -> list[str]:
    return [f"{item.scene}: {item.reason}" for item in items]


def _stop(failed: Mapping[str, Exception], unfetched: Sequence[Skipped] = ()) -> NoReturn:
    """Say why no reach could be made."""
    if len(failed) == 1 and not unfetched:
        raise next(iter(failed.values()))
    reasons = [str(error) if len(failed) == 1 else f"{name}: {error}" for name, error in failed.items()]
    raise RunError("; ".join([*reasons, *_told(unfetched)]))


def _make_reaches(
    region: Region,
    as_of: pd.Timestamp,
    seen: Mapping[str, Seen],
    gauges: pd.DataFrame,
    release: Release,
    missing: dict[str, str],
    progress: Progress,
) -> dict[str, Made]:
    """Measure and forecast one reach after the other; one whose river cannot be traced is put to the missing ones."""
    made: dict[str, Made] = {}
    failed: dict[str, Exception] = {}
    for name, (one, water, *_) in seen.items():
        try:
            with progress.stage("baseline"):
                baseline = baseline_on(one, water, as_of)
        except NOT_TONIGHT as error:
            failed[name] = error
            continue
        with progress.stage("banks"):
            known = knowledge_on(one, baseline, observe_region(one, water, baseline), gauges, as_of)
        with progress.stage("features"):
            features = make_features(known)
        with progress.stage("forecast"):
            scores = {target.name: score(known, features, release.models, target.name) for target in region.targets}
        made[name] = Made(known, features, scores)
    if not made:
        _stop({**{name: RunError(reason) for name, reason in missing.items()}, **failed})
    missing |= {name: str(error) for name, error in failed.items()}
    return made


def _make(
    region: Region,
    as_of: pd.Timestamp,
    made: Mapping[str, Made],
    missing: Mapping[str, str],
    levels: WaterLevels,
    release: Release,
    engine: ledger.Ledger,
    previous: Mapping[str, Any] | None,
    out: Path,
    directory: Path,
    inputs: Mapping[str, Any],
    digest: str,
    skipped: list[Skipped],
    unfetched: Sequence[Skipped],
    progress: Progress,
    started: datetime,
) -> dict[str, Any]:
    """Make the files of a run in a hidden directory and rename it into place; return the manifest."""
    reaches = list(made.values())
    with progress.stage("alerts"):
        kept, kept_history = _keep(region, missing, previous, out, as_of)
        columns = ["segment_id", "reach", "bank", "baseline", "chainage_m", "geometry"]
        tables = [one.known.baseline.segments[columns] for one in reaches]
        tables += [table[columns] for table in list(kept.values())[:1]]
        segments = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=tables[0].crs)
        walk = _crosswalk(previous, segments, region, out)
        night = None if region.trigger is None else night_of(region, segments, *levels, as_of)
        progress.messages += [] if night is None else night.messages
        decided = {
            target.name: _decide(
                engine, region, target.name, reaches, kept.get(target.name), release, walk, as_of, night
            )
            for target in region.targets
        }
        before = ledger.open_warnings(engine, region.name, before=as_of)
        layers = {
            name: segment_layer(region, name, decided[name], reaches, kept.get(name), release, before, walk, as_of)
            for name in decided
        }
        histories = [*(history_table(one.known) for one in reaches), *kept_history]
        history = histories[0] if len(histories) == 1 else pd.concat(histories, ignore_index=True)
        newest = {str(name): str(baseline) for name, baseline in segments.groupby("reach")["baseline"].max().items()}
    temporary = directory.parent / f".tmp-{directory.name}"
    temporary.mkdir()
    try:
        with progress.stage("export"):
            meta = {"model_id": release.name, "inputs_hash": digest, "skipped": [s._asdict() for s in skipped]}
            files = write_all(temporary, layers, history, region, meta)
            told = hydrograph(*levels, as_of, stations(region.gauge_sources, region.reaches))
            files |= write_gauges(temporary, *told, simulated=region.simulated)
            decisions = pd.concat(
                [table.drop(columns=list(TRIGGER_COLUMNS)).assign(target=name) for name, table in decided.items()],
                ignore_index=True,
            )
            memory = [
                _write_table(temporary / name, table)
                for name, table in zip(MEMORY, (decisions, walk), strict=True)
                if table is not None
            ]
        manifest = {
            "contract_version": CONTRACT_VERSION,
            "region": region.name,
            "simulated": region.simulated,
            "as_of": f"{as_of:%Y-%m-%d}",
            **_account({"messages": progress.messages, "skipped": [s._asdict() for s in skipped]}, unfetched),
            "model_id": release.name,
            "reaches": {
                one.name: {"newest_epoch": newest.get(one.name), "missing": missing.get(one.name)}
                | ({"left_out": list(made[one.name].known.baseline.skipped)} if one.name in made else {})
                for one in region.reaches
            },
            "trigger": None if night is None else night.reaches,
            "newest_epoch": min(newest.values()),
            "data_age_days": (as_of - pd.Timestamp(min(newest.values()))).days,
            "inputs": dict(inputs),
            "inputs_hash": digest,
            "segments": len(segments),
            "levels": {name: level_lengths(table) for name, table in layers.items()},
            "stages": progress.stages,
            "outputs": files,
            "memory": dict(memory),
            "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
            "started_at": started.isoformat(),
            "finished_at": datetime.now(UTC).isoformat(),
        }
        write_json(temporary / "manifest.json", manifest)
        sync(temporary)
        # A directory of this name has lost a file, or its manifest cannot be read: it is made again.
        shutil.rmtree(directory, ignore_errors=True)
        temporary.rename(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)  # a full disk is not made fuller
        raise
    sync(directory.parent)
    return manifest


def _account(read: Mapping[str, Any], unfetched: Sequence[Skipped]) -> dict[str, Any]:
    """Entries of the manifest on what was left out: of what is known, by the newest attempt, and by both together.

    A pass that could not be fetched is listed in both; the search knows the cause in detail.
    """
    known = {(item["scene"], item["reason"]) for item in read["skipped"]}
    items = [item for item in unfetched if (item.scene, item.reason) not in known]
    messages = _told([item for item in items if not item.usual])
    explained = {item.scene for item in items if not item.usual}
    skipped = [item for item in read["skipped"] if item["scene"] not in explained or item["usual"]]
    shorter = set(_told([Skipped(**item) for item in read["skipped"] if item not in skipped]))
    told = [*(message for message in read["messages"] if message not in shorter), *messages]
    return {
        "outcome": "degraded" if told else "published",
        "messages": told,
        "skipped": [*skipped, *(item._asdict() for item in items)],
        "read": dict(read),
        "fetch": [item._asdict() for item in unfetched],
    }


def _not_repeated(unread: Sequence[Skipped], unfetched: Sequence[Skipped]) -> list[Skipped]:
    """Items of a reading that do not tell again what the fetch before it has told."""
    told = [(item.scene, item.reason) for item in unfetched]
    return [
        item for item in unread if not any(item.scene == scene and item.reason.startswith(why) for scene, why in told)
    ]


def _refetched(
    directory: Path, manifest: dict[str, Any], unfetched: Sequence[Skipped], *, asked: bool
) -> dict[str, Any]:
    """Manifest of a run that was made before, with what this attempt left out.

    An attempt that asked no source cannot know whether what an earlier one could not fetch is there now: it only adds.
    """
    if not asked:
        before = [Skipped(**item) for item in manifest["fetch"]]
        unfetched = [*before, *_not_repeated(unfetched, before)]
    newest = manifest | _account(manifest["read"], unfetched)
    if newest != manifest:
        write_json(directory / "manifest.json", newest)
    return newest


def _keep(
    region: Region, missing: Mapping[str, str], previous: Mapping[str, Any] | None, out: Path, as_of: pd.Timestamp
) -> tuple[dict[str, gpd.GeoDataFrame], list[pd.DataFrame]]:
    """Take over what the run before published of reaches that are missing: target to segments, and their history."""
    if not missing or previous is None:
        return {}, []
    names = [f"segments_{target.name}.parquet" for target in region.targets]
    home = _product_before(previous, region, out, [*names, "history.parquet"])
    kept = {}
    for target in region.targets:
        path = home / f"segments_{target.name}.parquet"
        rows = kept_rows(gpd.read_parquet(path), missing, region.crs, as_of) if path.is_file() else None
        if rows is not None:
            kept[target.name] = rows
    if not kept:
        return {}, []
    history = pd.read_parquet(home / "history.parquet").astype({"segment_id": str})
    return kept, [history[history["segment_id"].isin(next(iter(kept.values()))["segment_id"])]]


def _decide(
    engine: ledger.Ledger,
    region: Region,
    target: str,
    made: Sequence[Made],
    kept: gpd.GeoDataFrame | None,
    release: Release,
    walk: pd.DataFrame | None,
    as_of: pd.Timestamp,
    night: Night | None,
) -> pd.DataFrame:
    """Decide the levels of all reaches together, those that are kept among them."""
    tables = [
        one.scores[target].assign(
            chainage_m=one.known.baseline.segments["chainage_m"].to_numpy(),
            bank=one.known.baseline.segments["bank"].to_numpy(),
            kept=False,
        )
        for one in made
    ]
    if kept is not None:
        tables.append(pd.DataFrame(kept.drop(columns="geometry")).assign(as_of=as_of, coverage=1.0, kept=True))
    scores = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True, join="inner")
    remembered = carry(ledger.previous_states(engine, region.name, target, as_of), walk)
    if night is not None:
        scores = scores.join(night.table, on="segment_id", validate="one_to_one")
    thresholds, trigger = release.models[target].thresholds, None if night is None else region.trigger
    decided = decide(scores, remembered, thresholds, region.policy, as_of, trigger)
    carried = ("p_event", "chainage_m", "bank", *TRIGGER_COLUMNS)
    return decided.assign(**{name: scores[name].to_numpy() if name in scores else None for name in carried})


def _report_damage(previous: Mapping[str, Any], home: Path, out: Path, say: Callable[[str], None]) -> None:
    """Report damaged files of the run before; those that this run needs stop it later."""
    directory = out / previous["product"]
    damaged = damage_of(home, directory) if directory.is_dir() else {}
    if damaged:
        say(damage_message(directory, damaged, f"{previous['as_of']:%Y-%m-%d}"))


def _product_before(previous: Mapping[str, Any], region: Region, out: Path, names: Sequence[str]) -> Path:
    """Directory of the run before, whose files of these names are there and whole."""
    directory = out / previous["product"]
    if not (directory / f"segments_{region.targets[0].name}.parquet").is_file():
        raise RunError(
            f"the product of the run before, {directory}, is gone; its segments are needed to carry warnings on. "
            f"Restore it, or run {previous['as_of']:%Y-%m-%d} again"
        )
    damaged = damage_of(out / region.name, directory)
    # Without a manifest that can be read nobody knows whether the others are whole.
    unknown = damaged.get(MANIFEST, CHANGED) != CHANGED
    needed = {name: fault for name, fault in damaged.items() if name in names or (unknown and name == MANIFEST)}
    if needed:
        reason = damage_message(directory, needed, f"{previous['as_of']:%Y-%m-%d}")
        raise RunError(f"{reason}; its segments are needed to carry warnings on")
    return directory


def _crosswalk(
    previous: Mapping[str, Any] | None, segments: gpd.GeoDataFrame, region: Region, out: Path
) -> pd.DataFrame | None:
    """Say where the segments of the run before went; None where the baseline is the same."""
    if previous is None:
        return None
    name = f"segments_{region.targets[0].name}.parquet"
    path = _product_before(previous, region, out, [name]) / name
    old = gpd.read_parquet(path, columns=["segment_id", "reach", "bank", "baseline", "geometry"])
    if set(zip(old["segment_id"], old["baseline"], strict=True)) == set(
        zip(segments["segment_id"], segments["baseline"], strict=True)
    ):
        return None
    return crosswalk(old.to_crs(segments.crs), segments, region.segments.corridor_m)


def _warnings(
    region: Region, as_of: pd.Timestamp, seen: Mapping[str, Seen], flagged: list[Skipped], release: Release
) -> list[str]:
    """Say what makes a run degraded."""
    # A mask of long ago that is in pieces is listed and past.
    told = {name: [item for item in one.skipped if item not in one.past] for name, one in seen.items()}
    messages = _told([item for item in [*sources.together(told), *flagged] if not item.usual])
    for name, one in seen.items():
        of_reach = f"{name}: " if one.region.neighbours else ""
        if one.water.sizes["epoch"] == 1:
            messages.append(
                f"{of_reach}only one observation of the banks is known, nothing can be said of how they move: every "
                "level is unknown"
            )
        age = (as_of - pd.Timestamp(one.water["epoch"].to_numpy()[-1])).days
        if age > region.policy.stale_after_days:
            messages.append(
                f"{of_reach}the newest observation of the banks is {age} days old, more than the policy's "
                f"{region.policy.stale_after_days:g}: every level is unknown"
            )
    if release.data_until > as_of:
        messages.append(f"hindsight: model {release.name} saw data later than {as_of:%Y-%m-%d}")
    return messages


def _check_targets(region: Region, release: Release) -> None:
    """Refuse a release whose targets mean something else than the region's of the same name."""
    for target in region.targets:
        model = release.models.get(target.name)
        if model is None:
            raise ReleaseError(
                f"{release.name} has no target {target.name}, only {', '.join(release.models)}; "
                f"mend targets in {region.path}, or train a release for this region"
            )
        if model.target != target:
            raise ReleaseError(
                f"{release.name} forecasts {model.target.threshold_m:g} m in {model.target.horizon_days} days as "
                f"{target.name}, {region.path} asks for {target.threshold_m:g} m in {target.horizon_days} days; "
                "make them the same, or train a release for this region"
            )


@lru_cache(maxsize=8)
def _load_release(path: Path, _content: str) -> Release:
    """Read a release once for all dates of a replay that use it."""
    return load_release(path)


def _refuse_rewriting(engine: ledger.Ledger, region: Region, as_of: pd.Timestamp) -> None:
    newest = ledger.last_run(engine, region.name)
    if newest is not None and newest["as_of"] > issue_time(as_of):
        raise ledger.LedgerError(
            f"{region.name} is on record up to {newest['as_of']:%Y-%m-%d}, and a run for {as_of:%Y-%m-%d} with other "
            "inputs than before would rewrite the past; give it a product directory of its own with --out"
        )


def _record(
    engine: ledger.Ledger,
    region: Region,
    as_of: pd.Timestamp,
    directory: Path,
    run_id: str,
    digest: str,
    manifest: Mapping[str, Any],
    out: Path,
) -> None:
    decisions, walk = (pd.read_parquet(directory / name) if name in manifest["memory"] else None for name in MEMORY)
    assert decisions is not None
    ledger.record_run(
        engine,
        ledger.Run(
            run_id=run_id,
            region=region.name,
            as_of=as_of,
            started_at=datetime.fromisoformat(manifest["started_at"]),
            finished_at=datetime.fromisoformat(manifest["finished_at"]),
            outcome=manifest["outcome"],
            model_id=manifest["model_id"],
            inputs_hash=digest,
            product=directory.relative_to(out).as_posix(),
            manifest={key: manifest[key] for key in ("messages", "levels", "segments", "newest_epoch")},
            simulated=region.simulated,
        ),
        {str(name): table.drop(columns="target") for name, table in decisions.groupby("target")},
        walk,
        warning_from_level=region.policy.warning_from_level,
    )


def _record_failure(
    engine: ledger.Ledger,
    region: Region,
    as_of: pd.Timestamp,
    started: datetime,
    message: str,
    say: Callable[[str], None],
) -> None:
    try:
        ledger.record_failure(
            engine,
            ledger.Run(
                run_id=f"{region.name}-{as_of:%Y-%m-%d}",
                region=region.name,
                as_of=as_of,
                started_at=started,
                finished_at=datetime.now(UTC),
                outcome="failed",
                manifest={"messages": [message]},
                simulated=region.simulated,
            ),
        )
    except (ledger.LedgerError, OSError) as error:
        say(f"the failure could not be recorded in the ledger either: {error}")


def _read_manifest(home: Path, directory: Path, digest: str) -> dict[str, Any] | None:
    """Return the manifest of a directory whose files are all there and unchanged, None otherwise."""
    if damage_of(home, directory):
        return None
    manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    return manifest if manifest.get("inputs_hash") == digest else None


def _write_table(path: Path, table: pd.DataFrame) -> tuple[str, str]:
    """Write a table, bring it to the disk and return its name and digest."""
    table.to_parquet(path, index=False)
    with path.open("rb+") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())
    return path.name, sha256_of(path)
