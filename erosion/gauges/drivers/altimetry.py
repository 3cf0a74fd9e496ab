"""Driver ``altimetry``: water levels that satellites have measured where their tracks cross a river.

Two shapes are known, distinguished by their content: the text files of Hydroweb (``hydroprd_R_*.txt``, lines of ``#KEY:: value``
and below them date, time, height and uncertainty) and the GeoJSON files of the Copernicus land service (``c_gls_WL_*.json``).
Times are UTC, heights are metres above the geoid that the file names, not above the zero of a staff gauge beside it.
Both shapes were learnt from programs of others that read them; this driver was never tried on a file fresh from a service.

A value stays ``good`` whatever its uncertainty: at a bend or beside a bank the error that a satellite states of itself means
little. A height is some decimetres wrong, and there is one in ten or twenty-seven days.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from erosion.config.gauges import FileGauge, check_datum
from erosion.config.problems import Problems
from erosion.core.errors import SourceError
from erosion.core.geodesy import great_circle_km
from erosion.gauges.formats.cells import NO_TIME, instants, numbers
from erosion.gauges.formats.compact import WORDS, Compact, as_reading
from erosion.gauges.formats.reading import Asked, Reading
from erosion.gauges.formats.rows import Notes

FILL: Final = 9999.999
"""Stands for a height that is missing."""

FAR_KM: Final = 5.0
"""A file whose place is further from the entry's is listed."""

_MOST_BYTES: Final = 64_000_000  # thirty years of one crossing are some hundred kilobytes
_MISSING: Final = ("NA", "NaN", "9999.999", "-9999", "-9999.0")
_HEIGHT: Final = "water_surface_height_above_reference_datum"


@dataclass(frozen=True, kw_only=True)
class Altimetry(FileGauge):
    """Water level of a river from satellite altimetry, a text file of Hydroweb or a GeoJSON of the Copernicus land service."""

    @property
    def brought(self) -> str:
        """The file of the service."""
        return "the file of the crossing"

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_datum(self, problems)


ENTRY: Final = Altimetry


def read(source: Altimetry, asked: Asked) -> Reading:
    """Return the heights of one file of altimetry.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted; a file gives all it has.

    Returns
    -------
    Reading
        Stage in m above the file's geoid. Of two heights of one minute the last stands and is ``suspect``. ``skipped``
        lists which geoid the file names, and where it lies far from the entry's place.

    Raises
    ------
    SourceError
        Where the file is of neither shape, or holds nothing that can be read.
    """
    notes = Notes(source.path.name)
    text = _text(source)
    if text.lstrip().startswith("{"):
        lines, times, heights, geoid, place, missing = _land_service(text, source)
        time, _ = instants(times, "Etc/UTC", "%Y/%m/%d %H:%M")
    else:
        lines, times, heights, geoid, place, missing = _hydroweb(text, source, notes)
        time, _ = instants(times, "Etc/UTC")
    line = np.array(lines, dtype=np.int64)
    value, _, bad = numbers(heights, missing)
    lost = time == NO_TIME
    if (lost | bad).all():
        raise SourceError(
            f"{source.path}: none of its {line.size} lines has a time and a height that can be read, e.g. "
            f"{times[0]!r}, {str(heights[0])[:40]!r}; fetch it again"
        )
    if lost.any():
        notes.add("has no readable time, left out", line[lost], [times[i] for i in np.flatnonzero(lost)[:3]])
    bad &= ~lost
    if bad.any():
        samples = [str(heights[i]) for i in np.flatnonzero(bad)[:3]]
        notes.add("height is no number, taken as missing", line[bad], samples)
    value[np.abs(value - FILL) < 0.01] = np.nan
    notes.add(
        f"heights are above {geoid or 'a geoid that it does not name'}; the entry says {source.datum!r}", usual=True
    )
    _check_place(place, source, notes)
    compact = Compact("stage", notes)
    compact.add(time[~lost], value[~lost], np.full((~lost).sum(), WORDS.index("good"), dtype=np.int8), line[~lost])
    return Reading(as_reading("stage", compact.values()), tuple(notes.skipped))


