"""Daily water level of a monsoon river, and how much of the year's erosion falls on each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from erosion.core.contracts import in_utc

MEAN_PEAK_M: Final = 2.6
"""Height of a common flood over low water [m]."""

#: First and last day of a year on which a flood takes land, (month, day).
FLOOD_DAYS: Final = ((7, 1), (12, 15))

_PEAK_DAY: Final = 271.0  # 28 September
_RISE_DAYS: Final = 40.0
_FALL_DAYS: Final = 30.0
_BANKFULL_M: Final = 0.8  # lower stages do not reach the soft layers of the bank
_FALL_WEIGHT: Final = 30.0  # [day/m] a fall of 0.1 m a day takes three times what a standing stage takes


@dataclass(frozen=True, eq=False)
class Hydrograph:
    """Stage over low water, day by day.

    Attributes
    ----------
    days
        Midnights, UTC.
    stage_m
        Stage over the low water of the dry season [m].
    done
        Share of the year's erosion that has happened by that midnight, 0 on 1 July and 1 from 16 December on.
    intensity
        Erosion of each year against that of a flood of :data:`MEAN_PEAK_M`.
    """

    days: pd.DatetimeIndex
    stage_m: NDArray[np.float64]
    done: NDArray[np.float64]
    intensity: NDArray[np.float64]

    @classmethod
    def made(cls, first_year: int, years: int, rng: np.random.Generator) -> Self:
        """Return a simulated series of whole years; the day after the last belongs to it.

        The flood is a bell, steeper on the falling side, whose height (log-normal) and day differ from year to year;
        spring tides and a slow wander are added. The form is that of the Mekong at Tân Châu, the numbers are ours.
        """
        days = pd.date_range(f"{first_year}-01-01", f"{first_year + years}-01-01", freq="D", tz="UTC")
        count = np.arange(len(days), dtype=float)
        peaks = np.clip(MEAN_PEAK_M * np.exp(0.22 * rng.standard_normal(years + 2)), 1.5, 4.2)
        late = np.clip(8.0 * rng.standard_normal(years + 2), -16, 16)
        stage = _low_water(days, count)
        for k in range(-1, years + 1):
            top = (pd.Timestamp(f"{first_year + k}-01-01", tz="UTC") - days[0]).days + _PEAK_DAY + late[k + 1]
            stage += peaks[k + 1] * _bell(count - top)
        wander = np.zeros(len(days))
        for i, shock in enumerate(0.02 * rng.standard_normal(len(days) - 1), start=1):
            wander[i] = 0.95 * wander[i - 1] + shock
        stage += wander
        weight = _weight(stage, days)
        done, intensity = np.zeros(len(days)), np.zeros(years)
        common = _common_year()
        for k in range(years):
            mine = np.flatnonzero(np.asarray(days.year) == first_year + k)
            so_far = np.cumsum(weight[mine])
            # Midnight of a day knows what happened before it.
            done[mine] = np.concatenate([[0.0], so_far[:-1]]) / so_far[-1]
            intensity[k] = so_far[-1] / common
        return cls(days, stage, done, intensity)

    def stage(self, time: pd.Timestamp | str) -> float:
        """Stage over low water at an instant [m], linear between midnights."""
        return float(np.interp(self._place(time), np.arange(len(self.days)), self.stage_m))

    def share_done(self, time: pd.Timestamp | str) -> tuple[int, float]:
        """Index of the year, and which share of its erosion has happened by an instant."""
        place = self._place(time)
        year = min(in_utc(time).year - self.days[0].year, len(self.intensity) - 1)
        day = min(int(place), len(self.days) - 2)
        after = self.done[day + 1] if self.days[day + 1].year == self.days[day].year else 1.0
        return year, float(self.done[day] + (place - day) * (after - self.done[day]))

    def _place(self, time: pd.Timestamp | str) -> float:
        moment = in_utc(time)
        if not self.days[0] <= moment <= self.days[-1]:
            raise ValueError(
                f"the river is known from {self.days[0]:%Y-%m-%d} to {self.days[-1]:%Y-%m-%d}, not {moment}"
            )
        return float((moment - self.days[0]) / pd.Timedelta(days=1))


def _bell(days: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * (days / np.where(days < 0, _RISE_DAYS, _FALL_DAYS)) ** 2))


def _low_water(days: pd.DatetimeIndex, count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Recession to the low of mid April, and spring and neap tides, which fade in a flood."""
    season = 0.25 * (1 - np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 105) / 365.25))
    return np.asarray(season + 0.15 * np.sin(2 * np.pi * count / 14.765))


def _weight(stage: NDArray[np.float64], days: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Erosion of each day: stage over bankfull, more while it falls (a wet bank without the water's support)."""
    fall = np.maximum(-np.gradient(uniform_filter1d(stage, 7)), 0.0)
    day = days.month.to_numpy() * 100 + days.day.to_numpy()
    (m0, d0), (m1, d1) = FLOOD_DAYS
    season = (day >= m0 * 100 + d0) & (day <= m1 * 100 + d1)
    return np.asarray(season * np.maximum(stage - _BANKFULL_M, 0.0) * (1.0 + _FALL_WEIGHT * fall))


def _common_year() -> float:
    """Sum of the weights of a year with a common flood."""
    days = pd.date_range("2001-01-01", "2001-12-31", freq="D", tz="UTC")
    count = np.arange(len(days), dtype=float)
    return float(_weight(_low_water(days, count) + MEAN_PEAK_M * _bell(count - _PEAK_DAY), days).sum())
