"""One mask a date: the files of a date on the working grid, joined where they agree and left out where they do not."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from erosion.core.arrays import UNOBSERVED, BoolArray
from erosion.core.errors import Skipped
from erosion.core.raster.grid import Grid
from erosion.water.masks.mask_file import Scene
from erosion.water.masks.packed import Pixels, unpack_percent
from erosion.water.masks.regrid import cut, place, tightest

MAX_DISAGREEMENT: Final = 0.01
"""Two files of a date may differ in this share of their common pixels ..."""

MAX_WATER_DISAGREEMENT: Final = 0.10
"""... and of the pixels that either of them calls water; most of a river mask is land, which always agrees."""

MAX_COMMON_RIM: Final = 0.05
"""Tiles whose day is guessed may share this part of the smaller one: the rim along which they were cut."""


def merge(group: Sequence[Scene], grid: Grid, inside: BoolArray | None) -> Pixels | Skipped:
    """Return the pixels of one date on the grid, merged from its files, or why the date is left out.

    Files that show the same ground belong to one date where each states its day. Where the day is guessed they may be of two
    dates, and nothing of them is used. The first file by name stands where two differ within tolerance. Pixels that are not
    ``inside`` are missing.
    """
    placed = [place(scene.pixels, scene.grid, grid) for scene in group]
    if inside is not None:
        placed = [cut(pixels, inside) for pixels in placed]
    if len(placed) == 1:
        if placed[0] is not group[0].pixels and not (unpack_percent(placed[0]) != UNOBSERVED).any():
            return Skipped(group[0].path.name, "shows nothing of the region's corridor; check 'area' and the file")
        return placed[0]
    problem = _guessed_together(group, placed)
    if problem is not None:
        return problem
    merged = unpack_percent(placed[0])
    for scene, pixels in zip(group[1:], placed[1:], strict=True):
        percent = unpack_percent(pixels)
        common = (merged != UNOBSERVED) & (percent != UNOBSERVED)
        a, b = merged[common] >= 50, percent[common] >= 50
        differ, wet = int((a != b).sum()), int((a | b).sum())
        if differ > MAX_DISAGREEMENT * a.size or differ > MAX_WATER_DISAGREEMENT * wet:
            names = " + ".join(s.path.name for s in group)
            reason = (
                f"files of one date disagree: {scene.path.name} differs from the file before it in {differ} of "
                f"{a.size} common pixels ({differ / a.size:.1%}; {differ / max(wet, 1):.0%} of those either calls "
                f"water); the date {scene.date.date()} is left out, take out the wrong file"
            )
            return Skipped(names, reason)
        fill = merged == UNOBSERVED
        merged[fill] = percent[fill]
    return tightest(merged)


def _guessed_together(group: Sequence[Scene], placed: Sequence[Pixels]) -> Skipped | None:
    """Return why files of a date are left out together because it is guessed; None where each is of ground of its own."""
    guessed = [scene for scene in group if scene.precision != "day"]
    if not guessed:
        return None
    shown = [unpack_percent(pixels) != UNOBSERVED for pixels in placed]
    for i, j in itertools.combinations(range(len(group)), 2):
        if group[i].precision == group[j].precision == "day":
            continue
        common, smaller = int((shown[i] & shown[j]).sum()), int(min(shown[i].sum(), shown[j].sum()))
        if common > MAX_COMMON_RIM * smaller:
            names = " + ".join(s.path.name for s in group)
            return Skipped(
                names,
                f"show the same ground on {group[i].date.date()}, a day that is guessed from a {guessed[0].precision} alone "
                f"in the name of {', '.join(s.path.name for s in guessed)}, so they may be of several dates; write the day "
                "into each name, like 2018-06-22, or leave one file of the date",
            )
    return None
