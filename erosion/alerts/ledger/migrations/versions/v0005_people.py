"""What people decide: people, decisions, field reports, official classes, bulletins, withdrawn runs, and their audit chain."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

UTC = sa.DateTime(timezone=True)


def _entries(name: str, *columns: sa.Column[object] | sa.UniqueConstraint | sa.CheckConstraint) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer, sa.ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("actor_name", sa.String, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        *columns,
    )
    _append_only(name)


def _append_only(name: str) -> None:
    """Have the database itself refuse to change or delete a row: what people decided is evidence."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION entry_append_only()"
        )
    elif op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {name}_no_{action.lower()} BEFORE {action} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            )


def upgrade() -> None:
    """Make the tables of entries; each row carries the number of its row in the audit chain."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """CREATE OR REPLACE FUNCTION entry_append_only() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"""
        )
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("object_kind", sa.String, nullable=False),
        sa.Column("object_id", sa.String, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    _append_only("audit")
    _entries(
        "people",
        sa.Column("login", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("communes", sa.JSON, nullable=False),
        sa.Column("active_from", UTC, nullable=False),
        sa.Column("active_to", UTC),
    )
    _entries(
        "acknowledgements",
        sa.Column("region", sa.String, nullable=False),
        sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("undoes", sa.Integer, sa.ForeignKey("acknowledgements.id"), unique=True),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name="acknowledgements_level"),
    )
    _entries(
        "assignments",
        sa.Column("region", sa.String, nullable=False),
        sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
        sa.Column("assignee", sa.String, nullable=False),
        sa.Column("due_at", UTC),
        sa.Column("undoes", sa.Integer, sa.ForeignKey("assignments.id"), unique=True),
    )
    _entries(
        "field_reports",
        sa.Column("client_id", sa.String, nullable=False, unique=True),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("observed_at", UTC, nullable=False),
        sa.Column("lon", sa.Float, nullable=False),
        sa.Column("lat", sa.Float, nullable=False),
        sa.Column("accuracy_m", sa.Float),
        sa.Column("commune", sa.String, nullable=False),
        sa.Column("reach", sa.String),
        sa.Column("bank", sa.String),
        sa.Column("chainage_m", sa.Float),
        sa.Column("segment_id", sa.String),
        sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id")),
        sa.Column("crack_length_m", sa.Float),
        sa.Column("crack_width_m", sa.Float),
        sa.Column("edge_distance_m", sa.Float),
        sa.Column("houses", sa.Integer),
        sa.Column("verdict", sa.String, nullable=False),
    )
    _entries(
        "report_photos",
        sa.Column("report_id", sa.Integer, sa.ForeignKey("field_reports.id"), nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.UniqueConstraint("report_id", "sha256", name="report_photos_once"),
    )
    _entries(
        "field_checks",
        sa.Column("region", sa.String, nullable=False),
        sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id")),
        sa.Column("report_id", sa.Integer, sa.ForeignKey("field_reports.id")),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("undoes", sa.Integer, sa.ForeignKey("field_checks.id"), unique=True),
        sa.CheckConstraint("stretch_id IS NOT NULL OR report_id IS NOT NULL", name="field_checks_about"),
    )
    _entries(
        "closures",
        sa.Column("region", sa.String, nullable=False),
        sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id")),
        sa.Column("report_id", sa.Integer, sa.ForeignKey("field_reports.id")),
        sa.Column("undoes", sa.Integer, sa.ForeignKey("closures.id"), unique=True),
        sa.CheckConstraint("stretch_id IS NOT NULL OR report_id IS NOT NULL", name="closures_about"),
    )
    _entries(
        "official_schemes",
        sa.Column("region", sa.String, nullable=False),
        sa.Column("scheme", sa.String, nullable=False),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("legal_basis", sa.String, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
    )
    _entries(
        "official_classes",
        sa.Column("region", sa.String, nullable=False),
        sa.Column("official_id", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("commune", sa.String, nullable=False),
        sa.Column("reach", sa.String, nullable=False),
        sa.Column("bank", sa.String, nullable=False),
        sa.Column("from_m", sa.Float, nullable=False),
        sa.Column("to_m", sa.Float, nullable=False),
        sa.Column("scheme_id", sa.Integer, sa.ForeignKey("official_schemes.id"), nullable=False),
        sa.Column("class_code", sa.String, nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
    )
    _entries(
        "bulletins",
        sa.Column("region", sa.String, nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("commune", sa.String, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.UniqueConstraint("region", "year", "number", "revision", name="bulletins_number"),
    )
    _entries(
        "approvals",
        sa.Column("bulletin_id", sa.Integer, sa.ForeignKey("bulletins.id"), nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.UniqueConstraint("bulletin_id", "status", name="approvals_once"),
        sa.CheckConstraint("status IN ('approved', 'issued', 'withdrawn')", name="approvals_status"),
    )
    _entries(
        "withdrawn_runs",
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False, unique=True),
    )
    op.create_index("audit_object", "audit", ["object_kind", "object_id"])
    op.create_index("people_login", "people", ["login"])
    op.create_index("acknowledgements_stretch", "acknowledgements", ["region", "stretch_id"])
    op.create_index("assignments_stretch", "assignments", ["region", "stretch_id"])
    op.create_index("field_reports_stretch", "field_reports", ["region", "stretch_id"])
    op.create_index("field_checks_stretch", "field_checks", ["region", "stretch_id"])
    op.create_index("closures_stretch", "closures", ["region", "stretch_id"])
    op.create_index("official_schemes_region", "official_schemes", ["region", "scheme"])
    op.create_index("official_classes_region", "official_classes", ["region", "official_id"])
