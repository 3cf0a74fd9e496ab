"""Stretches of bank as they are published: typed, in the export CRS, as a layer of the GeoPackage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.publish import columns as words
from erosion.publish.formats.geopackage import VectorLayer
from erosion.publish.formats.styles import segment_qml, segment_sld
from erosion.publish.formats.tables import attribute_table
from erosion.publish.projection import Projection


class Named(Protocol):
    """What is needed to know of a region."""

    @property
    def name(self) -> str:
        """Machine name."""

    @property
    def title(self) -> Mapping[str, str]:
        """Title by language."""

    @property
    def simulated(self) -> bool:
        """Whether the observations are simulated."""


class Stretches(NamedTuple):
    """The stretches of one target, typed and projected."""

    name: str
    attributes: pa.Table
    lines: np.ndarray
    """MultiLineStrings in the export CRS, shape (n,)."""
    middle_lon_lat: np.ndarray
    """Middle of the longest line of each, shape (n, 2) [degree]."""


def prepare_stretches(name: str, table: gpd.GeoDataFrame, projection: Projection, lon_lat: Projection) -> Stretches:
    """Return the stretches of a target as they are written.

    Raises
    ------
    ExportError
        A column is missing or unknown, or a value does not fit its type.
    """
    attributes = attribute_table(table, words.STRETCH, f"stretches {name}")
    lines = table.geometry.to_numpy()
    middle = shapely.line_interpolate_point(longest_parts(lines), 0.5, normalized=True)
    whole = np.array([shapely.multilinestrings(shapely.get_parts(line)) for line in lines], dtype=object)
    places = shapely.get_coordinates(lon_lat.apply(middle)) if len(lines) else np.empty((0, 2))
    return Stretches(name, attributes, projection.apply(whole), places)


def stretch_vectors(stretches: Stretches, region: Named) -> VectorLayer:
    """Return the layer of the GeoPackage."""
    notice = f"{SIMULATED_NOTICE}: " if region.simulated else ""
    place = region.title.get("vi", region.name)
    return VectorLayer(
        f"stretches_{stretches.name}",
        f"{notice}Đoạn bờ cần chú ý {stretches.name}",
        f"{notice}{place}: đoạn bờ cần chú ý, {stretches.name}",
        stretches.attributes,
        stretches.lines,
        "MultiLineString",
        words.STRETCH,
        words.LEVEL_TITLE,
        segment_qml(words.STRETCH, region.simulated),
        segment_sld(f"stretches_{stretches.name}", region.simulated),
    )


def longest_parts(lines: np.ndarray) -> np.ndarray:
    """Return the longest part of each line, shape (n,)."""
    return np.array([max(shapely.get_parts(line), key=shapely.length) for line in lines], dtype=object)
