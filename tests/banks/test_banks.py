"""Laws of measuring: what is known of a made river comes back, and nothing else does."""

from __future__ import annotations

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from erosion.banks.as_of import baseline_on
from erosion.banks.measuring import MISSING, CellStates, measure_banks, measure_loss, near_reach_end, observe_cells
from erosion.banks.segments import Baseline
from tests.rivers import (
    CORNER,
    PIXEL,
    SHAPE,
    Mask,
    Measured,
    make_grid,
    make_region,
    make_water,
    measure,
    sine_river,
    straight_river,
)

AREA = PIXEL**2
ROWS, COLUMNS = np.indices(SHAPE)
SUMS = ("land_loss_m2", "land_gain_m2")


def disc(row: float, column: float, radius: float) -> Mask:
    return np.hypot(ROWS - row, COLUMNS - column) <= radius


def box(top: int, bottom: int, left: int, right: int) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[max(top, 0) : bottom, max(left, 0) : right] = True
    return mask


def away_from_ends(measured: Measured) -> NDArray[np.bool_]:
    return ~near_reach_end(measured.baseline)


# --- a bite of known area ---------------------------------------------------------------------------------------------

BITES = {
    "box": box(85, 96, 150, 160),
    "long": box(93, 96, 100, 200),
    "half disc": disc(96, 150, 8) & (ROWS < 96),
    "right bank": box(104, 110, 120, 125),
    "one pixel": box(95, 96, 150, 151),
    "needle": box(86, 96, 150, 151),
}


@pytest.mark.parametrize("name", BITES)
def test_a_bite_returns_its_area(name: str) -> None:
    bite = BITES[name] & ~straight_river()
    measured = measure([straight_river() & ~bite, straight_river() & ~bite, straight_river() | bite])
    assert measured.total("land_loss_m2") == bite.sum() * AREA
    assert measured.total("land_gain_m2") == 0
    assert measured.total("land_loss_m2", epoch=1) == 0
    bank = "R" if name == "right bank" else "L"
    assert measured.by_bank("land_loss_m2", bank) == bite.sum() * AREA
    lost = (measured.banks["land_loss_m2"].isel(epoch=-1) > 0).to_numpy()
    columns = np.flatnonzero(bite.any(axis=0))
    _, at = measured.position()
    depth = bite.sum(axis=0).max() + 4  # segments that line the bite, or next to it
    assert ((at[lost] > columns[0] - depth) & (at[lost] < columns[-1] + depth)).all()


@given(
    st.lists(
        st.tuples(st.integers(30, 260), st.integers(1, 12), st.integers(1, 15), st.booleans()), min_size=1, max_size=4
    )
)
@settings(max_examples=12, deadline=None)
def test_what_is_bitten_is_what_is_lost_and_time_reversal_swaps_it(bites: list[tuple[int, int, int, bool]]) -> None:
    old = straight_river()
    new = old.copy()
    for column, width, depth, north in bites:
        new |= box(96 - depth, 104, column, column + width) if north else box(96, 104 + depth, column, column + width)
    # Both directions on one baseline: a known river and its history told both ways.
    forward, backward = make_water([old, new]), make_water([new, old])
    baseline = baseline_on(make_region(), make_water([old]), pd.Timestamp("2100-01-01"))
    told = [measure_banks(observe_cells(w, baseline, min_island_m2=20_000.0), baseline) for w in (forward, backward)]
    assert float(told[0]["land_loss_m2"].isel(epoch=1).sum()) == (new & ~old).sum() * AREA
    for one, other in (SUMS, SUMS[::-1]):
        assert told[0][one].isel(epoch=1).sum() == told[1][other].isel(epoch=1).sum()
    assert float(told[0]["land_gain_m2"].isel(epoch=1).sum()) == 0


def test_time_reversal_swaps_loss_and_gain_of_every_segment() -> None:
    old, new = sine_river(), sine_river(amplitude=36.5)
    baseline = baseline_on(make_region(), make_water([old]), pd.Timestamp("2100-01-01"))
    forward, backward = (
        measure_banks(observe_cells(make_water(pair), baseline, min_island_m2=20_000.0), baseline).isel(epoch=1)
        for pair in ([old, new], [new, old])
    )
    assert float(forward["land_loss_m2"].sum()) > 50 * AREA
    xr.testing.assert_equal(
        forward["land_loss_m2"].reset_coords(drop=True), backward["land_gain_m2"].reset_coords(drop=True)
    )
    xr.testing.assert_equal(
        forward["land_gain_m2"].reset_coords(drop=True), backward["land_loss_m2"].reset_coords(drop=True)
    )


