"""The stages in order, for one region and one date: atomic, idempotent, one at a time, and open about what failed.

A run works in a directory of its own and renames it into place, then records itself in the ledger, then lists itself in
``published.json``. A crash at any point leaves what was published before whole; the next run picks up where the last
one got to.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import sqlalchemy as sa
import xarray as xr

from erosion import alerts, ledger, sources
from erosion.asof import NothingKnownError, baseline_on, data_age_days, knowledge_on, observe_region, sound_epochs
from erosion.catalog import Skipped, SourceError, load_source
from erosion.channel import ChannelError
from erosion.contracts import CONTRACT_VERSION
from erosion.export import ExportError, write_all
from erosion.features import make_features
from erosion.features.registry import Knowledge
from erosion.forecast import FeatureMismatchError
from erosion.layers import history_table, level_lengths, score, segment_layer
from erosion.published import (
    DEGRADED,
    NOT_PUBLISHED,
    PUBLISHED,
    RunError,
    finish_attempt,
    list_published,
    start_attempt,
    sync,
    write_json,
)
from erosion.region import Region
from erosion.release import Release, ReleaseError, find_release, load_release, models_of
from erosion.segments import Baseline, crosswalk

EXPECTED = (
    RunError,
    SourceError,
    NothingKnownError,
    ChannelError,
    ReleaseError,
    FeatureMismatchError,
    ExportError,
    ledger.LedgerError,
    sa.exc.SQLAlchemyError,
    OSError,
)
"""What can go wrong with inputs and disks; anything else is a mistake in the program and is shown as one."""

MEMORY = ("decisions.parquet", "crosswalk.parquet")
"""Files of a run that are for the ledger and the next run, not for readers."""
PLACES = ("path", "described_in", "area")
"""Settings that say where files lie; what is in them is told by the hash of the observations."""

PACKAGES = ("erosion", "numpy", "pandas", "xarray", "rasterio", "geopandas", "lightgbm")


@dataclass
class Progress:
    """Timings and messages of a run as it goes."""

    say: Callable[[str], None]
    stages: list[dict[str, Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        started = time.perf_counter()
        yield
        self.stages.append({"stage": name, "seconds": round(time.perf_counter() - started, 3)})


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
    baseline
        Baseline of a run that was made now, to save cutting it again when the run is held against what followed.
    """

    exit_code: int
    directory: Path | None
    messages: tuple[str, ...]
    new: bool = True
    baseline: Baseline | None = field(default=None, repr=False, compare=False)


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
        Directory of model releases; see :func:`erosion.release.models_of` when None.
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
    with lock:
        return _run_locked(region, as_of, out, models or models_of(region.path), release, ledger_url, fetch, say)


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
    engine: sa.Engine,
    fetch: bool,
    progress: Progress,
    started: datetime,
) -> Result:
    home = out / region.name
    unfetched: list[Skipped] = []
    if fetch and sources.has_scenes(region):
        with progress.stage("fetch"):
            unfetched = sources.fetch_scenes(region, as_of, progress.say)
    with progress.stage("read"):
        with ThreadPoolExecutor(1) as pool:  # masks and gauges keep a processor each busy
            reading = pool.submit(sources.read_gauges, region, as_of)
            seen, unread = sources.read_water(region, as_of)
            water, broken = sound_epochs(seen)
            gauges, unread_gauges = reading.result()
        unread = list(dict.fromkeys([*unfetched, *unread]))
        skipped = [*unread, *broken, *unread_gauges]
        # A mask of long ago that is in pieces is listed and past; the newest one makes tonight's picture older.
        newest_broken = broken[-1:] if seen["epoch"][-1] != water["epoch"][-1] else []
        path = models / release_name if release_name else find_release(region.model, as_of, models)
        release = _load_release(path, _files_digest(path))
    previous = ledger.last_run(engine, region.name, before=as_of)
    inputs = _inputs(region, as_of, water, gauges, skipped, path, previous)
    digest, run_id, recorded = _identify(engine, region, as_of, inputs)
    directory = home / run_id.removeprefix(f"{region.name}-")

    baseline = None
    manifest = _read_manifest(directory, digest)
    done = recorded and manifest is not None
    if manifest is None:
        if not recorded:
            _refuse_rewriting(engine, region, as_of)
        _check_targets(region, release)
        progress.messages += _warnings(region, as_of, water, [*unread, *newest_broken, *unread_gauges], release)
        with progress.stage("baseline"):
            baseline = baseline_on(region, water, as_of)
        manifest = _make(
            region, as_of, water, gauges, baseline, release, engine, previous, out, directory, inputs, digest,
            skipped, progress, started,
        )  # fmt: skip
    _record(engine, region, as_of, directory, run_id, digest, manifest, out)
    list_published(engine, home, region, out)
    if not done:
        progress.say(f"published {directory}")
    code = PUBLISHED if manifest["outcome"] == "published" else DEGRADED
    return Result(code, directory, tuple(manifest["messages"]), new=not done, baseline=baseline)


