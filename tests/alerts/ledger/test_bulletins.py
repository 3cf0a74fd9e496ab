"""Bulletins: numbered by year, approved as they are, issued once, withdrawn for all to see."""

import itertools

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, bulletins
from erosion.core.vocabulary import BulletinStatus
from tests.alerts.ledger.made_entries import AN, BA


def draft(connection, year=2026, **changes):
    return bulletins.draft_bulletin(connection, AN, region="rio", year=year, content={"vi": "Bản tin"}, **changes)


def test_numbers_begin_anew_each_year(engine):
    with ledger.writing(engine) as connection:
        for year in (2026, 2026, 2027, 2026):
            draft(connection, year)
        bulletins.draft_bulletin(connection, AN, region="song", year=2026, content={})
        found = [(one.year, one.number) for one in bulletins.bulletins(connection, "rio")]
    assert found == [(2026, 1), (2026, 2), (2027, 1), (2026, 3)]


def test_a_revision_has_to_be_approved_anew(engine):
    with ledger.writing(engine) as connection:
        first = draft(connection, commune="30280")
        bulletins.set_status(connection, BA, first, "approved")
        second = bulletins.revise_bulletin(connection, AN, first, {"vi": "Sửa"})
        one, two = bulletins.bulletins(connection, "rio")
        assert (one.status, one.status_by, two.status, two.status_by) == ("approved", BA.login, "draft", AN.login)
        assert (two.number, two.revision, two.content, two.commune) == (1, 2, {"vi": "Sửa"}, "30280")
    for step in (
        lambda c: bulletins.set_status(c, BA, first, "issued"),
        lambda c: bulletins.revise_bulletin(c, AN, first, {}),
    ):
        with pytest.raises(LedgerError, match=f"newer revision, entry {second}"), ledger.writing(engine) as connection:
            step(connection)
    with ledger.writing(engine) as connection:
        bulletins.set_status(connection, BA, second, "approved")
        bulletins.set_status(connection, BA, second, "issued")
    with pytest.raises(LedgerError, match="is issued and stays as it is"), ledger.writing(engine) as connection:
        bulletins.revise_bulletin(connection, AN, second, {})
    with pytest.raises(LedgerError, match="entry 99 is no bulletin"), ledger.writing(engine) as connection:
        bulletins.set_status(connection, AN, 99, "approved")


def test_only_these_ways_lead_on(engine):
    """Every sequence of three steps against the ways by hand."""
    ways = {
        ("approved",),
        ("approved", "issued"),
        ("approved", "issued", "withdrawn"),
        ("approved", "withdrawn"),
        ("withdrawn",),
    }
    steps = [status for status in BulletinStatus if status != BulletinStatus.DRAFT]
    for way in itertools.product(steps, repeat=3):
        with ledger.writing(engine) as connection:
            one = draft(connection)
        for k, step in enumerate(way):
            if way[: k + 1] in ways:
                with ledger.writing(engine) as connection:
                    bulletins.set_status(connection, BA, one, step)
                    assert bulletins.bulletin(connection, one).status == step
            else:
                with pytest.raises(LedgerError, match="cannot become"), ledger.writing(engine) as connection:
                    bulletins.set_status(connection, BA, one, step)
                break