# --- where the map lies and how it is cut up do not matter ------------------------------------------------------------


def moving() -> list[Mask]:
    return [sine_river(amplitude=35 + k) for k in range(3)]


def test_shifting_the_map_changes_nothing() -> None:
    # Clipped by an outline inside the image, so that the image's edge plays no part.
    rims = ((5, 9), (8, 6)), ((12, 2), (19, 1))
    measured = []
    for (top, bottom), (left, right) in rims:
        images = [np.pad(image, ((top, bottom), (left, right))) for image in moving()]
        grid = make_grid(images[0].shape, (CORNER[0] - left * PIXEL + 900, CORNER[1] + top * PIXEL - 600))
        measured.append(measure(images, make_region((100 + top, left), grid), grid=grid))
    here, there = measured
    assert there.baseline.segments["segment_id"].tolist() == here.baseline.segments["segment_id"].tolist()
    for name in ("land_loss_m2", "land_gain_m2", "flags", "coverage"):
        assert (there.banks[name].to_numpy()[:, 1:] == here.banks[name].to_numpy()[:, 1:]).all()


def test_padding_the_map_changes_nothing_but_the_ends() -> None:
    grid = make_grid((220, 320), (CORNER[0] - 10 * PIXEL, CORNER[1] + 10 * PIXEL))
    here = measure(moving())
    there = measure([np.pad(image, 10) for image in moving()], make_region((110, 10), grid), grid=grid)
    assert abs(len(there.baseline.segments) - len(here.baseline.segments)) <= 4
    pd.testing.assert_frame_equal(_sums(here), _sums(there), rtol=0.05, atol=10 * AREA)


def _sums(measured: Measured) -> pd.DataFrame:
    banks = measured.baseline.segments["bank"].to_numpy()
    frame = pd.DataFrame({name: measured.banks[name].isel(epoch=-1).to_numpy() for name in SUMS})
    return frame[away_from_ends(measured)].groupby(banks[away_from_ends(measured)]).sum()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_map_changes_nothing_but_rounding(turns: int) -> None:
    here = measure(moving())
    turned = [np.rot90(image, turns) for image in moving()]
    upstream = {1: (299, 100), 2: (100, 299), 3: (0, 100)}[turns]
    there = measure(turned, make_region(upstream, make_grid(turned[0].shape)))
    counts = [m.baseline.segments["bank"].value_counts() for m in (here, there)]
    assert (counts[0] - counts[1]).abs().max() <= 2
    assert here.total("land_loss_m2") == pytest.approx(there.total("land_loss_m2"), rel=0.03)
    pd.testing.assert_frame_equal(_sums(here), _sums(there), rtol=0.05, atol=10 * AREA)


def test_the_mirrored_map_swaps_left_and_right() -> None:
    here, there = measure(moving()), measure([image[::-1] for image in moving()])
    swapped = _sums(there).rename(index={"L": "R", "R": "L"}).sort_index()
    pd.testing.assert_frame_equal(_sums(here), swapped, rtol=0.05, atol=10 * AREA)


def test_chunks_change_nothing() -> None:
    region, images = make_region(), [np.where(disc(50, 50, 9), np.nan, image) for image in moving()]
    baseline = baseline_on(region, make_water(images), pd.Timestamp("2100-01-01"))

    def states(water: xr.Dataset) -> CellStates:
        return observe_cells(water, baseline, min_island_m2=20_000.0)

    whole = states(make_water(images, chunk=None))
    for water in (make_water(images), make_water(images, chunk=3), make_water(images, chunk=2).chunk(y=70, x=90)):
        with dask.config.set(scheduler="sync"):
            cut_up = states(water)
        for field in ("cells", "side", "transects", "sigma_m"):
            assert (getattr(cut_up, field) == getattr(whole, field)).all()


# --- how much and how sure -----------------------------------------------------------------------------------------------


def test_area_and_transect_agree_on_a_straight_retreat() -> None:
    measured = measure([straight_river(96, 104), straight_river(93, 104)])
    left = (measured.baseline.segments["bank"] == "L").to_numpy() & away_from_ends(measured)
    assert measured.banks["retreat_m"].to_numpy()[left, 1] == pytest.approx(3 * PIXEL, rel=0.35)
    assert measured.banks["retreat_m"].to_numpy()[left, 1].mean() == pytest.approx(3 * PIXEL, rel=0.01)
    position = measured.banks["position_m"].to_numpy()
    assert position[left, 1] - position[left, 0] == pytest.approx(3 * PIXEL)
    assert np.abs(position[:, 1][away_from_ends(measured)]).max() <= 0.5 * PIXEL
    offset = measured.banks["offset_m"].to_numpy()
    assert (offset[:, 1] == 0).all()
    assert offset[left, 0].mean() == pytest.approx(-3 * PIXEL, rel=0.01)
    assert not measured.flagged("methods_disagree").any()
    assert not measured.flagged("transect_open")[left].any()


