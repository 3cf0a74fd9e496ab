"""Water and segments to bank position, land loss and their uncertainty, for every segment and epoch.

Every pixel near a bank belongs to one segment's cell. Land that turned into river is counted there and divided by the
segment's length: no lines to match, sub-pixel where water comes as fractions, and one weighted count over the
corridor's pixels. The edge on a fixed transect is kept beside it as a second opinion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.banks.channel import land_of_river
from erosion.banks.segments import Baseline
from erosion.core.components import patch_at
from erosion.core.contracts import BANK_VARIABLES, FLAGS, check_banks, check_water
from erosion.core.scheduler import threads_unless_cluster

ESTABLISHED_YEARS = 5.0
"""Land that stayed land this long is established: bars and water-level flicker are not."""

START_SLACK_DAYS = 180.0
"""How much later than five years ago a series may start and still tell established land."""

MOVED_SHARE = 0.7
"""Change of the river's share of its own former bed, between two epochs, that only a jump of the channel explains."""

SURE_SHARE = 0.67
"""Share of a patch of land that must lie on one side of the river for the patch to be that side's."""

SEEN_SHARE = 0.5
"""Segments with less of their edge hidden than this tell how far banks moved between two epochs."""

MISSING = np.uint8(255)
"""Value of an unobserved pixel in :class:`CellStates`."""

EPOCHS_AT_ONCE = 4
"""Images under way together; dask keeps what they leave behind until all of them are done."""

YEAR_DAYS = 365.25


@dataclass(frozen=True)
class CellStates:
    """River share of every corridor pixel and transect sample at every epoch.

    Attributes
    ----------
    epochs
        Dates, shape (n_epochs,).
    cells
        Percent of river, 255 where not observed, shape (n_epochs, n_pixels).
    side
        Which bank the land of a pixel belonged to: 1 left, 2 right, 0 river, island or undecided, same shape.
    transects
        Percent of river at the transect samples, shape (n_epochs, n_segments, n_samples).
    sigma_m
        Standard error of a bank position measured at each epoch [m], shape (n_epochs,).
    """

    epochs: pd.DatetimeIndex
    cells: NDArray[np.uint8]
    side: NDArray[np.uint8]
    transects: NDArray[np.uint8]
    sigma_m: NDArray[np.float64]

    def until(self, epoch: pd.Timestamp) -> CellStates:
        """Return the states up to and including an epoch."""
        n = int(self.epochs.searchsorted(epoch, side="right"))
        return CellStates(self.epochs[:n], self.cells[:n], self.side[:n], self.transects[:n], self.sigma_m[:n])


def observe_cells(water: xr.Dataset, baseline: Baseline, *, min_island_m2: float) -> CellStates:
    """Read the river share of the corridor's pixels at every epoch; nothing else of the images is kept.

    Parameters
    ----------
    water
        Water product, dims (epoch, y, x), any chunking.
    baseline
        Segments with their cells and transects.
    min_island_m2
        Smaller specks of land inside the river are taken as river [m2].

    Returns
    -------
    CellStates
    """
    import dask.array as da

    water = check_water(water)
    grid = baseline.grid
    known_river = baseline.river_mask
    min_island_px = min_island_m2 / grid.pixel_m**2
    side_of_bank = baseline.segments["bank"].map({"L": 1, "R": 2, "I": 0}).to_numpy(np.uint8)
    vote = np.where(baseline.river, np.uint8(0), side_of_bank[baseline.owner])
    in_image = baseline.transect >= 0
    look_at = _pixels_in_either(baseline.pixel, baseline.transect[in_image], grid.width * grid.height)
    in_corridor = np.searchsorted(look_at, baseline.pixel)
    on_transect = np.searchsorted(look_at, baseline.transect[in_image])
    n_pixels = baseline.pixel.size

    def corridor(block: NDArray[np.float32]) -> NDArray[np.uint8]:
        rows = np.empty((len(block), 1, n_pixels + look_at.size), dtype=np.uint8)
        for image, (row,) in zip(block, rows, strict=True):
            land, _, _ = land_of_river(image >= 0.5, min_island_px, known_river)
            patch = patch_at(land, look_at)
            row[:n_pixels] = _side_of_land(patch[in_corridor], vote)
            row[n_pixels:] = _river_percent(image.ravel()[look_at], patch < 0)
        return rows

    # One block an epoch, and the number of axes kept: dropping axes would make dask copy every image first.
    images = da.asarray(water["water_fraction"].data).rechunk({0: 1, 1: -1, 2: -1})
    chunks = (images.chunks[0], (1,), (n_pixels + look_at.size,))
    lazy = images.map_blocks(corridor, dtype=np.uint8, chunks=chunks)
    cells = np.empty((len(images), n_pixels), np.uint8)
    side = np.empty_like(cells)
    transects = np.full((len(images), *in_image.shape), MISSING)
    with threads_unless_cluster():
        for first in range(0, len(images), EPOCHS_AT_ONCE):
            some = slice(first, first + EPOCHS_AT_ONCE)
            values = lazy[some, 0].compute()
            side[some], percent = values[:, :n_pixels], values[:, n_pixels:]
            cells[some] = percent[:, in_corridor]
            transects[some, in_image] = percent[:, on_transect]
    per_segment = max(1.0, float(baseline.segments["length_m"].median()) / grid.pixel_m)
    sigma = np.sqrt(water["geo_rmse_m"].to_numpy() ** 2 + grid.pixel_m**2 / 12.0 / per_segment)
    return CellStates(pd.DatetimeIndex(water["epoch"].to_numpy()), cells, side, transects, sigma)


