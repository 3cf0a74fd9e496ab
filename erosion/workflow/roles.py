"""Who may do what: the table of roles and actions, and the test of one person for one action."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from erosion.alerts.ledger.people import Person
from erosion.core.vocabulary import Action, Role
from erosion.workflow.errors import RefusedError

_ON_THE_GROUND: Final = frozenset({Action.ACKNOWLEDGE, Action.CHECK, Action.REPORT, Action.ADD_PHOTO})
_ON_DUTY: Final = _ON_THE_GROUND | {Action.ASSIGN, Action.CLOSE, Action.SET_CLASS, Action.DRAFT_BULLETIN}
_SIGNING: Final = frozenset(
    {Action.APPROVE_BULLETIN, Action.ISSUE_BULLETIN, Action.WITHDRAW_BULLETIN, Action.WITHDRAW_RUN}
)

MAY: Final[Mapping[Role, frozenset[Action]]] = {
    Role.VIEWER: frozenset(),
    Role.COMMUNE_OFFICER: _ON_THE_GROUND,
    Role.DUTY_OFFICER: _ON_DUTY,
    Role.APPROVER: _ON_DUTY | _SIGNING,
    Role.ADMINISTRATOR: frozenset({Action.SET_PERSON, Action.REMOVE_PERSON, Action.SET_SCHEME, Action.WITHDRAW_RUN}),
}
"""Role to the actions it may do. To undo an entry one needs what its making needed."""


def may(person: Person, action: Action, communes: Collection[str] = ()) -> bool:
    """Return whether a person may do an action at a place; a commune officer only in communes of the officer."""
    if action not in MAY[person.role]:
        return False
    return person.role != Role.COMMUNE_OFFICER or bool(set(communes) & set(person.communes))


def need(person: Person, action: Action, communes: Collection[str] = ()) -> None:
    """Refuse an action that a person may not do.

    Parameters
    ----------
    person
        Who acts.
    action
        What is to be done.
    communes
        Codes of the communes that the place lies in; empty where they are not known, or where the action has no place.

    Raises
    ------
    RefusedError
        The message names the role, or the communes, and who may.
    """
    if may(person, action, communes):
        return
    if action not in MAY[person.role]:
        able = [role for role, actions in MAY.items() if action in actions]
        raise RefusedError("role", name=person.name, role=person.role, action=action, roles=able)
    own = ", ".join(person.communes) or "–"
    if not communes:
        raise RefusedError("commune_unknown", name=person.name, own=own)
    raise RefusedError("commune", name=person.name, own=own, communes=", ".join(sorted(communes)))
