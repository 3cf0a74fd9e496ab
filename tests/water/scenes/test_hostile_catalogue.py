"""A night whose catalogue does not keep to any limit: it is listed, what is stored stays in use, and the next night runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erosion.core.http.limits import Limits
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.search_limits import SearchLimits
from erosion.satellite import stac
from tests.json_server import json_server
from tests.made_scenes import make_source
from tests.raw_server import drips, floods, raw_server
from tests.scene_world import World

QUICK = RetryPolicy(tries=2, first_wait_s=0.01, longest_wait_s=0.1, connect_s=2.0, read_s=2.0)
TINY = SearchLimits(answer=Limits(most_bytes=200_000, longest_s=0.4), most_nodes=20, longest_s=5.0)


class Catalogue:
    """The driver of catalogues, at an address and with limits of the test."""

    def __init__(self, address: str) -> None:
        self.address = address

    def find_passes(self, source: Any, region: Any, corridor: Any, start: Any, end: Any, known: Any = None) -> Any:
        entry = make_source(self.address, name=source.name)
        return stac.find_passes(entry, region, corridor, start, end, known, QUICK, TINY)


def tree_without_end(_: str, path: str) -> Any:
    links = [{"rel": "child", "href": f"{path.rstrip('/')}/{number}"} for number in range(3)]
    return {"type": "Catalog", "id": "made", "stac_version": "1.0.0", "description": "", "links": links}


SERVERS = {
    "drip": lambda: raw_server(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ", 0.05)),
    "flood": lambda: raw_server(floods(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" " * 9_999)),
    "tree": lambda: json_server(tree_without_end),
}


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("drip", "not whole after 0.4 s"),
        ("flood", "more than 0.2 MB"),
        ("tree", "ended after 20 documents"),
    ],
)
def test_a_night_with_a_catalogue_without_end(tmp_path: Path, server: str, words: str) -> None:
    world = World(tmp_path).source()
    first = world.scene("2021-02-03")
    assert world.night("2021-02-10") == []
    with SERVERS[server]() as (url, _):
        listed = world.night("2021-02-11", drivers={"scene_folder": Catalogue(url)})
    assert [(entry.scene, entry.usual, words in entry.reason) for entry in listed] == [("s2", False, True)], listed
    second = world.scene("2021-02-05")
    assert world.night("2021-02-12") == [], (
        "the lock of the region is free, and what was not searched is searched again"
    )
    assert {first, second} == stored(world)


def stored(world: World) -> set[str]:
    """Passes of the store."""
    return {path.name.split(".r")[0] for path in world.store.rglob("*.r*.tif")}
