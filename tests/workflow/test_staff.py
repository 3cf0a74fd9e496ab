"""The list of people: the first administrator, who adds whom, and that one administrator stays."""

import pytest

from erosion.alerts import ledger
from erosion.workflow import staff as people_list
from erosion.workflow.errors import RefusedError
from tests.alerts.ledger.made_entries import verified


def refused(key, *arguments, **person):
    with pytest.raises(RefusedError) as caught:
        people_list.set_person(*arguments, **person)
    assert caught.value.key == key and caught.value.text("vi") != caught.value.text("en")


def logins(engine):
    with ledger.querying(engine) as connection:
        return [person.login for person in ledger.people.people_at(connection)]


def test_the_first_is_an_administrator_made_at_the_command_line(engine):
    refused("first_person", engine, None, login="x", name="X", role="viewer")
    refused("person", engine, "x", login="x", name="X", role="administrator")
    people_list.set_person(engine, None, login="admin", name="Admin", role="administrator")
    refused("by_missing", engine, None, login="x", name="X", role="administrator")
    people_list.set_person(engine, "admin", login="x", name="X", role="viewer")
    refused("role", engine, "x", login="y", name="Y", role="viewer")
    assert logins(engine) == ["admin", "x"]
    with ledger.querying(engine) as connection:
        assert [row.actor for row in ledger.audit.audit_rows(connection)] == ["command line", "admin"]


def test_one_administrator_stays(staff):
    refused("last_administrator", staff, "admin", login="admin", name="Admin", role="viewer")
    with pytest.raises(RefusedError, match="only active administrator"):
        people_list.remove_person(staff, "admin", "admin")
    people_list.set_person(staff, "admin", login="boss", name="Boss", role="administrator")
    people_list.remove_person(staff, "boss", "admin", "left")
    assert "admin" not in logins(staff)
    with pytest.raises(RefusedError, match="nobody active"):
        people_list.remove_person(staff, "admin", "viewer")
    assert verified(staff).fault is None
