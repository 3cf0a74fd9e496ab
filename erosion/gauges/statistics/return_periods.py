"""How rare a yearly peak is: return periods from the peaks of complete years, with the uncertainty of so few of them.

Distributions are fitted by L-moments (Hosking 1990, J. R. Statist. Soc. B 52, 105-124): the unbiased sample
L-moments, the Gumbel distribution from the first two, and the generalised extreme-value distribution (GEV) from three, with the
approximation of its shape by Hosking, Wallis and Wood 1985 (Technometrics 27, 251-261), as in Hosking and Wallis 1997, Regional
Frequency Analysis, appendix A. The interval is a parametric bootstrap: samples of as many years are drawn from the fitted
distribution and fitted again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.core.arrays import FloatArray
from erosion.core.contracts import as_of_instant
from erosion.gauges.statistics.levels import levels_of
from erosion.gauges.statistics.seasons import Levels, climate_before, months_of, year_start
from erosion.gauges.statistics.windows import days_of, revisions

DISTRIBUTIONS: Final = ("gev", "gumbel")

MIN_YEARS: Final = 15
"""Complete years that a return period rests on at least."""

PERIODS: Final = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0)

BOOTSTRAP: Final = 1000
INTERVAL: Final = 0.90
SEED: Final = 20260101

_EULER: Final = 0.5772156649015329


class Extremes(NamedTuple):
    """Distribution of yearly peaks: P(peak <= x) = exp(-(1 - shape (x - location) / scale)^(1/shape)).

    The sign of the shape is Hosking's and that of ``scipy.stats.genextreme``; 0 is Gumbel's distribution.
    """

    location: FloatArray
    scale: FloatArray
    shape: FloatArray


def return_periods(
    gauges: pd.DataFrame,
    as_of: pd.Timestamp | str,
    *,
    quantity: str = "discharge",
    distribution: str = "gev",
    periods: Sequence[float] = PERIODS,
) -> pd.DataFrame:
    """Peaks that are reached or passed once in so many years on average, as known on a date.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.core.contracts.GAUGE_COLUMNS`).
    as_of
        Date of the product. The peaks are those of complete water years before the running one, as known when it began.
    quantity
        Of what.
    distribution
        ``gev``, or ``gumbel``, which bends less and asks less of a short record.
    periods
        Return periods [year], each more than 1.

    Returns
    -------
    pandas.DataFrame
        One row a gauge and period: gauge_id, period_years, level (in the unit of the quantity), low and high (limits of the
        :data:`INTERVAL`), years (how many peaks), distribution. No row of a gauge with fewer than :data:`MIN_YEARS`
        complete years, or whose peaks are all the same.

    Notes
    -----
    Intervals hold if the river's floods keep their law; dams, dykes and a changing climate are not in them.
    """
    columns = ["gauge_id", "period_years", "level", "low", "high", "years", "distribution"]
    rows = revisions(gauges, quantity)
    out = []
    if any(mine.day.size for mine in rows.values()):
        peaks = peaks_before(levels_of(rows, quantity), as_of)
        for gauge_id, mine in zip(rows, peaks, strict=True):
            if mine.size < MIN_YEARS or np.ptp(mine) == 0:
                continue
            levels, low, high = return_levels(mine, periods, distribution)
            for number, period in enumerate(periods):
                out.append((gauge_id, period, levels[number], low[number], high[number], mine.size, distribution))
    return pd.DataFrame(out, columns=columns)


def peaks_before(levels: Levels, as_of: pd.Timestamp | str) -> list[FloatArray]:
    """Highest day of each complete water year before the running one, of each place, the last year first."""
    day = days_of([as_of_instant(as_of)])
    month = months_of(levels, day).low
    start = year_start(np.broadcast_to(day, month.shape), month)
    out = []
    for place in range(month.shape[0]):
        peaks = np.empty(0)
        if month[place, 0] > 0:
            peaks = climate_before(levels, int(start[place, 0])).highest[place]
        out.append(peaks[np.isfinite(peaks)])
    return out


def return_levels(
    peaks: FloatArray, periods: Sequence[float], distribution: str = "gev", *, seed: int = SEED
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level of each return period and the limits of its :data:`INTERVAL`, shape (period,) each.

    Parameters
    ----------
    peaks
        Highest value of each year, shape (year,).
    periods
        Return periods [year].
    distribution
        One of :data:`DISTRIBUTIONS`.
    seed
        Of the bootstrap.

    Raises
    ------
    ValueError
        If there are fewer than :data:`MIN_YEARS` years, a period is not more than one year, or the distribution is unknown.
    """
    peaks = np.asarray(peaks, float)
    if peaks.size < MIN_YEARS:
        raise ValueError(f"{peaks.size} years are too few for rare floods; {MIN_YEARS} are needed")
    if not all(period > 1 for period in periods):
        raise ValueError(f"return periods {list(periods)} must be more than one year: peaks are counted once a year")
    chance = 1 - 1 / np.asarray(periods, float)
    fitted = fit(peaks[np.newaxis], distribution)
    drawn = np.random.default_rng(seed).random((BOOTSTRAP, peaks.size))
    again = fit(quantile(fitted, drawn), distribution)
    spread = quantile(again, chance[np.newaxis])
    outside = (1 - INTERVAL) / 2
    low, high = np.quantile(spread, (outside, 1 - outside), axis=0)
    return quantile(fitted, chance[np.newaxis])[0], low, high


def fit(samples: FloatArray, distribution: str = "gev") -> Extremes:
    """Return the distribution of extremes that fits each row by its L-moments.

    Parameters
    ----------
    samples
        Yearly peaks, shape (sample, year).
    distribution
        One of :data:`DISTRIBUTIONS`.

    Returns
    -------
    Extremes
        Parameters, shape (sample,) each.
    """
    first, second, skewness = l_moments(samples)
    if distribution == "gumbel":
        scale = second / math.log(2)
        return Extremes(first - _EULER * scale, scale, np.zeros_like(scale))
    if distribution != "gev":
        raise ValueError(f"{distribution!r} is no distribution of peaks; those are {', '.join(DISTRIBUTIONS)}")
    c = 2 / (3 + skewness) - math.log(2) / math.log(3)
    shape = 7.8590 * c + 2.9554 * c**2
    shape = np.where(np.abs(shape) < 1e-6, 1e-6, shape)  # the formulas have a gap at 0, the law has none
    gamma = np.vectorize(math.gamma, otypes=[float])(1 + shape)
    scale = second * shape / ((1 - 2.0**-shape) * gamma)
    return Extremes(first - scale * (1 - gamma) / shape, scale, shape)


def l_moments(samples: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the first and second L-moment and L-skewness of each row, unbiased (Hosking 1990, equations 2.1 and 3.1)."""
    ordered = np.sort(samples, axis=1)
    n = ordered.shape[1]
    rank = np.arange(n)
    b0 = ordered.mean(axis=1)
    b1 = (ordered * rank / (n - 1)).mean(axis=1)
    b2 = (ordered * rank * (rank - 1) / ((n - 1) * (n - 2))).mean(axis=1)
    second = 2 * b1 - b0
    third = 6 * b2 - 6 * b1 + b0
    return b0, second, np.divide(third, second, out=np.zeros(second.size), where=second > 0)


def quantile(law: Extremes, chance: FloatArray) -> FloatArray:
    """Return the level that stays unpassed with a chance, shape (sample, chance)."""
    location, scale, shape = (np.asarray(part, float)[:, np.newaxis] for part in law)
    reduced = -np.log(-np.log(np.clip(chance, 1e-12, 1 - 1e-12)))
    curved = np.where(shape == 0, 1.0, shape)
    return np.asarray(location + scale * np.where(shape == 0, reduced, -np.expm1(-curved * reduced) / curved))
