"""Rain out of grids: running sums and steps, begins and ends, units, IMERG's own ways, days that are not complete, Zarr.

No file here is one of ECMWF or NASA: every grid is made by these tests, in the layouts their documentation describes, with values
that can be worked out by hand.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.problems import CatalogError
from erosion.config.sources import read_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers.rain_grid import AMOUNTS, RATES, RainGrid, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading

NOW = pd.Timestamp("2026-09-20", tz="UTC")
LATITUDES = np.array([10.9, 10.8, 10.7, 10.6])
LONGITUDES = np.array([105.1, 105.2, 105.3])
HERE = (105.21, 10.79)  # nearest cell: row 1, column 1


def source(path: Path, **changes: Any) -> RainGrid:
    entry: dict[str, Any] = {
        "name": "rain",
        "driver": "rain_grid",
        "title": "",
        "gauge_id": "rain_tan_chau",
        "river": "",
        "location": HERE,
        "path": path,
        "cadence_days": 1.0,
        "latency_days": 6.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "settle_s": 0.0,
        "described_in": path.with_suffix(".yaml"),
    }
    return RainGrid(**{**entry, **changes})


def grid(
    times: Any, series: Any, *, name: str = "tp", units: str = "m", dim: str = "valid_time", **attrs: Any
) -> xr.Dataset:
    """A series in the cell of the location; every other cell holds what would be noticed at once."""
    series = np.asarray(series, float)
    cells = np.full((len(series), LATITUDES.size, LONGITUDES.size), 99.0)
    cells[:, 1, 1] = series
    times = pd.DatetimeIndex(times).as_unit("ns")
    return xr.Dataset(
        {name: ((dim, "latitude", "longitude"), cells, {"units": units, **attrs})},
        {dim: times, "latitude": LATITUDES, "longitude": LONGITUDES},
    )


def put(dataset: xr.Dataset, path: Path, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.to_netcdf(path, engine=how.pop("engine", "h5netcdf"), **how)
    return path


def ask(entry: RainGrid, state: Any = None) -> Reading:
    return read(entry, Asked(None, NOW, state or {}))


def days(reading: Reading) -> dict[str, float | None]:
    assert list(reading.values.columns) == list(READING_COLUMNS)
    table = reading.values
    assert set(table["quantity"]) <= {"rain"} and set(table["member"]) <= {-1} and table["issued_at"].isna().all()
    missing = (table["quality"] == "missing").tolist()
    assert missing == table["value"].isna().tolist()
    rows = zip(table["time"], table["value"], missing, strict=True)
    return {
        f"{t:%m-%d}" + ("" if t == t.normalize() else f" {t:%H:%M}"): None if m else round(v, 6) for t, v, m in rows
    }


def hours(first: str, days: int) -> pd.DatetimeIndex:
    """Ends of every hour of so many days."""
    return pd.date_range(first, periods=24 * days, freq="h") + pd.Timedelta(hours=1)


def running(steps: Any) -> np.ndarray:
    """Sums since 00 UTC of the rain of hours, whole days."""
    return np.cumsum(np.asarray(steps, float).reshape(-1, 24), axis=1).ravel()


def wet_hours(days: int) -> np.ndarray:
    """Rain of hours in mm: on day d, (d + 1) mm in the hour that begins at 03, 2 mm at 10, and 0.5 mm in the last hour."""
    rain = np.zeros((days, 24))
    rain[:, 3], rain[:, 10], rain[:, 23] = np.arange(1, days + 1), 2.0, 0.5
    return rain.ravel()


FOUR_DAYS = {"06-01": 3.5, "06-02": 4.5, "06-03": 5.5, "06-04": 6.5}


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
    with pytest.raises(SourceError, match=r"1 wet days do not tell .* set 'counting'"):
        ask(source(tmp_path))
    put(grid(hours("2024-06-01", 1), one_day * 0.1), tmp_path / "a.nc")  # a drizzle counts as well
    with pytest.raises(SourceError, match="0 wet days do not tell"):
        ask(source(tmp_path))
    put(grid(hours("2024-06-01", 1), one_day * 0), tmp_path / "a.nc")  # dry is dry
    assert days(ask(source(tmp_path))) == {"06-01": 0.0}


def test_what_was_told_once_is_remembered(tmp_path: Path) -> None:
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
    with pytest.raises(SourceError, match="one time alone does not tell"):
        ask(source(tmp_path))
    put(grid(hours("2024-06-02", 1), wet_hours(1), units="mm"), tmp_path / "b.nc")
    daily = grid(["2024-07-01", "2024-07-02"], [1.0, 2.0], units="mm")
    first = ask(source(put(daily, tmp_path / "c" / "daily.nc").parent))
    put(grid(hours("2024-08-02", 1), wet_hours(1), units="mm"), tmp_path / "c" / "hourly.nc")
    with pytest.raises(SourceError, match="steps of 24 h and of 1 h are mixed"):
        ask(source(tmp_path / "c"), first.state)


# --- units and values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("mm", 12.0),
        ("kg m-2", 12.0),
        ("kg m**-2", 12.0),
        ("cm", 1.2),
        ("in", 12 / 25.4),
        ("mm/day", 12.0),
        ("mm day-1", 12.0),
        ("mm/hr", 0.5),
        ("mm h-1", 0.5),
        ("kg m-2 s-1", 12 / 86400),
        ("mm/s", 12 / 86400),
        ("m s**-1", 0.012 / 86400),
    ],
)
def test_units_become_millimetres(tmp_path: Path, unit: str, value: float) -> None:
    dates = pd.date_range("2024-06-01", periods=2)
    put(grid(dates, [value, 0.0], name="precipitation", units=unit), tmp_path / "a.nc")
    assert days(ask(source(tmp_path))) == {"06-01": 12.0, "06-02": 0.0}


def test_metres_are_metres(tmp_path: Path) -> None:
    assert AMOUNTS["m"] == AMOUNTS["mofwaterequivalent"] == 1000.0 and RATES["mm/day"] * 86400 == 1.0
    dates = pd.date_range("2024-06-01", periods=2)
    put(grid(dates, [0.012, 0.0], units="m of water equivalent"), tmp_path / "a.nc")
    assert days(ask(source(tmp_path, counting="step"))) == {"06-01": 12.0, "06-02": 0.0}


@pytest.mark.parametrize("unit", ["furlong", "", "%", "K"])
def test_an_unknown_unit_is_named(tmp_path: Path, unit: str) -> None:
    put(grid(pd.date_range("2024-06-01", periods=2), [1, 2], units=unit), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=f"'tp' is in '{unit}', which is no unit of rain known here"):
        ask(source(tmp_path))


def test_the_variable_is_found_or_asked_for(tmp_path: Path) -> None:
    dates = pd.date_range("2024-06-01", periods=2)
    two = grid(dates, [1.0, 2.0], units="mm").assign(precip=grid(dates, [3.0, 4.0], units="mm")["tp"])
    put(two, tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"several variables of rain \(tp, precip\); name the right one"):
        ask(source(tmp_path))
    assert days(ask(source(tmp_path, variable="precip"))) == {"06-01": 3.0, "06-02": 4.0}
    with pytest.raises(SourceError, match="no variable 'rainfall'; it has tp, precip"):
        ask(source(tmp_path, variable="rainfall"))
    put(grid(dates, [5.0, 6.0], name="z", units="mm", standard_name="precipitation_amount"), tmp_path / "a.nc")
    assert days(ask(source(tmp_path))) == {"06-01": 5.0, "06-02": 6.0}
    put(grid(dates, [5.0, 6.0], name="t2m", units="K"), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"no variable that is known as rain \(it has t2m\)"):
        ask(source(tmp_path))


def test_noise_below_zero_is_dry_and_more_is_missing(tmp_path: Path) -> None:
    put(grid(pd.date_range("2024-06-01", periods=4), [-1e-9, -5e-6, -0.002, 0.001]), tmp_path / "a.nc")
    reading = ask(source(tmp_path, counting="step"))
    assert days(reading) == {"06-01": 0.0, "06-02": 0.0, "06-03": None, "06-04": 1.0}
    assert not np.signbit(reading.values["value"]).any()
    assert any("1 amounts below 0, the first on 2024-06-03" in s.reason for s in reading.skipped)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_packed_values_of_either_netcdf(tmp_path: Path, engine: str) -> None:
    packing = {"tp": {"dtype": "int16", "scale_factor": 5e-6, "add_offset": 0.1, "_FillValue": -32767}}
    dataset = grid(hours("2024-06-01", 4), running(wet_hours(4)) / 1000).clip(max=0.2)
    put(dataset, tmp_path / "a.nc", encoding=packing, engine=engine)
    reading = ask(source(tmp_path))
    np.testing.assert_allclose(reading.values["value"], list(FOUR_DAYS.values()), atol=0.0026)


def test_final_values_stand_before_preliminary_ones(tmp_path: Path) -> None:
    times = hours("2024-06-01", 4)
    final, early = wet_hours(4) / 1000, wet_hours(4) / 1000 + 0.007
    final[48:], early[:24] = np.nan, np.nan
    both = xr.concat([grid(times, early), grid(times, final)], pd.Index([5, 1], name="expver"))
    put(both.transpose("valid_time", "expver", "latitude", "longitude"), tmp_path / "a.nc")
    # Where there is no final value, 24 hours of 7 mm more.
    assert days(ask(source(tmp_path, counting="step"))) == {"06-01": 3.5, "06-02": 4.5, "06-03": 173.5, "06-04": 174.5}
    # The store of today writes it beside the times instead.
    beside = grid(times, final).isel(valid_time=slice(0, 48)).assign_coords(expver=("valid_time", ["0001"] * 48))
    put(beside, tmp_path / "a.nc")
    assert days(ask(source(tmp_path, counting="step"))) == {"06-01": 3.5, "06-02": 4.5}


# --- cells -------------------------------------------------------------------------------------------------------------------


def test_a_mean_of_the_cells_around(tmp_path: Path) -> None:
    dataset = grid(pd.date_range("2024-06-01", periods=3), [10.0, 10.0, 10.0], units="mm")
    cells = np.full((3, 4, 3), 99.0)
    # Within 12 km of 10.79 N, 105.21 E: row 1 columns 1, 0 and 2 (1.6, 12.1, 9.9 km) and column 1 of rows 0 and 2 (12.3, 10.1).
    cells[:, 1, 1], cells[:, 1, 2], cells[:, 2, 1] = [10.0, 10.0, np.nan], [20.0, np.nan, np.nan], [60.0, 30.0, 30.0]
    dataset["tp"].values[:] = cells
    put(dataset, tmp_path / "a.nc")
    reading = ask(source(tmp_path, radius_km=11.0))
    # Two of three cells are enough for a mean, one is not.
    assert days(reading) == {"06-01": 30.0, "06-02": 20.0, "06-03": None}
    assert "and 2 more within 11 km" in reading.skipped[0].reason
    assert days(ask(source(tmp_path, radius_km=0.5)))["06-01"] == 10.0
    assert days(ask(source(tmp_path, radius_km=12.2)))["06-01"] == pytest.approx((10 + 20 + 60 + 99) / 4)


def test_the_sea_is_no_dry_land(tmp_path: Path) -> None:
    dataset = grid(pd.date_range("2024-06-01", periods=2), [np.nan, np.nan], units="mm")
    put(dataset, tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"no value near .105.21, 10.79. .sea"):
        ask(source(tmp_path))
    # A cell that is always sea does not count among those a mean needs.
    dataset["tp"].values[:, 1, 2], dataset["tp"].values[:, 2, 1] = np.nan, 7.0
    put(dataset, tmp_path / "a.nc")
    assert days(ask(source(tmp_path, radius_km=11.0))) == {"06-01": 7.0, "06-02": 7.0}


def test_a_location_outside_the_grid_is_an_error(tmp_path: Path) -> None:
    put(grid(pd.date_range("2024-06-01", periods=2), [1.0, 2.0], units="mm"), tmp_path / "a.nc")
    with pytest.raises(SourceError, match="outside its grid"):
        ask(source(tmp_path, location=(105.5, 10.8)))


def test_files_of_two_grids_and_of_one_time_are_said(tmp_path: Path) -> None:
    dates = pd.date_range("2024-06-01", periods=2)
    put(grid(dates, [1.0, 2.0], units="mm"), tmp_path / "a.nc")
    shifted = grid(dates + pd.Timedelta(days=1), [3.0, 4.0], units="mm").assign_coords(latitude=LATITUDES + 0.02)
    put(shifted, tmp_path / "b.nc")
    for name, age in (("a", 7200), ("b", 3600)):
        os.utime(tmp_path / f"{name}.nc", (time.time() - age,) * 2)
    reading = ask(source(tmp_path))
    assert days(reading) == {"06-01": 1.0, "06-02": 3.0, "06-03": 4.0}
    told = " ".join(s.reason for s in reading.skipped if not s.usual)
    assert "1 values stand twice and differ (a.nc, b.nc)" in told and "of 2 grids" in told


def test_an_ensemble_is_refused(tmp_path: Path) -> None:
    one = grid(pd.date_range("2024-06-01", periods=2), [1.0, 2.0], units="mm")
    put(one.expand_dims(number=[0]), tmp_path / "a.nc")
    assert days(ask(source(tmp_path))) == {"06-01": 1.0, "06-02": 2.0}
    put(xr.concat([one, one], pd.Index([0, 1], name="number")), tmp_path / "a.nc")
    with pytest.raises(SourceError, match="axis 'number' has 2 places"):
        ask(source(tmp_path))


# --- IMERG --------------------------------------------------------------------------------------------------------------------


def imerg_half_hours(path: Path, begins: pd.DatetimeIndex, rates: Any, *, bounds: bool) -> None:
    """Half hours as in the HDF5 files: all in the group Grid, longitude before latitude, seconds in a 'julian' calendar."""
    seconds = ((begins - pd.Timestamp("1970-01-01")) // pd.Timedelta(seconds=1)).to_numpy("i4")
    with h5py.File(path, "w") as file:
        group = file.create_group("Grid")
        group.create_group("Intermediate")["MWprecipitation"] = np.zeros(1)
        longitudes, latitudes = np.sort(LONGITUDES).astype("f4"), np.sort(LATITUDES).astype("f4")
        group["time"], group["lon"], group["lat"] = seconds, longitudes, latitudes
        group["time"].attrs["units"] = np.bytes_("seconds since 1970-01-01 00:00:00 UTC")
        group["time"].attrs["calendar"] = np.bytes_("julian")
        cells = np.full((len(begins), longitudes.size, latitudes.size), -9999.9, "f4")
        cells[:, 1, 2] = rates  # 105.2 E, 10.8 N
        group["precipitation"] = cells
        group["precipitation"].attrs["units"] = np.bytes_("mm/hr")
        group["precipitation"].attrs["_FillValue"] = np.float32(-9999.9)
        group["randomError"] = cells * 0
        for name in ("time", "lon", "lat"):
            group[name].make_scale(name)
        for name in ("precipitation", "randomError"):
            for place, axis in enumerate(("time", "lon", "lat")):
                group[name].dims[place].attach_scale(group[axis])
        if bounds:
            group["nv"] = np.arange(2, dtype="i4")
            group["nv"].make_scale("nv")
            group["time_bnds"] = np.stack([seconds, seconds + 1800], axis=1)
            group["time"].attrs["bounds"] = np.bytes_("time_bnds")
            group["time_bnds"].dims[0].attach_scale(group["time"])
            group["time_bnds"].dims[1].attach_scale(group["nv"])


@pytest.mark.parametrize("bounds", [True, False])
def test_half_hours_of_imerg(tmp_path: Path, bounds: bool) -> None:
    begins = pd.date_range("2024-06-01", periods=97, freq="30min")
    rates = np.where(np.arange(97) == 47, 6.0, 0.5)  # 3 mm in the last half hour of the day, 0.25 mm in every other
    rates[60] = -9999.9
    for name, part in {"a": slice(0, 30), "b": slice(30, 48), "c": slice(48, 96), "d": slice(96, 97)}.items():
        imerg_half_hours(tmp_path / f"{name}.HDF5", begins[part], rates[part], bounds=bounds)
    reading = ask(source(tmp_path, files="*.HDF5"))
    assert days(reading) == {"06-01": 47 * 0.25 + 3.0, "06-02": None, "06-03": None}
    assert ("as their bounds say" if bounds else "that begin at their time") in reading.skipped[0].reason


@pytest.mark.parametrize(("name", "unit"), [("precipitation", "mm/day"), ("precipitationCal", "mm")])
def test_days_of_imerg_in_files_of_their_own(tmp_path: Path, name: str, unit: str) -> None:
    for day in (1, 2, 3):
        one = grid([f"2024-06-0{day}"], [day * 2.0], name=name, units=unit, dim="time").transpose(
            "time", "longitude", "latitude"
        )
        one["time"].encoding = {"units": "days since 1970-01-01 00:00:00Z", "calendar": "standard", "dtype": "int32"}
        if day == 2:
            one[name].values[0, 1, 1] = np.nan
        put(one, tmp_path / f"3B-DAY.{day}.nc4", encoding={name: {"_FillValue": -9999.9}})
    reading = ask(source(tmp_path))
    assert days(reading) == {"06-01": 2.0, "06-02": None, "06-03": 6.0}


# --- files and stores ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_store_of_either_version_reads_only_the_chunks_it_needs(tmp_path: Path, version: int) -> None:
    store = tmp_path / "rain.zarr"
    dataset = grid(hours("2024-06-01", 4), running(wet_hours(4)) / 1000)
    dataset.to_zarr(store, zarr_format=version, consolidated=version == 2, encoding={"tp": {"chunks": (48, 2, 2)}})
    here = {"0.0.0", "1.0.0"} if version == 2 else {"0/0/0", "1/0/0"}
    folder = store / "tp" if version == 2 else store / "tp" / "c"
    chunks = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    others = [p for p in chunks if p.relative_to(folder).as_posix() not in here]
    assert (len(chunks), len(others)) == (8, 6)
    for path in others:
        path.write_bytes(b"spoilt")
    assert days(ask(source(store))) == FOUR_DAYS
    with pytest.raises(SourceError, match="cannot be read as a Zarr store"):
        ask(source(store, radius_km=15.0))


def test_a_store_that_grows(tmp_path: Path) -> None:
    store = tmp_path / "rain.zarr"
    times, rain = hours("2024-06-01", 4), running(wet_hours(4)) / 1000
    whole = grid(times, rain)
    start = whole.isel(valid_time=slice(0, 72))
    start.to_zarr(store, zarr_format=2, consolidated=True, encoding={"tp": {"chunks": (24, 4, 3)}})
    first = ask(source(store))
    assert list(days(first)) == ["06-01", "06-02", "06-03"]
    assert ask(source(store), first.state).values.empty
    # What is appended stands in the store's own files, and not yet in its consolidated metadata.
    whole.isel(valid_time=slice(72, None)).to_zarr(store, zarr_format=2, consolidated=False, append_dim="valid_time")
    grown = ask(source(store), first.state)
    assert days(grown) == FOUR_DAYS
    # One chunk written anew is a change of the store.
    zarr.open_array(store / "tp", mode="r+")[95, 1, 1] = 0.0205
    changed = {**FOUR_DAYS, "06-04": 20.5}
    assert days(ask(source(store), grown.state)) == changed
    assert days(ask(source(tmp_path, files="*.zarr"))) == changed


def test_broken_files_are_listed_and_the_others_go_on(tmp_path: Path) -> None:
    put(grid(pd.date_range("2024-06-01", periods=2), [1.0, 2.0], units="mm"), tmp_path / "a.nc")
    whole = put(grid(hours("2024-06-01", 40), np.ones(960), units="mm"), tmp_path / "b.nc").read_bytes()
    (tmp_path / "b.nc").write_bytes(whole[:-5000])
    (tmp_path / "c.nc").write_bytes(b"PK\3\4 what the store sends when asked for two variables")
    put(grid(pd.date_range("2024-06-01", periods=2), [1.0, 2.0], units="mm"), tmp_path / "young.nc")
    hour_ago = time.time() - 3600
    for name in "abc":
        os.utime(tmp_path / f"{name}.nc", (hour_ago, hour_ago))
    reading = ask(source(tmp_path, settle_s=60.0))
    assert days(reading) == {"06-01": 1.0, "06-02": 2.0}
    told = {s.scene: s.reason for s in reading.skipped if not s.usual}
    assert set(told) == {"b.nc", "c.nc", "young.nc"}
    assert "cut short" in told["b.nc"] and "unpack it" in told["c.nc"] and "still be written" in told["young.nc"]


def test_a_file_in_capitals_is_read_and_others_are_listed(tmp_path: Path) -> None:
    put(grid(pd.date_range("2024-06-01", periods=2), [1.0, 2.0], units="mm"), tmp_path / "A.NC4")
    (tmp_path / "b.grib").write_bytes(b"GRIB")
    reading = ask(source(tmp_path))
    assert days(reading) == {"06-01": 1.0, "06-02": 2.0}
    assert [(item.scene, item.usual) for item in reading.skipped if item.scene == "b.grib"] == [("b.grib", True)]


# --- the entry -----------------------------------------------------------------------------------------------------------------

ENTRY = """
name: rain
driver: rain_grid
title: Rain of ERA5-Land at Tân Châu
gauge_id: rain_tan_chau
river: Tiền
location: [105.24, 10.80]
path: era5land
cadence_days: 1
latency_days: 6
licence: CC-BY-4.0
attribution: Copernicus
citation: Muñoz-Sabater et al. 2021
"""


def test_the_entry(tmp_path: Path) -> None:
    file = tmp_path / "rain.yaml"
    file.write_text(ENTRY, encoding="utf-8")
    entry = read_source(file)
    assert isinstance(entry, RainGrid) and (entry.counting, entry.radius_km, entry.files) == ("auto", 0.0, "*.nc*")
    file.write_text(ENTRY + "files: /etc/*\ncounting: guess\n", encoding="utf-8")
    with pytest.raises(CatalogError, match="'guess' is not one of"):
        read_source(file)
    file.write_text(ENTRY + "files: /etc/*\n", encoding="utf-8")
    with pytest.raises(CatalogError, match="pattern inside 'path'"):
        read_source(file)
