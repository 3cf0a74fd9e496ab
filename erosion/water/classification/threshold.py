"""Threshold between land and water on the scale of one scene, and whether the two classes are separable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from erosion.core.arrays import MAD_TO_SIGMA, BoolArray
from erosion.core.raster.block_array import Raster
from erosion.core.raster.windows import Window, padded, pixels, spread
from erosion.water.classification.reference import WaterReference

BINS = 256
"""Bins of the histogram in which the threshold is searched."""

MIN_PIXELS = 500
"""Fewer pixels are no sample of a scene."""

MIN_SHARE = 0.02
"""Each class needs this share of the pixels: Otsu's threshold is known to split the larger class when one is rarer."""

MIN_SEPARABILITY = 1.8
"""Less distance between the classes than this, in sums of their spreads, is one class cut in two: a normal
distribution cut at its middle has 1.3, a uniform one 1.35, two normal ones four standard deviations apart 2."""

MAX_SAMPLE = 200_000
"""Pixels that are enough for a threshold; more are thinned evenly."""

SEARCH_M = 150.0
"""The threshold is searched this near to the last known edge, where water and land are about as frequent [m]."""

SEARCH_PX = 4
"""The same in pixels, for images of coarse pixels."""

WINDOW_SAMPLE = 10_000
"""Pixels of a window that are enough for its part in the threshold."""

TURBID = 0.15
"""Turbid water may be below where water usually begins by this share of its distance from land."""

SURE_PERCENT = 5
"""A reference share below this, or above 100 less this, is sure enough to lend a scene its classes."""


class SceneUnusable(Exception):  # noqa: N818 - it is a finding about a scene, not a fault of the program
    """A scene whose water and land cannot be separated; the message has the figure and its limit."""


@dataclass(frozen=True)
class Split:
    """A threshold and the two classes it makes.

    Attributes
    ----------
    threshold
        Values above it are of the upper class.
    low, high
        Median of each class.
    separability
        Distance of the medians over the sum of the spreads (standard deviations from median absolute deviations).
    high_share
        Share of the values in the upper class.
    """

    threshold: float
    low: float
    high: float
    separability: float
    high_share: float

    def weakness(self) -> str | None:
        """Return why these are not two classes, or None where they are."""
        if not MIN_SHARE <= self.high_share <= 1 - MIN_SHARE:
            return f"water is {100 * self.high_share:.1f} % of the pixels looked at; 2 to 98 % are needed"
        if self.separability < MIN_SEPARABILITY:
            return f"water and land differ by {self.separability:.2f} of their spread; {MIN_SEPARABILITY} is needed"
        return None


