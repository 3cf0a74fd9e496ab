"""Ledgers of both databases, with people of every role."""

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import people
from tests.alerts.ledger.conftest import engine, postgres, url  # noqa: F401  # fixtures
from tests.alerts.ledger.made_entries import AN, add_stretches

PEOPLE = {
    "viewer": ("viewer", ()),
    "com": ("commune_officer", ("30280", "30285")),
    "com2": ("commune_officer", ("30299",)),
    "duty": ("duty_officer", ()),
    "boss": ("approver", ()),
    "admin": ("administrator", ()),
}


@pytest.fixture
def staff(engine):  # noqa: F811
    """The ledger with one person of each role, and a second commune officer."""
    add_stretches(engine)
    with ledger.writing(engine) as connection:
        for login, (role, communes) in PEOPLE.items():
            people.set_person(connection, AN, login=login, name=login.title(), role=role, communes=communes)
    return engine