def _make(
    region: Region,
    as_of: pd.Timestamp,
    water: xr.Dataset,
    gauges: pd.DataFrame,
    baseline: Baseline,
    release: Release,
    engine: sa.Engine,
    previous: Mapping[str, Any] | None,
    out: Path,
    directory: Path,
    inputs: Mapping[str, Any],
    digest: str,
    skipped: list[Skipped],
    progress: Progress,
    started: datetime,
) -> dict[str, Any]:
    """Make the files of a run in a hidden directory and rename it into place; return the manifest."""
    with progress.stage("banks"):
        known = knowledge_on(region, baseline, observe_region(region, water, baseline), gauges, as_of)
    with progress.stage("features"):
        features = make_features(known)
    with progress.stage("forecast"):
        scores = {target.name: score(known, features, release.models, target.name) for target in region.targets}
    with progress.stage("alerts"):
        walk = _crosswalk(previous, baseline.segments, region, out)
        decided = {
            target.name: _decide(engine, region, target.name, scores[target.name], known, release, walk, as_of)
            for target in region.targets
        }
        before = ledger.open_warnings(engine, region.name, before=as_of)
        layers = {
            name: segment_layer(
                region, name, decided[name], scores[name], features, known, release, before, walk, as_of
            )
            for name in decided
        }
    temporary = directory.parent / f".tmp-{directory.name}"
    temporary.mkdir()
    try:
        with progress.stage("export"):
            meta = {"model_id": release.name, "inputs_hash": digest, "skipped": [s._asdict() for s in skipped]}
            files = write_all(temporary, layers, history_table(known), region, meta)
            decisions = pd.concat([table.assign(target=name) for name, table in decided.items()], ignore_index=True)
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
            "outcome": "degraded" if progress.messages else "published",
            "messages": progress.messages,
            "model_id": release.name,
            "baseline": baseline.version,
            "newest_epoch": baseline.version,
            "data_age_days": data_age_days(baseline, as_of),
            "inputs": dict(inputs),
            "inputs_hash": digest,
            "skipped": [s._asdict() for s in skipped],
            "left_out_of_baseline": list(baseline.skipped),
            "segments": len(baseline.segments),
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


