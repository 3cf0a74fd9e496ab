"""The chosen place on another date's bank line; and nothing outside imports the screen."""

from pathlib import Path

import pytest

import erosion
from erosion.ui import choice as choices
from erosion.ui.products.regions import read_region


@pytest.fixture(scope="module")
def region(published):
    return read_region(published / "song-thu")


def chosen(region, run):
    return choices.Choice("vi", region, run, None, region.targets[0])


def test_a_place_stays_chosen_on_the_bank_line_of_another_date(region, monkeypatch):
    state = {}
    monkeypatch.setattr(choices.st, "session_state", state)
    new, old = chosen(region, region.runs[-1]), chosen(region, region.runs[0])
    choices.choose_segment(new, 17, zoom=False)
    assert choices.segment_row(new) == 17
    row = choices.segment_row(old)
    # Names stay the same on this river, so the same place is the same name, at another rank.
    assert old.segments["segment_id"].iloc[row] == new.segments["segment_id"].iloc[17]
    choices.forget_segment()
    assert choices.segment_row(new) is None


def test_a_place_of_another_region_is_no_place_here(published, region, monkeypatch):
    state = {}
    monkeypatch.setattr(choices.st, "session_state", state)
    choices.choose_segment(chosen(region, region.runs[-1]), 3, zoom=True)
    other = read_region(published / "tap-duot")
    assert choices.segment_row(chosen(other, other.runs[0])) is None


def test_nothing_imports_the_screen():
    package = Path(erosion.__file__).parent
    guilty = [
        path
        for path in package.rglob("*.py")
        if "erosion.ui" in path.read_text("utf-8") and package / "ui" not in path.parents
    ]
    assert not guilty
