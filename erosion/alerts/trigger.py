"""The nightly trigger: what water levels, rain and a forecast of them add to a warning for a night.

Plain arithmetic on as-of statistics, so that every point can be shown with the number behind it. Each configured term
gives points that grow in a straight line from ``start`` to ``full``; the sum, cut at three, is the trigger's value and its
whole part the level, 0 to 3. Arrays of any shape go in and out: one night of many segments, or many nights of one gauge.

Nothing unknown is called low. Where the reach's stage is missing or too old the level is unknown (-1) whatever else is
known. Where another term is unknown the sum is "at least": a level of one or more stands as at least, level 0 does not.
``most`` is what the level may be at most as far as is known; where everything is known it is the level itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.config.trigger import MOST_POINTS, LowWater, Term, Trigger
from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.core.contracts import as_of_instant
from erosion.core.vocabulary import TermState
from erosion.gauges.statistics.between_gauges import Station, levels_along
from erosion.gauges.statistics.definitions import SPANS
from erosion.gauges.statistics.levels import level_statistics, levels_of
from erosion.gauges.statistics.per_gauge import gauge_statistics
from erosion.gauges.statistics.windows import Dates, revisions

UNKNOWN: Final = -1

MIN_FORECAST: Final = 0.6
"""Share of the days ahead that a forecast must cover for its lowest stage to be used."""


class Gauge(NamedTuple):
    """A gauge assigned to a reach."""

    gauge_id: str
    title: str
    """What a reader calls it."""
    alarm_levels_m: tuple[float, ...] = ()
    """Stages of alarm 1 to 3 [m], none where there are none."""
    chainage_m: float = np.nan
    """Where it stands on the reach's centre line [m]."""
    datum: str | None = None
    """Zero of its stage."""


class Facts(NamedTuple):
    """What is known of the water at some places on some dates, arrays of one shape; NaN is unknown."""

    age_days: FloatArray
    """Age of the newest stage [day]."""
    fall: FloatArray
    """How far the stage has fallen over the days of ``drawdown``, in the unit of the trigger; negative is a rise."""
    passage_days: FloatArray
    """Days since the stage first passed below the low-water mark this season; infinite where it has not."""
    above_mark: FloatArray
    """Stage above the low-water mark, in any unit; only its sign counts."""
    rain_mm: FloatArray
    """Rain over the days of ``rain_on_low_water`` [mm]; of readings that are not too old."""
    alarm_share: FloatArray
    """0 at alarm 1, 1 at alarm 3; of a reading that is not too old."""
    forecast_fall: FloatArray
    """Fall from the newest stage to the lowest that is forecast, in the unit of the trigger."""


class TermPoints(NamedTuple):
    """Points of one term, arrays of one shape."""

    value: FloatArray
    """The number behind the points; NaN where there is none."""
    points: FloatArray
    """NaN where they are unknown."""


@dataclass(frozen=True)
class Weighed:
    """Levels and points of the trigger, arrays of one shape."""

    level: NDArray[np.int8]
    """0 to 3, -1 unknown."""
    most: NDArray[np.int8]
    """Highest level that is possible as far as is known, 0 to 3."""
    points: FloatArray
    """Sum of the known points, at most three; NaN where the stage is unknown."""
    terms: Mapping[str, TermPoints]
    old: BoolArray
    """Whether there is a stage and it is too old."""


def weigh(trigger: Trigger, facts: Facts) -> Weighed:
    """Return the points of every term and the level of the trigger.

    Parameters
    ----------
    trigger
        The region's trigger.
    facts
        What is known, arrays of one shape.

    Returns
    -------
    Weighed
        Arrays of that shape.
    """
    fresh = facts.age_days <= trigger.max_age_days  # false where there is no age
    terms = {name: _term(name, term, facts, fresh) for name, term in trigger.terms.items()}
    shape = facts.age_days.shape
    total = np.sum([np.nan_to_num(term.points) for term in terms.values()], axis=0) if terms else np.zeros(shape)
    open_points = np.zeros(shape)
    for name, term in terms.items():
        open_points += np.where(np.isnan(term.points), trigger.terms[name].points, 0.0)
    points = np.minimum(total, MOST_POINTS)
    level, most = _whole(points), _whole(np.minimum(total + open_points, MOST_POINTS))
    unsure = open_points > 0
    level = np.where(~fresh | (unsure & (level == 0)), UNKNOWN, level)
    return Weighed(
        level=level.astype(np.int8),
        most=np.where(fresh, most, int(MOST_POINTS)).astype(np.int8),
        points=np.where(fresh, points, np.nan),
        terms=terms,
        old=np.isfinite(facts.age_days) & ~fresh,
    )


def _whole(points: FloatArray) -> FloatArray:
    """Return whole points; rounding errors below 1e-9 do not lower them."""
    floor: FloatArray = np.floor(points + 1e-9)
    return floor


