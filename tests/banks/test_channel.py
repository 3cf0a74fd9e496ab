"""Centre line and banks of made rivers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from erosion.banks.channel import Channel, ChannelError, land_of_river, river_runs, trace_channel
from erosion.core.raster.components import pixels_of
from tests.rivers import PIXEL, SHAPE, make_grid, river_along, sine_river, straight_river


def trace(
    mask: NDArray[np.bool_], upstream: tuple[float, float] = (100, 0), min_island_m2: float = 20_000.0
) -> Channel:
    grid = make_grid(mask.shape)
    at = (grid.x[0] + upstream[1] * PIXEL, grid.y[0] - upstream[0] * PIXEL)
    return trace_channel(mask, grid, at, min_island_m2=min_island_m2, min_part_m=2000.0)


def bank(channel: Channel, name: str) -> NDArray[np.float64]:
    """Row and column of the points of the banks of one name."""
    grid = make_grid(channel.water.shape)
    xy = np.concatenate([line.xy[~line.beyond_end] for line in channel.banks if line.bank == name])
    return np.column_stack([(grid.y[0] - xy[:, 1]) / PIXEL, (xy[:, 0] - grid.x[0]) / PIXEL])


def test_straight_river() -> None:
    channel = trace(straight_river(96, 104))
    assert channel.skipped == ()
    assert channel.width == pytest.approx(8 * PIXEL, abs=1.0)
    row = (make_grid().y[0] - channel.centre_xy[:, 1]) / PIXEL
    assert row == pytest.approx(99.5, abs=0.6)
    assert (np.diff(channel.centre_xy[:, 0]) > 0).all()  # from upstream in the west to the east
    assert bank(channel, "L")[:, 0] == pytest.approx(95.5)  # north of a river that flows east
    assert bank(channel, "R")[:, 0] == pytest.approx(103.5)
    assert channel.chainage[-1] == pytest.approx(300 * PIXEL, abs=3 * 8 * PIXEL)


@pytest.mark.parametrize("width", [3, 5, 8, 15])
def test_width_is_the_distance_between_outer_banks_within_a_pixel(width: int) -> None:
    channel = trace(straight_river(90, 90 + width))
    assert np.abs(channel.width - width * PIXEL).max() < PIXEL


def test_bank_length_of_a_diagonal_river_within_two_per_cent() -> None:
    along = np.arange(-20.0, 320.0)
    channel = trace(river_along(np.column_stack([along, along]), 8), upstream=(0, 0))
    for name in ("L", "R"):
        line = bank(channel, name)
        length = np.hypot(*np.diff(line, axis=0).T).sum()
        assert length == pytest.approx(np.hypot(*(line[-1] - line[0])), rel=0.02)


def test_chainage_follows_the_bends() -> None:
    channel = trace(sine_river())
    assert (np.diff(channel.chainage) > 0).all()
    column = np.linspace(0, 300, 10_000)
    row = 35 * np.sin(2 * np.pi * column / 150)
    true = PIXEL * np.hypot(np.diff(row), np.diff(column)).sum()
    assert channel.chainage[-1] == pytest.approx(true - 2 * 8 * PIXEL, rel=0.03)  # a width is cut off at each end


def test_other_end_upstream_swaps_banks_and_turns_chainage() -> None:
    east, west = trace(sine_river()), trace(sine_river(), upstream=(100, 299))
    for one, other in (("L", "R"), ("R", "L")):
        a, b = bank(east, one), bank(west, other)
        assert np.abs(a.mean(axis=0) - b.mean(axis=0)).max() < 1.0
    assert np.hypot(*(east.centre_xy[0] - west.centre_xy[-1])) < 3 * PIXEL
    assert east.chainage[-1] == pytest.approx(west.chainage[-1], abs=2 * PIXEL)


def test_one_pixel_wide_river() -> None:
    for mask in (straight_river(100, 101), np.eye(*SHAPE, dtype=bool)):
        channel = trace(mask)
        assert {line.bank for line in channel.banks} == {"L", "R"}
        assert channel.width.mean() == pytest.approx(PIXEL, rel=0.35)


def test_river_through_image_corners_and_two_pixels_from_an_edge() -> None:
    along = np.arange(-20.0, 320.0)
    corner = river_along(np.column_stack([along * 200 / 300, along]), 6)
    assert corner[0, 0] and corner[-1, -1]
    assert trace(corner, upstream=(0, 0)).width.mean() == pytest.approx(6 * PIXEL, rel=0.06)
    near = trace(straight_river(2, 10), upstream=(5, 0))
    assert bank(near, "L")[:, 0] == pytest.approx(1.5)


def test_the_edge_of_the_image_is_no_bank() -> None:
    channel = trace(straight_river(0, 8), upstream=(5, 0))
    assert not any((~line.beyond_end).any() for line in channel.banks if line.bank == "L")
    assert bank(channel, "R")[:, 0] == pytest.approx(7.5)


def test_ponds_are_left_out_and_listed_and_specks_filled() -> None:
    mask = sine_river()
    mask[20:30, 20:40] = True
    mask[int(np.median(np.flatnonzero(sine_river()[:, 150]))), 150] = False
    channel = trace(mask)
    assert (channel.water == sine_river()).all()
    assert channel.skipped == ("1 waters not connected with the river, 18.0 ha",)


def test_an_island_is_traced_anticlockwise() -> None:
    mask = straight_river(80, 120)
    mask[95:105, 140:180] = False
    channel = trace(mask)
    (island,) = [line for line in channel.banks if line.bank == "I"]
    x, y = island.xy.T
    area = 0.5 * (x @ np.roll(y, -1) - np.roll(x, -1) @ y)
    assert area == pytest.approx(400 * PIXEL**2, rel=0.02)
    assert not island.beyond_end.any()


def test_a_river_that_leaves_the_image_and_comes_back() -> None:
    mask = sine_river(amplitude=70)[40:]  # two tops of bends are cut off in the north
    channel = trace(mask, upstream=(60, 0))
    assert set(channel.part) == {0, 1, 2}
    assert (np.diff(channel.chainage) > 0).all()
    for number in range(1, channel.part.max() + 1):
        first = int(np.flatnonzero(channel.part == number)[0])
        gap = np.hypot(*(channel.centre_xy[first] - channel.centre_xy[first - 1]))
        assert channel.chainage[first] - channel.chainage[first - 1] == pytest.approx(gap)


def test_a_short_piece_is_listed() -> None:
    mask = sine_river()
    mask[0:30, 290:300] = True
    channel = trace(mask)
    assert channel.skipped == ("a piece of river of 27.0 ha, too short to follow",)


LAKE = np.hypot(*(np.indices(SHAPE) - np.array([100, 150])[:, None, None])) < 60


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros(SHAPE, bool), "holds no water; check the declared water value"),
        (np.ones(SHAPE, bool), "holds no land; check the declared water"),
        (LAKE, "longer than wide; give a mask that shows more of it or lower segments.min_part_m"),
    ],
)
def test_errors_of_masks_without_a_river_name_the_mend(mask: NDArray[np.bool_], message: str) -> None:
    with pytest.raises(ChannelError, match=message):
        trace(mask)


def test_river_patches() -> None:
    mask = straight_river()
    mask[10:20, 10:20] = True  # pond
    mask[150:160, 0:10] = True  # leaves the image and is large enough
    mask[199, 299] = True  # leaves the image but is tiny
    runs, keep = river_runs(mask)
    assert sorted(runs.area[keep].tolist()) == [100, 2400]
    known = np.zeros(SHAPE, bool)
    known[10:20, 10:17] = True  # where the river ran for the most part
    runs, keep = river_runs(mask, known)
    assert sorted(runs.area[keep].tolist()) == [100, 100, 2400]


def test_land_holds_ponds_and_islands_but_no_specks() -> None:
    mask = straight_river()
    mask[10:20, 10:20] = True
    mask[98:100, 50:53] = False  # 6 pixels
    mask[97:103, 150:160] = False  # 60 pixels
    land, _, _ = land_of_river(mask, 22)
    painted = np.zeros(mask.size, bool)
    painted[pixels_of(land.start, land.stop)] = True
    wanted = ~straight_river()
    wanted[97:103, 150:160] = True
    assert (painted.reshape(SHAPE) == wanted).all()
