"""Loss of established land: land that stood for five years, between epochs and over windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.banks.outcomes import measure_loss
from tests.banks.shapes import AREA, box
from tests.rivers import Measured, measure, straight_river


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
