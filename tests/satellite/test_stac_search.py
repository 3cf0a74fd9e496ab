"""Search: which items become which passes, what is listed as left out, and where paging and outlines can lead astray."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pystac
import pytest
from pyproj import Transformer

from erosion.config.region import utm_zone
from erosion.config.sources import load_source
from erosion.core.errors import SourceError
from erosion.satellite import stac
from erosion.satellite.footprint import corridor_boxes, touches
from erosion.satellite.grouping import group, orbit_of
from erosion.satellite.items import (
    assets_of,
    boa_shift,
    hash_items,
    lacking,
    platform_of,
    processing_baseline,
    said_grid,
)
from tests.made_scenes import SIZE, X0, Y0, make_corridor, make_source, optical, save_item, write_item
from tests.stac_server import StacServer

DAYS = ("2024-01-01", "2024-12-31")
DATA = Path(__file__).resolve().parents[1] / "data" / "stac"
RECORDED: dict[str, dict[str, Any]] = {
    item["id"]: item for item in json.loads((DATA / "recorded_items.json").read_text())["features"]
}
SMALL = (24, 24)


def recorded(name: str, **properties: Any) -> pystac.Item:
    """A recorded item, with some properties changed (None takes one out)."""
    raw = copy.deepcopy(RECORDED[name])
    raw["properties"].update(properties)
    raw["properties"] = {key: value for key, value in raw["properties"].items() if value is not None}
    return pystac.Item.from_dict(raw, migrate=False)


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


# --- passes -----------------------------------------------------------------------------------------------------------

S2 = "S2A_33TWN_20210328_0_L2A"


def one(items: list[pystac.Item], **changes: Any) -> tuple[stac.PassRef, list[Any]]:
    refs, skipped = group(items, make_source("x", **changes))
    assert len(refs) == 1
    return refs[0], skipped


def renamed(item: pystac.Item, name: str) -> pystac.Item:
    item.id = name
    return item


def test_of_a_tile_made_twice_the_newest_stands() -> None:
    old = recorded(S2)
    fresh = renamed(
        recorded(S2, **{"s2:processing_baseline": "05.00", "updated": "2020-01-01T00:00:00Z", "s2:sequence": "0"}),
        "collection-1",
    )
    ref, skipped = one([fresh, old])
    assert [item.id for item in ref.items] == ["collection-1"]
    assert [(s.scene, "collection-1" in s.reason) for s in skipped] == [(S2, True)]


@pytest.mark.parametrize(
    "newer",
    [
        {"s2:datastrip_id": "S2A_OPER_MSI_L2A_DS_VGS2_20220101T113651_S20210328T095356_N02.14"},
        {"s2:sequence": "1"},
        {"updated": "2024-01-01T00:00:00.000Z"},
    ],
)
def test_with_the_same_baseline_it_is_time_made_sequence_or_last_change(newer: dict[str, str]) -> None:
    for order in (1, -1):
        ref, _ = one([recorded(S2), renamed(recorded(S2, **newer), "newer")][::order])
        assert [item.id for item in ref.items] == ["newer"]


def test_a_higher_baseline_beats_a_later_change() -> None:
    late = renamed(recorded(S2, updated="2025-01-01T00:00:00Z", **{"s2:sequence": "3"}), "touched")
    high = renamed(recorded(S2, **{"s2:processing_baseline": "05.00"}), "baseline")
    assert [item.id for item in one([late, high])[0].items] == ["baseline"]


def test_two_parts_of_a_tile_both_stay() -> None:
    # The downlink changed in the middle of the tile: one datatake, two datastrips that were sensed one after the other.
    other = renamed(
        recorded(S2, **{"s2:datastrip_id": "S2A_OPER_MSI_L2A_DS_MTI__20210328T113651_S20210328T095412_N02.14"}), "part"
    )
    ref, skipped = one([recorded(S2), other])
    assert {item.id for item in ref.items} == {S2, "part"} and skipped == []


def test_landsat_rows_of_one_path_are_one_pass_and_a_row_made_twice_counts_once() -> None:
    name = "LC09_L2SP_010065_20220129_02_T1"
    row = renamed(recorded(name, **{"landsat:wrs_row": "066"}), "row-66")
    again = renamed(recorded(name, created="2024-01-01T00:00:00Z"), "made-again")
    ref, skipped = one([recorded(name), row, again])
    assert ref.pass_id == "made_s2-landsat-9-20220129-010"
    assert {item.id for item in ref.items} == {"row-66", "made-again"}
    assert [s.scene for s in skipped] == [name]


def test_platforms_orbits_and_days_are_passes_of_their_own() -> None:
    items = [
        recorded(S2),
        renamed(recorded(S2, platform="sentinel-2b"), "b"),
        renamed(recorded(S2, **{"sat:relative_orbit": 80}), "c"),
        renamed(recorded(S2, datetime="2021-03-29T10:03:00Z"), "d"),
    ]
    refs, skipped = group(items, make_source("x"))
    assert sorted(ref.pass_id for ref in refs) == [
        "made_s2-sentinel-2a-20210328-079",
        "made_s2-sentinel-2a-20210328-080",
        "made_s2-sentinel-2a-20210329-079",
        "made_s2-sentinel-2b-20210328-079",
    ]
    assert skipped == []


def test_cloud_of_a_pass_is_the_mean_of_its_tiles() -> None:
    tile = renamed(recorded(S2, **{"eo:cloud_cover": 20.0, "grid:code": "MGRS-33TWM"}), "b")
    ref, _ = one([recorded(S2, **{"eo:cloud_cover": 10.0}), tile])
    assert ref.cloud_percent == 15.0
    assert one([recorded(S2, **{"eo:cloud_cover": None})])[0].cloud_percent is None


# --- when it could be had ---------------------------------------------------------------------------------------------


def test_available_by_latency_or_by_a_property() -> None:
    item = recorded(S2, created="2022-11-08T11:32:23Z")
    taken = pd.Timestamp(item.datetime)
    assert one([item], latency_days=1.5)[0].available_at == taken + pd.Timedelta(days=1.5)
    assert one([item], available_from="created")[0].available_at == pd.Timestamp("2022-11-08T11:32:23Z")


def test_available_when_the_last_tile_is() -> None:
    other = renamed(recorded(S2, created="2023-01-01T00:00:00Z", **{"grid:code": "MGRS-33TWM"}), "b")
    ref, _ = one([recorded(S2, created="2022-11-08T11:32:23Z"), other], available_from="created")
    assert ref.available_at == pd.Timestamp("2023-01-01T00:00:00Z")


def test_a_clock_that_is_wrong_makes_nothing_available_before_it_was_seen() -> None:
    item = recorded(S2, created="1999-01-01T00:00:00Z")
    assert one([item], available_from="created")[0].available_at == pd.Timestamp(item.datetime)


def test_without_the_property_latency_stands_in() -> None:
    item = recorded(S2)
    assert "published" not in item.properties
    ref, _ = one([item], available_from="published", latency_days=2.0)
    assert ref.available_at == pd.Timestamp(item.datetime) + pd.Timedelta(days=2)


# --- what changes the hash --------------------------------------------------------------------------------------------


def test_hash_changes_with_the_content_alone() -> None:
    source = make_source("x")

    def digest(change: Any = None, **properties: Any) -> str:
        item = recorded(S2, **properties)
        if change is not None:
            change(item)
        return hash_items([item], source)

    same = digest()
    assert digest() == same
    assert digest(lambda item: setattr(item.assets["green"], "href", item.assets["green"].href + "?sig=abc")) == same
    assert digest(**{"view:sun_azimuth": 12.0}) == same
    assert digest(updated="2025-01-01T00:00:00Z") != same
    assert digest(**{"s2:processing_baseline": "05.00"}) != same
    assert digest(lambda item: item.assets["green"].extra_fields.update({"file:checksum": "1220ab"})) != same
    assert digest(lambda item: setattr(item.assets["green"], "href", "https://h/other/B03.tif")) != same
    pair = [recorded(S2), renamed(recorded(S2), "b")]
    assert hash_items(pair, source) == hash_items(pair[::-1], source) != same


# --- recorded items of public catalogues ------------------------------------------------------------------------------

SHIFTS = {
    "S2A_33TWN_20161202_0_L2A": 0,  # 00.01
    "S2A_33TWN_20171005_0_L2A": 0,
    "S2B_33TWN_20180521_1_L2A": 0,  # 02.07
    "S2B_33TWN_20180806_0_L2A": 0,
    "S2B_33TWN_20181005_0_L2A": 0,  # 02.08
    "S2B_33TWN_20181104_0_L2A": 0,  # 02.09
    "S2A_33TWN_20181119_0_L2A": 0,  # 02.10
    "S2B_33TWN_20190503_0_L2A": 0,  # 02.11
    "S2A_33TWN_20190707_1_L2A": 0,  # 02.12
    "S2A_33TWN_20200202_0_L2A": 0,  # 02.13
    "S2A_33TWN_20210328_0_L2A": 0,  # 02.14
    "S2A_33TWN_20210629_0_L2A": 0,  # 03.00
    "S2A_33TWN_20220122_0_L2A": 0,  # 03.01, three days before the shift came
    "S2B_33TWN_20220130_0_L2A": 0,  # 04.00, taken out by the provider though still advertised
    "S2B_33TWN_20220226_0_L2A": 1000,  # 04.00, not taken out
    "S2A_32TMS_20221207_0_L2A": 0,  # 05.09, taken out
    "S2A_12RWT_20240106_0_L2A": 0,  # 05.10, taken out
    "S2A_28QCH_20200714_0_L2A": 0,  # baseline 02.14 by the product's name alone
    "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531": 0,  # Planetary Computer, 02.12
    "S2A_OPER_MSI_L2A_TL_2APS_20230602T025701_A041483_T01WCR": 1000,  # files as ESA made them, 05.09
    "S2A_OPER_MSI_L2A_TL_2APS_20230603T031757_A041497_T01WCQ": 1000,
    "S2A_OPER_MSI_L2A_TL_2APS_20230730T020155_A042312_T01VCC": 1000,
    "S2A_OPER_MSI_L2A_TL_2APS_20230806T022123_A042412_T60VXH": 1000,
    "S2B_OPER_MSI_L2A_TL_2BPS_20230503T100334_A030615_T60VXH": 1000,
    "S2B_OPER_MSI_L2A_TL_2BPS_20230512T234921_A032288_T01VCG": 1000,
    "S2B_OPER_MSI_L2A_TL_2BPS_20230513T005426_A032288_T01VCG": 1000,
}


def test_every_recorded_sentinel2_item_is_in_the_table() -> None:
    assert set(SHIFTS) == {name for name in RECORDED if name.startswith("S2")}


@pytest.mark.parametrize(("name", "shift"), SHIFTS.items())
def test_shift_of_recorded_items(name: str, shift: int) -> None:
    assert boa_shift(RECORDED[name]["properties"], "sentinel2") == shift
    assert boa_shift(RECORDED[name]["properties"], "none") == 0


def test_the_advertised_offset_is_there_and_not_looked_at() -> None:
    item = RECORDED["S2B_33TWN_20220130_0_L2A"]
    assert item["assets"]["green"]["raster:bands"][0]["offset"] == -0.1
    assert item["properties"]["earthsearch:boa_offset_applied"] is True


@pytest.mark.parametrize(
    ("name", "baseline"), [("S2A_33TWN_20161202_0_L2A", (0, 1)), ("S2A_12RWT_20240106_0_L2A", (5, 10))]
)
def test_baseline(name: str, baseline: tuple[int, int]) -> None:
    properties = RECORDED[name]["properties"]
    assert processing_baseline(properties) == baseline
    by_name = {"s2:product_uri": properties["s2:product_uri"]}
    assert processing_baseline(by_name) == baseline
    assert processing_baseline({}) is None


ENTRIES = {"S2": ("sentinel2_earth_search", "sentinel2_planetary_computer"), "L": ("landsat_earth_search",)}


@pytest.mark.parametrize("name", [name for name in RECORDED if name[0] in "SL" and not name.startswith("S1")])
def test_bands_and_grid_of_recorded_items(name: str) -> None:
    kind = "S2" if name.startswith("S2") else "L"
    entry = "sentinel2_planetary_computer" if name.startswith("S2B_MSIL2A") else ENTRIES[kind][0]
    source, item = load_source(entry), recorded(name)
    found = assets_of(item, source)
    assert set(found) == {"blue", "green", "red", "nir", "swir16", "swir22", "quality"}
    assert lacking(item, source) is None
    digits = {"S2": ("B02", "B03", "B04", "B08", "B11", "B12"), "L": None}[kind]
    if digits:
        names = [Path(found[band].href).stem for band in ("blue", "green", "red", "nir", "swir16", "swir22")]
        assert all(digit in text for digit, text in zip(digits, names, strict=True))
    else:
        modern = name[:4] in ("LC08", "LC09")
        numbers = "2 3 4 5 6 7" if modern else "1 2 3 4 5 7"
        names = [found[band].href for band in ("blue", "green", "red", "nir", "swir16", "swir22")]
        assert all(f"SR_B{n}." in text for n, text in zip(numbers.split(), names, strict=True))
        scales = [(b["scale"], b["offset"]) for b in found["green"].extra_fields.get("raster:bands", [])]
        assert scales in ([], [(source.scale, source.offset)])
    grid = said_grid(item, found["green"])
    if grid is not None:  # the oldest items tell no transform
        assert grid.pixel_m == source.pixel_m
        assert grid.crs == f"EPSG:{RECORDED[name]['properties']['proj:epsg']}"


def test_orbits_and_platforms_of_recorded_items() -> None:
    told = {name: (platform_of(recorded(name)), orbit_of(recorded(name))) for name in RECORDED}
    assert told["S2A_33TWN_20161202_0_L2A"] == ("sentinel-2a", "122")
    assert told["S2A_28QCH_20200714_0_L2A"] == ("sentinel-2a", "123")
    assert told["S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531"] == ("sentinel-2b", "043")
    assert told["S2B_OPER_MSI_L2A_TL_2BPS_20230503T100334_A030615_T60VXH"] == ("sentinel-2b", "130")
    assert told["LC08_L2SP_028030_20200114_20200824_02_T1_SR"] == ("landsat-8", "028")
    assert told["LT04_L2SP_002026_19830110_02_T1"] == ("landsat-4", "002")
    assert told["S1A_20200103_17RMJ_ASC"] == ("sentinel-1a", "121")


# --- where ------------------------------------------------------------------------------------------------------------


def at(lon: float, lat: float) -> Any:
    """Corridor of 20 km around a place, in the UTM zone it lies in."""
    crs = utm_zone((lon, lat))
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return make_corridor(200, 200, round(x, -2) - 10_000, round(y, -2) + 10_000, 100.0, crs)


OVER_180 = "S2B_OPER_MSI_L2A_TL_2BPS_20230503T100334_A030615_T60VXH"  # longitudes 178.6 to -179.6, latitude 56


@pytest.mark.parametrize(
    ("lon", "lat", "meets"),
    [(179.0, 56.6, True), (-179.7, 56.6, True), (179.99, 56.6, True), (0.0, 56.6, False), (170.0, 56.6, False),
     (-170.0, 56.6, False), (179.0, 58.5, False)],
)  # fmt: skip
def test_an_item_over_the_antimeridian_meets_only_what_it_covers(lon: float, lat: float, meets: bool) -> None:
    assert touches(recorded(OVER_180), corridor_boxes(at(lon, lat))) is meets


def test_an_item_with_a_bbox_over_the_antimeridian_and_no_outline() -> None:
    item = recorded(OVER_180)
    item.geometry, item.bbox = None, [178.6, 56.0, -179.5, 56.9]
    assert touches(item, corridor_boxes(at(179.9, 56.5)))
    assert not touches(item, corridor_boxes(at(0.0, 56.5)))


def test_a_corridor_over_the_antimeridian_is_asked_for_in_two_boxes() -> None:
    places = corridor_boxes(at(179.99, 56.6))
    assert len(places.boxes) == 2
    (west, south, edge, north), (other, *_) = places.boxes
    assert edge == 180.0 and other == -180.0 and 179 < west < 180 and 56 < south < north < 57
    assert len(corridor_boxes(at(105.3, 10.6)).boxes) == 1


def test_search_over_the_antimeridian_finds_both_sides(tmp_path: Path) -> None:
    corridor = at(179.99, 0.5)
    half = np.full((SIZE, SIZE), 2000, np.uint16)
    bands = {"green": half, "nir": half, "scl": np.full((SIZE, SIZE), 4, np.uint8)}
    t = corridor.grid.transform
    write_item(tmp_path, "west", bands, x0=t.c, y0=t.f, crs=corridor.grid.crs)
    # The same ground as the other zone tells it.
    x, y = Transformer.from_crs(corridor.grid.crs, "EPSG:32601", always_xy=True).transform(t.c + 14_000, t.f)
    write_item(tmp_path, "east", bands, x0=round(x, -1), y0=round(y, -1), crs="EPSG:32601")
    with StacServer(tmp_path) as server:
        refs, skipped = find(server.api_url, corridor=corridor)
    assert skipped == []
    assert sorted(item.id for ref in refs for item in ref.items) == ["east", "west"]


def test_southern_corridor(tmp_path: Path) -> None:
    corridor = make_corridor(40, 40, 700_000.0, 8_700_000.0, 30.0, "EPSG:32720")
    write_item(tmp_path, "a", optical(1), x0=700_000.0, y0=-1_300_000.0, pixel=30.0, crs="EPSG:32620")
    refs, _ = find(tmp_path / "catalog.json", corridor=corridor)
    assert len(refs) == 1
    (west, south, east, north), = corridor_boxes(corridor).boxes  # fmt: skip
    assert -64 < west < east < -60 and -12 < south < north < -11


def test_corridor_box_is_its_windows_not_the_whole_grid(tmp_path: Path) -> None:
    corridor = make_corridor(2048, 512)
    corridor.inside[:, 512:] = False
    east = corridor_boxes(corridor).boxes[0][2]
    lon, _ = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True).transform(X0 + 5120, Y0)
    assert east == pytest.approx(lon, abs=1e-3)
