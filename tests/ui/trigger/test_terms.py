"""What the trigger adds to a segment, as its detail reports it."""

import shutil
from html import escape
from pathlib import Path

import pytest

from erosion.ui.trigger import terms as trigger
from tests.ui.made_gauges import AS_OF, EVIL, add_trigger, newest
from tests.ui.pages.test_pages import open_page as open_page_of
from tests.ui.pages.test_pages import text_of
from tests.ui.test_browser import address, browser, open_page, outside, pick, settle  # noqa: F401


@pytest.fixture(scope="module")
def published(published, tmp_path_factory):
    """Products of other tests of the screen, to be changed here."""
    return Path(shutil.copytree(published, tmp_path_factory.mktemp("trigger") / "products"))


@pytest.fixture(scope="module")
def raised(published):
    """Ids of a segment that the trigger has raised, and of one of which it is unknown."""
    return add_trigger(published)


def test_the_trigger_of_a_segment_is_shown_with_points_and_what_is_unknown(published, raised, monkeypatch):
    chosen = {"segment": raised[0], "segment_on": ("song-thu", AS_OF)}
    text = text_of(open_page_of("map", published, monkeypatch, region="song-thu", **chosen))
    because = f"Vì nước rút 0,6 m trong 3 ngày tại {escape(EVIL)}.</div>"
    assert f"<b>Mức được nâng một bậc, từ 3 lên 4</b>{because}" in text, "what is unknown has raised nothing"
    assert "Mức tác động của nước và mưa: ít nhất 1 trên 3 (ít nhất 1,2 điểm)." in text
    assert f"<li>Nước rút 0,6 m trong 3 ngày tại {escape(EVIL)}: 1,2 trên 2,0 điểm</li>" in text
    assert "<li>Không rõ mưa bao nhiêu trong 3 ngày" in text
    assert "(tối đa 1,0 điểm)</li>" in text
    assert "&lt;i&gt;odd&lt;/i&gt;" in text
    assert EVIL not in text
    assert "<i>odd" not in text


def row_of(choice, segment_id):
    return choice.segments.set_index("segment_id").loc[segment_id]


def test_an_unknown_trigger_is_never_low(published, raised):
    choice = newest(published)
    said = trigger.terms(choice, row_of(choice, raised[1]))
    assert "không rõ, vì thiếu số liệu. Không rõ không có nghĩa là thấp." in said
    assert "trên 3 (" not in said
    assert trigger.raised(choice, row_of(choice, raised[1])) == ""


def test_a_level_that_is_held_after_the_trigger_eased_says_so(published, raised):
    choice = newest(published, "en")
    row = row_of(choice, raised[0]).copy()
    assert "Level raised by one, from 3 to 4" in trigger.raised(choice, row)
    row["trigger_terms"] = "[]"
    assert "Water and rain have eased" in trigger.raised(choice, row)
    row["trigger_terms"] = None
    assert trigger.terms(choice, row).count("<li>") == 0
    row["trigger"] = None
    assert trigger.terms(choice, row) == ""
