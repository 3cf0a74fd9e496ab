"""Series at a point out of gridded files, NetCDF and Zarr: which files are new, which cells are near, what their times are.

Files are opened lazily and only the cells near the point are asked for, so that memory depends on the length of the series and
the size of a chunk, not on the grid. A file that cannot be read, or is still being written, is listed, and the others go on.
"""

from __future__ import annotations

import datetime
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from erosion.config.sources import Skipped, SourceError
from erosion.config.strict_yaml import LonLat

MOST_VALUES: Final = 20_000_000
"""A file whose series near the point would be longer is refused: sixty years of hours at thirty cells."""

MOST_SIDE: Final = 100_000
"""An axis of a grid that is longer is refused."""

_MARGIN: Final = np.timedelta64(36, "h")  # a day of rain reaches into the files of the day before and after
_EARTH_KM: Final = 6371.0
_COARSEST: Final = 0.25  # degrees, ERA5
_LATITUDES: Final = ("latitude", "lat")
_LONGITUDES: Final = ("longitude", "lon")
_VALID: Final = "valid_time"
_BASE: Final = ("forecast_reference_time", "time")
_STEP: Final = ("forecast_period", "step")
_MEMBER: Final = "number"

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

_MAGIC: Final = (
    (b"\x89HDF\r\n\x1a\n", "h5netcdf"),
    (b"CDF\x01", "scipy"),
    (b"CDF\x02", "scipy"),
)
_OTHERS: Final = (
    (b"GRIB", "is GRIB; ask for NetCDF (data_format netcdf) instead"),
    (b"PK", "is a ZIP archive; unpack it and bring what is in it"),
    (b"\x1f\x8b", "is compressed with gzip; unpack it"),
    (b"CDF\x05", "is NetCDF of the 64-bit data kind; write it anew with nccopy -k nc4"),
    (b"<", "is a web page and no data; open it to see what the service said, and fetch the file again"),
    (b"{", "is a text of a service and no data; open it to see what the service said, and fetch the file again"),
)


class GridError(Exception):
    """A file gives nothing; the message says why and how to mend it, without the file's name."""


@dataclass(frozen=True)
class GridFile:
    """A file or Zarr store, with what tells whether it has changed."""

    path: Path
    name: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class Near:
    """Cells near a point.

    Attributes
    ----------
    rows, columns
        Places of the cells on the latitude and longitude axes, both shape (cell,).
    latitudes, longitudes
        Centres as the file gives them, shape (cell,).
    km
        Distances of the centres from the point, shape (cell,), ascending.
    spacing
        Distance between neighbouring centres on the latitude axis, degrees.
    """

    rows: np.ndarray
    columns: np.ndarray
    latitudes: np.ndarray
    longitudes: np.ndarray
    km: np.ndarray
    spacing: float


