"""One definition of a pixel grid: CRS, transform, width and height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from erosion.core.arrays import FloatArray, IntArray

MAX_PIXELS: Final = 2_000_000_000
"""Largest working grid; a single file with a wrong position would otherwise ask for the memory of a continent."""

_SNAP: Final = 1e-3
"""Positions that agree to a thousandth of a pixel are the same position."""


@dataclass(frozen=True)
class Grid:
    """A pixel grid.

    Attributes
    ----------
    crs
        Coordinate system, e.g. ``EPSG:32620``.
    transform
        Column and row of a pixel corner to coordinates.
    width, height
        Columns and rows.
    """

    crs: str
    transform: Affine
    width: int
    height: int

    @property
    def pixel_m(self) -> float:
        """Pixel width in units of the CRS (m in a projected one), of a rotated grid too."""
        return math.hypot(self.transform.a, self.transform.d)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def x(self) -> FloatArray:
        """Pixel-centre x, shape (width,); ValueError for a rotated grid, whose centres form no axis."""
        self._refuse_rotated()
        return np.asarray(self.transform.c + (np.arange(self.width) + 0.5) * self.transform.a)

    @property
    def y(self) -> FloatArray:
        """Pixel-centre y, shape (height,); ValueError for a rotated grid, whose centres form no axis."""
        self._refuse_rotated()
        return np.asarray(self.transform.f + (np.arange(self.height) + 0.5) * self.transform.e)

    def _refuse_rotated(self) -> None:
        if self.transform.b or self.transform.d:
            raise ValueError(
                f"a rotated grid ({tuple(self.transform)[:6]}) has no axes; resample it onto a grid that is north up"
            )

    def row_column(self, xy: FloatArray) -> tuple[IntArray, IntArray]:
        """Row and column of the pixels that contain points; of points outside the grid they are outside its range.

        Parameters
        ----------
        xy
            Points in the grid's CRS, shape (n, 2).

        Raises
        ------
        ValueError
            Where the grid is not north up.
        """
        if not self.north_up:
            raise ValueError(f"a grid that is not north up ({tuple(self.transform)[:6]}); resample it onto one that is")
        column = np.floor((xy[:, 0] - self.transform.c) / self.pixel_m).astype(np.int64)
        row = np.floor((self.transform.f - xy[:, 1]) / self.pixel_m).astype(np.int64)
        return row, column

    @property
    def north_up(self) -> bool:
        """True for square, unrotated pixels with north at the top."""
        t = self.transform
        return t.b == 0 and t.d == 0 and t.a > 0 and math.isclose(t.a, -t.e, rel_tol=1e-9)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in the grid's CRS."""
        t = self.transform
        corners = [(c, r) for c in (0, self.width) for r in (0, self.height)]
        xs = [t.c + t.a * c + t.b * r for c, r in corners]
        ys = [t.f + t.d * c + t.e * r for c, r in corners]
        return min(xs), min(ys), max(xs), max(ys)

    def padded(self, rim: int) -> Grid:
        """The grid with ``rim`` more pixels on every side."""
        t = self.transform
        corner = t.c - rim * (t.a + t.b), t.f - rim * (t.d + t.e)
        transform = Affine(t.a, t.b, corner[0], t.d, t.e, corner[1])
        return Grid(self.crs, transform, self.width + 2 * rim, self.height + 2 * rim)

    def bounds_in(self, crs: str) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in another CRS; edges are densified, so a bent edge stays inside."""
        if same_crs(self.crs, crs):
            return self.bounds
        left, bottom, right, top = transform_bounds(self.crs, crs, *self.bounds, densify_pts=21)
        return float(left), float(bottom), float(right), float(top)

    def offset_in(self, other: Grid) -> tuple[int, int] | None:
        """Row and column of this grid's corner in ``other``, or None where pixels do not fall on its pixels."""
        same = (
            self.north_up
            and other.north_up
            and math.isclose(self.transform.a, other.transform.a, rel_tol=1e-9)
            and same_crs(self.crs, other.crs)
        )
        if not same:
            return None
        col = (self.transform.c - other.transform.c) / other.transform.a
        row = (self.transform.f - other.transform.f) / other.transform.e
        if abs(col - round(col)) > _SNAP or abs(row - round(row)) > _SNAP:
            return None
        return round(row), round(col)


def same_crs(a: str, b: str) -> bool:
    """Return True where two CRS texts mean the same system."""
    return a == b or CRS.from_user_input(a) == CRS.from_user_input(b)


def region_grid(footprints: Sequence[Grid], crs: str, pixel_m: float) -> Grid:
    """Working grid that covers the files of a region.

    Where every file is already in the region's CRS, has its pixel size and falls on one common lattice, that lattice
    is kept and nothing is resampled. Otherwise the lattice is that of whole multiples of ``pixel_m``.

    Parameters
    ----------
    footprints
        Grids of the files, at least one.
    crs
        Projected CRS of the region.
    pixel_m
        Pixel size of the region [m].

    Raises
    ------
    ValueError
        Where the union would have more than :data:`MAX_PIXELS` pixels.
    """
    first = footprints[0]
    lattice = Grid(crs, Affine(pixel_m, 0.0, first.transform.c, 0.0, -pixel_m, first.transform.f), 1, 1)
    native = all(grid.offset_in(lattice) is not None for grid in set(footprints))
    x0, y0 = (first.transform.c, first.transform.f) if native else (0.0, 0.0)
    bounds = np.array([grid.bounds_in(crs) for grid in set(footprints)])
    if not np.isfinite(bounds).all():
        raise ValueError(f"a file cannot be projected to {crs}; check the CRS of the files and of the region")
    left = math.floor((bounds[:, 0].min() - x0) / pixel_m + _SNAP)
    right = math.ceil((bounds[:, 2].max() - x0) / pixel_m - _SNAP)
    bottom = math.floor((bounds[:, 1].min() - y0) / pixel_m + _SNAP)
    top = math.ceil((bounds[:, 3].max() - y0) / pixel_m - _SNAP)
    width, height = max(right - left, 1), max(top - bottom, 1)
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"the files together span {width} x {height} pixels of {pixel_m:g} m; cut them to the corridor of the "
            "river, raise pixel_m, or take out a file that lies far from the others"
        )
    return Grid(crs, Affine(pixel_m, 0.0, x0 + left * pixel_m, 0.0, -pixel_m, y0 + top * pixel_m), width, height)
