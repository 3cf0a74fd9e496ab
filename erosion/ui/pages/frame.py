"""What stands on every page: choices in the sidebar and at the top, ribbons and banners, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from erosion.core.vocabulary import Calibration, ChangeKind, RunOutcome
from erosion.publish.applicability import applicability_words
from erosion.ui import html
from erosion.ui.choice import Choice, language, select
from erosion.ui.freshness import hours_between, schedule
from erosion.ui.products.applicability import read_applicability
from erosion.ui.products.ledger import ledger_problem, read_changes
from erosion.ui.products.reading import ProductError
from erosion.ui.products.regions import (
    Region,
    Run,
    Target,
    damaged_files,
    products_folder,
    read_last_attempt,
    read_region,
    region_names,
)
from erosion.ui.ranking import ranking_table
from erosion.words import LANGUAGES, translate, write

HANGING_HOURS = 1.0
"""A run that has been going for longer has probably died [h]."""

SHOWN_CHANGES = 12


def choose() -> Choice | None:
    """Return what is chosen in the boxes shown; None where there is nothing to choose from, which the page then reports."""
    folder = products_folder()
    with st.sidebar:
        st.segmented_control(
            translate(language(), "language"),
            list(LANGUAGES),
            format_func=LANGUAGES.__getitem__,
            key="language",
            default=language() if "language" not in st.session_state else None,
            required=True,
        )
    words = language()
    names = region_names(folder)
    if not names:
        html.show(
            html.banner("info", translate(words, "empty.title"), translate(words, "empty.more", path=folder.resolve()))
        )
        return None
    name = names[0]
    if len(names) > 1:
        asked = st.query_params.get("region")  # an office bookmarks its own area
        if "region" not in st.session_state and asked in names:
            st.session_state["region"] = asked
        with st.sidebar:
            titles = {name: _title(folder, name, words) for name in names}
            # A select box distinguishes its options by what is written in it.
            same = {title for title in titles.values() if list(titles.values()).count(title) > 1}
            written = {name: f"{title} ({name})" if title in same else title for name, title in titles.items()}
            name = select("region", translate(words, "region"), names, written.__getitem__)
    try:
        region = read_region(folder / name)
    except ProductError as error:
        html.show(html.banner("bad", translate(words, "broken.title"), str(error)))
        return None
    _ribbon(region, words)
    title, dates, targets = st.columns([2.3, 1, 1.35], vertical_alignment="bottom")
    with title:
        html.show(
            f'<div class="er-app">{html.safe(translate(words, "app"))}</div>'
            f'<div class="er-title" role="heading" aria-level="1">{html.safe(region.title.get(words, region.name))}</div>'
        )
    if not region.runs:
        _attempt(region, words)
        html.show(html.banner("info", translate(words, "empty.runs")))
        return None
    with dates:
        run = _date(region, words)
    with targets:
        target = _target(region, words)
    place = region.runs.index(run)
    return Choice(words, region, run, region.runs[place - 1] if place else None, target)


def _title(folder: Any, name: str, words: str) -> str:
    try:
        return read_region(folder / name).title.get(words, name)
    except ProductError:
        return name


def _ribbon(region: Region, words: str) -> None:
    if region.simulated:
        html.show(
            f'<div class="er-ribbon" role="alert">{html.safe(translate(words, "simulated"))}'
            f"<small>{html.safe(translate(words, 'simulated.more'))}</small></div>"
        )


def _date(region: Region, words: str) -> Run:
    by_date = {run.as_of: run for run in reversed(region.runs)}

    def text(as_of: str) -> str:
        date = write.day(as_of, words)
        return translate(words, "date.degraded", date=date) if by_date[as_of].degraded else date

    return by_date[select(f"date {region.name}", translate(words, "date"), list(by_date), text)]


def _target(region: Region, words: str) -> Target:
    targets = {target.name: target for target in region.targets}
    name = select(
        f"target {region.name}",
        translate(words, "target"),
        list(targets),
        lambda name: target_text(targets[name], words),
    )
    return targets[name]


def target_text(target: Target, words: str) -> str:
    """Return what a target forecasts, in words."""
    threshold = write.number(target.threshold_m, words)
    years = target.horizon_days / 365
    if abs(years - round(years)) < 0.02:
        return translate(words, "target.1", years=round(years), threshold=threshold)
    return translate(words, "target.days", days=target.horizon_days, threshold=threshold)


def banners(choice: Choice) -> None:
    """Show in banners what is wrong with the run on the page, or with the newest attempt."""
    _attempt(choice.region, choice.language)
    region, run = choice.region, choice.run
    problem = ledger_problem(region.folder.parent, region.name)
    if problem is not None:
        html.show(
            html.banner("bad", choice.translate("banner.ledger"), choice.translate("banner.ledger.more"), [problem])
        )
    date = write.day(run.as_of, choice.language)
    damaged = damaged_files(run)
    if damaged:
        html.show(
            html.banner(
                "bad", choice.translate("banner.damaged", date=date), choice.translate("banner.damaged.more"), damaged
            )
        )
    if run.degraded:
        html.show(html.banner("warn", choice.translate("banner.degraded", date=date), lines=run.messages))
    applicability = read_applicability(run)
    if applicability is not None and applicability["verdict"] in (Calibration.NOT_CALIBRATED, Calibration.REJECTED):
        html.show(html.banner("warn", *applicability_words(applicability, choice.language)))
    age = (pd.Timestamp(run.as_of) - pd.Timestamp(run.newest_epoch)).days
    if region.stale_after_days is not None and age > region.stale_after_days:
        newest = write.day(run.newest_epoch, choice.language)
        days = write.number(age, choice.language)
        html.show(
            html.banner(
                "bad", choice.translate("banner.stale", date=newest, days=days), choice.translate("banner.stale.more")
            )
        )
    unknown = int((choice.segments["level"] == 0).sum())
    if unknown > 0.5 * len(choice.segments):
        html.show(html.banner("warn", choice.translate("banner.unknown", n=write.number(unknown, choice.language))))
    if run != region.runs[-1]:
        html.show(
            html.banner("info", choice.translate("banner.old", date=write.day(region.runs[-1].as_of, choice.language)))
        )


def _attempt(region: Region, words: str) -> None:
    attempt = read_last_attempt(region.folder)
    _overdue(region, attempt, words)
    outcome = attempt.get("outcome")
    date = write.day(attempt.get("as_of"), words)
    if outcome == RunOutcome.FAILED:
        time = write.moment(attempt.get("finished_at"), words, region.timezone)
        more = translate(words, "banner.failed.more")
        html.show(
            html.banner(
                "bad", translate(words, "banner.failed", date=date, time=time), more, [str(attempt.get("message", ""))]
            )
        )
    elif outcome == RunOutcome.RUNNING:
        started = str(attempt.get("started_at", ""))
        time = write.moment(started, words, region.timezone)
        if hours_since(started) > HANGING_HOURS:
            title = translate(words, "banner.hanging", date=date, time=time)
            html.show(html.banner("bad", title, translate(words, "banner.hanging.more")))
        else:
            html.show(html.banner("info", translate(words, "banner.running", date=date, time=time)))


def _overdue(region: Region, attempt: Mapping[str, Any], words: str) -> None:
    """Say that runs have stopped: nobody hears of a job that does not start."""
    plan, now = schedule(region, attempt), pd.Timestamp.now("UTC")
    if plan is None or not plan.overdue(now):
        return
    days = hours_between(plan.last, now) / 24.0
    time = write.moment(plan.last, words, region.timezone)
    usual = write.number(plan.every_days, words, 0 if plan.every_days >= 1.0 else 1)
    html.show(
        html.banner(
            "bad",
            translate(words, "banner.overdue", days=write.number(days, words, 1 if days < 10.0 else 0), time=time),
            translate(words, "banner.overdue.more", usual=usual),
        )
    )


def hours_since(instant: str, now: pd.Timestamp | None = None) -> float:
    """Return the hours since an instant [h]; infinite where it cannot be read: better one alarm too many."""
    try:
        start = pd.Timestamp(instant)
    except ValueError:
        return float("inf")
    if pd.isna(start):
        return float("inf")
    start = start.tz_localize("UTC") if start.tzinfo is None else start
    return ((now or pd.Timestamp.now("UTC")) - start).total_seconds() / 3600.0


def facts(choice: Choice) -> None:
    """Show how old the data are, which model made the forecast and when."""
    run, words = choice.run, choice.language
    age = (pd.Timestamp(run.as_of) - pd.Timestamp(run.newest_epoch)).days
    table = choice.segments
    html.show(
        html.facts(
            [
                (
                    choice.translate("fact.newest"),
                    choice.translate(
                        "fact.newest.age", date=write.day(run.newest_epoch, words), days=write.number(age, words)
                    ),
                ),
                (
                    choice.translate("fact.length"),
                    choice.translate(
                        "fact.length.value",
                        segments=write.number(len(table), words),
                        km=write.number(table["length_m"].sum() / 1000.0, words, 1),
                    ),
                ),
                (choice.translate("fact.model"), _model(choice)),
                (choice.translate("fact.finished"), write.moment(run.finished_at, words, choice.region.timezone)),
            ]
        )
    )


def _model(choice: Choice) -> str:
    """Return the model of a run, and whether it learnt from simulated rivers."""
    run = choice.run
    if run.model_simulated == "none":
        return run.model_id
    return choice.translate(f"fact.model.{run.model_simulated}", model=run.model_id)


def split_changes(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the rows of segments that changed since the run before, by kind of change."""
    level, before = table["level"].to_numpy(int), table["previous_level"].to_numpy(int)
    known = (level > 0) & (before > 0)
    return {
        "up": np.flatnonzero(known & (level > before)),
        "down": np.flatnonzero(known & (level < before)),
        "lost": np.flatnonzero((level == 0) & (before > 0)),
        "found": np.flatnonzero((level > 0) & (before == 0)),
        "new": np.flatnonzero(before < 0),
    }