@dataclass(frozen=True)
class Gathered:
    """Series out of the files that are new, and of others as far as they share days with them.

    Attributes
    ----------
    table
        What the driver's function gave, file after file, oldest file first, with ``file`` (name) and ``fresh`` (False for rows of
        files that were read before and only lend their steps).
    files
        To be remembered: name -> size, time of change, first and last instant.
    skipped
        Files that were left out.
    """

    table: pd.DataFrame
    files: dict[str, list[Any]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


# --- files ------------------------------------------------------------------------------------------------------------


def find(path: Path, pattern: str, settle_s: float, described_in: Path) -> tuple[list[GridFile], list[Skipped]]:
    """List the files of a source.

    Parameters
    ----------
    path
        A file, a Zarr store, or a folder of either.
    pattern
        Pattern of the names in a folder.
    settle_s
        What changed less than so many seconds ago may still be written and is left for the next time.
    described_in
        Catalogue file, for messages.

    Returns
    -------
    files : list of GridFile
        Sorted by the time of their last change and name.
    skipped : list of Skipped
        Files that wait.

    Raises
    ------
    SourceError
        If there is no file.
    """
    if not path.exists():
        raise SourceError(f"{path} is not there: bring the files to that place, or set 'path' in {described_in} right")
    if path.is_dir() and not _is_store(path):
        found = sorted(p for p in path.glob(pattern) if p.is_file() or _is_store(p))
        if not found:
            raise SourceError(f"{path}: no file matches {pattern!r}; bring one, or set 'files' in {described_in} right")
        named = [(p.relative_to(path).as_posix(), p) for p in found]
    else:
        named = [(path.name, path)]
    now = time.time()
    files, skipped = [], []
    for name, one in named:
        try:
            size, changed_ns = _size_and_change(one)
        except OSError as error:
            skipped.append(Skipped(name, f"cannot be read ({error})"))
            continue
        if now - changed_ns / 1e9 < settle_s:
            reason = f"changed less than {settle_s:g} s ago and may still be written; it is read the next time"
            skipped.append(Skipped(name, reason))
        else:
            files.append(GridFile(one, name, size, changed_ns))
    return sorted(files, key=lambda file: (file.changed_ns, file.name)), skipped


def gather(
    source_name: str,
    files: Sequence[GridFile],
    known: Mapping[str, Sequence[Any]],
    read_one: Callable[[GridFile], tuple[pd.DataFrame, pd.Series]],
) -> Gathered:
    """Read the files that are new or changed, and those read before that share days with them.

    A day of rain may be spread over files, and a time may stand in two of them. So what is handed over for a day is always made
    from every file that has something of it, in whichever order they came.

    Parameters
    ----------
    source_name
        Name of the source, for messages.
    files
        Files that are there, oldest first.
    known
        ``Gathered.files`` of the last time.
    read_one
        Gives the table of a file and the instants (UTC without zone, one a row) that say which days it touches.

    Returns
    -------
    Gathered

    Raises
    ------
    SourceError
        If no file could be read, now or before.
    """
    skipped: list[Skipped] = []
    parts: dict[str, pd.DataFrame] = {}
    remembered: dict[str, list[Any]] = {}
    spans = []

    def take(file: GridFile, fresh: bool) -> None:
        try:
            table, instants = read_one(file)
        except GridError as error:
            skipped.append(Skipped(file.name, str(error)))
            return
        parts[file.name] = table.assign(file=file.name, fresh=fresh)
        first, last = instants.min(), instants.max()
        remembered[file.name] = [file.size, file.changed_ns, first.isoformat(), last.isoformat()]
        if fresh:
            spans.append((first.to_datetime64() - _MARGIN, last.to_datetime64() + _MARGIN))

    unchanged = []
    for file in files:
        if list(known.get(file.name, ())[:2]) == [file.size, file.changed_ns]:
            unchanged.append(file)
        else:
            take(file, True)
    starts, ends = np.array([s for s, _ in spans]), np.array([e for _, e in spans])
    for file in unchanged:
        first, last = (np.datetime64(text) for text in known[file.name][2:4])
        if spans and ((first <= ends) & (last >= starts)).any():
            take(file, False)
        else:
            remembered[file.name] = list(known[file.name])
    if skipped and not remembered:
        reasons = "; ".join(f"{one.scene}: {one.reason}" for one in skipped[:3])
        more = f" (and {len(skipped) - 3} files more)" if len(skipped) > 3 else ""
        raise SourceError(f"{source_name}: no file could be read: {reasons}{more}")
    tables = [parts[file.name] for file in files if file.name in parts]
    return Gathered(pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), remembered, skipped)


def newest_stands(table: pd.DataFrame, key: Sequence[str], source_name: str) -> tuple[pd.DataFrame, list[Skipped]]:
    """Keep one row of each key: that of the file changed last; ``fresh`` where any of them was, differences are listed."""
    key = list(key)
    groups = table.groupby(key, dropna=False, sort=False)
    low, high = groups["value"].transform("min"), groups["value"].transform("max")
    differ = (high - low) > 1e-6 * high.abs() + 1e-9
    fresh = groups["fresh"].transform("any")
    kept = table.assign(fresh=fresh)[~table.duplicated(key, keep="last")]
    count = int((differ & fresh)[kept.index].sum())
    if not count:
        return kept, []
    files = ", ".join(sorted(set(table.loc[differ & fresh, "file"]))[:4])
    reason = f"{count} values stand twice and differ ({files}); the one of the file changed last is taken"
    return kept, [Skipped(source_name, reason)]


def _is_store(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zmetadata"))


def _size_and_change(path: Path) -> tuple[int, int]:
    """Size and time of the last change; of a Zarr store, of all its files together."""
    stats = [p.stat() for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path.stat()]
    return sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)


