"""``erosion train``: make a model release from the region's archive."""

from __future__ import annotations

import argparse
import json
import logging

import pandas as pd

from erosion.config.region import load_region
from erosion.forecast.evaluation.evaluate import table
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
    directory = train_release(
        load_region(arguments.region),
        pd.Timestamp(arguments.until),
        models=arguments.models,
        seed=arguments.seed,
        skill=skill,
    )
    _log.info(f"made {directory}")
    return 0
