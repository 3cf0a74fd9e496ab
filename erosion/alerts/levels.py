"""Levels that do not flicker: hysteresis, the cap on level 4 and what the trigger raises.

Pure functions over tables, one target at a time. The state of a place is what is kept between runs: its level, the level that
the model alone gave it, the candidate level of its newest probability with how many observations and since when it has been
that, the newest observation, and since when the trigger has been lower; :func:`decide` turns states and tonight's scores into
tonight's levels, and :func:`erosion.alerts.life.plan_events` turns levels into warnings that open, change and close.
``docs/warnings.md`` describes both.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.alerts.states import NO_STATE, STATE_COLUMNS, STATE_DATES, carry, issue_time, need
from erosion.alerts.thresholds import ladder
from erosion.config.region import Policy
from erosion.config.trigger import Trigger
from erosion.core.contracts import ALERT_COLUMNS, LEVELS
from erosion.core.vocabulary import HeldBy

Days = NDArray[np.datetime64]


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
    * Observations and days are counted, never runs. An observation is new where it is later than the newest one that the
      state knows; it counts once, in the first run that has it.
    * Rising: a place whose candidate was higher, by however much, in ``observations_to_raise`` new observations, or for
      ``days_to_raise`` days, takes the newest candidate, and any level whose threshold is exceeded by ``jump`` is taken
      at once.
    * Falling: a place falls straight, but only as far as ``observations_to_clear`` new observations, or the runs of
      ``days_to_clear`` days, agree, which is to their highest candidate; it waits anew for the rest.
    * A kept segment keeps its state, level and count, until its data are too old; then it is unknown.
    * Level 4 is given in the order of probability (ties in the order of ``segment_id``) until ``max_level4_share`` of
      the length of all segments in the table is used up; the rest of those that ask for it is held at 3 with candidate
      4. Kept segments come first. What stands at 4 only by hysteresis or memory comes last, and falls to 3 where there is
      no room left.
    * All of this gives ``model_level``, and only that is kept as the model's. The trigger then raises it by what
      ``trigger.raises`` gives for its level, at once, where it is at least ``raise_from_level``, never above 4, and into level 4 only as far as
      the cap has room left. It lowers nothing and leaves what is unknown alone.
    * What the trigger has raised falls by one level each ``trigger_days_to_clear`` days in which it was surely lower.
      A run in which it may have been as high, because a reading is missing, begins the count anew.
    * ``asked_level`` is what the newest probability asks for by the raise thresholds alone, 0 where it is unknown.
      ``held_by`` names what keeps the level from it, and is empty where they are equal.
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
    memory, dates = _states_of(previous, ids)
    was, candidate_before = memory["model_level"], memory["candidate_level"]
    settled = known & (was >= 1)
    kept = _kept(scores) & (was >= 0) & (age <= policy.stale_after_days)

    on_its_own = _climb(p, raise_at)
    asked = np.where(known, on_its_own, 0)
    clear_at = raise_at.copy()
    clear_at[np.isfinite(clear_at)] *= policy.clear_ratio
    not_cleared = np.minimum(_climb(p, clear_at), was)
    candidate = np.where(settled & (on_its_own <= was), not_cleared, on_its_own)
    candidate[~known] = 0

    today = np.datetime64(issue_time(as_of).tz_localize(None), "D")
    observed = _later(dates["observed"], _observed(today, age))
    # A state of a ledger from before observations were counted names none; the wait is by days then.
    new = np.where(was == NO_STATE, True, observed > dates["observed"]).astype(np.int64)
    rises, falls = settled & (candidate > was), settled & (candidate < was)
    falling = falls & (candidate_before >= 1) & (candidate_before < was)
    goes_on = np.select([rises, falls], [candidate_before > was, falling], candidate_before == candidate)
    observations = np.where(goes_on, memory["candidate_observations"], 0) + new
    observations = np.where(known & ~settled, np.maximum(observations, 1), observations)
    since = np.where(goes_on & ~np.isnat(dates["candidate_since"]), dates["candidate_since"], today)

    agreed = (observations >= policy.observations_to_raise) | _for_days(since, today, policy.days_to_raise)
    counted = np.where(rises & agreed, candidate, was)
    jumped = np.where(rises, np.minimum(_climb(p, raise_at + policy.jump), candidate), was)

    agreed = (observations >= policy.observations_to_clear) | _for_days(since, today, policy.days_to_clear)
    highest = np.where(falling, np.maximum(candidate, candidate_before), candidate)
    fallen = np.where(falls & agreed, np.where(new >= policy.observations_to_clear, candidate, highest), was)
    # What has fallen as far as was agreed waits anew for the rest.
    rest = falls & agreed & (candidate < fallen)
    observations, since = np.where(rest, new, observations), np.where(rest, today, since)

    level = np.where(settled, np.where(rises, np.maximum(counted, jumped), fallen), candidate)
    level = np.where(kept, was, level)
    candidate = np.where(kept, candidate_before, np.where(falls & ~agreed, highest, candidate))
    length_m = scores["length_m"].to_numpy(dtype=float)
    order = np.where(kept, np.inf, np.where(asked == 4, p, p - 2.0))
    room_m = policy.max_level4_share * length_m.sum() * (1 + 1e-12)
    over = _over_cap(level == 4, order, length_m, ids, room_m)
    level = np.where(over, 3, level)
    capped = over & (asked == 4)
    candidate = np.where(over & ~capped, np.minimum(candidate, 3), candidate)
    waited = memory["candidate_observations"] >= policy.observations_to_raise
    still_capped = kept & (level == 3) & (candidate == 4) & (asked == 4) & waited
    # What the cap holds has waited enough: it takes level 4 as soon as there is room.
    observations = np.where(capped, np.maximum(observations, policy.observations_to_raise), observations)

    rules = {
        "unknown": ~known & ~kept,
        "capped": over,
        "kept": kept,
        "jumped": rises & (jumped > counted),
        "raised": np.where(settled, level > was, level >= 2),
        "cleared": settled & (level < was),
        "held": settled & (on_its_own != level),
    }
    why = np.select(list(rules.values()), list(rules), "same")

    published, trigger_since = _lift(scores, level, memory, dates["trigger_since"], today, trigger, policy)
    no_room = _over_cap((published == 4) & (level < 4), order, length_m, ids, room_m - length_m[level == 4].sum())
    published = np.where(no_room, 3, published)
    asked = np.where(published == 0, 0, asked)
    why = np.where(published > level, "trigger", why)
    # The model stands where it stood, so that what fell is what the trigger had raised.
    why = np.where((published < memory["level"]) & np.isin(why, ("same", "held")), "trigger_over", why)
    result = pd.DataFrame(
        {
            "segment_id": scores["segment_id"],
            "level": published.astype("int8"),
            "model_level": level.astype("int8"),
            "asked_level": asked.astype("int8"),
            "held_by": _held_by(published, level, asked, capped | still_capped),
            "previous_level": memory["level"].astype("int8"),
            "candidate_level": candidate.astype("int8"),
            "candidate_observations": np.where(kept, memory["candidate_observations"], observations).astype("int32"),
            "candidate_since": _texts(np.where(kept, dates["candidate_since"], since)),
            "observed": _texts(observed),
            "trigger_since": _texts(trigger_since),
            "why": why,
        },
        index=scores.index,
    )
    return result[["segment_id", *ALERT_COLUMNS]]


def joint_levels(levels: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return one level of each segment from those of all targets.

    The highest known one, where it is 2 or more: what one target warns of is warned of. Low only where every target is
    known to be low; otherwise unknown, for what a target does not know may be high.

    Parameters
    ----------
    levels
        Target to a table with ``segment_id`` and ``level``; a segment that a target lacks is unknown to it.

    Returns
    -------
    pandas.Series
        Level by ``segment_id``, int8.
    """
    tables = [table.set_index("segment_id")["level"].rename(name) for name, table in levels.items()]
    side_by_side = pd.concat(tables, axis=1).fillna(0).astype("int8")
    highest, lowest = side_by_side.max(axis=1), side_by_side.min(axis=1)
    return highest.where((highest >= 2) | (lowest >= 1), 0).astype("int8").rename("joint_level")


