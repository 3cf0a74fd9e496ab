"""One stretch of bank: its level and why, what may be lost, what stands beside it, and how it came to be."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from erosion.publish.columns import level_label
from erosion.ui import html
from erosion.ui.choice import Choice, choose_segment
from erosion.ui.detail import actions, history, levels, reasons
from erosion.ui.products.reading import ProductError
from erosion.ui.products.segments import read_history
from erosion.ui.products.stretches import EXPOSURE_COLUMNS, stretch_log, told
from erosion.ui.stretch_table import change_text, count_text
from erosion.words import has_text, write

METRES: Final = ("road_m_100m", "road_m_p90")


def stretch_detail(choice: Choice, row: pd.Series) -> None:
    """Show everything about a stretch, a row of :func:`erosion.ui.stretch_table.described`."""
    words = choice.language
    since = choice.translate("stretch.since", date=write.day(row["first_issued_at"], words), stretch=row["stretch_id"])
    html.show(
        f'<div class="er-place">{html.safe(row["name"])}<small>{html.safe(since)}</small></div>',
        '<div class="er-changes">',
        html.badge(int(row["level"]), words, big=True),
        f'<span class="er-grey">{html.safe(row["change_text"])}</span></div>',
    )
    if len(choice.region.targets) > 1 and not write.missing(row["target_level"]):
        html.show(html.note(choice.translate("stretch.target", level=level_label(int(row["target_level"]), words))))
    at = _worst(choice, row)
    button, _ = st.columns([1, 2.4])
    with button:
        if at is not None and st.button(
            choice.translate("stretch.onmap"), type="primary", icon=":material/map:", width="stretch"
        ):
            choose_segment(choice, at, zoom=True)
            st.switch_page(st.session_state["pages"]["map"])
    html.show(html.grid(_numbers(choice, row), first=_chance(choice, row)))
    left, right = st.columns(2, gap="large")
    with left:
        _why(choice, at)
        _exposed(choice, row)
    with right:
        _measured(choice, at)
        _log(choice, str(row["stretch_id"]))
        actions.panel(choice, str(row["stretch_id"]))


def closed_stretch(choice: Choice, stretch_id: str) -> None:
    """Say that a stretch is not open in the run on the page, and how it went until then."""
    html.show(
        html.banner("info", choice.translate("stretch.gone"), choice.translate("stretch.gone.more", stretch=stretch_id))
    )
    _log(choice, stretch_id)


def _worst(choice: Choice, row: pd.Series) -> int | None:
    """Return the row of the likeliest segment in the ranking; None where the layer has it not."""
    found = choice.segments.index[choice.segments["segment_id"] == row["worst_segment_id"]]
    return int(found[0]) if len(found) else None


def _chance(choice: Choice, row: pd.Series) -> tuple[str, str]:
    words = choice.language
    question = choice.translate(
        "stretch.p",
        threshold=write.number(row["threshold_m"], words),
        days=write.number(row["horizon_days"], words),
    )
    return question, write.share(row["p_event"], words)


def _numbers(choice: Choice, row: pd.Series) -> list[tuple[str, str]]:
    words = choice.language

    def measured(column: str, unit: str, decimals: int = 0) -> str:
        text = write.number(row[column], words, decimals)
        return text if text == write.NOTHING else f"{text} {unit}"

    return [
        (choice.translate("stretch.length"), measured("length_m", "m")),
        (choice.translate("stretch.p50"), measured("retreat_p50_m", "m")),
        (choice.translate("stretch.p90"), measured("retreat_p90_m", "m")),
        (choice.translate("stretch.ha50"), measured("loss_p50_ha", "ha", 2)),
        (choice.translate("stretch.ha90"), measured("loss_p90_ha", "ha", 2)),
        (choice.translate("stretch.ha"), measured("loss_mean_ha", "ha", 2)),
        (
            choice.translate("segment.age"),
            choice.translate("segment.age.value", days=write.number(row["data_age_days"], words)),
        ),
    ]


def _why(choice: Choice, at: int | None) -> None:
    html.show(html.heading(choice.translate("segment.why")))
    if at is None:
        html.show(html.note(choice.translate("stretch.worst.none")))
        return
    segment, words = choice.segments.iloc[at], choice.language
    where = write.place(segment["bank"], segment["chainage_m"], words)
    html.show(html.note(choice.translate("stretch.worst", place=where)))
    html.show(html.items(reasons.sentences(segment, _history(choice, at), words), "why"))
    for sentence in (reasons.rule(segment, words), levels.held(choice, segment)):
        if sentence:
            html.show(html.note(sentence))


def _history(choice: Choice, at: int) -> pd.DataFrame:
    try:
        return read_history(choice.run, str(choice.segments["segment_id"].iloc[at]))
    except ProductError:  # said where the history is drawn
        return pd.DataFrame(columns=["epoch", "retreat_m", "retreat_established_m", "position_m", "sigma_m"])


def _exposed(choice: Choice, row: pd.Series) -> None:
    """Show what stands beside the bank; what no layer of the region tells is said to be unknown."""
    html.show(html.heading(choice.translate("exposure.title")))
    if row[list(EXPOSURE_COLUMNS)].isna().all():
        html.show(html.note(choice.translate("exposure.none")))
        return
    pairs = []
    for name in EXPOSURE_COLUMNS:
        text = count_text(choice, row[name])
        pairs.append(
            (
                choice.translate(f"exposure.{name}"),
                f"{text} m" if name in METRES and not write.missing(row[name]) else text,
            )
        )
    html.show(html.rows(pairs))


def _measured(choice: Choice, at: int | None) -> None:
    html.show(html.heading(choice.translate("segment.history")))
    if at is None:
        html.show(html.note(choice.translate("history.none")))
        return
    try:
        drawn = history.bank_history(
            read_history(choice.run, str(choice.segments["segment_id"].iloc[at])), choice.language
        )
    except ProductError as error:
        html.show(html.banner("warn", choice.translate("broken.title"), str(error)))
        return
    if drawn is None:
        html.show(html.note(choice.translate("history.none")))
        return
    html.show(html.note(choice.translate("stretch.history")))
    for chart in drawn:
        st.altair_chart(chart, theme=None, width="stretch")


def _log(choice: Choice, stretch_id: str) -> None:
    html.show(html.heading(choice.translate("stretch.log")))
    steps = stretch_log(choice.region.folder.parent, stretch_id)
    if steps is None:
        html.show(html.note(choice.translate("stretch.log.none")))
        return
    # What came after the date on the screen was not known on it.
    steps = told(steps[steps["as_of"] <= pd.Timestamp(choice.run.as_of, tz="UTC")])
    html.show(html.items((_step(choice, step) for step in steps.to_dict("records")), "gaps"))


def _step(choice: Choice, step: dict[Any, Any]) -> str:
    before = step["from_level"] if step["from_level"] >= 0 else write.NOTHING
    reason = f"stretch.closed.{step['reason']}"
    return choice.translate(
        "stretch.log.step",
        date=write.day(step["as_of"], choice.language),
        what=choice.translate(reason) if has_text(reason) else change_text(choice, step),
        before=before,
        after=step["to_level"],
        metres=write.number(step["to_length_m"], choice.language),
    )
