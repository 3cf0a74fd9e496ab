"""The ranked list of stretches, with filters and exports; the chosen one in detail, its segments underneath."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from erosion.core.contracts import BANKS, LEVELS
from erosion.publish.columns import level_label
from erosion.publish.stretch_names import commune_text
from erosion.ui import export, html
from erosion.ui.choice import (
    Choice,
    choose_stretch,
    chosen_stretch,
    narrow,
    open_address,
    river,
    segment_row,
    write_address,
)
from erosion.ui.detail.segment import segment_detail
from erosion.ui.detail.stretch import closed_stretch, stretch_detail
from erosion.ui.ranking import MOST_ROWS, ranking_table
from erosion.ui.stretch_table import described, stretch_table
from erosion.words import write

COLUMNS = [
    "level", "place", "commune", "length_m", "change", "p_event", "buildings_20m", "buildings_50m", "buildings_100m",
    "retreat_p50_m", "retreat_p90_m", "loss_p50_ha", "loss_p90_ha", "data_age_days",
]  # fmt: skip

SEGMENT_COLUMNS = [
    "rank", "segment_id", "chainage_m", "bank", "length_m", "level", "change", "p_event", "retreat_p50_m", "range",
    "retreat_last_m", "data_age_days",
]  # fmt: skip

SEEN_ROWS = 12
"""Rows of the list to see at once, and fewer beside a chosen stretch."""


def show(choice: Choice) -> None:
    """Show the page."""
    open_address()
    st.session_state.pop("to stretch", None)
    stretches = choice.stretches
    if stretches is None:
        html.show(html.banner("info", choice.translate("stretch.none"), choice.translate("stretch.none.more")))
        _segments(choice, choice.segments, "list")
        _segment(choice)
    else:
        _stretches(choice, described(choice, stretches))
    _downloads(choice)
    write_address(choice)


def _stretches(choice: Choice, table: pd.DataFrame) -> None:
    chosen = chosen_stretch()
    if chosen is not None and narrow():  # a phone shows one thing at a time, what was asked for first
        detail, listed = st.container(), st.container()
    else:
        listed, detail = st.container(), st.container()
    with listed:
        shown = _list(choice, table, SEEN_ROWS if chosen is None else SEEN_ROWS // 2)
    if chosen is None:
        return
    with detail, st.container(border=True):
        found = table[table["stretch_id"] == chosen]
        _walk(choice, shown["stretch_id"].astype(str).tolist(), chosen)
        if found.empty:
            closed_stretch(choice, chosen)
            return
        row = found.iloc[0]
        stretch_detail(choice, row)
        mine = choice.segments[choice.segments["stretch_id"] == chosen]
        with st.expander(choice.translate("stretch.segments", n=write.number(len(mine), choice.language))):
            _segments(choice, mine, "of stretch")
        at = segment_row(choice)
        if at is not None and at in mine.index:
            _segment(choice)


def _walk(choice: Choice, ids: Sequence[str], chosen: str) -> None:
    """Show buttons that walk through the list."""
    at = ids.index(chosen) if chosen in ids else None
    with st.container(horizontal=True, gap="small"):
        back = choice.translate("stretch.back")
        st.button(back, on_click=choose_stretch, args=(None,), icon=":material/arrow_back:")
        for sign, step, key in (("‹", -1, "stretch.previous"), ("›", 1, "stretch.next")):
            to = None if at is None or not 0 <= at + step < len(ids) else ids[at + step]
            st.button(
                sign, help=choice.translate(key), on_click=choose_stretch, args=(to,), disabled=to is None, key=key
            )


def _list(choice: Choice, table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Show filters, counts, list and exports; return the stretches shown."""
    words = choice.language
    html.show(html.heading(choice.translate("list.title")))
    with st.expander(choice.translate("list.filters")) if narrow() else st.container():
        shown = _filtered(choice, table)
    km = write.number(shown["length_m"].sum() / 1000.0, words, 1)
    listed, total = (write.number(len(part), words) for part in (shown, table))
    html.show(html.note(choice.translate("list.count", shown=listed, total=total, km=km)))
    if shown.empty:
        key = "list.none" if len(table) else "stretch.quiet"
        html.show(html.banner("info", choice.translate(key)))
        return shown
    stretch_table(choice, shown, COLUMNS, key="list", rows=rows)
    columns = "" if narrow() else choice.translate("list.columns")
    html.show(html.note(f"{choice.translate('stretch.choose')} {columns}"))
    _exports(choice, shown)
    return shown


