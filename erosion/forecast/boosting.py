"""Gradient boosting of the chance that retreat reaches a distance, one booster for all distances of a horizon.

Every row is shown together with some distances; the booster learns the chance that the row's retreat reached them, with the
logarithm of the distance as one more feature, in which the chance never rises (a monotone constraint). So the chances of
all distances come from the same trees and cannot cross: a discrete-time survival model in distance (Gensheimer and
Narasimhan 2019, doi:10.7717/peerj.6257), fitted by boosting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from erosion.core.arrays import FloatArray

if TYPE_CHECKING:
    import lightgbm as lgb

DISTANCE: Final = "log_distance"
"""Name of the booster's last feature: natural logarithm of the distance [m]."""

DISTANCES_A_ROW: Final = 3
"""Distances that a row is shown with: the target's own and others drawn at random."""

THREADS: Final = 1
"""Threads of LightGBM in fits and forecasts. LightGBM keeps the number for the whole process: a forecast that leaves it open while
another thread fits a booster changes it within the fit, which then reads outside its arrays."""

ROUNDS: Final = 100
PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.09,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "lambda_l2": 50.0,
    "max_bin": 63,
    "bin_construct_sample_cnt": 20_000,
    "verbose": -1,
    "num_threads": THREADS,
    "force_row_wise": True,
    "deterministic": True,
}


class Exceedance(NamedTuple):
    """Model of the chance that retreat reaches each of some distances."""

    booster: lgb.Booster
    """What the features add to the log odds of a distance."""
    knots_m: tuple[float, ...]
    """The distances [m], rising."""
    base_log_odds: tuple[float, ...]
    """Log odds of reaching each of them over all training rows, not rising."""


def fit_exceedance(
    x: NDArray[np.float32],
    retreat_m: FloatArray,
    names: Sequence[str],
    knots_m: Sequence[float],
    threshold_m: float,
    seed: int,
) -> Exceedance:
    """Return the fitted model of the chance that retreat reaches a distance.

    Boosting starts from the share of all rows that reached a distance, so that the trees learn what tells rows apart and the
    chance of a distance that few reached stays small.

    Parameters
    ----------
    x
        Features, shape (n, n_features).
    retreat_m
        Measured retreat [m], shape (n,).
    names
        Names of the features.
    knots_m
        Distances to learn [m].
    threshold_m
        The target's own distance, one of the knots; every row is shown with it.
    seed
        Seed of the draw of distances and of the booster.
    """
    import lightgbm as lgb  # heavy, and only training needs it here

    rng = np.random.default_rng(seed)
    others = np.array([knot for knot in knots_m if knot != threshold_m])
    drawn = rng.random((len(x), others.size)).argsort(axis=1)[:, : DISTANCES_A_ROW - 1]
    distance = np.column_stack([np.full(len(x), threshold_m), others[drawn]])
    reached = (retreat_m[:, None] >= distance).ravel()
    count = (retreat_m[:, None] >= knots_m).sum(axis=0)
    # Half a case more on either side keeps the log odds finite.
    base = np.log((count + 0.5) / (len(x) - count + 0.5))
    data = lgb.Dataset(
        _with_distances(x, distance),
        reached.astype(np.float32),
        init_score=base[np.searchsorted(knots_m, distance.ravel())],
        feature_name=[*names, DISTANCE],
        free_raw_data=False,
    )
    constraints = {"monotone_constraints": [0] * len(names) + [-1]}
    booster = lgb.train(PARAMETERS | {"seed": seed} | constraints, data, ROUNDS)
    return Exceedance(booster, tuple(map(float, knots_m)), tuple(map(float, base)))


def log_odds(model: Exceedance, x: NDArray[np.float32]) -> FloatArray:
    """Return the raw log odds that retreat reaches each distance, not rising along them, shape (n, n_knots)."""
    result = np.empty((len(x), len(model.knots_m)))
    at = _with_distances(x, np.ones((len(x), 1)))
    for column, (knot, base) in enumerate(zip(model.knots_m, model.base_log_odds, strict=True)):
        at[:, -1] = np.log(knot)
        result[:, column] = base + np.asarray(model.booster.predict(at, raw_score=True, num_threads=THREADS))
    return result


def contributions(model: Exceedance, x: NDArray[np.float32], threshold_m: float) -> FloatArray:
    """Return how much each feature raises the log odds of reaching a distance (SHAP), shape (n, n_features)."""
    at = _with_distances(x, np.full((len(x), 1), threshold_m))
    effect: FloatArray = np.asarray(model.booster.predict(at, pred_contrib=True))[:, : x.shape[1]]
    return effect


def _with_distances(x: NDArray[np.float32], distance_m: FloatArray) -> NDArray[np.float32]:
    """Return each row with each of its distances, one after the other, shape (n * k, n_features + 1).

    Parameters
    ----------
    x
        Features, shape (n, n_features).
    distance_m
        Distances of each row [m], shape (n, k).
    """
    rows = np.empty((*distance_m.shape, x.shape[1] + 1), np.float32)
    rows[..., :-1] = x[:, None]
    rows[..., -1] = np.log(distance_m)
    return rows.reshape(-1, rows.shape[-1])