def thin(values: NDArray[np.float32], limit: int = MAX_SAMPLE) -> NDArray[np.float32]:
    """Return an even sample of at most ``limit`` values (or rows), the same one every time."""
    return values[:: -(-len(values) // limit)] if len(values) > limit else values


def otsu(values: NDArray[np.floating]) -> float:
    """Threshold that makes the variance between the two classes largest (Otsu 1979).

    Parameters
    ----------
    values
        Finite values, shape (n,). The outermost half per cent at each end does not stretch the histogram.

    Returns
    -------
    float
        The middle of the best thresholds where an empty valley makes many equally good.
    """
    lowest, highest = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    if not highest > lowest:
        return lowest
    count, edge = np.histogram(np.clip(values, lowest, highest), bins=BINS, range=(lowest, highest))
    middle = 0.5 * (edge[1:] + edge[:-1])
    below = np.cumsum(count)[:-1]
    above = below[-1] + count[-1] - below
    total = np.cumsum(count * middle)
    between = np.zeros(BINS - 1)
    both = (below > 0) & (above > 0)
    mean_below = total[:-1][both] / below[both]
    mean_above = (total[-1] - total[:-1][both]) / above[both]
    between[both] = below[both] * above[both] * (mean_above - mean_below) ** 2
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(0.5 * (edge[best[0] + 1] + edge[best[-1] + 1]))


def split_at(values: NDArray[np.floating], threshold: float) -> Split:
    """Return the classes that a threshold makes."""
    high = values > threshold
    share = float(high.mean()) if values.size else 0.0
    if share in (0.0, 1.0):
        middle = float(np.median(values)) if values.size else float("nan")
        return Split(threshold, middle, middle, 0.0, share)
    return _describe(values[~high], values[high], threshold, share)


def split(values: NDArray[np.floating]) -> Split:
    """Return the two classes of values by :func:`otsu`."""
    return split_at(values, otsu(values))


def split_between(low: NDArray[np.floating], high: NDArray[np.floating]) -> Split:
    """Return two classes that are known from elsewhere as a split, with the threshold halfway between their medians."""
    threshold = 0.5 * (float(np.median(low)) + float(np.median(high)))
    return _describe(low, high, threshold, high.size / (low.size + high.size))


def _describe(low: NDArray[np.floating], high: NDArray[np.floating], threshold: float, share: float) -> Split:
    below, above = float(np.median(low)), float(np.median(high))
    spread = float(np.median(np.abs(low - below)) + np.median(np.abs(high - above)))
    # Values without any spread are a made scene; a thousandth keeps the figure finite.
    separability = (above - below) / max(MAD_TO_SIGMA * spread, 1e-3 * abs(above - below), 1e-9)
    return Split(threshold, below, above, separability, share)


def find_threshold(
    value_at: Callable[[Window], NDArray[np.float32]],
    usable: Raster[np.bool_],
    windows: Sequence[Window],
    pixel_m: float,
    reference: WaterReference | None,
    *,
    usual: float | None = None,
) -> tuple[Split, str]:
    """Return this scene's threshold between land and water, and where it comes from.

    With a reference, Otsu's threshold of the pixels near its edge. Where these are no two valid classes (one bank in
    cloud, little water) the scene's values on the reference's sure land and water are taken instead, and where there are
    too few of these, the usual threshold. Without a reference, Otsu's threshold of the whole corridor, then twice more near
    the edge this makes; where water is rare and that fails, the same from the usual threshold.

    Parameters
    ----------
    value_at
        Index of a window; water is high.
    usable
        Pixels that can be used, shape (rows, columns).
    windows
        Windows of the corridor.
    pixel_m
        Pixel size [m].
    reference
        Best water share so far, or None.
    usual
        Threshold by the authors of the index, where there is one.

    Returns
    -------
    tuple
        The split, and where it comes from: ``edge``, ``reference``, ``corridor`` or ``usual``.

    Raises
    ------
    SceneUnusable
        Where water and land cannot be separated.
    """
    radius = max(pixels(SEARCH_M, pixel_m), SEARCH_PX)

    def near(sides: Callable[[Window], tuple[BoolArray, BoolArray]]) -> NDArray[np.float32]:
        """Values near the edge between two masks."""
        found = []
        for window in windows:
            outer, inner = padded(window, radius, usable.shape)
            low, high = sides(outer)
            edge = spread(low, 1) & spread(high, 1)
            if edge.any():
                chosen = spread(edge, radius)[inner] & usable[window]
                found.append(thin(value_at(window)[chosen], WINDOW_SAMPLE))
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def where(chosen: Callable[[Window], BoolArray]) -> NDArray[np.float32]:
        values = [thin(value_at(w)[usable[w] & chosen(w)], WINDOW_SAMPLE) for w in windows]
        return np.concatenate(values) if values else np.zeros(0, np.float32)

    def weakness(found: Split) -> str | None:
        if usual is not None and found.high < usual - TURBID * (found.high - found.low):
            return f"the wetter class has {found.high:.2f}, water usually begins at {usual:g}"
        return found.weakness()

    def cut_at(cut: float) -> Callable[[Window], tuple[BoolArray, BoolArray]]:
        def sides(window: Window) -> tuple[BoolArray, BoolArray]:
            value, good = value_at(window), usable[window]
            return good & (value <= cut), good & (value > cut)

        return sides

    if reference is None:
        values = where(lambda w: usable[w])
        if values.size < MIN_PIXELS:
            raise SceneUnusable(f"only {values.size} clear pixels in the corridor; {MIN_PIXELS} are needed")
        first = otsu(values)
        reason = weakness(split_at(values, first))
        starts = [(first, "corridor")] if usual is None else [(first, "corridor"), (usual, "usual")]
        for start, name in starts:
            beside = near(cut_at(start))
            if beside.size < MIN_PIXELS:
                continue
            found = split(beside)
            again = near(cut_at(found.threshold))
            if again.size >= MIN_PIXELS:
                found = split(again)
            if weakness(found) is None:
                return found, name
            reason = weakness(found)
        if usual is not None and beside.size >= MIN_PIXELS:
            # A river one or two pixels wide: its land may have halves farther apart than water is frequent.
            found = split_at(beside, usual)
            if weakness(found) is None:
                return found, "usual"
        raise SceneUnusable(f"water cannot be distinguished from land in the corridor: {reason}")

    percent = reference.percent
    values = near(lambda w: (percent[w] < 50, (percent[w] >= 50) & (percent[w] <= 100)))
    if values.size < MIN_PIXELS:
        raise SceneUnusable(f"only {values.size} clear pixels near the bank; {MIN_PIXELS} are needed")
    found = split(values)
    reason = weakness(found)
    if reason is None:
        return found, "edge"
    land = where(lambda w: percent[w] <= SURE_PERCENT)
    water = where(lambda w: (percent[w] >= 100 - SURE_PERCENT) & (percent[w] <= 100))
    if min(land.size, water.size) >= MIN_PIXELS:
        found = split_between(land, water)
        if weakness(found) is None:
            return found, "reference"
    if usual is not None:
        # The same river one or two pixels wide as above: with a reference it is separated no worse than without.
        found = split_at(values, usual)
        if weakness(found) is None:
            return found, "usual"
    raise SceneUnusable(f"water cannot be distinguished from land near the bank: {reason}")
