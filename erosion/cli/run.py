"""``erosion run``: make and publish the warnings of one date."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import pandas as pd

from erosion.config.problems import CatalogError
from erosion.config.region import load_region
from erosion.nightly.last_attempt import note_failure
from erosion.nightly.run import run
from erosion.publish.applicability import applicability_line, applicability_text
from erosion.publish.manifest import read_manifest

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0, 1 where nothing could be published, or 2 where the run was published but is degraded."""
    as_of = pd.Timestamp(arguments.date)
    try:
        region = load_region(arguments.region)
    except CatalogError as error:
        # The map must not go on as if nothing had happened; a region is named like its file.
        note_failure(arguments.out / Path(arguments.region).stem, as_of, str(error))
        raise
    result = run(
        region,
        as_of,
        arguments.out,
        release=arguments.release,
        ledger_url=arguments.ledger,
    )
    for message in result.messages:
        _log.warning(message if result.directory else f"erosion: {message}")
    if result.directory is not None:
        _log.info(f"published {result.directory}" if result.new else f"nothing new; {result.directory} stands")
        _report(result.directory, arguments.out)
    return result.exit_code


def _report(directory: Path, out: Path) -> None:
    """Log how much bank stands at which level, whether the chances hold here, and how to see it on the map."""
    manifest = read_manifest(directory)
    for target, kilometres in manifest["levels"].items():
        share = ", ".join(f"{km:g} km at level {level}" for level, km in sorted(kilometres.items()))
        _log.info(f"{target}: {share or 'no bank'}")
    if "applicability" in manifest:
        for name, test in manifest["applicability"]["reaches"].items():
            _log.info(f"{name}: {applicability_line(test)}")
        _log.info(applicability_text(manifest["applicability"], "en"))
    _log.info(f"see it on the map: erosion serve --out {out}")
