"""Field reports: what somebody saw on the ground, where, and the photos of it. The bytes of a photo are kept elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, NamedTuple

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger.audit import Actor, payload_of, record, stored
from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.people_tables import CLOSURES, FIELD_REPORTS, REPORT_PHOTOS
from erosion.alerts.ledger.queries import table_of
from erosion.alerts.ledger.stretches import need_stretch
from erosion.core.vocabulary import Action, FieldVerdict

QUIET: Final = (FieldVerdict.NOTHING_SEEN,)
"""Verdicts of reports that ask for nothing: such a report is on record and is never open."""


@dataclass(frozen=True, kw_only=True)
class FieldReport:
    """What somebody saw on the ground.

    Attributes
    ----------
    client_id
        Made by the phone (a UUID), so that a report sent twice over a bad connection is one.
    observed_at
        When it was seen, aware.
    lon, lat
        Place [degrees, EPSG:4326]; ``accuracy_m`` as the phone gives it [m].
    commune
        Code of the commune.
    reach, bank, chainage_m, segment_id, stretch_id
        Where on the river that is, as far as it is known.
    crack_length_m, crack_width_m, edge_distance_m
        Measured on the ground [m]; the last from the crack, or from the nearest house, to the edge.
    houses
        Houses within reach of it.
    """

    client_id: str
    region: str
    observed_at: datetime
    lon: float
    lat: float
    commune: str
    verdict: str
    words: str = ""
    accuracy_m: float | None = None
    reach: str | None = None
    bank: str | None = None
    chainage_m: float | None = None
    segment_id: str | None = None
    stretch_id: str | None = None
    crack_length_m: float | None = None
    crack_width_m: float | None = None
    edge_distance_m: float | None = None
    houses: int | None = None


class Added(NamedTuple):
    """What came of adding a report or a photo."""

    id: int
    new: bool
    """False where it had been sent before."""


def add_report(connection: sa.Connection, actor: Actor, report: FieldReport) -> Added:
    """Return the entry of a report; one that was sent before is not written again.

    Raises
    ------
    LedgerError
        A value is out of range, or another report has this client id.
    """
    if report.verdict not in set(FieldVerdict):
        raise LedgerError(f"ledger: there is no verdict {report.verdict!r}; give one of {', '.join(FieldVerdict)}")
    if not report.client_id.strip():
        raise LedgerError("ledger: a report needs the id that the phone made for it")
    if not (-180 <= report.lon <= 180 and -90 <= report.lat <= 90):
        raise LedgerError(f"ledger: {report.lon}, {report.lat} is no place; give longitude and latitude in degrees")
    for name in ("accuracy_m", "crack_length_m", "crack_width_m", "edge_distance_m", "houses"):
        value = getattr(report, name)
        if value is not None and not value >= 0:
            raise LedgerError(f"ledger: {name} of a report cannot be {value}; give zero or more, or leave it out")
    values = {**asdict(report), "verdict": str(report.verdict)}
    words = values.pop("words")
    select = sa.select(FIELD_REPORTS).where(FIELD_REPORTS.c.client_id == report.client_id)
    known = connection.execute(select).mappings().one_or_none()
    if known is None:
        if report.stretch_id is not None:
            need_stretch(connection, report.region, report.stretch_id)
        about = ("report", report.client_id)
        number = record(connection, FIELD_REPORTS, values, actor=actor, action=Action.REPORT, about=about, words=words)
        return Added(number, True)
    again = {c.name: stored(c, {**known, **values, "words": words}[c.name]) for c in FIELD_REPORTS.columns}
    if known["actor"] != actor.login or payload_of(FIELD_REPORTS, again) != payload_of(FIELD_REPORTS, dict(known)):
        raise LedgerError(
            f"ledger: report {report.client_id} is on record as entry {known['id']} with another content; what was "
            "reported is not changed. Send a report of its own"
        )
    return Added(int(known["id"]), False)


def add_photo(
    connection: sa.Connection, actor: Actor, report_id: int, *, sha256: str, size_bytes: int, media_type: str
) -> Added:
    """Return the entry of a photo of a report; one that was sent before is not written again.

    Raises
    ------
    LedgerError
        The hash is none, or there is no such report.
    """
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise LedgerError(f"ledger: {sha256!r} is no SHA-256; give 64 lower-case hexadecimal digits")
    select = sa.select(REPORT_PHOTOS.c.id).where(
        REPORT_PHOTOS.c.report_id == report_id, REPORT_PHOTOS.c.sha256 == sha256
    )
    known = connection.execute(select).scalar_one_or_none()
    if known is not None:
        return Added(known, False)
    client_id = report_of(connection, report_id)["client_id"]
    values = {"report_id": report_id, "sha256": sha256, "size_bytes": size_bytes, "media_type": media_type}
    about = ("report", str(client_id))
    return Added(record(connection, REPORT_PHOTOS, values, actor=actor, action=Action.ADD_PHOTO, about=about), True)


def report_of(connection: sa.Connection, report_id: int) -> dict[str, object]:
    """Return one report by column.

    Raises
    ------
    LedgerError
        No report has this number.
    """
    row = connection.execute(sa.select(FIELD_REPORTS).where(FIELD_REPORTS.c.id == report_id)).mappings().one_or_none()
    if row is None:
        raise LedgerError(f"ledger: entry {report_id} is no field report; reports() lists those there are")
    return dict(row)


def reports(connection: sa.Connection, region: str, stretch_id: str | None = None) -> pd.DataFrame:
    """Return the field reports of a region, or of one stretch, in the order they came.

    Returns
    -------
    pandas.DataFrame
        The columns of table ``field_reports`` and ``open``: whether it reports something and no closure of it stands.
    """
    select = sa.select(FIELD_REPORTS).where(FIELD_REPORTS.c.region == region).order_by(FIELD_REPORTS.c.id)
    if stretch_id is not None:
        select = select.where(FIELD_REPORTS.c.stretch_id == stretch_id)
    table = table_of(connection, select)
    later = CLOSURES.alias()
    closed = (
        sa.select(CLOSURES.c.report_id)
        .outerjoin(later, later.c.undoes == CLOSURES.c.id)
        .where(CLOSURES.c.region == region, CLOSURES.c.report_id.is_not(None))
        .where(CLOSURES.c.undoes.is_(None), later.c.id.is_(None))
    )
    done = set(connection.execute(closed).scalars())
    table["open"] = ~table["id"].isin(done) & ~table["verdict"].isin([str(verdict) for verdict in QUIET])
    return table


def photos(connection: sa.Connection, report_id: int) -> pd.DataFrame:
    """Return the photos of a report in the order they came, the columns of table ``report_photos``."""
    select = sa.select(REPORT_PHOTOS).where(REPORT_PHOTOS.c.report_id == report_id).order_by(REPORT_PHOTOS.c.id)
    return table_of(connection, select)
