"""Charts: what one bank did, and how past forecasts turned out. Numbers are written before they reach the browser,
because a chart's own number format knows no decimal comma without asking for one."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from erosion.ui import write
from erosion.ui.deck import OUTCOME_COLOURS
from erosion.ui.reasons import NUMBER_95
from erosion.ui.words import say

ALL_LAND, ESTABLISHED, INK = "#9db8c6", "#1d5b79", "#36454f"
GRID = "#e6eaed"


def bank_history(measured: pd.DataFrame, language: str) -> tuple[alt.LayerChart, alt.Chart] | None:
    """Draw retreat of every measurement with its 95 % range, and the bank's position, over time.

    Parameters
    ----------
    measured
        History of one segment, oldest first.
    language
        ``vi`` or ``en``.

    Returns
    -------
    tuple or None
        Two charts over the same years; None where nothing was measured.
    """
    table = measured[["epoch", "retreat_m", "retreat_established_m", "position_m", "sigma_m"]].copy()
    pairs = table.dropna(subset=["retreat_m"])
    if pairs.empty:
        return None
    names = {"retreat_m": say(language, "history.all"), "retreat_established_m": say(language, "history.established")}
    bars = pairs.melt(["epoch", "sigma_m"], list(names), "kind", "value").dropna(subset=["value"])
    bars["kind"] = bars["kind"].map(names)
    error = (NUMBER_95 * pairs["sigma_m"]).fillna(0.0)
    whiskers = pd.DataFrame(
        {"epoch": pairs["epoch"], "low": pairs["retreat_m"] - error, "high": pairs["retreat_m"] + error}
    )
    day = say(language, "history.date")
    for part in (bars, whiskers):
        part[day] = [write.day(epoch, language) for epoch in part["epoch"]]
    bars["text"] = [f"{write.number(value, language, 1)} m" for value in bars["value"]]
    bars["error"] = [f"{write.number(NUMBER_95 * sigma, language, 1)} m" for sigma in bars["sigma_m"]]
    # Bars of two kinds stand on the same date; the narrower in front is part of the wider.
    wide = max(3.0, min(12.0, 260.0 / max(len(pairs), 1)))
    margin = pd.Timedelta(days=200)
    years = alt.Scale(domain=[_instant(table["epoch"].min() - margin), _instant(table["epoch"].max() + margin)])
    x = alt.X("epoch:T", title=None, scale=years, axis=alt.Axis(format="%Y", grid=False, tickCount=6))
    scale = alt.Scale(domain=list(names.values()), range=[ALL_LAND, ESTABLISHED])
    legend = alt.Legend(orient="top", title=None, symbolType="square", labelLimit=220, offset=2)
    tooltip = [
        alt.Tooltip(f"{day}:N"),
        alt.Tooltip("kind:N", title=" "),
        alt.Tooltip("text:N", title=say(language, "history.retreat")),
        alt.Tooltip("error:N", title=say(language, "history.error")),
    ]
    base = alt.Chart(bars).encode(
        x=x,
        y=alt.Y("value:Q", title=say(language, "history.axis.retreat"), axis=axis(language)),
        color=alt.Color("kind:N", scale=scale, legend=legend),
        tooltip=tooltip,
    )
    first, second = names.values()
    drawn = alt.layer(
        base.transform_filter(alt.datum.kind == first).mark_bar(size=wide),
        base.transform_filter(alt.datum.kind == second).mark_bar(size=0.5 * wide),
        alt.Chart(whiskers).mark_rule(color=INK, strokeWidth=1.2).encode(x=x, y="low:Q", y2="high:Q"),
    ).properties(height=175)
    places = table.dropna(subset=["position_m"])
    places = places.assign(**{day: [write.day(epoch, language) for epoch in places["epoch"]]})
    places["text"] = [f"{write.number(value, language, 1)} m" for value in places["position_m"]]
    line = (
        alt.Chart(places)
        .mark_line(color=INK, strokeWidth=1.6, point=alt.OverlayMarkDef(size=16, color=INK))
        .encode(
            x=x,
            y=alt.Y(
                "position_m:Q",
                title=say(language, "history.axis.position"),
                axis=axis(language),
                scale=alt.Scale(zero=False),
            ),
            tooltip=[alt.Tooltip(f"{day}:N"), alt.Tooltip("text:N", title=say(language, "history.position"))],
        )
        .properties(height=125)
    )
    return plain(drawn), plain(line)


def outcomes(scores: pd.DataFrame, language: str) -> alt.Chart:
    """Draw hits, misses and false alarms of every issue date as one bar.

    Parameters
    ----------
    scores
        Rows of ``verification.json`` of one target.
    language
        ``vi`` or ``en``.
    """
    names = {"hits": "hit", "misses": "miss", "false_alarms": "false_alarm"}
    words = {column: say(language, f"results.{name}") for column, name in names.items()}
    bars = scores.melt(["as_of"], list(names), "what", "count")
    bars["order"] = bars["what"].map({name: i for i, name in enumerate(names)})
    bars["what"] = bars["what"].map(words)
    bars["day"] = [write.day(date, language) for date in bars["as_of"]]
    bars["text"] = [write.number(n, language) for n in bars["count"]]
    dates = [write.day(date, language) for date in sorted(scores["as_of"].astype(str))]
    chart = (
        alt.Chart(bars)
        .mark_bar()
        .encode(
            x=alt.X(
                "day:N",
                title=None,
                sort=dates,
                scale=alt.Scale(paddingInner=0.4, paddingOuter=0.3),
                axis=alt.Axis(labelAngle=-40 if len(dates) > 7 else 0),
            ),
            y=alt.Y("count:Q", title=say(language, "results.count"), axis=axis(language)),
            order="order:Q",
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=list(words.values()), range=[OUTCOME_COLOURS[name] for name in names.values()]),
                legend=alt.Legend(orient="top", title=None, symbolType="square"),
            ),
            tooltip=[
                alt.Tooltip("day:N", title=say(language, "results.date")),
                alt.Tooltip("what:N", title=say(language, "results.places.outcome")),
                alt.Tooltip("text:N", title=say(language, "results.count")),
            ],
        )
        .properties(height=240)
    )
    drawn: alt.Chart = plain(chart)
    return drawn


def _instant(stamp: pd.Timestamp) -> str:
    return f"{stamp:%Y-%m-%d}"


def axis(language: str) -> alt.Axis:
    """Write axis numbers in the language: a grouping point in Vietnamese, and the true minus sign."""
    text = "format(datum.value, ',')"
    if language == "vi":
        text = f"replace(replace(replace({text}, '.', ';'), /,/g, '.'), ';', ',')"
    return alt.Axis(labelExpr=text, tickCount=5, gridColor=GRID, titleFontWeight="normal", minExtent=46)


def plain(chart: Any) -> Any:
    """Take frames and bold type out of a chart."""
    return chart.configure_view(stroke=None).configure_axis(labelColor=INK, titleColor=INK, domainColor="#c9d1d6")
