"""GloFAS at a point: the right cell, the right day, every layout, and files that are broken.

No file here is one of the Copernicus store: every grid is made by these tests, in the layouts its documentation describes, with
values that can be worked out by hand.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from erosion.config.problems import CatalogError
from erosion.config.sources import read_source
from erosion.core.errors import SourceError
from erosion.gauges.drivers.glofas import Glofas, read
from erosion.gauges.formats.reading import READING_COLUMNS, Asked, Reading

NOW = pd.Timestamp("2026-09-20", tz="UTC")
LATITUDES = np.array([10.975, 10.925, 10.875, 10.825, 10.775, 10.725])  # descending, as in the store's files
LONGITUDES = np.array([105.125, 105.175, 105.225, 105.275, 105.325])
HERE = (105.24, 10.80)  # nearest cell: row 3 (10.825), column 2 (105.225)


def source(folder: Path, **changes: Any) -> Glofas:
    entry: dict[str, Any] = {
        "name": "glofas_tan_chau",
        "driver": "glofas",
        "title": "",
        "gauge_id": "019803",
        "river": "",
        "location": HERE,
        "path": folder,
        "cadence_days": 1.0,
        "latency_days": 5.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "settle_s": 0.0,
        "described_in": folder / "glofas_tan_chau.yaml",
    }
    return Glofas(**{**entry, **changes})


def field(days: int, first: float = 100.0) -> np.ndarray:
    """Day d at row r, column c: first + 1000 r + 100 c + d, so every cell can be told by its value."""
    d, r, c = np.meshgrid(np.arange(days), np.arange(LATITUDES.size), np.arange(LONGITUDES.size), indexing="ij")
    return (first + 1000 * r + 100 * c + d).astype("float32")


def historical(
    values: np.ndarray, start: str = "2020-06-02", *, dim: str = "valid_time", name: str = "dis24", **attrs: Any
) -> xr.Dataset:
    times = pd.date_range(start, periods=len(values), freq="D")
    return xr.Dataset(
        {name: ((dim, "latitude", "longitude"), values, {"units": "m**3 s**-1", **attrs})},
        {dim: times, "latitude": LATITUDES, "longitude": LONGITUDES, "surface": 0.0},
    )


def put(dataset: xr.Dataset, path: Path, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.to_netcdf(path, engine=how.pop("engine", "h5netcdf"), **how)
    return path


def ask(entry: Glofas, state: Any = None) -> Reading:
    return read(entry, Asked(None, NOW, state or {}))


def values(reading: Reading) -> dict[str, float]:
    assert list(reading.values.columns) == list(READING_COLUMNS)
    return {
        f"{t:%Y-%m-%d %H}": v
        for t, v in zip(reading.values["time"], reading.values["value"].astype(float), strict=True)
    }


# --- which day ---------------------------------------------------------------------------------------------------------


def test_a_value_belongs_to_the_day_before_its_valid_time(tmp_path: Path) -> None:
    put(historical(field(2)), tmp_path / "a.nc")
    reading = ask(source(tmp_path, reach_cells=0))
    assert values(reading) == {"2020-06-01 00": 3300.0, "2020-06-02 00": 3301.0}
    assert set(reading.values["quantity"]) == {"discharge"} and set(reading.values["quality"]) == {"estimated"}
    assert set(reading.values["member"]) == {-1} and reading.values["issued_at"].isna().all()
    assert str(reading.values["time"].dt.tz) == "UTC"


def test_every_layout_of_time_gives_the_same_days(tmp_path: Path) -> None:
    plain = historical(field(3))
    by_time = historical(field(3), dim="time")
    # As cfgrib writes it: time is the beginning, step its length, valid_time the end.
    steps = by_time.assign_coords(time=by_time["time"] - np.timedelta64(24, "h"), step=np.timedelta64(24, "h"))
    cfgrib = steps.assign_coords(valid_time=("time", plain["valid_time"].values))
    lone = [by_time.isel(time=i) for i in range(3)]  # one file a day, time without an axis
    layouts = {"valid": [plain], "time": [by_time], "step": [steps], "cfgrib": [cfgrib], "lone": lone}
    layouts["number"] = [plain.expand_dims(number=[0])]
    seen = {}
    for name, parts in layouts.items():
        for i, part in enumerate(parts):
            put(part, tmp_path / name / f"{i}.nc")
        reading = ask(source(tmp_path / name, reach_cells=0))
        assert set(reading.values["member"]) == {-1}, name
        seen[name] = values(reading)
    assert all(
        one == {"2020-06-01 00": 3300.0, "2020-06-02 00": 3301.0, "2020-06-03 00": 3302.0} for one in seen.values()
    ), seen


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize(
    "since", ["hours since 1900-01-01 00:00:00.0", "seconds since 1970-01-01", "days since 2000-1-1"]
)
def test_times_are_counted_from_any_day_in_both_kinds_of_netcdf(tmp_path: Path, engine: str, since: str) -> None:
    encoding = {"valid_time": {"units": since, "dtype": "float64"}}
    put(historical(field(1)), tmp_path / "a.nc", encoding=encoding, engine=engine)
    assert values(ask(source(tmp_path, reach_cells=0))) == {"2020-06-01 00": 3300.0}


def test_a_forecast_keeps_when_it_was_made_and_its_members(tmp_path: Path) -> None:
    issued = np.array(["2026-09-10"], "datetime64[ns]")
    shape = (1, 2, 3, LATITUDES.size, LONGITUDES.size)
    numbers = np.arange(6).reshape(1, 2, 3, 1, 1) * np.ones(shape) + 50
    dims = ("time", "number", "step", "latitude", "longitude")
    step = pd.to_timedelta([24, 48, 72], unit="h")
    forecast = xr.Dataset(
        {"dis24": (dims, numbers, {"units": "m3 s-1"})},
        {"time": issued, "number": [1, 7], "step": step, "latitude": LATITUDES, "longitude": LONGITUDES},
    )
    forecast["dis24"][0, 1, 2] = np.nan  # a step that a member does not have is no missing value
    newer = forecast.rename(time="forecast_reference_time", step="forecast_period")
    single = forecast.isel(number=0, drop=True).isel(time=0)
    for name, one in {"a": forecast, "b": newer, "c": single}.items():
        put(one, tmp_path / name / "f.nc")
        table = ask(source(tmp_path / name)).values
        assert set(table["issued_at"]) == {pd.Timestamp("2026-09-10", tz="UTC")}
        rows = [(m, f"{t:%d}", v) for m, t, v in zip(table["member"], table["time"], table["value"], strict=True)]
        first = [(1, "10", 50.0), (1, "11", 51.0), (1, "12", 52.0)]
        second = [(7, "10", 53.0), (7, "11", 54.0)]
        assert rows == ([(-1, d, v) for _, d, v in first] if name == "c" else first + second)


def test_a_new_forecast_does_not_send_for_the_old_ones(tmp_path: Path) -> None:
    def put_forecast(name: str, issued: str) -> Path:
        cells = field(3).reshape(1, 3, LATITUDES.size, LONGITUDES.size)
        dataset = xr.Dataset(
            {"dis24": (("time", "step", "latitude", "longitude"), cells, {"units": "m3/s"})},
            {"time": pd.to_datetime([issued]), "step": pd.to_timedelta([24, 48, 72], unit="h")},
        )
        return put(dataset.assign_coords(latitude=LATITUDES, longitude=LONGITUDES), tmp_path / name)

    old = put_forecast("a.nc", "2026-09-01")
    first = ask(source(tmp_path))
    told = old.stat()
    old.write_bytes(b"x" * told.st_size)
    os.utime(old, ns=(told.st_atime_ns, told.st_mtime_ns))
    put_forecast("b.nc", "2026-09-04")
    second = ask(source(tmp_path), first.state)
    assert set(second.values["issued_at"]) == {pd.Timestamp("2026-09-04", tz="UTC")}
    assert [s for s in second.skipped if not s.usual] == []


# --- which cell --------------------------------------------------------------------------------------------------------


def test_the_largest_river_near_the_location_is_taken_and_said(tmp_path: Path) -> None:
    grid = np.full((2, LATITUDES.size, LONGITUDES.size), 5.0, "float32")
    grid[:, 2, 3] = [900.0, 700.0]  # one cell from the nearest: mean 800
    grid[:, 4, 1] = [100.0, 1000.0]  # larger on one day, mean 550
    grid[:, 3, 0] = 90_000.0  # the large river two cells away is another
    put(historical(grid), tmp_path / "a.nc")
    reading = ask(source(tmp_path))
    assert list(values(reading).values()) == [900.0, 700.0]
    (said,) = reading.skipped
    # 10.875 N 105.275 E from 10.80 N 105.24 E: 0.075 degrees north (8.34 km), 0.035 east (3.82 km).
    assert (
        said.usual and "10.875° N, 105.275° E" in said.reason and "9.2 km" in said.reason and "800 m3/s" in said.reason
    )
    assert list(values(ask(source(tmp_path, reach_cells=2))).values()) == [90_000.0, 90_000.0]


def test_the_cell_stays_when_later_files_would_choose_another(tmp_path: Path) -> None:
    early, late = np.full((2, 2, LATITUDES.size, LONGITUDES.size), 5.0, "float32")
    early[:, 2, 3], early[:, 4, 1] = 800.0, 700.0
    late[:, 2, 3], late[:, 4, 1] = 10.0, 9000.0
    put(historical(early), tmp_path / "a.nc")
    first = ask(source(tmp_path))
    put(historical(late, "2020-06-10"), tmp_path / "b.nc")
    second = ask(source(tmp_path), json.loads(json.dumps(first.state)))
    assert values(second) == {"2020-06-09 00": 10.0, "2020-06-10 00": 10.0}


def test_cells_without_a_value_are_no_river(tmp_path: Path) -> None:
    grid = np.full((1, LATITUDES.size, LONGITUDES.size), np.nan, "float32")
    grid[:, 2, 1] = 40.0
    put(historical(grid), tmp_path / "a.nc")
    assert values(ask(source(tmp_path))) == {"2020-06-01 00": 40.0}
    with pytest.raises(SourceError, match="sea, or no river of the model"):
        ask(source(tmp_path, reach_cells=0))


def test_a_fill_value_that_nobody_declares_makes_no_river_small(tmp_path: Path) -> None:
    grid = np.full((2, LATITUDES.size, LONGITUDES.size), 5.0, "float32")
    grid[:, 2, 3], grid[:, 4, 1] = [900.0, -9999.0], [800.0, 800.0]
    put(historical(grid), tmp_path / "a.nc")
    reading = ask(source(tmp_path))
    assert reading.values["value"].iloc[0] == 900.0 and reading.values["quality"].iloc[1] == "missing"


@pytest.mark.parametrize("turned", [False, True], ids=["north-first", "south-first"])
@pytest.mark.parametrize("from_zero", [False, True], ids=["from-180", "from-0"])
def test_latitudes_and_longitudes_of_either_order(tmp_path: Path, turned: bool, from_zero: bool) -> None:
    dataset = historical(field(1)).assign_coords(longitude=LONGITUDES - 180.0)  # about 75 degrees west
    if from_zero:
        dataset = dataset.assign_coords(longitude=dataset["longitude"] % 360.0)
    if turned:
        dataset = dataset.isel(latitude=slice(None, None, -1))
    put(dataset.rename(latitude="lat", longitude="lon"), tmp_path / "a.nc")
    reading = ask(source(tmp_path, location=(HERE[0] - 180.0, HERE[1]), reach_cells=0))
    assert list(values(reading).values()) == [3300.0]
    assert "74.775° W" in reading.skipped[0].reason


def test_cells_on_both_sides_of_the_seam_of_a_global_grid(tmp_path: Path) -> None:
    longitudes = np.arange(0.5, 360.0, 1.0)
    grid = np.ones((1, 4, 360), "float32")
    grid[0, 1, 359] = 77.0  # at 0.5 degrees west, the neighbour of the cell at 0.5 east
    dataset = xr.Dataset(
        {"dis24": (("time", "lat", "lon"), grid, {"units": "m3/s"})},
        {"time": pd.to_datetime(["2020-01-02"]), "lat": [52.5, 51.5, 50.5, 49.5], "lon": longitudes},
    )
    put(dataset, tmp_path / "a.nc")
    assert values(ask(source(tmp_path, location=(0.1, 51.4)))) == {"2020-01-01 00": 77.0}


@pytest.mark.parametrize("location", [(104.9, 10.8), (105.24, 11.1), (-74.76, 10.8)])
def test_a_location_outside_the_grid_is_an_error(tmp_path: Path, location: tuple[float, float]) -> None:
    put(historical(field(1)), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"outside its grid .longitude 105.125 to 105.325, latitude 10.725 to 10.975"):
        ask(source(tmp_path, location=location))


def test_only_chunks_near_the_point_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    chunks = {"dis24": {"chunksizes": (2, 2, 2), "zlib": True, "fletcher32": True}}
    put(historical(field(4)), path, encoding=chunks)
    spoilt = 0
    with h5py.File(path, "r") as file:
        every = [file["dis24"].id.get_chunk_info(i) for i in range(file["dis24"].id.get_num_chunks())]
    with path.open("r+b") as raw:
        for chunk in every:
            if chunk.chunk_offset[1:] != (2, 2):  # that of rows 2-3 and columns 2-3
                raw.seek(chunk.byte_offset)
                raw.write(b"\xff" * chunk.size)
                spoilt += 1
    assert spoilt == len(every) - 2 > 10
    assert list(values(ask(source(tmp_path, reach_cells=0))).values()) == [3300.0, 3301.0, 3302.0, 3303.0]
    with pytest.raises(SourceError, match="cannot be read as a NetCDF file"):
        ask(source(tmp_path, reach_cells=1))


@pytest.mark.parametrize("chunks", [None, (1, 6, 5), (5, 1, 1), (2, 3, 2)])
def test_any_chunking_gives_the_same(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    encoding = {"dis24": {"chunksizes": chunks}} if chunks else None
    put(historical(field(5)), tmp_path / "a.nc", encoding=encoding)
    assert list(values(ask(source(tmp_path))).values()) == [4400.0, 4401.0, 4402.0, 4403.0, 4404.0]


# --- units, names, values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["m3/s", "m**3 s**-1", "m^3 s^-1", "m³/s", "m3 s-1"])
@pytest.mark.parametrize("name", ["dis24", "avg_dis"])
def test_units_and_names_the_store_uses(tmp_path: Path, unit: str, name: str) -> None:
    put(historical(field(1), name=name, units=unit), tmp_path / "a.nc")
    assert list(values(ask(source(tmp_path, reach_cells=0))).values()) == [3300.0]


@pytest.mark.parametrize("unit", ["mm", "m3", "m3/day", ""])
def test_another_unit_is_refused_and_named(tmp_path: Path, unit: str) -> None:
    put(historical(field(1), units=unit), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=f"'dis24' is in '{unit}'; a discharge in m3 s-1 is needed"):
        ask(source(tmp_path))


def test_another_variable_is_refused_and_named(tmp_path: Path) -> None:
    put(historical(field(1), name="dis06"), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"no variable dis24 or avg_dis .it has dis06"):
        ask(source(tmp_path))
    put(historical(field(1), name="Q", GRIB_paramId=240024), tmp_path / "a.nc")
    assert list(values(ask(source(tmp_path, reach_cells=0))).values()) == [3300.0]


def test_means_of_less_than_a_day_are_refused(tmp_path: Path) -> None:
    dataset = historical(field(4), name="avg_dis")
    six_hours = pd.date_range("2020-06-02", periods=4, freq="6h")
    put(dataset.assign_coords(valid_time=six_hours), tmp_path / "a.nc")
    with pytest.raises(SourceError, match="times are 0 days 06:00:00 apart; a mean of 24 hours"):
        ask(source(tmp_path))


def test_packed_filled_and_impossible_values(tmp_path: Path) -> None:
    grid = field(4)
    grid[1, 3, 2], grid[2, 3, 2] = np.nan, -9999.0
    packing = {"dis24": {"dtype": "int32", "scale_factor": 0.5, "add_offset": 100.0, "_FillValue": -32768}}
    put(historical(grid), tmp_path / "a.nc", encoding=packing)
    reading = ask(source(tmp_path, reach_cells=0))
    assert reading.values["quality"].tolist() == ["estimated", "missing", "missing", "estimated"]
    assert reading.values["value"].iloc[[0, 3]].tolist() == [3300.0, 3303.0]
    assert any("1 discharges below 0, the first on 2020-06-03" in s.reason and not s.usual for s in reading.skipped)


# --- files ---------------------------------------------------------------------------------------------------------------


def test_files_that_cannot_be_read_are_listed_and_the_others_go_on(tmp_path: Path) -> None:
    put(historical(field(1)), tmp_path / "good.nc")
    whole = put(historical(field(400)), tmp_path / "cut.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    classic = put(historical(field(400)), tmp_path / "cut3.nc", engine="scipy").read_bytes()
    (tmp_path / "cut3.nc").write_bytes(classic[: len(classic) // 2])
    for name, start in {"grib": b"GRIB\0", "zip": b"PK\3\4", "page": b"<html>", "text": b"hello", "empty": b""}.items():
        (tmp_path / f"{name}.nc").write_bytes(start)
    reading = ask(source(tmp_path, reach_cells=0))
    assert values(reading) == {"2020-06-01 00": 3300.0}
    told = {s.scene.removesuffix(".nc"): s.reason for s in reading.skipped if not s.usual}
    assert set(told) == {"cut", "cut3", "grib", "zip", "page", "text", "empty"}
    assert "cut short" in told["cut"] and "cut short" in told["cut3"]
    assert "ask for NetCDF" in told["grib"] and "unpack it" in told["zip"] and "web page" in told["page"]
    assert "no NetCDF" in told["text"] and "empty" in told["empty"]
    # Next night they are still listed, and what has come whole is taken.
    (tmp_path / "cut.nc").write_bytes(whole)
    again = ask(source(tmp_path, reach_cells=0), reading.state)
    assert len(again.values) == 400 and {s.scene for s in again.skipped if not s.usual} == {f"{n}.nc" for n in told} - {
        "cut.nc"
    }


def test_a_file_that_is_still_being_written_waits(tmp_path: Path) -> None:
    put(historical(field(1)), tmp_path / "old.nc")
    put(historical(field(1), "2020-07-02"), tmp_path / "new.nc")
    before = time.time() - 3600
    os.utime(tmp_path / "old.nc", (before, before))
    reading = ask(source(tmp_path, reach_cells=0, settle_s=60.0))
    assert list(values(reading)) == ["2020-06-01 00"]
    assert [(s.scene, "still be written" in s.reason) for s in reading.skipped if not s.usual] == [("new.nc", True)]
    os.utime(tmp_path / "new.nc", (before, before))
    assert list(values(ask(source(tmp_path, reach_cells=0, settle_s=60.0), reading.state))) == ["2020-07-01 00"]


def test_only_new_and_changed_files_are_read_again(tmp_path: Path) -> None:
    a = put(historical(field(2)), tmp_path / "a.nc")
    put(historical(field(2), "2020-08-01"), tmp_path / "b.nc")
    first = ask(source(tmp_path, reach_cells=0))
    nothing = ask(source(tmp_path, reach_cells=0), json.loads(json.dumps(first.state)))
    assert nothing.values.empty and not nothing.skipped and nothing.state == first.state
    put(historical(field(2, 500.0)), a)
    changed = ask(source(tmp_path, reach_cells=0), first.state)
    assert values(changed) == {"2020-06-01 00": 3700.0, "2020-06-02 00": 3701.0}
    # Shorter within the same tick of the clock: the size tells.
    told = a.stat()
    put(historical(field(1, 600.0)), a)
    os.utime(a, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert a.stat().st_size != told.st_size
    assert values(ask(source(tmp_path, reach_cells=0), changed.state)) == {"2020-06-01 00": 3800.0}
    a.unlink()
    assert set(ask(source(tmp_path, reach_cells=0), changed.state).state["files"]) == {"b.nc"}


def test_of_two_files_with_one_day_the_one_changed_last_stands_in_any_order(tmp_path: Path) -> None:
    old, new = (
        put(historical(field(3)), tmp_path / "z.nc"),
        put(historical(field(1, 200.0), "2020-06-03"), tmp_path / "a.nc"),
    )
    for path, age in ((old, 7200), (new, 3600)):
        os.utime(path, (time.time() - age,) * 2)
    expected = {"2020-06-01 00": 3300.0, "2020-06-02 00": 3400.0, "2020-06-03 00": 3302.0}
    together = ask(source(tmp_path, reach_cells=0))
    assert values(together) == expected
    assert [s.reason for s in together.skipped if not s.usual] == [
        "1 values stand twice and differ (a.nc, z.nc); the one of the file changed last is taken"
    ]
    # The older file comes a night later: the newer one's day stands all the same.
    assert values(ask(source(tmp_path, reach_cells=0), together.state)) == {}
    aside = tmp_path / "z.later"
    shutil.move(old, aside)
    first = ask(source(tmp_path, reach_cells=0))
    shutil.move(aside, old)
    # A file that came later still lends nothing but the days it shares.
    put(historical(field(1, 300.0), "2020-06-04"), tmp_path / "last.nc")
    assert values(ask(source(tmp_path, reach_cells=0), together.state)) == {"2020-06-03 00": 3500.0}
    (tmp_path / "last.nc").unlink()
    assert values(ask(source(tmp_path, reach_cells=0), first.state)) == expected


def test_files_of_two_grids_are_distinguished(tmp_path: Path) -> None:
    put(historical(field(1)), tmp_path / "v4.nc")
    coarse = xr.Dataset(
        {"dis24": (("valid_time", "latitude", "longitude"), [[[1.0, 2.0], [3.0, 4.0]]], {"units": "m3/s"})},
        {"valid_time": pd.to_datetime(["2019-01-02"]), "latitude": [10.86, 10.76], "longitude": [105.15, 105.25]},
    )
    put(coarse, tmp_path / "v3.nc")
    reading = ask(source(tmp_path, reach_cells=0))
    assert values(reading) == {"2019-01-01 00": 4.0, "2020-06-01 00": 3300.0}
    assert any("2 grids" in s.reason and not s.usual for s in reading.skipped)


def test_a_file_in_capitals_is_read_and_others_are_listed(tmp_path: Path) -> None:
    put(historical(field(1)), tmp_path / "A.NC")
    (tmp_path / "b.grib").write_bytes(b"GRIB")
    reading = ask(source(tmp_path, reach_cells=0))
    assert values(reading) == {"2020-06-01 00": 3300.0}
    assert [(item.scene, item.usual) for item in reading.skipped if item.scene == "b.grib"] == [("b.grib", True)]


def test_nothing_there_says_what_to_bring(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not there: bring the files"):
        ask(source(tmp_path / "none"))
    with pytest.raises(SourceError, match=r"no file matches '\*.nc'"):
        ask(source(tmp_path))


@pytest.mark.parametrize(
    ("attrs", "said"),
    [
        ({"units": "days since yesterday"}, "which is no date"),
        ({"units": "fortnights since 1970-01-01"}, "no unit of time"),
        ({"units": "metres"}, "not in something like"),
        ({"units": "days since 1970-01-01", "calendar": "360_day"}, "calendar '360_day'"),
        ({"units": "days since 1600-01-01", "calendar": "julian"}, "calendar 'julian'"),
        ({"units": "days since 3970-01-01"}, "no date of data"),
    ],
)
def test_times_that_mean_nothing_are_refused(tmp_path: Path, attrs: dict[str, str], said: str) -> None:
    dataset = historical(field(1)).assign_coords(valid_time=("valid_time", [18000.0], attrs))
    put(dataset, tmp_path / "a.nc")
    with pytest.raises(SourceError, match=said):
        ask(source(tmp_path))


def test_a_grid_in_metres_is_refused(tmp_path: Path) -> None:
    dataset = historical(field(1)).rename(latitude="y", longitude="x")
    put(dataset, tmp_path / "a.nc")
    with pytest.raises(SourceError, match="grid in latitude and longitude is needed"):
        ask(source(tmp_path))


# --- the entry ------------------------------------------------------------------------------------------------------------

ENTRY = """
name: river
driver: glofas
title: GloFAS at Tân Châu
gauge_id: "019803"
river: Tiền
location: [105.24, 10.80]
path: glofas
cadence_days: 1
latency_days: 5
licence: CEMS-FLOODS
attribution: Copernicus
citation: Harrigan et al. 2020
"""


def test_the_entry(tmp_path: Path) -> None:
    file = tmp_path / "river.yaml"
    file.write_text(ENTRY, encoding="utf-8")
    entry = read_source(file)
    assert isinstance(entry, Glofas) and (entry.reach_cells, entry.settle_s, entry.files) == (1, 60.0, "*.nc")
    assert dataclasses.replace(entry).path == (tmp_path / "glofas").resolve()
    file.write_text(ENTRY + "files: ../*.nc\nalarm_levels_m: [1, 2, 3]\nalarm_source: x\n", encoding="utf-8")
    with pytest.raises(CatalogError) as told:
        read_source(file)
    assert "files" in str(told.value) and "are stages" in str(told.value)
