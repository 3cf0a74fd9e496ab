"""A river that erodes, every bank of it known at every instant; :mod:`erosion.simulate.river.law` is the law.

Banks are offsets from a fixed centre line: water lies where ``-b_right < n < b_left``, islands excepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import LineString

from erosion.core.arrays import BoolArray, FloatArray
from erosion.core.contracts import in_utc
from erosion.core.raster.grid import Grid
from erosion.simulate.river.centre_line import CentreLine, Position
from erosion.simulate.river.hydrograph import Hydrograph
from erosion.simulate.river.law import (
    CUT_SLOPE,
    DEPTH_M,
    SIDES,
    SIGN,
    Island,
    Outline,
    Revetment,
    island_of,
    law_of_bends,
    movement,
    outlines,
    protected,
    start_banks,
)
from erosion.simulate.river.law import failures as make_failures
from erosion.simulate.texture import over_ground, ramp

FIELD_M: Final = 1.2
"""Stage over low water from which the lowest fields are under water [m]."""
_PROLONG_M: Final = 4000.0
_FINE_M: Final = 2.5


@dataclass(frozen=True, eq=False)
class River:
    """The truth. Made by :func:`make_river`.

    Attributes
    ----------
    line
        Fixed centre line.
    first_year, years, seed
        What it was made for.
    width_m
        Mean width at the start [m].
    start
        Offset of each bank at the start, positive away from the centre line [m], shape (2, nodes), L then R.
    yearly
        Retreat of each bank in each year without the sudden failures, growth negative [m], shape (years, 2, nodes).
    slope
        Metres the waterline moves landward for a metre of stage, shape (2, nodes).
    hydrograph
        Stage day by day.
    failures
        One row a sudden failure: chainage_m, bank, date, length_m (along the bank), depth_m (landward).
    revetments
        Protected pieces of bank.
    island
        The island, if there is one.
    """

    line: CentreLine
    first_year: int
    years: int
    seed: int
    width_m: float
    start: FloatArray
    yearly: FloatArray
    slope: FloatArray
    hydrograph: Hydrograph
    failures: pd.DataFrame
    revetments: tuple[Revetment, ...]
    island: Island | None
    _positions: dict[Grid, Position] = field(default_factory=dict, repr=False)
    _heights: dict[Grid, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    _bites: list[Outline] = field(default_factory=list, repr=False)

    # The truth along the river

    def offsets(self, time: pd.Timestamp | str) -> FloatArray:
        """Offset of the left and the right bank from the centre line at low water [m], shape (2, nodes)."""
        moment = in_utc(time)
        year, share = self.hydrograph.share_done(moment)
        bank = self.start + self.yearly[:year].sum(axis=0) + share * self.yearly[year]
        for date, side, where, depth in self._bites:
            if date <= moment:
                bank[side, where] += depth
        return bank

    def retreat(self, start: pd.Timestamp | str, end: pd.Timestamp | str) -> xr.DataArray:
        """Retreat of both banks between two instants, growth negative [m], dims (bank, chainage_m)."""
        inside = self.line.inside
        moved = (self.offsets(end) - self.offsets(start))[:, inside]
        return xr.DataArray(
            moved,
            dims=("bank", "chainage_m"),
            coords={"bank": list(SIDES), "chainage_m": self.line.s[inside]},
            attrs={"units": "m", "long_name": "retreat across the centre line, land lost positive"},
        )

    def island_head(self, time: pd.Timestamp | str) -> float:
        """Chainage of the island's upstream point [m]; NaN where there is no island."""
        if self.island is None:
            return float("nan")
        year, share = self.hydrograph.share_done(time)
        retreat = self.island.head_retreat_m
        return self.island.head_m + sum(retreat[:year]) + share * retreat[year]

    def bank_line(self, time: pd.Timestamp | str, bank: str) -> LineString:
        """Line of a bank at low water; ``I`` gives the island's closed outline.

        Raises
        ------
        ValueError
            Where the bank is not L, R or I, or there is no island.
        """
        if bank in SIDES:
            inside = self.line.inside
            offset = self.offsets(time)[SIDES.index(bank)][inside] * SIGN[bank]
            return LineString(np.column_stack(self.line.xy(self.line.s[inside], offset)))
        if bank != "I" or self.island is None:
            raise ValueError(f"this river has no bank {bank!r}; it has {', '.join(self.banks)}")
        turn = np.linspace(0.0, 2 * np.pi, 721)
        half = np.where(np.cos(turn) < 0, self.island.middle_m - self.island_head(time), self._tail)
        s = self.island.middle_m + half * np.cos(turn)
        return LineString(np.column_stack(self.line.xy(s, self.island.half_width_m * np.sin(turn))))

    @property
    def banks(self) -> tuple[str, ...]:
        """Banks this river has."""
        return (*SIDES, "I") if self.island is not None else SIDES

    @property
    def _tail(self) -> float:
        assert self.island is not None
        return self.island.tail_m - self.island.middle_m

    def stage(self, time: pd.Timestamp | str) -> float:
        """Stage over the low water of the dry season at an instant [m]: the ``stage_m`` of the picture taken then."""
        return self.hydrograph.stage(time)

    # The truth on a grid

    def position(self, grid: Grid) -> Position:
        """Where the pixels of a grid lie along the river; kept, because every picture needs it."""
        if grid not in self._positions:
            self._positions[grid] = Position.of(grid, self.line)
        return self._positions[grid]

    def distance(
        self, time: pd.Timestamp | str, s: NDArray[np.float32], n: NDArray[np.float32], stage_m: float = 0.0
    ) -> NDArray[np.float32]:
        """Distance to the nearest waterline, positive in the water [m], of points (s, n); exact near the line."""
        nearest = np.full(np.shape(s), np.inf, dtype=np.float32)
        squeeze_k = self.line.at(self.line.curvature, s)
        edge = self.offsets(time) + self.slope * stage_m
        for side, sign in ((0, 1.0), (1, -1.0)):
            gap = self.line.at(edge[side], s) - sign * n
            lean = self.line.at(np.gradient(edge[side], self.line.s), s) / np.maximum(1.0 - squeeze_k * n, 0.05)
            np.minimum(nearest, gap / np.sqrt(1.0 + lean * lean), out=nearest)
        if self.island is not None:
            np.minimum(nearest, self._off_island(time, s, n, stage_m), out=nearest)
        return nearest

    def _off_island(
        self, time: pd.Timestamp | str, s: NDArray[np.float32], n: NDArray[np.float32], stage_m: float
    ) -> NDArray[np.float32]:
        """Distance from the island's shore, positive outside [m], to first order (Taubin 1991) near it."""
        assert self.island is not None
        shrink = CUT_SLOPE * stage_m
        width = max(self.island.half_width_m - shrink, 1.0)
        front = max(self.island.middle_m - self.island_head(time) - shrink, 1.0)
        ds = s - self.island.middle_m
        long = np.where(ds < 0, front, max(self._tail - shrink, 1.0)).astype(np.float32)
        u, v = ds / long, n / width
        rho = np.maximum(np.hypot(u, v), 1e-3)
        steep = np.hypot(u / long, v / width) / rho
        return np.asarray((rho - 1.0) / np.maximum(steep, 1e-6), dtype=np.float32)

    def water_share(
        self,
        time: pd.Timestamp | str,
        grid: Grid,
        stage_m: float = 0.0,
        shift_m: tuple[float, float] = (0.0, 0.0),
    ) -> NDArray[np.float32]:
        """Share of each pixel that is under water, 0 to 1, shape (rows, cols).

        Parameters
        ----------
        time
            Instant; within the years the river was made for.
        grid
            Grid in the river's CRS.
        stage_m
            Stage over low water [m]; 0 gives the banks themselves. A high stage covers flat bars, and above
            :data:`FIELD_M` low fields; cut banks hardly notice. ``river.stage(time)`` is what it was at that time.
        shift_m
            Error of the picture's position, east and north [m]: what lies at (x, y) appears at (x + east, y + north).
        """
        place = self.position(grid)
        s, n = place.moved(-shift_m[0], -shift_m[1])
        wet = self.distance(time, s, n, stage_m) > 0
        share = wet.astype(np.float32)
        edge = np.flatnonzero(_mixed(wet))
        if edge.size:
            share.ravel()[edge] = self._fine_share(time, place, grid.pixel_m, stage_m, shift_m, edge)
        if stage_m > FIELD_M:
            np.maximum(share, self.flooded_fields(grid, stage_m), out=share)
        return share

    def _fine_share(
        self,
        time: pd.Timestamp | str,
        place: Position,
        pixel_m: float,
        stage_m: float,
        shift_m: tuple[float, float],
        edge: NDArray[np.intp],
    ) -> NDArray[np.float32]:
        """Share of water of mixed pixels: mean over small cells, each cut by the waterline that crosses it."""
        parts = max(int(np.ceil(pixel_m / _FINE_M)), 2)
        cell = pixel_m / parts
        steps = (np.arange(parts) + 0.5) * cell - 0.5 * pixel_m
        east, north = (part.ravel() for part in np.meshgrid(steps, steps))
        where = np.unravel_index(edge, place.s.shape)
        index = (where[0][:, None], where[1][:, None])
        s, n = place.moved(east - shift_m[0], north - shift_m[1], index)
        gap = self.distance(time, s, n, stage_m)
        return np.asarray(np.clip(0.5 + gap / cell, 0.0, 1.0).mean(axis=1), dtype=np.float32)

    def flooded_fields(self, grid: Grid, stage_m: float) -> NDArray[np.float32]:
        """Share of each pixel that is a field under flood water; fields behind dikes (đê bao) stay dry."""
        return np.asarray(ramp(stage_m - self._field_height(grid), -0.05, 0.05))

    def _field_height(self, grid: Grid) -> NDArray[np.float32]:
        """Stage from which the ground outside the river is under water [m]; a levee runs along both banks."""
        if grid in self._heights:
            return self._heights[grid]
        place = self.position(grid)
        bank = np.maximum(np.max(self.start, axis=0), np.max(self.offsets(self.hydrograph.days[-1]), axis=0))
        behind = np.abs(place.n) - self.line.at(bank, place.s)
        low = FIELD_M + 2.5 * over_ground(grid.x[None, :], grid.y[:, None], 400.0, self.seed + 11)
        diked = over_ground(grid.x[None, :], grid.y[:, None], 1500.0, self.seed + 12) > 0.45
        self._heights[grid] = np.where((behind < 100.0) | diked, np.float32(99.0), low)
        return self._heights[grid]


