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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from erosion import alerts, ledger, sources
from erosion.asof import NothingKnownError, baseline_on, data_age_days, knowledge_on, observe_region
from erosion.catalog import Skipped, SourceError
from erosion.channel import ChannelError
from erosion.contracts import CONTRACT_VERSION, FLAGS, LAYER_COLUMNS, check_scores
from erosion.export import ExportError, write_all
from erosion.features import make_features
from erosion.features.registry import Knowledge
from erosion.forecast import FeatureMismatchError, TargetModel, explain, predict
from erosion.region import Region
from erosion.release import MODELS, Release, ReleaseError, find_release, load_release
from erosion.segments import crosswalk

PUBLISHED, NOT_PUBLISHED, DEGRADED = 0, 1, 2
"""Exit codes: fine; nothing published; published, but something was missing or stale."""


class RunError(RuntimeError):
    """A run published nothing; the message says why."""


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

KEPT_MESSAGES = 20


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
    """

    exit_code: int
    directory: Path | None
    messages: tuple[str, ...]
    new: bool = True


def run(
    region: Region,
    as_of: pd.Timestamp,
    out: Path,
    *,
    models: Path = MODELS,
    release: str | None = None,
    ledger_url: str | None = None,
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
        Directory of model releases.
    release
        Name of a release to use instead of the newest one that existed on the date. A release that saw later data
        makes the run degraded, and says so.
    ledger_url
        SQLAlchemy URL of the ledger; ``out/ledger.sqlite`` when None.
    say
        Called with lines of progress.

    Returns
    -------
    Result
    """
    from filelock import FileLock, Timeout

    home = out / region.name
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / ".lock", blocking=False):
            return _run_locked(region, as_of, out, models, release, ledger_url, say)
    except Timeout:
        message = f"another run of {region.name} is at work in {home}; this one leaves it alone"
        say(message)
        return Result(NOT_PUBLISHED, None, (message,))


def _run_locked(
    region: Region,
    as_of: pd.Timestamp,
    out: Path,
    models: Path,
    release: str | None,
    ledger_url: str | None,
    say: Callable[[str], None],
) -> Result:
    home = out / region.name
    started = datetime.now(UTC)
    attempt = {"as_of": f"{as_of:%Y-%m-%d}", "started_at": started.isoformat(), "outcome": "running"}
    _write_json(home / "last_attempt.json", attempt)
    for left in home.glob(".tmp-*"):
        shutil.rmtree(left, ignore_errors=True)
    progress = Progress(say)
    engine = None
    try:
        engine = ledger.open_ledger(ledger_url or out / "ledger.sqlite")
        result = _publish(region, as_of, out, models, release, engine, progress, started)
    except EXPECTED as error:
        message = f"{region.name} {as_of:%Y-%m-%d} was not published: {error}"
        say(message)
        result = Result(NOT_PUBLISHED, None, (message,))
        if engine is not None:
            _record_failure(engine, region, as_of, started, message, say)
    except BaseException as error:
        _finish_attempt(home, attempt, NOT_PUBLISHED, f"the program failed: {type(error).__name__}: {error}")
        raise
    finally:
        if engine is not None:
            engine.dispose()
    _finish_attempt(home, attempt, result.exit_code, "; ".join(result.messages[:KEPT_MESSAGES]))
    return result


