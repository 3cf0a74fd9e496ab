"""All files of one run, from the layers of its targets and the history of its banks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyproj import CRS

from erosion.core.contracts import CONTRACT_VERSION, LEVELS, SIMULATED_NOTICE
from erosion.core.files import sha256_of
from erosion.publish import columns as words
from erosion.publish.bands import retreat_band
from erosion.publish.errors import ExportError, writing
from erosion.publish.formats.geojson import write_geojson
from erosion.publish.formats.geopackage import VectorLayer, write_geopackage
from erosion.publish.formats.geoparquet import write_geoparquet, write_history
from erosion.publish.formats.styles import band_qml, band_sld, segment_qml, segment_sld
from erosion.publish.formats.tables import attribute_table, text_cells
from erosion.publish.projection import Projection, choose
from erosion.publish.sheets import write_sheets
from erosion.publish.stretches import prepare_stretches, stretch_vectors

LON_LAT: Final = "EPSG:4326"
MULTILINE: Final = shapely.GeometryType.MULTILINESTRING
QUANTILES: Final = {f"p{level}": f"retreat_p{level}_m" for level in (90, 70, 50, 30)}
"""Strips of the band layers, the wider first so that the narrower is drawn on top."""


class RegionLike(Protocol):
    """What the writers need to know of a region; :class:`erosion.config.region.Region` has it all."""

    @property
    def name(self) -> str:
        """Machine name."""

    @property
    def title(self) -> Mapping[str, str]:
        """Title by language, ``vi`` and ``en``."""

    @property
    def export_crs(self) -> str:
        """Reference system of the GIS files, e.g. ``EPSG:9208``."""

    @property
    def simulated(self) -> bool:
        """Whether the observations are simulated."""


class _Target(NamedTuple):
    """One target, checked, typed and projected."""

    name: str
    attributes: pa.Table
    lines: np.ndarray  # in the export CRS
    lines_lon_lat: np.ndarray
    middle_lon_lat: np.ndarray  # (n, 2) [degree]
    bands: gpd.GeoDataFrame  # in the export CRS


def write_all(
    directory: Path | str,
    layers: Mapping[str, gpd.GeoDataFrame],
    history: pd.DataFrame,
    region: RegionLike,
    meta: Mapping[str, Any] | None = None,
    stretches: Mapping[str, gpd.GeoDataFrame] | None = None,
) -> dict[str, str]:
    """Return the published files of a run, all written here.

    The same input gives the same bytes. Nothing is written before every layer has been checked.

    Parameters
    ----------
    directory
        Where the files go; it exists.
    layers
        Target name -> segment layer with :data:`erosion.core.contracts.LAYER_COLUMNS` and bank lines in metres.
    history
        Bank positions with :data:`erosion.core.contracts.HISTORY_COLUMNS`.
    region
        Title, export CRS and whether the run is simulated.
    meta
        What else to say of the run in the metadata of every file (attribution, licence, model card, ...): texts or
        JSON values. No wall-clock times belong here, or files of equal content will differ.
    stretches
        Target name -> its stretches with :data:`erosion.core.contracts.STRETCH_COLUMNS` and bank lines in the CRS of the
        segments; none are written without.

    Returns
    -------
    dict
        File name -> SHA-256 of its bytes, for ``segments.gpkg``, ``segments_<target>.parquet``, ``.geojson``,
        ``_vi.csv`` and ``_en.csv``, ``stretches_<target>.parquet``, ``_vi.csv`` and ``_en.csv``, and ``history.parquet``. Every file is synced to the disk.

    Raises
    ------
    ExportError
        When a layer breaks the contract or a file cannot be written; the message names it and the reason.
    """
    directory = Path(directory)
    if not layers:
        raise ExportError("no layer to publish; a region needs at least one target")
    tables = {name: attribute_table(layer, words.LAYER, f"layer {name}") for name, layer in layers.items()}
    history_table = attribute_table(history, words.HISTORY, "history")
    for name, layer in layers.items():
        _check(name, tables[name], layer, region)
    as_of = _one_date(tables)
    crs = _one_crs(layers)
    projection, lon_lat = (choose(crs, wanted, _bounds(layers)) for wanted in (region.export_crs, LON_LAT))
    targets = [_prepare(name, tables[name], layer, projection, lon_lat) for name, layer in layers.items()]
    grouped = [prepare_stretches(name, table, projection, lon_lat) for name, table in (stretches or {}).items()]
    about = _about(region, as_of, targets, projection, lon_lat, crs, meta or {})

    members = ({"notice": SIMULATED_NOTICE} if region.simulated else {}) | {"about": about}
    stamp = f"{as_of or '1970-01-01'}T00:00:00.000Z"
    sealed: dict[str, Future[str]] = {}
    with ThreadPoolExecutor(1) as pool:  # syncing and hashing a file overlaps with making the next one

        def seal(name: str) -> None:
            sealed[name] = pool.submit(_seal, directory / name)

        name = "segments.gpkg"
        vectors = [*_vector_layers(targets, region), *(stretch_vectors(one, region) for one in grouped)]
        write_geopackage(directory / name, vectors, _crs_text(projection.crs), about, stamp)
        seal(name)
        name = "history.parquet"
        write_history(directory / name, history_table, about)
        seal(name)
        for target in targets:
            stem = f"segments_{target.name}"
            cells = text_cells(target.attributes, words.SHOWN)
            name = f"{stem}.parquet"
            write_geoparquet(directory / name, target.attributes, target.lines, projection.crs, about)
            seal(name)
            name = f"{stem}.geojson"
            write_geojson(directory / name, cells, words.SHOWN, target.lines_lon_lat, members)
            seal(name)
            write_sheets(directory, stem, cells, words.SHOWN, target.middle_lon_lat, region.simulated, seal)
        for one in grouped:
            name = f"stretches_{one.name}.parquet"
            write_geoparquet(directory / name, one.attributes, one.lines, projection.crs, about)
            seal(name)
            cells = text_cells(one.attributes, words.STRETCH)
            stem = f"stretches_{one.name}"
            write_sheets(directory, stem, cells, words.STRETCH, one.middle_lon_lat, region.simulated, seal)
    return {name: digest.result() for name, digest in sealed.items()}


def _check(name: str, table: pa.Table, layer: gpd.GeoDataFrame, region: RegionLike) -> None:
    """Refuse a layer that would mislead: rows without bank line, level or date, or real and simulated mixed up."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ExportError(f"target {name!r}: a target's name becomes a file name; use letters, digits, _ and -")
    for column in ("segment_id", "level", "as_of", "simulated"):
        if table[column].null_count:
            raise ExportError(f"layer {name}: column {column} has empty cells; every published segment needs a value")
    ids = table["segment_id"].to_pandas()
    if ids.duplicated().any():
        raise ExportError(f"layer {name}: segment {ids[ids.duplicated()].iloc[0]} occurs twice; ids are unique")
    lines = layer.geometry.to_numpy()
    bare = shapely.is_missing(lines) | shapely.is_empty(lines)
    if bare.any():
        raise ExportError(
            f"layer {name}: segment {ids[int(bare.argmax())]} has no bank line; drop it before publishing"
        )
    unknown = set(table["level"].unique().to_pylist()) - set(LEVELS)
    if unknown:
        raise ExportError(f"layer {name}: level {min(unknown)} is none of {LEVELS}")
    if (not region.simulated) in table["simulated"].unique().to_pylist():
        raise ExportError(
            f"layer {name}: column simulated contradicts region {region.name} (simulated: {region.simulated}); "
            "a simulated product must say so and a real one must not"
        )


