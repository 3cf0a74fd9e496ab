"""Stretches of bank of one run: the published table, their names, and how the run changed them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from erosion.alerts import ledger
from erosion.core.contracts import LEVELS
from erosion.core.vocabulary import StretchChange
from erosion.publish.columns import STRETCH
from erosion.publish.stretch_names import commune_text, place_text
from erosion.ui.products.ledger import ledger_or_none, read_recent_runs
from erosion.ui.products.reading import ProductError, require_columns, stamp
from erosion.ui.products.regions import Region, Run
from erosion.words import translate, write

PLACE_COLUMNS: Final = ("commune_code", "commune", "commune_former", "communes", "place_vi", "place_en")
EXPOSURE_COLUMNS: Final = (
    "buildings_20m",
    "buildings_50m",
    "buildings_100m",
    "buildings_p50",
    "buildings_p90",
    "road_m_100m",
    "road_m_p90",
    "schools_100m",
    "people_100m",
    "people_p90",
)
YOUNGER_COLUMNS: Final = (*PLACE_COLUMNS, *EXPOSURE_COLUMNS)
"""Columns that runs of an older program did not publish; they are read as missing: unknown."""


class Change(StrEnum):
    """What became of a stretch in a run, as the screen tells it, in the order of the screen."""

    RAISED = "raised"
    NEW = "new"
    GROWN = "grown"
    SPLIT = "split"
    FOUND = "found"
    """Its level was unknown in the run before."""
    UNKNOWN = "unknown"
    LOWERED = "lowered"
    SHRUNK = "shrunk"
    MERGED = "merged"
    CLOSED = "closed"


def read_stretches(run: Run, target: str) -> pd.DataFrame | None:
    """Return the stretches of one target, worst first; None for a run of an older program, which published none.

    Returns
    -------
    pandas.DataFrame
        Published columns without the lines, ``rank`` (1 is the worst: by level, then probability), and
        :data:`YOUNGER_COLUMNS`, all missing where the run lacks them. Shared: never change it.

    Raises
    ------
    ProductError
        When the file is broken.
    """
    path = run.directory / f"stretches_{target}.parquet"
    return _stretches(str(path), stamp(path)) if path.is_file() else None


@st.cache_resource(max_entries=12, show_spinner=False)
def _stretches(path: str, changed_ns: int) -> pd.DataFrame:
    needed = [column.name for column in STRETCH if column.name not in YOUNGER_COLUMNS]
    try:
        names = pq.read_schema(path).names
        require_columns(names, needed, path)
        columns = [*needed, *(name for name in YOUNGER_COLUMNS if name in names)]
        table: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas()
        table = table.assign(**{name: None for name in YOUNGER_COLUMNS if name not in table})
        numbers = [column.name for column in STRETCH if column.kind in ("int", "float") and column.name in needed]
        numbers += EXPOSURE_COLUMNS
        table[numbers] = table[numbers].astype(float).replace([np.inf, -np.inf], np.nan)
        table[["level", "previous_level"]] = table[["level", "previous_level"]].astype(int)
        if not table["level"].isin(LEVELS).all():
            raise ValueError(f"level is none of {', '.join(map(str, LEVELS))}")
        if table["stretch_id"].duplicated().any():
            raise ValueError("a stretch occurs twice")
    except (OSError, ValueError, TypeError) as error:
        raise ProductError(f"{path}: {error}; publish the run again") from error
    table = table.sort_values(["level", "p_event", "stretch_id"], ascending=[False, False, True], ignore_index=True)
    table["rank"] = np.arange(1, len(table) + 1)
    return table


def communes_of(table: pd.DataFrame | None, stretch_id: str) -> tuple[str, ...]:
    """Return the codes of the communes that a stretch touches; none where they are not known.

    ``table`` is that of :func:`read_stretches`.
    """
    if table is None:
        return ()
    codes = table.loc[table["stretch_id"] == stretch_id, "communes"].dropna()
    return tuple(" ".join(codes.astype(str)).split())


# --- names -----------------------------------------------------------------------------------------------------------


def stretch_place(row: Any, region: Region, language: str) -> str:
    """Return where on the river a stretch lies: the river where there are several, bank, chainages, nearest named place."""
    parts = [reach_title(row["reach"], region, language)] if len(region.reaches) > 1 else []
    parts += [translate(language, f"bank.{row['bank']}"), chainages(row["from_m"], row["to_m"])]
    return " · ".join(filter(None, (*parts, place_text(row, language))))


def stretch_name(row: Any, region: Region, language: str) -> str:
    """Return the name of a stretch: its commune, or the river where that is unknown, then where on the river it lies."""
    commune, place = commune_text(row, language), stretch_place(row, region, language)
    if commune is None and len(region.reaches) < 2:
        return f"{reach_title(row['reach'], region, language)} · {place}"
    return place if commune is None else f"{commune} · {place}"


def chainages(from_m: float, to_m: float) -> str:
    """Return where a stretch begins and ends along the river: ``km 4+600–7+150``."""
    start, end = write.chainage(from_m), write.chainage(to_m)
    return start if write.NOTHING in (start, end) else f"{start}–{end.removeprefix('km ')}"


def reach_title(reach: str, region: Region, language: str) -> str:
    """Return the title of a reach; that of the region where its only reach has none but its name."""
    title = region.reaches.get(reach, {}).get(language, reach)
    return region.title.get(language, region.name) if title == reach and len(region.reaches) < 2 else title


# --- changes ---------------------------------------------------------------------------------------------------------


def stretch_changes(region: Region, run: Run, table: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Return what became of stretches from the date before to a run's, in the order of :class:`Change`, the worst first.

    Parameters
    ----------
    region, run
        Whose changes.
    table
        The run's stretches (:func:`read_stretches`).

    Returns
    -------
    tuple
        ``stretch_id``, ``what`` (one of :class:`Change`), ``from_level``, ``to_level``, ``from_length_m``,
        ``to_length_m``, ``other_id`` (split from, merged into), ``reason`` (why closed), ``reach``, ``bank``, ``from_m``,
        ``to_m``; and whether the ledger could be read.

    Notes
    -----
    Open stretches and their changes are the table's own: a second run of one date records only what it amends. Which
    stretches closed or merged, and how long a stretch was, only the ledger knows: of all runs of the date.
    """
    changed = table[table["change"].fillna("") != ""]
    names = ["stretch_id", "reach", "bank", "from_m", "to_m"]
    found = changed[names].assign(
        kind=changed["change"],
        from_level=changed["previous_level"],
        to_level=changed["level"],
        from_length_m=np.nan,
        to_length_m=changed["length_m"],
        other_id=changed["split_from"],
        reason=None,
    )
    recorded = _recorded(region, run)
    if recorded is not None:
        before = (
            recorded.dropna(subset="from_length_m")
            .drop_duplicates("stretch_id")
            .set_index("stretch_id")["from_length_m"]
        )
        found["from_length_m"] = found["stretch_id"].map(before).astype(float)
        closed = (recorded["kind"] == StretchChange.CLOSED) & (recorded["reason"] != "superseded")
        gone = recorded[closed & ~recorded["stretch_id"].isin(table["stretch_id"])]
        gone = gone.drop_duplicates("stretch_id", keep="last")[list(found.columns)]
        found = pd.concat([part for part in (found, gone) if len(part)] or [found], ignore_index=True)
    found = told(found)
    found = found[found["what"].isin(list(Change))]
    order = found["what"].map(list(Change).index).astype(int)
    found = found.assign(order=order).sort_values(
        ["order", "to_level", "to_length_m", "stretch_id"], ascending=[True, False, False, True], ignore_index=True
    )
    return found.drop(columns="order"), recorded is not None


