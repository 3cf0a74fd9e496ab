"""What people have done about a stretch, and what whoever uses the page may do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from erosion.alerts import ledger
from erosion.core.vocabulary import Action, FieldVerdict
from erosion.publish.columns import level_label
from erosion.ui import access, html
from erosion.ui.choice import Choice
from erosion.ui.products.decisions import ask, decide, problem
from erosion.ui.products.stretches import communes_of
from erosion.words import write
from erosion.workflow import actions
from erosion.workflow.actions import Place, Who
from erosion.workflow.errors import RefusedError
from erosion.workflow.roles import may

OFFERED: Final = (Action.ACKNOWLEDGE, Action.ASSIGN, Action.CHECK, Action.CLOSE)
MOST_WORDS: Final = 1_000


def panel(choice: Choice, stretch_id: str) -> None:
    """Show how far people have got with a stretch, who did what and when, and what the person at the page may do."""
    html.show(html.heading(choice.translate("act.title")))
    if refused := st.session_state.pop("act problem", None):
        html.show(refused)
    here = choice.segments.loc[choice.segments["stretch_id"] == stretch_id, "joint_level"]
    level = None if here.empty else int(here.max())
    region = choice.region.name

    def question(connection: ledger.Connection) -> tuple[Any, list[Any], list[Any]]:
        return (
            actions.standing(connection, region, stretch_id, level),
            ledger.decisions.decisions(connection, region, stretch_id),
            ledger.people.people_at(connection),
        )

    try:
        found = ask(question)
    except ledger.LedgerError as error:
        html.show(problem(error, choice.language))
        return
    if found is None:
        html.show(html.note(choice.translate("act.no_ledger")))
        return
    standing, made, people = found
    names = {person.login: person.name for person in people}
    html.show(html.note(choice.translate("act.state", state=choice.translate(f"act.state.{standing.state}"))))
    if standing.open_reports:
        html.show(html.note(choice.translate("act.reports", numbers=", ".join(map(str, standing.open_reports)))))
    if made:
        html.show(html.items((_line(choice, one, names) for one in reversed(made)), "gaps"))
    if level is None or choice.run != choice.region.runs[-1]:
        html.show(html.note(choice.translate("act.old")))
        return
    using = access.current()
    communes = communes_of(choice.stretches, stretch_id)
    if using.person is None or using.who is None:
        html.show(html.note(access.described(using, choice.language)))
        return
    offered = [action for action in OFFERED if may(using.person, action, communes)]
    if not offered:
        html.show(html.note(choice.translate("act.nothing", who=access.described(using, choice.language))))
        return
    place = Place(region, stretch_id, communes)
    assignees = {person.login: person.name for person in people if may(person, Action.CHECK, communes)}
    for action in offered:
        with st.popover(choice.translate(f"act.{action}"), width="stretch"):
            _ask_for(choice, action, using.who, place, level, assignees)


def _ask_for(choice: Choice, action: Action, who: Who, place: Place, level: int, assignees: dict[str, str]) -> None:
    """Show the form of one action, and do it."""
    key = f"act {action} {place.stretch_id} {choice.language}"
    given: dict[str, Any] = {}
    with st.form(key, border=False, clear_on_submit=True):
        if action == Action.ACKNOWLEDGE:
            html.show(html.note(choice.translate("act.level", level=level_label(level, choice.language))))
        if action == Action.ASSIGN:
            given["assignee"] = st.selectbox(
                choice.translate("act.whom"), list(assignees), index=None, format_func=assignees.__getitem__,
                placeholder=choice.translate("report.choose"), key=f"{key} whom",
            )  # fmt: skip
            given["due"] = st.date_input(choice.translate("act.due"), None, format="DD/MM/YYYY", key=f"{key} due")
        if action == Action.CHECK:
            given["verdict"] = st.selectbox(
                choice.translate("report.verdict"), list(FieldVerdict), index=None,
                placeholder=choice.translate("report.choose"),
                format_func=lambda verdict: choice.translate(f"found.{verdict}"), key=f"{key} verdict",
            )  # fmt: skip
        words = st.text_area(
            choice.translate("act.reason" if action == Action.CLOSE else "act.words"),
            max_chars=MOST_WORDS,
            key=f"{key} words",
        ).strip()
        sent = st.form_submit_button(choice.translate("act.record"), type="primary")
    if not sent:
        return
    if any(name in given and given[name] is None for name in ("assignee", "verdict")):
        html.show(html.banner("bad", choice.translate("act.incomplete")))
        return
    due = given.get("due")
    until = None if due is None else datetime.combine(due, time(23, 59), ZoneInfo(choice.region.timezone))
    record: dict[Action, Callable[[ledger.Ledger], int]] = {
        Action.ACKNOWLEDGE: lambda engine: actions.acknowledge(engine, who, place, level, words),
        Action.ASSIGN: lambda engine: actions.assign(engine, who, place, given["assignee"], until, words),
        Action.CHECK: lambda engine: actions.check(engine, who, place, given["verdict"], words=words),
        Action.CLOSE: lambda engine: actions.close_stretch(engine, who, place, words),
    }
    try:
        decide(record[action])
    except (RefusedError, ledger.LedgerError) as error:
        st.session_state["act problem"] = problem(error, choice.language)
    st.rerun()


def _line(choice: Choice, one: ledger.decisions.Decision, names: dict[str, str]) -> str:
    """Return who did what and when, in a line."""
    what = choice.translate(f"action.{Action.UNDO if one.undoes else one.kind}")
    parts = [write.moment(one.at, choice.language, choice.region.timezone), f"{one.actor_name}: {what}"]
    if one.assignee is not None:
        parts.append(names.get(one.assignee, one.assignee))
    if one.due_at is not None:
        parts.append(
            choice.translate(
                "act.until", date=write.day(one.due_at.astimezone(ZoneInfo(choice.region.timezone)), choice.language)
            )
        )
    if one.verdict is not None:
        parts.append(choice.translate(f"found.{one.verdict}"))
    if one.words:
        parts.append(one.words)
    if one.undone_by is not None:
        parts.append(choice.translate("act.undone", number=one.undone_by))
    return " · ".join(parts)
