"""Water share of a pixel: bands mixed linearly between the land and the water next to it.

The light (or echo) of a pixel that is part land and part water is the area-weighted mean of the two, whatever the point
spread of the sensor, so a linear combination of bands, placed between its value on the land and on the water nearby,
gives a share whose sum across an edge is the true area. An index that is a ratio of bands does not: its edges are half a
pixel and more off. The ratio only gives the pixels where water and land are sure.

Which combination: Fisher's (1936) linear discriminant of this scene's own water and land beside the river. It weighs bands by
how well they separate water from land and makes kinds of land (sand, grass, trees) alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from erosion.core.arrays import BoolArray, IntArray
from erosion.core.raster.block_array import BlockArray, Raster
from erosion.core.raster.windows import Window, padded, pixels, spread
from erosion.water.classification.threshold import SceneUnusable, thin

Bands = NDArray[np.float32]

NEAR_M = 200.0
"""Land and water within this distance of an edge are those that the discriminant separates [m]."""

AROUND_M = 300.0
"""Half the side of the window in which the land and the water beside an edge are averaged [m]."""

CLOSE_PX = 4
"""The inner averaging window reaches so many pixels beyond the mixed zone."""

CLOSE_WEIGHT = 8.0
"""Pixels right beside the edge that weigh as much as the wider surroundings."""

FEW_PIXELS = 20.0
"""With fewer pixels of a class around, the scene's own mean is mixed in by so many pixels."""

BAND_NOISE = 0.003
"""Error of a band [its unit] that no average over neighbours shows; keeps flat scenes from being over-fitted."""

MIN_CONTRAST = 0.3
"""Where land and water differ by less than this share of the scene's contrast the share is unknown."""

CLASS_SAMPLE = 50_000
"""Pixels of each class that the discriminant is fitted on."""


@dataclass(frozen=True)
class Discriminant:
    """A linear combination of bands: on average 0 on land and 1 on water.

    Attributes
    ----------
    weights
        Shape (n_bands,).
    offset
        Added after the weighted sum.
    """

    weights: NDArray[np.float32]
    offset: float

    def __call__(self, bands: Bands) -> NDArray[np.float32]:
        """Return the combination of bands, shape (n_bands, ...) to (...)."""
        return (np.tensordot(self.weights, bands, axes=1) + np.float32(self.offset)).astype(np.float32)


def discriminant(land: NDArray[np.float32], water: NDArray[np.float32], *, noise: float = BAND_NOISE) -> Discriminant:
    """Return the linear combination that separates two classes best (Fisher 1936, The use of multiple measurements).

    Parameters
    ----------
    land, water
        Pixels of each class, shape (n, n_bands); the outermost per cent of each band is clipped.
    noise
        Standard error of each band that is added to the spread within the classes.

    Returns
    -------
    Discriminant
        Scaled so that the means of the classes come out as 0 and 1.

    Raises
    ------
    SceneUnusable
        Where a class has no pixels or the classes have the same mean.
    """
    if min(len(land), len(water)) < FEW_PIXELS:
        raise SceneUnusable(
            f"only {len(land)} pixels of sure land and {len(water)} of sure water beside the banks; "
            f"{FEW_PIXELS:.0f} of each are needed"
        )
    classes = [np.clip(c, *np.percentile(c, (1, 99), axis=0)).astype(np.float64) for c in (land, water)]
    means = [c.mean(axis=0) for c in classes]
    within = 0.5 * sum(np.atleast_2d(np.cov(c, rowvar=False)) for c in classes)
    contrast = means[1] - means[0]
    weights = np.linalg.solve(within + noise**2 * np.eye(len(contrast)), contrast)
    scale = float(weights @ contrast)
    if not scale > 0:
        raise SceneUnusable("sure land and sure water beside the banks have the same mean in every band")
    weights /= scale
    return Discriminant(weights.astype(np.float32), -float(weights @ means[0]))


@dataclass(frozen=True)
class Zones:
    """Sure water, sure land, and the pixels in which an edge mixes the two.

    Attributes
    ----------
    water, land, mixed
        Masks, shape (rows, columns); a usable pixel is in one of them, an unusable one in none.
    """

    water: BoolArray
    land: BoolArray
    mixed: BoolArray


