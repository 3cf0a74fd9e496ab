"""Each reach measured and forecast: baseline, banks, features, probability of every segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from erosion.banks.as_of import baseline_on, data_age_days, knowledge_on, observe_region
from erosion.banks.epochs.common_shift import questioned
from erosion.banks.epochs.valid import how_to_accept
from erosion.banks.knowledge import Knowledge
from erosion.banks.record import record_gaps
from erosion.core.contracts import SCORE_COLUMNS, check_scores
from erosion.features import make_features
from erosion.forecast.applicability import ShiftTest, judge
from erosion.forecast.model import TargetModel, forecast_table, predict
from erosion.forecast.release import ReleaseError
from erosion.nightly.errors import REACH_ERRORS, RunError, raise_joint
from erosion.nightly.stages.applicability import calibration_of, record_of, spread_for
from erosion.nightly.stages.inputs import RunInputs
from erosion.nightly.task import Progress, Task

M2_PER_HA = 10_000.0


class ReachForecast(NamedTuple):
    """A reach as it was measured and forecast on a date."""

    known: Knowledge
    features: pd.DataFrame
    scores: Mapping[str, pd.DataFrame]
    """Target to the table of :func:`score`."""
    shift: ShiftTest
    """Whether the features of the reach are like those of a training river."""


class Forecasts(NamedTuple):
    """All reaches of a run."""

    made: dict[str, ReachForecast]
    missing: dict[str, str]
    """Reaches that could not be read, or whose river cannot be traced, to the reason."""


def forecast_reaches(task: Task, inputs: RunInputs, progress: Progress) -> Forecasts:
    """Return the measurement and forecast of every reach; what degrades the run is added to the progress.

    Raises
    ------
    RunError, NothingKnownError, ChannelError
        No reach could be measured.
    """
    made: dict[str, ReachForecast] = {}
    failed: dict[str, Exception] = {}
    for name, reach in inputs.reaches.items():
        region = reach.region
        try:
            with progress.stage("baseline"):
                baseline = baseline_on(region, reach.water, task.as_of)
        except REACH_ERRORS as error:
            failed[name] = error
            continue
        with progress.stage("banks"):
            banks = observe_region(region, reach.water, baseline)
            known = knowledge_on(region, baseline, banks, inputs.gauges.values, task.as_of)
        with progress.stage("features"):
            features = make_features(known)
        with progress.stage("forecast"):
            models = inputs.release.models
            shift = judge(features, record_of(known), inputs.release.references)
            spread = spread_for(calibration_of(shift, inputs.evaluation, inputs.trained_here))
            scores = score(known, features, models, [target.name for target in region.targets], spread)
        made[name] = ReachForecast(known, features, scores, shift)
    if not made:
        raise_joint({**{name: RunError(reason) for name, reason in inputs.missing.items()}, **failed})
    missing = {**inputs.missing, **{name: str(error) for name, error in failed.items()}}
    for name, one in made.items():
        reach = inputs.reaches[name]
        reason = None if reach.water["accepted"].to_numpy()[-1] else questioned(one.known.banks, one.known.baseline)
        if reason is not None:
            # It was not left out: what is usual of its banks is not known yet, or two masks in a row say the same.
            message = f"the observation of {one.known.baseline.version} is used, but {reason}"
            message += how_to_accept(reach.region, reach.water, -1)
            progress.messages.append(f"{name}: {message}" if reach.region.neighbours else message)
    progress.messages += [
        f"{name} is missing: {reason}; its levels and warnings stay as they were" for name, reason in missing.items()
    ]
    return Forecasts(made, missing)


def score(
    known: Knowledge,
    features: pd.DataFrame,
    models: Mapping[str, TargetModel],
    targets: Sequence[str],
    spread: float = 0.0,
) -> dict[str, pd.DataFrame]:
    """Return the forecast of every segment, target to table.

    A segment whose record is too thin to say how it moves gets no probability; see :func:`erosion.banks.record.record_gaps`.
    All distributions are widened by ``spread``; see :meth:`erosion.forecast.distribution.Distribution.widened`.

    Returns
    -------
    dict
        Tables of ``contracts.SCORE_COLUMNS``, reasons and model_id to be filled later, with length_m, coverage and
        unknown_reason.

    Raises
    ------
    ReleaseError
        If the release was not trained for a target.
    """
    missing = [name for name in targets if name not in models]
    if missing:
        raise ReleaseError(
            f"the release has no target {', '.join(missing)}, only {', '.join(models)}; train one for this region"
        )
    segments = known.baseline.segments
    length_m = segments["length_m"].to_numpy()
    gaps = record_gaps(known.banks)
    coverage = known.banks["coverage"].to_numpy()[:, -1]
    forecasts = predict(models, features)
    tables = {}
    for name in targets:
        target = models[name].target
        forecast = forecast_table(
            forecasts[name].widened(spread) if spread else forecasts[name], target.threshold_m, segments.index
        )
        forecast["loss_mean_ha"] = forecast["retreat_mean_m"] * length_m / M2_PER_HA
        forecast[gaps != ""] = np.nan
        table = forecast.assign(
            segment_id=segments["segment_id"].to_numpy(),
            as_of=known.as_of,
            target=name,
            horizon_days=target.horizon_days,
            threshold_m=target.threshold_m,
            data_age_days=data_age_days(known.baseline, known.as_of),
            model_id="",
            reasons="[]",
            length_m=length_m,
            coverage=coverage,
            unknown_reason=gaps,
        )
        tables[name] = check_scores(table[[*SCORE_COLUMNS, "length_m", "coverage", "unknown_reason"]])
    return tables
