"""Stretches of bank that ask for attention: which segments belong together, and what becomes of each from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from erosion.alerts.states import NO_STATE, issue_time, need, ways_of
from erosion.core.arrays import BoolArray
from erosion.core.vocabulary import StretchChange, WarningState

SEGMENT_NEEDED: Final = ("segment_id", "reach", "bank", "bank_line", "chainage_m", "length_m", "joint_level")
"""What grouping reads of each segment."""

GAP_M: Final = 200.0
"""Gap that does not divide a stretch where the policy names none [m]; see :func:`group_segments`."""

LENGTH_STEP_M: Final = 100.0
LENGTH_STEP: Final = 0.1
"""Change of length that is told: one segment, and this share of the length before. Cutting a new baseline moves ends by less."""


class OpenStretch(NamedTuple):
    """What planning needs to know of a stretch that is open."""

    stretch_id: str
    level: int
    length_m: float
    first_issued_at: datetime
    reach: str
    bank: str
    from_m: float
    to_m: float
    segments: tuple[str, ...]
    """Its segments on the baseline of the run before."""


class PlannedStretch(NamedTuple):
    """What becomes of one stretch in a run."""

    stretch_id: str
    reach: str
    bank: str
    from_m: float
    """Chainage of its upstream end [m]."""
    to_m: float
    state: str
    level: int
    length_m: float
    first_issued_at: datetime
    closed_reason: str | None
    """``below_warning_level``, ``bank_gone`` or ``merged``."""
    other_id: str | None
    """The stretch that it was split from, or merged into."""
    kind: str
    """See :class:`erosion.core.vocabulary.StretchChange`; empty for no change."""
    from_level: int
    segments: tuple[str, ...]
    """Its segments on today's baseline, downstream; none where it is closed."""


class StretchStanding(NamedTuple):
    """How a stretch stands: open or closed, at which level, how long [m]."""

    state: str
    level: int
    length_m: float


def group_segments(segments: pd.DataFrame, taken: BoolArray, gap_m: float) -> list[NDArray[np.intp]]:
    """Return the rows of each stretch, each in downstream order, by their first row's place along the banks.

    Parameters
    ----------
    segments
        :data:`SEGMENT_NEEDED`; ``bank_line`` is a number for each connected bank line, so that two islands are two.
    taken
        Which rows ask for attention, shape (n,).
    gap_m
        Longest part of the bank between two of them that does not ask for it and does not divide them, along the centre line [m].
    """
    rows = np.flatnonzero(taken)
    part = segments.iloc[rows]
    line = part.groupby(["reach", "bank", "bank_line"], sort=True).ngroup().to_numpy()
    at, length = part["chainage_m"].to_numpy(float), part["length_m"].to_numpy(float)
    order = np.lexsort((part["segment_id"].to_numpy(str), at, line))
    gap = np.diff(at[order]) - 0.5 * (length[order][1:] + length[order][:-1])
    divided = (np.diff(line[order]) != 0) | (gap > gap_m)
    return [group for group in np.split(rows[order], np.flatnonzero(divided) + 1) if group.size]


def plan_stretches(
    standing: Iterable[OpenStretch],
    segments: pd.DataFrame,
    crosswalk: pd.DataFrame | None,
    *,
    region: str,
    as_of: pd.Timestamp | str,
    from_level: int,
    gap_m: float,
) -> list[PlannedStretch]:
    """Return what becomes of every open stretch, and which stretches open, on a date.

    Parameters
    ----------
    standing
        Open stretches as they stood before ``as_of``.
    segments
        Today's segments of the region, :data:`SEGMENT_NEEDED`; ``joint_level`` 0 to 4.
    crosswalk
        ``old_segment_id`` to ``new_segment_id`` from the baseline of the run before to today's; None where it is the same.
    region
        Goes into the ids of new stretches.
    as_of
        Date of the run; new stretches are first issued on it.
    from_level
        Lowest joint level that asks for attention.
    gap_m
        See :func:`group_segments`.

    Returns
    -------
    list of PlannedStretch
        One row a stretch, sorted by id.

    Raises
    ------
    ValueError
        A segment of an open stretch is missing in the crosswalk, a segment occurs twice, or a column is missing.

    Notes
    -----
    A segment of an open stretch whose level is unknown today stays in it: missing data close nothing. Where the segments of stretches
    and today's groups meet, the pair with the greatest length in common goes on under its id (ties: the older one);
    a stretch that is left over has merged into the group with which it has most in common, a group that is left over was split
    from the stretch with which it has. A stretch closes when all of its bank is known and lower than ``from_level``, or gone.
    """
    need(segments, SEGMENT_NEEDED, "segments")
    ids = segments["segment_id"].to_numpy(dtype=object)
    row_of = {name: row for row, name in enumerate(ids.tolist())}
    if len(row_of) < len(ids):
        twice = segments.loc[segments["segment_id"].duplicated(), "segment_id"].iloc[0]
        raise ValueError(f"stretches: segment {twice} occurs twice; give one row a segment")
    before = sorted(standing, key=lambda one: (one.first_issued_at, one.stretch_id))
    ways = ways_of([segment for one in before for segment in one.segments], crosswalk)
    went_on = {one.stretch_id: {new for old in one.segments for new in ways[old]} for one in before}
    level = segments["joint_level"].to_numpy(int)
    remembered = np.zeros(len(segments), dtype=bool)
    remembered[[row_of[name] for names in went_on.values() for name in names if name in row_of]] = True
    groups = group_segments(segments, (level >= from_level) | ((level == 0) & remembered), gap_m)
    common = _lengths_in_common(before, went_on, groups, segments, row_of)
    heir, parent, merged = _match(before, common, len(groups))
    now = issue_time(as_of)
    day = f"{now:%Y%m%d}" if now == now.normalize() else f"{now:%Y%m%dT%H%M%S}"
    stood = {one.stretch_id: one for one in before}
    named: dict[int, str] = {group: stretch_id for stretch_id, group in heir.items()}
    for number, group in enumerate(groups):
        named.setdefault(number, f"{region}-{day}-{ids[group[0]]}")
    plan = [
        _open(named[number], stood.get(named[number]), parent.get(number), group, segments, now)
        for number, group in enumerate(groups)
    ]
    for one in before:
        if one.stretch_id in heir:
            continue
        if one.stretch_id in merged:
            plan.append(_closed(one, "merged", named[merged[one.stretch_id]]))
        elif not went_on[one.stretch_id]:
            plan.append(_closed(one, "bank_gone", None))
        elif all(name in row_of for name in went_on[one.stretch_id]):
            plan.append(_closed(one, "below_warning_level", None))
        else:  # not all of its bank is in today's table: nothing is known of the rest
            plan.append(_unseen(one, went_on[one.stretch_id]))
    return sorted(plan, key=lambda row: row.stretch_id)


