"""Versions of the ledger's tables, applied by :func:`erosion.alerts.ledger.open_ledger`; nobody needs to run them by hand.

A change of the tables is a new file in ``versions`` whose ``down_revision`` is the newest one, never an edit of an old
file: ledgers in use were made by the old ones.
"""
