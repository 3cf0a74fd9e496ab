"""Driver ``rain_grid``: daily rain at a point, or on average around it, from NetCDF or Zarr grids.

Read are ERA5-Land (running sums since 00 UTC), ERA5 and its daily totals, IMERG, and other grids in latitude and longitude whose units are
known. Rain becomes mm, times become the beginning of a step, and steps shorter than a day become UTC days here. The
layouts were put together from documentation; the driver has not been tried on a file of ECMWF or NASA itself.

Opening a file takes some hundredths of a second, so twenty years of half hours in files of their own take hours: bring daily files of
IMERG for the past. A chunk that a Zarr store never got reads as its fill value; where that is 0 it cannot be distinguished from dry days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from erosion.config.gauges import FolderGauge, check_grid
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.formats import grid_cells, grid_files, grid_series, grid_times
from erosion.gauges.formats.grid_files import GridError, GridFile
from erosion.gauges.formats.reading import Asked, Reading, joined, readings

NAMES: Final = ("tp", "total_precipitation", "precipitation", "precipitationcal", "precip", "pr", "prcp", "rain")
"""Names of the rain, in small letters."""

STANDARD_NAMES: Final = (
    "precipitation_amount",
    "precipitation_flux",
    "lwe_thickness_of_precipitation_amount",
    "lwe_precipitation_rate",
    "rainfall_amount",
    "rainfall_flux",
)

AMOUNTS: Final = {
    "mm": 1.0,
    "kgm-2": 1.0,
    "kg/m2": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "mofwaterequivalent": 1000.0,
    "in": 25.4,
}
"""Unit, without blanks and stars -> mm."""

RATES: Final = {
    **dict.fromkeys(("mm/s", "mms-1", "kgm-2s-1", "kg/m2/s"), 1.0),
    **dict.fromkeys(("mm/h", "mm/hr", "mm/hour", "mmh-1", "mmhr-1"), 1 / 3600),
    **dict.fromkeys(("mm/day", "mm/d", "mmday-1", "mmd-1"), 1 / 86400),
    **dict.fromkeys(("m/s", "ms-1"), 1000.0),
}
"""Unit, without blanks and stars -> mm/s."""

NOISE_MM: Final = 0.01
"""Packing leaves dry steps this much below zero at the most; they are dry. A step farther below is missing."""

WET_MM: Final = 1.0
"""A day with less does not show how a file counts."""

FALL_MM: Final = 0.05
"""A running sum that is packed seems to fall by so much at the most."""

MIN_WET: Final = 3
"""So many wet days without a fall show that sums run."""

_DAY: Final = pd.Timedelta(days=1)
_HOUR: Final = pd.Timedelta(hours=1)


class _Meaning(NamedTuple):
    """Counting of a file by the attributes of its variable."""

    factor: float  # to mm, or to mm/s
    rate: bool
    ends: bool  # times shorter than a day apart are the ends of steps, as ECMWF writes them
    metres: bool


@dataclass(frozen=True, kw_only=True)
class RainGrid(FolderGauge):
    """Rain at a point, or on average around it, from NetCDF or Zarr grids like those of ERA5-Land and IMERG."""

    files: Annotated[
        str, Key("pattern of the names where path is a folder of NetCDF files or Zarr stores, like *.HDF5")
    ] = "*.nc*"
    variable: Annotated[str | None, Key("name of the variable; found by its name and unit where not given")] = None
    counting: Annotated[
        str,
        Key(
            "step: rain of each step; running: sum since midnight UTC, as in ERA5-Land; auto: found from the file",
            choices=("auto", "step", "running"),
        ),
    ] = "auto"
    radius_km: Annotated[
        float, Key("mean over the cells within this distance; the nearest one alone with 0", "km", low=0)
    ] = 0.0

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_grid(self, problems)


ENTRY: Final = RainGrid


def read(source: RainGrid, asked: Asked) -> Reading:
    """Return the rain of each UTC day.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted; files that have not changed since are not read again, except for days they share with new ones.

    Returns
    -------
    Reading
        Rain, mm, one value a day, ``time`` the beginning of the day. Quality is ``estimated``: no grid is a rain gauge. A day with less
        than its steps is ``missing`` until they are there.

    Raises
    ------
    SourceError
        Where there is no file, none of them can be read, or it does not follow from them how they count.

    Notes
    -----
    With ``radius_km`` a step is the mean of the cells that have a value, and missing where less than half of those that have one at any
    time of the file do.

    The value of ERA5-Land at 00 UTC is the rain of the whole day before [1]_, so running sums need that hour alone; the others
    show whether they are running sums. ``counting: auto`` takes units and bounds first, then the data: sums that run never fall within
    a day, rain of hours does. Without bounds, a value of ECMWF (named tp, or with attributes of GRIB) belongs to the step that ends
    at its time, any other to the step that begins there.

    References
    ----------
    .. [1] ECMWF, ERA5 family: conversion table for accumulated variables.
    """
    files, skipped = grid_files.find(source.path, source.files, source.settle_s, source.described_in)
    used: dict[str, None] = {}

    def read_one(file: GridFile) -> tuple[pd.DataFrame, pd.Series]:
        with grid_files.opened(file.path) as dataset:
            variable = _rain(dataset, source.variable)
            meaning = _meaning(variable)
            cells = grid_cells.near(dataset, variable, source.location, km=source.radius_km)
            table = grid_series.steps(dataset, variable, cells)
            table = _mean(_analysis(table), cells.rows.size)
            table["value"] *= meaning.factor
            table = _with_bounds(table, dataset).assign(
                rate=meaning.rate, ends=meaning.ends, unsure=meaning.ends and meaning.metres
            )
        more = f", and {cells.rows.size - 1} more within {source.radius_km:g} km" if cells.rows.size > 1 else ""
        where = grid_cells.where(cells.latitudes[0], cells.longitudes[0])
        used[f"the cell at {where}, {cells.km[0]:.1f} km from the location{more}, is taken"] = None
        return table, table["time"]

    found = grid_files.gather(source.name, files, asked.state.get("files", {}), read_one)
    skipped += found.skipped
    state: dict[str, Any] = {"files": found.files}
    state |= {key: asked.state[key] for key in ("step_s", "counting") if key in asked.state}
    if found.table.empty:
        return Reading(joined([]), tuple(skipped), state)
    if not asked.state.get("files") and found.table["value"].isna().all():
        raise SourceError(
            f"{source.name}: no value near [{source.location[0]:g}, {source.location[1]:g}] (sea, or outside what the grid covers); "
            "set 'location' or 'radius_km' right"
        )
    table, twice = grid_files.newest_stands(found.table, ["time"], source.name)
    skipped += twice
    table = table.sort_values("time", ignore_index=True)
    step = _step(source, table, asked.state)
    state["step_s"] = int(step.total_seconds())
    counting, remember = _counting(source, table, step, asked.state)
    if remember:
        state["counting"] = counting
    if len(used) > 1:
        skipped.append(Skipped(source.name, f"its files are of {len(used)} grids; give each an entry of its own"))
    skipped.append(Skipped(source.name, f"{list(used)[-1]}; {_in_words(counting, table, step)}", usual=True))
    if source.counting == "step" and step < _DAY and _runs(table):
        reason = "on no wet day its values fall; if they are sums since 00 UTC (ERA5-Land), set 'counting' to running"
        skipped.append(Skipped(source.name, reason))
    days = (
        _running_days(source, table, skipped) if counting == "running" else _summed_days(source, table, step, skipped)
    )
    time = pd.DatetimeIndex(days.index).tz_localize("UTC")
    part = readings("rain", time, days["value"].to_numpy(float), days["quality"].to_numpy(object))
    return Reading(joined([part]), tuple(skipped), state)


# --- one file -----------------------------------------------------------------------------------------------------------


def _rain(dataset: xr.Dataset, wanted: str | None) -> xr.DataArray:
    has = ", ".join(map(str, dataset.data_vars)) or "none"
    if wanted is not None:
        if wanted not in dataset.data_vars:
            raise GridError(f"has no variable {wanted!r}; it has {has}")
        return dataset[wanted]
    found = [
        str(name)
        for name, one in dataset.data_vars.items()
        if str(name).lower() in NAMES or one.attrs.get("standard_name") in STANDARD_NAMES
    ]
    if len(found) != 1:
        what = (
            f"several variables of rain ({', '.join(found)})"
            if found
            else f"no variable that is known as rain (it has {has})"
        )
        raise GridError(f"has {what}; name the right one as 'variable'")
    return dataset[found[0]]


def _meaning(variable: xr.DataArray) -> _Meaning:
    unit = grid_series.unit_text(variable)
    attrs = variable.attrs
    ends = str(variable.name).lower() == "tp" or any(key.startswith("GRIB_") for key in attrs)
    if unit in AMOUNTS:
        return _Meaning(AMOUNTS[unit], False, ends, AMOUNTS[unit] == 1000.0)
    if unit in RATES:
        return _Meaning(RATES[unit], True, ends, False)
    known = "mm, m, kg m-2, mm/hr, mm/day, kg m-2 s-1"
    raise GridError(
        f"{variable.name!r} is in {attrs.get('units', '')!r}, which is no unit of rain known here ({known})"
    )


def _analysis(table: pd.DataFrame) -> pd.DataFrame:
    """Return, of a file with steps, those of the day of their run, as ERA5 is archived; a sum over no time is no rain."""
    step = table["valid"] - table["issued"]
    if (step > _DAY).any():
        raise GridError("holds forecasts of more than a day ahead, and rain that has not fallen is not read")
    return table[step.isna() | (step > pd.Timedelta(0))].reset_index(drop=True)


def _mean(table: pd.DataFrame, cells: int) -> pd.DataFrame:
    values = table[list(range(cells))].to_numpy(float)
    there = np.isfinite(values)
    ever = int(there.any(axis=0).sum())
    count = there.sum(axis=1)
    sums = np.where(there, values, 0.0).sum(axis=1)
    mean = np.where(2 * count >= ever, sums / np.maximum(count, 1), np.nan)
    mean[count == 0] = np.nan
    return pd.DataFrame({"time": table["valid"], "value": mean})


def _with_bounds(table: pd.DataFrame, dataset: xr.Dataset) -> pd.DataFrame:
    """Return the table with ``begin`` and ``end`` of each step where the file has them, NaT elsewhere."""
    bounds = grid_times.bounds(dataset)
    nothing = pd.Series(pd.NaT, table.index, dtype="datetime64[ns]")
    if bounds is None:
        return table.assign(begin=nothing, end=nothing)
    by_time = pd.DataFrame({"begin": bounds[1], "end": bounds[2]}, index=bounds[0])
    by_time = by_time[~by_time.index.duplicated(keep="last")].reindex(table["time"])
    if not (by_time["begin"] < by_time["end"]).all():
        raise GridError("the bounds of its times do not end after they begin; fetch it again")
    # IMERG's last instant of a step is a second or less before the next one begins.
    end = by_time["end"].dt.ceil("min")
    return table.assign(begin=by_time["begin"].to_numpy(), end=end.to_numpy())


# --- how the steps count -------------------------------------------------------------------------------------------------


def _step(source: RainGrid, table: pd.DataFrame, state: Mapping[str, Any]) -> pd.Timedelta:
    """Length of the steps: as in the bounds, else as it was before, else the usual distance between times."""
    lengths = (table["end"] - table["begin"]).dropna()
    gaps = table["time"].diff().dropna()
    if len(lengths) == len(table) and lengths.nunique() == 1:
        step = lengths.iloc[0]
    elif "step_s" in state:
        step = pd.Timedelta(seconds=int(state["step_s"]))
    elif len(gaps):
        step = gaps.mode().iloc[0]
    else:
        raise SourceError(
            f"{source.name}: one time alone does not show how long its step is; bring the file after it too"
        )
    if len(gaps) and gaps.min() < step:
        early = table["time"].iloc[int(gaps.to_numpy().argmin())]
        raise SourceError(
            f"{source.name}: steps of {_length(step)} and of {_length(gaps.min())} are mixed (at {grid_times.day_text(early)}); "
            "give each kind of file an entry of its own"
        )
    if step > _DAY or _DAY % step != pd.Timedelta(0):
        raise SourceError(
            f"{source.name}: its times are {_length(step)} apart; a day, or a whole part of one, is needed"
        )
    return step


def _counting(source: RainGrid, table: pd.DataFrame, step: pd.Timedelta, state: Mapping[str, Any]) -> tuple[str, bool]:
    """Return whether the values are rain of each step or running sums, and whether the data have decided it for good."""
    if source.counting != "auto":
        if source.counting == "running" and table["rate"].any():
            raise SourceError(
                f"{source.name}: its unit is a rate, which cannot be a running sum; set 'counting' to step"
            )
        return source.counting, False
    bounded = table["begin"].notna().all() and ((table["end"] - table["begin"]) == step).all()
    if table["rate"].all() or (bounded and table["begin"].nunique() == len(table)):
        return "step", False
    if step == _DAY:
        if table["unsure"].any():
            raise SourceError(
                f"{source.name}: a value a day, in m, may be the sum of the day that begins at its time (a daily total) or of the day "
                "that ends there (ERA5-Land with its hour 00 alone); set 'counting' to step for the first, running for the second"
            )
        return "step", False
    if "counting" in state:
        return str(state["counting"]), True
    if not table["value"].max() > FALL_MM:  # dry throughout: both ways of counting agree
        return "step", False
    wet, falling = _falls(table)
    if _runs(table):
        return "running", True
    if wet.any() and falling[wet].mean() > 0.5:
        return "step", True
    raise SourceError(
        f"{source.name}: {int(wet.sum())} wet days do not show whether its values are the rain of each step or run from 00 UTC on; set "
        "'counting' to step or running (ERA5-Land runs, ERA5 does not)"
    )


def _runs(table: pd.DataFrame) -> bool:
    """Return whether the data show that the values are running sums: wet days enough, and hardly one on which they fall."""
    wet, falling = _falls(table)
    return bool(wet.sum() >= MIN_WET and falling[wet].mean() <= 0.1)


def _falls(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Wet days, and days on which the value falls, by the day that a running sum belongs to."""
    there = table[table["value"].notna()]
    day = _day_of_end(there["time"])
    before = there["value"].groupby(day).shift()
    fall = before - there["value"] > np.maximum(FALL_MM, 0.01 * before)
    groups = pd.DataFrame({"value": there["value"], "fall": fall}).groupby(day)
    wet = (groups["value"].max() > WET_MM) & (groups["value"].count() > 1)
    return wet, groups["fall"].any()


