"""The map and the page of operations say whether the model suits the river."""

from __future__ import annotations

from pathlib import Path

import pytest

from erosion.publish.manifest import Applicability, read_manifest, write_manifest
from tests.ui.pages.test_pages import open_page, text_of

TEST = {
    "verdict": "beyond", "why": "", "river": "thu", "distance": 0.33, "limit": 0.21, "p_value": 0.05, "false_alarm": 0.05, "dates": 19,
}  # fmt: skip
SCORE = {"value": 2.36, "low": 1.9, "high": 2.9}
EVALUATION = {
    "format": 1, "region": "song-thu", "release": "thu-20220630", "release_sha256": "0" * 64, "made_on": "2023-07-01",
    "accepted": False,
    "targets": {
        "1y": {
            "dates": 9, "first": "2001-01-01", "last": "2009-01-01", "rows": 900, "base_rate": 0.26, "mean_chance": 0.11,
            "observed_expected": SCORE, "brier_skill": SCORE, "pr_auc": SCORE, "accepted": False,
        }
    },
}  # fmt: skip
VI, EN = "Mô hình chưa được hiệu chỉnh cho sông này", "The model is not calibrated for this river"


def say(own: Path, **changes: object) -> None:
    """Write into the manifest of every run whether its chances hold."""
    holds = {"verdict": "not_calibrated", "spread": 1.0, "reaches": {"thu": TEST}, "evaluation": None} | changes
    for path in (own / "song-thu").glob("*/manifest.json"):
        applicability: Applicability = holds  # type: ignore[assignment]
        write_manifest(path.parent, {**read_manifest(path.parent), "applicability": applicability})


@pytest.mark.parametrize("page", ["map", "operations"])
def test_a_river_the_model_is_not_calibrated_for_is_said(own: Path, monkeypatch, page: str) -> None:
    assert VI not in text_of(open_page(page, own, monkeypatch))
    say(own)
    text = text_of(open_page(page, own, monkeypatch))
    assert VI in text and "erosion evaluate --attach" in text and "huấn luyện mô hình" in text
    assert EN in text_of(open_page(page, own, monkeypatch, language="en"))


def test_the_banner_stresses_the_verdict_alone(own: Path, monkeypatch) -> None:
    say(own)
    text = text_of(open_page("map", own, monkeypatch))
    stressed = text[text.index(VI) : text.index("</b>", text.index(VI))]
    assert "không giống" in stressed and "Cần làm" not in stressed
    assert "Cần làm" in text


def test_a_rejected_evaluation_is_said(own: Path, monkeypatch) -> None:
    say(own, verdict="rejected", evaluation=EVALUATION)
    text = text_of(open_page("map", own, monkeypatch))
    assert VI in text and "thu-20220630" in text and "không được chấp nhận" in text


@pytest.mark.parametrize("verdict", ["similar", "evaluated", "not_tested", "of_a_later_program"])
def test_other_verdicts_raise_no_banner(own: Path, monkeypatch, verdict: str) -> None:
    say(own, verdict=verdict)
    assert VI not in text_of(open_page("map", own, monkeypatch))


def test_operations_show_the_figures(own: Path, monkeypatch) -> None:
    say(own, evaluation=EVALUATION)
    text = text_of(open_page("operations", own, monkeypatch, language="en"))
    assert "0.33, limit 0.21 (of 19 dates" in text and "one in 20 dates" in text
    assert "0.260 happened, the model gave 0.110, ratio 2.36 (1.90 to 2.90): not accepted" in text
    vi = text_of(open_page("operations", own, monkeypatch))
    assert "0,33, giới hạn 0,21" in vi and "không được chấp nhận" in vi
    short = {**TEST, "verdict": "not_tested", "why": "record too short", "distance": None, "limit": None}
    say(own, verdict="not_tested", reaches={"thu": short})
    assert "not tested, because record too short" in text_of(open_page("operations", own, monkeypatch, language="en"))
