"""Whether a release is applicable to a river: a test of how far its features lie from those the release was trained on.

A two-sample test of dataset shift: the mean over features of the two-sample Kolmogorov-Smirnov distance (one test a feature is
what Rabanser et al. 2019, arXiv:1810.11953, found best), with a conformal p-value (Vovk et al. 2005): the training dates
themselves, each held against all others, say how far a date of the same river lies. No distribution is assumed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from erosion.banks.established import YEAR_DAYS
from erosion.core.arrays import FloatArray, IntArray
from erosion.core.vocabulary import ShiftVerdict

LEVELS: Final = 101
"""Quantiles that a release keeps of each feature; a distance to them differs from one to all rows by at most a hundredth."""

RECORD_Y: Final = 3.0
"""Years of record from which a date is tested, and from which training dates are a standard for others [y]: before, the
rates of three and six years are missing."""

STRETCH_KM: Final = 25.0
"""Least length of river that a training date is judged by [km]: a short reach is farther from all rows than a long one."""

FEWEST_DATES: Final = 9
"""Training dates that the test needs: with fewer it would be wrong more often than once in ten dates."""

SPREAD: Final = 1.0
"""Standard deviation, from one river to another, of the log odds by which chances are off on a river that the release was
not trained on. See docs/forecast.md for the rivers that it was measured on."""


@dataclass(frozen=True)
class Reference:
    """Features of the training rows of one river, and how far each of its dates lies from all others.

    Attributes
    ----------
    quantiles
        Feature to its quantiles at :data:`LEVELS` even levels from 0 to 1, not falling.
    distances
        Distance of each training date to all others [1], rising.
    """

    quantiles: Mapping[str, FloatArray]
    distances: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "quantiles": {name: [_shortest(value) for value in values] for name, values in self.quantiles.items()},
            "distances": list(self.distances),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Reference:
        """Return what :meth:`as_json` wrote.

        Raises
        ------
        ValueError
            If it holds what no training gives; the message names the rule.
        """
        quantiles = {
            str(name): np.asarray(values, dtype=np.float32).astype(float)
            for name, values in content["quantiles"].items()
        }
        distances = np.asarray(content["distances"], dtype=float)
        rules = {
            f"quantiles: {LEVELS} finite numbers a feature, not falling": all(
                values.shape == (LEVELS,) and np.isfinite(values).all() and (np.diff(values) >= 0).all()
                for values in quantiles.values()
            ),
            "quantiles: of one feature or more": bool(quantiles),
            "distances: from 0 to 1, not falling": distances.ndim == 1
            and bool(((distances >= 0) & (distances <= 1)).all())
            and bool((np.diff(distances) >= 0).all()),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise ValueError(broken[0])
        return Reference(quantiles, tuple(distances.tolist()))


@dataclass(frozen=True)
class ShiftTest:
    """Result of the test of one reach on one date.

    Attributes
    ----------
    verdict
        Within the limit, beyond it, or not tested.
    river
        Training river that is nearest, by how far it lies within or beyond the limit; empty where it was not tested.
    why
        Why it was not tested; empty where it was.
    distance, limit
        Mean distance of the features, and the largest one of the training dates [1]; NaN where it was not tested.
    p_value
        Conformal p-value [1]; NaN where it was not tested.
    false_alarm
        Largest probability that a date of that river is found beyond the limit [1]; NaN where it was not tested.
    dates
        Dates of that river that the limit comes from.
    """

    verdict: ShiftVerdict
    why: str = ""
    river: str = ""
    distance: float = math.nan
    limit: float = math.nan
    p_value: float = math.nan
    false_alarm: float = math.nan
    dates: int = 0


def record_years(rows: pd.DataFrame) -> FloatArray:
    """Return the years from the first observation of a reach to the newest one of each row [y], shape (n,)."""
    first = rows.groupby("reach")["epoch"].transform("min")
    return np.asarray((rows["epoch"] - first).dt.days / YEAR_DAYS, dtype=float)


def compared_features(names: Iterable[str]) -> tuple[str, ...]:
    """Return the features that are compared.

    Those of the whole record and the time since the last loss grow with the record: they would tell dates apart rather than
    rivers.
    """
    return tuple(name for name in names if not (name.endswith("_record") or name == "years_since_loss"))


def references_of(rows: pd.DataFrame, features: Sequence[str], river: str) -> dict[str, Reference]:
    """Return what a release keeps of its training rows, river by river.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``; of several rivers with the column ``river``.
    features
        Features of the model.
    river
        Name of the river where there is one.
    """
    if "river" not in rows:
        return {river: reference_of(rows, features)}
    return {str(name): reference_of(part, features) for name, part in rows.groupby("river", sort=False)}


def references_from_json(content: Mapping[str, Any]) -> dict[str, Reference] | None:
    """Return the references of ``reference.json``, by river; None of a release from before they were kept.

    Raises
    ------
    ValueError
        If one holds what no training gives; the message names the rule.
    """
    if "rivers" not in content:
        return None
    return {str(name): Reference.from_json(one) for name, one in content["rivers"].items()}


def references_as_json(references: Mapping[str, Reference]) -> dict[str, Any]:
    """Return the content of ``reference.json``."""
    return {"rivers": {name: one.as_json() for name, one in references.items()}}


def reference_of(rows: pd.DataFrame, features: Iterable[str]) -> Reference:
    """Return what a release keeps of its training rows of one river.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    features
        Features of the model; those of :func:`compared_features` are kept that any row knows.
    """
    old = record_years(rows) >= RECORD_Y
    table = rows[old] if old.any() else rows
    date = np.asarray(table.groupby(["reach", "as_of"]).ngroup(), dtype=np.int64)
    stretch, of_date = _stretches(table, date)
    quantiles: dict[str, FloatArray] = {}
    apart = []
    for name in compared_features(features):
        values = _single(table[name])
        order = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
        if not order.size:
            continue
        ordered, dates, stretches = values[order], date[order], stretch[order]
        quantiles[name] = _quantiles(ordered)
        others = [_quantiles(ordered[dates != one]) for one in range(of_date.max() + 1)]
        ends = np.searchsorted(stretches[by := np.argsort(stretches, kind="stable")], np.arange(len(of_date) + 1))
        parts = [ordered[by[start:stop]] for start, stop in itertools.pairwise(ends)]
        apart.append([ks_distance(part, others[one]) for part, one in zip(parts, of_date, strict=True)])
    mean = _known_mean(np.array(apart).T) if apart else np.array([])
    farthest = pd.Series(mean).groupby(of_date[: len(mean)]).max().dropna()
    return Reference(quantiles, tuple(sorted(round(float(value), 6) for value in farthest)))


def _stretches(table: pd.DataFrame, date: IntArray) -> tuple[IntArray, IntArray]:
    """Return the number of each row's date and stretch of river, and which date each of these numbers belongs to."""
    length_km = table.groupby("reach")["river_km"].transform("max")
    count = np.maximum(np.floor(length_km / STRETCH_KM), 1.0)
    place = np.minimum(np.floor(table["river_km"] / length_km * count), count - 1).fillna(0.0)
    keys = pd.DataFrame({"date": date, "place": place.to_numpy()})
    stretch = np.asarray(keys.groupby(["date", "place"]).ngroup(), dtype=np.int64)
    of_date = np.asarray(keys.drop_duplicates().sort_values(["date", "place"])["date"], dtype=np.int64)
    return stretch, of_date


