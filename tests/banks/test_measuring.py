"""Laws of measuring: what is known of a made river comes back, with its uncertainty."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.banks.as_of import baseline_on, observe_region
from erosion.banks.cells import observe_cells
from erosion.banks.measuring import measure_banks
from tests.banks.shapes import AREA, ROWS, SUMS, away_from_ends, box, disc
from tests.rivers import PIXEL, make_region, make_water, measure, sine_river, straight_river

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
    # Both directions on one baseline: a known river and its history in both directions.
    forward, backward = make_water([old, new]), make_water([new, old])
    baseline = baseline_on(make_region(), make_water([old]), pd.Timestamp("2100-01-01"))
    banks = [measure_banks(observe_cells(w, baseline, min_island_m2=20_000.0), baseline) for w in (forward, backward)]
    assert float(banks[0]["land_loss_m2"].isel(epoch=1).sum()) == (new & ~old).sum() * AREA
    for one, other in (SUMS, SUMS[::-1]):
        assert banks[0][one].isel(epoch=1).sum() == banks[1][other].isel(epoch=1).sum()
    assert float(banks[0]["land_gain_m2"].isel(epoch=1).sum()) == 0


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


# --- how much and how sure --------------------------------------------------------------------------------------------


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


def test_where_the_error_of_an_image_is_not_known_only_the_error_is_missing() -> None:
    images = [straight_river(96, 104), straight_river(96, 106), straight_river(95, 107)]
    region, water = make_region(), make_water(images)
    baseline = baseline_on(region, water, pd.Timestamp("2100-01-01"))
    known = measure_banks(observe_region(region, water, baseline), baseline)
    water["geo_rmse_m"][1] = np.nan
    found = measure_banks(observe_region(region, water, baseline), baseline)
    assert np.isnan(found["sigma_m"].isel(epoch=[1, 2])).all()
    xr.testing.assert_identical(found.drop_vars("sigma_m"), known.drop_vars("sigma_m"))
