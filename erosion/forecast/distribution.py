"""One predictive distribution of retreat a segment and horizon: chance, quantiles, mean and scores all follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from erosion.core.arrays import FloatArray

KNOTS_M: Final = (5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 150.0, 240.0, 360.0)
"""Retreats [m] whose exceedance is modelled. Retreat below the first is not told apart from none."""

SMALLEST_CHANCE: Final = 1e-9
"""Exceedances are never below it, so that their logarithm is finite."""


class Distribution(NamedTuple):
    """Predictive distributions of the retreat of n segments, as exceedance at fixed knots.

    Between knots the exceedance falls exponentially (its logarithm is linear), beyond the last one too. Below the first
    knot it is constant: what is left there is the chance of no retreat.
    """

    knots_m: FloatArray
    """Retreats [m], positive and rising, shape (k,)."""
    exceedance: FloatArray
    """Chance that retreat reaches each knot [1], not rising along the knots, shape (n, k)."""
    tail_m: float
    """Mean retreat beyond the last knot, of those that reach it [m]."""

    def chance(self, retreat_m: float) -> FloatArray:
        """Return the chance that retreat reaches a distance [1], shape (n,).

        Raises
        ------
        ValueError
            If the distance is not positive.
        """
        if not retreat_m > 0:
            raise ValueError(f"retreat of at least {retreat_m:g} m is certain or meaningless; give a positive distance")
        return self._at(np.full(len(self.exceedance), float(retreat_m)))

    def line(self, chance: float) -> FloatArray:
        """Return the largest distance that is reached with at least a chance [m], shape (n,); 0 where none is.

        It is the quantile of level 1 - ``chance``, and agrees with :meth:`chance` exactly:
        ``chance(x) >= c`` where ``x <= line(c)`` and only there, up to rounding.

        Raises
        ------
        ValueError
            If the chance is not between 0 and 1.
        """
        if not 0 < chance < 1:
            raise ValueError(f"chance {chance:g} of a line must lie between 0 and 1")
        reached = (self.exceedance >= chance).sum(axis=1)
        rows = np.arange(len(self.exceedance))
        knots, log_s = self._padded()
        low, high = knots[np.maximum(reached - 1, 0)], knots[reached]
        from_s, to_s = log_s[rows, np.maximum(reached - 1, 0)], log_s[rows, reached]
        # A piece that is reached at its start only ends where the line through it meets the chance.
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(from_s > to_s, (from_s - np.log(chance)) / (from_s - to_s), 0.0)
        return np.where(reached == 0, 0.0, low + share * (high - low))

    def mean(self) -> FloatArray:
        """Return the expected retreat [m], shape (n,)."""
        first = self.knots_m[0] * self.exceedance[:, 0]
        between = _integral(self.exceedance[:, :-1], self.exceedance[:, 1:], np.diff(self.knots_m))
        expected: FloatArray = first + between.sum(axis=1) + self.exceedance[:, -1] * self.tail_m
        return expected

    def at_least(self, other: Distribution) -> Distribution:
        """Return the distribution whose exceedance is the larger one of the two at every knot.

        A longer horizon cannot retreat less than a shorter one that it contains.

        Raises
        ------
        ValueError
            If the knots differ.
        """
        if not np.array_equal(self.knots_m, other.knots_m):
            raise ValueError("the two distributions have other knots; train the targets of a release together")
        larger = np.maximum(self.exceedance, other.exceedance)
        return Distribution(self.knots_m, larger, max(self.tail_m, other.tail_m))

    def widened(self, spread: float) -> Distribution:
        """Return the distribution that is left when the log odds are off by an unknown, normally distributed amount.

        Every exceedance is averaged over it, with the approximation of MacKay (1992) for the logistic function: its log odds
        are divided by ``sqrt(1 + pi * spread**2 / 8)``. That is a rising function of the chance alone, so the order of
        segments, distances and horizons is kept, and a chance of a half stays.

        Parameters
        ----------
        spread
            Standard deviation of the amount [log odds].
        """
        chance = np.clip(self.exceedance, SMALLEST_CHANCE, 1.0 - SMALLEST_CHANCE)
        log_odds = (np.log(chance) - np.log1p(-chance)) / np.sqrt(1.0 + np.pi * spread**2 / 8.0)
        return Distribution(self.knots_m, 1.0 / (1.0 + np.exp(-log_odds)), self.tail_m)

    def crps(self, retreat_m: FloatArray, above_m: float = 0.0) -> FloatArray:
        """Return the continuous ranked probability score of outcomes [m], shape (n,).

        Integral over x of ``(F(x) - 1{x >= y})**2`` (Matheson and Winkler 1976), in closed form; with ``above_m`` only over
        x above it: the threshold-weighted score (Gneiting and Ranjan 2011).

        Parameters
        ----------
        retreat_m
            Measured retreat [m], shape (n,); below the first knot it counts as none.
        above_m
            Where the integral starts [m].
        """
        outcome = np.where(retreat_m < self.knots_m[0], 0.0, retreat_m)[:, None]
        end = np.maximum(outcome[:, 0].max(initial=0.0), self.knots_m[-1]) + 40 * self.tail_m
        edges = np.append(np.insert(self.knots_m, 0, 0.0), end)
        start, stop = np.maximum(edges[:-1], above_m), np.maximum(edges[1:], above_m)
        cut = np.clip(outcome, start, stop)
        s_start, s_cut, s_stop = (self._in_piece(x) for x in (start[None, :], cut, stop[None, :]))
        below = (cut - start) - 2 * _integral(s_start, s_cut, cut - start)
        below += _integral(s_start**2, s_cut**2, cut - start)
        beyond = _integral(s_cut**2, s_stop**2, stop - cut)
        score: FloatArray = (below + beyond).sum(axis=1)
        return score

    def share_between(self, retreat_m: FloatArray, low: float, high: float) -> FloatArray:
        """Return how much of each outcome's probability integral transform lies between two levels [1], shape (n,).

        Its mean over a calibrated forecast is ``high - low``. No retreat has a probability of its own, over which the
        transform is spread evenly (Czado et al. 2009, non-randomised), so that banks which stand still do not count as
        covered more often than they should.

        Parameters
        ----------
        retreat_m
            Measured retreat [m], shape (n,); below the first knot it counts as none.
        low, high
            Levels, as 0.1 and 0.9 for the central 80 %.
        """
        none = retreat_m < self.knots_m[0]
        still = 1.0 - self.exceedance[:, 0]
        covered = np.clip(np.minimum(high, still) - low, 0.0, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.where(still > 0, covered / still, float(low <= 0 <= high))
        level = 1.0 - self._at(np.where(none, self.knots_m[0], retreat_m))
        return np.where(none, spread, ((level >= low) & (level <= high)).astype(float))

    def _padded(self) -> tuple[FloatArray, FloatArray]:
        """Return the knots and the log exceedance with one more knot in the tail, shape (k + 1,) and (n, k + 1)."""
        log_s = np.log(self.exceedance)
        return (
            np.append(self.knots_m, self.knots_m[-1] + self.tail_m),
            np.column_stack([log_s, log_s[:, -1] - 1.0]),
        )

    def _at(self, retreat_m: FloatArray) -> FloatArray:
        """Return the chance that each segment's retreat reaches its own distance [1], shape (n,)."""
        knots, log_s = self._padded()
        piece = np.clip(np.searchsorted(knots, retreat_m, side="right") - 1, 0, len(knots) - 2)
        rows = np.arange(len(log_s))
        share = np.maximum(retreat_m - knots[piece], 0.0) / (knots[piece + 1] - knots[piece])
        chance: FloatArray = np.exp(log_s[rows, piece] + share * (log_s[rows, piece + 1] - log_s[rows, piece]))
        return chance

    def _in_piece(self, x: FloatArray) -> FloatArray:
        """Return the exceedance at one place of each piece from 0 through the knots to the tail, shape (n, k + 1)."""
        knots, log_s = self._padded()
        # The last piece is the tail, which goes on beyond its second knot.
        farthest = np.append(np.ones(len(knots) - 2), np.inf)
        share = np.clip((x[:, 1:] - knots[:-1]) / np.diff(knots), 0.0, farthest)
        later = np.exp(log_s[:, :-1] + share * np.diff(log_s, axis=1))
        return np.column_stack([self.exceedance[:, 0], later])


def distribution_of(knots_m: Iterable[float], exceedance: FloatArray, tail_m: float) -> Distribution:
    """Return the distribution with an exceedance that does not rise along the knots and is never quite 0.

    Parameters
    ----------
    knots_m
        Retreats [m], positive and rising, shape (k,).
    exceedance
        Chance to reach each [1], shape (n, k); where it rises, the smaller chance before it holds.
    tail_m
        Mean retreat beyond the last knot [m].
    """
    falling = np.minimum.accumulate(np.clip(exceedance, SMALLEST_CHANCE, 1.0), axis=1)
    return Distribution(np.array(sorted(knots_m), dtype=float), falling, float(tail_m))


def _integral(start: FloatArray, stop: FloatArray, width: FloatArray) -> FloatArray:
    """Return the integral over pieces whose value falls exponentially from start to stop."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.log(start / stop)
        area = np.where(slope > 1e-9, (start - stop) / slope, start)
    integral: FloatArray = area * width
    return integral
