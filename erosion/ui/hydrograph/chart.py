"""Chart of one gauge: the last 120 and the next ten days, with alarm levels, last year and what is usual."""

from __future__ import annotations

from typing import Any, Final

import altair as alt
import numpy as np
import pandas as pd

from erosion.core.contracts import LEVEL_COLOURS
from erosion.core.vocabulary import HydrographKind
from erosion.ui import charts
from erosion.ui.products.gauges import Gauge
from erosion.words import translate, write

PAST_DAYS: Final = 120
AHEAD_DAYS: Final = 10
CHART_PX: Final = 300

WATER, FORECAST, LAST_YEAR, SUSPECT = "#1d5b79", "#7a3e9d", "#a9b4bb", "#c1121f"
RANGE_FILL, USUAL_FILL = "#8fbcd4", "#e3e8eb"
ALARM_COLOURS: Final = tuple(LEVEL_COLOURS[level] for level in (2, 3, 4))


def number(value: Any, gauge: Gauge, language: str) -> str:
    """Return a value of a gauge as text: centimetres of stage, tenths of rain, whole cubic metres of a large river."""
    decimals = {"stage": 2, "rain": 1}.get(str(gauge.quantity), 0 if abs(value) >= 100 else 1)
    return write.number(value, language, decimals)


def unit(gauge: Gauge) -> str:
    """Return the unit of a gauge."""
    return gauge.unit.replace("m3", "m³")


def shown_days(table: pd.DataFrame, as_of: str) -> pd.DataFrame:
    """Return the rows of the days that are drawn and hold a value or a range, in the order of time."""
    today = pd.Timestamp(as_of)
    first, last = today - pd.Timedelta(days=PAST_DAYS - 1), today + pd.Timedelta(days=AHEAD_DAYS)
    shown = table["value"].notna() | table["low"].notna()
    return table[table["day"].between(first, last) & shown].sort_values("day")


