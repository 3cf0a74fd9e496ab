"""Whether the chances of a run are calibrated on its river: the test of each reach, and an evaluation that is attached."""

from __future__ import annotations

import math
from collections.abc import Mapping

from erosion.banks.established import YEAR_DAYS
from erosion.banks.knowledge import Knowledge
from erosion.core.vocabulary import Calibration, ShiftVerdict
from erosion.forecast.applicability import SPREAD, ShiftTest
from erosion.publish.manifest import Applicability, Evaluation, ReachTest


def record_of(known: Knowledge) -> float:
    """Return the years from the first observation of a reach to its newest [y]."""
    return float((known.epochs[-1] - known.epochs[0]).days / YEAR_DAYS)


def calibration_of(test: ShiftTest, evaluation: Evaluation | None, trained_here: bool) -> Calibration:
    """Return whether the chances of a reach are known to be calibrated; what the river did counts before what it looks like.

    Parameters
    ----------
    test
        Of the reach.
    evaluation
        Of the release on the region's own record; None where none is attached.
    trained_here
        Whether the release was trained on the region.
    """
    if evaluation is not None:
        return Calibration.EVALUATED if evaluation["accepted"] else Calibration.REJECTED
    if test.verdict == ShiftVerdict.WITHIN:
        return Calibration.SIMILAR
    if test.verdict == ShiftVerdict.NOT_TESTED and trained_here:
        return Calibration.NOT_TESTED
    return Calibration.NOT_CALIBRATED


def spread_for(calibration: Calibration) -> float:
    """Return by how much the chances of a reach are widened [log odds]."""
    return SPREAD if calibration in (Calibration.REJECTED, Calibration.NOT_CALIBRATED) else 0.0


def entry_of(tests: Mapping[str, ShiftTest], evaluation: Evaluation | None, trained_here: bool) -> Applicability:
    """Return what the manifest of a run holds; its verdict is that of the reach of which least is known."""
    found = {calibration_of(test, evaluation, trained_here) for test in tests.values()}
    verdict = next(one for one in Calibration if one in found)
    return {
        "verdict": verdict,
        "spread": spread_for(verdict),
        "reaches": {name: _entry(test) for name, test in tests.items()},
        "evaluation": evaluation,
    }


def _entry(test: ShiftTest) -> ReachTest:
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
