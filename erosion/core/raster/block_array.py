"""A raster along a river in little memory: only the blocks that touch its corridor are held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from erosion.core.raster.windows import Window

T = TypeVar("T", bound=np.generic)


class BlockArray(Generic[T]):
    """A raster of which some blocks are held; everywhere else it has one value.

    A river crosses its grid aslant: the blocks that its corridor touches are a third of the grid or less. What is read
    of one block is a view and can be changed in place; what reaches over several, or beyond them, is put together anew.

    Parameters
    ----------
    shape
        Rows and columns of the whole raster.
    windows
        The blocks that are held, none of which overlap.
    dtype
        Type of the values.
    fill
        Value of what is not held, and of the blocks until they are written.
    """

    def __init__(self, shape: tuple[int, int], windows: Sequence[Window], dtype: type[T], fill: float) -> None:
        self.shape, self.dtype, self.fill = shape, np.dtype(dtype), fill
        self._blocks = [(window, self._filled(*window)) for window in windows]

    def _filled(self, rows: slice, cols: slice) -> NDArray[T]:
        return np.full((max(rows.stop - rows.start, 0), max(cols.stop - cols.start, 0)), self.fill, self.dtype)

    def __getitem__(self, window: Window) -> NDArray[T]:
        rows, cols = (slice(*part.indices(length)[:2]) for part, length in zip(window, self.shape, strict=True))
        block = self._block_of(rows, cols)
        if block is not None:
            return block
        out = self._filled(rows, cols)
        for (held_rows, held_cols), values in self._blocks:
            top, bottom = max(rows.start, held_rows.start), min(rows.stop, held_rows.stop)
            left, right = max(cols.start, held_cols.start), min(cols.stop, held_cols.stop)
            if top < bottom and left < right:
                out[top - rows.start : bottom - rows.start, left - cols.start : right - cols.start] = values[
                    top - held_rows.start : bottom - held_rows.start, left - held_cols.start : right - held_cols.start
                ]
        return out

    def __setitem__(self, window: Window, values: Any) -> None:
        block = self._block_of(*window)
        if block is None:
            raise IndexError(f"rows and columns {window} do not lie in one of the blocks that are held")
        block[...] = values

    def _block_of(self, rows: slice, cols: slice) -> NDArray[T] | None:
        """Return the part of a block that a window is, None where it is in no single one."""
        for (held_rows, held_cols), values in self._blocks:
            if (
                held_rows.start <= rows.start
                and rows.stop <= held_rows.stop
                and held_cols.start <= cols.start
                and cols.stop <= held_cols.stop
            ):
                return values[
                    rows.start - held_rows.start : rows.stop - held_rows.start,
                    cols.start - held_cols.start : cols.stop - held_cols.start,
                ]
        return None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the whole raster."""
        return self[slice(None), slice(None)].astype(self.dtype if dtype is None else dtype, copy=copy is not False)

    def lazily(self) -> indexing.LazilyIndexedArray:
        """Return the data of an xarray variable that puts together only the windows that are read from it."""
        return indexing.LazilyIndexedArray(_Windows(self))


class _Windows(BackendArray):
    """Windows of a raster by xarray's indexers; rows by a list or a step are picked from the whole."""

    def __init__(self, blocks: BlockArray[Any]) -> None:
        self.blocks, self.shape, self.dtype = blocks, blocks.shape, blocks.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[Any]:
        if all(isinstance(part, slice) and part.step in (None, 1) for part in key):
            return self.blocks[key]
        return np.asarray(self.blocks)[key]


Raster: TypeAlias = NDArray[T] | BlockArray[T]
"""What is read and written by windows, whole or in blocks."""
