"""Withdrawing a run: it stays on record and stands no longer, and warnings go back to what they were before its date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger.audit import Actor, record
from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.people_tables import WITHDRAWN_RUNS
from erosion.alerts.ledger.queries import last_standing, one_row, reading, select_standing
from erosion.alerts.ledger.recording import Run, apply_plan, run_row
from erosion.alerts.ledger.schema import RUNS, STATES, WARNINGS
from erosion.alerts.ledger.stretches import select_open, write_stretches
from erosion.alerts.life import OpenWarning, Planned
from erosion.alerts.stretches import PlannedStretch
from erosion.core.vocabulary import Action, RunOutcome, WarningState


@dataclass(frozen=True)
class Withdrawn:
    """That a run was withdrawn."""

    run_id: str
    region: str
    at: datetime
    actor_name: str
    reason: str


class WithdrawalResult(NamedTuple):
    """What withdrawing a run did."""

    id: int
    """Number of the entry."""
    transitions: int
    """Changes of warnings and stretches that were taken back, each by a transition of its own."""
    standing: str | None
    """The run that stands now, None where none is left."""


def withdraw_run(connection: sa.Connection, actor: Actor, run_id: str, reason: str) -> WithdrawalResult:
    """Return what withdrawing the newest run of a region did.

    The run is superseded by a record of its own, ``{run_id}/withdrawn``, whose transitions bring each warning and stretch to what it
    was before the date of the run. Nothing is deleted.

    Raises
    ------
    LedgerError
        There is no such run, it does not stand, a later one does, or the memory of the run before is not kept. The message
        names what to do; nothing is written.
    """
    row = one_row(connection, sa.select(RUNS).where(RUNS.c.run_id == run_id))
    if row is None or row["outcome"] == RunOutcome.FAILED:
        raise LedgerError(f"ledger: no published run {run_id}; published.json and recent_runs() list those there are")
    if row["superseded_by"] is not None:
        raise LedgerError(
            f"ledger: run {run_id} stands no longer, {row['superseded_by']} took its place; nothing is to be done"
        )
    region, as_of = row["region"], pd.Timestamp(row["as_of"])
    newest = last_standing(connection, region, None)
    if newest is not None and newest["run_id"] != run_id:
        raise LedgerError(
            f"ledger: run {run_id} is not the newest of {region}, {newest['run_id']} went on from it; "
            "only the newest run can be withdrawn"
        )
    previous = last_standing(connection, region, as_of)
    if previous is not None:
        kept = sa.select(STATES.c.run_id).where(STATES.c.run_id == previous["run_id"]).limit(1)
        if connection.execute(kept).first() is None:
            raise LedgerError(
                f"ledger: the memory of the run before, {previous['run_id']}, is no longer kept, so no run could go on from "
                f"it; mend what is wrong and run {as_of:%Y-%m-%d} again, which takes the place of {run_id}"
            )
    number = record(
        connection,
        WITHDRAWN_RUNS,
        {"run_id": run_id},
        actor=actor,
        action=Action.WITHDRAW_RUN,
        about=("run", run_id),
        words=reason,
    )
    now = datetime.now(UTC)
    withdrawal = Run(
        run_id=f"{run_id}/withdrawn",
        region=region,
        as_of=as_of,
        started_at=now,
        finished_at=now,
        outcome=RunOutcome.FAILED,
        manifest={"messages": [f"{run_id} was withdrawn by {actor.name}: {reason}"]},
    )
    before = previous["run_id"] if previous else None
    connection.execute(sa.insert(RUNS), [run_row(withdrawal, withdrawal.run_id, before)])
    connection.execute(sa.update(RUNS).where(RUNS.c.run_id == run_id).values(superseded_by=withdrawal.run_id))
    written = 0
    for target, plan in _plans_before(connection, region, as_of).items():
        written += apply_plan(connection, withdrawal, as_of, target, plan, gone_reason="withdrawn")
    simulated = connection.execute(sa.select(WARNINGS.c.simulated).where(WARNINGS.c.region == region).limit(1)).scalar()
    keep = {withdrawal.run_id, *([before] if before else [])}
    stretches = _stretches_before(connection, region, as_of)
    written += write_stretches(
        connection,
        region,
        withdrawal.run_id,
        as_of,
        stretches,
        simulated=bool(simulated),
        keep=keep,
        gone_reason="withdrawn",
    )
    return WithdrawalResult(number, written, before)


def withdrawn(engine: sa.Engine, run_id: str) -> Withdrawn | None:
    """Return who withdrew a run, when and why; None where nobody did."""
    select = (
        sa.select(WITHDRAWN_RUNS, RUNS.c.region)
        .join(RUNS, RUNS.c.run_id == WITHDRAWN_RUNS.c.run_id)
        .where(WITHDRAWN_RUNS.c.run_id == run_id)
    )
    with reading(engine) as connection:
        row = one_row(connection, select)
    if row is None:
        return None
    return Withdrawn(row["run_id"], row["region"], row["at"], row["actor_name"], row["words"])


def _plans_before(connection: sa.Connection, region: str, as_of: pd.Timestamp) -> dict[str, list[Planned]]:
    """Return, by target, every warning that was open before a date, as it stood then."""
    targets = sa.select(WARNINGS.c.target).where(WARNINGS.c.region == region).distinct()
    plans: dict[str, list[Planned]] = {target: [] for target in sorted(connection.execute(targets).scalars())}
    for row in connection.execute(select_standing(region, as_of, ("target", *OpenWarning._fields))):
        one = OpenWarning(*row[1:])
        plans[row.target].append(
            Planned(
                event_id=one.event_id,
                target=row.target,
                segment_id=one.segment_id,
                state=WarningState.OPEN,
                level=one.level,
                first_issued_at=one.first_issued_at,
                closed_reason=None,
                kind="",
                from_level=one.level,
                why="withdrawn",
                p_event=None,
                chainage_m=None,
                bank=None,
            )
        )
    return plans


def _stretches_before(connection: sa.Connection, region: str, as_of: pd.Timestamp) -> list[PlannedStretch]:
    """Return every stretch that was open before a date, as it stood then, with its segments of that time."""
    return [
        PlannedStretch(
            stretch_id=one.stretch_id,
            reach=one.reach,
            bank=one.bank,
            from_m=one.from_m,
            to_m=one.to_m,
            state=WarningState.OPEN,
            level=one.level,
            length_m=one.length_m,
            first_issued_at=one.first_issued_at,
            closed_reason=None,
            other_id=None,
            kind="",
            from_level=one.level,
            segments=one.segments,
        )
        for one in select_open(connection, region, as_of)
    ]
