"""Metadata of the items of a pass: files of its bands, place and time, and processing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pandas as pd
import pystac
from affine import Affine

from erosion.config.scenes import RADAR_BANDS, SceneSource
from erosion.core.contracts import in_utc
from erosion.core.raster.grid import Grid

BOA_SHIFT: Final = 1000.0
"""Sentinel-2 numbers carry this much more from processing baseline 04.00 on (BOA_ADD_OFFSET = -1000), so that slightly
negative reflectances can be written. Source: Sentinel-2 Products Specification Document, version 14.9."""

BAND_NUMBER: Final = "band_number"
"""Field of an asset: which band of its file is meant, where that is not the first."""

_APPLIED: Final = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINE: Final = (
    "s2:processing_baseline",
    "sentinel2:processing_baseline",
    "sentinel:processing_baseline",
    "processing:version",
)
_PRODUCT: Final = ("s2:product_uri", "s2:product_title", "sentinel2:product_title", "sentinel:product_id")
_IN_PRODUCT: Final = re.compile(r"_N(\d{2})(\d{2})_")


def bands_of(source: SceneSource) -> dict[str, tuple[str, ...]]:
    """Our band names and the names of assets they may have, in the order of the catalogue entry."""
    bands: Mapping[str, Any] = getattr(source, "bands")  # noqa: B009 (both kinds of scene source have it)
    return {alias: (alias,) if isinstance(names, str) else tuple(names) for alias, names in bands.items()}


def assets_of(item: pystac.Item, source: SceneSource) -> dict[str, pystac.Asset]:
    """The item's asset of each of our bands; bands it lacks are absent."""
    found = {}
    for alias, names in bands_of(source).items():
        name = next((name for name in names if name in item.assets), None)
        if name is not None:
            found[alias] = item.assets[name]
    return found


def lacking(item: pystac.Item, source: SceneSource) -> str | None:
    """Return what an item lacks to be of use, in words, or None."""
    found, wanted = assets_of(item, source), bands_of(source)
    if source.sensor == "optical":
        needed: list[str] = [b for b in ("green", "quality") if b in wanted and b not in found]
        contrast = [b for b in ("nir", "swir16") if b in wanted]
        if not any(b in found for b in contrast):
            needed.append(" or ".join(contrast))
    else:
        beams = [b for b in RADAR_BANDS if b in wanted]
        needed = [] if any(b in found for b in beams) else [" or ".join(beams)]
    if not needed:
        return None
    names = {name for alias in " or ".join(needed).split(" or ") for name in wanted[alias]}
    has = ", ".join(sorted(item.assets)[:12]) or "none"
    return f"has no file for {', '.join(needed)} (looked for {', '.join(sorted(names))}; it has {has})"


def processing_baseline(properties: Mapping[str, Any]) -> tuple[int, int] | None:
    """Sentinel-2 processing baseline, (4, 0) for 04.00, from its own property or from the product's name."""
    for key in _BASELINE:
        match = re.fullmatch(r"\s*N?(\d{1,2})\.(\d{1,2})\s*", str(properties.get(key, "")))
        if match:
            return int(match[1]), int(match[2])
    for key in _PRODUCT:
        match = _IN_PRODUCT.search(str(properties.get(key, "")))
        if match:
            return int(match[1]), int(match[2])
    return None


def boa_shift(properties: Mapping[str, Any], rule: str) -> float:
    """Return the number to subtract from the file's numbers before ``scale`` and ``offset``: 0 or 1000, exactly once.

    The ``offset`` that items advertise for a band is not looked at: on Earth Search it is -0.1 also where the shift
    has been taken out of the files already.

    Parameters
    ----------
    properties
        Properties of the item.
    rule
        ``boa_offset`` of the catalogue entry.

    Raises
    ------
    ValueError
        Where the item gives no baseline.
    """
    if rule == "none":
        return 0.0
    if any(properties.get(key) is True for key in _APPLIED):
        return 0.0
    baseline = processing_baseline(properties)
    if baseline is None:
        raise ValueError(
            "states no processing baseline, so whether 1000 is to be subtracted is not known; "
            "set boa_offset: none in the catalogue entry if its numbers are plain"
        )
    return BOA_SHIFT if baseline >= (4, 0) else 0.0


def hash_items(items: Sequence[pystac.Item], source: SceneSource) -> str:
    """SHA-256 of what would change if the provider published a pass anew.

    Identifiers, time of the last change, processing baseline, and per file its path and checksum. Host and query of an
    address are left out: a mirror or another signature is no other file. Of a local path only the name counts.
    """
    parts: list[str] = []
    for item in sorted(items, key=lambda item: item.id):
        properties = item.properties
        parts += [item.id, str(properties.get("updated", "")), str(processing_baseline(properties) or "")]
        for alias, asset in sorted(assets_of(item, source).items()):
            href = asset.href
            path = urlsplit(href).path if "://" in href else Path(href).name
            sums = [str(asset.extra_fields.get(key, "")) for key in ("file:checksum", "checksum:multihash")]
            parts += [alias, path, *sums]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def platform_of(item: pystac.Item) -> str:
    """Platform in one spelling: ``LANDSAT_8`` and ``Sentinel-2B`` become ``landsat-8`` and ``sentinel-2b``."""
    text = str(item.properties.get("platform") or item.properties.get("constellation") or "unknown")
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unknown"


def time_of(item: pystac.Item) -> pd.Timestamp:
    """UTC instant of an item: its ``datetime``, or the start of its interval."""
    stamp = item.datetime or item.properties.get("start_datetime")
    if stamp is None:
        raise ValueError("has neither datetime nor start_datetime")
    return in_utc(stamp)


def stated_crs(item: pystac.Item, asset: pystac.Asset | None = None) -> str | None:
    """CRS that the metadata give, from ``proj:code`` (newer items) or ``proj:epsg``, of the asset or the item."""
    for fields in (asset.extra_fields, item.properties) if asset is not None else (item.properties,):
        if fields.get("proj:code"):
            return str(fields["proj:code"])
        if fields.get("proj:epsg"):
            return f"EPSG:{int(fields['proj:epsg'])}"
        if fields.get("proj:wkt2"):
            return str(fields["proj:wkt2"])
    return None


def stated_grid(item: pystac.Item, asset: pystac.Asset) -> Grid | None:
    """Grid that the metadata give for a file, or None."""
    crs = stated_crs(item, asset)
    fields = {**item.properties, **asset.extra_fields}
    transform, shape = fields.get("proj:transform"), fields.get("proj:shape")
    if crs is None or not transform or not shape:
        return None
    return Grid(crs, Affine(*[float(v) for v in transform[:6]]), int(shape[1]), int(shape[0]))
