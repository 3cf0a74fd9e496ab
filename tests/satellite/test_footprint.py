"""Where items and corridors lie: outlines and boxes over the antimeridian, and south of the equator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

from erosion.config.region import utm_zone
from erosion.satellite import stac
from erosion.satellite.footprint import corridor_boxes, touches
from tests.made_scenes import SIZE, X0, Y0, make_corridor, make_source, optical, write_item
from tests.recorded_items import recorded
from tests.stac_server import StacServer

DAYS = ("2024-01-01", "2024-12-31")


def find(catalog: str | Path, days: tuple[str, str] = DAYS, corridor: Any = None, **changes: Any) -> Any:
    return stac.find_passes(make_source(catalog, **changes), None, corridor or make_corridor(20, 20), *days)


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