def _text(source: Altimetry) -> str:
    try:
        with source.path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise SourceError(
            f"{source.path} is not there: bring the file of the crossing to that place, or take {source.name} out of the "
            "region's gauges"
        ) from None
    except OSError as err:
        raise SourceError(f"{source.path}: cannot be read ({err}); check 'path' in {source.described_in}") from None
    if len(data) > _MOST_BYTES:
        raise SourceError(f"{source.path}: has more than {_MOST_BYTES // 10**6} MB and is no series of one crossing")
    if not data.strip():
        raise SourceError(f"{source.path}: is empty; fetch it again or take {source.name} out of the region")
    return data.decode("utf-8-sig", "replace")


_Content = tuple[list[int], list[str], list[Any], str, tuple[float, float] | None, Sequence[str]]


def _hydroweb(text: str, source: Altimetry, notes: Notes) -> _Content:
    header: dict[str, str] = {}
    lines: list[int] = []
    times, heights, short = [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            key, mark, value = line.lstrip("# ").partition("::")
            if mark:
                header[key.strip().upper()] = value.strip()
            continue
        parts = line.split()
        if not parts:
            continue
        if len(parts) < 3:
            short.append(number)
            continue
        lines.append(number)
        times.append(f"{parts[0]} {parts[1]}")
        heights.append(parts[2])
    if not header or not lines:
        what = (
            "has a head and no heights" if header else "is neither a text of Hydroweb nor a GeoJSON of the land service"
        )
        raise SourceError(f"{source.path}: {what}; fetch it again, or describe it with the driver gauge_files")
    if short:
        notes.add("too few columns, left out", short)
    place = _place(header.get("REFERENCE LONGITUDE"), header.get("REFERENCE LATITUDE"))
    return lines, times, heights, header.get("GEOID MODEL", ""), place, _MISSING


def _land_service(text: str, source: Altimetry) -> _Content:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{source.path}: is no JSON ({err}); it may have been cut short: fetch it again") from None
    measured = document.get("data")
    about = document.get("properties")
    if not isinstance(measured, list) or not isinstance(about, dict):
        raise SourceError(f"{source.path}: is no water level of the Copernicus land service: it has no list 'data'")
    rows = [(i, one) for i, one in enumerate(measured, 1) if isinstance(one, dict)]
    if not rows:
        raise SourceError(f"{source.path}: holds no height; fetch it again or take {source.name} out of the region")
    times = [str(one.get("datetime", "")) for _, one in rows]
    heights = ["" if one.get(_HEIGHT) is None else str(one[_HEIGHT]) for _, one in rows]
    geometry = document.get("geometry")
    point = geometry.get("coordinates") if isinstance(geometry, dict) else None
    place = _place(*point[:2]) if isinstance(point, list) and len(point) >= 2 else None
    fill = about.get("missing_value")
    missing = (*_MISSING, str(fill)) if fill is not None else _MISSING
    geoid = str(about.get("water_surface_reference_name") or "")
    return [i for i, _ in rows], times, heights, geoid, place, missing


def _place(lon: Any, lat: Any) -> tuple[float, float] | None:
    try:
        place = float(lon), float(lat)
    except (TypeError, ValueError):
        return None
    return place if abs(place[0]) <= 360 and abs(place[1]) <= 90 else None


def _check_place(place: tuple[float, float] | None, source: Altimetry, notes: Notes) -> None:
    if place is None:
        notes.add("names no place, which cannot be held against the entry's location; check that it is the file")
        return
    km = float(great_circle_km(source.location, *place))
    if km > FAR_KM:
        notes.add(
            f"is of {place[0]:.3f} E, {place[1]:.3f} N, {km:.0f} km from the entry's location; check that it is the file"
        )
