"""What people decided, read from the ledger and written to it; never kept in a cache, so that nobody sees an older state.

The ledger is that of the nightly run: the database of ``EROSION_LEDGER``, or ``ledger.sqlite`` beside the products.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar

from erosion.alerts import ledger
from erosion.ui import html
from erosion.ui.products.regions import products_folder
from erosion.words import translate
from erosion.workflow.errors import RefusedError

T = TypeVar("T")

WAIT_S: Final = 10.0
"""How long a page waits for another writer [s]."""


def ledger_address() -> str:
    """Return the path or URL of the ledger."""
    return os.environ.get("EROSION_LEDGER") or str(products_folder() / "ledger.sqlite")


def ask(question: Callable[[ledger.Connection], T]) -> T | None:
    """Return the answer to a question put to the ledger, None where there is no ledger.

    Raises
    ------
    LedgerError
        The ledger cannot be read.
    """

    def answer(engine: ledger.Ledger) -> T:
        with ledger.querying(engine) as connection:
            return question(connection)

    address = ledger_address()
    file = ledger.sqlite_file(address)
    if file is not None:
        return ledger.read_ledger(file, answer) if file.is_file() else None
    engine = ledger.open_ledger(address, wait_s=WAIT_S)
    try:
        return answer(engine)
    finally:
        engine.dispose()


def decide(decision: Callable[[ledger.Ledger], T]) -> T:
    """Return what came of a decision of :mod:`erosion.workflow`.

    Raises
    ------
    RefusedError
        The person may not do it, or the state of things forbids it.
    LedgerError
        There is no ledger, or it cannot be written; nothing was recorded.
    """
    address = ledger_address()
    engine = ledger.open_if_there(address, wait_s=WAIT_S)
    if engine is None:
        raise ledger.LedgerError(
            f"there is no ledger {ledger.shown(address)}; run a region first, or restore it (docs/operations.md)"
        )
    try:
        return decision(engine)
    finally:
        engine.dispose()


def problem(error: RefusedError | ledger.LedgerError, language: str) -> str:
    """Return a banner that says why nothing was recorded, or could not be read."""
    if isinstance(error, RefusedError):
        return html.banner("bad", error.text(language))
    return html.banner(
        "bad", translate(language, "decisions.broken"), translate(language, "decisions.broken.more"), [str(error)]
    )
