"""How likely the neck of a bend is cut within a horizon: a proportional hazard on its width and its rate of narrowing.

Cutoffs are few: a handful in twenty years of a hundred kilometres of valley. The model has three numbers, each with a prior
from what is known of cutoffs, and gives its uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from erosion.banks.established import YEAR_DAYS
from erosion.config.region import Target
from erosion.core.arrays import BoolArray, FloatArray
from erosion.features.neck import Necks

CUT_SHARE = 0.5
"""A neck was cut when the channel from limb to limb is less than this share of what it was."""

ON_CHANNEL_W = 1.5
"""Both ends of the loop must still lie within so many widths of the channel: else another change moved it away."""

PRIOR_MEAN = (-2.0, -2.0, 0.5)
PRIOR_SPREAD = (1.0, 0.7, 0.35)
"""Mean and standard deviation of the Gaussian priors: log hazard a year of a neck one width wide that narrows by a tenth of
a width a year; its change with the log of the width; its change with the log of the narrowing. A neck of a width falls
within a few years, one of four widths hardly ever."""

NARROWING_W = 0.1
"""Narrowing at which the second term is zero [widths a year]."""

SLOWEST_W, NARROWEST_W = 0.01, 0.1
"""Narrowing and width below which the hazard grows no further [widths a year, widths]; an error of a pixel is as large."""

STEPS = 8
"""Parts of the horizon within which the width is taken as constant."""

CHANCES = ("p_cutoff", "p_cutoff_low", "p_cutoff_high")
"""The chance and the ends of its interval."""

INTERVAL = 1.645
"""Standard deviations on either side that hold 90 % of a normal distribution."""


@dataclass(frozen=True)
class CutoffModel:
    """Posterior of the coefficients of the log hazard: normal, around its maximum.

    Attributes
    ----------
    mean
        Intercept, effect of log width, effect of log narrowing; shape (3,).
    covariance
        Shape (3, 3).
    necks, cuts
        Windows of necks it was fitted on and those that ended with a cut; for the card.
    """

    mean: FloatArray
    covariance: FloatArray
    necks: int
    cuts: int

    def as_json(self) -> dict[str, Any]:
        """Return the model as plain numbers."""
        return {
            "mean": [float(v) for v in self.mean],
            "covariance": [[float(v) for v in row] for row in self.covariance],
            "necks": self.necks,
            "cuts": self.cuts,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> CutoffModel:
        """Return the model written by :meth:`as_json`.

        Raises
        ------
        ValueError
            If the numbers are not finite, not three, or no covariance.
        """
        mean, covariance = np.array(content["mean"], float), np.array(content["covariance"], float)
        if mean.shape != (3,) or covariance.shape != (3, 3) or not np.isfinite([*mean, *covariance.ravel()]).all():
            raise ValueError("the cutoff model needs three finite coefficients and their covariance")
        if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance).min() <= 0:
            raise ValueError("the covariance of the cutoff model is not positive definite")
        return cls(mean, covariance, int(content["necks"]), int(content["cuts"]))


def neck_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the narrowest place of every loop of every date: the row of its upstream-most segment there.

    Parameters
    ----------
    rows
        Features of the neck, ``neck`` (number of the loop on its date, -1 where there is none), reach and as_of.
    """
    have = rows[rows["neck"] >= 0]
    return have.loc[have.groupby(["reach", "as_of", "neck"], sort=True)["neck_width_m"].idxmin()]


def necks_cut(necks: Necks, chainage_m: FloatArray, centre: pd.DataFrame, later: Sequence[pd.DataFrame]) -> BoolArray:
    """Return for each segment with a neck whether it was cut in one of the later centre lines, False where it has none.

    The ends of the loop, where its limbs pass the neck, are looked up on the later line: the neck was cut where both still lie
    on the channel and the way from one to the other is less than :data:`CUT_SHARE` of the loop. A chute that shortens the
    loop by as much counts as well.

    Parameters
    ----------
    necks
        Necks of a baseline.
    chainage_m
        Chainage of its segments, shape (n_segments,) [m].
    centre
        Its centre line.
    later
        Centre lines traced within the window.
    """
    cut = np.zeros(len(necks.across), dtype=bool)
    mine = np.flatnonzero(necks.across >= 0)
    if not mine.size:
        return cut
    width = float(centre["width_m"].median())
    ends = [
        np.column_stack([np.interp(chainage_m[rows], centre["chainage_m"], centre[axis]) for axis in ("x", "y")])
        for rows in (mine, necks.across[mine])
    ]
    for line in later:
        tree, along = cKDTree(line[["x", "y"]].to_numpy()), line["chainage_m"].to_numpy()
        (off_a, at_a), (off_b, at_b) = (tree.query(end) for end in ends)
        on_channel = np.maximum(off_a, off_b) <= ON_CHANNEL_W * width
        cut[mine] |= on_channel & (np.abs(along[at_a] - along[at_b]) < CUT_SHARE * necks.loop_m[mine])
    return cut


