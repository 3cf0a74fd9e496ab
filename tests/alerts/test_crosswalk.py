"""Segments of a moved bank go on in those of the new baseline."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from numpy.typing import NDArray

from erosion.alerts.crosswalk import crosswalk
from erosion.banks.segments import cut_baseline
from tests.rivers import PIXEL, make_grid, make_region, straight_river


def segments(mask: NDArray[np.bool_]) -> gpd.GeoDataFrame:
    return cut_baseline(mask, make_grid(mask.shape), make_region(), "2010-07-01").segments


def test_crosswalk_finds_the_bank_that_moved() -> None:
    old, new = segments(straight_river(96, 104)), segments(straight_river(98, 106))
    walk = crosswalk(old, new, within_m=150.0)
    assert walk["old_segment_id"].tolist() == old["segment_id"].tolist()
    assert walk["moved_m"].to_numpy() == pytest.approx(2 * PIXEL, abs=8.0)
    assert (walk["new_segment_id"].str[:6] == walk["old_segment_id"].str[:6]).all()
    assert crosswalk(old, new, within_m=10.0)["new_segment_id"].isna().all()