def _filtered(choice: Choice, table: pd.DataFrame) -> pd.DataFrame:
    reach = river(choice)
    if reach is not None:
        table = table[table["reach"] == reach]
    name = f"{choice.region.name} {choice.run.as_of} {choice.language} {reach or ''}"
    one, two, three = st.columns([1.6, 1, 2.4], gap="medium", vertical_alignment="bottom")
    with one:
        known = communes(table, choice.language)
        commune = st.selectbox(
            choice.translate("list.filter.commune"),
            list(known),
            index=None,
            format_func=lambda code: known.get(code, code),
            placeholder=choice.translate("list.filter.commune.hint"),
            accept_new_options=True,
            key=f"commune {name}",
        )
    with two:
        banks = st.pills(
            choice.translate("list.filter.bank"),
            [bank for bank in BANKS if bank in set(table["bank"])],
            selection_mode="multi",
            format_func=lambda bank: choice.translate(f"bank.short.{bank}"),
            key=f"banks {name}",
        )
    with three:
        levels = st.pills(
            choice.translate("list.filter.level"),
            [level for level in reversed(LEVELS) if level in set(table["level"])],
            selection_mode="multi",
            format_func=lambda level: level_label(level, choice.language),
            key=f"levels {name}",
        )
    changed = st.toggle(choice.translate("list.filter.changed"), key=f"changed {name}")
    return select(table, commune, banks, levels, changed=changed)


def communes(table: pd.DataFrame, language: str) -> dict[str, str]:
    """Return the communes of stretches, code to name with former names, by name."""
    known = table.dropna(subset=["commune_code"]).drop_duplicates("commune_code")
    named = {str(row["commune_code"]): commune_text(row, language) for row in known.to_dict("records")}
    return dict(sorted(((code, name) for code, name in named.items() if name), key=lambda pair: folded(pair[1])))


def select(
    table: pd.DataFrame, commune: str | None, banks: Sequence[str], levels: Sequence[int], *, changed: bool
) -> pd.DataFrame:
    """Return the rows that fit the filters; none chosen means all of them.

    Parameters
    ----------
    table
        From :func:`erosion.ui.stretch_table.described`.
    commune
        Code of a commune that a stretch must touch, or part of a name, present or former, or of a named place as typed.
    banks, levels
        Which banks and levels.
    changed
        Whether only what changed in the run.
    """
    keep = pd.Series(data=True, index=table.index)
    if commune:
        touched = table["communes"].fillna("").astype(str).str.split().map(lambda codes: commune in codes)
        keep &= touched | (table["commune_code"] == commune)
        if not keep.any() and commune not in set(table["commune_code"].dropna()):
            columns = ("commune", "commune_former", "place_vi", "place_en", "name")
            spelled = table[list(columns)].fillna("").astype(str).agg(" ".join, axis=1).map(folded)
            keep = spelled.str.contains(folded(commune), regex=False)
    if banks:
        keep &= table["bank"].isin(banks)
    if levels:
        keep &= table["level"].isin(levels)
    if changed:
        keep &= table["changed"].astype(bool)
    return table[keep]


def folded(text: Any) -> str:
    """Return a name without diacritics and capitals."""
    plain = unicodedata.normalize("NFD", str(text).casefold().replace("đ", "d"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


def _segments(choice: Choice, table: pd.DataFrame, key: str) -> None:
    ranking_table(choice, table.head(MOST_ROWS), SEGMENT_COLUMNS, key=key, height=38 + 32 * min(len(table), 13))
    cut = choice.translate("list.cut", n=write.number(MOST_ROWS, choice.language)) if len(table) > MOST_ROWS else ""
    html.show(html.note(f"{choice.translate('list.choose')} {cut}"))


def _segment(choice: Choice) -> None:
    """Show the chosen segment, if there is one."""
    row = segment_row(choice)
    if row is None:
        return
    with st.container(border=True):
        if st.button(choice.translate("list.onmap"), type="primary", icon=":material/map:", key="segment on map"):
            st.switch_page(st.session_state["pages"]["map"])
        segment_detail(choice, row)


# --- files -----------------------------------------------------------------------------------------------------------


def _exports(choice: Choice, table: pd.DataFrame) -> None:
    stem = f"{choice.region.name}_{choice.run.as_of}_{choice.target.name}"
    with st.container(horizontal=True, gap="small"):
        for ending, kind, write_table in (("xlsx", export.XLSX, export.workbook), ("csv", "text/csv", export.csv)):
            st.download_button(
                choice.translate(f"export.{ending}"),
                data=partial(write_table, choice, table),
                file_name=f"{stem}.{ending}",
                mime=kind,
                on_click="ignore",
                icon=":material/download:",
            )


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
