"""One function a decision: the person's role is tested, and entry and audit row are written, in one transaction.

Each returns the number of its entry, and raises :class:`RefusedError` where the person may not do it or the state of things
forbids it, and ``LedgerError`` where the ledger cannot keep it; nothing is recorded then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from erosion.alerts import ledger
from erosion.alerts.ledger import decisions, people, reports
from erosion.alerts.ledger.people import Person
from erosion.alerts.ledger.reports import Added, FieldReport
from erosion.core.vocabulary import Action, Role, StretchState
from erosion.workflow.errors import RefusedError
from erosion.workflow.roles import may, need
from erosion.workflow.stretch_state import StretchStanding, standing_of


class LocalOperator(NamedTuple):
    """Whoever sits at a screen that serves its own computer only, without sign-in; acts as a duty officer.

    A type of its own, and no login: what a sign-in service calls somebody can never be taken for it.
    """

    name: str

    @property
    def person(self) -> Person:
        """The person that entries name as their maker."""
        return Person(f"local operator {self.name}", self.name, Role.DUTY_OFFICER, (), datetime.now(UTC), None)


Who: TypeAlias = str | LocalOperator
"""Who acts: a login on the list of people, or the local operator."""


class Place(NamedTuple):
    """What a decision is about."""

    region: str
    stretch_id: str | None
    communes: tuple[str, ...]
    """Codes of the communes that the stretch lies in."""


@contextmanager
def acting(
    engine: ledger.Ledger, login: Who, action: Action, communes: Collection[str] = ()
) -> Iterator[tuple[ledger.Connection, Person]]:
    """Give a transaction and the person who acts in it, whose role allows the action at the place.

    Raises
    ------
    RefusedError
        Nobody active has the login, or the role does not allow it.
    """
    with ledger.writing(engine) as connection:
        person = active(connection, login)
        need(person, action, communes)
        yield connection, person


def acknowledge(engine: ledger.Ledger, login: Who, place: Place, level: int, words: str = "") -> int:
    """Say that the stretch was seen at a level."""
    with acting(engine, login, Action.ACKNOWLEDGE, place.communes) as (connection, person):
        stretch = _open_stretch(connection, place)
        return decisions.acknowledge(connection, person.actor, place.region, stretch, level, words)


def assign(
    engine: ledger.Ledger,
    login: Who,
    place: Place,
    assignee: str,
    due_at: datetime | None = None,
    words: str = "",
) -> int:
    """Send somebody, who may check there, to look at the stretch on the ground."""
    with acting(engine, login, Action.ASSIGN, place.communes) as (connection, person):
        stretch = _open_stretch(connection, place)
        sent = people.person_at(connection, assignee)
        if sent is None or not may(sent, Action.CHECK, place.communes):
            raise RefusedError("assignee", login=assignee)
        return decisions.assign(connection, person.actor, place.region, stretch, assignee, due_at, words)


def check(
    engine: ledger.Ledger,
    login: Who,
    place: Place,
    verdict: str,
    *,
    report_id: int | None = None,
    words: str = "",
) -> int:
    """Enter what a look on the ground found, at a stretch or at the place of a report."""
    with ledger.writing(engine) as connection:
        person = active(connection, login)
        communes = place.communes
        if report_id is not None:
            report = reports.report_of(connection, report_id)
            communes = _known(report["commune"])
        need(person, Action.CHECK, communes)
        stretch = None if place.stretch_id is None else _open_stretch(connection, place)
        return decisions.check(
            connection, person.actor, place.region, verdict, stretch_id=stretch, report_id=report_id, words=words
        )


def close_stretch(engine: ledger.Ledger, login: Who, place: Place, words: str) -> int:
    """Say that nothing more is to be done about a stretch; its field reports have to be closed before."""
    with acting(engine, login, Action.CLOSE, place.communes) as (connection, person):
        _need_words(words)
        stretch = _open_stretch(connection, place)
        waiting = standing(connection, place.region, stretch).open_reports
        if waiting:
            raise RefusedError("open_reports", numbers=", ".join(map(str, waiting)))
        return decisions.close(connection, person.actor, place.region, stretch_id=stretch, words=words)


def close_report(engine: ledger.Ledger, login: Who, report_id: int, words: str) -> int:
    """Say that nothing more is to be done about a field report."""
    with ledger.writing(engine) as connection:
        person = active(connection, login)
        report = reports.report_of(connection, report_id)
        need(person, Action.CLOSE, _known(report["commune"]))
        _need_words(words)
        region = str(report["region"])
        every = reports.reports(connection, region).set_index("id")
        if not every.loc[report_id, "open"]:
            raise RefusedError("report_closed", number=report_id)
        return decisions.close(connection, person.actor, region, report_id=report_id, words=words)


def undo(engine: ledger.Ledger, login: Who, number: int, words: str, communes: Collection[str] = ()) -> int:
    """Undo a decision by a new entry.

    Parameters
    ----------
    communes
        Codes of the communes that the stretch lies in. A commune officer undoes own entries only.
    """
    with ledger.writing(engine) as connection:
        person = active(connection, login)
        old = decisions.decision(connection, number)
        if old.report_id is not None:
            communes = _known(reports.report_of(connection, old.report_id)["commune"])
        need(person, old.kind, communes)
        if person.role == Role.COMMUNE_OFFICER and old.actor != person.login:
            raise RefusedError("others_entry", number=number, name=old.actor_name)
        _need_words(words)
        return decisions.undo(connection, person.actor, number, words)


def report(engine: ledger.Ledger, login: Who, what: FieldReport) -> Added:
    """Send a field report; sent again it is the same one."""
    with acting(engine, login, Action.REPORT, _known(what.commune)) as (connection, person):
        return reports.add_report(connection, person.actor, what)


def add_photo(
    engine: ledger.Ledger, login: Who, report_id: int, *, sha256: str, size_bytes: int, media_type: str
) -> Added:
    """Enter a photo of a field report, whose bytes are kept elsewhere under their hash."""
    with ledger.writing(engine) as connection:
        person = active(connection, login)
        found = reports.report_of(connection, report_id)
        need(person, Action.ADD_PHOTO, _known(found["commune"]))
        return reports.add_photo(
            connection, person.actor, report_id, sha256=sha256, size_bytes=size_bytes, media_type=media_type
        )


def withdraw_run(engine: ledger.Ledger, login: Who, run_id: str, reason: str) -> ledger.WithdrawalResult:
    """Withdraw the newest run of a region; see :func:`erosion.alerts.ledger.withdraw_run`."""
    with acting(engine, login, Action.WITHDRAW_RUN) as (connection, person):
        _need_words(reason)
        return ledger.withdraw_run(connection, person.actor, run_id, reason)


def active(connection: ledger.Connection, login: Who) -> Person:
    """Return the person of a login, or the local operator.

    Raises
    ------
    RefusedError
        Nobody active has it.
    """
    if isinstance(login, LocalOperator):
        return login.person
    person = people.person_at(connection, login)
    if person is None:
        raise RefusedError("person", login=login)
    return person


def standing(connection: ledger.Connection, region: str, stretch_id: str, level: int | None = None) -> StretchStanding:
    """Return how a stretch stands with people; see :func:`standing_of`."""
    found = reports.reports(connection, region, stretch_id)
    waiting = [int(number) for number in found.loc[found["open"], "id"]]
    return standing_of(decisions.decisions(connection, region, stretch_id), waiting, level)


def _open_stretch(connection: ledger.Connection, place: Place) -> str:
    """Return the stretch of a place; refused where it is closed."""
    if not place.stretch_id:
        raise RefusedError("no_stretch")
    found = standing(connection, place.region, place.stretch_id)
    if found.state == StretchState.CLOSED and found.decision is not None:
        raise RefusedError("closed", stretch=place.stretch_id, number=found.decision.id, name=found.decision.actor_name)
    return place.stretch_id


def _known(commune: object) -> tuple[str, ...]:
    """Return the commune of a report; none where it is not known."""
    return (str(commune),) if commune else ()


def _need_words(words: str) -> None:
    if not words.strip():
        raise RefusedError("no_words")
