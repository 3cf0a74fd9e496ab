"""Opening a ledger to write: the database, its migrations, and transactions that no other writer shares."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError

Ledger: TypeAlias = sa.Engine
"""An open ledger, as :func:`open_ledger` returns it."""

Connection: TypeAlias = sa.Connection
"""A connection to a ledger, as :func:`writing` gives it."""

WAIT_S: Final = 30.0
"""How long a writer waits for another one [s]; a recording takes well under a second."""

_LOCK = zlib.crc32(b"riverbank erosion ledger")


def open_ledger(url_or_path: str | Path, *, wait_s: float = WAIT_S) -> sa.Engine:
    """Open a ledger; make it, or bring its tables up to date, where needed.

    Parameters
    ----------
    url_or_path
        Path of an SQLite file (made with its folder if missing), or an SQLAlchemy URL such as
        ``postgresql://user@host/database``.
    wait_s
        How long a writer waits for another one [s] before it fails.

    Returns
    -------
    sqlalchemy.Engine

    Raises
    ------
    LedgerError
        The file is no ledger, the database does not answer, or a newer version of this program made it.
    """
    text = str(url_or_path)
    url = None
    try:
        if "://" in text:
            url = sa.make_url(text)
        else:
            Path(text).parent.mkdir(parents=True, exist_ok=True)
            url = sa.URL.create("sqlite", database=text)
        engine = _engine(url, wait_s)
    except (sa.exc.ArgumentError, ImportError, OSError) as error:
        raise LedgerError(
            f"ledger {shown_url(url)}: {error}; give a path, or the URL of a database whose driver is installed "
            "(for PostgreSQL: pip install 'psycopg[binary]')"
        ) from error
    try:
        _migrate(engine)
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise LedgerError(
            f"ledger {shown_url(url)}: {reason}; give a ledger's path or a database that answers"
        ) from error
    finally:
        engine.dispose()  # nothing stays open behind an error; a good engine connects again when it is used
    return engine


def open_if_there(url_or_path: str | Path, *, wait_s: float = WAIT_S) -> sa.Engine | None:
    """Return an open ledger, None where its SQLite file is missing or empty; none is made.

    Raises
    ------
    LedgerError
        As :func:`open_ledger`.
    """
    file = sqlite_file(url_or_path)
    if file is not None and not (file.is_file() and file.stat().st_size > 0):
        return None
    return open_ledger(url_or_path, wait_s=wait_s)


def sqlite_file(url_or_path: str | Path) -> Path | None:
    """Return the file of an SQLite ledger; None for a database on a server, and for a text that is no URL."""
    text = str(url_or_path)
    if "://" not in text:
        return Path(text)
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def shown(url_or_path: str | Path) -> str:
    """Name a ledger in a message, without the password of its database."""
    text = str(url_or_path)
    try:
        return shown_url(sa.make_url(text)) if "://" in text else text
    except sa.exc.ArgumentError:
        return "URL"


def _engine(url: sa.URL, wait_s: float) -> sa.Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")  # the driver of that name alone depends on SQLAlchemy's version
    sqlite = url.get_backend_name() == "sqlite"
    engine = sa.create_engine(
        url,
        connect_args={"timeout": wait_s} if sqlite else {},
        execution_options={"ledger_wait_s": wait_s},
        pool_pre_ping=not sqlite,
    )
    if sqlite:
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def shown_url(url: sa.URL | None) -> str:
    """Name a database in a message, without its password."""
    return "URL" if url is None else url.render_as_string(hide_password=True)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would start them late and leave out table definitions; see _begin_sqlite.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a decision on record survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes its lock at the start, or two that read first would both fail when they come to write.
    writes = connection.get_execution_options().get("ledger_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection in a transaction that no other writer shares."""
    wait_s = engine.get_execution_options()["ledger_wait_s"]
    try:
        with engine.connect().execution_options(ledger_writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(wait_s * 1000)}")
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection
    except sa.exc.SQLAlchemyError as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        busy = "database is locked" in str(reason) or getattr(reason, "sqlstate", "") == "55P03"
        if not busy:
            raise LedgerError(
                f"ledger {shown_url(engine.url)}: {reason}; nothing was recorded. See that the database answers and may "
                "be written by this user, and run again"
            ) from error
        raise LedgerError(
            f"ledger: another process has been writing for over {wait_s:g} s, nothing was recorded; "
            "let it finish (or end it) and run again"
        ) from error


def migrations() -> tuple[Any, Any]:
    """Return Alembic's configuration and its list of the versions of the tables."""
    # Alembic takes long to import, and only opening a ledger needs it.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def _migrate(engine: sa.Engine) -> None:
    from alembic import command  # takes long to import, as above
    from alembic.migration import MigrationContext

    config, script = migrations()

    def version(connection: sa.Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    with engine.connect() as connection:
        found = version(connection)
    if found == script.get_current_head():
        return
    if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
        raise LedgerError(
            f"ledger {shown_url(engine.url)}: its tables have version {found}, "
            f"this program knows up to {script.get_current_head()}; install the newer program"
        )
    with writing(engine) as connection:
        # Another process may have been faster while this one waited; then the upgrade finds nothing to do.
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
