"""Scores of probability forecasts with block-bootstrap intervals; every score is a function of weighted rows.

Weights are how often a row's river block was drawn, so one sort of the rows serves every bootstrap draw.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from erosion.core.arrays import BoolArray, FloatArray, IntArray

DRAWS = 200
CONFIDENCE = 0.95


class Score(NamedTuple):
    """A score with its interval; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


def draw_weights(block: IntArray, draws: int, seed: int) -> FloatArray:
    """Return how often each row was drawn when river blocks are drawn with replacement.

    Rows of one block stay together over all dates, so the interval allows for errors that persist in place and time.

    Parameters
    ----------
    block
        Block of each row, shape (n,).
    draws, seed
        Number of draws and seed.

    Returns
    -------
    numpy.ndarray
        Shape (draws + 1, n); the first row is all ones, the sample itself.
    """
    names, index = np.unique(block, return_inverse=True)
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, len(names), size=(draws, len(names)))
    times = np.stack([np.bincount(row, minlength=len(names)) for row in picked])
    return np.vstack([np.ones(len(block)), times[:, index]]).astype(np.float32)


def with_interval(values: FloatArray) -> Score:
    """Return the score of the sample and the percentile interval of the draws, shape (draws + 1,)."""
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or drawn.size < 20:
        return Score(float(values[0]), float("nan"), float("nan"))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Score(float(values[0]), float(low), float(high))


def roc_auc(event: BoolArray, score: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the area under the ROC curve for each row of weights; ties count half.

    Probability that a row with an event has a higher score than one without.
    """
    order = np.argsort(score, kind="stable")
    w, e = weights[:, order], event[order]
    ends = _tie_ends(score[order])
    positive = _at_ends(np.cumsum(w * e, axis=1), ends)
    negative = _at_ends(np.cumsum(w * ~e, axis=1), ends)
    step = np.diff(positive, axis=1, prepend=0.0)
    below = np.concatenate([np.zeros((len(w), 1)), negative[:, :-1]], axis=1)
    area = (step * (below + 0.5 * np.diff(negative, axis=1, prepend=0.0))).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc: FloatArray = area / (positive[:, -1] * negative[:, -1])
    return auc


def pr_auc(event: BoolArray, score: FloatArray, weights: FloatArray) -> FloatArray:
    """Return average precision for each row of weights: precision summed over steps of recall."""
    order = np.argsort(-score, kind="stable")
    w, e = weights[:, order], event[order]
    ends = _tie_ends(score[order])
    hits = _at_ends(np.cumsum(w * e, axis=1), ends)
    seen = _at_ends(np.cumsum(w, axis=1), ends)
    gain = np.diff(hits, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: FloatArray = np.nansum(gain * hits / seen, axis=1) / hits[:, -1]
    return area


def brier(event: BoolArray, p: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the mean squared error of the probability (Brier 1950) for each row of weights."""
    return weighted_mean((p - event) ** 2, weights)


def brier_skill(event: BoolArray, p: FloatArray, weights: FloatArray) -> FloatArray:
    """Return one less Brier score over that of the sample's own base rate, the hardest constant to beat."""
    base = weighted_mean(event.astype(float), weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        skill: FloatArray = 1.0 - brier(event, p, weights) / (base * (1 - base))
    return skill


def top_share(
    retreat: FloatArray, score: FloatArray, length: FloatArray, weights: FloatArray, part: float
) -> FloatArray:
    """Return the share of the eroded area that lies in the highest-scored part of the bank's length.

    Rows of equal score share alike: a constant forecast gets the part itself, whatever the order of the rows.

    Parameters
    ----------
    retreat, length
        Retreat [m] and length [m] of each row; their product is the eroded area.
    part
        Part of the length, 0..1.
    """
    order = np.argsort(-score, kind="stable")
    w = weights[:, order]
    ends = _tie_ends(score[order])
    start = np.zeros((len(w), 1))
    along = np.hstack([start, _at_ends(np.cumsum(w * length[order].astype(np.float32), axis=1), ends)])
    lost = np.hstack([start, _at_ends(np.cumsum(w * (retreat * length)[order].astype(np.float32), axis=1), ends)])
    with np.errstate(invalid="ignore", divide="ignore"):
        return (
            np.array([np.interp(part * a[-1], a, cumulated) for a, cumulated in zip(along, lost, strict=True)])
            / lost[:, -1]
        )


def weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the mean of the values for each row of weights."""
    mean: FloatArray = weights @ values.astype(np.float32) / weights.sum(axis=1)
    return mean


def reliability(event: BoolArray, p: FloatArray, bins: int = 10) -> list[tuple[float, float, float, int]]:
    """Return for each probability bin: lower edge, mean probability, observed frequency, count."""
    index = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for i in range(bins):
        mine = index == i
        if mine.any():
            rows.append((i / bins, float(p[mine].mean()), float(event[mine].mean()), int(mine.sum())))
    return rows


def _tie_ends(ordered: FloatArray) -> IntArray:
    """Return the last index of every run of equal scores."""
    return np.append(np.flatnonzero(np.diff(ordered) != 0), len(ordered) - 1)


def _at_ends(cumulated: FloatArray, ends: IntArray) -> FloatArray:
    return cumulated[:, ends].astype(np.float64)
