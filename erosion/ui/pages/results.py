"""Past forecasts against what the river did: hits, misses and false alarms, openly."""

from __future__ import annotations

import dataclasses

import pandas as pd
import streamlit as st

from erosion.core.vocabulary import ForecastOutcome
from erosion.ui import charts, html
from erosion.ui.choice import Choice, remember, select
from erosion.ui.detail import levels
from erosion.ui.map import deck
from erosion.ui.products.reading import ProductError
from erosion.ui.products.verification import read_outcomes, read_scores
from erosion.ui.ranking import ranking_table
from erosion.words import write

MOST_PLACES = 200


def show(choice: Choice) -> None:
    """Show the page."""
    html.show(html.heading(choice.translate("results.title")), html.note(choice.translate("results.lead")))
    try:
        scores, counted = read_scores(choice.region.folder, choice.target.name)
    except ProductError as error:
        html.show(html.banner("bad", choice.translate("broken.title"), str(error)))
        return
    if scores.empty:
        html.show(html.banner("info", choice.translate("results.none")))
        return
    words = choice.language
    definition = choice.translate(
        "results.definition",
        level=write.number(counted.get("warned_from_level"), words),
        threshold=write.number(choice.target.threshold_m, words),
        match=write.number(counted.get("match_m"), words),
    )
    html.show(html.note(definition), _overall(choice, scores))
    st.altair_chart(charts.outcomes(scores, words), theme=None, width="stretch")
    _table(choice, scores)
    lines = levels.worth(choice)
    if lines:
        html.show(html.heading(choice.translate("worth.title")), html.items(lines, "gaps"))
    html.show(html.note(choice.translate("results.how")))
    _places(choice, scores)


def _overall(choice: Choice, scores: pd.DataFrame) -> str:
    n = {
        name: write.number(scores[name].sum(), choice.language)
        for name in ("events", "hits", "misses", "warned", "false_alarms")
    }
    return html.facts(
        [
            (choice.translate("results.overall"), choice.translate("results.of_events", **n)),
            ("", choice.translate("results.of_warned", **n)),
        ]
    )


def _table(choice: Choice, scores: pd.DataFrame) -> None:
    words = choice.language

    def counts(name: str) -> list[str]:
        return [write.number(value, words) for value in scores[name]]

    columns = {
        choice.translate("results.date"): [write.day(date, words) for date in scores["as_of"]],
        choice.translate("results.end"): [write.day(date, words) for date in scores["window_end"]],
    }
    named = {"n": "results.n", "events": "results.events", "warned": "results.warned"}
    named |= {"hits": "results.hit", "misses": "results.miss", "false_alarms": "results.false_alarm"}
    columns |= {_head(choice.translate(key)): counts(name) for name, key in named.items() if name in scores}
    shares = {"pod": "results.pod", "far": "results.far", "csi": "results.csi", "top10_share": "results.top10"}
    columns |= {
        choice.translate(key): [write.share(value, words) for value in scores[name]]
        for name, key in shares.items()
        if name in scores
    }
    table = pd.DataFrame(columns)
    st.dataframe(
        table,
        hide_index=True,
        row_height=32,
        height=38 + 32 * min(len(table), 12),
        column_config={head: st.column_config.Column(alignment="right") for head in list(columns)[2:]},
    )


def _head(text: str) -> str:
    return text[:1].upper() + text[1:]


def _places(choice: Choice, scores: pd.DataFrame) -> None:
    words = choice.language
    runs = {run.as_of: run for run in choice.region.runs}
    dates = [str(date) for date in scores["as_of"] if str(date) in runs]
    if not dates:
        return
    html.show(html.heading(choice.translate("results.places")))
    one, two, three = st.columns([1.2, 2.4, 1.4], vertical_alignment="bottom")
    with one:
        date = select(
            f"checked {choice.region.name} {choice.target.name}",
            choice.translate("results.places.date"),
            dates,
            lambda date: write.day(date, words),
        )
    with two:
        wanted = st.pills(
            choice.translate("results.places.outcome"),
            [ForecastOutcome.MISS, ForecastOutcome.FALSE_ALARM, ForecastOutcome.HIT],
            default=[ForecastOutcome.MISS],
            selection_mode="multi",
            format_func=lambda name: f"{deck.OUTCOME_SYMBOLS[name]} {choice.translate(f'results.{name}')}",
            key=f"outcomes {words}",
        )
    then = dataclasses.replace(choice, run=runs[date], previous=None)
    with three:
        st.button(
            choice.translate("results.onmap"),
            on_click=_to_map,
            args=(choice, date),
            icon=":material/map:",
            width="stretch",
        )
    if st.session_state.pop("to map", False):
        st.switch_page(st.session_state["pages"]["map"])
    found = read_outcomes(choice.region.folder, date, choice.target.name)
    table = then.segments
    table = table.assign(
        outcome=deck.outcome_of(table, found),
        retreat_observed_m=table["segment_id"].map(
            found.drop_duplicates("segment_id").set_index("segment_id")["retreat_observed_m"]
        ),
    )
    table = table[table["outcome"].isin(wanted)].sort_values("retreat_observed_m", ascending=False, kind="stable")
    if table.empty:
        html.show(html.note(choice.translate("list.none")))
        return
    columns = [
        "chainage_m",
        "bank",
        "length_m",
        "level",
        "p_event",
        "retreat_p50_m",
        "range",
        "retreat_observed_m",
        "outcome",
    ]
    ranking_table(then, table.head(MOST_PLACES), columns, key="places", height=38 + 32 * min(len(table), 12))


def _to_map(choice: Choice, date: str) -> None:
    remember(f"date {choice.region.name}", date)
    st.session_state["colour"] = "outcome"
    st.session_state["to map"] = True
