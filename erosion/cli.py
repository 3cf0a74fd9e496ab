"""Command line: erosion check | fetch | gauges | run | replay | train | evaluate | simulate | trigger | features | serve."""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pandas as pd

from erosion.core.shipped import shipped

if TYPE_CHECKING:
    from erosion.core.errors import Skipped

PRODUCTS = Path(os.environ.get("EROSION_PRODUCTS", "products"))
"""Where products go and the map looks for them."""

FAILED = 1


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes end with exit code 1: 2 stands for a degraded run."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line."""
        self.exit(FAILED, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code (0 fine, 1 not done, 2 published but degraded)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a letter must not stop a run
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except KeyboardInterrupt:
        print("stopped; what was published before is untouched", file=sys.stderr)
        return FAILED
    except Exception as error:
        # Mistakes in inputs are told in a line; EROSION_TRACEBACK=1 shows where they came from.
        if os.environ.get("EROSION_TRACEBACK"):
            raise
        print(f"erosion: {_told(error)}", file=sys.stderr)
        return FAILED
    finally:
        # The process ends and its memory with it: sweeping it object by object first takes a quarter of a second.
        gc.freeze()


def _told(error: Exception) -> str:
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

    def command(
        name: str, function: Callable[[argparse.Namespace], int], words: str, *, region: bool = True
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(command=function)
        if region:
            added.add_argument(
                "region", metavar="REGION", help="name in data_sources/regions, or path of a region file"
            )
        return added

    command("check", _check, "validate a region and list its data, without running anything").add_argument(
        "--json", type=Path, metavar="FILE", help="also write the findings as JSON"
    )

    fetch = command(
        "fetch", _fetch, "bring the store of satellite observations and gauges up to date, without publishing"
    )
    fetch.add_argument("--date", type=_day, default="today", help="YYYY-MM-DD (default: today, UTC)")
    fetch.add_argument("--full", action="store_true", help="search all years again, for what was published late")
    fetch.add_argument("--new-reference", action="store_true", help="lay every scene anew on a reference made now")

    gauges = command("gauges", _gauges, "report how old, complete and suspect the gauges are; 2 where one is stale")
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

    one = command("run", _run, "make and publish the warnings of one date")
    one.add_argument(
        "--date", type=_day, default="today", help="YYYY-MM-DD; only what was known then is used (default: today, UTC)"
    )
    many = command("replay", _replay, "run a series of old dates, then hold each against what followed")
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

    train = command("train", _train, "make a model release from the region's archive")
    train.add_argument("--until", type=_end_date, required=True, metavar="DATE", help="last date whose data are used")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument(
        "--models",
        type=Path,
        help="directory of releases (default: models/ beside the region file, else the project's own)",
    )
    train.add_argument("--skill", type=Path, metavar="FILE", help="JSON of `erosion evaluate`, for the model's card")
    train.add_argument("--tried", type=Path, metavar="FILE", help="Markdown on what was tried, for the model's card")

    score = command("evaluate", _evaluate, "score the model and every baseline forward in time and across space")
    score.add_argument(
        "--first", type=_date, default=_date("2006"), metavar="DATE", help="first test date (default 2006)"
    )
    score.add_argument("--until", type=_end_date, metavar="DATE", help="last date whose data are used (default: all)")
    score.add_argument("--json", type=Path, metavar="FILE", help="write every score as tidy records")
    score.add_argument(
        "--without", metavar="FAMILY", help="only compare the model with and without a family of features: hydrology"
    )
    score.add_argument("--seed", type=int, default=0)
    score.add_argument("--draws", type=_draws, default=200, help="bootstrap draws (default %(default)s)")

    exercise = command(
        "simulate",
        _simulate,
        "make an exercise: a simulated river seen by simulated satellites, labelled as such",
        region=False,
    )
    exercise.add_argument("exercise", choices=["an-giang"], help="which exercise")
    exercise.add_argument("--years", type=int, default=6, help="years of scenes (default %(default)s)")
    exercise.add_argument("--length", type=float, default=12.0, metavar="KM", help="of the river (default %(default)s)")
    exercise.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty directory")
    exercise.add_argument("--seed", type=int, default=20, help="another seed is another river (default %(default)s)")

    past = command("trigger", _trigger, "replay the trigger night by night and hold it against what the banks lost")
    past.add_argument("--from", dest="first", type=_date, required=True, metavar="DATE", help="YYYY or YYYY-MM-DD")
    past.add_argument("--to", dest="last", type=_end_date, required=True, metavar="DATE", help="YYYY or YYYY-MM-DD")
    past.add_argument("--json", type=Path, metavar="FILE", help="also write every number as JSON")

    command("features", _features, "list every feature with unit, meaning and rule for missing data", region=False)

    serve = command("serve", _serve, "serve the map on this machine", region=False)
    serve.add_argument("--out", type=Path, default=PRODUCTS, help="directory of products (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8501)
    serve.add_argument("--address", default="127.0.0.1", help="address to listen on (default: this machine only)")
    return parser


def _day(text: str) -> pd.Timestamp:
    today = pd.Timestamp(datetime.now(UTC).date())
    day = today if text == "today" else _parse_date(text, "")
    # A later date on record would shut out every night until then. East of Greenwich it is tomorrow already.
    if day > today + pd.Timedelta(days=1):
        raise argparse.ArgumentTypeError(f"{text} has not come yet; give today's date or an older one")
    return day


def _date(text: str) -> pd.Timestamp:
    return _parse_date(text, "-01-01")


def _end_date(text: str) -> pd.Timestamp:
    return _parse_date(text, "-12-31")


def _parse_date(text: str, year_end: str) -> pd.Timestamp:
    # Only ISO dates: 06/07/2018 is June to some and July to others.
    iso = f"{text}{year_end}" if re.fullmatch(r"\d{4}", text) else text
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", iso):
            return pd.Timestamp(iso)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a date; write YYYY-MM-DD" + (" or YYYY" if year_end else ""))


def _draws(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of draws; give 1 or more")
    return int(text)


def _check(arguments: argparse.Namespace) -> int:
    from erosion.nightly.check import check

    report = check(arguments.region)
    print("\n".join(report.lines()))
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0 if report.ok else FAILED


def _fetch(arguments: argparse.Namespace) -> int:
    from erosion.config.region import load_region
    from erosion.config.store import store_of
    from erosion.gauges.series import fetch
    from erosion.nightly.published import DEGRADED
    from erosion.water.read import fetch_scenes, together

    region = load_region(arguments.region)
    gauges = fetch(region, store_of(region), _say, full=arguments.full).skipped
    found: dict[str, list[Skipped]] = {}
    if not region.scene_sources:
        _say(f"{region.name} has no scenes to fetch; its masks are read from their files")
    for one in region.by_reach() if region.scene_sources else ():
        if one.neighbours:
            _say(one.reach.name)
        options = {"full": arguments.full, "new_reference": arguments.new_reference}
        found[one.reach.name] = fetch_scenes(one, arguments.date, _say, **options)
    skipped = [*together(found), *gauges]
    for item in skipped:
        _say(f"left out: {item.scene}: {item.reason}")
    return DEGRADED if any(not item.usual for item in skipped) else 0


def _gauges(arguments: argparse.Namespace) -> int:
    from erosion.config.region import load_region
    from erosion.config.store import store_of
    from erosion.core.files import write_json
    from erosion.gauges.days import parse_method, write_days
    from erosion.gauges.report import as_json, lines, report, write_report
    from erosion.gauges.series import read
    from erosion.nightly.published import DEGRADED

    method = parse_method(arguments.filled[0]) if arguments.filled else None
    region = load_region(arguments.region)
    values, _, flagged, unread = read(region, store_of(region), arguments.date)
    skipped = [*unread, *flagged]
    sources = region.gauge_sources
    table, sound = report(region, values, arguments.date, sources)
    print("\n".join(lines(region, table, arguments.date, skipped)))
    if arguments.json:
        write_json(arguments.json, as_json(region, table, arguments.date, skipped))
    if arguments.report:
        for path in write_report(arguments.report, region, values, table, arguments.date, sources):
            _say(f"wrote {path}")
    if method is not None:
        order = list(dict.fromkeys(source.gauge_id for source in sources))
        write_days(Path(arguments.filled[1]), values, arguments.date, *method, order, simulated=region.simulated)
        _say(f"wrote {arguments.filled[1]}")
    return 0 if sound else DEGRADED


def _simulate(arguments: argparse.Namespace) -> int:
    from erosion.simulate.exercise import LAST_YEAR, make_exercise, train_exercise

    region = make_exercise(
        arguments.out, years=arguments.years, seed=arguments.seed, length_km=arguments.length, say=_say
    )
    train_exercise(region, _say)
    first = LAST_YEAR + 1 - arguments.years
    products = arguments.out / "products"
    _say("MÔ PHỎNG / SIMULATED, for exercises only. Watch it with:")
    _say(f"  erosion replay {region} --from {first} --to {LAST_YEAR} --out {products}")
    _say(f"  erosion serve --out {products}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from erosion.config.region import load_region
    from erosion.config.strict_yaml import CatalogError
    from erosion.nightly.published import note_failure
    from erosion.nightly.run import run

    try:
        region = load_region(arguments.region)
    except CatalogError as error:
        # The map must not go on as if nothing had happened; a region is named like its file.
        note_failure(arguments.out / Path(arguments.region).stem, arguments.date, str(error))
        raise
    result = run(
        region,
        arguments.date,
        arguments.out,
        release=arguments.release,
        ledger_url=arguments.ledger,
        say=_say,
    )
    for message in result.messages:
        print(message if result.directory else f"erosion: {message}", file=sys.stderr, flush=True)
    if result.directory is not None and not result.new:
        _say(f"nothing new; {result.directory} stands")
    return result.exit_code


def _replay(arguments: argparse.Namespace) -> int:
    from erosion.config.region import load_region
    from erosion.nightly.replay import replay

    region = load_region(arguments.region)
    replayed = replay(
        region,
        arguments.first,
        arguments.last,
        arguments.out,
        release=arguments.release,
        ledger_url=arguments.ledger,
        say=_say,
    )
    if not replayed.results:
        raise ValueError(
            f"no observation of {region.name} became available between the two dates; `erosion check` lists them"
        )
    return replayed.exit_code


def _train(arguments: argparse.Namespace) -> int:
    from erosion.config.region import load_region
    from erosion.forecast.evaluate import table
    from erosion.forecast.training import train_release

    skill = ""
    if arguments.skill:
        records = [
            record
            for record in json.loads(arguments.skill.read_text(encoding="utf-8"))
            if record["labels"] == "established" and record["split"] == "time_space"
        ]
        skill = (
            "Of this way of training, on later dates and on blocks of river never trained on, established land.\n\n"
            f"All segments\n\n{table(records)}\n\nOnset: quiet so far\n\n{table(records, 'onset')}\n\n"
            f"Beside cutoffs\n\n{table(records, 'cutoff')}"
        )
    if arguments.tried:
        skill += "\n\n## What was tried\n\n" + arguments.tried.read_text(encoding="utf-8").strip()
    directory = train_release(
        load_region(arguments.region),
        arguments.until,
        models=arguments.models,
        seed=arguments.seed,
        skill=skill,
        say=_say,
    )
    _say(f"made {directory}")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from erosion.config.region import load_region
    from erosion.features import FAMILIES
    from erosion.forecast import ablation
    from erosion.forecast.evaluate import evaluate, table
    from erosion.forecast.training import load_rows

    region = load_region(arguments.region)
    until = arguments.until or pd.Timestamp.now().normalize()
    if arguments.without is not None and arguments.without not in FAMILIES:
        raise ValueError(f"--without: {arguments.without!r} is no family of features; those are {', '.join(FAMILIES)}")
    rows, _ = load_rows(region, until, _say)
    if arguments.without is not None:
        options = {"first": arguments.first, "seed": arguments.seed, "draws": arguments.draws, "say": _say}
        records = ablation.compare(rows, region, arguments.without, **options)
        if arguments.json:
            arguments.json.write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")
        print(f"\n{ablation.table(records)}")
        return 0
    records = evaluate(rows, region, first=arguments.first, seed=arguments.seed, draws=arguments.draws, say=_say)
    if arguments.json:
        arguments.json.write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")
    if region.simulated:
        _say("MÔ PHỎNG / SIMULATED: scores on a river made by a computer; they say nothing of a real one")
    for subset in ("all", "onset", "cutoff"):
        print(f"\n{subset}\n\n{table(records, subset)}")
    return 0


def _trigger(arguments: argparse.Namespace) -> int:
    from erosion.config.region import load_region
    from erosion.forecast.trigger_verification import lines, trigger_history
    from erosion.nightly.published import DEGRADED

    history, skipped = trigger_history(load_region(arguments.region), arguments.first, arguments.last)
    for item in skipped:
        _say(f"left out: {item.scene}: {item.reason}")
    print("\n".join(lines(history)))
    if arguments.json:
        text = json.dumps(history, ensure_ascii=False, indent=1, allow_nan=False)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return DEGRADED if any(not item.usual for item in skipped) else 0


def _features(_: argparse.Namespace) -> int:
    from erosion.features import FAMILIES

    for name, family in FAMILIES.items():
        print(f"\n{name}: {(family.__doc__ or name).splitlines()[0]}\n")
        for feature in family.FEATURES:
            print(
                f"  {feature.name:28} [{feature.unit}]  {feature.meaning}\n{'':31} from {feature.source}; {feature.missing}"
            )
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    app = shipped("app.py")
    if not any(arguments.out.glob("*/published.json")):
        raise FileNotFoundError(f"no products in {arguments.out}; make some with `erosion replay` or `erosion run`")
    print(f"map: http://{arguments.address}:{arguments.port}", flush=True)
    options = [
        f"--server.address={arguments.address}",
        f"--server.port={arguments.port}",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
    ]
    environment = os.environ | {"EROSION_PRODUCTS": str(arguments.out.resolve())}
    command = [sys.executable, "-m", "streamlit", "run", str(app), *options]
    if os.name == "posix":  # become the server, so that whoever ends this command ends the server
        os.chdir(app.parent)
        os.execve(sys.executable, command, environment)  # noqa: S606
    return subprocess.run(command, env=environment, check=False, cwd=app.parent).returncode  # noqa: S603


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
