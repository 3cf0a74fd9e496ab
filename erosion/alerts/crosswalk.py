"""Which segment of a new baseline continues each one of the old."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from erosion.banks.segments import middle_xy
from erosion.core.contracts import BANKS


def crosswalk(old: gpd.GeoDataFrame, new: gpd.GeoDataFrame, within_m: float) -> pd.DataFrame:
    """Return which new segment continues each old one: the nearest on the same bank of the same reach.

    Parameters
    ----------
    old, new
        Segments of two baselines in one metric CRS: segment_id, reach, bank and bank line.
    within_m
        Farthest that a bank may have moved between the two [m].

    Returns
    -------
    pandas.DataFrame
        old_segment_id, new_segment_id (missing where that bank is gone), moved_m.
    """
    result = pd.DataFrame(
        {"old_segment_id": old["segment_id"].to_numpy(), "new_segment_id": None, "moved_m": np.nan}
    ).astype({"new_segment_id": object})
    for reach, bank in itertools.product(dict.fromkeys(old["reach"]), BANKS):
        mine, theirs = (((side["reach"] == reach) & (side["bank"] == bank)).to_numpy() for side in (old, new))
        if not mine.any() or not theirs.any():
            continue
        tree = cKDTree(middle_xy(new.geometry[theirs]))
        distance, nearest = tree.query(middle_xy(old.geometry[mine]), distance_upper_bound=within_m)
        found = np.isfinite(distance)
        rows = np.flatnonzero(mine)[found]
        result.loc[rows, "new_segment_id"] = new["segment_id"].to_numpy()[theirs][nearest[found]]
        result.loc[rows, "moved_m"] = distance[found]
    return result
