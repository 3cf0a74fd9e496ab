"""Simulated scenes on disk: cloud-optimised GeoTIFFs and a static STAC catalogue that lists them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.raster.grid import Grid
from erosion.simulate.scenes.items import STAC_VERSION, Item
from erosion.simulate.scenes.sensors import SENTINEL1_NODATA, Picture

_BLOCK: Final = 512
_FLOAT_BITS: Final = 8  # of the mantissa kept: 0.4 %, far below the speckle, at half the size on disk


def write_scene(
    folder: Path, item: Item, picture: Picture, grid: Grid, within: NDArray[np.bool_] | None = None
) -> Path:
    """Return the path of an item written with its bands into ``folder/<collection>/<item>/``.

    Parameters
    ----------
    folder
        Folder of the catalogue.
    item
        From :mod:`erosion.simulate.scenes.items`; its assets name the files.
    picture
        Band -> numbers of the product; bands coarser than the grid have as many pixels fewer.
    grid
        Grid of the sharpest band.
    within
        Pixels of the grid that are kept; the others become missing, as outside a swath. All by default.

    Returns
    -------
    Path
        The item's file.

    Raises
    ------
    ValueError
        Where the item names a band that the picture does not have.
    """
    home = folder / item["collection"] / item["id"]
    home.mkdir(parents=True, exist_ok=True)
    for band, asset in item["assets"].items():
        if band not in picture:
            raise ValueError(f"{item['id']}: the item names {band}, the picture has {', '.join(picture)}")
        values = picture[band]
        factor = grid.height // values.shape[0]
        empty = _missing(values.dtype, band)
        if within is not None:
            values = np.where(within[factor // 2 :: factor, factor // 2 :: factor], values, values.dtype.type(empty))
        write_cog(home / asset["href"].removeprefix("./"), values, grid, factor, empty)
    file = home / f"{item['id']}.json"
    links = [
        {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../collection.json", "type": "application/json"},
        {"rel": "collection", "href": "../collection.json", "type": "application/json"},
    ]
    _write_json(file, item | {"links": links})
    return file


def write_cog(path: Path, values: NDArray[Any], grid: Grid, factor: int, nodata: float) -> None:
    """Write one band as a cloud-optimised GeoTIFF: deflate, tiles of 512 pixels, overviews, a label.

    Parameters
    ----------
    path
        File to write.
    values
        Numbers, shape (rows, cols).
    grid
        Grid of the sharpest band of the scene.
    factor
        Pixels of ``grid`` along a pixel of this band.
    nodata
        Number that stands for missing.
    """
    if values.dtype == np.float32:
        values = np.where(values == np.float32(nodata), values, _shortened(values))
    t = grid.transform
    classes = values.dtype == np.uint8 or "QA_PIXEL" in path.name
    with rasterio.open(
        path,
        "w",
        driver="COG",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=grid.crs,
        transform=Affine(t.a * factor, 0.0, t.c, 0.0, t.e * factor, t.f),
        nodata=nodata,
        compress="DEFLATE",
        predictor="YES",
        level=6,
        blocksize=_BLOCK,
        overview_resampling="MODE" if classes else "AVERAGE",
        num_threads="1",
    ) as file:
        file.update_tags(TITLE=SIMULATED_NOTICE)
        file.write(values, 1)


def write_catalog(folder: Path, title: str, description: str) -> Path:
    """Return the path of ``catalog.json``, written with a ``collection.json`` for every folder of items that is there.

    Parameters
    ----------
    folder
        Folder in which :func:`write_scene` put the items.
    title, description
        Of the catalogue; the label is put before both.

    Returns
    -------
    Path
        The catalogue's file.
    """
    links = [_link("root", "./catalog.json")]
    for home in sorted(p for p in folder.iterdir() if p.is_dir()):
        items = [json.loads(f.read_text("utf-8")) for f in sorted(home.glob("*/*.json"))]
        _write_json(home / "collection.json", _collection(home.name, items))
        links.append(_link("child", f"./{home.name}/collection.json"))
    catalog = folder / "catalog.json"
    _write_json(
        catalog,
        {
            "type": "Catalog",
            "stac_version": STAC_VERSION,
            "id": "simulated",
            "title": f"{SIMULATED_NOTICE} {title}",
            "description": f"{SIMULATED_NOTICE} {description}",
            "links": links,
        },
    )
    return catalog


def _collection(name: str, items: list[Item]) -> dict[str, Any]:
    boxes = np.array([item["bbox"] for item in items])
    box = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    times = sorted(item["properties"]["datetime"] for item in items)
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": name,
        "title": f"{SIMULATED_NOTICE} {name}",
        "description": f"{SIMULATED_NOTICE} Scenes of a simulated river in the form of {name}; no satellite took them.",
        "license": "CC0-1.0",
        "keywords": ["simulated", "mô phỏng"],
        "extent": {"spatial": {"bbox": [box]}, "temporal": {"interval": [[times[0], times[-1]]]}},
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "../catalog.json"),
            *(_link("item", f"./{item['id']}/{item['id']}.json", "application/geo+json") for item in items),
        ],
    }


def _link(rel: str, href: str, kind: str = "application/json") -> dict[str, str]:
    return {"rel": rel, "href": href, "type": kind}


def _missing(dtype: np.dtype[Any], band: str) -> float:
    """Return the number of a missing pixel: QA_PIXEL has a bit for it, Sentinel-1 RTC -32768, all else 0."""
    return SENTINEL1_NODATA if dtype == np.float32 else 1.0 if band == "qa_pixel" else 0.0


def _shortened(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values rounded to :data:`_FLOAT_BITS` bits of mantissa, to the nearest."""
    drop = 23 - _FLOAT_BITS
    bits = np.ascontiguousarray(values).view(np.uint32)
    keep = np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)
    return ((bits + np.uint32(1 << (drop - 1))) & keep).view(np.float32)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
