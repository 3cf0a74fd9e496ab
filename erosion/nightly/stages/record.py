"""A run in the ledger: what it decided, that it failed, and the refusal to rewrite what is on record."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pandas as pd

from erosion.alerts import ledger
from erosion.alerts.states import issue_time
from erosion.config.region import Region
from erosion.core.vocabulary import RunOutcome
from erosion.nightly.stages.identity import Identity
from erosion.nightly.stages.product import read_memory
from erosion.nightly.task import Task
from erosion.publish.manifest import Manifest

_log = logging.getLogger(__name__)


def record(task: Task, identity: Identity, manifest: Manifest) -> None:
    """Record a published run in the ledger, from its files; nothing happens where it is recorded already.

    Raises
    ------
    LedgerError
        The ledger cannot be written.
    """
    states, walk = read_memory(identity.directory, manifest)
    ledger.record_run(
        task.engine,
        ledger.Run(
            run_id=identity.run_id,
            region=task.region.name,
            as_of=task.as_of,
            started_at=datetime.fromisoformat(manifest["started_at"]),
            finished_at=datetime.fromisoformat(manifest["finished_at"]),
            outcome=manifest["outcome"],
            model_id=manifest["model_id"],
            inputs_hash=identity.digest,
            product=identity.directory.relative_to(task.out).as_posix(),
            manifest={
                "messages": manifest["messages"],
                "levels": manifest["levels"],
                "segments": manifest["segments"],
                "newest_epoch": manifest["newest_epoch"],
            },
            simulated=task.region.simulated,
        ),
        {str(name): table.drop(columns="target") for name, table in states.groupby("target")},
        walk,
        warning_from_level=task.region.policy.warning_from_level,
        stretch_gap_m=task.region.policy.stretch_gap_m,
    )


def record_failure(
    engine: ledger.Ledger,
    region: Region,
    as_of: pd.Timestamp,
    started: datetime,
    message: str,
) -> None:
    """Record that a run failed; where that fails too it is reported and nothing more."""
    try:
        ledger.record_failure(
            engine,
            ledger.Run(
                run_id=f"{region.name}-{as_of:%Y-%m-%d}",
                region=region.name,
                as_of=as_of,
                started_at=started,
                finished_at=datetime.now(UTC),
                outcome=RunOutcome.FAILED,
                manifest={"messages": [message]},
                simulated=region.simulated,
            ),
        )
    except (ledger.LedgerError, OSError) as error:
        _log.warning(f"the failure could not be recorded in the ledger either: {error}")


def refuse_rewriting(task: Task) -> None:
    """Refuse a new run of a date before the newest on record.

    Raises
    ------
    LedgerError
        The message names both dates and the way out.
    """
    newest = ledger.last_run(task.engine, task.region.name)
    if newest is not None and newest["as_of"] > issue_time(task.as_of):
        raise ledger.LedgerError(
            f"{task.region.name} is on record up to {newest['as_of']:%Y-%m-%d}, and a new run for "
            f"{task.as_of:%Y-%m-%d} would rewrite the past; give it a product directory of its own with --out"
        )
