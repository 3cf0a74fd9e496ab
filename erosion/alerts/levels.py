"""Probability to warning: thresholds that keep a promise, levels that do not flicker, and the life of a warning.

Pure functions over tables, one target at a time. A place remembers five numbers between runs: its level, the level that
the model alone gave it, the level its newest probability asked for and for how many runs in a row, and for how many runs
the trigger has asked for less; :func:`decide` turns them and tonight's scores into tonight's levels, :func:`plan_events` turns levels into warnings that open, change and close. ``docs/warnings.md`` tells
the same in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.core.contracts import ALERT_COLUMNS, LEVELS, in_utc

if TYPE_CHECKING:
    from erosion.config.region import Policy, Trigger

RAISED_LEVELS: Final = (2, 3, 4)
"""Levels that a threshold raises to; level 1 is what remains of the known, 0 is the unknown."""

MIN_ROWS: Final = 30
MIN_EVENTS: Final = 10
"""Fewest calibration rows, and events among them, at or above a threshold. A short run of luck at the top of the list
would otherwise set a threshold that the next year does not keep."""

STATE_COLUMNS: Final = ("segment_id", "level", "model_level", "candidate_level", "candidate_runs", "trigger_runs")
"""What a place remembers from one run to the next."""

NO_STATE: Final = -1
"""``previous_level`` of a place that no earlier run knew."""

_NO_ALERT: Final = ("", 0, NO_STATE, "unknown", None, None, None)


def choose_thresholds(
    p: np.ndarray,
    event: np.ndarray,
    length_m: np.ndarray,
    precision: Mapping[int, float],
    *,
    min_rows: int = MIN_ROWS,
    min_events: int = MIN_EVENTS,
) -> dict[int, float]:
    """Choose the raise threshold of each level so that what it raises keeps a stated precision.

    The threshold of a level is the lowest probability for which, among all calibration rows at or above it, the share
    of bank length that had an event reaches the level's precision. Rows of equal probability stand or fall together.

    Parameters
    ----------
    p
        Calibrated probability [1], shape (n,). Rows with NaN are left out: an unknown place raises nothing.
    event
        Whether the event came, 0 or 1 or boolean, shape (n,); NaN (window not over yet) leaves the row out.
    length_m
        Bank length of the row [m], shape (n,), positive.
    precision
        Level (2, 3, 4) to the precision [1] it must reach, rising with the level.
    min_rows, min_events
        Fewest rows, and events among them, that must stand at or above a threshold.

    Returns
    -------
    dict[int, float]
        Level to threshold [1], not falling with the level. NaN marks a level whose precision these rows cannot
        reach: :func:`decide` never raises to it.

    Raises
    ------
    ValueError
        Shapes differ, a level has no precision, or a higher level asks for less precision than a lower one.
    """
    p, event, length_m = (np.asarray(column, dtype=float) for column in (p, event, length_m))
    if not (p.ndim == 1 and p.shape == event.shape == length_m.shape):
        raise ValueError(
            f"thresholds: p {p.shape}, event {event.shape} and length_m {length_m.shape} must be one row each; "
            "take them from the same calibration table"
        )
    missing = [level for level in RAISED_LEVELS if level not in precision]
    if missing:
        raise ValueError(f"thresholds: no precision for level {missing}; add it to the policy's precision")
    wanted = [float(precision[level]) for level in RAISED_LEVELS]
    if wanted != sorted(wanted):
        raise ValueError(f"thresholds: precision {wanted} of levels 2, 3, 4 must rise with the level; mend the policy")
    use = np.isfinite(p) & np.isfinite(event)
    if not (length_m[use] > 0).all():
        raise ValueError("thresholds: a row has no positive length_m; precision is weighted by bank length")
    order = np.argsort(-p[use], kind="stable")
    p, event, length_m = p[use][order], event[use][order], length_m[use][order]
    # The last row of each run of equal probabilities: a threshold there takes all of them.
    last = np.flatnonzero(np.append(p[1:] != p[:-1], True)) if p.size else np.array([], dtype=int)
    hit_share = (np.cumsum(event * length_m) / np.cumsum(length_m))[last]
    enough = (last + 1 >= min_rows) & (np.cumsum(event)[last] >= min_events)
    thresholds = {}
    for level, share in zip(RAISED_LEVELS, wanted, strict=True):
        # A whisker of rounding must not cost a level whose precision is met exactly.
        reached = last[enough & (hit_share >= share - 1e-12)]
        thresholds[level] = float(p[reached[-1]]) if reached.size else float("nan")
    return thresholds


def decide(
    scores: pd.DataFrame,
    previous: pd.DataFrame | None,
    thresholds: Mapping[int, float],
    policy: Policy,
    as_of: pd.Timestamp | str,
    trigger: Trigger | None = None,
) -> pd.DataFrame:
    """Decide the level of every segment for one target and one date.

    Parameters
    ----------
    scores
        One row per segment: ``segment_id``, ``p_event`` [1], ``length_m`` [m], ``data_age_days`` [day] and
        ``coverage`` [1], the share of the segment's cell observed in the newest epoch; ``kept``, where there is such a
        column, is True for segments of a reach that could not be made on the date, whose score is an older run's.
    previous
        :data:`STATE_COLUMNS` of the run before, on today's segments (see :func:`carry`); None or empty on the first
        run. Segments it does not know are new.
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
    * Each threshold works like a thermostat: level *k* is asked for from ``thresholds[k]`` upward and given up below
      ``clear_ratio * thresholds[k]``; between the two the place asks for what it has.
    * Rising is quick: a place that asked to rise, by however much, in ``runs_to_raise`` runs in a row takes the newest
      candidate, and any level whose threshold is exceeded by ``jump`` is taken at once.
    * Falling is slow: a place falls straight, but only as far as ``runs_to_clear`` runs in a row agree, which is to
      the highest level they asked for.
    * A kept segment keeps what it remembers, level and count, until its data are too old; then it is unknown.
    * Level 4 is given in the order of probability (ties in the order of ``segment_id``) until ``max_level4_share`` of
      the length of all segments in the table is used up; who comes after is held at 3 and keeps asking. Kept
      segments come first.
    * All of this gives ``model_level``, and only that is remembered as the model's. The trigger then raises it by the
      policy's step at once, where it is at least ``raise_from_level``, never above 4, and into level 4 only as far as
      the cap has room left. It lowers nothing and leaves what is unknown alone.
    * What the trigger has raised it gives back one level after ``runs_to_clear`` runs in a row in which it surely asked
      for less. A run in which it may have asked for as much, because a reading is missing, does not count.
    """
    _check(scores, as_of, trigger)
    ids = scores["segment_id"].to_numpy(dtype=str)
    p = scores["p_event"].to_numpy(dtype=float)
    age = scores["data_age_days"].to_numpy(dtype=float)
    coverage = scores["coverage"].to_numpy(dtype=float)
    raise_at = _ladder(thresholds)
    # Comparisons with NaN are false, so a missing age or coverage is never "good enough".
    known = np.isfinite(p) & (age <= policy.stale_after_days) & (coverage >= policy.min_coverage)
    p = np.where(known, p, -1.0)
    memory = _recall(previous, ids)
    was, asked, runs = memory["model_level"], memory["candidate_level"], memory["candidate_runs"]
    settled = known & (was >= 1)

    on_its_own = _climb(p, raise_at)
    clear_at = raise_at.copy()
    clear_at[np.isfinite(clear_at)] *= policy.clear_ratio
    not_cleared = np.minimum(_climb(p, clear_at), was)
    candidate = np.where(settled & (on_its_own <= was), not_cleared, on_its_own)
    candidate[~known] = 0

    rises, falls = settled & (candidate > was), settled & (candidate < was)
    rise_runs = np.where(asked > was, runs, 0) + 1
    counted = np.where(rises & (rise_runs >= policy.runs_to_raise), candidate, was)
    jumped = np.where(rises, np.minimum(_climb(p, raise_at + policy.jump), candidate), was)

    falling_already = (asked >= 1) & (asked < was)
    fall_runs = np.where(falling_already & (candidate >= asked), runs, 0) + 1
    # Asking to fall further starts a new count for the lower level; the runs so far, this one too, agree on the higher.
    agreed_before = falls & falling_already & (candidate < asked) & (runs + 1 >= policy.runs_to_clear)
    fallen = np.where(agreed_before, asked, was)
    fallen = np.where(falls & (fall_runs >= policy.runs_to_clear), candidate, fallen)

    level = np.where(settled, np.where(rises, np.maximum(counted, jumped), fallen), candidate)
    kept = _kept(scores) & (was >= 0) & (age <= policy.stale_after_days)
    level, candidate = np.where(kept, was, level), np.where(kept, asked, candidate)
    length_m, order = scores["length_m"].to_numpy(dtype=float), np.where(kept, np.inf, p)
    room_m = policy.max_level4_share * length_m.sum() * (1 + 1e-12)
    capped = _over_cap(level == 4, order, length_m, ids, room_m)
    level = np.where(capped, 3, level)

    stay_runs = np.where(asked == candidate, runs, 0) + 1
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
            "capped": capped | held_back,
            "why": why,
        },
        index=scores.index,
    )
    return result[["segment_id", *ALERT_COLUMNS]]


def carry(previous: pd.DataFrame | None, crosswalk: pd.DataFrame | None) -> pd.DataFrame:
    """Put the memory of the run before on the segments of a new baseline.

    Parameters
    ----------
    previous
        :data:`STATE_COLUMNS` on the old baseline; None or empty where there is none.
    crosswalk
        ``old_segment_id`` to ``new_segment_id``; new is missing where the bank is gone, an old segment may go on in
        several new ones and several old ones may end in one. None where the baseline is the same.

    Returns
    -------
    pandas.DataFrame
        :data:`STATE_COLUMNS`, one row per new segment. Where several places meet the one with the highest level is
        kept whole (then the highest candidate, then the longest count).

    Raises
    ------
    ValueError
        A remembered segment is not in the crosswalk: losing it unsaid would close its warning.
    """
    if previous is None or previous.empty:
        return pd.DataFrame(
            {name: pd.Series(dtype="str" if name == "segment_id" else "int64") for name in STATE_COLUMNS}
        )
    need(previous, STATE_COLUMNS, "previous states")
    states = previous[list(STATE_COLUMNS)]
    if crosswalk is None:
        return states.reset_index(drop=True)
    places = states["segment_id"].to_numpy(dtype=object).tolist()
    ways = _ways(places, crosswalk)
    moved = states.iloc[[row for row, place in enumerate(places) for _ in ways[place]]]
    moved = moved.assign(old=moved["segment_id"], segment_id=[new for place in places for new in ways[place]])
    moved = moved.sort_values(
        ["segment_id", "level", "model_level", "candidate_level", "candidate_runs", "trigger_runs", "old"],
        ascending=[True, False, False, False, False, True, True],
    )
    return moved.drop_duplicates("segment_id")[list(STATE_COLUMNS)].reset_index(drop=True)


class OpenWarning(NamedTuple):
    """What planning needs to know of a warning that is open."""

    event_id: str
    segment_id: str
    level: int
    first_issued_at: datetime


class Planned(NamedTuple):
    """What becomes of one warning in a run."""

    event_id: str
    target: str
    segment_id: str
    state: str
    level: int
    first_issued_at: datetime
    closed_reason: str | None
    kind: str
    from_level: int
    why: str
    p_event: float | None
    chainage_m: float | None
    bank: str | None


class Standing(NamedTuple):
    """How a warning stands: open or closed, at which level, where."""

    state: str
    level: int
    segment_id: str


def kind_of_change(before: Standing | None, after: Standing) -> str:
    """Name the change between two standings of a warning, one of the kinds of :func:`plan_events`."""
    was_open = before is not None and before.state == "open"
    if after.state == "closed":
        return "closed" if was_open else ""
    if before is None or not was_open:
        return "issued"
    if after.level != before.level:
        return "unknown" if after.level == 0 else "raised" if after.level > before.level else "lowered"
    return "moved" if after.segment_id != before.segment_id else ""


def plan_events(
    open_warnings: pd.DataFrame,
    alerts: pd.DataFrame,
    crosswalk: pd.DataFrame | None,
    *,
    region: str,
    target: str,
    as_of: pd.Timestamp | str,
    warning_from_level: int,
) -> pd.DataFrame:
    """Say what becomes of every open warning of a target, and which warnings open, on a date.

    Parameters
    ----------
    open_warnings
        ``ledger.open_warnings`` as they stood before ``as_of``: ``event_id``, ``target``, ``segment_id``, ``level`` and
        ``first_issued_at``; rows of other targets are left aside.
    alerts
        Levels of today's segments: ``segment_id``, ``level``, ``previous_level``, ``why`` and, carried along where
        present, ``p_event`` [1], ``chainage_m`` [m] and ``bank``.
    crosswalk
        ``old_segment_id`` to ``new_segment_id`` from the baseline of the run before to today's; new is missing where
        the bank is gone. None where the baseline is the same.
    region, target
        Names that go into the ids of new events.
    as_of
        Date of the run; new warnings are first issued on it.
    warning_from_level
        Lowest level that opens a warning and keeps it open.

    Returns
    -------
    pandas.DataFrame
        The fields of :class:`Planned`, one row per event, sorted by id: its newest ``segment_id``, ``state`` and
        ``level`` after the run, ``kind`` of change (issued, raised, lowered, moved, unknown, closed, or empty for none)
        with ``from_level``. At most one open event a segment: the layer takes ``event_id`` and ``first_issued_at``
        from the open rows.

    Raises
    ------
    ValueError
        A warned segment is missing in the crosswalk, a segment occurs twice, or a column is missing.

    Notes
    -----
    A warning closes when its level is known and below ``warning_from_level``, when its bank is gone, or when it meets
    an older warning on one new segment (``merged``). A segment without a row in ``alerts``, like one of level 0, is
    unknown and closes nothing. A warned segment that went on in several new ones hands its warning to the one with the
    highest level (to an unknown one rather than close on a low one); the others open their own.
    """
    need(open_warnings, ("target", *OpenWarning._fields), "open warnings")
    here = open_warnings.loc[open_warnings["target"] == target, list(OpenWarning._fields)]
    standing = [OpenWarning(*row) for row in rows_of(here)]
    plan = plan_rows(
        standing, alerts, crosswalk, region=region, target=target, as_of=as_of, warning_from_level=warning_from_level
    )
    table = pd.DataFrame(plan, columns=list(Planned._fields))
    table["first_issued_at"] = pd.to_datetime(table["first_issued_at"], utc=True)
    return table.sort_values("event_id", ignore_index=True)


def plan_rows(
    standing: list[OpenWarning],
    alerts: pd.DataFrame,
    crosswalk: pd.DataFrame | None,
    *,
    region: str,
    target: str,
    as_of: pd.Timestamp | str,
    warning_from_level: int,
) -> list[Planned]:
    """Plan as :func:`plan_events` does, from the open warnings of one target, as plain rows in no order."""
    need(alerts, ("segment_id", "level", "previous_level", "why"), f"alerts of target {target}")
    names = ("segment_id", "level", "previous_level", "why", "p_event", "chainage_m", "bank")
    today = {row[0]: row for row in rows_of(alerts.reindex(columns=list(names)))}
    if len(today) < len(alerts):
        twice = alerts.loc[alerts["segment_id"].duplicated(), "segment_id"].iloc[0]
        raise ValueError(f"alerts of target {target}: segment {twice} occurs twice; give one row a segment")
    # How gladly a warning goes on at a place: the worst first, and where nothing is known before where it would end.
    draw = {place: row[1] if row[1] >= warning_from_level else -1 for place, row in today.items() if row[1] > 0}
    home, merged = _rehome(standing, draw, crosswalk)
    plan, warned = [], set()
    for event in standing:
        place, reason = home.get(event.event_id), None
        _, level, _, why, *seen = today.get(place or "", _NO_ALERT)
        if place is None:
            reason = why = "bank_gone"
            level = event.level
        elif event.event_id in merged:
            reason, why = "merged", f"merged into {merged[event.event_id]}"
        elif 0 < level < warning_from_level:
            reason = "below_warning_level"
        else:
            warned.add(place)
        after = Standing("closed" if reason else "open", level, place or event.segment_id)
        kind = kind_of_change(Standing("open", event.level, event.segment_id), after)
        first = event.first_issued_at
        plan.append(
            Planned(
                event.event_id,
                target,
                after.segment_id,
                after.state,
                level,
                first,
                reason,
                kind,
                event.level,
                why,
                *seen,
            )
        )
    now = issue_time(as_of)
    day = f"{now:%Y%m%d}" if now == now.normalize() else f"{now:%Y%m%dT%H%M%S}"
    for place, level, previous_level, why, *seen in today.values():
        if level >= max(warning_from_level, 1) and place not in warned:
            event_id = f"{region}-{target}-{day}-{place}"
            plan.append(
                Planned(event_id, target, place, "open", level, now, None, "issued", previous_level, why, *seen)
            )
    return plan


def issue_time(as_of: pd.Timestamp | str) -> pd.Timestamp:
    """Read an issue date as an instant in UTC, a bare date as its midnight."""
    return in_utc(as_of)


def need(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> None:
    """Refuse a table that lacks a column, naming table and column."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"{name}: missing {', '.join(missing)}; it needs {', '.join(columns)}")


