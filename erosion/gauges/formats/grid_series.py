"""Series of the cells of a gridded file at every time, step and member.

Only the cells asked for are read, so memory depends on the length of the series and the size of a chunk, not on the grid.
"""

from __future__ import annotations

import math
import re
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from erosion.gauges.formats.grid_cells import LATITUDES, LONGITUDES, Near, axis_name
from erosion.gauges.formats.grid_files import GridError
from erosion.gauges.formats.grid_times import BASE, MOST_VALUES, STEP, VALID, instants_of, numbers_of

_MEMBER: Final = "number"


def steps(dataset: xr.Dataset, variable: xr.DataArray, cells: Near) -> pd.DataFrame:
    """Return the values of cells at every time, step and member.

    Returns
    -------
    pandas.DataFrame
        ``valid`` (the instant the file gives for a value) and ``issued`` (when a forecast was made; NaT where the file has no steps),
        both UTC without zone, ``member`` (-1 for none), and one column of values a cell: 0, 1, ... in the order of ``cells``.
        Sorted by time; a time and step that the file leaves empty in every cell are kept as missing only where it has no steps.

    Raises
    ------
    GridError
        If its times cannot be read or it has axes of another kind.
    """
    lat_name, lon_name = axis_name(variable, LATITUDES), axis_name(variable, LONGITUDES)
    rest = [str(dim) for dim in variable.dims if dim not in (lat_name, lon_name)]
    length = math.prod(variable.sizes[dim] for dim in rest)
    rows, columns = np.unique(cells.rows), np.unique(cells.columns)
    if length * rows.size * columns.size > MOST_VALUES:
        raise GridError(
            f"has {length} values a cell, which cannot be a series of ours; take fewer cells or shorter files"
        )
    # Cells beside each other are asked for as a slice, which every reader does with the least it can read.
    box = variable.isel({lat_name: _run(rows), lon_name: _run(columns)}).load()
    places = (np.searchsorted(rows, cells.rows), np.searchsorted(columns, cells.columns))
    values = box.transpose(*rest, lat_name, lon_name).values[(..., *places)].astype(float)
    plain = xr.DataArray(values, dims=[*rest, "cell"])
    if "expver" in rest:
        plain = _final_first(plain, dataset)
        rest.remove("expver")
    ahead = any(dim in STEP for dim in rest)
    for dim in [d for d in rest if d not in (*BASE, *STEP, VALID) and not (ahead and d == _MEMBER)]:
        if plain.sizes[dim] > 1:
            raise GridError(f"its axis {dim!r} has {plain.sizes[dim]} places; bring a file with one of them")
        plain = plain.isel({dim: 0})
        rest.remove(dim)
    valid, issued = instants_of(dataset, rest)
    member = _members(dataset, plain) if ahead else xr.DataArray(-1)
    plain, valid, issued, member = xr.broadcast(plain, valid, issued, member, exclude=["cell"])
    order = [dim for dim in plain.dims if dim != "cell"]
    table = pd.DataFrame(plain.transpose(*order, "cell").values.reshape(-1, plain.sizes["cell"]))
    for name, one in (("valid", valid), ("issued", issued), ("member", member)):
        table[name] = one.transpose(*order).values.ravel()
    if ahead:
        table = table[table[list(range(plain.sizes["cell"]))].notna().any(axis=1)]
        if table.empty:
            raise GridError("holds no value near the location")
    return table.sort_values(["issued", "member", "valid"], kind="stable", ignore_index=True)


def forecast(dataset: xr.Dataset, variable: xr.DataArray) -> bool:
    """Return whether the values of a file are steps of a forecast."""
    return any(dim in STEP for dim in variable.dims)


def unit_text(variable: xr.DataArray) -> str:
    """Return the unit of a variable without blanks, carets and stars; an empty text where it has none."""
    units = variable.attrs.get("units", variable.attrs.get("GRIB_units", ""))
    text = units.decode("latin-1") if isinstance(units, bytes) else str(units)
    return re.sub(r"[\s*^_]", "", text.replace("³", "3").replace("²", "2").replace("⁻", "-").replace("¹", "1")).lower()


def _run(places: np.ndarray) -> slice | np.ndarray:
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == places.size else places


def _final_first(values: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray:
    """Return ERA5's versions of the data as one: the final one (1) where it has a value, the preliminary one (5) elsewhere."""
    versions = np.array([int(v) for v in dataset["expver"].values.ravel()])
    out = values.isel(expver=int(versions.argmin()))
    for place in np.argsort(versions)[1:]:
        out = out.fillna(values.isel(expver=int(place)))
    return out


def _members(dataset: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """Numbers of the ensemble members, along their axis where there is one."""
    dims = [_MEMBER] if _MEMBER in values.dims else []
    if _MEMBER not in dataset.variables:
        return xr.DataArray(np.arange(values.sizes[_MEMBER]), dims=dims) if dims else xr.DataArray(-1)
    numbers = numbers_of(dataset, _MEMBER)
    if numbers.ndim != len(dims) or not ((numbers >= 0) & (numbers < 10_000) & (numbers % 1 == 0)).all():
        raise GridError("the numbers of its ensemble members are no whole numbers from 0 on")
    return xr.DataArray(numbers.astype(int), dims=dims)
