"""One segment: its level, why it has it, what was measured, what is not known."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from erosion.core.contracts import CHANCES_M
from erosion.core.vocabulary import ChangeKind
from erosion.ui import html
from erosion.ui.choice import Choice
from erosion.ui.detail import history, levels, reasons
from erosion.ui.products.ledger import read_warning_history
from erosion.ui.products.reading import ProductError
from erosion.ui.products.segments import read_history
from erosion.ui.trigger import terms as trigger
from erosion.words import has_text, write


def segment_detail(choice: Choice, row: int) -> None:
    """Show everything about the segment in a row of the ranking."""
    words = choice.language
    segment = choice.segments.iloc[row]
    try:
        measured = read_history(choice.run, str(segment["segment_id"]))
    except ProductError as error:
        html.show(html.banner("warn", choice.translate("broken.title"), str(error)))
        measured = pd.DataFrame(columns=["epoch", "retreat_m", "retreat_established_m", "position_m", "sigma_m"])
    level = int(segment["level"])
    rank = choice.translate(
        "segment.rank",
        rank=write.number(segment["rank"], words),
        total=write.number(len(choice.segments), words),
        segment=segment["segment_id"],
    )
    html.show(
        f'<div class="er-place">{html.safe(write.place(segment["bank"], segment["chainage_m"], words))}'
        f"<small>{html.safe(rank)}</small></div>",
        '<div class="er-changes">',
        html.badge(level, words, big=True),
        f'<span class="er-grey">{html.safe(write.change(level, int(segment["previous_level"]), words))}</span></div>',
    )
    html.show(html.grid(_numbers(choice, segment), first=_chance(choice, segment)))
    together = levels.beside(choice, segment)
    if together:
        html.show(html.note(together))
    raised, terms = trigger.raised(choice, segment), trigger.terms(choice, segment)
    if raised:
        html.show(raised)
    html.show(html.heading(choice.translate("segment.why")))
    html.show(html.items(reasons.sentences(segment, measured, words), "why"))
    for sentence in (reasons.rule(segment, words), levels.held(choice, segment), _neck(choice, segment)):
        if sentence:
            html.show(html.note(sentence))
    _weighed(choice, segment)
    if terms:
        html.show(terms)
    html.show(html.heading(choice.translate("segment.history")))
    drawn = history.bank_history(measured, words)
    if drawn is None:
        html.show(html.note(choice.translate("history.none")))
    else:
        for chart in drawn:
            st.altair_chart(chart, theme=None, width="stretch")
        html.show(html.note(choice.translate("history.note")))
    html.show(html.heading(choice.translate("segment.unknown")), html.items(reasons.gaps(segment, words), "gaps"))
    _warning(choice, segment)


def _chance(choice: Choice, segment: pd.Series) -> tuple[str, str]:
    words = choice.language
    question = choice.translate(
        "segment.p",
        threshold=write.number(segment["threshold_m"], words),
        days=write.number(segment["horizon_days"], words),
    )
    return question, write.share(segment["p_event"], words)


def _neck(choice: Choice, segment: pd.Series) -> str | None:
    """Return the chance that the river cuts through the neck at the segment; None where there is no neck."""
    if write.missing(segment["p_cutoff"]):
        return None
    words = choice.language
    return choice.translate(
        "segment.neck",
        chance=write.share(segment["p_cutoff"], words),
        low=write.share(segment["p_cutoff_low"], words),
        high=write.share(segment["p_cutoff_high"], words),
        days=write.number(segment["horizon_days"], words),
        width=write.number(segment["neck_width_m"], words),
    )


def _numbers(choice: Choice, segment: pd.Series) -> list[tuple[str, str]]:
    words = choice.language

    def metres(column: str) -> str:
        text = write.number(segment[column], words)
        return text if text == write.NOTHING else f"{text} m"

    forecast = write.NOTHING
    if not write.missing(segment["retreat_p50_m"]):
        low, mid, high = (write.number(segment[f"retreat_p{q}_m"], words) for q in (10, 50, 90))
        forecast = choice.translate("segment.forecast.value", low=low, mid=mid, high=high)
    chances = " · ".join(write.share(segment[f"chance_{distance}m"], words) for distance in CHANCES_M)
    lines = " · ".join(write.number(segment[f"retreat_p{level}_m"], words) for level in (30, 50, 70, 90))
    expected = choice.translate(
        "segment.expected.value",
        metres=write.number(segment["retreat_mean_m"], words),
        hectares=write.number(segment["loss_mean_ha"], words, 2),
    )
    unknown = write.missing(segment["p_event"])
    rate = write.number(segment["rate_3y_m_per_y"], words)
    warning = choice.translate("segment.warning.none")
    if not write.missing(segment["event_id"]) and segment["event_id"]:
        warning = choice.translate("segment.warning.value", date=write.day(segment["first_issued_at"], words))
    return [
        (choice.translate("segment.forecast"), forecast),
        (choice.translate("segment.chances"), write.NOTHING if unknown else chances),
        (choice.translate("segment.lines"), write.NOTHING if unknown else f"{lines} m"),
        (choice.translate("segment.expected"), write.NOTHING if unknown else expected),
        (choice.translate("segment.last"), metres("retreat_last_m")),
        (
            choice.translate("segment.rate"),
            rate if rate == write.NOTHING else choice.translate("segment.rate.value", value=rate),
        ),
        (
            choice.translate("segment.age"),
            choice.translate("segment.age.value", days=write.number(segment["data_age_days"], words)),
        ),
        (choice.translate("segment.length"), metres("length_m")),
        (choice.translate("segment.width"), metres("width_m")),
        (choice.translate("segment.warning"), warning),
    ]


def _weighed(choice: Choice, segment: pd.Series) -> None:
    """Show what the model weighed, as it was given to it."""
    weighed = reasons.parse(segment["reasons"])
    phrases = [(reason, reasons.phrase(reason, choice.language)) for reason in weighed]
    rows = [(reason, phrase.text) for reason, phrase in phrases if phrase is not None]
    if not rows:
        return
    with st.expander(choice.translate("segment.numbers")):
        st.dataframe(
            pd.DataFrame(
                {
                    choice.translate("numbers.what"): [text for _, text in rows],
                    choice.translate("numbers.effect"): [
                        choice.translate("effect.up" if reason.effect > 0 else "effect.down") for reason, _ in rows
                    ],
                    choice.translate("numbers.value"): [
                        f"{reason.feature} = {write.number(reason.value, choice.language, 2)}" for reason, _ in rows
                    ],
                }
            ),
            hide_index=True,
            height=38 + 32 * len(rows),
            row_height=32,
        )


def _warning(choice: Choice, segment: pd.Series) -> None:
    if write.missing(segment["event_id"]) or not segment["event_id"]:
        return
    steps = read_warning_history(choice.region.folder.parent, str(segment["event_id"]))
    if steps is None:
        return
    # What came after the date on the screen was not known on it.
    # Moving to the bank line of a new image changes the segment's name, not the warning.
    known = steps["as_of"] <= pd.Timestamp(choice.run.as_of, tz="UTC")
    steps = steps[known & (steps["kind"] != ChangeKind.MOVED)]
    lines = []
    for step in steps[["as_of", "kind", "from_level", "to_level"]].to_dict("records"):
        kind = f"kind.{step['kind']}"
        before = step["from_level"] if step["from_level"] >= 0 else write.NOTHING
        what = choice.translate(kind if has_text(kind) else "kind.other")
        lines.append(f"{write.day(step['as_of'], choice.language)}: {what} ({before} → {step['to_level']})")
    if lines:
        html.show(html.heading(choice.translate("segment.warning.history")), html.items(lines, "gaps"))
