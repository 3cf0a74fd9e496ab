"""What was decided: runs, warnings and every change of a warning, kept in SQL.

One transaction records a run whole or not at all. SQLite beside the products by default, PostgreSQL (or whatever else
SQLAlchemy speaks) by URL. What becomes of warnings follows from :func:`erosion.alerts.levels.plan_events`, a pure function, so
that a layer can carry event ids before anything is recorded; ``docs/warnings.md`` describes the tables.

Every run is planned against the warnings *as they stood before its date*, read back from the transitions. So a run that
was killed after recording finds the same answer again, and a second run of one date amends the first.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.levels import (
    STATE_COLUMNS,
    OpenWarning,
    Planned,
    Standing,
    issue_time,
    kind_of_change,
    need,
    plan_rows,
    rows_of,
)

T = TypeVar("T")

OUTCOMES: Final = {"published": 0, "degraded": 2, "failed": 1}
"""Outcome of a run to its exit code."""

ALERTS_NEEDED: Final = (
    "segment_id",
    "level",
    "model_level",
    "previous_level",
    "candidate_level",
    "candidate_runs",
    "trigger_runs",
    "why",
    "p_event",
    "chainage_m",
    "bank",
)
"""What :func:`record_run` reads of each target: the columns of ``alerts.decide`` joined with score and segment."""

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

WAIT_S: Final = 30.0
"""How long a writer waits for another one [s]; a recording takes well under a second."""

READ_TRIES: Final = 5
"""How often a file is read again because a run wrote to it in the meantime."""

_LOCK = zlib.crc32(b"riverbank erosion ledger")


class LedgerError(RuntimeError):
    """The ledger cannot do what was asked; the message says why and how to mend it."""


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An instant, always aware and in UTC, also where the database (SQLite) stores no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse a time without zone and give the database the rest in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise LedgerError(f"ledger: time {value} has no time zone; every time in the ledger is UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Read every time as an aware one in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = sa.MetaData()

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("region", sa.String, nullable=False),
    sa.Column("as_of", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("exit_code", sa.Integer, nullable=False),
    sa.Column("model_id", sa.String, nullable=False),
    sa.Column("inputs_hash", sa.String, nullable=False),
    sa.Column("product", sa.String, nullable=False),
    sa.Column("manifest", sa.JSON, nullable=False),
    sa.Column("previous_run_id", sa.String, sa.ForeignKey("runs.run_id")),
    sa.Column("superseded_by", sa.String, sa.ForeignKey("runs.run_id")),
    sa.Index("runs_region_as_of", "region", "as_of"),
)

WARNINGS = sa.Table(
    "warnings",
    METADATA,
    sa.Column("event_id", sa.String, primary_key=True),
    sa.Column("region", sa.String, nullable=False),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("segment_id", sa.String, nullable=False),
    sa.Column("chainage_m", sa.Float, nullable=False),
    sa.Column("bank", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("first_issued_at", UtcTime, nullable=False),
    sa.Column("issued_at", UtcTime, nullable=False),
    sa.Column("updates", sa.Integer, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("closed_reason", sa.String),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Index("warnings_region_target_state", "region", "target", "state"),
)

TRANSITIONS = sa.Table(
    "transitions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("event_id", sa.String, sa.ForeignKey("warnings.event_id"), nullable=False),
    sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False),
    sa.Column("as_of", UtcTime, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("from_level", sa.Integer, nullable=False),
    sa.Column("to_level", sa.Integer, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("p_event", sa.Float),
    sa.Column("segment_id", sa.String, nullable=False),
    sa.UniqueConstraint("event_id", "run_id", name="transitions_event_run"),
    sa.Index("transitions_run", "run_id"),
)

STATES = sa.Table(
    "states",
    METADATA,
    sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("target", sa.String, primary_key=True),
    sa.Column("segment_id", sa.String, primary_key=True),
    sa.Column("region", sa.String, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("model_level", sa.Integer, nullable=False),
    sa.Column("candidate_level", sa.Integer, nullable=False),
    sa.Column("candidate_runs", sa.Integer, nullable=False),
    sa.Column("trigger_runs", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)


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


# --- opening ---------------------------------------------------------------------------------------------------------


def open_ledger(url_or_path: str | Path, *, wait_s: float = WAIT_S) -> sa.Engine:
    """Open a ledger; make it, or bring its tables up to date, where needed.

    Parameters
    ----------
    url_or_path
        Path of an SQLite file (made with its folder if missing), or an SQLAlchemy URL such as
        ``postgresql://user@host/database``.
    wait_s
        How long a writer waits for another one [s] before it says so.

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
            f"ledger {_shown(url)}: {error}; give a path, or the URL of a database whose driver is installed "
            "(for PostgreSQL: pip install 'psycopg[binary]')"
        ) from error
    try:
        _migrate(engine)
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise LedgerError(f"ledger {_shown(url)}: {reason}; give a ledger's path or a database that answers") from error
    finally:
        engine.dispose()  # nothing stays open behind an error; a good engine connects again when it is used
    return engine


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
            except sa.exc.DatabaseError:
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
    _, script = _migrations()
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


