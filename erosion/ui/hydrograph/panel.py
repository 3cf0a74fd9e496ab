"""Panel of the gauges beside the map: the newest reading and its age, and a chart of the last 120 and the next ten days."""

from __future__ import annotations

from typing import Any, Final

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from erosion.core.contracts import LEVEL_COLOURS, as_of_instant, in_utc
from erosion.ui import charts, html, products
from erosion.ui.choice import Choice, remember, select
from erosion.ui.words import knows, say, write

PAST_DAYS: Final = 120
AHEAD_DAYS: Final = 10
CHART_PX: Final = 300

WATER, FORECAST, LAST_YEAR, DOUBT = "#1d5b79", "#7a3e9d", "#a9b4bb", "#c1121f"
RANGE_FILL, USUAL_FILL = "#8fbcd4", "#e3e8eb"
ALARM_COLOURS: Final = tuple(LEVEL_COLOURS[level] for level in (2, 3, 4))

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
        gauges = products.gauges(choice.run)
    except products.ProductError as error:
        html.show(html.banner("warn", choice.say("broken.title"), str(error)))
        return
    if gauges is None:
        return
    with st.container(border=True, key="hydrograph"):
        title = html.heading(choice.say("hydrograph.title"))
        if choice.region.simulated:
            mark = f'<span class="er-exercise">{html.safe(choice.say("simulated"))}</span>'
            title = title.replace("</div>", f"{mark}</div>")
        html.show(STYLE)
        html.show(title)
        if not gauges:
            html.show(html.note(choice.say("hydrograph.none")))
            return
        gauge = _chosen(choice, gauges, reach)
        try:
            table = products.hydrograph(choice.run, gauge)
        except products.ProductError as error:
            html.show(html.banner("warn", choice.say("broken.title"), str(error)))
            return
        html.show(*_reading(choice, gauge))
        drawn = chart(gauge, table, choice.run.as_of, choice.language, simulated=choice.region.simulated)
        if drawn is None:
            if gauge.last is not None:
                html.show(html.note(choice.say("hydrograph.nothing")))
        else:
            st.altair_chart(drawn, theme=None, width="stretch")
            html.show(_keys(choice, gauge, _window(table, choice.run.as_of)))
        html.show(html.note(" ".join(_small_print(choice, gauge))))


def _chosen(choice: Choice, gauges: tuple[products.Gauge, ...], reach: str | None) -> products.Gauge:
    """Let somebody choose; the main gauge of a reach comes up when that reach does."""
    by_key = {gauge.key: gauge for gauge in gauges}
    name = f"gauge {choice.region.name}"
    own = [gauge for gauge in gauges if reach in gauge.main_of] or [gauge for gauge in gauges if reach in gauge.reaches]
    if reach is not None and st.session_state.get("gauge of") != (choice.region.name, reach):
        st.session_state["gauge of"] = (choice.region.name, reach)
        if own:
            remember(name, own[0].key)
    key = next(iter(by_key))
    if len(by_key) > 1:
        key = select(name, choice.say("hydrograph.choose"), list(by_key), lambda key: _option(choice, by_key[key]))
    else:
        html.show(f'<div class="er-read">{html.safe(_option(choice, by_key[key]))}</div>')
    if reach is not None and not own:
        named = choice.region.reaches.get(reach, {}).get(choice.language, reach)
        html.show(html.note(choice.say("hydrograph.none.reach", reach=named)))
    return by_key[key]


def _option(choice: Choice, gauge: products.Gauge) -> str:
    if gauge.quantity is None:
        return gauge.title
    return choice.say("hydrograph.option", title=gauge.title, what=choice.say(f"hydrograph.what.{gauge.quantity}"))


def issued(run: products.Run) -> pd.Timestamp:
    """Return the instant from which ages are counted [UTC].

    A run of its own day was issued when it finished; one of an old date (or of an exercise) stands for the end of that day.
    """
    end = as_of_instant(run.as_of)
    try:
        finished = in_utc(run.finished_at)
    except ValueError:
        return end
    return finished if end.normalize() <= finished <= end else end


