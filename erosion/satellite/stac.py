"""Driver ``stac``: passes of a satellite in a STAC catalogue, an API or static files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pystac

from erosion.config.scenes import QUALITY_BANDS
from erosion.core.contracts import as_of_instant, in_utc
from erosion.core.errors import Skipped, SourceError
from erosion.core.http.addresses import off_limits
from erosion.core.http.errors import WebError
from erosion.core.http.limits import Limits
from erosion.core.http.redaction import keep_secrets_from_logs, without_secrets
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.search_limits import SearchLimits
from erosion.core.http.session import Web
from erosion.satellite import passes
from erosion.satellite.catalogue import SEARCH, first_line, raw_items
from erosion.satellite.footprint import corridor_boxes, touches
from erosion.satellite.grouping import PassRef, cloud_percent, group
from erosion.satellite.items import assets_of, boa_shift, lacking, stated_grid, time_of
from erosion.satellite.remote_files import RemoteFiles
from erosion.satellite.signing import bearer_token
from erosion.satellite.stac_entry import StacCollection
from erosion.satellite.window_reader import LONGEST_S

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region
    from erosion.satellite.corridor import Corridor


ENTRY: Final = StacCollection


def find_passes(
    source: StacCollection,
    region: Region,
    corridor: Corridor,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    known: Mapping[str, str] | None = None,
    retry: RetryPolicy | None = None,
    limits: SearchLimits | None = None,
) -> tuple[list[PassRef], list[Skipped]]:
    """Passes over a region between two dates, and items over its corridor that are not used.

    Parameters
    ----------
    source
        Catalogue entry.
    region
        Region, for messages.
    corridor
        Where the river is looked for; items that do not touch it are of no concern and not listed.
    start, end
        First and last day of sensing, UTC.
    known
        Pass id -> items hash of what is stored. Passes are returned whether known or not; a known one comes with a
        fresh hash, from which the caller sees what was published anew.
    retry
        How often and with which waits a request is made again.
    limits
        Limits of the search and of each answer.

    Returns
    -------
    passes : list of PassRef
        Sorted by time.
    skipped : list of Skipped
        Items over the corridor that are not used, and why.

    Raises
    ------
    SourceError
        Where the catalogue itself cannot be read.
    """
    if source.left_out is not None:
        return [], [source.left_out]
    keep_secrets_from_logs()
    first, last = in_utc(start), as_of_instant(pd.Timestamp(end))
    places = corridor_boxes(corridor)
    skipped: list[Skipped] = []
    items: dict[str, pystac.Item] = {}
    limits = limits or SEARCH
    with _web(source, retry or RetryPolicy(), limits.answer) as web:
        try:
            for raw in raw_items(source, web, places, first, last, skipped, limits):
                try:
                    item = pystac.Item.from_dict(raw, migrate=False)
                    if not (first <= time_of(item) <= last) or not touches(item, places):
                        continue
                    cloud, reason = cloud_percent(item), _unusable(item, source)
                    group([item], source)  # what cannot be put into a pass fails here, where it ends no search
                except Exception as err:  # a provider can get anything wrong in one item of thousands
                    skipped.append(Skipped(str(raw.get("id", "?")), f"is no readable STAC item: {first_line(err)}"))
                    continue
                if cloud is not None and cloud > source.max_cloud_percent:
                    words = f"{cloud:.0f} % cloud, more than max_cloud_percent {source.max_cloud_percent:g}"
                    skipped.append(Skipped(item.id, words, usual=True))
                elif reason:
                    skipped.append(Skipped(item.id, reason))
                else:
                    items[item.id] = item
        except WebError as err:
            raise SourceError(f"{source.name}: the catalogue cannot be read: {err}") from None
    refs, doubled = group(list(items.values()), source)
    return refs, [*skipped, *doubled]


def load_pass(
    ref: PassRef,
    source: StacCollection,
    corridor: Corridor,
    retry: RetryPolicy | None = None,
    longest_s: float = LONGEST_S,
) -> xr.Dataset:
    """Bands of one pass; see :func:`erosion.satellite.passes.load`, whose parameters, result and errors it shares."""
    with _web(source, retry or RetryPolicy()) as web:
        return passes.load(ref, source, corridor, RemoteFiles(source, web), longest_s)


def _unusable(item: pystac.Item, source: StacCollection) -> str | None:
    """Return why an item that lies over the corridor is not used, in words, or None."""
    if not isinstance(item.id, str):
        return "its id is no text"
    lack = lacking(item, source)
    if lack:
        return lack
    for alias, asset in assets_of(item, source).items():
        stated_grid(item, asset)  # a place that cannot be read is reported with the item
        problem = off_limits(asset.href, source.catalog)
        if problem:
            return f"its file for {alias}, {without_secrets(asset.href)}, {problem}"
    try:
        boa_shift(item.properties, source.boa_offset)
    except ValueError as err:
        return str(err)
    for alias, asset in assets_of(item, source).items():
        stated = _stated_scale(asset)
        # A scale of 1 is what some providers write for "none given".
        if alias not in QUALITY_BANDS and stated not in (None, 1.0) and source.scale != 1.0:
            assert stated is not None
            if not np.isclose(stated, source.scale, rtol=1e-3):
                return f"its metadata give {alias} the scale {stated:g}, the catalogue entry {source.scale:g}"
    return None


def _stated_scale(asset: pystac.Asset) -> float | None:
    bands = asset.extra_fields.get("raster:bands") or asset.extra_fields.get("bands") or [{}]
    stated = bands[0].get("scale", bands[0].get("raster:scale", asset.extra_fields.get("raster:scale")))
    return None if stated is None else float(stated)


def _web(source: StacCollection, retry: RetryPolicy, limits: Limits | None = None) -> Web:
    return Web(retry, bearer_token(source.token_env, source.name), source.catalog, limits)
