"""The trigger of a region on one night: gauges of each reach to the level of every segment, and the messages about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Transformer

from erosion.alerts.trigger import Facts, Gauge, TermSource, Weighed, term_records, term_sources, water_along, weigh
from erosion.config.gauges import GaugeSource, zero_of
from erosion.config.region import Region
from erosion.config.trigger import Trigger
from erosion.gauges.statistics.between_gauges import MixedDatumsError

PLACE_M = 1000.0
"""Segments this near to each other along the river have one stage [m]: the water needs minutes from one to the other."""


class Night(NamedTuple):
    """The trigger of a region on a night."""

    table: pd.DataFrame
    """Index segment_id: ``trigger``, ``trigger_most``, ``trigger_points`` and ``trigger_terms``."""
    reaches: dict[str, dict[str, Any]]
    """For the manifest: reach to its level, points and gauges with the age of their data."""
    messages: list[str]
    """What is missing or old, in words; nothing where the trigger raises no level: nobody relies on it then."""


def night_of(
    region: Region, segments: gpd.GeoDataFrame, series: pd.DataFrame, forecasts: pd.DataFrame, as_of: pd.Timestamp
) -> Night:
    """Return the trigger of every segment of a region on a night.

    Parameters
    ----------
    region
        A region with a trigger.
    segments
        Its segments: ``segment_id``, ``reach``, ``chainage_m`` and the bank line in the region's metric CRS.
    series, forecasts
        Gauge and forecast tables, as known on the date.
    as_of
        The date.
    """
    assert region.trigger is not None
    parts, reaches, messages = [], {}, []
    for one in region.by_reach():
        mine = segments[segments["reach"] == one.reach.name]
        if mine.empty:
            continue
        gauges = gauges_of(one, mine)
        required = {source.gauge_id for source in region.gauge_sources if not source.optional}
        part, about, gaps = _reach(region.trigger, gauges, mine, series, forecasts, as_of, required)
        parts.append(part)
        reaches[one.reach.name] = about
        if region.trigger.raises:
            messages += [f"trigger unknown: {one.reach.name}: {text}" for text in gaps]
    return Night(pd.concat(parts), reaches, messages)


def gauges_of(region: Region, segments: gpd.GeoDataFrame | None = None) -> list[Gauge]:
    """Return the gauges assigned to a reach, the main one first.

    Parameters
    ----------
    region
        A region of one reach, from :meth:`Region.by_reach`.
    segments
        Its segments, from which the chainage of each gauge follows; without them it is NaN.

    Notes
    -----
    A gauge stands at the chainage of the segment nearest to it, or ``distance_downstream_km`` above or below the reach
    where its entry gives that.
    """
    found: dict[str, Gauge] = {}
    for first in region.gauge_sources_of(region.reach):
        if first.gauge_id in found:
            continue
        entries = [source for source in region.gauge_sources if source.gauge_id == first.gauge_id]
        warned = next((source for source in entries if source.alarm_levels_m), first)
        alarms = tuple(level + warned.datum_offset_m for level in warned.alarm_levels_m)
        datum = zero_of(entries)
        place = np.nan if segments is None else _chainage(first, segments)
        found[first.gauge_id] = Gauge(first.gauge_id, first.called, alarms, place, datum)
    return list(found.values())


def _chainage(source: GaugeSource, segments: gpd.GeoDataFrame) -> float:
    chainage = segments["chainage_m"].to_numpy(float)
    distance = source.distance_downstream_km
    if distance is not None:
        return 1000.0 * distance + (float(chainage.max()) if distance > 0 else 0.0)
    middle = segments.geometry.interpolate(0.5, normalized=True)
    x, y = Transformer.from_crs("EPSG:4326", segments.crs, always_xy=True).transform(*source.location)
    return float(chainage[np.hypot(middle.x - x, middle.y - y).to_numpy().argmin()])


def _reach(
    trigger: Trigger,
    gauges: list[Gauge],
    segments: gpd.GeoDataFrame,
    series: pd.DataFrame,
    forecasts: pd.DataFrame,
    as_of: pd.Timestamp,
    required: Collection[str],
) -> tuple[pd.DataFrame, dict[str, Any], list[str]]:
    chainage, place = np.unique(np.round(segments["chainage_m"].to_numpy(float) / PLACE_M), return_inverse=True)
    mixed = []
    try:
        water = water_along(trigger, gauges, PLACE_M * chainage, series, forecasts, as_of)
    except MixedDatumsError as error:
        mixed.append(f"{error}; one gauge serves the whole reach until then")
        nowhere = [gauge._replace(chainage_m=np.nan) for gauge in gauges]
        water = water_along(trigger, nowhere, PLACE_M * chainage, series, forecasts, as_of)
    weighed = weigh(trigger, Facts(*(values[:, 0] for values in water.facts)))
    sources = term_sources(water, gauges, as_of)
    table = pd.DataFrame(
        {
            "trigger": weighed.level[place],
            "trigger_most": weighed.most[place],
            "trigger_points": weighed.points[place],
            "trigger_terms": np.array(term_records(trigger, weighed, sources), dtype=object)[place],
        },
        index=pd.Index(segments["segment_id"].to_numpy(), name="segment_id"),
    )
    about = {
        "level": int(weighed.level.max()),
        "points": None if np.isnan(weighed.points).all() else round(float(np.nanmax(weighed.points)), 3),
        "gauges": _gauges_used(trigger, gauges, sources, as_of),
    }
    return table, about, [*mixed, *_missing(trigger, weighed, sources, required)]


def _gauges_used(
    trigger: Trigger, gauges: list[Gauge], sources: Mapping[str, list[TermSource]], as_of: pd.Timestamp
) -> list[dict[str, Any]]:
    """Return which gauges gave the numbers of which terms, and how old those are."""
    titles = {gauge.gauge_id: gauge.title for gauge in gauges}
    used = sorted({(source.gauge, name, source.time) for name in trigger.terms for source in sources[name]})
    return [
        {
            "gauge_id": gauge,
            "title": titles.get(gauge, gauge),
            "term": name,
            "age_days": None if time is None else (as_of - pd.Timestamp(time)).days,
        }
        for gauge, name, time in used
    ]


def _missing(
    trigger: Trigger, weighed: Weighed, sources: Mapping[str, list[TermSource]], required: Collection[str]
) -> list[str]:
    """Return what the trigger lacks, each thing once; a gauge that is optional and has never given a reading is no lack."""
    found: dict[str, list[str]] = {}
    for name, term in weighed.terms.items():
        for place in np.flatnonzero(np.isnan(term.points)).tolist():
            source = sources[name][place]
            if source.time is None:
                if not set(source.gauge.split("+")) & set(required):
                    continue
                lacks = f"{source.title} has no reading"
            elif weighed.old[place]:
                lacks = f"the newest usable reading of {source.title} is of {source.time}"
            else:
                lacks = f"what is known of {source.title} by its reading of {source.time} is not enough"
            names = found.setdefault(lacks, [])
            if name not in names:
                names.append(name)
    return [f"{lacks} ({', '.join(names)})" for lacks, names in found.items()]