def _publish(
    region: Region,
    as_of: pd.Timestamp,
    out: Path,
    models: Path,
    release_name: str | None,
    engine: Any,
    progress: Progress,
    started: datetime,
) -> Result:
    home = out / region.name
    with progress.stage("read"):
        water, skipped_water = sources.read_water(region, as_of)
        gauges, skipped_gauges = sources.read_gauges(region, as_of)
        path = models / release_name if release_name else find_release(region.model, as_of, models)
        release = load_release(path)
    previous = ledger.last_run(engine, region.name, before=as_of)
    inputs = _inputs(region, as_of, water, gauges, path, previous)
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    directory = home / f"{as_of:%Y-%m-%d}-{digest[:8]}"
    run_id = f"{region.name}-{directory.name}"

    manifest = _read_manifest(directory, digest)
    done = manifest is not None and _listed(home, directory.name)
    if manifest is None:
        _refuse_rewriting(engine, region, as_of)
        progress.messages += _warnings(region, as_of, water, [*skipped_water, *skipped_gauges], release)
        manifest = _make(
            region, as_of, water, gauges, release, engine, previous, out, directory, inputs, digest,
            [*skipped_water, *skipped_gauges], progress, started,
        )  # fmt: skip
    outcome = manifest["outcome"]
    _record(engine, region, as_of, directory, run_id, digest, manifest, previous, out)
    _list_published(home, region, manifest, directory.name, run_id)
    if not done:
        progress.say(f"published {directory}")
    code = PUBLISHED if outcome == "published" else DEGRADED
    return Result(code, directory, tuple(manifest["messages"]), new=not done)


def _make(
    region: Region,
    as_of: pd.Timestamp,
    water: xr.Dataset,
    gauges: pd.DataFrame,
    release: Release,
    engine: Any,
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
    with progress.stage("baseline"):
        baseline = baseline_on(region, water, as_of)
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
            name: _layer(region, name, decided[name], scores[name], features, known, release, before, walk, as_of)
            for name in decided
        }
    temporary = directory.parent / f".tmp-{directory.name}"
    temporary.mkdir()
    with progress.stage("export"):
        meta = {"model_id": release.name, "inputs_hash": digest, "skipped": [s._asdict() for s in skipped]}
        files = write_all(temporary, layers, _history(known), region, meta)
        decisions = pd.concat([table.assign(target=name) for name, table in decided.items()], ignore_index=True)
        decisions.to_parquet(temporary / "decisions.parquet", index=False)
        if walk is not None:
            walk.to_parquet(temporary / "crosswalk.parquet", index=False)
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
        "levels": {name: _level_lengths(table) for name, table in layers.items()},
        "stages": progress.stages,
        "outputs": files,
        "versions": {name: version(name) for name in ("numpy", "xarray", "rasterio", "geopandas", "lightgbm")}
        | {"python": platform.python_version(), "erosion": version("erosion")},
        "started_at": started.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
    }
    _write_json(temporary / "manifest.json", manifest)
    _sync(temporary)
    # A directory of this name without a readable manifest is the rest of a crash.
    shutil.rmtree(directory, ignore_errors=True)
    temporary.rename(directory)
    _sync(directory.parent)
    return manifest


def score(known: Knowledge, features: pd.DataFrame, models: Mapping[str, TargetModel], target: str) -> pd.DataFrame:
    """Forecast one target for every segment.

    A segment without any measured pair of observations gets no probability: nothing is known of how it moves.

    Returns
    -------
    pandas.DataFrame
        ``contracts.SCORE_COLUMNS`` without reasons and model_id filled later, plus length_m and coverage.

    Raises
    ------
    ReleaseError
        If the release was not trained for the target.
    """
    model = models.get(target)
    if model is None:
        raise ReleaseError(f"the release has no target {target}, only {', '.join(models)}; train one for this region")
    forecast = predict(model, features)
    retreat = known.banks["retreat_m"].to_numpy()
    unmeasured = np.isnan(retreat).all(axis=1)
    forecast[unmeasured] = np.nan
    coverage = known.banks["coverage"].to_numpy()[:, -1]
    table = pd.DataFrame(
        {
            "segment_id": known.baseline.segments["segment_id"].to_numpy(),
            "as_of": known.as_of,
            "target": target,
            "horizon_days": model.target.horizon_days,
            "threshold_m": model.target.threshold_m,
            "p_event": forecast["p_event"].to_numpy(),
            "retreat_p10_m": forecast["retreat_p10_m"].to_numpy(),
            "retreat_p50_m": forecast["retreat_p50_m"].to_numpy(),
            "retreat_p90_m": forecast["retreat_p90_m"].to_numpy(),
            "data_age_days": data_age_days(known.baseline, known.as_of),
            "model_id": "",
            "reasons": "[]",
            "length_m": known.baseline.segments["length_m"].to_numpy(),
            "coverage": coverage,
        }
    )
    return check_scores(table)


