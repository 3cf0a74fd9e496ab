"""``erosion simulate``: make an exercise on a simulated river."""

from __future__ import annotations

import argparse

from erosion.commands.printing import print_line
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.simulate.exercise import LAST_YEAR, make_exercise, train_exercise


def main(arguments: argparse.Namespace) -> int:
    """Return 0 when the exercise is written and its model trained."""
    region = make_exercise(
        arguments.out, years=arguments.years, seed=arguments.seed, length_km=arguments.length, say=print_line
    )
    train_exercise(region, print_line)
    first = LAST_YEAR + 1 - arguments.years
    products = arguments.out / "products"
    print_line(f"{SIMULATED_NOTICE}, for exercises only. Watch it with:")
    print_line(f"  erosion replay {region} --from {first} --to {LAST_YEAR} --out {products}")
    print_line(f"  erosion serve --out {products}")
    return 0