def measure_banks(states: CellStates, baseline: Baseline) -> xr.Dataset:
    """Measure what every bank segment lost and gained from epoch to epoch.

    A pixel that was not seen at one epoch is compared with the last time it was, so a gap in an image hides no loss;
    it delays it.

    Parameters
    ----------
    states
        River share of the cells at each epoch.
    baseline
        The segments the cells belong to.

    Returns
    -------
    xarray.Dataset
        Variables of ``contracts.BANK_VARIABLES``, dims (segment_id, epoch); units and meaning in their attributes.
    """
    n_epochs, n_segments = len(states.epochs), len(baseline.segments)
    length = baseline.segments["length_m"].to_numpy()
    cell = _CellSums(baseline)
    size = np.maximum(cell.count_pixels(), 1)
    result = {name: np.full((n_epochs, n_segments), np.nan) for name in BANK_VARIABLES if name != "flags"}
    flags = np.zeros((n_epochs, n_segments), dtype=np.int16)
    beds = _Beds(baseline)

    before = np.full(baseline.pixel.size, MISSING)
    last_river = np.full(baseline.pixel.size, -np.inf, dtype=np.float32)
    bed_share = np.full((n_epochs, beds.count), np.nan)
    hidden = np.zeros((n_epochs, n_segments))
    edge = _Edge(baseline)
    day = (states.epochs - states.epochs[0]).days.to_numpy().astype(np.float32)
    for k, now in enumerate(states.cells):
        unseen = now == MISSING
        if k:
            unseen |= before == MISSING
            changed = np.flatnonzero((now != before) & ~unseen)
            change = _as_share(now[changed]) - _as_share(before[changed])
            loss, gain = np.maximum(change, 0), np.maximum(-change, 0)
            lost_by = cell.bank_of(states.side[k - 1], changed)
            result["land_loss_m2"][k] = cell(loss, lost_by)
            result["land_gain_m2"][k] = cell(gain, cell.bank_of(states.side[k], changed))
            since = day[k - 1] - ESTABLISHED_YEARS * YEAR_DAYS
            if day[0] <= since + START_SLACK_DAYS:
                stood = last_river[changed] < since
                result["land_loss_established_m2"][k] = cell(np.where(stood, loss, np.float32(0)), lost_by)
        result["coverage"][k] = 1.0 - cell.count_pixels(unseen) / size
        if k:
            hidden[k] = edge.hidden_share(before, unseen | (states.cells[k - 1] == MISSING), cell)
        before = np.where(now == MISSING, before, now)
        last_river[_is_river(before)] = day[k]
        bed_share[k] = beds.share(before)

    pixel_area = baseline.grid.pixel_m**2
    for name in ("land_loss_m2", "land_gain_m2", "land_loss_established_m2"):
        result[name] *= pixel_area
        unseen = (result["coverage"] == 0) | (np.arange(n_epochs) == 0)[:, None]
        result[name][unseen] = np.nan
    result["retreat_m"] = result["land_loss_m2"] / length
    result["retreat_established_m"] = result["land_loss_established_m2"] / length
    net = (np.nan_to_num(result["land_loss_m2"]) - np.nan_to_num(result["land_gain_m2"])) / length
    result["offset_m"] = np.cumsum(net, axis=0) - net.sum(axis=0)
    result["position_m"], crossings = _transect_positions(states.transects, baseline.transect_m)
    pair = np.full(n_epochs, np.nan)
    pair[1:] = np.sqrt(states.sigma_m[1:] ** 2 + states.sigma_m[:-1] ** 2)
    usual = _usual_move(result["retreat_m"], hidden)[:, None]
    result["sigma_m"][:] = np.hypot(pair[:, None], np.where(hidden > 0, hidden * usual, 0.0))

    flags[result["coverage"] < 0.9] += FLAGS["low_coverage"]
    flags[crossings != 1] += FLAGS["transect_open"]
    flags[1:][beds.moved(bed_share)] += FLAGS["channel_moved"]
    apart = np.abs(np.diff(result["position_m"], axis=0) - np.diff(result["offset_m"], axis=0))
    noise = np.maximum(2 * baseline.grid.pixel_m, 1.96 * pair[1:])[:, None]
    flags[1:][apart > noise] += FLAGS["methods_disagree"]
    flags[:, near_reach_end(baseline)] += FLAGS["near_reach_end"]

    banks = xr.Dataset(
        {
            name: (("segment_id", "epoch"), values.T, {"units": unit, "long_name": meaning})
            for (name, (unit, meaning)), values in zip(
                BANK_VARIABLES.items(), [*(result[n] for n in BANK_VARIABLES if n != "flags"), flags], strict=True
            )
        },
        coords={"segment_id": baseline.segments["segment_id"].to_numpy(), "epoch": states.epochs},
        attrs={"baseline": baseline.version},
    )
    return check_banks(banks)


