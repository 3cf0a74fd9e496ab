"""The nightly trigger on rivers whose every day of erosion is known, with an intact and with a faulty gauge.

Run ``python benchmarks/known_trigger.py`` for the tables (Markdown on stdout; some minutes); ``--write`` puts them into
``docs/known-trigger.md``, ``--json FILE`` keeps the numbers. Stage and rain of simulated rivers go through quality control,
as-of statistics and the trigger of An Giang as those of a real gauge do, night by night. Everything here is SIMULATED: the
law of these rivers ties erosion to the stage and its fall, so this checks arithmetic and timing and shows nothing of nature.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from known_trigger_tables import report
from numpy.typing import NDArray

from erosion.alerts.trigger import Gauge, water_on, weigh
from erosion.config.gauges import GaugeChecks
from erosion.config.region import load_region
from erosion.config.trigger import RainOnLowWater, Trigger
from erosion.core.arrays import BoolArray, FloatArray
from erosion.core.contracts import GAUGE_COLUMNS
from erosion.gauges.quality.checks import check_quality
from erosion.simulate.exercise import EARLIER_YEARS, LAST_YEAR, set_stage
from erosion.simulate.exercise_files import ALARM_LEVELS_M, GAUGE_ZERO_M
from erosion.simulate.rain import daily_rain
from erosion.simulate.river.hydrograph import FLOOD_DAYS
from erosion.simulate.river.river import River, make_river

SEEDS: Final = tuple(range(9501, 9521))
"""Kept for this benchmark; no threshold was chosen on them."""

YEARS: Final = 10
"""Judged years of a river; the sixteen before them are its gauge's record."""

RAIN: Final = RainOnLowWater(days=3, points=2, start=30, full=100)
"""The term that the exercise has beside those of An Giang."""

AHEAD: Final = (14, 30)
"""Days that follow a night."""

TOP: Final = 0.1
"""A window of 30 days is one of much erosion where it is among so many of all."""

POINTS: Final = (0.25, 0.5, 0.75, 1.0, 2.0, 3.0)

FAULT_DAYS: Final = 30
CLOCK_H: Final = 1.0
DRAWS: Final = 2000
TIDAL: Final = 4
"""Rivers that are evaluated with a tide too."""

FEWEST: Final = 5
"""With a level in fewer years than this no interval is given."""

TIDE_M: Final = {"M2": (0.25, 12.4206), "K1": (0.15, 23.9345), "O1": (0.10, 25.8193)}
"""Amplitude [m] and period [h] of a tide such as a delta's in low water; made up."""

LATENCY: Final = {"stage": pd.Timedelta(days=1), "rain": pd.Timedelta(days=1.3)}
DAY: Final = pd.Timedelta(days=1)


class TriggerNights(NamedTuple):
    """The trigger of a river's nights, shape (night,)."""

    level: NDArray[np.int8]
    points: FloatArray
    terms: dict[str, FloatArray]


def river_of(seed: int) -> River:
    """A winding river without an island, made as the exercise's is."""
    x = np.arange(0.0, 12_001.0, 20.0)
    line = np.column_stack([x, 600.0 * np.sin(2 * np.pi * x / 6000.0)])
    years = YEARS + EARLIER_YEARS
    return make_river(line, years=years, start=LAST_YEAR + 1 - years, seed=seed, erosion_m_per_y=12.0, island=False)


# --- the gauge and its faults ----------------------------------------------------------------------------------------


def stage_of(river: River, time: pd.DatetimeIndex, tide: bool) -> FloatArray:
    """Stage on the gauge at instants [m]."""
    h = river.hydrograph
    place = (time - h.days[0]) / DAY
    stage = GAUGE_ZERO_M + np.interp(place, np.arange(len(h.days)), h.stage_m)
    if tide:
        fade = 1.0 / (1.0 + np.exp(4.0 * (stage - GAUGE_ZERO_M - 1.2)))  # a flood drowns the tide
        hours = 24.0 * place.to_numpy()
        phases = np.random.default_rng([river.seed, 8]).uniform(0, 1, len(TIDE_M))
        waves = zip(TIDE_M.values(), phases, strict=True)
        stage = stage + fade * sum(a * np.sin(2 * np.pi * (hours / period + phase)) for (a, period), phase in waves)
    return np.asarray(stage)


