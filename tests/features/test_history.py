"""History features on reaches made by hand: what each number is, which way "upstream" lies, and when it is missing."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from erosion.features.history import FEATURES, LINE_SPANS_Y, SPANS_Y, STRETCHED, STRETCHES_M, compute

Y = 365 / 365.25
"""Years between two epochs of a made reach."""

N = 30
"""Segments a bank: 3 km in pieces of 100 m."""


def place(chainage: float, bank: str = "L") -> int:
    """Row of the segment whose middle is at a chainage."""
    return round((chainage - 50) / 100) + (N if bank == "R" else 0)


def one_bank(rows: slice, values: list[float]) -> np.ndarray:
    out = np.zeros((2 * N, len(values)))
    out[rows] = values
    return out


# --- rates -------------------------------------------------------------------------------------------------------------


def test_a_rate_is_what_was_lost_over_the_time_it_took(made, yearly) -> None:
    got = compute(made(yearly(5), loss=np.array([0, 10, 20, 30, 40])).know())
    for span, total, years in ((1, 40, 1), (2, 70, 2), (3, 90, 3), (6, 100, 4)):
        assert got[f"rate_all_{span}y"] == pytest.approx(total / (years * Y)), span
    assert got["rate_all_record"] == pytest.approx(100 / (4 * Y))


def test_the_two_kinds_of_land_are_kept_apart(made, yearly) -> None:
    established = np.array([0, np.nan, np.nan, 6, 8])
    got = compute(made(yearly(5), loss=np.array([0, 10, 20, 30, 40]), established=established).know())
    assert got["rate_est_1y"] == pytest.approx(8 / Y)
    assert got["rate_est_3y"] == pytest.approx(14 / (2 * Y))  # two of the three years are known
    assert got["rate_all_3y"] == pytest.approx(90 / (3 * Y))
    assert np.isnan(got["rate_est_6y"]).all()  # two known years are less than half of six


def test_gain_is_counted_over_segment_length(made, yearly) -> None:
    got = compute(made(yearly(4), gain=np.array([0, 3, 6, 12]), length_m=50.0).know())
    assert got["gain_1y"] == pytest.approx(12 / Y)
    assert got["gain_3y"] == pytest.approx(21 / (3 * Y))


@given(
    loss=st.lists(st.floats(0, 200), min_size=4, max_size=7),
    gaps=st.lists(st.integers(200, 800), min_size=6, max_size=6),
)
@settings(max_examples=30, deadline=None)
def test_the_rate_of_the_record_gives_back_its_total(made, loss: list[float], gaps: list[int]) -> None:
    days = np.concatenate([[0], np.cumsum(gaps[: len(loss) - 1])])
    epochs = pd.Timestamp("1990-07-01") + pd.to_timedelta(days, unit="D")
    got = compute(made(pd.DatetimeIndex(epochs), loss=np.array(loss)).know())
    assert got["rate_all_record"] * days[-1] / 365.25 == pytest.approx(np.full(2 * N, sum(loss[1:])), abs=1e-9)


def test_a_rate_after_a_gap_covers_the_gap(made, yearly) -> None:
    """A segment hidden at one epoch is compared with the last time it was seen; two years of loss are not one year's."""
    loss = one_bank(slice(None), [0, 10, 10, 10, 10])
    coverage = np.ones_like(loss)
    hidden = place(1050)
    loss[hidden] = [0, 10, np.nan, 20, 10]
    coverage[hidden, 2] = 0
    got = compute(made(yearly(5), loss=loss, coverage=coverage).know())
    for name in ("rate_all_1y", "rate_all_2y", "rate_all_3y", "rate_all_record", "peak_est_6y"):
        assert got[name] == pytest.approx(np.full(2 * N, 10 / Y)), name


# --- lines through positions ---------------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_regression_is_that_of_scipy(made, data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(150, 700), min_size=3, max_size=8))
    days = np.concatenate([[0], np.cumsum(gaps)])
    whole = st.integers(-500, 500).map(float)  # scipy has no error for a line through equal points
    offset = np.array(data.draw(st.lists(whole, min_size=len(days), max_size=len(days)))) + 0.1 * np.arange(len(days))
    epochs = pd.DatetimeIndex(pd.Timestamp("1990-07-01") + pd.to_timedelta(days, unit="D"))
    got = compute(made(epochs, offset=offset).know())
    years = (days - days[-1]) / 365.25
    for name, span in LINE_SPANS_Y.items():
        inside = years >= -(span + 1 / 12)
        if inside.sum() >= 3:
            line = linregress(years[inside], offset[inside])
            assert got[f"regression_rate_{name}"] == pytest.approx(np.full(2 * N, line.slope), abs=1e-6)
            if inside.sum() >= 4:
                assert got[f"regression_error_{name}"] == pytest.approx(np.full(2 * N, line.stderr), abs=1e-6)
        else:
            assert np.isnan(got[f"regression_rate_{name}"]).all()
        if inside.sum() < 4:
            assert np.isnan(got[f"regression_error_{name}"]).all()


