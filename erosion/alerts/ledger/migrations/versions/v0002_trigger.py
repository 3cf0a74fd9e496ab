"""The model's own level beside the published one, which the trigger may raise."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give the memory of places two columns; until now every level was the model's own."""
    # SQLite cannot add a column without a default, so the table is copied on every database alike; it is small.
    op.create_table(
        "states_0002",
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
    op.execute(
        "INSERT INTO states_0002 (run_id, target, segment_id, region, level, model_level, candidate_level, "
        "candidate_runs, trigger_runs) "
        "SELECT run_id, target, segment_id, region, level, level, candidate_level, candidate_runs, 0 FROM states"
    )
    op.drop_table("states")
    op.rename_table("states_0002", "states")
