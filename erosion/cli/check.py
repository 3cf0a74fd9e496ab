"""``erosion check``: validate a region and list its data, without running anything."""

from __future__ import annotations

import argparse
import json

from erosion.nightly.check import check
from erosion.nightly.published import NOT_PUBLISHED


def main(arguments: argparse.Namespace) -> int:
    """Return 0, or 1 where the region has a mistake."""
    report = check(arguments.region)
    print("\n".join(report.lines()))
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0 if report.ok else NOT_PUBLISHED
