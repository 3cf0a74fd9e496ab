"""Co-registration: displacement of a scene against the reference, and the scene moved back.

A displaced image gains water along banks that face one way and loses it along those that face the other. For a stretch
of edge with ``G = sum of the gradient of the reference`` (length times direction) and ``A = sum of (scene - reference)``

    A = -G . shift + |G| * widening

to first order, whatever the blur of either image, since both are sums across the whole edge. Widening (a higher stage, another
sensor's view of a wet bank) is separated from shift because it moves both banks outwards. Real erosion
or a new bar moves some stretches and not the others; those are left out by a robust fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from erosion.core.arrays import MAD_TO_SIGMA, BoolArray, FloatArray
from erosion.core.raster.block_array import BlockArray, Raster
from erosion.core.raster.windows import Window, padded, spread

STRETCH_PX = 16
"""Side of the blocks that cut the edge into stretches [pixel]."""

FACINGS = 8
"""Directions an edge may face; the two banks of a narrow arm that share a block are two stretches."""

MIN_EDGE_PX = 5.0
"""Shorter stretches are left out [pixel]."""

MIN_OBSERVED = 0.95
"""Share of a stretch that must be observed in both images."""

MIN_STRETCHES = 12
"""Fewer do not make a fit."""

MAX_BARE = 0.5
"""A stretch with more bare land beside it is taken for a bar."""

MIN_STEEP = 0.15
"""Where fewer of the stretches are not bare, bare ones are used too."""

WIDENING_PX = 0.3
"""Widening that is expected before anything is measured [pixel]: cut banks hardly widen with the stage."""

INDEPENDENT = 8.0
"""Stretches that err independently; the others go with their neighbours."""

STRETCH_ERROR_PX = 0.08
"""Standard error of the displacement of a stretch when nothing has changed, the least that is assumed [pixel]."""

BACK_PX, FORWARD_PX = 0.25, 0.5
"""A stretch that has gone farther back, or come farther forward, than this against the fit has moved by itself [pixel]."""

BISQUARE = 3.0
"""Cut-off of Tukey's biweight in standard errors, tighter than the usual 4.685, since what errs mostly errs to one side."""

BACK_SHARE = 0.6
"""The same for banks that have gone back, as a share."""

TRIALS = 300
"""Fits on three stretches each from which the robust fit starts."""

ITERATIONS = 3
"""Times the scene is moved by what was found and measured again."""


@dataclass(frozen=True)
class Shift:
    """Displacement of a scene against the reference.

    Attributes
    ----------
    columns, rows
        How far the scene's content lies to the right of and below the reference's [pixel].
    widening
        Mean outward movement of all banks [pixel], e.g. from a higher stage.
    stretches
        Number of stretches compared.
    agreeing
        Share of the stretches that agree with the fit.
    spread
        Standard error of one agreeing stretch [pixel].
    error
        Standard error of the shift, its worse direction [pixel].
    """

    columns: float
    rows: float
    widening: float
    stretches: int
    agreeing: float
    spread: float
    error: float


@dataclass(frozen=True)
class Stretches:
    """Pieces of the reference's edge.

    Attributes
    ----------
    normal
        Unit vectors (column, row) from land to water, shape (n, 2).
    length
        Length [pixel], shape (n,).
    moved
        Mean movement of the edge in the scene towards land [pixel], shape (n,).
    bare
        Share of the land beside it that is bare, shape (n,).
    """

    normal: FloatArray
    length: FloatArray
    moved: FloatArray
    bare: FloatArray

    def steep(self) -> Stretches:
        """Return only those that are no sand bar, unless these are too few."""
        keep = self.bare < MAX_BARE
        if keep.all() or keep.sum() < max(MIN_STRETCHES, MIN_STEEP * keep.size):
            return self
        return Stretches(self.normal[keep], self.length[keep], self.moved[keep], self.bare[keep])


