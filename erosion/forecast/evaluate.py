"""Forecast skill: forward in time, and forward in time on stretches of river never trained on, against every baseline.

Each group of issue dates is forecast by models trained on outcomes known before the group's first date, as an operator
who retrains every few years would have had them. No test date is used in any fit, calibration or threshold.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from erosion.banks.established import YEAR_DAYS
from erosion.config.region import Region, Target
from erosion.core.arrays import BoolArray, FloatArray
from erosion.forecast.dataset import LABELS
from erosion.forecast.model import TrainingError, predict, train_target
from erosion.forecast.skill import (
    DRAWS,
    brier,
    brier_skill,
    draw_weights,
    pr_auc,
    reliability,
    roc_auc,
    top_share,
    weighted_mean,
    with_interval,
)

_log = logging.getLogger(__name__)

BLOCK_KM = 25.0
BUFFER_KM = 5.0
FOLDS = 5
"""Blocks are held out every fifth at a time; neighbours of a held-out block keep the buffer's distance."""

BOOTSTRAP_KM = 5.0
"""Length of river drawn as one in the bootstrap: about one bend."""

RETRAIN_EVERY_Y = 3.0
"""How long one model serves before the next is trained."""

ONSET = {"rate_est_1y": 10.0, "rate_all_3y": 10.0}
"""Below these rates [m/y] a bank counts as quiet so far."""

RATE_BASELINES = {
    "last_year": "rate_est_1y",
    "end_point_rate": "end_point_rate_6y",
    "regression_rate": "regression_rate_6y",
    "curvature_lag": "curvature_up1000m",
}
"""Baselines that rank banks by one feature: persistence, two rates after DSAS, curvature 1 km upstream."""

LOGISTIC_FEATURES = (
    "rate_all_1y",
    "rate_est_1y",
    "rate_all_3y",
    "rate_est_3y",
    "rate_all_6y",
    "end_point_rate_3y",
    "end_point_rate_6y",
    "regression_rate_6y",
    "rate_est_1y_near",
    "rate_est_1y_up500",
    "rate_est_3y_near",
    "rate_est_3y_up500",
    "curvature_1w",
    "curvature_up500m",
    "curvature_up1000m",
    "upstream_curvature_4w",
)
"""Rates and curvature, on this bank and upstream: what the plain model to beat sees."""


def onset_rows(rows: pd.DataFrame) -> BoolArray:
    """Return True for rows that are quiet so far but on the outer side of the curvature one kilometre upstream."""
    quiet = np.ones(len(rows), dtype=bool)
    for name, limit in ONSET.items():
        quiet &= (rows[name] < limit).to_numpy()
    return quiet & (rows["curvature_up1000m"] > 0).to_numpy()


def origins(rows: pd.DataFrame, first: pd.Timestamp) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return (first issue date, end) of each group of test dates that one model serves."""
    dates = pd.DatetimeIndex(np.sort(rows["as_of"].unique()))
    dates = dates[dates >= first]
    groups = []
    while len(dates):
        end = dates[0] + pd.Timedelta(days=RETRAIN_EVERY_Y * YEAR_DAYS - 30)
        groups.append((dates[0], end))
        dates = dates[dates >= end]
    return groups


def evaluate(
    rows: pd.DataFrame,
    region: Region,
    *,
    first: pd.Timestamp,
    seed: int = 0,
    draws: int = DRAWS,
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

    Returns
    -------
    list of dict
        Tidy records: region, simulated, model, target, labels, split, subset, metric, value, ci_low, ci_high, n, base_rate.
        Subsets: all rows; onset; cutoff, where the channel jumped within the window; no_cutoff, the rest.

    Raises
    ------
    TrainingError
        If no date can be tested.
    """
    records: list[dict[str, Any]] = []
    _log.info("time_space: blocks of {:.3g} km, {:.2g} km between".format(*space_of(rows)))
    for target in region.targets:
        for label in LABELS:
            for split in ("time", "time_space"):
                _log.info(f"{target.name} {label} {split}")
                try:
                    forecast = _forecasts(rows, target, label, split, first, seed)
                except TrainingError as error:
                    raise TrainingError(f"{error}; or test from a later date on than {first:%Y-%m-%d}") from error
                records += _score_all(forecast, region, target, label, split, seed, draws)
    if not records:
        raise TrainingError(f"no window that starts on or after {first:%Y-%m-%d} is over; choose an earlier first date")
    return records


