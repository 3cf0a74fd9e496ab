"""Kinds of layers of deck.gl, written compactly. Nothing in them asks another computer for anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

INK: Final = [54, 69, 79]
FONT: Final = "Source Sans, Segoe UI, Roboto, sans-serif"


def colour(text: str, alpha: int = 255) -> list[int]:
    """Return red, green, blue and alpha of ``#rrggbb``, 0 to 255."""
    return [int(text[i : i + 2], 16) for i in (1, 3, 5)] + [alpha]


def polygons(name: str, outlines: list[list[int]], fill: list[int]) -> dict[str, Any]:
    """Return a layer of filled polygons, each a flat list of x and y [m]."""
    return {
        "@@type": "SolidPolygonLayer",
        "id": name,
        "data": [{"p": ring} for ring in outlines],
        "getPolygon": "@@=p",
        "positionFormat": "XY",
        "getFillColor": fill,
        "pickable": False,
    }


def paths(name: str, lines: list[list[int]], ink: list[int], width_px: float) -> dict[str, Any]:
    """Return a layer of lines, each a flat list of x and y [m]."""
    return {
        "@@type": "PathLayer",
        "id": name,
        "data": [{"p": line} for line in lines],
        "getPath": "@@=p",
        "positionFormat": "XY",
        "getColor": ink,
        "getWidth": width_px,
        "widthUnits": "pixels",
        "capRounded": True,
        "jointRounded": True,
        "pickable": False,
    }


def texts(
    name: str,
    data: list[dict[str, Any]],
    size: float,
    *,
    units: str = "pixels",
    most: float | None = None,
    ink: list[int] = INK,
    box: bool = False,
    anchor: str = "middle",
    baseline: str = "center",
    shift: Sequence[float] = (0, 0),
) -> dict[str, Any]:
    """Return a layer of texts: ``p`` place, ``t`` text, and whatever ``anchor`` names."""
    layer: dict[str, Any] = {
        "@@type": "TextLayer",
        "id": name,
        "data": data,
        "getPosition": "@@=p",
        "getText": "@@=t",
        "getSize": size,
        "sizeUnits": units,
        "getColor": ink,
        "fontFamily": FONT,
        "fontWeight": 600,
        "characterSet": "auto",
        "getTextAnchor": anchor,
        "getAlignmentBaseline": baseline,
        "getPixelOffset": list(shift),
        "pickable": False,
    }
    if most is not None:
        layer["sizeMaxPixels"] = most
    if box:  # not for texts given in metres: its padding would stay when they shrink to nothing
        layer |= {"background": True, "getBackgroundColor": [255, 255, 255, 215], "backgroundPadding": [4, 1]}
    return layer


def dots(name: str, places: list[list[int]], ink: list[int]) -> dict[str, Any]:
    """Return a layer of white dots with a rim."""
    return {
        "@@type": "ScatterplotLayer",
        "id": name,
        "data": [{"p": place} for place in places],
        "getPosition": "@@=p",
        "getRadius": 3,
        "radiusUnits": "pixels",
        "getFillColor": [255, 255, 255],
        "stroked": True,
        "getLineColor": ink,
        "getLineWidth": 1.5,
        "lineWidthUnits": "pixels",
        "pickable": False,
    }


def icons(name: str, data: list[dict[str, Any]], svg: str, size_px: float, ink: list[int]) -> dict[str, Any]:
    """Return a layer of one drawing at places ``p``, turned by ``g`` [degree]."""
    return {
        "@@type": "IconLayer",
        "id": name,
        "data": data,
        "iconAtlas": "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode(),
        "iconMapping": {"it": {"x": 0, "y": 0, "width": 64, "height": 64, "mask": True, "anchorX": 32, "anchorY": 32}},
        "getIcon": "it",
        "getPosition": "@@=p",
        "getAngle": "@@=g",
        "getSize": size_px,
        "getColor": ink,
        "pickable": False,
    }


def join(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return layers as JSON without the outer brackets."""
    return ",".join(compact(layer) for layer in parts)


def compact(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