def test_fractions_of_water_count_as_fractions_of_land() -> None:
    new = straight_river().astype(float)
    new[95] = 0.29
    old = straight_river().astype(float)
    measured = measure([old, new])
    left = (measured.baseline.segments["bank"] == "L").to_numpy() & away_from_ends(measured)
    assert measured.banks["retreat_m"].to_numpy()[left, 1].mean() == pytest.approx(0.29 * PIXEL, rel=0.01)


def test_sigma_by_hand() -> None:
    measured = measure([straight_river(), straight_river()])
    # Placement 15 m and rounding of 30 m pixels, averaged over the 3.33 pixels of a 100 m segment, at each epoch.
    length = measured.baseline.segments["length_m"].median()
    at_epoch = 15.0**2 + 30.0**2 / 12 / (length / 30.0)
    assert measured.banks["sigma_m"].isel(epoch=1).to_numpy() == pytest.approx((2 * at_epoch) ** 0.5)
    assert np.isnan(measured.banks["sigma_m"].isel(epoch=0)).all()


def test_an_edge_that_was_hidden_is_as_unsure_as_seen_banks_moved() -> None:
    # The left bank goes back by 3 pixels, the right one stays; what lies east of column 150 is hidden in between.
    old, new = straight_river(96, 104), straight_river(93, 104)
    hidden = np.where(box(85, 115, 150, 300), np.nan, new)
    seen, half = measure([old, new, new]), measure([old, hidden, new])
    _, at = half.position()
    inside = away_from_ends(half)
    west, east = inside & (at < 140), inside & (at > 160)
    plain = seen.banks["sigma_m"].to_numpy()
    sigma, retreat = half.banks["sigma_m"].to_numpy(), half.banks["retreat_m"].to_numpy()
    for epoch in (1, 2):  # hidden at the end of the first pair, at the start of the second
        assert sigma[west, epoch] == pytest.approx(plain[west, epoch])
    # Left bank 90 m, right bank 0 m, as many segments of each.
    assert np.sqrt(np.mean(retreat[west, 1] ** 2)) == pytest.approx(90 * 0.5**0.5, rel=0.03)
    assert sigma[east, 1] == pytest.approx(np.hypot(plain[east, 1], 90 * 0.5**0.5), rel=0.05)
    # In the second pair the banks that were seen did nothing: an unseen one is taken to have done as little.
    assert sigma[east, 2] == pytest.approx(plain[east, 2])


def test_a_single_epoch_has_no_change_to_tell() -> None:
    measured = measure([straight_river()])
    for name in ("land_loss_m2", "land_gain_m2", "retreat_m", "retreat_established_m", "sigma_m"):
        assert np.isnan(measured.banks[name]).all()
    assert (measured.banks["coverage"] == 1).all()


def test_short_reach_has_no_jumps_to_find() -> None:
    wide = straight_river(60, 120)  # as long as five times its width: hardly two stretches
    measured = measure([wide, wide])
    assert not measured.flagged("channel_moved").any()


# --- established land ----------------------------------------------------------------------------------------------------


def _bar_lost_after(years: int) -> Measured:
    """River that was 3 pixels wider, then a bar grew, stood ``years`` years and is lost in the last one."""
    wide, narrow = straight_river(93, 104), straight_river(96, 104)
    images = [narrow] * 7 + [wide] + [narrow] * (years + 1) + [wide]
    return measure(images)


def test_a_young_bar_is_not_established_land() -> None:
    measured = _bar_lost_after(3)
    assert measured.total("land_loss_m2") == pytest.approx(3 * 300 * AREA, rel=0.1)
    assert measured.total("land_loss_established_m2") == 0


def test_land_that_stood_six_years_is_established() -> None:
    measured = _bar_lost_after(6)
    assert measured.total("land_loss_established_m2") == measured.total("land_loss_m2") > 0


def test_established_land_needs_five_years_of_masks() -> None:
    images = [straight_river(96, 104)] * 5 + [straight_river(93, 104)] * 2
    established = measure(images).banks["land_loss_established_m2"].to_numpy()
    assert np.isnan(established[:, :6]).all()  # 2000 to 2005: nothing is known of 1995 to 2000
    assert (established[:, 6] == 0).all()


