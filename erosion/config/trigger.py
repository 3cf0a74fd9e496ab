"""Settings of the trigger: what of water levels, rain and forecast raises a warning for a night."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from erosion.config.problems import Problems
from erosion.config.records import Key

TRIGGER_LEVELS: Final = (1, 2, 3)
MOST_POINTS: Final = 3.0
"""The sum of the terms' points is cut there; a level of the trigger is a whole point."""


RAIN_DAYS: Final = (1, 3, 7, 30)


@dataclass(frozen=True, kw_only=True)
class Drawdown:
    """Fall of the stage: water stands in the bank and no longer against it."""

    days: Annotated[int, Key("the fall is taken over so many days", "day", low=1, high=14)]
    points: Annotated[float, Key("points at the full value", low=0, high=MOST_POINTS)]
    start: Annotated[float, Key("fall from which points begin", "unit of the trigger", low=0)]
    full: Annotated[float, Key("fall that gives all points", "unit of the trigger", above=0)]


@dataclass(frozen=True, kw_only=True)
class LowWater:
    """First passage of the season below the low-water mark: the foot of the bank comes free."""

    within_days: Annotated[int, Key("points fall to none in so many days after the passage", "day", low=1)]
    points: Annotated[float, Key("points on the day of the passage", low=0, high=MOST_POINTS)]


@dataclass(frozen=True, kw_only=True)
class RainOnLowWater:
    """Rain while the stage is below the low-water mark: a wet, heavy bank without water against it."""

    days: Annotated[int, Key("rain of so many days: 1, 3, 7 or 30", "day")]
    points: Annotated[float, Key("points at the full value", low=0, high=MOST_POINTS)]
    start: Annotated[float, Key("rain from which points begin", "mm", low=0)]
    full: Annotated[float, Key("rain that gives all points", "mm", above=0)]


@dataclass(frozen=True, kw_only=True)
class AboveAlarm:
    """Stage above the alarm levels: 0 at alarm 1, 1 at alarm 3."""

    points: Annotated[float, Key("points at the full value", low=0, high=MOST_POINTS)]
    start: Annotated[float, Key("share of the way from alarm 1 to 3 from which points begin", "1")] = 0.0
    full: Annotated[float, Key("share of that way that gives all points", "1")] = 1.0


@dataclass(frozen=True, kw_only=True)
class ForecastFall:
    """Fall from the newest stage to the lowest that is forecast."""

    days: Annotated[int, Key("days of the forecast that count", "day", low=1, high=10)]
    points: Annotated[float, Key("points at the full value", low=0, high=MOST_POINTS)]
    start: Annotated[float, Key("fall from which points begin", "unit of the trigger", low=0)]
    full: Annotated[float, Key("fall that gives all points", "unit of the trigger", above=0)]


Term = Drawdown | LowWater | RainOnLowWater | AboveAlarm | ForecastFall


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What of water levels, rain and forecast raises a warning for a night; a term that is not given does not exist."""

    unit: Annotated[
        str,
        Key("m: falls in metres of stage; range: as shares of the gauge's usual yearly range", choices=("m", "range")),
    ]
    max_age_days: Annotated[float, Key("an older reading counts as missing", "day", above=0)] = 3.0
    wave_m_per_s: Annotated[
        float, Key("speed at which a change of stage travels from gauge to gauge", "m/s", above=0)
    ] = 1.0
    drawdown: Annotated[Drawdown | None, Key("fall of the stage")] = None
    low_water: Annotated[LowWater | None, Key("first low water of the season")] = None
    rain_on_low_water: Annotated[RainOnLowWater | None, Key("rain while the stage is low")] = None
    above_alarm: Annotated[AboveAlarm | None, Key("stage above the alarm levels")] = None
    forecast_fall: Annotated[ForecastFall | None, Key("fall that is forecast")] = None
    raises: Annotated[
        dict[int, int], Key("level of the trigger: by how many levels it raises a warning", "level", low=1, high=3)
    ] = dataclasses.field(default_factory=dict)
    raise_from_level: Annotated[
        int, Key("lowest level of a segment that the trigger raises", "level", low=1, high=4)
    ] = 2

    @property
    def terms(self) -> dict[str, Term]:
        """The terms that are given, by name."""
        names = ("drawdown", "low_water", "rain_on_low_water", "above_alarm", "forecast_fall")
        return {name: term for name in names if (term := getattr(self, name)) is not None}


def check_trigger(trigger: Trigger, gauges: Sequence[str], problems: Problems) -> None:
    """Note what is wrong with the trigger of a region that lists these gauges."""
    terms = trigger.terms
    if not terms:
        problems.add("trigger", "has no term; give one, like drawdown, or take the trigger out")
    if not gauges:
        problems.add("trigger", "needs a gauge; name one under gauges, or take the trigger out")
    for name, term in terms.items():
        if not isinstance(term, LowWater) and not term.start < term.full:
            problems.add(
                f"trigger.{name}", f"start {term.start:g} must be below full {term.full:g}; points grow in between"
            )
    rain = trigger.rain_on_low_water
    if rain is not None and rain.days not in RAIN_DAYS:
        problems.add("trigger.rain_on_low_water.days", f"{rain.days} must be one of {', '.join(map(str, RAIN_DAYS))}")
    for level in sorted(set(trigger.raises) - set(TRIGGER_LEVELS)):
        problems.add(f"trigger.raises.{level}", "is no level of the trigger that raises; those are 1, 2 and 3")
    steps = [trigger.raises[level] for level in sorted(trigger.raises)]
    if steps != sorted(steps):
        problems.add("trigger.raises", "must not fall from level 1 to 3; a higher trigger raises as much or more")
    most = min(sum(term.points for term in terms.values()), MOST_POINTS)
    for level in sorted(set(trigger.raises) & set(TRIGGER_LEVELS)):
        if level > most:
            problems.add(
                f"trigger.raises.{level}", f"is never reached; the terms give {most:g} points together at the most"
            )
