"""Selections that recording and reading share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.schema import RUNS, TRANSITIONS, WARNINGS, UtcTime
from erosion.core.vocabulary import ChangeKind, RunOutcome, WarningState


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection to read with; what the database raises becomes a :class:`LedgerError`."""
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise LedgerError(f"ledger: {reason}; see that the database answers and run again") from error


def select_standing(region: str, as_of: pd.Timestamp, names: Iterable[str]) -> sa.Select[Any]:
    """Select warnings that were open before a date, from the last transition each had by then."""
    last = (
        sa.select(sa.func.max(TRANSITIONS.c.id))
        .join(WARNINGS, WARNINGS.c.event_id == TRANSITIONS.c.event_id)
        .where(WARNINGS.c.region == region, TRANSITIONS.c.as_of < as_of)
        # A warning closed earlier than this cannot have been open; leaving it out keeps years of history cheap.
        .where(sa.or_(WARNINGS.c.state == WarningState.OPEN, WARNINGS.c.closed_at >= as_of))
        .group_by(TRANSITIONS.c.event_id)
    )
    at_the_time = {"segment_id": TRANSITIONS.c.segment_id, "level": TRANSITIONS.c.to_level.label("level")}
    return (
        sa.select(*(at_the_time.get(name, WARNINGS.c[name]) for name in names))
        .join(TRANSITIONS, WARNINGS.c.event_id == TRANSITIONS.c.event_id)
        .where(TRANSITIONS.c.id.in_(last), TRANSITIONS.c.kind != ChangeKind.CLOSED)
    )


def last_standing(connection: sa.Connection, region: str, before: pd.Timestamp | None) -> dict[str, Any] | None:
    """Return the newest published run of a region that no other superseded, for a date before another; None without."""
    select = sa.select(RUNS).where(
        RUNS.c.region == region, RUNS.c.outcome != RunOutcome.FAILED, RUNS.c.superseded_by.is_(None)
    )
    if before is not None:
        select = select.where(RUNS.c.as_of < before)
    return one_row(connection, select.order_by(RUNS.c.as_of.desc()).limit(1))


def one_row(connection: sa.Connection, select: sa.Select[Any]) -> dict[str, Any] | None:
    """Return the one row of a selection by column, None where it has none."""
    row = connection.execute(select).mappings().one_or_none()
    return None if row is None else dict(row)


def table_of(connection: sa.Connection, select: sa.Select[Any]) -> pd.DataFrame:
    """Read rows into a table whose times are UTC columns even where it is empty."""
    result = connection.execute(select)
    table = pd.DataFrame(result.all(), columns=list(result.keys()))
    for column in select.selected_columns:
        if isinstance(column.type, UtcTime):
            table[column.name] = pd.to_datetime(table[column.name], utc=True)
    return table


def write_rows(
    connection: sa.Connection, statement: sa.Insert | sa.Update, names: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    """Run a statement for many rows of values at once."""
    if rows:
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def instant(value: datetime) -> datetime:
    """Return a plain datetime in UTC, as databases give it back; a time without zone is refused."""
    if value.tzinfo is None:
        raise LedgerError(f"ledger: time {value} has no time zone; give aware times, best UTC")
    return pd.Timestamp(value).tz_convert("UTC").floor("us").to_pydatetime()