def _one_date(tables: Mapping[str, pa.Table]) -> str | None:
    """Return the as-of date that all rows share, ``None`` where there is no row."""
    dates = {str(date) for table in tables.values() for date in table["as_of"].unique().to_pylist()}
    if len(dates) > 1:
        raise ExportError(f"layers carry several as-of dates ({', '.join(sorted(dates))}); a run has one")
    return dates.pop() if dates else None


def _one_crs(layers: Mapping[str, gpd.GeoDataFrame]) -> CRS:
    systems = {name: layer.crs for name, layer in layers.items()}
    first = next(iter(systems.values()))
    for name, crs in systems.items():
        if crs is None or not crs.is_projected:
            raise ExportError(f"layer {name}: coordinates must be metres in the region's projected CRS, not {crs}")
        if crs != first:
            raise ExportError(
                f"layer {name}: its CRS {crs.to_string()} differs from {first.to_string()}; a run has one"
            )
    return CRS(first)


def _bounds(layers: Mapping[str, gpd.GeoDataFrame]) -> tuple[float, float, float, float]:
    full = [layer.total_bounds for layer in layers.values() if len(layer)]
    if not full:
        return (np.nan,) * 4
    edges = np.array(full)
    return (*edges[:, :2].min(axis=0).tolist(), *edges[:, 2:].max(axis=0).tolist())


