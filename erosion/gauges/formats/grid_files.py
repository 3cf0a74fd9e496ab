"""Gridded files, NetCDF and Zarr: which are there, which are new or changed, and opening one.

Files are opened lazily. A file that cannot be read, or is still being written, is listed, and the others go on.
"""

from __future__ import annotations

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

from erosion.core.errors import Skipped, SourceError
from erosion.core.folder import files_in, unused_in

_SHOWN: Final = 5
_MARGIN: Final = np.timedelta64(36, "h")  # a day of rain reaches into the files of the day before and after
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
    (b"<", "is a web page and no data; open it to see what the service answered, and fetch the file again"),
    (b"{", "is a text of a service and no data; open it to see what the service answered, and fetch the file again"),
)


class GridError(Exception):
    """A file gives nothing; the message holds why and how to mend it, without the file's name."""


@dataclass(frozen=True)
class GridFile:
    """A file or Zarr store, with size and time of its last change."""

    path: Path
    name: str
    size: int
    changed_ns: int


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


def find(path: Path, pattern: str, settle_s: float, described_in: Path) -> tuple[list[GridFile], list[Skipped]]:
    """Return the files of a source.

    Parameters
    ----------
    path
        A file, a Zarr store, or a folder of either.
    pattern
        Pattern of the names in a folder, in any letter case.
    settle_s
        What changed less than so many seconds ago may still be written and is left for the next time.
    described_in
        Catalogue file, for messages.

    Returns
    -------
    files : list of GridFile
        Sorted by the time of their last change and name.
    skipped : list of Skipped
        Files that wait or cannot be read, and everything else in the folder, which the pattern does not name.

    Raises
    ------
    SourceError
        If there is no file.
    """
    if not path.exists():
        raise SourceError(f"{path} is not there: bring the files to that place, or set 'path' in {described_in} right")
    if path.is_dir() and not _is_store(path):
        found = files_in(path, pattern, lambda p: p.is_file() or _is_store(p))
        others = unused_in(path, pattern, found)
        if not found:
            there = f" (there are {', '.join(item.name for item in others[:_SHOWN])})" if others else ""
            raise SourceError(
                f"{path}: no file matches {pattern!r}{there}; bring one, or set 'files' in {described_in} right"
            )
        named = [(p.relative_to(path).as_posix(), p) for p in found]
        skipped = [Skipped(item.name, item.reason, usual=True) for item in others]
    else:
        named, skipped = [(path.name, path)], []
    now = time.time()
    files = []
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
    """Return the rows of the files that are new or changed, and of those read before that share days with them.

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
        Gives the table of a file and the instants (UTC without zone, one a row) of the days it touches.

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
    """Return one row of each key: that of the file changed last; ``fresh`` where any of them was, differences are listed."""
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


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """Yield a file opened lazily, times as numbers, fill values missing, packed numbers unpacked.

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
        reason = " ".join(str(error).split())[:200]
        raise GridError(
            f"cannot be read as a {kind} ({type(error).__name__}: {reason}); it may be cut short: fetch it again"
        ) from error


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
