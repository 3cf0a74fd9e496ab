"""The tables of what people decide, as the newest migration leaves them; each row is an entry of the audit chain."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from erosion.alerts.ledger.schema import METADATA, UtcTime

AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("object_kind", sa.String, nullable=False),
    sa.Column("object_id", sa.String, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
    sa.Index("audit_object", "object_kind", "object_id"),
)


def _entries(name: str, *columns: sa.Column[object] | sa.Index | sa.UniqueConstraint) -> sa.Table:
    """Return a table of entries: its own columns behind number, time, person and words, which all of them have."""
    return sa.Table(
        name,
        METADATA,
        sa.Column("id", sa.Integer, sa.ForeignKey("audit.seq"), primary_key=True, autoincrement=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("actor_name", sa.String, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        *columns,
    )


def _undoes(table: str) -> sa.Column[object]:
    return sa.Column("undoes", sa.Integer, sa.ForeignKey(f"{table}.id"), unique=True)


PEOPLE = _entries(
    "people",
    sa.Column("login", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("communes", sa.JSON, nullable=False),
    sa.Column("active_from", UtcTime, nullable=False),
    sa.Column("active_to", UtcTime),
    sa.Index("people_login", "login"),
)

ACKNOWLEDGEMENTS = _entries(
    "acknowledgements",
    sa.Column("region", sa.String, nullable=False),
    sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    _undoes("acknowledgements"),
    sa.Index("acknowledgements_stretch", "region", "stretch_id"),
)

ASSIGNMENTS = _entries(
    "assignments",
    sa.Column("region", sa.String, nullable=False),
    sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id"), nullable=False),
    sa.Column("assignee", sa.String, nullable=False),
    sa.Column("due_at", UtcTime),
    _undoes("assignments"),
    sa.Index("assignments_stretch", "region", "stretch_id"),
)

FIELD_REPORTS = _entries(
    "field_reports",
    sa.Column("client_id", sa.String, nullable=False, unique=True),
    sa.Column("region", sa.String, nullable=False),
    sa.Column("observed_at", UtcTime, nullable=False),
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
    sa.Index("field_reports_stretch", "region", "stretch_id"),
)

REPORT_PHOTOS = _entries(
    "report_photos",
    sa.Column("report_id", sa.Integer, sa.ForeignKey("field_reports.id"), nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("media_type", sa.String, nullable=False),
    sa.UniqueConstraint("report_id", "sha256", name="report_photos_once"),
)

FIELD_CHECKS = _entries(
    "field_checks",
    sa.Column("region", sa.String, nullable=False),
    sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id")),
    sa.Column("report_id", sa.Integer, sa.ForeignKey("field_reports.id")),
    sa.Column("verdict", sa.String, nullable=False),
    _undoes("field_checks"),
    sa.Index("field_checks_stretch", "region", "stretch_id"),
)

CLOSURES = _entries(
    "closures",
    sa.Column("region", sa.String, nullable=False),
    sa.Column("stretch_id", sa.String, sa.ForeignKey("stretches.stretch_id")),
    sa.Column("report_id", sa.Integer, sa.ForeignKey("field_reports.id")),
    _undoes("closures"),
    sa.Index("closures_stretch", "region", "stretch_id"),
)

OFFICIAL_SCHEMES = _entries(
    "official_schemes",
    sa.Column("region", sa.String, nullable=False),
    sa.Column("scheme", sa.String, nullable=False),
    sa.Column("classes", sa.JSON, nullable=False),
    sa.Column("legal_basis", sa.String, nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_to", sa.Date),
    sa.Index("official_schemes_region", "region", "scheme"),
)

OFFICIAL_CLASSES = _entries(
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
    sa.Index("official_classes_region", "region", "official_id"),
)

BULLETINS = _entries(
    "bulletins",
    sa.Column("region", sa.String, nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("commune", sa.String, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.UniqueConstraint("region", "year", "number", "revision", name="bulletins_number"),
)

APPROVALS = _entries(
    "approvals",
    sa.Column("bulletin_id", sa.Integer, sa.ForeignKey("bulletins.id"), nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.UniqueConstraint("bulletin_id", "status", name="approvals_once"),
)

WITHDRAWN_RUNS = _entries(
    "withdrawn_runs",
    sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False, unique=True),
)

ENTRY_TABLES: Final = (
    PEOPLE,
    ACKNOWLEDGEMENTS,
    ASSIGNMENTS,
    FIELD_REPORTS,
    REPORT_PHOTOS,
    FIELD_CHECKS,
    CLOSURES,
    OFFICIAL_SCHEMES,
    OFFICIAL_CLASSES,
    BULLETINS,
    APPROVALS,
    WITHDRAWN_RUNS,
)
"""Every table whose rows are entries of the audit chain, each after those it refers to."""