def _reading(choice: Choice, gauge: products.Gauge) -> list[str]:
    """Say the newest value and its age, loudly where it is old or doubted."""
    words, now = choice.language, issued(choice.run)
    if gauge.last is None:
        return [html.banner("bad", choice.say("hydrograph.silent.never"), choice.say("hydrograph.silent.more"))]
    value = f"{number(gauge.last.value, gauge, words)} {unit(gauge)}"
    time = write.moment(gauge.last.time, words, choice.region.timezone)
    if gauge.cadence_days >= 1 and time.startswith("00:00 "):  # a mean of the day has no time of day
        time = time.removeprefix("00:00 ")
    last = choice.say("hydrograph.last", value=value, time=time, age=_since(choice, gauge.last.time, now, "age"))
    line = f'<div class="er-read">{html.safe(last).replace(html.safe(value), f"<b>{html.safe(value)}</b>", 1)}</div>'
    if gauge.silent:
        title = _since(choice, gauge.last.time, now, "silent")
        return [html.banner("bad", title, choice.say("hydrograph.silent.more")), line]
    old = gauge.usable is None or (now - gauge.usable.time).total_seconds() > 3600.0 * gauge.max_age_hours
    if old:
        title = (
            choice.say("hydrograph.doubted.never")
            if gauge.usable is None
            else _since(choice, gauge.usable.time, now, "doubted")
        )
        return [html.banner("bad", title, choice.say("hydrograph.silent.more")), line]
    return [line, html.note(choice.say("hydrograph.last.doubtful"))] if gauge.last.doubtful else [line]


