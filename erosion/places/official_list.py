"""The official list of banks in danger: read from a table or a GIS file, and matched to the bank segments of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from erosion.config.official import ListFields, OfficialScheme
from erosion.core.errors import Skipped, SourceError
from erosion.core.text import clean

LINE_M: Final = 150.0
"""Bank whose middle lies within this distance of an official line belongs to it [m]: lists are drawn on older maps."""

END_M: Final = 300.0
"""An end farther from every bank than this is not on one [m]."""

BEYOND_M: Final = 0.01
"""Two distances that differ by less are the same [m]."""

LEAST_SHARE: Final = 0.3
"""Least part of an official line that must lie along a bank for it to be matched."""

BANKS: Final = {
    "l": "L", "left": "L", "trái": "L", "bờ trái": "L", "tả": "L",
    "r": "R", "right": "R", "phải": "R", "bờ phải": "R", "hữu": "R",
    "i": "I", "island": "I", "cù lao": "I", "cồn": "I",
}  # fmt: skip
"""How a list writes a bank, in lower case, to ours."""

TABLES: Final = (".csv", ".xlsx")
MAPS: Final = (".gpkg", ".shp", ".geojson", ".json", ".fgb")


class OfficialPiece(NamedTuple):
    """A piece of bank as the list gives it."""

    row: int
    """Its row in the file, from 1."""
    official_id: str
    title: str
    class_code: str
    commune: str
    reach: str | None
    bank: str | None
    from_m: float
    """Chainage [m], NaN where the list gives none; as ``to_m``."""
    to_m: float
    line: BaseGeometry | None
    """Line, or two points, in the CRS of the segments."""


class Matched(NamedTuple):
    """An official piece on the banks of a run."""

    piece: OfficialPiece
    reach: str
    bank: str
    from_m: float
    to_m: float


def read_official_list(path: Path, scheme: OfficialScheme, crs: str) -> tuple[list[OfficialPiece], list[Skipped]]:
    """Return the pieces of a list, and what was left out of it with the reason.

    Parameters
    ----------
    path
        CSV (comma, semicolon or tab; UTF-8), XLSX (first sheet), or GeoPackage, Shapefile, GeoJSON, FlatGeobuf.
    scheme
        Classes, and the columns of the list.
    crs
        CRS of the segments it will be matched to.

    Raises
    ------
    SourceError
        The file cannot be read, or lacks a column that the scheme names.
    """
    table = _read(path)
    fields = {name: column for name, column in vars(scheme.fields).items() if column is not None}
    missing = sorted(set(fields.values()) - set(table.columns))
    if missing:
        there = ", ".join(str(name) for name in table.columns[:20] if name != "geometry")
        raise SourceError(f"{path}: has no column {', '.join(missing)}; it has {there}. Mend `fields` of the scheme")
    shapes = table.geometry.to_crs(crs).to_numpy() if isinstance(table, gpd.GeoDataFrame) else _ends(table, scheme, crs)
    pieces, skipped = [], []
    codes = {one.code for one in scheme.classes}
    seen: set[str] = set()
    for number, (values, shape) in enumerate(
        zip(table.drop(columns="geometry", errors="ignore").to_dict("records"), shapes, strict=True), 1
    ):
        one = {name: clean(values[column]) for name, column in fields.items()}
        name = one["official_id"] or f"row {number}"
        reason = None
        if one["official_id"] is None:
            reason = "has no number"
        elif name in seen:
            reason = "has a number that occurs before; each piece needs its own"
        elif one["class_code"] not in codes:
            reason = f"has class {one['class_code']!r}; the scheme has {', '.join(sorted(codes))}"
        if reason is not None:
            skipped.append(Skipped(f"{path.name}: {name}", reason))
            continue
        seen.add(name)
        bank = BANKS.get((one.get("bank") or "").lower())
        from_m, to_m = sorted(_number(values, fields.get(end)) * 1_000.0 for end in ("from_km", "to_km"))
        pieces.append(
            OfficialPiece(
                number, name, one["title"] or name, str(one["class_code"]), one.get("commune") or "", one.get("reach"), bank, from_m, to_m, shape,
            )
        )  # fmt: skip
    return pieces, skipped


def match_official(pieces: Sequence[OfficialPiece], segments: gpd.GeoDataFrame) -> tuple[list[Matched], list[Skipped]]:
    """Return the pieces on the banks of a run, and those that lie on none with the reason.

    Parameters
    ----------
    pieces
        From :func:`read_official_list`.
    segments
        Published segments in metres: ``reach``, ``bank``, ``chainage_m``, ``length_m`` and bank lines.

    Notes
    -----
    A line belongs to the bank that has most of its length within :data:`LINE_M`, if that is :data:`LEAST_SHARE` of it or more. Two ends
    belong to the bank that is nearest to both. A bank, and a reach, that the list names is kept to. Without a place on the map
    the chainage and bank of the list are taken as they are, where the run has such a bank there.
    """
    middle = shapely.line_interpolate_point(segments.geometry.to_numpy(), 0.5, normalized=True)
    found, left = [], []
    for piece in pieces:
        own = np.ones(len(segments), dtype=bool)
        if piece.bank is not None:
            own &= (segments["bank"] == piece.bank).to_numpy()
        if piece.reach is not None:
            own &= (segments["reach"] == piece.reach).to_numpy()
        if not own.any():
            result: Matched | str = (
                f"the run has no bank {piece.bank or ''} of reach {piece.reach or 'any'}; mend the names"
            )
        elif piece.line is None or piece.line.is_empty:
            result = _by_chainage(piece, segments[own])
        elif piece.line.geom_type == "MultiPoint":
            result = _by_ends(piece, segments[own], middle[own])
        else:
            result = _by_line(piece, segments[own], middle[own])
        if isinstance(result, str):
            left.append(Skipped(f"{piece.official_id} {piece.title}", result))
        else:
            found.append(result)
    return found, left


def _by_line(piece: OfficialPiece, segments: gpd.GeoDataFrame, middle: np.ndarray) -> Matched | str:
    away = shapely.distance(middle, piece.line)
    # Beyond an end of the line the end is what is nearest.
    beyond = shapely.distance(middle, shapely.boundary(piece.line)) <= away + BEYOND_M
    near = segments[(away <= LINE_M) & ~beyond]
    if near.empty:
        return f"lies farther than {LINE_M:g} m from every bank of the run; check its coordinates"
    along = near.groupby(["reach", "bank"])["length_m"].sum()
    reach, bank = along.idxmax()
    length = shapely.length(piece.line)
    if length > 0 and along.max() < LEAST_SHARE * length:
        return f"only {along.max():.0f} m of its {length:.0f} m lie along one bank; check its coordinates"
    return _span(piece, near[(near["reach"] == reach) & (near["bank"] == bank)])


def _by_ends(piece: OfficialPiece, segments: gpd.GeoDataFrame, middle: np.ndarray) -> Matched | str:
    best: tuple[float, pd.DataFrame] | None = None
    ends = shapely.get_parts(piece.line)
    for _, bank in segments.assign(row=np.arange(len(segments))).groupby(["reach", "bank"]):
        rows = bank["row"].to_numpy()
        away = [shapely.distance(middle[rows], end) for end in ends]
        worst = max(float(one.min()) for one in away)
        if worst <= END_M and (best is None or sum(float(one.min()) for one in away) < best[0]):
            at = [float(bank["chainage_m"].iloc[int(one.argmin())]) for one in away]
            best = sum(float(one.min()) for one in away), bank[bank["chainage_m"].between(min(at), max(at))]
    if best is None:
        return f"no bank of the run lies within {END_M:g} m of both ends; check their coordinates and the CRS of the scheme"
    return _span(piece, best[1])


def _by_chainage(piece: OfficialPiece, segments: gpd.GeoDataFrame) -> Matched | str:
    if piece.bank is None or not np.isfinite([piece.from_m, piece.to_m]).all():
        return "has neither coordinates nor bank with chainage; give one of them"
    reaches = segments["reach"].unique()
    if len(reaches) > 1:
        return f"does not say on which reach it lies ({', '.join(reaches)}); name a column of reaches in the scheme"
    inside = segments[segments["chainage_m"].between(piece.from_m, piece.to_m)]
    if inside.empty:
        return f"the run has no bank {piece.bank} between km {piece.from_m / 1e3:g} and {piece.to_m / 1e3:g}"
    return Matched(piece, str(reaches[0]), piece.bank, piece.from_m, piece.to_m)


def _span(piece: OfficialPiece, segments: pd.DataFrame) -> Matched:
    at, half = segments["chainage_m"].to_numpy(float), 0.5 * segments["length_m"].to_numpy(float)
    return Matched(
        piece,
        str(segments["reach"].iloc[0]),
        str(segments["bank"].iloc[0]),
        float((at - half).min()),
        float((at + half).max()),
    )


def _read(path: Path) -> pd.DataFrame:
    ending = path.suffix.lower()
    try:
        if ending == ".csv":
            return pd.read_csv(path, sep=None, engine="python", dtype=str, encoding="utf-8-sig", keep_default_na=False)
        if ending == ".xlsx":
            return pd.read_excel(path, dtype=str, keep_default_na=False)
        if ending in MAPS:
            table = gpd.read_file(path)
            if table.crs is None:
                raise SourceError(f"{path}: has no CRS; give it one, or the coordinates in a table")
            return table
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(f"{path}: {error}") from error
    raise SourceError(f"{path}: is no {', '.join((*TABLES, *MAPS))}; save it as one of these")


def _ends(table: pd.DataFrame, scheme: OfficialScheme, crs: str) -> list[BaseGeometry | None]:
    """Return the two ends of each row as points in a CRS; None where the list gives none."""
    fields: ListFields = scheme.fields
    if fields.start_x is None:
        return [None] * len(table)
    rows = table.to_dict("records")
    xy = np.array(
        [
            [_number(row, column) for column in (fields.start_x, fields.start_y, fields.end_x, fields.end_y)]
            for row in rows
        ]
    ).reshape(-1, 2, 2)
    known = np.isfinite(xy).all(axis=(1, 2))
    shapes = gpd.GeoSeries(
        [shapely.MultiPoint(ends) if ok else None for ends, ok in zip(xy, known, strict=True)], crs=scheme.crs
    )
    return list(shapes.to_crs(crs))


def _number(row: dict[Any, Any], column: str | None) -> float:
    """Return a number of a cell, with a decimal comma or point; NaN where there is none."""
    text = "" if column is None else str(row[column]).strip().replace(" ", "")
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return np.nan