def _in_words(counting: str, table: pd.DataFrame, step: pd.Timedelta) -> str:
    if counting == "running":
        return "its values are sums since 00 UTC"
    if table["begin"].notna().all():
        return f"its values are of steps of {_length(step)} as in their bounds"
    side = "end" if _ends(table, step).all() else "begin"
    return f"its values are of steps of {_length(step)} that {side} at their time"


def _length(step: pd.Timedelta) -> str:
    hours = step / _HOUR
    return f"{hours / 24:g} days" if hours > 24 else f"{hours:g} h"


# --- days ------------------------------------------------------------------------------------------------------------------


def _ends(table: pd.DataFrame, step: pd.Timedelta) -> pd.Series:
    """Return where the time of a value is the end of its step."""
    return table["ends"] & (step < _DAY)


def _day_of_end(time: pd.Series) -> pd.Series:
    """Day in which steps lie that end at a time: 00 UTC is the end of the day before."""
    return (time - pd.Timedelta(seconds=1)).dt.floor("D")


def _summed_days(source: RainGrid, table: pd.DataFrame, step: pd.Timedelta, skipped: list[Skipped]) -> pd.DataFrame:
    amount = table["value"].where(~table["rate"], table["value"] * step.total_seconds())
    begin = table["time"].where(~_ends(table, step), table["time"] - step)
    begin = table["begin"].where(table["begin"].notna(), begin)
    if step == _DAY and table["begin"].isna().any():
        begin = begin.dt.floor("D")  # a day's label may be its noon or its last hour
    if (table["ends"] & table["begin"].isna()).any() and _HOUR < step < _DAY:
        raise SourceError(
            f"{source.name}: its times are {_length(step)} apart, but a value of ERA5 is the rain of one hour; bring every hour"
        )
    amount = _dry_or_missing(source, amount, begin, skipped)
    if step == _DAY:
        days = pd.DataFrame({"value": amount.to_numpy(), "fresh": table["fresh"].to_numpy()}, index=begin)
        days = days[~days.index.duplicated(keep="last")]
    else:
        groups = pd.DataFrame({"value": amount, "fresh": table["fresh"]}).groupby(begin.dt.floor("D"))
        whole = groups["value"].count() == _DAY // step
        days = pd.DataFrame({"value": groups["value"].sum().where(whole), "fresh": groups["fresh"].any()})
    return days[days["fresh"]].assign(quality="estimated")