def _since(choice: Choice, time: pd.Timestamp, now: pd.Timestamp, what: str) -> str:
    """Say how long ago something was: in hours up to two days, then in whole days."""
    hours = max((now - time).total_seconds() / 3600.0, 0.0)
    way, n = ("hours", hours) if hours < 48 else ("days", hours // 24)
    return choice.say(f"hydrograph.{what}.{way}", n=write.number(int(n), choice.language))


def number(value: Any, gauge: products.Gauge, language: str) -> str:
    """Write a value of a gauge: centimetres of stage, tenths of rain, whole cubic metres of a large river."""
    decimals = {"stage": 2, "rain": 1}.get(str(gauge.quantity), 0 if abs(value) >= 100 else 1)
    return write.number(value, language, decimals)


def unit(gauge: products.Gauge) -> str:
    """Write the unit of a gauge."""
    return gauge.unit.replace("m3", "m³")


# --- the chart -------------------------------------------------------------------------------------------------------


def _window(table: pd.DataFrame, as_of: str) -> pd.DataFrame:
    today = pd.Timestamp(as_of)
    first, last = today - pd.Timedelta(days=PAST_DAYS - 1), today + pd.Timedelta(days=AHEAD_DAYS)
    told = table["value"].notna() | table["low"].notna()
    return table[table["day"].between(first, last) & told].sort_values("day")


def chart(
    gauge: products.Gauge, table: pd.DataFrame, as_of: str, language: str, *, simulated: bool
) -> alt.LayerChart | None:
    """Draw the days of one gauge and quantity.

    Parameters
    ----------
    gauge
        What is told of it.
    table
        Its rows of ``hydrograph.parquet``.
    as_of
        Date of the run.
    language
        ``vi`` or ``en``.
    simulated
        Write into the picture that the data are made.

    Returns
    -------
    altair.LayerChart or None
        None where the days that would be shown hold nothing measured or forecast.
    """
    table = _window(table, as_of)
    if not table["kind"].isin(("observed", "forecast")).any():
        return None
    table = _drawn(table, gauge)
    low, high = _frame(table, gauge)
    observed = table[table["kind"] == "observed"]
    sound, doubtful = observed[~observed["doubtful"]], observed[observed["doubtful"]]
    value = doubtful["value"].to_numpy()
    doubtful = doubtful.assign(
        value=np.clip(value, low, high),
        shape=np.select([value > high, value < low], ["triangle-up", "triangle-down"], "circle"),
    )
    today = pd.Timestamp(as_of)
    x = alt.X(
        "when:T",
        title=None,
        scale=alt.Scale(
            domain=[_when(today - pd.Timedelta(days=PAST_DAYS)), _when(today + pd.Timedelta(days=AHEAD_DAYS + 1))]
        ),
        axis=alt.Axis(format="%d/%m" if language == "vi" else "%-d %b", grid=False, tickCount=7, labelOverlap=True),
    )
    y = alt.Y(
        "value:Q",
        title=say(language, f"hydrograph.axis.{gauge.quantity}"),
        axis=charts.axis(language),
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
    )
    untold = alt.value(None)  # otherwise a mark tells its columns when it is touched

    def of(rows: pd.DataFrame) -> alt.Chart:
        return alt.Chart(rows.dropna(subset=["value"])).encode(x=x, y=y, tooltip=untold)

    def band(rows: pd.DataFrame, colour: str, opacity: float) -> alt.Chart:
        shown = rows.dropna(subset=["low", "high"])
        drawn = alt.Chart(shown).mark_area(color=colour, opacity=opacity, clip=True, line=False)
        return drawn.encode(x=x, y=alt.Y("low:Q"), y2="high:Q", detail="piece:N", tooltip=untold)

    def line(rows: pd.DataFrame, **style: Any) -> alt.Chart:
        return of(rows).mark_line(clip=True, **style).encode(detail="piece:N")

    by_kind = {name: table[table["kind"] == name] for name in ("usual", "last_year", "forecast")}
    if gauge.quantity == "rain":
        measured = [of(sound).mark_bar(color=WATER, size=4)]
    else:
        measured = [
            band(sound, RANGE_FILL, 0.55),
            line(sound, color=WATER, strokeWidth=2),
            of(sound[~sound["filled"]]).mark_circle(color=WATER, size=9, opacity=1),
            of(sound[sound["filled"]]).mark_point(
                shape="square", color=WATER, size=24, fill="white", strokeWidth=1.2, opacity=1
            ),
        ]
    layers = [
        band(by_kind["usual"], USUAL_FILL, 0.9),
        *_alarms(gauge, language, today),
        _issue_rule(today, language),
        line(by_kind["last_year"], color=LAST_YEAR, strokeWidth=1.4),
        *measured,
        band(by_kind["forecast"], FORECAST, 0.16),
        line(by_kind["forecast"], color=FORECAST, strokeWidth=2, strokeDash=[5, 3]),
        of(doubtful)
        .mark_point(color=DOUBT, fill="white", size=42, strokeWidth=1.6, opacity=1)
        .encode(shape=alt.Shape("shape:N", scale=None)),
        _touched(table, gauge, language, x),
    ]
    drawn = alt.layer(*layers).properties(height=CHART_PX)
    if simulated:
        drawn = drawn.properties(title=alt.Title(say(language, "simulated"), anchor="start", color=DOUBT, fontSize=12))
    plain: alt.LayerChart = charts.plain(drawn)
    return plain


def _drawn(table: pd.DataFrame, gauge: products.Gauge) -> pd.DataFrame:
    """Number the pieces of each line, which breaks where days are missing, and write days for the browser."""
    step = pd.Timedelta(days=max(1.5, 2.5 * gauge.cadence_days))
    series = [table["kind"], table["doubtful"]]
    piece = (table.groupby(series)["day"].diff() > step).groupby(series).cumsum()
    return table.assign(piece=piece, when=[_when(day) for day in table["day"]])


def _touched(table: pd.DataFrame, gauge: products.Gauge, language: str, x: alt.X) -> alt.Chart:
    """Tell everything of a day wherever its column is touched: lines are thin for a finger."""
    kinds = np.where(table["doubtful"], "doubtful", np.where(table["filled"], "filled", table["kind"]))
    told = pd.DataFrame(
        {
            "when": table["when"],
            "date": [write.day(day, language) for day in table["day"]],
            "kind": kinds,
            "text": [_text(row, gauge, language) for row in table[["value", "low", "high"]].itertuples(index=False)],
        }
    )
    wide = told.pivot_table(index=["when", "date"], columns="kind", values="text", aggfunc="first")
    wide = wide.fillna(write.NOTHING).reset_index()
    names = ("observed", "filled", "doubtful", "forecast", "last_year", "usual")
    tooltip = [alt.Tooltip("date:N", title=say(language, "hydrograph.tip.day"))]
    tooltip += [
        alt.Tooltip(f"{name}:N", title=say(language, f"hydrograph.tip.{name}")) for name in names if name in wide
    ]
    return alt.Chart(wide).mark_rule(strokeWidth=7, opacity=0.001).encode(x=x, tooltip=tooltip)


def _text(row: Any, gauge: products.Gauge, language: str) -> str:
    value = f"{number(row.value, gauge, language)} {unit(gauge)}"
    if write.missing(row.low) or write.missing(row.high):
        return value
    return f"{value} ({number(row.low, gauge, language)} – {number(row.high, gauge, language)})"


def _frame(table: pd.DataFrame, gauge: products.Gauge) -> tuple[float, float]:
    """Return the lowest and highest of the picture; a doubted value may be anything and does not stretch it."""
    sound = table[~table["doubtful"]]
    shown = (sound if len(sound) else table)[["value", "low", "high"]].to_numpy(float).ravel()
    shown = np.concatenate([shown[np.isfinite(shown)], gauge.alarm_levels])
    low, high = float(shown.min()), float(shown.max())
    if gauge.quantity == "rain":
        return 0.0, max(1.08 * high, 10.0)
    margin = max(0.07 * (high - low), 0.01 * abs(high), 0.05)
    return low - margin, high + margin


def _alarms(gauge: products.Gauge, language: str, today: pd.Timestamp) -> list[alt.Chart]:
    if not gauge.alarm_levels:
        return []
    rows = pd.DataFrame({"value": gauge.alarm_levels, "when": _when(today - pd.Timedelta(days=PAST_DAYS - 1))})
    rows["colour"] = [ALARM_COLOURS[min(i, 2)] for i in range(len(rows))]
    rows["label"] = [
        say(language, "hydrograph.alarm", n=i + 1, value=number(level, gauge, language))
        for i, level in enumerate(gauge.alarm_levels)
    ]
    rule = (
        alt.Chart(rows)
        .mark_rule(strokeWidth=2)
        .encode(y="value:Q", color=alt.Color("colour:N", scale=None), tooltip=alt.value(None))
    )
    text = alt.Chart(rows).encode(x="when:T", y="value:Q", text="label:N", tooltip=alt.value(None))
    style: dict[str, Any] = {"align": "left", "baseline": "bottom", "dy": -3, "fontSize": 11.5, "fontWeight": 600}
    halo = text.mark_text(stroke="white", strokeWidth=3, strokeJoin="round", **style)
    return [rule, halo, text.mark_text(color="#17242d", **style)]


def _issue_rule(today: pd.Timestamp, language: str) -> alt.LayerChart:
    row = pd.DataFrame(
        {"when": [_when(today)], "label": [say(language, "hydrograph.issued", day=write.day(today, language))]}
    )
    rule = alt.Chart(row).mark_rule(color=charts.INK, strokeWidth=1, strokeDash=[2, 2]).encode(x="when:T")
    label = alt.Chart(row).mark_text(align="right", baseline="top", dx=-4, dy=2, color=charts.INK, fontSize=11)
    drawn: alt.LayerChart = rule + label.encode(x="when:T", y=alt.value(0), text="label:N")
    return drawn


def _when(day: pd.Timestamp) -> str:
    """Write a day so that a browser takes it for midnight of its own clock, wherever it is."""
    return f"{day:%Y-%m-%d}T00:00:00"


# --- beneath the chart -----------------------------------------------------------------------------------------------


def _keys(choice: Choice, gauge: products.Gauge, table: pd.DataFrame) -> str:
    """Say what the lines mean, those that are there."""
    observed = table[table["kind"] == "observed"]
    sound, doubtful = observed[~observed["doubtful"]], observed[observed["doubtful"]]
    forecast = table[table["kind"] == "forecast"]
    issued_at = (
        "" if gauge.forecast_at is None else write.moment(gauge.forecast_at, choice.language, choice.region.timezone)
    )

    def line(colour: str, style: str = "solid") -> str:
        return f'<span class="er-line" style="border-color:{colour};border-top-style:{style}"></span>'

    def area(colour: str, opacity: float) -> str:
        return f'<i style="background:{colour};opacity:{opacity}"></i>'

    rain = gauge.quantity == "rain"
    found = [
        (len(sound) > 0, area(WATER, 1.0) if rain else line(WATER), "rain" if rain else "observed"),
        (bool(sound["low"].notna().any()), area(RANGE_FILL, 0.7), "range"),
        (
            bool(sound["filled"].any()),
            f'<span class="er-dot" style="color:{WATER};border-radius:1px"></span>',
            "filled",
        ),
        (len(doubtful) > 0, f'<span class="er-dot" style="color:{DOUBT}"></span>', "doubtful"),
        (len(forecast) > 0, line(FORECAST, "dashed"), "forecast"),
        (bool(forecast["low"].notna().any()), area(FORECAST, 0.25), "members"),
        (bool((table["kind"] == "last_year").any()), line(LAST_YEAR), "last_year"),
        (bool((table["kind"] == "usual").any()), area(USUAL_FILL, 1.0), "usual"),
    ]
    shown = (
        f'<span class="er-key">{mark}{html.safe(choice.say(f"hydrograph.key.{name}", time=issued_at))}</span>'
        for there, mark, name in found
        if there
    )
    return f'<div class="er-keys">{"".join(shown)}</div>'


def _small_print(choice: Choice, gauge: products.Gauge) -> list[str]:
    """Say what is doubted, the zero of the stage, who has set the alarm levels, whose data these are."""
    said = []
    if gauge.doubts:
        doubts = []
        for name, count in gauge.doubts.items():
            key = f"hydrograph.doubt.{name}"
            n = write.number(count, choice.language)
            doubts.append(choice.say(key if knows(key) else "hydrograph.doubt.other", n=n, name=name))
        said.append(choice.say("hydrograph.doubts", list=", ".join(doubts)))
    if gauge.datum:
        said.append(choice.say("hydrograph.datum", datum=gauge.datum))
    if gauge.alarm_source:
        said.append(choice.say("hydrograph.alarm.source", source=gauge.alarm_source))
    for attribution, licence in dict.fromkeys(gauge.credits):
        said.append(choice.say("hydrograph.credit", attribution=attribution, licence=licence))
    return said
