"""Decisions: each stands with name, time and words until an entry of its own undoes it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, decisions, reports
from tests.alerts.ledger.made_entries import AN, BA, NASTY, a_report, verified

pytestmark = pytest.mark.usefixtures("stretches")


def test_decisions_come_back_in_order_with_name_time_and_words(engine):
    before = datetime.now(UTC)
    due = datetime(2026, 11, 22, 6, tzinfo=timezone(timedelta(hours=7)))
    with ledger.writing(engine) as connection:
        report = reports.add_report(connection, BA, a_report()).id
        decisions.assign(connection, AN, "rio", "s1", "ba", due, NASTY)
        decisions.acknowledge(connection, BA, "rio", "s1", 4, "seen")
        decisions.acknowledge(connection, BA, "rio", "s2", 2)
        decisions.acknowledge(connection, BA, "song", "song-1", 2)
        decisions.check(connection, BA, "rio", "nothing_seen", report_id=report)
        decisions.close(connection, AN, "rio", report_id=report, words="ok")
        decisions.close(connection, AN, "rio", stretch_id="s1", words="done")
    with ledger.querying(engine) as connection:
        found = decisions.decisions(connection, "rio", "s1")
        assert [one.kind for one in found] == ["assign", "acknowledge", "check", "close", "close"]
        assert [one.id for one in found] == [2, 3, 6, 7, 8]
        assert (found[0].due_at, found[0].assignee, found[0].words) == (due, "ba", NASTY)
        assert (found[1].level, found[1].actor, found[1].actor_name) == (4, BA.login, BA.name)
        assert found[2].verdict == "nothing_seen" and found[2].report_id == report and found[2].stretch_id is None
        assert all(one.stands and before <= one.at <= datetime.now(UTC) and one.at.tzinfo == UTC for one in found)
        assert len(decisions.decisions(connection, "rio")) == 6


def test_an_undone_decision_stays_and_says_by_what(engine):
    with ledger.writing(engine) as connection:
        first = decisions.acknowledge(connection, AN, "rio", "s1", 3, "by mistake")
        undone = decisions.undo(connection, BA, first, "wrong stretch")
        again = decisions.acknowledge(connection, AN, "rio", "s1", 3)
    with ledger.querying(engine) as connection:
        one, two, three = decisions.decisions(connection, "rio", "s1")
        assert (one.words, one.undone_by, one.stands) == ("by mistake", undone, False)
        assert (two.words, two.undoes, two.actor, two.stands) == ("wrong stretch", first, BA.login, False)
        assert (three.id, three.stands) == (again, True)
    for number, words in ((first, f"was undone by entry {undone}"), (undone, f"itself undoes entry {first}")):
        with pytest.raises(LedgerError, match=words), ledger.writing(engine) as connection:
            decisions.undo(connection, AN, number)
    with pytest.raises(LedgerError, match="entry 99 is no decision"), ledger.writing(engine) as connection:
        decisions.undo(connection, AN, 99)
    assert verified(engine) == (3, verified(engine).hash, None)


def test_a_stretch_that_was_never_issued_is_refused(engine):
    for region, stretch_id in (("rio", "s9"), ("rio", "song-1"), ("rio", NASTY)):
        with pytest.raises(LedgerError, match=f"{region} has no stretch"), ledger.writing(engine) as connection:
            decisions.acknowledge(connection, AN, region, stretch_id, 2)
        with pytest.raises(LedgerError, match=f"{region} has no stretch"), ledger.writing(engine) as connection:
            reports.add_report(connection, AN, a_report(region=region, stretch_id=stretch_id))


def test_what_is_no_decision_is_refused(engine):
    with pytest.raises(LedgerError, match="no verdict 'fine'"), ledger.writing(engine) as connection:
        decisions.check(connection, AN, "rio", "fine", stretch_id="s1")
    for about in ({}, {"stretch_id": "s1", "report_id": 1}):
        with pytest.raises(LedgerError, match="name one of them"), ledger.writing(engine) as connection:
            decisions.close(connection, AN, "rio", **about)
    with pytest.raises(LedgerError, match="nothing was recorded"), ledger.writing(engine) as connection:
        decisions.check(connection, AN, "rio", "cracked", report_id=99)
    assert verified(engine).rows == 0
