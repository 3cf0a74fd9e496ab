"""Displacement that all banks share between the two newest epochs: a sign of a misregistered image.

A river moves its banks, too, but not all of them, and those that move do so every year. Each segment's change is therefore
judged by its own record: what it usually does is subtracted, and how much that varies is its scale. A loss that is
bounded (Geman and McClure 1985) lets every segment count at most once, so a few bends that moved far have no more weight
than as many segments that stood still. A displacement is reported only where it removes the misfit of so much bank that
the migration of single bends does not.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import xarray as xr

from erosion.banks.established import YEAR_DAYS
from erosion.banks.segments import Baseline
from erosion.core.arrays import MAD_TO_SIGMA, FloatArray
from erosion.core.contracts import FLAGS

MIN_SHIFT_PIXELS: Final = 0.5
"""Smallest shared displacement that is reported [pixels]; between real masks of the whole Mamoré it stays below 0.4."""

MIN_SEGMENTS: Final = 50
"""Segments whose misfit a displacement must remove. No real pair of masks of the Mamoré or the Athabasca exceeds 49, on
reaches of 5 km to 230 km; docs/measuring.md has the table."""

MIN_WIDTHS: Final = 14.0
"""The same as a length of bank in channel widths: bends of a wide river are longer, and neighbours on them move together."""

MIN_CHANGES: Final = 4
"""Earlier changes from which a segment's usual change and its scale are taken; with fewer it is expected to stand still."""

_FLOOR_PIXELS: Final = 0.25
"""Smallest scale of a segment [pixels]: the position of a bank in a mask of whole pixels is no better."""

_TREND_SHARE: Final = 0.5
"""Share of a segment's usual change that is added to its scale: a bend that moves seldom does so evenly."""

STRAIGHT: Final = 0.95
"""Mean resultant length of the landward directions of the left bank from which a reach is straight (within some 18 degrees)."""

ONE_SIDED: Final = 0.5
"""On a straight reach a bank that erodes all along looks like a displacement and a widening of the same size. There a displacement is
reported only where the widening beside it is less than this share of it."""

_SEARCH_PIXELS: Final = 4.0
_STEP_PIXELS: Final = 0.5
"""Displacements that are tried [pixels]: up to the first in every direction, by the second; then around the best by half."""


class CommonShift(NamedTuple):
    """Displacement of both banks since the epoch before.

    Attributes
    ----------
    east_m, north_m
        The displacement [m].
    segments
        Number of segments whose misfit it removes.
    bank_m
        Their length [m].
    """

    east_m: float
    north_m: float
    segments: float
    bank_m: float


def common_shift(banks: xr.Dataset, baseline: Baseline) -> CommonShift | None:
    """Displacement that explains most of the last change of both banks; None where there is nothing to judge.

    Each segment's change of position, less its usual change, is modelled as the component of one displacement along its
    landward direction plus one constant for the change of stage, which widens or narrows the river everywhere. The loss
    of a residual ``r`` of a segment of scale ``s`` is ``r**2 / (r**2 + s**2)``, between 0 and 1.

    Parameters
    ----------
    banks
        Bank measurements, dims (segment_id, epoch), with ``offset_m`` [m] and ``flags``.
    baseline
        Segments with their landward directions; the same order as ``banks``.

    Returns
    -------
    CommonShift or None
        None with a single epoch, or where no segment of the left or right bank was observed well enough. Of
        displacements that differ by less than one segment the smallest: along a straight river nothing is known. None across
        it either where the river widened by as much (:data:`ONE_SIDED`).
    """
    if banks.sizes["epoch"] < 2:
        return None
    offset = banks["offset_m"].transpose("segment_id", "epoch").to_numpy()
    flags = banks["flags"].transpose("segment_id", "epoch").to_numpy()[:, 1:]
    years = np.diff(banks["epoch"].to_numpy()) / np.timedelta64(1, "D") / YEAR_DAYS
    unusable = (flags & (FLAGS["low_coverage"] | FLAGS["channel_moved"])) > 0
    use = baseline.segments["bank"].isin(["L", "R"]).to_numpy() & ~unusable[:, -1]
    if not use.any():
        return None
    change = np.where(unusable, np.nan, np.diff(offset, axis=1))[use]
    pixel = baseline.grid.pixel_m
    surprise, scale = _surprise(change, years, _FLOOR_PIXELS * pixel)
    angle = np.deg2rad(baseline.segments["landward_deg"].to_numpy()[use])
    landward = np.column_stack([np.sin(angle), np.cos(angle)])

    shifts = pixel * _disc(_SEARCH_PIXELS, _STEP_PIXELS)
    losses = _losses(surprise, scale, landward, shifts)
    around = shifts[_best(shifts, losses)] + pixel * _disc(_STEP_PIXELS, _STEP_PIXELS / 2)
    shifts = np.concatenate([shifts, around])
    losses = np.concatenate([losses, _losses(surprise, scale, landward, around)])
    best = _best(shifts, losses)
    left = (baseline.segments["bank"] == "L").to_numpy()[use]
    widening = float(np.median(surprise - shifts[best] @ landward.T))
    if _is_straight(landward, left) and abs(widening) > ONE_SIDED * np.hypot(*shifts[best]):
        best = 0  # one bank that moved all along a straight reach: no displacement
    removed = 1.0 - losses[best] / losses[0] if losses[0] > 0 else 0.0
    length = baseline.segments["length_m"].to_numpy()[use]
    east, north = shifts[best].tolist()
    return CommonShift(east, north, float(removed * use.sum()), float(removed * length.sum()))


