"""The map of a bulletin: bank lines by level, readable without colour and without any tile from elsewhere."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import shapely

from erosion.core.contracts import LEVEL_COLOURS, LEVELS
from erosion.publish.columns import level_label
from erosion.publish.stretches import longest_parts
from erosion.words import translate, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI: Final = 200
INCH_MM: Final = 25.4

WIDTH_PT: Final[dict[int, float]] = {0: 1.0, 1: 0.9, 2: 2.0, 3: 3.4, 4: 5.0}
DASHES: Final[dict[int, Any]] = {0: (0, (1, 1.5)), 1: "solid", 2: (0, (4, 2)), 3: (0, (2.5, 1)), 4: "solid"}
"""Width and pattern of each level: told apart in black and white."""

MOST_NUMBERS: Final = 40
"""Stretches whose number stands on the map; more would hide it."""

LEFT_MM, RIGHT_MM, TOP_MM, BOTTOM_MM = 6.0, 1.5, 12.0, 6.0
"""Room around the map for coordinates, legend and the name of the CRS."""

MARGIN: Final = 0.08
SMALLEST_M: Final = 1_500.0
"""A map shows at least so much land in each direction [m]."""

_DRAWING: Final = threading.Lock()  # matplotlib's text layout is not safe between threads


def draw_map(
    segments: gpd.GeoDataFrame, stretches: gpd.GeoDataFrame, language: str, size_mm: tuple[float, float], **options: Any
) -> bytes:
    """Return the map of :func:`map_figure` as PNG; the same input gives the same bytes."""
    with _DRAWING:
        buffer = io.BytesIO()
        figure = map_figure(segments, stretches, language, size_mm, **options)
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def map_figure(
    segments: gpd.GeoDataFrame,
    stretches: gpd.GeoDataFrame,
    language: str,
    size_mm: tuple[float, float],
    *,
    whole: bool,
    mark: str = "",
    reach_titles: Mapping[str, str] | None = None,
) -> Figure:
    """Return a map with scale, kilometres, north and the name of its CRS.

    Parameters
    ----------
    segments
        All bank lines, in metres, with ``reach``, ``bank``, ``chainage_m`` and ``joint_level``.
    stretches
        Those of the bulletin in the same CRS, with ``no``.
    language
        ``vi`` or ``en``.
    size_mm
        Width and height on paper [mm]; the scale that is printed holds at this size.
    whole
        Show all bank lines; otherwise what lies around the stretches.
    mark
        Written across the map, such as that the data are simulated.
    reach_titles
        Name of a reach to what is written beside it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size_mm[0] / INCH_MM, size_mm[1] / INCH_MM), dpi=DPI)
    FigureCanvasAgg(figure)
    box_mm = (size_mm[0] - LEFT_MM - RIGHT_MM, size_mm[1] - TOP_MM - BOTTOM_MM)
    axes = figure.add_axes(
        (LEFT_MM / size_mm[0], BOTTOM_MM / size_mm[1], box_mm[0] / size_mm[0], box_mm[1] / size_mm[1])
    )
    view = _view(shown_on(segments, stretches, whole=whole), box_mm[0] / box_mm[1])
    axes.set_xlim(view[0], view[2])
    axes.set_ylim(view[1], view[3])
    axes.set_aspect("equal", adjustable="box")
    _banks(axes, segments)
    _kilometres(axes, segments, view, reach_titles or {})
    _numbers(axes, stretches)
    _scale_bar(axes, view, (view[2] - view[0]) / (box_mm[0] / 1000.0), language)
    _frame(axes, segments.crs, language)
    _legend(axes, set(segments["joint_level"].astype(int)), language)
    axes.text(0.5, 0.5, mark, transform=axes.transAxes, ha="center", va="center", fontsize=20, rotation=12,
              color="0.55", alpha=0.4, zorder=1, parse_math=False)  # fmt: skip
    return figure


def shown_on(segments: gpd.GeoDataFrame, stretches: gpd.GeoDataFrame, *, whole: bool) -> gpd.GeoDataFrame:
    """Return what a map has to show: all bank lines, or only the stretches."""
    return segments if whole or stretches.empty else stretches


