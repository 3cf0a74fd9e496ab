"""People: versions in time, none deleted."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, people
from tests.alerts.ledger.made_entries import AN, NASTY, verified


def at(day, hour=0):
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def test_a_person_is_active_from_one_instant_to_another(engine):
    hanoi = timezone(timedelta(hours=7))
    with ledger.writing(engine) as connection:
        people.set_person(
            connection,
            AN,
            login="ba",
            name="Ba",
            role="commune_officer",
            communes=["30285", "30280", "30280"],
            active_from=datetime(2026, 11, 10, 7, tzinfo=hanoi),
            active_to=at(20),
        )
    with ledger.querying(engine) as connection:
        assert people.person_at(connection, "ba", at(10) - timedelta(microseconds=1)) is None
        found = people.person_at(connection, "ba", at(10))
        assert (found.communes, found.role, found.active_from) == (("30280", "30285"), "commune_officer", at(10))
        assert people.person_at(connection, "ba", at(20) - timedelta(microseconds=1)) == found
        assert people.person_at(connection, "ba", at(20)) is None
        assert people.person_at(connection, "BA", at(15)) is None
        assert people.people_at(connection, at(15)) == [found] and people.people_at(connection, at(21)) == []


def test_a_later_version_holds_from_its_own_beginning(engine):
    with ledger.writing(engine) as connection:
        people.set_person(connection, AN, login="ba", name="Ba", role="viewer", active_from=at(1))
        people.set_person(connection, AN, login="ba", name="Ba", role="approver", active_from=at(10))
        people.set_person(connection, AN, login="an", name="An", role="viewer", active_from=at(5))
    with ledger.querying(engine) as connection:
        roles = [people.person_at(connection, "ba", at(day)).role for day in (1, 9, 10, 11)]
        assert roles == ["viewer", "viewer", "approver", "approver"]
        assert [person.login for person in people.people_at(connection, at(11))] == ["an", "ba"]


def test_a_person_who_was_removed_was_there_before(engine):
    with ledger.writing(engine) as connection:
        people.set_person(connection, AN, login=NASTY, name=NASTY, role="viewer", active_from=at(1))
        people.remove_person(connection, AN, NASTY, "left")
    with ledger.querying(engine) as connection:
        assert people.person_at(connection, NASTY) is None and people.people_at(connection) == []
        assert [row.action for row in ledger.audit.audit_rows(connection, "person", NASTY)] == [
            "set_person",
            "remove_person",
        ]
    with pytest.raises(LedgerError, match="nobody active"), ledger.writing(engine) as connection:
        people.remove_person(connection, AN, NASTY)
    with ledger.writing(engine) as connection:  # and may come back
        people.set_person(connection, AN, login=NASTY, name="again", role="viewer")
        assert people.person_at(connection, NASTY).name == "again"
    assert verified(engine).fault is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"login": " "}, "login and a name"),
        ({"name": ""}, "login and a name"),
        ({"role": "boss"}, "no role 'boss'"),
        ({"active_to": at(1)}, "before"),
    ],
)
def test_a_person_who_is_none_is_refused(engine, given, words):
    values = {"login": "ba", "name": "Ba", "role": "viewer", "active_from": at(2)} | given
    with pytest.raises(LedgerError, match=words), ledger.writing(engine) as connection:
        people.set_person(connection, AN, **values)
