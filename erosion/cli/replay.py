"""``erosion replay``: run a series of old dates, then verify each against what followed."""

from __future__ import annotations

import argparse

import pandas as pd

from erosion.config.region import load_region
from erosion.nightly.replay import replay


def main(arguments: argparse.Namespace) -> int:
    """Return the exit code of the worst run: 0, 1 not published, 2 degraded."""
    region = load_region(arguments.region)
    replayed = replay(
        region,
        pd.Timestamp(arguments.first),
        pd.Timestamp(arguments.last),
        arguments.out,
        release=arguments.release,
        ledger_url=arguments.ledger,
    )
    if not replayed.results:
        raise ValueError(
            f"no observation of {region.name} became available between the two dates; `erosion check` lists them"
        )
    return replayed.exit_code
