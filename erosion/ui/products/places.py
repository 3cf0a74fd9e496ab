"""Reference layers that a run published: what they are called, whose they are, and what stands on a piece of land."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
import streamlit as st
from shapely.geometry.base import BaseGeometry

from erosion.core.errors import SourceError
from erosion.exposure.counting import exposure_of
from erosion.places.communes import commune_of
from erosion.places.reading import Places
from erosion.places.stored import read_stored
from erosion.publish.manifest import PlacesLayer
from erosion.ui.products.reading import ProductError, stamp
from erosion.ui.products.regions import Region, Run, manifest_of


def places_layers(run: Run) -> dict[str, PlacesLayer]:
    """Return the reference layers of a run by name, with their terms; empty where it has none."""
    manifest = manifest_of(run)
    entry = None if manifest is None else manifest.get("places")
    return {} if entry is None else entry["layers"]


def standing_on(region: Region, run: Run, area: BaseGeometry, crs: str) -> pd.Series | None:
    """Return the numbers of buildings, schools and people and the metres of road on a piece of land, missing where not known.

    None where the run has no reference layers.

    Raises
    ------
    ProductError
        The file of the layers cannot be read.
    """
    places = _places_of(region, run)
    if places is None:
        return None
    zones = gpd.GeoDataFrame(geometry=[area], crs=crs)
    return exposure_of(zones, places).iloc[0]


def commune_at(region: Region, run: Run, lon: float, lat: float) -> str | None:
    """Return the code of the commune at a place [degree], None where it is not known.

    Raises
    ------
    ProductError
        The file of the layers cannot be read.
    """
    places = _places_of(region, run)
    if places is None:
        return None
    point = gpd.GeoDataFrame(geometry=[shapely.Point(lon, lat)], crs="EPSG:4326")
    code: str | None = commune_of(places, point)["commune_code"].iloc[0]
    return code


def _places_of(region: Region, run: Run) -> Places | None:
    manifest = manifest_of(run)
    entry = None if manifest is None else manifest.get("places")
    if entry is None:
        return None
    path = region.folder / entry["file"]
    if path.resolve().parent.parent != region.folder.resolve():
        raise ProductError(f"{path}: lies outside the products of the region")
    return _places(str(path), stamp(path))


@st.cache_resource(max_entries=4, show_spinner=False)
def _places(path: str, changed_ns: int) -> Places:
    try:
        return read_stored(Path(path))
    except SourceError as error:
        raise ProductError(str(error)) from error
