"""What a model may learn from and what it is tested on: forward in time, and on stretches of river never trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from erosion.banks.established import YEAR_DAYS
from erosion.config.region import Target
from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.forecast.model import known_rows

BLOCK_KM = 25.0
BUFFER_KM = 5.0
BOOTSTRAP_KM = 5.0
"""Length of river drawn as one in the bootstrap: about one bend."""

FOLDS = 5
"""Blocks are held out every fifth at a time; neighbours of a held-out block keep the buffer's distance."""

RETRAIN_EVERY_Y = 3.0
"""How long one model serves before the next is trained."""


class Split(NamedTuple):
    """One origin of forecasts and one part of the river."""

    origin: pd.Timestamp
    """First test date: what was known by it may be learnt from."""
    away: BoolArray
    """Rows far enough from the stretches tested, shape (n,)."""
    test: BoolArray
    """Rows to test on, with or without an outcome, shape (n,)."""

    def learn(self, rows: pd.DataFrame, target: Target, label: str) -> BoolArray:
        """Return the rows that a target may learn from: outcome known at the origin, away from what is tested, shape (n,)."""
        in_time = (rows[f"known_{target.name}"] <= self.origin).to_numpy()
        learn: BoolArray = known_rows(rows, target, label) & in_time & self.away
        return learn


def splits(rows: pd.DataFrame, split: str, first: pd.Timestamp) -> Iterator[Split]:
    """Yield origins and parts of the river, one after the other.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    split
        ``time``: outcomes known before the test dates; ``time_space``: the same, and away from the stretches tested.
    first
        First test date.
    """
    block_km, buffer_km = space_of(rows)
    fold_of = blocks_of(rows, block_km) % FOLDS
    for start, end in origins(rows, first):
        test = ((rows["as_of"] >= start) & (rows["as_of"] < end)).to_numpy()
        if split == "time":
            yield Split(start, np.ones(len(rows), dtype=bool), test)
            continue
        for fold in range(FOLDS):
            held = fold_of == fold
            mine = test & held.to_numpy()
            if mine.any():
                yield Split(start, _distance_km(rows, held, block_km) > buffer_km, mine)


def origins(rows: pd.DataFrame, first: pd.Timestamp) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return (first issue date, end) of each group of test dates that one model serves."""
    dates = pd.DatetimeIndex(np.sort(rows["as_of"].unique()))
    dates = dates[dates >= first]
    groups = []
    while len(dates):
        end = dates[0] + pd.Timedelta(days=RETRAIN_EVERY_Y * YEAR_DAYS - 30)
        groups.append((dates[0], end))
        dates = dates[dates >= end]
    return groups


def blocks_of(rows: pd.DataFrame, length_km: float) -> pd.Series:
    """Number the stretches of river of a length; those of one reach follow those of the one before it.

    Parameters
    ----------
    rows
        ``reach`` and ``river_km`` of each row.
    length_km
        Length of a block [km]; counted from kilometre 0 of each reach, so that no block spans two.
    """
    block = np.floor(rows["river_km"] / length_km).astype(int)
    first = 0
    for _, mine in block.groupby(rows["reach"], sort=False):
        block.loc[mine.index] += first
        first = int(block.loc[mine.index].max()) + 1
    return block


def bootstrap_blocks(rows: pd.DataFrame, whole: pd.DataFrame) -> IntArray:
    """Return the block that the bootstrap draws each row with, shape (n,).

    Parameters
    ----------
    rows
        Some rows.
    whole
        All rows of the rivers, whose length decides on that of a block where they are short.
    """
    return np.asarray(blocks_of(rows, min(BOOTSTRAP_KM, space_of(whole)[0])))


def space_of(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the lengths of a block and of the buffer beside it [km]: shorter ones where the river has no five blocks."""
    river_km = float(rows.groupby("reach")["river_km"].max().sum())
    # Longer by a hair, so that the last segment lies in the last block.
    block_km = min(BLOCK_KM, river_km * (1 + 1e-9) / FOLDS)
    return block_km, block_km * BUFFER_KM / BLOCK_KM


def _distance_km(rows: pd.DataFrame, held: pd.Series, block_km: float) -> FloatArray:
    """Return the distance along the reach to its nearest held-out block, 0 inside, infinite where it has none [km]."""
    river_km = rows["river_km"].to_numpy(float)
    start_km = np.floor(river_km / block_km) * block_km
    distance = np.full(len(rows), np.inf)
    for reach, start in set(zip(rows["reach"][held], start_km[held], strict=True)):
        outside = np.maximum(start - river_km, river_km - start - block_km)
        nearer = (rows["reach"] == reach).to_numpy() & (outside < distance)
        distance[nearer] = np.maximum(outside[nearer], 0.0)
    return distance
