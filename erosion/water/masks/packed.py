"""Water masks in little memory.

A mask of 6 million pixels is 23 MB of floats, 0.7 MB of bits and, most of a river mask being land, some 20 kB of
compressed bits. Masks are kept so between the read and the use, and become floats one epoch at a time, only in the
rows a stage asks for.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from erosion.core.arrays import UNOBSERVED


class Pixels(NamedTuple):
    """A water mask in little memory: compressed bits where every pixel is water or land, else percent."""

    shape: tuple[int, int]
    water: bytes  # zlib of packed bits (rows padded to whole bytes), or of uint8 percent with 255 for nodata
    valid: bytes | None  # zlib of packed bits; None where every pixel is valid, or where water is in percent
    binary: bool


def pack(water: np.ndarray, valid: np.ndarray | None) -> Pixels:
    """Pack a 0/1 mask; ``valid`` is None where every pixel is."""
    shape = (int(water.shape[0]), int(water.shape[1]))
    return Pixels(shape, _squeeze(water), None if valid is None else _squeeze(valid), True)


def _squeeze(mask: np.ndarray) -> bytes:
    return zlib.compress(np.packbits(mask, axis=1).data, 1)


def pack_percent(percent: np.ndarray) -> Pixels:
    """Pack uint8 percent of water, 255 for nodata."""
    return Pixels(
        (int(percent.shape[0]), int(percent.shape[1])),
        zlib.compress(np.ascontiguousarray(percent).data, 1),
        None,
        False,
    )


def unpack(pixels: Pixels, rows: slice = slice(None), cols: slice = slice(None)) -> np.ndarray:
    """Water fraction of a window, float32 with NaN for missing, shape (rows, cols)."""
    if not pixels.binary:
        percent = np.frombuffer(zlib.decompress(pixels.water), np.uint8).reshape(pixels.shape)[rows, cols]
        return _PERCENT[percent]
    fraction = _bits(pixels.water, pixels.shape, rows, cols).astype(np.float32)
    if pixels.valid is not None:
        fraction[_bits(pixels.valid, pixels.shape, rows, cols) == 0] = np.nan
    return fraction


def unpack_percent(pixels: Pixels) -> np.ndarray:
    """The whole mask as uint8 percent of water, 255 for nodata."""
    every = slice(None)
    if not pixels.binary:
        return np.frombuffer(zlib.decompress(pixels.water), np.uint8).reshape(pixels.shape).copy()
    percent = _bits(pixels.water, pixels.shape, every, every) * np.uint8(100)
    if pixels.valid is not None:
        percent[_bits(pixels.valid, pixels.shape, every, every) == 0] = UNOBSERVED
    return percent


def water_share(pixels: Pixels) -> float:
    """Share of the valid pixels that are water, NaN where none is valid."""
    if pixels.binary:
        wet = _count(pixels.water)
        valid = pixels.shape[0] * pixels.shape[1] if pixels.valid is None else _count(pixels.valid)
    else:
        percent = unpack_percent(pixels)
        wet, valid = int(((percent >= 50) & (percent <= 100)).sum()), int((percent != UNOBSERVED).sum())
    return wet / valid if valid else float("nan")


def _count(squeezed: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(zlib.decompress(squeezed), np.uint8)).sum(dtype=np.int64))


def _bits(squeezed: bytes, shape: tuple[int, int], rows: slice, cols: slice) -> np.ndarray:
    packed = np.frombuffer(zlib.decompress(squeezed), np.uint8).reshape(shape[0], -1)
    return np.unpackbits(packed[rows], axis=1, count=shape[1])[:, cols]


_PERCENT: Final = np.full(256, np.nan, np.float32)
_PERCENT[:101] = np.arange(101, dtype=np.float32) / np.float32(100)
EMPTY_BLOCK: Final = np.empty((0, 0, 0), np.float32)


class Series:
    """The epochs as an array for dask: shape (epoch, y, x), unpacked where and when a window is asked for."""

    dtype = EMPTY_BLOCK.dtype
    ndim = 3

    def __init__(self, epochs: Sequence[Pixels]) -> None:
        self.epochs = tuple(epochs)
        self.shape = (len(self.epochs), *self.epochs[0].shape)

    def __getitem__(self, index: Any) -> np.ndarray:
        index = index if isinstance(index, tuple) else (index,)
        index = index + (slice(None),) * (3 - len(index))
        epoch, window = index[0], index[1:]
        # Slices are taken while unpacking; anything fancier (a list of rows) is rare and taken afterwards.
        inside = tuple(w if isinstance(w, slice) else slice(None) for w in window)
        after = tuple(slice(None) if isinstance(w, slice) else w for w in window)
        if not isinstance(epoch, slice):
            return unpack(self.epochs[epoch], *inside)[after]
        blocks = [unpack(pixels, *inside)[after] for pixels in self.epochs[epoch]]
        if len(blocks) == 1:
            return blocks[0][np.newaxis]
        return np.stack(blocks)
