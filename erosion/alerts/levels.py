"""Levels that do not flicker: hysteresis, the cap on level 4 and what the trigger raises.

Pure functions over tables, one target at a time. The state of a place is five numbers kept between runs: its level, the
level that the model alone gave it, the candidate level of its newest probability and for how many runs in a row it has been
that, and for how many runs the trigger has been lower; :func:`decide` turns them and tonight's scores into tonight's levels, and
:func:`erosion.alerts.life.plan_events` turns levels into warnings that open, change and close.
``docs/warnings.md`` describes both.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from erosion.alerts.states import NO_STATE, STATE_COLUMNS, carry, issue_time, need
from erosion.alerts.thresholds import ladder
from erosion.config.region import Policy
from erosion.config.trigger import Trigger
from erosion.core.contracts import ALERT_COLUMNS, LEVELS


def decide(
    scores: pd.DataFrame,
    previous: pd.DataFrame | None,
    thresholds: Mapping[int, float],
    policy: Policy,
    as_of: pd.Timestamp | str,
    trigger: Trigger | None = None,
) -> pd.DataFrame:
    """Return the level of every segment for one target and one date.

    Parameters
    ----------
    scores
        One row per segment: ``segment_id``, ``p_event`` [1], ``length_m`` [m], ``data_age_days`` [day] and
        ``coverage`` [1], the share of the segment's cell observed in the newest epoch; ``kept``, where there is such a
        column, is True for segments of a reach that could not be made on the date, whose score is an older run's.
    previous
        :data:`erosion.alerts.states.STATE_COLUMNS` of the run before, on today's segments (see :func:`erosion.alerts.states.carry`); None or empty on the first
        run. Segments without a row in it are new.
    thresholds
        Raise threshold [1] of levels 2, 3, 4; NaN is never reached.
    policy
        The region's policy.
    as_of
        Date of the run; scores that carry an ``as_of`` column must carry this one.
    trigger
        The region's trigger; the scores then also have ``trigger`` (0..3, -1 unknown), the level it reaches at least,
        and ``trigger_most`` (0..3), the level it may have reached as far as is known. None where nothing raises.

    Returns
    -------
    pandas.DataFrame
        ``segment_id`` and :data:`erosion.core.contracts.ALERT_COLUMNS`, in the order and index of ``scores``.

    Raises
    ------
    ValueError
        A column is missing, a segment occurs twice, a value is impossible, or thresholds fall with the level.

    Notes
    -----
    * A place is unknown where its probability, data age or coverage is missing, its data too old or its coverage too
      small. A place that was unknown, or is new, takes what the raise thresholds give at once.
    * Each threshold has hysteresis: level *k* is a candidate from ``thresholds[k]`` upward and no longer below
      ``clear_ratio * thresholds[k]``; between the two the candidate is the level there is.
    * Rising is quick: a place whose candidate was higher, by however much, in ``runs_to_raise`` runs in a row takes the
      newest candidate, and any level whose threshold is exceeded by ``jump`` is taken at once.
    * Falling is slow: a place falls straight, but only as far as ``runs_to_clear`` runs in a row agree, which is to
      their highest candidate.
    * A kept segment keeps its state, level and count, until its data are too old; then it is unknown.
    * Level 4 is given in the order of probability (ties in the order of ``segment_id``) until ``max_level4_share`` of
      the length of all segments in the table is used up; the rest is held at 3 with candidate 4. Kept
      segments come first.
    * All of this gives ``model_level``, and only that is kept as the model's. The trigger then raises it by what
      ``trigger.raises`` gives for its level, at once, where it is at least ``raise_from_level``, never above 4, and into level 4 only as far as
      the cap has room left. It lowers nothing and leaves what is unknown alone.
    * What the trigger has raised falls by one level after ``runs_to_clear`` runs in a row in which it was surely lower.
      A run in which it may have been as high, because a reading is missing, does not count.
    """
    _check(scores, as_of, trigger)
    ids = scores["segment_id"].to_numpy(dtype=str)
    p = scores["p_event"].to_numpy(dtype=float)
    age = scores["data_age_days"].to_numpy(dtype=float)
    coverage = scores["coverage"].to_numpy(dtype=float)
    raise_at = ladder(thresholds)
    # Comparisons with NaN are false, so a missing age or coverage is never "good enough".
    known = np.isfinite(p) & (age <= policy.stale_after_days) & (coverage >= policy.min_coverage)
    p = np.where(known, p, -1.0)
    memory = _states_of(previous, ids)
    was, candidate_before, runs = memory["model_level"], memory["candidate_level"], memory["candidate_runs"]
    settled = known & (was >= 1)

    on_its_own = _climb(p, raise_at)
    clear_at = raise_at.copy()
    clear_at[np.isfinite(clear_at)] *= policy.clear_ratio
    not_cleared = np.minimum(_climb(p, clear_at), was)
    candidate = np.where(settled & (on_its_own <= was), not_cleared, on_its_own)
    candidate[~known] = 0

    rises, falls = settled & (candidate > was), settled & (candidate < was)
    rise_runs = np.where(candidate_before > was, runs, 0) + 1
    counted = np.where(rises & (rise_runs >= policy.runs_to_raise), candidate, was)
    jumped = np.where(rises, np.minimum(_climb(p, raise_at + policy.jump), candidate), was)

    falling_already = (candidate_before >= 1) & (candidate_before < was)
    fall_runs = np.where(falling_already & (candidate >= candidate_before), runs, 0) + 1
    # A still lower candidate starts a new count for itself; the runs so far, this one too, agree on the higher one.
    agreed_before = falls & falling_already & (candidate < candidate_before) & (runs + 1 >= policy.runs_to_clear)
    fallen = np.where(agreed_before, candidate_before, was)
    fallen = np.where(falls & (fall_runs >= policy.runs_to_clear), candidate, fallen)

    level = np.where(settled, np.where(rises, np.maximum(counted, jumped), fallen), candidate)
    kept = _kept(scores) & (was >= 0) & (age <= policy.stale_after_days)
    level, candidate = np.where(kept, was, level), np.where(kept, candidate_before, candidate)
    length_m, order = scores["length_m"].to_numpy(dtype=float), np.where(kept, np.inf, p)
    room_m = policy.max_level4_share * length_m.sum() * (1 + 1e-12)
    capped = _over_cap(level == 4, order, length_m, ids, room_m)
    level = np.where(capped, 3, level)

    stay_runs = np.where(candidate_before == candidate, runs, 0) + 1
    candidate_runs = np.where(rises, rise_runs, np.where(falls, fall_runs, stay_runs))
    candidate_runs = np.where(kept, runs, candidate_runs)

    rules = {
        "unknown": ~known & ~kept,
        "capped": capped,
        "kept": kept,
        "jumped": rises & (jumped > counted),
        "raised": np.where(settled, level > was, level >= 2),
        "cleared": settled & (level < was),
        "held": settled & (on_its_own != level),
    }
    why = np.select(list(rules.values()), list(rules), "same")

    published, trigger_runs = _lift(scores, level, memory, trigger, policy.runs_to_clear)
    held_back = _over_cap((published == 4) & (level < 4), order, length_m, ids, room_m - length_m[level == 4].sum())
    published = np.where(held_back, 3, published)
    why = np.where(held_back, "capped", np.where(published > level, "trigger", why))
    # The model stands where it stood, so that what fell is what the trigger had raised.
    why = np.where((published < memory["level"]) & np.isin(why, ("same", "held")), "trigger_over", why)
    result = pd.DataFrame(
        {
            "segment_id": scores["segment_id"],
            "level": published.astype("int8"),
            "model_level": level.astype("int8"),
            "previous_level": memory["level"].astype("int8"),
            "candidate_level": candidate.astype("int8"),
            "candidate_runs": candidate_runs.astype("int32"),
            "trigger_runs": trigger_runs.astype("int32"),
            "capped": (capped & (published < 4)) | held_back,
            "why": why,
        },
        index=scores.index,
    )
    return result[["segment_id", *ALERT_COLUMNS]]


def _kept(scores: pd.DataFrame) -> np.ndarray:
    """Return True for scores of an older run, shape (n,)."""
    return scores["kept"].to_numpy(bool) if "kept" in scores else np.zeros(len(scores), dtype=bool)


def _climb(p: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the highest level whose threshold p reaches, shape (n,); 1 where it reaches none."""
    return 1 + np.searchsorted(thresholds, p, side="right")


