"""What open field reports do to levels: a crack raises its bank at once, and nothing falls while a report is open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.core.arrays import BoolArray
from erosion.core.vocabulary import FieldVerdict, HeldBy

RAISING: Final = (FieldVerdict.CRACKED, FieldVerdict.SUBSIDED, FieldVerdict.UNDERCUT, FieldVerdict.COLLAPSED)
"""Verdicts that raise a bank; an unsure one only keeps its level from falling."""

NEAR_M: Final = 100.0
"""Bank within this distance of the place of a report belongs to it [m]: one segment to either side."""

FAR_M: Final = 500.0
"""A place farther from every bank than this belongs to none [m]; a phone's position and the bank of last season differ by less."""


class OpenReport(NamedTuple):
    """An open field report."""

    id: int
    lon: float
    lat: float
    verdict: str
    stretch_id: str | None


class Reported(NamedTuple):
    """Which segments open reports concern."""

    raised: BoolArray
    """Near the place of a report whose verdict raises, shape (n,)."""
    held: BoolArray
    """Near the place of any open report, or in its stretch, shape (n,)."""
    far: tuple[int, ...]
    """Reports farther than :data:`FAR_M` from every bank and of no open stretch: they concern no segment."""


def reported_segments(
    segments: gpd.GeoDataFrame, reports: Iterable[OpenReport], members: Mapping[str, Collection[str]]
) -> Reported:
    """Return which segments open field reports concern.

    Parameters
    ----------
    segments
        Today's segments in metres: ``segment_id`` and bank lines.
    reports
        The open reports.
    members
        Id of each open stretch to its segments, as far as they go on today.
    """
    lines, ids = segments.geometry.to_numpy(), segments["segment_id"].to_numpy(dtype=object)
    raised, held = np.zeros(len(lines), dtype=bool), np.zeros(len(lines), dtype=bool)
    found = list(reports)
    places = gpd.GeoSeries(shapely.points([[one.lon, one.lat] for one in found] or np.empty((0, 2))), crs="EPSG:4326")
    far = []
    for report, place in zip(found, places.to_crs(segments.crs), strict=True):
        away = shapely.distance(lines, place)
        near = away <= max(NEAR_M, float(away.min(initial=np.inf))) if away.min(initial=np.inf) <= FAR_M else away < 0
        own = np.isin(ids, list(members.get(report.stretch_id or "", ())))
        raised |= near & (report.verdict in RAISING)
        held |= near | own
        if not (near | own).any():
            far.append(report.id)
    return Reported(raised, held, tuple(far))


def with_reports(levels: pd.DataFrame, reported: Reported, report_level: int) -> pd.DataFrame:
    """Return the levels of one target with what open field reports do to them.

    Parameters
    ----------
    levels
        From :func:`erosion.alerts.levels.decide`, in the order of the segments of ``reported``.
    report_level
        Level that a report whose verdict raises gives its bank at least.

    Returns
    -------
    pandas.DataFrame
        The same columns; ``held_by`` and ``why`` are ``report`` where a report keeps the level above what it would be.
    """
    level, before = levels["level"].to_numpy(int), levels["previous_level"].to_numpy(int)
    reports = np.maximum(np.where(reported.raised, report_level, 0), np.where(reported.held, before, 0))
    lifted = reports > level
    return levels.assign(
        level=np.where(lifted, reports, level),
        held_by=np.where(lifted, HeldBy.REPORT.value, levels["held_by"].to_numpy(dtype=object)),
        why=np.where(lifted, HeldBy.REPORT.value, levels["why"].to_numpy(dtype=object)),
    )
