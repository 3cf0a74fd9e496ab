"""Recording runs: what became of warnings, and the memory of places; one transaction a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.opening import writing
from erosion.alerts.ledger.queries import instant, last_standing, one_row, select_standing, write_rows
from erosion.alerts.ledger.schema import RUNS, STATES, TRANSITIONS, WARNINGS
from erosion.alerts.ledger.stretches import segments_of, select_open, write_stretches
from erosion.alerts.life import OpenWarning, Planned, Standing, kind_of_change, plan_rows
from erosion.alerts.states import STATE_COLUMNS, issue_time, need, rows_of
from erosion.alerts.stretches import GAP_M, SEGMENT_NEEDED, plan_stretches
from erosion.core.vocabulary import EXIT_CODES, ChangeKind, RunOutcome, WarningState

ALERTS_NEEDED: Final = (
    "segment_id",
    "level",
    "model_level",
    "previous_level",
    "candidate_level",
    "candidate_observations",
    "candidate_since",
    "observed",
    "trigger_since",
    "why",
    "p_event",
    "chainage_m",
    "bank",
    *(name for name in SEGMENT_NEEDED if name not in ("segment_id", "chainage_m", "bank")),
)
"""What :func:`record_run` reads of each target: the columns of ``levels.decide`` joined with score and segment."""

CHANGING: Final = (
    "segment_id",
    "chainage_m",
    "bank",
    "state",
    "level",
    "issued_at",
    "updates",
    "closed_at",
    "closed_reason",
)
"""Columns of a warning that change in its life, in the order they are written."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a region for a date, as the ledger keeps it. All times are aware."""

    run_id: str
    region: str
    as_of: pd.Timestamp | str
    """Date whose knowledge the run used; a bare date is midnight UTC of that date."""
    started_at: datetime
    finished_at: datetime
    outcome: str
    """published, degraded or failed."""
    model_id: str = ""
    inputs_hash: str = ""
    product: str = ""
    """Path of the published product, best relative to the ledger."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """Summary of the manifest, JSON."""
    simulated: bool = False


class Recorded(NamedTuple):
    """What recording a run did."""

    new: bool
    """False where the run was in the ledger already and nothing changed."""
    transitions: int
    """Changes of warnings written."""
    open_warnings: int
    """Warnings of the region open afterwards."""


def record_run(
    engine: sa.Engine,
    run: Run,
    alerts_by_target: Mapping[str, pd.DataFrame],
    crosswalk: pd.DataFrame | None,
    *,
    warning_from_level: int,
    stretch_gap_m: float = GAP_M,
) -> Recorded:
    """Record a published run: the run itself, what became of warnings and stretches, and the memory for the next run.

    Parameters
    ----------
    engine
        A ledger from :func:`open_ledger`.
    run
        The run, published or degraded.
    alerts_by_target
        Target name to its table with :data:`ALERTS_NEEDED`, one row per segment. A target left out is a target without
        knowledge: its open warnings turn unknown and stay open.
    crosswalk
        From the baseline of :func:`last_run` before ``run.as_of`` to this run's; see :func:`plan_events`.
    warning_from_level
        The policy's lowest level that opens a warning, and lowest joint level of a stretch.
    stretch_gap_m
        See :func:`erosion.alerts.stretches.group_segments`.

    Returns
    -------
    Recorded

    Raises
    ------
    LedgerError
        A later run is on record, the run id stands for another run, or another process keeps the ledger to itself.
    ValueError
        A table lacks a column, or a place is missing in the crosswalk.

    Nothing is recorded then.

    Notes
    -----
    Recording a run again changes nothing. Another run of the same date (new inputs) supersedes the first: warnings are
    brought to the state of the new run, and each difference is a transition of its own.
    """
    if run.outcome not in (RunOutcome.PUBLISHED, RunOutcome.DEGRADED):
        raise LedgerError(f"run {run.run_id}: outcome {run.outcome} is not published; record it with record_failure")
    for target, alerts in alerts_by_target.items():
        need(alerts, ALERTS_NEEDED, f"alerts of target {target}")
    as_of = issue_time(run.as_of)
    with writing(engine) as connection:
        known = one_row(connection, sa.select(RUNS).where(RUNS.c.run_id == run.run_id))
        if known is not None:
            if (known["region"], known["as_of"], known["inputs_hash"]) != (run.region, as_of, run.inputs_hash):
                raise LedgerError(
                    f"run {run.run_id} is on record for {known['region']} {known['as_of']:%Y-%m-%d} with inputs "
                    f"{known['inputs_hash']}; a run with other inputs needs another id"
                )
            return Recorded(False, 0, _count_open(connection, run.region))
        newest = last_standing(connection, run.region, None)
        if newest is not None and newest["as_of"] > as_of:
            raise LedgerError(
                f"run {run.run_id}: {run.region} is on record up to {newest['as_of']:%Y-%m-%d}, so a run for "
                f"{as_of:%Y-%m-%d} would rewrite the past; replay old dates into a ledger of their own"
            )
        previous = last_standing(connection, run.region, as_of)
        connection.execute(sa.insert(RUNS), [run_row(run, run.run_id, previous["run_id"] if previous else None)])
        if newest is not None and newest["as_of"] == as_of:
            connection.execute(
                sa.update(RUNS).where(RUNS.c.run_id == newest["run_id"]).values(superseded_by=run.run_id)
            )
        standing: dict[str, list[OpenWarning]] = {target: [] for target in alerts_by_target}
        for row in connection.execute(select_standing(run.region, as_of, ("target", *OpenWarning._fields))):
            standing.setdefault(row.target, []).append(OpenWarning(*row[1:]))
        # A first run of this date may have warned for a target that this run does not know.
        warned = sa.select(WARNINGS.c.target).where(WARNINGS.c.region == run.region).distinct()
        for target in connection.execute(warned).scalars():
            standing.setdefault(target, [])
        written = 0
        for target, events in sorted(standing.items()):
            plan = plan_rows(
                events,
                alerts_by_target.get(target, pd.DataFrame(columns=list(ALERTS_NEEDED))),
                crosswalk,
                region=run.region,
                target=target,
                as_of=as_of,
                warning_from_level=warning_from_level,
            )
            written += apply_plan(connection, run, as_of, target, plan)
        keep = {run.run_id, *([previous["run_id"]] if previous else [])}
        stretches = plan_stretches(
            select_open(connection, run.region, as_of),
            segments_of(alerts_by_target.values()),
            crosswalk,
            region=run.region,
            as_of=as_of,
            from_level=warning_from_level,
            gap_m=stretch_gap_m,
        )
        write_stretches(connection, run.region, run.run_id, as_of, stretches, simulated=run.simulated, keep=keep)
        _remember(connection, run, alerts_by_target, keep)
        return Recorded(True, written, _count_open(connection, run.region))


def apply_plan(
    connection: sa.Connection,
    run: Run,
    as_of: pd.Timestamp,
    target: str,
    plan: list[Planned],
    gone_reason: str = "superseded",
) -> int:
    """Bring the warnings of one target to the plan; return how many transitions that took.

    Warnings of this date that the plan does not have are closed for ``gone_reason``.
    """
    # Beside the open ones, those that an earlier run of this date opened or closed.
    touched = sa.or_(
        WARNINGS.c.state == WarningState.OPEN, WARNINGS.c.closed_at >= as_of, WARNINGS.c.first_issued_at >= as_of
    )
    names = ("event_id", "state", "level", "segment_id", "chainage_m", "bank", "updates", "first_issued_at")
    select = sa.select(*(WARNINGS.c[name] for name in names)).where(
        WARNINGS.c.region == run.region, WARNINGS.c.target == target, touched
    )
    current = {row.event_id: row for row in connection.execute(select)}
    for event_id in sorted(current.keys() - {row.event_id for row in plan}):
        now = current[event_id]
        gone = (now.first_issued_at, gone_reason, ChangeKind.CLOSED, now.level, gone_reason, None, None, None)
        plan.append(Planned(event_id, target, now.segment_id, WarningState.CLOSED, now.level, *gone))
    at, issued_at = datetime.now(UTC), as_of.to_pydatetime()
    added: list[Any] = []
    changed: list[Any] = []
    transitions: list[Any] = []
    for row in sorted(plan):
        known = current.get(row.event_id)
        standing = None if known is None else Standing(known.state, known.level, known.segment_id)
        kind = kind_of_change(standing, Standing(row.state, row.level, row.segment_id))
        if not kind:
            continue
        # Without an alert the warning stays where it was last known to be.
        place = row if known is None or row.bank is not None else known
        where = (row.segment_id, place.chainage_m, place.bank)
        closed_at = issued_at if row.state == WarningState.CLOSED else None
        if known is None:
            fixed = (row.event_id, run.region, target)
            added.append((*fixed, *where, row.state, row.level, issued_at, issued_at, 0, None, None, run.simulated))
        else:
            updates = known.updates + (kind != ChangeKind.ISSUED)
            changed.append(
                (*where, row.state, row.level, issued_at, updates, closed_at, row.closed_reason, row.event_id)
            )
        p_event = None if row.p_event != row.p_event else row.p_event  # databases know no NaN
        levels = (row.from_level if standing is None else standing.level, row.level)
        transitions.append((row.event_id, run.run_id, issued_at, at, *levels, kind, row.why, p_event, row.segment_id))
    write_rows(connection, sa.insert(WARNINGS), WARNINGS.c.keys(), added)
    update = sa.update(WARNINGS).where(WARNINGS.c.event_id == sa.bindparam("which"))
    write_rows(connection, update, [*CHANGING, "which"], changed)
    write_rows(connection, sa.insert(TRANSITIONS), TRANSITIONS.c.keys()[1:], transitions)
    return len(transitions)


def _remember(
    connection: sa.Connection, run: Run, alerts_by_target: Mapping[str, pd.DataFrame], keep: set[str]
) -> None:
    """Write the memory of this run; that of the run before stays, so that this date can be run again."""
    connection.execute(sa.delete(STATES).where(STATES.c.region == run.region, STATES.c.run_id.not_in(keep)))
    for target, alerts in alerts_by_target.items():
        rows = [(run.run_id, target, *row, run.region) for row in rows_of(alerts[list(STATE_COLUMNS)])]
        write_rows(connection, sa.insert(STATES), ["run_id", "target", *STATE_COLUMNS, "region"], rows)


def record_failure(engine: sa.Engine, run: Run) -> str:
    """Record a run that published nothing; warnings and memory stay as they are.

    Returns
    -------
    str
        Id of the record, ``{run_id}/failed-{n}``: a run may fail more than once and still succeed under its own id.

    Raises
    ------
    LedgerError
        The outcome is not ``failed``, or another process keeps the ledger to itself.
    """
    if run.outcome != RunOutcome.FAILED:
        raise LedgerError(f"run {run.run_id}: outcome {run.outcome} is not failed; record it with record_run")
    with writing(engine) as connection:
        select = sa.select(RUNS.c.run_id, RUNS.c.started_at).where(
            RUNS.c.run_id.startswith(f"{run.run_id}/failed-", autoescape=True)
        )
        attempts = {row.started_at: row.run_id for row in connection.execute(select)}
        started_at = instant(run.started_at)
        if started_at in attempts:
            return str(attempts[started_at])
        previous = last_standing(connection, run.region, issue_time(run.as_of))
        run_id = f"{run.run_id}/failed-{len(attempts) + 1}"
        connection.execute(sa.insert(RUNS), [run_row(run, run_id, previous["run_id"] if previous else None)])
        return run_id


def run_row(run: Run, run_id: str, previous_run_id: str | None) -> dict[str, Any]:
    """Return a run as a row of its table."""
    return {
        "run_id": run_id,
        "region": run.region,
        "as_of": issue_time(run.as_of),
        "started_at": instant(run.started_at),
        "finished_at": instant(run.finished_at),
        "outcome": run.outcome,
        "exit_code": EXIT_CODES[RunOutcome(run.outcome)],
        "model_id": run.model_id,
        "inputs_hash": run.inputs_hash,
        "product": run.product,
        "manifest": dict(run.manifest),
        "previous_run_id": previous_run_id,
    }


def _count_open(connection: sa.Connection, region: str) -> int:
    select = sa.select(sa.func.count()).where(WARNINGS.c.region == region, WARNINGS.c.state == WarningState.OPEN)
    return int(connection.execute(select).scalar_one())
