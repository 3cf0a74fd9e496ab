"""Search: the same items by every road, what is listed as left out, and where paging and links can lead astray."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from erosion.core.errors import SourceError
from erosion.satellite import stac
from tests.made_scenes import X0, make_corridor, make_source, optical, save_item, write_item
from tests.stac_server import StacServer

DAYS = ("2024-01-01", "2024-12-31")
SMALL = (24, 24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year with a pass every ten days."""
    root = tmp_path_factory.mktemp("year")
    for number in range(30):
        day = pd.Timestamp("2024-01-03T03:20:00Z") + pd.Timedelta(days=10 * number)
        write_item(root, f"scene-{number:02d}", optical(number, shape=SMALL), day.isoformat())
    return root


@pytest.fixture
def server(folder: Path) -> Iterator[StacServer]:
    with StacServer(folder) as running:
        yield running


def find(catalog: str | Path, days: tuple[str, str] = DAYS, corridor: Any = None, **changes: Any) -> Any:
    return stac.find_passes(make_source(catalog, **changes), None, corridor or make_corridor(20, 20), *days)


# --- the same passes by every road ------------------------------------------------------------------------------------


@pytest.mark.parametrize("methods", [("GET",), ("POST",), ("GET", "POST")])
@pytest.mark.parametrize("page_size", [1, 7, 30, 100])
def test_paging_brings_every_item_once(server: StacServer, methods: tuple[str, ...], page_size: int) -> None:
    server.methods, server.page_size = methods, page_size
    refs, skipped = find(server.api_url)
    assert skipped == []
    assert [ref.items[0].id for ref in refs] == [f"scene-{number:02d}" for number in range(30)]
    assert len(server.requests("/api/search")) >= 30 / page_size


def test_api_static_https_and_local_files_agree(server: StacServer, folder: Path) -> None:
    roads = [find(where)[0] for where in (server.api_url, f"{server.static_url}/catalog.json", folder / "catalog.json")]
    assert len(roads[0]) == 30
    for refs in roads[1:]:
        assert [(ref.pass_id, ref.time, ref.available_at) for ref in refs] == [
            (ref.pass_id, ref.time, ref.available_at) for ref in roads[0]
        ]
    # The same files from another host are the same files.
    assert [ref.items_hash for ref in roads[0]] == [ref.items_hash for ref in roads[1]]


def test_days_are_kept_to_the_end_of_the_last(server: StacServer) -> None:
    refs, _ = find(server.api_url, ("2024-01-13", "2024-02-02"))
    assert [str(ref.time.date()) for ref in refs] == ["2024-01-13", "2024-01-23", "2024-02-02"]


def test_an_empty_search_is_no_error(server: StacServer) -> None:
    assert find(server.api_url, ("2019-01-01", "2019-12-31")) == ([], [])


def test_a_collection_that_the_api_does_not_have_is_no_empty_search(server: StacServer) -> None:
    with pytest.raises(SourceError, match=r"has no collection 'mede'; check 'collection'"):
        find(server.api_url, collection="mede")


@pytest.mark.parametrize("methods", [("GET",), ("POST",)])
def test_paging_in_circles_ends_and_is_listed(server: StacServer, methods: tuple[str, ...]) -> None:
    server.loops, server.page_size, server.methods = True, 10, methods
    refs, skipped = find(server.api_url)
    assert len(refs) == 10
    assert len(skipped) == 1 and "circles" in skipped[0].reason and "10 items" in skipped[0].reason
    assert len(server.requests("/api/search")) < 5


def test_a_static_catalogue_that_links_to_itself_ends(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1, shape=SMALL))
    path = tmp_path / "made" / "collection.json"
    collection = json.loads(path.read_text())
    collection["links"] += [{"rel": "child", "href": "../catalog.json"}, {"rel": "item", "href": "./a/a.json"}]
    path.write_text(json.dumps(collection))
    refs, skipped = find(tmp_path / "catalog.json")
    assert ([ref.items[0].id for ref in refs], skipped) == (["a"], [])


def test_a_collection_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1, shape=SMALL))
    with pytest.raises(SourceError, match="no item of collection 'other'"):
        find(tmp_path / "catalog.json", collection="other")


def test_only_the_collection_asked_for(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1, shape=SMALL))
    write_item(tmp_path, "b", optical(1, shape=SMALL), "2024-05-03T03:20:00Z", collection="other")
    assert [ref.items[0].id for ref in find(tmp_path / "catalog.json")[0]] == ["a"]


# --- what is left out, and why ----------------------------------------------------------------------------------------


