"""Whether the chances of a run are calibrated on its river, in words of the files, the command line and the map."""

from __future__ import annotations

from typing import NamedTuple

from erosion.publish.manifest import Applicability, ReachTest
from erosion.words import has_text, translate


class ApplicabilityWords(NamedTuple):
    """Whether the chances of a run are calibrated on its river, in one language."""

    verdict: str
    """One sentence; empty for a verdict of a later program."""
    advice: str
    """What it means and what to do; empty where nothing needs to be done."""


def applicability_words(applicability: Applicability, language: str) -> ApplicabilityWords:
    """Return whether the chances are calibrated on this river, and what to do where they are not."""
    evaluation = applicability["evaluation"]
    named = {
        "release": evaluation["release"] if evaluation else "",
        "date": evaluation["made_on"] if evaluation else "",
    }
    key = f"verdict.{applicability['verdict']}"
    if not has_text(key):
        return ApplicabilityWords("", "")
    advice = f"{key}.advice"
    return ApplicabilityWords(
        translate(language, key, **named), translate(language, advice) if has_text(advice) else ""
    )


def applicability_text(applicability: Applicability, language: str) -> str:
    """Return the same as one line of text."""
    return " ".join(filter(None, applicability_words(applicability, language)))


def applicability_line(test: ReachTest) -> str:
    """Return the figures of the test of a reach in one line of English."""
    if test["distance"] is None or test["limit"] is None:
        return f"not tested: {test['why']}"
    return (
        f"features lie {test['distance']:.2f} from those of {test['river']}, its own dates at most {test['limit']:.2f} "
        f"({test['dates']} dates, p = {test['p_value']:.2f})"
    )
