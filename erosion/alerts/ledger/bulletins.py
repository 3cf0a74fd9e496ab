"""Bulletins: drafts with number and revision, and the steps by which a draft is approved, issued or withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from erosion.alerts.ledger.audit import Actor, record
from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.people_tables import APPROVALS, BULLETINS
from erosion.core.vocabulary import Action, BulletinStatus

STEPS: Final = {
    BulletinStatus.DRAFT: (BulletinStatus.APPROVED, BulletinStatus.WITHDRAWN),
    BulletinStatus.APPROVED: (BulletinStatus.ISSUED, BulletinStatus.WITHDRAWN),
    BulletinStatus.ISSUED: (BulletinStatus.WITHDRAWN,),
    BulletinStatus.WITHDRAWN: (),
}
"""Which status may follow which."""

_ACTIONS: Final = {
    BulletinStatus.APPROVED: Action.APPROVE_BULLETIN,
    BulletinStatus.ISSUED: Action.ISSUE_BULLETIN,
    BulletinStatus.WITHDRAWN: Action.WITHDRAW_BULLETIN,
}


class Bulletin(NamedTuple):
    """One revision of a bulletin and how far it has got."""

    id: int
    region: str
    year: int
    number: int
    """Within region and year, from 1."""
    revision: int
    commune: str
    """Empty for the whole region."""
    content: dict[str, Any]
    at: datetime
    actor: str
    actor_name: str
    status: BulletinStatus
    status_at: datetime
    status_by: str


def draft_bulletin(
    connection: sa.Connection,
    actor: Actor,
    *,
    region: str,
    year: int,
    content: Mapping[str, Any],
    commune: str = "",
    words: str = "",
) -> int:
    """Return the number of the entry of a new draft, which takes the next number of region and year."""
    last = sa.select(sa.func.max(BULLETINS.c.number)).where(BULLETINS.c.region == region, BULLETINS.c.year == year)
    number = (connection.execute(last).scalar_one() or 0) + 1
    return _write(connection, actor, (region, year, number, 1, commune), content, words)


def revise_bulletin(
    connection: sa.Connection, actor: Actor, bulletin_id: int, content: Mapping[str, Any], words: str = ""
) -> int:
    """Return the number of the entry of a further revision; it is a draft again, under the same number.

    Raises
    ------
    LedgerError
        There is no such bulletin, it is not its newest revision, or it was issued or withdrawn.
    """
    old = _newest(connection, bulletin_id)
    if old.status in (BulletinStatus.ISSUED, BulletinStatus.WITHDRAWN):
        raise LedgerError(f"ledger: bulletin {_name(old)} is {old.status} and stays as it is; draft a new one")
    place = (old.region, old.year, old.number, old.revision + 1, old.commune)
    return _write(connection, actor, place, content, words)


def set_status(connection: sa.Connection, actor: Actor, bulletin_id: int, status: str, words: str = "") -> int:
    """Return the number of the entry by which a bulletin is approved, issued or withdrawn.

    Raises
    ------
    LedgerError
        There is no such bulletin, it is not its newest revision, or its status does not allow the step.
    """
    old, new = _newest(connection, bulletin_id), BulletinStatus(status)
    if new not in STEPS[old.status]:
        ways = " or ".join(STEPS[old.status]) or "nothing more"
        raise LedgerError(
            f"ledger: bulletin {_name(old)} is {old.status} and cannot become {new}; it can become {ways}"
        )
    values = {"bulletin_id": bulletin_id, "status": str(new)}
    about = ("bulletin", _name(old))
    return record(connection, APPROVALS, values, actor=actor, action=_ACTIONS[new], about=about, words=words)


def bulletins(connection: sa.Connection, region: str) -> list[Bulletin]:
    """Return every revision of every bulletin of a region, in the order they were drafted."""
    return _read(connection, BULLETINS.c.region == region)


def bulletin(connection: sa.Connection, bulletin_id: int) -> Bulletin:
    """Return one revision of a bulletin.

    Raises
    ------
    LedgerError
        There is no such bulletin.
    """
    found = _read(connection, BULLETINS.c.id == bulletin_id)
    if not found:
        raise LedgerError(f"ledger: entry {bulletin_id} is no bulletin; bulletins() lists those there are")
    return found[0]


def _newest(connection: sa.Connection, bulletin_id: int) -> Bulletin:
    found = bulletin(connection, bulletin_id)
    last = sa.select(sa.func.max(BULLETINS.c.id)).where(
        BULLETINS.c.region == found.region, BULLETINS.c.year == found.year, BULLETINS.c.number == found.number
    )
    newest = connection.execute(last).scalar_one()
    if newest != bulletin_id:
        raise LedgerError(f"ledger: bulletin {_name(found)} has a newer revision, entry {newest}; decide on that one")
    return found


def _name(one: Bulletin) -> str:
    return f"{one.region}/{one.year}/{one.number}"


def _write(
    connection: sa.Connection,
    actor: Actor,
    place: tuple[str, int, int, int, str],
    content: Mapping[str, Any],
    words: str,
) -> int:
    region, year, number, revision, commune = place
    values = {
        "region": region,
        "year": year,
        "number": number,
        "revision": revision,
        "commune": commune,
        "content": dict(content),
    }
    about = ("bulletin", f"{region}/{year}/{number}")
    return record(connection, BULLETINS, values, actor=actor, action=Action.DRAFT_BULLETIN, about=about, words=words)


def _read(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[Bulletin]:
    rows = connection.execute(sa.select(BULLETINS).where(where).order_by(BULLETINS.c.id)).mappings().all()
    ids = sa.select(BULLETINS.c.id).where(where)
    steps = sa.select(APPROVALS).where(APPROVALS.c.bulletin_id.in_(ids)).order_by(APPROVALS.c.id)
    newest = {step["bulletin_id"]: step for step in connection.execute(steps).mappings()}
    found = []
    for row in rows:
        step = newest.get(row["id"])
        by = row if step is None else step
        status = BulletinStatus.DRAFT if step is None else BulletinStatus(step["status"])
        known = {name: row[name] for name in Bulletin._fields if not name.startswith("status")}
        found.append(Bulletin(**known, status=status, status_at=by["at"], status_by=by["actor"]))
    return found
