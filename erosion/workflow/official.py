"""Official classes and bulletins: what the person's role allows, written as entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from erosion.alerts import ledger
from erosion.alerts.ledger import bulletins, official
from erosion.config.official import OfficialScheme
from erosion.core.vocabulary import Action, BulletinStatus
from erosion.places.official_list import Matched
from erosion.workflow.actions import Who, acting

_NEEDED: Final = {
    BulletinStatus.APPROVED: Action.APPROVE_BULLETIN,
    BulletinStatus.ISSUED: Action.ISSUE_BULLETIN,
    BulletinStatus.WITHDRAWN: Action.WITHDRAW_BULLETIN,
}


def set_scheme(engine: ledger.Ledger, login: Who, **scheme: Any) -> int:
    """Return the entry of a scheme of classes; arguments as of :func:`erosion.alerts.ledger.official.set_scheme`."""
    with acting(engine, login, Action.SET_SCHEME) as (connection, person):
        return official.set_scheme(connection, person.actor, **scheme)


def set_class(engine: ledger.Ledger, login: Who, **given: Any) -> int:
    """Return the entry of an official class; arguments as of :func:`erosion.alerts.ledger.official.set_class`."""
    with acting(engine, login, Action.SET_CLASS, (given.get("commune", ""),)) as (connection, person):
        return official.set_class(connection, person.actor, **given)


def enter_official_list(
    engine: ledger.Ledger,
    login: Who,
    *,
    scheme_login: Who | None,
    region: str,
    scheme: OfficialScheme,
    pieces: Sequence[Matched],
    decision: str,
    valid_from: date,
    valid_to: date | None = None,
) -> int:
    """Return how many classes of an official list were entered: those that do not stand so already.

    Parameters
    ----------
    engine, login
        The ledger, and who enters the classes.
    scheme_login
        Who enters the scheme, where this version of it does not stand yet; ``login`` where None.
    region, scheme, pieces
        The region, its scheme of classes, and the pieces on its banks.
    decision
        Document that decided the list.
    valid_from, valid_to
        First and last day on which it holds.
    """
    classes = [official.OfficialClass(one.code, one.vi, one.en) for one in scheme.classes]
    with ledger.querying(engine) as connection:
        schemes = official.schemes_on(connection, region, valid_from)
        standing = official.classes_on(connection, region, valid_from)
    same = schemes[(schemes["scheme"] == scheme.scheme) & (schemes["legal_basis"] == scheme.legal_basis)]
    same = same[[list(found) == [one._asdict() for one in classes] for found in same["classes"]]]
    if same.empty:
        scheme_id = set_scheme(
            engine, scheme_login or login, region=region, scheme=scheme.scheme, classes=classes,
            legal_basis=scheme.legal_basis, valid_from=valid_from,
        )  # fmt: skip
    else:
        scheme_id = int(same["id"].iloc[-1])
    known = {row["official_id"]: row for row in standing.to_dict("records")}
    entered = 0
    for one in pieces:
        given = {
            "title": one.piece.title, "commune": one.piece.commune, "reach": one.reach, "bank": one.bank, "from_m": one.from_m,
            "to_m": one.to_m, "scheme_id": scheme_id, "class_code": one.piece.class_code, "decision": decision,
            "valid_from": valid_from, "valid_to": valid_to,
        }  # fmt: skip
        before = known.get(one.piece.official_id)
        if before is not None and all(before[name] == value for name, value in given.items()):
            continue
        set_class(engine, login, region=region, official_id=one.piece.official_id, **given)
        entered += 1
    return entered


def draft_bulletin(engine: ledger.Ledger, login: Who, **draft: Any) -> int:
    """Return the entry of a new draft; arguments as of :func:`erosion.alerts.ledger.bulletins.draft_bulletin`."""
    with acting(engine, login, Action.DRAFT_BULLETIN) as (connection, person):
        return bulletins.draft_bulletin(connection, person.actor, **draft)


def revise_bulletin(
    engine: ledger.Ledger, login: Who, bulletin_id: int, content: Mapping[str, Any], words: str = ""
) -> int:
    """Return the entry of a further revision of a bulletin, which has to be approved anew."""
    with acting(engine, login, Action.DRAFT_BULLETIN) as (connection, person):
        return bulletins.revise_bulletin(connection, person.actor, bulletin_id, content, words)


def set_bulletin_status(
    engine: ledger.Ledger, login: Who, bulletin_id: int, status: BulletinStatus, words: str = ""
) -> int:
    """Return the entry by which a bulletin is approved, issued or withdrawn."""
    with acting(engine, login, _NEEDED[status]) as (connection, person):
        return bulletins.set_status(connection, person.actor, bulletin_id, status, words)
