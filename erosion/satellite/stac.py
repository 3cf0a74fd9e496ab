"""Driver ``stac``: passes of a satellite in a STAC catalogue, an API or static files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urljoin

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from erosion.config.sources import QUALITY_BANDS, SceneSource, StacCollection
from erosion.core.contracts import as_of_instant, in_utc
from erosion.core.errors import Skipped, SourceError
from erosion.core.http import (
    Answer,
    Patience,
    Signer,
    Web,
    WebError,
    bearer_token,
    keep_secrets_from_logs,
    off_limits,
    without_secrets,
)
from erosion.satellite import passes
from erosion.satellite.items import (
    assets_of,
    boa_shift,
    hash_items,
    lacking,
    platform_of,
    processing_baseline,
    said_grid,
    time_of,
)
from erosion.satellite.passes import PassRef

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from erosion.config.region import Region
    from erosion.satellite.corridor import Corridor

__all__ = ["PassRef", "Patience", "find_passes", "load_pass"]

PAGE: Final = 100
"""Items asked for at once; the usual servers refuse answers of several megabytes."""

MAX_PAGES: Final = 10_000
"""A server that goes on longer is not paging, it is turning in circles."""

MAX_DEPTH: Final = 50
"""Static catalogues are a few levels deep; one that goes on is made up as it is read."""

_SENSED: Final = re.compile(r"_S(\d{8}T\d{6})")
_MADE: Final = re.compile(r"_(\d{8}T\d{6})(?:_S\d{8}T\d{6}.*|\.SAFE)?$")
_ORBIT_IN_NAME: Final = re.compile(r"_R(\d{3})_")
_NAMES: Final = ("s2:product_uri", "s2:product_title", "sentinel2:product_title", "sentinel:product_id")


# --- search ---------------------------------------------------------------------------------------------------------


def find_passes(
    source: StacCollection,
    region: Region,
    corridor: Corridor,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    known: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> tuple[list[PassRef], list[Skipped]]:
    """Find the passes over a region between two dates.

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
    patience
        How long a bad network is borne.

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
    import pystac

    keep_secrets_from_logs()
    first, last = in_utc(start), as_of_instant(pd.Timestamp(end))
    places = corridor_boxes(corridor)
    skipped: list[Skipped] = []
    items: dict[str, pystac.Item] = {}
    with _web(source, patience or Patience()) as web:
        try:
            for raw in _raw_items(source, web, places, first, last, skipped):
                try:
                    item = pystac.Item.from_dict(raw, migrate=False)
                    if not (first <= time_of(item) <= last) or not touches(item, places):
                        continue
                    cloud, reason = _cloud(item), _unusable(item, source)
                    group([item], source)  # what cannot be put into a pass is told here, where it ends no search
                except Exception as err:  # a provider can get anything wrong in one item of thousands
                    skipped.append(Skipped(str(raw.get("id", "?")), f"is no readable STAC item: {_words(err)}"))
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
    patience: Patience | None = None,
) -> xr.Dataset:
    """Load one pass; see :func:`erosion.satellite.passes.load`, whose parameters, result and errors it shares."""
    with _web(source, patience or Patience()) as web:
        return passes.load(ref, source, corridor, _Remote(source, web))


def _unusable(item: pystac.Item, source: StacCollection) -> str | None:
    """Say in words why an item that lies over the corridor is not used, or None."""
    if not isinstance(item.id, str):
        return "its id is no text"
    lack = lacking(item, source)
    if lack:
        return lack
    for alias, asset in assets_of(item, source).items():
        said_grid(item, asset)  # a place that cannot be read is told with the item
        problem = off_limits(asset.href, source.catalog)
        if problem:
            return f"its file for {alias}, {without_secrets(asset.href)}, {problem}"
    try:
        boa_shift(item.properties, source.boa_offset)
    except ValueError as err:
        return str(err)
    for alias, asset in assets_of(item, source).items():
        said = _said_scale(asset)
        # A scale of 1 is what some providers write for "none given".
        if alias not in QUALITY_BANDS and said not in (None, 1.0) and source.scale != 1.0:
            assert said is not None
            if not np.isclose(said, source.scale, rtol=1e-3):
                return f"its metadata give {alias} the scale {said:g}, the catalogue entry {source.scale:g}"
    return None


