"""``erosion simulate``: make an exercise on a simulated river."""

from __future__ import annotations

import argparse
import logging

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.simulate.exercise import LAST_YEAR, make_exercise

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0 when the exercise is written and its model trained."""
    region = make_exercise(
        arguments.out,
        years=arguments.years,
        seed=arguments.seed,
        length_km=arguments.length,
        again=arguments.again,
        train=True,
    )
    first = LAST_YEAR + 1 - arguments.years
    products = arguments.out / "products"
    _log.info(f"{SIMULATED_NOTICE}, for exercises only. Watch it with:")
    _log.info(f"  erosion replay {region} --from {first} --to {LAST_YEAR} --out {products}")
    _log.info(f"  erosion serve --out {products}")
    return 0
