"""At most 300 characters after NFC, the worst first, nothing cut in two, and what is left out is counted."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from erosion.publish.bulletins.facts import Area, RunFacts, read_facts
from erosion.publish.bulletins.short_text import short_text
from tests.publish.bulletins.made_runs import publish_run, stretches

NAMES = st.one_of(
    st.none(),
    st.text(alphabet=st.characters(), max_size=400),
    st.lists(st.sampled_from(["Xã", "Mỹ", "Hòa", "Hưng", "Phường", "Bình", "Đức", "12", "3,5"]), max_size=40).map(
        " ".join
    ),
    st.just("ạ" * 250),
    st.just(unicodedata.normalize("NFD", "Xã Mỹ Hoà Hưng Phường Bình Đức " * 3)),
)


def facts_of(table: Any, title: str | None, reach: str | None, simulated: bool) -> tuple[RunFacts, Area]:
    listing: Any = {
        "region": "r", "title": {"vi": title or "", "en": title or ""}, "simulated": simulated,
        "reaches": [{"name": "hau", "title": {"vi": reach or "", "en": reach or ""}}],
    }  # fmt: skip
    run: Any = {"as_of": "2024-06-30"}
    facts = RunFacts(listing, run, None, None, {}, table, table, {})  # type: ignore[arg-type]
    area = Area(facts.region_title("vi"), None, table.assign(no=range(1, len(table) + 1)))
    return facts, area


@given(
    count=st.sampled_from([0, 1, 2, 3, 7, 60, 400]),
    commune=NAMES,
    former=NAMES,
    title=NAMES,
    reach=NAMES,
    far=st.sampled_from([0.0, 99_999.0, 9_999_999.0]),
    simulated=st.booleans(),
    language=st.sampled_from(["vi", "en"]),
)
@settings(max_examples=300, deadline=None)
@example(
    count=400,
    commune="ạ" * 160,
    former="b" * 160,
    title="c" * 160,
    reach="d" * 160,
    far=9e6,
    simulated=True,
    language="vi",
)
def test_the_law_of_300_characters(
    count: int, commune: Any, former: Any, title: Any, reach: Any, far: float, simulated: bool, language: str
) -> None:
    table = stretches(count, commune=commune, commune_former=former)
    table = table.assign(from_m=table["from_m"] + far, to_m=table["to_m"] + far)
    facts, area = facts_of(table, title, reach, simulated)
    text = short_text(facts, area, language)
    assert 0 < len(text) <= 300 and unicodedata.is_normalized("NFC", text)
    assert not [c for c in text if unicodedata.category(c).startswith("C")]
    assert "…" not in text, "nothing is cut"
    assert ("MÔ PHỎNG / SIMULATED" in text) == simulated or "MÔ PHỎNG" in str((commune, former, title, reach))
    # Each stretch that is named, is so by its whole chainage; they are the first of the table, in its order.
    named = re.findall(r"km (\d+)\+(\d{3}) – km (\d+)\+(\d{3})", text)
    metres = [(1000 * int(a) + int(b), 1000 * int(c) + int(d)) for a, b, c, d in named]
    expected = [(round(a), round(b)) for a, b in zip(table["from_m"], table["to_m"], strict=True)]
    assert metres == expected[: len(metres)]
    # What is not named is counted, as a whole number.
    left = count - len(metres)
    words = {"vi": r"(?:Còn )?(\d+) đoạn(?: bờ)?, cao nhất", "en": r"(\d+) (?:more|stretches of bank), up"}
    counted = re.search(words[language], text)
    if left:
        assert counted and int(counted[1]) == left
    else:
        assert counted is None
    if count:
        assert metres, "the worst stretch can always be named"


def test_the_text_by_hand(tmp_path):
    facts = read_facts(publish_run(tmp_path, stretches(2)))
    area = Area("Long Xuyên", None, facts.stretches.assign(no=[1, 2]))
    assert short_text(facts, area, "vi") == (
        "DỰ THẢO. Cảnh báo sạt lở bờ sông Long Xuyên ngày 30/06/2024: Bờ trái Sông Hậu km 1+000 – km 1+100, Xã Mỹ Hòa Hưng "
        "(cũ: Xã Mỹ Hòa Hưng; Phường Bình Đức (phần)): mức 4 rất cao; Bờ phải Sông Hậu km 1+150 – km 1+250, Phường Long "
        "Xuyên: mức 3 cao. Tránh xa mép bờ."
    )


def test_names_become_shorter_until_three_stretches_are_named(tmp_path):
    facts = read_facts(publish_run(tmp_path, stretches(60), simulated=False))
    text = short_text(facts, Area("Long Xuyên", None, facts.stretches.assign(no=range(1, 61))), "vi")
    assert text.count("mức 4 rất cao") == 3 and "Còn 57 đoạn, cao nhất mức 4." in text and "cũ:" not in text


@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_stretch_is_not_called_safe(tmp_path, language):
    facts = read_facts(publish_run(tmp_path, stretches(0)))
    text = short_text(facts, Area("Long Xuyên", None, facts.stretches.assign(no=[])), language)
    assert {"vi": "Không có nghĩa là an toàn", "en": "No data show that banks are safe"}[language] in text
