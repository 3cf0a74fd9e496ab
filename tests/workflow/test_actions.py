"""Decisions by people of each role: allowed ones are on record with their audit row, refused ones leave nothing."""

from datetime import UTC, date, datetime

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, decisions, reports
from erosion.alerts.ledger.official import OfficialClass
from erosion.core.vocabulary import BulletinStatus
from erosion.words import LANGUAGES
from erosion.workflow import actions, official
from erosion.workflow.actions import LocalOperator, Place
from erosion.workflow.errors import RefusedError
from tests.alerts.ledger.made_entries import NASTY, a_report, verified
from tests.alerts.ledger.made_runs import dump, record

HERE = Place("rio", "s1", ("30280",))


def refused(engine, key, call):
    """A call is refused for a reason, in both languages, and leaves no trace."""
    before = dump(engine)
    with pytest.raises(RefusedError) as caught:
        call()
    assert caught.value.key == key
    assert all("{" not in caught.value.text(language) for language in LANGUAGES)
    assert dump(engine) == before


def state(engine, level=None):
    with ledger.querying(engine) as connection:
        return actions.standing(connection, "rio", "s1", level)


def test_the_usual_way_of_a_warning(staff):
    assert state(staff).state == "new"
    actions.acknowledge(staff, "com", HERE, 3, NASTY)
    assert (state(staff, 3).state, state(staff, 4).state) == ("seen", "new")
    actions.assign(staff, "duty", HERE, "com", datetime(2026, 11, 22, tzinfo=UTC))
    assert (state(staff).state, state(staff).assignee) == ("assigned", "com")
    report = actions.report(staff, "com", a_report()).id
    assert not actions.report(staff, "com", a_report()).new
    actions.add_photo(staff, "com", report, sha256="ab" * 32, size_bytes=1, media_type="image/jpeg")
    actions.check(staff, "com", HERE, "cracked", report_id=report, words="12 m")
    assert (state(staff).state, state(staff).open_reports) == ("checked", (report,))
    refused(staff, "open_reports", lambda: actions.close_stretch(staff, "duty", HERE, "done"))
    actions.close_report(staff, "duty", report, "household moved")
    closure = actions.close_stretch(staff, "duty", HERE, "done")
    assert state(staff).state == "closed"
    for call in (
        lambda: actions.acknowledge(staff, "com", HERE, 3),
        lambda: actions.assign(staff, "duty", HERE, "com"),
        lambda: actions.check(staff, "com", HERE, "cracked"),
        lambda: actions.close_stretch(staff, "boss", HERE, "again"),
    ):
        refused(staff, "closed", call)
    actions.undo(staff, "boss", closure, "too early", HERE.communes)
    assert state(staff).state == "checked"
    with ledger.querying(staff) as connection:
        rows = ledger.audit.audit_rows(connection)
        taken = [(row.actor, row.action) for row in rows[6:]]
    assert taken == [
        ("com", "acknowledge"),
        ("duty", "assign"),
        ("com", "report"),
        ("com", "add_photo"),
        ("com", "check"),
        ("duty", "close"),
        ("duty", "close"),
        ("boss", "undo"),
    ]
    assert verified(staff).fault is None


def test_who_may_not_is_refused_and_leaves_nothing(staff):
    first = actions.acknowledge(staff, "duty", HERE, 3)
    report = actions.report(staff, "com", a_report()).id
    photo = {"sha256": "ab" * 32, "size_bytes": 1, "media_type": "image/jpeg"}
    for key, call in (
        ("person", lambda: actions.acknowledge(staff, "nobody", HERE, 3)),
        ("person", lambda: actions.acknowledge(staff, "' OR 1=1 --", HERE, 3)),
        ("role", lambda: actions.acknowledge(staff, "viewer", HERE, 3)),
        ("role", lambda: actions.acknowledge(staff, "admin", HERE, 3)),
        ("commune", lambda: actions.acknowledge(staff, "com2", HERE, 3)),
        ("commune_unknown", lambda: actions.acknowledge(staff, "com2", HERE._replace(communes=()), 3)),
        ("no_stretch", lambda: actions.acknowledge(staff, "duty", HERE._replace(stretch_id=None), 3)),
        ("role", lambda: actions.assign(staff, "com", HERE, "com")),
        ("assignee", lambda: actions.assign(staff, "duty", HERE, "com2")),
        ("assignee", lambda: actions.assign(staff, "duty", HERE, "nobody")),
        ("assignee", lambda: actions.assign(staff, "duty", HERE, "viewer")),
        ("role", lambda: actions.close_stretch(staff, "com", HERE, "x")),
        ("no_words", lambda: actions.close_report(staff, "duty", report, "  ")),
        ("role", lambda: actions.close_report(staff, "com", report, "x")),
        ("commune", lambda: actions.check(staff, "com2", HERE, "cracked")),
        # The commune of a report is its own, whatever the caller says of the place.
        (
            "commune",
            lambda: actions.check(staff, "com2", HERE._replace(communes=("30299",)), "cracked", report_id=report),
        ),
        ("commune", lambda: actions.add_photo(staff, "com2", report, **photo)),
        ("commune", lambda: actions.report(staff, "com2", a_report("c-2"))),
        ("others_entry", lambda: actions.undo(staff, "com", first, "x", HERE.communes)),
        ("no_words", lambda: actions.undo(staff, "duty", first, "", HERE.communes)),
        ("role", lambda: actions.undo(staff, "viewer", first, "x", HERE.communes)),
        ("role", lambda: actions.withdraw_run(staff, "duty", "rio-2010-01-01", "x")),
        ("role", lambda: official.draft_bulletin(staff, "com", region="rio", year=2026, content={})),
    ):
        refused(staff, key, call)


