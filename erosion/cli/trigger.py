"""``erosion trigger``: replay the trigger night by night and verify it against what the banks lost."""

from __future__ import annotations

import argparse
import json
import logging

import pandas as pd

from erosion.config.region import load_region
from erosion.forecast.evaluation.trigger_verification import lines, trigger_history
from erosion.nightly.published import DEGRADED

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0, or 2 where something was left out that is not usually left out."""
    history, skipped = trigger_history(
        load_region(arguments.region), pd.Timestamp(arguments.first), pd.Timestamp(arguments.last)
    )
    for item in skipped:
        _log.info(f"left out: {item.scene}: {item.reason}")
    print("\n".join(lines(history)))
    if arguments.json:
        text = json.dumps(history, ensure_ascii=False, indent=1, allow_nan=False)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return DEGRADED if any(not item.usual for item in skipped) else 0
