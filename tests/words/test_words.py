"""Both languages say the same things, in plain words, and every word is used."""

import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

import erosion.ui
import erosion.words
from erosion.words import LANGUAGES, catalogue, has_text, translate

CATALOGUES = {language: catalogue(language) for language in LANGUAGES}
VI, EN = CATALOGUES["vi"], CATALOGUES["en"]
UI = Path(erosion.ui.__file__).parent
MARKED = set("ăâđêôơưáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ")

#: Words of the workshop that an officer of a commune cannot be asked to know.
JARGON = {
    "vi": (
        "epoch", "baseline", "pixel", "raster", "percentile", "quantile", "logit", "log odds", "hindcast", "dataset",
        "metadata", "cache", "null", "nan", "pod", "far", "csi", "p50", "p90", "feature", "score", "label", "batch",
        "threshold", "transect", "curvature", "manifest", "ledger", "json", "polygon", "offline", "run", "model",
        "warning", "segment", "map", "phân vị", "sai số chuẩn", "hồi quy",
    ),
    "en": (
        "epoch", "baseline", "pixel", "raster", "percentile", "quantile", "logit", "log odds", "hindcast", "dataset",
        "metadata", "cache", "null", "nan", "pod", "csi", "p50", "p90", "transect", "curvature", "polygon",
        "brier", "roc", "auc", "logistic", "posterior",
    ),
}  # fmt: skip


def placeholders(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def plain(text):
    """A text without placeholders and without what is written the same everywhere."""
    text = re.sub(r"\{\{?\w+\}?\}", " ", text)
    return re.sub(r"GeoPackage|QGIS|GeoJSON|CSV|SIMULATED", " ", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_entry_waits_for_a_translator_or_is_left_over(language):
    with (Path(erosion.words.__file__).parent / f"{language}.po").open("rb") as file:
        entries = read_po(file, abort_invalid=True)
    assert not [entry.id for entry in entries if entry.fuzzy]
    assert not entries.obsolete


def test_the_languages_have_the_same_keys():
    assert list(LANGUAGES) == ["vi", "en"], "Vietnamese is the default"
    assert VI.keys() == EN.keys()


def test_texts_have_the_same_placeholders_and_none_is_empty():
    assert not [key for key in VI if placeholders(VI[key]) != placeholders(EN[key])]
    assert not [key for key in VI if not VI[key].strip() or not EN[key].strip()]


def test_vietnamese_is_written_with_its_marks():
    bare = [
        text
        for text in VI.values()
        if len(re.findall(r"[^\W\d_]{2,}", plain(text))) >= 2 and not MARKED & set(text.lower())
    ]
    assert not bare


def test_english_has_no_vietnamese_left_in_it():
    left = {key for key, text in EN.items() if MARKED & set(text.lower()) and key != "simulated"}
    assert not left


@pytest.mark.parametrize("language", CATALOGUES)
def test_no_jargon(language):
    found = {
        key: word
        for key, text in CATALOGUES[language].items()
        for word in JARGON[language]
        if re.search(rf"\b{re.escape(word)}\b", plain(text).lower())
    }
    assert not found


def test_never_says_safe_or_gives_the_disaster_level():
    for texts, safe, risk in ((VI, "an toàn", "cấp độ rủi ro"), (EN, "safe", "disaster-risk")):
        for key, text in texts.items():
            if safe in text.lower():
                assert "không" in text.lower() or "no" in text.lower(), key
            if risk in text.lower():
                # The section of a bulletin has a heading for it; what stands below is the officer's.
                assert key in {"not.official", "bulletin.section.risk", "bulletin.field.risk"}


@pytest.fixture(scope="module")
def source():
    """The program without its words."""
    files = [
        path
        for package in (UI, *(UI.parent / name for name in ("words", "publish", "places", "workflow")))
        for path in package.rglob("*.py")
    ]
    return "".join(path.read_text("utf-8") for path in [*files, UI.parents[1] / "app.py"])


def test_every_text_that_is_asked_for_is_there(source):
    asked = set(re.findall(r"""translate\((?:[\w.()]+, )?\s*["']([a-z][\w.]*)["']""", source))
    assert len(asked) > 100
    assert not asked - VI.keys()


def test_every_text_is_used(source):
    def used(key):
        if f'"{key}"' in source or f"'{key}'" in source:
            return True
        parts = key.split(".")
        # Keys put together from words: f"bank.{bank}", or a stem handed to a function that adds .high or .low.
        stems = (re.escape(".".join(parts[:i])) for i in range(1, len(parts)))
        return any(re.search(rf"""f["']{stem}\.\{{|_ratio\("{stem}"\)""", source) for stem in stems)

    assert not [key for key in VI if not used(key)]


def test_translate_fills_placeholders_and_refuses_a_wrong_key():
    assert translate("vi", "changes.up", n="1.234") == "1.234 đoạn tăng mức"
    assert translate("en", "changes.up", n="1,234") == "1,234 segments moved up"
    with pytest.raises(KeyError):
        translate("vi", "no.such.key")
    assert has_text("gap.age")
    assert not has_text("gap.nothing")