def _term(name: str, term: Term, facts: Facts, fresh: BoolArray) -> TermPoints:
    if name == "drawdown":
        value = np.where(fresh, facts.fall, np.nan)
        return TermPoints(value, _line(term, value))
    if name == "low_water":
        days = np.where(fresh, facts.passage_days, np.nan)
        return TermPoints(np.where(np.isfinite(days), days, np.nan), _line(term, days))
    if name == "rain_on_low_water":
        points = _line(term, facts.rain_mm)
        above = np.where(fresh, facts.above_mark, np.nan)
        # Too little rain gives nothing whatever the stage, and a high stage nothing whatever the rain.
        points = np.where(above >= 0, 0.0, np.where(np.isnan(above) & (points > 0), np.nan, points))
        return TermPoints(facts.rain_mm, points)
    value = facts.alarm_share if name == "above_alarm" else facts.forecast_fall
    return TermPoints(value, _line(term, value))


def _ends(term: Term) -> tuple[float, float]:
    """Return the value from which points begin, and the value that gives all of them."""
    return (float(term.within_days), 0.0) if isinstance(term, LowWater) else (term.start, term.full)


def _line(term: Term, value: FloatArray) -> FloatArray:
    start, full = _ends(term)
    line: FloatArray = term.points * np.clip((value - start) / (full - start), 0.0, 1.0)
    return line


class Water(NamedTuple):
    """State of the water from the gauges of a reach at some places on some dates."""

    facts: Facts
    """Arrays of shape (place, as_of)."""
    whose: Mapping[str, IntArray]
    """Term to the positions of the gauges above and below that its number is from, the same twice where it is one alone;
    shape (place, as_of, 2)."""
    age_days: Mapping[str, FloatArray]
    """Term to the age of the data behind it [day], shape (place, as_of)."""
    reporting: BoolArray
    """Which gauges reported a level in the last two years, shape (gauge, as_of)."""
    low_month: FloatArray
    """Month of low water at the gauge whose level it is, 1 to 12, shape (as_of,)."""


def water_on(
    trigger: Trigger,
    gauges: Sequence[Gauge],
    series: pd.DataFrame,
    forecasts: pd.DataFrame | None,
    dates: Dates,
) -> Water:
    """Return what was known of the water of a reach on each of some dates.

    Parameters
    ----------
    trigger
        The region's trigger.
    gauges
        Gauges of the reach, the main one first.
    series
        Gauge table (see :data:`erosion.core.contracts.GAUGE_COLUMNS`).
    forecasts
        Forecast table (see :data:`erosion.core.contracts.GAUGE_FORECAST_COLUMNS`).
    dates
        Dates of the products, shape (as_of,).

    Returns
    -------
    Water
        One place: the reach as a whole.

    Notes
    -----
    The stage (with unit ``range`` the level, discharge where there is no stage) is that of the first gauge of which any was
    known in two years. Alarm levels, rain and forecast may each be another gauge's: the first that has them on the date.
    """
    ids = [gauge.gauge_id for gauge in gauges]
    mine = series[series["gauge_id"].isin(ids)]
    ahead = None if forecasts is None else forecasts[forecasts["gauge_id"].isin(ids)]
    alarms = {gauge.gauge_id: gauge.alarm_levels_m for gauge in gauges if gauge.alarm_levels_m}
    quantities = ("stage",) if trigger.unit == "m" else ("stage", "discharge")
    statistics = gauge_statistics(mine, dates, alarms, ahead, quantities=quantities).reindex(gauge_id=ids)
    level = _of_level(trigger, {str(name): values.to_numpy() for name, values in statistics.data_vars.items()}, dates)

    def of(name: str) -> FloatArray:
        values: FloatArray = statistics[name].to_numpy()
        return values

    rain_age = of("rain_age_days")
    rain_days = trigger.rain_on_low_water.days if trigger.rain_on_low_water else 1
    rain = np.where(rain_age <= trigger.max_age_days, of(f"rain_{rain_days}d"), np.nan)
    fresh = level.age_days <= trigger.max_age_days
    share = np.where(fresh, of("alarm_share"), np.nan)
    days = trigger.forecast_fall.days if trigger.forecast_fall else 1
    forecast = statistics["forecast"].sel(ahead=slice(1, days)).to_numpy()
    enough = np.isfinite(forecast).sum(axis=2) >= MIN_FORECAST * days
    low = np.where(np.isfinite(forecast), forecast, np.inf).min(axis=2)
    coming = np.where(fresh & enough, (of("value") - low) / _scale(trigger, of("range_usual")), np.nan)

    main = _first(np.isfinite(level.age_days), 0)
    with_alarm = next((place for place, gauge in enumerate(gauges) if gauge.alarm_levels_m), 0)
    whose = {
        "drawdown": main,
        "low_water": main,
        "rain_on_low_water": _first(np.isfinite(rain), 0),
        "above_alarm": _first(np.isfinite(share), with_alarm),
        "forecast_fall": _first(np.isfinite(coming), 0),
    }
    ages = {"rain_on_low_water": rain_age, "forecast_fall": of("forecast_age_days")}

    def take(values: FloatArray, name: str = "drawdown") -> FloatArray:
        taken: FloatArray = np.take_along_axis(values, whose[name][np.newaxis], axis=0)
        return taken

    return Water(
        facts=Facts(
            take(level.age_days),
            take(level.fall),
            take(level.passage_days),
            take(level.above_mark),
            take(rain, "rain_on_low_water"),
            take(share, "above_alarm"),
            take(coming, "forecast_fall"),
        ),
        whose={name: np.repeat(position[np.newaxis, :, np.newaxis], 2, axis=2) for name, position in whose.items()},
        age_days={name: take(ages.get(name, level.age_days), name) for name in whose},
        reporting=np.isfinite(level.age_days),
        low_month=take(of("water_year_month"))[0],
    )


