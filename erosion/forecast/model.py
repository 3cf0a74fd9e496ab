"""Train, predict, explain: how far a bank retreats within a target's window, as one predictive distribution.

How to calibrate the chances is learnt from forecasts of issue dates later than anything their booster had seen; the booster that is
kept is then fitted on everything known, the newest years included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.alerts.thresholds import LevelBand, cases_of, choose_thresholds
from erosion.config.region import Target
from erosion.core.arrays import BoolArray
from erosion.core.contracts import CHANCES_M, LINES
from erosion.features import FAMILIES
from erosion.forecast.boosting import Exceedance, contributions, fit_exceedance, log_odds
from erosion.forecast.calibration import apply_calibration, fit_calibration
from erosion.forecast.distribution import KNOTS_M, Distribution, distribution_of

MODEL_FEATURES = tuple(
    feature.name for family in ("history", "fronts", "planform", "impingement") for feature in FAMILIES[family].FEATURES
)
"""Features the boosters use. None is of hydrology: what describes the water is one value for the whole reach, and with some twenty
dates to learn from it separates the dates rather than the banks (on the development years it lowered the skill)."""

SAME_SEASON = np.timedelta64(45, "D")
"""Issue dates nearer to each other than this are of one season, on reaches that were seen some days apart."""

CALIBRATION_DATES = 3
"""Newest issue dates with a known outcome that are kept for calibration. Years differ: a single one would calibrate to
its own flood."""

TAIL_M: Final = 100.0
TAIL_CASES: Final = 10
"""Mean retreat beyond the last knot where few rows went beyond it [m], and how many rows that guess is worth."""

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
        Feature names in the order the booster takes them.
    exceedance
        Raw log odds that retreat reaches each of some distances; see :mod:`erosion.forecast.boosting`.
    tail_m
        Mean retreat beyond the last of them [m].
    calibration
        ``slope`` and ``intercept`` of the calibrated log odds on the raw ones.
    levels
        Threshold of level 2, 3 and 4 and what its band is worth; empty where none was asked for.
    """

    target: Target
    label: str
    features: tuple[str, ...]
    exceedance: Exceedance
    tail_m: float
    calibration: Mapping[str, float]
    levels: Mapping[int, LevelBand] = field(default_factory=dict)


def known_rows(rows: pd.DataFrame, target: Target, label: str) -> BoolArray:
    """Return True for rows with a known outcome, shape (n_rows,)."""
    known: BoolArray = (
        rows[f"retreat_{label}_{target.name}"].notna() & rows[f"known_{target.name}"].notna()
    ).to_numpy()
    return known


def split_dates(rows: pd.DataFrame, target: Target, label: str) -> tuple[BoolArray, BoolArray]:
    """Return which rows with a known outcome the first booster is fitted on, and which later ones calibrate.

    The windows of the rows to fit on are over before the first calibration date: no stretch of river is judged twice.
    Each river of rows of several has its own newest dates; one too short for that is fitted on and not calibrated on.

    Returns
    -------
    tuple
        Two boolean masks, shape (n_rows,).

    Raises
    ------
    TrainingError
        If one of them would be empty.
    """
    known, river = known_rows(rows, target, label), rivers_of(rows)
    fit, calibrate = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    short = []
    for name in np.unique(river):
        mine = known & (river == name)
        dates = _first_of_seasons(rows.loc[mine, "as_of"])
        if len(dates) <= CALIBRATION_DATES:
            fit |= mine
            short.append(
                f"{len(dates)} issue dates have a known outcome, training needs more than "
                f"{CALIBRATION_DATES}; give a longer series or a shorter horizon"
            )
            continue
        first = dates[-CALIBRATION_DATES]
        early = mine & (rows[f"known_{target.name}"] <= first).to_numpy()
        if not early.any():
            fit |= mine
            short.append(
                "no window is over before the calibration dates start on "
                f"{pd.Timestamp(first):%Y-%m-%d}; give a longer series"
            )
            continue
        calibrate |= mine & (rows["as_of"] >= first).to_numpy()
        fit |= early
    if not calibrate.any():
        raise TrainingError(f"target {target.name}: {'; '.join(dict.fromkeys(short))}")
    return fit, calibrate


def rivers_of(rows: pd.DataFrame) -> NDArray[np.str_]:
    """Return the river of each row, shape (n,): the column ``river`` of rows of several, else empty words."""
    return rows["river"].to_numpy(str) if "river" in rows else np.full(len(rows), "")


def _issues_of(rows: pd.DataFrame) -> NDArray[np.int_]:
    """Return a number for each issue date of each river, shape (n,): floods of two rivers are two floods."""
    return np.asarray(rows.groupby([rivers_of(rows), "as_of"]).ngroup())


def _first_of_seasons(dates: pd.Series) -> NDArray[np.datetime64]:
    """Return the first of each group of issue dates: the reaches of a region are seen some days apart, and count once."""
    days = np.sort(dates.unique())
    return np.asarray(days[np.append(True, np.diff(days) > SAME_SEASON)] if len(days) else days)