def test_items_that_cannot_be_used_are_listed_with_the_reason(tmp_path: Path) -> None:
    write_item(tmp_path, "good", optical(1, shape=SMALL), "2024-01-03T03:20:00Z")
    write_item(tmp_path, "cloudy", optical(1, shape=SMALL), "2024-01-08T03:20:00Z", properties={"eo:cloud_cover": 93.2})
    bands = optical(1, shape=SMALL)
    del bands["green"]
    write_item(tmp_path, "no-green", bands, "2024-01-13T03:20:00Z")
    bands = optical(1, shape=SMALL)
    del bands["nir"], bands["swir16"]
    write_item(tmp_path, "no-contrast", bands, "2024-01-18T03:20:00Z")
    broken = write_item(tmp_path, "broken", optical(1, shape=SMALL), "2024-01-23T03:20:00Z")
    save_item(tmp_path, {**broken, "properties": {**broken["properties"], "datetime": "yesterday"}})
    scaled = write_item(tmp_path, "scaled", optical(1, shape=SMALL), "2024-01-28T03:20:00Z")
    scaled["assets"]["nir"]["raster:bands"] = [{"scale": 2.75e-5, "offset": -0.2}]
    save_item(tmp_path, scaled)
    refs, skipped = find(tmp_path / "catalog.json", max_cloud_percent=80.0)
    assert [ref.items[0].id for ref in refs] == ["good"]
    reasons = {left_out.scene: left_out.reason for left_out in skipped}
    assert set(reasons) == {"cloudy", "no-green", "no-contrast", "broken", "scaled"}
    assert "93 % cloud" in reasons["cloudy"]
    assert "no file for green (looked for B03, green; it has nir, scl, swir16)" in reasons["no-green"]
    assert "nir or swir16" in reasons["no-contrast"]
    assert "no readable STAC item" in reasons["broken"]
    assert "scale 2.75e-05" in reasons["scaled"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"properties": {"eo:cloud_cover": "n/a"}},
        {"properties": {"eo:cloud_cover": [1]}},
        {"properties": {"sat:relative_orbit": "²"}},
        {"properties": {"s2:sequence": "²"}},
        {"properties": {"created": "soon"}},
        {"properties": {"proj:epsg": "abc"}},
        {"green": {"raster:bands": "x"}},
        {"green": {"raster:bands": [{"scale": "x"}]}},
        {"green": {"proj:transform": [1, 2]}},
        {"green": {"proj:shape": [float("nan"), 1]}},
        {"item": {"id": 5}},
        {"item": {"assets": None}},
        {"item": {"geometry": {"type": "Polygon", "coordinates": [[[1, 2]]]}}},
    ],
    ids=str,
)
def test_nothing_that_an_item_says_ends_the_search(tmp_path: Path, wrong: dict[str, Any]) -> None:
    write_item(tmp_path, "good", optical(1, shape=SMALL), "2024-01-03T03:20:00Z")
    item = write_item(tmp_path, "bad", optical(1, shape=SMALL), "2024-01-08T03:20:00Z")
    item["properties"] |= wrong.get("properties", {})
    item["assets"]["green"] |= wrong.get("green", {})
    (tmp_path / "made" / "bad" / "bad.json").write_text(json.dumps({**item, **wrong.get("item", {})}))
    refs, skipped = find(tmp_path / "catalog.json", available_from="created")
    assert [ref.items[0].id for ref in refs] == ["good"]
    assert [left_out.scene for left_out in skipped] == [str(wrong.get("item", {}).get("id", "bad"))]


@pytest.mark.parametrize("answer", [[1], {}, {"features": None}, {"features": ["a"]}, {"features": {"a": 1}}], ids=str)
def test_an_answer_without_items_is_no_empty_search(server: StacServer, answer: Any) -> None:
    server.answer = answer
    with pytest.raises(SourceError, match="no page of items"):
        find(server.api_url)


@pytest.mark.parametrize("links", [None, ["x"], [{"rel": "next"}], [{"href": "x"}]], ids=str)
def test_links_that_lead_nowhere_are_none(server: StacServer, links: Any) -> None:
    raw = json.loads((server.root / "made" / "scene-00" / "scene-00.json").read_text())
    for name, asset in raw["assets"].items():
        asset["href"] = f"{server.static_url}/made/scene-00/{name}.tif"
    server.answer = {"features": [raw], "links": links}
    refs, skipped = find(server.api_url)
    assert len(refs) == 1 and skipped == []


def test_a_catalogue_that_grows_deeper_as_it_is_read_ends_and_is_listed(tmp_path: Path) -> None:
    for number in range(100):
        node = {"type": "Catalog", "id": str(number), "links": [{"rel": "child", "href": f"./{number + 1}.json"}]}
        (tmp_path / f"{number}.json").write_text(json.dumps(node))
    refs, skipped = find(tmp_path / "0.json")
    assert refs == [] and [left_out.scene for left_out in skipped] == ["made_s2"]
    assert "more than 50 catalogues deep" in skipped[0].reason


def test_an_item_that_does_not_say_where_it_lies_is_looked_at(tmp_path: Path) -> None:
    item = write_item(tmp_path, "a", optical(1, shape=SMALL))
    save_item(tmp_path, {**item, "geometry": None, "bbox": None})
    assert len(find(tmp_path / "catalog.json")[0]) == 1
    save_item(tmp_path, {**item, "geometry": None, "bbox": [-180, -90, 180, 90]})
    assert len(find(tmp_path / "catalog.json")[0]) == 1


def test_an_unknown_baseline_is_listed_not_guessed(tmp_path: Path) -> None:
    write_item(tmp_path, "a", optical(1, shape=SMALL))
    refs, skipped = find(tmp_path / "catalog.json", boa_offset="sentinel2")
    assert refs == []
    assert [s.scene for s in skipped] == ["a"] and "no processing baseline" in skipped[0].reason


def test_tiles_beside_the_corridor_are_no_concern(tmp_path: Path) -> None:
    write_item(tmp_path, "here", optical(1, shape=SMALL))
    write_item(tmp_path, "there", optical(1, shape=SMALL), x0=X0 + 50_000)
    refs, skipped = find(tmp_path / "catalog.json")
    assert [[item.id for item in ref.items] for ref in refs] == [["here"]] and skipped == []


def test_known_passes_are_returned_as_well(folder: Path) -> None:
    refs, _ = find(folder / "catalog.json")
    source = make_source(folder / "catalog.json")
    again, _ = stac.find_passes(source, None, make_corridor(20, 20), *DAYS, {ref.pass_id: "old" for ref in refs})
    assert [(ref.pass_id, ref.items_hash) for ref in again] == [(ref.pass_id, ref.items_hash) for ref in refs]
