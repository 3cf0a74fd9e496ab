"""Tables of stretches, in which a row can be chosen, and how each of their values is written."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from erosion.publish.columns import level_label
from erosion.publish.stretch_names import commune_text
from erosion.ui.choice import Choice, choose_stretch, narrow
from erosion.ui.products.stretches import Change, stretch_changes, stretch_name, stretch_place
from erosion.ui.ranking import level_colours
from erosion.words import write

WIDTHS: Final = {
    "level": 116,
    "place": 205,
    "label": 252,
    "commune": 156,
    "length_m": 68,
    "change": 126,
    "p_event": 70,
    "retreat_p50_m": 88,
    "retreat_p90_m": 88,
    "loss_p50_ha": 92,
    "loss_p90_ha": 92,
    "buildings_20m": 104,
    "buildings_50m": 104,
    "buildings_100m": 104,
    "data_age_days": 84,
}
"""Columns a table can have, and their widths [pixel]."""

NARROW: Final = {"level": 102, "label": 136, "change": 86}
"""Columns on a phone, and their widths [pixel]; all others are one touch away."""

ROW_PX, LINE_PX, HEAD_PX = 34, 19, 38
"""Height of a row, of each further line of text in it, and of the head [pixel]."""

MOST_LINES: Final = 6
CHARACTER_PX, MARGIN_PX = 6.3, 18
"""Room for a character, and for the padding of a cell."""

DECIMALS: Final = {"loss_p50_ha": 1, "loss_p90_ha": 1}
COUNTS: Final = ("buildings_20m", "buildings_50m", "buildings_100m")
TEXTS: Final = ("place", "label", "commune", "change", "level")


def described(choice: Choice, table: pd.DataFrame) -> pd.DataFrame:
    """Return stretches with what a list says of them: ``name``, ``label`` (the name under the title of its
    region), ``place``, ``commune_text``, ``change_text``, ``changed``."""
    words, region = choice.language, choice.region
    rows = table.to_dict("records")
    changes, _ = stretch_changes(region, choice.run, table)
    what = changes.set_index("stretch_id")
    joined = changes.loc[changes["what"] == Change.MERGED, "other_id"].value_counts()
    texts = []
    for row in rows:
        own = row["stretch_id"]
        parts = [change_text(choice, what.loc[own])] if own in what.index else []
        if own in joined.index:
            parts.append(choice.translate("stretch.change.joined", n=write.number(joined[own], words)))
        texts.append("; ".join(parts))
    return table.assign(
        name=[stretch_name(row, region, words) for row in rows],
        label=[" · ".join(filter(None, (commune_text(row, words), stretch_place(row, region, words)))) for row in rows],
        place=[stretch_place(row, region, words) for row in rows],
        commune_text=[commune_text(row, words) or choice.translate("unknown") for row in rows],
        change_text=[text or choice.translate("change.same") for text in texts],
        changed=[bool(text) for text in texts],
    )


def change_text(choice: Choice, change: Mapping[Any, Any]) -> str:
    """Return a row of :func:`stretch_changes` in words."""
    words, what = choice.language, change["what"]
    before, after = change["from_length_m"], change["to_length_m"]
    if what in (Change.GROWN, Change.SHRUNK) and not write.missing(before):
        metres = abs(after - before)
        return choice.translate(f"stretch.change.{what}.by", metres=write.number(metres, words))
    return choice.translate(f"stretch.change.{what}", level=int(change["from_level"]))


def stretch_table(choice: Choice, table: pd.DataFrame, columns: Sequence[str], *, key: str, rows: int) -> None:
    """Show stretches; choosing a row chooses the stretch.

    Parameters
    ----------
    choice
        The run whose stretches they are, and the language.
    table
        From :func:`described`, in the order to show.
    columns
        Which to show, keys of :data:`WIDTHS`; a phone shows :data:`NARROW`.
    key
        Name of the table on its page.
    rows
        Most rows to see at once.
    """
    small = narrow()
    columns, widths = (list(NARROW), NARROW) if small else (columns, WIDTHS)
    heads = {name: choice.translate(f"stretch.col.{name}") for name in columns}
    shown = pd.DataFrame({heads[name]: _values(table, name) for name in columns})
    style = shown.style.format({heads[name]: _text(choice, name) for name in columns})
    style = style.map(level_colours, subset=[heads["level"]])
    ids = table["stretch_id"].astype(str).tolist()
    # Another set of rows is another widget: a position kept from the old rows would mark a stranger.
    of_rows = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]
    name = f"{key}-{of_rows}-{choice.run.run_id}-{choice.language}-{st.session_state.get('stretch turn', 0)}"

    def choose() -> None:
        picked = st.session_state[name]["selection"]["rows"]
        if picked:
            choose_stretch(ids[picked[0]], from_table=True)
            st.session_state["to stretch"] = True

    chosen = st.session_state.get("stretch")
    marked = st.session_state.setdefault(f"marked-{name}", [ids.index(chosen)] if chosen in ids else [])
    height = ROW_PX + LINE_PX * (_lines(shown, {heads[name]: widths[name] for name in columns if name in TEXTS}) - 1)
    st.dataframe(
        style,
        key=name,
        hide_index=True,
        height=HEAD_PX + height * min(len(table), max(3, rows // 2) if small else rows),
        row_height=height,
        placeholder=choice.translate("unknown"),
        on_select=choose,
        selection_mode="single-row",
        selection_default={"selection": {"rows": marked, "columns": [], "cells": []}} if marked else None,
        column_config={
            heads[name]: st.column_config.Column(
                width=widths[name],
                alignment="left" if name in TEXTS else "right",
            )
            for name in columns
        },
    )


def _lines(shown: pd.DataFrame, widths: Mapping[str, int]) -> int:
    """Return how many lines the longest text needs; all rows of a table are of one height."""
    most = 1
    for head, width in widths.items():
        longest = int(shown[head].astype(str).str.len().max()) if len(shown) else 0
        most = max(most, math.ceil(longest * CHARACTER_PX / (width - MARGIN_PX)))
    return min(most, MOST_LINES)


def _values(table: pd.DataFrame, name: str) -> list[Any]:
    return table[{"commune": "commune_text", "change": "change_text"}.get(name, name)].tolist()


def _text(choice: Choice, name: str) -> Callable[[Any], str]:
    """Return how a value is written; the table still sorts by the value."""
    words = choice.language
    if name == "level":
        return lambda value: level_label(int(value), words)
    if name == "p_event":
        return lambda value: write.share(value, words)
    if name in COUNTS:
        return lambda value: count_text(choice, value)
    if name in TEXTS:
        return str
    return lambda value: write.number(value, words, DECIMALS.get(name, 0))


def count_text(choice: Choice, value: Any) -> str:
    """Return a number of things beside the bank; that of which nothing is known is said and never 0."""
    return choice.translate("unknown") if write.missing(value) else write.number(value, choice.language)
