"""Charts of one segment over time: its retreat between observations, and the position of its bank."""

from __future__ import annotations

import altair as alt
import pandas as pd

from erosion.ui import charts
from erosion.ui.detail.reasons import NUMBER_95
from erosion.words import translate, write

ALL_LAND, ESTABLISHED = "#9db8c6", "#1d5b79"


def bank_history(measured: pd.DataFrame, language: str) -> tuple[alt.LayerChart, alt.Chart] | None:
    """Return charts of every measured retreat with its 95 % range, and of the bank's position, over time.

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
    names = {
        "retreat_m": translate(language, "history.all"),
        "retreat_established_m": translate(language, "history.established"),
    }
    bars = pairs.melt(["epoch", "sigma_m"], list(names), "kind", "value").dropna(subset=["value"])
    bars["kind"] = bars["kind"].map(names)
    error = (NUMBER_95 * pairs["sigma_m"]).fillna(0.0)
    whiskers = pd.DataFrame(
        {"epoch": pairs["epoch"], "low": pairs["retreat_m"] - error, "high": pairs["retreat_m"] + error}
    )
    day = translate(language, "history.date")
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
        alt.Tooltip("text:N", title=translate(language, "history.retreat")),
        alt.Tooltip("error:N", title=translate(language, "history.error")),
    ]
    base = alt.Chart(bars).encode(
        x=x,
        y=alt.Y("value:Q", title=translate(language, "history.axis.retreat"), axis=charts.axis(language)),
        color=alt.Color("kind:N", scale=scale, legend=legend),
        tooltip=tooltip,
    )
    first, second = names.values()
    drawn = alt.layer(
        base.transform_filter(alt.datum.kind == first).mark_bar(size=wide),
        base.transform_filter(alt.datum.kind == second).mark_bar(size=0.5 * wide),
        alt.Chart(whiskers).mark_rule(color=charts.INK, strokeWidth=1.2).encode(x=x, y="low:Q", y2="high:Q"),
    ).properties(height=175)
    places = table.dropna(subset=["position_m"])
    places = places.assign(**{day: [write.day(epoch, language) for epoch in places["epoch"]]})
    places["text"] = [f"{write.number(value, language, 1)} m" for value in places["position_m"]]
    line = (
        alt.Chart(places)
        .mark_line(color=charts.INK, strokeWidth=1.6, point=alt.OverlayMarkDef(size=16, color=charts.INK))
        .encode(
            x=x,
            y=alt.Y(
                "position_m:Q",
                title=translate(language, "history.axis.position"),
                axis=charts.axis(language),
                scale=alt.Scale(zero=False),
            ),
            tooltip=[alt.Tooltip(f"{day}:N"), alt.Tooltip("text:N", title=translate(language, "history.position"))],
        )
        .properties(height=125)
    )
    return charts.plain(drawn), charts.plain(line)


def _instant(stamp: pd.Timestamp) -> str:
    return f"{stamp:%Y-%m-%d}"