def _kept(scores: pd.DataFrame) -> np.ndarray:
    """Return True for scores of an older run, shape (n,)."""
    return scores["kept"].to_numpy(bool) if "kept" in scores else np.zeros(len(scores), dtype=bool)


def _climb(p: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the highest level whose threshold p reaches, shape (n,); 1 where it reaches none."""
    return 1 + np.searchsorted(thresholds, p, side="right")


def _states_of(previous: pd.DataFrame | None, ids: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Days]]:
    """Return the state of each segment, name -> shape (n,): numbers, and dates.

    Levels of a new segment are -1, counts 0, dates not-a-time.
    """
    states = carry(previous, None)
    if states["segment_id"].duplicated().any():
        twice = states.loc[states["segment_id"].duplicated(), "segment_id"].iloc[0]
        raise ValueError(f"previous states: segment {twice} occurs twice; carry() keeps one state a segment")
    for name in ("level", "model_level"):
        if not states[name].isin(LEVELS).all():
            raise ValueError(f"previous states: {name} {states[name].unique()} is none of {LEVELS}")
    place = pd.Index(states["segment_id"].to_numpy(dtype=str)).get_indexer(pd.Index(ids))
    numbers: dict[str, np.ndarray] = {}
    dates: dict[str, Days] = {}
    # The default sits at the end, where index -1 (not found) reads it.
    for name in STATE_COLUMNS[1:]:
        if name in STATE_DATES:
            # Few dates occur, and reading a date takes long.
            of, found = pd.factorize(states[name].to_numpy(dtype=object))
            days = np.append(np.asarray(found, dtype=str).astype("datetime64[D]"), np.datetime64("NaT"))
            dates[name] = days[np.append(of, -1)[place]]
        else:
            nothing = 0 if name == "candidate_observations" else NO_STATE
            numbers[name] = np.append(states[name].to_numpy(dtype=np.int64), nothing)[place]
    return numbers, dates


def _observed(today: np.datetime64, age: np.ndarray) -> Days:
    """Return the date of the newest observation, shape (n,), not-a-time where the age of the data is missing."""
    days = np.where(np.isfinite(age), np.floor(age), 0).astype("timedelta64[D]")
    return np.where(np.isfinite(age), today - days, np.datetime64("NaT"))


def _later(one: Days, other: Days) -> Days:
    """Return the later of two dates, shape (n,); one of them where the other is missing.

    An observation that was left out afterwards is not new when it comes back.
    """
    return np.fmax(one, other)


def _for_days(since: Days, today: np.datetime64, days: float) -> np.ndarray:
    """Return True where a date lies at least so many days back, shape (n,)."""
    return np.asarray((today - since) >= np.timedelta64(round(days), "D"))  # False for not-a-time


def _texts(dates: Days) -> np.ndarray:
    """Return dates as YYYY-MM-DD, empty text for none, shape (n,)."""
    few, place = np.unique(dates, return_inverse=True)
    return np.array(["" if np.isnat(day) else str(day) for day in few], dtype=object)[place]


def _held_by(published: np.ndarray, own: np.ndarray, asked: np.ndarray, capped: np.ndarray) -> np.ndarray:
    """Return what keeps each published level from the one that its newest probability asks for, empty for nothing."""
    held = np.full(published.shape, "", dtype=object)
    differs = (published != asked) & (published >= 1)
    held[differs] = HeldBy.MEMORY.value
    held[differs & (published > asked) & (published > own)] = HeldBy.TRIGGER.value
    held[differs & (published < asked) & capped] = HeldBy.CAP.value
    return held


def _lift(
    scores: pd.DataFrame,
    own: np.ndarray,
    memory: Mapping[str, np.ndarray],
    lower_since: Days,
    today: np.datetime64,
    trigger: Trigger | None,
    policy: Policy,
) -> tuple[np.ndarray, Days]:
    """Return the model's levels raised by the trigger, and since when it has been below what it holds, shape (n,)."""
    never = np.full(own.shape, np.datetime64("NaT", "D"))
    if trigger is None:
        return own, never
    steps = np.array([0, *(max((by for at, by in trigger.raises.items() if at <= k), default=0) for k in (1, 2, 3))])
    due, most = (steps[np.maximum(scores[name].to_numpy(dtype=np.int64), 0)] for name in ("trigger", "trigger_most"))
    held = np.maximum(memory["level"] - memory["model_level"], 0)
    less = np.maximum(due, most) < held
    since = np.where(less, np.where(np.isnat(lower_since), today, lower_since), never)
    falls_back = less & _for_days(since, today, policy.trigger_days_to_clear)
    lift = np.maximum(due, np.where(falls_back, held - 1, held))
    eligible = (own >= 1) & (own >= trigger.raise_from_level)
    # The next step down is waited for anew.
    since = np.where(falls_back, today, since)
    return np.where(eligible, np.minimum(own + lift, 4), own), np.where(eligible, since, never)


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