def questioned(banks: xr.Dataset, baseline: Baseline) -> str | None:
    """Return why the newest epoch is taken for displaced: both banks moved alike; None where nothing shows it.

    Parameters
    ----------
    banks, baseline
        See :func:`common_shift`.
    """
    shift = common_shift(banks, baseline)
    if shift is None or np.hypot(shift.east_m, shift.north_m) <= MIN_SHIFT_PIXELS * baseline.grid.pixel_m:
        return None
    if shift.segments < MIN_SEGMENTS or shift.bank_m < MIN_WIDTHS * float(baseline.segments["width_m"].median()):
        return None
    return (
        f"most of both banks moved alike, by {abs(shift.east_m):.0f} m {'east' if shift.east_m > 0 else 'west'} and "
        f"{abs(shift.north_m):.0f} m {'north' if shift.north_m > 0 else 'south'} since {str(banks['epoch'].to_numpy()[-2])[:10]}; a "
        "misplaced image? check the position of both"
    )


def _surprise(change: FloatArray, years: FloatArray, floor_m: float) -> tuple[FloatArray, FloatArray]:
    """Return the last change less the usual one, and its scale [m], shape (n_segments,) each.

    Parameters
    ----------
    change
        Change of position from epoch to epoch [m], NaN where not observed, shape (n_segments, n_epochs - 1).
    years
        Time between the epochs [years], shape (n_epochs - 1,).
    floor_m
        Smallest scale [m].
    """
    earlier, newest = change[:, :-1], change[:, -1]
    usual, spread = np.zeros(len(change)), np.zeros(len(change))
    enough = np.isfinite(earlier).sum(axis=1) >= MIN_CHANGES
    if enough.any():
        rate = np.nanmedian(earlier[enough] / years[:-1], axis=1)
        usual[enough] = rate * years[-1]
        apart = np.abs(earlier[enough] - rate[:, None] * years[:-1])
        spread[enough] = MAD_TO_SIGMA * np.nanmedian(apart, axis=1)
    return newest - usual, np.sqrt(spread**2 + (_TREND_SHARE * usual) ** 2 + floor_m**2)


def _is_straight(landward: FloatArray, left: np.ndarray) -> bool:
    """Return whether the directions of one bank, unit vectors of shape (n, 2), say nothing of where a change comes from."""
    one = landward[left] if left.any() else landward
    return bool(np.hypot(*one.mean(axis=0)) >= STRAIGHT)


def _disc(radius: float, step: float) -> FloatArray:
    """Return the points of a square grid within a radius, nearest to the centre first, shape (n, 2)."""
    side = np.arange(-radius, radius + step / 2, step)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    distance = np.hypot(*points.T)
    order = np.argsort(distance, kind="stable")
    return points[order][distance[order] <= radius + step / 4]


def _best(shifts: FloatArray, losses: FloatArray) -> int:
    """Return the position of the smallest displacement whose loss is within one segment of the least."""
    near = np.flatnonzero(losses <= losses.min() + 1.0)
    return int(near[np.hypot(*shifts[near].T).argmin()])


def _losses(surprise: FloatArray, scale: FloatArray, landward: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return the loss of each displacement, summed over the segments, shape (n_shifts,)."""
    residual = surprise - shifts @ landward.T
    square = (residual - np.median(residual, axis=1, keepdims=True)) ** 2
    losses: FloatArray = (square / (square + scale**2)).sum(axis=1)
    return losses
