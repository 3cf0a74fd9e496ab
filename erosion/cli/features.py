"""``erosion features``: list every feature with unit, meaning and rule for missing data."""

from __future__ import annotations

import argparse

from erosion.features import FAMILIES


def main(_: argparse.Namespace) -> int:
    """Return 0 when the list is printed."""
    for name, family in FAMILIES.items():
        print(f"\n{name}: {(family.__doc__ or name).splitlines()[0]}\n")
        for feature in family.FEATURES:
            print(
                f"  {feature.name:28} [{feature.unit}]  {feature.meaning}\n{'':31} from {feature.source}; {feature.missing}"
            )
    return 0
