"""River share of the cells to land loss, land gain, bank position and their error, for every segment and epoch.

Every pixel near a bank belongs to one segment's cell. Land that turned into river is counted there and divided by the
segment's length: no lines to match, sub-pixel where water comes as fractions, and one weighted count over the
corridor's pixels. The edge on a fixed transect is kept beside it as a second opinion.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from erosion.banks.cell_sums import CellSums
from erosion.banks.cells import CellStates, as_share, is_river
from erosion.banks.channel_moves import Beds
from erosion.banks.established import ESTABLISHED_YEARS, START_SLACK_DAYS, YEAR_DAYS
from erosion.banks.segments import Baseline, near_reach_end
from erosion.core.arrays import UNOBSERVED
from erosion.core.contracts import BANK_VARIABLES, FLAGS, check_banks

SEEN_SHARE = 0.5
"""Segments with less of their edge hidden than this give the usual retreat between two epochs."""


def measure_banks(states: CellStates, baseline: Baseline) -> xr.Dataset:
    """Return what every bank segment lost and gained from epoch to epoch.

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
    cell = CellSums(baseline)
    size = np.maximum(cell.count_pixels(), 1)
    result = {name: np.full((n_epochs, n_segments), np.nan) for name in BANK_VARIABLES if name != "flags"}
    flags = np.zeros((n_epochs, n_segments), dtype=np.int16)
    beds = Beds(baseline)

    before = np.full(baseline.pixel.size, UNOBSERVED)
    last_river = np.full(baseline.pixel.size, -np.inf, dtype=np.float32)
    bed_share = np.full((n_epochs, beds.count), np.nan)
    hidden = np.zeros((n_epochs, n_segments))
    edge = _Edge(baseline)
    day = (states.epochs - states.epochs[0]).days.to_numpy().astype(np.float32)
    for k, now in enumerate(states.cells):
        unseen = now == UNOBSERVED
        if k:
            unseen |= before == UNOBSERVED
            changed = np.flatnonzero((now != before) & ~unseen)
            change = as_share(now[changed]) - as_share(before[changed])
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
            hidden[k] = edge.hidden_share(before, unseen | (states.cells[k - 1] == UNOBSERVED), cell)
        before = np.where(now == UNOBSERVED, before, now)
        last_river[is_river(before)] = day[k]
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
    noise = np.fmax(2 * baseline.grid.pixel_m, 1.96 * pair[1:])[:, None]  # an error that is not known hides nothing
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

    def hidden_share(self, river: NDArray[np.uint8], unseen: NDArray[np.bool_], cell: CellSums) -> NDArray[np.float64]:
        """Return how much of the edge in each segment's cell was not seen, shape (n_segments,).

        Where no edge is known, the share of the cell that was not seen.
        """
        if not unseen.any():
            return np.zeros(cell.count)
        wet = is_river(river)
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


def _transect_positions(
    transects: NDArray[np.uint8], along: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the edge from river to land nearest to the baseline's bank on each transect.

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
        river = is_river(transects[k])
        land = transects[k] < 50
        edge = river[:, :-1] & land[:, 1:]
        crossings[k] = edge.sum(axis=1)
        nearest = np.where(edge, np.abs(edge_m), np.inf).argmin(axis=1)
        found = crossings[k] > 0
        position[k, found] = edge_m[nearest[found]]
    return position, crossings
