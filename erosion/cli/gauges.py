"""``erosion gauges``: report how old, complete and suspect the gauges are."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import pandas as pd

from erosion.config.region import load_region
from erosion.config.store import store_of
from erosion.core.files import write_json
from erosion.gauges.days import parse_method, write_days
from erosion.gauges.report import as_json, lines, report, write_report
from erosion.gauges.series import read
from erosion.nightly.published import DEGRADED

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0, or 2 where a gauge is stale."""
    as_of = pd.Timestamp(arguments.date)
    method = parse_method(arguments.filled[0]) if arguments.filled else None
    region = load_region(arguments.region)
    values, _, flagged, unread = read(region, store_of(region), as_of)
    skipped = [*unread, *flagged]
    sources = region.gauge_sources
    table, healthy = report(region, values, as_of, sources)
    print("\n".join(lines(region, table, as_of, skipped)))
    if arguments.json:
        write_json(arguments.json, as_json(region, table, as_of, skipped))
    if arguments.report:
        for path in write_report(arguments.report, region, values, table, as_of, sources):
            _log.info(f"wrote {path}")
    if method is not None:
        order = list(dict.fromkeys(source.gauge_id for source in sources))
        write_days(Path(arguments.filled[1]), values, as_of, *method, order, simulated=region.simulated)
        _log.info(f"wrote {arguments.filled[1]}")
    return 0 if healthy else DEGRADED
