"""Masks as tests write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from erosion.water.masks.entry import MaskValues, RasterFolder

UTM = "EPSG:32620"


CORNER = (270000.0, -1620000.0)  # inside the Mamoré region


def mask(
    water: slice | tuple[slice, slice] = (slice(None), slice(4, 8)), shape: tuple[int, int] = (20, 12)
) -> np.ndarray:
    out = np.zeros(shape, np.uint8)
    out[water] = 1
    return out


def write(
    path: Path,
    array: np.ndarray,
    *,
    crs: str | None = UTM,
    corner: tuple[float, float] = CORNER,
    pixel: float = 30.0,
    transform: Affine | None = None,
    date: str | None = None,
    nodata: float | None = None,
) -> Path:
    bands = array if array.ndim == 3 else array[np.newaxis]
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": crs,
        "nodata": nodata,
        "compress": "deflate",
        "transform": transform or Affine(pixel, 0, corner[0], 0, -pixel, corner[1]),
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(bands)
        if date is not None:
            file.update_tags(acquisition_date=date)
    return path


def source(folder: Path, **changes: Any) -> RasterFolder:
    entry: dict[str, Any] = {
        "name": "masks",
        "driver": "raster_folder",
        "title": "masks",
        "path": folder,
        "values": MaskValues(water=(1,), land=(0,)),
        "cadence_days": 365.0,
        "latency_days": 16.0,
        "geo_rmse_m": 6.0,
        "licence": "",
        "attribution": "",
        "citation": "",
        "described_in": folder / "masks.yaml",
    }
    return RasterFolder(**{**entry, **changes})
