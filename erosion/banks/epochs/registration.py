"""The displacement, rotation or mirroring that brings the river of a new mask back onto that of an earlier one.

Registration by maximisation of overlap (Zitová and Flusser 2003, Image and Vision Computing 21): from no displacement, a
pattern search (Hooke and Jeeves 1961) over shift and rotation; where the rivers do not lie on each other, also from the
best shift of the mask as it is, turned by right angles and mirrored, each found at all displacements at once by
cross-correlation with the Fourier transform (Lewis 1995).

A river moves, too. Each of its bends does so in its own direction, so no displacement of the whole explains more than the
share of a few bends, however fast the river: the share of the disagreement that a displacement removes, times the length
of the river, is the length of river that it explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from erosion.banks.epochs.river_image import RiverImage, seen_in_both
from erosion.core.arrays import FloatArray
from erosion.core.raster.components import pixels_of

MOST_EXPLAINED: Final = 35.0
"""Length of river, in channel widths, that no displacement of a mask explains by chance. Real rivers reach 28 at most, on
stretches of 10 to 600 widths and up to nine years apart; docs/measuring.md has the table."""

LEAST_EXPLAINED: Final = 25.0
OWN_RECORD: Final = 5
"""With so many pairs of masks of its own a river is held to twice what it has reached itself, but to no less than the first."""

LOST: Final = 0.6
"""Below this agreement the rivers hardly lie on each other, and displacements farther than a width are tried, too."""

_SAMPLE: Final = 8192
"""Most pixels of the river that are looked up for one displacement of the search."""

_THUMBNAIL: Final = 1 << 15
"""Most pixels of the images that are correlated."""

_FIRST_TURN_DEG: Final = 1.0
_LAST_STEP_PIXELS: Final = 0.5


class Placement(NamedTuple):
    """How a mask lies: mirrored first (east and west exchanged), then turned, then shifted, against an earlier one.

    Attributes
    ----------
    mirrored
        Whether it is.
    turned_deg
        Rotation about the middle of the image, clockwise, above -180 to 180.
    down, right
        Shift [pixels].
    """

    mirrored: bool = False
    turned_deg: float = 0.0
    down: float = 0.0
    right: float = 0.0


class Registration(NamedTuple):
    """Where a river lies against an earlier one.

    Attributes
    ----------
    placement
        The placement under which the two rivers agree best.
    placed
        Agreement of the rivers with the new one put back, 0 to 1.
    widths
        Length of river whose disagreement the placement removes [channel widths].
    of_widths
        Length of the earlier river that both masks saw [channel widths].
    """

    placement: Placement
    placed: float
    widths: float
    of_widths: float


def least_widths(own: Sequence[float]) -> float:
    """Return the length of river that a placement must explain to be believed [channel widths].

    Parameters
    ----------
    own
        What placements of earlier masks of the river explained [channel widths].
    """
    if len(own) < OWN_RECORD:
        return MOST_EXPLAINED
    return min(max(2.0 * max(own), LEAST_EXPLAINED), MOST_EXPLAINED)


def register(new: RiverImage, old: RiverImage) -> Registration:
    """Return the placement of a river against an earlier one.

    Parameters
    ----------
    new, old
        Two masks of one grid, both with river.
    """
    new, old = seen_in_both(new, old)
    search = _Search(new, old)
    best = search.climb(Placement())
    if search.agreement(best) < LOST:
        best = max([best, *map(search.climb, search.far())], key=search.agreement)
    # Both are of the same sample of pixels.
    before, placed = search.agreement(Placement()), search.agreement(best)
    removed = (placed - before) / max(1.0 - before, 1e-9)
    return Registration(best, placed, removed * min(new.widths, old.widths), old.widths)


class _Search:
    """Agreement of two rivers as a function of the placement of one of them."""

    def __init__(self, new: RiverImage, old: RiverImage) -> None:
        self.new, self.old = new, old
        self.middle = (np.array(new.shape) - 1) / 2.0
        pixel = pixels_of(new.start, new.stop)
        some = pixel[:: -(-pixel.size // _SAMPLE)]
        self.points = np.column_stack(np.divmod(some, new.shape[1])) - self.middle
        # One row and column of land around the image take what a placement puts outside of it.
        mask = np.zeros((old.shape[0] + 2, old.shape[1] + 2), dtype=bool)
        pixel = pixels_of(old.start, old.stop)
        mask[pixel // old.shape[1] + 1, pixel % old.shape[1] + 1] = True
        self.mask = mask
        self.size = (new.pixels + old.pixels) * some.size / max(new.pixels, 1)
        self.found: dict[Placement, float] = {}

    def agreement(self, placement: Placement) -> float:
        """Return the share of the rivers that coincides when the new one is put back from a placement."""
        if placement not in self.found:
            back = (self.points - (placement.down, placement.right)) @ _turning(placement.turned_deg)
            if placement.mirrored:
                back[:, 1] = -back[:, 1]
            row, column = np.rint(back + self.middle + 1.0).astype(np.int64).T
            rows, columns = self.mask.shape
            hit = self.mask[row.clip(0, rows - 1), column.clip(0, columns - 1)]
            self.found[placement] = 2.0 * np.count_nonzero(hit) / max(self.size, 1.0)
        return self.found[placement]

    def climb(self, start: Placement) -> Placement:
        """Return the best placement uphill from one, by steps that are halved where none is better."""
        best = start
        turn, step = _FIRST_TURN_DEG, max(self.new.width / 2.0, 1.0)
        while step >= _LAST_STEP_PIXELS:
            around = [
                best._replace(
                    turned_deg=best.turned_deg + turn * a, down=best.down + step * b, right=best.right + step * c
                )
                for a, b, c in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
            ]
            better = max(around, key=self.agreement)
            if self.agreement(better) > self.agreement(best):
                best = better
            else:
                turn, step = turn / 2.0, step / 2.0
        return best

    def far(self) -> list[Placement]:
        """Return the best shift of the mask as it is and of the best of its other seven positions (turned, mirrored)."""
        from scipy import fft  # heavy, and seldom needed

        side = int(np.ceil(np.sqrt(np.prod(self.new.shape) / _THUMBNAIL)))
        new, old = _square(self.new.thumbnail(side)), _square(self.old.thumbnail(side))
        shape = tuple(fft.next_fast_len(2 * length, real=True) for length in new.shape)
        spectrum = np.conj(fft.rfft2(old, s=shape))
        # Middle of the square less the middle of the image, both in blocks.
        off = (np.array(new.shape) - 1) / 2.0 - ((np.array(self.new.shape) - 1) / 2.0 - (side - 1) / 2.0) / side
        found: list[tuple[float, Placement]] = []
        for mirrored in (False, True):
            for quarter in range(4):
                back = np.rot90(new, quarter)
                back = back[:, ::-1] if mirrored else back
                correlation = fft.irfft2(fft.rfft2(back, s=shape) * spectrum, s=shape)
                peak = np.unravel_index(int(correlation.argmax()), shape)
                shift = np.array([k if k < n // 2 else k - n for k, n in zip(peak, shape, strict=True)], dtype=float)
                # The shift was measured after turning back about the middle of the square.
                placement = Placement(mirrored, (90.0 * quarter + 180.0) % 360.0 - 180.0)
                shift = self._as_placed(placement, shift, off) * side
                found.append((float(correlation.max()), placement._replace(down=shift[0], right=shift[1])))
        return [found[0][1], max(found[1:])[1]]

    def _as_placed(self, placement: Placement, shift: FloatArray, off: FloatArray) -> FloatArray:
        """Return the shift before the mask was turned back and mirrored, of one measured after it, in blocks."""
        # back(p) = M R' (p - c) + c = q + shift, about the middle c of the square; a placement turns about that of the image.
        mirror = np.diag([1.0, -1.0]) if placement.mirrored else np.eye(2)
        turn = _turning(placement.turned_deg)
        moved: FloatArray = turn @ mirror @ (shift - off) + off
        return moved


def _turning(degrees: float) -> FloatArray:
    """Return the matrix that turns (down, right) clockwise as a column; as a row it turns back."""
    angle = np.deg2rad(degrees)
    # Clockwise on a map, where rows run down: right goes to down.
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _square(image: FloatArray) -> FloatArray:
    """Return an image with zeros below and right of it up to a square, so that it can be turned."""
    side = max(image.shape)
    square = np.zeros((side, side))
    square[: image.shape[0], : image.shape[1]] = image
    return square
