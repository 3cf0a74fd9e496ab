"""Small made-up scenes as files with STAC items beside them, for tests of search and loading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from rasterio.warp import transform_bounds

from erosion.config.scenes import PixelQuality, SceneUnits
from erosion.core.contracts import check_scene
from erosion.core.raster.grid import Grid
from erosion.satellite import stac
from erosion.satellite.corridor import Corridor
from erosion.satellite.stac_entry import StacCollection

CRS = "EPSG:32648"
X0, Y0, PIXEL, SIZE = 500_000.0, 1_170_000.0, 10.0, 200
COLLECTION = "made"


def make_corridor(
    width: int = 150, height: int = 120, x0: float = X0, y0: float = Y0, pixel: float = PIXEL, crs: str = CRS
) -> Corridor:
    """Corridor that fills its grid."""
    grid = Grid(crs, Affine(pixel, 0, x0, 0, -pixel, y0), width, height)
    return Corridor(grid, np.ones(grid.shape, bool))


def numbers(seed: int, shape: tuple[int, int] = (SIZE, SIZE), low: int = 1200, high: int = 4000) -> np.ndarray:
    """Noise in the numbers of a file; it does not compress, so a file has many kilobytes."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.uint16)


def write_band(
    path: Path,
    values: np.ndarray,
    x0: float = X0,
    y0: float = Y0,
    pixel: float = PIXEL,
    crs: str | None = CRS,
    nodata: float | None = 0,
    tags: dict[str, str] | None = None,
) -> None:
    """Write one file in tiles of 64 pixels; several bands where ``values`` has three dimensions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stack = values if values.ndim == 3 else values[None]
    place = {} if crs is None else {"crs": crs, "transform": Affine(pixel, 0, x0, 0, -pixel, y0)}
    layout = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    with rasterio.open(
        path, "w", driver="GTiff", width=stack.shape[2], height=stack.shape[1], count=len(stack), dtype=stack.dtype,
        nodata=nodata, **place, **layout,
    ) as file:  # fmt: skip
        file.write(stack)
        file.update_tags(**(tags or {}))


def write_item(
    root: Path,
    name: str,
    bands: dict[str, np.ndarray],
    when: str = "2024-02-03T03:20:00Z",
    *,
    x0: float = X0,
    y0: float = Y0,
    pixel: float = PIXEL,
    crs: str = CRS,
    pixels: dict[str, float] | None = None,
    properties: dict[str, Any] | None = None,
    collection: str = COLLECTION,
    nodata: float | None = 0,
) -> dict[str, Any]:
    """Write an item and its files; ``pixels`` gives bands another pixel size than ``pixel``."""
    folder = root / collection / name
    assets: dict[str, Any] = {}
    extent = None
    for band, values in bands.items():
        size = (pixels or {}).get(band, pixel)
        write_band(folder / f"{band}.tif", values, x0, y0, size, crs, nodata)
        extent = extent or (x0, y0 - size * values.shape[0], x0 + size * values.shape[1], y0)
        assets[band] = {
            "href": f"./{band}.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            "proj:shape": list(values.shape[-2:]),
            "proj:transform": [size, 0, x0, 0, -size, y0],
        }
    assert extent is not None
    box = transform_bounds(crs, "EPSG:4326", *extent, densify_pts=21)
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": list(box),
        "properties": {
            "datetime": when,
            "platform": "sentinel-2a",
            "proj:epsg": int(crs.split(":")[1]),
            "sat:relative_orbit": 61,
            **(properties or {}),
        },
        "links": [],
        "assets": assets,
        "stac_extensions": [],
    }
    save_item(root, item)
    return item


def save_item(root: Path, item: dict[str, Any]) -> None:
    """Write an item and bring the catalogue's links up to date."""
    collection = item["collection"]
    path = root / collection / item["id"] / f"{item['id']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(item))
    base = {"stac_version": "1.0.0", "description": "made for a test"}
    items = sorted(p.parent.name for p in (root / collection).glob("*/*.json"))
    (root / collection / "collection.json").write_text(
        json.dumps(
            {
                **base,
                "type": "Collection",
                "id": collection,
                "license": "MIT",
                "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
                "links": [{"rel": "item", "href": f"./{name}/{name}.json"} for name in items],
            }
        )
    )
    children = sorted(p.parent.name for p in root.glob("*/collection.json"))
    (root / "catalog.json").write_text(
        json.dumps(
            {
                **base,
                "type": "Catalog",
                "id": "made-catalogue",
                "links": [{"rel": "child", "href": f"./{name}/collection.json"} for name in children],
            }
        )
    )


def optical(seed: int, scl: int | np.ndarray = 4, shape: tuple[int, int] = (SIZE, SIZE)) -> dict[str, np.ndarray]:
    """Bands of an optical tile: noise, and one class (or the classes given)."""
    classes = np.full(shape, scl, np.uint8) if isinstance(scl, int) else scl.astype(np.uint8)
    return {
        "green": numbers(seed, shape),
        "nir": numbers(seed + 1, shape),
        "swir16": numbers(seed + 2, shape),
        "scl": classes,
    }


def make_source(catalog: Path | str, **changes: Any) -> StacCollection:
    """Entry for the made-up collection."""
    keys: dict[str, Any] = {
        "name": "made_s2",
        "driver": "stac",
        "title": "Made up",
        "sensor": "optical",
        "units": SceneUnits(reflectance="1"),
        "scale": 1e-4,
        "nodata": 0.0,
        "saturated_from": 32767.0,
        "quality": PixelQuality(kind="classes", usable=(2, 4, 5, 6, 7)),
        "pixel_m": 10.0,
        "cadence_days": 5.0,
        "latency_days": 1.0,
        "geo_rmse_m": 5.0,
        "licence": "MIT",
        "attribution": "nobody",
        "citation": "none",
        "catalog": str(catalog),
        "collection": COLLECTION,
        "bands": {"green": ("green", "B03"), "nir": ("nir",), "swir16": ("swir16",), "quality": ("scl",)},
        "described_in": Path("made_s2.yaml"),
    }
    return StacCollection(**{**keys, **changes})


def load_made(root: Path, corridor: Corridor | None = None, **changes: Any) -> xr.Dataset:
    """Load the one pass of a folder."""
    source = make_source(root / "catalog.json", **changes)
    corridor = corridor or make_corridor()
    refs, skipped = stac.find_passes(source, None, corridor, "2015-01-01", "2026-12-31")
    assert skipped == []
    assert len(refs) == 1
    return check_scene(stac.load_pass(refs[0], source, corridor))
