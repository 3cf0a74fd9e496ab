"""From a water mask to the river in it: which water is the river, its ends, its banks and its centre line.

Everything comes from the mask itself. The region gives only which end is upstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.core.raster.components import Runs, complement_runs, find_runs, join_runs, outlines, pixels_of
from erosion.core.raster.grid import Grid

if TYPE_CHECKING:
    from scipy.sparse import csr_array

EDGE_SHARE = 0.01
"""A patch of water that leaves the image counts as river from this share of the largest patch on."""


class ChannelError(ValueError):
    """No river could be traced in a mask; the message gives the reason and what to change."""


class BankLine(NamedTuple):
    """One bank, traced at sub-pixel spacing in downstream order (islands: anticlockwise).

    Attributes
    ----------
    bank
        L, R or I.
    xy
        Coordinates [m], shape (n, 2).
    chainage
        Chainage of the nearest centre-line point [m], shape (n,).
    beyond_end
        True where the point lies beyond the ends of the mapped reach, or on the edge of what was seen, which is no
        bank, shape (n,).
    """

    bank: str
    xy: FloatArray
    chainage: FloatArray
    beyond_end: BoolArray


@dataclass(frozen=True)
class Channel:
    """The river in one mask.

    Attributes
    ----------
    water
        River pixels: ponds taken out, specks of land filled, shape (rows, columns).
    centre_xy
        Centre line in downstream order [m], shape (n, 2).
    chainage
        Distance along it [m], shape (n,). A gap where the river leaves the image counts with its straight length.
    width
        Distance between the outer banks at each centre point [m], shape (n,).
    part
        Number of the continuous piece each centre point belongs to, shape (n,).
    banks
        The traced banks.
    skipped
        What was found and left out, in words.
    """

    water: BoolArray
    centre_xy: FloatArray
    chainage: FloatArray
    width: FloatArray
    part: IntArray
    banks: tuple[BankLine, ...]
    skipped: tuple[str, ...]


def river_runs(
    water: BoolArray, river: BoolArray | None = None, unseen: BoolArray | None = None
) -> tuple[Runs, BoolArray]:
    """Return which patches of a mask are the river.

    The largest patch is; so is one that leaves what was seen and is not tiny, and one that lies for the most part where
    the river is known to run. Ponds and lakes are neither.

    Parameters
    ----------
    water
        Mask, shape (rows, columns).
    river
        Known river pixels of a baseline, same shape; None where there is none yet.
    unseen
        Pixels that were not observed, see :func:`unseen_parts`; None where all were seen.

    Returns
    -------
    tuple
        All runs of the mask, and for each patch whether it is river, shape (n_patches,).
    """
    runs = join_runs(*find_runs(water), water.shape, diagonal=True)
    keep = np.zeros(runs.area.size, dtype=bool)
    if runs.area.size == 0:
        return runs, keep
    largest = runs.area.max()
    keep[runs.area.argmax()] = True
    keep |= runs.touches_edge & (runs.area >= EDGE_SHARE * largest)
    if unseen is not None and not keep.all():
        keep |= (pixels_in(_widened(unseen), runs, ~keep) > 0) & (runs.area >= EDGE_SHARE * largest)
    if river is not None and not keep.all():
        keep |= pixels_in(river, runs, ~keep) > 0.5 * runs.area
    return runs, keep


def pixels_in(mask: BoolArray, runs: Runs, which: BoolArray | None = None) -> FloatArray:
    """Return the pixels of a mask in some patches (None: all) of another one, 0 elsewhere, shape (n_patches,)."""
    rest = np.full(runs.patch.size, True) if which is None else which[runs.patch]
    length = runs.stop[rest] - runs.start[rest]
    inside = np.add.reduceat(
        mask.ravel()[pixels_of(runs.start[rest], runs.stop[rest])], np.cumsum(length) - length, dtype=np.int64
    )
    return np.bincount(runs.patch[rest], weights=inside, minlength=runs.area.size).astype(float)


def unseen_parts(unseen: BoolArray, min_px: float) -> BoolArray | None:
    """Return the pixels nobody saw, without patches too small to end a bank; None where nothing is left.

    Parameters
    ----------
    unseen
        Pixels without an observation, shape (rows, columns).
    min_px
        Smallest patch that stays [pixels].
    """
    if not unseen.any():
        return None
    runs = join_runs(*find_runs(unseen), unseen.shape, diagonal=True)
    large = (runs.area >= min_px)[runs.patch]
    parts = np.zeros(unseen.shape, dtype=bool)
    parts.ravel()[pixels_of(runs.start[large], runs.stop[large])] = True
    return parts if large.any() else None


def _widened(mask: BoolArray) -> BoolArray:
    """Return a mask with the eight neighbours of each of its pixels."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    tall = wide.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def land_of_river(
    water: BoolArray,
    min_island_px: float,
    river: BoolArray | None = None,
    unseen: BoolArray | None = None,
) -> tuple[Runs, Runs, BoolArray]:
    """Return the land of a mask: ponds belong to it, specks too small to be an island do not.

    Parameters
    ----------
    water
        Mask, shape (rows, columns).
    min_island_px
        Smallest patch of land inside the river that stays [pixels].
    river
        Known river pixels of a baseline, same shape; None where there is none yet.
    unseen
        See :func:`river_runs`.

    Returns
    -------
    tuple
        The runs and patches of that land (all the rest is river), and what :func:`river_runs` returns.
    """
    runs, keep = river_runs(water, river, unseen)
    kept = keep[runs.patch]
    land = join_runs(*complement_runs(runs.start[kept], runs.stop[kept], water.shape), water.shape, diagonal=False)
    island = (land.touches_edge | (land.area >= min_island_px))[land.patch]
    land = land._replace(start=land.start[island], stop=land.stop[island], patch=land.patch[island])
    return land, runs, keep


