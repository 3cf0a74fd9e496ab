"""People: who they are, what role they have and in which communes, as versions that are never deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from erosion.alerts.ledger.audit import Actor, record
from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.people_tables import PEOPLE
from erosion.core.vocabulary import Action, Role


class Person(NamedTuple):
    """One version of a person."""

    login: str
    """What the sign-in service calls the person: subject or e-mail address."""
    name: str
    role: Role
    communes: tuple[str, ...]
    """Codes of communes; those of a commune officer."""
    active_from: datetime
    active_to: datetime | None
    """None where no end is known."""

    @property
    def actor(self) -> Actor:
        """The person as the maker of an entry."""
        return Actor(self.login, self.name)


def set_person(
    connection: sa.Connection,
    actor: Actor,
    *,
    login: str,
    name: str,
    role: str,
    communes: Iterable[str] = (),
    active_from: datetime | None = None,
    active_to: datetime | None = None,
    words: str = "",
) -> int:
    """Return the number of an entry that makes a person, or gives one another name, role or communes.

    Parameters
    ----------
    active_from, active_to
        When the version begins (now where it is left out) and ends.

    Raises
    ------
    LedgerError
        Login or name is empty, there is no such role, or the time ends before it begins.
    """
    if not login.strip() or not name.strip():
        raise LedgerError("ledger: a person needs a login and a name; give both")
    if role not in set(Role):
        raise LedgerError(f"ledger: there is no role {role!r}; give one of {', '.join(Role)}")
    begins = active_from or datetime.now(UTC)
    if active_to is not None and active_to < begins:
        raise LedgerError(f"ledger: {login} would be active until {active_to}, before {begins}; give a later end")
    values = {
        "login": login.strip(),
        "name": name.strip(),
        "role": str(role),
        "communes": sorted(set(communes)),
        "active_from": begins,
        "active_to": active_to,
    }
    about = ("person", login.strip())
    return record(connection, PEOPLE, values, actor=actor, action=Action.SET_PERSON, about=about, words=words)


def remove_person(connection: sa.Connection, actor: Actor, login: str, words: str = "") -> int:
    """Return the number of an entry after which a person is active no longer; all that the person did stays.

    Raises
    ------
    LedgerError
        Nobody of this login is active.
    """
    now = datetime.now(UTC)
    person = person_at(connection, login, now)
    if person is None:
        raise LedgerError(f"ledger: nobody active has the login {login!r}; `erosion ledger people list` lists who has")
    values = {**person._asdict(), "role": str(person.role), "communes": list(person.communes), "active_to": now}
    about = ("person", login)
    return record(connection, PEOPLE, values, actor=actor, action=Action.REMOVE_PERSON, about=about, words=words)


def person_at(connection: sa.Connection, login: str, at: datetime | None = None) -> Person | None:
    """Return the version of a person that holds at a time (now where it is left out), None where the person is not active."""
    when = at or datetime.now(UTC)
    select = sa.select(PEOPLE).where(PEOPLE.c.login == login, PEOPLE.c.active_from <= when)
    row = connection.execute(select.order_by(PEOPLE.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else _active(_person(row), when)


def people_at(connection: sa.Connection, at: datetime | None = None) -> list[Person]:
    """Return everybody active at a time (now where it is left out), by login."""
    when = at or datetime.now(UTC)
    newest: dict[str, Person] = {}
    select = sa.select(PEOPLE).where(PEOPLE.c.active_from <= when).order_by(PEOPLE.c.id)
    for row in connection.execute(select).mappings():
        newest[row["login"]] = _person(row)
    return [person for _, person in sorted(newest.items()) if _active(person, when) is not None]


def _active(person: Person, at: datetime) -> Person | None:
    return person if person.active_to is None or at < person.active_to else None


def _person(row: sa.RowMapping) -> Person:
    fields = {name: row[name] for name in Person._fields}
    return Person(**{**fields, "role": Role(row["role"]), "communes": tuple(row["communes"])})
