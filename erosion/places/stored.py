"""Reference layers near the banks as one GeoPackage, for the map and for counting what stands in a zone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pyogrio
import shapely

from erosion.core.errors import SourceError
from erosion.places.reading import Places

LAYERS: Final = ("communes", "names", "roads", "buildings", "schools", "population")

COVERED: Final = "covered"
"""Layer of the areas in which each layer is complete."""

FORMER_BETWEEN: Final = "; "
"""Stands between the former names of a commune, in which commas may occur."""


def near_banks(places: Places, banks: gpd.GeoSeries, within_m: float) -> Places:
    """Return the reference layers without buildings, schools and people farther from every bank line than a distance [m].

    Layers are complete only as far as that, too.
    """
    lines = banks.to_crs(places.crs).to_numpy()
    strip = shapely.union_all(shapely.buffer(lines, within_m))
    changes: dict[str, Any] = {}
    for kind in ("buildings", "schools", "population"):
        layer: gpd.GeoDataFrame | None = getattr(places, kind)
        if layer is not None:
            changes[kind] = layer[shapely.intersects(strip, layer.geometry.to_numpy())].reset_index(drop=True)
    covered = {
        kind: shapely.intersection(area, strip) if kind in changes else area for kind, area in places.covered.items()
    }
    return places._replace(**changes, covered=covered)


def write_places(path: Path, places: Places) -> None:
    """Write reference layers to a new GeoPackage; it appears whole or not at all.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        for kind in LAYERS:
            layer: gpd.GeoDataFrame | None = getattr(places, kind)
            if layer is not None:
                _write(temporary, kind, layer)
        if places.covered:
            areas = gpd.GeoDataFrame(
                {"layer": list(places.covered)}, geometry=list(places.covered.values()), crs=places.crs
            )
            _write(temporary, COVERED, areas)
        if not temporary.exists():  # nothing was read
            _write(temporary, COVERED, gpd.GeoDataFrame({"layer": []}, geometry=[], crs=places.crs))
        temporary.replace(path)
    except pyogrio.errors.DataSourceError as error:
        raise OSError(f"{path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_stored(path: Path) -> Places:
    """Return the reference layers of a file of :func:`write_places`.

    Raises
    ------
    SourceError
        The file is missing or damaged.
    """
    try:
        there = {str(name) for name, _ in pyogrio.list_layers(path)}
        layers = {kind: gpd.read_file(path, layer=kind) if kind in there else None for kind in LAYERS}
        areas = gpd.read_file(path, layer=COVERED) if COVERED in there else None
    except (OSError, ValueError, pyogrio.errors.DataSourceError) as error:
        raise SourceError(f"{path}: {error}; run the region again to make it anew") from error
    crs = next(str(layer.crs) for layer in (areas, *layers.values()) if layer is not None)
    communes = layers["communes"]
    if communes is not None:
        communes["former"] = [tuple(text.split(FORMER_BETWEEN)) if text else () for text in communes["former"]]
    covered = {} if areas is None else dict(zip(areas["layer"], areas.geometry, strict=True))
    return Places(crs=crs, **layers, covered=covered, skipped=())


def _write(path: Path, kind: str, layer: gpd.GeoDataFrame) -> None:
    if kind == "communes":
        layer = layer.assign(former=[FORMER_BETWEEN.join(names) for names in layer["former"]])
    layer.to_file(path, layer=kind, driver="GPKG", engine="pyogrio", mode="a" if path.exists() else "w")
