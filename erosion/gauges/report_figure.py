"""The figure of a gauge's report: the whole series above, the last days below, with gaps, flags and alarm levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeSource
from erosion.config.region import Region
from erosion.core.contracts import GAUGE_FLAGS, QUANTITIES, SIMULATED_NOTICE, as_of_instant
from erosion.gauges.health import COUNTED
from erosion.gauges.known import USED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLAG_WORDS: Final[dict[str, str]] = {
    "range": "impossible",
    "spike": "spike",
    "flat_line": "repeated too long",
    "rate": "changed too fast",
    "neighbour": "unlike the neighbour",
    "datum_jump": "level shifted",
    "duplicated_day": "repeats other days",
    "clock_shift": "clock off",
    "disputed": "sources disagree",
}

#: Flag -> marker and colour; colours of Okabe and Ito, that most colour-blind people distinguish.
MARKS: Final[dict[str, tuple[str, str]]] = {
    "range": ("X", "#d55e00"),
    "spike": ("^", "#d55e00"),
    "flat_line": ("s", "#cc79a7"),
    "rate": ("v", "#e69f00"),
    "neighbour": ("o", "#0072b2"),
    "datum_jump": ("D", "#000000"),
    "duplicated_day": ("P", "#009e73"),
    "clock_shift": ("*", "#56b4e9"),
    "disputed": ("h", "#f0e442"),
}


GAP_STEPS: Final = 3.0
"""A gap is shaded from so many usual steps on ..."""

GAP_DAYS: Final = 1.0
"""... and so many days."""

RECENT_DAYS: Final = 60
"""The lower panel shows so many days."""

_FEW: Final = 60
_INK, _GREY, _ALARM = "#1d5b79", "#b8c4cc", ("#c9a400", "#e07000", "#c1121f")


def draw(
    path: Path,
    region: Region,
    values: pd.DataFrame,
    row: Mapping[str, Any],
    as_of: pd.Timestamp,
    sources: Sequence[GaugeSource],
) -> None:
    """Draw a series: all of it above, the last days below.

    Parameters
    ----------
    path
        PNG file that is written.
    region
        The region, for the label of simulated data.
    values
        Values of one gauge and quantity as known, in the order of time.
    row
        Its row of the health table.
    as_of
        Date of the product.
    sources
        Entries of the gauge.
    """
    # Matplotlib takes long to import, and only pictures need it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    now = as_of_instant(as_of).tz_localize(None)
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    whole, recent = figure.subplots(2, 1, height_ratios=(3, 2))
    since = now - pd.Timedelta(days=RECENT_DAYS)
    time = pd.DatetimeIndex(values["time"]).tz_convert("UTC").tz_localize(None)
    lately = np.asarray(time >= since)
    first = sources[0]
    figure.suptitle(
        f"{first.called} ({first.gauge_id}), {first.river}: {row['quantity']} [{QUANTITIES[row['quantity']][0]}], "
        f"as known on {as_of.date()}",
        x=0.01,
        ha="left",
        fontsize=12,
    )
    _panel(whole, time, values, row, sources, marker=None)
    whole.set_xlim(time[0], now)
    _panel(recent, time[lately], values[lately], row, sources, marker=".")
    recent.set_xlim(since, now)
    recent.set_title(f"last {RECENT_DAYS} days", loc="left", fontsize=10)
    if not lately.any():
        recent.text(0.5, 0.5, f"no value since {time[-1]:%Y-%m-%d}", transform=recent.transAxes, ha="center")
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=6, fontsize=8, frameon=False)
    names = "; ".join(dict.fromkeys(source.attribution for source in sources if source.name in set(values["source"])))
    recent.set_xlabel(f"UTC. Data: {names}", fontsize=8, loc="right")
    if region.simulated:
        figure.text(
            0.5, 0.5, SIMULATED_NOTICE, fontsize=38, color="#c1121f", alpha=0.25, ha="center", va="center", rotation=18
        )
        figure.text(0.99, 0.985, SIMULATED_NOTICE, fontsize=10, color="#c1121f", ha="right", va="top", weight="bold")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _panel(
    axes: Axes,
    time: pd.DatetimeIndex,
    values: pd.DataFrame,
    row: Mapping[str, Any],
    sources: Sequence[GaugeSource],
    *,
    marker: str | None,
) -> None:
    from matplotlib.dates import date2num  # takes long to import, as above

    value = values["value"].to_numpy(float)
    usable = values["qc"].isin(USED).to_numpy()
    flags = values["flags"].to_numpy("int64")
    axes.grid(color="#e6eaed", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel(QUANTITIES[row["quantity"]][0])
    if not len(time):
        return
    # The line is broken where a gap is shaded, and a flagged value does not bend it.
    step = row["cadence_days"] if pd.notna(row["cadence_days"]) else 1.0
    longest = pd.Timedelta(days=max(GAP_STEPS * step, GAP_DAYS))
    shown_time, shown = time[usable], value[usable]
    broken = np.flatnonzero(np.diff(shown_time) > longest)
    if row["quantity"] == "rain":
        axes.vlines(shown_time, 0, shown, color=_INK, linewidth=0.8, label="value")
    else:
        x = np.insert(shown_time.to_numpy(), broken + 1, np.datetime64("NaT"))
        y = np.insert(shown, broken + 1, np.nan)
        axes.plot(x, y, color=_INK, linewidth=0.9, marker=marker, markersize=4, label="value")
    gaps = np.flatnonzero(np.diff(time) > longest)
    for i, (begin, end) in enumerate(zip(date2num(time[gaps]), date2num(time[gaps + 1]), strict=True)):
        axes.axvspan(begin, end, color=_GREY, alpha=0.45, linewidth=0, label="" if i else "gap")
    low, high = _limits(shown if shown.size else value)
    alarms = next((source for source in sources if source.alarm_levels_m), None)
    if row["quantity"] == "stage" and alarms is not None:
        for number, (level, colour) in enumerate(zip(alarms.alarm_levels_m, _ALARM, strict=True), start=1):
            level = level + alarms.datum_offset_m
            axes.axhline(level, color=colour, linewidth=1, linestyle="--", label=f"báo động {number} ({level:g} m)")
            low, high = min(low, level), max(high, level + 0.04 * (high - low))
    margin = 0.04 * (high - low)
    axes.set_ylim(0 if row["quantity"] == "rain" else low - margin, high + margin)
    inside = np.clip(value, low - margin / 2, high + margin / 2)
    for flag in COUNTED:
        has = flags & GAUGE_FLAGS[flag] > 0
        if has.any():
            mark, colour = MARKS[flag]
            few = has.sum() <= _FEW
            axes.scatter(
                time[has],
                inside[has],
                marker=mark,
                s=34 if few else 9,
                color=colour,
                edgecolors="black" if few else "none",
                linewidths=0.4,
                zorder=3,
                label=f"{FLAG_WORDS[flag]} ({has.sum()})",
            )


def _limits(value: np.ndarray) -> tuple[float, float]:
    low, high = float(value.min()), float(value.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
