"""The state of a stretch from its entries: cases by hand and laws."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.alerts.ledger.decisions import Decision
from erosion.core.vocabulary import Action, StretchState
from erosion.workflow.stretch_state import standing_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def entry(number, kind, *, level=None, assignee=None, undoes=None, undone_by=None, stretch_id="s1", report_id=None):
    return Decision(
        number,
        Action(kind),
        NOW,
        "an",
        "An",
        "",
        "rio",
        stretch_id,
        report_id,
        level,
        assignee,
        None,
        None,
        undoes,
        undone_by,
    )


def state(*entries, reports=(), level=None):
    return str(standing_of(entries, reports, level).state)


def test_the_usual_way():
    way = [
        entry(1, "acknowledge", level=3),
        entry(2, "assign", assignee="ba"),
        entry(3, "check"),
        entry(4, "close"),
    ]
    assert [state(*way[:k]) for k in range(5)] == ["new", "seen", "assigned", "checked", "closed"]
    assert standing_of(way[:3]).assignee == "ba" and standing_of(way[:3]).decision == way[2]
    assert state(*reversed(way)) == "closed"


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ([entry(1, "assign"), entry(2, "acknowledge", level=3)], "assigned"),
        ([entry(1, "check"), entry(2, "assign")], "assigned"),
        ([entry(1, "check"), entry(2, "check", undone_by=3), entry(3, "check", undoes=2)], "checked"),
        ([entry(1, "acknowledge", level=3, undone_by=2), entry(2, "acknowledge", level=3, undoes=1)], "new"),
        ([entry(1, "assign"), entry(2, "close", undone_by=3), entry(3, "close", undoes=2)], "assigned"),
        ([entry(1, "close", stretch_id=None, report_id=9)], "new"),  # a report's closure closes no stretch
        ([entry(1, "check", stretch_id=None, report_id=9)], "new"),
        ([entry(1, "check", report_id=9)], "checked"),
    ],
)
def test_cases_by_hand(entries, wanted):
    assert state(*entries) == wanted


def test_who_saw_a_lower_level_has_not_seen_this_one():
    seen = [entry(1, "acknowledge", level=3), entry(2, "acknowledge", level=2)]
    assert [state(*seen, level=level) for level in (0, 2, 3, 4)] == ["seen", "seen", "seen", "new"]


def test_a_report_opens_a_closed_stretch_until_it_is_closed():
    done = [entry(1, "acknowledge", level=3), entry(5, "check"), entry(6, "close")]
    assert state(*done, reports=[4]) == "closed"  # it was there before
    assert state(*done, reports=[7]) == "new"
    assert state(*done, entry(8, "assign"), reports=[7]) == "assigned"
    assert standing_of(done, [7, 4]).open_reports == (4, 7)


kinds = st.sampled_from(["acknowledge", "assign", "check", "close"])


@given(kinds=st.lists(kinds, max_size=8), order=st.randoms(use_true_random=False), data=st.data())
def test_laws(kinds, order, data):
    entries = [entry(number, kind, level=2) for number, kind in enumerate(kinds, 1)]
    found = standing_of(entries)
    mixed = list(entries)
    order.shuffle(mixed)
    assert standing_of(mixed) == found
    assert (found.state == StretchState.NEW) == (not kinds)
    assert (found.state == StretchState.CLOSED) == ("close" in kinds)
    if entries:  # what is undone counts for nothing
        k = data.draw(st.integers(0, len(entries) - 1))
        undone = [*entries, entry(99, kinds[k], level=2, undoes=k + 1)]
        undone[k] = undone[k]._replace(undone_by=99)
        assert standing_of(undone) == standing_of(entries[:k] + entries[k + 1 :])
