"""Items of a STAC catalogue as it gives them: by search where it is an API, else by walking its links."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import pandas as pd
from pystac.utils import make_absolute_href

from erosion.core.errors import Skipped, SourceError
from erosion.core.http.errors import WebError
from erosion.core.http.limits import Limits, parse_json
from erosion.core.http.redaction import without_secrets
from erosion.core.http.search_limits import Meter, SearchEndedError, SearchLimits
from erosion.core.http.session import Web
from erosion.satellite.footprint import Places
from erosion.satellite.stac_entry import StacCollection

_log = logging.getLogger(__name__)

PAGE: Final = 100
"""Items asked for at once; the usual servers refuse answers of several megabytes."""

SEARCH: Final = SearchLimits(answer=Limits(most_bytes=32_000_000))
"""Limits of a search. 100 items of Sentinel-2 are 2 to 6 MB; parsed, JSON takes up to twenty times its size."""

MEND: Final = "Is this the right catalogue? A shorter time or a smaller area needs less (scenes.since, area)"

_LONGEST_NAME: Final = 100  # letters of a title that stand in a list of what was left out


def raw_items(
    source: StacCollection,
    web: Web,
    places: Places,
    first: pd.Timestamp,
    last: pd.Timestamp,
    skipped: list[Skipped],
    limits: SearchLimits,
) -> Iterator[dict[str, Any]]:
    """Items as the catalogue gives them, by search where it is an API, else by walking its links.

    A search that reaches one of its limits ends with what was read until then, and is listed under the name of the source.
    """
    root = catalog_address(source)
    if root.startswith(("http://", "https://")):
        _log.info(f"asking {source.name} for scenes of {first:%Y-%m-%d} to {last:%Y-%m-%d} ...")
    document = _read_json(root, web)
    links = [link for link in _links(document) if link.get("rel") == "search"]
    meter = Meter(limits, web, MEND)
    count, ended = 0, False
    try:
        if links:
            found = _search(source, web, root, links, places, first, last, skipped, meter)
        else:
            found = _walk(source, web, root, document, skipped, meter)
        for raw in found:
            count += 1
            yield raw
    except SearchEndedError as err:
        ended = True
        skipped.append(Skipped(source.name, f"{err}; {count} items were read"))
    if count or ended:
        return
    if links:
        _check_collection(source, web, root)
    elif not skipped:
        raise SourceError(
            f"{source.name}: no item of collection {source.collection!r} in {without_secrets(root)}; check 'collection'"
        )


def _search(
    source: StacCollection,
    web: Web,
    root: str,
    links: Sequence[Mapping[str, Any]],
    places: Places,
    first: pd.Timestamp,
    last: pd.Timestamp,
    skipped: list[Skipped],
    meter: Meter,
) -> Iterator[dict[str, Any]]:
    # Heavy, and most commands search no catalogue.
    from pystac_client import ItemSearch
    from pystac_client.exceptions import APIError

    method = "POST" if any(link.get("method") == "POST" for link in links) else "GET"
    address = _joined(root, str(links[0]["href"]))
    for box in places.boxes:
        search = ItemSearch(
            address,
            method=method,
            stac_io=_client_io(web, meter),
            collections=[source.collection],
            bbox=list(box),
            datetime=f"{first:%Y-%m-%dT%H:%M:%SZ}/{last:%Y-%m-%dT%H:%M:%SZ}",
            limit=PAGE,
        )
        seen: set[str] = set()
        try:
            for number, page in enumerate(search.pages_as_dicts(), start=1):
                fresh = [raw for raw in page.get("features", []) if raw.get("id") not in seen]
                if not fresh:
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
            prefix = f"{without_secrets(address)}: HTTP {status}: " if status else ""
            raise WebError(f"{prefix}{first_line(err)}", status) from None
        except (
            ValueError,
            TypeError,
            AttributeError,
            KeyError,
        ) as err:  # the latter: pystac-client, of a malformed link
            raise WebError(f"{without_secrets(address)}: the answer is no page of items ({first_line(err)})") from None


def _check_collection(source: StacCollection, web: Web, root: str) -> None:
    """Raise SourceError where the API has no such collection, since a search for it finds nothing."""
    try:
        web.get_json(f"{root.rstrip('/')}/collections/{source.collection}")
    except WebError as err:
        if err.status == 404:
            raise SourceError(
                f"{source.name}: {without_secrets(root)} has no collection {source.collection!r}; check 'collection'"
            ) from None


def _client_io(web: Web, meter: Meter) -> Any:
    """pystac-client's reader, with our session below it; a page without a list of items is an error, not an empty one."""
    from pystac_client.stac_api_io import StacApiIO  # heavy, and most commands search no catalogue

    class Reader(StacApiIO):
        def read_json(self, source: Any, *args: Any, **kwargs: Any) -> Any:
            meter.page()
            if isinstance(source, str):
                web.check(source)  # what is no web address would be read as a file
            page = parse_json(self.read_text(source, *args, **kwargs), meter.limits.answer)
            features = page.get("features") if isinstance(page, dict) else None
            if not isinstance(features, list) or not all(isinstance(raw, dict) for raw in features):
                raise ValueError("it has no list of items under 'features'")
            return {**page, "links": _links(page)}

    reader = Reader(max_retries=None)
    web.headers.update(reader.session.headers)
    reader.session = web
    return reader


