"""What the river's water has been doing: flow when the banks were seen, the last flood, how it fell, low water.

One gauge speaks for a reach: the one it names, else the first of the region. Values are ratios and ranks, so that they mean the same on
a large and a small river.
"""

from __future__ import annotations

import numpy as np

from erosion.features.registry import Feature, FloatArray, Knowledge
from erosion.hydrology import scene_flow, statistics

_GAUGE = "gauge series known at the date"
_NONE = "NaN without a gauge or with too few days (see erosion.hydrology)"

FEATURES = (
    Feature("flow_scene_ratio", "1", "log of flow at the newest scene over the median of all scenes", _GAUGE, _NONE),
    Feature("flow_scene_change", "1", "log of flow at the newest scene over that at the scene before", _GAUGE, _NONE),
    Feature("flow_percentile", "1", "share of all known days with less flow than the newest", _GAUGE, _NONE),
    Feature("flood_peak_ratio", "1", "peak of the last flood over the median peak before it", _GAUGE, _NONE),
    Feature("flood_peak_percentile", "1", "share of earlier floods with a lower peak", _GAUGE, _NONE),
    Feature("flood_days", "d", "days of the last flood above the 75 % quantile of flow", _GAUGE, _NONE),
    Feature("recession_per_day", "1/d", "how fast the last flood fell: minus the slope of ln Q", _GAUGE, _NONE),
    Feature("low_water_day", "d", "day of the last low water within its low-water year", _GAUGE, _NONE),
)

_SEASON = (
    "flow_percentile",
    "flood_peak_ratio",
    "flood_peak_percentile",
    "flood_days",
    "recession_per_day",
    "low_water_day",
)


def compute(known: Knowledge) -> dict[str, FloatArray]:
    """Compute the hydrology features, one value for the whole reach, shape (n_segments,) each."""
    n = len(known.baseline.segments)
    value = dict.fromkeys((feature.name for feature in FEATURES), np.nan)
    if known.gauge_id is not None:
        mine = known.gauges[known.gauges["gauge_id"] == known.gauge_id]
        if len(mine):
            # A gauge all of whose values are suspect or missing has no column.
            flow = scene_flow(mine, known.epochs, known.as_of).reindex(columns=[known.gauge_id]).to_numpy()[:, 0]
            log = np.log(np.where(flow > 0, flow, np.nan))
            if np.isfinite(log).any():
                value["flow_scene_ratio"] = float(log[-1] - np.nanmedian(log))
            if len(log) > 1:
                value["flow_scene_change"] = float(log[-1] - log[-2])
            told = statistics(mine, [known.as_of], quantities=("discharge", "stage"))
            value |= {name: float(told[name].to_numpy()[0, 0]) for name in _SEASON}
    return {name: np.full(n, number) for name, number in value.items()}