def _shown(url: sa.URL | None) -> str:
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
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection in a transaction that no other writer shares."""
    wait_s = engine.get_execution_options()["ledger_wait_s"]
    try:
        with engine.connect().execution_options(ledger_writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(wait_s * 1000)}")
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection
    except sa.exc.OperationalError as error:
        busy = "database is locked" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "55P03"
        if not busy:
            raise
        raise LedgerError(
            f"ledger: another process has been writing for over {wait_s:g} s, nothing was recorded; "
            "let it finish (or end it) and run again"
        ) from error


def _migrations() -> tuple[Any, Any]:
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

    config, script = _migrations()

    def version(connection: sa.Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    with engine.connect() as connection:
        found = version(connection)
    if found == script.get_current_head():
        return
    if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
        raise LedgerError(
            f"ledger {_shown(engine.url)}: its tables have version {found}, "
            f"this program knows up to {script.get_current_head()}; install the newer program"
        )
    with _writing(engine) as connection:
        # Another process may have been faster while this one waited; then the upgrade finds nothing to do.
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


# --- recording -------------------------------------------------------------------------------------------------------


def record_run(
    engine: sa.Engine,
    run: Run,
    alerts_by_target: Mapping[str, pd.DataFrame],
    crosswalk: pd.DataFrame | None,
    *,
    warning_from_level: int,
) -> Recorded:
    """Record a published run: the run itself, what became of warnings, and the memory for the next run.

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
        The policy's lowest level that opens a warning.

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
    brought to what the new run says, and each difference is a transition of its own.
    """
    if run.outcome not in ("published", "degraded"):
        raise LedgerError(f"run {run.run_id}: outcome {run.outcome} is not published; record it with record_failure")
    for target, alerts in alerts_by_target.items():
        need(alerts, ALERTS_NEEDED, f"alerts of target {target}")
    as_of = issue_time(run.as_of)
    with _writing(engine) as connection:
        known = _one(connection, sa.select(RUNS).where(RUNS.c.run_id == run.run_id))
        if known is not None:
            if (known["region"], known["as_of"], known["inputs_hash"]) != (run.region, as_of, run.inputs_hash):
                raise LedgerError(
                    f"run {run.run_id} is on record for {known['region']} {known['as_of']:%Y-%m-%d} with inputs "
                    f"{known['inputs_hash']}; a run with other inputs needs another id"
                )
            return Recorded(False, 0, _count_open(connection, run.region))
        newest = _last(connection, run.region, None)
        if newest is not None and newest["as_of"] > as_of:
            raise LedgerError(
                f"run {run.run_id}: {run.region} is on record up to {newest['as_of']:%Y-%m-%d}, so a run for "
                f"{as_of:%Y-%m-%d} would rewrite the past; replay old dates into a ledger of their own"
            )
        previous = _last(connection, run.region, as_of)
        connection.execute(sa.insert(RUNS), [_run_row(run, run.run_id, previous["run_id"] if previous else None)])
        if newest is not None and newest["as_of"] == as_of:
            connection.execute(
                sa.update(RUNS).where(RUNS.c.run_id == newest["run_id"]).values(superseded_by=run.run_id)
            )
        standing: dict[str, list[OpenWarning]] = {target: [] for target in alerts_by_target}
        for row in connection.execute(_select_standing(run.region, as_of, ("target", *OpenWarning._fields))):
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
            written += _apply(connection, run, as_of, target, plan)
        _remember(connection, run, alerts_by_target, {run.run_id, *([previous["run_id"]] if previous else [])})
        return Recorded(True, written, _count_open(connection, run.region))


def _apply(connection: sa.Connection, run: Run, as_of: pd.Timestamp, target: str, plan: list[Planned]) -> int:
    """Bring the warnings of one target to the plan; return how many transitions that took."""
    # Beside the open ones, those that an earlier run of this date opened or closed.
    touched = sa.or_(WARNINGS.c.state == "open", WARNINGS.c.closed_at >= as_of, WARNINGS.c.first_issued_at >= as_of)
    names = ("event_id", "state", "level", "segment_id", "chainage_m", "bank", "updates", "first_issued_at")
    select = sa.select(*(WARNINGS.c[name] for name in names)).where(
        WARNINGS.c.region == run.region, WARNINGS.c.target == target, touched
    )
    current = {row.event_id: row for row in connection.execute(select)}
    for event_id in sorted(current.keys() - {row.event_id for row in plan}):
        now = current[event_id]
        gone = (now.first_issued_at, "superseded", "closed", now.level, "superseded", None, None, None)
        plan.append(Planned(event_id, target, now.segment_id, "closed", now.level, *gone))
    at, issued_at = _stored(connection, datetime.now(UTC)), _stored(connection, as_of)
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
        closed_at = issued_at if row.state == "closed" else None
        if known is None:
            fixed = (row.event_id, run.region, target)
            added.append((*fixed, *where, row.state, row.level, issued_at, issued_at, 0, None, None, run.simulated))
        else:
            updates = known.updates + (kind != "issued")
            changed.append(
                (*where, row.state, row.level, issued_at, updates, closed_at, row.closed_reason, row.event_id)
            )
        p_event = None if row.p_event != row.p_event else row.p_event  # databases know no NaN
        levels = (row.from_level if standing is None else standing.level, row.level)
        transitions.append((row.event_id, run.run_id, issued_at, at, *levels, kind, row.why, p_event, row.segment_id))
    _write_rows(connection, sa.insert(WARNINGS), WARNINGS.c.keys(), added)
    update = sa.update(WARNINGS).where(WARNINGS.c.event_id == sa.bindparam("which"))
    _write_rows(connection, update, [*CHANGING, "which"], changed)
    _write_rows(connection, sa.insert(TRANSITIONS), TRANSITIONS.c.keys()[1:], transitions)
    return len(transitions)


def _remember(
    connection: sa.Connection, run: Run, alerts_by_target: Mapping[str, pd.DataFrame], keep: set[str]
) -> None:
    """Write the memory of this run; that of the run before stays, so that this date can be run again."""
    connection.execute(sa.delete(STATES).where(STATES.c.region == run.region, STATES.c.run_id.not_in(keep)))
    for target, alerts in alerts_by_target.items():
        rows = [(run.run_id, target, *row, run.region) for row in rows_of(alerts[list(STATE_COLUMNS)])]
        _write_rows(connection, sa.insert(STATES), ["run_id", "target", *STATE_COLUMNS, "region"], rows)


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
    if run.outcome != "failed":
        raise LedgerError(f"run {run.run_id}: outcome {run.outcome} is not failed; record it with record_run")
    with _writing(engine) as connection:
        select = sa.select(RUNS.c.run_id, RUNS.c.started_at).where(
            RUNS.c.run_id.startswith(f"{run.run_id}/failed-", autoescape=True)
        )
        attempts = {row.started_at: row.run_id for row in connection.execute(select)}
        started_at = _instant(run.started_at)
        if started_at in attempts:
            return str(attempts[started_at])
        previous = _last(connection, run.region, issue_time(run.as_of))
        run_id = f"{run.run_id}/failed-{len(attempts) + 1}"
        connection.execute(sa.insert(RUNS), [_run_row(run, run_id, previous["run_id"] if previous else None)])
        return run_id


def _run_row(run: Run, run_id: str, previous_run_id: str | None) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "region": run.region,
        "as_of": issue_time(run.as_of),
        "started_at": _instant(run.started_at),
        "finished_at": _instant(run.finished_at),
        "outcome": run.outcome,
        "exit_code": OUTCOMES[run.outcome],
        "model_id": run.model_id,
        "inputs_hash": run.inputs_hash,
        "product": run.product,
        "manifest": dict(run.manifest),
        "previous_run_id": previous_run_id,
    }


# --- reading ---------------------------------------------------------------------------------------------------------


def last_run(engine: sa.Engine, region: str, before: pd.Timestamp | str | None = None) -> dict[str, Any] | None:
    """Return the newest published or degraded run of a region for a date earlier than ``before``, None without one.

    A run that a second run of its date superseded does not count. ``before=None`` gives the newest of all.
    """
    with engine.connect() as connection:
        return _last(connection, region, None if before is None else issue_time(before))


def recent_runs(engine: sa.Engine, region: str, limit: int = 30) -> pd.DataFrame:
    """List the newest runs of a region by the time they finished, newest first, failed ones too."""
    select = sa.select(RUNS).where(RUNS.c.region == region).order_by(RUNS.c.finished_at.desc(), RUNS.c.run_id.desc())
    with engine.connect() as connection:
        return _table(connection, select.limit(limit))


def previous_states(engine: sa.Engine, region: str, target: str, before: pd.Timestamp | str) -> pd.DataFrame:
    """Return what places remember from the last run before a date, on that run's baseline.

    Returns
    -------
    pandas.DataFrame
        ``alerts.STATE_COLUMNS`` sorted by segment; empty where there was no run or it did not have the target.

    Raises
    ------
    LedgerError
        The memory of that run is no longer kept: the ledger keeps the newest run and the one before it.
    """
    with engine.connect() as connection:
        newest, run = _last(connection, region, None), _last(connection, region, issue_time(before))
        if (
            newest is not None
            and run is not None
            and run["run_id"] not in (newest["run_id"], newest["previous_run_id"])
        ):
            raise LedgerError(
                f"{region}: the memory of run {run['run_id']} is no longer kept, the newest run is for "
                f"{newest['as_of']:%Y-%m-%d}; replay old dates into a ledger of their own"
            )
        select = sa.select(*(STATES.c[name] for name in STATE_COLUMNS)).where(
            STATES.c.run_id == (run["run_id"] if run else None), STATES.c.target == target
        )
        states = _table(connection, select)
    # Sorted here and not by the database, whose order of text depends on its locale.
    return states.sort_values("segment_id", ignore_index=True)


def open_warnings(
    engine: sa.Engine, region: str, target: str | None = None, before: pd.Timestamp | str | None = None
) -> pd.DataFrame:
    """List open warnings of a region, of one target or all, now or as they stood before a date.

    Returns
    -------
    pandas.DataFrame
        The columns of table ``warnings``, sorted by ``event_id``. With ``before``, ``segment_id`` and ``level`` are
        those of the time; ``chainage_m``, ``bank``, ``issued_at`` and ``updates`` are always the newest.
    """
    with engine.connect() as connection:
        if before is None:
            select = sa.select(WARNINGS).where(WARNINGS.c.region == region, WARNINGS.c.state == "open")
            table = _table(connection, select)
        else:
            table = _table(connection, _select_standing(region, issue_time(before), WARNINGS.c.keys()))
            table["state"], table["closed_reason"] = "open", None
            table["closed_at"] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]")
    table = table.sort_values("event_id", ignore_index=True)
    return table if target is None else table[table["target"] == target].reset_index(drop=True)


def history(engine: sa.Engine, event_id: str) -> pd.DataFrame:
    """Return every transition of a warning in order, the columns of table ``transitions``.

    Raises
    ------
    LedgerError
        There is no such warning.
    """
    with engine.connect() as connection:
        table = _table(
            connection, sa.select(TRANSITIONS).where(TRANSITIONS.c.event_id == event_id).order_by(TRANSITIONS.c.id)
        )
    if table.empty:
        raise LedgerError(f"ledger: no warning {event_id}; open_warnings() and the layers carry the ids there are")
    return table


def changes_since_previous(engine: sa.Engine, run_id: str) -> pd.DataFrame:
    """Say how warnings stand after a run compared with the run of the date before.

    Where a date was run more than once, changes that cancelled out are left out.

    Returns
    -------
    pandas.DataFrame
        One row per changed warning, worst first: ``event_id, target, segment_id, chainage_m, bank, kind, from_level,
        to_level, why, p_event, first_issued_at, simulated``.

    Raises
    ------
    LedgerError
        There is no such run.
    """
    with engine.connect() as connection:
        run = _one(connection, sa.select(RUNS).where(RUNS.c.run_id == run_id))
        if run is None:
            raise LedgerError(f"ledger: no run {run_id}; recent_runs() lists them")
        same_date = sa.select(RUNS.c.run_id, RUNS.c.superseded_by).where(
            RUNS.c.region == run["region"], RUNS.c.as_of == run["as_of"]
        )
        follower = {row.superseded_by: row.run_id for row in connection.execute(same_date) if row.superseded_by}
        chain = [run_id]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        select = (
            sa.select(
                TRANSITIONS,
                *(WARNINGS.c[name] for name in ("target", "chainage_m", "bank", "first_issued_at", "simulated")),
            )
            .join(WARNINGS, WARNINGS.c.event_id == TRANSITIONS.c.event_id)
            .where(TRANSITIONS.c.run_id.in_(chain))
            .order_by(TRANSITIONS.c.id)
        )
        steps = _table(connection, select)
        names = ("event_id", "level", "segment_id")
        before = connection.execute(_select_standing(run["region"], run["as_of"], names)).all()
    net = steps.drop_duplicates("event_id", keep="last").set_index("event_id")
    net["from_level"] = steps.drop_duplicates("event_id", keep="first").set_index("event_id")["from_level"]
    stood = {row.event_id: Standing("open", row.level, row.segment_id) for row in before}
    net["kind"] = [
        kind_of_change(
            stood.get(row["event_id"]),
            Standing("closed" if row["kind"] == "closed" else "open", row["to_level"], row["segment_id"]),
        )
        for row in net.reset_index().to_dict("records")
    ]
    columns = ["event_id", "target", "segment_id", "chainage_m", "bank", "kind", "from_level", "to_level", "why"]
    net = net[net["kind"] != ""].reset_index()[[*columns, "p_event", "first_issued_at", "simulated"]]
    return net.sort_values(
        ["target", "to_level", "p_event", "event_id"], ascending=[True, False, False, True], ignore_index=True
    )


# --- small things ----------------------------------------------------------------------------------------------------


def _select_standing(region: str, as_of: pd.Timestamp, names: Iterable[str]) -> sa.Select[Any]:
    """Select warnings that were open before a date, from the last transition each had by then."""
    last = (
        sa.select(sa.func.max(TRANSITIONS.c.id))
        .join(WARNINGS, WARNINGS.c.event_id == TRANSITIONS.c.event_id)
        .where(WARNINGS.c.region == region, TRANSITIONS.c.as_of < as_of)
        # A warning closed earlier than this cannot have been open; leaving it out keeps years of history cheap.
        .where(sa.or_(WARNINGS.c.state == "open", WARNINGS.c.closed_at >= as_of))
        .group_by(TRANSITIONS.c.event_id)
    )
    at_the_time = {"segment_id": TRANSITIONS.c.segment_id, "level": TRANSITIONS.c.to_level.label("level")}
    return (
        sa.select(*(at_the_time.get(name, WARNINGS.c[name]) for name in names))
        .join(TRANSITIONS, WARNINGS.c.event_id == TRANSITIONS.c.event_id)
        .where(TRANSITIONS.c.id.in_(last), TRANSITIONS.c.kind != "closed")
    )


def _last(connection: sa.Connection, region: str, before: pd.Timestamp | None) -> dict[str, Any] | None:
    select = sa.select(RUNS).where(RUNS.c.region == region, RUNS.c.outcome != "failed", RUNS.c.superseded_by.is_(None))
    if before is not None:
        select = select.where(RUNS.c.as_of < before)
    return _one(connection, select.order_by(RUNS.c.as_of.desc()).limit(1))


def _count_open(connection: sa.Connection, region: str) -> int:
    select = sa.select(sa.func.count()).where(WARNINGS.c.region == region, WARNINGS.c.state == "open")
    return int(connection.execute(select).scalar_one())


def _write_rows(
    connection: sa.Connection, statement: sa.Insert | sa.Update, names: list[str], rows: list[tuple[Any, ...]]
) -> None:
    """Run a statement for many rows of values as the driver stores them, past SQLAlchemy's handling of each value."""
    if not rows:
        return
    compiled = statement.compile(dialect=connection.dialect, column_keys=[name for name in names if name != "which"])
    if compiled.positiontup:
        pick = itemgetter(*(names.index(name) for name in compiled.positiontup))
        connection.exec_driver_sql(str(compiled), [pick(row) for row in rows])
    else:
        connection.exec_driver_sql(str(compiled), [dict(zip(names, row, strict=True)) for row in rows])


def _stored(connection: sa.Connection, instant: datetime) -> Any:
    """Turn an instant into what the driver stores for it."""
    process = UtcTime().dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return instant if process is None else process(instant)


def _one(connection: sa.Connection, select: sa.Select[Any]) -> dict[str, Any] | None:
    row = connection.execute(select).mappings().one_or_none()
    return None if row is None else dict(row)


def _table(connection: sa.Connection, select: sa.Select[Any]) -> pd.DataFrame:
    """Read rows into a table whose times are UTC columns even where it is empty."""
    result = connection.execute(select)
    table = pd.DataFrame(result.all(), columns=list(result.keys()))
    for column in select.selected_columns:
        if isinstance(column.type, UtcTime):
            table[column.name] = pd.to_datetime(table[column.name], utc=True)
    return table


def _instant(value: datetime) -> datetime:
    """Return a plain datetime in UTC, as databases give it back; a time without zone is refused."""
    if value.tzinfo is None:
        raise LedgerError(f"ledger: time {value} has no time zone; give aware times, best UTC")
    return pd.Timestamp(value).tz_convert("UTC").floor("us").to_pydatetime()
