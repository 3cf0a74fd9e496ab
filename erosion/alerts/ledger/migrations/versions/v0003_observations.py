"""Observations and days counted in the place of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Give the memory of places dates; what runs have counted so far is one observation at most.

    Which observation a run had is not on record here, so none is known: the next run counts none as new, and a change
    that was being waited for is waited for by days, from the date of the run on.
    """
    # SQLite cannot add a column without a default, so the table is copied on every database alike; it is small.
    new = op.create_table(
        "states_0003",
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
    kept = ("run_id", "target", "segment_id", "region", "level", "model_level", "candidate_level")
    states = sa.table("states", *map(sa.column, (*kept, "candidate_runs", "trigger_runs")))
    runs = sa.table("runs", sa.column("run_id"), sa.column("as_of"))
    if op.get_bind().dialect.name == "postgresql":
        day = sa.func.to_char(sa.func.timezone("UTC", runs.c.as_of), "YYYY-MM-DD")
    else:
        day = sa.func.substr(runs.c.as_of, 1, 10)
    stayed = (states.c.candidate_level == states.c.model_level) & (states.c.candidate_runs > 0)
    old = sa.select(
        *(states.c[name] for name in kept),
        sa.case((stayed, 1), else_=0),
        day,
        sa.literal(""),
        sa.case((states.c.trigger_runs > 0, day), else_=""),
    ).join(runs, runs.c.run_id == states.c.run_id)
    op.execute(sa.insert(new).from_select([column.name for column in new.columns], old))
    op.drop_table("states")
    op.rename_table("states_0003", "states")