def splits(
    rows: pd.DataFrame, target: Target, label: str, split: str, first: pd.Timestamp
) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Yield what a model may learn from and what it is tested on, one pair after the other.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    target, label
        Target whose outcomes are used.
    split
        ``time``: outcomes known before the test dates; ``time_space``: the same, and away from the stretches tested.
    first
        First test date.

    Yields
    ------
    tuple
        Rows to learn from and rows to test on, boolean, shape (n,) each.
    """
    known = f"known_{target.name}"
    has_outcome = (rows[f"retreat_{label}_{target.name}"].notna() & rows[known].notna()).to_numpy()
    block_km, buffer_km = space_of(rows)
    block = blocks_of(rows, block_km)
    for start, end in origins(rows, first):
        learn = has_outcome & (rows[known] <= start).to_numpy()
        test = has_outcome & ((rows["as_of"] >= start) & (rows["as_of"] < end)).to_numpy()
        if not test.any():
            continue
        if split == "time":
            yield learn, test
            continue
        for fold in range(FOLDS):
            held = block % FOLDS == fold
            mine = test & held.to_numpy()
            if mine.any():
                yield learn & (_distance_km(rows, held, block_km) > buffer_km), mine


def _forecasts(
    rows: pd.DataFrame, target: Target, label: str, split: str, first: pd.Timestamp, seed: int
) -> pd.DataFrame:
    """Return the test rows with the forecast of every model in columns ``p:<model>`` and ``m:<model>`` [m]."""
    parts = [
        _forecast_part(rows[learn], rows[test], target, label, seed)
        for learn, test in splits(rows, target, label, split, first)
    ]
    return pd.concat(parts) if parts else pd.DataFrame()


def blocks_of(rows: pd.DataFrame, length_km: float) -> pd.Series:
    """Number the stretches of river of a length; those of one reach follow those of the one before it.

    Parameters
    ----------
    rows
        ``reach`` and ``river_km`` of each row.
    length_km
        Length of a block [km]; counted from kilometre 0 of each reach, so that no block spans two.
    """
    block = np.floor(rows["river_km"] / length_km).astype(int)
    first = 0
    for _, mine in block.groupby(rows["reach"], sort=False):
        block.loc[mine.index] += first
        first = int(block.loc[mine.index].max()) + 1
    return block


def space_of(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the lengths of a block and of the buffer beside it [km]: shorter ones where the river has no five blocks."""
    river_km = float(rows.groupby("reach")["river_km"].max().sum())
    # Longer by a hair, so that the last segment lies in the last block.
    block_km = min(BLOCK_KM, river_km * (1 + 1e-9) / FOLDS)
    return block_km, block_km * BUFFER_KM / BLOCK_KM


def _distance_km(rows: pd.DataFrame, held: pd.Series, block_km: float) -> FloatArray:
    """Return the distance along the reach to its nearest held-out block, 0 inside, infinite where it has none [km]."""
    river_km = rows["river_km"].to_numpy(float)
    start_km = np.floor(river_km / block_km) * block_km
    distance = np.full(len(rows), np.inf)
    for reach, start in set(zip(rows["reach"][held], start_km[held], strict=True)):
        outside = np.maximum(start - river_km, river_km - start - block_km)
        nearer = (rows["reach"] == reach).to_numpy() & (outside < distance)
        distance[nearer] = np.maximum(outside[nearer], 0.0)
    return distance


def _forecast_part(learn: pd.DataFrame, test: pd.DataFrame, target: Target, label: str, seed: int) -> pd.DataFrame:
    result = test.copy()
    years = target.horizon_days / YEAR_DAYS
    retreat = learn[f"retreat_{label}_{target.name}"].to_numpy(float)
    event = retreat >= target.threshold_m

    model = train_target(learn, target, label=label, seed=seed)
    forecast = predict(model, test)
    result["p:model"], result["m:model"] = forecast["p_event"], forecast["retreat_p50_m"]
    result["low90"], result["high90"] = forecast["retreat_p05_m"], forecast["retreat_p95_m"]
    result["low80"], result["high80"] = forecast["retreat_p10_m"], forecast["retreat_p90_m"]

    result["p:climatology"], result["m:climatology"] = event.mean(), np.median(retreat)
    for name, feature in RATE_BASELINES.items():
        result[f"p:{name}"] = _one_feature(learn[feature], event, test[feature])
        if "curvature" not in name:
            result[f"m:{name}"] = np.maximum(test[feature].fillna(0.0) * years, 0.0)
    result["p:logistic"] = _logistic(learn, event, test)
    return result


