"""Runs, patches and outlines against scipy's labels and areas counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from erosion.core.raster import components
from erosion.core.raster.components import complement_runs, find_runs, join_runs, outlines, patch_at, pixels_of

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def test_runs_of_a_small_mask() -> None:
    mask = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1]], dtype=bool)
    start, stop = find_runs(mask)
    assert start.tolist() == [0, 3, 4, 10]  # a run at the end of a row and one at the start of the next are two
    assert stop.tolist() == [2, 4, 5, 12]


@given(masks)
def test_runs_paint_the_mask_back_and_the_gaps_its_complement(mask: np.ndarray) -> None:
    start, stop = find_runs(mask)
    for runs, wanted in (((start, stop), mask), (complement_runs(start, stop, mask.shape), ~mask)):
        painted = np.zeros(mask.size, bool)
        painted[pixels_of(*runs)] = True
        assert (painted.reshape(mask.shape) == wanted).all()


def test_bands_of_rows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(1).random((23, 17)) < 0.5
    whole = find_runs(mask)
    monkeypatch.setattr(components, "BAND_ROWS", 5)
    for a, b in zip(find_runs(mask), whole, strict=True):
        assert (a == b).all()


@given(masks, st.booleans())
def test_patches_are_those_of_scipy(mask: np.ndarray, diagonal: bool) -> None:
    runs = join_runs(*find_runs(mask), mask.shape, diagonal=diagonal)
    label, count = ndimage.label(mask, np.ones((3, 3)) if diagonal else None)
    assert runs.area.size == count
    ours = patch_at(runs, np.arange(mask.size)).reshape(mask.shape)
    assert ((ours >= 0) == mask).all()
    pairs = set(zip(ours[mask].tolist(), label[mask].tolist(), strict=True))
    assert len(pairs) == count  # one patch of ours to one of theirs
    rim = np.ones(mask.shape, bool)
    rim[1:-1, 1:-1] = False
    for mine, theirs in pairs:
        assert runs.area[mine] == (label == theirs).sum()
        assert runs.touches_edge[mine] == (rim & (label == theirs)).any()


def test_an_empty_mask_has_no_patches() -> None:
    runs = join_runs(*find_runs(np.zeros((4, 5), bool)), (4, 5), diagonal=True)
    assert runs.area.size == 0
    assert patch_at(runs, np.array([3, 7])).tolist() == [-1, -1]
    assert outlines(np.zeros((4, 5), bool)) == []


def _area(ring: np.ndarray) -> float:
    x, north = ring[:, 0], -ring[:, 1]
    return 0.5 * float(x @ np.roll(north, -1) - np.roll(x, -1) @ north)


def test_outline_of_one_pixel_is_a_diamond() -> None:
    mask = np.zeros((3, 3), bool)
    mask[1, 1] = True
    (ring,) = outlines(mask)
    assert ring.tolist() == [[0.5, 1], [1, 1.5], [1.5, 1], [1, 0.5]]  # west, south, east, north: anticlockwise
    assert _area(ring) == 0.5


def test_outline_of_a_ring_has_the_hole_clockwise() -> None:
    mask = np.zeros((7, 7), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    outer, hole = outlines(mask)
    assert _area(outer) == pytest.approx(25 - 0.5)  # four corners of an eighth of a pixel each are cut off
    assert _area(hole) == pytest.approx(-0.5)


def test_pixels_that_touch_at_a_corner_share_one_outline() -> None:
    mask = np.zeros((5, 5), bool)
    mask[1, 1] = mask[2, 2] = mask[3, 1] = True
    (ring,) = outlines(mask)
    assert len(ring) == 12


@given(masks)
@settings(max_examples=200)
def test_rings_match_patches_and_holes(mask: np.ndarray) -> None:
    mask = np.pad(mask, 1)
    rings = outlines(mask)
    outer = [ring for ring in rings if _area(ring) > 0]
    water = join_runs(*find_runs(mask), mask.shape, diagonal=True)
    land = join_runs(*complement_runs(*find_runs(mask), mask.shape), mask.shape, diagonal=False)
    assert len(outer) == water.area.size
    assert len(rings) - len(outer) == (~land.touches_edge).sum()
    # Every side between a true and a false pixel is passed once.
    sides = (mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum()
    points = np.concatenate([np.zeros((0, 2)), *rings])
    assert len(points) == sides == len(np.unique(points, axis=0))
    for ring in rings:
        assert (np.hypot(*(ring - np.roll(ring, 1, axis=0)).T) <= 1.0).all()
