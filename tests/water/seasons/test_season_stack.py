"""Many values of a pixel to one: hand-computed medians and errors, order and weights that change nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.arrays import UNOBSERVED
from erosion.water.seasons.season_stack import AGREE_PERCENT, SIGMA_UNIT, composite, whole_weights


def stack(*columns: list[int]) -> np.ndarray:
    """Scenes of one row; each argument is the observations of one pixel."""
    return np.array(columns, np.uint8).T[:, np.newaxis, :]


def test_medians_and_numbers_by_hand() -> None:
    made = composite(
        stack([10, 90, 20, 30], [10, 90, 20, 255], [30, 80, 255, 255], [7, 255, 255, 255]),
        np.full(4, 100),
        np.zeros(4, bool),
        2,
    )
    # 10 20 30 90: 25; 10 20 90: 20; 30 80: 55; one observation is too few.
    assert made.half_percent.tolist() == [[50, 40, 110, UNOBSERVED]]
    assert made.n_clear.tolist() == [[4, 3, 2, 0]] and made.used.tolist() == [3, 3, 2, 1]


def test_two_observations_that_contradict_each_other_give_no_value() -> None:
    percent = stack([0, 51, 255], [0, 50, 255], [0, 51, 51], [255, 100, 0])
    made = composite(percent, np.full(3, 100), np.zeros(3, bool), 2)
    assert made.half_percent.tolist() == [[UNOBSERVED, 50, 102, UNOBSERVED]], "it takes a third"
    assert made.filled == 2 and made.used.tolist() == [2, 2, 1]
    # Radar stands in where two optical observations contradict each other.
    percent = stack([0, 100, 90, 80])
    made = composite(percent, np.full(4, 100), np.array([False, False, True, True]), 2)
    assert made.half_percent.tolist() == [[170]] and made.radar == 1


def test_the_standard_error_by_hand() -> None:
    made = composite(stack([10, 90, 20, 30, 40], [50] * 5), np.full(5, 100), np.zeros(5, bool), 3)
    # Median 30, deviations 20 60 10 0 10: median 10; 1.4826 x 0.10 x 1.2533 / sqrt(5).
    expected = 1.4826 * 0.10 * math.sqrt(math.pi / 2) / math.sqrt(5)
    assert made.sigma[0, 0] * SIGMA_UNIT == pytest.approx(expected, abs=SIGMA_UNIT / 2)
    # Observations that all agree are still rounded to whole percents.
    rounding = 0.01 / math.sqrt(12) * math.sqrt(math.pi / 2) / math.sqrt(5)
    assert made.sigma[0, 1] * SIGMA_UNIT == pytest.approx(rounding, abs=SIGMA_UNIT / 2)


def test_a_weighted_median_by_hand() -> None:
    percent = stack([10, 20, 90], [10, 20, 255])
    made = composite(percent, np.array([10, 10, 100]), np.zeros(3, bool), 2)
    assert made.half_percent.tolist() == [[180, 30]], (
        "the sharp observation outweighs two coarse ones; without it they average"
    )
    made = composite(percent, np.array([10, 20, 10]), np.zeros(3, bool), 2)
    assert made.half_percent.tolist() == [[40, 40]]
    # Weights 1 and 3: effective number of observations 16 / 10.
    made = composite(stack([30, 70]), np.array([1, 3]), np.zeros(2, bool), 2)
    assert made.half_percent.tolist() == [[140]]
    # Deviations 40 and 0, their median 20.
    expected = 1.4826 * 0.2 * math.sqrt(math.pi / 2) / math.sqrt(1.6)
    assert made.sigma[0, 0] * SIGMA_UNIT == pytest.approx(expected, abs=SIGMA_UNIT / 2)


def test_weights_are_inverse_to_the_variance() -> None:
    assert whole_weights(np.array([4.0, 8.0, 400.0, 1e9])).tolist() == [100, 50, 1, 1]


def test_radar_stands_in_only_where_optical_observations_are_too_few() -> None:
    percent = stack([10, 20, 80, 90], [10, 255, 80, 90], [255, 255, 80, 255], [255, 30, 255, 255])
    made = composite(percent, np.full(4, 100), np.array([False, False, True, True]), 2)
    assert made.half_percent.tolist() == [[30, 170, UNOBSERVED, UNOBSERVED]], "one observation of each is not two"
    assert made.n_clear.tolist() == [[2, 2, 0, 0]]
    assert made.used.tolist() == [1, 1, 1, 1] and made.radar == 1


scenes_of = st.lists(
    st.lists(st.sampled_from([0, 3, 50, 97, 100, 255]), min_size=5, max_size=5), min_size=1, max_size=8
)


@given(scenes_of, st.lists(st.integers(1, 100), min_size=8, max_size=8), st.integers(1, 4), st.randoms())
def test_the_order_of_scenes_changes_nothing(rows: list[list[int]], weights: list[int], few: int, random: Any) -> None:
    percent = np.array(rows, np.uint8)[:, np.newaxis, :]
    w = np.array(weights[: len(rows)])
    radar = np.arange(len(rows)) % 3 == 2
    order = list(range(len(rows)))
    random.shuffle(order)
    a, b = composite(percent, w, radar, few), composite(percent[order], w[order], radar[order], few)
    assert (a.half_percent == b.half_percent).all() and (a.n_clear == b.n_clear).all() and (a.sigma == b.sigma).all()
    assert (a.used[order] == b.used).all() and a.radar == b.radar


@given(scenes_of, st.integers(1, 4))
def test_with_equal_weights_it_is_the_ordinary_median(rows: list[list[int]], few: int) -> None:
    percent = np.array(rows, np.uint8)[:, np.newaxis, :]
    optical = np.zeros(len(rows), bool)
    made = composite(percent, np.full(len(rows), 7), optical, few)
    share = np.where(percent == 255, np.nan, percent.astype(float))
    n = np.isfinite(share).sum(axis=0)[0]
    # 255 is above every percent: where there are two observations, the least and the greatest of them.
    least, greatest = percent.min(axis=0)[0], np.where(percent == 255, 0, percent).max(axis=0)[0]
    spread = greatest.astype(int) - least
    known = (n >= few) & ~((n == 2) & (spread > AGREE_PERCENT))
    for pixel in range(5):
        if known[pixel]:
            assert made.half_percent[0, pixel] == 2 * np.nanmedian(share[:, 0, pixel])
        else:
            assert made.half_percent[0, pixel] == UNOBSERVED
    # Weights that differ by a hair take the other way to it.
    if len(rows) > 1:
        odd = composite(percent, np.array([100] + [99] * (len(rows) - 1)), optical, few)
        assert (odd.n_clear == made.n_clear).all()
        assert (odd.half_percent[0, n % 2 == 1] == made.half_percent[0, n % 2 == 1]).all()
