"""The stages in order, for one region and one date: atomic, idempotent, one at a time, and open about what failed.

A run works in a directory of its own and renames it into place, then records itself in the ledger, then lists itself in
``published.json``. A crash at any point leaves what was published before whole; the next run continues where the last
one stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from erosion.alerts import ledger
from erosion.banks.as_of import NothingKnownError
from erosion.banks.channel import ChannelError
from erosion.banks.segments import Baseline
from erosion.config.region import Region
from erosion.core.errors import SourceError
from erosion.core.logs import RUN_ID
from erosion.core.vocabulary import RunOutcome
from erosion.forecast.model import FeatureMismatchError
from erosion.forecast.release import ReleaseError, models_of
from erosion.nightly.errors import RunError
from erosion.nightly.last_attempt import finish_attempt, start_attempt
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED, list_published, refuse_folder
from erosion.nightly.stages.carry_over import damage_before
from erosion.nightly.stages.decide import decide_levels
from erosion.nightly.stages.identity import identify
from erosion.nightly.stages.inputs import degradations, read_inputs
from erosion.nightly.stages.product import made_before, make_product, with_new_attempt
from erosion.nightly.stages.reaches import forecast_reaches
from erosion.nightly.stages.record import record, record_failure, refuse_rewriting
from erosion.nightly.standing_ledger import open_standing_ledger
from erosion.nightly.task import Progress, Task
from erosion.publish import ExportError

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
        What was missing, stale or went wrong.
    new
        False where the same inputs had been published before and nothing was done.
    baselines
        Reach to baseline of a run that was made now, so that verification does not cut it again.
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
) -> Result:
    """Return how the run of one date ended; every stage is run and the result published.

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
        Name of a release to use instead of the newest one that existed on the date. A release that was trained on later
        data makes the run degraded, which is reported.
    ledger_url
        SQLAlchemy URL of the ledger; ``out/ledger.sqlite`` when None.
    fetch
        Ask the catalogues of scenes and the gauge services for what is new; without, a run reads what the store holds.

    Returns
    -------
    Result

    Raises
    ------
    RunError
        If nothing can be written to ``out``, not even that the run failed.
    """
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
    # The operating system releases the lock when the process ends, however it ends.
    try:
        return _run_locked(region, as_of, out, models or models_of(region, release), release, ledger_url, fetch)
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
) -> Result:
    """Return how a run ended, made under the lock; a failure is recorded in the ledger and ``last_attempt.json``."""
    home = out / region.name
    started = datetime.now(UTC)
    try:
        attempt = start_attempt(home, as_of, started)
    except OSError as error:
        raise RunError(_unwritable(home, error)) from error
    _remove_leftovers(home)
    engine = None
    RUN_ID.set(f"{region.name}-{as_of:%Y-%m-%d}")
    try:
        engine = open_standing_ledger(region.name, out, ledger_url)
        result = _publish(Task(region, as_of, out, models, release, engine, fetch, started), Progress())
    except Exception as error:
        expected = isinstance(error, EXPECTED)
        reason = str(error) if expected else f"the program failed: {type(error).__name__}: {error}"
        message = f"{region.name} {as_of:%Y-%m-%d} was not published: {reason}"
        if engine is not None:
            record_failure(engine, region, as_of, started, message)
        result = Result(NOT_PUBLISHED, None, (message,))
        finish_attempt(home, attempt, result.exit_code, result.messages)
        if not expected:
            raise
        return result
    finally:
        if engine is not None:
            engine.dispose()
    finish_attempt(home, attempt, result.exit_code, result.messages)
    return result


def _publish(task: Task, progress: Progress) -> Result:
    """Return the run, made or recognised as one that was made before, after it is recorded and listed."""
    refuse_folder(task.home)
    inputs = read_inputs(task, progress)
    inputs = replace(inputs, unfetched=[*inputs.unfetched, *damage_before(task, inputs.previous)])
    identity = identify(task, inputs)
    RUN_ID.set(identity.run_id)
    baselines = {}
    manifest = made_before(task, identity)
    done = identity.recorded and manifest is not None
    if manifest is not None:
        manifest = with_new_attempt(task, identity.directory, manifest, inputs)
    else:
        if not identity.recorded:
            refuse_rewriting(task)
        progress.messages += degradations(task, inputs)
        forecasts = forecast_reaches(task, inputs, progress)
        with progress.stage("alerts"):
            decisions = decide_levels(task, inputs, forecasts, progress)
        manifest = make_product(task, identity, inputs, forecasts, decisions, progress)
        baselines = {name: one.known.baseline for name, one in forecasts.made.items()}
    record(task, identity, manifest)
    list_published(task.engine, task.home, task.region, task.out, identity.run_id)
    code = PUBLISHED if manifest["outcome"] == RunOutcome.PUBLISHED else DEGRADED
    return Result(code, identity.directory, tuple(manifest["messages"]), new=not done, baselines=baselines)


def _remove_leftovers(home: Path) -> None:
    """Remove what a killed run left behind: directories it was making, files it was replacing."""
    for left in home.glob(".tmp-*"):
        shutil.rmtree(left, ignore_errors=True)
    for left in home.glob(".*.new"):
        left.unlink(missing_ok=True)


def _unwritable(home: Path, error: OSError) -> str:
    return f"cannot write to {home} ({error}); mend that, or give another directory with --out"
