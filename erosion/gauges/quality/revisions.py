"""One series with all its revisions, and what of it was known at an instant.

A check that is to give on every night what it could have given then must compare each value with those that were known when
it was decided, not among those of today. :class:`History` answers that for many values at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from erosion.core.arrays import NEVER


@dataclass(frozen=True)
class History:
    """Rows of one gauge and quantity, sorted by time and ``available_at``; instants in ns since 1970, shape (row,).

    Attributes
    ----------
    time, available
        What a row describes, and when it could first be had.
    until
        When a later revision took its place; :data:`NEVER` for the newest.
    value
        Number in the unit of the quantity.
    usable
        Whether it is neither missing nor flagged from the start.
    times
        The different times, shape (time,).
    place
        Position of each row's time among ``times``.
    """

    time: np.ndarray
    available: np.ndarray
    until: np.ndarray
    value: np.ndarray
    usable: np.ndarray
    times: np.ndarray
    place: np.ndarray
    instants: np.ndarray
    key: np.ndarray
    """The different instants of ``available``; place and rank of the instant in one number, rising from row to row."""

    @classmethod
    def of(cls, time: np.ndarray, available: np.ndarray, value: np.ndarray, usable: np.ndarray) -> History:
        """Return the history of rows that are sorted by time and ``available``."""
        times, place = np.unique(time, return_inverse=True)
        until = np.full(time.size, NEVER)
        revised = np.flatnonzero(place[1:] == place[:-1])
        until[revised] = available[revised + 1]
        instants, rank = np.unique(available, return_inverse=True)
        key = place * (instants.size + 1) + rank
        return cls(time, available, until, value, usable, times, place, instants, key)

    def without(self, flagged: np.ndarray) -> History:
        """Return the same rows with the flagged ones, boolean of shape (row,), not usable."""
        return dataclasses.replace(self, usable=self.usable & ~flagged)

    def known(self, place: np.ndarray, instant: np.ndarray) -> np.ndarray:
        """Return the row that stood for each time at each instant, shape (n,); -1 for none or one that is not usable."""
        if self.times.size == self.time.size:
            row = np.where(self.available[place] <= instant, place, -1)
        else:
            asked = place * (self.instants.size + 1) + np.searchsorted(self.instants, instant, side="right") - 1
            row = np.searchsorted(self.key, asked, side="right") - 1
            row = np.where((row >= 0) & (self.place[row] == place), row, -1)
        return np.where((row >= 0) & self.usable[row], row, -1)

    def nearest(self, rows: np.ndarray, instant: np.ndarray, step: int, count: int, reach: int) -> np.ndarray:
        """Return the nearest rows before (``step`` -1) or after (1) each row, as known at each instant.

        Parameters
        ----------
        rows
            Rows that are asked about, shape (n,).
        instant
            When, shape (n,).
        step
            -1 or 1.
        count
            How many are wanted.
        reach
            Farther away in time [ns] none is searched.

        Returns
        -------
        numpy.ndarray
            Rows, nearest first, shape (n, count); -1 where there are no more.
        """
        found = np.full((rows.size, count), -1)
        have = np.zeros(rows.size, dtype=np.int64)
        asked, place = np.arange(rows.size), self.place[rows]
        while asked.size:
            place = place + step
            there = (place >= 0) & (place < self.times.size)
            asked, place = asked[there], place[there]
            near = np.abs(self.times[place] - self.time[rows[asked]]) <= reach
            asked, place = asked[near], place[near]
            row = self.known(place, instant[asked])
            hit = row >= 0
            one = asked[hit]
            found[one, have[one]] = row[hit]
            have[one] += 1
            more = have[asked] < count
            asked, place = asked[more], place[more]
        return found

    def followed(self, count: int) -> np.ndarray:
        """Return when each row was first known together with 1, 2, ... ``count`` later times, shape (count, row).

        The k-th smallest first availability of all later times; a value pushed out of the smallest so far by a smaller one
        comes down to the next rank, so each rank is a running minimum of what the rank above it lets fall.
        """
        first = np.full(self.times.size, NEVER)
        rows = np.flatnonzero(self.usable)
        np.minimum.at(first, self.place[rows], self.available[rows])
        out = np.empty((count, self.time.size), dtype=np.int64)
        falling = first
        for rank in range(count):
            least = np.minimum.accumulate(falling[::-1])[::-1]
            later = np.append(least[1:], NEVER)
            out[rank] = np.maximum(self.available, later[self.place])
            falling = np.maximum(falling, later)
        return out

    def standing(self, instant: int) -> np.ndarray:
        """Return the usable rows that stood just before an instant, in order of time."""
        return np.flatnonzero(self.usable & (self.available < instant) & (self.until >= instant))


def chains(link: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where links from row to row begin.

    Parameters
    ----------
    link
        Row that each row continues, shape (row,); -1 for none. Links go back in time, so there are no rings.
    weight
        What each link counts, shape (row,).

    Returns
    -------
    start : numpy.ndarray
        First row of each row's chain.
    total : numpy.ndarray
        Sum of the weights of the links from there.
    """
    start = np.where(link >= 0, link, np.arange(link.size))
    total = np.where(link >= 0, weight, 0)
    while True:  # doubles the length of what is known of every chain
        further = start[start]
        if np.array_equal(further, start):
            return start, total
        total = total + total[start]
        start = further


def years_of(instants: np.ndarray) -> Iterator[tuple[int, int]]:
    """Return begin and end [ns] of each calendar year (UTC) that holds one of some instants; NEVER is none."""
    years = np.unique(instants[instants < NEVER].astype("datetime64[ns]").astype("datetime64[Y]"))
    bounds = np.stack([years, years + 1], axis=1).astype("datetime64[ns]").astype(np.int64)
    yield from bounds.tolist()
