"""Settings of an office's bulletins: every mistake is named, and its own file goes before the shipped one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from erosion.config.bulletin import read_settings, settings_file
from erosion.config.problems import CatalogError
from erosion.core.shipped import shipped

SHIPPED = shipped("data_sources") / "bulletins" / "default.yaml"


def test_the_shipped_settings_have_both_languages_and_no_risk_level() -> None:
    settings = read_settings(SHIPPED)
    for value in vars(settings).values():
        assert value["vi"] and value["en"]
    assert "cấp độ rủi ro" not in SHIPPED.read_text(encoding="utf-8").lower()
    assert any("01/2011/QĐ-TTg" in line for line in settings.legal_basis["vi"])


def test_the_file_of_the_office_goes_before_the_shipped_one(tmp_path: Path) -> None:
    assert settings_file(tmp_path) == SHIPPED
    shutil.copy(SHIPPED, tmp_path / "bulletin.yaml")
    assert settings_file(tmp_path) == tmp_path / "bulletin.yaml"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"signer": None}, "signer: has no value"),
        ({"signers": {"vi": "A"}}, "unknown key; did you mean signer?"),
        ({"recipients": {"vi": ["A"]}}, "recipients.en: is missing"),
        ({"legal_basis": {"vi": ["x" * 501], "en": ["a"]}}, "legal_basis.vi: a line of 501 characters; at most 500"),
        ({"recipients": {"vi": [1], "en": ["a"]}}, "must be text"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: dict[str, object], says: str) -> None:
    content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) | change
    file = tmp_path / "bulletin.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        read_settings(file)
    assert says in str(caught.value)


def test_texts_are_composed_and_without_hidden_characters(tmp_path: Path) -> None:
    content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    content["recipients"]["vi"] = ["U\u0309y ban\u200b", "  "]
    file = tmp_path / "bulletin.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    assert read_settings(file).recipients["vi"] == ("Ủy ban",)
