"""Tables of segments, worst first, in which a row can be chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from erosion.core.contracts import LEVEL_COLOURS, LEVEL_TEXT_COLOURS
from erosion.publish.columns import level_label
from erosion.ui.choice import Choice, choose_segment, segment_row
from erosion.ui.map.deck import OUTCOME_SYMBOLS
from erosion.words import write

MOST_ROWS: Final = 500
"""A longer table is slow to draw and nobody reads it; the files have all rows."""

WIDTHS: Final = {
    "rank": 48,
    "segment_id": 142,
    "reach": 110,
    "chainage_m": 90,
    "bank": 62,
    "length_m": 62,
    "level": 112,
    "change": 86,
    "p_event": 74,
    "retreat_p50_m": 104,
    "range": 108,
    "retreat_last_m": 108,
    "data_age_days": 86,
    "retreat_observed_m": 112,
    "outcome": 112,
}
"""Columns a table can have, and their least widths [pixel]."""

ID_CHARACTER_PX, ID_MARGIN_PX = 8, 16
"""Room for a character of a segment id, and for the cell's padding."""


def ranking_table(choice: Choice, table: pd.DataFrame, columns: Sequence[str], *, key: str, height: int) -> None:
    """Show segments; choosing a row chooses the segment, here and on the map.

    Parameters
    ----------
    choice
        The run whose segments they are, and the language.
    table
        Rows of ``choice.segments`` (their index kept), perhaps with more columns, in the order to show.
    columns
        Which to show, keys of :data:`WIDTHS`; the river goes before them where the region has several.
    key
        Name of the table on its page.
    height
        Height [pixel].
    """
    columns = ["reach", *columns] if len(choice.region.reaches) > 1 else columns
    shown = pd.DataFrame({choice.translate(f"col.{name}"): _values(table, name, choice) for name in columns})
    texts: Any = {choice.translate(f"col.{name}"): _text(name, choice.language) for name in columns}
    style = shown.style.format(texts)
    if "level" in columns:
        style = style.map(level_colours, subset=[choice.translate("col.level")])
    # Another set of rows is another widget: a position kept from the old rows would mark a stranger.
    rows = table.index.to_numpy()
    name = f"{key}-{hashlib.sha256(rows.tobytes()).hexdigest()[:12]}-{choice.run.run_id}-{choice.language}"
    chosen = segment_row(choice)
    marked = st.session_state.setdefault(f"marked-{name}", [int(i) for i in (rows == chosen).nonzero()[0]])

    def choose() -> None:
        picked = st.session_state[name]["selection"]["rows"]
        if picked:
            choose_segment(choice, int(rows[picked[0]]), zoom=True)

    st.dataframe(
        style,
        key=name,
        hide_index=True,
        height=height,
        row_height=32,
        placeholder=write.NOTHING,
        on_select=choose,
        selection_mode="single-row",
        selection_default={"selection": {"rows": marked, "columns": [], "cells": []}} if marked else None,
        column_config={
            choice.translate(f"col.{name}"): st.column_config.Column(width=_width(name, table), alignment=_side(name))
            for name in columns
        },
    )


def _width(name: str, table: pd.DataFrame) -> int:
    """Return the width of a column [pixel]; an id cut short at its end would be the id of another place."""
    longest = int(table[name].str.len().max()) if name == "segment_id" and len(table) else 0
    return max(WIDTHS[name], ID_CHARACTER_PX * longest + ID_MARGIN_PX)


def _values(table: pd.DataFrame, name: str, choice: Choice) -> list[Any]:
    if name == "bank":
        return [choice.translate(f"bank.short.{bank}") for bank in table["bank"]]
    if name == "reach":
        return [choice.region.reaches.get(reach, {}).get(choice.language, reach) for reach in table["reach"]]
    if name == "change":
        pairs = zip(table["level"], table["previous_level"], strict=True)
        return [write.change(level, before, choice.language) for level, before in pairs]
    if name == "range":
        pairs = zip(table["retreat_p10_m"], table["retreat_p90_m"], strict=True)
        return [write.span(low, high, choice.language) for low, high in pairs]
    if name == "outcome":
        return [f"{OUTCOME_SYMBOLS[what]} {choice.translate(f'results.{what}')}" for what in table["outcome"]]
    return table[name].tolist()


def _text(name: str, language: str) -> Callable[[Any], str]:
    """Return how a value is written; the table still sorts by the value."""
    if name == "level":
        return lambda value: level_label(int(value), language)
    if name == "chainage_m":
        return write.chainage
    if name == "p_event":
        return lambda value: write.share(value, language)
    if name in ("rank", "length_m", "retreat_p50_m", "retreat_last_m", "retreat_observed_m", "data_age_days"):
        return lambda value: write.number(value, language)
    return str


def _side(name: str) -> Any:
    texts = ("segment_id", "reach", "chainage_m", "bank", "level", "change", "outcome")
    return "left" if name in texts else "right"


def level_colours(level: Any) -> str:
    """Return the colours of a cell with a level."""
    return f"background-color: {LEVEL_COLOURS[level]}; color: {LEVEL_TEXT_COLOURS[level]}"
