"""The map as deck.gl layers that draw without asking any other computer for anything.

Streamlit's map component takes a description in JSON, which the browser reads anew whenever one letter of it changes. So
the description holds no data but those of the chosen segment; the parts that do not change with a click are written once,
compactly, kept, and served at addresses of their own (:mod:`erosion.ui.map.served`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pydeck
import shapely
import streamlit as st
from numpy.typing import NDArray

from erosion.core.contracts import LEVEL_COLOURS, LEVELS
from erosion.core.vocabulary import ForecastOutcome
from erosion.publish.columns import level_label
from erosion.ui.map import layers, sketch
from erosion.ui.products.regions import Run
from erosion.ui.products.segments import read_bands, read_segments
from erosion.words import translate, write

NO_BASE_MAP: Final = "__MAP_STYLE__"
"""What ``pydeck.Deck(map_provider=None)`` writes. An empty style would send the browser to a tile server."""

LAND, WATER, GRID = [248, 246, 241], [205, 222, 232], [228, 224, 215]
FLOW = [22, 66, 104]
BAND: Final = {"p90": [240, 221, 199], "p70": [226, 188, 152], "p50": [205, 148, 102], "p30": [166, 103, 60]}
"""Land that is lost with a chance of 10, 30, 50 and 70 %: earth colours, the likelier the darker, opaque, so that overlapping strips do not look denser."""

NECK: Final = [106, 61, 154]
NECK_PX: Final = 14.0
NECK_GAP_M: Final = 500.0
"""Gap along a bank beyond which a stretch of it gets a label of its own [m]."""
NECK_CHANCE: Final = 0.05
"""Chance that the river cuts through a neck from which its banks are marked on the map."""

LINE_PX: Final = {0: 2.0, 1: 2.0, 2: 3.5, 3: 5.0, 4: 6.0}
"""Width of bank lines by level [pixel]: a print in black and white can be read by it."""

RIM: Final = [23, 36, 45]
"""Colour around the chosen segment and its stretch."""
STRETCH_PX: Final = 10.0

OUTCOME_COLOURS: Final = {
    ForecastOutcome.HIT: "#08519c",
    ForecastOutcome.MISS: "#d7191c",
    ForecastOutcome.FALSE_ALARM: "#f0a830",
    ForecastOutcome.QUIET: "#b9c2c8",
    ForecastOutcome.UNKNOWN: "#8c8c8c",
}
OUTCOME_SYMBOLS: Final = {
    ForecastOutcome.HIT: "✔",
    ForecastOutcome.MISS: "✖",
    ForecastOutcome.FALSE_ALARM: "△",
    ForecastOutcome.QUIET: "·",
    ForecastOutcome.UNKNOWN: "?",
}
OUTCOME_PX: Final = {
    ForecastOutcome.HIT: 5.0,
    ForecastOutcome.MISS: 6.0,
    ForecastOutcome.FALSE_ALARM: 4.5,
    ForecastOutcome.QUIET: 2.0,
    ForecastOutcome.UNKNOWN: 2.0,
}
_DRAWN: Final = (
    ForecastOutcome.UNKNOWN, ForecastOutcome.QUIET, ForecastOutcome.FALSE_ALARM, ForecastOutcome.HIT, ForecastOutcome.MISS
)  # fmt: skip
"""From the bottom to the top of the map."""

PICK_LAYER: Final = "segments"
"""Name of the layer that catches the mouse; the index of what is caught is the row of its segment."""
PICK_PX: Final = 6.0
"""How far from a bank the mouse is caught while the whole region is in sight [pixel] ..."""
PICK_M: Final = 100.0
"""... and at least on the ground [m]."""

NUMBER_INLAND_M: Final = 32.0
"""Where a level's number stands, inland of the bank line [m]."""

NUMBER_EACH: Final = 5
"""Neighbouring segments of one level that share a number."""
NUMBER_GAP_M: Final = 150.0
"""Segments further apart along a bank are not neighbours [m]."""