def _running_days(source: RainGrid, table: pd.DataFrame, skipped: list[Skipped]) -> pd.DataFrame:
    wet, falling = _falls(table)
    flagged = falling[falling].index
    if len(flagged) > 0.1 * max(int(wet.sum()), 10):
        raise SourceError(
            f"{source.name}: its values fall within {len(flagged)} days, the first on {grid_times.day_text(flagged[0])}, which sums since "
            "00 UTC do not; set 'counting' to step"
        )
    day = _day_of_end(table["time"])
    total = table["value"].where(table["time"] == day + _DAY)
    total = _dry_or_missing(source, total, day, skipped)
    groups = pd.DataFrame({"value": total, "fresh": table["fresh"]}).groupby(day)
    days = pd.DataFrame({"value": groups["value"].max(), "fresh": groups["fresh"].any()})
    days = days[days["fresh"]].assign(quality="estimated")
    odd = days.index.isin(flagged)
    if odd.any():
        days.loc[odd, "quality"] = "suspect"
        reason = f"the sum since 00 UTC falls within {int(odd.sum())} days, the first on {grid_times.day_text(days.index[odd][0])}; suspect"
        skipped.append(Skipped(source.name, reason))
    return days


def _dry_or_missing(source: RainGrid, amount: pd.Series, time: pd.Series, skipped: list[Skipped]) -> pd.Series:
    """Return the amounts, those that packing left below zero as dry, and what lies farther below as missing."""
    wrong = amount < -NOISE_MM
    if wrong.any():
        first = grid_times.day_text(time[wrong].iloc[0])
        skipped.append(
            Skipped(source.name, f"{int(wrong.sum())} amounts below 0, the first on {first}; taken as missing")
        )
    return amount.mask(wrong).clip(lower=0.0)
