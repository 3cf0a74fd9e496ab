"""Calibration of the chances of boosters by forecasts of dates that these had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from erosion.core.arrays import BoolArray, FloatArray

DATE_WORTH: Final = 100.0
"""Independent observations that the rows of one date are worth to the calibration: thousands of rows are far fewer cases,
because neighbours move together."""

SLOPE_SPREAD: Final = 1.0
INTERCEPT_SPREAD: Final = 0.15
"""Standard deviations of the Gaussian priors of a calibration: of its slope around 1 and of its intercept around 0. Every
date informs the slope, banks against banks; the intercept is one number a date, its flood and its two water levels, and a
few dates hold little information on the next one."""


def fit_calibration(log_odds: FloatArray, reached: BoolArray, date: NDArray[np.generic]) -> dict[str, float]:
    """Return the line that turns raw log odds into calibrated ones, one for all distances.

    Platt scaling (Platt 1999) with Gaussian priors around "no change" (:data:`SLOPE_SPREAD`,
    :data:`INTERCEPT_SPREAD`): penalised maximum likelihood, the maximum a posteriori estimate. The rows of each date, with
    all their distances, have a total weight of :data:`DATE_WORTH` observations.

    Parameters
    ----------
    log_odds
        Raw log odds that each row reaches each distance, from boosters that have not seen these rows, shape (n, k).
    reached
        What happened, shape (n, k).
    date
        Issue date of each row, shape (n,).

    Returns
    -------
    dict
        ``slope`` and ``intercept``.
    """
    from scipy.optimize import minimize  # heavy, and only training needs it

    _, of_date, count = np.unique(date, return_inverse=True, return_counts=True)
    weight = (DATE_WORTH / count[of_date] / log_odds.shape[1])[:, None]

    def loss(line: FloatArray) -> float:
        score = line[0] * log_odds + line[1]
        prior = 0.5 * ((line[0] - 1.0) / SLOPE_SPREAD) ** 2 + 0.5 * (line[1] / INTERCEPT_SPREAD) ** 2
        return float((weight * (np.logaddexp(0, score) - reached * score)).sum() + prior)

    # A falling line would turn the ranking over; that is a broken fit, not a calibration.
    best = minimize(loss, x0=np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.05, 5.0), (-10.0, 10.0)])
    return {"slope": float(best.x[0]), "intercept": float(best.x[1])}


def apply_calibration(log_odds: FloatArray, line: Mapping[str, float]) -> FloatArray:
    """Return calibrated chances of raw log odds, of any shape; their order is kept."""
    chance: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(line["slope"] * log_odds + line["intercept"], -30.0, 30.0)))
    return chance
