"""Runs, warnings with their transitions, and the memory of the hysteresis."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

UTC = sa.DateTime(timezone=True)

#: transitions are evidence: the database itself refuses to change or delete one.
APPEND_ONLY = {
    "sqlite": [
        f"""CREATE TRIGGER transitions_no_{action.lower()} BEFORE {action} ON transitions
            BEGIN SELECT RAISE(ABORT, 'transitions are append-only'); END"""
        for action in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        """CREATE FUNCTION transitions_append_only() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'transitions are append-only'; END $$""",
        """CREATE TRIGGER transitions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transitions
           FOR EACH STATEMENT EXECUTE FUNCTION transitions_append_only()""",
    ],
}


def upgrade() -> None:
    """Make the four tables, and keep the one that is evidence from being rewritten."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("as_of", UTC, nullable=False),
        sa.Column("started_at", UTC, nullable=False),
        sa.Column("finished_at", UTC, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("exit_code", sa.Integer, nullable=False),
        sa.Column("model_id", sa.String, nullable=False),
        sa.Column("inputs_hash", sa.String, nullable=False),
        sa.Column("product", sa.String, nullable=False),
        sa.Column("manifest", sa.JSON, nullable=False),
        sa.Column("previous_run_id", sa.String, sa.ForeignKey("runs.run_id")),
        sa.Column("superseded_by", sa.String, sa.ForeignKey("runs.run_id")),
        sa.CheckConstraint("outcome IN ('published', 'degraded', 'failed')", name="runs_outcome"),
    )
    op.create_index("runs_region_as_of", "runs", ["region", "as_of"])
    op.create_table(
        "warnings",
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("segment_id", sa.String, nullable=False),
        sa.Column("chainage_m", sa.Float, nullable=False),
        sa.Column("bank", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("first_issued_at", UTC, nullable=False),
        sa.Column("issued_at", UTC, nullable=False),
        sa.Column("updates", sa.Integer, nullable=False),
        sa.Column("closed_at", UTC),
        sa.Column("closed_reason", sa.String),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name="warnings_state"),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name="warnings_level"),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="warnings_closed_at"),
    )
    op.create_index("warnings_region_target_state", "warnings", ["region", "target", "state"])
    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("event_id", sa.String, sa.ForeignKey("warnings.event_id"), nullable=False),
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("as_of", UTC, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("from_level", sa.Integer, nullable=False),
        sa.Column("to_level", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("p_event", sa.Float),
        sa.Column("segment_id", sa.String, nullable=False),
        sa.CheckConstraint(
            "kind IN ('issued', 'raised', 'lowered', 'moved', 'unknown', 'closed')", name="transitions_kind"
        ),
        sa.UniqueConstraint("event_id", "run_id", name="transitions_event_run"),
    )
    op.create_index("transitions_run", "transitions", ["run_id"])
    op.create_table(
        "states",
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("target", sa.String, primary_key=True),
        sa.Column("segment_id", sa.String, primary_key=True),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("candidate_level", sa.Integer, nullable=False),
        sa.Column("candidate_runs", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    for statement in APPEND_ONLY.get(op.get_bind().dialect.name, []):
        op.execute(statement)