def _walk(
    source: StacCollection, web: Web, root: str, document: dict[str, Any], skipped: list[Skipped], meter: Meter
) -> Iterator[dict[str, Any]]:
    """Items of a static catalogue: the collection is looked for below the root, then everything below it is read."""
    visited: set[str] = set()

    def below(where: str, node: dict[str, Any], inside: bool, depth: int = 0) -> Iterator[dict[str, Any]]:
        inside = inside or node.get("id") == source.collection
        if depth > meter.limits.most_depth:
            meter.failure()
            reason = (
                f"{without_secrets(where)} lies more than {meter.limits.most_depth} catalogues deep; what is below it was "
                "not read; is this the right catalogue?"
            )
            skipped.append(Skipped(source.name, reason))
            return
        for link in _links(node):
            rel, there = link.get("rel"), link["href"]
            if rel not in ("child", "item") or (rel == "item" and not inside):
                continue
            try:
                there = _joined(where, there)
                if there in visited:
                    continue
                meter.node()
                visited.add(there)
                found = _read_json(there, web)
            except WebError as err:
                meter.failure()
                # A branch that cannot be read is named; whether it held the collection shows below. One that may be there
                # the next night leaves the search unfinished, which an entry under the name of the source reports.
                gone = err.status in (404, 410)
                name = str(link.get("title") or without_secrets(there).rsplit("/", 1)[-1])[:_LONGEST_NAME]
                skipped.append(Skipped(name if gone else source.name, str(err)))
                continue
            if rel == "child":
                yield from below(there, found, inside, depth + 1)
            else:
                _make_absolute(found, there)
                yield found

    yield from below(root, document, document.get("id") == source.collection)


def _joined(where: str, href: str) -> str:
    """Absolute address of a link; WebError where it is none."""
    try:
        return urljoin(where, href)
    except ValueError:
        raise WebError(f"{without_secrets(href)[:_LONGEST_NAME]}: is no address") from None


def _links(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Links of a STAC document that lead somewhere."""
    links = document.get("links")
    whole = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [link for link in whole if isinstance(link.get("rel"), str) and isinstance(link.get("href"), str)]


def _make_absolute(raw: Mapping[str, Any], where: str) -> None:
    """Make the addresses of an item's files absolute, in place; assets that are none are reported with the item."""
    assets = raw.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        if isinstance(asset, dict) and isinstance(asset.get("href"), str):
            with contextlib.suppress(ValueError):  # no address; it is reported with the item
                asset["href"] = make_absolute_href(asset["href"], where, start_is_dir=False)


def catalog_address(source: StacCollection) -> str:
    """Address of the catalogue; a path is relative to the catalogue entry."""
    if "://" in source.catalog:
        return source.catalog
    return str((source.described_in.parent / source.catalog).resolve())


def _read_json(where: str, web: Web) -> dict[str, Any]:
    """STAC document at an address, or in a file; files are led to only by a catalogue that is a file itself."""
    found = web.get_json(where) if "://" in where else _read_file(Path(where), web.limits)
    if not isinstance(found, dict):
        raise WebError(f"{without_secrets(where)}: is no STAC document")
    return found


def _read_file(path: Path, limits: Limits) -> Any:
    if not path.is_file():
        raise WebError(f"{path.name}: is no file")
    try:
        if path.stat().st_size > limits.most_bytes:
            raise WebError(f"{path.name}: is more than {limits.most_bytes / 1e6:g} MB")
        return parse_json(path.read_bytes(), limits)
    except (OSError, ValueError) as err:
        raise WebError(f"{path.name}: {first_line(err)}") from None


def first_line(err: Exception) -> str:
    """First line of an error, without secrets."""
    return without_secrets(err).strip().split("\n")[0][:200] or type(err).__name__