def _said_scale(asset: pystac.Asset) -> float | None:
    bands = asset.extra_fields.get("raster:bands") or asset.extra_fields.get("bands") or [{}]
    said = bands[0].get("scale", bands[0].get("raster:scale", asset.extra_fields.get("raster:scale")))
    return None if said is None else float(said)


def _cloud(item: pystac.Item) -> float | None:
    value = item.properties.get("eo:cloud_cover")
    return None if value is None else float(value)


# --- one pass out of many items -------------------------------------------------------------------------------------


def group(items: Iterable[pystac.Item], source: SceneSource) -> tuple[list[PassRef], list[Skipped]]:
    """Put items together that one platform took on one orbit of one day; of a tile published twice the newest stands.

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
        clouds = [cloud for item in kept if (cloud := _cloud(item)) is not None]
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


_TILE_PARTS: Final = (
    ("mgrs:", "utm_zone"),
    ("mgrs:", "latitude_band"),
    ("mgrs:", "grid_square"),
    ("sentinel:", "utm_zone"),
    ("sentinel:", "latitude_band"),
    ("sentinel:", "grid_square"),
)


def _newness(item: pystac.Item) -> tuple[Any, ...]:
    """Order of publications of one tile: processing baseline, time it was made, sequence, last change."""
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


# --- where ----------------------------------------------------------------------------------------------------------


class Places(NamedTuple):
    """Windows of the corridor in longitude and latitude, and boxes around them to ask a server for."""

    windows: shapely.Geometry
    boxes: tuple[tuple[float, float, float, float], ...]


def corridor_boxes(corridor: Corridor) -> Places:
    """Outline of the corridor's windows in longitude and latitude.

    Longitudes run on beyond 180 degrees where the corridor crosses the antimeridian, so that it stays in one piece;
    the boxes to ask for are cut there.
    """
    grid = corridor.grid
    t = grid.transform
    to_lonlat = Transformer.from_crs(CRS.from_user_input(grid.crs), CRS.from_epsg(4326), always_xy=True)
    outlines = []
    for rows, cols in corridor.windows(512):
        x = np.array([cols.start, cols.stop, cols.stop, cols.start]) * t.a + t.c
        y = np.array([rows.start, rows.start, rows.stop, rows.stop]) * t.e + t.f
        lon, lat = to_lonlat.transform(x, y)
        outlines.append(_in_one_piece(shapely.Polygon(list(zip(lon, lat, strict=True)))))
    # One side of the antimeridian for all of them.
    eastern = [_turned(o, 360.0) if o.bounds[0] < 0 else o for o in outlines]
    spread = [np.ptp([edge for o in some for edge in (o.bounds[0], o.bounds[2])]) for some in (outlines, eastern)]
    whole = shapely.unary_union(eastern if spread[1] < spread[0] else outlines)
    west, south, east, north = whole.bounds
    if east <= 180.0:
        return Places(whole, ((west, south, east, north),))
    if west >= 180.0:
        return Places(whole, ((west - 360.0, south, east - 360.0, north),))
    return Places(whole, ((west, south, 180.0, north), (-180.0, south, east - 360.0, north)))


def touches(item: pystac.Item, places: Places) -> bool:
    """Say whether an item's outline meets the corridor, also where either of them crosses the antimeridian."""
    if item.geometry is not None:
        outline = shapely.make_valid(shapely.from_geojson(json.dumps(item.geometry)))
    elif item.bbox:
        west, south, east, north = item.bbox[:4]
        outline = shapely.box(west, south, east + 360 if east < west else east, north)
    else:
        return True  # it does not say where it lies; its files do
    parts = [_in_one_piece(part) for part in shapely.get_parts(outline)]
    return any(
        shapely.intersects(_turned(part, turn), places.windows) for part in parts for turn in (-360.0, 0.0, 360.0)
    )


def _turned(outline: shapely.Geometry, degrees: float) -> shapely.Geometry:
    return shapely.transform(outline, lambda points: points + np.array([degrees, 0.0]))


