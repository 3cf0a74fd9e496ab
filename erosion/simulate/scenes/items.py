"""STAC items of simulated scenes, in the form in which the public catalogues give real ones.

Sentinel-2 as Earth Search (band names ``green``, ``swir16``, ``scl``; the band's offset advertised whether or not it is
still to be applied), Landsat and Sentinel-1 as the Planetary Computer. Every item is labelled as simulated.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.raster.grid import Grid
from erosion.simulate.scenes.sensors import LANDSAT_OFFSET, LANDSAT_SCALE, SENTINEL1_NODATA, SENTINEL2_SCALE

STAC_VERSION: Final = "1.1.0"
SENTINEL2: Final = "sentinel-2-l2a"
LANDSAT: Final = "landsat-c2-l2"
SENTINEL1: Final = "sentinel-1-rtc"

_EXTENSION: Final = "https://stac-extensions.github.io/{}/schema.json"
_GEOTIFF: Final = "image/tiff; application=geotiff; profile=cloud-optimized"
#: Asset -> (Sentinel-2 file, centre wavelength [micrometre], pixel [m]).
_SENTINEL2_BANDS: Final[dict[str, tuple[str, float, int]]] = {
    "blue": ("B02", 0.49, 10),
    "green": ("B03", 0.56, 10),
    "red": ("B04", 0.665, 10),
    "nir": ("B08", 0.842, 10),
    "swir16": ("B11", 1.61, 20),
    "swir22": ("B12", 2.19, 20),
}
#: Asset -> (Landsat file, centre wavelength [micrometre]).
_LANDSAT_BANDS: Final[dict[str, tuple[str, float]]] = {
    "blue": ("SR_B2", 0.48),
    "green": ("SR_B3", 0.56),
    "red": ("SR_B4", 0.65),
    "nir08": ("SR_B5", 0.87),
    "swir16": ("SR_B6", 1.61),
    "swir22": ("SR_B7", 2.2),
}

Item = dict[str, Any]


def sentinel2_item(
    grid: Grid,
    time: pd.Timestamp,
    *,
    platform: str,
    tile: str,
    orbit: int,
    baseline: str,
    offset_applied: bool,
    cloud_percent: float,
    published: pd.Timestamp,
    sequence: int = 0,
) -> Item:
    """Sentinel-2 L2A scene of one tile.

    Parameters
    ----------
    grid
        Grid of the 10 m bands.
    time, published
        When it was taken and when it was put into the catalogue, UTC.
    platform
        ``a``, ``b`` or ``c``.
    tile
        MGRS tile, like ``48PWS``.
    orbit
        Relative orbit.
    baseline
        Processing baseline, like ``05.09``.
    offset_applied
        Whether the provider has taken the 1000 of baselines from 04.00 on off the numbers.
    cloud_percent
        Cloud in the scene classification [%].
    sequence
        0, and 1 for a scene that was processed again.
    """
    name = f"S2{platform.upper()}_{tile}_{time:%Y%m%d}_{sequence}_L2A"
    # Earth Search advertises the offset from baseline 04.00 on, also where boa_offset_applied is true.
    offset = -0.1 if float(baseline) >= 4 else 0
    product = (
        f"S2{platform.upper()}_MSIL2A_{time:%Y%m%dT%H%M%S}_N{baseline.replace('.', '')}_R{orbit:03d}_T{tile}"
        f"_{published:%Y%m%dT%H%M%S}.SAFE"
    )
    properties = {
        "platform": f"sentinel-2{platform}",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": round(cloud_percent, 6),
        **_projection(grid, time, shape=False),
        "mgrs:utm_zone": int(tile[:2]),
        "mgrs:latitude_band": tile[2],
        "mgrs:grid_square": tile[3:],
        "grid:code": f"MGRS-{tile}",
        "s2:processing_baseline": baseline,
        "s2:product_type": "S2MSI2A",
        "s2:product_uri": product,
        "s2:sequence": str(sequence),
        "earthsearch:boa_offset_applied": offset_applied,
        "processing:software": {"erosion.simulate": "1"},
    }
    assets = {}
    for band, (file, wavelength, pixel) in _SENTINEL2_BANDS.items():
        assets[band] = {
            **_asset(f"{file}.tif", f"{band} ({file}) - {pixel}m", ["data", "reflectance"]),
            "eo:bands": [{"name": band, "common_name": band, "center_wavelength": wavelength}],
            "gsd": pixel,
            **_lattice(grid, pixel),
            "raster:bands": [
                {
                    "nodata": 0,
                    "data_type": "uint16",
                    "spatial_resolution": pixel,
                    "scale": SENTINEL2_SCALE,
                    "offset": offset,
                }
            ],
        }
    assets["scl"] = {
        **_asset("SCL.tif", "Scene classification map (SCL)", ["data"]),
        **_lattice(grid, 20),
        "raster:bands": [{"nodata": 0, "data_type": "uint8", "spatial_resolution": 20}],
    }
    extensions = ("eo/v1.1.0", "mgrs/v1.0.0", "grid/v1.1.0", "processing/v1.1.0")
    return _item(name, SENTINEL2, grid, time, properties, assets, extensions, published)


def landsat_item(
    grid: Grid, time: pd.Timestamp, *, number: int, path_row: str, cloud_percent: float, published: pd.Timestamp
) -> Item:
    """Landsat Collection 2 Level-2 scene; ``number`` is 8 or 9, ``path_row`` like ``126053``."""
    name = f"LC{number:02d}_L2SP_{path_row}_{time:%Y%m%d}_02_T1"
    properties = {
        "platform": f"landsat-{number}",
        "instruments": ["oli", "tirs"],
        "gsd": 30,
        "description": "Landsat Collection 2 Level-2",
        "eo:cloud_cover": round(cloud_percent, 2),
        "view:off_nadir": 0,
        **_projection(grid, time, shape=True),
        "landsat:wrs_type": "2",
        "landsat:wrs_path": path_row[:3],
        "landsat:wrs_row": path_row[3:],
        "landsat:collection_category": "T1",
        "landsat:collection_number": "02",
        "landsat:correction": "L2SP",
    }
    assets = {}
    for band, (file, wavelength) in _LANDSAT_BANDS.items():
        assets[band] = {
            **_asset(f"{name}_{file}.TIF", f"{band} ({file})", ["data", "reflectance"]),
            "eo:bands": [{"name": f"OLI_{file[3:]}", "common_name": band, "center_wavelength": wavelength}],
            "raster:bands": [
                {
                    "nodata": 0,
                    "data_type": "uint16",
                    "spatial_resolution": 30,
                    "scale": LANDSAT_SCALE,
                    "offset": LANDSAT_OFFSET,
                }
            ],
        }
    assets["qa_pixel"] = {
        **_asset(f"{name}_QA_PIXEL.TIF", "Pixel Quality Assessment Band", ["cloud", "cloud-shadow", "water-mask"]),
        "raster:bands": [{"nodata": 1, "data_type": "uint16", "spatial_resolution": 30, "unit": "bit index"}],
    }
    return _item(name, LANDSAT, grid, time, properties, assets, ("eo/v1.1.0", "view/v1.0.0"), published)


def sentinel1_item(
    grid: Grid, time: pd.Timestamp, *, platform: str, orbit: int, ascending: bool, absolute_orbit: int
) -> Item:
    """Sentinel-1 RTC scene. As with the Planetary Computer's, no property of the item holds when it was published."""
    end = time + pd.Timedelta(seconds=25)
    name = f"S1{platform.upper()}_IW_GRDH_1SDV_{time:%Y%m%dT%H%M%S}_{end:%Y%m%dT%H%M%S}_{absolute_orbit:06d}_rtc"
    properties = {
        "platform": f"SENTINEL-1{platform.upper()}",
        "constellation": "Sentinel-1",
        "start_datetime": _iso(time),
        "end_datetime": _iso(end),
        **_projection(grid, time, shape=True),
        "sar:frequency_band": "C",
        "sar:center_frequency": 5.405,
        "sar:instrument_mode": "IW",
        "sar:product_type": "GRD",
        "sar:polarizations": ["VV", "VH"],
        "sar:resolution_range": 20,
        "sar:resolution_azimuth": 22,
        "sar:pixel_spacing_range": 10,
        "sar:pixel_spacing_azimuth": 10,
        "sar:looks_equivalent_number": 4.4,
        "sar:observation_direction": "right",
        "sat:orbit_state": "ascending" if ascending else "descending",
        "sat:relative_orbit": orbit,
        "sat:absolute_orbit": absolute_orbit,
    }
    assets = {
        band: {
            **_asset(f"{band}.tif", f"{band.upper()} gamma naught, terrain corrected", ["data"]),
            "raster:bands": [{"nodata": SENTINEL1_NODATA, "data_type": "float32", "spatial_resolution": 10}],
        }
        for band in ("vv", "vh")
    }
    return _item(name, SENTINEL1, grid, time, properties, assets, ("sar/v1.0.0", "sat/v1.0.0"), None)


