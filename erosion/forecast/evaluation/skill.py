"""Scores of probability forecasts with block-bootstrap intervals; every score is a function of the rows and of draws of blocks.

A draw takes whole blocks of river some number of times. The rows are sorted and counted once a block, and a draw only
weighs the counts of the blocks, so that hundreds of draws cost little more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from erosion.core.arrays import BoolArray, FloatArray, IntArray

DRAWS = 200
CONFIDENCE = 0.95


class Score(NamedTuple):
    """A score with its interval; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


class Draws(NamedTuple):
    """Blocks of rows, and how often each draw takes each of them."""

    block: IntArray
    """Block of each row, 0 to n_blocks - 1, shape (n,)."""
    times: FloatArray
    """How often a block is taken, shape (draws + 1, n_blocks); the first row is all ones, the sample itself."""


def draw_blocks(block: IntArray, draws: int, seed: int) -> Draws:
    """Return draws of blocks with replacement.

    Rows of one block stay together over all dates, so the interval allows for errors that persist in place and time.

    Parameters
    ----------
    block
        Block of each row, any number, shape (n,).
    draws, seed
        Number of draws and seed.
    """
    names, index = np.unique(block, return_inverse=True)
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, len(names), size=(draws, len(names)))
    times = np.array([np.bincount(row, minlength=len(names)) for row in picked]).reshape(draws, len(names))
    return Draws(index, np.vstack([np.ones(len(names)), times]))


def crossed(one: Draws, other: Draws) -> Draws:
    """Return draws of both of two kinds of blocks, such as places and dates: a row counts as often as its two blocks together.

    Draws in which no row is left are not among them.
    """
    n_other = other.times.shape[1]
    cells, block = np.unique(one.block * n_other + other.block, return_inverse=True)
    times = one.times[:, cells // n_other] * other.times[:, cells % n_other]
    return Draws(block, times[times.sum(axis=1) > 0])


def with_interval(values: FloatArray) -> Score:
    """Return the score of the sample and the percentile interval of the draws, shape (draws + 1,)."""
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or drawn.size < 20:
        return Score(float(values[0]), float("nan"), float("nan"))
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Score(float(values[0]), float(low), float(high))


def roc_auc(event: BoolArray, score: FloatArray, drawn: Draws) -> FloatArray:
    """Return the area under the ROC curve for each draw; ties count half.

    Probability that a row with an event has a higher score than one without.
    """
    block, times = drawn
    n_blocks = times.shape[1]
    hit, of_hit = score[event], block[event]
    right = np.zeros((n_blocks, n_blocks))
    for other, missed in enumerate(_of_blocks(score[~event], block[~event], n_blocks)):
        ordered = np.sort(missed)
        below = np.searchsorted(ordered, hit) + np.searchsorted(ordered, hit, side="right")
        right[:, other] = np.bincount(of_hit, below / 2.0, n_blocks)
    positive, negative = (
        times @ np.bincount(of_hit, minlength=n_blocks),
        times @ np.bincount(block[~event], minlength=n_blocks),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        auc: FloatArray = ((times @ right) * times).sum(axis=1) / (positive * negative)
    return auc


def pr_auc(event: BoolArray, score: FloatArray, drawn: Draws) -> FloatArray:
    """Return average precision for each draw: precision summed over steps of recall."""
    block, times = drawn
    n_blocks = times.shape[1]
    steps = np.unique(-score[event])
    hits, seen = (
        np.array([np.searchsorted(np.sort(-own), steps, side="right") for own in _of_blocks(*rows, n_blocks)], float)
        for rows in ((score[event], block[event]), (score, block))
    )
    found = times @ hits
    gain = np.diff(found, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: FloatArray = np.nansum(gain * found / (times @ seen), axis=1) / (
            times @ np.bincount(block[event], minlength=n_blocks)
        )
    return area


def brier(event: BoolArray, p: FloatArray, drawn: Draws) -> FloatArray:
    """Return the mean squared error of the probability (Brier 1950) for each draw."""
    return mean_of_draws(np.square(p - event), drawn)


def brier_skill(event: BoolArray, p: FloatArray, drawn: Draws) -> FloatArray:
    """Return one less Brier score over that of the draw's own base rate, the hardest constant to beat."""
    base = mean_of_draws(event.astype(float), drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        skill: FloatArray = 1.0 - brier(event, p, drawn) / (base * (1 - base))
    return skill


def top_shares(
    retreat: FloatArray, score: FloatArray, length: FloatArray, drawn: Draws, parts: Sequence[float]
) -> list[FloatArray]:
    """Return the share of the eroded area that lies in the highest-scored parts of the bank's length, each for each draw.

    Rows of equal score share alike: a constant forecast gets the part itself, whatever the order of the rows.

    Parameters
    ----------
    retreat, length
        Retreat [m] and length [m] of each row; their product is the eroded area.
    parts
        Parts of the length, 0..1.
    """
    block, times = drawn
    ranks, rank = np.unique(-score, return_inverse=True)
    own = _of_blocks(np.column_stack([rank, length, retreat * length]), block, times.shape[1])
    own = [rows[np.argsort(rows[:, 0], kind="stable")] for rows in own]
    summed = [np.vstack([np.zeros(2), np.cumsum(rows[:, 1:], axis=0)]) for rows in own]

    def up_to(end: IntArray) -> FloatArray:
        """Return length and eroded area before a rank, one for each draw, shape (draws + 1, 2)."""
        total = np.zeros((len(times), 2))
        for one, (rows, sums) in enumerate(zip(own, summed, strict=True)):
            total += times[:, one, None] * sums[np.searchsorted(rows[:, 0], end)]
        return total

    whole = up_to(np.full(len(times), len(ranks)))
    shares = []
    for part in parts:
        wanted = part * whole[:, 0]
        # Bisection for the rank within which the part ends.
        low, high = np.zeros(len(times), np.int64), np.full(len(times), len(ranks))
        while (high - low > 1).any():
            middle = (low + high) // 2
            short = up_to(middle)[:, 0] <= wanted
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        start, stop = up_to(low), up_to(low + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            within = np.clip((wanted - start[:, 0]) / (stop[:, 0] - start[:, 0]), 0.0, 1.0)
            shares.append((start[:, 1] + np.nan_to_num(within) * (stop[:, 1] - start[:, 1])) / whole[:, 1])
    return shares


def mean_of_draws(values: FloatArray, drawn: Draws) -> FloatArray:
    """Return the mean of the values for each draw."""
    block, times = drawn
    n_blocks = times.shape[1]
    total: FloatArray = times @ np.bincount(block, values, n_blocks)
    return total / (times @ np.bincount(block, minlength=n_blocks))


def reliability(event: BoolArray, p: FloatArray, bins: int = 10) -> list[tuple[float, float, float, int]]:
    """Return for each probability bin: lower edge, mean probability, observed frequency, count."""
    index = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for i in range(bins):
        mine = index == i
        if mine.any():
            rows.append((i / bins, float(p[mine].mean()), float(event[mine].mean()), int(mine.sum())))
    return rows


def _of_blocks(values: NDArray[Any], block: IntArray, n_blocks: int) -> list[NDArray[Any]]:
    """Return the rows of each block, in their order."""
    order = np.argsort(block, kind="stable")
    ends = np.cumsum(np.bincount(block, minlength=n_blocks))
    return np.split(values[order], ends[:-1])