def water_along(
    trigger: Trigger,
    gauges: Sequence[Gauge],
    chainage_m: FloatArray,
    series: pd.DataFrame,
    forecasts: pd.DataFrame | None,
    as_of: pd.Timestamp | str,
) -> Water:
    """Return what was known of the water at places along a reach on one night.

    Parameters
    ----------
    trigger, gauges, series, forecasts
        As of :func:`water_on`.
    chainage_m
        The places, shape (place,) [m].
    as_of
        The date.

    Returns
    -------
    Water
        The stage of each place lies between those of the gauges above and below it (see
        :func:`erosion.gauges.statistics.between_gauges.stage_along`); beyond the last gauge, with one gauge alone, or with unit ``range``, it is
        one gauge's.

    Raises
    ------
    MixedDatumsError
        If the gauges count their stage from different zeros.
    """
    water = water_on(trigger, gauges, series, forecasts, [as_of])
    zeros = np.zeros(len(chainage_m), np.int64)
    everywhere = Water(
        Facts(*(values[zeros] for values in water.facts)),
        {name: pair[zeros] for name, pair in water.whose.items()},
        {name: age[zeros] for name, age in water.age_days.items()},
        water.reporting,
        water.low_month,
    )
    standing = _standing(gauges, water.reporting[:, 0])
    if trigger.unit != "m" or len(standing) < 2:
        return everywhere
    stations = [Station(gauges[k].gauge_id, gauges[k].chainage_m, gauges[k].datum) for k in standing]
    theirs = series[series["gauge_id"].isin([station.gauge_id for station in stations])]
    levels = levels_of(revisions(theirs, "stage"), "stage")
    along = levels_along(levels, stations, chainage_m, trigger.wave_m_per_s)
    level = _of_level(trigger, level_statistics(along, pd.DatetimeIndex([as_of])), [as_of])
    at = np.array([station.chainage_m for station in stations])
    above = np.clip(np.searchsorted(at, chainage_m, side="right") - 1, 0, at.size - 1)
    below = np.clip(np.searchsorted(at, chainage_m, side="left"), 0, at.size - 1)
    pair = np.array(standing)[np.stack([above, below], axis=-1)][:, np.newaxis]
    of_stage = ("drawdown", "low_water")
    return Water(
        everywhere.facts._replace(**level._asdict()),
        {**everywhere.whose, **dict.fromkeys(of_stage, pair)},
        {**everywhere.age_days, **dict.fromkeys(of_stage, level.age_days)},
        water.reporting,
        water.low_month,
    )


def _standing(gauges: Sequence[Gauge], reporting: BoolArray) -> list[int]:
    """Return the positions of the reporting gauges, from the uppermost down; of two in one place the one listed first."""
    found: dict[float, int] = {}
    for place in np.flatnonzero(reporting).tolist():
        if np.isfinite(gauges[place].chainage_m):
            found.setdefault(gauges[place].chainage_m, place)
    return [found[chainage] for chainage in sorted(found)]


class _Level(NamedTuple):
    """The first of the :class:`Facts`, those of the level, of gauges or places; shape (place, as_of)."""

    age_days: FloatArray
    fall: FloatArray
    passage_days: FloatArray
    above_mark: FloatArray


