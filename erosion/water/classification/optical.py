"""Water share of one optical scene.

Clouds and a margin around them are taken out. A water index, cut by a threshold of this scene, gives the pixels where water and land
are sure; between them the share follows from the bands mixed linearly (:mod:`erosion.water.classification.mixing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from erosion.config.region import SceneRules
from erosion.core.raster.block_array import BlockArray
from erosion.core.raster.windows import Window, padded, pixels, spread_round
from erosion.satellite.corridor import Corridor
from erosion.water.classification.mixing import mix_windows
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.threshold import SceneUnusable, find_threshold

ORDER: Final = ("blue", "green", "red", "nir", "swir16", "swir22")
"""Bands of an optical scene, in the order of the arrays here."""

SWIR_BLUR_M = 20.0
"""Pixel of the short-wave infrared bands of Sentinel-2, coarser than the scene's own 10 m [m]."""

STEEPEN = 0.1
"""See :func:`erosion.water.classification.mixing.share_between`."""

GREEN_FROM = 0.3
"""NDVI from which land is green."""


@dataclass(frozen=True)
class Index:
    """A water index: higher on water.

    Attributes
    ----------
    name
        As in the literature.
    bands
        What it needs.
    value
        From the bands, in that order, to the index.
    water_from
        Where water begins by its authors.
    """

    name: str
    bands: tuple[str, ...]
    value: Callable[..., NDArray[np.float32]]
    water_from: float