def _prepare(
    name: str, attributes: pa.Table, layer: gpd.GeoDataFrame, projection: Projection, lon_lat: Projection
) -> _Target:
    lines = layer.geometry.to_numpy()
    strips = []
    for quantile, column in QUANTILES.items():
        strip = retreat_band(layer, column)
        strips.append(strip.assign(quantile=quantile))
    bands = pd.concat(strips, ignore_index=True)
    shared = layer.set_index("segment_id")[["p_event", "horizon_days", "as_of", "simulated"]]
    bands = bands.join(shared, on="segment_id")
    polygons = projection.apply(bands.geometry.to_numpy())
    # A thin strip may fold when its corners move by different amounts.
    folded = ~shapely.is_valid(polygons)
    polygons[folded] = [_polygonal(shapely.make_valid(polygon)) for polygon in polygons[folded]]
    bands = bands.set_geometry(polygons, crs=projection.crs)[[column.name for column in words.BAND] + ["geometry"]]
    projected = projection.apply(lines)
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    return _Target(
        name,
        attributes,
        projected,
        projected if projection.crs == lon_lat.crs else lon_lat.apply(lines),
        shapely.get_coordinates(lon_lat.apply(middle)),
        bands[~shapely.is_empty(polygons)],
    )


def _polygonal(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.multipolygons([part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2])


def _about(
    region: RegionLike,
    as_of: str | None,
    targets: list[_Target],
    projection: Projection,
    lon_lat: Projection,
    crs: CRS,
    meta: Mapping[str, Any],
) -> dict[str, str]:
    """Return what the run is, for the metadata of every file; texts only."""
    about = {"notice": SIMULATED_NOTICE} if region.simulated else {}
    about |= {
        "simulated": "true" if region.simulated else "false",
        "region": region.name,
        "title_vi": region.title.get("vi", region.name),
        "title_en": region.title.get("en", region.name),
        "as_of": as_of or "",
        "targets": ", ".join(target.name for target in targets),
        "level_vi": f"{words.LEVEL_TITLE}: " + "; ".join(words.level_label(level) for level in words.LEVEL_WORDS["vi"]),
        "level_en": "Level (model): " + "; ".join(words.level_label(level, "en") for level in words.LEVEL_WORDS["en"]),
        "beware_vi": "Mức của mô hình, không phải phân loại sạt lở theo luật và không phải cấp độ rủi ro thiên tai.",
        "beware_en": "The model's own level; neither the legal erosion class nor the disaster-risk level.",
        "contract_version": CONTRACT_VERSION,
        "computed_in": f"{crs.to_string()} {crs.name}",
        "export_crs": f"{projection.crs.to_string()} {projection.crs.name}",
        "datum_operation": _operation(projection),
        "datum_operation_lon_lat": _operation(lon_lat),
    }
    taken = sorted(set(about) & set(meta))
    if taken:
        raise ExportError(f"meta: {', '.join(taken)} is written by the export itself; choose another key")
    return about | {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for key, value in meta.items()
    }


def _operation(projection: Projection) -> str:
    accuracy = "accuracy not stated" if projection.accuracy_m is None else f"accuracy {projection.accuracy_m:g} m"
    return f"{projection.operation} ({accuracy})"


def _vector_layers(targets: list[_Target], region: RegionLike) -> list[VectorLayer]:
    notice = f"{SIMULATED_NOTICE}: " if region.simulated else ""
    place = region.title.get("vi", region.name)
    segments = [
        VectorLayer(
            f"segments_{target.name}",
            f"{notice}{words.LEVEL_TITLE} {target.name}",
            f"{notice}{place}: {words.LEVEL_TITLE}, {target.name}",
            target.attributes.select([column.name for column in words.SHOWN]),
            target.lines,
            "MultiLineString" if (shapely.get_type_id(target.lines) == MULTILINE).any() else "LineString",
            words.SHOWN,
            words.LEVEL_TITLE,
            segment_qml(words.SHOWN, region.simulated),
            segment_sld(f"segments_{target.name}", region.simulated),
        )
        for target in targets
    ]
    bands = [
        VectorLayer(
            f"band_{target.name}",
            f"{notice}Dải đất có thể mất {target.name}",
            f"{notice}{place}: dải đất có thể mất, p30, p50, p70 và p90, {target.name}",
            attribute_table(target.bands, words.BAND, f"band {target.name}"),
            target.bands.geometry.to_numpy(),
            "MultiPolygon",
            words.BAND,
            words.LEVEL_TITLE,
            band_qml(words.BAND, region.simulated),
            band_sld(f"band_{target.name}", region.simulated),
        )
        for target in targets
    ]
    return segments + bands


def _crs_text(crs: CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.to_wkt()


def _seal(path: Path) -> str:
    """Return the SHA-256 of the bytes of a finished file, brought to the disk here."""
    with writing(path), path.open("rb+") as file:
        os.fsync(file.fileno())
        return sha256_of(path)