def _one_feature(learn: pd.Series, event: BoolArray, test: pd.Series) -> FloatArray:
    """Turn one feature into a probability that keeps its ranking: logistic in its squashed root."""
    scale = float(np.nanstd(_root(learn.to_numpy()))) or 1.0
    squash = [np.tanh(np.nan_to_num(_root(values.to_numpy())) / (2 * scale))[:, None] for values in (learn, test)]
    return _logistic_fit(squash[0], event, squash[1])


def _logistic(learn: pd.DataFrame, event: BoolArray, test: pd.DataFrame) -> FloatArray:
    columns = list(LOGISTIC_FEATURES)
    x, z = (np.nan_to_num(_root(part[columns].to_numpy())) for part in (learn, test))
    return _logistic_fit(x, event, z)


def _logistic_fit(x: FloatArray, event: BoolArray, z: FloatArray) -> FloatArray:
    from sklearn.linear_model import LogisticRegression  # heavy, and only the baselines of an evaluation need it
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, event)
    return np.asarray(fitted.predict_proba(z)[:, 1])


def _root(values: FloatArray) -> FloatArray:
    return np.sign(values) * np.sqrt(np.abs(values))


def _score_all(
    forecast: pd.DataFrame, region: Region, target: Target, label: str, split: str, seed: int, draws: int
) -> list[dict[str, Any]]:
    if forecast.empty:
        return []
    moved = forecast[f"moved_{target.name}"].to_numpy(bool)
    subsets = {"all": np.ones(len(forecast), bool), "onset": onset_rows(forecast), "cutoff": moved, "no_cutoff": ~moved}
    models = [name[2:] for name in forecast.columns if name.startswith("p:")]
    records = []
    for subset, chosen in subsets.items():
        part = forecast[chosen]
        retreat = part[f"retreat_{label}_{target.name}"].to_numpy(float)
        event = retreat >= target.threshold_m
        if not 0 < event.sum() < len(event):
            continue
        block = blocks_of(part, min(BOOTSTRAP_KM, space_of(forecast)[0])).to_numpy()
        weights = draw_weights(block, draws, seed)
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
        for model in models:
            scores = _scores_of(part, model, event, retreat, length, weights)
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
    weights: FloatArray,
) -> dict[str, Sequence[float]]:
    p = part[f"p:{model}"].to_numpy(float)
    scores: dict[str, Sequence[float]] = {
        "roc_auc": with_interval(roc_auc(event, p, weights)),
        "pr_auc": with_interval(pr_auc(event, p, weights)),
        "brier": with_interval(brier(event, p, weights)),
        "brier_skill": with_interval(brier_skill(event, p, weights)),
    }
    for share in (1, 5, 10):
        scores[f"top{share}_share"] = with_interval(top_share(retreat, p, length, weights, share / 100))
    if f"m:{model}" in part:
        error = np.abs(part[f"m:{model}"].to_numpy(float) - retreat)
        scores["mae_m"] = with_interval(weighted_mean(error, weights))
    if model == "model":
        for level in (80, 90):
            inside = (retreat >= part[f"low{level}"].to_numpy()) & (retreat <= part[f"high{level}"].to_numpy())
            scores[f"coverage{level}"] = with_interval(weighted_mean(inside.astype(float), weights))
    for edge, mean, frequency, count in reliability(event, p):
        name = f"reliability_{edge:.1f}"
        scores[f"{name}_forecast"] = (mean, math.nan, math.nan)
        scores[f"{name}_observed"] = (frequency, math.nan, math.nan)
        scores[f"{name}_count"] = (float(count), math.nan, math.nan)
    return scores


def _number(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def table(records: Sequence[dict[str, Any]], subset: str = "all") -> str:
    """Return the main scores of one subset as a Markdown table."""
    wanted = ("pr_auc", "roc_auc", "brier_skill", "top10_share", "mae_m", "coverage90")
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
