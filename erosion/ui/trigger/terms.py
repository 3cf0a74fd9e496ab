"""What water levels, rain and forecast of the night add to a segment's level, in sentences with their points."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from erosion.core.vocabulary import TermState
from erosion.ui import html
from erosion.ui.choice import Choice
from erosion.ui.trigger.words import words
from erosion.words import write


def raised(choice: Choice, segment: pd.Series) -> str:
    """Return the banner of a level that the trigger has raised, with the causes; empty where it has raised nothing.

    Parameters
    ----------
    choice
        What is chosen on the page.
    segment
        Row of the published layer.

    Returns
    -------
    str
        HTML.
    """
    level, own = int(segment["level"]), segment["model_level"]
    if write.missing(own) or level <= int(own):
        return ""
    steps = choice.translate(f"segment.trigger.steps.{min(level - int(own), 3)}")
    title = choice.translate("segment.trigger.raised", steps=steps, own=int(own), level=level)
    causes = [sentence for points, _, sentence in _sentences(choice, segment) if points > 0]
    if not causes:
        return html.banner("warn", title, choice.translate("segment.trigger.held"))
    return html.banner("warn", title, choice.translate("segment.trigger.because", causes="; ".join(causes)))


def terms(choice: Choice, segment: pd.Series) -> str:
    """Return the terms of the trigger with their points, unknown ones by name; empty where a run has no trigger."""
    level = segment["trigger"]
    if write.missing(level):
        return ""
    sentences = _sentences(choice, segment)
    parts = [html.heading(choice.translate("segment.trigger"))]
    if int(level) < 0:
        parts.append(html.note(choice.translate("segment.trigger.unknown")))
    else:
        points = write.number(segment["trigger_points"], choice.language, 1)
        key = "segment.trigger.level.least" if any(not known for _, known, _ in sentences) else "segment.trigger.level"
        parts.append(html.note(choice.translate(key, level=int(level), points=points)))
    parts.append(
        html.items((_capital(sentence) for _, _, sentence in _sentences(choice, segment, points=True)), "gaps")
    )
    return "".join(parts)


def _sentences(choice: Choice, segment: pd.Series, *, points: bool = False) -> list[tuple[float, bool, str]]:
    """Return points, whether they are known, and the sentence of each term, most points first, unknown ones last."""
    sentences = []
    for term in _parse(segment["trigger_terms"]):
        try:
            sentence = words(term, choice.language)
            of = write.number(float(term["of"]), choice.language, 1)
            got = math.nan if term["points"] is None else float(term["points"])
        except (KeyError, TypeError, ValueError):
            sentences.append((0.0, False, choice.translate("segment.trigger.unread", term=term.get("term"))))
            continue
        known = math.isfinite(got) and term.get("state") == TermState.KNOWN
        if points and known:
            sentence = choice.translate(
                "segment.trigger.points", sentence=sentence, points=write.number(got, choice.language, 1), of=of
            )
        elif points:
            sentence = choice.translate("segment.trigger.nopoints", sentence=sentence, of=of)
        sentences.append((got if known else 0.0, known, sentence))
    return sorted(sentences, key=lambda row: (not row[1], -row[0]))


def _parse(text: Any) -> Iterator[Mapping[str, Any]]:
    try:
        rows = json.loads(text)
    except (TypeError, ValueError):
        return
    yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
