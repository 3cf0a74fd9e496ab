"""Baselines of an evaluation: what a forecast must beat, on the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from erosion.core.arrays import BoolArray, FloatArray

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


def baseline_chances(learn: pd.DataFrame, event: BoolArray, test: pd.DataFrame) -> dict[str, FloatArray]:
    """Return the chance of an event by every baseline, name -> shape (n_test,).

    Parameters
    ----------
    learn, event
        Rows to learn from and what happened there.
    test
        Rows to forecast.
    """
    chances = {"climatology": np.full(len(test), event.mean())}
    chances |= {name: _one_feature(learn[of], event, test[of]) for name, of in RATE_BASELINES.items()}
    return chances | {"logistic": _logistic(learn, event, test)}


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
