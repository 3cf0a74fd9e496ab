"""Layers of one run: segments, strips of land that may be lost, and the history of each segment."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import streamlit as st

from erosion.core.contracts import CHANCES_M, TRIGGER_COLUMNS
from erosion.publish.columns import BAND, HISTORY, LAYER
from erosion.ui.products.reading import ProductError, require_columns, stamp
from erosion.ui.products.regions import Run

YOUNGER_COLUMNS = (
    "model_level",
    "joint_level",
    "asked_level",
    "held_by",
    *(f"chance_{distance}m" for distance in CHANCES_M),
    "retreat_mean_m",
    "loss_mean_ha",
    "retreat_p30_m",
    "retreat_p70_m",
    "neck_width_m",
    "p_cutoff",
    "p_cutoff_low",
    "p_cutoff_high",
    "unknown_reason",
    "stretch_id",
    *TRIGGER_COLUMNS,
)
"""Columns of a layer that runs of an older program did not publish; they are read as missing, ``model_level`` as the level."""


def read_segments(run: Run, target: str) -> gpd.GeoDataFrame:
    """Return the segments of one target, worst first.

    Returns
    -------
    geopandas.GeoDataFrame
        Published columns, ``rank`` (1 is the worst: by level, then probability; unknown segments last) and the bank
        lines in the export CRS. Shared: never change it.

    Raises
    ------
    ProductError
        When the file is missing or broken.
    """
    path = run.directory / f"segments_{target}.parquet"
    return _segments(str(path), stamp(path))


@st.cache_resource(max_entries=12, show_spinner=False)
def _segments(path: str, changed_ns: int) -> gpd.GeoDataFrame:
    try:
        table = gpd.read_parquet(path)
        require_columns(table.columns, [column.name for column in LAYER if column.name not in YOUNGER_COLUMNS], path)
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    missing = {name: table["level"] if name == "model_level" else None for name in YOUNGER_COLUMNS}
    table = table.assign(**{name: value for name, value in missing.items() if name not in table})
    table = table.sort_values(["level", "p_event", "segment_id"], ascending=[False, False, True], ignore_index=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return table


def read_bands(run: Run, target: str) -> gpd.GeoDataFrame:
    """Return the strips of land that may be lost: ``quantile``, ``retreat_m`` and polygons in the export CRS.

    Raises
    ------
    ProductError
        When the file is missing or broken.
    """
    path = run.directory / "segments.gpkg"
    columns = ["segment_id", "quantile", "retreat_m"]
    assert set(columns) <= {column.name for column in BAND}
    try:
        table = pyogrio.read_dataframe(path, layer=f"band_{target}", columns=columns, use_arrow=True)
        require_columns(table.columns, columns, str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise ProductError(f"{path}: layer band_{target}: {error}") from error
    return table


def read_history(run: Run, segment_id: str) -> pd.DataFrame:
    """Return every measurement of one segment, oldest first; empty where there is none.

    Raises
    ------
    ProductError
        When the file is missing or broken.
    """
    path = run.directory / "history.parquet"
    return _history(str(path), stamp(path), segment_id)


@st.cache_data(max_entries=200, show_spinner=False)
def _history(path: str, changed_ns: int, segment_id: str) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.read_table(path, filters=[("segment_id", "=", segment_id)]).to_pandas()
        require_columns(table.columns, [column.name for column in HISTORY], path)
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    table["epoch"] = pd.to_datetime(table["epoch"])
    return table.sort_values("epoch", ignore_index=True)
