"""Thresholds of the levels: each level's own band keeps a stated precision, and a new release moves them only with evidence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RAISED_LEVELS: Final = (2, 3, 4)
"""Levels that a threshold raises to; level 1 is what remains of the known, 0 is the unknown."""

CASE_KM: Final = 5.0
"""Length of river whose banks move together, about one bend [km]: its rows of one date are one independent case."""

LEAST_SHARE: Final = 0.75
"""Lowest threshold of level 2 as a share of its own precision: it has no level below to take its limit from. Chances are not
calibrated on a river unlike the training river, and a level that starts low covers a quiet one. On development years of the
Athabasca (before 2012), where one metre in a thousand eroded, the Mamoré release of 2006 gives a chance of 0.1 or more to up to
14 % of the bank in one year, of 0.2 or more to 3 %."""

PRIOR_CASES: Final = 150.0
"""Independent cases that the thresholds of the release before are worth. The calibration dates of a release hold 60 to 90 in
the band of a level, which share a few floods: a release moves a threshold by about a third of what it alone would ask
for. Chosen on the development years of the Mamoré (before 2006)."""


YEAR_SPREAD: Final = 1.2
"""Standard deviation, in log odds, of what erodes in one year against what its chances say: floods differ, and nothing on the
issue date tells the coming one. Root mean square of seven development years of the Mamoré (1996 to 2004, one-year target,
blocks of river never trained on): 0.0, 0.8, -1.6, -0.5, 1.2, -1.1, -1.9."""

YEAR_CHANCE: Final = 0.8
"""Chance with which :func:`year_range` holds the share of one year."""


@dataclass(frozen=True)
class LevelBand:
    """What is raised to one level: chances from its threshold up to that of the next level.

    Attributes
    ----------
    threshold
        Chance from which the level is raised [1].
    aim
        Precision [1] that the policy states for the level.
    precision
        Share of the band's length that is expected to erode [1]: what the release states of the level.
    observed
        The same share on the calibration rows; None where none is in the band.
    rows, events
        Calibration rows in the band, and events among them.
    cases
        Independent cases that they are worth; see :func:`effective_cases`.
    previous
        Threshold that it started from: of the release before, or of the policy alone where there is none.
    weight
        Weight of the new evidence against that threshold, 0 to 1.
    """

    threshold: float
    aim: float
    precision: float
    observed: float | None
    rows: int
    events: int
    cases: float
    previous: float
    weight: float


def year_range(precision: float) -> tuple[float, float]:
    """Return the range [1] that holds the share of a level's length that erodes in one year, with :data:`YEAR_CHANCE`.

    Parameters
    ----------
    precision
        Share that is expected over many years [1], between 0 and 1.
    """
    middle = math.log(precision / (1.0 - precision))
    reach = NormalDist().inv_cdf(0.5 + YEAR_CHANCE / 2.0) * YEAR_SPREAD
    low, high = (1.0 / (1.0 + math.exp(-(middle + step))) for step in (-reach, reach))
    return low, high


def choose_thresholds(
    p: np.ndarray,
    event: np.ndarray,
    length_m: np.ndarray,
    case: np.ndarray,
    precision: Mapping[int, float],
    previous: Mapping[int, LevelBand] | None = None,
) -> dict[int, LevelBand]:
    """Return the threshold of each level and what its band is worth.

    Parameters
    ----------
    p
        Calibrated probability [1], shape (n,). Rows with NaN are left out: an unknown place raises nothing.
    event
        Whether the event came, 0 or 1 or boolean, shape (n,); NaN (window not over yet) leaves the row out.
    length_m
        Bank length of the row [m], shape (n,), positive.
    case
        Independent case the row belongs to, shape (n,); see :func:`cases_of`.
    precision
        Level (2, 3, 4) to the precision [1] of its band, above 0 and rising with the level.
    previous
        Bands of the release before. Those of another stated precision say nothing of this one and are not used.

    Returns
    -------
    dict[int, LevelBand]
        Level to its band; thresholds rise with the level.

    Raises
    ------
    ValueError
        Shapes differ, a level has no precision, or a higher level has no higher precision than a lower one.

    Notes
    -----
    From level 4 down, each band is bounded above by the threshold of the next level, so that its precision is not carried by
    the surer rows above.

    * The evidence: the lowest probability from which the rows of the band eroded in the stated share of their length.
    * Its limits: not below the precision of the level below (for level 2, :data:`LEAST_SHARE` of its own), and not above the level's own.
      Where chances are calibrated, what eroded at the threshold is the threshold itself: a chance below the lower limit
      is worth no more than the level below, one above the upper limit is worth the level whatever is around it.
    * The shrinkage: the evidence moves the log odds of the previous threshold by ``cases / (cases + PRIOR_CASES)`` of
      their difference, with the cases from the lower of the two thresholds up; where there is none, nothing moves.
    """
    p, event, length_m = (np.asarray(column, dtype=float) for column in (p, event, length_m))
    case = np.asarray(case)
    if not (p.ndim == 1 and p.shape == event.shape == length_m.shape == case.shape):
        raise ValueError(
            f"thresholds: p {p.shape}, event {event.shape}, length_m {length_m.shape} and case {case.shape} must be one "
            "row each; take them from the same calibration table"
        )
    aims = _aims(precision)
    use = np.isfinite(p) & np.isfinite(event)
    if not (length_m[use] > 0).all():
        raise ValueError("thresholds: a row has no positive length_m; precision is weighted by bank length")
    order = np.argsort(-p[use], kind="stable")
    p, event, length_m, case = (column[use][order] for column in (p, event, length_m, case))
    limits = limits_of(aims)
    bands: dict[int, LevelBand] = {}
    upper = math.inf
    for level in reversed(RAISED_LEVELS):
        aim, (least, most) = aims[level], limits[level]
        start = _start(level, aim, limits, previous)
        below = p < upper
        asked = min(max(_evidence(p[below], event[below], length_m[below], aim), least), most)
        judged = below & (p >= min(start, asked))
        cases = effective_cases(length_m[judged], case[judged])
        weight = cases / (cases + PRIOR_CASES)
        # Limits of neighbouring levels touch: one step of the number keeps thresholds apart.
        threshold = min(max(_between(start, asked, weight), least), most, math.nextafter(upper, 0.0))
        inside = below & (p >= threshold)
        cases = effective_cases(length_m[inside], case[inside])
        length = length_m[inside].sum()
        observed = float((event[inside] * length_m[inside]).sum() / length) if length else None
        calibrated = float((p[inside] * length_m[inside]).sum() / length) if length else aim
        stated = (PRIOR_CASES * calibrated + cases * (observed or 0.0)) / (PRIOR_CASES + cases)
        bands[level] = LevelBand(
            threshold=threshold,
            aim=aim,
            precision=stated,
            observed=observed,
            rows=int(inside.sum()),
            events=int(event[inside].sum()),
            cases=cases,
            previous=start,
            weight=weight,
        )
        upper = threshold
    return {level: bands[level] for level in RAISED_LEVELS}


def limits_of(precision: Mapping[int, float]) -> dict[int, tuple[float, float]]:
    """Return the lowest and the highest threshold that a level may have, from the stated precisions [1]."""
    lower = {RAISED_LEVELS[0]: precision[RAISED_LEVELS[0]] * LEAST_SHARE}
    lower |= {level: precision[level - 1] for level in RAISED_LEVELS[1:]}
    return {level: (lower[level], precision[level]) for level in RAISED_LEVELS}


def cases_of(reach: np.ndarray, river_km: np.ndarray, as_of: np.ndarray) -> NDArray[np.int64]:
    """Return the independent case of each row, shape (n,): a stretch of :data:`CASE_KM` on one issue date, both banks.

    Parameters
    ----------
    reach
        Name of the reach, shape (n,).
    river_km
        Distance along it [km], shape (n,).
    as_of
        Issue date, shape (n,).
    """
    number = np.zeros(len(reach), dtype=np.int64)
    for part in (np.asarray(reach, dtype=str), np.floor(np.asarray(river_km, float) / CASE_KM), np.asarray(as_of)):
        _, place = np.unique(part, return_inverse=True)
        _, number = np.unique(number * (int(place.max(initial=0)) + 1) + place, return_inverse=True)
    return number.astype(np.int64)


def effective_cases(length_m: np.ndarray, case: np.ndarray) -> float:
    """Return how many equally long cases the rows are worth (Kish's effective sample size), 0 without rows.

    A case with nearly all of the length counts alone, however many others touch the band with a segment.
    """
    if not len(length_m):
        return 0.0
    _, of_case = np.unique(case, return_inverse=True)
    share = np.bincount(of_case, weights=length_m)
    return float(share.sum() ** 2 / (share**2).sum())


def thresholds_of(levels: Mapping[int, LevelBand]) -> dict[int, float]:
    """Return the raise threshold of each level, NaN where there is none."""
    return {level: levels[level].threshold if level in levels else math.nan for level in RAISED_LEVELS}


def to_json(levels: Mapping[int, LevelBand]) -> dict[str, dict[str, Any]]:
    """Return bands as values of JSON, levels as text."""
    return {str(level): dataclasses.asdict(band) for level, band in levels.items()}


def from_json(content: Mapping[str, Mapping[str, Any]]) -> dict[int, LevelBand]:
    """Return bands from :func:`to_json`.

    Raises
    ------
    ValueError
        A value is missing or impossible, or thresholds do not rise with the level; the message names level and value.
    """
    names = [field.name for field in dataclasses.fields(LevelBand)]
    bands = {}
    for level in RAISED_LEVELS if content else ():
        given = content.get(str(level), {})
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(f"levels: level {level} lacks {', '.join(missing)}")
        for name in ("threshold", "aim", "precision", "previous", "weight"):
            if not 0 <= float(given[name]) <= 1:  # NaN is refused here too
                raise ValueError(f"levels: {name} of level {level} is {given[name]}, not between 0 and 1")
        bands[level] = LevelBand(**{name: given[name] for name in names})
    ladder(thresholds_of(bands))
    return bands


def ladder(thresholds: Mapping[int, float]) -> np.ndarray:
    """Return the thresholds of levels 2, 3, 4 as an array [1], shape (3,), infinite where a level is never raised."""
    missing = [level for level in RAISED_LEVELS if level not in thresholds]
    if missing:
        raise ValueError(f"thresholds: none for level {missing}; give NaN for a level that is never raised")
    values = np.array([thresholds[level] for level in RAISED_LEVELS], dtype=float)
    values[np.isnan(values)] = np.inf
    if (values < 0).any() or (values[1:] < values[:-1]).any():
        raise ValueError(
            f"thresholds: {dict(thresholds)} must not fall with the level, and above NaN comes only NaN; "
            "take them from choose_thresholds"
        )
    return values


def _aims(precision: Mapping[int, float]) -> dict[int, float]:
    missing = [level for level in RAISED_LEVELS if level not in precision]
    if missing:
        raise ValueError(f"thresholds: no precision for level {missing}; add it to the policy's precision")
    aims = {level: float(precision[level]) for level in RAISED_LEVELS}
    wanted = list(aims.values())
    if not 0 < wanted[0] < wanted[1] < wanted[2] < 1:
        raise ValueError(
            f"thresholds: precision {wanted} of levels 2, 3, 4 must rise with the level, between 0 and 1; mend the policy"
        )
    return aims


def _start(
    level: int, aim: float, limits: Mapping[int, tuple[float, float]], previous: Mapping[int, LevelBand] | None
) -> float:
    """Return the threshold of the release before; without one, the middle between the stated precisions.

    Chances spread evenly over a band have its middle as their mean, which calibrated chances keep.
    """
    if previous and level in previous and math.isclose(previous[level].aim, aim):
        return previous[level].threshold
    least, most = limits[level]
    return least if level == RAISED_LEVELS[0] else (least + most) / 2


def _evidence(p: np.ndarray, event: np.ndarray, length_m: np.ndarray, aim: float) -> float:
    """Return the lowest probability from which the rows, sorted downward, keep a precision; 1 where none does."""
    if not p.size:
        return 1.0
    # The last row of each run of equal probabilities: a threshold there takes all of them.
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True))
    share = (np.cumsum(event * length_m) / np.cumsum(length_m))[last]
    # Rounding errors must not cost a threshold whose precision is met exactly.
    reached = last[share >= aim - 1e-12]
    return float(p[reached[-1]]) if reached.size else 1.0


def _between(start: float, asked: float, weight: float) -> float:
    """Return the probability a share of the way from one to another, in log odds."""
    a, b = (math.log(value / (1.0 - value)) for value in (start, asked))
    return 1.0 / (1.0 + math.exp(-(a + weight * (b - a)))) if weight else start
