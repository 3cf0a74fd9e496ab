"""Withdrawing a published run: the ledger's entry first, then the list that the map reads."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from erosion.alerts import ledger
from erosion.nightly.errors import RunError
from erosion.nightly.published import published
from erosion.publish.listing import FILE, write_listing
from erosion.workflow import actions


def withdraw(engine: ledger.Ledger, out: Path, run_id: str, reason: str, login: str) -> tuple[str, str | None]:
    """Return the region of a run that was withdrawn, and the run that stands now.

    The files of the run stay where they are. Asked again, after the program was killed between ledger and list, only the
    list is brought up to date.

    Parameters
    ----------
    engine
        The ledger.
    out
        Directory of products.
    run_id, reason
        Which run, and why.
    login
        Of the person who withdraws it.

    Raises
    ------
    RunError
        Another run of the region is at work, or its list cannot be read.
    RefusedError, LedgerError
        The person may not do it, or the run cannot be withdrawn; nothing has changed.
    """
    region = ledger.region_of(engine, run_id)
    home = out / region
    lock = FileLock(home / ".lock", blocking=False)
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RunError(f"a run of {region} is at work in {home}; withdraw {run_id} when it has ended") from None
    try:
        if ledger.withdrawn(engine, run_id) is None:
            actions.withdraw_run(engine, login, run_id, reason)
        _take_off_list(engine, home, region)
    finally:
        lock.release()
    standing = ledger.standing_products(engine, region)
    return region, standing[-1][0] if standing else None


def _take_off_list(engine: ledger.Ledger, home: Path, region: str) -> None:
    """List only runs that stand. A run that is not listed yet is listed by the next run."""
    if not (home / FILE).exists():
        return
    listed = published(home)
    stand = {run_id for run_id, _ in ledger.standing_products(engine, region)}
    runs = [entry for entry in listed["runs"] if entry["run_id"] in stand]
    if runs != listed["runs"]:
        write_listing(home / FILE, {**listed, "runs": runs})
