"""Great circles: arcs known by hand, and the haversine formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.geodesy import EARTH_KM, great_circle_km

longitudes, latitudes = st.floats(-180, 360), st.floats(-90, 90)


def test_arcs_by_hand() -> None:
    degree = math.pi * EARTH_KM / 180  # 111.19 km
    km = great_circle_km(
        (105.0, 0.0), np.array([105.0, 106.0, 105.0, 285.0, -75.0]), np.array([0.0, 0.0, -1.0, 0.0, 0.0])
    )
    assert km == pytest.approx([0, degree, degree, 180 * degree, 180 * degree])
    # Along a parallel of 60 degrees a degree of longitude is a half as long, less what the great circle saves.
    assert float(great_circle_km((10.0, 60.0), 11.0, 60.0)) == pytest.approx(degree / 2, rel=1e-4)
    assert float(great_circle_km((0.0, 90.0), 77.0, 0.0)) == pytest.approx(90 * degree)


@given(longitudes, latitudes, longitudes, latitudes)
def test_it_is_the_haversine_formula(lon: float, lat: float, other_lon: float, other_lat: float) -> None:
    a, b, c, d = map(math.radians, (lon, lat, other_lon, other_lat))
    half = math.sin((d - b) / 2) ** 2 + math.cos(b) * math.cos(d) * math.sin((c - a) / 2) ** 2
    expected = 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
    # The formula itself loses digits where the places are opposite each other: half a millimetre at 20 000 km is 1e-5.
    found = float(great_circle_km((lon, lat), other_lon, other_lat))
    assert found == pytest.approx(expected, abs=1e-6 if expected < 19_000 else 0.2)
    assert found == pytest.approx(float(great_circle_km((other_lon, other_lat), lon, lat)), abs=1e-6)
