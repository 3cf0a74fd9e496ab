"""Catalogues whose links, redirects and headers are malformed: an error of the source or of the branch, never of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erosion.core.errors import SourceError
from erosion.core.http.errors import WebError
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Web
from erosion.satellite import stac
from tests.gauge_server import GaugeServer
from tests.json_server import json_server
from tests.made_scenes import make_corridor, make_source, optical, write_item

QUICK = RetryPolicy(tries=2, first_wait_s=0.01, longest_wait_s=0.1, connect_s=2.0, read_s=2.0)
DAYS = ("2024-01-01", "2024-12-31")
BASE = {"stac_version": "1.0.0", "description": "made for a test", "type": "Catalog", "id": "made"}
ODD = [
    "http://[broken/",
    "http://[::1",
    "http://host:port/x",
    "http://\x00/",
    "//[",
    "http://" + "a" * 5_000,
    "\ud800",
    "http://*/",
]


@pytest.fixture(scope="module")
def item(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made = write_item(tmp_path_factory.mktemp("one"), "one", optical(1, shape=(24, 24)))
    for asset in made["assets"].values():
        asset["href"] = "https://data.example.org/one.tif"
    return made


def find(catalog: str) -> Any:
    return stac.find_passes(make_source(catalog), None, make_corridor(20, 20), *DAYS, retry=QUICK)


@pytest.mark.parametrize("place", [*ODD[:4], "http://a..b/", "http://x:99999/", "%", "", "\xff\xfe"])
def test_a_redirect_to_nowhere_is_an_error_of_the_request(place: str) -> None:
    with GaugeServer() as server, Web(QUICK, catalog=server.url) as web:
        server.answer("/a", b"", status=302, headers={"Location": place.replace("\x00", "%00")})
        with pytest.raises(WebError):
            web.get_json(f"{server.url}/a")
        assert isinstance(web.probe(f"{server.url}/a").words, str)


@pytest.mark.parametrize(
    "header", ["Mon, 01 Jan 0001 00:00:00 -0000", "nan", "inf", "-1", "1e999", "Fri, 99 Foo 99999", "", "\xb2"]
)
def test_a_malformed_wait_is_no_wait(header: str) -> None:
    with GaugeServer() as server, Web(QUICK, catalog=server.url) as web:
        server.answer("/a", b"", status=503, headers={"Retry-After": header})
        with pytest.raises(WebError, match="HTTP 503"):
            web.get_json(f"{server.url}/a")


@pytest.mark.parametrize("href", ODD)
def test_a_search_that_leads_nowhere_is_an_error_of_the_source(href: str) -> None:
    def answer(_: str, path: str) -> Any:
        return {**BASE, "links": [{"rel": "search", "href": href}]} if path == "/" else None

    with json_server(answer) as (url, _), pytest.raises(SourceError, match="made_s2: the catalogue cannot be read"):
        find(f"{url}/")


@pytest.mark.parametrize(
    "link",
    [
        *({"href": href} for href in ODD),
        {"href": "{url}/search?x", "method": 5},
        {"href": "{url}/search?x", "method": "DROP TABLE"},
        {"href": "{url}/search?x", "method": "POST", "body": [1]},
        {"href": "{url}/search?x", "method": "POST", "body": "x", "merge": True},
        {"href": "{url}/search?x", "headers": ["x"]},
        {"href": "{url}/search?x", "headers": {"x": {}}},
        {"href": "{url}/search?x", "headers": {"a\nb": "c"}},
        {"href": "{url}/search?x", "type": 3, "title": {}},
    ],
    ids=lambda link: str(link)[:40].encode("ascii", "replace").decode(),
)
def test_a_next_page_that_leads_nowhere_is_an_error_of_the_source(item: dict[str, Any], link: dict[str, Any]) -> None:
    def answer(url: str, path: str) -> Any:
        if path == "/":
            return {**BASE, "links": [{"rel": "search", "href": f"{url}/search", "method": "GET"}]}
        if path.startswith("/search?x"):
            return b"?"
        follow = {"rel": "next", **link, "href": link["href"].replace("{url}", url)}
        return {"type": "FeatureCollection", "features": [item], "links": [follow]}

    with json_server(answer) as (url, _), pytest.raises(SourceError, match="made_s2: the catalogue cannot be read"):
        find(f"{url}/")


@pytest.mark.parametrize("rel", ["child", "item"])
@pytest.mark.parametrize("href", ODD)
def test_a_branch_that_leads_nowhere_is_listed_and_the_rest_is_read(item: dict[str, Any], rel: str, href: str) -> None:
    def answer(url: str, path: str) -> Any:
        links = [{"rel": rel, "href": href}, {"rel": "item", "href": f"{url}/one.json"}]
        return {"/": {**BASE, "links": links}, "/one.json": item}.get(path)

    with json_server(answer) as (url, _):
        refs, skipped = find(f"{url}/")
    assert [ref.items[0].id for ref in refs] == ["one"]
    assert len(skipped) == 1 and not skipped[0].usual


def test_a_branch_of_a_file_that_leads_nowhere_is_listed(tmp_path: Path) -> None:
    write_item(tmp_path, "one", optical(1, shape=(24, 24)))
    collection = tmp_path / "made" / "collection.json"
    collection.write_text(
        collection.read_text().replace('"links": [', '"links": [{"rel": "item", "href": "a\\u0000b"}, ')
    )
    refs, skipped = find(str(tmp_path / "catalog.json"))
    assert [ref.items[0].id for ref in refs] == ["one"]
    assert [entry.scene for entry in skipped] == ["made_s2"]


@pytest.mark.parametrize("href", ODD)
def test_an_item_whose_file_leads_nowhere_is_listed(item: dict[str, Any], href: str) -> None:
    bad = {**item, "id": "bad", "assets": {**item["assets"], "green": {"href": href}}}

    def answer(url: str, path: str) -> Any:
        links = [{"rel": "item", "href": f"{url}/{name}.json"} for name in ("bad", "one")]
        return {"/": {**BASE, "links": links}, "/one.json": item, "/bad.json": bad}.get(path)

    with json_server(answer) as (url, _):
        refs, skipped = find(f"{url}/")
    assert [ref.items[0].id for ref in refs if len(ref.items) == 1] == ["one"]
    assert [entry.scene for entry in skipped] == ["bad"]