SMALL_MARKS: Final = 200
"""Chainage marks that come with zooming in: no more than some of these on one map, so one each 1, 2, 5 or 10 km."""

DESK_PX: Final = 560.0
PHONE_PX: Final = 350.0
"""Width that the whole reach is fitted into [pixel]: that of the map in a window of 1280 pixels and on a phone, less a rim."""

KM_PX: Final = (58.0, 24.0)
"""Room of a label such as ``km 210``: width and height [pixel]."""

RIM_PX: Final = 34.0
"""Half of a label such as ``105,56° Đông`` [pixel]."""

SEGMENT_ZOOM: Final = -1.5
"""Zoom at a chosen segment: about 3 m a pixel."""

_ARROW: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
    '<path d="M6 32 H44 M30 16 L50 32 L30 48" fill="none" stroke="#fff" stroke-width="9" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>'
)
_NORTH: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
    '<path d="M32 4 L48 58 L32 46 L16 58 Z" fill="#fff"/></svg>'
)


class ReadyDeck(pydeck.Deck):  # type: ignore[misc]
    """A deck whose JSON is written already."""

    def __init__(self, text: str, tooltip: str) -> None:
        super().__init__(map_provider=None, tooltip={"text": tooltip, "style": _TOOLTIP})
        self._text = text

    def to_json(self) -> str:
        """Return the description as it stands."""
        return self._text


_TOOLTIP: Final = {
    "backgroundColor": "#17242d",
    "color": "#ffffff",
    "fontSize": "13px",
    "lineHeight": "1.45",
    "borderRadius": "6px",
    "padding": "8px 10px",
    "whiteSpace": "pre-line",
}


@st.cache_resource(max_entries=24, show_spinner=False)
def plane_of(_run: Run, target: str, version: str) -> tuple[sketch.Frame, NDArray[Any]]:
    """Return the plane of a run's map and its bank lines on it, in the order of ``read_segments``."""
    lines = sketch.lon_lat(read_segments(_run, target).geometry)
    plane = sketch.frame(lines)
    return plane, sketch.to_metres(lines, plane)


def _reaches(table: pd.DataFrame) -> list[NDArray[np.bool_]]:
    """Return which rows belong to each reach, booleans of shape (n,): chainages of two of them mean nothing to each other."""
    return [(table["reach"] == name).to_numpy() for name in dict.fromkeys(table["reach"])]