def _in_one_piece(outline: shapely.Geometry) -> shapely.Geometry:
    """Outline with longitudes that do not jump: nothing a satellite sees at once is half a world wide."""
    west, _, east, _ = outline.bounds
    if east - west <= 180.0 or east - west >= 360.0:  # the latter says nothing of where it lies
        return outline
    return shapely.make_valid(
        shapely.transform(outline, lambda p: np.column_stack([np.where(p[:, 0] < 0, p[:, 0] + 360, p[:, 0]), p[:, 1]]))
    )


# --- catalogues -----------------------------------------------------------------------------------------------------


def _raw_items(
    source: StacCollection,
    web: Web,
    places: Places,
    first: pd.Timestamp,
    last: pd.Timestamp,
    skipped: list[Skipped],
) -> Iterator[dict[str, Any]]:
    """Items as the catalogue gives them, by search where it is an API, else by walking its links."""
    root = catalog_address(source)
    document = _read_json(root, web)
    search = [link for link in _links(document) if link.get("rel") == "search"]
    if search:
        count = 0
        for raw in _search(source, web, root, search, places, first, last, skipped):
            count += 1
            yield raw
        if not count:
            _check_collection(source, web, root)
    else:
        yield from _walk(source, web, root, document, skipped)


def _search(
    source: StacCollection,
    web: Web,
    root: str,
    links: Sequence[Mapping[str, Any]],
    places: Places,
    first: pd.Timestamp,
    last: pd.Timestamp,
    skipped: list[Skipped],
) -> Iterator[dict[str, Any]]:
    from pystac_client import ItemSearch
    from pystac_client.exceptions import APIError

    method = "POST" if any(link.get("method") == "POST" for link in links) else "GET"
    address = urljoin(root, str(links[0]["href"]))
    for box in places.boxes:
        search = ItemSearch(
            address,
            method=method,
            stac_io=_client_io(web),
            collections=[source.collection],
            bbox=list(box),
            datetime=f"{first:%Y-%m-%dT%H:%M:%SZ}/{last:%Y-%m-%dT%H:%M:%SZ}",
            limit=PAGE,
        )
        seen: set[str] = set()
        try:
            for number, page in enumerate(search.pages_as_dicts(), start=1):
                fresh = [raw for raw in page.get("features", []) if raw.get("id") not in seen]
                if not fresh or number > MAX_PAGES:
                    reason = (
                        f"the catalogue's paging turns in circles: page {number} brings only items of earlier pages; "
                        f"{len(seen)} items were read, what may lie behind them was not"
                    )
                    skipped.append(Skipped(source.name, reason))
                    break
                seen |= {str(raw.get("id")) for raw in fresh}
                yield from fresh
        except APIError as err:
            status = getattr(err, "status_code", None)
            told = f"{without_secrets(address)}: HTTP {status}: " if status else ""
            raise WebError(f"{told}{_words(err)}", status) from None
        except ValueError as err:
            raise WebError(f"{without_secrets(address)}: the answer is no page of items ({_words(err)})") from None


def _check_collection(source: StacCollection, web: Web, root: str) -> None:
    """Tell a name that is misspelt from a search that found nothing."""
    try:
        web.get_json(f"{root.rstrip('/')}/collections/{source.collection}")
    except WebError as err:
        if err.status == 404:
            raise SourceError(
                f"{source.name}: {without_secrets(root)} has no collection {source.collection!r}; check 'collection'"
            ) from None


def _client_io(web: Web) -> Any:
    """pystac-client's reader, with our session below it; a page without a list of items is an error, not an empty one."""
    from pystac_client.stac_api_io import StacApiIO

    class Reader(StacApiIO):
        def read_json(self, *args: Any, **kwargs: Any) -> Any:
            page = super().read_json(*args, **kwargs)
            features = page.get("features") if isinstance(page, dict) else None
            if not isinstance(features, list) or not all(isinstance(raw, dict) for raw in features):
                raise ValueError("it has no list of items under 'features'")
            return {**page, "links": _links(page)}

    reader = Reader(max_retries=None)
    web.headers.update(reader.session.headers)
    reader.session = web
    return reader


