"""Whether a mask shows a river at all: water with land beside it."""

from __future__ import annotations

from typing import Final

from erosion.core.arrays import UNOBSERVED
from erosion.water.masks.packed import Pixels, unpack_percent, water_share

MAX_WATER_SHARE: Final = 0.5
"""A mask with more water than this, of its valid pixels ..."""

MAX_WATER_EDGE: Final = 0.9
"""... and of the pixels along the edge of what it shows, has no land on the far side of a bank."""


def no_banks(pixels: Pixels) -> str | None:
    """Return why a mask shows no river with land on either side, or None where it may.

    A river crosses the edge of a mask in a few places. Where nearly the whole edge is water, water and land are swapped,
    or land is missing.
    """
    share = water_share(pixels)
    if not share > MAX_WATER_SHARE:
        return None
    from scipy import ndimage  # heavy, and needed for masks of mostly water only

    percent = unpack_percent(pixels)
    valid = percent != UNOBSERVED
    edge = valid & ~ndimage.binary_erosion(valid)
    wet_edge = float((percent[edge] >= 50).mean())
    if wet_edge < MAX_WATER_EDGE:
        return None
    return (
        f"water covers {share:.0%} of the pixels it shows and {wet_edge:.0%} of their edge, so there is no land on either "
        "side of a river; water and land may be swapped under 'values', or land be missing"
    )
