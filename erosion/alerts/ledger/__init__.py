"""What was decided: runs, warnings and every change of a warning, and what people decided about them, kept in SQL.

One transaction records a run whole or not at all. SQLite beside the products by default, PostgreSQL (or whatever else
SQLAlchemy supports) by URL. What becomes of warnings follows from :func:`erosion.alerts.life.plan_events`, a pure function, so
that a layer can carry event ids before anything is recorded; ``docs/warnings.md`` describes the tables.

Every run is planned against the warnings *as they stood before its date*, read back from the transitions. So a run that
was killed after recording finds the same answer again, and a second run of one date amends the first.

What people decide (:mod:`people`, :mod:`decisions`, :mod:`reports`, :mod:`official`, :mod:`bulletins`) is read with a connection
of :func:`querying` and written with one of :func:`writing`, each entry with a row of the chain in :mod:`audit`.
:mod:`erosion.workflow` says who may.
"""

from erosion.alerts.ledger import audit, bulletins, decisions, official, people, reports
from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.opening import Connection, Ledger, open_if_there, open_ledger, shown, sqlite_file, writing
from erosion.alerts.ledger.queries import reading as querying
from erosion.alerts.ledger.read_only import read_ledger
from erosion.alerts.ledger.reading import (
    changes_since_previous,
    has_published,
    history,
    is_recorded,
    last_run,
    open_warnings,
    previous_states,
    recent_runs,
    region_of,
    standing_products,
    superseded_by,
)
from erosion.alerts.ledger.recording import Recorded, Run, record_failure, record_run
from erosion.alerts.ledger.stretches import open_stretches, run_stretch_changes, standing_stretches, stretch_history
from erosion.alerts.ledger.withdrawal import WithdrawalResult, Withdrawn, withdraw_run, withdrawn

__all__ = [
    "Connection",
    "Ledger",
    "LedgerError",
    "Recorded",
    "Run",
    "WithdrawalResult",
    "Withdrawn",
    "audit",
    "bulletins",
    "changes_since_previous",
    "decisions",
    "has_published",
    "history",
    "is_recorded",
    "last_run",
    "official",
    "open_if_there",
    "open_ledger",
    "open_stretches",
    "open_warnings",
    "people",
    "previous_states",
    "querying",
    "read_ledger",
    "recent_runs",
    "record_failure",
    "record_run",
    "region_of",
    "reports",
    "run_stretch_changes",
    "shown",
    "sqlite_file",
    "standing_products",
    "standing_stretches",
    "stretch_history",
    "superseded_by",
    "withdraw_run",
    "withdrawn",
    "writing",
]
