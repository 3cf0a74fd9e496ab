"""Opening the ledger that belongs to a region's products: where products stand without it, nothing is issued anew."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from erosion.alerts import ledger
from erosion.nightly.errors import RunError
from erosion.nightly.published import published
from erosion.publish.manifest import FILE as MANIFEST_FILE

_RESTORE: Final = (
    "Going on would issue every warning anew under today's date and lose its history. Restore the ledger from the backup "
    "(docs/operations.md, Backup), or begin anew in an empty directory with --out"
)


def open_standing_ledger(region: str, out: Path, ledger_url: str | None) -> ledger.Ledger:
    """Return the open ledger of a region's products; a new one is made only where nothing has been published.

    Parameters
    ----------
    region
        Name of the region.
    out
        Directory of products.
    ledger_url
        URL or path of the ledger; ``ledger.sqlite`` in ``out`` when None.

    Raises
    ------
    LedgerError
        Products stand, and the ledger is missing, empty, or knows no published run of the region; or it cannot be opened.
    """
    address = ledger_url or str(out / "ledger.sqlite")
    home = out / region
    engine = ledger.open_if_there(address)
    if engine is None:
        # Not even the list of products may be left: a run directory alone tells that there was a ledger.
        made = sorted(path.parent.name for path in home.glob(f"[0-9]*/{MANIFEST_FILE}"))
        if made or _listed(home):
            raise ledger.LedgerError(
                f"{region} has published products in {home}, but its ledger {ledger.shown(address)} is missing or empty. {_RESTORE}"
            )
        return ledger.open_ledger(address)
    # A first run that was killed before it was recorded has left a directory, and is not listed: it is gone on with.
    if not ledger.has_published(engine, region) and _listed(home):
        engine.dispose()
        raise ledger.LedgerError(
            f"{region} has published products in {home}, but the ledger {ledger.shown(address)} knows no run of it. {_RESTORE}"
        )
    return engine


def _listed(home: Path) -> bool:
    """Return whether the list of published runs names any; one that cannot be read was written by some run."""
    try:
        return bool(published(home)["runs"])
    except RunError:
        return True
