"""Windows with a rim, and masks grown by a distance: by hand, and against distances computed pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from erosion.core.arrays import BoolArray
from erosion.core.raster.windows import padded, pixels, spread, spread_round

masks = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([False, False, True]))


def test_a_rim_ends_at_the_raster() -> None:
    outer, inner = padded((slice(0, 4), slice(5, 9)), 3, (20, 10))
    assert outer == (slice(0, 7), slice(2, 10)) and inner == (slice(0, 4), slice(3, 7))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 9), st.data())
def test_the_inner_window_is_the_window(rows: int, cols: int, rim: int, data: st.DataObject) -> None:
    raster = np.arange(rows * cols).reshape(rows, cols)
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, cols - 1))
    window = slice(top, data.draw(st.integers(top + 1, rows))), slice(left, data.draw(st.integers(left + 1, cols)))
    outer, inner = padded(window, rim, (rows, cols))
    assert np.array_equal(raster[outer][inner], raster[window])
    for wide, narrow, length in zip(outer, window, (rows, cols), strict=True):
        assert wide.start == max(narrow.start - rim, 0) and wide.stop == min(narrow.stop + rim, length)


def offsets(mask: BoolArray) -> np.ndarray:
    """Rows and columns from every pixel to every true pixel, shape (n_pixels, n_true, 2)."""
    every = np.argwhere(np.ones_like(mask))
    return every[:, None] - np.argwhere(mask)[None]


@given(masks, st.integers(0, 4))
def test_a_square_reaches_its_radius_along_rows_and_columns(mask: BoolArray, radius: int) -> None:
    expected = (np.abs(offsets(mask)).max(axis=2) <= radius).any(axis=1).reshape(mask.shape)
    before = mask.copy()
    assert np.array_equal(spread(mask, radius), expected)
    assert np.array_equal(mask, before)


@given(masks, st.floats(0, 4))
def test_a_disc_reaches_its_radius_in_every_direction(mask: BoolArray, radius: float) -> None:
    expected = (np.hypot(*np.moveaxis(offsets(mask), 2, 0)) <= radius).any(axis=1).reshape(mask.shape)
    assert np.array_equal(spread_round(mask, radius), expected)


@pytest.mark.parametrize(
    ("metres", "pixel_m", "expected"),
    [(0, 10, 1), (10, 10, 1), (10.001, 10, 2), (30, 10, 3), (2.1, 0.7, 3), (25, 30, 1)],
)
def test_pixels_that_cover_a_length(metres: float, pixel_m: float, expected: int) -> None:
    assert pixels(metres, pixel_m) == expected  # 2.1 / 0.7 is a hair more than 3
