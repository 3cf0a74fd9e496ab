"""Official classes of banks and the schemes they belong to; both are entered by people, and each has its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger.audit import Actor, record
from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.people_tables import OFFICIAL_CLASSES, OFFICIAL_SCHEMES
from erosion.alerts.ledger.queries import table_of
from erosion.core.vocabulary import Action


class OfficialClass(NamedTuple):
    """One class of a scheme, worst first in its scheme."""

    code: str
    vi: str
    en: str


def set_scheme(
    connection: sa.Connection,
    actor: Actor,
    *,
    region: str,
    scheme: str,
    classes: Sequence[OfficialClass],
    legal_basis: str,
    valid_from: date,
    valid_to: date | None = None,
    words: str = "",
) -> int:
    """Return the number of an entry that makes a scheme of classes, or a newer version of it.

    Raises
    ------
    LedgerError
        A code occurs twice, there is none, or the time ends before it begins.
    """
    codes = [one.code for one in classes]
    if not codes or len(set(codes)) < len(codes):
        raise LedgerError(f"ledger: scheme {scheme} needs classes, each code once; it has {', '.join(codes) or 'none'}")
    _need_order(f"scheme {scheme}", valid_from, valid_to)
    values = {
        "region": region,
        "scheme": scheme,
        "classes": [one._asdict() for one in classes],
        "legal_basis": legal_basis,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    about = ("scheme", scheme)
    return record(connection, OFFICIAL_SCHEMES, values, actor=actor, action=Action.SET_SCHEME, about=about, words=words)


def set_class(
    connection: sa.Connection,
    actor: Actor,
    *,
    region: str,
    official_id: str,
    title: str,
    commune: str,
    reach: str,
    bank: str,
    from_m: float,
    to_m: float,
    scheme_id: int,
    class_code: str,
    decision: str,
    valid_from: date,
    valid_to: date | None = None,
    words: str = "",
) -> int:
    """Return the number of an entry that gives a piece of bank its official class, or another one.

    Parameters
    ----------
    official_id, title
        Number and name of the piece in the official list; a further entry of the number takes the place of the one before from
        its own ``valid_from`` on.
    from_m, to_m
        Chainage [m].
    scheme_id
        Number of the entry of the scheme's version.
    decision
        Document that decided it.

    Raises
    ------
    LedgerError
        The scheme or its class is not there, or place or time end before they begin.
    """
    select = sa.select(OFFICIAL_SCHEMES).where(OFFICIAL_SCHEMES.c.id == scheme_id, OFFICIAL_SCHEMES.c.region == region)
    scheme = connection.execute(select).mappings().one_or_none()
    if scheme is None:
        raise LedgerError(f"ledger: {region} has no scheme of entry {scheme_id}; schemes_on() lists those there are")
    codes = [one["code"] for one in scheme["classes"]]
    if class_code not in codes:
        raise LedgerError(f"ledger: scheme {scheme['scheme']} has no class {class_code!r}; it has {', '.join(codes)}")
    if from_m > to_m:
        raise LedgerError(f"ledger: {official_id} would end at {to_m:g} m, before {from_m:g} m; exchange the two")
    _need_order(official_id, valid_from, valid_to)
    values = {
        "region": region,
        "official_id": official_id,
        "title": title,
        "commune": commune,
        "reach": reach,
        "bank": bank,
        "from_m": from_m,
        "to_m": to_m,
        "scheme_id": scheme_id,
        "class_code": class_code,
        "decision": decision,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    about = ("official_class", official_id)
    return record(connection, OFFICIAL_CLASSES, values, actor=actor, action=Action.SET_CLASS, about=about, words=words)


def schemes_on(connection: sa.Connection, region: str, day: date) -> pd.DataFrame:
    """Return the schemes that hold on a day, the columns of table ``official_schemes``, sorted by scheme."""
    return _on(connection, OFFICIAL_SCHEMES, OFFICIAL_SCHEMES.c.scheme, region, day)


def classes_on(connection: sa.Connection, region: str, day: date) -> pd.DataFrame:
    """Return the official classes that hold on a day, the columns of table ``official_classes``, sorted by number."""
    return _on(connection, OFFICIAL_CLASSES, OFFICIAL_CLASSES.c.official_id, region, day)


def _on(connection: sa.Connection, table: sa.Table, key: sa.Column[Any], region: str, day: date) -> pd.DataFrame:
    """Return the newest entry of each key that had begun by a day, without those that had ended (``valid_to`` is the last day)."""
    select = sa.select(table).where(table.c.region == region, table.c.valid_from <= day).order_by(table.c.id)
    rows = table_of(connection, select).drop_duplicates(key.name, keep="last")
    holds = pd.Series([end is None or end >= day for end in rows["valid_to"]], index=rows.index, dtype=bool)
    return rows[holds].sort_values(key.name, ignore_index=True)


def _need_order(what: str, valid_from: date, valid_to: date | None) -> None:
    if valid_to is not None and valid_to < valid_from:
        raise LedgerError(f"ledger: {what} would hold until {valid_to}, before {valid_from}; give a later end")