def fault_days(river: River) -> pd.DatetimeIndex:
    """First day of the fault of each judged year, anywhere in it."""
    rng = np.random.default_rng([river.seed, 7])
    first = [pd.Timestamp(f"{year}-01-01", tz="UTC") for year in range(LAST_YEAR + 1 - YEARS, LAST_YEAR + 1)]
    return pd.DatetimeIndex([day + int(rng.integers(365 - FAULT_DAYS)) * DAY for day in first])


def gauge_table(river: River, fault: str = "", *, kind: str = "plain") -> pd.DataFrame:
    """Gauge table of a river as quality control leaves it, in the columns of ``GAUGE_COLUMNS``.

    Parameters
    ----------
    fault
        For thirty days of each judged year: ``dead`` no value comes, ``stuck`` the last one is repeated, ``clock`` the gauge's
        clock is an hour slow, so that what it calls seven o'clock is eight.
    kind
        ``plain``: read once in the morning, no tide; ``morning``: with a tide; ``hourly``: with the tide, read every hour.
    """
    days = river.hydrograph.days
    hourly, tide = kind == "hourly", kind != "plain"
    when = pd.date_range(days[0], days[-1] - pd.Timedelta(hours=2), freq="h") if hourly else days[:-1]
    value = stage_of(river, when, tide)
    keep = np.ones(len(when), bool)
    for first in fault_days(river) if fault else ():
        mine = (when >= first) & (when < first + FAULT_DAYS * DAY)
        if fault == "dead":
            keep[mine] = False
        elif fault == "stuck":
            value[mine] = value[np.flatnonzero(mine)[0]]
        else:
            value[mine] = stage_of(river, when[mine] + pd.Timedelta(hours=CLOCK_H), tide)
    stage = rows("stage", when[keep], np.round(value[keep], 2))
    local = days[:-1] - pd.Timedelta(hours=7)  # a day of rain begins at midnight in Việt Nam
    rain = rows("rain", local, daily_rain(days[:-1], np.random.default_rng([river.seed, 6])))
    return check_quality(pd.concat([stage, rain], ignore_index=True), {"stage": GaugeChecks(), "rain": GaugeChecks()})


def rows(quantity: str, when: pd.DatetimeIndex, value: FloatArray) -> pd.DataFrame:
    table = pd.DataFrame({"time": when, "available_at": when + LATENCY[quantity], "value": value})
    table = table.assign(gauge_id=quantity, quantity=quantity, qc="good", flags=0, source=quantity)
    return table[list(GAUGE_COLUMNS)]


def trigger_nights(trigger: Trigger, table: pd.DataFrame, nights: pd.DatetimeIndex) -> TriggerNights:
    """Return the trigger of each night, as it was known."""
    gauges = [Gauge("stage", "stage", ALARM_LEVELS_M), Gauge("rain", "rain")]
    facts = water_on(trigger, gauges, table, None, nights).facts
    weighed = weigh(trigger, facts)
    return TriggerNights(
        weighed.level[0], weighed.points[0], {name: term.points[0] for name, term in weighed.terms.items()}
    )


# --- the truth -------------------------------------------------------------------------------------------------------