@st.cache_resource(max_entries=16, show_spinner=False)
def ground(_run: Run, target: str, version: str) -> layers.Part:
    """Return the lowest layers: land, grid, water, islands."""
    table = read_segments(_run, target)
    plane, lines = plane_of(_run, target, version)
    bank, at = table["bank"].to_numpy(str), table["chainage_m"].to_numpy(float)
    west, south, east, north = sketch.view_bounds(plane)
    rivers = [sketch.river(lines[mine], bank[mine], at[mine]) for mine in _reaches(table)]
    water, islands = ([ring for river in rivers for ring in river[part]] for part in (0, 1))
    far = 3.0 * max(east - west, north - south)
    around = [west - far, south - far, east + far, south - far, east + far, north + far, west - far, north + far]
    grid = sketch.graticule(plane)
    return layers.apart(
        [
            layers.polygons("land", [[round(value) for value in around]], LAND),
            layers.paths("grid", grid.lines, GRID, 1.0),
            layers.polygons("water", water, WATER),
            layers.polygons("islands", islands, LAND),
        ]
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def strips(_run: Run, target: str, version: str) -> layers.Part:
    """Return the strips of land that may be lost, the widest lowest: more data than all other layers together."""
    plane, _lines = plane_of(_run, target, version)
    table = read_bands(_run, target)
    table = table[table["retreat_m"] >= sketch.SIMPLIFY_M]
    shapes = sketch.to_metres(sketch.lon_lat(table.geometry), plane) if len(table) else np.empty(0, dtype=object)
    quantile = table["quantile"].to_numpy(str)
    rings = {name: sketch.rings(shapes[quantile == name], sketch.tolerance_m(plane)) for name in BAND}
    return layers.apart([layers.polygons(f"band-{name}", rings[name], BAND[name]) for name in BAND])


@st.cache_resource(max_entries=16, show_spinner=False)
def marks(_run: Run, target: str, language: str, width_px: float, version: str) -> layers.Part:
    """Return the layers above the levels: chainage, flow, north, scale; spaced for the whole reach in ``width_px``."""
    table = read_segments(_run, target)
    plane, lines = plane_of(_run, target, version)
    bank, chainage = table["bank"].to_numpy(str), table["chainage_m"].to_numpy(float)
    centres = [sketch.centre_line(lines[mine], bank[mine], chainage[mine]) for mine in _reaches(table)]

    def along(step_m: float, first_m: float = 0.0) -> list[Any]:
        return [mark for at, xy in centres for mark in sketch.marks(at + first_m, xy, step_m)]

    west, south, east, north = sketch.view_bounds(plane)
    metres_per_px = 2.0 ** -whole_view(plane, width_px)["zoom"]
    grid = sketch.graticule(plane)
    rim = RIM_PX * metres_per_px
    degrees = [
        {"p": place, "t": _degrees(kind, value, language), "a": "middle" if kind == "lon" else "start"}
        for kind, value, place in grid.labels
        if kind == "lat" or west + rim <= place[0] <= east - rim  # written whole
    ]
    # A number each ten kilometres where there is room for it at first sight; the others come with zooming in.
    tens, between = sketch.spaced(along(sketch.MARK_M), *(room * metres_per_px for room in KM_PX))
    length_m = sum(float(at[-1] - at[0]) for at, _ in centres if len(at))
    step = next(km for km in (1, 2, 5, 10) if km == 10 or length_m <= SMALL_MARKS * 1000.0 * km)
    ones = [mark for mark in along(step * sketch.SMALL_MARK_M) if mark[0] % 10]
    room = 80.0 * metres_per_px
    arrows, _ = sketch.spaced(along(sketch.MARK_M, 0.5 * sketch.MARK_M), room, room)
    bar = sketch.nice(0.22 * (east - west))
    above = max(0.05 * (north - south), 26.0 * metres_per_px)  # of the degrees along the lower rim
    corner = [east - 0.05 * (east - west) - bar, south + above]
    ticks = 0.008 * (north - south)
    scale = [
        corner[0], corner[1] + ticks, corner[0], corner[1],
        corner[0] + bar, corner[1], corner[0] + bar, corner[1] + ticks,
    ]  # fmt: skip
    length = f"{write.number(bar / 1000, language)} km" if bar >= 1000 else f"{write.number(bar, language)} m"
    drawn_layers = [
        layers.icons("flow", [{"p": place, "g": round(angle, 1)} for _, place, angle in arrows], _ARROW, 17, FLOW),
        layers.texts("km-1", _km(ones), 60, units="meters", most=12),
        layers.texts("km-between", _km(between), 300, units="meters", most=12),
        layers.dots("km-dots", [place for _, place, _ in tens], layers.INK),
        layers.texts("km", _km(tens), 12, box=True, anchor="start", shift=[9, 0]),
        layers.texts("degrees", degrees, 11, ink=[140, 134, 120], anchor="@@=a", baseline="bottom", shift=[2, -2]),
        layers.paths("scale", [[round(value) for value in scale]], layers.INK, 2.0),
        layers.texts("scale-text", [{"p": [round(corner[0] + bar / 2), round(corner[1])], "t": length}], 12, shift=[0, -9]),
        layers.icons(
            "north", [{"p": [round(east - 0.06 * (east - west)), round(north - 0.06 * (north - south))], "g": 0}],
            _NORTH, 30, layers.INK,
        ),
        layers.texts(
            "north-text",
            [{"p": [round(east - 0.06 * (east - west)), round(north - 0.06 * (north - south))],
              "t": translate(language, "map.north")}],
            13, shift=[0, 24],
        ),
    ]  # fmt: skip
    return layers.apart(drawn_layers)


@st.cache_resource(max_entries=16, show_spinner=False)
def necks(_run: Run, target: str, language: str, version: str) -> tuple[layers.Part, layers.Part] | None:
    """Return the layers of necks that the river may cut through, below and above the levels; None where there are none.

    Below, the banks of a neck get a broad line; above, each stretch of them the highest chance on it, as far as the map is zoomed in.
    """
    table = read_segments(_run, target)
    chance = table["p_cutoff"].to_numpy(float, na_value=np.nan)
    marked = np.flatnonzero(chance >= NECK_CHANCE)
    if not marked.size:
        return None
    _plane, lines = plane_of(_run, target, version)
    near, at = table.iloc[marked], table["chainage_m"].to_numpy(float)[marked]
    key = np.array([f"{reach}|{bank}" for reach, bank in zip(near["reach"], near["bank"], strict=True)])
    drawn = [sketch.thin(xy) for _, xy in sketch.chains(lines[marked], key, at)]
    order = np.lexsort((at, key))
    apart = (key[order][1:] != key[order][:-1]) | (np.diff(at[order]) > NECK_GAP_M)
    labels = []
    for stretch in np.split(marked[order], np.flatnonzero(apart) + 1):
        worst = stretch[np.argmax(chance[stretch])]
        place = shapely.get_coordinates(shapely.line_interpolate_point(lines[worst], 0.5, normalized=True))[0]
        text = translate(language, "map.neck.label", chance=write.share(chance[worst], language))
        labels.append({"p": np.rint(place).astype(int).tolist(), "t": text})
    return (
        layers.apart([layers.paths("necks", drawn, [*NECK, 110], NECK_PX)]),
        layers.apart([layers.texts("neck-chance", labels, 300, units="meters", most=13, ink=NECK, anchor="start")]),
    )


@st.cache_resource(max_entries=24, show_spinner=False)
def levels(_run: Run, target: str, column: str, version: str) -> layers.Part:
    """Return bank lines coloured by a column of levels, the worst on top."""
    table = read_segments(_run, target)
    plane, lines = plane_of(_run, target, version)
    numbers = table[column].to_numpy(int)
    styles = {level: (LEVEL_COLOURS[level], LINE_PX[level]) for level in LEVELS}
    coloured = _coloured("level", plane, lines, numbers, table, styles)
    return layers.apart([*coloured, _level_numbers(lines, table, numbers)])


def _level_numbers(lines: NDArray[Any], table: pd.DataFrame, numbers: NDArray[Any]) -> dict[str, Any]:
    """Return the numbers of raised levels, each inland of its line; they grow into sight when the map comes closer.

    One for each five neighbouring segments of one level at most: more would be drawn on top of each other, or for nothing.
    """
    raised = np.flatnonzero(numbers >= 2)
    key = np.array([f"{reach}|{bank}" for reach, bank in zip(table["reach"], table["bank"], strict=True)])[raised]
    at = table["chainage_m"].to_numpy(float)[raised]
    order = np.lexsort((at, key))
    raised, key, at = raised[order], key[order], at[order]
    apart = (key[1:] != key[:-1]) | (np.diff(at) > NUMBER_GAP_M) | (np.diff(numbers[raised]) != 0)
    runs = np.split(raised, np.flatnonzero(apart) + 1)
    pieces = [run[i : i + NUMBER_EACH] for run in runs for i in range(0, len(run), NUMBER_EACH)]
    labelled = np.array([piece[len(piece) // 2] for piece in pieces], dtype=int)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines[labelled], 0.5, normalized=True))
    inland = np.radians(table["landward_deg"].to_numpy(float, na_value=np.nan)[labelled])
    places = middle + np.nan_to_num(NUMBER_INLAND_M * np.column_stack([np.sin(inland), np.cos(inland)]))
    data = [
        {"p": place, "t": str(level)}
        for place, level in zip(np.rint(places).astype(int).tolist(), numbers[labelled].tolist(), strict=True)
    ]
    return layers.texts("level-number", data, 38, units="meters", most=14)


@st.cache_resource(max_entries=12, show_spinner=False)
def results(_run: Run, target: str, _found: pd.DataFrame, version: str) -> layers.Part:
    """Return bank lines coloured by what became of the forecast, misses on top."""
    table = read_segments(_run, target)
    plane, lines = plane_of(_run, target, version)
    styles = {name: (OUTCOME_COLOURS[name], OUTCOME_PX[name]) for name in _DRAWN}
    return layers.apart(_coloured("outcome", plane, lines, outcome_of(table, _found), table, styles))


def outcome_of(table: pd.DataFrame, found: pd.DataFrame) -> NDArray[Any]:
    """Return the outcome of each segment of a table; what the file lacks, or names otherwise, is unknown."""
    named = table["segment_id"].map(found.drop_duplicates("segment_id").set_index("segment_id")["outcome"])
    return named.where(named.isin(list(ForecastOutcome)), ForecastOutcome.UNKNOWN).to_numpy(str)


def _coloured(
    name: str,
    plane: sketch.Frame,
    lines: NDArray[Any],
    value: NDArray[Any],
    table: pd.DataFrame,
    styles: Mapping[Any, tuple[str, float]],
) -> list[dict[str, Any]]:
    sides = zip(table["reach"], table["bank"], value, strict=True)
    key = np.array([f"{reach}|{side}|{what}" for reach, side, what in sides])
    long = sketch.chains(lines, key, table["chainage_m"].to_numpy(float))
    tolerance = sketch.tolerance_m(plane)
    drawn: dict[str, list[list[int]]] = {}
    for which, xy in long:
        drawn.setdefault(which.rsplit("|", 1)[1], []).append(sketch.thin(xy, tolerance))
    return [
        layers.paths(f"{name}-{what}", drawn.get(str(what), []), layers.colour(paint), width)
        for what, (paint, width) in styles.items()
    ]


@st.cache_resource(max_entries=24, show_spinner=False)
def picks(
    _run: Run,
    target: str,
    language: str,
    column: str,
    _found: pd.DataFrame | None,
    version: str,
) -> layers.Part:
    """Return the invisible cells that catch the mouse, each with the tooltip of its segment: where it is the nearest one.

    The tooltip shows a column of levels.
    """
    table = read_segments(_run, target)
    plane, lines = plane_of(_run, target, version)
    reach_m = max(PICK_PX * 2.0 ** -whole_view(plane, DESK_PX)["zoom"], PICK_M)
    label = {level: level_label(level, language) for level in LEVELS}
    whole = {name: _whole(table[f"retreat_{name}_m"], language) for name in ("p10", "p50", "p90")}
    forecast = [
        write.NOTHING if mid == write.NOTHING else f"{mid} m ({low}–{high} m)"
        for low, mid, high in zip(*whole.values(), strict=True)
    ]
    data: list[dict[str, Any]] = [
        {"p": cell, "a": write.place(bank, at, language), "b": label[level], "c": p, "d": d}
        for cell, bank, at, level, p, d in zip(
            sketch.cells(lines, reach_m),
            table["bank"],
            table["chainage_m"],
            table[column],
            [write.share(p, language) for p in table["p_event"]],
            forecast,
            strict=True,
        )
    ]
    if _found is not None:
        by_segment = _found.drop_duplicates("segment_id").set_index("segment_id")
        observed = table["segment_id"].map(by_segment["retreat_observed_m"])
        for row, what, metres in zip(data, outcome_of(table, _found), observed, strict=True):
            row["e"] = (
                f"{OUTCOME_SYMBOLS[what]} {translate(language, f'results.{what}')} ({write.number(metres, language)} m)"
            )
    return layers.apart([layers.pickable(PICK_LAYER, data)])


def _whole(values: pd.Series, language: str) -> list[str]:
    """Return numbers without decimals as texts; most of them occur often, and each is made once."""
    rounded = values.round()
    written = {value: write.number(value, language) for value in rounded.dropna().unique()}
    return [written.get(value, write.NOTHING) for value in rounded.tolist()]


def stretch(lines: NDArray[Any], table: pd.DataFrame, row: int) -> str:
    """Return the layer below the levels that rims the stretch of the segment in a row; empty where it belongs to none."""
    name = table["stretch_id"].iloc[row]
    mine = np.flatnonzero(table["stretch_id"] == name) if pd.notna(name) else np.empty(0, int)
    at = table["chainage_m"].to_numpy(float)[mine]
    long = [sketch.thin(xy) for _, xy in sketch.chains(lines[mine], np.zeros(len(mine)), at)]
    return layers.join([layers.paths("stretch", long, RIM, STRETCH_PX)])


def chosen(line: Any, level: int) -> str:
    """Return the layers that mark the chosen segment: a dark rim, a light one, its own colour on top."""
    xy = [sketch.thin(shapely.get_coordinates(line), 0.5)]
    return layers.join(
        [
            layers.paths("chosen-rim", xy, RIM, 15.0),
            layers.paths("chosen-gap", xy, [255, 255, 255], 10.0),
            layers.paths("chosen", xy, layers.colour(LEVEL_COLOURS[level]), 6.5),
        ]
    )


def compose(parts: Sequence[str], view: Mapping[str, Any], tooltip: str, clicks: int) -> ReadyDeck:
    """Return the map of the layers.

    Parameters
    ----------
    parts
        Layers as JSON without outer brackets, bottom first.
    view
        Initial view state.
    tooltip
        Text with placeholders in braces, filled as text, never as HTML.
    clicks
        Number of clicks answered so far. It makes the description of the map a new one after each of them.
    """
    # Streamlit fades everything but what is selected, and computes the colours of every line anew for it. It leaves alone
    # what stands in a list of its own among the layers, and forgets a selection in there with the next description.
    text = (
        '{"mapStyle":"' + NO_BASE_MAP + '","clicks":' + str(clicks) + ',"initialViewState":' + layers.compact(view)
        + ',"views":{"@@type":"OrthographicView","id":"plan","flipY":false,"controller":true},"layers":[['
        + ",".join(parts)
        + "]]}"
    )  # fmt: skip
    return ReadyDeck(text, tooltip)


def fitting_width(user_agent: str) -> float:
    """Return the width that the whole reach is fitted into [pixel].

    The server does not know the width of the window. Phones name themselves ``Mobi`` in the user agent.
    """
    return PHONE_PX if "Mobi" in user_agent else DESK_PX


def whole_view(plane: sketch.Frame, width_px: float, height_px: float = 600.0) -> dict[str, Any]:
    """Return the view that shows the whole reach in a map of some width and height [pixel]."""
    west, south, east, north = sketch.view_bounds(plane)
    zoom = math.log2(min(width_px / (east - west), height_px / (north - south)))
    return {
        "target": [round(0.5 * (west + east)), round(0.5 * (south + north)), 0],
        "zoom": round(zoom, 3),
        "minZoom": round(zoom - 1.5, 3),
        "maxZoom": 1.5,
    }


def frame_of(plane: sketch.Frame, lines: NDArray[Any]) -> sketch.Frame:
    """Return the plane with the bounds of some of its bank lines."""
    return plane._replace(bounds=tuple(shapely.total_bounds(lines).tolist()))


def segment_view(plane: sketch.Frame, line: Any, width_px: float) -> dict[str, Any]:
    """Return the view that shows one segment and its neighbours; it zooms out as far as the whole reach needs."""
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(line, 0.5, normalized=True))[0]
    return whole_view(plane, width_px) | {"target": [round(x), round(y), 0], "zoom": SEGMENT_ZOOM}


def _km(marks: list[tuple[int, list[int], float]]) -> list[dict[str, Any]]:
    return [{"p": place, "t": f"km {km}"} for km, place, _ in marks]


def _degrees(kind: str, value: float, language: str) -> str:
    key = ("map.east" if value >= 0 else "map.west") if kind == "lon" else (
        "map.northing" if value >= 0 else "map.southing"
    )  # fmt: skip
    return translate(language, key, degrees=write.number(abs(value), language, 2).rstrip("0").rstrip(",."))