def trace_channel(
    water: BoolArray,
    grid: Grid,
    upstream_xy: tuple[float, float],
    *,
    min_island_m2: float,
    min_part_m: float,
    unseen: BoolArray | None = None,
) -> Channel:
    """Return centre line and banks of the river in a mask.

    Banks are the half-way line between water and land; where water ends because nobody saw further there is no bank. The ends of each piece are its two geodesically most distant
    pixels; they cut the outer outline into a left and a right bank, and the centre line runs where both are equally
    near.

    Parameters
    ----------
    water
        Mask, shape (rows, columns).
    grid
        Its pixel grid, metric.
    upstream_xy
        A point near the upstream end of the reach [m].
    min_island_m2
        Smaller patches of land inside the river are filled [m2].
    min_part_m
        Pieces of river shorter than this are left out and listed [m].
    unseen
        Pixels that were not observed, where ``water`` is False, shape (rows, columns); None where all were seen. Patches
        smaller than an island are taken as land.

    Raises
    ------
    ChannelError
        If no water is left that could be a river.
    """
    pixel = grid.pixel_m
    if unseen is not None:
        unseen = unseen_parts(unseen, min_island_m2 / pixel**2)
    land, runs, keep = land_of_river(water, min_island_m2 / pixel**2, unseen=unseen)
    if not keep.any():
        raise ChannelError("the mask holds no water; check the declared water value of its source")
    if not land.start.size:
        raise ChannelError("the mask holds no land; check the declared water and land values of its source")
    river = join_runs(*complement_runs(land.start, land.stop, water.shape), water.shape, diagonal=True)
    clean = np.zeros(water.shape, dtype=bool)
    clean.ravel()[pixels_of(river.start, river.stop)] = True
    skipped = []
    ponds = runs.area[~keep]
    if ponds.size:
        skipped.append(f"{ponds.size} waters not connected with the river, {ponds.sum() * pixel**2 / 1e4:.1f} ha")

    pieces = []
    for patch in np.argsort(-river.area, kind="stable"):
        mine = river.patch == patch
        piece = _trace_piece(river.start[mine], river.stop[mine], grid.shape, grid, upstream_xy, min_part_m)
        if piece is None:
            skipped.append(f"a piece of river of {river.area[patch] * pixel**2 / 1e4:.1f} ha, too short to follow")
        else:
            pieces.append(piece)
    if not pieces:
        raise ChannelError(
            f"no piece of the river is {min_part_m:.0f} m long and longer than wide; "
            "give a mask that shows more of it or lower segments.min_part_m in the region file"
        )
    return _join_pieces(_in_downstream_order(pieces, np.asarray(upstream_xy)), grid, clean, unseen, tuple(skipped))


class _Piece(NamedTuple):
    centre: FloatArray
    width: FloatArray
    right: FloatArray
    left: FloatArray
    islands: list[FloatArray]

    def turned(self) -> _Piece:
        """Return the piece with its flow direction reversed."""
        return _Piece(self.centre[::-1], self.width[::-1], self.left[::-1], self.right[::-1], self.islands)


