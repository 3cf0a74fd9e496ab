"""Clear observations of a pixel within a season to one value: weighted median, their number, standard error."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from erosion.core.arrays import MAD_TO_SIGMA, UNOBSERVED, BoolArray, FloatArray, IntArray

HALF_PERCENT: Final = 200
"""Composites count water in half percents: the median of two observations may be between two percents."""

AGREE_PERCENT: Final = 50
"""Two observations of a pixel that differ by more are one of water and one of land, a cloud or a ship; it takes a third."""

MAX_WEIGHT: Final = 100
"""Weights are whole numbers up to this, so that sums are exact and the order of observations cannot matter."""

SIGMA_UNIT: Final = 1e-4
"""Step in which the standard error is kept."""

MEDIAN_LOSS: Final = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, of values that scatter normally (Kenney and Keeping 1962)."""

LEAST_SD: Final = 0.01 / math.sqrt(12)
"""Standard deviation of rounding to whole percents; observations that all agree are not more certain than that [1]."""


class Stack(NamedTuple):
    """One value a pixel out of many observations.

    Attributes
    ----------
    half_percent
        Water share [half percent], :data:`UNOBSERVED` where there are too few observations, uint8 (rows, cols).
    n_clear
        Number of clear observations used, uint16 (rows, cols).
    sigma
        Standard error of the share in steps of :data:`SIGMA_UNIT`, 0 where there is no share, uint16 (rows, cols).
    used
        Pixels to which each scene gave an observation, shape (n_scenes,).
    filled, radar
        Pixels that have a share, and those of them that come from radar.
    """

    half_percent: NDArray[np.uint8]
    n_clear: NDArray[np.uint16]
    sigma: NDArray[np.uint16]
    used: IntArray
    filled: int
    radar: int


def whole_weights(variance: FloatArray) -> IntArray:
    """Return error variances as whole weights, 1 to :data:`MAX_WEIGHT`, in proportion to one over the variance."""
    share = np.asarray(variance, float).min() / variance
    return np.maximum(np.rint(MAX_WEIGHT * share), 1).astype(np.int64)


def composite(
    percent: NDArray[np.uint8],
    weights: IntArray,
    radar: BoolArray,
    min_looks: int,
    counted: tuple[slice, slice] = (slice(None), slice(None)),
) -> Stack:
    """Return one value a pixel from the observations of a season.

    A pixel is made of optical observations alone wherever there are enough of them, and of radar alone where there are
    not. One pixel never mixes the two: the edge of a river differs between them.

    Parameters
    ----------
    percent
        Water share of each scene [percent], 255 for no observation, shape (n_scenes, rows, cols).
    weights
        Whole weight of each scene, see :func:`whole_weights`.
    radar
        Which scenes are radar's, shape (n_scenes,).
    min_looks
        Clear observations that a pixel needs.
    counted
        Rows and columns in which ``used``, ``filled`` and ``radar`` are counted: a rim that the next tile has too is not.

    Returns
    -------
    Stack
    """
    shape = percent.shape[1:]
    half_percent = np.full(shape, UNOBSERVED)
    n_clear, sigma = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
    used = np.zeros(len(percent), np.int64)
    by_radar = 0
    for which in (~radar, radar):
        if not which.any():
            continue
        observed = percent[which] != UNOBSERVED
        count = observed.sum(axis=0)
        fill = (half_percent == UNOBSERVED) & (count >= min_looks)
        fill[fill & (count == 2)] = _agree(percent[which][:, fill & (count == 2)])
        if not fill.any():
            continue
        half_percent[fill], n_clear[fill], sigma[fill] = _median(percent[which][:, fill], weights[which])
        used[which] = (observed & fill)[:, *counted].sum(axis=(1, 2))
        by_radar = int(fill[counted].sum()) if which is radar else 0
    filled = int((half_percent[counted] != UNOBSERVED).sum())
    return Stack(half_percent, n_clear, sigma, used, filled, by_radar)


def _agree(values: NDArray[np.uint8]) -> BoolArray:
    """Return True for each column whose two observations agree; 255 is no observation."""
    high = np.where(values == UNOBSERVED, np.uint8(0), values).max(axis=0)
    agree: BoolArray = high - values.min(axis=0) <= AGREE_PERCENT
    return agree


def _median(
    values: NDArray[np.uint8], weights: IntArray
) -> tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.uint16]]:
    """Weighted median [half percent], number of observations and standard error of each column; 255 is no observation.

    The weighted median is the value at which the weights below and those above are the same; where that falls between
    two values it is their mean, so with equal weights it is the ordinary median.
    """
    observed = values != UNOBSERVED
    n = observed.sum(axis=0, dtype=np.uint16)
    if (weights == weights[0]).all():
        ordered = np.sort(values, axis=0)  # unobserved comes last
        median = _middle(ordered, n)
        effective = n.astype(np.float32)
    else:
        # A value and its weight in one number: one sort orders both, and is several times faster than an index.
        keys = values.astype(np.uint16) << 8
        keys |= weights.astype(np.uint16)[:, np.newaxis]
        keys.sort(axis=0)
        ordered = (keys >> 8).astype(np.uint8)
        weight = np.where(ordered == UNOBSERVED, 0, keys & 0xFF).astype(np.int32)
        square = np.einsum("ij,ij->j", weight, weight)
        below = np.cumsum(weight, axis=0, dtype=np.int32, out=weight)
        total = below[-1].copy()
        low, high = (2 * below < total).sum(axis=0), (2 * below <= total).sum(axis=0)
        median = _sum_of_rows(ordered, low, high)
        effective = total.astype(np.float32) ** 2 / np.maximum(square, 1)
    off = np.abs(2 * values.astype(np.int16) - median.astype(np.int16)).astype(np.uint8)
    off[~observed] = UNOBSERVED  # half percents reach 200 only
    off.sort(axis=0)
    spread = MAD_TO_SIGMA * _middle(off, n).astype(np.float32) / 2 / HALF_PERCENT
    error = MEDIAN_LOSS * np.maximum(spread, np.float32(LEAST_SD)) / np.sqrt(effective)
    return median.astype(np.uint8), n, np.rint(error / SIGMA_UNIT).astype(np.uint16)


def _middle(ordered: NDArray[np.uint8], n: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Twice the median of the first ``n`` values of each column, of columns in order."""
    rows = n.astype(np.intp)
    return _sum_of_rows(ordered, (rows - 1) // 2, rows // 2)


def _sum_of_rows(values: NDArray[np.uint8], one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.uint16]:
    first, second = (np.take_along_axis(values, row[np.newaxis], axis=0)[0] for row in (one, other))
    return np.asarray(first.astype(np.uint16) + second)