def rows_of(table: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a table as tuples of plain Python values; the table's own ways are several times slower."""
    return zip(*(table[name].to_numpy(dtype=object).tolist() for name in table.columns), strict=True)


def _kept(scores: pd.DataFrame) -> np.ndarray:
    """Say which scores are an older run's, boolean, shape (n,)."""
    return scores["kept"].to_numpy(bool) if "kept" in scores else np.zeros(len(scores), dtype=bool)


def _climb(p: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the highest level whose threshold p reaches, shape (n,); 1 where it reaches none."""
    return 1 + np.searchsorted(thresholds, p, side="right")


def _ladder(thresholds: Mapping[int, float]) -> np.ndarray:
    """Thresholds of levels 2, 3, 4 as an array [1], shape (3,), infinite where a level is never raised."""
    missing = [level for level in RAISED_LEVELS if level not in thresholds]
    if missing:
        raise ValueError(f"thresholds: none for level {missing}; give NaN for a level that is never raised")
    ladder = np.array([thresholds[level] for level in RAISED_LEVELS], dtype=float)
    ladder[np.isnan(ladder)] = np.inf
    if (ladder < 0).any() or (ladder[1:] < ladder[:-1]).any():
        raise ValueError(
            f"thresholds: {dict(thresholds)} must not fall with the level, and above NaN comes only NaN; "
            "take them from choose_thresholds"
        )
    return ladder


def _recall(previous: pd.DataFrame | None, ids: np.ndarray) -> dict[str, np.ndarray]:
    """What each segment remembers, name -> shape (n,); levels of a new one are -1, counts 0."""
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
    """Raise the model's levels by the trigger, shape (n,); count the runs in which it asked for less than it holds."""
    if trigger is None:
        return own, np.zeros(own.shape, dtype=np.int64)
    steps = np.array([0, *(max((by for at, by in trigger.raises.items() if at <= k), default=0) for k in (1, 2, 3))])
    asked, most = (steps[np.maximum(scores[name].to_numpy(dtype=np.int64), 0)] for name in ("trigger", "trigger_most"))
    held = np.maximum(memory["level"] - memory["model_level"], 0)
    less = np.maximum(asked, most) < held
    runs = np.where(less, memory["trigger_runs"] + 1, 0)
    gives_back = less & (runs >= runs_to_clear)
    lift = np.maximum(asked, np.where(gives_back, held - 1, held))
    eligible = (own >= 1) & (own >= trigger.raise_from_level)
    return np.where(eligible, np.minimum(own + lift, 4), own), np.where(gives_back | ~eligible, 0, runs)


def _over_cap(top: np.ndarray, p: np.ndarray, length_m: np.ndarray, ids: np.ndarray, room_m: float) -> np.ndarray:
    """Say which of the segments that ask for level 4 do not fit into the room, boolean, shape (n,)."""
    over = np.zeros(top.shape, dtype=bool)
    asking = np.flatnonzero(top)
    ranked = asking[np.lexsort((ids[asking], -p[asking]))]
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


def _ways(places: list[str], crosswalk: pd.DataFrame | None) -> dict[str, list[str]]:
    """Every new segment that each old one went on in, none where the bank is gone."""
    if crosswalk is None:
        return {place: [place] for place in places}
    need(crosswalk, ("old_segment_id", "new_segment_id"), "crosswalk")
    old, new = (crosswalk[name].to_numpy(dtype=object).tolist() for name in ("old_segment_id", "new_segment_id"))
    ways: dict[str, list[str]] = {place: [] for place in old}
    for place, on, gone in zip(old, new, crosswalk["new_segment_id"].isna().tolist(), strict=True):
        if not gone:
            ways[place].append(on)
    lost = [place for place in places if place not in ways]
    if lost:
        raise ValueError(
            f"crosswalk: {len(lost)} segments of the run before are not in it, {lost[0]} the first; list every old "
            "segment, with new_segment_id missing where the bank is gone"
        )
    return ways


def _rehome(
    standing: list[OpenWarning], draw: Mapping[str, int], crosswalk: pd.DataFrame | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Find today's segment of each event, and which events end in an older one because they meet on one segment."""
    ways = _ways([event.segment_id for event in standing], crosswalk)
    home: dict[str, str] = {}
    merged: dict[str, str] = {}
    holder: dict[str, str] = {}
    # The oldest warning chooses first.
    for event_id, segment_id, *_ in sorted(standing, key=lambda one: (one.first_issued_at, -one.level, one.event_id)):
        places = ways[segment_id]
        if not places:
            continue
        if len(places) > 1:
            places = sorted(places, key=lambda place: (-draw.get(place, 0), place))
        home[event_id] = next((place for place in places if place not in holder), places[0])
        first = holder.setdefault(home[event_id], event_id)
        if first != event_id:
            merged[event_id] = first
    return home, merged
