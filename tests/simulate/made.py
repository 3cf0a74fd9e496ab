"""Small simulated rivers for the tests: three to five kilometres, 20 m pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from affine import Affine

from erosion.core.raster.grid import Grid
from erosion.simulate.river.river import River, make_river

CRS = "EPSG:32648"
CORNER = (500_000.0, 1_170_000.0)
LENGTH = 4000.0


def swing(amplitude: float = 300.0, length: float = LENGTH) -> np.ndarray:
    """Line that leaves eastward, swings north and comes back, and ends eastward: y = a (1 - cos) / 2."""
    x = np.linspace(0.0, length, 200)
    return np.column_stack([CORNER[0] + x, CORNER[1] + 0.5 * amplitude * (1 - np.cos(2 * np.pi * x / length))])


def small_river(line: np.ndarray | None = None, **how: Any) -> River:
    """A river of 160 m along :func:`swing` for three years, with everything in it."""
    settings: dict[str, Any] = {"years": 3, "start": 2021, "seed": 5, "width_m": 160.0, "failures_per_km": 2.0}
    return make_river(swing() if line is None else line, **{**settings, **how})


def grid_over(pixel: float = 20.0, shift: tuple[float, float] = (0.0, 0.0), rim: float = 400.0) -> Grid:
    """Grid whose west and east edges are the ends of :func:`swing`."""
    height = 2 * rim + 300.0
    transform = Affine(pixel, 0.0, CORNER[0] + shift[0], 0.0, -pixel, CORNER[1] + 300.0 + rim + shift[1])
    return Grid(CRS, transform, round(LENGTH / pixel), round(height / pixel // 6) * 6)
