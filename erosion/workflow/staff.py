"""The list of people: who is added and removed, by whom, and how the first administrator is made."""

from __future__ import annotations

from typing import Any, Final

from erosion.alerts import ledger
from erosion.alerts.ledger import people
from erosion.alerts.ledger.audit import Actor
from erosion.core.vocabulary import Action, Role
from erosion.workflow.actions import active
from erosion.workflow.errors import RefusedError
from erosion.workflow.roles import need

COMMAND_LINE: Final = Actor("command line", "command line")
"""Who makes the first administrator: whoever may write the ledger's file or database."""


def set_person(engine: ledger.Ledger, by: str | None, **person: Any) -> int:
    """Return the entry of a person; arguments as of :func:`erosion.alerts.ledger.people.set_person`.

    Parameters
    ----------
    by
        Login of the administrator who does it. None at the command line, for the administrator of a ledger that has none.

    Raises
    ------
    RefusedError
        The person is no administrator; or none is named although there is one, or the first person is to be something else;
        or the only administrator would be none any more.
    """
    with ledger.writing(engine) as connection:
        actor = _administrator(connection, by, Action.SET_PERSON)
        if actor == COMMAND_LINE and person["role"] != Role.ADMINISTRATOR:
            raise RefusedError("first_person")
        number = people.set_person(connection, actor, **person)
        _need_administrator(connection, person["login"])
        return number


def remove_person(engine: ledger.Ledger, by: str, login: str, words: str = "") -> int:
    """Return the entry that removes a person, who stays on record.

    Raises
    ------
    RefusedError
        The one who acts is no administrator, or the only administrator would be removed.
    """
    with ledger.writing(engine) as connection:
        actor = _administrator(connection, by, Action.REMOVE_PERSON)
        number = people.remove_person(connection, actor, login, words)
        _need_administrator(connection, login)
        return number


def _administrator(connection: ledger.Connection, login: str | None, action: Action) -> Actor:
    if login is not None:
        person = active(connection, login)
        need(person, action)
        return person.actor
    if present := _administrators(connection):
        raise RefusedError("by_missing", logins=", ".join(present))
    return COMMAND_LINE


def _need_administrator(connection: ledger.Connection, login: str) -> None:
    """Refuse what has left nobody who could add people; the transaction is given up."""
    if not _administrators(connection):
        raise RefusedError("last_administrator", login=login)


def _administrators(connection: ledger.Connection) -> list[str]:
    return [person.login for person in people.people_at(connection) if person.role == Role.ADMINISTRATOR]
