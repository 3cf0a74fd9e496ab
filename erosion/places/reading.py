"""All reference layers of a region, along its river, in its CRS; what could not be read is listed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from erosion.config.places import Communes, Names, Population, Roads, Schools, VectorEntry
from erosion.config.region import Region
from erosion.core.errors import Skipped, SourceError
from erosion.core.text import clean
from erosion.places import extent
from erosion.places.population import read_population
from erosion.places.text import names_in
from erosion.places.vector import AREAS, LINES, POINTS, read_layer

NAMES_WITHIN_M: Final = 5000.0
"""A place or road farther from the river's corridor than this gives no bank its name [m]."""

BESIDE_M: Final = 1000.0
"""Land beyond the corridor that is read of the other layers [m]: banks lie inside it, strips of land a little beyond."""

_MARGIN_M: Final = {"names": NAMES_WITHIN_M, "roads": NAMES_WITHIN_M}
_DIMENSIONS: Final[dict[str, tuple[int, ...]]] = {
    "communes": (AREAS,),
    "names": (POINTS, LINES, AREAS),
    "roads": (LINES,),
    "buildings": (POINTS, AREAS),
    "schools": (POINTS, AREAS),
}


class Places(NamedTuple):
    """Reference layers along a river, in the region's CRS. A layer is None where it was not given or could not be read."""

    crs: str
    """CRS of all layers [m]."""
    communes: gpd.GeoDataFrame | None
    """``code``, ``name``, ``former`` (tuple of names, empty where not known); areas."""
    names: gpd.GeoDataFrame | None
    """``name``, ``kind`` (None where not known), ``settlement`` (boolean); points, lines or areas."""
    roads: gpd.GeoDataFrame | None
    """``name``, ``kind`` (None where not known); lines."""
    buildings: gpd.GeoDataFrame | None
    """Points or areas."""
    schools: gpd.GeoDataFrame | None
    """``name`` (None where not known); points or areas."""
    population: gpd.GeoDataFrame | None
    """``people`` of each pixel whose number is known; its outline."""
    covered: Mapping[str, BaseGeometry]
    """Where along the river each vector layer that was read is complete, by its name."""
    skipped: tuple[Skipped, ...]
    """Layers that could not be read, as ``places.<layer>``, and features that were left out, each with the reason."""


def read_places(region: Region) -> Places:
    """Return the reference layers of a region.

    Read is what touches the corridor of its reaches and a margin: :data:`NAMES_WITHIN_M` for names and roads,
    :data:`BESIDE_M` for the others. Free text comes in NFC, without control characters, of bounded length.

    Returns
    -------
    Places
        All None where the region has no ``places``.
    """
    entries = {} if region.places is None else region.places.given
    layers: dict[str, gpd.GeoDataFrame] = {}
    covered: dict[str, BaseGeometry] = {}
    skipped: list[Skipped] = []
    river: BaseGeometry | None = None
    for kind, entry in entries.items():
        scene = f"places.{kind}"
        if not entry.path.exists():
            how = "not there, optional: bring it to" if entry.optional else "not there: bring it to"
            source = f", from {entry.url}" if entry.url else ""
            skipped.append(Skipped(scene, f"{how} {entry.path}{source}", usual=entry.optional))
            continue
        try:
            if river is None:
                river = extent.corridor(region)
            strip = river.buffer(_MARGIN_M.get(kind, BESIDE_M))
            if isinstance(entry, Population):
                layers[kind], left_out = read_population(entry, strip, region.crs)
            else:
                assert isinstance(entry, VectorEntry)
                layers[kind], covered[kind], left_out = _read_vector(kind, entry, strip, region.crs)
        except SourceError as err:
            skipped.append(Skipped(scene, f"{entry.path.name}: {err}"))
            continue
        skipped += [Skipped(scene, f"{entry.path.name}: {reason}") for reason in left_out]
        if layers[kind].empty:
            skipped.append(Skipped(scene, f"{entry.path.name}: has nothing along the river", usual=True))
    return Places(
        region.crs,
        **{kind: layers.get(kind) for kind in ("communes", "names", "roads", "buildings", "schools", "population")},
        covered=covered,
        skipped=tuple(skipped),
    )


def places_digest(places: Places) -> str:
    """Return a SHA-256, hexadecimal, of everything that was read of reference layers; where files lie is not part of it."""
    digest = hashlib.sha256(places.crs.encode())
    for kind in ("communes", "names", "roads", "buildings", "schools", "population"):
        layer: gpd.GeoDataFrame | None = getattr(places, kind)
        digest.update(f"\n{kind} {'none' if layer is None else len(layer)}".encode())
        if layer is not None:
            digest.update(repr(layer.drop(columns="geometry").astype(object).to_numpy().tolist()).encode())
            for shape in shapely.to_wkb(layer.geometry.to_numpy()):
                digest.update(shape)
        if kind in places.covered:
            digest.update(shapely.to_wkb(places.covered[kind]))
    return digest.hexdigest()


def _read_vector(
    kind: str, entry: VectorEntry, strip: BaseGeometry, crs: str
) -> tuple[gpd.GeoDataFrame, BaseGeometry, list[str]]:
    """Return a layer with its texts made fit to be shown, where it is complete, and what was left out."""
    found = read_layer(entry, strip, crs, _DIMENSIONS[kind], entry.columns)
    table, left_out = found.features, list(found.left_out)
    if isinstance(entry, Communes):
        former = [()] * len(table) if entry.fields.former is None else [names_in(v) for v in table["former"]]
        table = table.assign(
            code=_texts(table, "code"),
            name=_texts(table, "name"),
            former=pd.Series(former, index=table.index, dtype=object),
        )
    elif isinstance(entry, Names):
        kinds = _texts(table, "kind")
        settled = kinds.isin(entry.settlements) if entry.fields.kind is not None else True
        table = table.assign(name=_texts(table, "name"), kind=kinds, settlement=settled)
    elif isinstance(entry, Roads):
        table = table.assign(name=_texts(table, "name"), kind=_texts(table, "kind"))
    elif isinstance(entry, Schools):
        table = table.assign(name=_texts(table, "name"))
    if isinstance(entry, (Communes, Names)):
        named = table["name"].notna() & (table["code"].notna() if "code" in table else True)
        if not named.all():
            left_out.append(f"{int((~named).sum())} of {len(table)} features: have no name or no code")
            table = table[named].reset_index(drop=True)
    columns = [name for name in ("code", "name", "former", "kind", "settlement") if name in table]
    return table[[*columns, "geometry"]], found.covered, left_out


def _texts(table: gpd.GeoDataFrame, column: str) -> pd.Series[Any]:
    """Return the cleaned texts of a column, None where there is none, or where the file has no such field."""
    values = [clean(value) for value in table[column]] if column in table else [None] * len(table)
    return pd.Series(values, index=table.index, dtype=object)


def counts(places: Places) -> dict[str, int]:
    """Return how many features, or pixels, each layer that was read has along the river."""
    layers = {kind: getattr(places, kind) for kind in (*_DIMENSIONS, "population")}
    return {kind: len(layer) for kind, layer in layers.items() if layer is not None}
