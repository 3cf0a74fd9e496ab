"""When which satellite takes a picture of the simulated river, how cloudy it is, how well it lies, when it is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

#: Processing baselines of Sentinel-2 L2A: first day, baseline, whether the provider takes the 1000 off the numbers.
BASELINES: Final = (
    ("2015-01-01", "02.14", False),
    ("2021-03-30", "03.01", False),
    ("2022-01-25", "04.00", False),
    ("2022-12-06", "05.09", True),
    ("2023-12-13", "05.10", True),
    ("2025-02-03", "05.11", True),
)
OFFSET_FROM: Final = 4.0
"""Baselines from here on hold 1000 more."""

SHIFT_M: Final[dict[str, float]] = {"sentinel2": 3.0, "landsat": 5.0, "sentinel1": 4.0}
"""Geolocation error of a picture: standard deviation of each axis [m]."""

LATENCY_DAYS: Final[dict[str, float]] = {"sentinel2": 1.0, "landsat": 8.0, "sentinel1": 1.0}
"""Usual time from a picture to its publication [day]."""

_MISREGISTERED_M: Final = (27.0, -19.0)


@dataclass(frozen=True)
class Acquisition:
    """One picture that is taken.

    Attributes
    ----------
    sensor
        ``sentinel2``, ``landsat`` or ``sentinel1``.
    time, published
        UTC.
    platform
        ``a`` or ``b``, ``8`` or ``9``.
    orbit
        Relative orbit; 0 for Landsat.
    cloud_cover
        Share under cloud [1].
    shift_m
        Geolocation error, east and north [m].
    seed
        Of everything random in the picture.
    reprocessed
        When the provider published it a second time, if ever.
    """

    sensor: str
    time: pd.Timestamp
    published: pd.Timestamp
    platform: str
    orbit: int
    cloud_cover: float
    shift_m: tuple[float, float]
    seed: tuple[int, ...]
    reprocessed: pd.Timestamp | None = None


def acquisitions(first_year: int, years: int, seed: int, *, density: float = 1.0) -> list[Acquisition]:
    """Every picture of the series, in the order in which they are taken.

    About ten Sentinel-2 pictures in a dry season, seven after the flood, one in the rains; five and three of Landsat and
    Sentinel-1. That is a fifth of what is taken in truth: the rest stands for what was lost, and keeps the series small.

    Parameters
    ----------
    first_year, years
        Which years.
    seed
        Of the dates, clouds and shifts.
    density
        Times as many pictures.
    """
    rng = np.random.default_rng([seed, 1])
    found: list[Acquisition] = []
    #        sensor, orbit, first day, repeat [day], time of day, chance in the dry season, after the flood, else
    courses = (
        ("sentinel2", 18, 1, 5, "03:18:41", 0.20, 0.30, 0.005),
        ("sentinel2", 118, 3, 5, "03:28:47", 0.20, 0.30, 0.005),
        ("landsat", 0, 6, 8, "03:12:05", 0.33, 0.33, 0.02),
        ("sentinel1", 26, 2, 12, "11:09:30", 0.20, 0.30, 0.01),
        ("sentinel1", 18, 8, 12, "22:45:10", 0.20, 0.30, 0.01),
    )
    for index, (sensor, orbit, first, repeat, clock, dry, after, else_) in enumerate(courses):
        day = pd.Timestamp(f"{first_year}-01-01T{clock}", tz="UTC") + pd.Timedelta(days=first)
        end = pd.Timestamp(f"{first_year + years}-01-01", tz="UTC")
        turn = 0
        while day < end:
            chance = dry if day.month <= 4 else after if day.month >= 11 else else_
            if rng.uniform() < chance * density:
                found.append(_acquisition(sensor, orbit, day, turn, (seed, 2, index, turn), rng))
            else:
                rng.uniform(size=8)
            day += pd.Timedelta(days=repeat)
            turn += 1
    found.sort(key=lambda acquisition: (acquisition.time, acquisition.sensor))
    return _with_mishaps(found)


def baseline_of(time: pd.Timestamp) -> tuple[str, bool]:
    """Processing baseline in use at an instant, and whether the provider takes its offset off the numbers."""
    fitting = [(name, applied) for day, name, applied in BASELINES if time >= pd.Timestamp(day, tz="UTC")]
    return fitting[-1]


def _acquisition(
    sensor: str, orbit: int, time: pd.Timestamp, turn: int, seed: tuple[int, ...], rng: np.random.Generator
) -> Acquisition:
    if sensor == "landsat":
        platform = "9" if time.year >= 2022 and turn % 2 else "8"
    else:
        platform = "b" if turn % 2 and (sensor == "sentinel2" or time.year < 2022) else "a"
    dry, after = time.month <= 4, time.month >= 11
    cover = float(rng.beta(*((0.5, 2.0) if dry else (0.8, 2.4) if after else (2.5, 1.5))))
    shift = np.clip(rng.standard_normal(2), -3, 3) * SHIFT_M[sensor]
    late = float(rng.gamma(3.0, 1.0 / 3.0)) * LATENCY_DAYS[sensor]
    if rng.uniform() < 0.05:
        late += float(rng.uniform(3.0, 10.0))  # now and then a ground segment is behind
    return Acquisition(
        sensor=sensor,
        time=time,
        published=(time + pd.Timedelta(hours=4) + pd.Timedelta(days=late)).round("ms"),
        platform=platform,
        orbit=orbit,
        cloud_cover=0.0 if sensor == "sentinel1" or cover < 0.02 else round(cover, 3),
        shift_m=(round(float(shift[0]), 3), round(float(shift[1]), 3)),
        seed=seed,
    )


def _with_mishaps(found: list[Acquisition]) -> list[Acquisition]:
    """One clear picture of the first year is processed again years later; one of a later year lies far off."""
    clear = [
        i
        for i, acquisition in enumerate(found)
        if acquisition.sensor == "sentinel2" and acquisition.cloud_cover < 0.3 and acquisition.time.month < 5
    ]
    first = [i for i in clear if found[i].time.year == found[0].time.year]
    later = [i for i in clear if found[i].time.year > found[0].time.year]
    if first:
        acquisition = found[first[0]]
        again = acquisition.published + pd.Timedelta(days=700)
        found[first[0]] = Acquisition(**{**vars(acquisition), "reprocessed": again})
    if later:
        found[later[1 % len(later)]] = Acquisition(
            **{**vars(found[later[1 % len(later)]]), "shift_m": _MISREGISTERED_M}
        )
    return found
