"""The chain of entries: every row that a person makes is written with an audit row whose hash holds all rows before it.

A row that was changed, taken out, moved or put in breaks the chain from there on. Who takes off rows at the end, or writes the
whole chain anew, is found by a number of rows and a hash noted earlier (:func:`verify` with ``noted``).
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.people_tables import AUDIT, ENTRY_TABLES
from erosion.alerts.ledger.queries import instant
from erosion.alerts.ledger.schema import UtcTime

START: Final = "0" * 64
"""What stands for the hash before the first row."""

_LARGEST: Final = 2**31 - 1
"""Largest whole number that every database holds in an integer column."""


class Actor(NamedTuple):
    """Who makes an entry."""

    login: str
    name: str


class AuditRow(NamedTuple):
    """One row of the chain, as the table has it."""

    seq: int
    at: datetime
    actor: str
    action: str
    object_kind: str
    object_id: str
    payload: str
    """Canonical JSON of the entry: keys sorted, no spaces."""
    hash: str


class Fault(NamedTuple):
    """The first row that does not hold."""

    seq: int
    why: str


class Verified(NamedTuple):
    """What a look through the chain found."""

    rows: int
    """How many rows the chain has."""
    hash: str
    """Hash of the last row; with their number, what is noted elsewhere against the loss of rows at the end."""
    fault: Fault | None


def record(
    connection: sa.Connection,
    table: sa.Table,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    action: str,
    about: tuple[str, str],
    words: str = "",
) -> int:
    """Return the number of an entry, written to its table and to the audit chain.

    Parameters
    ----------
    connection
        One of :func:`erosion.alerts.ledger.writing`, in whose transaction both rows stand or fall.
    table
        One of :data:`ENTRY_TABLES`.
    values
        Its own columns; those left out are empty.
    actor, action
        Who did what.
    about
        Kind and id of what the entry is about, such as ``("stretch", id)``.
    words
        What the person wrote.

    Raises
    ------
    LedgerError
        A value is missing, out of range or no value of its column; nothing is written.
    """
    last = connection.execute(sa.select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)).one_or_none()
    seq, before = (1, START) if last is None else (last.seq + 1, last.hash)
    common = {"id": seq, "at": datetime.now(UTC), "actor": actor.login, "actor_name": actor.name, "words": words}
    if unknown := values.keys() - table.c.keys():
        raise LedgerError(f"ledger: table {table.name} has no column {', '.join(sorted(unknown))}")
    entry = {c.name: stored(c, {**values, **common}.get(c.name)) for c in table.columns}
    kind, which = (_text(table.name, part) for part in about)
    row = AuditRow(seq, entry["at"], entry["actor"], action, kind, which, payload_of(table, entry), "")
    row = row._replace(hash=hash_of(row, before))
    connection.execute(sa.insert(AUDIT), [row._asdict()])
    connection.execute(sa.insert(table), [entry])
    return seq


def stored(column: sa.Column[Any], value: Any) -> Any:
    """Return a value as every database gives it back.

    Raises
    ------
    LedgerError
        The column does not hold such a value.
    """
    where = f"{column.table.name}.{column.name}"
    if value is None:
        if not column.nullable:
            raise LedgerError(f"ledger: {where} is missing; give it")
        return None
    try:
        if isinstance(column.type, UtcTime):
            return instant(value)
        if isinstance(column.type, sa.Date):
            if isinstance(value, datetime) or not isinstance(value, date):
                raise TypeError("a date without time is needed")
            return value
        if isinstance(column.type, sa.Float):
            if not math.isfinite(number := float(value)):
                raise ValueError("it is not finite")
            return number + 0.0  # SQLite keeps no sign of zero
        if isinstance(column.type, sa.Integer):
            if abs(whole := operator.index(value)) > _LARGEST:
                raise ValueError(f"it is beyond {_LARGEST}")
            return int(whole)
    except (TypeError, ValueError, AttributeError) as error:
        raise LedgerError(f"ledger: {where} cannot be {value!r}: {error}") from error
    if isinstance(column.type, sa.JSON):
        try:
            text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise LedgerError(f"ledger: {where} cannot be written as JSON: {error}") from error
        return _checked(where, json.loads(text))
    return _text(where, value)


def _checked(where: str, value: Any) -> Any:
    if isinstance(value, str):
        return _text(where, value)
    if isinstance(value, list):
        return [_checked(where, item) for item in value]
    if isinstance(value, dict):
        return {_text(where, key): _checked(where, item) for key, item in value.items()}
    return value


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise LedgerError(f"ledger: {where} cannot be {value!r}: text is needed")
    text = str(value)
    # PostgreSQL holds neither; what one database refuses, no ledger takes.
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise LedgerError(f"ledger: {where} holds a character that is none (NUL or half of a pair); take it out")
    return text


def payload_of(table: sa.Table, entry: Mapping[str, Any]) -> str:
    """Return an entry as canonical JSON: its table and every value, keys sorted, times in UTC."""
    values = {name: value.isoformat() if isinstance(value, date) else value for name, value in entry.items()}
    return _canonical({"table": table.name, "entry": values})


def hash_of(row: AuditRow, before: str) -> str:
    """Return SHA-256 over the hash of the row before and the content of a row, hexadecimal."""
    content = {**row._asdict(), "at": row.at.isoformat()}
    del content["hash"]
    return hashlib.sha256(f"{before}\n{_canonical(content)}".encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def chain_fault(rows: Iterable[AuditRow]) -> Fault | None:
    """Return the first row at which a chain does not hold, None where it does."""
    before = START
    for wanted, row in enumerate(rows, 1):
        if row.seq > wanted:
            return Fault(wanted, "the row is missing")
        if row.seq < wanted:
            return Fault(row.seq, f"the row stands where row {wanted} should")
        if row.hash != hash_of(row, before):
            return Fault(wanted, "the row, or one before it, was changed")
        before = row.hash
    return None


def verify(connection: sa.Connection, noted: tuple[int, str] | None = None) -> Verified:
    """Return whether the audit chain and every entry it speaks of are as they were written.

    Parameters
    ----------
    connection
        One of :func:`erosion.alerts.ledger.querying` that has not been asked anything yet: all tables are read as of one instant.
    noted
        Number of rows and hash of an earlier verification: the chain has to hold that row still.
    """
    _hold_still(connection)
    rows: list[AuditRow] = []
    faults: list[Fault] = []
    judged = math.inf
    for seq, audited in _rows(connection, AUDIT):
        if audited is None:
            faults.append(Fault(seq, "the row cannot be read"))
            judged = seq  # what follows cannot be held against it
            break
        rows.append(AuditRow(**audited))
    if (fault := chain_fault(rows)) is not None:
        faults.append(fault)
    payloads = {row.seq: row.payload for row in rows}
    found: set[int] = set()
    for table in ENTRY_TABLES:
        for number, entry in _rows(connection, table):
            if number >= judged:
                continue
            if number not in payloads:
                faults.append(Fault(number, f"{table.name} holds an entry that the chain does not know"))
            elif entry is None or payload_of(table, entry) != payloads[number]:
                faults.append(Fault(number, f"the entry in {table.name} is not what the chain recorded"))
            found.add(number)
    faults += [Fault(seq, "its entry is gone") for seq in payloads.keys() - found]
    if noted is not None:
        count, wanted = noted
        if count > len(rows):
            faults.append(Fault(len(rows) + 1, f"the row is missing; {count} had been noted"))
        elif count and rows[count - 1].hash != wanted:
            faults.append(Fault(count, "its hash is not the one noted: this row, or one before it, was written anew"))
    last = rows[-1].hash if rows else START
    return Verified(len(rows), last, min(faults, default=None))


def _hold_still(connection: sa.Connection) -> None:
    """Have every question on a connection answered as of one instant, whoever writes meanwhile."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("SELECT 1")  # begins a transaction, but not where a ledger is only read
        raw = connection.connection.dbapi_connection
        if raw is not None and not raw.in_transaction:
            connection.exec_driver_sql("BEGIN")


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Give number and content of each row in order; None for a content that cannot be read as its columns say."""
    (key,) = table.primary_key.columns
    select = sa.select(table).order_by(key)
    try:
        read = [dict(row) for row in connection.execute(select).mappings()]
    except (ValueError, TypeError):
        # Somebody wrote what is no time or no JSON into SQLite, which keeps anything; find out where.
        for number in connection.execute(sa.select(key).order_by(key)).scalars().all():
            try:
                yield number, dict(connection.execute(select.where(key == number)).mappings().one())
            except (ValueError, TypeError):
                yield number, None
        return
    for row in read:
        yield row[key.name], row


def audit_rows(
    connection: sa.Connection, object_kind: str | None = None, object_id: str | None = None
) -> list[AuditRow]:
    """Return the rows of the chain in order, all of them or those about one kind of object, or one object."""
    select = sa.select(AUDIT).order_by(AUDIT.c.seq)
    if object_kind is not None:
        select = select.where(AUDIT.c.object_kind == object_kind)
    if object_id is not None:
        select = select.where(AUDIT.c.object_id == object_id)
    return [AuditRow(**row) for row in connection.execute(select).mappings()]