def measure_loss(states: CellStates, baseline: Baseline, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Measure what every segment lost within a window: land at its start that was river at any epoch up to its end.

    Land that was taken and came back as a bar before the window ended is lost all the same.

    Parameters
    ----------
    states
        River share of the cells; may reach beyond ``end``.
    baseline
        The segments.
    start, end
        Epochs in ``states``.

    Returns
    -------
    pandas.DataFrame
        One row per segment: segment_id, retreat_m (all land), retreat_established_m, coverage (share of its cell
        seen at start and end), channel_moved.
    """
    first, last = (int(k) for k in states.epochs.get_indexer(pd.DatetimeIndex([start, end])))
    if min(first, last) < 0:
        raise KeyError(f"no epoch at {start:%Y-%m-%d} or {end:%Y-%m-%d}; epochs are {list(states.epochs.date)}")
    cell = _CellSums(baseline)
    beds = _Beds(baseline)
    bed_shares = np.stack([beds.share(cells) for cells in states.cells[first : last + 1]])
    before, window = states.cells[first], states.cells[first + 1 : last + 1]
    seen = before != MISSING
    most = np.zeros_like(before)
    for after in window:
        np.maximum(most, np.where(after == MISSING, np.uint8(0), after), out=most)
    changed = np.flatnonzero((most > before) & seen)
    loss = _as_share(most[changed]) - _as_share(before[changed])
    since = states.epochs[first] - pd.Timedelta(days=ESTABLISHED_YEARS * YEAR_DAYS)
    known = states.epochs[0] <= since + pd.Timedelta(days=START_SLACK_DAYS)
    wet = np.zeros(changed.size, dtype=bool)
    last_seen = np.full(changed.size, MISSING)
    for epoch, cells in zip(states.epochs[: first + 1], states.cells, strict=False):
        last_seen = np.where(cells[changed] == MISSING, last_seen, cells[changed])
        wet |= _is_river(last_seen) & (epoch >= since)
    scale = baseline.grid.pixel_m**2 / baseline.segments["length_m"].to_numpy()
    covered = cell.count_pixels(seen & (states.cells[last] != MISSING)) / np.maximum(cell.count_pixels(), 1)
    lost_by = baseline.owner[changed]
    lost = cell(loss, lost_by) * scale
    lost_established = cell(np.where(wet, np.float32(0), loss), lost_by) * scale
    unknown = (covered == 0) & (lost == 0)
    lost[unknown] = lost_established[unknown] = np.nan
    return pd.DataFrame(
        {
            "segment_id": baseline.segments["segment_id"].to_numpy(),
            "retreat_m": lost,
            "retreat_established_m": lost_established if known else np.nan,
            "coverage": covered,
            "channel_moved": beds.moved(bed_shares).any(axis=0),
        }
    )


def near_reach_end(baseline: Baseline) -> NDArray[np.bool_]:
    """Say which segments lie within one channel width of an end of the mapped reach, shape (n_segments,)."""
    chainage = baseline.segments["chainage_m"].to_numpy()
    width = baseline.segments["width_m"].to_numpy()
    near = np.zeros(len(chainage), dtype=bool)
    for _, piece in baseline.centre.groupby("part"):
        for end in (piece["chainage_m"].iloc[0], piece["chainage_m"].iloc[-1]):
            near |= np.abs(chainage - end) < width
    return near


class _CellSums:
    """Sums of pixel values by segment; a class only because the owner arrays are bound once and used in every epoch."""

    def __init__(self, baseline: Baseline) -> None:
        self.owner = baseline.owner
        self.count = len(baseline.segments)
        self.baseline = baseline
        self.on = {bank: (baseline.segments["bank"] == bank).to_numpy() for bank in ("L", "R")}
        # Row of the nearest segment of each bank, looked up when a pixel first needs it: few ever do, most of them often.
        self.across = {bank: np.full(baseline.pixel.size, -2, np.int32) for bank in self.on}

    def bank_of(self, side: NDArray[np.uint8], some: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the segment that the land of some pixels belonged to, given the side of the river it was on.

        -1 where that bank lies beyond the end of the reach: the loss is not the opposite bank's.
        """
        side, nearest = side[some], self.owner[some]
        owner = nearest.copy()
        for value, bank in ((1, "L"), (2, "R")):
            other = np.flatnonzero((side == value) & ~self.on[bank][nearest])
            row = self.across[bank]
            new = some[other][row[some[other]] == -2]
            row[new] = self.baseline.owner_on(bank, new)
            owner[other] = row[some[other]]
        return owner

    def count_pixels(self, which: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Count the chosen pixels (None: all) of every segment's cell."""
        return np.bincount(self.owner if which is None else self.owner[which], minlength=self.count)

    def __call__(self, values: NDArray[np.float32], owner: NDArray[np.int32]) -> NDArray[np.float64]:
        """Sum values by the segment they belong to; those of owner -1 are nobody's."""
        return np.bincount(owner + 1, weights=values, minlength=self.count + 1)[1:].astype(float)


class _Beds:
    """Stretches of the baseline's own bed, one channel width long, to notice when the river is elsewhere."""

    def __init__(self, baseline: Baseline) -> None:
        chainage = baseline.segments["chainage_m"].to_numpy()
        self.stretch = (chainage / float(baseline.segments["width_m"].median())).astype(np.int64)
        self.count = int(self.stretch.max()) + 1
        self.bed = baseline.river
        self.of_pixel = self.stretch[baseline.owner[self.bed]]

    def share(self, river: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the share of each stretch of bed that is river [percent in, share out], shape (n_stretches,)."""
        values = _as_share(river[self.bed])
        seen = ~np.isnan(values)
        total = np.bincount(self.of_pixel, weights=seen, minlength=self.count)
        wet = np.bincount(self.of_pixel, weights=np.nan_to_num(values), minlength=self.count)
        share = np.full(self.count, np.nan)
        np.divide(wet, total, out=share, where=total > 0)
        return share

    def moved(self, share: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say where the channel jumped between rows of ``share``: two stretches in a row and their neighbours.

        Shape (n_rows - 1, n_segments).
        """
        jump = np.abs(np.diff(share, axis=0)) >= MOVED_SHARE
        pair = jump[:, 1:] & jump[:, :-1]
        jumped = np.zeros_like(jump)
        jumped[:, 1:] |= pair
        jumped[:, :-1] |= pair
        wide = jumped.copy()
        for step in (1, 2):
            wide[:, step:] |= jumped[:, :-step]
            wide[:, :-step] |= jumped[:, step:]
        return wide[:, self.stretch]


class _Edge:
    """The edge of the river among the pixels of the cells; its pixels' neighbours are looked up once, if ever."""

    def __init__(self, baseline: Baseline) -> None:
        self.pixel, self.width = baseline.pixel, baseline.grid.width

    @cached_property
    def neighbours(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Rows of ``pixel`` that lie beside and below each other, as pairs."""
        right = np.flatnonzero((np.diff(self.pixel) == 1) & (self.pixel[1:] % self.width != 0))
        below = np.searchsorted(self.pixel, self.pixel + self.width).clip(max=self.pixel.size - 1)
        above = np.flatnonzero(self.pixel[below] == self.pixel + self.width)
        return [(right, right + 1), (above, below[above])]

    def hidden_share(self, river: NDArray[np.uint8], unseen: NDArray[np.bool_], cell: _CellSums) -> NDArray[np.float64]:
        """Return how much of the edge in each segment's cell was not seen, shape (n_segments,).

        Where no edge is known, the share of the cell that was not seen.
        """
        if not unseen.any():
            return np.zeros(cell.count)
        wet = _is_river(river)
        at_edge = np.zeros(self.pixel.size, dtype=bool)
        for one, other in self.neighbours:
            crossing = wet[one] != wet[other]
            at_edge[one[crossing]] = at_edge[other[crossing]] = True
        count, total = cell.count_pixels(at_edge), cell.count_pixels()
        share = cell.count_pixels(unseen) / np.maximum(total, 1)
        np.divide(cell.count_pixels(at_edge & unseen), count, out=share, where=count > 0)
        return share


def _usual_move(retreat_m: NDArray[np.float64], hidden: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square retreat, epoch by epoch, of the segments whose edge was seen [m], shape (n_epochs,).

    What an unseen bank may have done is what the seen ones did. 0 at the first epoch, which is compared with none; NaN
    where hardly any edge was seen.
    """
    usual = np.full(len(retreat_m), np.nan)
    usual[0] = 0.0
    for k in range(1, len(retreat_m)):
        seen = (hidden[k] < SEEN_SHARE) & np.isfinite(retreat_m[k])
        if seen.any():
            usual[k] = np.sqrt(np.mean(retreat_m[k][seen] ** 2))
    return usual


def _pixels_in_either(some: NDArray[np.int64], more: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the pixels that occur in either, ascending and once each; much faster on a raster than by sorting."""
    wanted = np.zeros(size, dtype=bool)
    wanted[some] = True
    wanted[more] = True
    return np.flatnonzero(wanted)


def _river_percent(share: NDArray[np.float32], is_river: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return percent of river from the share of water: ponds are land, specks are river, unobserved is 255."""
    mended = is_river != (share >= 0.5)
    percent = np.where(mended, np.float32(100) * is_river, np.rint(100 * share))
    return np.where(np.isnan(share), MISSING, percent).astype(np.uint8)


def _side_of_land(patch: NDArray[np.int32], vote: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Say which bank each corridor pixel's land belongs to in one image.

    The river divides the land of an image into patches. A patch is left land when nearly all of it that is still
    land on the baseline lies left of the river, and the like for right. Where a patch is both (the river ends inside
    the image, or its mask is broken) the side stays undecided and the nearest bank counts.

    Parameters
    ----------
    patch
        Patch of land of each pixel, -1 where the image has river, shape (n_pixels,).
    vote
        1 where the pixel is land left of the river on the baseline, 2 right of it, 0 neither, shape (n_pixels,).

    Returns
    -------
    numpy.ndarray
        1 left, 2 right, 0 river or undecided, shape (n_pixels,).
    """
    patch = patch + np.int32(1)
    count = np.bincount(patch * 3 + vote, minlength=3 * (int(patch.max(initial=0)) + 1)).reshape(-1, 3)
    voters = count[:, 1] + count[:, 2]
    side = np.zeros(len(count), dtype=np.uint8)
    side[count[:, 1] > SURE_SHARE * voters] = 1
    side[count[:, 2] > SURE_SHARE * voters] = 2
    side[0] = 0
    return side[patch]


def _is_river(percent: NDArray[np.uint8]) -> NDArray[np.bool_]:
    river: NDArray[np.bool_] = (percent >= 50) & (percent != MISSING)
    return river


def _as_share(percent: NDArray[np.uint8]) -> NDArray[np.float32]:
    share = percent.astype(np.float32)
    share /= 100.0
    share[percent == MISSING] = np.nan
    return share


def _transect_positions(
    transects: NDArray[np.uint8], along: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the edge from river to land nearest to the baseline's bank on each transect.

    Returns
    -------
    tuple
        Position [m], landward positive, NaN where there is no edge; and the number of edges; both
        (n_epochs, n_segments).
    """
    n_epochs, n_segments, _ = transects.shape
    position = np.full((n_epochs, n_segments), np.nan)
    crossings = np.zeros((n_epochs, n_segments), dtype=np.int64)
    edge_m = 0.5 * (along[1:] + along[:-1])
    for k in range(n_epochs):
        river = _is_river(transects[k])
        land = transects[k] < 50
        edge = river[:, :-1] & land[:, 1:]
        crossings[k] = edge.sum(axis=1)
        nearest = np.where(edge, np.abs(edge_m), np.inf).argmin(axis=1)
        found = crossings[k] > 0
        position[k, found] = edge_m[nearest[found]]
    return position, crossings
