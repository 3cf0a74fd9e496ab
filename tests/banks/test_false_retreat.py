"""Ponds, holes, side channels, cutoffs and ends of a reach make no false retreat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.banks.outcomes import measure_loss
from erosion.banks.segments import Baseline, near_reach_end
from tests.banks.shapes import AREA, COLUMNS, ROWS, SUMS, box, disc, moving
from tests.rivers import Mask, make_grid, make_region, measure, sine_river, straight_river


def test_ponds_and_oxbow_lakes_come_and_go() -> None:
    river = straight_river()
    pond = disc(80, 100, 4) | disc(115, 200, 5)
    oxbow = (np.abs(np.hypot(ROWS - 70, COLUMNS - 200) - 15) < 3) & (ROWS < 72)
    assert not ((pond | oxbow) & river).any()
    for images in ([river, river | pond | oxbow, river], [river | pond, river, river | oxbow | pond]):
        measured = measure(images)
        for epoch in (1, 2):
            assert measured.total("land_loss_m2", epoch) == 0
            assert measured.total("land_gain_m2", epoch) == 0
        assert not (measured.banks["flags"].to_numpy() & ~16).any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_masks_with_holes(seed: int) -> None:
    river, random = sine_river(width=10), np.random.default_rng(seed)
    images = []
    for _ in range(3):
        image = river.copy()
        for row, column in random.permutation(np.argwhere(river & (COLUMNS > 1) & (COLUMNS < 294)))[:25]:
            height, width = random.integers(1, 5, 2)  # 1 to 16 pixels
            hole = np.zeros_like(river)
            hole[row : row + height, column : column + width] = True
            inner = river[max(row - 1, 0) : row + height + 1, max(column - 1, 0) : column + width + 1]
            if inner.all():  # inside the river, not a bite of its bank
                image &= ~hole
        images.append(image if (image != river).any() else river)
    measured = measure(images, make_region(min_island_m2=200 * AREA))
    assert measured.total("land_loss_m2") == 0
    assert measured.total("land_gain_m2") == 0
    assert set(measured.baseline.segments["bank"]) == {"L", "R"}


def with_side_channel(*, is_open: bool) -> Mask:
    """Straight river with a channel around the north of an island between columns 110 and 190."""
    side = (np.abs(np.hypot(ROWS - 104, COLUMNS - 150) - 22) < 3) & (ROWS < 100)
    return straight_river() | side if is_open else straight_river()


def test_a_side_channel_opens_and_closes() -> None:
    shut, whole = with_side_channel(is_open=False), with_side_channel(is_open=True)
    for images in ([shut, whole, shut], [whole, shut, whole]):
        measured = measure(images)
        row, at = measured.position()
        far = (at < 95) | (at > 205)
        right = (measured.baseline.segments["bank"] == "R").to_numpy()
        for epoch in (1, 2):
            for name in SUMS:
                values = measured.banks[name].isel(epoch=epoch).to_numpy()
                assert (values[far | right] == 0).all()
            assert not measured.flagged("channel_moved", epoch)[far].any()
        near_island = (at > 130) & (at < 170) & ~right & (row < 97)
        noticed = measured.flagged("transect_open", 1) | measured.flagged("methods_disagree", 1)
        assert noticed[near_island].mean() > 0.5
    assert "I" in set(measured.baseline.segments["bank"])


def loop_river(*, is_cut: bool) -> Mask:
    """Straight river with a loop to the north of columns 130 to 170; a cutoff leaves the loop and takes the chord."""
    chord = straight_river()
    loop = (np.abs(np.hypot((ROWS - 60) / 1.6, COLUMNS - 150) - 28) < 4) & (ROWS < 97)
    across = box(96, 104, 135, 165)
    return (chord & ~across) | (loop & ~across) if not is_cut else chord


def test_a_cutoff_is_flagged_where_it_happened_and_nowhere_else() -> None:
    before, after = loop_river(is_cut=False), loop_river(is_cut=True)
    assert (
        measure([before]).baseline.centre["chainage_m"].max()
        > 1.3 * measure([after]).baseline.centre["chainage_m"].max()
    )
    for images in ([before, before, after], [before, after, before]):
        measured = measure(images)
        _, at = measured.position()
        far = (at < 90) | (at > 210)
        last = len(images) - 1
        assert not measured.flagged("channel_moved", last)[far].any()
        for name in SUMS:
            assert (measured.banks[name].isel(epoch=last).to_numpy()[far] == 0).all()
    # On the loop the bed falls dry or fills: the newest mask of the last series has the loop.
    row, at = measured.position()
    on_loop = (row < 80) & (at > 125) & (at < 175)
    assert measured.flagged("channel_moved", 2)[on_loop].all()
    loss = measure_loss(measured.states, measured.baseline, measured.states.epochs[1], measured.states.epochs[2])
    assert loss["channel_moved"].to_numpy()[on_loop].all()
    assert not loss["channel_moved"].to_numpy()[far].any()


def test_ends_of_the_reach_are_flagged_and_nothing_is_lost_there() -> None:
    measured = measure([sine_river()] * 2)
    _, at = measured.position()
    flagged = measured.flagged("near_reach_end")
    assert flagged.any()
    assert ((at[flagged] < 30) | (at[flagged] > 270)).all()
    assert measured.total("land_loss_m2") == 0


def test_a_river_clipped_by_an_outline_inside_the_image() -> None:
    outline = ROWS + COLUMNS < 400  # cuts the river off slantwise, far from the image's edge
    images = [np.pad(image & outline, 20) for image in moving()]
    grid = make_grid(images[0].shape)
    measured = measure(images, make_region((120, 20), grid), grid=grid)
    plain = measure(moving())
    assert len(measured.baseline.segments) > 0.8 * len(plain.baseline.segments)
    still = measure([images[0]] * 2, make_region((120, 20), grid), grid=grid)
    assert still.total("land_loss_m2") == 0
    row, column = measured.position()
    assert (row - 20 + column - 20 < 400 + 3).all()
    # Along the cut itself there is no bank.
    lengths = measured.baseline.segments.groupby("bank")["length_m"].sum()
    assert lengths["L"] == pytest.approx(lengths["R"], rel=0.15)


def test_a_river_that_leaves_the_image_and_comes_back() -> None:
    images = [image[40:] for image in (sine_river(amplitude=69), sine_river(amplitude=69), sine_river(amplitude=70))]
    grid = make_grid(images[0].shape)
    measured = measure(images, make_region((60, 0), grid), grid=grid)
    assert set(measured.baseline.centre["part"]) == {0, 1, 2}
    row, _ = measured.position()
    assert row.min() > -0.5  # no bank on the image's edge
    assert measured.total("land_loss_m2", 1) == 0
    assert measured.total("land_loss_m2", 2) == pytest.approx(((images[2] & ~images[1]).sum()) * AREA, rel=0.25)


def test_a_one_pixel_wide_river_can_be_measured() -> None:
    measured = measure([straight_river(100, 101), straight_river(100, 101), straight_river(99, 101)])
    assert measured.total("land_loss_m2", 1) == 0
    assert measured.by_bank("land_loss_m2", "L", 2) == pytest.approx(300 * AREA, rel=0.05)
    assert measured.by_bank("land_loss_m2", "R", 2) == 0


@pytest.mark.parametrize(("step", "losing", "gaining"), [(4, "R", "L"), (-4, "L", "R")])
def test_land_lost_where_the_river_has_moved_on_is_lost_by_its_own_bank(step: int, losing: str, gaining: str) -> None:
    # The river moves by twice its width: on the newest baseline its old bank is nearer to the opposite one.
    measured = measure([straight_river(96 + step * k, 104 + step * k) for k in range(5)])
    for epoch in range(1, 5):
        assert measured.by_bank("land_loss_m2", gaining, epoch) == 0
        assert measured.by_bank("land_gain_m2", losing, epoch) == 0
        assert measured.by_bank("land_loss_m2", losing, epoch) == pytest.approx(4 * 300 * AREA, rel=0.12)
        assert measured.by_bank("land_gain_m2", gaining, epoch) == pytest.approx(4 * 300 * AREA, rel=0.12)


def test_near_reach_end_of_every_piece() -> None:
    image = sine_river(amplitude=70)[40:]
    grid = make_grid(image.shape)
    baseline: Baseline = measure([image], make_region((60, 0), grid), grid=grid).baseline
    near = near_reach_end(baseline)
    centre = baseline.centre
    for _, piece in centre.groupby("part"):
        for end in (piece["chainage_m"].iloc[0], piece["chainage_m"].iloc[-1]):
            closest = (baseline.segments["chainage_m"] - end).abs().idxmin()
            assert near[closest]
    assert not near.all()