def changes(choice: Choice) -> None:
    """Show what changed since the run before, or that nothing did."""
    words = choice.language
    with st.container(border=True, key="changes"):
        if choice.previous is None:
            html.show(html.heading(choice.translate("changes")), html.note(choice.translate("changes.first")))
            return
        table = choice.segments
        kinds = split_changes(table)
        title = html.heading(choice.translate("changes.since", date=write.day(choice.previous.as_of, words)))
        warnings = _warning_changes(choice)
        if not any(len(rows) for rows in kinds.values()) and not warnings:
            time = write.moment(choice.run.finished_at, words, choice.region.timezone)
            html.show(title, html.note(choice.translate("changes.none", time=time)))
            return
        style = {"up": "er-up", "down": "er-down"}
        sign = {"up": "▲ ", "down": "▼ "}
        parts = [
            f'<span class="{style.get(kind, "er-grey")}">{sign.get(kind, "")}'
            f"{html.safe(choice.translate(f'changes.{kind}', n=write.number(len(rows), words)))}</span>"
            for kind, rows in kinds.items()
            if len(rows)
        ]
        if warnings:
            parts.append(f'<span class="er-grey">{html.safe(warnings)}</span>')
        moved = np.concatenate([kinds["up"], kinds["lost"], kinds["down"]])
        left, right = st.columns([4.6, 1], vertical_alignment="center")
        with left:
            html.show(title, f'<div class="er-changes">{"".join(parts)}</div>')
        if len(moved):
            with right, st.popover(choice.translate("changes.show"), width="stretch"):
                _changed_rows(choice, moved)


def _changed_rows(choice: Choice, moved: np.ndarray) -> None:
    table = choice.segments.iloc[moved[:SHOWN_CHANGES]]
    columns = ["chainage_m", "bank", "level", "change", "p_event", "retreat_p50_m", "range"]
    ranking_table(choice, table, columns, key="changes", height=38 + 32 * len(table))
    if len(moved) > SHOWN_CHANGES:
        html.show(
            html.note(choice.translate("changes.more", n=write.number(len(moved) - SHOWN_CHANGES, choice.language)))
        )


def _warning_changes(choice: Choice) -> str | None:
    found = read_changes(choice.region.folder.parent, choice.run.run_id, choice.target.name)
    if found is None or found.empty:
        return None
    count = found["kind"].value_counts()
    return choice.translate(
        "changes.warnings",
        **{
            kind: write.number(count.get(kind, 0), choice.language)
            for kind in (ChangeKind.ISSUED, ChangeKind.RAISED, ChangeKind.LOWERED, ChangeKind.CLOSED)
        },
    )
