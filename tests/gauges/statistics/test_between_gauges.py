"""Levels between gauges and in gaps: a wave of known speed, a straight water surface, gaps that are marked or stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.statistics import gauge_statistics
from erosion.gauges.statistics.between_gauges import (
    MIN_PAIRS,
    MixedDatumsError,
    Station,
    fill,
    levels_along,
    stage_along,
)
from erosion.gauges.statistics.levels import level_statistics, levels_of
from erosion.gauges.statistics.windows import known_windows, revisions
from tests.gauge_tables import gauge_rows

SPEED = 100_000 / 86_400  # 100 km a day
DATUM = "Hòn Dấu"
NAN = np.nan


def windows(values: dict[str, list[float]]) -> xr.DataArray:
    """Levels on one date, newest day first."""
    table = np.array([values[name] for name in values], float)[:, np.newaxis]
    coords = {"gauge_id": list(values), "as_of": pd.DatetimeIndex(["2020-06-30"]), "age": np.arange(table.shape[2])}
    return xr.DataArray(table, coords=coords, dims=("gauge_id", "as_of", "age"))


def station(name: str, km: float, datum: str | None = DATUM) -> Station:
    return Station(name, 1000.0 * km, datum)


def along(values: dict[str, list[float]], stations: list[Station], *km: float) -> xr.Dataset:
    return stage_along(windows(values), stations, 1000.0 * np.array(km), SPEED).isel(as_of=0)


# --- between gauges --------------------------------------------------------------------------------------------------------


def test_a_travelling_wave_is_recovered_where_no_gauge_stands() -> None:
    """h(x, t) = sin of t - x/c, sloping down by 2 cm a km: exact where the wave's days are whole, close elsewhere."""
    days = np.arange(120.0)

    def wave(km: float) -> np.ndarray:
        return np.sin(2 * np.pi * (days - km / 100) / 30) - 0.02 * km

    gauges = [station("up", -100), station("down", 300)]
    made = {name: list(wave(km)[::-1]) for name, km in (("up", -100), ("down", 300))}
    got = along(made, gauges, 0, 100, 150, 200)
    for place, km in enumerate((0, 100, 150, 200)):
        inner = slice(4, 110)
        error = got["level"][place, inner] - wave(km)[::-1][inner]
        assert np.abs(error).max() < (0.01 if km == 150 else 1e-12), km
    # Without the time it takes, the same levels are far off.
    slow = stage_along(windows(made), gauges, np.array([100e3]), 1e9).isel(as_of=0, place=0)["level"]
    assert np.abs(slow[4:110] - wave(100)[::-1][4:110]).max() > 0.05


def test_what_is_to_come_below_is_held_and_says_so() -> None:
    gauges = [station("up", 0), station("down", 200)]
    got = along({"up": [10, 9, 8, 7, 6], "down": [5, 4, 3, 2, 1]}, gauges, 100)
    # Day t at km 100: up the day before, down the day after; of today's the newest of below is held.
    np.testing.assert_array_equal(got["level"][0], [(9 + 5) / 2, (8 + 5) / 2, (7 + 4) / 2, (6 + 3) / 2, NAN])
    np.testing.assert_array_equal(got["held_days"][0], [1, 0, 0, 0, NAN])


def test_a_day_on_which_the_gauge_below_was_not_read_is_not_known() -> None:
    gauges = [station("up", 0), station("down", 200)]
    got = along({"up": [10, 9, 8, 7, 6, 5], "down": [NAN, NAN, 3, 2, NAN, 0]}, gauges, 100)
    np.testing.assert_array_equal(got["level"][0], [NAN, NAN, (7 + 3) / 2, (6 + 3) / 2, (5 + 2) / 2, NAN])
    np.testing.assert_array_equal(got["held_days"][0], [NAN, NAN, 1, 0, 0, NAN])
    # The gauge above may be a day late: its water takes that day.
    got = along({"up": [NAN, 9, 8, 7], "down": [5, 4, 3, 2]}, gauges, 100)
    np.testing.assert_array_equal(got["level"][0], [(9 + 5) / 2, (8 + 5) / 2, (7 + 4) / 2, NAN])
    got = along({"up": [NAN, NAN, 8, 7], "down": [5, 4, 3, 2]}, gauges, 100)
    np.testing.assert_array_equal(got["level"][0], [NAN, (8 + 5) / 2, (7 + 4) / 2, NAN])


