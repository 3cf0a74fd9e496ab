"""Land within so many metres of a bank: on its land side only, whichever way the line runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate
from shapely.geometry import LineString, Point

from erosion.exposure.zones import DISTANCES_M, inland_zones
from tests.places.made_places import frame


def test_a_straight_bank_by_hand() -> None:
    bank = LineString([(0, 0), (100, 0)])
    banks = frame([bank, bank.reverse(), bank], landward_deg=[0.0, 0.0, 180.0]).set_axis(["a", "b", "c"])
    zones = inland_zones(banks)
    assert (
        list(zones.index) == ["a", "b", "c"] * 3
        and zones["distance_m"].tolist() == [20.0] * 3 + [50.0] * 3 + [100.0] * 3
    )
    for place, (low, high) in {"a": (0, 1), "b": (0, 1), "c": (-1, 0)}.items():
        for zone, distance in zip(zones.loc[place].geometry, DISTANCES_M, strict=True):
            assert zone.area == pytest.approx(100 * distance)
            assert zone.bounds == pytest.approx((0, low * distance, 100, high * distance), abs=1e-9)


@given(st.floats(0, 360), st.lists(st.floats(-8, 8), min_size=4, max_size=12), st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_point_inland_and_none_in_the_water(angle: float, wiggle: list[float], back: bool) -> None:
    x = np.linspace(0.0, 100.0, len(wiggle))
    bank = LineString(np.column_stack([x, wiggle]))
    turned = rotate(bank.reverse() if back else bank, -angle, origin=(0, 0))
    zone = inland_zones(frame([turned], landward_deg=[angle]), [50.0]).geometry.iloc[0]
    assert zone.is_valid and zone.within(turned.buffer(50.5))

    def at(along: float, inland: float) -> Point:
        return rotate(Point(along, np.interp(along, x, wiggle) + inland), -angle, origin=(0, 0))

    for along in (30.0, 50.0, 70.0):
        assert (
            zone.contains(at(along, 10.0))
            and not zone.contains(at(along, -10.0))
            and not zone.contains(at(along, 75.0))
        )


def test_a_bank_whose_land_side_is_not_known_has_no_zone() -> None:
    ring = LineString([(0, 0), (10, 0), (10, 10), (0, 0)])
    lines = [LineString([(0, 0), (100, 0)]), ring, None, LineString(), LineString([(0, 0), (0, 100)])]
    zones = inland_zones(frame(lines, landward_deg=[np.nan, 0.0, 0.0, 0.0, 0.0]), [20.0])
    assert zones.geometry.isna().tolist() == [True] * 5
    assert inland_zones(frame([], landward_deg=[])).empty
