"""Does a family of features help? The model with and without it, on the same rows and the same draws."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from erosion.config.region import Region
from erosion.features import FAMILIES
from erosion.forecast.evaluation.evaluate import onset_rows
from erosion.forecast.evaluation.skill import (
    DRAWS,
    brier_skill,
    draw_blocks,
    pr_auc,
    roc_auc,
    top_shares,
    with_interval,
)
from erosion.forecast.evaluation.splits import bootstrap_blocks, splits
from erosion.forecast.model import MODEL_FEATURES, known_rows, predict, train_target

_log = logging.getLogger(__name__)

LABEL = "established"
SPLIT = "time_space"
"""Held out in time and along the river, on land that had stood: what the forecast is judged by."""


def feature_sets(family: str) -> dict[str, tuple[str, ...]]:
    """Return the sets of features that are compared: the model's without a family, and with all of it.

    Parameters
    ----------
    family
        Key of :data:`erosion.features.FAMILIES`.
    """
    own = tuple(feature.name for feature in FAMILIES[family].FEATURES)
    others = tuple(name for name in MODEL_FEATURES if name not in own)
    return {"without": others, "with": (*others, *own)}


def compare(
    rows: pd.DataFrame,
    region: Region,
    family: str,
    *,
    first: pd.Timestamp,
    seed: int = 0,
    draws: int = DRAWS,
) -> list[dict[str, Any]]:
    """Return scores of the model with and without a family of features and the difference between them.

    Every set is trained on the same rows and tested on the same rows. The bootstrap draws the same stretches of river for
    all sets (a paired block bootstrap), so the interval of a difference is narrower than those of the scores.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    region
        Its name and targets.
    family
        Key of :data:`erosion.features.FAMILIES`.
    first
        First test date.
    seed, draws
        Seed of models and bootstrap, and number of draws.

    Returns
    -------
    list of dict
        Tidy records: region, simulated, family, features (a set of :func:`feature_sets`), target, subset (all, onset), metric,
        value, ci_low, ci_high, n, base_rate; and for the set ``with`` ``gain``, ``gain_low``, ``gain_high``: its score less
        that without the family.
    """
    sets = feature_sets(family)
    records: list[dict[str, Any]] = []
    for target in region.targets:
        parts = []
        for one in splits(rows, SPLIT, first):
            part = rows[one.test & known_rows(rows, target, LABEL)].copy()
            if part.empty:
                continue
            learn = rows[one.learn(rows, target, LABEL)]
            for name, features in sets.items():
                model = train_target(learn, target, label=LABEL, seed=seed, features=features)
                part[f"p:{name}"] = predict({target.name: model}, part)[target.name].chance(target.threshold_m)
            parts.append(part)
            _log.info(f"{target.name}: {len(parts)} parts done")
        if not parts:
            continue
        tested = pd.concat(parts)
        for subset, chosen in {"all": np.ones(len(tested), bool), "onset": onset_rows(tested)}.items():
            records += _records(
                tested[chosen], region, family, target.name, target.threshold_m, subset, list(sets), seed, draws
            )
    return records


def _records(
    tested: pd.DataFrame,
    region: Region,
    family: str,
    target: str,
    threshold_m: float,
    subset: str,
    sets: Sequence[str],
    seed: int,
    draws: int,
) -> list[dict[str, Any]]:
    retreat = tested[f"retreat_{LABEL}_{target}"].to_numpy(float)
    event = retreat >= threshold_m
    if not 0 < event.sum() < len(event):
        return []
    length = tested["length_m"].to_numpy(float)
    drawn = draw_blocks(bootstrap_blocks(tested, tested), draws, seed)
    scores = {}
    for name in sets:
        p = tested[f"p:{name}"].to_numpy(float)
        scores[name] = {
            "pr_auc": pr_auc(event, p, drawn),
            "roc_auc": roc_auc(event, p, drawn),
            "brier_skill": brier_skill(event, p, drawn),
            "top10_share": top_shares(retreat, p, length, drawn, [0.1])[0],
        }
    records = []
    for name in sets:
        for metric, values in scores[name].items():
            value, low, high = with_interval(values)
            record: dict[str, Any] = {
                "region": region.name,
                "simulated": region.simulated,
                "family": family,
                "features": name,
                "target": target,
                "subset": subset,
                "metric": metric,
                "value": round(value, 5),
                "ci_low": round(low, 5),
                "ci_high": round(high, 5),
                "n": len(tested),
                "base_rate": round(float(event.mean()), 5),
            }
            if name != "without":
                gain, gain_low, gain_high = with_interval(values - scores["without"][metric])
                record |= {"gain": round(gain, 5), "gain_low": round(gain_low, 5), "gain_high": round(gain_high, 5)}
            records.append(record)
    return records


def table(records: Sequence[dict[str, Any]]) -> str:
    """Return a comparison as a Markdown table, one row a target, subset and metric."""
    frame = pd.DataFrame(records)
    lines = ["| target | subset | metric | without | with | with less without |", "|---" * 6 + "|"]
    for (target, subset, metric), group in frame.groupby(["target", "subset", "metric"], sort=False):
        by_set = group.set_index("features")
        without = float(by_set["value"]["without"])
        value, gain, low, high = (float(by_set[key]["with"]) for key in ("value", "gain", "gain_low", "gain_high"))
        lines.append(
            f"| {target} | {subset} | {metric} | {without:.3f} | {value:.3f} | {gain:+.3f} ({low:+.3f} to {high:+.3f}) |"
        )
    return "\n".join(lines)