def _decide(
    engine: Any,
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


def _layer(
    region: Region,
    target: str,
    decided: pd.DataFrame,
    scores: pd.DataFrame,
    features: pd.DataFrame,
    known: Knowledge,
    release: Release,
    before: pd.DataFrame,
    walk: pd.DataFrame | None,
    as_of: pd.Timestamp,
) -> gpd.GeoDataFrame:
    plan = alerts.plan_events(
        before,
        decided,
        walk,
        region=region.name,
        target=target,
        as_of=as_of,
        warning_from_level=region.policy.warning_from_level,
    )
    events = plan[plan["state"] == "open"].set_index("segment_id")
    layer = known.baseline.segments.merge(
        scores.drop(columns=["length_m", "coverage"]), on="segment_id", validate="one_to_one"
    )
    layer = layer.merge(decided.drop(columns=["p_event", "chainage_m", "bank"]), on="segment_id", validate="one_to_one")
    newest = known.banks.isel(epoch=-1)
    layer["retreat_last_m"] = newest["retreat_m"].to_numpy()
    layer["retreat_established_last_m"] = newest["retreat_established_m"].to_numpy()
    layer["rate_3y_m_per_y"] = features["rate_all_3y"].to_numpy()
    layer["quality"] = [_flag_words(value) for value in newest["flags"].to_numpy()]
    layer["event_id"] = events["event_id"].reindex(layer["segment_id"]).to_numpy()
    layer["first_issued_at"] = events["first_issued_at"].reindex(layer["segment_id"]).to_numpy()
    layer["model_id"] = release.name
    layer["simulated"] = region.simulated
    layer["as_of"] = f"{as_of:%Y-%m-%d}"
    warned = (layer["level"] >= region.policy.warning_from_level).to_numpy()
    # Contributions cost two hundred times a prediction, so only warned segments are explained.
    reasons = np.full(len(layer), "[]", dtype=object)
    reasons[warned] = explain(release.models[target], features[warned])
    layer["reasons"] = reasons
    return layer[[*LAYER_COLUMNS, "geometry"]]


def _history(known: Knowledge) -> pd.DataFrame:
    banks = known.banks
    n_segments, n_epochs = banks.sizes["segment_id"], banks.sizes["epoch"]
    return pd.DataFrame(
        {
            "segment_id": np.repeat(banks["segment_id"].to_numpy(), n_epochs),
            "epoch": np.tile(banks["epoch"].to_numpy(), n_segments),
        }
        | {
            name: banks[name].to_numpy().ravel()
            for name in ("retreat_m", "retreat_established_m", "position_m", "sigma_m", "coverage", "flags")
        }
    )


def _flag_words(value: int) -> str | None:
    return ", ".join(name for name, bit in FLAGS.items() if int(value) & bit) or None


def _level_lengths(layer: gpd.GeoDataFrame) -> dict[str, float]:
    """Return kilometres of bank by level."""
    total = layer.groupby("level")["length_m"].sum() / 1000.0
    return {str(level): round(float(total.get(level, 0.0)), 3) for level in range(5)}


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
    messages = [f"{item.scene}: {item.reason}" for item in skipped]
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


def _inputs(
    region: Region,
    as_of: pd.Timestamp,
    water: xr.Dataset,
    gauges: pd.DataFrame,
    release: Path,
    previous: Mapping[str, Any] | None,
) -> dict[str, Any]:
    settings = {f.name: getattr(region, f.name) for f in dataclasses.fields(region) if f.name != "path"}
    return {
        "as_of": f"{as_of:%Y-%m-%d}",
        "region": _digest(repr(settings)),
        "water": water.attrs["content_hash"],
        "epochs": [f"{epoch:.10}" for epoch in water["epoch"].to_numpy().astype(str)],
        "scenes": [str(scene) for scene in water["scene_id"].to_numpy()],
        "gauges": _digest(str(pd.util.hash_pandas_object(gauges, index=False).sum())),
        "gauge_days": len(gauges),
        "model": _digest("".join(f"{p.name}{p.read_bytes().hex()}" for p in sorted(release.glob("*")) if p.is_file())),
        "model_id": release.name,
        "previous_run": None if previous is None else previous["run_id"],
        "contract_version": CONTRACT_VERSION,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_rewriting(engine: Any, region: Region, as_of: pd.Timestamp) -> None:
    newest = ledger.last_run(engine, region.name)
    if newest is not None and newest["as_of"] > alerts.issue_time(as_of):
        raise ledger.LedgerError(
            f"{region.name} is on record up to {newest['as_of']:%Y-%m-%d}, and a run for {as_of:%Y-%m-%d} with other "
            "inputs than before would rewrite the past; give it a product directory of its own with --out"
        )


def _record(
    engine: Any,
    region: Region,
    as_of: pd.Timestamp,
    directory: Path,
    run_id: str,
    digest: str,
    manifest: Mapping[str, Any],
    previous: Mapping[str, Any] | None,
    out: Path,
) -> None:
    decisions = pd.read_parquet(directory / "decisions.parquet")
    walk_file = directory / "crosswalk.parquet"
    walk = pd.read_parquet(walk_file) if walk_file.is_file() else None
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
        {name: table.drop(columns="target") for name, table in decisions.groupby("target")},
        walk,
        warning_from_level=region.policy.warning_from_level,
    )


def _record_failure(
    engine: Any, region: Region, as_of: pd.Timestamp, started: datetime, message: str, say: Callable[[str], None]
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


def _read_manifest(directory: Path, digest: str) -> dict[str, Any] | None:
    """Return the manifest of a directory whose files are all there, None otherwise."""
    try:
        manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    whole = manifest.get("inputs_hash") == digest and all((directory / name).is_file() for name in manifest["outputs"])
    return manifest if whole and (directory / "decisions.parquet").is_file() else None


def published(home: Path) -> dict[str, Any]:
    """Return what a region has published, ``{"runs": []}`` where nothing is."""
    path = home / "published.json"
    if not path.is_file():
        return {"runs": []}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _listed(home: Path, name: str) -> bool:
    return any(entry["directory"] == name for entry in published(home)["runs"])


def _list_published(home: Path, region: Region, manifest: Mapping[str, Any], name: str, run_id: str) -> None:
    entry = {
        "as_of": manifest["as_of"],
        "run_id": run_id,
        "directory": name,
        "outcome": manifest["outcome"],
        "exit_code": PUBLISHED if manifest["outcome"] == "published" else DEGRADED,
        "model_id": manifest["model_id"],
        "newest_epoch": manifest["newest_epoch"],
        "data_age_days": manifest["data_age_days"],
        "finished_at": manifest["finished_at"],
        "messages": manifest["messages"][:KEPT_MESSAGES],
    }
    others = [run for run in published(home)["runs"] if run["as_of"] != manifest["as_of"]]
    content = {
        "region": region.name,
        "title": dict(region.title),
        "simulated": region.simulated,
        "timezone": region.timezone,
        "stale_after_days": region.policy.stale_after_days,
        "targets": [dataclasses.asdict(target) for target in region.targets],
        "runs": sorted([*others, entry], key=lambda run: run["as_of"]),
    }
    _write_json(home / "published.json", content)


def _finish_attempt(home: Path, attempt: dict[str, Any], code: int, message: str) -> None:
    outcome = {PUBLISHED: "published", DEGRADED: "degraded"}.get(code, "failed")
    done = {"finished_at": datetime.now(UTC).isoformat(), "outcome": outcome, "exit_code": code, "message": message}
    _write_json(home / "last_attempt.json", attempt | done)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file at once: a reader sees the old or the new one, never half."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync(directory: Path) -> None:
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