def _item(
    name: str,
    collection: str,
    grid: Grid,
    time: pd.Timestamp,
    properties: dict[str, Any],
    assets: dict[str, Any],
    extensions: tuple[str, ...],
    published: pd.Timestamp | None,
) -> Item:
    west, south, east, north = grid.bounds_in("EPSG:4326")
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    stamps = {} if published is None else {"created": _iso(published), "updated": _iso(published)}
    projection = "projection/v2.0.0" if "proj:code" in properties else "projection/v1.1.0"
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [_EXTENSION.format(e) for e in (*extensions, projection, "raster/v1.1.0")],
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {
            "datetime": _iso(time),
            **stamps,
            "title": f"{SIMULATED_NOTICE} {name}",
            "simulated": True,
            **properties,
        },
        "assets": assets,
        "links": [],
    }


def _projection(grid: Grid, time: pd.Timestamp, *, shape: bool) -> dict[str, Any]:
    """CRS of an item: older items name it by ``proj:epsg``, newer ones by ``proj:code``."""
    crs = {"proj:code": grid.crs} if time.year >= 2024 else {"proj:epsg": int(grid.crs.removeprefix("EPSG:"))}
    return crs | (_lattice(grid, round(grid.pixel_m)) if shape else {})


def _lattice(grid: Grid, pixel: int) -> dict[str, Any]:
    factor = pixel / grid.pixel_m
    t = grid.transform
    return {
        "proj:shape": [round(grid.height / factor), round(grid.width / factor)],
        "proj:transform": [float(pixel), 0.0, t.c, 0.0, -float(pixel), t.f],
    }


def _asset(href: str, title: str, roles: list[str]) -> dict[str, Any]:
    return {"href": f"./{href}", "type": _GEOTIFF, "title": f"{SIMULATED_NOTICE} {title}", "roles": roles}


def _iso(time: pd.Timestamp) -> str:
    return f"{time.tz_convert('UTC'):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
