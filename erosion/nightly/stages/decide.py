"""The levels of all segments of a run and the layers that are published of them."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import pandas as pd

from erosion.alerts import ledger
from erosion.alerts.levels import decide, joint_levels
from erosion.alerts.reported import FAR_M, reported_segments, with_reports
from erosion.alerts.states import carry, ways_of
from erosion.alerts.stretches import OpenStretch, plan_stretches
from erosion.alerts.thresholds import thresholds_of
from erosion.alerts.trigger_night import Night, night_of
from erosion.banks.bank_lines import number_bank_lines
from erosion.core.contracts import TRIGGER_COLUMNS
from erosion.nightly.stages.carry_over import crosswalk_from_previous, segments_of_missing
from erosion.nightly.stages.inputs import RunInputs
from erosion.nightly.stages.layers import history_table, segment_layer
from erosion.nightly.stages.reaches import Forecasts
from erosion.nightly.stages.stretches import stretch_layer, stretch_of_segment
from erosion.nightly.task import Progress, Task

_SEGMENT_COLUMNS = ["segment_id", "reach", "bank", "baseline", "chainage_m", "length_m", "geometry"]


class Decisions(NamedTuple):
    """What a run decided."""

    layers: dict[str, gpd.GeoDataFrame]
    """Target to the published layer, :data:`erosion.core.contracts.LAYER_COLUMNS`."""
    stretches: dict[str, gpd.GeoDataFrame]
    """Target to its published stretches, :data:`erosion.core.contracts.STRETCH_COLUMNS`."""
    history: pd.DataFrame
    """:data:`erosion.core.contracts.HISTORY_COLUMNS`."""
    states: pd.DataFrame
    """Levels of every segment and target, for the ledger; see :func:`erosion.alerts.levels.decide`."""
    crosswalk: pd.DataFrame | None
    """Where the segments of the run before went; None where the baseline is the same."""
    segments: int
    newest_epochs: dict[str, str]
    """Reach to the date of its newest observation, YYYY-MM-DD."""
    night: Night | None
    """The trigger; None where the region has none."""


def decide_levels(task: Task, inputs: RunInputs, forecasts: Forecasts, progress: Progress) -> Decisions:
    """Return the levels of all reaches together, missing ones with the forecasts they had; messages go to the progress.

    Raises
    ------
    RunError
        The product of the run before is needed and gone or damaged.
    """
    region, as_of, previous = task.region, task.as_of, inputs.previous
    reaches = list(forecasts.made.values())
    kept, kept_history = segments_of_missing(task, forecasts.missing, previous)
    tables = [one.known.baseline.segments[_SEGMENT_COLUMNS] for one in reaches]
    tables += [table[_SEGMENT_COLUMNS] for table in list(kept.values())[:1]]
    segments = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=tables[0].crs)
    walk = crosswalk_from_previous(task, previous, segments)
    night = None
    if region.trigger is not None:
        night = night_of(region, segments, inputs.gauges.values, inputs.gauges.forecasts, as_of)
        progress.messages += night.messages
    decided = {
        target.name: _decide(task, inputs, target.name, forecasts, kept.get(target.name), walk, night)
        for target in region.targets
    }
    standing = ledger.standing_stretches(task.engine, region.name, as_of)
    if inputs.reports:
        decided = _reported(task, inputs, decided, segments, standing, walk, progress)
    joint = joint_levels(decided)
    decided = {name: table.assign(joint_level=table["segment_id"].map(joint)) for name, table in decided.items()}
    placed = segments.drop(columns=["geometry", "baseline"]).assign(
        bank_line=number_bank_lines(segments), joint_level=segments["segment_id"].map(joint)
    )
    stretches = plan_stretches(
        standing,
        placed,
        walk,
        region=region.name,
        as_of=as_of,
        from_level=region.policy.warning_from_level,
        gap_m=region.policy.stretch_gap_m,
    )
    before = ledger.open_warnings(task.engine, region.name, before=as_of)
    layers = {
        name: segment_layer(region, name, levels, reaches, kept.get(name), inputs.release, before, walk, as_of)
        for name, levels in decided.items()
    }
    member = stretch_of_segment(stretches)
    for layer in layers.values():
        layer["stretch_id"] = [member.get(segment) for segment in layer["segment_id"]]
    histories = [*(history_table(one.known) for one in reaches), *kept_history]
    states = pd.concat(
        [
            table.drop(columns=[*TRIGGER_COLUMNS])
            .merge(placed[["segment_id", "reach", "bank_line", "length_m"]], on="segment_id", validate="one_to_one")
            .assign(target=name)
            for name, table in decided.items()
        ],
        ignore_index=True,
    )
    return Decisions(
        layers,
        {name: stretch_layer(layer, stretches, inputs.places) for name, layer in layers.items()},
        histories[0] if len(histories) == 1 else pd.concat(histories, ignore_index=True),
        states,
        walk,
        len(segments),
        {str(name): str(baseline) for name, baseline in segments.groupby("reach")["baseline"].max().items()},
        night,
    )


def _reported(
    task: Task,
    inputs: RunInputs,
    decided: dict[str, pd.DataFrame],
    segments: gpd.GeoDataFrame,
    standing: list[OpenStretch],
    walk: pd.DataFrame | None,
    progress: Progress,
) -> dict[str, pd.DataFrame]:
    """Return the levels with what open field reports do to them; a report that concerns no bank goes to the messages."""
    ways = ways_of([segment for one in standing for segment in one.segments], walk)
    members = {one.stretch_id: {new for old in one.segments for new in ways[old]} for one in standing}
    order = segments.set_index("segment_id")
    result = {}
    for name, levels in decided.items():
        mine = order.loc[levels["segment_id"]].reset_index()
        reported = reported_segments(mine, inputs.reports, members)
        result[name] = with_reports(levels, reported, task.region.policy.report_level)
    progress.messages += [
        f"field report {number} lies farther than {FAR_M:g} m from every bank; mend its place, or close it"
        for number in reported.far
    ]
    return result


def _decide(
    task: Task,
    inputs: RunInputs,
    target: str,
    forecasts: Forecasts,
    kept: gpd.GeoDataFrame | None,
    walk: pd.DataFrame | None,
    night: Night | None,
) -> pd.DataFrame:
    """Return the levels of one target of all reaches, those that are kept among them."""
    region = task.region
    tables = [
        one.scores[target].assign(
            chainage_m=one.known.baseline.segments["chainage_m"].to_numpy(),
            bank=one.known.baseline.segments["bank"].to_numpy(),
            kept=False,
        )
        for one in forecasts.made.values()
    ]
    if kept is not None:
        tables.append(pd.DataFrame(kept.drop(columns="geometry")).assign(as_of=task.as_of, coverage=1.0, kept=True))
    scores = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True, join="inner")
    remembered = carry(ledger.previous_states(task.engine, region.name, target, task.as_of), walk)
    if night is not None:
        scores = scores.join(night.table, on="segment_id", validate="one_to_one")
    trigger = None if night is None else region.trigger
    thresholds = thresholds_of(inputs.release.models[target].levels)
    levels = decide(scores, remembered, thresholds, region.policy, task.as_of, trigger)
    carried = ("p_event", "chainage_m", "bank", *TRIGGER_COLUMNS)
    return levels.assign(**{name: scores[name].to_numpy() if name in scores else None for name in carried})