def following(river: River, nights: pd.DatetimeIndex) -> pd.DataFrame:
    """What the river does after each night: columns ``share``, ``amount`` and ``failures`` with the days ahead, one row a night.

    ``share`` is of the year's erosion, ``amount`` that times the year's strength against a common flood, ``failures`` how many
    there are.
    """
    h = river.hydrograph
    last_of_year = np.append(h.days.year[1:-1] != h.days.year[:-2], True)
    share = np.where(last_of_year, 1.0 - h.done[:-1], h.done[1:] - h.done[:-1])
    year = (h.days.year - h.days.year[0]).to_numpy()[:-1]
    fell = np.bincount(((river.failures["date"] - h.days[0]) // DAY).to_numpy(int), minlength=len(share))[: len(share)]
    start = ((nights.tz_localize("UTC") - h.days[0]) // DAY).to_numpy() + 1  # the night's day is over
    out = {}
    for name, values in (("share", share), ("amount", share * h.intensity[year]), ("failures", fell)):
        sums = np.concatenate([[0.0], np.cumsum(values)])
        for days in AHEAD:
            out[f"{name}{days}"] = sums[np.minimum(start + days, len(values))] - sums[np.minimum(start, len(values))]
    return pd.DataFrame(out)


def one_river(river: River, kind: str) -> dict[str, pd.DataFrame]:
    """Return the nights of one river: ``intact`` with the truth and the trigger of an intact gauge, and those of each fault."""
    nights = pd.date_range(f"{LAST_YEAR + 1 - YEARS}-01-01", f"{LAST_YEAR}-12-31")
    base = load_region("an-giang").trigger
    assert base is not None
    base = dataclasses.replace(base, forecast_fall=None, raises={})  # nobody forecasts these rivers
    rainy = dataclasses.replace(base, rain_on_low_water=RAIN)
    about = pd.DataFrame({"seed": river.seed, "night": nights, "year": nights.year})
    since = (nights.tz_localize("UTC").to_numpy()[:, None] - fault_days(river).to_numpy()) / np.timedelta64(1, "D")
    about["since_fault"] = np.where(since >= 0, since, np.inf).min(axis=1)
    out = {}
    intact = gauge_table(river, kind=kind)
    judged = trigger_nights(rainy, intact, nights)
    out["intact"] = pd.concat([about, following(river, nights), _columns(judged)], axis=1)
    out["intact"]["failures"] = (river.failures["date"].dt.year >= nights[0].year).sum()
    out["intact"]["flagged"] = float((intact["flags"] > 0).sum())
    if kind == "plain":
        alone = trigger_nights(base, intact, nights)
        out["intact"]["level_alone"], out["intact"]["points_alone"] = alone.level, alone.points
    for fault in ("dead", "stuck", "clock") if kind == "plain" else ("clock",):
        out[fault] = pd.concat(
            [about, _columns(trigger_nights(rainy, gauge_table(river, fault, kind=kind), nights))], axis=1
        )
    return out


def _columns(judged: TriggerNights) -> pd.DataFrame:
    return pd.DataFrame({"level": judged.level, "points": judged.points} | judged.terms)


# --- what it was worth -----------------------------------------------------------------------------------------------


class Blocks:
    """Sums of nights by year of a river, and draws of such years with replacement."""

    def __init__(self, table: pd.DataFrame, seed: int = 0) -> None:
        self.of, keys = pd.factorize(table["seed"].astype(str) + "-" + table["year"].astype(str))
        self.count = len(keys)
        rng = np.random.default_rng(seed)
        self.weights = rng.multinomial(self.count, np.full(self.count, 1.0 / self.count), DRAWS)

    def sums(self, values: Any) -> FloatArray:
        """Sum as it is, and of each draw; shape (1 + draws,)."""
        each = np.bincount(self.of, np.asarray(values, float), minlength=self.count)
        return np.concatenate([[each.sum()], self.weights @ each])

    def ratio(self, over: tuple[Any, Any], under: tuple[Any, Any] | None = None) -> dict[str, float] | None:
        """Return a quotient of sums, or of two such quotients, with its 95 % interval; None where it has no value."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.sums(over[0]) / self.sums(over[1])
            if under is not None:
                found = found / (self.sums(under[0]) / self.sums(under[1]))
        if not np.isfinite(found[0]):
            return None
        years = np.count_nonzero(np.bincount(self.of, np.asarray(over[1], float), minlength=self.count))
        if years < FEWEST:
            return {"value": float(found[0]), "low": float("nan"), "high": float("nan")}
        low, high = np.quantile(found[1:][np.isfinite(found[1:])], (0.025, 0.975))
        return {"value": float(found[0]), "low": float(low), "high": float(high)}


def in_season(night: pd.Series) -> BoolArray:
    """Whether banks of the simulation erode on that day of the year."""
    day = night.dt.month * 100 + night.dt.day
    (m0, d0), (m1, d1) = FLOOD_DAYS
    return ((day >= 100 * m0 + d0) & (day <= 100 * m1 + d1)).to_numpy()


def levels(table: pd.DataFrame, level: str = "level") -> list[dict[str, Any]]:
    """One record a level: how many nights have it, and what follows them against what follows any night."""
    blocks = Blocks(table)
    one = np.ones(len(table))
    season = in_season(table["night"])
    out = []
    for value in (-1, 0, 1, 2, 3):
        mine = (table[level] == value).to_numpy(float)
        per_year = table.assign(mine=mine).groupby(["seed", "year"])["mine"].sum()
        record: dict[str, Any] = {
            "level": value,
            "nights_per_year": float(per_year.mean()),
            "nights_per_season": float((mine * season).sum() / blocks.count),
            "most_in_a_year": float(per_year.max()),
            "years_with": float((per_year > 0).mean()),
        }
        for name in ("share14", "share30", "failures30"):
            record[name] = blocks.ratio((mine * table[name], mine))
            record[f"{name}_ratio"] = blocks.ratio((mine * table[name], mine), (table[name], one))
        out.append(record)
    return out


def calendar(table: pd.DataFrame) -> FloatArray:
    """Rank of each night by what other years lost in the 30 days after the same day; higher is more."""
    day = np.minimum(table["night"].dt.day_of_year.to_numpy(), 365) - 1
    block = Blocks(table).of
    sums = np.zeros((block.max() + 1, 365))
    np.add.at(sums, (block, day), table["amount30"].to_numpy())
    return np.asarray((sums.sum(axis=0) - sums)[block, day])


def thresholds(table: pd.DataFrame, points: str = "points") -> list[dict[str, Any]]:
    """One record a threshold of points: windows of much erosion that had them the night before, and false alarms.

    Beside it a calendar that warns on as many nights: those before which other years lost most.
    """
    blocks = Blocks(table)
    much = (table["amount30"] >= table["amount30"].quantile(1 - TOP)).to_numpy(float)
    rank = calendar(table)
    unknown = (table["level"] < 0).to_numpy(float)
    out = []
    for least in POINTS:
        warned = (table[points] >= least - 1e-9).to_numpy(float)
        many = int(warned.sum())
        record: dict[str, Any] = {"points": least, "nights_per_year": many / blocks.count}
        same = np.zeros(len(table))
        same[np.argsort(-rank, kind="stable")[:many]] = 1.0
        for name, nights in (("", warned), ("calendar_", same)):
            record[f"{name}pod"] = blocks.ratio((nights * much, much))
            record[f"{name}far"] = blocks.ratio((nights * (1 - much), nights))
            record[f"{name}ratio30"] = blocks.ratio(
                (nights * table["share30"], nights), (table["share30"], 1 + 0 * much)
            )
        out.append(record)
    out.append(
        {
            "points": "unknown",
            "pod": blocks.ratio((unknown * much, much)),
            "nights_per_year": float(unknown.sum() / blocks.count),
        }
    )
    return out


def terms(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One record a term: nights on which it gives points, and what follows them."""
    blocks = Blocks(table)
    one = np.ones(len(table))
    out = []
    for name in ("drawdown", "low_water", "rain_on_low_water", "above_alarm"):
        gives = (table[name] > 0).to_numpy(float)
        out.append(
            {
                "term": name,
                "nights_per_year": float(gives.sum() / blocks.count),
                "most_points": float(table[name].max()),
                "share30_ratio": blocks.ratio((gives * table["share30"], gives), (table["share30"], one)),
                "failures30_ratio": blocks.ratio((gives * table["failures30"], gives), (table["failures30"], one)),
            }
        )
    return out


def faults(intact: pd.DataFrame, faulty: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one record a time since the fault began: the trigger against that of an intact gauge."""
    since = intact["since_fault"]
    spans = {
        # On the day on which a fault begins its first value is still to come.
        "the first 10 days": since.between(1, 10),
        "days 11 to 30": since.between(11, FAULT_DAYS),
        "the 30 days after": since.between(FAULT_DAYS + 1, 2 * FAULT_DAYS),
        "any other day": ~since.between(0, 2 * FAULT_DAYS),
    }
    return [{"when": name} | differ(intact[here], faulty[here]) for name, here in spans.items()]


def differ(intact: pd.DataFrame, other: pd.DataFrame) -> dict[str, Any]:
    """Return how often the trigger is unknown or differs from that of an intact gauge, on the same nights."""
    was, now = intact["level"].to_numpy(), other["level"].to_numpy()
    known = (was >= 0) & (now >= 0)
    gap = np.abs(other["points"].to_numpy() - intact["points"].to_numpy())
    return {
        "nights": len(was),
        "unknown_intact": float((was < 0).mean()),
        "unknown": float((now < 0).mean()),
        "raised_intact": int((was >= 1).sum()),
        "raised_kept": int(((was >= 1) & (now == was)).sum()),
        "raised_lost": int(((was >= 1) & known & (now < was)).sum()),
        "raised_unknown": int(((was >= 1) & (now < 0)).sum()),
        "raised_falsely": int((known & (now > was)).sum()),
        "points_off": float((known & (gap > 0.25)).sum() / max(known.sum(), 1)),
    }


# --- the report ------------------------------------------------------------------------------------------------------


def measure(seeds: tuple[int, ...], processes: int) -> dict[str, Any]:
    """All figures, ready for JSON."""
    jobs = [(river_of(seed), "plain") for seed in seeds]
    jobs += [(river_of(seed), kind) for kind in ("hourly", "morning") for seed in seeds[:TIDAL]]
    with ProcessPoolExecutor(processes) as pool:
        found = list(pool.map(one_river, *zip(*jobs, strict=True)))

    def together(rivers: list[dict[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
        return {name: pd.concat([river[name] for river in rivers], ignore_index=True) for name in rivers[0]}

    tidal = (len(found) - len(seeds)) // 2
    table, hourly, morning = (
        together(part) for part in (found[: len(seeds)], found[len(seeds) : len(seeds) + tidal], found[-tidal:])
    )
    intact = table["intact"]
    return {
        "simulated": True,
        "rivers": len(seeds),
        "years": len(seeds) * YEARS,
        "nights": len(intact),
        "all_nights": {name: float(intact[name].mean()) for name in ("share14", "share30", "failures30")},
        "in_season": float(in_season(intact["night"]).mean()),
        "failures": int(intact.groupby("seed")["failures"].first().sum()),
        "values_flagged": float(intact.groupby("seed")["flagged"].first().mean()),
        "highest_points": float(intact["points"].max()),
        "levels": levels(intact),
        "levels_alone": levels(intact, "level_alone"),
        "thresholds": thresholds(intact),
        "thresholds_alone": thresholds(intact, "points_alone"),
        "terms": terms(intact),
        "faults": {name: faults(intact, table[name]) for name in ("dead", "stuck", "clock")},
        "tide": {
            "rivers": tidal,
            "values_flagged": float(hourly["intact"].groupby("seed")["flagged"].first().mean()),
            "drawdown_hourly": float((hourly["intact"]["drawdown"] > 0).mean() * 365.25),
            "drawdown_morning": float((morning["intact"]["drawdown"] > 0).mean() * 365.25),
            "hourly_clock": faults(hourly["intact"], hourly["clock"]),
            "morning_clock": faults(morning["intact"], morning["clock"]),
            "morning": [{"when": "every day"} | differ(hourly["intact"], morning["intact"])],
        },
    }


def exercise() -> list[dict[str, Any]]:
    """The exercise itself, the six years that ``erosion simulate an-giang`` makes: nights at each level by year."""
    table = one_river(set_stage(LAST_YEAR - 5, 6, 20, 12.0).river, "plain")["intact"]
    table = table[table["year"] > LAST_YEAR - 6]
    counts = table.groupby("year")["level"].value_counts().unstack(fill_value=0)
    return [
        {"year": int(year)} | {str(level): int(row.get(level, 0)) for level in (-1, 0, 1, 2, 3)}
        for year, row in counts.iterrows()
    ]


def _plain(seen: Any) -> Any:
    """Without what JSON has no word for."""
    if isinstance(seen, dict):
        return {key: _plain(value) for key, value in seen.items()}
    if isinstance(seen, list):
        return [_plain(value) for value in seen]
    return None if isinstance(seen, float) and np.isnan(seen) else seen


MARK: Final = "<!-- figures -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rivers", type=int, default=len(SEEDS), help="how many of the rivers (default %(default)s)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures as JSON")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/known-trigger.md")
    asked = parser.parse_args()
    started = time.perf_counter()
    seen = measure(SEEDS[: asked.rivers], asked.processes) | {"exercise": exercise()}
    text = report(seen)
    print(text)
    print(f"\n{time.perf_counter() - started:.0f} s")
    if asked.json:
        asked.json.write_text(json.dumps(_plain(seen), indent=1) + "\n", "utf-8")
    if asked.write:
        page = Path(__file__).resolve().parents[1] / "docs" / "known-trigger.md"
        before, mark, _ = page.read_text("utf-8").partition(MARK)
        page.write_text(f"{before}{mark}\n{text}\n", "utf-8")


if __name__ == "__main__":
    main()
