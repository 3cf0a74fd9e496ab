"""Passes of a satellite from its items: which belong together, and which of several publications of a tile stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import pystac

from erosion.config.scenes import SceneSource
from erosion.core.contracts import in_utc
from erosion.core.errors import Skipped
from erosion.satellite.items import hash_items, platform_of, processing_baseline, time_of

_SENSED: Final = re.compile(r"_S(\d{8}T\d{6})")
_MADE: Final = re.compile(r"_(\d{8}T\d{6})(?:_S\d{8}T\d{6}.*|\.SAFE)?$")
_ORBIT_IN_NAME: Final = re.compile(r"_R(\d{3})_")
_NAMES: Final = ("s2:product_uri", "s2:product_title", "sentinel2:product_title", "sentinel:product_id")

_TILE_PARTS: Final = (
    ("mgrs:", "utm_zone"),
    ("mgrs:", "latitude_band"),
    ("mgrs:", "grid_square"),
    ("sentinel:", "utm_zone"),
    ("sentinel:", "latitude_band"),
    ("sentinel:", "grid_square"),
)


@dataclass(frozen=True)
class PassRef:
    """What one platform saw of a region on one orbit of one day.

    Attributes
    ----------
    pass_id
        ``<source>-<platform>-<YYYYMMDD>-<orbit, or x>``.
    source
        Name of the catalogue entry.
    time
        UTC instant of the first item.
    available_at
        UTC instant from which all items could be had.
    items
        Tiles of the pass, in the order in which they fill the grid.
    items_hash
        Changes when the provider publishes something else under the same pass.
    cloud_percent
        Mean of the items' values [%], None where they give none.
    """

    pass_id: str
    source: str
    time: pd.Timestamp
    available_at: pd.Timestamp
    items: tuple[pystac.Item, ...]
    items_hash: str
    cloud_percent: float | None = None


def group(items: Iterable[pystac.Item], source: SceneSource) -> tuple[list[PassRef], list[Skipped]]:
    """Passes: items that one platform took on one orbit of one day; of a tile published twice the newest stands.

    Two items are the same tile when tile (or path and row, or outline) and the instant of sensing agree. A tile that
    comes in two parts, because a new downlink began in the middle of it, has two such instants, and both parts stay.
    """
    skipped: list[Skipped] = []
    groups: dict[tuple[str, str, str], list[pystac.Item]] = {}
    for item in items:
        key = platform_of(item), f"{time_of(item):%Y%m%d}", orbit_of(item)
        groups.setdefault(key, []).append(item)
    refs = []
    for (platform, day, orbit), members in groups.items():
        tiles: dict[tuple[str, ...], list[pystac.Item]] = {}
        for item in members:
            tiles.setdefault(_tile(item), []).append(item)
        kept = []
        for same in tiles.values():
            newest = max(same, key=_newness)
            kept.append(newest)
            skipped += [
                Skipped(item.id, f"the provider made this tile anew; {newest.id} stands for it", usual=True)
                for item in same
                if item is not newest
            ]
        kept.sort(key=lambda item: (time_of(item), item.id))
        clouds = [cloud for item in kept if (cloud := cloud_percent(item)) is not None]
        refs.append(
            PassRef(
                pass_id=f"{source.name}-{platform}-{day}-{orbit}",
                source=source.name,
                time=time_of(kept[0]),
                available_at=max(_available(item, source) for item in kept),
                items=tuple(kept),
                items_hash=hash_items(kept, source),
                cloud_percent=sum(clouds) / len(clouds) if clouds else None,
            )
        )
    return sorted(refs, key=lambda ref: (ref.time, ref.pass_id)), skipped


def orbit_of(item: pystac.Item) -> str:
    """Relative orbit, or path for Landsat, as three digits; ``asc``/``desc`` where only that is known, else ``x``."""
    properties = item.properties
    for key in ("sat:relative_orbit", "sentinel2:relative_orbit_number", "landsat:wrs_path"):
        if str(properties.get(key, "")).strip().isdigit():
            return f"{int(properties[key]):03d}"
    for text in (*(str(properties.get(key, "")) for key in _NAMES), item.id):
        match = _ORBIT_IN_NAME.search(text)
        if match:
            return match[1]
    state = str(properties.get("sat:orbit_state", ""))
    return {"ascending": "asc", "descending": "desc"}.get(state, "x")


def _tile(item: pystac.Item) -> tuple[str, ...]:
    """What makes two items the same tile of the same look."""
    properties = item.properties
    sensed = _SENSED.search(str(properties.get("s2:datastrip_id", "")))
    look = sensed[1] if sensed else ""
    if properties.get("landsat:wrs_row"):
        return "wrs", str(properties.get("landsat:wrs_path")), str(properties["landsat:wrs_row"])
    name = properties.get("grid:code") or properties.get("s2:mgrs_tile")
    if name is None:
        parts = [properties.get(f"{prefix}{key}") for prefix, key in _TILE_PARTS]
        name = "".join(str(part) for part in parts if part is not None)
    if name and "sar:instrument_mode" not in properties:
        return str(name).removeprefix("MGRS-"), look
    outline = ",".join(f"{edge:.2f}" for edge in item.bbox or ())
    return outline, f"{time_of(item):%Y%m%dT%H%M%S}"


def _newness(item: pystac.Item) -> tuple[Any, ...]:
    """Return the sort key of publications of one tile: processing baseline, time it was made, sequence, last change."""
    properties = item.properties
    made = str(properties.get("s2:generation_time") or properties.get("sentinel2:generation_time") or "")
    if not made:
        texts = [str(properties.get(key, "")) for key in ("s2:datastrip_id", *_NAMES)]
        made = next((match[1] for text in [*texts, item.id] if (match := _MADE.search(text))), "")
    sequence = str(properties.get("s2:sequence", properties.get("sentinel:sequence", "")))
    return (
        processing_baseline(properties) or (0, 0),
        re.sub(r"[-:]", "", made)[:15],
        int(sequence) if sequence.isdigit() else 0,
        str(properties.get("updated", properties.get("created", ""))),
        item.id,
    )


def _available(item: pystac.Item, source: SceneSource) -> pd.Timestamp:
    """Instant from which an item could be had: the property that the entry names, else latency after sensing.

    A clock that is wrong can put a publication before the sensing; the sensing is the earliest that is believed.
    """
    taken = time_of(item)
    rule = getattr(source, "available_from", "latency")
    stamp = item.properties.get(rule) if rule != "latency" else None
    if stamp is None:
        return taken + pd.Timedelta(days=source.latency_days)
    return max(in_utc(stamp), taken)


def cloud_percent(item: pystac.Item) -> float | None:
    """Cloud cover that an item gives [%], or None."""
    value = item.properties.get("eo:cloud_cover")
    return None if value is None else float(value)
