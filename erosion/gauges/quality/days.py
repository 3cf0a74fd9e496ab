"""Checks of whole days of a gauge: against other gauges, against its days before, against its own tide.

A day is judged as it stood when the first value of a later day came: that instant closes it. What comes or is corrected
after it is not judged here. These checks only mark values: each marks that two things do not fit, not which one is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from erosion.core.arrays import NEVER
from erosion.gauges.quality.flags import QualityFlags, evened, scale_of
from erosion.gauges.quality.revisions import History, years_of

Name = tuple[str, str]
"""Gauge id and quantity."""

LAG_DAYS: Final = 10
"""A neighbour may be earlier or later by so many days."""

RELATION_DAYS: Final = (500, 3650)
"""Days that a relation to a neighbour rests on, at least and at most."""

RELATION_R: Final = 0.8
"""Least correlation of two gauges of which one is held against the other."""

NEIGHBOUR_FACTOR: Final = (1.5, 2.0)
"""A residual, and a residual less the median of the days before it, is flagged above so many times the 99.9 % quantile
of the usual ones, ..."""

RESIDUAL_DAYS: Final = 5
"""Days of that median."""

LEAST: Final[dict[str, float]] = {"stage": 0.15, "discharge": 0.15}
"""... and neither that nor a jump below this: m, and about a share of the discharge."""

JUMP_DAYS: Final = 5
"""A jump is found from so many days before and after it."""

JUMP_FACTOR: Final = 3.0
"""A jump is larger than so many times the 99 % quantile of the usual changes from day to day, ..."""

JUMP_BEGUN: Final = (0.8, 0.2)
"""... so much of it is there on its first day, where that has one value, and where it has several ..."""

JUMP_QUIET: Final = 0.5
"""... and the days before, and those after, differ among themselves by at most this share of it."""

JUMP_EXPLAINED: Final = 0.3
"""A neighbour that moved by this share of the jump, in its own measure, explains it."""

TIDE_DAYS: Final = 30
TIDE_HOURS: Final = (12.4206012, 12.0, 12.6583475, 23.93447, 25.81934)
"""Tides are fitted to the last days with these periods: M2, S2, N2, K1, O1."""

TIDE_R2: Final = 0.7
TIDE_LEAST: Final = 0.03
"""A clock is judged where its own tide explains so much of the last days and is so large (standard deviation, m)."""

DAY_HOURS: Final = 18
"""Hours of a day that must be there to judge its clock."""

CLOCK_HOURS: Final = 6
CLOCK_SHARE: Final = 0.5
CLOCK_DAYS: Final = 3
"""A clock is off when a shift of 1 to 6 h leaves less than this share of the misfit, for so many days to the same side."""

_DAY: Final = 86_400_000_000_000
_HOUR: Final = 3_600_000_000_000

SOURCE_OF: Final = "\x1f"
"""Between gauge and source in the id of a series where several sources of one gauge are checked side by side."""


class Table(NamedTuple):
    """Days of a series as they stood when they were closed, without holes."""

    first: int  # number of the first day since 1970
    mean: np.ndarray  # shape (day,), NaN where there is none
    closed: np.ndarray  # instant [ns], shape (day,); NEVER where it is not closed yet
    rows: np.ndarray  # rows of the history that are in a mean
    day: np.ndarray  # their days, counted from the first


def day_table(history: History, quality_flags: QualityFlags) -> Table | None:
    """Return daily means of what was known and not flagged when each day was closed; None where no day is."""
    rows = np.flatnonzero(history.usable)
    if not rows.size:
        return None
    number = history.time // _DAY
    first = int(number[rows].min())
    size = int(number[rows].max()) - first + 1
    came = np.full(size + 1, NEVER)
    np.minimum.at(came, number[rows] - first, history.available[rows])
    closed = np.minimum.accumulate(came[::-1])[::-1][1:]
    closed_of = closed[number[rows] - first]
    stood = (
        (history.available[rows] <= closed_of)
        & (closed_of < history.until[rows])
        & (quality_flags.since[rows] > closed_of)
    )
    rows = rows[stood & (closed_of < NEVER)]
    day = number[rows] - first
    count = np.bincount(day, minlength=size)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(day, history.value[rows], minlength=size) / count
    return Table(first, mean, closed, rows, day)


def check_days(series: Mapping[Name, tuple[History, QualityFlags]]) -> None:
    """Mark days of every series that do not fit; the marks are added to its quality flags.

    Parameters
    ----------
    series
        Gauge id and quantity -> its history, and its quality flags so far.
    """
    tables = {
        name: table
        for name, (history, quality_flags) in series.items()
        if name[1] != "rain" and (table := day_table(history, quality_flags)) is not None
    }
    for name, table in tables.items():
        history, quality_flags = series[name]
        others = [(other[1], found) for other, found in tables.items() if _gauge(other[0]) != _gauge(name[0])]
        unlike_neighbour, jumped = _against_others(name[1], table, others)
        marks = {"neighbour": unlike_neighbour, "datum_jump": jumped, "clock_shift": _clock(history, table)}
        for flag, decided in marks.items():
            instants = decided[table.day]
            marked = instants < NEVER
            quality_flags.add(flag, table.rows[marked], instants[marked])


def _gauge(series_id: str) -> str:
    """Gauge of a series: several sources of one gauge are no neighbours; combining lists where they differ."""
    return series_id.split(SOURCE_OF, 1)[0]


class _Relation(NamedTuple):
    """How a gauge followed another one by the start of a year, and how far each of its days agrees."""

    r: float
    residual: np.ndarray  # x less what the other gauge lets expect, shape (day,)
    expected: np.ndarray  # but for a constant
    closed: np.ndarray  # of the other gauge's day that this rests on
    limits: tuple[float, float]  # of a residual, and of one less the median of those before it


def _against_others(quantity: str, table: Table, others: Sequence[tuple[str, Table]]) -> tuple[np.ndarray, np.ndarray]:
    """Return when each day was found not to follow another gauge, and to have jumped; shape (day,), NEVER where not."""
    size = table.mean.size
    unlike_neighbour, jumped = np.full(size, NEVER), np.full(size, NEVER)
    for start, stop in years_of(table.closed):
        past = np.flatnonzero((table.closed < start) & np.isfinite(table.mean))
        now = np.flatnonzero((table.closed >= start) & (table.closed < stop))
        if past.size < RELATION_DAYS[0]:
            continue
        x = evened(table.mean, quantity, scale_of(table.mean[past], quantity))
        relations = [_relate(table, x, other_quantity, other, start) for other_quantity, other in others]
        best = max((found for found in relations if found is not None), key=lambda found: found.r, default=None)
        if best is not None:
            _not_following(table, x, best, now, unlike_neighbour)
        changes = np.abs(np.diff(x[: past[-1] + 1]))
        changes = changes[np.isfinite(changes)]
        limit = max(LEAST[quantity], JUMP_FACTOR * float(np.quantile(changes, 0.99))) if changes.size else np.inf
        _jumped(table, x, best, limit, now, jumped)
    return unlike_neighbour, jumped


def _relate(table: Table, x: np.ndarray, quantity: str, other: Table, start: int) -> _Relation | None:
    """Return how a gauge followed another one up to an instant; None where it did not, or there are too few days."""
    past = other.mean[(other.closed < start) & np.isfinite(other.mean)]
    if past.size < RELATION_DAYS[0]:
        return None
    other_x = evened(other.mean, quantity, scale_of(past, quantity))
    last = int(np.searchsorted(table.closed, start))
    begin = max(last - RELATION_DAYS[1], 0)
    best: tuple[float, int] | None = None
    for lag in range(-LAG_DAYS, LAG_DAYS + 1):
        y, closed = _beside(table.first + begin - lag, last - begin, other, other_x)
        both = np.isfinite(x[begin:last]) & np.isfinite(y) & (closed < start)
        r = _correlation(x[begin:last][both], y[both])
        if r >= RELATION_R and (best is None or r > best[0]):
            best = (r, lag)
    if best is None:
        return None
    y, closed = _beside(table.first - best[1], x.size, other, other_x)
    used = slice(begin, last)
    both = np.isfinite(x[used]) & np.isfinite(y[used]) & (closed[used] < start)
    slope, at_zero = np.polyfit(y[used][both], x[used][both], 1)
    residual = x - (at_zero + slope * y)
    learned = np.where(both, residual[used], np.nan)
    since = learned[RESIDUAL_DAYS:] - np.median(sliding_window_view(learned, RESIDUAL_DAYS)[:-1], axis=1)
    limits = [
        max(LEAST["stage"], factor * float(np.nanquantile(np.abs(part), 0.999))) if np.isfinite(part).any() else np.inf
        for factor, part in zip(NEIGHBOUR_FACTOR, (learned, since), strict=True)
    ]
    return _Relation(best[0], residual, slope * y, closed, (limits[0], limits[1]))


def _beside(first: int, size: int, other: Table, other_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and closings of another gauge from a day on, shape (size,); NaN and NEVER where it has none."""
    value, closed = np.full(size, np.nan), np.full(size, NEVER)
    begin, end = max(first, other.first), min(first + size, other.first + other_x.size)
    if begin < end:
        here, there = slice(begin - first, end - first), slice(begin - other.first, end - other.first)
        value[here], closed[here] = other_x[there], other.closed[there]
    return value, closed


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    if x.size < RELATION_DAYS[0]:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    power = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / power if power > 0 else 0.0


