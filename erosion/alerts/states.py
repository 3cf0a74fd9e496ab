"""What places remember between runs, carried from baseline to baseline; helpers over tables that the levels share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from erosion.core.contracts import in_utc

STATE_COLUMNS: Final = (
    "segment_id",
    "level",
    "model_level",
    "candidate_level",
    "candidate_observations",
    "candidate_since",
    "observed",
    "trigger_since",
)
"""What a place remembers from one run to the next."""

STATE_DATES: Final = ("candidate_since", "observed", "trigger_since")
"""Those that are dates, texts YYYY-MM-DD; empty for none."""

NO_STATE: Final = -1
"""``previous_level`` of a place that no earlier run knew."""


def carry(previous: pd.DataFrame | None, crosswalk: pd.DataFrame | None) -> pd.DataFrame:
    """Return the states of the run before on the segments of a new baseline.

    Parameters
    ----------
    previous
        :data:`STATE_COLUMNS` on the old baseline; None or empty where there is none.
    crosswalk
        ``old_segment_id`` to ``new_segment_id``; new is missing where the bank is gone, an old segment may go on in
        several new ones and several old ones may end in one. None where the baseline is the same.

    Returns
    -------
    pandas.DataFrame
        :data:`STATE_COLUMNS`, one row per new segment. Where several places meet the one with the highest level is
        kept whole (then the highest candidate, then most observations, then the longest time, then the trigger that was lower last).

    Raises
    ------
    ValueError
        A segment with a state is not in the crosswalk: losing it silently would close its warning.
    """
    if previous is None or previous.empty:
        return pd.DataFrame(
            {
                name: pd.Series(dtype="str" if name == "segment_id" or name in STATE_DATES else "int64")
                for name in STATE_COLUMNS
            }
        )
    need(previous, STATE_COLUMNS, "previous states")
    states = previous[list(STATE_COLUMNS)]
    if crosswalk is None:
        return states.reset_index(drop=True)
    places = states["segment_id"].to_numpy(dtype=object).tolist()
    ways = ways_of(places, crosswalk)
    moved = states.iloc[[row for row, place in enumerate(places) for _ in ways[place]]]
    moved = moved.assign(old=moved["segment_id"], segment_id=[new for place in places for new in ways[place]])
    moved = moved.sort_values(
        [*STATE_COLUMNS, "old"],
        ascending=[True, False, False, False, False, True, True, False, True],
        # A trigger that was never lower holds longer than one that was lower for a day.
        key=lambda column: column.replace("", "9999") if column.name == "trigger_since" else column,
    )
    return moved.drop_duplicates("segment_id")[list(STATE_COLUMNS)].reset_index(drop=True)


def ways_of(places: list[str], crosswalk: pd.DataFrame | None) -> dict[str, list[str]]:
    """Every new segment that each old one went on in, none where the bank is gone."""
    if crosswalk is None:
        return {place: [place] for place in places}
    need(crosswalk, ("old_segment_id", "new_segment_id"), "crosswalk")
    old, new = (crosswalk[name].to_numpy(dtype=object).tolist() for name in ("old_segment_id", "new_segment_id"))
    ways: dict[str, list[str]] = {place: [] for place in old}
    for place, on, gone in zip(old, new, crosswalk["new_segment_id"].isna().tolist(), strict=True):
        if not gone:
            ways[place].append(on)
    lost = [place for place in places if place not in ways]
    if lost:
        raise ValueError(
            f"crosswalk: {len(lost)} segments of the run before are not in it, {lost[0]} the first; list every old "
            "segment, with new_segment_id missing where the bank is gone"
        )
    return ways


def issue_time(as_of: pd.Timestamp | str) -> pd.Timestamp:
    """Return an issue date as an instant in UTC, a bare date as its midnight."""
    return in_utc(as_of)


def need(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    """Refuse a table that lacks a column, naming table and column."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"{name}: missing {', '.join(missing)}; it needs {', '.join(columns)}")


def rows_of(table: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Return the rows of a table as tuples of plain Python values; the table's own ways are several times slower."""
    return zip(*(table[name].to_numpy(dtype=object).tolist() for name in table.columns), strict=True)
