"""GeoTIFF files from elsewhere: opened as GeoTIFF only, so that a file cannot make GDAL open other files or addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.io import DatasetReader

GdalError = CPLE_BaseError
"""GDAL's own errors, which rasterio lets through from some functions; they share no public class."""

_MAX_XML: Final = 10_000_000
_TIFF_STARTS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_geotiff(path: Path) -> DatasetReader:
    """Dataset of a GeoTIFF, a COG included, whatever other format its content has; to be closed by the caller.

    Raises
    ------
    rasterio.errors.RasterioIOError
        Where it cannot be read as GeoTIFF.
    ValueError
        Where it, or a file beside it that GDAL would read with it, leads to another file.
    """
    for companion in path.parent.iterdir():
        ending = companion.name.removeprefix(path.name).lower()
        if companion.name.startswith(path.name) and ending in (".msk", ".ovr", ".aux.xml"):
            _check_companion(companion, ending)
    dataset = rasterio.open(path, driver="GTiff")
    problem = leads_elsewhere(dataset)
    if problem:
        dataset.close()
        raise ValueError(problem)
    return dataset


def leads_elsewhere(dataset: DatasetReader) -> str | None:
    """Why reading a dataset could open another file or address, or None; to be asked before its overviews are.

    GDAL opens what the metadata of a file, also those inside a GeoTIFF, name as its overviews, with any of its drivers.
    """
    if dataset.tags(ns="OVERVIEWS") or dataset.tags(ns="ProxyOverviewRequest"):
        return "names another file for its overviews; take that out (gdal_edit.py -unsetmd file) or fetch it again"
    return None


def _check_companion(companion: Path, ending: str) -> None:
    with companion.open("rb") as file:
        content = file.read(_MAX_XML if ending == ".aux.xml" else 4)
    if ending == ".aux.xml" and (len(content) == _MAX_XML or b"OVERVIEW_FILE" in content.upper()):
        raise ValueError(f"{companion.name} beside it names another file or is too large; take it away")
    if ending != ".aux.xml" and content not in _TIFF_STARTS:
        raise ValueError(f"{companion.name} beside it is no TIFF; take it away")


def crs_problem(crs: CRS | None) -> str | None:
    """Why a coordinate system gives no place on the Earth, or None where it does."""
    if crs is None:
        return "has no CRS; write one into the file (gdal_edit.py -a_srs EPSG:... file)"
    if crs.is_geographic or crs.is_projected:
        return None
    return (
        f"its CRS is local, engineering, vertical or geocentric and gives no place on a map ({crs.to_wkt()[:60]}...); "
        "write the right one into the file (gdal_edit.py -a_srs EPSG:... file)"
    )
