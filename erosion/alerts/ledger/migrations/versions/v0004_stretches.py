"""Stretches of bank, their transitions and the segments they consist of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

UTC = sa.DateTime(timezone=True)

#: stretch_transitions are evidence: the database itself refuses to change or delete one.
APPEND_ONLY = {
    "sqlite": [
        f"""CREATE TRIGGER stretch_transitions_no_{action.lower()} BEFORE {action} ON stretch_transitions
            BEGIN SELECT RAISE(ABORT, 'stretch_transitions are append-only'); END"""
        for action in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION stretch_transitions_append_only() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'stretch_transitions are append-only'; END $$""",
        """CREATE TRIGGER stretch_transitions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stretch_transitions
           FOR EACH STATEMENT EXECUTE FUNCTION stretch_transitions_append_only()""",
    ],
}


def upgrade() -> None:
    """Make three empty tables: the first run after it opens the stretches of its date."""
    op.create_table(
        "stretches",
        sa.Column("stretch_id", sa.String, primary_key=True),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("reach", sa.String, nullable=False),
        sa.Column("bank", sa.String, nullable=False),
        sa.Column("from_m", sa.Float, nullable=False),
        sa.Column("to_m", sa.Float, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("length_m", sa.Float, nullable=False),
        sa.Column("first_issued_at", UTC, nullable=False),
        sa.Column("issued_at", UTC, nullable=False),
        sa.Column("closed_at", UTC),
        sa.Column("closed_reason", sa.String),
        sa.Column("other_id", sa.String),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name="stretches_state"),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name="stretches_level"),
    )
    op.create_index("stretches_region_state", "stretches", ["region", "state"])
    op.create_table(
        "stretch_transitions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("as_of", UTC, nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("from_level", sa.Integer, nullable=False),
        sa.Column("to_level", sa.Integer, nullable=False),
        sa.Column("from_length_m", sa.Float),
        sa.Column("to_length_m", sa.Float, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("other_id", sa.String),
        sa.UniqueConstraint("stretch_id", "run_id", name="stretch_transitions_stretch_run"),
    )
    op.create_index("stretch_transitions_run", "stretch_transitions", ["run_id"])
    op.create_table(
        "stretch_members",
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("segment_id", sa.String, primary_key=True),
        sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
        sa.Column("region", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    for statement in APPEND_ONLY.get(op.get_bind().dialect.name, []):
        op.execute(statement)