def fitting_height(table: gpd.GeoDataFrame, width_mm: float, low_mm: float, high_mm: float) -> float:
    """Return how high a map of so much width is without empty land above and below, within limits [mm]."""
    _, width, height = _extent(table)
    return float(np.clip(width_mm * height / width, low_mm, high_mm))


def _extent(table: gpd.GeoDataFrame) -> tuple[np.ndarray, float, float]:
    """Return the middle of a table, and width and height with a margin [m]."""
    bounds = np.asarray(table.total_bounds, dtype=float)
    if not np.isfinite(bounds).all():
        bounds = np.zeros(4)
    width, height = np.maximum((bounds[2:] - bounds[:2]) * (1.0 + 2.0 * MARGIN), SMALLEST_M)
    return (bounds[:2] + bounds[2:]) / 2.0, float(width), float(height)


def _view(table: gpd.GeoDataFrame, shape: float) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the map, as wide to high as ``shape``."""
    middle, width, height = _extent(table)
    width, height = max(width, height * shape), max(height, width / shape)
    return (middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2)


def _banks(axes: Axes, segments: gpd.GeoDataFrame) -> None:
    level = segments["joint_level"].to_numpy(int)
    for value in LEVELS:
        # In one piece where they touch: each segment alone is shorter than a dash.
        parts = shapely.get_parts(segments.geometry.to_numpy()[level == value])
        merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts))) if len(parts) else []
        lines = [shapely.get_coordinates(part) for part in merged]
        width = WIDTH_PT[value]
        colour = "0.45" if value == 0 else LEVEL_COLOURS[value]
        if value >= 2:  # a dark edge, so that yellow is seen on white paper
            _dashed(axes, lines, "black", width + 1.0, value, 2.0 + value)
        _dashed(axes, lines, colour, width, value, 2.5 + value)


def _dashed(axes: Axes, lines: list[np.ndarray], colour: str, width: float, level: int, zorder: float) -> None:
    """Draw lines in the pattern of a level, whose dashes are as long whatever the width."""
    from matplotlib.collections import LineCollection

    pattern = DASHES[level]
    if pattern != "solid":
        pattern = (0, [length * WIDTH_PT[level] / width for length in pattern[1]])
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, linestyles=[pattern], zorder=zorder))


def _kilometres(
    axes: Axes, segments: gpd.GeoDataFrame, view: tuple[float, float, float, float], titles: Mapping[str, str]
) -> None:
    """Write the chainage in the middle of the river, every so many kilometres, and the name of each river."""
    step = _round_up((view[2] - view[0]) / 1000.0 / 12.0)
    middle = shapely.line_interpolate_point(longest_parts(segments.geometry.to_numpy()), 0.5, normalized=True)
    xy = shapely.get_coordinates(middle)
    seen = (xy[:, 0] > view[0]) & (xy[:, 0] < view[2]) & (xy[:, 1] > view[1]) & (xy[:, 1] < view[3])
    for reach in sorted(set(segments["reach"])):
        mine = (segments["reach"] == reach).to_numpy() & segments["bank"].isin(["L", "R"]).to_numpy()
        chainage, places = segments["chainage_m"].to_numpy(float)[mine], xy[mine]
        if not (mine & seen).any():
            continue
        shown = segments["chainage_m"].to_numpy(float)[mine & seen]
        first, last = math.ceil(shown.min() / 1000.0 / step), math.floor(shown.max() / 1000.0 / step)
        for at_m in 1000.0 * step * np.arange(first, last + 1):
            banks = segments["bank"].to_numpy()[mine]
            near = [
                places[banks == bank][np.abs(chainage[banks == bank] - at_m).argmin()]
                for bank in ("L", "R")
                if (banks == bank).any()
            ]
            x, y = np.mean(near, axis=0)
            if not (view[0] < x < view[2] and view[1] < y < view[3]):
                continue
            axes.text(x, y, f"{at_m / 1000.0:g}", fontsize=6, ha="center", va="center", color="#1d3f55", zorder=8,
                      clip_on=True, bbox={"boxstyle": "round,pad=0.12", "fc": "white", "ec": "#1d3f55", "lw": 0.4})  # fmt: skip
        title = titles.get(reach)
        if title:
            at = xy[mine & seen]
            x, y = at[np.argsort(shown, kind="stable")[len(at) // 2]]
            axes.annotate(title, (x, y), xytext=(0, 14), textcoords="offset points", fontsize=7, fontstyle="italic",
                          ha="center", color="#1d3f55", zorder=8, parse_math=False, annotation_clip=True)  # fmt: skip


def _numbers(axes: Axes, stretches: gpd.GeoDataFrame) -> None:
    if stretches.empty:
        return
    table = stretches.head(MOST_NUMBERS)
    lines = longest_parts(table.geometry.to_numpy())
    points = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    for number, point in reversed(list(zip(table["no"], points, strict=True))):  # the worst on top
        axes.annotate(str(number), tuple(point), xytext=(7, 7), textcoords="offset points", fontsize=6, fontweight="bold",
                      ha="center", va="center", zorder=10, annotation_clip=True,
                      bbox={"boxstyle": "circle,pad=0.18", "fc": "white", "ec": "black", "lw": 0.7})  # fmt: skip


def _scale_bar(axes: Axes, view: tuple[float, float, float, float], scale: float, language: str) -> None:
    per_mm = scale / 1000.0  # metres on the ground for each mm on paper
    length = 1000.0 * _round_up((view[2] - view[0]) / 1000.0 / 12.0)
    x, y = view[2] - length, view[3] + 2 * per_mm
    for part in range(4):
        axes.plot([x + part * length / 4, x + (part + 1) * length / 4], [y, y], color="black" if part % 2 == 0 else "0.75",
                  linewidth=4, solid_capstyle="butt", zorder=12, clip_on=False)  # fmt: skip
    kilometres = write.number(length / 1000.0, language, 0 if length >= 1000 else 1)
    about = write.number(round(scale, -int(math.log10(scale)) + 1), language)
    text = translate(language, "bulletin.map.scale", scale=about, km=kilometres)
    axes.text(x - 2 * per_mm, y, text, fontsize=6.5, zorder=12, va="center", ha="right")
    tip = (view[2] - 6 * per_mm, view[3] - 3 * per_mm)
    axes.annotate("", tip, xytext=(tip[0], tip[1] - 10 * per_mm), zorder=12,
                  arrowprops={"arrowstyle": "-|>", "lw": 1.6, "color": "black"})  # fmt: skip
    axes.text(tip[0], tip[1] - 11 * per_mm, translate(language, "bulletin.map.north"), fontsize=9, fontweight="bold",
              ha="center", va="top", zorder=12)  # fmt: skip


def _frame(axes: Axes, crs: Any, language: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axis, ticks in ((axes.xaxis, 5), (axes.yaxis, 3)):
        axis.set_major_locator(MaxNLocator(ticks))
        axis.set_major_formatter(FuncFormatter(lambda value, _: write.number(value, language)))
    axes.tick_params(labelsize=5.5, length=2)
    axes.tick_params(axis="y", rotation=90)
    axes.grid(color="0.85", linewidth=0.4, zorder=0)
    axes.set_axisbelow(True)
    axes.set_title(
        translate(language, "bulletin.map.crs", crs=f"{crs.to_string()[:40]} ({crs.name[:60]})"),
        fontsize=6.5, loc="left", pad=3, parse_math=False,
    )  # fmt: skip


def _legend(axes: Axes, there: set[int], language: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import Normal, Stroke

    handles = []
    for level in reversed(LEVELS):
        if level not in there:
            continue
        colour, width = ("0.45" if level == 0 else LEVEL_COLOURS[level]), WIDTH_PT[level]
        effects = [Stroke(linewidth=width + 1.0, foreground="black"), Normal()] if level >= 2 else []
        handles.append(
            Line2D(
                [],
                [],
                color=colour,
                linewidth=width,
                linestyle=DASHES[level],
                path_effects=effects,
                label=level_label(level, language),
            )
        )
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 1.0), bbox_transform=axes.figure.transFigure, ncols=len(handles) or 1, fontsize=7,
                frameon=False, handlelength=4.0, columnspacing=1.6)  # fmt: skip


def _round_up(value: float) -> float:
    """Return the least 1, 2 or 5 times a power of ten that is not below a value."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-3)))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= value * (1.0 - 1e-9))
