"""Who may do what, against a table by hand."""

from datetime import UTC, datetime

import pytest

from erosion.alerts.ledger.people import Person
from erosion.core.vocabulary import Action, Role
from erosion.words import LANGUAGES
from erosion.workflow.errors import RefusedError
from erosion.workflow.roles import MAY, may, need

#: viewer, commune officer (own commune), duty officer, approver, administrator
BY_HAND = {
    "acknowledge": "-xxx-",
    "assign": "--xx-",
    "check": "-xxx-",
    "close": "--xx-",
    "undo": "-----",  # goes by the entry that is undone
    "report": "-xxx-",
    "add_photo": "-xxx-",
    "set_scheme": "----x",
    "set_class": "--xx-",
    "draft_bulletin": "--xx-",
    "approve_bulletin": "---x-",
    "issue_bulletin": "---x-",
    "withdraw_bulletin": "---x-",
    "withdraw_run": "---xx",
    "set_person": "----x",
    "remove_person": "----x",
}


def person(role, communes=("30280",)):
    return Person("p", "Person", Role(role), tuple(communes), datetime(2026, 1, 1, tzinfo=UTC), None)


def test_the_table_by_hand():
    assert set(BY_HAND) == set(Action) and set(MAY) == set(Role)
    found = {
        action: "".join("x" if may(person(role), Action(action), ["30280"]) else "-" for role in Role)
        for action in BY_HAND
    }
    assert found == BY_HAND


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_says_what_why_and_who_may(language):
    with pytest.raises(RefusedError) as caught:
        need(person("viewer"), Action.CLOSE)
    text = caught.value.text(language)
    assert "Person" in text and "{" not in text
    words = {
        "vi": ("người xem", "đóng", "cán bộ trực, người phê duyệt"),
        "en": ("viewer", "close", "duty officer, approver"),
    }
    assert all(word in text for word in words[language])
    assert str(caught.value) == caught.value.text("en")


@pytest.mark.parametrize(
    ("own", "place", "allowed", "key"),
    [
        (["30280"], ["30280"], True, ""),
        (["30280"], ["30299", "30280"], True, ""),  # a stretch along two communes
        (["30280"], ["30299"], False, "commune"),
        (["30280"], [], False, "commune_unknown"),
        ([], ["30280"], False, "commune"),
        ([], [], False, "commune_unknown"),
    ],
)
def test_a_commune_officer_acts_in_communes_of_the_officer(own, place, allowed, key):
    officer = person("commune_officer", own)
    assert may(officer, Action.ACKNOWLEDGE, place) is allowed
    if not allowed:
        with pytest.raises(RefusedError) as caught:
            need(officer, Action.ACKNOWLEDGE, place)
        assert caught.value.key == key and all(caught.value.text(language) for language in LANGUAGES)
    assert may(person("duty_officer", []), Action.ACKNOWLEDGE, place)
