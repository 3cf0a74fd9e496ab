"""Free text of foreign files: composed, without characters that hide or turn text, bounded."""

from __future__ import annotations

import unicodedata
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.text import MAX_CHARACTERS, clean


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (unicodedata.normalize("NFD", "Xã Mỹ Hoà Hưng"), "Xã Mỹ Hoà Hưng"),
        ("  Ấp\t\nMột \r\n ", "Ấp Một"),
        ("Chợ\x00\x1b[31m Vàm", "Chợ[31m Vàm"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("\u200b\ufeff\u2066", None),
        ("\ue000x\ud800", "x"),
        ("a\u2028b\u00a0c", "a b c"),
        ("", None),
        (None, None),
        (float("nan"), None),
        (pd.NA, None),
        (12, "12"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # escaping is the page's
    ],
)
def test_texts_by_hand(value: Any, expected: str | None) -> None:
    assert clean(value) == expected


@given(st.text(alphabet=st.characters(), max_size=5000))
def test_a_text_is_composed_bounded_and_without_hidden_characters(value: str) -> None:
    text = clean(value)
    if text is None:
        return
    assert 0 < len(text) <= MAX_CHARACTERS and text == text.strip() and "  " not in text
    assert unicodedata.is_normalized("NFC", text)
    assert not [c for c in text if unicodedata.category(c).startswith("C")]
    assert clean(text) == text


def test_a_long_text_is_cut_and_says_so() -> None:
    assert clean("ạ" * 10_000_000) == "ạ" * (MAX_CHARACTERS - 1) + "…"
    assert clean("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS
