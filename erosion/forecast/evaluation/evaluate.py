"""Forecast skill: forward in time, and forward in time on stretches of river never trained on, against every baseline.

Each group of issue dates is forecast by models trained on outcomes known before the group's first date, as an operator
who retrains every few years would have had them. No test date is used in any fit, calibration or threshold.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from erosion.banks.established import YEAR_DAYS
from erosion.config.region import Region, Target
from erosion.core.arrays import BoolArray, FloatArray
from erosion.forecast.distribution import Distribution, distribution_of
from erosion.forecast.evaluation.baselines import RATE_BASELINES, baseline_chances
from erosion.forecast.evaluation.skill import (
    DRAWS,
    Draws,
    brier,
    brier_skill,
    draw_blocks,
    mean_of_draws,
    pr_auc,
    reliability,
    roc_auc,
    top_shares,
    with_interval,
)
from erosion.forecast.evaluation.splits import Split, bootstrap_blocks, space_of, splits
from erosion.forecast.model import TrainingError, knots_of, known_rows, predict, train_target

_log = logging.getLogger(__name__)

SPLITS = ("time", "time_space")
"""The same river later; later, and on stretches of river never trained on."""

ONSET = {"rate_est_1y": 10.0, "rate_all_3y": 10.0}
"""Below these rates [m/y] a bank counts as quiet so far."""

PROGRESS_EVERY = 12
"""Parts after which the log reports progress."""

CALIBRATED = ("model", "logistic")
"""Models whose probabilities are looked at by themselves; those of the other baselines only keep a ranking."""

TOP = (1, 5, 10)
"""Parts of the bank's length, in per cent, whose share of the eroded area is scored."""

INTERVALS = {"80": (0.1, 0.9), "90": (0.05, 0.95)}
"""Central intervals whose coverage is scored, in per cent, with the levels of their ends."""


def onset_rows(rows: pd.DataFrame) -> BoolArray:
    """Return True for rows that are quiet so far but on the outer side of the curvature one kilometre upstream."""
    quiet = np.ones(len(rows), dtype=bool)
    for name, limit in ONSET.items():
        quiet &= (rows[name] < limit).to_numpy()
    return quiet & (rows["curvature_up1000m"] > 0).to_numpy()


def evaluate(
    rows: pd.DataFrame,
    region: Region,
    *,
    first: pd.Timestamp,
    seed: int = 0,
    draws: int = DRAWS,
    labels: Sequence[str] = ("established",),
) -> list[dict[str, Any]]:
    """Return scores of the model and of every baseline.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    region
        Its name and targets.
    first
        First test date.
    seed
        Seed of models and bootstrap.
    draws
        Bootstrap draws.
    labels
        Of :data:`erosion.forecast.dataset.LABELS`: land whose loss is forecast and scored.

    Returns
    -------
    list of dict
        Tidy records: region, simulated, model, target, labels, split, subset, metric, value, ci_low, ci_high, n, base_rate.
        Subsets: all rows; onset; cutoff, where the channel jumped within the window; no_cutoff, the rest; and, of the
        model alone, the test dates of each origin (``from_2006``).

    Raises
    ------
    TrainingError
        If no date can be tested.
    """
    _log.info("time_space: blocks of {:.3g} km, {:.2g} km between".format(*space_of(rows)))
    tasks = [(label, split, part) for label in labels for split in SPLITS for part in splits(rows, split, first)]
    parts: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    # LightGBM, scikit-learn and NumPy compute without the lock of the interpreter, so threads share the processors. Within a
    # part BLAS has one thread: more of them wait for each other, and round differently on another number of processors.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        forecasts = pool.map(lambda task: forecast_part(rows, task[2], region.targets, task[0], seed), tasks)
        made = enumerate(tqdm(forecasts, "forecasts", len(tasks), disable=None), 1)
        try:
            for (label, split, _), (done, forecast) in zip(tasks, made, strict=True):
                for target, table in forecast.items():
                    parts.setdefault((target, label, split), []).append(table)
                if done % PROGRESS_EVERY == 0 or done == len(tasks):
                    _log.info(f"{done} of {len(tasks)} parts of the river and its years forecast")
        except TrainingError as error:
            pool.shutdown(cancel_futures=True)
            raise TrainingError(f"{error}; or test from a later date on than {first:%Y-%m-%d}") from error
        scored = [
            pool.submit(score_all, pd.concat(parts[key]), region, target, label, split, seed, draws)
            for target in region.targets
            for label in labels
            for split in SPLITS
            if (key := (target.name, label, split)) in parts
        ]
        records = [record for one in tqdm(scored, "scores", disable=None) for record in one.result()]
    if not records:
        raise TrainingError(f"no window that starts on or after {first:%Y-%m-%d} is over; choose an earlier first date")
    return records


def forecast_part(
    rows: pd.DataFrame, part: Split, targets: Iterable[Target], label: str, seed: int
) -> dict[str, pd.DataFrame]:
    """Return the test rows of a part with the forecasts of every model, target to table.

    A target has a row for each test row with an outcome, in its index, with the columns ``origin``; ``p:<model>``, chance
    of an event [1]; ``m:<model>``, forecast retreat [m]; ``crps:<model>`` and ``twcrps:<model>`` (above the threshold),
    continuous ranked probability scores [m]; ``cover<per cent>``, part of the outcome that lies inside the interval [1];
    ``inside<per cent>``, whether the measured retreat does.
    """
    learns = {target: part.learn(rows, target, label) for target in targets}
    tests = {target: part.test & known_rows(rows, target, label) for target in targets}
    longest = max((target.horizon_days for target, test in tests.items() if test.any()), default=0.0)
    trained = [target for target in targets if target.horizon_days <= longest]
    knots = knots_of(targets)
    models = {
        target.name: train_target(rows[learns[target]], target, label=label, knots_m=knots, seed=seed)
        for target in trained
    }
    result = {}
    for target in trained:
        learn, test = rows[learns[target]], rows[tests[target]]
        if len(test):
            forecast = predict(models, test)[target.name]
            result[target.name] = test.assign(origin=part.origin, **_columns(forecast, learn, test, target, label))
    return result


def _columns(
    forecast: Distribution, learn: pd.DataFrame, test: pd.DataFrame, target: Target, label: str
) -> dict[str, FloatArray]:
    """Return the columns of :func:`forecast_part`."""
    name = f"retreat_{label}_{target.name}"
    learnt, outcome = learn[name].to_numpy(float), test[name].to_numpy(float)
    knots = forecast.knots_m
    usual = distribution_of(knots, np.tile((learnt[:, None] >= knots).mean(axis=0), (len(test), 1)), forecast.tail_m)
    chances = baseline_chances(learn, learnt >= target.threshold_m, test)
    years = target.horizon_days / YEAR_DAYS
    columns = {"p:model": forecast.chance(target.threshold_m), "m:model": forecast.line(0.5)}
    columns |= {f"p:{model}": chance for model, chance in chances.items()}
    columns["m:climatology"] = np.full(len(test), np.median(learnt))
    for model, feature in RATE_BASELINES.items():
        if "curvature" not in model:
            columns[f"m:{model}"] = np.maximum(test[feature].fillna(0.0).to_numpy() * years, 0.0)
    for model, distribution in {"model": forecast, "climatology": usual}.items():
        columns[f"crps:{model}"] = distribution.crps(outcome)
        columns[f"twcrps:{model}"] = distribution.crps(outcome, target.threshold_m)
    for per_cent, (low, high) in INTERVALS.items():
        columns[f"cover{per_cent}"] = forecast.share_between(outcome, low, high)
        inside = (outcome >= forecast.line(1 - low)) & (outcome <= forecast.line(1 - high))
        columns[f"inside{per_cent}"] = inside.astype(float)
    return columns


