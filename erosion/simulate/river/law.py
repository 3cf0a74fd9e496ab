"""The law by which a simulated river erodes.

The law. The nominal migration of a bend is proportional to its curvature, ``R0 = W kappa``; what happens at a place is
``R1(s) = -R0(s) + 2.5 int R0(s - xi) exp(-2 Cf xi / h) d xi / int exp(-2 Cf xi / h) d xi`` (Howard and Knutson 1984,
Water Resources Research 20, doi:10.1029/WR020i011p01659, with their omega = -1 and Gamma = 2.5), so the outer bank
is eaten some way below the apex. The rate of the outer bank is R1 times an erodibility that varies smoothly along the
bank, times the intensity of the year's flood; the inner bank grows. Beside that, single pieces of an eroding bank
fail at once. Where the bank is protected nothing moves. All of it happens in the flood and the falling season (and
some failures with the first rain), so banks stand still from January to April.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from erosion.core.arrays import FloatArray
from erosion.simulate.river.centre_line import CentreLine
from erosion.simulate.river.hydrograph import Hydrograph
from erosion.simulate.texture import along_line, ramp

Outline = tuple[pd.Timestamp, int, slice, FloatArray]
"""Date of a failure, its bank, its nodes, and how far it reaches landward at each of them [m]."""

SIDES: Final = ("L", "R")
SIGN: Final = {"L": 1.0, "R": -1.0}
HEALED_DAYS: Final = 5 * 365
"""A bank does not fail again where it failed less than so long ago."""

CUT_SLOPE: Final = 0.4
"""Metres a cut bank's waterline moves landward for a metre of stage."""
BAR_SLOPE: Final = 25.0
"""Metres a flat bar's waterline moves landward for a metre of stage."""

DEPTH_M: Final = 12.0
"""Depth of the lower Mekong [m]; with the friction it says how far below a bend the bank is eaten."""

_FRICTION: Final = 0.0036  # Cf, a smooth sand bed
_POWER: Final = 4.0  # the outline of a failure is 1 - (2 u)^4 for u in -1/2 .. 1/2
_TRIES: Final = 10  # places tried for one failure before it is left out


@dataclass(frozen=True)
class Island:
    """An island: two half ellipses, the upstream one losing its head.

    Attributes
    ----------
    head_m, middle_m, tail_m
        Chainage of its upstream point at the start, of its widest place and of its downstream point [m].
    half_width_m
        Half of its width [m].
    head_retreat_m
        Retreat of the head in each year [m], shape (years,).
    """

    head_m: float
    middle_m: float
    tail_m: float
    half_width_m: float
    head_retreat_m: tuple[float, ...]


@dataclass(frozen=True)
class Revetment:
    """A protected piece of bank (kè)."""

    bank: str
    start_m: float
    end_m: float


def law_of_bends(line: CentreLine, width_m: float, depth_m: float = DEPTH_M) -> FloatArray:
    """Howard and Knutson's R1 along the nodes [1], positive where the left bank is the one that erodes.

    Scaled by its 90 % quantile and held within 1.6 of it, so that one bend cannot outrun all others.
    """
    nominal = -width_m * line.curvature  # a line turning left has its outer bank on the right
    step = line.s[1] - line.s[0]
    back = np.arange(0.0, 8.0 * depth_m / (2 * _FRICTION), step)
    weight = np.exp(-2.0 * _FRICTION * back / depth_m)
    upstream = np.convolve(nominal, weight / weight.sum())[: len(nominal)]
    law = -nominal + 2.5 * upstream
    scale = float(np.quantile(np.abs(law[line.inside]), 0.9))
    return np.asarray(np.clip(law / scale, -1.6, 1.6) if scale > 0 else law)


def island_of(line: CentreLine, width_m: float, erosion_m_per_y: float, hydrograph: Hydrograph) -> Island:
    """An island on the straightest third of the line, with a head that retreats as fast as a bad bank."""
    length = min(2.4 * width_m, 0.3 * line.length_m)
    step = line.s[1] - line.s[0]
    bend = uniform_filter1d(np.abs(line.curvature), max(int(length / step), 1))
    room = (line.s > 0.15 * line.length_m + length) & (line.s < 0.85 * line.length_m - length)
    if not room.any():
        room = np.abs(line.s - 0.5 * line.length_m) <= step
    middle = float(line.s[np.flatnonzero(room)[np.argmin(bend[room])]])
    retreat = tuple(float(1.2 * erosion_m_per_y * strength) for strength in hydrograph.intensity)
    if sum(retreat) > 0.35 * length:
        raise ValueError(
            f"the island ({length:.0f} m) would lose {sum(retreat):.0f} m of its head; make it for fewer years"
        )
    return Island(middle - 0.45 * length, middle, middle + 0.55 * length, 0.17 * width_m, retreat)


def start_banks(line: CentreLine, width_m: float, island: Island | None, rng: np.random.Generator) -> FloatArray:
    """Offsets of both banks [m]: half the width, varying by some per cent, wider where an island divides the river."""
    step = line.s[1] - line.s[0]
    banks = np.stack([0.5 * width_m * (1.0 + 0.05 * along_line(len(line.s), 600.0 / step, rng)) for _ in SIDES])
    banks += np.stack([0.006 * width_m * along_line(len(line.s), 60.0 / step, rng) for _ in SIDES])
    if island is not None:
        reach = 0.8 * (island.tail_m - island.head_m)
        banks += 0.9 * island.half_width_m * np.exp(-0.5 * ((line.s - island.middle_m) / reach) ** 2)
    return np.asarray(banks)


