"""Clouds with the shadows they throw, thin at their edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from erosion.simulate.texture import over_picture, ramp


@dataclass(frozen=True, eq=False)
class Sky:
    """Opacity of the clouds and depth of their shadows, 0 to 1, each of shape (rows, cols)."""

    cloud: NDArray[np.float32]
    shadow: NDArray[np.float32]

    @classmethod
    def made(
        cls, shape: tuple[int, int], rng: np.random.Generator, cover: float, pixel_m: float, sun_azimuth: float
    ) -> Self:
        """Return a sky that covers a share ``cover`` of the picture with clouds some kilometres across.

        Parameters
        ----------
        shape
            Rows and columns.
        rng
            Source of chance.
        cover
            Share of the picture under cloud [1].
        pixel_m
            Pixel size [m].
        sun_azimuth
            Clockwise from north [degree]; shadows fall on the other side.
        """
        large = over_picture(shape, 900.0 / pixel_m, rng)
        small = over_picture(shape, 150.0 / pixel_m, rng)
        field = large + 0.35 * small
        fall = float(rng.uniform(500.0, 1500.0)) / pixel_m  # 800 to 2500 m high under a sun of 55 degrees
        if cover <= 0:
            clear = np.zeros(shape, dtype=np.float32)
            return cls(clear, clear)
        edge = float(np.quantile(field[::4, ::4], 1.0 - min(cover, 1.0)))
        cloud = ramp(field, edge - 0.06, edge + 0.18)  # edges some 100 m wide, as of fair-weather clouds
        away = np.deg2rad(sun_azimuth + 180.0)
        down, right = round(-fall * np.cos(away)), round(fall * np.sin(away))
        shadow = np.zeros(shape, dtype=np.float32)
        to, frm = _overlap(shape, down, right)
        shadow[to] = cloud[frm]
        return cls(cloud, np.asarray(shadow * (1.0 - cloud), dtype=np.float32))


def _overlap(shape: tuple[int, int], down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Windows of a picture and of the same picture moved by whole pixels."""
    to, frm = [], []
    for size, move in zip(shape, (down, right), strict=True):
        move = max(min(move, size), -size)
        to.append(slice(max(move, 0), size + min(move, 0)))
        frm.append(slice(max(-move, 0), size - max(move, 0)))
    return (to[0], to[1]), (frm[0], frm[1])