def score_all(
    forecast: pd.DataFrame, region: Region, target: Target, label: str, split: str, seed: int, draws: int
) -> list[dict[str, Any]]:
    """Return the records of one target, of tables of :func:`forecast_part` put together; see :func:`evaluate`."""
    if forecast.empty:
        return []
    moved = forecast[f"moved_{target.name}"].to_numpy(bool)
    subsets = {"all": np.ones(len(forecast), bool), "onset": onset_rows(forecast), "cutoff": moved, "no_cutoff": ~moved}
    origin = forecast["origin"]
    subsets |= {f"from_{start:%Y}": (origin == start).to_numpy() for start in sorted(origin.unique())}
    models = [name[2:] for name in forecast.columns if name.startswith("p:")]
    records = []
    for subset, chosen in subsets.items():
        part = forecast[chosen]
        retreat = part[f"retreat_{label}_{target.name}"].to_numpy(float)
        event = retreat >= target.threshold_m
        if not 0 < event.sum() < len(event):
            continue
        drawn = draw_blocks(bootstrap_blocks(part, forecast), draws, seed)
        length = part["length_m"].to_numpy(float)
        about = {
            "region": region.name,
            "simulated": region.simulated,
            "target": target.name,
            "labels": label,
            "split": split,
            "subset": subset,
            "n": len(part),
            "base_rate": round(float(event.mean()), 5),
        }
        for model in ["model"] if subset.startswith("from_") else models:
            scores = _scores_of(part, model, event, retreat, length, drawn)
            records += [
                {
                    **about,
                    "model": model,
                    "metric": metric,
                    "value": _number(value),
                    "ci_low": _number(low),
                    "ci_high": _number(high),
                }
                for metric, (value, low, high) in scores.items()
            ]
    return records


def _scores_of(
    part: pd.DataFrame,
    model: str,
    event: BoolArray,
    retreat: FloatArray,
    length: FloatArray,
    drawn: Draws,
) -> dict[str, Sequence[float]]:
    p = part[f"p:{model}"].to_numpy(float)
    scores: dict[str, Sequence[float]] = {
        "roc_auc": with_interval(roc_auc(event, p, drawn)),
        "pr_auc": with_interval(pr_auc(event, p, drawn)),
        "brier": with_interval(brier(event, p, drawn)),
        "brier_skill": with_interval(brier_skill(event, p, drawn)),
    }
    shares = top_shares(retreat, p, length, drawn, [per_cent / 100 for per_cent in TOP])
    scores |= {f"top{per_cent}_share": with_interval(share) for per_cent, share in zip(TOP, shares, strict=True)}
    if f"m:{model}" in part:
        error = np.abs(part[f"m:{model}"].to_numpy(float) - retreat)
        scores["mae_m"] = with_interval(mean_of_draws(error, drawn))
    if f"crps:{model}" in part:
        for metric in ("crps", "twcrps"):
            mine, usual = (mean_of_draws(part[f"{metric}:{one}"].to_numpy(), drawn) for one in (model, "climatology"))
            scores[f"{metric}_m"], scores[f"{metric}_skill"] = with_interval(mine), with_interval(1 - mine / usual)
    if model in CALIBRATED:
        scores["mean_chance"] = with_interval(mean_of_draws(p, drawn))
    if model == "model":
        for per_cent in INTERVALS:
            scores[f"coverage{per_cent}"] = with_interval(mean_of_draws(part[f"cover{per_cent}"].to_numpy(), drawn))
            scores[f"inside{per_cent}"] = with_interval(mean_of_draws(part[f"inside{per_cent}"].to_numpy(), drawn))
    for edge, mean, frequency, count in reliability(event, p) if model in CALIBRATED else ():
        name = f"reliability_{edge:.1f}"
        scores[f"{name}_forecast"] = (mean, math.nan, math.nan)
        scores[f"{name}_observed"] = (frequency, math.nan, math.nan)
        scores[f"{name}_count"] = (float(count), math.nan, math.nan)
    return scores


def _number(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def table(records: Sequence[dict[str, Any]], subset: str = "all") -> str:
    """Return the main scores of one subset as a Markdown table."""
    wanted = ("pr_auc", "roc_auc", "brier_skill", "top10_share", "crps_skill", "coverage80")
    frame = pd.DataFrame(records)
    frame = frame[(frame["subset"] == subset) & frame["metric"].isin(wanted)]
    lines = ["| target | labels | split | model | base rate | " + " | ".join(wanted) + " |", "|---" * 11 + "|"]
    keys = ["target", "labels", "split", "model"]
    for key, group in frame.groupby(keys, sort=False):
        by_metric = group.set_index("metric")
        cells: list[str] = []
        for metric in wanted:
            if metric not in by_metric.index or by_metric.loc[metric, "value"] is None:
                cells.append("")
                continue
            row = by_metric.loc[metric]
            interval: str = "" if pd.isna(row["ci_low"]) else f" ({row['ci_low']:.3g} to {row['ci_high']:.3g})"
            cells.append(f"{row['value']:.3g}{interval}")
        lines.append(f"| {' | '.join(map(str, key))} | {group['base_rate'].iloc[0]:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)
