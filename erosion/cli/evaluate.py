"""``erosion evaluate``: score the model and every baseline forward in time and across space, or on rivers never trained on."""

from __future__ import annotations

import argparse
import json
import logging

import pandas as pd

from erosion.config.region import Region, load_region
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.files import files_digest
from erosion.features import FAMILIES
from erosion.forecast.evaluation import ablation, rivers
from erosion.forecast.evaluation.attached import evaluate_release, evaluation_file, lines, write_evaluation
from erosion.forecast.evaluation.cutoff_skill import cutoff_table, forecast_cutoffs
from erosion.forecast.evaluation.evaluate import evaluate, table
from erosion.forecast.evaluation.splits import origins
from erosion.forecast.release import find_release, load_release, models_of
from erosion.forecast.training import load_rows

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0 when the scores are printed and written."""
    until = pd.Timestamp.now().normalize() if arguments.until is None else pd.Timestamp(arguments.until)
    if len(arguments.regions) > 1:
        return _across_rivers(arguments, until)
    region = load_region(arguments.regions[0])
    if arguments.attach:
        return _attach(region, until, arguments)
    first = pd.Timestamp(arguments.first)
    if arguments.without is not None and arguments.without not in FAMILIES:
        raise ValueError(f"--without: {arguments.without!r} is no family of features; those are {', '.join(FAMILIES)}")
    rows, _ = load_rows(region, until)
    if arguments.without is not None:
        options = {"first": first, "seed": arguments.seed, "draws": arguments.draws}
        records = ablation.compare(rows, region, arguments.without, **options)
        if arguments.json:
            arguments.json.write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")
        print(f"\n{ablation.table(records)}")
        return 0
    labels = ("established", "all") if arguments.all_land else ("established",)
    records = evaluate(rows, region, first=first, seed=arguments.seed, draws=arguments.draws, labels=labels)
    if arguments.json:
        arguments.json.write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")
    if region.simulated:
        _log.info(f"{SIMULATED_NOTICE}: scores on a river made by a computer; they say nothing of a real one")
    for subset in ("all", "onset", "cutoff"):
        print(f"\n{subset}\n\n{table(records, subset)}")
    print(f"\nnecks cut\n\n{cutoff_table(forecast_cutoffs(rows, region.targets, origins(rows, first)))}")
    return 0


def _attach(region: Region, until: pd.Timestamp, arguments: argparse.Namespace) -> int:
    """Hold the newest release of the date against the region's record and write the result beside its file."""
    path = find_release(region.model, until, models_of(region), region.called)
    release, digest = load_release(path), files_digest(path)
    rows, _ = load_rows(region, until)
    evaluation = evaluate_release(rows, region, release, digest, until, seed=arguments.seed, draws=arguments.draws)
    if region.simulated:
        _log.info(f"{SIMULATED_NOTICE}: scores on a river made by a computer; they say nothing of a real one")
    print("\n".join(lines(evaluation)))
    write_evaluation(evaluation_file(region), evaluation)
    _log.info(f"attached as {evaluation_file(region)}; every later run of {region.name} with {release.name} reads it")
    return 0


def _across_rivers(arguments: argparse.Namespace, until: pd.Timestamp) -> int:
    for option, given in (("--without", arguments.without is not None), ("--attach", arguments.attach)):
        if given:
            raise ValueError(f"{option} is for one river; give one region with it")
    found = rivers.read_rivers(arguments.regions, until)
    records = rivers.evaluate_rivers(found, seed=arguments.seed, draws=arguments.draws)
    if arguments.json:
        arguments.json.write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")
    simulated = [one.name for one in found if one.region.simulated]
    if simulated:
        _log.info(f"{SIMULATED_NOTICE}: {', '.join(simulated)}")
    for subset in ("all", "onset"):
        print(f"\n{subset}\n\n{rivers.table(records, subset)}")
    return 0
