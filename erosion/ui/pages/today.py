"""The first page of the day: what changed in stretches, how many stand at each level, the worst, and how old every input is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pandas as pd
import streamlit as st

from erosion.core.contracts import LEVELS
from erosion.ui import html
from erosion.ui.choice import Choice, choose_stretch, open_address
from erosion.ui.freshness import NIGHTLY_DAYS, Schedule, bank_ages, gauge_ages, hours_between, instant, schedule
from erosion.ui.pages.operations import outcome_text
from erosion.ui.products.gauges import read_gauges
from erosion.ui.products.reading import ProductError
from erosion.ui.products.regions import manifest_of, read_last_attempt
from erosion.ui.products.stretches import Change, reach_title, read_stretches, stretch_changes, stretch_name
from erosion.ui.stretch_table import change_text, described, stretch_table
from erosion.words import write

SHOWN_CHANGES: Final = 12
WORST: Final = 10

STYLE: Final = {
    Change.NEW: "er-up",
    Change.RAISED: "er-up",
    Change.GROWN: "er-up",
    Change.LOWERED: "er-down",
    Change.SHRUNK: "er-down",
}
SIGN: Final = {
    Change.RAISED: "▲ ",
    Change.GROWN: "↔ ",
    Change.LOWERED: "▼ ",
    Change.SHRUNK: "↕ ",
    Change.UNKNOWN: "? ",
    Change.CLOSED: "✓ ",
}
GONE: Final = (Change.MERGED, Change.CLOSED)


def show(choice: Choice) -> None:
    """Show the page."""
    open_address()
    if st.session_state.pop("to stretch", False):
        st.switch_page(st.session_state["pages"]["list"])
    now = pd.Timestamp.now("UTC")
    _past(choice, now)
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        stretches = choice.stretches
        if stretches is None:
            html.show(html.banner("info", choice.translate("stretch.none"), choice.translate("stretch.none.more")))
        else:
            table = described(choice, stretches)
            _changes(choice, table)
            _counts(choice, table)
            _worst(choice, table)
    with right:
        _ages(choice, now)


def _past(choice: Choice, now: pd.Timestamp) -> None:
    """Say how old the newest product is where no run of its own day is known: nothing is late, and nothing is of today."""
    region = choice.region
    if schedule(region, read_last_attempt(region.folder)) is not None:
        return
    newest = region.runs[-1]
    at = instant(newest.as_of)
    date, days = (write.day(newest.as_of, choice.language), None if at is None else hours_between(at, now) / 24.0)
    html.show(
        html.banner(
            "warn",
            choice.translate("today.past", date=date, days=write.number(days, choice.language)),
            choice.translate("today.past.more"),
        )
    )


# --- what changed ----------------------------------------------------------------------------------------------------


def _changes(choice: Choice, table: pd.DataFrame) -> None:
    words = choice.language
    changes, recorded = stretch_changes(choice.region, choice.run, table)
    if choice.previous is None:
        html.show(html.heading(choice.translate("changes")), html.note(choice.translate("changes.first")))
        return
    title = html.heading(choice.translate("changes.since", date=write.day(choice.previous.as_of, words)))
    lacking = [] if recorded else [html.note(choice.translate("today.unrecorded"))]
    if changes.empty:
        time = write.moment(choice.run.finished_at, words, choice.region.timezone)
        html.show(title, html.note(choice.translate("changes.none", time=time)), *lacking)
        return
    counts = changes["what"].value_counts()
    parts = [
        f'<span class="{STYLE.get(what, "er-grey")}">{SIGN.get(what, "")}'
        f"{html.safe(choice.translate(f'today.{what}', n=write.number(counts[what], words)))}</span>"
        for what in Change
        if what in counts.index
    ]
    html.show(title, f'<div class="er-changes" data-testid="changes">{"".join(parts)}</div>', *lacking)
    here = changes[~changes["what"].isin(GONE)]
    by_id = table.set_index("stretch_id", drop=False)
    moved = by_id.loc[here["stretch_id"].head(SHOWN_CHANGES)].reset_index(drop=True)
    if len(moved):
        stretch_table(choice, moved, ["level", "label", "change", "length_m", "p_event"], key="changed", rows=7)
        more = len(here) - len(moved)
        if more:
            html.show(html.note(choice.translate("today.more", n=write.number(more, words))))
    _gone(choice, changes[changes["what"].isin(GONE)])


def _gone(choice: Choice, gone: pd.DataFrame) -> None:
    """Show the stretches that are open no more, by the names they had in the run before."""
    if gone.empty:
        return
    before = _before(choice)
    lines = []
    for row in gone.head(SHOWN_CHANGES).to_dict("records"):
        name = stretch_name(before.get(row["stretch_id"], row), choice.region, choice.language)
        lines.append(f"{name}: {change_text(choice, row)}")
    if len(gone) > SHOWN_CHANGES:
        lines.append(choice.translate("today.more", n=write.number(len(gone) - SHOWN_CHANGES, choice.language)))
    with st.expander(choice.translate("today.gone", n=write.number(len(gone), choice.language))):
        html.show(html.items(lines, "gaps"))


def _before(choice: Choice) -> dict[str, Mapping[Any, Any]]:
    """Return the stretches of the run before by id."""
    if choice.previous is None:
        return {}
    try:
        table = read_stretches(choice.previous, choice.target.name)
    except ProductError:
        return {}  # that run's own page says so; here its names are lacking
    return {} if table is None else {row["stretch_id"]: row for row in table.to_dict("records")}


# --- how it stands ---------------------------------------------------------------------------------------------------


def _counts(choice: Choice, table: pd.DataFrame) -> None:
    words = choice.language
    chips = []
    for level in reversed(LEVELS):
        mine = table[table["level"] == level]
        if level == 1 or (level == 0 and mine.empty):
            continue  # a stretch begins above the lowest level
        km = write.number(mine["length_m"].sum() / 1000.0, words, 1)
        chips.append(
            html.level_chip(level, words, choice.translate("today.count", n=write.number(len(mine), words), km=km))
        )
    segments = choice.segments
    unknown = segments.loc[segments["level"] == 0, "length_m"].sum() / 1000.0
    html.show(
        html.heading(choice.translate("today.counts")),
        f'<div class="er-levels" data-testid="stretches">{"".join(chips)}</div>',
        html.note(
            choice.translate(
                "today.counts.of",
                km=write.number(segments["length_m"].sum() / 1000.0, words, 1),
                unknown=write.number(unknown, words, 1),
            )
        ),
    )


def _worst(choice: Choice, table: pd.DataFrame) -> None:
    html.show(html.heading(choice.translate("today.worst")))
    if table.empty:
        html.show(html.note(choice.translate("stretch.quiet")))
        return
    columns = ["level", "label", "length_m", "change", "p_event", "retreat_p50_m", "buildings_50m"]
    stretch_table(choice, table.head(WORST), columns, key="worst", rows=WORST)
    html.show(html.note(choice.translate("stretch.choose")))
    if st.button(choice.translate("today.all", n=write.number(len(table), choice.language)), icon=":material/list:"):
        choose_stretch(None)
        st.switch_page(st.session_state["pages"]["list"])


# --- how old the inputs are ------------------------------------------------------------------------------------------


def age_text(choice: Choice, hours: float | None) -> str:
    """Return an age in hours, from two days on in days."""
    if hours is None:
        return choice.translate("today.age.none")
    if hours < 1.0:
        return choice.translate("today.age.now")
    unit, n = ("hours", hours) if hours < 48.0 else ("days", hours / 24.0)
    return choice.translate(f"today.age.{unit}", n=write.number(int(n), choice.language))


class _Age(NamedTuple):
    """One line of the ages."""

    what: str
    when: str
    hours: float | None
    old: bool


def _ages(choice: Choice, now: pd.Timestamp) -> None:
    """Show how old the newest run and everything it read is by today's clock."""
    region, words = choice.region, choice.language
    plan = schedule(region, read_last_attempt(region.folder))
    html.show(
        html.heading(choice.translate("today.ages")),
        html.note(choice.translate("today.ages.now", time=write.moment(now, words, region.timezone))),
    )
    ages = [*_runs(choice, plan, now), *_banks(choice, now)]
    try:
        gauges = read_gauges(region.runs[-1])
    except ProductError as error:
        gauges = None
        html.show(html.banner("warn", choice.translate("broken.title"), str(error)))
    every = NIGHTLY_DAYS if plan is None else plan.every_days
    for one in gauge_ages(gauges or (), every, now):
        quantity, last = one.gauge.quantity, one.gauge.last
        what = one.gauge.title
        if quantity is not None:
            what = choice.translate(
                "hydrograph.option", title=what, what=choice.translate(f"hydrograph.what.{quantity}")
            )
        when = write.NOTHING if last is None else write.moment(last.time, words, region.timezone)
        ages.append(_Age(what, when, one.hours, one.old))
    # Of a product of the past everything is old, and nothing is late.
    html.show(
        '<div class="er-rows" data-testid="ages">', *(_line(choice, age, plan is not None) for age in ages), "</div>"
    )
    if gauges is not None and not gauges:
        html.show(html.note(choice.translate("hydrograph.none")))


