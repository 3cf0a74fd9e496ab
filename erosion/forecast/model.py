"""Train, calibrate, predict, explain: how likely and how far a bank retreats within a target's window.

One booster gives the probability of an event, three give quantiles of the distance. How to calibrate the probabilities and stretch
the quantiles is learnt from forecasts of issue dates later than anything their boosters had seen; the boosters that are
kept are then fitted on everything known, the newest years included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.alerts.thresholds import choose_thresholds
from erosion.config.region import Target
from erosion.core.arrays import BoolArray, FloatArray
from erosion.features import FAMILIES

if TYPE_CHECKING:
    import lightgbm as lgb

MODEL_FEATURES = (
    *(feature.name for family in ("history", "planform") for feature in FAMILIES[family].FEATURES),
    "flow_scene_ratio",
    "flow_scene_change",
)
"""Features the boosters use. Of hydrology only the flow at the scenes is among them, the water-level covariate of the
measurements: what describes a season is one value for the whole reach, and with some fifteen dates to learn from it
separates the dates rather than the banks (on the development years it lowered the skill)."""

QUANTILES = (0.1, 0.5, 0.9)
SAME_SEASON = np.timedelta64(45, "D")
"""Issue dates nearer to each other than this are of one season, on reaches that were seen some days apart."""

CALIBRATION_DATES = 3
"""Newest issue dates with a known outcome that are kept for calibration. Years differ: a single one would calibrate to
its own flood."""

DATE_WORTH = 100.0
"""Independent observations that the rows of one date are worth to the calibration: thousands of rows are far fewer cases,
because neighbours move together."""

SLOPE_SPREAD, INTERCEPT_SPREAD = 1.0, 0.15
"""Standard deviations of the Gaussian priors of a calibration: of its slope around 1 and of its intercept around 0. Every
date informs the slope, banks against banks; the intercept is one number a date, its flood and its two water levels, and a
few dates hold little information on the next one."""

EVENT_ROUNDS, QUANTILE_ROUNDS = 200, 120
PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.04,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.25,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 50.0,
    "extra_trees": True,
    "max_bin": 63,
    "verbose": -1,
    "num_threads": 2,
    "force_row_wise": True,
    "deterministic": True,
}
QUANTILE_RATE = 0.08

REASONS = 4
"""How many features an explanation names."""


class TrainingError(ValueError):
    """There is not enough to learn from; the message names what is missing."""


class FeatureMismatchError(ValueError):
    """A model and a feature table do not fit together."""


@dataclass(frozen=True)
class TargetModel:
    """What is needed to forecast one target.

    Attributes
    ----------
    target
        Name, horizon and threshold.
    label
        Label family it was trained on: established or all.
    features
        Feature names in the order the boosters take them.
    event
        Booster of the raw probability of an event.
    quantiles
        Boosters of the 10, 50 and 90 % quantile of retreat [m].
    calibration
        ``slope`` and ``intercept`` of the calibrated log odds on the raw ones.
    conformal
        For each published level (0.05, 0.1, 0.9, 0.95, as text) the factor by which the spread of the quantile
        boosters is stretched.
    thresholds
        Raise threshold of level 2, 3 and 4; NaN where the stated precision was not reached.
    """

    target: Target
    label: str
    features: tuple[str, ...]
    event: lgb.Booster
    quantiles: Mapping[float, lgb.Booster]
    calibration: Mapping[str, float]
    conformal: Mapping[str, float]
    thresholds: Mapping[int, float] = field(default_factory=dict)


def known_rows(rows: pd.DataFrame, target: Target, label: str) -> BoolArray:
    """Return True for rows with a known outcome, shape (n_rows,)."""
    known: BoolArray = (
        rows[f"retreat_{label}_{target.name}"].notna() & rows[f"known_{target.name}"].notna()
    ).to_numpy()
    return known


def split_dates(rows: pd.DataFrame, target: Target, label: str) -> tuple[BoolArray, BoolArray]:
    """Return which rows with a known outcome the first boosters are fitted on, and which later ones calibrate.

    The windows of the rows to fit on are over before the first calibration date: no stretch of river is judged twice.

    Returns
    -------
    tuple
        Two boolean masks, shape (n_rows,).

    Raises
    ------
    TrainingError
        If one of them would be empty.
    """
    known = known_rows(rows, target, label)
    dates = _first_of_seasons(rows.loc[known, "as_of"])
    if len(dates) <= CALIBRATION_DATES:
        raise TrainingError(
            f"target {target.name}: {len(dates)} issue dates have a known outcome, training needs more than "
            f"{CALIBRATION_DATES}; give a longer series or a shorter horizon"
        )
    first = dates[-CALIBRATION_DATES]
    calibrate = known & (rows["as_of"] >= first).to_numpy()
    fit = known & (rows[f"known_{target.name}"] <= first).to_numpy()
    if not fit.any():
        raise TrainingError(
            f"target {target.name}: no window is over before the calibration dates start on "
            f"{pd.Timestamp(first):%Y-%m-%d}; give a longer series"
        )
    return fit, calibrate


def _first_of_seasons(dates: pd.Series) -> NDArray[np.datetime64]:
    """Return the first of each group of issue dates: the reaches of a region are seen some days apart, and count once."""
    days = np.sort(dates.unique())
    return np.asarray(days[np.append(True, np.diff(days) > SAME_SEASON)] if len(days) else days)


def train_target(
    rows: pd.DataFrame,
    target: Target,
    *,
    label: str = "established",
    features: Sequence[str] | None = None,
    seed: int = 0,
    precision: Mapping[int, float] | None = None,
) -> TargetModel:
    """Return a fitted and calibrated model of one target with its thresholds.

    A first set of boosters, fitted on the windows that were over before the calibration dates, forecasts those dates.
    Calibration, conformal stretch and thresholds come from these forecasts. The boosters of the result are fitted anew
    on every row with a known outcome.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    target
        What to forecast.
    label
        ``established`` or ``all`` land.
    features
        Names of the features to use; :data:`MODEL_FEATURES` when None.
    seed
        Seed of the boosters; the same rows and seed give the same model.
    precision
        Precision each level promises; no thresholds are set when None.

    Returns
    -------
    TargetModel

    Raises
    ------
    TrainingError
        If there are too few dates or no events to learn from.
    """
    names = tuple(features or MODEL_FEATURES)
    event_model = train_event_model(rows, target, label=label, features=names, seed=seed)
    fit, calibrate = split_dates(rows, target, label)
    known = known_rows(rows, target, label)
    x, retreat = _learning(rows, target, label, names)
    early_quantiles = _fit_quantiles(x[fit], retreat[fit], names, seed)
    conformal = fit_conformal(_raw_quantiles(early_quantiles, x[calibrate]), retreat[calibrate])
    thresholds: dict[int, float] = {}
    if precision:
        event = retreat[calibrate] >= target.threshold_m
        length = rows["length_m"].to_numpy()[calibrate]
        thresholds = choose_thresholds(
            apply_calibration(event_model.raw, event_model.calibration), event, length, precision
        )
    quantiles = _fit_quantiles(x[known], retreat[known], names, seed)
    return TargetModel(
        target, label, names, event_model.event, quantiles, event_model.calibration, conformal, thresholds
    )


class EventModel(NamedTuple):
    """Fitted and calibrated model of the probability of an event."""

    event: lgb.Booster
    """Booster of the raw probability, fitted on every row with a known outcome."""
    calibration: Mapping[str, float]
    """From the raw probability to the calibrated one."""
    raw: FloatArray
    """Raw probability of the calibration rows, by the booster that had not seen them."""


def train_event_model(
    rows: pd.DataFrame,
    target: Target,
    *,
    label: str = "established",
    features: Sequence[str] | None = None,
    seed: int = 0,
) -> EventModel:
    """Return the fitted and calibrated probability of an event alone; see :func:`train_target`."""
    names = tuple(features or MODEL_FEATURES)
    fit, calibrate = split_dates(rows, target, label)
    x, retreat = _learning(rows, target, label, names)
    event = retreat >= target.threshold_m
    for part, words in ((fit, "fitting"), (calibrate, "calibration")):
        if not 0 < event[part].sum() < part.sum():
            raise TrainingError(
                f"target {target.name}: the rows for {words} hold {int(event[part].sum())} events of at least "
                f"{target.threshold_m:g} m in {int(part.sum())} rows; both kinds are needed, choose another threshold"
            )
    raw = np.asarray(_fit_event(x[fit], event[fit], names, seed).predict(x[calibrate]))
    calibration = fit_calibration(raw, event[calibrate], rows["as_of"].to_numpy()[calibrate])
    known = known_rows(rows, target, label)
    return EventModel(_fit_event(x[known], event[known], names, seed), calibration, raw)


def _learning(
    rows: pd.DataFrame, target: Target, label: str, names: Sequence[str]
) -> tuple[NDArray[np.float32], FloatArray]:
    """Features of the rows and the retreat that followed."""
    return rows[list(names)].to_numpy(np.float32), rows[f"retreat_{label}_{target.name}"].to_numpy(float)


def _fit_event(x: NDArray[np.float32], event: BoolArray, names: Sequence[str], seed: int) -> lgb.Booster:
    return _boosted(x, event.astype(float), names, seed, EVENT_ROUNDS, objective="binary")


def _fit_quantiles(
    x: NDArray[np.float32], retreat: FloatArray, names: Sequence[str], seed: int
) -> dict[float, lgb.Booster]:
    settings: dict[str, Any] = {"objective": "quantile", "learning_rate": QUANTILE_RATE}
    return {level: _boosted(x, retreat, names, seed, QUANTILE_ROUNDS, alpha=level, **settings) for level in QUANTILES}


def _boosted(
    x: NDArray[np.float32], label: FloatArray, names: Sequence[str], seed: int, rounds: int, **settings: Any
) -> lgb.Booster:
    import lightgbm as lgb  # heavy, and only training needs it here

    data = lgb.Dataset(x, label.astype(np.float32), feature_name=list(names), free_raw_data=False)
    return lgb.train(PARAMETERS | {"seed": seed} | settings, data, rounds)


def predict(model: TargetModel, features: pd.DataFrame) -> pd.DataFrame:
    """Forecast one target for every row of a feature table.

    Parameters
    ----------
    model
        The model.
    features
        Table that holds every feature of the model.

    Returns
    -------
    pandas.DataFrame
        p_event [1], retreat_p05_m, retreat_p10_m, retreat_p50_m, retreat_p90_m, retreat_p95_m [m], index of
        ``features``.

    Raises
    ------
    FeatureMismatchError
        If a feature is missing.
    """
    x = feature_matrix(model, features)
    result = {"p_event": apply_calibration(np.asarray(model.event.predict(x)), model.calibration)}
    levels = apply_conformal(_raw_quantiles(model.quantiles, x), model.conformal)
    result |= {f"retreat_p{round(100 * level):02d}_m": values for level, values in levels.items()}
    return pd.DataFrame(result, index=features.index)


def explain(model: TargetModel, features: pd.DataFrame) -> list[str]:
    """Return for each row the features that raised or lowered its probability most.

    Returns
    -------
    list of str
        JSON lists of ``{"feature", "value", "effect"}``, strongest first; effect is in log odds before calibration.
    """
    if not len(features):
        return []
    x = feature_matrix(model, features)
    effect = np.asarray(model.event.predict(x, pred_contrib=True))[:, :-1]
    top = np.argsort(-np.abs(effect), axis=1, kind="stable")[:, :REASONS]
    rows = []
    for i, columns in enumerate(top):
        rows.append(
            json.dumps(
                [
                    {
                        "feature": model.features[j],
                        "value": None if np.isnan(x[i, j]) else float(f"{x[i, j]:.4g}"),
                        "effect": round(float(effect[i, j]), 3),
                    }
                    for j in columns
                ]
            )
        )
    return rows


def feature_matrix(model: TargetModel, features: pd.DataFrame) -> NDArray[np.float32]:
    """Return the model's features in its order, shape (n_rows, n_features).

    Raises
    ------
    FeatureMismatchError
        If a feature is missing.
    """
    missing = [name for name in model.features if name not in features.columns]
    if missing:
        raise FeatureMismatchError(
            f"the model needs {len(missing)} features this version does not make ({', '.join(missing[:5])}); "
            "train a new release with `erosion train` or install the version the release was made with"
        )
    return features[list(model.features)].to_numpy(np.float32)


def fit_calibration(raw: FloatArray, event: BoolArray, date: NDArray[np.generic]) -> dict[str, float]:
    """Return the line that turns raw log odds into calibrated ones.

    Platt scaling (Platt 1999) with Gaussian priors around "no change" (:data:`SLOPE_SPREAD`,
    :data:`INTERCEPT_SPREAD`): penalised maximum likelihood, the maximum a posteriori estimate. The rows of each date have a
    total weight of :data:`DATE_WORTH` observations.

    Parameters
    ----------
    raw
        Chances from boosters that have not seen these rows, shape (n,).
    event
        What happened, shape (n,).
    date
        Issue date of each row, shape (n,).

    Returns
    -------
    dict
        ``slope`` and ``intercept``.
    """
    from scipy.optimize import minimize  # heavy, and only training needs it

    z = _log_odds(raw)
    _, of_date, count = np.unique(date, return_inverse=True, return_counts=True)
    weight = DATE_WORTH / count[of_date]

    def loss(line: FloatArray) -> float:
        score = line[0] * z + line[1]
        prior = 0.5 * ((line[0] - 1.0) / SLOPE_SPREAD) ** 2 + 0.5 * (line[1] / INTERCEPT_SPREAD) ** 2
        return float(weight @ (np.logaddexp(0, score) - event * score) + prior)

    # A falling line would turn the ranking over; that is a broken fit, not a calibration.
    best = minimize(loss, x0=np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.05, 5.0), (-10.0, 10.0)])
    return {"slope": float(best.x[0]), "intercept": float(best.x[1])}


def apply_calibration(raw: FloatArray, line: Mapping[str, float]) -> FloatArray:
    """Return calibrated probabilities."""
    return 1.0 / (1.0 + np.exp(-(line["slope"] * _log_odds(raw) + line["intercept"])))


def fit_conformal(spread: FloatArray, retreat: FloatArray) -> dict[str, float]:
    """Return by how much the fitted spread must be stretched for each one-sided level to hold.

    Split conformal prediction with the fitted half-spread as the scale (Lei et al. 2018,
    doi:10.1080/01621459.2017.1307116; one-sided as in Romano et al. 2019).

    Parameters
    ----------
    spread
        Raw 10, 50 and 90 % quantiles, shape (n, 3) [m].
    retreat
        Measured retreat, shape (n,) [m].
    """
    low, high = _half_spreads(spread)
    n = len(retreat)
    result = {}
    for level in (0.9, 0.95):
        upper = (retreat - spread[:, 1]) / high
        lower = (spread[:, 1] - retreat) / low
        rank = min(1.0, np.ceil((n + 1) * level) / n)
        result[f"{level:g}"] = float(np.quantile(upper, rank, method="higher"))
        result[f"{1 - level:.2g}"] = float(np.quantile(lower, rank, method="higher"))
    return result


def apply_conformal(spread: FloatArray, stretch: Mapping[str, float]) -> dict[float, FloatArray]:
    """Return the published quantiles of retreat [m]: never negative, never crossing."""
    low, high = _half_spreads(spread)
    columns = np.column_stack(
        [
            spread[:, 1] - stretch["0.05"] * low,
            spread[:, 1] - stretch["0.1"] * low,
            spread[:, 1],
            spread[:, 1] + stretch["0.9"] * high,
            spread[:, 1] + stretch["0.95"] * high,
        ]
    )
    ordered = np.sort(np.maximum(columns, 0.0), axis=1)
    return {level: ordered[:, i] for i, level in enumerate((0.05, 0.1, 0.5, 0.9, 0.95))}


def _half_spreads(spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the distances median - p10 and p90 - median, at least one metre so that a flat fit can still stretch."""
    return np.maximum(spread[:, 1] - spread[:, 0], 1.0), np.maximum(spread[:, 2] - spread[:, 1], 1.0)


def _raw_quantiles(boosters: Mapping[float, lgb.Booster], x: NDArray[np.float32]) -> FloatArray:
    return np.sort(np.column_stack([np.asarray(boosters[level].predict(x)) for level in QUANTILES]), axis=1)


def _log_odds(p: FloatArray) -> FloatArray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))