def zones_of(is_water: BoolArray, usable: BoolArray, reach: int) -> Zones:
    """Return the zones of a window by distance from the edge.

    Parameters
    ----------
    is_water
        First guess from the index.
    usable
        Pixels whose bands can be used.
    reach
        An edge mixes pixels up to this far on either side [pixel].
    """
    water, land = usable & is_water, usable & ~is_water
    near_water, near_land = spread(water, reach), spread(land, reach)
    return Zones(water & ~near_land, land & ~near_water, usable & near_water & near_land)


def fit_discriminant(
    windows: Sequence[Window],
    bands_at: Callable[[Window], Bands],
    zones_at: Callable[[Window], Zones],
    *,
    near: int,
    noise: float = BAND_NOISE,
) -> Discriminant:
    """Return :func:`discriminant` fitted on the sure land and water within ``near`` pixels of an edge of all windows.

    Where there are too few of either (a bank in cloud), on all that is sure.
    """
    share = max(CLASS_SAMPLE // max(len(windows), 1), 2000)
    for anywhere in (False, True):
        land, water = [], []
        for window in windows:
            zones = zones_at(window)
            if not (anywhere or zones.mixed.any()):
                continue
            chosen = np.ones(zones.mixed.shape, bool) if anywhere else spread(zones.mixed, near)
            bands = bands_at(window)
            land.append(thin(bands[:, zones.land & chosen].T, share))
            water.append(thin(bands[:, zones.water & chosen].T, share))
        if min(sum(map(len, land)), sum(map(len, water))) >= FEW_PIXELS:
            break
    empty = [np.zeros((0, 1), np.float32)]
    return discriminant(*(thin(np.concatenate(sample or empty), CLASS_SAMPLE) for sample in (land, water)), noise=noise)


def share_between(
    value: NDArray[np.float32], zones: Zones, *, close: int, around: int, steepen: float, keep_area: bool
) -> NDArray[np.float32]:
    """Water share of a window from a value that mixes linearly.

    In the mixed zone ``share = (value - land) / (water - land)``, where land and water are means over the sure pixels right
    beside the edge, weighted with those of the wider surroundings and these with the scene's means (0 and 1). Everything
    beyond the zone is 0 or 1, so that noise of fields and waves adds up to no area.

    Parameters
    ----------
    value
        Combination of bands, about 0 on land and 1 on water.
    zones
        From :func:`zones_of`.
    close, around
        Half sides of the two averaging windows [pixel].
    steepen
        The share is stretched about one half, ``(share - steepen) / (1 - 2 steepen)``, before it is cut off at 0 and 1.
        A blurred straight edge is symmetrical, so its area stays; the noise at its feet is cut off.
    keep_area
        What stretching and cutting took or gave is given back to the mixed pixels close by, so that land that is
        noisier than water does not turn into area. Not for radar, whose land is too noisy for that.

    Returns
    -------
    numpy.ndarray
        0 to 1, NaN where not usable or where land and water hardly differ.
    """
    share = np.full(value.shape, np.nan, np.float32)
    share[zones.land] = 0.0
    share[zones.water] = 1.0
    at = np.flatnonzero(zones.mixed)
    if at.size == 0:
        return share
    land = _local_mean(value, zones.land, at, close, around, scene_mean=0.0)
    water = _local_mean(value, zones.water, at, close, around, scene_mean=1.0)
    contrast = water - land
    enough = contrast >= MIN_CONTRAST
    raw = (value.ravel()[at] - land) / np.where(enough, contrast, np.float32(1))
    mixed = np.clip((raw - steepen) / (1 - 2 * steepen), 0.0, 1.0).astype(np.float32)
    if keep_area:
        mixed = _give_back(mixed, np.where(enough, raw - mixed, np.float32(0)), at, value.shape)
    share.ravel()[at] = np.where(enough, mixed, np.float32(np.nan))
    return share


def _give_back(
    share: NDArray[np.float32], lost: NDArray[np.float32], at: IntArray, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Shares with what was cut off some of them spread over the truly mixed pixels around, two to each side."""
    part = (share > 0.1) & (share < 0.9)
    stack = np.zeros((2, *shape), np.float32)
    stack.reshape(2, -1)[:, at] = lost, part
    for axis in (1, 2):
        stack = uniform_filter1d(stack, 5, axis=axis, mode="constant")
    cut, room = stack.reshape(2, -1)[:, at]
    shifted = np.where(part, share + cut / np.maximum(room, np.float32(0.02)), share)
    given: NDArray[np.float32] = np.clip(shifted, 0.0, 1.0).astype(np.float32)
    return given


def _local_mean(
    value: NDArray[np.float32], mask: BoolArray, at: IntArray, close: int, around: int, *, scene_mean: float
) -> NDArray[np.float32]:
    """Mean of the masked values around some pixels: close ones, weighted with wider ones, weighted with the scene's mean."""
    # Pixels far off the class mean are roofs, ships and undetected clouds; clipped, they cannot carry an average away.
    clipped = np.clip(value - np.float32(scene_mean), -1.0, 1.0)
    stack = np.stack([np.where(mask, clipped, np.float32(0)), mask.astype(np.float32)])
    sums = []
    for radius in (close, around):
        size = 2 * radius + 1
        box = stack
        for axis in (1, 2):
            box = uniform_filter1d(box, size, axis=axis, mode="constant")
        sums.append(box.reshape(2, -1)[:, at] * np.float32(size * size))
    (close_sum, close_count), (wide_sum, wide_count) = sums
    wide = wide_sum / (wide_count + np.float32(FEW_PIXELS))
    mean: NDArray[np.float32] = (close_sum + CLOSE_WEIGHT * wide) / (close_count + CLOSE_WEIGHT) + scene_mean
    return mean.astype(np.float32)


def mix_windows(
    bands_at: Callable[[Window], Bands],
    value_at: Callable[[Window], NDArray[np.float32]],
    usable: Raster[np.bool_],
    windows: Sequence[Window],
    threshold: float,
    pixel_m: float,
    *,
    reach: int,
    steepen: float,
    keep_area: bool,
    noise: float = BAND_NOISE,
) -> BlockArray[np.float32]:
    """Water share of a whole scene, window by window: the discriminant is fitted on all of them, then each is mixed.

    Parameters
    ----------
    bands_at
        Bands of a window, shape (n_bands, rows, columns).
    value_at
        Index of a window: above ``threshold`` is water, as a first guess.
    usable
        Pixels that can be used, shape (rows, columns).
    windows
        Windows that together cover what is wanted.
    threshold
        See ``value_at``.
    pixel_m
        Pixel size [m].
    reach, steepen, keep_area
        See :func:`zones_of` and :func:`share_between`.
    noise
        See :func:`discriminant`.

    Returns
    -------
    BlockArray
        0 to 1, NaN where not usable, shape (rows, columns), held where the windows are.
    """
    close, around = reach + CLOSE_PX, pixels(AROUND_M, pixel_m)

    def zones_at(window: Window) -> Zones:
        return zones_of(value_at(window) > threshold, usable[window], reach)

    combine = fit_discriminant(windows, bands_at, zones_at, near=pixels(NEAR_M, pixel_m), noise=noise)
    share = BlockArray(usable.shape, windows, np.float32, np.nan)
    for window in windows:
        outer, inner = padded(window, around + 3 * reach, usable.shape)
        zones = zones_at(outer)
        found = np.where(zones.water, np.float32(1), np.where(zones.land, np.float32(0), np.float32(np.nan)))
        if zones.mixed[inner].any():
            value = combine(bands_at(outer))
            # The edge of the index is off by most of a pixel, and so is its zone; that of the share is not.
            rough = share_between(value, zones, close=close, around=around, steepen=steepen, keep_area=False)
            zones = zones_of(rough >= 0.5, np.isfinite(rough), reach)
            found = share_between(value, zones, close=close, around=around, steepen=steepen, keep_area=keep_area)
        share[window] = found[inner]
    return share