def chart(gauge: Gauge, table: pd.DataFrame, as_of: str, language: str, *, simulated: bool) -> alt.LayerChart | None:
    """Return the chart of the days of one gauge and quantity.

    Parameters
    ----------
    gauge
        What is shown of it.
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
    table = shown_days(table, as_of)
    if not table["kind"].isin([HydrographKind.OBSERVED, HydrographKind.FORECAST]).any():
        return None
    table = _drawn(table, gauge)
    low, high = _frame(table, gauge)
    observed = table[table["kind"] == HydrographKind.OBSERVED]
    usable, suspect = observed[~observed["suspect"]], observed[observed["suspect"]]
    value = suspect["value"].to_numpy()
    suspect = suspect.assign(
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
        title=translate(language, f"hydrograph.axis.{gauge.quantity}"),
        axis=charts.axis(language),
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
    )
    no_tooltip = alt.value(None)  # otherwise a mark shows its columns when it is touched

    def of(rows: pd.DataFrame) -> alt.Chart:
        return alt.Chart(rows.dropna(subset=["value"])).encode(x=x, y=y, tooltip=no_tooltip)

    def band(rows: pd.DataFrame, colour: str, opacity: float) -> alt.Chart:
        shown = rows.dropna(subset=["low", "high"])
        drawn = alt.Chart(shown).mark_area(color=colour, opacity=opacity, clip=True, line=False)
        return drawn.encode(x=x, y=alt.Y("low:Q"), y2="high:Q", detail="piece:N", tooltip=no_tooltip)

    def line(rows: pd.DataFrame, **style: Any) -> alt.Chart:
        return of(rows).mark_line(clip=True, **style).encode(detail="piece:N")

    by_kind = {kind: table[table["kind"] == kind] for kind in HydrographKind}
    if gauge.quantity == "rain":
        measured = [of(usable).mark_bar(color=WATER, size=4)]
    else:
        measured = [
            band(usable, RANGE_FILL, 0.55),
            line(usable, color=WATER, strokeWidth=2),
            of(usable[~usable["filled"]]).mark_circle(color=WATER, size=9, opacity=1),
            of(usable[usable["filled"]]).mark_point(
                shape="square", color=WATER, size=24, fill="white", strokeWidth=1.2, opacity=1
            ),
        ]
    layers = [
        band(by_kind[HydrographKind.USUAL], USUAL_FILL, 0.9),
        *_alarms(gauge, language, today),
        _issue_rule(today, language),
        line(by_kind[HydrographKind.LAST_YEAR], color=LAST_YEAR, strokeWidth=1.4),
        *measured,
        band(by_kind[HydrographKind.FORECAST], FORECAST, 0.16),
        line(by_kind[HydrographKind.FORECAST], color=FORECAST, strokeWidth=2, strokeDash=[5, 3]),
        of(suspect)
        .mark_point(color=SUSPECT, fill="white", size=42, strokeWidth=1.6, opacity=1)
        .encode(shape=alt.Shape("shape:N", scale=None)),
        _touched(table, gauge, language, x),
    ]
    drawn = alt.layer(*layers).properties(height=CHART_PX)
    if simulated:
        drawn = drawn.properties(
            title=alt.Title(translate(language, "simulated"), anchor="start", color=SUSPECT, fontSize=12)
        )
    plain: alt.LayerChart = charts.plain(drawn)
    return plain


def _drawn(table: pd.DataFrame, gauge: Gauge) -> pd.DataFrame:
    """Return the days for the browser, the pieces of each line numbered, which breaks where days are missing."""
    step = pd.Timedelta(days=max(1.5, 2.5 * gauge.cadence_days))
    series = [table["kind"], table["suspect"]]
    piece = (table.groupby(series)["day"].diff() > step).groupby(series).cumsum()
    return table.assign(piece=piece, when=[_when(day) for day in table["day"]])


def _touched(table: pd.DataFrame, gauge: Gauge, language: str, x: alt.X) -> alt.Chart:
    """Return wide, invisible marks whose tooltip lists every value of a day: lines are thin for a finger."""
    kinds = np.where(table["suspect"], "suspect", np.where(table["filled"], "filled", table["kind"]))
    shown = pd.DataFrame(
        {
            "when": table["when"],
            "date": [write.day(day, language) for day in table["day"]],
            "kind": kinds,
            "text": [_text(row, gauge, language) for row in table[["value", "low", "high"]].itertuples(index=False)],
        }
    )
    wide = shown.pivot_table(index=["when", "date"], columns="kind", values="text", aggfunc="first")
    wide = wide.fillna(write.NOTHING).reset_index()
    names = ("observed", "filled", "suspect", "forecast", "last_year", "usual")
    tooltip = [alt.Tooltip("date:N", title=translate(language, "hydrograph.tip.day"))]
    tooltip += [
        alt.Tooltip(f"{name}:N", title=translate(language, f"hydrograph.tip.{name}")) for name in names if name in wide
    ]
    return alt.Chart(wide).mark_rule(strokeWidth=7, opacity=0.001).encode(x=x, tooltip=tooltip)


def _text(row: Any, gauge: Gauge, language: str) -> str:
    value = f"{number(row.value, gauge, language)} {unit(gauge)}"
    if write.missing(row.low) or write.missing(row.high):
        return value
    return f"{value} ({number(row.low, gauge, language)} – {number(row.high, gauge, language)})"


def _frame(table: pd.DataFrame, gauge: Gauge) -> tuple[float, float]:
    """Return the lowest and highest of the picture; a suspect value may be anything and does not stretch it."""
    usable = table[~table["suspect"]]
    shown = (usable if len(usable) else table)[["value", "low", "high"]].to_numpy(float).ravel()
    shown = np.concatenate([shown[np.isfinite(shown)], gauge.alarm_levels])
    low, high = float(shown.min()), float(shown.max())
    if gauge.quantity == "rain":
        return 0.0, max(1.08 * high, 10.0)
    margin = max(0.07 * (high - low), 0.01 * abs(high), 0.05)
    return low - margin, high + margin


def _alarms(gauge: Gauge, language: str, today: pd.Timestamp) -> list[alt.Chart]:
    if not gauge.alarm_levels:
        return []
    rows = pd.DataFrame({"value": gauge.alarm_levels, "when": _when(today - pd.Timedelta(days=PAST_DAYS - 1))})
    rows["colour"] = [ALARM_COLOURS[min(i, 2)] for i in range(len(rows))]
    rows["label"] = [
        translate(language, "hydrograph.alarm", n=i + 1, value=number(level, gauge, language))
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
        {"when": [_when(today)], "label": [translate(language, "hydrograph.issued", day=write.day(today, language))]}
    )
    rule = alt.Chart(row).mark_rule(color=charts.INK, strokeWidth=1, strokeDash=[2, 2]).encode(x="when:T")
    label = alt.Chart(row).mark_text(align="right", baseline="top", dx=-4, dy=2, color=charts.INK, fontSize=11)
    drawn: alt.LayerChart = rule + label.encode(x="when:T", y=alt.value(0), text="label:N")
    return drawn


def _when(day: pd.Timestamp) -> str:
    """Return a day as text that a browser takes for midnight of its own clock, wherever it is."""
    return f"{day:%Y-%m-%d}T00:00:00"
