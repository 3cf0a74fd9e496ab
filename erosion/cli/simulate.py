"""``erosion simulate``: make an exercise on a simulated river, or rivers of several kinds to train on."""

from __future__ import annotations

import argparse
import logging

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.simulate.exercise import LAST_YEAR, make_exercise
from erosion.simulate.rivers import make_rivers

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0 when the exercise is written and its model trained, or the rivers are written."""
    if arguments.exercise == "rivers":
        return _rivers(arguments)
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


def _rivers(arguments: argparse.Namespace) -> int:
    files = make_rivers(arguments.out, seed=arguments.seed)
    _log.info(
        f"{SIMULATED_NOTICE}: {len(files)} rivers. Train on them, or score a forecast on rivers never trained on, with:"
    )
    names = " ".join(str(file) for file in files)
    _log.info(f"  erosion train {names} --family simulated_rivers --until DATE")
    _log.info(f"  erosion evaluate {names}")
    return 0
