"""Daily rain of a monsoon climate, beside a simulated river and without any effect on it.

A day is wet with a chance that follows the season (dry from December to March, more than every second day wet from June to
October) and the day before; a wet day's rain is gamma distributed. The form is that of the Mekong delta, some 1.3 m a
year with the first heavy showers in May while the river is low; the numbers are ours.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

_SEASON_DAY: Final = (1, 75, 105, 140, 300, 335, 366)
_WET_CHANCE: Final = (0.05, 0.05, 0.15, 0.55, 0.58, 0.20, 0.05)
_WET_MM: Final = (4.0, 4.0, 9.0, 11.0, 11.0, 8.0, 4.0)  # mean rain of a wet day
_SHAPE: Final = 0.7  # many showers of a few millimetres, few of a hundred
_MEMORY: Final = 0.4  # correlation of what makes a day wet with the day before


def daily_rain(days: pd.DatetimeIndex, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the simulated rain of each day.

    Parameters
    ----------
    days
        Consecutive days, shape (day,).
    rng
        Of everything random in it; one of its own, so that a river made with the same seed stays what it is without rain.

    Returns
    -------
    numpy.ndarray
        Rain [mm], whole tenths, shape (day,).
    """
    day = days.day_of_year.to_numpy(float)
    mood = rng.standard_normal(len(days))
    for i in range(1, len(days)):
        mood[i] = _MEMORY * mood[i - 1] + np.sqrt(1.0 - _MEMORY**2) * mood[i]
    wet = ndtr(mood) < np.interp(day, _SEASON_DAY, _WET_CHANCE)
    amount = rng.gamma(_SHAPE, np.interp(day, _SEASON_DAY, _WET_MM) / _SHAPE)
    return np.asarray(np.round(np.where(wet, amount, 0.0), 1))
