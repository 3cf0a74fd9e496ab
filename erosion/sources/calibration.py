"""From the numbers of the files to physical values: shift, scale and offset once, and which pixels are clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from erosion.catalog import OPTICAL_BANDS, RADAR_BANDS, PixelQuality, SceneSource, SourceError
from erosion.sources.items import assets_of

if TYPE_CHECKING:
    from erosion.sources.passes import PassRef

ALREADY_SHIFTED: Final = 0.2
"""Where more of the clear pixels than this would get a negative green reflectance, the shift was taken out before."""

PLAUSIBLE_REFLECTANCE: Final = (-0.1, 1.6)
"""Median of a scene outside of this is no surface reflectance: scale or offset are wrong."""

PLAUSIBLE_GAMMA0: Final = (0.0, 10.0)
"""Median of a radar scene outside of this is no linear power (decibels are negative)."""


def calibrate(
    numbers: dict[str, np.ndarray],
    owner: np.ndarray,
    windows: Sequence[tuple[slice, slice]],
    shifts: Sequence[float],
    source: SceneSource,
    ref: PassRef,
) -> tuple[dict[str, np.ndarray], list[str], dict[str, float]]:
    """Turn numbers of the files into values, in place and window by window, and judge which pixels are clear."""
    bands = [alias for alias in numbers if alias != "quality"]
    held = [assets_of(item, source) for item in ref.items]
    clear = np.zeros(owner.shape, bool)
    for window in windows:
        part = {alias: values[window] for alias, values in numbers.items()}
        for alias in bands:
            if source.nodata is not None:
                part[alias][part[alias] == np.float32(source.nodata)] = np.nan
        clear[window] = _clear(part, owner[window], held, source)
    numbers.pop("quality", None)
    shifts, notes = _check_shifts(numbers, owner, clear, windows, shifts, ref)
    due = np.array([*shifts, 0.0], np.float32)  # the last one is that of pixels without an item, -1
    for window in windows:
        shift = due[owner[window]] if any(shifts) else None
        for alias in bands:
            values = numbers[alias][window]
            if shift is not None:
                values -= shift
            values *= np.float32(source.scale)
            values += np.float32(source.offset)
    _check_values({alias: numbers[alias] for alias in bands}, clear, windows, source, ref)
    order = OPTICAL_BANDS if source.sensor == "optical" else RADAR_BANDS
    scene = {alias: numbers[alias] for alias in order if alias in numbers}
    if source.sensor == "optical":
        scene["clear"] = clear
    return scene, notes, {item.id: shift for item, shift in zip(ref.items, shifts, strict=True)}


def _clear(
    part: Mapping[str, np.ndarray], owner: np.ndarray, held: Sequence[Mapping[str, object]], source: SceneSource
) -> np.ndarray:
    """Judge the pixels of a window: seen in every band that its item has, let through by the quality band, not saturated."""
    bands = [alias for alias in part if alias != "quality"]
    clear = owner >= 0
    if "quality" in part:
        clear &= usable(part["quality"], source.quality)
    for alias in bands:
        seen = np.isfinite(part[alias])
        # A band that an item does not come with makes none of the item's pixels unclear.
        lacks = [index for index, has in enumerate(held) if alias not in has]
        clear &= seen | np.isin(owner, lacks) if lacks else seen
        if source.saturated_from is not None:
            clear &= ~(part[alias] >= source.saturated_from)
    return clear


def _check_shifts(
    numbers: Mapping[str, np.ndarray],
    owner: np.ndarray,
    clear: np.ndarray,
    windows: Sequence[tuple[slice, slice]],
    shifts: Sequence[float],
    ref: PassRef,
) -> tuple[list[float], list[str]]:
    """Shifts that are really due, and a note on each item whose numbers tell that its shift was taken out before."""
    due, notes = list(shifts), []
    for index, shift in enumerate(shifts):
        if not shift:
            continue
        judged = below = 0
        for window in windows:
            green = numbers["green"][window][(owner[window] == index) & clear[window]]
            judged, below = judged + green.size, below + int((green < shift).sum())
        if below > ALREADY_SHIFTED * judged:
            due[index] = 0.0
            notes.append(
                f"{ref.items[index].id}: says that {shift:.0f} is still to be subtracted, but {below / judged:.0%} of "
                "its clear pixels would become negative: it has been subtracted already"
            )
    return due, notes


def usable(numbers: np.ndarray, quality: PixelQuality | None) -> np.ndarray:
    """Say which pixels a quality band lets through; a pixel without a quality number is not usable.

    Parameters
    ----------
    numbers
        Quality band, float, NaN for missing, any shape.
    quality
        Classes that are usable, or bits (counted from 0) any of which makes a pixel unusable.
    """
    known = np.isfinite(numbers)
    if quality is None:
        return known
    whole = np.where(known, numbers, 0).astype(np.int32)
    if quality.kind == "classes":
        return known & np.isin(whole, quality.usable)
    mask = sum(1 << bit for bit in set(quality.refuse))
    return known & ((whole & mask) == 0)


def _check_values(
    bands: Mapping[str, np.ndarray],
    clear: np.ndarray,
    windows: Sequence[tuple[slice, slice]],
    source: SceneSource,
    ref: PassRef,
) -> None:
    """Refuse values that cannot be what the catalogue says: a wrong scale or offset, or decibels."""
    low, high = PLAUSIBLE_REFLECTANCE if source.sensor == "optical" else PLAUSIBLE_GAMMA0
    what = "a surface reflectance" if source.sensor == "optical" else "a linear gamma0"
    step = max(int(clear.size**0.5) // 1000, 1)  # a million pixels tell the median as well as all of them
    for alias, values in bands.items():
        parts = [values[window][::step, ::step][clear[window][::step, ::step]] for window in windows]
        seen = np.concatenate(parts) if parts else np.empty(0, np.float32)
        seen = seen[np.isfinite(seen)]
        median = float(np.median(seen)) if seen.size else low
        if not low <= median <= high:
            raise SourceError(
                f"{ref.pass_id}: {alias} has the median {median:.4g}, which is not {what}; "
                f"check 'scale' and 'offset' in {source.described_in}"
            )
