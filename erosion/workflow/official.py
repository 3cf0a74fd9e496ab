"""Official classes and bulletins: what the person's role allows, written as entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from erosion.alerts import ledger
from erosion.alerts.ledger import bulletins, official
from erosion.core.vocabulary import Action, BulletinStatus
from erosion.workflow.actions import acting

_NEEDED: Final = {
    BulletinStatus.APPROVED: Action.APPROVE_BULLETIN,
    BulletinStatus.ISSUED: Action.ISSUE_BULLETIN,
    BulletinStatus.WITHDRAWN: Action.WITHDRAW_BULLETIN,
}


def set_scheme(engine: ledger.Ledger, login: str, **scheme: Any) -> int:
    """Return the entry of a scheme of classes; arguments as of :func:`erosion.alerts.ledger.official.set_scheme`."""
    with acting(engine, login, Action.SET_SCHEME) as (connection, person):
        return official.set_scheme(connection, person.actor, **scheme)


def set_class(engine: ledger.Ledger, login: str, **given: Any) -> int:
    """Return the entry of an official class; arguments as of :func:`erosion.alerts.ledger.official.set_class`."""
    with acting(engine, login, Action.SET_CLASS, (given.get("commune", ""),)) as (connection, person):
        return official.set_class(connection, person.actor, **given)


def draft_bulletin(engine: ledger.Ledger, login: str, **draft: Any) -> int:
    """Return the entry of a new draft; arguments as of :func:`erosion.alerts.ledger.bulletins.draft_bulletin`."""
    with acting(engine, login, Action.DRAFT_BULLETIN) as (connection, person):
        return bulletins.draft_bulletin(connection, person.actor, **draft)


def revise_bulletin(
    engine: ledger.Ledger, login: str, bulletin_id: int, content: Mapping[str, Any], words: str = ""
) -> int:
    """Return the entry of a further revision of a bulletin, which has to be approved anew."""
    with acting(engine, login, Action.DRAFT_BULLETIN) as (connection, person):
        return bulletins.revise_bulletin(connection, person.actor, bulletin_id, content, words)


def set_bulletin_status(
    engine: ledger.Ledger, login: str, bulletin_id: int, status: BulletinStatus, words: str = ""
) -> int:
    """Return the entry by which a bulletin is approved, issued or withdrawn."""
    with acting(engine, login, _NEEDED[status]) as (connection, person):
        return bulletins.set_status(connection, person.actor, bulletin_id, status, words)
