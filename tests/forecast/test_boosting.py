"""A booster and its forecasts depend on the rows alone: not on how they lie in memory, nor on what another thread does."""

from __future__ import annotations

import ctypes

import lightgbm as lgb
import numpy as np
import pytest

from erosion.forecast.boosting import PARAMETERS, Exceedance, fit_exceedance, log_odds

KNOTS_M = (10.0, 30.0, 60.0)
NAMES = [f"f{i}" for i in range(4)]


def made(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    return x, np.maximum(0.0, 30 * np.nan_to_num(x[:, 0]) + rng.normal(0, 20, n))


def fitted(x: np.ndarray, retreat_m: np.ndarray) -> Exceedance:
    return fit_exceedance(x, retreat_m, NAMES, KNOTS_M, 30.0, 0)


@pytest.fixture(scope="module")
def model() -> Exceedance:
    return fitted(*made())


def test_rows_by_column_and_by_row_give_the_same_booster(model: Exceedance) -> None:
    x, retreat_m = made()
    assert x.flags.c_contiguous
    other = fitted(np.asfortranarray(x), retreat_m)
    assert other.booster.model_to_string() == model.booster.model_to_string()


def test_a_booster_is_fitted_on_each_row_with_its_own_distances(model: Exceedance) -> None:
    """Every row is shown with the threshold and two of the other knots, here both, and with what happened there."""
    x, retreat_m = made()
    rows = [
        ([*row, np.log(knot)], retreat >= knot, model.base_log_odds[KNOTS_M.index(knot)])
        for row, retreat, drawn in zip(x, retreat_m, drawn_distances(len(x)), strict=True)
        for knot in (30.0, *drawn)
    ]
    stacked, reached, base = map(np.array, zip(*rows, strict=True))
    parameters = PARAMETERS | {"seed": 0, "monotone_constraints": [0] * len(NAMES) + [-1]}
    names = [*NAMES, "log_distance"]
    data = lgb.Dataset(stacked.astype(np.float32), reached, init_score=base, feature_name=names)
    by_hand = lgb.train(parameters, data, model.booster.num_trees())
    assert by_hand.model_to_string() == model.booster.model_to_string()


def drawn_distances(n: int) -> list[list[float]]:
    order = np.random.default_rng(0).random((n, 2)).argsort(axis=1)
    return [[(10.0, 60.0)[i] for i in row] for row in order]


def test_log_odds_are_those_of_each_row_with_each_distance(model: Exceedance) -> None:
    x = made(50)[0]
    wanted = [
        [
            base + model.booster.predict(np.append(row, np.log(knot)).astype(np.float32)[None], raw_score=True)[0]
            for knot, base in zip(KNOTS_M, model.base_log_odds, strict=True)
        ]
        for row in x
    ]
    np.testing.assert_array_equal(log_odds(model, x), wanted)


def test_a_forecast_keeps_the_threads_of_fits_under_way(model: Exceedance) -> None:
    """A fit in another thread that sees the number change reads outside its arrays, and the process ends."""
    threads = ctypes.c_int.in_dll(lgb.basic._LIB, "LGBM_DEFAULT_NUM_THREADS")
    log_odds(fitted(*made()), made(50)[0])
    assert threads.value == PARAMETERS["num_threads"]
