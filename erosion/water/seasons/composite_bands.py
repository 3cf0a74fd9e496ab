"""Bands of a series of composites as lazy arrays, read where and when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from erosion.core.errors import SourceError
from erosion.satellite.corridor import Corridor
from erosion.water.seasons.season_stack import HALF_PERCENT, SIGMA_UNIT

_BANDS: Final = {
    "water_fraction": (1, "1", "share of the pixel that is water: weighted median of the season's clear observations"),
    "n_clear": (2, "1", "clear observations used"),
    "sigma": (3, "1", "standard error of water_fraction, from the spread of the observations"),
}


def lazy_bands(
    paths: Sequence[Path], name: str, corridor: Corridor
) -> dict[str, tuple[tuple[str, str, str], Any, dict[str, str]]]:
    """Return the variables of a series of composites, lazy with one chunk an epoch, dims (epoch, y, x).

    Parameters
    ----------
    paths
        Files of the composites, one an epoch.
    name
        Name of the series for the scheduler; another one for other pixels.
    corridor
        Grid and strip of the composites.
    """
    import dask.array as da  # 0.3 s, and regions of masks alone need none of it here

    variables = {}
    for variable, (number, unit, meaning) in _BANDS.items():
        band = _Band(paths, number, corridor)
        lazy = da.from_array(
            band,
            (1, *corridor.grid.shape),
            name=f"{variable}-{name}",
            asarray=False,
            meta=np.empty((0, 0, 0), band.dtype),
        )
        variables[variable] = (("epoch", "y", "x"), lazy, {"units": unit, "long_name": meaning})
    return variables


class _Band:
    """One band of a series of composites as an array for dask: shape (epoch, y, x), read by windows."""

    ndim = 3

    def __init__(self, paths: Sequence[Path], band: int, corridor: Corridor) -> None:
        self.paths, self.band, self.windows = tuple(paths), band, corridor.windows()
        self.shape = (len(self.paths), *corridor.grid.shape)
        self.dtype = np.dtype(np.uint16 if band == 2 else np.float32)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        given: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
        epochs, window = given[0], given[1:] + (slice(None),) * (3 - len(given))
        # Slices are taken while reading; anything fancier (a list of rows, backwards) is rare and taken afterwards.
        plain = [isinstance(w, slice) and (w.step or 1) > 0 for w in window]
        rows, cols = (w if easy else slice(None) for w, easy in zip(window, plain, strict=True))
        after = tuple(slice(None) if easy else w for w, easy in zip(window, plain, strict=True))
        if not isinstance(epochs, slice):
            return self._read(self.paths[epochs], rows, cols)[after]
        images = [self._read(path, rows, cols)[after] for path in self.paths[epochs]]
        return images[0][np.newaxis] if len(images) == 1 else np.stack(images)  # an image is copied only if it must be

    def _read(self, path: Path, rows: slice, cols: slice) -> NDArray[Any]:
        (top, bottom, down), (left, right, across) = rows.indices(self.shape[1]), cols.indices(self.shape[2])
        out = np.full((max(bottom - top, 0), max(right - left, 0)), 0 if self.band == 2 else np.nan, self.dtype)
        try:
            with rasterio.open(path, driver="GTiff") as file:
                for own_rows, own_cols in self.windows:  # a tenth of the grid; the rest stays empty
                    first, last = max(top, own_rows.start), min(bottom, own_rows.stop)
                    west, east = max(left, own_cols.start), min(right, own_cols.stop)
                    if first < last and west < east:
                        numbers = file.read(self.band, window=Window.from_slices((first, last), (west, east)))
                        out[first - top : last - top, west - left : east - left] = self._values(numbers)
        except RasterioError as err:
            raise SourceError(f"{path}: the composite cannot be read any more ({err}); run again") from err
        return out[::down, ::across]

    def _values(self, numbers: NDArray[np.uint16]) -> NDArray[Any]:
        if self.band == 2:
            return numbers
        # 0 is nothing; a share is kept with 1 added, see :mod:`erosion.water.seasons.season_composite`.
        values = numbers.astype(np.float32)
        values = (values - 1) / np.float32(HALF_PERCENT) if self.band == 1 else values * np.float32(SIGMA_UNIT)
        values[numbers == 0] = np.nan
        return values
