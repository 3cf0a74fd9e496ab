"""How far people have got with a stretch, worked out from the entries they made."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from erosion.alerts.ledger.decisions import Decision
from erosion.core.vocabulary import Action, StretchState


class StretchStanding(NamedTuple):
    """How a stretch stands with people."""

    state: StretchState
    decision: Decision | None
    """The entry that gave it this state; None for a new one."""
    assignee: str | None
    """Login of who is sent there, also once it has been checked; None where nobody is."""
    due_at: datetime | None
    open_reports: tuple[int, ...]
    """Numbers of the field reports that wait to be closed."""


def standing_of(
    decisions: Iterable[Decision], open_reports: Collection[int] = (), level: int | None = None
) -> StretchStanding:
    """Return how a stretch stands.

    Parameters
    ----------
    decisions
        Those on the stretch and on its reports, in any order.
    open_reports
        Numbers of its open field reports.
    level
        Its level now: an acknowledgement of a lower one is no acknowledgement of this. None to count every one.

    Notes
    -----
    Entries that were undone count for nothing. A closure holds until a field report comes in after it; what was decided
    before the closure then counts no more, and the stretch is closed again once that report is.
    """
    ours = sorted(one for one in decisions if one.stands and one.stretch_id is not None)
    closures = [one for one in ours if one.kind == Action.CLOSE]
    waiting = tuple(sorted(open_reports))
    last = closures[-1] if closures else None
    if last is not None:
        ours = [one for one in ours if one.id > last.id]
        if not any(number > last.id for number in waiting):
            return StretchStanding(StretchState.CLOSED, last, None, None, waiting)
    sent = next((one for one in reversed(ours) if one.kind == Action.ASSIGN), None)
    whom = (None, None) if sent is None else (sent.assignee, sent.due_at)
    for one in reversed(ours):
        if one.kind in (Action.ASSIGN, Action.CHECK):
            state = StretchState.ASSIGNED if one.kind == Action.ASSIGN else StretchState.CHECKED
            return StretchStanding(state, one, *whom, waiting)
    for one in reversed(ours):
        if level is None or (one.level is not None and one.level >= level):
            return StretchStanding(StretchState.SEEN, one, *whom, waiting)
    return StretchStanding(StretchState.NEW, None, None, None, waiting)
