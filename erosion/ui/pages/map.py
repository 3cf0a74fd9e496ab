"""The map: banks by level, land that may be lost, the gauges below, and the chosen segment beside it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from erosion.core.contracts import LEVELS
from erosion.core.vocabulary import ForecastOutcome
from erosion.ui import html
from erosion.ui.choice import Choice, choose_segment, forget_segment, move_map, river, segment_row
from erosion.ui.detail import levels
from erosion.ui.detail.segment import segment_detail
from erosion.ui.hydrograph.panel import panel
from erosion.ui.map import deck
from erosion.ui.map.served import serve
from erosion.ui.pages import frame
from erosion.ui.products.reading import ProductError, stamp
from erosion.ui.products.verification import read_outcomes
from erosion.ui.ranking import ranking_table
from erosion.words import write

MAP_PX = 610

COLUMN = {"joint": "joint_level", "level": "level", "outcome": "level"}
"""Column of levels that the map shows, by what its colours show."""

TOP_ROWS = 60


def show(choice: Choice) -> None:
    """Show the page."""
    frame.changes(choice)
    found = read_outcomes(choice.region.folder, choice.run.as_of, choice.target.name)
    row = segment_row(choice)
    if row is None and st.session_state.get("segment") is not None:
        st.toast(choice.translate("segment.gone"))
        forget_segment()
    reach = river(choice)
    colour = _legend(choice, found)
    left, right = st.columns([1.55, 1], gap="medium")
    with left:
        _map(choice, found, row, reach, colour)
        _worth(choice)
        panel(choice, reach if row is None else str(choice.segments["reach"].iloc[row]))
    with right:
        if row is None:
            _top(choice, reach)
        else:
            _walk(choice, row)
            segment_detail(choice, row)


def _worth(choice: Choice) -> None:
    """Show what each level is worth, where the run states it."""
    lines = levels.worth(choice)
    if lines:
        with st.expander(choice.translate("worth.title")):
            joint = [choice.translate("joint.rule")] if len(choice.region.targets) > 1 else []
            html.show(html.items([*lines, *joint], "gaps"))


def _legend(choice: Choice, found: pd.DataFrame) -> str:
    """Return what the colours show, ``joint`` level, ``level`` of the target or ``outcome``, and show the legend."""
    joint = len(choice.region.targets) > 1 and choice.segments["joint_level"].notna().all()
    options = [*(["joint"] if joint else []), "level", *([] if found.empty else ["outcome"])]
    if len(options) == 1:
        html.show(_level_legend(choice, "level"))
        return "level"
    left, right = st.columns([2.6, 1.2] if len(options) > 2 else [3.6, 1], vertical_alignment="center")
    known = st.session_state.get("colour", options[0])
    known = known if known in options else options[0]
    with right:
        coloured = st.segmented_control(
            choice.translate("map.colour"),
            options,
            format_func=lambda name: choice.translate(f"map.colour.{name}"),
            key=f"colour {choice.language} {' '.join(options)}",
            default=known,
            required=True,
            label_visibility="collapsed",
        )
    st.session_state["colour"] = coloured
    with left:
        html.show(_outcome_legend(choice, found) if coloured == "outcome" else _level_legend(choice, COLUMN[coloured]))
    return str(coloured)


def _map(choice: Choice, found: pd.DataFrame, row: int | None, reach: str | None, colour: str) -> None:
    run, target, words = choice.run, choice.target.name, choice.language
    outcome, column = colour == "outcome", COLUMN[colour]
    version = choice.version
    judged = f"{version} {stamp(choice.region.folder / 'verification.parquet')}"
    try:
        necks = deck.necks(run, target, words, version)
        coloured = deck.results(run, target, found, judged) if outcome else deck.levels(run, target, column, version)
        strips = deck.strips(run, target, version)
        parts = [serve("ground", deck.ground(run, target, version)), serve("strips", strips)]
    except ProductError as error:
        html.show(html.banner("bad", choice.translate("broken.title"), str(error)))
        return
    plane, lines = deck.plane_of(run, target, version)
    if necks:
        parts.append(serve("necks", necks[0]))
    if row is not None:
        parts.append(deck.stretch(lines, choice.segments, row))
    parts.append(serve("colours", coloured))
    if necks:
        parts.append(serve("chances", necks[1]))
    if row is not None:
        parts.append(deck.chosen(lines[row], int(choice.segments[column].iloc[row])))
    width = deck.fitting_width(st.context.headers.get("User-Agent", ""))
    parts.append(serve("marks", deck.marks(run, target, words, width, version)))
    caught = deck.picks(run, target, words, column, found if outcome else None, judged if outcome else version)
    parts.append(serve("picks", caught))
    near = row is not None and st.session_state.get("map_view") == "segment"
    of_river = choice.segments["reach"].to_numpy() == reach
    shown = deck.frame_of(plane, lines[of_river]) if of_river.any() else plane
    view = deck.segment_view(plane, lines[row], width) if near and row is not None else deck.whole_view(shown, width)
    # The browser moves the map only when the view it is given is new; a hair's breadth makes it so.
    view["zoom"] += 1e-7 * (st.session_state.get("map_moves", 0) % 1000)
    clicks = st.session_state.get("clicks", 0)

    def clicked() -> None:
        picked = st.session_state["map"]["selection"]["indices"].get(deck.PICK_LAYER)
        if picked:
            st.session_state["clicks"] = clicks + 1
            choose_segment(choice, int(picked[0]), zoom=False)

    st.pydeck_chart(
        deck.compose(parts, view, choice.translate("map.tip.outcome" if outcome else "map.tip"), clicks),
        height=MAP_PX,
        on_select=clicked,
        key="map",
        alt=choice.translate("map.alt"),
    )
    keys, button = st.columns([4, 1.1], vertical_alignment="center")
    least = write.share(deck.NECK_CHANCE, words)
    with keys:
        html.show(
            *(
                html.key(f"background:rgb{tuple(colour)}", choice.translate(f"map.band.{name}"))
                for name, colour in reversed(deck.BAND.items())
            ),
            *(
                [html.key(f"background:rgba{(*deck.NECK, 0.45)}", choice.translate("map.neck", least=least))]
                if necks
                else []
            ),
            f'<span class="er-key">→ {html.safe(choice.translate("map.flow"))}</span>',
            html.note(choice.translate("map.hint")),
        )
    with button:
        st.button(choice.translate("map.whole"), on_click=move_map, args=("whole",), width="stretch")


def _level_legend(choice: Choice, column: str) -> str:
    table = choice.segments
    chips = []
    for level in reversed(LEVELS):
        mine = table[column] == level
        km = write.number(table.loc[mine, "length_m"].sum() / 1000.0, choice.language, 1)
        count = write.number(mine.sum(), choice.language)
        chips.append(html.level_chip(level, choice.language, choice.translate("legend", n=count, km=km)))
    return f'<div class="er-levels" data-testid="legend">{"".join(chips)}</div>'


def _outcome_legend(choice: Choice, found: pd.DataFrame) -> str:
    length = choice.segments["length_m"].to_numpy()
    outcome = deck.outcome_of(choice.segments, found)
    chips = []
    for name in ForecastOutcome:
        mine = outcome == name
        km = write.number(length[mine].sum() / 1000.0, choice.language, 1)
        detail = choice.translate("legend", n=write.number(mine.sum(), choice.language), km=km)
        word = choice.translate(f"results.{name}")
        chips.append(html.chip(deck.OUTCOME_COLOURS[name], deck.OUTCOME_SYMBOLS[name], word, detail))
    return f'<div class="er-levels" data-testid="legend">{"".join(chips)}</div>'


def _top(choice: Choice, reach: str | None) -> None:
    table = choice.segments if reach is None else choice.segments[choice.segments["reach"] == reach]
    html.show(html.heading(choice.translate("list.top")), html.note(choice.translate("list.choose")))
    ranking_table(
        choice,
        table.head(TOP_ROWS),
        ["chainage_m", "bank", "level", "p_event"],
        key="top",
        height=MAP_PX + 20,
    )


def _walk(choice: Choice, row: int) -> None:
    """Show buttons that walk through the ranking."""
    with st.container(horizontal=True, gap="small"):
        st.button(choice.translate("segment.clear"), on_click=forget_segment, icon=":material/arrow_back:")
        st.button(
            "‹",
            help=choice.translate("segment.previous"),
            on_click=lambda: choose_segment(choice, row - 1, zoom=True),
            disabled=row == 0,
        )
        st.button(
            "›",
            help=choice.translate("segment.next"),
            on_click=lambda: choose_segment(choice, row + 1, zoom=True),
            disabled=row == len(choice.segments) - 1,
        )
        st.button(choice.translate("map.zoom"), on_click=move_map, args=("segment",))
