"""Shifts against the reference: recovered, and separated from erosion, stage and bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from erosion.core.raster.grid import Grid
from erosion.simulate.river.river import make_river
from erosion.simulate.scenes.ground import ground_of
from erosion.water.classification.coregister import Shift, as_share, find_stretches, measure_shift, move_back, resample
from tests.scenes import Array, Shape, bend, corridor_for, percent_of

SIZE = (400, 400)
WINDOWS = corridor_for(SIZE).windows(256)
REFERENCE = as_share(percent_of(bend(SIZE), SIZE))


def moved(shape: Shape, rows: float, columns: float) -> NDArray[np.float32]:
    """Exact share of a shape displaced by some pixels."""
    return as_share(percent_of(lambda r, c: shape(r - rows, c - columns), SIZE))


def shift_of(share: NDArray[np.float32], bare: NDArray[np.bool_] | None = None) -> Shift:
    found = measure_shift(share, REFERENCE, WINDOWS, max_shift=2, bare=bare)
    assert found is not None
    return found


@settings(max_examples=15, deadline=None)
@given(st.floats(-2, 2), st.floats(-2, 2))
def test_a_shift_comes_back(rows: float, columns: float) -> None:
    found = shift_of(moved(bend(SIZE), rows, columns))
    assert found.rows == pytest.approx(rows, abs=0.06)
    assert found.columns == pytest.approx(columns, abs=0.06)
    assert found.widening == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("bite", [3.0, 6.0, 10.0])
def test_erosion_of_a_bend_is_no_shift(bite: float) -> None:
    found = shift_of(moved(bend(SIZE, bite=bite), 0, 0))
    assert np.hypot(found.rows, found.columns) < 0.1
    assert found.agreeing < 0.97


def test_erosion_and_shift_together() -> None:
    found = shift_of(moved(bend(SIZE, bite=3), 0.6, -0.4))
    assert found.rows == pytest.approx(0.6, abs=0.1)
    assert found.columns == pytest.approx(-0.4, abs=0.1)


@pytest.mark.parametrize("wider", [-0.75, 0.5, 0.75])
def test_a_stage_that_moves_both_banks_is_no_shift(wider: float) -> None:
    found = shift_of(moved(bend(SIZE, width=60 + wider), 0.5, 0.5))
    assert found.rows == pytest.approx(0.5, abs=0.1)
    assert found.columns == pytest.approx(0.5, abs=0.1)
    assert found.widening == pytest.approx(wider / 2, abs=0.25)


def bars(row: Array, column: Array) -> NDArray[np.bool_]:
    """The river with the inner banks of its bends under water, a pixel and more at the apex; all face one way each."""
    phase = 4 * np.pi * column / SIZE[1]
    line = SIZE[0] / 2 + 0.27 * SIZE[0] * np.sin(phase)
    slope = 0.27 * SIZE[0] * 4 * np.pi / SIZE[1] * np.cos(phase)
    off = (row - line) / np.hypot(1, slope)
    flood = 1.5 * np.abs(np.sin(phase - 0.6))
    return (off > -30 - flood * (np.sin(phase - 0.6) > 0)) & (off < 30 + flood * (np.sin(phase - 0.6) < 0))


def test_bars_that_the_stage_covers_are_no_shift() -> None:
    flooded = moved(bars, 0, 0)
    rows, columns = np.indices(SIZE)
    phase = 4 * np.pi * columns / SIZE[1]
    line = SIZE[0] / 2 + 0.27 * SIZE[0] * np.sin(phase)
    inner = np.where(rows > line, np.sin(phase - 0.6) < 0, np.sin(phase - 0.6) > 0)
    with_bars, without = shift_of(flooded), shift_of(flooded, bare=inner)
    assert np.hypot(without.rows, without.columns) < 0.02
    assert np.hypot(with_bars.rows, with_bars.columns) > 0.2  # what leaving bars out is for
    assert without.stretches < 0.6 * with_bars.stretches


@pytest.mark.parametrize("seed", range(3))
def test_bends_that_all_move_downstream_are_no_shift(seed: int) -> None:
    """The downstream bank of every bend eroded by up to two pixels, some more than others, and nothing grew."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.3, 2, 4)

    def later(row: Array, column: Array) -> NDArray[np.bool_]:
        phase = 4 * np.pi * column / SIZE[1]
        line = SIZE[0] / 2 + 0.27 * SIZE[0] * np.sin(phase)
        slope = 0.27 * SIZE[0] * 4 * np.pi / SIZE[1] * np.cos(phase)
        off = (row - line) / np.hypot(1, slope)
        facing = np.cos(phase)  # the upper bank looks downstream where the line sinks, the lower one where it rises
        eaten = depth[np.clip(column * 4 // SIZE[1], 0, 3).astype(int)] * np.abs(facing)
        return (off > -30 - eaten * (facing > 0)) & (off < 30 + eaten * (facing < 0))

    found = shift_of(moved(later, 0.25, 0.5))
    assert found.rows == pytest.approx(0.25, abs=0.1)
    assert found.columns == pytest.approx(0.5, abs=0.1)


def test_a_year_of_erosion_of_known_rivers_is_no_shift() -> None:
    grid = Grid("EPSG:32648", Affine(10, 0, 499_800, 0, -10, 1_201_000), 540, 200)
    x = np.linspace(0, 5000, 300)
    errors = []
    for seed in range(10):
        line = np.column_stack([500_000 + x, 1_200_000 + 350 * np.sin(2 * np.pi * x / 3500 + seed)])
        river = make_river(line, years=2, start=2021, seed=seed, width_m=350.0, island=False)
        east, north = np.random.default_rng(seed).normal(0, 3.5, 2)
        later = pd.Timestamp("2022-02-20", tz="UTC")
        covers, _ = ground_of(river, grid).covers(later, 0.1, (east, north))
        found = measure_shift(
            river.water_share(later, grid, 0.1, (east, north)),
            river.water_share("2021-02-20", grid),
            [(slice(0, 200), slice(0, 540))],
            max_shift=2,
            expected=0.35,
            bare=covers["sand"] + covers["wet_sand"] > 0.5,
        )
        assert found is not None
        errors.append((found.columns - east / 10, found.rows + north / 10))
    along, across = np.sqrt(np.mean(np.square(errors), axis=0))
    # Few of these banks face up or down the river, and those that do erode on one side only.
    assert along < 0.2
    assert across < 0.06


def test_bare_banks_all_round_are_used_all_the_same() -> None:
    found = shift_of(moved(bend(SIZE), 0.5, 0), bare=np.ones(SIZE, bool))
    assert found.rows == pytest.approx(0.5, abs=0.05)


def test_another_blur_is_no_shift() -> None:
    from scipy.ndimage import gaussian_filter

    found = shift_of(gaussian_filter(moved(bend(SIZE), 0.3, -0.7), 1.5))
    assert found.rows == pytest.approx(0.3, abs=0.05)
    assert found.columns == pytest.approx(-0.7, abs=0.05)


def test_half_of_it_in_cloud() -> None:
    share = moved(bend(SIZE), 0.5, 0.5)
    share[:, :210] = np.nan
    found = shift_of(share)
    assert found.rows == pytest.approx(0.5, abs=0.05)
    assert found.columns == pytest.approx(0.5, abs=0.05)
    share[:, :385] = np.nan
    assert measure_shift(share, REFERENCE, WINDOWS, max_shift=2) is None


def test_a_shift_beyond_the_limit_is_seen_to_be_so() -> None:
    found = shift_of(moved(bend(SIZE), 6, 0))
    assert np.hypot(found.rows, found.columns) > 2


def test_a_straight_river_tells_only_across() -> None:
    def straight(row: Array, column: Array) -> NDArray[np.bool_]:
        return np.abs(row - 200) < 30

    reference = as_share(percent_of(straight, SIZE))
    found = measure_shift(moved(straight, 0.75, 1.5), reference, WINDOWS, max_shift=2)
    assert found is not None
    assert found.rows == pytest.approx(0.75, abs=0.05)
    assert found.columns == pytest.approx(0, abs=0.05)
    assert found.error == pytest.approx(0.5, abs=0.01)  # as little as was known before


def test_the_same_scene_gives_the_same_shift() -> None:
    share = moved(bend(SIZE, bite=3), 0.31, 0.12)
    assert shift_of(share) == shift_of(share)


def test_stretches_by_hand() -> None:
    reference = np.zeros((64, 64), np.float32)
    reference[:, 32:] = 1
    share = np.zeros((64, 64), np.float32)
    share[:, 31:] = 1  # the bank has gone back by one pixel
    found = find_stretches(share, reference, [(slice(0, 64), slice(0, 64))], band=6)
    assert found.normal[:, 0] == pytest.approx(1)
    assert found.normal[:, 1] == pytest.approx(0)
    # The band straddles the border of two columns of blocks; together four stretches of sixteen pixels.
    assert found.length.sum() == pytest.approx(64)
    assert np.average(found.moved, weights=found.length) == pytest.approx(1)


# Resampling


@settings(max_examples=20)
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_whole_pixels_are_copied(rows: int, columns: int) -> None:
    picture = np.random.default_rng(0).random((20, 24)).astype(np.float32)
    out = resample(picture, columns, rows)
    for r in range(20):
        for c in range(24):
            inside = 0 <= r + rows < 20 and 0 <= c + columns < 24
            assert out[r, c] == picture[r + rows, c + columns] if inside else np.isnan(out[r, c])


@settings(max_examples=20)
@given(st.floats(-2, 2), st.floats(-2, 2))
def test_a_slope_is_resampled_exactly(rows: float, columns: float) -> None:
    r, c = np.indices((24, 24)).astype(np.float32)
    out = resample((0.1 * r + 0.2 * c).astype(np.float32), columns, rows)
    wanted = 0.1 * (r + rows) + 0.2 * (c + columns)
    assert np.isfinite(out[5:-5, 5:-5]).all()
    assert np.nanmax(np.abs(out - wanted)) < 2e-3  # a thousandth of a pixel is taken for none


def test_missing_pixels_stay_missing() -> None:
    picture = np.ones((12, 12), np.float32)
    picture[6, 6] = np.nan
    out = resample(picture, 0.5, 0.0)
    assert np.isnan(out[6, 4:8]).all()
    assert np.isfinite(out[5, 2:9]).all()


def test_moving_back_takes_the_shift_away() -> None:
    share = moved(bend(SIZE), 0.5, -0.75)
    back = np.asarray(move_back(share, Shift(-0.75, 0.5, 0, 100, 1, 0.1, 0.01), WINDOWS))
    seen = np.isfinite(back)
    assert seen[4:-4, 4:-4].all()
    assert 0 <= back[seen].min() <= back[seen].max() <= 1
    assert np.abs(back[seen].sum() - REFERENCE[seen].sum()) / 1100 < 0.02  # over 1100 pixels of bank
    assert np.abs(back - REFERENCE)[seen].max() < 0.35


def test_percent_as_share() -> None:
    share = as_share(np.array([0, 50, 100, 255], np.uint8))
    assert share[:3].tolist() == [0, 0.5, 1]
    assert np.isnan(share[3])
