"""A release held against a river's own record, and the file that carries the result to every run of the region.

Of a river that a release was not trained on, only its own past can show whether the chances hold there.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from erosion.config.region import Region
from erosion.core.arrays import BoolArray, FloatArray
from erosion.core.files import write_json
from erosion.forecast.applicability import RECORD_Y, record_years
from erosion.forecast.evaluation.skill import (
    DRAWS,
    brier_skill,
    crossed,
    draw_blocks,
    mean_of_draws,
    pr_auc,
    with_interval,
)
from erosion.forecast.evaluation.splits import bootstrap_blocks
from erosion.forecast.model import TrainingError, known_rows, predict
from erosion.forecast.release import Release, regions_of
from erosion.publish.json_shape import check_shape
from erosion.publish.manifest import EvaluatedTarget, Evaluation, Score

FORMAT: Final = 1

NEAR: Final = (0.8, 1.25)
WITHIN: Final = (0.5, 2.0)
"""The interval of observed over expected events must meet the first and lie within the second: not contradicted, and known to
a factor of two. The second is a test of equivalence (two one-sided tests, Schuirmann 1987)."""

FEWEST_DATES: Final = 5
"""Issue dates that an acceptance needs: years differ more than stretches of river do."""


class EvaluationError(ValueError):
    """An attached evaluation cannot be read; the message names the file, the reason and the way out."""


def evaluation_file(region: Region) -> Path:
    """Return where the evaluation of a region is: ``<region>.evaluation.json`` beside its file."""
    return region.path.with_suffix(".evaluation.json")


def evaluate_release(
    rows: pd.DataFrame,
    region: Region,
    release: Release,
    release_sha256: str,
    made_on: pd.Timestamp,
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Evaluation:
    """Return how a release did on the past of a region: every outcome that it did not learn from, once the record is long enough.

    Intervals: percentiles of draws of issue dates and, independently, of 5 km blocks of river, with replacement (pigeonhole
    bootstrap, Owen 2007): a row weighs as often as its date and its block were drawn.

    Parameters
    ----------
    rows
        From ``training.load_rows``.
    region
        Its name and targets.
    release, release_sha256
        The models and the hash of their files.
    made_on
        Date of the evaluation.
    seed, draws
        Of the bootstrap.

    Raises
    ------
    TrainingError
        If there is no outcome to hold the release against.
    """
    rows = rows[record_years(rows) >= RECORD_Y]
    forecasts = predict(release.models, rows)
    learnt_here = region.name in regions_of(release.meta)
    targets: dict[str, EvaluatedTarget] = {}
    for target in region.targets:
        model = release.models.get(target.name)
        if model is None or model.target != target:
            raise TrainingError(
                f"{release.name} does not forecast target {target.name} of {region.path}; make the targets the same"
            )
        use = known_rows(rows, target, model.label)
        if learnt_here:
            use = use & (rows[f"known_{target.name}"] > release.data_until).to_numpy()
        if not use.any():
            raise TrainingError(
                f"target {target.name}: no window of {region.name} is over that {release.name} did not learn from; wait for "
                "more observations, or evaluate a release that was trained on another river"
            )
        event = (rows[f"retreat_{model.label}_{target.name}"] >= target.threshold_m).to_numpy()[use]
        chance = forecasts[target.name].chance(target.threshold_m)[use]
        targets[target.name] = _score(rows[use], event, chance, seed, draws)
    return {
        "format": FORMAT,
        "region": region.name,
        "release": release.name,
        "release_sha256": release_sha256,
        "made_on": f"{made_on:%Y-%m-%d}",
        "accepted": all(one["accepted"] for one in targets.values()),
        "targets": targets,
    }


def _score(rows: pd.DataFrame, event: BoolArray, chance: FloatArray, seed: int, draws: int) -> EvaluatedTarget:
    block = bootstrap_blocks(rows, rows)
    date = rows["as_of"].to_numpy().astype(np.int64)
    drawn = crossed(draw_blocks(block, draws, seed), draw_blocks(date, draws, seed + 1))
    ratio = mean_of_draws(event.astype(float), drawn) / mean_of_draws(chance, drawn)
    skill = brier_skill(event, chance, drawn)
    dates = pd.DatetimeIndex(np.sort(rows["as_of"].unique()))
    found: EvaluatedTarget = {
        "dates": len(dates),
        "first": f"{dates[0]:%Y-%m-%d}",
        "last": f"{dates[-1]:%Y-%m-%d}",
        "rows": len(rows),
        "base_rate": round(float(event.mean()), 5),
        "mean_chance": round(float(chance.mean()), 5),
        "observed_expected": _entry(ratio),
        "brier_skill": _entry(skill),
        "pr_auc": _entry(pr_auc(event, chance, drawn)),
        "accepted": False,
    }
    found["accepted"] = accepted(found)
    return found


def accepted(target: EvaluatedTarget) -> bool:
    """Return whether the chances of a target held: enough dates, events as expected, and better than the base rate."""
    low, high = target["observed_expected"]["low"], target["observed_expected"]["high"]
    skill = target["brier_skill"]["value"]
    if low is None or high is None or skill is None:
        return False
    meets = low <= NEAR[1] and high >= NEAR[0]
    return target["dates"] >= FEWEST_DATES and meets and low >= WITHIN[0] and high <= WITHIN[1] and skill > 0


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation beside the region file, replacing an older one at once."""
    write_json(path, cast("dict[str, Any]", evaluation))