def _not_following(
    table: Table, x: np.ndarray, relation: _Relation, now: np.ndarray, unlike_neighbour: np.ndarray
) -> None:
    decided = np.maximum(table.closed, relation.closed)
    far = now[np.abs(relation.residual[now]) > relation.limits[0]]
    unlike_neighbour[far] = decided[far]
    now = now[now >= RESIDUAL_DAYS]
    window = now[:, np.newaxis] + np.arange(-RESIDUAL_DAYS, 1)
    residual = relation.residual[window]
    away = np.abs(residual[:, -1] - np.median(residual[:, :-1], axis=1)) > relation.limits[1]
    unlike_neighbour[now[away]] = np.minimum(unlike_neighbour[now[away]], decided[window[away]].max(axis=1))


def _jumped(
    table: Table, x: np.ndarray, relation: _Relation | None, limit: float, now: np.ndarray, jumped: np.ndarray
) -> None:
    now = now[(now > JUMP_DAYS) & (now + JUMP_DAYS < x.size)]
    window = now[:, np.newaxis] + np.arange(-JUMP_DAYS, JUMP_DAYS + 1)
    before, after = x[window[:, :JUMP_DAYS]], x[window[:, JUMP_DAYS + 1 :]]
    # The day itself has both levels where it has several values.
    share = np.where(np.bincount(table.day, minlength=x.size)[now] == 1, *JUMP_BEGUN)
    step = after[:, 0] - before[:, -1]
    begun = (x[now] - before[:, -1]) * np.sign(step)
    shift = np.median(after, axis=1) - np.median(before, axis=1)
    scatter = np.maximum(np.ptp(before, axis=1), np.ptp(after, axis=1))
    decided = table.closed[window].max(axis=1)
    # A window with a day that is missing is NaN in shift and scatter and is no jump.
    found = (np.abs(step) > limit) & (scatter <= JUMP_QUIET * np.abs(step)) & (begun >= share * np.abs(step))
    if relation is not None:
        # One that feels the river later is waited for, but not for ever.
        beside = relation.closed[window].max(axis=1)
        latest = np.append(table.closed, np.full(LAG_DAYS, NEVER))[window[:, -1] + LAG_DAYS]
        decided = np.where(beside <= latest, np.maximum(decided, beside), latest)
        expected = relation.expected[window]
        moved = np.median(expected[:, JUMP_DAYS + 1 :], axis=1) - np.median(expected[:, :JUMP_DAYS], axis=1)
        found &= ~((beside <= latest) & (moved * np.sign(step) >= JUMP_EXPLAINED * np.abs(shift)))
    found &= decided < NEVER
    # What began on the day before is flagged there.
    jumped[now[found]] = np.where(jumped[now[found] - 1] < NEVER, NEVER, decided[found])


