"""Which epochs of a reach are used: each is compared with the ones that were there before it.

What a mask can be found guilty of: a river in pieces, a flood, the image of another date, an image that is misplaced (shifted,
turned, mirrored), another river. Only what was available before an epoch decides on it, so a decision once taken stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.banks.epochs.placement_words import placement_words
from erosion.banks.epochs.registration import Registration, least_widths, register
from erosion.banks.epochs.river_image import RiverImage, agreement, river_image
from erosion.banks.established import YEAR_DAYS
from erosion.core.errors import Skipped
from erosion.core.scheduler import threads_unless_cluster

WHOLE_SHARE: Final = 0.9
"""Share of the usual that a river must be connected, for its epoch to be valid."""

MOST_WATER: Final = 2.0
"""An epoch in which the river fills more than this many times its usual share shows no banks. On 31 years of the Mamoré, floods and
droughts among them, the share stays between 0.7 and 1.3 times the usual."""

SAME_SHARE: Final = 0.02
"""Two masks that differ in no more pixels than this share of their shore are one image. Masks of two years of the quiet Athabasca
differ in at least 14 %, of the Mamoré in 68 %."""

COMPARED: Final = 3
"""Valid epochs nearest in time that a mask is compared with; the one it fits best decides, so that no single one of them that is
poor makes a good mask invalid."""

OLDER_SHARE: Final = 0.5
"""A mask is an older image when it differs from one of another time by less than this share of what it differs by from those
nearest in time (real masks: at least 0.86) ..."""

OLDER_LEAST: Final = 0.05
"""... and agrees better with it by at least this much. A river that stands still looks the same every year."""

LEAST_PLACED: Final = 0.3
"""Two rivers that agree by less than this when one is put back are not the same one, wherever it is put."""

FAST_AGREEMENT: Final = 0.4
FAST_YEARS: Final = 6.0
"""The fastest river agrees with itself, beyond chance, by more than the first, which falls to 1 / e of it in the second [years].
On stretches of 43 widths and more of the Mamoré and the Ucayali at Pucallpa it stays above by at least a seventh."""


MIN_WIDTHS: Final = 50.0
"""Shortest river, in channel widths, that is told from another one: a cutoff may take most of what a shorter one shows."""


class Known(NamedTuple):
    """An epoch that was decided on.

    Attributes
    ----------
    date, scene, image
        Date, name and river of its mask.
    explained
        Length of river that a placement against an earlier mask explains [channel widths]; None where there was none.
    """

    date: pd.Timestamp
    scene: str
    image: RiverImage
    explained: float | None = None


def valid_epochs(water: xr.Dataset) -> tuple[xr.Dataset, list[Skipped]]:
    """Return the epochs that can be true, and what was left out and why, in order of time.

    Stripes of a failed scan line corrector or unmasked cloud cut the river of a mask into pieces and would read as
    land gained and lost. An epoch is left out when less of its water is connected than 90 % of what is usual in the
    valid epochs before it. A flooded mask, one all of water or with water and land swapped is connected and would read
    as every bank lost: an epoch is left out, too, when more than twice the usual share of what it shows is river; flooded
    fields apart from the river do not count. Too little water leaves nothing out, or a first mask all of water would make
    every good one after it invalid.

    A mask is left out as well where it is the image of another date, where one displacement, rotation or mirroring of the
    whole explains more of what changed than a river does (:mod:`erosion.banks.epochs.registration`), and where it shows
    less of the river than even a fast one would leave. Epochs that were available later have no part in it, so a decision
    once taken stands.
    """
    images = _images(water)
    dates, available = pd.DatetimeIndex(water["epoch"].to_numpy()), water["available_at"].to_numpy()
    scenes = water["scene_id"].to_numpy() if "scene_id" in water.coords else dates.strftime("%Y-%m-%d").to_numpy()
    pixel_m = float(water.attrs["pixel_m"])
    known = [Known(*one) for one in zip(dates, map(str, scenes), images, strict=True)]
    valid: dict[int, Known] = {}
    reasons: dict[int, str] = {}
    order = np.lexsort((dates, available)).tolist()
    for at, i in enumerate(order):
        found = _found(known[i], list(valid.values()), [known[k] for k in order[:at]], pixel_m)
        if isinstance(found, str):
            reasons[i] = found
        else:
            valid[i] = known[i]._replace(explained=found)
    return water.isel(epoch=sorted(valid)), [Skipped(known[i].scene, reasons[i]) for i in sorted(reasons)]


def newest_left_out(water: xr.Dataset, valid: xr.Dataset, left_out: Sequence[Skipped]) -> list[Skipped]:
    """Return those of the epochs left out that are newer than the newest valid one."""
    newer = int((water["epoch"] > valid["epoch"][-1]).sum())
    return list(left_out[len(left_out) - newer :])


def _images(water: xr.Dataset) -> list[RiverImage]:
    """Return the river of every epoch."""
    import dask.array as da  # heavy; it loads while the masks are read

    def of_block(block: NDArray[np.float32]) -> NDArray[np.object_]:
        found = np.empty((len(block), 1, 1), dtype=object)
        found[:, 0, 0] = [river_image(fraction) for fraction in block]
        return found

    fractions = da.asarray(water["water_fraction"].data).rechunk({0: 1, 1: -1, 2: -1})
    with threads_unless_cluster():
        found = fractions.map_blocks(of_block, dtype=object, chunks=(fractions.chunks[0], (1,), (1,))).compute()
    return list(found[:, 0, 0])


def _found(new: Known, valid: Sequence[Known], before: Sequence[Known], pixel_m: float) -> str | float | None:
    """Return why an epoch cannot be true; where nothing speaks against it, its :attr:`Known.explained`.

    Parameters
    ----------
    new
        The epoch.
    valid
        Valid epochs that were available before it.
    before
        All epochs that were.
    pixel_m
        Size of a pixel [m].
    """
    if not valid:
        return None
    usual_wet, usual_whole = (np.median([getattr(one.image, name) for one in valid]) for name in ("share", "whole"))
    image = new.image
    if image.share > MOST_WATER * usual_wet:
        return (
            f"{image.share:.0%} of what was seen is river, usual are {usual_wet:.0%}; a flood, or water and land swapped in "
            "this mask?"
        )
    if image.whole < WHOLE_SHARE * usual_whole:
        return (
            f"the river is in pieces: {image.whole:.0%} of the water is connected, usual are {usual_whole:.0%}; "
            "stripes, clouds or a wrong threshold in this mask?"
        )
    return _same_image(new, before) or _misplaced(new, valid, pixel_m)


def _same_image(new: Known, before: Sequence[Known]) -> str | None:
    """Return which earlier image a mask repeats."""
    for old in before:
        shore = min(new.image.shore, old.image.shore)
        if abs(new.image.pixels - old.image.pixels) > SAME_SHARE * shore and not new.image.unseen_start.size:
            continue
        common = _compare(new.image, old.image)
        different = (1.0 - common) * (new.image.pixels + old.image.pixels)
        if shore > 0 and different <= SAME_SHARE * shore:
            return (
                f"its river is that of {old.scene} ({old.date:%Y-%m-%d}) to the pixel ({common:.2%} coincide): one image under "
                "two dates; take out the one whose date is wrong"
            )
    return None


def _misplaced(new: Known, valid: Sequence[Known], pixel_m: float) -> str | float | None:
    """Return how a mask lies against those nearest in time; where it lies on them, its :attr:`Known.explained`."""
    river = [old for old in valid if min(old.image.pixels, new.image.pixels) > 0]
    if not river:
        return None
    near = sorted(river, key=lambda old: abs(old.date - new.date))
    recent, others = near[:COMPARED], near[COMPARED:]
    old = max(recent, key=lambda old: _compare(new.image, old.image))
    common = _compare(new.image, old.image)
    if others:
        older = max(others, key=lambda old: _compare(new.image, old.image))
        like = _compare(new.image, older.image)
        if 1.0 - like < OLDER_SHARE * (1.0 - common) and like - common >= OLDER_LEAST:
            return (
                f"{like:.0%} of its river coincides with that of {older.scene} ({older.date:%Y-%m-%d}), and only {common:.0%} with "
                f"{old.scene} ({old.date:%Y-%m-%d}), which is nearest in time; an older image under a new date? check its date"
            )
    found = _register(new.image, old.image)
    lies = placement_words(found.placement, pixel_m)
    least = least_widths([one.explained for one in valid if one.explained is not None])
    if lies and found.widths >= least and found.placed >= LEAST_PLACED:
        return (
            f"its river lies {lies} against {old.scene} ({old.date:%Y-%m-%d}): put back, "
            f"{found.placed:.0%} of the two rivers coincide, as they are {common:.0%}; a misplaced image? check the position "
            "of both"
        )
    years = abs((new.date - old.date).days) / YEAR_DAYS
    chance = 0.5 * (new.image.share + old.image.share)
    remains = FAST_AGREEMENT * np.exp(-years / FAST_YEARS)
    if found.of_widths >= MIN_WIDTHS and (common - chance) / (1.0 - chance) < remains:
        return (
            f"{common:.0%} of its river coincides with that of {old.scene} ({old.date:%Y-%m-%d}), {years:.1f} years apart; at least "
            f"{chance + remains * (1.0 - chance):.0%} would be left of the fastest river; another river, or a misplaced image? "
            "check its position"
        )
    return found.widths


@lru_cache(maxsize=4096)
def _compare(new: RiverImage, old: RiverImage) -> float:
    return agreement(new, old)


@lru_cache(maxsize=1024)
def _register(new: RiverImage, old: RiverImage) -> Registration:
    return register(new, old)
