"""The plane of the map: whole lines in metres, wherever on Earth."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from erosion.publish.projection import cut_at_antimeridian
from erosion.ui.map import sketch

EQUATOR_M = 111_319.491
"""Metres of a degree of longitude on the equator."""


@pytest.mark.parametrize("direction", [1, -1], ids=["eastward", "westward"])
def test_a_river_across_180_degrees_is_whole_on_the_plane(direction: int) -> None:
    """Two lines of 0.02 degrees from 179.98 to -179.98; the second vertex of the first would lie at 180.01."""
    lines = np.array(
        [
            shapely.LineString([(179.98, 0.0), (-179.99, 0.0)][::direction]),
            shapely.LineString([(-179.99, 0.0), (-179.98, 0.0)][::direction]),
        ],
        dtype=object,
    )
    cut = cut_at_antimeridian(lines)
    assert [line.geom_type for line in cut] == ["MultiLineString", "LineString"]
    plane = sketch.frame(cut)
    assert abs(plane.lon) == 180.0
    np.testing.assert_allclose(plane.bounds, [-0.02 * EQUATOR_M, 0.0, 0.02 * EQUATOR_M, 0.0], atol=0.01)
    whole, other = sketch.to_metres(cut, plane)
    assert (whole.geom_type, other.geom_type) == ("LineString", "LineString")
    ends = [-0.02 * EQUATOR_M, 0.01 * EQUATOR_M][::direction]
    np.testing.assert_allclose([whole.coords[0][0], whole.coords[-1][0]], ends, atol=0.01)