def test_the_end_point_rate_is_net_movement_over_time(made, yearly) -> None:
    offset = np.array([-100, -70, -60, -30, -10, 0, 5, 9])
    got = compute(made(yearly(8), offset=offset).know())
    assert got["end_point_rate_3y"] == pytest.approx((9 - -10) / (3 * Y))
    assert got["end_point_rate_6y"] == pytest.approx((9 - -70) / (6 * Y))
    assert got["end_point_rate_record"] == pytest.approx(109 / (7 * Y))


def test_what_is_lost_and_regained_is_no_net_movement(made, yearly) -> None:
    got = compute(made(yearly(4), loss=np.array([0, 30, 0, 0]), gain=np.array([0, 0, 10, 20])).know())
    assert got["end_point_rate_3y"] == pytest.approx(0)
    assert got["rate_all_3y"] == pytest.approx(10 / Y)


# --- what is changing ----------------------------------------------------------------------------------------------------


def test_acceleration_has_the_sign_of_the_change(made, yearly) -> None:
    loss = one_bank(slice(None), [0, 20, 20, 20, 20, 20, 20])
    loss[place(150)] = [0, 10, 10, 10, 10, 40, 40]
    loss[place(250)] = [0, 40, 40, 40, 40, 10, 10]
    got = compute(made(yearly(7), loss=loss).know())["acceleration"]
    assert got[place(50)] == pytest.approx(0)
    assert got[place(150)] == pytest.approx((40 - 20) / Y)
    assert got[place(250)] == pytest.approx((10 - 30) / Y)


def test_years_since_loss_peak_and_share(made, yearly) -> None:
    loss = one_bank(slice(None), [0, 0, 0, 0, 0])
    loss[0] = [0, 40, 0, 16, 0]  # last above 15 m/y one year ago
    loss[1] = [0, 40, 14.9, 14.9, 14.9]
    loss[2] = [0, 0, 0, 0, 15.0]
    got = compute(made(yearly(5), loss=loss).know())
    assert got["years_since_loss"][:4] == pytest.approx([Y, 3 * Y, 0, 4 * Y])  # never: length of the record
    assert got["peak_est_6y"][:4] == pytest.approx([40 / Y, 40 / Y, 15 / Y, 0])
    assert got["loss_share_6y"][:4] == pytest.approx([0.5, 0.25, 0.25, 0])


def test_a_jump_of_the_channel_is_forgotten_after_six_years(made, yearly) -> None:
    flags = np.zeros((2 * N, 10), np.int16)
    flags[0, -1] = flags[1, -7] = flags[2, -8] = 8
    flags[3, -1] = 1 + 2 + 4 + 16
    assert compute(made(yearly(10), flags=flags).know())["channel_moved_6y"][:4].tolist() == [1, 1, 0, 0]


# --- neighbours and the other bank -------------------------------------------------------------------------------------


def test_upstream_is_where_the_water_comes_from(made, yearly) -> None:
    loss = one_bank(slice(None), [0, 0, 0])
    loss[place(1050), -1] = 100
    got = compute(made(yearly(3), loss=loss).know())
    up, down = got["rate_all_1y_up500"] * Y, got["rate_all_1y_down500"] * Y
    assert up[place(1350)] == pytest.approx(20)  # 850, 950, 1050, 1150, 1250
    assert up[place(750)] == pytest.approx(0)
    assert down[place(750)] == pytest.approx(20)
    assert down[place(1350)] == pytest.approx(0)
    assert np.flatnonzero(got["rate_all_1y_up1000"] > 0).tolist() == [place(c) for c in range(1550, 2051, 100)]
    assert np.flatnonzero(got["rate_all_1y_near"] > 0).tolist() == [place(c) for c in range(850, 1251, 100)]
    assert np.nan_to_num(up[N:]).max() == 0  # the right bank is another bank


