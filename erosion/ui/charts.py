"""Charts of the screen: their axes and frame, and outcomes of past forecasts. Numbers are written before they reach the
browser, because a chart's own number format knows no decimal comma without asking for one."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from erosion.core.vocabulary import ForecastOutcome
from erosion.ui.map.deck import OUTCOME_COLOURS
from erosion.words import translate, write

INK = "#36454f"
GRID = "#e6eaed"


def outcomes(scores: pd.DataFrame, language: str) -> alt.Chart:
    """Return hits, misses and false alarms of every issue date as a bar chart.

    Parameters
    ----------
    scores
        Rows of ``verification.json`` of one target.
    language
        ``vi`` or ``en``.
    """
    names = {
        "hits": ForecastOutcome.HIT,
        "misses": ForecastOutcome.MISS,
        "false_alarms": ForecastOutcome.FALSE_ALARM,
    }
    words = {column: translate(language, f"results.{name}") for column, name in names.items()}
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
            y=alt.Y("count:Q", title=translate(language, "results.count"), axis=axis(language)),
            order="order:Q",
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=list(words.values()), range=[OUTCOME_COLOURS[name] for name in names.values()]),
                legend=alt.Legend(orient="top", title=None, symbolType="square"),
            ),
            tooltip=[
                alt.Tooltip("day:N", title=translate(language, "results.date")),
                alt.Tooltip("what:N", title=translate(language, "results.places.outcome")),
                alt.Tooltip("text:N", title=translate(language, "results.count")),
            ],
        )
        .properties(height=240)
    )
    drawn: alt.Chart = plain(chart)
    return drawn


def axis(language: str) -> alt.Axis:
    """Return an axis with numbers written in the language: a grouping point in Vietnamese, and the true minus sign."""
    text = "format(datum.value, ',')"
    if language == "vi":
        text = f"replace(replace(replace({text}, '.', ';'), /,/g, '.'), ';', ',')"
    return alt.Axis(labelExpr=text, tickCount=5, gridColor=GRID, titleFontWeight="normal", minExtent=46)


def plain(chart: Any) -> Any:
    """Return a chart without frames and bold type."""
    return chart.configure_view(stroke=None).configure_axis(labelColor=INK, titleColor=INK, domainColor="#c9d1d6")