def knots_of(targets: Iterable[Target]) -> tuple[float, ...]:
    """Return the distances that all targets of a release are trained on [m]: the usual ones and their thresholds."""
    return tuple(sorted({*KNOTS_M, *(float(target.threshold_m) for target in targets)}))


def train_target(
    rows: pd.DataFrame,
    target: Target,
    *,
    label: str = "established",
    features: Sequence[str] | None = None,
    knots_m: Sequence[float] | None = None,
    seed: int = 0,
    precision: Mapping[int, float] | None = None,
    previous: Mapping[int, LevelBand] | None = None,
) -> TargetModel:
    """Return a fitted and calibrated model of one target with its thresholds.

    A first booster, fitted on the windows that were over before the calibration dates, forecasts those dates.
    Calibration and thresholds come from these forecasts. The booster of the result is fitted anew on every row with a
    known outcome.

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
    knots_m
        From :func:`knots_of`, for all targets that are forecast together; those of this target when None.
    seed
        Seed of the booster; the same rows and seed give the same model.
    precision
        Precision each level promises; no thresholds are set when None.
    previous
        Levels of the release before, from which thresholds move only as far as the evidence allows.

    Returns
    -------
    TargetModel

    Raises
    ------
    TrainingError
        If there are too few dates or no events to learn from.
    """
    names = tuple(features or MODEL_FEATURES)
    knots = tuple(knots_m or knots_of([target]))
    fit, calibrate = split_dates(rows, target, label)
    x = rows[list(names)].to_numpy(np.float32)
    retreat = rows[f"retreat_{label}_{target.name}"].to_numpy(float)
    event = retreat >= target.threshold_m
    for part, words in ((fit, "fitting"), (calibrate, "calibration")):
        if not 0 < event[part].sum() < part.sum():
            raise TrainingError(
                f"target {target.name}: the rows for {words} hold {int(event[part].sum())} events of at least "
                f"{target.threshold_m:g} m in {int(part.sum())} rows; both kinds are needed, choose another threshold"
            )
    early = fit_exceedance(x[fit], retreat[fit], names, knots, target.threshold_m, seed)
    raw = log_odds(early, x[calibrate])
    calibration = fit_calibration(raw, retreat[calibrate, None] >= knots, _issues_of(rows[calibrate]))
    levels: dict[int, LevelBand] = {}
    if precision:
        late = rows[calibrate]
        levels = choose_thresholds(
            apply_calibration(raw[:, knots.index(target.threshold_m)], calibration),
            event[calibrate],
            late["length_m"].to_numpy(),
            cases_of(late["reach"].to_numpy(), late["river_km"].to_numpy(), late["as_of"].to_numpy()),
            precision,
            previous,
        )
    known = known_rows(rows, target, label)
    beyond = retreat[known & (retreat > knots[-1])] - knots[-1]
    return TargetModel(
        target,
        label,
        names,
        fit_exceedance(x[known], retreat[known], names, knots, target.threshold_m, seed),
        float((beyond.sum() + TAIL_CASES * TAIL_M) / (beyond.size + TAIL_CASES)),
        calibration,
        levels,
    )


def predict(models: Mapping[str, TargetModel], features: pd.DataFrame) -> dict[str, Distribution]:
    """Return the predictive distributions of every target for every row of a feature table.

    Horizons nest: the chance to reach a distance is never lower for a longer horizon than for a shorter one.

    Parameters
    ----------
    models
        Target to model, all trained on the same knots.
    features
        Table that holds every feature of the models.

    Raises
    ------
    FeatureMismatchError
        If a feature is missing.
    """
    forecasts: dict[str, Distribution] = {}
    shorter = None
    for name, model in sorted(models.items(), key=lambda item: item[1].target.horizon_days):
        raw = log_odds(model.exceedance, feature_matrix(model, features))
        own = distribution_of(model.exceedance.knots_m, apply_calibration(raw, model.calibration), model.tail_m)
        shorter = forecasts[name] = own if shorter is None else own.at_least(shorter)
    return {name: forecasts[name] for name in models}


def forecast_table(distribution: Distribution, threshold_m: float, index: pd.Index) -> pd.DataFrame:
    """Return what is published of predictive distributions, one row a segment.

    Returns
    -------
    pandas.DataFrame
        p_event [1], chance_10m to chance_60m [1], retreat_mean_m, retreat_p10_m to retreat_p90_m [m].
    """
    columns = {"p_event": distribution.chance(threshold_m)}
    columns |= {f"chance_{distance}m": distribution.chance(distance) for distance in CHANCES_M}
    columns |= {"retreat_mean_m": distribution.mean()}
    columns |= {f"retreat_{name}_m": distribution.line(chance) for name, chance in LINES.items()}
    return pd.DataFrame(columns, index=index)


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
    effect = contributions(model.exceedance, x, model.target.threshold_m)
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
