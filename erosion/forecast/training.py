"""Make a model release from a region's own archive, as it could have been made on a date."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from erosion.banks.epochs.valid import valid_epochs
from erosion.config.region import Region
from erosion.config.store import store_of
from erosion.core.contracts import CONTRACT_VERSION, SIMULATED_NOTICE
from erosion.features import REGISTRY
from erosion.forecast.applicability import references_as_json, references_of
from erosion.forecast.boosting import PARAMETERS
from erosion.forecast.calibration import apply_calibration
from erosion.forecast.cutoff import PRIOR_MEAN, CutoffModel, fit_cutoff
from erosion.forecast.dataset import rows_with_outcomes
from erosion.forecast.model import CALIBRATION_DATES, TargetModel, knots_of, known_rows, split_dates, train_target
from erosion.forecast.release import check_family, models_to_make, release_before, save_release
from erosion.gauges import series as gauge_series
from erosion.water import read as sources

_log = logging.getLogger(__name__)


def load_rows(region: Region, until: pd.Timestamp) -> tuple[pd.DataFrame, str]:
    """Return rows of all reaches of a region's archive with outcomes known by a date.

    Returns
    -------
    tuple
        The rows, and a hash of the observations they come from.
    """
    gauges, _, flagged, unread = gauge_series.read(region, store_of(region), until)
    waters, skipped = sources.read_reaches(region, until, gauges)
    for one in region.by_reach():
        name = one.reach.name
        if name in waters:
            waters[name], broken = valid_epochs(one, waters[name])
            skipped[name] = [*skipped[name], *broken]
    for item in (*sources.together(skipped), *unread, *flagged):
        _log.info(f"left out: {item.scene}: {item.reason}")
    parts = []
    for one in region.by_reach():
        if one.reach.name in waters:
            if one.neighbours:
                _log.info(one.reach.name)
            parts.append(rows_with_outcomes(one, waters[one.reach.name], gauges, until=until))
    rows = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    gauge_hash = str(pd.util.hash_pandas_object(gauges, index=False).sum())
    hashes = [*(water.attrs["content_hash"] for water in waters.values()), gauge_hash]
    return rows, hashlib.sha256("".join(hashes).encode()).hexdigest()


def train_release(
    region: Region,
    until: pd.Timestamp,
    *,
    models: Path | None = None,
    seed: int = 0,
    rows: pd.DataFrame | None = None,
    data_hash: str = "",
    skill: str = "",
) -> Path:
    """Return the release ``models/<family>-<YYYYMMDD>/`` with every target of a region trained.

    Parameters
    ----------
    region
        Region whose archive to learn from; its ``model`` names the family.
    until
        Date up to which observations may be used; the release is named after it.
    models
        Where the release goes; see :func:`erosion.forecast.release.models_to_make` when None.
    seed
        Seed of the boosters.
    rows, data_hash
        From :func:`load_rows`, to save reading twice.
    skill
        Markdown tables of an evaluation, put into the card.

    Returns
    -------
    pathlib.Path
        The release.

    Raises
    ------
    FileExistsError
        If there is a release of that date already; releases are never overwritten.
    ReleaseError
        If the family of the region's ``model`` was trained on another region.
    TrainingError
        If there is not enough to learn from.
    """
    if models is None:
        models = models_to_make(region)
    else:
        check_family(region, models)
    directory = models / f"{region.model}-{until:%Y%m%d}"
    if directory.exists():
        raise FileExistsError(f"{directory} exists; releases are never overwritten, remove it first to make it anew")
    if rows is None:
        rows, data_hash = load_rows(region, until)
    about = {"region": region.name, "simulated": region.simulated}
    words = [f"# {directory.name}", ""]
    if region.simulated:
        words += [f"**{SIMULATED_NOTICE}: trained on simulated observations. For exercises only.**", ""]
    what = Learnt(rows, region, data_hash, f"trained on {region.title['en']}", about, words, rows)
    return make_release(directory, until, what, seed=seed, skill=skill)


class Learnt(NamedTuple):
    """What a release is learnt from."""

    rows: pd.DataFrame
    """From :func:`load_rows`."""
    rules: Region
    """Region whose targets, levels and length of segments hold for all rows."""
    data_hash: str
    trained_on: str
    """Words of the card."""
    about: Mapping[str, Any]
    """The region or regions, for ``meta.json``."""
    head: Sequence[str]
    """First lines of the card."""
    necks: pd.DataFrame
    """Rows that the hazard of necks is learnt from."""


def make_release(directory: Path, until: pd.Timestamp, what: Learnt, *, seed: int, skill: str) -> Path:
    """Return the directory of a release after training every target and writing it.

    Raises
    ------
    TrainingError
        If there is not enough to learn from.
    """
    rows, targets = what.rows, what.rules.targets
    before = release_before(directory.name.rpartition("-")[0], until, directory.parent)
    trained: dict[str, TargetModel] = {}
    for target in targets:
        _log.info(f"training {target.name}")
        known = before.models.get(target.name) if before else None
        trained[target.name] = train_target(
            rows,
            target,
            knots_m=knots_of(targets),
            seed=seed,
            precision=what.rules.policy.precision,
            previous=known.levels if known is not None and known.target == target else None,
        )
    meta = {
        "data_until": f"{until:%Y-%m-%d}",
        **what.about,
        "issue_dates": [f"{date:%Y-%m-%d}" for date in pd.DatetimeIndex(sorted(rows["as_of"].unique()))],
        "segment_length_m": what.rules.segments.length_m,
        "data_hash": what.data_hash,
        "seed": seed,
        "levels_from": before.name if before else None,
        "cutoff": fit_cutoff(what.necks, targets).as_json(),
        "parameters": PARAMETERS,
        "contract_version": CONTRACT_VERSION,
        "versions": {name: version(name) for name in ("erosion", "lightgbm", "numpy", "pandas")},
    }
    any_model = next(iter(trained.values()))
    reference = references_as_json(references_of(rows, any_model.features, what.rules.name))
    save_release(directory, trained, meta, reference, _card(what, trained, meta, skill))
    return directory


def _card(what: Learnt, models: Mapping[str, TargetModel], meta: Mapping[str, Any], skill: str) -> str:
    rows = what.rows
    dates = f"{CALIBRATION_DATES} dates of each river" if "river" in rows else f"{CALIBRATION_DATES} dates"
    lines = [
        *what.head,
        f"Probability and distance of bank retreat, {what.trained_on} with what was known on "
        f"{meta['data_until']}: {len(meta['issue_dates'])} issue dates, {len(rows)} rows, segments of "
        f"{meta['segment_length_m']:g} m, established land (land that had stood five years).",
        "",
        "## Use",
        "",
        "Ranking and warning levels of bank segments for the coming season to years, reviewed by people. Not for metres "
        "tomorrow, not for a single house, not for rivers whose behaviour nobody has compared with the training river: "
        "on another river the probabilities are not calibrated until its own archive has shown it.",
        "",
        "## On the calibration dates",
        "",
        f"A first booster, fitted on windows that were over before them, forecasts the newest {CALIBRATION_DATES} issue dates "
        "with a known outcome. From these forecasts come the calibration and the thresholds of the levels. The booster of "
        "this release was then fitted on all dates.",
        "",
        "| target | event | first fit on | calibrated on | released fit on | base rate |",
        "|---|---|---|---|---|---|",
    ]
    for target_name, model in models.items():
        fit, calibrate = split_dates(rows, model.target, model.label)
        event = rows[f"retreat_{model.label}_{target_name}"] >= model.target.threshold_m
        lines.append(
            f"| {target_name} | at least {model.target.threshold_m:g} m in {model.target.horizon_days} days | "
            f"{_span(rows[fit])} | {_span(rows[calibrate])} | "
            f"{_span(rows[known_rows(rows, model.target, model.label)])} | {event[calibrate].mean():.3f} |"
        )
    lines += ["", *_level_lines(models, meta["levels_from"])]
    lines += ["", _cutoff_words(CutoffModel.from_json(meta["cutoff"]))]
    lines += ["", "What weighs most (total gain):", ""]
    for target_name, model in models.items():
        gain = model.exceedance.booster.feature_importance("gain")[: len(model.features)]
        top = [model.features[i] for i in np.argsort(-gain)[:8]]
        lines.append(f"- {target_name}: " + ", ".join(f"{f} ({REGISTRY[f].meaning})" for f in top))
    shift = models[next(iter(models))].calibration
    example = apply_calibration(np.zeros(1), shift)[0]
    lines += [
        "",
        "## Known limits",
        "",
        "- The chance of retreat knows of no cutoff: the banks of an abandoned loop stop moving, the new channel's start fast. "
        "The chance that a neck is cut stands apart.",
        "- Nothing of the coming flood is known; in a year of large floods more erodes than the probabilities imply.",
        "- One mask a year: what happened between two masks is one number.",
        "- Narrow side channels and bars flicker with the water level; only established land counts as an event.",
        f"- Calibration moves a raw probability of 0.5 to {example:.2f} for {next(iter(models))}; it was learnt on "
        f"{dates} and differs from year to year.",
    ]
    if skill:
        lines += ["", "## Skill", "", skill]
    return "\n".join(lines) + "\n"


def _level_lines(models: Mapping[str, TargetModel], before: str | None) -> list[str]:
    """Return what the levels are worth, for the card."""
    start = f"the thresholds of {before}" if before else "the stated precisions alone, there being no release before"
    lines = [
        "## What a level is worth",
        "",
        "A level holds the chances from its threshold up to the next level's. *Aim*: the share of its length that the policy "
        "wants to erode. *Expected*: the share that this release states, between its chances and what eroded on the "
        f"calibration dates (*observed*). Thresholds start from {start}, and move by the weight of the independent cases "
        "(stretches of 5 km on one date) in the band.",
        "",
        "| target | level | from chance | aim | expected | observed | rows | events | cases | started from | weight |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, model in models.items():
        for level, band in model.levels.items():
            seen = "–" if band.observed is None else f"{band.observed:.2f}"
            lines.append(
                f"| {name} | {level} | {band.threshold:.3f} | {band.aim:g} | {band.precision:.2f} | {seen} | {band.rows} | "
                f"{band.events} | {band.cases:.0f} | {band.previous:.3f} | {band.weight:.2f} |"
            )
    return lines


def _cutoff_words(model: CutoffModel) -> str:
    spread = np.sqrt(np.diag(model.covariance))
    terms = ", ".join(
        f"{name} {mean:.2f} (prior {prior:g}, standard error {error:.2f})"
        for name, mean, prior, error in zip(
            ("intercept", "log width", "log narrowing"), model.mean, PRIOR_MEAN, spread, strict=True
        )
    )
    return (
        f"Cutoffs: {model.necks} windows of necks, {model.cuts} ended with a cut (windows overlap: far fewer cutoffs). "
        f"Log hazard a year: {terms}."
    )


def _span(rows: pd.DataFrame) -> str:
    dates = pd.DatetimeIndex(rows["as_of"].unique())
    return f"{dates.min():%Y} to {dates.max():%Y} ({len(dates)} dates)"