@pytest.mark.parametrize("name", STRETCHED)
def test_stretches_are_plain_means(made, yearly, name: str) -> None:
    rng = np.random.default_rng(1)
    known = made(yearly(8), loss=rng.gamma(1, 20, (2 * N, 8)), gain=rng.gamma(1, 20, (2 * N, 8))).know()
    got = compute(known)
    chainage = known.baseline.segments["chainage_m"].to_numpy()
    for where, (start, stop) in STRETCHES_M.items():
        for row in (place(1550), place(1750, "R")):
            same = np.arange(2 * N) // N == row // N
            apart = chainage - chainage[row]
            members = same & (apart >= start) & (apart <= stop)
            assert got[f"{name}_{where}"][row] == pytest.approx(got[name][members].mean()), where


def test_the_opposite_bank_is_across_the_river(made, yearly) -> None:
    loss = one_bank(slice(None), [0, 0, 0, 0])
    loss[place(1050), -1] = 100
    got = compute(made(yearly(4), loss=loss).know())["opposite_rate_all_1y"] * Y
    assert np.flatnonzero(got).tolist() == [place(c, "R") for c in range(850, 1251, 100)]
    assert got[place(1050, "R")] == pytest.approx(20)


def test_a_river_that_only_wanders_keeps_its_width(made, yearly) -> None:
    wander = made(
        yearly(4), loss=one_bank(slice(0, N), [0, 10, 10, 10]), gain=one_bank(slice(N, None), [0, 10, 10, 10])
    )
    got = compute(wander.know())
    assert got["width_change_1y"] == pytest.approx(0)
    assert got["opposite_gain_3y"][:N] == pytest.approx(10 / Y)
    widen = compute(made(yearly(4), loss=one_bank(slice(0, N), [0, 10, 10, 10])).know())
    assert widen["width_change_3y"] == pytest.approx(10 / Y)  # the same on both banks


def test_lengths_in_widths(made, yearly) -> None:
    width = np.linspace(100, 300, 151)
    known = made(yearly(7), loss=np.array([0, 5, 10, 20, 20, 30, 40]), width=width).know()
    got = compute(known)
    scaled = [feature.name for feature in FEATURES if feature.name.endswith("_w")]
    assert len(scaled) == 6
    for name in scaled:
        np.testing.assert_array_equal(got[name], got[name[:-2]] / known.width)


# --- missing data, as declared -------------------------------------------------------------------------------------------


def test_islands_have_no_neighbours_and_no_other_bank(made, yearly) -> None:
    known = made(yearly(7), loss=np.array([0, 1, 2, 3, 4, 5, 6]), banks="LRI").know()
    got = compute(known)
    island = (known.baseline.segments["bank"] == "I").to_numpy()
    for feature in FEATURES:
        sided = feature.missing.startswith("NaN on islands") or feature.name == "opposite_gain_3y_w"
        assert np.isnan(got[feature.name][island]).all() == sided, feature.name


def test_nothing_lies_upstream_of_the_first_segment(made, yearly) -> None:
    got = compute(made(yearly(3), loss=np.array([0, 1, 1])).know())
    assert np.isnan(got["rate_all_1y_up1000"][[place(50), place(450)]]).all()
    assert np.isfinite(got["rate_all_1y_up1000"][[place(850), place(1050)]]).all()
    assert np.isnan(got["rate_all_1y_down500"][[place(2950), N - 1]]).all()


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 4])
def test_short_records_are_missing_and_not_guessed(made, yearly, n_epochs: int) -> None:
    covered = (n_epochs - 1) * Y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = compute(made(yearly(n_epochs), loss=np.full(n_epochs, 5.0)).know())
    for span in SPANS_Y:
        assert np.isnan(got[f"rate_all_{span}y"]).all() == (covered < 0.5 * span), span
    assert np.isnan(got["rate_all_record"]).all() == (covered < 1)
    assert np.isnan(got["end_point_rate_6y"]).all() == (covered < 3)
    assert np.isnan(got["regression_rate_record"]).all() == (n_epochs < 3)
    assert np.isnan(got["regression_error_record"]).all() == (n_epochs < 4)
    assert np.isnan(got["peak_est_6y"]).all() == (n_epochs < 2)
    assert got["channel_moved_6y"].tolist() == [0] * 2 * N


def test_a_segment_never_seen_has_no_rate(made, yearly) -> None:
    loss, coverage = one_bank(slice(None), [0, 5, 5, 5, 5]), np.ones((2 * N, 5))
    loss[3], coverage[3] = np.nan, 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = compute(made(yearly(5), loss=loss, coverage=coverage).know())
    for name in ("rate_all_1y", "rate_est_6y", "rate_all_record", "peak_est_6y", "loss_share_6y", "acceleration"):
        assert np.isnan(got[name][3]) and np.isfinite(np.delete(got[name], 3)).all(), name
    assert got["rate_all_1y_near"][3] == pytest.approx(5 / Y)  # its neighbours speak for the stretch