def _states_of(previous: pd.DataFrame | None, ids: np.ndarray) -> dict[str, np.ndarray]:
    """Return the state of each segment, name -> shape (n,); levels of a new one are -1, counts 0."""
    states = carry(previous, None)
    if states["segment_id"].duplicated().any():
        twice = states.loc[states["segment_id"].duplicated(), "segment_id"].iloc[0]
        raise ValueError(f"previous states: segment {twice} occurs twice; carry() keeps one state a segment")
    for name in ("level", "model_level"):
        if not states[name].isin(LEVELS).all():
            raise ValueError(f"previous states: {name} {states[name].unique()} is none of {LEVELS}")
    place = pd.Index(states["segment_id"].to_numpy(dtype=str)).get_indexer(pd.Index(ids))
    remembered = {}
    for name in STATE_COLUMNS[1:]:
        # The default sits at the end, where index -1 (not found) reads it.
        nothing = 0 if name.endswith("_runs") else NO_STATE
        remembered[name] = np.append(states[name].to_numpy(dtype=np.int64), nothing)[place]
    return remembered


def _lift(
    scores: pd.DataFrame, own: np.ndarray, memory: Mapping[str, np.ndarray], trigger: Trigger | None, runs_to_clear: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the model's levels raised by the trigger, and the runs in which it was below what it holds, shape (n,)."""
    if trigger is None:
        return own, np.zeros(own.shape, dtype=np.int64)
    steps = np.array([0, *(max((by for at, by in trigger.raises.items() if at <= k), default=0) for k in (1, 2, 3))])
    due, most = (steps[np.maximum(scores[name].to_numpy(dtype=np.int64), 0)] for name in ("trigger", "trigger_most"))
    held = np.maximum(memory["level"] - memory["model_level"], 0)
    less = np.maximum(due, most) < held
    runs = np.where(less, memory["trigger_runs"] + 1, 0)
    falls_back = less & (runs >= runs_to_clear)
    lift = np.maximum(due, np.where(falls_back, held - 1, held))
    eligible = (own >= 1) & (own >= trigger.raise_from_level)
    return np.where(eligible, np.minimum(own + lift, 4), own), np.where(falls_back | ~eligible, 0, runs)


def _over_cap(top: np.ndarray, p: np.ndarray, length_m: np.ndarray, ids: np.ndarray, room_m: float) -> np.ndarray:
    """Return True for candidates of level 4 (``top``) that exceed the room left, shape (n,)."""
    over = np.zeros(top.shape, dtype=bool)
    candidates = np.flatnonzero(top)
    ranked = candidates[np.lexsort((ids[candidates], -p[candidates]))]
    over[ranked[np.cumsum(length_m[ranked]) > room_m]] = True
    return over


def _check(scores: pd.DataFrame, as_of: pd.Timestamp | str, trigger: Trigger | None) -> None:
    of_trigger = () if trigger is None else ("trigger", "trigger_most")
    need(scores, ("segment_id", "p_event", "length_m", "data_age_days", "coverage", *of_trigger), "scores")
    if scores["segment_id"].duplicated().any():
        twice = scores.loc[scores["segment_id"].duplicated(), "segment_id"].iloc[0]
        raise ValueError(f"scores: segment {twice} occurs twice; levels are decided for one target at a time")
    p = scores["p_event"].to_numpy(dtype=float)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("scores: p_event outside 0..1; probabilities must come calibrated")
    if not (scores["length_m"].to_numpy(dtype=float) > 0).all():
        raise ValueError("scores: a segment has no positive length_m; the cap on level 4 is a share of bank length")
    if "as_of" in scores and (pd.to_datetime(scores["as_of"], utc=True) != issue_time(as_of)).any():
        raise ValueError(
            f"scores: made for another date than {issue_time(as_of):%Y-%m-%d}; decide with the scores of the run"
        )