def make_river(
    line_xy: ArrayLike,
    *,
    years: int,
    start: int,
    seed: int,
    width_m: float = 500.0,
    depth_m: float = DEPTH_M,
    crs: str = "EPSG:32648",
    erosion_m_per_y: float = 10.0,
    failures_per_km: float = 0.5,
    island: bool = True,
    revetment: bool = True,
) -> River:
    """Return a simulated river; the same arguments give the same one.

    Parameters
    ----------
    line_xy
        Smooth centre line from upstream to downstream, shape (n, 2) [m].
    years
        Whole years the river is known for.
    start
        First year.
    seed
        Of everything random in it.
    width_m
        Mean width [m].
    depth_m
        Depth [m]: the deeper, the farther below a bend its outer bank is eaten.
    crs
        Projected CRS of the line.
    erosion_m_per_y
        Retreat of a strongly eroding bank (the 90 % quantile of the law along the river) of mean erodibility in a
        common year [m].
    failures_per_km
        Sudden failures a year and kilometre of river.
    island, revetment
        Whether there is an island, and whether a piece of the worst bank is protected.

    Raises
    ------
    ValueError
        Where the line bends more tightly than a river of this width can, is too short, or there is no year.
    """
    if years < 1:
        raise ValueError(f"years is {years}; a river needs at least one")
    if width_m <= 0 or depth_m <= 0 or erosion_m_per_y < 0 or failures_per_km < 0:
        raise ValueError("width_m and depth_m must be above 0, erosion_m_per_y and failures_per_km at least 0")
    line = CentreLine.through(line_xy, crs, _PROLONG_M)
    if line.length_m < 4 * width_m:
        raise ValueError(f"the line is {line.length_m:.0f} m long; a river {width_m:g} m wide needs {4 * width_m:g} m")
    tightest = float(np.abs(line.curvature).max())
    if tightest * width_m > 0.9:
        raise ValueError(
            f"the line turns within {1 / tightest:.0f} m, too tight for a river {width_m:g} m wide; smooth it first "
            "(smooth_line)"
        )
    rng = np.random.default_rng(seed)
    hydrograph = Hydrograph.made(start, years, rng)
    shore = island_of(line, width_m, erosion_m_per_y, hydrograph) if island else None
    banks = start_banks(line, width_m, shore, rng)
    law = law_of_bends(line, width_m, depth_m)
    keep, revetments = protected(line, law, revetment)
    yearly, slope = movement(line, law, keep, hydrograph, erosion_m_per_y, rng)
    failures = make_failures(line, banks, yearly, keep, hydrograph, failures_per_km, rng)
    river = River(line, start, years, seed, width_m, banks, yearly, slope, hydrograph, failures, revetments, shore)
    river._bites.extend(outlines(line, banks, failures))
    return river


def _mixed(wet: BoolArray) -> BoolArray:
    """Pixels that differ from one of their eight neighbours, or have one that does in a row or column."""
    mixed = np.zeros(wet.shape, dtype=bool)
    for axis in (0, 1):
        a, b = (wet[1:], wet[:-1]) if axis == 0 else (wet[:, 1:], wet[:, :-1])
        change = a != b
        if axis == 0:
            mixed[1:] |= change
            mixed[:-1] |= change
        else:
            mixed[:, 1:] |= change
            mixed[:, :-1] |= change
    wide = mixed.copy()
    wide[1:] |= mixed[:-1]
    wide[:-1] |= mixed[1:]
    wide[:, 1:] |= mixed[:, :-1]
    wide[:, :-1] |= mixed[:, 1:]
    return wide
