"""Kinds of layers of deck.gl, written compactly. Nothing in them asks another computer for anything."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

INK: Final = [54, 69, 79]
FONT: Final = "Source Sans, Segoe UI, Roboto, sans-serif"

_ADDRESS: Final = "{address}"


class Part(NamedTuple):
    """Layers whose data the browser gets at an address of their own."""

    text: str
    """The layers as JSON without the outer brackets; the address is still to be put in."""
    data: bytes
    """JSON object: name of each layer, ``_`` for ``-``, to its data."""
    digest: str
    """SHA-256 of the data."""

    def at(self, address: str) -> str:
        """Return the layers as JSON without the outer brackets, their data at an address."""
        return self.text.replace(_ADDRESS, address)


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


def pickable(name: str, data: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a layer of invisible polygons ``p`` that catch the mouse.

    Nothing lights up under the mouse: the whole map would be drawn anew for it, and a press that is held up by that for
    a quarter of a second no longer counts as a click. Polygons, because software draws each of thousands of lines as a
    picture of its own, and a layer of polygons as one.
    """
    return {
        "@@type": "SolidPolygonLayer",
        "id": name,
        "data": data,
        "getPolygon": "@@=p",
        "positionFormat": "XY",
        "getFillColor": [0, 0, 0, 0],
        "pickable": True,
    }


def join(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return layers with their data in them as JSON without the outer brackets: for little data that change with a click."""
    return ",".join(compact(layer) for layer in parts)


def apart(parts: Sequence[Mapping[str, Any]]) -> Part:
    """Return layers with their data apart. All layers of a part load one file, each takes its own list from it."""
    named = {str(layer["id"]).replace("-", "_"): layer for layer in parts}
    data = compact({name: layer["data"] for name, layer in named.items()}).encode()
    text = join([dict(layer) | {"data": _ADDRESS, "dataTransform": f"@@={name}"} for name, layer in named.items()])
    return Part(text, data, hashlib.sha256(data).hexdigest())


def compact(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