def _recorded(region: Region, run: Run) -> pd.DataFrame | None:
    """Return the transitions of all runs of a run's date, oldest first; None where the ledger is missing or cannot say."""
    folder = region.folder.parent
    runs = read_recent_runs(folder, region.name)
    if runs is None:
        return None
    ids = runs.loc[pd.to_datetime(runs["as_of"], utc=True) == pd.Timestamp(run.as_of, tz="UTC"), "run_id"]
    parts = [ledger_or_none(folder, _run_changes, run_id) for run_id in {*ids, run.run_id}]
    known = [part for part in parts if part is not None]
    return pd.concat(known, ignore_index=True).sort_values("id", ignore_index=True) if known else None


def told(changes: pd.DataFrame) -> pd.DataFrame:
    """Return changes with ``what`` each is, one of :class:`Change`; from columns of the ledger's transitions."""
    return changes.assign(what=[_what(row) for row in changes.to_dict("records")])


def _what(change: Mapping[Any, Any]) -> str:
    kind = change["kind"]
    other = not write.missing(change["other_id"]) and bool(change["other_id"])
    if kind == StretchChange.ISSUED:
        return Change.SPLIT if other else Change.NEW
    if kind == StretchChange.RAISED:
        return Change.FOUND if change["from_level"] == 0 else Change.RAISED
    if kind == StretchChange.CLOSED:
        return Change.MERGED if other else Change.CLOSED
    return str(kind)


def stretch_log(folder: Path, stretch_id: str) -> pd.DataFrame | None:
    """Return every change of a stretch in order, None where the ledger is missing or does not know the stretch."""
    return ledger_or_none(folder, _stretch_history, stretch_id)


@st.cache_data(max_entries=60, show_spinner=False)
def _run_changes(path: str, changed_ns: int, run_id: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.run_stretch_changes(engine, run_id))


@st.cache_data(max_entries=200, show_spinner=False)
def _stretch_history(path: str, changed_ns: int, stretch_id: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.stretch_history(engine, stretch_id))