def _trace_piece(
    start: IntArray,
    stop: IntArray,
    shape: tuple[int, int],
    grid: Grid,
    upstream_xy: tuple[float, float],
    min_part_m: float,
) -> _Piece | None:
    pixel = grid.pixel_m
    columns = shape[1]
    row = start // columns
    first = start % columns
    last = first + (stop - start)
    r0, r1, c0, c1 = row.min(), row.max() + 1, first.min(), last.max()
    # One pixel of land around the window closes every outline, also where the river leaves the image.
    window = np.zeros((r1 - r0 + 2, c1 - c0 + 2), dtype=bool)
    local = (row - r0 + 1) * window.shape[1] + first - c0 + 1
    window.ravel()[pixels_of(local, local + (stop - start))] = True
    origin = (grid.x[0] + (c0 - 1) * pixel, grid.y[0] - (r0 - 1) * pixel)

    land = join_runs(*complement_runs(*find_runs(window), window.shape), window.shape, diagonal=False)
    holes = ~land.touches_edge[land.patch]
    nodes = pixels_of(*complement_runs(land.start[~holes], land.stop[~holes], window.shape))
    # Nothing of a patch lies above the top of its outer ring, so that one comes first; the others are holes.
    ring, *holes_in = (_to_map(line, origin, pixel) for line in outlines(window))

    node_xy = _to_map(np.column_stack([nodes % window.shape[1], nodes // window.shape[1]]).astype(float), origin, pixel)
    graph = _pixel_graph(window.shape[1], nodes)
    nearest = int(np.argmin(((node_xy - upstream_xy) ** 2).sum(axis=1)))
    down = int(np.argmax(_reach(graph, nearest)))
    to_down = _reach(graph, down) * pixel
    up = int(np.argmax(np.where(np.isfinite(to_down), to_down, -1)))
    length = to_down[up]
    if length < min_part_m or length**2 < 4 * nodes.size * pixel**2:
        return None

    cut_up = int(np.argmin(((ring - node_xy[up]) ** 2).sum(axis=1)))
    cut_down = int(np.argmin(((ring - node_xy[down]) ** 2).sum(axis=1)))
    # The outline runs anticlockwise with the water on its left, so from upstream to downstream it is the right bank.
    turned = np.roll(ring, -cut_up, axis=0)
    middle = (cut_down - cut_up) % len(ring)
    right = turned[: middle + 1]
    left = np.vstack([turned[middle:], turned[:1]])[::-1]
    right, left = _smooth(right, pixel), _smooth(left, pixel)

    to_right, _ = cKDTree(right).query(node_xy, workers=2)
    to_left, _ = cKDTree(left).query(node_xy, workers=2)
    ridge = np.abs(to_right - to_left) <= pixel
    centre, width = _centre_line(node_xy[ridge], (length - to_down)[ridge], (to_right + to_left)[ridge], pixel)
    if len(centre) < 4:
        return None
    # Holes run clockwise; islands are kept anticlockwise.
    islands = [_smooth(np.vstack([hole, hole[:1]])[::-1], pixel, closed=True) for hole in holes_in]
    return _Piece(centre, width, right, left, islands)


def _in_downstream_order(pieces: list[_Piece], upstream_xy: FloatArray) -> list[_Piece]:
    """Chain pieces end to end: the next one starts with the free end nearest to where the last one stopped."""
    ordered: list[_Piece] = []
    at = upstream_xy
    left = list(pieces)
    while left:
        gaps = [[np.hypot(*(piece.centre[end] - at)) for end in (0, -1)] for piece in left]
        nearest = int(np.argmin([min(pair) for pair in gaps]))
        piece = left.pop(nearest)
        if gaps[nearest][1] < gaps[nearest][0]:
            piece = piece.turned()
        ordered.append(piece)
        at = piece.centre[-1]
    return ordered


def _join_pieces(
    pieces: list[_Piece],
    grid: Grid,
    water: BoolArray,
    unseen: BoolArray | None,
    skipped: tuple[str, ...],
) -> Channel:
    beside_unseen = None if unseen is None else _widened(unseen)
    centres: list[FloatArray] = []
    chainages, parts, banks = [], [], []
    offset = 0.0
    for number, piece in enumerate(pieces):
        if number:
            offset += float(np.hypot(*(piece.centre[0] - centres[-1][-1])))
        chainage = offset + _along(piece.centre)
        tree = cKDTree(piece.centre)
        lines = [("R", piece.right), ("L", piece.left)] + [("I", line) for line in piece.islands]
        for bank, line in lines:
            _, nearest = tree.query(line)
            ends = (nearest == 0) | (nearest == len(chainage) - 1)
            beyond = ends | _at_image_edge(line, grid)
            if beside_unseen is not None:
                row, column = grid.row_column(line)
                beyond |= beside_unseen[row.clip(0, grid.height - 1), column.clip(0, grid.width - 1)]
            banks.append(BankLine(bank, line, chainage[nearest], beyond))
        centres.append(piece.centre)
        chainages.append(chainage)
        parts.append(np.full(len(chainage), number))
        offset = chainage[-1]
    return Channel(
        water,
        np.vstack(centres),
        np.concatenate(chainages),
        np.concatenate([piece.width for piece in pieces]),
        np.concatenate(parts),
        tuple(banks),
        skipped,
    )


def _at_image_edge(xy: FloatArray, grid: Grid) -> BoolArray:
    """Return True for points within a quarter of a pixel of the edge of the image."""
    left, bottom, right, top = grid.bounds
    to_edge = np.minimum(np.minimum(xy[:, 0] - left, right - xy[:, 0]), np.minimum(xy[:, 1] - bottom, top - xy[:, 1]))
    return to_edge < 0.25 * grid.pixel_m


def _to_map(column_row: FloatArray, origin: tuple[float, float], pixel: float) -> FloatArray:
    return np.column_stack([origin[0] + column_row[:, 0] * pixel, origin[1] - column_row[:, 1] * pixel])


def _pixel_graph(columns: int, nodes: IntArray) -> csr_array:
    """Return the 8-neighbour graph of pixels (flat indices, ascending, none at an edge), step lengths in pixels."""
    from scipy.sparse import coo_array  # heavy, and only a channel that is traced needs it

    tails, heads, steps = [], [], []
    for step, length in ((1, 1.0), (columns, 1.0), (columns + 1, 2**0.5), (columns - 1, 2**0.5)):
        head = np.searchsorted(nodes, nodes + step)
        there = np.flatnonzero(nodes.take(head, mode="clip") == nodes + step)
        tails.append(there)
        heads.append(head[there])
        steps.append(np.full(there.size, length))
    pairs = (np.concatenate(tails), np.concatenate(heads))
    return coo_array((np.concatenate(steps), pairs), shape=(nodes.size, nodes.size)).tocsr()


def _reach(graph: csr_array, source: int) -> FloatArray:
    from scipy.sparse.csgraph import dijkstra  # heavy, as above

    distance = dijkstra(graph, directed=False, indices=source)
    return np.where(np.isfinite(distance), distance, -1.0)


def _centre_line(xy: FloatArray, along: FloatArray, width: FloatArray, pixel: float) -> tuple[FloatArray, FloatArray]:
    """Order the pixels half-way between the banks into one line, smoothed over half a width, one width off each end."""
    from scipy.ndimage import gaussian_filter1d  # heavy, and only a channel that is traced needs it

    bins = np.floor(along / (2 * pixel)).astype(np.int64)
    count = np.bincount(bins)
    used = count > 0
    mean = [np.bincount(bins, weights=values)[used] / count[used] for values in (xy[:, 0], xy[:, 1], width)]
    line = np.column_stack(mean)
    typical = float(np.median(line[:, 2]))
    line = _resample(line, pixel, columns=2)
    line = gaussian_filter1d(line, sigma=0.25 * typical / pixel, axis=0, mode="nearest")
    line = _resample(line, pixel, columns=2)
    trim = int(np.ceil(typical / pixel))
    line = line[trim : len(line) - trim]
    return line[:, :2], line[:, 2]


def _along(line: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line[:, :2], axis=0).T))])


def _resample(line: FloatArray, step: float, columns: int) -> FloatArray:
    """Return a line with points every ``step`` metres (nearly: its length is divided evenly)."""
    along = _along(line[:, :columns])
    even = np.linspace(0.0, along[-1], max(2, round(along[-1] / step) + 1))
    return np.column_stack([np.interp(even, along, line[:, i]) for i in range(line.shape[1])])


def _smooth(line: FloatArray, pixel: float, *, closed: bool = False) -> FloatArray:
    """Return an outline without its pixel stairs: half-pixel spacing, Gaussian of one pixel."""
    from scipy.ndimage import gaussian_filter1d  # heavy, and only a channel that is traced needs it

    fine = _resample(line, pixel / 2, columns=2)
    if closed:
        fine = fine[:-1]
    smooth: FloatArray = gaussian_filter1d(fine, sigma=2.0, axis=0, mode="wrap" if closed else "nearest")
    return smooth