def _clock(history: History, table: Table) -> np.ndarray:
    """Return when the clock of each day was found to be off, shape (day,); NEVER where it was not."""
    size = table.mean.size
    decided = np.full(size, NEVER)
    hour = (history.time[table.rows] // _HOUR) - 24 * table.first
    count = np.bincount(hour, minlength=24 * size)
    full = (count.reshape(size, 24) > 0).sum(axis=1) >= DAY_HOURS
    begin = int(np.argmax(full))  # the years of daily values before need no hours
    if not full.any() or size - begin < TIDE_DAYS + CLOCK_DAYS:
        return decided
    with np.errstate(invalid="ignore"):
        level = (np.bincount(hour, history.value[table.rows], minlength=24 * size) / count)[24 * begin :]
    y = _without_the_flood(level)
    seen = np.isfinite(y)
    y = np.where(seen, y, 0.0).reshape(-1, 24)
    weight = seen.reshape(-1, 24).astype(float)
    waves = _waves(np.arange(-CLOCK_HOURS, level.size + CLOCK_HOURS))
    # Days that are off teach nothing: without them the tide is fitted again, lest the return to the right time is flagged too.
    off = _sides(y, weight, weight, waves) != 0
    fitted = weight.copy()
    fitted[TIDE_DAYS:][off] = 0.0
    side = _sides(y, weight, fitted, waves)

    # The flood is taken out with half a day on either side, so a day also needs the next one.
    known = sliding_window_view(np.append(table.closed[begin:], NEVER), TIDE_DAYS + 2).max(axis=1)
    runs = sliding_window_view(side, CLOCK_DAYS)
    lasting = np.abs(runs.sum(axis=1)) == CLOCK_DAYS
    known_from = np.where(lasting, sliding_window_view(known, CLOCK_DAYS).max(axis=1), NEVER)
    for day in range(begin + TIDE_DAYS, begin + TIDE_DAYS + CLOCK_DAYS):
        part = decided[day : day + known_from.size]
        np.minimum(part, known_from, out=part)
    return decided


def _sides(y: np.ndarray, weight: np.ndarray, fitted: np.ndarray, waves: np.ndarray) -> np.ndarray:
    """To which side the clock of each day is off against the tide of the days before it.

    Parameters
    ----------
    y
        Hourly stage without the flood [m], shape (day, 24).
    weight
        1 where there is one, else 0; same shape.
    fitted
        The same for the hours that the tide may be fitted to.
    waves
        Waves of each hour, from :data:`CLOCK_HOURS` before the first to as many after the last, shape (hour, wave).

    Returns
    -------
    numpy.ndarray
        1 where the days are late, -1 where they are early, 0 where neither is sure; from the TIDE_DAYS-th day on.
    """
    days, size = y.shape[0], y.size
    there = waves[CLOCK_HOURS : CLOCK_HOURS + size].reshape(days, 24, -1)

    def of_last_days(daily: np.ndarray) -> np.ndarray:
        total = np.concatenate([np.zeros_like(daily[:1]), np.cumsum(daily, axis=0)])
        return total[TIDE_DAYS:-1] - total[: -TIDE_DAYS - 1]

    weighted = there * fitted[..., np.newaxis]
    squares = of_last_days(np.swapaxes(weighted, 1, 2) @ there)
    products = of_last_days((weighted * y[..., np.newaxis]).sum(axis=1))
    power = of_last_days((fitted * y**2).sum(axis=1))
    hours = of_last_days(fitted.sum(axis=1))
    fit = np.linalg.solve(squares + 1e-6 * np.eye(squares.shape[1]), products[..., np.newaxis])
    explained = (products * fit[..., 0]).sum(axis=1)
    tidal = (hours >= 12 * TIDE_DAYS) & (explained >= TIDE_R2 * power) & (explained >= hours * TIDE_LEAST**2)

    y, weight = y[TIDE_DAYS:], weight[TIDE_DAYS:]
    shifts = np.arange(-CLOCK_HOURS, CLOCK_HOURS + 1)
    misfit = np.empty((days - TIDE_DAYS, shifts.size))
    for i, shift in enumerate(shifts):
        moved = waves[CLOCK_HOURS - shift : CLOCK_HOURS - shift + size].reshape(days, 24, -1)[TIDE_DAYS:]
        misfit[:, i] = (weight * (y - (moved @ fit)[..., 0]) ** 2).sum(axis=1)
    best = np.argmin(misfit, axis=1)
    least, usual = misfit[np.arange(best.size), best], misfit[:, CLOCK_HOURS]
    sure = tidal & (weight.sum(axis=1) >= DAY_HOURS) & (least < CLOCK_SHARE * usual)
    return np.where(sure, np.sign(shifts[best]), 0)


def _without_the_flood(level: np.ndarray) -> np.ndarray:
    """Return hourly levels less their mean over 25 hours around them, NaN where fewer than 20 of these are there."""
    there = np.isfinite(level)
    kernel = np.ones(25)
    count = np.convolve(there, kernel, mode="same")
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.convolve(np.where(there, level, 0.0), kernel, mode="same") / count
    return np.where(there & (count >= 20), level - mean, np.nan)


def _waves(hour: np.ndarray) -> np.ndarray:
    """Return one and the cosine and sine of each tide at each hour, shape (hour, 1 + 2 tides)."""
    phase = 2 * np.pi * hour[:, np.newaxis] / np.array(TIDE_HOURS)
    return np.concatenate([np.ones((hour.size, 1)), np.cos(phase), np.sin(phase)], axis=1)
