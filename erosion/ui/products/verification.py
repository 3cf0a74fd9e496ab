"""What became of past forecasts: scores of a region, and outcomes segment by segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from erosion.ui.products.reading import ProductError, read_json, require_columns, stamp

OUTCOME_COLUMNS = ("as_of", "target", "segment_id", "level", "p_event", "retreat_observed_m", "event", "outcome")


def read_scores(folder: Path, target: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return how past runs of one target did, newest first.

    Returns
    -------
    tuple
        One row per issue date, empty where nothing could be checked yet; and what was counted how
        (``warned_from_level``, ``match_m``).

    Raises
    ------
    ProductError
        When the file is broken.
    """
    path = folder / "verification.json"
    if not path.is_file():
        return pd.DataFrame(), {}
    content = read_json(path)
    try:
        table = pd.DataFrame(content["rows"])
    except (KeyError, ValueError) as error:
        raise ProductError(f"{path}: {type(error).__name__} {error}") from error
    if table.empty:
        return table, content
    require_columns(
        table.columns, ["as_of", "target", "window_end", "events", "warned", "hits", "misses", "false_alarms"], path
    )
    mine = table[table["target"] == target].sort_values("as_of", ascending=False, ignore_index=True)
    return mine, {name: content.get(name) for name in ("warned_from_level", "match_m")}


def read_outcomes(folder: Path, as_of: str, target: str) -> pd.DataFrame:
    """Return what became of every segment of a past run; empty where it could not be checked.

    Raises
    ------
    ProductError
        When the file is broken.
    """
    path = folder / "verification.parquet"
    return _outcomes(str(path), stamp(path), as_of, target) if path.is_file() else pd.DataFrame(columns=OUTCOME_COLUMNS)


@st.cache_data(max_entries=24, show_spinner=False)
def _outcomes(path: str, changed_ns: int, as_of: str, target: str) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.read_table(path).to_pandas()
        require_columns(table.columns, OUTCOME_COLUMNS, path)
    except (OSError, ValueError) as error:
        raise ProductError(f"{path}: {error}") from error
    table["as_of"] = pd.to_datetime(table["as_of"]).dt.strftime("%Y-%m-%d")
    return table[(table["as_of"] == as_of) & (table["target"] == target)].reset_index(drop=True)
