"""Runs to record in a ledger, and what is read from it."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger import Run, record_run, schema

ROOT = Path(__file__).resolve().parents[3]
LEVELS_BEFORE = {f"s{i:04d}": i % 5 for i in range(2000)}
LEVELS_AFTER = {f"s{i:04d}": (i + i // 5) % 5 for i in range(2000)}


def dump(engine):
    """Every row of every table."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in schema.METADATA.sorted_tables
        }


def alerts(levels, previous=None, p_event=None):
    """Alerts of segments named by their level, chainage by order."""
    ids = list(levels)
    return pd.DataFrame(
        {
            "segment_id": ids,
            "level": list(levels.values()),
            "model_level": list(levels.values()),
            "previous_level": [(previous or {}).get(name, -1) for name in ids],
            "candidate_level": list(levels.values()),
            "candidate_observations": 1,
            "candidate_since": "2010-01-01",
            "observed": "",
            "trigger_since": "",
            "why": ["unknown" if level == 0 else "raised" for level in levels.values()],
            "p_event": [np.nan if level == 0 else level / 5 for level in levels.values()]
            if p_event is None
            else p_event,
            "chainage_m": [100.0 * i for i in range(len(ids))],
            "bank": "L",
            "reach": "rio",
            "bank_line": 0,
            "length_m": 100.0,
            "joint_level": list(levels.values()),
        }
    )


def crosswalk(*pairs):
    return pd.DataFrame(pairs, columns=["old_segment_id", "new_segment_id"])


def a_run(as_of, region="rio", **changes):
    started = datetime(2020, 1, 1, tzinfo=UTC)
    values = {
        "run_id": f"{region}-{as_of}",
        "region": region,
        "as_of": as_of,
        "started_at": started,
        "finished_at": started + pd.Timedelta(seconds=40),
        "outcome": "published",
        "model_id": "model-1",
        "inputs_hash": "abc",
        "product": f"{region}/{as_of}",
        "manifest": {"scenes": 3, "failed": ["x.tif: truncated"]},
    }
    return Run(**values | changes)


def record(engine, as_of, levels, walk=None, *, target="1y", region="rio", **changes):
    return record_run(engine, a_run(as_of, region, **changes), {target: alerts(levels)}, walk, warning_from_level=2)


def as_rows(table, *columns):
    return [tuple(row) for row in table[list(columns)].itertuples(index=False)]


def day(text):
    return pd.Timestamp(text, tz="UTC")
