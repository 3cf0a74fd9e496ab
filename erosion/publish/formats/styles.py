"""Styles of the published layers: QML for QGIS and SLD for every other program.

A level is never shown by colour alone: its legend has number, symbol and word, its line has a width of its own and
unknown is dashed, so that a black-and-white print and a colour-blind reader get the same message.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from typing import Final

from erosion.core.contracts import LEVEL_COLOURS, LEVELS, SIMULATED_NOTICE
from erosion.publish.columns import LEVEL_TITLE, Column, level_label

#: Width of a bank line by level [mm].
WIDTHS_MM: Final = {0: 0.6, 1: 0.6, 2: 1.0, 3: 1.5, 4: 2.1}

_CASING_MM: Final = 0.5
_CASING_COLOUR: Final = "#232323"

#: Opacity of a strip (0..255). Likelier strips lie inside less likely ones, so the colour grows denser with the chance.
_BAND_ALPHA: Final = 60

_DOCTYPE: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def legend_label(level: int, simulated: bool) -> str:
    """Return the legend entry of a level, e.g. ``Mức nguy cơ (mô hình): 4 ● rất cao``."""
    return f"{LEVEL_TITLE}: {level_label(level)}" + (f" ({SIMULATED_NOTICE})" if simulated else "")


def segment_qml(columns: Sequence[Column], simulated: bool) -> str:
    """Return the QGIS style of bank lines: categories by level, highest level on top, number and symbol along levels 3, 4.

    Parameters
    ----------
    columns
        Columns of the layer; their Vietnamese heads become the field aliases.
    simulated
        Whether the legend must say that the data are simulated.

    Returns
    -------
    str
        A QML document.
    """
    root = _qgis()
    symbols = _renderer(root, simulated)
    for level in LEVELS:
        symbol = _symbol(symbols, "line", level)
        style = {"line_style": "dash" if level == 0 else "solid", "joinstyle": "round", "line_width_unit": "MM"}
        # Flat ends keep neighbouring segments apart, so that 100 m can be counted on the map.
        style["capstyle"] = "flat"
        wide, narrow = WIDTHS_MM[level] + _CASING_MM, WIDTHS_MM[level]
        casing = {**style, "line_color": _rgba(_CASING_COLOUR), "line_width": f"{wide:.1f}"}
        _layer(symbol, "SimpleLine", casing, locked=True)  # locked: the symbol's colour is that of the level
        _layer(
            symbol, "SimpleLine", {**style, "line_color": _rgba(LEVEL_COLOURS[level]), "line_width": f"{narrow:.1f}"}
        )
    _labels(root)
    _aliases(root, columns)
    return _document(root)


def band_qml(columns: Sequence[Column], simulated: bool) -> str:
    """Return the QGIS style of strips of land at risk: categories by level, the likelier the denser (see above)."""
    root = _qgis()
    symbols = _renderer(root, simulated)
    for level in LEVELS:
        symbol = _symbol(symbols, "fill", level)
        _layer(
            symbol,
            "SimpleFill",
            {
                "color": _rgba(LEVEL_COLOURS[level], _BAND_ALPHA),
                "style": "solid",
                "outline_color": _rgba(_CASING_COLOUR, 160),
                "outline_style": "dot" if level == 0 else "solid",
                "outline_width": "0.1",
                "outline_width_unit": "MM",
            },
        )
    _aliases(root, columns)
    return _document(root)


def _qgis() -> ET.Element:
    # The version selects the dialect; every QGIS 3 reads it.
    return ET.Element(
        "qgis", {"version": "3.22.0", "styleCategories": "Symbology|Labeling|Fields", "labelsEnabled": "0"}
    )


def _renderer(root: ET.Element, simulated: bool) -> ET.Element:
    """Return the list of symbols of a renderer added here, one category a level, drawn from low to high."""
    renderer = ET.SubElement(
        root,
        "renderer-v2",
        {"type": "categorizedSymbol", "attr": "level", "symbollevels": "0", "forceraster": "0", "enableorderby": "1"},
    )
    categories = ET.SubElement(renderer, "categories")
    for level in reversed(LEVELS):
        ET.SubElement(
            categories,
            "category",
            {
                "value": str(level),
                "type": "integer",
                "symbol": str(level),
                "label": legend_label(level, simulated),
                "render": "true",
            },
        )
    symbols = ET.SubElement(renderer, "symbols")
    order = ET.SubElement(renderer, "orderby")
    clause = ET.SubElement(order, "orderByClause", {"asc": "1", "nullsFirst": "1"})
    clause.text = '"level"'
    return symbols


def _symbol(symbols: ET.Element, kind: str, level: int) -> ET.Element:
    return ET.SubElement(symbols, "symbol", {"type": kind, "name": str(level), "alpha": "1", "clip_to_extent": "1"})


def _layer(symbol: ET.Element, kind: str, settings: dict[str, str], locked: bool = False) -> None:
    layer = ET.SubElement(symbol, "layer", {"class": kind, "enabled": "1", "locked": str(int(locked)), "pass": "0"})
    options = ET.SubElement(layer, "Option", {"type": "Map"})
    for key in sorted(settings):
        ET.SubElement(options, "Option", {"name": key, "value": settings[key], "type": "QString"})
    for key in sorted(settings):  # versions before 3.20 read these
        ET.SubElement(layer, "prop", {"k": key, "v": settings[key]})


def _labels(root: ET.Element) -> None:
    """Write number and symbol along the lines of the two upper levels, from a scale where they have room."""
    root.set("labelsEnabled", "1")
    labeling = ET.SubElement(root, "labeling", {"type": "simple"})
    settings = ET.SubElement(labeling, "settings", {"calloutType": "simple"})
    expression = "CASE " + " ".join(f"WHEN \"level\" = {level} THEN '{_mark(level)}'" for level in (3, 4)) + " END"
    text = ET.SubElement(
        settings,
        "text-style",
        {
            "fieldName": expression,
            "isExpression": "1",
            "fontSize": "9",
            "fontSizeUnit": "Point",
            "fontWeight": "75",
            "textColor": "0,0,0,255",
            "textOpacity": "1",
        },
    )
    ET.SubElement(
        text,
        "text-buffer",
        {"bufferDraw": "1", "bufferSize": "1", "bufferSizeUnits": "MM", "bufferColor": "255,255,255,255"},
    )
    # Beside the middle of the segment: along the line there is no room for a text at the scales people use.
    middle = {"geometryGenerator": "line_interpolate_point($geometry, length($geometry) / 2)"}
    middle = {**middle, "geometryGeneratorEnabled": "1", "geometryGeneratorType": "PointGeometry"}
    ET.SubElement(settings, "placement", {"placement": "0", "dist": "2", "distUnits": "MM", **middle})
    ET.SubElement(settings, "rendering", {"scaleVisibility": "1", "scaleMin": "0", "scaleMax": "50000"})


def _mark(level: int) -> str:
    number, symbol, _ = level_label(level).split(" ", 2)
    return f"{number} {symbol}"


def _aliases(root: ET.Element, columns: Sequence[Column]) -> None:
    aliases = ET.SubElement(root, "aliases")
    for index, column in enumerate(columns, start=1):  # field 0 is fid
        ET.SubElement(aliases, "alias", {"field": column.name, "index": str(index), "name": column.head})


def _rgba(colour: str, alpha: int = 255) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{alpha}"


def _document(root: ET.Element) -> str:
    ET.indent(root, " ")
    return _DOCTYPE + ET.tostring(root, encoding="unicode") + "\n"


_Draw = Callable[[ET.Element, int], None]

_SLD, _SE, _OGC, _XLINK = (
    "http://www.opengis.net/sld",
    "http://www.opengis.net/se",
    "http://www.opengis.net/ogc",
    "http://www.w3.org/1999/xlink",
)


def segment_sld(layer: str, simulated: bool) -> str:
    """Return the style of bank lines as SLD 1.1, one rule a level.

    Parameters
    ----------
    layer
        Name of the layer.
    simulated
        Whether the rule titles must say that the data are simulated.
    """

    def draw(rule: ET.Element, level: int) -> None:
        for colour, width in (
            (_CASING_COLOUR, WIDTHS_MM[level] + _CASING_MM),
            (LEVEL_COLOURS[level], WIDTHS_MM[level]),
        ):
            line = ET.SubElement(rule, "se:LineSymbolizer")
            _stroke(line, colour, width / 0.28, "4 2" if level == 0 else None)

    return _sld(layer, simulated, draw)


def band_sld(layer: str, simulated: bool) -> str:
    """Return the style of strips of land at risk as SLD 1.1, one rule a level; parameters as in :func:`segment_sld`."""

    def draw(rule: ET.Element, level: int) -> None:
        area = ET.SubElement(rule, "se:PolygonSymbolizer")
        fill = ET.SubElement(area, "se:Fill")
        _parameter(fill, "fill", LEVEL_COLOURS[level])
        _parameter(fill, "fill-opacity", f"{_BAND_ALPHA / 255:.2f}")
        _stroke(area, _CASING_COLOUR, 0.5, "1 2" if level == 0 else None)

    return _sld(layer, simulated, draw)


def _sld(layer: str, simulated: bool, draw: _Draw) -> str:
    root = ET.Element(
        "StyledLayerDescriptor",
        {"version": "1.1.0", "xmlns": _SLD, "xmlns:se": _SE, "xmlns:ogc": _OGC, "xmlns:xlink": _XLINK},
    )
    named = ET.SubElement(root, "NamedLayer")
    ET.SubElement(named, "se:Name").text = layer
    style = ET.SubElement(named, "UserStyle")
    ET.SubElement(style, "se:Name").text = layer
    kind = ET.SubElement(style, "se:FeatureTypeStyle")
    for level in LEVELS:  # low to high: later rules are drawn on top
        rule = ET.SubElement(kind, "se:Rule")
        ET.SubElement(rule, "se:Name").text = f"level {level}"
        ET.SubElement(ET.SubElement(rule, "se:Description"), "se:Title").text = legend_label(level, simulated)
        equal = ET.SubElement(ET.SubElement(rule, "ogc:Filter"), "ogc:PropertyIsEqualTo")
        ET.SubElement(equal, "ogc:PropertyName").text = "level"
        ET.SubElement(equal, "ogc:Literal").text = str(level)
        draw(rule, level)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _stroke(parent: ET.Element, colour: str, width_px: float, dashes: str | None) -> None:
    stroke = ET.SubElement(parent, "se:Stroke")
    _parameter(stroke, "stroke", colour)
    _parameter(stroke, "stroke-width", f"{width_px:.1f}")
    if dashes:
        _parameter(stroke, "stroke-dasharray", dashes)


def _parameter(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, "se:SvgParameter", {"name": name}).text = value
