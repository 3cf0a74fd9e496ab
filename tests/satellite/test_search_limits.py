"""Catalogues without end: a search ends at its limits, keeps what it has read, and is listed as not read to its end."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from erosion.core.errors import SourceError
from erosion.core.http.limits import Limits
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.search_limits import SearchLimits
from erosion.satellite import stac
from tests.json_server import json_server
from tests.made_scenes import make_corridor, make_source, optical, write_item
from tests.raw_server import drips, floods, raw_server

QUICK = RetryPolicy(tries=2, first_wait_s=0.01, longest_wait_s=0.1, connect_s=2.0, read_s=2.0)
DAYS = ("2024-01-01", "2024-12-31")
BASE = {"stac_version": "1.0.0", "description": "made for a test"}


@pytest.fixture(scope="module")
def item(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An item over the corridor, with absolute addresses of its files."""
    made = write_item(tmp_path_factory.mktemp("one"), "one", optical(1, shape=(24, 24)))
    for asset in made["assets"].values():
        asset["href"] = "https://data.example.org/one.tif"
    return made


def numbered(item: dict[str, Any], number: int) -> dict[str, Any]:
    """The item under another name, of another orbit, so that each is a pass of its own."""
    other = copy.deepcopy(item)
    other["id"] = f"item-{number}"
    other["properties"]["sat:relative_orbit"] = 1 + number % 143
    return other


def find(catalog: str, limits: SearchLimits, days: tuple[str, str] = DAYS) -> Any:
    source = make_source(catalog)
    return stac.find_passes(source, None, make_corridor(20, 20), *days, retry=QUICK, limits=limits)


def ended(skipped: list[Any]) -> str:
    """Reason of a search that was not read to its end: the only thing listed, under the name of the source."""
    assert [entry.scene for entry in skipped] == ["made_s2"]
    assert not skipped[0].usual and "what lies behind was not read" in skipped[0].reason
    return skipped[0].reason


# --- paging -----------------------------------------------------------------------------------------------------------


def api(url: str, **search: Any) -> dict[str, Any]:
    return {**BASE, "type": "Catalog", "id": "api", "links": [{"rel": "search", "href": f"{url}/search", **search}]}


def endless(item: dict[str, Any], padding: int = 0) -> Any:
    """An API each of whose pages brings one more item and leads to another page."""

    def answer(url: str, path: str) -> Any:
        if not path.startswith("/search"):
            return api(url)
        number = int(parse_qs(urlsplit(path).query).get("page", ["0"])[0])
        follow = {"rel": "next", "href": f"{url}/search?page={number + 1}"}
        page = {"type": "FeatureCollection", "features": [numbered(item, number)], "links": [follow]}
        return {**page, "padding": "x" * padding}

    return answer


def test_paging_without_end_is_ended(item: dict[str, Any]) -> None:
    with json_server(endless(item)) as (url, asked):
        refs, skipped = find(url, SearchLimits(most_pages=7))
    assert sum(path.startswith("/search") for path in asked) == 7
    assert len(refs) == 7
    assert "ended after 7 pages" in ended(skipped) and "7 items were read" in skipped[0].reason


def test_pages_that_are_many_bytes_together_are_ended(item: dict[str, Any]) -> None:
    with json_server(endless(item, padding=50_000)) as (url, asked):
        refs, skipped = find(url, SearchLimits(most_bytes=300_000))
    assert "ended after 0.3 MB" in ended(skipped)
    assert len(refs) == sum(path.startswith("/search") for path in asked) <= 6


def test_a_search_that_takes_too_long_is_ended(item: dict[str, Any]) -> None:
    def slow(url: str, path: str) -> Any:
        time.sleep(0.05)
        return endless(item)(url, path)

    started = time.monotonic()
    with json_server(slow) as (url, _):
        refs, skipped = find(url, SearchLimits(longest_s=0.5))
    assert "ended after 0.5 s" in ended(skipped)
    assert refs and time.monotonic() - started < 5.0


def test_the_limits_are_those_of_one_search(item: dict[str, Any]) -> None:
    """A search that ends by itself at its limit is whole."""

    def three(url: str, path: str) -> Any:
        page = endless(item)(url, path)
        return {**page, "links": []} if path.endswith("page=2") else page

    with json_server(three) as (url, _):
        refs, skipped = find(url, SearchLimits(most_pages=3))
        assert (len(refs), skipped) == (3, [])
        _, skipped = find(url, SearchLimits(most_pages=2))
    assert "ended after 2 pages" in ended(skipped)


