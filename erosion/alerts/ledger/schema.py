"""The tables of the ledger, as the newest migration leaves them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError


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
    sa.Column("candidate_observations", sa.Integer, nullable=False),
    sa.Column("candidate_since", sa.String, nullable=False),
    sa.Column("observed", sa.String, nullable=False),
    sa.Column("trigger_since", sa.String, nullable=False),
    sqlite_with_rowid=False,
)

STRETCHES = sa.Table(
    "stretches",
    METADATA,
    sa.Column("stretch_id", sa.String, primary_key=True),
    sa.Column("region", sa.String, nullable=False),
    sa.Column("reach", sa.String, nullable=False),
    sa.Column("bank", sa.String, nullable=False),
    sa.Column("from_m", sa.Float, nullable=False),
    sa.Column("to_m", sa.Float, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("length_m", sa.Float, nullable=False),
    sa.Column("first_issued_at", UtcTime, nullable=False),
    sa.Column("issued_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("closed_reason", sa.String),
    sa.Column("other_id", sa.String),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Index("stretches_region_state", "region", "state"),
)

STRETCH_TRANSITIONS = sa.Table(
    "stretch_transitions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
    sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False),
    sa.Column("as_of", UtcTime, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("from_level", sa.Integer, nullable=False),
    sa.Column("to_level", sa.Integer, nullable=False),
    sa.Column("from_length_m", sa.Float),
    sa.Column("to_length_m", sa.Float, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("other_id", sa.String),
    sa.UniqueConstraint("stretch_id", "run_id", name="stretch_transitions_stretch_run"),
    sa.Index("stretch_transitions_run", "run_id"),
)

STRETCH_MEMBERS = sa.Table(
    "stretch_members",
    METADATA,
    sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("segment_id", sa.String, primary_key=True),
    sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
    sa.Column("region", sa.String, nullable=False),
    sqlite_with_rowid=False,
)
