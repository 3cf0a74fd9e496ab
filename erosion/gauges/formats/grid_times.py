"""Times of a gridded file: CF times and lengths, forecast steps and bounds."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from erosion.gauges.formats.grid_files import GridError

MOST_VALUES: Final = 20_000_000
"""A file whose series near the point would be longer is refused: sixty years of hours at thirty cells."""

VALID: Final = "valid_time"
BASE: Final = ("forecast_reference_time", "time")
STEP: Final = ("forecast_period", "step")
_SECONDS: Final = {
    "second": 1.0,
    "sec": 1.0,
    "s": 1.0,
    "minute": 60.0,
    "min": 60.0,
    "hour": 3600.0,
    "hr": 3600.0,
    "h": 3600.0,
    "day": 86400.0,
    "d": 86400.0,
    "millisecond": 1e-3,
    "microsecond": 1e-6,
    "nanosecond": 1e-9,
}
# Between 1900-03-01 and 2100-02-28 the Julian calendar counts the same days from any day on as ours, so the label "julian"
# that IMERG files carry changes nothing there.
_CALENDARS: Final = ("standard", "gregorian", "proleptic_gregorian", "julian")
_FIRST: Final = np.datetime64("1900-03-01", "s")
_LAST: Final = np.datetime64("2100-02-28", "s")


def bounds(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the times of a file and the begin and end of the step of each, by its bounds; None where it has none."""
    name = next((n for n in (VALID, "time") if n in dataset.variables), None)
    if name is None:
        return None
    text = dataset[name].attrs.get("bounds")
    if not isinstance(text, str) or text not in dataset.variables:
        return None
    box = dataset[text]
    if box.ndim != dataset[name].ndim + 1 or box.shape[-1] != 2 or box.size > 2 * MOST_VALUES:
        return None
    attrs = {key: value for key, value in dataset[name].attrs.items() if key in ("units", "calendar")} | box.attrs
    pair = decoded(np.asarray(box.values, float), attrs, text).reshape(-1, 2)
    return decoded(numbers_of(dataset, name), dataset[name].attrs, name).ravel(), pair[:, 0], pair[:, 1]


def instants_of(dataset: xr.Dataset, dims: list[str]) -> tuple[xr.DataArray, xr.DataArray]:
    """Valid times of the values and when a forecast was made, as arrays over (some of) ``dims``."""
    base_name = next((n for n in BASE if n in dims), None) or next((n for n in BASE if n in dataset.variables), None)
    step_name = next((n for n in STEP if n in dims), None) or next((n for n in STEP if n in dataset.variables), None)
    never = xr.DataArray(np.datetime64("NaT", "ns"))
    if step_name in dims:
        if base_name is None:
            raise GridError(f"has steps of a forecast ({step_name}) and no time at which the forecast was made")
        base = _time_array(dataset, base_name, dims)
        step = xr.DataArray(
            _lengths(numbers_of(dataset, str(step_name)), dataset[str(step_name)].attrs, str(step_name)),
            dims=[str(step_name)],
        )
        return base + step, base
    if VALID in dims or (VALID in dataset.variables and set(dataset[VALID].dims) <= set(dims)):
        return _time_array(dataset, VALID, dims), never
    if base_name is None:
        raise GridError("has no time: neither 'time' nor 'valid_time' is there")
    base = _time_array(dataset, base_name, dims)
    if step_name is not None and dataset[step_name].ndim == 0:
        base = base + _lengths(numbers_of(dataset, step_name), dataset[step_name].attrs, step_name)
    return base, never


def _time_array(dataset: xr.Dataset, name: str, dims: list[str]) -> xr.DataArray:
    if name not in dataset.variables:
        raise GridError(f"does not define the places of its axis {name!r}")
    one = dataset[name]
    if not set(one.dims) <= set(dims):
        raise GridError(f"{name!r} has the axes {', '.join(map(str, one.dims))}, which its values do not have")
    return xr.DataArray(decoded(numbers_of(dataset, name), one.attrs, name), dims=one.dims)


def numbers_of(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Numbers of a coordinate as the file counts them, float64."""
    if dataset[name].size > MOST_VALUES:
        raise GridError(f"{name!r} has {dataset[name].size} values, which cannot be times")
    return np.asarray(dataset[name].values, float)


def decoded(numbers: np.ndarray, attrs: Mapping[str, Any], name: str) -> np.ndarray:
    """Instants out of a CF time ("hours since 1970-01-01"), to the second, UTC without zone.

    xarray without cftime decodes neither IMERG's "julian" calendar nor units like "hr", so the numbers are decoded here.
    """
    text = str(attrs.get("units", ""))
    match = re.fullmatch(r"\s*([A-Za-z]+)\s+since\s+(.+?)\s*", text)
    calendar = str(attrs.get("calendar", "standard")).lower()
    if match is None:
        raise GridError(f"{name!r} is in {text!r}, not in something like 'hours since 1970-01-01'")
    if calendar not in _CALENDARS:
        raise GridError(f"{name!r} counts in the calendar {calendar!r}, whose days are not those of the real one")
    try:
        since = pd.Timestamp(re.sub(r"\s*(UTC|GMT|Z)$", "", match[2], flags=re.IGNORECASE))
        since = since.tz_convert(None) if since.tzinfo is not None else since
        epoch = since.to_datetime64().astype("datetime64[s]")
    except (ValueError, OverflowError) as error:
        raise GridError(f"{name!r} counts since {match[2]!r}, which is no date") from error
    first = {"proleptic_gregorian": epoch, "julian": _FIRST}.get(calendar, np.datetime64("1582-10-15", "s"))
    if epoch < first:
        raise GridError(
            f"{name!r} counts since {match[2]!r} in the calendar {calendar!r}, which other days lie between"
        )
    seconds = _seconds(numbers, match[1], name)
    span = np.abs(seconds).max(initial=0.0)
    if not np.isfinite(seconds).all() or span > 1e11:
        raise GridError(f"{name!r} has missing or impossible times; fetch it again")
    instants = (epoch + np.round(seconds).astype("timedelta64[s]")).astype("datetime64[s]")
    if ((instants < _FIRST) | (instants > _LAST)).any():
        odd = instants[(instants < _FIRST) | (instants > _LAST)].ravel()[0]
        raise GridError(f"{name!r} has a time in {str(odd)[:10]}, which is no date of data")
    return instants.astype("datetime64[ns]")


def _lengths(numbers: np.ndarray, attrs: Mapping[str, Any], name: str) -> np.ndarray:
    """Lengths of time, to the second; a length without a unit is in hours, as GRIB counts them."""
    seconds = _seconds(numbers, str(attrs.get("units", "hours")), name)
    if not np.isfinite(seconds).all() or np.abs(seconds).max(initial=0.0) > 1e9:
        raise GridError(f"{name!r} has missing or impossible lengths; fetch it again")
    return np.round(seconds).astype("timedelta64[s]").astype("timedelta64[ns]")


def _seconds(numbers: np.ndarray, unit: str, name: str) -> np.ndarray:
    word = unit.strip().lower()
    factor = _SECONDS.get(word, _SECONDS.get(word.removesuffix("s")))
    if factor is None:
        raise GridError(f"{name!r} counts in {unit!r}, which is no unit of time that is known here")
    return numbers * factor


def day_text(instant: Any) -> str:
    """Return an instant as messages have it."""
    stamp = pd.Timestamp(instant)
    return f"{stamp:%Y-%m-%d}" if stamp.time() == datetime.time(0) else f"{stamp:%Y-%m-%d %H:%M}"
