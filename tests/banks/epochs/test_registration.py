"""Rivers as runs agree with plain counts of pixels, and a known placement is found again."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from erosion.banks.epochs.placement_words import placement_words
from erosion.banks.epochs.registration import Placement, register
from erosion.banks.epochs.river_image import RiverImage, agreement, common_river, overlap, river_image, seen_in_both
from erosion.core.raster.components import find_runs, pixels_of
from tests.banks.epochs.real_rivers import shifted, turned
from tests.rivers import Mask, river_along, sine_river, straight_river

MASKS = arrays(bool, (7, 9))


def image(river: Mask, unseen: Mask | None = None) -> RiverImage:
    """An image with the given pixels as river, connected or not."""
    hidden = np.zeros_like(river) if unseen is None else unseen
    return RiverImage(*find_runs(river & ~hidden), *find_runs(hidden), river.shape, 1.0)


@lru_cache(maxsize=1)
def uneven_river() -> Mask:
    """A river whose bends differ, so that it is like itself in one position only; it does not reach the edges."""
    column = np.arange(50.0, 250.0)
    row = 150 + 30 * np.sin(column / 11) * np.sin(column / 70) + 25 * np.sin(column / 37) - 0.2 * (column - 150)
    return river_along(np.column_stack([row, column]), 5.0, (300, 300))


def of(river: Mask) -> RiverImage:
    return river_image(river.astype(np.float32))


@settings(deadline=None)
@given(MASKS, MASKS, MASKS, MASKS)
def test_agreement_is_that_of_plain_counts(new: Mask, old: Mask, new_unseen: Mask, old_unseen: Mask) -> None:
    a, b, seen = image(new, new_unseen), image(old, old_unseen), ~(new_unseen | old_unseen)
    both, sizes = (new & old & seen).sum(), ((new & seen).sum(), (old & seen).sum())
    assert overlap(a.start, a.stop, b.start, b.stop) == both
    assert common_river(a, b) == sizes
    assert agreement(a, b) == pytest.approx(2 * both / max(sum(sizes), 1))


@settings(deadline=None)
@given(MASKS, MASKS, MASKS, MASKS)
def test_what_one_mask_did_not_see_is_taken_from_both(new: Mask, old: Mask, new_unseen: Mask, old_unseen: Mask) -> None:
    unseen = new_unseen | old_unseen
    for clipped, whole in zip(seen_in_both(image(new, new_unseen), image(old, old_unseen)), (new, old), strict=True):
        expected = image(whole, unseen)
        assert clipped.pixels == expected.pixels and clipped.shore == expected.shore
        assert np.array_equal(pixels_of(clipped.start, clipped.stop), np.flatnonzero(whole & ~unseen))
        assert np.array_equal(pixels_of(clipped.unseen_start, clipped.unseen_stop), np.flatnonzero(unseen))


@settings(deadline=None)
@given(MASKS, MASKS)
def test_the_shore_is_where_river_meets_land(river: Mask, unseen: Mask) -> None:
    seen = np.pad(np.where(unseen, 2, river), 1, constant_values=2)  # 0 land, 1 river, 2 nobody knows
    sides = sum(
        int(((seen[1:-1, 1:-1] == 1) & (np.roll(seen, step, axis)[1:-1, 1:-1] == 0)).sum())
        for step in (1, -1)
        for axis in (0, 1)
    )
    assert image(river, unseen).shore == pytest.approx(np.pi / 4 * sides)


def test_width_and_length_of_a_canal() -> None:
    river = of(straight_river(96, 104))
    # Its shore runs along rows, where a pixel side is a pixel; the mean over directions takes it for pi / 4 of that.
    assert river.width == pytest.approx(8 * 4 / np.pi)
    assert river.widths == pytest.approx(300 * 8 / (8 * 4 / np.pi) ** 2)


def test_a_thumbnail_holds_the_share_of_river() -> None:
    river = sine_river()
    small = of(river).thumbnail(8)
    assert small.shape == (25, 38)
    assert small[:, :37] == pytest.approx(river[:, :296].reshape(25, 8, 37, 8).mean(axis=(1, 3)))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (11, -7), (-20, 33)])
def test_a_known_placement_is_found(mirrored: bool, turn: int, down: int, right: int) -> None:
    old = uneven_river()
    new = np.rot90(old[:, ::-1] if mirrored else old, -turn)  # clockwise, about the middle
    found = register(of(shifted(down, right)(new)), of(old))
    placement = found.placement
    assert placement.mirrored is mirrored
    assert (placement.turned_deg - 90 * turn + 180) % 360 - 180 == pytest.approx(0, abs=0.3)
    assert (placement.down, placement.right) == pytest.approx((down, right), abs=1)
    assert found.placed > 0.95
    if mirrored or turn or down:
        assert found.widths > 25


@pytest.mark.parametrize("degrees", [-3.0, -0.7, 0.5, 2.0])
def test_a_small_turn_is_measured(degrees: float) -> None:
    old = sine_river(amplitude=40, wavelength=90)
    found = register(of(turned(degrees)(old)), of(old))
    assert found.placement.turned_deg == pytest.approx(degrees, abs=0.15)


def test_a_river_against_itself_does_not_move() -> None:
    river = of(sine_river())
    found = register(river, river)
    assert found.placement == Placement() and found.widths == 0 and found.placed == 1


@pytest.mark.parametrize(
    ("placement", "words"),
    [
        (Placement(down=-10, right=-2), "moved by 60 m west and 300 m north"),
        (Placement(right=0.4), ""),
        (Placement(turned_deg=0.05), ""),
        (Placement(turned_deg=-2.0, down=5), "turned by 2.0° anticlockwise, moved by 150 m south"),
        (Placement(mirrored=True), "mirrored (east and west exchanged)"),
        (Placement(mirrored=True, turned_deg=-180.0), "upside down (north and south exchanged)"),
        (
            Placement(mirrored=True, turned_deg=181.0),
            "upside down (north and south exchanged), turned by 1.0° clockwise",
        ),
        (
            Placement(mirrored=True, turned_deg=-181.0),
            "upside down (north and south exchanged), turned by 1.0° anticlockwise",
        ),
    ],
)
def test_a_placement_in_words(placement: Placement, words: str) -> None:
    assert placement_words(placement, 30.0) == words
