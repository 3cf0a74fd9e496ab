"""How a mask lies, in words."""

from __future__ import annotations

from typing import Final

from erosion.banks.epochs.registration import Placement

_SMALL_TURN_DEG: Final = 0.1
"""Smallest turn that is reported; a smaller one is within the error of the measurement."""


def placement_words(placement: Placement, pixel_m: float) -> str:
    """Return a placement in words, such as ``turned by 2.0° clockwise, moved by 300 m east and 30 m north``.

    A turn of less than 0.1° and a shift of less than half a pixel are left out; the text is empty where nothing remains.
    """
    parts = []
    turned = placement.turned_deg
    if placement.mirrored:
        upside_down = abs(turned) > 90.0
        parts.append("upside down (north and south exchanged)" if upside_down else "mirrored (east and west exchanged)")
        turned -= (180.0 if turned > 0 else -180.0) if upside_down else 0.0
    if abs(turned) >= _SMALL_TURN_DEG:
        parts.append(f"turned by {abs(turned):.1f}° {'clockwise' if turned > 0 else 'anticlockwise'}")
    moved = _moved(placement.right * pixel_m, "east", "west", pixel_m)
    moved += _moved(-placement.down * pixel_m, "north", "south", pixel_m)
    if moved:
        parts.append(f"moved by {' and '.join(moved)}")
    return ", ".join(parts)


def _moved(metres: float, positive: str, negative: str, pixel_m: float) -> list[str]:
    """Return a shift along one axis in words, nothing where it is less than half a pixel."""
    if abs(metres) < 0.5 * pixel_m:
        return []
    return [f"{abs(metres):.0f} m {positive if metres > 0 else negative}"]