# --- one file -----------------------------------------------------------------------------------------------------------


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a file lazily, times as numbers, fill values missing, packed numbers unpacked.

    Of an HDF5 file with a group ``Grid`` (IMERG) that group is opened.

    Raises
    ------
    GridError
        Whatever goes wrong in here with the file's bytes, at opening or later when values are read.
    """
    engine = "zarr" if path.is_dir() else _engine(path)
    how: dict[str, Any] = {"engine": engine, "decode_times": False, "decode_timedelta": False, "cache": False}
    try:
        if engine == "zarr":
            # Chunks are read side by side. A store's consolidated metadata may lag behind what was appended; its files do not.
            how |= {"chunks": {}, "consolidated": False}
        elif engine == "h5netcdf":
            # HDF5 lets one reader in at a time, so there is nothing to gain from reading chunks side by side.
            how |= {"phony_dims": "access", "group": _group(path)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with xr.open_dataset(path, **how) as dataset:
                yield dataset
    except (GridError, SourceError):
        raise
    except Exception as error:
        # The libraries below meet bytes of anybody's making; which exception they end with has no bounds.
        kind = "Zarr store" if engine == "zarr" else "NetCDF file"
        said = " ".join(str(error).split())[:200]
        raise GridError(
            f"cannot be read as a {kind} ({type(error).__name__}: {said}); it may be cut short: fetch it again"
        ) from error


def near(dataset: xr.Dataset, variable: xr.DataArray, point: LonLat, *, cells: int = 0, km: float = 0.0) -> Near:
    """Find the cells near a point.

    Parameters
    ----------
    dataset, variable
        As opened; latitude and longitude are axes of their own, ascending or descending, longitude from -180 or from 0.
    point
        Longitude and latitude, degrees.
    cells
        Cells so many rows and columns from the nearest one are taken too.
    km
        Cells whose centre is no farther from the point are taken too.

    Returns
    -------
    Near
        The nearest cell first.

    Raises
    ------
    GridError
        If the grid is not of that kind, or the point lies outside it.
    """
    lat, lon = _axis(dataset, variable, _LATITUDES), _axis(dataset, variable, _LONGITUDES)
    if np.abs(lat).max() > 90.001 or np.abs(lon).max() > 360.001:
        raise GridError("its latitudes or longitudes are no degrees; a grid in latitude and longitude is needed")
    away_lat = lat - point[1]
    away_lon = (lon - point[0] + 180.0) % 360.0 - 180.0
    spacing_lat, spacing_lon = _spacing(lat), _spacing(lon)
    row, column = int(np.abs(away_lat).argmin()), int(np.abs(away_lon).argmin())
    # Half a cell and a hair: coordinates are often single precision.
    if abs(away_lat[row]) > 0.51 * spacing_lat or abs(away_lon[column]) > 0.51 * spacing_lon:
        east = (lon + 180.0) % 360.0 - 180.0
        raise GridError(
            f"the location [{point[0]:g}, {point[1]:g}] lies outside its grid (longitude {east.min():g} to {east.max():g}, "
            f"latitude {lat.min():g} to {lat.max():g}); ask for a larger area, or set 'location' right"
        )
    half_lat = max((cells + 0.5) * spacing_lat, math.degrees(km / _EARTH_KM))
    shrink = max(math.cos(math.radians(min(abs(point[1]), 89.0))), 0.01)
    half_lon = max((cells + 0.5) * spacing_lon, math.degrees(km / _EARTH_KM) / shrink)
    around_column = (lon - lon[column] + 180.0) % 360.0 - 180.0
    rows = np.flatnonzero(np.abs(lat - lat[row]) < half_lat + (spacing_lat if km else 0.0))
    columns = np.flatnonzero(np.abs(around_column) < half_lon + (spacing_lon if km else 0.0))
    r, c = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    distance = _km(point, lat[r], lon[c])
    if not cells:
        inside = (distance <= km) | ((r == row) & (c == column))
        r, c, distance = r[inside], c[inside], distance[inside]
    nearest = (r == row) & (c == column)
    order = np.lexsort((c, r, distance, ~nearest))
    r, c = r[order], c[order]
    return Near(r, c, lat[r], lon[c], distance[order], spacing_lat)


def steps(dataset: xr.Dataset, variable: xr.DataArray, cells: Near) -> pd.DataFrame:
    """Read the values of cells at every time, step and member.

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
    lat_name, lon_name = _axis_name(variable, _LATITUDES), _axis_name(variable, _LONGITUDES)
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
    ahead = any(dim in _STEP for dim in rest)
    for dim in [d for d in rest if d not in (*_BASE, *_STEP, _VALID) and not (ahead and d == _MEMBER)]:
        if plain.sizes[dim] > 1:
            raise GridError(f"its axis {dim!r} has {plain.sizes[dim]} places; bring a file with one of them")
        plain = plain.isel({dim: 0})
        rest.remove(dim)
    valid, issued = _instants(dataset, rest)
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
    """Say whether the values of a file are steps of a forecast."""
    return any(dim in _STEP for dim in variable.dims)


