"""GeoParquet 1.1 for analysis programs, and plain Parquet for the history of bank positions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from erosion.publish.errors import writing
from erosion.publish.projection import bounding_box

VERSION: Final = "1.1.0"


def write_geoparquet(
    path: Path, attributes: pa.Table, geometry: np.ndarray, crs: CRS, about: Mapping[str, str]
) -> None:
    """Write one layer as GeoParquet 1.1, geometry as WKB.

    Parameters
    ----------
    path
        File to write.
    attributes
        Columns whose fields carry ``unit`` and ``description`` as metadata, n rows.
    geometry
        Shapely geometries in ``crs``, shape (n,), x before y whatever the axis order of the CRS.
    crs
        Reference system of the coordinates.
    about
        What to say of the run, stored as JSON under the key ``about``.

    Raises
    ------
    ExportError
        When the file cannot be written.
    """
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({shape.geom_type for shape in geometry}),
        "crs": crs.to_json_dict(),
    }
    if len(geometry):
        column["bbox"] = list(bounding_box(geometry, crs))
    geo = {"version": VERSION, "primary_column": "geometry", "columns": {"geometry": column}}
    table = attributes.append_column("geometry", pa.array(shapely.to_wkb(geometry), pa.binary()))
    _write(path, table, {"geo": json.dumps(geo, ensure_ascii=False), "about": json.dumps(about, ensure_ascii=False)})


def write_history(path: Path, history: pa.Table, about: Mapping[str, str]) -> None:
    """Write the history of bank positions as Parquet, ids once in a dictionary; numbers single precision.

    Parameters
    ----------
    path
        File to write.
    history
        One row a segment and epoch, columns as :data:`erosion.core.contracts.HISTORY_COLUMNS`.
    about
        As in :func:`write_geoparquet`.

    Raises
    ------
    ExportError
        When the file cannot be written.
    """
    # Bank lines are known to metres: seven digits are plenty, and the file of every night is half the size.
    small = pa.schema([_narrow(field) for field in history.schema])
    _write(path, history.cast(small), {"about": json.dumps(about, ensure_ascii=False)})


def _narrow(field: pa.Field) -> pa.Field:
    if pa.types.is_float64(field.type):
        return field.with_type(pa.float32())
    if field.name == "segment_id":
        return field.with_type(pa.dictionary(pa.int32(), pa.string()))
    return field


def _write(path: Path, table: pa.Table, metadata: dict[str, str]) -> None:
    with writing(path), path.open("wb") as file:
        pq.write_table(table.replace_schema_metadata(metadata), file, compression="zstd")
