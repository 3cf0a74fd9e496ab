"""What the river's water has been doing: flow when the banks were seen, the last flood, how it fell, low water.

One gauge serves a reach: the one it names, else the first of the region. Values are ratios and ranks, so that they mean the same on
a large and a small river.
"""

from __future__ import annotations

import numpy as np

from erosion.banks.knowledge import Knowledge
from erosion.core.arrays import FloatArray
from erosion.features.registry import Feature
from erosion.gauges.statistics import gauge_statistics, scene_flow

_GAUGE = "gauge series known at the date"
_NONE = "NaN without a gauge or with too few days (see erosion.gauges.statistics.definitions)"

FEATURES = (
    Feature("flow_scene_ratio", "1", "log of flow at the newest scene over the median of all scenes", _GAUGE, _NONE),
    Feature("flow_scene_change", "1", "log of flow at the newest scene over that at the scene before", _GAUGE, _NONE),
    Feature("flow_percentile", "1", "share of all days of earlier years with less flow than the newest", _GAUGE, _NONE),
    Feature("season_percentile", "1", "share of the same days of earlier years with less flow", _GAUGE, _NONE),
    Feature("flow_change_3d", "1", "flow less that 3 days before, as a share of its usual yearly range", _GAUGE, _NONE),
    Feature("flow_change_14d", "1", "flow less that 14 days before, as a share of that range", _GAUGE, _NONE),
    Feature("fastest_fall", "1/d", "largest fall from day to day in 14 days, as a share of that range", _GAUGE, _NONE),
    Feature(
        "drawdown", "1", "peak of the running water year less the newest flow, as a share of that range", _GAUGE, _NONE
    ),
    Feature("flood_peak_ratio", "1", "peak of the last flood over the median peak before it", _GAUGE, _NONE),
    Feature("flood_peak_percentile", "1", "share of earlier floods with a lower peak", _GAUGE, _NONE),
    Feature("flood_days", "d", "days of the last flood above the 75 % quantile of flow", _GAUGE, _NONE),
    Feature("days_since_peak", "d", "days since the peak of the last flood", _GAUGE, _NONE),
    Feature("recession_per_day", "1/d", "how fast the last flood fell: minus the slope of ln Q", _GAUGE, _NONE),
    Feature("low_water_day", "d", "day of the last low water within its low-water year", _GAUGE, _NONE),
    Feature(
        "low_mark_passed", "1", "1 where flow has been below its 10 % quantile in the low-water year", _GAUGE, _NONE
    ),
    Feature("days_since_low_mark", "d", "days since it first was", _GAUGE, f"{_NONE}, or where it was not"),
    Feature(
        "rain_7d", "mm", "rain of the last 7 days known; the gauge's own, else the first other one's", _GAUGE, _NONE
    ),
    Feature("rain_30d", "mm", "rain of the last 30 days known", _GAUGE, _NONE),
    Feature(
        "rain_on_low_water", "mm", "rain of 3 days while the flow is below its 10 % quantile, else 0", _GAUGE, _NONE
    ),
)

_SAME = (
    "flow_percentile",
    "season_percentile",
    "flood_peak_ratio",
    "flood_peak_percentile",
    "flood_days",
    "days_since_peak",
    "recession_per_day",
    "low_water_day",
    "low_mark_passed",
    "days_since_low_mark",
    "rain_7d",
    "rain_30d",
    "rain_on_low_water",
)
"""Features that are the statistic of the same name."""


def compute(known: Knowledge) -> dict[str, FloatArray]:
    """Return the hydrology features, one value for the whole reach, shape (n_segments,) each."""
    n = len(known.baseline.segments)
    value = dict.fromkeys((feature.name for feature in FEATURES), np.nan)
    if known.gauge_id is not None and (known.gauges["gauge_id"] == known.gauge_id).any():
        value |= _at_scenes(known, known.gauge_id) | _of_the_date(known, known.gauge_id)
    return {name: np.full(n, number) for name, number in value.items()}


def _at_scenes(known: Knowledge, gauge_id: str) -> dict[str, float]:
    mine = known.gauges[known.gauges["gauge_id"] == gauge_id]
    # A gauge all of whose values are suspect or missing has no column.
    flow = scene_flow(mine, known.epochs, known.as_of).reindex(columns=[gauge_id]).to_numpy()[:, 0]
    log = np.log(np.where(flow > 0, flow, np.nan))
    out = {}
    if np.isfinite(log).any():
        out["flow_scene_ratio"] = float(log[-1] - np.nanmedian(log))
    if len(log) > 1:
        out["flow_scene_change"] = float(log[-1] - log[-2])
    return out


def _of_the_date(known: Knowledge, gauge_id: str) -> dict[str, float]:
    rain = known.gauges[known.gauges["quantity"] == "rain"]
    with_rain = sorted(rain["gauge_id"].unique(), key=lambda name: (name != gauge_id, name))
    gauges = known.gauges[known.gauges["gauge_id"].isin([gauge_id, *with_rain[:1]])]
    statistics = gauge_statistics(
        gauges,
        [known.as_of],
        quantities=("discharge", "stage"),
        rain_of={gauge_id: with_rain[0]} if with_rain else {},
    ).sel(gauge_id=gauge_id)

    def number(name: str) -> float:
        return float(statistics[name].to_numpy()[0])

    out = {name: number(name) for name in _SAME}
    usual = number("range_usual")
    if usual > 0:
        change = statistics["change"].isel(as_of=0)
        out["flow_change_3d"] = float(change.sel(span=3)) / usual
        out["flow_change_14d"] = float(change.sel(span=14)) / usual
        out["fastest_fall"] = number("fastest_fall") / usual
        out["drawdown"] = number("drawdown") / usual
    return out
