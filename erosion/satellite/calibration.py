"""From the numbers of the files to physical values: shift, scale and offset once, and which pixels are clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from erosion.config.scenes import INCIDENCE, PixelQuality, SceneSource
from erosion.core.errors import SourceError
from erosion.core.raster.block_array import BlockArray
from erosion.core.raster.windows import Window
from erosion.satellite.grouping import PassRef
from erosion.satellite.items import assets_of

ALREADY_SHIFTED: Final = 0.2
"""Where more of the clear pixels than this would get a negative green reflectance, the shift was taken out before."""

PLAUSIBLE_REFLECTANCE: Final = (-0.1, 1.6)
"""Median of a scene outside of this is no surface reflectance: scale or offset are wrong."""

PLAUSIBLE_GAMMA0: Final = (0.0, 10.0)
"""Median of a radar scene outside of this is no linear power (decibels are negative)."""

PLAUSIBLE_INCIDENCE: Final = (1.0, 90.0)
"""Median of the angles of a scene outside of this is not in degrees."""


class Numbers(NamedTuple):
    """What was read of a pass, in the numbers of its files.

    Attributes
    ----------
    bands
        Numbers of each band, NaN where there are none.
    refused
        Of each band of quality, the pixels that it does not let through.
    owner
        Which item each pixel is from, -1 where from none.
    windows
        The blocks that were read.
    """

    bands: dict[str, BlockArray[np.float32]]
    refused: dict[str, BlockArray[np.bool_]]
    owner: BlockArray[np.int16]
    windows: Sequence[Window]


def calibrate(
    numbers: Numbers, shifts: Sequence[float], source: SceneSource, ref: PassRef
) -> tuple[dict[str, BlockArray[np.float32]], BlockArray[np.bool_] | None, dict[str, float], list[str]]:
    """Values of the bands, made of the numbers of the files in place and window by window, and the clear pixels.

    Parameters
    ----------
    numbers
        What was read.
    shifts
        Number to subtract before scale and offset, by item (:func:`erosion.satellite.items.boa_shift`).
    source
        Scale and offset, number for missing, rules of quality.
    ref
        The pass.

    Returns
    -------
    bands : dict
        Values of each band, NaN where missing.
    clear : BlockArray or None
        Pixels of an optical pass that can be used; None for radar.
    subtracted : dict
        What was subtracted, by item.
    notes : list of str
        What was found odd.

    Raises
    ------
    SourceError
        Where the values are implausible with the scale and offset of the catalogue entry.
    """
    bands, owner, windows = numbers.bands, numbers.owner, numbers.windows
    held = [assets_of(item, source) for item in ref.items]
    clear = BlockArray(owner.shape, windows, np.bool_, False)
    for window in windows:
        for band in bands.values():
            if source.nodata is not None:
                band[window][band[window] == np.float32(source.nodata)] = np.nan
        clear[window] = _clear(numbers, window, held, source)
    shifts, notes = _check_shifts(numbers, clear, shifts, ref)
    due = np.array([*shifts, 0.0], np.float32)  # the last one is that of pixels without an item, -1
    for window in windows:
        shift = due[owner[window]] if any(shifts) else None
        for alias, band in bands.items():
            if alias == INCIDENCE:
                continue
            values = band[window]
            if shift is not None:
                values -= shift
            values *= np.float32(source.scale)
            values += np.float32(source.offset)
    _check_values(numbers, clear, source, ref)
    subtracted = {item.id: shift for item, shift in zip(ref.items, shifts, strict=True)}
    return bands, clear if source.sensor == "optical" else None, subtracted, notes


def _clear(numbers: Numbers, window: Window, held: Sequence[Mapping[str, object]], source: SceneSource) -> np.ndarray:
    """Pixels of a window that are clear: seen in every band that its item has, let through by its quality, not saturated."""
    owner = numbers.owner[window]
    clear = owner >= 0
    for refused in numbers.refused.values():
        clear &= ~refused[window]
    for alias, band in numbers.bands.items():
        values = band[window]
        seen = np.isfinite(values)
        # A band that an item does not come with makes none of the item's pixels unclear.
        lacks = [index for index, has in enumerate(held) if alias not in has]
        clear &= seen | np.isin(owner, lacks) if lacks else seen
        if source.saturated_from is not None:
            clear &= ~(values >= source.saturated_from)
    return clear


def _check_shifts(
    numbers: Numbers, clear: BlockArray[np.bool_], shifts: Sequence[float], ref: PassRef
) -> tuple[list[float], list[str]]:
    """Shifts that are due, and a note on each item whose numbers show that its shift was subtracted before."""
    due, notes = list(shifts), []
    for index, shift in enumerate(shifts):
        if not shift:
            continue
        judged = below = 0
        for window in numbers.windows:
            green = numbers.bands["green"][window][(numbers.owner[window] == index) & clear[window]]
            judged, below = judged + green.size, below + int((green < shift).sum())
        if below > ALREADY_SHIFTED * judged:
            due[index] = 0.0
            notes.append(
                f"{ref.items[index].id}: says that {shift:.0f} is still to be subtracted, but {below / judged:.0%} of "
                "its clear pixels would become negative: it has been subtracted already"
            )
    return due, notes


def quality_rules(source: SceneSource) -> dict[str, PixelQuality | None]:
    """Rule of each band of quality, by our name of the band."""
    return {"quality": source.quality, "saturation": source.saturation}


def refuses(numbers: np.ndarray, alias: str, rule: PixelQuality | None) -> np.ndarray:
    """Return the pixels that a band of quality does not let through, boolean, of the shape of ``numbers``.

    A pixel without a number is let through by ``saturation`` alone: 0 means that nothing is saturated, and some files
    have 0 tagged as missing.
    """
    refused = ~usable(numbers, rule)
    return refused & np.isfinite(numbers) if alias == "saturation" else refused


def usable(numbers: np.ndarray, quality: PixelQuality | None) -> np.ndarray:
    """Return the pixels that a quality band lets through, boolean; a pixel without a quality number is not usable.

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


def _check_values(numbers: Numbers, clear: BlockArray[np.bool_], source: SceneSource, ref: PassRef) -> None:
    """Raise SourceError for implausible values: a wrong scale or offset, decibels, or radians."""
    rows, cols = clear.shape
    step = max(int((rows * cols) ** 0.5) // 1000, 1)  # a million pixels are enough for a median
    for alias, values in numbers.bands.items():
        if alias == INCIDENCE:
            (low, high), what = PLAUSIBLE_INCIDENCE, "an angle in degrees"
        elif source.sensor == "optical":
            (low, high), what = PLAUSIBLE_REFLECTANCE, "a surface reflectance"
        else:
            (low, high), what = PLAUSIBLE_GAMMA0, "a linear gamma0"
        parts = [values[w][::step, ::step][clear[w][::step, ::step]] for w in numbers.windows]
        seen = np.concatenate(parts) if parts else np.empty(0, np.float32)
        seen = seen[np.isfinite(seen)]
        median = float(np.median(seen)) if seen.size else low
        if not low <= median <= high:
            raise SourceError(
                f"{ref.pass_id}: {alias} has the median {median:.4g}, which is not {what}; "
                f"check 'scale' and 'offset' in {source.described_in}"
            )