def read_evaluation(path: Path, region: str) -> Evaluation | None:
    """Return the evaluation that is attached to a region; None where there is none.

    Raises
    ------
    EvaluationError
        If the file is not one that was written by this program for this region.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        check_shape(content, Evaluation)
        evaluation = cast("Evaluation", content)
        _check(evaluation, region)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(
            f"not a readable evaluation ({error}); it is taken for none. Make it again with `erosion evaluate --attach`, or "
            "delete it"
        ) from error
    return evaluation


def _check(evaluation: Evaluation, region: str) -> None:
    rules = {
        f"format: {FORMAT}": evaluation["format"] == FORMAT,
        f"region: {region}": evaluation["region"] == region,
        "targets: one or more": bool(evaluation["targets"]),
        "accepted: true where every target is": evaluation["accepted"]
        == all(one["accepted"] for one in evaluation["targets"].values()),
    }
    for name, one in evaluation["targets"].items():
        rules[f"targets.{name}: finite numbers"] = all(
            value is None or math.isfinite(value)
            for score in (one["observed_expected"], one["brier_skill"], one["pr_auc"])
            for value in (score["value"], score["low"], score["high"])
        )
        rules[f"targets.{name}: shares from 0 to 1"] = 0 <= one["base_rate"] <= 1 and 0 <= one["mean_chance"] <= 1
        rules[f"targets.{name}: accepted by its own figures"] = one["accepted"] == accepted(one)
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise ValueError(f"it breaks the rule {broken[0]}")


def _entry(values: FloatArray) -> Score:
    score = with_interval(values)
    return {"value": _number(score.value), "low": _number(score.low), "high": _number(score.high)}


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def lines(evaluation: Evaluation) -> list[str]:
    """Return an evaluation in words, one line a target and one for the verdict."""
    said = []
    for name, one in evaluation["targets"].items():
        ratio, skill, area = one["observed_expected"], one["brier_skill"], one["pr_auc"]
        said.append(
            f"{name}: {one['dates']} issue dates {one['first']} to {one['last']}, {one['rows']} rows; happened "
            f"{one['base_rate']:.4f}, mean chance {one['mean_chance']:.4f}, observed/expected {_with_interval(ratio)}; Brier "
            f"skill {_with_interval(skill)}; PR-AUC {_with_interval(area)}: {'accepted' if one['accepted'] else 'not accepted'}"
        )
    verdict = "accepted: its chances are published as they are" if evaluation["accepted"] else "not accepted"
    return [*said, f"{evaluation['release']} on {evaluation['region']}: {verdict}"]


def _with_interval(score: Score) -> str:
    if score["value"] is None:
        return "unknown"
    if score["low"] is None:
        return f"{score['value']:.2f}"
    return f"{score['value']:.2f} ({score['low']:.2f} to {score['high']:.2f})"
