"""The ranked list of all segments, with filters and downloads."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from erosion.core.contracts import BANKS, LEVELS
from erosion.publish.columns import level_label
from erosion.ui import html
from erosion.ui.choice import Choice, river, segment_row
from erosion.ui.detail.segment import segment_detail
from erosion.ui.pages import frame
from erosion.ui.ranking import MOST_ROWS, ranking_table
from erosion.words import write

COLUMNS = [
    "rank", "segment_id", "chainage_m", "bank", "length_m", "level", "change", "p_event", "retreat_p50_m", "range",
    "retreat_last_m", "data_age_days",
]  # fmt: skip


def show(choice: Choice) -> None:
    """Show the page."""
    frame.changes(choice)
    html.show(html.heading(choice.translate("list.title")))
    table = _filtered(choice)
    km = write.number(table["length_m"].sum() / 1000.0, choice.language, 1)
    shown, total = (write.number(len(part), choice.language) for part in (table, choice.segments))
    html.show(html.note(choice.translate("list.count", shown=shown, total=total, km=km)))
    if table.empty:
        html.show(html.banner("info", choice.translate("list.none")))
    else:
        ranking_table(choice, table.head(MOST_ROWS), COLUMNS, key="list", height=38 + 32 * min(len(table), 13))
        cut = choice.translate("list.cut", n=write.number(MOST_ROWS, choice.language)) if len(table) > MOST_ROWS else ""
        html.show(html.note(f"{choice.translate('list.choose')} {cut}"))
    row = segment_row(choice)
    if row is not None:
        with st.container(border=True):
            if st.button(choice.translate("list.onmap"), type="primary", icon=":material/map:"):
                st.switch_page(st.session_state["pages"]["map"])
            segment_detail(choice, row)
    _downloads(choice)


def _filtered(choice: Choice) -> pd.DataFrame:
    reach = river(choice)
    table = choice.segments
    if reach is not None:
        table = table[table["reach"] == reach]
    last = max(1, math.ceil(table["chainage_m"].max() / 1000.0)) if len(table) else 1
    name = f"{choice.region.name} {choice.run.as_of} {choice.language} {reach or ''}"
    one, two = st.columns([1, 2.4], gap="medium")
    with one:
        banks = st.pills(
            choice.translate("list.filter.bank"),
            [bank for bank in BANKS if bank in set(table["bank"])],
            selection_mode="multi",
            format_func=lambda bank: choice.translate(f"bank.short.{bank}"),
            key=f"banks {name}",
        )
    with two:
        first, stop = st.slider(choice.translate("list.filter.km"), 0, last, (0, last), key=f"km {name}")
    one, two = st.columns([2.4, 1], gap="medium", vertical_alignment="center")
    with one:
        levels = st.pills(
            choice.translate("list.filter.level"),
            list(reversed(LEVELS)),
            selection_mode="multi",
            format_func=lambda level: level_label(level, choice.language),
            key=f"levels {name}",
            label_visibility="collapsed",
        )
    with two:
        changed = st.toggle(choice.translate("list.filter.changed"), key=f"changed {name}")
    return select(table, banks, levels, first, stop, changed=changed)


def select(
    table: pd.DataFrame, banks: list[str], levels: list[int], first_km: float, last_km: float, *, changed: bool
) -> pd.DataFrame:
    """Return the rows that fit the filters; no bank or level chosen means all of them."""
    keep = table["chainage_m"].between(first_km * 1000.0, last_km * 1000.0)
    if banks:
        keep &= table["bank"].isin(banks)
    if levels:
        keep &= table["level"].isin(levels)
    if changed:
        keep &= (table["previous_level"] >= 0) & (table["level"] != table["previous_level"])
    return table[keep]


def _downloads(choice: Choice) -> None:
    html.show(html.heading(choice.translate("download")))
    target = choice.target.name
    files = {
        "gpkg": ("segments.gpkg", "application/geopackage+sqlite3"),
        "geojson": (f"segments_{target}.geojson", "application/geo+json"),
        "csv_vi": (f"segments_{target}_vi.csv", "text/csv"),
        "csv_en": (f"segments_{target}_en.csv", "text/csv"),
    }
    for column, (name, (file, kind)) in zip(st.columns(len(files)), files.items(), strict=True):
        path = choice.run.directory / file
        if path.is_file():
            with column:
                st.download_button(
                    choice.translate(f"download.{name}"),
                    data=_reader(path),
                    file_name=f"{choice.region.name}_{choice.run.as_of}_{file}",
                    mime=kind,
                    on_click="ignore",
                    width="stretch",
                )


def _reader(path: Path) -> Callable[[], bytes]:
    """Return a function that reads a file: the bytes are needed only when somebody asks for them."""
    return path.read_bytes
