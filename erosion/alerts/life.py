"""The life of a warning: what opens, changes and closes it, planned from levels alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import pandas as pd

from erosion.alerts.states import NO_STATE, issue_time, need, rows_of, ways_of
from erosion.core.vocabulary import ChangeKind, WarningState

_NO_ALERT: Final = ("", 0, NO_STATE, "unknown", None, None, None)


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
    """Return the change between two standings of a warning; empty text where there is none."""
    was_open = before is not None and before.state == WarningState.OPEN
    if after.state == WarningState.CLOSED:
        return ChangeKind.CLOSED if was_open else ""
    if before is None or not was_open:
        return ChangeKind.ISSUED
    if after.level != before.level:
        if after.level == 0:
            return ChangeKind.UNKNOWN
        return ChangeKind.RAISED if after.level > before.level else ChangeKind.LOWERED
    return ChangeKind.MOVED if after.segment_id != before.segment_id else ""


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
    """Return what becomes of every open warning of a target, and which warnings open, on a date.

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
        after = Standing(WarningState.CLOSED if reason else WarningState.OPEN, level, place or event.segment_id)
        kind = kind_of_change(Standing(WarningState.OPEN, event.level, event.segment_id), after)
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
                Planned(
                    event_id,
                    target,
                    place,
                    WarningState.OPEN,
                    level,
                    now,
                    None,
                    ChangeKind.ISSUED,
                    previous_level,
                    why,
                    *seen,
                )
            )
    return plan


def _rehome(
    standing: list[OpenWarning], draw: Mapping[str, int], crosswalk: pd.DataFrame | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return today's segment of each event, and which events end in an older one because they meet on one segment."""
    ways = ways_of([event.segment_id for event in standing], crosswalk)
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
