"""Values of one quantity in little memory: one a time, and no more of them than the river needs.

A logger that writes every second fills gigabytes, and a river does not change in a second. Values closer together than
ten minutes become one: the median of the ten minutes that they fall into, of rain the sum. So what is kept grows with the
years that a file covers and not with its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.gauges.formats.reading import readings
from erosion.gauges.formats.rows import Notes

WORDS: Final = ("missing", "suspect", "estimated", "good")
"""Qualities; the place of one is its rank, and of two values of one time the one with the higher rank stands."""

_BIN_NS: Final = 600 * 10**9
_MOST_RAW: Final = 1_000_000  # values that are held before they are compacted, about 30 MB


class Values(NamedTuple):
    """Values of one quantity, each array of shape (n,)."""

    time: NDArray[np.int64]  # nanoseconds since 1970 UTC
    value: NDArray[np.float64]
    rank: NDArray[np.int8]  # place in WORDS
    line: NDArray[np.int64]  # where in the file it was
    many: NDArray[np.int32]  # of how many values it was made

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Values:
        """Some of the values."""
        return Values._make(array[which] for array in self)


class Compact:
    """Take up values in the order of a file and keep few of them.

    Files may be in any order. Of a file whose order is neither rising nor falling, and that holds more than a million
    values, the ten minutes that lie far apart in it are represented by their longest piece.

    Parameters
    ----------
    quantity
        Key of :data:`erosion.core.contracts.QUANTITIES`.
    notes
        Receives duplicates and how many values were thinned.
    """

    def __init__(self, quantity: str, notes: Notes) -> None:
        self._quantity = quantity
        self._notes = notes
        self._raw: list[Values] = []
        self._held = 0
        self._kept = nothing()
        self._thinned = 0

    def add(
        self,
        time: NDArray[np.int64],
        value: NDArray[np.float64],
        rank: NDArray[np.int8],
        line: NDArray[np.int64],
    ) -> None:
        """Take up values, arrays of shape (n,); one without a number is missing whatever its rank."""
        if not time.size:
            return
        rank = np.where(np.isnan(value), 0, rank).astype(np.int8)
        self._raw.append(Values(time, value, rank, line, np.ones(time.size, dtype=np.int32)))
        self._held += time.size
        if self._held >= _MOST_RAW:
            self._settle(last=False)

    def values(self) -> Values:
        """Everything that was taken up, sorted by time, one value a time."""
        self._settle(last=True)
        if self._thinned:
            how = "sum" if self._quantity == "rain" else "median"
            self._notes.add(
                f"{self._quantity}: {self._thinned} values closer together than ten minutes, taken as the {how} of "
                "their ten minutes",
                usual=True,
            )
            self._thinned = 0
        return self._kept

    def _settle(self, *, last: bool) -> None:
        if not self._raw:
            return
        newest = self._raw[-1].time[-1] // _BIN_NS
        raw = self._one_a_time(all_of(self._raw))
        self._raw, self._held = [], 0
        if not last:
            # The ten minutes that the file is just in may go on.
            goes_on = raw.time // _BIN_NS == newest
            self._raw, self._held = [raw.take(goes_on)], int(goes_on.sum())
            raw = raw.take(~goes_on)
        thin = _thinned(raw, self._quantity == "rain")
        self._thinned += int(thin.many[thin.many > 1].sum())
        self._kept = self._one_a_time(all_of([self._kept, thin])) if self._kept.time.size else thin

    def _one_a_time(self, values: Values) -> Values:
        """Return one value a time: the best, the last of equals; where equals differ it is suspect."""
        order = np.lexsort((values.line, values.many, values.rank, values.time))
        values = values.take(order)
        same = values.time[1:] == values.time[:-1]
        if not same.any():
            return values
        stands = np.append(~same, True)
        single = values.many == 1
        differ = same & (values.rank[1:] == values.rank[:-1]) & single[1:] & single[:-1] & (values.rank[1:] > 0)
        differ &= values.value[1:] != values.value[:-1]
        group = np.cumsum(np.insert(~same, 0, True)) - 1
        best = values.rank[stands]
        unresolved = np.zeros(best.size, dtype=bool)
        at = np.flatnonzero(differ) + 1
        unresolved[group[at[values.rank[at] == best[group[at]]]]] = True
        for disputed, what in (
            (False, "time occurs before or again with the same or a better value, left out"),
            (
                True,
                "time occurs again with another value of equal quality; the last stands and is suspect, this is left out",
            ),
        ):
            lines = np.sort(values.line[~stands & single & (unresolved[group] == disputed)])
            if lines.size:
                self._notes.add(f"{self._quantity}: {what}", lines)
        kept = values.take(stands)
        return kept._replace(rank=np.where(unresolved, np.minimum(kept.rank, 1), kept.rank).astype(np.int8))


def nothing() -> Values:
    """No values."""
    return Values(
        np.array([], dtype=np.int64),
        np.array([], dtype=float),
        np.array([], dtype=np.int8),
        np.array([], dtype=np.int64),
        np.array([], dtype=np.int32),
    )


def all_of(parts: Sequence[Values]) -> Values:
    """Several sets of values behind each other."""
    return Values._make(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def as_reading(quantity: str, values: Values) -> pd.DataFrame:
    """Values in the columns of a reading."""
    words = np.array(WORDS, dtype=object)[values.rank]
    return readings(quantity, pd.to_datetime(values.time, unit="ns", utc=True), values.value, words)


def _thinned(values: Values, summed: bool) -> Values:
    """Return one value for each ten minutes; ``values`` is sorted by time, one a time.

    The value of several has the beginning of its ten minutes for a time. A median is that of the best values there; a sum is of
    all, and as good as the worst of them.
    """
    if not values.time.size:
        return values
    bins = values.time // _BIN_NS
    first = np.flatnonzero(np.diff(bins, prepend=bins[:1] - 1))
    count = np.diff(first, append=bins.size)
    if (count == 1).all():
        return values
    several = count > 1
    place = np.repeat(np.arange(count.size), count)
    rank = (np.minimum if summed else np.maximum).reduceat(values.rank, first)
    if summed:
        value = np.add.reduceat(np.nan_to_num(values.value), first)
        any_ranked = np.maximum.reduceat(values.rank, first) > 0
        value[~any_ranked] = np.nan
        rank = np.where(any_ranked, np.maximum(rank, 1), 0)
    else:
        best = values.rank == rank[place]
        chosen, at = values.value[best], place[best]
        chosen = chosen[np.lexsort((chosen, at))]
        number = np.bincount(at)
        begin = np.cumsum(number) - number
        value = (chosen[begin + (number - 1) // 2] + chosen[begin + number // 2]) / 2
    thin = values.take(first)
    return Values(
        np.where(several, bins[first] * _BIN_NS, thin.time),
        np.where(several, value, thin.value),
        np.where(several, rank, thin.rank).astype(np.int8),
        thin.line,
        count.astype(np.int32),
    )
