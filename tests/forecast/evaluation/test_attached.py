"""A release held against a river's own record: the figures by hand, the rule, and a file that is refused when damaged."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.core.files import files_digest
from erosion.forecast.applicability import RECORD_Y, record_years
from erosion.forecast.evaluation.attached import (
    EvaluationError,
    accepted,
    evaluate_release,
    evaluation_file,
    lines,
    read_evaluation,
    write_evaluation,
)
from erosion.forecast.model import TrainingError, predict
from erosion.forecast.release import MODELS, load_release
from erosion.publish.manifest import EvaluatedTarget, Evaluation

RELEASE = MODELS / "mamore-20060808"
MADE_ON = pd.Timestamp("2018-12-31")


@pytest.fixture(scope="module")
def evaluation(reach, rows: pd.DataFrame) -> Evaluation:
    return evaluate_release(rows, reach.region, load_release(RELEASE), files_digest(RELEASE), MADE_ON, draws=60)


def target(**changes: object) -> EvaluatedTarget:
    score = {"value": 1.0, "low": 0.7, "high": 1.4}
    content = {
        "dates": 9, "first": "2001-01-01", "last": "2009-01-01", "rows": 900, "base_rate": 0.1, "mean_chance": 0.1,
        "observed_expected": score, "brier_skill": {"value": 0.2, "low": None, "high": None}, "pr_auc": score,
        "accepted": True,
    }  # fmt: skip
    return {**content, **changes}  # type: ignore[typeddict-item]


def test_the_figures_are_those_of_the_forecasts(evaluation: Evaluation, rows: pd.DataFrame) -> None:
    release = load_release(RELEASE)
    old = rows[record_years(rows) >= RECORD_Y]
    for name, threshold in (("1y", 30.0), ("3y", 60.0)):
        use = (old[f"retreat_established_{name}"].notna() & old[f"known_{name}"].notna()).to_numpy()
        chance = predict(release.models, old)[name].chance(threshold)[use]
        event = (old[f"retreat_established_{name}"] >= threshold).to_numpy()[use]
        one = evaluation["targets"][name]
        assert (one["rows"], one["dates"]) == (use.sum(), old.loc[use, "as_of"].nunique())
        assert one["base_rate"] == pytest.approx(event.mean(), abs=1e-5)
        assert one["mean_chance"] == pytest.approx(chance.mean(), abs=1e-5)
        ratio = one["observed_expected"]
        assert ratio["value"] == pytest.approx(event.sum() / chance.sum(), rel=1e-3)
        assert ratio["low"] < ratio["value"] < ratio["high"]
        skill = 1 - ((chance - event) ** 2).mean() / (event.mean() * (1 - event.mean()))
        assert one["brier_skill"]["value"] == pytest.approx(skill, abs=1e-3)
    assert evaluation["release_sha256"] == files_digest(RELEASE) and evaluation["made_on"] == "2018-12-31"
    assert len(lines(evaluation)) == 3


def test_what_the_release_learnt_from_is_left_out(reach, rows: pd.DataFrame, evaluation: Evaluation) -> None:
    import dataclasses

    own = dataclasses.replace(reach.region, name="mamore")
    later = evaluate_release(rows, own, load_release(RELEASE), "", MADE_ON, draws=20)
    for name, one in later["targets"].items():
        known = rows.loc[rows["as_of"] == one["first"], f"known_{name}"]
        assert (known > pd.Timestamp("2006-08-08")).all()
        assert one["dates"] < evaluation["targets"][name]["dates"]
    young = rows[rows["as_of"] < "2003-01-01"]
    with pytest.raises(TrainingError, match="did not learn from"):
        evaluate_release(young, own, load_release(RELEASE), "", MADE_ON, draws=20)


def test_dates_widen_the_interval(reach, rows: pd.DataFrame, evaluation: Evaluation) -> None:
    """Years differ: an interval over stretches of river alone would be narrower than one over dates too."""
    event = rows["retreat_established_1y"] >= 30
    by_date = event[rows["retreat_established_1y"].notna()].groupby(rows["as_of"]).mean()
    ratio = evaluation["targets"]["1y"]["observed_expected"]
    standard_error = by_date.std() / np.sqrt(len(by_date)) / by_date.mean()
    assert (ratio["high"] - ratio["low"]) / ratio["value"] > 2.5 * standard_error


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"observed_expected": {"value": 1.5, "low": 1.2, "high": 1.9}}, True),
        ({"observed_expected": {"value": 1.6, "low": 1.3, "high": 1.9}}, False),
        ({"observed_expected": {"value": 1.0, "low": 0.4, "high": 1.5}}, False),
        ({"observed_expected": {"value": 1.0, "low": 0.8, "high": 2.1}}, False),
        ({"observed_expected": {"value": 0.6, "low": 0.5, "high": 0.79}}, False),
        ({"observed_expected": {"value": 0.0, "low": 0.0, "high": 0.0}}, False),
        ({"observed_expected": {"value": 1.0, "low": None, "high": None}}, False),
        ({"brier_skill": {"value": -0.01, "low": None, "high": None}}, False),
        ({"brier_skill": {"value": None, "low": None, "high": None}}, False),
        ({"dates": 4}, False),
    ],
)
def test_the_rule_of_acceptance(changes: dict[str, object], wanted: bool) -> None:
    assert accepted(target(**changes)) is wanted


def test_a_file_is_read_as_it_was_written(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "mamore_crop.evaluation.json"
    assert read_evaluation(path, "mamore_crop") is None
    write_evaluation(path, evaluation)
    assert read_evaluation(path, "mamore_crop") == evaluation


def test_it_lies_beside_the_region_file(reach) -> None:
    assert evaluation_file(reach.region) == reach.region.path.parent / "mamore_crop.evaluation.json"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda content: content.update(format=2), "format"),
        (lambda content: content.update(region="other"), "region"),
        (lambda content: content.pop("release_sha256"), "release_sha256 is missing"),
        (lambda content: content["targets"].clear(), "one or more"),
        (lambda content: content.update(accepted=not content["accepted"]), "accepted"),
        (
            lambda content: content["targets"]["1y"].update(accepted=not content["targets"]["1y"]["accepted"]),
            "accepted",
        ),
        (lambda content: content["targets"]["1y"].update(base_rate=1.5), "shares"),
        (lambda content: content["targets"]["1y"]["pr_auc"].update(value=float("nan")), "finite"),
        (lambda content: content["targets"]["1y"].update(dates="many"), "dates"),
    ],
)
def test_a_damaged_file_is_refused(spoil, says: str, evaluation: Evaluation, tmp_path: Path) -> None:
    content = copy.deepcopy(evaluation)
    spoil(content)
    path = tmp_path / "mamore_crop.evaluation.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EvaluationError, match=says):
        read_evaluation(path, "mamore_crop")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(EvaluationError, match="taken for none"):
        read_evaluation(path, "mamore_crop")
