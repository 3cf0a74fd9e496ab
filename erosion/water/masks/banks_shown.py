"""Whether a mask shows a river at all: water with land beside it."""

from __future__ import annotations

from typing import Final

from erosion.core.arrays import UNOBSERVED, BoolArray
from erosion.water.masks.packed import Pixels, unpack_percent, water_share

MAX_WATER_EDGE: Final = 0.9
"""A mask with more water than this among the pixels along the edge of what it shows has no land on the far side of a bank."""


def no_banks(pixels: Pixels) -> str | None:
    """Return why a mask shows no river with land on either side, or None where it may.

    A river crosses the edge of a mask in a few places. Where nearly the whole edge is water, water and land are swapped,
    or land is missing. How much of the mask is water says nothing of it: in a narrow strip along a wide river, land taken
    for water fills a small part.
    """
    percent = unpack_percent(pixels)
    edge = _edge(percent != UNOBSERVED)
    if not edge.any():
        return None
    wet_edge = float((percent[edge] >= 50).mean())
    if wet_edge < MAX_WATER_EDGE:
        return None
    return (
        f"water covers {water_share(pixels):.0%} of the pixels it shows and {wet_edge:.0%} of their edge, so there is no "
        "land on either side of a river; water and land may be swapped under 'values', or land be missing"
    )


def _edge(valid: BoolArray) -> BoolArray:
    """Return the valid pixels beside an invalid one, in a row or a column, or at the edge of the image."""
    edge = valid.copy()
    edge[1:-1, 1:-1] &= ~(valid[:-2, 1:-1] & valid[2:, 1:-1] & valid[1:-1, :-2] & valid[1:-1, 2:])
    return edge
