"""The page of the bulletin: a draft of the chosen date; the files themselves are tested where they are made."""

import pytest

from tests.ui.pages.test_pages import open_page, text_of


def preview(at):
    (button,) = [one for one in at.button if one.label in ("Xem trước", "Preview")]
    button.click().run()
    assert not at.exception, at.exception
    return at


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_page_says_draft_and_gives_the_short_text_at_once(published, monkeypatch, language):
    at = open_page("bulletin", published, monkeypatch, language=language)
    text = text_of(at)
    assert {"vi": "Mọi bản tải về là DỰ THẢO", "en": "Every file is a DRAFT"}[language] in text
    (short,) = [one.value for one in at.code]
    assert short.startswith({"vi": "DỰ THẢO. Cảnh báo", "en": "DRAFT. Riverbank"}[language]) and len(short) <= 300
    assert f"({len(short)}/300" in text
    assert len(at.get("download_button")) == 1 and not at.get("image"), "no page is made before it is asked for"


def test_a_preview_shows_the_pages_and_offers_both_files(published, monkeypatch):
    at = preview(open_page("bulletin", published, monkeypatch))
    assert len(at.get("image")) >= 2 and len(at.get("download_button")) == 3
    at.text_area[0].set_value("Vết nứt").run()
    assert not at.get("image"), "a preview of another text is not shown"


def test_an_exercise_says_so_in_its_short_text(published, monkeypatch):
    at = open_page("bulletin", published, monkeypatch, region="tap-duot")
    assert at.code[0].value.startswith("MÔ PHỎNG / SIMULATED, DIỄN TẬP. DỰ THẢO.")


def test_no_bulletin_of_damaged_files(own, monkeypatch):
    for path in own.glob("song-thu/*/stretches_1y.parquet"):
        path.write_bytes(b"damaged")
    at = open_page("bulletin", own, monkeypatch)
    assert "Không làm được bản tin" in text_of(at) and "stretches_1y.parquet is not what was published" in text_of(at)
    assert not at.code and not at.get("download_button")


def test_settings_of_the_office_that_are_wrong_are_named(own, monkeypatch):
    (own / "song-thu" / "bulletin.yaml").write_text("signer: {vi: A}", encoding="utf-8")
    at = open_page("bulletin", own, monkeypatch)
    assert "signer.en: is missing" in text_of(at) or "legal_basis: is missing" in text_of(at)
