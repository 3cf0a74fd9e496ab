"""Reading the SQLite ledger without the right to write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.opening import migrations

T = TypeVar("T")

READ_TRIES: Final = 5
"""How often a file is read again because a run wrote to it in the meantime."""


def read_ledger(path: Path, question: Callable[[sa.Engine], T]) -> T:
    """Return the answer to a question put to an SQLite ledger, without writing to it or beside it.

    Works on a read-only disk and for a user who may only read. A file that nobody has open, and to which nothing
    waits to be added, is read as it is (SQLite's ``immutable``); SQLite would otherwise make two files beside it, which
    such a user cannot, or which would then belong to the reader and keep the next run from writing. Where a run is
    writing, or was killed, what stands in ``-wal`` is read too (``mode=ro``).

    Parameters
    ----------
    path
        The SQLite file.
    question
        Called with the ledger, once or more; uses the reading functions of this module.

    Raises
    ------
    LedgerError
        The file cannot be read whole, is no ledger, or its tables are of another version. A question's own
        ``LedgerError`` is passed on.
    """
    try:
        for _ in range(READ_TRIES):
            before, pending = _file_state(path), _pending(path)
            engine = _reading_engine(path, "mode=ro" if pending else "immutable=1")
            try:
                _check_version(engine)
                answer = question(engine)
            except (sa.exc.DatabaseError, LedgerError):
                if not pending and (_file_state(path) != before or _pending(path)):
                    continue  # a run wrote while the file was read as it was
                raise
            finally:
                engine.dispose()
            # With mode=ro SQLite sees to it that the answer is of one state.
            if pending or (_file_state(path) == before and not _pending(path)):
                return answer
    except (sa.exc.SQLAlchemyError, OSError) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise LedgerError(f"ledger {path} cannot be read: {reason}; {_how_to_read(path)}") from error
    raise LedgerError(f"ledger {path} changed {READ_TRIES} times while it was read; wait for the run to finish")


def _reading_engine(path: Path, how: str) -> sa.Engine:
    address = f"{path.resolve().as_uri()}?{how}"
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=sa.NullPool)


def _pending(path: Path) -> list[Path]:
    """Return the files beside a ledger that hold what is not in it yet."""
    beside = (path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-journal"))
    return [file for file in beside if file.exists() and file.stat().st_size > 0]


def _file_state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _how_to_read(path: Path) -> str:
    if _pending(path):
        return (
            "a run that was killed left changes in the -wal file, which this user or this disk does not allow to be "
            "read with the ledger; run the region again as the user who owns the ledger, or copy the ledger with its "
            "-wal file to where it can be written"
        )
    return "give this user the right to read the file and its folder, or restore it from a copy (docs/operations.md)"


def _check_version(engine: sa.Engine) -> None:
    """Refuse to read tables of another version; only a run brings them up to date."""
    _, script = migrations()
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    if found == script.get_current_head():
        return
    if found in {revision.revision for revision in script.walk_revisions()}:
        raise LedgerError(
            f"ledger: its tables have version {found}, this program reads {script.get_current_head()}; "
            "the next run brings them up to date"
        )
    raise LedgerError(
        f"ledger: its tables have version {found}, this program knows up to {script.get_current_head()}; "
        "install the newer program"
    )
