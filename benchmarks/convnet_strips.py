"""What the convolutional network of ``convnet.py`` sees: the last masks along each bank, laid straight.

The bank line becomes a straight line: one column a segment, in the direction of flow, sampled at right angles from the
river to the land. The right bank is mirrored, so that both banks look alike. This module needs no PyTorch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.banks.as_of import baseline_on, grid_of, water_known
from erosion.banks.segments import Baseline, middle_xy
from erosion.config.region import Region

EPOCHS = 8
"""Newest masks that are seen; where fewer were known the oldest one is repeated."""

STEP_M = 30.0
RIVER_M, LAND_M = 900.0, 540.0
ACROSS_M = np.arange(-RIVER_M, LAND_M, STEP_M) + 0.5 * STEP_M
"""Places of the samples across the bank, landward positive [m]."""

SMOOTH = 2.0
"""Standard deviation of the smoothing of the bank's direction [segments]."""

ALONG = (-1 / 3, 0.0, 1 / 3)
"""Where each segment is crossed, in its lengths from its middle; a column is the mean of these lines."""

TURN_SCALE, AGE_SCALE = 3.0, 0.2
"""Bring turns [rad] and ages [year] to the size of the other inputs of the network."""

YEAR = np.timedelta64(31_557_600, "s")


class Strips(NamedTuple):
    """The masks known on a date along every bank, one column a segment, in the order of the segments."""

    share: NDArray[np.uint8]
    """River share [1/255], newest mask first, river to land, shape (n, EPOCHS, n_across)."""
    age_y: NDArray[np.float32]
    """Age of each mask against the newest one [year], shape (EPOCHS,)."""
    turn: NDArray[np.float32]
    """Turn of the bank within a segment [rad], positive where its land is on the outer side, shape (n,)."""
    runs: list[NDArray[np.int64]]
    """Segments that follow each other on one bank without a gap, downstream."""


class Sequence(NamedTuple):
    """The columns of many dates and banks in one sequence, with empty columns wherever a bank ends."""

    share: NDArray[np.uint8]
    """River share [1/255], shape (n_columns, EPOCHS, n_across)."""
    about: NDArray[np.float32]
    """Of each column: 1 where there is a bank, its turn, the age of each mask, shape (n_columns, 2 + EPOCHS)."""
    row: NDArray[np.int64]
    """Row of the table each column is, -1 between banks, shape (n_columns,)."""


def strips_on(region: Region, water: xr.Dataset, as_of: pd.Timestamp) -> tuple[Strips, NDArray[np.str_]]:
    """Return the strips of a date and the ids of their segments; nothing that became available later enters.

    Parameters
    ----------
    region
        A region of one reach.
    water
        Observations; may hold later ones.
    as_of
        The date.
    """
    baseline = baseline_on(region, water, as_of)
    return strips_of(baseline, water_known(water, as_of)), baseline.segments["segment_id"].to_numpy(str)


def strips_of(baseline: Baseline, known: xr.Dataset) -> Strips:
    """Return the strips along the banks of a baseline.

    Parameters
    ----------
    baseline
        Cut from the newest mask of ``known``.
    known
        Observations that were known on the date.
    """
    from scipy.ndimage import map_coordinates

    runs = runs_of(baseline)
    xy = middle_xy(baseline.segments.geometry)
    along, turn = _directions(xy, runs)
    on_right = (baseline.segments["bank"] == "R").to_numpy()[:, None]
    landward = np.where(on_right, along[:, ::-1] * [1, -1], along[:, ::-1] * [-1, 1])
    length = baseline.segments["length_m"].to_numpy()[:, None]
    grid = grid_of(known)
    newest = [known.sizes["epoch"] - 1 - back for back in range(min(EPOCHS, known.sizes["epoch"]))]
    masks = [_seen(known, index) for index in newest]
    share = np.zeros((len(newest), len(xy), len(ACROSS_M)))
    for part in ALONG:
        points = (xy + part * length * along)[:, None, :] + ACROSS_M[:, None] * landward[:, None, :]
        row = (grid.transform.f - points[..., 1]) / grid.pixel_m - 0.5
        column = (points[..., 0] - grid.transform.c) / grid.pixel_m - 0.5
        for mask, sampled in zip(masks, share, strict=True):
            sampled += map_coordinates(mask, [row, column], order=1, mode="nearest") / len(ALONG)
    filled = [min(back, len(newest) - 1) for back in range(EPOCHS)]
    epochs = known["epoch"].to_numpy()[newest]
    return Strips(
        np.rint(255 * share.clip(0, 1)).astype(np.uint8).transpose(1, 0, 2)[:, filled],
        ((epochs[0] - epochs) / YEAR).astype(np.float32)[filled],
        np.where(on_right[:, 0], turn, -turn).astype(np.float32),
        runs,
    )


def in_sequence(dates: list[Strips], gap: int) -> Sequence:
    """Return the strips of successive dates as one sequence, with ``gap`` empty columns before, between and behind banks.

    Rows are counted through all dates, in the order of the segments of each.
    """
    empty = np.zeros((gap, EPOCHS, len(ACROSS_M)), np.uint8), np.zeros((gap, 2 + EPOCHS), np.float32), np.full(gap, -1)
    pieces = [empty]
    first = 0
    for strips in dates:
        for run in strips.runs:
            age = np.tile(strips.age_y * AGE_SCALE, (len(run), 1))
            about = np.column_stack([np.ones(len(run)), strips.turn[run] * TURN_SCALE, age])
            pieces += [(strips.share[run], about.astype(np.float32), first + run), empty]
        first += len(strips.turn)
    return Sequence(*(np.concatenate(part) for part in zip(*pieces, strict=True)))


def runs_of(baseline: Baseline) -> list[NDArray[np.int64]]:
    """Return the segments of each unbroken stretch of bank, downstream (round the land on an island)."""
    ends = np.array([(line.coords[0], line.coords[-1]) for line in baseline.segments.geometry])
    first = {tuple(point): number for number, point in enumerate(ends[:, 0].round(3))}
    following = np.array([first.get(tuple(point), -1) for point in ends[:, 1].round(3)])
    left = np.ones(len(following), dtype=bool)
    # Starts of banks first; what is left over are rings, which may be cut anywhere.
    starts = [*np.setdiff1d(np.arange(len(following)), following), *range(len(following))]
    runs = []
    for start in starts:
        run = []
        while start >= 0 and left[start]:
            left[start] = False
            run.append(start)
            start = following[start]
        if run:
            runs.append(np.array(run))
    return runs


def _directions(
    xy: NDArray[np.float64], runs: list[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smoothed direction of the bank at each segment, unit vectors, and how far it turns there, left positive [rad]."""
    from scipy.ndimage import gaussian_filter1d

    along, turn = np.tile([1.0, 0.0], (len(xy), 1)), np.zeros(len(xy))
    for run in runs:
        if len(run) > 1:
            step = np.gradient(gaussian_filter1d(xy[run], SMOOTH, axis=0, mode="nearest"), axis=0)
            along[run] = step / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
            turn[run] = np.gradient(np.unwrap(np.arctan2(step[:, 1], step[:, 0])))
    return along, turn


def _seen(known: xr.Dataset, index: int) -> NDArray[np.float32]:
    """Return the river share of one epoch; pixels it does not show are those of the last one before it that does, else land."""
    share = known["water_fraction"].isel(epoch=index).to_numpy()
    while np.isnan(share).any() and index:
        index -= 1
        share = np.where(np.isnan(share), known["water_fraction"].isel(epoch=index).to_numpy(), share)
    return np.nan_to_num(share)
