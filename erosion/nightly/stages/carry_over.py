"""What a run takes over from the run before: the segments of missing reaches, and where the old segments went."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from erosion.alerts.crosswalk import crosswalk
from erosion.config.region import Region
from erosion.core.contracts import ALERT_COLUMNS, TRIGGER_COLUMNS
from erosion.core.errors import Skipped
from erosion.nightly.errors import RunError
from erosion.nightly.published import damage_message, damage_of
from erosion.nightly.task import Task
from erosion.publish.integrity import CHANGED
from erosion.publish.manifest import FILE as MANIFEST_FILE


def damage_before(task: Task, previous: Mapping[str, Any] | None) -> list[Skipped]:
    """Return what is damaged of the run before, as one item; those of its files that this run needs stop it later.

    The item is named after that run and holds no path of this machine.
    """
    if previous is None:
        return []
    directory = task.out / previous["product"]
    damaged = damage_of(task.home, directory) if directory.is_dir() else {}
    if not damaged:
        return []
    reason = damage_message(Path(previous["product"]), damaged, f"{previous['as_of']:%Y-%m-%d}")
    return [Skipped(previous["run_id"], reason)]


def segments_of_missing(
    task: Task, missing: Mapping[str, str], previous: Mapping[str, Any] | None
) -> tuple[dict[str, gpd.GeoDataFrame], list[pd.DataFrame]]:
    """Return what the run before published of the missing reaches: segments by target, and the history of measurements.

    Raises
    ------
    RunError
        A product that is needed is gone or damaged.
    """
    if not missing or previous is None:
        return {}, []
    region = task.region
    names = [f"segments_{target.name}.parquet" for target in region.targets]
    home = _product_before(task, previous, [*names, "history.parquet"])
    kept = {}
    for target in region.targets:
        path = home / f"segments_{target.name}.parquet"
        rows = kept_rows(gpd.read_parquet(path), missing, region.crs, task.as_of) if path.is_file() else None
        if rows is not None:
            kept[target.name] = rows
    if not kept:
        return {}, []
    history = pd.read_parquet(home / "history.parquet").astype({"segment_id": str})
    return kept, [history[history["segment_id"].isin(next(iter(kept.values()))["segment_id"])]]


def kept_rows(
    before: gpd.GeoDataFrame, reaches: Collection[str], crs: str, as_of: pd.Timestamp
) -> gpd.GeoDataFrame | None:
    """Take the segments of some reaches over from the layer of the run before: they could not be made anew.

    Parameters
    ----------
    before
        Layer of the run before, of one target.
    reaches
        Names of the reaches that are missing.
    crs
        Metric CRS of the region.
    as_of
        Date of the run that takes them over.

    Returns
    -------
    geopandas.GeoDataFrame or None
        The rows without their levels and warnings, which are decided anew, their data as much older as time has passed;
        None where the run before had none of them.
    """
    rows = before[before["reach"].isin(list(reaches))]
    if rows.empty:
        return None
    days = (as_of - pd.to_datetime(rows["as_of"])).dt.days
    anew = [*ALERT_COLUMNS, *TRIGGER_COLUMNS, "joint_level", "event_id", "first_issued_at"]
    aged = rows.assign(data_age_days=rows["data_age_days"].to_numpy() + days.to_numpy())
    # The layer holds not all that is decided, and one of an older version of the program fewer columns yet.
    return aged.drop(columns=anew, errors="ignore").to_crs(crs).reset_index(drop=True)


def crosswalk_from_previous(
    task: Task, previous: Mapping[str, Any] | None, segments: gpd.GeoDataFrame
) -> pd.DataFrame | None:
    """Return where the segments of the run before went; None where there is none or its baseline is the same.

    Raises
    ------
    RunError
        Its product is gone or damaged.
    """
    if previous is None:
        return None
    region: Region = task.region
    name = f"segments_{region.targets[0].name}.parquet"
    path = _product_before(task, previous, [name]) / name
    old = gpd.read_parquet(path, columns=["segment_id", "reach", "bank", "baseline", "geometry"])
    if set(zip(old["segment_id"], old["baseline"], strict=True)) == set(
        zip(segments["segment_id"], segments["baseline"], strict=True)
    ):
        return None
    return crosswalk(old.to_crs(segments.crs), segments, region.segments.corridor_m)


def _product_before(task: Task, previous: Mapping[str, Any], names: Sequence[str]) -> Path:
    """Return the directory of the run before, whose files of these names are there and whole."""
    directory = task.out / previous["product"]
    if not (directory / f"segments_{task.region.targets[0].name}.parquet").is_file():
        raise RunError(
            f"the product of the run before, {directory}, is gone; its segments are needed to carry warnings on. "
            f"Restore it, or run {previous['as_of']:%Y-%m-%d} again"
        )
    damaged = damage_of(task.home, directory)
    # Without a manifest that can be read nobody knows whether the others are whole.
    unknown = damaged.get(MANIFEST_FILE, CHANGED) != CHANGED
    needed = {name: fault for name, fault in damaged.items() if name in names or (unknown and name == MANIFEST_FILE)}
    if needed:
        reason = damage_message(directory, needed, f"{previous['as_of']:%Y-%m-%d}")
        raise RunError(f"{reason}; its segments are needed to carry warnings on")
    return directory
