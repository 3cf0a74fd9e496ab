"""The one error of the ledger; nobody outside needs to know what the database raises."""

from __future__ import annotations


class LedgerError(RuntimeError):
    """The ledger cannot do what was asked; the message holds the reason and the mend."""