def judge(features: pd.DataFrame, record_y: float, references: Mapping[str, Reference] | None) -> ShiftTest:
    """Return whether a reach is as near to one of the training rivers as the dates of that river.

    By exchangeability a further date of a training river is farther from it than all n of its training dates with a
    probability of at most ``1 / (n + 1)``, whatever the features are distributed like.

    Parameters
    ----------
    features
        Features of all segments on the date.
    record_y
        Years from the first observation of the reach to the newest [y].
    references
        From the release, by river; None where it holds none.
    """
    if references is None:
        return _not_tested("the release does not say what it was trained on; train it again")
    enough = {name: one for name, one in references.items() if len(one.distances) >= FEWEST_DATES}
    if not enough:
        most = max((len(one.distances) for one in references.values()), default=0)
        return _not_tested(f"the release was trained on {most} dates of a river, the test needs {FEWEST_DATES}")
    if record_y < RECORD_Y:
        return _not_tested(f"record too short: {record_y:.1f} years, the test needs {RECORD_Y:g}")
    tests = [_held_against(features, name, one) for name, one in enough.items()]
    known = [test for test in tests if not math.isnan(test.distance)]
    if not known:
        return _not_tested("no feature of the release is known here")
    return min(known, key=lambda test: (test.verdict != ShiftVerdict.WITHIN, test.distance - test.limit))


