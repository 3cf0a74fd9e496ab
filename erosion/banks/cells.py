"""Water images to the river share of every pixel of the bank segments' cells, and to whose land each pixel is.

Nothing else of the images is kept, so a long series of a large reach fits into memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.banks.channel import land_of_river
from erosion.banks.segments import Baseline
from erosion.core.arrays import UNOBSERVED
from erosion.core.contracts import check_water
from erosion.core.raster.components import patch_at
from erosion.core.scheduler import threads_unless_cluster

SURE_SHARE = 0.67
"""Share of a patch of land that must lie on one side of the river for the patch to be that side's."""

EPOCHS_AT_ONCE = 4
"""Images under way together; dask keeps what they leave behind until all of them are done."""


@dataclass(frozen=True)
class CellStates:
    """River share of every corridor pixel and transect sample at every epoch.

    Attributes
    ----------
    epochs
        Dates, shape (n_epochs,).
    cells
        Percent of river, ``UNOBSERVED`` where not observed, shape (n_epochs, n_pixels).
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
    """Return the river share of the corridor's pixels at every epoch; nothing else of the images is kept.

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
    import dask.array as da  # heavy; it loads while the masks are read

    water = check_water(water)
    grid = baseline.grid
    known_river = baseline.river_mask
    min_island_px = min_island_m2 / grid.pixel_m**2
    side_of_bank = baseline.segments["bank"].map({"L": 1, "R": 2, "I": 0}).to_numpy(np.uint8)
    vote = np.where(baseline.river, np.uint8(0), side_of_bank[baseline.owner])
    in_image = baseline.transect >= 0
    pixel = baseline.pixel
    beyond, on_transect = _pixels_beyond(pixel, baseline.transect[in_image], grid.width * grid.height)
    n = pixel.size

    def corridor(block: NDArray[np.float32]) -> NDArray[np.uint8]:
        rows = np.empty((len(block), 1, 2 * n + beyond.size), dtype=np.uint8)
        for image, (row,) in zip(block, rows, strict=True):
            land, _, _ = land_of_river(image >= 0.5, min_island_px, known_river)
            patch = patch_at(land, pixel)
            row[:n] = _side_of_land(patch, vote)
            row[n : 2 * n] = _river_percent(image.ravel()[pixel], patch < 0)
            row[2 * n :] = _river_percent(image.ravel()[beyond], patch_at(land, beyond) < 0)
        return rows

    # One block an epoch, and the number of axes kept: dropping axes would make dask copy every image first.
    images = da.asarray(water["water_fraction"].data).rechunk({0: 1, 1: -1, 2: -1})
    chunks = (images.chunks[0], (1,), (2 * n + beyond.size,))
    lazy = images.map_blocks(corridor, dtype=np.uint8, chunks=chunks)
    cells = np.empty((len(images), n), np.uint8)
    side = np.empty_like(cells)
    transects = np.full((len(images), *in_image.shape), UNOBSERVED)
    with threads_unless_cluster():
        for first in range(0, len(images), EPOCHS_AT_ONCE):
            some = slice(first, first + EPOCHS_AT_ONCE)
            values = lazy[some, 0].compute()
            side[some], cells[some] = values[:, :n], values[:, n : 2 * n]
            transects[some, in_image] = values[:, n:][:, on_transect]
    per_segment = max(1.0, float(baseline.segments["length_m"].median()) / grid.pixel_m)
    sigma = np.sqrt(water["geo_rmse_m"].to_numpy() ** 2 + grid.pixel_m**2 / 12.0 / per_segment)
    return CellStates(pd.DatetimeIndex(water["epoch"].to_numpy()), cells, side, transects, sigma)


def is_river(percent: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return True where at least half of a pixel is river, False where it is not or was not observed."""
    river: NDArray[np.bool_] = (percent >= 50) & (percent != UNOBSERVED)
    return river


def as_share(percent: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return percent as a share, 0 to 1, NaN where not observed."""
    share = percent.astype(np.float32)
    share /= 100.0
    share[percent == UNOBSERVED] = np.nan
    return share


def _pixels_beyond(
    some: NDArray[np.int64], more: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels of ``more`` that are not in ``some``, and the place of each of ``more`` in both put together.

    Parameters
    ----------
    some
        Flat indices of pixels, ascending and once each, shape (n_some,).
    more
        Flat indices in any order, shape (n_more,).
    size
        Pixels of the raster; finding them on it is much faster than by sorting.
    """
    wanted = np.zeros(size, dtype=bool)
    wanted[more] = True
    wanted[some] = False
    beyond = np.flatnonzero(wanted)
    place = np.empty(size, dtype=np.int32)
    place[some] = np.arange(some.size, dtype=np.int32)
    place[beyond] = np.arange(some.size, some.size + beyond.size, dtype=np.int32)
    return beyond, place[more].astype(np.int64)


def _river_percent(share: NDArray[np.float32], river: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return percent of river from the share of water: ponds are land, specks are river."""
    mended = river != (share >= 0.5)
    percent = np.where(mended, np.float32(100) * river, np.rint(100 * share))
    return np.where(np.isnan(share), UNOBSERVED, percent).astype(np.uint8)


def _side_of_land(patch: NDArray[np.int32], vote: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return which bank each corridor pixel's land belongs to in one image.

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
