"""Water share of one radar scene.

Speckle is averaged in linear power, the threshold is found in decibels, the share follows from power mixed linearly
(:mod:`erosion.water.classification.mixing`), and water that is not connected with the river is taken for land.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d

from erosion.config.region import SceneRules
from erosion.core.arrays import BoolArray
from erosion.core.raster.block_array import BlockArray, Raster
from erosion.core.raster.components import find_runs, join_runs, patch_at, pixels_of
from erosion.core.raster.windows import Window, padded, pixels, spread
from erosion.satellite.corridor import Corridor
from erosion.water.classification.mixing import mix_windows
from erosion.water.classification.optical import Shares
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.threshold import MIN_PIXELS, SURE_PERCENT, SceneUnusable, find_threshold, thin

POLARISATIONS: Final = ("vv", "vh")

SPECKLE_M = 15.0
"""Standard deviation of the weights with which speckle is averaged [m]: of Sentinel-1 some thirty pixels."""

BRIGHT: Final = 4.0
"""Echoes of more than so many times the median of the brighter half (houses, ships) are cut off, or they would outshine
the bank from behind."""

STEEPEN = 0.3
"""See :func:`erosion.water.classification.mixing.share_between`. Averaging has blurred the edge over sixty metres and left waves in the
fields; stretching about the middle takes both back and leaves the middle where it is."""

POWER_NOISE = 1e-3
"""Error of averaged power that no average over neighbours shows [1]."""

MIN_INCIDENCE_RANGE = 2.0
"""Over a smaller range of incidence a slope cannot be separated from noise [degree]."""

DARK_LAND = 0.35
"""Land whose darkness is farther than this on the way to water is bare: sand has no rough plants that echo."""

UNCERTAIN_DB = 2.0
"""Water that echoes so much more than the scene's water, over fifty metres and more, may be dry sand [dB]."""

DARK_LAND_PX = 2
"""Dark land is searched in squares of so many pixels to each side; the edge that averaging has blurred fills less than
half of one."""

MOSTLY = 0.7
"""Share of such a square that must be uncertain."""

NEW_WATER_M = 150.0
"""Water farther than this from the water of the reference is a wet field, not a bank that was lost since [m]."""

MIN_RIVER_SHARE = 0.01
"""Without a reference: smaller patches than this share of the largest one are ponds and fields."""

STRIP_ROWS = 256
"""Rows of a scene that are put together at once."""