def protected(line: CentreLine, law: FloatArray, revetment: bool) -> tuple[FloatArray, tuple[Revetment, ...]]:
    """Share of erosion that is let through, shape (2, nodes), and the protected pieces.

    The worst bank is the one that is held; above and below the piece, erosion comes back over 60 m.
    """
    keep = np.ones((2, len(law)))
    if not revetment:
        return keep, ()
    half = 0.04 * line.length_m
    inside = line.inside & (line.s > 3 * half) & (line.s < line.length_m - 3 * half)
    worst = np.flatnonzero(inside)[np.argmax(np.abs(law[inside]))]
    middle, bank = float(line.s[worst]), "L" if law[worst] > 0 else "R"
    gap = np.maximum(np.abs(line.s - middle) - half, 0.0)
    keep[SIDES.index(bank)] = np.clip(gap / 60.0, 0.0, 1.0)
    return keep, (Revetment(bank, middle - half, middle + half),)


def movement(
    line: CentreLine,
    law: FloatArray,
    keep: FloatArray,
    hydrograph: Hydrograph,
    erosion_m_per_y: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Retreat of each year and bank without failures [m], and the slope of the waterline [m/m]."""
    step = line.s[1] - line.s[0]
    count = len(line.s)
    outer = np.stack([np.maximum(law, 0.0), np.maximum(-law, 0.0)])
    inner = outer[::-1]
    # Log-normal of mean 1: some hundred metres of weak bank beside some of strong bank.
    weak = np.stack(
        [
            np.exp(0.45 * along_line(count, 500.0 / step, rng) + 0.25 * along_line(count, 120.0 / step, rng) - 0.13)
            for _ in SIDES
        ]
    )
    bar = ramp(inner, 0.2, 0.5).astype(float)
    yearly = np.zeros((len(hydrograph.intensity), 2, count))
    for year, strength in enumerate(hydrograph.intensity):
        luck = np.stack([np.exp(0.3 * along_line(count, 1000.0 / step, rng) - 0.045) for _ in SIDES])
        eaten = erosion_m_per_y * strength * keep * weak * luck * (outer + 0.03)
        # A bar takes up what the other bank gave, spread out: three quarters of it stay in the bend.
        grown = gaussian_filter1d(eaten[::-1], 200.0 / step, axis=1) * 0.75
        yearly[year] = eaten * (1.0 - bar) - grown * bar * keep
    slope = CUT_SLOPE + (BAR_SLOPE - CUT_SLOPE) * bar * keep
    return yearly, slope


def failures(
    line: CentreLine,
    banks: FloatArray,
    yearly: FloatArray,
    keep: FloatArray,
    hydrograph: Hydrograph,
    per_km: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Sudden failures, likelier where the year erodes more; none in a protected piece, none across a fresh one."""
    rows: list[dict[str, Any]] = []
    inside = (line.s > 150.0) & (line.s < line.length_m - 150.0)
    for year, eaten in enumerate(yearly):
        chance = np.where(inside & (keep >= 1.0), np.maximum(eaten, 0.0), 0.0)
        if not chance.any():
            continue
        share = (chance / chance.sum()).ravel()
        for _ in range(int(rng.poisson(per_km * line.length_m / 1000.0 * hydrograph.intensity[year]))):
            length = float(rng.uniform(30.0, 100.0))
            depth = float(np.clip(length * rng.uniform(0.25, 0.6), 10.0, 40.0))
            month_day, span = ("05-01", 50) if rng.uniform() < 0.3 else ("10-05", 75)
            first_day = pd.Timestamp(f"{hydrograph.days[0].year + year}-{month_day}", tz="UTC")
            date = first_day + pd.Timedelta(days=int(rng.integers(span)))
            fresh = [row for row in rows if abs((date - row["date"]).days) < HEALED_DAYS]
            for place in rng.choice(share.size, size=_TRIES, p=share):
                side, node = divmod(int(place), len(line.s))
                if _free(line, side, node, length, keep, fresh):
                    where = {"chainage_m": float(line.s[node]), "bank": SIDES[side]}
                    rows.append({**where, "date": date, "length_m": length, "depth_m": depth})
                    break
    columns = ["chainage_m", "bank", "date", "length_m", "depth_m"]
    table = pd.DataFrame(rows, columns=columns)
    table["date"] = pd.to_datetime(table["date"], utc=True)
    return table.sort_values(["date", "chainage_m"], ignore_index=True)


def _free(
    line: CentreLine, side: int, node: int, length: float, keep: FloatArray, rows: Sequence[Mapping[str, Any]]
) -> bool:
    """Return whether a piece of bank is neither protected nor part of another failure."""
    if keep[side, np.abs(line.s - line.s[node]) < length].min() < 1.0:
        return False
    mine = (row for row in rows if row["bank"] == SIDES[side])
    return all(abs(line.s[node] - row["chainage_m"]) > 0.7 * (length + row["length_m"]) for row in mine)


def outlines(line: CentreLine, banks: FloatArray, table: pd.DataFrame) -> list[Outline]:
    """What each failure adds to which nodes of which bank."""
    bites = []
    for row in table.to_dict("records"):
        side = SIDES.index(row["bank"])
        node = int(np.argmin(np.abs(line.s - row["chainage_m"])))
        # A metre of bank is shorter or longer than a metre of centre line, as it lies in or out of the bend.
        stretch = 1.0 - SIGN[row["bank"]] * line.curvature[node] * banks[side, node]
        u = (line.s - row["chainage_m"]) * stretch / row["length_m"]
        where = np.flatnonzero(np.abs(u) < 0.5)
        span = slice(int(where[0]), int(where[-1]) + 1)
        bites.append((row["date"], side, span, row["depth_m"] * (1.0 - np.abs(2 * u[span]) ** _POWER)))
    return bites
