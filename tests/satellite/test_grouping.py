"""From items to passes: which items are one pass, which of a tile made twice stands, and when a pass could be had."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pystac
import pytest

from erosion.satellite.grouping import PassRef, group
from tests.made_scenes import make_source
from tests.recorded_items import S2, recorded, renamed


def one(items: list[pystac.Item], **changes: Any) -> tuple[PassRef, list[Any]]:
    refs, skipped = group(items, make_source("x", **changes))
    assert len(refs) == 1
    return refs[0], skipped


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
