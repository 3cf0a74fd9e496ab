"""Which epochs of a reach are used: each is compared with the ones that were available before it.

A mask is left out where its river is in pieces or in flood, where it is the image of another date or of another river, and
where it is misplaced (shifted, turned, mirrored). Epochs that became available later have no part in a decision, so it
never changes. A mask that a person has accepted is left out only where it repeats another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.banks.as_of import grid_of
from erosion.banks.epochs.displaced import LEAST_RECORD, RECORD, Record, displaced, fits_displaced
from erosion.banks.epochs.placement_words import placement_words
from erosion.banks.epochs.registration import Registration, least_widths, register
from erosion.banks.epochs.river_image import RiverImage, agreement, common_river, river_image, seen_in_both
from erosion.banks.established import YEAR_DAYS
from erosion.config.region import Region
from erosion.config.scenes import SceneSource
from erosion.core.errors import Skipped
from erosion.core.raster.grid import Grid
from erosion.core.scheduler import threads_unless_cluster

WHOLE_SHARE: Final = 0.9
"""Share of the usual that a river must be connected, for its epoch to be valid."""

MOST_WATER: Final = 2.0
"""An epoch in which the river fills more than this many times its usual share shows no banks. On 31 years of the Mamoré, floods and
droughts among them, the share stays between 0.7 and 1.3 times the usual."""

COMMON_SHARE: Final = 0.5
"""Two masks are taken for one image only where both saw at least this share of the river of the one that shows less of it: a
short stretch may stand still for years."""

SAME_SHARE: Final = 0.02
"""Two masks that differ in no more pixels than this share of their shore are one image. Masks of two years of the quiet Athabasca
differ in at least 14 %, of the Mamoré in 68 %."""

SAME_SHORE: Final = 150.0
"""Shortest shore that both saw for two masks to be one image [pixels]. Windows of the Athabasca with 100 pixels are alike in some
pairs of years, with 150 in none of 12,000."""

COMPARED: Final = 3
"""Valid epochs nearest in time that a mask is compared with; the one it fits best decides, so that no single one of them that is
poor makes a good mask invalid."""

OLDER_SHARE: Final = 0.5
"""A mask is an older image when it differs from one of another time by less than this share of what it differs by from those
nearest in time (real masks: at least 0.86) ..."""

OLDER_LEAST: Final = 0.05
"""... and agrees better with it by at least this much. A river that stands still looks the same every year."""

OLDER_PART: Final = 0.25
"""Only an image that shows at least this share of the river can be recognised as the older one: of a few bends that another year shows,
one may have moved back by chance (2 % of the Mamoré: 83 % against 35 %)."""

LEAST_PLACED: Final = 0.3
"""Two rivers that agree by less than this when one is put back are not the same one, wherever it is put."""

FAST_AGREEMENT: Final = 0.4
FAST_YEARS: Final = 6.0
"""The fastest river agrees with itself, beyond chance, by more than the first, which falls to 1 / e of it in the second [years].
On stretches of 43 widths and more of the Mamoré and the Ucayali at Pucallpa it stays above by at least a seventh."""


MIN_WIDTHS: Final = 50.0
"""Shortest river, in channel widths, that can be distinguished from another one: a cutoff may take most of what a shorter one
shows. On 52 widths of the Mamoré a shift of 300 m is found in 80 % of cases, on 24 widths in 31 %."""


class Known(NamedTuple):
    """An epoch that was decided on.

    Attributes
    ----------
    date, scene, image
        Date, name and river of its mask.
    accepted
        Whether a person has found the mask right.
    lies
        How it lies against an earlier mask; None where it was compared with none.
    """

    date: pd.Timestamp
    scene: str
    image: RiverImage
    accepted: bool
    lies: Registration | None = None


def valid_epochs(region: Region, water: xr.Dataset) -> tuple[xr.Dataset, list[Skipped]]:
    """Return the epochs that can be true, and what was left out and why, in order of time.

    Stripes of a failed scan line corrector or unmasked cloud cut the river of a mask into pieces and would read as
    land gained and lost. An epoch is left out when less of its water is connected than 90 % of what is usual in the
    valid epochs before it. A flooded mask, one all of water or with water and land swapped is connected and would read
    as every bank lost: an epoch is left out, too, when more than twice the usual share of what it shows is river; flooded
    fields apart from the river do not count. Too little water leaves nothing out, or a first mask all of water would make
    every good one after it invalid.

    A mask is left out as well where it is the image of another date, where one displacement, rotation or mirroring of the
    whole explains more of what changed than a river does (:mod:`erosion.banks.epochs.registration`), where its banks show
    a displacement that is too small for that (:mod:`erosion.banks.epochs.displaced`), and where it shows less of the river
    than even a fast one would leave. Epochs that became available later have no part in it, so a decision never changes.

    An accepted epoch is left out only where it is the image of another date; to those after it, it is one like any other.

    Parameters
    ----------
    region
        A region of one reach.
    water
        A water product of it, with attribute ``pixel_m``.
    """
    images = _images(water)
    dates, available = pd.DatetimeIndex(water["epoch"].to_numpy()), water["available_at"].to_numpy()
    grid = grid_of(water)
    scenes, accepted = map(str, water["scene_id"].to_numpy()), map(bool, water["accepted"].to_numpy())
    known = [Known(*one) for one in zip(dates, scenes, images, accepted, strict=True)]
    valid: dict[int, Known] = {}
    moved: list[Known] = []
    reasons: dict[int, str] = {}
    order = np.lexsort((dates, available)).tolist()
    for at, i in enumerate(order):
        new, earlier = known[i], list(valid.values())
        found = None if new.accepted else _poor(new, earlier)
        repeated = None if found else _same_image(new, [known[k] for k in order[:at]])
        lies = None if new.accepted or found or repeated else _lies(new, earlier, grid.pixel_m)
        if isinstance(lies, str):
            found = lies
        elif lies is not None:
            found = _displaced(new, lies, earlier, moved, region, grid)
            moved += [] if found is None else [new]
        if repeated is not None:
            reasons[i] = repeated
        elif found is not None:
            reasons[i] = f"{found}{how_to_accept(region, water, i)}"
        else:
            valid[i] = new._replace(lies=lies)
    return water.isel(epoch=sorted(valid)), [Skipped(known[i].scene, reasons[i]) for i in sorted(reasons)]


def accepted_scenes(valid: xr.Dataset) -> list[str]:
    """Return the masks of a water product that a person has accepted, in order of time."""
    return [str(scene) for scene in valid["scene_id"].to_numpy()[valid["accepted"].to_numpy()]]


def how_to_accept(region: Region, water: xr.Dataset, i: int) -> str:
    """Return the end of a message that says how a person accepts an epoch; empty where it is no mask that somebody brought.

    Parameters
    ----------
    region, water
        See :func:`valid_epochs`.
    i
        Position of the epoch.
    """
    source = region.sources.get(str(water["source_id"].to_numpy()[i])) if "source_id" in water.coords else None
    if source is None or isinstance(source, SceneSource):
        return ""
    return f"; if the mask is right, name it under 'accepted_files' in {source.described_in.name}"


def newer_and_older(
    water: xr.Dataset, valid: xr.Dataset, left_out: Sequence[Skipped]
) -> tuple[list[Skipped], list[Skipped]]:
    """Return the epochs left out that are newer than the newest valid one, and the older ones.

    Parameters
    ----------
    water, valid, left_out
        What :func:`valid_epochs` was given and what it returned.
    """
    older = len(left_out) - int((water["epoch"] > valid["epoch"][-1]).sum())
    return list(left_out[older:]), list(left_out[:older])


def short_reach(valid: xr.Dataset) -> str | None:
    """Return that a reach is too short for a misplaced mask to be found; None where it is long enough.

    Parameters
    ----------
    valid
        Valid epochs of a reach; its length is that of the river in the newest one.
    """
    widths = river_image(valid["water_fraction"][-1].to_numpy()).widths
    if widths >= MIN_WIDTHS:
        return None
    return (
        f"the river in the newest mask is {widths:.0f} channel widths long; on fewer than {MIN_WIDTHS:g} a mask that is shifted by "
        "a few hundred metres may not be found, and its shift would be taken for erosion; give a longer reach, or compare the "
        "newest mask with an image of its date each time"
    )


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


def _poor(new: Known, valid: Sequence[Known]) -> str | None:
    """Return why the river of a mask shows no banks: a flood, or in pieces."""
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
    return None


def _same_image(new: Known, before: Sequence[Known]) -> str | None:
    """Return which earlier image a mask repeats."""
    for old in before:
        if _share_of_both(new.image, old.image) < COMMON_SHARE:
            continue
        common = _compare(new.image, old.image)
        different = (1.0 - common) * sum(common_river(new.image, old.image))
        # What both saw has no longer shore than what either saw; to cut both to it takes longer.
        if different > SAME_SHARE * min(new.image.shore, old.image.shore):
            continue
        shore = min(image.shore for image in seen_in_both(new.image, old.image))
        if shore >= SAME_SHORE and different <= SAME_SHARE * shore:
            return (
                f"its river is that of {old.scene} ({old.date:%Y-%m-%d}) to the pixel ({common:.2%} coincide): one image under "
                "two dates; take out the one whose date is wrong"
            )
    return None


def _older_image(new: Known, old: Known, others: Sequence[Known]) -> str | None:
    """Return which image of another time a mask is.

    Parameters
    ----------
    new
        The epoch.
    old
        The valid epoch near in time that it fits best.
    others
        Valid epochs that are farther in time.
    """
    for older in sorted(others, key=lambda one: _compare(new.image, one.image), reverse=True):
        # All three are compared where all of them saw: a part of the river that moves less agrees better.
        image = seen_in_both(seen_in_both(new.image, old.image)[0], older.image)[0]
        if image.pixels < COMMON_SHARE * min(one.image.pixels for one in (new, old, older)):
            continue
        if image.pixels < OLDER_PART * min(new.image.pixels, old.image.pixels):
            continue
        like, common = _compare(image, older.image), _compare(image, old.image)
        if 1.0 - like < OLDER_SHARE * (1.0 - common) and like - common >= OLDER_LEAST:
            return (
                f"{like:.0%} of its river coincides with that of {older.scene} ({older.date:%Y-%m-%d}), and only {common:.0%} with "
                f"{old.scene} ({old.date:%Y-%m-%d}), which is nearest in time; an older image under a new date? check its date"
            )
    return None


def _lies(new: Known, valid: Sequence[Known], pixel_m: float) -> str | Registration | None:
    """Return why a mask is misplaced or of another river; else how it lies on those nearest in time, None where it meets none.

    Parameters
    ----------
    new
        The epoch.
    valid
        Valid epochs that were available before it.
    pixel_m
        Size of a pixel [m].
    """
    if not valid:
        return None
    shares = [_share_of_both(new.image, old.image) for old in valid]
    least = min(max(shares), COMMON_SHARE)  # a mask that shows little in common decides only where no other one does
    if least == 0:
        return None
    near = [old for old, share in zip(valid, shares, strict=True) if share >= least]
    near.sort(key=lambda old: abs(old.date - new.date))
    recent, others = near[:COMPARED], near[COMPARED:]
    old = max(recent, key=lambda old: _compare(new.image, old.image))
    common = _compare(new.image, old.image)
    older = _older_image(new, old, others)
    if older is not None:
        return older
    found = _register(new.image, old.image)
    lies = placement_words(found.placement, pixel_m)
    must_explain = least_widths([one.lies.widths for one in valid if one.lies is not None])
    if lies and found.widths >= must_explain and found.placed >= LEAST_PLACED:
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
    return found


def _displaced(
    new: Known,
    lies: Registration,
    valid: Sequence[Known],
    displaced_before: Sequence[Known],
    region: Region,
    grid: Grid,
) -> str | None:
    """Return how the banks of a mask moved together; None where nothing shows that it is displaced.

    Of two masks in a row only the former is left out: the latter, made from an image of its own, confirms it. Else every mask
    after a year in which all bends moved alike would be left out.

    Parameters
    ----------
    new, lies
        The epoch, and how it lies on those nearest in time.
    valid
        Valid epochs that were available before it.
    displaced_before
        Epochs that were left out for this.
    region, grid
        The reach and the pixel grid of its masks.
    """
    before = sorted((one for one in valid if one.date < new.date), key=lambda one: one.date)[-RECORD:]
    if len(before) < LEAST_RECORD or not fits_displaced(lies):
        return None
    if any(before[-1].date < one.date < new.date for one in displaced_before):
        return None
    masks = [*before, new]
    return displaced(Record(region, grid, tuple(one.date for one in masks), tuple(one.image for one in masks)))


def _share_of_both(new: RiverImage, old: RiverImage) -> float:
    """Return how much both masks saw of the river of the one that shows less of it, 0 to 1."""
    return min(1.0, min(common_river(new, old)) / max(min(new.pixels, old.pixels), 1))


# A replay, a training and its evaluation judge the masks of a reach again for each of their dates; what two masks of the same
# content have in common is then known.
@lru_cache(maxsize=4096)
def _compare(new: RiverImage, old: RiverImage) -> float:
    return agreement(new, old)


@lru_cache(maxsize=1024)
def _register(new: RiverImage, old: RiverImage) -> Registration:
    return register(new, old)