def change_of(before: StretchStanding | None, after: StretchStanding) -> str:
    """Return the change between two standings of a stretch; empty text where none is told."""
    was_open = before is not None and before.state == WarningState.OPEN
    if after.state == WarningState.CLOSED:
        return StretchChange.CLOSED if was_open else ""
    if before is None or not was_open:
        return StretchChange.ISSUED
    if after.level != before.level:
        if after.level == 0:
            return StretchChange.UNKNOWN
        return StretchChange.RAISED if after.level > before.level else StretchChange.LOWERED
    if abs(after.length_m - before.length_m) < max(LENGTH_STEP_M, LENGTH_STEP * before.length_m):
        return ""
    return StretchChange.GROWN if after.length_m > before.length_m else StretchChange.SHRUNK


def _lengths_in_common(
    before: Sequence[OpenStretch],
    went_on: Mapping[str, set[str]],
    groups: Sequence[NDArray[np.intp]],
    segments: pd.DataFrame,
    row_of: Mapping[str, int],
) -> list[tuple[float, int, int]]:
    """Return length in common [m], number of the stretch and of the group, of all pairs that meet."""
    length = segments["length_m"].to_numpy(float)
    group_of = np.full(len(segments), -1)
    for number, group in enumerate(groups):
        group_of[group] = number
    pairs = []
    for at, one in enumerate(before):
        rows = np.array(sorted(row_of[name] for name in went_on[one.stretch_id] if name in row_of), dtype=int)
        rows = rows[group_of[rows] >= 0]
        shared = np.bincount(group_of[rows], weights=length[rows], minlength=len(groups))
        pairs += [(float(shared[number]), at, int(number)) for number in np.unique(group_of[rows])]
    return pairs


def _match(
    before: Sequence[OpenStretch], common: list[tuple[float, int, int]], groups: int
) -> tuple[dict[str, int], dict[int, str], dict[str, int]]:
    """Return which group goes on under the id of each stretch, from which stretch each group left over was split, and into which
    group each stretch left over has merged."""
    heir: dict[str, int] = {}
    parent: dict[int, str] = {}
    merged: dict[str, int] = {}
    taken: set[int] = set()
    best_first = sorted(common, key=lambda pair: (-pair[0], pair[1], pair[2]))
    for _, at, number in best_first:
        if before[at].stretch_id not in heir and number not in taken:
            heir[before[at].stretch_id] = number
            taken.add(number)
    for _, at, number in best_first:
        if number not in taken:
            parent.setdefault(number, before[at].stretch_id)
        if before[at].stretch_id not in heir:
            merged.setdefault(before[at].stretch_id, number)
    return heir, parent, merged


def _open(
    stretch_id: str,
    before: OpenStretch | None,
    parent: str | None,
    group: NDArray[np.intp],
    segments: pd.DataFrame,
    now: datetime,
) -> PlannedStretch:
    part = segments.iloc[group]
    at, length = part["chainage_m"].to_numpy(float), part["length_m"].to_numpy(float)
    level, total = int(part["joint_level"].max()), float(length.sum())
    stood = None if before is None else StretchStanding(WarningState.OPEN, before.level, before.length_m)
    return PlannedStretch(
        stretch_id,
        str(part["reach"].iloc[0]),
        str(part["bank"].iloc[0]),
        float((at - 0.5 * length).min()),
        float((at + 0.5 * length).max()),
        WarningState.OPEN,
        level,
        total,
        now if before is None else before.first_issued_at,
        None,
        parent,
        change_of(stood, StretchStanding(WarningState.OPEN, level, total)),
        NO_STATE if before is None else before.level,
        tuple(part["segment_id"].astype(str)),
    )


def _closed(one: OpenStretch, reason: str, other_id: str | None) -> PlannedStretch:
    return PlannedStretch(
        one.stretch_id,
        one.reach,
        one.bank,
        one.from_m,
        one.to_m,
        WarningState.CLOSED,
        one.level,
        one.length_m,
        one.first_issued_at,
        reason,
        other_id,
        StretchChange.CLOSED,
        one.level,
        (),
    )


def _unseen(one: OpenStretch, segments: set[str]) -> PlannedStretch:
    return PlannedStretch(
        one.stretch_id,
        one.reach,
        one.bank,
        one.from_m,
        one.to_m,
        WarningState.OPEN,
        0,
        one.length_m,
        one.first_issued_at,
        None,
        None,
        "" if one.level == 0 else StretchChange.UNKNOWN,
        one.level,
        tuple(sorted(segments)),
    )