def test_a_person_who_was_removed_may_no_longer(staff):
    with ledger.writing(staff) as connection:
        ledger.people.remove_person(connection, ledger.audit.Actor("admin", "Admin"), "duty")
    refused(staff, "person", lambda: actions.acknowledge(staff, "duty", HERE, 3))


def test_a_report_opens_a_stretch_again_and_its_level_is_kept(staff):
    actions.close_stretch(staff, "duty", HERE, "done")
    report = actions.report(staff, "com", a_report()).id
    assert (state(staff).state, state(staff).open_reports) == ("new", (report,))
    actions.acknowledge(staff, "duty", HERE, 4)
    actions.close_report(staff, "duty", report, "filled in")
    assert state(staff).state == "closed"
    refused(staff, "report_closed", lambda: actions.close_report(staff, "duty", report, "again"))
    quiet = actions.report(staff, "com", a_report("c-9", verdict="nothing_seen")).id
    refused(staff, "report_closed", lambda: actions.close_report(staff, "duty", quiet, "x"))


def test_a_commune_officer_undoes_own_entries(staff):
    own = actions.acknowledge(staff, "com", HERE, 3)
    report = actions.report(staff, "com", a_report()).id
    check = actions.check(staff, "com", HERE._replace(stretch_id=None), "cracked", report_id=report)
    actions.undo(staff, "com", own, "wrong place", HERE.communes)
    actions.undo(staff, "com", check, "wrong report")  # its commune is the report's
    with ledger.querying(staff) as connection:
        assert not [one for one in decisions.decisions(connection, "rio") if one.stands]
        assert len(reports.reports(connection, "rio")) == 1


def test_classes_and_bulletins_go_by_role(staff):
    scheme = {
        "region": "rio",
        "scheme": "qd",
        "classes": [OfficialClass("nh", "nguy hiểm", "dangerous")],
        "legal_basis": "QĐ 01/2011/QĐ-TTg",
        "valid_from": date(2011, 1, 4),
    }
    refused(staff, "role", lambda: official.set_scheme(staff, "boss", **scheme))
    number = official.set_scheme(staff, "admin", **scheme)
    given = {
        "region": "rio",
        "official_id": "1",
        "title": "Bờ",
        "commune": "30280",
        "reach": "r",
        "bank": "L",
        "from_m": 0,
        "to_m": 9,
        "scheme_id": number,
        "class_code": "nh",
        "decision": "?",
        "valid_from": date(2026, 1, 1),
    }
    refused(staff, "role", lambda: official.set_class(staff, "com", **given))
    official.set_class(staff, "duty", **given)
    draft = official.draft_bulletin(staff, "duty", region="rio", year=2026, content={"vi": "…"})
    refused(staff, "role", lambda: official.set_bulletin_status(staff, "duty", draft, BulletinStatus.APPROVED))
    with pytest.raises(LedgerError, match="cannot become issued"):
        official.set_bulletin_status(staff, "boss", draft, BulletinStatus.ISSUED)
    second = official.revise_bulletin(staff, "duty", draft, {"vi": "sửa"})
    for status in (BulletinStatus.APPROVED, BulletinStatus.ISSUED, BulletinStatus.WITHDRAWN):
        official.set_bulletin_status(staff, "boss", second, status)
    assert verified(staff).fault is None


def test_a_run_is_withdrawn_with_a_reason(staff):
    record(staff, "2010-01-01", {"a": 3})
    refused(staff, "no_words", lambda: actions.withdraw_run(staff, "boss", "rio-2010-01-01", " "))
    actions.withdraw_run(staff, "boss", "rio-2010-01-01", "wrong masks")
    assert ledger.withdrawn(staff, "rio-2010-01-01").actor_name == "Boss"


def test_the_local_operator_acts_as_a_duty_officer_and_every_entry_says_so(staff):
    local = LocalOperator("Nguyễn Văn An")
    actions.acknowledge(staff, local, Place("rio", "s1", ()), 3)
    actions.assign(staff, local, HERE, "com")
    made = state(staff).decision
    assert (made.kind, made.actor, made.actor_name) == ("assign", "local operator Nguyễn Văn An", "Nguyễn Văn An")
    refused(staff, "role", lambda: actions.withdraw_run(staff, local, "run", "because"))
    refused(staff, "person", lambda: actions.acknowledge(staff, "local operator Nguyễn Văn An", HERE, 3))
    assert verified(staff).fault is None
