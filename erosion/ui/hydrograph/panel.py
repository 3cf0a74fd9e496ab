"""Panel of the gauges beside the map: the newest reading and its age, the chart, and whose data these are."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from erosion.core.contracts import as_of_instant, in_utc
from erosion.core.vocabulary import HydrographKind
from erosion.ui import html
from erosion.ui.choice import Choice, remember, select
from erosion.ui.hydrograph.chart import (
    FORECAST,
    LAST_YEAR,
    RANGE_FILL,
    SUSPECT,
    USUAL_FILL,
    WATER,
    chart,
    number,
    shown_days,
    unit,
)
from erosion.ui.products.gauges import Gauge, read_gauges, read_hydrograph
from erosion.ui.products.reading import ProductError
from erosion.ui.products.regions import Run
from erosion.words import has_text, write

# The column of the map keeps still while a long segment beside it is scrolled. With the panel it may be taller than the
# window: then it scrolls to its own end before it keeps still.
STYLE: Final = """
<style>
@media (min-width: 900px) and (max-height: 1299px) {
  [data-testid="stColumn"]:has([data-testid="stDeckGlJsonChart"]):has(.st-key-hydrograph) {
    top: auto; bottom: .5rem; align-self: flex-end;}
}
.st-key-hydrograph {padding: .55rem .9rem .6rem;}
.st-key-hydrograph .er-note, .st-key-hydrograph .er-read {overflow-wrap: anywhere;}
.er-read {font-size: .95rem; color: #17242d;}
.er-read b {font-size: 1.15rem;}
.er-exercise {background: #17242d; color: #fff; border-radius: 4px; padding: .05rem .45rem; font-size: .78rem;
  font-weight: 700; letter-spacing: .04em; margin-left: .5rem; white-space: nowrap;}
.er-keys {display: flex; flex-wrap: wrap; gap: .15rem .2rem;}
.er-line {display: inline-block; width: 22px; height: 0; border-top: 2px solid;}
.er-dot {display: inline-block; width: 9px; height: 9px; border-radius: 50%; border: 1.6px solid; margin: 0 6px;}
</style>
"""


def panel(choice: Choice, reach: str | None) -> None:
    """Show the gauges of a region; nothing for a run of a program that published none.

    Parameters
    ----------
    choice
        What is chosen on the page.
    reach
        Reach whose gauge is wanted first; None for any.
    """
    try:
        gauges = read_gauges(choice.run)
    except ProductError as error:
        html.show(html.banner("warn", choice.translate("broken.title"), str(error)))
        return
    if gauges is None:
        return
    with st.container(border=True, key="hydrograph"):
        title = html.heading(choice.translate("hydrograph.title"))
        if choice.region.simulated:
            mark = f'<span class="er-exercise">{html.safe(choice.translate("simulated"))}</span>'
            title = title.replace("</div>", f"{mark}</div>")
        html.show(STYLE)
        html.show(title)
        if not gauges:
            html.show(html.note(choice.translate("hydrograph.none")))
            return
        gauge = _chosen(choice, gauges, reach)
        try:
            table = read_hydrograph(choice.run, gauge)
        except ProductError as error:
            html.show(html.banner("warn", choice.translate("broken.title"), str(error)))
            return
        html.show(*_reading(choice, gauge))
        drawn = chart(gauge, table, choice.run.as_of, choice.language, simulated=choice.region.simulated)
        if drawn is None:
            if gauge.last is not None:
                html.show(html.note(choice.translate("hydrograph.nothing")))
        else:
            st.altair_chart(drawn, theme=None, width="stretch")
            html.show(_keys(choice, gauge, shown_days(table, choice.run.as_of)))
        html.show(html.note(" ".join(_small_print(choice, gauge))))


def _chosen(choice: Choice, gauges: tuple[Gauge, ...], reach: str | None) -> Gauge:
    """Return the chosen gauge; the main gauge of a reach is preselected when that reach is."""
    by_key = {gauge.key: gauge for gauge in gauges}
    name = f"gauge {choice.region.name}"
    own = [gauge for gauge in gauges if reach in gauge.main_of] or [gauge for gauge in gauges if reach in gauge.reaches]
    if reach is not None and st.session_state.get("gauge of") != (choice.region.name, reach):
        st.session_state["gauge of"] = (choice.region.name, reach)
        if own:
            remember(name, own[0].key)
    key = next(iter(by_key))
    if len(by_key) > 1:
        key = select(
            name, choice.translate("hydrograph.choose"), list(by_key), lambda key: _option(choice, by_key[key])
        )
    else:
        html.show(f'<div class="er-read">{html.safe(_option(choice, by_key[key]))}</div>')
    if reach is not None and not own:
        named = choice.region.reaches.get(reach, {}).get(choice.language, reach)
        html.show(html.note(choice.translate("hydrograph.none.reach", reach=named)))
    return by_key[key]


def _option(choice: Choice, gauge: Gauge) -> str:
    if gauge.quantity is None:
        return gauge.title
    return choice.translate(
        "hydrograph.option", title=gauge.title, what=choice.translate(f"hydrograph.what.{gauge.quantity}")
    )


def issued(run: Run) -> pd.Timestamp:
    """Return the instant from which ages are counted [UTC].

    A run of its own day was issued when it finished; one of an old date (or of an exercise) stands for the end of that day.
    """
    end = as_of_instant(run.as_of)
    try:
        finished = in_utc(run.finished_at)
    except ValueError:
        return end
    return finished if end.normalize() <= finished <= end else end


def _reading(choice: Choice, gauge: Gauge) -> list[str]:
    """Return the newest value and its age, below a banner where it is stale or suspect."""
    words, now = choice.language, issued(choice.run)
    if gauge.last is None:
        return [
            html.banner("bad", choice.translate("hydrograph.stale.never"), choice.translate("hydrograph.stale.more"))
        ]
    value = f"{number(gauge.last.value, gauge, words)} {unit(gauge)}"
    time = write.moment(gauge.last.time, words, choice.region.timezone)
    if gauge.cadence_days >= 1 and time.startswith("00:00 "):  # a mean of the day has no time of day
        time = time.removeprefix("00:00 ")
    last = choice.translate("hydrograph.last", value=value, time=time, age=_since(choice, gauge.last.time, now, "age"))
    line = f'<div class="er-read">{html.safe(last).replace(html.safe(value), f"<b>{html.safe(value)}</b>", 1)}</div>'
    if gauge.stale:
        title = _since(choice, gauge.last.time, now, "stale")
        return [html.banner("bad", title, choice.translate("hydrograph.stale.more")), line]
    old = gauge.usable is None or (now - gauge.usable.time).total_seconds() > 3600.0 * gauge.max_age_hours
    if old:
        title = (
            choice.translate("hydrograph.suspect.never")
            if gauge.usable is None
            else _since(choice, gauge.usable.time, now, "suspect")
        )
        return [html.banner("bad", title, choice.translate("hydrograph.stale.more")), line]
    return [line, html.note(choice.translate("hydrograph.last.suspect"))] if gauge.last.suspect else [line]


def _since(choice: Choice, time: pd.Timestamp, now: pd.Timestamp, what: str) -> str:
    """Return how long ago something was: in hours up to two days, then in whole days."""
    hours = max((now - time).total_seconds() / 3600.0, 0.0)
    way, n = ("hours", hours) if hours < 48 else ("days", hours // 24)
    return choice.translate(f"hydrograph.{what}.{way}", n=write.number(int(n), choice.language))


def _keys(choice: Choice, gauge: Gauge, table: pd.DataFrame) -> str:
    """Return the legend of the lines that are drawn."""
    observed = table[table["kind"] == HydrographKind.OBSERVED]
    usable, suspect = observed[~observed["suspect"]], observed[observed["suspect"]]
    forecast = table[table["kind"] == HydrographKind.FORECAST]
    issued_at = (
        "" if gauge.forecast_at is None else write.moment(gauge.forecast_at, choice.language, choice.region.timezone)
    )

    def line(colour: str, style: str = "solid") -> str:
        return f'<span class="er-line" style="border-color:{colour};border-top-style:{style}"></span>'

    def area(colour: str, opacity: float) -> str:
        return f'<i style="background:{colour};opacity:{opacity}"></i>'

    rain = gauge.quantity == "rain"
    found = [
        (len(usable) > 0, area(WATER, 1.0) if rain else line(WATER), "rain" if rain else "observed"),
        (bool(usable["low"].notna().any()), area(RANGE_FILL, 0.7), "range"),
        (
            bool(usable["filled"].any()),
            f'<span class="er-dot" style="color:{WATER};border-radius:1px"></span>',
            "filled",
        ),
        (len(suspect) > 0, f'<span class="er-dot" style="color:{SUSPECT}"></span>', "suspect"),
        (len(forecast) > 0, line(FORECAST, "dashed"), "forecast"),
        (bool(forecast["low"].notna().any()), area(FORECAST, 0.25), "members"),
        (bool((table["kind"] == HydrographKind.LAST_YEAR).any()), line(LAST_YEAR), "last_year"),
        (bool((table["kind"] == HydrographKind.USUAL).any()), area(USUAL_FILL, 1.0), "usual"),
    ]
    shown = (
        f'<span class="er-key">{mark}{html.safe(choice.translate(f"hydrograph.key.{name}", time=issued_at))}</span>'
        for there, mark, name in found
        if there
    )
    return f'<div class="er-keys">{"".join(shown)}</div>'


def _small_print(choice: Choice, gauge: Gauge) -> list[str]:
    """Return what is suspect, the zero of the stage, who has set the alarm levels, whose data these are."""
    notes = []
    if gauge.flag_counts:
        counts = []
        for name, count in gauge.flag_counts.items():
            key = f"hydrograph.flag.{name}"
            n = write.number(count, choice.language)
            counts.append(choice.translate(key if has_text(key) else "hydrograph.flag.other", n=n, name=name))
        notes.append(choice.translate("hydrograph.flags", list=", ".join(counts)))
    if gauge.datum:
        notes.append(choice.translate("hydrograph.datum", datum=gauge.datum))
    if gauge.alarm_source:
        notes.append(choice.translate("hydrograph.alarm.source", source=gauge.alarm_source))
    for attribution, licence in dict.fromkeys(gauge.credits):
        notes.append(choice.translate("hydrograph.credit", attribution=attribution, licence=licence))
    return notes