def _of_level(trigger: Trigger, statistics: Mapping[str, FloatArray], dates: Dates) -> _Level:
    """Return the facts of a level from its statistics."""
    span = trigger.drawdown.days if trigger.drawdown else 1
    above_mark = statistics["value"] - statistics["low_mark"]
    # In the first days of a season its readings are still to come: the newest ones, of the season before, stand for them.
    instants = pd.DatetimeIndex([as_of_instant(date) for date in dates])
    begins = (instants.month.to_numpy() == statistics["low_water_year_month"]) & (
        instants.day.to_numpy() <= trigger.max_age_days
    )
    not_passed = (statistics["low_mark_passed"] == 0) | (
        np.isnan(statistics["low_mark_passed"])
        & begins
        & (statistics["age_days"] <= trigger.max_age_days)
        & (above_mark >= 0)
    )
    return _Level(
        age_days=statistics["age_days"],
        fall=-statistics["change"][..., SPANS.index(span)] / _scale(trigger, statistics["range_usual"]),
        passage_days=np.where(not_passed, np.inf, statistics["days_since_low_mark"]),
        above_mark=above_mark,
    )


def _scale(trigger: Trigger, range_usual: FloatArray) -> FloatArray:
    """Return the divisor that brings a difference of levels into the unit of the trigger."""
    if trigger.unit == "m":
        return np.ones_like(range_usual)
    return np.where(range_usual > 0, range_usual, np.nan)


def _first(known: BoolArray, otherwise: int) -> IntArray:
    """Return the position of the first gauge with a value, shape (as_of,); ``known`` has shape (gauge, as_of)."""
    return np.where(known.any(axis=0), known.argmax(axis=0), otherwise)


class TermSource(NamedTuple):
    """Gauge and day of the number behind a term."""

    gauge: str
    """Identifier of the gauge; two joined by ``+`` where the number lies between them."""
    title: str
    """What a reader calls it."""
    time: str | None
    """UTC day of the newest reading, or on which the forecast was made; None without one."""


def term_sources(water: Water, gauges: Sequence[Gauge], as_of: pd.Timestamp | str) -> dict[str, list[TermSource]]:
    """Return the source of each term at each place, for water on one date.

    Parameters
    ----------
    water
        From :func:`water_on`, of one date.
    gauges
        The gauges it was made from.
    as_of
        The date.

    Returns
    -------
    dict
        Term to the source of its number, one a place.
    """
    today = as_of_instant(as_of).tz_localize(None).normalize()
    out: dict[str, list[TermSource]] = {}
    for name, pairs in water.whose.items():
        found = []
        for (above, below), age in zip(pairs[:, 0].tolist(), water.age_days[name][:, 0].tolist(), strict=True):
            names = [gauges[k] for k in dict.fromkeys((above, below))]
            day = None if np.isnan(age) else f"{today - pd.Timedelta(days=age):%Y-%m-%d}"
            found.append(TermSource("+".join(g.gauge_id for g in names), " – ".join(g.title for g in names), day))
        out[name] = found
    return out


def term_records(trigger: Trigger, weighed: Weighed, sources: Mapping[str, Sequence[TermSource]]) -> list[str]:
    """Return the terms of every place as they are published, for one night.

    Parameters
    ----------
    trigger
        The region's trigger.
    weighed
        From :func:`weigh`, arrays of shape (place,).
    sources
        Term to the source of its number, one a place.

    Returns
    -------
    list of str
        One JSON list of ``{term, points, of, value, unit, days, start, full, gauge, title, time, state}`` a place, a
        term each: ``points`` out of ``of``, both with ``value`` null where unknown; ``unit`` m, range, day, mm or 1;
        ``state`` known, unknown or old (the stage is older than ``max_age_days``).
    """
    texts: dict[tuple[Any, ...], str] = {}
    out = []
    for place in range(weighed.level.size):
        found = [
            (float(term.value[place]).hex(), float(term.points[place]).hex(), sources[name][place])
            for name, term in weighed.terms.items()
        ]
        key = (*found, bool(weighed.old[place]))
        if key not in texts:
            records = [_record(trigger, name, weighed, sources[name][place], place) for name in weighed.terms]
            texts[key] = json.dumps(records, ensure_ascii=False)
        out.append(texts[key])
    return out


def _record(trigger: Trigger, name: str, weighed: Weighed, source: TermSource, place: int) -> dict[str, Any]:
    term, found = trigger.terms[name], weighed.terms[name]
    value, points = found.value[place], found.points[place]
    if np.isfinite(points):
        state = TermState.KNOWN
    else:
        of_rain = name == "rain_on_low_water" and np.isnan(value)
        state = TermState.OLD if weighed.old[place] and not of_rain else TermState.UNKNOWN
    start, full = _ends(term)
    return {
        "term": name,
        "points": _number(points),
        "of": term.points,
        "value": _number(value),
        "unit": _UNITS.get(name, trigger.unit),
        "days": start if isinstance(term, LowWater) else getattr(term, "days", None),
        "start": start,
        "full": full,
        "gauge": source.gauge,
        "title": source.title,
        "time": source.time,
        "state": state,
    }


_UNITS: Final = {"low_water": "day", "rain_on_low_water": "mm", "above_alarm": "1"}
"""Units of terms that do not have the trigger's."""


def _number(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
