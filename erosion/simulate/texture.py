"""Smooth random fields: along a line, over the ground, over one picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d, zoom


def along_line(count: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian field along a line: mean 0, standard deviation 1, smooth over ``scale`` nodes, shape (count,)."""
    reach = round(4 * scale) + 1
    white = rng.standard_normal(count + 2 * reach)
    # White noise smoothed by a Gaussian of s nodes keeps 1 / (2 s sqrt(pi)) of its variance.
    smooth = gaussian_filter1d(white, scale)[reach : reach + count] * np.sqrt(2.0 * scale * np.sqrt(np.pi))
    return np.asarray(smooth)


def lattice(i: NDArray[np.integer], j: NDArray[np.integer], seed: int) -> NDArray[np.float32]:
    """Uniform number 0..1 of a lattice point: the same point has the same number in every picture.

    The mixing is that of MurmurHash3's finaliser (A. Appleby, public domain).
    """
    with np.errstate(over="ignore"):
        h = i.astype(np.uint32) * np.uint32(0x9E3779B1) ^ j.astype(np.uint32) * np.uint32(0x85EBCA77)
        h ^= np.uint32((seed * 0xC2B2AE3D) & 0xFFFFFFFF)
        for turn, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            h ^= h >> np.uint32(turn)
            h *= np.uint32(factor)
        h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)


def over_ground(x: NDArray[np.floating], y: NDArray[np.floating], scale_m: float, seed: int) -> NDArray[np.float32]:
    """Value noise 0..1 fixed to the ground, smooth over ``scale_m`` [m]; ``x`` and ``y`` broadcast to the shape."""
    u, v = np.broadcast_arrays(x / scale_m, y / scale_m)
    i, j = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    a, b = (u - i).astype(np.float32), (v - j).astype(np.float32)
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    low = lattice(i, j, seed) * (1 - a) + lattice(i + 1, j, seed) * a
    high = lattice(i, j + 1, seed) * (1 - a) + lattice(i + 1, j + 1, seed) * a
    return np.asarray(low * (1 - b) + high * b, dtype=np.float32)


def over_picture(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian field over one picture: mean 0, standard deviation 1, blobs of ``scale`` pixels, shape ``shape``."""
    # Made coarse and enlarged: a field smooth over s pixels has nothing to tell between points s/4 apart.
    coarse = max(scale / 4.0, 1.0)
    small = (int(np.ceil(shape[0] / coarse)) + 2, int(np.ceil(shape[1] / coarse)) + 2)
    sigma = scale / coarse
    field = gaussian_filter(rng.standard_normal(small, dtype=np.float32), sigma, mode="wrap")
    field *= np.float32(2.0 * sigma * np.sqrt(np.pi))
    if coarse > 1:
        field = zoom(field, (shape[0] / (small[0] - 2) + 1e-9, shape[1] / (small[1] - 2) + 1e-9), order=1)
    return np.asarray(field[: shape[0], : shape[1]], dtype=np.float32)


def ramp(value: NDArray[np.floating], low: float, high: float) -> NDArray[np.float32]:
    """Return a smooth step: 0 up to ``low``, 1 from ``high`` on."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