def fit_cutoff(rows: pd.DataFrame, targets: Sequence[Target]) -> CutoffModel:
    """Return the hazard fitted on the necks of all dates whose windows are over.

    Penalised maximum likelihood (maximum a posteriori) of a proportional hazard (Cox 1972) in grouped time: a neck is cut
    within a window with probability ``1 - exp(-H)``, H the hazard summed over it. Windows that overlap cover the same years,
    so each window weighs the inverse of its years, and those of several targets share one weight. The covariance is
    the inverse of the expected information with that of the priors. Without any neck the priors are the model.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    targets
        Their windows are used.
    """
    from scipy.optimize import minimize  # heavy, and only training needs it

    necks = neck_table(rows)
    designs, steps, cuts, weights = [], [], [], []
    for target in targets:
        known = necks[(necks[f"known_{target.name}"].notna()) & necks["neck_closing_rate"].notna()]
        years = target.horizon_days / YEAR_DAYS
        designs.append(_design(*_measures(known), years))
        steps.append(np.full(len(known), years / STEPS))
        cuts.append(known[f"cut_{target.name}"].to_numpy(bool))
        weights.append(np.full(len(known), 1.0 / (years * len(targets))))
    x, step, cut, weight = (np.concatenate(parts) for parts in (designs, steps, cuts, weights))
    precision = np.diag(1.0 / np.square(PRIOR_SPREAD))
    prior = np.array(PRIOR_MEAN)

    def loss(b: FloatArray) -> float:
        total = _hazard(x, step, b)
        log_cut = np.log(-np.expm1(-np.maximum(total, 1e-12)))
        return float(-(weight @ np.where(cut, log_cut, -total)) + 0.5 * (b - prior) @ precision @ (b - prior))

    # Signs of width and narrowing are physical: a wider neck is not likelier to be cut, a faster one not less.
    best = minimize(loss, x0=prior, method="L-BFGS-B", bounds=[(-12.0, 6.0), (-8.0, 0.0), (0.0, 4.0)])
    mean = np.asarray(best.x, float)
    total, slope = _hazard(x, step, mean), _slope(x, step, mean)
    information = (slope * (weight / np.expm1(np.clip(total, 1e-9, 50.0)))[:, None]).T @ slope
    covariance = np.asarray(np.linalg.inv(information + precision), float)
    return CutoffModel(mean, covariance, len(cut), int(cut.sum()))


def predict_cutoff(model: CutoffModel, rows: pd.DataFrame, horizon_days: float) -> pd.DataFrame:
    """Return the chance that each neck is cut within a horizon, with its 90 % interval.

    Parameters
    ----------
    model
        The model.
    rows
        Features of the neck, one row per segment or neck.
    horizon_days
        Length of the window.

    Returns
    -------
    pandas.DataFrame
        p_cutoff, p_cutoff_low, p_cutoff_high; NaN where there is no neck or its narrowing is not known; index of ``rows``.
    """
    width, narrowing = _measures(rows)
    years = horizon_days / YEAR_DAYS
    x = _design(width, narrowing, years)
    step = np.full(len(rows), years / STEPS)
    total = _hazard(x, step, model.mean)
    relative = _slope(x, step, model.mean) / total[:, None]
    spread = INTERVAL * np.sqrt(np.einsum("ij,jk,ik->i", relative, model.covariance, relative))
    values = [-np.expm1(-total * factor) for factor in (1.0, np.exp(-spread), np.exp(spread))]
    return pd.DataFrame(dict(zip(CHANCES, values, strict=True)), index=rows.index)


def cutoff_of_segments(model: CutoffModel, features: pd.DataFrame, necks: Necks, horizon_days: float) -> pd.DataFrame:
    """Return the chance of a cutoff of the loop each segment lies on: that of the narrowest place of its neck.

    Parameters
    ----------
    model
        The model.
    features
        Features of every segment.
    necks
        Their necks.
    horizon_days
        Length of the window.

    Returns
    -------
    pandas.DataFrame
        neck_width_m (of the narrowest place) and the columns of :func:`predict_cutoff`; NaN where a segment has no neck;
        index of ``features``.
    """
    narrowest = neck_table(features.assign(neck=necks.loop, reach="", as_of=0))
    by_loop = predict_cutoff(model, narrowest, horizon_days)
    by_loop = by_loop.assign(neck_width_m=narrowest["neck_width_m"]).set_axis(narrowest["neck"].to_numpy())
    return by_loop.reindex(necks.loop)[["neck_width_m", *CHANCES]].set_axis(features.index)


def _measures(rows: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return width and narrowing of the necks, in channel widths and widths a year."""
    wide = rows["neck_width_w"].to_numpy(float)
    channel_m = rows["neck_width_m"].to_numpy(float) / wide
    return wide, rows["neck_closing_rate"].to_numpy(float) / channel_m


def _design(width: FloatArray, narrowing: FloatArray, years: float) -> FloatArray:
    """Return one, log width and log narrowing at the middle of every step of the window, shape (n, STEPS, 3)."""
    middle = (np.arange(STEPS) + 0.5) * years / STEPS
    ahead = np.maximum(width[:, None] - np.maximum(narrowing, 0.0)[:, None] * middle, NARROWEST_W)
    fast = np.log(np.maximum(narrowing, SLOWEST_W) / NARROWING_W)
    return np.stack([np.ones_like(ahead), np.log(ahead), np.broadcast_to(fast[:, None], ahead.shape)], axis=-1)


def _hazard(x: FloatArray, step: FloatArray, b: FloatArray) -> FloatArray:
    """Return the hazard summed over the window, shape (n,)."""
    total: FloatArray = np.exp(x @ b).sum(axis=1) * step
    return total


def _slope(x: FloatArray, step: FloatArray, b: FloatArray) -> FloatArray:
    """Return the derivative of the summed hazard by the coefficients, shape (n, 3)."""
    slope: FloatArray = (np.exp(x @ b)[..., None] * x).sum(axis=1) * step[:, None]
    return slope
