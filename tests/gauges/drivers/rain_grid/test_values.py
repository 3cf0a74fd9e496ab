"""Values and cells of grids of rain: units, packing, noise, the sea, places outside."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from erosion.core.errors import SourceError
from erosion.gauges.drivers.rain_grid import AMOUNTS, RATES
from tests.gauges.drivers.rain_grid.made_rain_grids import (
    FOUR_DAYS,
    LATITUDES,
    ask,
    days,
    grid,
    hours,
    put,
    running,
    source,
    wet_hours,
)

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
