"""Rain of grids becomes the rain of UTC days, whichever way its steps are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.core.errors import SourceError
from tests.gauges.drivers.rain_grid.made_rain_grids import (
    FOUR_DAYS,
    LATITUDES,
    LONGITUDES,
    ask,
    days,
    grid,
    hours,
    put,
    running,
    source,
    wet_hours,
)

# --- running sums and steps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counting", ["auto", "running"])
@pytest.mark.parametrize("dim", ["time", "valid_time"])
def test_running_sums_of_era5_land(tmp_path: Path, counting: str, dim: str) -> None:
    put(grid(hours("2024-06-01", 4), running(wet_hours(4)) / 1000, dim=dim), tmp_path / "a.nc")
    reading = ask(source(tmp_path, counting=counting))
    assert days(reading) == FOUR_DAYS
    assert set(reading.values["quality"]) == {"estimated"}
    (said,) = reading.skipped
    assert said.usual and "10.800° N, 105.200° E, 1.6 km" in said.reason and "sums since 00 UTC" in said.reason


@pytest.mark.parametrize("counting", ["auto", "step"])
def test_hours_of_era5_end_at_their_time(tmp_path: Path, counting: str) -> None:
    # Half a millimetre falls in the last hour of each day: its time is 00 UTC of the next day.
    put(grid(hours("2024-06-01", 4), wet_hours(4) / 1000), tmp_path / "a.nc")
    reading = ask(source(tmp_path, counting=counting))
    assert days(reading) == FOUR_DAYS
    assert "steps of 1 h that end at their time" in reading.skipped[0].reason


def test_steps_and_lead_times_as_axes(tmp_path: Path) -> None:
    sums = (running(wet_hours(4)) / 1000).reshape(4, 24)
    cells = np.full((4, 25, 4, 3), 99.0)
    cells[:, 1:, 1, 1] = sums
    cells[:, 0, 1, 1] = 0.0  # the sum over no time, at the same instant as the whole day before
    dataset = xr.Dataset(
        {"tp": (("time", "step", "latitude", "longitude"), cells, {"units": "m"})},
        {
            "time": pd.date_range("2024-06-01", periods=4),
            "step": pd.to_timedelta(np.arange(25), unit="h"),
            "latitude": LATITUDES,
            "longitude": LONGITUDES,
        },
    )
    put(dataset, tmp_path / "a.nc")
    assert days(ask(source(tmp_path))) == FOUR_DAYS
    put(dataset.assign_coords(step=pd.to_timedelta(np.arange(25) * 3, unit="h")), tmp_path / "a.nc")
    with pytest.raises(SourceError, match="rain that has not fallen is not read"):
        ask(source(tmp_path))


amounts = st.sampled_from([0.0, 0.0, 0.1, 0.7, 3.2, 18.0])


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(amounts, min_size=72, max_size=72), st.sampled_from([None, (24, 1, 1), (7, 2, 3)]))
def test_running_and_step_encodings_of_one_rain_give_the_same_days(
    tmp_path_factory: pytest.TempPathFactory, rain: list[float], chunks: tuple[int, ...] | None
) -> None:
    folder = tmp_path_factory.mktemp("law")
    times = hours("2024-06-01", 3)
    encoding = {"tp": {"chunksizes": chunks}} if chunks else None
    put(grid(times, np.array(rain) / 1000), folder / "step.nc", encoding=encoding)
    put(grid(times, running(rain) / 1000), folder / "running.nc", encoding=encoding)
    # The same as rates of half hours that begin at their time.
    halves = pd.date_range("2024-06-01", periods=144, freq="30min")
    put(grid(halves, np.repeat(rain, 2), name="precipitation", units="mm/hr", dim="time"), folder / "rate.nc")
    sums = np.array(rain).reshape(3, 24).sum(axis=1)
    for file, counting in (("step", "step"), ("running", "running"), ("rate", "auto")):
        table = ask(source(folder / f"{file}.nc", counting=counting)).values
        np.testing.assert_allclose(table["value"], sums, atol=1e-9, err_msg=file)
        assert table["time"].dt.strftime("%m-%d").tolist() == ["06-01", "06-02", "06-03"]


def test_what_the_data_do_not_tell_is_asked_for(tmp_path: Path) -> None:
    one_day = running(wet_hours(1)) / 1000
    put(grid(hours("2024-06-01", 1), one_day), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"1 wet days do not show .* set 'counting'"):
        ask(source(tmp_path))
    put(grid(hours("2024-06-01", 1), one_day * 0.1), tmp_path / "a.nc")  # a drizzle counts as well
    with pytest.raises(SourceError, match="0 wet days do not show"):
        ask(source(tmp_path))
    put(grid(hours("2024-06-01", 1), one_day * 0), tmp_path / "a.nc")  # dry is dry
    assert days(ask(source(tmp_path))) == {"06-01": 0.0}


def test_what_was_reported_once_is_remembered(tmp_path: Path) -> None:
    put(grid(hours("2024-06-01", 4), running(wet_hours(4)) / 1000), tmp_path / "a.nc")
    first = ask(source(tmp_path))
    put(grid(hours("2024-07-05", 1), running(wet_hours(1)) / 1000), tmp_path / "b.nc")  # too far to ask the first file
    assert days(ask(source(tmp_path), json.loads(json.dumps(first.state)))) == {"07-05": 3.5}


def test_a_choice_that_the_data_deny_is_said(tmp_path: Path) -> None:
    put(grid(hours("2024-06-01", 4), running(wet_hours(4)) / 1000), tmp_path / "a.nc")
    wrong = ask(source(tmp_path, counting="step"))
    assert any("set 'counting' to running" in s.reason and not s.usual for s in wrong.skipped)
    put(grid(hours("2024-06-01", 4), wet_hours(4) / 1000), tmp_path / "a.nc")
    with pytest.raises(SourceError, match="fall within 4 days, the first on 2024-06-01"):
        ask(source(tmp_path, counting="running"))


def test_one_fall_among_running_sums_makes_its_day_suspect(tmp_path: Path) -> None:
    sums = running(wet_hours(12)) / 1000
    sums[24 * 5 + 12] = 0.0
    put(grid(hours("2024-06-01", 12), sums), tmp_path / "a.nc")
    reading = ask(source(tmp_path))
    assert reading.values["quality"].tolist() == ["estimated"] * 5 + ["suspect"] + ["estimated"] * 6
    assert days(reading)["06-06"] == 8.5
    assert any("falls within 1 days, the first on 2024-06-06" in s.reason for s in reading.skipped)


# --- days and their steps ----------------------------------------------------------------------------------------------------


def test_a_day_without_all_its_steps_is_missing_until_they_come(tmp_path: Path) -> None:
    times, rain = hours("2024-06-01", 2), wet_hours(2) / 1000
    put(grid(times[:30], rain[:30]), tmp_path / "a.nc")
    first = ask(source(tmp_path, counting="step"))
    assert days(first) == {"06-01": 3.5, "06-02": None}
    # The rest comes in a file of its own: the first file's hours of the day are read again, its whole days are not given again.
    put(grid(times[30:], rain[30:]), tmp_path / "b.nc")
    assert days(ask(source(tmp_path, counting="step"), json.loads(json.dumps(first.state)))) == {"06-02": 4.5}
    assert days(ask(source(tmp_path, counting="step"))) == {"06-01": 3.5, "06-02": 4.5}


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(2, 94), min_size=1, max_size=3, unique=True), st.randoms(use_true_random=False))
def test_files_that_come_in_any_order_end_as_if_they_had_come_at_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], luck: Any
) -> None:
    folder = tmp_path_factory.mktemp("order")
    times, rain = hours("2024-06-01", 4), wet_hours(4) / 1000
    edges = [0, *sorted(cuts), 96]
    pieces = [slice(a, b) for a, b in zip(edges, edges[1:], strict=False) if b - a > 1]
    luck.shuffle(pieces)
    entry, state, known = source(folder, counting="step"), {}, {}
    for i, piece in enumerate(pieces):
        put(grid(times[piece], rain[piece]), folder / f"{i}.nc")
        night = ask(entry, state)
        state = json.loads(json.dumps(night.state))
        known |= days(night)
    assert known == days(ask(entry))
    assert known == FOUR_DAYS or len(pieces) < len(edges) - 1


def test_a_missing_hour_makes_a_day_of_steps_missing_and_leaves_a_running_sum(tmp_path: Path) -> None:
    times, rain = hours("2024-06-01", 4), wet_hours(4) / 1000
    holed = np.where(np.arange(96) == 30, np.nan, rain)
    put(grid(times, holed), tmp_path / "a.nc")
    assert days(ask(source(tmp_path))) == {**FOUR_DAYS, "06-02": None}
    sums = np.where(np.arange(96) == 30, np.nan, running(rain))
    sums[71] = np.nan  # 00 UTC of the fourth is the third's total
    put(grid(times, sums), tmp_path / "a.nc")
    assert days(ask(source(tmp_path))) == {**FOUR_DAYS, "06-03": None}


def test_months_of_running_sums_hand_the_last_hour_to_the_next_file(tmp_path: Path) -> None:
    # A file of a month, as it is fetched: 00 UTC of its first day to 23 UTC of its last.
    times = pd.date_range("2024-05-01", "2024-06-30 23:00", freq="h")
    rain = np.ones(len(times) + 1)  # 1 mm an hour; the hour that ends at the first time belongs to 30 April
    sums = np.where(times.hour == 0, 24, times.hour) * rain[1:] / 1000
    may = times < "2024-06-01"
    put(grid(times[may], sums[may]), tmp_path / "may.nc")
    first = ask(source(tmp_path))
    assert next(iter(days(first))) == "04-30" and days(first)["05-30"] == 24.0 and days(first)["05-31"] is None
    put(grid(times[~may], sums[~may]), tmp_path / "june.nc")
    second = days(ask(source(tmp_path), first.state))
    assert next(iter(second.items())) == ("05-31", 24.0) and second["06-29"] == 24.0 and second["06-30"] is None


def test_daily_totals(tmp_path: Path) -> None:
    dates = pd.date_range("2024-06-01", periods=3)
    put(grid(dates, [1.5, 0.0, 30.0], units="mm"), tmp_path / "mm.nc")
    expected = {"06-01": 1.5, "06-02": 0.0, "06-03": 30.0}
    assert days(ask(source(tmp_path / "mm.nc"))) == expected
    put(
        grid(dates + pd.Timedelta(hours=23), [1.5, 0.0, 30.0], units="mm"), tmp_path / "mm.nc"
    )  # labelled by its last hour
    assert days(ask(source(tmp_path / "mm.nc"))) == expected
    # In metres a day may begin or end at its time; which of them is asked for.
    put(grid(dates, [0.0015, 0.0, 0.03]), tmp_path / "m.nc")
    with pytest.raises(SourceError, match="set 'counting' to step for the first, running for the second"):
        ask(source(tmp_path / "m.nc"))
    assert days(ask(source(tmp_path / "m.nc", counting="step"))) == expected
    assert days(ask(source(tmp_path / "m.nc", counting="running"))) == {"05-31": 1.5, "06-01": 0.0, "06-02": 30.0}


def test_bounds_say_where_a_step_begins(tmp_path: Path) -> None:
    ends = pd.date_range("2024-06-01 12:00", periods=3)
    dataset = grid(ends, [1.0, 2.0, 3.0], dim="time")
    dataset["time"].attrs["bounds"] = "time_bnds"
    pairs = np.stack([ends.to_numpy() - np.timedelta64(24, "h"), ends.to_numpy()], axis=1)
    dataset["time_bnds"] = (("time", "nv"), pairs)
    unit = {"units": "hours since 2024-01-01", "dtype": "float64"}
    put(dataset, tmp_path / "a.nc", encoding={"time": unit, "time_bnds": unit})
    assert days(ask(source(tmp_path))) == {"05-31 12:00": 1000.0, "06-01 12:00": 2000.0, "06-02 12:00": 3000.0}


def test_a_few_hours_of_the_day_are_not_its_rain(tmp_path: Path) -> None:
    times = pd.date_range("2024-06-01 06:00", periods=16, freq="6h")
    put(grid(times, np.tile([0.001, 0.0, 0.002, 0.0], 4)), tmp_path / "a.nc")
    with pytest.raises(SourceError, match="times are 6 h apart, but a value of ERA5 is the rain of one hour"):
        ask(source(tmp_path, counting="step"))


def test_steps_that_fit_no_day_are_refused(tmp_path: Path) -> None:
    for freq, said in (("7h", "7 h"), ("2D", "2 days"), ("MS", "31 days")):
        times = pd.date_range("2024-06-01", periods=5, freq=freq)
        put(grid(times, np.ones(5), units="mm"), tmp_path / "a.nc")
        with pytest.raises(SourceError, match=f"its times are (30 days|{said}) apart"):
            ask(source(tmp_path, counting="step"))
    put(grid(["2024-06-01"], [1.0], units="mm"), tmp_path / "a.nc")
    with pytest.raises(SourceError, match="one time alone does not show"):
        ask(source(tmp_path))
    put(grid(hours("2024-06-02", 1), wet_hours(1), units="mm"), tmp_path / "b.nc")
    daily = grid(["2024-07-01", "2024-07-02"], [1.0, 2.0], units="mm")
    first = ask(source(put(daily, tmp_path / "c" / "daily.nc").parent))
    put(grid(hours("2024-08-02", 1), wet_hours(1), units="mm"), tmp_path / "c" / "hourly.nc")
    with pytest.raises(SourceError, match="steps of 24 h and of 1 h are mixed"):
        ask(source(tmp_path / "c"), first.state)
