"""What an item tells: shift, baseline, bands, grid, orbit and platform; and what changes the hash of a pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erosion.config.sources import load_source
from erosion.satellite.grouping import orbit_of
from erosion.satellite.items import (
    assets_of,
    boa_shift,
    hash_items,
    lacking,
    platform_of,
    processing_baseline,
    stated_grid,
)
from tests.made_scenes import make_source
from tests.recorded_items import RECORDED, S2, recorded, renamed

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
    grid = stated_grid(item, found["green"])
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