def test_parts_of_a_day_are_linear_between_days() -> None:
    gauges = [station("up", 0), station("down", 100)]
    got = along({"up": [4, 8, 0], "down": [10, 20, 30]}, gauges, 25)
    # A quarter of a day after up: 0.75 * today + 0.25 * yesterday; three quarters before down.
    second = 0.75 * (0.75 * 8 + 0.25 * 0) + 0.25 * (0.25 * 20 + 0.75 * 10)
    first = 0.75 * (0.75 * 4 + 0.25 * 8) + 0.25 * 10
    np.testing.assert_allclose(got["level"][0], [first, second, NAN])
    np.testing.assert_allclose(got["held_days"][0], [0.75, 0, NAN])


def test_at_and_beyond_the_gauges_it_is_their_own_level() -> None:
    values = {"a": [3.0, 2.0, NAN], "b": [NAN, 7.0, 6.0], "c": [1.0, 1.5, 2.0]}
    gauges = [station("c", 50), station("a", 0), station("b", 20)]  # in any order
    got = along(values, gauges, -40, 0, 20, 50, 90)
    np.testing.assert_array_equal(got["level"], [values["a"], values["a"], values["b"], values["c"], values["c"]])
    np.testing.assert_array_equal(got["held_days"][2], [NAN, 0, 0])
    np.testing.assert_array_equal(along(values, gauges[:1], 0, 70)["level"], [values["c"], values["c"]])


@given(st.floats(-5, 5), st.floats(-0.01, 0.01), st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(0.2, 5))
def test_still_water_is_a_straight_line(level: float, slope: float, where: list[float], speed: float) -> None:
    values = {"a": [level] * 9, "b": [level + 60 * slope] * 9}
    km = 60 * np.array(where)
    got = stage_along(windows(values), [station("a", 0), station("b", 60)], 1000 * km, speed).isel(as_of=0)["level"]
    np.testing.assert_allclose(got[:, 0], level + slope * km, atol=1e-9)


def test_mixed_zeros_are_refused_and_both_are_named() -> None:
    values = {"a": [1.0], "b": [2.0]}
    with pytest.raises(MixedDatumsError, match=r"a counts from 'Hòn Dấu', that of b from 'Mũi Nai'.*datum_offset_m"):
        along(values, [station("a", 0), station("b", 9, "Mũi Nai")], 3)
    with pytest.raises(MixedDatumsError, match="None"):
        along(values, [station("a", 0), station("b", 9, None)], 3)
    for stations, speed, said in (
        ([], 1.0, "at least one station"),
        ([station("a", 0), station("b", 0)], 1.0, "a and b stand in one place"),
        ([station("a", 0)], 0.0, "above 0"),
        ([station("a", 0), station("c", 9)], 1.0, "gauge c has no levels"),
    ):
        with pytest.raises(ValueError, match=said):
            stage_along(windows(values), stations, np.array([3.0]), speed)


def test_statistics_work_on_places_as_on_gauges() -> None:
    days = pd.date_range("2010-01-01", "2016-12-31")
    level = 3 + 2 * np.cos(2 * np.pi * (days.day_of_year - 280) / 365.25)
    rows = pd.concat([gauge_rows(days, level, gauge_id="a"), gauge_rows(days, level + 1, gauge_id="b")])
    levels = levels_of(revisions(rows, "stage"), "stage")
    gauges = [station("a", 0), station("b", 10)]
    dates = ["2016-03-01", "2016-11-01"]
    alarms = np.array([[3.5, 4.0, 4.5]] * 3)
    told = level_statistics(levels_along(levels, gauges, 1e3 * np.array([-5, 5, 10]), 1e6), dates, alarms)
    own = gauge_statistics(rows, dates, {"a": (3.5, 4.0, 4.5), "b": (3.5, 4.0, 4.5)})
    for name, values in told.items():
        if name != "of_stage":
            np.testing.assert_array_equal(values[0], own[name][0], err_msg=name)
            np.testing.assert_array_equal(values[2], own[name][1], err_msg=name)
    for name in ("value", "low_mark", "season_peak", "high_mark"):
        np.testing.assert_allclose(told[name][1], told[name][0] + 0.5, atol=1e-3)


def test_nothing_between_gauges_comes_from_later_days() -> None:
    days = pd.date_range("2016-01-01", periods=60)
    dice = np.random.default_rng(1)
    rows = pd.concat(
        [gauge_rows(days, dice.random(60), gauge_id=name, latency=late) for name, late in (("a", "1D"), ("b", "3D"))]
    )
    today = pd.Timestamp("2016-02-10")
    cut = rows[rows["available_at"] < (today + pd.Timedelta(days=1)).tz_localize("UTC")]
    gauges = [station("a", 0), station("b", 250)]

    def told(table: pd.DataFrame) -> xr.Dataset:
        return stage_along(known_windows(table, [today], 30, "stage"), gauges, np.array([1e5, 2.2e5]), SPEED)

    xr.testing.assert_identical(told(rows), told(cut))
    assert told(rows)["level"].isel(age=slice(3, 20)).notnull().all()
    assert told(rows)["level"].isel(age=0).isnull().all()  # the gauge below is three days late


