"""Stretches in the ledger: what each run made of them, and how they stood before a date."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.queries import last_standing, reading, table_of, write_rows
from erosion.alerts.ledger.schema import RUNS, STRETCH_MEMBERS, STRETCH_TRANSITIONS, STRETCHES
from erosion.alerts.states import NO_STATE, issue_time
from erosion.alerts.stretches import (
    SEGMENT_NEEDED,
    OpenStretch,
    PlannedStretch,
    StretchStanding,
    change_of,
)
from erosion.core.vocabulary import StretchChange, WarningState


def standing_stretches(engine: sa.Engine, region: str, before: pd.Timestamp | str) -> list[OpenStretch]:
    """Return the stretches of a region that were open before a date, with their segments on the baseline of that time."""
    with reading(engine) as connection:
        return select_open(connection, region, issue_time(before))


def select_open(connection: sa.Connection, region: str, as_of: pd.Timestamp) -> list[OpenStretch]:
    """Return what :func:`standing_stretches` does, on a connection."""
    run = last_standing(connection, region, as_of)
    if run is None:
        return []
    newest = (
        sa.select(sa.func.max(STRETCH_TRANSITIONS.c.id))
        .join(STRETCHES, STRETCHES.c.stretch_id == STRETCH_TRANSITIONS.c.stretch_id)
        .where(STRETCHES.c.region == region, STRETCH_TRANSITIONS.c.as_of < as_of)
        .where(sa.or_(STRETCHES.c.state == WarningState.OPEN, STRETCHES.c.closed_at >= as_of))
        .group_by(STRETCH_TRANSITIONS.c.stretch_id)
    )
    names = ("stretch_id", "first_issued_at", "reach", "bank", "from_m", "to_m")
    select = (
        sa.select(
            *(STRETCHES.c[name] for name in names), STRETCH_TRANSITIONS.c.to_level, STRETCH_TRANSITIONS.c.to_length_m
        )
        .join(STRETCH_TRANSITIONS, STRETCH_TRANSITIONS.c.stretch_id == STRETCHES.c.stretch_id)
        .where(STRETCH_TRANSITIONS.c.id.in_(newest), STRETCH_TRANSITIONS.c.kind != StretchChange.CLOSED)
    )
    segments: dict[str, list[str]] = {}
    members = sa.select(STRETCH_MEMBERS.c.stretch_id, STRETCH_MEMBERS.c.segment_id)
    for row in connection.execute(members.where(STRETCH_MEMBERS.c.run_id == run["run_id"])):
        segments.setdefault(row.stretch_id, []).append(row.segment_id)
    return [
        OpenStretch(
            row.stretch_id, row.to_level, row.to_length_m, row.first_issued_at,
            row.reach, row.bank, row.from_m, row.to_m, tuple(sorted(segments.get(row.stretch_id, ()))),
        )
        for row in connection.execute(select)
    ]  # fmt: skip


def need_stretch(connection: sa.Connection, region: str, stretch_id: str) -> None:
    """Refuse what is about a stretch that was never issued.

    Raises
    ------
    LedgerError
        The region has no such stretch, open or closed.
    """
    select = sa.select(STRETCHES.c.stretch_id).where(STRETCHES.c.stretch_id == stretch_id, STRETCHES.c.region == region)
    if connection.execute(select).first() is None:
        raise LedgerError(
            f"ledger: {region} has no stretch {stretch_id}; open_stretches() and the layers carry the ids there are"
        )


def segments_of(alerts_by_target: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the segments of all targets, each once, with its highest joint level."""
    tables = [table[list(SEGMENT_NEEDED)] for table in alerts_by_target]
    if not tables:
        return pd.DataFrame(columns=list(SEGMENT_NEEDED))
    every = pd.concat(tables, ignore_index=True)
    highest = every.sort_values(["segment_id", "joint_level"], ascending=[True, False])
    return highest.drop_duplicates("segment_id", ignore_index=True)


