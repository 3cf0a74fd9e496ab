"""Quality control: which gauge values are flagged, why, and from when on that could be known.

Every check is causal. A quality flag is a further revision of the value, known from the instant at which the last value that the check
needed was there; so what was known on a date is :func:`erosion.gauges.statistics.known_values` of the checked table, and what
comes later changes nothing of it. What is usual at a gauge is learned anew at the start of each calendar year (UTC) from
what was known by then and not flagged, once that spans :data:`LEARN_DAYS`; before, only limits of the gauge's entry
and very wide ones hold. A revision is judged when it comes and when the values after it come, among the values known then;
later corrections of its neighbours do not judge it again, and a revision of its own starts afresh.

This file has the checks of single values; :mod:`erosion.gauges.quality.days` has those of whole days. What each check
finds and how often it is wrong: docs/gauge-quality.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeChecks
from erosion.core.arrays import NEVER
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FLAGS
from erosion.gauges.known import USED
from erosion.gauges.quality.days import Name, check_days
from erosion.gauges.quality.flags import SUSPECT_FLAGS, QualityFlags, evened, scale_of
from erosion.gauges.quality.revisions import History, chains, years_of

LEARN_DAYS: Final = 729
"""What is usual is learned from values at least so far apart (first and last day of two calendar years) ..."""

LEARN_VALUES: Final = 200
"""... and at least so many."""

REACH_DAYS: Final = 10
"""Values farther apart are not compared."""

DISCHARGE_M3S: Final = (0.0, 400_000.0)
STAGE_M: Final = (-20.0, 60.0)
RAIN_MM: Final = (0.0, 1000.0)
"""Possible values where an entry gives no others: no river carries more, the Amazon at its highest about 300,000; rain is
that of a day."""

FAR_STAGE: Final = 2.0
"""A stage is impossible this many times the usual span beyond it (0.5 % and 99.5 % quantile) ..."""

FAR_DISCHARGE: Final = 10.0
"""... a discharge above this many times the 99.5 % quantile."""

RATE_FACTOR: Final = (5.0, 2.5)
"""A step is flagged above so many times the 99 % and the 99.9 % quantile of the usual steps, whichever is larger."""

SPIKE_USUAL: Final[dict[bool, tuple[float, float]]] = {True: (0.99, 5.0), False: (0.999, 5.0)}
"""A spike is flagged above so many times a quantile of the usual ones, and above the least one below. More often than twice a
day (True) no flood has the shape of a spike, so those are faults, and up to one in a hundred must not become usual."""

SPIKE_LEAST: Final[dict[str, float]] = {"stage": 0.15, "discharge": 0.1}
"""Spikes and steps below this are never flagged: m, and about a share of the discharge."""

UNLEARNED_SPIKE: Final[dict[str, float]] = {"stage": 2.0, "discharge": 1.1}
"""Spike that is flagged before anything is learned: m, and ln 3 of discharge: three times as much, or a third."""

UNLEARNED_STAGE_RATE: Final = 2.0
"""Rise or fall of stage [m/h] that is flagged before anything is learned."""

SHORTEST_STEP_H: Final = 0.25
"""A shorter step counts as this long where a rate [m/h] is asked: waves are no rise."""

SPIKE_WIDTH: Final = 3
"""Values side by side that one spike may have."""

FLAT_FACTOR: Final = 3.0
FLAT_RANK: Final = 3
"""A value may repeat for three times the third longest repetition at such a level (low, middle or high): two dead gauges among
what is learned do no harm. It always may ..."""

FLAT_STEPS: Final = 10
FLAT_LEAST_DAYS: Final = 3.0
"""... for so many steps and days."""

UNLEARNED_FLAT_DAYS: Final = 15.0
"""Longest repetition before anything is learned."""

DUPLICATE_HOURS: Final = 23.0
DUPLICATE_VALUES: Final = (8, 5)
DUPLICATE_CHANGES: Final = 4
DUPLICATE_LAGS: Final = (7, 31)
"""Days repeat others when so long a stretch of at least so many values (sub-daily, daily), with so many changes of value, is
equal to what was there so many days before at the most."""

DUPLICATE_ONE_WAY: Final = 10
"""A stretch that only rises or only falls needs so many values: a low river that loses a centimetre a day goes through
the same readings after every small rise."""

_DAY: Final = 86_400_000_000_000
_HOUR: Final = 3_600_000_000_000
_REACH: Final = REACH_DAYS * _DAY


class _Usual(NamedTuple):
    """What is usual at a gauge by the start of a year; stages in m, discharges in what :func:`evened` makes of them."""

    cadence: float  # ns
    scale: float
    step: float  # larger ones are flagged
    spike: tuple[float, ...]  # the same, by number of values
    thirds: np.ndarray  # between low, middle and high values
    flat: np.ndarray  # ns that a low, middle, high value may repeat


def check_quality(gauges: pd.DataFrame, limits: Mapping[str, GaugeChecks]) -> pd.DataFrame:
    """Return the series with flags on what is impossible or not like the gauge, from the instant on at which that could be decided.

    Parameters
    ----------
    gauges
        Table of :data:`erosion.core.contracts.GAUGE_COLUMNS` with every revision, one row for each gauge, quantity, time and
        ``available_at``, flags 0.
    limits
        Gauge id -> what its entry gives as impossible or suspect; a gauge that is not there has the defaults.

    Returns
    -------
    pandas.DataFrame
        The same columns: every row given, and a further one for each instant at which a value got a further flag.
        Its ``available_at`` is that instant; where that is the value's own, the row itself carries the flags. Sorted by
        gauge, quantity, time and ``available_at``. ``flags`` are those of all checks so far; ``qc`` is suspect with any of
        :data:`SUSPECT_FLAGS`.

    Notes
    -----
    For every date, ``known_values(check_quality(gauges, limits), date)`` is ``known_values(check_quality(gauges of that
    date, limits), date)``: a quality flag rests on nothing that was not known. Values that are missing, or that their source
    itself calls suspect, are neither judged nor used to judge others.
    """
    key = ["gauge_id", "quantity", "time", "available_at"]
    table = gauges.sort_values(key, kind="stable", ignore_index=True)[list(GAUGE_COLUMNS)]
    if table.empty:
        return table
    usable = table["qc"].isin(USED).to_numpy() & np.isfinite(table["value"].to_numpy(float))
    columns = (_ns(table["time"]), _ns(table["available_at"]), table["value"].to_numpy(float), usable)
    at: dict[Name, np.ndarray] = {}
    series: dict[Name, tuple[History, QualityFlags]] = {}
    whose = table["gauge_id"].to_numpy(str), table["quantity"].to_numpy(str)
    first = np.flatnonzero(np.append(True, (whose[0][1:] != whose[0][:-1]) | (whose[1][1:] != whose[1][:-1])))
    for begin, end in zip(first, np.append(first[1:], len(table)), strict=True):
        name = (str(whose[0][begin]), str(whose[1][begin]))
        at[name] = np.arange(begin, end)
        history = History.of(*(column[begin:end] for column in columns))
        series[name] = _check_values(history, name[1], limits.get(name[0], GaugeChecks()))
    check_days(series)
    return _with_revisions(
        table, [(at[name], history, quality_flags) for name, (history, quality_flags) in series.items()]
    )


def _ns(instants: pd.Series) -> np.ndarray:
    return pd.DatetimeIndex(instants).as_unit("ns").asi8


def _with_revisions(table: pd.DataFrame, series: Sequence[tuple[np.ndarray, History, QualityFlags]]) -> pd.DataFrame:
    """Return the series with a row for each instant at which a value got a further flag."""
    rows, bits, instants = [], [], []
    for at, history, quality_flags in series:
        if not quality_flags.rows:
            continue
        row, instant = np.concatenate(quality_flags.rows), np.concatenate(quality_flags.instants)
        standing = instant < history.until[row]  # a quality flag of what was corrected meanwhile is of no use
        rows.append(at[row[standing]])
        bits.append(np.concatenate(quality_flags.bits)[standing])
        instants.append(instant[standing])
    if not rows or not sum(part.size for part in rows):
        return table
    found = pd.DataFrame(
        {"row": np.concatenate(rows), "bit": np.concatenate(bits), "instant": np.concatenate(instants)}
    )
    found = found.groupby(["row", "bit"])["instant"].min().reset_index()
    found = found.sort_values(["row", "instant"], kind="stable")
    found["flags"] = found.groupby("row")["bit"].cumsum()
    found = found.drop_duplicates(["row", "instant"], keep="last")
    more = table.iloc[found["row"].to_numpy()].copy()
    more["flags"] = found["flags"].to_numpy()
    suspect = sum(GAUGE_FLAGS[flag] for flag in SUSPECT_FLAGS)
    more["qc"] = more["qc"].mask(more["flags"] & suspect > 0, "suspect")
    more["available_at"] = pd.DatetimeIndex(found["instant"].to_numpy(), tz="UTC").as_unit(
        table["available_at"].dt.unit
    )
    key = ["gauge_id", "quantity", "time", "available_at"]
    # A flag of the value's own instant takes the place of its row.
    out = pd.concat([table, more]).sort_values(key, kind="stable")
    return out.drop_duplicates(key, keep="last", ignore_index=True)


def _check_values(history: History, quantity: str, checks: GaugeChecks) -> tuple[History, QualityFlags]:
    """Return the history without what is out of range, and the flags of every check of single values."""
    quality_flags = QualityFlags(history.time.size)
    _check_range(history, quantity, checks, quality_flags)
    history = history.without(quality_flags.since < NEVER)
    rows = np.flatnonzero(history.usable)
    before = np.full(history.time.size, -1)
    before[rows] = history.nearest(rows, history.available[rows], -1, 1, _REACH)[:, 0]
    _check_duplicates(history, before, quality_flags)
    _check_usual(history, quantity, checks, before, quality_flags)
    return history, quality_flags


def _check_range(history: History, quantity: str, checks: GaugeChecks, quality_flags: QualityFlags) -> None:
    given, default = {
        "stage": (checks.stage_m, STAGE_M),
        "discharge": (checks.discharge_m3s, DISCHARGE_M3S),
        "rain": (checks.rain_mm, RAIN_MM),
    }[quantity]
    low, high = given or default
    value = history.value
    flagged = history.usable & ((value < low) | (value > high))
    quality_flags.add("range", np.flatnonzero(flagged), history.available[flagged])
    if given or quantity == "rain":
        return
    for start, stop in years_of(history.available):
        rows = history.standing(start)
        rows = rows[quality_flags.since[rows] >= start]
        if not _enough(history.time[rows]):
            continue
        low, middle, high = np.quantile(value[rows], (0.005, 0.5, 0.995))
        if quantity == "stage":
            span = max(high - low, SPIKE_LEAST["stage"])
            low, high = low - FAR_STAGE * span, high + FAR_STAGE * span
        else:
            low, high = -np.inf, FAR_DISCHARGE * max(high, middle) if high > 0 else np.inf
        now = (history.available >= start) & (history.available < stop) & history.usable
        far = np.flatnonzero(now & ((value < low) | (value > high)))
        quality_flags.add("range", far, history.available[far])


def _check_duplicates(history: History, before: np.ndarray, quality_flags: QualityFlags) -> None:
    """Flag stretches that repeat value by value what was there whole days earlier."""
    time, value = history.time, history.value
    gap = np.where(before >= 0, time - time[before], NEVER)
    daily = gap >= _DAY // 2
    for lag in range(1, DUPLICATE_LAGS[1] + 1):
        rows = np.flatnonzero(history.usable & (daily if lag > DUPLICATE_LAGS[0] else True))
        place = np.searchsorted(history.times, time[rows] - lag * _DAY)
        place = np.minimum(place, history.times.size - 1)
        there = history.times[place] == time[rows] - lag * _DAY
        rows, place = rows[there], place[there]
        earlier = history.known(place, history.available[rows])
        rows = rows[(earlier >= 0) & (value[rows] == value[earlier])]
        if rows.size < min(DUPLICATE_VALUES):
            continue
        same = np.zeros(time.size, dtype=bool)
        same[rows] = True
        link = np.where(same & (before >= 0) & same[before] & (gap <= 3 * _DAY // 2), before, -1)
        start, count = chains(link, np.ones(time.size, dtype=int))
        _, rises = chains(link, (value > value[before]).astype(int))
        _, falls = chains(link, (value < value[before]).astype(int))
        lasted = time - time[start]
        often = lasted < _DAY // 2 * count  # more often than every twelve hours
        many = np.where(often, count + 1 >= DUPLICATE_VALUES[0], (count + 1 >= DUPLICATE_VALUES[1]) & (lag >= 5))
        enough = rises + falls >= DUPLICATE_CHANGES
        enough &= (np.minimum(rises, falls) > 0) | (count + 1 >= DUPLICATE_ONE_WAY)
        repeats = same & many & enough & (lasted >= DUPLICATE_HOURS * _HOUR)
        _flag_chains("duplicated_day", history, start, repeats, same, quality_flags)


def _flag_chains(
    flag: str,
    history: History,
    start: np.ndarray,
    decided: np.ndarray,
    members: np.ndarray,
    quality_flags: QualityFlags,
) -> None:
    """Flag every member of a chain from the instant at which its first value was decided, or its own if that is later."""
    rows = np.flatnonzero(decided)
    if not rows.size:
        return
    since = np.full(start.size, NEVER)
    np.minimum.at(since, start[rows], history.available[rows])
    flagged = np.flatnonzero(members & (since[start] < NEVER))
    quality_flags.add(flag, flagged, np.maximum(history.available[flagged], since[start[flagged]]))


def _check_usual(
    history: History, quantity: str, checks: GaugeChecks, before: np.ndarray, quality_flags: QualityFlags
) -> None:
    """Flag spikes, fast steps and repetitions against what was usual by the start of each year."""
    time, value, available = history.time, history.value, history.available
    followed = history.followed(SPIKE_WIDTH) if quantity != "rain" else np.empty((0, time.size), dtype=np.int64)
    orders = [np.argsort(instants, kind="stable") for instants in (available, *followed)]
    start, repeats = chains(
        np.where((before >= 0) & (value == value[before]), before, -1), np.ones(time.size, dtype=int)
    )
    lasted = time - time[start]
    # Each value in the order of time stands next to the one that was before it when it came; steps alone are judged so.
    fast = np.zeros(time.size, dtype=bool)
    for first, stop in years_of(history.available):
        known = history.standing(first)
        usual = _learn(history, quantity, known[quality_flags.since[known] >= first])
        now = _slice(orders[0], available, first, stop, history)
        long = lasted[now] > _flat_limit(usual, checks, value[now])
        long &= (repeats[now] >= FLAT_STEPS // 2) & ((value[now] != 0) | (quantity != "rain"))
        decided = np.zeros(time.size, dtype=bool)
        decided[now[long]] = True
        going_on = np.arange(time.size) != start
        _flag_chains("flat_line", history, start, decided, going_on, quality_flags)
        if quantity == "rain":
            continue
        for later, instants in enumerate(followed, start=1):
            rows = _slice(orders[later], instants, first, stop, history)
            _check_spikes(history, quantity, usual, rows, instants[rows], later, quality_flags)
        near = now[before[now] >= 0]
        near = near[quality_flags.since[before[near]] > available[near]]
        fast[near] = _fast(history, quantity, checks, usual, near, before[near])
    # A value is not held against one that is flagged, so that the way back from a fault is none: in a row of fast steps it
    # is every second one that counts.
    _, steps = chains(np.where(fast & (before >= 0) & fast[before], before, -1), np.ones(time.size, dtype=int))
    rows = np.flatnonzero(fast & (steps % 2 == 0))
    quality_flags.add("rate", rows, available[rows])


def _check_spikes(
    history: History,
    quantity: str,
    usual: _Usual | None,
    rows: np.ndarray,
    instants: np.ndarray,
    later: int,
    quality_flags: QualityFlags,
) -> None:
    """Flag rows in spikes that end ``later`` values after them, decided when that many later values are known."""
    time = history.time
    after = history.nearest(rows, instants, 1, later, _REACH)
    some = after[:, -1] >= 0
    rows, instants, after = rows[some], instants[some], after[some]
    before = history.nearest(rows, instants, -1, SPIKE_WIDTH + 1 - later, _REACH)
    for width in range(later, SPIKE_WIDTH + 1):
        earlier = width - later  # values of the spike before the row
        members = [*before[:, :earlier].T, rows, *after[:, :-1].T]
        left, right = before[:, earlier], after[:, -1]
        span = time[right] - time[left]
        if usual is None:
            limit, scale, longest = UNLEARNED_SPIKE[quantity], 1.0, 4.0 * _DAY
        else:
            limit, scale, longest = usual.spike[width - 1], usual.scale, 1.5 * usual.cadence * (width + 1)
        even = [evened(history.value[member], quantity, scale) for member in (left, *members, right)]
        spiked = (left >= 0) & (span <= longest) & (_spike(even[0], even[1:-1], even[-1]) > limit)
        quality_flags.add("spike", rows[spiked], instants[spiked])


def _spike(left: np.ndarray, members: Sequence[np.ndarray], right: np.ndarray) -> np.ndarray:
    """Return how far all members lie off the values on both sides, 0 where those two do not agree; shape (n,)."""
    highest, lowest = np.maximum(left, right), np.minimum(left, right)
    above = np.min([member - highest for member in members], axis=0)
    below = np.min([lowest - member for member in members], axis=0)
    off = np.maximum(np.maximum(above, below), 0.0)
    return np.where(highest - lowest <= off, off, 0.0)


def _fast(
    history: History, quantity: str, checks: GaugeChecks, usual: _Usual | None, rows: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """Rows that differ from the one before by more than a river does; boolean of shape (n,)."""
    gap = (history.time[rows] - history.time[before]).astype(float)
    hours = np.maximum(gap / _HOUR, SHORTEST_STEP_H)
    fast = np.zeros(rows.size, dtype=bool)
    if quantity == "stage":
        # A limit for an hour means little for a day: what was learned holds beside it.
        per_hour = checks.stage_m_per_hour or (UNLEARNED_STAGE_RATE if usual is None else np.inf)
        fast |= np.abs(history.value[rows] - history.value[before]) > per_hour * hours
    if usual is not None:
        limit = usual.step * np.maximum(gap / usual.cadence, 1.0)
        step = evened(history.value[rows], quantity, usual.scale) - evened(history.value[before], quantity, usual.scale)
        fast |= np.abs(step) > limit
    return fast


def _flat_limit(usual: _Usual | None, checks: GaugeChecks, value: np.ndarray) -> np.ndarray:
    """Return how long each value may repeat [ns], shape (n,)."""
    if checks.flat_days is not None:
        return np.full(value.size, checks.flat_days * _DAY)
    if usual is None:
        return np.full(value.size, UNLEARNED_FLAT_DAYS * _DAY)
    return usual.flat[np.searchsorted(usual.thirds, value)]


def _learn(history: History, quantity: str, rows: np.ndarray) -> _Usual | None:
    """Return what is usual by rows in the order of time; None where they are too few."""
    time, value = history.time[rows], history.value[rows]
    if not _enough(time):
        return None
    gap = np.diff(time)
    cadence = float(np.median(gap))
    scale = scale_of(value, quantity)
    even = evened(value, quantity, scale)
    least = SPIKE_LEAST.get(quantity, np.inf)
    steps = np.abs(np.diff(even))[gap <= 1.5 * cadence]
    step = max(least, *(np.array(RATE_FACTOR) * np.quantile(steps, (0.99, 0.999)))) if steps.size else np.inf
    share, factor = SPIKE_USUAL[cadence < _DAY // 2]
    spike = []
    for width in range(1, SPIKE_WIDTH + 1):
        end = even.size - width - 1
        off = _spike(even[:end], [even[1 + i : 1 + i + end] for i in range(width)], even[width + 1 :])
        off = off[time[width + 1 :] - time[:end] <= 1.5 * cadence * (width + 1)]
        spike.append(max(least, factor * float(np.quantile(off, share))) if off.size else np.inf)
    thirds = np.quantile(value, (1 / 3, 2 / 3))
    first = np.flatnonzero(np.append(True, (np.diff(value) != 0) | (gap > _REACH)))
    lasted = time[np.append(first[1:], time.size) - 1] - time[first]
    third = np.searchsorted(thirds, value[first])
    usual = [np.sort(lasted[third == i])[::-1][FLAT_RANK - 1 : FLAT_RANK] for i in range(3)]
    longest = np.array([part[0] if part.size else 0.0 for part in usual])
    flat = np.maximum(FLAT_FACTOR * longest, max(FLAT_STEPS * cadence, FLAT_LEAST_DAYS * _DAY))
    return _Usual(cadence, scale, float(step), tuple(spike), thirds, flat)


def _enough(time: np.ndarray) -> bool:
    return time.size >= LEARN_VALUES and bool(time[-1] - time[0] >= LEARN_DAYS * _DAY)


def _slice(order: np.ndarray, instants: np.ndarray, first: int, stop: int, history: History) -> np.ndarray:
    """Return the rows that are usable and stand at their instant, for instants from ``first`` to before ``stop``."""
    begin, end = np.searchsorted(instants, (first, stop), sorter=order)
    rows = order[begin:end]
    return rows[history.usable[rows] & (instants[rows] < history.until[rows])]
