"""Decisions on stretches and field reports: acknowledged, assigned, checked, closed; undone only by an entry that says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from erosion.alerts.ledger.audit import Actor, record
from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.people_tables import ACKNOWLEDGEMENTS, ASSIGNMENTS, CLOSURES, FIELD_CHECKS, FIELD_REPORTS
from erosion.alerts.ledger.stretches import need_stretch
from erosion.core.vocabulary import Action, FieldVerdict

_TABLES: Final = {
    Action.ACKNOWLEDGE: ACKNOWLEDGEMENTS,
    Action.ASSIGN: ASSIGNMENTS,
    Action.CHECK: FIELD_CHECKS,
    Action.CLOSE: CLOSURES,
}


class Decision(NamedTuple):
    """One decision on a stretch or on a field report."""

    id: int
    """Number of the entry; later entries have higher ones, also across kinds."""
    kind: Action
    at: datetime
    actor: str
    actor_name: str
    words: str
    region: str
    stretch_id: str | None
    report_id: int | None
    level: int | None
    """Of an acknowledgement: the level that was seen."""
    assignee: str | None
    """Of an assignment: login of who is sent."""
    due_at: datetime | None
    verdict: FieldVerdict | None
    """Of a field check."""
    undoes: int | None
    """Number of the entry that this one undoes; it then decides nothing else."""
    undone_by: int | None
    """Number of the entry that undid this one."""

    @property
    def stands(self) -> bool:
        """Whether it decides something and was not undone."""
        return self.undoes is None and self.undone_by is None


def acknowledge(
    connection: sa.Connection, actor: Actor, region: str, stretch_id: str, level: int, words: str = ""
) -> int:
    """Return the number of an entry: somebody has seen the stretch at a level."""
    values = {"region": region, "stretch_id": stretch_id, "level": level}
    return _decide(connection, actor, Action.ACKNOWLEDGE, values, words)


def assign(
    connection: sa.Connection,
    actor: Actor,
    region: str,
    stretch_id: str,
    assignee: str,
    due_at: datetime | None = None,
    words: str = "",
) -> int:
    """Return the number of an entry: somebody is to look at the stretch on the ground."""
    values = {"region": region, "stretch_id": stretch_id, "assignee": assignee, "due_at": due_at}
    return _decide(connection, actor, Action.ASSIGN, values, words)


def check(
    connection: sa.Connection,
    actor: Actor,
    region: str,
    verdict: str,
    *,
    stretch_id: str | None = None,
    report_id: int | None = None,
    words: str = "",
) -> int:
    """Return the number of an entry: what a look on the ground found, at a stretch, at the place of a report, or both.

    Raises
    ------
    LedgerError
        There is no such verdict, or neither stretch nor report is named.
    """
    if verdict not in set(FieldVerdict):
        raise LedgerError(f"ledger: there is no verdict {verdict!r}; give one of {', '.join(FieldVerdict)}")
    values = {"region": region, "stretch_id": stretch_id, "report_id": report_id, "verdict": str(verdict)}
    return _decide(connection, actor, Action.CHECK, values, words)


def close(
    connection: sa.Connection,
    actor: Actor,
    region: str,
    *,
    stretch_id: str | None = None,
    report_id: int | None = None,
    words: str = "",
) -> int:
    """Return the number of an entry: nothing more is to be done about a stretch, or about one report.

    Raises
    ------
    LedgerError
        Both or neither are named.
    """
    if (stretch_id is None) == (report_id is None):
        raise LedgerError("ledger: a closure is of a stretch or of a report; name one of them")
    values = {"region": region, "stretch_id": stretch_id, "report_id": report_id}
    return _decide(connection, actor, Action.CLOSE, values, words)


def undo(connection: sa.Connection, actor: Actor, number: int, words: str = "") -> int:
    """Return the number of an entry that undoes another decision.

    Raises
    ------
    LedgerError
        There is no such decision, it was undone already, or it is itself an undoing.
    """
    old = decision(connection, number)
    if not old.stands:
        why = f"was undone by entry {old.undone_by}" if old.undone_by else f"itself undoes entry {old.undoes}"
        raise LedgerError(f"ledger: entry {number} {why}, so it cannot be undone; make the decision anew")
    table = _TABLES[old.kind]
    values = {name: value for name, value in old._asdict().items() if name in _own(table)}
    values["undoes"] = number
    return record(connection, table, values, actor=actor, action=Action.UNDO, about=_about(old._asdict()), words=words)


def decision(connection: sa.Connection, number: int) -> Decision:
    """Return one decision.

    Raises
    ------
    LedgerError
        No decision has this number.
    """
    for kind, table in _TABLES.items():
        if found := _read(connection, kind, table, table.c.id == number):
            return found[0]
    raise LedgerError(f"ledger: entry {number} is no decision; decisions() lists those there are")


def decisions(connection: sa.Connection, region: str, stretch_id: str | None = None) -> list[Decision]:
    """Return the decisions of a region in the order they were made: all, or those on one stretch and on its reports."""
    found: list[Decision] = []
    for kind, table in _TABLES.items():
        where = table.c.region == region
        if stretch_id is not None:
            about = table.c.stretch_id == stretch_id
            if "report_id" in table.c:
                reported = sa.select(FIELD_REPORTS.c.id).where(
                    FIELD_REPORTS.c.region == region, FIELD_REPORTS.c.stretch_id == stretch_id
                )
                about = sa.or_(about, table.c.report_id.in_(reported))
            where = sa.and_(where, about)
        found += _read(connection, kind, table, where)
    return sorted(found)


def _decide(connection: sa.Connection, actor: Actor, kind: Action, values: Mapping[str, object], words: str) -> int:
    if values["stretch_id"] is not None:
        need_stretch(connection, str(values["region"]), str(values["stretch_id"]))
    return record(connection, _TABLES[kind], values, actor=actor, action=kind, about=_about(values), words=words)


def _about(values: Mapping[str, object]) -> tuple[str, str]:
    if values["stretch_id"] is not None:
        return "stretch", str(values["stretch_id"])
    return "report", str(values["report_id"])


def _own(table: sa.Table) -> set[str]:
    """Return the columns that say what was decided, on what."""
    return set(table.c.keys()) - {"id", "at", "actor", "actor_name", "words", "undoes"}


def _read(connection: sa.Connection, kind: Action, table: sa.Table, where: sa.ColumnElement[bool]) -> list[Decision]:
    later = table.alias()
    select = sa.select(table, later.c.id.label("undone_by")).outerjoin(later, later.c.undoes == table.c.id).where(where)
    rows = []
    for row in connection.execute(select).mappings():
        values: dict[str, Any] = {name: row.get(name) for name in Decision._fields}
        verdict = None if values["verdict"] is None else FieldVerdict(values["verdict"])
        rows.append(Decision(**{**values, "kind": kind, "verdict": verdict}))
    return rows