def unit_text(variable: xr.DataArray) -> str:
    """Return the unit of a variable without blanks, carets and stars; an empty text where it has none."""
    said = variable.attrs.get("units", variable.attrs.get("GRIB_units", ""))
    text = said.decode("latin-1") if isinstance(said, bytes) else str(said)
    return re.sub(r"[\s*^_]", "", text.replace("³", "3").replace("²", "2").replace("⁻", "-").replace("¹", "1")).lower()


def bounds(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the times of a file and the begin and end of the step of each, by its bounds; None where it has none."""
    name = next((n for n in (_VALID, "time") if n in dataset.variables), None)
    if name is None:
        return None
    text = dataset[name].attrs.get("bounds")
    if not isinstance(text, str) or text not in dataset.variables:
        return None
    box = dataset[text]
    if box.ndim != dataset[name].ndim + 1 or box.shape[-1] != 2 or box.size > 2 * MOST_VALUES:
        return None
    attrs = {key: value for key, value in dataset[name].attrs.items() if key in ("units", "calendar")} | box.attrs
    pair = _decoded(np.asarray(box.values, float), attrs, text).reshape(-1, 2)
    return _decoded(_values_of(dataset, name), dataset[name].attrs, name).ravel(), pair[:, 0], pair[:, 1]


def km_between(point: LonLat, latitude: float, longitude: float) -> float:
    """Return the distance of a cell's centre from a point, km."""
    return float(_km(point, np.array([latitude]), np.array([longitude]))[0])


def where(latitude: float, longitude: float) -> str:
    """Name a cell by its centre."""
    east = (longitude + 180.0) % 360.0 - 180.0
    return f"{abs(latitude):.3f}° {'N' if latitude >= 0 else 'S'}, {abs(east):.3f}° {'E' if east >= 0 else 'W'}"


def _engine(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise GridError(f"cannot be read ({error})") from error
    for magic, engine in _MAGIC:
        if head.startswith(magic):
            return engine
    if not head:
        raise GridError("is empty; fetch it again")
    for magic, what in _OTHERS:
        if head.startswith(magic):
            raise GridError(what)
    raise GridError("is no NetCDF file; bring NetCDF or Zarr")


def _group(path: Path) -> str | None:
    """Group of an HDF5 file that holds its grid: Grid where there is one (IMERG), else the top."""
    import h5py  # not needed for Zarr and classic NetCDF

    with h5py.File(path, "r") as file:
        return "Grid" if isinstance(file.get("Grid"), h5py.Group) else None


def _axis_name(variable: xr.DataArray, names: tuple[str, ...]) -> str:
    for dim in map(str, variable.dims):
        standard = variable[dim].attrs.get("standard_name") if dim in variable.coords else None
        if dim.lower() in names or standard == names[0]:
            return dim
    raise GridError(
        f"{variable.name!r} has the axes {', '.join(map(str, variable.dims))} and none is {' or '.join(names)}; a grid in "
        "latitude and longitude is needed"
    )


def _axis(dataset: xr.Dataset, variable: xr.DataArray, names: tuple[str, ...]) -> np.ndarray:
    name = _axis_name(variable, names)
    if name not in dataset.variables or dataset[name].ndim != 1:
        raise GridError(f"does not say the {names[0]} of its cells")
    if not 0 < dataset.sizes[name] <= MOST_SIDE:
        raise GridError(f"its {names[0]} has {dataset.sizes[name]} places, which cannot be a grid")
    axis = np.asarray(dataset[name].values, float)
    if not np.isfinite(axis).all():
        raise GridError(f"its {names[0]} has missing places; fetch it again")
    return axis


def _spacing(axis: np.ndarray) -> float:
    """Distance between neighbouring centres; of a single one nobody knows, so the coarsest grid in use is supposed."""
    if axis.size < 2:
        return _COARSEST
    spacing = float(np.median(np.abs(np.diff(axis))))
    if spacing <= 0:
        raise GridError("its latitudes or longitudes repeat; fetch it again")
    return spacing


def _run(places: np.ndarray) -> slice | np.ndarray:
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == places.size else places


def _km(point: LonLat, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Great-circle distances by the haversine formula, shape (n,), on a sphere of the mean radius of the Earth."""
    lon1, lat1 = np.radians(point[0]), np.radians(point[1])
    lon2, lat2 = np.radians(longitude), np.radians(latitude)
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def _final_first(values: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray:
    """Join ERA5's versions of the data: the final one (1) where it has a value, the preliminary one (5) elsewhere."""
    versions = np.array([int(v) for v in dataset["expver"].values.ravel()])
    out = values.isel(expver=int(versions.argmin()))
    for place in np.argsort(versions)[1:]:
        out = out.fillna(values.isel(expver=int(place)))
    return out


def _instants(dataset: xr.Dataset, dims: list[str]) -> tuple[xr.DataArray, xr.DataArray]:
    """Valid times of the values and when a forecast was made, as arrays over (some of) ``dims``."""
    base_name = next((n for n in _BASE if n in dims), None) or next((n for n in _BASE if n in dataset.variables), None)
    step_name = next((n for n in _STEP if n in dims), None) or next((n for n in _STEP if n in dataset.variables), None)
    never = xr.DataArray(np.datetime64("NaT", "ns"))
    if step_name in dims:
        if base_name is None:
            raise GridError(f"has steps of a forecast ({step_name}) and does not say when the forecast was made")
        base = _time_array(dataset, base_name, dims)
        step = xr.DataArray(
            _lengths(_values_of(dataset, str(step_name)), dataset[str(step_name)].attrs, str(step_name)),
            dims=[str(step_name)],
        )
        return base + step, base
    if _VALID in dims or (_VALID in dataset.variables and set(dataset[_VALID].dims) <= set(dims)):
        return _time_array(dataset, _VALID, dims), never
    if base_name is None:
        raise GridError("has no time: neither 'time' nor 'valid_time' is there")
    base = _time_array(dataset, base_name, dims)
    if step_name is not None and dataset[step_name].ndim == 0:
        base = base + _lengths(_values_of(dataset, step_name), dataset[step_name].attrs, step_name)
    return base, never


def _time_array(dataset: xr.Dataset, name: str, dims: list[str]) -> xr.DataArray:
    if name not in dataset.variables:
        raise GridError(f"does not say what the places of its axis {name!r} are")
    one = dataset[name]
    if not set(one.dims) <= set(dims):
        raise GridError(f"{name!r} has the axes {', '.join(map(str, one.dims))}, which its values do not have")
    return xr.DataArray(_decoded(_values_of(dataset, name), one.attrs, name), dims=one.dims)


def _values_of(dataset: xr.Dataset, name: str) -> np.ndarray:
    if dataset[name].size > MOST_VALUES:
        raise GridError(f"{name!r} has {dataset[name].size} values, which cannot be times")
    return np.asarray(dataset[name].values, float)


def _members(dataset: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """Numbers of the ensemble members, along their axis where there is one."""
    dims = [_MEMBER] if _MEMBER in values.dims else []
    if _MEMBER not in dataset.variables:
        return xr.DataArray(np.arange(values.sizes[_MEMBER]), dims=dims) if dims else xr.DataArray(-1)
    numbers = _values_of(dataset, _MEMBER)
    if numbers.ndim != len(dims) or not ((numbers >= 0) & (numbers < 10_000) & (numbers % 1 == 0)).all():
        raise GridError("the numbers of its ensemble members are no whole numbers from 0 on")
    return xr.DataArray(numbers.astype(int), dims=dims)


def _decoded(numbers: np.ndarray, attrs: Mapping[str, Any], name: str) -> np.ndarray:
    """Instants out of a CF time ("hours since 1970-01-01"), to the second, UTC without zone."""
    text = str(attrs.get("units", ""))
    told = re.fullmatch(r"\s*([A-Za-z]+)\s+since\s+(.+?)\s*", text)
    calendar = str(attrs.get("calendar", "standard")).lower()
    if told is None:
        raise GridError(f"{name!r} is in {text!r}, not in something like 'hours since 1970-01-01'")
    if calendar not in _CALENDARS:
        raise GridError(f"{name!r} counts in the calendar {calendar!r}, whose days are not those of the real one")
    try:
        since = pd.Timestamp(re.sub(r"\s*(UTC|GMT|Z)$", "", told[2], flags=re.IGNORECASE))
        since = since.tz_convert(None) if since.tzinfo is not None else since
        epoch = since.to_datetime64().astype("datetime64[s]")
    except (ValueError, OverflowError) as error:
        raise GridError(f"{name!r} counts since {told[2]!r}, which is no date") from error
    first = {"proleptic_gregorian": epoch, "julian": _FIRST}.get(calendar, np.datetime64("1582-10-15", "s"))
    if epoch < first:
        raise GridError(f"{name!r} counts since {told[2]!r} in the calendar {calendar!r}, which other days lie between")
    seconds = _seconds(numbers, told[1], name)
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
    """Write an instant the way messages do."""
    stamp = pd.Timestamp(instant)
    return f"{stamp:%Y-%m-%d}" if stamp.time() == datetime.time(0) else f"{stamp:%Y-%m-%d %H:%M}"
