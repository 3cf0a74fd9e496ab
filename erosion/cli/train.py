"""``erosion train``: make a model release from the archive of a region or of several."""

from __future__ import annotations

import argparse
import json
import logging

import pandas as pd

from erosion.config.region import RIVERS, load_region
from erosion.forecast.evaluation.evaluate import table
from erosion.forecast.rivers import train_rivers
from erosion.forecast.training import train_release

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0 when the release is made."""
    skill = ""
    if arguments.skill:
        records = [
            record
            for record in json.loads(arguments.skill.read_text(encoding="utf-8"))
            if record["labels"] == "established" and record["split"] == "time_space"
        ]
        skill = (
            "Of this way of training, on later dates and on blocks of river never trained on, established land.\n\n"
            f"All segments\n\n{table(records)}\n\nOnset: quiet so far\n\n{table(records, 'onset')}\n\n"
            f"Beside cutoffs\n\n{table(records, 'cutoff')}"
        )
    if arguments.tried:
        skill += "\n\n## What was tried\n\n" + arguments.tried.read_text(encoding="utf-8").strip()
    options = {"models": arguments.models, "seed": arguments.seed, "skill": skill}
    until, names = pd.Timestamp(arguments.until), arguments.regions
    if len(names) > 1 and arguments.family is None:
        raise ValueError(
            f"{len(names)} regions are given; name the family of their release with --family, such as {RIVERS}"
        )
    if arguments.family is not None:
        directory = train_rivers([load_region(name) for name in names], arguments.family, until, **options)
    else:
        directory = train_release(load_region(names[0]), until, **options)
    _log.info(f"made {directory}")
    return 0