@pytest.mark.parametrize("years", [3, 6])
def test_loss_between_two_epochs_keeps_the_same_rule(years: int) -> None:
    measured = _bar_lost_after(years)
    epochs = measured.states.epochs
    loss = measure_loss(measured.states, measured.baseline, epochs[-2], epochs[-1])
    for column, variable in (("retreat_m", "retreat_m"), ("retreat_established_m", "retreat_established_m")):
        assert loss[column].sum() == pytest.approx(measured.total(variable))
    assert not loss["channel_moved"].any()
    assert (loss["coverage"] == 1).all()


def test_land_taken_within_a_window_is_lost_though_a_bar_lies_there_at_its_end() -> None:
    bite = box(84, 96, 140, 160)
    images = [straight_river()] * 7 + [straight_river() | bite, straight_river()]
    measured = measure(images)
    start, taken, end = measured.states.epochs[-3:]
    for upto in (taken, end):
        loss = measure_loss(measured.states, measured.baseline, start, upto)
        length = measured.baseline.segments["length_m"].to_numpy()
        for column in ("retreat_m", "retreat_established_m"):
            assert (loss[column] * length).sum() == pytest.approx(bite.sum() * AREA)
    # A window that starts when the bite is water has nothing to lose; one hidden at its end keeps what was seen before.
    assert measure_loss(measured.states, measured.baseline, taken, end)["retreat_m"].sum() == 0
    hidden = measure([*images[:-1], np.where(box(70, 120, 120, 180), np.nan, straight_river())])
    loss = measure_loss(hidden.states, hidden.baseline, start, end)
    assert (loss["retreat_m"] * hidden.baseline.segments["length_m"].to_numpy()).sum() == pytest.approx(
        bite.sum() * AREA
    )
    assert (loss["coverage"] < 1).any()


def test_an_unseen_year_keeps_the_last_known_state_in_both_rules() -> None:
    wide, narrow = straight_river(93, 104), straight_river(96, 104)
    hidden = np.where(box(80, 96, 0, 300), np.nan, narrow)
    # River until 2007, then not seen until 2013: the bar may be a year old.
    images = [narrow] * 7 + [wide] + [hidden] * 5 + [narrow, wide]
    measured = measure(images)
    assert measured.total("land_loss_m2") > 0
    assert measured.total("land_loss_established_m2") == 0
    epochs = measured.states.epochs
    loss = measure_loss(measured.states, measured.baseline, epochs[-2], epochs[-1])
    assert loss["retreat_m"].sum() > 0
    assert loss["retreat_established_m"].sum() == 0


def test_loss_between_epochs_that_are_not_there() -> None:
    measured = measure([straight_river()] * 2)
    with pytest.raises(KeyError, match="no epoch at 1990-01-01"):
        measure_loss(measured.states, measured.baseline, pd.Timestamp("1990-01-01"), measured.states.epochs[1])


# --- what was not seen -----------------------------------------------------------------------------------------------------


def test_an_unseen_pixel_is_compared_with_the_last_time_it_was_seen() -> None:
    bite = box(90, 96, 150, 160)
    hidden = np.where(box(80, 120, 140, 170), np.nan, straight_river())
    measured = measure([straight_river(), hidden, straight_river() | bite])
    assert measured.total("land_loss_m2", epoch=1) == 0
    assert measured.total("land_loss_m2", epoch=2) == bite.sum() * AREA


def test_coverage_is_the_share_seen_in_both_epochs() -> None:
    hidden = np.where(COLUMNS < 150, np.nan, straight_river())
    measured = measure([straight_river(), hidden, straight_river()])
    _, at = measured.position()
    coverage = measured.banks["coverage"].to_numpy()
    west, east = at < 140, at > 160
    assert (coverage[west, 1] == 0).all()
    assert (coverage[east, 1] == 1).all()
    assert (coverage[:, 2] == 1).all()  # the last sight of the west is from the first year
    assert np.isnan(measured.banks["retreat_m"].to_numpy()[west, 1]).all()
    assert measured.flagged("low_coverage", 1)[west].all()
    assert not measured.flagged("low_coverage", 1)[east].any()


def test_stripes_in_the_newest_mask_are_filled_from_older_ones() -> None:
    stripes = (COLUMNS + ROWS // 3) % 20 < 4
    images = [sine_river(), sine_river(), np.where(stripes, np.nan, sine_river())]
    measured, plain = measure(images), measure([sine_river()] * 3)
    assert measured.baseline.segments.equals(plain.baseline.segments)
    assert measured.total("land_loss_m2") == 0
    assert measured.total("land_gain_m2") == 0
    assert (measured.states.cells[-1] == MISSING).mean() == pytest.approx(0.2, abs=0.03)


# --- no false retreat ------------------------------------------------------------------------------------------------------


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
