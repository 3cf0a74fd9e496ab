"""Connected patches of a raster mask and their outlines, found on runs of pixels instead of pixels.

A river mask of millions of pixels has only some thousands of horizontal runs, so joining runs costs a few milliseconds
where labelling every pixel costs tens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from erosion.core.arrays import BoolArray, FloatArray, IntArray

BAND_ROWS = 256
"""Rows worked on together: few enough for the processor's cache."""


class Runs(NamedTuple):
    """Horizontal runs of a mask with the patch each belongs to.

    Attributes
    ----------
    start, stop
        First pixel and one past the last, as flat indices into the mask, shape (n_runs,).
    patch
        Patch number of each run, shape (n_runs,), 0..n_patches-1.
    area
        Pixels per patch, shape (n_patches,).
    touches_edge
        Whether a patch reaches the edge of the raster, shape (n_patches,).
    """

    start: IntArray
    stop: IntArray
    patch: NDArray[np.int32]
    area: IntArray
    touches_edge: BoolArray


def find_runs(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """Return start and stop (exclusive) of every horizontal run of true pixels, as flat indices in row order."""
    width = mask.shape[1]
    changes = [np.zeros(0, np.int64)]
    for top in range(0, mask.shape[0], BAND_ROWS):
        band = mask[top : top + BAND_ROWS]
        # One false column in front keeps a run from continuing over the end of its row.
        padded = np.zeros((len(band), width + 1), dtype=bool)
        padded[:, 1:] = band
        flat = padded.ravel()
        change = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        if flat[-1]:
            change = np.append(change, flat.size)
        changes.append(change + top * (width + 1))
    edges = np.concatenate(changes)
    start, stop = edges[0::2], edges[1::2]
    row = start // (width + 1)
    return start - row - 1, stop - row - 1


def complement_runs(start: IntArray, stop: IntArray, shape: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """Return the runs of the pixels outside the given runs, cut at row ends."""
    height, width = shape
    row_edges = np.arange(height + 1, dtype=np.int64) * width
    gap_start = np.sort(np.concatenate([row_edges[:-1], stop]))
    gap_stop = np.sort(np.concatenate([start, row_edges[1:]]))
    keep = gap_stop > gap_start
    return gap_start[keep], gap_stop[keep]


def join_runs(start: IntArray, stop: IntArray, shape: tuple[int, int], *, diagonal: bool) -> Runs:
    """Return runs with the patch of each: runs that touch in neighbouring rows are of one patch.

    Parameters
    ----------
    start, stop
        Runs as from :func:`find_runs`.
    shape
        Rows and columns of the raster.
    diagonal
        True joins runs that touch at a corner only (8-connected, for water), False does not (4-connected, for land).
    """
    height, width = shape
    n = start.size
    if n == 0:
        empty = np.zeros(0, np.int64)
        return Runs(start, stop, empty.astype(np.int32), empty, empty.astype(bool))
    row = start // width
    first = start - row * width
    last = stop - row * width  # exclusive
    stride = width + 2
    below = (row + 1) * stride
    low = np.searchsorted(row * stride + last, below + first, side="left" if diagonal else "right")
    high = np.searchsorted(row * stride + first, below + last, side="right" if diagonal else "left")
    count = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(n), count)
    lower = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
    graph = coo_array((np.ones(upper.size, np.int8), (upper, lower)), shape=(n, n))
    n_patches, patch = connected_components(graph, directed=False)
    area = np.bincount(patch, weights=(stop - start), minlength=n_patches).astype(np.int64)
    at_edge = (row == 0) | (row == height - 1) | (first == 0) | (last == width)
    touches = np.bincount(patch, weights=at_edge, minlength=n_patches) > 0
    return Runs(start, stop, patch.astype(np.int32), area, touches)


def pixels_of(start: IntArray, stop: IntArray) -> IntArray:
    """Return the flat indices of all pixels of the given runs."""
    length = stop - start
    offset = np.repeat(start - (np.cumsum(length) - length), length)
    pixel: IntArray = np.arange(length.sum(), dtype=np.int64) + offset
    return pixel


def patch_at(runs: Runs, pixel: IntArray) -> NDArray[np.int32]:
    """Return the patch that each pixel (flat indices, ascending) belongs to, -1 where it is in none of the runs."""
    # Both are ascending, so the number of pixels before and inside each run gives them all.
    bounds = np.searchsorted(pixel, np.column_stack([runs.start, runs.stop]).ravel())
    labels = np.append(np.column_stack([np.full_like(runs.patch, -1), runs.patch]).ravel(), np.int32(-1))
    return np.repeat(labels, np.diff(bounds, prepend=0, append=pixel.size))


def outlines(mask: BoolArray) -> list[FloatArray]:
    """Return the edge between true and false pixels as closed rings through the middles of pixel sides.

    Pixels that touch at a corner only are joined, so a patch of :func:`join_runs` with ``diagonal=True`` has exactly
    one outer ring.

    Parameters
    ----------
    mask
        False along all four edges, shape (rows, columns).

    Returns
    -------
    list of numpy.ndarray
        Rings (column, row) in pixels, the first point not repeated, shape (n, 2), in the order of their topmost row.
        True pixels are on the left hand with north up: outer rings run anticlockwise, holes clockwise.
    """
    columns = mask.shape[1]
    start, stop = find_runs(mask)
    flat = mask.ravel()
    step = np.flatnonzero(flat[columns:] != flat[:-columns])
    north, south = step[~flat[step]] + columns, step[flat[step]]
    # Sides of true pixels (west, south, east, north), each leading from one pixel corner, named by the pixel south-east
    # of it, to the next one. So the headings turn left from south over east and north to west.
    pixel = np.concatenate([start, south, stop - 1, north])
    tail = np.concatenate([start, south + columns, stop + columns, north + 1])
    head = np.concatenate([start + columns, south + columns + 1, stop, north])
    heading = np.repeat(np.arange(4), [start.size, south.size, stop.size, north.size])
    middle = (
        np.column_stack([pixel % columns, pixel // columns])
        + np.array([[-0.5, 0], [0, 0.5], [0.5, 0], [0, -0.5]])[heading]
    )

    order = np.argsort(tail, kind="stable")
    first = np.searchsorted(tail[order], head)
    follower, other = order[first], order[np.minimum(first + 1, order.size - 1)]
    # Where two pixels touch at a corner two sides leave it; the one to the right crosses over to the other pixel.
    right_turn = (heading - 1) % 4 == heading[other]
    follower = np.where((tail[other] == head) & (other != follower) & right_turn, other, follower)

    after = follower.tolist()
    left = np.ones(len(after), dtype=bool)
    rings = []
    for begin in np.argsort(pixel, kind="stable").tolist():
        if not left[begin]:
            continue
        ring = [begin]
        while (side := after[ring[-1]]) != begin:
            ring.append(side)
        left[ring] = False
        rings.append(middle[ring])
    return rings