def normalised_difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(a - b) / (a + b)``; dark pixels, whose reflectance came out below zero, are kept within -1 to 1."""
    total = np.maximum(a + b, np.float32(1e-3))
    ratio: NDArray[np.float32] = np.clip((a - b) / total, -1.0, 1.0).astype(np.float32)
    return ratio


def _awei_nsh(
    green: NDArray[np.float32], nir: NDArray[np.float32], swir16: NDArray[np.float32], swir22: NDArray[np.float32]
) -> NDArray[np.float32]:
    return 4 * (green - swir16) - (np.float32(0.25) * nir + np.float32(2.75) * swir22)


def _awei_sh(
    blue: NDArray[np.float32],
    green: NDArray[np.float32],
    nir: NDArray[np.float32],
    swir16: NDArray[np.float32],
    swir22: NDArray[np.float32],
) -> NDArray[np.float32]:
    return blue + np.float32(2.5) * green - np.float32(1.5) * (nir + swir16) - np.float32(0.25) * swir22


def _wi2015(
    green: NDArray[np.float32],
    red: NDArray[np.float32],
    nir: NDArray[np.float32],
    swir16: NDArray[np.float32],
    swir22: NDArray[np.float32],
) -> NDArray[np.float32]:
    return np.float32(1.7204) + 171 * green + 3 * red - 70 * nir - 45 * swir16 - 71 * swir22


INDICES: Final[dict[str, Index]] = {
    index.name: index
    for index in (
        # Xu 2006, Modification of normalised difference water index.
        Index("MNDWI", ("green", "swir16"), normalised_difference, 0.0),
        # Feyisa et al. 2014, Automated Water Extraction Index: without and with shadows.
        Index("AWEInsh", ("green", "nir", "swir16", "swir22"), _awei_nsh, 0.0),
        Index("AWEIsh", ("blue", "green", "nir", "swir16", "swir22"), _awei_sh, 0.0),
        # Fisher, Flood and Danaher 2016, Comparing Landsat water index methods for automated water classification.
        Index("WI2015", ("green", "red", "nir", "swir16", "swir22"), _wi2015, 0.63),
        # McFeeters 1996, The use of the Normalized Difference Water Index.
        Index("NDWI", ("green", "nir"), normalised_difference, 0.0),
    )
}

PREFERRED: Final = ("MNDWI", "NDWI")
"""The first whose bands a scene has is used; docs/water.md has the comparison."""


class Shares(NamedTuple):
    """Water share of a scene before it is co-registered, and how it was found."""

    share: BlockArray[np.float32]
    facts: dict[str, Any]
    bare: BlockArray[np.bool_] | None


def choose_index(scene: xr.Dataset, names: Sequence[str] = PREFERRED) -> Index:
    """Return the first index whose bands the scene has."""
    for name in names:
        if set(INDICES[name].bands) <= set(scene.data_vars):
            return INDICES[name]
    have = ", ".join(b for b in ORDER if b in scene)
    raise SceneUnusable(f"has the bands {have}; water needs green and swir16, or green and nir")


def index_of(scene: xr.Dataset, index: Index, window: Window | None = None) -> NDArray[np.float32]:
    """Return an index over a scene or a window of it."""
    part = scene if window is None else scene.isel(y=window[0], x=window[1])
    return index.value(*(part[band].values for band in index.bands))


def usable_pixels(scene: xr.Dataset, corridor: Corridor, margin_m: float, bands: Sequence[str]) -> BlockArray[np.bool_]:
    """Return the pixels that can be used: in the corridor, observed in every band, clear, and away from cloud and shadow.

    The margin is grown around what was observed and is not clear; missing pixels (outside the image) have no margin.

    Returns
    -------
    BlockArray
        Shape (rows, columns).
    """
    pixel_m = corridor.grid.pixel_m
    shape, windows = corridor.grid.shape, corridor.windows()
    usable = BlockArray(shape, windows, np.bool_, False)
    rim = pixels(margin_m, pixel_m) if margin_m > 0 else 0
    for window in windows:
        outer, inner = padded(window, rim, shape)
        part = scene[[*bands, "clear"]].isel(y=outer[0], x=outer[1])
        observed = np.logical_and.reduce([np.isfinite(part[band].values) for band in bands])
        clear = part["clear"].values
        hidden = observed & ~clear
        usable[window] = (observed & clear & ~spread_round(hidden, margin_m / pixel_m))[inner] & corridor.inside[window]
    return usable


def optical_share(
    scene: xr.Dataset,
    corridor: Corridor,
    rules: SceneRules,
    reference: WaterReference | None,
    *,
    indices: Sequence[str] = PREFERRED,
) -> Shares:
    """Water share of an optical scene.

    Parameters
    ----------
    scene
        Bands [1] and ``clear`` on the corridor's grid.
    corridor
        Pixels that are classified.
    rules
        Cloud margin and least clear share.
    reference
        Best water share so far, or None.
    indices
        Indices in order of preference.

    Returns
    -------
    Shares
        Share 0 to 1, NaN where not usable, shape (rows, columns), and facts.

    Raises
    ------
    SceneUnusable
        Too little is clear, or water and land cannot be separated.
    """
    index = choose_index(scene, indices)
    bands = [band for band in ORDER if band in scene]
    usable = usable_pixels(scene, corridor, rules.cloud_margin_m, bands)
    pixel_m, windows = corridor.grid.pixel_m, corridor.windows()
    clear_share = sum(int(usable[w].sum()) for w in windows) / max(int(corridor.inside.sum()), 1)
    if clear_share < rules.min_clear_share:
        raise SceneUnusable(
            f"{100 * clear_share:.0f} % of the corridor is clear; min_clear_share asks for "
            f"{100 * rules.min_clear_share:.0f} %"
        )

    def value_at(window: Window) -> NDArray[np.float32]:
        return index_of(scene, index, window)

    found, where = find_threshold(value_at, usable, windows, pixel_m, reference, usual=index.water_from)
    blur_m = max(float(scene.attrs["native_m"]), SWIR_BLUR_M if "swir16" in bands else 0.0)
    share = mix_windows(
        lambda w: np.stack([scene[band].isel(y=w[0], x=w[1]).values for band in bands]).astype(np.float32),
        value_at,
        usable,
        windows,
        found.threshold,
        pixel_m,
        reach=pixels(1.0 * blur_m, pixel_m),
        steepen=STEEPEN,
        keep_area=True,
    )
    return Shares(
        share,
        {
            "index": index.name,
            "bands": bands,
            "threshold": found.threshold,
            "threshold_from": where,
            "land_value": found.low,
            "water_value": found.high,
            "separability": found.separability,
            "clear_share": clear_share,
        },
        bare_land(scene, windows),
    )


def bare_land(scene: xr.Dataset, windows: Sequence[Window]) -> BlockArray[np.bool_] | None:
    """Return the pixels without green plants: NDVI (Rouse et al. 1974) below :data:`GREEN_FROM`; None without red and nir."""
    if not {"red", "nir"} <= set(scene.data_vars):
        return None
    bare = BlockArray((scene.sizes["y"], scene.sizes["x"]), windows, np.bool_, False)
    for window in windows:
        part = scene.isel(y=window[0], x=window[1])
        bare[window] = normalised_difference(part["nir"].values, part["red"].values) < GREEN_FROM
    return bare