def average_speckle(power: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return power averaged over neighbours with Gaussian weights; missing pixels weigh nothing and stay missing.

    Speckle multiplies power by noise of mean one (Goodman 1976), so the mean of power is unbiased, the mean of decibels
    is not. A symmetrical average leaves the middle of a straight edge where it is.

    Parameters
    ----------
    power
        Linear power, NaN where missing, shape (rows, columns).
    sigma
        Standard deviation of the weights [pixel].
    """
    observed = np.isfinite(power)
    total = gaussian_filter(np.where(observed, power, np.float32(0)), sigma, mode="nearest", truncate=3.0)
    if not observed.all():
        weight = gaussian_filter(observed.astype(np.float32), sigma, mode="nearest", truncate=3.0)
        total = np.where(observed, total / np.maximum(weight, np.float32(1e-6)), np.float32(np.nan))
    smooth: NDArray[np.float32] = total.astype(np.float32)
    return smooth


def to_db(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Decibels of linear power."""
    decibel: NDArray[np.float32] = (10 * np.log10(np.maximum(power, np.float32(1e-6)))).astype(np.float32)
    return decibel


def incidence_slopes(
    darkness: NDArray[np.float32], incidence: NDArray[np.float32], threshold: float
) -> tuple[float, float]:
    """Slopes of land and of water against incidence, least squares in each class; 0 where the range is too small.

    Parameters
    ----------
    darkness
        Minus decibels, shape (n,); above ``threshold`` is water.
    incidence
        Angle [degree], shape (n,).
    threshold
        Between land and water [dB].

    Returns
    -------
    tuple
        Of land and of water, darkness per angle [dB/degree].
    """
    slopes = []
    for chosen in (darkness <= threshold, darkness > threshold):
        angle = incidence[chosen].astype(np.float64)
        if angle.size < MIN_PIXELS or np.ptp(np.percentile(angle, (1, 99))) < MIN_INCIDENCE_RANGE:
            slopes.append(0.0)
        else:
            slopes.append(float(np.polyfit(angle, darkness[chosen].astype(np.float64), 1)[0]))
    return slopes[0], slopes[1]


def radar_share(scene: xr.Dataset, corridor: Corridor, rules: SceneRules, reference: WaterReference | None) -> Shares:
    """Water share of a radar scene.

    Parameters
    ----------
    scene
        ``vv`` and/or ``vh`` [1], gamma0 as linear power, and ``incidence`` [degree] where there is one.
    corridor
        Pixels that are classified.
    rules
        Least share of the corridor that must be observed.
    reference
        Best water share so far, or None.

    Returns
    -------
    Shares
        Share 0 to 1, NaN where not usable, shape (rows, columns), and facts.

    Raises
    ------
    SceneUnusable
        Too little is observed, or water and land cannot be separated (wind on the water, wet fields all around).
    """
    bands = [band for band in POLARISATIONS if band in scene]
    if not bands:
        raise SceneUnusable("has neither vv nor vh")
    pixel_m, windows, shape = corridor.grid.pixel_m, corridor.windows(), corridor.inside.shape
    sigma = SPECKLE_M / pixel_m
    rim = pixels(3 * SPECKLE_M, pixel_m) + 1
    usable = BlockArray(shape, windows, np.bool_, False)
    power = [BlockArray(shape, windows, np.float32, np.nan) for _ in bands]
    limits = [_brightest(scene[band], corridor.inside) for band in bands]

    def averaged(band: int, window: Window, sigma: float) -> NDArray[np.float32]:
        outer, inner = padded(window, rim, shape)
        raw = scene[bands[band]].isel(y=outer[0], x=outer[1]).values.astype(np.float32)
        # A power of exactly nothing, or less, is a border that was not marked as missing.
        raw = np.where(raw > 0, np.minimum(raw, np.float32(limits[band])), np.float32(np.nan))
        return average_speckle(raw, sigma)[inner]

    for window in windows:
        usable[window] = corridor.inside[window]
        for band, kept in enumerate(power):
            kept[window] = averaged(band, window, sigma)
            usable[window] &= np.isfinite(kept[window])
    observed = sum(int(usable[w].sum()) for w in windows) / max(int(corridor.inside.sum()), 1)
    if observed < rules.min_clear_share:
        raise SceneUnusable(
            f"{100 * observed:.0f} % of the corridor is seen; min_clear_share asks for {100 * rules.min_clear_share:.0f} %"
        )
    with_angle = "incidence" in scene
    middle = float(np.nanmedian(thin(_values_in(scene["incidence"], usable)))) if with_angle else 0.0
    slope = 0.0

    def angle_at(window: Window) -> NDArray[np.float32]:
        angle: NDArray[np.float32] = scene["incidence"].isel(y=window[0], x=window[1]).values.astype(np.float32)
        return angle

    def value_at(window: Window) -> NDArray[np.float32]:
        """Darkness: minus the mean decibels of the polarisations, so that water is high."""
        value = -np.mean([to_db(p[window]) for p in power], axis=0)
        if slope:
            value = value - np.float32(slope) * np.nan_to_num(angle_at(window) - np.float32(middle))
        return value.astype(np.float32)

    found, where = find_threshold(value_at, usable, windows, pixel_m, reference)
    land_slope = water_slope = 0.0
    if with_angle:
        pairs = []
        for window in windows:
            angle = angle_at(window)
            good = usable[window] & np.isfinite(angle)
            if good.any():
                pairs.append((value_at(window)[good], angle[good]))
        if pairs:
            value, at = (thin(np.concatenate(part)) for part in zip(*pairs, strict=True))
            land_slope, water_slope = incidence_slopes(value, at, found.threshold)
            slope = 0.5 * (land_slope + water_slope)
            if slope:
                found, where = find_threshold(value_at, usable, windows, pixel_m, reference)
    share = mix_windows(
        lambda w: np.stack([p[w] for p in power]),
        value_at,
        usable,
        windows,
        found.threshold,
        pixel_m,
        reach=pixels(2 * SPECKLE_M, pixel_m),
        steepen=STEEPEN,
        keep_area=False,
        noise=POWER_NOISE,
    )
    dropped = keep_river(share, reference, windows, pixel_m)
    bare, uncertain = (BlockArray(shape, windows, np.bool_, False) for _ in range(2))
    for window in windows:
        # Less averaged, lest the echo of a bank spreads over the water in front of it.
        sharp = np.mean([to_db(averaged(band, window, 0.5 * sigma)) for band in range(len(bands))], axis=0)
        if water_slope:
            sharp = sharp + np.float32(water_slope) * np.nan_to_num(angle_at(window) - np.float32(middle))
        uncertain[window] = -sharp < found.high - UNCERTAIN_DB
        bare[window] = value_at(window) > found.low + DARK_LAND * (found.high - found.low)
    dark_land = mask_dark_land(share, uncertain, reference, windows)
    return Shares(
        share,
        {
            "index": "+".join(bands) + " dB",
            "bands": bands,
            "threshold": -found.threshold,
            "threshold_from": where,
            "land_value": -found.low,
            "water_value": -found.high,
            "separability": found.separability,
            "clear_share": observed,
            "land_db_per_degree": -land_slope,
            "water_db_per_degree": -water_slope,
            "look_alike_pixels": dropped,
            "dark_land_pixels": dark_land,
        },
        bare,
    )


def _brightest(power: xr.DataArray, inside: BoolArray) -> float:
    """Limit of an echo, from the brighter half of the corridor."""
    values = thin(_values_in(power, inside))
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return np.inf
    return BRIGHT * float(np.median(values[values >= np.median(values)]))


def _values_in(band: xr.DataArray, mask: Raster[np.bool_]) -> NDArray[np.float32]:
    """Values of the masked pixels, row after row."""
    strips = [slice(top, top + STRIP_ROWS) for top in range(0, band.sizes["y"], STRIP_ROWS)]
    return np.concatenate([band.isel(y=rows).values[mask[rows, slice(None)]] for rows in strips])


def keep_river(
    share: Raster[np.float32], reference: WaterReference | None, windows: Sequence[Window], pixel_m: float
) -> int:
    """Return how many pixels of water were taken for land, in place, because they do not belong to the river.

    With a reference: every patch of water (8-connected) that nowhere touches the water of the reference, and all water
    farther than :data:`NEW_WATER_M` from it. Without one: every patch smaller than 1 % of the largest.

    Returns
    -------
    int
        Pixels of water taken for land.
    """
    rows, cols = share.shape
    water, known = np.zeros((rows, cols), bool), np.zeros((rows, cols), bool)
    for window in windows:
        water[window] = share[window] >= 0.5
        if reference is not None:
            percent = reference.percent[window]
            known[window] = (percent >= 50) & (percent <= 100)
    runs = join_runs(*find_runs(water), (rows, cols), diagonal=True)
    if runs.area.size == 0:
        return 0
    if reference is None:
        keep = runs.area >= MIN_RIVER_SHARE * runs.area.max()
    else:
        keep = np.zeros(runs.area.size, bool)
        keep[patch_at(runs, find_runs(water & known)[0])] = True
    away = np.zeros((rows, cols), bool)
    lost = ~keep[runs.patch]
    away.ravel()[pixels_of(runs.start[lost], runs.stop[lost])] = True
    if reference is not None:
        far = pixels(NEW_WATER_M, pixel_m)
        for window in windows:
            outer, inner = padded(window, far, (rows, cols))
            away[window] |= water[window] & ~spread(known[outer], far)[inner]
    for window in windows:
        # The mixed pixels around a field that goes belong to it.
        outer, inner = padded(window, 2, (rows, cols))
        rim = spread(away[outer], 2) & ~spread(water[outer] & ~away[outer], 2)
        part = share[window]
        part[(away[window] | rim[inner]) & (part > 0)] = 0.0
    return int(away.sum())


def mask_dark_land(
    share: Raster[np.float32],
    uncertain: Raster[np.bool_],
    reference: WaterReference | None,
    windows: Sequence[Window],
) -> int:
    """Return how many pixels, darker than land but not as dark as the river, were set to NaN in place: dry sand, mud,
    roads on a dike.

    Where the reference has sure water it is wind or plants on the river, and stays.

    Parameters
    ----------
    share
        Water share, shape (rows, columns).
    uncertain
        Pixels that echo more than water does.
    reference
        Best water share so far, or None.
    windows
        Windows of the corridor.

    Returns
    -------
    int
        Pixels set to NaN.
    """
    dark = BlockArray(share.shape, windows, np.bool_, False)
    for window in windows:
        dark[window] = (share[window] >= 0.5) & uncertain[window]
        if reference is not None:
            percent = reference.percent[window]
            dark[window] &= ~((percent >= 100 - SURE_PERCENT) & (percent <= 100))
    count = 0
    for window in windows:
        outer, inner = padded(window, 3 * DARK_LAND_PX, share.shape)
        around = dark[outer].astype(np.float32)
        for axis in (0, 1):
            around = uniform_filter1d(around, 2 * DARK_LAND_PX + 1, axis=axis, mode="constant")
        part = share[window]
        out = spread(around > MOSTLY, 2 * DARK_LAND_PX)[inner] & (part > 0) & (dark[window] | (part < 1))
        part[out] = np.nan
        count += int(out.sum())
    return count
