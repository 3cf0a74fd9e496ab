"""The published stretches of a run: what their segments say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from erosion.alerts.stretches import PlannedStretch
from erosion.core.contracts import STRETCH_COLUMNS
from erosion.core.vocabulary import WarningState
from erosion.exposure.counting import exposure_of
from erosion.exposure.zones import DISTANCES_M, inland_zones
from erosion.places.communes import commune_of, communes_along
from erosion.places.naming import near_text, nearest_names
from erosion.places.reading import Places
from erosion.publish.bands import retreat_band

M2_PER_HA: Final = 10_000.0

STRIPS: Final = {"p50": "retreat_p50_m", "p90": "retreat_p90_m"}
"""Name of a zone to the retreat that bounds it."""

EXPOSED: Final = (
    *(("buildings", zone) for zone in ("p50", "p90", "20m", "50m", "100m")),
    ("road_m", "p90"),
    ("road_m", "100m"),
    ("schools", "100m"),
    ("people", "p90"),
    ("people", "100m"),
)
"""What is counted, and in which zone: the columns ``<what>_<zone>``."""


def stretch_of_segment(plan: Iterable[PlannedStretch]) -> dict[str, str]:
    """Return segment id to the id of its open stretch."""
    return {segment: one.stretch_id for one in plan if one.state == WarningState.OPEN for segment in one.segments}


def stretch_layer(layer: gpd.GeoDataFrame, plan: Sequence[PlannedStretch], places: Places) -> gpd.GeoDataFrame:
    """Return the open stretches of one target, the worst first, then the longest.

    Parameters
    ----------
    layer
        Published segments of the target, in metres, with ``stretch_id``.
    plan
        From :func:`erosion.alerts.stretches.plan_stretches`.
    places
        Reference layers: what they do not tell is missing.

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
    zones = _zones(mine, ids)
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
            "loss_p50_ha": shapely.area(zones["p50"]) / M2_PER_HA,
            "loss_p90_ha": shapely.area(zones["p90"]) / M2_PER_HA,
            "loss_mean_ha": groups["loss_mean_ha"].sum(min_count=1).to_numpy(),
            "data_age_days": largest["data_age_days"].to_numpy(),
            "first_issued_at": pd.to_datetime([one.first_issued_at for one in planned], utc=True),
            "model_id": shared["model_id"].to_numpy(),
            "as_of": shared["as_of"].to_numpy(),
            "simulated": shared["simulated"].to_numpy(),
        }
    )
    lines = [shapely.line_merge(shapely.multilinestrings(part.geometry.to_numpy())) for _, part in groups]
    found = gpd.GeoDataFrame(table, geometry=np.array(lines, dtype=object), crs=layer.crs)
    found = found.join(_named(found, places)).join(_exposed(zones, layer.crs, places))
    found = found[[*STRETCH_COLUMNS, "geometry"]]
    return found.sort_values(["level", "length_m", "stretch_id"], ascending=[False, False, True], ignore_index=True)


def _zones(segments: gpd.GeoDataFrame, ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the land of each stretch inside its forecast strips and within distances of the bank, each of shape (n,); None
    where it is not known."""
    of = segments.set_index("segment_id")["stretch_id"]
    zones = {}
    for name, column in STRIPS.items():
        strips = retreat_band(segments, column)
        land = _union(strips.geometry.to_numpy(), strips["segment_id"].map(of).to_numpy(), ids)
        known = segments.groupby("stretch_id")[column].count().reindex(ids).to_numpy() > 0
        # A forecast without a strip is no land; without a forecast nothing is known.
        zones[name] = np.where(shapely.is_missing(land) & known, shapely.Polygon(), land)
    beside = inland_zones(segments)
    for distance in DISTANCES_M:
        mine = beside[beside["distance_m"] == distance]
        land = _union(mine.geometry.to_numpy(), segments["stretch_id"].to_numpy(), ids)
        whole = ~mine.geometry.isna().groupby(segments["stretch_id"].to_numpy()).any().reindex(ids).to_numpy(bool)
        land[~whole] = None
        zones[f"{distance:g}m"] = land
    return zones


def _union(shapes: np.ndarray, of: np.ndarray, ids: Sequence[str]) -> np.ndarray:
    """Return the union of the shapes of each stretch, shape (n,); None where it has none."""
    parts = pd.Series(shapes, dtype=object).groupby(of).agg(lambda part: shapely.union_all(part.to_numpy()))
    return np.array([parts.get(name) for name in ids], dtype=object)


def _named(stretches: gpd.GeoDataFrame, places: Places) -> pd.DataFrame:
    """Return commune and place of each stretch."""
    table = commune_of(places, stretches)
    along = communes_along(places, stretches).groupby("row")["commune_code"].agg(" ".join)
    near = nearest_names(places, stretches)
    table["communes"] = [along.get(row) for row in range(len(stretches))]
    for language in ("vi", "en"):
        table[f"place_{language}"] = [near_text(row, language) for row in near.to_dict("records")]
    return table


def _exposed(zones: dict[str, np.ndarray], crs: CRS, places: Places) -> pd.DataFrame:
    """Return what stands on the land of each stretch, missing where it is not known."""
    count = len(next(iter(zones.values())))
    every = gpd.GeoDataFrame(geometry=np.concatenate(list(zones.values())), crs=crs)
    found = exposure_of(every, places)
    parts = {name: found.iloc[i * count : (i + 1) * count].reset_index(drop=True) for i, name in enumerate(zones)}
    return pd.DataFrame({f"{what}_{zone}": parts[zone][what] for what, zone in EXPOSED})