# --- gaps --------------------------------------------------------------------------------------------------------------------


def test_gaps_are_interpolated_up_to_a_limit_and_marked() -> None:
    before = windows({"g": [NAN, 6.0, NAN, NAN, NAN, 2.0, 1.0, NAN, 0.0, NAN]})
    filled, gaps = fill(before, "interpolation", 3)
    got = filled.isel(gauge_id=0, as_of=0)
    np.testing.assert_array_equal(got["value"], [NAN, 6, 5, 4, 3, 2, 1, 0.5, 0, NAN])  # nothing beyond known days
    words = ["missing", "good", *["estimated"] * 3, "good", "good", "estimated", "good", "missing"]
    assert got["qc"].to_numpy().tolist() == words
    assert (got["flags"].to_numpy() == [GAUGE_FLAGS["filled"] if word == "estimated" else 0 for word in words]).all()
    assert filled.attrs["method"] == "interpolation"
    assert [(str(gap.first), str(gap.last), gap.filled) for gap in gaps] == [
        ("2020-06-23", "2020-06-23", True),
        ("2020-06-26", "2020-06-28", True),
    ]
    kept, gaps = fill(before, "interpolation", 2)
    assert kept["value"].isel(gauge_id=0, as_of=0)[2:5].isnull().all()
    assert [(gap.filled, gap.reason) for gap in gaps] == [(True, ""), (False, "longer than 2 days")]
    assert before.isnull().sum() == 6  # what was given is as it was


def neighbours(gap: slice, *, lag: int = 2, noise: float = 0.0, n: int = 200) -> xr.DataArray:
    """A gauge that is 1.5 times its neighbour of some days before, plus 0.3; oldest day first in ``gap``."""
    dice = np.random.default_rng(2)
    theirs = np.cumsum(dice.standard_normal(n)) + 20
    mine = np.full(n, NAN)
    mine[lag:] = 1.5 * theirs[: n - lag] + 0.3 + noise * dice.standard_normal(n - lag)
    mine[gap] = NAN
    return windows({"mine": list(mine[::-1]), "theirs": list(theirs[::-1])})


def test_a_neighbour_fills_by_what_it_was_before_the_gap() -> None:
    made = neighbours(slice(150, 160))
    full = neighbours(slice(0, 0))
    filled, (gap,) = fill(made, "neighbour", 14, neighbours={"mine": "theirs"})
    np.testing.assert_allclose(filled["value"], full, rtol=1e-9)
    assert (
        gap.filled
        and gap.neighbour == "theirs"
        and gap.lag_days == 2
        and gap.r2 == pytest.approx(1)
        and gap.pairs == 148
    )
    assert (filled["qc"].sel(gauge_id="mine") == "estimated").sum() == 10
    assert (filled["qc"].sel(gauge_id="theirs") == "good").all()
    # What came after the gap teaches nothing, though it is known on the date.
    later = made.copy()
    later[0, 0, :40] = 99.0
    again, _ = fill(later, "neighbour", 14, neighbours={"mine": "theirs"})
    np.testing.assert_array_equal(again["value"][0, 0, 40:], filled["value"][0, 0, 40:])


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (neighbours(slice(150, 160), noise=30.0), "explains"),
        (neighbours(slice(MIN_PAIRS + 1, MIN_PAIRS + 4)), f"fewer than {MIN_PAIRS} days"),
        (neighbours(slice(150, 170)), "longer than 14 days"),
    ],
)
def test_a_gap_that_cannot_be_filled_stays_and_says_why(made: xr.DataArray, reason: str) -> None:
    filled, (gap,) = fill(made, "neighbour", 14, neighbours={"mine": "theirs"})
    assert not gap.filled and reason in gap.reason
    np.testing.assert_array_equal(filled["value"], made)
    assert not filled["flags"].any()


def test_methods_have_names() -> None:
    with pytest.raises(ValueError, match=r"'spline' is no method .* interpolation, neighbour"):
        fill(windows({"g": [1.0]}), "spline", 3)
    with pytest.raises(ValueError, match="give neighbours"):
        fill(windows({"g": [1.0]}), "neighbour", 3)
