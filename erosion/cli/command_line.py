"""Command line: erosion check | fetch | gauges | run | replay | train | evaluate | simulate | trigger | ledger | features | serve | bulletin."""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from erosion.core.logs import log_to_console
from erosion.core.vocabulary import Role

PRODUCTS = Path(os.environ.get("EROSION_PRODUCTS", "products"))
"""Where products go and the map looks for them."""

FAILED = 1

COMMANDS = {
    name: f"erosion.cli.{name}"
    for name in (
        "check", "fetch", "gauges", "run", "replay", "train", "evaluate", "simulate", "trigger", "ledger", "features", "serve",
        "bulletin",
    )
}  # fmt: skip
"""Module of each command. Only that of the command that is given is imported: help, a mistake in the arguments and the
server need none of the scientific libraries, which take seconds to load."""


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes end with exit code 1: 2 stands for a degraded run."""

    def error(self, message: str) -> NoReturn:
        """Exit with what is wrong in one line."""
        self.exit(FAILED, f"{self.prog}: {message}; see {self.prog} --help\n")

    def parse_known_args(  # type: ignore[override]  # the base class has overloads for types of namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Return the arguments; the parser of a command refuses what it does not know itself, and names its own help."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        first, last = getattr(known, "first", None), getattr(known, "last", None)
        if first and last and first > last:
            self.error(f"--from {first} is later than --to {last}; give the older date with --from")
        return known, []


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code of a command that is run here: 0 fine, 1 not done, 2 published but degraded."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a letter must not stop a run
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        log_to_console()
        return int(import_module(COMMANDS[arguments.command]).main(arguments))
    except KeyboardInterrupt:
        print("stopped; what was published before is untouched", file=sys.stderr)
        return FAILED
    except Exception as error:
        # Mistakes in inputs are reported in one line; EROSION_TRACEBACK=1 shows where they came from.
        if os.environ.get("EROSION_TRACEBACK"):
            raise
        print(f"erosion: {_message(error)}", file=sys.stderr)
        return FAILED
    finally:
        # The process ends and its memory with it: sweeping it object by object first takes a quarter of a second.
        gc.freeze()


def _message(error: Exception) -> str:
    if isinstance(error, (ValueError, OSError, RuntimeError)) and str(error):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"mistake in the program: {type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno}); "
        "set EROSION_TRACEBACK=1, run again and report what it prints"
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="erosion", description="Early warning of riverbank erosion.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, words: str, *, region: bool = True, several: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(command=name)
        if several:
            added.add_argument("regions", metavar="REGION", nargs="+", help=several)
        elif region:
            added.add_argument(
                "region", metavar="REGION", help="name in data_sources/regions, or path of a region file"
            )
        return added

    command("check", "validate a region and list its data, without running anything").add_argument(
        "--json", type=Path, metavar="FILE", help="also write the findings as JSON"
    )

    fetch = command("fetch", "bring the store of satellite observations and gauges up to date, without publishing")
    fetch.add_argument("--date", type=_day, default="today", help="YYYY-MM-DD (default: today, UTC)")
    fetch.add_argument("--full", action="store_true", help="search all years again, for what was published late")
    fetch.add_argument("--new-reference", action="store_true", help="lay every scene anew on a reference made now")

    gauges = command("gauges", "report how old, complete and suspect the gauges are; 2 where one is stale")
    gauges.add_argument(
        "--date", type=_day, default="today", help="YYYY-MM-DD; only what was known then is used (default: today, UTC)"
    )
    gauges.add_argument("--report", type=Path, metavar="DIR", help="also write a report and pictures of each gauge")
    gauges.add_argument("--json", type=Path, metavar="FILE", help="also write the findings as JSON")
    gauges.add_argument(
        "--filled",
        nargs=2,
        metavar=("METHOD:DAYS", "FILE"),
        help="also write every day as CSV, gaps up to so many days filled and marked: interpolation:3, neighbour:10",
    )

    one = command("run", "make and publish the warnings of one date")
    one.epilog = "exit codes: 0 published, 1 not published, 2 published but degraded"
    one.add_argument(
        "--date", type=_day, default="today", help="YYYY-MM-DD; only what was known then is used (default: today, UTC)"
    )
    many = command("replay", "run a series of old dates, then hold each against what followed")
    many.add_argument("--from", dest="first", type=_date, required=True, metavar="DATE", help="YYYY or YYYY-MM-DD")
    many.add_argument("--to", dest="last", type=_end_date, required=True, metavar="DATE", help="YYYY or YYYY-MM-DD")
    for added in (one, many):
        added.add_argument("--out", type=Path, default=PRODUCTS, help="directory of products (default: %(default)s)")
        added.add_argument(
            "--release", help="name or directory of a model release to use instead of the newest of the date"
        )
        added.add_argument(
            "--ledger", default=os.environ.get("EROSION_LEDGER"), help="database URL (default: ledger.sqlite in --out)"
        )

    named = "name in data_sources/regions, or path of a region file; several: "
    train = command(
        "train",
        "make a model release from the archive of a region, or of several together",
        several=f"{named}one release of --family is trained on all of them",
    )
    train.add_argument("--family", metavar="NAME", help="of a release of several regions, models/NAME-<date>")
    train.add_argument(
        "--until",
        type=_past_end_date,
        required=True,
        metavar="DATE",
        help="date up to which data are used: YYYY or YYYY-MM-DD",
    )
    train.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the training; the same seed gives the same release (default %(default)s)",
    )
    train.add_argument(
        "--models",
        type=Path,
        help="directory of releases (default: models/ beside the region file; of a region that comes with the project, its own)",
    )
    train.add_argument("--skill", type=Path, metavar="FILE", help="JSON of `erosion evaluate`, for the model's card")
    train.add_argument("--tried", type=Path, metavar="FILE", help="Markdown on what was tried, for the model's card")

    score = command(
        "evaluate",
        "score the model and every baseline forward in time and across space; several regions: on rivers never trained on",
        several=f"{named}each is forecast by models trained on the others; REGION:0-95 is a stretch of one, in km",
    )
    score.add_argument(
        "--first",
        type=_past_date,
        default=_date("2006"),
        metavar="DATE",
        help="first test date of one region, YYYY or YYYY-MM-DD (default 2006)",
    )
    score.add_argument(
        "--until",
        type=_end_date,
        metavar="DATE",
        help="date up to which data are used, YYYY or YYYY-MM-DD (default: all)",
    )
    score.add_argument("--json", type=Path, metavar="FILE", help="write every score as tidy records")
    score.add_argument(
        "--attach",
        action="store_true",
        help="train nothing: hold the newest release against the region's own record, and attach the result to the region",
    )
    score.add_argument(
        "--all-land", action="store_true", help="score loss of all land, too, not of established land alone"
    )
    score.add_argument(
        "--without", metavar="FAMILY", help="only compare the model with and without a family of features: hydrology"
    )
    score.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of training and bootstrap; the same seed gives the same scores (default %(default)s)",
    )
    score.add_argument("--draws", type=_draws, default=200, help="bootstrap draws (default %(default)s)")

    exercise = command(
        "simulate",
        "make an exercise: a simulated river seen by simulated satellites, or rivers of several kinds; labelled as such",
        region=False,
    )
    exercise.add_argument(
        "exercise", choices=["an-giang", "rivers"], help="which exercise; rivers: yearly masks to train on"
    )
    exercise.add_argument("--years", type=int, default=6, help="of an-giang: years of scenes (default %(default)s)")
    exercise.add_argument(
        "--length", type=float, default=12.0, metavar="KM", help="of an-giang: of the river (default %(default)s)"
    )
    exercise.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty directory")
    exercise.add_argument(
        "--again",
        action="store_true",
        help="make an-giang anew where it is in the directory; its scenes, maps, truth, models and store are taken away",
    )
    exercise.add_argument("--seed", type=int, default=20, help="another seed is another river (default %(default)s)")

    past = command("trigger", "replay the trigger night by night and hold it against what the banks lost")
    past.add_argument("--from", dest="first", type=_date, required=True, metavar="DATE", help="YYYY or YYYY-MM-DD")
    past.add_argument("--to", dest="last", type=_end_date, required=True, metavar="DATE", help="YYYY or YYYY-MM-DD")
    past.add_argument("--json", type=Path, metavar="FILE", help="also write every number as JSON")

    _ledger_arguments(
        command("ledger", "verify the audit chain, keep the list of people, withdraw a run", region=False)
    )

    command("features", "list every feature with unit, meaning and rule for missing data", region=False)

    paper = command("bulletin", "write the bulletin of a commune or of the whole region, as a draft")
    paper.add_argument("--date", type=_day, help="YYYY-MM-DD, of a published run (default: the newest)")
    paper.add_argument("--commune", metavar="CODE", help="code or name of a commune (default: the whole region)")
    paper.add_argument("--target", help="name of a forecast target (default: the first of the region)")
    paper.add_argument("--sheet", action="store_true", help="one page, instead of the bulletin")
    paper.add_argument("--language", choices=["vi", "en"], default="vi", help="of the bulletin (default: %(default)s)")
    paper.add_argument(
        "--issued", metavar="TIME", help="when it goes out, 2026-11-30T07:30+07:00 (default: left to write)"
    )
    paper.add_argument("--number", default="", help="number of the document (default: left to write)")
    paper.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="fixed texts of the office (default: bulletin.yaml of the products)",
    )
    paper.add_argument("--products", type=Path, default=PRODUCTS, help="directory of products (default: %(default)s)")
    paper.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="FILE.pdf, FILE.docx, or FILE.txt for the short text"
    )

    serve = command("serve", "serve the map on this machine", region=False)
    serve.add_argument("--out", type=Path, default=PRODUCTS, help="directory of products (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8501, help="port to listen on (default: %(default)s)")
    serve.add_argument("--address", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serve.add_argument(
        "--local-operator",
        metavar="NAME",
        help="act as this duty officer without sign-in; only where the address is this machine's own",
    )
    return parser


def _ledger_arguments(parser: argparse.ArgumentParser) -> None:
    tasks = parser.add_subparsers(required=True, metavar="TASK", dest="task")
    verify = tasks.add_parser("verify", help="test every entry against the audit chain; 1 where one does not hold")
    verify.add_argument(
        "--noted",
        type=_noted,
        metavar="ROWS:HASH",
        help="as an earlier verification printed it: finds rows lost at the end",
    )
    people = tasks.add_parser("people", help="add, list or remove people").add_subparsers(
        required=True, metavar="WHAT", dest="what"
    )
    add = people.add_parser("add", help="add a person, or change name, role or communes; the first is an administrator")
    add.add_argument(
        "login", metavar="LOGIN", help="what the sign-in service calls the person: subject or e-mail address"
    )
    add.add_argument("--name", required=True, help="as it stands beside what the person decides")
    add.add_argument("--role", required=True, choices=[str(role) for role in Role])
    add.add_argument(
        "--commune", action="append", default=[], metavar="CODE", help="of a commune officer; may be repeated"
    )
    add.add_argument(
        "--from",
        dest="active_from",
        type=_time,
        metavar="TIME",
        help="YYYY-MM-DD, or with time and offset (default: now)",
    )
    add.add_argument("--to", dest="active_to", type=_time, metavar="TIME", help="as --from (default: no end)")
    add.add_argument("--by", metavar="LOGIN", help="of the administrator who does it; left out for the first one")
    shown = people.add_parser("list", help="list who is active")
    shown.add_argument("--at", type=_time, metavar="TIME", help="as --from of add (default: now)")
    remove = people.add_parser("remove", help="end a person's activity; what the person did stays on record")
    remove.add_argument("login", metavar="LOGIN")
    remove.add_argument("--by", required=True, metavar="LOGIN", help="of the administrator who does it")
    back = tasks.add_parser(
        "withdraw", help="withdraw the newest run of a region; its files stay, the run before stands"
    )
    back.add_argument("run", metavar="RUN", help="id of the run, as published.json and the manifest have it")
    back.add_argument("--reason", required=True, help="why, for the record")
    back.add_argument("--by", required=True, metavar="LOGIN", help="of the approver or administrator who does it")
    listed = tasks.add_parser(
        "official",
        help="enter the official list of banks in danger, matched to the banks of the newest run; 2 where some match none",
    )
    listed.add_argument(
        "list", type=Path, metavar="FILE", help="CSV, XLSX, GeoPackage, Shapefile, GeoJSON or FlatGeobuf"
    )
    listed.add_argument(
        "--scheme", type=Path, required=True, metavar="YAML", help="classes and columns of the list (docs/ledger.md)"
    )
    listed.add_argument("--region", required=True, help="name of the region")
    listed.add_argument("--decision", required=True, help="document that decided the list")
    listed.add_argument(
        "--from", dest="valid_from", type=_date, required=True, metavar="DATE", help="first day it holds"
    )
    listed.add_argument("--to", dest="valid_to", type=_date, metavar="DATE", help="last day it holds (default: no end)")
    listed.add_argument(
        "--by",
        required=True,
        metavar="LOGIN",
        help="of the duty officer who does it; a new scheme needs an administrator first",
    )
    listed.add_argument(
        "--scheme-by", metavar="LOGIN", help="of the administrator who enters the scheme, where it is new"
    )
    listed.add_argument("--try", dest="trial", action="store_true", help="only show what matches; nothing is entered")
    for added in (add, remove):
        added.add_argument("--words", default="", help="a note for the record")
    for added in (verify, add, shown, remove, back, listed):
        added.add_argument("--out", type=Path, default=PRODUCTS, help="directory of products (default: %(default)s)")
        added.add_argument(
            "--ledger", default=os.environ.get("EROSION_LEDGER"), help="path or URL (default: ledger.sqlite in --out)"
        )


def _noted(text: str) -> tuple[int, str]:
    if not (found := re.fullmatch(r"(\d{1,9}):([0-9a-f]{64})", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not what `erosion ledger verify` prints; give ROWS:HASH")
    return int(found[1]), found[2]


def _time(text: str) -> datetime:
    """Return an instant; a bare date is midnight UTC of that date."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a time; write YYYY-MM-DD, or 2026-11-21T07:00+07:00")


def _day(text: str) -> date:
    # A later date on record would shut out every night until then.
    return datetime.now(UTC).date() if text == "today" else _not_to_come(_parse_date(text, ""))


def _not_to_come(day: date) -> date:
    # East of Greenwich it is tomorrow already.
    if day > datetime.now(UTC).date() + timedelta(days=1):
        raise argparse.ArgumentTypeError(f"{day} has not come yet; give today's date or an older one")
    return day


def _past_date(text: str) -> date:
    return _not_to_come(_date(text))


def _past_end_date(text: str) -> date:
    return _not_to_come(_end_date(text))


def _date(text: str) -> date:
    return _parse_date(text, "-01-01")


def _end_date(text: str) -> date:
    return _parse_date(text, "-12-31")


def _parse_date(text: str, year_end: str) -> date:
    # Only ISO dates: 06/07/2018 is June to some and July to others.
    iso = f"{text}{year_end}" if re.fullmatch(r"\d{4}", text) else text
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", iso):
            return date.fromisoformat(iso)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a date; write YYYY-MM-DD" + (" or YYYY" if year_end else ""))


def _draws(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of draws; give 1 or more")
    return int(text)
