"""Whether the chances of a run are known to hold on its river: the test of each reach, and an evaluation that is attached."""

from __future__ import annotations

import math
from collections.abc import Mapping

from erosion.banks.established import YEAR_DAYS
from erosion.banks.knowledge import Knowledge
from erosion.core.vocabulary import AtHome, ChancesHold
from erosion.forecast import applicability
from erosion.forecast.applicability import SPREAD
from erosion.publish.manifest import Applicability, Evaluation, ReachTest


def record_of(known: Knowledge) -> float:
    """Return the years from the first observation of a reach to its newest [y]."""
    return float((known.epochs[-1] - known.epochs[0]).days / YEAR_DAYS)


def spread_for(test: applicability.Applicability, evaluation: Evaluation | None) -> float:
    """Return by how much the chances of a reach are widened [log odds]: 0 unless it is not at home and nothing was accepted."""
    accepted = evaluation is not None and evaluation["accepted"]
    return SPREAD if test.verdict == AtHome.NOT_AT_HOME and not accepted else 0.0


def entry_of(tests: Mapping[str, applicability.Applicability], evaluation: Evaluation | None) -> Applicability:
    """Return what the manifest of a run holds; see :class:`erosion.core.vocabulary.ChancesHold` for the verdict."""
    found = {test.verdict for test in tests.values()}
    spread = max((spread_for(test, evaluation) for test in tests.values()), default=0.0)
    if evaluation is not None and evaluation["accepted"]:
        verdict = ChancesHold.EVALUATED
    elif AtHome.NOT_AT_HOME in found:
        verdict = ChancesHold.NOT_CALIBRATED
    else:
        verdict = ChancesHold.NOT_TESTED if AtHome.NOT_TESTED in found else ChancesHold.AT_HOME
    return {
        "verdict": verdict,
        "spread": spread,
        "reaches": {name: _entry(test) for name, test in tests.items()},
        "evaluation": evaluation,
    }


def _entry(test: applicability.Applicability) -> ReachTest:
    return {
        "verdict": test.verdict,
        "why": test.why,
        "river": test.river,
        "distance": _number(test.distance),
        "limit": _number(test.limit),
        "p_value": _number(test.p_value),
        "false_alarm": _number(test.false_alarm),
        "dates": test.dates,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