def _runs(choice: Choice, plan: Schedule | None, now: pd.Timestamp) -> list[_Age]:
    region, words = choice.region, choice.language
    attempt, newest = read_last_attempt(region.folder), region.runs[-1]
    ages = []
    started = instant(attempt.get("started_at"))
    if started is not None:
        what = choice.translate("today.attempt", outcome=outcome_text(choice, attempt.get("outcome")))
        late = plan is not None and plan.overdue(now)
        ages.append(_Age(what, write.moment(started, words, region.timezone), hours_between(started, now), late))
    as_of = instant(newest.as_of)
    hours = None if as_of is None else hours_between(as_of, now)
    late = plan is None or hours is None or hours > plan.limit_hours + 24.0
    ages.append(_Age(choice.translate("today.product"), write.day(newest.as_of, words), hours, late))
    return ages


def _banks(choice: Choice, now: pd.Timestamp) -> list[_Age]:
    region, words = choice.region, choice.language
    manifest = manifest_of(region.runs[-1])
    found = bank_ages(region, region.runs[-1], {} if manifest is None else manifest["reaches"], now)
    ages = []
    for age in found:
        whole = len(found) == 1  # the title of the region says more than the name of its only reach
        title = region.title.get(words, region.name) if whole else reach_title(age.reach, region, words)
        hours = None if age.days is None else 24.0 * age.days
        ages.append(_Age(choice.translate("today.banks", reach=title), write.day(age.newest, words), hours, age.old))
    return ages


def _line(choice: Choice, age: _Age, judged: bool) -> str:
    old = judged and age.old
    text = age_text(choice, age.hours)
    said = choice.translate("today.age.old", age=text) if old else text
    return (
        f"<div{' class=er-old' if old else ''}><span>{html.safe(age.what)}<br><small>{html.safe(age.when)}</small></span>"
        f"<b>{html.safe(said)}</b></div>"
    )
