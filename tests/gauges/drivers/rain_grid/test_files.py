"""Files and stores of grids of rain: IMERG, Zarr, broken and unused files, the entry."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import zarr

from erosion.config.problems import CatalogError
from erosion.config.sources import read_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers.rain_grid import RainGrid
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
    assert ("as in their bounds" if bounds else "that begin at their time") in reading.skipped[0].reason


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
