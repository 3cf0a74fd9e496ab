"""Displacement that all banks share between the two newest epochs: a sign of a misregistered image."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import xarray as xr
from scipy.optimize import least_squares

from erosion.banks.segments import Baseline

MAX_SHIFT_PIXELS: Final = 0.5
"""Largest shared displacement that real banks are taken to have, in pixels. Between the yearly masks of the Mamoré, a river that
erodes tens of metres a year, the fit stays below 0.45 pixels but for one scene of November among those of June to August; on the
quiet Athabasca below 0.1."""

MIN_SEGMENTS: Final = 2000
"""With so many segments (some 100 km of river) the real retreat of many bends averages out. On a short reach, a river that migrates sideways as a whole
cannot be told from a displaced image, and nothing is questioned."""

_SCALE_M: Final = 5.0
"""Residual [m] from which a segment counts less: banks that really move must not decide the fit."""


class CommonShift(NamedTuple):
    """Displacement of both banks since the epoch before."""

    east_m: float
    north_m: float


def common_shift(banks: xr.Dataset, baseline: Baseline) -> CommonShift | None:
    """Displacement that explains most of the last change of both banks; None where undetermined.

    Each segment's change of position is modelled as the component of one displacement along its landward direction
    plus one constant for the change of stage, which widens or narrows the river everywhere. The fit is robust
    (soft L1 loss), so that a few banks with real retreat do not decide it.

    Parameters
    ----------
    banks
        Bank measurements, dims (segment_id, epoch), with ``offset_m`` [m].
    baseline
        Segments with their landward directions; the same order as ``banks``.

    Returns
    -------
    CommonShift or None
        None with a single epoch, or fewer than 2000 observed segments.
    """
    if banks.sizes["epoch"] < 2:
        return None
    offset = banks["offset_m"].transpose("segment_id", "epoch").to_numpy()
    change = offset[:, -1] - offset[:, -2]
    bank = baseline.segments["bank"].to_numpy()
    use = np.isfinite(change) & np.isin(bank, ["L", "R"])
    change = change[use]
    if change.size < MIN_SEGMENTS:
        return None
    angle = np.deg2rad(baseline.segments["landward_deg"].to_numpy()[use])
    design = np.column_stack([np.sin(angle), np.cos(angle), np.ones(angle.size)])
    east, north, _ = least_squares(lambda x: change - design @ x, np.zeros(3), loss="soft_l1", f_scale=_SCALE_M).x
    return CommonShift(float(east), float(north))


def questioned(banks: xr.Dataset, baseline: Baseline, pixel_m: float) -> str | None:
    """Reason to question the newest epoch because both banks moved alike; None where there is none.

    Parameters
    ----------
    pixel_m
        Pixel size of the water product [m].
    """
    shift = common_shift(banks, baseline)
    if shift is None or np.hypot(shift.east_m, shift.north_m) <= MAX_SHIFT_PIXELS * pixel_m:
        return None
    return (
        f"the observation of {baseline.version} is questioned: most of both banks moved alike, by "
        f"{abs(shift.east_m):.0f} m {'east' if shift.east_m > 0 else 'west'} and {abs(shift.north_m):.0f} m "
        f"{'north' if shift.north_m > 0 else 'south'} since the one before; its image is probably misregistered, and "
        "retreat along whole banks may not be real; check its position"
    )