def measure_shift(
    share: Raster[np.float32],
    reference: Raster[np.float32],
    windows: Sequence[Window],
    *,
    max_shift: float,
    expected: float = 0.5,
    bare: Raster[np.bool_] | None = None,
) -> Shift | None:
    """Return the displacement of a scene against the reference.

    Parameters
    ----------
    share, reference
        Water share 0 to 1, NaN where not usable, shape (rows, columns).
    windows
        Windows that are used.
    max_shift
        Largest displacement that matters [pixel]; far larger ones come out too small, but larger than this.
    expected
        Standard error of the scene's position along each axis before anything is measured [pixel].
    bare
        Land without plants, or None where the sensor does not measure it. Bars are bare, and their waterline follows the
        stage; on bends they all face one way, which would be taken for a shift.

    Returns
    -------
    Shift or None
        None where too few stretches of edge are observed in both.
    """
    band = int(np.ceil(max_shift)) + 4

    def stretches_at(columns: float, rows: float) -> Stretches:
        return find_stretches(share, reference, windows, band=band, columns=columns, rows=rows, bare=bare).steep()

    first = stretches_at(0.0, 0.0)
    if first.moved.size < MIN_STRETCHES:
        return None
    # A scene far off is beyond the reach of a fit that leaves out what does not agree: it is also tried from where the
    # plain mean of all stretches, taken back three times, puts it.
    plain, stretches = np.zeros(2), first
    for _ in range(ITERATIONS):
        plain = plain + np.linalg.lstsq(_design(stretches), stretches.moved, rcond=None)[0][:2]
        if np.hypot(*plain) < 1:
            break
        stretches = stretches_at(*plain)
        if stretches.moved.size < MIN_STRETCHES:
            break
    starts = [np.zeros(2), plain] if np.hypot(*plain) > 1 else [np.zeros(2)]
    found: Shift | None = None
    best = np.inf
    for start in starts:
        columns, rows = (float(v) for v in start)
        for _ in range(ITERATIONS):
            stretches = stretches_at(columns, rows) if columns or rows else first
            if stretches.moved.size < MIN_STRETCHES:
                break
            fit = _fit(stretches, (columns, rows), expected, max_shift)
            columns, rows = columns + fit.step[0], rows + fit.step[1]
            if np.hypot(*fit.step) < 0.01:
                break
        if stretches.moved.size >= MIN_STRETCHES and fit.cost < best:
            best = fit.cost
            found = Shift(columns, rows, fit.widening, stretches.moved.size, fit.agreeing, fit.spread, fit.error)
    return found


def _design(stretches: Stretches) -> FloatArray:
    return np.column_stack([-stretches.normal, np.ones(len(stretches.normal))])


def find_stretches(
    share: Raster[np.float32],
    reference: Raster[np.float32],
    windows: Sequence[Window],
    *,
    band: int,
    columns: float = 0.0,
    rows: float = 0.0,
    bare: Raster[np.bool_] | None = None,
) -> Stretches:
    """Return the stretches of the reference's edge, each with the displacement of the scene's edge.

    Parameters
    ----------
    share, reference
        See :func:`measure_shift`.
    windows
        Windows that are used.
    band
        Half width of the band around the edge over which water is summed [pixel].
    columns, rows
        Displacement of the scene to take back first [pixel].
    bare
        See :func:`measure_shift`.
    """
    parts = []
    rim = band + 8
    for window in windows:
        outer, inner = padded(window, rim, share.shape)
        part = _window_stretches(share, reference, outer, inner, band, columns, rows, bare)
        if part is not None:
            parts.append(part)
    if not parts:
        return Stretches(np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0))
    gradient, gained, bareness = (np.concatenate(column) for column in zip(*parts, strict=True))
    length = np.hypot(*gradient.T)
    return Stretches(gradient / length[:, None], length, gained / length, bareness)