@pytest.mark.parametrize("href", ["file:///etc/hostname", "/etc/hostname", "ftp://127.0.0.1/x"])
def test_a_search_that_leads_to_a_file_is_no_search(item: dict[str, Any], href: str) -> None:
    def answer(url: str, path: str) -> Any:
        return {**api(url), "links": [{"rel": "search", "href": href}]} if path == "/" else None

    with json_server(answer) as (url, _), pytest.raises(SourceError, match="the catalogue cannot be read"):
        find(f"{url}/", SearchLimits())


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b'{"features": [' + b" " * 300_000 + b'], "links": []}', "more than 0.2 MB"),
        (b'{"features": [], "links": [], "x": ' + b"[" * 200 + b"]" * 200 + b"}", "nested more than 100 levels"),
        (b'{"features": [], "links": [], "x": ' + b"[" * 9_000 + b"]" * 9_000 + b"}", "nested more than 100 levels"),
    ],
    ids=["huge", "deep", "deeper than Python goes"],
)
def test_a_page_beyond_the_limits_is_an_error_of_the_source(page: bytes, words: str) -> None:
    limits = SearchLimits(answer=Limits(most_bytes=200_000))
    with json_server(lambda url, path: page if path.startswith("/search") else api(url)) as (url, asked):
        with pytest.raises(SourceError, match=f"made_s2: the catalogue cannot be read: .*{words}"):
            find(url, limits)
        assert sum(path.startswith("/search") for path in asked) == 1, "asking again would bring the same"
    with json_server(lambda *_: page) as (url, _), pytest.raises(SourceError, match=words):
        find(url, limits)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ", 0.05), "not whole after 0.4 s"),
        (floods(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" " * 9_999), "more than 0.2 MB"),
    ],
    ids=["drip", "flood"],
)
def test_a_catalogue_that_drips_or_floods_is_an_error_of_the_source(script: Any, words: str) -> None:
    limits = SearchLimits(answer=Limits(most_bytes=200_000, longest_s=0.4))
    with raw_server(script) as (url, _), pytest.raises(SourceError, match=words):
        find(url, limits)


# --- static catalogues ------------------------------------------------------------------------------------------------


def catalog(name: str, *links: tuple[str, str]) -> dict[str, Any]:
    return {**BASE, "type": "Catalog", "id": name, "links": [{"rel": rel, "href": href} for rel, href in links]}


def tree(item: dict[str, Any], width: int) -> Any:
    """A catalogue each of whose catalogues holds one item and more catalogues, for ever."""

    def answer(url: str, path: str) -> Any:
        if path.endswith(".json"):
            return numbered(item, sum(map(ord, path)))
        children = [("child", f"{url}{path.rstrip('/')}/{number}") for number in range(width)]
        return catalog("made", ("item", f"{url}{path.rstrip('/')}/item.json"), *children)

    return answer


def test_a_tree_without_end_in_breadth_is_ended(item: dict[str, Any]) -> None:
    with json_server(tree(item, 3)) as (url, asked):
        refs, skipped = find(f"{url}/", SearchLimits(most_nodes=30))
    assert len(asked) == 31  # the root is no node
    assert refs and "ended after 30 documents" in ended([entry for entry in skipped if entry.scene == "made_s2"])


def test_a_tree_without_end_in_depth_is_listed(item: dict[str, Any]) -> None:
    with json_server(tree(item, 1)) as (url, asked):
        refs, skipped = find(f"{url}/", SearchLimits(most_depth=6))
    assert len(asked) < 20 and refs
    assert [entry.scene for entry in skipped] == ["made_s2"]
    assert "lies more than 6 catalogues deep; what is below it was not read" in skipped[0].reason


def test_the_list_of_what_cannot_be_read_is_bounded(item: dict[str, Any]) -> None:
    children = [("child", f"./{number}.json") for number in range(50)]
    with json_server(lambda _, path: catalog("made", *children) if path == "/" else None) as (url, asked):
        _, skipped = find(f"{url}/", SearchLimits(most_failures=4))
    assert len(skipped) == 5 and len(asked) == 6
    assert "ended after 4 documents that cannot be read" in skipped[-1].reason


def test_a_tree_in_circles_is_read_once(item: dict[str, Any]) -> None:
    def answer(_: str, path: str) -> Any:
        documents = {
            "/": catalog("root", ("child", "./a"), ("child", "./"), ("child", "./b")),
            "/a": catalog("made", ("child", "./b"), ("item", "./one.json"), ("child", "/"), ("item", "/one.json")),
            "/b": catalog("other", ("child", "./a"), ("child", "./b"), ("child", "/")),
            "/one.json": item,
        }
        return documents.get(path)

    with json_server(answer) as (url, asked):
        refs, skipped = find(f"{url}/", SearchLimits(most_nodes=20))
    assert ([ref.items[0].id for ref in refs], skipped) == (["one"], [])
    assert len(asked) == 5  # the root twice, since it is linked to


@pytest.mark.parametrize(
    ("branch", "words"),
    [(b"[" * 200 + b"]" * 200, "nested more than 100 levels"), (b'"' + b"x" * 300_000 + b'"', "more than 0.2 MB")],
)
def test_a_branch_beyond_the_limits_is_listed_and_the_rest_is_read(
    item: dict[str, Any], branch: bytes, words: str
) -> None:
    def answer(_: str, path: str) -> Any:
        root = catalog("made", ("child", "./bad"), ("item", "./one.json"))
        return {"/": root, "/bad": branch, "/one.json": item}[path]

    with json_server(answer) as (url, _):
        refs, skipped = find(f"{url}/", SearchLimits(answer=Limits(most_bytes=200_000)))
    assert [ref.items[0].id for ref in refs] == ["one"]
    assert [(entry.scene, words in entry.reason) for entry in skipped] == [("made_s2", True)]


@pytest.mark.parametrize("content", ["[" * 9_000 + "]" * 9_000, " " * 300_000])
def test_files_of_ones_own_have_the_same_limits(tmp_path: Path, item: dict[str, Any], content: str) -> None:
    (tmp_path / "one.json").write_text(json.dumps(item))
    (tmp_path / "bad.json").write_text(content)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog("made", ("child", "bad.json"), ("item", "one.json"))))
    refs, skipped = find(str(tmp_path / "catalog.json"), SearchLimits(answer=Limits(most_bytes=200_000)))
    assert [ref.items[0].id for ref in refs] == ["one"]
    assert [entry.scene for entry in skipped] == ["made_s2"]
