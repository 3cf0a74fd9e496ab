"""``erosion ledger``: verify the audit chain, keep the list of people, withdraw a run."""

from __future__ import annotations

import argparse
import logging
from datetime import datetime
from pathlib import Path

from erosion.alerts import ledger
from erosion.alerts.ledger.audit import Verified
from erosion.config.official import read_scheme
from erosion.nightly.published import newest_segments
from erosion.nightly.withdrawal import withdraw
from erosion.places.official_list import match_official, read_official_list
from erosion.workflow import staff
from erosion.workflow.official import enter_official_list

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0, or 1 where the chain does not hold."""
    address = arguments.ledger or str(arguments.out / "ledger.sqlite")
    if arguments.task == "verify":
        return _verify(address, arguments.noted)
    # The first administrator may be made before the first run; the other tasks need a ledger that is there.
    first = arguments.task == "people" and arguments.what == "add"
    engine = ledger.open_ledger(address) if first else ledger.open_if_there(address)
    if engine is None:
        raise ledger.LedgerError(
            f"there is no ledger {ledger.shown(address)}; give it with --ledger, or its directory with --out"
        )
    try:
        if arguments.task == "withdraw":
            _withdraw(engine, arguments)
        elif arguments.task == "official":
            return _official(engine, arguments)
        elif arguments.what == "list":
            _list_people(engine, arguments.at)
        elif arguments.what == "remove":
            number = staff.remove_person(engine, arguments.by, arguments.login, arguments.words)
            _log.info(f"entry {number}: {arguments.login} is no longer active")
        else:
            number = staff.set_person(
                engine,
                arguments.by,
                login=arguments.login,
                name=arguments.name,
                role=arguments.role,
                communes=arguments.commune,
                active_from=arguments.active_from,
                active_to=arguments.active_to,
                words=arguments.words,
            )
            _log.info(f"entry {number}: {arguments.login} is on the list, {arguments.role}")
    finally:
        engine.dispose()
    return 0


def _verify(address: str, noted: tuple[int, str] | None) -> int:
    """Print what a look through the chain found; nothing is written, and an SQLite ledger needs no right to write."""

    def question(engine: ledger.Ledger) -> Verified:
        with ledger.querying(engine) as connection:
            return ledger.audit.verify(connection, noted)

    file = ledger.sqlite_file(address)
    if file is not None:
        found = ledger.read_ledger(file, question)
    else:
        engine = ledger.open_ledger(address)
        try:
            found = question(engine)
        finally:
            engine.dispose()
    if found.fault is not None:
        print(
            f"row {found.fault.seq} of the audit chain does not hold: {found.fault.why}. Keep this ledger as it is for "
            "those who look into it, and compare it with the backups (docs/ledger.md)"
        )
        return 1
    print(f"{found.rows} rows hold; note --noted {found.rows}:{found.hash}")
    return 0


def _list_people(engine: ledger.Ledger, at: datetime | None) -> None:
    with ledger.querying(engine) as connection:
        for person in ledger.people.people_at(connection, at):
            until = "" if person.active_to is None else f" until {person.active_to:%Y-%m-%d %H:%M} UTC"
            communes = f" in {', '.join(person.communes)}" if person.communes else ""
            print(
                f"{person.login}\t{person.name}\t{person.role}{communes}, from {person.active_from:%Y-%m-%d %H:%M} UTC{until}"
            )


def _official(engine: ledger.Ledger, arguments: argparse.Namespace) -> int:
    scheme = read_scheme(arguments.scheme)
    segments = newest_segments(arguments.out / arguments.region)
    pieces, skipped = read_official_list(arguments.list, scheme, str(segments.crs))
    found, left = match_official(pieces, segments)
    for one in found:
        where = f"bank {one.bank} of {one.reach}, km {one.from_m / 1000:.3f} to {one.to_m / 1000:.3f}"
        print(f"{one.piece.official_id}\t{one.piece.class_code}\t{where}\t{one.piece.title}")
    for item in (*skipped, *left):
        _log.warning(f"left out: {item.scene}: {item.reason}")
    if not arguments.trial:
        entered = enter_official_list(
            engine,
            arguments.by,
            scheme_login=arguments.scheme_by,
            region=arguments.region,
            scheme=scheme,
            pieces=found,
            decision=arguments.decision,
            valid_from=arguments.valid_from,
            valid_to=arguments.valid_to,
        )
        _log.info(
            f"{entered} of {len(found)} entered, the others stand so already; {len(skipped) + len(left)} left out"
        )
    return 2 if skipped or left else 0


def _withdraw(engine: ledger.Ledger, arguments: argparse.Namespace) -> None:
    out: Path = arguments.out
    region, standing = withdraw(engine, out, arguments.run, arguments.reason, arguments.by)
    now = f"{standing} stands" if standing else f"no run of {region} stands"
    _log.info(f"{arguments.run} is withdrawn; its files stay; {now}")
