"""The published tables of a run: the layer that joins segment, score, level and warning, and the history."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.alerts import life
from erosion.banks.knowledge import Knowledge
from erosion.config.region import Region
from erosion.core.contracts import FLAGS, HISTORY_COLUMNS, LAYER_COLUMNS
from erosion.core.vocabulary import UnknownReason, WarningState
from erosion.features.neck import find_necks
from erosion.forecast.cutoff import cutoff_of_segments
from erosion.forecast.model import explain
from erosion.forecast.release import Release
from erosion.nightly.stages.reaches import ReachForecast


def segment_layer(
    region: Region,
    target: str,
    decided: pd.DataFrame,
    made: Sequence[ReachForecast],
    kept: gpd.GeoDataFrame | None,
    release: Release,
    before: pd.DataFrame,
    walk: pd.DataFrame | None,
    as_of: pd.Timestamp,
) -> gpd.GeoDataFrame:
    """Return the published layer of one target, all reaches of a region in one.

    Parameters
    ----------
    region, target
        The region and the name of the target.
    decided
        Levels of today's segments, from ``levels.decide``, with :data:`erosion.core.contracts.TRIGGER_COLUMNS`.
    made
        The reaches that were made.
    kept
        From :func:`erosion.nightly.stages.carry_over.kept_rows`: segments of reaches that were not; None where all were.
    release
        The models.
    before
        Open warnings before the run.
    walk
        Crosswalk from the baseline of the run before, None where it is the same.
    as_of
        Date of the run.

    Returns
    -------
    geopandas.GeoDataFrame
        ``contracts.LAYER_COLUMNS`` and the bank line, one row per segment.
    """
    plan = life.plan_events(
        before,
        decided,
        walk,
        region=region.name,
        target=target,
        as_of=as_of,
        warning_from_level=region.policy.warning_from_level,
    )
    events = plan[plan["state"] == WarningState.OPEN].set_index("segment_id")
    levels = decided.drop(columns=["p_event", "chainage_m", "bank"])
    parts = [_made_rows(one, target, levels, release, region.policy.warning_from_level) for one in made]
    if kept is not None:
        parts.append(kept.merge(levels, on="segment_id", validate="one_to_one"))
    layer = parts[0] if len(parts) == 1 else gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=parts[0].crs)
    layer["stretch_id"] = None
    layer["event_id"] = events["event_id"].reindex(layer["segment_id"]).to_numpy()
    layer["first_issued_at"] = events["first_issued_at"].reindex(layer["segment_id"]).to_numpy()
    layer["unknown_reason"] = _unknown_reasons(layer, region.policy.stale_after_days)
    layer["simulated"] = region.simulated
    layer["as_of"] = f"{as_of:%Y-%m-%d}"
    return layer[[*LAYER_COLUMNS, "geometry"]]


def _unknown_reasons(layer: pd.DataFrame, stale_after_days: float) -> NDArray[np.object_]:
    """Return why each segment has no level, empty where it has one."""
    stale = layer["data_age_days"].to_numpy(float) > stale_after_days
    # A segment of a reach that could not be made has that of the run before, where that run knew any.
    of_record = layer["unknown_reason"].fillna("") if "unknown_reason" in layer else pd.Series("", index=layer.index)
    found = np.where(of_record != "", of_record, np.where(stale, UnknownReason.STALE, UnknownReason.NOT_SEEN))
    return np.where(layer["level"] == 0, found, "")


def _made_rows(
    made: ReachForecast, target: str, levels: pd.DataFrame, release: Release, warned_from_level: int
) -> gpd.GeoDataFrame:
    """Join segments, scores, levels and measurements of one reach."""
    layer = made.known.baseline.segments.merge(
        made.scores[target].drop(columns=["length_m", "coverage"]), on="segment_id", validate="one_to_one"
    )
    layer = layer.merge(levels, on="segment_id", validate="one_to_one")
    newest = made.known.banks.isel(epoch=-1)
    layer["retreat_last_m"] = newest["retreat_m"].to_numpy()
    layer["retreat_established_last_m"] = newest["retreat_established_m"].to_numpy()
    layer["rate_3y_m_per_y"] = made.features["rate_all_3y"].to_numpy()
    necks = find_necks(made.known.baseline)
    horizon = release.models[target].target.horizon_days
    cutoff = cutoff_of_segments(release.cutoff, made.features, necks, horizon)
    for name, values in cutoff.items():
        layer[name] = values.to_numpy()
    layer["quality"] = [_flag_words(value) for value in newest["flags"].to_numpy()]
    layer["model_id"] = release.name
    warned = (layer["level"] >= warned_from_level).to_numpy()
    # Contributions cost two hundred times a prediction, so only warned segments are explained.
    reasons = np.full(len(layer), "[]", dtype=object)
    reasons[warned] = explain(release.models[target], made.features[warned])
    layer["reasons"] = reasons
    return layer


def history_table(known: Knowledge) -> pd.DataFrame:
    """Return every measurement of every segment, ``contracts.HISTORY_COLUMNS``."""
    banks = known.banks
    n_segments, n_epochs = banks.sizes["segment_id"], banks.sizes["epoch"]
    return pd.DataFrame(
        {
            "segment_id": np.repeat(banks["segment_id"].to_numpy(), n_epochs),
            "epoch": np.tile(banks["epoch"].to_numpy(), n_segments),
        }
        | {name: banks[name].to_numpy().ravel() for name in list(HISTORY_COLUMNS)[2:]}
    )


def _flag_words(value: int) -> str | None:
    return ", ".join(name for name, bit in FLAGS.items() if int(value) & bit) or None


def level_lengths(layer: gpd.GeoDataFrame) -> dict[str, float]:
    """Return kilometres of bank by level."""
    total = layer.groupby("level")["length_m"].sum() / 1000.0
    return {str(level): round(float(total.get(level, 0.0)), 3) for level in range(5)}
