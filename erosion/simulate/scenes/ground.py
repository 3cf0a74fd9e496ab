"""What covers the ground beside a simulated river, and how bright it is in each band.

Reflectances and backscatter are round numbers of the size that the literature gives for the lower Mekong and for rice
land; the turbid river is brighter in red and near infrared than clear water, which is what makes its index small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.core.raster.grid import Grid
from erosion.simulate.river.law import BAR_SLOPE, CUT_SLOPE
from erosion.simulate.river.river import River
from erosion.simulate.texture import lattice, over_ground, ramp

BANDS: Final = ("blue", "green", "red", "nir", "swir16", "swir22")

#: Cover -> surface reflectance [1] in the order of BANDS.
REFLECTANCE: Final[dict[str, tuple[float, ...]]] = {
    "water_dry": (0.060, 0.085, 0.070, 0.032, 0.012, 0.008),
    "water_flood": (0.075, 0.115, 0.140, 0.080, 0.020, 0.012),
    "sand": (0.14, 0.19, 0.24, 0.30, 0.37, 0.32),
    "wet_sand": (0.08, 0.11, 0.14, 0.17, 0.15, 0.11),
    "bank": (0.07, 0.10, 0.13, 0.19, 0.24, 0.19),
    "trees": (0.025, 0.05, 0.035, 0.31, 0.16, 0.075),
    "houses": (0.13, 0.15, 0.17, 0.23, 0.25, 0.21),
    "wet_field": (0.055, 0.08, 0.075, 0.10, 0.055, 0.035),
    "rice": (0.03, 0.065, 0.04, 0.37, 0.17, 0.08),
    "ripe": (0.06, 0.10, 0.11, 0.28, 0.25, 0.15),
    "fallow": (0.08, 0.11, 0.13, 0.21, 0.29, 0.23),
    "hyacinth": (0.035, 0.075, 0.05, 0.36, 0.16, 0.07),
    "ship": (0.22, 0.23, 0.24, 0.25, 0.24, 0.22),
}

#: Cover -> gamma0 of vv and vh [dB]; water is added by wind.
BACKSCATTER_DB: Final[dict[str, tuple[float, float]]] = {
    "sand": (-15.0, -24.0),
    "wet_sand": (-14.0, -24.0),
    "bank": (-10.0, -18.0),
    "trees": (-8.0, -13.5),
    "houses": (-3.0, -11.0),
    "wet_field": (-19.0, -26.0),
    "rice": (-10.0, -16.5),
    "ripe": (-9.5, -16.0),
    "fallow": (-11.0, -19.0),
    "hyacinth": (-10.0, -17.0),
    "ship": (3.0, -6.0),
}

_BANK_M: Final = 5.0  # width of the bare face of a cut bank seen from above
_LEVEE_M: Final = 120.0  # houses and gardens along the bank
_BAR_RISE_M: Final = 3.0  # what the flood covers each year is bare sand
_PARCEL_M: Final = (140.0, 55.0)

Covers = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Ground:
    """What does not change from picture to picture, on one grid, each of shape (rows, cols), 0 to 1."""

    river: River
    grid: Grid
    houses: NDArray[np.float32]
    crop_phase: NDArray[np.float32]
    texture: NDArray[np.float32]

    @classmethod
    def of(cls, river: River, grid: Grid) -> Self:
        """Return houses, fields and texture of a river; they are fixed to the ground, not to the grid."""
        x, y = grid.x[None, :], grid.y[:, None]
        turn = 0.5  # fields run neither with the grid nor with the river
        u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        i, j = np.floor(u / _PARCEL_M[0]).astype(np.int64), np.floor(v / _PARCEL_M[1]).astype(np.int64)
        # A village plants together, each field some days off.
        phase = over_ground(x, y, 1200.0, river.seed + 21) * 1.5 + 0.35 * lattice(i, j, river.seed + 22)
        return cls(
            river,
            grid,
            houses=ramp(over_ground(x, y, 60.0, river.seed + 23), 0.5, 0.75),
            crop_phase=np.asarray(phase % 1.0, dtype=np.float32),
            texture=0.6 * over_ground(x, y, 25.0, river.seed + 24) + 0.4 * lattice(i, j, river.seed + 25),
        )

    def covers(
        self, time: pd.Timestamp, stage_m: float, shift_m: tuple[float, float]
    ) -> tuple[Covers, NDArray[np.float32]]:
        """Share of each cover in the dry part of each pixel (they sum to 1), and the texture -0.5 to 0.5.

        Parameters
        ----------
        time, stage_m, shift_m
            As in :meth:`erosion.simulate.river.river.River.water_share`.
        """
        river, grid = self.river, self.grid
        place = river.position(grid)
        s, n = place.moved(-shift_m[0], -shift_m[1])
        behind = -river.distance(time, s, n)
        slope = np.where(n > 0, river.line.at(river.slope[0], s), river.line.at(river.slope[1], s))
        # The shores of an island are steep all round.
        left, right = river.offsets(time)
        inland = (n > river.line.at(left, s)) | (n < -river.line.at(right, s))
        slope = np.where(inland, slope, np.float32(CUT_SLOPE))
        bar = (slope - CUT_SLOPE) / (BAR_SLOPE - CUT_SLOPE)
        sand = ramp(bar, 0.1, 0.4) * (1.0 - ramp(behind - _BAR_RISE_M * slope, -10.0, 10.0))
        wet = sand * (1.0 - ramp(behind - slope * (stage_m + 0.3), -5.0, 5.0))
        half = 0.5 * grid.pixel_m
        near, far = np.maximum(behind - half, 0.0), np.maximum(behind + half, 1.0)
        bank = np.clip((_BANK_M - near) / (far - near), 0.0, 1.0) * (1.0 - sand)
        houses, phase, texture = (moved_picture(part, shift_m, grid.pixel_m) for part in self._parts(time))
        rest = 1.0 - sand - bank
        levee = rest * (1.0 - ramp(behind, _LEVEE_M - 15.0, _LEVEE_M + 15.0))
        fields = rest - levee
        flooded = (phase < 0.12).astype(np.float32)
        grown = ramp(phase, 0.12, 0.32) * (1.0 - ramp(phase, 0.7, 0.8))
        ripe = ramp(phase, 0.7, 0.8) * (1.0 - ramp(phase, 0.86, 0.92))
        fallow = np.maximum(1.0 - flooded - grown - ripe, 0.0)
        covers = {
            "sand": sand - wet,
            "wet_sand": wet,
            "bank": bank,
            "trees": levee * (1.0 - houses),
            "houses": levee * houses,
            "wet_field": fields * flooded,
            "rice": fields * grown,
            "ripe": fields * ripe,
            "fallow": fields * fallow,
        }
        return covers, texture - 0.5

    def _parts(self, time: pd.Timestamp) -> tuple[NDArray[np.float32], ...]:
        # Three crops in a year.
        phase = (self.crop_phase + np.float32(time.day_of_year / 365.25 * 3.0)) % 1.0
        return self.houses, phase, self.texture


@lru_cache(maxsize=4)
def ground_of(river: River, grid: Grid) -> Ground:
    """The ground of a river on a grid, laid out once."""
    return Ground.of(river, grid)


def moved_picture(picture: NDArray[np.float32], shift_m: tuple[float, float], pixel_m: float) -> NDArray[np.float32]:
    """Return a picture shifted east and north by some metres, linear between pixels, the rim repeated."""
    right, down = shift_m[0] / pixel_m, -shift_m[1] / pixel_m
    for axis, move in ((1, right), (0, down)):
        whole = int(np.floor(move))
        part = np.float32(move - whole)
        size = picture.shape[axis]
        index = np.arange(size) - whole
        low = np.take(picture, np.clip(index, 0, size - 1), axis=axis)
        if part:
            low += part * (np.take(picture, np.clip(index - 1, 0, size - 1), axis=axis) - low)
        picture = low
    return picture


def drifting(
    river: River, grid: Grid, time: pd.Timestamp, rng: np.random.Generator, shift_m: tuple[float, float]
) -> Covers:
    """Ships, and now and then rafts of water hyacinth: share of each pixel, on the water only."""
    found: Covers = {}
    ships = [(12.0, 45.0)] * int(rng.poisson(0.4 * river.line.length_m / 1000.0))
    rafts = [(float(rng.uniform(8, 25)), float(rng.uniform(20, 70))) for _ in range(int(rng.poisson(6)))]
    if rng.uniform() > 0.25:
        rafts = []
    width = river.offsets(time)
    for name, bodies, where in (("ship", ships, (-0.6, 0.6)), ("hyacinth", rafts, (-0.97, 0.97))):
        if not bodies:
            continue
        share = np.zeros(grid.shape, dtype=np.float32)
        for wide, long in bodies:
            s = float(rng.uniform(0, river.line.length_m))
            v = float(rng.uniform(*where))
            edge = float(np.interp(s, river.line.s, width[0 if v > 0 else 1]))
            x, y = (float(part) for part in river.line.xy(s, v * edge))
            heading = float(np.interp(s, river.line.s, river.line.heading))
            _put(share, grid, (x + shift_m[0], y + shift_m[1]), heading, wide, long)
        found[name] = share
    return found


def _put(
    share: NDArray[np.float32], grid: Grid, at: tuple[float, float], heading: float, wide: float, long: float
) -> None:
    """Add an ellipse to the shares of the pixels around it, edges soft over a pixel."""
    reach = long / 2 + 2 * grid.pixel_m
    col = (at[0] - grid.transform.c) / grid.pixel_m
    row = (grid.transform.f - at[1]) / grid.pixel_m
    span = int(np.ceil(reach / grid.pixel_m))
    rows = slice(max(int(row) - span, 0), max(min(int(row) + span + 1, grid.height), 0))
    cols = slice(max(int(col) - span, 0), max(min(int(col) + span + 1, grid.width), 0))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return
    dx, dy = grid.x[None, cols] - at[0], grid.y[rows, None] - at[1]
    along, across = dx * np.cos(heading) + dy * np.sin(heading), dy * np.cos(heading) - dx * np.sin(heading)
    rho = np.hypot(along / (long / 2), across / (wide / 2))
    soft = np.clip(0.5 + (1.0 - rho) * wide / 2 / grid.pixel_m, 0.0, 1.0) * min(wide / grid.pixel_m, 1.0)
    share[rows, cols] = np.maximum(share[rows, cols], soft)