def write_stretches(
    connection: sa.Connection,
    region: str,
    run_id: str,
    as_of: pd.Timestamp,
    plan: Iterable[PlannedStretch],
    *,
    simulated: bool,
    keep: set[str],
    gone_reason: str = "superseded",
) -> int:
    """Bring the stretches of a region to a plan; return how many transitions that took.

    ``keep`` names the runs whose members are kept; those of all others are forgotten. Stretches of this date that the plan does not
    have are closed for ``gone_reason``.
    """
    # Beside the open ones, those that an earlier run of this date opened or closed.
    touched = sa.or_(
        STRETCHES.c.state == WarningState.OPEN, STRETCHES.c.closed_at >= as_of, STRETCHES.c.first_issued_at >= as_of
    )
    current = {
        row.stretch_id: row
        for row in connection.execute(sa.select(STRETCHES).where(STRETCHES.c.region == region, touched))
    }
    rows = {row.stretch_id: row for row in plan}
    for stretch_id in current.keys() - rows.keys():
        now = current[stretch_id]
        rows[stretch_id] = PlannedStretch(
            stretch_id, now.reach, now.bank, now.from_m, now.to_m, WarningState.CLOSED, now.level, now.length_m,
            now.first_issued_at, gone_reason, None, StretchChange.CLOSED, now.level, (),
        )  # fmt: skip
    at, issued_at = datetime.now(UTC), as_of.to_pydatetime()
    added: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    transitions: list[tuple[Any, ...]] = []
    for stretch_id in sorted(rows):
        row, known = rows[stretch_id], current.get(stretch_id)
        before = None if known is None else StretchStanding(known.state, known.level, known.length_m)
        kind = change_of(before, StretchStanding(row.state, row.level, row.length_m))
        if not kind and (known is None or known.state == WarningState.CLOSED):
            continue
        # An untold change of length is taken over with the next one that is told, so that slow growth is.
        told = row.length_m if kind or known is None else known.length_m
        closed = row.state == WarningState.CLOSED
        where = (row.reach, row.bank, row.from_m, row.to_m, row.state, row.level, told)
        when = (issued_at if kind or known is None else known.issued_at, issued_at if closed else None)
        if known is None:
            first = (region, *where, row.first_issued_at, *when, row.closed_reason, row.other_id, simulated)
            added.append((stretch_id, *first))
        else:
            other = row.other_id if closed else known.other_id
            changed.append((*where, *when, row.closed_reason, other, stretch_id))
        if kind:
            levels = (NO_STATE if known is None else known.level, row.level)
            lengths = (None if known is None else known.length_m, row.length_m)
            transitions.append(
                (stretch_id, run_id, issued_at, at, kind, *levels, *lengths, row.closed_reason, row.other_id)
            )
    names = STRETCHES.c.keys()
    order = [
        names[0],
        names[1],
        *_WHERE,
        "first_issued_at",
        "issued_at",
        "closed_at",
        "closed_reason",
        "other_id",
        "simulated",
    ]
    write_rows(connection, sa.insert(STRETCHES), order, added)
    update = sa.update(STRETCHES).where(STRETCHES.c.stretch_id == sa.bindparam("which"))
    write_rows(connection, update, [*_WHERE, "issued_at", "closed_at", "closed_reason", "other_id", "which"], changed)
    write_rows(connection, sa.insert(STRETCH_TRANSITIONS), STRETCH_TRANSITIONS.c.keys()[1:], transitions)
    connection.execute(
        sa.delete(STRETCH_MEMBERS).where(STRETCH_MEMBERS.c.region == region, STRETCH_MEMBERS.c.run_id.not_in(keep))
    )
    members = [
        (run_id, segment, row.stretch_id, region)
        for row in rows.values()
        if row.state == WarningState.OPEN
        for segment in row.segments
    ]
    write_rows(connection, sa.insert(STRETCH_MEMBERS), ["run_id", "segment_id", "stretch_id", "region"], members)
    return len(transitions)


_WHERE: Final = ("reach", "bank", "from_m", "to_m", "state", "level", "length_m")


def open_stretches(engine: sa.Engine, region: str) -> pd.DataFrame:
    """List the open stretches of a region, the worst first, then the longest; the columns of table ``stretches``."""
    select = sa.select(STRETCHES).where(STRETCHES.c.region == region, STRETCHES.c.state == WarningState.OPEN)
    with reading(engine) as connection:
        table = table_of(connection, select)
    return table.sort_values(["level", "length_m", "stretch_id"], ascending=[False, False, True], ignore_index=True)


def stretch_history(engine: sa.Engine, stretch_id: str) -> pd.DataFrame:
    """Return every transition of a stretch in order, the columns of table ``stretch_transitions``.

    Raises
    ------
    LedgerError
        There is no such stretch.
    """
    select = sa.select(STRETCH_TRANSITIONS).where(STRETCH_TRANSITIONS.c.stretch_id == stretch_id)
    with reading(engine) as connection:
        table = table_of(connection, select.order_by(STRETCH_TRANSITIONS.c.id))
    if table.empty:
        raise LedgerError(f"ledger: no stretch {stretch_id}; open_stretches() and the layers carry the ids there are")
    return table


def run_stretch_changes(engine: sa.Engine, run_id: str) -> pd.DataFrame:
    """Return what a run changed of stretches, the worst first: transitions joined with reach, bank, place and first issue.

    Raises
    ------
    LedgerError
        There is no such run.
    """
    names = ("region", "reach", "bank", "from_m", "to_m", "first_issued_at", "simulated")
    select = (
        sa.select(STRETCH_TRANSITIONS, *(STRETCHES.c[name] for name in names))
        .join(STRETCHES, STRETCHES.c.stretch_id == STRETCH_TRANSITIONS.c.stretch_id)
        .where(STRETCH_TRANSITIONS.c.run_id == run_id)
    )
    with reading(engine) as connection:
        if connection.execute(sa.select(RUNS.c.run_id).where(RUNS.c.run_id == run_id)).first() is None:
            raise LedgerError(f"ledger: no run {run_id}; recent_runs() lists them")
        table = table_of(connection, select)
    return table.sort_values(
        ["to_level", "to_length_m", "stretch_id"], ascending=[False, False, True], ignore_index=True
    )
