"""Scores, memories and policies from which levels are decided in the tests of levels."""

import dataclasses

import numpy as np
import pandas as pd

from erosion.alerts.levels import decide
from erosion.config.region import Policy
from erosion.config.trigger import Drawdown, Trigger

AS_OF = "2012-08-01"
NEVER = float("nan")
THRESHOLDS = {2: 0.2, 3: 0.5, 4: 0.7}
POLICY = Policy(
    stale_after_days=800,
    min_coverage=0.5,
    observations_to_raise=2,
    days_to_raise=20_000,
    observations_to_clear=2,
    days_to_clear=20_000,
    trigger_days_to_clear=1,
    jump=0.3,
    clear_ratio=0.8,
    max_level4_share=1.0,
    warning_from_level=2,
)
"""Clears at 0.16, 0.40 and 0.56; jumps at 0.5, 0.8 and 1.0. Two observations confirm a change, however long it takes. No
cap unless a test sets one."""

EARLIER = "2011-08-01"
"""Date of the run of which a made state is."""


def policy(**changes):
    return dataclasses.replace(POLICY, **changes)


def scores(p, *, length_m=100.0, age=10.0, coverage=1.0, ids=None):
    p = np.atleast_1d(np.asarray(p, dtype=float))
    return pd.DataFrame(
        {
            "segment_id": [f"test-L-{i * 100:07d}" for i in range(p.size)] if ids is None else ids,
            "p_event": p,
            "length_m": np.broadcast_to(length_m, p.shape),
            "data_age_days": np.broadcast_to(age, p.shape),
            "coverage": np.broadcast_to(coverage, p.shape),
        }
    )


def state(
    level,
    candidate_level,
    observations,
    ids=None,
    *,
    model_level=None,
    since=EARLIER,
    observed=EARLIER,
    trigger_since="",
):
    level = np.atleast_1d(level)
    return pd.DataFrame(
        {
            "segment_id": [f"test-L-{i * 100:07d}" for i in range(level.size)] if ids is None else ids,
            "level": level,
            "model_level": level if model_level is None else np.atleast_1d(model_level),
            "candidate_level": np.atleast_1d(candidate_level),
            "candidate_observations": np.atleast_1d(observations),
            "candidate_since": since,
            "observed": observed,
            "trigger_since": trigger_since,
        }
    )


def later(runs, days=365):
    """Date of a run so many runs after the first."""
    return pd.Timestamp(AS_OF) + pd.Timedelta(days=runs * days)


def walk(series, rules=POLICY, thresholds=THRESHOLDS, start=None):
    """Levels and reasons of one place under a series of probabilities, each from a new observation, one a year."""
    levels, reasons, memory = [], [], start
    for run, p in enumerate(series):
        memory = decide(scores([p]), memory, thresholds, rules, later(run))
        levels.append(int(memory["level"].iloc[0]))
        reasons.append(memory["why"].iloc[0])
    return levels, reasons


DRAWDOWN = Drawdown(days=3, points=3, start=0.0, full=1.0)


def trigger_of(raises, raise_from_level=2):
    return Trigger(unit="m", drawdown=DRAWDOWN, raises=raises, raise_from_level=raise_from_level)


def triggered(table, level, most=None):
    level = np.broadcast_to(level, len(table))
    return table.assign(trigger=level, trigger_most=np.where(level < 0, 3, level) if most is None else most)


def crosswalk(*pairs):
    return pd.DataFrame(pairs, columns=["old_segment_id", "new_segment_id"])
