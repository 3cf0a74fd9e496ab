"""A raster held in blocks reads and writes like a whole one."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.raster.block_array import BlockArray

SHAPE = (9, 11)
WINDOWS = [
    (slice(0, 4), slice(4, 8)),
    (slice(4, 8), slice(4, 8)),
    (slice(4, 8), slice(8, 11)),
    (slice(8, 9), slice(8, 11)),
]


def held_and_whole() -> tuple[BlockArray[np.float32], np.ndarray]:
    held = BlockArray(SHAPE, WINDOWS, np.float32, np.nan)
    whole = np.full(SHAPE, np.nan, np.float32)
    numbers = np.arange(99, dtype=np.float32).reshape(SHAPE)
    for window in WINDOWS:
        held[window] = numbers[window]
        whole[window] = numbers[window]
    return held, whole


spans = st.tuples(st.integers(0, 11), st.integers(0, 11)).map(sorted).map(lambda ends: slice(*ends))


@given(spans, spans)
def test_any_window_is_that_of_the_whole(rows: slice, cols: slice) -> None:
    held, whole = held_and_whole()
    np.testing.assert_array_equal(held[rows, cols], whole[rows, cols])
    assert held[rows, cols].dtype == np.float32


def test_a_window_of_one_block_is_changed_in_place_and_a_larger_one_is_not() -> None:
    held, _ = held_and_whole()
    held[slice(5, 7), slice(5, 7)][0, 0] = -1
    assert held[slice(4, 8), slice(4, 8)][1, 1] == -1
    held[slice(3, 6), slice(4, 8)][:] = -2
    assert (np.asarray(held) != -2).all()


def test_what_is_not_held_cannot_be_written() -> None:
    held, _ = held_and_whole()
    with pytest.raises(IndexError, match="do not lie in one of the blocks"):
        held[slice(0, 2), slice(0, 2)] = 1.0
    with pytest.raises(IndexError, match="do not lie in one of the blocks"):
        held[slice(3, 5), slice(4, 8)] = 1.0


def test_a_variable_of_xarray_is_put_together_where_it_is_asked_for() -> None:
    held, whole = held_and_whole()
    scene = xr.Dataset({"green": (("y", "x"), held.lazily())})
    assert np.shares_memory(scene["green"].isel(y=slice(4, 6), x=slice(5, 8)).values, held[slice(4, 8), slice(4, 8)])
    np.testing.assert_array_equal(scene["green"].isel(y=slice(3, 9)).isel(x=slice(2, 6)).values, whole[3:9, 2:6])
    np.testing.assert_array_equal(scene["green"].isel(y=-2, x=[1, 9, 5]).values, whole[-2, [1, 9, 5]])
    np.testing.assert_array_equal(scene["green"].isel(y=slice(None, None, -2)).values, whole[::-2])
    np.testing.assert_array_equal((scene["green"] + 1).values, whole + 1)
