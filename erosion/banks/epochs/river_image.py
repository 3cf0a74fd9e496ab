"""The river in one mask as runs of pixels, and how much of two rivers coincides, one of them displaced or not.

A run is a stretch of river in one row. A mask of six million pixels has some ten thousand of them, so that two rivers are
compared in less than a millisecond, at every displacement exactly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from erosion.banks.channel import river_runs
from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.core.raster.components import find_runs, pixels_of


@dataclass(frozen=True, eq=False)
class RiverImage:
    """What of a mask is river and what was not seen; two of the same content are equal.

    Attributes
    ----------
    start, stop
        Runs of river that was seen: first pixel and one past the last, flat indices in ascending order.
    unseen_start, unseen_stop
        Runs of pixels that were not seen.
    shape
        Rows and columns of the mask.
    whole
        Share of the water that is connected; pixels not seen may be river and cut nothing.
    """

    start: IntArray
    stop: IntArray
    unseen_start: IntArray
    unseen_stop: IntArray
    shape: tuple[int, int]
    whole: float

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the content."""
        content = hashlib.sha256(repr((self.shape, self.whole)).encode())
        for runs in (self.start, self.stop, self.unseen_start, self.unseen_stop):
            content.update(repr(runs.size).encode() + runs.tobytes())
        return content.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RiverImage) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def pixels(self) -> int:
        """Pixels of river."""
        return int((self.stop - self.start).sum())

    @cached_property
    def seen(self) -> int:
        """Pixels that were seen."""
        return self.shape[0] * self.shape[1] - int((self.unseen_stop - self.unseen_start).sum())

    @property
    def share(self) -> float:
        """Share of what was seen that is river."""
        return self.pixels / max(self.seen, 1)

    @cached_property
    def shore(self) -> float:
        """Length of the edge between river and land [pixels]; the edge of what was seen is no shore.

        The number of pixel sides along a line is 4 / pi of its length, averaged over directions (Cauchy and Crofton).
        """
        sides = 0
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            start, stop = displaced(self, down, right)
            sides += int((stop - start).sum()) - overlap(start, stop, self.start, self.stop)
            sides -= overlap(start, stop, self.unseen_start, self.unseen_stop)
        return float(np.pi / 4 * sides)

    @property
    def width(self) -> float:
        """Mean width [pixels]: the area over half of the shore."""
        return 2.0 * self.pixels / max(self.shore, 1.0)

    @property
    def widths(self) -> float:
        """Length of the river in widths."""
        return self.pixels / max(self.width, 1e-9) ** 2

    def thumbnail(self, side: int) -> FloatArray:
        """Return the river's share of blocks of ``side`` by ``side`` pixels, the last ones cut by the edge of the image."""
        rows, columns = (-(-length // side) for length in self.shape)
        pixel = pixels_of(self.start, self.stop)
        block = pixel // self.shape[1] // side * columns + pixel % self.shape[1] // side
        share: FloatArray = np.bincount(block, minlength=rows * columns).reshape(rows, columns) / side**2
        return share

    def fraction(self) -> NDArray[np.float32]:
        """Return 1 where the river is, 0 elsewhere and NaN where nothing was seen, shape (rows, columns)."""
        fraction = _mask(self.start, self.stop, self.shape).astype(np.float32)
        fraction.ravel()[pixels_of(self.unseen_start, self.unseen_stop)] = np.nan
        return fraction


def river_image(fraction: FloatArray) -> RiverImage:
    """Return the river in a mask.

    Parameters
    ----------
    fraction
        Share of water, NaN where nothing was seen, shape (rows, columns).
    """
    unseen = np.isnan(fraction)
    hidden = find_runs(unseen) if unseen.any() else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    runs, keep = river_runs(~(fraction < 0.5))
    kept = keep[runs.patch]
    start, stop = runs.start[kept], runs.stop[kept]
    water = runs.area.sum()
    if hidden[0].size:
        water -= overlap(runs.start, runs.stop, *hidden)
        start, stop = find_runs(_mask(start, stop, unseen.shape) & ~unseen)
    river = int((stop - start).sum())
    return RiverImage(start, stop, *hidden, unseen.shape, river / max(int(water), 1))


def _mask(start: IntArray, stop: IntArray, shape: tuple[int, int]) -> BoolArray:
    mask = np.zeros(shape, dtype=bool)
    mask.ravel()[pixels_of(start, stop)] = True
    return mask


def overlap(start: IntArray, stop: IntArray, other_start: IntArray, other_stop: IntArray) -> int:
    """Return the number of pixels in both of two sets of runs, each ascending and without common pixels."""
    if not start.size or not other_start.size:
        return 0
    before = np.concatenate([[0], np.cumsum(other_stop - other_start)])

    def up_to(pixel: IntArray) -> IntArray:
        """Return the pixels of the other set before each of some pixels."""
        begun = np.searchsorted(other_start, pixel, side="right")
        last = np.maximum(begun - 1, 0)
        beyond = np.where(begun > 0, np.maximum(other_stop[last] - pixel, 0), 0)
        counted: IntArray = before[begun] - beyond
        return counted

    return int((up_to(stop) - up_to(start)).sum())


def displaced(image: RiverImage, down: int, right: int) -> tuple[IntArray, IntArray]:
    """Return the runs of a river moved by whole pixels; what leaves the image is gone."""
    rows, columns = image.shape
    row, first = image.start // columns, image.start % columns
    last = first + image.stop - image.start
    row, first, last = row + down, (first + right).clip(0, columns), (last + right).clip(0, columns)
    there = (row >= 0) & (row < rows) & (last > first)
    return row[there] * columns + first[there], row[there] * columns + last[there]


def agreement(new: RiverImage, old: RiverImage) -> float:
    """Return the share of two rivers that coincides where both masks were seen, 0 to 1 (coefficient of Dice 1945).

    Parameters
    ----------
    new, old
        Two masks of one grid.
    """
    size = sum(common_river(new, old))
    return 2.0 * overlap(new.start, new.stop, old.start, old.stop) / max(size, 1)


def common_river(new: RiverImage, old: RiverImage) -> tuple[int, int]:
    """Return the pixels of river of each of two masks that both masks saw."""
    return (
        new.pixels - overlap(new.start, new.stop, old.unseen_start, old.unseen_stop),
        old.pixels - overlap(old.start, old.stop, new.unseen_start, new.unseen_stop),
    )


def seen_in_both(new: RiverImage, old: RiverImage) -> tuple[RiverImage, RiverImage]:
    """Return two rivers without what either mask did not see."""
    if not new.unseen_start.size and not old.unseen_start.size:
        return new, old
    only_old = _without(old.unseen_start, old.unseen_stop, new.unseen_start, new.unseen_stop)
    start, stop = (
        np.sort(np.concatenate(ends)) for ends in zip((new.unseen_start, new.unseen_stop), only_old, strict=True)
    )
    clipped = [
        RiverImage(*_without(one.start, one.stop, start, stop), start, stop, one.shape, one.whole) for one in (new, old)
    ]
    return clipped[0], clipped[1]


def _without(start: IntArray, stop: IntArray, other_start: IntArray, other_stop: IntArray) -> tuple[IntArray, IntArray]:
    """Return the runs of the pixels of one set of runs that are not in another, cut where the first were."""
    at = np.concatenate([start, stop, other_start, other_stop])
    order = np.argsort(at, kind="stable")
    step = np.repeat([1, -1, -2, 2], [start.size, stop.size, other_start.size, other_stop.size])[order]
    at = at[order]
    # 1 in a run of the first set alone; less where the other is, or neither.
    inside = (np.cumsum(step)[:-1] == 1) & (at[1:] > at[:-1])
    return at[:-1][inside], at[1:][inside]
