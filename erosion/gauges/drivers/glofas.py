"""Driver ``glofas``: discharge of the GloFAS model at a point, from NetCDF files that somebody has brought.

The files are those of the Copernicus early warning data store: historical simulations (dimension time or valid_time) and forecasts
(dimensions of step and member). Their layouts were put together from documentation and from what other programs read; the driver has
not been tried on a file of the store itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import numpy as np
import pandas as pd
import xarray as xr

from erosion.config.gauges import FolderGauge, check_grid
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.core.errors import Skipped
from erosion.gauges.formats import grid_cells, grid_files, grid_series, grid_times
from erosion.gauges.formats.grid_files import GridError, GridFile
from erosion.gauges.formats.reading import Asked, Reading, joined, readings

MEAN_OF: Final = np.timedelta64(24, "h")
"""A value is the mean of so long before its valid time."""

VARIABLES: Final = ("dis24", "avg_dis")
"""Names of the mean discharge of the last 24 hours, the older one first."""

UNITS: Final = ("m3s-1", "m3/s", "m3s", "cumec", "cumecs")


@dataclass(frozen=True, kw_only=True)
class Glofas(FolderGauge):
    """Discharge of GloFAS at a point, from NetCDF files of the Copernicus store that somebody has brought."""

    files: Annotated[str, Key("pattern of the file names where path is a folder")] = "*.nc"
    reach_cells: Annotated[
        int, Key("the largest river within so many cells of the location is taken", "cell", low=0)
    ] = 1
    gives_forecasts: ClassVar[bool] = True

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_grid(self, problems)


ENTRY: Final = Glofas


def read(source: Glofas, asked: Asked) -> Reading:
    """Return the discharge of the cell that the river runs through.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted; files that have not changed since are not read again.

    Returns
    -------
    Reading
        Discharge, m3/s, ``time`` the beginning of the 24 hours of a mean. Quality is ``estimated``: it is a model's. Values of a
        forecast have ``issued_at`` and the number of their member.

    Raises
    ------
    SourceError
        Where there is no file, or none of them can be read.

    Notes
    -----
    The river of the model rarely runs through the cell that holds the gauge. Of the cells within ``reach_cells`` of it the one with the
    largest mean discharge over the files of the first reading is taken, and kept from then on: a series that changed cells would have
    steps that no river has.
    """
    files, skipped = grid_files.find(source.path, source.files, source.settle_s, source.described_in)
    chosen: dict[str, list[Any]] = {key: list(cell) for key, cell in asked.state.get("cells", {}).items()}
    known = asked.state.get("files", {})
    broken = _choose(source, files, known, chosen)
    used: set[str] = set()

    def read_one(file: GridFile) -> tuple[pd.DataFrame, pd.Series]:
        if file.name in broken:
            raise broken[file.name]
        with grid_files.opened(file.path) as dataset:
            variable = _discharge(dataset)
            cells = grid_cells.near(dataset, variable, source.location, cells=source.reach_cells)
            if _grid_of(cells) not in chosen:
                raise GridError(
                    f"no cell within {source.reach_cells} of the location has a discharge (sea, or no river of the model); set "
                    "'location' onto the river or 'reach_cells' larger"
                )
            place = _cell(cells, chosen)
            table = grid_series.steps(dataset, variable, _only(cells, place)).rename(columns={0: "value"})
        gaps = table.groupby(["issued", "member"], dropna=False)["valid"].diff()
        if ((gaps > pd.Timedelta(0)) & (gaps < MEAN_OF)).any():
            raise GridError(
                f"its times are {gaps[gaps > pd.Timedelta(0)].min()} apart; a mean of 24 hours for each day is read"
            )
        used.add(_grid_of(cells))
        table["time"] = table["valid"] - MEAN_OF
        # The days of one forecast do not order those of another.
        touched = table["issued"] if grid_series.forecast(dataset, variable) else table["time"]
        return table, touched

    found = grid_files.gather(source.name, files, known, read_one)
    skipped += found.skipped
    skipped += _list_cells(source, chosen, used)
    table = found.table
    if len(table):
        table, twice = grid_files.newest_stands(table, ["issued", "member", "time"], source.name)
        table = table[table["fresh"]]
        skipped += twice
    parts = []
    if len(table):
        values = table["value"].to_numpy(float).copy()
        impossible = values < 0
        if impossible.any():
            first = grid_times.day_text(table.loc[impossible, "time"].iloc[0])
            reason = f"{int(impossible.sum())} discharges below 0, the first on {first}; taken as missing"
            skipped.append(Skipped(source.name, reason))
            values[impossible] = np.nan
        issued = table["issued"].dt.tz_localize("UTC")
        parts = [
            readings(
                "discharge",
                pd.DatetimeIndex(table["time"]).tz_localize("UTC"),
                values,
                "estimated",
                issued_at=issued,
                member=table["member"].to_numpy(),
            )
        ]
    return Reading(joined(parts), tuple(skipped), {"files": found.files, "cells": chosen})


def _discharge(dataset: xr.Dataset) -> xr.DataArray:
    name = next((n for n in VARIABLES if n in dataset.data_vars), None)
    if name is None:
        matching = [n for n, v in dataset.data_vars.items() if v.attrs.get("GRIB_paramId") == 240024]
        if len(matching) != 1:
            has = ", ".join(map(str, dataset.data_vars)) or "none"
            raise GridError(
                f"has no variable {' or '.join(VARIABLES)} (it has {has}); ask for the discharge of 24 hours"
            )
        name = str(matching[0])
    variable = dataset[name]
    unit = grid_series.unit_text(variable)
    if unit not in UNITS:
        unit = variable.attrs.get("units", "")
        raise GridError(f"{name!r} is in {unit!r}; a discharge in m3 s-1 is needed")
    return variable


def _choose(
    source: Glofas, files: list[GridFile], known: Mapping[str, Any], chosen: dict[str, list[Any]]
) -> dict[str, GridError]:
    """Return the files that cannot be read, after a cell was chosen of every grid that had none yet."""
    broken: dict[str, GridError] = {}
    sums: dict[str, np.ndarray] = {}
    grid: dict[str, grid_cells.Near] = {}
    for file in files:
        if list(known.get(file.name, ())[:2]) == [file.size, file.changed_ns]:
            continue
        try:
            with grid_files.opened(file.path) as dataset:
                variable = _discharge(dataset)
                cells = grid_cells.near(dataset, variable, source.location, cells=source.reach_cells)
                key = _grid_of(cells)
                if key in chosen:
                    continue
                values = grid_series.steps(dataset, variable, cells)[list(range(cells.rows.size))].to_numpy(float)
        except GridError as error:
            broken[file.name] = GridError(str(error))  # without the frames, which keep the file open
            continue
        there = np.isfinite(values) & (values >= 0)
        part = np.array([np.where(there, values, 0.0).sum(axis=0), there.sum(axis=0)])
        sums[key] = sums.get(key, 0.0) + part
        grid[key] = cells
    for key, (total, count) in sums.items():
        if not count.any():
            continue
        mean = np.where(count > 0, total / np.maximum(count, 1), -1.0)
        place = int(mean.argmax())  # of equals the nearest
        cells = grid[key]
        chosen[key] = [float(cells.latitudes[place]), float(cells.longitudes[place]), float(mean[place])]
    return broken


def _grid_of(cells: grid_cells.Near) -> str:
    """Return the name of a grid: its spacing and the cell nearest to the location."""
    return f"{cells.spacing:.3f} {cells.latitudes[0]:.3f} {cells.longitudes[0] % 360.0:.3f}"


def _cell(cells: grid_cells.Near, chosen: Mapping[str, list[Any]]) -> int:
    latitude, longitude = chosen[_grid_of(cells)][:2]
    away = np.abs(cells.latitudes - latitude) + np.abs((cells.longitudes - longitude + 180.0) % 360.0 - 180.0)
    return int(away.argmin())


def _only(cells: grid_cells.Near, place: int) -> grid_cells.Near:
    one = slice(place, place + 1)
    return grid_cells.Near(
        cells.rows[one], cells.columns[one], cells.latitudes[one], cells.longitudes[one], cells.km[one], cells.spacing
    )


def _list_cells(source: Glofas, chosen: Mapping[str, list[Any]], used: set[str]) -> list[Skipped]:
    notes = []
    for key in sorted(used):
        latitude, longitude, mean = chosen[key]
        km = grid_cells.km_between(source.location, latitude, longitude)
        reason = (
            f"the cell at {grid_cells.where(latitude, longitude)} is taken, {km:.1f} km from the location: the largest mean discharge "
            f"({mean:.0f} m3/s) within {source.reach_cells} cells"
        )
        notes.append(Skipped(source.name, reason, usual=True))
    if len(chosen) > 1:
        reason = f"its files are of {len(chosen)} grids (versions of the model?); give each an entry of its own"
        notes.append(Skipped(source.name, reason))
    return notes
