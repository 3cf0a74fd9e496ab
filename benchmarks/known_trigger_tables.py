"""The Markdown tables of ``known_trigger.py``."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

NAMES: Final = {-1: "unknown", 0: "0", 1: "1", 2: "2", 3: "3"}


def report(seen: dict[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    every = seen["all_nights"]
    lines = [
        f"**MÔ PHỎNG / SIMULATED.** {seen['rivers']} rivers, {seen['years']} years, {seen['nights']:,} nights, {seen['failures']} sudden failures. In "
        "brackets: 95 % intervals, by drawing whole years of a river anew.",
        "",
        f"Any night: {every['share14']:.1%} of a year's erosion in the following 14 days, {every['share30']:.1%} in 30; "
        f"{every['failures30']:.2f} failures in 30 days. Most points of any night: {seen['highest_points']:.2f} of 3.",
        "",
        "### Levels",
        "",
        "The terms of An Giang with rain on low water:",
        "",
        *_levels(seen["levels"]),
        "",
        "The terms of An Giang alone, without rain:",
        "",
        *_levels(seen["levels_alone"]),
        "",
        "### Windows of much erosion, and a calendar",
        "",
        *_thresholds(seen["thresholds"]),
        "",
        "### Terms",
        "",
        "| term | nights a year with points | most points | erosion in 30 days, times any night | failures in 30 days, times any night |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| `{r['term']}` | {r['nights_per_year']:.1f} | {r['most_points']:.2f} | {times(r['share30_ratio'])} | "
            f"{times(r['failures30_ratio'])} |"
            for r in seen["terms"]
        ),
        "",
        "### Gauges at fault",
        "",
        "| fault for 30 days a year | nights | unknown (intact gauge) | nights of level 1 and more | of them right | too low | unknown "
        "| raised falsely | off by more than a quarter of a point |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, title in (("dead", "no value"), ("stuck", "last value repeated"), ("clock", "clock an hour slow")):
        lines += _faults(title, seen["faults"][name])
    tide = seen["tide"]
    lines += _faults("tide, read hourly: clock an hour slow", tide["hourly_clock"])
    lines += _faults("tide, read each morning: clock an hour slow", tide["morning_clock"])
    lines += _faults("tide, read each morning, against hourly", tide["morning"])
    lines += [
        "",
        f"Values of an intact gauge that quality control flags: {seen['values_flagged']:.1f} a river of 26 years read once a day, "
        f"{tide['values_flagged']:.1f} read hourly with a tide ({tide['rivers']} rivers).",
        "",
        f"With the tide `drawdown` gives points on {tide['drawdown_hourly']:.0f} nights a year of a gauge that is read hourly, on "
        f"{tide['drawdown_morning']:.0f} of one that is read each morning.",
        "",
        "### The exercise",
        "",
        "| year | unknown | 0 | 1 | 2 | 3 |",
        "|---|---:|---:|---:|---:|---:|",
        *(f"| {r['year']} | {r['-1']} | {r['0']} | {r['1']} | {r['2']} | {r['3']} |" for r in seen["exercise"]),
    ]
    return "\n".join(lines)


def _levels(records: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| level | nights a year | of them 1 July to 15 December | most in a year | years with it | erosion in 14 days | times any night "
        "| in 30 days | times any night | failures in 30 days, times any night |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for r in records:
        lines.append(
            f"| {NAMES[r['level']]} | {r['nights_per_year']:.1f} | {r['nights_per_season']:.1f} | {r['most_in_a_year']:.0f} | {r['years_with']:.0%} | "
            f"{percent(r['share14'])} | {times(r['share14_ratio'])} | {percent(r['share30'])} | {times(r['share30_ratio'])} | "
            f"{times(r['failures30_ratio'])} |"
        )
    return lines


def _thresholds(records: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| points from | nights a year | POD | a calendar's | false alarms | a calendar's | erosion in 30 days, times any night | a calendar's |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for r in records:
        if r["points"] == "unknown":
            lines.append(f"| unknown | {r['nights_per_year']:.1f} | {percent(r['pod'])} | | | | | |")
            continue
        lines.append(
            f"| {r['points']:g} | {r['nights_per_year']:.1f} | {percent(r['pod'])} | {percent(r['calendar_pod'])} | {percent(r['far'])} | "
            f"{percent(r['calendar_far'])} | {times(r['ratio30'])} | {times(r['calendar_ratio30'])} |"
        )
    return lines


def _faults(title: str, records: list[dict[str, Any]]) -> list[str]:
    return [
        f"| {title if k == 0 else ''} | {r['when']} | {r['unknown']:.1%} ({r['unknown_intact']:.1%}) | {r['raised_intact']} | {r['raised_kept']} | "
        f"{r['raised_lost']} | {r['raised_unknown']} | {r['raised_falsely']} | {r['points_off']:.1%} |"
        for k, r in enumerate(records)
    ]


def percent(found: dict[str, float] | None) -> str:
    return "–" if found is None else f"{found['value']:.1%}" + _interval(found, ".1%")


def times(found: dict[str, float] | None) -> str:
    return "–" if found is None else f"{found['value']:.2f}" + _interval(found, ".2f")


def _interval(found: dict[str, float], form: str) -> str:
    return "" if np.isnan(found["low"]) else f" ({found['low']:{form}} to {found['high']:{form}})"