def _decide(
    engine: sa.Engine,
    region: Region,
    target: str,
    scores: pd.DataFrame,
    known: Knowledge,
    release: Release,
    walk: pd.DataFrame | None,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    remembered = alerts.carry(ledger.previous_states(engine, region.name, target, as_of), walk)
    decided = alerts.decide(scores, remembered, release.models[target].thresholds, region.policy, as_of)
    segments = known.baseline.segments
    return decided.assign(
        p_event=scores["p_event"].to_numpy(),
        chainage_m=segments["chainage_m"].to_numpy(),
        bank=segments["bank"].to_numpy(),
    )


def _crosswalk(
    previous: Mapping[str, Any] | None, segments: gpd.GeoDataFrame, region: Region, out: Path
) -> pd.DataFrame | None:
    """Say where the segments of the run before went; None where the baseline is the same."""
    if previous is None:
        return None
    path = out / previous["product"] / f"segments_{region.targets[0].name}.parquet"
    if not path.is_file():
        raise RunError(
            f"the product of the run before, {path.parent}, is gone; its segments are needed to carry warnings on. "
            f"Restore it, or run {previous['as_of']:%Y-%m-%d} again"
        )
    old = gpd.read_parquet(path, columns=["segment_id", "bank", "baseline", "geometry"])
    if set(old["segment_id"]) == set(segments["segment_id"]) and set(old["baseline"]) == set(segments["baseline"]):
        return None
    return crosswalk(old.to_crs(segments.crs), segments, region.segments.corridor_m)


def _warnings(
    region: Region, as_of: pd.Timestamp, water: xr.Dataset, skipped: list[Skipped], release: Release
) -> list[str]:
    """Say what makes a run degraded."""
    messages = [f"{item.scene}: {item.reason}" for item in skipped if not item.usual]
    if water.sizes["epoch"] == 1:
        messages.append(
            "only one observation of the banks is known, nothing can be said of how they move: every level is unknown"
        )
    newest = pd.Timestamp(water["epoch"].to_numpy()[-1])
    age = (as_of - newest).days
    if age > region.policy.stale_after_days:
        messages.append(
            f"the newest observation of the banks is {age} days old, more than the policy's "
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


def _inputs(
    region: Region,
    as_of: pd.Timestamp,
    water: xr.Dataset,
    gauges: pd.DataFrame,
    skipped: Sequence[Skipped],
    release: Path,
    previous: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Name everything a product depends on; where files lie is not part of it."""
    catalogue = [region, *(load_source(name, region.path) for name in (*region.water, *region.gauges))]
    settings = [
        {f.name: getattr(entry, f.name) for f in dataclasses.fields(entry) if f.name not in PLACES}
        for entry in catalogue
    ]
    return {
        "as_of": f"{as_of:%Y-%m-%d}",
        "catalogue": _digest(repr(settings)),
        "water": water.attrs["content_hash"],
        "epochs": [f"{epoch:.10}" for epoch in water["epoch"].to_numpy().astype(str)],
        "scenes": [str(scene) for scene in water["scene_id"].to_numpy()],
        "gauges": _digest(str(pd.util.hash_pandas_object(gauges, index=False).sum())),
        "gauge_days": len(gauges),
        "skipped": _digest(repr([tuple(item) for item in skipped])),
        "model": _files_digest(release),
        "model_id": release.name,
        "previous_run": None if previous is None else previous["run_id"],
        "contract_version": CONTRACT_VERSION,
        "program": version("erosion"),
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _files_digest(directory: Path) -> str:
    files = sorted(path for path in directory.glob("*") if path.is_file())
    return _digest("".join(f"{path.name}:{_sha256(path)}" for path in files))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=8)
def _load_release(path: Path, _content: str) -> Release:
    """Read a release once for all dates of a replay that use it."""
    return load_release(path)


def _identify(engine: sa.Engine, region: Region, as_of: pd.Timestamp, inputs: dict[str, Any]) -> tuple[str, str, bool]:
    """Name the run that these inputs make: the digest of its inputs, its id, and whether the ledger has it.

    Inputs may come back to what they were before another run of the date took the place of theirs. That is a run of its
    own, after the other one, or the ledger would go on with the other.
    """
    select = sa.select(ledger.RUNS.c.superseded_by)
    while True:
        digest = _digest(json.dumps(inputs, sort_keys=True))
        run_id = f"{region.name}-{as_of:%Y-%m-%d}-{digest[:8]}"
        with engine.connect() as connection:
            found = connection.execute(select.where(ledger.RUNS.c.run_id == run_id)).one_or_none()
        if found is None or found.superseded_by is None:
            return digest, run_id, found is not None
        inputs["instead_of"] = found.superseded_by


def _refuse_rewriting(engine: sa.Engine, region: Region, as_of: pd.Timestamp) -> None:
    newest = ledger.last_run(engine, region.name)
    if newest is not None and newest["as_of"] > alerts.issue_time(as_of):
        raise ledger.LedgerError(
            f"{region.name} is on record up to {newest['as_of']:%Y-%m-%d}, and a run for {as_of:%Y-%m-%d} with other "
            "inputs than before would rewrite the past; give it a product directory of its own with --out"
        )


def _record(
    engine: sa.Engine,
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
    engine: sa.Engine, region: Region, as_of: pd.Timestamp, started: datetime, message: str, say: Callable[[str], None]
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
    except (ledger.LedgerError, sa.exc.SQLAlchemyError, OSError) as error:
        say(f"the failure could not be recorded in the ledger either: {error}")


def _read_manifest(directory: Path, digest: str) -> dict[str, Any] | None:
    """Return the manifest of a directory whose files are all there and unchanged, None otherwise."""
    try:
        manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        files = manifest["outputs"] | manifest["memory"]
        whole = manifest["inputs_hash"] == digest and all(_sha256(directory / name) == files[name] for name in files)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest if whole else None


def _write_table(path: Path, table: pd.DataFrame) -> tuple[str, str]:
    """Write a table, bring it to the disk and return its name and digest."""
    table.to_parquet(path, index=False)
    with path.open("rb+") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())
    return path.name, _sha256(path)