def _window_stretches(
    share: Raster[np.float32],
    reference: Raster[np.float32],
    outer: Window,
    inner: Window,
    band: int,
    columns: float,
    rows: float,
    bare: Raster[np.bool_] | None,
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    known = reference[outer]
    observed = np.isfinite(known)
    water = observed & (known >= 0.5)
    edge = spread(water, 1) & spread(observed & ~water, 1)
    if not edge[inner].any():
        return None
    near = spread(edge, band)
    filled = np.where(observed, known, np.float32(0.5))
    # Which way a pixel's bank faces: downhill of the blurred reference, smooth as far as the band is wide.
    face_r, face_c = np.gradient(gaussian_filter(filled, 0.5 * band, mode="nearest"))
    grad_r, grad_c = np.gradient(filled)
    gained = resample(share[outer], columns, rows) - known
    both = np.isfinite(gained)

    inside = np.zeros(near.shape, bool)
    inside[inner] = near[inner]
    at = np.flatnonzero(inside)
    facing = np.floor((np.arctan2(face_r.ravel()[at], face_c.ravel()[at]) / (2 * np.pi) + 0.5) * FACINGS).astype(int)
    row, column = np.divmod(at, near.shape[1])
    across = -(-near.shape[1] // STRETCH_PX)
    group = ((row // STRETCH_PX) * across + column // STRETCH_PX) * FACINGS + facing % FACINGS
    _, group = np.unique(group, return_inverse=True)
    good = both.ravel()[at]
    count = np.bincount(group)

    def total(values: NDArray[np.floating] | BoolArray) -> FloatArray:
        sums: FloatArray = np.bincount(
            group, weights=np.where(good, values.ravel()[at], 0.0), minlength=count.size
        ).astype(np.float64)
        return sums

    gradient = np.column_stack([total(grad_c), total(grad_r)])
    keep = (np.hypot(*gradient.T) >= MIN_EDGE_PX) & (np.bincount(group, weights=good) >= MIN_OBSERVED * count)
    if bare is None:
        bareness = np.zeros(count.size)
    else:
        land = observed & ~spread(water, 2)
        bareness = total(land & bare[outer]) / np.maximum(total(land), 1.0)
    return gradient[keep], total(np.nan_to_num(gained))[keep], bareness[keep]


class _Fit(NamedTuple):
    """One fit: a step on from where the scene was moved to, and how good that is."""

    step: tuple[float, float]
    widening: float
    agreeing: float
    spread: float
    error: float
    cost: float


def _fit(stretches: Stretches, so_far: tuple[float, float], expected: float, max_shift: float) -> _Fit:
    """Return a further shift and the widening, fitted to the largest group of stretches that agree.

    Fits on three stretches at a time are scored by the squared residuals, none larger than that of a stretch that has
    moved by itself (Torr and Zisserman 2000, MSAC); the best one is refined with Tukey's biweight. Both are one-sided:
    a bank that has gone farther back than the others is more likely eroded than one that has come forward is new, and
    the eroding banks of a river's bends face downstream, which would be taken for a shift in that direction.
    """
    design, moved = _design(stretches), stretches.moved
    length = np.minimum(stretches.length, 2 * STRETCH_PX)
    length = length / length.mean()
    before = np.array([*so_far, 0.0])

    def cost(tries: FloatArray) -> FloatArray:
        residual = moved[:, None] - design @ tries.T
        limit = np.where(residual > 0, BACK_PX, FORWARD_PX)
        total = tries + before
        far = np.minimum(0.3 * (np.hypot(total[:, 0], total[:, 1]) / max_shift) ** 2, 0.5)
        misfit: FloatArray = (length[:, None] * np.minimum((residual / limit) ** 2, 1)).mean(axis=0)
        return misfit + far + 0.02 * (total[:, 2] / WIDENING_PX) ** 2

    rng = np.random.default_rng(0)  # the same trials for the same scene, night after night
    pick = rng.integers(0, moved.size, (TRIALS, 3))
    some, values = design[pick], moved[pick]
    normal = np.einsum("tki,tkj->tij", some, some) + 0.01 * np.eye(3)
    tries = np.linalg.solve(normal, np.einsum("tki,tk->ti", some, values)[..., None])[..., 0]
    tries = np.vstack([np.zeros(3), tries])
    solution = tries[cost(tries).argmin()]
    # Where most stretches agree on a displacement beyond what was expected, the expectation was wrong.
    expected = max(expected, 0.5 * float(np.hypot(*(solution + before)[:2])))
    prior = np.diag([expected**-2.0, expected**-2.0, WIDENING_PX**-2.0])

    for _ in range(30):
        residual = moved - design @ solution
        close = (residual < BACK_PX) & (residual > -FORWARD_PX)
        error = MAD_TO_SIGMA * float(np.median(np.abs(residual[close]))) if close.any() else FORWARD_PX
        error = max(error, STRETCH_ERROR_PX)
        cut = BISQUARE * error * np.where(residual > 0, BACK_SHARE, 1.0)
        weight = np.clip(1 - (residual / cut) ** 2, 0, None) ** 2 * length
        # Neighbouring stretches err together, so however many there are they weigh against the expectation as a few do.
        penalty = error**2 * prior * max(1.0, float(weight.sum()) / INDEPENDENT)
        left = design.T @ (weight[:, None] * design) + penalty
        updated = np.linalg.solve(left, design.T @ (weight * moved) - penalty @ before)
        done = np.abs(updated - solution).max() < 1e-4
        solution = updated
        if done:
            break
    uncertainty = np.linalg.inv(left) * error**2 * max(1.0, float(weight.sum()) / INDEPENDENT)
    return _Fit(
        step=(float(solution[0]), float(solution[1])),
        widening=float(solution[2]),
        agreeing=float((np.abs(moved - design @ solution) < BISQUARE * error).mean()),
        spread=error,
        error=float(np.sqrt(np.linalg.eigvalsh(uncertainty[:2, :2])[-1])),
        cost=float(cost(solution[None])[0]),
    )


def resample(values: NDArray[np.float32], columns: float, rows: float) -> NDArray[np.float32]:
    """Values moved left by ``columns`` and up by ``rows`` pixels: out(r, c) = values(r + rows, c + columns).

    Cubic convolution (Keys 1981, a = -1/2), which keeps the place of an edge; NaN, and what comes in over the rim,
    makes NaN wherever it has weight.
    """
    for axis, distance in ((0, rows), (1, columns)):
        values = _resample_axis(values, distance, axis)
    return values


def _resample_axis(values: NDArray[np.float32], distance: float, axis: int) -> NDArray[np.float32]:
    whole = int(np.floor(distance))
    t = distance - whole
    if t < 1e-3 or t > 1 - 1e-3:
        taps = {int(np.rint(distance)): 1.0}
    else:
        taps = {
            whole - 1: -0.5 * t + t**2 - 0.5 * t**3,
            whole: 1 - 2.5 * t**2 + 1.5 * t**3,
            whole + 1: 0.5 * t + 2 * t**2 - 1.5 * t**3,
            whole + 2: -0.5 * t**2 + 0.5 * t**3,
        }
    if taps == {0: 1.0}:
        return values
    length = values.shape[axis]
    reach = max(abs(step) for step in taps)
    rim = [(reach, reach) if i == axis else (0, 0) for i in (0, 1)]
    wide = np.pad(values, rim, constant_values=np.nan)
    moved = np.zeros_like(values)
    for step, weight in taps.items():
        part = slice(reach + step, reach + step + length)
        moved += np.float32(weight) * (wide[part] if axis == 0 else wide[:, part])
    return moved


def move_back(share: Raster[np.float32], shift: Shift, windows: Sequence[Window]) -> BlockArray[np.float32]:
    """Return a scene resampled onto the reference: :func:`resample` window by window, kept within 0 to 1."""
    moved = BlockArray(share.shape, windows, np.float32, np.nan)
    rim = int(np.ceil(max(abs(shift.columns), abs(shift.rows)))) + 3
    for window in windows:
        outer, inner = padded(window, rim, share.shape)
        moved[window] = np.clip(resample(share[outer], shift.columns, shift.rows)[inner], 0, 1)
    return moved


def as_share(percent: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Share 0 to 1 from percent, NaN for unobserved pixels."""
    share = percent.astype(np.float32)
    share /= 100
    share[percent > 100] = np.nan
    return share
