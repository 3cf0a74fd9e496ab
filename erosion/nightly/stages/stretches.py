"""The published stretches of a run: what their segments say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.alerts.stretches import PlannedStretch
from erosion.core.contracts import STRETCH_COLUMNS
from erosion.core.vocabulary import WarningState
from erosion.publish.bands import retreat_band

M2_PER_HA = 10_000.0


def stretch_of_segment(plan: Iterable[PlannedStretch]) -> dict[str, str]:
    """Return segment id to the id of its open stretch."""
    return {segment: one.stretch_id for one in plan if one.state == WarningState.OPEN for segment in one.segments}


def stretch_layer(layer: gpd.GeoDataFrame, plan: Sequence[PlannedStretch]) -> gpd.GeoDataFrame:
    """Return the open stretches of one target, the worst first, then the longest.

    Parameters
    ----------
    layer
        Published segments of the target, in metres, with ``stretch_id``.
    plan
        From :func:`erosion.alerts.stretches.plan_stretches`.

    Returns
    -------
    geopandas.GeoDataFrame
        :data:`erosion.core.contracts.STRETCH_COLUMNS` and the bank lines. A stretch none of whose segments is in the
        layer (a reach of which nothing is known) has no line and is left to the ledger.
    """
    mine = layer[layer["stretch_id"].notna()]
    open_ones = {one.stretch_id: one for one in plan if one.state == WarningState.OPEN}
    groups = mine.groupby("stretch_id", sort=True)
    ids = list(groups.groups)
    planned = [open_ones[name] for name in ids]
    likeliest = mine.sort_values(["p_event", "segment_id"], ascending=[False, True]).drop_duplicates("stretch_id")
    likeliest = likeliest.set_index("stretch_id").reindex(ids)
    shared = groups[["horizon_days", "threshold_m", "model_id", "as_of", "simulated"]].first()
    largest = groups[["level", "asked_level", "p_event", "retreat_p50_m", "retreat_p90_m", "data_age_days"]].max()
    table = pd.DataFrame(
        {
            "stretch_id": ids,
            "reach": [one.reach for one in planned],
            "bank": [one.bank for one in planned],
            "from_m": [one.from_m for one in planned],
            "to_m": [one.to_m for one in planned],
            "length_m": [one.length_m for one in planned],
            "segments": groups.size().to_numpy(),
            "level": [one.level for one in planned],
            "previous_level": [one.from_level for one in planned],
            "change": [str(one.kind) for one in planned],
            "split_from": [one.other_id for one in planned],
            "target_level": largest["level"].to_numpy(),
            "asked_level": largest["asked_level"].to_numpy(),
            "p_event": largest["p_event"].to_numpy(),
            "worst_segment_id": likeliest["segment_id"].to_numpy(),
            "horizon_days": shared["horizon_days"].to_numpy(),
            "threshold_m": shared["threshold_m"].to_numpy(),
            "retreat_p50_m": largest["retreat_p50_m"].to_numpy(),
            "retreat_p90_m": largest["retreat_p90_m"].to_numpy(),
            "loss_p50_ha": _hectares(mine, "retreat_p50_m", ids),
            "loss_p90_ha": _hectares(mine, "retreat_p90_m", ids),
            "loss_mean_ha": groups["loss_mean_ha"].sum(min_count=1).to_numpy(),
            "data_age_days": largest["data_age_days"].to_numpy(),
            "first_issued_at": pd.to_datetime([one.first_issued_at for one in planned], utc=True),
            "model_id": shared["model_id"].to_numpy(),
            "as_of": shared["as_of"].to_numpy(),
            "simulated": shared["simulated"].to_numpy(),
        }
    )
    lines = [shapely.line_merge(shapely.multilinestrings(part.geometry.to_numpy())) for _, part in groups]
    found = gpd.GeoDataFrame(table[list(STRETCH_COLUMNS)], geometry=np.array(lines, dtype=object), crs=layer.crs)
    return found.sort_values(["level", "length_m", "stretch_id"], ascending=[False, False, True], ignore_index=True)


def _hectares(segments: gpd.GeoDataFrame, column: str, ids: Sequence[str]) -> np.ndarray:
    """Return the land inside the strips of each stretch [ha]; missing where no segment has a forecast."""
    strips = retreat_band(segments, column)
    of = strips["segment_id"].map(segments.set_index("segment_id")["stretch_id"])
    area = strips.geometry.groupby(of.to_numpy()).agg(lambda part: shapely.area(shapely.union_all(part.to_numpy())))
    known = segments.groupby("stretch_id")[column].count().reindex(ids).to_numpy() > 0
    return np.where(known, area.reindex(ids).fillna(0.0).to_numpy(float) / M2_PER_HA, np.nan)
