"""Parts of daily windows between two days: their extremes and first marked days, and ranks among other days."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.gauges.statistics.seasons import MIN_COMPLETE

MAX_AGE_DAYS: Final = 10
"""An older value is no present one."""


class Windows(NamedTuple):
    """Windows of places on dates and what is at hand of them."""

    level: FloatArray  # (place, as_of, age)
    today: IntArray  # days since 1970, (as_of,)
    newest: IntArray  # newest usable day, -1 where there is none, (place, as_of)
    value: FloatArray  # its level where it is a present one, (place, as_of)


class Part(NamedTuple):
    """Part of each window between two days, the end left out."""

    start: IntArray  # (place, as_of)
    inside: BoolArray  # (place, as_of, age); only days that are there
    enough: BoolArray  # (place, as_of); MIN_COMPLETE of the days


def part_of(windows: Windows, start: IntArray, end: IntArray | None = None) -> Part:
    """Part of the windows from ``start`` to ``end``, or so far; a delay of some days at the end is no gap then."""
    age = np.arange(windows.level.shape[2])
    last_age = 0 if end is None else windows.today - end + 1
    until = np.maximum(windows.newest, windows.today - MAX_AGE_DAYS) + 1 if end is None else end
    inside = (age <= (windows.today - start)[..., np.newaxis]) & (age >= np.asarray(last_age)[..., np.newaxis])
    inside &= np.isfinite(windows.level)
    count = inside.sum(axis=2)
    return Part(start, inside, (count > 0) & (count >= MIN_COMPLETE * (until - start)))


def extreme(windows: Windows, span: Part, *, highest: bool) -> tuple[FloatArray, IntArray]:
    """Highest or lowest day of a span, the first of several, and its age; NaN and 0 where it has no day."""
    sign = 1.0 if highest else -1.0
    ordered = np.where(span.inside, sign * windows.level, -np.inf)[..., ::-1]
    some = span.inside.any(axis=2)
    age = np.where(some, windows.level.shape[2] - 1 - ordered.argmax(axis=2), 0)
    return np.where(some, values_at(windows.level, age), np.nan), age


def first_day(mask: BoolArray) -> tuple[BoolArray, IntArray]:
    """Return whether any day of each window is marked, and the age of the first one."""
    return np.asarray(mask.any(axis=2)), mask.shape[2] - 1 - mask[..., ::-1].argmax(axis=2)


def values_at(window: FloatArray, age: IntArray) -> FloatArray:
    """Values at ages, shape (place, as_of) or (place, as_of, n); beyond the window the oldest one."""
    age = np.minimum(age, window.shape[2] - 1)
    if age.ndim == 2:
        return np.take_along_axis(window, age[..., np.newaxis], axis=2)[..., 0]
    return np.take_along_axis(window, age, axis=2)


def rank(value: FloatArray, others: FloatArray) -> FloatArray:
    """Share of the others (last axis, NaN for none) that are lower, ties count half."""
    with np.errstate(invalid="ignore"):
        lower = (others < value[..., np.newaxis]).sum(axis=-1) + 0.5 * (others == value[..., np.newaxis]).sum(axis=-1)
        return np.asarray(lower / np.isfinite(others).sum(axis=-1))


def rank_in(value: FloatArray, ordered: FloatArray) -> FloatArray:
    """The same of values in one sorted list."""
    lower = np.searchsorted(ordered, value, side="left")
    return np.asarray((lower + np.searchsorted(ordered, value, side="right")) / (2 * ordered.size))
