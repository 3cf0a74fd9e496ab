"""What was decided: runs, warnings and every change of a warning, kept in SQL.

One transaction records a run whole or not at all. SQLite beside the products by default, PostgreSQL (or whatever else
SQLAlchemy supports) by URL. What becomes of warnings follows from :func:`erosion.alerts.life.plan_events`, a pure function, so
that a layer can carry event ids before anything is recorded; ``docs/warnings.md`` describes the tables.

Every run is planned against the warnings *as they stood before its date*, read back from the transitions. So a run that
was killed after recording finds the same answer again, and a second run of one date amends the first.
"""

from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.opening import Ledger, open_ledger
from erosion.alerts.ledger.read_only import read_ledger
from erosion.alerts.ledger.reading import (
    changes_since_previous,
    history,
    is_recorded,
    last_run,
    open_warnings,
    previous_states,
    recent_runs,
    standing_products,
    superseded_by,
)
from erosion.alerts.ledger.recording import Recorded, Run, record_failure, record_run
from erosion.alerts.ledger.stretches import open_stretches, run_stretch_changes, standing_stretches, stretch_history

__all__ = [
    "Ledger",
    "LedgerError",
    "Recorded",
    "Run",
    "changes_since_previous",
    "history",
    "is_recorded",
    "last_run",
    "open_ledger",
    "open_stretches",
    "open_warnings",
    "previous_states",
    "read_ledger",
    "recent_runs",
    "record_failure",
    "record_run",
    "run_stretch_changes",
    "standing_products",
    "standing_stretches",
    "stretch_history",
    "superseded_by",
]