def _walk(
    source: StacCollection, web: Web, root: str, document: dict[str, Any], skipped: list[Skipped]
) -> Iterator[dict[str, Any]]:
    """Items of a static catalogue: the collection is looked for below the root, then everything below it is read."""
    visited: set[str] = set()

    def below(where: str, node: dict[str, Any], inside: bool, depth: int = 0) -> Iterator[dict[str, Any]]:
        inside = inside or node.get("id") == source.collection
        if depth > MAX_DEPTH:
            reason = (
                f"{without_secrets(where)} lies more than {MAX_DEPTH} catalogues deep; what is below it was not read"
            )
            skipped.append(Skipped(source.name, reason))
            return
        for link in _links(node):
            rel, there = link.get("rel"), urljoin(where, link["href"])
            if rel not in ("child", "item") or (rel == "item" and not inside) or there in visited:
                continue
            visited.add(there)
            try:
                found = _read_json(there, web)
            except WebError as err:
                # A branch that cannot be read is named; whether it held the collection shows below. One that may be there
                # the next night leaves the search unfinished, and what is said of the source itself tells so.
                gone = err.status in (404, 410)
                name = str(link.get("title") or without_secrets(there).rsplit("/", 1)[-1])
                skipped.append(Skipped(name if gone else source.name, str(err)))
                continue
            if rel == "child":
                yield from below(there, found, inside, depth + 1)
            else:
                _make_absolute(found, there)
                yield found

    count = 0
    for raw in below(root, document, document.get("id") == source.collection):
        count += 1
        yield raw
    if not count and not skipped:
        raise SourceError(
            f"{source.name}: no item of collection {source.collection!r} in {without_secrets(root)}; check 'collection'"
        )


def _links(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Links of a STAC document that lead somewhere."""
    links = document.get("links")
    whole = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [link for link in whole if isinstance(link.get("rel"), str) and isinstance(link.get("href"), str)]


def _make_absolute(raw: Mapping[str, Any], where: str) -> None:
    """Make the addresses of an item's files absolute, in place; assets that are none are told with the item."""
    from pystac.utils import make_absolute_href

    assets = raw.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        if isinstance(asset, dict) and isinstance(asset.get("href"), str):
            asset["href"] = make_absolute_href(asset["href"], where, start_is_dir=False)


def catalog_address(source: StacCollection) -> str:
    """Address of the catalogue; a path is relative to the catalogue entry."""
    if "://" in source.catalog:
        return source.catalog
    return str((source.described_in.parent / source.catalog).resolve())


def _read_json(where: str, web: Web) -> dict[str, Any]:
    if where.startswith(("http://", "https://")):
        found = web.get_json(where)
    else:
        try:
            found = json.loads(Path(where).read_text(encoding="utf-8"))
        except (OSError, ValueError) as err:
            raise WebError(f"{Path(where).name}: {_words(err)}") from None
    if not isinstance(found, dict):
        raise WebError(f"{without_secrets(where)}: is no STAC document")
    return found


def _words(err: Exception) -> str:
    return without_secrets(err).strip().split("\n")[0][:200] or type(err).__name__


# --- access to files ------------------------------------------------------------------------------------------------


def _web(source: StacCollection, patience: Patience) -> Web:
    return Web(patience, bearer_token(source.token_env, source.name), source.catalog)


class _Remote:
    """Files of a STAC source: signed, with a token, over a network that fails."""

    def __init__(self, source: StacCollection, web: Web) -> None:
        self.patience = web.patience
        self._source, self._web = source, web
        self._signer = None
        if source.signing == "planetary_computer":
            self._signer = Signer(source.collection, web)

    def address(self, href: str) -> str:
        """Address to open."""
        return href if self._signer is None else self._signer.sign(href)

    def options(self, address: str) -> dict[str, Any]:
        """GDAL options: one try, short limits, no listing of folders; waiting and trying again is done above it."""
        if "://" not in address:
            return {}
        options: dict[str, Any] = {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_HTTP_MAX_RETRY": "0",
            "GDAL_HTTP_CONNECTTIMEOUT": f"{max(round(self.patience.connect_s), 1)}",
            "GDAL_HTTP_TIMEOUT": f"{max(round(self.patience.read_s), 1)}",
            "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
            "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
        }
        token = self._web.token_for(address)
        if token is not None:
            options |= {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": token}
        return options

    def look(self, address: str) -> Answer | None:
        """Ask the server about an address."""
        return self._web.look(address) if address.startswith(("http://", "https://")) else None

    def refused(self) -> bool:
        """Drop a token that was refused; another one is fetched for the next try."""
        if self._signer is None:
            return False
        self._signer.forget()
        return True