def _held_against(features: pd.DataFrame, river: str, reference: Reference) -> ShiftTest:
    """Return the test of a reach against one training river."""
    distance, past = distance_to(features, reference), np.array(reference.distances)
    verdict = ShiftVerdict.BEYOND if distance > past.max() else ShiftVerdict.WITHIN
    bound = 1.0 / (len(past) + 1)
    p_value = conformal_p_value(distance, past)
    return ShiftTest(verdict, "", river, distance, float(past.max()), p_value, bound, len(past))


def _not_tested(why: str) -> ShiftTest:
    return ShiftTest(ShiftVerdict.NOT_TESTED, why)


def distance_to(features: pd.DataFrame, reference: Reference) -> float:
    """Return the mean Kolmogorov-Smirnov distance of the features of a date to the training rows [1]; NaN where none is known."""
    apart = [ks_distance(_single(features[name]), sample) for name, sample in reference.quantiles.items()]
    return float(_known_mean(np.array([apart]))[0])


def conformal_p_value(distance: float, others: FloatArray) -> float:
    """Return ``(1 + number of others at least as far) / (n + 1)`` (Vovk et al. 2005)."""
    return float((1 + np.count_nonzero(others >= distance)) / (len(others) + 1))


def ks_distance(values: FloatArray, sample: FloatArray) -> float:
    """Return the two-sample Kolmogorov-Smirnov distance: the largest difference of two distribution functions [1].

    Parameters
    ----------
    values
        One sample, shape (n,); missing values are left out.
    sample
        The other, rising, without missing values, shape (m,).

    Returns
    -------
    float
        NaN where one of them is empty.
    """
    known = np.sort(values[~np.isnan(values)])
    if not known.size or not sample.size:
        return math.nan
    at = np.concatenate([known, sample])
    below = np.searchsorted(known, at, side="right") / known.size
    return float(np.abs(below - np.searchsorted(sample, at, side="right") / sample.size).max())


def _quantiles(ordered: FloatArray) -> FloatArray:
    """Return the values of a rising sample at even levels (inverse of its distribution function), shape (LEVELS,)."""
    if not ordered.size:
        return ordered
    place = np.ceil(np.linspace(0.0, 1.0, LEVELS) * ordered.size).astype(int) - 1
    return ordered[np.clip(place, 0, ordered.size - 1)]


def _single(column: pd.Series) -> FloatArray:
    """Return a feature in single precision, as the boosters read it: equal values stay equal in a file."""
    return column.to_numpy(np.float32).astype(float)


def _shortest(value: float) -> float:
    """Return the shortest decimal number that is the same in single precision."""
    return float(str(np.float32(value)))


def _known_mean(apart: FloatArray) -> FloatArray:
    known = np.isfinite(apart)
    with np.errstate(invalid="ignore"):
        mean: FloatArray = np.where(known, apart, 0.0).sum(axis=1) / known.sum(axis=1)
    return mean
